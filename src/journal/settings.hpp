// The journal's settings (lifeguard.*).
#pragma once

#include "pg/server.hpp"

namespace lifeguard::journal {

enum class Swallowed : int { off, others, all };
enum class Durability : int { process, fsync };

extern bool capture_uncaught; // lifeguard.capture_uncaught
extern int capture_swallowed; // lifeguard.capture_swallowed, a Swallowed
extern bool capture_query;    // lifeguard.capture_query
extern int durability;        // lifeguard.durability, a Durability
extern int journal_limit;     // lifeguard.journal_limit, MB a database
extern int fold_window;       // lifeguard.fold_window, seconds; 0 folds nothing
extern int log_rate;          // lifeguard.log_rate, calls a second; -1 has no limit
extern bool redact_secrets;   // lifeguard.redact

// Defines them.
void init_settings();

} // namespace lifeguard::journal
