-- The last module: what default privileges have added to what was made before is taken back. Who could put a trigger on these tables, write
-- where answers come from, or call what not everybody may, would act as the extension's owner.
DO $$
DECLARE
  for_monitors constant text[] := '{monitoring.drain(interval),monitoring.status(),monitoring.selftest(),lifeguard.journal_state(),lifeguard.journal_counters(),'
                                  '"lifeguard.raise_uncaught(text)","lifeguard.forget_selftest(text)","monitoring.lint(regclass,boolean)",'
                                  'monitoring.run_checks(text),monitoring.health(),lifeguard.check_score(),monitoring.health_report(text),lifeguard.report_gauges(),'
                                  'lifeguard.gauge_metrics()}';
  registers    constant text[] := '{lifeguard.disabled_triggers,lifeguard.introduced_constraints,lifeguard.renames}';   -- owners write there about their tables
  for_all      constant text[] := '{lifeguard.rules,lifeguard.identity_sources,lifeguard.application_keys}' || registers;   -- to look at
  surplus      record;
BEGIN
  FOR surplus IN
    WITH granted AS (
      SELECT 'pg_class'::regclass AS class, oid, oid::regclass::text AS object, 'TABLE' AS kind, relowner AS owner, a.grantee, a.privilege_type AS privilege
        FROM pg_class, aclexplode(relacl) AS a WHERE relnamespace IN ('monitoring'::regnamespace, 'lifeguard'::regnamespace) AND relkind <> 'S'
      UNION ALL
      SELECT 'pg_proc'::regclass, oid, oid::regprocedure::text, 'FUNCTION', proowner, a.grantee, a.privilege_type
        FROM pg_proc, aclexplode(proacl) AS a WHERE NOT has_function_privilege('public', oid, 'EXECUTE')
    )
    SELECT DISTINCT g.kind, g.object, g.privilege, coalesce(nullif(g.grantee, 0)::regrole::text, 'PUBLIC') AS role
      FROM granted g
      JOIN pg_depend d ON d.deptype = 'e' AND d.classid = g.class AND d.objid = g.oid AND d.refclassid = 'pg_extension'::regclass
      JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'lifeguard'
     WHERE g.grantee <> g.owner
       AND NOT CASE WHEN g.kind = 'FUNCTION' THEN g.grantee = 'pg_monitor'::regrole AND (g.object = ANY (for_monitors) OR g.object LIKE 'lifeguard.lint\_%')
                    WHEN g.privilege <> 'SELECT' THEN g.grantee = 0 AND g.privilege IN ('INSERT', 'UPDATE', 'DELETE') AND g.object = ANY (registers)
                    WHEN g.grantee = 0 THEN g.object = ANY (for_all)
                    ELSE g.grantee = 'pg_monitor'::regrole AND g.object <> 'lifeguard.journal_files' END
  LOOP
    EXECUTE format('REVOKE %s ON %s %s FROM %s', surplus.privilege, surplus.kind, surplus.object, surplus.role);
  END LOOP;
END $$;
