-- The checks of the jobs: not scheduled, missed, failed.

CREATE FUNCTION lifeguard.check_jobs_scheduled() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place constant text := lifeguard.pg_cron_database();
BEGIN
  IF NOT EXISTS (SELECT FROM monitoring.job_definitions) AND NOT EXISTS (SELECT FROM monitoring.job_schedules) THEN
    RETURN;
  ELSIF place IS NULL THEN
    RETURN NEXT ('pg_cron', 'this server has not loaded pg_cron: no job runs by itself',
                 jsonb_build_object('remedy', 'Install pg_cron, put it into shared_preload_libraries and restart, then call monitoring.schedule_jobs()'), NULL)::monitoring.finding;
    RETURN;
  ELSIF place = current_database() AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    RETURN NEXT ('pg_cron', format('the database %I has no extension pg_cron: no job runs by itself', place),
                 jsonb_build_object('remedy', 'CREATE EXTENSION pg_cron; SELECT * FROM monitoring.schedule_jobs();'), NULL)::monitoring.finding;
    RETURN;
  END IF;
  RETURN QUERY
  SELECT coalesce(d.name, s.name),
         CASE WHEN d.name IS NULL THEN format('the job %I was dropped and is scheduled still', s.name)
              WHEN s.name IS NULL THEN format('the job %I is not scheduled', d.name)
              WHEN d.schedule <> s.schedule THEN format('the job %I is scheduled for %s, not for %s, as it is defined', d.name, s.schedule, d.schedule)
              ELSE format('the statement that schedules the job %I was handed out, and no job has run since', d.name) END,
         jsonb_build_object('schedule', d.schedule, 'scheduled', s.schedule, 'pg_cron', place), NULL::text
    FROM monitoring.job_definitions d FULL JOIN monitoring.job_schedules s USING (name)
   WHERE d.name IS NULL OR s.name IS NULL OR d.schedule <> s.schedule
      OR s.handed_out AND NOT EXISTS (SELECT FROM monitoring.job_runs r JOIN monitoring.job_schedules o USING (name) WHERE r.started_at > s.scheduled_at);
  IF place = current_database() AND has_schema_privilege('cron', 'USAGE') AND has_table_privilege('cron.job', 'SELECT') AND NOT row_security_active('cron.job') THEN
    RETURN QUERY EXECUTE $query$
      SELECT s.name, format('the job %I %s', s.name, CASE WHEN j.jobid IS NULL THEN 'is not in pg_cron any more' WHEN NOT j.active THEN 'is switched off in pg_cron'
                                                          ELSE format('is in pg_cron for %s, not for %s', j.schedule, s.cron_schedule) END),
             jsonb_build_object('cron_job', j.jobid, 'cron_name', s.cron_name), NULL::text
        FROM monitoring.job_schedules s JOIN monitoring.job_definitions d ON d.name = s.name AND d.schedule = s.schedule
        LEFT JOIN cron.job j ON j.jobname::text = s.cron_name AND j.database = current_database() AND j.username = s.scheduled_by
       WHERE NOT s.handed_out AND (j.jobid IS NULL OR NOT j.active OR j.schedule <> s.cron_schedule)$query$;
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.check_jobs_scheduled() IS
'Jobs that pg_cron does not run: not scheduled, defined otherwise since, dropped and scheduled still, only handed out; no pg_cron. Where pg_cron lives in this database, also those that somebody took out or switched off there.';

CREATE FUNCTION lifeguard.check_jobs_missed() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT j.name,
         format('the job %I has missed %s runs: it %s', j.name, CASE WHEN j.missed < 1000 THEN j.missed::text ELSE '1000 or more' END,
                CASE WHEN j.last_status = 'running' THEN format('has been running since %s', coalesce(j.last_run::text, 'some time'))
                     ELSE coalesce('last ran on ' || j.last_run, 'never ran') END),
         jsonb_build_object('missed', j.missed, 'last_run', j.last_run, 'schedule', j.schedule, 'time_zone', j.time_zone), NULL::text
    FROM monitoring.jobs j WHERE j.missed >= 2
$$;
COMMENT ON FUNCTION lifeguard.check_jobs_missed() IS 'Jobs that are scheduled and have missed two runs or more since their last.';

CREATE FUNCTION lifeguard.check_jobs_failed() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT j.name, format('the job %I failed%s: %s', j.name, CASE WHEN j.failures > 1 THEN format(' %s times in a row', j.failures) ELSE '' END, left(j.last_message, 1000)),
         jsonb_build_object('failures', j.failures, 'last_success', j.last_success, 'command', j.command), CASE WHEN j.failures > 1 THEN 'critical' END
    FROM (SELECT name, failures, last_success, command, (SELECT r.message FROM monitoring.job_runs r WHERE r.name = jobs.name AND r.status = 'failed' ORDER BY r.started_at DESC LIMIT 1) AS last_message
            FROM monitoring.jobs WHERE failures > 0) AS j
$$;
COMMENT ON FUNCTION lifeguard.check_jobs_failed() IS 'Jobs whose last run failed; two in a row are critical.';

REVOKE EXECUTE ON FUNCTION lifeguard.check_jobs_scheduled(), lifeguard.check_jobs_missed(), lifeguard.check_jobs_failed() FROM PUBLIC;

SELECT monitoring.add_check('jobs_not_scheduled', 'jobs', 'warning', 'lifeguard.check_jobs_scheduled()', 'jobs that nothing starts',
                            'SELECT * FROM monitoring.schedule_jobs();   -- and run the statements that it did not run itself; monitoring.drop_job(name) drops what is not wanted');
SELECT monitoring.add_check('jobs_missed', 'jobs', 'critical', 'lifeguard.check_jobs_missed()', 'jobs that missed two runs or more',
                            'See cron.job_run_details in pg_cron''s database and the server log why; SELECT monitoring.run_job(name) makes up for what was missed.');
SELECT monitoring.add_check('jobs_failed', 'jobs', 'warning', 'lifeguard.check_jobs_failed()', 'jobs whose last run failed (twice in a row: critical)',
                            'The whole error: SELECT * FROM monitoring.unresolved_errors WHERE error_type = ''job_failed''. Mend it, then SELECT monitoring.run_job(name).');
