#include "pg/server.hpp"

#include "monitoring/monitoring.hpp"

namespace lifeguard::monitoring {

// SQL reads them by name.
static int check_time_limit = 10 * 1000;
static int check_retention = 90 * 24 * 60;
static int check_slice = 16;

void init() {
    DefineCustomIntVariable("lifeguard.check_time_limit", "How long a check may run that has no time_limit of its own.",
                            "0 sets no limit.", &check_time_limit, 10 * 1000, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MS,
                            nullptr, nullptr, nullptr);
    DefineCustomIntVariable("lifeguard.check_retention", "How long the results of checks are kept.",
                            "The last run, and what is still found, stay. -1 keeps everything.", &check_retention,
                            90 * 24 * 60, -1, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("lifeguard.check_slice",
                            "How much of a big table one run looks at for rows that the server should have refused.",
                            "Each run takes the next slice. -1 looks at everything.", &check_slice, 16, -1, 1024 * 1024,
                            PGC_SUSET, GUC_UNIT_MB, nullptr, nullptr, nullptr);
}

} // namespace lifeguard::monitoring
