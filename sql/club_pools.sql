-- Weekly pools: Monday to Sunday, never overlapping, never overdrawn.
\set SHOW_CONTEXT never
SET datestyle = 'ISO';
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();

-- one pool for all the days of a week, made once; its month is the Monday's
CREATE TEMP TABLE asked AS
SELECT day, finance.ensure_pool(day) AS pool
  FROM unnest('{2026-11-22,2026-11-23,2026-11-25,2026-11-29,2026-11-30,2026-12-31,2027-01-01,2027-01-03,2028-02-29}'::date[]) AS day;
SELECT day, week_start_date, week_end_date, month_year, week_number_in_month FROM asked JOIN finance.weekly_pools ON id = pool ORDER BY day;
SELECT count(*) AS pools, count(DISTINCT week_start_date) AS weeks FROM finance.weekly_pools;
SELECT finance.ensure_pool('2026-11-25') = finance.ensure_pool('2026-11-25') AS made_once;
SELECT finance.ensure_pool() = finance.ensure_pool(pull_up_club.local_date(now())) AS todays;
SELECT DISTINCT total_amount_dollars, remaining_amount_dollars, spent_dollars, is_depleted FROM finance.weekly_pools;
SELECT pull_up_club.local_date(now()) BETWEEN week_start_date AND week_end_date AS the_first_mark FROM finance.weekly_pools WHERE is_current;
DELETE FROM finance.weekly_pools WHERE is_current;
UPDATE finance.weekly_pools SET is_current = true WHERE week_start_date = (SELECT max(week_start_date) FROM finance.weekly_pools);
SELECT finance.ensure_pool() <> id AS another, is_current AS keeps_its_mark FROM finance.weekly_pools WHERE is_current;
UPDATE finance.weekly_pools SET is_current = false;
SELECT finance.ensure_pool('2026-11-23') IS NOT NULL AS there;
UPDATE finance.weekly_pools SET is_current = false;

-- a new pool takes the setting, an old one keeps what it has
SELECT pull_up_club.set('pool_dollars', '300');
SELECT finance.ensure_pool('2026-11-25') <> finance.ensure_pool('2027-06-01') AS two;
SELECT week_start_date, total_amount_dollars FROM finance.weekly_pools WHERE week_start_date IN ('2026-11-23', '2027-05-31') ORDER BY 1;
SELECT pull_up_club.set('pool_dollars', '250');

-- days that are in no week
SELECT finance.ensure_pool(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT finance.ensure_pool('infinity');
SELECT finance.ensure_pool('-infinity');

-- what the table refuses, whoever writes
\set VERBOSITY terse
INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, month_year)
VALUES ('2026-11-23', '2026-11-29', 250, 250, '2026-11');                      -- the same week
INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, month_year)
VALUES ('2029-01-02', '2029-01-08', 250, 250, '2029-01');                      -- from a Tuesday
INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, month_year)
VALUES ('2029-01-01', '2029-01-14', 250, 250, '2029-01');                      -- two weeks
INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, month_year)
VALUES ('2029-01-01', '2029-01-07', 250, 200, '2029-01');                      -- 50 dollars are nowhere
INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, spent_dollars, month_year)
VALUES ('2029-01-01', '2029-01-07', 250, -1, 251, '2029-01');                  -- overdrawn
INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, month_year)
VALUES ('2029-01-01', '2029-01-07', 250, 250, '2029-1');                       -- a month that is none
BEGIN;
ALTER TABLE finance.weekly_pools DROP CONSTRAINT weekly_pools_week;            -- the exclusion holds on its own
INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, month_year)
VALUES ('2026-11-26', '2026-12-02', 250, 250, '2026-11');
ROLLBACK;
UPDATE finance.weekly_pools SET is_current = true WHERE week_start_date = '2026-11-23';
UPDATE finance.weekly_pools SET is_current = true WHERE week_start_date = '2026-11-30';
UPDATE finance.weekly_pools SET is_depleted = true;
UPDATE finance.weekly_pools SET remaining_amount_dollars = remaining_amount_dollars - 1;
\set VERBOSITY default
UPDATE finance.weekly_pools SET remaining_amount_dollars = 0, spent_dollars = 250 WHERE week_start_date = '2026-11-23' RETURNING is_depleted;

-- another total for one week: not below what is spent
UPDATE finance.weekly_pools SET id = '30000000-0000-0000-0000-000000000023' WHERE week_start_date = '2026-11-23';
UPDATE finance.weekly_pools SET id = '30000000-0000-0000-0000-000000000030' WHERE week_start_date = '2026-11-30';
SELECT finance.set_pool_total(finance.ensure_pool('2026-11-23'), 249);
\echo :LAST_ERROR_SQLSTATE
SELECT finance.set_pool_total(finance.ensure_pool('2026-11-23'), 250) AS remaining;
SELECT finance.set_pool_total(finance.ensure_pool('2026-11-23'), 400) AS remaining;
SELECT total_amount_dollars, remaining_amount_dollars, spent_dollars, is_depleted FROM finance.weekly_pools WHERE week_start_date = '2026-11-23';
SELECT finance.set_pool_total(finance.ensure_pool('2026-11-30'), 0) AS remaining;
SELECT finance.set_pool_total(finance.ensure_pool('2026-11-30'), -1);
SELECT finance.set_pool_total(finance.ensure_pool('2026-11-30'), 1000001);
SELECT finance.set_pool_total(finance.ensure_pool('2026-11-30'), NULL);
SELECT finance.set_pool_total(NULL, 250);
\echo :LAST_ERROR_SQLSTATE
SELECT finance.set_pool_total('00000000-0000-0000-0000-000000000000', 250);

-- an admin's affair
INSERT INTO auth.users (id) VALUES ('00000000-0000-0000-0000-000000000001');
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "authenticated"}', false);
SELECT finance.set_pool_total(finance.ensure_pool('2026-11-30'), 500);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO auth_management.admin_roles (user_id) VALUES ('00000000-0000-0000-0000-000000000001');
SELECT finance.set_pool_total(finance.ensure_pool('2026-11-30'), 500) AS remaining;
SELECT set_config('request.jwt.claims', '', false);

SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
