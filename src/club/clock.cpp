#include "pg/errors.hpp"
#include "pg/text.hpp"
#include "club/clock.hpp"

namespace lifeguard::club {

pg_tz *find_zone(const char *name) {
    static char known_name[TZ_STRLEN_MAX + 1];
    static pg_tz *known_zone = nullptr;
    if (known_zone != nullptr && strcmp(known_name, name) == 0)
        return known_zone;
    pg_tz *zone = pg_tzset(name);
    if (zone == nullptr)
        ereport(ERROR,
                (errcode(err::invalid_setting), errmsg("INVALID_SETTING: there is no time zone \"%s\"", name),
                 errdetail_internal("%s", pg::Detail().add("setting", "time_zone").add("value", name).text()),
                 errhint("Names are in pg_timezone_names: UPDATE pull_up_club.settings SET time_zone = 'UTC'.")));
    strlcpy(known_name, name, sizeof known_name);
    return known_zone = zone;
}

DateADT date_of(TimestampTz moment, pg_tz *zone) {
    pg_tm local;
    fsec_t fraction;
    int offset;
    if (TIMESTAMP_NOT_FINITE(moment) || timestamp2tm(moment, &offset, &local, &fraction, nullptr, zone) != 0)
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
    return date2j(local.tm_year, local.tm_mon, local.tm_mday) - POSTGRES_EPOCH_JDATE;
}

// Writes a month by its number.
static Month make_month(int number) {
    Month month;
    month.number = number;
    snprintf(month.text, sizeof month.text, "%04d-%02d", number / 12, number % 12 + 1);
    return month;
}

Month month_of(DateADT date) {
    int year, month, day;
    j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
    return make_month(year * 12 + month - 1);
}

Month months_after(const Month &month, int months) {
    return make_month(month.number + months);
}

Month read_month(const char *text) {
    int year = 0, month = 0;
    if (text == nullptr || sscanf(text, "%d-%d", &year, &month) != 2 || month < 1 || month > 12)
        year = 0, month = 0;
    return make_month(year * 12 + month - 1);
}

TimestampTz begin_of(const Month &month, pg_tz *zone) {
    pg_tm local = {};
    local.tm_year = month.number / 12;
    local.tm_mon = month.number % 12 + 1;
    local.tm_mday = 1;
    int offset = DetermineTimeZoneOffset(&local, zone);
    Timestamp moment;
    if (tm2timestamp(&local, 0, &offset, &moment) != 0)
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
    return moment;
}

DateADT monday_of(DateADT date) {
    return date - (j2day(date + POSTGRES_EPOCH_JDATE) + 6) % 7;
}

const char *date_text(DateADT date) {
    int year, month, day;
    j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
    return psprintf("%04d-%02d-%02d", year, month, day);
}

} // namespace lifeguard::club
