// A PL/pgSQL plugin that calls nobody who was there before, and counts how it is called itself.
#include "pg/plpgsql.hpp"

extern "C" {
PG_MODULE_MAGIC;
}

namespace {

int64 functions = 0, statements = 0;
int64 functions_left = 0, statements_left = 0;
int64 lacking = 0; // functions that began without what PL/pgSQL gives its plugin

extern PLpgSQL_plugin plugin;

void set_up(PLpgSQL_execstate *, PLpgSQL_function *) {
    if (plugin.error_callback == nullptr || plugin.assign_expr == nullptr || plugin.assign_value == nullptr ||
        plugin.eval_datum == nullptr || plugin.cast_value == nullptr)
        lacking++;
    plugin.assign_expr = nullptr; // given anew for each function
    plugin.cast_value = nullptr;
}

void begin(PLpgSQL_execstate *, PLpgSQL_function *) {
    functions++;
}

void end(PLpgSQL_execstate *, PLpgSQL_function *) {
    functions_left++;
}

void before(PLpgSQL_execstate *, PLpgSQL_stmt *) {
    statements++;
}

void after(PLpgSQL_execstate *, PLpgSQL_stmt *) {
    statements_left++;
}

PLpgSQL_plugin plugin = {set_up, begin, end, before, after, nullptr, nullptr, nullptr, nullptr, nullptr};

} // namespace

extern "C" PGDLLEXPORT void _PG_init(void);

// Takes the place, whoever has it.
void _PG_init(void) {
    *find_rendezvous_variable("PLpgSQL_plugin") = &plugin;
}

// counted(): how often it was called since the last time.
LG_FUNCTION(plugin_counted) {
    (void)fcinfo;
    char text[200];
    snprintf(text, sizeof text, "functions %lld, left %lld; statements %lld, left %lld; lacking %lld",
             static_cast<long long>(functions), static_cast<long long>(functions_left),
             static_cast<long long>(statements), static_cast<long long>(statements_left),
             static_cast<long long>(lacking));
    functions = functions_left = statements = statements_left = lacking = 0;
    PG_RETURN_TEXT_P(cstring_to_text(text));
}
