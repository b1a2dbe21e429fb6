#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "rules/origin.hpp"

namespace lifeguard::rules {

namespace {

// Collects the functions that an expression calls by name, sub-selects included.
bool collect_calls(Node *node, void *context) {
    if (node == nullptr)
        return false;
    auto &functions = *static_cast<List **>(context);
    if (IsA(node, FuncExpr))
        functions = list_append_unique_oid(functions, castNode(FuncExpr, node)->funcid);
    if (IsA(node, Query))
        return pg::walk_query(castNode(Query, node), collect_calls, context);
    return pg::walk_expression(node, collect_calls, context);
}

// The functions that pg_depend has for a trigger.
List *recorded_functions(Oid trigger) {
    List *functions = NIL;
    Relation dependencies = table_open(DependRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(TriggerRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
    SysScanDesc scan = systable_beginscan(dependencies, DependDependerIndexId, true, nullptr, 2, keys);
    for (HeapTuple tuple; HeapTupleIsValid(tuple = systable_getnext(scan));) {
        const auto *form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        if (form->refclassid == ProcedureRelationId)
            functions = lappend_oid(functions, form->refobjid);
    }
    systable_endscan(scan);
    table_close(dependencies, AccessShareLock);
    return functions;
}

} // namespace

Oid owner_of(Oid table) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for relation %u", table);
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

Oid root_of(Relation table) {
    const Oid self = RelationGetRelid(table);
    List *ancestors = table->rd_rel->relispartition ? get_partition_ancestors(self) : NIL;
    return ancestors == NIL ? self : llast_oid(ancestors);
}

void find_origin(Relation table, Compiled &compiled) {
    compiled.root = root_of(table);
    compiled.declared_on = RelationGetRelid(table);
    Relation triggers = table_open(TriggerRelationId, AccessShareLock);
    for (Oid trigger = compiled.trigger; OidIsValid(trigger);) {
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
        SysScanDesc scan = systable_beginscan(triggers, TriggerOidIndexId, true, nullptr, 1, &key);
        HeapTuple tuple = systable_getnext(scan);
        const auto *form = HeapTupleIsValid(tuple) ? reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple)) : nullptr;
        if (form != nullptr) {
            compiled.declared_by = trigger;
            compiled.declared_on = form->tgrelid;
        }
        trigger = form == nullptr ? InvalidOid : form->tgparentid;
        systable_endscan(scan);
    }
    table_close(triggers, AccessShareLock);
    compiled.owner = owner_of(compiled.declared_on);
}

void check_calls(Relation table, const Compiled &compiled, List *analyzed) {
    List *functions = NIL;
    ListCell *cell;
    foreach (cell, analyzed)
        collect_calls(static_cast<const AnalyzedExpression *>(lfirst(cell))->node, &functions);
    List *recorded = recorded_functions(compiled.declared_by);
    foreach (cell, functions) {
        if (lfirst_oid(cell) < FirstNormalObjectId || list_member_oid(recorded, lfirst_oid(cell)))
            continue;
        const char *name = format_procedure_qualified(lfirst_oid(cell));
        ereport(ERROR, (errcode(err::invalid_rule),
                        errmsg("the rules of table %s would now call another function than when they were declared: %s",
                               compiled.name, name),
                        errdetail_internal("%s", pg::Detail().add("table", compiled.name).add("function", name).text()),
                        errhint("If that is meant, write the rules again: SELECT lifeguard.set_rules('%s', '%s', "
                                "lifeguard.get_rules('%s', '%s'));",
                                compiled.name, compiled.timing == Timing::before ? "before" : "after", compiled.name,
                                compiled.timing == Timing::before ? "before" : "after"),
                        errtable(table)));
    }
}

} // namespace lifeguard::rules
