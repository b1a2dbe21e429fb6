// What a submission earns. The only place that knows; pure, so that it can be tested without a server.
#pragma once

#include <algorithm>

namespace lifeguard::club {

// All that the rule looks at; dollars are whole.
struct Claim {
    int pull_ups;
    int pool_remaining;
    int month_remaining;
    bool unpaid_role; // admins and influencers
    bool excluded;    // an active payout exclusion
};

struct Earning {
    int dollars;
    const char *reason; // why it is less than the pull-ups; nullptr when it is not
};

// A dollar a pull-up, as far as the week's pool and the month's cap go.
constexpr Earning calculate_earnings(const Claim &claim) {
    if (claim.unpaid_role || claim.excluded)
        return {0, claim.pull_ups == 0 ? nullptr : claim.unpaid_role ? "role" : "excluded"};
    const int dollars = std::max(0, std::min({claim.pull_ups, claim.pool_remaining, claim.month_remaining}));
    if (dollars >= claim.pull_ups)
        return {dollars, nullptr};
    return {dollars, claim.pool_remaining <= claim.month_remaining ? "pool" : "month cap"};
}

} // namespace lifeguard::club
