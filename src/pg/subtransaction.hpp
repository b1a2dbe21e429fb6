// Running something that may fail without losing the transaction around it.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::pg {

// Calls work(argument) in a subtransaction. nullptr when it succeeded; else the subtransaction was rolled back, and the
// error is returned in the caller's memory. A cancel goes through.
ErrorData *try_in_subtransaction(void (*work)(void *), void *argument);

// The subtransaction that it is rolling back just now; its error is known to the caller.
extern SubTransactionId explained_rollback;

} // namespace lifeguard::pg
