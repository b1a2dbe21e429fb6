-- General checks: what monitoring.lint() finds, views that look past policies, and access that changed since it was remembered.

CREATE FUNCTION lifeguard.check_lints() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.lint || ' ' || l.object, format('%s: %s', l.object, l.why), jsonb_build_object('lint', l.lint, 'object', l.object, 'remedy', l.remedy), l.severity
    FROM monitoring.lint() AS l WHERE l.severity IN ('critical', 'warning')
$$;

CREATE FUNCTION lifeguard.check_views() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT v.name, format('%s reads %s with the rights of its owner %s, past the policies there, for %s', v.name, string_agg(DISTINCT t.name, ', '), v.owner::regrole, g.roles),
         jsonb_build_object('view', v.name, 'tables', jsonb_agg(DISTINCT t.name), 'readers', g.roles, 'remedy', format('ALTER VIEW %s SET (security_invoker = true);', v.name)), NULL::text
    FROM lifeguard.application_relations v
    JOIN pg_rewrite rule ON rule.ev_class = v.relation AND rule.ev_type = '1'
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = rule.oid AND d.refclassid = 'pg_class'::regclass
    JOIN lifeguard.application_relations t ON t.relation = d.refobjid AND t.kind IN ('r', 'p') AND t.protected,
         LATERAL (SELECT string_agg(DISTINCT coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC'), ', ') AS roles
                    FROM aclexplode(v.rights) AS a LEFT JOIN pg_roles r ON r.oid = a.grantee
                   WHERE a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') AND a.grantee <> v.owner AND NOT coalesce(r.rolsuper OR r.rolbypassrls, false)) AS g
   WHERE v.kind = 'v' AND g.roles IS NOT NULL
     AND NOT coalesce((SELECT o.option_value::boolean FROM pg_options_to_table(v.options) AS o WHERE o.option_name = 'security_invoker'), false)
     AND NOT EXISTS (SELECT FROM monitoring.accepted_lints a WHERE a.lint = 'view_bypasses_policies' AND a.object = v.name)
   GROUP BY v.name, v.owner, g.roles
$$;

CREATE FUNCTION lifeguard.check_access_changes() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM monitoring.access_expectations) THEN
    RETURN QUERY
      SELECT concat_ws(' ', a.command, 'on', a.relation, 'for', quote_ident(a.role_name), format('(%s)', a.persona)), a.change,
             jsonb_build_object('table', a.relation::text, 'role', a.role_name, 'persona', a.persona, 'command', a.command, 'before', a.before, 'now', a.now, 'note', a.note,
                                'remedy', format('SELECT * FROM monitoring.remember_access(''{%s}'');   -- if it is meant to; else mend the policy or the grant', a.relation)),
             CASE WHEN a.before IS NULL OR a.now IS NULL OR 'unknown' IN (a.before, a.now) THEN 'warning' END
        FROM monitoring.access_changes() AS a;
  END IF;
END $$;

SELECT monitoring.add_check('lints', 'access', 'warning', 'lifeguard.check_lints()',
                            'what hurts silently in grants, policies, views and functions: monitoring.lint(), each with its severity, without notices', 'SELECT * FROM monitoring.lint();'),
       monitoring.add_check('views_without_security_invoker', 'access', 'warning', 'lifeguard.check_views()',
                            'views that others may read and that look past the policies of the tables below', 'ALTER VIEW ... SET (security_invoker = true);'),
       monitoring.add_check('access_changes', 'access', 'critical', 'lifeguard.check_access_changes()',
                            'who may do what to which row is no longer what monitoring.remember_access() stored; nothing when nothing is stored', 'SELECT * FROM monitoring.access_changes();');
