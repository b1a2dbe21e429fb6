#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "club/ledger.hpp"
#include "club/refusals.hpp"

namespace lifeguard::club {

using pg::Detail;

// An id as text; "NULL" where there is none.
static const char *id_text(const pg_uuid_t *id) {
    return id == nullptr ? "NULL" : DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}

// A number as JSON.
static const char *number(int64 value) {
    return psprintf(INT64_FORMAT, value);
}

void no_such_submission(const pg_uuid_t *id) {
    ereport(ERROR,
            (errcode(err::no_such_submission), errmsg("NO_SUCH_SUBMISSION: there is no submission %s", id_text(id)),
             errdetail_internal("%s", Detail().add("submission", id == nullptr ? nullptr : id_text(id)).text()),
             errhint("Submissions are the rows of content.submissions.")));
    pg_unreachable();
}

void not_approved(const Job &job) {
    const char *status = job.row.string(submissions::status);
    ereport(
        ERROR,
        (errcode(err::not_eligible), errmsg("NOT_ELIGIBLE: submission %s is %s", id_text(&job.submission), status),
         errdetail_internal("%s", Detail().add("submission", id_text(&job.submission)).add("status", status).text()),
         errhint("Only an approved submission earns money, badges and a graphic.")));
    pg_unreachable();
}

void no_such_member(const pg_uuid_t *id) {
    ereport(ERROR, (errcode(err::no_such_member), errmsg("NO_SUCH_MEMBER: there is no profile %s", id_text(id)),
                    errdetail_internal("%s", Detail().add("member", id == nullptr ? nullptr : id_text(id)).text()),
                    errhint("A member is a row of auth_management.profiles; it follows a new row of auth.users.")));
    pg_unreachable();
}

void other_member(const Job &job) {
    const pg_uuid_t owner = uuid_of(job.member());
    ereport(ERROR, (errcode(err::no_such_member),
                    errmsg("NO_SUCH_MEMBER: submission %s is not of member %s", id_text(&job.submission),
                           id_text(&job.claimant)),
                    errdetail_internal("%s", Detail()
                                                 .add("submission", id_text(&job.submission))
                                                 .add("member", id_text(&job.claimant))
                                                 .add("submission_of", id_text(&owner))
                                                 .text()),
                    errhint("A submission pays the member whose it is: pass its user_id.")));
    pg_unreachable();
}

void invalid_pull_ups(const int *pull_ups, int most, const pg_uuid_t *submission) {
    ereport(ERROR,
            (errcode(err::invalid_pull_ups),
             pull_ups == nullptr ? errmsg("INVALID_PULL_UPS: NULL is no count of pull-ups")
                                 : errmsg("INVALID_PULL_UPS: %d is no count of pull-ups from 0 to %d", *pull_ups, most),
             errdetail_internal("%s", Detail()
                                          .add("submission", submission == nullptr ? nullptr : id_text(submission))
                                          .add_json("pull_ups", pull_ups == nullptr ? "null" : number(*pull_ups))
                                          .add_json("max_pull_ups", pull_ups == nullptr ? "null" : number(most))
                                          .text()),
             errhint("The most that one submission may count is the setting max_pull_ups.")));
    pg_unreachable();
}

void other_count(const Job &job) {
    ereport(ERROR, (errcode(err::invalid_pull_ups),
                    errmsg("INVALID_PULL_UPS: submission %s was counted %d pull-ups, not %d", id_text(&job.submission),
                           job.count(), job.pull_ups),
                    errdetail_internal("%s", Detail()
                                                 .add("submission", id_text(&job.submission))
                                                 .add_json("pull_ups", number(job.pull_ups))
                                                 .add_json("actual_pull_up_count", number(job.count()))
                                                 .text()),
                    errhint("Pay is for what the admin counted: pass the submission's actual_pull_up_count.")));
    pg_unreachable();
}

void pool_missing(DateADT date) {
    ereport(ERROR,
            (errcode(err::pool_missing),
             errmsg("POOL_MISSING: no pool in finance.weekly_pools holds %s", date_text(date)),
             errdetail_internal("%s", Detail().add("date", date_text(date)).text()),
             errhint("SELECT finance.ensure_pool('%s') makes it; the setting auto_create_pools lets approvals make it.",
                     date_text(date))));
    pg_unreachable();
}

void no_such_pool(const pg_uuid_t &id) {
    ereport(
        ERROR,
        (errcode(err::pool_missing), errmsg("POOL_MISSING: there is no pool %s", id_text(&id)),
         errdetail_internal("%s", Detail().add("pool", id_text(&id)).text()),
         errhint(
             "Pools are the rows of finance.weekly_pools; without a pool's id that of the approval's week is taken.")));
    pg_unreachable();
}

void pool_mismatch(const Pool &pool, DateADT date) {
    const pg_uuid_t id = uuid_of(pool.row.values[weekly_pools::id]);
    ereport(ERROR, (errcode(err::pool_date_mismatch),
                    errmsg("POOL_DATE_MISMATCH: the pool of %s to %s does not hold %s (finance.weekly_pools %s)",
                           date_text(pool.start), date_text(pool.end), date_text(date), id_text(&id)),
                    errdetail_internal("%s", Detail()
                                                 .add("pool", id_text(&id))
                                                 .add("week_start_date", date_text(pool.start))
                                                 .add("week_end_date", date_text(pool.end))
                                                 .add("date", date_text(date))
                                                 .text()),
                    errhint("An approval is paid by the pool whose week holds its date in the club's time zone: name "
                            "that one, or none.")));
    pg_unreachable();
}

void payout_closed(const Job &job, const char *status) {
    const pg_uuid_t member = uuid_of(job.member());
    ereport(ERROR,
            (errcode(err::payout_closed),
             errmsg("PAYOUT_CLOSED: the payout request of member %s for %s is %s already", id_text(&member),
                    job.month.text, status),
             errdetail_internal("%s", Detail()
                                          .add("submission", id_text(&job.submission))
                                          .add("member", id_text(&member))
                                          .add("month", job.month.text)
                                          .add("status", status)
                                          .add_json("dollars", number(job.dollars))
                                          .text()),
             errhint(job.has(give_back) ? "What has been paid or refused cannot be taken back from its month."
                                        : "What has been paid or refused cannot grow: approve it in another month.")));
    pg_unreachable();
}

void unexpected_null() {
    ereport(ERROR, (errcode(err::not_installed),
                    errmsg("NOT_INSTALLED: a row of the club has NULL where the club never stores it"),
                    errdetail_internal("{}"),
                    errhint("Was a NOT NULL dropped from one of its tables? Mend the row and the constraint.")));
    pg_unreachable();
}

void month_lost(const Job &job) {
    const pg_uuid_t member = uuid_of(job.member());
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                    errmsg("finance.user_earnings or finance.payout_requests has no row for member %s and %s, although "
                           "a submission earned in it",
                           id_text(&member), job.month.text),
                    errdetail_internal("%s", Detail()
                                                 .add("submission", id_text(&job.submission))
                                                 .add("member", id_text(&member))
                                                 .add("month", job.month.text)
                                                 .text()),
                    errhint("Restore the row: its totals are those of finance.weekly_earnings.")));
    pg_unreachable();
}

} // namespace lifeguard::club
