-- What adopt() refuses, what it says then, and that nothing has changed: other databases, roles without rights, mappings, doubts, and
-- steps that fail.
SELECT no_plan();
SET client_min_messages = error;
SET timezone = 'UTC';
\set users 12
\set weeks 2
\set pending 12
\ir ../../bench/legacy/00_supabase.sql
\ir ../../bench/legacy/10_tables.sql
\ir ../../bench/legacy/20_cascade.sql
\ir ../../bench/legacy/30_policies.sql
\ir ../../bench/legacy/40_load.sql
\ir ../adopt/compare.sql
CREATE EXTENSION pull_up_club CASCADE;
\ir ../adopt/registers.sql

CREATE FUNCTION test.message(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
  RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
CREATE FUNCTION test.detail(statement text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN nullif(detail, '')::jsonb;
END $$;
-- What a query says after other statements; all of it is taken back.
CREATE FUNCTION test.after(statements text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer text;
BEGIN
  BEGIN
    EXECUTE statements;
    EXECUTE query INTO answer;
    RAISE EXCEPTION USING ERRCODE = 'ZZ001';
  EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    NULL;
  END;
  RETURN answer;
END $$;
CREATE FUNCTION test.adopting(mapping text DEFAULT '{}', source text DEFAULT 'public') RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT count(*) FROM pull_up_club.adopt(%L, false, %L)', source, mapping)
$$;
CREATE FUNCTION test.refused(statement text) RETURNS text LANGUAGE sql AS $$
  SELECT test.after('SELECT', format('SELECT test.refusal(%L)', statement))
$$;
CREATE FUNCTION test.adopting_after(statements text, mapping text DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
  SELECT test.after(statements, format('SELECT test.message(%L)', test.adopting(mapping)))
$$;
CREATE FUNCTION test.shown_after(statements text, mapping text DEFAULT '{}', what text DEFAULT 'decide') RETURNS text LANGUAGE sql AS $$
  SELECT test.after(statements, format('SELECT string_agg(object || '': '' || why, E''\n'' ORDER BY object, why) FROM pull_up_club.adopt(mapping => %L) WHERE what = %L', mapping, what))
$$;

\set moment before
\ir ../adopt/dump.sql
CALL test.remember_rows();
CREATE TABLE test.registers_before AS SELECT * FROM test.registers();

-- ---------------------------------------------------------------- what is not said

SELECT is(test.refused($$SELECT pull_up_club.adopt(NULL)$$), '22004', 'no schema');
SELECT is(test.refused($$SELECT pull_up_club.adopt(dry_run => NULL)$$), '22004', 'neither dry nor not');
SELECT is(test.refused($$SELECT pull_up_club.release(NULL)$$), '22004', 'release: neither dry nor not');
SELECT is(test.refused($$SELECT pull_up_club.adopt(mapping => NULL)$$), 'LG123 UNKNOWN_MAPPING', 'no mapping');
SELECT is(test.refused($$SELECT pull_up_club.repair(dry_run => NULL)$$), 'LG127 UNKNOWN_REPAIR', 'repair: neither dry nor not');
SELECT is(test.refused($$SELECT pull_up_club.repair('earnings')$$), 'LG127 UNKNOWN_REPAIR', 'an unknown repair');

-- ---------------------------------------------------------------- not a club

CREATE SCHEMA test_shop;
CREATE TABLE test_shop.orders (id int PRIMARY KEY);
CREATE TABLE test_shop.profiles (id uuid PRIMARY KEY, nickname text);
SELECT is(test.refused(test.adopting(source => source)), 'LG121 NOT_A_CLUB', 'no club: ' || source) FROM unnest('{test_shop,no such schema,pg_catalog}'::text[]) AS source;
SELECT is(test.refused(test.adopting(source => '"'';DROP TABLE public.profiles CASCADE;--')), 'LG121 NOT_A_CLUB', 'no club: SQL');
SELECT is(test.detail(test.adopting(source => 'test_shop')) -> 'missing', '["auth_management.profiles", "content.submissions", "finance.weekly_pools"]', 'it says what is missing');
SELECT matches(test.message(test.adopting(source => 'test_shop')), 'the schema test_shop has no table like auth_management.profiles, content.submissions, finance.weekly_pools', 'in words too');
SELECT set_eq($$SELECT object FROM pull_up_club.adopt('test_shop') WHERE what = 'decide'$$, $$VALUES ('auth_management.profiles'), ('content.submissions'), ('finance.weekly_pools')$$, 'and so does a dry run');
DROP SCHEMA test_shop CASCADE;

-- ---------------------------------------------------------------- rights

CREATE ROLE lifeguard_adopter;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pull_up_club TO lifeguard_adopter;
GRANT USAGE ON SCHEMA pull_up_club TO lifeguard_adopter;
CREATE FUNCTION test.as_role(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', role);
  EXECUTE statement;
  RESET ROLE;
  RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN concat_ws(' ', SQLSTATE, substring(SQLERRM FROM '^[A-Z_]+(?=: )'), nullif(detail, ''), CASE SQLSTATE WHEN '42501' THEN SQLERRM END);
END $$;
SELECT matches(test.as_role('lifeguard_adopter', statement), '^LG108 NOT_PERMITTED .*ownership of public.submissions', 'a role without rights is told which: ' || statement)
  FROM unnest(ARRAY[test.adopting(), 'SELECT * FROM pull_up_club.adopt()']) AS statement;
SELECT matches(test.as_role('lifeguard_adopter', test.adopting()), 'CREATE on schema content.*ownership of public.badges', 'all of them');
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pull_up_club FROM lifeguard_adopter;
REVOKE USAGE ON SCHEMA pull_up_club FROM lifeguard_adopter;
DROP ROLE lifeguard_adopter;

-- ---------------------------------------------------------------- mappings

SELECT is(test.refused(test.adopting(mapping)), 'LG123 UNKNOWN_MAPPING', 'no mapping: ' || mapping) FROM unnest(ARRAY['null', '[]', '"x"', '1', '{"content.videos": {}}', '{"content.submissions": "videos"}',
  '{"content.submissions": {"colour": "red"}}', '{"content.submissions": {"table": 1}}', '{"content.submissions": {"table": null}}', '{"content.submissions": {"status": ["status"]}}',
  '{"content.submissions": {"ignore": "notes"}}', '{"content.submissions": {"keep_triggers": {}}}', '{"content.submissions": {"ignore": [1]}}', '{"content.submissions": {"keep_triggers": [null]}}']) AS mapping;
SELECT matches(test.message(test.adopting('{"content.submissions": {"colour": "red"}}')), 'content.submissions names colour, which is no column of it', 'it says what it does not know');
SELECT is(test.refused(test.adopting(mapping)), 'LG122 NOT_ADOPTABLE', 'what there is not: ' || mapping) FROM unnest(ARRAY['{"content.badges": {"table": "medals"}}', '{"content.badges": {"table": "public.medals"}}',
  '{"content.submissions": {"notes": "remarks"}}', '{"content.submissions": {"keep_triggers": ["no such trigger"]}}', '{"content.submissions": {"ignore": ["no such column"]}}',
  '{"content.submissions": {"pull_up_count": "video_url"}}', '{"content.badges": {"table": "user_badges; DROP TABLE x"}}', '{"content.badges": {"table": "a.b.c.d"}}', '{"content.badges": {"table": "\"unfinished"}}', '{"content.badges": {"table": ""}}']) AS mapping;
SELECT is(test.refused(test.adopting(mapping)), 'not refused', 'a mapping: ' || mapping) FROM unnest(ARRAY['{}', '{"content.submissions": {"table": "submissions"}}', '{"content.submissions": {"table": "public.submissions"}}',
  '{"content.submissions": {"table": "public.submissions", "notes": "notes", "ignore": ["region"], "keep_triggers": ["update_updated_at_column"]}}']) AS mapping;
SELECT is(test.after(format('DO $do$ BEGIN PERFORM (%s); END $do$', test.adopting('{"content.submissions": {"keep_triggers": ["submission_rejection_email_trigger"]}}')),
  $$SELECT count(*) || ' ' || bool_or(d.trigger_name = 'submission_rejection_email_trigger') FROM lifeguard.disabled_triggers d$$), '8 false', 'a trigger that is kept stays on');
SELECT is(test.after(format('DO $do$ BEGIN PERFORM (%s); END $do$', test.adopting('{"content.submissions": {"ignore": ["region"]}}')),
  $$SELECT columns ->> 'region' FROM pull_up_club.adopted_tables WHERE name = 'content.submissions'$$), 'region_of_club', 'a column that is not looked at is nobody''s, and the club gets its own');

-- ---------------------------------------------------------------- doubts

SELECT is(test.shown_after('UPDATE public.weekly_pools SET remaining_dollars = 7 WHERE is_current'),
          'finance.weekly_pools: public.weekly_pools: remaining_amount_dollars and remaining_dollars disagree in 1 rows: which one is right?', 'twins that disagree are shown');
SELECT matches(test.adopting_after('UPDATE public.weekly_pools SET remaining_dollars = 7 WHERE is_current'), '^LG122 NOT_ADOPTABLE: .*disagree in 1 rows', 'and not guessed about');
SELECT matches(test.adopting_after('UPDATE public.weekly_pools SET remaining_dollars = 7 WHERE is_current', format('{"finance.weekly_pools": {"remaining_amount_dollars": "%s"}}', which)), '^not refused', 'unless it is said: ' || which)
  FROM unnest('{remaining_amount_dollars,remaining_dollars}'::text[]) AS which;
SELECT matches(test.adopting_after('UPDATE public.weekly_pools SET remaining_dollars = 7 WHERE is_current', '{"finance.weekly_pools": {"ignore": ["remaining_dollars"]}}'), '^not refused', 'or one is not looked at');
SELECT is(test.after(format('UPDATE public.weekly_pools SET remaining_dollars = 7 WHERE is_current; DO $do$ BEGIN PERFORM (%s); END $do$', test.adopting('{"finance.weekly_pools": {"remaining_amount_dollars": "remaining_amount_dollars"}}')),
                     'SELECT remaining_dollars::text FROM public.weekly_pools WHERE is_current'), '7.00', 'neither is changed');
CREATE TABLE public.payouts (LIKE public.payout_requests INCLUDING ALL);
SELECT is(test.shown_after('SELECT'), NULL, 'of two tables the one that has rows is it');
SELECT is(test.shown_after('INSERT INTO public.payouts SELECT * FROM public.payout_requests LIMIT 1'), 'finance.payout_requests: public.payout_requests and public.payouts could be it', 'of two with rows neither');
SELECT matches(test.adopting_after('INSERT INTO public.payouts SELECT * FROM public.payout_requests LIMIT 1'), '^LG122 NOT_ADOPTABLE: .*public.payout_requests and public.payouts could be it', 'and that is refused');
SELECT is(test.after(format('INSERT INTO public.payouts SELECT * FROM public.payout_requests LIMIT 1; DO $do$ BEGIN PERFORM (%s); END $do$', test.adopting(format('{"finance.payout_requests": {"table": "%s"}}', which))),
                     $$SELECT base::text FROM pull_up_club.adopted_tables WHERE name = 'finance.payout_requests'$$), which, 'unless it is said: ' || which) FROM unnest('{payouts,payout_requests}'::text[]) AS which;
DROP TABLE public.payouts;
CREATE TABLE public.pools (id uuid PRIMARY KEY, depth int, heated boolean);
CREATE TABLE public.members (id int PRIMARY KEY, full_name text);
INSERT INTO public.pools VALUES (gen_random_uuid(), 3, true);
SELECT is(test.shown_after('SELECT'), NULL, 'a table of such a name that is something else is not taken');
DROP TABLE public.pools, public.members;

-- ---------------------------------------------------------------- steps that fail

CREATE VIEW content.approved_submissions AS SELECT 1 AS one;
SELECT matches(test.adopting_after('SELECT'), '^LG12[25] ', 'a view of somebody''s in the way of ours');
DROP VIEW content.approved_submissions;
CREATE TABLE content.submissions (id int);
SELECT matches(test.adopting_after('SELECT'), '^LG122 NOT_ADOPTABLE: .*there is a table or a view content.submissions already', 'a table in a canonical place');
DROP TABLE content.submissions;
CREATE INDEX weekly_earnings_one_a_submission ON public.profiles (email);
SELECT matches(test.adopting_after('SELECT'), '^LG125 STEP_FAILED: .*step \d+, introduce the constraint weekly_earnings_one_a_submission on public.weekly_earnings: .*already exists', 'a name that is taken: the step is named');
SELECT is(test.detail(test.adopting()) ->> 'sqlstate', '42P07', 'with what the server said');
DROP INDEX public.weekly_earnings_one_a_submission;
CREATE FUNCTION test.stop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no views today'; END $$;
CREATE EVENT TRIGGER stop ON ddl_command_start WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION test.stop();
SELECT matches(test.adopting_after('SELECT'), '^LG125 STEP_FAILED: .*no views today', 'whatever stops a step');
DROP EVENT TRIGGER stop;

\set moment refused
\ir ../adopt/dump.sql
SELECT is_empty($$SELECT test.dump_differences('before', 'refused')$$, 'after all that the schema is as it was');
SELECT is_empty('SELECT * FROM test.changed_tables', 'no row is changed');
SELECT bag_eq('SELECT * FROM test.registers()', 'TABLE test.registers_before', 'nothing is remembered');
SELECT lives_ok(test.adopting(), 'and it can be adopted');
SELECT * FROM finish();
