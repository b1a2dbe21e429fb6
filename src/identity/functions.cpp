// What the claims say, as SQL functions.
#include "pg/claims.hpp"
#include "identity/claims.hpp"

using namespace lifeguard;

// uid(): the subject of the claims; null for nobody.
LG_FUNCTION(lifeguard_uid) {
    const identity::Person &caller = identity::current_person();
    if (!caller.has_subject) {
        identity::tell_of_nobody(caller);
        PG_RETURN_NULL();
    }
    PG_RETURN_UUID_P(&caller.subject);
}

// role(): the role of the claims.
LG_FUNCTION(lifeguard_role) {
    const identity::Person &caller = identity::current_person();
    if (caller.role == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(caller.role);
}

// email(): the e-mail of the claims.
LG_FUNCTION(lifeguard_email) {
    const identity::Person &caller = identity::current_person();
    if (caller.email == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(caller.email);
}

// claims(): all of them, as far as the settings tell.
LG_FUNCTION(lifeguard_claims) {
    const identity::Person &caller = identity::current_person();
    if (caller.claims.data() != nullptr)
        PG_RETURN_DATUM(
            DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(caller.claims.data(), caller.claims.size()))));

    JsonbParseState *state = nullptr;
    int found = 0;
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
    for (const char *name : {"sub", "role", "email"}) {
        bool json;
        const std::string_view value = identity::find_claim(caller, name, &json);
        if (value.data() == nullptr)
            continue;
        JsonbValue key, member;
        key.type = member.type = jbvString;
        key.val.string = {static_cast<int>(strlen(name)), const_cast<char *>(name)};
        member.val.string = {static_cast<int>(value.size()), const_cast<char *>(value.data())};
        pushJsonbValue(&state, WJB_KEY, &key);
        pushJsonbValue(&state, WJB_VALUE, &member);
        found++;
    }
    JsonbValue *object = pushJsonbValue(&state, WJB_END_OBJECT, nullptr);
    if (found == 0)
        PG_RETURN_NULL();
    PG_RETURN_JSONB_P(JsonbValueToJsonb(object));
}

// What claim() found at the last call of one place in a query.
struct LastClaim {
    uint64 read_at; // settings_changes then
    text *name;
    text *value; // nullptr: none
};

// A copy of a text, or nullptr.
static text *copy_text(const text *original) {
    return original == nullptr
               ? nullptr
               : static_cast<text *>(memcpy(palloc(VARSIZE_ANY(original)), original, VARSIZE_ANY(original)));
}

// Looks a claim up, and keeps it for the next call of this place.
static text *look_up_claim(FunctionCallInfo fcinfo, const text *name, const identity::Person &caller) {
    bool json;
    const std::string_view value = identity::find_claim(caller, text_to_cstring(name), &json);
    text *found = identity::claim_text(value, json);
    if (caller.by_claim)
        return found; // most of these settings are not watched
    auto *before = static_cast<LastClaim *>(fcinfo->flinfo->fn_extra);
    const MemoryContext home = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
    auto *now = static_cast<LastClaim *>(palloc(sizeof(LastClaim)));
    *now = {identity::settings_changes, copy_text(name), copy_text(found)};
    fcinfo->flinfo->fn_extra = now;
    MemoryContextSwitchTo(home);
    if (before != nullptr) {
        if (before->value != nullptr)
            pfree(before->value);
        pfree(before->name);
        pfree(before);
    }
    return found;
}

// claim(name): one of them, as text.
LG_FUNCTION(lifeguard_claim) {
    const text *name = PG_GETARG_TEXT_PP(0);
    const identity::Person &caller = identity::current_person();
    const auto *last = static_cast<LastClaim *>(fcinfo->flinfo->fn_extra);
    const bool at_hand = last != nullptr && last->read_at == identity::settings_changes && !caller.by_claim &&
                         VARSIZE_ANY(last->name) == VARSIZE_ANY(name) &&
                         memcmp(last->name, name, VARSIZE_ANY(name)) == 0;
    const text *value = at_hand ? copy_text(last->value) : look_up_claim(fcinfo, name, caller);
    if (value == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(value);
}

// tenant_id(): the tenant that the request is for.
LG_FUNCTION(lifeguard_tenant_id) {
    const pg_uuid_t *tenant = identity::current_tenant();
    if (tenant == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_UUID_P(tenant);
}
