#include <algorithm>

#include "club/badges.hpp"
#include "club/batch.hpp"
#include "club/graphics.hpp"
#include "club/ledger.hpp"
#include "club/ranks.hpp"
#include "club/refusals.hpp"
#include "rules/batch.hpp"

namespace lifeguard::club {

namespace {

// A statement's jobs.
struct Batch {
    Array<Job> jobs;
};

void flush(void *memory);
constexpr rules::BatchKind kind = {"club", sizeof(Batch), flush};

// Does a statement's jobs.
void flush(void *memory) {
    auto &batch = *static_cast<Batch *>(memory);
    const MemoryContext mine = AllocSetContextCreate(CurrentMemoryContext, "club batch", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext home = MemoryContextSwitchTo(mine);
    Run run;
    run_jobs(run, batch.jobs.items, batch.jobs.count);
    MemoryContextSwitchTo(home);
    MemoryContextDelete(mine);
}

// Locks and reads the submission, and checks what is asked against it.
void read_submission(Run &run, Job &job) {
    run.current = &job;
    if (!run.work.find(submissions::table, {{submissions::id, UUIDPGetDatum(&job.submission)}}, pg::Lock::no_key_update,
                       &job.row))
        no_such_submission(&job.submission);
    if (job.has(earn) && compare(uuid_of(job.member()), job.claimant) != 0)
        other_member(job);
    if ((job.tasks & ~(give_back | rank)) == 0)
        return;
    const pg::Row &row = job.row;
    if (strcmp(known_text(row, submissions::status), "approved") != 0 || row.nulls[submissions::approved_at] ||
        row.nulls[submissions::actual_pull_up_count])
        not_approved(job);
    for (const int count : {job.count(), job.has(earn) ? job.pull_ups : 0})
        if (count < 0 || count > run.settings.max_pull_ups)
            invalid_pull_ups(&count, run.settings.max_pull_ups, &job.submission);
    if (job.has(earn) && job.pull_ups != job.count())
        other_count(job);
    job.approved_on = date_of(DatumGetTimestampTz(row.values[submissions::approved_at]), run.settings.zone);
    job.month = month_of(job.approved_on);
}

// Does all that concerns one member and nobody else.
void serve_member(Run &run, Job **jobs, int count, MemoryContext scratch) {
    const MemoryContext home = MemoryContextSwitchTo(scratch);
    Member member = lock_member(run, jobs[0]->member());
    bool ranks = false;
    for (int i = 0; i < count; i++) {
        Job &job = *jobs[i];
        run.current = &job;
        ranks = ranks || job.has(rank);
        if (job.has(update_profile))
            merge_profile(member, job);
        if (job.has(award_badges))
            award(run, member, job);
        if (job.has(create_graphic))
            draw_graphic(run, member, job);
    }
    store_member(run, member);
    if (ranks)
        rank_member(run, jobs, count);
    open_accounts(run, member, jobs, count);
    MemoryContextSwitchTo(home);
    MemoryContextReset(scratch);
}

// Does jobs of different submissions.
void run_round(Run &run, Job **jobs, int count) {
    for (int i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        read_submission(run, *jobs[i]);
    }
    std::sort(jobs, jobs + count, [](const Job *one, const Job *other) {
        const int order = compare(uuid_of(one->member()), uuid_of(other->member()));
        return order != 0 ? order < 0 : one->sequence < other->sequence;
    });
    const MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "club member", ALLOCSET_SMALL_SIZES);
    for (int i = 0, next; i < count; i = next) {
        CHECK_FOR_INTERRUPTS();
        for (next = i + 1; next < count && compare(uuid_of(jobs[next]->member()), uuid_of(jobs[i]->member())) == 0;)
            next++;
        serve_member(run, jobs + i, next - i, scratch);
    }
    MemoryContextDelete(scratch);
    settle(run, jobs, count);
    store_rank_counts(run);
    run.member_months.count = run.club_months.count = run.pools.count = 0;
}

// Numbers the jobs of each submission, so that a round has one of each; the highest number.
int number_rounds(Job **jobs, int count) {
    int highest = 0;
    std::sort(jobs, jobs + count, [](const Job *one, const Job *other) {
        const int order = compare(one->submission, other->submission);
        return order != 0 ? order < 0 : one->sequence < other->sequence;
    });
    for (int i = 1; i < count; i++)
        if (compare(jobs[i]->submission, jobs[i - 1]->submission) == 0)
            highest = Max(highest, jobs[i]->round = jobs[i - 1]->round + 1);
    return highest;
}

// Says in an error's context which submission it was about.
void describe(void *argument) {
    const Job *job = static_cast<const Run *>(argument)->current;
    if (job != nullptr)
        errcontext("submission %s of the club",
                   DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&job->submission))));
}

} // namespace

bool leave_for_later(FunctionCallInfo call, const Job &job) {
    auto *batch = static_cast<Batch *>(rules::statement_batch(call, kind));
    if (batch == nullptr)
        return false;
    Array<Job> &jobs = batch->jobs;
    if (jobs.count > 0) {
        Job &last = jobs[jobs.count - 1];
        const bool mixes_money = last.has(money) && job.has(money);
        if (compare(last.submission, job.submission) == 0 && !last.has(job.tasks) && !mixes_money) {
            last.tasks |= job.tasks;
            if (job.has(earn)) {
                last.claimant = job.claimant;
                last.pull_ups = job.pull_ups;
                last.names_pool = job.names_pool;
                last.named_pool = job.named_pool;
            }
            return true;
        }
    }
    jobs.add(job, rules::batch_context()).sequence = jobs.count;
    return true;
}

void run_jobs(Run &run, Job *jobs, int count) {
    PreventCommandIfReadOnly("the club's work on submissions");
    PreventCommandIfParallelMode("the club's work on submissions");
    run = Run{};
    run.memory = CurrentMemoryContext;
    run.now = GetCurrentTransactionStartTimestamp();
    ErrorContextCallback context = {error_context_stack, describe, &run};
    error_context_stack = &context;

    CommandCounterIncrement(); // the running statement's own rows come to light
    run.work.begin(false);
    run.settings = read_settings(run.work);
    auto **ordered = static_cast<Job **>(palloc(sizeof(Job *) * count));
    for (int i = 0; i < count; i++)
        ordered[i] = &jobs[i];
    const int rounds = number_rounds(ordered, count) + 1;
    auto **chosen = static_cast<Job **>(palloc(sizeof(Job *) * count));
    for (int round = 0; round < rounds; round++) {
        int members = 0;
        for (int i = 0; i < count; i++)
            if (ordered[i]->round == round)
                chosen[members++] = ordered[i];
        run_round(run, chosen, members);
    }
    run.work.end();
    error_context_stack = context.previous;
}

} // namespace lifeguard::club
