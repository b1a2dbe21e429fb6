// What the caller is, as SQL functions: admin, in which organizations, in which role.
#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "identity/answers.hpp"

using namespace lifeguard;
using identity::Belongs;
using identity::Membership;

// Refuses a role that the order does not have: in a policy it would refuse everybody, silently.
static int required_rank(std::string_view role) {
    const identity::Sources &sources = identity::current_sources();
    const int rank = identity::rank_of(sources, role);
    if (rank >= 0)
        return rank;
    const char *name = pnstrdup(role.data(), role.size());
    StringInfoData known;
    initStringInfo(&known);
    for (int i = 0; i < sources.role_count; i++)
        appendStringInfo(&known, "%s%s", i == 0 ? "" : ", ", sources.roles[i]);
    ereport(ERROR,
            (errcode(err::unknown_role), errmsg("there is no role \"%s\" in the order of roles", name),
             errdetail_internal("%s", pg::Detail().add("role", name).text()),
             sources.role_count > 0
                 ? errhint("The order is: %s. SELECT lifeguard.use_role_order('{...}'); replaces it.", known.data)
                 : errhint("SELECT lifeguard.use_role_order('{viewer, member, admin}'); sets it, the lowest first.")));
    pg_unreachable();
}

// A text argument, where it stands.
static std::string_view text_argument(FunctionCallInfo fcinfo, int number) {
    const text *value = PG_GETARG_TEXT_PP(number);
    return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

// The caller's role in an organization; nullptr without one.
static const char *role_in(const pg_uuid_t &organization) {
    const Membership *membership = identity::find_membership(organization);
    return membership == nullptr ? nullptr : membership->role;
}

// Compares two UUIDs the way the server orders them.
static int compare(const void *a, const void *b) {
    return memcmp(a, b, sizeof(pg_uuid_t));
}

// is_admin(): never null.
LG_FUNCTION(lifeguard_is_admin) {
    (void)fcinfo;
    PG_RETURN_BOOL(identity::is_admin());
}

// is_member(organization)
LG_FUNCTION(lifeguard_is_member) {
    PG_RETURN_BOOL(identity::find_membership(*PG_GETARG_UUID_P(0)) != nullptr);
}

// organizations(): all of them, in order; an empty array for nobody.
LG_FUNCTION(lifeguard_organizations) {
    (void)fcinfo;
    const identity::Answers &answers = identity::all_memberships();
    const Size size = ARR_OVERHEAD_NONULLS(1) + sizeof(pg_uuid_t) * (static_cast<Size>(answers.count) + 1);
    auto *array = static_cast<ArrayType *>(palloc0(size));
    auto *found = reinterpret_cast<pg_uuid_t *>(reinterpret_cast<char *>(array) + ARR_OVERHEAD_NONULLS(1));
    int count = 0;
    for (uint32 i = 0; i <= answers.mask; i++)
        if (answers.table[i].belongs == Belongs::yes)
            found[count++] = answers.table[i].organization;
    if (count == 0)
        PG_RETURN_ARRAYTYPE_P(construct_empty_array(UUIDOID));
    qsort(found, count, sizeof *found, compare);
    SET_VARSIZE(array, ARR_OVERHEAD_NONULLS(1) + sizeof(pg_uuid_t) * count);
    array->ndim = 1;
    array->elemtype = UUIDOID;
    ARR_DIMS(array)[0] = count;
    ARR_LBOUND(array)[0] = 1;
    PG_RETURN_ARRAYTYPE_P(array);
}

// organization_role(organization)
LG_FUNCTION(lifeguard_organization_role) {
    const char *role = role_in(*PG_GETARG_UUID_P(0));
    if (role == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(role));
}

// has_permission(organization, required_role): both by the same order of roles, which may be read anew on the way.
LG_FUNCTION(lifeguard_has_permission) {
    const std::string_view role = text_argument(fcinfo, 1);
    const Membership *membership;
    uint64 order;
    int required, tries = 0;
    do {
        order = identity::sources_changes;
        membership = identity::find_membership(*PG_GETARG_UUID_P(0));
        required = required_rank(role);
    } while (order != identity::sources_changes && ++tries < 3);
    PG_RETURN_BOOL(membership != nullptr && membership->rank >= required);
}

// has_role(role): in any organization, or by a claim.
LG_FUNCTION(lifeguard_has_role) {
    const std::string_view role = text_argument(fcinfo, 0);
    const identity::Sources &sources = identity::current_sources();
    if (!sources.has_roles_claim && sources.role_count > 0)
        (void)required_rank(role);
    PG_RETURN_BOOL(identity::is_claimed_role(role) || identity::holds_role(role));
}
