#include "pg/errors.hpp"
#include "pg/search_path.hpp"
#include "pg/text.hpp"
#include "rules/compiled.hpp"
#include "rules/origin.hpp"
#include "rules/register.hpp"

namespace lifeguard::rules {

bool declaring = false;

namespace {

// Reads 'before' or 'after'.
Timing timing_named(const char *name) {
    if (strcmp(name, "before") == 0)
        return Timing::before;
    if (strcmp(name, "after") == 0)
        return Timing::after;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("timing \"%s\" is neither before nor after", name)));
}

// Opens a table whose rules are to change, locked against others who change them, and refuses who may not: before the
// lock, so that nobody can hold up another's table.
Relation open_for_change(Oid table) {
    if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table)))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no table with OID %u", table)));
    if (!pg::owns_table(table, GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(table));
    Relation relation = relation_open(table, ShareRowExclusiveLock);
    const char kind = relation->rd_rel->relkind;
    if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("%s is not a table", pg::table_name(relation)),
                        errhint("Rules belong to tables; an update through a view runs the rules of its table.")));
    return relation;
}

// Refuses to change rules that a partition has from the table above it.
void refuse_inherited(Relation relation, const Trigger *trigger) {
    if (trigger == nullptr || !trigger->tgisclone)
        return;
    const Oid root = root_of(relation);
    ereport(ERROR, (errcode(err::invalid_rule),
                    errmsg("%s has its rules from the partitioned table %s", pg::table_name(relation),
                           quote_qualified_identifier(get_namespace_name(get_rel_namespace(root)), get_rel_name(root))),
                    errhint("Declare the rule there; it holds for all partitions.")));
}

// Compiles a set of rules as the trigger would; nullptr where there are none.
Compiled *check_rules(Relation table, Timing timing, char **arguments, int count, Compilation &compilation) {
    return count == 0 ? nullptr : compile(table, InvalidOid, timing, arguments, count, compilation);
}

// The name of the trigger to write: the present one's, since it may have been renamed.
const char *trigger_name(Timing timing, const Trigger *existing) {
    if (existing != nullptr)
        return existing->tgname;
    return timing == Timing::before ? "lifeguard_before" : "lifeguard_after";
}

// Refuses to replace a trigger that only has the name of ours.
void refuse_namesake(Relation table, const char *name) {
    const Oid ours[] = {trigger_function(Timing::before), trigger_function(Timing::after)};
    const TriggerDesc *triggers = table->trigdesc;
    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        const Oid function = triggers->triggers[i].tgfoid;
        if (strcmp(triggers->triggers[i].tgname, name) == 0 && function != ours[0] && function != ours[1])
            ereport(ERROR,
                    (errcode(ERRCODE_DUPLICATE_OBJECT),
                     errmsg("table %s has a trigger \"%s\" that is not lifeguard's", pg::table_name(table), name),
                     errhint("Rename that trigger."), pg::errrule(table, nullptr)));
    }
}

// Refuses to give a partitioned table rules over the heads of partitions that have their own: theirs would be lost.
void refuse_rules_below(Relation table, Timing timing) {
    if (table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
        return;
    ListCell *cell;
    foreach (cell, find_all_inheritors(RelationGetRelid(table), ShareRowExclusiveLock, nullptr)) {
        if (lfirst_oid(cell) == RelationGetRelid(table))
            continue;
        Relation partition = relation_open(lfirst_oid(cell), NoLock);
        const Trigger *trigger = find_trigger(partition, timing);
        if (trigger != nullptr && !trigger->tgisclone)
            ereport(ERROR,
                    (errcode(err::rule_exists),
                     errmsg("partition %s of table %s has rules of its own", pg::table_name(partition),
                            pg::table_name(table)),
                     errhint("lifeguard.forget('%s') drops them; then declare all rules on the partitioned table.",
                             pg::table_name(partition)),
                     pg::errrule(partition, nullptr)));
        relation_close(partition, NoLock);
    }
}

// Runs one DDL command as the caller.
void execute(const char *command) {
    const int level = pg::pin_search_path();
    PG_TRY();
    {
        declaring = true;
        SPI_connect();
        if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
            elog(ERROR, "could not execute: %s", command);
        SPI_finish();
    }
    PG_FINALLY();
    { declaring = false; }
    PG_END_TRY();
    pg::unpin_search_path(level);
}

// The columns that an UPDATE must name for the AFTER trigger to fire: " OF status"; "" for all. A change of such a
// column that no statement names, by another BEFORE trigger, is for the features to refuse. No WHEN clause besides: the
// server would read it anew for every statement, which costs more than the trigger.
const char *column_list(Relation table, const Compilation &compilation) {
    StringInfoData list;
    initStringInfo(&list);
    if (compilation.on_any_column)
        return "";
    for (int column = -1; (column = bms_next_member(compilation.watched, column)) >= 0;)
        appendStringInfo(&list, "%s%s", list.len == 0 ? " OF " : ", ",
                         quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(table), column - 1)->attname)));
    return list.data;
}

// The events as SQL: INSERT OR UPDATE OF status.
const char *event_list(Relation table, const Compilation &compilation) {
    StringInfoData events;
    initStringInfo(&events);
    const auto add = [&](bool wanted, const char *event) {
        if (wanted)
            appendStringInfo(&events, "%s%s", events.len == 0 ? "" : " OR ", event);
    };
    add(compilation.on_insert, "INSERT");
    add(compilation.on_update, psprintf("UPDATE%s", column_list(table, compilation)));
    add(compilation.on_delete, "DELETE");
    return events.data;
}

// The command that creates or replaces the trigger with these arguments.
const char *create_command(Relation table, Timing timing, const char *name, const Compilation &compilation,
                           char **arguments, int count) {
    StringInfoData command;
    initStringInfo(&command);
    appendStringInfo(&command, "CREATE OR REPLACE TRIGGER %s %s %s ON %s FOR EACH ROW EXECUTE FUNCTION lifeguard.%s(",
                     quote_identifier(name), timing == Timing::before ? "BEFORE" : "AFTER",
                     event_list(table, compilation), pg::table_name(table),
                     timing == Timing::before ? "before_row" : "after_row");
    for (int i = 0; i < count; i++)
        appendStringInfo(&command, "%s%s", i == 0 ? "" : ", ", quote_literal_cstr(arguments[i]));
    appendStringInfoChar(&command, ')');
    return command.data;
}

// The name of the table's trigger for TRUNCATE, or nullptr.
const char *truncate_trigger(Relation table) {
    const Oid function = truncate_function();
    const TriggerDesc *triggers = table->trigdesc;
    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++)
        if (triggers->triggers[i].tgfoid == function)
            return pstrdup(triggers->triggers[i].tgname);
    return nullptr;
}

// Gives a table, and all partitions, which a statement trigger does not reach, the trigger for TRUNCATE, or takes it
// away.
void keep_truncate_triggers(Oid table, bool wanted) {
    const bool is_partitioned = get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE;
    ListCell *cell;
    foreach (cell,
             is_partitioned ? find_all_inheritors(table, ShareRowExclusiveLock, nullptr) : list_make1_oid(table)) {
        Relation relation = relation_open(lfirst_oid(cell), NoLock);
        const bool is_table =
            relation->rd_rel->relkind == RELKIND_RELATION || relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
        const char *existing = truncate_trigger(relation);
        const char *name = pg::table_name(relation);
        relation_close(relation, NoLock);
        if (!is_table || wanted == (existing != nullptr))
            continue;
        execute(wanted ? psprintf("CREATE TRIGGER lifeguard_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE "
                                  "FUNCTION lifeguard.after_truncate()",
                                  name)
                       : psprintf("DROP TRIGGER %s ON %s", quote_identifier(existing), name));
    }
}

// The rules of an array argument as C strings; NULL elements are refused.
char **strings(ArrayType *array, int *count) {
    Datum *elements;
    bool *nulls;
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, count);
    auto **texts = static_cast<char **>(palloc0(sizeof(char *) * (*count + 1)));
    for (int i = 0; i < *count; i++) {
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a rule is null")));
        texts[i] = TextDatumGetCString(elements[i]);
    }
    return texts;
}

// Compiles the new rules of one timing and holds them against the other's. Dropping all rules asks only whether the
// other trigger can do without them, so that what cannot be read can be forgotten.
void check_change(Relation table, Timing timing, char **arguments, int count, Compilation &compilation) {
    const Trigger *companion = find_trigger(table, timing == Timing::before ? Timing::after : Timing::before);
    Compiled *compiled = check_rules(table, timing, arguments, count, compilation);
    if (companion == nullptr || (count == 0 && timing == Timing::after)) {
        check_agreement(table, timing == Timing::before ? compiled : nullptr,
                        timing == Timing::before ? nullptr : compiled);
        return;
    }
    Compilation unused;
    Compiled *rest = check_rules(table, timing == Timing::before ? Timing::after : Timing::before, companion->tgargs,
                                 companion->tgnargs, unused);
    check_agreement(table, timing == Timing::before ? compiled : rest, timing == Timing::before ? rest : compiled);
}

// Replaces the rules of one timing, and closes the table: ALTER TABLE wants it unused. A trigger that was disabled
// stays so.
void replace_rules(Relation table, Timing timing, char **arguments, int count) {
    const Trigger *existing = find_trigger(table, timing);
    const char *name = pstrdup(trigger_name(timing, existing));
    const bool exists = existing != nullptr;
    const bool disabled = exists && existing->tgenabled == TRIGGER_DISABLED;
    refuse_inherited(table, existing);
    refuse_namesake(table, name);
    refuse_rules_below(table, timing);

    Compilation compilation = {};
    check_change(table, timing, arguments, count, compilation);
    const char *on = pg::table_name(table);
    const Oid id = RelationGetRelid(table);
    const char *command = count > 0 ? create_command(table, timing, name, compilation, arguments, count)
                                    : psprintf("DROP TRIGGER %s ON %s", quote_identifier(name), on);
    relation_close(table, NoLock);
    if (count > 0 || exists)
        execute(command);
    if (count > 0 && disabled)
        execute(psprintf("ALTER TABLE %s DISABLE TRIGGER %s", on, quote_identifier(name)));
    note_declared(id, timing, count > 0);
    if (timing == Timing::after)
        keep_truncate_triggers(id, compilation.on_truncate);
}

} // namespace
} // namespace lifeguard::rules

// Refuses a NULL among the arguments: whoever computed it meant a table.
static void refuse_nulls(FunctionCallInfo fcinfo) {
    for (int i = 0; i < fcinfo->nargs; i++)
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("rules: %s is null", i == 0 ? "the table" : "an argument"),
                            errhint("Name an existing table, for example 'content.submissions'.")));
}

// lifeguard.get_rules(relation, timing): the rules as they stand, the table locked for a change by its owner.
LG_FUNCTION(lifeguard_get_rules) {
    using namespace lifeguard::rules;
    refuse_nulls(fcinfo);
    Relation table = open_for_change(PG_GETARG_OID(0));
    const Trigger *trigger = find_trigger(table, timing_named(text_to_cstring(PG_GETARG_TEXT_PP(1))));
    const int count = trigger == nullptr ? 0 : trigger->tgnargs;
    auto *elements = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 1)));
    for (int i = 0; i < count; i++)
        elements[i] = CStringGetTextDatum(trigger->tgargs[i]);
    ArrayType *result = construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT);
    relation_close(table, NoLock);
    PG_RETURN_ARRAYTYPE_P(result);
}

// lifeguard.set_rules(relation, timing, rules): checks and replaces the rules of one of the two triggers.
LG_FUNCTION(lifeguard_set_rules) {
    using namespace lifeguard::rules;
    refuse_nulls(fcinfo);
    Relation table = open_for_change(PG_GETARG_OID(0));
    int count;
    char **arguments = strings(PG_GETARG_ARRAYTYPE_P(2), &count);
    replace_rules(table, timing_named(text_to_cstring(PG_GETARG_TEXT_PP(1))), arguments, count);
    PG_RETURN_VOID();
}

// lifeguard.split_arguments(tgargs): the NUL-terminated arguments of a row of pg_trigger as an array.
LG_FUNCTION(lifeguard_split_arguments) {
    const bytea *packed = PG_GETARG_BYTEA_PP(0);
    const char *at = VARDATA_ANY(packed);
    const char *const end = at + VARSIZE_ANY_EXHDR(packed);
    ArrayBuildState *array = initArrayResult(TEXTOID, CurrentMemoryContext, false);
    while (at < end) {
        const size_t length = strnlen(at, end - at);
        pg_verifymbstr(at, static_cast<int>(length), false);
        array = accumArrayResult(array, PointerGetDatum(cstring_to_text_with_len(at, static_cast<int>(length))), false,
                                 TEXTOID, CurrentMemoryContext);
        at += length + 1;
    }
    PG_RETURN_DATUM(makeArrayResult(array, CurrentMemoryContext));
}

// lifeguard.compile_rules(relation): compiles what the table's triggers carry; raises what is wrong with it.
LG_FUNCTION(lifeguard_compile_rules) {
    using namespace lifeguard::rules;
    refuse_nulls(fcinfo);
    Relation table = relation_open(PG_GETARG_OID(0), AccessShareLock);
    if (!lifeguard::pg::owns_table(RelationGetRelid(table), GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, RelationGetRelationName(table));
    Compiled *compiled[2] = {nullptr, nullptr};
    for (const Timing timing : {Timing::before, Timing::after}) {
        const Trigger *trigger = find_trigger(table, timing);
        Compilation compilation;
        if (trigger != nullptr)
            compiled[static_cast<int>(timing)] =
                check_rules(table, timing, trigger->tgargs, trigger->tgnargs, compilation);
    }
    check_agreement(table, compiled[0], compiled[1]);
    relation_close(table, AccessShareLock);
    PG_RETURN_VOID();
}
