-- Dates and months are the club's, whatever the session's time zone.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();

-- a Sunday's last and a Monday's first moment in UTC, seen by sessions all around the world
CREATE TEMP TABLE moment (at timestamptz);
INSERT INTO moment VALUES ('2026-11-22 23:59:59.999999+00'), ('2026-11-23 00:00:00+00'), ('2026-11-30 23:59:59+00'), ('2026-12-01 00:00:00+00');
CREATE TEMP TABLE seen (session_zone text, at timestamptz, day date, month text, pool uuid);
DO $$
DECLARE
  zone text;
BEGIN
  FOREACH zone IN ARRAY ARRAY['Etc/GMT+12', 'Pacific/Pago_Pago', 'America/New_York', 'America/St_Johns', 'UTC', 'Europe/Berlin',
                              'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Chatham', 'Pacific/Kiritimati'] LOOP
    PERFORM set_config('timezone', zone, true);
    INSERT INTO seen
    SELECT zone, at, pull_up_club.local_date(at), pull_up_club.month_of(at), finance.ensure_pool(pull_up_club.local_date(at)) FROM moment;
  END LOOP;
END $$;
SELECT at AT TIME ZONE 'UTC' AS utc, day, month, p.week_start_date AS pool, count(*) AS sessions
  FROM seen JOIN finance.weekly_pools p ON p.id = seen.pool GROUP BY 1, 2, 3, 4 ORDER BY 1;
SELECT count(*) AS pools FROM finance.weekly_pools;

-- the club moves: the same moments are other days, again the same for all
SELECT pull_up_club.set('time_zone', 'Pacific/Kiritimati');
SELECT at AT TIME ZONE 'UTC' AS utc, pull_up_club.local_date(at) AS day, pull_up_club.month_of(at) AS month FROM moment ORDER BY 1;
SELECT pull_up_club.set('time_zone', 'Etc/GMT+12');
SELECT at AT TIME ZONE 'UTC' AS utc, pull_up_club.local_date(at) AS day, pull_up_club.month_of(at) AS month FROM moment ORDER BY 1;

-- clocks change: 2026-10-25 has 25 hours in Berlin and 2026-03-29 has 23; every hour belongs to the one day
SELECT pull_up_club.set('time_zone', 'Europe/Berlin');
SET timezone = 'America/New_York';
SELECT pull_up_club.local_date(at) AS day, count(*) AS hours
  FROM generate_series(timestamptz '2026-10-23 12:00+00', '2026-10-27 12:00+00', '1 hour') AS at GROUP BY 1 ORDER BY 1;
SELECT pull_up_club.local_date(at) AS day, count(*) AS hours
  FROM generate_series(timestamptz '2026-03-27 12:00+00', '2026-03-31 12:00+00', '1 hour') AS at GROUP BY 1 ORDER BY 1;
-- Sunday 23:30 of both clocks is the Sunday's week
SELECT extract(isodow FROM pull_up_club.local_date('2026-10-25 22:30+00')) AS winter_sunday,
       extract(isodow FROM pull_up_club.local_date('2026-10-25 23:00+00')) AS winter_monday,
       extract(isodow FROM pull_up_club.local_date('2026-03-29 21:30+00')) AS summer_sunday,
       extract(isodow FROM pull_up_club.local_date('2026-03-29 22:00+00')) AS summer_monday;
-- 30 days later it is the same time of day, though an hour more or less has gone by
SELECT pull_up_club.days_after('2026-10-10 10:00+00', 30) AT TIME ZONE 'UTC' AS autumn,
       pull_up_club.days_after('2026-03-10 10:00+00', 30) AT TIME ZONE 'UTC' AS spring;
RESET timezone;

-- no moment, no date
SELECT pull_up_club.local_date(NULL), pull_up_club.month_of(NULL), pull_up_club.days_after(NULL, 1);
SELECT pull_up_club.local_date('infinity'), pull_up_club.local_date('-infinity');

SELECT pull_up_club.check_month('2026-11'), pull_up_club.check_month('0001-01');
SELECT pull_up_club.check_month('2026-13');
\echo :LAST_ERROR_SQLSTATE
SELECT pull_up_club.check_month('2026-00');
SELECT pull_up_club.check_month('2026-1');
SELECT pull_up_club.check_month(E'2026-11\n');
SELECT pull_up_club.check_month($$2026-11' OR '1'='1$$);
SELECT pull_up_club.check_month(NULL);

SELECT pull_up_club.set('time_zone', 'UTC');
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
