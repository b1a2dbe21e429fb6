#include "journal/file.hpp"
#include "journal/keep.hpp"
#include "journal/shared.hpp"
#include "journal/statement.hpp"
#include "journal/store.hpp"
#include "journal/writer.hpp"

namespace lifeguard::journal {

namespace {

constexpr long poll_ms = 50;                       // between two looks for entries; gathers those of a storm
constexpr TimestampTz idle_us = 2 * USECS_PER_SEC; // without entries, until the writer ends
constexpr TimestampTz turn_us = 2 * USECS_PER_SEC; // at work, until it makes room for another database's
constexpr int patience_ms = 3000;                  // with one batch: who waits for the database waits for five seconds
constexpr const char *lock_patience = "2s";        // with a lock
constexpr TimestampTz quick_us = 500000;           // a batch that takes no longer may be followed by a larger one
constexpr int attempts = 3;                        // after serialization failures and deadlocks

// What this process is at.
struct Writer {
    Oid database;
    MemoryContext memory; // of one round
    bool has_file;
    ClosedFile file;
    off_t begin;           // of the next batch in it; -1: unknown
    pg_uuid_t stored_file; // removed, but not yet forgotten in the table of offsets
    bool forget_others;    // nor are those of an earlier writer
    int limit;             // entries a batch
    int failures;          // in a row
    uint64 losses;         // taken, and not yet told
    bool is_refused;       // the one entry of the next batch is to be set aside
    char refusal[1024];    // why
    bool is_in_trouble;    // a file says so
    bool avoid_locked;     // somebody kept a row locked for long
    TimestampTz swapped;   // when the open file was closed last
    TimestampTz worked;    // when there was something to do last
    TimestampTz started;
};

Writer writer;

// Settings on which the journal must not depend, whatever the database or the role has.
void pin_settings() {
    constexpr const char *settings[][2] = {
        {"role", "none"},
        {"search_path", "pg_catalog, pg_temp"},
        {"statement_timeout", "0"},
        {"lock_timeout", lock_patience},
        {"idle_in_transaction_session_timeout", "0"},
        {"transaction_timeout", "0"}, // since 17
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"default_transaction_deferrable", "off"},
        // a standby that is away must hold up neither errors nor who wants the database
        {"synchronous_commit", "local"},
        {"session_replication_role", "origin"},
        {"row_security", "on"},
        {"jit", "off"},
        {"application_name", "lifeguard writer"},
    };
    for (const auto &setting : settings)
        if (GetConfigOption(setting[0], true, false) != nullptr)
            SetConfigOption(setting[0], setting[1], PGC_SUSET, PGC_S_OVERRIDE);
}

// Does what signals asked for.
void heed_signals() {
    if (ProcDiePending)
        proc_exit(0); // without a word in the log
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
    }
}

// Sleeps, unless a signal comes.
void pause(long milliseconds) {
    pgstat_report_activity(STATE_IDLE, nullptr);
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
}

// A timeout that has fired must not cancel what comes next.
void stop_clock() {
    disable_timeout(STATEMENT_TIMEOUT, false);
    QueryCancelPending = false;
}

// Calls work(argument) in a transaction. nullptr when it was committed; else the error, in the current memory.
ErrorData *try_in_transaction(void (*work)(void *), void *argument) {
    const MemoryContext memory = CurrentMemoryContext;
    ErrorData *volatile error = nullptr;
    Oid user;
    int security;
    GetUserIdAndSecContext(&user, &security);
    PG_TRY();
    {
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        PushActiveSnapshot(GetTransactionSnapshot());
        enable_timeout_after(STATEMENT_TIMEOUT, patience_ms);
        work(argument);
        stop_clock();
        PopActiveSnapshot();
        CommitTransactionCommand();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        error = CopyErrorData();
        FlushErrorState();
        stop_clock();
        AbortCurrentTransaction();
    }
    PG_END_TRY();
    // whoever was in force at the commit
    SetUserIdAndSecContext(user, security);
    MemoryContextSwitchTo(memory);
    return error;
}

// Says why nothing can be stored; in the server log too, unless it was said already.
void tell_trouble(const char *why) {
    const char *known = get_trouble(writer.database);
    if (known == nullptr || strcmp(known, why) != 0)
        ereport(LOG, (errmsg("lifeguard: errors of database %u wait to be stored: %s", writer.database, why)));
    set_trouble(writer.database, why);
    writer.is_in_trouble = true;
}

// Ends because nothing can be stored now. The launcher starts the next writer after a while; where there is none, any
// session does, so that while is spent here.
[[noreturn]] void give_up(const char *why) {
    tell_trouble(why);
    if (!is_preloaded())
        for (int i = 0; i < 10; i++) {
            pause(100);
            heed_signals();
        }
    proc_exit(0);
}

// What was taken and not told is not lost with this process.
void put_back_losses(int, Datum) {
    if (writer.losses > 0)
        note_loss(writer.database, writer.losses);
    writer.losses = 0;
}

// --- without the extension ---

// How many entries there are in a file.
uint64 count_entries(const ClosedFile &file) {
    Reader reader = {&file, 0};
    Entry entry;
    uint64 entries = 0;
    while (next_entry(&reader, &entry)) {
        entries++;
        CHECK_FOR_INTERRUPTS();
    }
    return entries;
}

// Takes the mark away again when somebody has created the extension meanwhile.
void look_again(void *is_there) {
    if (!OidIsValid(get_extension_oid("lifeguard", true)))
        return;
    turn_on(writer.database);
    *static_cast<bool *>(is_there) = true;
}

// Ends because this database has no extension: its sessions need not keep anything, and what they have kept is removed,
// unless the extension turns up before a file can no longer grow.
[[noreturn]] void turn_off_and_end() {
    ClosedFile file;
    bool is_there = false;
    if (writer.has_file)
        release(&writer.file);
    turn_off(writer.database);
    close_open_file(writer.database);
    while (!is_there && open_closed_file(writer.database, &file)) {
        if (try_in_transaction(look_again, &is_there) != nullptr || is_there)
            break;
        count(Counter::discarded, count_entries(file));
        remove(&file);
    }
    set_trouble(writer.database, nullptr);
    proc_exit(0);
}

// --- storing ---

// Counts what was committed.
void count_batch(const Batch &batch) {
    const int stored = batch.entries - batch.left_out - batch.set_aside;
    if (stored > 0)
        count(Counter::stored, static_cast<uint64>(stored));
    if (batch.set_aside > 0)
        count(Counter::quarantined, static_cast<uint64>(batch.set_aside));
    if (batch.muted > 0)
        count(Counter::muted, static_cast<uint64>(batch.muted));
    if (batch.torn > 0)
        count(Counter::torn, batch.torn);
}

// Goes on behind a batch that was committed.
void go_on(const Batch &batch, TimestampTz took) {
    count_batch(batch);
    writer.losses = 0;
    writer.stored_file = {};
    writer.forget_others = false;
    writer.failures = 0;
    writer.begin = batch.end;
    if (writer.has_file && batch.is_last) {
        // where commits need not reach the disk at once, these must before their only other copy is gone
        XLogFlush(XactLastCommitEnd);
        writer.stored_file = writer.file.id;
        remove(&writer.file);
        writer.has_file = false;
    }
    if (!writer.is_refused && took < quick_us)
        writer.limit = Min(longest_batch, writer.limit * 2);
    writer.is_refused = false;
    if (writer.is_in_trouble)
        set_trouble(writer.database, nullptr);
    writer.is_in_trouble = false;
}

// Goes on waiting for a lock: for the table. Who only keeps a row locked does not stop the others' errors.
void wait_on(const Batch &batch, const char *why) {
    if (batch.stage == Stage::rows && !batch.avoid_locked)
        writer.avoid_locked = true;
    else
        tell_trouble(why);
}

// Decides how to go on after a batch that failed: the same again, fewer entries, one set aside, or not at all.
void recover(const Batch &batch, const ErrorData &error, TimestampTz took) {
    const char *why = psprintf("%s %s", unpack_sql_state(error.sqlerrcode), error.message);
    const int size = batch.entries + (batch.losses > 0 ? 1 : 0);
    writer.failures++;
    if (may_pass(error.sqlerrcode)) {
        if (error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE && took >= quick_us)
            wait_on(batch, why);
        else if (error.sqlerrcode == ERRCODE_QUERY_CANCELED && size > 1)
            writer.limit = Max(1, size / 8);
        else if (ERRCODE_TO_CATEGORY(error.sqlerrcode) != ERRCODE_TO_CATEGORY(ERRCODE_TRANSACTION_ROLLBACK) ||
                 writer.failures > attempts)
            give_up(why);
        return;
    }
    if (batch.stage != Stage::rows || writer.is_refused)
        give_up(why);
    if (size > 1) {
        writer.limit = Max(1, size / 8);
        return;
    }
    writer.limit = 1;
    writer.is_refused = true;
    strlcpy(writer.refusal, why, sizeof writer.refusal);
    const int length = static_cast<int>(strlen(writer.refusal));
    writer.refusal[pg_mbcliplen(writer.refusal, length, length)] = '\0';
}

// Stores some entries of the file at hand, or whatever else is to be written.
void work() {
    const TimestampTz begin = GetCurrentTimestamp();
    Batch batch;
    batch.database = writer.database;
    batch.file = writer.has_file ? &writer.file : nullptr;
    batch.begin = writer.begin;
    batch.limit = writer.limit;
    batch.losses = writer.losses;
    batch.refusal = writer.is_refused ? writer.refusal : nullptr;
    batch.avoid_locked = writer.avoid_locked;
    batch.stored_file = writer.stored_file;
    batch.forget_others = writer.forget_others;

    pgstat_report_activity(STATE_RUNNING, "storing errors");
    ErrorData *error = try_in_transaction([](void *argument) { store(static_cast<Batch *>(argument)); }, &batch);
    if (error == nullptr && batch.is_wanted)
        proc_exit(0); // when they are done, the launcher starts the next one
    if (error == nullptr && !batch.is_installed)
        turn_off_and_end();
    const TimestampTz took = GetCurrentTimestamp() - begin;
    if (error == nullptr)
        go_on(batch, took);
    else
        recover(batch, *error, took);
    pgstat_report_stat(false);
}

// Takes the next file, if entries wait. Closes the open one now and then: what came meanwhile is one batch.
bool take_file() {
    if (writer.has_file)
        return true;
    const TimestampTz now = GetCurrentTimestamp();
    writer.has_file = open_closed_file(writer.database, &writer.file);
    if (!writer.has_file && (now < writer.swapped || now - writer.swapped >= poll_ms * 1000)) {
        writer.swapped = now;
        writer.has_file = close_open_file(writer.database) && open_closed_file(writer.database, &writer.file);
    }
    writer.begin = -1;
    return writer.has_file;
}

// Waits for entries; ends when none come any more, or when the database is wanted.
void wait_for_entries() {
    struct Look {
        bool is_wanted;
    } look = {false};
    ErrorData *error = try_in_transaction(
        [](void *argument) { static_cast<Look *>(argument)->is_wanted = is_wanted(writer.database); }, &look);
    if (look.is_wanted || error != nullptr)
        proc_exit(0);
    const TimestampTz idle = GetCurrentTimestamp() - writer.worked;
    if (idle > (is_crowded() ? 0 : idle_us)) {
        if (!is_nil(writer.stored_file))
            work();
        unlock_as_writer(); // from here on, who keeps an error starts the next writer
        if (!has_entries(writer.database) || !lock_as_writer(writer.database))
            proc_exit(0);
    }
    if (idle > 2 * idle_us)
        give_up(psprintf("a file in %s cannot be opened, or a stopped process keeps it locked",
                         folder_of(writer.database)));
    pause(poll_ms);
}

// One round: stores, or waits.
void go_round() {
    if (!writer.is_refused) // what is set aside next is an entry
        writer.losses += take_losses(writer.database);
    if (!take_file() && writer.losses == 0) {
        wait_for_entries();
        return;
    }
    work();
    writer.worked = GetCurrentTimestamp();
    if (is_crowded() && writer.worked - writer.started > turn_us)
        proc_exit(0); // the launcher comes back to this database when the others had their turn
}

} // namespace

bool is_wanted(Oid database) {
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
    // the lock with which sessions come in
    if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
        return true;
    LockRelease(&tag, RowExclusiveLock, false);
    return false;
}

} // namespace lifeguard::journal

using namespace lifeguard;

extern "C" {
PGDLLEXPORT void lifeguard_writer_main(Datum database);
}

// A database's writer, from its start to its end.
void lifeguard_writer_main(Datum database) {
    using namespace journal;
    stop_keeping();
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    writer.database = DatumGetObjectId(database);
    if (!lock_as_writer(writer.database))
        proc_exit(0);
    BackgroundWorkerInitializeConnectionByOid(writer.database, InvalidOid, 0);
    pin_settings();
    before_shmem_exit(put_back_losses, 0);

    writer.memory = AllocSetContextCreate(TopMemoryContext, "lifeguard writer", ALLOCSET_DEFAULT_SIZES);
    writer.limit = longest_batch;
    writer.forget_others = true;
    MemoryContextSwitchTo(writer.memory);
    writer.is_in_trouble = get_trouble(writer.database) != nullptr;
    writer.started = writer.worked = GetCurrentTimestamp();
    for (;;) {
        heed_signals();
        go_round();
        MemoryContextReset(writer.memory);
    }
}
