-- lifeguard as a guest in somebody's database: what its schema holds, who may call it, and with whose rights.
SELECT no_plan();
SET client_min_messages = warning;
SET search_path = public;
CREATE EXTENSION lifeguard;

SELECT has_schema('lifeguard');
SELECT is((SELECT extversion FROM pg_extension WHERE extname = 'lifeguard'), (SELECT default_version FROM pg_available_extensions WHERE name = 'lifeguard'),
          'the version created is the default one');
SELECT is((SELECT concat_ws(' ', superuser, relocatable, trusted, requires) FROM pg_available_extension_versions WHERE name = 'lifeguard' AND installed),
          't f f', 'a superuser creates it, where its script says, and nothing else is needed');

-- what is there is the extension's, and nothing else is
CREATE VIEW pg_temp.functions AS
SELECT p.*, p.oid::regprocedure::text AS name, l.lanname, EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e') AS is_member
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('lifeguard', 'monitoring');
SELECT cmp_ok((SELECT count(*) FROM pg_temp.functions), '>=', 25::bigint, 'there are functions to look at');
SELECT is_empty('SELECT name FROM pg_temp.functions WHERE NOT is_member', 'every function in its schemas is the extension''s');
SELECT is_empty($$SELECT objid::regprocedure FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_proc p ON p.oid = d.objid
                   WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND e.extname = 'lifeguard' AND pronamespace NOT IN ('lifeguard'::regnamespace, 'monitoring'::regnamespace)$$,
                'it makes functions in its own schemas only');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND oid NOT IN (SELECT objid FROM pg_depend WHERE deptype = 'e')
                     AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = reltype AND classid = 'pg_type'::regclass AND deptype = 'e') AND relkind <> 'c'$$,
                'nothing of it is in public');
SELECT isnt_empty($$SELECT FROM pg_class WHERE relnamespace = 'lifeguard'::regnamespace AND relname IN ('rules', 'history') HAVING count(*) = 2$$, 'rules and history can be looked at');

SELECT is_empty($$SELECT name FROM pg_temp.functions WHERE coalesce(obj_description(oid, 'pg_proc'), '') !~ '\S.{20}'$$,
                'every function has a COMMENT');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'lifeguard'::regnamespace AND relkind IN ('r', 'v') AND coalesce(obj_description(oid, 'pg_class'), '') = ''$$,
                'and every table and view');
SELECT is_empty($$SELECT name FROM pg_temp.functions WHERE prosecdef AND has_function_privilege('public', oid, 'EXECUTE')$$, 'no function that is SECURITY DEFINER is for everybody');
SELECT is_empty($$SELECT name FROM pg_temp.functions WHERE lanname IN ('sql', 'plpgsql') AND prosqlbody IS NULL
                     AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$,
                'every SQL and PL/pgSQL function pins its search_path, with the temporary schema last, or was bound when it was created');
SELECT is_empty($$SELECT name FROM pg_temp.functions WHERE lanname NOT IN ('c', 'sql', 'plpgsql')$$, 'there are no other languages');
SELECT is_empty($$SELECT name FROM pg_temp.functions WHERE lanname = 'c' AND probin <> '$libdir/lifeguard'$$, 'C functions come from its one library');
SELECT is_empty($$SELECT name FROM pg_temp.functions WHERE proparallel = 's' AND provolatile = 'v'$$, 'what is volatile is not marked as safe in parallel');
SELECT is_empty($$SELECT tgname FROM pg_trigger t WHERE tgfoid::regprocedure::text LIKE 'lifeguard.%'
                     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = tgrelid AND d.deptype = 'e')$$,
                'it puts no trigger by itself on tables that are not its own');
SELECT is_empty($$SELECT evtname FROM pg_event_trigger WHERE evtfoid NOT IN (SELECT oid FROM pg_temp.functions) AND evtname LIKE 'lifeguard%'$$,
                'its event triggers run its own functions');

-- who may what: looking at rules is everybody's, declaring them is the owner's of the table
SELECT is_empty($$SELECT relname, privilege FROM pg_class, unnest('{INSERT,UPDATE,DELETE,TRUNCATE,TRIGGER}'::text[]) AS privilege
                   WHERE relnamespace = 'lifeguard'::regnamespace AND relkind IN ('r', 'v') AND has_table_privilege('public', oid, privilege)
                     AND NOT (privilege IN ('INSERT', 'UPDATE', 'DELETE') AND relname IN ('disabled_triggers', 'introduced_constraints', 'renames')
                              AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgfoid = 'lifeguard.guard_register()'::regprocedure AND tgtype = 31 AND tgenabled = 'O'))$$,
                'nobody but the owner writes its tables, nor what is noted about a table but the table''s owner');
SELECT ok(NOT has_table_privilege('public', 'lifeguard.history', 'SELECT'), 'history is not for everybody');
SELECT ok(has_schema_privilege('public', 'lifeguard', 'USAGE') AND NOT has_schema_privilege('public', 'lifeguard', 'CREATE'), 'everybody may use the schema, nobody makes anything there');
CREATE TABLE public.jobs (id int PRIMARY KEY, state text NOT NULL, updated_at timestamptz);
DROP ROLE IF EXISTS tap_stranger;
CREATE ROLE tap_stranger;
GRANT ALL ON public.jobs TO tap_stranger;
SET ROLE tap_stranger;
SELECT throws_ok(call, '42501', NULL, 'only the owner: ' || call) FROM unnest(ARRAY[
  $$SELECT lifeguard.create_lifecycle('public.jobs', 'state', '{open}')$$,
  $$SELECT lifeguard.keep_updated_at('public.jobs')$$,
  $$SELECT lifeguard.set_rules('public.jobs', 'before', '{}')$$,
  $$SELECT lifeguard.get_rules('public.jobs', 'before')$$,
  $$SELECT lifeguard.forget('public.jobs')$$,
  $$CREATE TRIGGER mine BEFORE UPDATE ON public.jobs FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('{}')$$]) AS call;
RESET ROLE;

-- one law: at most two triggers a table, whatever is declared
SELECT lives_ok($$
  SELECT lifeguard.create_lifecycle('public.jobs', 'state', '{open}'), lifeguard.add_transition('public.jobs', 'open', 'done'),
         lifeguard.add_guard('public.jobs', 'open', 'done', 'new.id > 0', 'positive'), lifeguard.add_stamp('public.jobs', 'done', 'updated_at', 'now()'),
         lifeguard.add_action('public.jobs', 'open', 'done', 'pg_catalog.pg_sleep(0)'), lifeguard.add_history('public.jobs')$$, 'everything can be declared on one table');
SELECT triggers_are('public', 'jobs', ARRAY['lifeguard_before', 'lifeguard_after'], 'and all of it is two triggers');
SELECT trigger_is('public', 'jobs', 'lifeguard_before', 'lifeguard', 'before_row');
SELECT trigger_is('public', 'jobs', 'lifeguard_after', 'lifeguard', 'after_row');
SELECT is((SELECT count(DISTINCT rule) FROM lifeguard.rules WHERE relation = 'public.jobs'::regclass), 6::bigint, 'the view tells them all');
SELECT throws_ok('DROP EXTENSION lifeguard', '2BP01', NULL, 'as long as a table has rules, it cannot be dropped by mistake');
SELECT lives_ok($$SELECT lifeguard.forget('public.jobs')$$, 'forget() takes them all');
SELECT triggers_are('public', 'jobs', '{}'::name[], 'and leaves no trigger');

-- updates
SELECT lives_ok('ALTER EXTENSION lifeguard UPDATE', 'an update to the version that is there does nothing');
SELECT is_empty($$SELECT source, target FROM pg_extension_update_paths('lifeguard') WHERE path IS NULL AND target = (SELECT default_version FROM pg_available_extensions WHERE name = 'lifeguard')$$,
                'every version has a way to the default one');
CREATE TEMP TABLE before AS SELECT name, md5(pg_get_functiondef(oid)) AS body FROM pg_temp.functions;
SELECT lives_ok('DROP EXTENSION lifeguard CASCADE; CREATE EXTENSION lifeguard', 'it can be dropped and created again');
SELECT set_eq('SELECT name, md5(pg_get_functiondef(oid)) FROM pg_temp.functions', 'SELECT * FROM before', 'and is the same again');
DROP TABLE public.jobs;
DROP ROLE tap_stranger;

SELECT * FROM finish();
