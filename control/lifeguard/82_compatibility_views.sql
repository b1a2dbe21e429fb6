-- Views that give a table another name, or other names to its columns: old clients go on as if nothing had been renamed.

CREATE TABLE lifeguard.renames (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation   regclass NOT NULL,
  old_schema name NOT NULL,
  old_name   name NOT NULL,
  view       regclass NOT NULL,
  at         timestamptz NOT NULL DEFAULT now(),
  by         text NOT NULL DEFAULT current_user
);
SELECT pg_extension_config_dump('lifeguard.renames', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = relation) AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = view)');
SELECT pg_extension_config_dump('lifeguard.renames_id_seq', '');
GRANT SELECT, INSERT, UPDATE, DELETE ON lifeguard.renames TO PUBLIC;
CREATE TRIGGER guard_register BEFORE INSERT OR UPDATE OR DELETE ON lifeguard.renames FOR EACH ROW EXECUTE FUNCTION lifeguard.guard_register();
COMMENT ON TABLE lifeguard.renames IS
'Tables that lifeguard.rename_table() or move_table() has given another name or schema: which one they had, and the view that has it now. '
'Written by these and undo_rename(); a row can be written and deleted by the owner of its table only.';

-- "view column" -> column of the table, in the view's order. An array of objects has an order of its own; an object has the table's.
CREATE FUNCTION lifeguard.columns_of_view(relation regclass, columns jsonb)
RETURNS TABLE (place bigint, view_column name, table_column name, attribute pg_attribute)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  IF columns IS NULL THEN
    RETURN QUERY SELECT row_number() OVER (ORDER BY a.attnum), a.attname, a.attname, a FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
    RETURN;
  END IF;
  IF jsonb_typeof(columns) = 'object' THEN
    columns := (SELECT coalesce(jsonb_agg(jsonb_build_object(c.key, c.value) ORDER BY a.attnum, c.key), '[]')
                  FROM jsonb_each(columns) AS c LEFT JOIN pg_attribute a ON a.attrelid = relation AND a.attname = c.value #>> '{}');
  END IF;
  IF jsonb_typeof(columns) <> 'array' OR columns = '[]' OR EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(columns) WHEN 'array' THEN columns END) AS e
                                                                    WHERE jsonb_typeof(e) <> 'object' OR (SELECT count(*) FROM jsonb_object_keys(CASE jsonb_typeof(e) WHEN 'object' THEN e END)) <> 1) THEN
    wrong := 'the columns are an object, or an array of objects with one key';
  ELSE
    SELECT min(CASE WHEN octet_length(c.key) NOT BETWEEN 1 AND 63 THEN format('%L is no name of a column', c.key)
                    WHEN a.attnum IS NULL THEN format('%s has no column %s', relation, coalesce(quote_ident(c.value #>> '{}'), 'NULL'))
                    WHEN n.times > 1 THEN format('the view''s column %I is there twice', c.key) END) INTO wrong
      FROM jsonb_array_elements(columns) AS e, jsonb_each(e) AS c
      LEFT JOIN pg_attribute a ON a.attrelid = relation AND a.attname = c.value #>> '{}' AND a.attnum > 0 AND NOT a.attisdropped,
      LATERAL (SELECT count(*) AS times FROM jsonb_array_elements(columns) AS o WHERE o ? c.key) AS n;
  END IF;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG533', MESSAGE = format('there can be no view of %s with these columns: %s', relation, wrong),
      DETAIL = jsonb_build_object('table', relation::text, 'columns', columns),
      HINT = 'Give the view''s names with the table''s: ''{"week_start": "week_start_date"}''; in an order of your own: ''[{"id": "id"}, {"week_start": "week_start_date"}]''.';
  END IF;
  RETURN QUERY
    SELECT e.place, c.key::name, a.attname, a
      FROM jsonb_array_elements(columns) WITH ORDINALITY AS e(column_pair, place), jsonb_each_text(e.column_pair) AS c
      JOIN pg_attribute a ON a.attrelid = relation AND a.attname = c.value AND a.attnum > 0 AND NOT a.attisdropped;
END $$;
COMMENT ON FUNCTION lifeguard.columns_of_view(regclass, jsonb) IS
'The columns of a view over a table: an object (in the table''s order) or an array of objects with one key, each the view''s name and the table''s; null for all under their own names. Raises LG533.';

CREATE FUNCTION lifeguard.grant_as_on(relation regclass, view regclass, columns jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner constant oid := (SELECT c.relowner FROM pg_class c WHERE c.oid = relation);
  given record;
BEGIN
  -- what default privileges have given
  FOR given IN SELECT DISTINCT coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') AS role FROM pg_class c, aclexplode(c.relacl) AS a WHERE c.oid = view AND a.grantee <> owner LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s', view, given.role);
  END LOOP;
  FOR given IN
    SELECT a.privilege_type AS privilege, '' AS columns, a.grantee, bool_or(a.is_grantable) AS grantable FROM pg_class c, aclexplode(c.relacl) AS a
     WHERE c.oid = relation AND a.grantee <> owner AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') GROUP BY a.privilege_type, a.grantee
    UNION ALL
    SELECT a.privilege_type, format('(%I)', v.view_column), a.grantee, bool_or(a.is_grantable) FROM lifeguard.columns_of_view(relation, columns) AS v, aclexplode((v.attribute).attacl) AS a
     WHERE a.grantee <> owner AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE') GROUP BY a.privilege_type, v.view_column, a.grantee
  LOOP
    EXECUTE format('GRANT %s %s ON %s TO %s%s', given.privilege, given.columns, view, coalesce(nullif(given.grantee, 0)::regrole::text, 'PUBLIC'), CASE WHEN given.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
  END LOOP;
END $$;
COMMENT ON FUNCTION lifeguard.grant_as_on(regclass, regclass, jsonb) IS
'Gives a view over a table the table''s grants of SELECT, INSERT, UPDATE and DELETE, those of columns too, with their grant options, and no other. All of them are granted by the owner.';

CREATE FUNCTION lifeguard.create_compatibility_view(view_name text, relation regclass, columns jsonb DEFAULT NULL) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place   text[];
  problem text;
  view    regclass;
  given   record;
  base    pg_class;
BEGIN
  PERFORM lifeguard.require_owner(relation, '{r,p,f}');
  SELECT c.* INTO base FROM pg_class c WHERE c.oid = relation;
  BEGIN
    place := parse_ident(view_name);
  EXCEPTION WHEN invalid_parameter_value THEN
    place := NULL;
  END;
  IF cardinality(place) = 1 THEN
    place := ARRAY[base.relnamespace::regnamespace::text] || place;
    place[1] := (SELECT n.nspname FROM pg_namespace n WHERE n.oid = base.relnamespace);
  END IF;
  problem := CASE
    WHEN cardinality(place) IS DISTINCT FROM 2 OR octet_length(place[2]) NOT BETWEEN 1 AND 63 THEN 'that is no name'
    WHEN NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = place[1]) THEN format('there is no schema %I', place[1])
    WHEN base.relpersistence = 't' THEN 'the table is temporary'
    WHEN EXISTS (SELECT FROM pg_class c WHERE c.relname = place[2] AND c.relnamespace = to_regnamespace(quote_ident(place[1]))) THEN 'there is a relation of that name already'
    WHEN EXISTS (SELECT FROM pg_type t WHERE t.typname = place[2] AND t.typnamespace = to_regnamespace(quote_ident(place[1])) AND t.typelem = 0) THEN 'there is a type of that name already' END;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG532', MESSAGE = format('there can be no view %s of %s: %s', coalesce(view_name, 'NULL'), relation, problem),
      DETAIL = jsonb_build_object('table', relation::text, 'view', view_name), HINT = 'Give a free name, qualified and quoted as in SQL: ''public."Order"''.';
  END IF;

  EXECUTE format('CREATE VIEW %I.%I (%s) WITH (security_invoker = true) AS SELECT %s FROM %s', place[1], place[2],
                 (SELECT string_agg(quote_ident(v.view_column), ', ' ORDER BY v.place) FROM lifeguard.columns_of_view(relation, columns) AS v),
                 (SELECT string_agg(quote_ident(v.table_column), ', ' ORDER BY v.place) FROM lifeguard.columns_of_view(relation, columns) AS v), relation);
  view := format('%I.%I', place[1], place[2]);
  IF base.relowner <> (SELECT c.relowner FROM pg_class c WHERE c.oid = view) THEN
    EXECUTE format('ALTER VIEW %s OWNER TO %s', view, base.relowner::regrole);
  END IF;
  PERFORM lifeguard.grant_as_on(relation, view, columns);
  -- through a view, the server asks for every column that the view has
  FOR given IN
    SELECT DISTINCT r.name FROM lifeguard.columns_of_view(relation, columns) AS v, aclexplode((v.attribute).attacl) AS a, LATERAL (SELECT coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC')) AS r(name)
     WHERE EXISTS (SELECT FROM lifeguard.columns_of_view(relation, columns) AS w WHERE NOT CASE a.grantee WHEN 0 THEN has_column_privilege('public', relation, (w.attribute).attnum, 'SELECT')
                                                                                                          ELSE has_column_privilege(a.grantee, relation, (w.attribute).attnum, 'SELECT') END)
     ORDER BY r.name
  LOOP
    RAISE WARNING USING ERRCODE = 'LG535', MESSAGE = format('%s has rights on some columns of %s only, and cannot use the view %s: that takes SELECT on all of its columns', given.name, relation, view),
      HINT = format('GRANT SELECT ON %s TO %s; or make a view of those columns for it.', relation, given.name);
  END LOOP;
  FOR given IN
    SELECT format('VIEW %s', view) AS object, obj_description(relation, 'pg_class') AS comment
    UNION ALL
    SELECT format('COLUMN %s.%I', view, v.view_column), col_description(relation, (v.attribute).attnum) FROM lifeguard.columns_of_view(relation, columns) AS v
  LOOP
    IF given.comment IS NOT NULL THEN
      EXECUTE format('COMMENT ON %s IS %L', given.object, given.comment);
    END IF;
  END LOOP;
  RETURN view;
END $$;
COMMENT ON FUNCTION lifeguard.create_compatibility_view(text, regclass, jsonb) IS
'Makes a view over a table through which everything goes as through the table, with the rights and policies of whoever uses it: security_invoker, updatable, with the table''s owner, grants and comments. '
'columns: the view''s names with the table''s, {"old": "new"} in the table''s order or [{"old": "new"}, ...] in this one; null: all. A name without a schema is in the table''s. Returns the view. '
'A WARNING (LG535) names roles with rights on some columns only: through a view the server asks for all of its columns. Only for the table''s owner. Raises LG532 (the name), LG533 (the columns), 42501, 42809 (no table).';

-- A rename of whatever kind, with the view that takes the old name.
CREATE FUNCTION lifeguard.rename_behind_view(relation regclass, schema_name name, new_name name) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old     record;
  problem text;
  view    regclass;
BEGIN
  PERFORM lifeguard.require_owner(relation, '{r,p,f}');
  IF (SELECT c.relkind <> 'f' FROM pg_class c WHERE c.oid = relation) THEN
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relation);   -- nobody is between the names
  END IF;
  SELECT n.nspname AS schema, c.relname AS name INTO old FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
  problem := CASE
    WHEN coalesce(schema_name, '') = '' OR coalesce(new_name, '') = '' THEN 'that is no name'
    WHEN NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = schema_name) THEN format('there is no schema %I', schema_name)
    WHEN (schema_name, new_name) = (old.schema, old.name) THEN 'that is its name'
    WHEN EXISTS (SELECT FROM pg_class c WHERE c.relname = new_name AND c.relnamespace = to_regnamespace(quote_ident(schema_name))) THEN 'there is a relation of that name already' END;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG532', MESSAGE = format('%s cannot become %s: %s', relation, coalesce(quote_ident(schema_name) || '.' || quote_ident(new_name), 'NULL'), problem),
      DETAIL = jsonb_build_object('table', relation::text, 'schema', schema_name, 'name', new_name), HINT = 'Give a free name in a schema that is there.';
  END IF;
  IF new_name <> old.name THEN
    EXECUTE format('ALTER TABLE %s RENAME TO %I', relation, new_name);
  END IF;
  IF schema_name <> old.schema THEN
    EXECUTE format('ALTER TABLE %s SET SCHEMA %I', relation, schema_name);
  END IF;
  view := lifeguard.create_compatibility_view(format('%I.%I', old.schema, old.name), relation);
  INSERT INTO lifeguard.renames (relation, old_schema, old_name, view) VALUES (relation, old.schema, old.name, view);
  RETURN view;
END $$;
COMMENT ON FUNCTION lifeguard.rename_behind_view(regclass, name, name) IS
'Gives a table another name and schema, and its old name to a compatibility view, which it returns. For tools; rename_table() and move_table() are for people. Raises LG532, 42501, 42809.';

CREATE FUNCTION lifeguard.rename_table(relation regclass, new_name name) RETURNS regclass
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.rename_behind_view(relation, (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation), new_name)
$$;
COMMENT ON FUNCTION lifeguard.rename_table(regclass, name) IS
'Renames a table and leaves a compatibility view under its old name, which it returns: see create_compatibility_view(). Remembered in lifeguard.renames, taken back by undo_rename(). '
'Only for the table''s owner, who may create in the schema. Raises LG532 (the name is taken, or its own), 42501, 42809 (no table).';

CREATE FUNCTION lifeguard.move_table(relation regclass, schema_name name) RETURNS regclass
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.rename_behind_view(relation, schema_name, (SELECT c.relname FROM pg_class c WHERE c.oid = relation))
$$;
COMMENT ON FUNCTION lifeguard.move_table(regclass, name) IS
'Moves a table, with its indexes and the sequences of its columns, to another schema, and leaves a compatibility view under its old name, which it returns. No row is copied. '
'Remembered in lifeguard.renames, taken back by undo_rename(). Only for the table''s owner, who may create in both schemas. Raises LG532 (no such schema, or the name is taken there), 42501, 42809 (no table).';

CREATE FUNCTION lifeguard.undo_rename(relation regclass) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  last lifeguard.renames;
  now  record;
  view pg_class;
BEGIN
  PERFORM lifeguard.require_owner($1, '{r,p,f}');
  DELETE FROM lifeguard.renames r WHERE r.id = (SELECT max(o.id) FROM lifeguard.renames o WHERE o.relation = $1) RETURNING r.* INTO last;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG534', MESSAGE = format('%s was not renamed by rename_table() or move_table()', $1), DETAIL = jsonb_build_object('table', $1::text),
      HINT = 'SELECT * FROM lifeguard.renames; lists those that were.';
  END IF;
  -- what has the old name now must be that view, else the name is somebody else's
  SELECT c.* INTO view FROM pg_class c WHERE c.oid = last.view;
  IF view.oid IS NOT NULL AND (view.relkind <> 'v' OR (view.relname, view.relnamespace) IS DISTINCT FROM (last.old_name, to_regnamespace(quote_ident(last.old_schema)))
                               OR view.relowner <> (SELECT c.relowner FROM pg_class c WHERE c.oid = $1))
     OR view.oid IS NULL AND NOT has_schema_privilege((SELECT c.relowner FROM pg_class c WHERE c.oid = $1), to_regnamespace(quote_ident(last.old_schema))::oid, 'CREATE') THEN
    RAISE EXCEPTION USING ERRCODE = 'LG534', MESSAGE = format('%s cannot become %I.%I again: the view there is no longer as it was made', $1, last.old_schema, last.old_name),
      DETAIL = jsonb_build_object('table', $1::text, 'view', last.view::text, 'was', format('%I.%I', last.old_schema, last.old_name)),
      HINT = format('Give the view %s its name and owner back; or DELETE FROM lifeguard.renames WHERE id = %s; and rename by hand.', last.view, last.id);
  END IF;
  IF view.oid IS NOT NULL THEN
    EXECUTE format('DROP VIEW %s', last.view);
  END IF;
  SELECT n.nspname AS schema, c.relname AS name INTO now FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1;
  IF now.schema <> last.old_schema THEN
    EXECUTE format('ALTER TABLE %s SET SCHEMA %I', $1, last.old_schema);
  END IF;
  IF now.name <> last.old_name THEN
    EXECUTE format('ALTER TABLE %s RENAME TO %I', $1, last.old_name);
  END IF;
  RETURN $1;
END $$;
COMMENT ON FUNCTION lifeguard.undo_rename(regclass) IS
'Takes a table''s last rename_table() or move_table() back: drops the view and gives the table its name and schema back; returns the table. '
'Only for the table''s owner. Raises LG534 (it was not renamed so, or the view was renamed, moved or given away), 2BP01 (something else depends on the view), 42501, 42809.';

GRANT EXECUTE ON FUNCTION lifeguard.columns_of_view(regclass, jsonb), lifeguard.grant_as_on(regclass, regclass, jsonb), lifeguard.create_compatibility_view(text, regclass, jsonb),
                          lifeguard.rename_behind_view(regclass, name, name), lifeguard.rename_table(regclass, name), lifeguard.move_table(regclass, name), lifeguard.undo_rename(regclass) TO PUBLIC;
