// Texts for people and programs: names, row keys, and the JSON in an error's DETAIL.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

// The table as it would be written in SQL: schema-qualified, quoted where needed.
const char *table_name(Relation relation);
const char *table_name(Oid table);

// The row's primary key as people read it: (id)=(7), or "" without one, or where `reader` may not select it.
const char *row_label(Relation relation, TupleTableSlot *row, Oid reader);

// The row's primary key as a JSON object of texts: {"id": "7"}, or {} likewise; everything for reader InvalidOid.
const char *row_key(Relation relation, TupleTableSlot *row, Oid reader);

// A table's primary key, prepared for rows whose key is to be written where no catalog may be read.
struct RowKey {
    int count;
    AttrNumber columns[INDEX_MAX_KEYS];
    Oid types[INDEX_MAX_KEYS];
};

RowKey *prepare_key(Relation relation);

// The row's key as row_key() has it, from memory alone: callable after an error, before anything is rolled back.
// Columns of other types than the server's simplest are left out: their output may read catalogs or be anybody's code.
const char *row_key(const RowKey &key, TupleTableSlot *row);

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
    Detail &add_row(Relation relation, TupleTableSlot *row, Oid reader);
    const char *text();

private:
    void begin(const char *key);
    StringInfoData buffer;
};

} // namespace lifeguard::pg
