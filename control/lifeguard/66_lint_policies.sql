-- Lints of what a policy says: volatile functions, metadata that its user edits, writes without a condition, policies that compete.

-- As a key user_metadata stands in a literal; the column of auth.users does not.
CREATE FUNCTION lifeguard.with_app_metadata(expression text) RETURNS text
LANGUAGE sql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(regexp_replace(CASE WHEN piece ~ '^''' THEN regexp_replace(piece, '\muser_metadata\M', 'app_metadata', 'g') ELSE piece END,
                                   '\mraw_user_meta_data\M', 'raw_app_meta_data', 'g'), '' ORDER BY place)
    FROM unnest(lifeguard.split_expression(expression)) WITH ORDINALITY AS p(piece, place)
$$;
COMMENT ON FUNCTION lifeguard.with_app_metadata(text) IS
'The expression with the metadata that only the server writes in the place of the user''s.';

CREATE FUNCTION lifeguard.lint_policies(policies lifeguard.application_policies[], subjects lifeguard.policy_subjects[])
RETURNS TABLE (lint text, severity text, relation oid, object text, why text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
WITH policies AS MATERIALIZED (
  SELECT p.*, lifeguard.mask_literals(concat_ws(' AND ', p.condition, p.check_condition)) AS masked,
         lifeguard.is_always_true(c.polqual) AS always, lifeguard.is_always_true(coalesce(c.polwithcheck, c.polqual)) AS always_checks
    FROM unnest(lint_policies.policies) p JOIN pg_policy c ON c.oid = p.policy),
subjects AS MATERIALIZED (SELECT * FROM unnest(lint_policies.subjects)),
-- the parsed expression names every function, also the server's own, which pg_depend leaves out
volatile AS MATERIALIZED (
  SELECT p.oid AS policy, f.oid AS function, f.oid::regprocedure::text AS name,
         f.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e') AS is_ours
    FROM pg_policy p
    JOIN LATERAL (SELECT DISTINCT m[1]::oid AS function
                    FROM regexp_matches(concat(p.polqual::text, ' ', p.polwithcheck::text), ' :(?:op)?funcid ([1-9]\d*)', 'g') AS m) AS called ON true
    JOIN pg_proc f ON f.oid = called.function AND f.provolatile = 'v'
   WHERE p.oid IN (SELECT policy FROM policies)),
-- user metadata as a key of claims, however it is reached, or as the column of auth.users
metadata AS MATERIALIZED (
  SELECT p.policy, NULL::oid AS function FROM policies p
   WHERE p.masked ~ $pattern$(?:->>?|#>>?|@>|\?|@\?|@@|\[|jsonb?_extract_path(?:_text)?\(.*|lifeguard\.claim\() ?(?:ARRAY\[)?'(?:\$\d+\$)?(?:raw_)?user_meta_?data[$']$pattern$
      OR EXISTS (SELECT FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                  WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.policy AND d.refclassid = 'pg_class'::regclass AND a.attname = 'raw_user_meta_data')
  UNION
  SELECT p.policy, d.refobjid
    FROM policies p
    JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.policy AND d.refclassid = 'pg_proc'::regclass
    JOIN (SELECT oid FROM pg_proc f WHERE EXISTS (SELECT FROM pg_depend u WHERE u.classid = 'pg_policy'::regclass AND u.refclassid = 'pg_proc'::regclass AND u.refobjid = f.oid)
             AND lifeguard.function_body(f.oid) ~* '\m(?:raw_user_meta_data|user_metadata)\M') AS f ON f.oid = d.refobjid),
crowded AS MATERIALIZED (   -- role and command with more than one permissive policy
  SELECT s.relation, s.name AS role, s.command, array_agg(p.policy) AS policies, string_agg(p.quoted_name, ', ' ORDER BY p.name) AS names
    FROM subjects s JOIN policies p USING (policy)
   WHERE s.permissive GROUP BY s.relation, s.name, s.command HAVING count(*) > 1),
involved AS MATERIALIZED (
  SELECT p.relation, p.policy, p.name, p.quoted_name, p.roles, v.command, CASE v.command WHEN 'INSERT' THEN coalesce(p.check_condition, p.condition) ELSE p.condition END AS condition,
         coalesce(p.check_condition, p.condition) AS check_condition, p.check_condition IS NOT NULL AS is_checked,
         CASE WHEN 0 <> ALL (p.roles) THEN (
           SELECT string_agg(format('( SELECT pg_has_role(CURRENT_USER, %L::name, ''USAGE''::text))', r.rolname), ' OR ') FROM pg_roles r WHERE r.oid = ANY (p.roles)) END AS asked
    FROM policies p, unnest(p.commands) AS v(command)
   WHERE p.policy IN (SELECT unnest(policies) FROM crowded)),
everyone AS MATERIALIZED (
  SELECT i.relation, i.command, array_agg(DISTINCT role) AS roles,
         CASE WHEN bool_or(role = 0) THEN 'PUBLIC' ELSE string_agg(DISTINCT quote_ident(r.rolname), ', ') END AS names
    FROM involved i, unnest(i.roles) AS u(role) LEFT JOIN pg_roles r ON r.oid = role GROUP BY i.relation, i.command),
combined AS MATERIALIZED (   -- one policy a command for all of them; one that is for fewer roles asks for them itself
  SELECT i.relation, i.command, e.names AS roles, bool_or(i.is_checked) AS is_checked,
         string_agg(format(f.form, i.condition, i.asked), ' OR ' ORDER BY i.name) AS condition,
         string_agg(format(f.form, i.check_condition, i.asked), ' OR ' ORDER BY i.name) AS check_condition
    FROM involved i JOIN everyone e USING (relation, command),
         LATERAL (SELECT CASE WHEN i.roles @> e.roles OR 0 = ANY (i.roles) THEN '(%s)' ELSE '((%2$s) AND (%1$s))' END) AS f(form)
   GROUP BY i.relation, i.command, e.names),
remedies AS MATERIALIZED (
  SELECT b.relation,
         string_agg(format('CREATE POLICY %I ON %s FOR %s TO %s%s%s;',
                           n.name || CASE WHEN (b.relation, n.name) IN (SELECT relation, name::text FROM policies WHERE policy NOT IN (SELECT policy FROM involved)) THEN '_all' ELSE '' END,
                           t.name, b.command, b.roles,
                           CASE WHEN b.command <> 'INSERT' THEN format(' USING (%s)', b.condition) ELSE '' END,
                           CASE WHEN b.command = 'INSERT' THEN format(' WITH CHECK (%s)', b.condition)
                                WHEN b.command = 'UPDATE' AND b.is_checked THEN format(' WITH CHECK (%s)', b.check_condition) ELSE '' END), ' ' ORDER BY b.command) AS creates
    FROM combined b JOIN lifeguard.application_relations t USING (relation), LATERAL (SELECT lifeguard.policy_name(t.relname, b.command)) AS n(name)
   GROUP BY b.relation),
drops AS MATERIALIZED (
  SELECT i.relation, string_agg(format('DROP POLICY %s ON %s;', i.quoted_name, t.name), ' ' ORDER BY i.name) AS drops
    FROM (SELECT DISTINCT relation, name, quoted_name FROM involved) AS i JOIN lifeguard.application_relations t USING (relation) GROUP BY i.relation),
competing AS MATERIALIZED (
  SELECT relation, string_agg(format('%s for %s: %s', command, roles, names), '; ' ORDER BY command, roles) AS list
    FROM (SELECT relation, command, names, string_agg(role, ', ' ORDER BY role) AS roles FROM crowded GROUP BY relation, command, names) AS c GROUP BY relation),
unrestricted AS MATERIALIZED (
  SELECT p.policy, string_agg(DISTINCT s.name, ', ') AS roles, string_agg(DISTINCT s.command, ', ') AS commands,
         -- what is checked before is real, what comes out of it is not
         bool_and(s.command = 'UPDATE' AND NOT p.always OR s.command = 'INSERT' AND p.kind = '*' AND NOT p.always) AS only_check
    FROM policies p JOIN subjects s USING (policy)
   WHERE p.permissive AND s.is_api_role AND s.command <> 'SELECT'
     AND (s.command <> 'INSERT' AND p.always OR s.command <> 'DELETE' AND p.always_checks)
     AND NOT EXISTS (SELECT FROM subjects r WHERE r.relation = p.relation AND r.role = s.role AND r.command = s.command AND NOT r.permissive)
   GROUP BY p.policy)
SELECT 'volatile_policy', 'warning', p.relation, p.object,
       format('it calls %s, which is volatile: it runs for every row, keeps indexes from being used, and may answer differently each time.', string_agg(v.name, ', ')),
       CASE WHEN bool_and(v.is_ours) THEN string_agg(format('ALTER FUNCTION %s STABLE;', v.name), ' ') || lifeguard.remark('if it writes nothing')
            WHEN (replaced.condition, replaced.check_condition) IS DISTINCT FROM (p.condition, p.check_condition)
              THEN lifeguard.alter_policy(p.quoted_name, p.relation_name, replaced.condition, replaced.check_condition)
            ELSE format('DROP POLICY %s ON %s;', p.quoted_name, p.relation_name) || lifeguard.remark('and create it again without ' || string_agg(v.name, ', ')) END
  FROM volatile v JOIN policies p USING (policy),
       LATERAL (SELECT lifeguard.unmask_literals(replace(lifeguard.mask_literals(p.condition), 'clock_timestamp()', 'statement_timestamp()'), p.condition),
                       lifeguard.unmask_literals(replace(lifeguard.mask_literals(p.check_condition), 'clock_timestamp()', 'statement_timestamp()'), p.check_condition))
               AS replaced(condition, check_condition)
 GROUP BY p.policy, p.relation, p.object, p.quoted_name, p.relation_name, p.condition, p.check_condition, replaced.condition, replaced.check_condition
UNION ALL
SELECT 'trusts_user_metadata', 'critical', p.relation, p.object,
       concat_ws(' ', 'it decides by user metadata',
                 format('(in %s)', string_agg(DISTINCT m.function::regprocedure::text, ', ')),
                 'which every user writes for himself when he updates his account.'),
       concat_ws(' ', string_agg(DISTINCT regexp_replace(regexp_replace(pg_get_functiondef(m.function), '\muser_metadata\M', 'app_metadata', 'g'), '\mraw_user_meta_data\M', 'raw_app_meta_data', 'g') || ';', ' '),
                 CASE WHEN bool_or(m.function IS NULL) THEN
                   lifeguard.alter_policy(p.quoted_name, p.relation_name, lifeguard.with_app_metadata(p.condition), lifeguard.with_app_metadata(p.check_condition)) END)
  FROM metadata m JOIN policies p USING (policy)
 GROUP BY p.policy, p.relation, p.object, p.quoted_name, p.relation_name, p.condition, p.check_condition
UNION ALL
SELECT 'unrestricted_write', 'critical', p.relation, p.object,
       CASE WHEN u.only_check THEN format('%s of %s may turn a row that %s changes into any other: its WITH CHECK is always true.', u.commands, p.relation_name, u.roles)
            ELSE format('it is true for every row: %s may %s whatever they like in %s.', u.roles, u.commands, p.relation_name) END,
       CASE WHEN u.only_check THEN lifeguard.alter_policy(p.quoted_name, p.relation_name, NULL, p.condition)
            WHEN p.kind = 'w' AND NOT p.always_checks THEN lifeguard.alter_policy(p.quoted_name, p.relation_name, p.check_condition, NULL)
            ELSE format('DROP POLICY %s ON %s;', p.quoted_name, p.relation_name)
                 || CASE WHEN p.kind = '*' THEN format(' CREATE POLICY %s ON %s FOR SELECT TO %s USING (%s);', p.quoted_name, p.relation_name, p.role_names, p.condition) ELSE '' END END
  FROM unrestricted u JOIN policies p USING (policy)
UNION ALL
SELECT 'several_permissive_policies', 'warning', t.relation, t.name,
       c.list || '. All of them are evaluated for every row, and the most generous decides.', d.drops || ' ' || r.creates
  FROM competing c JOIN remedies r USING (relation) JOIN drops d USING (relation) JOIN lifeguard.application_relations t USING (relation)
$$;
COMMENT ON FUNCTION lifeguard.lint_policies(lifeguard.application_policies[], lifeguard.policy_subjects[]) IS
'The findings of monitoring.lint() about what policies say.';
REVOKE EXECUTE ON FUNCTION lifeguard.lint_policies(lifeguard.application_policies[], lifeguard.policy_subjects[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifeguard.lint_policies(lifeguard.application_policies[], lifeguard.policy_subjects[]) TO pg_monitor;
