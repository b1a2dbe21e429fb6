#include "pg/text.hpp"
#include "journal/keep.hpp"
#include "lifecycle/failure.hpp"

namespace lifeguard::lifecycle {

// The error kept last. On its way through the actions around the one that failed it is met again, and not kept again:
// its context names all of them, so nothing else has the same.
static struct {
    uint64 hash;
    int depth;
    bool kept;
} last;

// What tells errors apart. (A handler that raises an error again raises the same, with the context of old.)
static uint64 hash_error(const ErrorData &error) {
    uint64 hash = static_cast<uint64>(error.sqlerrcode);
    for (const char *text : {error.message, error.detail, error.context})
        if (text != nullptr)
            hash = hash_bytes_extended(reinterpret_cast<const unsigned char *>(text), static_cast<int>(strlen(text)),
                                       hash);
    return hash;
}

bool keep_failure(const Attempt &attempt, const ErrorData &error) {
    using journal::Field;
    using journal::view;
    const uint64 hash = hash_error(error);
    if (hash == last.hash && attempt.depth < last.depth)
        return last.kept;

    journal::Report report;
    describe(error, &report);
    report.source = journal::Source::action;
    report.severity = ERROR;
    // the table is the one with the rules: where the error names another one, its message does too
    report[Field::schema] = report[Field::column] = {};
    report[Field::table] = view(attempt.table);
    report[Field::row_key] = view(attempt.row_key);
    report[Field::from_state] = view(attempt.from_state);
    report[Field::to_state] = view(attempt.to_state);
    report[Field::action] = view(attempt.action);

    // the entry names who made the move, not the owner as whom the rules run
    Oid role;
    int security;
    GetUserIdAndSecContext(&role, &security);
    SetUserIdAndSecContext(attempt.caller, security);
    last = {hash, attempt.depth, keep(report)};
    SetUserIdAndSecContext(role, security);
    return last.kept;
}

void keep_raised(const Attempt &attempt, MemoryContext memory) {
    if (geterrcode() == ERRCODE_QUERY_CANCELED)
        return;
    // Nothing is rolled back yet: locks of pages may be held, so that even a look into the catalogs could wait for
    // ourselves for ever. What is here now lies in memory, and only the lack of that can fail it.
    const MemoryContext home = MemoryContextSwitchTo(memory);
    ErrorData *error = CopyErrorData();
    (void)keep_failure(attempt, *error);
    FreeErrorData(error);
    MemoryContextSwitchTo(home);
}

void keep_batch_failure(const rules::BatchFailure &failure) {
    char action[NAMEDATALEN + 64];
    snprintf(action, sizeof action, "%s: what actions left for the end of their statement", failure.work);
    keep_raised(Attempt{failure.table, nullptr, nullptr, nullptr, action, failure.caller, batch_depth(failure.depth)},
                failure.memory);
}

} // namespace lifeguard::lifecycle
