// Texts for people and programs: names, row keys, and the JSON in an error's DETAIL.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

// The table as it would be written in SQL: schema-qualified, quoted where needed.
const char *table_name(Relation relation);

// The row's primary key as people read it: (id)=(7), or "" without a primary key.
const char *row_label(Relation relation, TupleTableSlot *row);

// The row's primary key as a JSON object of texts: {"id": "7"}, or {} without a primary key.
const char *row_key(Relation relation, TupleTableSlot *row);

// For ereport: names the table in the error's own fields, and table and rule in its DETAIL; `rule` may be nullptr.
int errrule(Relation relation, const char *rule);

// One column of a row as text, cut at 200 bytes; nullptr for NULL.
const char *column_text(TupleTableSlot *row, AttrNumber column);

// A JSON object built key by key, for an error's machine-readable DETAIL. Values of nullptr become null.
class Detail {
public:
    Detail();
    Detail &add(const char *key, const char *value);
    Detail &add_json(const char *key, const char *json);
    // Table, primary key and nothing else: how every DETAIL about a row begins.
    Detail &add_row(Relation relation, TupleTableSlot *row);
    const char *text();

private:
    void begin(const char *key);
    StringInfoData buffer;
};

} // namespace lifeguard::pg
