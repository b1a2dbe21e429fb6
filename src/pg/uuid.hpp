// Random UUIDs, cheaper by the dozen.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

// Makes a random UUID (version 4). Never raises and allocates nothing: a machine without strong randomness gives a
// weaker one.
void draw_uuid(pg_uuid_t *uuid);

// A random UUID (version 4) in the current memory, as gen_random_uuid() makes them.
Datum random_uuid();

} // namespace lifeguard::pg
