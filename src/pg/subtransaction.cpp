#include "pg/subtransaction.hpp"

namespace lifeguard::pg {

SubTransactionId explained_rollback = InvalidSubTransactionId;

ErrorData *try_in_subtransaction(void (*work)(void *), void *argument) {
    const MemoryContext memory = CurrentMemoryContext;
    const ResourceOwner owner = CurrentResourceOwner;
    ErrorData *volatile error = nullptr;

    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    PG_TRY();
    {
        work(argument);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        error = CopyErrorData();
        FlushErrorState();
        explained_rollback = GetCurrentSubTransactionId();
        RollbackAndReleaseCurrentSubTransaction();
        explained_rollback = InvalidSubTransactionId;
    }
    PG_END_TRY();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = owner;
    // as PL/pgSQL's OTHERS: a cancelled query is cancelled, and a broken assertion is no error to go on after
    ErrorData *caught = error;
    if (caught != nullptr &&
        (caught->sqlerrcode == ERRCODE_QUERY_CANCELED || caught->sqlerrcode == ERRCODE_ASSERT_FAILURE))
        ReThrowError(caught);
    return caught;
}

} // namespace lifeguard::pg
