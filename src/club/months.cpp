#include <algorithm>

#include "club/months.hpp"

namespace lifeguard::club {

namespace {

// Locks and reads a member's month; where a row is absent, fills in what a new one needs.
MemberMonth *lock_member_month(Run &run, const pg::Row &profile, const Month &month) {
    const MemoryContext home = MemoryContextSwitchTo(run.memory);
    auto *found = static_cast<MemberMonth *>(palloc0(sizeof(MemberMonth)));
    found->month = month;
    const Datum member = datumCopy(profile.values[profiles::id], false, UUID_LEN);
    const Datum text = month.datum();
    {
        using namespace user_earnings;
        pg::Row &row = found->earnings;
        found->has_earnings =
            run.work.find(table, {{user_id, member}, {month_year, text}}, pg::Lock::no_key_update, &row);
        if (found->has_earnings) {
            found->total = row.integer(total_earned_dollars);
            found->submissions = row.integer(total_submissions);
        } else {
            row.set(id, pg::random_uuid());
            row.set(user_id, member);
            row.set(month_year, text);
        }
    }
    {
        using namespace payout_requests;
        pg::Row &row = found->payout;
        found->has_payout =
            run.work.find(table, {{user_id, member}, {payout_month, text}}, pg::Lock::no_key_update, &row);
        if (found->has_payout) {
            const char *state = known_text(row, status);
            found->amount = row.integer(amount_dollars);
            found->closed = strcmp(state, "paid") == 0 || strcmp(state, "rejected") == 0 ? state : nullptr;
        } else {
            row.set(id, pg::random_uuid());
            row.set(user_id, member);
            row.set(payout_month, text);
            row.set_text(paypal_email, profile.string(profiles::paypal_email));
        }
    }
    MemoryContextSwitchTo(home);
    return run.member_months.add(found, run.memory);
}

// What the members have earned in a month that the club has no row of yet.
int64 earned_in(Run &run, const Month &month) {
    int64 sum = 0;
    run.work.each(user_earnings::table, {{user_earnings::month_year, month.datum()}},
                  [&](const pg::Row &row) { sum += row.integer(user_earnings::total_earned_dollars); });
    return sum;
}

} // namespace

void lock_member_months(Run &run, const pg::Row &profile, Job **jobs, int count) {
    auto **ordered = static_cast<Job **>(palloc(sizeof(Job *) * count));
    memcpy(ordered, jobs, sizeof(Job *) * count);
    std::sort(ordered, ordered + count,
              [](const Job *one, const Job *other) { return one->month.number < other->month.number; });
    for (int i = 0; i < count; i++) {
        const bool new_month = i == 0 || !(ordered[i]->month == ordered[i - 1]->month);
        ordered[i]->member_month = new_month ? lock_member_month(run, profile, ordered[i]->month)
                                             : run.member_months[run.member_months.count - 1];
    }
    pfree(ordered);
}

ClubMonth *club_month(Run &run, const Month &month) {
    for (ClubMonth *known : run.club_months)
        if (known->month == month)
            return known;
    auto *added = static_cast<ClubMonth *>(MemoryContextAllocZero(run.memory, sizeof(ClubMonth)));
    added->month = month;
    return run.club_months.add(added, run.memory);
}

void lock_club_months(Run &run) {
    using namespace monthly_totals;
    std::sort(run.club_months.begin(), run.club_months.end(),
              [](const ClubMonth *one, const ClubMonth *other) { return one->month.number < other->month.number; });
    for (ClubMonth *month : run.club_months) {
        CHECK_FOR_INTERRUPTS();
        const MemoryContext home = MemoryContextSwitchTo(run.memory);
        const Datum name = month->month.datum();
        for (int tries = 0; !run.work.find(table, {{month_year, name}}, pg::Lock::no_key_update, &month->row);
             tries++) {
            if (tries == 100)
                elog(ERROR, "the row of month %s in finance.monthly_totals cannot be seen or made", month->month.text);
            month->row.set(month_year, name);
            month->row.set(spent_dollars, dollars_datum(earned_in(run, month->month)));
            run.work.insert_if_absent(table, &month->row, pg::columns({month_year, spent_dollars}));
        }
        MemoryContextSwitchTo(home);
        month->spent = month->row.integer(spent_dollars);
    }
}

int64 counted_spent(const Run &run, const Job &job) {
    return run.settings.cap_for_member ? job.member_month->total : job.club_month->spent;
}

void store_member_months(Run &run) {
    constexpr pg::Columns earned =
        pg::columns({user_earnings::total_earned_dollars, user_earnings::total_submissions, user_earnings::updated_at});
    for (MemberMonth *month : run.member_months) {
        CHECK_FOR_INTERRUPTS();
        if (month->changed) {
            using namespace user_earnings;
            month->earnings.set(total_earned_dollars, dollars_datum(month->total));
            month->earnings.set(total_submissions, dollars_datum(month->submissions));
            month->earnings.set(updated_at, TimestampTzGetDatum(run.now));
            if (month->has_earnings)
                run.work.update(table, &month->earnings, earned);
            else
                run.work.insert(table, &month->earnings, earned | pg::columns({id, user_id, month_year}),
                                pg::columns({user_id}));
        }
        if (month->payout_changed) {
            using namespace payout_requests;
            month->payout.set(amount_dollars, dollars_datum(month->amount));
            month->payout.set(updated_at, TimestampTzGetDatum(run.now));
            if (month->has_payout)
                run.work.update(table, &month->payout, pg::columns({amount_dollars, updated_at}));
            else
                run.work.insert(table, &month->payout,
                                pg::columns({id, user_id, amount_dollars, paypal_email, payout_month}),
                                pg::columns({user_id}));
        }
    }
}

void store_club_months(Run &run) {
    using namespace monthly_totals;
    for (ClubMonth *month : run.club_months) {
        if (!month->changed)
            continue;
        month->row.set(spent_dollars, dollars_datum(month->spent));
        month->row.set(updated_at, TimestampTzGetDatum(run.now));
        run.work.update(table, &month->row, pg::columns({spent_dollars, updated_at}));
    }
}

} // namespace lifeguard::club
