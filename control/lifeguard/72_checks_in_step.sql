-- Rows whose columns are out of step: older than the rule, or written while it did not hold.

-- One row at a time, for tables with values that a rule's conversions refuse.
CREATE FUNCTION lifeguard.differs("row" anyelement, condition text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  answer boolean;
BEGIN
  EXECUTE format('SELECT %s FROM (SELECT ($1).*) AS new', condition) INTO answer USING "row";
  RETURN answer;
EXCEPTION WHEN data_exception OR integrity_constraint_violation OR feature_not_supported OR raise_exception THEN
  RETURN true;
END $$;
COMMENT ON FUNCTION lifeguard.differs(anyelement, text) IS
'Does a condition over new hold for a row, or fail for its values? For lifeguard.out_of_step().';

-- The query that counts them, in one scan: an array with an element for each rule, in the rules' order. Whether two values are the same is the type's to say, as
-- for the rule, whatever the path says: records compare so, and by their bytes where a type says nothing.
CREATE FUNCTION lifeguard.out_of_step_query(relation regclass, carefully boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH rules AS (
    SELECT r.position AS place, format('differs_%s', r.position) AS differs, r.definition ->> 'column' AS name, r.definition ->> 'twin' AS twin,
           coalesce(r.definition ->> 'value', r.definition ->> 'from_twin', format('new.%I', r.definition ->> 'twin')) AS value,
           coalesce(r.definition ->> 'to_twin', format('new.%I', r.definition ->> 'column')) AS twin_value
      FROM lifeguard.rules r
     WHERE r.kind IN ('keep_in_step', 'derive_column')
       AND (r.relation = out_of_step_query.relation OR r.relation IN (SELECT relid FROM pg_partition_ancestors(out_of_step_query.relation) AS a(relid)))
  ), sides AS (   -- a pair has two: what each column says in the other
    SELECT r.differs, s.name, s.value, format_type(a.atttypid, a.atttypmod) AS type, CASE WHEN lifeguard.has_equality(a.atttypid) THEN '=' ELSE '*=' END AS operator
      FROM rules r CROSS JOIN LATERAL (VALUES (r.name, r.value), (r.twin, r.twin_value)) AS s(name, value)
      JOIN pg_attribute a ON a.attrelid = out_of_step_query.relation AND a.attname = s.name AND a.attnum > 0 AND NOT a.attisdropped
  ), key AS (
    SELECT format('pg_catalog.jsonb_build_object(%s)', string_agg(format('%L, new.%I', a.attname, a.attname), ', ' ORDER BY u.place)) AS json
      FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS u(number, place)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number
     WHERE i.indrelid = out_of_step_query.relation AND i.indisprimary
  )
  SELECT format('SELECT pg_catalog.jsonb_build_array(%s) FROM %s AS new CROSS JOIN LATERAL (SELECT %s OFFSET 0) AS lifeguard_row',
           string_agg(format('pg_catalog.jsonb_build_array(%L::text, %L::text, count(*) FILTER (WHERE %I), min(pg_catalog.jsonb_build_object(''key'', %s, ''values'', pg_catalog.jsonb_build_object(%s)%s)::text COLLATE "C") FILTER (WHERE %I))',
                             r.name, r.twin, r.differs, coalesce((SELECT json FROM key), '''{}''::jsonb'),
                             format('%L, new.%I', r.name, r.name)
                             || CASE WHEN r.twin IS NULL THEN '' ELSE format(', %L, new.%I', r.twin, r.twin) END,
                             (SELECT format(E', ''expected'', CAST((%s\n) AS %s)', s.value, s.type) FROM sides s WHERE s.differs = r.differs AND r.twin IS NULL AND NOT carefully), r.differs), ', ' ORDER BY r.place),
           relation,
           string_agg(format(CASE WHEN carefully THEN 'lifeguard.differs(new.*, %1$L) AS %2$I' ELSE '%1$s AS %2$I' END, c.condition, r.differs), ', ' ORDER BY r.place))
    FROM rules r
    JOIN LATERAL (SELECT string_agg(format(E'NOT (ROW(new.%I)::record OPERATOR(pg_catalog.%s) ROW(CAST((%s\n) AS %s))::record)', s.name, s.operator, s.value, s.type), ' OR ') AS condition
                    FROM sides s WHERE s.differs = r.differs) AS c ON true
  HAVING count(*) > 0
$$;
COMMENT ON FUNCTION lifeguard.out_of_step_query(regclass, boolean) IS
'The query behind lifeguard.out_of_step(); null for a table without such rules. carefully: a value that cannot be converted is one that disagrees, which takes a statement a row.';

-- Texts in the expressions are read as the rules read them.
CREATE FUNCTION lifeguard.out_of_step(relation regclass) RETURNS TABLE (column_name name, twin name, rows bigint, example jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET intervalstyle = postgres SET standard_conforming_strings = on SET transform_null_equals = off AS $$
DECLARE
  carefully boolean;
  query     text;
  found     jsonb;
BEGIN
  FOREACH carefully IN ARRAY '{false,true}'::boolean[] LOOP
    query := lifeguard.out_of_step_query(relation, carefully);
    IF query IS NULL THEN
      RETURN;
    END IF;
    BEGIN
      IF has_function_privilege('lifeguard.read_as(oid, text, text)', 'EXECUTE') THEN
        SELECT r INTO found FROM lifeguard.read_as((SELECT c.relowner FROM pg_class c WHERE c.oid = relation), query) AS r;
      ELSE
        EXECUTE query INTO found;
      END IF;
      EXIT;
    EXCEPTION WHEN data_exception OR integrity_constraint_violation OR feature_not_supported OR raise_exception THEN
      IF carefully THEN
        RAISE;
      END IF;
    END;
  END LOOP;
  RETURN QUERY
    SELECT (f ->> 0)::name, (f ->> 1)::name, (f ->> 2)::bigint, (f ->> 3)::jsonb FROM jsonb_array_elements(found) AS f WHERE (f ->> 2)::bigint > 0;
END $$;
COMMENT ON FUNCTION lifeguard.out_of_step(regclass) IS
'The rows of a table in which columns that are kept in step disagree, or a derived one (twin null) is not what its expression says: for each such rule how many, and one of them: its primary key, the values, and what a derived one is expected to be. '
'A value that cannot be converted disagrees. Scans the table once (again, row by row, where there are such values), for a superuser as its owner, past row security, else with the caller''s own rights '
'and those rows that he sees. Raises 42501 (may not select).';

CREATE FUNCTION lifeguard.check_columns_in_step() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relation regclass;
BEGIN
  FOR relation IN
    SELECT DISTINCT r.relation FROM lifeguard.rules r JOIN pg_class c ON c.oid = r.relation WHERE r.kind IN ('keep_in_step', 'derive_column') AND c.relpersistence <> 't'
  LOOP
    BEGIN
      RETURN QUERY
        SELECT format('%s: %s', relation, concat_ws(' = ', quote_ident(o.column_name), quote_ident(o.twin))),
               format('%s: %s in %s of its rows', relation,
                      CASE WHEN o.twin IS NULL THEN format('%I is not what it is derived as', o.column_name) ELSE format('%I and %I disagree', o.column_name, o.twin) END, o.rows),
               jsonb_build_object('table', relation::text, 'column', o.column_name, 'twin', o.twin, 'rows', o.rows, 'example', o.example,
                                  'remedy', CASE WHEN o.twin IS NULL THEN format('UPDATE %s SET %I = %2$I;   -- each row that is updated follows', relation, o.column_name)
                                                 ELSE format('SELECT * FROM lifeguard.out_of_step(%L);   -- then write the column that is right', relation::text) END),
               'warning'::text
          FROM lifeguard.out_of_step(relation) AS o;
    EXCEPTION WHEN OTHERS THEN   -- a rule that does not work, say
      RETURN NEXT ROW(relation, format('the columns of %s cannot be compared: %s', relation, SQLERRM),
                      jsonb_build_object('table', relation::text, 'sqlstate', SQLSTATE, 'error', SQLERRM, 'remedy', format('SELECT * FROM lifeguard.out_of_step(%L);', relation::text)), NULL)::monitoring.finding;
    END;
  END LOOP;
END $$;

SELECT monitoring.add_check('columns_in_step', 'rules', 'warning', 'lifeguard.check_columns_in_step()',
                            'rows in which columns that are kept in step disagree, or a derived column is not what its expression says', 'SELECT * FROM lifeguard.out_of_step(''...'');');
