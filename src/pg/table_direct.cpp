#include "pg/table_paths.hpp"

extern "C" {
#include "catalog/catalog.h"
#include "catalog/pg_am.h"
#include "executor/nodeModifyTable.h"
#include "rewrite/rewriteHandler.h"
#include "utils/timestamp.h"
}

namespace lifeguard::pg {

// What the executor is told about one kind of change to a table: inserts whose parents in `set` are held, or updates of
// `set`.
struct Target {
    Target *next;
    bool insert;
    Columns set;
    ResultRelInfo *info;
};

// A table opened by a unit of work.
struct Opened {
    Table *table;
    Knowledge *knowledge;
    Relation relation;
    TupleTableSlot *found;   // the version that was read last
    TupleTableSlot *written; // the version to be stored
    Relation indexes[4];     // opened for lookups
    int index_count;

    ResultRelInfo *target; // nullptr: nothing was written yet
    Target *targets;
};

constexpr int max_opened = 16;

struct Direct {
    MemoryContext memory;
    Snapshot snapshot; // pushed as active, or nullptr
    bool outdated;
    EState *executor; // nullptr: nothing was written yet
    EPQState recheck;
    int count;
    Opened tables[max_opened];
};

namespace {

// ---- what the direct path may do with a table ----

// True for the trigger function of lifeguard's own BEFORE triggers, which the direct path fires like any other.
bool is_own_trigger(Oid function) {
    const Oid schema = get_func_namespace(function);
    const char *name = get_func_name(function);
    return OidIsValid(schema) && schema == get_namespace_oid("lifeguard", true) && strcmp(name, "before_row") == 0;
}

// Takes a trigger into account: statement triggers and strange row triggers leave their table's changes to the
// executor.
void study_trigger(const Table &table, const Trigger &trigger, Knowledge &knowledge) {
    const int16 type = trigger.tgtype;
    const bool is_key = RI_FKey_trigger_type(trigger.tgfoid) != RI_TRIGGER_NONE;
    if (TRIGGER_FOR_ROW(type) && (is_key || (TRIGGER_FOR_BEFORE(type) && is_own_trigger(trigger.tgfoid))))
        return;
    if (TRIGGER_FOR_INSERT(type))
        knowledge.direct_inserts = false;
    if (TRIGGER_FOR_DELETE(type))
        knowledge.direct_deletes = false;
    if (!TRIGGER_FOR_UPDATE(type))
        return;
    if (!TRIGGER_FOR_ROW(type) || trigger.tgnattr == 0)
        knowledge.direct_updates = false;
    for (int i = 0; i < trigger.tgnattr; i++)
        for (int column = 0; column < table.count; column++)
            if (knowledge.attributes[column] == trigger.tgattr[i])
                knowledge.watched |= columns({column});
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

// ---- opening ----

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

// The way to rows with these keys, kept for the next time; index is InvalidOid where none serves.
const Lookup &find_lookup(const Table &table, Knowledge &knowledge, Relation relation, Columns keys, int count,
                          int from) {
    for (int i = 0; i < knowledge.lookup_count; i++)
        if (knowledge.lookups[i].keys == keys && knowledge.lookups[i].from == from)
            return knowledge.lookups[i];
    if (knowledge.lookup_count == lengthof(knowledge.lookups))
        knowledge.lookup_count--;
    Lookup best = {};
    best.keys = keys;
    best.from = from;
    best.count = count + (from >= 0 ? 1 : 0);
    bool exact = false;
    List *indexes = RelationGetIndexList(relation);
    ListCell *cell;
    foreach (cell, indexes) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        Lookup lookup = best;
        if (!exact && best.count <= static_cast<int>(lengthof(lookup.columns)) &&
            match_index(table, knowledge, relation, index, &lookup)) {
            best = lookup;
            best.index = RelationGetRelid(index);
            exact = index->rd_index->indisunique && index->rd_index->indnkeyatts == best.count;
        }
        index_close(index, NoLock);
    }
    list_free(indexes);
    Lookup &kept = knowledge.lookups[knowledge.lookup_count++];
    kept = best;
    return kept;
}

// The table, open and locked for writing; nullptr when it is none for the direct path.
Opened *open_table(Direct &direct, Table &table) {
    for (int i = 0; i < direct.count; i++)
        if (direct.tables[i].table == &table)
            return &direct.tables[i];
    if (direct.count == max_opened)
        return nullptr;
    for (;;) {
        Knowledge &knowledge = know(table);
        if (!knowledge.direct)
            return nullptr;
        Relation relation = try_table_open(knowledge.relation, RowExclusiveLock);
        if (relation != nullptr && !knowledge.stale) {
            const MemoryContext home = MemoryContextSwitchTo(direct.memory);
            Opened &opened = direct.tables[direct.count++];
            opened = Opened{};
            opened.table = &table;
            opened.knowledge = &knowledge;
            opened.relation = relation;
            opened.found = table_slot_create(relation, nullptr);
            MemoryContextSwitchTo(home);
            return &opened;
        }
        if (relation != nullptr)
            table_close(relation, NoLock);
        knowledge.stale = true; // it changed while we waited for the lock
    }
}

// An index of an open table; the lock on it is kept, for DROP INDEX CONCURRENTLY does not wait for the table's.
Relation open_index(Opened &opened, Oid oid) {
    if (opened.target != nullptr)
        for (int i = 0; i < opened.target->ri_NumIndices; i++)
            if (RelationGetRelid(opened.target->ri_IndexRelationDescs[i]) == oid)
                return opened.target->ri_IndexRelationDescs[i];
    for (int i = 0; i < opened.index_count; i++)
        if (RelationGetRelid(opened.indexes[i]) == oid)
            return opened.indexes[i];
    if (opened.index_count == lengthof(opened.indexes))
        return nullptr;
    return opened.indexes[opened.index_count++] = index_open(oid, AccessShareLock);
}

// ---- reading ----

// The newest snapshot, active until the unit ends or asks again.
Snapshot fresh_snapshot(Direct &direct) {
    if (direct.snapshot != nullptr && !direct.outdated)
        return direct.snapshot;
    if (direct.snapshot != nullptr)
        PopActiveSnapshot();
    PushActiveSnapshot(GetTransactionSnapshot());
    direct.snapshot = GetActiveSnapshot();
    direct.outdated = false;
    return direct.snapshot;
}

// Fills in the scan keys of a lookup.
void fill_keys(const Lookup &lookup, std::initializer_list<Key> keys, Key from, ScanKeyData *scan_keys) {
    for (int i = 0; i < lookup.count; i++) {
        Datum value = from.value;
        for (const Key &key : keys)
            if (key.column == lookup.columns[i])
                value = key.value;
        const bool is_bound = lookup.from >= 0 && i == lookup.count - 1;
        ScanKeyEntryInitializeWithInfo(
            &scan_keys[i], 0, i + 1, is_bound ? BTGreaterEqualStrategyNumber : BTEqualStrategyNumber, InvalidOid,
            lookup.collations[i], const_cast<FmgrInfo *>(&lookup.compare[i]), is_bound ? from.value : value);
    }
}

// The row in a slot; its values are the slot's.
void read_slot(const Opened &opened, TupleTableSlot *slot, Row *row) {
    const Table &table = *opened.table;
    slot_getallattrs(slot);
    for (int i = 0; i < table.count; i++) {
        const int attribute = opened.knowledge->attributes[i] - 1;
        row->values[i] = slot->tts_values[attribute];
        row->nulls[i] = slot->tts_isnull[attribute];
    }
    row->place = slot->tts_tid;
}

// Copies what a row points to into the current memory.
void copy_values(const Opened &opened, Row *row) {
    for (int i = 0; i < opened.table->count; i++) {
        const FormData_pg_attribute *form =
            TupleDescAttr(RelationGetDescr(opened.relation), opened.knowledge->attributes[i] - 1);
        if (!row->nulls[i] && !form->attbyval)
            row->values[i] = datumCopy(row->values[i], false, form->attlen);
    }
}

// True when the version in the slot was stored by this transaction: nobody else can change it.
bool is_ours(TupleTableSlot *slot) {
    bool isnull;
    const Datum creator = slot_getsysattr(slot, MinTransactionIdAttributeNumber, &isnull);
    return TransactionIdIsCurrentTransactionId(DatumGetTransactionId(creator));
}

// True when the row in the slot, perhaps a newer version, still has the keys.
bool still_matches(const Opened &opened, const Lookup &lookup, const ScanKeyData *scan_keys) {
    for (int i = 0; i < lookup.count; i++) {
        bool isnull;
        const Datum value = slot_getattr(opened.found, opened.knowledge->attributes[lookup.columns[i]], &isnull);
        if (isnull || !DatumGetBool(FunctionCall2Coll(const_cast<FmgrInfo *>(&lookup.compare[i]), lookup.collations[i],
                                                      value, scan_keys[i].sk_argument)))
            return false;
    }
    return true;
}

enum class Outcome { locked, vanished };

// Waits for the row in the slot and leaves its newest version there, locked; `vanished` when it must be looked for
// again.
Outcome lock_row(Direct &direct, Opened &opened, const Lookup &lookup, const ScanKeyData *scan_keys) {
    if (is_ours(opened.found))
        return Outcome::locked;
    ItemPointerData place = opened.found->tts_tid;
    TM_FailureData failure;
    const TM_Result result =
        table_tuple_lock(opened.relation, &place, direct.snapshot, opened.found, GetCurrentCommandId(false),
                         LockTupleNoKeyExclusive, LockWaitBlock, TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
    direct.outdated = true; // it may have waited
    switch (result) {
    case TM_Ok:
        return !failure.traversed || still_matches(opened, lookup, scan_keys) ? Outcome::locked : Outcome::vanished;
    case TM_Deleted:
        return Outcome::vanished;
    default:
        elog(ERROR, "row of table %s.%s could not be locked: %d", opened.table->schema, opened.table->name, result);
    }
}

// ---- writing ----

// Readies the executor's state for changes of an open table.
void prepare_writing(Direct &direct, Opened &opened) {
    const MemoryContext home = MemoryContextSwitchTo(direct.memory);
    if (direct.executor == nullptr) {
        direct.executor = CreateExecutorState();
        init_recheck(&direct.recheck, direct.executor);
        AfterTriggerBeginQuery();
    }
    if (opened.target == nullptr) {
        opened.written = MakeSingleTupleTableSlot(RelationGetDescr(opened.relation), &TTSOpsVirtual);
        MemoryContextSwitchTo(direct.executor->es_query_cxt);
        opened.target = makeNode(ResultRelInfo);
        InitResultRelInfo(opened.target, opened.relation, 0, nullptr, 0);
        ExecOpenIndices(opened.target, false);
        // AFTER triggers look for their table there; direct_end() takes it out again and closes it
        direct.executor->es_opened_result_relations =
            lappend(direct.executor->es_opened_result_relations, opened.target);
    }
    MemoryContextSwitchTo(home);
    direct.executor->es_snapshot = fresh_snapshot(direct);
    direct.executor->es_output_cid = GetCurrentCommandId(true);
}

// What follows every change: the next one, and every read, must see it.
void conclude(Direct &direct) {
    ResetPerTupleExprContext(direct.executor);
    CommandCounterIncrement();
    direct.outdated = true;
}

// The value of an inserted row's attribute: the caller's, or what the column's default says.
void fill(const Knowledge &knowledge, int attribute, const Row &row, Columns given, Datum *value, bool *isnull) {
    const int column = knowledge.columns_of[attribute];
    if (column >= 0 && (given & columns({column}))) {
        *value = row.values[column];
        *isnull = row.nulls[column];
        return;
    }
    *isnull = false;
    switch (knowledge.fillers[attribute]) {
    case Filler::null:
        *value = 0;
        *isnull = true;
        break;
    case Filler::constant:
        *value = knowledge.constants[attribute];
        break;
    case Filler::now:
        *value = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
        break;
    case Filler::random_uuid:
        *value = DirectFunctionCall1(gen_random_uuid, 0);
        break;
    }
}

// Raises when a BEFORE trigger has swallowed the row.
void expect_stored(const Opened &opened, const char *change) {
    if (!ItemPointerIsValid(&opened.written->tts_tid))
        ereport(ERROR, (errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
                        errmsg("%s of table %s.%s changed 0 rows instead of one", change, opened.table->schema,
                               opened.table->name),
                        errhint("A trigger of that table takes the row away.")));
}

// True when this trigger checks a foreign key whose parent row is held.
bool checks_held_key(const Opened &opened, const Trigger &trigger, Columns held) {
    if (RI_FKey_trigger_type(trigger.tgfoid) != RI_TRIGGER_FK || !TRIGGER_FOR_INSERT(trigger.tgtype))
        return false;
    ListCell *cell;
    foreach (cell, RelationGetFKeyList(opened.relation)) {
        const auto *key = static_cast<ForeignKeyCacheInfo *>(lfirst(cell));
        if (key->conoid != trigger.tgconstraint || key->nkeys != 1)
            continue;
        for (int i = 0; i < opened.table->count; i++) {
            const Table *parent = opened.table->columns[i].parent;
            if ((held & columns({i})) && opened.knowledge->attributes[i] == key->conkey[0] && parent != nullptr &&
                parent->knowledge != nullptr && parent->knowledge->relation == key->confrelid &&
                parent->knowledge->attributes[0] == key->confkey[0])
                return true;
        }
    }
    return false;
}

// The table's triggers without those that would look for parents that we hold.
TriggerDesc *without_held_keys(const Opened &opened, Columns held) {
    const TriggerDesc &all = *opened.target->ri_TrigDesc;
    auto *kept = static_cast<TriggerDesc *>(palloc(sizeof(TriggerDesc)));
    *kept = all;
    kept->triggers = static_cast<Trigger *>(palloc(sizeof(Trigger) * all.numtriggers));
    kept->numtriggers = 0;
    kept->trig_insert_after_row = false;
    for (int i = 0; i < all.numtriggers; i++) {
        const Trigger &trigger = all.triggers[i];
        if (checks_held_key(opened, trigger, held))
            continue;
        kept->triggers[kept->numtriggers++] = trigger;
        if (TRIGGER_TYPE_MATCHES(trigger.tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_AFTER, TRIGGER_TYPE_INSERT))
            kept->trig_insert_after_row = true;
    }
    return kept;
}

// The target of this kind of change. Each has a range table entry of its own, where triggers and generated columns
// learn which columns change, and what the executor derives from that.
ResultRelInfo *target_of(Direct &direct, Opened &opened, bool insert, Columns set) {
    for (const Target *known = opened.targets; known != nullptr; known = known->next)
        if (known->insert == insert && known->set == set)
            return known->info;
    const MemoryContext home = MemoryContextSwitchTo(direct.executor->es_query_cxt);
    Bitmapset *updated = nullptr;
    for (int i = 0; !insert && i < opened.table->count; i++)
        if (set & columns({i}))
            updated = bms_add_member(updated, opened.knowledge->attributes[i] - FirstLowInvalidHeapAttributeNumber);
    ResultRelInfo *info = makeNode(ResultRelInfo);
    *info = *opened.target;
    info->ri_RangeTableIndex = add_range_table_entry(direct.executor, opened.relation, updated);
    if (insert && set != 0 && info->ri_TrigDesc != nullptr) {
        info->ri_TrigDesc = without_held_keys(opened, set);
        const int triggers = Max(info->ri_TrigDesc->numtriggers, 1);
        info->ri_TrigFunctions = static_cast<FmgrInfo *>(palloc0(sizeof(FmgrInfo) * triggers));
        info->ri_TrigWhenExprs = static_cast<ExprState **>(palloc0(sizeof(ExprState *) * triggers));
    }
    auto *target = static_cast<Target *>(palloc(sizeof(Target)));
    *target = Target{opened.targets, insert, set, info};
    opened.targets = target;
    MemoryContextSwitchTo(home);
    return info;
}

} // namespace

void study(const Table &table, Relation relation, Knowledge &knowledge) {
    knowledge.direct = relation->rd_rel->relkind == RELKIND_RELATION && relation->rd_rules == nullptr &&
                       relation->rd_tableam == GetHeapamTableAmRoutine() && !IsCatalogRelation(relation);
    for (int i = 0; i < table.count; i++)
        if (get_atttype(RelationGetRelid(relation), knowledge.attributes[i]) != table.columns[i].type)
            knowledge.direct = false;
    if (!knowledge.direct)
        return;
    knowledge.direct_inserts = knowledge.direct_updates = knowledge.direct_deletes = true;
    for (int i = 0; relation->trigdesc != nullptr && i < relation->trigdesc->numtriggers; i++)
        study_trigger(table, relation->trigdesc->triggers[i], knowledge);

    const int attributes = RelationGetNumberOfAttributes(relation);
    knowledge.fillers = static_cast<Filler *>(palloc0(sizeof(Filler) * attributes));
    knowledge.constants = static_cast<Datum *>(palloc0(sizeof(Datum) * attributes));
    knowledge.columns_of = static_cast<int8 *>(palloc(sizeof(int8) * attributes));
    for (int i = 0; i < attributes; i++) {
        if (!study_default(relation, i + 1, &knowledge.fillers[i], &knowledge.constants[i]))
            knowledge.direct_inserts = false;
        knowledge.columns_of[i] = -1;
    }
    for (int i = 0; i < table.count; i++)
        knowledge.columns_of[knowledge.attributes[i] - 1] = static_cast<int8>(i);
}

Direct *direct_begin() {
    auto *direct = static_cast<Direct *>(palloc(sizeof(Direct)));
    direct->memory = CurrentMemoryContext;
    direct->snapshot = nullptr;
    direct->outdated = false;
    direct->executor = nullptr;
    direct->count = 0;
    return direct;
}

void direct_refresh(Direct &direct) {
    direct.outdated = true;
}

void direct_end(Direct &direct) {
    if (direct.executor != nullptr) {
        fresh_snapshot(direct);
        AfterTriggerEndQuery(direct.executor);
        ResetPerTupleExprContext(direct.executor);
    }
    for (int i = 0; i < direct.count; i++) {
        Opened &opened = direct.tables[i];
        ExecDropSingleTupleTableSlot(opened.found);
        if (opened.target != nullptr) {
            ExecDropSingleTupleTableSlot(opened.written);
            ExecCloseIndices(opened.target);
        }
        for (int index = 0; index < opened.index_count; index++)
            index_close(opened.indexes[index], NoLock);
        table_close(opened.relation, NoLock);
    }
    if (direct.executor != nullptr) {
        EvalPlanQualEnd(&direct.recheck);
        direct.executor->es_opened_result_relations = NIL; // closed above; what is left are those of triggers
        ExecCloseResultRelations(direct.executor);
        ExecResetTupleTable(direct.executor->es_tupleTable, false);
        FreeExecutorState(direct.executor);
    }
    if (direct.snapshot != nullptr)
        PopActiveSnapshot();
    pfree(&direct);
}

bool direct_find(Direct &direct, Table &table, std::initializer_list<Key> keys, Lock lock, Row *row, bool *found) {
    Opened *opened = open_table(direct, table);
    if (opened == nullptr)
        return false;
    const Lookup &lookup =
        find_lookup(table, *opened->knowledge, opened->relation, key_columns(keys), static_cast<int>(keys.size()), -1);
    Relation index = OidIsValid(lookup.index) ? open_index(*opened, lookup.index) : nullptr;
    if (index == nullptr)
        return false;
    ScanKeyData scan_keys[lengthof(lookup.compare)];
    fill_keys(lookup, keys, Key{-1, 0}, scan_keys);
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        IndexScanDesc scan = begin_index_scan(opened->relation, index, fresh_snapshot(direct), lookup.count);
        index_rescan(scan, scan_keys, lookup.count, nullptr, 0);
        *found = index_getnext_slot(scan, ForwardScanDirection, opened->found);
        index_endscan(scan);
        if (!*found || lock == Lock::none || lock_row(direct, *opened, lookup, scan_keys) == Outcome::locked)
            break;
    }
    if (*found) {
        read_slot(*opened, opened->found, row);
        copy_values(*opened, row);
    }
    ExecClearTuple(opened->found);
    return true;
}

bool direct_scan(Direct &direct, Table &table, std::initializer_list<Key> keys, Key from,
                 void (*visitor)(const Row &row, void *call), void *call) {
    Opened *opened = open_table(direct, table);
    if (opened == nullptr)
        return false;
    Row row;
    if (keys.size() == 0 && from.column < 0) {
        TableScanDesc scan = table_beginscan(opened->relation, fresh_snapshot(direct), 0, nullptr);
        while (table_scan_getnextslot(scan, ForwardScanDirection, opened->found)) {
            CHECK_FOR_INTERRUPTS();
            read_slot(*opened, opened->found, &row);
            visitor(row, call);
        }
        table_endscan(scan);
        ExecClearTuple(opened->found);
        return true;
    }
    const Lookup &lookup = find_lookup(table, *opened->knowledge, opened->relation, key_columns(keys),
                                       static_cast<int>(keys.size()), from.column);
    Relation index = OidIsValid(lookup.index) ? open_index(*opened, lookup.index) : nullptr;
    if (index == nullptr)
        return false;
    ScanKeyData scan_keys[lengthof(lookup.compare)];
    fill_keys(lookup, keys, from, scan_keys);
    IndexScanDesc scan = begin_index_scan(opened->relation, index, fresh_snapshot(direct), lookup.count);
    index_rescan(scan, scan_keys, lookup.count, nullptr, 0);
    while (index_getnext_slot(scan, ForwardScanDirection, opened->found)) {
        CHECK_FOR_INTERRUPTS();
        read_slot(*opened, opened->found, &row);
        visitor(row, call);
    }
    index_endscan(scan);
    ExecClearTuple(opened->found);
    return true;
}

bool direct_insert(Direct &direct, Table &table, Row *row, Columns given, Columns held) {
    Opened *opened = open_table(direct, table);
    if (opened == nullptr || !opened->knowledge->direct_inserts)
        return false;
    prepare_writing(direct, *opened);
    TupleTableSlot *slot = ExecClearTuple(opened->written);
    for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
        fill(*opened->knowledge, i, *row, given, &slot->tts_values[i], &slot->tts_isnull[i]);
    ExecStoreVirtualTuple(slot);
    ItemPointerSetInvalid(&slot->tts_tid);

    ResultRelInfo *target = target_of(direct, *opened, true, held);
    const Caller caller = enter_owner(opened->knowledge->owner);
    ExecSimpleRelationInsert(target, direct.executor, slot);
    leave_owner(caller);
    expect_stored(*opened, "an insert");
    row->place = slot->tts_tid;
    conclude(direct);
    return true;
}

bool direct_update(Direct &direct, Table &table, Row *row, Columns changed) {
    Opened *opened = ItemPointerIsValid(&row->place) ? open_table(direct, table) : nullptr;
    if (opened == nullptr || !opened->knowledge->direct_updates || (opened->knowledge->watched & changed) != 0)
        return false;
    prepare_writing(direct, *opened);
    if (!table_tuple_fetch_row_version(opened->relation, &row->place, SnapshotAny, opened->found))
        elog(ERROR, "row of table %s.%s has gone", table.schema, table.name);
    slot_getallattrs(opened->found);
    TupleTableSlot *slot = ExecClearTuple(opened->written);
    const int attributes = slot->tts_tupleDescriptor->natts;
    memcpy(slot->tts_values, opened->found->tts_values, sizeof(Datum) * attributes);
    memcpy(slot->tts_isnull, opened->found->tts_isnull, sizeof(bool) * attributes);
    for (int i = 0; i < table.count; i++)
        if (changed & columns({i})) {
            const int attribute = opened->knowledge->attributes[i] - 1;
            slot->tts_values[attribute] = row->values[i];
            slot->tts_isnull[attribute] = row->nulls[i];
        }
    ExecStoreVirtualTuple(slot);
    ItemPointerSetInvalid(&slot->tts_tid);

    ResultRelInfo *target = target_of(direct, *opened, false, changed);
    const Caller caller = enter_owner(opened->knowledge->owner);
    ExecSimpleRelationUpdate(target, direct.executor, &direct.recheck, opened->found, slot);
    leave_owner(caller);
    expect_stored(*opened, "an update");
    row->place = slot->tts_tid;
    ExecClearTuple(opened->found);
    conclude(direct);
    return true;
}

bool direct_remove(Direct &direct, Table &table, const Row &row) {
    Opened *opened = ItemPointerIsValid(&row.place) ? open_table(direct, table) : nullptr;
    if (opened == nullptr || !opened->knowledge->direct_deletes)
        return false;
    prepare_writing(direct, *opened);
    if (!table_tuple_fetch_row_version(opened->relation, const_cast<ItemPointerData *>(&row.place), SnapshotAny,
                                       opened->found))
        elog(ERROR, "row of table %s.%s has gone", table.schema, table.name);
    const Caller caller = enter_owner(opened->knowledge->owner);
    ExecSimpleRelationDelete(opened->target, direct.executor, &direct.recheck, opened->found);
    leave_owner(caller);
    ExecClearTuple(opened->found);
    conclude(direct);
    return true;
}

} // namespace lifeguard::pg
