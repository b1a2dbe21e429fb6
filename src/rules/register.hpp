// The register of tables that declare rules: so that a trigger that is gone is missed.
#pragma once

#include "rules/feature.hpp"

namespace lifeguard::rules {

// Notes that a table's trigger of this timing was written, or taken away on purpose.
void note_declared(Oid table, Timing timing, bool has_rules);

} // namespace lifeguard::rules
