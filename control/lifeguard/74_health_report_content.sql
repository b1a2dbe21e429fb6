-- What the health report shows: one jsonb that the text, the markdown and the html lay out, each in a module of its own. All that is decided is decided
-- here: what is left out, how long a text may be, how a number is written. What came from data is in it as it will be read, and not yet escaped.

-- The first characters of a text, without what would leave its place: line ends (unless lines are kept), control characters, and the marks that
-- turn the direction of what follows.
CREATE FUNCTION lifeguard.report_text(content text, length int, keep_lines boolean DEFAULT false) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN char_length(tidy) > length THEN rtrim(left(tidy, length - 3)) || '...' ELSE tidy END
    FROM (SELECT regexp_replace(CASE WHEN keep_lines THEN btrim(replace(replace(content, E'\r\n', E'\n'), E'\t', '    '), E'\n ')
                                     ELSE btrim(regexp_replace(content, '\s+', ' ', 'g')) END,
                                '[\u0001-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\uffff]', '?', 'g') AS tidy
            FROM (SELECT left(report_text.content, 2 * length) AS content) AS c) AS t
$$;
COMMENT ON FUNCTION lifeguard.report_text(text, int, boolean) IS
'A text as a report shows it: at most so many characters, "?" for control characters and marks of direction, spaces for line ends unless they are kept.';

CREATE FUNCTION lifeguard.report_time(moment timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN isfinite(moment) THEN to_char(moment, 'Dy FMDD Mon YYYY, HH24:MI TZ') ELSE moment::text END
$$;
COMMENT ON FUNCTION lifeguard.report_time(timestamptz) IS 'A moment as a report writes it, in the session''s time zone and in English.';

CREATE FUNCTION lifeguard.report_number(value numeric, cents boolean DEFAULT false) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN value IN ('NaN', 'Infinity', '-Infinity') OR abs(value) >= 1e15 THEN left(value::text, 20)
              WHEN cents AND round(value, 2) <> trunc(value) THEN to_char(value, 'FM999,999,999,999,990.00')
              ELSE rtrim(to_char(value, 'FM999,999,999,999,990.99'), '.') END
$$;
COMMENT ON FUNCTION lifeguard.report_number(numeric, boolean) IS 'A number as a report writes it: 1,234 or 1,234.5; with cents 1,234.50.';

CREATE FUNCTION lifeguard.counted(number bigint, singular text, plural text DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.report_number(number) || ' ' || CASE WHEN number = 1 THEN singular ELSE coalesce(plural, singular || 's') END
$$;
COMMENT ON FUNCTION lifeguard.counted(bigint, text, text) IS 'So many of something: "1 error", "2 errors".';

CREATE FUNCTION lifeguard.report_gauge(gauge monitoring.gauge) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
           'label', lifeguard.report_text(coalesce(gauge.label, ''), 80),
           'reading', CASE WHEN gauge.value IS NULL THEN 'unknown'
                           ELSE written.value || coalesce(' of ' || written.total, '') || coalesce(' ' || nullif(unit.rest, ''), '') END,
           'share', CASE WHEN gauge.value <> 'NaN' AND gauge.total > 0 AND gauge.total < 'Infinity'
                         THEN round(greatest(0, least(1, CASE WHEN gauge.value >= gauge.total THEN 1 WHEN gauge.value <= 0 THEN 0 ELSE gauge.value / gauge.total END)), 3) END)
    FROM (SELECT lifeguard.report_text(gauge.unit, 20) AS unit) AS u,
         -- a sign of a currency goes before each number, % behind it; the rest of the unit ends the line
         LATERAL (SELECT substring(u.unit FROM '^[$\u00a3\u00a5\u20ac]') AS before, substring(u.unit FROM '^%') AS behind,
                         btrim(regexp_replace(u.unit, '^[$\u00a3\u00a5\u20ac%]', '')) AS rest) AS unit,
         LATERAL (SELECT CASE WHEN n.value < 0 THEN '-' ELSE '' END || coalesce(unit.before, '') || lifeguard.report_number(abs(n.value), unit.before IS NOT NULL) || coalesce(unit.behind, '') AS value,
                         coalesce(unit.before, '') || lifeguard.report_number(n.total, unit.before IS NOT NULL) || coalesce(unit.behind, '') AS total
                    FROM (SELECT gauge.value, gauge.total) AS n) AS written
$$;
COMMENT ON FUNCTION lifeguard.report_gauge(monitoring.gauge) IS
'A gauge as a report shows it: label, reading ("$179 of $250 left" of the unit "$ left"), share of the total between 0 and 1, null where there is none.';

-- As their owners, as the checks are: who reads the report need not have rights on what they read. They only read.
CREATE FUNCTION lifeguard.report_gauges() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET transaction_read_only = on AS $$
DECLARE
  most constant int := 12;   -- readings shown of one function
  kind    record;
  shown   jsonb;
  total   bigint;
  problem text;
  gauges  jsonb := '[]';
BEGIN
  FOR kind IN SELECT g.title, g.function || '()' AS call, p.proowner AS owner FROM monitoring.gauges g LEFT JOIN pg_proc p ON p.oid = to_regprocedure(g.function || '()') ORDER BY g.name LOOP
    -- what cannot be read says so in its place and leaves the rest of the report alone
    BEGIN
      IF kind.owner IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_function', MESSAGE = format('there is no function %s', kind.call);
      END IF;
      SELECT coalesce(jsonb_agg(lifeguard.report_gauge(jsonb_populate_record(NULL::monitoring.gauge, r.gauge)) ORDER BY r.n) FILTER (WHERE r.n <= most), '[]'), count(*)
        INTO shown, total
        FROM lifeguard.read_as(kind.owner, format('SELECT to_jsonb(g) FROM %s AS g', kind.call)) WITH ORDINALITY AS r(gauge, n);
      problem := NULL;
    EXCEPTION WHEN OTHERS THEN
      shown := '[]';
      total := 0;
      problem := SQLERRM;
    END;
    gauges := gauges || jsonb_build_object('title', lifeguard.report_text(kind.title, 80), 'readings', shown, 'more', greatest(total - most, 0),
                                           'problem', lifeguard.report_text(problem, 200));
  END LOOP;
  RETURN gauges;
END $$;
COMMENT ON FUNCTION lifeguard.report_gauges() IS
'What monitoring.gauges read now, each as the owner of its function: title, readings (lifeguard.report_gauge), how many more there are, and the problem where it could not be read. For pg_monitor.';
REVOKE EXECUTE ON FUNCTION lifeguard.report_gauges() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifeguard.report_gauges() TO pg_monitor;

-- A body that is bound when it is made: it finds the table whatever its name will be.
CREATE FUNCTION lifeguard.report_errors(days int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN (
  WITH counted AS (
    SELECT created_at::date AS day, sum(occurrences)::bigint AS occurrences FROM monitoring.system_errors WHERE created_at >= current_date - days + 1 GROUP BY 1
  ), calendar AS (
    SELECT day::date, coalesce(c.occurrences, 0) AS occurrences, max(c.occurrences) OVER () AS most,
           -- days without errors that follow each other share a line
           CASE WHEN c.occurrences IS NULL THEN count(c.occurrences) OVER (ORDER BY day) ELSE -row_number() OVER (ORDER BY day) END AS line
      FROM generate_series((current_date - days + 1)::timestamp, current_date::timestamp, '1 day') AS day LEFT JOIN counted c USING (day)
  ), lines AS (
    SELECT min(day) AS first, max(day) AS last, sum(occurrences)::bigint AS occurrences, max(occurrences)::numeric / max(most) AS share FROM calendar GROUP BY line
  )
  SELECT jsonb_build_object('days', days, 'total', coalesce(sum(occurrences), 0),
           'lines', coalesce(jsonb_agg(jsonb_build_object(
             'day', CASE WHEN first = last THEN to_char(first, 'Dy FMDD Mon') ELSE to_char(first, 'FMDD Mon') || ' - ' || to_char(last, 'FMDD Mon') END,
             'occurrences', lifeguard.report_number(occurrences), 'share', coalesce(round(share, 3), 0)) ORDER BY last DESC), '[]'))
    FROM lines);
COMMENT ON FUNCTION lifeguard.report_errors(int) IS
'The journal''s errors of so many days up to today (of the session''s time zone): how many in all, and a line a day, the latest first, days without errors together.';

CREATE FUNCTION lifeguard.report_findings(health jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH listed AS (
    SELECT f ->> 'check' AS "check", f ->> 'category' AS category, f ->> 'severity' AS severity, coalesce(f ->> 'object', '') AS object, coalesce(f ->> 'message', '') AS message,
           f ->> 'remedy' AS remedy, (f ->> 'since')::timestamptz AS since, f ->> 'change' = 'new' AS is_new, n
      FROM jsonb_array_elements(health -> 'findings') WITH ORDINALITY AS e(f, n)
  ), placed AS (
    SELECT *, row_number() OVER (PARTITION BY severity, "check" ORDER BY is_new DESC, n) AS place, count(*) OVER (PARTITION BY severity, "check") AS of_check FROM listed
  ), chosen AS (   -- at most 8 of a check and 60 in all; of each check one before the second of any other
    SELECT * FROM (SELECT *, row_number() OVER (ORDER BY place > 1, severity = 'critical' DESC, place, n) AS rank FROM placed WHERE place <= 8) AS r WHERE rank <= 60
  ), checks AS (
    SELECT severity, "check", min(n) AS n, jsonb_build_object(
             'check', lifeguard.report_text("check", 100), 'category', lifeguard.report_text(min(category), 60),
             -- what to do stands once below them, or with each where it is not the same
             'remedy', CASE WHEN min(remedy) = max(remedy) AND count(*) = count(remedy) THEN lifeguard.report_text(min(remedy), 2000, true) END,
             'findings', jsonb_agg(jsonb_build_object(
               'object', lifeguard.report_text(object, 200), 'message', lifeguard.report_text(message, 400), 'new', is_new,
               'remedy', lifeguard.report_text(remedy, 2000, true), 'since', CASE WHEN NOT is_new THEN 'since ' || to_char(since, 'Dy FMDD Mon YYYY') END) ORDER BY place),
             'more', CASE WHEN min(of_check) > count(*)
                          THEN format('and %s%s more of this check', CASE WHEN health ->> 'findings_left_out' > '0' THEN 'at least ' ELSE '' END, min(of_check) - count(*)) END) AS shown
      FROM chosen GROUP BY severity, "check"
  )
  SELECT jsonb_build_object(
           'groups', coalesce((SELECT jsonb_agg(jsonb_build_object('severity', severity, 'checks', checks) ORDER BY severity = 'critical' DESC)
                                 FROM (SELECT severity, jsonb_agg(shown ORDER BY n) AS checks FROM checks GROUP BY severity) AS s), '[]'),
           'left_out', (SELECT count(*) FROM listed) - (SELECT count(*) FROM chosen) + coalesce((health ->> 'findings_left_out')::bigint, 0))
$$;
COMMENT ON FUNCTION lifeguard.report_findings(jsonb) IS
'The findings of monitoring.health() as a report shows them: groups by severity, the critical first, in them the checks with their findings and their remedy; how many are left out.';

CREATE FUNCTION lifeguard.report_content(health jsonb) RETURNS jsonb
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.report_findings(health) || jsonb_build_object(
    'database', lifeguard.report_text(health ->> 'database', 63),
    'status', health -> 'status',
    'score', health -> 'score',
    'counts', health -> 'counts',
    'checked', lifeguard.report_time((health ->> 'checked_at')::timestamptz),
    'unknown', CASE WHEN health ->> 'checked_at' IS NULL THEN 'The checks have never run. Run them:'
                    WHEN health ->> 'score' IS NULL THEN 'No check that is enabled has run. Run them:' END,
    'checks', CASE WHEN h.counts ->> 'healthy' = h.counts ->> 'checks' THEN lifeguard.counted((h.counts ->> 'checks')::bigint, 'check') || ', all healthy'
                   ELSE concat_ws(', ', nullif(h.counts ->> 'critical', '0') || ' critical', lifeguard.counted(nullif((h.counts ->> 'warning')::bigint, 0), 'warning'), (h.counts ->> 'healthy') || ' healthy')
                        || ' of ' || lifeguard.counted((h.counts ->> 'checks')::bigint, 'check') END,
    'changes', CASE WHEN jsonb_typeof(health -> 'previous') = 'object' THEN format('%s new, %s gone', lifeguard.report_number((h.counts ->> 'new')::numeric), lifeguard.report_number((h.counts ->> 'gone')::numeric)) END,
    'previous', CASE WHEN jsonb_typeof(health -> 'previous') = 'object'
                     THEN concat_ws(', ', lifeguard.report_time((health #>> '{previous,checked_at}')::timestamptz), health #>> '{previous,status}', 'score ' || (health #>> '{previous,score}')) END,
    'gone', (SELECT coalesce(jsonb_agg(jsonb_build_object('check', lifeguard.report_text(g ->> 'check', 100), 'object', lifeguard.report_text(coalesce(g ->> 'object', ''), 200),
                                                          'message', lifeguard.report_text(coalesce(g ->> 'message', ''), 200)) ORDER BY n), '[]')
               FROM jsonb_array_elements(health -> 'gone') WITH ORDINALITY AS e(g, n) WHERE n <= 10),
    'gone_left_out', greatest((h.counts ->> 'gone')::bigint - 10, 0),
    'gauges', lifeguard.report_gauges(),
    'errors', lifeguard.report_errors(30))
    FROM (SELECT coalesce(health -> 'counts', '{}') AS counts) AS h
$$;
COMMENT ON FUNCTION lifeguard.report_content(jsonb) IS
'What the health report shows of what monitoring.health() says, with the gauges as they read now and the errors of 30 days. The three formats lay it out.';
