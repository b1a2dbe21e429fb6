// Registering sources: what SQL cannot check, and the triggers that tell of changes.
#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "identity/sources.hpp"

using namespace lifeguard;

// try_source(id): asks a registered source about nobody, so that whatever is wrong with it is raised now.
LG_FUNCTION(lifeguard_try_source) {
    const int id = PG_GETARG_INT32(0);
    const identity::Sources &sources = identity::current_sources();
    const pg_uuid_t nobody = {};
    const auto ignore = [](const pg_uuid_t *, const char *, void *) {};
    for (int i = 0; i < sources.count; i++) {
        identity::Source &source = *sources.items[i];
        if (source.id != id || !OidIsValid(source.relation))
            continue;
        if (source.kind == identity::Kind::admins) {
            identity::ask(source, identity::Question::admin, nobody, nullptr, ignore, nullptr);
        } else {
            identity::ask(source, identity::Question::all, nobody, nullptr, ignore, nullptr);
            identity::ask(source, identity::Question::one, nobody, &nobody, ignore, nullptr);
        }
    }
    PG_RETURN_VOID();
}

// roles_of_source(id): the roles that its table has, read as the table's owner: what is in a view or a cast may be
// anybody's code.
LG_FUNCTION(lifeguard_roles_of_source) {
    const int id = PG_GETARG_INT32(0);
    const identity::Sources &sources = identity::current_sources();
    const pg_uuid_t nobody = {};
    ArrayBuildState *roles = initArrayResult(TEXTOID, CurrentMemoryContext, false);
    const auto keep = [](const pg_uuid_t *, const char *role, void *kept) {
        auto *state = static_cast<ArrayBuildState *>(kept);
        if (role != nullptr)
            (void)accumArrayResult(state, CStringGetTextDatum(role), false, TEXTOID, state->mcontext);
    };
    for (int i = 0; i < sources.count; i++)
        if (sources.items[i]->id == id && sources.items[i]->kind == identity::Kind::members) {
            identity::ask(*sources.items[i], identity::Question::roles, nobody, nullptr, keep, roles);
            break;
        }
    PG_RETURN_DATUM(makeArrayResult(roles, CurrentMemoryContext));
}

// Trigger of lifeguard.identity_sources and of the tables of cached sources: every session is to hear of the change,
// when it is committed; this one hears of it at the next command, and when it is rolled back.
LG_FUNCTION(lifeguard_note_membership) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("lifeguard.note_membership() is a trigger function")));
    const auto *trigger = reinterpret_cast<const TriggerData *>(fcinfo->context);
    const Oid ours = get_namespace_oid("lifeguard", false);
    if (RelationGetNamespace(trigger->tg_relation) == ours) {
        CacheInvalidateRelcache(trigger->tg_relation);
    } else {
        const Oid epoch = get_relname_relid("membership_epoch", ours);
        if (OidIsValid(epoch))
            CacheInvalidateRelcacheByRelid(epoch);
    }
    PG_RETURN_POINTER(nullptr);
}
