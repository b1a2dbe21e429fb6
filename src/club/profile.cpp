#include "club/profile.hpp"
#include "club/refusals.hpp"

namespace lifeguard::club {

bool is_unpaid_role(const pg::Row &profile) {
    const char *role = profile.string(profiles::role);
    return role != nullptr && (strcmp(role, "admin") == 0 || strcmp(role, "influencer") == 0);
}

bool is_excluded(pg::Work &work, Datum member, TimestampTz now) {
    bool excluded = false;
    work.each(payout_exclusions::table, {{payout_exclusions::user_id, member}}, [&](const pg::Row &row) {
        const bool begun = DatumGetTimestampTz(row.values[payout_exclusions::starts_at]) <= now;
        const bool ended = !row.nulls[payout_exclusions::ends_at] &&
                           DatumGetTimestampTz(row.values[payout_exclusions::ends_at]) <= now;
        excluded = excluded || (begun && !ended);
    });
    return excluded;
}

Member lock_member(Run &run, Datum id) {
    Member member = {};
    if (!run.work.find(profiles::table, {{profiles::id, id}}, pg::Lock::no_key_update, &member.row)) {
        const pg_uuid_t wanted = uuid_of(id);
        no_such_member(&wanted);
    }
    member.unpaid_role = is_unpaid_role(member.row);
    return member;
}

// True when two texts are the same, NULL being like NULL only.
static bool same_text(const pg::Row &one, int column, const pg::Row &other, int other_column) {
    if (one.nulls[column] || other.nulls[other_column])
        return one.nulls[column] == other.nulls[other_column];
    const text *left = DatumGetTextPP(one.values[column]);
    const text *right = DatumGetTextPP(other.values[other_column]);
    return VARSIZE_ANY_EXHDR(left) == VARSIZE_ANY_EXHDR(right) &&
           memcmp(VARDATA_ANY(left), VARDATA_ANY(right), VARSIZE_ANY_EXHDR(left)) == 0;
}

void merge_profile(Member &member, Job &job) {
    constexpr int pairs[][2] = {{submissions::organization, profiles::organization},
                                {submissions::region, profiles::region},
                                {submissions::gender, profiles::gender},
                                {submissions::age, profiles::age}};
    for (const auto &[from, to] : pairs) {
        const bool same = from == submissions::age
                              ? !member.row.nulls[to] && job.row.values[from] == member.row.values[to]
                              : same_text(job.row, from, member.row, to);
        if (job.row.nulls[from] || same)
            continue;
        member.row.set(to, job.row.values[from]);
        member.changed = job.profile_changed = true;
    }
}

void store_member(Run &run, Member &member) {
    if (!member.changed)
        return;
    member.row.set(profiles::updated_at, TimestampTzGetDatum(run.now));
    run.work.update(
        profiles::table, &member.row,
        pg::columns({profiles::organization, profiles::region, profiles::gender, profiles::age, profiles::updated_at}));
}

} // namespace lifeguard::club
