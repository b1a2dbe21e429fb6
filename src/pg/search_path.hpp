// The search_path under which everything of ours is parsed and run.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

// Pins search_path to pg_catalog, pg_temp until unpin_search_path(level); an abort undoes it by itself.
inline int pin_search_path() {
    const int level = NewGUCNestLevel();
    (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);
    return level;
}

inline void unpin_search_path(int level) {
    AtEOXact_GUC(true, level);
}

} // namespace lifeguard::pg
