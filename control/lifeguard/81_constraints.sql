-- Constraints for tables whose rows break them: new rows keep them from now on, the old ones are listed, and once none is left they are valid.
-- What a table's owner wrote (functions, operators) runs as the owner, whoever calls.

CREATE TABLE lifeguard.introduced_constraints (
  relation        regclass NOT NULL,
  constraint_name name NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('check', 'foreign key', 'unique', 'exclude')),
  definition      text NOT NULL,
  parts           jsonb CHECK ((parts IS NULL) = (kind IN ('check', 'foreign key'))),
  exempt          text[],
  since           timestamptz NOT NULL DEFAULT now(),
  by              text NOT NULL DEFAULT current_user,
  PRIMARY KEY (relation, constraint_name)
);
SELECT pg_extension_config_dump('lifeguard.introduced_constraints', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = relation)');
GRANT SELECT, INSERT, UPDATE, DELETE ON lifeguard.introduced_constraints TO PUBLIC;
CREATE TRIGGER guard_register BEFORE INSERT OR UPDATE OR DELETE ON lifeguard.introduced_constraints FOR EACH ROW EXECUTE FUNCTION lifeguard.guard_register();
COMMENT ON TABLE lifeguard.introduced_constraints IS
'What lifeguard.introduce_constraint() has declared. definition: as after ADD CONSTRAINT; parts: what a unique or exclusion constraint compares; exempt: the primary keys of rows that a partial one leaves out. '
'Written by introduce_constraint(), validate_constraints() and withdraw_constraint(); a row can be written and deleted by the owner of its table only.';

-- As the owner: a statement that evaluates what is on his table --------------------------------------------------------------------

CREATE FUNCTION lifeguard.run_statement(statement text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE statement;
  RETURN true;
END $$;
COMMENT ON FUNCTION lifeguard.run_statement(text) IS 'Runs a statement as the caller, where only a query can be given. For tools.';

-- As whom: null for the caller himself.
CREATE FUNCTION lifeguard.acting_owner(relation regclass, other regclass DEFAULT NULL) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner constant regrole := (SELECT c.relowner FROM pg_class c WHERE c.oid = relation);
  actor oid;
BEGIN
  IF owner = current_user::regrole AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = owner) THEN
    RETURN NULL;
  ELSIF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
    actor := CASE WHEN other IS NULL THEN (SELECT r.oid FROM pg_roles r WHERE r.rolname = lifeguard.reader_of(relation)) ELSE lifeguard.reader_of_both(relation, other) END;
    IF actor IS NOT NULL THEN
      RETURN actor;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('nobody may look at the rows of %s: %s', concat_ws(' and ', relation, other),
                                                                               coalesce(lifeguard.unsafe_on(relation) || ' would run as the superuser', 'its owner may not read the other')),
      DETAIL = jsonb_build_object('table', relation::text, 'other', other::text, 'owner', owner), HINT = 'Grant the owner SELECT on the other table; give what is on a superuser''s table to a superuser.';
  END IF;
  PERFORM lifeguard.require_owner(relation);
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('only the owner of %s may evaluate what is on it', relation),
    DETAIL = jsonb_build_object('table', relation::text, 'role', current_user, 'owner', owner), HINT = format('SET ROLE %s;', owner);
END $$;
COMMENT ON FUNCTION lifeguard.acting_owner(regclass, regclass) IS
'As whom a table''s expressions are evaluated for the caller: null for himself, who owns it; for a superuser the owner. Raises 42501 for others, members of the owner too, and when code of somebody else would run as a superuser.';

CREATE FUNCTION lifeguard.query_as_owner(relation regclass, query text, other regclass DEFAULT NULL) RETURNS SETOF jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
  actor constant oid := lifeguard.acting_owner(relation, other);
BEGIN
  IF actor IS NULL THEN
    RETURN QUERY EXECUTE query;
  ELSE
    RETURN QUERY SELECT * FROM lifeguard.read_as(actor, query);
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.query_as_owner(regclass, text, regclass) IS
'The rows of a query whose only column is a jsonb, over a table (and another one), run as the table''s owner and never under its policies. Raises 42501 as lifeguard.acting_owner().';

CREATE FUNCTION lifeguard.change_as_owner(relation regclass, statement text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  actor constant oid := lifeguard.acting_owner(relation);
BEGIN
  IF actor IS NULL OR actor = current_user::regrole THEN
    EXECUTE statement;
  ELSE
    PERFORM lifeguard.read_as(actor, format('SELECT pg_catalog.to_jsonb(lifeguard.run_statement(%L))', statement));
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.change_as_owner(regclass, text) IS
'Runs a statement that changes a table, and with it what is on the table, as its owner. Raises 42501 as lifeguard.acting_owner().';

-- What a definition says -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION lifeguard.kind_of_constraint(definition text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN definition ~* '^\s*(CHECK\s*\(|NOT\s+NULL\M)' THEN 'check' WHEN definition ~* '^\s*FOREIGN\s+KEY\s*\(' THEN 'foreign key'
              WHEN definition ~* '^\s*UNIQUE\M' THEN 'unique' WHEN definition ~* '^\s*EXCLUDE\M' THEN 'exclude' END
$$;
COMMENT ON FUNCTION lifeguard.kind_of_constraint(text) IS 'check, foreign key, unique or exclude: what a definition begins with; null for anything else.';

-- UNIQUE ... WHERE is no constraint but an index.
CREATE FUNCTION lifeguard.constraint_statement(relation regclass, constraint_name name, definition text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN definition ~* '^\s*NOT\s+NULL\M' THEN format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s IS NOT NULL)', relation, constraint_name, regexp_replace(definition, '^\s*NOT\s+NULL\s*', '', 'i'))
    WHEN definition ~* '^\s*UNIQUE\M.*\)\s*WHERE\s*\(' THEN
      format('CREATE UNIQUE INDEX %I ON %s %s', constraint_name, relation,
             CASE WHEN definition ~* '^\s*UNIQUE\s+NULLS\s+NOT\s+DISTINCT\M' THEN regexp_replace(d.rest, '\)\s*WHERE\s*\(', ') NULLS NOT DISTINCT WHERE (', 'i') ELSE d.rest END)
    ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', relation, constraint_name, definition) END
    FROM (SELECT regexp_replace(definition, '^\s*UNIQUE\s*(NULLS\s+(NOT\s+)?DISTINCT\s*)?', '', 'i')) AS d(rest)
$$;
COMMENT ON FUNCTION lifeguard.constraint_statement(regclass, name, text) IS 'The statement that makes a constraint in full, as introduce_constraint() takes its definition.';

-- The server reads the definition: it makes the constraint on an empty copy of the table, which is then dropped.
CREATE FUNCTION lifeguard.parts_of_constraint(relation regclass, definition text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  copy   regclass;
  index  pg_index;
  made   pg_constraint;
  result jsonb;
BEGIN
  EXECUTE format('CREATE TEMPORARY TABLE lifeguard_copy (LIKE %s)', relation);
  copy := 'pg_temp.lifeguard_copy';
  IF lifeguard.acting_owner(relation) IS NOT NULL THEN
    EXECUTE format('ALTER TABLE %s OWNER TO %s', copy, (SELECT c.relowner::regrole FROM pg_class c WHERE c.oid = relation));
  END IF;
  PERFORM lifeguard.change_as_owner(copy, lifeguard.constraint_statement(copy, 'lifeguard_copied', definition));
  SELECT i.* INTO STRICT index FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = copy AND c.relname = 'lifeguard_copied';
  SELECT k.* INTO made FROM pg_constraint k WHERE k.conindid = index.indexrelid;
  result := jsonb_build_object(
    'index', substr(pg_get_indexdef(index.indexrelid), strpos(pg_get_indexdef(index.indexrelid), ' USING ') + 1),
    'constraint', pg_get_constraintdef(made.oid),
    'predicate', pg_get_expr(index.indpred, copy),
    'nulls_equal', coalesce((to_jsonb(index) ->> 'indnullsnotdistinct')::boolean, false),
    'keys', (SELECT jsonb_agg(pg_get_indexdef(index.indexrelid, u.place::int, false) || CASE WHEN u.number <> 0 THEN ' COLLATE ' || u.number::regcollation ELSE '' END ORDER BY u.place)
               FROM unnest(index.indcollation::oid[]) WITH ORDINALITY AS u(number, place) WHERE u.place <= index.indnkeyatts),
    'operators', (SELECT jsonb_agg(format('OPERATOR(%I.%s)', n.nspname, o.oprname) ORDER BY u.place)
                    FROM unnest(made.conexclop) WITH ORDINALITY AS u(operator, place) JOIN pg_operator o ON o.oid = u.operator JOIN pg_namespace n ON n.oid = o.oprnamespace),
    'columns', (SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = copy AND EXISTS (SELECT FROM pg_depend d WHERE d.objid IN (index.indexrelid, made.oid) AND d.refobjid = copy AND d.refobjsubid = a.attnum)));
  EXECUTE format('DROP TABLE %s', copy);
  RETURN result;
END $$;
COMMENT ON FUNCTION lifeguard.parts_of_constraint(regclass, text) IS
'What a unique or exclusion constraint compares: its keys, operators and predicate, the columns, and its definition as the server writes it. Raises what the server says against the definition.';

CREATE FUNCTION lifeguard.constraint_state(introduced lifeguard.introduced_constraints) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN (introduced).kind IN ('check', 'foreign key') THEN
      coalesce((SELECT CASE WHEN c.convalidated THEN 'valid' ELSE 'not valid' END FROM pg_constraint c WHERE c.conrelid = (introduced).relation AND c.conname = (introduced).constraint_name), 'gone')
    WHEN NOT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = (introduced).relation AND c.relname = (introduced).constraint_name) THEN 'waiting'
    WHEN (introduced).exempt IS NULL THEN 'valid' ELSE 'partial' END
$$;
COMMENT ON FUNCTION lifeguard.constraint_state(lifeguard.introduced_constraints) IS
'valid; not valid; partial (without the exempt rows); waiting (not made yet); gone (somebody dropped it).';

-- Rows that break them -----------------------------------------------------------------------------------------------------------------

CREATE FUNCTION lifeguard.unmet_constraints(relation regclass DEFAULT NULL)
RETURNS TABLE (on_table regclass, constraint_name name, kind text, key oid, other regclass, condition text, columns name[], parts jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH mine AS MATERIALIZED (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE CASE WHEN unmet_constraints.relation IS NOT NULL THEN c.oid = unmet_constraints.relation
                ELSE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                     AND (c.relowner = current_user::regrole OR (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user)) END)
  SELECT c.conrelid::regclass, c.conname, CASE c.contype WHEN 'f' THEN 'foreign key' ELSE 'check' END, c.oid, nullif(c.confrelid, 0)::regclass,
         coalesce(pg_get_expr(c.conbin, c.conrelid), (SELECT format('%I IS NOT NULL', a.attname) FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = c.conkey[1])),
         ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) ORDER BY a.attnum), NULL::jsonb
    FROM pg_constraint c JOIN mine ON mine.oid = c.conrelid
   WHERE NOT c.convalidated AND c.contype IN ('c', 'f', 'n') AND c.conparentid = 0 AND c.coninhcount = 0 AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
  UNION ALL
  SELECT i.relation, i.constraint_name, i.kind, NULL, NULL, NULL, ARRAY(SELECT jsonb_array_elements_text(i.parts -> 'columns')::name), i.parts
    FROM lifeguard.introduced_constraints i JOIN mine ON mine.oid = i.relation
   WHERE i.parts IS NOT NULL AND lifeguard.constraint_state(i) <> 'valid'
$$;
COMMENT ON FUNCTION lifeguard.unmet_constraints(regclass) IS
'The constraints that rows may break: those that are NOT VALID, however they came, and those of introduce_constraint() that are partial or waiting; of one table, or of all that are the caller''s.';

-- FROM and WHERE of queries for the rows c that break a constraint. A row that another one meets breaks it; b.later: an earlier row of the table meets it.
CREATE FUNCTION lifeguard.rows_that_break(relation regclass, kind text, key oid, condition text, parts jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  keys    constant text[] := ARRAY(SELECT jsonb_array_elements_text(parts -> 'keys'));
  names   constant text := (SELECT string_agg('k' || n, ', ') FROM generate_subscripts(keys, 1) AS n);
  entries constant text := format('SELECT e.tableoid AS t, e.ctid AS i, %s FROM %s AS e WHERE %s', (SELECT string_agg(format('(%s) AS k%s', keys[n], n), ', ' ORDER BY n) FROM generate_subscripts(keys, 1) AS n),
                                  relation, coalesce(parts ->> 'predicate', 'true'));
BEGIN
  CASE kind
    WHEN 'check' THEN
      -- a condition over the whole row names the table
      RETURN NEXT format('FROM (SELECT tableoid, ctid, * FROM %s %s WHERE NOT (%s)) AS c', CASE WHEN (SELECT k.connoinherit FROM pg_constraint k WHERE k.oid = rows_that_break.key) THEN 'ONLY' ELSE '' END, relation, condition);
    WHEN 'foreign key' THEN
      RETURN QUERY SELECT lifeguard.orphans_of(k, p.relid) FROM lifeguard.application_keys k, (SELECT relid::oid FROM pg_partition_tree(relation) WHERE isleaf UNION SELECT relation) AS p(relid)
                    WHERE k.key = rows_that_break.key;
    WHEN 'unique' THEN
      RETURN NEXT format('FROM %s AS c JOIN (SELECT t, i, count(*) OVER (PARTITION BY %s) AS met, row_number() OVER (PARTITION BY %s ORDER BY t, i) > 1 AS later FROM (%s) AS e WHERE %s) AS b '
                         'ON c.tableoid = b.t AND c.ctid = b.i AND b.met > 1', relation, names, names, entries,
                         CASE WHEN (parts ->> 'nulls_equal')::boolean THEN 'true' ELSE (SELECT string_agg(format('k%s IS NOT NULL', n), ' AND ') FROM generate_subscripts(keys, 1) AS n) END);
    WHEN 'exclude' THEN
      RETURN NEXT format('FROM %s AS c JOIN (SELECT a.t, a.i, bool_or((a.t, a.i) > (b.t, b.i)) AS later FROM (%s) AS a JOIN (%s) AS b ON (a.t, a.i) <> (b.t, b.i) AND %s GROUP BY a.t, a.i) AS b '
                         'ON c.tableoid = b.t AND c.ctid = b.i', relation, entries, entries,
                         (SELECT string_agg(format('a.k%s %s b.k%s', n, parts -> 'operators' ->> n - 1, n), ' AND ') FROM generate_subscripts(keys, 1) AS n));
  END CASE;
END $$;
COMMENT ON FUNCTION lifeguard.rows_that_break(regclass, text, oid, text, jsonb) IS
'FROM and WHERE of the queries for the rows c of a table that break one of its lifeguard.unmet_constraints(): one query, or one a partition.';

CREATE FUNCTION lifeguard.count_violations(relation regclass, kind text, key oid, other regclass, condition text, parts jsonb) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(sum(counted::bigint), 0)::bigint
    FROM lifeguard.rows_that_break(relation, kind, key, condition, parts) AS source, lifeguard.query_as_owner(relation, 'SELECT to_jsonb(count(*)) ' || source, other) AS counted
$$;
COMMENT ON FUNCTION lifeguard.count_violations(regclass, text, oid, regclass, text, jsonb) IS 'How many rows break one of a table''s lifeguard.unmet_constraints().';

CREATE FUNCTION lifeguard.primary_key_of(relation regclass) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT array_agg(a.attname ORDER BY u.place)
    FROM pg_constraint c, unnest(c.conkey) WITH ORDINALITY AS u(number, place) JOIN pg_attribute a ON a.attnum = u.number WHERE a.attrelid = relation AND c.conrelid = relation AND c.contype = 'p'
$$;
COMMENT ON FUNCTION lifeguard.primary_key_of(regclass) IS 'The columns of a table''s primary key in its order; null when it has none.';

CREATE FUNCTION lifeguard.violations(of_table regclass DEFAULT NULL)
RETURNS TABLE (relation regclass, constraint_name name, row_key jsonb, row_values jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  unmet  record;
  listed text;
  source text;
BEGIN
  PERFORM lifeguard.require_owner($1) WHERE $1 IS NOT NULL;
  FOR unmet IN SELECT * FROM lifeguard.unmet_constraints($1) AS u ORDER BY u.on_table::text COLLATE "C", u.constraint_name LOOP
    SELECT format('SELECT jsonb_build_array(jsonb_build_object(%s), jsonb_build_object(%s)) ',
                  coalesce((SELECT string_agg(format('%L, c.%I', k, k), ', ') FROM unnest(lifeguard.primary_key_of(unmet.on_table)) AS k), '''table'', c.tableoid::regclass, ''ctid'', c.ctid'),
                  (SELECT string_agg(format('%L, c.%I', k, k), ', ') FROM unnest(unmet.columns) AS k)) INTO listed;
    BEGIN
      FOR source IN SELECT * FROM lifeguard.rows_that_break(unmet.on_table, unmet.kind, unmet.key, unmet.condition, unmet.parts) LOOP
        RETURN QUERY SELECT unmet.on_table, unmet.constraint_name, q -> 0, q -> 1 FROM lifeguard.query_as_owner(unmet.on_table, listed || source, unmet.other) AS q;
      END LOOP;
    EXCEPTION WHEN OTHERS THEN   -- the others are still to be told
      RAISE WARNING USING ERRCODE = SQLSTATE, MESSAGE = format('the rows that break %I of %s cannot be listed: %s', unmet.constraint_name, unmet.on_table, SQLERRM);
    END;
  END LOOP;
END $$;
COMMENT ON FUNCTION lifeguard.violations(regclass) IS
'The rows that break the constraints which are not valid yet, those of introduce_constraint() and any other that is NOT VALID: the row by its primary key (without one: table and ctid), and its values in the columns concerned. '
'Of one table, or of all that are the caller''s (a superuser: all). All rows of a duplicated key, and of overlapping ones, are listed. What cannot be evaluated is a WARNING. Reads whole tables, as their owner. Raises 42501, 42809.';

-- Declaring, validating, withdrawing -----------------------------------------------------------------------------------------------------

-- Without these rows, all others keep it. Nothing when there are more than a hundred, or no key of one column to name them by.
CREATE FUNCTION lifeguard.make_partial(relation regclass, constraint_name name, kind text, parts jsonb) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  key       constant name[] := lifeguard.primary_key_of(relation);
  exempt    text[];
  predicate text;
BEGIN
  IF cardinality(key) IS DISTINCT FROM 1 OR lifeguard.count_violations(relation, kind, NULL, NULL, NULL, parts) > 100 THEN
    RETURN NULL;
  END IF;
  SELECT array_agg(q ->> 0) INTO exempt
    FROM lifeguard.rows_that_break(relation, kind, NULL, NULL, parts) AS source, lifeguard.query_as_owner(relation, format('SELECT jsonb_build_array(c.%I::text) %s WHERE b.later', key[1], source)) AS q;
  predicate := (SELECT concat_ws(' AND ', '(' || (parts ->> 'predicate') || ')', format('%I <> ALL (%L::%s[])', a.attname, exempt, format_type(a.atttypid, NULL)))
                  FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = key[1]);
  PERFORM lifeguard.change_as_owner(relation, CASE kind
    WHEN 'unique' THEN format('CREATE UNIQUE INDEX %I ON %s %s WHERE %s', constraint_name, relation, replace(parts ->> 'index', coalesce(' WHERE ' || (parts ->> 'predicate'), ''), ''), predicate)
    ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s WHERE (%s)%s', relation, constraint_name, d.body, predicate, d.timing) END)
    FROM (SELECT regexp_replace(replace(parts ->> 'constraint', coalesce(format(' WHERE (%s)', parts ->> 'predicate'), ''), ''), ' (NOT )?DEFERRABLE.*$', ''),
                 coalesce(substring(parts ->> 'constraint', ' DEFERRABLE.*$'), '')) AS d(body, timing);
  RETURN exempt;
END $$;
COMMENT ON FUNCTION lifeguard.make_partial(regclass, name, text, jsonb) IS
'Makes a unique index or an exclusion constraint without the rows that an earlier row meets, and returns their keys; null and nothing, when more than a hundred rows break it or the primary key is not one column.';

CREATE FUNCTION lifeguard.introduce_constraint(relation regclass, constraint_name name, definition text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  given      constant text := regexp_replace(btrim($3, E' \t\r\n;'), '\s+NOT\s+VALID$', '', 'i');
  statement  text;
  introduced lifeguard.introduced_constraints;
BEGIN
  PERFORM lifeguard.require_owner($1);
  IF coalesce($2, '') = '' OR lifeguard.kind_of_constraint(given) IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG521', MESSAGE = format('%s is no constraint that can be introduced: %s', coalesce(quote_ident($2), 'NULL'), coalesce($3, 'NULL')),
      DETAIL = jsonb_build_object('table', $1::text, 'constraint', $2, 'definition', $3),
      HINT = 'SELECT lifeguard.introduce_constraint(''public.orders'', ''total_not_negative'', ''CHECK (total >= 0)''); or NOT NULL column, FOREIGN KEY (...) REFERENCES schema.table, UNIQUE (...) [WHERE (...)], EXCLUDE ...';
  END IF;
  -- two at once, and rows that come while they are counted; what the statement will take, at once, for nobody to come between
  EXECUTE format('LOCK TABLE %s IN %s MODE', $1, CASE WHEN lifeguard.constraint_statement($1, $2, given) LIKE 'ALTER TABLE%' AND lifeguard.kind_of_constraint(given) <> 'foreign key' THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE ROW EXCLUSIVE' END);
  SELECT i.* INTO introduced FROM lifeguard.introduced_constraints i WHERE i.relation = $1 AND i.constraint_name = $2;
  IF FOUND AND introduced.definition = given AND lifeguard.constraint_state(introduced) <> 'gone' THEN
    RETURN lifeguard.constraint_state(introduced);
  ELSIF introduced.relation IS NOT NULL AND introduced.definition <> given OR EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = $1 AND c.conname = $2) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG522', MESSAGE = format('%s has a constraint %I already', $1, $2),
      DETAIL = jsonb_build_object('table', $1::text, 'constraint', $2, 'definition', given, 'is',
                                  coalesce(introduced.definition, (SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE c.conrelid = $1 AND c.conname = $2))),
      HINT = CASE WHEN introduced.relation IS NULL THEN 'Give it another name.' ELSE format('SELECT lifeguard.withdraw_constraint(%L, %L); first.', $1, $2) END;
  END IF;
  DELETE FROM lifeguard.introduced_constraints i WHERE i.relation = $1 AND i.constraint_name = $2;   -- one that is gone
  introduced := ROW($1, $2, lifeguard.kind_of_constraint(given), given, NULL, NULL, now(), current_user);

  IF introduced.kind IN ('check', 'foreign key') THEN
    statement := lifeguard.constraint_statement($1, $2, given)
                 || CASE WHEN (SELECT c.relkind = 'p' FROM pg_class c WHERE c.oid = $1) AND introduced.kind = 'foreign key' AND current_setting('server_version_num')::int < 180000 THEN ''
                         WHEN EXISTS (SELECT FROM lifeguard.query_as_owner($1, format('SELECT to_jsonb(true) FROM %s LIMIT 1', $1))) THEN ' NOT VALID' ELSE '' END;
    IF introduced.kind = 'check' THEN
      PERFORM lifeguard.change_as_owner($1, statement);
    ELSE
      EXECUTE statement;   -- evaluates nothing of the owner's, and a superuser may refer where the owner may not
    END IF;
  ELSE
    introduced.parts := lifeguard.parts_of_constraint($1, given);
    IF lifeguard.count_violations($1, introduced.kind, NULL, NULL, NULL, introduced.parts) = 0 THEN
      PERFORM lifeguard.change_as_owner($1, lifeguard.constraint_statement($1, $2, given));
    ELSE
      introduced.exempt := lifeguard.make_partial($1, $2, introduced.kind, introduced.parts);
    END IF;
  END IF;
  INSERT INTO lifeguard.introduced_constraints VALUES (introduced.*);
  RETURN lifeguard.constraint_state(introduced);
END $$;
COMMENT ON FUNCTION lifeguard.introduce_constraint(regclass, name, text) IS
'Adds a constraint to a table whose rows may break it; the definition as after ADD CONSTRAINT, also NOT NULL column and UNIQUE (...) WHERE (...), with qualified names. Returns valid: all rows keep it; not valid: new rows do '
'(CHECK, NOT NULL, FOREIGN KEY); partial: all rows do but for duplicates of an earlier one (UNIQUE and EXCLUDE, up to 100 rows, primary key of one column); waiting: only remembered. The same again does nothing. '
'Only for the table''s owner; evaluates as the owner. Raises LG521 (no such constraint), LG522 (the name is another''s), 42501, 42809, and what the server says against the definition.';

CREATE FUNCTION lifeguard.validate_constraint(relation regclass, constraint_name name) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  unmet      record;
  introduced lifeguard.introduced_constraints;
  broken_by  bigint;
BEGIN
  SELECT u.* INTO STRICT unmet FROM lifeguard.unmet_constraints($1) AS u WHERE u.constraint_name = $2;
  SELECT i.* INTO introduced FROM lifeguard.introduced_constraints i WHERE i.relation = $1 AND i.constraint_name = $2;
  IF unmet.parts IS NOT NULL THEN
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', $1);   -- what making it takes: two that read first would wait for each other
  END IF;
  broken_by := lifeguard.count_violations($1, unmet.kind, unmet.key, unmet.other, unmet.condition, unmet.parts);
  IF broken_by > 0 THEN
    RETURN broken_by;
  ELSIF unmet.key IS NOT NULL THEN
    PERFORM lifeguard.change_as_owner($1, format('ALTER TABLE %s VALIDATE CONSTRAINT %I', $1, $2));
  ELSE
    PERFORM lifeguard.drop_introduced(introduced);
    PERFORM lifeguard.change_as_owner($1, lifeguard.constraint_statement($1, $2, introduced.definition));
    UPDATE lifeguard.introduced_constraints i SET exempt = NULL WHERE i.relation = $1 AND i.constraint_name = $2;
  END IF;
  RETURN 0;
END $$;
COMMENT ON FUNCTION lifeguard.validate_constraint(regclass, name) IS
'Makes one of a table''s lifeguard.unmet_constraints() valid when no row breaks it; how many rows do. Raises what the server says, 55P03 after lock_timeout, 42501.';

CREATE FUNCTION lifeguard.validate_constraints(of_table regclass DEFAULT NULL)
RETURNS TABLE (relation regclass, constraint_name name, outcome text, violations bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  candidate record;
BEGIN
  PERFORM lifeguard.require_owner($1) WHERE $1 IS NOT NULL;
  FOR candidate IN
    SELECT * FROM (
      SELECT u.on_table, u.constraint_name, 'unmet' AS state FROM lifeguard.unmet_constraints($1) AS u
      UNION ALL
      SELECT i.relation, i.constraint_name, s.state FROM lifeguard.introduced_constraints i JOIN pg_class c ON c.oid = i.relation, LATERAL (SELECT lifeguard.constraint_state(i)) AS s(state)
       WHERE s.state IN ('valid', 'gone') AND CASE WHEN $1 IS NULL THEN pg_has_role(c.relowner, 'USAGE') ELSE i.relation = $1 END) AS c
     ORDER BY c.on_table::text COLLATE "C", c.constraint_name
  LOOP
    relation := candidate.on_table;
    constraint_name := candidate.constraint_name;
    violations := 0;
    outcome := CASE candidate.state WHEN 'valid' THEN 'already valid' WHEN 'gone' THEN 'failed: somebody dropped it' ELSE 'validated' END;
    IF candidate.state = 'unmet' THEN
      BEGIN
        violations := lifeguard.validate_constraint(candidate.on_table, candidate.constraint_name);
        IF violations > 0 THEN
          outcome := format('broken by %s rows', violations);
        END IF;
      EXCEPTION WHEN OTHERS THEN   -- the others may be well; the outcome tells of this one
        violations := NULL;
        outcome := 'failed: ' || SQLERRM;
      END;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION lifeguard.validate_constraints(regclass) IS
'Makes valid what no row breaks any more: VALIDATE CONSTRAINT, and in full what was partial or waiting. A row a constraint: ''validated'', ''already valid'', ''broken by N rows'', or ''failed: ...'' (violations is null then), '
'as after lock_timeout: the others go on. Of one table, or of all that are the caller''s. Reads whole tables, as their owner. Raises 42501, 42809.';

CREATE FUNCTION lifeguard.drop_introduced(introduced lifeguard.introduced_constraints) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  constraint_type constant "char" := CASE (introduced).kind WHEN 'check' THEN 'c' WHEN 'foreign key' THEN 'f' WHEN 'unique' THEN 'u' ELSE 'x' END;
BEGIN
  IF EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = (introduced).relation AND c.conname = (introduced).constraint_name AND c.contype = constraint_type) THEN
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', (introduced).relation, (introduced).constraint_name);
  ELSIF (introduced).kind = 'unique' AND lifeguard.constraint_state(introduced) <> 'waiting' THEN
    EXECUTE format('DROP INDEX %s', (SELECT c.oid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = (introduced).relation AND c.relname = (introduced).constraint_name));
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.drop_introduced(lifeguard.introduced_constraints) IS 'Drops the constraint or the index that introduce_constraint() made, if it is there.';

CREATE FUNCTION lifeguard.withdraw_constraint(relation regclass, constraint_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  introduced lifeguard.introduced_constraints;
BEGIN
  PERFORM lifeguard.require_owner($1);
  DELETE FROM lifeguard.introduced_constraints i WHERE i.relation = $1 AND i.constraint_name = $2 RETURNING i.* INTO introduced;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG523', MESSAGE = format('no constraint %s was introduced to %s', coalesce(quote_ident($2), 'NULL'), $1),
      DETAIL = jsonb_build_object('table', $1::text, 'constraint', $2),
      HINT = format('SELECT constraint_name FROM lifeguard.introduced_constraints WHERE relation = %L::regclass; lists them.', $1);
  END IF;
  PERFORM lifeguard.drop_introduced(introduced);
END $$;
COMMENT ON FUNCTION lifeguard.withdraw_constraint(regclass, name) IS
'Takes lifeguard.introduce_constraint() back: drops the constraint or index, valid or not, and forgets it. Only for the table''s owner. Raises LG523 (it was not introduced), 42501, 42809, 2BP01.';

GRANT EXECUTE ON FUNCTION lifeguard.run_statement(text), lifeguard.acting_owner(regclass, regclass), lifeguard.query_as_owner(regclass, text, regclass), lifeguard.change_as_owner(regclass, text),
                          lifeguard.kind_of_constraint(text), lifeguard.constraint_statement(regclass, name, text), lifeguard.parts_of_constraint(regclass, text),
                          lifeguard.constraint_state(lifeguard.introduced_constraints), lifeguard.unmet_constraints(regclass), lifeguard.rows_that_break(regclass, text, oid, text, jsonb),
                          lifeguard.count_violations(regclass, text, oid, regclass, text, jsonb), lifeguard.primary_key_of(regclass), lifeguard.violations(regclass),
                          lifeguard.make_partial(regclass, name, text, jsonb), lifeguard.introduce_constraint(regclass, name, text), lifeguard.validate_constraint(regclass, name),
                          lifeguard.validate_constraints(regclass), lifeguard.drop_introduced(lifeguard.introduced_constraints), lifeguard.withdraw_constraint(regclass, name),
                          lifeguard.orphans_of(lifeguard.application_keys, regclass) TO PUBLIC;   -- also where default privileges say otherwise
