-- Working with the journal: resolve and reopen, views, pruning, muting, rows set aside; who may do what; secrets.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
CREATE SCHEMA ops;
GRANT USAGE ON SCHEMA ops TO PUBLIC;
-- what other tests left, and what this one raises, would be in the way
SET lifeguard.capture_uncaught = off;
SELECT monitoring.drain();
CREATE TABLE ops.others AS SELECT * FROM monitoring.system_errors;
DELETE FROM monitoring.system_errors;
INSERT INTO monitoring.system_errors (id, error_type, error_message, source, sqlstate, occurrences, created_at, last_seen_at)
SELECT ('00000000-0000-4000-8000-00000000000' || i)::uuid, t, 'message ' || i, s, c, n, '2025-06-01 12:00'::timestamptz + i * interval '6 hours', '2025-06-01 12:00'::timestamptz + i * interval '7 hours'
  FROM (VALUES (1, 'a', 'logged', NULL, 1), (2, 'a', 'logged', NULL, 10), (3, 'a', 'uncaught', '22012', 1), (4, 'b', 'uncaught', '22012', 5), (5, 'a', 'logged', NULL, 1)) AS v(i, t, s, c, n);

-- resolve: who, when, with what note; once more: the latest; what is no error: refused
SELECT monitoring.resolve('00000000-0000-4000-8000-000000000001', 'restarted the pool');
SELECT monitoring.resolve('00000000-0000-4000-8000-000000000002');
SELECT resolved, resolved_at > now() - interval '1 minute', resolved_by = current_user, resolution FROM monitoring.system_errors WHERE id IN ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002') ORDER BY id;
SET request.jwt.claims = '{"sub": "somebody"}';
SELECT monitoring.resolve('00000000-0000-4000-8000-000000000001');
RESET request.jwt.claims;
SELECT resolved_by, resolution FROM monitoring.system_errors WHERE id = '00000000-0000-4000-8000-000000000001';
SELECT monitoring.resolve('00000000-0000-4000-8000-00000000000f', 'note');
\echo :SQLSTATE
SELECT monitoring.resolve(NULL, 'note');
\echo :SQLSTATE
SELECT monitoring.reopen('00000000-0000-4000-8000-000000000001');
SELECT resolved, resolved_at IS NOT NULL, resolved_by, resolution FROM monitoring.system_errors WHERE id = '00000000-0000-4000-8000-000000000001';
SELECT monitoring.reopen(NULL);
\echo :SQLSTATE

-- views
SELECT * FROM monitoring.errors_by_day;
SELECT error_type, source, sqlstate, error_message, occurrences, first_seen_at FROM monitoring.latest_errors;
SELECT id, resolution FROM monitoring.unresolved_errors;

-- pruning: by when an error was last seen; bad arguments delete nothing
SELECT monitoring.prune_errors(NULL);
\echo :SQLSTATE
SELECT monitoring.prune_errors('1 day', NULL);
\echo :SQLSTATE
SELECT monitoring.prune_errors('1 day', '-1 second');
\echo :SQLSTATE
SELECT monitoring.prune_errors('-1 month', '1 day');
\echo :SQLSTATE
SELECT monitoring.prune_errors(batch => 0);
\echo :SQLSTATE
SELECT monitoring.prune_errors(batch => NULL);
\echo :SQLSTATE
SELECT count(*) FROM monitoring.system_errors;
DELETE FROM monitoring.system_errors;
INSERT INTO monitoring.system_errors (error_type, error_message, resolved, created_at, last_seen_at)
SELECT 'prune', days || CASE WHEN resolved THEN ' resolved' ELSE '' END, resolved, now() - interval '400 days', now() - days * interval '1 day'
  FROM unnest('{0,29,31,89,91}'::int[]) days, unnest('{true,false}'::boolean[]) resolved;
INSERT INTO monitoring.system_errors (error_type, error_message, last_seen_at) VALUES ('prune', 'for ever', 'infinity'), ('prune', 'of old', '-infinity');
SELECT monitoring.prune_errors(batch => 1);
SELECT error_message FROM monitoring.system_errors ORDER BY last_seen_at DESC, 1;
SELECT monitoring.prune_errors();
SELECT monitoring.prune_errors('1 day', '100 years');
SELECT monitoring.prune_errors('0', '0');
SELECT error_message FROM monitoring.system_errors;
INSERT INTO monitoring.system_errors (error_type, error_message, last_seen_at) SELECT 'prune', 'many', '2020-01-01' FROM generate_series(1, 25000);
SELECT monitoring.prune_errors();
DELETE FROM monitoring.system_errors;

-- muting: what a function swallows is dropped, what it raises is not
RESET lifeguard.capture_uncaught;
CREATE FUNCTION ops.swallows(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', $1; EXCEPTION WHEN OTHERS THEN NULL; END $$;
CREATE FUNCTION ops.raises(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', $1; END $$;
CREATE FUNCTION ops.translates(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', $1; EXCEPTION WHEN OTHERS THEN RAISE EXCEPTION 'ops translated'; END $$;
SELECT monitoring.mute('ops.swallows(text)', 'it tries and fails'), monitoring.mute('ops.raises'::regproc::regprocedure), monitoring.mute('ops.translates(text)');
SELECT monitoring.mute('ops.swallows(text)', 'another reason');
SET search_path = ops, public;
SELECT monitoring.mute('lower(text)'), monitoring.mute('raises(text)', 'from within');
RESET search_path;
SELECT function, reason, muted_by = session_user, muted_at > now() - interval '1 minute' FROM monitoring.muted_functions ORDER BY 1;
SELECT ops.swallows('ops muted');
SELECT ops.raises('ops raised');
SELECT ops.translates('ops hidden');
SELECT monitoring.drain();
SELECT source, error_message FROM monitoring.system_errors WHERE error_message LIKE 'ops%' ORDER BY 2;
SELECT (level = 'preloaded') = (value >= 2) FROM lifeguard.journal_counters(), lifeguard.journal_state() WHERE counter = 'muted';
SET lifeguard.capture_uncaught = off;
SELECT monitoring.unmute('ops.swallows(text)'), monitoring.unmute('ops.raises(text)'), monitoring.unmute('ops.translates(text)'), monitoring.unmute('lower(text)');
SELECT monitoring.unmute('ops.swallows(text)');
\echo :SQLSTATE
SELECT monitoring.unmute(NULL);
\echo :SQLSTATE
SELECT monitoring.mute(NULL);
\echo :SQLSTATE
SELECT monitoring.mute(999999::oid::regprocedure);
\echo :SQLSTATE
SELECT ops.swallows('ops heard');
SELECT monitoring.drain();
SELECT source, error_message FROM monitoring.system_errors WHERE error_message LIKE 'ops%' ORDER BY 2;

-- a row that the table refuses is set aside, the others are not; tried again when the reason is gone
ALTER TABLE monitoring.system_errors ADD CONSTRAINT ops_short CHECK (length(error_message) < 30) NOT VALID;
SELECT monitoring.log_error('ops quarantine', 'this message is longer than the constraint allows', '{"a": 1}') AS long \gset
SELECT monitoring.log_error('ops quarantine', 'short') AS short \gset
SELECT monitoring.drain();
SELECT error_message FROM monitoring.system_errors WHERE error_type = 'ops quarantine';
SELECT id = :'long', reason ~ 'ops_short', entry ->> 'error_message', entry -> 'context', entry ->> 'source' FROM monitoring.quarantined_errors;
SELECT state, how IS NOT NULL FROM monitoring.status() WHERE what = 'quarantine';
SELECT monitoring.retry_quarantined();
SELECT count(*) FROM monitoring.quarantined_errors;
INSERT INTO monitoring.quarantined_errors (id, reason, entry) VALUES (gen_random_uuid(), 'nonsense', '{"created_at": "never"}'), (NULL, 'empty', NULL), (gen_random_uuid(), 'source', '{"error_type": "t", "error_message": "m", "context": {}, "source": "x"}');
-- a repetition of a row that counts is added to it and opens it again; one that does not count is there already
INSERT INTO monitoring.system_errors (id, error_type, error_message, created_at, last_seen_at, occurrences, resolved, resolved_at, resolution) VALUES
  ('00000000-0000-8000-8000-000000000001', 'counts', 'm', '2025-01-01', '2025-01-02', 3, true, '2025-01-03', 'done'), ('00000000-0000-8000-8000-000000000002', 'counts', 'm', '2025-01-01', '2025-01-02', 3, true, '2025-01-05', 'done'),
  ('00000000-0000-7000-8000-000000000003', 'single', 'm', '2025-01-01', '2025-01-02', 1, false, NULL, NULL);
INSERT INTO monitoring.quarantined_errors (id, reason, entry)
SELECT id, 'repeats', to_jsonb(e) || '{"occurrences": 4, "last_seen_at": "2025-01-04"}' FROM monitoring.system_errors e WHERE error_type IN ('counts', 'single');
ALTER TABLE monitoring.system_errors DROP CONSTRAINT ops_short;
SELECT monitoring.retry_quarantined();
SELECT reason FROM monitoring.quarantined_errors ORDER BY 1;
SELECT error_message, context, source, session_user_name = session_user FROM monitoring.system_errors WHERE id = :'long';
SELECT error_type, occurrences, last_seen_at, resolved, resolution FROM monitoring.system_errors WHERE error_type IN ('counts', 'single') ORDER BY id;
DELETE FROM monitoring.quarantined_errors;
-- what a trigger drops without a word stays set aside until it lets it through; the selftest says so, and takes its own away
CREATE FUNCTION ops.drop_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER ops_drop BEFORE INSERT ON monitoring.system_errors FOR EACH ROW EXECUTE FUNCTION ops.drop_row();
SELECT monitoring.log_error('ops dropped', 'm') AS dropped \gset
SELECT monitoring.drain();
SELECT monitoring.retry_quarantined();
SELECT what, works, why FROM monitoring.selftest() WHERE NOT works;
SELECT id = :'dropped', reason FROM monitoring.quarantined_errors;
DROP TRIGGER ops_drop ON monitoring.system_errors;
SELECT monitoring.retry_quarantined();
SELECT error_type FROM monitoring.system_errors WHERE id = :'dropped';

-- rights: nobody, a reader of pg_monitor's, an application's admins by a policy
CREATE ROLE ops_nobody;
CREATE ROLE ops_monitor IN ROLE pg_monitor;
CREATE ROLE ops_admin;
SELECT kind, name, string_agg(role, ' ' ORDER BY role) FILTER (WHERE granted) AS may FROM (
  SELECT 'call' AS kind, p.oid::regprocedure::text AS name, role, has_function_privilege(role, p.oid, 'EXECUTE') AS granted
    FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e', unnest('{ops_nobody,ops_monitor}'::text[]) AS role
   WHERE pronamespace = 'monitoring'::regnamespace
      OR proname IN ('journal_state', 'journal_counters', 'raise_uncaught', 'begin_journal', 'forget_selftest', 'fill_error', 'read_context', 'errors_table', 'change_safely', 'names_secret')
  UNION ALL
  SELECT privilege, c.oid::regclass::text, role, has_table_privilege(role, c.oid, privilege)
    FROM pg_class c, unnest('{ops_nobody,ops_monitor}'::text[]) AS role, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS privilege
   WHERE (c.relnamespace = 'monitoring'::regnamespace OR c.oid = 'lifeguard.journal_files'::regclass) AND c.relkind IN ('r', 'v')) AS s
 GROUP BY 1, 2 HAVING bool_or(granted) OR kind = 'call' ORDER BY 1, 2;
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' WHERE pronamespace = 'monitoring'::regnamespace AND prosecdef ORDER BY p.oid::regprocedure::text;

\set VERBOSITY terse
SET ROLE ops_nobody;
SELECT count(*) FROM monitoring.system_errors;
SELECT count(*) FROM monitoring.latest_errors;
SELECT monitoring.resolve('00000000-0000-8000-8000-000000000001');
SELECT monitoring.reopen('00000000-0000-8000-8000-000000000001');
SELECT monitoring.prune_errors();
SELECT monitoring.retry_quarantined();
SELECT monitoring.mute('lower(text)');
SELECT monitoring.status();
SELECT monitoring.selftest();
SELECT monitoring.drain();
SELECT lifeguard.forget_selftest('lifeguard selftest ');
RESET ROLE;
RESET lifeguard.capture_uncaught;
SET ROLE ops_monitor;
SELECT count(*) > 0 FROM monitoring.system_errors;
SELECT count(*) > 0 FROM monitoring.errors_by_day;
SELECT count(*) FROM monitoring.quarantined_errors;
SELECT count(*) > 20, bool_and(state IS NOT NULL) FROM monitoring.status();
SELECT what, works FROM monitoring.selftest();
SELECT lifeguard.forget_selftest('m'), lifeguard.forget_selftest(NULL) IS NOT TRUE;
SELECT monitoring.resolve('00000000-0000-8000-8000-000000000001');
DELETE FROM monitoring.system_errors;
SELECT monitoring.mute('lower(text)');
RESET ROLE;
SELECT count(*) FROM monitoring.system_errors WHERE error_message LIKE 'lifeguard selftest%';
GRANT SELECT ON monitoring.system_errors, monitoring.unresolved_errors TO ops_admin;
GRANT UPDATE (resolved, resolved_at, resolved_by, resolution), DELETE ON monitoring.system_errors TO ops_admin;
SET ROLE ops_admin;
SELECT count(*) FROM monitoring.unresolved_errors;
SELECT monitoring.resolve('00000000-0000-7000-8000-000000000003', 'unseen');
SELECT monitoring.prune_errors();
RESET ROLE;
CREATE POLICY ops_admins ON monitoring.system_errors TO ops_admin USING (error_type = 'single' AND current_setting('ops.is_admin', true) = 'yes');
SET ROLE ops_admin;
SELECT monitoring.resolve('00000000-0000-7000-8000-000000000003', 'not as an admin');
SET ops.is_admin = 'yes';
SELECT error_type FROM monitoring.unresolved_errors;
SELECT monitoring.resolve('00000000-0000-7000-8000-000000000003', 'by an admin');
SELECT monitoring.resolve('00000000-0000-8000-8000-000000000001', 'not his');
SELECT error_type, resolved_by, resolution FROM monitoring.system_errors;
UPDATE monitoring.system_errors SET error_message = 'forged';
SELECT monitoring.prune_errors('0', '0');
RESET ROLE;
SELECT count(*) FROM monitoring.system_errors WHERE error_type IN ('counts', 'single');
GRANT EXECUTE ON FUNCTION monitoring.mute(regprocedure, text), monitoring.unmute(regprocedure) TO ops_nobody;
SET ROLE ops_nobody;
SELECT monitoring.mute('ops.swallows(text)', 'granted');
RESET ROLE;
SELECT function, muted_by FROM monitoring.muted_functions;
DELETE FROM monitoring.muted_functions;
REVOKE EXECUTE ON FUNCTION monitoring.mute(regprocedure, text), monitoring.unmute(regprocedure) FROM ops_nobody;

-- a trap: the table belongs to somebody else, whose trigger waits for a superuser
DROP POLICY ops_admins ON monitoring.system_errors;
CREATE TABLE ops.sprung (op text, by name DEFAULT current_user);
GRANT INSERT ON ops.sprung TO PUBLIC;
CREATE FUNCTION ops.spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ops.sprung VALUES (TG_OP); RETURN coalesce(new, old); END $$;
GRANT CREATE ON SCHEMA monitoring TO ops_nobody;
ALTER TABLE monitoring.system_errors OWNER TO ops_nobody;
REVOKE CREATE ON SCHEMA monitoring FROM ops_nobody;
SET ROLE ops_nobody;
CREATE TRIGGER spring BEFORE INSERT OR UPDATE OR DELETE ON monitoring.system_errors FOR EACH ROW EXECUTE FUNCTION ops.spring();
RESET ROLE;
\set VERBOSITY default
SELECT monitoring.resolve('00000000-0000-8000-8000-000000000001', 'superuser');
\echo :SQLSTATE
\set VERBOSITY terse
SELECT monitoring.reopen('00000000-0000-8000-8000-000000000001');
SELECT monitoring.prune_errors('0', '0');
SELECT monitoring.retry_quarantined();
SELECT works, regexp_replace(why, '\d+ ms|[0-9a-f-]{36}', 'N', 'g') FROM monitoring.selftest() WHERE what LIKE 'stored%';
SET ROLE ops_nobody;
SELECT monitoring.resolve('00000000-0000-8000-8000-000000000001', 'the owner');
SELECT monitoring.prune_errors('0', '1000 years');
RESET ROLE;
SELECT monitoring.drain();
SELECT op, by FROM ops.sprung GROUP BY 1, 2 ORDER BY 1, 2;
DROP TRIGGER spring ON monitoring.system_errors;
ALTER TABLE monitoring.system_errors OWNER TO CURRENT_USER;
\set VERBOSITY default

-- the table's name may change
ALTER TABLE monitoring.system_errors RENAME TO all_errors;
SELECT lifeguard.errors_table();
INSERT INTO monitoring.all_errors (id, error_type, error_message) VALUES ('00000000-0000-4000-8000-000000000009', 'renamed', 'm');
SELECT monitoring.resolve('00000000-0000-4000-8000-000000000009', 'found');
SELECT error_type FROM monitoring.latest_errors WHERE error_type = 'renamed';
SELECT bool_and(works) FROM monitoring.selftest();
SELECT monitoring.prune_errors('0', '1000 years') > 0;
ALTER TABLE monitoring.all_errors RENAME TO system_errors;

-- strings as they were written long ago
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT monitoring.redact('{"a": ["password=x", "y"], "token": 1}'::jsonb);
SELECT count(*) > 20 FROM monitoring.status();
RESET standard_conforming_strings;
RESET escape_string_warning;

-- secrets: what is taken out of a text
SELECT monitoring.redact(secret) FROM (VALUES
  ($$ALTER ROLE bob PASSWORD 'it''s hunter2' VALID UNTIL 'infinity'$$), ($$create user bob encrypted password 'hunter2'$$), ($$PASSWORD E'it\'s hunter2', next$$), ($$PASSWORD U&'hunter2' x$$),
  ('PASSWORD $$hunter $ 2$$ VALID'), ('PASSWORD $tag$hunter $$ 2$tag$ VALID'), ('PASSWORD $tag$hunter2 never ends'), ($$PASSWORD 'hunter2 never ends$$), ($$OPTIONS (user 'bob', password 'hunter2')$$),
  ('host=db password=hunter2 user=bob'), ($$password='it\'s hunter2' user=bob$$), ($$password = 'ends in \', token = 'hunter2'$$), ('PGPASSWORD=hunter2 psql'), ('passwd: hunter2'), ('pwd=hunter2;uid=bob'), ('db_password_old => hunter2'),
  ('postgres://bob:hunter2@db:5432/x'), ('postgresql+ssl://bob:hun@ter2@db and http://localhost:8080/a@b'), ('http://localhost/?api_key=hunter2&x=1#token=hunter2'),
  ('{"password": "hunter2", "user": "bob"}'), ('{"Password":"hunt\"er2","n":1}'), ('"{\"password\":\"hunter2\",\"n\":1}"'), ('{"accessToken": "hunter2", "n": 1}'), ('{"secret": {"a": "hunter2"}, "n": 1}'), ('{"api-key": ["hunter2", "hunter2"], "n": 1}'), ('token: 12345'),
  ('Authorization: Bearer hunter2.x-y_z'), ('authorization=Basic aHVudGVyMg=='), ('{"Authorization": "Digest hunter2, b", "n": 1}'), ('curl -H ''Authorization: token hunter2'' x'), ('sent bearer hunter2, got 401'), ('Set-Cookie: sid=hunter2; path=/'),
  ('bad token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.hunter2-x_y in header'), ('eyJhbGciOiJIUzI1NiIsInR5cCI6'),
  ('Key (a, b)=(1, hunter2) already exists.'), ('Key (a)=(hunter2) x) is not present in table "t".'), ('Key (a)=(hunter2)=(2) is still referenced from table "t".'), ('Key (r)=([1,2)) conflicts with existing key (r)=([1,9)).'),
  ('Key (lower(a))=(hunter2) already exists.'), (E'Key (a)=(one\nhunter2) already exists.'), ('Der Schlüssel »(a)=(hunter2)« existiert bereits.'), ('Failing row contains (1, hunter2 (2), null).'), ('Partition key of the failing row contains (a) = (hunter2).'),
  ($$extended query with parameters: $1 = 'hunt''er2', $2 = NULL, $3 = 'hunter2...'$$), ($$unnamed portal with parameters: $1 = 'hunter2'$$), ($$portal "p" with parameters: $10 = 'hunter2$$)
) AS v(secret);
-- what is none stays as it is
SELECT DISTINCT monitoring.redact(plain) = plain FROM (VALUES ('division by zero'), (''), ('password authentication failed for user "bob"'), ('fe_sendauth: no password supplied'), ('Token "x" is invalid.'), ('syntax error at or near "token"'),
  ('https://example.org/a:b@c'), ('null value in column "password" of relation "users" violates not-null constraint'), ('duplicate key value violates unique constraint "users_token_key"'), ('f(a) => g(b)'), ('eyjafjallajökull'), (repeat('x', 100000)), ('$1 = $2')) AS v(plain);
SELECT monitoring.redact(NULL::text) IS NULL, monitoring.redact(NULL::jsonb) IS NULL;
-- applied twice it is as applied once
SELECT DISTINCT monitoring.redact(monitoring.redact(secret)) = monitoring.redact(secret) FROM (VALUES ('password = hunter2'), ('PASSWORD ''a'' x'), ('Authorization: Bearer x'), ('bearer x'), ('Key (a)=(1) exists.'), ('Failing row contains (1).'), ('a://b:c@d'), ('"token": "x"'), ('$1 = ''x''')) AS v(secret);

-- and out of JSON
SELECT monitoring.redact(secret::jsonb) FROM (VALUES
  ('{"password": "hunter2", "user": "bob"}'), ('{"a": [{"Refresh_Token": {"x": ["hunter2"]}}, {"b": {"api key": 7, "c": "password=hunter2 x"}}], "cookie": true, "jwt": null}'),
  ('"Bearer hunter2"'), ('["token", "hunter2", 1.50, true, null, {}, []]'), ('{"a\"password\": \"": "hunter2"}'), ('{"quote": "say \"hi\": {[", "back": "\\", "unicode": "\u00e4\ud83d\ude42", "": ""}'), ('{}'), ('[]'), ('7'), ('null'), ('""')) AS v(secret);
SELECT j = monitoring.redact(j) FROM (SELECT (repeat('[', 1000) || '{"a": "b"}' || repeat(']', 1000))::jsonb AS j) AS s;
SELECT monitoring.redact(j)::text ~ 'hunter2' FROM (SELECT (repeat('{"a": [', 1000) || '{"token": "hunter2"}' || repeat(']}', 1000))::jsonb AS j) AS s;

-- hostile texts: twice the length takes about twice the time, not four times (the shortest of three runs each)
CREATE FUNCTION ops.milliseconds(content text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
  best float := 1e9;
  begun timestamptz;
BEGIN
  FOR i IN 1 .. 3 LOOP
    begun := clock_timestamp();
    PERFORM monitoring.redact(content);
    best := least(best, extract(epoch FROM clock_timestamp() - begun) * 1000);
  END LOOP;
  RETURN best;
END $$;
SELECT bad, round(short), round(long) FROM (
  SELECT bad, ops.milliseconds(left(first || repeat(bad, 24000), 12000)) AS short, ops.milliseconds(left(first || repeat(bad, 24000), 24000)) AS long
    FROM (VALUES ('', 'password='), ('', 'password= '), ('', 'password '''), ('', 'password E''\'), ('', 'password "\'), ('', 'password $$ '), ('', 'password $a$ '), ('password $a$', ' $b'), ('', 'secret=\'), ('', 'token:['), ('', 'token={ '), ('password=', ' '),
                 ('password', ' '), ('password', E' \t\n'), ('', E'pwd=\n'), ('', 'token'), ('', 'api-key'), ('', '://'), ('', '://a:'), ('', '://a:@'), ('', '://a:b@ '), ('://a:', 'x'), ('', 'eyJ'), ('', 'eyJ.'), ('', 'eyJabcdef.'), ('eyJabcdef', '.a'),
                 ('', ')=('), ('', ') = (x '), ('', ')=()'), (')=(', ')'), ('', ')=(a) already exists'), ('', 'failing row contains ('), ('', 'failing row contains () '), ('', '$1 = '), ('', '$1 = '''), ('', '$1 = '''' '), ('', 'authorization: '),
                 ('', 'authorization: "\'), ('', 'cookie='''), ('', 'bearer '), ('', 'bearer  x'), ('', 'token= (redacted'), ('', '"'), ('', '\"token\":\"'), ('secret', '"'), ('secret', '\'), ('secret', 'x')) AS v(first, bad)) AS s
 WHERE long > 3 * short + 100;

DELETE FROM monitoring.system_errors;
INSERT INTO monitoring.system_errors SELECT * FROM ops.others ON CONFLICT DO NOTHING;
REVOKE ALL ON monitoring.system_errors, monitoring.unresolved_errors FROM ops_admin;
SET client_min_messages = warning;
DROP SCHEMA ops CASCADE;
DROP ROLE ops_nobody, ops_monitor, ops_admin;
