#include "pg/claims.hpp"
#include "pg/uuid.hpp"
#include "journal/entry.hpp"
#include "journal/settings.hpp"

namespace lifeguard::journal {

namespace {

// How an entry begins. Entries are read on the machine that wrote them: native byte order.
struct Head {
    uint32 magic;
    uint32 size; // of the whole entry
    uint32 crc;  // of what follows this field
    int32 pid;
    pg_uuid_t id;
    TimestampTz at;
};

// What follows, before the texts.
struct Body {
    uint8 source;
    uint8 severity;
    uint8 flags;
    uint8 unused;
    int32 sqlstate;
    Oid function_id;
    int32 line;
    Oid session_user;
    Oid role;
    pg_uuid_t app_user;
};

// Before each text.
struct TextHead {
    uint16 field;
    uint16 size;
};

constexpr uint32 magic = 0x4a474c01; // LGJ, and a byte that is in no text
constexpr uint8 has_app_user = 1;
constexpr uint8 was_cut = 2;
constexpr size_t checked_from = offsetof(Head, pid);

// The bytes of an entry at work; a process writes one at a time.
char buffer[max_entry];

// No combination of texts overflows the buffer, so that nobody has to ask.
constexpr size_t longest_entry() {
    size_t size = sizeof(Head) + sizeof(Body);
    for (int i = 0; i < field_count; i++)
        size += sizeof(TextHead) + longest(static_cast<Field>(i));
    return size;
}
static_assert(longest_entry() <= max_entry && max_entry < (1 << 20));

// The checksum of an entry's bytes behind that field.
uint32 checksum(const char *bytes, size_t size) {
    pg_crc32c crc;
    INIT_CRC32C(crc);
    COMP_CRC32C(crc, bytes, size);
    FIN_CRC32C(crc);
    return crc;
}

// The milliseconds of Unix time that begin a UUID of version 7 or 8, and its version and variant.
void stamp(pg_uuid_t *id, int64 milliseconds, int version) {
    for (int i = 0; i < 6; i++)
        id->data[i] = static_cast<unsigned char>(milliseconds >> (8 * (5 - i)));
    id->data[6] = static_cast<unsigned char>((id->data[6] & 0x0f) | (version << 4));
    id->data[8] = (id->data[8] & 0x3f) | 0x80;
}

// The id of an entry: its own, or that of all that say the same within the fold window, in this database of this server
// and its standbys: where tables are replicated, another's rows must not have the same.
void identify(const Report &report, TimestampTz at, std::string_view body, pg_uuid_t *id) {
    const int64 milliseconds = at / 1000 + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * INT64CONST(86400000);
    // what a role logs beyond its rate is folded also where nothing else is
    const int64 window = fold_window > 0 ? fold_window : report.source == Source::logged ? 3600 : 0;
    if (!report.fold || window == 0) {
        pg::draw_uuid(id);
        stamp(id, milliseconds, 7);
        return;
    }
    const int64 begin = milliseconds - milliseconds % (window * 1000);
    const auto *bytes = reinterpret_cast<const unsigned char *>(body.data());
    const uint64 seed = hash_combine64(GetSystemIdentifier(), MyDatabaseId) + static_cast<uint64>(begin);
    for (int half = 0; half < 2; half++) {
        const uint64 hash = hash_bytes_extended(bytes, static_cast<int>(body.size()), seed + half);
        memcpy(id->data + 8 * half, &hash, sizeof hash);
    }
    stamp(id, begin, 8);
}

// Appends a text, cut to what its kind may have; binary jsonb cannot be cut and is left out. True when it was cut.
bool add_text(size_t *size, Field field, std::string_view text) {
    const size_t limit = longest(field);
    const bool cut = text.size() > limit;
    if (cut && field == Field::user_context)
        return true;
    if (cut)
        text = text.substr(
            0, static_cast<size_t>(pg_mbcliplen(text.data(), static_cast<int>(limit) + 1, static_cast<int>(limit))));
    const TextHead head = {static_cast<uint16>(field), static_cast<uint16>(text.size())};
    memcpy(buffer + *size, &head, sizeof head);
    memcpy(buffer + *size + sizeof head, text.data(), text.size());
    *size += sizeof head + text.size();
    return cut;
}

} // namespace

Encoded encode(const Report &report) {
    Head head = {};
    Body body = {};
    int security;
    body.source = static_cast<uint8>(report.source);
    body.severity = static_cast<uint8>(report.severity);
    body.sqlstate = report.sqlstate;
    body.function_id = report.function_id;
    body.line = report.line;
    body.session_user = GetSessionUserId();
    GetUserIdAndSecContext(&body.role, &security);
    // the row of what came beyond a role's rate stands for all its users
    const bool is_surplus = report.source == Source::logged && report.fold;
    if (!is_surplus && pg::claimed_subject(&body.app_user))
        body.flags |= has_app_user;

    // as it is now it counts for the id; whether a text was cut does not
    memcpy(buffer + sizeof head, &body, sizeof body);

    size_t size = sizeof head + sizeof body;
    size_t same = 0; // the part that repetitions have in common
    if (report.cut)
        body.flags |= was_cut;
    for (int i = 0; i < field_count; i++) {
        if (static_cast<Field>(i) == Field::detail)
            same = size;
        if (report.texts[i].data() == nullptr)
            continue;
        if (add_text(&size, static_cast<Field>(i), report.texts[i]))
            body.flags |= was_cut;
    }
    head.at = GetCurrentTimestamp();
    identify(report, head.at, std::string_view(buffer + sizeof head, same - sizeof head), &head.id);
    memcpy(buffer + sizeof head, &body, sizeof body);

    head.magic = magic;
    head.size = static_cast<uint32>(size);
    head.pid = MyProcPid;
    memcpy(buffer, &head, sizeof head);
    head.crc = checksum(buffer + checked_from, size - checked_from);
    memcpy(buffer + offsetof(Head, crc), &head.crc, sizeof head.crc);
    return Encoded{std::string_view(buffer, size), head.id, (body.flags & was_cut) != 0};
}

size_t find_entry(std::string_view bytes, size_t from) {
    if (from >= bytes.size())
        return bytes.size();
    const size_t found = bytes.find(std::string_view(reinterpret_cast<const char *>(&magic), sizeof magic), from);
    return found == std::string_view::npos ? bytes.size() : found;
}

Decoded decode(std::string_view bytes, size_t *offset, Entry *entry) {
    Head head;
    Body body;
    const std::string_view rest = bytes.substr(*offset);
    if (rest.size() >= sizeof head.magic && memcmp(rest.data(), &magic, sizeof magic) != 0) {
        *offset = find_entry(bytes, *offset + 1);
        return Decoded::torn;
    }
    if (rest.size() < sizeof head + sizeof body)
        return Decoded::incomplete;
    memcpy(&head, rest.data(), sizeof head);
    memcpy(&body, rest.data() + sizeof head, sizeof body);
    const bool plausible = head.size >= sizeof head + sizeof body && head.size <= max_entry;
    if (plausible && rest.size() < head.size)
        return Decoded::incomplete;
    if (!plausible || checksum(rest.data() + checked_from, head.size - checked_from) != head.crc) {
        *offset = find_entry(bytes, *offset + 1);
        return Decoded::torn;
    }

    *entry = Entry{};
    Report &report = entry->report;
    report.source = static_cast<Source>(body.source);
    report.severity = body.severity;
    report.sqlstate = body.sqlstate;
    report.function_id = body.function_id;
    report.line = body.line;
    report.fold = folds(head.id);
    entry->id = head.id;
    entry->at = head.at;
    entry->pid = head.pid;
    entry->session_user = body.session_user;
    entry->role = body.role;
    entry->has_app_user = (body.flags & has_app_user) != 0;
    entry->app_user = body.app_user;
    report.cut = (body.flags & was_cut) != 0;
    for (size_t at = sizeof head + sizeof body; at + sizeof(TextHead) <= head.size;) {
        TextHead text;
        memcpy(&text, rest.data() + at, sizeof text);
        at += sizeof text;
        // a field that this version does not know is passed over; the checksum vouches for the sizes
        if (text.field < field_count && at + text.size <= head.size)
            report.texts[text.field] = rest.substr(at, text.size);
        at += text.size;
    }
    *offset += head.size;
    return Decoded::entry;
}

} // namespace lifeguard::journal
