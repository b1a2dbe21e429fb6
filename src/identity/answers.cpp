#include "pg/json.hpp"
#include "identity/answers.hpp"

namespace lifeguard::identity {

uint64 rollbacks = 0;
Answers *latest = nullptr;

namespace {

constexpr int kept_moments = 16;  // cursors and functions go to and fro between several, and callers come back
constexpr int asked_singly = 3;   // then all memberships are read at once
constexpr uint32 first_size = 16; // of the table

Answers kept[kept_moments];

// Makes sure that there is a snapshot to see by; true when one has to be popped again.
bool push_snapshot() {
    if (ActiveSnapshotSet())
        return false;
    PushActiveSnapshot(GetTransactionSnapshot());
    return true;
}

// What is asked now depends on. A snapshot is told from others by a stamp, in a member that only snapshots of another
// kind use; it lasts as long as the snapshot, and copies have it too.
Moment this_moment() {
    static uint32 stamps = 0;
    const Snapshot now = GetActiveSnapshot();
    if (TransactionIdIsValid(MyProc->xid) && now->speculativeToken == 0)
        now->speculativeToken = ++stamps;
    return {settings_changes, sources_changes, rollbacks,   pg::local_transaction(), now->xmin, now->xmax, now->xcnt,
            now->subxcnt,     now->curcid,     MyProc->xid, now->speculativeToken};
}

// Empties answers for another moment.
void begin(Answers *answers) {
    if (answers->memory == nullptr)
        answers->memory = AllocSetContextCreate(TopMemoryContext, "lifeguard identity answers", ALLOCSET_SMALL_SIZES);
    else
        MemoryContextReset(answers->memory);
    const MemoryContext memory = answers->memory;
    *answers = Answers();
    answers->memory = memory;
}

// Whether answers may outlast their moment. Not where this transaction may have written: its commands see rows before
// the trigger tells of them. Nor where the isolation level promises one view of everything.
bool may_last() {
    return current_sources().lasting && !IsInParallelMode() && !IsolationUsesXactSnapshot() &&
           !TransactionIdIsValid(GetTopTransactionIdIfAny());
}

// Whether answers are about this caller: his claims are the same, or his subject is and no source looks at more.
bool is_about(const Answers &answers, const Person &caller, const Moment &now) {
    return answers.moment.claims == now.claims ||
           (!current_sources().has_claims && caller.has_subject == answers.has_subject &&
            pg::same_uuid(caller.subject, answers.subject));
}

// The answers of now. Lasting ones are good for a later moment when no change was told since: changes are accepted
// first, then counted, and only then is a snapshot taken.
Answers &find_answers() {
    refuse_circle();
    const Person &caller = current_person();
    AcceptInvalidationMessages();
    const bool lasting = may_last();
    const Moment now = this_moment();
    for (Answers &answers : kept)
        if (answers.memory != nullptr && memcmp(&answers.moment, &now, sizeof now) == 0)
            return *(latest = &answers);
    for (Answers &answers : kept) {
        if (lasting && answers.memory != nullptr && answers.lasting && answers.membership == membership_changes &&
            answers.moment.sources == now.sources && is_about(answers, caller, now)) {
            answers.moment = now;
            return *(latest = &answers);
        }
    }
    static int next = 0;
    Answers &answers = kept[next];
    next = (next + 1) % kept_moments;
    latest = nullptr;
    begin(&answers);
    answers.moment = now;
    answers.membership = membership_changes;
    answers.lasting = lasting;
    answers.has_subject = caller.has_subject;
    answers.subject = caller.subject;
    return *(latest = &answers);
}

// Gives the table more places.
void widen(Answers *answers) {
    const Membership *from = answers->table;
    const uint32 size = from == nullptr ? 0 : answers->mask + 1;
    const uint32 wider = size == 0 ? first_size : size * 4;
    answers->table = static_cast<Membership *>(
        MemoryContextAllocExtended(answers->memory, sizeof(Membership) * wider, MCXT_ALLOC_ZERO | MCXT_ALLOC_HUGE));
    answers->mask = wider - 1;
    for (uint32 i = 0; i < size; i++)
        if (from[i].belongs != Belongs::unknown)
            *find_place(*answers, from[i].organization) = from[i];
}

// Keeps a membership; of several roles in one organization the highest.
void add(Answers *answers, const pg_uuid_t &organization, Belongs belongs, const char *role) {
    if (answers->table == nullptr || answers->count * 2 > answers->mask)
        widen(answers);
    const int rank = role == nullptr ? -1 : rank_of(current_sources(), role);
    if (role != nullptr && rank < 0 && current_sources().role_count > 0)
        complain(Complaint::membership,
                 "a membership has a role that is not in the order of roles: it permits nothing");
    if (rank >= 0 && rank < max_ranked)
        answers->ranks |= UINT64CONST(1) << rank;
    Membership *place = find_place(*answers, organization);
    if (place->belongs == Belongs::unknown) {
        place->organization = organization;
        answers->count++;
    } else if (place->belongs == Belongs::yes && (belongs == Belongs::no || place->rank > rank || role == nullptr)) {
        return;
    }
    place->belongs = belongs;
    place->rank = static_cast<int16>(rank);
    place->role = role == nullptr ? nullptr : MemoryContextStrdup(answers->memory, role);
}

// A row of a members source.
void add_row(const pg_uuid_t *organization, const char *role, void *argument) {
    if (organization != nullptr)
        add(static_cast<Answers *>(argument), *organization, Belongs::yes, role);
}

// A row of an admins source.
void note_admin(const pg_uuid_t *, const char *, void *argument) {
    *static_cast<bool *>(argument) = true;
}

// Takes the memberships that a claim names: an array of organizations, or an object of organizations and roles.
void add_claimed(Answers *answers, const Source &source) {
    const std::string_view claim = find_at_path(current_person(), source.path, source.path_length);
    std::string_view key, value;
    size_t position = 0;
    while (pg::json_next(claim, &position, &key, &value)) {
        const bool in_object = key.data() != nullptr;
        const char *name = pg::json_string(in_object ? key : value);
        pg_uuid_t organization;
        if (name == nullptr || !pg::read_uuid(name, &organization)) {
            complain(Complaint::membership, "a claim names an organization that is no UUID: it is passed over");
            continue;
        }
        if (!in_object || pg::is_json_string(value) || !pg::is_json_null(value))
            add(answers, organization, Belongs::yes, in_object ? pg::json_string(value) : nullptr);
    }
}

// Calls ask() for every source of a kind, with a snapshot that fits the answers: what is to last sees all that has been
// committed, other answers see what the statement sees.
void ask_all(Answers *answers, Kind kind, Question question, const pg_uuid_t *organization, Visit visit,
             void *argument) {
    const Person &caller = current_person();
    if (!caller.has_subject) {
        tell_of_nobody(caller);
        return;
    }
    const Sources &sources = current_sources();
    const bool newest = answers->lasting && may_last();
    answers->lasting = false; // what an error leaves half done
    if (newest)
        PushActiveSnapshot(GetLatestSnapshot());
    for (int i = 0; i < sources.count; i++)
        if (sources.items[i]->kind == kind)
            ask(*sources.items[i], question, caller.subject, organization, visit, argument);
    if (newest)
        PopActiveSnapshot();
    answers->lasting = newest;
}

// Reads every membership: of the claims and of the tables.
void complete(Answers *answers) {
    if (answers->complete)
        return;
    if (answers->table == nullptr)
        widen(answers);
    const Sources &sources = current_sources();
    for (int i = 0; i < sources.count && current_person().has_subject; i++)
        if (sources.items[i]->kind == Kind::claim_organizations)
            add_claimed(answers, *sources.items[i]);
    ask_all(answers, Kind::members, Question::all, nullptr, add_row, answers);
    answers->complete = true;
}

// Called at the end of subtransactions.
void count_rollback(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB)
        rollbacks++;
}

} // namespace

// Looks for a membership that is not known yet. The first few are looked up by themselves, since most statements want
// no more. A claim may give a lower role than a table, so where claims name organizations all is read.
const Membership *look_up(const pg_uuid_t &organization) {
    const bool pushed = push_snapshot();
    Answers &answers = find_answers();
    if (current_sources().has_organizations_claim || answers.asked >= asked_singly)
        complete(&answers);
    if (answers.table == nullptr)
        widen(&answers);
    if (!answers.complete && find_place(answers, organization)->belongs == Belongs::unknown) {
        answers.asked++;
        ask_all(&answers, Kind::members, Question::one, &organization, add_row, &answers);
        add(&answers, organization, Belongs::no, nullptr);
    }
    const Membership *place = find_place(answers, organization);
    if (pushed)
        PopActiveSnapshot();
    return place->belongs == Belongs::yes ? place : nullptr;
}

bool look_for_admin() {
    const bool pushed = push_snapshot();
    Answers &answers = find_answers();
    if (answers.admin == Belongs::unknown) {
        bool found = false;
        const Sources &sources = current_sources();
        const Person &caller = current_person();
        for (int i = 0; i < sources.count && !found && caller.has_subject; i++)
            if (sources.items[i]->kind == Kind::claim_admin)
                found = find_at_path(caller, sources.items[i]->path, sources.items[i]->path_length) == "true";
        if (!found)
            ask_all(&answers, Kind::admins, Question::admin, nullptr, note_admin, &found);
        answers.admin = found ? Belongs::yes : Belongs::no;
    }
    const bool admin = answers.admin == Belongs::yes;
    if (pushed)
        PopActiveSnapshot();
    return admin;
}

const Answers &all_memberships() {
    Answers *answers = answers_at_hand();
    if (answers == nullptr || !answers->complete) {
        const bool pushed = push_snapshot();
        answers = &find_answers();
        complete(answers);
        if (pushed)
            PopActiveSnapshot();
    }
    return *answers;
}

bool holds_role(std::string_view role) {
    for (int tries = 0;; tries++) {
        const uint64 order = sources_changes; // of roles; asking may bring another
        const Answers &answers = all_memberships();
        const int rank = rank_of(current_sources(), role);
        if (order != sources_changes && tries < 3)
            continue;
        if (rank >= 0 && rank < max_ranked)
            return (answers.ranks >> rank & 1) != 0;
        for (uint32 i = 0; i <= answers.mask; i++) {
            const Membership &one = answers.table[i];
            if (one.belongs == Belongs::yes && one.role != nullptr && role == one.role)
                return true;
        }
        return false;
    }
}

int known_count() {
    const Answers *answers = answers_at_hand();
    return answers == nullptr || !answers->complete ? -1 : static_cast<int>(answers->count);
}

bool is_claimed_role(std::string_view role) {
    const Sources &sources = current_sources();
    const Person &caller = current_person();
    if (!caller.has_subject)
        return false;
    for (int i = 0; i < sources.count; i++) {
        if (sources.items[i]->kind != Kind::claim_roles)
            continue;
        const std::string_view claim = find_at_path(caller, sources.items[i]->path, sources.items[i]->path_length);
        std::string_view key, value;
        size_t position = 0;
        const char *one = pg::is_json_string(claim) ? pg::json_string(claim) : nullptr;
        if (one != nullptr && role == one)
            return true;
        while (pg::is_json_array(claim) && pg::json_next(claim, &position, &key, &value)) {
            const char *name = pg::json_string(value);
            if (name != nullptr && role == name)
                return true;
        }
    }
    return false;
}

void init_answers() {
    RegisterSubXactCallback(count_rollback, nullptr);
}

} // namespace lifeguard::identity
