#include "audit/values.hpp"

namespace lifeguard::audit {

int longest_value = 1024;

namespace {

// More than this a row's object does not hold, so that it stays far below what jsonb can.
constexpr size_t longest_row = 64 * 1024 * 1024;

// Settings that texts depend on, and what they are in the log.
constexpr const char *settings[][2] = {{"bytea_output", "hex"},     {"datestyle", "ISO"},
                                       {"extra_float_digits", "1"}, {"intervalstyle", "iso_8601"},
                                       {"lc_monetary", "C"},        {"search_path", "pg_catalog, pg_temp"},
                                       {"timezone", "UTC"},         {"xmlbinary", "base64"}};

// The kind of a type that is no domain.
Kind kind_of(Oid type) {
    switch (type) {
    case BOOLOID:
        return Kind::boolean;
    case INT2OID:
        return Kind::int2;
    case INT4OID:
        return Kind::int4;
    case INT8OID:
        return Kind::int8;
    case NUMERICOID:
        return Kind::numeric;
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
        return Kind::text;
    case UUIDOID:
        return Kind::uuid;
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return Kind::moment;
    case JSONOID:
        return Kind::json;
    case JSONBOID:
        return Kind::jsonb;
    default:
        return type_is_enum(type) ? Kind::label : Kind::other;
    }
}

// Does to_jsonb() make the same of this type under all settings, without running anybody's code? Of some of the
// server's own types and their arrays; a type of somebody's may have a cast to json.
bool is_plain(Oid type) {
    const Oid element = get_base_element_type(type);
    const Oid of = OidIsValid(element) ? element : type;
    return of == OIDOID || of == NAMEOID || of == INETOID ||
           (of < FirstNormalObjectId && kind_of(of) != Kind::other && kind_of(of) != Kind::moment);
}

// The settings, pinned when the first value needs it.
struct Pinned {
    int level = 0;
    void pin() {
        if (level > 0)
            return;
        level = NewGUCNestLevel();
        for (const auto &[name, value] : settings)
            (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    }
    void unpin() const {
        if (level > 0)
            AtEOXact_GUC(true, level);
    }
};

// A text of the current memory as JSON.
void set_string(JsonbValue *json, const char *text, size_t length) {
    json->type = jbvString;
    json->val.string.val = const_cast<char *>(text);
    json->val.string.len = static_cast<int>(length);
}

// A stored jsonb as JSON: to be unpacked where it goes.
void set_jsonb(JsonbValue *json, Jsonb *stored) {
    json->type = jbvBinary;
    json->val.binary.data = &stored->root;
    json->val.binary.len = VARSIZE(stored) - VARHDRSZ;
}

// A number as JSON, which knows no NaN and no infinity.
void set_number(JsonbValue *json, Numeric number) {
    if (numeric_is_nan(number) || numeric_is_inf(number)) {
        const char *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
        set_string(json, text, strlen(text));
        return;
    }
    json->type = jbvNumeric;
    json->val.numeric = number;
}

// In place of a value that is too long: {"left_out": "too long", "bytes": 123}.
void set_mark(JsonbValue *json, size_t bytes) {
    JsonbParseState *state = nullptr;
    JsonbValue part;
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
    set_string(&part, "left_out", 8);
    pushJsonbValue(&state, WJB_KEY, &part);
    set_string(&part, "too long", 8);
    pushJsonbValue(&state, WJB_VALUE, &part);
    set_string(&part, "bytes", 5);
    pushJsonbValue(&state, WJB_KEY, &part);
    set_number(&part, int64_to_numeric(static_cast<int64>(bytes)));
    pushJsonbValue(&state, WJB_VALUE, &part);
    set_jsonb(json, JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
}

// One value as JSON.
void set_value(JsonbValue *json, Column &column, Datum value, Pinned *pinned) {
    switch (column.kind) {
    case Kind::boolean:
        json->type = jbvBool;
        json->val.boolean = DatumGetBool(value);
        return;
    case Kind::int2:
        set_number(json, int64_to_numeric(DatumGetInt16(value)));
        return;
    case Kind::int4:
        set_number(json, int64_to_numeric(DatumGetInt32(value)));
        return;
    case Kind::int8:
        set_number(json, int64_to_numeric(DatumGetInt64(value)));
        return;
    case Kind::numeric:
        set_number(json, DatumGetNumeric(value));
        return;
    case Kind::text: {
        const text *string = DatumGetTextPP(value);
        set_string(json, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
        return;
    }
    case Kind::uuid: {
        const char *string = DatumGetCString(DirectFunctionCall1(uuid_out, value));
        set_string(json, string, strlen(string));
        return;
    }
    case Kind::moment: {
        const int utc = 0;
        const char *string = JsonEncodeDateTime(static_cast<char *>(palloc(MAXDATELEN + 1)), value, column.type,
                                                column.type == TIMESTAMPTZOID ? &utc : nullptr);
        set_string(json, string, strlen(string));
        return;
    }
    case Kind::label: {
        const char *string = DatumGetCString(DirectFunctionCall1(enum_out, value));
        set_string(json, string, strlen(string));
        return;
    }
    case Kind::json: {
        const text *string = DatumGetTextPP(value);
        const auto length = static_cast<int>(VARSIZE_ANY_EXHDR(string));
        if (pg::check_json(pnstrdup(VARDATA_ANY(string), length), length) == JSON_SUCCESS)
            set_jsonb(json, DatumGetJsonbP(FunctionCall1(&column.to_jsonb, value)));
        else // what json takes and jsonb does not: \u0000
            set_string(json, VARDATA_ANY(string), length);
        return;
    }
    case Kind::jsonb:
        set_jsonb(json, DatumGetJsonbP(value));
        return;
    case Kind::other:
        if (column.pins)
            pinned->pin();
        set_jsonb(json, DatumGetJsonbP(FunctionCall1(&column.to_jsonb, value)));
        return;
    }
}

// Pairs as a jsonb. They are sorted, so that nothing has to be unless a value must be unpacked.
Jsonb *pack(JsonbPair *pairs, int count, bool unpack) {
    JsonbValue object;
    object.type = jbvObject;
    object.val.object.nPairs = count;
    object.val.object.pairs = pairs;
    if (!unpack)
        return JsonbValueToJsonb(&object);
    JsonbParseState *state = nullptr;
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
    for (int i = 0; i < count; i++) {
        pushJsonbValue(&state, WJB_KEY, &pairs[i].key);
        pushJsonbValue(&state, WJB_VALUE, &pairs[i].value);
    }
    return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr));
}

// Orders names as jsonb does: the shorter first.
int compare_names(const void *one, const void *other) {
    const Column &a = **static_cast<Column *const *>(one), &b = **static_cast<Column *const *>(other);
    return a.name_length != b.name_length ? a.name_length - b.name_length : memcmp(a.name, b.name, a.name_length);
}

} // namespace

void prepare_value(Column &column, const FormData_pg_attribute &attribute) {
    column.type = getBaseType(attribute.atttypid);
    column.kind = kind_of(column.type);
    column.pins = !is_plain(column.type);
    column.by_value = attribute.attbyval;
    column.length = attribute.attlen;
    if (column.kind != Kind::other && column.kind != Kind::json)
        return;
    fmgr_info(F_TO_JSONB, &column.to_jsonb);
    Const *argument = makeNullConst(attribute.atttypid, attribute.atttypmod, attribute.attcollation);
    fmgr_info_set_expr(reinterpret_cast<Node *>(makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument), InvalidOid,
                                                             InvalidOid, COERCE_EXPLICIT_CALL)),
                       &column.to_jsonb);
}

void sort_as_keys(Column **columns, int count) {
    qsort(static_cast<void *>(columns), count, sizeof(Column *), compare_names);
}

Jsonb *values_of(Column *const *columns, int count, TupleTableSlot *row, const bool *wanted) {
    auto *pairs = static_cast<JsonbPair *>(palloc(sizeof(JsonbPair) * Max(count, 1)));
    Pinned pinned;
    bool unpack = false;
    size_t bytes = 0;
    int used = 0;
    for (int i = 0; i < count; i++) {
        Column &column = *columns[i];
        if (wanted != nullptr && !wanted[column.number])
            continue;
        JsonbPair &pair = pairs[used++];
        set_string(&pair.key, column.name, column.name_length);
        bool isnull;
        const Datum value = slot_getattr(row, column.number, &isnull);
        if (isnull) {
            pair.value.type = jbvNull;
            continue;
        }
        const size_t size = column.length == -1 ? toast_raw_datum_size(value) - VARHDRSZ : 0;
        bytes += size;
        if (size > static_cast<size_t>(longest_value) * 1024 || bytes > longest_row)
            set_mark(&pair.value, size);
        else
            set_value(&pair.value, column, value, &pinned);
        unpack = unpack || pair.value.type == jbvBinary;
    }
    pinned.unpin();
    return pack(pairs, used, unpack);
}

} // namespace lifeguard::audit
