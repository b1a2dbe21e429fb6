// One transaction of the writer: some entries of a file become rows, together with the offset up to which the file is
// stored. So each entry is stored exactly once, whatever is killed when.
#pragma once

#include "journal/file.hpp"
#include "pg/server.hpp"

namespace lifeguard::journal {

constexpr int longest_batch = 1000; // entries

// How far a batch came. A failure with `rows` is the fault of its rows or of the table's triggers.
enum class Stage { tables, rows, aside };

// What to store, and what came of it.
struct Batch {
    Oid database = InvalidOid;
    ClosedFile *file = nullptr;    // nullptr: no entries
    off_t begin = -1;              // where in the file; -1: where journal_files says that it was left
    int limit = longest_batch;     // entries at most, the row of the losses counted
    uint64 losses = 0;             // entries that could not be kept, to be told in a row
    const char *refusal = nullptr; // why the rows cannot be in the table: they are set aside
    bool avoid_locked = false;     // rows that others keep locked are let be
    pg_uuid_t stored_file = {};    // a file that is removed: its offset is forgotten; zeros: none
    bool forget_others = false;    // forgets the offsets of all files that are not there

    bool is_wanted = false;   // nothing was done: somebody wants the database
    bool is_installed = true; // false: nothing was done, the database has no extension
    Stage stage = Stage::tables;
    off_t end = 0;       // where in the file the next batch begins
    bool is_last = true; // nothing is behind it
    int entries = 0;     // read
    int left_out = 0;    // of them, wanted by nobody
    int muted = 0;       // of those, of a function that somebody muted
    int set_aside = 0;   // of them, in monitoring.quarantined_errors
    uint64 torn = 0;     // stretches that were no entries
};

// Does it, in a transaction that the caller commits: when this returns, the table's owner is in force, with no more
// rights than his own.
void store(Batch *batch);

} // namespace lifeguard::journal
