// The club's calendar: dates, weeks and months in its own time zone, never in the session's.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::club {

// A calendar month, written YYYY-MM.
struct Month {
    char text[16];
    int number; // months since the year 0

    bool operator==(const Month &other) const { return number == other.number; }
    Datum datum() const { return CStringGetTextDatum(text); }
};

// The zone of this name; LG110 when the server knows none.
pg_tz *find_zone(const char *name);

// The date of a moment.
DateADT date_of(TimestampTz moment, pg_tz *zone);

// The month of a date, and the one so many months later.
Month month_of(DateADT date);
Month months_after(const Month &month, int months);

// The month that a column YYYY-MM names; its number is -1 when it is no month.
Month read_month(const char *text);

// The moment when a month begins.
TimestampTz begin_of(const Month &month, pg_tz *zone);

// The Monday of the week that holds the date.
DateADT monday_of(DateADT date);

// A date as YYYY-MM-DD.
const char *date_text(DateADT date);

} // namespace lifeguard::club
