// A library that defines the settings of claims before lifeguard does.
#include "pg/server.hpp"

extern "C" {
PG_MODULE_MAGIC;
}

extern "C" PGDLLEXPORT void _PG_init(void);

// Takes the settings, and counts nothing.
void _PG_init(void) {
    static const char *names[] = {"request.jwt.claims", "request.jwt.claim.sub", "request.jwt.claim.email",
                                  "app.current_tenant_id"};
    static char *values[lengthof(names)];
    for (size_t i = 0; i < lengthof(names); i++)
        DefineCustomStringVariable(names[i], "Owned by another library.", nullptr, &values[i], nullptr, PGC_USERSET, 0,
                                   nullptr, nullptr, nullptr);
}
