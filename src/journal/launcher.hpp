// Who starts writers.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::journal {

// Registers the launcher, when the library is being preloaded.
void init_launcher();

// Sees to it that a writer of this database runs soon: by the launcher, or from this session where there is none (there
// at most once a second). Takes server locks: not for the log hook. False when none can be started now.
bool start_writer();

} // namespace lifeguard::journal
