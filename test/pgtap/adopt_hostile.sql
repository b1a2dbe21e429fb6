-- Clubs of hostile names and shapes: quotes, dots, spaces, backslashes and 63 bytes in the names of schemas, tables and columns; owners who
-- are not one; partitions; policies that bind owners too; names that are taken; columns that nobody may write. Each is adopted and works,
-- or is refused with a word that says why, and nothing has changed.
SELECT no_plan();
SET client_min_messages = error;
SET timezone = 'UTC';
\ir ../adopt/british.sql
\ir ../adopt/compare.sql
\ir ../adopt/attempts.sql

-- ---------------------------------------------------------------- names

-- British's club again, under names that have to be quoted in every way that there is.
CREATE SCHEMA "my ""club"".v1";
CREATE TABLE test.names (name text, was text, is_now text);
INSERT INTO test.names VALUES
  ('auth_management.profiles', NULL, 'Prof"iles.%I'), ('auth_management.admin_roles', NULL, 'admin''roles \ $1'), ('content.submissions', NULL, 'S"ub.mis''sion s%s$1\'),
  ('finance.weekly_pools', NULL, repeat('pool', 15) || '''"\'), ('finance.weekly_earnings', NULL, 'Earn ON content.submissions (id)'), ('finance.user_earnings', NULL, 'SELECT'), ('finance.payout_requests', NULL, 'pay;--out'),
  ('content.submissions', 'user_id', 'user "id".x'), ('content.submissions', 'video_url', 'v''ide''''o'), ('content.submissions', 'pull_up_count', repeat('q', 61) || '"'''),
  ('content.submissions', 'status', 'Stat''us\'), ('content.submissions', 'organisation', 'Org %I $1 \1'), ('content.submissions', 'approved_at', 'at, "}\'), ('content.submissions', 'created_at', 'new.Old'),
  ('content.submissions', 'actual_pull_up_count', 'video_url'),   -- another one's canonical name
  ('auth_management.profiles', 'role', 'ro"le, id'), ('auth_management.profiles', 'paypal_email', '''); DROP TABLE x;--'), ('auth_management.profiles', 'full_name', 'NULL'),
  ('auth_management.admin_roles', 'user_id', 'us''er'), ('auth_management.admin_roles', 'is_active', 'Active?'),
  ('finance.weekly_pools', 'week_start_date', 'week''s start'), ('finance.weekly_pools', 'week_end_date', '[week "end")'), ('finance.weekly_pools', 'pool_amount_dollars', '$$'), ('finance.weekly_pools', 'is_current', 'is.current'),
  ('finance.weekly_earnings', 'submission_id', 'sub)mission'), ('finance.weekly_earnings', 'user_id', 'U'), ('finance.weekly_earnings', 'weekly_pool_id', 'p''ool'), ('finance.weekly_earnings', 'created_at', 'created at'),
  ('finance.weekly_earnings', 'pull_up_count', 'earning_amount_dollars'), ('finance.weekly_earnings', 'earning_amount_dollars', 'pull_up_count'),   -- each other's
  ('finance.user_earnings', 'month', 'mon\nth'), ('finance.user_earnings', 'dollars_earned', 'earn''ed'),
  ('finance.payout_requests', 'month_year', 'month "year"'), ('finance.payout_requests', 'amount_dollars', 'amo''unt\'), ('finance.payout_requests', 'status', '{status}');
CREATE FUNCTION test.rename_columns(back boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  part record;
BEGIN
  FOR part IN SELECT n.name, s.step, CASE WHEN s.step = 2 THEN md5(n.was) WHEN back THEN n.is_now ELSE n.was END AS from_name, CASE WHEN s.step = 1 THEN md5(n.was) WHEN back THEN n.was ELSE n.is_now END AS to_name
                FROM test.names n, generate_series(1, 2) AS s(step) WHERE n.was IS NOT NULL ORDER BY s.step LOOP
    EXECUTE format('ALTER TABLE public.%I RENAME COLUMN %I TO %I', split_part(part.name, '.', 2), part.from_name, part.to_name);
  END LOOP;
END $$;
DO $$
DECLARE
  part record;
BEGIN
  PERFORM test.rename_columns(false);
  FOR part IN SELECT n.*, split_part(n.name, '.', 2) AS table_name FROM test.names n LOOP
    IF part.was IS NULL THEN
      EXECUTE format('ALTER TABLE public.%I SET SCHEMA %I', part.table_name, 'my "club".v1');
      EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', 'my "club".v1', part.table_name, part.is_now);
    END IF;
  END LOOP;
END $$;
CREATE TABLE test.mapping AS
SELECT jsonb_object_agg(name, columns || jsonb_build_object('table', is_now)) AS mapping
  FROM (SELECT name, min(is_now) FILTER (WHERE was IS NULL) AS is_now,
               coalesce(jsonb_object_agg(CASE was WHEN 'organisation' THEN 'organization' WHEN 'pool_amount_dollars' THEN 'total_amount_dollars' WHEN 'dollars_earned' THEN 'total_earned_dollars' WHEN 'month' THEN 'month_year'
                                                  WHEN 'month_year' THEN 'payout_month' ELSE was END, is_now) FILTER (WHERE was IS NOT NULL), '{}') AS columns
          FROM test.names GROUP BY name) AS t;
CREATE FUNCTION test.adopting_names() RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT * FROM pull_up_club.adopt(%L, false, %L)', 'my "club".v1', mapping) FROM test.mapping
$$;
-- Twins: of a column that the mapping names, and of one of a known name
ALTER TABLE "my ""club"".v1"."Prof""iles.%I" ADD "a'b" text;
UPDATE "my ""club"".v1"."Prof""iles.%I" SET "a'b" = organisation;
CREATE EXTENSION pull_up_club CASCADE;
\ir ../adopt/registers.sql
SELECT pull_up_club.set('cooldown_days', '0') \g /dev/null
INSERT INTO pull_up_club.known_names (name, column_name, other_name) VALUES ('auth_management.profiles', 'organization', 'a''b');

\set moment before
\ir ../adopt/dump.sql
CALL test.remember_rows();
CREATE TABLE test.registers_before AS SELECT * FROM test.registers();
CREATE TABLE test.shown AS SELECT * FROM pull_up_club.adopt('my "club".v1', true, (SELECT mapping FROM test.mapping));
SELECT is_empty($$SELECT object, why FROM test.shown WHERE what = 'decide'$$, 'nothing is left to decide');
SELECT bag_eq(test.adopting_names(), 'TABLE test.shown', 'adopted as shown');
SELECT is_empty('SELECT * FROM test.changed_tables', 'no row is changed');
SELECT is_empty(test.adopting_names(), 'adopted again, nothing is done');
SELECT is((SELECT min(c.name) FROM pull_up_club.adopted_tables a JOIN test.names n USING (name) CROSS JOIN LATERAL (SELECT n.name) AS c WHERE n.was IS NULL AND n.is_now <> (SELECT relname FROM pg_class WHERE oid = a.base)), NULL, 'each table is the one that was meant');
SELECT is(pull_up_club.base_of('auth_management.profiles')::text, '"my ""club"".v1"."Prof""iles.%I"', 'whatever it is called');
SELECT is_empty('SELECT * FROM pull_up_club.violations()', 'nothing breaks a constraint');
SELECT is_empty($$SELECT relation, rule FROM lifeguard.rules WHERE relation = 'content.submissions'::regclass$$, 'the rules are on the table');

-- ---------------------------------------------------------------- the money, by the old names and the canonical ones

\ir ../wrong.sql
CREATE TABLE test.wrong_before AS SELECT * FROM test.wrong;
CREATE TABLE test.pending AS SELECT id, row_number() OVER (ORDER BY id) AS n FROM content.submissions WHERE status = 'pending';
UPDATE "my ""club"".v1"."S""ub.mis'sion s%s$1\" SET "Stat'us\" = 'approved', video_url = 5 FROM test.pending p WHERE p.id = "S""ub.mis'sion s%s$1\".id AND n <= 15;
UPDATE content.submissions s SET status = 'approved', actual_pull_up_count = 5 FROM test.pending p WHERE p.id = s.id AND n > 15;
SELECT results_eq('SELECT count(*), sum(e.earning_amount_dollars) FROM finance.weekly_earnings e JOIN test.pending p ON p.id = e.submission_id', 'VALUES (30::bigint, 150::bigint)', 'all are approved and paid');
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'every dollar is where it should be');
SELECT set_eq($$SELECT DISTINCT organisation, "a'b" FROM "my ""club"".v1"."Prof""iles.%I"$$, $$VALUES ('Club X', 'Club X')$$, 'the twin has followed');
SELECT is(test.refusal($$UPDATE "my ""club"".v1"."Prof""iles.%I" SET organisation = 'A', "a'b" = 'B' WHERE id = md5('member 1')::uuid$$), 'LG017', 'and cannot be set apart');
SELECT is(test.refusal($$UPDATE content.submissions SET status = 'archived' WHERE id = md5('pending 1')::uuid$$), '22P02', 'a state that is none');
SELECT is(test.refusal($$UPDATE "my ""club"".v1"."S""ub.mis'sion s%s$1\" SET video_url = 3 WHERE id = md5('pending 1')::uuid$$), 'LG002', 'an approved one keeps its count');
UPDATE content.submissions SET status = 'rejected', notes = 'bent' WHERE id = md5('pending 3')::uuid;
UPDATE "my ""club"".v1"."S""ub.mis'sion s%s$1\" SET "Stat'us\" = 'rejected', notes = 'bent' WHERE id = md5('pending 4')::uuid;
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'reversals take the dollars back');
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, organization) VALUES (md5('new')::uuid, md5('member 3')::uuid, 'https://youtu.be/new', 5, 'Club Y');
UPDATE content.submissions SET status = 'rejected', notes = 'too dark' WHERE id = md5('new')::uuid;
SELECT is("Stat'us\"::text, 'rejected', 'a new one is rejected') FROM "my ""club"".v1"."S""ub.mis'sion s%s$1\" WHERE id = md5('new')::uuid;
UPDATE finance.payout_requests SET status = 'approved' WHERE user_id = md5('member 5')::uuid;
SELECT isnt((SELECT paypal_email FROM "my ""club"".v1"."pay;--out" WHERE user_id = md5('member 5')::uuid), NULL, 'an approved payout has the member''s address');
SELECT is(test.refusal($$UPDATE finance.payout_requests SET status = 'paid' WHERE user_id = md5('member 5')::uuid$$), 'LG002', 'and is paid by an admin only');
SELECT set_config('request.jwt.claims', jsonb_build_object('sub', md5('member 1')::uuid, 'role', 'authenticated')::text, false) \g /dev/null
SELECT is(lifeguard.is_admin(), true, 'an admin is one');
SELECT is(test.refusal($$UPDATE finance.payout_requests SET status = 'paid' WHERE user_id = md5('member 5')::uuid$$), 'not refused', 'who may');
RESET request.jwt.claims;
SELECT set_config('request.jwt.claims', jsonb_build_object('sub', md5('member 7')::uuid, 'role', 'authenticated')::text, false) \g /dev/null
SELECT is(lifeguard.is_admin(), false, 'a member is none');
SELECT is(test.refusal($$UPDATE "my ""club"".v1"."Prof""iles.%I" SET "ro""le, id" = 'admin' WHERE id = md5('member 7')::uuid$$), 'LG006', 'and does not make himself one');
SELECT is(test.refusal($$UPDATE "my ""club"".v1"."S""ub.mis'sion s%s$1\" SET "at, ""}\" = now() - interval '1 day' WHERE id = md5('new')::uuid$$), 'LG006', 'nor dates what is decided');
RESET request.jwt.claims;
CREATE TABLE test.checks AS SELECT * FROM monitoring.run_checks('club');
SELECT is_empty($$SELECT * FROM test.checks WHERE status NOT IN ('healthy', 'warning')$$, 'the checks all run, and miss nothing');

-- ---------------------------------------------------------------- repairs

SET session_replication_role = replica;   -- as nobody's rules would have let it in
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, actual_pull_up_count, status, approved_at) VALUES (md5('unpaid')::uuid, md5('member 8')::uuid, 'https://youtu.be/unpaid', 5, 5, 'approved', now());
RESET session_replication_role;
SELECT is((SELECT count(*) FROM test.wrong WHERE what = 'approved, and has no earning'), 1::bigint, 'one was never paid');
UPDATE "my ""club"".v1"."poolpoolpoolpoolpoolpoolpoolpoolpoolpoolpoolpoolpoolpoolpool'""\" SET spent_dollars = spent_dollars + 1, remaining_amount_dollars = remaining_amount_dollars - 1 WHERE NOT "is.current";
SELECT set_eq('SELECT DISTINCT repair FROM pull_up_club.repair(dry_run => false)', '{pool_balances,missing_earnings}'::text[], 'repaired');
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'every dollar is back');
DROP VIEW test.wrong;

-- ---------------------------------------------------------------- policies, and the move

\set moment adopted
\ir ../adopt/dump.sql
SELECT isnt_empty('SELECT * FROM pull_up_club.replace_policies()', 'what other policies would change');
SELECT lives_ok('SELECT * FROM pull_up_club.replace_policies(dry_run => false)', 'the policies are the club''s');
SELECT is_empty('SELECT * FROM pull_up_club.replace_policies()', 'a second time nothing is left');
SELECT isnt_empty('SELECT * FROM pull_up_club.move_to_schemas()', 'what a move would do');
SELECT is_empty($$SELECT * FROM pull_up_club.move_to_schemas() WHERE what = 'resolve'$$, 'nothing is in its way');
SELECT lives_ok('SELECT * FROM pull_up_club.move_to_schemas(dry_run => false)', 'moved');
\ir ../wrong.sql
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (md5('moved')::uuid, md5('member 6')::uuid, 'https://youtu.be/moved', 5);
UPDATE "my ""club"".v1"."S""ub.mis'sion s%s$1\" SET "Stat'us\" = 'approved', video_url = 5 WHERE id = md5('moved')::uuid;
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'approved and paid by the old names');
SELECT is(test.refusal($$UPDATE auth_management.profiles SET organization = 'A', "a'b" = 'B' WHERE id = md5('member 1')::uuid$$), 'LG017', 'the twin is still one');
DROP VIEW test.wrong;
SELECT lives_ok('SELECT * FROM pull_up_club.move_back()', 'moved back');
SELECT lives_ok('SELECT * FROM pull_up_club.restore_policies()', 'the old policies are back');
\set moment back
\ir ../adopt/dump.sql
SELECT is_empty($$SELECT test.dump_differences('adopted', 'back')$$, 'as before both');
CREATE TABLE test.kept AS SELECT * FROM pull_up_club.release() WHERE what NOT LIKE 'taken back%';
UPDATE test.tables SET md5 = test.md5_of(relation, columns);
CREATE PROCEDURE test.drop_kept() LANGUAGE plpgsql AS $$
DECLARE
  kept text;
BEGIN
  FOR kept IN SELECT object FROM test.kept WHERE what ~ 'there are values in it' LOOP
    EXECUTE format('ALTER TABLE %s DROP COLUMN %s', substring(kept FROM '^(.*)\.'), substring(kept FROM '[^.]*$'));
  END LOOP;
  FOR kept IN SELECT object FROM test.kept WHERE what ~ 'there are rows in it' ORDER BY step DESC LOOP
    EXECUTE format('DROP TABLE %s', kept);
  END LOOP;
  FOR kept IN SELECT object FROM test.kept WHERE what ~ 'there is something in it' ORDER BY step DESC LOOP
    EXECUTE format('DROP SCHEMA %s', kept);
  END LOOP;
END $$;
CALL test.drop_kept();
\set moment released
\ir ../adopt/dump.sql
SELECT is_empty($$SELECT test.dump_differences('before', 'released')$$, 'released: without what it says it kept, byte for byte');
SELECT is_empty('SELECT * FROM test.changed_tables', 'with all that was written');
SELECT bag_eq('SELECT * FROM test.registers()', 'TABLE test.registers_before', 'and nothing remembered');

-- British names again, in public, for what follows.
ALTER TABLE "my ""club"".v1"."Prof""iles.%I" DROP COLUMN "a'b";
DO $$
DECLARE
  part record;
BEGIN
  FOR part IN SELECT n.*, split_part(n.name, '.', 2) AS table_name FROM test.names n WHERE n.was IS NULL LOOP
    EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', 'my "club".v1', part.is_now, part.table_name);
    EXECUTE format('ALTER TABLE %I.%I SET SCHEMA public', 'my "club".v1', part.table_name);
  END LOOP;
  PERFORM test.rename_columns(true);
END $$;
DROP SCHEMA "my ""club"".v1";
UPDATE public.payout_requests SET status = 'pending';
CREATE PROCEDURE test.new_pending() LANGUAGE sql AS $$
  INSERT INTO public.submissions (id, user_id, video_url, pull_up_count) SELECT gen_random_uuid(), p.id, 'https://youtu.be/' || gen_random_uuid(), 12 FROM public.profiles p
   WHERE NOT EXISTS (SELECT FROM public.submissions s WHERE s.user_id = p.id AND s.status = 'pending')
$$;
CALL test.new_pending();
\set approving 'UPDATE public.submissions SET status = ''approved'', actual_pull_up_count = 5 WHERE status = ''pending'''
-- What all of them were paid, for an adoption that is taken back.
CREATE FUNCTION test.approving() RETURNS text LANGUAGE sql AS $$ SELECT 'UPDATE public.submissions SET status = ''approved'', actual_pull_up_count = 5 WHERE status = ''pending''' $$;
CREATE FUNCTION test.paying_after(statements text) RETURNS text LANGUAGE sql AS $$
  SELECT test.after(concat_ws('; ', statements, 'DELETE FROM public.payout_requests', 'DELETE FROM public.user_earnings', 'DELETE FROM public.weekly_earnings', test.adopting(), test.approving()),
                    'SELECT count(*) || '' for '' || coalesce(sum(earning_amount_dollars), 0) FROM public.weekly_earnings')
$$;
SELECT is(test.paying_after('SELECT'), '30 for 150', 'what is adopted is paid');
\set moment before_shapes
\ir ../adopt/dump.sql

-- ---------------------------------------------------------------- owners

CREATE ROLE lifeguard_keeper;
GRANT ALL ON SCHEMA public TO lifeguard_keeper;
SELECT matches(test.adopting_after(format('ALTER TABLE %s OWNER TO lifeguard_keeper', relation)), '^LG108 NOT_PERMITTED: .*' || relation || ' belongs to lifeguard_keeper', 'a table of another owner: ' || relation)
  FROM unnest('{public.submissions,public.weekly_pools}'::text[]) AS relation;

-- A club whose owner is no superuser, and adopts it himself.
CREATE TABLE test.as_keeper AS
SELECT concat_ws('; ', (SELECT string_agg(format('ALTER TABLE %s OWNER TO lifeguard_keeper', c.oid::regclass), '; ') FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace),
  (SELECT string_agg(format('CREATE ROLE %s', role), '; ') FROM unnest('{anon,authenticated,service_role BYPASSRLS}'::text[]) AS role WHERE to_regrole(split_part(role, ' ', 1)) IS NULL),
  format('GRANT ALL ON DATABASE %I TO lifeguard_keeper', current_database()),
  'GRANT ALL ON SCHEMA auth, pull_up_club, lifeguard, monitoring, auth_management, content, finance, communication, analytics TO lifeguard_keeper WITH GRANT OPTION',
  'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pull_up_club, lifeguard, monitoring, auth_management, content, finance, communication, analytics TO lifeguard_keeper WITH GRANT OPTION',
  'GRANT ALL ON ALL TABLES IN SCHEMA auth, pull_up_club, lifeguard, monitoring TO lifeguard_keeper', 'GRANT ALL ON ALL SEQUENCES IN SCHEMA pull_up_club, lifeguard, monitoring TO lifeguard_keeper',
  'GRANT pg_monitor TO lifeguard_keeper', 'SET LOCAL ROLE lifeguard_keeper') AS statements;
SELECT is(test.paying_after(statements), '30 for 150', 'the owner of all, with the rights that he is told of') FROM test.as_keeper;

-- ---------------------------------------------------------------- row security that binds the owner too

SELECT matches(test.after(statements || '; ALTER TABLE public.weekly_pools ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', format('SELECT test.message(%L)', test.adopting())),
               '^LG122 NOT_ADOPTABLE: .*public.weekly_pools forces row security on its owner lifeguard_keeper', 'what he could not see is told')
  FROM (SELECT replace(statements, 'SET LOCAL ROLE', 'GRANT USAGE ON SCHEMA test TO lifeguard_keeper; SET LOCAL ROLE') AS statements FROM test.as_keeper) AS k;
SELECT is(test.paying_after((SELECT string_agg(format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY nobody ON %1$s AS RESTRICTIVE USING (false)', c.oid::regclass), '; ')
                               FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace)), '30 for 150', 'policies that let nobody in bind no superuser');

-- ---------------------------------------------------------------- shapes

SELECT matches(test.adopting_after(format('ALTER TABLE public.submissions RENAME TO old_submissions; CREATE TABLE public.submissions (LIKE public.old_submissions%s) PARTITION BY %s; CREATE TABLE public.submissions_0 PARTITION OF public.submissions DEFAULT; '
                                          'INSERT INTO public.submissions SELECT * FROM public.old_submissions', key, by)), '^LG122 NOT_ADOPTABLE: .*content.submissions: public.submissions is partitioned', 'a partitioned table: ' || by)
  FROM (VALUES (', PRIMARY KEY (id, created_at)', 'RANGE (created_at)'), ('', 'LIST (status)')) AS p(key, by);
SELECT matches(test.adopting_after('CREATE TABLE public.ancestors (id uuid NOT NULL); ALTER TABLE public.submissions INHERIT public.ancestors'), '^LG122 NOT_ADOPTABLE: .*public.submissions inherits from public.ancestors', 'a child');
SELECT matches(test.adopting_after('CREATE TABLE public.more_submissions () INHERITS (public.submissions)'), '^LG122 NOT_ADOPTABLE: .*public.more_submissions inherits from public.submissions', 'a parent');
SELECT matches(test.adopting_after('CREATE RULE no_new AS ON INSERT TO public.weekly_earnings DO INSTEAD NOTHING'), '^LG122 NOT_ADOPTABLE: .*the rule no_new on public.weekly_earnings', 'a table with a rule of the server''s');
SELECT matches(test.adopting_after('ALTER TABLE public.weekly_pools ADD remaining_dollars int GENERATED ALWAYS AS (pool_amount_dollars - spent_dollars) STORED'), '^LG122 NOT_ADOPTABLE: .*public.weekly_pools.remaining_dollars is generated', 'a column that nobody may write');
SELECT matches(test.adopting_after('ALTER TABLE public.weekly_earnings ADD "paid by" text; UPDATE public.weekly_earnings SET "paid by" = 1; ALTER TABLE public.weekly_earnings ALTER "paid by" SET NOT NULL'),
               '^LG122 NOT_ADOPTABLE: .*public.weekly_earnings."paid by" has to have a value', 'a column that the club''s rows would lack');
SELECT is(test.paying_after('ALTER TABLE public.weekly_earnings ADD "paid by" text NOT NULL DEFAULT ''bank'''), '30 for 150', 'one that has a default');
SELECT is(test.paying_after('ALTER TABLE public.submissions ADD counted_twice int GENERATED ALWAYS AS (actual_pull_up_count * 2) STORED, ADD number bigint GENERATED ALWAYS AS IDENTITY; ALTER TABLE public.weekly_earnings ADD number bigint GENERATED ALWAYS AS IDENTITY'),
          '30 for 150', 'generated and identity columns of their own');
SELECT is(test.paying_after('CREATE DOMAIN public.state AS text CHECK (VALUE <> ''''); ALTER TABLE public.submissions ALTER status DROP DEFAULT, ALTER status TYPE public.state; ALTER TABLE public.submissions ALTER status SET DEFAULT ''pending'''), '30 for 150', 'states of a domain');
SELECT is(test.paying_after('CREATE DOMAIN public.dollars AS int CHECK (VALUE >= 0); ALTER TABLE public.weekly_pools ALTER pool_amount_dollars TYPE public.dollars; ALTER TABLE public.weekly_earnings ALTER earning_amount_dollars TYPE public.dollars'), '30 for 150', 'dollars of a domain');
SELECT CASE WHEN EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citext') THEN is(test.paying_after('CREATE EXTENSION citext SCHEMA public; ALTER TABLE public.profiles ALTER email TYPE public.citext'), '30 for 150', 'addresses of citext')
            ELSE skip('no citext') END;
SELECT matches(test.adopting_after($$ALTER TABLE public.user_earnings RENAME TO months; CREATE VIEW public.user_earnings AS SELECT * FROM public.months; CREATE FUNCTION test.instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
                                      CREATE TRIGGER instead INSTEAD OF INSERT ON public.user_earnings FOR EACH ROW EXECUTE FUNCTION test.instead()$$), '^not refused', 'a view of a table''s name is no table');
SELECT is(test.after($$ALTER TABLE public.user_earnings RENAME TO months; CREATE VIEW public.user_earnings AS SELECT * FROM public.months; $$ || test.adopting(), $$SELECT count(*)::text FROM pull_up_club.adopted_tables WHERE name = 'finance.user_earnings'$$), '0', 'and is not taken');

-- ---------------------------------------------------------------- names that are taken

SELECT matches(test.adopting_after(statements), said, 'taken: ' || statements)
  FROM (VALUES ('ALTER TABLE public.submissions ADD rejected_at text', '^LG122 NOT_ADOPTABLE: .*rejected_at is a text, and the club''s is a timestamp with time zone'),
               ('CREATE SCHEMA IF NOT EXISTS analytics; CREATE FUNCTION analytics.rank_of(uuid) RETURNS int LANGUAGE sql AS ''SELECT 1''', '^LG122 NOT_ADOPTABLE: .*there is a function analytics.rank_of\(uuid\) already'),
               ('CREATE SCHEMA IF NOT EXISTS finance; CREATE TABLE finance.monthly_totals (id int)', '^LG122 NOT_ADOPTABLE: .*there is a finance.monthly_totals already'),
               ('CREATE TYPE content.submissions AS (a int)', '^LG122 NOT_ADOPTABLE: .*content.submissions already'),
               ('CREATE DOMAIN content.submissions AS int', '^LG12[25] .*content.submissions'),
               ('CREATE SEQUENCE finance.weekly_pools', '^LG122 NOT_ADOPTABLE: .*finance.weekly_pools already'),
               ('CREATE SEQUENCE public.submissions_one_pending', '^LG125 STEP_FAILED: .*submissions_one_pending.*already exists'),
               ('CREATE INDEX submissions_one_pending ON public.profiles (email)', '^LG125 STEP_FAILED: .*submissions_one_pending.*already exists'),
               ('ALTER TABLE public.submissions ADD CONSTRAINT submissions_valid UNIQUE (video_url)', '^LG122 NOT_ADOPTABLE: .*the constraint submissions_valid on public.submissions has a name of the club''s')) AS t(statements, said);

REVOKE ALL ON SCHEMA public FROM lifeguard_keeper;
\set moment after_shapes
\ir ../adopt/dump.sql
SELECT is_empty($$SELECT test.dump_differences('before_shapes', 'after_shapes')$$, 'after all that the schema is as it was');
DROP ROLE lifeguard_keeper;
SELECT * FROM finish();
