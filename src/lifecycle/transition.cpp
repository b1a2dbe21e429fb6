#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "lifecycle/transition.hpp"

namespace lifeguard::lifecycle {

// The name of one end of a move.
static const char *end_name(const States &states, int state) {
    return state == any_state ? "any" : state == creation ? "new" : states.labels[state];
}

const char *describe(const States &states, const Move &move) {
    return psprintf("%s -> %s", end_name(states, move.from), end_name(states, move.to));
}

// Reads one end of a move; absent means any.
static int read_end(States &states, Relation table, const rules::Definition &definition, const char *key) {
    const char *label = rules::optional_text(table, definition, key);
    return label == nullptr ? any_state : add_state(states, table, label);
}

Move read_move(States &states, Relation table, const rules::Definition &definition) {
    const int from = read_end(states, table, definition, "from");
    return Move{from, read_end(states, table, definition, "to")};
}

States *read_states(Relation table, const rules::Definition *definitions, int count, bool *initial) {
    States *states = nullptr;
    for (int i = 0; i < count; i++) {
        if (strcmp(definitions[i].kind, "lifecycle") != 0)
            continue;
        if (states != nullptr)
            ereport(ERROR,
                    (errcode(err::rule_exists), errmsg("table %s has a lifecycle already", pg::table_name(table)),
                     errhint("A table has one lifecycle; lifeguard.drop_lifecycle('%s') removes it.",
                             pg::table_name(table)),
                     pg::errrule(table, nullptr)));
        states = create_states(table, rules::required_text(table, definitions[i], "column"));
        ListCell *cell;
        foreach (cell, rules::required_texts(table, definitions[i], "initial"))
            initial[add_state(*states, table, static_cast<const char *>(lfirst(cell)))] = true;
    }
    return states;
}

} // namespace lifeguard::lifecycle
