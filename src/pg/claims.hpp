// The claims of a request, in the settings in which a web gateway leaves them.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

constexpr const char *claims_setting = "request.jwt.claims"; // a JSON object
constexpr const char *claim_settings = "request.jwt.claim."; // one setting a claim: before PostgREST 9
constexpr size_t longest_claims = 1024 * 1024;               // longer ones are nobody's

// Reads the subject of request.jwt.claims, or of request.jwt.claim.sub when there are no such claims, when it is a
// UUID. Never raises and allocates nothing: also for the log hook, where the transaction has failed.
bool claimed_subject(pg_uuid_t *subject);

} // namespace lifeguard::pg
