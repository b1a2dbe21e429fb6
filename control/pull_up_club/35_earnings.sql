-- Earnings: one a submission, one month a member, one month for the club. Money rows outlive the member: whose they
-- were is emptied. A month is LIKE '____-__' and no more exactly so: every approval pays for each constraint.

INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('table', 'finance.weekly_earnings', $ddl$
CREATE TABLE finance.weekly_earnings (
  id                     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id                uuid REFERENCES auth_management.profiles (id) ON DELETE SET NULL,
  weekly_pool_id         uuid NOT NULL REFERENCES finance.weekly_pools (id),
  submission_id          uuid UNIQUE REFERENCES content.submissions (id) ON DELETE SET NULL,
  pull_up_count          int NOT NULL,                  -- what the admin counted
  earning_amount_dollars int NOT NULL,
  reason                 text,                          -- why it is less: role | excluded | pool | month cap
  is_first_submission    boolean NOT NULL DEFAULT false, -- the member's first in this pool; pays like any other
  month_year             text NOT NULL,                 -- the month of approved_at
  created_at             timestamptz NOT NULL DEFAULT now(),
  updated_at             timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT weekly_earnings_valid CHECK (earning_amount_dollars BETWEEN 0 AND pull_up_count
    AND reason IN ('role', 'excluded', 'pool', 'month cap') AND month_year LIKE '____-__')
);
COMMENT ON TABLE finance.weekly_earnings IS
  'what an approved submission earned, one row each; outlives its member'$ddl$),
  ('index', 'finance.weekly_earnings_by_pool',
   'CREATE INDEX weekly_earnings_by_pool ON finance.weekly_earnings (weekly_pool_id)'),
  ('index', 'finance.weekly_earnings_by_member',
   'CREATE INDEX weekly_earnings_by_member ON finance.weekly_earnings (user_id, weekly_pool_id)'),

  ('table', 'finance.user_earnings', $ddl$
CREATE TABLE finance.user_earnings (
  id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id              uuid REFERENCES auth_management.profiles (id) ON DELETE SET NULL,
  month_year           text NOT NULL,
  total_earned_dollars int NOT NULL DEFAULT 0,
  total_submissions    int NOT NULL DEFAULT 0,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, month_year),
  CONSTRAINT user_earnings_valid CHECK (total_earned_dollars >= 0 AND total_submissions >= 0
    AND month_year LIKE '____-__')
) WITH (fillfactor = 80);   -- room for updates in place
COMMENT ON TABLE finance.user_earnings IS 'what a member earned in a month'$ddl$),

  ('table', 'finance.monthly_totals', $ddl$
CREATE TABLE finance.monthly_totals (
  month_year    text PRIMARY KEY,                       -- what the club paid for the month: the cap's ledger
  spent_dollars int NOT NULL DEFAULT 0,
  updated_at    timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT monthly_totals_valid CHECK (spent_dollars >= 0 AND month_year LIKE '____-__')
) WITH (fillfactor = 50);
COMMENT ON TABLE finance.monthly_totals IS 'what the club spent in a month: the ledger of the cap'$ddl$);

CREATE FUNCTION finance.calculate_earnings(user_id uuid, pull_up_count int, pool_id uuid DEFAULT NULL,
                                           at timestamptz DEFAULT now())
RETURNS int LANGUAGE C AS 'MODULE_PATHNAME', 'club_calculate_earnings';
COMMENT ON FUNCTION finance.calculate_earnings(uuid, int, uuid, timestamptz) IS
  'the whole dollars that so many pull-ups, approved at that moment, would earn: least(count, pool''s remaining, '
  'month''s remaining), 0 for admins, influencers and excluded members; writes nothing; LG101, LG102, LG105, LG107';
REVOKE EXECUTE ON FUNCTION finance.calculate_earnings(uuid, int, uuid, timestamptz) FROM PUBLIC;

CREATE FUNCTION finance.process_submission_earnings(submission_id uuid, user_id uuid, pull_ups int,
                                                    pool_id uuid DEFAULT NULL)
RETURNS jsonb LANGUAGE C AS 'MODULE_PATHNAME', 'club_process_submission_earnings';
COMMENT ON FUNCTION finance.process_submission_earnings(uuid, uuid, int, uuid) IS
  'writes an approved submission''s earning, the pool, the months and the payout request, once; returns '
  '{already_processed, dollars_earned, pool_id, pool_remaining_after, pool_depleted, monthly_cap_reached, '
  'monthly_total_spent, month, reason}; LG101 to LG107';
REVOKE EXECUTE ON FUNCTION finance.process_submission_earnings(uuid, uuid, int, uuid) FROM PUBLIC;

CREATE FUNCTION finance.cleanup_earnings(submission_id uuid) RETURNS jsonb
LANGUAGE C AS 'MODULE_PATHNAME', 'club_cleanup_earnings';
COMMENT ON FUNCTION finance.cleanup_earnings(uuid) IS
  'gives a submission''s dollars back to the pool, the months and the payout request they came from, once; returns '
  'what it gave back; LG104 PAYOUT_CLOSED when that request is paid or rejected';
REVOKE EXECUTE ON FUNCTION finance.cleanup_earnings(uuid) FROM PUBLIC;

CREATE FUNCTION finance.calculate_monthly_payout(user_id uuid, month text) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  member alias FOR $1;
BEGIN
  PERFORM auth_management.check_member(member);
  PERFORM pull_up_club.check_month(month);
  RETURN (SELECT coalesce(sum(e.earning_amount_dollars), 0) FROM finance.weekly_earnings e
           WHERE e.user_id = member AND e.month_year = month);
END $$;
COMMENT ON FUNCTION finance.calculate_monthly_payout(uuid, text) IS
  'the whole dollars of all a member''s earnings of a month (YYYY-MM); LG107 NO_SUCH_MEMBER, LG112 INVALID_MONTH';
