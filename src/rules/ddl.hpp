// What the server's own DDL means for rules, where no event trigger tells.
#pragma once

namespace lifeguard::rules {

// In a cluster that pg_upgrade fills: records what triggers of ours use when they are created.
void init_ddl();

} // namespace lifeguard::rules
