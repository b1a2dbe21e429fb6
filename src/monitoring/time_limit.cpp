#include "monitoring/time_limit.hpp"

namespace lifeguard::monitoring {

namespace {

constexpr int again_after = 100; // milliseconds

TimeoutId timeout = MAX_TIMEOUTS; // none yet
volatile sig_atomic_t is_over = false;

// Called in the signal handler. A cancel, or a timeout of the server's, that came first keeps its meaning.
void at_limit() {
    if (!is_over && (QueryCancelPending || get_timeout_indicator(STATEMENT_TIMEOUT, false) ||
                     get_timeout_indicator(LOCK_TIMEOUT, false)))
        return; // not processed yet; if it ends nothing, we come again
    is_over = true;
    InterruptPending = true;
    QueryCancelPending = true;
    SetLatch(MyLatch);
}

} // namespace

void begin_time_limit(int milliseconds) {
    is_over = false;
    if (milliseconds <= 0)
        return;
    if (timeout == MAX_TIMEOUTS)
        timeout = RegisterTimeout(USER_TIMEOUT, at_limit);
    enable_timeout_every(timeout, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds), again_after);
}

bool end_time_limit() {
    if (timeout != MAX_TIMEOUTS)
        disable_timeout(timeout, false);
    if (is_over)
        QueryCancelPending = false;
    return is_over;
}

// Anybody can raise the SQLSTATE, and a remote server's error has it too; the place in the server cannot be forged.
bool is_cancel(const ErrorData &error) {
    return error.sqlerrcode == ERRCODE_QUERY_CANCELED && error.funcname != nullptr &&
           strcmp(error.funcname, "ProcessInterrupts") == 0;
}

bool is_our_cancel(const ErrorData &error, bool was_over) {
    return was_over && is_cancel(error) && error.message_id != nullptr &&
           strcmp(error.message_id, "canceling statement due to user request") == 0;
}

} // namespace lifeguard::monitoring
