// JSON texts read where they stand. Nothing is allocated and nothing raises, but for json_string(), so it also serves
// where the server's own parser may not be called, because that raises on text that is no JSON.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

// Whether jsonb would take the text. Narrower than jsonb where a text is hostile rather than useful: it is nested less
// than 64 deep, and its numbers are of ordinary size.
bool is_json(std::string_view text);

// The value of an object's member, as it stands there; without data when there is none. Of several with that name the
// last counts, as in jsonb. The object must be sound, or the answer is any part of it.
std::string_view json_member(std::string_view object, std::string_view name);

// The values of an array or object in turn: json_next(container, &position, &key, &value) from position 0 until false.
// The key is as it stands there, with its quotes; without data in an array.
bool json_next(std::string_view container, size_t *position, std::string_view *key, std::string_view *value);

// What a string (with its quotes) means, as NUL-terminated text in the buffer; -1 when it is no string or too long.
int json_text(std::string_view string, char *buffer, size_t size);

// The same, palloc'd; nullptr when it is no string. This one may run out of memory.
char *json_string(std::string_view string);

// Whether a value is written as a string, an object, an array, or is null or absent.
inline bool is_json_string(std::string_view value) {
    return value.starts_with('"');
}
inline bool is_json_object(std::string_view value) {
    return value.starts_with('{');
}
inline bool is_json_array(std::string_view value) {
    return value.starts_with('[');
}
inline bool is_json_null(std::string_view value) {
    return value.data() == nullptr || value == "null";
}

} // namespace lifeguard::pg
