-- The jobs that lifeguard brings, and the reports that one of them keeps.

CREATE TABLE monitoring.reports (
  at     timestamptz CONSTRAINT reports_pkey PRIMARY KEY,
  score  int,
  status text NOT NULL,
  html   text NOT NULL,
  text   text NOT NULL
);
COMMENT ON TABLE monitoring.reports IS
'Reports on the health of the database, as they were; the weekly one among them. Written by monitoring.keep_report(), which keeps them for a year.';
SELECT pg_extension_config_dump('monitoring.reports', '');
GRANT SELECT ON monitoring.reports TO pg_monitor;

CREATE FUNCTION monitoring.keep_report(keep interval DEFAULT '1 year') RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  written constant timestamptz := now();
  health  jsonb;
BEGIN
  PERFORM lifeguard.change_safely('monitoring.reports');
  IF keep IS NULL OR keep < interval '0' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG205', MESSAGE = 'keep_report needs a time to keep reports for that is not negative', DETAIL = jsonb_build_object('keep', keep);
  END IF;
  health := monitoring.health();
  IF (health ->> 'checked_at')::timestamptz > now() - interval '1 day' IS NOT TRUE THEN   -- the job that checks did not run
    PERFORM monitoring.run_checks();
    health := monitoring.health();
  END IF;
  INSERT INTO monitoring.reports (at, score, status, html, text)
  VALUES (written, (health ->> 'score')::int, health ->> 'status', monitoring.health_report('html'), monitoring.health_report('text'))
  ON CONFLICT DO NOTHING;
  DELETE FROM monitoring.reports WHERE at < now() - keep;
  RETURN written;
END $$;
COMMENT ON FUNCTION monitoring.keep_report(interval) IS
'Keeps a report on the health of the database in monitoring.reports, once a transaction, and removes those that are older than this; returns its time. Runs the checks first where that was not done for a day. '
'Runs as the caller, who needs rights on the tables. Raises LG205 (a null or negative age), LG204.';

REVOKE EXECUTE ON FUNCTION monitoring.keep_report(interval) FROM PUBLIC;

-- The checks come after what mends at two.
INSERT INTO monitoring.job_definitions (name, schedule, command, description, built_in) VALUES
  ('checks', '20 2 * * *', 'SET LOCAL lifeguard.check_slice = -1; SELECT monitoring.run_checks()', 'runs the checks, over all rows', true),
  ('journal retention', '0 3 * * 0', 'SELECT monitoring.prune_errors(''30 days'', ''90 days'')', 'removes resolved errors after 30 days, unresolved ones after 90', true),
  ('weekly report', '0 8 * * 1', 'SELECT monitoring.keep_report()', 'keeps a report in monitoring.reports', true);
INSERT INTO monitoring.job_definitions (name, schedule, command, description, built_in)
SELECT 'audit', '30 2 * * *', 'SELECT monitoring.maintain_audit()', 'makes partitions of the audit log ahead and drops old ones', true
 WHERE to_regprocedure('monitoring.maintain_audit()') IS NOT NULL;
