// The states of a lifecycle: their names, and their values in the column's type.
#pragma once

#include "rules/feature.hpp"

namespace lifeguard::lifecycle {

constexpr int any_state = -1; // a rule for every state, creation included
constexpr int max_states = 256;

// The state column and the states that the rules name. States are numbered in the order in which they are first named.
struct States {
    AttrNumber column;
    Oid type;
    int16 length; // of the base type, as in pg_type
    bool by_value;
    int count;
    const char **labels;
    Datum *values;
};

// Finds the state column and checks its type: text, varchar, char, name, an enum, or a domain over one of them.
States *create_states(Relation table, const char *column);

// The number of the state called `label`, added when new; the label must be a value of the column's type.
int add_state(States &states, Relation table, const char *label);

// The number of the state called `label`, or -1.
int find_label(const States &states, const char *label);

// The number of the state with this value, or -1.
int find_value(const States &states, Datum value);

// Are two values of the column the same state?
bool same_state(const States &states, Datum one, Datum other);

// What a row's state is called, also when no rule names it (a number below 0); nullptr for null.
const char *name_state(const States &states, int state, TupleTableSlot *row);

// A list for people: "pending", "approved".
const char *list_labels(const States &states, const bool *chosen);

} // namespace lifeguard::lifecycle
