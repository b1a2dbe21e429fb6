// The rules that are running now, one inside the other: an action that updates a table runs that table's rules.
#pragma once

#include "rules/feature.hpp"

namespace lifeguard::rules {

// One row trigger at work, on the C stack.
struct Frame {
    const char *table;
    const char *doing; // label of the rule being run, or nullptr
    const Node *call;  // the expression of the `abort` action being run, or nullptr
    const Frame *outer;
    int depth;
    Oid owner; // as whom the rules run
};

// The innermost row trigger at work, or nullptr.
extern Frame *current_frame;

// Refuses with LG014, and names the chain, when rules call each other too deep.
void check_depth(const Frame &frame);

// Defines lifeguard.max_depth.
void init_nesting();

} // namespace lifeguard::rules
