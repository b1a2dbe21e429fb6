#include "guards/protected_columns.hpp"
#include "pg/errors.hpp"
#include "pg/owner.hpp"
#include "pg/search_path.hpp"
#include "pg/text.hpp"
#include "rules/feature.hpp"

namespace lifeguard::guards {

using rules::Definition;
using rules::RowChange;

namespace {

// What an INSERT that leaves a column out puts there: by the table itself, and by the partitioned table above it.
constexpr int max_defaults = 2;

// A column that is protected, and how its type compares.
struct Column {
    AttrNumber number;
    bool by_value;
    int16 length;
    Oid collation;
    bool has_equality; // else only the same bytes are the same value
    bool pins;         // its equality is no built-in function and may resolve names
    FmgrInfo equality;
    bool default_known; // and can be told from a value that an INSERT gives
    int default_count;
    ExprState *defaults[max_defaults];
};

// Columns that one declaration protects.
struct Rule {
    const char *name; // as lifeguard.rules shows it
    const char *message;
    rules::Expression *condition; // nullptr: never
    int count;
    Column *columns;
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

// Prepares the equality of a column's type, which may be that of the type its domain is over.
void find_equality(Column &column, Oid type) {
    constexpr int wanted = TYPECACHE_EQ_OPR | TYPECACHE_EQ_OPR_FINFO;
    const TypeCacheEntry *entry = lookup_type_cache(getBaseType(type), wanted);
    column.has_equality = OidIsValid(entry->eq_opr_finfo.fn_oid);
    if (!column.has_equality)
        return;
    column.pins = entry->eq_opr_finfo.fn_oid >= FirstNormalObjectId;
    fmgr_info(entry->eq_opr_finfo.fn_oid, &column.equality);
}

// Adds what a table puts into the column when an INSERT leaves it out. A default that is another for each row cannot be
// told from a value that was given, and a column that must not be NULL and has no default is always given.
void add_default(Column &column, Relation table, AttrNumber number) {
    auto *value = reinterpret_cast<Expr *>(build_column_default(table, number));
    if (value == nullptr) {
        const FormData_pg_attribute *attribute = TupleDescAttr(RelationGetDescr(table), number - 1);
        if (attribute->attnotnull)
            column.default_known = false;
        value =
            reinterpret_cast<Expr *>(makeNullConst(attribute->atttypid, attribute->atttypmod, attribute->attcollation));
    }
    value = expression_planner(value);
    if (contain_volatile_functions(reinterpret_cast<Node *>(value)))
        column.default_known = false;
    column.defaults[column.default_count++] = ExecInitExpr(value, nullptr);
}

// Finds out what a column is when an INSERT leaves it out: of this table, or of the one that its rules come from.
void find_defaults(Column &column, const rules::Compilation &compilation, const char *name) {
    const Oid above = compilation.compiled->declared_on;
    column.default_known = true;
    add_default(column, compilation.table, column.number);
    if (above == RelationGetRelid(compilation.table))
        return;
    Relation declaring = relation_open(above, AccessShareLock);
    add_default(column, declaring, get_attnum(above, name));
    relation_close(declaring, NoLock);
}

// Compiles one column.
void compile_column(Column &column, rules::Compilation &compilation, const char *name, const char *rule) {
    column.number = rules::find_column(compilation.table, name, rule);
    compilation.columns = bms_add_member(compilation.columns, column.number);
    const FormData_pg_attribute *attribute = TupleDescAttr(RelationGetDescr(compilation.table), column.number - 1);
    column.by_value = attribute->attbyval;
    column.length = attribute->attlen;
    column.collation = attribute->attcollation;
    find_equality(column, attribute->atttypid);
    find_defaults(column, compilation, name);
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
    rule.columns = static_cast<Column *>(palloc0(sizeof(Column) * list_length(names)));
    const ListCell *cell;
    foreach (cell, names)
        compile_column(rule.columns[rule.count++], compilation, static_cast<const char *>(lfirst(cell)), rule.name);
    const char *condition = rules::optional_text(compilation.table, definition, "condition");
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

// Are these the same bytes, as they lie there?
bool same_bytes(const char *one, const char *other, int16 length) {
    if (length == -1)
        return VARSIZE_ANY(one) == VARSIZE_ANY(other) && memcmp(one, other, VARSIZE_ANY(one)) == 0;
    return length > 0 && memcmp(one, other, length) == 0;
}

// Are these two values the same? The same bytes are, also when they lie unread in the TOAST table; else the type says.
bool same_value(Column &column, Datum one, Datum other) {
    if (column.by_value ? one == other : same_bytes(DatumGetPointer(one), DatumGetPointer(other), column.length))
        return true;
    if (!column.has_equality)
        return datum_image_eq(one, other, column.by_value, column.length);
    const int level = column.pins ? pg::pin_search_path() : 0;
    const bool same = DatumGetBool(FunctionCall2Coll(&column.equality, column.collation, one, other));
    if (level > 0)
        pg::unpin_search_path(level);
    return same;
}

// IS NOT DISTINCT FROM.
bool same(Column &column, Datum one, bool one_null, Datum other, bool other_null) {
    return one_null || other_null ? one_null == other_null : same_value(column, one, other);
}

// Is this what the column holds when an INSERT leaves it out? Evaluated as the caller, for whom the server did it too.
bool is_default(Column &column, const RowChange &change, Datum value, bool isnull) {
    pg::Caller rules_role;
    GetUserIdAndSecContext(&rules_role.role, &rules_role.security);
    bool found = false;
    for (int i = 0; i < column.default_count && !found; i++) {
        bool default_null;
        SetUserIdAndSecContext(change.caller, rules_role.security);
        const Datum standard =
            ExecEvalExprSwitchContext(column.defaults[i], change.compiled->expressions, &default_null);
        pg::leave_owner(rules_role);
        found = same(column, value, isnull, standard, default_null);
    }
    return found;
}

// Does the row bring another value than it had, or than a new row has? Where that cannot be told, a new row brings one
// if there is a condition to ask; without one no row could ever be made.
bool changes(const Rule &rule, Column &column, const RowChange &change) {
    bool isnull, old_null;
    const Datum value = slot_getattr(change.after, column.number, &isnull);
    if (change.insert)
        return column.default_known ? !is_default(column, change, value, isnull) : rule.condition != nullptr;
    const Datum old_value = slot_getattr(change.before, column.number, &old_null);
    return !same(column, old_value, old_null, value, isnull);
}

// The name of a column.
const char *column_name(const RowChange &change, const Column &column) {
    return NameStr(TupleDescAttr(RelationGetDescr(change.table), column.number - 1)->attname);
}

// May the DETAIL show the column's values? As in the server's own errors: only to who may select it, and not where row
// security could hide the row from him.
bool may_show(const RowChange &change, const Column &column) {
    const Oid table = RelationGetRelid(change.table);
    if (check_enable_rls(table, change.caller, true) == RLS_ENABLED)
        return false;
    return pg_class_aclcheck(table, change.caller, ACL_SELECT) == ACLCHECK_OK ||
           pg_attribute_aclcheck(table, column.number, change.caller, ACL_SELECT) == ACLCHECK_OK;
}

// The row as it is known: as it was, or as it would be created.
TupleTableSlot *row_at_hand(const RowChange &change) {
    return change.insert ? change.after : change.before;
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
        Column &column = rule.columns[i];
        if (!changes(rule, column, change))
            continue;
        changed.default_known = changed.default_known && column.default_known;
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
            const Column &column = compiled.rules[i].columns[j];
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
