#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "pg/uuid.hpp"
#include "audit/audit.hpp"
#include "audit/log.hpp"
#include "audit/values.hpp"
#include "rules/compiled.hpp"

namespace lifeguard::audit {

using rules::Definition;
using rules::RowChange;

namespace {

// Some columns, as jsonb sorts them.
struct Columns {
    int count;
    Column **list;
};

// The rule, compiled for a table.
struct Rule {
    pg_uuid_t story;
    Datum relation; // the declaring table's name, as text
    int count;
    Column *columns; // those that are watched, in the table's order
    Columns key;     // of the primary key
    Columns kept;    // those whose values may be in the log
    int size;        // of an array by attribute number
};

// One kind, in the AFTER trigger.
bool owns(const char *kind, rules::Timing timing) {
    return timing == rules::Timing::after && std::string_view(kind) == "audit";
}

// The names under a key; NIL where it is absent or null.
List *names_under(Relation table, const Definition &definition, const char *key) {
    JsonbValue *value =
        getKeyJsonValueFromContainer(&definition.object->root, key, static_cast<int>(strlen(key)), nullptr);
    return value == nullptr || value->type == jbvNull ? NIL : rules::required_texts(table, definition, key);
}

// Is the name in the list?
bool has_name(const List *names, const char *name) {
    const ListCell *cell;
    foreach (cell, names)
        if (strcmp(static_cast<const char *>(lfirst(cell)), name) == 0)
            return true;
    return false;
}

// Notes that the rule needs these columns: a column whose value is left out must not be renamed or replaced behind it.
void require_columns(rules::Compilation &compilation, const List *names) {
    const ListCell *cell;
    foreach (cell, names) {
        const auto *name = static_cast<const char *>(lfirst(cell));
        const AttrNumber column = get_attnum(RelationGetRelid(compilation.table), name);
        if (column <= 0)
            ereport(ERROR,
                    (errcode(err::invalid_rule),
                     errmsg("audit: table %s has no column \"%s\"", pg::table_name(compilation.table), name),
                     errdetail_internal(
                         "%s", pg::Detail().add("table", pg::table_name(compilation.table)).add("column", name).text()),
                     errhint("Was the column renamed? Then lifeguard.drop_audit(), rename, and declare it again."),
                     errtable(compilation.table)));
        compilation.columns = bms_add_member(compilation.columns, column);
    }
}

// The attribute numbers of the primary key.
Bitmapset *key_of(Relation table) {
    Bitmapset *columns = nullptr;
    const Oid index = pg::primary_key_index(table);
    if (!OidIsValid(index))
        return nullptr;
    Relation relation = index_open(index, AccessShareLock);
    for (int i = 0; i < relation->rd_index->indnkeyatts; i++)
        columns = bms_add_member(columns, relation->rd_index->indkey.values[i]);
    index_close(relation, NoLock);
    return columns;
}

// Is the column generated from one of these? Then it says what they hold.
bool tells_of(Relation table, const FormData_pg_attribute &attribute, const List *names) {
    if (names == NIL || attribute.attgenerated == '\0')
        return false;
    Bitmapset *used = nullptr;
    pull_varattnos(build_column_default(table, attribute.attnum), 1, &used);
    for (int column = -1; (column = bms_next_member(used, column)) >= 0;) {
        const int number = column + FirstLowInvalidHeapAttributeNumber;
        if (number <= 0 || has_name(names, NameStr(TupleDescAttr(RelationGetDescr(table), number - 1)->attname)))
            return true;
    }
    return false;
}

// Picks columns and sorts them.
template <typename Wanted> Columns pick(const Rule &rule, Wanted wanted) {
    Columns picked = {0, static_cast<Column **>(palloc(sizeof(Column *) * Max(rule.count, 1)))};
    for (int i = 0; i < rule.count; i++)
        if (wanted(rule.columns[i]))
            picked.list[picked.count++] = &rule.columns[i];
    sort_as_keys(picked.list, picked.count);
    return picked;
}

// Compiles the table's columns.
void compile_columns(Rule &rule, Relation table, const List *only, const List *except) {
    const TupleDesc columns = RelationGetDescr(table);
    const Bitmapset *key = key_of(table);
    rule.size = columns->natts + 1;
    rule.columns = static_cast<Column *>(palloc0(sizeof(Column) * Max(columns->natts, 1)));
    for (int i = 0; i < columns->natts; i++) {
        const FormData_pg_attribute &attribute = *TupleDescAttr(columns, i);
        if (attribute.attisdropped || !pg::is_stored(attribute))
            continue;
        Column &column = rule.columns[rule.count];
        column.number = attribute.attnum;
        column.name = pstrdup(NameStr(attribute.attname));
        column.name_length = static_cast<int>(strlen(column.name));
        column.name_text = CStringGetTextDatum(column.name);
        column.in_key = bms_is_member(attribute.attnum, key);
        column.watched = column.in_key || only == NIL || has_name(only, column.name);
        const bool left_out = has_name(except, column.name) || tells_of(table, attribute, except);
        column.kept = column.watched && !left_out;
        if (column.in_key && left_out)
            ereport(ERROR,
                    (errcode(err::invalid_rule),
                     errmsg("audit: column \"%s\" of table %s is in the primary key, which names the row in the log",
                            column.name, pg::table_name(table)),
                     errhint("What must not be kept is no key."), pg::errrule(table, "audit")));
        if (!column.watched)
            continue;
        prepare_value(column, attribute);
        rule.count++;
    }
    rule.key = pick(rule, [](const Column &column) { return column.in_key; });
    rule.kept = pick(rule, [](const Column &column) { return column.kept; });
}

// Does the table's trigger, of an older declaration than `ours`, name this story?
bool is_told_by(HeapTuple trigger, TupleDesc columns, const rules::Compiled &ours, Oid function, const char *story) {
    const auto *form = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(trigger));
    if (form->tgfoid != function || OidIsValid(form->tgparentid) || form->tgrelid == ours.declared_on ||
        (OidIsValid(ours.declared_by) && form->oid > ours.declared_by))
        return false;
    bool isnull;
    const Datum arguments = heap_getattr(trigger, Anum_pg_trigger_tgargs, columns, &isnull);
    if (isnull)
        return false;
    const bytea *bytes = DatumGetByteaPP(arguments);
    return std::string_view(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)).find(story) != std::string_view::npos;
}

// Reads the story, and refuses another table's: rows would get into its history.
void read_story(Rule &rule, const rules::Compilation &compilation, const Definition &definition) {
    const char *story = rules::required_text(compilation.table, definition, "story");
    const char *problem = nullptr;
    if (!pg::read_uuid(story, &rule.story) ||
        strcmp(story, DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&rule.story)))) != 0)
        problem = "is no UUID in its usual form";
    const Oid function = rules::trigger_function(rules::Timing::after);
    Relation triggers = table_open(TriggerRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(triggers, InvalidOid, false, nullptr, 0, nullptr);
    for (HeapTuple trigger; problem == nullptr && HeapTupleIsValid(trigger = systable_getnext(scan));)
        if (is_told_by(trigger, RelationGetDescr(triggers), *compilation.compiled, function, story))
            problem = "is another table's";
    systable_endscan(scan);
    table_close(triggers, AccessShareLock);
    if (problem != nullptr)
        ereport(ERROR,
                (errcode(err::invalid_rule),
                 errmsg("audit: the story of table %s %s", pg::table_name(compilation.table), problem),
                 errhint("lifeguard.audit() gives a table one of its own, after SELECT lifeguard.drop_audit('%s').",
                         pg::table_name(compilation.table)),
                 pg::errrule(compilation.table, "audit")));
}

// Refuses to audit the log, or what else is lifeguard's: each row of the log would make another.
void refuse_own(Relation table) {
    const std::string_view schema = get_namespace_name(RelationGetNamespace(table));
    if (schema == "monitoring" || schema == "lifeguard")
        ereport(ERROR, (errcode(err::invalid_rule),
                        errmsg("audit: table %s is in a schema of lifeguard's own", pg::table_name(table)),
                        errhint("Audit the application's tables; one of yours belongs into a schema of yours."),
                        pg::errrule(table, "audit")));
}

// Compiles the rule; the last one declared holds.
void *compile(rules::Compilation &compilation, const Definition *definitions, int count) {
    Rule *rule = nullptr;
    for (int i = 0; i < count; i++) {
        if (!owns(definitions[i].kind, compilation.timing))
            continue;
        Relation table = compilation.table;
        refuse_own(table);
        rule = static_cast<Rule *>(palloc0(sizeof(Rule)));
        read_story(*rule, compilation, definitions[i]);
        const List *only = names_under(table, definitions[i], "only");
        const List *except = names_under(table, definitions[i], "except");
        require_columns(compilation, only);
        require_columns(compilation, except);
        rule->relation = CStringGetTextDatum(pg::table_name(compilation.compiled->declared_on));
        compile_columns(*rule, table, only, except);
        compilation.on_insert = compilation.on_update = compilation.on_delete = compilation.on_truncate = true;
        compilation.on_any_column = true;
    }
    return rule;
}

// Are these the same bytes, also after what is stored elsewhere or compressed has been read?
bool same_value(const Column &column, Datum one, Datum other) {
    if (column.by_value)
        return one == other;
    if (column.length == -1) {
        const char *a = DatumGetPointer(one), *b = DatumGetPointer(other);
        if (VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0)
            return true;
        if (toast_raw_datum_size(one) != toast_raw_datum_size(other))
            return false;
    }
    return datum_image_eq(one, other, column.by_value, column.length);
}

// Does the row bring the column another value?
bool changes(const Column &column, const RowChange &change) {
    bool old_null, new_null;
    const Datum before = slot_getattr(change.before, column.number, &old_null);
    const Datum after = slot_getattr(change.after, column.number, &new_null);
    return old_null || new_null ? old_null != new_null : !same_value(column, before, after);
}

// An entry with what is known of every row.
Entry begin_entry(const Rule &rule, const RowChange &change, const char *operation, TupleTableSlot *row) {
    Entry entry = {};
    entry.operation = operation;
    entry.relation = rule.relation;
    entry.story = &rule.story;
    entry.role = change.caller;
    if (rule.key.count > 0 && row != nullptr)
        entry.key = values_of(rule.key.list, rule.key.count, row, nullptr);
    return entry;
}

// An UPDATE: the watched columns that it changed. Without a key the whole old row is kept, to know it by.
void add_update(const Rule &rule, const RowChange &change) {
    auto *changed = static_cast<bool *>(palloc0(sizeof(bool) * rule.size));
    auto *names = static_cast<Datum *>(palloc(sizeof(Datum) * Max(rule.count, 1)));
    int count = 0;
    for (int i = 0; i < rule.count; i++) {
        const Column &column = rule.columns[i];
        if (!changes(column, change))
            continue;
        changed[column.number] = true;
        names[count++] = column.name_text;
    }
    if (count == 0)
        return;
    Entry entry = begin_entry(rule, change, "UPDATE", change.after);
    entry.changed = construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT);
    entry.before = values_of(rule.kept.list, rule.kept.count, change.before, rule.key.count > 0 ? changed : nullptr);
    entry.after = values_of(rule.kept.list, rule.kept.count, change.after, changed);
    add(entry);
}

// Writes down how a row was stored.
void act(void *rules, RowChange &change) {
    const auto &rule = *static_cast<const Rule *>(rules);
    const MemoryContext home = MemoryContextSwitchTo(change.compiled->expressions->ecxt_per_tuple_memory);
    if (change.insert) {
        Entry entry = begin_entry(rule, change, "INSERT", change.after);
        entry.after = values_of(rule.kept.list, rule.kept.count, change.after, nullptr);
        add(entry);
    } else {
        add_update(rule, change);
    }
    MemoryContextSwitchTo(home);
}

// Writes down a row that is gone.
void act_on_delete(void *rules, RowChange &change) {
    const auto &rule = *static_cast<const Rule *>(rules);
    const MemoryContext home = MemoryContextSwitchTo(change.compiled->expressions->ecxt_per_tuple_memory);
    Entry entry = begin_entry(rule, change, "DELETE", change.before);
    entry.before = values_of(rule.kept.list, rule.kept.count, change.before, nullptr);
    add(entry);
    MemoryContextSwitchTo(home);
}

// Writes down that a table was emptied, by its own name.
void act_on_truncate(void *rules, RowChange &change) {
    Entry entry = begin_entry(*static_cast<const Rule *>(rules), change, "TRUNCATE", nullptr);
    entry.relation = CStringGetTextDatum(pg::table_name(change.table));
    add(entry);
}

int retention = 24; // months

} // namespace

void init() {
    DefineCustomIntVariable("lifeguard.audit_longest_value", "How long a value may be that is kept in the audit log.",
                            "In place of a longer one its length is kept.", &longest_value, 1024, 1, 64 * 1024,
                            PGC_SUSET, GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("lifeguard.audit_retention",
                            "How many months the audit log is kept, besides the present one.", nullptr, &retention, 24,
                            1, 1200, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    rules::register_feature(
        {"audit", owns, compile, nullptr, nullptr, act, act_on_delete, act_on_truncate, nullptr, nullptr, nullptr});
}

} // namespace lifeguard::audit

// lifeguard.audit_retention(): the setting, for SQL, which does not know one before the library is loaded.
LG_FUNCTION(lifeguard_audit_retention) {
    (void)fcinfo;
    PG_RETURN_INT32(lifeguard::audit::retention);
}
