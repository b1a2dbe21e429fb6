// One submission on its way through a batch, and the batch at work.
#pragma once

#include "club/array.hpp"
#include "club/settings.hpp"
#include "club/tables.hpp"
#include "pg/uuid.hpp"

namespace lifeguard::club {

// What can be asked for a submission; a set of bits.
enum Task : unsigned { update_profile = 1, award_badges = 2, create_graphic = 4, earn = 8, give_back = 16, rank = 32 };
constexpr unsigned money = earn | give_back;

struct Badge;
struct MemberMonth;
struct ClubMonth;
struct Pool;
struct RankChange;

// What is asked, what the submission's row says, and what came of it.
struct Job {
    // asked
    pg_uuid_t submission;
    unsigned tasks;
    pg_uuid_t claimant;   // earn: the member, as the caller says
    int pull_ups;         // earn: the count, as the caller says
    pg_uuid_t named_pool; // earn: only where names_pool
    bool names_pool;
    int sequence; // the statement's order of rows
    int round;    // how many jobs of this batch concern the submission before this one

    // read
    pg::Row row; // of the submission
    DateADT approved_on;
    Month month; // earn: of the approval; give_back: of the earning
    bool unpaid_role;
    bool excluded;
    bool has_earning;
    pg::Row earning;
    MemberMonth *member_month;
    ClubMonth *club_month;
    Pool *pool;
    bool first_in_pool;

    // came of it
    bool profile_changed;
    List *new_badges; // char *
    Datum graphic;
    bool is_best;      // rank: the member's best is this submission
    bool already_done; // money: by an earlier call
    int dollars;
    const char *reason;
    int64 month_spent; // what the month's cap counts, after this job
    int64 pool_remaining;

    bool has(unsigned some) const { return (tasks & some) != 0; }
    Datum member() const { return row.values[submissions::user_id]; }
    int count() const { return row.integer(submissions::actual_pull_up_count); }
};

// A batch at work: what its parts share.
struct Run {
    pg::Work work;
    Settings settings;
    MemoryContext memory; // lives as long as the batch
    TimestampTz now;
    bool has_badges;
    Array<Badge> badges; // by threshold
    Array<MemberMonth *> member_months;
    Array<ClubMonth *> club_months;
    Array<Pool *> pools;
    Array<RankChange> rank_changes;
    bool remembers; // a single job may begin with the pool that the session locked last; several make theirs in order
    const Job *current; // for error contexts
};

[[noreturn]] void unexpected_null();

// A column that is never NULL, unless somebody dropped its constraint: then an error, not a crash.
inline pg_uuid_t uuid_of(Datum value) {
    if (DatumGetPointer(value) == nullptr)
        unexpected_null();
    return *DatumGetUUIDP(value);
}
inline const char *known_text(const pg::Row &row, int column) {
    if (row.nulls[column])
        unexpected_null();
    return row.string(column);
}
// A count or an amount as a column takes it.
inline Datum dollars_datum(int64 value) {
    if (value < PG_INT32_MIN || value > PG_INT32_MAX)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("integer out of range")));
    return Int32GetDatum(static_cast<int32>(value));
}

inline int compare(const pg_uuid_t &one, const pg_uuid_t &other) {
    return memcmp(one.data, other.data, UUID_LEN);
}

} // namespace lifeguard::club
