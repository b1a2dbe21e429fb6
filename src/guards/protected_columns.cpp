#include "guards/column.hpp"
#include "guards/protected_columns.hpp"
#include "pg/errors.hpp"
#include "pg/text.hpp"

namespace lifeguard::guards {

using rules::Definition;
using rules::RowChange;

namespace {

// A column that is protected.
struct Protected {
    Column column;
    Default standard;
};

// Columns that one declaration protects.
struct Rule {
    const char *name; // as lifeguard.rules shows it
    const char *message;
    rules::Expression *condition; // nullptr: never
    int count;
    Protected *columns;
};

// The table's rules, in the order declared.
struct ProtectedColumns {
    int count;
    Rule *rules;
};

// One kind, in the BEFORE trigger.
bool owns(const char *kind, rules::Timing timing) {
    return timing == rules::Timing::before && std::string_view(kind) == "protect_columns";
}

// The names of all columns of a rule: role, is_paid.
const char *list_names(const List *names) {
    StringInfoData list;
    initStringInfo(&list);
    const ListCell *cell;
    foreach (cell, names)
        appendStringInfo(&list, "%s%s", list.len == 0 ? "" : ", ", static_cast<const char *>(lfirst(cell)));
    return list.data;
}

// Compiles one rule.
void compile_rule(Rule &rule, rules::Compilation &compilation, const Definition &definition) {
    const List *names = rules::required_texts(compilation.table, definition, "columns");
    rule.name = psprintf("protect_columns %s", list_names(names));
    rule.message = rules::optional_text(compilation.table, definition, "message");
    rule.columns = static_cast<Protected *>(palloc0(sizeof(Protected) * list_length(names)));
    const char *condition = rules::optional_text(compilation.table, definition, "condition");
    auto *protection = static_cast<rules::Protection *>(palloc0(sizeof(rules::Protection)));
    protection->condition = condition;
    const ListCell *cell;
    foreach (cell, names) {
        const char *name = static_cast<const char *>(lfirst(cell));
        Protected &added = rule.columns[rule.count++];
        added.column = find_column(compilation, name, rule.name);
        added.standard = find_default(compilation, added.column, name);
        protection->columns = bms_add_member(protection->columns, added.column.number);
    }
    compilation.protections = lappend(compilation.protections, protection);
    if (condition != nullptr)
        rule.condition = rules::add_expression(compilation, condition, rule.name, rules::Purpose::guard);
}

// Compiles the rules in the order declared.
void *compile(rules::Compilation &compilation, const Definition *definitions, int count) {
    auto *compiled = static_cast<ProtectedColumns *>(palloc0(sizeof(ProtectedColumns)));
    compiled->rules = static_cast<Rule *>(palloc0(sizeof(Rule) * count));
    for (int i = 0; i < count; i++)
        if (owns(definitions[i].kind, compilation.timing))
            compile_rule(compiled->rules[compiled->count++], compilation, definitions[i]);
    if (compiled->count == 0)
        return nullptr;
    compilation.on_insert = compilation.on_update = true;
    rules::follow_moves(compilation);
    return compiled;
}

// Does the row bring another value than it had, or than a new row has? Where that cannot be told, a new row brings one
// if there is a condition to ask; without one no row could ever be made.
bool changes(const Rule &rule, Protected &known, const RowChange &change) {
    Column &column = known.column;
    bool isnull, old_null;
    const Datum value = slot_getattr(change.after, column.number, &isnull);
    if (change.insert)
        return known.standard.known ? !is_default(column, known.standard, change, value, isnull)
                                    : rule.condition != nullptr;
    const Datum old_value = slot_getattr(change.before, column.number, &old_null);
    return !same(column, old_value, old_null, value, isnull);
}

// What was changed, for people and for programs.
struct Changed {
    StringInfoData names; // "role", "is_paid"
    StringInfoData json;  // ["role", "is_paid"]
    bool default_known;   // of all of them
    pg::Detail before;
    pg::Detail after;
};

// Collects the columns that the row changes, and their values where the caller may see them.
void collect(Changed &changed, const Rule &rule, const RowChange &change) {
    initStringInfo(&changed.names);
    initStringInfo(&changed.json);
    changed.default_known = true;
    for (int i = 0; i < rule.count; i++) {
        if (!changes(rule, rule.columns[i], change))
            continue;
        const Column &column = rule.columns[i].column;
        changed.default_known = changed.default_known && rule.columns[i].standard.known;
        const char *name = column_name(change, column);
        const char *separator = changed.names.len == 0 ? "" : ", ";
        appendStringInfo(&changed.names, "%s\"%s\"", separator, name);
        appendStringInfoString(&changed.json, separator);
        escape_json(&changed.json, name);
        if (!may_show(change, column))
            continue;
        if (!change.insert)
            changed.before.add(name, pg::column_text(change.before, column.number));
        changed.after.add(name, pg::column_text(change.after, column.number));
    }
}

// The DETAIL of the refusal.
const char *detail_text(Changed &changed, const Rule &rule, const RowChange &change, const char *result) {
    pg::Detail detail;
    detail.add_row(change.table, row_at_hand(change), change.caller)
        .add_json("columns", psprintf("[%s]", changed.json.data))
        .add_json("from", change.insert ? "null" : changed.before.text())
        .add_json("to", changed.after.text())
        .add("rule", rule.name)
        .add("condition", rule.condition == nullptr ? nullptr : rule.condition->source)
        .add("message", rule.message)
        .add("result", result);
    return detail.text();
}

// The HINT of the refusal: the way out.
const char *hint_text(const Changed &changed, const Rule &rule, const RowChange &change, const char *result) {
    const char *condition = rule.condition == nullptr
                                ? "Nobody changes it."
                                : psprintf("The condition %s gave %s.", rule.condition->source, result);
    if (!change.insert)
        return psprintf("%s Leave it as it was.", condition);
    if (!changed.default_known)
        return psprintf("%s It is asked for each new row, since a default cannot be told from a value that is given: "
                        "let creation through with old.column IS NULL OR ..., if that is meant.",
                        condition);
    return psprintf(
        "%s A new row has the column's default: leave it out. An INSERT ... ON CONFLICT proposes its row as "
        "a new one too.",
        condition);
}

// Raises LG006.
[[noreturn]] void column_protected(const Rule &rule, const RowChange &change, const char *result) {
    Changed changed;
    collect(changed, rule, change);
    ereport(ERROR, (errcode(err::column_protected),
                    errmsg("%s%s%s%s may not %s %s", rule.message == nullptr ? "" : rule.message,
                           rule.message == nullptr ? "" : ": ", pg::table_name(change.table),
                           pg::row_label(change.table, row_at_hand(change), change.caller),
                           change.insert ? "be created with its own" : "change", changed.names.data),
                    errdetail_internal("%s", detail_text(changed, rule, change, result)),
                    errhint("%s", hint_text(changed, rule, change, result)), errtable(change.table)));
    pg_unreachable();
}

// Does the row change any column of the rule?
bool changes_any(const Rule &rule, const RowChange &change) {
    for (int i = 0; i < rule.count; i++)
        if (changes(rule, rule.columns[i], change))
            return true;
    return false;
}

// Compares, and asks the condition only when something differs.
void refuse(void *rules, RowChange &change) {
    const auto &compiled = *static_cast<const ProtectedColumns *>(rules);
    for (int i = 0; i < compiled.count; i++) {
        const Rule &rule = compiled.rules[i];
        if (likely(!changes_any(rule, change)))
            continue;
        if (rule.condition == nullptr)
            column_protected(rule, change, "never");
        bool isnull;
        const Datum verdict = rules::evaluate(*rule.condition, change, &isnull);
        if (isnull || !DatumGetBool(verdict))
            column_protected(rule, change, isnull ? "null" : "false");
    }
}

// The protected values as a number: what arrives in a partition must be what left the other.
uint32 signature(void *rules, TupleTableSlot *row) {
    const auto &compiled = *static_cast<const ProtectedColumns *>(rules);
    uint32 sum = 0;
    for (int i = 0; i < compiled.count; i++)
        for (int j = 0; j < compiled.rules[i].count; j++) {
            const Column &column = compiled.rules[i].columns[j].column;
            bool isnull;
            const Datum value = slot_getattr(row, column.number, &isnull);
            sum = hash_combine(sum, isnull ? 0 : datum_image_hash(value, column.by_value, column.length));
        }
    return sum;
}

} // namespace

void init_protected_columns() {
    rules::register_feature(
        {"protect_columns", owns, compile, refuse, nullptr, nullptr, nullptr, nullptr, nullptr, signature, nullptr});
}

} // namespace lifeguard::guards
