#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "rules/compiled.hpp"
#include "rules/partition_move.hpp"

namespace lifeguard::rules {

namespace {

// The row that was updated last in a partition, and how far its move has come. Triggers of one statement fire at one
// depth; statements within other triggers, deeper, have their own.
struct Move {
    Oid root; // InvalidOid: none
    SubTransactionId transaction;
    Oid partition; // where it was
    ItemPointerData row;
    bool left; // the DELETE half has come
    uint32 signature;
    char lost[256]; // the work that a move would lose; empty when none
};
constexpr int max_depth = 64;
Move moves[max_depth];
int moves_known = 0; // no move is remembered at this depth or deeper

// How deep in triggers the session is.
int trigger_depth() {
    return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, 0));
}

// The move of the statement at hand; nullptr when none is remembered.
Move *current_move() {
    const int depth = moves_known == 0 ? 0 : trigger_depth();
    return depth < moves_known && OidIsValid(moves[depth].root) ? &moves[depth] : nullptr;
}

// Moves do not outlive the transaction in which they began, nor the subtransaction whose error undid them.
void end_transaction(XactEvent, void *) {
    moves_known = 0;
}
void end_subtransaction(SubXactEvent event, SubTransactionId transaction, SubTransactionId, void *) {
    for (int i = 0; i < moves_known && event == SUBXACT_EVENT_ABORT_SUB; i++)
        if (moves[i].transaction == transaction)
            moves[i].root = InvalidOid;
}

// Refuses to go on with a partition whose trigger was declared before it became one: it does not see the DELETE half.
void require_delete_event(const TriggerData &data) {
    if (TRIGGER_FOR_DELETE(data.tg_trigger->tgtype))
        return;
    const char *table = pg::table_name(data.tg_relation);
    ereport(ERROR,
            (errcode(err::partition_move), errmsg("table %s became a partition after its rules were declared", table),
             errhint("Let its trigger see moves between partitions: SELECT lifeguard.set_rules('%s', 'before', "
                     "lifeguard.get_rules('%s', 'before'));",
                     table, table),
             pg::errrule(data.tg_relation, nullptr)));
}

// What is checked of the new row, as a number.
uint32 signature_of(const Compiled &rules, const RowChange &change) {
    uint32 signature = 0;
    for (int i = 0; i < feature_count(); i++)
        if (rules.rules[i] != nullptr && feature_at(i).signature != nullptr)
            signature = hash_combine(signature, feature_at(i).signature(rules.rules[i], change.after));
    return signature;
}

} // namespace

void note_update(const TriggerData &data, const Compiled &rules, RowChange &change) {
    require_delete_event(data);
    const int depth = trigger_depth();
    if (depth >= max_depth)
        ereport(ERROR,
                (errcode(err::nested_too_deep),
                 errmsg("rows of partitioned tables with rules are updated more than %d triggers deep", max_depth)));
    for (; moves_known <= depth; moves_known++)
        moves[moves_known].root = InvalidOid;
    moves_known = depth + 1;
    Move &move = moves[depth];
    move = Move{rules.root, GetCurrentSubTransactionId(), rules.table, data.tg_trigtuple->t_self,
                false,      signature_of(rules, change),  ""};
    const Compiled *after = companion_rules(change.table, rules);
    for (int i = 0; after != nullptr && i < feature_count() && move.lost[0] == '\0'; i++)
        if (rules.rules[i] != nullptr && after->rules[i] != nullptr && feature_at(i).lost_by_move != nullptr) {
            const char *lost = feature_at(i).lost_by_move(rules.rules[i], after->rules[i], change);
            strlcpy(move.lost, lost == nullptr ? "" : lost, sizeof move.lost);
        }
}

void note_delete(const TriggerData &data) {
    Move *move = current_move();
    if (move == nullptr || move->left || move->partition != RelationGetRelid(data.tg_relation) ||
        !ItemPointerEquals(&move->row, &data.tg_trigtuple->t_self))
        return;
    move->left = true;
    if (move->lost[0] == '\0')
        return;
    ereport(
        ERROR,
        (errcode(err::partition_move),
         errmsg("%s%s would move to another partition and lose %s", pg::table_name(data.tg_relation),
                pg::row_label(data.tg_relation, data.tg_trigslot, GetUserId()), move->lost),
         errdetail_internal(
             "%s",
             pg::Detail().add_row(data.tg_relation, data.tg_trigslot, GetUserId()).add("lost", move->lost).text()),
         errhint(
             "PostgreSQL makes such an UPDATE a DELETE and an INSERT. Change the state and the partition key in two "
             "statements, and do not partition by the state of a lifecycle with actions or history."),
         errtable(data.tg_relation)));
}

bool take_arrival(const Compiled &rules, const RowChange &change) {
    Move *move = current_move();
    if (move == nullptr || !move->left || move->root != rules.root)
        return false;
    move->root = InvalidOid;
    return move->signature == signature_of(rules, change);
}

void forget_moves() {
    if (moves_known > 0)
        moves_known = Min(moves_known, trigger_depth() + 1);
}

void init_partition_moves() {
    RegisterXactCallback(end_transaction, nullptr);
    RegisterSubXactCallback(end_subtransaction, nullptr);
}

} // namespace lifeguard::rules
