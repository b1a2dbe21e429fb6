-- Reading expressions of policies. pg_get_expr() writes them in one spelling, with every name qualified (the readers pin the
-- search_path); what stands between quotes is set aside first, so that a literal or a name that looks like code is none.

-- In PL/pgSQL, which keeps its plans: there are thousands of expressions.
CREATE FUNCTION lifeguard.split_expression(expression text) RETURNS text[]
LANGUAGE plpgsql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(SELECT m[1] FROM regexp_matches(expression, $pattern$('(?:[^']|'')*'|"(?:[^"]|"")*"|[^'"]+)$pattern$, 'g') AS m);
END $$;
COMMENT ON FUNCTION lifeguard.split_expression(text) IS
'An SQL expression in pieces: literals, quoted names, and what is between them.';

-- Simple literals and names stay readable; of another one that names user metadata, that.
CREATE FUNCTION lifeguard.mask_literals(expression text) RETURNS text
LANGUAGE plpgsql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  pieces text[];
BEGIN
  IF expression !~ '[''"]' THEN
    RETURN expression;
  END IF;
  pieces := lifeguard.split_expression(expression);
  FOR i IN 1..cardinality(pieces) LOOP
    IF pieces[i] ~ '^[''"]' AND pieces[i] !~ $pattern$^('[\w.]*'|"[\w -]*")$$pattern$ THEN
      pieces[i] := format('%1$s$%2$s$%3$s%1$s', left(pieces[i], 1), i, substring(pieces[i] FROM '\m(?:raw_)?user_meta_?data\M'));
    END IF;
  END LOOP;
  RETURN array_to_string(pieces, '');
END $function$;
COMMENT ON FUNCTION lifeguard.mask_literals(text) IS
'The expression with its literals and quoted names numbered instead of written, but for those of letters, digits and dots. unmask_literals() takes it back.';

CREATE FUNCTION lifeguard.unmask_literals(masked text, expression text) RETURNS text
LANGUAGE plpgsql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pieces   text[];
  literals text[];
BEGIN
  IF masked !~ '[''"]\$' THEN
    RETURN masked;
  END IF;
  pieces := lifeguard.split_expression(masked);
  literals := lifeguard.split_expression(expression);
  FOR i IN 1..cardinality(pieces) LOOP
    IF pieces[i] ~ '^[''"]\$\d+\$' THEN
      pieces[i] := literals[substring(pieces[i] FROM '\d+')::int];
    END IF;
  END LOOP;
  RETURN array_to_string(pieces, '');
END $$;
COMMENT ON FUNCTION lifeguard.unmask_literals(text, text) IS
'What mask_literals() made of the expression, with the literals put back, also after changes between them.';

CREATE FUNCTION lifeguard.one_line(expression text) RETURNS text
LANGUAGE plpgsql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN strpos(expression, E'\n') = 0 THEN expression
              ELSE lifeguard.unmask_literals(regexp_replace(lifeguard.mask_literals(expression), '\s+', ' ', 'g'), expression) END;
END $$;
COMMENT ON FUNCTION lifeguard.one_line(text) IS
'The expression without line breaks, but for those within quotes.';

CREATE FUNCTION lifeguard.is_always_true(condition pg_node_tree) RETURNS boolean
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'lifeguard_is_always_true';
COMMENT ON FUNCTION lifeguard.is_always_true(pg_node_tree) IS
'Whether a condition of the catalog is true whatever the row and whoever asks: true, 1 = 1, true OR x, NOT false, (SELECT true). Only the server''s own immutable functions are evaluated; '
'one that fails is not true.';

CREATE FUNCTION lifeguard.remark(remark text) RETURNS text
LANGUAGE sql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN remark ~ '[\r\n]' THEN '' ELSE '   -- ' || remark END
$$;
COMMENT ON FUNCTION lifeguard.remark(text) IS
'The text as a comment behind a statement; nothing when a line break in it, of a name perhaps, would end the comment.';

CREATE FUNCTION lifeguard.policy_name(relname name, command text) RETURNS text
LANGUAGE sql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN octet_length(relname) > 48 THEN left(relname, 12) ELSE relname::text END || '_' || lower(command)
$$;
COMMENT ON FUNCTION lifeguard.policy_name(name, text) IS
'A name for a table''s policy for a command, short enough for what may be put behind it.';

CREATE FUNCTION lifeguard.escape_pattern(name text) RETURNS text
LANGUAGE sql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT regexp_replace(name, '[^[:alnum:]_ ]', '\\\&', 'g')
$$;
COMMENT ON FUNCTION lifeguard.escape_pattern(text) IS
'A regular expression that matches exactly this text.';

CREATE FUNCTION lifeguard.mentions(expression text, identifier text) RETURNS boolean
LANGUAGE plpgsql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN strpos(lower(expression), lower(identifier)) > 0
     AND expression ~* ('(?<![\w"$])' || lifeguard.escape_pattern(identifier) || '(?![\w"$(])');
END $$;
COMMENT ON FUNCTION lifeguard.mentions(text, text) IS
'Whether the identifier, quoted as SQL needs it, stands in the expression as a whole word.';

CREATE FUNCTION lifeguard.function_body(function oid) RETURNS text
LANGUAGE sql STRICT STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT regexp_replace(regexp_replace(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), '--[^\n]*', ' ', 'g'), '/\*.*?\*/', ' ', 'g')
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
   WHERE p.oid = function AND l.lanname IN ('sql', 'plpgsql')
$$;
COMMENT ON FUNCTION lifeguard.function_body(oid) IS
'The text of an SQL or PL/pgSQL function without its comments; null for other languages.';

-- Who asks, however it is spelled, becomes $uid: the helpers, the claims, the settings, the current user; casts and wrapping go.
CREATE FUNCTION lifeguard.normalize_expression(expression text, calls text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  cast_pattern constant text := '\(([\w.$"]+)\)::[a-z]+(?: varying)?(?:\[\])?';
  e text := regexp_replace(lifeguard.mask_literals(expression), '\s+', ' ', 'g');
BEGIN
  e := regexp_replace(e, '(?<![\w."$])(?:auth\.jwt|lifeguard\.claims)\(\)|current_setting\(''request\.jwt\.claims''(?:::text)?(?:, ?\w+)?\)', '$jwt', 'gi');
  e := regexp_replace(e, '(?<![\w."$])(?:auth\.(?:uid|email|user_organizations)|lifeguard\.(?:uid|email|tenant_id|organizations))\(\)|lifeguard\.claim\(''\w+''(?:::text)?\)'
                         '|current_setting\(''\w+\.[\w.]+''(?:::text)?(?:, ?\w+)?\)|(?<![\w."$])(?:current_user|session_user)(?![\w"$])', '$uid', 'gi');
  IF calls IS NOT NULL THEN
    e := regexp_replace(e, calls, '$uid', 'gi');
  END IF;
  IF strpos(e, '$jwt') > 0 THEN
    e := regexp_replace(e, 'nullif\(\$jwt, ?''''(?:::text)?\)', '$jwt', 'gi');
    e := regexp_replace(regexp_replace(e, '\(\$jwt\)::\w+', '$jwt', 'g'), '\$jwt::\w+', '$jwt', 'g');
    e := regexp_replace(e, '\( ?select \$jwt(?: as [\w"$]+)? ?\)', '$jwt', 'gi');
    FOR step IN 1..2 LOOP
      e := regexp_replace(e, '\(\$jwt -> ''\w+''(?:::text)?\)', '$jwt', 'g');
    END LOOP;
    e := regexp_replace(e, '\(?\$jwt ->> ''\w+''(?:::text)?\)?', '$uid', 'g');
  END IF;
  IF strpos(e, '$uid') = 0 THEN
    RETURN e;
  END IF;
  e := regexp_replace(e, 'nullif\(\$uid, ?''''(?:::text)?\)', '$uid', 'gi');
  FOR step IN 1..2 LOOP
    e := regexp_replace(regexp_replace(e, cast_pattern, '\1', 'g'), '(\$uid)::\w+', '\1', 'g');
    e := regexp_replace(e, '\( ?select (\$uid)(?: as [\w"$]+)? ?\)', '\1', 'gi');
  END LOOP;
  RETURN e;
END $$;
COMMENT ON FUNCTION lifeguard.normalize_expression(text, text) IS
'The expression with $uid wherever it asks who is asking; calls: a pattern of further functions that say so. Only to be searched, not to be run.';

CREATE FUNCTION lifeguard.compared_columns(normalized text) RETURNS text[]
LANGUAGE plpgsql STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  column_pattern constant text := '((?:[\w$.]|"[^"]+")+)';
BEGIN
  RETURN ARRAY(SELECT m[1] FROM regexp_matches(normalized, column_pattern || ' = (?:any \(+)?\$uid(?!\w)', 'gi') AS m WHERE strpos(normalized, '= $uid') > 0 OR normalized ~* '= any \(+\$uid'
               UNION SELECT m[1] FROM regexp_matches(normalized, '\$uid = ' || column_pattern, 'g') AS m WHERE strpos(normalized, '$uid = ') > 0
               UNION SELECT m[1] FROM regexp_matches(normalized, '(?:lifeguard\.(?:is_member|organization_role)|(?:lifeguard|auth)\.has_permission)\(' || column_pattern || '[,)]', 'g') AS m WHERE normalized ~ '(?:lifeguard|auth)\.');
END $$;
COMMENT ON FUNCTION lifeguard.compared_columns(text) IS
'The columns that an expression, normalized, compares with who is asking. In a policy the table''s own are unqualified, a sub-select''s qualified.';

CREATE FUNCTION lifeguard.alter_policy(name text, relation text, condition text, check_condition text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('ALTER POLICY %s ON %s', name, relation)
         || coalesce(' USING (' || condition || ')', '') || coalesce(' WITH CHECK (' || check_condition || ')', '') || ';'
$$;
COMMENT ON FUNCTION lifeguard.alter_policy(text, text, text, text) IS
'The statement that gives a policy these expressions; a null one stays as it is. Name and relation are quoted already.';
