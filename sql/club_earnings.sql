-- Earnings: least(count, the pool's remaining, the month's remaining), written once, given back once.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
SELECT pull_up_club.set('cooldown_days', '0') AS cooldown;

-- member i has the id 0…0i; his nth submission 1…0in
CREATE FUNCTION pg_temp.member(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.submission(i int, n int DEFAULT 1) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT ('10000000-0000-0000-0000-' || lpad(i::text || lpad(n::text, 2, '0'), 12, '0'))::uuid
$$;
CREATE FUNCTION pg_temp.submit(i int, n int DEFAULT 1) RETURNS void LANGUAGE sql AS $$
  INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (pg_temp.submission(i, n), pg_temp.member(i), 'https://youtu.be/x', 1)
$$;
CREATE FUNCTION pg_temp.approve(i int, counted int, at timestamptz, n int DEFAULT 1) RETURNS TABLE (dollars int, reason text) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_temp.submit(i, n);
  UPDATE content.submissions SET status = 'approved', actual_pull_up_count = counted, approved_at = at WHERE id = pg_temp.submission(i, n);
  RETURN QUERY SELECT e.earning_amount_dollars, e.reason FROM finance.weekly_earnings e WHERE e.submission_id = pg_temp.submission(i, n);
END $$;
CREATE FUNCTION pg_temp.reverse(i int, n int DEFAULT 1) RETURNS void LANGUAGE sql AS $$
  UPDATE content.submissions SET status = 'rejected', notes = 'reversed' WHERE id = pg_temp.submission(i, n)
$$;
-- every total against the earnings it is the sum of; no row: all agree
CREATE VIEW pg_temp.disagreement AS
  SELECT 'pool' AS total, p.week_start_date::text AS which, p.spent_dollars AS is, coalesce(sum(e.earning_amount_dollars), 0) AS should
    FROM finance.weekly_pools p LEFT JOIN finance.weekly_earnings e ON e.weekly_pool_id = p.id GROUP BY p.id
  HAVING p.spent_dollars <> coalesce(sum(e.earning_amount_dollars), 0) OR p.remaining_amount_dollars <> p.total_amount_dollars - p.spent_dollars
  UNION ALL
  SELECT 'month', m.month_year, m.spent_dollars, coalesce(sum(e.earning_amount_dollars), 0)
    FROM finance.monthly_totals m LEFT JOIN finance.weekly_earnings e ON e.month_year = m.month_year GROUP BY m.month_year
  HAVING m.spent_dollars <> coalesce(sum(e.earning_amount_dollars), 0)
  UNION ALL
  SELECT 'member', u.user_id || ' ' || u.month_year, u.total_earned_dollars, coalesce(sum(e.earning_amount_dollars), 0)
    FROM finance.user_earnings u LEFT JOIN finance.weekly_earnings e ON e.month_year = u.month_year AND e.user_id = u.user_id GROUP BY u.id
  HAVING u.total_earned_dollars <> coalesce(sum(e.earning_amount_dollars), 0) OR u.total_submissions <> count(e.id)
  UNION ALL
  SELECT 'payout', r.user_id || ' ' || r.payout_month, r.amount_dollars, coalesce(sum(e.earning_amount_dollars), 0)
    FROM finance.payout_requests r LEFT JOIN finance.weekly_earnings e ON e.month_year = r.payout_month AND e.user_id = r.user_id GROUP BY r.id
  HAVING r.amount_dollars <> coalesce(sum(e.earning_amount_dollars), 0)
  UNION ALL
  SELECT 'no payout request', e.user_id || ' ' || e.month_year, NULL, e.earning_amount_dollars FROM finance.weekly_earnings e
   WHERE NOT EXISTS (SELECT FROM finance.payout_requests r WHERE r.user_id = e.user_id AND r.payout_month = e.month_year);
INSERT INTO auth.users (id, email) SELECT pg_temp.member(i), 'member' || i || '@example.org' FROM generate_series(1, 40) AS i;
UPDATE auth_management.profiles SET gender = 'Male', full_name = 'Member', paypal_email = 'pay@example.org';
UPDATE auth_management.profiles SET role = 'admin' WHERE id = pg_temp.member(31);
UPDATE auth_management.profiles SET role = 'influencer' WHERE id = pg_temp.member(32);

-- one dollar a pull-up, in the week and the month of the approval; the claim does not count
SELECT * FROM pg_temp.approve(1, 18, '2025-11-05 12:00+00');
SELECT week_start_date, total_amount_dollars, remaining_amount_dollars, spent_dollars, is_depleted FROM finance.weekly_pools;
SELECT user_id = pg_temp.member(1) AS hers, pull_up_count, earning_amount_dollars, reason, is_first_submission, month_year FROM finance.weekly_earnings;
SELECT month_year, total_earned_dollars, total_submissions FROM finance.user_earnings;
SELECT payout_month, amount_dollars, status, paypal_email, paid_at, paid_by FROM finance.payout_requests;
SELECT month_year, spent_dollars FROM finance.monthly_totals;
-- none is none
SELECT * FROM pg_temp.approve(2, 0, '2025-11-05 12:00+00');
SELECT payout_month, amount_dollars, status FROM finance.payout_requests WHERE user_id = pg_temp.member(2);

-- 12 approvals with 261 pull-ups in all on $250: 21 are paid 10
SELECT i, a.* FROM generate_series(1, 12) AS i,
       pg_temp.approve(i, CASE i WHEN 11 THEN 20 WHEN 12 THEN 21 ELSE 22 END, '2025-11-12 12:00+00', 2) AS a ORDER BY i;
SELECT sum(pull_up_count) AS pull_ups, sum(earning_amount_dollars) AS dollars FROM finance.weekly_earnings e JOIN finance.weekly_pools p ON p.id = e.weekly_pool_id
 WHERE p.week_start_date = '2025-11-10';
SELECT remaining_amount_dollars, is_depleted FROM finance.weekly_pools WHERE week_start_date = '2025-11-10';
SELECT * FROM pg_temp.approve(13, 5, '2025-11-16 23:59:59+00');
SELECT * FROM pg_temp.approve(14, 5, '2025-11-17 00:00:00+00');

-- all at once in one statement: the same $250
SELECT pg_temp.submit(i, 3) FROM generate_series(1, 20) AS i;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 18, approved_at = '2025-10-08 12:00+00' WHERE status = 'pending';
SELECT earning_amount_dollars, reason, count(*) FROM finance.weekly_earnings WHERE month_year = '2025-10' GROUP BY 1, 2 ORDER BY 1 DESC;
SELECT * FROM pg_temp.disagreement;

-- admins, influencers and excluded members earn nothing, and it is written why
INSERT INTO auth_management.payout_exclusions (user_id, reason, starts_at, ends_at) VALUES
  (pg_temp.member(33), 'now',      now() - interval '1 day',  now() + interval '1 day'),
  (pg_temp.member(34), 'for good', now() - interval '1 day',  NULL),
  (pg_temp.member(35), 'later',    now() + interval '1 day',  NULL),
  (pg_temp.member(36), 'over',     now() - interval '2 days', now() - interval '1 day');
SELECT i, a.* FROM generate_series(31, 36) AS i, pg_temp.approve(i, 7, '2025-11-19 12:00+00') AS a ORDER BY i;

-- the month's cap: over all members, or for each
SELECT pull_up_club.set('monthly_cap_dollars', '30') AS cap;
SELECT i, n, a.* FROM (VALUES (1, 21, 20), (2, 21, 9), (3, 21, 9), (4, 21, 9)) AS t(i, n, counted), pg_temp.approve(i, counted, '2025-09-10 12:00+00', n) AS a;
SELECT month_year, spent_dollars FROM finance.monthly_totals WHERE month_year = '2025-09';
SELECT pull_up_club.set('monthly_cap_scope', 'member') AS scope;
SELECT i, n, a.* FROM (VALUES (1, 22, 20), (1, 23, 20), (1, 24, 20), (2, 22, 29), (2, 23, 2)) AS t(i, n, counted),
       pg_temp.approve(i, counted, '2025-08-06 12:00+00'::timestamptz + n * interval '1 hour', n) AS a;
SELECT user_id = pg_temp.member(1) AS first, total_earned_dollars, total_submissions FROM finance.user_earnings WHERE month_year = '2025-08' ORDER BY 1 DESC;
SELECT is_first_submission, count(*) FROM finance.weekly_earnings WHERE month_year = '2025-08' GROUP BY 1 ORDER BY 1;
SELECT month_year, spent_dollars FROM finance.monthly_totals WHERE month_year = '2025-08';
SELECT pull_up_club.set('monthly_cap_dollars', '0') AS cap;
SELECT * FROM pg_temp.approve(5, 10, '2025-07-09 12:00+00', 22);
SELECT pull_up_club.set('monthly_cap_dollars', '1000') AS cap, pull_up_club.set('monthly_cap_scope', 'club') AS scope;
SELECT * FROM pg_temp.disagreement;

-- a week across two months has one pool, and each month its own money
SELECT * FROM pg_temp.approve(21, 3, '2025-12-31 23:59:59+00');
SELECT * FROM pg_temp.approve(22, 4, '2026-01-01 00:00:00+00');
SELECT p.week_start_date, e.month_year, e.earning_amount_dollars, p.spent_dollars
  FROM finance.weekly_earnings e JOIN finance.weekly_pools p ON p.id = e.weekly_pool_id WHERE p.week_start_date = '2025-12-29' ORDER BY 2;

-- the club's day, not the session's: 23:30 on Sunday in UTC is Monday in Berlin, for every session
SELECT pull_up_club.set('time_zone', 'Europe/Berlin') AS zone;
SET timezone = 'Etc/GMT+12';
SELECT * FROM pg_temp.approve(23, 3, '2025-06-15 22:30+00');
SET timezone = 'Pacific/Kiritimati';
SELECT * FROM pg_temp.approve(24, 3, '2025-06-15 22:30+00');
SET timezone = 'UTC';
SELECT * FROM pg_temp.approve(25, 3, '2025-06-15 21:30+00');
SELECT p.week_start_date, count(*) FROM finance.weekly_earnings e JOIN finance.weekly_pools p ON p.id = e.weekly_pool_id WHERE e.month_year = '2025-06' GROUP BY 1 ORDER BY 1;
SELECT pull_up_club.set('time_zone', 'UTC') AS zone;

-- no pool for the week
SELECT pull_up_club.set('auto_create_pools', 'off') AS auto;
SELECT pg_temp.approve(26, 3, '2025-05-07 12:00+00');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM content.submissions WHERE user_id = pg_temp.member(26);
SELECT finance.ensure_pool('2025-05-07') IS NOT NULL AS made;
SELECT * FROM pg_temp.approve(26, 3, '2025-05-07 12:00+00');
SELECT pull_up_club.set('auto_create_pools', 'on') AS auto;

-- asked without writing anything
SELECT finance.calculate_earnings(pg_temp.member(1), 18, NULL, '2025-11-12 12:00+00') AS depleted, finance.calculate_earnings(pg_temp.member(1), 18, NULL, '2025-04-09 12:00+00') AS no_pool_yet,
       finance.calculate_earnings(pg_temp.member(1), 300, NULL, '2025-11-05 12:00+00') AS rest_of_the_pool,
       finance.calculate_earnings(pg_temp.member(31), 18, NULL, '2025-11-05 12:00+00') AS admin,
       finance.calculate_earnings(pg_temp.member(34), 18, NULL, '2025-11-05 12:00+00') AS excluded, finance.calculate_earnings(pg_temp.member(1), 0) AS none;
SELECT count(*) FROM finance.weekly_pools WHERE week_start_date = '2025-04-07';

-- a pool that the caller names must be the week's own; what is refused is not paid
SELECT finance.ensure_pool('2025-03-05') IS NOT NULL AS made;
UPDATE finance.weekly_pools SET id = '30000000-0000-0000-0000-000000000001' WHERE week_start_date = '2025-03-03';
SELECT finance.calculate_earnings(pg_temp.member(1), 18, '30000000-0000-0000-0000-000000000001', '2025-03-09 23:59:59+00') AS sunday;
SELECT finance.calculate_earnings(pg_temp.member(1), 18, '30000000-0000-0000-0000-000000000001', '2025-03-10 00:00:00+00');
\echo :LAST_ERROR_SQLSTATE
SELECT finance.calculate_earnings(pg_temp.member(1), 18, '30000000-0000-0000-0000-00000000000f', '2025-03-05 12:00+00');
\echo :LAST_ERROR_SQLSTATE
SET session_replication_role = replica;           -- approved by somebody who went past the lifecycle
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, actual_pull_up_count, status, approved_at)
VALUES (pg_temp.submission(27), pg_temp.member(27), 'https://youtu.be/x', 9, 9, 'approved', '2025-03-12 12:00+00');
RESET session_replication_role;
SELECT finance.process_submission_earnings(pg_temp.submission(27), pg_temp.member(27), 9, '30000000-0000-0000-0000-000000000001');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM finance.weekly_earnings WHERE submission_id = pg_temp.submission(27);
SELECT r - 'pool_id' AS paid FROM finance.process_submission_earnings(pg_temp.submission(27), pg_temp.member(27), 9) AS r;

-- a second time changes nothing and says so
CREATE TEMP TABLE before AS SELECT (SELECT sum(spent_dollars) FROM finance.weekly_pools) AS pools, (SELECT sum(total_earned_dollars) FROM finance.user_earnings) AS members,
  (SELECT sum(amount_dollars) FROM finance.payout_requests) AS payouts, (SELECT sum(spent_dollars) FROM finance.monthly_totals) AS months, (SELECT count(*) FROM finance.weekly_earnings) AS earnings;
SELECT r - 'pool_id' AS result, r ? 'pool_id' AS with_pool FROM finance.process_submission_earnings(pg_temp.submission(1), pg_temp.member(1), 18) AS r;
SELECT r ->> 'already_processed' AS already, r ->> 'dollars_earned' AS dollars FROM finance.process_submission_earnings(pg_temp.submission(1), pg_temp.member(1), 999) AS r;
SELECT b.* FROM before b WHERE b = (SELECT ROW((SELECT sum(spent_dollars) FROM finance.weekly_pools), (SELECT sum(total_earned_dollars) FROM finance.user_earnings),
  (SELECT sum(amount_dollars) FROM finance.payout_requests), (SELECT sum(spent_dollars) FROM finance.monthly_totals), (SELECT count(*) FROM finance.weekly_earnings)));

-- a reversal gives back to the same pool, month and request, once
SELECT pg_temp.reverse(12, 2);
SELECT remaining_amount_dollars, spent_dollars, is_depleted FROM finance.weekly_pools WHERE week_start_date = '2025-11-10';
SELECT count(*) FROM finance.weekly_earnings WHERE submission_id = pg_temp.submission(12, 2);
SELECT total_earned_dollars, total_submissions FROM finance.user_earnings WHERE user_id = pg_temp.member(12) AND month_year = '2025-11';
SELECT amount_dollars, status FROM finance.payout_requests WHERE user_id = pg_temp.member(12) AND payout_month = '2025-11';
SELECT finance.cleanup_earnings(pg_temp.submission(12, 2)) IS NOT NULL AS answered;
SELECT * FROM pg_temp.disagreement;
-- corrected and approved again, he gets what is left then, in the week of the second approval
SELECT * FROM pg_temp.approve(37, 4, '2025-11-12 13:00+00');
UPDATE content.submissions SET status = 'pending' WHERE id = pg_temp.submission(12, 2);
UPDATE content.submissions SET status = 'approved', approved_at = '2025-11-13 12:00+00' WHERE id = pg_temp.submission(12, 2);
SELECT earning_amount_dollars, reason FROM finance.weekly_earnings WHERE submission_id = pg_temp.submission(12, 2);
SELECT * FROM pg_temp.disagreement;

-- a month that is paid is closed: nothing is taken back from it and nothing added
INSERT INTO auth_management.admin_roles (user_id) VALUES (pg_temp.member(31));
SELECT set_config('request.jwt.claims', jsonb_build_object('sub', pg_temp.member(31), 'role', 'authenticated')::text, false) <> '' AS admin;
UPDATE finance.payout_requests SET status = 'approved' WHERE user_id IN (pg_temp.member(1), pg_temp.member(3)) AND payout_month = '2025-11';
SELECT r ->> 'amount_dollars' AS dollars FROM finance.payout_requests p, finance.mark_payout_paid(p.id) AS r WHERE p.user_id = pg_temp.member(1) AND p.payout_month = '2025-11';
UPDATE finance.payout_requests SET status = 'rejected' WHERE user_id = pg_temp.member(2) AND payout_month = '2025-11';
SELECT set_config('request.jwt.claims', '', false) = '' AS nobody;
SELECT pg_temp.reverse(1);
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.reverse(2, 2);
\echo :LAST_ERROR_SQLSTATE
SELECT status FROM content.submissions WHERE id = pg_temp.submission(1);
SELECT pg_temp.approve(1, 3, '2025-11-26 12:00+00', 9);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM pg_temp.approve(1, 0, '2025-11-26 12:00+00', 9);
SELECT pg_temp.reverse(3, 2);                     -- approved but not paid yet: taken back
SELECT amount_dollars, status FROM finance.payout_requests WHERE user_id = pg_temp.member(3) AND payout_month = '2025-11';
SELECT * FROM pg_temp.disagreement;

-- what is no count, no submission, no member, or another's
SELECT finance.calculate_earnings(pg_temp.member(1), -1);
\echo :LAST_ERROR_SQLSTATE
SELECT finance.calculate_earnings(pg_temp.member(1), NULL);
SELECT finance.calculate_earnings(pg_temp.member(1), 1001);
SELECT finance.calculate_earnings(pg_temp.member(1), 2147483647);
SELECT finance.calculate_earnings(NULL, 1);
\echo :LAST_ERROR_SQLSTATE
SELECT finance.calculate_earnings(pg_temp.member(99), 1);
SELECT finance.process_submission_earnings(NULL, pg_temp.member(1), 1);
\echo :LAST_ERROR_SQLSTATE
SELECT finance.process_submission_earnings(pg_temp.submission(99), pg_temp.member(1), 1);
SELECT finance.cleanup_earnings(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.submit(38);
\set VERBOSITY terse
SELECT finance.process_submission_earnings(pg_temp.submission(38), pg_temp.member(39), 1);
SELECT finance.process_submission_earnings(pg_temp.submission(38), NULL, 1);
SELECT finance.process_submission_earnings(pg_temp.submission(38), pg_temp.member(38), -1);
SELECT finance.process_submission_earnings(pg_temp.submission(38), pg_temp.member(38), NULL);
\set VERBOSITY default
SELECT count(*) FROM finance.weekly_earnings WHERE submission_id = pg_temp.submission(38);
SELECT * FROM pg_temp.disagreement;

SELECT finance.calculate_monthly_payout(pg_temp.member(1), '2025-11') AS november, finance.calculate_monthly_payout(pg_temp.member(1), '2024-11') AS a_year_before;
SELECT finance.calculate_monthly_payout(pg_temp.member(1), '2025-11-01');
\echo :LAST_ERROR_SQLSTATE
SELECT finance.calculate_monthly_payout(pg_temp.member(1), NULL);
SELECT finance.calculate_monthly_payout(pg_temp.member(99), '2025-11');
SELECT finance.calculate_monthly_payout(NULL, '2025-11');

DROP VIEW pg_temp.disagreement;
SELECT pull_up_club.set('cooldown_days', '30') AS cooldown;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
