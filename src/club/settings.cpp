#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "club/settings.hpp"
#include "club/tables.hpp"

namespace lifeguard::club {

Settings read_settings(pg::Work &work) {
    Settings settings = {};
    work.each(settings::table, {}, [&](const pg::Row &row) {
        settings.zone = find_zone(row.string(settings::time_zone));
        settings.pool_dollars = row.integer(settings::pool_dollars);
        settings.monthly_cap_dollars = row.integer(settings::monthly_cap_dollars);
        settings.cap_for_member = strcmp(row.string(settings::monthly_cap_scope), "member") == 0;
        settings.auto_create_pools = DatumGetBool(row.values[settings::auto_create_pools]);
        settings.max_pull_ups = row.integer(settings::max_pull_ups);
    });
    if (settings.zone == nullptr)
        ereport(ERROR, (errcode(err::not_installed), errmsg("NOT_INSTALLED: pull_up_club.settings has no row"),
                        errdetail_internal("%s", pg::Detail().add("table", "pull_up_club.settings").text()),
                        errhint("INSERT INTO pull_up_club.settings DEFAULT VALUES.")));
    return settings;
}

} // namespace lifeguard::club
