-- protect_columns: columns that change only when a condition over old and new holds.

CREATE FUNCTION lifeguard.protected_columns(rules text[]) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_array_elements_text(rule -> 'columns')
    FROM unnest(rules) AS a(argument), lifeguard.read_rule(argument) AS r(rule)
   WHERE rule ->> 'kind' = 'protect_columns'
$$;
COMMENT ON FUNCTION lifeguard.protected_columns(text[]) IS
'The columns that the rules of a BEFORE trigger protect.';

CREATE FUNCTION lifeguard.warn_of_later_triggers(relation regclass, what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- triggers fire in the order of their names: row triggers (1) before (2) INSERT (4) or UPDATE (16)
  later constant text := (
    SELECT string_agg(quote_ident(t.tgname), ', ' ORDER BY t.tgname)
      FROM pg_trigger ours JOIN pg_trigger t ON t.tgrelid = ours.tgrelid AND t.tgname > ours.tgname
     WHERE ours.tgrelid = relation AND ours.tgfoid = 'lifeguard.before_row()'::regprocedure AND t.tgtype & 3 = 3 AND t.tgtype & 20 > 0 AND t.tgenabled <> 'D');
BEGIN
  IF later IS NOT NULL THEN
    RAISE WARNING USING MESSAGE = format('triggers of table %s that fire after its rules can still change what is %s: %s', relation, what, later),
      HINT = 'Rename them, so that they come before lifeguard''s.';
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.warn_of_later_triggers(regclass, text) IS
'A WARNING that names the BEFORE triggers of a table that fire after its rules, if there are any: they can change what is protected, derived or so.';

CREATE FUNCTION lifeguard.protect_columns(relation regclass, columns name[], allowed_when text DEFAULT NULL, message text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rules text[] := lifeguard.get_rules(relation, 'before');
  twice name;
BEGIN
  IF coalesce(cardinality(columns), 0) = 0 OR array_position(columns, NULL) IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('protect_columns of table %s names no column', relation),
      HINT = 'Name the columns, for example ''{role, is_paid}''.';
  END IF;
  SELECT name INTO twice
    FROM (SELECT unnest(columns)::text UNION ALL SELECT lifeguard.protected_columns(rules)) AS c(name)
   GROUP BY name HAVING count(*) > 1 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG011', MESSAGE = format('column %I of table %s is protected already', twice, relation),
      DETAIL = jsonb_build_object('table', relation::text, 'column', twice)::text,
      HINT = format('One condition holds for a column. SELECT lifeguard.drop_protected_columns(%L, %L); first.', relation::text, ARRAY[twice]);
  END IF;
  PERFORM lifeguard.add_rule(relation, 'before',
    json_build_object('kind', 'protect_columns', 'columns', columns, 'condition', allowed_when, 'message', message));
  PERFORM lifeguard.warn_of_later_triggers(relation, 'protected');
END $$;
COMMENT ON FUNCTION lifeguard.protect_columns(regclass, name[], text, text) IS
'Lets these columns change only when a condition over old and new is true; NULL: never. An INSERT that gives one another value than its default is a change '
'too; old is NULL then. Where a default cannot be told from a value that is given, the condition is asked for every new row, if there is one. Refused rows raise LG006, with the message if there is one. A column is protected once. '
'A WARNING names BEFORE triggers that fire after the rules, whose changes are not seen. '
'Raises LG010 (no such column, a generated one, none named), LG011 (protected already), 42501, and the parser''s errors.';

CREATE FUNCTION lifeguard.drop_protected_columns(relation regclass, columns name[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rules   text[] := lifeguard.get_rules(relation, 'before');
  present text[] := ARRAY(SELECT lifeguard.protected_columns(rules));
  gone    text[] := coalesce(columns::text[], present);
  unknown text[] := ARRAY(SELECT unnest(gone) EXCEPT SELECT unnest(present));
BEGIN
  IF gone = '{}' OR unknown <> '{}' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG012',
      MESSAGE = format('table %s protects no column%s', relation, ' ' || nullif(array_to_string(unknown, ', ', 'NULL'), '')),
      DETAIL = jsonb_build_object('table', relation::text, 'columns', unknown)::text,
      HINT = format('SELECT rule FROM lifeguard.rules WHERE relation = %L::regclass; lists its rules.', relation::text);
  END IF;
  PERFORM lifeguard.set_rules(relation, 'before', ARRAY(
    SELECT CASE WHEN rest IS NOT DISTINCT FROM rule -> 'columns' THEN argument ELSE jsonb_set(rule, '{columns}', rest)::text END
      FROM unnest(rules) WITH ORDINALITY AS a(argument, position), lifeguard.read_rule(argument) AS r(rule),
           LATERAL (SELECT CASE rule ->> 'kind' WHEN 'protect_columns' THEN (rule -> 'columns') - gone ELSE rule -> 'columns' END) AS c(rest)
     WHERE rest IS DISTINCT FROM '[]' ORDER BY position));
END $$;
COMMENT ON FUNCTION lifeguard.drop_protected_columns(regclass, name[]) IS
'Lets these columns of a table change again; NULL: all that are protected. Raises LG012 when one of them is not protected, or none is.';
