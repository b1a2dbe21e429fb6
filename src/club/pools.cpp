#include <algorithm>

#include "club/pools.hpp"
#include "club/refusals.hpp"

namespace lifeguard::club {

// Which pool this session locked last. Nothing is paid on its word: the row is read again under its lock.
struct Memory {
    pg_uuid_t id;
    DateADT start;
    DateADT end; // before the start: nothing remembered
};
static Memory last = {{}, 0, -1};

// Takes over what a row says.
static void read_pool(Pool &pool, const pg::Row &row) {
    pool.row = row;
    pool.start = DatumGetDateADT(row.values[weekly_pools::week_start_date]);
    pool.end = DatumGetDateADT(row.values[weekly_pools::week_end_date]);
    pool.remaining = row.integer(weekly_pools::remaining_amount_dollars);
    pool.spent = row.integer(weekly_pools::spent_dollars);
}

// Adds a pool to the batch's.
static Pool *add_pool(Run &run, const pg::Row &row) {
    auto *pool = static_cast<Pool *>(MemoryContextAllocZero(run.memory, sizeof(Pool)));
    read_pool(*pool, row);
    return run.pools.add(pool, run.memory);
}

Pool *find_pool(Run &run, DateADT date) {
    for (Pool *pool : run.pools)
        if (pool->holds(date))
            return pool;
    const MemoryContext home = MemoryContextSwitchTo(run.memory);
    pg::Row row;
    if (run.remembers && last.start <= date && date <= last.end) {
        auto *pool = static_cast<Pool *>(palloc0(sizeof(Pool)));
        pool->row.set(weekly_pools::id, UUIDPGetDatum(&last.id));
        pool->row.values[weekly_pools::id] = datumCopy(pool->row.values[weekly_pools::id], false, UUID_LEN);
        pool->start = last.start;
        pool->end = last.end;
        pool->remembered = pool->found_by_date = true;
        MemoryContextSwitchTo(home);
        return run.pools.add(pool, run.memory);
    }
    bool found = run.work.find(weekly_pools::table, {{weekly_pools::week_start_date, DateADTGetDatum(monday_of(date))}},
                               pg::Lock::none, &row) &&
                 DatumGetDateADT(row.values[weekly_pools::week_end_date]) >= date;
    if (!found) // an adopted club's weeks may begin on any day
        run.work.each(weekly_pools::table, {}, {weekly_pools::week_start_date, DateADTGetDatum(date - 6)},
                      [&](const pg::Row &other) {
                          if (found || DatumGetDateADT(other.values[weekly_pools::week_start_date]) > date ||
                              DatumGetDateADT(other.values[weekly_pools::week_end_date]) < date)
                              return;
                          row = other;
                          row.values[weekly_pools::id] = datumCopy(other.values[weekly_pools::id], false, UUID_LEN);
                          found = true;
                      });
    MemoryContextSwitchTo(home);
    if (!found)
        return nullptr;
    Pool *pool = add_pool(run, row);
    pool->found_by_date = true;
    return pool;
}

Pool *need_pool(Run &run, DateADT date) {
    static SPIPlanPtr plan = nullptr;
    Pool *pool = find_pool(run, date);
    if (pool == nullptr && run.settings.auto_create_pools) {
        run.work.call(weekly_pools::table, "finance.ensure_pool", DATEOID, DateADTGetDatum(date), UUIDOID, &plan);
        pool = find_pool(run, date);
    }
    if (pool == nullptr)
        pool_missing(date);
    return pool;
}

Pool *pool_with_id(Run &run, Datum id) {
    for (Pool *pool : run.pools)
        if (compare(uuid_of(pool->id()), uuid_of(id)) == 0)
            return pool;
    const MemoryContext home = MemoryContextSwitchTo(run.memory);
    pg::Row row;
    const bool found = run.work.find(weekly_pools::table, {{weekly_pools::id, id}}, pg::Lock::none, &row);
    MemoryContextSwitchTo(home);
    return found ? add_pool(run, row) : nullptr;
}

bool lock_pools(Run &run) {
    std::sort(run.pools.begin(), run.pools.end(), [](const Pool *one, const Pool *other) {
        return one->start != other->start ? one->start < other->start
                                          : compare(uuid_of(one->id()), uuid_of(other->id())) < 0;
    });
    for (Pool *pool : run.pools) {
        CHECK_FOR_INTERRUPTS();
        pg::Row row;
        const bool found =
            run.work.find(weekly_pools::table, {{weekly_pools::id, pool->id()}}, pg::Lock::no_key_update, &row);
        // it was deleted meanwhile, or what was remembered is no longer so: look again
        const bool gone = !found && pool->found_by_date;
        if (gone || (pool->remembered && (DatumGetDateADT(row.values[weekly_pools::week_start_date]) != pool->start ||
                                          DatumGetDateADT(row.values[weekly_pools::week_end_date]) != pool->end))) {
            last.end = last.start - 1;
            run.pools.count = 0;
            return false;
        }
        if (!found)
            no_such_pool(uuid_of(pool->id()));
        read_pool(*pool, row);
        last = Memory{uuid_of(pool->id()), pool->start, pool->end};
    }
    return true;
}

void store_pools(Run &run) {
    using namespace weekly_pools;
    for (Pool *pool : run.pools) {
        if (!pool->changed)
            continue;
        pool->row.set(remaining_amount_dollars, dollars_datum(pool->remaining));
        pool->row.set(spent_dollars, dollars_datum(pool->spent));
        pool->row.set(updated_at, TimestampTzGetDatum(run.now));
        run.work.update(table, &pool->row, pg::columns({remaining_amount_dollars, spent_dollars, updated_at}));
    }
}

} // namespace lifeguard::club
