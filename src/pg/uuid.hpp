// UUIDs: random ones, cheaper by the dozen, and reading them where nothing may be raised.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

// Makes a random UUID (version 4). Never raises and allocates nothing: a machine without strong randomness gives a
// weaker one.
void draw_uuid(pg_uuid_t *uuid);

// A random UUID (version 4) in the current memory, as gen_random_uuid() makes them.
Datum random_uuid();

// The value of a hexadecimal digit; -1 for another character.
constexpr int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Reads a UUID in every form that the server's own input takes; false for anything else.
bool read_uuid(std::string_view text, pg_uuid_t *uuid);

// Whether two UUIDs are the same.
inline bool same_uuid(const pg_uuid_t &a, const pg_uuid_t &b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

} // namespace lifeguard::pg
