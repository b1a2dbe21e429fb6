-- monitoring.metrics: what Prometheus is to know. metrics/ has the configuration of an exporter that reads it.

CREATE FUNCTION lifeguard.gauge_metrics(OUT gauge text, OUT label text, OUT unit text, OUT value double precision, OUT total double precision) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' SET lifeguard.capture_swallowed = off SET transaction_read_only = on AS $$
DECLARE
  kind record;
BEGIN
  FOR kind IN SELECT g.name, g.function, p.proowner FROM monitoring.gauges g LEFT JOIN pg_proc p ON p.oid = to_regprocedure(g.function || '()') ORDER BY g.name LOOP
    BEGIN   -- as the function's owner; one that fails, waits for a lock, or is no more, is unknown and leaves the others alone
      RETURN QUERY
      SELECT DISTINCT ON (r.label, r.unit) kind.name, r.label, r.unit, (g ->> 'value')::double precision, (g ->> 'total')::double precision
        FROM lifeguard.read_as(coalesce(kind.proowner, 0::oid), format('SELECT to_jsonb(g) FROM %s() AS g LIMIT 100', kind.function)) AS g,
             LATERAL (SELECT coalesce(g ->> 'label', ''), coalesce(g ->> 'unit', '')) AS r(label, unit);
    EXCEPTION WHEN OTHERS THEN
      RETURN QUERY VALUES (kind.name, ''::text, ''::text, NULL::double precision, NULL::double precision);
    END;
  END LOOP;
END $$;
COMMENT ON FUNCTION lifeguard.gauge_metrics() IS
'The readings of monitoring.gauges, a hundred of each, by label and unit; a null where a function fails or waits for a lock longer than 200 ms, or would write. For monitoring.metrics. For pg_monitor.';
REVOKE EXECUTE ON FUNCTION lifeguard.gauge_metrics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifeguard.gauge_metrics() TO pg_monitor;

-- A topic is a branch: who asks for one pays for no other.
CREATE VIEW monitoring.metrics WITH (security_invoker = true) AS
SELECT m.name, jsonb_build_object('source', e.source, 'severity', e.severity) AS labels, m.value, m.help, 'gauge' AS type, 'errors' AS topic
  FROM (SELECT source, severity, count(*) FILTER (WHERE NOT resolved) AS unresolved, sum(occurrences::double precision) AS occurrences FROM monitoring.system_errors GROUP BY source, severity) AS e,
       LATERAL (VALUES ('lifeguard_errors_unresolved', e.unresolved::double precision, 'Errors in the journal that nobody has resolved.'),
                       ('lifeguard_errors_occurrences', e.occurrences, 'How often the errors in the journal occurred, with repetitions; less when old ones are removed.')) AS m(name, value, help)
UNION ALL
SELECT 'lifeguard_journal_entries_total', jsonb_build_object('counter', counter), value::double precision, 'What the journal has counted since the server started, in all databases; losses among it.', 'counter', 'counters'
  FROM lifeguard.journal_counters()
UNION ALL
SELECT m.name, '{}', m.value, m.help, 'gauge', 'journal'
  FROM lifeguard.journal_state() AS s,
       LATERAL (VALUES ('lifeguard_journal_waiting_bytes', s.bytes_waiting::double precision, 'Entries of the journal that are not in the table yet.'),
                       ('lifeguard_journal_quarantined', (SELECT count(*) FROM monitoring.quarantined_errors)::double precision, 'Errors that the table refused.')) AS m(name, value, help)
UNION ALL
SELECT 'lifeguard_check_status', jsonb_build_object('check', name, 'category', category), (array_position('{healthy,warning,critical}', status) - 1)::double precision,
       'What the check said last: 0 healthy, 1 warning, 2 critical.', 'gauge', 'check'
  FROM lifeguard.check_state
UNION ALL
SELECT m.name, '{}', m.value, m.help, 'gauge', 'checks'
  FROM lifeguard.check_score() AS s,
       LATERAL (VALUES ('lifeguard_checks_score', s.score::double precision, 'The database''s score, 0 to 100; unknown before the checks ran.'),
                       ('lifeguard_checks_age_seconds', (SELECT extract(epoch FROM clock_timestamp() - max(started_at)) FROM monitoring.check_runs)::double precision,
                        'Time since the last run of the checks; unknown before the first.')) AS m(name, value, help)
UNION ALL
SELECT 'lifeguard_findings_open', jsonb_build_object('severity', severity), count(f.id)::double precision, 'What the checks found when they ran last.', 'gauge', 'findings'
  FROM (VALUES ('warning'), ('critical')) AS s(severity)
  LEFT JOIN (SELECT f.id, f.severity FROM monitoring.check_findings f JOIN lifeguard.check_state c USING (name) WHERE f.gone_at IS NULL AND f.last_run = c.run) AS f USING (severity)
 GROUP BY severity
UNION ALL
SELECT m.name, jsonb_build_object('job_name', j.name), m.value, m.help, 'gauge', 'jobs'
  FROM monitoring.jobs AS j,
       LATERAL (VALUES ('lifeguard_job_success_age_seconds', extract(epoch FROM clock_timestamp() - j.last_success)::double precision, 'Time since the job last succeeded; unknown when it never did.'),
                       ('lifeguard_job_failures', j.failures::double precision, 'Runs of the job that failed since it last succeeded.'),
                       ('lifeguard_job_missed', j.missed::double precision, 'Runs of the job that were due since its last and did not happen; unknown when it is not scheduled.')) AS m(name, value, help)
UNION ALL
SELECT 'lifeguard_audit_rows', '{}', sum(greatest(c.reltuples, 0))::double precision, 'Rows of the audit log, as the server estimates.', 'gauge', 'audit'
  FROM pg_catalog.pg_partition_tree(to_regclass('monitoring.audit_log')) AS p JOIN pg_catalog.pg_class c ON c.oid = p.relid WHERE p.isleaf
UNION ALL
SELECT 'lifeguard_rules_declared', jsonb_build_object('kind', coalesce(kind, 'unreadable')), count(*)::double precision, 'Rules on tables.', 'gauge', 'rules'
  FROM lifeguard.rules GROUP BY kind
UNION ALL
SELECT m.name, '{}', m.value, m.help, 'gauge', 'locks'
  FROM (SELECT count(DISTINCT l.pid) AS waiting, min(l.waitstart) AS since FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database()) AS w,
       LATERAL (VALUES ('lifeguard_locks_waiting', w.waiting::double precision, 'Sessions of this database that wait for a lock.'),
                       ('lifeguard_locks_wait_seconds', coalesce(extract(epoch FROM clock_timestamp() - w.since), 0)::double precision, 'For how long the first of them has waited.')) AS m(name, value, help)
UNION ALL
SELECT m.name, jsonb_build_object('gauge', g.gauge, 'label', g.label, 'unit', g.unit), m.value, m.help, 'gauge', 'gauges'
  FROM lifeguard.gauge_metrics() AS g,
       LATERAL (VALUES ('lifeguard_gauge_value', g.value, 'A reading of monitoring.gauges; unknown when its function fails.'), ('lifeguard_gauge_total', g.total, 'What the reading is a part of.')) AS m(name, value, help);
COMMENT ON VIEW monitoring.metrics IS
'What Prometheus is to know, a row each: name, labels, value (null: unknown), what it means, whether it is a gauge or a counter; who asks for one topic pays for no other. '
'metrics/ has the configuration for an exporter. For pg_monitor.';
GRANT SELECT ON monitoring.metrics TO pg_monitor;
