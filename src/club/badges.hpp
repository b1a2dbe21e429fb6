// Badges: thresholds reached by a verified count, for a member's gender or for any.
#pragma once

#include "club/profile.hpp"

namespace lifeguard::club {

struct Badge {
    pg_uuid_t id;
    const char *name;
    const char *image_url; // or nullptr
    const char *gender;
    int threshold;
};

// The club's badges by threshold; the few rows are read once a batch, no cache can be old.
Array<Badge> &read_badges(Run &run);

// True when the badge is for this member.
bool is_for(const Badge &badge, const Member &member);

// The highest badge that a count reaches, or the next one after it; nullptr where there is none.
const Badge *reached_badge(Run &run, const Member &member, int count);
const Badge *next_badge(Run &run, const Member &member, int count);

// Awards what the job's count reaches and the member has not yet.
void award(Run &run, const Member &member, Job &job);

} // namespace lifeguard::club
