#include "journal/rows.hpp"

namespace lifeguard::journal {

namespace {

constexpr Oid element_types[column_count] = {
    UUIDOID, TEXTOID, TEXTOID, JSONBOID,       TIMESTAMPTZOID, TEXTOID,
    TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, TEXTOID,        UUIDOID,
};

constexpr uint32 slot_count = 4096;
static_assert(slot_count >= 2 * most_rows && most_rows < PG_UINT16_MAX);

// The slot in which an id is, or belongs.
uint16 *slot_of(const Rows &rows, const pg_uuid_t &id) {
    uint32 at;
    memcpy(&at, id.data + sizeof id - sizeof at, sizeof at); // random, or a hash
    for (;; at++) {
        uint16 *slot = &rows.slots[at % slot_count];
        if (*slot == 0 || memcmp(rows.id(*slot - 1), &id, sizeof id) == 0)
            return slot;
    }
}

// Counts an entry in the row that it repeats.
void repeat(Rows *rows, int row, const Entry &entry) {
    rows->entries[row]++;
    if (!folds(entry.id))
        return; // the same event, read twice
    Datum &occurrences = rows->at(Column::occurrences, row);
    Datum &first = rows->at(Column::created_at, row);
    Datum &last = rows->at(Column::last_seen_at, row);
    occurrences = Int64GetDatum(DatumGetInt64(occurrences) + 1);
    first = TimestampTzGetDatum(Min(DatumGetTimestampTz(first), entry.at));
    last = TimestampTzGetDatum(Max(DatumGetTimestampTz(last), entry.at));
}

} // namespace

const Oid array_types[column_count] = {
    UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID,       TIMESTAMPTZARRAYOID, TEXTARRAYOID,
    TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID,        UUIDARRAYOID,
};

Rows make_rows(int capacity) {
    Rows rows = {};
    for (int i = 0; i < column_count; i++) {
        rows.values[i] = static_cast<Datum *>(palloc(capacity * sizeof(Datum)));
        rows.nulls[i] = static_cast<bool *>(palloc(capacity * sizeof(bool)));
    }
    rows.entries = static_cast<int *>(palloc(capacity * sizeof(int)));
    rows.slots = static_cast<uint16 *>(palloc0(slot_count * sizeof(uint16)));
    return rows;
}

void add(Rows *rows, const Entry &entry) {
    const int known = find_row(*rows, entry.id);
    if (known >= 0) {
        repeat(rows, known, entry);
        return;
    }
    Row row;
    make_row(entry, &row);
    for (int i = 0; i < column_count; i++) {
        rows->values[i][rows->count] = row.values[i];
        rows->nulls[i][rows->count] = row.nulls[i];
    }
    rows->entries[rows->count++] = 1;
    *slot_of(*rows, entry.id) = static_cast<uint16>(rows->count);
    for (const std::string_view text : entry.report.texts)
        rows->bytes += text.size();
}

void add_copy(Rows *rows, const Rows &others, int row) {
    for (int i = 0; i < column_count; i++) {
        rows->values[i][rows->count] = others.values[i][row];
        rows->nulls[i][rows->count] = others.nulls[i][row];
    }
    rows->entries[rows->count++] = others.entries[row];
    *slot_of(*rows, *others.id(row)) = static_cast<uint16>(rows->count);
}

int find_row(const Rows &rows, const pg_uuid_t &id) {
    return *slot_of(rows, id) - 1;
}

void rename_row(Rows *rows, int row, const pg_uuid_t &id) {
    *rows->id(row) = id;
    memset(rows->slots, 0, slot_count * sizeof(uint16));
    for (int i = 0; i < rows->count; i++)
        *slot_of(*rows, *rows->id(i)) = static_cast<uint16>(i + 1);
}

void make_parameters(const Rows &rows, Datum *parameters) {
    for (int i = 0; i < column_count; i++) {
        int16 length;
        bool by_value;
        char align;
        int count = rows.count, first = 1;
        get_typlenbyvalalign(element_types[i], &length, &by_value, &align);
        parameters[i] = PointerGetDatum(construct_md_array(rows.values[i], rows.nulls[i], 1, &count, &first,
                                                           element_types[i], length, by_value, align));
    }
}

} // namespace lifeguard::journal
