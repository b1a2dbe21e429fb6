-- Repairs of what the years did to a club's rows: only what was asked for, shown first, and each change kept in
-- pull_up_club.mendings. Earnings are what members were told: no repair takes one away or makes it less.

-- Approvals lock a member before anything that repairs write, and pools by their weeks.
CREATE FUNCTION pull_up_club.lock_pools() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM finance.weekly_pools p ORDER BY p.week_start_date, p.id FOR NO KEY UPDATE;
END $$;
COMMENT ON FUNCTION pull_up_club.lock_pools() IS 'part of repair(): locks the pools in the order of approvals';

CREATE FUNCTION pull_up_club.note_mending(what text, object text, was jsonb, is_now jsonb) RETURNS pull_up_club.mendings
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO pull_up_club.mendings (what, object, was, is_now) VALUES ($1, $2, $3, $4) RETURNING *
$$;
COMMENT ON FUNCTION pull_up_club.note_mending(text, text, jsonb, jsonb) IS 'part of repair(): keeps what something was and is now';

CREATE FUNCTION pull_up_club.switch_rules(base regclass, verb text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s %s', base, (SELECT string_agg(format('%s TRIGGER %I', verb, t.tgname), ', ') FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
                                              WHERE t.tgrelid = base AND f.pronamespace = 'lifeguard'::regnamespace AND f.proname IN ('before_row', 'after_row')));
END $$;
COMMENT ON FUNCTION pull_up_club.switch_rules(regclass, text) IS 'part of repair(): DISABLE or ENABLE for the two triggers of a table that is locked meanwhile';

-- A state is its known spelling; else what the row tells: it was paid for, it was approved, or it waits.
CREATE FUNCTION pull_up_club.repair_unknown_states() RETURNS SETOF pull_up_club.mendings
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place  record;
  wrong  record;
  right_ text;
BEGIN
  FOR place IN
    SELECT p.name, pull_up_club.base_of(p.name) AS base, p.states, p.n
      FROM (VALUES (1, 'content.submissions', '{pending,approved,rejected}'::text[]), (2, 'finance.payout_requests', '{pending,approved,paid,rejected}')) AS p(n, name, states) ORDER BY p.n
  LOOP
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', place.base);
    PERFORM pull_up_club.switch_rules(place.base, 'DISABLE');   -- the lifecycle lets no row out of a state that it does not know
    FOR wrong IN EXECUTE format('SELECT to_jsonb(t) AS row FROM %s t WHERE t.status::text <> ALL ($1) ORDER BY t.id FOR UPDATE', place.name) USING place.states LOOP
      right_ := (SELECT s FROM unnest(place.states) AS s WHERE s = lower(btrim(wrong.row ->> 'status')));
      IF right_ IS NULL AND place.name = 'content.submissions' THEN
        right_ := CASE WHEN wrong.row ->> 'actual_pull_up_count' IS NOT NULL AND wrong.row ->> 'approved_at' IS NOT NULL
                            OR EXISTS (SELECT FROM finance.weekly_earnings e WHERE e.submission_id = (wrong.row ->> 'id')::uuid) THEN 'approved'
                       WHEN EXISTS (SELECT FROM content.submissions s WHERE s.user_id = (wrong.row ->> 'user_id')::uuid AND s.status = 'pending') THEN 'rejected'
                       ELSE 'pending' END;
      END IF;
      right_ := coalesce(right_, CASE WHEN wrong.row ->> 'paid_at' IS NOT NULL THEN 'paid' ELSE 'pending' END);
      BEGIN
        EXECUTE format('UPDATE %s SET status = %L WHERE id = $1', place.name, right_) USING (wrong.row ->> 'id')::uuid;
      EXCEPTION WHEN check_violation THEN   -- what it seems to be lacks something: somebody has to look at it
        RAISE WARNING USING MESSAGE = format('%s %s stays %s: %s', place.base, wrong.row ->> 'id', wrong.row ->> 'status', SQLERRM);
        CONTINUE;
      END;
      IF place.name = 'content.submissions' AND right_ = 'approved' THEN
        PERFORM analytics.rank_submission((wrong.row ->> 'id')::uuid);
      END IF;
      RETURN NEXT pull_up_club.note_mending('unknown_states', format('%s %s', place.base, wrong.row ->> 'id'), jsonb_build_object('status', wrong.row -> 'status'), jsonb_build_object('status', right_));
    END LOOP;
    PERFORM pull_up_club.switch_rules(place.base, 'ENABLE');
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.repair_unknown_states() IS 'part of repair(): statuses outside of the lifecycles; a WARNING for rows that would break a constraint in the state that they tell, and stay';

-- A pool is what its earnings make it. Where more was earned than it held, it held as much: the dollars were promised.
CREATE FUNCTION pull_up_club.settle_pool(pool uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  settled jsonb;
BEGIN
  UPDATE finance.weekly_pools p
     SET total_amount_dollars = greatest(p.total_amount_dollars, e.dollars), spent_dollars = e.dollars, remaining_amount_dollars = greatest(p.total_amount_dollars, e.dollars) - e.dollars, updated_at = now()
    FROM (SELECT coalesce(sum(w.earning_amount_dollars), 0) AS dollars FROM finance.weekly_earnings w WHERE w.weekly_pool_id = pool) AS e
   WHERE p.id = pool
  RETURNING jsonb_build_object('total_amount_dollars', p.total_amount_dollars, 'spent_dollars', p.spent_dollars, 'remaining_amount_dollars', p.remaining_amount_dollars)
  INTO settled;
  RETURN settled;
END $$;
COMMENT ON FUNCTION pull_up_club.settle_pool(uuid) IS 'part of repair(): makes a pool what its earnings say, and returns that';

-- The pool with most earnings stays, the oldest of equals; the others' earnings become its own.
CREATE FUNCTION pull_up_club.repair_duplicate_pools() RETURNS SETOF pull_up_club.mendings
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  doubled record;
  keeper  record;
  other   record;
  moved   bigint;
BEGIN
  PERFORM pull_up_club.lock_pools();
  FOR doubled IN SELECT p.week_start_date AS monday FROM finance.weekly_pools p GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LOOP
    SELECT p.*, (SELECT count(*) FROM finance.weekly_earnings e WHERE e.weekly_pool_id = p.id) AS earnings INTO keeper
      FROM finance.weekly_pools p WHERE p.week_start_date = doubled.monday ORDER BY 13 DESC, p.created_at, p.id LIMIT 1;
    FOR other IN SELECT p.* FROM finance.weekly_pools p WHERE p.week_start_date = doubled.monday AND p.id <> keeper.id ORDER BY p.id LOOP
      UPDATE finance.weekly_earnings SET weekly_pool_id = keeper.id WHERE weekly_pool_id = other.id;
      GET DIAGNOSTICS moved = ROW_COUNT;
      DELETE FROM finance.weekly_pools WHERE id = other.id;
      UPDATE finance.weekly_pools SET is_current = true WHERE id = keeper.id AND other.is_current;
      RETURN NEXT pull_up_club.note_mending('duplicate_pools', format('pool %s of %s', other.id, to_char(doubled.monday, 'YYYY-MM-DD')), to_jsonb(other),
                                            jsonb_build_object('pool', keeper.id, 'earnings_moved', moved) || pull_up_club.settle_pool(keeper.id));
    END LOOP;
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.repair_duplicate_pools() IS 'part of repair(): several pools of one week';

-- An earning goes to the pool of the week in which its submission was approved, as far as that has the dollars.
CREATE FUNCTION pull_up_club.repair_earnings_in_wrong_pools() RETURNS SETOF pull_up_club.mendings
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong  record;
  home   record;
BEGIN
  PERFORM pull_up_club.lock_pools();
  FOR wrong IN
    SELECT e.id, e.earning_amount_dollars AS dollars, p.id AS pool, p.week_start_date, pull_up_club.local_date(s.approved_at) AS day
      FROM finance.weekly_earnings e JOIN finance.weekly_pools p ON p.id = e.weekly_pool_id JOIN content.submissions s ON s.id = e.submission_id
     WHERE s.approved_at IS NOT NULL AND pull_up_club.local_date(s.approved_at) NOT BETWEEN p.week_start_date AND p.week_end_date
     ORDER BY s.approved_at, e.id
  LOOP
    SELECT * INTO home FROM finance.weekly_pools p WHERE wrong.day BETWEEN p.week_start_date AND p.week_end_date ORDER BY p.created_at, p.id LIMIT 1;
    IF home.id IS NULL AND (SELECT auto_create_pools FROM pull_up_club.settings) THEN
      SELECT * INTO home FROM finance.weekly_pools p WHERE p.id = finance.ensure_pool(wrong.day);
    END IF;
    CONTINUE WHEN home.id IS NULL
               OR home.total_amount_dollars < wrong.dollars + (SELECT coalesce(sum(e.earning_amount_dollars), 0) FROM finance.weekly_earnings e WHERE e.weekly_pool_id = home.id);
    UPDATE finance.weekly_earnings SET weekly_pool_id = home.id WHERE id = wrong.id;
    PERFORM pull_up_club.settle_pool(wrong.pool), pull_up_club.settle_pool(home.id);
    RETURN NEXT pull_up_club.note_mending('earnings_in_wrong_pools', format('earning %s of %s dollars', wrong.id, wrong.dollars),
      jsonb_build_object('weekly_pool_id', wrong.pool, 'week_start_date', wrong.week_start_date), jsonb_build_object('weekly_pool_id', home.id, 'week_start_date', home.week_start_date, 'approved_on', wrong.day));
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.repair_earnings_in_wrong_pools() IS 'part of repair(): earnings out of a pool whose week does not hold the day of the approval';

CREATE FUNCTION pull_up_club.repair_pool_balances() RETURNS SETOF pull_up_club.mendings
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong record;
BEGIN
  PERFORM pull_up_club.lock_pools();
  FOR wrong IN SELECT * FROM pull_up_club.wrong_pools() LOOP
    RETURN NEXT pull_up_club.note_mending('pool_balances', format('pool %s of %s', wrong.pool_id, to_char(wrong.week_start_date, 'YYYY-MM-DD')),
      jsonb_build_object('total_amount_dollars', wrong.total, 'spent_dollars', wrong.spent, 'remaining_amount_dollars', wrong.remaining), pull_up_club.settle_pool(wrong.pool_id));
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.repair_pool_balances() IS 'part of repair(): pools whose spent and remaining dollars are not what their earnings make them';

-- A month that counts more submissions than it has earnings has counted this one: its earning was lost, and paying it anew would pay twice.
CREATE FUNCTION pull_up_club.restore_earning(submission uuid, member uuid, pull_ups int, approved timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  month   constant text := pull_up_club.month_of(approved);
  counted record;
  pool    uuid;
  dollars int;
BEGIN
  SELECT u.total_submissions - count(e.id) AS submissions, u.total_earned_dollars - coalesce(sum(e.earning_amount_dollars), 0) AS dollars INTO counted
    FROM finance.user_earnings u LEFT JOIN finance.weekly_earnings e ON e.user_id = u.user_id AND e.month_year = u.month_year
   WHERE u.user_id = member AND u.month_year = month GROUP BY u.total_submissions, u.total_earned_dollars;
  IF counted IS NULL OR counted.submissions <= 0 THEN
    RETURN NULL;
  END IF;
  pool := coalesce((SELECT p.id FROM finance.weekly_pools p WHERE pull_up_club.local_date(approved) BETWEEN p.week_start_date AND p.week_end_date ORDER BY p.created_at, p.id LIMIT 1),
                   finance.ensure_pool(pull_up_club.local_date(approved)));
  dollars := least(pull_ups, greatest(counted.dollars, 0));
  INSERT INTO finance.weekly_earnings (user_id, weekly_pool_id, submission_id, pull_up_count, earning_amount_dollars, month_year, created_at)
  VALUES (member, pool, submission, pull_ups, dollars, month, approved);
  UPDATE finance.monthly_totals t SET spent_dollars = (SELECT sum(e.earning_amount_dollars) FROM finance.weekly_earnings e WHERE e.month_year = month) WHERE t.month_year = month;
  RETURN jsonb_build_object('dollars_earned', dollars, 'pool_id', pool, 'month', month, 'restored', true) || pull_up_club.settle_pool(pool);
END $$;
COMMENT ON FUNCTION pull_up_club.restore_earning(uuid, uuid, int, timestamptz) IS
  'part of repair(): brings back the earning of a submission that its member''s month has counted already; NULL where the month has not';

CREATE FUNCTION pull_up_club.repair_missing_earnings() RETURNS SETOF pull_up_club.mendings
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unpaid record;
BEGIN
  PERFORM FROM auth_management.profiles p
    WHERE EXISTS (SELECT FROM content.submissions s WHERE s.user_id = p.id AND s.status = 'approved' AND NOT EXISTS (SELECT FROM finance.weekly_earnings e WHERE e.submission_id = s.id))
    ORDER BY p.id FOR NO KEY UPDATE;
  FOR unpaid IN
    SELECT s.id, s.user_id, s.actual_pull_up_count::int AS pull_ups, s.approved_at FROM content.submissions s
     WHERE s.status = 'approved' AND s.actual_pull_up_count IS NOT NULL AND s.approved_at IS NOT NULL AND NOT EXISTS (SELECT FROM finance.weekly_earnings e WHERE e.submission_id = s.id)
     ORDER BY s.approved_at, s.id
  LOOP
    RETURN NEXT pull_up_club.note_mending('missing_earnings', format('submission %s', unpaid.id), jsonb_build_object('member', unpaid.user_id, 'approved_at', unpaid.approved_at, 'earning', NULL),
                                          coalesce(pull_up_club.restore_earning(unpaid.id, unpaid.user_id, unpaid.pull_ups, unpaid.approved_at),
                                                   finance.process_submission_earnings(unpaid.id, unpaid.user_id, unpaid.pull_ups)));
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.repair_missing_earnings() IS 'part of repair(): approved submissions that were never paid, each by the day of its approval';

CREATE FUNCTION pull_up_club.repair(what text DEFAULT NULL, dry_run boolean DEFAULT true)
RETURNS TABLE (repair text, object text, was jsonb, is_now jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  known  constant text[] := '{unknown_states,duplicate_pools,earnings_in_wrong_pools,pool_balances,missing_earnings}';   -- in this order
  part   text;
  done   pull_up_club.mendings[] := '{}';
  more   pull_up_club.mendings[];
BEGIN
  IF what IS NOT NULL AND what <> ALL (known) OR dry_run IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG127',
      MESSAGE = CASE WHEN dry_run IS NULL THEN 'UNKNOWN_REPAIR: dry_run is true or false, not NULL' ELSE format('UNKNOWN_REPAIR: there is no repair %L', what) END,
      DETAIL = jsonb_build_object('repair', what, 'known', to_jsonb(known)),
      HINT = format('There are %s; NULL is all of them.', array_to_string(known, ', '));
  END IF;
  IF to_regclass('content.submissions') IS NULL OR to_regclass('finance.weekly_earnings') IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG109', MESSAGE = 'NOT_INSTALLED: there is no club to repair',
      DETAIL = jsonb_build_object('content.submissions', to_regclass('content.submissions'), 'finance.weekly_earnings', to_regclass('finance.weekly_earnings')),
      HINT = 'adopt() takes one in that is there, install() makes a new one.';
  END IF;
  PERFORM pull_up_club.require_ownership(ARRAY(SELECT pull_up_club.base_of(m.name) FROM pull_up_club.table_marks m),
    ARRAY(SELECT format('%s on table pull_up_club.mendings', p) FROM unnest('{SELECT,INSERT}'::text[]) AS p WHERE NOT has_table_privilege('pull_up_club.mendings', p)));
  PERFORM pull_up_club.require_read_committed('pull_up_club.repair()');
  BEGIN
    FOREACH part IN ARRAY CASE WHEN what IS NULL THEN known ELSE ARRAY[what] END LOOP
      EXECUTE format('SELECT array(SELECT r FROM pull_up_club.%I() AS r)', 'repair_' || part) INTO more;
      done := done || more;
    END LOOP;
    IF dry_run THEN
      RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = 'taken back';
    END IF;
  EXCEPTION WHEN SQLSTATE 'LG310' THEN
    NULL;   -- what was shown was done, and is undone
  END;
  RETURN QUERY SELECT (d).what, (d).object, (d).was, (d).is_now FROM unnest(done) AS d;
END $$;
COMMENT ON FUNCTION pull_up_club.repair(text, boolean) IS
  'what a repair would change, and what that was and would be: unknown_states, duplicate_pools, earnings_in_wrong_pools, pool_balances, missing_earnings; NULL: all, in this order. '
  'dry_run => false does it and keeps each change in pull_up_club.mendings. LG108 NOT_PERMITTED (the tables are somebody else''s), LG109 NOT_INSTALLED, LG115 in a transaction that is not READ COMMITTED, LG127 UNKNOWN_REPAIR';

REVOKE EXECUTE ON FUNCTION pull_up_club.lock_pools(), pull_up_club.switch_rules(regclass, text), pull_up_club.settle_pool(uuid), pull_up_club.note_mending(text, text, jsonb, jsonb), pull_up_club.repair_unknown_states(), pull_up_club.repair_duplicate_pools(),
                           pull_up_club.repair_earnings_in_wrong_pools(), pull_up_club.repair_pool_balances(), pull_up_club.restore_earning(uuid, uuid, int, timestamptz),
                           pull_up_club.repair_missing_earnings(), pull_up_club.repair(text, boolean) FROM PUBLIC;
