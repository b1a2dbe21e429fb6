// Who the caller is, by the claims of the request: read once a change of the settings, then a comparison a call.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::identity {

// What the claims say. Stays as it is, and where it is, until the top-level statement has ended: results point into it.
struct Person {
    bool has_subject;
    bool subject_is_wrong; // there is one, but no UUID
    pg_uuid_t subject;
    text *role;              // nullptr: none
    text *email;             // nullptr: none
    std::string_view claims; // the sound JSON object of request.jwt.claims, as long as the settings stay; or no data
    bool has_tenant, tenant_known;
    pg_uuid_t tenant;
    bool by_claim; // there is no request.jwt.claims: each claim has a setting of its own
};

// Counts the changes of the settings that claims are in.
extern uint64 settings_changes;

extern const Person *person;
extern uint64 person_read_at; // settings_changes then
extern bool settings_watched; // every change is counted; else the texts have to be compared

// Reads the claims again, where they have changed.
const Person &read_person();

// Who the caller is now.
inline const Person &current_person() {
    return likely(person_read_at == settings_changes && settings_watched) ? *person : read_person();
}

// A claim by its name, as JSON or, when each claim has a setting of its own, as text: *json says which. Without data
// when there is none.
std::string_view find_claim(const Person &caller, const char *name, bool *json);

// Has the setting of this claim compared, since answers are made from it where each claim has a setting of its own.
void watch_claim(const char *name);

// The claim that lies at a path of names inside the claims, as JSON; without data when there is none. Where each claim
// has a setting of its own, the first name is the setting's, which must be JSON.
std::string_view find_at_path(const Person &caller, const char *const *path, int length);

// The text a claim means, as jsonb's ->> gives it: a string's, or the JSON of anything else; nullptr for null or no
// claim. Palloc'd.
text *claim_text(std::string_view value, bool json);

// The tenant, by the claim that lifeguard.tenant_claim names, else by app.current_tenant_id; nullptr for none.
const pg_uuid_t *current_tenant();

// Tells the journal, once a session and reason, that what the gateway sent makes the caller nobody.
enum class Complaint { claims, subject, tenant, membership };
void complain(Complaint about, const char *message);

// Does so when somebody asks who the caller is and his subject is wrong.
inline void tell_of_nobody(const Person &caller) {
    if (caller.subject_is_wrong)
        complain(Complaint::subject, "the claim sub of the request is no UUID: its caller is nobody");
}

// Defines the settings, and watches them.
void init_claims();

} // namespace lifeguard::identity
