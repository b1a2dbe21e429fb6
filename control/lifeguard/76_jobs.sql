-- Jobs: what is to be done when, the record of what was done, and how each is seen from both.

CREATE TABLE monitoring.job_definitions (
  name        text CONSTRAINT job_definitions_pkey PRIMARY KEY,
  schedule    text NOT NULL,
  command     text NOT NULL,
  description text NOT NULL,
  built_in    boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE monitoring.job_definitions IS
'Jobs: a cron expression and the SQL that runs in this database then; built_in: as lifeguard brings it. Written by monitoring.add_job() and drop_job(); monitoring.schedule_jobs() makes pg_cron run them.';
SELECT pg_extension_config_dump('monitoring.job_definitions', 'WHERE NOT built_in');

-- A dump has the jobs that were changed or added; CREATE EXTENSION has made some of the same names before they are restored.
CREATE FUNCTION lifeguard.replace_job() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM monitoring.job_definitions WHERE name = new.name;
  RETURN new;
END $$;
COMMENT ON FUNCTION lifeguard.replace_job() IS 'A job takes the place of the one of the same name.';
REVOKE EXECUTE ON FUNCTION lifeguard.replace_job() FROM PUBLIC;
CREATE TRIGGER replace_job BEFORE INSERT ON monitoring.job_definitions FOR EACH ROW EXECUTE FUNCTION lifeguard.replace_job();

CREATE TABLE monitoring.job_schedules (
  name          text CONSTRAINT job_schedules_pkey PRIMARY KEY,
  schedule      text NOT NULL,
  time_zone     text NOT NULL,
  cron_name     text NOT NULL,
  cron_schedule text NOT NULL,
  cron_database text NOT NULL,
  handed_out    boolean NOT NULL,
  scheduled_by  text NOT NULL,
  scheduled_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE monitoring.job_schedules IS
'What monitoring.schedule_jobs() has scheduled and as what; handed_out: it returned the statement, somebody was to run it. Of this server: not in a dump.';

CREATE TABLE monitoring.job_runs (
  name        text NOT NULL,
  started_at  timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  status      text NOT NULL CHECK (status IN ('succeeded', 'failed')),
  message     text,
  CONSTRAINT job_runs_pkey PRIMARY KEY (name, started_at)
);
COMMENT ON TABLE monitoring.job_runs IS
'Each run of a job, by monitoring.run_job(), which keeps them for 90 days, and the last success for longer. Of this server: not in a dump.';
GRANT SELECT ON monitoring.job_definitions, monitoring.job_schedules, monitoring.job_runs TO pg_monitor;

CREATE FUNCTION lifeguard.pg_cron_zone() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(nullif(current_setting('cron.timezone', true), ''), 'GMT')
$$;
COMMENT ON FUNCTION lifeguard.pg_cron_zone() IS 'The time zone of pg_cron''s schedules: its setting, which it has since 1.5; before that GMT.';

-- The numbers of the advisory lock that a run of a job holds; the first is the digits of "jobs" on a telephone.
CREATE FUNCTION lifeguard.job_lock(name text, OUT class int, OUT object int)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT 5627, hashtext(name) $$;
COMMENT ON FUNCTION lifeguard.job_lock(text) IS 'The advisory lock that a run of this job holds.';

CREATE FUNCTION monitoring.add_job(name text, schedule text, command text, description text DEFAULT '') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  problem constant text := CASE WHEN coalesce(btrim(name), '') = '' THEN 'a job has a name'
                                WHEN length(name) > 200 THEN 'the name of a job has at most 200 characters'
                                WHEN coalesce(btrim(command), '') = '' THEN format('the job %I has no command', name) END;
BEGIN
  PERFORM lifeguard.change_safely('monitoring.job_definitions');
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG430', MESSAGE = problem, DETAIL = jsonb_build_object('job', name),
      HINT = 'SELECT monitoring.add_job(''nightly'', ''0 2 * * *'', ''SELECT shop.nightly()'', ''what it is for'');';
  END IF;
  IF NOT EXISTS (SELECT FROM lifeguard.cron_runs(schedule, now(), NULL, 'GMT', 1)) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG430', MESSAGE = format('the schedule %L of the job %I is never due', schedule, name),
      DETAIL = jsonb_build_object('job', name, 'schedule', schedule), HINT = 'No month that it names has such a day.';
  END IF;
  INSERT INTO monitoring.job_definitions (name, schedule, command, description) VALUES (add_job.name, add_job.schedule, add_job.command, coalesce(add_job.description, ''));
END $$;
COMMENT ON FUNCTION monitoring.add_job(text, text, text, text) IS
'Defines a job: a cron expression of five fields, and SQL to run in this database then, in one transaction, with qualified names. One of the same name is replaced. '
'It runs once monitoring.schedule_jobs() was called; a new command of a job that is scheduled is used from its next run on. '
'For superusers, and whom they grant it with the rights on the tables: whoever defines a job acts as the role that scheduled it. Raises LG430 (name, command or schedule are wrong), LG204.';

CREATE FUNCTION monitoring.drop_job(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lifeguard.change_safely('monitoring.job_definitions');
  DELETE FROM monitoring.job_definitions d WHERE d.name = drop_job.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG431', MESSAGE = format('there is no job %s', coalesce(quote_ident(name), 'NULL')),
      DETAIL = jsonb_build_object('job', name), HINT = 'SELECT name FROM monitoring.job_definitions; lists them.';
  END IF;
END $$;
COMMENT ON FUNCTION monitoring.drop_job(text) IS
'Drops a job''s definition. One that is scheduled fails from then on, until monitoring.schedule_jobs() takes it out of pg_cron. For superusers, and whom they grant it. Raises LG431 (no such job), LG204.';

CREATE FUNCTION monitoring.run_job(name text, only_when_due boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  started constant timestamptz := clock_timestamp();
  job     monitoring.job_definitions;
  plan    monitoring.job_schedules;
  problem text;
  state   text;
  detail  text;
  place   text;
BEGIN
  PERFORM lifeguard.change_safely('monitoring.job_definitions'), lifeguard.change_safely('monitoring.job_runs');
  SELECT * INTO job FROM monitoring.job_definitions d WHERE d.name = run_job.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG431', MESSAGE = format('there is no job %s', coalesce(quote_ident(name), 'NULL')),
      DETAIL = jsonb_build_object('job', name), HINT = 'SELECT monitoring.schedule_jobs(); takes jobs that were dropped out of pg_cron.';
  END IF;
  IF NOT (SELECT pg_try_advisory_xact_lock(class, object) FROM lifeguard.job_lock(name)) THEN
    RETURN 'is running';
  END IF;
  IF only_when_due THEN   -- asked behind the lock: a run that has just ended counts
    SELECT * INTO plan FROM monitoring.job_schedules s WHERE s.name = run_job.name;
    IF FOUND AND NOT EXISTS (SELECT FROM lifeguard.cron_runs(plan.schedule, greatest(plan.scheduled_at, (SELECT max(r.started_at) FROM monitoring.job_runs r WHERE r.name = run_job.name)),
                                                             started, plan.time_zone, 1)) THEN
      RETURN 'is not due';
    END IF;
  END IF;
  BEGIN
    EXECUTE job.command;
    SET CONSTRAINTS ALL IMMEDIATE;   -- what the commit would find is found here
  EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
    GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, place = PG_EXCEPTION_CONTEXT;
    PERFORM monitoring.log_error('job_failed', format('the job %I failed: %s', name, problem),
                                 jsonb_strip_nulls(jsonb_build_object('job', name, 'command', job.command, 'sqlstate', state, 'detail', nullif(detail, ''), 'context', nullif(place, ''))));
  END;
  INSERT INTO monitoring.job_runs VALUES (run_job.name, started, clock_timestamp(), CASE WHEN problem IS NULL THEN 'succeeded' ELSE 'failed' END, problem);
  DELETE FROM monitoring.job_runs r
   WHERE r.name = run_job.name AND r.started_at < started - interval '90 days'
     AND r.started_at IS DISTINCT FROM (SELECT max(s.started_at) FROM monitoring.job_runs s WHERE s.name = run_job.name AND s.status = 'succeeded');
  RETURN CASE WHEN problem IS NULL THEN 'succeeded' ELSE 'failed' END;
END $$;
COMMENT ON FUNCTION monitoring.run_job(text, boolean) IS
'Runs a job now and records that in monitoring.job_runs. Returns succeeded; failed (what the job did is undone, the error is in the journal as job_failed); is running (another session does it, nothing was done); '
'or is not due (only_when_due: it has run since it was due last). Runs as the caller, who needs rights on the tables; pg_cron calls it as the role that scheduled. Raises LG431 (no such job), LG204.';

CREATE VIEW monitoring.jobs WITH (security_invoker = true) AS
SELECT d.name, d.description, d.schedule, coalesce(s.time_zone, lifeguard.pg_cron_zone()) AS time_zone, d.command,
       coalesce(s.schedule = d.schedule, false) AS scheduled, s.scheduled_at,
       CASE WHEN s.schedule = d.schedule THEN (SELECT r FROM lifeguard.cron_runs(s.schedule, now(), NULL, s.time_zone, 1) AS r) END AS next_run,
       coalesce(running.since, last.started_at) AS last_run,
       CASE WHEN running.pid IS NOT NULL THEN 'running' ELSE last.status END AS last_status,
       last.message AS last_message, last.finished_at - last.started_at AS took, success.last_success, coalesce(failures.failures, 0)::int AS failures,
       -- a minute's grace, for pg_cron to come to it; a lock that somebody holds is no run
       CASE WHEN s.name IS NOT NULL THEN (SELECT count(*)::int FROM lifeguard.cron_runs(s.schedule, greatest(last.started_at, s.scheduled_at), now() - interval '1 minute', s.time_zone, 1000)) END AS missed
  FROM monitoring.job_definitions d
  LEFT JOIN monitoring.job_schedules s USING (name)
  LEFT JOIN LATERAL (SELECT l.pid, a.xact_start AS since
                       FROM pg_catalog.pg_locks l JOIN lifeguard.job_lock(d.name) k ON l.classid = k.class::oid AND l.objid = k.object::oid LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
                      WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) LIMIT 1) AS running ON true
  LEFT JOIN LATERAL (SELECT * FROM monitoring.job_runs r WHERE r.name = d.name ORDER BY r.started_at DESC LIMIT 1) AS last ON true
  LEFT JOIN LATERAL (SELECT r.started_at AS last_success FROM monitoring.job_runs r WHERE r.name = d.name AND r.status = 'succeeded' ORDER BY r.started_at DESC LIMIT 1) AS success ON true
  LEFT JOIN LATERAL (SELECT count(*) AS failures FROM monitoring.job_runs r
                      WHERE r.name = d.name AND r.status = 'failed' AND r.started_at > coalesce(success.last_success, '-infinity')) AS failures ON true
 ORDER BY d.name;
COMMENT ON VIEW monitoring.jobs IS
'Each job: its schedule and the time zone of that, whether pg_cron was told (scheduled), the next run, the last one (running, succeeded or failed; the message of a failure; how long it took), the last success, '
'failures since then, and how many runs were missed since the last (1000: at least; null: not scheduled). For pg_monitor.';
GRANT SELECT ON monitoring.jobs TO pg_monitor;

REVOKE EXECUTE ON FUNCTION monitoring.add_job(text, text, text, text), monitoring.drop_job(text), monitoring.run_job(text, boolean) FROM PUBLIC;
