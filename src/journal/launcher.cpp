#include <algorithm>

#include "journal/file.hpp"
#include "journal/keep.hpp"
#include "journal/launcher.hpp"
#include "journal/shared.hpp"
#include "journal/writer.hpp"

namespace lifeguard::journal {

namespace {

constexpr long idle_ms = 60000; // asleep, when nobody wakes the launcher
constexpr long rest_ms = 50;    // between two looks, so that a storm of errors costs few
constexpr long wanted_ms = 250; // until the next look at a database that is being copied or renamed

// Until a writer's next start: after one that met trouble, and after one that ended early, perhaps to give way.
constexpr TimestampTz after_trouble = USECS_PER_SEC;
constexpr TimestampTz after_short_life = USECS_PER_SEC / 10;
constexpr TimestampTz longest_backoff = 60 * USECS_PER_SEC;
constexpr TimestampTz short_life = USECS_PER_SEC;

constexpr TimestampTz tidy_after = 5 * USECS_PER_SEC; // after a writer's end: its database may have been dropped

constexpr const char *no_worker = "no background worker is free: raise max_worker_processes";

// A database in which errors were kept since the launcher started.
struct Watched {
    Oid database;
    BackgroundWorkerHandle *writer; // started and not known to have ended
    TimestampTz started;
    TimestampTz not_before; // when the next may be started
    int failures;           // in a row
    Watched *next;
};

Watched *watched = nullptr;
TimestampTz tidy_at = 0; // when folders of dropped databases are looked for

// What one look found out.
struct Look {
    TimestampTz now;
    TimestampTz next; // when there will be something to do
    bool is_crowded;  // a database waits because too many have writers
};

// The background worker that runs one of our main functions.
BackgroundWorker describe_worker(const char *type, const char *main, Datum argument) {
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_main_arg = argument;
    strlcpy(worker.bgw_name, type, sizeof worker.bgw_name);
    strlcpy(worker.bgw_type, type, sizeof worker.bgw_type);
    strlcpy(worker.bgw_library_name, "lifeguard", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, main, sizeof worker.bgw_function_name);
    return worker;
}

// Has a database's writer started. False when the server has no place for one more worker.
bool register_writer(Oid database, pid_t told, BackgroundWorkerHandle **handle) {
    BackgroundWorker worker = describe_worker("lifeguard writer", "lifeguard_writer_main", ObjectIdGetDatum(database));
    snprintf(worker.bgw_name, sizeof worker.bgw_name, "lifeguard writer for database %u", database);
    worker.bgw_notify_pid = told;
    return RegisterDynamicBackgroundWorker(&worker, handle);
}

// What is known of a database; made when it is new.
Watched *watch(Oid database) {
    for (Watched *known = watched; known != nullptr; known = known->next)
        if (known->database == database)
            return known;
    auto *added = static_cast<Watched *>(MemoryContextAllocZero(TopMemoryContext, sizeof(Watched)));
    added->database = database;
    added->next = watched;
    watched = added;
    return added;
}

// Forgets a database that is gone.
void unwatch(Oid database) {
    for (Watched **link = &watched; *link != nullptr; link = &(*link)->next) {
        Watched *gone = *link;
        if (gone->database != database)
            continue;
        *link = gone->next;
        if (gone->writer != nullptr)
            pfree(gone->writer);
        pfree(gone);
        return;
    }
}

// How many writers we have.
int running_writers() {
    int count = 0;
    for (const Watched *known = watched; known != nullptr; known = known->next)
        count += known->writer != nullptr ? 1 : 0;
    return count;
}

// How many there may be: parallel queries and other extensions need workers, too.
int most_writers() {
    return Max(1, max_worker_processes / 4);
}

// Waits longer after each failure in a row, at first so long.
void back_off(Watched *database, TimestampTz now, TimestampTz first) {
    database->not_before = now + Min(longest_backoff, first << Min(database->failures, 10));
    database->failures++;
}

// Whether a database's writer is still there. One that ended early, or in trouble, with entries left, has failed.
bool has_writer(Watched *database, TimestampTz now) {
    pid_t pid;
    if (database->writer == nullptr)
        return false;
    const BgwHandleStatus status = GetBackgroundWorkerPid(database->writer, &pid);
    if (status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED)
        return true;
    pfree(database->writer);
    database->writer = nullptr;
    tidy_at = now + tidy_after;
    const bool is_unfinished = has_entries(database->database);
    if (is_unfinished && get_trouble(database->database) != nullptr)
        back_off(database, now, after_trouble);
    else if (is_unfinished && now - database->started < short_life)
        back_off(database, now, after_short_life);
    else
        database->failures = 0;
    return false;
}

// Starts a database's writer, or says (once) why that is impossible now.
void start(Watched *database, TimestampTz now) {
    const MemoryContext home = MemoryContextSwitchTo(TopMemoryContext);
    const bool started = register_writer(database->database, MyProcPid, &database->writer);
    MemoryContextSwitchTo(home);
    database->started = now;
    if (started)
        return;
    database->writer = nullptr;
    if (database->failures == 0)
        ereport(LOG, (errmsg("lifeguard: no background worker is free to store the errors of database %u",
                             database->database),
                      errhint("Raise max_worker_processes.")));
    set_trouble(database->database, no_worker);
    // not longer and longer: there is a place as soon as some writer ends
    database->failures = 1;
    database->not_before = now + after_trouble;
}

enum class Database { gone, closed, there };

// Whether a database exists and lets anybody in. In a transaction.
Database look_up(Oid database) {
    const HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
    if (!HeapTupleIsValid(tuple))
        return Database::gone;
    const auto *form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
    // a limit of -2 marks one whose DROP was interrupted
    const bool is_open = form->datallowconn && form->datconnlimit != -2;
    ReleaseSysCache(tuple);
    return is_open ? Database::there : Database::closed;
}

// Sees to one database in which entries wait. In a transaction.
void attend(Watched *database, Look *look) {
    if (has_writer(database, look->now))
        return; // its end wakes us
    if (database->not_before - look->now > longest_backoff)
        database->not_before = look->now; // the clock was put back
    if (database->not_before <= look->now) {
        if (is_wanted(database->database))
            look->next = Min(look->next, look->now + wanted_ms * 1000);
        else if (writer_runs(database->database))
            look->next = Min(look->next, look->now + USECS_PER_SEC); // somebody else's: its end does not wake us
        else if (running_writers() >= most_writers())
            look->is_crowded = true; // the end of any wakes us
        else
            start(database, look->now);
    }
    if (database->not_before > look->now)
        look->next = Min(look->next, database->not_before);
}

// Looks into one folder: its database may be gone, or need a writer. In a transaction.
void look_into(Oid database, Look *look) {
    const Database state = look_up(database);
    if (state == Database::gone) {
        remove_folder(database);
        unwatch(database);
    } else if (state == Database::there && has_entries(database))
        attend(watch(database), look);
}

// A database that has a folder, and when its last writer was started.
struct Folder {
    Oid database;
    TimestampTz started;
};

// Such databases, in an array of the current memory.
struct Folders {
    Folder *folders;
    int count, capacity;
};

// When a database's last writer was started; 0: none was.
TimestampTz last_start(Oid database) {
    for (const Watched *known = watched; known != nullptr; known = known->next)
        if (known->database == database)
            return known->started;
    return 0;
}

// Lists them, those that have waited longest for a writer first: when there are too few, all get their turn.
Folders list_folders() {
    Folders list = {static_cast<Folder *>(palloc(64 * sizeof(Folder))), 0, 64};
    for_each_folder(
        [](Oid database, void *argument) {
            auto &more = *static_cast<Folders *>(argument);
            if (more.count == more.capacity) {
                more.capacity *= 2;
                more.folders = static_cast<Folder *>(repalloc(more.folders, more.capacity * sizeof(Folder)));
            }
            more.folders[more.count++] = Folder{database, last_start(database)};
        },
        &list);
    std::sort(list.folders, list.folders + list.count,
              [](const Folder &one, const Folder &other) { return one.started < other.started; });
    return list;
}

// Notices writers that have ended.
void notice_ends(TimestampTz now) {
    for (Watched *database = watched; database != nullptr; database = database->next)
        has_writer(database, now);
}

// Does what signals asked for. A cancel is an error like any other.
void heed_signals() {
    if (ProcDiePending)
        proc_exit(1); // without a word in the log, as the server's own launchers
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
    }
    if (catchupInterruptPending)
        ProcessCatchupInterrupt();
}

// Looks into each folder with entries, and now and then into all of them.
void look_around(Look *look) {
    const MemoryContext home = CurrentMemoryContext;
    notice_ends(look->now);
    const bool tidies = look->now >= tidy_at || tidy_at - look->now > idle_ms * 1000;
    if (tidies)
        tidy_at = look->now + idle_ms * 1000;
    const Folders list = list_folders();
    for (int i = 0; i < list.count; i++) {
        const Oid database = list.folders[i].database;
        if (!tidies && !has_entries(database))
            continue;
        if (!IsTransactionState())
            StartTransactionCommand();
        look_into(database, look);
    }
    if (IsTransactionState())
        CommitTransactionCommand();
    MemoryContextSwitchTo(home);
    set_crowded(look->is_crowded);
    look->next = Min(look->next, tidy_at);
}

// One round, which survives an error; milliseconds until the next.
long go_round(MemoryContext memory) {
    const TimestampTz now = GetCurrentTimestamp();
    Look look = {now, now + idle_ms * 1000, false};
    MemoryContextSwitchTo(memory);
    PG_TRY();
    {
        heed_signals();
        look_around(&look);
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        EmitErrorReport();
        FlushErrorState();
        AbortCurrentTransaction();
        LWLockReleaseAll();
        look.next = now + USECS_PER_SEC;
    }
    PG_END_TRY();
    MemoryContextSwitchTo(memory);
    MemoryContextReset(memory);
    return Max(0, (look.next - GetCurrentTimestamp()) / 1000);
}

// Sleeps until somebody wakes us or until it is time. Who wakes us after a look sleeps on until the rest is over; those
// who come meanwhile find us woken already.
void rest(long timeout, TimestampTz looked) {
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout, PG_WAIT_EXTENSION);
    const long rested = static_cast<long>((GetCurrentTimestamp() - looked) / 1000);
    if (!ProcDiePending && rested >= 0 && rested < rest_ms)
        WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, rest_ms - rested, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
}

// Takes our latch out of the others' sight.
void stop_being_woken(int, Datum) {
    set_launcher(nullptr);
}

// Whether this session asked for a writer less than a second ago.
bool asked_lately() {
    static TimestampTz asked = 0;
    const TimestampTz now = GetCurrentTimestamp();
    if (now >= asked && now - asked < USECS_PER_SEC)
        return true;
    asked = now;
    return false;
}

} // namespace

void init_launcher() {
    if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
        return;
    BackgroundWorker launcher = describe_worker("lifeguard launcher", "lifeguard_launcher_main", 0);
    launcher.bgw_restart_time = 1;
    RegisterBackgroundWorker(&launcher);
}

bool start_writer() {
    if (is_preloaded()) {
        wake_launcher();
        return launcher_runs();
    }
    if (RecoveryInProgress() || !OidIsValid(MyDatabaseId))
        return false;
    if (writer_runs(MyDatabaseId))
        return true;
    if (asked_lately())
        return false;
    if (register_writer(MyDatabaseId, 0, nullptr))
        return true;
    set_trouble(MyDatabaseId, no_worker);
    return false;
}

} // namespace lifeguard::journal

using namespace lifeguard;

extern "C" {
PGDLLEXPORT void lifeguard_launcher_main(Datum argument);
}

// The launcher: sleeps until a session has kept an error, then sees to it that the session's database has a writer.
void lifeguard_launcher_main(Datum) {
    using namespace journal;
    stop_keeping();
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    const MemoryContext memory = AllocSetContextCreate(TopMemoryContext, "lifeguard launcher", ALLOCSET_DEFAULT_SIZES);

    before_shmem_exit(stop_being_woken, 0);
    set_launcher(MyLatch);
    // marks of an earlier time say nothing; who finds no extension makes a new one
    for_each_folder([](Oid database, void *) { turn_on(database); }, nullptr);

    long timeout = 0;
    TimestampTz looked = 0;
    for (;;) {
        rest(timeout, looked);
        be_wakeable(); // before the look: what is kept from now on wakes us again
        looked = GetCurrentTimestamp();
        timeout = go_round(memory);
    }
}
