#include "guards/column.hpp"
#include "guards/in_step.hpp"
#include "pg/errors.hpp"
#include "pg/text.hpp"

namespace lifeguard::guards {

using rules::Definition;
using rules::RowChange;

namespace {

// A column that follows another, and what each says in the other's type.
struct Twin {
    Column column;
    Default standard;
    rules::Expression *to;   // from the column that it follows
    rules::Expression *from; // and back
    const char *rule;
};

// A column and all that say the same as it. Sets of them are bits: the column is 0, its twins 1 and up.
struct Group {
    Column column;
    Default standard;
    int count;
    Twin *twins;
};
using Members = uint32;
constexpr int max_twins = 15;

// A column that is what its expression says.
struct Derived {
    Column column;
    rules::Expression *value;
};

// The table's rules. Columns in step come first: a derived one may be made of them.
struct InStep {
    int group_count;
    Group *groups;
    int derived_count;
    Derived *derived; // in the order declared: one may be made of those before it
    TupleTableSlot *row;
};

// Two kinds, in the BEFORE trigger.
bool owns(const char *kind, rules::Timing timing) {
    const std::string_view name(kind);
    return timing == rules::Timing::before && (name == "keep_in_step" || name == "derive_column");
}

// Is this definition of the given kind?
bool is(const Definition &definition, const char *kind) {
    return strcmp(definition.kind, kind) == 0;
}

// A member of a group by its bit.
Column &member(Group &group, int index) {
    return index == 0 ? group.column : group.twins[index - 1].column;
}

// --- compiling ---

// True for a function whose answer depends on more than its arguments. Labels of an enum do not change behind a rule:
// adding one makes no other value of it.
bool depends_on_session(Oid function, void *) {
    return function != F_ENUM_IN && function != F_ENUM_OUT && func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

// True when an expression may say something else in another session, or later.
bool is_mutable(Node *node, void *context) {
    if (node == nullptr)
        return false;
    if (IsA(node, SQLValueFunction) || IsA(node, NextValueExpr) ||
        check_functions_in_node(node, depends_on_session, context))
        return true;
    return pg::walk_expression(node, is_mutable, context);
}

// Compiles what sets a column from other columns of the row, and gives those. Only what the row alone decides can be
// held against the row later.
rules::Expression *compile_value(rules::Compilation &compilation, const char *source, const char *rule,
                                 AttrNumber column, Bitmapset **used) {
    rules::Expression *value = rules::add_expression(compilation, source, rule, rules::Purpose::stamp, column);
    if (value->call == nullptr)
        ereport(ERROR, (errcode(err::invalid_rule), errmsg("%s asks other rows: %s", rule, source),
                        errhint("Use the columns of the row alone, as a generated column does."),
                        pg::errrule(compilation.table, rule)));
    if (is_mutable(value->call, nullptr))
        ereport(ERROR, (errcode(err::invalid_rule), errmsg("%s is not the same in every session: %s", rule, source),
                        errhint("Use IMMUTABLE functions only. Between date and time: AT TIME ZONE 'UTC', for example "
                                "new.day::timestamp AT TIME ZONE 'UTC' and (new.at AT TIME ZONE 'UTC')::date."),
                        pg::errrule(compilation.table, rule)));
    const auto *analyzed = static_cast<const rules::AnalyzedExpression *>(llast(compilation.analyzed));
    const ListCell *cell;
    foreach (cell, pull_vars_of_level(analyzed->node, 0)) {
        const auto *var = lfirst_node(Var, cell);
        if (var->varno == PRS2_OLD_VARNO || var->varattno == 0)
            ereport(ERROR, (errcode(err::invalid_rule),
                            errmsg("%s refers to %s", rule, var->varattno == 0 ? "the whole row" : "old"),
                            errhint("Use columns of new."), pg::errrule(compilation.table, rule)));
        *used = bms_add_member(*used, var->varattno);
    }
    return value;
}

// Compiles one direction between two columns: an expression over the one, or the cast of an assignment.
rules::Expression *compile_conversion(rules::Compilation &compilation, const Definition &definition, const char *key,
                                      const char *rule, const char *from, const Column &source, const Column &target) {
    const char *text = rules::optional_text(compilation.table, definition, key);
    if (text == nullptr)
        text = psprintf("new.%s", quote_identifier(from));
    Bitmapset *used = nullptr;
    rules::Expression *conversion = compile_value(compilation, text, rule, target.number, &used);
    if (bms_num_members(used) != 1 || !bms_is_member(source.number, used))
        ereport(ERROR, (errcode(err::invalid_rule), errmsg("%s: %s is not an expression over new.%s", rule, key, from),
                        errhint("What one column says in the other must not depend on a third: use new.%s only.", from),
                        pg::errrule(compilation.table, rule)));
    return conversion;
}

// The group of a column, or nullptr; and which member of it the column is.
Group *find_group(InStep &compiled, AttrNumber column, int *index) {
    for (int i = 0; i < compiled.group_count; i++)
        for (*index = 0; *index <= compiled.groups[i].count; ++*index)
            if (member(compiled.groups[i], *index).number == column)
                return &compiled.groups[i];
    return nullptr;
}

// Refuses a column that follows one and is followed by another: which of three decides would depend on the order.
[[noreturn]] void refuse_chain(const rules::Compilation &compilation, const char *rule, const char *column) {
    ereport(ERROR, (errcode(err::invalid_rule),
                    errmsg("%s: column \"%s\" of table %s is in step with another already", rule, column,
                           compilation.compiled->name),
                    errhint("Declare all columns that say the same as twins of one of them."),
                    pg::errrule(compilation.table, rule)));
    pg_unreachable();
}

// The group that the column of a rule leads, begun if there is none; refuses what cannot be joined.
Group &join_group(InStep &compiled, rules::Compilation &compilation, const char *name, const char *twin,
                  const char *rule) {
    int index;
    const Column column = find_column(compilation, name, rule);
    const AttrNumber other = rules::find_column(compilation.table, twin, rule);
    if (column.number == other)
        ereport(ERROR, (errcode(err::invalid_rule), errmsg("%s: a column is no twin of itself", rule),
                        pg::errrule(compilation.table, rule)));
    Group *group = find_group(compiled, column.number, &index);
    const int place = index;
    const Group *joined = find_group(compiled, other, &index);
    if (group != nullptr && joined == group && (place == 0 || index == 0))
        ereport(ERROR, (errcode(err::rule_exists),
                        errmsg("columns \"%s\" and \"%s\" of table %s are kept in step already", name, twin,
                               compilation.compiled->name),
                        pg::errrule(compilation.table, rule)));
    if (joined != nullptr)
        refuse_chain(compilation, rule, twin);
    if (group != nullptr && place != 0)
        refuse_chain(compilation, rule, name);
    if (group == nullptr) {
        group = &compiled.groups[compiled.group_count++];
        group->column = column;
        group->standard = find_default(compilation, column, name);
        group->twins = static_cast<Twin *>(palloc0(sizeof(Twin) * max_twins));
    }
    if (group->count == max_twins)
        ereport(ERROR, (errcode(err::invalid_rule), errmsg("%s: a column has at most %d twins", rule, max_twins),
                        pg::errrule(compilation.table, rule)));
    return *group;
}

// What keeps a column from being changed freely: the conditions of all protections, or nullptr where there is none.
const char *protection_of(const rules::Compilation &compilation, AttrNumber column) {
    StringInfoData conditions;
    initStringInfo(&conditions);
    const ListCell *cell;
    foreach (cell, compilation.protections) {
        const auto *protection = static_cast<const rules::Protection *>(lfirst(cell));
        if (bms_is_member(column, protection->columns))
            appendStringInfo(&conditions, "\n%s", protection->condition == nullptr ? "" : protection->condition);
    }
    return conditions.data;
}

// Refuses a twin that is protected otherwise than its column: who may write the one would change the other.
void check_protection(const rules::Compilation &compilation, const Group &group, const Twin &twin) {
    if (strcmp(protection_of(compilation, group.column.number), protection_of(compilation, twin.column.number)) == 0)
        return;
    ereport(ERROR, (errcode(err::invalid_rule),
                    errmsg("%s: only one of the columns is protected, or each on another condition", twin.rule),
                    errhint("Who may write the one would change the other. Drop the protection, protect both on the "
                            "same condition before they are kept in step, or leave them out of step."),
                    pg::errrule(compilation.table, twin.rule)));
}

// Compiles one pair.
void compile_pair(InStep &compiled, rules::Compilation &compilation, const Definition &definition) {
    const char *name = rules::required_text(compilation.table, definition, "column");
    const char *other = rules::required_text(compilation.table, definition, "twin");
    const char *rule = psprintf("keep_in_step %s = %s", name, other);
    Group &group = join_group(compiled, compilation, name, other, rule);
    Twin &twin = group.twins[group.count];
    twin.rule = rule;
    twin.column = find_column(compilation, other, rule);
    twin.standard = find_default(compilation, twin.column, other);
    twin.to = compile_conversion(compilation, definition, "to_twin", rule, name, group.column, twin.column);
    twin.from = compile_conversion(compilation, definition, "from_twin", rule, other, twin.column, group.column);
    check_protection(compilation, group, twin);
    group.count++;
}

// Compiles one derived column; `unset`: those that are not yet set when it is.
void compile_derived(InStep &compiled, rules::Compilation &compilation, const Definition &definition,
                     Bitmapset *unset) {
    const char *name = rules::required_text(compilation.table, definition, "column");
    const char *rule = psprintf("derive_column %s", name);
    Derived &derived = compiled.derived[compiled.derived_count];
    derived.column = find_column(compilation, name, rule);
    if (bms_is_member(derived.column.number, compilation.set))
        ereport(ERROR, (errcode(err::rule_exists),
                        errmsg("%s: another rule sets column \"%s\" of table %s already", rule, name,
                               compilation.compiled->name),
                        errhint("SELECT rule FROM lifeguard.rules WHERE relation = '%s'::regclass; lists its rules.",
                                compilation.compiled->name),
                        pg::errrule(compilation.table, rule)));
    Bitmapset *used = nullptr;
    derived.value = compile_value(compilation, rules::required_text(compilation.table, definition, "value"), rule,
                                  derived.column.number, &used);
    const int early = bms_next_member(bms_intersect(used, unset), -1);
    if (early > 0)
        ereport(ERROR,
                (errcode(err::invalid_rule),
                 errmsg("%s refers to column \"%s\", which is %s", rule,
                        NameStr(TupleDescAttr(RelationGetDescr(compilation.table), early - 1)->attname),
                        early == derived.column.number ? "itself" : "derived after it"),
                 errhint("Derived columns are set in the order declared."), pg::errrule(compilation.table, rule)));
    compiled.derived_count++;
}

// Compiles all pairs, then all derived columns.
void *compile(rules::Compilation &compilation, const Definition *definitions, int count) {
    auto *compiled = static_cast<InStep *>(palloc0(sizeof(InStep)));
    compiled->groups = static_cast<Group *>(palloc0(sizeof(Group) * count));
    compiled->derived = static_cast<Derived *>(palloc0(sizeof(Derived) * count));
    Bitmapset *unset = nullptr;
    for (int i = 0; i < count; i++) {
        if (!owns(definitions[i].kind, compilation.timing))
            continue;
        if (is(definitions[i], "keep_in_step"))
            compile_pair(*compiled, compilation, definitions[i]);
        else
            unset = bms_add_member(unset,
                                   rules::find_column(compilation.table,
                                                      rules::required_text(compilation.table, definitions[i], "column"),
                                                      "derive_column"));
    }
    for (int i = 0; i < count; i++)
        if (owns(definitions[i].kind, compilation.timing) && is(definitions[i], "derive_column")) {
            compile_derived(*compiled, compilation, definitions[i], unset);
            unset = bms_del_member(unset, compiled->derived[compiled->derived_count - 1].column.number);
        }
    if (compiled->group_count == 0 && compiled->derived_count == 0)
        return nullptr;
    compiled->row =
        MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(RelationGetDescr(compilation.table)), &TTSOpsVirtual);
    compilation.on_insert = compilation.on_update = true;
    rules::follow_moves(compilation);
    return compiled;
}

// --- the row ---

// Has a rule set this column of the row?
bool is_set(const RowChange &change, const Column &column) {
    for (int i = 0; i < change.set_count; i++)
        if (change.set_columns[i] == column.number)
            return true;
    return false;
}

// Lets `after` be the row with all that rules have set, where we can set more.
void lay_out(const InStep &compiled, RowChange &change) {
    TupleTableSlot *row = compiled.row;
    if (change.after == row)
        return;
    slot_getallattrs(change.after);
    ExecClearTuple(row);
    const int columns = row->tts_tupleDescriptor->natts;
    memcpy(row->tts_values, change.after->tts_values, sizeof(Datum) * columns);
    memcpy(row->tts_isnull, change.after->tts_isnull, sizeof(bool) * columns);
    for (int i = 0; i < change.set_count; i++) {
        row->tts_values[change.set_columns[i] - 1] = change.set_values[i];
        row->tts_isnull[change.set_columns[i] - 1] = change.set_nulls[i];
    }
    ExecStoreVirtualTuple(row);
    row->tts_tableOid = change.after->tts_tableOid;
    change.after = row;
}

// A column's value in the row that is laid out.
Datum &value_of(const RowChange &change, const Column &column) {
    return change.after->tts_values[column.number - 1];
}
bool &null_of(const RowChange &change, const Column &column) {
    return change.after->tts_isnull[column.number - 1];
}

// Sets a column of the row that is laid out; the very same value is not set again.
void put(RowChange &change, const Column &column, Datum value, bool isnull) {
    Datum &present = value_of(change, column);
    bool &present_null = null_of(change, column);
    if (isnull ? present_null : !present_null && datum_image_eq(present, value, column.by_value, column.length))
        return;
    present = value;
    present_null = isnull;
    rules::set_column(change, column.number, value, isnull);
}

// --- refusing ---

// Begins the DETAIL: the row, the rule, both columns.
pg::Detail begin_detail(const RowChange &change, const Twin &twin, const Column &one, const Column &other) {
    pg::Detail detail;
    detail.add_row(change.table, row_at_hand(change), change.caller)
        .add("rule", twin.rule)
        .add("column", column_name(change, one))
        .add("twin", column_name(change, other));
    return detail;
}

// Raises LG017: two columns that say the same were given different values.
[[noreturn]] void disagree(const RowChange &change, const Twin &twin, const Column &one, const Column &other) {
    const bool show = may_show(change, one) && may_show(change, other);
    const char *value = pg::column_text(change.after, one.number);
    const char *twin_value = pg::column_text(change.after, other.number);
    pg::Detail detail = begin_detail(change, twin, one, other);
    if (show)
        detail.add("value", value).add("twin_value", twin_value);
    const char *values =
        show ? psprintf(": %s and %s", value == nullptr ? "null" : value, twin_value == nullptr ? "null" : twin_value)
             : "";
    ereport(ERROR, (errcode(err::columns_disagree),
                    errmsg("%s%s would say two different things in \"%s\" and \"%s\"%s", pg::table_name(change.table),
                           pg::row_label(change.table, row_at_hand(change), change.caller), column_name(change, one),
                           column_name(change, other), values),
                    errdetail_internal("%s", detail.text()),
                    errhint("These columns are kept in step: write one, and the other follows; or write both alike."),
                    errtable(change.table)));
    pg_unreachable();
}

// Raises LG018: what one column says, the other cannot. `became`: what it would say, or nullptr; `error`: why not.
[[noreturn]] void loses(const RowChange &change, const Twin &twin, const Column &source, const Column &target,
                        const char *became, const char *error) {
    const bool show = may_show(change, source) && may_show(change, target);
    const char *value = pg::column_text(change.after, source.number);
    pg::Detail detail = begin_detail(change, twin, source, target);
    if (show)
        detail.add("value", value).add("twin_value", became).add("error", error);
    const char *what = !show              ? ""
                       : error != nullptr ? psprintf(": %s", error)
                                          : psprintf(": %s would become %s", value == nullptr ? "null" : value,
                                                     became == nullptr ? "null" : became);
    ereport(ERROR, (errcode(err::conversion_loses),
                    errmsg("%s%s: column \"%s\" cannot say what \"%s\" says%s", pg::table_name(change.table),
                           pg::row_label(change.table, row_at_hand(change), change.caller), column_name(change, target),
                           column_name(change, source), what),
                    errdetail_internal("%s", detail.text()),
                    errhint("They are kept in step. Write a value that both can hold, or give \"%s\" a type that can "
                            "hold it.",
                            column_name(change, target)),
                    errtable(change.table)));
    pg_unreachable();
}

// --- keeping in step ---

// Is this an error about a value? A type may refuse it, a domain's check, a cast that knows no such number, a function.
bool is_about_value(int sqlstate) {
    const int category = ERRCODE_TO_CATEGORY(sqlstate);
    return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
           category == ERRCODE_FEATURE_NOT_SUPPORTED || sqlstate == ERRCODE_RAISE_EXCEPTION;
}

// What the source says in the target's type. A value that cannot be converted is an error that names both columns.
Datum convert(rules::Expression &conversion, RowChange &change, const Twin &twin, const Column &source,
              const Column &target, bool *isnull) {
    const MemoryContext home = CurrentMemoryContext;
    Datum volatile value = 0;
    PG_TRY();
    { value = rules::evaluate(conversion, change, isnull); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(home);
        const ErrorData *error = CopyErrorData();
        if (!is_about_value(error->sqlerrcode))
            PG_RE_THROW();
        FlushErrorState();
        loses(change, twin, source, target, nullptr, error->message);
    }
    PG_END_TRY();
    return value;
}

// Sets the target to what the source says; raises LG018 when it then says something else.
void follow(RowChange &change, const Twin &twin, bool forth, Column &source, Column &target) {
    bool isnull, back_null;
    const Datum value = convert(forth ? *twin.to : *twin.from, change, twin, source, target, &isnull);
    put(change, target, value, isnull);
    const Datum back = convert(forth ? *twin.from : *twin.to, change, twin, target, source, &back_null);
    if (unlikely(!same(source, value_of(change, source), null_of(change, source), back, back_null)))
        loses(change, twin, source, target, pg::column_text(change.after, target.number), nullptr);
}

// Do the column and its twin say the same, in either direction?
bool agree(RowChange &change, Group &group, Twin &twin) {
    bool isnull;
    const Datum there = convert(*twin.to, change, twin, group.column, twin.column, &isnull);
    if (!same(twin.column, value_of(change, twin.column), null_of(change, twin.column), there, isnull))
        return false;
    const Datum back = convert(*twin.from, change, twin, twin.column, group.column, &isnull);
    return same(group.column, value_of(change, group.column), null_of(change, group.column), back, isnull);
}

// Those that a rule has set in this row: stamps hold against what the statement says.
Members set_by_rules(Group &group, const RowChange &change) {
    Members set = 0;
    for (int i = 0; change.set_count > 0 && i <= group.count; i++)
        if (is_set(change, member(group, i)))
            set |= Members{1} << i;
    return set;
}

// Those that an UPDATE changes. Another way to write the same value (1.0, 1.00) counts where nothing else changes.
Members changed(Group &group, const RowChange &change) {
    Members rewritten = 0, distinct = 0;
    for (int i = 0; i <= group.count; i++) {
        Column &column = member(group, i);
        bool isnull, old_null;
        const Datum value = slot_getattr(change.after, column.number, &isnull);
        const Datum old_value = slot_getattr(change.before, column.number, &old_null);
        if (likely(isnull == old_null && (isnull || same_bytes(column, old_value, value))))
            continue;
        rewritten |= Members{1} << i;
        if (!same(column, old_value, old_null, value, isnull))
            distinct |= Members{1} << i;
    }
    return distinct != 0 ? distinct : rewritten;
}

// Those that an INSERT gives: not NULL and no default, else no default, else not NULL; and where there is none of these
// or it is among them, the column itself.
Members given(Group &group, const RowChange &change) {
    Members own = 0, filled = 0;
    for (int i = 0; i <= group.count; i++) {
        Column &column = member(group, i);
        const Default &standard = i == 0 ? group.standard : group.twins[i - 1].standard;
        bool isnull;
        const Datum value = slot_getattr(change.after, column.number, &isnull);
        filled |= Members{!isnull} << i;
        if (standard.known ? !is_default(column, standard, change, value, isnull) : !isnull)
            own |= Members{1} << i;
    }
    if (own != 0)
        return (own & filled) != 0 ? own & filled : own;
    return (filled & 1) != 0 || filled == 0 ? 1 : filled & -filled;
}

// Lets all columns of a group say what those that were written say.
void keep(const InStep &compiled, Group &group, RowChange &change) {
    Members written = set_by_rules(group, change);
    if (written == 0)
        written = change.insert ? given(group, change) : changed(group, change);
    if (likely(written == 0))
        return;
    lay_out(compiled, change);
    int first = 0;
    while ((written & (Members{1} << first)) == 0)
        first++;
    if (first > 0)
        follow(change, group.twins[first - 1], false, member(group, first), group.column);
    for (int i = 1; i <= group.count; i++) {
        Twin &twin = group.twins[i - 1];
        if (i == first)
            continue;
        if ((written & (Members{1} << i)) == 0)
            follow(change, twin, true, group.column, twin.column);
        else if (!agree(change, group, twin))
            disagree(change, twin, member(group, first), twin.column);
    }
}

// Sets the columns that follow, then those that are derived.
void set(void *rules, RowChange &change) {
    const auto &compiled = *static_cast<const InStep *>(rules);
    for (int i = 0; i < compiled.group_count; i++)
        keep(compiled, compiled.groups[i], change);
    for (int i = 0; i < compiled.derived_count; i++) {
        bool isnull;
        lay_out(compiled, change);
        const Datum value = rules::evaluate(*compiled.derived[i].value, change, &isnull);
        put(change, compiled.derived[i].column, value, isnull);
    }
}

// The columns' values as a number: what arrives in a partition must be what left the other.
uint32 signature(void *rules, TupleTableSlot *row) {
    auto &compiled = *static_cast<InStep *>(rules);
    uint32 sum = 0;
    const auto add = [&](const Column &column) {
        bool isnull;
        const Datum value = slot_getattr(row, column.number, &isnull);
        sum = hash_combine(sum, isnull ? 0 : datum_image_hash(value, column.by_value, column.length));
    };
    for (int i = 0; i < compiled.group_count; i++)
        for (int j = 0; j <= compiled.groups[i].count; j++)
            add(member(compiled.groups[i], j));
    for (int i = 0; i < compiled.derived_count; i++)
        add(compiled.derived[i].column);
    return sum;
}

} // namespace

void init_in_step() {
    rules::register_feature(
        {"keep_in_step", owns, compile, nullptr, set, nullptr, nullptr, nullptr, nullptr, signature, nullptr});
}

} // namespace lifeguard::guards

// lifeguard.has_equality(type): does the type say by itself when two of its values are the same?
LG_FUNCTION(lifeguard_has_equality) {
    const TypeCacheEntry *entry = lookup_type_cache(getBaseType(PG_GETARG_OID(0)), TYPECACHE_EQ_OPR);
    PG_RETURN_BOOL(OidIsValid(entry->eq_opr));
}
