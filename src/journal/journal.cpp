#include "pg/server.hpp"

#include "journal/detector.hpp"
#include "journal/functions.hpp"
#include "journal/journal.hpp"
#include "journal/keep.hpp"
#include "journal/launcher.hpp"
#include "journal/settings.hpp"
#include "journal/shared.hpp"

namespace lifeguard::journal {

void init() {
    init_settings();
    if (IsBinaryUpgrade)
        return; // a server that is there to be copied
    init_shared();
    init_keeping();
    init_functions();
    init_detector();
    init_launcher();
}

} // namespace lifeguard::journal
