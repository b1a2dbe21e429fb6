// A rule as it is written in a trigger's argument: one JSON object with a "kind".
#pragma once

#include "pg/server.hpp"

namespace lifeguard::rules {

// One argument of a trigger of ours, read but not yet compiled.
struct Definition {
    const char *source; // the argument as it stands
    Jsonb *object;
    const char *kind;
};

// Reads one argument; raises LG013 when it is no JSON object with a "kind".
Definition read_definition(Relation relation, const char *argument);

// The text under `key`, or nullptr where it is absent or null; LG013 when it is something else.
const char *optional_text(Relation relation, const Definition &definition, const char *key);

// The text under `key`; LG013 when there is none.
const char *required_text(Relation relation, const Definition &definition, const char *key);

// The texts of the array under `key`, a List of char *; LG013 when it is no array of texts.
List *required_texts(Relation relation, const Definition &definition, const char *key);

} // namespace lifeguard::rules
