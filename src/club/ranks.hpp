// Ranks: each member's best approved submission, and how many members have each count as their best.
#pragma once

#include "club/job.hpp"

namespace lifeguard::club {

// By how much the number of members whose best is this count changes.
struct RankChange {
    int pull_ups;
    int members;
};

// Brings a member's best up to date with his jobs, under his row's lock, and notes what that changes in the counts.
void rank_member(Run &run, Job **jobs, int count);

// Stores the noted changes.
void store_rank_counts(Run &run);

} // namespace lifeguard::club
