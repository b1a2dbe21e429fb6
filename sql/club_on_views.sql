-- The club on simple views over tables that have other names, columns and types of number: the same rows as on tables of its own.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
\getenv source PG_ABS_SRCDIR
\set on_views :source '/test/club_on_views.sql'
CREATE FUNCTION pg_temp.member(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.film(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('10000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;

-- approvals one by one and many in a statement, by either name of the table; the last dollars, the month's cap, reversals, corrections
CREATE PROCEDURE pg_temp.work() LANGUAGE plpgsql AS $$
DECLARE
  films regclass := coalesce(to_regclass('"old club"."Films"'), 'content.submissions');
BEGIN
  PERFORM pull_up_club.set('cooldown_days', '0'), pull_up_club.set('monthly_cap_dollars', '600');
  INSERT INTO auth.users (id, email) SELECT pg_temp.member(i), 'member' || i || '@example.org' FROM generate_series(1, 60) AS i;
  UPDATE auth_management.profiles SET full_name = 'Member', paypal_email = 'pay@example.org', role = CASE id WHEN pg_temp.member(7) THEN 'admin' ELSE 'user' END;
  INSERT INTO auth_management.payout_exclusions (user_id) VALUES (pg_temp.member(8));
  INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, organization, region, age, gender)
  SELECT pg_temp.film(i), pg_temp.member(i), 'https://youtu.be/x', 1, 'Club ' || i % 3, 'Coast', 20 + i % 5, CASE i % 2 WHEN 0 THEN 'Female' ELSE 'Male' END
    FROM generate_series(1, 60) AS i;
  PERFORM FROM content.submissions WHERE id = pg_temp.film(3) FOR UPDATE;
  FOR i IN 1..10 LOOP
    UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 4 * i, approved_at = '2025-11-05 12:00+00' WHERE id = pg_temp.film(i);
  END LOOP;
  INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (pg_temp.film(1), pg_temp.member(1), 'https://youtu.be/y', 2) ON CONFLICT DO NOTHING;
  INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (pg_temp.film(2), pg_temp.member(2), 'https://youtu.be/y', 2)
    ON CONFLICT (id) DO UPDATE SET organization = 'Club 9';
  EXECUTE format('UPDATE %s SET status = ''approved'', actual_pull_up_count = 18, approved_at = ''2025-11-12 12:00+00'' WHERE id BETWEEN $1 AND $2', films)
    USING pg_temp.film(11), pg_temp.film(30);
  UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 20, approved_at = '2025-11-19 12:00+00' WHERE id BETWEEN pg_temp.film(31) AND pg_temp.film(45);
  UPDATE content.submissions SET status = 'rejected', notes = 'reversed' WHERE id IN (SELECT pg_temp.film(i) FROM generate_series(1, 40, 3) AS i);
  UPDATE content.submissions SET status = 'pending' WHERE id IN (pg_temp.film(4), pg_temp.film(13));
  EXECUTE format('UPDATE %s SET status = ''approved'', actual_pull_up_count = 5, approved_at = ''2025-12-03 12:00+00'' WHERE id IN ($1, $2)', films)
    USING pg_temp.film(4), pg_temp.film(13);
  DELETE FROM content.submissions WHERE id = pg_temp.film(60);
END $$;

-- all rows that came of it, but for random ids and for the moments of the work itself
CREATE FUNCTION pg_temp.outcome() RETURNS TABLE (what text, it text) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT 'pool', ROW(week_start_date, total_amount_dollars::int, remaining_amount_dollars::int, spent_dollars::int)::text FROM finance.weekly_pools
  UNION ALL SELECT 'earning', ROW(e.user_id, week_start_date, e.submission_id, e.pull_up_count, e.earning_amount_dollars::int, e.reason, e.is_first_submission, e.month_year)::text
              FROM finance.weekly_earnings e JOIN finance.weekly_pools p ON p.id = e.weekly_pool_id
  UNION ALL SELECT 'month', ROW(user_id, month_year, total_earned_dollars::int, total_submissions)::text FROM finance.user_earnings
  UNION ALL SELECT 'payout', ROW(user_id, amount_dollars::int, status, paypal_email, payout_month)::text FROM finance.payout_requests
  UNION ALL SELECT 'total', ROW(month_year, spent_dollars)::text FROM finance.monthly_totals
  UNION ALL SELECT 'badge', ROW(u.user_id, b.name, b.gender, u.submission_id)::text FROM content.user_badges u JOIN content.badges b ON b.id = u.badge_id
  UNION ALL SELECT 'card', (to_jsonb(g) - '{id, created_at, updated_at}'::text[])::text FROM content.monthly_graphics g
  UNION ALL SELECT 'queued', ROW(user_id, type, data)::text FROM communication.notification_queue
  UNION ALL SELECT 'best', ROW(user_id, submission_id, pull_ups, approved_at)::text FROM analytics.best_submissions
  UNION ALL SELECT 'counts', ROW(pull_ups, sum(members))::text FROM analytics.best_counts GROUP BY pull_ups
  UNION ALL SELECT 'submission', (to_jsonb(s) - '{submitted_at, rejected_at, created_at, updated_at}'::text[])::text FROM content.submissions s
  UNION ALL SELECT 'profile', (to_jsonb(p) - '{created_at, updated_at}'::text[])::text FROM auth_management.profiles p;
END $$;

SELECT count(*) > 0 AS installed FROM pull_up_club.install();
CALL pg_temp.work();
CREATE TABLE pg_temp.on_tables AS SELECT * FROM pg_temp.outcome();
SELECT what, count(*) FROM pg_temp.on_tables GROUP BY 1 ORDER BY 1;
SELECT it AS pools FROM pg_temp.on_tables WHERE what IN ('pool', 'total') ORDER BY what, 1;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;

-- in the same session: what was a table is a view now
\set ECHO none
\i :on_views
\set ECHO all
CALL pg_temp.work();
CREATE TABLE pg_temp.directly AS SELECT * FROM pg_temp.outcome();
SELECT count(*) AS rows FROM pg_temp.directly;
TABLE pg_temp.on_tables EXCEPT ALL TABLE pg_temp.directly;
TABLE pg_temp.directly EXCEPT ALL TABLE pg_temp.on_tables;
SELECT spent_dollars, remaining_dollars FROM "old club"."Weekly ""Pools""" ORDER BY week_start LIMIT 1;

TRUNCATE auth.users, "old club"."Weekly ""Pools""", "old club".totals, "old club".bests, "old club".best_counts CASCADE;
SET lifeguard.direct_writes = off;
CALL pg_temp.work();
CREATE TABLE pg_temp.by_sql AS SELECT * FROM pg_temp.outcome();
TABLE pg_temp.on_tables EXCEPT ALL TABLE pg_temp.by_sql;
TABLE pg_temp.by_sql EXCEPT ALL TABLE pg_temp.on_tables;
RESET lifeguard.direct_writes;

-- the daily job and the checks read the views too, whatever the types; here they find what they find, and none fails
UPDATE "old club"."Weekly ""Pools""" SET spent_dollars = spent_dollars + 1, remaining_dollars = remaining_dollars - 1 WHERE week_start = '2025-11-03';
SELECT monitoring.check_pool_consistency(fix => true) - 'pools' AS mended;
SELECT monitoring.run_daily_consistency_check() ->> 'consistent' AS consistent;
CREATE FUNCTION pg_temp.check_all() RETURNS TABLE (name text, problem text) LANGUAGE plpgsql AS $$
BEGIN
  FOR name IN SELECT proname FROM pg_proc WHERE pronamespace = 'pull_up_club'::regnamespace AND prorettype IN ('monitoring.finding'::regtype, 'monitoring.gauge'::regtype) ORDER BY 1 LOOP
    BEGIN
      EXECUTE format('SELECT count(*) FROM pull_up_club.%I()', name);
    EXCEPTION WHEN OTHERS THEN
      problem := sqlerrm;
      RETURN NEXT;
    END;
  END LOOP;
END $$;
SELECT * FROM pg_temp.check_all();
SELECT count(*) FROM monitoring.check_missing_earnings('10 years');

-- a statement of many rows writes a pool once, by either name of the table
BEGIN;
SELECT pg_stat_get_xact_tuples_updated('"old club"."Weekly ""Pools"""'::regclass) AS before \gset
UPDATE "old club"."Films" SET status = 'approved', actual_pull_up_count = 2, approved_at = '2025-12-03 12:00+00' WHERE id BETWEEN pg_temp.film(46) AND pg_temp.film(52);
SELECT pg_stat_get_xact_tuples_updated('"old club"."Weekly ""Pools"""'::regclass) - :before AS pool_updates;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 2, approved_at = '2025-12-03 12:00+00' WHERE id BETWEEN pg_temp.film(53) AND pg_temp.film(59);
SELECT pg_stat_get_xact_tuples_updated('"old club"."Weekly ""Pools"""'::regclass) - :before AS pool_updates;
ROLLBACK;

-- Which way a pool is written, told by the context of an error: directly, or by SQL on this name.
SELECT finance.ensure_pool('2026-01-07') IS NOT NULL AS a_pool;
ALTER TABLE "old club"."Weekly ""Pools""" ADD CONSTRAINT never CHECK (updated_at < '2000-01-01') NOT VALID;
CREATE FUNCTION pg_temp.way() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  context text;
  message text;
BEGIN
  UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 5, approved_at = '2026-01-07 12:00+00' WHERE id = pg_temp.film(49);
  RAISE EXCEPTION 'it was written';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT, message = MESSAGE_TEXT;
  RETURN CASE WHEN message NOT LIKE '%"never"%' THEN message ELSE coalesce(split_part(substring(context FROM 'SQL statement "(UPDATE (?:finance|"old club")\..*)'), ' SET', 1), 'directly') END;
END $$;
SELECT pg_temp.way();
SET lifeguard.direct_writes = off;
SELECT pg_temp.way();
ALTER TABLE "old club"."Weekly ""Pools""" RENAME TO pools;
SELECT pg_temp.way();
RESET lifeguard.direct_writes;
SELECT pg_temp.way();

-- a view that is more than its table: by SQL on the view; and each change of it is noticed
CREATE FUNCTION pg_temp.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT pg_get_viewdef('finance.weekly_pools') AS definition \gset
\set plain 'CREATE OR REPLACE VIEW finance.weekly_pools AS ' :definition
ALTER VIEW finance.weekly_pools SET (check_option = local);
SELECT pg_temp.way() AS check_option;
ALTER VIEW finance.weekly_pools RESET (check_option);
SELECT pg_temp.way();
ALTER VIEW finance.weekly_pools ALTER is_current SET DEFAULT true;
SELECT pg_temp.way() AS view_default;
ALTER VIEW finance.weekly_pools ALTER is_current DROP DEFAULT;
SELECT pg_temp.way();
CREATE TRIGGER nothing BEFORE UPDATE ON finance.weekly_pools FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.nothing();
SELECT pg_temp.way() AS view_trigger;
DROP TRIGGER nothing ON finance.weekly_pools;
SELECT pg_temp.way();
CREATE TRIGGER nothing INSTEAD OF UPDATE ON finance.weekly_pools FOR EACH ROW EXECUTE FUNCTION pg_temp.nothing();
SELECT pg_temp.way() AS instead_of;
DROP TRIGGER nothing ON finance.weekly_pools;
CREATE RULE never AS ON UPDATE TO finance.weekly_pools DO INSTEAD NOTHING;
SELECT pg_temp.way() AS view_rule;
DROP RULE never ON finance.weekly_pools;
SELECT pg_temp.way();
DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW finance.weekly_pools AS ' || rtrim(pg_get_viewdef('finance.weekly_pools'), ';') || ' WHERE true'; END $$;
SELECT pg_temp.way() AS condition;
:plain
SELECT pg_temp.way();
DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW finance.weekly_pools AS ' || replace(pg_get_viewdef('finance.weekly_pools'), 'FROM ', 'FROM ONLY '); END $$;
SELECT pg_temp.way() AS only;
:plain
DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW finance.weekly_pools AS ' || rtrim(pg_get_viewdef('finance.weekly_pools'), ';') || ' ORDER BY week_start'; END $$;
SELECT pg_temp.way() AS ordered;
:plain
SELECT pg_temp.way();

-- a view upon a view
ALTER VIEW finance.weekly_pools RENAME TO inner_pools;
SELECT pg_temp.way() AS renamed;
CREATE VIEW finance.weekly_pools WITH (security_invoker = true) AS TABLE finance.inner_pools;
SELECT pg_temp.way();
ALTER VIEW finance.inner_pools SET (check_option = local);
SELECT pg_temp.way() AS inner_check_option;
ALTER VIEW finance.inner_pools RESET (check_option);
SELECT pg_temp.way();
DROP VIEW finance.weekly_pools;
SELECT pg_temp.way() AS dropped;
ALTER VIEW finance.inner_pools RENAME TO weekly_pools;
SELECT pg_temp.way();

-- a table of that name and back, in one transaction
BEGIN;
SELECT pg_temp.way();
ALTER VIEW finance.weekly_pools RENAME TO other_pools;
CREATE TABLE finance.weekly_pools AS TABLE finance.other_pools;
ALTER TABLE finance.weekly_pools ADD CONSTRAINT never CHECK (updated_at < '2000-01-01') NOT VALID;
SELECT pg_temp.way() AS a_table_without_keys;
CREATE UNIQUE INDEX ON finance.weekly_pools (id);
CREATE INDEX ON finance.weekly_pools (week_start_date);
SELECT pg_temp.way() AS a_table;
DROP TABLE finance.weekly_pools;
ALTER VIEW finance.other_pools RENAME TO weekly_pools;
SELECT pg_temp.way();
COMMIT;

-- a view over somebody else's table gives nobody its rights
CREATE ROLE regress_viewer;
GRANT USAGE ON SCHEMA finance TO regress_viewer;
ALTER VIEW finance.weekly_pools OWNER TO regress_viewer;
SELECT pg_temp.way();
DO $$ BEGIN EXECUTE format('GRANT %I TO regress_viewer', (SELECT relowner::regrole::text FROM pg_class WHERE oid = '"old club".pools'::regclass)); END $$;
SELECT pg_temp.way();
DO $$ BEGIN EXECUTE format('REVOKE %I FROM regress_viewer', (SELECT relowner::regrole::text FROM pg_class WHERE oid = '"old club".pools'::regclass)); END $$;
SELECT pg_temp.way();
ALTER VIEW finance.weekly_pools OWNER TO CURRENT_USER;
DROP OWNED BY regress_viewer;
DROP ROLE regress_viewer;
SELECT pg_temp.way();
ALTER TABLE "old club".pools DROP CONSTRAINT never;

-- numbers that the club cannot count: the same error on both paths
CREATE FUNCTION pg_temp.approve(i int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 5, approved_at = '2026-01-07 12:00+00' WHERE id = pg_temp.film(i);
  RETURN 'approved';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN regexp_replace(concat_ws(' ', sqlstate, sqlerrm, CASE WHEN sqlstate LIKE 'LG%' THEN detail END), '[0-9a-f]{8}-[0-9a-f-]{27}', 'id', 'g');
END $$;
CREATE VIEW pg_temp.both_ways AS
  SELECT way, pg_temp.approve(50) AS outcome
    FROM unnest('{on,off}'::text[]) AS way, set_config('lifeguard.direct_writes', way, true) AS set ORDER BY way DESC;
ALTER TABLE "old club".pools DROP CONSTRAINT weekly_pools_balance;
UPDATE "old club".pools SET remaining_dollars = 249.50 WHERE week_start = '2026-01-05';
BEGIN; TABLE pg_temp.both_ways; ROLLBACK;
UPDATE "old club".pools SET remaining_dollars = 250, spent_dollars = 'NaN' WHERE week_start = '2026-01-05';
BEGIN; TABLE pg_temp.both_ways; ROLLBACK;
UPDATE "old club".pools SET remaining_dollars = 250, spent_dollars = 0, total_dollars = 250 WHERE week_start = '2026-01-05';
INSERT INTO "old club".totals VALUES ('2026-01', 2147483648);
BEGIN; TABLE pg_temp.both_ways; ROLLBACK;
-- and such as the columns cannot store
UPDATE "old club".totals SET spent_dollars = 0 WHERE month = '2026-01';
UPDATE "old club".pools SET spent_dollars = 99999996, remaining_dollars = 250 WHERE week_start = '2026-01-05';
BEGIN; TABLE pg_temp.both_ways; ROLLBACK;
UPDATE "old club".pools SET spent_dollars = 0 WHERE week_start = '2026-01-05';

-- what a rule of the table changes beside what is written is stored, and found by its index
ALTER TABLE "old club".pools ADD touched timestamptz NOT NULL DEFAULT '2000-01-01';
CREATE INDEX pools_touched ON "old club".pools (touched);
SELECT lifeguard.keep_updated_at('"old club".pools', 'touched');
SELECT pg_temp.approve(50);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT week_start, spent_dollars FROM "old club".pools WHERE touched > '2001-01-01';
SELECT week_start, spent_dollars FROM "old club".pools WHERE touched > '2001-01-01';
SELECT count(*) FROM "old club".pools WHERE touched < '2001-01-01';
RESET enable_seqscan;

-- the parents that a key refers to are held only where the key refers to what the view shows
CREATE TABLE "old club".other_films (LIKE "old club"."Films" INCLUDING ALL);
SELECT pg_get_viewdef('content.submissions') AS definition \gset
\set here 'CREATE OR REPLACE VIEW content.submissions AS ' :definition
DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW content.submissions AS ' || replace(pg_get_viewdef('content.submissions'), '"Films"', 'other_films'); END $$;
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, status, actual_pull_up_count, approved_at)
VALUES (pg_temp.film(99), pg_temp.member(51), 'https://youtu.be/x', 5, 'approved', 5, '2026-01-07 12:00+00');
SELECT finance.process_submission_earnings(pg_temp.film(99), pg_temp.member(51), 5);
:here
DROP TABLE "old club".other_films;

-- nor are they taken as held where a rule gives the row others
SELECT lifeguard.create_lifecycle('"old club".earnings', 'month', '{2026-01}');
SELECT lifeguard.add_stamp('"old club".earnings', '2026-01', 'weekly_pool_id', 'gen_random_uuid()');
SELECT pg_temp.approve(53);
SELECT lifeguard.drop_stamp('"old club".earnings', '2026-01', 'weekly_pool_id');

-- a view that changes while it is being worked through
CREATE FUNCTION "old club".change_view(pool uuid) RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN ALTER VIEW finance.user_earnings SET (check_option = local); RETURN pool; END $$;
CREATE FUNCTION "old club".drop_view(pool uuid) RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN DROP VIEW finance.user_earnings CASCADE; RETURN pool; END $$;
SELECT lifeguard.add_stamp('"old club".earnings', '2026-01', 'weekly_pool_id', '"old club".drop_view(new.weekly_pool_id)');
SELECT pg_temp.approve(53);
SELECT lifeguard.drop_stamp('"old club".earnings', '2026-01', 'weekly_pool_id');
SELECT lifeguard.add_stamp('"old club".earnings', '2026-01', 'weekly_pool_id', '"old club".change_view(new.weekly_pool_id)');
SELECT pg_temp.approve(53);
SELECT user_id, total_earned_dollars FROM "old club".months WHERE user_id = pg_temp.member(53);
SELECT lifeguard.drop_lifecycle('"old club".earnings');
ALTER VIEW finance.user_earnings RESET (check_option);

-- types that only SQL can read and write: an enum, a text of limited length, a domain
DROP VIEW communication.notification_queue, finance.monthly_totals, finance.user_earnings CASCADE;
CREATE TYPE "old club"."Kind" AS ENUM ('monthly_graphic', 'other');
CREATE DOMAIN "old club".dollars AS numeric(8,1) CHECK (value >= 0);
ALTER TABLE "old club".queue ALTER type TYPE "old club"."Kind" USING type::"old club"."Kind";
ALTER TABLE "old club".months ALTER month TYPE varchar(7), ALTER total_earned_dollars TYPE "old club".dollars;
ALTER TABLE "old club".totals ALTER month TYPE char(7), ALTER spent_dollars TYPE float8;
CREATE VIEW communication.notification_queue AS TABLE "old club".queue;
CREATE VIEW finance.user_earnings AS SELECT id, user_id, month AS month_year, total_earned_dollars, total_submissions, created_at, updated_at FROM "old club".months;
CREATE VIEW finance.monthly_totals AS SELECT month AS month_year, spent_dollars, updated_at FROM "old club".totals;
SELECT pg_temp.approve(51), pg_temp.approve(52);
SELECT user_id, type, data ->> 'month' AS month FROM "old club".queue WHERE user_id IN (pg_temp.member(51), pg_temp.member(52)) ORDER BY 1;
SELECT month, spent_dollars FROM "old club".totals WHERE month = '2026-01';
SELECT month, total_earned_dollars FROM "old club".months WHERE user_id IN (pg_temp.member(51), pg_temp.member(52));
UPDATE "old club".payouts SET amount_dollars = 5.5, id = '20000000-0000-0000-0000-000000000051' WHERE user_id = pg_temp.member(51);
UPDATE content.submissions SET status = 'rejected', notes = 'x' WHERE id = pg_temp.film(51);
UPDATE "old club".payouts SET amount_dollars = 5 WHERE user_id = pg_temp.member(51);
UPDATE content.submissions SET status = 'rejected', notes = 'x' WHERE id = pg_temp.film(51);
SELECT amount_dollars FROM "old club".payouts WHERE user_id = pg_temp.member(51);

-- a table's own triggers that are disabled do not make it slow; enabled, SQL fires them
CREATE FUNCTION pg_temp.say() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''by SQL''; END';
ALTER TABLE "old club".pools ADD CONSTRAINT never CHECK (updated_at < '2000-01-01') NOT VALID;
CREATE TRIGGER old_trigger AFTER UPDATE ON "old club".pools FOR EACH ROW EXECUTE FUNCTION pg_temp.say();
SELECT pg_temp.way();
ALTER TABLE "old club".pools DISABLE TRIGGER old_trigger;
SELECT pg_temp.way();

DROP SCHEMA "old club" CASCADE;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
SELECT pull_up_club.set('cooldown_days', '30'), pull_up_club.set('monthly_cap_dollars', '1000');
