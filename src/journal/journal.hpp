// The journal: every error is kept, even when its transaction rolls back.
#pragma once

namespace lifeguard::journal {

// Defines the settings and installs what sees errors; when the library is being preloaded, also the memory and the
// launcher.
void init();

} // namespace lifeguard::journal
