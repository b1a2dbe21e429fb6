// A time limit of our own, told apart from a user's cancel and from the server's timeouts.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::monitoring {

// Cancels what runs after so many milliseconds (0: never), and again as long as something catches that.
void begin_time_limit(int milliseconds);

// Ends it; also takes back a cancel of its own that nobody has met. Callable after an error, before anything else.
// True when the time was over.
bool end_time_limit();

// Whether the server itself has cancelled: a user, a timeout, or a limit of ours.
bool is_cancel(const ErrorData &error);

// Whether an error is the cancel of a limit that was over, and nobody else's.
bool is_our_cancel(const ErrorData &error, bool was_over);

} // namespace lifeguard::monitoring
