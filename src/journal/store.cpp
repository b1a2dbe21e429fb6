#include "pg/owner.hpp"
#include "pg/uuid.hpp"
#include "journal/keep.hpp"
#include "journal/muting.hpp"
#include "journal/rows.hpp"
#include "journal/statement.hpp"
#include "journal/store.hpp"
#include "journal/writer.hpp"

namespace lifeguard::journal {

namespace {

constexpr size_t longest_batch_bytes = 4 * 1024 * 1024;
static_assert(longest_batch <= most_rows);

// --- the extension's tables ---

Statement read_offset = {"SELECT consumed FROM lifeguard.journal_files WHERE file = $1", 1, {UUIDOID}};

Statement write_offset = {
    "INSERT INTO lifeguard.journal_files AS f (file, consumed, consumed_at) VALUES ($1, $2, pg_catalog.now()) "
    "ON CONFLICT (file) DO UPDATE SET consumed = excluded.consumed, consumed_at = excluded.consumed_at",
    2,
    {UUIDOID, INT8OID}};

Statement forget_offset = {"DELETE FROM lifeguard.journal_files WHERE file = $1", 1, {UUIDOID}};

Statement forget_offsets = {
    "DELETE FROM lifeguard.journal_files WHERE file OPERATOR(pg_catalog.<>) ALL ($1)", 1, {UUIDARRAYOID}};

// All columns of a batch as rows.
#define UNNESTED                                                                                                       \
    "ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), "          \
    "pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8), "                     \
    "pg_catalog.unnest($9), pg_catalog.unnest($10), pg_catalog.unnest($11), pg_catalog.unnest($12)) AS r "
#define COLUMNS                                                                                                        \
    "(id, error_type, error_message, context, created_at, severity, sqlstate, source, occurrences, last_seen_at, "     \
    "session_user_name, app_user) "

// Repetitions are counted in the first row, which opens again when the error came back after it was resolved. A single
// event that is there already stays as it is.
TableStatement insert = {
    "INSERT INTO %1$s AS e " COLUMNS "SELECT * FROM " UNNESTED "ON CONFLICT (id) DO UPDATE SET "
    "occurrences = e.occurrences + "
    "CASE WHEN pg_catalog.substr(e.id::pg_catalog.text, 15, 1) = '8' THEN excluded.occurrences ELSE 0 END, "
    "last_seen_at = GREATEST(e.last_seen_at, excluded.last_seen_at), "
    "resolved = e.resolved AND coalesce(excluded.last_seen_at <= e.resolved_at, false) "
    "RETURNING id",
    column_count};

// Those of the ids whose rows others have locked.
TableStatement find_locked = {
    "WITH free AS (SELECT id FROM %1$s WHERE id = ANY ($1) FOR NO KEY UPDATE SKIP LOCKED) "
    "SELECT id FROM %1$s WHERE id = ANY ($1) AND NOT EXISTS (SELECT FROM free WHERE free.id = %1$s.id)",
    1};

// Rows that the table refused, with the reason ($13).
Statement quarantine = {"INSERT INTO monitoring.quarantined_errors AS q (id, reason, entry) "
                        "SELECT r.id, $13, pg_catalog.to_jsonb(r) OPERATOR(pg_catalog.-) 'id' FROM " UNNESTED COLUMNS,
                        column_count + 1,
                        {UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID,
                         TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, UUIDARRAYOID,
                         TEXTOID}};

// The extension, held against being dropped until the transaction ends; before anything else is locked, so that a DROP
// waits for us and we never for it. InvalidOid: the database has none.
Oid hold_extension() {
    const Oid extension = get_extension_oid("lifeguard", true);
    if (!OidIsValid(extension))
        return InvalidOid;
    LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
    return get_extension_oid("lifeguard", true);
}

// The table of errors, whatever its name is now, locked for inserts.
Oid hold_errors_table() {
    List *name = list_make2(makeString(pstrdup("lifeguard")), makeString(pstrdup("errors_table")));
    const Oid function = LookupFuncName(name, 0, nullptr, false);
    const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", function);
    const Oid owner = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner;
    ReleaseSysCache(tuple);
    const pg::Caller caller = pg::enter_owner(owner, SECURITY_RESTRICTED_OPERATION);
    const Oid table = DatumGetObjectId(OidFunctionCall0(function));
    pg::leave_owner(caller);
    LockRelationOid(table, RowExclusiveLock);
    return table;
}

// --- a batch ---

// Where a file was left.
off_t stored_offset(const pg_uuid_t &file) {
    Datum id = UUIDPGetDatum(&file);
    bool isnull;
    if (run(&read_offset, &id) == 0)
        return 0;
    const Datum offset = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
    return isnull ? 0 : static_cast<off_t>(DatumGetInt64(offset));
}

// Tells in a row what could not be kept.
void add_losses(Batch *batch, Rows *rows) {
    Entry entry = {};
    pg::draw_uuid(&entry.id);
    entry.at = GetCurrentTimestamp();
    entry.session_user = entry.role = GetSessionUserId();
    char message[192];
    describe_losses(batch->losses, message, &entry.report);
    add(rows, entry);
    rows->entries[rows->count - 1] = 0; // it was not kept as one
}

// Reads entries until the batch is full or the file ends.
void read_entries(Batch *batch, Rows *rows, Oid extension) {
    Reader reader = {batch->file, batch->begin};
    Muting muting = {extension};
    const int limit = batch->limit - rows->count;
    Entry entry;
    batch->is_last = false;
    while (batch->entries < limit && rows->bytes < longest_batch_bytes) {
        CHECK_FOR_INTERRUPTS();
        if (!next_entry(&reader, &entry)) {
            batch->is_last = true;
            break;
        }
        batch->entries++;
        const Audience audience = audience_of(entry.report, &muting);
        if (audience == Audience::everybody)
            add(rows, entry);
        else
            batch->left_out++;
        if (audience == Audience::muted)
            batch->muted++;
    }
    batch->end = reader.offset;
    batch->torn = reader.torn;
}

// Writes down how far the file is stored, and forgets files that are gone.
void write_offsets(const Batch &batch, Oid table) {
    const Acting acting = act_as_owner(table);
    if (batch.file != nullptr && batch.entries > 0 && !is_nil(batch.file->id)) {
        Datum values[2] = {UUIDPGetDatum(&batch.file->id), Int64GetDatum(batch.end)};
        run(&write_offset, values);
    }
    if (!is_nil(batch.stored_file)) {
        Datum id = UUIDPGetDatum(&batch.stored_file);
        run(&forget_offset, &id);
    }
    if (batch.forget_others) {
        constexpr int capacity = 1024;
        auto *ids = static_cast<pg_uuid_t *>(palloc(capacity * sizeof(pg_uuid_t)));
        auto *values = static_cast<Datum *>(palloc(capacity * sizeof(Datum)));
        const int count = waiting_files(batch.database, ids, capacity);
        for (int i = 0; i < count; i++)
            values[i] = UUIDPGetDatum(&ids[i]);
        Datum array = PointerGetDatum(construct_array(values, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
        if (count < capacity)
            run(&forget_offsets, &array);
    }
    stop_acting(acting);
}

// Sets rows aside.
void set_aside(Batch *batch, const Rows &rows, const char *reason) {
    batch->stage = Stage::aside;
    const Acting acting = act_as_owner(find_table("monitoring", "quarantined_errors"));
    Datum parameters[column_count + 1];
    make_parameters(rows, parameters);
    parameters[column_count] = CStringGetTextDatum(reason);
    run(&quarantine, parameters);
    stop_acting(acting);
    for (int i = 0; i < rows.count; i++)
        batch->set_aside += rows.entries[i];
}

// The rows that are not among the ids that the insert returned: a trigger dropped them without a word. Where one gave
// rows other ids, nobody knows which these are: raises, so that they are tried one by one.
Rows missing_rows(const Rows &rows) {
    auto *is_there = static_cast<bool *>(palloc0(rows.count * sizeof(bool)));
    for (uint64 i = 0; i < SPI_processed; i++) {
        bool isnull;
        const Datum id = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
        const int row = isnull ? -1 : find_row(rows, *DatumGetUUIDP(id));
        if (row < 0)
            ereport(ERROR,
                    (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION), errmsg("a trigger changed the id of an error")));
        is_there[row] = true;
    }
    Rows missing = make_rows(rows.count);
    for (int i = 0; i < rows.count; i++)
        if (!is_there[i])
            add_copy(&missing, rows, i);
    return missing;
}

// Counts repetitions in other rows when somebody keeps the first ones locked. These have ids of their own, always the
// same.
void avoid_locked_rows(Rows *rows, Oid table) {
    Datum parameters[column_count];
    make_parameters(*rows, parameters);
    const uint64 count = run(prepared_for(table, &find_locked), parameters);
    for (uint64 i = 0; i < count; i++) {
        bool isnull;
        const Datum locked = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
        pg_uuid_t id = *DatumGetUUIDP(locked);
        const int row = find_row(*rows, id);
        id.data[UUID_LEN - 1] ^= 0xff;
        if (row >= 0 && folds(id) && find_row(*rows, id) < 0)
            rename_row(rows, row, id);
    }
}

// Puts rows into the table.
void insert_rows(Batch *batch, Rows *rows, Oid table) {
    const Acting acting = act_as_owner(table);
    if (batch->avoid_locked)
        avoid_locked_rows(rows, table);
    Datum parameters[column_count];
    make_parameters(*rows, parameters);
    const uint64 stored = run(prepared_for(table, &insert), parameters);
    const Rows missing = stored == static_cast<uint64>(rows->count) ? Rows{} : missing_rows(*rows);
    stop_acting(acting);
    if (missing.count > 0)
        set_aside(batch, missing, "dropped by a trigger");
}

} // namespace

void store(Batch *batch) {
    batch->stage = Stage::tables;
    batch->is_installed = batch->is_last = true;
    batch->entries = batch->left_out = batch->muted = batch->set_aside = 0;
    batch->torn = 0;
    batch->is_wanted = is_wanted(batch->database);
    if (batch->is_wanted)
        return;
    const Oid extension = hold_extension();
    batch->is_installed = OidIsValid(extension);
    if (!batch->is_installed)
        return;

    SPI_connect();
    defer_nothing();
    const Oid files = find_table("lifeguard", "journal_files");
    const Oid errors = hold_errors_table();
    Acting acting = act_as_owner(errors);
    prepared_for(errors, &insert);
    stop_acting(acting);
    if (batch->file != nullptr && batch->begin < 0) {
        acting = act_as_owner(files);
        batch->begin = is_nil(batch->file->id) ? 0 : stored_offset(batch->file->id);
        stop_acting(acting);
    }

    batch->stage = Stage::rows;
    Rows rows = make_rows(batch->limit);
    if (batch->losses > 0)
        add_losses(batch, &rows);
    if (batch->file != nullptr)
        read_entries(batch, &rows, extension);

    batch->stage = Stage::tables;
    write_offsets(*batch, files);

    batch->stage = Stage::rows;
    if (rows.count > 0 && batch->refusal != nullptr)
        set_aside(batch, rows, batch->refusal);
    else if (rows.count > 0)
        insert_rows(batch, &rows, errors);
    SPI_finish();
    // nothing of the table's is left to run now; should there be, it is not as us
    act_as_owner(errors);
}

} // namespace lifeguard::journal
