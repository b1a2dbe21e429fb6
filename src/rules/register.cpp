#include "pg/search_path.hpp"
#include "rules/origin.hpp"
#include "rules/register.hpp"

namespace lifeguard::rules {

void note_declared(Oid table, Timing timing, bool has_rules) {
    const Oid schema = get_namespace_oid("lifeguard", true);
    const Oid tables = OidIsValid(schema) ? get_relname_relid("declared_tables", schema) : InvalidOid;
    // an update of the extension may still have to make it; a temporary table goes without a word
    if (!OidIsValid(tables) || get_rel_persistence(table) == RELPERSISTENCE_TEMP)
        return;
    Oid types[] = {REGCLASSOID, TEXTOID};
    Datum values[] = {ObjectIdGetDatum(table), CStringGetTextDatum(timing == Timing::before ? "before" : "after")};
    const char *command = has_rules ? "INSERT INTO lifeguard.declared_tables VALUES ($1, $2) ON CONFLICT DO NOTHING"
                                    : "DELETE FROM lifeguard.declared_tables WHERE relation = $1 AND timing = $2";
    Oid user;
    int security;
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(owner_of(tables), security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    const int level = pg::pin_search_path();
    SPI_connect();
    if (SPI_execute_with_args(command, 2, types, values, nullptr, false, 0) < 0)
        elog(ERROR, "could not note the rules of table %u", table);
    SPI_finish();
    pg::unpin_search_path(level);
    SetUserIdAndSecContext(user, security);
}

} // namespace lifeguard::rules
