// What the two paths of the table layer share; nobody else includes this.
#pragma once

#include "pg/owner.hpp"
#include "pg/table.hpp"

namespace lifeguard::pg {

constexpr int max_keys = 4;

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

// What this backend has found out about a table; rebuilt after it changed.
struct Knowledge {
    MemoryContext memory;
    uint64 number; // never used twice
    Oid relation;
    Oid owner;
    bool stale;
    AttrNumber attributes[max_columns];

    // the direct path
    bool direct;         // a heap without rules, whose columns have the types that the code expects
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

// Finds out what the direct path may do with an open table.
void study(const Table &table, Relation relation, Knowledge &knowledge);

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
