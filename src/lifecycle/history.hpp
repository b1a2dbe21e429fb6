// lifeguard.history: who moved which row when, and how long each action took.
#pragma once

#include "rules/feature.hpp"

namespace lifeguard::lifecycle {

// One move, collected while its actions run; dated when it begins, so that a move made by one of its actions comes
// later.
class HistoryEntry {
public:
    explicit HistoryEntry(bool wanted) : moved_at(wanted ? GetCurrentTimestamp() : 0), actions{} {}
    void add_action(const char *call, double milliseconds, const char *error);
    // Writes the row as the owner of lifeguard.history, whoever made the move.
    void store(const rules::RowChange &change, AttrNumber state_column);

private:
    TimestampTz moved_at;
    StringInfoData actions; // a JSON array without its brackets
};

} // namespace lifeguard::lifecycle
