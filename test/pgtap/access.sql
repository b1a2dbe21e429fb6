-- Access: what explain_access says is what happens; nothing is left behind; nobody gets more rights by it.
SELECT no_plan();
SET client_min_messages = warning;
SET search_path = public;
CREATE EXTENSION lifeguard;
DROP ROLE IF EXISTS tap_owner, tap_app, tap_group, tap_plain;
CREATE ROLE tap_owner;
CREATE ROLE tap_group;
CREATE ROLE tap_app IN ROLE tap_group;
CREATE ROLE tap_plain;
CREATE SCHEMA app AUTHORIZATION tap_owner;
GRANT USAGE ON SCHEMA app TO tap_app;
SET ROLE tap_owner;
CREATE FUNCTION app.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
CREATE TABLE app.docs (id serial PRIMARY KEY, owner uuid, n int, at timestamptz DEFAULT now());
INSERT INTO app.docs (owner, n) SELECT ('00000000-0000-4000-8000-00000000000' || i % 3)::uuid, i FROM generate_series(1, 6) i;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.docs TO tap_app;
GRANT USAGE ON SEQUENCE app.docs_id_seq TO tap_app;
ALTER TABLE app.docs ENABLE ROW LEVEL SECURITY;
RESET ROLE;

-- explain_access against the real thing, as the server does it, for policies at random
CREATE FUNCTION public.really(command text, doc int, value int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  touched bigint;
  done    boolean := false;
BEGIN
  SET LOCAL ROLE tap_app;
  PERFORM set_config('request.jwt.claims', '{"sub": "00000000-0000-4000-8000-000000000001"}', true);
  CASE command
    WHEN 'SELECT' THEN PERFORM FROM app.docs WHERE id = doc;
    WHEN 'UPDATE' THEN UPDATE app.docs SET n = value WHERE id = doc;
    WHEN 'DELETE' THEN DELETE FROM app.docs WHERE id = doc;
    ELSE INSERT INTO app.docs (id, owner, n) VALUES (doc + 100, ('00000000-0000-4000-8000-00000000000' || doc % 3)::uuid, value);
  END CASE;
  GET DIAGNOSTICS touched = ROW_COUNT;
  done := true;
  RAISE EXCEPTION 'taken back';
EXCEPTION
  WHEN insufficient_privilege THEN
    RETURN false;
  WHEN OTHERS THEN
    IF done THEN
      RETURN touched > 0;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION public.differences(rounds int, OUT compared int, OUT allowed int, OUT different text[]) LANGUAGE plpgsql AS $$
DECLARE
  texts   constant text[] := '{owner = app.uid(),n > 3,n < 5,true,false,n IS NULL,n % 2 = 0,(SELECT app.uid()) = owner}';
  roles   constant text[] := '{PUBLIC,tap_app,tap_group,tap_plain}';
  command text;
  said    boolean;
  happens boolean;
  doc     int;
  value   int;
BEGIN
  compared := 0;
  allowed := 0;
  different := '{}';
  PERFORM setseed(0.4);
  FOR i IN 1..rounds LOOP
    FOR j IN 1..1 + floor(random() * 5)::int LOOP
      command := (ARRAY['ALL', 'SELECT', 'INSERT', 'UPDATE', 'DELETE'])[1 + floor(random() * 5)::int];
      EXECUTE format('CREATE POLICY p%s ON app.docs AS %s FOR %s TO %s %s %s', j, CASE WHEN random() < 0.3 THEN 'RESTRICTIVE' ELSE 'PERMISSIVE' END, command, roles[1 + floor(random() * 4)::int],
                     CASE WHEN command <> 'INSERT' AND (command NOT IN ('ALL', 'UPDATE') OR random() < 0.8) THEN format('USING (%s)', texts[1 + floor(random() * 8)::int]) END,
                     CASE WHEN command = 'INSERT' OR command IN ('ALL', 'UPDATE') AND random() < 0.5 THEN format('WITH CHECK (%s)', texts[1 + floor(random() * 8)::int]) END);
    END LOOP;
    FOREACH command IN ARRAY '{SELECT,INSERT,UPDATE,DELETE}'::text[] LOOP
      doc := 1 + floor(random() * 7)::int;
      value := floor(random() * 7)::int;
      happens := public.really(command, doc, value);
      SELECT passes INTO said
        FROM monitoring.explain_access('app.docs', command, CASE command WHEN 'UPDATE' THEN jsonb_build_object('id', doc, 'n', value)
                                         WHEN 'INSERT' THEN jsonb_build_object('id', doc + 100, 'owner', '00000000-0000-4000-8000-00000000000' || doc % 3, 'n', value) ELSE jsonb_build_object('id', doc) END,
                                       'tap_app', '{"sub": "00000000-0000-4000-8000-000000000001"}') WHERE kind = 'summary';
      compared := compared + 1;
      allowed := allowed + coalesce(happens, false)::int;
      IF happens IS DISTINCT FROM said THEN
        different := different || format('%s %s (%s): happens %s, said %s; %s', command, doc, value, happens, said,
                                         (SELECT string_agg(concat_ws(' ', policyname, permissive, cmd, roles, qual, with_check), ', ') FROM pg_policies WHERE tablename = 'docs'));
      END IF;
    END LOOP;
    FOR j IN 1..5 LOOP
      EXECUTE format('DROP POLICY IF EXISTS p%s ON app.docs', j);
    END LOOP;
  END LOOP;
END $$;
SET client_min_messages = error;
CREATE TEMP TABLE differences AS SELECT * FROM public.differences(60);
SET client_min_messages = warning;
SELECT is(different, '{}', 'what explain_access says is what happens') FROM pg_temp.differences;
SELECT cmp_ok(allowed, '>=', compared / 10, 'and enough of it was allowed to mean something') FROM pg_temp.differences;
SELECT cmp_ok(compared - allowed, '>=', compared / 10, 'and enough refused') FROM pg_temp.differences;

-- nothing is left behind
CREATE FUNCTION app.meddles() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.meddled', 'yes', false), set_config('search_path', 'app', false);
  CREATE TEMP TABLE meddled (i int);
  RETURN true;
EXCEPTION WHEN OTHERS THEN
  RETURN true;
END $$;
CREATE TABLE app.counted (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner uuid NOT NULL, docs int);
ALTER TABLE app.counted OWNER TO tap_owner;
ALTER TABLE app.counted ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.counted TO tap_app;
CREATE POLICY p ON app.docs USING (app.meddles() AND owner = app.uid());
CREATE POLICY p ON app.counted USING (owner = app.uid());
CREATE FUNCTION public.state() RETURNS TABLE (what text, state text) LANGUAGE plpgsql AS $$
DECLARE
  relation regclass;
BEGIN
  FOR relation IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'S') AND (relnamespace IN ('app'::regnamespace, 'monitoring'::regnamespace, 'lifeguard'::regnamespace) AND relname <> 'journal_files'
                                                                          OR oid IN ('pg_proc'::regclass, 'pg_namespace'::regclass, 'pg_class'::regclass, 'pg_authid'::regclass, 'pg_policy'::regclass, 'pg_db_role_setting'::regclass))
  LOOP
    what := relation::text;
    EXECUTE CASE WHEN (SELECT relkind FROM pg_class WHERE oid = relation) = 'S' THEN format('SELECT concat_ws('' '', last_value, log_cnt, is_called) FROM %s', relation)
                 ELSE format('SELECT concat_ws('' '', count(*), md5(string_agg(concat_ws('' '', r.xmin, r.ctid, r), chr(10) ORDER BY r.ctid))) FROM %s r', relation) END INTO state;
    RETURN NEXT;
  END LOOP;
  RETURN QUERY SELECT 'settings', md5(string_agg(concat(name, setting, source), chr(10) ORDER BY name)) FROM pg_settings;
  RETURN QUERY SELECT s, current_setting(s, true) FROM unnest('{role,search_path,request.jwt.claims,request.jwt.claim.sub,app.current_tenant_id,app.meddled,row_security,session_replication_role,lc_messages,lock_timeout}'::text[]) s;
  RETURN QUERY VALUES ('users', concat_ws(' ', current_user, session_user)), ('temporary schema', pg_my_temp_schema()::text);
END $$;
-- settings that are there once are there for good: have them before
SELECT set_config('request.jwt.claims', '{"sub": "mine"}', false), set_config('request.jwt.claim.sub', 'mine', false), set_config('app.meddled', 'no', false) \g /dev/null
SELECT monitoring.drain() \g /dev/null
CREATE TABLE public.before AS SELECT * FROM public.state();
SELECT cmp_ok(count(*), '>', 20::bigint, 'there is state to compare') FROM public.before;
SELECT isnt_empty($$SELECT FROM monitoring.test_rls_policies() WHERE outcome = 'allowed' AND relation = 'app.counted'::regclass AND command = 'INSERT'$$, 'the matrix is tried, on an empty table as well');
SELECT isnt_empty($$SELECT FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) c, monitoring.explain_access('app.docs', c, '{"id": 1}', 'tap_app', '{"sub": "00000000-0000-4000-8000-000000000001"}')$$, 'access is explained');
SELECT monitoring.drain() \g /dev/null
SELECT is_empty('(TABLE public.before EXCEPT SELECT * FROM public.state()) UNION ALL (SELECT * FROM public.state() EXCEPT TABLE public.before)', 'rows, their versions, sequences, settings, roles, catalogs and the journal are as before');
-- also when it fails half way
CREATE FUNCTION app.waits() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN true; END $$;
CREATE POLICY waits ON app.docs AS RESTRICTIVE USING (app.waits());
SELECT set_config('statement_timeout', '400ms', false) \g /dev/null
\set ON_ERROR_STOP 0
\set VERBOSITY terse
SELECT count(*) FROM monitoring.test_rls_policies() \g /dev/null
SELECT :'SQLSTATE' AS first \gset
SELECT * FROM monitoring.explain_access('app.docs', 'select', '{"id": 1}', 'tap_app') \g /dev/null
SELECT :'SQLSTATE' AS second \gset
\set ON_ERROR_STOP 1
RESET statement_timeout;
DROP POLICY waits ON app.docs;
SELECT is(:'first' || :'second', '5701457014', 'both were cancelled');
-- but for the policy that made it wait, and its error in the journal
SELECT is_empty($$SELECT * FROM ((TABLE public.before EXCEPT SELECT * FROM public.state()) UNION ALL (SELECT * FROM public.state() EXCEPT TABLE public.before)) AS d
                   WHERE what NOT IN ('pg_proc', 'pg_policy', 'pg_class', 'monitoring.system_errors')$$, 'nothing is left by what was cancelled');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE proname LIKE 'lifeguard\_%'$$, 'no function either');
RESET request.jwt.claims;
RESET request.jwt.claim.sub;

-- nobody gets more rights by it
CREATE FUNCTION app.climbs() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  attempt text;
BEGIN
  FOREACH attempt IN ARRAY ARRAY['RESET ROLE; CREATE ROLE tap_climbed SUPERUSER', 'SET SESSION AUTHORIZATION DEFAULT; CREATE ROLE tap_climbed SUPERUSER', 'SET ROLE NONE; CREATE ROLE tap_climbed SUPERUSER',
    'SET session_replication_role = origin; CREATE ROLE tap_climbed SUPERUSER'] LOOP
    BEGIN
      EXECUTE attempt;
      RAISE WARNING 'climbed by %', attempt;
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;
    END;
  END LOOP;
  -- the function that runs the statement is its own
  FOR attempt IN SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE 'lifeguard\_as\_%' AND proowner = current_user::regrole LOOP
    EXECUTE format('ALTER FUNCTION %s SECURITY INVOKER', attempt);
  END LOOP;
  -- that of the table's owner is not
  FOR attempt IN SELECT oid::regproc FROM pg_proc WHERE proname LIKE 'lifeguard\_as\_%' AND proowner <> current_user::regrole LOOP
    BEGIN
      EXECUTE format('SELECT %s(%L, false, NULL)', attempt, 'SELECT');
      RAISE WARNING 'ran %', attempt;
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;
    END;
  END LOOP;
  IF current_user <> 'tap_app' THEN
    RAISE WARNING 'ran as %', current_user;
  END IF;
  RETURN true;
END $$;
ALTER FUNCTION app.climbs() OWNER TO tap_owner;
CREATE POLICY climbs ON app.docs AS RESTRICTIVE USING (app.climbs());
ALTER POLICY p ON app.docs USING (true);
SET client_min_messages = error;
SELECT results_eq($$SELECT DISTINCT outcome FROM monitoring.test_rls_policies('{app.docs}') WHERE role_name = 'tap_app' AND outcome <> 'unknown'$$, ARRAY['allowed'], 'a policy that tries to climb is run');
SET client_min_messages = warning;
SELECT is((SELECT verdict FROM monitoring.explain_access('app.docs', 'delete', '{"id": 1}', 'tap_app') WHERE kind = 'summary'), 'DELETE: allowed by policy p', 'by explain_access, too');
SELECT is_empty($$SELECT FROM pg_roles WHERE rolname = 'tap_climbed'$$, 'and does not');
DROP POLICY climbs ON app.docs;
-- nor by names that are looked up in a path of its own
CREATE SCHEMA evil AUTHORIZATION tap_owner;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
SET ROLE tap_owner;
CREATE FUNCTION evil.climb() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM set_config('role', 'none', true);
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    RAISE SQLSTATE '57014' USING MESSAGE = 'climbed';
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  NULL;
END $$;
CREATE FUNCTION evil.climbing(a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.climb(); RETURN a OPERATOR(pg_catalog.<>) b; END $$;
CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.climbing);
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.climbing);
CREATE FUNCTION evil.format(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.climb(); RETURN pg_catalog.format($1, $2); END $$;
CREATE FUNCTION evil.format(text, text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.climb(); RETURN pg_catalog.format($1, $2, $3); END $$;
CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.climb(); RETURN pg_catalog.current_setting($1); END $$;
CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.climb(); RETURN pg_catalog.set_config($1, $2, $3); END $$;
CREATE FUNCTION evil.strays() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.set_config('search_path', 'evil, pg_catalog', false); RETURN true; END $$;
CREATE TABLE evil.strayed (id int PRIMARY KEY, owner uuid, x boolean NOT NULL DEFAULT evil.strays());
ALTER TABLE evil.strayed ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON evil.strayed USING (evil.strays());
GRANT ALL ON evil.strayed TO tap_app;
RESET ROLE;
ALTER ROLE tap_app SET search_path = evil, pg_catalog;
ALTER ROLE tap_owner SET search_path = evil, pg_catalog;
-- a climb would cancel the query
SELECT lives_ok($$SELECT FROM monitoring.test_rls_policies('{evil.strayed}')$$, 'the matrix looks nothing up in a path of others');
INSERT INTO evil.strayed VALUES (1, NULL, true);
SELECT lives_ok($$SELECT FROM monitoring.test_rls_policies('{evil.strayed}')$$, 'also for a row that is there');
SELECT is((SELECT verdict FROM monitoring.explain_access('evil.strayed', 'update', '{"id": 1, "x": false}', 'tap_app') WHERE kind = 'summary'), 'UPDATE: allowed by policy p', 'nor does explain_access');
\set ON_ERROR_STOP 0
SELECT evil.climb();
SELECT is(:'SQLSTATE', '57014', 'as it could: whoever looks it up climbs');
\set ON_ERROR_STOP 1
SELECT is(current_setting('search_path'), 'public', 'and the session''s path is its own');
ALTER ROLE tap_app RESET search_path;
ALTER ROLE tap_owner RESET search_path;

-- what hangs on the table runs as its owner
CREATE FUNCTION app.hangs(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF current_user NOT IN ('tap_owner', 'tap_app') THEN CREATE ROLE tap_climbed; END IF; RETURN $1; END $$;
ALTER FUNCTION app.hangs(int) OWNER TO tap_owner;
SET ROLE tap_owner;
CREATE DOMAIN app.hung AS int CHECK (app.hangs(VALUE) IS NOT NULL);
CREATE TABLE app.traps (id int PRIMARY KEY CHECK (app.hangs(id) > 0), h app.hung DEFAULT app.hangs(1), g int GENERATED ALWAYS AS (app.hangs(2)) STORED, owner uuid);
CREATE INDEX ON app.traps (app.hangs(id)) WHERE app.hangs(3) = 3;
CREATE STATISTICS app.traps_stat ON (app.hangs(id)), (app.hangs(h)) FROM app.traps;
INSERT INTO app.traps VALUES (1);
ALTER TABLE app.traps ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON app.traps USING (app.hangs(4) = 4 AND id = ANY ('{1}'::app.hung[])) WITH CHECK (app.hangs(h) = 1);
GRANT ALL ON app.traps TO tap_app;
RESET ROLE;
SELECT is_empty($$SELECT FROM monitoring.test_rls_policies('{app.traps}') WHERE role_name = 'tap_app' AND outcome NOT IN ('allowed', 'unknown')$$, 'a table of traps is tried');
SELECT isnt_empty($$SELECT FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) c, monitoring.explain_access('app.traps', c, '{"id": 1}', 'tap_app')$$, 'and explained');
-- also where row security is forced upon him, and by what no dependency of the table tells
SET ROLE tap_owner;
ALTER TABLE app.traps FORCE ROW LEVEL SECURITY;
CREATE FUNCTION app.hang_row(app.traps) RETURNS text LANGUAGE sql AS $$ SELECT format('(%s,%s,%s,%s)', app.hangs($1.id), $1.h, $1.g, $1.owner) $$;
CREATE CAST (app.traps AS text) WITH FUNCTION app.hang_row(app.traps);
CREATE FUNCTION app.hang_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM app.hangs(5); RETURN coalesce(new, old); END $$;
CREATE TRIGGER hangs BEFORE INSERT OR UPDATE OR DELETE ON app.traps FOR EACH ROW EXECUTE FUNCTION app.hang_trigger();
ALTER TABLE app.traps ENABLE ALWAYS TRIGGER hangs;
CREATE TABLE app.hung_admins (user_id uuid PRIMARY KEY);
ALTER TABLE app.hung_admins ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET ROLE;
SELECT lifeguard.use_admins('app.hung_admins', 'user_id', 'app.hangs(6) = 6') AS hung \gset
SELECT isnt_empty($$SELECT FROM monitoring.test_rls_policies('{app.traps}') WHERE role_name = 'tap_app' AND outcome = 'allowed'$$, 'forced upon its owner, it is read with his rights all the same');
SELECT is_empty($$SELECT FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) c, monitoring.explain_access('app.traps', c, '{"id": 1}', 'tap_app') WHERE passes IS NULL AND kind = 'row'$$, 'and explained');
SELECT lifeguard.drop_source(:hung) \g /dev/null
SELECT is_empty($$SELECT FROM pg_roles WHERE rolname = 'tap_climbed'$$, 'none of it ran with the superuser''s rights');

-- by default: the roles of an API and those with grants
SELECT is((SELECT string_agg(format('%s %s', role_name, persona), ', ' ORDER BY persona) FROM lifeguard.tried_roles() WHERE role_name LIKE 'tap\_%'),
          'tap_app admin, tap_app anonymous, tap_app other member, tap_app owner', 'a role with grants is tried as everybody; one without is not, nor is the owner');
-- for superusers
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'monitoring'::regnamespace AND proname IN ('explain_access', 'test_rls_policies', 'remember_access', 'access_changes')
                     AND has_function_privilege('public', oid, 'EXECUTE')$$, 'not for everybody');
SELECT is_empty($$SELECT t FROM unnest('{monitoring.access_roles,monitoring.access_expectations,monitoring.access_owners}'::regclass[]) t
                   WHERE has_table_privilege('public', t, 'SELECT,INSERT,UPDATE,DELETE') OR NOT t = ANY ((SELECT extconfig FROM pg_extension WHERE extname = 'lifeguard')::oid[])$$, 'its tables are dumped, and nobody else''s to write');

SELECT * FROM finish();
SET client_min_messages = error;
DROP SCHEMA app, evil CASCADE;
DROP OWNED BY tap_owner, tap_app, tap_group, tap_plain;
DROP ROLE tap_owner, tap_app, tap_group, tap_plain;
