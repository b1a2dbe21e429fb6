// PL/pgSQL's plugin interface. A plugin is called for each statement, which costs; so we become one only while there is
// something to see, on top of whatever plugin is there then, and step back afterwards.
#pragma once

#include "pg/plpgsql.hpp"

namespace lifeguard::journal {

// Called before and after each statement while watching.
struct Watcher {
    void (*before)(PLpgSQL_execstate *function, PLpgSQL_stmt *statement);
    void (*after)(PLpgSQL_execstate *function, PLpgSQL_stmt *statement);
};

// Begins and ends watching; either may be said twice.
void watch();
void unwatch();

// The PL/pgSQL function that does what is being done now by itself, not by something that it called; nullptr when none
// does.
PLpgSQL_execstate *current_function();

// Whether a function that was at work still is: neither ended nor left by an error.
bool is_at_work(const PLpgSQL_execstate *function);

// Whether PL/pgSQL has run in this session; whether another plugin was put on ours while we watched, and never left.
bool plpgsql_is_known();
bool is_covered();

// Registers with PL/pgSQL, which need not be loaded yet.
void init_plugin(const Watcher &watcher);

} // namespace lifeguard::journal
