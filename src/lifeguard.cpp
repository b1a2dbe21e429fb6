// The module: what the server looks for when it loads the library, and the list of features.
#include "pg/server.hpp"

#include "audit/audit.hpp"
#include "club/init.hpp"
#include "guards/in_step.hpp"
#include "guards/protected_columns.hpp"
#include "guards/updated_at.hpp"
#include "identity/identity.hpp"
#include "journal/journal.hpp"
#include "lifecycle/lifecycle.hpp"
#include "monitoring/monitoring.hpp"
#include "rules/rules.hpp"

extern "C" {
PG_MODULE_MAGIC;

// Called once when the library is loaded: every feature's init() and nothing else.
PGDLLEXPORT void _PG_init(void) {
    lifeguard::journal::init();
    lifeguard::identity::init();
    lifeguard::rules::init();
    lifeguard::audit::init(); // a change is told before what a lifecycle's actions make of it
    lifeguard::lifecycle::init();
    lifeguard::guards::init_protected_columns();
    lifeguard::guards::init_updated_at();
    lifeguard::guards::init_in_step(); // after all others that set columns: it follows them
    lifeguard::monitoring::init();
    lifeguard::club::init();
    MarkGUCPrefixReserved("lifeguard");
}
}
