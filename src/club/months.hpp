// Months: each member's earnings and payout request, and the club's total. They are the ledger that the cap is held
// against.
#pragma once

#include "club/job.hpp"

namespace lifeguard::club {

// A member's month; both rows are locked for the transaction once read.
struct MemberMonth {
    Month month;
    pg::Row earnings;
    bool has_earnings;
    bool changed;
    int64 total;
    int64 submissions;

    pg::Row payout;
    bool has_payout;
    bool payout_changed;
    int64 amount;
    const char *closed; // the payout request's status once it cannot change any more, or nullptr
};

// The club's month.
struct ClubMonth {
    Month month;
    pg::Row row;
    bool changed;
    int64 spent;
};

// Locks and reads the months that a member's jobs (for money) concern, in their order.
void lock_member_months(Run &run, const pg::Row &profile, Job **jobs, int count);

// Locks the batch's club months in their order, and makes those that are new.
void lock_club_months(Run &run);

// The batch's entry for a club month; unlocked.
ClubMonth *club_month(Run &run, const Month &month);

// What the month's cap counts for this job, and stores for both kinds of months.
int64 counted_spent(const Run &run, const Job &job);
void store_member_months(Run &run);
void store_club_months(Run &run);

} // namespace lifeguard::club
