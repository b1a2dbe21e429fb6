#include "pg/table_direct.hpp"

namespace lifeguard::pg {

bool direct_writes = true;
uint64 forgettings = 0;

namespace {

Table *known_tables = nullptr;

// Knowledge that has become wrong is freed when no unit of work can be using it.
struct Discarded {
    MemoryContext memory;
    Statement *statements;
    Discarded *next;
};
Discarded *discarded = nullptr;
int open_units = 0;

uint64 invalidations = 0; // counted, so that one is noticed that comes while a table is being studied

// True when knowledge was learned from this relation.
bool is_about(const Knowledge &knowledge, Oid relation) {
    for (int i = 0; i < knowledge.looked_at_count; i++)
        if (knowledge.looked_at[i] == relation)
            return true;
    return knowledge.relation == relation;
}

// Marks what was known about a changed table or view, or about all.
void forget(Datum, Oid relation) {
    invalidations++;
    for (Table *table = known_tables; table != nullptr; table = table->next)
        if (table->knowledge != nullptr && (!OidIsValid(relation) || is_about(*table->knowledge, relation)))
            table->knowledge->stale = ++forgettings > 0;
}

// Schemas may have changed their names, or a view's owner have lost the table it shows.
void forget_all(Datum, int, uint32) {
    forget(0, InvalidOid);
}

// No unit survives its transaction, however that ends.
void end_transaction(XactEvent event, void *) {
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    open_units = 0;
    forget_workshop_use();
}

// Frees what nobody uses any more.
void free_discarded() {
    while (discarded != nullptr) {
        const Discarded entry = *discarded; // lies in the memory that goes
        discarded = entry.next;
        free_statements(entry.statements);
        MemoryContextDelete(entry.memory);
    }
}

// Puts aside what is known of a table.
void discard(Table &table) {
    const MemoryContext memory = table.knowledge->memory;
    auto *entry = static_cast<Discarded *>(MemoryContextAlloc(memory, sizeof(Discarded)));
    *entry = Discarded{memory, table.knowledge->statements, discarded};
    discarded = entry;
    table.knowledge = nullptr;
}

// Reads the catalogs about a table.
Knowledge *learn(Table &table) {
    const uint64 invalidations_before = invalidations;
    const Oid schema = get_namespace_oid(table.schema, true);
    const Oid oid = OidIsValid(schema) ? get_relname_relid(table.name, schema) : InvalidOid;
    Relation relation = OidIsValid(oid) ? try_relation_open(oid, AccessShareLock) : nullptr;
    if (relation == nullptr)
        table.missing(table, nullptr);

    const MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "lifeguard table", ALLOCSET_SMALL_SIZES);
    const MemoryContext home = MemoryContextSwitchTo(memory);
    auto *knowledge = static_cast<Knowledge *>(palloc0(sizeof(Knowledge)));
    static uint64 number = 0;
    knowledge->memory = memory;
    knowledge->number = ++number;
    for (int i = 0; i < table.count; i++) {
        knowledge->attributes[i] = get_attnum(oid, table.columns[i].name);
        if (knowledge->attributes[i] <= 0)
            table.missing(table, table.columns[i].name);
    }
    relation = look_through(table, relation, *knowledge);
    knowledge->relation = RelationGetRelid(relation);
    knowledge->owner = relation->rd_rel->relowner;
    study(table, relation, *knowledge);
    knowledge->stale = invalidations != invalidations_before;
    MemoryContextSwitchTo(home);
    MemoryContextSetParent(memory, CacheMemoryContext);
    relation_close(relation, NoLock);
    return knowledge;
}

// True when both were learned from the same table and views.
bool same_relations(const Knowledge &one, const Knowledge &other) {
    if (one.relation != other.relation || one.looked_at_count != other.looked_at_count)
        return false;
    return memcmp(one.looked_at, other.looked_at, sizeof(one.looked_at)) == 0;
}

} // namespace

Knowledge &know(Table &table) {
    if (table.knowledge != nullptr && table.knowledge->stale)
        discard(table);
    if (table.knowledge == nullptr) {
        if (table.count == 0) {
            while (table.count < max_columns && table.columns[table.count].name != nullptr)
                table.count++;
            table.next = known_tables;
            known_tables = &table;
        }
        table.knowledge = learn(table);
    }
    return *table.knowledge;
}

Knowledge &hold(Table &table, LOCKMODE mode, Relation *opened) {
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        Knowledge *knowledge = &know(table);
        for (int i = 0; i < knowledge->looked_at_count; i++) // who drops a view waits, like he who drops its table
            LockRelationOid(knowledge->looked_at[i], AccessShareLock);
        Relation relation = try_relation_open(knowledge->relation, mode);
        if (relation == nullptr)
            continue;
        const Knowledge *locked = knowledge; // is not freed within a unit of work
        if (knowledge->stale) // it changed before the locks were granted; from here on nothing that matters can
            knowledge = &know(table);
        if (same_relations(*knowledge, *locked)) {
            *opened = relation;
            return *knowledge;
        }
        relation_close(relation, NoLock);
    }
}

void Work::begin(bool only_read) {
    if (open_units == 0)
        free_discarded();
    open_units++;
    read_only = only_read;
    // Only read committed shows every unit the newest rows; the dirty reads of locking would escape serializable's
    // checks.
    direct = direct_writes && !read_only && !IsolationUsesXactSnapshot() ? direct_begin() : nullptr;
}

void Work::end() {
    if (direct != nullptr)
        direct_end(*direct);
    open_units--;
}

bool Work::find(Table &table, std::initializer_list<Key> keys, Lock lock, Row *row) {
    bool found;
    if (direct != nullptr && direct_find(*direct, table, keys, lock, row, &found))
        return found;
    found = spi_find(table, keys, lock, read_only, row);
    if (direct != nullptr)
        direct_refresh(*direct);
    return found;
}

void Work::scan(Table &table, std::initializer_list<Key> keys, Key from, Visitor visit, void *call) {
    if (direct == nullptr || !direct_scan(*direct, table, keys, from, visit, call))
        spi_scan(table, keys, from, read_only, visit, call);
}

void Work::insert(Table &table, Row *row, Columns given, Columns held) {
    if (direct != nullptr && direct_insert(*direct, table, row, given, held))
        return;
    spi_insert(table, *row, given, false);
    ItemPointerSetInvalid(&row->place);
    if (direct != nullptr)
        direct_refresh(*direct);
}

bool Work::insert_if_absent(Table &table, Row *row, Columns given) {
    const bool inserted = spi_insert(table, *row, given, true);
    ItemPointerSetInvalid(&row->place);
    if (direct != nullptr)
        direct_refresh(*direct);
    return inserted;
}

void Work::update(Table &table, Row *row, Columns changed) {
    if (direct != nullptr && direct_update(*direct, table, row, changed))
        return;
    spi_update(table, *row, changed);
    ItemPointerSetInvalid(&row->place);
    if (direct != nullptr)
        direct_refresh(*direct);
}

void Work::remove(Table &table, const Row &row) {
    if (direct != nullptr && direct_remove(*direct, table, row))
        return;
    spi_remove(table, row);
    if (direct != nullptr)
        direct_refresh(*direct);
}

Datum Work::call(Table &table, const char *function, Oid argument_type, Datum argument, Oid result_type,
                 SPIPlanPtr *plan) {
    const Datum result = spi_call(table, function, argument_type, argument, result_type, plan);
    if (direct != nullptr)
        direct_refresh(*direct);
    return result;
}

void init_tables() {
    DefineCustomBoolVariable("lifeguard.direct_writes",
                             "Writes rows directly where that is safe, past the SQL executor.",
                             "Off: by SQL statements only. The rows are the same.", &direct_writes, true, PGC_USERSET,
                             0, nullptr, nullptr, nullptr);
    CacheRegisterRelcacheCallback(forget, 0);
    for (const int cache : {NAMESPACEOID, AUTHMEMROLEMEM, AUTHOID})
        CacheRegisterSyscacheCallback(cache, forget_all, 0);
    RegisterXactCallback(end_transaction, nullptr);
}

} // namespace lifeguard::pg
