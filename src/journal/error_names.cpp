// The names of SQLSTATEs: the server's and our own, in a table that the build makes.
#include <algorithm>
#include <array>

#include "journal/error_names.hpp"
#include "pg/errors.hpp"

namespace lifeguard::journal {

namespace {

struct Condition {
    int sqlstate;
    const char *name;
};

// Sorts the conditions by SQLSTATE; called by the compiler alone.
template <size_t count> constexpr std::array<Condition, count> sorted(std::array<Condition, count> conditions) {
    std::ranges::sort(conditions, {}, &Condition::sqlstate);
    return conditions;
}

// lifeguard::err::sqlstate("22012"), "division_by_zero" and so on; made by condition_names.awk
using err::sqlstate;
constexpr auto conditions = sorted(std::to_array<Condition>({
#include "journal/condition_names.inc"
}));

static_assert(std::ranges::adjacent_find(conditions, {}, &Condition::sqlstate) == conditions.end(),
              "a SQLSTATE has two names");

} // namespace

const char *condition_name(int sqlstate) {
    const auto *found = std::ranges::lower_bound(conditions, sqlstate, {}, &Condition::sqlstate);
    return found != conditions.end() && found->sqlstate == sqlstate ? found->name : nullptr;
}

} // namespace lifeguard::journal
