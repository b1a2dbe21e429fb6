#include "pg/uuid.hpp"

namespace lifeguard::pg {

Datum random_uuid() {
    // most of the cost of strong random bytes is in asking for them
    static pg_uuid_t supply[32];
    static int left = 0;
    if (left == 0) {
        if (!pg_strong_random(supply, sizeof supply))
            ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
        left = lengthof(supply);
    }
    auto *uuid = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
    *uuid = supply[--left];
    uuid->data[6] = (uuid->data[6] & 0x0f) | 0x40; // version 4
    uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80; // variant of RFC 4122
    return UUIDPGetDatum(uuid);
}

} // namespace lifeguard::pg
