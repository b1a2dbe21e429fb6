#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "lifecycle/before.hpp"

namespace lifeguard::lifecycle {

using rules::Definition;
using rules::RowChange;

namespace {

// Is this definition of the given kind?
bool is(const Definition &definition, const char *kind) {
    return strcmp(definition.kind, kind) == 0;
}

// The row of the table of allowed moves for those from a state.
bool *allowed_from(const Lifecycle &lifecycle, int from) {
    return lifecycle.allowed + from * lifecycle.state_count;
}

// Adds a declared transition; refuses a second one and one that leads nowhere.
void add_transition(Lifecycle &lifecycle, Relation table, const Definition &definition) {
    rules::required_text(table, definition, "from");
    rules::required_text(table, definition, "to");
    const Move move = read_move(*lifecycle.states, table, definition);
    if (move.from == move.to)
        ereport(ERROR, (errcode(err::invalid_rule),
                        errmsg("a transition leads from \"%s\" to itself", lifecycle.states->labels[move.to]),
                        errhint("A row may always stay in its state; declare transitions between different states."),
                        pg::errrule(table, nullptr)));
    bool &allowed = allowed_from(lifecycle, move.from)[move.to];
    if (allowed)
        ereport(ERROR, (errcode(err::rule_exists),
                        errmsg("transition %s of table %s is declared already", describe(*lifecycle.states, move),
                               pg::table_name(table)),
                        pg::errrule(table, nullptr)));
    allowed = true;
}

// Refuses a guard or stamp for a move that is not declared: it would never run.
void check_declared(const Lifecycle &lifecycle, Relation table, const Move &move, const char *kind) {
    if (is_declared(lifecycle, move))
        return;
    ereport(ERROR, (errcode(err::no_such_rule),
                    errmsg("table %s has no transition %s for the %s", pg::table_name(table),
                           describe(*lifecycle.states, move), kind),
                    errhint("Declare it with lifeguard.add_transition(), or drop the %s first.", kind),
                    pg::errrule(table, nullptr)));
}

// Compiles the guards in the order declared.
void compile_guards(Lifecycle &lifecycle, rules::Compilation &compilation, const Definition *definitions, int count) {
    lifecycle.guards = static_cast<Guard *>(palloc0(sizeof(Guard) * count));
    for (int i = 0; i < count; i++) {
        if (!is(definitions[i], "guard"))
            continue;
        const Move move = read_move(*lifecycle.states, compilation.table, definitions[i]);
        const bool stays = is_stay(move) && move.to < lifecycle.state_count;
        lifecycle.guards_stay = lifecycle.guards_stay || stays;
        if (!stays)
            check_declared(lifecycle, compilation.table, move, "guard");
        const char *message = rules::required_text(compilation.table, definitions[i], "message");
        const char *label = psprintf("guard \"%s\" (%s)", message, describe(*lifecycle.states, move));
        lifecycle.guards[lifecycle.guard_count++] = Guard{
            move, message,
            rules::add_expression(compilation, rules::required_text(compilation.table, definitions[i], "condition"),
                                  label, rules::Purpose::guard)};
    }
}

// Compiles the stamps in the order declared.
void compile_stamps(Lifecycle &lifecycle, rules::Compilation &compilation, const Definition *definitions, int count) {
    lifecycle.stamps = static_cast<Stamp *>(palloc0(sizeof(Stamp) * count));
    for (int i = 0; i < count; i++) {
        if (!is(definitions[i], "stamp"))
            continue;
        const Move move = read_move(*lifecycle.states, compilation.table, definitions[i]);
        check_declared(lifecycle, compilation.table, move, "stamp");
        const char *name = rules::required_text(compilation.table, definitions[i], "column");
        const char *label = psprintf("stamp %s (%s)", name, describe(*lifecycle.states, move));
        const AttrNumber column = rules::find_column(compilation.table, name, label);
        compilation.columns = bms_add_member(compilation.columns, column);
        lifecycle.stamps[lifecycle.stamp_count++] =
            Stamp{move, column,
                  rules::add_expression(compilation, rules::required_text(compilation.table, definitions[i], "value"),
                                        label, rules::Purpose::stamp, column)};
    }
}

// Begins the DETAIL of an error about a move.
pg::Detail move_detail(const Lifecycle &lifecycle, const RowChange &change) {
    const AttrNumber column = lifecycle.states->column;
    pg::Detail detail;
    detail.add_row(change.table, change.after, change.caller)
        .add("from", change.insert ? nullptr : pg::column_text(change.before, column))
        .add("to", pg::column_text(change.after, column));
    return detail;
}

// Raises LG003 or LG004: the row's state is none of the lifecycle's.
[[noreturn]] void unknown_state(const Lifecycle &lifecycle, const RowChange &change, TupleTableSlot *row) {
    bool all[max_states];
    memset(all, true, sizeof all);
    const char *state = pg::column_text(row, lifecycle.states->column);
    const char *name = NameStr(TupleDescAttr(RelationGetDescr(change.table), lifecycle.states->column - 1)->attname);
    const char *whose = row == change.after ? "" : "old ";
    ereport(ERROR, (errcode(state == nullptr ? err::state_is_null : err::unknown_state),
                    state == nullptr
                        ? errmsg("%s%s: the %sstate in column \"%s\" is null", pg::table_name(change.table),
                                 pg::row_label(change.table, change.after, change.caller), whose, name)
                        : errmsg("%s%s: the %sstate \"%s\" is not known to the lifecycle", pg::table_name(change.table),
                                 pg::row_label(change.table, change.after, change.caller), whose, state),
                    errdetail_internal("%s", move_detail(lifecycle, change).text()),
                    row == change.after ? errhint("Known states: %s.", list_labels(*lifecycle.states, all))
                                        : errhint("Known states: %s. Mend such rows with the trigger disabled; "
                                                  "lifeguard.check_lifecycle() counts them.",
                                                  list_labels(*lifecycle.states, all)),
                    errtable(change.table)));
    pg_unreachable();
}

// Raises LG005: a row is created in a state in which none begins.
[[noreturn]] void not_initial(const Lifecycle &lifecycle, const RowChange &change, int to) {
    ereport(ERROR, (errcode(err::not_an_initial_state),
                    errmsg("%s%s may not be created in state \"%s\"", pg::table_name(change.table),
                           pg::row_label(change.table, change.after, change.caller), lifecycle.states->labels[to]),
                    errdetail_internal("%s", move_detail(lifecycle, change).text()),
                    errhint("A row begins in: %s. An INSERT ... ON CONFLICT proposes its row as a new one too: "
                            "UPDATE the row if it is there.",
                            list_labels(*lifecycle.states, lifecycle.initial)),
                    errtable(change.table)));
    pg_unreachable();
}

// Raises LG001: the move is not declared.
[[noreturn]] void not_allowed(const Lifecycle &lifecycle, const RowChange &change, const Move &move) {
    ereport(ERROR, (errcode(err::transition_not_allowed),
                    errmsg("%s%s may not go from \"%s\" to \"%s\"", pg::table_name(change.table),
                           pg::row_label(change.table, change.after, change.caller),
                           lifecycle.states->labels[move.from], lifecycle.states->labels[move.to]),
                    errdetail_internal("%s", move_detail(lifecycle, change).text()),
                    errhint("From \"%s\" it may go to: %s.", lifecycle.states->labels[move.from],
                            list_labels(*lifecycle.states, allowed_from(lifecycle, move.from))),
                    errtable(change.table)));
    pg_unreachable();
}

// Raises LG002 with the guard's own message.
[[noreturn]] void guard_refused(const Lifecycle &lifecycle, const RowChange &change, const Guard &guard, bool isnull) {
    const char *const *labels = lifecycle.states->labels;
    const char *refused =
        lifecycle.move.from == lifecycle.move.to
            ? psprintf("be changed like this while it is \"%s\"", labels[lifecycle.move.to])
        : lifecycle.move.from == creation
            ? psprintf("be created in state \"%s\"", labels[lifecycle.move.to])
            : psprintf("go from \"%s\" to \"%s\"", labels[lifecycle.move.from], labels[lifecycle.move.to]);
    ereport(ERROR, (errcode(err::guard_refused),
                    errmsg("%s: %s%s may not %s", guard.message, pg::table_name(change.table),
                           pg::row_label(change.table, change.after, change.caller), refused),
                    errdetail_internal("%s", move_detail(lifecycle, change)
                                                 .add("guard", guard.condition->source)
                                                 .add("message", guard.message)
                                                 .add("result", isnull ? "null" : "false")
                                                 .text()),
                    errhint("The guard %s gave %s.", guard.condition->source, isnull ? "null" : "false"),
                    errtable(change.table)));
    pg_unreachable();
}

// Finds out how the row moves; false when it stays in its state. Raises what is not allowed.
bool find_move(const Lifecycle &lifecycle, const RowChange &change, Move *move) {
    const States &states = *lifecycle.states;
    bool old_null = true, new_null;
    const Datum value = slot_getattr(change.after, states.column, &new_null);
    const Datum old_value = change.insert ? 0 : slot_getattr(change.before, states.column, &old_null);
    if (!change.insert && old_null == new_null && (new_null || same_state(states, old_value, value)))
        return false;
    if (new_null)
        unknown_state(lifecycle, change, change.after);

    *move = Move{creation, find_value(states, value)};
    if (move->to < 0)
        unknown_state(lifecycle, change, change.after);
    if (change.insert) {
        if (!lifecycle.initial[move->to])
            not_initial(lifecycle, change, move->to);
        return true;
    }
    move->from = old_null ? -1 : find_value(states, old_value);
    if (move->from < 0)
        unknown_state(lifecycle, change, change.before);
    if (!allowed_from(lifecycle, move->from)[move->to])
        not_allowed(lifecycle, change, *move);
    return true;
}

// Finds out in which state a row stays; false when it is none of the lifecycle's, which only a move mends.
bool find_stay(const Lifecycle &lifecycle, const RowChange &change, Move *move) {
    bool isnull;
    const Datum value = slot_getattr(change.after, lifecycle.states->column, &isnull);
    const int state = isnull ? any_state : find_value(*lifecycle.states, value);
    *move = Move{state, state};
    return state >= 0;
}

} // namespace

bool is_declared(const Lifecycle &lifecycle, const Move &rule) {
    for (int to = 0; to < lifecycle.state_count; to++) {
        if (lifecycle.initial[to] && matches(rule, Move{creation, to}))
            return true;
        for (int from = 0; from < lifecycle.state_count; from++)
            if (allowed_from(lifecycle, from)[to] && matches(rule, Move{from, to}))
                return true;
    }
    return false;
}

void *compile_before(rules::Compilation &compilation, const Definition *definitions, int count) {
    auto *lifecycle = static_cast<Lifecycle *>(palloc0(sizeof(Lifecycle)));
    lifecycle->initial = static_cast<bool *>(palloc0(sizeof(bool) * max_states));
    lifecycle->states = read_states(compilation.table, definitions, count, lifecycle->initial);
    if (lifecycle->states == nullptr)
        return nullptr;
    compilation.on_insert = compilation.on_update = true;
    rules::follow_moves(compilation);
    compilation.columns = bms_add_member(compilation.columns, lifecycle->states->column);
    compilation.settled = bms_add_member(compilation.settled, lifecycle->states->column);
    for (int i = 0; i < count; i++) // all states first: they are the size of the table of moves
        if (is(definitions[i], "transition"))
            read_move(*lifecycle->states, compilation.table, definitions[i]);
    lifecycle->state_count = lifecycle->states->count;
    lifecycle->allowed = static_cast<bool *>(palloc0(sizeof(bool) * lifecycle->state_count * lifecycle->state_count));
    for (int i = 0; i < count; i++)
        if (is(definitions[i], "transition"))
            add_transition(*lifecycle, compilation.table, definitions[i]);
    compile_guards(*lifecycle, compilation, definitions, count);
    compile_stamps(*lifecycle, compilation, definitions, count);
    return lifecycle;
}

// Evaluates the guards of a move, or of staying.
static void check_guards(const Lifecycle &lifecycle, RowChange &change) {
    const bool stays = lifecycle.move.from == lifecycle.move.to;
    for (int i = 0; i < lifecycle.guard_count; i++) {
        const Guard &guard = lifecycle.guards[i];
        if (is_stay(guard.move) != stays || !matches(guard.move, lifecycle.move))
            continue;
        bool isnull;
        const Datum verdict = rules::evaluate(*guard.condition, change, &isnull);
        if (isnull || !DatumGetBool(verdict))
            guard_refused(lifecycle, change, guard, isnull);
    }
}

void refuse(void *rules, RowChange &change) {
    auto &lifecycle = *static_cast<Lifecycle *>(rules);
    lifecycle.moving = find_move(lifecycle, change, &lifecycle.move);
    if (lifecycle.moving)
        check_guards(lifecycle, change);
    else if (lifecycle.guards_stay && find_stay(lifecycle, change, &lifecycle.move))
        check_guards(lifecycle, change);
}

void set(void *rules, RowChange &change) {
    const auto &lifecycle = *static_cast<const Lifecycle *>(rules);
    if (!lifecycle.moving)
        return;
    for (int i = 0; i < lifecycle.stamp_count; i++) {
        const Stamp &stamp = lifecycle.stamps[i];
        if (!matches(stamp.move, lifecycle.move))
            continue;
        bool isnull;
        const Datum value = rules::evaluate(*stamp.value, change, &isnull);
        rules::set_column(change, stamp.column, value, isnull);
    }
}

} // namespace lifeguard::lifecycle
