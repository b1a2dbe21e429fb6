// Money: what a batch's submissions earn and give back, decided under locks that are taken in one order everywhere: the
// member, the member's months, the club's months, the pools by week.
#pragma once

#include "club/months.hpp"
#include "club/pools.hpp"
#include "club/profile.hpp"

namespace lifeguard::club {

// Reads, under the member's lock, what a member's jobs need, and locks his months.
void open_accounts(Run &run, Member &member, Job **jobs, int count);

// Locks the club's months and the pools, decides all jobs in the statement's order, and stores everything, each row
// once. `jobs` are sorted by member.
void settle(Run &run, Job **jobs, int count);

// The result of a single call.
Datum earning_report(const Run &run, const Job &job);
Datum give_back_report(const Run &run, const Job &job);

} // namespace lifeguard::club
