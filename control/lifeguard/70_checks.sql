-- Checks: the registry, running them, and what was found. src/monitoring calls them; 72_checks_*.sql are the general ones.

CREATE TYPE monitoring.finding AS (object text, message text, details jsonb, severity text);
COMMENT ON TYPE monitoring.finding IS
'What a check finds: the object (by which the same finding is known again), what is wrong with it, values for programs, '
'and warning or critical where it is not the check''s own severity.';

CREATE TABLE monitoring.checks (
  name        text CONSTRAINT checks_pkey PRIMARY KEY,
  category    text NOT NULL,
  severity    text NOT NULL CHECK (severity IN ('warning', 'critical')),
  function    text NOT NULL CHECK (cardinality(parse_ident(function)) = 2),
  description text NOT NULL,
  remedy      text,
  enabled     boolean NOT NULL DEFAULT true,
  time_limit  interval CHECK (time_limit >= interval '0'),
  off_because text
);
GRANT SELECT ON monitoring.checks TO pg_monitor;
SELECT pg_extension_config_dump('monitoring.checks', '');
COMMENT ON TABLE monitoring.checks IS
'Every check: its function (schema.name, no arguments), its severity when it finds something, what to do then. enabled: whether run_checks() runs it. '
'time_limit: null for lifeguard.check_time_limit, 0 for none. off_because: why it is not enabled; one that is off without a word is a finding. '
'Written by monitoring.add_check() and drop_check(); enabled, time_limit and off_because by UPDATE.';

-- A restore brings the checks that the extension has made already.
CREATE FUNCTION lifeguard.restore_check() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ours constant boolean := EXISTS (SELECT FROM pg_depend d JOIN monitoring.checks c ON d.objid = to_regprocedure(c.function || '()')
                                    WHERE c.name = new.name AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e');
BEGIN
  UPDATE monitoring.checks c
     SET (category, severity, function, description, remedy)
         = (SELECT n.* FROM (VALUES (new.category, new.severity, new.function, new.description, new.remedy)) AS n WHERE NOT ours
            UNION ALL SELECT c.category, c.severity, c.function, c.description, c.remedy WHERE ours),
         enabled = new.enabled, time_limit = new.time_limit, off_because = new.off_because
   WHERE c.name = new.name;
  RETURN CASE WHEN NOT FOUND THEN new END;
END $$;
COMMENT ON FUNCTION lifeguard.restore_check() IS
'Trigger function of monitoring.checks: a row whose name is there already replaces that one; of a check that an extension brought, only whether and how long it runs, and why not.';
REVOKE EXECUTE ON FUNCTION lifeguard.restore_check() FROM PUBLIC;
CREATE TRIGGER restore_check BEFORE INSERT ON monitoring.checks FOR EACH ROW EXECUTE FUNCTION lifeguard.restore_check();

CREATE TABLE monitoring.check_runs (
  id         bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT check_runs_pkey PRIMARY KEY,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  took       interval,
  category   text,
  score      int,
  status     text
);
GRANT SELECT ON monitoring.check_runs TO pg_monitor;
SELECT pg_extension_config_dump('monitoring.check_runs', '');
SELECT pg_extension_config_dump('monitoring.check_runs_id_seq', '');
COMMENT ON TABLE monitoring.check_runs IS
'Every run of run_checks(): when, how long, of which category (null: all), and the database''s score and status after it, as monitoring.health() has them. Kept for lifeguard.check_retention.';

CREATE TABLE monitoring.check_results (
  run      bigint NOT NULL,
  name     text NOT NULL,
  category text NOT NULL,
  status   text NOT NULL,
  message  text NOT NULL,
  details  jsonb NOT NULL,
  remedy   text,
  took     interval NOT NULL,
  CONSTRAINT check_results_pkey PRIMARY KEY (name, run)
);
CREATE INDEX check_results_run ON monitoring.check_results (run);
GRANT SELECT ON monitoring.check_results TO pg_monitor;
SELECT pg_extension_config_dump('monitoring.check_results', '');
COMMENT ON TABLE monitoring.check_results IS
'What each check said in each run: healthy, warning or critical. details: findings (their number), new, same, gone; left_out (counted, not kept); '
'or failed with sqlstate and error, where the check itself did not come to its end.';

CREATE TABLE monitoring.check_findings (
  id            bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT check_findings_pkey PRIMARY KEY,
  name          text NOT NULL,
  object        text NOT NULL,
  severity      text NOT NULL,
  message       text NOT NULL,
  details       jsonb,
  first_run     bigint NOT NULL,
  last_run      bigint NOT NULL,
  gone_run      bigint,
  first_seen_at timestamptz NOT NULL,
  last_seen_at  timestamptz NOT NULL,
  gone_at       timestamptz
);
CREATE UNIQUE INDEX check_findings_open ON monitoring.check_findings (name, object) WHERE gone_at IS NULL;
CREATE INDEX check_findings_gone ON monitoring.check_findings (name, gone_run) WHERE gone_at IS NOT NULL;
GRANT SELECT ON monitoring.check_findings TO pg_monitor;
SELECT pg_extension_config_dump('monitoring.check_findings', '');
SELECT pg_extension_config_dump('monitoring.check_findings_id_seq', '');
COMMENT ON TABLE monitoring.check_findings IS
'What was found, a row for as long as the same check (name) finds the same object without a break: first_seen_at and last_seen_at; gone_at once a run did not find it any more. '
'A check that did not come to its end leaves its findings as they are.';

CREATE FUNCTION monitoring.add_check(name text, category text, severity text, function regprocedure, description text, remedy text, time_limit interval DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  call    constant text := (SELECT format('%I.%I', n.nspname, p.proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = function);
  problem constant text := CASE
    WHEN coalesce(btrim(name), '') = '' OR length(name) > 100 THEN 'its name is a text of 1 to 100 characters'
    WHEN coalesce(btrim(category), '') = '' OR length(category) > 100 THEN 'its category is a text of 1 to 100 characters'
    WHEN severity IS NULL OR severity NOT IN ('warning', 'critical') THEN 'its severity is warning or critical'
    WHEN coalesce(btrim(description), '') = '' THEN 'it needs a description'
    WHEN time_limit < interval '0' THEN 'its time limit is not negative'
    WHEN call IS NULL THEN 'there is no such function'
    WHEN NOT (SELECT p.proretset AND p.prokind = 'f' AND p.pronargs = 0 AND p.prorettype = 'monitoring.finding'::regtype FROM pg_proc p WHERE p.oid = function)
      THEN format('%s is no function without arguments that RETURNS SETOF monitoring.finding', function) END;
BEGIN
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG401', MESSAGE = format('the check %s cannot be added: %s', coalesce(quote_literal(name), 'NULL'), problem),
      DETAIL = jsonb_build_object('check', name, 'category', category, 'severity', severity, 'function', function::text),
      HINT = 'SELECT monitoring.add_check(''stale_orders'', ''orders'', ''warning'', ''public.check_stale_orders()'', ''what it finds'', ''what to do then'');';
  END IF;
  UPDATE monitoring.checks c
     SET category = add_check.category, severity = add_check.severity, function = call, description = add_check.description, remedy = add_check.remedy,
         time_limit = coalesce(add_check.time_limit, c.time_limit)
   WHERE c.name = add_check.name;
  IF NOT FOUND THEN
    INSERT INTO monitoring.checks (name, category, severity, function, description, remedy, time_limit)
    VALUES (add_check.name, add_check.category, add_check.severity, call, add_check.description, add_check.remedy, add_check.time_limit);
  END IF;
END $$;
COMMENT ON FUNCTION monitoring.add_check(text, text, text, regprocedure, text, text, interval) IS
'Registers a check: a function without arguments that RETURNS SETOF monitoring.finding, no row when all is well. It is called as the owner of the function, past the row security of his own tables, '
'and what it changes is taken back. The same name again replaces it; whether it is enabled stays. time_limit: null for lifeguard.check_time_limit, 0 for none. '
'For superusers, and whom they grant it together with INSERT and UPDATE on monitoring.checks. Raises LG401 (an argument that will not do).';

CREATE FUNCTION monitoring.drop_check(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM monitoring.checks c WHERE c.name = drop_check.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG402', MESSAGE = format('there is no check %s', coalesce(quote_literal(name), 'NULL')),
      DETAIL = jsonb_build_object('check', name), HINT = 'SELECT name FROM monitoring.checks; lists them.';
  END IF;
END $$;
COMMENT ON FUNCTION monitoring.drop_check(text) IS
'Takes monitoring.add_check() back. What it found stays, for lifeguard.check_retention. One that an extension brings comes back with a restore: UPDATE monitoring.checks SET enabled = false, off_because = ''...'' keeps it away. '
'For superusers, and whom they grant it together with DELETE on monitoring.checks. Raises LG402 (no such check).';

CREATE FUNCTION lifeguard.run_check(function oid, time_limit int, OUT outcome text, OUT object text, OUT message text, OUT details jsonb, OUT severity text) RETURNS SETOF record
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'lifeguard_run_check';
COMMENT ON FUNCTION lifeguard.run_check(oid, int) IS
'Calls one check as its function''s owner and takes back what it did. A row for each finding (ten thousand at most; more are counted), then one that says how it ended: ended, failed, or ran out of time '
'(milliseconds; 0: no limit). For tools; monitoring.run_checks() is for people. Raises LG403 inside of a check.';

CREATE FUNCTION lifeguard.read_as(role oid, query text, search_path text DEFAULT 'pg_catalog, pg_temp') RETURNS SETOF jsonb
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'lifeguard_read_as';
COMMENT ON FUNCTION lifeguard.read_as(oid, text, text) IS
'The rows of a query whose only column is a jsonb, read with the rights of a role and under a search_path, past the row security of its own tables. What runs there cannot leave the role; '
'the query cannot write, but a volatile function in it can, as that role, where the transaction is not read-only and nobody takes it back. '
'For checks, which run with more rights than the tables'' owners have. Raises what the query raises; 38000 instead of what WHEN OTHERS does not catch (a failed assertion, an error with the SQLSTATE of a cancel), unless the server itself has cancelled.';

-- Runs one check and keeps nothing: a row an object that it found, the worst of it, one for a check that did not come to its end, and a last one without an object that says how it ended.
CREATE FUNCTION lifeguard.report_check("check" monitoring.checks) RETURNS TABLE (object text, severity text, message text, details jsonb, outcome text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  called     constant text := ("check").function || '()';
  time_limit constant int := least(ceil(extract(epoch FROM coalesce(("check").time_limit, current_setting('lifeguard.check_time_limit')::interval)) * 1000), 2147483647);
BEGIN
  RETURN QUERY
  WITH ran AS MATERIALIZED (
    SELECT * FROM lifeguard.run_check(coalesce(to_regprocedure(called), 0::regprocedure), time_limit)
  ), ending AS MATERIALIZED (
    SELECT outcome, details, message FROM ran WHERE outcome <> 'finding'
  ), found AS MATERIALIZED (
    -- one row an object, the worst of it first
    SELECT DISTINCT ON (f.object) f.object, f.severity, f.details, f.message || CASE WHEN f.more > 0 THEN format(' (and %s more of the same object)', f.more) ELSE '' END AS message
      FROM (SELECT coalesce(r.object, '') AS object, coalesce(nullif(r.message, ''), ("check").description) AS message, r.details, s.severity,
                   count(*) OVER (PARTITION BY coalesce(r.object, '')) - 1 AS more
              FROM ran r, LATERAL (SELECT CASE WHEN r.severity IN ('warning', 'critical') THEN r.severity ELSE ("check").severity END) AS s(severity)
             WHERE r.outcome = 'finding') AS f
     ORDER BY f.object, f.severity, f.message
  )
  SELECT f.object, f.severity, f.message, f.details, 'finding' FROM found f
  UNION ALL
  SELECT called, ("check").severity,
         CASE e.outcome WHEN 'failed' THEN format('the check %s failed: %s', ("check").name, left(e.message, 2000))
                        ELSE format('the check %s ran out of time (%s ms)', ("check").name, time_limit) END,
         e.details || jsonb_build_object('failed', true, 'remedy', CASE WHEN to_regprocedure(called) IS NULL THEN format('SELECT monitoring.drop_check(%L);', ("check").name) WHEN e.outcome = 'failed' THEN format('SELECT * FROM %s;', called)
           ELSE format('UPDATE monitoring.checks SET time_limit = %L WHERE name = %L;', make_interval(secs => time_limit / 200.0), ("check").name) END), e.outcome
    FROM ending e WHERE e.outcome <> 'ended'
  UNION ALL
  SELECT NULL, NULL, e.message, e.details, e.outcome FROM ending e;
END $$;
COMMENT ON FUNCTION lifeguard.report_check(monitoring.checks) IS
'Runs one check and returns what it found, a row an object, then one without an object that says how it ended. Keeps nothing. For monitoring.run_checks() and lifeguard.migrate().';

-- Runs one check and keeps what it found. Findings that it did not look for, because it did not come to its end, stay as they are.
CREATE FUNCTION lifeguard.keep_check(run bigint, "check" monitoring.checks, OUT status text, OUT message text, OUT details jsonb, OUT remedy text, OUT took interval)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  started constant timestamptz := clock_timestamp();
  gone    bigint := 0;
BEGIN
  WITH told AS MATERIALIZED (
    SELECT * FROM lifeguard.report_check("check")
  ), ending AS MATERIALIZED (
    SELECT outcome, details, (details ->> 'found')::bigint - (details ->> 'kept')::bigint AS left_out, message FROM told WHERE object IS NULL
  ), reported AS MATERIALIZED (
    SELECT object, severity, details, message FROM told WHERE object IS NOT NULL
  ), kept AS (
    INSERT INTO monitoring.check_findings AS k (name, object, severity, message, details, first_run, last_run, first_seen_at, last_seen_at)
    SELECT ("check").name, r.object, r.severity, r.message, r.details, run, run, started, started FROM reported r
    ON CONFLICT (name, object) WHERE gone_at IS NULL
    DO UPDATE SET severity = excluded.severity, message = excluded.message, details = excluded.details, last_run = excluded.last_run, last_seen_at = excluded.last_seen_at
    RETURNING k.first_run
  )
  SELECT coalesce(w.severity, 'healthy'), coalesce(w.message || CASE WHEN n.findings > 1 THEN format(' (and %s more)', n.findings - 1) ELSE '' END, 'nothing found'),
         jsonb_strip_nulls(jsonb_build_object(
           'findings', n.findings, 'new', (SELECT count(*) FROM kept WHERE first_run = run), 'same', (SELECT count(*) FROM kept WHERE first_run < run), 'left_out', nullif(e.left_out, 0),
           'failed', CASE WHEN e.outcome <> 'ended' THEN true END, 'sqlstate', e.details -> 'sqlstate', 'error', e.message)),
         coalesce(w.details ->> 'remedy', ("check").remedy)
    INTO status, message, details, remedy
    FROM ending e CROSS JOIN LATERAL (SELECT count(*) + coalesce(e.left_out, 0) AS findings FROM reported) AS n
    LEFT JOIN (SELECT * FROM reported ORDER BY severity, object COLLATE "C" LIMIT 1) AS w ON true;
  -- what was counted only may be among those that were found before
  IF NOT details ?| '{failed,left_out}' THEN
    UPDATE monitoring.check_findings k SET gone_run = run, gone_at = started WHERE k.name = ("check").name AND k.gone_at IS NULL AND k.last_run < run;
    GET DIAGNOSTICS gone = ROW_COUNT;
  END IF;
  details := details || jsonb_build_object('gone', gone);
  took := clock_timestamp() - started;
END $$;
COMMENT ON FUNCTION lifeguard.keep_check(bigint, monitoring.checks) IS
'Runs one check as part of a run and keeps its findings: new, still there, gone. Returns its result. For monitoring.run_checks().';

CREATE FUNCTION monitoring.run_checks(category text DEFAULT NULL)
RETURNS TABLE (name text, status text, message text, details jsonb, remedy text, took interval)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  SET random_page_cost = 1.1 SET work_mem = '64MB' SET jit = off AS $$   -- what is looked at every day is in the cache; one run at a time
#variable_conflict use_column
DECLARE
  this    bigint;
  "check" monitoring.checks;
  result  record;
  state   record;
  too_old timestamptz;
BEGIN
  IF current_setting('transaction_read_only')::boolean THEN
    RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction', MESSAGE = 'checks cannot run in a read-only transaction, nor on a standby',
      HINT = 'Their results are kept in tables. SELECT monitoring.health(); has those of the last run.';
  END IF;
  IF run_checks.category IS NOT NULL AND NOT EXISTS (SELECT FROM monitoring.checks c WHERE c.category = run_checks.category) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG402', MESSAGE = format('there is no check of the category %L', run_checks.category),
      DETAIL = jsonb_build_object('category', run_checks.category), HINT = 'SELECT DISTINCT category FROM monitoring.checks; lists them.';
  END IF;
  PERFORM lifeguard.change_safely(t) FROM unnest('{monitoring.checks,monitoring.check_runs,monitoring.check_results,monitoring.check_findings}'::regclass[]) AS t;
  -- one run at a time, until its transaction ends; readers do not wait
  LOCK TABLE monitoring.check_runs IN SHARE ROW EXCLUSIVE MODE;
  INSERT INTO monitoring.check_runs (category) VALUES (run_checks.category) RETURNING id INTO this;

  FOR "check" IN
    SELECT * FROM monitoring.checks c WHERE c.enabled AND (run_checks.category IS NULL OR c.category = run_checks.category) ORDER BY c.category COLLATE "C", c.name COLLATE "C"
  LOOP
    result := lifeguard.keep_check(this, "check");
    INSERT INTO monitoring.check_results (run, name, category, status, message, details, remedy, took)
    VALUES (this, ("check").name, ("check").category, result.status, result.message, result.details, result.remedy, result.took);
    name := ("check").name;
    status := result.status;
    message := result.message;
    details := result.details;
    remedy := result.remedy;
    took := result.took;
    RETURN NEXT;
  END LOOP;

  SELECT s.score, s.status INTO state FROM lifeguard.check_score() AS s;
  UPDATE monitoring.check_runs r SET took = clock_timestamp() - r.started_at, score = state.score, status = state.status WHERE r.id = this;

  IF current_setting('lifeguard.check_retention') <> '-1' THEN
    too_old := now() - current_setting('lifeguard.check_retention')::interval;
    -- what each check said last stays, and what it still finds
    DELETE FROM monitoring.check_findings f
     WHERE coalesce(f.gone_at, f.last_seen_at) < too_old AND (f.gone_at IS NOT NULL OR NOT EXISTS (SELECT FROM monitoring.checks c WHERE c.name = f.name));
    DELETE FROM monitoring.check_results t USING monitoring.check_runs r
     WHERE r.id = t.run AND r.started_at < too_old AND t.run <> this
       AND (NOT EXISTS (SELECT FROM monitoring.checks c WHERE c.name = t.name) OR EXISTS (SELECT FROM monitoring.check_results n WHERE n.name = t.name AND n.run > t.run));
    DELETE FROM monitoring.check_runs r WHERE r.started_at < too_old AND r.id <> this AND NOT EXISTS (SELECT FROM monitoring.check_results t WHERE t.run = r.id);
  END IF;
END $$;
COMMENT ON FUNCTION monitoring.run_checks(text) IS
'Runs the enabled checks, of one category or all, each with its time limit and taken back, and keeps what they say: a row a check with healthy, warning or critical, what it says (the worst of it), details, the remedy, and how long it took. '
'One that fails or runs out of time is a finding. A second run waits for the first. Deletes results older than lifeguard.check_retention. '
'For pg_monitor. Raises LG402 (no such category), LG403 (inside of a check), LG204 (a table of results is another role''s), 25006 (read-only).';

REVOKE EXECUTE ON FUNCTION monitoring.add_check(text, text, text, regprocedure, text, text, interval), monitoring.drop_check(text), lifeguard.run_check(oid, int), lifeguard.read_as(oid, text, text),
                           lifeguard.report_check(monitoring.checks), lifeguard.keep_check(bigint, monitoring.checks), monitoring.run_checks(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION monitoring.run_checks(text) TO pg_monitor;
