// Where it is registered who is an admin and who belongs to which organization: lifeguard.identity_sources, and the
// queries made of it. Read once a backend, and again when the table, or a table that it names, has changed.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::identity {

enum class Kind { admins, members, role_order, claim_admin, claim_roles, claim_organizations };

// What a table is asked: is this user an admin; what is he in one organization; what is he in all of them; which roles
// has anybody.
enum class Question { admin, one, all, roles };
constexpr int question_count = 4;

// A row of lifeguard.identity_sources.
struct Source {
    int id;
    Kind kind;
    Oid relation; // InvalidOid: a claim's path, or the order of roles
    Oid owner;    // who reads it
    Oid user_type;
    const char *table; // as SQL writes it
    const char *user_column;
    const char *organization_column;
    const char *role_column; // nullptr: members have no roles
    const char *missing;     // a column that the table no longer has
    const char *condition;   // nullptr: every row counts
    bool cached;             // its answers may outlast the statement
    const char **path;       // of a claim; or the roles, the lowest first
    int path_length;
    SPIPlanPtr plans[question_count];
};

// All of them.
struct Sources {
    Source **items;
    int count;
    const char **roles; // the order of roles, the lowest first
    int role_count;
    bool lasting;    // every table among them tells of its changes
    bool has_claims; // some are claims
    bool has_roles_claim;
    bool has_organizations_claim;
};

// Counts the changes of the sources, and of the rows that cached sources are read from.
extern uint64 sources_changes;
extern uint64 membership_changes;

// The sources as they are; `sources_changes` may move on.
const Sources &current_sources();

// The place of a role in the order; -1 when it has none.
int rank_of(const Sources &sources, std::string_view role);

// A row that a source gave: an organization, and the role there, which may be nullptr.
using Visit = void (*)(const pg_uuid_t *organization, const char *role, void *argument);

// Raises LG305 while a source is being asked: answering leads to the same question.
void refuse_circle();

// Asks a source about a user (and an organization) as the table's owner, past row security, in the active snapshot.
// Raises LG303 when it no longer works, and LG305.
void ask(Source &source, Question question, const pg_uuid_t &user, const pg_uuid_t *organization, Visit visit,
         void *argument);

// Watches the relcache.
void init_sources();

} // namespace lifeguard::identity
