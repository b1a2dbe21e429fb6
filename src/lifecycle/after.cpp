#include "pg/errors.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "lifecycle/after.hpp"
#include "lifecycle/failure.hpp"
#include "lifecycle/history.hpp"
#include "rules/nesting.hpp"

namespace lifeguard::lifecycle {

using rules::Definition;
using rules::RowChange;

namespace {

// Reads on_error: true for continue.
bool reads_continue(Relation table, const Definition &definition, const char *label) {
    const char *on_error = rules::optional_text(table, definition, "on_error");
    if (on_error == nullptr || strcmp(on_error, "abort") == 0)
        return false;
    if (strcmp(on_error, "continue") == 0)
        return true;
    ereport(ERROR,
            (errcode(err::invalid_rule), errmsg("%s: on_error is \"%s\"", label, on_error),
             errhint("abort raises the error; continue undoes the action alone, reports the error and goes on.")));
}

// Finds out how the row moved; false when it stayed in its state.
bool find_move(const Aftermath &aftermath, const RowChange &change, Move *move) {
    const States &states = *aftermath.states;
    bool old_null = true, new_null;
    const Datum value = slot_getattr(change.after, states.column, &new_null);
    *move = Move{creation, new_null ? any_state : find_value(states, value)};
    if (change.insert)
        return !new_null;
    const Datum old_value = slot_getattr(change.before, states.column, &old_null);
    if (old_null == new_null && (new_null || same_state(states, old_value, value)))
        return false;
    // states that no action names have no number here; they still match rules for any state
    constexpr int unnamed = -3;
    move->from = old_null ? unnamed : find_value(states, old_value);
    if (move->from < 0)
        move->from = unnamed;
    if (move->to < 0)
        move->to = unnamed;
    return true;
}

// What one run of an action needs, for a subtransaction.
struct Run {
    const Action *action;
    RowChange *change;
};

// Evaluates an action; its result is nobody's.
void run_action(void *argument) {
    const auto &run = *static_cast<const Run *>(argument);
    bool isnull;
    rules::evaluate(*run.action->call, *run.change, &isnull);
}

// Reports an action that failed under `continue`: its own changes are undone, the row's stay.
void report(const Action &action, const RowChange &change, const ErrorData &error, bool kept) {
    ereport(WARNING, (errcode(error.sqlerrcode),
                      errmsg("%s of %s%s failed and was undone: %s", action.label, pg::table_name(change.table),
                             pg::row_label(change.table, change.after, change.caller), error.message),
                      errdetail_internal("%s", pg::Detail()
                                                   .add_row(change.table, change.after, change.caller)
                                                   .add("action", action.call->source)
                                                   .add("sqlstate", unpack_sql_state(error.sqlerrcode))
                                                   .add("error", error.message)
                                                   .add("detail", error.detail)
                                                   .text()),
                      kept ? errhint("The change itself was kept, as on_error => 'continue' says. The error is in "
                                     "monitoring.system_errors.")
                           : errhint("The change itself was kept, as on_error => 'continue' says.")));
}

// Runs one action as declared. What fails goes to the journal, whatever becomes of the transaction; under `continue`
// the error is given back. The texts that a failure would need are not made before: they cost more than many an action.
const ErrorData *perform(const Aftermath &aftermath, const Action &action, Attempt &attempt, RowChange &change) {
    Run run = {&action, &change};
    rules::Frame &frame = *rules::current_frame;
    const MemoryContext memory = CurrentMemoryContext;
    const ErrorData *volatile error = nullptr;
    attempt.action = action.call->source;
    PG_TRY();
    {
        if (action.go_on) {
            error = pg::try_in_subtransaction(run_action, &run);
        } else {
            frame.call = action.call->call;
            run_action(&run);
            frame.call = nullptr;
        }
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        attempt.row_key = pg::row_key(*aftermath.key, change.after);
        keep_raised(attempt, memory);
        PG_RE_THROW();
    }
    PG_END_TRY();
    rules::current_frame = &frame;
    if (error != nullptr) {
        attempt.row_key = pg::row_key(change.table, change.after, InvalidOid);
        report(action, change, *error, keep_failure(attempt, *error));
    }
    return error;
}

} // namespace

void *compile_after(rules::Compilation &compilation, const Definition *definitions, int count) {
    Relation table = compilation.table;
    auto *aftermath = static_cast<Aftermath *>(palloc0(sizeof(Aftermath)));
    aftermath->initial = static_cast<bool *>(palloc0(sizeof(bool) * max_states));
    aftermath->states = read_states(table, definitions, count, aftermath->initial);
    if (aftermath->states == nullptr)
        return nullptr;
    compilation.on_update = true;
    compilation.watched = bms_add_member(compilation.watched, aftermath->states->column);
    compilation.columns = bms_add_member(compilation.columns, aftermath->states->column);

    const States &states = *aftermath->states;
    aftermath->actions = static_cast<Action *>(palloc0(sizeof(Action) * count));
    for (int i = 0; i < count; i++) {
        if (strcmp(definitions[i].kind, "history") == 0)
            aftermath->keeps_history = true;
        if (strcmp(definitions[i].kind, "action") != 0)
            continue;
        const char *source = rules::required_text(table, definitions[i], "call");
        const Move move = read_move(*aftermath->states, table, definitions[i]);
        const char *label = psprintf("action %s (%s)", source, describe(states, move));
        const bool go_on = reads_continue(table, definitions[i], label);
        aftermath->actions[aftermath->action_count++] =
            Action{move, go_on, label, rules::add_expression(compilation, source, label, rules::Purpose::action)};
        for (int to = 0; to < states.count; to++)
            if (aftermath->initial[to] && matches(move, Move{creation, to}))
                aftermath->on_insert = compilation.on_insert = true;
    }
    if (aftermath->action_count > 0)
        aftermath->key = pg::prepare_key(table);
    return aftermath;
}

bool has_work(const Aftermath &aftermath, const RowChange &change) {
    Move move;
    if (!find_move(aftermath, change, &move))
        return false;
    bool found = aftermath.keeps_history;
    for (int i = 0; i < aftermath.action_count && !found; i++)
        found = matches(aftermath.actions[i].move, move);
    return found;
}

void act(void *rules, RowChange &change) {
    const auto &aftermath = *static_cast<const Aftermath *>(rules);
    Move move;
    if (!find_move(aftermath, change, &move))
        return;
    const bool recorded = aftermath.keeps_history && !change.insert;
    HistoryEntry entry(recorded);
    const States &states = *aftermath.states;
    Attempt attempt = {};
    attempt.table = change.compiled->name;
    attempt.caller = change.caller;
    attempt.depth = action_depth(rules::current_frame->depth);
    for (int i = 0; i < aftermath.action_count; i++) {
        const Action &action = aftermath.actions[i];
        if (!matches(action.move, move))
            continue;
        if (attempt.to_state == nullptr) { // now: a label may be in the catalogs, out of reach after an error
            attempt.from_state = change.insert ? nullptr : name_state(states, move.from, change.before);
            attempt.to_state = name_state(states, move.to, change.after);
        }
        instr_time begin, end;
        if (recorded)
            INSTR_TIME_SET_CURRENT(begin);
        const ErrorData *error = perform(aftermath, action, attempt, change);
        if (recorded) {
            INSTR_TIME_SET_CURRENT(end);
            INSTR_TIME_SUBTRACT(end, begin);
            entry.add_action(action.call->source, INSTR_TIME_GET_MILLISEC(end),
                             error == nullptr ? nullptr : error->message);
        }
    }
    if (recorded)
        entry.store(change, states.column);
}

} // namespace lifeguard::lifecycle
