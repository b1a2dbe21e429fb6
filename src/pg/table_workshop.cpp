#include "pg/table_direct.hpp"

namespace lifeguard::pg {

namespace {

Workshop *kept = nullptr;

// True when what the workshop has prepared is still as its tables are.
bool is_current(const Workshop &workshop) {
    if (workshop.forgettings != forgettings)
        return false; // a parent whose key is taken as held may have become another table
    for (int i = 0; i < workshop.count; i++) {
        const Knowledge *knowledge = workshop.benches[i].table->knowledge;
        if (knowledge == nullptr || knowledge->stale || knowledge->number != workshop.benches[i].knowledge)
            return false;
    }
    return true;
}

// Makes a workshop in `parent` memory.
Workshop *make_workshop(MemoryContext parent, bool disposable) {
    const MemoryContext memory = AllocSetContextCreate(parent, "lifeguard workshop", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext home = MemoryContextSwitchTo(memory);
    auto *workshop = static_cast<Workshop *>(palloc0(sizeof(Workshop)));
    workshop->memory = memory;
    workshop->disposable = disposable;
    workshop->forgettings = forgettings;
    workshop->executor = CreateExecutorState();
    init_recheck(&workshop->recheck, workshop->executor);
    MemoryContextSwitchTo(home);
    return workshop;
}

// Gives the workshop up.
void close_workshop(Workshop *workshop) {
    if (workshop == kept)
        kept = nullptr;
    EvalPlanQualEnd(&workshop->recheck);
    FreeExecutorState(workshop->executor);
    MemoryContextDelete(workshop->memory);
}

// Prepares a table's bench for good.
void set_up(Workshop &workshop, Bench &bench, Table &table, const Knowledge &knowledge, Relation relation) {
    const MemoryContext home = MemoryContextSwitchTo(workshop.executor->es_query_cxt);
    bench = Bench{};
    bench.table = &table;
    bench.knowledge = knowledge.number;
    bench.base = makeNode(ResultRelInfo);
    InitResultRelInfo(bench.base, relation, 0, nullptr, 0);
    ExecOpenIndices(bench.base, false);
    const int indexes = bench.base->ri_NumIndices;
    bench.indexes = static_cast<Oid *>(palloc(sizeof(Oid) * Max(indexes, 1)));
    for (int i = 0; i < indexes; i++)
        bench.indexes[i] = RelationGetRelid(bench.base->ri_IndexRelationDescs[i]);
    MemoryContextSwitchTo(home);
}

// Gives an open relation to what was prepared for it; trigger functions are looked up anew, for their memory is the
// caller's.
void give_relation(ResultRelInfo *info, Relation relation) {
    info->ri_RelationDesc = relation;
    if (info->ri_TrigDesc != nullptr)
        memset(info->ri_TrigFunctions, 0, sizeof(FmgrInfo) * info->ri_TrigDesc->numtriggers);
}

// Takes what belongs to the unit away again.
void take_relation(ResultRelInfo *info) {
    info->ri_RelationDesc = nullptr;
    info->ri_TrigOldSlot = nullptr;
    info->ri_TrigNewSlot = nullptr;
}

// Closes a bench's indexes at the unit's end.
void clear(Workshop &workshop, Bench &bench) {
    if (!bench.ready)
        return;
    for (int i = 0; i < bench.base->ri_NumIndices; i++) {
        if (bench.base->ri_IndexRelationInfo[i]->ii_AmCache != nullptr)
            workshop.disposable = true; // what an index method keeps may point to its relation
        end_index_inserts(bench.base->ri_IndexRelationDescs[i], bench.base->ri_IndexRelationInfo[i]);
        index_close(bench.base->ri_IndexRelationDescs[i], NoLock); // the transaction's end releases all locks at once
        bench.base->ri_IndexRelationDescs[i] = nullptr;
    }
    take_relation(bench.base);
    for (const Target *target = bench.targets; target != nullptr; target = target->next)
        take_relation(target->info);
    bench.ready = false;
}

// True when this trigger checks a foreign key whose parent row is held.
bool checks_held_key(const Bench &bench, const Knowledge &knowledge, const Trigger &trigger, Columns held) {
    if (RI_FKey_trigger_type(trigger.tgfoid) != RI_TRIGGER_FK || !TRIGGER_FOR_INSERT(trigger.tgtype))
        return false;
    ListCell *cell;
    foreach (cell, RelationGetFKeyList(bench.base->ri_RelationDesc)) {
        const auto *key = static_cast<ForeignKeyCacheInfo *>(lfirst(cell));
        if (key->conoid != trigger.tgconstraint || key->nkeys != 1)
            continue;
        for (int i = 0; i < bench.table->count; i++) {
            const Table *parent = bench.table->columns[i].parent;
            if ((held & columns({i})) && knowledge.attributes[i] == key->conkey[0] && parent != nullptr &&
                parent->knowledge != nullptr && parent->knowledge->relation == key->confrelid &&
                parent->knowledge->attributes[0] == key->confkey[0])
                return true;
        }
    }
    return false;
}

// The table's triggers without those that would look for parents that we hold.
TriggerDesc *without_held_keys(const Bench &bench, const Knowledge &knowledge, Columns held) {
    const TriggerDesc &all = *bench.base->ri_TrigDesc;
    auto *left = static_cast<TriggerDesc *>(palloc(sizeof(TriggerDesc)));
    *left = all;
    left->triggers = static_cast<Trigger *>(palloc(sizeof(Trigger) * all.numtriggers));
    left->numtriggers = 0;
    left->trig_insert_after_row = false;
    for (int i = 0; i < all.numtriggers; i++) {
        const Trigger &trigger = all.triggers[i];
        if (checks_held_key(bench, knowledge, trigger, held))
            continue;
        left->triggers[left->numtriggers++] = trigger;
        if (TRIGGER_TYPE_MATCHES(trigger.tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_AFTER, TRIGGER_TYPE_INSERT))
            left->trig_insert_after_row = true;
    }
    return left;
}

} // namespace

Workshop &enter_workshop() {
    if (kept != nullptr && !kept->in_use && !is_current(*kept))
        close_workshop(kept);
    if (kept == nullptr)
        kept = make_workshop(CacheMemoryContext, false);
    Workshop *workshop = kept->in_use ? make_workshop(CurrentMemoryContext, true) : kept;
    workshop->in_use = true;
    return *workshop;
}

void leave_workshop(Workshop &workshop) {
    EState *executor = workshop.executor;
    for (int i = 0; i < workshop.count; i++)
        clear(workshop, workshop.benches[i]);
    list_free(executor->es_opened_result_relations);
    executor->es_opened_result_relations = NIL; // closed above; what is left are those of triggers
    if (executor->es_trig_target_relations != NIL)
        workshop.disposable = true;
    ExecCloseResultRelations(executor);
    ExecResetTupleTable(executor->es_tupleTable, true);
    executor->es_tupleTable = NIL;
    ResetPerTupleExprContext(executor);
    executor->es_snapshot = InvalidSnapshot;
    workshop.in_use = false;
    if (workshop.disposable)
        close_workshop(&workshop);
}

bool has_bench(const Workshop &workshop, const Table &table, const Knowledge &knowledge) {
    for (int i = 0; i < workshop.count; i++)
        if (workshop.benches[i].table == &table)
            return workshop.benches[i].knowledge == knowledge.number;
    return false;
}

Bench &ready_bench(Workshop &workshop, Table &table, const Knowledge &knowledge, Relation relation) {
    int place = 0;
    while (place < workshop.count && workshop.benches[place].table != &table)
        place++;
    Bench &bench = workshop.benches[place];
    if (place < workshop.count && bench.ready)
        return bench;
    if (place == workshop.count || bench.knowledge != knowledge.number) {
        workshop.disposable |=
            place < workshop.count || !knowledge.lasting; // the table has changed in this very moment
        set_up(workshop, bench, table, knowledge, relation);
        workshop.count = Max(workshop.count, place + 1);
    } else {
        for (int i = 0; i < bench.base->ri_NumIndices; i++)
            bench.base->ri_IndexRelationDescs[i] = index_open(bench.indexes[i], RowExclusiveLock);
        give_relation(bench.base, relation);
        for (const Target *target = bench.targets; target != nullptr; target = target->next)
            give_relation(target->info, relation);
    }
    bench.ready = true;
    // AFTER triggers look for their table there; leave_workshop() takes it out again and closes it
    const MemoryContext home = MemoryContextSwitchTo(workshop.executor->es_query_cxt);
    workshop.executor->es_opened_result_relations = lappend(workshop.executor->es_opened_result_relations, bench.base);
    MemoryContextSwitchTo(home);
    return bench;
}

ResultRelInfo *target_of(Workshop &workshop, Bench &bench, const Knowledge &knowledge, bool insert, Columns set) {
    for (const Target *known = bench.targets; known != nullptr; known = known->next)
        if (known->insert == insert && known->set == set)
            return known->info;
    const MemoryContext home = MemoryContextSwitchTo(workshop.executor->es_query_cxt);
    Bitmapset *updated = nullptr;
    for (int i = 0; !insert && i < bench.table->count; i++)
        if (set & columns({i}))
            updated = bms_add_member(updated, knowledge.attributes[i] - FirstLowInvalidHeapAttributeNumber);
    ResultRelInfo *info = makeNode(ResultRelInfo);
    *info = *bench.base;
    // an entry of its own, where triggers and generated columns learn which columns change
    info->ri_RangeTableIndex = add_range_table_entry(workshop.executor, info->ri_RelationDesc, updated);
    if (info->ri_TrigDesc != nullptr) {
        if (insert && set != 0)
            info->ri_TrigDesc = without_held_keys(bench, knowledge, set);
        const int triggers = Max(info->ri_TrigDesc->numtriggers, 1);
        info->ri_TrigFunctions = static_cast<FmgrInfo *>(palloc0(sizeof(FmgrInfo) * triggers));
        info->ri_TrigWhenExprs = static_cast<ExprState **>(palloc0(sizeof(ExprState *) * triggers));
    }
    auto *target = static_cast<Target *>(palloc(sizeof(Target)));
    *target = Target{bench.targets, insert, set, info};
    bench.targets = target;
    MemoryContextSwitchTo(home);
    return info;
}

void forget_workshop_use() {
    if (kept == nullptr || !kept->in_use)
        return;
    MemoryContextDelete(kept->memory); // left behind by an error: what it had open is closed by the abort
    kept = nullptr;
}

} // namespace lifeguard::pg
