#include "pg/owner.hpp"
#include "pg/subtransaction.hpp"
#include "journal/redact.hpp"
#include "journal/statement.hpp"

namespace lifeguard::journal {

namespace {

// What a text with secrets is not without; monitoring.redact(), which is slower, decides. Keep in step with it
// (control/lifeguard/47_journal_redact.sql).
constexpr std::string_view hints[] = {
    "password",      "passwd", "passphrase", "passcode", "pwd", "secret", "token",       "key", "$",   "credential",
    "authorization", "cookie", "jwt",        "bearer",   "eyj", "://",    "failing row", "=(",  "= (",
};

// A call of monitoring.redact() that may fail.
struct Call {
    Oid type;
    Datum value;
};

// The bytes with which a hint may begin.
struct Beginnings {
    bool may_begin[256] = {};

    constexpr Beginnings() {
        for (const std::string_view hint : hints) {
            const auto first = static_cast<unsigned char>(hint[0]);
            may_begin[first] = true;
            if (first >= 'a' && first <= 'z')
                may_begin[first - 'a' + 'A'] = true;
        }
    }
};
constexpr Beginnings beginnings;

// Whether bytes begin with a word, in whatever case; the word is in small letters.
bool begin_with(std::string_view bytes, std::string_view word) {
    if (bytes.size() < word.size())
        return false;
    for (size_t i = 0; i < word.size(); i++) {
        const char byte = bytes[i] >= 'A' && bytes[i] <= 'Z' ? static_cast<char>(bytes[i] - 'A' + 'a') : bytes[i];
        if (byte != word[i])
            return false;
    }
    return true;
}

// Whether they end with it.
bool end_with(std::string_view bytes, std::string_view word) {
    return bytes.size() >= word.size() && begin_with(bytes.substr(bytes.size() - word.size()), word);
}

// Whether what was found at a place means anything there: a key is one to something, a parameter has a number.
bool means_it(std::string_view bytes, size_t at, std::string_view hint) {
    if (hint == "$")
        return at + 1 < bytes.size() && (isdigit(static_cast<unsigned char>(bytes[at + 1])) || bytes[at + 1] == '$');
    if (hint != "key")
        return true;
    std::string_view before = bytes.substr(0, at);
    if (!before.empty() && std::string_view(" _-").find(before.back()) != std::string_view::npos)
        before.remove_suffix(1);
    return end_with(before, "api") || end_with(before, "access") || end_with(before, "private");
}

// Whether some of the bytes look like a secret's name, in whatever case.
bool is_suspicious(std::string_view bytes) {
    for (size_t at = 0; at < bytes.size(); at++) {
        if (!beginnings.may_begin[static_cast<unsigned char>(bytes[at])])
            continue;
        for (const std::string_view hint : hints)
            if (begin_with(bytes.substr(at), hint) && means_it(bytes, at, hint))
                return true;
    }
    return false;
}

// Calls the function for the value's type, with its owner's rights.
void call_redact(void *argument) {
    auto *call = static_cast<Call *>(argument);
    List *name = list_make2(makeString(pstrdup("monitoring")), makeString(pstrdup("redact")));
    const Oid function = LookupFuncName(name, 1, &call->type, false);
    const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", function);
    const Oid owner = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner;
    ReleaseSysCache(tuple);
    const pg::Caller caller = pg::enter_owner(owner, SECURITY_RESTRICTED_OPERATION);
    call->value = OidFunctionCall1Coll(function, DEFAULT_COLLATION_OID, call->value);
    pg::leave_owner(caller);
}

// Redacts the value; false when that cannot be done, and will not be later: then it must not be stored as it is.
bool redact(Call *call) {
    ErrorData *error = pg::try_in_subtransaction(call_redact, call);
    if (error != nullptr && may_pass(error->sqlerrcode))
        ReThrowError(error);
    return error == nullptr;
}

} // namespace

std::string_view redacted(std::string_view given) {
    if (!is_suspicious(given))
        return given;
    Call call = {TEXTOID, PointerGetDatum(cstring_to_text_with_len(given.data(), static_cast<int>(given.size())))};
    if (!redact(&call))
        return "(not kept: monitoring.redact failed)";
    const text *clean = DatumGetTextPP(call.value);
    return std::string_view(VARDATA_ANY(clean), VARSIZE_ANY_EXHDR(clean));
}

Jsonb *redacted(Jsonb *object) {
    if (!is_suspicious(std::string_view(reinterpret_cast<const char *>(object), VARSIZE(object))))
        return object;
    Call call = {JSONBOID, JsonbPGetDatum(object)};
    if (!redact(&call))
        call.value =
            DirectFunctionCall1(jsonb_in, CStringGetDatum(R"({"redacted": "not kept: monitoring.redact failed"})"));
    return DatumGetJsonbP(call.value);
}

} // namespace lifeguard::journal
