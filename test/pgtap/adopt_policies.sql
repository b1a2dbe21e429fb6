-- replace_policies(): what the legacy club's roles gain and lose, really done, and put back to the last byte.
SELECT no_plan();
SET client_min_messages = error;
\set users 12
\set weeks 2
\set pending 12
\ir ../../bench/legacy/00_supabase.sql
\ir ../../bench/legacy/10_tables.sql
\ir ../../bench/legacy/20_cascade.sql
\ir ../../bench/legacy/30_policies.sql
\o /dev/null
\ir ../../bench/legacy/40_load.sql
\o

-- What a club's database may have besides: names in quotes, comments, forced row security, rights handed on, rights to columns.
CREATE ROLE "policy'd ""clerk" NOLOGIN;
CREATE ROLE policies_auditor NOLOGIN;
ALTER TABLE public.badges ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.badges FORCE ROW LEVEL SECURITY;
CREATE POLICY "read" ON public.badges AS RESTRICTIVE FOR DELETE TO policies_auditor, "policy'd ""clerk" USING (name <> 'it''s' AND EXISTS (SELECT FROM public.profiles p WHERE p.id = badges.id));
CREATE POLICY "a ""policy"" it's" ON public.badges FOR UPDATE TO authenticated USING (true) WITH CHECK (min_pull_ups > 0);
COMMENT ON POLICY "a ""policy"" it's" ON public.badges IS 'it''s a comment';
GRANT SELECT ON public.submissions TO PUBLIC;
GRANT SELECT ON public.profiles TO "policy'd ""clerk" WITH GRANT OPTION;
GRANT UPDATE (phone) ON public.profiles TO "policy'd ""clerk" WITH GRANT OPTION;
SET ROLE "policy'd ""clerk";
GRANT SELECT ON public.profiles TO anon, policies_auditor;
GRANT UPDATE (phone) ON public.profiles TO anon;
RESET ROLE;
ALTER TABLE public.submissions RENAME organization TO organisation;
ALTER TABLE public.submissions RENAME user_id TO "member ""id""";
ALTER TABLE public.profiles ADD COLUMN organisation text;   -- says the same as organization
UPDATE public.profiles SET organisation = organization;

CREATE EXTENSION pull_up_club CASCADE;
\ir ../adopt/moments.sql
-- the rows that a statement touches as a role, with claims
CREATE FUNCTION pg_temp.touched(role name, sub uuid, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  touched bigint;
BEGIN
  PERFORM set_config('request.jwt.claims', jsonb_build_object('role', role, 'sub', sub)::text, true), set_config('role', role, true);
  EXECUTE statement;
  GET DIAGNOSTICS touched = ROW_COUNT;
  PERFORM set_config('role', 'none', true), set_config('request.jwt.claims', '', true);
  RETURN touched;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;

SELECT is(pg_temp.error_of('SELECT * FROM pull_up_club.replace_policies()'), 'LG130 NOT_ADOPTED', 'before adopt() there is nothing to replace');
SELECT is_empty('SELECT * FROM pull_up_club.restore_policies()', 'and nothing to restore');
DO $$ BEGIN PERFORM pull_up_club.adopt(mapping => '{"content.submissions": {"table": "submissions", "user_id": "member \"id\""}}', dry_run => false); END $$;
ALTER TABLE dump ALTER moment SET DEFAULT 'adopted';
\copy dump (line) from program 'pg_dump -s | grep -v restrict' with (format csv, delimiter E'\x01', quote E'\x02')
SELECT results_eq($$SELECT object, severity FROM pull_up_club.check_security() ORDER BY object COLLATE "C"$$, $$SELECT name, 'warning' FROM pull_up_club.adopted_tables ORDER BY name COLLATE "C"$$,
                  'the check warns once for each adopted table');

-- ---- the dry run ----
CREATE TABLE pg_temp.shown AS SELECT row_number() OVER () AS n, s.* FROM pull_up_club.replace_policies() AS s;
ALTER TABLE dump ALTER moment SET DEFAULT 'shown';
\copy dump (line) from program 'pg_dump -s | grep -v restrict' with (format csv, delimiter E'\x01', quote E'\x02')
SELECT is(pg_temp.compare('adopted', 'shown'), 'the same', 'a dry run changes nothing');
SELECT is((SELECT count(*) FROM monitoring.access_owners), 0::bigint, 'and leaves nothing in lifeguard''s registers');
SELECT set_eq($$SELECT persona, change FROM pg_temp.shown WHERE relation = 'public.profiles' AND role_name = 'authenticated' AND command = 'UPDATE'$$,
              $$VALUES ('owner', 'gains'), ('admin', 'gains')$$, 'members gain what was missing since May 2025: to change their own profile; nobody else does');
SELECT set_eq($$SELECT command FROM pg_temp.shown WHERE relation = 'public.admin_roles' AND persona = 'other member' AND change = 'loses'$$,
              $$VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')$$, 'the open table of admins is closed to members');
SELECT set_eq($$SELECT command FROM pg_temp.shown WHERE relation = 'public.admin_roles' AND persona = 'owner' AND change = 'loses'$$, $$VALUES ('INSERT')$$,
              'who is an admin keeps what admins may; to write the row that makes him one he would have to be one without it');
SELECT is_empty($$SELECT * FROM pg_temp.shown WHERE role_name = 'service_role'$$, 'the service role neither gains nor loses');
SELECT isnt_empty($$SELECT * FROM pg_temp.shown WHERE role_name = 'anon' AND relation = 'public.submissions' AND command LIKE 'SELECT (%notes%' AND change = 'loses' AND persona IS NULL$$,
                  'columns that everybody could read are named');
SELECT is_empty($$SELECT * FROM pg_temp.shown WHERE statement IS NULL AND (relation IS NULL OR role_name IS NULL OR was = is_now)$$, 'every line of the difference says what differs');
SELECT ok(max(n) FILTER (WHERE statement IS NULL) < min(n) FILTER (WHERE statement IS NOT NULL), 'the difference comes first, then the statements') FROM pg_temp.shown;

-- ---- somebody is at it ----
CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('host=%s port=%s dbname=%s user=%s', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database(), current_user)) = 'OK' AS connected \gset
SELECT dblink_exec('other', 'BEGIN; LOCK TABLE public.badges IN ACCESS SHARE MODE') = 'LOCK TABLE' AS locked \gset
SET lock_timeout = '100ms';
SELECT is(pg_temp.error_of('SELECT * FROM pull_up_club.replace_policies(false)'), 'LG124 ADOPTION_WAITS', 'who uses a table is waited for, not for ever');
SELECT is(pg_temp.error_of('SELECT * FROM pull_up_club.replace_policies()'), 'LG124 ADOPTION_WAITS', 'by the dry run, too');
RESET lock_timeout;
SELECT dblink_disconnect('other') = 'OK' AS disconnected \gset
DROP EXTENSION dblink;

-- ---- done ----
SELECT set_eq($$SELECT relation, change, statement FROM pull_up_club.replace_policies(dry_run => false)$$, $$SELECT relation, change, statement FROM pg_temp.shown WHERE statement IS NOT NULL$$,
              'what is done is what was shown');
SELECT is_empty($$SELECT s.* FROM pg_temp.shown s JOIN monitoring.test_rls_policies(ARRAY(SELECT base FROM pull_up_club.adopted_tables)) AS t
                   ON t.relation = s.relation::regclass AND (t.role_name, t.persona, t.command) = (s.role_name::name, s.persona, s.command)
                  WHERE s.statement IS NULL AND t.outcome <> 'unknown' AND t.outcome <> split_part(s.is_now, ':', 1)$$, 'and the matrix of the tables is as it was foretold');
SELECT is_empty($$SELECT p.polrelid::regclass, p.polname FROM pg_policy p JOIN pull_up_club.adopted_tables a ON a.base = p.polrelid
                   WHERE NOT EXISTS (SELECT FROM pull_up_club.blueprint b WHERE b.kind = 'policy' AND b.name = p.polname || ' ON ' || a.name)$$, 'no old policy is left');
SELECT set_eq($$SELECT a.name || ' ' || p.polname FROM pg_policy p JOIN pull_up_club.adopted_tables a ON a.base = p.polrelid$$,
              $$SELECT split_part(b.name, ' ON ', 2) || ' ' || split_part(b.name, ' ON ', 1) FROM pull_up_club.blueprint b JOIN pull_up_club.adopted_tables a ON a.name = split_part(b.name, ' ON ', 2) WHERE b.kind = 'policy'$$,
              'and all of the club''s are there');
SELECT is((SELECT count(*) FROM pg_class c JOIN pull_up_club.adopted_tables a ON a.base = c.oid WHERE NOT c.relrowsecurity OR c.relforcerowsecurity), 0::bigint, 'row security is on and not forced');
SELECT is_empty('SELECT * FROM pull_up_club.check_security()', 'the check is satisfied');
SELECT is_empty('SELECT * FROM pull_up_club.replace_policies(dry_run => false)', 'a second time there is nothing to do');
SELECT is_empty('SELECT * FROM pull_up_club.replace_policies()', 'nor to show');

SELECT md5('member 5')::uuid AS member \gset
SELECT is(pg_temp.touched('authenticated', :'member', format('UPDATE public.profiles SET phone = ''1'' WHERE id = %L', :'member')), '1', 'a member saves his profile, in the table');
SELECT is(pg_temp.touched('authenticated', :'member', format('UPDATE auth_management.profiles SET phone = ''2'' WHERE id = %L', :'member')), '1', 'and through its canonical name');
SELECT is(pg_temp.touched('authenticated', :'member', format('UPDATE public.profiles SET organisation = ''Acme'' WHERE id = %L', :'member')), '1', 'a column that is kept in step with his own is his, too');
SELECT is(pg_temp.touched('authenticated', :'member', 'UPDATE public.profiles SET phone = ''3'' WHERE id <> auth.uid()'), '0', 'others'' profiles are not');
SELECT is(pg_temp.touched('authenticated', :'member', format('UPDATE public.profiles SET role = ''admin'' WHERE id = %L', :'member')) <> '1', true, 'nor is his role');
SELECT is(pg_temp.touched('authenticated', :'member', 'SELECT FROM public.admin_roles'), '0', 'who is an admin is not his to read');
SELECT is(pg_temp.touched('authenticated', md5('member 1')::uuid, 'SELECT FROM public.admin_roles'), '1', 'an admin sees it');
SELECT is(pg_temp.touched('authenticated', :'member', 'SELECT FROM public.submissions WHERE status = ''pending'''), '1', 'of the pending submissions he sees his own, by the column that was renamed');
SELECT is(pg_temp.touched('anon', NULL, 'SELECT organisation FROM public.submissions'), '24', 'everybody sees those that were approved');
SELECT is(pg_temp.touched('anon', NULL, 'SELECT notes FROM public.submissions'), '42501', 'without what admins note');
SELECT is(pg_temp.touched('anon', NULL, 'UPDATE public.profiles SET phone = NULL'), '42501', 'what another role had granted anon is taken, too');
SELECT ok(has_table_privilege('policies_auditor', 'public.profiles', 'SELECT'), 'what it had granted others stays');

-- ---- what is lost afterwards is made again, what is added stays ----
DROP POLICY change ON public.profiles;
REVOKE UPDATE (status) ON content.submissions FROM authenticated;
CREATE POLICY auditors ON public.profiles FOR SELECT TO policies_auditor USING (true);
SELECT results_eq('SELECT object FROM pull_up_club.check_security()', $$VALUES ('change ON auth_management.profiles')$$, 'the check sees a policy that was dropped');
SELECT set_eq($$SELECT relation, change FROM pull_up_club.replace_policies(dry_run => false)$$, $$VALUES ('change on public.profiles', 'create the policy'), ('the view content.submissions', 'grant')$$,
              'what was lost is made again, and nothing else');
SELECT isnt_empty($$SELECT FROM pg_policy WHERE polname = 'auditors'$$, 'a policy that was added since stays');
DROP POLICY auditors ON public.profiles;

-- ---- put back ----
SELECT isnt_empty('SELECT * FROM pull_up_club.restore_policies()', 'the old policies are put back');
ALTER TABLE dump ALTER moment SET DEFAULT 'restored';
\copy dump (line) from program 'pg_dump -s | grep -v restrict' with (format csv, delimiter E'\x01', quote E'\x02')
SELECT is(pg_temp.compare('adopted', 'restored'), 'the same', 'with their comments, roles and grants, as they were');
SELECT is((SELECT count(*) FROM pull_up_club.check_security()), (SELECT count(*) FROM pull_up_club.adopted_tables), 'and the check warns again');
SELECT is_empty('SELECT * FROM pull_up_club.restore_policies()', 'a second time there is nothing to put back');

-- ---- who may not ----
SET ROLE policies_auditor;
SELECT is(pg_temp.error_of('SELECT * FROM pull_up_club.replace_policies()'), 'LG108 NOT_PERMITTED', 'who does not own the tables may not');
SELECT is(pg_temp.error_of('SELECT * FROM pull_up_club.replace_policies(false)'), 'LG108 NOT_PERMITTED', 'do it');
SELECT is(pg_temp.error_of('SELECT * FROM pull_up_club.restore_policies()'), 'LG108 NOT_PERMITTED', 'take it back');
SELECT is(pg_temp.error_of('SELECT * FROM pull_up_club.move_to_schemas(false)'), 'LG108 NOT_PERMITTED', 'move the tables');
SELECT is(pg_temp.error_of('SELECT * FROM pull_up_club.move_back()'), 'LG108 NOT_PERMITTED', 'or move them back');
RESET ROLE;
SELECT is(pg_temp.error_of('SELECT * FROM pull_up_club.replace_policies(NULL)'), '22004 replace_policies', 'NULL is no answer');
SELECT ok(NOT has_function_privilege('policies_auditor', p.oid, 'EXECUTE'), format('%s() is not everybody''s', p.proname))
  FROM pg_proc p WHERE p.pronamespace = 'pull_up_club'::regnamespace AND p.proname IN ('put_grants', 'as_role', 'do_steps', 'take_back', 'try_policies', 'set_rules_aside', 'put_view_back') ORDER BY 1;

-- ---- release() takes them back with everything else ----
DO $$ BEGIN PERFORM pull_up_club.replace_policies(dry_run => false); PERFORM pull_up_club.release(); END $$;
ALTER TABLE dump ALTER moment SET DEFAULT 'released';
\copy dump (line) from program 'pg_dump -s | grep -v restrict' with (format csv, delimiter E'\x01', quote E'\x02')
SELECT is(pg_temp.compare('before adopt', 'released'), 'the same', 'released, the schema is the one from before');
SELECT is_empty('SELECT FROM pull_up_club.adoption', 'and nothing is remembered');

SELECT * FROM finish();
DROP OWNED BY policies_auditor, "policy'd ""clerk" CASCADE;
DROP ROLE policies_auditor, "policy'd ""clerk";
