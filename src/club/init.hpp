// The Pull-Up Club's native functions.
#pragma once

namespace lifeguard::club {

// Defines the club's settings of the server.
void init();

} // namespace lifeguard::club
