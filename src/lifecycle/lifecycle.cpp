#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "lifecycle/after.hpp"
#include "lifecycle/before.hpp"
#include "lifecycle/failure.hpp"
#include "lifecycle/lifecycle.hpp"

namespace lifeguard::lifecycle {

// The kinds of rule that make up a lifecycle, by trigger.
static bool owns(const char *kind, rules::Timing timing) {
    const std::string_view name = kind;
    if (name == "lifecycle")
        return true;
    return timing == rules::Timing::before ? name == "transition" || name == "guard" || name == "stamp"
                                           : name == "action" || name == "history";
}

// Compiles the half that belongs to the trigger; refuses parts of a lifecycle without the lifecycle.
static void *compile(rules::Compilation &compilation, const rules::Definition *definitions, int count) {
    const bool before = compilation.timing == rules::Timing::before;
    void *compiled =
        before ? compile_before(compilation, definitions, count) : compile_after(compilation, definitions, count);
    for (int i = 0; i < count && compiled == nullptr; i++)
        if (owns(definitions[i].kind, compilation.timing))
            ereport(ERROR, (errcode(err::no_such_rule),
                            errmsg("table %s has no lifecycle for its %s", pg::table_name(compilation.table),
                                   definitions[i].kind),
                            errhint("SELECT lifeguard.create_lifecycle('%s', '<state column>', '{<initial state>}');",
                                    pg::table_name(compilation.table)),
                            pg::errrule(compilation.table, nullptr)));
    return compiled;
}

// Refuses a change of state whose actions would be lost: another trigger made it, and the AFTER trigger fires only when
// the statement names the column.
static void refuse_unseen(const Lifecycle &lifecycle, const rules::RowChange &change) {
    const AttrNumber column = lifecycle.states->column;
    if (rules::after_trigger_sees(change, column))
        return;
    const auto *aftermath = static_cast<const Aftermath *>(rules::after_part(change, &lifecycle));
    if (aftermath == nullptr || !has_work(*aftermath, change))
        return;
    const char *name = NameStr(TupleDescAttr(RelationGetDescr(change.table), column - 1)->attname);
    ereport(
        ERROR,
        (errcode(err::unseen_change),
         errmsg("%s%s was moved by another trigger and would lose what follows %s", pg::table_name(change.table),
                pg::row_label(change.table, change.after, change.caller), describe(*lifecycle.states, lifecycle.move)),
         errdetail_internal("%s", pg::Detail()
                                      .add_row(change.table, change.after, change.caller)
                                      .add("from", lifecycle.states->labels[lifecycle.move.from])
                                      .add("to", lifecycle.states->labels[lifecycle.move.to])
                                      .text()),
         errhint("Actions follow a statement that names the column: UPDATE ... SET %s = ...; SET %s = %s will do.",
                 quote_identifier(name), quote_identifier(name), quote_identifier(name)),
         errtable(change.table)));
}

// BEFORE, first step.
static void refuse_row(void *rules, rules::RowChange &change) {
    refuse(rules, change);
    const auto &lifecycle = *static_cast<const Lifecycle *>(rules);
    if (lifecycle.moving)
        refuse_unseen(lifecycle, change);
}

// What a move to another partition would lose: the actions and history of this change of state. Where creation has
// actions, the INSERT half would run those instead.
static const char *lost_by_move(void *before, void *after, const rules::RowChange &change) {
    const auto &lifecycle = *static_cast<const Lifecycle *>(before);
    const auto &aftermath = *static_cast<const Aftermath *>(after);
    if (aftermath.on_insert)
        return "what tells it from a new row: creation has actions";
    if (!lifecycle.moving || !has_work(aftermath, change))
        return nullptr;
    return psprintf("what follows %s", describe(*lifecycle.states, lifecycle.move));
}

// The row's state as a number.
static uint32 signature(void *before, TupleTableSlot *row) {
    const auto &lifecycle = *static_cast<const Lifecycle *>(before);
    bool isnull;
    const Datum state = slot_getattr(row, lifecycle.states->column, &isnull);
    return isnull ? 0 : static_cast<uint32>(find_value(*lifecycle.states, state)) + 1;
}

// Refuses actions for a lifecycle that is not there, or not that one, or for moves that nobody declared.
static void agree(Relation table, void *before, void *after) {
    const auto *lifecycle = static_cast<const Lifecycle *>(before);
    const auto *aftermath = static_cast<const Aftermath *>(after);
    if (aftermath == nullptr)
        return;
    if (lifecycle == nullptr || lifecycle->states->column != aftermath->states->column)
        ereport(ERROR,
                (errcode(err::invalid_rule),
                 errmsg("table %s has actions or history, but not the lifecycle they belong to", pg::table_name(table)),
                 errhint("Drop them first, or use lifeguard.drop_lifecycle('%s').", pg::table_name(table)),
                 pg::errrule(table, nullptr)));
    for (int i = 0; i < max_states; i++) {
        const int twin =
            i < aftermath->states->count ? find_label(*lifecycle->states, aftermath->states->labels[i]) : -1;
        const int back =
            i < lifecycle->states->count ? find_label(*aftermath->states, lifecycle->states->labels[i]) : -1;
        if ((aftermath->initial[i] && (twin < 0 || !lifecycle->initial[twin])) ||
            (lifecycle->initial[i] && (back < 0 || !aftermath->initial[back])))
            ereport(ERROR,
                    (errcode(err::invalid_rule),
                     errmsg("the two triggers of table %s do not have the same initial states", pg::table_name(table)),
                     pg::errrule(table, "lifecycle")));
    }
    for (int i = 0; i < aftermath->action_count; i++) {
        const Action &action = aftermath->actions[i];
        const auto state = [&](int there) {
            return there < 0 ? there : find_label(*lifecycle->states, aftermath->states->labels[there]);
        };
        const bool known = (action.move.from < 0 || state(action.move.from) >= 0) &&
                           (action.move.to < 0 || state(action.move.to) >= 0);
        if (!known || !is_declared(*lifecycle, Move{state(action.move.from), state(action.move.to)}))
            ereport(
                ERROR,
                (errcode(err::no_such_rule),
                 errmsg("table %s has no transition %s for the action", pg::table_name(table),
                        describe(*aftermath->states, action.move)),
                 errdetail_internal(
                     "%s", pg::Detail().add("table", pg::table_name(table)).add("action", action.call->source).text()),
                 errhint("Declare it with lifeguard.add_transition(), or drop the action first."), errtable(table)));
    }
}

void init() {
    rules::register_feature(
        {"lifecycle", owns, compile, refuse_row, set, act, nullptr, nullptr, lost_by_move, signature, agree});
    rules::on_batch_failure(keep_batch_failure);
}

} // namespace lifeguard::lifecycle
