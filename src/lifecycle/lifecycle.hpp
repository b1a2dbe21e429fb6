// The state machine of a table: one kind of rule.
#pragma once

namespace lifeguard::lifecycle {

// Makes lifecycles known to the rules engine.
void init();

} // namespace lifeguard::lifecycle
