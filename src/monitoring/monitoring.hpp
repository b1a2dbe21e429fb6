// Checks: what of running them must be native. A check is tried with a time limit and taken back.
#pragma once

namespace lifeguard::monitoring {

// Makes the settings known.
void init();

} // namespace lifeguard::monitoring
