-- Lints of the columns that policies read: who may write what decides, and what has no index.

CREATE FUNCTION lifeguard.lint_columns(policies lifeguard.application_policies[], subjects lifeguard.policy_subjects[], privileges lifeguard.role_privileges[])
RETURNS TABLE (lint text, severity text, relation oid, object text, why text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
WITH called AS MATERIALIZED (   -- functions that policies call
  SELECT f.oid AS function, f.oid::regprocedure::text AS name, f.pronargs, n.nspname AS schema, f.proname, f.prorettype, f.proconfig, lifeguard.function_body(f.oid) AS body
    FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
   WHERE f.oid IN (SELECT refobjid FROM pg_depend WHERE classid = 'pg_policy'::regclass AND refclassid = 'pg_proc'::regclass)
     AND n.nspname NOT IN ('lifeguard', 'auth')),
calls AS MATERIALIZED (   -- those that say who asks, as a pattern
  SELECT '(?<![\w."$])(?:' || string_agg(lifeguard.escape_pattern(format('%I.%I()', schema, proname)), '|') || ')' AS pattern
    FROM called
   WHERE pronargs = 0 AND prorettype <> 'boolean'::regtype AND body !~* '\mfrom\M'
     AND body ~* '\mauth\.(?:uid|jwt|email)\(|\mlifeguard\.(?:uid|claims?|email|tenant_id)\(|request\.jwt|current_setting\(|\mcurrent_user\M|\msession_user\M'),
policies AS MATERIALIZED (
  SELECT p.*, lifeguard.compared_columns(concat_ws(' ', n.condition, n.check_condition)) AS keys,
         coalesce(n.check_condition, n.condition) AS checked
    FROM unnest(lint_columns.policies) p, calls c,
         LATERAL (SELECT lifeguard.normalize_expression(p.condition, c.pattern), lifeguard.normalize_expression(p.check_condition, c.pattern) OFFSET 0) AS n(condition, check_condition)),
subjects AS MATERIALIZED (SELECT * FROM unnest(lint_columns.subjects)),
privileges AS MATERIALIZED (SELECT * FROM unnest(lint_columns.privileges) WHERE command IN ('INSERT', 'UPDATE')),
tables AS MATERIALIZED (SELECT t.*, n.nspname FROM lifeguard.application_relations t JOIN pg_namespace n ON n.oid = t.schema WHERE t.kind IN ('r', 'p')),
used AS MATERIALIZED (   -- columns of tables, by policy
  SELECT DISTINCT p.policy, p.relation, p.keys, d.refobjid AS target, a.attnum, quote_ident(a.attname) AS name, quote_ident(t.relname) AS target_name, a.attgenerated <> '' AS is_generated
    FROM policies p
    JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.policy AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    JOIN tables t ON t.relation = d.refobjid),
-- Rows of another table that say what the user may: found by who asks, in a sub-select or in a function
credentials AS MATERIALIZED (
  SELECT u.policy AS source, u.target, u.attnum, u.name,
         EXISTS (SELECT FROM unnest(u.keys) AS key WHERE key ~ '\.' AND right(key, length(u.name) + 1) = '.' || u.name) AS is_key,
         EXISTS (SELECT FROM pg_index i WHERE i.indrelid = u.target AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = u.attnum AND i.indpred IS NULL) AS is_unique, u.is_generated
    FROM used u WHERE u.target <> u.relation
  UNION ALL
  SELECT c.function, t.relation, a.attnum, a.name,
         EXISTS (SELECT FROM unnest(b.keys) AS key WHERE lower(key) = lower(a.name) OR lower(right(key, length(a.name) + 1)) = lower('.' || a.name)), false, a.is_generated
    FROM called c, calls,
         LATERAL (SELECT lifeguard.compared_columns(lifeguard.normalize_expression(c.body, calls.pattern)) OFFSET 0) AS b(keys),
         tables t, LATERAL (SELECT attnum, quote_ident(attname) AS name, attgenerated <> '' AS is_generated FROM pg_attribute WHERE attrelid = t.relation AND attnum > 0 AND NOT attisdropped) AS a
   WHERE b.keys <> '{}' AND strpos(lower(c.body), lower(t.relname)) > 0 AND lifeguard.mentions(c.body, quote_ident(t.relname))
     AND (c.body ~* (lifeguard.escape_pattern(quote_ident(t.nspname)) || '\.' || lifeguard.escape_pattern(quote_ident(t.relname)))
          OR c.body !~* ('\.' || lifeguard.escape_pattern(quote_ident(t.relname)) || '(?![\w"$])')
             AND (t.nspname IN (c.schema, 'public') OR EXISTS (SELECT FROM unnest(c.proconfig) AS s WHERE s ~ '^search_path=' AND lifeguard.mentions(s, quote_ident(t.nspname)))))
     AND lifeguard.mentions(c.body, a.name)),
deciding AS MATERIALIZED (
  SELECT c.source, c.target, c.attnum, c.name, t.protected, t.name AS target_name
    FROM (SELECT *, bool_or(is_key) OVER row_of AS is_keyed,
                 -- a row that is found by a key of its own is the parent of what is protected, not a right of the user's
                 bool_or(is_unique AND NOT is_key) OVER row_of AS is_parent
            FROM credentials WINDOW row_of AS (PARTITION BY source, target)) AS c
    JOIN tables t ON t.relation = c.target
   WHERE c.is_keyed AND NOT c.is_parent AND NOT c.is_generated AND (NOT c.is_key OR NOT t.protected)),
callers AS MATERIALIZED (   -- whose policies they are
  SELECT p.policy AS source, p.policy, NULL::oid AS function FROM policies p
  UNION ALL
  SELECT c.function, p.policy, c.function
    FROM called c JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_proc'::regclass AND d.refobjid = c.function
    JOIN policies p ON p.policy = d.objid),
roles_of AS MATERIALIZED (SELECT c.source, array_agg(DISTINCT s.role) || 0::oid AS roles FROM callers c JOIN subjects s USING (policy) GROUP BY c.source),
guarded AS MATERIALIZED (
  SELECT r.relation::oid AS relation, quote_ident(c.name) AS name
    FROM lifeguard.rules r, jsonb_array_elements_text(CASE jsonb_typeof(r.definition -> 'columns') WHEN 'array' THEN r.definition -> 'columns' ELSE '[]' END) AS c(name)
   WHERE r.kind = 'protect_columns' AND r.enabled),
conditions AS MATERIALIZED (   -- what policies ask of a row that is written, and whether they let users write rows of their own
  SELECT p.policy, p.checked, p.checked = 'true' OR EXISTS (SELECT FROM unnest(lifeguard.compared_columns(p.checked)) AS key WHERE key !~ '\.') AS is_letting
    FROM policies p WHERE p.commands && '{INSERT,UPDATE}' AND p.relation IN (SELECT target FROM deciding)),
checks AS MATERIALIZED (
  SELECT s.relation, s.role, s.command, array_agg(c.checked) FILTER (WHERE s.permissive AND c.is_letting) AS letting, array_agg(c.checked) FILTER (WHERE NOT s.permissive) AS forbidding
    FROM subjects s JOIN conditions c USING (policy)
   WHERE s.command IN ('INSERT', 'UPDATE')
   GROUP BY s.relation, s.role, s.command),
writable AS MATERIALIZED (
  SELECT d.*, w.role, w.name AS role_name, w.command, w.grantees
    FROM deciding d
    JOIN roles_of r USING (source)
    JOIN privileges w ON w.relation = d.target AND w.role = ANY (r.roles)
    LEFT JOIN checks c ON c.relation = d.target AND c.role = w.role AND c.command = w.command
   WHERE has_column_privilege(w.role, d.target, d.attnum, w.command)
     AND (NOT d.protected
          OR EXISTS (SELECT FROM unnest(c.letting) AS checked WHERE NOT lifeguard.mentions(checked, d.name))
             AND NOT EXISTS (SELECT FROM unnest(c.forbidding) AS checked WHERE lifeguard.mentions(checked, d.name)))
     AND NOT EXISTS (SELECT FROM guarded g WHERE g.relation = d.target AND g.name = d.name)
     -- a trigger that looks at the column's new value, and at its old one
     AND NOT EXISTS (SELECT FROM pg_trigger t, LATERAL (SELECT lifeguard.function_body(t.tgfoid)) AS b(body)
                      WHERE t.tgrelid = d.target AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 3 = 3
                        AND t.tgtype & CASE w.command WHEN 'INSERT' THEN 4 ELSE 16 END <> 0
                        AND lifeguard.mentions(b.body, 'new.' || d.name) AND (w.command = 'INSERT' OR lifeguard.mentions(b.body, 'old.' || d.name)))),
trusting AS MATERIALIZED (   -- a function speaks for all policies that call it
  SELECT w.*, c.function, CASE WHEN c.function IS NULL THEN p.relation END AS relation, coalesce(f.name, p.object) AS object, p.object AS policy_object
    FROM writable w JOIN callers c USING (source) JOIN policies p USING (policy) LEFT JOIN called f ON f.function = c.function),
mending AS MATERIALIZED (   -- the right to write the table, without the columns that decide
  SELECT w.source, w.target, w.command, string_agg(DISTINCT grantee, ', ') AS grantees, array_agg(DISTINCT w.attnum) AS columns, array_agg(DISTINCT w.role) AS roles, w.target_name, w.protected
    FROM writable w, unnest(w.grantees) AS grantee GROUP BY w.source, w.target, w.command, w.target_name, w.protected),
remedies AS MATERIALIZED (
  SELECT m.source, string_agg(format('REVOKE %s ON %s FROM %s;', m.command, m.target_name, m.grantees)
                              || CASE WHEN m.protected AND c.kept IS NOT NULL THEN format(' GRANT %s (%s) ON %s TO %s;', m.command, c.kept, m.target_name, m.grantees) ELSE '' END,
                              ' ' ORDER BY m.target, m.command) AS remedy
    FROM mending m,
         LATERAL (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                   WHERE a.attrelid = m.target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attnum <> ALL (m.columns)
                     AND EXISTS (SELECT FROM unnest(m.roles) AS r(role) WHERE has_column_privilege(r.role, m.target, a.attnum, m.command))) AS c(kept)
   GROUP BY m.source),
-- columns by which rows are found: those compared with who asks, and the table's own foreign keys
searched AS MATERIALIZED (
  SELECT u.target, u.attnum, u.name, u.policy,
         EXISTS (SELECT FROM unnest(u.keys) AS key
                  WHERE CASE WHEN u.target = u.relation THEN key IN (u.name, u.target_name || '.' || u.name) ELSE key ~ '\.' AND right(key, length(u.name) + 1) = '.' || u.name END) AS is_key,
         u.target = u.relation AND EXISTS (SELECT FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = u.target AND c.conkey = ARRAY[u.attnum]) AS is_reference
    FROM used u)
SELECT 'trusts_writable_column', 'critical', t.relation, t.object,
       format('it decides by %s, which %s may write%s.', string_agg(DISTINCT t.target_name || '.' || t.name, ', '), string_agg(DISTINCT t.role_name, ', '),
              CASE WHEN t.function IS NOT NULL THEN ' (asked by ' || string_agg(DISTINCT t.policy_object, ', ') || ')' ELSE '' END),
       r.remedy
  FROM trusting t JOIN remedies r USING (source)
 GROUP BY t.source, t.function, t.relation, t.object, r.remedy
UNION ALL
SELECT 'policy_column_without_index', CASE WHEN bool_or(s.is_key) THEN 'warning' ELSE 'notice' END, s.target, format('%s(%s)', t.name, s.name),
       format('%s by it, and no index begins with it: every statement reads the whole table.',
              string_agg(DISTINCT p.object, ', ') || CASE count(DISTINCT p.object) WHEN 1 THEN ' finds rows' ELSE ' find rows' END),
       format('CREATE INDEX ON %s (%s);', t.name, s.name)
  FROM searched s JOIN tables t ON t.relation = s.target JOIN policies p USING (policy)
 WHERE (s.is_key OR s.is_reference) AND t.protected
   AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = s.target AND i.indisvalid AND (i.indkey[0] = s.attnum OR NOT s.is_key AND s.attnum = ANY (i.indkey)))
 GROUP BY s.target, s.attnum, s.name, t.name
$$;
COMMENT ON FUNCTION lifeguard.lint_columns(lifeguard.application_policies[], lifeguard.policy_subjects[], lifeguard.role_privileges[]) IS
'The findings of monitoring.lint() about columns that decide and may be written, and columns without an index.';
REVOKE EXECUTE ON FUNCTION lifeguard.lint_columns(lifeguard.application_policies[], lifeguard.policy_subjects[], lifeguard.role_privileges[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifeguard.lint_columns(lifeguard.application_policies[], lifeguard.policy_subjects[], lifeguard.role_privileges[]) TO pg_monitor;
