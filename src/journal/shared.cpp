#include <new>

#include "journal/shared.hpp"

namespace lifeguard::journal {

const char *const counter_names[counter_count] = {
    "kept",   "refused_full", "refused_failed", "cut",  "rate_limited", "unexplained_subtransactions",
    "stored", "quarantined",  "muted",          "torn", "discarded",
};

namespace {

// The losses of one database; a database gets a place with its first one.
struct Losses {
    std::atomic<Oid> database;
    std::atomic<uint64> count;
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
    std::atomic<bool> woken; // somebody has woken the launcher, and it has not looked yet
    Losses losses[64];
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
    for (Losses &losses : shared->losses) {
        Oid nobody = InvalidOid;
        if (losses.database == database || losses.database.compare_exchange_strong(nobody, database) ||
            nobody == database) {
            losses.count += more;
            return;
        }
    }
}

uint64 take_losses(Oid database) {
    for (Losses &losses : shared->losses)
        if (losses.database == database)
            return losses.count.exchange(0);
    return 0;
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

bool within_rate(Oid role, int rate) {
    constexpr double burst = 10; // seconds' worth
    const TimestampTz now = GetCurrentTimestamp();
    SpinLockAcquire(&shared->rate_lock);
    Allowance &allowance = *allowance_of(role);
    if (allowance.role != role)
        allowance = Allowance{role, rate * burst, now};
    else if (now > allowance.at)
        allowance = Allowance{role, Min(rate * burst, allowance.calls + rate * ((now - allowance.at) / 1e6)), now};
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
