// What the two paths of the table layer share; nobody else includes this.
#pragma once

#include "pg/owner.hpp"
#include "pg/table.hpp"

namespace lifeguard::pg {

constexpr int max_keys = 4;
constexpr int max_views = 4; // one upon the other

// How an index finds rows by these columns.
struct Lookup {
    Columns keys;
    int from;  // column with a lower bound, or -1
    Oid index; // InvalidOid: no index serves
    int count;
    int columns[max_keys];
    FmgrInfo compare[max_keys];
    Oid collations[max_keys];
};

// What an inserted row gets in a column that is not given.
enum class Filler : uint8 { null, constant, now, random_uuid };

// How a whole number is stored where it is no int4.
enum class Storage : uint8 { int4, int2, int8, numeric };

// A saved plan of the SPI path.
struct Statement;

// What this backend has found out about a table; rebuilt after it changed.
struct Knowledge {
    MemoryContext memory;
    uint64 number; // never used twice
    Oid relation;  // of that name; where that is a simple view, the table it shows
    Oid owner;
    Oid looked_at[max_views + 1]; // what else this was learned from: the views in front of the table
    int looked_at_count;
    bool stale;
    AttrNumber attributes[max_columns];
    Columns converted; // whole numbers that are stored as something else
    Storage storage[max_columns];
    Statement *statements;

    // the direct path
    bool direct;         // a heap without rules, whose columns have types that this path can read and write
    bool direct_inserts; // no trigger and no default that only the executor serves
    bool direct_deletes;
    bool lasting;        // its expressions change with the table only, and with nothing else
    bool direct_updates; // of columns outside `watched`
    Columns watched;
    int16 *columns_of; // by attribute number - 1: the column of the description, or -1
    Filler *fillers;   // likewise
    Datum *constants;
    Lookup lookups[6];
    int lookup_count;
};

extern bool direct_writes;

// Counts how often anything known about a table was found to be out of date.
extern uint64 forgettings;

// The set of the keys' columns.
inline Columns key_columns(std::initializer_list<Key> keys) {
    Columns set = 0;
    for (const Key &key : keys)
        set |= columns({key.column});
    return set;
}

// Knowledge of the table as it is now; raises through table.missing when it is not there.
Knowledge &know(Table &table);
// Likewise, with locks that keep it so until the transaction ends; *opened is the table, open and locked in this mode.
Knowledge &hold(Table &table, LOCKMODE mode, Relation *opened);

// Finds out which types the columns of an open table have, and what the direct path may do with it.
void study(const Table &table, Relation relation, Knowledge &knowledge);
// The table that an open relation shows, open too, with the columns' numbers in it; the relation itself where it is no
// simple view.
Relation look_through(const Table &table, Relation relation, Knowledge &knowledge);

// How whole numbers are read from, and written to, a column of this type; all but integers by way of numeric.
Storage storage_of(Oid type);
// Turns a row's stored numbers into int4; LG118 for what is none.
void read_numbers(const Table &table, const Knowledge &knowledge, Row *row);
// What an int4 is stored as, in this type modifier, as an assignment does it.
Datum stored_number(Storage storage, int32 typmod, Datum value);

// The direct path. Each gives false when it cannot serve, before anything was done.
Direct *direct_begin();
void direct_end(Direct &direct);
bool direct_find(Direct &direct, Table &table, std::initializer_list<Key> keys, Lock lock, Row *row, bool *found);
bool direct_scan(Direct &direct, Table &table, std::initializer_list<Key> keys, Key from,
                 void (*visitor)(const Row &row, void *call), void *call);
bool direct_insert(Direct &direct, Table &table, Row *row, Columns given, Columns held);
bool direct_update(Direct &direct, Table &table, Row *row, Columns changed);
bool direct_remove(Direct &direct, Table &table, const Row &row);
// Other code has written, or waited: the next read needs a new snapshot.
void direct_refresh(Direct &direct);

// Frees plans that nobody uses any more.
void free_statements(Statement *statements);

// The other path, which always can.
bool spi_find(Table &table, std::initializer_list<Key> keys, Lock lock, bool read_only, Row *row);
void spi_scan(Table &table, std::initializer_list<Key> keys, Key from, bool read_only,
              void (*visitor)(const Row &row, void *call), void *call);
bool spi_insert(Table &table, const Row &row, Columns given, bool if_absent);
void spi_update(Table &table, const Row &row, Columns changed);
void spi_remove(Table &table, const Row &row);
Datum spi_call(Table &table, const char *function, Oid argument_type, Datum argument, Oid result_type,
               SPIPlanPtr *plan);

} // namespace lifeguard::pg
