#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "lifecycle/states.hpp"

namespace lifeguard::lifecycle {

// The types whose equality is that of their bytes; char only with a length, which pads all values alike.
static bool is_state_type(Oid base, int32 typmod) {
    return base == TEXTOID || base == VARCHAROID || (base == BPCHAROID && typmod > 0) || base == NAMEOID ||
           type_is_enum(base);
}

States *create_states(Relation table, const char *column) {
    auto *states = static_cast<States *>(palloc0(sizeof(States)));
    states->column = rules::find_column(table, column, "lifecycle");
    states->type = TupleDescAttr(RelationGetDescr(table), states->column - 1)->atttypid;
    int32 typmod = TupleDescAttr(RelationGetDescr(table), states->column - 1)->atttypmod;
    const Oid base = getBaseTypeAndTypmod(states->type, &typmod);
    if (!is_state_type(base, typmod))
        ereport(ERROR,
                (errcode(err::invalid_rule),
                 errmsg("column \"%s\" of table %s is of type %s and cannot hold a lifecycle's state", column,
                        pg::table_name(table), format_type_be(states->type)),
                 errhint("Use text, varchar, an enum, or a domain over one of them."), pg::errrule(table, nullptr)));
    get_typlenbyval(base, &states->length, &states->by_value);
    states->labels = static_cast<const char **>(palloc(sizeof(char *) * max_states));
    states->values = static_cast<Datum *>(palloc(sizeof(Datum) * max_states));
    return states;
}

int find_label(const States &states, const char *label) {
    for (int i = 0; i < states.count; i++)
        if (strcmp(states.labels[i], label) == 0)
            return i;
    return -1;
}

int add_state(States &states, Relation table, const char *label) {
    const int known = find_label(states, label);
    if (known >= 0)
        return known;
    if (states.count == max_states)
        ereport(ERROR, (errcode(err::invalid_rule), errmsg("the lifecycle of table %s has more than %d states",
                                                           pg::table_name(table), max_states)));
    Oid input, parameter;
    getTypeInputInfo(states.type, &input, &parameter);
    states.labels[states.count] = label;
    states.values[states.count] =
        OidInputFunctionCall(input, const_cast<char *>(label), parameter,
                             TupleDescAttr(RelationGetDescr(table), states.column - 1)->atttypmod);
    return states.count++;
}

bool same_state(const States &states, Datum one, Datum other) {
    if (states.by_value)
        return one == other;
    if (states.length > 0)
        return memcmp(DatumGetPointer(one), DatumGetPointer(other), states.length) == 0;
    const auto *a = pg_detoast_datum_packed(reinterpret_cast<varlena *>(DatumGetPointer(one)));
    const auto *b = pg_detoast_datum_packed(reinterpret_cast<varlena *>(DatumGetPointer(other)));
    return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
           memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

int find_value(const States &states, Datum value) {
    for (int i = 0; i < states.count; i++)
        if (same_state(states, states.values[i], value))
            return i;
    return -1;
}

const char *name_state(const States &states, int state, TupleTableSlot *row) {
    if (state >= 0)
        return states.labels[state];
    bool isnull;
    const Datum value = slot_getattr(row, states.column, &isnull);
    if (isnull)
        return nullptr;
    if (states.by_value)
        return DatumGetCString(DirectFunctionCall1(enum_out, value));
    return states.length > 0 ? NameStr(*DatumGetName(value)) : TextDatumGetCString(value);
}

const char *list_labels(const States &states, const bool *chosen) {
    StringInfoData list;
    initStringInfo(&list);
    for (int i = 0; i < states.count; i++)
        if (chosen[i])
            appendStringInfo(&list, "%s\"%s\"", list.len == 0 ? "" : ", ", states.labels[i]);
    return list.len == 0 ? "none" : list.data;
}

} // namespace lifeguard::lifecycle
