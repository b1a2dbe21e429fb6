// The application's user, from the claims that a web gateway leaves in settings.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

// Reads `sub` of request.jwt.claims, or request.jwt.claim.sub, when it is a UUID. Never raises and allocates nothing:
// also for the log hook, where the transaction has failed.
bool claimed_subject(pg_uuid_t *subject);

} // namespace lifeguard::pg
