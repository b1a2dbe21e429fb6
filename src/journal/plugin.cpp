#include "journal/plugin.hpp"

namespace lifeguard::journal {

namespace {

// One of our places in the chain of plugins, and the plugin below it.
struct Link {
    PLpgSQL_plugin plugin; // first: PL/pgSQL knows its address
    PLpgSQL_plugin *below;
};

// Where PL/pgSQL looks for its plugin.
PLpgSQL_plugin **top = nullptr;

// Two places, because plugins that are loaded later keep the address of what was on top then: `resident` stays where it
// was put when the library was loaded, does nothing but pass on, and learns PL/pgSQL's error callback; `watching` comes
// and goes.
Link resident, watching;

Watcher watcher;
bool is_watching = false, covered = false;

// What PL/pgSQL has on the server's stack of error contexts for each function that is at work.
void (*error_callback)(void *) = nullptr;

// Lets the plugin below have what PL/pgSQL gives only to the one on top.
void pass_functions(const Link &link) {
    link.below->error_callback = link.plugin.error_callback;
    link.below->assign_expr = link.plugin.assign_expr;
    link.below->assign_value = link.plugin.assign_value;
    link.below->eval_datum = link.plugin.eval_datum;
    link.below->cast_value = link.plugin.cast_value;
}

// The five calls, passed on to the plugin below.

template <const Link &link> void set_up(PLpgSQL_execstate *function, PLpgSQL_function *code) {
    if (link.below == nullptr)
        return;
    pass_functions(link);
    if (link.below->func_setup != nullptr)
        link.below->func_setup(function, code);
}

template <const Link &link> void begin(PLpgSQL_execstate *function, PLpgSQL_function *code) {
    if (link.below != nullptr && link.below->func_beg != nullptr)
        link.below->func_beg(function, code);
}

template <const Link &link> void end(PLpgSQL_execstate *function, PLpgSQL_function *code) {
    if (link.below != nullptr && link.below->func_end != nullptr)
        link.below->func_end(function, code);
}

template <const Link &link> void before(PLpgSQL_execstate *function, PLpgSQL_stmt *statement) {
    if constexpr (&link == &watching)
        watcher.before(function, statement);
    if (link.below != nullptr && link.below->stmt_beg != nullptr)
        link.below->stmt_beg(function, statement);
}

template <const Link &link> void after(PLpgSQL_execstate *function, PLpgSQL_stmt *statement) {
    if constexpr (&link == &watching)
        watcher.after(function, statement);
    if (link.below != nullptr && link.below->stmt_end != nullptr)
        link.below->stmt_end(function, statement);
}

// Sets a place's calls.
template <const Link &link> void set_calls(PLpgSQL_plugin *plugin) {
    plugin->func_setup = set_up<link>;
    plugin->func_beg = begin<link>;
    plugin->func_end = end<link>;
    plugin->stmt_beg = before<link>;
    plugin->stmt_end = after<link>;
}

} // namespace

void watch() {
    if (is_watching || covered)
        return;
    is_watching = true;
    watching.below = *top;
    *top = &watching.plugin;
}

void unwatch() {
    if (!is_watching)
        return;
    is_watching = false;
    if (*top == &watching.plugin)
        *top = watching.below;
    else
        covered = true; // a plugin was loaded inside a handler: it calls us from now on, if it calls anybody
}

PLpgSQL_execstate *current_function() {
    if (error_callback == nullptr && *top != nullptr)
        error_callback = (*top)->error_callback;
    const ErrorContextCallback *context = error_context_stack;
    if (context == nullptr || context->callback != error_callback || error_callback == nullptr)
        return nullptr;
    return static_cast<PLpgSQL_execstate *>(context->arg);
}

bool is_at_work(const PLpgSQL_execstate *function) {
    for (const ErrorContextCallback *context = error_context_stack; context != nullptr; context = context->previous)
        if (context->arg == function && context->callback == error_callback)
            return true;
    return false;
}

bool plpgsql_is_known() {
    return error_callback != nullptr || (*top != nullptr && (*top)->error_callback != nullptr);
}

bool is_covered() {
    return covered;
}

void init_plugin(const Watcher &to_be_called) {
    watcher = to_be_called;
    top = reinterpret_cast<PLpgSQL_plugin **>(find_rendezvous_variable("PLpgSQL_plugin"));
    set_calls<watching>(&watching.plugin);
    resident.below = *top;
    if (resident.below != nullptr) // else it passes nothing on, and PL/pgSQL skips calls that are not set
        set_calls<resident>(&resident.plugin);
    *top = &resident.plugin;
}

} // namespace lifeguard::journal
