// Which move of a row a rule is for, and which move a row makes.
#pragma once

#include "lifecycle/states.hpp"

namespace lifeguard::lifecycle {

constexpr int creation = -2; // "from" of an INSERT

// A move from one state to another; `any_state` in a rule stands for all, `creation` in a row's move for an INSERT.
struct Move {
    int from;
    int to;
};

// Is the rule for rows that stay in one state? A guard may be; "any" never means staying.
constexpr bool is_stay(const Move &rule) {
    return rule.from == rule.to && rule.from >= 0;
}

// Is the rule for this move?
constexpr bool matches(const Move &rule, const Move &move) {
    return (rule.from == any_state || rule.from == move.from) && (rule.to == any_state || rule.to == move.to);
}

// The move as people write it: pending -> approved; "any" for all, "new" for creation.
const char *describe(const States &states, const Move &move);

// The states of the "lifecycle" definition among a trigger's rules, with the initial ones marked; nullptr without one.
// Raises LG011 when there are two.
States *read_states(Relation table, const rules::Definition *definitions, int count, bool *initial);

// Reads "from" and "to" of a rule, adding states that it names first.
Move read_move(States &states, Relation table, const rules::Definition &definition);

} // namespace lifeguard::lifecycle
