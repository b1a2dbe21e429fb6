#include "pg/owner.hpp"
#include "journal/rows.hpp"
#include "journal/statement.hpp"

namespace lifeguard::journal {

// The role that owns a table.
static Oid owner_of(Oid table) {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table %u does not exist any more", table)));
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

void defer_nothing() {
    auto *all_immediate = makeNode(ConstraintsSetStmt);
    all_immediate->constraints = NIL;
    all_immediate->deferred = false;
    AfterTriggerSetState(all_immediate);
}

// Whether a superuser's table has a trigger with a function of somebody who is none: who was granted TRIGGER on it, be
// it by a GRANT on all tables of the schema, is not to have a superuser run his function.
static bool has_stranger_trigger(Oid table, Oid owner) {
    if (!superuser_arg(owner))
        return false;
    Relation relation = table_open(table, RowExclusiveLock);
    const TriggerDesc *triggers = relation->trigdesc;
    bool found = false;
    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(triggers->triggers[i].tgfoid));
        if (!HeapTupleIsValid(tuple))
            continue;
        found = found || !superuser_arg(reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner);
        ReleaseSysCache(tuple);
    }
    table_close(relation, NoLock);
    return found;
}

// Sets something until the acting ends.
static void set_for_now(const char *name, const char *value) {
    (void)set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

Acting act_as_owner(Oid table) {
    const Oid owner = owner_of(table);
    const pg::Caller caller = pg::enter_owner(owner, SECURITY_RESTRICTED_OPERATION);
    const int settings = NewGUCNestLevel();
    set_for_now("search_path", "pg_catalog, pg_temp");
    if (has_stranger_trigger(table, owner))
        set_for_now("session_replication_role", "replica");
    return {caller.role, caller.security, settings};
}

void stop_acting(const Acting &acting) {
    AfterTriggerFireDeferred();
    AtEOXact_GUC(false, acting.settings);
    SetUserIdAndSecContext(acting.caller, acting.security);
}

// Prepares a statement, once, and plans it.
static void prepare(Statement *statement) {
    if (statement->plan == nullptr) {
        // planned for any values: what changes from batch to batch is how many there are
        SPIPlanPtr plan =
            SPI_prepare_cursor(statement->text, statement->count, statement->types, CURSOR_OPT_GENERIC_PLAN);
        if (plan == nullptr || SPI_keepplan(plan) != 0)
            elog(ERROR, "a statement of the journal could not be prepared: %s", SPI_result_code_string(SPI_result));
        statement->plan = plan;
    }
    CachedPlan *planned = SPI_plan_get_cached_plan(statement->plan);
    if (planned != nullptr)
        ReleaseCachedPlan(planned, CurrentResourceOwner);
}

Statement *prepared_for(Oid table, TableStatement *statement) {
    Statement &prepared = statement->prepared;
    const char *name = get_rel_name(table);
    if (name == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table %u does not exist any more", table)));
    name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), name);
    const char *text = psprintf(statement->text, name);
    if (prepared.text == nullptr || strcmp(prepared.text, text) != 0) {
        if (prepared.plan != nullptr)
            SPI_freeplan(prepared.plan);
        prepared.plan = nullptr;
        if (prepared.text != nullptr)
            pfree(const_cast<char *>(prepared.text));
        prepared.text = MemoryContextStrdup(TopMemoryContext, text);
        prepared.count = statement->count;
        memcpy(prepared.types, array_types, sizeof array_types);
    }
    prepare(&prepared);
    return &prepared;
}

uint64 run(Statement *statement, Datum *values, const char *nulls) {
    prepare(statement);
    const int result = SPI_execute_plan(statement->plan, values, nulls, false, 0);
    if (result < 0)
        elog(ERROR, "a statement of the journal could not be run: %s", SPI_result_code_string(result));
    return SPI_processed;
}

bool may_pass(int sqlstate) {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
    case ERRCODE_TO_CATEGORY(ERRCODE_TRANSACTION_ROLLBACK):
    case ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES):
    case ERRCODE_TO_CATEGORY(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE):
    case ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION):
    case ERRCODE_TO_CATEGORY(ERRCODE_SYSTEM_ERROR):
        return true;
    default:
        return sqlstate == ERRCODE_DATA_CORRUPTED || sqlstate == ERRCODE_INDEX_CORRUPTED;
    }
}

Oid find_table(const char *schema, const char *name) {
    const Oid table = get_relname_relid(name, get_namespace_oid(schema, false));
    if (!OidIsValid(table))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table %s.%s does not exist", schema, name)));
    return table;
}

} // namespace lifeguard::journal
