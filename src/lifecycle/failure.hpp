// What the journal is told of an action that failed.
#pragma once

#include "rules/batch.hpp"

namespace lifeguard::lifecycle {

// An action at work, as the journal would name it.
struct Attempt {
    const char *table;
    const char *row_key; // nullptr: not one row's
    const char *from_state;
    const char *to_state;
    const char *action;
    Oid caller; // who made the move
    int depth;  // greater than that of everything around it
};

// The depth of an action of a row trigger, and of work left for a statement's end by the triggers in it.
constexpr int action_depth(int triggers) {
    return 2 * triggers;
}
constexpr int batch_depth(int triggers_around) {
    return 2 * triggers_around + 1;
}

// Keeps an action's error whose work is undone already. True when it is in the journal.
bool keep_failure(const Attempt &attempt, const ErrorData &error);

// Likewise the error that is being raised, in PG_CATCH; it stays as it is, to be raised again. `memory` is the
// action's. A cancelled statement is nobody's failure.
void keep_raised(const Attempt &attempt, MemoryContext memory);

// Tells the journal of work that actions left for the end of their statement.
void keep_batch_failure(const rules::BatchFailure &failure);

} // namespace lifeguard::lifecycle
