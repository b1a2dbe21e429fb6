// Rows of monitoring.audit_log, collected for a statement and stored without SQL: straight into the partition that is
// for them.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::audit {

// A row for the log. What it points to is copied where it is added.
struct Entry {
    const char *operation;
    Datum relation;         // text
    const pg_uuid_t *story; // which declaration of an audit wrote it: names the table across renames
    const Jsonb *key;       // nullptr: none
    const Jsonb *before;
    const Jsonb *after;
    ArrayType *changed;
    Oid role; // who ran the statement
};

// Adds a row to the running statement's, or stores it at once where no end of a statement will come.
void add(const Entry &entry);

} // namespace lifeguard::audit
