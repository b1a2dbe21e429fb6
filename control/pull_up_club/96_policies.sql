-- replace_policies(): an adopted club's tables get the policies and grants of the club instead of those that they came with; the
-- access matrix shows first what each role gains and loses. restore_policies() puts the old ones back.

CREATE FUNCTION pull_up_club.require_adopted(caller text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pull_up_club.adopted_tables) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG130',
      MESSAGE = format('NOT_ADOPTED: %s() is for a club that adopt() has taken in, and none is', caller),
      DETAIL = jsonb_build_object('function', caller),
      HINT = 'SELECT * FROM pull_up_club.adopt(); shows what adopting would do. A club that install() made has all of it already.';
  END IF;
  PERFORM pull_up_club.require_rights(ARRAY(SELECT a.base FROM pull_up_club.adopted_tables a));
END $$;
COMMENT ON FUNCTION pull_up_club.require_adopted(text) IS 'part of what follows on adopt(): LG130 NOT_ADOPTED, or LG108 NOT_PERMITTED with the rights that the caller lacks';

-- Steps that follow on adopt()'s are done, kept and taken back alike.
CREATE FUNCTION pull_up_club.do_steps(part text, steps pull_up_club.adoption_step[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  done constant int := (SELECT coalesce(max(a.step), 0) FROM pull_up_club.adoption a);
  this pull_up_club.adoption_step;
BEGIN
  FOREACH this IN ARRAY steps LOOP
    PERFORM pull_up_club.run_step(this, this.statement, cardinality(steps));
    INSERT INTO pull_up_club.adoption (step, part, object, what, why, statement, undo) VALUES (done + this.step, do_steps.part, this.object, this.what, this.why, this.statement, this.undo);
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.do_steps(text, pull_up_club.adoption_step[]) IS 'does the steps of a part of the adoption, each with a line of progress, and keeps how they are taken back; LG125 STEP_FAILED';

-- What came later builds on what came before, also by name.
CREATE FUNCTION pull_up_club.take_back(part text, caller text) RETURNS TABLE (step int, object text, what text, statement text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  first int;
  later text;
  taken pull_up_club.adoption;
  count int := 0;
  steps int;
BEGIN
  PERFORM pg_advisory_xact_lock('pg_extension'::regclass::int, hashtext('pull_up_club'));
  SELECT min(a.step), count(a.undo) INTO first, steps FROM pull_up_club.adoption a WHERE a.part = take_back.part;
  SELECT a.part INTO later FROM pull_up_club.adoption a WHERE a.part <> take_back.part AND a.undo IS NOT NULL AND a.step > first ORDER BY a.step DESC LIMIT 1;
  IF first IS NULL THEN
    RAISE INFO '%: there is nothing to take back', caller;
    RETURN;
  END IF;
  IF later IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG129',
      MESSAGE = format('TAKEN_BACK_IN_ORDER: %s() cannot go before %s', caller, CASE later WHEN 'policies' THEN 'restore_policies()' WHEN 'move' THEN 'move_back()' ELSE 'release()' END),
      DETAIL = jsonb_build_object('part', take_back.part, 'later', later),
      HINT = CASE later WHEN 'policies' THEN 'The policies were replaced later: SELECT * FROM pull_up_club.restore_policies(); first.'
                        WHEN 'move' THEN 'The tables were moved later: SELECT * FROM pull_up_club.move_back(); first.'
                        ELSE 'adopt() has done more since. SELECT * FROM pull_up_club.release(); takes all of it back.' END;
  END IF;
  PERFORM pull_up_club.lock_tables(ARRAY(SELECT a.base FROM pull_up_club.adopted_tables a));
  FOR taken IN SELECT * FROM pull_up_club.adoption a WHERE a.part = take_back.part AND a.undo IS NOT NULL ORDER BY a.step DESC LOOP
    count := count + 1;
    PERFORM pull_up_club.run_step(ROW(count, taken.object, 'take back: ' || taken.what, taken.why, NULL, taken.undo, NULL)::pull_up_club.adoption_step, taken.undo, steps);
    RETURN QUERY SELECT taken.step, taken.object, 'taken back: ' || taken.what, taken.undo;
  END LOOP;
  DELETE FROM pull_up_club.adoption a WHERE a.part = take_back.part;
  RAISE INFO '%: % steps taken back', caller, count;
END $$;
COMMENT ON FUNCTION pull_up_club.take_back(text, text) IS
  'takes the steps of a part of the adoption back, the last one first, and forgets them; LG124 ADOPTION_WAITS, LG125 STEP_FAILED, LG129 TAKEN_BACK_IN_ORDER when another part came later';

-- Grants --------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION pull_up_club.grants_of(relation regclass) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('to', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, 'by', pg_get_userbyid(grantor), 'everybody', grantee = 0,
                                               'column', column_name, 'privileges', privileges, 'grantable', is_grantable) ORDER BY attnum, n, is_grantable), '[]')
    FROM (SELECT l.attnum, l.column_name, i.n, a.grantee, a.grantor, a.is_grantable, array_agg(a.privilege_type) AS privileges
            FROM (SELECT 0 AS attnum, NULL::name AS column_name, c.relacl AS acl, c.relowner FROM pg_class c WHERE c.oid = relation
                  UNION ALL
                  SELECT t.attnum, t.attname, t.attacl, c.relowner FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid WHERE t.attrelid = relation AND NOT t.attisdropped) AS l,
                 unnest(l.acl) WITH ORDINALITY AS i(item, n), aclexplode(ARRAY[i.item]) AS a
           WHERE a.grantee <> l.relowner
           GROUP BY l.attnum, l.column_name, i.n, a.grantee, a.grantor, a.is_grantable) AS g
$$;
COMMENT ON FUNCTION pull_up_club.grants_of(regclass) IS 'the grants on a table or view and its columns, but for the owner''s, in the order in which they stand: [{to, by, column, privileges, grantable}]';

CREATE FUNCTION pull_up_club.as_role(role name, statement text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mine constant text := current_setting('role');
BEGIN
  PERFORM set_config('role', role, true);
  EXECUTE statement;
  PERFORM set_config('role', mine, true);
END $$;
COMMENT ON FUNCTION pull_up_club.as_role(name, text) IS 'runs a GRANT or REVOKE as another role: what a role has granted it alone takes back';

-- Written anew in their old order, grants are the same to the last byte of a dump.
CREATE FUNCTION pull_up_club.put_grants(relation regclass, grants jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner constant text := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = relation);
  given record;
  what  text;
BEGIN
  FOR given IN SELECT DISTINCT g ->> 'to' AS role, g ->> 'by' AS grantor, (g ->> 'everybody')::boolean AS everybody FROM jsonb_array_elements(pull_up_club.grants_of(relation)) AS g LOOP
    what := format('REVOKE ALL ON %s FROM %s CASCADE', relation, CASE WHEN given.everybody THEN 'PUBLIC' ELSE quote_ident(given.role) END);
    IF given.grantor = owner THEN
      EXECUTE what;
    ELSE
      PERFORM pull_up_club.as_role(given.grantor, what);
    END IF;
  END LOOP;
  FOR given IN
    SELECT g ->> 'to' AS role, g ->> 'by' AS grantor, (g ->> 'everybody')::boolean AS everybody, (g ->> 'grantable')::boolean AS grantable,
           (SELECT string_agg(p || coalesce(' (' || quote_ident(g ->> 'column') || ')', ''), ', ') FROM jsonb_array_elements_text(g -> 'privileges') AS p) AS privileges
      FROM jsonb_array_elements(grants) WITH ORDINALITY AS t(g, n) ORDER BY n
  LOOP
    -- a role that was dropped since has no grants
    CONTINUE WHEN NOT given.everybody AND to_regrole(quote_ident(given.role)) IS NULL OR to_regrole(quote_ident(given.grantor)) IS NULL;
    what := format('GRANT %s ON %s TO %s%s', given.privileges, relation, CASE WHEN given.everybody THEN 'PUBLIC' ELSE quote_ident(given.role) END,
                   CASE WHEN given.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    IF given.grantor = owner THEN
      EXECUTE what;
    ELSE
      PERFORM pull_up_club.as_role(given.grantor, what);
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.put_grants(regclass, jsonb) IS 'makes the grants on a table or view those that grants_of() has given, and no others; the owner''s own stay';

-- The plan ------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION pull_up_club.policy_statement(policy oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s%s', p.polname, p.polrelid::regclass, CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                CASE p.polcmd WHEN '*' THEN 'ALL' WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' ELSE 'DELETE' END,
                (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END, ', ' ORDER BY n) FROM unnest(p.polroles) WITH ORDINALITY AS r(role, n)),
                ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')',
                format('; COMMENT ON POLICY %I ON %s IS ', p.polname, p.polrelid::regclass) || quote_literal(obj_description(p.oid, 'pg_policy')))
    FROM pg_policy p WHERE p.oid = policy
$$;
COMMENT ON FUNCTION pull_up_club.policy_statement(oid) IS 'the statement that makes a policy as it is, with its comment';

CREATE FUNCTION pull_up_club.has_grant(relation regclass, privileges text[], columns text[], grantees text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT bool_and(coalesce(CASE WHEN columns IS NULL THEN has_table_privilege(role, relation, privilege)
                                ELSE (SELECT bool_and(has_column_privilege(role, relation, c, privilege)) FROM unnest(columns) AS c) END, false))
    FROM unnest(privileges) AS privilege, unnest(grantees) AS grantee, CAST(to_regrole(grantee) AS oid) AS role
$$;
COMMENT ON FUNCTION pull_up_club.has_grant(regclass, text[], text[], text[]) IS 'whether all roles have all rights to a table, or to all of these columns';

-- A table whose policies were replaced already keeps what else its owner has given it since; what is missing there is made again.
CREATE FUNCTION pull_up_club.plan_table_policies(name text, club jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base     constant regclass := club -> name ->> 'base';
  columns  constant jsonb := club -> name -> 'columns';
  replaced constant boolean := pull_up_club.policies_replaced(name);
  table_   constant pg_class := (SELECT c FROM pg_class c WHERE c.oid = base);
  on_      regclass;
  part     record;
BEGIN
  IF NOT replaced THEN
    FOREACH on_ IN ARRAY CASE WHEN base = to_regclass(name) THEN ARRAY[base] ELSE ARRAY[base, to_regclass(name)] END LOOP
      -- the table's step has the canonical name: it tells policies_replaced()
      RETURN NEXT ROW(NULL, CASE on_ WHEN base THEN name ELSE format('the view %s', name) END, format('take back what members may do with %s', on_),
                      CASE on_ WHEN base THEN 'the club''s own grants follow' ELSE 'whoever uses the view needs its grants and the table''s' END, 'rights of other roles stay',
                      format('REVOKE ALL ON %s FROM PUBLIC, anon, authenticated CASCADE', on_)
                      || coalesce((SELECT string_agg(format('; SELECT pull_up_club.as_role(%L, %L)', g.grantor, format('REVOKE ALL ON %s FROM %s CASCADE', on_, g.grantee)), '')
                                     FROM (SELECT DISTINCT e ->> 'by' AS grantor, CASE WHEN (e ->> 'everybody')::boolean THEN 'PUBLIC' ELSE quote_ident(e ->> 'to') END AS grantee
                                             FROM jsonb_array_elements(pull_up_club.grants_of(on_)) AS e) AS g
                                    WHERE g.grantee IN ('PUBLIC', 'anon', 'authenticated') AND g.grantor <> pg_get_userbyid(table_.relowner)), ''),
                      format('SELECT pull_up_club.put_grants(%L, %L)', on_, pull_up_club.grants_of(on_)))::pull_up_club.adoption_step;
    END LOOP;
    RETURN QUERY
      SELECT NULL::int, format('%s on %s', quote_ident(p.polname), base), 'drop the policy', 'the club''s own policies follow', 'whom only it let in is shut out',
             format('DROP POLICY %I ON %s', p.polname, base), pull_up_club.policy_statement(p.oid)
        FROM pg_policy p WHERE p.polrelid = base ORDER BY p.polname;
    IF table_.relforcerowsecurity THEN
      RETURN NEXT ROW(NULL, base, 'no longer force row security', 'the club''s functions run as the owner, whom no policy names', 'the owner sees all rows',
                      format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', base), format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', base))::pull_up_club.adoption_step;
    END IF;
  END IF;
  IF NOT table_.relrowsecurity THEN
    RETURN NEXT ROW(NULL, base, 'switch row security on', 'without it whoever may read the table reads every row', 'roles without a policy see no rows',
                    format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', base), format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', base))::pull_up_club.adoption_step;
  END IF;
  RETURN QUERY
    SELECT NULL::int, format('%s on %s', split_part(b.name, ' ON ', 1), base), 'create the policy', 'it says whose rows they may be', 'none',
           pull_up_club.on_base('policy', b.name, regexp_replace(b.make, '^REVOKE [^;]*; ', ''), club), format('DROP POLICY IF EXISTS %I ON %s', split_part(b.name, ' ON ', 1), base)
      FROM pull_up_club.blueprint b
     WHERE b.kind = 'policy' AND split_part(b.name, ' ON ', 2) = plan_table_policies.name
       AND NOT (replaced AND pull_up_club.is_there_on('policy', b.name, b.make, base, club))
     ORDER BY b.place;
  FOR part IN
    SELECT b.name, b.make, string_to_array(g[1], ', ') AS privileges, string_to_array(g[2], ', ') AS columns, string_to_array(g[3], ', ') AS grantees
      FROM pull_up_club.blueprint b, regexp_match(b.name, '^([A-Z, ]+)(?: \((.+)\))? ON \S+ TO (.+)$') AS g
     WHERE b.kind = 'grant' AND pull_up_club.home_of(b.kind, b.name, b.make) = plan_table_policies.name ORDER BY b.place
  LOOP
    IF NOT replaced OR NOT pull_up_club.has_grant(base, part.privileges, CASE WHEN part.columns IS NOT NULL THEN pull_up_club.granted_on_base(part.columns, base, columns) END, part.grantees) THEN
      RETURN NEXT ROW(NULL, base, 'grant', array_to_string(part.grantees, ' and ') || ' may', 'none', pull_up_club.on_base('grant', part.name, part.make, club), NULL)::pull_up_club.adoption_step;
    END IF;
    IF base <> to_regclass(name) AND (NOT replaced OR NOT pull_up_club.has_grant(to_regclass(name), part.privileges, part.columns, part.grantees)) THEN
      RETURN NEXT ROW(NULL, format('the view %s', name), 'grant', array_to_string(part.grantees, ' and ') || ' may', 'none', part.make, NULL)::pull_up_club.adoption_step;
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.plan_table_policies(text, jsonb) IS 'part of replace_policies(): the steps for one adopted table';

CREATE FUNCTION pull_up_club.plan_policies() RETURNS SETOF pull_up_club.adoption_step
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (row_number() OVER (ORDER BY b.place, s.n))::int, s.object, s.what, s.why, s.risk, s.statement, s.undo
    FROM pull_up_club.adopted_tables a JOIN pull_up_club.blueprint b ON b.kind = 'table' AND b.name = a.name,
         pull_up_club.plan_table_policies(a.name, pull_up_club.adopted()) WITH ORDINALITY AS s(step, object, what, why, risk, statement, undo, n)
   ORDER BY 1
$$;
COMMENT ON FUNCTION pull_up_club.plan_policies() IS 'the steps that replace_policies() takes';

-- What they change ----------------------------------------------------------------------------------------------------------------

-- The access matrix finds whose a row is by policies, among others; here they change, and whose it is is known.
CREATE FUNCTION pull_up_club.measure_access(bases regclass[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO monitoring.access_owners (relation, own_column)
  SELECT a.base, a.columns ->> o.column_name
    FROM pull_up_club.adopted_tables a, LATERAL (SELECT CASE a.name WHEN 'auth_management.profiles' THEN 'id' ELSE 'user_id' END) AS o(column_name)
   WHERE a.base = ANY (bases) AND a.columns ? o.column_name
  ON CONFLICT DO NOTHING;
  RETURN (SELECT jsonb_agg(jsonb_build_object('relation', t.relation, 'role', t.role_name, 'persona', t.persona, 'command', t.command, 'outcome', t.outcome, 'reason', t.reason))
            FROM monitoring.test_rls_policies(bases) AS t);
END $$;
COMMENT ON FUNCTION pull_up_club.measure_access(regclass[]) IS 'the access matrix of these tables as JSON, for a subtransaction that is taken back';

-- The matrix tries a row; what it does not show is a right to some columns, and those that no row has.
CREATE FUNCTION pull_up_club.measure_privileges(bases regclass[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_object_agg(format('%s %s %s', r.role_name, privilege, base), jsonb_build_object('relation', base, 'role', r.role_name, 'privilege', privilege, 'columns',
           CASE WHEN privilege IN ('SELECT', 'INSERT', 'UPDATE')
                THEN (SELECT coalesce(jsonb_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a
                       WHERE a.attrelid = base AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(r.role_name, base, a.attnum, privilege))
                WHEN has_table_privilege(r.role_name, base, privilege) THEN '["*"]' ELSE '[]' END))
    FROM unnest(bases) AS base, (SELECT DISTINCT t.role_name FROM lifeguard.tried_roles() AS t) AS r, unnest('{SELECT,INSERT,UPDATE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS privilege
$$;
COMMENT ON FUNCTION pull_up_club.measure_privileges(regclass[]) IS 'what the roles of the access matrix hold on these tables'' columns, as JSON';

CREATE FUNCTION pull_up_club.access_difference(before jsonb, after jsonb, privileges_before jsonb, privileges_after jsonb)
RETURNS TABLE (relation text, role_name text, persona text, command text, was text, is_now text, change text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT b ->> 'relation', b ->> 'role', b ->> 'persona', b ->> 'command', concat_ws(': ', b ->> 'outcome', b ->> 'reason'), concat_ws(': ', a ->> 'outcome', a ->> 'reason'),
         CASE WHEN a ->> 'outcome' = 'allowed' THEN 'gains' WHEN b ->> 'outcome' = 'allowed' THEN 'loses' WHEN a ->> 'outcome' = 'failed' THEN 'fails' ELSE 'differs' END
    FROM jsonb_array_elements(before) WITH ORDINALITY AS o(b, n)
    JOIN jsonb_array_elements(after) AS a ON (a ->> 'relation', a ->> 'role', a ->> 'persona', a ->> 'command') = (b ->> 'relation', b ->> 'role', b ->> 'persona', b ->> 'command')
   WHERE a ->> 'outcome' <> b ->> 'outcome'
  UNION ALL
  SELECT p ->> 'relation', p ->> 'role', NULL, concat_ws(' ', p ->> 'privilege', '(' || (SELECT string_agg(quote_ident(c), ', ') FROM jsonb_array_elements_text(l.columns) AS c WHERE c <> '*') || ')'),
         CASE l.change WHEN 'loses' THEN 'granted' ELSE 'not granted' END, CASE l.change WHEN 'loses' THEN 'not granted' ELSE 'granted' END, l.change
    FROM jsonb_each(privileges_before) AS b(key, p),
         LATERAL (SELECT coalesce(jsonb_agg(c), '[]'), 'loses' FROM jsonb_array_elements(p -> 'columns') AS c WHERE NOT (privileges_after -> b.key -> 'columns') @> c
                  UNION ALL
                  SELECT coalesce(jsonb_agg(c), '[]'), 'gains' FROM jsonb_array_elements(privileges_after -> b.key -> 'columns') AS c WHERE NOT (p -> 'columns') @> c) AS l(columns, change)
   WHERE l.columns <> '[]' AND (p ->> 'privilege' NOT IN ('SELECT', 'INSERT', 'UPDATE') OR p -> 'columns' <> '[]' AND privileges_after -> b.key -> 'columns' <> '[]')
$$;
COMMENT ON FUNCTION pull_up_club.access_difference(jsonb, jsonb, jsonb, jsonb) IS
  'what roles gain and lose between two measures; of rights to columns those that are lost or gained where others are kept, with persona NULL';

CREATE FUNCTION pull_up_club.try_policies(steps pull_up_club.adoption_step[], bases regclass[])
RETURNS TABLE (relation text, role_name text, persona text, command text, was text, is_now text, change text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before     jsonb;
  after      jsonb;
  privileges jsonb[] := ARRAY[pull_up_club.measure_privileges(bases)];
  this       pull_up_club.adoption_step;
  finished   boolean := false;
BEGIN
  BEGIN
    before := pull_up_club.measure_access(bases);
    PERFORM pull_up_club.lock_tables(bases);
    FOREACH this IN ARRAY steps LOOP
      PERFORM pull_up_club.run_step(this, this.statement, NULL);
    END LOOP;
    after := pull_up_club.measure_access(bases);
    privileges := privileges || pull_up_club.measure_privileges(bases);
    finished := true;
    RAISE EXCEPTION USING ERRCODE = 'LG130', MESSAGE = 'taken back';
  EXCEPTION WHEN SQLSTATE 'LG130' THEN
    IF NOT finished THEN
      RAISE;
    END IF;
  END;
  RETURN QUERY SELECT d.* FROM pull_up_club.access_difference(before, after, privileges[1], privileges[2]) AS d;
END $$;
COMMENT ON FUNCTION pull_up_club.try_policies(pull_up_club.adoption_step[], regclass[]) IS 'part of replace_policies(): does the steps in a subtransaction, measures before and after, and takes them back';

CREATE FUNCTION pull_up_club.replace_policies(dry_run boolean DEFAULT true)
RETURNS TABLE (relation text, role_name text, persona text, command text, was text, is_now text, change text, statement text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  bases regclass[];
  steps pull_up_club.adoption_step[];
BEGIN
  IF dry_run IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'replace_policies: dry_run is true or false, not NULL',
      HINT = 'replace_policies(dry_run => false) does what replace_policies() shows.';
  END IF;
  PERFORM pg_advisory_xact_lock('pg_extension'::regclass::int, hashtext('pull_up_club'));
  PERFORM pull_up_club.require_adopted('replace_policies');
  bases := ARRAY(SELECT a.base FROM pull_up_club.adopted_tables a ORDER BY a.base);
  IF NOT dry_run THEN
    PERFORM pull_up_club.lock_tables(bases);
  END IF;
  steps := ARRAY(SELECT p FROM pull_up_club.plan_policies() AS p ORDER BY p.step);
  IF cardinality(steps) = 0 THEN
    RAISE INFO 'nothing is to be replaced: the tables have the club''s policies and grants';
    RETURN;
  END IF;
  IF dry_run THEN
    RETURN QUERY SELECT t.*, NULL::text FROM pull_up_club.try_policies(steps, bases) AS t
                  ORDER BY t.relation, t.role_name, t.persona NULLS LAST, array_position('{SELECT,INSERT,UPDATE,DELETE}'::text[], t.command), t.command;
  ELSE
    PERFORM pull_up_club.do_steps('policies', steps);
    RAISE INFO 'the policies and grants of % tables are the club''s: % steps; restore_policies() takes them back', cardinality(bases), cardinality(steps);
  END IF;
  RETURN QUERY SELECT s.object, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, s.what, s.statement FROM unnest(steps) AS s ORDER BY s.step;
END $$;
COMMENT ON FUNCTION pull_up_club.replace_policies(boolean) IS
  'what giving an adopted club''s tables the club''s policies and grants would change: a row for each cell of the access matrix that differs (persona NULL: a right to columns), then a row for each '
  'statement (change: what it does); it is really done, measured, and taken back. dry_run => false does it and returns the statements; a second time nothing is left to do. '
  'LG108 NOT_PERMITTED, LG124 ADOPTION_WAITS, LG125 STEP_FAILED, LG130 NOT_ADOPTED; the dry run also those of monitoring.test_rls_policies()';

CREATE FUNCTION pull_up_club.restore_policies() RETURNS TABLE (step int, object text, what text, statement text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pull_up_club.require_rights(ARRAY(SELECT a.base FROM pull_up_club.adopted_tables a));
  RETURN QUERY SELECT * FROM pull_up_club.take_back('policies', 'restore_policies');
END $$;
COMMENT ON FUNCTION pull_up_club.restore_policies() IS
  'puts the policies, row security and grants back that replace_policies() has replaced, as they were; returns a line for each step. LG108 NOT_PERMITTED, LG124 ADOPTION_WAITS, LG125 STEP_FAILED, LG129 TAKEN_BACK_IN_ORDER';

-- replace_policies() and its like anybody may ask, so that he learns what he lacks.
REVOKE EXECUTE ON FUNCTION pull_up_club.do_steps(text, pull_up_club.adoption_step[]), pull_up_club.take_back(text, text), pull_up_club.as_role(name, text), pull_up_club.put_grants(regclass, jsonb),
                           pull_up_club.measure_access(regclass[]), pull_up_club.measure_privileges(regclass[]), pull_up_club.try_policies(pull_up_club.adoption_step[], regclass[]) FROM PUBLIC;
