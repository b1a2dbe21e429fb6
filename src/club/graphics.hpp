// Monthly graphics: one card a member and month, and the notification that queues its e-mail.
#pragma once

#include "club/profile.hpp"

namespace lifeguard::club {

// Makes or renews the card of the job's month; leaves it alone when it already shows this submission, or a later one.
void draw_graphic(Run &run, const Member &member, Job &job);

} // namespace lifeguard::club
