-- install() makes what the blueprint lists and the database lacks; uninstall() takes it back. Both say what they did.

CREATE FUNCTION pull_up_club.is_there(kind text, name text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  what  text := split_part(name, ' ON ', 1);
  place text := split_part(name, ' ON ', 2);
  club  constant jsonb := pull_up_club.adopted();
  part  pull_up_club.blueprint;
  home  text;
BEGIN
  IF club <> '{}' AND kind IN ('constraint', 'index', 'trigger', 'rule', 'admins', 'security', 'policy') THEN
    SELECT * INTO part FROM pull_up_club.blueprint b WHERE b.kind = is_there.kind AND b.name = is_there.name;
    home := pull_up_club.home_of(kind, name, part.make);
    IF club ? home THEN
      RETURN pull_up_club.is_there_on(kind, name, pull_up_club.on_base(kind, name, part.make, club), (club -> home ->> 'base')::regclass, club);
    END IF;
  END IF;
  CASE kind
    WHEN 'role'       THEN RETURN to_regrole(name) IS NOT NULL;
    WHEN 'schema'     THEN RETURN to_regnamespace(name) IS NOT NULL;
    WHEN 'function'   THEN RETURN to_regprocedure(name) IS NOT NULL;
    WHEN 'constraint' THEN RETURN EXISTS (
      SELECT FROM pg_constraint WHERE conrelid = to_regclass(place) AND conname = what);
    WHEN 'trigger'    THEN RETURN EXISTS (
      SELECT FROM pg_trigger WHERE tgrelid = to_regclass(place) AND tgname = what);
    WHEN 'rule'       THEN RETURN EXISTS (
      SELECT FROM lifeguard.rules r
       WHERE r.relation = to_regclass(place)
         AND what IN (r.rule, format('guard %s -> %s: %s', coalesce(r.from_state, 'any'), r.to_state, r.message)));
    WHEN 'admins'     THEN RETURN EXISTS (
      SELECT FROM lifeguard.identity_sources s WHERE s.kind = 'admins' AND s.relation = to_regclass(name));
    WHEN 'security'   THEN RETURN (SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(name));
    WHEN 'policy'     THEN RETURN EXISTS (
      SELECT FROM pg_policy WHERE polrelid = to_regclass(place) AND polname = what);
    WHEN 'grant'      THEN RETURN pull_up_club.is_granted(name);
    WHEN 'check'      THEN RETURN EXISTS (SELECT FROM monitoring.checks c WHERE c.name = is_there.name);
    WHEN 'gauges'     THEN RETURN EXISTS (SELECT FROM monitoring.gauges g WHERE g.name = is_there.name);
    WHEN 'lint'       THEN RETURN EXISTS (SELECT FROM monitoring.accepted_lints l WHERE l.lint = what AND l.object = place);
    WHEN 'job'        THEN
      IF to_regclass('monitoring.job_definitions') IS NULL THEN
        RETURN NULL;
      END IF;
      RETURN EXISTS (SELECT FROM monitoring.job_definitions j WHERE j.name = is_there.name);
    WHEN 'rows'       THEN RETURN NULL;
    ELSE RETURN to_regclass(name) IS NOT NULL;
  END CASE;
END $$;
COMMENT ON FUNCTION pull_up_club.is_there(text, text) IS
  'whether a part of the blueprint is in the database; NULL for rows, which only inserting tells, and for jobs where lifeguard has none';

CREATE FUNCTION pull_up_club.own_functions() RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
   WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
     AND e.extname = 'pull_up_club'
$$;
COMMENT ON FUNCTION pull_up_club.own_functions() IS 'the extension''s functions';

-- A table of a club's name that is not the club's: its columns should be the blueprint's lines that begin with a
-- lower-case name and a type. Of auth.users only the id matters; it belongs to whoever signs people up.
CREATE FUNCTION pull_up_club.foreign_tables() RETURNS TABLE (relation text, lacks text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH present AS (
    SELECT b.name, b.make, c.oid, c.relkind IN ('r', 'p') AS is_table
      FROM pull_up_club.blueprint b JOIN pg_class c ON c.oid = CASE b.kind WHEN 'table' THEN to_regclass(b.name) END
  )
  SELECT name, 'is no table' FROM present WHERE NOT is_table
  UNION ALL
  SELECT name, 'lacks ' || string_agg(wanted[1] || ' ' || wanted[2], ', ' ORDER BY n)
    FROM present, regexp_matches(make, '^  ([a-z_]+) +([a-z]+)', 'gn') WITH ORDINALITY AS w(wanted, n)
   WHERE is_table AND (name <> 'auth.users' OR wanted[1] = 'id')
     AND NOT EXISTS (SELECT FROM pg_attribute a
                      WHERE a.attrelid = present.oid AND a.attname = wanted[1] AND NOT a.attisdropped
                        AND a.atttypid = to_regtype(wanted[2]))
   GROUP BY name
   ORDER BY 1
$$;
COMMENT ON FUNCTION pull_up_club.foreign_tables() IS 'tables that have a name of the club''s but lack its columns';

-- What the caller may not do and install() would have to; nothing for a superuser. Asks the catalogs only:
-- to_regclass() itself needs rights.
CREATE FUNCTION pull_up_club.missing_rights() RETURNS TABLE (lacks text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH users AS (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'auth' AND c.relname = 'users'
  ), caller AS (
    SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user
  ), wanted AS (
    SELECT 'create role ' || name AS lacks, rolcreaterole AND make NOT LIKE '%BYPASSRLS%' AS granted
      FROM pull_up_club.blueprint, caller WHERE kind = 'role' AND name NOT IN (SELECT rolname FROM pg_roles)
    UNION ALL
    SELECT 'create schema ' || name, has_database_privilege(current_database(), 'CREATE')
      FROM pull_up_club.blueprint WHERE kind = 'schema' AND name NOT IN (SELECT nspname FROM pg_namespace)
    UNION ALL
    SELECT privilege || ' on schema ' || nspname, has_schema_privilege(n.oid, privilege)
      FROM pull_up_club.blueprint JOIN pg_namespace n ON n.nspname = name,
           unnest('{USAGE,CREATE}'::text[]) AS privilege
     WHERE kind = 'schema' AND (name <> 'auth' OR privilege = 'USAGE' OR NOT EXISTS (SELECT FROM users))
    UNION ALL
    SELECT 'CREATE on schema public', has_schema_privilege('public', 'CREATE')
    UNION ALL
    SELECT privilege || ' on table auth.users', has_table_privilege(oid, privilege)
      FROM users, unnest('{SELECT,REFERENCES,TRIGGER}'::text[]) AS privilege
    UNION ALL
    SELECT DISTINCT format('EXECUTE on all functions in schema %I', n.nspname), false
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE p.oid IN (SELECT pull_up_club.own_functions()) AND n.nspname <> 'monitoring'
           AND p.prorettype NOT IN ('monitoring.finding'::regtype, 'monitoring.gauge'::regtype)     -- lifeguard calls these
           AND NOT has_function_privilege(p.oid, 'EXECUTE')
    UNION ALL
    SELECT 'EXECUTE on function ' || n.nspname || '.' || p.proname, has_function_privilege(p.oid, 'EXECUTE')
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = 'lifeguard' AND p.proname IN ('use_admins', 'use_source', 'try_source', 'check_roles', 'drop_source')
        OR n.nspname = 'monitoring' AND p.proname IN ('add_check', 'drop_check', 'add_gauges', 'drop_gauges', 'add_job', 'drop_job', 'health')
    UNION ALL   -- who is an admin for lifeguard, and what it checks and shows, is written there
    SELECT format('%s on table %s', privilege, oid::regclass), has_table_privilege(oid, privilege)
      FROM pg_class, unnest('{INSERT,UPDATE,DELETE}'::text[]) AS privilege
     WHERE relnamespace = 'lifeguard'::regnamespace AND relname = 'identity_sources'
        OR relnamespace = 'monitoring'::regnamespace AND relname IN ('checks', 'gauges', 'job_definitions', 'accepted_lints')
    UNION ALL   -- what openings() gives on to roles that have it not
    SELECT 'USAGE WITH GRANT OPTION on schema ' || n.nspname, has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION')
      FROM pull_up_club.blueprint JOIN pg_namespace n ON n.nspname = name
     WHERE kind = 'schema' AND name <> 'auth'
       AND EXISTS (SELECT FROM unnest('{anon,authenticated,service_role}'::text[]) AS role WHERE has_schema_privilege(to_regrole(role)::oid, n.oid, 'USAGE') IS NOT TRUE)
    UNION ALL
    SELECT DISTINCT format('EXECUTE WITH GRANT OPTION on all functions in schema %I', n.nspname), false
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE p.oid IN (SELECT pull_up_club.own_functions()) AND n.nspname NOT IN ('monitoring', 'pull_up_club')
       AND has_function_privilege(to_regrole('service_role')::oid, p.oid, 'EXECUTE') IS NOT TRUE AND NOT has_function_privilege(p.oid, 'EXECUTE WITH GRANT OPTION')
    UNION ALL   -- whose function get_system_health() will be
    SELECT 'the role pg_monitor', pg_has_role('pg_monitor', 'USAGE')
  )
  SELECT lacks FROM wanted, caller WHERE NOT granted AND NOT rolsuper ORDER BY 1
$$;
COMMENT ON FUNCTION pull_up_club.missing_rights() IS 'the rights that install() needs and its caller lacks';

-- What the API's roles need beside the grants of the blueprint; the service role may call all that the club has.
CREATE FUNCTION pull_up_club.openings() RETURNS TABLE (privilege text, place text, grantee text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT 'USAGE', format('SCHEMA %I', n.nspname), role
    FROM pg_namespace n, unnest('{anon,authenticated,service_role}'::text[]) AS role
   WHERE n.nspname IN ('auth_management', 'content', 'finance', 'communication', 'analytics')
     AND has_schema_privilege(to_regrole(role)::oid, n.oid, 'USAGE') IS NOT TRUE
  UNION ALL
  SELECT 'EXECUTE', format('FUNCTION %s', p.oid::regprocedure), 'service_role'
    FROM pull_up_club.own_functions() AS own JOIN pg_proc p ON p.oid = own
   WHERE p.pronamespace NOT IN ('pull_up_club'::regnamespace, 'monitoring'::regnamespace)
     AND has_function_privilege(to_regrole('service_role')::oid, p.oid, 'EXECUTE') IS NOT TRUE
$$;
COMMENT ON FUNCTION pull_up_club.openings() IS
  'what the API''s roles may not do yet and need: to use the schemas, and the service role to call the functions';

CREATE FUNCTION pull_up_club.open_schemas() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  opening record;
BEGIN
  FOR opening IN SELECT * FROM pull_up_club.openings() LOOP
    EXECUTE format('GRANT %s ON %s TO %I', opening.privilege, opening.place, opening.grantee);
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.open_schemas() IS
  'part of install(): lets the API''s roles into the schemas, and the service role call the functions';
REVOKE EXECUTE ON FUNCTION pull_up_club.open_schemas() FROM PUBLIC;

CREATE FUNCTION pull_up_club.require_own_tables(caller text, hint text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM pull_up_club.adopted_tables) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG126',
      MESSAGE = format('ADOPTED: %s is for a club in its own tables, and this one was adopted', caller),
      DETAIL = (SELECT jsonb_object_agg(a.name, a.base) FROM pull_up_club.adopted_tables a),
      HINT = hint;
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.require_own_tables(text, text) IS 'part of install() and uninstall(): LG126 ADOPTED in a club that adopt() has taken in';

CREATE FUNCTION pull_up_club.install() RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part    record;
  made    int := 0;
  there   int := 0;
  touched bigint;
  problem text[];
BEGIN
  PERFORM pg_advisory_xact_lock('pg_extension'::regclass::int, hashtext('pull_up_club'));

  PERFORM pull_up_club.require_own_tables('install()', 'adopt(dry_run => false) makes what an adopted club lacks.');
  problem := ARRAY(SELECT lacks FROM pull_up_club.missing_rights());
  IF problem <> '{}' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG108',
      MESSAGE = format('NOT_PERMITTED: %s may not install the club', current_user),
      DETAIL = jsonb_build_object('role', current_user, 'lacks', to_jsonb(problem)),
      HINT = 'Install as a superuser, or grant what is missing.';
  END IF;
  problem := ARRAY(SELECT format('%s %s', relation, lacks) FROM pull_up_club.foreign_tables());
  IF problem <> '{}' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG109',
      MESSAGE = format('NOT_INSTALLED: %s', array_to_string(problem, '; ')),
      DETAIL = (SELECT jsonb_object_agg(relation, lacks) FROM pull_up_club.foreign_tables()),
      HINT = 'These tables have names of the club''s but are others. Rename them or add the columns; '
             'a club that has its tables elsewhere is taken in by adopt().';
  END IF;

  FOR part IN SELECT kind, name, make FROM pull_up_club.blueprint ORDER BY place LOOP
    IF pull_up_club.is_there(part.kind, part.name) THEN
      there := there + 1;
      CONTINUE;
    END IF;
    CONTINUE WHEN part.kind = 'job' AND to_regprocedure('monitoring.add_job(text,text,text,text)') IS NULL;
    EXECUTE part.make;
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF part.kind = 'rows' AND touched = 0 THEN
      there := there + 1;
    ELSE
      made := made + 1;
      RETURN NEXT CASE part.kind WHEN 'rows'     THEN format('%s rows into %s', touched, part.name)
                                 WHEN 'rule'     THEN format('rule %s declared', part.name)
                                 WHEN 'admins'   THEN format('admins of %s registered', part.name)
                                 WHEN 'security' THEN format('row security on %s switched on', part.name)
                                 WHEN 'grant'    THEN format('granted %s', part.name)
                                 WHEN 'check'    THEN format('check %s added', part.name)
                                 WHEN 'gauges'   THEN format('gauges %s added', part.name)
                                 WHEN 'job'      THEN format('job %s added', part.name)
                                 WHEN 'lint'     THEN format('lint %s accepted', part.name)
                                 ELSE format('%s %s created', part.kind, part.name) END;
    END IF;
  END LOOP;
  PERFORM pull_up_club.open_schemas();
  RETURN NEXT CASE WHEN made = 0 THEN format('nothing was missing: all %s parts were already there', there)
                   WHEN there = 0 THEN format('%s parts made', made)
                   ELSE format('%s parts made, %s were already there', made, there) END;
END $$;
COMMENT ON FUNCTION pull_up_club.install() IS
  'makes the club''s tables, indexes, views, lifecycles, policies, grants and badges where they are absent, as the '
  'caller''s own; returns a line for each thing made; LG108 NOT_PERMITTED with the rights that are missing, LG109 '
  'NOT_INSTALLED with the columns that a table of such a name lacks, LG126 ADOPTED in an adopted club';
REVOKE EXECUTE ON FUNCTION pull_up_club.install() FROM PUBLIC;

-- Users, the schema auth and the roles stay in any case: they are not only the club's.
CREATE FUNCTION pull_up_club.uninstall(keep_data boolean DEFAULT true) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
  part record;
  gone int := 0;
BEGIN
  IF keep_data IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
      MESSAGE = 'uninstall: keep_data is true or false, not NULL',
      DETAIL = jsonb_build_object('keep_data', keep_data),
      HINT = 'uninstall(keep_data => false) drops the tables with all that is in them.';
  END IF;
  PERFORM pg_advisory_xact_lock('pg_extension'::regclass::int, hashtext('pull_up_club'));
  PERFORM pull_up_club.require_own_tables('uninstall()', 'release() lets an adopted club go as it was.');

  FOR part IN
    SELECT kind, name, split_part(name, ' ON ', 2) AS relation, split_part(name, ' ON ', 1) AS what, unmake
      FROM pull_up_club.blueprint
     WHERE name <> 'auth.users' AND name <> 'auth'
       AND (kind IN ('trigger', 'view', 'function') OR kind IN ('rule', 'admins', 'policy', 'check', 'gauges', 'job', 'lint') AND unmake IS NOT NULL
            OR NOT keep_data AND kind IN ('table', 'constraint', 'schema'))
     ORDER BY place DESC
  LOOP
    CONTINUE WHEN pull_up_club.is_there(part.kind, part.name) IS NOT TRUE;
    IF part.unmake IS NOT NULL THEN
      EXECUTE part.unmake;
    ELSIF part.kind = 'constraint' THEN
      EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', part.relation, part.what);
    ELSIF part.kind = 'schema' AND EXISTS (SELECT FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass
                                                                   AND refobjid = to_regnamespace(part.name)) THEN
      RETURN NEXT format('schema %s kept: there is more in it', part.name);
      CONTINUE;
    ELSE
      EXECUTE format('DROP %s %s', part.kind, part.name);
    END IF;
    gone := gone + 1;
    RETURN NEXT format('%s %s %s', part.kind, part.name,
                       CASE WHEN part.kind IN ('rule', 'admins', 'check', 'gauges', 'job', 'lint') THEN 'withdrawn' ELSE 'dropped' END);
  END LOOP;
  RETURN NEXT CASE WHEN gone = 0 THEN 'nothing was there to remove'
                   WHEN keep_data THEN format('%s parts removed; the tables are kept, with all that is in them', gone)
                   ELSE format('%s parts removed', gone) END;
END $$;
COMMENT ON FUNCTION pull_up_club.uninstall(boolean) IS
  'withdraws the club''s rules, its members'' policies, its admins as lifeguard''s, its trigger on auth.users, its views and '
  'owner''s functions; keep_data => false '
  'drops its tables too, and its schemas when nothing else is in them; returns a line for each';
REVOKE EXECUTE ON FUNCTION pull_up_club.uninstall(boolean) FROM PUBLIC;
