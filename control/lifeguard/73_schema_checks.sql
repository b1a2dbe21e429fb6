-- Before and after a migration: rows that break what the schema says, and what of a table a migration may have lost.

CREATE FUNCTION monitoring.check_referential_integrity(relation regclass DEFAULT NULL)
RETURNS TABLE (constraint_name text, child regclass, columns text, parent regclass, validated boolean, orphans bigint, keys jsonb, listing text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  key     lifeguard.application_keys;
  part    regclass;
  counted record;
BEGIN
  FOR key IN
    SELECT * FROM lifeguard.application_keys k WHERE check_referential_integrity.relation IS NULL OR check_referential_integrity.relation IN (k.relation, k.parent) ORDER BY k.object
  LOOP
    orphans := 0;
    keys := '[]';
    listing := NULL;
    FOR part IN SELECT c.oid FROM pg_class c WHERE c.relkind = 'r' AND (c.oid = (key).relation OR c.oid IN (SELECT relid FROM pg_partition_tree((key).relation) WHERE isleaf)) LOOP
      counted := lifeguard.count_orphans(key, part);
      orphans := orphans + counted.rows;
      keys := CASE WHEN counted.rows > 0 AND keys = '[]' THEN counted.keys ELSE keys END;
      listing := CASE WHEN counted.rows > 0 THEN coalesce(listing, counted.listing) ELSE listing END;
    END LOOP;
    CONTINUE WHEN orphans = 0;
    constraint_name := (key).name;
    child := (key).relation;
    columns := (key).columns;
    parent := (key).parent;
    validated := (key).validated;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION monitoring.check_referential_integrity(regclass) IS
'Foreign keys, of one table and to it or of all, with rows that have no parent, as after work with triggers off: how many (a thousand counted at most in a partition), a few of their keys, and the query that '
'lists them. Reads whole tables; monitoring.run_checks() does the same in slices. Raises 42501 where nobody may read both tables.';

CREATE FUNCTION monitoring.verify_constraints(relation regclass DEFAULT NULL)
RETURNS TABLE (constraint_name text, on_table regclass, validated boolean, broken_by bigint, definition text, listing text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  checked record;
  key     lifeguard.application_keys;
BEGIN
  FOR checked IN
    SELECT c.oid, c.conname, c.contype, c.conrelid::regclass AS on_table, c.convalidated, pg_get_expr(c.conbin, c.conrelid) AS condition, pg_get_constraintdef(c.oid) AS definition
      FROM pg_constraint c JOIN lifeguard.application_relations t ON t.relation = c.conrelid
     WHERE c.conparentid = 0 AND c.coninhcount = 0 AND t.kind IN ('r', 'p') AND (c.contype = 'c' OR c.contype = 'f' AND NOT c.convalidated)
       AND (verify_constraints.relation IS NULL OR c.conrelid = verify_constraints.relation)
     ORDER BY c.conrelid::regclass::text, c.conname
  LOOP
    IF checked.contype = 'f' THEN
      SELECT * INTO STRICT key FROM lifeguard.application_keys k WHERE k.key = checked.oid;
      SELECT o.rows, o.listing INTO broken_by, listing FROM lifeguard.count_orphans(key, checked.on_table) AS o;
    ELSE
      listing := format('SELECT * FROM %s WHERE NOT (%s);', checked.on_table, checked.condition);
      SELECT r::bigint INTO broken_by
        FROM lifeguard.read_as((SELECT oid FROM pg_roles WHERE rolname = lifeguard.reader_of(checked.on_table)),
                               format('SELECT to_jsonb(count(*)) FROM (SELECT FROM %s WHERE NOT (%s) LIMIT 1000) AS r', checked.on_table, checked.condition)) AS r;
    END IF;
    CONTINUE WHEN broken_by = 0 AND checked.convalidated;
    constraint_name := checked.conname;
    on_table := checked.on_table;
    validated := checked.convalidated;
    definition := checked.definition;
    listing := CASE WHEN broken_by > 0 THEN listing END;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION monitoring.verify_constraints(regclass) IS
'CHECK constraints, of one table or all, that rows break (however they came in; a thousand are counted at most), with the query that lists them, and constraints that are NOT VALID, also when no row breaks them. '
'Reads whole tables.';

-- What functions call columns of a table in their text: new and old in its trigger functions, an alias of it, its name, or a list of columns to insert.
CREATE FUNCTION lifeguard.columns_in_functions(relation regclass) RETURNS TABLE (function text, column_name text, as_written text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH named AS MATERIALIZED (
    SELECT c.relname, lifeguard.escape_pattern(c.relname) AS pattern FROM pg_class c WHERE c.oid = relation
  ), code AS MATERIALIZED (
    SELECT f.function AS oid, f.object, lower(lifeguard.code_of(f.source)) AS text,
           f.fires AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = f.function AND t.tgrelid = relation)
             AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = f.function AND t.tgrelid <> relation) AS fires_here
      FROM lifeguard.application_functions f, named
     WHERE f.language IN ('plpgsql', 'sql') AND NOT f.bound
       AND (f.source ~* ('\m' || named.pattern || '\M') OR f.fires AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = f.function AND t.tgrelid = relation))
  ), aliases AS (
    SELECT c.object, c.text, m[1] AS alias FROM code c, named, regexp_matches(c.text, '\m(?:from|join|update|into)\s+(?:[a-z_][a-z0-9_]*\.)?' || named.pattern || '\s+(?:as\s+)?([a-z_][a-z0-9_]*)', 'g') AS m
     WHERE m[1] NOT IN ('set', 'where', 'on', 'using', 'join', 'left', 'right', 'inner', 'full', 'cross', 'order', 'group', 'limit', 'values', 'select', 'for', 'loop', 'union', 'returning', 'natural', 'having', 'default')
    UNION
    SELECT c.object, c.text, named.relname::text FROM code c, named
    UNION
    SELECT c.object, c.text, row_name FROM code c, unnest('{new,old}'::text[]) AS row_name WHERE c.fires_here
  )
  SELECT DISTINCT a.object, m[1], a.alias || '.' || m[1] FROM aliases a, regexp_matches(a.text, '(?<![\w.])' || lifeguard.escape_pattern(a.alias) || '\.([a-z_][a-z0-9_]*)\M(?!\s*[(.])', 'g') AS m
  UNION
  SELECT c.object, btrim(item), btrim(item) FROM code c, named, regexp_matches(c.text, '\minsert\s+into\s+(?:[a-z_][a-z0-9_]*\.)?' || named.pattern || '\s*(?:as\s+[a-z_]+\s*)?\(([a-z0-9_,\s]+)\)', 'g') AS m,
         unnest(string_to_array(m[1], ',')) AS item
$$;
COMMENT ON FUNCTION lifeguard.columns_in_functions(regclass) IS
'The columns of a table that the texts of functions name, as far as a reader of text can tell: new and old in trigger functions of this table alone, its name or an alias before a dot, lists of INSERT.';

-- A table of the same name in another schema: what it has and this one has not. LIKE ... INCLUDING ALL takes along no foreign keys, triggers, policies or grants.
CREATE FUNCTION lifeguard.lost_since(relation regclass, earlier regclass) RETURNS TABLE (kind text, object text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH columns AS (
    SELECT a.attrelid, a.attname::text AS name, concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                                                          CASE WHEN d.adbin IS NOT NULL AND a.attgenerated = '' THEN 'with a default' END) AS says
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid IN (relation, earlier) AND a.attnum > 0 AND NOT a.attisdropped
  )
  SELECT 'column', format('%I %s', e.name, e.says), format('ALTER TABLE %s ADD COLUMN %I %s;', relation, e.name, regexp_replace(e.says, ' with a default', '')) FROM columns e
   WHERE e.attrelid = earlier AND NOT EXISTS (SELECT FROM columns n WHERE n.attrelid = relation AND n.name = e.name AND n.says = e.says)
  UNION ALL
  SELECT 'constraint', format('%I %s', c.conname, pg_get_constraintdef(c.oid)), format('ALTER TABLE %s ADD CONSTRAINT %I %s;', relation, c.conname, pg_get_constraintdef(c.oid)) FROM pg_constraint c
   WHERE c.conrelid = earlier AND c.contype IN ('c', 'f', 'p', 'u', 'x')
     AND NOT EXISTS (SELECT FROM pg_constraint n WHERE n.conrelid = relation AND n.contype = c.contype AND pg_get_constraintdef(n.oid) = pg_get_constraintdef(c.oid))
  UNION ALL
  SELECT 'index', i.indexrelid::regclass::text, regexp_replace(pg_get_indexdef(i.indexrelid), ' ON (ONLY )?\S+ USING', format(' ON %s USING', relation)) || ';' FROM pg_index i
   WHERE i.indrelid = earlier AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.conrelid = earlier)
     AND NOT EXISTS (SELECT FROM pg_index n WHERE n.indrelid = relation
                        AND regexp_replace(pg_get_indexdef(n.indexrelid), '^.* USING ', '') = regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '') AND n.indisunique = i.indisunique)
  UNION ALL
  SELECT 'trigger', t.tgname::text, regexp_replace(pg_get_triggerdef(t.oid), ' ON \S+ ', format(' ON %s ', relation)) || ';' FROM pg_trigger t
   WHERE t.tgrelid = earlier AND NOT t.tgisinternal AND NOT EXISTS (SELECT FROM pg_trigger n WHERE n.tgrelid = relation AND n.tgname = t.tgname)
  UNION ALL
  SELECT 'policy', p.polname::text, format('\d %s', earlier) FROM pg_policy p
   WHERE p.polrelid = earlier AND NOT EXISTS (SELECT FROM pg_policy n WHERE n.polrelid = relation AND n.polname = p.polname)
  UNION ALL
  SELECT 'row security', 'row security', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', relation) FROM pg_class e, pg_class n
   WHERE e.oid = earlier AND n.oid = relation AND e.relrowsecurity AND NOT n.relrowsecurity
  UNION ALL
  SELECT 'grant', format('%s to %s', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), r.name), format('GRANT %s ON %s TO %s;', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), relation, r.name)
    FROM pg_class e, aclexplode(e.relacl) AS a, LATERAL (SELECT coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC')) AS r(name)
   WHERE e.oid = earlier AND a.grantee <> e.relowner
     AND NOT EXISTS (SELECT FROM pg_class n, aclexplode(n.relacl) AS b WHERE n.oid = relation AND b.grantee = a.grantee AND b.privilege_type = a.privilege_type)
   GROUP BY r.name
  UNION ALL
  SELECT 'reference', format('%I of %s', c.conname, c.conrelid::regclass), format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %s;', c.conrelid::regclass, c.conname,
                                                                                    replace(pg_get_constraintdef(c.oid), 'REFERENCES ' || earlier::text, 'REFERENCES ' || relation::text))
    FROM pg_constraint c WHERE c.confrelid = earlier AND c.conrelid <> earlier AND c.contype = 'f' AND c.conparentid = 0
$$;
COMMENT ON FUNCTION lifeguard.lost_since(regclass, regclass) IS
'What an earlier table of the same name has and this one has not: columns, constraints, indexes, triggers, policies, row security, grants; and foreign keys that still refer to the earlier one.';

CREATE FUNCTION monitoring.test_schema_migration(relation regclass)
RETURNS TABLE (test text, object text, passed boolean, message text, remedy text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  tested  alias FOR $1;
  tests   constant text[] := '{columns,functions,constraints,indexes,sequences,triggers,rules,row security,access,earlier table}';
  problem record;
  failed  text[] := '{}';
  held    bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = tested AND c.relkind IN ('r', 'p')) THEN
    RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('%s is no table', coalesce(tested::text, 'NULL')), DETAIL = jsonb_build_object('relation', tested::text),
      HINT = 'Name a table, in quotes and with its schema: SELECT * FROM monitoring.test_schema_migration(''public.orders'');';
  END IF;

  FOR problem IN
    SELECT 'columns' AS test, c.function || ' ' || c.as_written AS object, format('%s names %s, and %s has no such column', c.function, c.as_written, tested) AS message, format('\sf %s', c.function) AS remedy
      FROM lifeguard.columns_in_functions(tested) AS c
     WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = tested AND NOT a.attisdropped AND lower(a.attname) = c.column_name)
    UNION ALL
    SELECT 'functions', f.object, f.message, f.details ->> 'remedy'
      FROM lifeguard.check_functions() AS f
     WHERE EXISTS (SELECT FROM pg_proc p WHERE p.oid = to_regprocedure(f.object)
                      AND (p.prosrc ~* ('\m' || (SELECT lifeguard.escape_pattern(relname) FROM pg_class WHERE oid = tested) || '\M')
                           OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgrelid = tested)))
    UNION ALL
    SELECT 'constraints', v.constraint_name, CASE WHEN v.broken_by > 0 THEN format('%s rows break %s', v.broken_by, v.constraint_name) ELSE format('%s is NOT VALID', v.constraint_name) END,
           coalesce(v.listing, format('ALTER TABLE %s VALIDATE CONSTRAINT %I;', tested, v.constraint_name))
      FROM monitoring.verify_constraints(tested) AS v
    UNION ALL
    SELECT 'constraints', r.constraint_name, format('%s rows of %s have %s without a row in %s', r.orphans, r.child, r.columns, r.parent), r.listing
      FROM monitoring.check_referential_integrity(tested) AS r WHERE r.validated OR r.child <> tested
    UNION ALL
    SELECT 'constraints', 'primary key', format('%s has no primary key', tested), format('ALTER TABLE %s ADD PRIMARY KEY (...);', tested)
     WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = tested AND c.contype = 'p')
    UNION ALL
    SELECT 'indexes', i.indexrelid::regclass::text, format('the index %s is invalid: it is kept up and never used', i.indexrelid::regclass), format('REINDEX INDEX CONCURRENTLY %s;', i.indexrelid::regclass)
      FROM pg_index i WHERE i.indrelid = tested AND NOT (i.indisvalid AND i.indisready)
    UNION ALL
    SELECT 'triggers', t.tgname::text, format('the trigger %I is disabled%s', t.tgname, CASE WHEN t.tgisinternal THEN ', and a foreign key is not watched' ELSE '' END),
           format('ALTER TABLE %s ENABLE TRIGGER %s;', tested, CASE WHEN t.tgisinternal THEN 'ALL' ELSE quote_ident(t.tgname) END)
      FROM pg_trigger t WHERE t.tgrelid = tested AND t.tgenabled IN ('D', 'R')
    UNION ALL
    SELECT 'rules', f.object, f.message, f.details ->> 'remedy' FROM (SELECT * FROM lifeguard.check_rules() UNION ALL SELECT * FROM lifeguard.check_rule_triggers() UNION ALL SELECT * FROM lifeguard.check_lifecycles()) AS f
     WHERE f.details ->> 'table' = tested::text
    UNION ALL
    SELECT 'row security', tested::text, 'it has policies, and row security is off: whoever may read the table reads every row', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', tested)
      FROM pg_class c WHERE c.oid = tested AND NOT c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = tested)
    UNION ALL
    SELECT 'row security', format('%s for %s', command.name, r.rolname),
           format('%I may %s %s, and no policy for that lets it at any row: it does nothing and says nothing', r.rolname, command.name, tested),
           format('CREATE POLICY ... ON %s FOR %s TO %I ...; or REVOKE %s', tested, command.name, r.rolname, command.name)
      FROM pg_class c, (VALUES ('SELECT', 'r'), ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd')) AS command(name, letter), pg_roles r
     WHERE c.oid = tested AND c.relrowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls AND r.oid <> c.relowner AND NOT pg_has_role(r.oid, c.relowner, 'USAGE') AND r.rolname !~ '^pg_'
       AND EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee = r.oid AND a.privilege_type = command.name)
       AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = tested AND p.polpermissive AND p.polcmd IN (command.letter::"char", '*')
                          AND (0 = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) AS given WHERE given <> 0 AND pg_has_role(r.oid, given, 'USAGE'))))
    UNION ALL
    SELECT 'earlier table', format('%s %s', l.kind, l.object),
           CASE l.kind WHEN 'reference' THEN format('the foreign key %s still refers to %s', l.object, e.oid::regclass) ELSE format('%s has the %s %s, and %s has not', e.oid::regclass, l.kind, l.object, tested) END, l.remedy
      FROM pg_class c JOIN pg_class e ON e.relname = c.relname AND e.oid <> c.oid AND e.relkind IN ('r', 'p') AND NOT e.relispartition
      JOIN lifeguard.application_relations r ON r.relation = e.oid, LATERAL lifeguard.lost_since(tested, e.oid) AS l
     WHERE c.oid = tested
  LOOP
    failed := failed || problem.test;
    RETURN QUERY SELECT problem.test, problem.object, false, problem.message, problem.remedy;
  END LOOP;

  -- numbers that a copied table has already, its sequence will give again
  FOR problem IN
    SELECT a.attname, s.sequence, q.increment_by > 0 AS climbs, q.last_value
      FROM pg_attribute a, LATERAL (SELECT pg_get_serial_sequence(tested::text, a.attname)) AS s(sequence), pg_sequences q
     WHERE a.attrelid = tested AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
       AND format('%I.%I', q.schemaname, q.sequencename)::regclass = s.sequence::regclass
  LOOP
    SELECT r::bigint INTO held FROM lifeguard.read_as((SELECT oid FROM pg_roles WHERE rolname = lifeguard.reader_of(tested)),
      format('SELECT to_jsonb(coalesce(%s(%I), 0)) FROM %s', CASE WHEN problem.climbs THEN 'max' ELSE 'min' END, problem.attname, tested)) AS r;
    IF problem.climbs AND held > coalesce(problem.last_value, 0) OR NOT problem.climbs AND held < coalesce(problem.last_value, 0) THEN
      failed := failed || 'sequences'::text;
      RETURN QUERY SELECT 'sequences'::text, problem.sequence, false, format('%I has %s already, and the sequence is at %s: inserts will fail', problem.attname, held, coalesce(problem.last_value::text, 'its start')),
                          format('SELECT setval(%L, %s);', problem.sequence, held);
    END IF;
  END LOOP;

  BEGIN
    FOR problem IN SELECT * FROM monitoring.access_changes(ARRAY[tested]) LOOP
      failed := failed || 'access'::text;
      RETURN QUERY SELECT 'access'::text, concat_ws(' ', problem.role_name, problem.persona, problem.command), false, problem.change, 'SELECT * FROM monitoring.explain_access(...); or monitoring.remember_access()'::text;
    END LOOP;
  EXCEPTION
    WHEN SQLSTATE 'LG312' OR SQLSTATE 'LG311' OR SQLSTATE 'LG310' OR insufficient_privilege THEN
      failed := failed || 'access'::text;
      RETURN QUERY SELECT 'access'::text, tested::text, NULL::boolean, SQLERRM, 'SELECT * FROM monitoring.remember_access(); before the next migration.'::text;
  END;

  RETURN QUERY SELECT t.name, tested::text, true, 'nothing found'::text, NULL::text FROM unnest(tests) WITH ORDINALITY AS t(name, n) WHERE t.name <> ALL (failed) ORDER BY t.n;
END $$;
COMMENT ON FUNCTION monitoring.test_schema_migration(regclass) IS
'What a migration may have broken of a table, a row each, and a row for each test that found nothing: columns that functions name and that are gone; functions that cannot run; constraints that are not valid or that '
'rows break; invalid indexes; sequences behind their column; disabled triggers; rules of ours that do not work; policies without row security, and rights without a policy; access that is not as remembered '
'(passed is null where nothing is); and what a table of the same name in another schema has and this one has not, as CREATE TABLE ... LIKE leaves behind. Reads the whole table. Raises 42809 (no table).';

REVOKE EXECUTE ON FUNCTION monitoring.check_referential_integrity(regclass), monitoring.verify_constraints(regclass), monitoring.test_schema_migration(regclass),
                           lifeguard.columns_in_functions(regclass), lifeguard.lost_since(regclass, regclass) FROM PUBLIC;
