// What a submission earns, held against the rule written out: no server is needed for it.
#include <cstdio>
#include <cstring>

#include "club/earnings.hpp"

using lifeguard::club::calculate_earnings;
using lifeguard::club::Claim;
using lifeguard::club::Earning;

static int tests = 0;

// Prints one TAP line.
static void check(bool ok, const char *what) {
    printf("%sok %d - %s\n", ok ? "" : "not ", ++tests, what);
}

// Is this what the claim earns?
static bool earns(const Claim &claim, int dollars, const char *reason) {
    const Earning earning = calculate_earnings(claim);
    const bool same = reason == nullptr ? earning.reason == nullptr
                                        : earning.reason != nullptr && strcmp(earning.reason, reason) == 0;
    return earning.dollars == dollars && same;
}

// The rule in its plainest words, over a grid that crosses every boundary: never negative, never more than any of the
// three.
static bool holds_on_grid() {
    for (int count = 0; count <= 30; count++)
        for (int pool = 0; pool <= 30; pool++)
            for (int month = 0; month <= 30; month++) {
                int least = count;
                least = pool < least ? pool : least;
                least = month < least ? month : least;
                const char *reason = least == count ? nullptr : pool <= month ? "pool" : "month cap";
                if (!earns({count, pool, month, false, false}, least, reason))
                    return false;
            }
    return true;
}

int main() {
    check(earns({18, 250, 1000, false, false}, 18, nullptr), "a dollar a pull-up");
    check(earns({21, 10, 1000, false, false}, 10, "pool"), "the last approval of a week takes what is left");
    check(earns({18, 0, 1000, false, false}, 0, "pool"), "an empty pool pays nothing and says so");
    check(earns({18, 250, 5, false, false}, 5, "month cap"), "the month's cap");
    check(earns({18, 250, 0, false, false}, 0, "month cap"), "a month that is full");
    check(earns({18, 250, 1000, true, false}, 0, "role"), "admins and influencers earn nothing");
    check(earns({18, 250, 1000, false, true}, 0, "excluded"), "nor who is excluded");
    check(earns({18, 250, 1000, true, true}, 0, "role"), "the role is named first");
    check(earns({0, 250, 1000, false, false}, 0, nullptr), "no pull-ups are no dollars, and nothing less than claimed");
    check(holds_on_grid(), "least of count, pool and month, at every boundary");
    printf("1..%d\n", tests);
    return 0;
}
