// Random UUIDs, cheaper by the dozen.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

// A random UUID (version 4) in the current memory, as gen_random_uuid() makes them.
Datum random_uuid();

} // namespace lifeguard::pg
