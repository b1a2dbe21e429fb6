#include "journal/error_names.hpp"
#include "journal/redact.hpp"
#include "journal/row.hpp"
#include "journal/settings.hpp"

namespace lifeguard::journal {

namespace {

// The bytes of a text as characters of the database's encoding; what is none becomes \xNN, NUL too.
std::string_view repaired(std::string_view text) {
    const int encoding = GetDatabaseEncoding();
    if (text.empty() || pg_verify_mbstr(encoding, text.data(), static_cast<int>(text.size()), true))
        return text;
    StringInfoData whole;
    initStringInfo(&whole);
    while (!text.empty()) {
        const int size =
            text[0] == '\0' ? -1 : pg_encoding_verifymbchar(encoding, text.data(), static_cast<int>(text.size()));
        if (size > 0)
            appendBinaryStringInfo(&whole, text.data(), size);
        else
            appendStringInfo(&whole, "\\x%02X", static_cast<unsigned char>(text[0]));
        text.remove_prefix(size > 0 ? static_cast<size_t>(size) : 1);
    }
    return std::string_view(whole.data, static_cast<size_t>(whole.len));
}

// A text as it may be stored.
std::string_view storable(std::string_view text, bool may_have_secrets) {
    text = repaired(text);
    return may_have_secrets && redact_secrets ? redacted(text) : text;
}

// A text value.
Datum text_datum(std::string_view text) {
    return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
}

// A role's name, or its number when it is gone.
const char *role_name(Oid role) {
    const char *name = GetUserNameFromId(role, true);
    return name == nullptr ? psprintf("%u", role) : name;
}

// A jsonb object, member by member.
struct Object {
    JsonbParseState *state = nullptr;

    Object() { pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr); }
    Jsonb *done() { return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)); }

    void add(const char *name, JsonbValue *value) {
        JsonbValue key;
        key.type = jbvString;
        key.val.string.val = const_cast<char *>(name);
        key.val.string.len = static_cast<int>(strlen(name));
        pushJsonbValue(&state, WJB_KEY, &key);
        pushJsonbValue(&state, WJB_VALUE, value);
    }

    // A text; nothing where there is none.
    void add(const char *name, std::string_view text) {
        if (text.data() == nullptr)
            return;
        JsonbValue value;
        value.type = jbvString;
        value.val.string.val = const_cast<char *>(text.data());
        value.val.string.len = static_cast<int>(text.size());
        add(name, &value);
    }

    void add(const char *name, Jsonb *json) {
        JsonbValue value;
        value.type = jbvBinary;
        value.val.binary.data = &json->root;
        value.val.binary.len = static_cast<int>(VARSIZE(json) - VARHDRSZ);
        add(name, &value);
    }

    void add_number(const char *name, int64 number) {
        JsonbValue value;
        value.type = jbvNumeric;
        value.val.numeric = int64_to_numeric(number);
        add(name, &value);
    }

    void add_true(const char *name) {
        JsonbValue value;
        value.type = jbvBool;
        value.val.boolean = true;
        add(name, &value);
    }
};

// The members of the context that are texts of the entry, and which of them may hold secrets.
struct Member {
    Field field;
    const char *name;
    bool may_have_secrets;
};
constexpr Member members[] = {
    {Field::detail, "detail", true},          {Field::hint, "hint", true},
    {Field::context, "context", true},        {Field::query, "query", true},
    {Field::schema, "schema", false},         {Field::table, "table", false},
    {Field::column, "column", false},         {Field::constraint, "constraint", false},
    {Field::from_state, "from_state", false}, {Field::to_state, "to_state", false},
    {Field::action, "action", true},          {Field::application_name, "application_name", false},
};

// The function as its caller would write it, with its schema; as it was recorded, when it is gone.
void add_function(Object *object, const Report &report) {
    const char *signature = nullptr;
    if (OidIsValid(report.function_id))
        signature = format_procedure_extended(report.function_id, FORMAT_PROC_INVALID_AS_NULL);
    object->add("function", signature != nullptr ? std::string_view(signature) : repaired(report[Field::function]));
}

// The row's key, an object; as a text, when it was cut.
void add_row_key(Object *object, std::string_view key) {
    if (key.data() == nullptr)
        return;
    key = repaired(key);
    char *text = pnstrdup(key.data(), key.size());
    if (pg::check_json(text, static_cast<int>(key.size())) == JSON_SUCCESS)
        object->add("row_key", DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text))));
    else
        object->add("row_key", key);
}

// What is known about an error that was seen.
Jsonb *seen_context(const Entry &entry) {
    const Report &report = entry.report;
    Object object;
    for (const Member &member : members)
        object.add(member.name, storable(report[member.field], member.may_have_secrets));
    add_function(&object, report);
    add_row_key(&object, report[Field::row_key]);
    if (report.line > 0)
        object.add_number("line", report.line);
    if (entry.role != entry.session_user)
        object.add("role", role_name(entry.role));
    if (cluster_name != nullptr && *cluster_name != '\0')
        object.add("node", cluster_name);
    if (report.cut)
        object.add_true("cut");
    return object.done();
}

// The caller's object in memory of its own, where it is aligned; nullptr when there is none.
Jsonb *copy_object(std::string_view bytes) {
    if (bytes.size() < sizeof(Jsonb))
        return nullptr;
    auto *copy = static_cast<Jsonb *>(palloc(bytes.size()));
    memcpy(copy, bytes.data(), bytes.size());
    return VARATT_IS_4B_U(copy) && VARSIZE(copy) == bytes.size() ? copy : nullptr;
}

// What a caller of log_error() gave; always an object.
Jsonb *logged_context(const Report &report) {
    Jsonb *given = copy_object(report[Field::user_context]);
    if (given == nullptr)
        given = Object().done();
    if (!JB_ROOT_IS_OBJECT(given)) {
        Object object;
        object.add("value", given);
        given = object.done();
    }
    if (redact_secrets)
        given = redacted(given);
    if (!report.cut)
        return given;
    Object more;
    more.add_true("cut");
    return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(given), JsonbPGetDatum(more.done())));
}

// What kind of error it is: the caller's word, or the SQLSTATE's name.
Datum error_type(const Report &report) {
    if (report.source == Source::logged)
        return text_datum(storable(report[Field::type], true));
    const char *name = condition_name(report.sqlstate);
    return CStringGetTextDatum(name == nullptr ? unpack_sql_state(report.sqlstate) : name);
}

} // namespace

const char *source_name(Source source) {
    constexpr const char *names[] = {"logged", "uncaught", "swallowed", "translated", "action"};
    const auto number = static_cast<size_t>(source);
    return number < lengthof(names) ? names[number] : "logged";
}

void make_row(const Entry &entry, Row *row) {
    const Report &report = entry.report;
    *row = Row{};
    auto *ids = static_cast<pg_uuid_t *>(palloc(2 * sizeof(pg_uuid_t)));
    ids[0] = entry.id;
    ids[1] = entry.app_user;
    (*row)[Column::id] = UUIDPGetDatum(&ids[0]);
    (*row)[Column::app_user] = UUIDPGetDatum(&ids[1]);
    row->nulls[static_cast<int>(Column::app_user)] = !entry.has_app_user;
    (*row)[Column::error_type] = error_type(report);
    (*row)[Column::error_message] = text_datum(storable(report[Field::message], true));
    (*row)[Column::context] =
        JsonbPGetDatum(report.source == Source::logged ? logged_context(report) : seen_context(entry));
    (*row)[Column::created_at] = (*row)[Column::last_seen_at] = TimestampTzGetDatum(entry.at);
    row->set_text(Column::severity, error_severity(report.severity));
    row->set_text(Column::sqlstate, report.sqlstate == 0 ? nullptr : unpack_sql_state(report.sqlstate));
    row->set_text(Column::source, source_name(report.source));
    (*row)[Column::occurrences] = Int64GetDatum(1);
    row->set_text(Column::session_user_name, role_name(entry.session_user));
}

} // namespace lifeguard::journal
