// What the claims say, as SQL functions.
#include "pg/claims.hpp"
#include "identity/claims.hpp"

using namespace lifeguard;

// uid(): the subject of the claims; null for nobody.
LG_FUNCTION(lifeguard_uid) {
    const identity::Person &caller = identity::current_person();
    if (!caller.has_subject)
        PG_RETURN_NULL();
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

// claim(name): one of them, as text.
LG_FUNCTION(lifeguard_claim) {
    bool json;
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const std::string_view value = identity::find_claim(identity::current_person(), name, &json);
    text *result = identity::claim_text(value, json);
    if (result == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(result);
}

// tenant_id(): the tenant that the request is for.
LG_FUNCTION(lifeguard_tenant_id) {
    auto *tenant = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
    if (!identity::find_tenant(identity::current_person(), tenant))
        PG_RETURN_NULL();
    PG_RETURN_UUID_P(tenant);
}
