#include "pg/text.hpp"

namespace lifeguard::pg {

const char *table_name(Relation relation) {
    return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                      RelationGetRelationName(relation));
}

// Dates and times as JSON has them, in UTC, whatever the session's settings: a key is the same text for everybody.
static const char *time_text(Oid type, Datum value) {
    if (type != DATEOID && type != TIMESTAMPOID && type != TIMESTAMPTZOID)
        return nullptr;
    const int utc = 0;
    return JsonEncodeDateTime(static_cast<char *>(palloc(MAXDATELEN + 1)), value, type,
                              type == TIMESTAMPTZOID ? &utc : nullptr);
}

const char *column_text(TupleTableSlot *row, AttrNumber column) {
    constexpr int longest = 200;
    bool isnull;
    const Datum value = slot_getattr(row, column, &isnull);
    if (isnull)
        return nullptr;
    const Oid type = TupleDescAttr(row->tts_tupleDescriptor, column - 1)->atttypid;
    if (const char *time = time_text(type, value))
        return time;
    Oid output;
    bool varlena;
    getTypeOutputInfo(type, &output, &varlena);
    char *text = OidOutputFunctionCall(output, value);
    const int length = static_cast<int>(strlen(text));
    if (length <= longest)
        return text;
    const int cut = pg_mbcliplen(text, length, longest);
    return psprintf("%.*s...", cut, text);
}

// The columns of the primary key, in the index's order; nullptr without one.
static const int2vector *primary_key(Relation relation) {
    const Oid index = primary_key_index(relation);
    if (!OidIsValid(index))
        return nullptr;
    HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
    if (!HeapTupleIsValid(tuple))
        return nullptr;
    const auto *form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    // a copy of the key columns alone: an included column is no part of the key
    auto *key = buildint2vector(form->indkey.values, form->indnkeyatts);
    ReleaseSysCache(tuple);
    return key;
}

// The name of a column, also in a partition whose columns stand in another order.
static const char *column_name(TupleTableSlot *row, AttrNumber column) {
    return NameStr(TupleDescAttr(row->tts_tupleDescriptor, column - 1)->attname);
}

const char *row_label(Relation relation, TupleTableSlot *row) {
    const int2vector *key = primary_key(relation);
    if (key == nullptr)
        return "";
    StringInfoData names, values;
    initStringInfo(&names);
    initStringInfo(&values);
    for (int i = 0; i < key->dim1; i++) {
        const char *value = column_text(row, key->values[i]);
        appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", column_name(row, key->values[i]));
        appendStringInfo(&values, "%s%s", i == 0 ? "" : ", ", value == nullptr ? "null" : value);
    }
    return psprintf(" (%s)=(%s)", names.data, values.data);
}

const char *row_key(Relation relation, TupleTableSlot *row) {
    const int2vector *key = primary_key(relation);
    Detail detail;
    for (int i = 0; key != nullptr && i < key->dim1; i++)
        detail.add(column_name(row, key->values[i]), column_text(row, key->values[i]));
    return detail.text();
}

int errrule(Relation relation, const char *rule) {
    Detail detail;
    detail.add("table", table_name(relation));
    if (rule != nullptr)
        detail.add("rule", rule);
    errdetail_internal("%s", detail.text());
    return errtable(relation);
}

Detail::Detail() {
    initStringInfo(&buffer);
    appendStringInfoChar(&buffer, '{');
}

void Detail::begin(const char *key) {
    if (buffer.len > 1)
        appendStringInfoString(&buffer, ", ");
    escape_json(&buffer, key);
    appendStringInfoString(&buffer, ": ");
}

Detail &Detail::add(const char *key, const char *value) {
    begin(key);
    if (value == nullptr)
        appendStringInfoString(&buffer, "null");
    else
        escape_json(&buffer, value);
    return *this;
}

Detail &Detail::add_json(const char *key, const char *json) {
    begin(key);
    appendStringInfoString(&buffer, json);
    return *this;
}

Detail &Detail::add_row(Relation relation, TupleTableSlot *row) {
    return add("table", table_name(relation)).add_json("key", row_key(relation, row));
}

const char *Detail::text() {
    return psprintf("%s}", buffer.data);
}

} // namespace lifeguard::pg
