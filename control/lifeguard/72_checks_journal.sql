-- General checks: what went wrong lately, and whether the journal would have seen it.

CREATE FUNCTION lifeguard.check_unresolved_errors() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  errors constant regclass := lifeguard.errors_table();
BEGIN
  RETURN QUERY
    SELECT concat_ws(' ', e ->> 'source', e ->> 'error_type', e ->> 'sqlstate'),
           format('%s %s %s in the last 7 days, the last at %s: %s', e ->> 'occurrences', e ->> 'source', e ->> 'error_type', e ->> 'last_seen_at', left(e ->> 'error_message', 500)),
           e || jsonb_build_object('remedy', format('SELECT monitoring.resolve(%L, ''what was done'');', e ->> 'id')), NULL
      FROM lifeguard.read_as((SELECT relowner FROM pg_class WHERE oid = errors), format($query$
        SELECT to_jsonb(k) FROM (
          SELECT DISTINCT ON (error_type, source, sqlstate) error_type, source, sqlstate, id, error_message, last_seen_at,
                 sum(occurrences) OVER kind AS occurrences, count(*) OVER kind AS rows
            FROM %s WHERE NOT resolved AND last_seen_at > now() - interval '7 days'
          WINDOW kind AS (PARTITION BY error_type, source, sqlstate)
           ORDER BY error_type, source, sqlstate, last_seen_at DESC) AS k$query$, errors)) AS e;
END $$;

-- The counters stand still after a loss; each new value is told for a week.
CREATE FUNCTION lifeguard.check_journal_losses() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.what, format('the journal has lost entries since %s (%s): %s', pg_postmaster_start_time()::timestamptz(0), s.state, s.why),
         jsonb_build_object('lost', s.state, 'since', pg_postmaster_start_time(), 'remedy', s.how), NULL::text
    FROM monitoring.status() AS s
   WHERE s.what IN ('refused_full', 'refused_failed', 'rate_limited', 'torn') AND s.state ~ '^[1-9]'
     AND NOT EXISTS (SELECT FROM monitoring.check_findings f
                      WHERE f.name = 'journal_losses' AND f.object = s.what AND f.first_seen_at < now() - interval '7 days'
                        AND f.details -> 'lost' = to_jsonb(s.state) AND f.details -> 'since' = to_jsonb(pg_postmaster_start_time()))
$$;

CREATE FUNCTION lifeguard.check_journal_works() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.what, format('the journal: %s: %s; %s', s.what, s.state, s.why), jsonb_build_object('state', s.state, 'remedy', s.how), NULL::text
    FROM monitoring.status() AS s
   WHERE s.what = 'level' AND s.state <> 'preloaded' OR s.what IN ('uncaught errors', 'swallowed exceptions') AND s.state = 'not kept'
      OR s.what = 'launcher' AND s.state = 'does not run' AND NOT pg_is_in_recovery() OR s.what = 'trouble' AND s.state <> 'none'
      OR s.what = 'quarantine' AND s.state <> '0'
$$;

SELECT monitoring.add_check('unresolved_errors', 'journal', 'warning', 'lifeguard.check_unresolved_errors()',
                            'errors of the last 7 days that nobody has resolved, a finding for each kind', 'SELECT * FROM monitoring.unresolved_errors;'),
       monitoring.add_check('journal_losses', 'journal', 'warning', 'lifeguard.check_journal_losses()',
                            'errors that the journal had to drop since the server''s start; each new number is told for 7 days', 'SELECT * FROM monitoring.status();'),
       monitoring.add_check('journal_works', 'journal', 'warning', 'lifeguard.check_journal_works()',
                            'errors that the journal would not see or cannot store: not preloaded, switched off, no launcher, trouble, quarantine', 'SELECT * FROM monitoring.status();');
