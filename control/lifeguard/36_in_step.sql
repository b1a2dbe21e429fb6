-- keep_in_step: columns that say the same thing. derive_column: a column that is what an expression says.

CREATE FUNCTION lifeguard.keep_in_step(relation regclass, column_name name, twin name, to_twin text DEFAULT NULL, from_twin text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF column_name IS NULL OR twin IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('keep_in_step of table %s names no two columns', relation);
  END IF;
  PERFORM lifeguard.add_rule(relation, 'before',
    json_build_object('kind', 'keep_in_step', 'column', column_name, 'twin', twin, 'to_twin', to_twin, 'from_twin', from_twin));
  PERFORM lifeguard.warn_of_later_triggers(relation, 'kept in step');
END $$;
COMMENT ON FUNCTION lifeguard.keep_in_step(regclass, name, name, text, text) IS
'Keeps two columns of a table in step that say the same thing: the one that an UPDATE changes, or that an INSERT gives another value than its default, decides, and the other follows. '
'to_twin: what new.column_name says in the twin''s type, from_twin the way back, each an immutable expression over that one column; NULL: the cast of an assignment. A column may have several twins, '
'a twin has none. Rows that give them different values raise LG017, values that one of them cannot hold LG018. Rows that are there stay as they are: lifeguard.out_of_step(). '
'Raises LG010 (no such column, a generated one, a state, one that is protected otherwise than the other, an expression that will not do), LG011 (kept in step already), 42804 (no such cast), 42501, and the parser''s errors.';

CREATE FUNCTION lifeguard.drop_in_step(relation regclass, column_name name, twin name) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.drop_rules(relation, 'before', jsonb_build_object('kind', 'keep_in_step', 'column', column_name, 'twin', twin))
$$;
COMMENT ON FUNCTION lifeguard.drop_in_step(regclass, name, name) IS
'Lets two columns say different things again. Raises LG012 when they are not kept in step by a rule that names them in this order.';

CREATE FUNCTION lifeguard.derive_column(relation regclass, column_name name, expression text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF column_name IS NULL OR expression IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('derive_column of table %s names no %s', relation, CASE WHEN column_name IS NULL THEN 'column' ELSE 'expression' END);
  END IF;
  PERFORM lifeguard.add_rule(relation, 'before', json_build_object('kind', 'derive_column', 'column', column_name, 'value', expression));
  PERFORM lifeguard.warn_of_later_triggers(relation, 'derived');
END $$;
COMMENT ON FUNCTION lifeguard.derive_column(regclass, name, text) IS
'Makes a column always what an immutable expression over new says, on INSERT and UPDATE, whatever the statement writes into it; it may use other derived columns that were declared before. '
'Rows that are there follow when they are updated: lifeguard.out_of_step(). '
'Raises LG010 (no such column, a generated one, a state, an expression that will not do), LG011 (another rule sets it), 42804 (the expression does not fit), 42501, and the parser''s errors.';

CREATE FUNCTION lifeguard.drop_derived_column(relation regclass, column_name name) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.drop_rules(relation, 'before', jsonb_build_object('kind', 'derive_column', 'column', column_name))
$$;
COMMENT ON FUNCTION lifeguard.drop_derived_column(regclass, name) IS
'Makes a derived column an ordinary one again. Raises LG012 when it is not derived.';

CREATE FUNCTION lifeguard.has_equality(type regtype) RETURNS boolean
LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_has_equality';
COMMENT ON FUNCTION lifeguard.has_equality(regtype) IS
'Does a type, or the type its domain is over, say by an equality of its own when two values are the same? json, xml and point do not.';
