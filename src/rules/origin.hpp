// Where a trigger's rules come from: the table that declares them, its owner, and what was recorded when they were
// declared.
#pragma once

#include "rules/feature.hpp"

namespace lifeguard::rules {

// The role that owns a table.
Oid owner_of(Oid table);

// The partitioned table at the top, or the table itself; also while a partition is being detached.
Oid root_of(Relation table);

// Fills in the root, the declaring table, the trigger there (a partition's trigger is a copy of its parent's), and the
// owner.
void find_origin(Relation table, Compiled &compiled);

// Refuses (LG010) when a rule's text would now call a function that it did not when it was declared: somebody may have
// made one that fits better, and it would run as the table's owner.
void check_calls(Relation table, const Compiled &compiled, List *analyzed);

} // namespace lifeguard::rules
