-- monitoring.test_rls_policies(), remember_access(), access_changes(): the matrix as it is, as it was, and what differs.

CREATE FUNCTION monitoring.test_rls_policies(relations regclass[] DEFAULT NULL)
RETURNS TABLE (relation regclass, role_name name, persona text, command text, outcome text, expected text, passed boolean, reason text, sqlstate text, row_key jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong record;
BEGIN
  IF NOT (has_parameter_privilege('session_replication_role', 'SET') AND has_parameter_privilege('lc_messages', 'SET')) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG311', MESSAGE = format('%I may not set session_replication_role and lc_messages', current_user),
      DETAIL = jsonb_build_object('caller', current_user, 'settings', '{session_replication_role,lc_messages}'::text[]),
      HINT = format('Call it as a superuser, or GRANT SET ON PARAMETER session_replication_role, lc_messages TO %I;', current_user);
  END IF;
  PERFORM lifeguard.require_role_switching(t.role_name) FROM (SELECT DISTINCT r.role_name FROM lifeguard.tried_roles() AS r) AS t;
  SELECT r AS relation INTO wrong FROM unnest(relations) AS r WHERE r IS NULL OR r NOT IN (SELECT lifeguard.tried_tables(relations));
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = format('%s is no table that could be tried', coalesce(wrong.relation::text, 'NULL')),
      DETAIL = jsonb_build_object('relation', wrong.relation), HINT = 'Tables and partitioned tables can, but for the system''s, temporary ones and those of extensions.';
  END IF;
  RETURN QUERY
    SELECT t.relation, t.role_name, t.persona, t.command, t.outcome, e.outcome, CASE WHEN 'unknown' NOT IN (t.outcome, e.outcome) THEN t.outcome = e.outcome END,
           t.reason, t.sqlstate, t.row_key
      FROM lifeguard.try_access(relations) AS t
      LEFT JOIN monitoring.access_expectations e ON e.relation = t.relation AND e.role_name = t.role_name AND e.persona = t.persona AND e.command = t.command
     ORDER BY t.relation::text, t.role_name, array_position('{anonymous,owner,other member,admin,service}'::text[], t.persona),
              array_position('{SELECT,INSERT,UPDATE,DELETE}'::text[], t.command);
END $$;
COMMENT ON FUNCTION monitoring.test_rls_policies(regclass[]) IS
'The access matrix: what each role may do to a row of each table (null: of all) as anonymous, owner, other member, admin and service, really executed and taken back. '
'outcome: allowed; refused (no privilege, hidden, or WITH CHECK); failed (an error that is no refusal); unknown (reason says why). '
'passed: whether that is what monitoring.access_expectations has; null where it has nothing or the outcome is unknown. Triggers and foreign keys are off meanwhile. '
'For superusers, and who may set session_replication_role and lc_messages, has BYPASSRLS and is a member of the roles. Raises LG310 (no such table), LG311 (the caller may not).';
REVOKE EXECUTE ON FUNCTION monitoring.test_rls_policies(regclass[]) FROM PUBLIC;

CREATE FUNCTION monitoring.remember_access(relations regclass[] DEFAULT NULL, OUT new bigint, OUT changed bigint, OUT gone bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO monitoring.access_owners AS o
  SELECT t, f.subject, f.own_column, f.via, f.via_key, f.via_user, f.via_condition, false
    FROM lifeguard.tried_tables(relations) AS t, (SELECT lifeguard.owner_columns() AS kin OFFSET 0) AS k, lifeguard.find_owner(t, k.kin) AS f
   WHERE f.subject IS NOT NULL
  ON CONFLICT ON CONSTRAINT access_owners_pkey DO UPDATE
    SET subject = excluded.subject, own_column = excluded.own_column, via = excluded.via, via_key = excluded.via_key, via_user = excluded.via_user, via_condition = excluded.via_condition
  WHERE NOT o.by_hand;

  WITH cells AS MATERIALIZED (SELECT * FROM monitoring.test_rls_policies(relations)),
  kept AS (
    INSERT INTO monitoring.access_expectations AS e (relation, role_name, persona, command, outcome)
    SELECT c.relation, c.role_name, c.persona, c.command, c.outcome FROM cells c
    ON CONFLICT ON CONSTRAINT access_expectations_pkey
    DO UPDATE SET outcome = excluded.outcome, remembered_at = now() WHERE e.outcome <> excluded.outcome),
  dropped AS (
    DELETE FROM monitoring.access_expectations e
     WHERE (relations IS NULL OR e.relation = ANY (relations))
       AND NOT EXISTS (SELECT FROM cells c WHERE c.relation = e.relation AND c.role_name = e.role_name AND c.persona = e.persona AND c.command = e.command)
    RETURNING 1)
  SELECT count(*) FILTER (WHERE c.expected IS NULL), count(*) FILTER (WHERE c.expected <> c.outcome), (SELECT count(*) FROM dropped)
    INTO new, changed, gone FROM cells c;
END $$;
COMMENT ON FUNCTION monitoring.remember_access(regclass[]) IS
'Takes the access matrix of these tables (null: of all) as what is expected from now on; how many cells are new, changed and gone. Notes stay. '
'Rights and errors as monitoring.test_rls_policies().';
REVOKE EXECUTE ON FUNCTION monitoring.remember_access(regclass[]) FROM PUBLIC;

CREATE FUNCTION monitoring.access_changes(relations regclass[] DEFAULT NULL)
RETURNS TABLE (relation regclass, role_name text, persona text, command text, before text, now text, change text, note text, row_key jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM monitoring.access_expectations e WHERE relations IS NULL OR e.relation = ANY (relations)) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG312', MESSAGE = 'nothing is remembered that access could have changed from',
      DETAIL = jsonb_build_object('relations', relations), HINT = 'SELECT * FROM monitoring.remember_access(); before the next migration.';
  END IF;
  RETURN QUERY
    SELECT coalesce(t.relation, e.relation), coalesce(t.role_name::text, e.role_name), coalesce(t.persona, e.persona), coalesce(t.command, e.command), e.outcome, t.outcome,
           CASE WHEN t.outcome IS NULL THEN CASE WHEN NOT EXISTS (SELECT FROM pg_class WHERE oid = e.relation) THEN 'the table is gone'
                                                 WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = e.role_name) THEN 'the role is gone' ELSE 'is not tried any more' END
                ELSE format(CASE t.outcome WHEN 'allowed' THEN CASE WHEN e.outcome IS NULL THEN '%s may %s %s' ELSE '%s may now %s %s' END
                                           WHEN 'refused' THEN CASE e.outcome WHEN 'allowed' THEN '%s may no longer %s %s' ELSE '%s may not %s %s' END
                                           WHEN 'failed' THEN '%s fails to %s %s' ELSE 'it cannot be told whether %s may %s %s' END,
                            t.role_name || CASE t.persona WHEN 'anonymous' THEN '' WHEN 'service' THEN '' ELSE format(' (%s)', t.persona) END, t.command, t.relation)
                     || CASE WHEN t.reason IS NOT NULL THEN ': ' || t.reason ELSE '' END END,
           e.note, t.row_key
      FROM monitoring.test_rls_policies(relations) AS t
      FULL JOIN (SELECT * FROM monitoring.access_expectations x WHERE relations IS NULL OR x.relation = ANY (relations)) AS e
        ON e.relation = t.relation AND e.role_name = t.role_name AND e.persona = t.persona AND e.command = t.command
     WHERE t.outcome IS DISTINCT FROM e.outcome
     ORDER BY 1, 2, 3, 4;
END $$;
COMMENT ON FUNCTION monitoring.access_changes(regclass[]) IS
'Where the access matrix is not what monitoring.remember_access() stored: before is null for a cell that is new, now is null for one that is gone; change says it in words. '
'Rights and errors as monitoring.test_rls_policies(); LG312 when nothing is remembered.';
REVOKE EXECUTE ON FUNCTION monitoring.access_changes(regclass[]) FROM PUBLIC;
