-- monitoring.explain_access(): what decides whether a role may do something to a row, one row each, in the order in which the server asks.

CREATE FUNCTION lifeguard.key_columns(relation regclass) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT array_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum))
                     FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
                    WHERE i.indrelid = relation AND i.indisprimary), '{}')
$$;
COMMENT ON FUNCTION lifeguard.key_columns(regclass) IS 'The columns of a table''s primary key, in its order; empty without one.';

-- The first domain with a CHECK inside of an array, row or range: the parser evaluates it for a constant of such a type.
CREATE FUNCTION lifeguard.checked_while_parsed(class regclass, id oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE inside(type, nested) AS (
    SELECT refobjid, false FROM pg_depend WHERE classid = class AND objid = id AND refclassid = 'pg_type'::regclass
    UNION
    SELECT part.type, i.nested OR t.typtype <> 'd'
      FROM inside i JOIN pg_type t ON t.oid = i.type,
           LATERAL (SELECT t.typelem WHERE t.typelem <> 0 UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
                    UNION ALL SELECT rngsubtype FROM pg_range WHERE t.oid IN (rngtypid, rngmultitypid)
                    UNION ALL SELECT atttypid FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped) AS part(type))
  SELECT format_type(type, NULL) FROM inside WHERE nested AND EXISTS (SELECT FROM pg_constraint WHERE contypid = type AND contype = 'c') LIMIT 1
$$;
COMMENT ON FUNCTION lifeguard.checked_while_parsed(regclass, oid) IS
'A domain whose CHECK might run, with the caller''s rights, when the expression of a policy or default is parsed again; null when there is none.';

-- A row as it would be: the old one or the defaults, with new values, what is generated made anew. An SQL expression over
-- $1 (the old row as text, null for INSERT) and $2 (new values).
CREATE FUNCTION lifeguard.new_row_expression(relation regclass, inserts boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('(SELECT ROW(%s)::%s FROM pg_catalog.unnest(ARRAY[pg_catalog.jsonb_populate_record(%s, $2)]) AS %I)',
                string_agg(CASE WHEN a.attgenerated <> '' THEN format('(%s)', pg_get_expr(d.adbin, d.adrelid)) ELSE format('%I.%I', c.relname, a.attname) END,
                           ', ' ORDER BY a.attnum), relation,
                CASE WHEN inserts
                  THEN format('ROW(%s)::%s', string_agg(CASE WHEN a.attgenerated = '' AND s.id IS NULL AND d.oid IS NOT NULL
                                                          THEN format('(%s)', pg_get_expr(d.adbin, d.adrelid)) ELSE 'NULL' END, ', ' ORDER BY a.attnum), relation)
                  ELSE format('$1::%s', relation) END, c.relname)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN LATERAL (SELECT refobjid AS id FROM pg_depend p JOIN pg_class q ON q.oid = p.refobjid AND q.relkind = 'S'   -- would count on
                        WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass LIMIT 1) AS s ON true
   WHERE c.oid = relation GROUP BY c.relname
$$;
COMMENT ON FUNCTION lifeguard.new_row_expression(regclass, boolean) IS
'An SQL expression for the row as an INSERT or UPDATE would make it, of $1 (the old row, as text) and $2 (new values, jsonb). Sequences are not advanced: such a column is null.';

CREATE FUNCTION lifeguard.policy_passes(relation regclass, expression text, row_expression text, old_row text, new_values jsonb,
                                        role_name name, claims jsonb, OUT passes boolean, OUT failure text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  policy constant text := format('pg_temp.lifeguard_%s', replace(gen_random_uuid()::text, '-', ''));
BEGIN
  PERFORM lifeguard.set_request(claims);
  -- parsed here and run there, as a policy is: the role need not be able to name what the policy uses
  EXECUTE format('CREATE FUNCTION %s(text, jsonb) RETURNS boolean LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC '
                 'SELECT (%s) FROM pg_catalog.unnest(ARRAY[%s]) AS %I; END',
                 policy, expression, row_expression, (SELECT relname FROM pg_class WHERE oid = relation));
  EXECUTE format('ALTER FUNCTION %s OWNER TO %I', policy, role_name);
  passes := coalesce((lifeguard.run_as(role_name, format('SELECT ARRAY[%s(%L, %L)::text]', policy, old_row, new_values), true))[1]::boolean, false);
  RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = 'taken back';
EXCEPTION WHEN OTHERS THEN
  IF passes IS NULL THEN
    failure := SQLERRM;
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.policy_passes(regclass, text, text, text, jsonb, name, jsonb) IS
'Evaluates a policy''s expression as a role with these claims on one row, and takes everything back. Null is false, as in a policy; an error comes back as its message.';

CREATE FUNCTION lifeguard.find_row(relation regclass, row_key jsonb, OUT row_text text, OUT matches int, OUT failure text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  reader    constant name := lifeguard.reader_of(relation);
  condition text;
  found     record;
BEGIN
  IF reader IS NULL THEN
    failure := 'the row cannot be read safely: ' || lifeguard.unsafe_on(relation);
    RETURN;
  END IF;
  SELECT string_agg(CASE WHEN value = 'null' THEN format('%I IS NULL', key)
                         ELSE format('%I OPERATOR(pg_catalog.=) %L::%s', key, value #>> '{}', format_type(coalesce(base.id, t.oid), NULL)) END, ' AND ')
    INTO condition
    FROM jsonb_each(row_key) JOIN pg_attribute a ON a.attrelid = relation AND a.attname = key JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN LATERAL (WITH RECURSIVE d(id) AS (SELECT t.oid UNION SELECT b.typbasetype FROM d JOIN pg_type b ON b.oid = d.id WHERE b.typbasetype <> 0)
                       SELECT d.id FROM d JOIN pg_type b ON b.oid = d.id WHERE b.typbasetype = 0) AS base ON true;
  SELECT * INTO found FROM lifeguard.try_as(reader, NULL,
    format('SELECT array_agg(one.row) FROM (SELECT (lifeguard_row.*)::text AS row FROM %s AS lifeguard_row WHERE %s LIMIT 2) AS one', relation, condition), true);
  row_text := found.result[1];
  matches := coalesce(cardinality(found.result), 0);
  failure := found.message;
END $$;
COMMENT ON FUNCTION lifeguard.find_row(regclass, jsonb) IS
'The row with these values, as text, read past row security; how many there are (2 stands for more); or why it cannot be read.';

CREATE FUNCTION lifeguard.policies_for(relation regclass, command text, role_name name)
RETURNS TABLE (id oid, name name, permissive boolean, roles text, applies boolean, using_expression text, check_expression text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.oid, p.polname, p.polpermissive, r.names, r.applies, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
    FROM pg_policy p,
         LATERAL (SELECT string_agg(CASE id WHEN 0 THEN 'PUBLIC' ELSE id::regrole::text END, ', ' ORDER BY id) AS names,
                         bool_or(id = 0 OR pg_has_role(role_name, nullif(id, 0), 'USAGE')) AS applies
                    FROM unnest(p.polroles) AS id) AS r
   WHERE p.polrelid = relation AND p.polcmd IN ('*', CASE command WHEN 'SELECT' THEN 'r' WHEN 'INSERT' THEN 'a' WHEN 'UPDATE' THEN 'w' ELSE 'd' END)
$$;
COMMENT ON FUNCTION lifeguard.policies_for(regclass, text, name) IS
'A table''s policies for a command, and whether they apply to a role, through membership as well.';

CREATE FUNCTION lifeguard.row_security_of(relation regclass, role_name name, OUT asked boolean, OUT verdict text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(why.reason IS NULL, true),
         CASE WHEN why.reason IS NOT NULL THEN why.reason WHEN c.relforcerowsecurity THEN 'on, and forced upon the owner' ELSE 'on' END
    FROM pg_class c, pg_roles r,
         LATERAL (SELECT CASE WHEN c.relkind = 'f' THEN 'none on a foreign table'
                              WHEN c.relkind = 'm' THEN 'none on a materialized view: it holds what its owner saw when it was refreshed'
                              WHEN NOT c.relrowsecurity THEN 'off: every row is open to who has the privilege'
                              WHEN r.rolsuper THEN format('bypassed: %I is a superuser', r.rolname)
                              WHEN r.rolbypassrls THEN format('bypassed: %I has BYPASSRLS', r.rolname)
                              WHEN pg_has_role(r.oid, c.relowner, 'USAGE') AND NOT c.relforcerowsecurity
                                THEN format('bypassed: %I owns the table%s, and it is not forced', r.rolname,
                                            CASE WHEN r.oid <> c.relowner THEN format(' (as a member of %s)', c.relowner::regrole) ELSE '' END) END) AS why(reason)
   WHERE c.oid = relation AND r.rolname = role_name
$$;
COMMENT ON FUNCTION lifeguard.row_security_of(regclass, name) IS
'Whether a table''s policies are asked for a role, and why or why not.';

CREATE FUNCTION monitoring.explain_access(relation regclass, command text, row_key jsonb DEFAULT NULL, role_name name DEFAULT current_user, claims jsonb DEFAULT NULL)
RETURNS TABLE (step int, kind text, name text, roles text, expression text, passes boolean, verdict text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  action     constant text := upper(btrim(command));
  target     pg_class;
  keys       name[];
  used       name[];               -- columns that the command names
  new_values jsonb;
  security   record;
  row_text   text;
  matches    int;
  unreadable text;
  phase      record;
  policy     record;
  judged     record;
  base       record;
  written    oid;                  -- the table that a view writes to
  granted    name[];
  missing    name[];
  reads      boolean;              -- the command reads the row too, so that SELECT policies are asked
  has_row    boolean;
  parsed     text;                 -- what must not be parsed with the caller's rights
  allowing   text[];
  asked      text[];
  failing    text;
  restrictive text;
  decided    text;                 -- the first refusal, or what cannot be told
  told       boolean := true;      -- it is a refusal
  allowed_by text;
  afterwards text := '';
BEGIN
  SELECT * INTO target FROM pg_class WHERE oid = relation;
  IF NOT FOUND OR target.relkind NOT IN ('r', 'p', 'v', 'm', 'f') THEN
    RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = format('%s is no table and no view', coalesce(relation::text, 'NULL')),
      DETAIL = jsonb_build_object('relation', relation);
  ELSIF action IS NULL OR action NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') THEN
    RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = format('%s is none of SELECT, INSERT, UPDATE, DELETE', coalesce(quote_literal(command), 'NULL')),
      DETAIL = jsonb_build_object('command', command);
  ELSIF jsonb_typeof(row_key) <> 'object' OR row_key = '{}' AND action <> 'INSERT' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = 'row_key is an object of columns and their values, or NULL', DETAIL = jsonb_build_object('row_key', row_key),
      HINT = format('For example: %s', jsonb_build_object(coalesce((lifeguard.key_columns(relation))[1], 'id'), '...'));
  ELSIF jsonb_typeof(claims) <> 'object' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = 'claims is an object, or NULL', DETAIL = jsonb_build_object('claims', claims),
      HINT = 'For example: {"role": "authenticated", "sub": "00000000-0000-4000-8000-000000000001"}';
  END IF;
  PERFORM lifeguard.require_role_switching(role_name);
  SELECT array_agg(key ORDER BY key) INTO missing FROM jsonb_object_keys(row_key) AS key
   WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = relation AND attname = key AND attnum > 0 AND NOT attisdropped);
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = format('%s has no column %I', relation, missing[1]),
      DETAIL = jsonb_build_object('relation', relation, 'columns', missing),
      HINT = format('It has %s.', (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped));
  END IF;

  -- with the whole primary key, the other columns of an UPDATE are new values; else every column looks for the row
  keys := lifeguard.key_columns(relation);
  IF action = 'INSERT' THEN
    new_values := row_key;
    keys := '{}';
  ELSIF action = 'UPDATE' AND keys <> '{}' AND row_key ?& keys::text[] THEN
    new_values := row_key - keys::text[];
  ELSE
    new_values := '{}';
    keys := ARRAY(SELECT jsonb_object_keys(row_key));
  END IF;
  step := 0;

  -- schema
  step := step + 1;
  kind := 'schema';
  name := target.relnamespace::regnamespace;
  roles := (SELECT string_agg(DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, ', ')
              FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
             WHERE oid = target.relnamespace AND privilege_type = 'USAGE' AND (grantee = 0 OR pg_has_role(role_name, nullif(grantee, 0), 'USAGE')));
  passes := has_schema_privilege(role_name, target.relnamespace, 'USAGE');
  verdict := CASE WHEN passes THEN 'USAGE is granted' ELSE format('%I has no USAGE on the schema', role_name) END;
  IF NOT passes THEN
    decided := verdict;
  END IF;
  RETURN NEXT;

  -- privileges: the command's own, and SELECT on what its WHERE names
  kind := 'privilege';
  FOR phase IN
    SELECT action AS privilege, ARRAY(SELECT jsonb_object_keys(CASE action WHEN 'SELECT' THEN row_key WHEN 'DELETE' THEN NULL ELSE new_values END))::name[] AS names, true AS own
    UNION ALL SELECT 'SELECT', keys, false WHERE action IN ('UPDATE', 'DELETE')
  LOOP
    step := step + 1;
    name := phase.privilege;
    granted := ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND phase.privilege <> 'DELETE'
                        AND has_column_privilege(role_name, relation, attname, CASE phase.privilege WHEN 'DELETE' THEN 'SELECT' ELSE phase.privilege END) ORDER BY attnum);
    missing := ARRAY(SELECT c FROM unnest(phase.names) AS c WHERE c <> ALL (granted));
    roles := (SELECT string_agg(DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, ', ')
                FROM (SELECT coalesce(target.relacl, acldefault('r', target.relowner)) AS acl
                      UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid = relation AND attacl IS NOT NULL) AS a, aclexplode(acl)
               WHERE privilege_type = phase.privilege AND (grantee = 0 OR pg_has_role(role_name, nullif(grantee, 0), 'USAGE')));
    IF has_table_privilege(role_name, relation, phase.privilege) THEN
      passes := true;
      verdict := 'granted on the table';
    ELSIF granted = '{}' THEN
      passes := false;
      verdict := format('%s is not granted to %I', phase.privilege, role_name);
    ELSE
      passes := missing = '{}';
      verdict := format('%s is granted on %s only', phase.privilege, (SELECT string_agg(quote_ident(c), ', ') FROM unnest(granted) AS c))
              || CASE WHEN passes THEN '' ELSE format('; not on %s', (SELECT string_agg(quote_ident(c), ', ') FROM unnest(missing) AS c)) END;
    END IF;
    IF NOT phase.own THEN
      reads := passes OR row_key IS NOT NULL;
      verdict := format('for WHERE and RETURNING: %s', verdict);
      IF row_key IS NULL AND NOT passes THEN
        passes := NULL;
        verdict := verdict || '. Without them it is not needed, and SELECT policies are not asked';
      END IF;
    END IF;
    IF NOT passes THEN
      decided := coalesce(decided, verdict);
    END IF;
    RETURN NEXT;
  END LOOP;
  roles := NULL;

  IF target.relkind = 'v' THEN
    -- a view's own row security is that of what it reads
    step := step + 1;
    kind := 'view';
    name := relation::text;
    expression := NULL;
    passes := NULL;
    SELECT CASE WHEN option_value::boolean THEN role_name ELSE (SELECT rolname FROM pg_roles WHERE oid = target.relowner) END AS reader, coalesce(option_value::boolean, false) AS invoker
      INTO base FROM (SELECT 1) AS one LEFT JOIN pg_options_to_table(target.reloptions) ON option_name = 'security_invoker';
    verdict := CASE WHEN base.invoker THEN format('with security_invoker: its tables are asked as %I', role_name)
                    ELSE format('without security_invoker: its tables are asked as its owner, %s', target.relowner::regrole) END;
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = relation AND tgtype & 64 <> 0 AND tgtype & CASE action WHEN 'INSERT' THEN 4 WHEN 'UPDATE' THEN 16 WHEN 'DELETE' THEN 8 ELSE 0 END <> 0) THEN
      verdict := verdict || format('; a trigger does what %s does', action);
      told := false;
    ELSE
      -- a view that can be written has one table in its FROM, which comes first
      written := (SELECT m[1]::oid FROM pg_rewrite w, regexp_matches(w.ev_action::text, ':relid (\d+)', 'g') WITH ORDINALITY AS r(m, n)
                   WHERE w.ev_class = relation AND w.ev_type = '1' AND m[1]::oid NOT IN (0, relation) ORDER BY n LIMIT 1);
    END IF;
    IF action <> 'SELECT' AND (pg_relation_is_updatable(relation, true) & CASE action WHEN 'INSERT' THEN 8 WHEN 'UPDATE' THEN 4 ELSE 16 END) = 0 THEN
      passes := false;
      verdict := verdict || format('; it takes no %s', action);
      decided := coalesce(decided, format('the view takes no %s', action));
    END IF;
    RETURN NEXT;
    FOR judged IN
      SELECT DISTINCT d.refobjid::regclass AS relation
        FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
       WHERE w.ev_class = relation AND w.ev_type = '1' AND d.refobjid <> relation ORDER BY 1
    LOOP
      FOR kind, name, roles, expression, passes, verdict IN
        SELECT e.kind, e.name, e.roles, e.expression, e.passes, e.verdict
          FROM monitoring.explain_access(judged.relation, CASE WHEN judged.relation = written THEN action ELSE 'SELECT' END,
                                         NULL, base.reader, claims) AS e ORDER BY e.step
      LOOP
        CONTINUE WHEN kind = 'schema';   -- a view looks its tables up by no name
        step := step + 1;
        name := format('%s: %s', judged.relation, name);
        IF kind = 'summary' THEN
          kind := 'base table';
          told := told AND coalesce(passes, false);
          IF NOT passes THEN
            decided := coalesce(decided, format('%s: %s', judged.relation, verdict));
          END IF;
        END IF;
        RETURN NEXT;
      END LOOP;
    END LOOP;
    step := step + 1;
    kind := 'summary';
    name := action;
    roles := NULL;
    expression := NULL;
    passes := CASE WHEN decided IS NOT NULL THEN false WHEN told THEN true END;
    verdict := format('%s: %s', action, coalesce(decided, CASE WHEN told THEN format('allowed: its tables let %I through', base.reader)
                                                              WHEN action <> 'SELECT' AND written IS NULL THEN 'decided by a trigger of the view'
                                                              ELSE format('decided by its tables, asked as %I', base.reader)
                                                                   || CASE WHEN row_key IS NOT NULL THEN '; ask about the table to have a row judged' ELSE '' END END));
    RETURN NEXT;
    RETURN;
  END IF;

  -- row security
  SELECT * INTO security FROM lifeguard.row_security_of(relation, role_name);
  step := step + 1;
  kind := 'row security';
  name := relation::text;
  passes := CASE WHEN NOT security.asked THEN true END;
  verdict := security.verdict;
  RETURN NEXT;

  -- the row
  has_row := row_key IS NOT NULL;
  IF action <> 'INSERT' AND has_row THEN
    SELECT * INTO row_text, matches, unreadable FROM lifeguard.find_row(relation, (SELECT jsonb_object_agg(key, value) FROM jsonb_each(row_key) WHERE key = ANY (keys::text[])));
    IF matches > 1 THEN
      RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = format('%s has more than one row %s', relation, row_key), DETAIL = jsonb_build_object('relation', relation, 'row_key', row_key),
        HINT = CASE WHEN lifeguard.key_columns(relation) <> '{}' THEN 'Its primary key is ' || array_to_string(lifeguard.key_columns(relation), ', ') || '.' ELSE 'Name more columns.' END;
    END IF;
    step := step + 1;
    kind := 'row';
    name := (SELECT jsonb_object_agg(key, value) FROM jsonb_each(row_key) WHERE key = ANY (keys::text[]));
    passes := CASE WHEN unreadable IS NULL THEN matches = 1 END;
    verdict := coalesce(unreadable, CASE matches WHEN 0 THEN 'does not exist' ELSE 'exists' END);
    RETURN NEXT;
    has_row := coalesce(passes, false);
    told := passes IS NOT NULL OR decided IS NOT NULL;
    IF passes IS DISTINCT FROM true THEN
      decided := coalesce(decided, CASE WHEN told AND unreadable IS NULL THEN 'the row does not exist' ELSE verdict END);
    END IF;
  END IF;

  -- policies, in the order of the server: it restricts before it permits, and checks the other way round
  FOR phase IN
    SELECT * FROM (VALUES
      (1, action, 'USING', action <> 'INSERT'), (2, 'SELECT', 'USING', reads),
      (3, action, 'WITH CHECK', action IN ('INSERT', 'UPDATE')), (4, 'SELECT', 'WITH CHECK', reads AND action = 'UPDATE' OR action = 'INSERT'))
      AS p(number, asks, clause, wanted)
     WHERE wanted ORDER BY number
  LOOP
    allowing := '{}';
    asked := '{}';
    failing := NULL;
    restrictive := NULL;
    FOR policy IN
      SELECT p.*, CASE WHEN phase.clause = 'USING' OR phase.number = 4 THEN using_expression ELSE coalesce(check_expression, using_expression) END AS expression
        FROM lifeguard.policies_for(relation, phase.asks, role_name) AS p
       ORDER BY permissive = (phase.clause = 'USING'), name
    LOOP
      step := step + 1;
      kind := CASE WHEN policy.permissive THEN 'permissive policy' ELSE 'restrictive policy' END;
      name := policy.name;
      roles := policy.roles;
      expression := phase.clause || ' (' || policy.expression || ')';
      passes := NULL;
      verdict := NULL;
      IF policy.expression IS NULL THEN
        verdict := CASE WHEN policy.permissive THEN 'has no USING: lets nothing through' ELSE 'has no USING: restricts nothing' END;
      ELSIF NOT policy.applies THEN
        verdict := format('does not apply to %I', role_name);
      ELSIF NOT security.asked THEN
        verdict := 'not asked';
      ELSE
        IF policy.permissive THEN
          asked := asked || policy.name::text;
        END IF;
        IF NOT has_row THEN
          verdict := CASE WHEN row_key IS NULL THEN 'decides for each row' ELSE 'there is no row to judge' END;
        ELSE
          parsed := NULL;
          IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = target.relowner) THEN
            parsed := coalesce(lifeguard.checked_while_parsed('pg_policy', policy.id),
                               (SELECT min(lifeguard.checked_while_parsed('pg_attrdef', oid)) FROM pg_attrdef WHERE adrelid = relation AND phase.clause = 'WITH CHECK'));
          END IF;
          IF parsed IS NOT NULL THEN
            verdict := format('cannot be told: a constant of the domain %s would be checked with the rights of %I', parsed, current_user);
          ELSE
            SELECT * INTO judged FROM lifeguard.policy_passes(relation, policy.expression,
              CASE WHEN phase.clause = 'USING' OR action = 'UPDATE' AND new_values = '{}' THEN format('$1::%s', relation) ELSE lifeguard.new_row_expression(relation, action = 'INSERT') END,
              row_text, new_values, role_name, claims);
            passes := judged.passes;
            verdict := CASE WHEN judged.failure IS NOT NULL THEN
                              CASE WHEN (SELECT concat(polqual, polwithcheck) FROM pg_policy WHERE oid = policy.id) LIKE '%:varattno -%'
                                THEN format('cannot be told: policy %I uses a system column, and is judged on values alone', policy.name)
                              ELSE format('policy %I fails: %s', policy.name, judged.failure) END
                            WHEN policy.permissive THEN CASE WHEN passes THEN 'lets this row through' ELSE 'does not let this row through' END
                            ELSE CASE WHEN passes THEN 'has nothing against this row' ELSE CASE phase.clause WHEN 'USING' THEN 'hides this row' ELSE 'refuses this row' END END END;
          END IF;
          IF passes IS NULL THEN
            failing := coalesce(failing, verdict);
          ELSIF passes AND policy.permissive THEN
            allowing := allowing || policy.name::text;
          ELSIF NOT passes AND NOT policy.permissive THEN
            restrictive := coalesce(restrictive, policy.name);
          END IF;
        END IF;
      END IF;
      IF phase.asks <> action THEN
        verdict := format('SELECT policy, asked for %s: %s',
                          CASE WHEN action = 'INSERT' THEN 'RETURNING' WHEN phase.number = 4 THEN 'the new row' ELSE 'WHERE and RETURNING' END, verdict);
      END IF;
      RETURN NEXT;
    END LOOP;
    expression := NULL;
    roles := NULL;
    CONTINUE WHEN NOT security.asked;

    -- what this phase comes to
    verdict := CASE
      WHEN asked = '{}' THEN format('no permissive policy%s for %I', CASE WHEN phase.asks <> action THEN ' for SELECT' ELSE '' END, role_name)
      WHEN NOT has_row THEN NULL
      WHEN restrictive IS NOT NULL THEN format('%s by restrictive policy %I', CASE phase.clause WHEN 'USING' THEN 'hidden' ELSE 'refused' END, restrictive)
      WHEN failing IS NOT NULL THEN failing
      WHEN allowing = '{}' THEN format('%s: no policy%s lets the%s row through (%s)', CASE phase.clause WHEN 'USING' THEN 'hidden' ELSE 'refused' END,
                                       CASE WHEN phase.asks <> action THEN ' for SELECT' ELSE '' END,
                                       CASE WHEN phase.clause = 'WITH CHECK' THEN ' new' ELSE '' END, (SELECT string_agg(quote_ident(a), ', ') FROM unnest(asked) AS a))
      END;
    IF action = 'INSERT' AND phase.number = 4 THEN
      verdict := CASE WHEN NOT has_any_column_privilege(role_name, relation, 'SELECT') THEN format('SELECT is not granted to %I', role_name) ELSE verdict END;
      afterwards := coalesce('; with RETURNING: ' || verdict, '');
    ELSE
      IF decided IS NULL AND verdict = failing THEN
        told := false;
      END IF;
      decided := coalesce(decided, verdict);
      IF phase.asks = action THEN
        allowed_by := (SELECT string_agg(quote_ident(a), ', ') FROM unnest(CASE WHEN has_row THEN allowing ELSE asked END) AS a);
        allowed_by := CASE WHEN has_row THEN 'allowed by policy ' ELSE 'decided for each row by policy ' END || allowed_by;
      END IF;
    END IF;
  END LOOP;

  step := step + 1;
  kind := 'summary';
  name := action;
  passes := CASE WHEN NOT told THEN NULL WHEN decided IS NOT NULL THEN false WHEN has_row OR NOT security.asked THEN true END;
  verdict := format('%s: %s', action, coalesce(decided, CASE WHEN security.asked THEN allowed_by ELSE format('allowed; row security: %s', security.verdict) END || afterwards));
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION monitoring.explain_access(regclass, text, jsonb, name, jsonb) IS
'What decides whether a role with these claims may SELECT, INSERT, UPDATE or DELETE a row, a line for each: schema, privileges, row security, policies, and the summary. '
'row_key: the row''s key; for INSERT the new row; for UPDATE also new values, beside the whole primary key. Policies are really evaluated, as that role, and everything is taken back; '
'an error in one is a verdict. passes is null where there is no row or it cannot be told. For superusers, and roles with BYPASSRLS that are members of the role. '
'Raises LG310 (an argument that is wrong), LG311 (the caller may not).';
REVOKE EXECUTE ON FUNCTION monitoring.explain_access(regclass, text, jsonb, name, jsonb) FROM PUBLIC;
