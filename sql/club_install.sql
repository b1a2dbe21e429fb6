-- install() makes what is absent and says so; uninstall() takes it back.
\set SHOW_CONTEXT never
SET client_min_messages = warning;

SELECT * FROM pull_up_club.uninstall();                      -- nothing is there yet

CREATE TEMP TABLE report AS SELECT line, n FROM pull_up_club.install() WITH ORDINALITY AS i(line, n);
SELECT split_part(line, ' ', 1) AS made, count(*) FROM report
 WHERE line NOT LIKE 'role %' AND line NOT LIKE 'schema %' AND line NOT LIKE '%parts made%' GROUP BY 1 ORDER BY 1;
SELECT line FROM report WHERE line LIKE 'table %' ORDER BY n;
SELECT * FROM pull_up_club.install();

-- it is the application's: none of it is a member of the extension, all of it is the installer's
SELECT count(*) AS members FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.deptype = 'e' AND e.extname = 'pull_up_club'
 WHERE d.classid = 'pg_class'::regclass AND d.objid::regclass::text NOT LIKE 'pull_up_club.%'
    OR d.classid = 'pg_namespace'::regclass AND d.objid::regnamespace::text <> 'pull_up_club';

-- every table has row security, a policy for the service role, and those for members; anybody sees badges and pools (sql/club_policies.sql has who may what)
SELECT c.oid::regclass AS relation, c.relrowsecurity, string_agg(p.polname, ', ' ORDER BY p.polname) AS policies,
       has_table_privilege('service_role', c.oid, 'SELECT, INSERT, UPDATE, DELETE') AS service,
       has_table_privilege('authenticated', c.oid, 'SELECT, INSERT, UPDATE, DELETE') AS member,
       has_table_privilege('anon', c.oid, 'SELECT, INSERT, UPDATE, DELETE') AS anybody
  FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid
 WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('auth_management', 'content', 'finance', 'communication', 'analytics')
 GROUP BY c.oid ORDER BY c.oid::regclass::text COLLATE "C";
SET ROLE authenticated;
SELECT count(*) FROM content.submissions;
SELECT finance.ensure_pool();
SELECT finance.process_submission_earnings(NULL, NULL, NULL);
SELECT communication.queue_notification(NULL, 'x');
SELECT pull_up_club.install();
SELECT pull_up_club.uninstall(false);
RESET ROLE;

-- functions: each has a comment and a pinned search_path; of those that could write, everybody may call a trigger's and a check
SELECT p.oid::regprocedure AS not_pinned FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pull_up_club' JOIN pg_language l ON l.oid = p.prolang
 WHERE l.lanname <> 'c' AND (p.proconfig @> '{"search_path=pg_catalog, pg_temp"}') IS NOT TRUE AND p.prosqlbody IS NULL OR obj_description(p.oid, 'pg_proc') IS NULL;
SELECT p.oid::regprocedure AS everybody_may FROM pg_proc p
 WHERE p.pronamespace::regnamespace::text IN ('pull_up_club', 'auth_management', 'content', 'finance', 'communication', 'analytics')
   AND p.provolatile = 'v' AND has_function_privilege('anon', p.oid, 'EXECUTE') ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure AS with_owners_rights, pg_get_userbyid(p.proowner) = current_user AS installers FROM pg_proc p
 WHERE p.pronamespace::regnamespace::text IN ('pull_up_club', 'auth_management', 'content', 'finance', 'communication', 'analytics')
   AND p.prosecdef ORDER BY p.oid::regprocedure::text COLLATE "C";

-- the lifecycles are sound
SELECT * FROM lifeguard.check_lifecycle('content.submissions');
SELECT * FROM lifeguard.check_lifecycle('finance.payout_requests');
SELECT relation, array_agg(DISTINCT timing ORDER BY timing) FROM lifeguard.rules GROUP BY 1 ORDER BY relation::text COLLATE "C";

-- what is lost is made again, and only that
DROP INDEX finance.weekly_pools_by_week;
DROP POLICY service ON content.badges;
ALTER TABLE finance.user_earnings DISABLE ROW LEVEL SECURITY;
SELECT lifeguard.drop_stamp('content.submissions', 'rejected', 'rejected_at');
DROP TRIGGER pull_up_club_create_profile ON auth.users;
DELETE FROM content.badges WHERE name = 'Elite';             -- an admin's decision
SELECT * FROM pull_up_club.install();
SELECT count(*) FROM content.badges;

-- without the rules the data stays, and they come back
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000001', 'ann@example.org');
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count)
VALUES ('10000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000001', 'https://youtu.be/a', 3);
SELECT * FROM pull_up_club.uninstall();
SELECT * FROM pull_up_club.uninstall();
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid IN ('content.submissions'::regclass, 'auth.users'::regclass) AND NOT tgisinternal;
SELECT status, platform FROM content.submissions;
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000002', 'bob@example.org');   -- and has no profile now
SELECT line FROM pull_up_club.install() AS line WHERE line LIKE '%parts%' OR line LIKE '%rows%';
UPDATE content.submissions SET status = 'paid';
SELECT pull_up_club.uninstall(NULL);
\echo :LAST_ERROR_SQLSTATE

-- a table of the application's that needs ours stops it as a whole
CREATE TABLE public.club_fan (submission_id uuid REFERENCES content.submissions (id));
SELECT pull_up_club.uninstall(keep_data => false);
SELECT to_regclass('content.submissions') IS NOT NULL AS still_there, count(*) > 0 AS with_rules FROM lifeguard.rules;
DROP TABLE public.club_fan;
SELECT line FROM pull_up_club.uninstall(keep_data => false) AS line WHERE line LIKE 'schema%' OR line LIKE '%parts%';
SELECT c.oid::regclass FROM pg_class c
 WHERE c.relnamespace::regnamespace::text IN ('auth_management', 'content', 'finance', 'communication', 'analytics');
SELECT count(*) AS users_stay FROM auth.users;

-- tables that have the names but are others: refused, all of them named, and nothing made
CREATE TABLE finance.weekly_pools (id uuid, week_start_date date, week_end_date text, "Spent" int);
CREATE VIEW content.badges AS SELECT 1 AS id;
SELECT pull_up_club.install();
\echo :LAST_ERROR_SQLSTATE
SELECT to_regclass('auth_management.profiles') AS profiles, to_regclass('content.submissions') AS submissions;
DROP TABLE finance.weekly_pools;
DROP VIEW content.badges;

-- who may not is told everything that is missing, at once
CREATE ROLE club_owner;
GRANT EXECUTE ON FUNCTION pull_up_club.install(), pull_up_club.uninstall(boolean) TO club_owner;
SET ROLE club_owner;
SELECT pull_up_club.install();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;

-- with those rights an ordinary role owns a club that works; the superuser's rights are nowhere in it
GRANT USAGE ON SCHEMA auth_management, content, finance, communication, analytics TO club_owner WITH GRANT OPTION;   -- the API's roles get it from him
GRANT CREATE ON SCHEMA auth_management, content, finance, communication, analytics, public TO club_owner;
GRANT USAGE ON SCHEMA auth TO club_owner;
GRANT SELECT, TRIGGER, REFERENCES ON auth.users TO club_owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pull_up_club TO club_owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA auth_management, content, finance, communication, analytics TO club_owner WITH GRANT OPTION;
GRANT INSERT, UPDATE, DELETE ON lifeguard.identity_sources TO club_owner;       -- who says who is an admin
DO $$                                                                           -- what is checked, shown and done when
DECLARE
  part record;
BEGIN
  FOR part IN
    SELECT format('INSERT, UPDATE, DELETE ON monitoring.%I', relname) AS rights FROM pg_class
     WHERE relnamespace = 'monitoring'::regnamespace AND relname IN ('checks', 'gauges', 'job_definitions', 'accepted_lints')
    UNION ALL
    SELECT format('EXECUTE ON FUNCTION %s', oid::regprocedure) FROM pg_proc
     WHERE pronamespace = 'monitoring'::regnamespace AND (proname IN ('add_check', 'drop_check', 'add_gauges', 'drop_gauges', 'add_job', 'drop_job', 'health'))
  LOOP
    EXECUTE format('GRANT %s TO club_owner', part.rights);
  END LOOP;
END $$;
GRANT pg_monitor TO club_owner;
GRANT EXECUTE ON FUNCTION lifeguard.use_admins, lifeguard.use_source, lifeguard.try_source, lifeguard.check_roles, lifeguard.drop_source TO club_owner;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO club_owner', current_database()); END $$;
SET ROLE club_owner;
SELECT line FROM pull_up_club.install() AS line WHERE line LIKE 'schema%' OR line LIKE '%parts%';
SELECT * FROM pull_up_club.install();
RESET ROLE;
SELECT DISTINCT c.relowner::regrole FROM pg_class c
 WHERE c.relnamespace::regnamespace::text IN ('auth_management', 'content', 'finance', 'communication', 'analytics');
SELECT proname, proowner::regrole FROM pg_proc WHERE prosecdef AND proname IN ('card_ranks', 'create_profile', 'list_approved_submissions', 'mark_payout_paid', 'leaderboard', 'rank_of', 'forget_submissions', 'get_system_health') ORDER BY 1;
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-0000-0000-000000000003', 'cid@example.org');
SELECT id, email FROM auth_management.profiles ORDER BY id;
SET ROLE club_owner;
INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES ('00000000-0000-0000-0000-000000000002', 'https://youtu.be/b', 7);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 7, approved_at = '2025-11-26 12:00+00';
SELECT earning_amount_dollars, reason FROM finance.weekly_earnings;
RESET ROLE;
SELECT has_schema_privilege('anon', 'content', 'USAGE') AS anon_is_let_in, has_function_privilege('service_role', 'finance.ensure_pool(date)', 'EXECUTE') AS the_service_may;
SET ROLE club_owner;
SELECT line FROM pull_up_club.uninstall(keep_data => false) AS line WHERE line LIKE '%parts%';
RESET ROLE;
DROP OWNED BY club_owner;
DROP ROLE club_owner;

-- the columns that install() asks of an existing table are all of its columns
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
SELECT c.oid::regclass AS relation, a.attname AS not_asked_for
  FROM pull_up_club.blueprint b JOIN pg_class c ON c.oid = CASE b.kind WHEN 'table' THEN to_regclass(b.name) END
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE NOT EXISTS (SELECT FROM regexp_matches(b.make, '^  ([a-z_]+) +([a-z]+)', 'gn') AS w(wanted)
                    WHERE wanted[1] = a.attname AND to_regtype(wanted[2]) = a.atttypid);

-- the extension does not go while its rules are in use
\set VERBOSITY terse
DROP EXTENSION pull_up_club;
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
