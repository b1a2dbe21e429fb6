-- keep_updated_at: the column that says when a row was last updated.

CREATE FUNCTION lifeguard.keep_updated_at(relation regclass, column_name name DEFAULT 'updated_at') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF column_name IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('keep_updated_at of table %s names no column', relation);
  END IF;
  IF EXISTS (SELECT FROM unnest(lifeguard.get_rules(relation, 'before')) AS a(argument) WHERE lifeguard.read_rule(argument) ->> 'kind' = 'keep_updated_at') THEN
    RAISE EXCEPTION USING ERRCODE = 'LG011', MESSAGE = format('table %s keeps the time of its updates already', relation);
  END IF;
  PERFORM lifeguard.add_rule(relation, 'before', json_build_object('kind', 'keep_updated_at', 'column', column_name));
END $$;
COMMENT ON FUNCTION lifeguard.keep_updated_at(regclass, name) IS
'Sets a column to now() on every UPDATE, whatever the statement says; any type that now() can be assigned to. Raises LG010 (no such column), LG011 (kept already), 42501.';

CREATE FUNCTION lifeguard.drop_updated_at(relation regclass) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.drop_rules(relation, 'before', '{"kind": "keep_updated_at"}')
$$;
COMMENT ON FUNCTION lifeguard.drop_updated_at(regclass) IS
'Stops keeping the time of a table''s updates. Raises LG012 when it is not kept.';
