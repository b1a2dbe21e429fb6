// Columns of a row as one jsonb object, as to_jsonb() has them, but the same whatever the session's settings are.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::audit {

// How a column's value becomes JSON: the frequent types without a call, the others by to_jsonb().
enum class Kind : uint8 { boolean, int2, int4, int8, numeric, text, uuid, moment, label, json, jsonb, other };

// A column of an audited table.
struct Column {
    AttrNumber number;
    const char *name;
    int name_length;
    Datum name_text;
    bool in_key;
    bool watched; // its change is worth a row; a key's always is
    bool kept;    // its value may be in the log
    bool by_value;
    int16 length;
    Kind kind;
    bool pins; // its text depends on settings, or is made by somebody's code
    Oid type;  // below domains
    FmgrInfo to_jsonb;
};

// Fills in how the column's values are written.
void prepare_value(Column &column, const FormData_pg_attribute &attribute);

// Sorts columns as jsonb sorts the keys of an object.
void sort_as_keys(Column **columns, int count);

// lifeguard.audit_longest_value, in kB: in place of a longer value its length is written.
extern int longest_value;

// The object of these columns of a row, sorted as keys; only those with `wanted[number]`, where that is given. In the
// current memory.
Jsonb *values_of(Column *const *columns, int count, TupleTableSlot *row, const bool *wanted);

} // namespace lifeguard::audit
