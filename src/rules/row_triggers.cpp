#include "pg/errors.hpp"
#include "pg/owner.hpp"
#include "rules/compiled.hpp"
#include "rules/nesting.hpp"
#include "rules/partition_move.hpp"

namespace lifeguard::rules {

namespace {

// Refuses to be called as anything but the row trigger it is.
TriggerData *trigger_data(FunctionCallInfo fcinfo, const char *name, bool before) {
    auto *data = CALLED_AS_TRIGGER(fcinfo) ? reinterpret_cast<TriggerData *>(fcinfo->context) : nullptr;
    if (data == nullptr || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
        (before ? !TRIGGER_FIRED_BEFORE(data->tg_event) : !TRIGGER_FIRED_AFTER(data->tg_event)))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("lifeguard.%s() is a trigger function for %s, FOR EACH ROW", name,
                               before ? "BEFORE INSERT OR UPDATE" : "AFTER INSERT, UPDATE OR DELETE"),
                        errhint("lifeguard's functions create its triggers; see lifeguard.create_lifecycle().")));
    return data;
}

// Fills in the row as the rules see it.
RowChange row_change(const TriggerData &data, const Compiled &rules, Oid caller) {
    const bool insert = TRIGGER_FIRED_BY_INSERT(data.tg_event);
    const bool update = TRIGGER_FIRED_BY_UPDATE(data.tg_event);
    RowChange change = {};
    change.compiled = &rules;
    change.table = data.tg_relation;
    change.insert = insert;
    change.before = update || TRIGGER_FIRED_BY_DELETE(data.tg_event) ? data.tg_trigslot : rules.no_row;
    change.after = insert ? data.tg_trigslot : update ? data.tg_newslot : rules.no_row;
    change.named = data.tg_updatedcols;
    change.caller = caller;
    return change;
}

// Runs one step of all features that have rules here.
void run(void (*Feature::*step)(void *, RowChange &), RowChange &change) {
    for (int i = 0; i < feature_count(); i++)
        if (change.compiled->rules[i] != nullptr && feature_at(i).*step != nullptr)
            (feature_at(i).*step)(change.compiled->rules[i], change);
}

// BEFORE: refuse, set columns, and give back the row to store.
HeapTuple before_row(const TriggerData &data, const Compiled &rules, Oid caller) {
    HeapTuple row = TRIGGER_FIRED_BY_INSERT(data.tg_event) ? data.tg_trigtuple : data.tg_newtuple;
    RowChange change = row_change(data, rules, caller);
    if (rules.follows_moves && change.insert && take_arrival(rules, change))
        return row;
    run(&Feature::refuse, change);
    run(&Feature::set, change);
    if (rules.follows_moves && !change.insert)
        note_update(data, rules, change);
    if (change.set_count == 0)
        return row;
    return heap_modify_tuple_by_cols(row, RelationGetDescr(change.table), change.set_count, change.set_columns,
                                     change.set_values, change.set_nulls);
}

// The step for what an AFTER trigger is told.
auto step_after(TriggerEvent event) {
    return TRIGGER_FIRED_BY_DELETE(event)     ? &Feature::act_on_delete
           : TRIGGER_FIRED_BY_TRUNCATE(event) ? &Feature::act_on_truncate
                                              : &Feature::act;
}

// Runs one of the triggers, with the rules that `carrier` carries, as the owner of the table that declares the rules,
// with the nesting known. What it changes is put back on every way out.
HeapTuple fire(TriggerData *data, Timing timing, const Trigger &carrier) {
    HeapTuple volatile row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
    if (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
        return row; // also for a trigger somebody made ENABLE ALWAYS: replicated rows were checked at their origin
    if (timing == Timing::before && TRIGGER_FIRED_BY_DELETE(data->tg_event)) {
        note_delete(*data);
        return row;
    }

    Frame *const outer = current_frame;
    Frame frame = {RelationGetRelationName(data->tg_relation), nullptr,   nullptr, outer,
                   outer == nullptr ? 1 : outer->depth + 1,    InvalidOid};
    Compiled *volatile rules = nullptr;
    pg::Caller caller;
    GetUserIdAndSecContext(&caller.role, &caller.security);

    PG_TRY();
    {
        current_frame = &frame;
        Compiled *found = compiled_rules(data->tg_relation, carrier, timing);
        rules = found;
        found->in_use = true;
        frame.table = found->name;
        frame.owner = found->owner;
        check_depth(frame);
        pg::enter_owner(found->owner);
        ResetExprContext(found->expressions);
        if (timing == Timing::before) {
            row = before_row(*data, *found, caller.role);
        } else {
            RowChange change = row_change(*data, *found, caller.role);
            run(step_after(data->tg_event), change);
        }
    }
    PG_FINALLY();
    {
        if (rules != nullptr)
            rules->in_use = false;
        current_frame = outer;
        pg::leave_owner(caller);
    }
    PG_END_TRY();
    return row;
}

} // namespace

bool after_trigger_sees(const RowChange &change, AttrNumber column) {
    return change.insert || bms_is_member(column - FirstLowInvalidHeapAttributeNumber, change.named);
}

void *after_part(const RowChange &change, const void *before_part) {
    const Compiled *after = companion_rules(change.table, *change.compiled);
    for (int i = 0; after != nullptr && i < feature_count(); i++)
        if (change.compiled->rules[i] == before_part)
            return after->rules[i];
    return nullptr;
}

void set_column(RowChange &change, AttrNumber column, Datum value, bool isnull) {
    if (change.set_columns == nullptr) {
        const int columns = RelationGetNumberOfAttributes(change.table);
        const MemoryContext memory = change.compiled->expressions->ecxt_per_tuple_memory;
        change.set_columns = static_cast<int *>(MemoryContextAlloc(memory, sizeof(int) * columns));
        change.set_values = static_cast<Datum *>(MemoryContextAlloc(memory, sizeof(Datum) * columns));
        change.set_nulls = static_cast<bool *>(MemoryContextAlloc(memory, sizeof(bool) * columns));
    }
    int place = 0;
    while (place < change.set_count && change.set_columns[place] != column)
        place++;
    change.set_columns[place] = column;
    change.set_values[place] = value;
    change.set_nulls[place] = isnull;
    change.set_count = Max(change.set_count, place + 1);
}

} // namespace lifeguard::rules

// lifeguard.before_row(): the BEFORE ROW trigger of a table with rules.
LG_FUNCTION(lifeguard_before_row) {
    using namespace lifeguard::rules;
    TriggerData *data = trigger_data(fcinfo, "before_row", true);
    return PointerGetDatum(fire(data, Timing::before, *data->tg_trigger));
}

// lifeguard.after_row(): the AFTER ROW trigger of a table with rules.
LG_FUNCTION(lifeguard_after_row) {
    using namespace lifeguard::rules;
    TriggerData *data = trigger_data(fcinfo, "after_row", false);
    fire(data, Timing::after, *data->tg_trigger);
    return PointerGetDatum(nullptr);
}

// lifeguard.after_truncate(): the statement trigger of a table whose AFTER trigger has rules for TRUNCATE. It carries
// none itself; without that trigger, as in a partition that was detached, there is nothing to do.
LG_FUNCTION(lifeguard_after_truncate) {
    using namespace lifeguard::rules;
    auto *data = CALLED_AS_TRIGGER(fcinfo) ? reinterpret_cast<TriggerData *>(fcinfo->context) : nullptr;
    if (data == nullptr || !TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
        !TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("lifeguard.after_truncate() is a trigger function for AFTER TRUNCATE"),
                        errhint("lifeguard's functions create its triggers; see lifeguard.audit().")));
    const Trigger *carrier = find_trigger(data->tg_relation, Timing::after);
    if (carrier != nullptr)
        fire(data, Timing::after, *carrier);
    return PointerGetDatum(nullptr);
}
