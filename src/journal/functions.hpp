// What SQL functions for operators stand on.
#pragma once

namespace lifeguard::journal {

// Watches for the end of the transaction that creates the extension.
void init_functions();

} // namespace lifeguard::journal
