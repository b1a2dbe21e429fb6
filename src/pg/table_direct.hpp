// The direct path's parts; nobody else includes this.
#pragma once

#include "pg/table_paths.hpp"

namespace lifeguard::pg {

constexpr int max_opened = 16; // tables in a unit of work

// What the executor is told about one kind of change: inserts whose parents in `set` are held, or updates of `set`.
struct Target {
    Target *next;
    bool insert;
    Columns set;
    ResultRelInfo *info;
};

// A table in a workshop.
struct Bench {
    Table *table;
    uint64 knowledge;    // its number: what is prepared here was prepared for that
    bool ready;          // in the unit that is running: relation and indexes are open
    ResultRelInfo *base; // opens the indexes, and fires AFTER triggers
    Oid *indexes;
    Target *targets;
};

// An executor's state for changes of tables. It is kept from unit to unit, because what it prepares (checks, generated
// columns, triggers, indexes) costs more than the change itself.
struct Workshop {
    MemoryContext memory;
    EState *executor;
    EPQState recheck;
    bool in_use;
    bool disposable;    // nothing to be kept
    uint64 forgettings; // when it was made
    int count;
    Bench benches[max_opened];
};

// The kept workshop, or another one when that is in use.
Workshop &enter_workshop();
// Leaves it clean for the next unit, or gives it up.
void leave_workshop(Workshop &workshop);
// True when the workshop is prepared for changes of this table as it is.
bool has_bench(const Workshop &workshop, const Table &table, const Knowledge &knowledge);
// A bench for the open table, with its indexes open for writing.
Bench &ready_bench(Workshop &workshop, Table &table, const Knowledge &knowledge, Relation relation);
// The target of a kind of change; see Target.
ResultRelInfo *target_of(Workshop &workshop, Bench &bench, const Knowledge &knowledge, bool insert, Columns set);
// No unit is running any more: the transaction has ended.
void forget_workshop_use();

// The way to rows with these `count` keys (and a lower bound), found once; nullptr where no index serves.
const Lookup *find_lookup(const Table &table, Knowledge &knowledge, Relation relation, Columns keys, int count,
                          int from);

} // namespace lifeguard::pg
