#include "pg/owner.hpp"
#include "rules/batch.hpp"
#include "rules/nesting.hpp"
#include "rules/partition_move.hpp"

namespace lifeguard::rules {

namespace {

constexpr int max_works = 8;

// Work of one kind, to be done as the owner of the table whose rules left it.
struct Work {
    const BatchKind *kind;
    Oid owner;
    void *batch;
    const char *table;
};

// A statement whose AFTER triggers are firing, and the work they left for its end.
struct Statement {
    Statement *outer;
    SubTransactionId transaction; // work of a subtransaction within it cannot wait: that may be rolled back before
    MemoryContext memory;
    int count;
    Work works[max_works];
};

Statement *current_statement = nullptr;
ExecutorFinish_hook_type next_finish = nullptr;
void (*tell_failure)(const BatchFailure &failure) = nullptr;

// Does one work as the owner.
void flush_one(const Work &work) {
    const MemoryContext memory = CurrentMemoryContext;
    const pg::Caller caller = pg::enter_owner(work.owner);
    PG_TRY();
    { work.kind->flush(work.batch); }
    PG_CATCH();
    {
        if (tell_failure != nullptr)
            tell_failure(BatchFailure{work.kind->name, work.table, caller.role,
                                      current_frame == nullptr ? 0 : current_frame->depth, memory});
        PG_RE_THROW();
    }
    PG_END_TRY();
    pg::leave_owner(caller);
}

// Flushes until nothing is left: a flush may fire triggers that leave new work.
void flush(Statement &statement) {
    while (statement.count > 0) {
        const Work work = statement.works[0];
        statement.count--;
        memmove(statement.works, statement.works + 1, sizeof(Work) * statement.count);
        flush_one(work);
    }
}

// Ends a query as the server does, then flushes what its AFTER triggers left.
void finish(QueryDesc *query) {
    const auto next = next_finish != nullptr ? next_finish : standard_ExecutorFinish;
    if (query->operation == CMD_SELECT && !query->plannedstmt->hasModifyingCTE) {
        next(query);
        return;
    }
    Statement statement = {};
    statement.outer = current_statement;
    statement.transaction = GetCurrentSubTransactionId();
    PG_TRY();
    {
        current_statement = &statement;
        next(query);
        flush(statement);
    }
    PG_FINALLY();
    {
        current_statement = statement.outer;
        forget_moves();
        if (statement.memory != nullptr)
            MemoryContextDelete(statement.memory);
    }
    PG_END_TRY();
}

} // namespace

MemoryContext batch_context() {
    if (current_statement->memory == nullptr)
        current_statement->memory =
            AllocSetContextCreate(TopTransactionContext, "lifeguard batch", ALLOCSET_DEFAULT_SIZES);
    return current_statement->memory;
}

void *rule_batch(const BatchKind &kind) {
    if (current_frame == nullptr || current_statement == nullptr ||
        current_statement->transaction != GetCurrentSubTransactionId())
        return nullptr;
    Statement &statement = *current_statement;
    for (int i = 0; i < statement.count; i++)
        if (statement.works[i].kind == &kind && statement.works[i].owner == current_frame->owner)
            return statement.works[i].batch;
    if (statement.count == max_works)
        return nullptr;
    Work &work = statement.works[statement.count++];
    work = Work{&kind, current_frame->owner, MemoryContextAllocZero(batch_context(), kind.size),
                MemoryContextStrdup(batch_context(), current_frame->table)};
    return work.batch;
}

void *statement_batch(FunctionCallInfo call, const BatchKind &kind) {
    const bool is_action =
        current_frame != nullptr && current_frame->call != nullptr && call->flinfo->fn_expr == current_frame->call;
    return is_action ? rule_batch(kind) : nullptr;
}

void on_batch_failure(void (*tell)(const BatchFailure &failure)) {
    tell_failure = tell;
}

void init_batches() {
    next_finish = ExecutorFinish_hook;
    ExecutorFinish_hook = finish;
}

} // namespace lifeguard::rules
