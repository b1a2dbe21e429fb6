// The writer's SQL: statements prepared once, each run with the rights of the table's owner and nobody else's.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::journal {

// Who runs while a table's owner acts, and how to go back.
struct Acting {
    Oid caller;
    int security;
    int settings;
};

// Has triggers and constraints checked at the end of each statement, also those declared as deferred: at the commit
// they would run as whoever commits, and the server refuses to defer anything under an owner's restrictions.
void defer_nothing();

// Becomes the owner of a table, with a search_path and settings of his own, and nothing that could outlast him.
// Triggers of others are not fired where the owner is a superuser.
Acting act_as_owner(Oid table);

// Runs what triggers deferred all the same, takes back what they set, and becomes the writer again.
void stop_acting(const Acting &acting);

constexpr int max_parameters = 16;

// A statement on one table.
struct Statement {
    const char *text;
    int count; // parameters
    Oid types[max_parameters];
    SPIPlanPtr plan = nullptr;
};

// A statement on a table whose name may change; its parameters are the columns of a batch.
struct TableStatement {
    const char *text; // with the table's name for %1$s
    int count;
    Statement prepared = {nullptr, 0, {}};
};

// Prepares and plans it under the name that the table has now, so that running it meets no mistake that is not a row's.
// As the owner; SPI is connected.
Statement *prepared_for(Oid table, TableStatement *statement);

// Runs it; the number of rows.
uint64 run(Statement *statement, Datum *values, const char *nulls = nullptr);

// Whether an error has nothing to do with the rows, and may be gone when they are tried again.
bool may_pass(int sqlstate);

// A table of the extension, by name; raises when it is gone.
Oid find_table(const char *schema, const char *name);

} // namespace lifeguard::journal
