-- Does the journal work? status() says what it should do here and what it has lost, selftest() tries it.

CREATE FUNCTION monitoring.status() RETURNS TABLE (what text, state text, why text, how text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
  journal   record;
  standby   constant boolean := pg_is_in_recovery();
  preload   constant text := 'add lifeguard to shared_preload_libraries and restart the server';
  -- a level of the log's that errors do not reach never reaches us either
  unlogged  constant text := CASE WHEN current_setting('log_min_messages') IN ('log', 'fatal') THEN 'errors'
                                  WHEN current_setting('log_min_messages') = 'panic' THEN 'errors, fatal ones too,' END;
  uncaught_elsewhere  text;   -- settings of roles and databases that hide errors
  swallowed_elsewhere text;
  errors    constant regclass := lifeguard.errors_table();
  granted   constant boolean := has_table_privilege('pg_monitor', errors, 'SELECT');
  let_in    constant boolean := EXISTS (
    SELECT FROM pg_class c WHERE c.oid = errors AND (NOT c.relrowsecurity OR EXISTS (
      SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd IN ('r', '*') AND p.polroles && ARRAY[0, 'pg_monitor'::regrole]::oid[])));
  readable  constant boolean := granted AND let_in;
BEGIN
  SELECT * INTO journal FROM lifeguard.journal_state();   -- loads the library, and with it the settings
  SELECT string_agg(place, ', ' ORDER BY place) FILTER (WHERE setting ~* '^(log_min_messages=(log|fatal|panic)|lifeguard\.capture_uncaught=(off?|f|fa|fal|fals|false|no?|0))$'),
         string_agg(place, ', ' ORDER BY place) FILTER (WHERE setting ~* '^lifeguard\.capture_swallowed=off$')
    INTO uncaught_elsewhere, swallowed_elsewhere
    FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting,
         format('%s for %s', setting, concat_ws(' in ', coalesce(nullif(s.setrole, 0)::regrole::text, 'all'), d.datname)) AS place
   WHERE s.setdatabase = 0 OR d.datname = current_database();

  RETURN QUERY VALUES
    ('level', journal.level,
     CASE journal.level WHEN 'preloaded' THEN 'the errors of every session are seen'
                        WHEN 'session' THEN 'the errors of sessions that load the library are seen; others keep what they give to log_error()'
                        ELSE 'what is given to log_error() is kept; other errors are seen only in sessions that have called a function of the library' END,
     CASE journal.level WHEN 'preloaded' THEN NULL
                        WHEN 'session' THEN preload
                        ELSE preload || format('; without a restart: ALTER DATABASE %I SET session_preload_libraries = ''lifeguard''', current_database()) END),
    ('uncaught errors',
     CASE WHEN current_setting('lifeguard.capture_uncaught')::boolean AND unlogged IS NULL THEN 'kept' ELSE 'not kept' END,
     CASE WHEN NOT current_setting('lifeguard.capture_uncaught')::boolean THEN 'lifeguard.capture_uncaught is off'
          WHEN unlogged IS NOT NULL THEN format('log_min_messages is %s: %s are not written to the server log, where they are seen', current_setting('log_min_messages'), unlogged)
          ELSE 'every ERROR and FATAL that reaches the server log' END || coalesce('; set otherwise: ' || uncaught_elsewhere, ''),
     CASE WHEN NOT current_setting('lifeguard.capture_uncaught')::boolean THEN 'lifeguard.capture_uncaught = on'
          WHEN unlogged IS NOT NULL THEN 'log_min_messages = error, or a lower level; log_destination decides where the log goes'
          WHEN uncaught_elsewhere IS NOT NULL THEN 'ALTER ROLE or ALTER DATABASE ... RESET, where that was not meant' END),
    ('swallowed exceptions',
     CASE WHEN current_setting('lifeguard.capture_swallowed') = 'off' THEN 'not kept'
          WHEN journal.detector = 'in place' THEN 'kept' ELSE 'not sure' END,
     CASE WHEN current_setting('lifeguard.capture_swallowed') = 'off' THEN 'lifeguard.capture_swallowed is off'
          WHEN journal.detector = 'in place' THEN CASE current_setting('lifeguard.capture_swallowed') WHEN 'all' THEN 'whatever a PL/pgSQL handler hides'
                                                                                                 ELSE 'what WHEN OTHERS of PL/pgSQL hides' END
          WHEN journal.detector = 'chained' THEN 'PL/pgSQL calls another library, which may call this one'
          ELSE format('the detector is %s', journal.detector) END || coalesce('; set otherwise: ' || swallowed_elsewhere, ''),
     CASE WHEN current_setting('lifeguard.capture_swallowed') = 'off' THEN 'lifeguard.capture_swallowed = others, or all'
          WHEN journal.detector <> 'in place' THEN 'SELECT * FROM monitoring.selftest() tries it'
          WHEN swallowed_elsewhere IS NOT NULL THEN 'ALTER ROLE or ALTER DATABASE ... RESET, where that was not meant' END),
    ('launcher', CASE WHEN journal.launcher_runs THEN 'runs' ELSE 'does not run' END,
     CASE WHEN journal.launcher_runs THEN 'starts a writer where entries wait'
          WHEN standby THEN 'this server is a standby: it starts with the promotion'
          WHEN journal.level = 'preloaded' THEN 'it should: the server log has the reason'
          ELSE 'not preloaded: sessions that keep an error start the writer' END,
     CASE WHEN journal.launcher_runs OR standby THEN NULL
          WHEN journal.level = 'preloaded' THEN 'raise max_worker_processes and restart the server'
          ELSE preload END),
    ('writer', CASE WHEN journal.writer_runs THEN 'runs' ELSE 'idle' END,
     CASE WHEN journal.writer_runs THEN 'stores entries, ends when there are none' ELSE 'starts when there is something to store' END, NULL),
    ('waiting', pg_size_pretty(journal.bytes_waiting),
     CASE WHEN standby THEN 'this server is a standby: its errors are in the table after its promotion'
          WHEN journal.bytes_waiting > 0 THEN 'entries in ' || journal.folder || ' that are not in the table yet'
          ELSE 'all that was kept is in the table' END,
     CASE WHEN journal.bytes_waiting > 0 AND NOT standby THEN 'SELECT monitoring.drain() waits for them' END),
    ('trouble', coalesce(journal.trouble, 'none'), CASE WHEN journal.trouble IS NOT NULL THEN 'the writer cannot store; entries wait up to the limit' END,
     CASE WHEN journal.trouble IS NOT NULL THEN 'mend what it says; the writer tries again by itself' END),
    ('durability', current_setting('lifeguard.durability'),
     CASE current_setting('lifeguard.durability') WHEN 'fsync' THEN 'a kept error survives the loss of power' ELSE 'a kept error survives the end of any process, not the loss of power' END,
     CASE WHEN current_setting('lifeguard.durability') <> 'fsync' THEN 'lifeguard.durability = fsync; an error then waits for the disk' END),
    ('limit', current_setting('lifeguard.journal_limit'), 'so much of this database''s journal may wait', 'lifeguard.journal_limit'),
    ('repetitions', CASE current_setting('lifeguard.fold_window') WHEN '0' THEN 'a row each' ELSE 'counted' END,
     CASE current_setting('lifeguard.fold_window') WHEN '0' THEN 'lifeguard.fold_window is 0'
                                                   ELSE format('in one row for %s', current_setting('lifeguard.fold_window')) END, 'lifeguard.fold_window'),
    ('rate', CASE current_setting('lifeguard.log_rate') WHEN '-1' THEN 'no limit' ELSE current_setting('lifeguard.log_rate') || ' a second' END,
     'calls of log_error() by a role that may not INSERT into the table', 'lifeguard.log_rate'),
    ('redaction', CASE WHEN current_setting('lifeguard.redact')::boolean THEN 'on' ELSE 'off' END,
     CASE WHEN current_setting('lifeguard.redact')::boolean THEN 'secrets are taken out before errors are stored' ELSE 'errors are stored with the passwords that they quote' END,
     CASE WHEN NOT current_setting('lifeguard.redact')::boolean THEN 'lifeguard.redact = on' END),
    ('readers', CASE WHEN readable THEN 'pg_monitor' ELSE 'the owner alone' END,
     CASE WHEN readable THEN 'and whom a grant and a policy let' ELSE 'no grant or no policy lets pg_monitor read the table' END,
     nullif(concat_ws('; ', CASE WHEN NOT granted THEN format('GRANT SELECT ON %s TO pg_monitor', errors) END,
                            CASE WHEN NOT let_in THEN format('CREATE POLICY pg_monitor_reads ON %s FOR SELECT TO pg_monitor USING (true)', errors) END), '')),
    ('quarantine', (SELECT count(*) FROM monitoring.quarantined_errors)::text, 'rows that the table refused',
     CASE WHEN EXISTS (SELECT FROM monitoring.quarantined_errors) THEN 'the reasons are in monitoring.quarantined_errors; then SELECT monitoring.retry_quarantined()' END),
    ('muted functions', (SELECT count(*) FROM monitoring.muted_functions)::text, 'what they swallow is not stored',
     CASE WHEN EXISTS (SELECT FROM monitoring.muted_functions) THEN 'monitoring.muted_functions has the reasons; monitoring.unmute()' END);

  RETURN QUERY
  SELECT c.counter, CASE WHEN known THEN c.value::text ELSE 'not known' END,
         m.meaning || CASE WHEN known THEN '' ELSE '; counted by the writer for itself: not preloaded' END,
         CASE WHEN c.value > 0 THEN m.remedy END
    FROM lifeguard.journal_counters() c
    LEFT JOIN (VALUES
      ('kept', 'errors written to the journal', NULL),
      ('refused_full', 'LOST: the journal had reached its limit', 'raise lifeguard.journal_limit; see why the writer was behind (trouble, waiting)'),
      ('refused_failed', 'LOST: the journal''s file could not be written', 'free the disk or file descriptors; the rights of pgsql_tmp_lifeguard in the data directory'),
      ('cut', 'kept, with texts cut to what an entry holds', 'shorter messages and contexts'),
      ('rate_limited', 'LOST but for their number: log_error() by a role over its rate', 'find out who (error_type rate_limited); raise lifeguard.log_rate; or grant INSERT on the table to a trusted role'),
      ('unexplained_subtransactions', 'NOT SEEN: rolled back by a language that nobody can look into; an error may have been swallowed',
       'handlers in PL/Python, PL/Perl and their like should call log_error()'),
      ('stored', 'entries put into the table, as rows or as repetitions', NULL),
      ('quarantined', 'set aside: the table refused the row', 'monitoring.quarantined_errors has it and the reason'),
      ('muted', 'dropped: the function that swallowed it is muted', 'monitoring.muted_functions'),
      ('torn', 'LOST: unreadable stretches of files, as the loss of power or a full disk leaves them', 'lifeguard.durability = fsync'),
      ('discarded', 'dropped: of databases without the extension', 'CREATE EXTENSION lifeguard there')) AS m(counter, meaning, remedy) USING (counter),
         LATERAL (SELECT journal.level = 'preloaded' OR c.counter NOT IN ('stored', 'quarantined', 'muted', 'torn', 'discarded')) AS k(known);
END $$;
COMMENT ON FUNCTION monitoring.status() IS
'What the journal does in this database, a row each: what, its state, why it is so, and how to change it or what to do. The last rows are counters, since the server started '
'(without preloading: since this session loaded the library, of this session); for all databases; losses say so. For pg_monitor.';

-- What the self-test has left in the table; as the extension's owner, for those who may read it but not delete.
CREATE FUNCTION lifeguard.forget_selftest(message text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_read_only')::boolean OR message IS NULL OR message NOT LIKE 'lifeguard selftest %' THEN
    RETURN false;
  END IF;
  EXECUTE format('DELETE FROM %s WHERE error_message = $1', lifeguard.change_safely(lifeguard.errors_table())) USING message;
  PERFORM lifeguard.change_safely('monitoring.quarantined_errors');
  DELETE FROM monitoring.quarantined_errors WHERE entry ->> 'error_message' = message;
  RETURN true;
EXCEPTION WHEN SQLSTATE 'LG204' THEN   -- what another owner put on the table is not to run as the extension's
  RETURN false;
END $$;
COMMENT ON FUNCTION lifeguard.forget_selftest(text) IS
'Deletes the rows of one run of monitoring.selftest(), also from quarantine; false when that cannot be done here. For pg_monitor.';

CREATE FUNCTION monitoring.selftest() RETURNS TABLE (what text, works boolean, why text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  message  constant text := 'lifeguard selftest ' || gen_random_uuid();
  standby  constant boolean := pg_is_in_recovery();
  started  constant timestamptz := clock_timestamp();
  tried    constant text[] := '{logged,uncaught,swallowed}';
  kept     bigint[];   -- the counter of what was kept, before and after each
  logged   uuid;
  arrived  boolean;
  rows     jsonb;      -- how many are in the table, for each source
  took     interval;
  refusal  text;       -- why the table took none of them
  problem  text;
  is_off   boolean;
  source   text;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG204', MESSAGE = 'the self-test cannot see rows that are stored while it runs',
      DETAIL = jsonb_build_object('transaction_isolation', current_setting('transaction_isolation')),
      HINT = 'Call it in a transaction of its own with the isolation level READ COMMITTED.';
  END IF;

  kept := ARRAY(SELECT value FROM lifeguard.journal_counters() WHERE counter = 'kept');
  BEGIN
    logged := monitoring.log_error('selftest', message);
    RAISE EXCEPTION USING MESSAGE = message;
  EXCEPTION WHEN raise_exception THEN
    kept := kept || ARRAY(SELECT value FROM lifeguard.journal_counters() WHERE counter = 'kept');
  END;
  PERFORM lifeguard.raise_uncaught(message);
  kept := kept || ARRAY(SELECT value FROM lifeguard.journal_counters() WHERE counter = 'kept');
  -- code that is not the extension's: of its own functions nothing is told
  EXECUTE format('DO $canary$ BEGIN RAISE EXCEPTION USING MESSAGE = %L; EXCEPTION WHEN OTHERS THEN NULL; END $canary$', message);
  kept := kept || ARRAY(SELECT value FROM lifeguard.journal_counters() WHERE counter = 'kept');

  arrived := NOT standby AND monitoring.drain('5 seconds');
  took := clock_timestamp() - started;
  EXECUTE format('SELECT coalesce(jsonb_object_agg(source, n), ''{}'') FROM (SELECT source, count(*) AS n FROM %s WHERE error_message = $1 GROUP BY source) AS s',
                 lifeguard.errors_table())
    INTO rows USING message;
  refusal := (SELECT q.reason FROM monitoring.quarantined_errors q WHERE q.entry ->> 'error_message' = message LIMIT 1);

  FOR place IN 1 .. 3 LOOP
    source := tried[place];
    SELECT s.why, s.state = 'not kept' INTO problem, is_off FROM monitoring.status() s
     WHERE s.what = CASE source WHEN 'uncaught' THEN 'uncaught errors' WHEN 'swallowed' THEN 'swallowed exceptions' END AND s.state <> 'kept';
    IF source = 'logged' AND logged IS NULL THEN
      problem := 'log_error() could not keep it';
    END IF;
    what := CASE source WHEN 'logged' THEN 'log_error() survives a rollback' WHEN 'uncaught' THEN 'uncaught errors are kept' ELSE 'swallowed exceptions are kept' END;
    works := rows ? source OR standby AND is_off IS NOT TRUE AND kept[place + 1] > kept[place];
    why := CASE WHEN rows ? source THEN NULL
                WHEN works THEN 'kept; this server is a standby, the row appears after its promotion'
                WHEN problem IS NULL AND refusal IS NOT NULL THEN format('kept, but the table refused it: %s', refusal)
                WHEN problem IS NULL AND kept[place + 1] > kept[place] AND arrived
                  THEN 'kept, but not as a row: ' || CASE source WHEN 'logged' THEN 'this role has called log_error() more often than lifeguard.log_rate allows'
                                                                 ELSE 'somebody deleted it, or it was the error of another session' END
                WHEN problem IS NULL AND kept[place + 1] > kept[place] THEN 'kept, but not in the table yet'
                ELSE coalesce(problem, 'nothing was kept; SELECT * FROM monitoring.status() may say why') END;
    RETURN NEXT;
  END LOOP;

  what := 'stored within 5 seconds';
  works := CASE WHEN NOT standby THEN arrived END;
  why := CASE WHEN standby THEN 'this server is a standby: nothing is stored before its promotion'
              WHEN arrived THEN format('%s ms', round(extract(epoch FROM took) * 1000))
              ELSE coalesce((SELECT s.state FROM monitoring.status() s WHERE s.what = 'trouble' AND s.state <> 'none'), 'the writer did not come that far; the server log may have the reason') END;
  IF NOT lifeguard.forget_selftest(message) THEN
    why := concat_ws('; ', why, format('the rows stay in the table: %s', message));
  END IF;
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION monitoring.selftest() IS
'Tries the journal in this session: logs an error and rolls it back, sends one to the server log, swallows one, waits up to 5 seconds for the rows, and deletes them. '
'A row each: what, whether it works (null: cannot be told here), and why not. Raises LG204 when the isolation level is not READ COMMITTED. For pg_monitor.';

REVOKE EXECUTE ON FUNCTION monitoring.status(), monitoring.selftest(), lifeguard.forget_selftest(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION monitoring.status(), monitoring.selftest(), lifeguard.forget_selftest(text) TO pg_monitor;

SELECT lifeguard.begin_journal();
