// Work that row triggers leave for the end of their statement, so that many rows take each lock once and in one order.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::rules {

// A kind of deferred work: its name, the size of its (zeroed) batch, and what is done with it at the statement's end,
// as the owner of the table whose rules left it.
struct BatchKind {
    const char *name;
    size_t size;
    void (*flush)(void *batch);
};

// The running statement's batch of this kind, for a function that a row trigger calls directly as an `abort` action;
// nullptr when this call is not one: the caller does its work now. Memory for entries: batch_context().
void *statement_batch(FunctionCallInfo call, const BatchKind &kind);

// The running statement's batch of this kind, for a rule that acts itself; nullptr where nothing comes at the end
// (COPY, a subtransaction within the statement, a library that was loaded in the middle of it): the rule does its work
// now.
void *rule_batch(const BatchKind &kind);

// Memory that lives until the running statement's batches are flushed.
MemoryContext batch_context();

// A batch whose work failed, told while its error is being raised (so no catalog may be read).
struct BatchFailure {
    const char *work;  // the kind's name
    const char *table; // whose rules left the first of it
    Oid caller;        // who ran the statement
    int depth;         // how many row triggers are at work around the statement
    MemoryContext memory;
};

// Names who is told.
void on_batch_failure(void (*tell)(const BatchFailure &failure));

// Installs the executor hook that flushes the batches.
void init_batches();

} // namespace lifeguard::rules
