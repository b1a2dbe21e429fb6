// An UPDATE that moves a row to another partition. The server makes it a DELETE there and an INSERT here, and fires no
// AFTER UPDATE: the two halves are recognised, and a move that would lose an action is refused.
#pragma once

#include "rules/feature.hpp"

namespace lifeguard::rules {

// BEFORE UPDATE of a row in a partition: remembers it, in case that the next thing to happen to it is a DELETE.
void note_update(const TriggerData &data, const Compiled &rules, RowChange &change);

// BEFORE DELETE of a row in a partition: the first half of a move, when its UPDATE came just before. Raises LG015 when
// work would be lost.
void note_delete(const TriggerData &data);

// BEFORE INSERT into a partition: true for the second half of a move, whose row was checked and stamped when it left.
bool take_arrival(const Compiled &rules, const RowChange &change);

// A statement has ended: what it moved has arrived, or never will.
void forget_moves();

// Forgets moves whose transaction or subtransaction is over.
void init_partition_moves();

} // namespace lifeguard::rules
