// The rows of a batch, column by column: the arrays that its statements take. One row an id; repetitions are counted.
#pragma once

#include "journal/row.hpp"

namespace lifeguard::journal {

struct Rows {
    int count;
    size_t bytes; // of texts, about
    Datum *values[column_count];
    bool *nulls[column_count];
    int *entries;  // in each row
    uint16 *slots; // by a part of the id: the number of a row plus one

    pg_uuid_t *id(int row) const { return DatumGetUUIDP(values[static_cast<int>(Column::id)][row]); }
    Datum &at(Column column, int row) { return values[static_cast<int>(column)][row]; }
};

// Memory for so many rows.
constexpr int most_rows = 2000;
Rows make_rows(int capacity);

// Adds an entry: as a row, or to the row that it repeats.
void add(Rows *rows, const Entry &entry);

// Adds a row of others.
void add_copy(Rows *rows, const Rows &others, int row);

// The number of the row with this id; -1: none.
int find_row(const Rows &rows, const pg_uuid_t &id);

// Gives a row another id, that nobody has.
void rename_row(Rows *rows, int row, const pg_uuid_t &id);

// A statement's first parameters: an array a column, of these types.
extern const Oid array_types[column_count];
void make_parameters(const Rows &rows, Datum *parameters);

} // namespace lifeguard::journal
