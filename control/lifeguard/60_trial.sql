-- Who may do what to a row, and what decides it. Statements and policies run as the role in question, on trial: in a
-- subtransaction that is rolled back.
--
-- Policies, defaults and indexes hold other people's code, and the caller is mostly a superuser. SET ROLE would not keep such
-- code from RESET ROLE. So it runs inside of a SECURITY DEFINER function that belongs to the role, made for the occasion in
-- pg_temp: in there the server refuses both.

CREATE FUNCTION lifeguard.require_role_switching(role_name name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  caller constant pg_roles := (SELECT r FROM pg_roles r WHERE rolname = current_user);
BEGIN
  IF role_name IS NULL OR NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = format('there is no role %s', coalesce(quote_ident(role_name), 'NULL')),
      DETAIL = jsonb_build_object('role', role_name), HINT = 'SELECT rolname FROM pg_roles; lists them.';
  END IF;
  IF current_setting('transaction_read_only')::boolean THEN
    RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction', MESSAGE = 'access cannot be tried in a read-only transaction, nor on a standby',
      HINT = 'It is tried with functions in pg_temp, which are taken back.';
  END IF;
  IF NOT (caller.rolsuper OR caller.rolbypassrls AND pg_has_role(role_name, 'MEMBER')) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG311',
      MESSAGE = format('%I may not look past row security and act as %I', current_user, role_name),
      DETAIL = jsonb_build_object('caller', current_user, 'role', role_name),
      HINT = 'Call it as a superuser, or as a role with BYPASSRLS that is a member of the role in question.';
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.require_role_switching(name) IS
'Nothing, when the caller may look past row security and act as the role. Raises LG310 (no such role), LG311 (he may not), 25006 (read-only).';

-- A request's path is the role's own or the session's, not that of the function which tries it out.
CREATE FUNCTION lifeguard.search_path_of(role_name name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT substr(setting, length('search_path=') + 1)
    FROM pg_db_role_setting s, unnest(s.setconfig) AS setting
   WHERE s.setrole = to_regrole(quote_ident(role_name)) AND setting LIKE 'search\_path=%'
     AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
   ORDER BY s.setdatabase DESC LIMIT 1
$$;
COMMENT ON FUNCTION lifeguard.search_path_of(name) IS
'The search_path that ALTER ROLE ... SET gives a role in this database; null when there is none, and its statements are tried with the session''s default.';

CREATE FUNCTION lifeguard.set_request(claims jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  setting record;
BEGIN
  -- no trigger, no foreign key; messages that can be recognised; nothing that a policy's own handler hides is journaled
  FOR setting IN
    SELECT * FROM (VALUES ('session_replication_role', 'replica'), ('lc_messages', 'C'), ('lifeguard.capture_swallowed', 'off')) AS s(name, value)
     WHERE has_parameter_privilege(name, 'SET') AND current_setting(name, true) <> value
  LOOP
    PERFORM set_config(setting.name, setting.value, true);
  END LOOP;
  PERFORM set_config('row_security', 'on', true);
  IF current_setting('lock_timeout') = '0' THEN
    PERFORM set_config('lock_timeout', '500ms', true);
  END IF;
  -- a setting that is not there is left so: it could not be taken away again
  FOR setting IN
    SELECT DISTINCT 'request.jwt.claim.' || name AS name
      FROM (SELECT unnest('{sub,role,email,phone,aud,iss,exp,iat,nbf,jti,aal,session_id,is_anonymous,app_metadata,user_metadata,tenant_id}'::text[])
            UNION SELECT current_setting('lifeguard.tenant_claim', true)
            UNION SELECT jsonb_object_keys(set_request.claims)) AS c(name)
    UNION ALL VALUES ('app.current_tenant_id')
  LOOP
    IF current_setting(setting.name, true) <> '' THEN
      PERFORM set_config(setting.name, '', true);
    END IF;
  END LOOP;
  PERFORM set_config('request.jwt.claims', coalesce(claims::text, ''), true);
  -- a claim that is named like a setting of the application is that setting
  FOR setting IN SELECT key AS name, value FROM jsonb_each_text(claims) WHERE key ~ '^app\.[a-z_][a-z0-9_]*$' LOOP
    PERFORM set_config(setting.name, coalesce(setting.value, ''), true);
  END LOOP;
END $$;
COMMENT ON FUNCTION lifeguard.set_request(jsonb) IS
'Sets, until the (sub)transaction ends, what a request with these claims has set: request.jwt.claims, and app.NAME for claims of such names; '
'empties request.jwt.claim.* and app.current_tenant_id. Triggers, foreign keys and translated messages are off, as far as the caller may do that.';

CREATE FUNCTION lifeguard.runner_of(role_name name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  role   constant oid := (SELECT oid FROM pg_roles WHERE rolname = role_name);
  runner constant text := format('lifeguard_as_%s', role);
  source constant text := $body$
    DECLARE
      result  text[];
      touched bigint;
    BEGIN
      SET LOCAL search_path TO DEFAULT;
      PERFORM pg_catalog.set_config('search_path', path, true) WHERE path IS NOT NULL;
      IF reads THEN
        EXECUTE statement INTO result;
        RETURN result;
      END IF;
      EXECUTE statement;
      GET DIAGNOSTICS touched = ROW_COUNT;
      RETURN ARRAY[touched];
    END $body$;
  made   pg_proc;
BEGIN
  SELECT * INTO made FROM pg_proc WHERE pronamespace = pg_my_temp_schema() AND proname = runner;
  IF NOT FOUND THEN
    EXECUTE format('CREATE FUNCTION pg_temp.%I(statement text, reads boolean, path text) RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER AS %L', runner, source);
    EXECUTE format('REVOKE ALL ON FUNCTION pg_temp.%I FROM PUBLIC', runner);
    EXECUTE format('ALTER FUNCTION pg_temp.%I OWNER TO %I', runner, role_name);
  -- the role may have changed what is its own, for us to run it
  ELSIF NOT (made.prosecdef AND made.proowner = role AND made.prosrc = source AND made.proconfig IS NULL AND made.prosupport = 0
             AND made.prolang = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql') AND made.proargtypes = '25 16 25' AND made.proargdefaults IS NULL)
        OR (SELECT count(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema() AND proname = runner) > 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'LG311', MESSAGE = format('pg_temp.%I is not as it was made', runner), DETAIL = jsonb_build_object('role', role_name),
      HINT = 'Code of this role has changed it. Find out which, before you go on.';
  END IF;
  RETURN format('pg_temp.%I', runner);
END $$;
COMMENT ON FUNCTION lifeguard.runner_of(name) IS
'The function in pg_temp that runs one statement with the rights of a role, which it cannot leave; made where it is not there yet. '
'Raises LG311 when it was tampered with.';

CREATE FUNCTION lifeguard.run_past_force(runner regprocedure, statement text, reads boolean, path text) RETURNS text[]
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_run_past_force';
COMMENT ON FUNCTION lifeguard.run_past_force(regprocedure, text, boolean, text) IS
'Calls a function of runner_of() so that row security that is forced upon a table''s owner does not hold for him. For superusers and roles with BYPASSRLS; raises LG311 for others.';

CREATE FUNCTION lifeguard.run_as(role_name name, statement text, reads boolean DEFAULT false, past_force boolean DEFAULT false) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  runner constant text := lifeguard.runner_of(role_name);
  path   constant text := lifeguard.search_path_of(role_name);
  before constant text := current_setting('role');
  result text[];
BEGIN
  -- the setting is for those who ask for it by name; the rights come from the runner
  BEGIN
    PERFORM set_config('role', role_name, true) WHERE NOT past_force;   -- that takes the caller's own right
  EXCEPTION WHEN insufficient_privilege THEN   -- inside of somebody's SECURITY DEFINER function
    NULL;
  END;
  IF past_force THEN
    result := lifeguard.run_past_force((runner || '(text, boolean, text)')::regprocedure, statement, reads, path);
  ELSE
    EXECUTE format('SELECT %s($1, $2, $3)', runner) INTO result USING statement, reads, path;
  END IF;
  -- what ran may have SET a path of its own, which outlasts the functions that pin theirs: nothing must be looked up in it,
  -- and after SET LOCAL it would come back
  SET search_path TO pg_catalog, pg_temp;
  IF current_setting('role') <> before THEN
    PERFORM set_config('role', before, true);
  END IF;
  RETURN result;
END $$;
COMMENT ON FUNCTION lifeguard.run_as(name, text, boolean, boolean) IS
'Runs one statement with the rights of a role, which it cannot leave. Returns what it selects as text[] where it reads, else how many rows it touched. '
'past_force: row security does not hold for the owner of a table, also where it is forced. '
'Leaves a function in pg_temp: to be called in a subtransaction that is rolled back. Raises what the statement raises.';

CREATE FUNCTION lifeguard.try_as(role_name name, claims jsonb, statement text, reads boolean DEFAULT false,
                                 first_role name DEFAULT NULL, first_statement text DEFAULT NULL,
                                 OUT result text[], OUT state text, OUT message text, OUT second boolean, OUT direct boolean, OUT constrained boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tried   boolean := false;
  context text;
  place   text;
BEGIN
  second := false;
  PERFORM lifeguard.set_request(claims);
  IF first_statement IS NOT NULL THEN
    PERFORM lifeguard.run_as(first_role, first_statement, past_force => true);
  END IF;
  second := true;
  result := lifeguard.run_as(role_name, statement, reads, past_force => reads);
  tried := true;
  RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = 'taken back';
EXCEPTION WHEN OTHERS THEN
  IF NOT tried THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT, place = CONSTRAINT_NAME;
    constrained := place <> '';
    GET STACKED DIAGNOSTICS place = COLUMN_NAME;
    constrained := constrained OR place <> '';
    GET STACKED DIAGNOSTICS place = TABLE_NAME;
    constrained := constrained AND place <> '';
    direct := starts_with(context, 'SQL statement "' || statement || '"');
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.try_as(name, jsonb, text, boolean, name, text) IS
'Runs a statement as a role with these claims (after another one, as another role) and takes everything back. '
'What reads, and what comes first, is for the tables'' owners: row security is not forced upon them. '
'Returns what run_as() returned, or the SQLSTATE and message of the error; whether it was the second statement''s, direct (not within a function that it called, '
'as far as the messages are English), and constrained (by a table''s constraint). Raises nothing but a cancelled query.';

-- What is in the way of reading a table as a superuser: planning and reading it evaluates what its owner put there.
CREATE FUNCTION lifeguard.unsafe_on(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$   -- its plan is kept: it is asked for table after table
BEGIN
  RETURN (
  WITH tree AS (SELECT relation AS id UNION SELECT relid FROM pg_partition_tree(relation)),
       parts(class, id) AS (SELECT 'pg_class'::regclass, id::oid FROM tree
                 UNION SELECT 'pg_class', indexrelid FROM pg_index WHERE indrelid IN (SELECT id FROM tree)
                 UNION SELECT 'pg_constraint', oid FROM pg_constraint WHERE conrelid IN (SELECT id FROM tree)
                 UNION SELECT 'pg_rewrite', oid FROM pg_rewrite WHERE ev_class IN (SELECT id FROM tree)
                 UNION SELECT 'pg_statistic_ext', oid FROM pg_statistic_ext WHERE stxrelid IN (SELECT id FROM tree)
                 UNION SELECT 'pg_attrdef', oid FROM pg_attrdef WHERE adrelid IN (SELECT id FROM tree)
                 -- those that also fire while session_replication_role is replica
                 UNION SELECT 'pg_trigger', oid FROM pg_trigger WHERE tgrelid IN (SELECT id FROM tree) AND tgenabled IN ('A', 'R'))
  SELECT format('%s of %s', pg_describe_object(d.refclassid, d.refobjid, 0), owner::regrole)
    FROM (SELECT d.refclassid, d.refobjid FROM parts p JOIN pg_depend d ON d.classid = p.class AND d.objid = p.id UNION ALL SELECT 'pg_class'::regclass, relation) AS d,
         LATERAL (SELECT proowner FROM pg_proc WHERE d.refclassid = 'pg_proc'::regclass AND oid = d.refobjid
                  UNION ALL SELECT oprowner FROM pg_operator WHERE d.refclassid = 'pg_operator'::regclass AND oid = d.refobjid
                  UNION ALL SELECT typowner FROM pg_type WHERE d.refclassid = 'pg_type'::regclass AND oid = d.refobjid AND typtype IN ('c', 'd')
                  UNION ALL SELECT relowner FROM pg_class WHERE d.refclassid = 'pg_class'::regclass AND oid = d.refobjid AND relkind IN ('v', 'f')) AS o(owner)
   WHERE NOT EXISTS (SELECT FROM pg_roles WHERE oid = owner AND rolsuper)
   LIMIT 1);
END $$;
COMMENT ON FUNCTION lifeguard.unsafe_on(regclass) IS
'A function, operator or type of a role that is no superuser, which reading or writing the table would evaluate; null when there is none.';

CREATE FUNCTION lifeguard.reader_of(relation regclass) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner constant pg_roles := (SELECT r FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = relation);
BEGIN
  IF pg_has_role(owner.oid, 'MEMBER') THEN
    RETURN CASE WHEN NOT owner.rolsuper OR lifeguard.unsafe_on(relation) IS NULL THEN owner.rolname END;
  END IF;
  RETURN (SELECT rolname FROM pg_roles WHERE rolname = current_user AND rolbypassrls AND NOT rolsuper);
END $$;
COMMENT ON FUNCTION lifeguard.reader_of(regclass) IS
'As whom a table is read past its row security: its owner where the caller may act as him, else the caller; '
'never a superuser where that would run code of somebody with fewer rights. Null when there is nobody.';
