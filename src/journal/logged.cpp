// monitoring.log_error(): what an application tells the journal itself.
#include "pg/errors.hpp"
#include "journal/file.hpp"
#include "journal/keep.hpp"
#include "journal/launcher.hpp"
#include "journal/settings.hpp"
#include "journal/shared.hpp"

namespace lifeguard::journal {

namespace {

// A text argument, or as much of its beginning as tells the encoder that it must be cut.
std::string_view text_argument(FunctionCallInfo fcinfo, int number, Field field, std::string_view when_null) {
    if (PG_ARGISNULL(number))
        return when_null;
    const Datum value = PG_GETARG_DATUM(number);
    const auto enough = static_cast<int32>(longest(field)) + 8;
    const text *given = toast_raw_datum_size(value) > static_cast<Size>(enough) ? DatumGetTextPSlice(value, 0, enough)
                                                                                : DatumGetTextPP(value);
    return std::string_view(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
}

// The size of a value inside a jsonb, about.
size_t size_of(const JsonbValue &value) {
    switch (value.type) {
    case jbvString:
        return static_cast<size_t>(value.val.string.len);
    case jbvNumeric:
        return VARSIZE_ANY(value.val.numeric);
    case jbvBinary:
        return static_cast<size_t>(value.val.binary.len);
    default:
        return 0;
    }
}

// The members of a long object that fit into an entry, in their order; those that do not are passed over.
Jsonb *fitting_members(Jsonb *context) {
    size_t left = longest(Field::user_context) / 2; // the estimates are rough
    JsonbParseState *state = nullptr;
    JsonbIterator *iterator = JsonbIteratorInit(&context->root);
    JsonbValue key, value;
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
    if (JsonbIteratorNext(&iterator, &key, false) == WJB_BEGIN_OBJECT) {
        while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY) {
            JsonbIteratorNext(&iterator, &value, true);
            const size_t size = size_of(key) + size_of(value) + 16;
            if (size > left)
                continue;
            left -= size;
            pushJsonbValue(&state, WJB_KEY, &key);
            pushJsonbValue(&state, WJB_VALUE, &value);
        }
    }
    return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr));
}

// The context argument in its binary form. `cut` says that there was more.
std::string_view context_argument(FunctionCallInfo fcinfo, int number, bool *cut) {
    *cut = false;
    if (PG_ARGISNULL(number))
        return {};
    Jsonb *context = PG_GETARG_JSONB_P(number);
    if (VARSIZE(context) > longest(Field::user_context)) {
        *cut = true;
        context = fitting_members(context);
    }
    return std::string_view(reinterpret_cast<const char *>(context), VARSIZE(context));
}

// Whether a role may log as much as it likes: who may write to the table itself.
bool is_trusted(Oid role) {
    const Oid table = get_relname_relid("system_errors", get_namespace_oid("monitoring", true));
    return OidIsValid(table) && pg_class_aclcheck(table, role, ACL_INSERT) == ACLCHECK_OK;
}

// What is kept of calls beyond a role's rate: that they were there.
void become_surplus(Report *report, Oid role) {
    const char *name = GetUserNameFromId(role, true);
    *report = Report();
    (*report)[Field::type] = "rate_limited";
    (*report)[Field::message] =
        psprintf("role %s called monitoring.log_error more than %d times a second: these calls are counted, not kept",
                 name == nullptr ? "(dropped)" : quote_identifier(name), log_rate);
}

// Writes the report; also where a database was wrongly taken for one without the extension.
bool keep_surely(const Report &report, pg_uuid_t *id) {
    if (keep(report, id))
        return true;
    if (!is_off(MyDatabaseId))
        return false;
    turn_on(MyDatabaseId);
    return keep(report, id);
}

} // namespace

} // namespace lifeguard::journal

using namespace lifeguard;

// log_error(error_type, error_message, context): the id of the row that there will be, or null with a warning.
LG_FUNCTION(lifeguard_log_error) {
    using namespace journal;
    const Oid role = GetUserId();
    Report report;
    report.fold = false;
    if (log_rate >= 0 && !superuser_arg(role) && !within_rate(role, log_rate) && !is_trusted(role)) {
        become_surplus(&report, role);
        count(Counter::rate_limited);
    } else {
        report[Field::type] = text_argument(fcinfo, 0, Field::type, "unspecified");
        report[Field::message] = text_argument(fcinfo, 1, Field::message, "");
        report[Field::user_context] = context_argument(fcinfo, 2, &report.cut);
    }

    auto *id = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
    if (!keep_surely(report, id)) {
        const std::string_view message = report[Field::message];
        ereport(WARNING, (errcode(err::journal_lost),
                          errmsg("the error could not be kept in the journal: %.*s",
                                 static_cast<int>(Min(message.size(), 200)), message.data()),
                          errhint("SELECT * FROM monitoring.status() says why, and how many were lost.")));
        PG_RETURN_NULL();
    }
    logged_count++;
    start_writer();
    PG_RETURN_UUID_P(id);
}
