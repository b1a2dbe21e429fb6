// The feature's entrance.
#pragma once

namespace lifeguard::identity {

// Defines the settings that claims come in, and watches what answers are made from.
void init();

} // namespace lifeguard::identity
