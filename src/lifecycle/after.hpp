// What a lifecycle does after a row is stored: run the move's actions in the order declared, and keep its history.
#pragma once

#include "pg/text.hpp"
#include "lifecycle/transition.hpp"

namespace lifeguard::lifecycle {

// A call that a move makes.
struct Action {
    Move move;
    bool go_on; // on_error => 'continue'
    const char *label;
    rules::Expression *call;
};

// A lifecycle as the AFTER trigger carries it.
struct Aftermath {
    States *states;
    bool *initial;
    int action_count;
    Action *actions;
    pg::RowKey *key; // of the table, for the journal; nullptr without actions
    bool keeps_history;
    bool on_insert;
};

void *compile_after(rules::Compilation &compilation, const rules::Definition *definitions, int count);
void act(void *rules, rules::RowChange &change);

// Does a row that makes this change have actions or history?
bool has_work(const Aftermath &aftermath, const rules::RowChange &change);

} // namespace lifeguard::lifecycle
