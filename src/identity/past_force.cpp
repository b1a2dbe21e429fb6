// Reading a table as its owner where row security is forced upon him, for explain_access and the access matrix.
#include "pg/errors.hpp"

using namespace lifeguard;

// Whether a function is one that a trial runs statements with, of a role that the caller may act as.
static bool is_runner(Oid function, Oid caller) {
    const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto *found = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const Oid *types = found->proargtypes.values;
    const bool runs = found->prokind == PROKIND_FUNCTION && found->prosecdef && !found->proretset &&
                      found->prorettype == TEXTARRAYOID && found->pronargs == 3 && types[0] == TEXTOID &&
                      types[1] == BOOLOID && types[2] == TEXTOID && is_member_of_role(caller, found->proowner);
    ReleaseSysCache(tuple);
    return runs;
}

// run_past_force(runner, statement, reads, path): calls a trial's runner (60_trial.sql) so that FORCE ROW LEVEL
// SECURITY does not hold for the owner of what the statement reads. A superuser is not subject to it either, but the
// owner's own code would have his rights then. Only for whom policies do not stop anyway, and who may be that owner.
LG_FUNCTION(lifeguard_run_past_force) {
    const Oid runner = PG_GETARG_OID(0);
    Oid caller;
    int security;
    GetUserIdAndSecContext(&caller, &security);
    if (PG_ARGISNULL(0) || !has_bypassrls_privilege(caller) || !is_runner(runner, caller))
        ereport(ERROR, (errcode(err::may_not_look_past),
                        errmsg("%s may not look past row security", GetUserNameFromId(caller, false))));
    FmgrInfo function;
    fmgr_info(runner, &function);
    LOCAL_FCINFO(call, 3);
    InitFunctionCallInfoData(*call, &function, 3, InvalidOid, nullptr, nullptr);
    for (int i = 0; i < 3; i++)
        call->args[i] = fcinfo->args[i + 1];
    SetUserIdAndSecContext(caller, security | SECURITY_NOFORCE_RLS); // an error's rollback takes it back
    const Datum result = FunctionCallInvoke(call);
    SetUserIdAndSecContext(caller, security);
    fcinfo->isnull = call->isnull;
    return result;
}
