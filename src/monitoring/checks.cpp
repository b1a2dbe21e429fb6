// lifeguard.run_check(): one check, tried in a subtransaction that is always rolled back.
#include "pg/errors.hpp"
#include "pg/owner.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "monitoring/time_limit.hpp"

namespace lifeguard::monitoring {

namespace {

constexpr int most_findings = 10000;            // more are counted
constexpr size_t most_bytes = 64 * 1024 * 1024; // likewise
constexpr int longest_object = 500;             // bytes; longer ones are cut
constexpr int longest_message = 4000;
constexpr size_t longest_details = 64 * 1024; // longer ones are left out
constexpr int fetched_at_once = 500;
constexpr int columns = 5;

// One run of one check.
struct Trial {
    Oid function;
    ReturnSetInfo *result;
    MemoryContext row; // emptied for each finding
    int64 found;
    int64 kept;
    size_t bytes;
};

bool runs = false; // a check runs; it must not run others

// One column of the row that SPI fetched, cut at `longest` bytes; the size is added to `bytes`.
Datum text_column(HeapTuple tuple, TupleDesc description, int column, int longest, bool *isnull, size_t *bytes) {
    const Datum value = SPI_getbinval(tuple, description, column, isnull);
    if (*isnull)
        return value;
    const text *given = DatumGetTextPP(value);
    const char *data = VARDATA_ANY(given);
    const int size = static_cast<int>(VARSIZE_ANY_EXHDR(given));
    const int fits = size <= longest ? size : pg_mbcliplen(data, size, longest);
    *bytes += static_cast<size_t>(fits);
    return PointerGetDatum(fits == size ? cstring_to_text_with_len(data, size)
                                        : cstring_to_text(psprintf("%.*s...", fits, data)));
}

// The details of a finding, or how long they were.
Datum details_column(HeapTuple tuple, TupleDesc description, int column, bool *isnull, size_t *bytes) {
    const Datum value = SPI_getbinval(tuple, description, column, isnull);
    if (*isnull)
        return value;
    Jsonb *details = DatumGetJsonbP(value);
    const size_t size = VARSIZE(details);
    if (size > longest_details)
        return DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{\"bytes_left_out\": %zu}", size)));
    *bytes += size;
    return JsonbPGetDatum(details);
}

// Adds a row to the result.
void put(ReturnSetInfo *result, const char *outcome, const Datum *rest, const bool *rest_is_null) {
    Datum values[columns];
    bool nulls[columns] = {};
    values[0] = CStringGetTextDatum(outcome);
    for (int i = 1; i < columns; i++) {
        values[i] = rest[i - 1];
        nulls[i] = rest_is_null[i - 1];
    }
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

// Keeps one finding beyond the rollback.
void keep(Trial *trial, HeapTuple tuple, TupleDesc description) {
    if (++trial->found > most_findings || trial->bytes > most_bytes)
        return;
    const MemoryContext home = MemoryContextSwitchTo(trial->row);
    Datum values[columns - 1];
    bool nulls[columns - 1];
    values[0] = text_column(tuple, description, 1, longest_object, &nulls[0], &trial->bytes);
    values[1] = text_column(tuple, description, 2, longest_message, &nulls[1], &trial->bytes);
    values[2] = details_column(tuple, description, 3, &nulls[2], &trial->bytes);
    values[3] = text_column(tuple, description, 4, longest_object, &nulls[3], &trial->bytes);
    put(trial->result, "finding", values, nulls);
    trial->kept++;
    MemoryContextSwitchTo(home);
    MemoryContextReset(trial->row);
}

// Calls the check as its function's owner, who cannot leave that role, nor leave anything in the session.
void call(Trial *trial) {
    const HeapTuple procedure = SearchSysCache1(PROCOID, ObjectIdGetDatum(trial->function));
    if (!HeapTupleIsValid(procedure))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("the function is gone")));
    const auto *function = reinterpret_cast<Form_pg_proc>(GETSTRUCT(procedure));
    const Oid owner = function->proowner;
    const char *name =
        quote_qualified_identifier(get_namespace_name(function->pronamespace), NameStr(function->proname));
    ReleaseSysCache(procedure);

    pg::enter_owner(owner, superuser_arg(owner) ? 0 : SECURITY_RESTRICTED_OPERATION);
    SPI_connect();
    // cast: the function may have got another type since it was registered
    SPIPlanPtr plan = SPI_prepare(psprintf("SELECT f.object::pg_catalog.text, f.message::pg_catalog.text, "
                                           "f.details::pg_catalog.jsonb, f.severity::pg_catalog.text FROM %s() AS f",
                                           name),
                                  0, nullptr);
    if (plan == nullptr)
        elog(ERROR, "cannot call %s: %s", name, SPI_result_code_string(SPI_result));
    Portal portal = SPI_cursor_open(nullptr, plan, nullptr, nullptr, false);
    for (;;) {
        SPI_cursor_fetch(portal, true, fetched_at_once);
        const uint64 fetched = SPI_processed;
        for (uint64 i = 0; i < fetched; i++)
            keep(trial, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
        SPI_freetuptable(SPI_tuptable);
        if (fetched == 0)
            break;
    }
    SPI_cursor_close(portal);
    SPI_finish();
}

// Takes back what the check did. The journal knows of this rollback: the error, if there was one, becomes a finding.
void take_back() {
    pg::explained_rollback = GetCurrentSubTransactionId();
    RollbackAndReleaseCurrentSubTransaction();
    pg::explained_rollback = InvalidSubTransactionId;
}

// Tries the check; nullptr when it ended, else the error. A cancel that is not the time limit's goes through.
ErrorData *try_out(Trial *trial, int limit, bool *was_over) {
    const MemoryContext home = CurrentMemoryContext;
    const ResourceOwner owner = CurrentResourceOwner;
    ErrorData *volatile error = nullptr;

    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(home);
    runs = true;
    PG_TRY();
    {
        begin_time_limit(limit);
        call(trial);
        *was_over = end_time_limit();
    }
    PG_CATCH();
    {
        *was_over = end_time_limit();
        MemoryContextSwitchTo(home);
        error = CopyErrorData();
        FlushErrorState();
    }
    PG_END_TRY();
    runs = false;
    take_back();
    MemoryContextSwitchTo(home);
    CurrentResourceOwner = owner;

    ErrorData *caught = error;
    if (caught != nullptr && is_cancel(*caught) && !is_our_cancel(*caught, *was_over))
        ReThrowError(caught);
    return caught;
}

// A text of an error, cut: a check may raise megabytes.
const char *cut(const char *text) {
    const int size = static_cast<int>(strlen(text));
    return size <= longest_message ? text : psprintf("%.*s...", pg_mbcliplen(text, size, longest_message), text);
}

// The last row: how it ended.
void put_end(Trial *trial, const ErrorData *error, bool was_over) {
    pg::Detail detail;
    const char *message = nullptr;
    if (error == nullptr) {
        detail.add_json("found", psprintf(INT64_FORMAT, trial->found));
        detail.add_json("kept", psprintf(INT64_FORMAT, trial->kept));
    } else {
        if (!is_our_cancel(*error, was_over))
            message = error->message != nullptr ? cut(error->message) : "";
        detail.add("sqlstate", unpack_sql_state(error->sqlerrcode));
        if (error->detail != nullptr)
            detail.add("detail", cut(error->detail));
        if (error->context != nullptr)
            detail.add("context", cut(error->context));
    }
    const Datum values[columns - 1] = {0, message == nullptr ? 0 : CStringGetTextDatum(message),
                                       DirectFunctionCall1(jsonb_in, CStringGetDatum(detail.text())), 0};
    const bool nulls[columns - 1] = {true, message == nullptr, false, true};
    put(trial->result, error == nullptr ? "ended" : was_over ? "ran out of time" : "failed", values, nulls);
}

} // namespace

} // namespace lifeguard::monitoring

using namespace lifeguard;

// run_check(function, time limit in milliseconds): what it found, and how it ended.
LG_FUNCTION(lifeguard_run_check) {
    using namespace monitoring;
    if (runs)
        ereport(ERROR, (errcode(err::check_within_check), errmsg("a check cannot run checks"),
                        errhint("Let it call the functions of the other checks.")));
    InitMaterializedSRF(fcinfo, 0);
    Trial trial = {};
    trial.function = PG_GETARG_OID(0);
    trial.result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    trial.row = AllocSetContextCreate(CurrentMemoryContext, "lifeguard finding", ALLOCSET_DEFAULT_SIZES);

    bool was_over = false;
    const ErrorData *error = try_out(&trial, PG_GETARG_INT32(1), &was_over);
    if (error != nullptr)
        tuplestore_clear(trial.result->setResult); // what was found until then is not all
    put_end(&trial, error, was_over);
    MemoryContextDelete(trial.row);
    PG_RETURN_NULL();
}
