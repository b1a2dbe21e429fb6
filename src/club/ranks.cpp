#include "pg/uuid.hpp"
#include "club/ranks.hpp"

namespace lifeguard::club {

namespace {

// A submission as ranks compare it.
struct Candidate {
    pg_uuid_t submission;
    int pull_ups;
    TimestampTz approved_at;
    bool exists;
};

// True when an approved submission of a member's is in the ranks.
bool is_ranked(const pg::Row &row) {
    using namespace submissions;
    return strcmp(known_text(row, status), "approved") == 0 && !row.nulls[actual_pull_up_count] &&
           !row.nulls[approved_at];
}

// Takes the submission where it is better: more pull-ups, or as many and approved earlier. Of two that are alike the
// one with the lower id, so that it does not matter which is seen first.
void prefer(Candidate &best, const pg::Row &row) {
    using namespace submissions;
    const Candidate other = {uuid_of(row.values[id]), row.integer(actual_pull_up_count),
                             DatumGetTimestampTz(row.values[approved_at]), true};
    if (!best.exists || other.pull_ups > best.pull_ups ||
        (other.pull_ups == best.pull_ups &&
         (other.approved_at < best.approved_at ||
          (other.approved_at == best.approved_at && compare(other.submission, best.submission) < 0))))
        best = other;
}

// True when these are the same submission, counted and dated alike.
bool same(const Candidate &one, const Candidate &other) {
    return one.exists == other.exists &&
           (!one.exists || (compare(one.submission, other.submission) == 0 && one.pull_ups == other.pull_ups &&
                            one.approved_at == other.approved_at));
}

// Notes that so many members more, or fewer, have this count as their best.
void note(Run &run, int pull_ups, int members) {
    for (RankChange &change : run.rank_changes)
        if (change.pull_ups == pull_ups) {
            change.members += members;
            return;
        }
    run.rank_changes.add(RankChange{pull_ups, members}, run.memory);
}

} // namespace

void rank_member(Run &run, Job **jobs, int count) {
    using namespace best_submissions;
    const Datum member = jobs[0]->member();
    pg::Row row;
    Candidate stored = {};
    stored.exists = run.work.find(table, {{user_id, member}}, pg::Lock::no_key_update, &row);
    if (stored.exists) {
        stored.submission = uuid_of(row.values[submission_id]);
        stored.pull_ups = row.integer(pull_ups);
        stored.approved_at = DatumGetTimestampTz(row.values[approved_at]);
    }

    // Approvals are compared with the best that there is. All others are looked at only where that one is it no more.
    Candidate best = stored;
    bool lost = false;
    for (int i = 0; i < count; i++) {
        const Job &job = *jobs[i];
        if (!job.has(rank))
            continue;
        if (is_ranked(job.row))
            prefer(best, job.row);
        lost = lost || (stored.exists && compare(stored.submission, job.submission) == 0);
    }
    if (lost) {
        best.exists = false;
        run.work.each(submissions::table, {{submissions::user_id, member}}, [&](const pg::Row &other) {
            if (is_ranked(other))
                prefer(best, other);
        });
    }
    for (int i = 0; i < count; i++)
        jobs[i]->is_best = best.exists && compare(best.submission, jobs[i]->submission) == 0;
    if (same(best, stored))
        return;

    if (!stored.exists || !best.exists || stored.pull_ups != best.pull_ups) {
        if (stored.exists)
            note(run, stored.pull_ups, -1);
        if (best.exists)
            note(run, best.pull_ups, 1);
    }
    if (!best.exists) {
        run.work.remove(table, row);
        return;
    }
    row.set(user_id, member);
    row.set(submission_id, UUIDPGetDatum(&best.submission));
    row.set(pull_ups, Int32GetDatum(best.pull_ups));
    row.set(approved_at, TimestampTzGetDatum(best.approved_at));
    constexpr pg::Columns told = pg::columns({submission_id, pull_ups, approved_at});
    if (stored.exists)
        run.work.update(table, &row, told);
    else
        run.work.insert(table, &row, told | pg::columns({user_id}), pg::columns({}));
}

// Each change is a row of its own: a common row would make approvals wait for each other that share nothing else.
void store_rank_counts(Run &run) {
    using namespace best_counts;
    for (const RankChange &change : run.rank_changes) {
        if (change.members == 0)
            continue;
        pg::Row row;
        row.set(id, pg::random_uuid());
        row.set(pull_ups, Int32GetDatum(change.pull_ups));
        row.set(members, Int32GetDatum(change.members));
        run.work.insert(table, &row, pg::columns({id, pull_ups, members}), pg::columns({}));
    }
    run.rank_changes.count = 0;
}

} // namespace lifeguard::club
