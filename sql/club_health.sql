-- The club looks at itself: every fault that its rules know is found by the name of its check, and gone when it is mended; what mends leaves alone
-- what it cannot be sure of, keeps what was, and may run twice. test/pgtap/club_health.sql has the many faults, one by one.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
SELECT name, category, severity, function, enabled FROM monitoring.checks WHERE category = 'club' ORDER BY name COLLATE "C";
SELECT name, title, function FROM monitoring.gauges WHERE name LIKE 'club%';
SELECT name, schedule, command FROM monitoring.job_definitions WHERE name LIKE 'club%' ORDER BY 1;
CREATE VIEW public.found AS SELECT name, status, message FROM monitoring.run_checks('club') WHERE status <> 'healthy' AND name <> 'club_errors' ORDER BY name COLLATE "C";

-- Of today, whenever that is: a week's dates are not for an expected output.
CREATE FUNCTION public.without_dates(said text) RETURNS text LANGUAGE sql AS $$
  SELECT regexp_replace(regexp_replace(regexp_replace(said, '\d{4}-\d\d-\d\d', 'DAY', 'g'), '\d{4}-\d\d', 'MONTH', 'g'), '[0-9a-f]{8}-[0-9a-f-]{27}', 'ID', 'g')
$$;

-- a club of yesterday: no pool holds today yet; the daily job makes one and then there is nothing to say
SELECT name, status, without_dates(message) FROM public.found;
SELECT monitoring.run_daily_consistency_check() - '{checked_at,current_pool}'::text[] AS said;
SELECT * FROM public.found;
SELECT monitoring.run_daily_consistency_check() -> 'consistent' AS again, (SELECT count(*) FROM pull_up_club.mendings) AS mendings;

-- money of a week
SELECT pull_up_club.set('cooldown_days', '0') AS cooldown;
INSERT INTO auth.users (id, email) SELECT md5('member ' || i)::uuid, 'member' || i || '@example.org' FROM generate_series(1, 4) AS i;
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) SELECT md5('film ' || i)::uuid, md5('member ' || i)::uuid, 'https://youtu.be/' || i, 20 FROM generate_series(1, 3) AS i;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 20;
SELECT * FROM public.found;
SELECT value, total, unit FROM pull_up_club.pool_gauges();

-- the pool forgets: found, told, mended, and what it was is kept
UPDATE finance.weekly_pools SET spent_dollars = 11, remaining_amount_dollars = 239;
SELECT name, status, without_dates(message) FROM public.found;
SELECT r - 'pools' AS said, p ->> 'spent' AS spent, p ->> 'earned' AS earned, p ->> 'outcome' AS outcome
  FROM monitoring.check_pool_consistency() AS r, jsonb_array_elements(r -> 'pools') AS p;
SELECT r - 'pools' AS said, p ->> 'outcome' AS outcome FROM monitoring.check_pool_consistency(fix => true) AS r, jsonb_array_elements(r -> 'pools') AS p;
SELECT monitoring.check_pool_consistency(fix => true) AS nothing_left;
SELECT spent_dollars, remaining_amount_dollars FROM finance.weekly_pools;
SELECT what, was, is_now, by = session_user AS by_me FROM pull_up_club.mendings WHERE what = 'pool';
SELECT * FROM public.found;

-- −$71: more was earned than there was. That is nobody's to give back, so it is told and not mended
ALTER TABLE finance.weekly_pools DROP CONSTRAINT weekly_pools_balance;
UPDATE finance.weekly_pools SET total_amount_dollars = 10, spent_dollars = 81, remaining_amount_dollars = -71;
SELECT name, status, without_dates(message) FROM public.found;
SELECT monitoring.run_daily_consistency_check() #> '{pools,pools,0,outcome}' AS outcome;
SELECT total_amount_dollars, spent_dollars, remaining_amount_dollars FROM finance.weekly_pools;
SELECT monitoring.drain() AS drained;
SELECT error_type, without_dates(error_message) FROM monitoring.system_errors WHERE error_type = 'POOL_INCONSISTENT';
SELECT sum(earning_amount_dollars) AS earned FROM finance.weekly_earnings;
-- the remedy that the finding names
UPDATE finance.weekly_pools SET spent_dollars = 60, remaining_amount_dollars = -50;
SELECT finance.set_pool_total(id, 60) FROM finance.weekly_pools;
SELECT monitoring.check_pool_consistency(fix => true) -> 'wrong' AS wrong;
DELETE FROM monitoring.system_errors WHERE error_type = 'POOL_INCONSISTENT';
ALTER TABLE finance.weekly_pools ADD CONSTRAINT weekly_pools_balance CHECK (remaining_amount_dollars >= 0 AND spent_dollars >= 0 AND remaining_amount_dollars + spent_dollars = total_amount_dollars);
SELECT * FROM public.found;

-- weeks in which no job ran: the mark is where it was, the pool of today is not there
UPDATE finance.weekly_pools SET week_start_date = week_start_date - 28, week_end_date = week_end_date - 28, is_current = true;
SELECT name, status, without_dates(message) FROM public.found WHERE name = 'club_current_pool';
SELECT monitoring.update_current_pool() IS NOT NULL AS marked;
SELECT is_current, pull_up_club.local_date(now()) BETWEEN week_start_date AND week_end_date AS holds_today FROM finance.weekly_pools ORDER BY week_start_date;
SELECT pull_up_club.start_week() = monitoring.update_current_pool() AS the_same, count(*) AS pools FROM finance.weekly_pools;
SELECT count(*) AS found FROM public.found WHERE name = 'club_current_pool';
SELECT pull_up_club.set('auto_create_pools', 'false');
DELETE FROM finance.weekly_pools WHERE pull_up_club.local_date(now()) BETWEEN week_start_date AND week_end_date;
SELECT monitoring.update_current_pool() AS nothing_to_mark;
SELECT name, status, without_dates(message) FROM public.found WHERE name = 'club_current_pool';
SELECT pull_up_club.start_week() IS NOT NULL AS made_by_hand;
SELECT pull_up_club.set('auto_create_pools', 'true');

-- a week's first day before its jobs: the mark is at the week that ended yesterday, and the first approval makes the pool; a day later no job has come
BEGIN;
SET LOCAL session_replication_role = replica;
ALTER TABLE finance.weekly_pools DROP CONSTRAINT weekly_pools_week, DROP CONSTRAINT weekly_pools_no_overlap;   -- today is any day
DELETE FROM finance.weekly_pools;
CREATE FUNCTION public.add_pool(first date, current boolean) RETURNS void LANGUAGE sql AS $$
  INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, month_year, is_current)
  VALUES (first, first + 6, 250, 250, to_char(first, 'YYYY-MM'), current)
$$;
SELECT public.add_pool(pull_up_club.local_date(now()) - 7, true);
SELECT count(*) AS found FROM pull_up_club.check_current_pool();
SELECT public.add_pool(pull_up_club.local_date(now()), false);
SELECT count(*) AS found FROM pull_up_club.check_current_pool();
UPDATE finance.weekly_pools SET week_start_date = week_start_date - 1, week_end_date = week_end_date - 1;
SELECT without_dates(message) AS message, severity FROM pull_up_club.check_current_pool();
DELETE FROM finance.weekly_pools WHERE NOT is_current;
SELECT without_dates(message) AS message, severity FROM pull_up_club.check_current_pool();
ROLLBACK;

-- an approval that earned nothing, not even $0
SET session_replication_role = replica;
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, actual_pull_up_count, status, approved_at)
VALUES (md5('lost')::uuid, md5('member 4')::uuid, 'https://youtu.be/4', 9, 9, 'approved', now());
RESET session_replication_role;
SELECT submission_id = md5('lost')::uuid AS lost, actual_pull_up_count FROM monitoring.check_missing_earnings();
SELECT count(*) FROM monitoring.check_missing_earnings('0 days');
SELECT r -> 'consistent' AS consistent, jsonb_array_length(r -> 'missing_earnings') AS missing, r -> 'ranks_mended' AS ranks_mended FROM monitoring.run_daily_consistency_check() AS r;
SELECT finance.process_submission_earnings(md5('lost')::uuid, md5('member 4')::uuid, 9) -> 'dollars_earned' AS paid;
SELECT count(*) FROM monitoring.check_missing_earnings();

-- the report, once a week for each admin who has an address
INSERT INTO auth_management.admin_roles (user_id, is_active) VALUES (md5('member 1')::uuid, true), (md5('member 2')::uuid, false);
SELECT pull_up_club.queue_health_report() AS queued, pull_up_club.queue_health_report() AS again;
SELECT email_type, recipient, without_dates(subject) ~ '^Health of the club, week of DAY: [A-Z ]+, score \d+$' AS subject, length(message) > 100 AS has_message FROM communication.email_notifications;
UPDATE communication.email_notifications SET created_at = created_at - interval '7 days';
SELECT pull_up_club.queue_health_report() AS next_week;

-- the dashboard: admins, and nobody else
GRANT USAGE ON SCHEMA public TO authenticated, anon;
SELECT jsonb_object_keys(public.get_system_health()) AS key ORDER BY 1;
SELECT set_config('request.jwt.claims', jsonb_build_object('sub', md5('member 1')::uuid, 'role', 'authenticated')::text, false) IS NOT NULL AS admin;
SET ROLE authenticated;
SELECT public.get_system_health() ->> 'negative_pools' AS negative_pools, public.get_system_health() ->> 'current_pools' AS current_pools;
SELECT set_config('request.jwt.claims', jsonb_build_object('sub', md5('member 2')::uuid, 'role', 'authenticated')::text, false) IS NOT NULL AS not_active;
SELECT public.get_system_health();
\echo :LAST_ERROR_SQLSTATE
SELECT set_config('request.jwt.claims', '', false) IS NOT NULL AS nobody;
SELECT monitoring.check_pool_consistency(true);
SELECT monitoring.run_daily_consistency_check();
SELECT count(*) FROM pull_up_club.mendings;
RESET ROLE;
SET ROLE anon;
SELECT public.get_system_health();
RESET ROLE;
-- not by an old snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT monitoring.check_pool_consistency(fix => true);
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT monitoring.check_pool_consistency() -> 'mended' AS only_looks;
SELECT monitoring.update_current_pool();
ROLLBACK;

-- uninstalled: nothing is checked any more
DROP VIEW public.found;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
SELECT count(*) AS checks FROM monitoring.checks WHERE category = 'club';
SELECT count(*) AS others FROM monitoring.gauges WHERE name LIKE 'club%';
SELECT count(*) AS jobs FROM monitoring.job_definitions WHERE name LIKE 'club%';
SELECT count(*) AS accepted FROM monitoring.accepted_lints WHERE object LIKE 'analytics.%';
DROP FUNCTION public.without_dates;
DROP SCHEMA auth CASCADE;
DELETE FROM monitoring.check_runs;
DELETE FROM monitoring.check_results;
DELETE FROM monitoring.check_findings;
TRUNCATE pull_up_club.mendings;
DELETE FROM monitoring.system_errors WHERE error_type IN ('CURRENT_POOL_MISSING', 'EARNINGS_MISSING', 'POOL_INCONSISTENT');
