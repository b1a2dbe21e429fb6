-- Migrations: a script that is applied once, in one transaction, and taken back when the database is worse after it than before.

CREATE TABLE lifeguard.migrations (
  name          text CONSTRAINT migrations_pkey PRIMARY KEY,
  position      bigint GENERATED ALWAYS AS IDENTITY,
  sql           text NOT NULL,
  checksum      text NOT NULL,
  applied_at    timestamptz NOT NULL DEFAULT now(),
  applied_by    text NOT NULL,
  took          interval NOT NULL,
  checks_before jsonb NOT NULL,
  checks_after  jsonb NOT NULL,
  accepted      jsonb NOT NULL,
  renames       jsonb NOT NULL
);
SELECT pg_extension_config_dump('lifeguard.migrations', '');
SELECT pg_extension_config_dump('lifeguard.migrations_position_seq', '');
GRANT SELECT ON lifeguard.migrations TO pg_monitor;
COMMENT ON TABLE lifeguard.migrations IS
'The scripts that lifeguard.migrate() has applied, in the order of position: what the checks said before and after (status and number of findings), what became worse and was accepted, '
'and which relations, columns and functions have other names since. checksum: SHA-256 of the text. Read by pg_monitor.';

-- Where one statement ends and the next begins -------------------------------------------------------------------------------------------

CREATE FUNCTION lifeguard.split_statements(sql text) RETURNS TABLE (number int, line int, words text[], statement text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- a word is everything but ASCII that is no letter, digit or underscore
  word     constant text := '[^\x01-/:-@\[-^`{-\x7f]';
  pattern  constant text := format('\n|[ \t\r\f]+|--|/\*|\*/|\$(?:[^0-9\x01-/:-@\[-^`{-\x7f]%s*)?\$|%1$s+|.', word);
  escapes  constant boolean := NOT current_setting('standard_conforming_strings')::boolean;
  atom     text;
  before   text := '';      -- the atom before this one
  within   text := '';      -- '' E " - / $: a literal, one with escapes, a quoted name, a comment of a line, of a block, a dollar quote
  tag      text;            -- that ends the dollar quote
  tail     text;
  escaped  boolean := false;
  depth    int := 0;        -- of comments
  parens   int := 0;
  blocks   int := 0;        -- BEGIN ATOMIC ... END
  place    int := 1;        -- of the atom
  row      int := 1;
  began_at int;             -- where the statement begins; null between two
BEGIN
  number := 0;
  words := '{}';
  FOR atom IN SELECT m[1] FROM regexp_matches(sql COLLATE "C", pattern, 'g') AS m LOOP
    CASE within
      WHEN '''' THEN
        within := CASE atom WHEN '''' THEN '' ELSE within END;
      WHEN 'E' THEN
        IF escaped THEN
          escaped := false;
        ELSIF atom = '\' THEN
          escaped := true;
        ELSIF atom = '''' THEN
          within := '';
          atom := 'E''';    -- a quote that follows goes on with the same literal
        END IF;
      WHEN '"' THEN
        within := CASE atom WHEN '"' THEN '' ELSE within END;
      WHEN '-' THEN
        within := CASE atom WHEN E'\n' THEN '' ELSE within END;
      WHEN '/' THEN
        depth := depth + CASE atom WHEN '/*' THEN 1 WHEN '*/' THEN -1 ELSE 0 END;
        within := CASE depth WHEN 0 THEN '' ELSE within END;
      WHEN '$' THEN
        tail := right(tail || atom, length(tag));
        within := CASE tail WHEN tag THEN '' ELSE within END;
      ELSE
        IF atom = '--' THEN
          within := '-';
        ELSIF atom = '/*' THEN
          within := '/';
          depth := 1;
        ELSIF atom = ';' AND parens = 0 AND blocks = 0 THEN
          IF began_at IS NOT NULL THEN
            number := number + 1;
            statement := substr(sql, began_at, place - began_at);
            RETURN NEXT;
          END IF;
          began_at := NULL;
          words := '{}';
        ELSIF atom !~ '^\s+$' THEN
          IF began_at IS NULL THEN
            began_at := place;
            line := row;
          END IF;
          IF atom = '''' THEN
            within := CASE WHEN escapes OR before IN ('e', 'E', 'E''') THEN 'E' ELSE '''' END;
          ELSIF atom = '"' THEN
            within := '"';
          ELSIF atom LIKE '$%$' AND length(atom) > 1 AND before COLLATE "C" !~ word THEN
            within := '$';
            tag := atom;
            tail := '';
          ELSIF atom IN ('(', ')') THEN
            parens := greatest(parens + CASE atom WHEN '(' THEN 1 ELSE -1 END, 0);
          ELSE
            IF cardinality(words) < 6 THEN
              words := array_append(words, upper(atom));
            END IF;
            IF parens = 0 AND words[1] = 'CREATE' AND (words[2] IN ('FUNCTION', 'PROCEDURE') OR words[4] IN ('FUNCTION', 'PROCEDURE')) THEN
              blocks := blocks + CASE WHEN upper(atom) = 'BEGIN' OR upper(atom) = 'CASE' AND blocks > 0 THEN 1 WHEN upper(atom) = 'END' AND blocks > 0 THEN -1 ELSE 0 END;
            END IF;
          END IF;
        END IF;
    END CASE;
    row := row + CASE atom WHEN E'\n' THEN 1 ELSE 0 END;
    place := place + CASE atom WHEN 'E''' THEN 1 ELSE length(atom) END;
    before := atom;
  END LOOP;
  IF began_at IS NOT NULL THEN
    number := number + 1;
    statement := substr(sql, began_at);
    RETURN NEXT;
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.split_statements(text) IS
'The statements of a script, with the line on which each begins (from 1) and its first words in capitals; comments between them are left out. What is unfinished is the last statement.';

-- What the checks say, and what has which name --------------------------------------------------------------------------------------------

CREATE FUNCTION lifeguard.state_for_migrations() RETURNS jsonb
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(s.name, s.state), '{}')
    FROM (SELECT c.name, jsonb_build_object(
                   'status', CASE WHEN bool_or(r.outcome NOT IN ('finding', 'ended', 'failed')) THEN 'unknown' ELSE coalesce(min(r.severity), 'healthy') END,
                   'findings', count(r.object) + coalesce(sum((r.details ->> 'found')::bigint - (r.details ->> 'kept')::bigint) FILTER (WHERE r.object IS NULL), 0),
                   'complete', coalesce(bool_and((r.details ->> 'found')::bigint = (r.details ->> 'kept')::bigint) FILTER (WHERE r.object IS NULL), true),
                   'found', coalesce(jsonb_object_agg(r.object, jsonb_build_object('severity', r.severity, 'message', r.message)) FILTER (WHERE r.object IS NOT NULL), '{}')) AS state
            FROM monitoring.checks c, lifeguard.report_check(c) AS r
           WHERE c.enabled AND c.category NOT IN ('server', 'journal', 'jobs')   -- what goes on meanwhile is no migration's doing
           GROUP BY c.name) AS s
$$;
COMMENT ON FUNCTION lifeguard.state_for_migrations() IS
'What the enabled checks of schema and data say now, without keeping it: each with its status (unknown: it ran out of time), the number of findings, and what was found. Not those of the categories server, journal and jobs.';

-- What is worse in `after` than in `before`, the worst first. A finding whose object has another name since is the same one.
CREATE FUNCTION lifeguard.worse_than_before(before jsonb, after jsonb, renames jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE renamed(check_name, object, severity, place) AS (
    SELECT b.key, f.key, f.value ->> 'severity', 0 FROM jsonb_each(before) AS b, jsonb_each(b.value -> 'found') AS f
    UNION ALL
    SELECT r.check_name, replace(r.object, renames -> r.place ->> 'from', renames -> r.place ->> 'to'), r.severity, r.place + 1 FROM renamed r WHERE r.place < jsonb_array_length(renames)
  ), known AS MATERIALIZED (
    SELECT DISTINCT check_name, object, severity FROM renamed
  ), worse AS (
    SELECT a.key AS check_name, f.key AS object, f.value ->> 'severity' AS severity, f.value ->> 'message' AS message
      FROM jsonb_each(after) AS a JOIN jsonb_each(before) AS b ON b.key = a.key, jsonb_each(a.value -> 'found') AS f
     WHERE (a.value ->> 'complete')::boolean AND (b.value ->> 'complete')::boolean AND 'unknown' NOT IN (a.value ->> 'status', b.value ->> 'status')
       AND NOT EXISTS (SELECT FROM known k WHERE k.check_name = a.key AND k.object = f.key AND k.severity <= f.value ->> 'severity')   -- critical comes before warning
    UNION ALL
    SELECT a.key, '', a.value ->> 'status', format('%s findings, before %s', a.value -> 'findings', b.value -> 'findings')
      FROM jsonb_each(after) AS a JOIN jsonb_each(before) AS b ON b.key = a.key
     WHERE NOT ((a.value ->> 'complete')::boolean AND (b.value ->> 'complete')::boolean) AND 'unknown' NOT IN (a.value ->> 'status', b.value ->> 'status')
       AND ((a.value -> 'findings')::bigint > (b.value -> 'findings')::bigint OR array_position('{critical,warning,healthy}', a.value ->> 'status') < array_position('{critical,warning,healthy}', b.value ->> 'status'))
  )
  SELECT coalesce(jsonb_agg(jsonb_build_object('check', check_name, 'object', object, 'severity', severity, 'message', message) ORDER BY severity, check_name COLLATE "C", object COLLATE "C"), '[]') FROM worse
$$;
COMMENT ON FUNCTION lifeguard.worse_than_before(jsonb, jsonb, jsonb) IS
'The findings of one lifeguard.state_for_migrations() that an earlier one has not, or not as severe, the worst first; of a check with more findings than are kept, whether there are more. Checks that are in one of them only are not compared.';

CREATE FUNCTION lifeguard.names_now() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(n.key, n.name), '{}') FROM (
    WITH schemas AS (SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
    SELECT 'relation ' || c.oid AS key, to_jsonb(format('%I.%I', s.nspname, c.relname)) AS name FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace WHERE c.relkind NOT IN ('i', 'I', 't')
    UNION ALL
    SELECT format('column %s.%s', a.attrelid, a.attnum), jsonb_build_array(format('%I.%I', s.nspname, c.relname), quote_ident(a.attname))
      FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'function ' || p.oid, to_jsonb(format('%I.%I', s.nspname, p.proname)) FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace) AS n
$$;
COMMENT ON FUNCTION lifeguard.names_now() IS 'The names of relations, columns and functions by their ids in the catalog.';

CREATE FUNCTION lifeguard.renames_since(before jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('kind', r.kind, 'from', r."from", 'to', r."to") ORDER BY r.kind = 'column', r."from" COLLATE "C"), '[]')
    FROM (SELECT split_part(a.key, ' ', 1) AS kind,
                 CASE jsonb_typeof(a.value) WHEN 'array' THEN (b.value ->> 0) || '.' || (b.value ->> 1) ELSE b.value #>> '{}' END AS "from",
                 CASE jsonb_typeof(a.value) WHEN 'array' THEN (a.value ->> 0) || '.' || (a.value ->> 1) ELSE a.value #>> '{}' END AS "to"
            FROM jsonb_each(lifeguard.names_now()) AS a JOIN jsonb_each(before) AS b ON b.key = a.key
           WHERE CASE jsonb_typeof(a.value) WHEN 'array' THEN a.value -> 1 <> b.value -> 1 ELSE a.value <> b.value END) AS r
$$;
COMMENT ON FUNCTION lifeguard.renames_since(jsonb) IS
'Relations, columns and functions whose names are not those of an earlier lifeguard.names_now(): [{"kind", "from", "to"}, ...]. A column of a renamed table is listed only when it has another name itself.';

-- Applying one -------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION lifeguard.begin_migration(name text, checksum text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  applied lifeguard.migrations;
BEGIN
  -- one at a time, until its transaction ends; readers do not wait
  LOCK TABLE lifeguard.migrations IN SHARE ROW EXCLUSIVE MODE;
  SELECT m.* INTO applied FROM lifeguard.migrations m WHERE m.name = begin_migration.name;
  IF applied.checksum <> begin_migration.checksum THEN
    RAISE EXCEPTION USING ERRCODE = 'LG501', MESSAGE = format('the migration %L was applied at %s with another text', name, applied.applied_at::timestamptz(0)),
      DETAIL = jsonb_build_object('migration', name, 'applied', applied.checksum, 'given', checksum, 'applied_at', applied.applied_at),
      HINT = 'What was applied stays as it was: give the new statements another name.';
  ELSIF applied.name IS NOT NULL THEN
    RETURN jsonb_build_object('status', 'already applied', 'name', name, 'checksum', checksum, 'applied_at', applied.applied_at, 'applied_by', applied.applied_by);
  END IF;
  RETURN lifeguard.state_for_migrations();
END $$;
COMMENT ON FUNCTION lifeguard.begin_migration(text, text) IS
'Waits for other migrations and returns what the checks say now, or {"status": "already applied"}. For lifeguard.migrate(). Raises LG501 (applied with another checksum).';

CREATE FUNCTION lifeguard.end_migration(name text, sql text, accept text[], before jsonb, renames jsonb, started timestamptz, dry_run boolean) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  checksum constant text := encode(sha256(convert_to(sql, 'UTF8')), 'hex');
  took     constant interval := clock_timestamp() - started;
  after    constant jsonb := lifeguard.state_for_migrations();
  worse    constant jsonb := lifeguard.worse_than_before(before, after, renames);
  refused  constant jsonb := (SELECT coalesce(jsonb_agg(w.value ORDER BY w.place), '[]') FROM jsonb_array_elements(worse) WITH ORDINALITY AS w(value, place) WHERE w.value ->> 'check' <> ALL (accept));
BEGIN
  IF refused <> '[]' AND NOT dry_run THEN
    RAISE EXCEPTION USING ERRCODE = 'LG502',
      MESSAGE = format('CHECKS_WORSE: the migration %L makes the database worse and is rolled back: %s: %s%s', name, refused #>> '{0,check}', refused #>> '{0,message}',
                       CASE jsonb_array_length(refused) WHEN 1 THEN '' ELSE format(' (and %s more)', jsonb_array_length(refused) - 1) END),
      DETAIL = jsonb_build_object('migration', name, 'worse', refused),
      HINT = format('Mend the migration; or, where it is meant to be so: lifeguard.migrate(..., accept => %L).', (SELECT array_agg(DISTINCT w ->> 'check') FROM jsonb_array_elements(refused) AS w)::text);
  END IF;
  IF NOT dry_run THEN
    INSERT INTO lifeguard.migrations (name, sql, checksum, applied_by, took, checks_before, checks_after, accepted, renames)
    SELECT name, sql, checksum, coalesce(nullif(current_setting('role'), 'none'), session_user), took,
           (SELECT coalesce(jsonb_object_agg(b.key, b.value - '{found,complete}'::text[]), '{}') FROM jsonb_each(before) AS b),
           (SELECT coalesce(jsonb_object_agg(a.key, a.value - '{found,complete}'::text[]), '{}') FROM jsonb_each(after) AS a), worse, renames;
  END IF;
  RETURN jsonb_build_object('status', CASE WHEN NOT dry_run THEN 'applied' WHEN refused = '[]' THEN 'would be applied' ELSE 'would be rolled back' END,
                            'name', name, 'checksum', checksum, 'seconds', round(extract(epoch FROM took)::numeric, 3), 'worse', worse, 'renames', renames);
END $$;
COMMENT ON FUNCTION lifeguard.end_migration(text, text, text[], jsonb, jsonb, timestamptz, boolean) IS
'Compares what the checks say with what they said before, and keeps the migration. For lifeguard.migrate(). Raises LG502 (something is worse).';

CREATE FUNCTION lifeguard.run_migration(name text, sql text, accept text[], dry_run boolean, path text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  role    constant text := current_setting('role');
  started timestamptz;
  before  jsonb;
  names   jsonb;
  result  jsonb;
  current record;       -- the statement at work, or the last one
  running boolean := false;
  count   int := 0;
  unknown text;
BEGIN
  IF coalesce(btrim(name), '') = '' OR length(name) > 200 OR coalesce(btrim(sql), '') = '' OR accept IS NULL OR array_position(accept, NULL) IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG503', MESSAGE = 'a migration has a name of 1 to 200 characters, statements, and names of checks that it may make worse',
      DETAIL = jsonb_build_object('migration', name, 'accept', accept), HINT = 'SELECT lifeguard.migrate(''2025-05-14 total'', ''ALTER TABLE ...'');';
  END IF;
  SELECT a INTO unknown FROM unnest(accept) AS a WHERE NOT EXISTS (SELECT FROM lifeguard.check_names() AS c WHERE c = a) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG503', MESSAGE = format('there is no check %L that the migration %L could make worse', unknown, name), DETAIL = jsonb_build_object('migration', name, 'accept', accept),
      HINT = 'SELECT name FROM monitoring.checks; lists them.';
  END IF;
  SELECT s.* INTO current FROM lifeguard.split_statements(sql) AS s
   WHERE s.words[1] IN ('BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'SAVEPOINT', 'RELEASE', 'VACUUM', '\') OR s.words[1:2] IN ('{PREPARE,TRANSACTION}', '{ALTER,SYSTEM}')
      OR s.words[1:2] && '{DATABASE,TABLESPACE}' AND s.words[1] IN ('CREATE', 'DROP') OR s.words[1] IN ('CREATE', 'DROP', 'REINDEX') AND 'INDEX' = ANY (s.words) AND 'CONCURRENTLY' = ANY (s.words)
   ORDER BY s.number LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG504', MESSAGE = format('the migration %L cannot run: statement %s (line %s) is no part of a transaction: %s', name, current.number, current.line, left(current.statement, 200)),
      DETAIL = jsonb_build_object('migration', name, 'statement', current.number, 'line', current.line, 'text', left(current.statement, 1000)),
      HINT = 'A migration is one transaction, all or nothing. Take it out, and run by itself what cannot be taken back.';
  END IF;

  BEGIN
    before := lifeguard.begin_migration(name, encode(sha256(convert_to(sql, 'UTF8')), 'hex'));
    IF before ->> 'status' = 'already applied' THEN
      RETURN before;
    END IF;
    names := lifeguard.names_now();
    started := clock_timestamp();
    FOR current IN SELECT s.* FROM lifeguard.split_statements(sql) AS s ORDER BY s.number LOOP
      running := true;
      count := current.number;
      -- under the caller's path, and what the script makes of it; nothing of ours is looked up there
      PERFORM pg_catalog.set_config('search_path', path, true);
      EXECUTE current.statement;
      path := pg_catalog.current_setting('search_path');
      PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    END LOOP;
    running := false;
    IF current_setting('role') <> role THEN
      PERFORM set_config('role', role, false);   -- a SET ROLE of the script ends with it
    END IF;
    result := lifeguard.end_migration(name, sql, accept, before, lifeguard.renames_since(names), started, dry_run) || jsonb_build_object('statements', count);
    IF dry_run THEN
      RAISE EXCEPTION USING ERRCODE = 'LG509', MESSAGE = 'tried only';
    END IF;
    RETURN result;
  EXCEPTION
    WHEN SQLSTATE 'LG509' THEN
      IF dry_run AND result IS NOT NULL THEN
        RETURN result;
      END IF;
      RAISE;
    WHEN SQLSTATE 'LG501' THEN
      RAISE;
    WHEN OTHERS THEN
      DECLARE
        state  text;
        told   text;
        detail text;
        hint   text;
        place  jsonb;
      BEGIN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, told = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        IF NOT running THEN
          PERFORM monitoring.log_error('migration_failed', told, jsonb_build_object('migration', name, 'sqlstate', state, 'detail', detail)) WHERE NOT dry_run;
          RAISE;
        END IF;
        place := jsonb_build_object('migration', name, 'statement', current.number, 'line', current.line, 'text', left(current.statement, 1000), 'sqlstate', state, 'error', told, 'detail', nullif(detail, ''));
        PERFORM monitoring.log_error('migration_failed', told, place) WHERE NOT dry_run;
        RAISE EXCEPTION USING ERRCODE = state, MESSAGE = format('the migration %L failed at statement %s (line %s): %s', name, current.number, current.line, told), DETAIL = place,
          HINT = concat_ws(' ', nullif(hint, ''), 'Nothing of it was done.');
      END;
  END;
END $$;
COMMENT ON FUNCTION lifeguard.run_migration(text, text, text[], boolean, text) IS
'Applies a migration under a search_path, or only tries it. For lifeguard.migrate() and try_migration().';

CREATE FUNCTION lifeguard.check_names() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT c.name FROM monitoring.checks c $$;
COMMENT ON FUNCTION lifeguard.check_names() IS 'The names of the checks. For lifeguard.migrate().';

-- These two have no path of their own, since the script's names are looked up under the caller's; what they call themselves is bound already.
CREATE FUNCTION lifeguard.migrate(name text, sql text, accept text[] DEFAULT '{}') RETURNS jsonb
LANGUAGE sql
RETURN lifeguard.run_migration(name, sql, accept, false, current_setting('search_path'));
COMMENT ON FUNCTION lifeguard.migrate(text, text, text[]) IS
'Applies a script once: its statements run in the caller''s transaction, with his rights and search_path; then the checks are compared with what they said before. When a finding is new or more severe, all of it is rolled back (LG502), '
'but for the checks in accept. Returns {"status": "applied", "name", "checksum", "statements", "seconds", "worse" (what was accepted), "renames"}, or {"status": "already applied"} for the same name and text. Kept in lifeguard.migrations. '
'Two at once: the second waits. An error in the script is raised with the number and line of its statement, its own SQLSTATE, and kept in the journal (migration_failed). Checks of the categories server, journal and jobs are not compared. '
'For superusers, and whom they grant this and run_migration(), begin_migration(), end_migration(), check_names(). Raises LG501 (same name, another text), LG502, LG503 (an argument), LG504 (COMMIT, VACUUM and their like), and what the script raises.';

CREATE FUNCTION lifeguard.try_migration(name text, sql text, accept text[] DEFAULT '{}') RETURNS jsonb
LANGUAGE sql
RETURN lifeguard.run_migration(name, sql, accept, true, current_setting('search_path'));
COMMENT ON FUNCTION lifeguard.try_migration(text, text, text[]) IS
'Does what lifeguard.migrate() would, and takes it back: the same result with the status ''would be applied'' or ''would be rolled back'', and all that got worse. Its locks are held until then. Nothing is kept. '
'Rights and errors as migrate(), but for LG502.';

REVOKE EXECUTE ON FUNCTION lifeguard.state_for_migrations(), lifeguard.begin_migration(text, text), lifeguard.end_migration(text, text, text[], jsonb, jsonb, timestamptz, boolean),
                           lifeguard.run_migration(text, text, text[], boolean, text), lifeguard.check_names(), lifeguard.migrate(text, text, text[]), lifeguard.try_migration(text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifeguard.split_statements(text), lifeguard.worse_than_before(jsonb, jsonb, jsonb), lifeguard.names_now(), lifeguard.renames_since(jsonb) TO PUBLIC;
