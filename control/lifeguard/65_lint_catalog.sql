-- What the lints look at: the application's relations, who may reach them, and the policies with whom they serve. All of it is read
-- from the catalog; nothing of the application's runs. Names come qualified: the readers pin the search_path.

CREATE VIEW lifeguard.api_roles AS
SELECT 0::oid AS role, 'PUBLIC' AS name
UNION ALL
SELECT r.oid, quote_ident(r.rolname)
  FROM pg_roles r
 WHERE NOT r.rolsuper AND NOT r.rolbypassrls AND r.oid >= 16384
   AND (r.rolname IN ('anon', 'authenticated')
        OR NOT r.rolcanlogin
           AND EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles login ON login.oid = m.member
                        WHERE m.roleid = r.oid AND login.rolcanlogin AND NOT login.rolsuper
                          -- PostgreSQL 16 keeps it for each membership
                          AND NOT coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, login.rolinherit)));
COMMENT ON VIEW lifeguard.api_roles IS
'The roles in which requests of strangers run: PUBLIC, anon, authenticated, and each role without LOGIN to which a login role that does not inherit from it may switch. '
'Without superusers and roles that bypass row security.';

CREATE VIEW lifeguard.application_relations AS
SELECT c.oid AS relation, c.oid::regclass::text AS name, c.relname, c.relnamespace AS schema, c.relkind AS kind, c.relowner AS owner,
       c.relrowsecurity AS protected, c.relforcerowsecurity AS forced, c.relacl AS rights, c.reloptions AS options
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles owner ON owner.oid = c.relowner
 WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND owner.rolname !~ '^supabase_.*admin$'   -- the platform's, not to be mended by the application
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');
COMMENT ON VIEW lifeguard.application_relations IS
'Tables, views and materialized views that belong to no extension, not to the system, and not to a platform''s own roles (supabase_..._admin).';

CREATE VIEW lifeguard.role_privileges AS
WITH grants AS MATERIALIZED (
  SELECT DISTINCT t.relation, a.grantee, a.privilege_type AS command
    FROM lifeguard.application_relations t,
         LATERAL (SELECT grantee, privilege_type FROM aclexplode(t.rights)
                  UNION ALL
                  SELECT e.grantee, e.privilege_type
                    FROM pg_attribute att, aclexplode(att.attacl) AS e WHERE att.attrelid = t.relation AND att.attacl IS NOT NULL) AS a
   WHERE a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')),
candidates AS MATERIALIZED (
  SELECT t.relation, t.schema, t.owner, r.role FROM lifeguard.application_relations t, lifeguard.api_roles r
  UNION
  SELECT t.relation, t.schema, t.owner, r.oid
    FROM grants g JOIN lifeguard.application_relations t USING (relation) JOIN pg_roles r ON r.oid = g.grantee
   WHERE NOT r.rolsuper AND NOT r.rolbypassrls AND r.oid >= 16384)
SELECT c.relation, c.role, coalesce(quote_ident(r.rolname), 'PUBLIC') AS name, c.role IN (SELECT role FROM lifeguard.api_roles) AS is_api_role,
       g.command, array_agg(DISTINCT coalesce(quote_ident(by.rolname), 'PUBLIC')) AS grantees
  FROM candidates c
  JOIN grants g ON g.relation = c.relation AND (g.grantee IN (0, c.role) OR c.role <> 0 AND g.grantee <> 0 AND pg_has_role(c.role, g.grantee, 'USAGE'))
  LEFT JOIN pg_roles r ON r.oid = c.role
  LEFT JOIN pg_roles by ON by.oid = g.grantee
 WHERE has_schema_privilege(c.role, c.schema, 'USAGE') AND (c.role = 0 OR NOT pg_has_role(c.role, c.owner, 'USAGE'))
 GROUP BY c.relation, c.role, r.rolname, g.command;
COMMENT ON VIEW lifeguard.role_privileges IS
'Which roles may SELECT, INSERT, UPDATE or DELETE in a relation, or in columns of it, and whose grants give them that: the roles that are subject to its policies. '
'API roles, and every other role with a grant of its own; not the owner, superusers, and who bypasses row security.';

CREATE VIEW lifeguard.application_policies AS
SELECT p.oid AS policy, format('policy %I on %s', p.polname, t.name) AS object, p.polname AS name, quote_ident(p.polname) AS quoted_name,
       t.relation, t.name AS relation_name, p.polpermissive AS permissive, p.polcmd AS kind, p.polroles AS roles, e.condition, e.check_condition,
       (SELECT string_agg(coalesce(quote_ident(r.rolname), 'PUBLIC'), ', ' ORDER BY r.rolname)
          FROM unnest(p.polroles) AS u(role) LEFT JOIN pg_roles r ON r.oid = u.role) AS role_names,
       -- a policy without an expression for a command lets nothing through there
       ARRAY(SELECT command FROM (VALUES ('SELECT', 'r'), ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd')) AS v(command, kind)
              WHERE p.polcmd IN ('*', v.kind)
                AND (p.polqual IS NOT NULL OR v.kind = 'a' AND p.polwithcheck IS NOT NULL)) AS commands
  FROM pg_policy p
  JOIN lifeguard.application_relations t ON t.relation = p.polrelid,
       LATERAL (SELECT lifeguard.one_line(pg_get_expr(p.polqual, p.polrelid)), lifeguard.one_line(pg_get_expr(p.polwithcheck, p.polrelid)) OFFSET 0) AS e(condition, check_condition);
COMMENT ON VIEW lifeguard.application_policies IS
'The policies of the application''s tables: their expressions as texts, the commands for which they have one, the roles by name.';

CREATE VIEW lifeguard.policy_subjects AS
WITH policies AS MATERIALIZED (SELECT policy, relation, roles, permissive, command FROM lifeguard.application_policies, unnest(commands) AS command),
privileges AS MATERIALIZED (SELECT relation, role, name, is_api_role, command FROM lifeguard.role_privileges)
SELECT p.policy, p.relation, p.permissive, r.role, r.name, r.is_api_role, r.command
  FROM policies p
  JOIN privileges r ON r.relation = p.relation AND r.command = p.command
 WHERE 0 = ANY (p.roles)
    OR r.role <> 0 AND EXISTS (SELECT FROM unnest(p.roles) AS u(role) WHERE pg_has_role(r.role, u.role, 'USAGE'));
COMMENT ON VIEW lifeguard.policy_subjects IS
'Which policy serves which role for which command, of the commands that are granted to it.';
GRANT SELECT ON lifeguard.api_roles, lifeguard.application_relations, lifeguard.role_privileges, lifeguard.application_policies,
                lifeguard.policy_subjects TO pg_monitor;
