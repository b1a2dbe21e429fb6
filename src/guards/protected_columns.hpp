// protect_columns: columns that change only when a condition holds.
#pragma once

namespace lifeguard::guards {

// Makes the rule known to the engine.
void init_protected_columns();

} // namespace lifeguard::guards
