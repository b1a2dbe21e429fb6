#include <algorithm>

#include "club/badges.hpp"

namespace lifeguard::club {

Array<Badge> &read_badges(Run &run) {
    if (run.has_badges)
        return run.badges;
    const MemoryContext home = MemoryContextSwitchTo(run.memory);
    run.work.each(badges::table, {}, [&](const pg::Row &row) {
        run.badges.add(Badge{uuid_of(row.values[badges::id]), row.string(badges::name), row.string(badges::image_url),
                             known_text(row, badges::gender), row.integer(badges::min_pull_ups)},
                       run.memory);
    });
    MemoryContextSwitchTo(home);
    std::sort(run.badges.begin(), run.badges.end(), [](const Badge &one, const Badge &other) {
        return one.threshold != other.threshold ? one.threshold < other.threshold : strcmp(one.name, other.name) < 0;
    });
    run.has_badges = true;
    return run.badges;
}

bool is_for(const Badge &badge, const Member &member) {
    if (strcmp(badge.gender, "Any") == 0)
        return true;
    if (member.row.nulls[profiles::gender])
        return false;
    const text *gender = DatumGetTextPP(member.row.values[profiles::gender]);
    return strlen(badge.gender) == VARSIZE_ANY_EXHDR(gender) &&
           memcmp(badge.gender, VARDATA_ANY(gender), strlen(badge.gender)) == 0;
}

const Badge *reached_badge(Run &run, const Member &member, int count) {
    const Badge *best = nullptr;
    for (const Badge &badge : read_badges(run))
        if (badge.threshold <= count && is_for(badge, member))
            best = &badge;
    return best;
}

const Badge *next_badge(Run &run, const Member &member, int count) {
    for (const Badge &badge : read_badges(run))
        if (badge.threshold > count && is_for(badge, member))
            return &badge;
    return nullptr;
}

void award(Run &run, const Member &member, Job &job) {
    if (reached_badge(run, member, job.count()) == nullptr)
        return;
    auto *owned = static_cast<bool *>(palloc0(sizeof(bool) * run.badges.count));
    run.work.each(user_badges::table, {{user_badges::user_id, job.member()}}, [&](const pg::Row &row) {
        const pg_uuid_t badge = uuid_of(row.values[user_badges::badge_id]);
        for (int i = 0; i < run.badges.count; i++)
            owned[i] = owned[i] || compare(run.badges[i].id, badge) == 0;
    });
    for (int i = 0; i < run.badges.count; i++) {
        const Badge &badge = run.badges[i];
        if (owned[i] || badge.threshold > job.count() || !is_for(badge, member))
            continue;
        pg::Row row;
        row.set(user_badges::id, pg::random_uuid());
        row.set(user_badges::user_id, job.member());
        row.set(user_badges::badge_id, UUIDPGetDatum(&badge.id));
        row.set(user_badges::submission_id, UUIDPGetDatum(&job.submission));
        run.work.insert(
            user_badges::table, &row,
            pg::columns({user_badges::id, user_badges::user_id, user_badges::badge_id, user_badges::submission_id}),
            pg::columns({user_badges::user_id, user_badges::submission_id}));
        const MemoryContext home = MemoryContextSwitchTo(run.memory);
        job.new_badges = lappend(job.new_badges, const_cast<char *>(badge.name));
        MemoryContextSwitchTo(home);
    }
}

} // namespace lifeguard::club
