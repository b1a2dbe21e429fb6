#include "pg/text.hpp"

namespace lifeguard::pg {

const char *table_name(Oid table) {
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
}

const char *table_name(Relation relation) {
    return table_name(RelationGetRelid(relation));
}

// A value of one of the server's simplest types as text: needs no catalog and no setting, and only memory can fail it.
// Dates and times as JSON has them, in UTC. nullptr for other types.
static char *simple_text(Oid type, Datum value) {
    const int utc = 0;
    switch (type) {
    case BOOLOID:
        return DatumGetCString(DirectFunctionCall1(boolout, value));
    case INT2OID:
        return DatumGetCString(DirectFunctionCall1(int2out, value));
    case INT4OID:
        return DatumGetCString(DirectFunctionCall1(int4out, value));
    case INT8OID:
        return DatumGetCString(DirectFunctionCall1(int8out, value));
    case OIDOID:
        return DatumGetCString(DirectFunctionCall1(oidout, value));
    case NUMERICOID:
        return DatumGetCString(DirectFunctionCall1(numeric_out, value));
    case UUIDOID:
        return DatumGetCString(DirectFunctionCall1(uuid_out, value));
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
        return TextDatumGetCString(value);
    case NAMEOID:
        return pstrdup(NameStr(*DatumGetName(value)));
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return JsonEncodeDateTime(static_cast<char *>(palloc(MAXDATELEN + 1)), value, type,
                                  type == TIMESTAMPTZOID ? &utc : nullptr);
    default:
        return nullptr;
    }
}

// A value as text, whatever the session's settings: a key is the same text for everybody. What types make of their
// settings is pinned.
static char *plain_text(Oid type, Datum value) {
    char *text = simple_text(type, value);
    if (text != nullptr)
        return text;
    Oid output;
    bool varlena;
    getTypeOutputInfo(type, &output, &varlena);
    constexpr const char *settings[][2] = {{"bytea_output", "hex"},
                                           {"datestyle", "ISO"},
                                           {"extra_float_digits", "1"},
                                           {"intervalstyle", "iso_8601"},
                                           {"timezone", "UTC"}};
    const int level = NewGUCNestLevel();
    for (const auto &setting : settings)
        (void)set_config_option(setting[0], setting[1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    text = OidOutputFunctionCall(output, value);
    AtEOXact_GUC(true, level);
    return text;
}

// A text cut at 200 bytes.
static const char *shorten(const char *text) {
    constexpr int longest = 200;
    const int length = static_cast<int>(strlen(text));
    return length <= longest ? text : psprintf("%.*s...", pg_mbcliplen(text, length, longest), text);
}

const char *column_text(TupleTableSlot *row, AttrNumber column) {
    bool isnull;
    const Datum value = slot_getattr(row, column, &isnull);
    return isnull ? nullptr : shorten(plain_text(TupleDescAttr(row->tts_tupleDescriptor, column - 1)->atttypid, value));
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

// True when the role may select every column of the key: an error must not tell what a query would not.
static bool may_read(Relation relation, const int2vector *key, Oid reader) {
    const Oid table = RelationGetRelid(relation);
    if (!OidIsValid(reader) || pg_class_aclcheck(table, reader, ACL_SELECT) == ACLCHECK_OK)
        return true;
    for (int i = 0; i < key->dim1; i++)
        if (pg_attribute_aclcheck(table, key->values[i], reader, ACL_SELECT) != ACLCHECK_OK)
            return false;
    return true;
}

const char *row_label(Relation relation, TupleTableSlot *row, Oid reader) {
    const int2vector *key = primary_key(relation);
    if (key == nullptr || !may_read(relation, key, reader))
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

const char *row_key(Relation relation, TupleTableSlot *row, Oid reader) {
    const int2vector *key = primary_key(relation);
    Detail detail;
    for (int i = 0; key != nullptr && may_read(relation, key, reader) && i < key->dim1; i++)
        detail.add(column_name(row, key->values[i]), column_text(row, key->values[i]));
    return detail.text();
}

RowKey *prepare_key(Relation relation) {
    auto *key = static_cast<RowKey *>(palloc0(sizeof(RowKey)));
    const int2vector *columns = primary_key(relation);
    for (int i = 0; columns != nullptr && i < columns->dim1; i++) {
        key->columns[key->count] = columns->values[i];
        key->types[key->count++] =
            getBaseType(TupleDescAttr(RelationGetDescr(relation), columns->values[i] - 1)->atttypid);
    }
    return key;
}

const char *row_key(const RowKey &key, TupleTableSlot *row) {
    Detail detail;
    for (int i = 0; i < key.count; i++) {
        bool isnull;
        const Datum value = slot_getattr(row, key.columns[i], &isnull);
        if (isnull)
            continue;
        const FormData_pg_attribute *column = TupleDescAttr(row->tts_tupleDescriptor, key.columns[i] - 1);
        const char *bytes = DatumGetPointer(value);
        if (column->attlen == -1 && (VARATT_IS_EXTERNAL(bytes) || VARATT_IS_COMPRESSED(bytes)))
            continue; // it lies in another table, or may be damaged
        const char *text = simple_text(key.types[i], value);
        if (text != nullptr)
            detail.add(NameStr(column->attname), shorten(text));
    }
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

Detail &Detail::add_row(Relation relation, TupleTableSlot *row, Oid reader) {
    return add("table", table_name(relation)).add_json("key", row_key(relation, row, reader));
}

const char *Detail::text() {
    return psprintf("%s}", buffer.data);
}

} // namespace lifeguard::pg
