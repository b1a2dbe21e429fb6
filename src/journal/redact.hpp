// Taking secrets out of what is stored, by the extension's own function monitoring.redact().
#pragma once

#include "pg/server.hpp"

namespace lifeguard::journal {

// A text without its secrets. What cannot be cleaned is not stored.
std::string_view redacted(std::string_view given);

// An object without its secrets, likewise.
Jsonb *redacted(Jsonb *object);

} // namespace lifeguard::journal
