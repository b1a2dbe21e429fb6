// Functions that send errors across the boundary between C++ and the server; test/t/boundary.pl looks at what arrives.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "pg/boundary.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "storage/lwlock.h"

PG_MODULE_MAGIC;
}

namespace {

using namespace lifeguard::pg;

int64 made = 0, alive = 0;

// An object that has a destructor, owns memory, and is counted.
struct Tracked {
    Tracked() : text(100, 'x') {
        made++;
        alive++;
    }
    Tracked(const Tracked &) = delete;
    Tracked &operator=(const Tracked &) = delete;
    ~Tracked() { alive--; }
    std::string text;
};

// A lock that is let go by a destructor, as owners of locks in C++ do.
struct Lock {
    Lock() { LWLockAcquire(AddinShmemInitLock, LW_SHARED); }
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;
    ~Lock() { LWLockRelease(AddinShmemInitLock); }
};

// A text argument as C++ likes it; the copy is made under a guard, since it is the server's code.
std::string text_argument(FunctionCallInfo fcinfo, int number) {
    return guarded([&] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); });
}

// Raises a server ERROR with everything that one can carry.
void raise_all(const char *message) {
    ereport(ERROR,
            (errcode(MAKE_SQLSTATE('Z', 'Z', '1', '2', '3')), errmsg("%s", message), errdetail("the detail"),
             errdetail_log("the log's detail"), errhint("the hint"), errcontext_msg("the first context"),
             err_generic_string(PG_DIAG_SCHEMA_NAME, "schema"), err_generic_string(PG_DIAG_TABLE_NAME, "table"),
             err_generic_string(PG_DIAG_COLUMN_NAME, "column"), err_generic_string(PG_DIAG_DATATYPE_NAME, "type"),
             err_generic_string(PG_DIAG_CONSTRAINT_NAME, "constraint"), internalerrposition(3),
             internalerrquery("inner query")));
}

// Adds a line of context while it is on the server's stack.
void add_context(void *line) {
    errcontext("%s", static_cast<const char *>(line));
}

// Runs `call` with a line of context around it.
template <typename Call> void with_context(const char *line, Call call) {
    ErrorContextCallback entry = {error_context_stack, add_context, const_cast<char *>(line)};
    error_context_stack = &entry;
    call();
    error_context_stack = entry.previous;
}

// A guard inside a boundary inside a guard, `depth` times, with an object at each level; the innermost raises.
int nest(int depth) {
    Tracked here;
    std::vector<std::unique_ptr<Tracked>> more;
    more.push_back(std::make_unique<Tracked>());
    if (depth == 0) {
        guarded([] { raise_all("from below"); });
        return 0;
    }
    return guarded([&] { return boundary([&] { return nest(depth - 1) + 1; }); });
}

// Raises an error whose message, detail and context are these bytes, whatever they are.
void raise_bytes(const char *bytes) {
    ereport(ERROR, (errcode(MAKE_SQLSTATE('Z', 'Z', '1', '2', '4')), errmsg_internal("%s", bytes),
                    errdetail_internal("%s", bytes), errcontext_msg("%s", bytes)));
}

// Raises under as many lines of context as the argument says, each from a callback of its own.
void raise_under(int levels) {
    ErrorContextCallback *entries = palloc_array(ErrorContextCallback, levels);
    for (int i = 0; i < levels; i++) {
        entries[i] = {error_context_stack, add_context, psprintf("level %d", levels - i)};
        error_context_stack = &entries[i];
    }
    raise_bytes("from the depth");
}

// A line of context that cannot be said.
void fail_in_context(void *) {
    ereport(ERROR, (errcode(MAKE_SQLSTATE('Z', 'Z', '1', '2', '5')), errmsg("no context can be given")));
}

} // namespace

// raise(message): an ERROR of the server's through frames that own things.
LG_FUNCTION(boundary_raise) {
    return boundary([&]() -> Datum {
        Tracked one;
        const std::string message = text_argument(fcinfo, 0);
        Tracked two;
        guarded([&] { with_context("a context of C++", [&] { raise_all(message.c_str()); }); });
        PG_RETURN_VOID();
    });
}

// throws(kind): a C++ exception of this kind, from under objects.
LG_FUNCTION(boundary_throws) {
    return boundary([&]() -> Datum {
        Tracked one;
        const std::string kind = text_argument(fcinfo, 0);
        if (kind == "bad_alloc")
            throw std::bad_alloc();
        if (kind == "really bad_alloc")
            PG_RETURN_INT64(static_cast<int64>(std::string(static_cast<size_t>(PTRDIFF_MAX) - 1, 'x').size()));
        if (kind == "exception")
            throw std::runtime_error("100% wrong: %s %d %n");
        if (kind == "long")
            throw std::runtime_error(std::string(100000, 'y'));
        if (kind == "at")
            PG_RETURN_INT64(std::vector<int>().at(7));
        if (kind == "number")
            throw 42;
        PG_RETURN_INT64(0);
    });
}

// nests(depth): returns through guards and boundaries in turn; the innermost raises.
LG_FUNCTION(boundary_nests) {
    return boundary([&]() -> Datum { PG_RETURN_INT32(nest(PG_GETARG_INT32(0))); });
}

// returns(number): the number, out of a guard, a boundary, and guards in each other.
LG_FUNCTION(boundary_returns) {
    return boundary([&]() -> Datum {
        const std::unique_ptr<std::string> twice = guarded(
            [&] { return guarded([&] { return std::make_unique<std::string>(2 * PG_GETARG_INT32(0), 'x'); }); });
        guarded([] {});
        PG_RETURN_INT32(static_cast<int32>(twice->size() / 2));
    });
}

// swallows(times): catches as many errors in C++, each with its subtransaction rolled back; the last one's message.
LG_FUNCTION(boundary_swallows) {
    return boundary([&]() -> Datum {
        std::string last;
        const MemoryContext memory = CurrentMemoryContext;
        const ResourceOwner owner = CurrentResourceOwner;
        for (int i = 0; i < PG_GETARG_INT32(0); i++) {
            Tracked here;
            guarded([] { BeginInternalSubTransaction(nullptr); });
            try {
                guarded([&] { with_context("swallowed", [&] { raise_all(std::to_string(i).c_str()); }); });
            } catch (const ServerError &error) {
                last = error.record->message;
            }
            guarded([] { RollbackAndReleaseCurrentSubTransaction(); });
            MemoryContextSwitchTo(memory);
            CurrentResourceOwner = owner;
        }
        guarded([&] { ereport(NOTICE, (errmsg("swallowed up to %s", last.c_str()))); });
        return guarded([&] { return CStringGetTextDatum(last.c_str()); });
    });
}

// locks(): an ERROR while an object holds a lightweight lock, whose release counts interrupts down.
LG_FUNCTION(boundary_locks) {
    return boundary([&]() -> Datum {
        Lock held;
        Tracked one;
        guarded([] { raise_all("under a lock"); });
        PG_RETURN_VOID();
    });
}

// waits(): until it is interrupted, under a guard and an object.
LG_FUNCTION(boundary_waits) {
    (void)fcinfo;
    return boundary([]() -> Datum {
        Tracked one;
        guarded([] {
            for (;;) {
                pg_usleep(1000);
                CHECK_FOR_INTERRUPTS();
            }
        });
        PG_RETURN_VOID();
    });
}

// made(), alive(): how many objects there ever were, and are.
LG_FUNCTION(boundary_made) {
    (void)fcinfo;
    PG_RETURN_INT64(made);
}
LG_FUNCTION(boundary_alive) {
    (void)fcinfo;
    PG_RETURN_INT64(alive);
}

// holdoffs(): what keeps interrupts away now, and what C++ still holds of exceptions; all zero between statements.
LG_FUNCTION(boundary_holdoffs) {
    (void)fcinfo;
    char text[100];
    snprintf(text, sizeof text, "interrupts %u, cancels %u, critical %u, uncaught %d, current %s",
             InterruptHoldoffCount, QueryCancelHoldoffCount, CritSectionCount, std::uncaught_exceptions(),
             std::current_exception() ? "one" : "none");
    PG_RETURN_TEXT_P(cstring_to_text(text));
}

// bytes(message): an ERROR that says just these bytes, valid in the database's encoding or not.
LG_FUNCTION(boundary_bytes) {
    return boundary([&]() -> Datum {
        guarded([&] {
            const bytea *message = PG_GETARG_BYTEA_PP(0);
            raise_bytes(pnstrdup(VARDATA_ANY(message), VARSIZE_ANY_EXHDR(message)));
        });
        PG_RETURN_VOID();
    });
}

// deep(levels): an ERROR under as many levels of context.
LG_FUNCTION(boundary_deep) {
    return boundary([&]() -> Datum {
        guarded([&] { raise_under(PG_GETARG_INT32(0)); });
        PG_RETURN_VOID();
    });
}

// context_fails(): an ERROR whose context is an error itself.
LG_FUNCTION(boundary_context_fails) {
    (void)fcinfo;
    return boundary([]() -> Datum {
        guarded([] {
            ErrorContextCallback entry = {error_context_stack, fail_in_context, nullptr};
            error_context_stack = &entry;
            raise_bytes("an error without context");
        });
        PG_RETURN_VOID();
    });
}

// worker(library, message): a background worker, connected to this database, that raises this message and ends. The
// library is this file, as the server knows it. Returns once it has ended.
LG_FUNCTION(boundary_worker) {
    return boundary([&]() -> Datum {
        guarded([&] {
            BackgroundWorker worker = {};
            worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
            worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
            worker.bgw_restart_time = BGW_NEVER_RESTART;
            worker.bgw_notify_pid = MyProcPid;
            worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
            strlcpy(worker.bgw_name, "boundary worker", sizeof worker.bgw_name);
            strlcpy(worker.bgw_function_name, "boundary_worker_main", sizeof worker.bgw_function_name);
            strlcpy(worker.bgw_library_name, text_to_cstring(PG_GETARG_TEXT_PP(0)), sizeof worker.bgw_library_name);
            strlcpy(worker.bgw_extra, text_to_cstring(PG_GETARG_TEXT_PP(1)), sizeof worker.bgw_extra);
            BackgroundWorkerHandle *handle;
            if (!RegisterDynamicBackgroundWorker(&worker, &handle))
                ereport(ERROR, (errmsg("no background worker is left")));
            WaitForBackgroundWorkerShutdown(handle);
        });
        PG_RETURN_VOID();
    });
}

extern "C" PGDLLEXPORT void boundary_worker_main(Datum argument);

// Raises what it was given.
void boundary_worker_main(Datum argument) {
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(argument), InvalidOid, 0);
    ereport(ERROR, (errmsg("%s", MyBgworkerEntry->bgw_extra)));
}
