// Where C++ and the server's longjmp meet. The law:
//   - whoever owns a destructor across a server call makes that call inside guarded();
//   - every entry from the server whose body may throw runs inside boundary();
//   - code whose types are all trivially destructible needs neither.
#pragma once

#include <exception>
#include <new>
#include <type_traits>

#include "pg/server.hpp"

namespace lifeguard::pg {

// A server ERROR crossing C++ frames; not a std::exception, so nothing swallows it by accident.
// The record lives as long as the current (sub)transaction, which the error ends anyway.
struct ServerError {
    ErrorData *record;
};

// Takes the error off the server's stack and out of its error context, so that it can travel as an exception.
inline ErrorData *take_error(MemoryContext home) {
    MemoryContextSwitchTo(CurTransactionContext != nullptr ? CurTransactionContext : home);
    ErrorData *record = CopyErrorData();
    FlushErrorState();
    MemoryContextSwitchTo(home);
    return record;
}

// Calls the server while destructors are live: a longjmp goes in, a ServerError comes out.
// The interrupt hold-off count is put back because errfinish() zeroes it under the caller's locks.
template <typename Call> auto guarded(Call call) -> decltype(call()) {
    sigjmp_buf *const stack = PG_exception_stack;
    ErrorContextCallback *const context = error_context_stack;
    const uint32 holdoff = InterruptHoldoffCount;
    const MemoryContext home = CurrentMemoryContext;
    sigjmp_buf here;

    if (sigsetjmp(here, 0) == 0) {
        PG_exception_stack = &here;
        if constexpr (std::is_void_v<decltype(call())>) {
            call();
            PG_exception_stack = stack;
            return;
        } else {
            auto result = call();
            PG_exception_stack = stack;
            return result;
        }
    }
    PG_exception_stack = stack;
    error_context_stack = context;
    InterruptHoldoffCount = holdoff;
    throw ServerError{take_error(home)};
}

// What a C++ failure becomes on the server's side; fixed size, because nothing may be allocated while catching.
struct Failure {
    ErrorData *record = nullptr;
    bool out_of_memory = false;
    char text[256] = "";
};

// Raises the failure as a server ERROR; called only when no exception object is alive any more.
[[noreturn]] inline void raise(const Failure &failure) {
    if (failure.record != nullptr)
        ReThrowError(failure.record);
    if (failure.out_of_memory)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("lifeguard: %s", failure.text)));
    pg_unreachable();
}

// Runs the body of an entry from the server; whatever it throws leaves as a server ERROR, after all destructors ran.
template <typename Body> auto boundary(Body body) -> decltype(body()) {
    Failure failure;
    const MemoryContext home = CurrentMemoryContext;
    try {
        return body();
    } catch (const ServerError &error) {
        failure.record = error.record;
    } catch (const std::bad_alloc &) {
        failure.out_of_memory = true;
    } catch (const std::exception &error) {
        strlcpy(failure.text, error.what(), sizeof failure.text);
    } catch (...) {
        strlcpy(failure.text, "unknown C++ exception", sizeof failure.text);
    }
    MemoryContextSwitchTo(home);
    raise(failure);
}

} // namespace lifeguard::pg
