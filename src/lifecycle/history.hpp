// lifeguard.history: who moved which row when, and how long each action took.
#pragma once

#include "rules/feature.hpp"

namespace lifeguard::lifecycle {

// One move, collected while its actions run. Empty and without cost until the first action is added.
class HistoryEntry {
public:
    HistoryEntry() : actions{} {}
    void add_action(const char *call, double milliseconds, const char *error);
    // Writes the row as the owner of lifeguard.history, whoever made the move.
    void store(const rules::RowChange &change, AttrNumber state_column);

private:
    StringInfoData actions; // a JSON array without its brackets
};

} // namespace lifeguard::lifecycle
