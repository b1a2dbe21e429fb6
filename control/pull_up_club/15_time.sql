-- The club's time: every date is taken in the setting time_zone, never in the session's.

CREATE FUNCTION pull_up_club.local_date(at timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (at AT TIME ZONE s.time_zone)::date FROM pull_up_club.settings s
$$;
COMMENT ON FUNCTION pull_up_club.local_date(timestamptz) IS 'the date of a moment in the club''s time zone';

CREATE FUNCTION pull_up_club.month_of(at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(at AT TIME ZONE s.time_zone, 'YYYY-MM') FROM pull_up_club.settings s
$$;
COMMENT ON FUNCTION pull_up_club.month_of(timestamptz) IS 'the month (YYYY-MM) of a moment in the club''s time zone';

-- Months of 28 to 31 days and days of 23 to 25 hours are the zone's affair, so days are added there.
CREATE FUNCTION pull_up_club.days_after(at timestamptz, days int) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ((at AT TIME ZONE s.time_zone) + make_interval(days => $2)) AT TIME ZONE s.time_zone
    FROM pull_up_club.settings s
$$;
COMMENT ON FUNCTION pull_up_club.days_after(timestamptz, int) IS
  'the moment so many of the club''s days later, at the same time of day';

CREATE FUNCTION pull_up_club.check_month(month text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF month ~ '^\d{4}-(0[1-9]|1[0-2])$' THEN
    RETURN month;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'LG112',
    MESSAGE = format('INVALID_MONTH: %s is not a month', coalesce(quote_literal(month), 'NULL')),
    DETAIL = jsonb_build_object('month', month),
    HINT = 'Write it as YYYY-MM, for instance 2026-11.';
END $$;
COMMENT ON FUNCTION pull_up_club.check_month(text) IS
  'gives back a month written YYYY-MM; LG112 INVALID_MONTH for anything else';
