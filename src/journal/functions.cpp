// What SQL functions for operators stand on.
#include "pg/errors.hpp"
#include "journal/detector.hpp"
#include "journal/file.hpp"
#include "journal/keep.hpp"
#include "journal/launcher.hpp"
#include "journal/shared.hpp"

namespace lifeguard::journal {

namespace {

// begin_journal() was called in this transaction.
bool begins = false;

// At the commit of CREATE EXTENSION, sessions may keep what they see.
void at_commit(XactEvent event, void *) {
    if (event == XACT_EVENT_COMMIT && begins)
        turn_on(MyDatabaseId);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        begins = false;
}

// Whether a list of libraries in a setting names this one.
bool names_us(const char *setting) {
    const char *libraries = GetConfigOption(setting, true, false);
    return libraries != nullptr && strstr(libraries, "lifeguard") != nullptr;
}

// At which of the three levels this session is.
const char *level() {
    if (is_preloaded())
        return "preloaded";
    return names_us("session_preload_libraries") || names_us("local_preload_libraries") ? "session" : "call";
}

// The detector's state in words.
const char *detector_text() {
    switch (detector_state()) {
    case Detector::in_place:
        return "in place";
    case Detector::chained:
        return "chained";
    default:
        return "not loaded yet";
    }
}

// Whether one of the files is among those in which entries wait.
bool still_wait(const pg_uuid_t *files, int count) {
    pg_uuid_t now[64];
    const int waiting = waiting_files(MyDatabaseId, now, lengthof(now));
    for (int i = 0; i < count; i++)
        for (int j = 0; j < waiting; j++)
            if (memcmp(&files[i], &now[j], sizeof(pg_uuid_t)) == 0)
                return true;
    return false;
}

// Waits a little; false when it is later than `end`.
bool wait_until(TimestampTz end) {
    CHECK_FOR_INTERRUPTS();
    if (GetCurrentTimestamp() >= end)
        return false;
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 5, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    return true;
}

} // namespace

void init_functions() {
    RegisterXactCallback(at_commit, nullptr);
}

} // namespace lifeguard::journal

using namespace lifeguard;

// begin_journal(): the end of the extension's script.
LG_FUNCTION(lifeguard_begin_journal) {
    (void)fcinfo;
    journal::begins = true;
    PG_RETURN_VOID();
}

// drain(timeout): waits until what was kept so far is in the table.
LG_FUNCTION(lifeguard_drain) {
    using namespace journal;
    if (PG_ARGISNULL(0))
        ereport(ERROR, (errcode(err::invalid_argument), errmsg("the timeout of monitoring.drain is null")));
    const TimestampTz begin = GetCurrentTimestamp();
    const TimestampTz end = DatumGetTimestampTz(
        DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(begin), PG_GETARG_DATUM(0)));
    if (end < begin)
        ereport(ERROR, (errcode(err::invalid_argument), errmsg("the timeout of monitoring.drain is negative")));
    if (RecoveryInProgress()) {
        ereport(NOTICE, (errmsg("this server is a standby: its journal is put into the table after its promotion")));
        PG_RETURN_BOOL(!has_entries(MyDatabaseId));
    }
    pg_uuid_t files[64];
    const int count = waiting_files(MyDatabaseId, files, lengthof(files));
    while (still_wait(files, count)) {
        start_writer();
        if (!wait_until(end))
            PG_RETURN_BOOL(false);
    }
    PG_RETURN_BOOL(true);
}

// journal_state(): level, folder, bytes_waiting, writer_runs, launcher_runs, detector, trouble.
LG_FUNCTION(lifeguard_journal_state) {
    using namespace journal;
    TupleDesc row;
    if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "journal_state() has no row type");
    const char *trouble = get_trouble(MyDatabaseId);
    Datum values[7];
    bool nulls[7] = {};
    values[0] = CStringGetTextDatum(level());
    values[1] = CStringGetTextDatum(folder_of(MyDatabaseId));
    values[2] = Int64GetDatum(static_cast<int64>(bytes_waiting(MyDatabaseId)));
    values[3] = BoolGetDatum(writer_runs(MyDatabaseId));
    values[4] = BoolGetDatum(launcher_runs());
    values[5] = CStringGetTextDatum(detector_text());
    nulls[6] = trouble == nullptr;
    values[6] = nulls[6] ? 0 : CStringGetTextDatum(trouble);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

// journal_counters(): one row a counter.
LG_FUNCTION(lifeguard_journal_counters) {
    using namespace journal;
    InitMaterializedSRF(fcinfo, 0);
    const auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    for (int i = 0; i < counter_count; i++) {
        Datum values[2] = {CStringGetTextDatum(counter_names[i]),
                           Int64GetDatum(static_cast<int64>(counted(static_cast<Counter>(i))))};
        bool nulls[2] = {};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}

// raise_uncaught(message): an error that reaches the server log as any other, but does not end the statement.
LG_FUNCTION(lifeguard_raise_uncaught) {
    const char *message = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const CommandDest destination = whereToSendOutput;
    const MemoryContext home = CurrentMemoryContext;
    PG_TRY();
    {
        whereToSendOutput = DestNone; // the client would take it for the end of its statement
        ereport(ERROR, (errcode(ERRCODE_RAISE_EXCEPTION), errmsg("%s", message)));
    }
    PG_CATCH();
    {
        EmitErrorReport();
        FlushErrorState();
        MemoryContextSwitchTo(home);
        whereToSendOutput = destination;
    }
    PG_END_TRY();
    PG_RETURN_VOID();
}
