// The functions as SQL calls them: arguments checked, a job made, its outcome given back.
#include "club/badges.hpp"
#include "club/batch.hpp"
#include "club/earnings.hpp"
#include "club/ledger.hpp"
#include "club/refusals.hpp"

namespace lifeguard::club {

namespace {

// A job for the submission named by the first argument.
Job make_job(FunctionCallInfo call, Task task) {
    if (call->nargs < 1 || call->args[0].isnull)
        no_such_submission(nullptr);
    Job job = {};
    job.submission = uuid_of(call->args[0].value);
    job.tasks = task;
    return job;
}

// The month's cap less what counts against it, without any lock.
int64 month_remaining(Run &run, Datum member, const Month &month) {
    int64 spent = 0;
    pg::Row row;
    if (run.settings.cap_for_member) {
        if (run.work.find(user_earnings::table,
                          {{user_earnings::user_id, member}, {user_earnings::month_year, month.datum()}},
                          pg::Lock::none, &row))
            spent = row.integer(user_earnings::total_earned_dollars);
    } else if (run.work.find(monthly_totals::table, {{monthly_totals::month_year, month.datum()}}, pg::Lock::none,
                             &row)) {
        spent = row.integer(monthly_totals::spent_dollars);
    }
    return Max(run.settings.monthly_cap_dollars - spent, INT64CONST(0));
}

// What the pool of a date, or a named one, has left; a pool that approvals would make has everything.
int64 pool_remaining(Run &run, const pg_uuid_t *named, DateADT date) {
    const Pool *pool = named == nullptr ? find_pool(run, date) : pool_with_id(run, UUIDPGetDatum(named));
    if (pool == nullptr && named != nullptr)
        no_such_pool(*named);
    if (pool == nullptr && !run.settings.auto_create_pools)
        pool_missing(date);
    if (pool != nullptr && !pool->holds(date))
        pool_mismatch(*pool, date);
    return pool == nullptr ? run.settings.pool_dollars : pool->remaining;
}

} // namespace

} // namespace lifeguard::club

using namespace lifeguard;
using namespace lifeguard::club;

// finance.calculate_earnings(user_id, pull_up_count, pool_id, at): what it would earn; writes nothing.
LG_FUNCTION(club_calculate_earnings) {
    if (PG_ARGISNULL(0))
        no_such_member(nullptr);
    const Datum member = PG_GETARG_DATUM(0);
    const pg_uuid_t *named = PG_ARGISNULL(2) ? nullptr : PG_GETARG_UUID_P(2);
    Run run = {};
    run.memory = CurrentMemoryContext;
    run.now = GetCurrentTransactionStartTimestamp();
    run.work.begin(true);
    run.settings = read_settings(run.work);
    const int pull_ups = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
    if (PG_ARGISNULL(1) || pull_ups < 0 || pull_ups > run.settings.max_pull_ups)
        invalid_pull_ups(PG_ARGISNULL(1) ? nullptr : &pull_ups, run.settings.max_pull_ups, nullptr);
    pg::Row profile;
    if (!run.work.find(profiles::table, {{profiles::id, member}}, pg::Lock::none, &profile))
        no_such_member(PG_GETARG_UUID_P(0));
    const DateADT date = date_of(PG_ARGISNULL(3) ? run.now : PG_GETARG_TIMESTAMPTZ(3), run.settings.zone);
    const int pool = static_cast<int>(pool_remaining(run, named, date));
    const int month = static_cast<int>(month_remaining(run, member, month_of(date)));
    const Claim claim = {pull_ups, pool, month, is_unpaid_role(profile), is_excluded(run.work, member, run.now)};
    run.work.end();
    PG_RETURN_INT32(calculate_earnings(claim).dollars);
}

// finance.process_submission_earnings(submission_id, user_id, pull_ups, pool_id): pays an approved submission, once.
LG_FUNCTION(club_process_submission_earnings) {
    Job job = make_job(fcinfo, earn);
    if (PG_ARGISNULL(1))
        no_such_member(nullptr);
    job.claimant = *PG_GETARG_UUID_P(1);
    if (PG_ARGISNULL(2))
        invalid_pull_ups(nullptr, PG_INT32_MAX, &job.submission);
    job.pull_ups = PG_GETARG_INT32(2);
    job.names_pool = !PG_ARGISNULL(3);
    if (job.names_pool)
        job.named_pool = *PG_GETARG_UUID_P(3);
    if (leave_for_later(fcinfo, job))
        PG_RETURN_NULL();
    Run run;
    run_jobs(run, &job, 1);
    PG_RETURN_DATUM(earning_report(run, job));
}

// finance.cleanup_earnings(submission_id): gives a submission's dollars back, once.
LG_FUNCTION(club_cleanup_earnings) {
    Job job = make_job(fcinfo, give_back);
    if (leave_for_later(fcinfo, job))
        PG_RETURN_NULL();
    Run run;
    run_jobs(run, &job, 1);
    PG_RETURN_DATUM(give_back_report(run, job));
}

// content.award_badges(submission_id): awards what an approved submission reaches; the names of the new badges.
LG_FUNCTION(club_award_badges) {
    Job job = make_job(fcinfo, award_badges);
    if (leave_for_later(fcinfo, job))
        PG_RETURN_NULL();
    Run run;
    run_jobs(run, &job, 1);
    const int count = list_length(job.new_badges);
    auto *names = static_cast<Datum *>(palloc(sizeof(Datum) * Max(count, 1)));
    for (int i = 0; i < count; i++)
        names[i] = CStringGetTextDatum(static_cast<const char *>(list_nth(job.new_badges, i)));
    PG_RETURN_ARRAYTYPE_P(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

// content.create_monthly_graphic(submission_id): makes or renews the card of the approval's month; its id.
LG_FUNCTION(club_create_monthly_graphic) {
    Job job = make_job(fcinfo, create_graphic);
    if (leave_for_later(fcinfo, job))
        PG_RETURN_NULL();
    Run run;
    run_jobs(run, &job, 1);
    PG_RETURN_DATUM(job.graphic);
}

// auth_management.update_profile_from_submission(submission_id): true when something of the profile changed.
LG_FUNCTION(club_update_profile_from_submission) {
    Job job = make_job(fcinfo, update_profile);
    if (leave_for_later(fcinfo, job))
        PG_RETURN_NULL();
    Run run;
    run_jobs(run, &job, 1);
    PG_RETURN_BOOL(job.profile_changed);
}

// analytics.rank_submission(submission_id): brings its member's best up to date; true when it is this submission now.
LG_FUNCTION(club_rank_submission) {
    Job job = make_job(fcinfo, rank);
    if (leave_for_later(fcinfo, job))
        PG_RETURN_NULL();
    Run run;
    run_jobs(run, &job, 1);
    PG_RETURN_BOOL(job.is_best);
}
