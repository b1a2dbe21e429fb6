// The club's errors: a message that begins with its code word, a DETAIL for programs, a HINT with the way out.
#pragma once

#include "club/job.hpp"

namespace lifeguard::club {

// LG106. `id` is nullptr when none was given.
[[noreturn]] void no_such_submission(const pg_uuid_t *id);
// LG103: only an approved submission earns money, badges and a graphic.
[[noreturn]] void not_approved(const Job &job);
// LG107. `id` is nullptr when none was given.
[[noreturn]] void no_such_member(const pg_uuid_t *id);
// LG107: the caller names another member than the submission's.
[[noreturn]] void other_member(const Job &job);
// LG105. `pull_ups` is nullptr for NULL.
[[noreturn]] void invalid_pull_ups(const int *pull_ups, int most, const pg_uuid_t *submission);
// LG105: the caller names another count than the admin's.
[[noreturn]] void other_count(const Job &job);
// LG102: no pool holds the date.
[[noreturn]] void pool_missing(DateADT date);
// LG102: there is no pool of this id.
[[noreturn]] void no_such_pool(const pg_uuid_t &id);
// LG101: the pool's week does not hold the date.
[[noreturn]] void pool_mismatch(const Pool &pool, DateADT date);
// LG104: the month's payout request has been paid or rejected.
[[noreturn]] void payout_closed(const Job &job, const char *status);
// The month of a member has no row, although something was earned in it.
[[noreturn]] void month_lost(const Job &job);

} // namespace lifeguard::club
