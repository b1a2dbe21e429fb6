#include "pg/table_direct.hpp"

namespace lifeguard::pg {

namespace {

// True for the trigger function of lifeguard's own BEFORE triggers, which the direct path fires like any other.
bool is_own_trigger(Oid function) {
    const Oid schema = get_func_namespace(function);
    const char *name = get_func_name(function);
    return OidIsValid(schema) && schema == get_namespace_oid("lifeguard", true) && strcmp(name, "before_row") == 0;
}

// Takes a trigger into account: statement triggers and strange row triggers leave their table's changes to the
// executor.
void study_trigger(const Table &table, Relation relation, const Trigger &trigger, Knowledge &knowledge) {
    if (trigger.tgenabled == TRIGGER_DISABLED)
        return;
    const int16 type = trigger.tgtype;
    const bool is_key = RI_FKey_trigger_type(trigger.tgfoid) != RI_TRIGGER_NONE;
    const bool is_own = TRIGGER_FOR_BEFORE(type) && trigger.tgqual == nullptr && is_own_trigger(trigger.tgfoid);
    if (TRIGGER_FOR_ROW(type) && (is_key || is_own))
        return;
    if (TRIGGER_FOR_INSERT(type))
        knowledge.direct_inserts = false;
    if (TRIGGER_FOR_DELETE(type))
        knowledge.direct_deletes = false;
    if (!TRIGGER_FOR_UPDATE(type))
        return;
    if (!TRIGGER_FOR_ROW(type) || trigger.tgnattr == 0)
        knowledge.direct_updates = false;
    for (int i = 0; i < trigger.tgnattr; i++) {
        if (TupleDescAttr(RelationGetDescr(relation), trigger.tgattr[i] - 1)->attgenerated != '\0')
            knowledge.direct_updates = false;
        for (int column = 0; column < table.count; column++)
            if (knowledge.attributes[column] == trigger.tgattr[i])
                knowledge.watched |= columns({column});
    }
}

// True for a function that is not the server's own: it may be replaced, and the table does not learn of it.
bool is_replaceable(Oid function, void *) {
    return function >= FirstUnpinnedObjectId;
}

// True when an expression may mean something else although its table has not changed.
bool may_change(Node *node, void *context) {
    if (node == nullptr)
        return false;
    if (IsA(node, CoerceToDomain) || check_functions_in_node(node, is_replaceable, context))
        return true;
    return walk_expression(node, may_change, context);
}

// True when the table's checks and generated columns change with the table only.
bool is_lasting(TupleDesc row) {
    const TupleConstr *constraints = row->constr;
    if (constraints == nullptr)
        return true;
    for (int i = 0; i < constraints->num_check; i++)
        if (may_change(static_cast<Node *>(stringToNode(constraints->check[i].ccbin)), nullptr))
            return false;
    for (int i = 0; i < constraints->num_defval; i++)
        if (TupleDescAttr(row, constraints->defval[i].adnum - 1)->attgenerated != '\0' &&
            may_change(static_cast<Node *>(stringToNode(constraints->defval[i].adbin)), nullptr))
            return false;
    return true;
}

// What an inserted row gets in an attribute that is not given; false when only the executor can tell.
bool study_default(Relation relation, int attribute, Filler *filler, Datum *constant) {
    *filler = Filler::null;
    const FormData_pg_attribute *form = TupleDescAttr(RelationGetDescr(relation), attribute - 1);
    if (form->attisdropped || form->attgenerated != '\0')
        return true;
    Node *source = build_column_default(relation, attribute);
    if (source == nullptr)
        return form->atttypid == getBaseType(form->atttypid); // a domain may refuse NULL
    if (may_change(source, nullptr))
        return false;
    Expr *expression = expression_planner(reinterpret_cast<Expr *>(source));
    if (IsA(expression, Const)) {
        const auto *value = reinterpret_cast<Const *>(expression);
        if (!value->constisnull) {
            *filler = Filler::constant;
            *constant = datumCopy(value->constvalue, value->constbyval, value->constlen);
        }
        return true;
    }
    if (IsA(expression, SQLValueFunction) &&
        reinterpret_cast<SQLValueFunction *>(expression)->op == SVFOP_CURRENT_TIMESTAMP) {
        *filler = Filler::now;
        return true;
    }
    if (!IsA(expression, FuncExpr))
        return false;
    const Oid function = reinterpret_cast<FuncExpr *>(expression)->funcid;
    *filler = function == F_NOW ? Filler::now : Filler::random_uuid;
    return function == F_NOW || function == F_GEN_RANDOM_UUID;
}

// Fills in how `index` finds rows by the keys (and the bound); false when it does not.
bool match_index(const Table &table, const Knowledge &knowledge, Relation relation, Relation index, Lookup *lookup) {
    const Form_pg_index form = index->rd_index;
    const bool bounded = lookup->from >= 0;
    if (index->rd_rel->relam != BTREE_AM_OID || !form->indisvalid || form->indnkeyatts < lookup->count ||
        RelationGetIndexPredicate(index) != NIL)
        return false;
    Columns left = lookup->keys;
    for (int i = 0; i < lookup->count; i++) {
        const bool is_bound = bounded && i == lookup->count - 1;
        int column = table.count;
        while (--column >= 0)
            if (knowledge.attributes[column] == form->indkey.values[i] &&
                (is_bound ? column == lookup->from : (left & columns({column})) != 0))
                break;
        if (column < 0)
            return false;
        left &= is_bound ? ~Columns{0} : ~columns({column});
        const Oid type = table.columns[column].type;
        const Oid comparison = get_opfamily_member(index->rd_opfamily[i], type, type,
                                                   is_bound ? BTGreaterEqualStrategyNumber : BTEqualStrategyNumber);
        if (index->rd_opcintype[i] != type || !OidIsValid(comparison) ||
            index->rd_indcollation[i] !=
                TupleDescAttr(RelationGetDescr(relation), knowledge.attributes[column] - 1)->attcollation)
            return false;
        lookup->columns[i] = column;
        lookup->collations[i] = index->rd_indcollation[i];
        fmgr_info_cxt(get_opcode(comparison), &lookup->compare[i], knowledge.memory);
    }
    return true;
}

// Finds out the column's type; false when the direct path can neither read nor write it.
bool study_column(const Column &column, const FormData_pg_attribute &attribute, Storage *storage) {
    if (column.type == INT4OID)
        *storage = storage_of(getBaseType(attribute.atttypid));
    if (attribute.attgenerated != '\0' || attribute.attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
        return false; // SQL would refuse a value for it
    if (column.type == INT4OID && *storage != Storage::int4)
        return attribute.atttypid == INT2OID || attribute.atttypid == INT8OID || attribute.atttypid == NUMERICOID;
    const bool is_same =
        attribute.atttypid == column.type || (attribute.atttypid == VARCHAROID && column.type == TEXTOID);
    return is_same && attribute.atttypmod < 0; // a type modifier cuts or rounds
}

} // namespace

void study(const Table &table, Relation relation, Knowledge &knowledge) {
    knowledge.direct = relation->rd_rel->relkind == RELKIND_RELATION && relation->rd_rules == nullptr &&
                       !relation->rd_rel->relhassubclass && // SQL would see the rows of tables that inherit from it
                       relation->rd_tableam == GetHeapamTableAmRoutine() && !IsCatalogRelation(relation);
    for (int i = 0; i < table.count; i++) {
        const FormData_pg_attribute *attribute = TupleDescAttr(RelationGetDescr(relation), knowledge.attributes[i] - 1);
        if (!study_column(table.columns[i], *attribute, &knowledge.storage[i]))
            knowledge.direct = false;
        if (knowledge.storage[i] != Storage::int4)
            knowledge.converted |= columns({i});
    }
    if (!knowledge.direct)
        return;
    knowledge.lasting = is_lasting(RelationGetDescr(relation));
    knowledge.direct_inserts = knowledge.direct_updates = knowledge.direct_deletes = true;
    // a copy: any look into the catalogs may rebuild the relation's cache entry
    const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);
    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++)
        study_trigger(table, relation, triggers->triggers[i], knowledge);

    const int attributes = RelationGetNumberOfAttributes(relation);
    knowledge.fillers = static_cast<Filler *>(palloc0(sizeof(Filler) * attributes));
    knowledge.constants = static_cast<Datum *>(palloc0(sizeof(Datum) * attributes));
    knowledge.columns_of = static_cast<int16 *>(palloc(sizeof(int16) * attributes));
    for (int i = 0; i < attributes; i++) {
        if (!study_default(relation, i + 1, &knowledge.fillers[i], &knowledge.constants[i]))
            knowledge.direct_inserts = false;
        knowledge.columns_of[i] = -1;
    }
    for (int i = 0; i < table.count; i++)
        knowledge.columns_of[knowledge.attributes[i] - 1] = static_cast<int16>(i);
}

const Lookup *find_lookup(const Table &table, Knowledge &knowledge, Relation relation, Columns keys, int count,
                          int from) {
    for (int i = 0; i < knowledge.lookup_count; i++)
        if (knowledge.lookups[i].keys == keys && knowledge.lookups[i].from == from)
            return OidIsValid(knowledge.lookups[i].index) ? &knowledge.lookups[i] : nullptr;
    if (knowledge.lookup_count == lengthof(knowledge.lookups))
        return nullptr;
    Lookup best = {};
    best.keys = keys;
    best.from = from;
    best.count = count + (from >= 0 ? 1 : 0);
    if (best.count > max_keys)
        return nullptr;
    bool exact = false;
    List *indexes = RelationGetIndexList(relation);
    ListCell *cell;
    foreach (cell, indexes) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        Lookup lookup = best;
        if (!exact && match_index(table, knowledge, relation, index, &lookup)) {
            best = lookup;
            best.index = RelationGetRelid(index);
            exact = index->rd_index->indisunique && index->rd_index->indnkeyatts == best.count;
        }
        index_close(index, NoLock);
    }
    list_free(indexes);
    Lookup &kept = knowledge.lookups[knowledge.lookup_count++];
    kept = best;
    return OidIsValid(kept.index) ? &kept : nullptr;
}

} // namespace lifeguard::pg
