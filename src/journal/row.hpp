// An entry as a row of monitoring.system_errors.
#pragma once

#include "journal/entry.hpp"
#include "pg/server.hpp"

namespace lifeguard::journal {

// The columns that the writer fills, in the order of its statements' parameters.
enum class Column : int {
    id,
    error_type,
    error_message,
    context,
    created_at,
    severity,
    sqlstate,
    source,
    occurrences,
    last_seen_at,
    session_user_name,
    app_user,
};
constexpr int column_count = static_cast<int>(Column::app_user) + 1;

struct Row {
    Datum values[column_count];
    bool nulls[column_count];

    Datum &operator[](Column column) { return values[static_cast<int>(column)]; }
    // As text, or NULL where there is none.
    void set_text(Column column, const char *text) {
        nulls[static_cast<int>(column)] = text == nullptr;
        values[static_cast<int>(column)] = text == nullptr ? 0 : CStringGetTextDatum(text);
    }
};

// Makes the row in the current memory: names looked up, invalid bytes spelled out, secrets taken out. In a transaction.
void make_row(const Entry &entry, Row *row);

// The names of a source in the table.
const char *source_name(Source source);

} // namespace lifeguard::journal
