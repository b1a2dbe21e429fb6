-- The schema monitoring. CREATE EXTENSION makes it where there is none (lifeguard.control); it is no member, so that it may
-- have been there before, hold what is not ours, and stay. What is in it must not be an untrusted role's: this module makes
-- sure of that, and moves a table system_errors out of the way; its rows follow in 44_journal_takeover.

-- All modules are parsed under this path: no name or operator of somebody else's comes in.
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
  relations constant text[] := '{system_errors_pkey,system_errors_created_at,quarantined_errors,muted_functions,muted_functions_pkey,'
                               'errors_by_day,latest_errors,unresolved_errors,accepted_lints,accepted_lints_pkey,'
                               'access_expectations,access_expectations_pkey,access_roles,access_roles_pkey,access_owners,access_owners_pkey,'
                               'finding,checks,checks_pkey,check_runs,check_runs_pkey,check_runs_id_seq,check_results,check_results_pkey,check_results_run,'
                               'check_findings,check_findings_pkey,check_findings_id_seq,check_findings_open,check_findings_gone,gauge,gauges,gauges_pkey,'
                               'audit_log,audit_log_default,audit_log_default_recent,audit_log_id_seq,job_definitions,job_definitions_pkey,'
                               'job_schedules,job_schedules_pkey,job_runs,job_runs_pkey,jobs,reports,reports_pkey,metrics}';
  functions constant text[] := '{log_error,drain,status,selftest,resolve,reopen,prune_errors,redact,mute,unmute,retry_quarantined,'
                               'lint,accept_lint,withdraw_lint,explain_access,test_rls_policies,remember_access,access_changes,'
                               'add_check,drop_check,run_checks,health,add_gauges,drop_gauges,check_referential_integrity,verify_constraints,test_schema_migration,'
                               'health_report,add_job,drop_job,run_job,schedule_jobs,unschedule_jobs,keep_report,history_of,maintain_audit}';
  trusted   constant oid[] := ARRAY(SELECT oid FROM pg_roles WHERE rolsuper OR rolname = current_user);
  place     constant oid := 'monitoring'::regnamespace;
  before    pg_class;           -- the table whose rows are taken over
  obstacle  record;
  obstacles text[] := '{}';
  remedies  text[] := '{}';
  opened    text;
BEGIN
  -- the whole script has been read with this setting already; patterns with backslashes would have become others
  IF NOT current_setting('standard_conforming_strings')::boolean THEN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'lifeguard cannot be created while standard_conforming_strings is off',
      HINT = 'SET standard_conforming_strings = on; and again.';
  END IF;

  SELECT * INTO before FROM pg_class WHERE relnamespace = place AND relname = 'system_errors';
  IF NOT FOUND THEN   -- a table that was taken over once, by an extension that was dropped since
    SELECT * INTO before FROM pg_class
     WHERE relnamespace = place AND relname = 'system_errors_before' AND relkind = 'r' AND NOT relispartition;
  END IF;
  IF before.relkind = 'r' THEN
    EXECUTE format('LOCK TABLE ONLY monitoring.%I IN ACCESS EXCLUSIVE MODE', before.relname);
  END IF;

  FOR obstacle IN
    -- who owns the schema, or may create in it, could put functions in the way of ours
    SELECT 1 AS rank, format('the schema belongs to %s', nspowner::regrole) AS what,
           format('ALTER SCHEMA monitoring OWNER TO %I;', current_user) AS remedy
      FROM pg_namespace WHERE oid = place AND nspowner <> ALL (trusted)
    UNION ALL
    SELECT 2, format('%s may create objects in it', role),
           format('REVOKE CREATE ON SCHEMA monitoring FROM %s%s;', role, CASE WHEN bool_or(is_grantable) THEN ' CASCADE' END)
      FROM pg_namespace, aclexplode(nspacl) AS a, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') AS role
     WHERE oid = place AND privilege_type = 'CREATE' AND grantee <> nspowner AND grantee <> ALL (trusted)
     GROUP BY role

    -- the table: planning a query of it runs functions in its indexes, checks and statistics
    UNION ALL
    SELECT 3, format('monitoring.system_errors is %s', CASE before.relkind WHEN 'p' THEN 'partitioned' WHEN 'r' THEN 'a partition' ELSE 'no table' END),
           format('ALTER %s monitoring.system_errors RENAME TO system_errors_before;   -- its rows will not be taken over',
                  CASE before.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'i' THEN 'INDEX' WHEN 'I' THEN 'INDEX'
                                      WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END)
     WHERE before.relname = 'system_errors' AND (before.relkind <> 'r' OR before.relispartition)
    UNION ALL
    SELECT 3, format('monitoring.%s belongs to %s', before.relname, before.relowner::regrole),
           format('ALTER TABLE monitoring.%s OWNER TO %I;', before.relname, current_user)
     WHERE before.relkind = 'r' AND before.relowner <> ALL (trusted)
    UNION ALL
    SELECT 3, format('monitoring.%s has a child, %s', before.relname, inhrelid::regclass),
           format('ALTER TABLE %s NO INHERIT monitoring.%s;', inhrelid::regclass, before.relname)
      FROM pg_inherits WHERE before.relkind = 'r' AND inhparent = before.oid
    UNION ALL
    SELECT DISTINCT 4, format('%s uses %s of %s', part.name, pg_describe_object(d.refclassid, d.refobjid, 0), owner::regrole), part.remedy
      FROM (SELECT 'pg_class'::regclass AS class, indexrelid AS id, format('index %s', indexrelid::regclass) AS name,
                   format('DROP INDEX %s;', indexrelid::regclass) AS remedy
              FROM pg_index WHERE indrelid = before.oid
            UNION ALL
            SELECT 'pg_constraint'::regclass, oid, format('constraint %I', conname),
                   format('ALTER TABLE monitoring.%s DROP CONSTRAINT %I;', before.relname, conname)
              FROM pg_constraint WHERE conrelid = before.oid
            UNION ALL
            SELECT 'pg_statistic_ext'::regclass, oid, format('statistics %s.%I', stxnamespace::regnamespace, stxname),
                   format('DROP STATISTICS %s.%I;', stxnamespace::regnamespace, stxname)
              FROM pg_statistic_ext WHERE stxrelid = before.oid) AS part
      JOIN pg_depend d ON d.classid = part.class AND d.objid = part.id,
           LATERAL (SELECT proowner FROM pg_proc WHERE d.refclassid = 'pg_proc'::regclass AND oid = d.refobjid
                    UNION ALL SELECT oprowner FROM pg_operator WHERE d.refclassid = 'pg_operator'::regclass AND oid = d.refobjid
                    UNION ALL SELECT opcowner FROM pg_opclass WHERE d.refclassid = 'pg_opclass'::regclass AND oid = d.refobjid
                    UNION ALL SELECT typowner FROM pg_type WHERE d.refclassid = 'pg_type'::regclass AND oid = d.refobjid) AS o(owner)
     WHERE before.relkind = 'r' AND owner <> ALL (trusted)

    -- names that are ours
    UNION ALL
    SELECT 5, format('there is a relation %s of %s', c.oid::regclass, c.relowner::regrole),
           format('ALTER %s %s RENAME TO %I;', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'i' THEN 'INDEX' WHEN 'I' THEN 'INDEX'
                                                               WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
                  c.oid::regclass, c.relname || '_before')
      FROM pg_class c
     WHERE c.relnamespace = place
       AND (c.relname = ANY (relations) OR before.relname = 'system_errors' AND c.relname = 'system_errors_before')
       AND NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = c.oid AND indrelid = before.oid)
    UNION ALL
    SELECT 5, format('there is a type %s of %s', oid::regtype, typowner::regrole),
           format('ALTER %s %s RENAME TO %I;', CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, oid::regtype, typname || '_before')
      FROM pg_type
     WHERE typnamespace = place AND typrelid = 0 AND typelem = 0
       AND (typname = ANY (relations) OR typname = 'system_errors' OR before.relname = 'system_errors' AND typname = 'system_errors_before')
    UNION ALL
    SELECT 6, format('there is a function %s of %s', oid::regprocedure, proowner::regrole),
           format('ALTER ROUTINE %s RENAME TO %I;', oid::regprocedure, proname || '_before')
      FROM pg_proc WHERE pronamespace = place AND proname = ANY (functions)
    ORDER BY rank, what
  LOOP
    obstacles := array_append(obstacles, obstacle.what);
    remedies := array_append(remedies, obstacle.remedy);
  END LOOP;

  IF obstacles <> '{}' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG203',
      MESSAGE = format('the journal cannot be put into the schema monitoring, which is there already: %s', array_to_string(obstacles, '; ')),
      DETAIL = jsonb_build_object('schema', 'monitoring', 'obstacles', obstacles),
      HINT = E'Look at what is there, then:\n' || array_to_string(remedies, E'\n');
  END IF;

  IF obj_description(place, 'pg_namespace') IS NULL THEN
    COMMENT ON SCHEMA monitoring IS 'What goes wrong in this database: the journal of errors and what reads it.';
  END IF;
  -- Everybody may log. A grant made here would count as the extension's own, which pg_dump leaves out: not on a schema that
  -- a dump makes itself.
  opened := (SELECT string_agg(oid::regprocedure::text, ', ' ORDER BY oid::regprocedure::text) FROM pg_proc
              WHERE pronamespace = place AND NOT has_schema_privilege('public', place, 'USAGE') AND has_function_privilege('public', oid, 'EXECUTE'));
  IF opened IS NOT NULL THEN
    RAISE WARNING USING MESSAGE = format('the schema monitoring is open to everybody now, and so are its functions that PUBLIC may execute: %s', opened),
      HINT = 'REVOKE EXECUTE ... FROM PUBLIC on those that are not for everybody.';
  END IF;
  GRANT USAGE ON SCHEMA monitoring TO PUBLIC;
  PERFORM set_config('allow_system_table_mods', 'on', true);
  DELETE FROM pg_init_privs WHERE classoid = 'pg_namespace'::regclass AND objoid = place;
  PERFORM set_config('allow_system_table_mods', 'off', true);

  IF before.relname = 'system_errors' THEN
    ALTER TABLE monitoring.system_errors RENAME TO system_errors_before;
    -- a dump brings these back after the extension has made its own
    FOR obstacle IN
      SELECT c.oid::regclass AS name, regexp_replace(c.relname, '^system_errors', 'system_errors_before') AS new_name
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE i.indrelid = before.oid AND c.relname = ANY (relations)
    LOOP
      EXECUTE format('ALTER INDEX %s RENAME TO %I', obstacle.name, obstacle.new_name);
    END LOOP;
  END IF;
END $$;
