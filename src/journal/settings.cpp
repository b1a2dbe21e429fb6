#include "journal/settings.hpp"

namespace lifeguard::journal {

bool capture_uncaught = true;
int capture_swallowed = static_cast<int>(Swallowed::others);
bool capture_query = false;
int durability = static_cast<int>(Durability::process);
int journal_limit = 512;
int fold_window = 3600;
int log_rate = 100;
bool redact_secrets = true;

static const config_enum_entry swallowed_values[] = {
    {"off", static_cast<int>(Swallowed::off), false},
    {"others", static_cast<int>(Swallowed::others), false},
    {"all", static_cast<int>(Swallowed::all), false},
    {nullptr, 0, false},
};

static const config_enum_entry durability_values[] = {
    {"process", static_cast<int>(Durability::process), false},
    {"fsync", static_cast<int>(Durability::fsync), false},
    {nullptr, 0, false},
};

void init_settings() {
    DefineCustomBoolVariable("lifeguard.capture_uncaught", "Keeps errors that reach the server log in the journal.",
                             nullptr, &capture_uncaught, true, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("lifeguard.capture_swallowed",
                             "Keeps exceptions that PL/pgSQL handlers hide: off, those of WHEN OTHERS, or all.",
                             nullptr, &capture_swallowed, static_cast<int>(Swallowed::others), swallowed_values,
                             PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("lifeguard.capture_query", "Keeps the text of the query with an uncaught error.",
                             "It may hold what nobody else should read.", &capture_query, false, PGC_SUSET, 0, nullptr,
                             nullptr, nullptr);
    DefineCustomEnumVariable("lifeguard.durability",
                             "What a kept error survives: the end of processes, or also the loss of power (fsync).",
                             nullptr, &durability, static_cast<int>(Durability::process), durability_values, PGC_SUSET,
                             0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "lifeguard.journal_limit", "How much of a database's journal may wait for the table.",
        "Half of it for new entries, half for those being stored. What comes beyond is counted, not kept.",
        &journal_limit, 512, 1, 1024 * 1024, PGC_SIGHUP, GUC_UNIT_MB, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("lifeguard.fold_window", "For how long repetitions of an error are counted in one row.",
                            "0 gives each a row of its own.", &fold_window, 3600, 0, 7 * 24 * 3600, PGC_SUSET,
                            GUC_UNIT_S, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "lifeguard.log_rate", "Calls of monitoring.log_error a second, of a role that is not trusted.",
        "Ten seconds' worth may come at once. What comes beyond is counted in one row. -1 sets no limit.", &log_rate,
        100, -1, 1000000, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("lifeguard.redact",
                             "Takes passwords, tokens, parameters and key values out of what is stored.", nullptr,
                             &redact_secrets, true, PGC_SUSET, 0, nullptr, nullptr, nullptr);
}

} // namespace lifeguard::journal
