#include "pg/errors.hpp"
#include "audit/log.hpp"
#include "identity/claims.hpp"
#include "rules/batch.hpp"

namespace lifeguard::audit {

namespace {

// The columns of the log, in its order.
enum {
    c_id,
    c_relation,
    c_operation,
    c_row_key,
    c_old_values,
    c_new_values,
    c_changed_columns,
    c_changed_by,
    c_database_role,
    c_session_role,
    c_at,
    c_transaction_id,
    c_story,
    column_count
};
constexpr const char *column_names[column_count] = {
    "id",         "relation",      "operation",    "row_key", "old_values",     "new_values", "changed_columns",
    "changed_by", "database_role", "session_role", "at",      "transaction_id", "story"};

constexpr int most_rows = 1000;
constexpr size_t most_bytes = 4 * 1024 * 1024;
constexpr int at_a_time = 64; // rows of one insert: more than a page holds

// A row as it will be stored.
struct Row {
    Datum values[column_count];
    bool nulls[column_count];
};

// The rows of a statement that are not stored yet.
struct Batch {
    MemoryContext memory; // theirs
    Oid log;
    Oid sequence;
    int count;
    size_t bytes;
    Row *rows;
    Oid role; // whose name was looked up last
    Datum role_name;
    Datum session_name;
    bool has_subject;
    pg_uuid_t subject;
};

// Finds one of the extension's relations.
Oid find(const char *name) {
    const Oid schema = get_namespace_oid("monitoring", true);
    const Oid relation = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
    if (!OidIsValid(relation))
        ereport(ERROR, (errcode(err::audit_unavailable), errmsg("there is no monitoring.%s", name),
                        errhint("It belongs to the extension lifeguard; was it renamed?")));
    return relation;
}

// A role's name as text, also of one that is no more.
Datum role_name(Oid role) {
    const char *name = GetUserNameFromId(role, true);
    return CStringGetTextDatum(name != nullptr ? name : psprintf("%u", role));
}

// Readies an empty batch: what is the same for all its rows.
void begin(Batch &batch, MemoryContext parent) {
    if (batch.memory == nullptr) {
        batch.memory = AllocSetContextCreate(parent, "lifeguard audit", ALLOCSET_DEFAULT_SIZES);
        batch.log = find("audit_log");
        batch.sequence = find("audit_log_id_seq");
    }
    const MemoryContext home = MemoryContextSwitchTo(batch.memory);
    batch.rows = static_cast<Row *>(palloc(sizeof(Row) * 8));
    batch.role = InvalidOid;
    batch.session_name = role_name(GetSessionUserId());
    const identity::Person &person = identity::current_person();
    batch.has_subject = person.has_subject;
    batch.subject = person.subject;
    MemoryContextSwitchTo(home);
}

// Sets a column to a copy of a varlena value; nullptr for NULL.
void set(Batch &batch, Row &row, int column, const void *value) {
    row.nulls[column] = value == nullptr;
    row.values[column] = 0;
    if (value == nullptr)
        return;
    const size_t size = VARSIZE_ANY(value);
    void *copy = palloc(size);
    memcpy(copy, value, size);
    batch.bytes += size;
    row.values[column] = PointerGetDatum(copy);
}

// Adds a row.
void add_row(Batch &batch, const Entry &entry) {
    const MemoryContext home = MemoryContextSwitchTo(batch.memory);
    if (batch.count >= 8 && (batch.count & (batch.count - 1)) == 0)
        batch.rows = static_cast<Row *>(repalloc(batch.rows, sizeof(Row) * batch.count * 2));
    if (batch.role != entry.role) {
        batch.role_name = role_name(entry.role);
        batch.role = entry.role;
    }
    Row &row = batch.rows[batch.count++];
    memset(row.nulls, 0, sizeof row.nulls);
    row.values[c_id] = Int64GetDatum(nextval_internal(batch.sequence, false));
    set(batch, row, c_relation, DatumGetPointer(entry.relation));
    row.values[c_operation] = CStringGetTextDatum(entry.operation);
    set(batch, row, c_row_key, entry.key);
    set(batch, row, c_old_values, entry.before);
    set(batch, row, c_new_values, entry.after);
    set(batch, row, c_changed_columns, entry.changed);
    row.values[c_changed_by] = UUIDPGetDatum(&batch.subject);
    row.nulls[c_changed_by] = !batch.has_subject;
    row.values[c_database_role] = batch.role_name;
    row.values[c_session_role] = batch.session_name;
    row.values[c_at] = TimestampTzGetDatum(GetCurrentTimestamp());
    row.values[c_transaction_id] = FullTransactionIdGetDatum(GetTopFullTransactionId());
    auto *story = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
    *story = *entry.story;
    row.values[c_story] = UUIDPGetDatum(story);
    MemoryContextSwitchTo(home);
}

// --- storing ---

// A partition that is open for rows, and until when they belong into it.
struct Target {
    Relation relation;
    EState *executor;
    ResultRelInfo *info;
    int attributes[column_count]; // where our columns are
    int slot_count;
    TupleTableSlot *slots[at_a_time];
};

// Raises that the log cannot take a row.
[[noreturn]] void unavailable(const char *why) {
    ereport(
        ERROR,
        (errcode(err::audit_unavailable), errmsg("monitoring.audit_log cannot take a row: %s", why),
         errhint("SELECT monitoring.maintain_audit(); makes partitions; the partition audit_log_default takes what has "
                 "none. Without them nothing that is audited can be changed.")));
    pg_unreachable();
}

// The partition for a time.
Oid find_partition(Relation log, TimestampTz at) {
    if (log->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
        unavailable("it is not partitioned");
    PartitionKey key = RelationGetPartitionKey(log);
    PartitionDesc partitions = RelationGetPartitionDesc(log, true);
    if (key->strategy != PARTITION_STRATEGY_RANGE || key->partnatts != 1 || key->parttypid[0] != TIMESTAMPTZOID ||
        partitions->nparts == 0)
        unavailable("it is not partitioned by range of \"at\", or has no partition");
    Datum value = TimestampTzGetDatum(at);
    bool is_equal;
    const int bound = partition_range_datum_bsearch(key->partsupfunc, key->partcollation, partitions->boundinfo, 1,
                                                    &value, &is_equal);
    int index = partitions->boundinfo->indexes[bound + 1];
    if (index < 0)
        index = partitions->boundinfo->default_index;
    if (index < 0)
        unavailable("it has no partition for now");
    return partitions->oids[index];
}

// Finds our columns in the partition, which may be somebody's own with another order.
void find_columns(Target &target) {
    const TupleDesc columns = RelationGetDescr(target.relation);
    for (int i = 0; i < column_count; i++) {
        int found = i;
        if (i >= columns->natts || strcmp(NameStr(TupleDescAttr(columns, i)->attname), column_names[i]) != 0)
            for (found = 0; found < columns->natts; found++)
                if (!TupleDescAttr(columns, found)->attisdropped &&
                    strcmp(NameStr(TupleDescAttr(columns, found)->attname), column_names[i]) == 0)
                    break;
        if (found >= columns->natts)
            unavailable(psprintf("its partition %s has no column \"%s\"", RelationGetRelationName(target.relation),
                                 column_names[i]));
        target.attributes[i] = found;
    }
}

// Opens the partition for a time, with its indexes. Which it is may be another once its lock is granted: who waits for
// the default partition often waits for the one who makes his month's. From then on it stays.
void open(Target &target, Relation log, TimestampTz at) {
    Oid partition = find_partition(log, at);
    for (;;) {
        target.relation = table_open(partition, RowExclusiveLock);
        const Oid wanted = find_partition(log, at);
        if (wanted == partition)
            break;
        table_close(target.relation, RowExclusiveLock);
        partition = wanted;
    }
    if (target.relation->rd_rel->relkind != RELKIND_RELATION)
        unavailable(psprintf("its partition %s is no plain table", RelationGetRelationName(target.relation)));
    find_columns(target);
    target.executor = CreateExecutorState();
    target.info = makeNode(ResultRelInfo);
    InitResultRelInfo(target.info, target.relation, 0, nullptr, 0);
    ExecOpenIndices(target.info, false);
    target.slot_count = 0;
}

// Closes them; locks stay until the transaction ends.
void close(Target &target) {
    for (int i = 0; i < target.slot_count; i++)
        ExecDropSingleTupleTableSlot(target.slots[i]);
    for (int i = 0; i < target.info->ri_NumIndices; i++)
        pg::end_index_inserts(target.info->ri_IndexRelationDescs[i], target.info->ri_IndexRelationInfo[i]);
    ExecCloseIndices(target.info);
    FreeExecutorState(target.executor);
    table_close(target.relation, NoLock);
}

// Stores some rows and their index entries.
void store(Target &target, const Row *rows, int count) {
    for (int i = 0; i < count; i++) {
        if (i == target.slot_count)
            target.slots[target.slot_count++] = table_slot_create(target.relation, nullptr);
        TupleTableSlot *slot = target.slots[i];
        ExecClearTuple(slot);
        memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
        for (int c = 0; c < column_count; c++) {
            slot->tts_values[target.attributes[c]] = rows[i].values[c];
            slot->tts_isnull[target.attributes[c]] = rows[i].nulls[c];
        }
        ExecStoreVirtualTuple(slot);
        slot->tts_tableOid = RelationGetRelid(target.relation);
    }
    table_multi_insert(target.relation, target.slots, count, GetCurrentCommandId(true), 0, nullptr);
    for (int i = 0; i < count && target.info->ri_NumIndices > 0; i++) {
        ResetPerTupleExprContext(target.executor);
        pg::insert_index_entries(target.info, target.slots[i], target.executor);
    }
}

// Stores all rows and empties the batch.
void write(Batch &batch) {
    const MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "lifeguard audit log", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext home = MemoryContextSwitchTo(memory);
    Relation log = table_open(batch.log, RowExclusiveLock);
    Target target = {};
    for (int first = 0, count; first < batch.count; first += count) {
        const TimestampTz at = DatumGetTimestampTz(batch.rows[first].values[c_at]);
        if (target.relation == nullptr || find_partition(log, at) != RelationGetRelid(target.relation)) {
            if (target.relation != nullptr)
                close(target);
            open(target, log, at);
        }
        const Oid partition = RelationGetRelid(target.relation);
        for (count = 1; count < at_a_time && first + count < batch.count; count++)
            if (find_partition(log, DatumGetTimestampTz(batch.rows[first + count].values[c_at])) != partition)
                break;
        store(target, batch.rows + first, count);
    }
    if (target.relation != nullptr)
        close(target);
    table_close(log, NoLock);
    MemoryContextSwitchTo(home);
    MemoryContextDelete(memory);
    batch.count = 0;
    batch.bytes = 0;
    batch.rows = nullptr;
    MemoryContextReset(batch.memory);
}

// The end of a statement.
void flush(void *argument) {
    auto &batch = *static_cast<Batch *>(argument);
    if (batch.count > 0)
        write(batch);
}

constexpr rules::BatchKind kind = {"audit", sizeof(Batch), flush};

} // namespace

void add(const Entry &entry) {
    auto *batch = static_cast<Batch *>(rules::rule_batch(kind));
    Batch alone = {};
    const bool waits = batch != nullptr;
    if (!waits)
        batch = &alone;
    if (batch->rows == nullptr)
        begin(*batch, waits ? rules::batch_context() : CurrentMemoryContext);
    add_row(*batch, entry);
    if (!waits || batch->count >= most_rows || batch->bytes >= most_bytes)
        write(*batch);
    if (!waits)
        MemoryContextDelete(alone.memory);
}

} // namespace lifeguard::audit
