// Members: their row is locked first and read once; it serves everything else.
#pragma once

#include "club/job.hpp"

namespace lifeguard::club {

struct Member {
    pg::Row row;
    bool changed;
    bool unpaid_role;
    bool excluded; // by an active row of payout_exclusions; read for money only
};

// Locks and reads a member; LG107 when there is none. Whoever serves a member holds this lock until the transaction
// ends, so that what hangs on the member can be probed and then inserted.
Member lock_member(Run &run, Datum id);

// Finds out whether the member may be paid.
bool is_unpaid_role(const pg::Row &profile);
bool is_excluded(pg::Work &work, Datum member, TimestampTz now);

// Takes over what the submission says about the member, where it differs.
void merge_profile(Member &member, Job &job);

// Stores the member if anything changed.
void store_member(Run &run, Member &member);

} // namespace lifeguard::club
