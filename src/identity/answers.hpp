// What is known of the caller: admin or not, member of which organizations, in which role. Kept for as long as nothing
// that it was made from can have changed, and looked up as they are asked for.
#pragma once

#include <type_traits>

#include "pg/uuid.hpp"
#include "identity/claims.hpp"
#include "identity/sources.hpp"

namespace lifeguard::identity {

// All that an answer depends on: the claims, the sources, and what the active snapshot sees. Two snapshots of one
// transaction and command with the same limits and as many transactions in progress below them see the same, because
// below a limit transactions only ever come to their end. That holds for what others write. What this transaction
// writes also appears while a command runs, to functions that the command calls: once it has written, answers are one
// snapshot's.
struct Moment {
    uint64 claims;
    uint64 sources;
    uint64 rollbacks;
    uint32 transaction;
    TransactionId xmin;
    TransactionId xmax;
    uint32 in_progress;
    int32 in_progress_subs;
    CommandId command;
    TransactionId own; // this transaction's, once it writes
    uint32 stamp;      // of the snapshot then
};
static_assert(std::has_unique_object_representations_v<Moment>); // compared as bytes

enum class Belongs : uint8 { unknown, no, yes };

// A caller and an organization.
struct Membership {
    pg_uuid_t organization;
    Belongs belongs;
    int16 rank;       // of the role in the order; -1 without one
    const char *role; // nullptr: none
};

// The answers of one moment.
struct Answers {
    Moment moment;
    uint64 membership; // membership_changes, when all was read from tables that tell of their changes
    bool lasting;      // and no change was told since
    MemoryContext memory;
    Belongs admin;
    bool complete;     // all memberships are in the table: what is not there does not belong
    int asked;         // organizations looked up one by one
    Membership *table; // nullptr: nothing is known yet
    uint32 mask;       // of the table's size
    uint32 count;
};

// Counts the subtransactions that were rolled back: what they had written is gone from the same command's view.
extern uint64 rollbacks;

extern Answers *latest;

// Whether answers belong to what is asked now.
inline bool is_of_now(const Answers &answers, Snapshot now) {
    const Moment &then = answers.moment;
    return then.command == now->curcid && then.xmax == now->xmax && then.in_progress == now->xcnt &&
           then.in_progress_subs == now->subxcnt && then.xmin == now->xmin && then.claims == settings_changes &&
           then.transaction == pg::local_transaction() && then.sources == sources_changes &&
           then.rollbacks == rollbacks && then.own == MyProc->xid && then.stamp == now->speculativeToken &&
           settings_watched;
}

// The answers of now, whatever they hold; nullptr when they have to be looked for.
inline Answers *answers_at_hand() {
    return latest != nullptr && ActiveSnapshotSet() && is_of_now(*latest, GetActiveSnapshot()) ? latest : nullptr;
}

// Where an organization is, or would be, in the table.
inline Membership *find_place(const Answers &answers, const pg_uuid_t &organization) {
    uint64 halves[2];
    memcpy(halves, &organization, sizeof halves);
    uint64 hash = (halves[0] ^ (halves[1] << 29 | halves[1] >> 35)) * UINT64CONST(0x9e3779b97f4a7c15);
    for (auto place = static_cast<uint32>(hash >> 32);; place++) {
        Membership *found = &answers.table[place & answers.mask];
        if (found->belongs == Belongs::unknown || pg::same_uuid(found->organization, organization))
            return found;
    }
}

// Whether the caller is an admin.
bool is_admin();

// The caller's membership in an organization; nullptr when he does not belong.
const Membership *find_membership(const pg_uuid_t &organization);

// All memberships: those of the table with belongs == yes.
const Answers &all_memberships();

// How many organizations the caller belongs to, as far as that is known without asking; -1 when it is not.
int known_count();

// Whether a claim names this role for the caller.
bool is_claimed_role(const char *role);

void init_answers();

} // namespace lifeguard::identity
