// keep_in_step: two columns that say the same thing; the one that is written decides, the other follows.
// derive_column: a column that always is what an expression over the row says.
#pragma once

namespace lifeguard::guards {

// Makes both kinds known to the engine. They follow what other rules set, and come after them.
void init_in_step();

} // namespace lifeguard::guards
