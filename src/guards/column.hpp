// A column as the guards look at it: how two of its values compare, and what it holds when an INSERT leaves it out.
#pragma once

#include "rules/feature.hpp"

namespace lifeguard::guards {

// How a column's type compares.
struct Column {
    AttrNumber number;
    bool by_value;
    int16 length;
    Oid collation;
    bool has_equality; // else only the same bytes are the same value
    bool pins;         // its equality is no built-in function and may resolve names
    FmgrInfo equality;
};

// What an INSERT that leaves a column out puts there: by the table itself, and by the partitioned table above it.
struct Default {
    bool known; // and can be told from a value that an INSERT gives
    int count;
    ExprState *values[2];
};

// Finds a column for a rule, which then depends on it; LG010 when the table has none or it is generated.
Column find_column(rules::Compilation &compilation, const char *name, const char *rule);

// Finds out what a column is when an INSERT leaves it out: of this table, or of the one that its rules come from.
Default find_default(const rules::Compilation &compilation, const Column &column, const char *name);

// Are these the same bytes, as they lie there? The same value may lie elsewhere in other ones.
bool same_bytes(const Column &column, Datum one, Datum other);

// IS NOT DISTINCT FROM, as the type says.
bool same(Column &column, Datum one, bool one_null, Datum other, bool other_null);

// Is this what the column holds when an INSERT leaves it out?
bool is_default(Column &column, const Default &standard, const rules::RowChange &change, Datum value, bool isnull);

// The name of a column.
const char *column_name(const rules::RowChange &change, const Column &column);

// May an error show the column's values? As in the server's own errors: only to who may select it, and not where row
// security could hide the row from him.
bool may_show(const rules::RowChange &change, const Column &column);

// The row as it is known: as it was, or as it would be created.
TupleTableSlot *row_at_hand(const rules::RowChange &change);

} // namespace lifeguard::guards
