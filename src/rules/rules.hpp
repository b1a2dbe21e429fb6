// The rules engine: one BEFORE ROW and one AFTER ROW trigger a table, whose arguments are the rules.
#pragma once

namespace lifeguard::rules {

// Sets up the engine; features register themselves after it.
void init();

} // namespace lifeguard::rules
