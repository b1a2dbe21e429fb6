-- Health: what the last runs of the checks say together; and what is to be shown beside it as a gauge.

CREATE VIEW lifeguard.check_state WITH (security_invoker = true) AS
SELECT c.name, c.category, c.remedy, t.run, t.status
  FROM monitoring.checks c,
       LATERAL (SELECT r.run, r.status FROM monitoring.check_results r WHERE r.name = c.name ORDER BY r.run DESC LIMIT 1) AS t
 WHERE c.enabled;
COMMENT ON VIEW lifeguard.check_state IS 'What each enabled check said when it ran last, and in which run.';
GRANT SELECT ON lifeguard.check_state TO pg_monitor;

CREATE FUNCTION lifeguard.check_score(OUT score int, OUT status text, OUT checks bigint, OUT healthy bigint, OUT warning bigint, OUT critical bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT round(100.0 * healthy / nullif(checks, 0)),
         CASE WHEN checks = 0 THEN 'UNKNOWN' WHEN critical > 0 THEN 'CRITICAL' WHEN warning > 0 THEN 'NEEDS ATTENTION' ELSE 'HEALTHY' END,
         checks, healthy, warning, critical
    FROM (SELECT count(*) AS checks, count(*) FILTER (WHERE status = 'healthy') AS healthy, count(*) FILTER (WHERE status = 'warning') AS warning,
                 count(*) FILTER (WHERE status = 'critical') AS critical FROM lifeguard.check_state) AS s
$$;
COMMENT ON FUNCTION lifeguard.check_score() IS
'The score (the share of healthy checks, 0 to 100), the status, and how many checks are in which state, by what each said last. For pg_monitor.';

CREATE FUNCTION monitoring.health() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH state AS MATERIALIZED (SELECT * FROM lifeguard.check_state),
  runs AS MATERIALIZED (SELECT r.*, row_number() OVER (ORDER BY r.id DESC) AS place FROM (SELECT * FROM monitoring.check_runs ORDER BY id DESC LIMIT 2) AS r),
  -- an open finding that the last run of its check did not look for is not told again
  found AS MATERIALIZED (
    SELECT f.*, s.category, s.remedy, CASE WHEN f.first_run = s.run THEN 'new' ELSE 'same' END AS change
      FROM state s JOIN monitoring.check_findings f ON f.name = s.name AND f.last_run = s.run
     WHERE f.gone_at IS NULL AND s.status <> 'healthy'),
  gone AS MATERIALIZED (
    SELECT f.name, f.object, f.message FROM state s JOIN monitoring.check_findings f ON f.name = s.name AND f.gone_run = s.run WHERE f.gone_at IS NOT NULL),
  -- a check that finds thousands leaves room for the others
  shown AS (SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY name ORDER BY severity, change, object COLLATE "C") AS place FROM found) AS f
             ORDER BY place > 10, severity, change, name COLLATE "C", object COLLATE "C" LIMIT 200),
  left_out AS (
    SELECT coalesce(sum((r.details ->> 'left_out')::bigint), 0)::bigint AS n FROM state s JOIN monitoring.check_results r ON r.name = s.name AND r.run = s.run WHERE r.details ? 'left_out')
  SELECT jsonb_build_object(
    'database', current_database(),
    'checked_at', (SELECT started_at FROM runs WHERE place = 1),
    'score', c.score,
    'status', c.status,
    'counts', jsonb_build_object('checks', c.checks, 'healthy', c.healthy, 'warning', c.warning, 'critical', c.critical,
                                 'findings', (SELECT count(*) FROM found) + l.n, 'new', (SELECT count(*) FROM found WHERE change = 'new'), 'gone', (SELECT count(*) FROM gone)),
    'findings', coalesce((SELECT jsonb_agg(jsonb_build_object('check', f.name, 'category', f.category, 'severity', f.severity, 'object', f.object, 'message', f.message,
                                                              'remedy', coalesce(f.details ->> 'remedy', f.remedy), 'details', CASE jsonb_typeof(f.details) WHEN 'object' THEN f.details - 'remedy' ELSE coalesce(f.details, '{}') END, 'since', f.first_seen_at, 'change', f.change)
                                           ORDER BY f.severity, f.change, f.name COLLATE "C", f.object COLLATE "C") FROM shown f), '[]'),
    'findings_left_out', greatest((SELECT count(*) FROM found) - 200, 0) + l.n,
    'gone', coalesce((SELECT jsonb_agg(jsonb_build_object('check', g.name, 'object', g.object, 'message', g.message) ORDER BY g.name COLLATE "C", g.object COLLATE "C")
                        FROM (SELECT * FROM gone ORDER BY name COLLATE "C", object COLLATE "C" LIMIT 200) AS g), '[]'),
    'previous', (SELECT jsonb_build_object('checked_at', started_at, 'score', score, 'status', status) FROM runs WHERE place = 2))
    FROM lifeguard.check_score() AS c, left_out AS l
$$;
COMMENT ON FUNCTION monitoring.health() IS
'The state of this database as the checks last said it, without running them: {"database", "checked_at", "score" (0 to 100, null when nothing ran), '
'"status" (HEALTHY, NEEDS ATTENTION, CRITICAL, UNKNOWN), "counts", "findings" (critical ones first, the new before the old, 200 at most), "findings_left_out", "gone", "previous"}. '
'A finding''s remedy is its own (details.remedy) or the check''s. After a run of one category the other checks count as they last ran. For pg_monitor.';

CREATE TYPE monitoring.gauge AS (label text, value numeric, total numeric, unit text);
COMMENT ON TYPE monitoring.gauge IS
'Something to be shown as a bar: its label, how much there is, of how much, and the unit.';

CREATE TABLE monitoring.gauges (
  name     text CONSTRAINT gauges_pkey PRIMARY KEY,
  title    text NOT NULL,
  function text NOT NULL CHECK (cardinality(parse_ident(function)) = 2)
);
GRANT SELECT ON monitoring.gauges TO pg_monitor;
SELECT pg_extension_config_dump('monitoring.gauges', '');
COMMENT ON TABLE monitoring.gauges IS
'What the report shows as bars: a title, and a function (schema.name, no arguments) that RETURNS SETOF monitoring.gauge. Written by monitoring.add_gauges() and drop_gauges().';

CREATE FUNCTION lifeguard.restore_gauges() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN NOT EXISTS (SELECT FROM monitoring.gauges g WHERE g.name = new.name) THEN new END;
END $$;
COMMENT ON FUNCTION lifeguard.restore_gauges() IS
'Trigger function of monitoring.gauges: what an extension has made already stays, when a restore brings it once more.';
REVOKE EXECUTE ON FUNCTION lifeguard.restore_gauges() FROM PUBLIC;
CREATE TRIGGER restore_gauges BEFORE INSERT ON monitoring.gauges FOR EACH ROW EXECUTE FUNCTION lifeguard.restore_gauges();

CREATE FUNCTION monitoring.add_gauges(name text, title text, function regprocedure) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  call    constant text := (SELECT format('%I.%I', n.nspname, p.proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = function);
  problem constant text := CASE
    WHEN coalesce(btrim(name), '') = '' OR length(name) > 100 THEN 'their name is a text of 1 to 100 characters'
    WHEN coalesce(btrim(title), '') = '' THEN 'they need a title'
    WHEN call IS NULL THEN 'there is no such function'
    WHEN NOT (SELECT p.proretset AND p.prokind = 'f' AND p.pronargs = 0 AND p.prorettype = 'monitoring.gauge'::regtype FROM pg_proc p WHERE p.oid = function)
      THEN format('%s is no function without arguments that RETURNS SETOF monitoring.gauge', function) END;
BEGIN
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG401', MESSAGE = format('the gauges %s cannot be added: %s', coalesce(quote_literal(name), 'NULL'), problem),
      DETAIL = jsonb_build_object('gauges', name, 'title', title, 'function', function::text);
  END IF;
  UPDATE monitoring.gauges g SET title = add_gauges.title, function = call WHERE g.name = add_gauges.name;
  IF NOT FOUND THEN
    INSERT INTO monitoring.gauges (name, title, function) VALUES (add_gauges.name, add_gauges.title, call);
  END IF;
END $$;
COMMENT ON FUNCTION monitoring.add_gauges(text, text, regprocedure) IS
'Registers a function without arguments that RETURNS SETOF monitoring.gauge: the report shows its rows as bars under the title. The same name again replaces it. '
'For superusers, and whom they grant it together with INSERT and UPDATE on monitoring.gauges. Raises LG401 (an argument that will not do).';

CREATE FUNCTION monitoring.drop_gauges(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM monitoring.gauges g WHERE g.name = drop_gauges.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG402', MESSAGE = format('there are no gauges %s', coalesce(quote_literal(name), 'NULL')),
      DETAIL = jsonb_build_object('gauges', name), HINT = 'SELECT name FROM monitoring.gauges; lists them.';
  END IF;
END $$;
COMMENT ON FUNCTION monitoring.drop_gauges(text) IS
'Takes monitoring.add_gauges() back. For superusers, and whom they grant it together with DELETE on monitoring.gauges. Raises LG402 (no such gauges).';

REVOKE EXECUTE ON FUNCTION lifeguard.check_score(), monitoring.health(), monitoring.add_gauges(text, text, regprocedure), monitoring.drop_gauges(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifeguard.check_score(), monitoring.health() TO pg_monitor;
