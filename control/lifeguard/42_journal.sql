-- The journal: the table of errors, and the functions with which errors are kept and stored. src/journal is the engine.

CREATE TABLE monitoring.system_errors (
  id                uuid CONSTRAINT system_errors_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
  error_type        text NOT NULL,
  error_message     text NOT NULL,
  context           jsonb NOT NULL DEFAULT '{}',
  created_at        timestamptz NOT NULL DEFAULT now(),
  severity          text NOT NULL DEFAULT 'ERROR',
  sqlstate          text,
  source            text NOT NULL DEFAULT 'logged' CHECK (source IN ('logged', 'uncaught', 'swallowed', 'translated', 'action')),
  occurrences       bigint NOT NULL DEFAULT 1,
  last_seen_at      timestamptz NOT NULL DEFAULT now(),
  session_user_name text,
  app_user          uuid,
  resolved          boolean NOT NULL DEFAULT false,
  resolved_at       timestamptz,
  resolved_by       text,
  resolution        text
);
CREATE INDEX system_errors_created_at ON monitoring.system_errors (created_at);
GRANT SELECT ON monitoring.system_errors TO pg_monitor;
ALTER TABLE monitoring.system_errors ENABLE ROW LEVEL SECURITY;
SELECT pg_extension_config_dump('monitoring.system_errors', '');
COMMENT ON TABLE monitoring.system_errors IS
'Every error that was kept, a row each. An error that repeats itself within lifeguard.fold_window is one row: created_at is its first time, last_seen_at its last, '
'occurrences their number. source: logged (monitoring.log_error), uncaught (it reached the server log), swallowed and translated (a PL/pgSQL handler hid it, '
'or raised another), action (a lifecycle''s action). error_type is the caller''s, or the condition''s name. Read by pg_monitor; by others through a grant and a policy.';

CREATE POLICY pg_monitor_reads ON monitoring.system_errors FOR SELECT TO pg_monitor USING (true);
CREATE POLICY grantees_insert ON monitoring.system_errors FOR INSERT WITH CHECK (true);   -- grants decide who

-- Code that inserts into the table by itself gives NULLs where log_error() would not mind them.
CREATE FUNCTION lifeguard.fill_error() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  new.error_type := coalesce(new.error_type, 'unspecified');
  new.error_message := coalesce(new.error_message, '');
  new.context := coalesce(new.context, '{}');
  new.created_at := coalesce(new.created_at, now());
  RETURN new;
END $$;
COMMENT ON FUNCTION lifeguard.fill_error() IS
'Trigger function of monitoring.system_errors: puts defaults where an INSERT says NULL, so that the error is not lost over it.';
REVOKE EXECUTE ON FUNCTION lifeguard.fill_error() FROM PUBLIC;
CREATE TRIGGER fill_error BEFORE INSERT ON monitoring.system_errors FOR EACH ROW
  WHEN (new.error_type IS NULL OR new.error_message IS NULL OR new.context IS NULL OR new.created_at IS NULL)
  EXECUTE FUNCTION lifeguard.fill_error();

CREATE TABLE monitoring.quarantined_errors (
  id             uuid,
  reason         text,
  entry          jsonb,
  quarantined_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON monitoring.quarantined_errors TO pg_monitor;
SELECT pg_extension_config_dump('monitoring.quarantined_errors', '');
COMMENT ON TABLE monitoring.quarantined_errors IS
'Errors that monitoring.system_errors refused (by a constraint or a trigger that was put on it), with the reason. '
'monitoring.retry_quarantined() tries them again. Read by pg_monitor.';

CREATE TABLE monitoring.muted_functions (
  function text CONSTRAINT muted_functions_pkey PRIMARY KEY,
  reason   text,
  muted_by text,
  muted_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON monitoring.muted_functions TO pg_monitor;
SELECT pg_extension_config_dump('monitoring.muted_functions', '');
COMMENT ON TABLE monitoring.muted_functions IS
'Functions whose swallowed and translated exceptions are not stored; written by monitoring.mute() and unmute(). Read by pg_monitor.';

CREATE TABLE lifeguard.journal_files (
  file        uuid PRIMARY KEY,
  consumed    bigint NOT NULL,
  consumed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE lifeguard.journal_files IS
'How much of which journal file is in the table. Written with the rows, so that no entry is stored twice. Of this server alone: not dumped.';

-- The body keeps the table itself, not its name: a renamed table is found.
CREATE FUNCTION lifeguard.errors_table() RETURNS regclass
LANGUAGE sql STABLE PARALLEL SAFE
RETURN 'monitoring.system_errors'::regclass;
COMMENT ON FUNCTION lifeguard.errors_table() IS
'The table of errors, also when it has been renamed or moved.';

CREATE FUNCTION monitoring.log_error(error_type text, error_message text, context jsonb DEFAULT '{}') RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_log_error';
COMMENT ON FUNCTION monitoring.log_error(text, text, jsonb) IS
'Keeps an error and returns its id in monitoring.system_errors. It is kept whatever becomes of the transaction, also on a standby; the row appears within a second. '
'Never fails: a null type is "unspecified", a null message empty, a context that is no object becomes {"value": ...}. Who calls it more often than lifeguard.log_rate '
'allows gets the id of a row that counts (rate_limited), unless he may INSERT into the table. For everybody.';

CREATE FUNCTION monitoring.drain(timeout interval DEFAULT '10 seconds') RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_drain';
COMMENT ON FUNCTION monitoring.drain(interval) IS
'Waits until all that was kept before the call is in the table: true; or until the time is over: false. On a standby nothing is stored before its promotion. '
'Raises LG205 (a null or negative time). For pg_monitor.';

CREATE FUNCTION lifeguard.journal_state(OUT level text, OUT folder text, OUT bytes_waiting bigint, OUT writer_runs boolean, OUT launcher_runs boolean,
                                        OUT detector text, OUT trouble text)
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_journal_state';
COMMENT ON FUNCTION lifeguard.journal_state() IS
'The journal of this database as the library sees it. level: preloaded, session (by session_preload_libraries or local_preload_libraries), call (this session alone, by a call). '
'For tools; monitoring.status() is for people. For pg_monitor.';

CREATE FUNCTION lifeguard.journal_counters(OUT counter text, OUT value bigint) RETURNS SETOF record
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_journal_counters';
COMMENT ON FUNCTION lifeguard.journal_counters() IS
'What the journal has counted since the server started; without preloading since this session loaded the library. '
'For tools; monitoring.status() is for people. For pg_monitor.';

CREATE FUNCTION lifeguard.raise_uncaught(message text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'lifeguard_raise_uncaught';
COMMENT ON FUNCTION lifeguard.raise_uncaught(text) IS
'Sends an error (P0001) to the server log, the way of any error that nobody catches, and goes on. For monitoring.selftest(). For pg_monitor.';

CREATE FUNCTION lifeguard.begin_journal() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_begin_journal';
COMMENT ON FUNCTION lifeguard.begin_journal() IS
'The end of the extension''s script: from the commit on, sessions of this database keep what they see.';

REVOKE EXECUTE ON FUNCTION monitoring.drain(interval), lifeguard.journal_state(), lifeguard.journal_counters(), lifeguard.raise_uncaught(text),
                           lifeguard.begin_journal() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION monitoring.log_error(text, text, jsonb) TO PUBLIC;   -- also where default privileges say otherwise
GRANT EXECUTE ON FUNCTION monitoring.drain(interval), lifeguard.journal_state(), lifeguard.journal_counters(), lifeguard.raise_uncaught(text) TO pg_monitor;
