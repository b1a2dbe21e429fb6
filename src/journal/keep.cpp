#include "journal/detector.hpp"
#include "journal/file.hpp"
#include "journal/keep.hpp"
#include "journal/launcher.hpp"
#include "journal/settings.hpp"
#include "journal/shared.hpp"

namespace lifeguard::journal {

uint64 logged_count = 0;

namespace {

emit_log_hook_type previous_emit_log = nullptr;

// Set while an entry is being written, and for good in processes of ours: what goes wrong there must not come back
// here.
bool is_keeping = false;

// An entry was written and no launcher sees to a writer: this session will, as soon as it may take locks.
bool writer_is_wanted = false;

// Where no writer sees what this session has lost, the session tells it itself, as soon as something can be kept again.
void tell_losses() {
    const uint64 losses = take_losses(MyDatabaseId);
    if (losses == 0)
        return;
    char message[192];
    Report report;
    describe_losses(losses, message, &report);
    if (append(MyDatabaseId, encode(report).bytes) != Appended::kept)
        note_loss(MyDatabaseId, losses);
}

// Keeps what is about to be written to the server log.
void on_log(ErrorData *error) {
    if (error->elevel >= ERROR) {
        // a parallel worker's error is logged again by its leader
        if (capture_uncaught && !IsParallelWorker()) {
            Report report;
            describe(*error, &report);
            report.source = Source::uncaught;
            report.severity = error->elevel;
            keep(report);
        }
        saw_uncaught(*error);
    }
    if (previous_emit_log != nullptr)
        previous_emit_log(error);
}

// At a transaction's end, starts the writer that the log hook could not start.
void at_transaction_end(XactEvent event, void *) {
    const bool has_ended = event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE;
    if (has_ended && writer_is_wanted && !proc_exit_inprogress)
        writer_is_wanted = !start_writer();
}

} // namespace

bool keep(const Report &report, pg_uuid_t *id) {
    if (is_keeping || !OidIsValid(MyDatabaseId))
        return false;
    is_keeping = true;
    const int saved_errno = errno;
    const Encoded entry = encode(report);
    const Appended result = append(MyDatabaseId, entry.bytes);
    if (id != nullptr)
        *id = entry.id;
    switch (result) {
    case Appended::kept:
        count(Counter::kept);
        if (entry.cut)
            count(Counter::cut);
        if (is_preloaded()) {
            wake_launcher();
        } else {
            writer_is_wanted = true;
            tell_losses();
        }
        break;
    case Appended::full:
    case Appended::failed:
        count(result == Appended::full ? Counter::refused_full : Counter::refused_failed);
        note_loss(MyDatabaseId);
        break;
    case Appended::off:
        break;
    }
    errno = saved_errno;
    is_keeping = false;
    return result == Appended::kept;
}

void name_application(Report *report) {
    if (application_name != nullptr && *application_name != '\0')
        (*report)[Field::application_name] = view(application_name);
}

void describe(const ErrorData &error, Report *report) {
    Report &to = *report;
    to.sqlstate = error.sqlerrcode;
    to[Field::message] = view(error.message);
    to[Field::detail] = view(error.detail_log != nullptr ? error.detail_log : error.detail);
    to[Field::hint] = view(error.hint);
    to[Field::context] = view(error.context);
    to[Field::schema] = view(error.schema_name);
    to[Field::table] = view(error.table_name);
    to[Field::column] = view(error.column_name);
    to[Field::constraint] = view(error.constraint_name);
    name_application(report);
    if (capture_query)
        to[Field::query] = view(debug_query_string);
}

void describe_losses(uint64 losses, char (&message)[192], Report *report) {
    snprintf(message, sizeof message,
             UINT64_FORMAT
             " errors were not kept: the journal had reached its limit, or its file could not be written. "
             "monitoring.status() says more.",
             losses);
    report->fold = false;
    (*report)[Field::type] = "journal_loss";
    (*report)[Field::message] = message;
}

void stop_keeping() {
    is_keeping = true;
}

void init_keeping() {
    previous_emit_log = emit_log_hook;
    emit_log_hook = on_log;
    if (!process_shared_preload_libraries_in_progress)
        RegisterXactCallback(at_transaction_end, nullptr);
}

} // namespace lifeguard::journal
