#include "pg/claims.hpp"
#include "pg/json.hpp"
#include "pg/uuid.hpp"
#include "journal/keep.hpp"
#include "identity/claims.hpp"

namespace lifeguard::identity {

uint64 settings_changes = 1;
const Person *person = nullptr;
uint64 person_read_at = 0;
bool settings_watched = false;

namespace {

char *tenant_claim; // lifeguard.tenant_claim

// A setting that claims come in.
struct Setting {
    const char *name;
    const char *description;
    bool ours;        // defined here, so that every change is counted
    char *value;      // where it is ours
    const char *seen; // what it was, where it is another library's
};

enum { claims, sub, role, email, tenant_id, tenant, setting_count };

Setting settings[setting_count] = {
    {pg::claims_setting, "The claims of the request, a JSON object.", false, nullptr, nullptr},
    {"request.jwt.claim.sub", "The subject of the request, where each claim has a setting.", false, nullptr, nullptr},
    {"request.jwt.claim.role", "The role of the request, where each claim has a setting.", false, nullptr, nullptr},
    {"request.jwt.claim.email", "The e-mail of the request, where each claim has a setting.", false, nullptr, nullptr},
    {"request.jwt.claim.tenant_id", "The tenant of the request, where each claim has a setting.", false, nullptr,
     nullptr},
    {"app.current_tenant_id", "The tenant that the application acts for.", false, nullptr, nullptr},
};

// Settings of claims that sources read, where each claim has a setting: nobody defines those.
struct ClaimSetting {
    Setting setting;
    ClaimSetting *next;
};
ClaimSetting *claim_settings_read = nullptr;
bool all_ours = false; // of `settings`

// Where persons are. Results may still point to those who were before the current one.
MemoryContext persons = nullptr;
bool has_former_persons = false;

// Empty is what SET LOCAL leaves behind, and means none.
const char *none_if_empty(const char *value) {
    return value == nullptr || *value == '\0' ? nullptr : value;
}

// A setting's value, or nullptr; it stays where it is until the next change is counted.
const char *value_of(const Setting &setting) {
    return setting.ours ? none_if_empty(setting.value) : setting.seen;
}

// Called by the server before it stores a new value, also when a transaction's end or RESET brings back an old one.
void count_change(const char *, void *) {
    settings_changes++;
}

// Compares a setting with what it was.
void look_for_change(Setting *setting) {
    const char *value = none_if_empty(GetConfigOption(setting->name, true, false));
    if ((value == nullptr) == (setting->seen == nullptr) && (value == nullptr || strcmp(value, setting->seen) == 0))
        return;
    const char *copy = value == nullptr ? nullptr : MemoryContextStrdup(TopMemoryContext, value);
    if (setting->seen != nullptr)
        pfree(const_cast<char *>(setting->seen));
    setting->seen = copy;
    settings_changes++;
}

// Compares the settings that are not defined here, because their changes are not told.
void look_for_changes() {
    for (Setting &setting : settings)
        if (!setting.ours)
            look_for_change(&setting);
    for (ClaimSetting *read = claim_settings_read; read != nullptr; read = read->next)
        look_for_change(&read->setting);
}

// Says whether every change that matters to the person is counted.
void note_whether_watched() {
    settings_watched = all_ours && (claim_settings_read == nullptr || person == nullptr || !person->by_claim);
}

// Places a text, if there is one, behind what is at *end, and frees it.
text *place_text(char **end, text *value) {
    if (value == nullptr)
        return nullptr;
    auto *placed = reinterpret_cast<text *>(*end);
    memcpy(placed, value, VARSIZE(value));
    *end += MAXALIGN(VARSIZE(value));
    pfree(value);
    return placed;
}

// The subject as a UUID; NULL and absence are nobody without more ado.
void read_subject(Person *caller, std::string_view value, bool json) {
    if (json ? pg::is_json_null(value) : value.data() == nullptr)
        return;
    char buffer[64];
    if (json) {
        const int length = pg::json_text(value, buffer, sizeof buffer);
        value = length < 0 ? std::string_view() : std::string_view(buffer, static_cast<size_t>(length));
    }
    caller->has_subject = pg::read_uuid(value, &caller->subject);
    caller->subject_is_wrong = !caller->has_subject;
}

// Makes a person of the settings as they are.
const Person *make_person() {
    std::string_view object, subject;
    text *names[2] = {nullptr, nullptr}; // role, e-mail
    const char *text_of_claims = value_of(settings[claims]);
    const bool by_claim = text_of_claims == nullptr;

    if (by_claim) {
        const char *value = value_of(settings[sub]);
        subject = value == nullptr ? std::string_view() : std::string_view(value, strnlen(value, 64));
        for (int i = 0; i < 2; i++)
            if ((value = value_of(settings[role + i])) != nullptr)
                names[i] = cstring_to_text(value);
    } else {
        object = std::string_view(text_of_claims, strnlen(text_of_claims, pg::longest_claims + 1));
        object.remove_prefix(Min(object.find_first_not_of(" \t\r\n"), object.size()));
        if (object.size() > pg::longest_claims || !pg::is_json(object) || !pg::is_json_object(object)) {
            complain(Complaint::claims, "request.jwt.claims is no JSON object: its caller is nobody");
            object = {};
        } else {
            subject = pg::json_member(object, "sub");
            names[0] = claim_text(pg::json_member(object, "role"), true);
            names[1] = claim_text(pg::json_member(object, "email"), true);
        }
    }

    size_t size = MAXALIGN(sizeof(Person));
    for (const text *name : names)
        size += name == nullptr ? 0 : MAXALIGN(VARSIZE(name));
    auto *made = static_cast<Person *>(MemoryContextAllocZero(persons, size));
    char *end = reinterpret_cast<char *>(made) + MAXALIGN(sizeof(Person));
    made->claims = object;
    made->by_claim = by_claim;
    read_subject(made, subject, !by_claim);
    made->role = place_text(&end, names[0]);
    made->email = place_text(&end, names[1]);
    return made;
}

// Forgets all persons where no result can point to one any more: the statement that the client sent has ended. (A
// procedure that commits has not: it may hold one in an argument.)
void forget_persons(XactEvent event, void *) {
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    if (!has_former_persons || ActivePortal != nullptr || SPI_inside_nonatomic_context())
        return;
    MemoryContextReset(persons);
    person = nullptr;
    person_read_at = 0;
    has_former_persons = false;
}

// Defines a setting, unless another library has: then its changes are not told. (A setting may be there and have no
// value, nor flags: only its display tells it from none.)
void define(Setting *setting) {
    const bool exists = GetConfigOptionByName(setting->name, nullptr, true) != nullptr;
    if (exists && (GetConfigOptionFlags(setting->name, true) & GUC_CUSTOM_PLACEHOLDER) == 0)
        return;
    DefineCustomStringVariable(setting->name, setting->description, nullptr, &setting->value, nullptr, PGC_USERSET,
                               GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, count_change, nullptr);
    setting->ours = true;
}

} // namespace

const Person &read_person() {
    if (!settings_watched)
        look_for_changes();
    if (person_read_at != settings_changes) {
        const uint64 read_at = settings_changes;
        const Person *now = make_person();
        has_former_persons = has_former_persons || person != nullptr;
        person = now;
        person_read_at = read_at;
        note_whether_watched();
    }
    return *person;
}

std::string_view find_claim(const Person &caller, const char *name, bool *json) {
    *json = !caller.by_claim;
    if (caller.claims.data() != nullptr)
        return pg::json_member(caller.claims, name);
    if (!caller.by_claim)
        return {};
    char setting[NAMEDATALEN * 2];
    if (snprintf(setting, sizeof setting, "%s%s", pg::claim_settings, name) >= static_cast<int>(sizeof setting))
        return {};
    const char *value = none_if_empty(GetConfigOption(setting, true, false));
    const size_t length = value == nullptr ? 0 : strnlen(value, pg::longest_claims + 1);
    return length == 0 || length > pg::longest_claims ? std::string_view() : std::string_view(value, length);
}

void watch_claim(const char *name) {
    const char *setting = psprintf("%s%s", pg::claim_settings, name);
    for (const Setting &known : settings)
        if (pg_strcasecmp(known.name, setting) == 0)
            return;
    for (const ClaimSetting *read = claim_settings_read; read != nullptr; read = read->next)
        if (pg_strcasecmp(read->setting.name, setting) == 0)
            return;
    auto *read = static_cast<ClaimSetting *>(MemoryContextAllocZero(TopMemoryContext, sizeof(ClaimSetting)));
    read->setting.name = MemoryContextStrdup(TopMemoryContext, setting);
    read->next = claim_settings_read;
    claim_settings_read = read;
    note_whether_watched();
}

std::string_view find_at_path(const Person &caller, const char *const *path, int length) {
    bool json;
    std::string_view value = find_claim(caller, path[0], &json);
    if (!json && !pg::is_json(value))
        return {};
    for (int i = 1; i < length; i++)
        value = pg::is_json_object(value) ? pg::json_member(value, path[i]) : std::string_view();
    return value;
}

text *claim_text(std::string_view value, bool json) {
    if (value.data() == nullptr || (json && pg::is_json_null(value)))
        return nullptr;
    if (json && pg::is_json_string(value)) {
        char *meaning = pg::json_string(value);
        return meaning == nullptr ? nullptr : cstring_to_text(meaning);
    }
    const bool as_it_stands =
        !json || value == "true" || value == "false" ||
        (!value.starts_with("-0") && value.find_first_not_of("-0123456789") == std::string_view::npos);
    if (as_it_stands)
        return cstring_to_text_with_len(value.data(), static_cast<int>(value.size()));
    Jsonb *normal =
        DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(value.data(), value.size()))));
    return cstring_to_text(JsonbToCString(nullptr, &normal->root, VARSIZE(normal)));
}

// Reads the tenant of the settings; false for none.
static bool read_tenant(const Person &caller, pg_uuid_t *found) {
    bool json;
    char buffer[64];
    std::string_view value = find_claim(caller, tenant_claim, &json);
    if (json && pg::is_json_null(value)) {
        value = {};
    } else if (json) {
        const int length = pg::json_text(value, buffer, sizeof buffer);
        value = std::string_view(buffer, static_cast<size_t>(Max(length, 0)));
    }
    if (value.data() == nullptr) {
        const char *setting = value_of(settings[tenant]);
        if (setting == nullptr)
            return false;
        value = std::string_view(setting, strnlen(setting, sizeof buffer));
    }
    if (pg::read_uuid(value, found))
        return true;
    complain(Complaint::tenant, "the tenant of the request is no UUID: it acts for no tenant");
    return false;
}

const pg_uuid_t *current_tenant() {
    auto *caller = const_cast<Person *>(&current_person());
    if (caller->tenant_known)
        return caller->has_tenant ? &caller->tenant : nullptr;
    auto *found = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
    const bool has_tenant = read_tenant(*caller, found);
    // a claim with a setting of its own is watched by its usual name only
    if (!caller->by_claim || strcmp(tenant_claim, "tenant_id") == 0) {
        caller->tenant_known = true;
        caller->has_tenant = has_tenant;
        caller->tenant = *found;
    }
    return has_tenant ? found : nullptr;
}

void complain(Complaint about, const char *message) {
    static bool told[static_cast<int>(Complaint::membership) + 1];
    if (told[static_cast<int>(about)] || IsParallelWorker())
        return;
    told[static_cast<int>(about)] = true;
    journal::Report report;
    report.severity = WARNING;
    report[journal::Field::type] = about == Complaint::membership ? "invalid_membership" : "invalid_claims";
    report[journal::Field::message] = message;
    (void)journal::keep(report);
}

void init_claims() {
    DefineCustomStringVariable("lifeguard.tenant_claim", "The claim that names the tenant of a request.", nullptr,
                               &tenant_claim, "tenant_id", PGC_SUSET, 0, nullptr, count_change, nullptr);
    all_ours = true;
    for (Setting &setting : settings) {
        define(&setting);
        all_ours = all_ours && setting.ours;
    }
    note_whether_watched();
    persons = AllocSetContextCreate(TopMemoryContext, "lifeguard identity persons", ALLOCSET_SMALL_SIZES);
    RegisterXactCallback(forget_persons, nullptr);
}

} // namespace lifeguard::identity
