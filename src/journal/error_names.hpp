// The names of SQLSTATEs.
#pragma once

namespace lifeguard::journal {

// The condition name of a SQLSTATE (packed, as in ErrorData), as PL/pgSQL and docs/errors.md spell it; nullptr for one
// that has no name here.
const char *condition_name(int sqlstate);

} // namespace lifeguard::journal
