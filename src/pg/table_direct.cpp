#include "pg/table_direct.hpp"
#include "pg/uuid.hpp"

namespace lifeguard::pg {

// A way to rows, begun.
struct Scan {
    const Lookup *lookup;
    IndexScanDesc scan;
    Relation index; // nullptr: the bench's
};

// A table opened by a unit of work.
struct Opened {
    Table *table;
    Knowledge *knowledge;
    Relation relation;
    TupleTableSlot *found;   // the version that was read last
    TupleTableSlot *written; // the version to be stored
    Scan scans[4];           // begun once, for a statement of many rows
    int scan_count;
    Bench *bench; // nullptr: this session has not written to it yet
};

struct Direct {
    MemoryContext memory;
    Snapshot snapshot; // pushed as active, or nullptr
    bool outdated;
    Workshop *workshop;
    bool writing;
    int count;
    Opened tables[max_opened];
};

namespace {

// Takes a table into the unit.
Opened &add_opened(Direct &direct, Table &table, Knowledge &knowledge, Relation relation) {
    const MemoryContext home = MemoryContextSwitchTo(direct.memory);
    Opened &opened = direct.tables[direct.count++];
    opened = Opened{};
    opened.table = &table;
    opened.knowledge = &knowledge;
    opened.relation = relation;
    opened.found = table_slot_create(relation, nullptr);
    MemoryContextSwitchTo(home);
    if (has_bench(*direct.workshop, table, knowledge))
        opened.bench = &ready_bench(*direct.workshop, table, knowledge, relation); // its indexes serve reads too
    return opened;
}

// True when what the unit has opened is still the table of that name: a trigger may put another in its place.
bool still_named(const Opened &opened) {
    if (!opened.knowledge->stale)
        return true;
    const Knowledge &now = know(*opened.table);
    return now.direct && now.relation == opened.knowledge->relation && now.converted == opened.knowledge->converted &&
           memcmp(now.attributes, opened.knowledge->attributes, sizeof(now.attributes)) == 0;
}

// The table, open and locked for writing; nullptr when it is none for the direct path.
Opened *open_table(Direct &direct, Table &table) {
    for (int i = 0; i < direct.count; i++)
        if (direct.tables[i].table == &table)
            return still_named(direct.tables[i]) ? &direct.tables[i] : nullptr;
    if (direct.count == max_opened || !know(table).direct)
        return nullptr;
    Relation relation;
    Knowledge &knowledge = hold(table, RowExclusiveLock, &relation);
    if (knowledge.direct)
        return &add_opened(direct, table, knowledge, relation);
    relation_close(relation, NoLock);
    return nullptr;
}

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

// A scan by these keys, begun or ready to begin again; nullptr when no index serves. The lock on an index is kept, for
// DROP INDEX CONCURRENTLY does not wait for the table's.
Scan *open_scan(Direct &direct, Opened &opened, std::initializer_list<Key> keys, int from) {
    const Lookup *lookup = find_lookup(*opened.table, *opened.knowledge, opened.relation, key_columns(keys),
                                       static_cast<int>(keys.size()), from);
    if (lookup == nullptr)
        return nullptr;
    for (int i = 0; i < opened.scan_count; i++)
        if (opened.scans[i].lookup == lookup)
            return &opened.scans[i];
    if (opened.scan_count == lengthof(opened.scans))
        return nullptr;
    Scan &scan = opened.scans[opened.scan_count];
    scan = Scan{lookup, nullptr, nullptr};
    Relation index = nullptr;
    for (int i = 0; opened.bench != nullptr && i < opened.bench->base->ri_NumIndices; i++)
        if (opened.bench->indexes[i] == lookup->index)
            index = opened.bench->base->ri_IndexRelationDescs[i];
    if (index == nullptr)
        index = scan.index = index_open(lookup->index, AccessShareLock);
    const MemoryContext home = MemoryContextSwitchTo(direct.memory);
    scan.scan = begin_index_scan(opened.relation, index, fresh_snapshot(direct), lookup->count);
    MemoryContextSwitchTo(home);
    opened.scan_count++;
    return &scan;
}

// Begins the scan with these keys and the newest snapshot.
void begin(Direct &direct, Scan &scan, ScanKeyData *scan_keys) {
    scan.scan->xs_snapshot = fresh_snapshot(direct);
    index_rescan(scan.scan, scan_keys, scan.lookup->count, nullptr, 0);
}

// The next row, in the table's slot; what the index method keeps of it must live as long as the scan.
bool next(Direct &direct, Opened &opened, Scan &scan) {
    const MemoryContext home = MemoryContextSwitchTo(direct.memory);
    const bool found = index_getnext_slot(scan.scan, ForwardScanDirection, opened.found);
    MemoryContextSwitchTo(home);
    return found;
}

// Lets go of the pages that the scan holds.
void rest(Scan &scan) {
    index_rescan(scan.scan, nullptr, scan.lookup->count, nullptr, 0);
}

// Fills in the scan keys of a lookup.
void fill_keys(const Lookup &lookup, std::initializer_list<Key> keys, Key from, ScanKeyData *scan_keys) {
    for (int i = 0; i < lookup.count; i++) {
        Datum value = from.value;
        for (const Key &key : keys)
            if (key.column == lookup.columns[i])
                value = key.value;
        const bool is_bound = lookup.from >= 0 && i == lookup.count - 1;
        ScanKeyEntryInitializeWithInfo(&scan_keys[i], 0, static_cast<AttrNumber>(i + 1),
                                       is_bound ? BTGreaterEqualStrategyNumber : BTEqualStrategyNumber, InvalidOid,
                                       lookup.collations[i], const_cast<FmgrInfo *>(&lookup.compare[i]),
                                       is_bound ? from.value : value);
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
    if (opened.knowledge->converted != 0)
        read_numbers(table, *opened.knowledge, row);
    row->place = slot->tts_tid;
}

// Copies what a row points to into the current memory.
void copy_values(const Opened &opened, Row *row) {
    for (int i = 0; i < opened.table->count; i++) {
        const FormData_pg_attribute *form =
            TupleDescAttr(RelationGetDescr(opened.relation), opened.knowledge->attributes[i] - 1);
        if (!row->nulls[i] && !form->attbyval && !(opened.knowledge->converted & columns({i})))
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

// Readies the workshop for changes of an open table.
void prepare_writing(Direct &direct, Opened &opened) {
    if (!direct.writing)
        AfterTriggerBeginQuery();
    direct.writing = true;
    if (opened.bench == nullptr)
        opened.bench = &ready_bench(*direct.workshop, *opened.table, *opened.knowledge, opened.relation);
    if (opened.written == nullptr) {
        const MemoryContext home = MemoryContextSwitchTo(direct.memory);
        opened.written = MakeSingleTupleTableSlot(RelationGetDescr(opened.relation), &TTSOpsVirtual);
        MemoryContextSwitchTo(home);
    }
    direct.workshop->executor->es_snapshot = fresh_snapshot(direct);
    direct.workshop->executor->es_output_cid = GetCurrentCommandId(true);
}

// What follows every change: the next one, and every read, must see it.
void conclude(Direct &direct) {
    ResetPerTupleExprContext(direct.workshop->executor);
    CommandCounterIncrement();
    direct.outdated = true;
}

// Puts a column's value into a slot, as the column stores it.
void put(const Direct &direct, const Opened &opened, int column, const Row &row, TupleTableSlot *slot) {
    const Knowledge &knowledge = *opened.knowledge;
    const int attribute = knowledge.attributes[column] - 1;
    slot->tts_isnull[attribute] = row.nulls[column];
    slot->tts_values[attribute] = row.values[column];
    if (!(knowledge.converted & columns({column})) || row.nulls[column])
        return;
    const MemoryContext home = MemoryContextSwitchTo(GetPerTupleMemoryContext(direct.workshop->executor));
    slot->tts_values[attribute] = stored_number(
        knowledge.storage[column], TupleDescAttr(slot->tts_tupleDescriptor, attribute)->atttypmod, row.values[column]);
    MemoryContextSwitchTo(home);
}

// Puts the value of an inserted row's attribute into a slot: the caller's, or what the column's default says.
void fill(const Direct &direct, const Opened &opened, int attribute, const Row &row, Columns given,
          TupleTableSlot *slot) {
    const Knowledge &knowledge = *opened.knowledge;
    const int column = knowledge.columns_of[attribute];
    if (column >= 0 && (given & columns({column}))) {
        put(direct, opened, column, row, slot);
        return;
    }
    Datum *value = &slot->tts_values[attribute];
    bool *isnull = &slot->tts_isnull[attribute];
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
        *value = random_uuid();
        break;
    }
}

// True when a BEFORE trigger has given the stored row other parents than those that the caller holds.
bool has_other_parents(const Opened &opened, const Row &row, Columns held, TupleTableSlot *slot) {
    const TriggerDesc *triggers = opened.bench->base->ri_TrigDesc;
    if (triggers == nullptr || !triggers->trig_insert_before_row || !ItemPointerIsValid(&slot->tts_tid))
        return false;
    for (int i = 0; i < opened.table->count; i++) {
        if (!(held & columns({i})))
            continue;
        const int attribute = opened.knowledge->attributes[i] - 1;
        const FormData_pg_attribute *form = TupleDescAttr(slot->tts_tupleDescriptor, attribute);
        if (slot->tts_isnull[attribute] != row.nulls[i] ||
            (!row.nulls[i] && !datumIsEqual(slot->tts_values[attribute], row.values[i], form->attbyval, form->attlen)))
            return true;
    }
    return false;
}

// Raises when a BEFORE trigger has swallowed the row.
void expect_stored(const Opened &opened, const char *change) {
    if (!ItemPointerIsValid(&opened.written->tts_tid))
        ereport(ERROR, (errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
                        errmsg("%s of table %s.%s changed 0 rows instead of one", change, opened.table->schema,
                               opened.table->name),
                        errhint("A trigger of that table takes the row away.")));
}

} // namespace

Direct *direct_begin() {
    auto *direct = static_cast<Direct *>(palloc(sizeof(Direct)));
    direct->memory = CurrentMemoryContext;
    direct->snapshot = nullptr;
    direct->outdated = false;
    direct->workshop = &enter_workshop();
    direct->writing = false;
    direct->count = 0;
    return direct;
}

void direct_refresh(Direct &direct) {
    direct.outdated = true;
}

void direct_end(Direct &direct) {
    if (direct.writing) {
        fresh_snapshot(direct);
        AfterTriggerEndQuery(direct.workshop->executor);
    }
    for (int i = 0; i < direct.count; i++) {
        Opened &opened = direct.tables[i];
        ExecDropSingleTupleTableSlot(opened.found);
        if (opened.written != nullptr)
            ExecDropSingleTupleTableSlot(opened.written);
        for (int scan = 0; scan < opened.scan_count; scan++) {
            index_endscan(opened.scans[scan].scan);
            if (opened.scans[scan].index != nullptr)
                index_close(opened.scans[scan].index, NoLock);
        }
    }
    leave_workshop(*direct.workshop);
    for (int i = 0; i < direct.count; i++)
        table_close(direct.tables[i].relation, NoLock);
    if (direct.snapshot != nullptr)
        PopActiveSnapshot();
    pfree(&direct);
}

bool direct_find(Direct &direct, Table &table, std::initializer_list<Key> keys, Lock lock, Row *row, bool *found) {
    Opened *opened = open_table(direct, table);
    if (opened == nullptr)
        return false;
    Scan *scan = open_scan(direct, *opened, keys, -1);
    if (scan == nullptr)
        return false;
    ScanKeyData scan_keys[max_keys];
    fill_keys(*scan->lookup, keys, Key{-1, 0}, scan_keys);
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        begin(direct, *scan, scan_keys);
        *found = next(direct, *opened, *scan);
        rest(*scan);
        if (!*found || lock == Lock::none || lock_row(direct, *opened, *scan->lookup, scan_keys) == Outcome::locked)
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
    Scan *scan = open_scan(direct, *opened, keys, from.column);
    if (scan == nullptr)
        return false;
    ScanKeyData scan_keys[max_keys];
    fill_keys(*scan->lookup, keys, from, scan_keys);
    begin(direct, *scan, scan_keys);
    while (next(direct, *opened, *scan)) {
        CHECK_FOR_INTERRUPTS();
        read_slot(*opened, opened->found, &row);
        visitor(row, call);
    }
    rest(*scan);
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
        fill(direct, *opened, i, *row, given, slot);
    ExecStoreVirtualTuple(slot);
    ItemPointerSetInvalid(&slot->tts_tid);

    ResultRelInfo *target = target_of(*direct.workshop, *opened->bench, *opened->knowledge, true, held);
    const Caller caller = enter_owner(opened->knowledge->owner);
    ExecSimpleRelationInsert(target, direct.workshop->executor, slot);
    if (held != 0 && has_other_parents(*opened, *row, held, slot))
        ExecARInsertTriggers(direct.workshop->executor,
                             target_of(*direct.workshop, *opened->bench, *opened->knowledge, true, 0), slot, NIL,
                             nullptr);
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
        if (changed & columns({i}))
            put(direct, *opened, i, *row, slot);
    ExecStoreVirtualTuple(slot);
    ItemPointerSetInvalid(&slot->tts_tid);

    ResultRelInfo *target = target_of(*direct.workshop, *opened->bench, *opened->knowledge, false, changed);
    const Caller caller = enter_owner(opened->knowledge->owner);
    ExecSimpleRelationUpdate(target, direct.workshop->executor, &direct.workshop->recheck, opened->found, slot);
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
    ExecSimpleRelationDelete(opened->bench->base, direct.workshop->executor, &direct.workshop->recheck, opened->found);
    leave_owner(caller);
    ExecClearTuple(opened->found);
    conclude(direct);
    return true;
}

} // namespace lifeguard::pg
