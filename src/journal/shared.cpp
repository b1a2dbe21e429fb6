#include <new>

#include "journal/shared.hpp"

namespace lifeguard::journal {

const char *const counter_names[counter_count] = {
    "kept",   "refused_full", "refused_failed", "cut",  "rate_limited", "unexplained_subtransactions",
    "stored", "quarantined",  "muted",          "torn", "discarded",
};

namespace {

// What is shared about one database. It gets its place with its first error and keeps it: all look from the beginning,
// so a place that became free before it would be taken for its own by some.
struct Place {
    std::atomic<Oid> database;
    std::atomic<uint64> losses;
    Gate gate;
};

// The calls that a role may still make.
struct Allowance {
    Oid role;
    double calls;
    TimestampTz at; // when that was true
};

struct Shared {
    std::atomic<uint64> counters[counter_count];
    std::atomic<Latch *> launcher;
    std::atomic<bool> crowded;
    std::atomic<bool> woken; // somebody has woken the launcher, and it has not looked yet
    Place places[256];
    slock_t rate_lock; // for what follows
    Allowance allowances[64];
};

shmem_request_hook_type previous_request = nullptr;
shmem_startup_hook_type previous_startup = nullptr;

// What this session uses when nothing is shared.
Shared own;
Shared *shared = &own;

// Asks for the memory.
void request_memory() {
    if (previous_request != nullptr)
        previous_request();
    RequestAddinShmemSpace(sizeof(Shared));
}

// Makes or finds it.
void attach_memory() {
    if (previous_startup != nullptr)
        previous_startup();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found;
    void *const memory = ShmemInitStruct("lifeguard journal", sizeof(Shared), &found);
    shared = found ? static_cast<Shared *>(memory) : new (memory) Shared();
    if (!found)
        SpinLockInit(&shared->rate_lock);
    LWLockRelease(AddinShmemInitLock);
}

// A database's place; nullptr when all are taken.
Place *place_of(Oid database) {
    for (Place &place : shared->places) {
        Oid nobody = InvalidOid;
        if (place.database == database || place.database.compare_exchange_strong(nobody, database) ||
            nobody == database)
            return &place;
    }
    return nullptr;
}

// A role's place: its own, a free one, or that of the role that has been quiet for longest.
Allowance *allowance_of(Oid role) {
    Allowance *best = &shared->allowances[0];
    for (Allowance &allowance : shared->allowances) {
        if (allowance.role == role)
            return &allowance;
        if (allowance.at < best->at)
            best = &allowance;
    }
    *best = Allowance{};
    return best;
}

} // namespace

void count(Counter counter, uint64 more) {
    shared->counters[static_cast<int>(counter)].fetch_add(more, std::memory_order_relaxed);
}

uint64 counted(Counter counter) {
    return shared->counters[static_cast<int>(counter)].load(std::memory_order_relaxed);
}

bool is_preloaded() {
    return shared != &own;
}

void note_loss(Oid database, uint64 more) {
    if (Place *place = place_of(database))
        place->losses += more;
}

uint64 take_losses(Oid database) {
    Place *place = place_of(database);
    return place == nullptr || place->losses == 0 ? 0 : place->losses.exchange(0);
}

Gate *gate_of(Oid database) {
    Place *place = is_preloaded() ? place_of(database) : nullptr;
    return place == nullptr ? nullptr : &place->gate;
}

void wake_launcher() {
    if (shared->woken.load() || shared->woken.exchange(true))
        return;
    Latch *const launcher = shared->launcher;
    if (launcher != nullptr)
        SetLatch(launcher);
}

void set_launcher(Latch *latch) {
    shared->launcher = latch;
    shared->woken = false;
}

void be_wakeable() {
    shared->woken = false;
}

bool launcher_runs() {
    return shared->launcher != nullptr;
}

void set_crowded(bool is_crowded) {
    shared->crowded = is_crowded;
}

bool is_crowded() {
    return shared->crowded;
}

bool within_rate(Oid role, int rate) {
    constexpr double burst = 10; // seconds' worth
    const TimestampTz now = GetCurrentTimestamp();
    SpinLockAcquire(&shared->rate_lock);
    Allowance &allowance = *allowance_of(role);
    if (allowance.role != role)
        allowance = Allowance{role, rate * burst, now};
    else if (now > allowance.at)
        allowance = Allowance{role, Min(rate * burst, allowance.calls + rate * ((now - allowance.at) / 1e6)), now};
    else
        allowance.at = now; // the clock was put back: calls come from now on again, not when it is as late as it was
    const bool within = allowance.calls >= 1;
    if (within)
        allowance.calls -= 1;
    SpinLockRelease(&shared->rate_lock);
    return within;
}

void init_shared() {
    SpinLockInit(&own.rate_lock);
    if (!process_shared_preload_libraries_in_progress)
        return;
    previous_request = shmem_request_hook;
    shmem_request_hook = request_memory;
    previous_startup = shmem_startup_hook;
    shmem_startup_hook = attach_memory;
}

} // namespace lifeguard::journal
