#include "guards/column.hpp"
#include "pg/owner.hpp"
#include "pg/search_path.hpp"

namespace lifeguard::guards {

using rules::RowChange;

// Prepares the equality of a column's type, which may be that of the type its domain is over.
static void find_equality(Column &column, Oid type) {
    constexpr int wanted = TYPECACHE_EQ_OPR | TYPECACHE_EQ_OPR_FINFO;
    const TypeCacheEntry *entry = lookup_type_cache(getBaseType(type), wanted);
    column.has_equality = OidIsValid(entry->eq_opr_finfo.fn_oid);
    if (!column.has_equality)
        return;
    column.pins = entry->eq_opr_finfo.fn_oid >= FirstNormalObjectId;
    fmgr_info(entry->eq_opr_finfo.fn_oid, &column.equality);
}

Column find_column(rules::Compilation &compilation, const char *name, const char *rule) {
    Column column = {};
    column.number = rules::find_column(compilation.table, name, rule);
    compilation.columns = bms_add_member(compilation.columns, column.number);
    const FormData_pg_attribute *attribute = TupleDescAttr(RelationGetDescr(compilation.table), column.number - 1);
    column.by_value = attribute->attbyval;
    column.length = attribute->attlen;
    column.collation = attribute->attcollation;
    find_equality(column, attribute->atttypid);
    return column;
}

// Adds what a table puts into the column when an INSERT leaves it out. A default that is another for each row cannot be
// told from a value that was given, and a column that must not be NULL and has no default is always given.
static void add_default(Default &standard, Relation table, AttrNumber number) {
    auto *value = reinterpret_cast<Expr *>(build_column_default(table, number));
    if (value == nullptr) {
        const FormData_pg_attribute *attribute = TupleDescAttr(RelationGetDescr(table), number - 1);
        if (attribute->attnotnull)
            standard.known = false;
        value =
            reinterpret_cast<Expr *>(makeNullConst(attribute->atttypid, attribute->atttypmod, attribute->attcollation));
    }
    value = expression_planner(value);
    if (contain_volatile_functions(reinterpret_cast<Node *>(value)))
        standard.known = false;
    standard.values[standard.count++] = ExecInitExpr(value, nullptr);
}

Default find_default(const rules::Compilation &compilation, const Column &column, const char *name) {
    const Oid above = compilation.compiled->declared_on;
    Default standard = {};
    standard.known = true;
    add_default(standard, compilation.table, column.number);
    if (above == RelationGetRelid(compilation.table))
        return standard;
    Relation declaring = relation_open(above, AccessShareLock);
    add_default(standard, declaring, get_attnum(above, name));
    relation_close(declaring, NoLock);
    return standard;
}

bool same_bytes(const Column &column, Datum one, Datum other) {
    if (column.by_value)
        return one == other;
    const char *first = DatumGetPointer(one);
    const char *second = DatumGetPointer(other);
    if (column.length == -1)
        return VARSIZE_ANY(first) == VARSIZE_ANY(second) && memcmp(first, second, VARSIZE_ANY(first)) == 0;
    return column.length > 0 && memcmp(first, second, column.length) == 0;
}

// Are these two values the same? The same bytes are, also when they lie unread in the TOAST table; else the type says.
static bool same_value(Column &column, Datum one, Datum other) {
    if (same_bytes(column, one, other))
        return true;
    if (!column.has_equality)
        return datum_image_eq(one, other, column.by_value, column.length);
    const int level = column.pins ? pg::pin_search_path() : 0;
    const bool same = DatumGetBool(FunctionCall2Coll(&column.equality, column.collation, one, other));
    if (level > 0)
        pg::unpin_search_path(level);
    return same;
}

bool same(Column &column, Datum one, bool one_null, Datum other, bool other_null) {
    return one_null || other_null ? one_null == other_null : same_value(column, one, other);
}

// Evaluated as the caller, for whom the server did it too.
bool is_default(Column &column, const Default &standard, const RowChange &change, Datum value, bool isnull) {
    pg::Caller rules_role;
    GetUserIdAndSecContext(&rules_role.role, &rules_role.security);
    bool found = false;
    for (int i = 0; i < standard.count && !found; i++) {
        bool default_null;
        SetUserIdAndSecContext(change.caller, rules_role.security);
        const Datum left_out =
            ExecEvalExprSwitchContext(standard.values[i], change.compiled->expressions, &default_null);
        pg::leave_owner(rules_role);
        found = same(column, value, isnull, left_out, default_null);
    }
    return found;
}

const char *column_name(const RowChange &change, const Column &column) {
    return NameStr(TupleDescAttr(RelationGetDescr(change.table), column.number - 1)->attname);
}

bool may_show(const RowChange &change, const Column &column) {
    const Oid table = RelationGetRelid(change.table);
    if (check_enable_rls(table, change.caller, true) == RLS_ENABLED)
        return false;
    return pg_class_aclcheck(table, change.caller, ACL_SELECT) == ACLCHECK_OK ||
           pg_attribute_aclcheck(table, column.number, change.caller, ACL_SELECT) == ACLCHECK_OK;
}

TupleTableSlot *row_at_hand(const RowChange &change) {
    return change.insert ? change.after : change.before;
}

} // namespace lifeguard::guards
