-- Working with the journal: what is unresolved, what repeats itself, what may go; functions to be quiet about; rows set aside.

CREATE VIEW monitoring.unresolved_errors WITH (security_invoker = true) AS
SELECT id, error_type, error_message, context, created_at, last_seen_at, occurrences, severity, sqlstate, source, session_user_name, app_user,
       resolved_at, resolved_by, resolution
  FROM monitoring.system_errors
 WHERE NOT resolved
 ORDER BY last_seen_at DESC;
COMMENT ON VIEW monitoring.unresolved_errors IS
'Errors that nobody has resolved, the latest first. One that has a resolution was resolved and came back.';

CREATE VIEW monitoring.errors_by_day WITH (security_invoker = true) AS
SELECT created_at::date AS day, error_type, source, sum(occurrences)::bigint AS occurrences, count(*) AS rows,
       count(*) FILTER (WHERE NOT resolved) AS unresolved, max(last_seen_at) AS last_seen_at
  FROM monitoring.system_errors
 GROUP BY 1, 2, 3
 ORDER BY 1 DESC, 4 DESC, 2, 3;
COMMENT ON VIEW monitoring.errors_by_day IS
'How often which errors occurred on which day (of the session''s time zone; a row of repetitions counts for the day of the first).';

CREATE VIEW monitoring.latest_errors WITH (security_invoker = true) AS
SELECT DISTINCT ON (error_type, source, sqlstate)
       error_type, source, sqlstate, last_seen_at, error_message, context, id, resolved,
       sum(occurrences) OVER kind::bigint AS occurrences, min(created_at) OVER kind AS first_seen_at
  FROM monitoring.system_errors
WINDOW kind AS (PARTITION BY error_type, source, sqlstate)
 ORDER BY error_type, source, sqlstate, last_seen_at DESC, created_at DESC;
COMMENT ON VIEW monitoring.latest_errors IS
'The newest error of each kind (type, source, SQLSTATE), how often the kind occurred, and since when.';
GRANT SELECT ON monitoring.unresolved_errors, monitoring.errors_by_day, monitoring.latest_errors TO pg_monitor;

-- What hangs on a table (triggers, rules, checks, expressions) runs as whoever changes it. What another owner hung there is
-- not to run as a superuser.
CREATE FUNCTION lifeguard.change_safely(relation regclass) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner   constant regrole := (SELECT relowner FROM pg_class WHERE oid = relation);
  trigger record;
BEGIN
  IF relation IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'change_safely: relation is a table, not NULL';
  END IF;
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    RETURN relation;
  END IF;
  IF NOT (SELECT rolsuper FROM pg_roles WHERE oid = owner) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG204',
      MESSAGE = format('%s belongs to %s: what that role put on it would run as the superuser %s', relation, owner, current_user),
      DETAIL = jsonb_build_object('table', relation, 'owner', owner),
      HINT = format('SET ROLE %s; first.', owner);
  END IF;
  SELECT t.tgname AS name, r.rolname AS role INTO trigger
    FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_roles r ON r.oid = p.proowner
   WHERE t.tgrelid = relation AND NOT r.rolsuper LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG204',
      MESSAGE = format('the trigger %I on %s would run a function of %I as the superuser %s', trigger.name, relation, trigger.role, current_user),
      DETAIL = jsonb_build_object('table', relation, 'trigger', trigger.name, 'role', trigger.role),
      HINT = format('DROP TRIGGER %I ON %s; if it is not meant to be there. Else give its function to a superuser.', trigger.name, relation);
  END IF;
  RETURN relation;
END $$;
COMMENT ON FUNCTION lifeguard.change_safely(regclass) IS
'The table, for somebody who is about to change it. Raises LG204 for a superuser when it belongs to a role that is none, or has a trigger with a function of one; 22004 (null).';

CREATE FUNCTION monitoring.resolve(id uuid, note text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed bigint;
BEGIN
  EXECUTE format('UPDATE %s SET resolved = true, resolved_at = now(), resolved_by = $2, resolution = coalesce($3, resolution) WHERE id = $1',
                 lifeguard.change_safely(lifeguard.errors_table()))
    USING id, coalesce(nullif(lifeguard.claim('sub'), ''), current_user), note;
  GET DIAGNOSTICS changed = ROW_COUNT;
  IF changed = 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'LG201', MESSAGE = format('there is no error %s', coalesce(id::text, 'NULL')),
      DETAIL = jsonb_build_object('error', id), HINT = 'SELECT id FROM monitoring.unresolved_errors; lists those that you may see; to change them takes a policy FOR UPDATE.';
  END IF;
END $$;
COMMENT ON FUNCTION monitoring.resolve(uuid, text) IS
'Marks an error as resolved, with a note; by the subject of the request''s claims, or the current user. Reopened by itself when the same error comes back. '
'Runs as the caller: needs UPDATE on monitoring.system_errors and a policy. Raises LG201 (no such error, or none that the caller may see and change), LG204, 42501.';

CREATE FUNCTION monitoring.reopen(id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed bigint;
BEGIN
  EXECUTE format('UPDATE %s SET resolved = false WHERE id = $1', lifeguard.change_safely(lifeguard.errors_table())) USING id;
  GET DIAGNOSTICS changed = ROW_COUNT;
  IF changed = 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'LG201', MESSAGE = format('there is no error %s', coalesce(id::text, 'NULL')),
      DETAIL = jsonb_build_object('error', id), HINT = 'SELECT id FROM monitoring.system_errors; lists those that you may see; to change them takes a policy FOR UPDATE.';
  END IF;
END $$;
COMMENT ON FUNCTION monitoring.reopen(uuid) IS
'Takes monitoring.resolve() back; who resolved it, when and how stays to be read. Runs as the caller, rights and errors as there.';

CREATE FUNCTION monitoring.prune_errors(resolved_after interval DEFAULT '30 days', unresolved_after interval DEFAULT '90 days', batch int DEFAULT 10000)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  errors constant regclass := lifeguard.change_safely(lifeguard.errors_table());
  gone   bigint;
  total  bigint := 0;
BEGIN
  IF resolved_after IS NULL OR unresolved_after IS NULL OR batch IS NULL
     OR resolved_after < interval '0' OR unresolved_after < interval '0' OR batch < 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'LG205', MESSAGE = 'prune_errors needs two ages that are not negative, and a batch of at least 1',
      DETAIL = jsonb_build_object('resolved_after', resolved_after, 'unresolved_after', unresolved_after, 'batch', batch),
      HINT = 'To keep unresolved errors forever: unresolved_after => ''1000 years''.';
  END IF;
  LOOP
    EXECUTE format('DELETE FROM %1$s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$s WHERE last_seen_at < CASE WHEN resolved THEN $1 ELSE $2 END '
                   'LIMIT $3 FOR UPDATE SKIP LOCKED))', errors)
      USING now() - resolved_after, now() - unresolved_after, batch;
    GET DIAGNOSTICS gone = ROW_COUNT;
    total := total + gone;
    EXIT WHEN gone = 0;
  END LOOP;
  RETURN total;
END $$;
COMMENT ON FUNCTION monitoring.prune_errors(interval, interval, int) IS
'Deletes errors that were last seen longer ago than this, resolved ones and unresolved ones, so many at a time; returns how many. '
'Runs as the caller (to be scheduled as the table''s owner): needs SELECT, UPDATE (for its locks) and DELETE on monitoring.system_errors, and sees what policies for all three let it see. '
'Rows that somebody changes just then stay. '
'Raises LG204, LG205 (a null or negative age, a batch below 1), 42501.';

CREATE FUNCTION monitoring.mute(function regprocedure, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lifeguard.change_safely('monitoring.muted_functions');
  IF function IS NULL OR NOT EXISTS (SELECT FROM pg_proc WHERE oid = function) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG205', MESSAGE = 'there is no function to mute', DETAIL = jsonb_build_object('function', function);
  END IF;
  INSERT INTO monitoring.muted_functions AS m (function, reason, muted_by)
  VALUES (mute.function::text, mute.reason, coalesce(nullif(current_setting('role'), 'none'), session_user))
  ON CONFLICT ON CONSTRAINT muted_functions_pkey
  DO UPDATE SET reason = excluded.reason, muted_by = excluded.muted_by, muted_at = excluded.muted_at;
END $$;
COMMENT ON FUNCTION monitoring.mute(regprocedure, text) IS
'Keeps exceptions that this function swallows or translates out of the table, from the next batch on; they are counted (muted). Errors that it raises are stored as before. '
'A function that is renamed, or gets other arguments, is another. Muted already: the reason is replaced. For superusers, and whom they grant it. Raises LG204, LG205 (no function).';

CREATE FUNCTION monitoring.unmute(function regprocedure) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lifeguard.change_safely('monitoring.muted_functions');
  DELETE FROM monitoring.muted_functions m WHERE m.function = unmute.function::text;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG202', MESSAGE = format('function %s is not muted', coalesce(function::text, 'NULL')),
      DETAIL = jsonb_build_object('function', function),
      HINT = 'SELECT function FROM monitoring.muted_functions; lists those that are. One that is no more is deleted there.';
  END IF;
END $$;
COMMENT ON FUNCTION monitoring.unmute(regprocedure) IS
'Takes monitoring.mute() back. For superusers, and whom they grant it. Raises LG202 (not muted), LG204.';

CREATE FUNCTION monitoring.retry_quarantined() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  errors  constant regclass := lifeguard.change_safely(lifeguard.errors_table());
  refused record;
  changed bigint;
  stored  bigint := 0;
BEGIN
  PERFORM lifeguard.change_safely('monitoring.quarantined_errors');
  FOR refused IN SELECT q.ctid AS place, q.id, q.entry FROM monitoring.quarantined_errors q ORDER BY q.quarantined_at FOR UPDATE LOOP
    BEGIN
      -- as the writer does it: the same id is a repetition when it is one that counts (version 8), else it is there already
      EXECUTE format($insert$
        INSERT INTO %s AS e (id, error_type, error_message, context, created_at, severity, sqlstate, source, occurrences, last_seen_at,
                             session_user_name, app_user)
        SELECT $1, r.error_type, r.error_message, r.context, r.created_at, r.severity, r.sqlstate, r.source, r.occurrences, r.last_seen_at,
               r.session_user_name, r.app_user
          FROM jsonb_to_record($2) AS r(error_type text, error_message text, context jsonb, created_at timestamptz, severity text, sqlstate text,
                                        source text, occurrences bigint, last_seen_at timestamptz, session_user_name text, app_user uuid)
        ON CONFLICT (id) DO UPDATE
          SET occurrences = e.occurrences + CASE WHEN substr(e.id::text, 15, 1) = '8' THEN excluded.occurrences ELSE 0 END,
              last_seen_at = greatest(e.last_seen_at, excluded.last_seen_at),
              resolved = e.resolved AND coalesce(excluded.last_seen_at <= e.resolved_at, false)$insert$, errors)
        USING refused.id, refused.entry;
      GET DIAGNOSTICS changed = ROW_COUNT;
      IF changed = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'triggered_data_change_violation', MESSAGE = 'dropped by a trigger';
      END IF;
      DELETE FROM monitoring.quarantined_errors WHERE ctid = refused.place;
      stored := stored + 1;
    EXCEPTION WHEN OTHERS THEN   -- the reason may be another now
      UPDATE monitoring.quarantined_errors SET reason = SQLERRM WHERE ctid = refused.place;
    END;
  END LOOP;
  RETURN stored;
END $$;
COMMENT ON FUNCTION monitoring.retry_quarantined() IS
'Puts the rows of monitoring.quarantined_errors into monitoring.system_errors; those that are refused again stay, with the new reason. Returns how many went. '
'Runs as the caller: needs rights on both tables. Raises LG204, 42501.';

REVOKE EXECUTE ON FUNCTION monitoring.mute(regprocedure, text), monitoring.unmute(regprocedure) FROM PUBLIC;
