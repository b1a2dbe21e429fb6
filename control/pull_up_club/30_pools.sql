-- Weekly pools: what a week, Monday to Sunday, has to give.

INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('table', 'finance.weekly_pools', $ddl$
CREATE TABLE finance.weekly_pools (
  id                       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  week_start_date          date NOT NULL,               -- a Monday, in the club's time zone
  week_end_date            date NOT NULL,               -- the Sunday, included
  total_amount_dollars     int NOT NULL,
  remaining_amount_dollars int NOT NULL,                -- written by the earnings functions and set_pool_total() only
  spent_dollars            int NOT NULL DEFAULT 0,
  month_year               text NOT NULL,               -- the Monday's month
  week_number_in_month     int,                         -- which Monday of that month
  is_current               boolean NOT NULL DEFAULT false,   -- for old readers; nothing here reads it
  is_depleted              boolean NOT NULL GENERATED ALWAYS AS (remaining_amount_dollars = 0) STORED,
  created_at               timestamptz NOT NULL DEFAULT now(),
  updated_at               timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT weekly_pools_balance CHECK (remaining_amount_dollars >= 0 AND spent_dollars >= 0
    AND remaining_amount_dollars + spent_dollars = total_amount_dollars),
  CONSTRAINT weekly_pools_week CHECK ((week_start_date - DATE '2001-01-01') % 7 = 0      -- that was a Monday
    AND week_end_date = week_start_date + 6 AND month_year LIKE '____-__'),
  CONSTRAINT weekly_pools_no_overlap EXCLUDE USING gist (daterange(week_start_date, week_end_date, '[]') WITH &&)
) WITH (fillfactor = 50);   -- room for the updates of the one row that all approvals of a week want
COMMENT ON TABLE finance.weekly_pools IS
  'the dollars of a week, Monday to Sunday in the club''s time zone; remaining + spent = total'$ddl$),
  ('index', 'finance.weekly_pools_by_week',
   'CREATE UNIQUE INDEX weekly_pools_by_week ON finance.weekly_pools (week_start_date)'),
  ('index', 'finance.weekly_pools_one_current',
   'CREATE UNIQUE INDEX weekly_pools_one_current ON finance.weekly_pools (is_current) WHERE is_current');

CREATE FUNCTION finance.ensure_pool(day date DEFAULT pull_up_club.local_date(now())) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  monday date;
  dollars int;
  pool   uuid;
BEGIN
  IF day IS NULL OR NOT isfinite(day) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG102',
      MESSAGE = format('POOL_MISSING: no week holds the day %s', coalesce(day::text, 'NULL')),
      DETAIL = jsonb_build_object('day', day),
      HINT = 'Name a day of the week whose pool is wanted.';
  END IF;
  monday := day - (extract(isodow FROM day)::int - 1);
  SELECT id INTO pool FROM finance.weekly_pools WHERE week_start_date = monday;
  IF FOUND THEN
    RETURN pool;
  END IF;
  SELECT pool_dollars INTO dollars FROM pull_up_club.settings;
  -- the first mark of all; to move one is the daily job's, which locks pools by week
  INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars,
                                    month_year, week_number_in_month, is_current)
  VALUES (monday, monday + 6, dollars, dollars, to_char(monday, 'YYYY-MM'), (extract(day FROM monday)::int - 1) / 7 + 1,
          pull_up_club.local_date(now()) BETWEEN monday AND monday + 6
          AND NOT EXISTS (SELECT FROM finance.weekly_pools WHERE is_current))
  ON CONFLICT DO NOTHING
  RETURNING id INTO pool;
  IF pool IS NULL THEN   -- another session made it in this very moment
    SELECT id INTO pool FROM finance.weekly_pools WHERE week_start_date = monday;
  END IF;
  IF pool IS NULL AND EXISTS (SELECT FROM finance.weekly_pools
                               WHERE daterange(week_start_date, week_end_date, '[]') && daterange(monday, monday + 6, '[]')) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG102',
      MESSAGE = format('POOL_MISSING: the week of %s has no pool of its own, and another one overlaps it', monday),
      DETAIL = jsonb_build_object('day', day, 'week_start_date', monday),
      HINT = 'SELECT * FROM finance.weekly_pools shows it; weeks are from Monday to Sunday.';
  END IF;
  IF pool IS NULL THEN   -- and this transaction's snapshot is older
    RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
      MESSAGE = format('could not serialize access: the pool of the week of %s was made by a concurrent transaction',
                       to_char(monday, 'YYYY-MM-DD')),
      DETAIL = jsonb_build_object('day', day, 'week_start_date', monday),
      HINT = 'Try the transaction again.';
  END IF;
  RETURN pool;
END $$;
COMMENT ON FUNCTION finance.ensure_pool(date) IS
  'the pool of the week that holds the day (default: today in the club''s time zone), made with pool_dollars when '
  'it is absent, and marked as current when it holds today and no pool is; LG102 POOL_MISSING for a day that is none';
REVOKE EXECUTE ON FUNCTION finance.ensure_pool(date) FROM PUBLIC;

CREATE FUNCTION finance.set_pool_total(pool_id uuid, dollars int) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pool record;
BEGIN
  IF NOT auth_management.acts_for_club() THEN
    RAISE EXCEPTION USING ERRCODE = 'LG108',
      MESSAGE = 'NOT_PERMITTED: only an admin sets a pool''s total',
      DETAIL = jsonb_build_object('caller', auth_management.current_user_id(), 'pool', pool_id),
      HINT = 'Call it with the claims of a member who has an active row in auth_management.admin_roles.';
  END IF;
  SELECT * INTO pool FROM finance.weekly_pools WHERE id = pool_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG102',
      MESSAGE = format('POOL_MISSING: there is no pool %s', coalesce(pool_id::text, 'NULL')),
      DETAIL = jsonb_build_object('pool', pool_id),
      HINT = 'finance.ensure_pool(day) gives the pool of a day''s week, and makes it when it is absent.';
  END IF;
  IF dollars IS NULL OR dollars NOT BETWEEN pool.spent_dollars AND 1000000 THEN
    RAISE EXCEPTION USING ERRCODE = 'LG110',
      MESSAGE = format('INVALID_SETTING: the pool of %s to %s cannot be %s dollars',
                       to_char(pool.week_start_date, 'YYYY-MM-DD'), to_char(pool.week_end_date, 'YYYY-MM-DD'),
                       coalesce(dollars::text, 'NULL')),
      DETAIL = jsonb_build_object('pool', pool_id, 'total', pool.total_amount_dollars, 'spent', pool.spent_dollars,
                                  'wanted', dollars),
      HINT = format('%s dollars of it are spent: give %s to 1000000.', pool.spent_dollars, pool.spent_dollars);
  END IF;
  UPDATE finance.weekly_pools
     SET total_amount_dollars = dollars, remaining_amount_dollars = dollars - spent_dollars, updated_at = now()
   WHERE id = pool_id;
  RETURN dollars - pool.spent_dollars;
END $$;
COMMENT ON FUNCTION finance.set_pool_total(uuid, int) IS
  'gives a week another total and returns the dollars that remain; LG102 POOL_MISSING, LG108 NOT_PERMITTED, LG110 '
  'when less than spent or more than 1000000';
REVOKE EXECUTE ON FUNCTION finance.set_pool_total(uuid, int) FROM PUBLIC;
