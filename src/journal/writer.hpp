// The writer: a process that puts one database's entries into its table, and ends when no more come.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::journal {

// Whether somebody has, or waits for, a lock on the database that keeps sessions out of it: to copy, rename or drop it.
// In a transaction.
bool is_wanted(Oid database);

} // namespace lifeguard::journal
