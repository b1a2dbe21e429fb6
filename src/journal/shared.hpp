// What processes share: counters, the launcher's latch, rates. In shared memory when the library is preloaded, else
// this session's own.
#pragma once

#include <atomic>

#include "pg/server.hpp"

namespace lifeguard::journal {

// What is counted since the server started (or, without preloading, since the session loaded the library).
enum class Counter : int {
    kept,                        // entries written to a file
    refused_full,                // not kept: the journal's limit was reached
    refused_failed,              // not kept: the file could not be written (disk full, no descriptor)
    cut,                         // kept with a text cut short
    rate_limited,                // kept as a number only: log_error by a role over its rate
    unexplained_subtransactions, // rolled back, and no PL/pgSQL handler says why
    stored,                      // entries put into the table, as a row or as a repetition
    quarantined,                 // set aside: their row was refused
    muted,                       // dropped: their function is muted
    torn,                        // stretches of a file that were no entries
    discarded,                   // of databases without the extension
};
constexpr int counter_count = static_cast<int>(Counter::discarded) + 1;

// Names as status() shows them, in order.
extern const char *const counter_names[counter_count];

// Counts; safe everywhere.
void count(Counter counter, uint64 more = 1);
uint64 counted(Counter counter);

// Whether the library was preloaded, so that there is a launcher.
bool is_preloaded();

// Notes that entries of this database could not be kept; and takes what was noted, to be told in the table.
void note_loss(Oid database, uint64 more = 1);
uint64 take_losses(Oid database);

// Who appends to a database's open file, where that need not be asked of the file system. Each time the file is put
// away a new turn begins; sessions of the one before may still be writing to it until none is counted.
struct Gate {
    std::atomic<uint32> turn;
    std::atomic<int32> appending[2]; // sessions of even and of odd turns
};

// The database's gate; nullptr without preloading, or when more databases have errors than there is room for.
Gate *gate_of(Oid database);

// Tells the launcher that entries wait; once until it looks. Safe in the log hook.
void wake_launcher();

// For the launcher: registers its latch (nullptr: it ends); before it looks, makes itself wakeable again.
void set_launcher(Latch *latch);
void be_wakeable();
bool launcher_runs();

// Whether databases wait for a writer because as many run as may: those that have nothing to do end at once then.
void set_crowded(bool is_crowded);
bool is_crowded();

// Whether a role may make one more call now, at `rate` a second (ten seconds' worth at once).
bool within_rate(Oid role, int rate);

// Requests and attaches the shared memory, when preloaded.
void init_shared();

} // namespace lifeguard::journal
