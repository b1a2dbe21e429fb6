#include "pg/uuid.hpp"

namespace lifeguard::pg {

// Something nobody else has, where there is no strong randomness: time, process and a number, hashed.
static void improvise(pg_uuid_t *uuids, int count) {
    static uint64 drawn = 0;
    for (int i = 0; i < count; i++) {
        const uint64 seed[3] = {static_cast<uint64>(GetCurrentTimestamp()), static_cast<uint64>(MyProcPid), ++drawn};
        for (int half = 0; half < 2; half++) {
            const uint64 hash = hash_bytes_extended(reinterpret_cast<const unsigned char *>(seed), sizeof seed, half);
            memcpy(uuids[i].data + 8 * half, &hash, sizeof hash);
        }
    }
}

void draw_uuid(pg_uuid_t *uuid) {
    // most of the cost of strong random bytes is in asking for them
    static pg_uuid_t supply[32];
    static int left = 0;
    if (left == 0) {
        if (!pg_strong_random(supply, sizeof supply))
            improvise(supply, lengthof(supply));
        left = lengthof(supply);
    }
    *uuid = supply[--left];
    uuid->data[6] = (uuid->data[6] & 0x0f) | 0x40; // version 4
    uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80; // variant of RFC 4122
}

Datum random_uuid() {
    auto *uuid = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
    draw_uuid(uuid);
    return UUIDPGetDatum(uuid);
}

bool read_uuid(std::string_view text, pg_uuid_t *uuid) {
    if (text.starts_with('{')) {
        if (!text.ends_with('}'))
            return false;
        text = text.substr(1, text.size() - 2);
    }
    size_t at = 0;
    for (int byte = 0; byte < UUID_LEN; byte++) {
        if (at + 2 > text.size())
            return false;
        const int high = hex_digit(text[at]), low = hex_digit(text[at + 1]);
        if (high < 0 || low < 0)
            return false;
        uuid->data[byte] = static_cast<unsigned char>(high << 4 | low);
        at += 2;
        // a hyphen may follow each group of four digits
        if (byte % 2 == 1 && byte < UUID_LEN - 1 && at < text.size() && text[at] == '-')
            at++;
    }
    return at == text.size();
}

} // namespace lifeguard::pg
