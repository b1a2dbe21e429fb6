// The rules of a trigger, compiled once a backend and kept until the server says that something they were made from
// changed.
#pragma once

#include "rules/feature.hpp"

namespace lifeguard::rules {

// Compiles the arguments of a trigger; raises LG013 when they are no rules, LG010 or the parser's error when they are
// wrong. The result's memory is a child of the current context.
Compiled *compile(Relation table, Oid trigger, Timing timing, char **arguments, int count, Compilation &compilation);

// The compiled rules of a trigger that is firing: cached, fresh, and not in use further out in the call stack.
Compiled *compiled_rules(Relation table, const Trigger &trigger, Timing timing);

// The compiled rules of the AFTER trigger beside a BEFORE trigger, or nullptr; to be used at once.
const Compiled *companion_rules(Relation table, const Compiled &before);

// Frees compiled rules that compiled_rules() did not keep.
void discard(Compiled *compiled);

// Lets every feature compare its rules in the two triggers; raises LG010 or LG012 where they do not belong together.
void check_agreement(Relation table, const Compiled *before, const Compiled *after);

// The trigger of ours on the table, a copy, or nullptr: found by its function, since a trigger can be renamed.
const Trigger *find_trigger(Relation table, Timing timing);

// The OID of lifeguard.before_row or lifeguard.after_row.
Oid trigger_function(Timing timing);

// The OID of lifeguard.after_truncate.
Oid truncate_function();

// True while lifeguard's own functions write a trigger.
extern bool declaring;

// Registers the invalidation callbacks.
void init_compiled();

} // namespace lifeguard::rules
