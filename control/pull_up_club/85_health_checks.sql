-- The club's checks: what its rules say must never be. install() registers them with lifeguard; no row, all is well.
--
-- What concerns one member is looked at for the members of a slice, another one in each run: some three thousand, so a small club
-- is looked at whole; with lifeguard.check_slice = -1, as the nightly job has it, every club is. Members with open findings are looked at again in every run; so a finding is gone only when it is.

CREATE FUNCTION pull_up_club.slice(name text, members_a_run int DEFAULT 3000, OUT first uuid, OUT last uuid, OUT known uuid[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  table_  constant pg_class := (SELECT c FROM pg_class c WHERE c.oid = pull_up_club.base_of('auth_management.profiles'));
  bounds  constant uuid[] := (SELECT s.histogram_bounds::text::uuid[] FROM pg_stats s
                               WHERE s.schemaname = table_.relnamespace::regnamespace::text AND s.tablename = table_.relname AND s.attname = 'id');
  slices  constant int := CASE WHEN current_setting('lifeguard.check_slice') = '-1' THEN 1
                               ELSE least(greatest(ceil(table_.reltuples / members_a_run)::int, 1), coalesce(cardinality(bounds) - 1, 1)) END;
  turn    constant int := (SELECT coalesce(max(id), 0) FROM monitoring.check_runs) % slices;
BEGIN
  first := CASE WHEN turn > 0 THEN bounds[turn * (cardinality(bounds) - 1) / slices + 1] ELSE '00000000-0000-0000-0000-000000000000' END;
  last := CASE WHEN turn < slices - 1 THEN bounds[(turn + 1) * (cardinality(bounds) - 1) / slices + 1] ELSE 'ffffffff-ffff-ffff-ffff-ffffffffffff' END;
  known := ARRAY(SELECT DISTINCT (f.details ->> 'member')::uuid FROM monitoring.check_findings f
                  WHERE f.name = slice.name AND f.gone_at IS NULL AND f.details ->> 'member' ~ '^[0-9a-f-]{36}$' LIMIT 10000);
END $$;
COMMENT ON FUNCTION pull_up_club.slice(text, int) IS
  'the members whom this run of a check looks at: those from first to last, some members_a_run of them by the statistics of their ids (all, when lifeguard.check_slice is -1), and those whom it has open findings of';
REVOKE EXECUTE ON FUNCTION pull_up_club.slice(text, int) FROM PUBLIC;

-- Names of other kinds of parts are none that to_regclass() could read, and a query may ask in any order.
CREATE FUNCTION pull_up_club.table_of(kind text, name text) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN kind IN ('table', 'security') THEN pull_up_club.base_of(name)
              WHEN kind IN ('constraint', 'trigger', 'rule', 'policy') THEN pull_up_club.base_of(split_part(name, ' ON ', 2)) END
$$;
COMMENT ON FUNCTION pull_up_club.table_of(text, text) IS 'the table that a part of the blueprint is, or is on, also where it was adopted; NULL where it is absent, and for other parts';

CREATE FUNCTION pull_up_club.check_triggers() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  club constant jsonb := pull_up_club.adopted();
BEGIN
  RETURN QUERY
    WITH ruled AS (
      SELECT DISTINCT pull_up_club.table_of(b.kind, b.name) AS relation, split_part(b.name, ' ON ', 2) AS name FROM pull_up_club.blueprint b WHERE b.kind = 'rule'
    ), wanted AS (
      SELECT r.relation, t.name FROM ruled r, (VALUES ('lifeguard_before'), ('lifeguard_after')) AS t(name)
       WHERE t.name = 'lifeguard_before' OR EXISTS (SELECT FROM pull_up_club.blueprint b WHERE b.kind = 'rule' AND b.name LIKE 'action %' AND b.name LIKE '% ON ' || r.name)
      UNION ALL
      SELECT pull_up_club.table_of(b.kind, b.name), split_part(b.name, ' ON ', 1) FROM pull_up_club.blueprint b WHERE b.kind = 'trigger'
    )
    SELECT format('%s on %s', w.name, w.relation),
           format(CASE WHEN t.tgname IS NULL THEN 'the trigger %s on %s is missing' ELSE 'the trigger %s on %s is disabled' END, w.name, w.relation),
           jsonb_build_object('table', w.relation::text, 'trigger', w.name, 'state', CASE WHEN t.tgname IS NULL THEN 'missing' ELSE 'disabled' END, 'remedy',
             CASE WHEN t.tgname IS NULL THEN pull_up_club.make_good() ELSE format('ALTER TABLE %s ENABLE TRIGGER %I;', w.relation, w.name) END), NULL::text
      FROM wanted w LEFT JOIN pg_trigger t ON t.tgrelid = w.relation AND t.tgname = w.name
     WHERE w.relation IS NOT NULL AND (t.tgname IS NULL OR t.tgenabled IN ('D', 'R'));

  RETURN QUERY
    WITH declared AS MATERIALIZED (
      SELECT r.relation, r.rule FROM lifeguard.rules r
      UNION ALL
      SELECT r.relation, format('guard %s -> %s: %s', coalesce(r.from_state, 'any'), r.to_state, r.message) FROM lifeguard.rules r WHERE r.message IS NOT NULL
    )
    SELECT b.name, format('the rule %s is missing', b.name), jsonb_build_object('rule', b.name, 'remedy', pull_up_club.make_good()), NULL::text
      FROM pull_up_club.blueprint b
     WHERE b.kind = 'rule' AND pull_up_club.table_of(b.kind, b.name) IS NOT NULL
       AND NOT EXISTS (SELECT FROM declared d WHERE d.relation = pull_up_club.table_of(b.kind, b.name) AND d.rule = pull_up_club.rule_on_base(b.name, club))
     ORDER BY b.place;
END $$;
COMMENT ON FUNCTION pull_up_club.check_triggers() IS 'check: triggers of the club that are missing or disabled, and rules that nobody declares any more';

CREATE FUNCTION pull_up_club.check_objects() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT format('%s %s', b.kind, b.name), format('the %s %s is missing', b.kind, b.name), jsonb_build_object('kind', b.kind, 'name', b.name), NULL::text
      FROM pull_up_club.blueprint b
     WHERE b.kind IN ('table', 'constraint', 'index', 'view', 'function', 'admins') AND NOT pull_up_club.is_there(b.kind, b.name)
     ORDER BY b.place;
  -- a table's own constraints are in its definition
  RETURN QUERY
    SELECT format('constraint %s on %s', wanted[1], b.name), format('the constraint %s on %s is missing', wanted[1], b.name),
           jsonb_build_object('kind', 'constraint', 'table', b.name, 'name', wanted[1]), NULL::text
      FROM pull_up_club.blueprint b, regexp_matches(b.make, '^  CONSTRAINT ([a-z_]+) ', 'gn') AS wanted
     WHERE b.kind = 'table' AND pull_up_club.table_of(b.kind, b.name) IS NOT NULL AND b.name <> 'auth.users'
       AND NOT EXISTS (SELECT FROM pull_up_club.adopted_tables a WHERE a.name = b.name)
       AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = pull_up_club.table_of(b.kind, b.name) AND c.conname = wanted[1])
    UNION ALL   -- an adopted table's were introduced, and may have moved with it since
    SELECT 'constraint ' || a.object, format('the constraint %s is missing', a.object), jsonb_build_object('kind', 'constraint', 'name', a.object, 'remedy', pull_up_club.make_good()), NULL
      FROM pull_up_club.adoption a
     WHERE a.what = 'introduce the constraint'
       AND NOT EXISTS (SELECT FROM lifeguard.introduced_constraints i JOIN pull_up_club.adopted_tables t ON t.base = i.relation WHERE i.constraint_name = split_part(a.object, ' on ', 1))
     ORDER BY 1;
END $$;
COMMENT ON FUNCTION pull_up_club.check_objects() IS 'check: tables, constraints, indexes, views and functions of the club that are gone';

CREATE FUNCTION pull_up_club.check_security() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old     constant text[] := ARRAY(SELECT a.name FROM pull_up_club.adopted_tables a WHERE NOT pull_up_club.policies_replaced(a.name));
  install constant text := CASE WHEN EXISTS (SELECT FROM pull_up_club.adopted_tables) THEN 'SELECT * FROM pull_up_club.replace_policies(dry_run => false);' ELSE 'SELECT pull_up_club.install();' END;
BEGIN
  RETURN QUERY
    SELECT a.name, format('the policies and grants of %s are those from before it was adopted', a.base),
           jsonb_build_object('table', a.name, 'base', a.base::text, 'row_security', c.relrowsecurity, 'policies', (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid),
                              'remedy', 'SELECT * FROM pull_up_club.replace_policies();'), 'warning'
      FROM pull_up_club.adopted_tables a JOIN pg_class c ON c.oid = a.base WHERE a.name = ANY (old)
     ORDER BY a.name;
  RETURN QUERY
    SELECT b.name,
           format(CASE WHEN NOT c.relrowsecurity THEN 'row security on %s is off: whoever may read the table reads every row' ELSE 'no policy lets anybody at the rows of %s' END, c.oid::regclass),
           jsonb_build_object('table', b.name, 'row_security', c.relrowsecurity, 'policies', (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid), 'remedy',
             CASE WHEN NOT c.relrowsecurity THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', c.oid::regclass) ELSE install END), NULL::text
      FROM pull_up_club.blueprint b JOIN pg_class c ON c.oid = pull_up_club.base_of(CASE b.kind WHEN 'security' THEN b.name END) AND c.relkind IN ('r', 'p')
     WHERE b.kind = 'security' AND b.name <> ALL (old) AND (NOT c.relrowsecurity OR NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid))
     ORDER BY b.place;
  RETURN QUERY
    SELECT b.name, format('the policy %s is missing: what it allowed does nothing now, and says nothing', b.name),
           jsonb_build_object('policy', b.name, 'remedy', install), NULL::text
      FROM pull_up_club.blueprint b
     WHERE b.kind = 'policy' AND split_part(b.name, ' ON ', 2) <> ALL (old) AND pull_up_club.base_of(CASE b.kind WHEN 'policy' THEN split_part(b.name, ' ON ', 2) END) IS NOT NULL AND NOT pull_up_club.is_there(b.kind, b.name)
     ORDER BY b.place;
END $$;
COMMENT ON FUNCTION pull_up_club.check_security() IS
  'check: tables of the club whose row security is off or that have no policy, and policies that were dropped; of an adopted club those tables whose policies are the old ones, as a warning';

CREATE FUNCTION pull_up_club.check_states() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part record := pull_up_club.slice('club_states');
BEGIN
  RETURN QUERY
    SELECT 'submission ' || s.id,
           CASE WHEN s.status = 'approved' THEN format('submission %s is approved without a count, a date or with a negative count', s.id)
                ELSE format('submission %s has the status %L, which the lifecycle does not know', s.id, s.status) END,
           jsonb_build_object('submission', s.id, 'member', s.user_id, 'status', s.status, 'actual_pull_up_count', s.actual_pull_up_count, 'approved_at', s.approved_at), NULL::text
      FROM content.submissions s
     WHERE (s.user_id BETWEEN part.first AND part.last OR s.user_id = ANY (part.known))
       AND (s.status NOT IN ('pending', 'approved', 'rejected') OR s.status = 'approved' AND (s.actual_pull_up_count IS NULL OR s.approved_at IS NULL OR s.actual_pull_up_count < 0))
    UNION ALL
    SELECT 'payout request ' || r.id,
           CASE WHEN r.status = 'paid' THEN format('payout request %s is paid without an address, a date or who paid', r.id)
                ELSE format('payout request %s has the status %L, which the lifecycle does not know', r.id, r.status) END,
           jsonb_build_object('payout', r.id, 'member', r.user_id, 'status', r.status), NULL
      FROM finance.payout_requests r
     WHERE (r.user_id BETWEEN part.first AND part.last OR r.user_id = ANY (part.known) OR r.user_id IS NULL)
       AND (r.status NOT IN ('pending', 'approved', 'paid', 'rejected') OR r.status = 'paid' AND (r.paypal_email IS NULL OR r.paid_at IS NULL OR r.paid_by IS NULL));
END $$;
COMMENT ON FUNCTION pull_up_club.check_states() IS 'check: submissions and payout requests in states that there are not, or that lack what their state asks for';

-- The mark is moved by jobs, of which one comes within a day: until then it may be at a week that ended yesterday.
CREATE FUNCTION pull_up_club.check_current_pool() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  today  constant date := pull_up_club.local_date(now());
  monday constant date := today - (extract(isodow FROM today)::int - 1);
  makes  constant boolean := (SELECT auto_create_pools FROM pull_up_club.settings);
  pools  constant int := (SELECT count(*) FROM finance.weekly_pools p WHERE today BETWEEN p.week_start_date AND p.week_end_date);
  moves  constant boolean := EXISTS (SELECT FROM finance.weekly_pools p WHERE p.is_current AND p.week_end_date = today - 1);
BEGIN
  IF pools = 0 AND NOT (moves AND makes) THEN
    RETURN NEXT ROW(format('week of %s', to_char(monday, 'YYYY-MM-DD')),
      format('no pool holds today, %s', to_char(today, 'YYYY-MM-DD')) || CASE WHEN makes THEN '; the first approval will make one' ELSE ', and none is made by itself' END,
      jsonb_build_object('day', today, 'pools', 0, 'remedy', 'SELECT monitoring.update_current_pool();'), CASE WHEN makes THEN 'warning' END)::monitoring.finding;
  ELSIF pools > 1 THEN
    RETURN NEXT ROW(format('week of %s', to_char(monday, 'YYYY-MM-DD')), format('%s pools hold today, %s', pools, to_char(today, 'YYYY-MM-DD')),
      jsonb_build_object('day', today, 'pools', pools, 'remedy', 'SELECT * FROM finance.weekly_pools; shows them. Keep the one with earnings.'), NULL)::monitoring.finding;
  END IF;
  RETURN QUERY
    SELECT format('pool of %s', to_char(p.week_start_date, 'YYYY-MM-DD')),
           format('the pool of %s to %s is marked as current, and today is %s', to_char(p.week_start_date, 'YYYY-MM-DD'), to_char(p.week_end_date, 'YYYY-MM-DD'), to_char(today, 'YYYY-MM-DD')),
           jsonb_build_object('pool', p.id, 'week_start_date', p.week_start_date, 'day', today), NULL::text
      FROM finance.weekly_pools p WHERE p.is_current AND today NOT BETWEEN p.week_start_date AND p.week_end_date + 1
    UNION ALL
    SELECT format('pool of %s', to_char(p.week_start_date, 'YYYY-MM-DD')), 'the pool of this week is not marked as current', jsonb_build_object('pool', p.id, 'day', today), 'warning'
      FROM finance.weekly_pools p WHERE NOT p.is_current AND NOT moves AND today BETWEEN p.week_start_date AND p.week_end_date
    UNION ALL
    SELECT 'overlapping weeks', format('the pools of %s and %s share days', to_char(p.week_start_date, 'YYYY-MM-DD'), to_char(o.week_start_date, 'YYYY-MM-DD')),
           jsonb_build_object('pool', p.id, 'other', o.id, 'remedy', 'An approval takes one of them. Keep the one with earnings, and add the constraint weekly_pools_no_overlap again.'), NULL
      FROM finance.weekly_pools p JOIN finance.weekly_pools o ON (o.week_start_date, o.id) > (p.week_start_date, p.id) AND o.week_start_date <= p.week_end_date;
END $$;
COMMENT ON FUNCTION pull_up_club.check_current_pool() IS 'check: exactly one pool for today in the club''s time zone, it alone marked as current (on a week''s first day perhaps the last week''s), and no two for a day';

CREATE FUNCTION pull_up_club.wrong_pools() RETURNS TABLE (pool_id uuid, week_start_date date, total int, spent int, remaining int, earned bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT p.id, p.week_start_date, p.total_amount_dollars::int, p.spent_dollars::int, p.remaining_amount_dollars::int, coalesce(e.earned, 0)::bigint
      FROM finance.weekly_pools p
      LEFT JOIN (SELECT weekly_pool_id, sum(earning_amount_dollars) AS earned FROM finance.weekly_earnings WHERE earning_amount_dollars <> 0 GROUP BY 1) AS e ON e.weekly_pool_id = p.id
     WHERE p.spent_dollars <> coalesce(e.earned, 0) OR p.remaining_amount_dollars <> p.total_amount_dollars - coalesce(e.earned, 0) OR p.remaining_amount_dollars < 0
     ORDER BY p.week_start_date, p.id;
END $$;
COMMENT ON FUNCTION pull_up_club.wrong_pools() IS 'the pools whose spent or remaining dollars are not what their earnings make them, or are below zero, in the order of their weeks';

CREATE FUNCTION pull_up_club.check_pools() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('pool of %s', to_char(week_start_date, 'YYYY-MM-DD')),
         format('the pool of %s has spent %s of %s dollars and %s remain; its earnings are %s', to_char(week_start_date, 'YYYY-MM-DD'), spent, total, remaining, earned),
         jsonb_build_object('pool', pool_id, 'week_start_date', week_start_date, 'total', total, 'spent', spent, 'remaining', remaining, 'earned', earned)
         || CASE WHEN earned > total THEN jsonb_build_object('remedy', format(
              'More was earned than the pool held, and nobody is asked to give back: SELECT finance.set_pool_total(%L, %s); after SELECT monitoring.check_pool_consistency(fix => true);',
              pool_id, earned)) ELSE '{}' END, NULL
    FROM pull_up_club.wrong_pools()
$$;
COMMENT ON FUNCTION pull_up_club.check_pools() IS 'check: pools whose spent and remaining dollars are not what their earnings make them';

CREATE FUNCTION pull_up_club.check_missing_earnings() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part record := pull_up_club.slice('club_missing_earnings');
BEGIN
  RETURN QUERY
    SELECT 'submission ' || s.id, format('submission %s was approved on %s, and its %s pull-ups earned nothing, not even 0 dollars', s.id,
                                         to_char(pull_up_club.local_date(s.approved_at), 'YYYY-MM-DD'), s.actual_pull_up_count),
           jsonb_build_object('submission', s.id, 'member', s.user_id, 'approved_at', s.approved_at, 'remedy',
             format(CASE WHEN counted.already THEN 'SELECT * FROM finance.weekly_earnings WHERE user_id = %2$L AND month_year = %4$L;   -- the month has counted it: its row was lost or changed. '
                                                   'Bring it back as it was: process_submission_earnings() would pay once more'
                         ELSE 'SELECT finance.process_submission_earnings(%1$L, %2$L, %3$s);' END, s.id, s.user_id, s.actual_pull_up_count, pull_up_club.month_of(s.approved_at))), NULL::text
      FROM content.submissions s
      -- as many as were approved: this one is among them
      CROSS JOIN LATERAL (SELECT coalesce((SELECT u.total_submissions FROM finance.user_earnings u WHERE u.user_id = s.user_id AND u.month_year = pull_up_club.month_of(s.approved_at)), 0)
                                 >= (SELECT count(*) FROM content.submissions a WHERE a.user_id = s.user_id AND a.status = 'approved'
                                                                                AND pull_up_club.month_of(a.approved_at) = pull_up_club.month_of(s.approved_at))) AS counted(already)
     WHERE (s.user_id BETWEEN part.first AND part.last OR s.user_id = ANY (part.known))
       AND s.status = 'approved' AND s.approved_at >= now() - interval '30 days' AND NOT EXISTS (SELECT FROM finance.weekly_earnings e WHERE e.submission_id = s.id);
END $$;
COMMENT ON FUNCTION pull_up_club.check_missing_earnings() IS 'check: submissions approved in the last 30 days that have no earning';

-- The session's time zone is the club's for the length of the call.
CREATE FUNCTION pull_up_club.check_earnings() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  part record := pull_up_club.slice('club_earnings');
BEGIN
  PERFORM set_config('TimeZone', s.time_zone, true) FROM pull_up_club.settings s;
  RETURN QUERY
    SELECT 'earning ' || w.id, format('the earning %s of %s dollars %s', w.id, w.earning_amount_dollars, w.problem),
           jsonb_build_object('earning', w.id, 'submission', w.submission_id, 'member', w.user_id, 'dollars', w.earning_amount_dollars,
                              'pool', w.weekly_pool_id, 'week_start_date', w.week_start_date, 'month', w.month_year, 'approved_at', w.approved_at)
           || CASE WHEN w.status <> 'approved' THEN jsonb_build_object('remedy', format('SELECT finance.cleanup_earnings(%L);', w.submission_id)) ELSE '{}' END, NULL::text
      FROM (SELECT e.*, s.status, s.approved_at, p.week_start_date,
                   CASE WHEN s.id IS NULL AND e.user_id IS NOT NULL THEN 'has no submission any more'   -- of a member who left, the money rows are kept
                        WHEN s.id IS NULL THEN NULL
                        WHEN s.status <> 'approved' THEN format('is of a submission that is %s', s.status)
                        WHEN e.user_id IS DISTINCT FROM s.user_id THEN 'is another member''s than its submission'
                        WHEN e.pull_up_count IS DISTINCT FROM s.actual_pull_up_count THEN format('is for %s pull-ups, and %s were counted', e.pull_up_count, s.actual_pull_up_count)
                        WHEN p.id IS NULL THEN 'has no pool any more'
                        WHEN s.approved_at::date NOT BETWEEN p.week_start_date AND p.week_end_date
                          THEN format('is out of the pool of %s, and was approved on %s', to_char(p.week_start_date, 'YYYY-MM-DD'), to_char(s.approved_at, 'YYYY-MM-DD'))
                        WHEN e.month_year <> to_char(s.approved_at, 'YYYY-MM') THEN format('counts for %s, and was approved on %s', e.month_year, to_char(s.approved_at, 'YYYY-MM-DD'))
                   END AS problem
              FROM finance.weekly_earnings e
              LEFT JOIN content.submissions s ON s.id = e.submission_id
              LEFT JOIN finance.weekly_pools p ON p.id = e.weekly_pool_id
             WHERE e.user_id BETWEEN part.first AND part.last OR e.user_id = ANY (part.known) OR e.user_id IS NULL) AS w
     WHERE w.problem IS NOT NULL;
END $$;
COMMENT ON FUNCTION pull_up_club.check_earnings() IS
  'check: earnings without a submission, of one that is not approved, of another member or count, out of another week''s pool or for another month';

CREATE FUNCTION pull_up_club.check_months() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part record := pull_up_club.slice('club_months');
BEGIN
  RETURN QUERY
    WITH off AS MATERIALIZED (   -- of members who left, all together
      SELECT l.user_id, l.month
        FROM (SELECT e.user_id, e.month_year, e.earning_amount_dollars, 1, e.earning_amount_dollars FROM finance.weekly_earnings e
               WHERE e.user_id BETWEEN part.first AND part.last OR e.user_id = ANY (part.known) OR e.user_id IS NULL
              UNION ALL
              SELECT u.user_id, u.month_year, - u.total_earned_dollars, - u.total_submissions, 0 FROM finance.user_earnings u
               WHERE u.user_id BETWEEN part.first AND part.last OR u.user_id = ANY (part.known) OR u.user_id IS NULL
              UNION ALL
              SELECT r.user_id, r.payout_month, 0, 0, - r.amount_dollars FROM finance.payout_requests r
               WHERE r.user_id BETWEEN part.first AND part.last OR r.user_id = ANY (part.known) OR r.user_id IS NULL) AS l(user_id, month, kept, submissions, asked)
       GROUP BY l.user_id, l.month HAVING sum(l.kept) <> 0 OR sum(l.submissions) <> 0 OR sum(l.asked) <> 0
    )
    SELECT format('%s of %s', o.month, coalesce('member ' || o.user_id, 'members who left')),
           format('in %s %s earned %s dollars with %s submissions; the month''s row says %s with %s, the payout request %s', o.month,
                  coalesce('the member ' || o.user_id, 'members who left'), e.dollars, e.submissions, u.dollars, u.submissions, r.dollars),
           jsonb_build_object('member', o.user_id, 'month', o.month, 'earned', e.dollars, 'submissions', e.submissions, 'user_earnings', u.dollars,
                              'total_submissions', u.submissions, 'amount', r.dollars), NULL::text
      FROM off o,
           LATERAL (SELECT coalesce(sum(w.earning_amount_dollars), 0), count(*) FROM finance.weekly_earnings w
                     WHERE (w.user_id = o.user_id OR o.user_id IS NULL AND w.user_id IS NULL) AND w.month_year = o.month) AS e(dollars, submissions),
           LATERAL (SELECT coalesce(sum(w.total_earned_dollars), 0), coalesce(sum(w.total_submissions), 0) FROM finance.user_earnings w
                     WHERE (w.user_id = o.user_id OR o.user_id IS NULL AND w.user_id IS NULL) AND w.month_year = o.month) AS u(dollars, submissions),
           LATERAL (SELECT coalesce(sum(w.amount_dollars), 0) FROM finance.payout_requests w
                     WHERE (w.user_id = o.user_id OR o.user_id IS NULL AND w.user_id IS NULL) AND w.payout_month = o.month) AS r(dollars);
  RETURN QUERY
    SELECT coalesce(m.month_year, e.month) || ' of the club', format('in %s the club''s earnings are %s dollars, and its ledger of the month''s cap says %s',
                                                                     coalesce(m.month_year, e.month), coalesce(e.dollars, 0), coalesce(m.spent_dollars, 0)),
           jsonb_build_object('month', coalesce(m.month_year, e.month), 'earned', coalesce(e.dollars, 0), 'monthly_totals', m.spent_dollars), NULL::text
      FROM finance.monthly_totals m
      FULL JOIN (SELECT month_year AS month, sum(earning_amount_dollars) AS dollars FROM finance.weekly_earnings WHERE earning_amount_dollars <> 0 GROUP BY 1) AS e ON e.month = m.month_year
     WHERE coalesce(e.dollars, 0) <> coalesce(m.spent_dollars, 0);
END $$;
COMMENT ON FUNCTION pull_up_club.check_months() IS
  'check: months in which a member''s earnings are not what his row of the month and his payout request say, or the club''s not what its ledger says';

CREATE FUNCTION pull_up_club.check_graphics() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  months constant text[] := ARRAY[pull_up_club.month_of(now()), pull_up_club.month_of(now() - interval '1 month')];
BEGIN
  RETURN QUERY
    SELECT 'graphics of ' || u.month_year, format('in %s %s members have earnings and no monthly graphic', u.month_year, count(*)),
           jsonb_build_object('month', u.month_year, 'members', count(*), 'for_example', min(u.user_id::text), 'remedy',
             format('SELECT content.create_monthly_graphic(s.id) FROM finance.weekly_earnings e JOIN content.submissions s ON s.id = e.submission_id WHERE e.month_year = %L AND s.status = ''approved'' '
                    'AND NOT EXISTS (SELECT FROM content.monthly_graphics g WHERE g.user_id = e.user_id AND g.month_year = e.month_year);', u.month_year)), NULL::text
      FROM finance.user_earnings u
     WHERE u.month_year = ANY (months) AND u.user_id IS NOT NULL AND u.total_submissions > 0
       AND NOT EXISTS (SELECT FROM content.monthly_graphics g WHERE g.user_id = u.user_id AND g.month_year = u.month_year AND g.month_year = ANY (months))
     GROUP BY u.month_year;
END $$;
COMMENT ON FUNCTION pull_up_club.check_graphics() IS 'check: members who have earnings of this or the last month and no monthly graphic';

CREATE FUNCTION pull_up_club.check_errors() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(e.error_type, 'error'), format('%s unresolved in 7 days: %s', count(*), left(min(e.error_message), 200)),
         jsonb_build_object('error_type', e.error_type, 'errors', count(*), 'last', max(e.created_at)), NULL
    FROM monitoring.system_errors e WHERE NOT e.resolved AND e.created_at >= now() - interval '7 days'
   GROUP BY e.error_type
$$;
COMMENT ON FUNCTION pull_up_club.check_errors() IS 'check: errors of the last 7 days that nobody has marked as resolved, by their type';

CREATE FUNCTION pull_up_club.check_paid_members() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT 'member ' || p.id, format('the member %s is marked as paid and has no Stripe customer', p.id), jsonb_build_object('member', p.id), NULL::text
      FROM auth_management.profiles p WHERE p.is_paid AND coalesce(btrim(p.stripe_customer_id), '') = '';
END $$;
COMMENT ON FUNCTION pull_up_club.check_paid_members() IS 'check: members who are marked as paid without a Stripe customer id';

CREATE FUNCTION pull_up_club.check_ranks() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part record := pull_up_club.slice('club_ranks');
BEGIN
  RETURN QUERY
    SELECT 'member ' || coalesce(s.user_id, b.user_id), format('the member %s is ranked by %s pull-ups, and %s', coalesce(s.user_id, b.user_id), coalesce(b.pull_ups::text, 'no'),
             CASE WHEN s.user_id IS NULL THEN 'nothing of his is approved' ELSE format('his best approved submission has %s', s.pull_ups) END),
           jsonb_build_object('member', coalesce(s.user_id, b.user_id), 'submission', s.id, 'ranked_by', b.submission_id), NULL::text
      FROM (SELECT DISTINCT ON (o.user_id) o.user_id, o.id, o.actual_pull_up_count AS pull_ups, o.approved_at FROM content.submissions o
             WHERE (o.user_id BETWEEN part.first AND part.last OR o.user_id = ANY (part.known))
               AND o.status = 'approved' AND o.actual_pull_up_count IS NOT NULL AND o.approved_at IS NOT NULL
             ORDER BY o.user_id, o.actual_pull_up_count DESC, o.approved_at, o.id) AS s
      FULL JOIN (SELECT * FROM analytics.best_submissions o WHERE o.user_id BETWEEN part.first AND part.last OR o.user_id = ANY (part.known)) AS b ON b.user_id = s.user_id
     WHERE ROW(s.id, s.pull_ups, s.approved_at) IS DISTINCT FROM ROW(b.submission_id, b.pull_ups, b.approved_at);
  RETURN QUERY
    SELECT format('%s pull-ups', coalesce(c.pull_ups, b.pull_ups)), format('%s members have %s as their best, and the ranks count %s', coalesce(b.members, 0), coalesce(c.pull_ups, b.pull_ups), coalesce(c.members, 0)),
           jsonb_build_object('pull_ups', coalesce(c.pull_ups, b.pull_ups), 'members', coalesce(b.members, 0), 'counted', coalesce(c.members, 0)), NULL::text
      FROM (SELECT pull_ups, sum(members) AS members FROM analytics.best_counts GROUP BY 1) AS c FULL JOIN (SELECT pull_ups, count(*) AS members FROM analytics.best_submissions GROUP BY 1) AS b USING (pull_ups)
     WHERE coalesce(c.members, 0) <> coalesce(b.members, 0);
END $$;
COMMENT ON FUNCTION pull_up_club.check_ranks() IS 'check: members whose rank is not by their best approved submission, as after history was loaded without triggers';

CREATE FUNCTION pull_up_club.pool_gauges() RETURNS SETOF monitoring.gauge
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  today  constant date := pull_up_club.local_date(now());
  monday constant date := today - (extract(isodow FROM today)::int - 1);
BEGIN
  RETURN QUERY
    SELECT format('%s to %s', to_char(p.week_start_date, 'YYYY-MM-DD'), to_char(p.week_end_date, 'YYYY-MM-DD')), p.remaining_amount_dollars::numeric, p.total_amount_dollars::numeric, '$ left'::text
      FROM finance.weekly_pools p WHERE p.week_start_date BETWEEN monday - 21 AND monday ORDER BY p.week_start_date DESC;
END $$;
COMMENT ON FUNCTION pull_up_club.pool_gauges() IS 'gauge: the dollars that are left in the pools of this week and the three before';

DO $$
DECLARE
  own record;
BEGIN
  FOR own IN SELECT oid::regprocedure AS function FROM pg_proc WHERE pronamespace = 'pull_up_club'::regnamespace AND prorettype IN ('monitoring.finding'::regtype, 'monitoring.gauge'::regtype)
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', own.function);
  END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION pull_up_club.wrong_pools() FROM PUBLIC;

-- Parts of install() like all others: 'check' and 'gauges' are rows of lifeguard's registries.
INSERT INTO pull_up_club.blueprint (kind, name, make, unmake)
SELECT 'check', 'club_' || name,
       format('SELECT monitoring.add_check(%L, %L, %L, %L, %L, %L)', 'club_' || name, 'club', severity, format('pull_up_club.check_%s()', name), description, remedy),
       format('SELECT monitoring.drop_check(%L)', 'club_' || name)
  FROM (VALUES
    (1, 'triggers', 'critical', 'The lifecycles'' triggers are there and enabled, with all their rules.', 'SELECT pull_up_club.install(); declares what is missing.'),
    (2, 'missing_earnings', 'critical', 'Every approval of the last 30 days has its earning.', 'SELECT finance.process_submission_earnings(submission, member, count); pays once.'),
    (3, 'current_pool', 'critical', 'Exactly one pool holds today, and it alone is marked as current.', 'SELECT monitoring.update_current_pool();'),
    (4, 'pools', 'critical', 'What a pool has spent is the sum of its earnings, and nothing is below zero.', 'SELECT monitoring.check_pool_consistency(fix => true);'),
    (5, 'months', 'critical', 'A month''s earnings are what the members'' months, their payout requests and the club''s ledger say.',
        'Compare with finance.weekly_earnings, which decide, and correct the row that is off before the month is paid.'),
    (6, 'earnings', 'critical', 'Every earning is an approved submission''s, out of its week''s pool and for its month.',
        'SELECT finance.cleanup_earnings(submission); gives back what should not be there, finance.process_submission_earnings() pays anew.'),
    (7, 'graphics', 'warning', 'Members with earnings have their monthly graphic.', 'SELECT content.create_monthly_graphic(submission);'),
    (8, 'errors', 'warning', 'No error of the last 7 days is unresolved.', 'SELECT * FROM monitoring.system_errors WHERE NOT resolved; then monitoring.resolve().'),
    (9, 'security', 'critical', 'Every table of the club has row security and its policies.', 'SELECT pull_up_club.install(); makes policies that are missing.'),
    (10, 'paid_members', 'warning', 'Members who are marked as paid have a Stripe customer.', 'Ask Stripe for the customer''s id, or take the mark back.'),
    (11, 'states', 'critical', 'Submissions and payout requests are in states that their lifecycle knows, with what these ask for.', 'Correct the row, as the tables'' owner.'),
    (12, 'objects', 'warning', 'Tables, constraints, indexes, views and functions of the club are all there.',
        'SELECT pull_up_club.install(); makes what is missing, but for constraints of tables: add those again.'),
    (13, 'ranks', 'warning', 'The ranks are by every member''s best approved submission.', 'SELECT analytics.rebuild_ranks();'))
       AS c(n, name, severity, description, remedy)
 ORDER BY n;

INSERT INTO pull_up_club.blueprint (kind, name, make, unmake) VALUES
  ('gauges', 'club_pools', $$SELECT monitoring.add_gauges('club_pools', 'Weekly pools', 'pull_up_club.pool_gauges()')$$,
   $$SELECT monitoring.drop_gauges('club_pools')$$);
