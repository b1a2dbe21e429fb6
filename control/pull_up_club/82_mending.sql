-- Mending what is safe to mend, under the names that the club's people know; and the journal of it.

-- A club's own functions of these names, from before, would make every call ambiguous.
DO $$
DECLARE
  taken text;
BEGIN
  SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.proname), string_agg(format('ALTER ROUTINE %s RENAME TO %I;', p.oid::regprocedure, p.proname || '_before'), E'\n')
    INTO taken FROM pg_proc p
   WHERE p.pronamespace = 'monitoring'::regnamespace
     AND p.proname IN ('check_pool_consistency', 'update_current_pool', 'check_missing_earnings', 'run_daily_consistency_check');
  IF taken IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG116',
      MESSAGE = format('NAME_TAKEN: the schema monitoring has %s already', taken),
      DETAIL = jsonb_build_object('functions', taken),
      HINT = 'Look at them, then ALTER ROUTINE ... RENAME, and create the extension again.';
  END IF;
END $$;

CREATE TABLE pull_up_club.mendings (
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  what   text NOT NULL,
  object text NOT NULL,
  was    jsonb NOT NULL,
  is_now jsonb NOT NULL,
  by     text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE pull_up_club.mendings IS
  'what monitoring.check_pool_consistency(), update_current_pool() and the daily job have mended: what it was, and is now; in the transaction that did it';
SELECT pg_extension_config_dump('pull_up_club.mendings', '');
SELECT pg_extension_config_dump('pull_up_club.mendings_id_seq', '');
GRANT SELECT ON pull_up_club.mendings TO pg_monitor;

-- Earnings decide: they are what members were told. A pool follows them, and nobody's earning is touched. Approvals that use
-- the pool wait for its lock and come after; those that had it are in the sum.
CREATE FUNCTION monitoring.check_pool_consistency(fix boolean DEFAULT false) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong   record;
  pool    record;
  earned  bigint;
  outcome text;
  pools   jsonb := '[]';
  mended  int := 0;
BEGIN
  IF fix THEN
    PERFORM pull_up_club.require_read_committed('monitoring.check_pool_consistency(fix => true)');
  END IF;
  FOR wrong IN SELECT * FROM pull_up_club.wrong_pools() LOOP   -- by week: the order in which approvals lock pools
    outcome := CASE WHEN wrong.earned > wrong.total THEN 'more was earned than the pool held' ELSE 'wrong' END;
    IF fix THEN
      SELECT * INTO pool FROM finance.weekly_pools p WHERE p.id = wrong.pool_id FOR NO KEY UPDATE;
      CONTINUE WHEN NOT FOUND;
      earned := (SELECT coalesce(sum(e.earning_amount_dollars), 0) FROM finance.weekly_earnings e WHERE e.weekly_pool_id = pool.id);
      CONTINUE WHEN pool.spent_dollars = earned AND pool.remaining_amount_dollars = pool.total_amount_dollars - earned AND pool.remaining_amount_dollars >= 0;
      outcome := 'more was earned than the pool held';
      IF earned <= pool.total_amount_dollars THEN
        UPDATE finance.weekly_pools SET spent_dollars = earned, remaining_amount_dollars = total_amount_dollars - earned, updated_at = now() WHERE id = pool.id;
        INSERT INTO pull_up_club.mendings (what, object, was, is_now)
        VALUES ('pool', pool.id::text, jsonb_build_object('spent_dollars', pool.spent_dollars, 'remaining_amount_dollars', pool.remaining_amount_dollars),
                jsonb_build_object('spent_dollars', earned, 'remaining_amount_dollars', pool.total_amount_dollars - earned));
        outcome := 'mended';
        mended := mended + 1;
      END IF;
      wrong.spent := pool.spent_dollars;
      wrong.remaining := pool.remaining_amount_dollars;
      wrong.total := pool.total_amount_dollars;
      wrong.earned := earned;
    END IF;
    pools := pools || jsonb_build_object('pool_id', wrong.pool_id, 'week_start_date', wrong.week_start_date, 'total', wrong.total, 'spent', wrong.spent,
                                         'remaining', wrong.remaining, 'earned', wrong.earned, 'outcome', outcome);
  END LOOP;
  RETURN jsonb_build_object('checked', (SELECT count(*) FROM finance.weekly_pools), 'wrong', jsonb_array_length(pools), 'mended', mended, 'pools', pools);
END $$;
COMMENT ON FUNCTION monitoring.check_pool_consistency(boolean) IS
  'compares each pool with its earnings: {checked, wrong, mended, pools: [{pool_id, week_start_date, total, spent, remaining, earned, outcome}]}; fix: '
  'sets spent and remaining to what the earnings make them, keeps what it was in pull_up_club.mendings, and leaves a pool alone whose earnings are more than it held; '
  'LG115 MENDING_REFUSED in a transaction that is not READ COMMITTED';

CREATE FUNCTION monitoring.update_current_pool() RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  today constant date := pull_up_club.local_date(now());
  pool  record;
  right_one uuid;
  was   jsonb := '[]';
BEGIN
  PERFORM pull_up_club.require_read_committed('monitoring.update_current_pool()');
  IF (SELECT auto_create_pools FROM pull_up_club.settings) THEN
    PERFORM finance.ensure_pool(today);
  END IF;
  FOR pool IN
    SELECT * FROM finance.weekly_pools p WHERE p.is_current OR today BETWEEN p.week_start_date AND p.week_end_date ORDER BY p.week_start_date, p.id FOR NO KEY UPDATE
  LOOP
    IF pool.is_current THEN
      was := was || jsonb_build_object('pool', pool.id, 'week_start_date', pool.week_start_date);
    END IF;
    IF today BETWEEN pool.week_start_date AND pool.week_end_date THEN
      right_one := coalesce(right_one, pool.id);
    END IF;
  END LOOP;
  IF right_one IS NULL THEN
    PERFORM monitoring.log_error('CURRENT_POOL_MISSING', format('no pool holds %s', to_char(today, 'YYYY-MM-DD')), jsonb_build_object('day', today));
  END IF;
  UPDATE finance.weekly_pools SET is_current = false, updated_at = now() WHERE is_current AND id IS DISTINCT FROM right_one;
  UPDATE finance.weekly_pools SET is_current = true, updated_at = now() WHERE NOT is_current AND id = right_one;
  IF was <> '[]' AND (jsonb_array_length(was) > 1 OR (was -> 0 ->> 'pool')::uuid IS DISTINCT FROM right_one) OR was = '[]' AND right_one IS NOT NULL THEN
    INSERT INTO pull_up_club.mendings (what, object, was, is_now) VALUES ('current pool', coalesce(right_one::text, 'none'), was, to_jsonb(right_one));
  END IF;
  RETURN right_one;
END $$;
COMMENT ON FUNCTION monitoring.update_current_pool() IS
  'marks the pool that holds today in the club''s time zone as current and no other, makes it where auto_create_pools is on, and returns it; NULL, and '
  'CURRENT_POOL_MISSING in the journal, where there is none; LG115 MENDING_REFUSED in a transaction that is not READ COMMITTED';

CREATE FUNCTION monitoring.check_missing_earnings(period interval DEFAULT interval '30 days')
RETURNS TABLE (submission_id uuid, user_id uuid, actual_pull_up_count int, approved_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT s.id, s.user_id, s.actual_pull_up_count::int, s.approved_at FROM content.submissions s
     WHERE s.status = 'approved' AND s.approved_at >= now() - period AND NOT EXISTS (SELECT FROM finance.weekly_earnings e WHERE e.submission_id = s.id)
     ORDER BY s.approved_at, s.id;
END $$;
COMMENT ON FUNCTION monitoring.check_missing_earnings(interval) IS
  'the submissions approved in this period (the last 30 days) that have no earning, not even one of 0 dollars; finance.process_submission_earnings() makes one, once';

-- Works as well after weeks, twice, and in two sessions at once: each part looks at how it is, and locks what it changes.
CREATE FUNCTION monitoring.run_daily_consistency_check() RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  current uuid;
  pools   jsonb;
  missing jsonb;
  ranks   int := 0;
  problem jsonb;
BEGIN
  PERFORM pull_up_club.require_read_committed('monitoring.run_daily_consistency_check()');
  -- locks in the order of approvals, which would be cancelled as deadlocks otherwise: ranks, then pools by week
  PERFORM analytics.fold_counts();
  IF EXISTS (SELECT FROM pull_up_club.check_ranks()) THEN
    ranks := analytics.rebuild_ranks();
    INSERT INTO pull_up_club.mendings (what, object, was, is_now) VALUES ('ranks', 'analytics.best_submissions', jsonb_build_object('rows_off', ranks), '{"rows_off": 0}');
  END IF;
  PERFORM FROM finance.weekly_pools p
    WHERE p.is_current OR pull_up_club.local_date(now()) BETWEEN p.week_start_date AND p.week_end_date OR p.id IN (SELECT w.pool_id FROM pull_up_club.wrong_pools() AS w)
    ORDER BY p.week_start_date, p.id FOR NO KEY UPDATE;
  current := monitoring.update_current_pool();
  pools := monitoring.check_pool_consistency(fix => true);
  missing := (SELECT coalesce(jsonb_agg(to_jsonb(m)), '[]') FROM monitoring.check_missing_earnings() AS m);
  FOR problem IN SELECT p FROM jsonb_array_elements(pools -> 'pools') AS p WHERE p ->> 'outcome' <> 'mended' LOOP
    PERFORM monitoring.log_error('POOL_INCONSISTENT', format('the pool of %s: %s', problem ->> 'week_start_date', problem ->> 'outcome'), problem);
  END LOOP;
  IF missing <> '[]' THEN
    PERFORM monitoring.log_error('EARNINGS_MISSING', format('%s approved submissions have no earning', jsonb_array_length(missing)),
                                 jsonb_build_object('submissions', jsonb_path_query_array(missing, '$[0 to 99].submission_id')));
  END IF;
  RETURN jsonb_build_object('checked_at', clock_timestamp(), 'current_pool', current, 'pools', pools, 'missing_earnings', missing, 'ranks_mended', ranks,
                            'consistent', current IS NOT NULL AND (pools ->> 'wrong') = (pools ->> 'mended') AND missing = '[]');
END $$;
COMMENT ON FUNCTION monitoring.run_daily_consistency_check() IS
  'the daily job: the current pool''s mark, pools against earnings (mended), missing earnings (told), ranks (mended); returns {checked_at, current_pool, pools, missing_earnings, '
  'ranks_mended, consistent} and logs what it could not mend; LG115 MENDING_REFUSED in a transaction that is not READ COMMITTED';

CREATE FUNCTION pull_up_club.start_week() RETURNS uuid
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT finance.ensure_pool(); SELECT monitoring.update_current_pool();
$$;
COMMENT ON FUNCTION pull_up_club.start_week() IS 'the weekly job: makes this week''s pool where it is absent, also where approvals do not, and marks it as current';

CREATE FUNCTION pull_up_club.queue_health_report() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  monday constant date := pull_up_club.local_date(now()) - (extract(isodow FROM pull_up_club.local_date(now()))::int - 1);
  health jsonb;
  body   text;
  queued int;
BEGIN
  PERFORM pg_advisory_xact_lock('pull_up_club.mendings'::regclass::int, hashtext('health report'));
  PERFORM monitoring.run_checks();
  health := monitoring.health();
  IF to_regprocedure('monitoring.health_report(text)') IS NOT NULL THEN
    EXECUTE 'SELECT monitoring.health_report(''html'')' INTO body;
  ELSE
    body := jsonb_pretty(health);
  END IF;
  INSERT INTO communication.email_notifications (user_id, email_type, recipient, subject, message)
  SELECT p.id, 'health_report', p.email, format('Health of the club, week of %s: %s, score %s', to_char(monday, 'YYYY-MM-DD'), health ->> 'status', health ->> 'score'), body
    FROM auth_management.admin_roles a JOIN auth_management.profiles p ON p.id = a.user_id
   WHERE a.is_active AND p.email IS NOT NULL
     AND NOT EXISTS (SELECT FROM communication.email_notifications n
                      WHERE n.user_id = p.id AND n.email_type = 'health_report' AND pull_up_club.local_date(n.created_at) >= monday);
  GET DIAGNOSTICS queued = ROW_COUNT;
  RETURN queued;
END $$;
COMMENT ON FUNCTION pull_up_club.queue_health_report() IS
  'the weekly report: runs the checks and puts monitoring.health_report() into the outbox for every active admin who has an address, once a week; returns how many';

REVOKE EXECUTE ON FUNCTION monitoring.check_pool_consistency(boolean), monitoring.update_current_pool(), monitoring.check_missing_earnings(interval),
                           monitoring.run_daily_consistency_check(), pull_up_club.start_week(), pull_up_club.queue_health_report() FROM PUBLIC;

-- Jobs are there where lifeguard has jobs.
INSERT INTO pull_up_club.blueprint (kind, name, make, unmake)
SELECT 'job', name, format('SELECT monitoring.add_job(%L, %L, %L, %L)', name, schedule, command, description), format('SELECT monitoring.drop_job(%L)', name)
  FROM (VALUES
    (1, 'club consistency', '0 2 * * *', 'SELECT monitoring.run_daily_consistency_check()', 'The current pool''s mark, pools against earnings, missing earnings, ranks.'),
    (2, 'club week', '5 0 * * 1', 'SELECT pull_up_club.start_week()', 'The new week''s pool.'),
    (3, 'club report', '0 8 * * 1', 'SELECT pull_up_club.queue_health_report()', 'The health report into the e-mail outbox.')) AS j(n, name, schedule, command, description)
 ORDER BY n;

-- For the application's dashboard, which asks as its own user.
INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('function', 'public.get_system_health()', $ddl$
CREATE FUNCTION public.get_system_health() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  IF NOT (coalesce(auth_management.is_admin(), false) OR coalesce(lifeguard.role() = 'service_role', false) OR pg_has_role(session_user, 'pg_monitor', 'USAGE')
          AND auth_management.acts_for_club()) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG108',
      MESSAGE = 'NOT_PERMITTED: only an admin sees the system''s health',
      DETAIL = jsonb_build_object('caller', auth_management.current_user_id()),
      HINT = 'Call it with the claims of a member who has an active row in auth_management.admin_roles.';
  END IF;
  RETURN monitoring.health() || jsonb_build_object(
    'errors_24h', (SELECT count(*) FROM monitoring.system_errors e WHERE e.created_at >= now() - interval '24 hours'),
    'current_pools', (SELECT count(*) FROM finance.weekly_pools p WHERE pull_up_club.local_date(now()) BETWEEN p.week_start_date AND p.week_end_date),
    'negative_pools', (SELECT count(*) FROM finance.weekly_pools p WHERE p.remaining_amount_dollars < 0),
    'pending_payouts', (SELECT count(*) FROM finance.payout_requests r WHERE r.status = 'pending'));
END $body$;
COMMENT ON FUNCTION public.get_system_health() IS
  'for the dashboard: monitoring.health() with errors_24h, current_pools (those that hold today), negative_pools and pending_payouts; LG108 NOT_PERMITTED for who is no admin';
REVOKE EXECUTE ON FUNCTION public.get_system_health() FROM PUBLIC$ddl$),
  ('grant', 'EXECUTE ON FUNCTION public.get_system_health() TO authenticated, service_role', 'GRANT EXECUTE ON FUNCTION public.get_system_health() TO authenticated, service_role');
