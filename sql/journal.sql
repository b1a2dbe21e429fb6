-- The journal: what log_error() keeps, what is kept by itself, how it is stored; repetitions, rates, secrets; its state.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
CREATE SCHEMA diary;

-- log_error() returns the row's id, whatever becomes of the transaction
SELECT monitoring.log_error('diary kept', 'a message', '{"pool": 1}') AS kept \gset
BEGIN;
SELECT monitoring.log_error('diary undone', 'rolled back') AS undone \gset
ROLLBACK;
BEGIN READ ONLY;
SELECT monitoring.log_error('diary read only', 'rolled back', context => '{"n": {"deep": [1, 2]}}') AS readonly \gset
SAVEPOINT s;
SELECT 1 / 0;
ROLLBACK TO s;
COMMIT;
SELECT monitoring.drain();
SELECT id = :'kept', error_type, error_message, context, severity, sqlstate IS NULL, source, occurrences, created_at = last_seen_at, created_at BETWEEN now() - interval '1 minute' AND now(),
       session_user_name = session_user, app_user IS NULL, resolved, resolved_at IS NULL, resolved_by IS NULL, resolution IS NULL
  FROM monitoring.system_errors WHERE id IN (:'kept', :'undone', :'readonly') ORDER BY created_at;

-- it takes what it is given
SELECT count(DISTINCT id) FROM (SELECT monitoring.log_error('diary many', 'the same') AS id FROM generate_series(1, 20)) AS s;
SELECT monitoring.log_error(NULL, NULL, NULL) IS NOT NULL, monitoring.log_error('diary odd', 'array', '[1]') IS NOT NULL, monitoring.log_error('diary odd', 'string', '"s"') IS NOT NULL,
       monitoring.log_error('diary odd', 'empty', '{}') IS NOT NULL, monitoring.log_error('', '') IS NOT NULL, monitoring.log_error('diary odd', E'lines\n\ttabs äöü 漢字 🙂') IS NOT NULL,
       monitoring.log_error(repeat('diary t', 20000), repeat('m', 200000), jsonb_build_object('long', repeat('c', 200000))) IS NOT NULL;
SELECT monitoring.drain();
SELECT count(*), sum(occurrences) FROM monitoring.system_errors WHERE error_type = 'diary many';
SELECT error_message, context FROM monitoring.system_errors WHERE error_type = 'diary odd' ORDER BY error_message COLLATE "C";
SELECT count(*) > 0 FROM monitoring.system_errors WHERE error_type = 'unspecified' AND error_message = '' AND context = '{}' AND created_at > now() - interval '1 minute';
SELECT length(error_type) BETWEEN 1000 AND 139999, length(error_message) BETWEEN 8000 AND 199999, context -> 'cut' FROM monitoring.system_errors WHERE error_type LIKE 'diary tdiary t%';

-- who it was: the session's role, and the subject of the claims
CREATE ROLE diary_writer;
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000d1a7", "role": "x"}';
SET ROLE diary_writer;
SELECT monitoring.log_error('diary who', 'by a role') IS NOT NULL;
SELECT * FROM monitoring.system_errors;
INSERT INTO monitoring.system_errors (error_type, error_message) VALUES ('a', 'b');
RESET ROLE;
SET request.jwt.claims = 'no JSON';
SELECT monitoring.log_error('diary who', 'broken claims') IS NOT NULL;
SET request.jwt.claims = '{"sub": "no uuid"}';
SELECT monitoring.log_error('diary who', 'another subject') IS NOT NULL;
RESET request.jwt.claims;
SELECT monitoring.drain();
SELECT error_message, session_user_name = session_user, app_user FROM monitoring.system_errors WHERE error_type = 'diary who' ORDER BY created_at;
SELECT context ->> 'role', app_user FROM monitoring.system_errors WHERE source = 'uncaught' AND error_message = 'permission denied for table system_errors' AND context ->> 'role' = 'diary_writer' LIMIT 1;

-- what nobody catches: named as in PL/pgSQL and docs/errors.md, an unknown code by itself
CREATE TABLE diary.items (id int PRIMARY KEY, email text CONSTRAINT one_email UNIQUE, amount int CHECK (amount > 0), "Weird ""c""" text NOT NULL DEFAULT '');
INSERT INTO diary.items VALUES (1, 'a@diary', 1);
INSERT INTO diary.items VALUES (2, 'a@diary', 1);
INSERT INTO diary.items VALUES (3, 'private', -1);
INSERT INTO diary.items VALUES (4, 'b@diary', 1, NULL);
DO $$ BEGIN RAISE EXCEPTION 'diary: plain'; END $$;
DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = 'diary: full', DETAIL = 'the detail', HINT = 'the hint', ERRCODE = 'ZZ123', SCHEMA = 's', TABLE = 't', COLUMN = 'c', CONSTRAINT = 'k'; END $$;
DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = 'diary: of the club', ERRCODE = 'LG101'; END $$;
DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = 'diary: of the rules', ERRCODE = 'LG002'; END $$;
SELECT monitoring.reopen('00000000-0000-4000-8000-0000000d1a71');
SELECT * FROM diary.nowhere;
DO $$ BEGIN RAISE WARNING 'diary: not an error'; END $$;
SELECT monitoring.drain();
SELECT error_type, sqlstate, error_message, context - 'application_name' - 'line' FROM monitoring.system_errors
 WHERE source = 'uncaught' AND (error_message LIKE '%diary%' OR context ->> 'schema' = 'diary' OR error_message LIKE '%0d1a71') ORDER BY created_at;

-- swallowed and translated: sql/journal_swallowed has the rest
CREATE FUNCTION diary.swallows() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'diary: swallowed'; EXCEPTION WHEN OTHERS THEN NULL; END $$;
CREATE FUNCTION diary.translates() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'diary: first'; EXCEPTION WHEN OTHERS THEN RAISE EXCEPTION 'diary: second'; END $$;
SELECT diary.swallows();
SELECT diary.translates();
SELECT monitoring.drain();
SELECT source, error_message, context ->> 'function', context ->> 'line' FROM monitoring.system_errors WHERE error_message IN ('diary: swallowed', 'diary: first', 'diary: second') ORDER BY error_message;

-- settings: the query only where it is wanted, nothing where it is not
SET lifeguard.capture_query = on;
SELECT 'diary with query'::int;
SET lifeguard.capture_query = off;
SELECT 'diary without'::int;
SET lifeguard.capture_uncaught = off;
SELECT 'diary not kept'::int;
RESET lifeguard.capture_uncaught;
RESET lifeguard.capture_query;
SELECT monitoring.drain();
SELECT error_message, context ->> 'query' FROM monitoring.system_errors WHERE error_message LIKE 'invalid input syntax for type integer: "diary%' ORDER BY created_at;
SET ROLE diary_writer;
SET lifeguard.capture_uncaught = off;
SET lifeguard.log_rate = -1;
RESET ROLE;

-- repetitions of an error are one row that counts (two, if an hour begins meanwhile); of log_error() a row each
DO $$ BEGIN FOR i IN 1 .. 5 LOOP PERFORM diary.swallows(); END LOOP; END $$;
SELECT 'diary again'::int;
SELECT 'diary again'::int;
SELECT 'diary again'::int;
SET lifeguard.fold_window = 0;
SELECT 'diary single'::int;
SELECT 'diary single'::int;
RESET lifeguard.fold_window;
SELECT monitoring.drain();
SELECT error_message, count(*) <= 2, sum(occurrences), bool_and(last_seen_at >= created_at) FROM monitoring.system_errors
 WHERE error_message IN ('diary: swallowed', 'invalid input syntax for type integer: "diary again"') GROUP BY 1 ORDER BY 1;
SELECT count(*), sum(occurrences) FROM monitoring.system_errors WHERE error_message = 'invalid input syntax for type integer: "diary single"';

-- who is not trusted is counted beyond his rate; who may insert is not
CREATE ROLE diary_flooder;
CREATE ROLE diary_trusted;
GRANT INSERT ON monitoring.system_errors TO diary_trusted;
SET lifeguard.log_rate = 1;
SET ROLE diary_flooder;
SELECT count(monitoring.log_error('diary flood', 'n ' || i)) FROM generate_series(1, 100) i;
SET ROLE diary_trusted;
SELECT count(monitoring.log_error('diary trusted', 'n ' || i)) FROM generate_series(1, 100) i;
RESET ROLE;
RESET lifeguard.log_rate;
SELECT monitoring.drain();
SELECT count(*) BETWEEN 10 AND 12 FROM monitoring.system_errors WHERE error_type = 'diary flood';
SELECT sum(occurrences) FROM monitoring.system_errors WHERE error_type = 'diary flood' OR error_type = 'rate_limited' AND error_message LIKE 'role diary_flooder %';
SELECT count(*) FROM monitoring.system_errors WHERE error_type = 'diary trusted';

-- secrets are taken out
SELECT monitoring.log_error('diary secret', 'connection to postgres://bob:hunter2@db/x failed', '{"password": "hunter2", "n": {"note": "token=hunter2", "id": 1}}') IS NOT NULL;
DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = 'diary: ALTER ROLE x PASSWORD ''hunter2''', DETAIL = 'password=hunter2 host=y', HINT = 'Bearer hunter2', ERRCODE = 'ZZ124'; END $$;
SELECT monitoring.drain();
SELECT error_message, context - 'application_name' FROM monitoring.system_errors WHERE error_type IN ('diary secret', 'ZZ124') ORDER BY created_at;
SELECT count(*) FROM monitoring.system_errors e WHERE e::text LIKE '%hunter2%';

-- code that inserts by itself
INSERT INTO monitoring.system_errors (error_type, error_message, context) VALUES ('diary insert', 'plain', '{"a": 1}');
INSERT INTO monitoring.system_errors (error_type, error_message, context, created_at) VALUES ('diary insert', NULL, NULL, NULL);
SET ROLE diary_trusted;
INSERT INTO monitoring.system_errors (error_type, error_message, context) VALUES ('diary insert', 'of a role', NULL);
INSERT INTO monitoring.system_errors (error_type, error_message, context) VALUES ('diary insert', 'x', NULL) RETURNING id;
SELECT * FROM monitoring.system_errors;
RESET ROLE;
SELECT error_message, context, severity, source, occurrences, resolved FROM monitoring.system_errors WHERE error_type = 'diary insert' ORDER BY error_message;
\set VERBOSITY terse
INSERT INTO monitoring.system_errors (error_type, error_message, source) VALUES ('diary insert', 'x', 'nowhere');
\set VERBOSITY default

-- drain: bad times
SELECT monitoring.drain(NULL);
\echo :SQLSTATE
SELECT monitoring.drain('-1 second');
\echo :SQLSTATE
SELECT monitoring.drain(), monitoring.drain('0');

-- what it does here, and whether it really does
SELECT what, state FROM monitoring.status() WHERE what IN ('uncaught errors', 'swallowed exceptions', 'waiting', 'trouble', 'durability', 'repetitions', 'redaction', 'readers', 'quarantine', 'muted functions');
SELECT count(*) = count(DISTINCT what), bool_and(what IS NOT NULL AND state IS NOT NULL), count(why) >= count(*) - 1 FROM monitoring.status();
-- every counter is explained
SELECT c.counter FROM lifeguard.journal_counters() c LEFT JOIN monitoring.status() s ON s.what = c.counter WHERE s.why IS NULL;
SELECT counter, value > 0 FROM lifeguard.journal_counters() WHERE counter IN ('kept', 'cut', 'rate_limited', 'refused_full', 'refused_failed', 'torn') ORDER BY 1;
-- the writer's are known where the library is preloaded
SELECT (level = 'preloaded') = (value > 0) FROM lifeguard.journal_counters(), lifeguard.journal_state() WHERE counter = 'stored';
SELECT what, works FROM monitoring.selftest();
SELECT count(*) FROM monitoring.system_errors WHERE error_message LIKE 'lifeguard selftest %';
-- what is switched off is said, with the way to switch it on
SET log_min_messages = fatal;
SET lifeguard.capture_swallowed = off;
SELECT what, state, why, how FROM monitoring.status() WHERE what IN ('uncaught errors', 'swallowed exceptions');
SELECT what, works, CASE WHEN NOT works THEN why END FROM monitoring.selftest();
SET log_min_messages = panic;
SELECT state, why FROM monitoring.status() WHERE what = 'uncaught errors';
RESET log_min_messages;
RESET lifeguard.capture_swallowed;
SET lifeguard.capture_uncaught = off;
SELECT state, why, how FROM monitoring.status() WHERE what = 'uncaught errors';
RESET lifeguard.capture_uncaught;
ALTER ROLE diary_writer SET log_min_messages = panic;
ALTER ROLE diary_writer SET lifeguard.capture_uncaught = off;
SELECT state, why, how FROM monitoring.status() WHERE what = 'uncaught errors';
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM monitoring.selftest();
\echo :SQLSTATE
ROLLBACK;
BEGIN;
SELECT what, works FROM monitoring.selftest();
SELECT works, regexp_replace(why, '\d+ ms|[0-9a-f-]{36}', 'N', 'g') FROM (SELECT set_config('transaction_read_only', 'on', true)) s, monitoring.selftest() t WHERE t.what LIKE 'stored%';
ROLLBACK;

-- begin_journal() is for the script
SELECT count(*) FROM pg_proc WHERE oid = 'lifeguard.begin_journal'::regproc AND has_function_privilege('diary_writer', oid, 'EXECUTE');

DELETE FROM monitoring.system_errors WHERE error_type LIKE 'diary%' OR error_message ~ 'diary|selftest' OR context ->> 'schema' = 'diary' OR error_type = 'ZZ124';
SET client_min_messages = warning;
DROP SCHEMA diary CASCADE;
REVOKE ALL ON monitoring.system_errors FROM diary_trusted;
DROP ROLE diary_writer, diary_flooder, diary_trusted;
