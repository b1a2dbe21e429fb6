-- Checks: registering them, running them within their limits, what is new, still there and gone; health() of it all.
\set VERBOSITY terse
SET search_path = public;
SET client_min_messages = warning;
UPDATE monitoring.checks SET enabled = false;   -- the general ones: this database has other tests' objects
SELECT monitoring.health() - 'database';

CREATE TABLE faults (object text, message text, details jsonb, severity text);
CREATE FUNCTION check_faults() RETURNS SETOF monitoring.finding LANGUAGE sql AS $$ SELECT * FROM public.faults $$;
CREATE FUNCTION check_nothing() RETURNS SETOF monitoring.finding LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION last_run(wanted text DEFAULT NULL) RETURNS TABLE (name text, status text, message text, details jsonb) LANGUAGE sql AS $$
  SELECT r.name, r.status, r.message, r.details FROM monitoring.run_checks(wanted) AS r
$$;

-- registering ------------------------------------------------------------------------------------------------------------------
SELECT monitoring.add_check('faults', 'test', 'warning', 'check_faults()', 'faults of this test', 'DELETE FROM faults;');
SELECT monitoring.add_check('nothing', 'other', 'critical', 'check_nothing()', 'nothing', NULL);
SELECT * FROM monitoring.checks WHERE enabled ORDER BY name;
\set VERBOSITY default
SELECT monitoring.add_check('x', 'test', 'bad', 'check_faults()', 'd', NULL);
\set VERBOSITY terse
SELECT monitoring.add_check(NULL, 'test', 'warning', 'check_faults()', 'd', NULL);
SELECT monitoring.add_check(' ', 'test', 'warning', 'check_faults()', 'd', NULL);
SELECT monitoring.add_check('x', NULL, 'warning', 'check_faults()', 'd', NULL);
SELECT monitoring.add_check('x', 'test', NULL, 'check_faults()', 'd', NULL);
SELECT monitoring.add_check('x', 'test', 'warning', NULL, 'd', NULL);
SELECT monitoring.add_check('x', 'test', 'warning', 0::regprocedure, 'd', NULL);
SELECT monitoring.add_check('x', 'test', 'warning', 'check_faults()', NULL, NULL);
SELECT monitoring.add_check('x', 'test', 'warning', 'last_run(text)', 'd', NULL);
SELECT monitoring.add_check('x', 'test', 'warning', 'now()', 'd', NULL);
SELECT monitoring.add_check('x', 'test', 'warning', 'check_faults()', 'd', NULL, '-1 s');
SELECT monitoring.drop_check('x');
SELECT monitoring.drop_check(NULL);
UPDATE monitoring.checks SET function = 'public.check_faults(); x' WHERE name = 'faults';   -- what is no name would end every run
UPDATE monitoring.checks SET function = 'check_faults' WHERE name = 'faults';
INSERT INTO monitoring.gauges VALUES ('x', 'x', 'x y');

-- new, still there, gone -----------------------------------------------------------------------------------------------------------
SELECT * FROM last_run();
SELECT monitoring.health() - '{database,checked_at,previous}'::text[];
INSERT INTO faults VALUES ('a', 'a is wrong', '{"size": 1, "remedy": "UPDATE a;"}', NULL), ('b', 'b is worse', NULL, 'critical');
SELECT * FROM last_run();
SELECT name, remedy FROM monitoring.check_results ORDER BY run DESC, name LIMIT 2;   -- the worst finding's has none of its own
SELECT f - 'since' FROM jsonb_array_elements(monitoring.health() -> 'findings') AS f;
SELECT monitoring.health() - '{database,checked_at,findings}'::text[] #- '{previous,checked_at}';
UPDATE faults SET message = 'a is still wrong' WHERE object = 'a';
UPDATE faults SET object = 'c' WHERE object = 'b';
SELECT * FROM last_run();
SELECT f ->> 'object' AS object, f ->> 'message' AS message, f ->> 'change' AS change FROM jsonb_array_elements(monitoring.health() -> 'findings') AS f;
SELECT monitoring.health() -> 'gone';
SELECT object, first_run < last_run AS seen_twice, first_seen_at < last_seen_at AS longer, gone_run - first_run AS gone_after, gone_at > last_seen_at AS gone FROM monitoring.check_findings ORDER BY object;
-- a run of another category changes nothing of it
SELECT * FROM last_run('other');
SELECT monitoring.health() -> 'counts', monitoring.health() -> 'score', monitoring.health() -> 'status';
SELECT last_run('no such');
DELETE FROM faults;
SELECT * FROM last_run();
SELECT monitoring.health() -> 'status', monitoring.health() -> 'gone', monitoring.health() #> '{previous,status}';
-- what was gone and comes back is new
INSERT INTO faults VALUES ('a', 'a again');
SELECT details FROM last_run('test');
SELECT count(*), count(gone_at) FROM monitoring.check_findings WHERE object = 'a';

-- what a check may say -------------------------------------------------------------------------------------------------------------
TRUNCATE faults;
INSERT INTO faults VALUES (NULL, NULL, NULL, NULL), (NULL, 'no object', 'null', 'bad'), ('same', 'once', '1', NULL), ('same', 'twice', '[]', 'critical'),
  ('<script>alert("x")</script>', $$it's "quoted" \ and $1 %s$$, '{"a": "<b>"}', NULL), ('שלום ' || repeat('ü', 31), 'right to left', '{}', NULL), (repeat('long ', 300), repeat('message ', 1000), NULL, NULL);
INSERT INTO faults VALUES ('scalar', 'scalar', '1', NULL), ('list', 'list', '[1, "remedy"]', NULL);
INSERT INTO faults SELECT 'much', 'much', jsonb_build_object('text', string_agg(md5(i::text), '')) FROM generate_series(1, 4000) i;
SELECT * FROM last_run('test');
SELECT f -> 'details' AS details, f ->> 'remedy' AS remedy FROM jsonb_array_elements(monitoring.health() -> 'findings') AS f;
SELECT left(object, 60) AS object, length(object), left(message, 60) AS message, length(message), severity, details FROM monitoring.check_findings WHERE gone_at IS NULL ORDER BY object COLLATE "C";
TRUNCATE faults;
CREATE FUNCTION "check ""it"" ün"() RETURNS SETOF monitoring.finding LANGUAGE sql AS $$ VALUES ('x', 'y', NULL::jsonb, NULL) $$;
SELECT monitoring.add_check($$it's "a" <name> %s$$, 'test', 'warning', '"check ""it"" ün"()', 'd', NULL);
SELECT * FROM last_run('test');
SELECT monitoring.drop_check($$it's "a" <name> %s$$);

-- checks that fail: a finding each, and the run goes on ------------------------------------------------------------------------------
INSERT INTO faults VALUES ('a', 'a was found before');
CREATE FUNCTION check_raises() RETURNS SETOF monitoring.finding LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT * FROM public.faults;
  IF EXISTS (SELECT FROM public.faults WHERE object = 'b') THEN
    RAISE EXCEPTION 'no luck' USING ERRCODE = 'LG999', DETAIL = 'more';
  END IF;
END $$;
SELECT monitoring.add_check('raises', 'failing', 'critical', 'check_raises()', 'd', 'r');
SELECT * FROM last_run('failing');
INSERT INTO faults VALUES ('b', 'b');
SELECT * FROM last_run('failing');
SELECT object, message, details - 'context' AS details, gone_at IS NOT NULL AS gone FROM monitoring.check_findings WHERE name = 'raises' ORDER BY object;
DELETE FROM faults WHERE object = 'b';
SELECT * FROM last_run('failing');   -- a is still there, not new; the failure is gone
TRUNCATE faults;

CREATE FUNCTION check_loops() RETURNS SETOF monitoring.finding LANGUAGE plpgsql AS $$ BEGIN LOOP END LOOP; END $$;
CREATE FUNCTION check_reads() RETURNS SETOF monitoring.finding LANGUAGE sql AS $$ SELECT count(*)::text, '', NULL::jsonb, '' FROM generate_series(1, 1000000000) a, generate_series(1, 1000) b $$;
CREATE FUNCTION check_sleeps() RETURNS SETOF monitoring.finding LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..3 LOOP
    BEGIN
      PERFORM pg_sleep(600);
    EXCEPTION WHEN query_canceled THEN NULL;
    END;
  END LOOP;
  PERFORM pg_sleep(600);
END $$;
CREATE FUNCTION check_takes_its_time() RETURNS SETOF monitoring.finding LANGUAGE sql AS $$ SELECT 'slow', 'took a while', NULL::jsonb, NULL FROM pg_sleep(0.2) $$;
SELECT monitoring.add_check('loops', 'failing', 'warning', 'check_loops()', 'd', 'r'), monitoring.add_check('reads', 'failing', 'warning', 'check_reads()', 'd', 'r', '20 ms'),
       monitoring.add_check('sleeps', 'failing', 'warning', 'check_sleeps()', 'd', 'r'), monitoring.add_check('takes its time', 'failing', 'warning', 'check_takes_its_time()', 'd', 'r', '0'),
       monitoring.drop_check('raises');
SET lifeguard.check_time_limit = '50ms';
SELECT * FROM last_run('failing');
SELECT details ->> 'remedy' FROM monitoring.check_findings WHERE object = 'public.check_reads()';
SET statement_timeout = '50ms';
SET lifeguard.check_time_limit = '10min';
SELECT * FROM last_run('failing');   -- somebody else's time is over: that ends the run
RESET statement_timeout;
CREATE FUNCTION check_cancels() RETURNS SETOF monitoring.finding LANGUAGE sql AS $$ SELECT pg_cancel_backend(pg_backend_pid())::text, '', NULL::jsonb, '' FROM pg_sleep(0.01) UNION ALL SELECT '', '', NULL, '' FROM pg_sleep(600) $$;
SELECT monitoring.add_check('loops', 'failing', 'warning', 'check_cancels()', 'd', 'r');
SELECT * FROM last_run('failing');   -- so does a user's cancel
RESET lifeguard.check_time_limit;
SELECT pg_sleep(0);                  -- and nothing of it is left
-- an error that only looks like a cancel (a remote server's, or raised on purpose) ends its check; a long one is cut
CREATE FUNCTION check_pretends() RETURNS SETOF monitoring.finding LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'query_canceled', MESSAGE = 'canceling statement due to user request' || repeat('.', 100000), DETAIL = repeat('x', 100000);
END $$;
SELECT monitoring.add_check('loops', 'failing', 'warning', 'check_pretends()', 'd', 'r'), monitoring.drop_check('reads'), monitoring.drop_check('sleeps'), monitoring.drop_check('takes its time');
SELECT name, status, length(message), details ->> 'sqlstate' AS sqlstate, length(details ->> 'error') FROM last_run('failing');
SELECT length(details ->> 'detail'), length(details ->> 'context') FROM monitoring.check_findings WHERE name = 'loops' AND gone_at IS NULL;
SELECT monitoring.drop_check(name) FROM monitoring.checks WHERE category = 'failing';

CREATE FUNCTION check_within() RETURNS SETOF monitoring.finding LANGUAGE sql AS $$ SELECT name, message, details, NULL FROM monitoring.run_checks() $$;
CREATE FUNCTION check_gone() RETURNS SETOF monitoring.finding LANGUAGE sql AS $$ SELECT NULL, NULL, NULL::jsonb, NULL $$;
CREATE FUNCTION check_changed() RETURNS SETOF monitoring.finding LANGUAGE sql AS $$ SELECT NULL, NULL, NULL::jsonb, NULL $$;
SELECT monitoring.add_check('within', 'failing', 'warning', 'check_within()', 'd', 'r'), monitoring.add_check('gone', 'failing', 'warning', 'check_gone()', 'd', 'r'),
       monitoring.add_check('changed', 'failing', 'warning', 'check_changed()', 'd', 'r');
DROP FUNCTION check_gone(), check_changed();
CREATE FUNCTION check_changed() RETURNS TABLE (object int, message date, details json, severity name) LANGUAGE sql AS $$ VALUES (1, '2026-01-02'::date, '{"b": 1,  "a": 2}'::json, 'critical'::name) $$;
SELECT * FROM last_run('failing');
SELECT remedy FROM monitoring.check_results WHERE name = 'gone';
SELECT monitoring.drop_check(name) FROM monitoring.checks WHERE category = 'failing';

-- a check changes nothing ------------------------------------------------------------------------------------------------------------
CREATE TABLE kept (a int);
CREATE FUNCTION check_destroys() RETURNS SETOF monitoring.finding LANGUAGE plpgsql AS $$
BEGIN
  DROP TABLE public.kept;
  DELETE FROM monitoring.check_runs;
  PERFORM set_config('lifeguard.check_time_limit', '1', false);
  EXECUTE 'DROP FUNCTION public.check_destroys()';
  RETURN QUERY SELECT 'kept', 'is dropped', (SELECT details FROM public.faults), NULL;
END $$;
INSERT INTO faults SELECT NULL, NULL, jsonb_build_object('toasted', string_agg(md5(i::text), '')) FROM generate_series(1, 1000) i;
SELECT monitoring.add_check('destroys', 'failing', 'warning', 'check_destroys()', 'd', 'r');
SELECT name, status, message, details FROM last_run('failing');
SELECT count(*) FROM kept;
SHOW lifeguard.check_time_limit;
SELECT length(details ->> 'toasted') FROM monitoring.check_findings WHERE object = 'kept';
SELECT count(*) > 5 FROM monitoring.check_runs;
SELECT monitoring.drop_check('destroys');
TRUNCATE faults;

-- ten thousand and more ------------------------------------------------------------------------------------------------------------------
INSERT INTO faults SELECT 'fault ' || i, 'is number ' || i FROM generate_series(1, 10000) i;
SELECT details FROM last_run('test');
INSERT INTO faults SELECT 'fault ' || i, 'is number ' || i FROM generate_series(10001, 25000) i;
SELECT details FROM last_run('test');
SELECT count(*) FROM monitoring.check_findings WHERE name = 'faults' AND gone_at IS NULL;
SELECT h -> 'counts' -> 'findings' AS findings, jsonb_array_length(h -> 'findings') AS shown, h -> 'findings_left_out' AS left_out FROM monitoring.health() AS h;
DELETE FROM faults WHERE object <> 'fault 7';
SELECT details FROM last_run('test');
SELECT h -> 'counts' -> 'gone' AS gone, jsonb_array_length(h -> 'gone') AS shown FROM monitoring.health() AS h;
-- more than memory should hold
TRUNCATE faults;
CREATE FUNCTION check_big() RETURNS SETOF monitoring.finding LANGUAGE sql AS $$
  SELECT 'big ' || i, 'big', b.details, NULL FROM (SELECT jsonb_build_object('text', string_agg(md5(j::text), '')) AS details FROM generate_series(1, 1900) j) AS b, generate_series(1, 1500) i
$$;
SELECT monitoring.add_check('big', 'failing', 'warning', 'check_big()', 'd', 'r');
SELECT (details ->> 'findings')::int, (details ->> 'left_out')::int BETWEEN 300 AND 700 FROM last_run('failing');
SELECT monitoring.drop_check('big');

-- disabled, retention ------------------------------------------------------------------------------------------------------------------
INSERT INTO faults VALUES ('a', 'is found');
SELECT count(*) FROM last_run();
UPDATE monitoring.checks SET enabled = false WHERE name = 'faults';
SELECT h -> 'score' AS score, h -> 'status' AS status, h -> 'findings' AS findings FROM monitoring.health() AS h;
SELECT name FROM last_run();
UPDATE monitoring.checks SET enabled = true WHERE name = 'faults';
UPDATE monitoring.check_runs SET started_at = started_at - interval '91 days';
UPDATE monitoring.check_findings SET first_seen_at = first_seen_at - interval '91 days', last_seen_at = last_seen_at - interval '91 days', gone_at = gone_at - interval '91 days';
SELECT name FROM last_run('other');   -- the last results of the others stay
SELECT count(*) AS runs, count(*) FILTER (WHERE started_at > now() - interval '1 hour') AS new FROM monitoring.check_runs;
SELECT name, count(*) FROM monitoring.check_results GROUP BY name ORDER BY name;
SELECT monitoring.health() -> 'counts' -> 'findings';
SELECT details FROM last_run('test');   -- still there
SELECT object, gone_at FROM monitoring.check_findings;
SET lifeguard.check_retention = -1;
UPDATE monitoring.check_runs SET started_at = started_at - interval '1000 years';
SELECT count(*) FROM last_run();
SELECT count(*) > 2 FROM monitoring.check_runs;
RESET lifeguard.check_retention;

-- who may ------------------------------------------------------------------------------------------------------------------------------
CREATE ROLE checks_author;
CREATE ROLE checks_watcher IN ROLE pg_monitor;
GRANT CREATE ON SCHEMA public TO checks_author;
CREATE TABLE secrets (a text PRIMARY KEY);
SET ROLE checks_author;
CREATE TABLE hidden (a int);
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE FUNCTION check_as_author() RETURNS SETOF monitoring.finding LANGUAGE plpgsql AS $$
DECLARE
  attempt text;
BEGIN
  RETURN QUERY SELECT 'runs as', format('%s, session %s', current_user, CASE WHEN session_user = current_user THEN 'too' ELSE 'not' END), NULL::jsonb, NULL::text;
  RETURN QUERY SELECT 'hidden', format('%s rows', count(*)), NULL::jsonb, NULL::text FROM public.hidden;
  FOREACH attempt IN ARRAY ARRAY['RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT', 'SELECT * FROM public.secrets', 'PREPARE left_behind AS SELECT 1', 'SELECT lifeguard.read_as(10, ''SELECT 1'')',
                                 'CREATE TEMP TABLE left_behind (a int)', 'UPDATE monitoring.checks SET enabled = false', 'SELECT monitoring.run_checks()'] LOOP
    BEGIN
      EXECUTE attempt;
      RETURN QUERY SELECT attempt, 'is allowed', NULL::jsonb, NULL::text;
    EXCEPTION WHEN OTHERS THEN
      RETURN QUERY SELECT attempt, SQLERRM, NULL::jsonb, NULL::text;
    END;
  END LOOP;
END $$;
SELECT monitoring.add_check('as_author', 'rights', 'warning', 'check_as_author()', 'd', 'r');
SELECT monitoring.run_checks();
SELECT monitoring.health();
SELECT * FROM monitoring.check_findings;
SELECT * FROM lifeguard.run_check('check_as_author()'::regprocedure, 0);
RESET ROLE;
INSERT INTO hidden VALUES (1);
SELECT monitoring.add_check('as_author', 'rights', 'warning', 'check_as_author()', 'd', 'r');
SET ROLE checks_watcher;
SELECT name, status FROM monitoring.run_checks('rights');
SELECT object, message FROM monitoring.check_findings WHERE name = 'as_author' ORDER BY id;
SELECT monitoring.health() -> 'score';
SELECT monitoring.drop_check('as_author');
RESET ROLE;
SELECT current_user = session_user AS is_back;
-- whom it is granted
GRANT EXECUTE ON FUNCTION monitoring.add_check(text, text, text, regprocedure, text, text, interval), monitoring.drop_check(text) TO checks_author;
GRANT SELECT, INSERT, UPDATE, DELETE ON monitoring.checks TO checks_author;
SET ROLE checks_author;
SELECT monitoring.drop_check('as_author');
SELECT monitoring.add_check('as_author', 'rights', 'warning', 'check_as_author()', 'd', 'r');
RESET ROLE;
REVOKE ALL ON monitoring.checks FROM checks_author;
REVOKE EXECUTE ON FUNCTION monitoring.add_check(text, text, text, regprocedure, text, text, interval), monitoring.drop_check(text) FROM checks_author;
BEGIN READ ONLY;
SELECT monitoring.run_checks();
ROLLBACK;

-- a restore brings the rows of the registry once more ------------------------------------------------------------------------------------
CREATE TABLE dumped AS SELECT * FROM monitoring.checks;
UPDATE monitoring.checks SET enabled = true, time_limit = NULL, description = 'another';
DELETE FROM monitoring.checks WHERE name = 'nothing';
UPDATE dumped SET time_limit = '1 min' WHERE name = 'orphans';
INSERT INTO monitoring.checks SELECT * FROM dumped;
SELECT count(*) FILTER (WHERE c.enabled <> d.enabled OR c.time_limit IS DISTINCT FROM d.time_limit) AS lost, count(*) = (SELECT count(*) FROM dumped) AS all,
       string_agg(c.name, ', ' ORDER BY c.name) FILTER (WHERE c.description = d.description) AS described_by_the_dump
  FROM monitoring.checks c JOIN dumped d USING (name);

-- gauges ---------------------------------------------------------------------------------------------------------------------------------
CREATE FUNCTION test_gauges() RETURNS SETOF monitoring.gauge LANGUAGE sql AS $$ VALUES ('week', 1, 2, '$') $$;
SELECT monitoring.add_gauges('pools', 'Pools', 'test_gauges()');
SELECT monitoring.add_gauges('pools', 'The pools', 'test_gauges()');
SELECT * FROM monitoring.gauges WHERE name = 'pools';
SELECT monitoring.add_gauges('pools', 'Pools', 'check_faults()');
SELECT monitoring.add_gauges(NULL, 'Pools', 'test_gauges()');
SELECT monitoring.drop_gauges('pools');
SELECT monitoring.drop_gauges('pools');

-- clean up
DELETE FROM monitoring.checks WHERE category IN ('test', 'other', 'rights');
UPDATE monitoring.checks c SET enabled = true, time_limit = NULL, description = d.description FROM dumped d WHERE d.name = c.name;
DELETE FROM monitoring.check_findings;
DELETE FROM monitoring.check_results;
DELETE FROM monitoring.check_runs;
DROP FUNCTION check_faults, check_nothing, last_run, "check ""it"" ün", check_raises, check_loops, check_reads, check_sleeps, check_takes_its_time, check_cancels, check_within, check_changed,
              check_destroys, check_big, check_as_author, test_gauges;
DROP TABLE faults, kept, secrets, hidden, dumped;
REVOKE CREATE ON SCHEMA public FROM checks_author;
DROP ROLE checks_author, checks_watcher;
