-- Lints of what is granted and what is let through: tables, views and functions.
-- How many rows a WITH has is not known when a plan is made: without nested loops what these functions take stays in proportion.

CREATE FUNCTION lifeguard.lint_tables(policies lifeguard.application_policies[], subjects lifeguard.policy_subjects[], privileges lifeguard.role_privileges[])
RETURNS TABLE (lint text, severity text, relation oid, object text, why text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
WITH tables AS MATERIALIZED (
  SELECT t.*, owner.rolname AS owner_name, owner.rolcanlogin AS owner_logs_in, owner.rolsuper OR owner.rolbypassrls AS owner_bypasses
    FROM lifeguard.application_relations t JOIN pg_roles owner ON owner.oid = t.owner WHERE t.kind IN ('r', 'p')),
privileges AS MATERIALIZED (SELECT p.* FROM unnest(lint_tables.privileges) p JOIN tables t USING (relation)),
policies AS MATERIALIZED (SELECT * FROM unnest(lint_tables.policies)),
reached AS MATERIALIZED (
  SELECT relation, string_agg(DISTINCT name, ', ') FILTER (WHERE command = 'SELECT') AS readers, string_agg(DISTINCT name, ', ') FILTER (WHERE command <> 'SELECT') AS writers
    FROM privileges WHERE is_api_role GROUP BY relation),
idle AS MATERIALIZED (SELECT relation, string_agg(quoted_name, ', ' ORDER BY name) AS policies FROM policies GROUP BY relation),
subjects AS MATERIALIZED (SELECT * FROM unnest(lint_tables.subjects)),
-- who may do what, by whose grant, and how many permissive policies let him
served AS MATERIALIZED (
  SELECT r.relation, r.role, r.name, r.command, r.grantees,
         CASE WHEN r.grantees <> '{PUBLIC}' THEN count(s.policy)   -- what PUBLIC may is used by roles that have policies of their own
              ELSE (SELECT count(*) FROM policies o WHERE o.relation = r.relation AND o.permissive AND r.command = ANY (o.commands)) END AS policies
    FROM privileges r
    JOIN tables t ON t.relation = r.relation AND t.protected
    LEFT JOIN subjects s ON s.permissive AND s.relation = r.relation AND s.role = r.role AND s.command = r.command
   WHERE EXISTS (SELECT FROM policies o WHERE o.relation = r.relation)
   GROUP BY r.relation, r.role, r.name, r.command, r.grantees),
shut_out AS MATERIALIZED (   -- roles for which a table has no policy at all
  SELECT relation, role FROM served GROUP BY relation, role HAVING sum(policies) = 0),
unserved AS MATERIALIZED (
  SELECT s.relation, s.command, string_agg(DISTINCT s.name, ', ') AS roles, string_agg(DISTINCT grantee, ', ') AS grantees
    FROM served s, unnest(s.grantees) AS grantee
   WHERE s.policies = 0 AND (s.relation, s.role) NOT IN (SELECT relation, role FROM shut_out)
   GROUP BY s.relation, s.command),
-- INSERT's own condition is the best guess at what UPDATE and DELETE are to be allowed
guesses AS MATERIALIZED (
  SELECT p.relation, string_agg(DISTINCT format('(%s)', coalesce(p.check_condition, p.condition)), ' OR ') AS condition
    FROM policies p WHERE p.permissive AND 'INSERT' = ANY (p.commands) GROUP BY p.relation)
-- 1. row security off
SELECT 'row_security_off', CASE WHEN r.writers IS NOT NULL OR i.policies IS NOT NULL THEN 'critical' ELSE 'warning' END, t.relation, t.name,
       concat_ws('; ', format('row security is off on %s', t.name), 'its policies are not applied: ' || i.policies,
                 'every row can be read by ' || r.readers, 'and changed by ' || r.writers) || '.',
       format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', t.name)
  FROM tables t LEFT JOIN reached r USING (relation) LEFT JOIN idle i USING (relation)
 WHERE NOT t.protected AND (r.relation IS NOT NULL OR i.relation IS NOT NULL)
UNION ALL
-- 2. row security on, no policies
SELECT 'no_policies', 'warning', t.relation, t.name,
       format('row security is on and there is no policy: for %s %s looks empty, UPDATE and DELETE touch nothing and say nothing.', string_agg(DISTINCT p.name, ', '), t.name),
       format('REVOKE ALL ON %s FROM %s;', t.name, string_agg(DISTINCT grantee, ', ')) || lifeguard.remark('or CREATE POLICY for those who may')
  FROM tables t JOIN privileges p USING (relation), unnest(p.grantees) AS grantee
 WHERE t.protected AND NOT EXISTS (SELECT FROM policies o WHERE o.relation = t.relation)
 GROUP BY t.relation, t.name
UNION ALL
-- 3. a command is granted, its policy is missing
SELECT 'command_without_policy', CASE u.command WHEN 'INSERT' THEN 'notice' ELSE 'warning' END, t.relation, format('%s on %s', u.command, t.name),
       format('%s on %s is granted to %s, and no permissive policy lets it through: ', u.command, t.name, u.roles)
       || CASE u.command WHEN 'SELECT' THEN 'the table looks empty, and UPDATE and DELETE with a WHERE find no row.'
                         WHEN 'INSERT' THEN 'every row is refused.'
                         ELSE format('the statement ends with "%s 0" and no error.', u.command) END,
       format('REVOKE %s ON %s FROM %s;', u.command, t.name, u.grantees)
       || CASE WHEN u.command IN ('UPDATE', 'DELETE') AND g.condition IS NOT NULL
               THEN lifeguard.remark(format('or, when those who insert a row may also do this: CREATE POLICY %I ON %s FOR %s TO %s USING (%s);',
                                            lifeguard.policy_name(t.relname, u.command), t.name, u.command, u.roles, g.condition)) ELSE '' END
  FROM unserved u JOIN tables t USING (relation) LEFT JOIN guesses g USING (relation)
UNION ALL
-- 4. a role has rights and not one policy
SELECT 'role_without_policy', 'notice', t.relation, t.name,
       format('%s may %s %s, but none of its policies is for %s.', string_agg(DISTINCT s.name, ', '), string_agg(DISTINCT s.command, ', '), t.name, string_agg(DISTINCT s.name, ', ')),
       format('REVOKE SELECT, INSERT, UPDATE, DELETE ON %s FROM %s;', t.name, string_agg(DISTINCT grantee, ', ')) || lifeguard.remark('or CREATE POLICY for those who may')
  FROM served s JOIN shut_out USING (relation, role) JOIN tables t USING (relation), unnest(s.grantees) AS grantee
 GROUP BY t.relation, t.name
UNION ALL
-- 5. a policy for roles that have no right
SELECT 'policy_without_grant', 'notice', p.relation, p.object,
       format('it is for %s, who may not %s in %s: every statement is refused before the policy is asked.', p.role_names, array_to_string(p.commands, ', '), p.relation_name),
       format('GRANT %s ON %s TO %s;', array_to_string(p.commands, ', '), p.relation_name, p.role_names) || lifeguard.remark(format('or DROP POLICY %s ON %s;', p.quoted_name, p.relation_name))
  FROM policies p JOIN tables t USING (relation)
 WHERE p.permissive AND p.commands <> '{}' AND 0 <> ALL (p.roles) AND t.protected
   AND NOT EXISTS (SELECT FROM unnest(p.roles) AS u(role) JOIN pg_roles r ON r.oid = u.role
                    WHERE r.rolbypassrls OR r.rolsuper OR r.oid < 16384 OR NOT t.owner_bypasses AND pg_has_role(t.owner, r.oid, 'USAGE'))
   AND NOT EXISTS (SELECT FROM (SELECT grantee, privilege_type FROM aclexplode(t.rights)
                                UNION ALL SELECT e.grantee, e.privilege_type FROM pg_attribute a, aclexplode(a.attacl) AS e WHERE a.attrelid = t.relation AND a.attacl IS NOT NULL) AS g,
                               unnest(p.roles) AS u(role)
                    WHERE g.privilege_type = ANY (p.commands) AND g.grantee <> t.owner
                      AND (g.grantee = 0 OR pg_has_role(g.grantee, u.role, 'USAGE') OR pg_has_role(u.role, g.grantee, 'USAGE')))
UNION ALL
-- 6. the owner is whom the policies are for, and is not subject to them
SELECT 'owner_not_subject', CASE WHEN api.roles IS NOT NULL THEN 'critical' ELSE 'warning' END, t.relation, t.name,
       CASE WHEN api.roles IS NOT NULL THEN format('the policies do not hold for the owner %I, and %s acts as the owner.', t.owner_name, api.roles)
            ELSE format('nobody but the owner %I has a right on %s, and for the owner its policies do not hold.', t.owner_name, t.name) END,
       format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', t.name)
  FROM tables t,
       LATERAL (SELECT string_agg(r.name, ', ') FROM lifeguard.api_roles r WHERE r.role <> 0 AND pg_has_role(r.role, t.owner, 'USAGE')) AS api(roles)
 WHERE t.protected AND NOT t.forced AND NOT t.owner_bypasses AND EXISTS (SELECT FROM policies p WHERE p.relation = t.relation)
   AND (api.roles IS NOT NULL
        OR t.owner_logs_in AND NOT EXISTS (SELECT FROM aclexplode(t.rights) AS a WHERE a.grantee <> t.owner) AND NOT EXISTS (SELECT FROM privileges p WHERE p.relation = t.relation))
$$;
COMMENT ON FUNCTION lifeguard.lint_tables(lifeguard.application_policies[], lifeguard.policy_subjects[], lifeguard.role_privileges[]) IS
'The findings of monitoring.lint() about tables, grants, and commands without policies.';

CREATE FUNCTION lifeguard.lint_views(privileges lifeguard.role_privileges[])
RETURNS TABLE (lint text, severity text, relation oid, object text, why text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
WITH RECURSIVE relations AS MATERIALIZED (SELECT * FROM lifeguard.application_relations),
readable AS MATERIALIZED (
  SELECT r.relation, string_agg(DISTINCT r.name, ', ') AS roles, string_agg(DISTINCT grantee, ', ') AS grantees
    FROM unnest(lint_views.privileges) r, unnest(r.grantees) AS grantee WHERE r.is_api_role GROUP BY r.relation),
reads AS MATERIALIZED (
  SELECT DISTINCT rule.ev_class AS reader, d.refobjid AS target
    FROM pg_rewrite rule JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = rule.oid AND d.refclassid = 'pg_class'::regclass
   WHERE rule.ev_type = '1' AND d.refobjid <> rule.ev_class),
views AS MATERIALIZED (
  SELECT v.relation, v.kind = 'm'
                     OR NOT coalesce((SELECT o.option_value::boolean FROM pg_options_to_table(v.options) AS o WHERE o.option_name = 'security_invoker'), false) AS as_owner
    FROM relations v WHERE v.kind IN ('v', 'm')),
-- from each view that API roles reach down to the tables; definer is the last view on the way that reads with its owner's rights
walk AS (
  SELECT v.relation AS start, v.relation AS at, CASE WHEN v.as_owner THEN v.relation END AS definer
    FROM views v JOIN readable USING (relation)
  UNION
  SELECT w.start, r.target, CASE WHEN v.as_owner THEN v.relation ELSE w.definer END
    FROM walk w JOIN reads r ON r.reader = w.at LEFT JOIN views v ON v.relation = r.target),
leaks AS (
  SELECT definer.relation, definer.name, definer.kind, owner.rolname AS owner, string_agg(DISTINCT t.oid::regclass::text, ', ') AS tables, string_agg(DISTINCT readable.roles, ', ') AS roles
    FROM walk w
    JOIN relations definer ON definer.relation = w.definer
    JOIN pg_roles owner ON owner.oid = definer.owner
    JOIN pg_class t ON t.oid = w.at AND t.relrowsecurity AND t.relkind IN ('r', 'p')
    JOIN readable ON readable.relation = w.start
   WHERE owner.rolsuper OR owner.rolbypassrls OR NOT t.relforcerowsecurity AND pg_has_role(definer.owner, t.relowner, 'USAGE')
   GROUP BY definer.relation, definer.name, definer.kind, owner.rolname)
SELECT 'view_bypasses_policies', 'critical', l.relation, l.name,
       format('%s read %s through it with the rights of its owner %I, for whom the policies there do not hold.', l.roles, l.tables, l.owner),
       format('ALTER VIEW %s SET (security_invoker = true);', l.name)
  FROM leaks l WHERE l.kind = 'v'
UNION ALL
SELECT 'materialized_view_bypasses_policies', 'critical', l.relation, l.name,
       format('%s read in it what was copied from %s without its policies; a materialized view has none itself.', l.roles, l.tables),
       format('REVOKE ALL ON %s FROM %s;', l.name, r.grantees)
  FROM leaks l JOIN readable r USING (relation) WHERE l.kind = 'm'
$$;
COMMENT ON FUNCTION lifeguard.lint_views(lifeguard.role_privileges[]) IS
'The findings of monitoring.lint() about views that show more than the policies of their tables do.';

CREATE FUNCTION lifeguard.lint_functions()
RETURNS TABLE (lint text, severity text, relation oid, object text, why text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
WITH definers AS MATERIALIZED (
  SELECT p.oid AS function, p.oid::regprocedure::text AS name, n.nspname AS schema, owner.rolname AS owner, p.proconfig, p.prosqlbody IS NOT NULL AS bound,
         p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) AS fires, l.lanname AS language, p.pronamespace,
         p.pronargs = 0 AND p.provolatile <> 'v' AND p.prorettype = 'boolean'::regtype AS asks_about_caller, coalesce(p.proacl, acldefault('f', p.proowner)) AS rights
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang JOIN pg_roles owner ON owner.oid = p.proowner
   WHERE p.prosecdef AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND owner.rolname !~ '^supabase_.*admin$'
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'))
SELECT 'definer_without_search_path', 'warning', NULL::oid, d.name,
       format('it runs as %I and looks its names up in the caller''s search_path: whoever can make objects there decides what runs.', d.owner),
       format('ALTER ROUTINE %s SET search_path = pg_catalog, %s%s, pg_temp;', d.name, quote_ident(d.schema),
              CASE WHEN d.schema <> 'public' AND to_regnamespace('public') IS NOT NULL THEN ', public' ELSE '' END)
  FROM definers d
 WHERE NOT d.bound AND d.language NOT IN ('c', 'internal') AND NOT EXISTS (SELECT FROM unnest(d.proconfig) AS setting WHERE setting ~ '^search_path=')
UNION ALL
SELECT 'definer_open_to_anyone', 'warning', NULL, d.name,
       format('%s may call it, and it does what its owner %I may do.', string_agg(DISTINCT r.name, ', '), d.owner),
       format('REVOKE EXECUTE ON ROUTINE %s FROM %s;', d.name, string_agg(DISTINCT r.name, ', ')) || lifeguard.remark('then GRANT it to those who need it')
  FROM definers d, aclexplode(d.rights) AS a
  JOIN (SELECT role, name FROM lifeguard.api_roles WHERE name IN ('PUBLIC', 'anon')) AS r ON r.role = a.grantee
 WHERE a.privilege_type = 'EXECUTE' AND NOT d.fires AND NOT d.asks_about_caller
   AND EXISTS (SELECT FROM lifeguard.api_roles c WHERE a.grantee IN (0, c.role) AND has_schema_privilege(c.role, d.pronamespace, 'USAGE'))
   -- what policies and views call must be open to those whom they are for
   AND NOT EXISTS (SELECT FROM pg_depend u WHERE u.classid IN ('pg_policy'::regclass, 'pg_rewrite'::regclass) AND u.refclassid = 'pg_proc'::regclass AND u.refobjid = d.function)
 GROUP BY d.function, d.name, d.owner
$$;
COMMENT ON FUNCTION lifeguard.lint_functions() IS
'The findings of monitoring.lint() about functions that run with their owner''s rights.';
REVOKE EXECUTE ON FUNCTION lifeguard.lint_tables(lifeguard.application_policies[], lifeguard.policy_subjects[], lifeguard.role_privileges[]), lifeguard.lint_views(lifeguard.role_privileges[]), lifeguard.lint_functions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifeguard.lint_tables(lifeguard.application_policies[], lifeguard.policy_subjects[], lifeguard.role_privileges[]), lifeguard.lint_views(lifeguard.role_privileges[]), lifeguard.lint_functions() TO pg_monitor;
