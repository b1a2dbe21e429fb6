-- General checks: functions that cannot run, that hide errors, and triggers that nobody can follow.

CREATE VIEW lifeguard.application_functions AS
SELECT p.oid AS function, p.oid::regprocedure::text AS object, p.proname AS name, p.pronamespace AS schema, p.proowner AS owner, l.lanname AS language, p.prosrc AS source, p.prosqlbody IS NOT NULL AS bound,
       p.prorettype = 'trigger'::regtype AS fires, p.prorettype = 'event_trigger'::regtype AS fires_on_ddl,
       -- the path under which it looks names up: its own, else the database's, where its own schema is added
       coalesce((SELECT substr(setting, length('search_path=') + 1) FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search\_path=%'),
                concat_ws(', ', nullif((SELECT reset_val FROM pg_settings WHERE name = 'search_path'), ''), quote_ident(n.nspname))) AS search_path
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang JOIN pg_roles owner ON owner.oid = p.proowner
 WHERE p.prokind IN ('f', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND owner.rolname !~ '^supabase_.*admin$'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');
COMMENT ON VIEW lifeguard.application_functions IS
'Functions and procedures that belong to no extension, not to the system, and not to a platform''s own roles (supabase_..._admin).';
GRANT SELECT ON lifeguard.application_functions TO pg_monitor;

-- What stands in comments and literals is no code; each becomes a blank.
CREATE FUNCTION lifeguard.code_of(source text) RETURNS text
LANGUAGE sql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT regexp_replace(source, $pattern$--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/|'(?:[^']|'')*'$pattern$, ' ''x'' ', 'g')
$function$;
COMMENT ON FUNCTION lifeguard.code_of(text) IS 'The source of a function without its comments and literals.';

-- Planning runs immutable functions: each is looked at as its owner.
CREATE FUNCTION lifeguard.check_functions() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET check_function_bodies = on AS $$
DECLARE
  checker constant text := (SELECT format('%I.plpgsql_check_function_tb', n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'plpgsql_check');
  f       record;
  problem jsonb;
BEGIN
  FOR f IN
    SELECT a.*, CASE a.language WHEN 'sql' THEN format('SELECT pg_catalog.to_jsonb(pg_catalog.fmgr_sql_validator(%s)::pg_catalog.text) OFFSET 1', a.function)
                ELSE format('SELECT pg_catalog.to_jsonb(c) FROM %s(%s, %s, fatal_errors => true) AS c WHERE c.level = ''error''', checker, a.function, coalesce(t.tgrelid, 0)) END AS query
      FROM lifeguard.application_functions a
      LEFT JOIN LATERAL (SELECT DISTINCT tgrelid FROM pg_trigger WHERE tgfoid = a.function AND tgparentid = 0) AS t ON a.fires
     WHERE a.language = 'sql' AND NOT a.bound OR a.language = 'plpgsql' AND checker IS NOT NULL AND NOT a.fires_on_ddl AND (NOT a.fires OR t.tgrelid IS NOT NULL)
  LOOP
    BEGIN
      SELECT c INTO problem FROM lifeguard.read_as(f.owner, f.query, f.search_path) AS c LIMIT 1;
      CONTINUE WHEN NOT FOUND;
    EXCEPTION WHEN OTHERS THEN
      -- as the owner: what he may not call is not broken for others
      CONTINUE WHEN SQLSTATE = '42501';
      problem := jsonb_build_object('message', SQLERRM, 'sqlstate', SQLSTATE);
    END;
    RETURN NEXT ROW(f.object, format('%s cannot run%s: %s', f.object, CASE WHEN problem ->> 'lineno' IS NOT NULL THEN format(' (line %s)', problem ->> 'lineno') ELSE '' END, problem ->> 'message'),
                    jsonb_build_object('function', f.object, 'sqlstate', problem -> 'sqlstate', 'error', problem -> 'message', 'line', problem -> 'lineno', 'query', problem -> 'query',
                                       'remedy', format('SELECT pg_get_functiondef(%L::regprocedure);', f.object)), NULL)::monitoring.finding;
  END LOOP;
END $$;

-- A handler of WHEN OTHERS swallows when all it does is to go on: NULL, RETURN, CONTINUE, EXIT, an assignment, a message below WARNING, and nothing of it tells the error.
-- The first quantifier of the pattern decides for all: a greedy one would take the last END of the function for the handler's.
CREATE FUNCTION lifeguard.check_swallowing_handlers() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT h.object, format('%s hides every error: WHEN OTHERS THEN%s', h.object, left(h.handler, 200)),
         jsonb_build_object('function', h.object, 'handlers', h.handlers, 'remedy', format('SELECT monitoring.mute(%L, ''why'');   -- if it is meant to; else name the condition, or RAISE, or monitoring.log_error()', h.object)), NULL::text
    FROM (SELECT f.object, count(*) AS handlers, min(regexp_replace(m[1], '\s+', ' ', 'g')) AS handler
            FROM lifeguard.application_functions f,
                 regexp_matches(lifeguard.code_of(f.source), $pattern$\mwhen\s+?(?:[\w\s']+?\s+?or\s+?)??others(?:\s|'x')+?then\M(.*?)(?=\mend\M|\mwhen\s+\w+\s+then\M)$pattern$, 'gi') AS m
           WHERE f.language = 'plpgsql'
             AND NOT EXISTS (SELECT FROM regexp_split_to_table(m[1], ';') AS s(statement)
                              WHERE s.statement !~* $pattern$^\s*('x'\s*)*(|null|continue(\s.*)?|exit(\s.*)?|return(\s.*)?|[\w.]+\s*:?=.*|raise\s+(debug|log|info|notice)\M.*)\s*$$pattern$
                                 OR s.statement ~* '\mcase\M'   -- its END has cut the handler: what follows is not known
                                 OR s.statement ~* '\m(sqlerrm|sqlstate)\M' AND s.statement !~* '^\s*raise\M'
                                 OR s.statement ~* '^\s*([\w.]+\s*:?=|return\M)[^;]*\w\s*\(' AND s.statement !~* '\m(now|coalesce|jsonb?_build_object|row|array)\s*\(')
           GROUP BY f.object) AS h
   WHERE NOT EXISTS (SELECT FROM monitoring.muted_functions m WHERE to_regprocedure(m.function) = to_regprocedure(h.object))
$function$;

CREATE VIEW lifeguard.application_triggers AS
SELECT t.oid AS trigger, t.tgname AS name, format('%I on %s', t.tgname, r.name) AS object, r.relation, r.name AS relation_name, t.tgfoid AS function, t.tgenabled AS enabled
  FROM pg_trigger t JOIN lifeguard.application_relations r ON r.relation = t.tgrelid
 WHERE NOT t.tgisinternal AND t.tgparentid = 0
   AND NOT EXISTS (SELECT FROM pg_proc f WHERE f.oid = t.tgfoid AND f.pronamespace = 'lifeguard'::regnamespace);
COMMENT ON VIEW lifeguard.application_triggers IS 'The triggers of the application''s tables but for lifeguard''s; a partitioned table''s once.';
GRANT SELECT ON lifeguard.application_triggers TO pg_monitor;

CREATE FUNCTION lifeguard.check_many_triggers() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.relation_name, format('%s has %s triggers beside lifeguard''s: %s', t.relation_name, count(*), string_agg(quote_ident(t.name), ', ' ORDER BY t.name)),
         jsonb_build_object('table', t.relation_name, 'triggers', jsonb_agg(t.name ORDER BY t.name), 'remedy', format('SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %L::regclass AND NOT tgisinternal;', t.relation_name)), NULL::text
    FROM lifeguard.application_triggers t WHERE t.enabled <> 'D'
   GROUP BY t.relation_name HAVING count(*) > 2
$$;

CREATE FUNCTION lifeguard.check_disabled_triggers() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.object, format('the trigger %s is disabled', t.object), jsonb_build_object('table', t.relation_name, 'trigger', t.name, 'remedy', format('ALTER TABLE %s ENABLE TRIGGER %I;', t.relation_name, t.name)), NULL::text
    FROM lifeguard.application_triggers t
   WHERE t.enabled = 'D' AND NOT EXISTS (SELECT FROM lifeguard.disabled_triggers d WHERE d.relation = t.relation AND d.trigger_name = t.name)   -- who remembers means it
  UNION ALL
  SELECT k.object, format('the triggers of the foreign key %s are disabled: it does not hold', k.object),
         jsonb_build_object('table', k.relation::regclass::text, 'constraint', k.name,
                            'remedy', (SELECT string_agg(format('ALTER TABLE %s ENABLE TRIGGER %I;', t.tgrelid::regclass, t.tgname), ' ') FROM pg_constraint part JOIN pg_trigger t ON t.tgconstraint = part.oid WHERE k.key IN (part.oid, part.conparentid) AND t.tgenabled <> 'O')), 'critical'
    FROM lifeguard.application_keys k WHERE k.disabled
$$;

-- From the text of trigger functions: which tables' triggers change which other tables. A chain of three tables, or one that comes back, is told.
CREATE FUNCTION lifeguard.check_trigger_cascades() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $function$
  WITH RECURSIVE relations AS MATERIALIZED (SELECT relation, name, relname, schema FROM lifeguard.application_relations WHERE kind IN ('r', 'p')),
  triggers AS MATERIALIZED (SELECT DISTINCT relation, relation_name, function FROM lifeguard.application_triggers WHERE enabled <> 'D'),
  named AS MATERIALIZED (
    SELECT DISTINCT f.function, f.search_path, m[1] AS name
      FROM lifeguard.application_functions f
     CROSS JOIN regexp_matches(lifeguard.code_of(f.source), $pattern$\m(?:insert\s+into|update(?:\s+only)?|delete\s+from(?:\s+only)?|merge\s+into)\s+((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?)$pattern$, 'gi') AS m
     WHERE f.function IN (SELECT function FROM triggers)),
  targets AS MATERIALIZED (
    SELECT n.function, t.relation, t.name
      FROM named n, LATERAL (
        SELECT r.relation, r.name FROM relations r
         WHERE CASE WHEN strpos(n.name, '.') > 0 THEN r.relation = to_regclass(n.name)
                    ELSE r.relname = CASE WHEN n.name LIKE '"%' THEN btrim(n.name, '"') ELSE lower(n.name) END END
         -- the first of that name in the function's path
         ORDER BY nullif(position(quote_ident(r.schema::regnamespace::text) IN n.search_path), 0), r.schema LIMIT 1) AS t),
  writes AS MATERIALIZED (
    SELECT DISTINCT t.relation, t.relation_name, w.relation AS target, w.name AS target_name FROM triggers t JOIN targets w USING (function)),
  chain(start, path, names, at, closed) AS (
    SELECT relation, ARRAY[relation, target], ARRAY[relation_name, target_name], target, target = relation FROM writes
    UNION ALL
    SELECT c.start, c.path || w.target, c.names || w.target_name, w.target, w.target = ANY (c.path)
      FROM chain c JOIN writes w ON w.relation = c.at WHERE NOT c.closed AND cardinality(c.path) < 6)
  SELECT DISTINCT ON (c.start) c.names[1], format('a change of %s goes on through triggers: %s', c.names[1], array_to_string(c.names, ' -> ')),
         jsonb_build_object('tables', c.names, 'returns', c.closed, 'remedy', format('SELECT tgname, tgfoid::regprocedure FROM pg_trigger WHERE tgrelid = %L::regclass AND NOT tgisinternal;', c.names[1])), NULL::text
    FROM chain c WHERE cardinality(c.path) > 2 OR c.closed
   ORDER BY c.start, c.closed DESC, cardinality(c.path) DESC, c.names
$function$;

SELECT monitoring.add_check('broken_functions', 'functions', 'critical', 'lifeguard.check_functions()',
                            'functions that cannot run: what they name is gone. SQL functions; PL/pgSQL where the extension plpgsql_check is there', 'mend the function, or drop it'),
       monitoring.add_check('swallowing_handlers', 'functions', 'warning', 'lifeguard.check_swallowing_handlers()',
                            'PL/pgSQL handlers of WHEN OTHERS that hide every error', 'name the condition that is meant, or RAISE, or monitoring.log_error()'),
       monitoring.add_check('many_triggers', 'functions', 'warning', 'lifeguard.check_many_triggers()',
                            'tables with more than two triggers beside lifeguard''s', 'make rules of them: lifeguard.create_lifecycle(), add_action()'),
       monitoring.add_check('disabled_triggers', 'functions', 'warning', 'lifeguard.check_disabled_triggers()',
                            'triggers that are disabled (critical: those of foreign keys)', 'ALTER TABLE ... ENABLE TRIGGER ...;'),
       monitoring.add_check('trigger_cascades', 'functions', 'warning', 'lifeguard.check_trigger_cascades()',
                            'triggers that change a table whose triggers change the next one, or come back to the first', 'make actions of them, in one place and order: lifeguard.add_action()');
