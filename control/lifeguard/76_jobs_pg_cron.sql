-- pg_cron: jobs are put into it and taken out, also where it lives in another database.

CREATE FUNCTION lifeguard.cron_name(job text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  -- pg_cron 1.4 keeps 63 bytes
  SELECT CASE WHEN octet_length(whole) <= 63 THEN whole
              ELSE left(whole, (SELECT max(n) FROM generate_series(1, 54) AS n WHERE octet_length(left(whole, n)) <= 54)) || ' ' || left(md5(whole), 8) END
    FROM (SELECT format('lifeguard: %s: %s', current_database(), job) AS whole) AS w
$$;
COMMENT ON FUNCTION lifeguard.cron_name(text) IS 'What pg_cron calls a job of this database.';

CREATE FUNCTION lifeguard.pg_cron_database() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT setting FROM pg_settings WHERE name = 'cron.database_name' $$;
COMMENT ON FUNCTION lifeguard.pg_cron_database() IS 'The database that pg_cron lives in; null when the server has not loaded it.';

CREATE FUNCTION lifeguard.tell_pg_cron(statements text[]) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place      constant text := lifeguard.pg_cron_database();
  dblink     constant text := (SELECT quote_ident(nspname) || '.dblink' FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'dblink');
  connection constant text := 'lifeguard_pg_cron';
  target     text;
  told       text;
  problem    text;
BEGIN
  IF place = current_database() THEN
    FOREACH told IN ARRAY statements LOOP
      EXECUTE told;
    END LOOP;
    RETURN NULL;
  ELSIF dblink IS NULL THEN
    RETURN 'no extension dblink here, by which it would be done';
  END IF;
  target := (SELECT string_agg(format('%s=''%s''', key, replace(replace(value, '\', '\\'), '''', '\''')), ' ')
               FROM (VALUES ('dbname', place), ('user', current_user::text), ('port', current_setting('port')), ('connect_timeout', '10'), ('application_name', 'lifeguard'),
                            ('host', nullif(btrim(split_part(current_setting('unix_socket_directories', true), ',', 1), ' "'), ''))) AS p(key, value) WHERE value IS NOT NULL);
  EXECUTE format('SELECT %1$s_disconnect($1) WHERE $1 = ANY (%1$s_get_connections())', dblink) USING connection;   -- of a call that was cancelled
  BEGIN
    EXECUTE format('SELECT %s_connect($1, $2)', dblink) USING connection, target;
    EXECUTE format('SELECT %s_exec($1, ''BEGIN'')', dblink) USING connection;
    FOREACH told IN ARRAY statements LOOP
      EXECUTE format('SELECT count(*) FROM %s($1, $2) AS r(answer text)', dblink) USING connection, told;
    END LOOP;
    EXECUTE format('SELECT %s_exec($1, ''COMMIT'')', dblink) USING connection;
  EXCEPTION WHEN OTHERS THEN
    problem := SQLERRM;
  END;
  EXECUTE format('SELECT %1$s_disconnect($1) WHERE $1 = ANY (%1$s_get_connections())', dblink) USING connection;
  RETURN problem;
END $$;
COMMENT ON FUNCTION lifeguard.tell_pg_cron(text[]) IS
'Runs statements in the database that pg_cron lives in, there in one transaction: here, or through dblink by the server''s socket as the current role. Returns null, or why it could not there.';

CREATE FUNCTION monitoring.schedule_jobs(time_zone text DEFAULT NULL)
RETURNS TABLE (name text, schedule text, database text, statement text, done boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  place     constant text := lifeguard.pg_cron_database();
  here      constant boolean := place = current_database();
  cron_zone constant text := lifeguard.pg_cron_zone();
  zone      constant text := coalesce(schedule_jobs.time_zone, (SELECT max(s.time_zone) FROM monitoring.job_schedules s), cron_zone);
  plan      monitoring.job_schedules[];
  statements text[];   -- the first clears away, then one for each job
  problem   text;
BEGIN
  PERFORM lifeguard.change_safely('monitoring.job_definitions'), lifeguard.change_safely('monitoring.job_schedules');
  IF place IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG432', MESSAGE = 'jobs need pg_cron, and this server has not loaded it', DETAIL = jsonb_build_object('database', current_database()),
      HINT = 'Install it, set shared_preload_libraries = ''pg_cron, lifeguard'' and cron.database_name, restart, and CREATE EXTENSION pg_cron in that database. '
             'Another scheduler does as well: SELECT monitoring.run_job(name) for each of monitoring.job_definitions.';
  ELSIF here AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    RAISE EXCEPTION USING ERRCODE = 'LG432', MESSAGE = format('jobs need pg_cron, and the database %I has no extension pg_cron', place), DETAIL = jsonb_build_object('database', place),
      HINT = 'CREATE EXTENSION pg_cron;';
  END IF;
  BEGIN
    PERFORM now() AT TIME ZONE zone;
  EXCEPTION WHEN invalid_parameter_value THEN
    RAISE EXCEPTION USING ERRCODE = 'LG430', MESSAGE = format('there is no time zone %L', zone), DETAIL = jsonb_build_object('time_zone', zone),
      HINT = 'SELECT name FROM pg_timezone_names; lists them.';
  END;

  plan := ARRAY(SELECT ROW(d.name, d.schedule, zone, lifeguard.cron_name(d.name), lifeguard.cron_in_zone(d.schedule, zone, cron_zone), place, false, current_user, now())::monitoring.job_schedules
                  FROM monitoring.job_definitions d ORDER BY d.name);
  statements := ARRAY[format('SELECT cron.unschedule(jobid) FROM cron.job WHERE database = %L AND jobname LIKE ''lifeguard: %%'' AND NOT (username = current_user AND jobname = ANY (%L::text[]));',
                             current_database(), ARRAY(SELECT p.cron_name FROM unnest(plan) AS p))]
             || ARRAY(SELECT format('SELECT cron.schedule%s(%L, %L, %L%s);', CASE WHEN NOT here THEN '_in_database' END, p.cron_name, p.cron_schedule,
                                    format('SELECT monitoring.run_job(%L%s)', p.name, CASE WHEN zone <> cron_zone THEN ', only_when_due => true' END),
                                    CASE WHEN NOT here THEN format(', %L', current_database()) END)
                        FROM unnest(plan) WITH ORDINALITY AS p ORDER BY p.ordinality);
  problem := lifeguard.tell_pg_cron(statements);
  IF problem IS NOT NULL THEN
    RAISE NOTICE USING MESSAGE = format('pg_cron lives in the database %I: run these statements there, as a superuser', place), DETAIL = problem;
  END IF;

  DELETE FROM monitoring.job_schedules s WHERE s.name <> ALL (ARRAY(SELECT p.name FROM unnest(plan) AS p));
  INSERT INTO monitoring.job_schedules AS s
  SELECT p.name, p.schedule, p.time_zone, p.cron_name, p.cron_schedule, p.cron_database, problem IS NOT NULL, p.scheduled_by, p.scheduled_at FROM unnest(plan) AS p
  ON CONFLICT ON CONSTRAINT job_schedules_pkey
  DO UPDATE SET schedule = excluded.schedule, time_zone = excluded.time_zone, cron_name = excluded.cron_name, cron_schedule = excluded.cron_schedule, cron_database = excluded.cron_database,
                handed_out = excluded.handed_out, scheduled_by = excluded.scheduled_by, scheduled_at = excluded.scheduled_at
    WHERE (s.schedule, s.time_zone, s.cron_name, s.cron_schedule, s.cron_database, s.handed_out, s.scheduled_by)
          IS DISTINCT FROM (excluded.schedule, excluded.time_zone, excluded.cron_name, excluded.cron_schedule, excluded.cron_database, excluded.handed_out, excluded.scheduled_by);

  RETURN QUERY
  SELECT p.name, p.cron_schedule, place, t.statement, problem IS NULL
    FROM unnest(statements) WITH ORDINALITY AS t(statement, number) LEFT JOIN unnest(plan) WITH ORDINALITY AS p ON p.ordinality = t.number - 1
   ORDER BY t.number;
END $$;
COMMENT ON FUNCTION monitoring.schedule_jobs(text) IS
'Makes pg_cron run the jobs of monitoring.job_definitions, and none that were dropped; again whenever definitions changed; twice is once. Schedules are in time_zone (null: as last time, at first pg_cron''s own, which is GMT unless cron.timezone says otherwise). '
'Returns the statements, a row each, in order: of which job (null: clears away), the schedule in pg_cron''s time zone, the database that pg_cron lives in, and whether it was done. Another database than this one is reached through dblink, where that is installed; '
'else nothing is done and the statements are to be run there. For superusers, and whom they grant it together with lifeguard.tell_pg_cron() and the rights on the tables. Raises LG432 (no pg_cron), LG430 (no such time zone), LG204, 42501 (no rights on pg_cron).';

CREATE FUNCTION monitoring.unschedule_jobs() RETURNS TABLE (database text, statement text, done boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  place   constant text := lifeguard.pg_cron_database();
  sweep   constant text := format('SELECT cron.unschedule(jobid) FROM cron.job WHERE database = %L AND jobname LIKE ''lifeguard: %%'';', current_database());
  problem text;
BEGIN
  PERFORM lifeguard.change_safely('monitoring.job_schedules');
  DELETE FROM monitoring.job_schedules;
  IF place IS NULL OR place = current_database() AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    RETURN;
  END IF;
  problem := lifeguard.tell_pg_cron(ARRAY[sweep]);
  IF problem IS NOT NULL THEN
    RAISE NOTICE USING MESSAGE = format('pg_cron lives in the database %I: run this statement there, as a superuser', place), DETAIL = problem;
  END IF;
  RETURN QUERY VALUES (place, sweep, problem IS NULL);
END $$;
COMMENT ON FUNCTION monitoring.unschedule_jobs() IS
'Takes all jobs of this database out of pg_cron; their definitions stay. Returns the statement, the database that it is for, and whether it was done (see schedule_jobs()); no row where there is no pg_cron. '
'For superusers, and whom they grant it as schedule_jobs(). Raises LG204, 42501.';

REVOKE EXECUTE ON FUNCTION lifeguard.tell_pg_cron(text[]), monitoring.schedule_jobs(text), monitoring.unschedule_jobs() FROM PUBLIC;
