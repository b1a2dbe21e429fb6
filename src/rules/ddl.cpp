#include "pg/errors.hpp"
#include "pg/search_path.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "rules/compiled.hpp"
#include "rules/ddl.hpp"
#include "rules/register.hpp"

// What the server's own DDL means for rules: a trigger of ours gets its dependencies when it is created (also by a
// restore), only by the table's owner; a change that would break a rule's text is refused.
namespace lifeguard::rules {

namespace {

// A trigger of ours, found in pg_trigger.
struct OwnTrigger {
    Oid trigger;
    Relation table;
    Timing timing;
};

// The trigger, a copy; the table may have several of ours, where somebody made one by hand.
const Trigger *lookup(const OwnTrigger &own) {
    const TriggerDesc *triggers = CopyTriggerDesc(own.table->trigdesc);
    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++)
        if (triggers->triggers[i].tgoid == own.trigger)
            return &triggers->triggers[i];
    return nullptr;
}

// Compiles a trigger's rules as it will, and gives what they depend on.
Compilation compile_trigger(const OwnTrigger &own) {
    Compilation compilation = {};
    const Trigger *trigger = lookup(own);
    if (trigger != nullptr)
        compile(own.table, own.trigger, own.timing, trigger->tgargs, trigger->tgnargs, compilation);
    return compilation;
}

// Records that a trigger needs the types of a column: an enum whose labels are states, a domain and what it is over.
void record_type(const ObjectAddress &trigger, Oid type) {
    for (; type >= FirstNormalObjectId; type = getBaseType(type) == type ? InvalidOid : getBaseType(type)) {
        const ObjectAddress used = {TypeRelationId, type, 0};
        recordDependencyOn(&trigger, &used, DEPENDENCY_NORMAL);
    }
}

// Tells pg_depend what the rules use: the server then refuses to drop it, or drops the trigger with CASCADE and says
// so.
void record_dependencies(void *argument) {
    const auto &own = *static_cast<const OwnTrigger *>(argument);
    const Compilation compilation = compile_trigger(own);
    const ObjectAddress trigger = {TriggerRelationId, own.trigger, 0};
    ListCell *cell;
    foreach (cell, compilation.analyzed) {
        const auto *analyzed = static_cast<const AnalyzedExpression *>(lfirst(cell));
        recordDependencyOnExpr(&trigger, analyzed->node, analyzed->range_table, DEPENDENCY_NORMAL);
    }
    for (int column = -1; (column = bms_next_member(compilation.columns, column)) >= 0;) {
        const ObjectAddress used = {RelationRelationId, RelationGetRelid(own.table), column};
        recordDependencyOn(&trigger, &used, DEPENDENCY_NORMAL);
        record_type(trigger, get_atttype(RelationGetRelid(own.table), static_cast<AttrNumber>(column)));
    }
}

// Compiles only; for a subtransaction.
void try_compile(void *argument) {
    (void)compile_trigger(*static_cast<const OwnTrigger *>(argument));
}

// Refuses a second trigger of ours with the same timing: a table has one, and the functions that declare rules know of
// one.
void refuse_second(const OwnTrigger &own) {
    const Oid function = trigger_function(own.timing);
    const TriggerDesc *triggers = CopyTriggerDesc(own.table->trigdesc);
    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++)
        if (triggers->triggers[i].tgfoid == function && triggers->triggers[i].tgoid != own.trigger)
            ereport(
                ERROR,
                (errcode(err::rule_exists),
                 errmsg("table %s has a trigger with lifeguard's rules already: \"%s\"", pg::table_name(own.table),
                        triggers->triggers[i].tgname),
                 errhint(
                     "A table has one BEFORE and one AFTER trigger of lifeguard's; its functions add rules to them.")));
}

// A trigger of ours that was just created: refuse who is not the owner, record what it uses. Rules that cannot be read
// are a warning here, so that a restore goes on, and an error at the first row.
void created(const OwnTrigger &own) {
    if (!pg::owns_table(RelationGetRelid(own.table), GetUserId()))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("only the owner of table %s may give it rules", pg::table_name(own.table)),
                        errdetail("Rules run as the table's owner.")));
    refuse_second(own);
    OwnTrigger copy = own;
    if (declaring) { // the declaring functions have checked the rules: what goes wrong now is theirs to report
        record_dependencies(&copy);
        return;
    }
    if (!IsBinaryUpgrade) // it comes with the rows
        note_declared(RelationGetRelid(own.table), own.timing, true);
    const ErrorData *error = pg::try_in_subtransaction(record_dependencies, &copy);
    if (error != nullptr)
        ereport(WARNING, (errcode(err::unreadable_rules),
                          errmsg("table %s has rules that do not work: %s", pg::table_name(own.table), error->message),
                          errhint("Every change of a row will fail until they are mended; "
                                  "SELECT * FROM lifeguard.check_lifecycle('%s').",
                                  pg::table_name(own.table))));
}

// Something that rules use was changed: refuse when their text no longer fits. On another role's table only a warning,
// since nobody may hold up another's DDL by rules that do not work anyway.
void altered(const OwnTrigger &own) {
    OwnTrigger copy = own;
    const ErrorData *error = pg::try_in_subtransaction(try_compile, &copy);
    if (error == nullptr)
        return;
    const bool is_owner = own.table->rd_rel->relowner == GetUserId();
    const bool refuse = is_owner || (pg::owns_table(RelationGetRelid(own.table), GetUserId()) && !superuser());
    ereport(refuse ? ERROR : WARNING,
            (errcode(err::invalid_rule),
             errmsg("the change %s the rules of table %s: %s", refuse ? "would break" : "leaves broken",
                    pg::table_name(own.table), error->message),
             errdetail_internal("%s", pg::Detail()
                                          .add("table", pg::table_name(own.table))
                                          .add("error", error->message)
                                          .add("context", error->context)
                                          .text()),
             errhint("Drop the rule (lifeguard.rules lists them), make the change, declare the rule again.")));
}

// A table got another owner, as whom its rules run from now on: he should know what they call.
void handed_over(const OwnTrigger &own) {
    if (own.timing == Timing::after && find_trigger(own.table, Timing::before) != nullptr)
        return; // said once a table
    ereport(
        WARNING,
        (errmsg("the rules of table %s now run as %s", pg::table_name(own.table),
                GetUserNameFromId(own.table->rd_rel->relowner, false)),
         errhint("Look at what they call before the table is used: SELECT rule FROM lifeguard.rules WHERE relation = "
                 "'%s'::regclass;",
                 pg::table_name(own.table))));
}

// Does this ALTER TABLE give the table another owner?
bool changes_owner(const Node *statement) {
    if (statement == nullptr || !IsA(statement, AlterTableStmt))
        return false;
    ListCell *cell;
    foreach (cell, reinterpret_cast<const AlterTableStmt *>(statement)->cmds)
        if (lfirst_node(AlterTableCmd, cell)->subtype == AT_ChangeOwner)
            return true;
    return false;
}

// Runs a query for trigger OIDs, and calls `visit` for each that is ours and not a partition's copy.
void for_each_trigger(const char *query, void (*visit)(const OwnTrigger &)) {
    const Oid functions[] = {trigger_function(Timing::before), trigger_function(Timing::after)};
    SPI_connect();
    // not read-only: the command's own changes must be seen
    if (SPI_execute(psprintf(query, functions[0], functions[1]), false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not look up the triggers that were changed");
    for (uint64 i = 0; i < SPI_processed; i++) {
        bool isnull;
        const Oid trigger = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
        const Oid table = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
        const Oid function = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3, &isnull));
        Relation relation = relation_open(table, AccessShareLock);
        visit({trigger, relation, function == functions[0] ? Timing::before : Timing::after});
        relation_close(relation, NoLock);
    }
    SPI_finish();
}

ProcessUtility_hook_type next_utility = nullptr;

// CREATE TRIGGER in a cluster that pg_upgrade fills, where the event trigger comes last.
void watch_upgrade(PlannedStmt *planned, const char *text, bool read_only, ProcessUtilityContext context,
                   ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *destination,
                   QueryCompletion *completion) {
    (next_utility != nullptr ? next_utility : standard_ProcessUtility)(planned, text, read_only, context, parameters,
                                                                       environment, destination, completion);
    if (!IsA(planned->utilityStmt, CreateTrigStmt) || !OidIsValid(get_extension_oid("lifeguard", true)))
        return;
    CommandCounterIncrement();
    const auto *statement = castNode(CreateTrigStmt, planned->utilityStmt);
    const Oid table = RangeVarGetRelid(statement->relation, NoLock, false);
    const int level = pg::pin_search_path();
    for_each_trigger(psprintf("SELECT t.oid, t.tgrelid, t.tgfoid FROM pg_catalog.pg_trigger t "
                              "WHERE t.tgfoid IN (%%u, %%u) AND t.oid = %u",
                              get_trigger_oid(table, statement->trigname, false)),
                     created);
    pg::unpin_search_path(level);
}

} // namespace

void init_ddl() {
    if (!IsBinaryUpgrade)
        return;
    next_utility = ProcessUtility_hook;
    ProcessUtility_hook = watch_upgrade;
}

} // namespace lifeguard::rules

// lifeguard.watch_ddl(): the event trigger at the end of every DDL command that may concern rules.
LG_FUNCTION(lifeguard_watch_ddl) {
    using namespace lifeguard::rules;
    if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("lifeguard.watch_ddl() is an event trigger function")));
    const auto *event = reinterpret_cast<EventTriggerData *>(fcinfo->context);
    const std::string_view tag = GetCommandTagName(event->tag);
    const int level = lifeguard::pg::pin_search_path();
    if (tag == "CREATE TRIGGER" || tag == "CREATE SCHEMA")
        for_each_trigger("SELECT t.oid, t.tgrelid, t.tgfoid FROM pg_catalog.pg_event_trigger_ddl_commands() c "
                         "JOIN pg_catalog.pg_trigger t ON t.oid = c.objid "
                         "WHERE c.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass "
                         "AND t.tgfoid IN (%u, %u) AND t.tgparentid = 0",
                         created);
    else if (tag == "ALTER SCHEMA" || tag == "ALTER EXTENSION")
        for_each_trigger("SELECT t.oid, t.tgrelid, t.tgfoid FROM pg_catalog.pg_trigger t "
                         "WHERE t.tgfoid IN (%u, %u) AND t.tgparentid = 0 AND t.tgenabled <> 'D'",
                         altered);
    else if (tag.starts_with("ALTER "))
        for_each_trigger(
            "SELECT DISTINCT t.oid, t.tgrelid, t.tgfoid FROM pg_catalog.pg_event_trigger_ddl_commands() c "
            "JOIN pg_catalog.pg_depend d ON d.refclassid = c.classid AND d.refobjid = c.objid AND d.deptype = 'n' "
            "JOIN pg_catalog.pg_trigger t ON d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass "
            "AND t.oid = d.objid "
            "WHERE t.tgfoid IN (%u, %u) AND t.tgparentid = 0 AND t.tgenabled <> 'D'",
            altered);
    if (changes_owner(event->parsetree))
        for_each_trigger("SELECT t.oid, t.tgrelid, t.tgfoid FROM pg_catalog.pg_event_trigger_ddl_commands() c "
                         "JOIN pg_catalog.pg_trigger t ON c.classid = 'pg_catalog.pg_class'::pg_catalog.regclass "
                         "AND t.tgrelid = c.objid WHERE t.tgfoid IN (%u, %u) AND t.tgparentid = 0",
                         handed_over);
    lifeguard::pg::unpin_search_path(level);
    PG_RETURN_NULL();
}
