// How it works. A block with handlers begins a subtransaction: the server says so, and that is when the block is noted.
// One that commits is a block that nothing happened to. One that is rolled back means that a handler may be at work
// next; only then is PL/pgSQL asked to call us for statements:
//   - the handler's first statement shows the error, all of it; without statements SQLSTATE and SQLERRM are left;
//   - the block's end says that its handler raised nothing: the error was swallowed;
//   - a rollback around the block says that the handler was left by another error: the first one was translated, unless
//     the second says the same, as soon as it is known (to the handler that catches it, or to the log).
// No server call here can raise: all this also runs while a transaction ends.
#include "pg/plpgsql.hpp"
#include "pg/subtransaction.hpp"
#include "journal/detector.hpp"
#include "journal/keep.hpp"
#include "journal/plugin.hpp"
#include "journal/settings.hpp"
#include "journal/shared.hpp"

namespace lifeguard::journal {

namespace {

// An error that a handler caught. Its texts are copies, which lie behind it: the server's end with the handler.
struct Caught {
    Caught *next;
    bool has_come_out; // the log or an outer handler saw an error that says the same
    Report report;
};

// A block with handlers that is at work.
struct Frame {
    PLpgSQL_execstate *function;
    PLpgSQL_stmt_block *block;
    SubTransactionId outer; // in which it began
    SubTransactionId inner; // its own; invalid once that was rolled back: from then on a handler is at work
    int line;               // that failed
    bool handler_seen;      // the handler's first statement was
    uint64 logged;          // logged_count when the handler began
    Caught *caught;         // what is to be kept of its error
    bool lacks_memory;      // there was none for that
};

Frame *frames = nullptr;
int frame_count = 0, frame_capacity = 0;
int handler_count = 0; // frames whose handler is at work

// Errors whose handlers were left by another one, of which nothing is known yet. The oldest first.
Caught *hidden = nullptr;
Caught **hidden_end = &hidden;

// The frame whose handler has just raised again what it caught; -1: none.
int raising_again = -1;

// The first subtransaction of this transaction that was seen to begin: of older ones nothing can be said.
SubTransactionId first_seen = InvalidSubTransactionId;

MemoryContext memory = nullptr;

// Whether errors are kept that this kind of condition caught.
bool is_wanted(pg::CaughtBy by) {
    switch (static_cast<Swallowed>(capture_swallowed)) {
    case Swallowed::all:
        return by != pg::CaughtBy::nothing;
    case Swallowed::others:
        return by == pg::CaughtBy::others;
    default:
        return false;
    }
}

// What of a text is compared and copied: more than an entry holds, so that the encoder sees that it has to cut.
std::string_view cut(std::string_view text, Field field) {
    return text.substr(0, longest(field) + 8);
}

// Allocates without an error when there is no memory.
void *allocate(size_t size) {
    return MemoryContextAllocExtended(memory, size, MCXT_ALLOC_NO_OOM);
}

// Copies a report with its texts; nullptr when there is no memory.
Caught *copy(const Report &report) {
    size_t size = sizeof(Caught);
    for (int i = 0; i < field_count; i++)
        size += cut(report.texts[i], static_cast<Field>(i)).size();
    auto *caught = static_cast<Caught *>(allocate(size));
    if (caught == nullptr)
        return nullptr;
    *caught = Caught{nullptr, false, report};
    char *end = reinterpret_cast<char *>(caught + 1);
    for (int i = 0; i < field_count; i++) {
        if (report.texts[i].data() == nullptr)
            continue;
        const std::string_view text = cut(report.texts[i], static_cast<Field>(i));
        memcpy(end, text.data(), text.size());
        caught->report.texts[i] = {end, text.size()};
        end += text.size();
    }
    return caught;
}

// Says in a report where the error was caught.
void locate(const Frame &frame, Report *report) {
    const PLpgSQL_function &code = *frame.function->func;
    report->function_id = code.fn_oid;
    (*report)[Field::function] = code.fn_signature;
    report->line = frame.line;
}

// Whether an error says the same as one that was caught before.
bool says_the_same(const Caught &caught, int sqlstate, std::string_view message) {
    return caught.report.sqlstate == sqlstate && caught.report[Field::message] == cut(message, Field::message);
}

// Reports the errors that are hidden by now: all but those that the error which came out says again.
void report_hidden() {
    Caught *caught = hidden;
    hidden = nullptr;
    hidden_end = &hidden;
    while (caught != nullptr) {
        Caught *const next = caught->next;
        if (!caught->has_come_out) {
            caught->report.source = Source::translated;
            keep(caught->report);
        }
        pfree(caught);
        caught = next;
    }
}

// Likewise, when the error behind which they were hidden is known.
void report_hidden(int sqlstate, std::string_view message) {
    for (Caught *caught = hidden; caught != nullptr; caught = caught->next)
        caught->has_come_out |= says_the_same(*caught, sqlstate, message);
    report_hidden();
}

// Asks to be called for statements as long as handlers are at work.
void watch_if_needed() {
    if (handler_count > 0)
        watch();
    else
        unwatch();
}

// Removes the frames from `first` on, which an error ended. What their handlers had caught is hidden behind it.
void bury(int first) {
    for (int i = first; i < frame_count; i++) {
        const Frame &frame = frames[i];
        if (frame.inner == InvalidSubTransactionId)
            handler_count--;
        const bool is_hidden = i != raising_again && frame.logged == logged_count;
        if (frame.lacks_memory && is_hidden) {
            count(Counter::refused_failed);
            note_loss(MyDatabaseId);
        } else if (frame.caught != nullptr && is_hidden) {
            *hidden_end = frame.caught;
            hidden_end = &frame.caught->next;
        } else if (frame.caught != nullptr) {
            pfree(frame.caught);
        }
    }
    frame_count = first;
    if (raising_again >= first)
        raising_again = -1;
}

// How many frames remain when those are not counted whose functions are no longer at work.
int frames_at_work() {
    int count = frame_count;
    while (count > 0 && !is_at_work(frames[count - 1].function))
        count--;
    return count;
}

// The innermost frame, if it is this function's.
Frame *innermost_frame(const PLpgSQL_execstate *function) {
    // a frame above it can only be left from a function whose error somebody caught without rolling anything back
    if (frame_count > 0 && frames[frame_count - 1].function != function) {
        bury(frames_at_work());
        report_hidden();
    }
    return frame_count > 0 && frames[frame_count - 1].function == function ? &frames[frame_count - 1] : nullptr;
}

// At a handler's first statement: copies what was caught. It also is what inner handlers' errors were hidden behind.
void enter_handler(Frame *frame) {
    const ErrorData &error = *frame->function->cur_error;
    frame->handler_seen = true;
    report_hidden(error.sqlerrcode, error.message != nullptr ? error.message : "");
    if (!is_wanted(pg::caught_by(*frame->block->exceptions, error.sqlerrcode)))
        return;
    Report report;
    describe(error, &report);
    locate(*frame, &report);
    frame->caught = copy(report);
    frame->lacks_memory = frame->caught == nullptr;
}

// Before a statement, while a handler is at work somewhere.
void before_statement(PLpgSQL_execstate *function, PLpgSQL_stmt *statement) {
    raising_again = -1;
    if (function->cur_error == nullptr)
        return;
    Frame *frame = innermost_frame(function);
    if (frame == nullptr)
        return;
    if (frame->inner == InvalidSubTransactionId && !frame->handler_seen)
        enter_handler(frame);
    if (!pg::raises_again(*statement))
        return;
    // the handler is this frame's, or that of one around it when this one's body is still at work
    for (int i = frame_count - 1; i >= 0 && frames[i].function == function; i--)
        if (frames[i].inner == InvalidSubTransactionId) {
            raising_again = i;
            return;
        }
}

// Reports what a handler swallowed that raised nothing.
void report_swallowed(const Frame &frame) {
    const PLpgSQL_exception_block &handlers = *frame.block->exceptions;
    const std::string_view state = pg::text_variable(*frame.function, handlers.sqlstate_varno);
    if (state.size() != 5)
        return;
    Report report;
    report.sqlstate = MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]);
    report[Field::message] = pg::text_variable(*frame.function, handlers.sqlerrm_varno);
    report_hidden(report.sqlstate, report[Field::message]);
    if (!is_wanted(pg::caught_by(handlers, report.sqlstate)) || frame.logged != logged_count)
        return;
    if (frame.caught != nullptr) {
        report = frame.caught->report;
    } else {
        locate(frame, &report);
        name_application(&report);
    }
    report.source = Source::swallowed;
    keep(report);
}

// After a statement: a block with handlers that ends with a frame still there had its handler at work.
void after_statement(PLpgSQL_execstate *function, PLpgSQL_stmt *statement) {
    raising_again = -1;
    const PLpgSQL_stmt_block *block = pg::block_with_handlers(statement);
    if (block == nullptr)
        return;
    const Frame *frame = innermost_frame(function);
    if (frame == nullptr || frame->block != block || frame->inner != InvalidSubTransactionId)
        return;
    report_swallowed(*frame);
    if (frame->caught != nullptr)
        pfree(frame->caught);
    frame_count--;
    handler_count--;
    watch_if_needed();
}

// Makes room for one more frame; false when there is no memory.
bool grow() {
    const int capacity = frame_capacity == 0 ? 16 : 2 * frame_capacity;
    auto *more = static_cast<Frame *>(allocate(sizeof(Frame) * static_cast<size_t>(capacity)));
    if (more == nullptr)
        return false;
    if (frames != nullptr) {
        memcpy(more, frames, sizeof(Frame) * static_cast<size_t>(frame_count));
        pfree(frames);
    }
    frames = more;
    frame_capacity = capacity;
    return true;
}

// A subtransaction begins: a block's own, or somebody else's.
void begin_subtransaction(SubTransactionId id, SubTransactionId outer) {
    if (static_cast<Swallowed>(capture_swallowed) == Swallowed::off)
        return;
    if (first_seen == InvalidSubTransactionId)
        first_seen = id;
    PLpgSQL_execstate *function = current_function();
    PLpgSQL_stmt_block *block = function != nullptr ? pg::entered_block(*function) : nullptr;
    if (block != nullptr && (frame_count < frame_capacity || grow()))
        frames[frame_count++] = Frame{function, block, outer, id, 0, false, 0, nullptr, false};
}

// A subtransaction has committed. If it was a block's, that block needed no handler.
void commit_subtransaction(SubTransactionId id) {
    int i = frame_count - 1;
    while (i >= 0 && frames[i].inner != id && frames[i].outer >= id)
        i--;
    if (i < 0 || frames[i].inner != id)
        return;
    bury(i);
    report_hidden();
    watch_if_needed();
}

// Counts a subtransaction that was rolled back, unless the reason is known: the client's ROLLBACK TO and the end of a
// failed statement come while no statement is at work.
void count_unexplained(SubTransactionId id) {
    if (static_cast<Swallowed>(capture_swallowed) != Swallowed::off && first_seen != InvalidSubTransactionId &&
        id >= first_seen && ActivePortal != nullptr && !proc_exit_inprogress && id != pg::explained_rollback)
        count(Counter::unexplained_subtransactions);
}

// A subtransaction was rolled back, and all that began within it is gone. If it was a block's own, its handlers come
// next.
void abort_subtransaction(SubTransactionId id) {
    int remaining = frame_count;
    while (remaining > 0 && frames[remaining - 1].outer >= id)
        remaining--;
    bury(remaining);
    Frame *frame = remaining > 0 && frames[remaining - 1].inner == id ? &frames[remaining - 1] : nullptr;
    if (frame == nullptr) {
        count_unexplained(id);
        report_hidden();
    } else if (!is_at_work(frame->function)) { // nobody comes to handle anything: the session ends
        bury(remaining - 1);
        report_hidden();
    } else {
        frame->inner = InvalidSubTransactionId;
        frame->line = pg::failed_line(*frame->function);
        frame->logged = logged_count;
        handler_count++;
    }
    watch_if_needed();
}

// The server's callback for subtransactions.
void on_subtransaction(SubXactEvent event, SubTransactionId id, SubTransactionId outer, void *) {
    switch (event) {
    case SUBXACT_EVENT_START_SUB:
        begin_subtransaction(id, outer);
        break;
    case SUBXACT_EVENT_COMMIT_SUB:
        if (frame_count > 0)
            commit_subtransaction(id);
        break;
    case SUBXACT_EVENT_ABORT_SUB:
        abort_subtransaction(id);
        break;
    default:
        break;
    }
}

// The server's callback for transactions. A procedure's COMMIT or ROLLBACK leaves its handlers at work; otherwise what
// is still there was left by an error.
void on_transaction(XactEvent event, void *) {
    switch (event) {
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_PARALLEL_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PARALLEL_ABORT:
    case XACT_EVENT_PREPARE:
        first_seen = InvalidSubTransactionId;
        if (frame_count == 0 && hidden == nullptr)
            break;
        bury(frames_at_work());
        report_hidden();
        watch_if_needed();
        break;
    default:
        break;
    }
}

} // namespace

Detector detector_state() {
    if (!plpgsql_is_known())
        return Detector::not_loaded;
    return is_covered() ? Detector::chained : Detector::in_place;
}

void saw_uncaught(const ErrorData &error) {
    if (error.elevel < ERROR || error.message == nullptr)
        return;
    for (Caught *caught = hidden; caught != nullptr; caught = caught->next)
        caught->has_come_out |= says_the_same(*caught, error.sqlerrcode, error.message);
    for (int i = frame_count - 1; i >= 0 && !is_at_work(frames[i].function); i--)
        if (frames[i].caught != nullptr)
            frames[i].caught->has_come_out |= says_the_same(*frames[i].caught, error.sqlerrcode, error.message);
}

void init_detector() {
    memory = AllocSetContextCreate(TopMemoryContext, "lifeguard handled errors", ALLOCSET_DEFAULT_SIZES);
    init_plugin(Watcher{before_statement, after_statement});
    RegisterXactCallback(on_transaction, nullptr);
    RegisterSubXactCallback(on_subtransaction, nullptr);
}

} // namespace lifeguard::journal
