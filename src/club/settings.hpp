// The club's settings, read once a batch: one page, no cache that could be old.
#pragma once

#include "club/clock.hpp"
#include "pg/table.hpp"

namespace lifeguard::club {

struct Settings {
    pg_tz *zone;
    int pool_dollars;
    int monthly_cap_dollars;
    bool cap_for_member; // monthly_cap_scope: each member has the cap for himself, not all together
    bool auto_create_pools;
    int max_pull_ups;
};

// Reads the row; LG109 when there is none.
Settings read_settings(pg::Work &work);

} // namespace lifeguard::club
