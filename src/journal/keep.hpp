// The journal's entrance, for whoever sees an error.
#pragma once

#include "journal/entry.hpp"

namespace lifeguard::journal {

// Writes an error into this database's journal, whatever becomes of the transaction. Never raises, allocates nothing;
// callable from hooks and from the end of transactions. False when it could not be kept (which is counted). Sets the
// row's id.
bool keep(const Report &report, pg_uuid_t *id = nullptr);

// How often monitoring.log_error() kept something in this session: a handler that calls it hides nothing.
extern uint64 logged_count;

// Fills a report from the server's record of an error: sqlstate, message, detail, hint, context, names of table and
// column.
void describe(const ErrorData &error, Report *report);

// Fills in the application_name of this session.
void name_application(Report *report);

// How the table is told of errors that could not be kept; `message` holds the text.
void describe_losses(uint64 losses, char (&message)[192], Report *report);

// For the writer: nothing that happens in this process is to be kept.
void stop_keeping();

// Installs the log hook.
void init_keeping();

} // namespace lifeguard::journal
