// Weekly pools: found by date, made when absent, locked last and in the order of their weeks.
#pragma once

#include "club/job.hpp"

namespace lifeguard::club {

struct Pool {
    pg::Row row;
    DateADT start;
    DateADT end;
    int64 remaining;
    int64 spent;
    bool changed;
    bool found_by_date; // nobody named it: when it is deleted meanwhile, another one will do
    bool remembered;    // by an earlier batch: to be confirmed under its lock

    bool holds(DateADT date) const { return start <= date && date <= end; }
    Datum id() const { return row.values[weekly_pools::id]; }
};

// The pool whose week holds the date, unlocked, perhaps only remembered; nullptr when there is none.
Pool *find_pool(Run &run, DateADT date);

// As find_pool, but makes the pool where the settings say so, else LG102.
Pool *need_pool(Run &run, DateADT date);

// The pool with this id, unlocked; nullptr when there is none.
Pool *pool_with_id(Run &run, Datum id);

// Locks the batch's pools by week and reads what they hold now; false when one is not what it was: then
// the batch's pools are forgotten, and to be found again.
bool lock_pools(Run &run);

// Stores the pools that changed, each once.
void store_pools(Run &run);

} // namespace lifeguard::club
