-- General checks: what went wrong lately, and whether the journal would have seen it.

-- Kinds of errors, and their latest. Planning and reading the table runs what was put there: as its owner.
CREATE FUNCTION lifeguard.recent_errors(losses boolean) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  errors constant regclass := lifeguard.errors_table();
BEGIN
  RETURN QUERY
    SELECT * FROM lifeguard.read_as((SELECT relowner FROM pg_class WHERE oid = errors), format($query$
      SELECT to_jsonb(k) FROM (
        SELECT DISTINCT ON (error_type, source, sqlstate) error_type, source, sqlstate, id, error_message, last_seen_at, sum(occurrences) OVER kind AS occurrences, count(*) OVER kind AS rows
          FROM %s
         WHERE NOT resolved AND last_seen_at > now() - interval '7 days' AND (error_type IN ('journal_loss', 'rate_limited') AND source = 'logged') = %L
        WINDOW kind AS (PARTITION BY error_type, source, sqlstate)
         ORDER BY error_type, source, sqlstate, last_seen_at DESC) AS k$query$, errors, losses));
END $$;
COMMENT ON FUNCTION lifeguard.recent_errors(boolean) IS
'The kinds of errors of the last 7 days that are not resolved, each with its latest: those that tell of losses of the journal, or the others. For the checks unresolved_errors and journal_losses.';
REVOKE EXECUTE ON FUNCTION lifeguard.recent_errors(boolean) FROM PUBLIC;

CREATE FUNCTION lifeguard.check_unresolved_errors() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT concat_ws(' ', e ->> 'source', e ->> 'error_type', e ->> 'sqlstate'),
         format('%s %s %s in the last 7 days, the last at %s: %s', e ->> 'occurrences', e ->> 'source', e ->> 'error_type', (e ->> 'last_seen_at')::timestamptz(0), left(e ->> 'error_message', 500)),
         e || jsonb_build_object('remedy', format('SELECT monitoring.resolve(%L, ''what was done'');', e ->> 'id')), NULL::text
    FROM lifeguard.recent_errors(false) AS e
$$;

-- What is lost is told in the table, of this database; monitoring.status() counts for the whole server.
CREATE FUNCTION lifeguard.check_journal_losses() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT e ->> 'error_type', format('the journal has lost entries, the last time at %s: %s', (e ->> 'last_seen_at')::timestamptz(0), left(e ->> 'error_message', 500)),
         e || jsonb_build_object('remedy', format('SELECT monitoring.resolve(%L, ''what was done'');   -- the cause: SELECT * FROM monitoring.status();', e ->> 'id')), NULL::text
    FROM lifeguard.recent_errors(true) AS e
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
                            'errors of the last 7 days that the journal had to drop: it was full, could not be written, or somebody logged faster than lifeguard.log_rate', 'SELECT * FROM monitoring.status();'),
       monitoring.add_check('journal_works', 'journal', 'warning', 'lifeguard.check_journal_works()',
                            'errors that the journal would not see or cannot store: not preloaded, switched off, no launcher, trouble, quarantine', 'SELECT * FROM monitoring.status();');
