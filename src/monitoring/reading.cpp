// lifeguard.read_as(): one query with the rights of somebody else.
#include "pg/owner.hpp"
#include "monitoring/time_limit.hpp"

namespace lifeguard::monitoring {

namespace {

// Reads the rows of a query into the result.
void read(const char *query, ReturnSetInfo *result) {
    SPI_connect();
    const int done = SPI_execute(psprintf("SELECT r.row::pg_catalog.jsonb FROM (%s) AS r(row)", query), true, 0);
    if (done != SPI_OK_SELECT)
        elog(ERROR, "read_as: %s", SPI_result_code_string(done));
    for (uint64 i = 0; i < SPI_processed; i++) {
        bool nulls[1];
        Datum values[1] = {SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &nulls[0])};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    SPI_finish();
}

// Raises the error again. Who reads for others catches OTHERS: what that leaves out, a failed assertion and an error
// that only looks like a cancel, would be in the hands of whoever owns what is read.
[[noreturn]] void raise_catchable(MemoryContext home) {
    MemoryContextSwitchTo(home);
    ErrorData *error = CopyErrorData();
    if (error->sqlerrcode == ERRCODE_ASSERT_FAILURE ||
        (error->sqlerrcode == ERRCODE_QUERY_CANCELED && !is_cancel(*error)))
        error->sqlerrcode = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
    FlushErrorState();
    ReThrowError(error);
}

} // namespace

} // namespace lifeguard::monitoring

using namespace lifeguard;

// read_as(role, query, search_path): the rows of a query, run as the role under that path, past the row security of its
// own tables; its only column is the row, as jsonb. What the role put into its tables cannot leave the role; what a
// volatile function of its writes is the caller's to forbid or to take back. An error undoes the path and the role with
// its subtransaction.
LG_FUNCTION(lifeguard_read_as) {
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    const char *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
    const int settings = NewGUCNestLevel();
    (void)set_config_option("search_path", text_to_cstring(PG_GETARG_TEXT_PP(2)), PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_SAVE, true, 0, false);
    const pg::Caller caller = pg::enter_owner(PG_GETARG_OID(0), SECURITY_RESTRICTED_OPERATION);
    const MemoryContext home = CurrentMemoryContext;
    PG_TRY();
    { monitoring::read(query, result); }
    PG_CATCH();
    { monitoring::raise_catchable(home); }
    PG_END_TRY();
    pg::leave_owner(caller);
    AtEOXact_GUC(true, settings);
    PG_RETURN_NULL();
}
