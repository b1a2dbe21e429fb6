#include "rules/batch.hpp"
#include "rules/nesting.hpp"
#include "rules/partition_move.hpp"

namespace lifeguard::rules {

namespace {

constexpr int max_kinds = 8;

// A statement whose AFTER triggers are firing, and the work they left for its end.
struct Statement {
    Statement *outer;
    MemoryContext memory;
    int count;
    const BatchKind *kinds[max_kinds];
    void *batches[max_kinds];
};

Statement *current_statement = nullptr;
ExecutorFinish_hook_type next_finish = nullptr;

// Flushes until nothing is left: a flush may fire triggers that leave new work.
void flush(Statement &statement) {
    while (statement.count > 0) {
        const BatchKind *kind = statement.kinds[0];
        void *batch = statement.batches[0];
        statement.count--;
        memmove(statement.kinds, statement.kinds + 1, sizeof(statement.kinds[0]) * statement.count);
        memmove(statement.batches, statement.batches + 1, sizeof(statement.batches[0]) * statement.count);
        kind->flush(batch);
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
    PG_TRY();
    {
        current_statement = &statement;
        next(query);
        flush(statement);
    }
    PG_FINALLY();
    {
        current_statement = statement.outer;
        forget_move();
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

void *statement_batch(FunctionCallInfo call, const BatchKind &kind) {
    const bool is_action =
        current_frame != nullptr && current_frame->call != nullptr && call->flinfo->fn_expr == current_frame->call;
    if (!is_action || current_statement == nullptr)
        return nullptr;
    Statement &statement = *current_statement;
    for (int i = 0; i < statement.count; i++)
        if (statement.kinds[i] == &kind)
            return statement.batches[i];
    if (statement.count == max_kinds)
        return nullptr;
    statement.kinds[statement.count] = &kind;
    statement.batches[statement.count] = MemoryContextAllocZero(batch_context(), kind.size);
    return statement.batches[statement.count++];
}

void init_batches() {
    next_finish = ExecutorFinish_hook;
    ExecutorFinish_hook = finish;
}

} // namespace lifeguard::rules
