// keep_updated_at: a column that says when the row was last updated.
#pragma once

namespace lifeguard::guards {

// Makes the rule known to the engine.
void init_updated_at();

} // namespace lifeguard::guards
