#include <algorithm>

#include "club/earnings.hpp"
#include "club/json.hpp"
#include "club/ledger.hpp"
#include "club/refusals.hpp"

namespace lifeguard::club {

namespace {

// Reads the earning that the submission already has; locks it when it is to be given back.
void read_earning(Run &run, Job &job) {
    const MemoryContext home = MemoryContextSwitchTo(run.memory);
    job.has_earning =
        run.work.find(weekly_earnings::table, {{weekly_earnings::submission_id, UUIDPGetDatum(&job.submission)}},
                      job.has(give_back) ? pg::Lock::no_key_update : pg::Lock::none, &job.earning);
    MemoryContextSwitchTo(home);
    job.already_done = job.has(earn) == job.has_earning;
    if (job.has_earning && compare(uuid_of(job.earning.values[weekly_earnings::user_id]), uuid_of(job.member())) != 0)
        other_member(job);
    if (job.has_earning)
        job.month = read_month(job.earning.string(weekly_earnings::month_year));
}

// True when the member has no earning in the pool yet.
bool is_first_in_pool(Run &run, const Job &job) {
    bool first = true;
    run.work.each(weekly_earnings::table,
                  {{weekly_earnings::user_id, job.member()}, {weekly_earnings::weekly_pool_id, job.pool->id()}},
                  [&](const pg::Row &) { first = false; });
    return first;
}

// Finds the pool of a job; it is locked later.
void choose_pool(Run &run, Job &job) {
    if (job.has_earning) {
        const pg_uuid_t paid_from = uuid_of(job.earning.values[weekly_earnings::weekly_pool_id]);
        job.pool = pool_with_id(run, UUIDPGetDatum(&paid_from));
        if (job.pool == nullptr)
            no_such_pool(paid_from);
    } else if (job.names_pool) {
        job.pool = pool_with_id(run, UUIDPGetDatum(&job.named_pool));
        if (job.pool == nullptr)
            no_such_pool(job.named_pool);
    } else {
        job.pool = need_pool(run, job.approved_on);
    }
    if (job.has(earn) && !job.has_earning)
        job.first_in_pool = is_first_in_pool(run, job);
}

// Of several jobs of one member in one pool only the first is his first there.
void mark_followers(Job **jobs, int count) {
    for (int i = 1; i < count; i++)
        for (int j = i - 1;
             j >= 0 && jobs[i]->first_in_pool && compare(uuid_of(jobs[i]->member()), uuid_of(jobs[j]->member())) == 0;
             j--)
            if (jobs[j]->has(earn) && !jobs[j]->already_done && jobs[j]->pool == jobs[i]->pool)
                jobs[i]->first_in_pool = false;
}

// Moves dollars from the pool to the member's and the club's month, or back; LG104 when the month's request is closed.
void move_dollars(const Job &job, int dollars) {
    MemberMonth &month = *job.member_month;
    if (dollars != 0 && month.closed != nullptr)
        payout_closed(job, month.closed);
    month.changed = true;
    month.total += dollars;
    month.amount += dollars;
    month.payout_changed |= dollars != 0 || (job.has(earn) && !month.has_payout);
    job.club_month->spent += dollars;
    job.club_month->changed |= dollars != 0;
    job.pool->spent += dollars;
    job.pool->remaining -= dollars;
    job.pool->changed |= dollars != 0;
}

// Decides what a submission earns.
void decide_earning(Run &run, Job &job) {
    if (!job.pool->holds(job.approved_on))
        pool_mismatch(*job.pool, job.approved_on);
    const int64 month_remaining = Max(run.settings.monthly_cap_dollars - counted_spent(run, job), INT64CONST(0));
    const Earning earning = calculate_earnings(Claim{job.pull_ups, static_cast<int>(job.pool->remaining),
                                                     static_cast<int>(month_remaining), job.unpaid_role, job.excluded});
    job.dollars = earning.dollars;
    job.reason = earning.reason;
    move_dollars(job, job.dollars);
    job.member_month->submissions++;
}

// Decides what a submission gives back: what it earned, to where it came from.
void decide_give_back(Job &job) {
    job.dollars = job.earning.integer(weekly_earnings::earning_amount_dollars);
    if (!job.member_month->has_earnings || (job.dollars != 0 && !job.member_month->has_payout))
        month_lost(job);
    move_dollars(job, -job.dollars);
    job.member_month->submissions--;
}

// Stores or removes the earning.
void store_earning(Run &run, Job &job) {
    using namespace weekly_earnings;
    if (job.has(give_back)) {
        run.work.remove(table, job.earning);
        return;
    }
    pg::Row &row = job.earning;
    row.set(id, pg::random_uuid());
    row.set(user_id, job.member());
    row.set(weekly_pool_id, job.pool->id());
    row.set(submission_id, UUIDPGetDatum(&job.submission));
    row.set(pull_up_count, Int32GetDatum(job.pull_ups));
    row.set(earning_amount_dollars, Int32GetDatum(job.dollars));
    row.set_text(reason, job.reason);
    row.set(is_first_submission, BoolGetDatum(job.first_in_pool));
    row.set(month_year, job.month.datum());
    run.work.insert(table, &row,
                    pg::columns({id, user_id, weekly_pool_id, submission_id, pull_up_count, earning_amount_dollars,
                                 reason, is_first_submission, month_year}),
                    pg::columns({user_id, weekly_pool_id, submission_id}));
}

// What an earlier call did, as a single call reports it.
void recall(Run &run, Job &job) {
    if (!job.has_earning)
        return;
    job.dollars = job.earning.integer(weekly_earnings::earning_amount_dollars);
    job.reason = job.earning.string(weekly_earnings::reason);
    job.month_spent = counted_spent(run, job);
    job.pool_remaining = job.pool->remaining;
}

} // namespace

void open_accounts(Run &run, Member &member, Job **jobs, int count) {
    auto **open = static_cast<Job **>(palloc(sizeof(Job *) * count));
    int opened = 0;
    bool knows_exclusion = false;
    for (int i = 0; i < count; i++) {
        Job &job = *jobs[i];
        if (!job.has(money))
            continue;
        read_earning(run, job);
        if (!job.has_earning && job.has(give_back))
            continue;
        if (!knows_exclusion && !job.already_done && job.has(earn))
            member.excluded = is_excluded(run.work, job.member(), run.now);
        knows_exclusion = true;
        job.unpaid_role = member.unpaid_role;
        job.excluded = member.excluded;
        open[opened++] = &job;
    }
    lock_member_months(run, member.row, open, opened);
    pfree(open);
}

void settle(Run &run, Job **jobs, int count) {
    auto **open = static_cast<Job **>(palloc(sizeof(Job *) * count));
    int opened = 0;
    for (int i = 0; i < count; i++)
        if (jobs[i]->member_month != nullptr) {
            jobs[i]->club_month = club_month(run, jobs[i]->month);
            open[opened++] = jobs[i];
        }
    if (opened == 0)
        return;
    lock_club_months(run);
    run.remembers = opened == 1;
    // Pools that are missing are made in the order of their weeks: whoever makes the same ones waits, and nobody for
    // him.
    auto **by_date = static_cast<Job **>(palloc(sizeof(Job *) * opened));
    memcpy(by_date, open, sizeof(Job *) * opened);
    std::sort(by_date, by_date + opened,
              [](const Job *one, const Job *other) { return one->approved_on < other->approved_on; });
    do {
        for (int i = 0; i < opened; i++)
            choose_pool(run, *by_date[i]);
    } while (!lock_pools(run));
    pfree(by_date);
    mark_followers(open, opened);
    std::sort(open, open + opened, [](const Job *one, const Job *other) { return one->sequence < other->sequence; });
    for (int i = 0; i < opened; i++) {
        Job &job = *open[i];
        run.current = &job;
        if (job.already_done) {
            recall(run, job);
            continue;
        }
        if (job.has(earn))
            decide_earning(run, job);
        else
            decide_give_back(job);
        job.month_spent = counted_spent(run, job);
        job.pool_remaining = job.pool->remaining;
    }
    for (int i = 0; i < opened; i++) {
        CHECK_FOR_INTERRUPTS();
        run.current = open[i];
        if (!open[i]->already_done)
            store_earning(run, *open[i]);
    }
    run.current = nullptr;
    store_member_months(run);
    store_club_months(run);
    store_pools(run);
    pfree(open);
}

Datum earning_report(const Run &run, const Job &job) {
    return Object()
        .add("already_processed", job.already_done)
        .add("dollars_earned", static_cast<int64>(job.dollars))
        .add_uuid("pool_id", job.pool->id())
        .add("pool_remaining_after", job.pool_remaining)
        .add("pool_depleted", job.pool_remaining == 0)
        .add("monthly_cap_reached", job.month_spent >= run.settings.monthly_cap_dollars)
        .add("monthly_total_spent", job.month_spent)
        .add("month", job.month.text)
        .add("reason", job.reason)
        .datum();
}

Datum give_back_report(const Run &, const Job &job) {
    Object report;
    report.add("already_cleaned", job.already_done).add("dollars_returned", static_cast<int64>(job.dollars));
    if (!job.already_done)
        report.add_uuid("pool_id", job.pool->id())
            .add("pool_remaining_after", job.pool_remaining)
            .add("monthly_total_spent", job.month_spent)
            .add("month", job.month.text);
    return report.datum();
}

} // namespace lifeguard::club
