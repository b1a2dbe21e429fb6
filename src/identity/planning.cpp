// What the planner is told of is_member(column): that an index on the column serves, and how many rows there will be.
#include "identity/answers.hpp"

using namespace lifeguard;

namespace {

constexpr double usual_count = 10; // organizations of a caller, before they are known

// lifeguard.organizations(), beside the function that is planned; InvalidOid when it is gone.
Oid organizations_function(Oid beside) {
    oidvector *no_arguments = buildoidvector(nullptr, 0);
    return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("organizations"),
                           PointerGetDatum(no_arguments), ObjectIdGetDatum(get_func_namespace(beside)));
}

// column = ANY (organizations()), for a B-tree of UUIDs: exactly what is_member(column) says.
List *index_condition(SupportRequestIndexCondition *request) {
    if (!is_funcclause(request->node) || request->indexarg != 0 || request->index->relam != BTREE_AM_OID)
        return NIL;
    const Oid equal = get_opfamily_member(request->opfamily, UUIDOID, UUIDOID, BTEqualStrategyNumber);
    const Oid organizations = organizations_function(request->funcid);
    if (!OidIsValid(equal) || !OidIsValid(organizations))
        return NIL;
    auto *condition = makeNode(ScalarArrayOpExpr);
    condition->opno = equal;
    condition->opfuncid = get_opcode(equal);
    condition->useOr = true;
    condition->args =
        list_make2(linitial(reinterpret_cast<FuncExpr *>(request->node)->args),
                   makeFuncExpr(organizations, UUIDARRAYOID, NIL, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
    condition->location = -1;
    request->lossy = false;
    return list_make1(condition);
}

// The part of the rows that belong to the caller's organizations.
bool estimate(SupportRequestSelectivity *request) {
    if (request->is_join || list_length(request->args) != 1)
        return false;
    VariableStatData column;
    bool guessed;
    examine_variable(request->root, static_cast<Node *>(linitial(request->args)), request->varRelid, &column);
    const double distinct = get_variable_numdistinct(&column, &guessed);
    double nulls = 0;
    if (HeapTupleIsValid(column.statsTuple))
        nulls = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(column.statsTuple))->stanullfrac;
    ReleaseVariableStats(column);
    const int known = identity::known_count();
    const double count = known < 0 ? usual_count : known;
    request->selectivity = Min(1.0, count / Max(distinct, 1.0)) * (1.0 - nulls);
    return true;
}

} // namespace

// The planner's support function of is_member(uuid).
LG_FUNCTION(lifeguard_is_member_support) {
    auto *request = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
    Node *answer = nullptr;
    if (IsA(request, SupportRequestIndexCondition))
        answer = reinterpret_cast<Node *>(index_condition(reinterpret_cast<SupportRequestIndexCondition *>(request)));
    else if (IsA(request, SupportRequestSelectivity) &&
             estimate(reinterpret_cast<SupportRequestSelectivity *>(request)))
        answer = request;
    PG_RETURN_POINTER(answer);
}
