// What a lifecycle does before a row is stored: refuse moves that are not declared or whose guards say no, stamp
// columns.
#pragma once

#include "lifecycle/transition.hpp"

namespace lifeguard::lifecycle {

// A condition that must be true for a move.
struct Guard {
    Move move;
    const char *message;
    rules::Expression *condition;
};

// A column that a move sets.
struct Stamp {
    Move move;
    AttrNumber column;
    rules::Expression *value;
};

// A lifecycle as the BEFORE trigger carries it.
struct Lifecycle {
    States *states;
    bool *initial;    // by state
    int state_count;  // of those that can be reached or left; a guard that names another one is refused
    bool *allowed;    // by from * state_count + to
    bool guards_stay; // some guards are for rows that stay in their state
    int guard_count;
    Guard *guards;
    int stamp_count;
    Stamp *stamps;
    bool moving; // the row at hand changes its state ...
    Move move;   // ... like this; set by refuse(), read by set() and lost_by_move()
};

void *compile_before(rules::Compilation &compilation, const rules::Definition *definitions, int count);
void refuse(void *rules, rules::RowChange &change);
void set(void *rules, rules::RowChange &change);

// May a row be created, or moved, as the rule says? Any declared move that the rule matches will do.
bool is_declared(const Lifecycle &lifecycle, const Move &rule);

} // namespace lifeguard::lifecycle
