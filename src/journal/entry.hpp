// An entry of the journal: what is known about one error, and its form in the file.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::journal {

enum class Source : uint8 { logged, uncaught, swallowed, translated, action };

// The texts that an entry may carry. `type` and `message` become columns, `user_context` (jsonb, binary) the beginning
// of the context, the others members of the context under their names.
enum class Field : uint8 {
    type,
    message,
    user_context,
    hint,
    context,
    function,
    schema,
    table,
    column,
    constraint,
    row_key,
    from_state,
    to_state,
    action,
    application_name,
    // what follows may differ between repetitions of one error: the values that a row had
    detail,
    query,
};
constexpr int field_count = static_cast<int>(Field::query) + 1;

// An error, where it is seen. Texts without data are absent; they are cut to what an entry holds.
struct Report {
    Source source = Source::logged;
    int severity = ERROR;         // an elevel
    int sqlstate = 0;             // 0: none
    Oid function_id = InvalidOid; // of the PL/pgSQL function
    int line = 0;                 // in that function; 0: unknown
    bool cut = false;             // some text was longer than an entry holds
    bool fold = true;             // whether repetitions are counted in one row
    std::string_view texts[field_count];

    std::string_view &operator[](Field field) { return texts[static_cast<int>(field)]; }
    std::string_view operator[](Field field) const { return texts[static_cast<int>(field)]; }
};

// An entry as read back from a file; its texts point into the bytes it was read from.
struct Entry {
    Report report;
    pg_uuid_t id;
    TimestampTz at;
    int pid;
    Oid session_user, role; // as who the session came, and as who it acted
    bool has_app_user;
    pg_uuid_t app_user; // the claims' sub
};

// The longest text of each kind, in bytes; longer ones are cut at a character's boundary.
constexpr size_t longest(Field field) {
    switch (field) {
    case Field::message:
    case Field::user_context:
        return 16 * 1024;
    case Field::detail:
    case Field::context:
        return 8 * 1024;
    case Field::query:
    case Field::row_key:
    case Field::action:
        return 4 * 1024;
    case Field::hint:
        return 2 * 1024;
    case Field::type:
    case Field::function:
    case Field::from_state:
    case Field::to_state:
        return 1024;
    default:
        return 256; // names
    }
}

// No entry is longer than this.
constexpr size_t max_entry = 80 * 1024;

// A text as a report has it; nobody needs to know the length of one that will be cut anyway.
inline std::string_view view(const char *text) {
    return text == nullptr ? std::string_view() : std::string_view(text, strnlen(text, max_entry));
}

// An entry in its file form, in a static buffer.
struct Encoded {
    std::string_view bytes;
    pg_uuid_t id; // of the row that it will be, or be counted in
    bool cut;     // some text was longer than an entry holds
};

// Gives an error its id, its time and who it happened to, and the form it has in a file. Neither allocates nor raises.
Encoded encode(const Report &report);

// Where the next entry may begin in bytes that are none, looking from `from`; their size when nowhere.
size_t find_entry(std::string_view bytes, size_t from);

enum class Decoded { entry, incomplete, torn };

// Reads the entry at `bytes + *offset` and moves the offset behind it. `torn`: what is there is no entry, the offset
// was moved to the next that may be one, or to the end. `incomplete`: its end lies behind the bytes.
Decoded decode(std::string_view bytes, size_t *offset, Entry *entry);

// Whether the id counts repetitions of one error (UUID version 8), not a single event (version 7).
inline bool folds(const pg_uuid_t &id) {
    return (id.data[6] >> 4) == 8;
}

} // namespace lifeguard::journal
