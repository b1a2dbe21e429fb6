-- Where a club's tables are: under their canonical names, or where adopt() has found them. What adopt() did is kept here, each
-- step with the statement that takes it back.

CREATE TABLE pull_up_club.adopted_tables (
  name    text PRIMARY KEY,        -- the canonical name: a view
  base    regclass NOT NULL,       -- the table that was there
  columns jsonb NOT NULL           -- its columns, by their canonical names
);
COMMENT ON TABLE pull_up_club.adopted_tables IS 'the tables that pull_up_club.adopt() has taken in, and the names of their columns there';
SELECT pg_extension_config_dump('pull_up_club.adopted_tables', '');
GRANT SELECT ON pull_up_club.adopted_tables TO PUBLIC;

CREATE TABLE pull_up_club.adoption (
  step      int PRIMARY KEY,
  object    text NOT NULL,
  what      text NOT NULL,
  why       text NOT NULL,
  statement text,                  -- NULL: nothing was changed
  undo      text,                  -- NULL: nothing to take back
  done_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  done_by   text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE pull_up_club.adoption IS 'what pull_up_club.adopt() has done, step by step, and how release() takes each back';
SELECT pg_extension_config_dump('pull_up_club.adoption', '');
GRANT SELECT ON pull_up_club.adoption TO pg_monitor;

CREATE FUNCTION pull_up_club.adopted() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(name, jsonb_build_object('base', base, 'columns', columns)), '{}') FROM pull_up_club.adopted_tables
$$;
COMMENT ON FUNCTION pull_up_club.adopted() IS 'the adopted tables as {canonical name: {base, columns: {canonical column: column}}}; {} in a club that install() made';

CREATE FUNCTION pull_up_club.base_of(name text) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT a.base FROM pull_up_club.adopted_tables a JOIN pg_class c ON c.oid = a.base WHERE a.name = base_of.name), to_regclass(name))
$$;
COMMENT ON FUNCTION pull_up_club.base_of(text) IS 'the table that has the rows of this canonical name: the adopted one, or the one of that name; NULL without one';

CREATE FUNCTION pull_up_club.make_good() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN EXISTS (SELECT FROM pull_up_club.adopted_tables) THEN 'SELECT * FROM pull_up_club.adopt(dry_run => false);' ELSE 'SELECT pull_up_club.install();' END
$$;
COMMENT ON FUNCTION pull_up_club.make_good() IS 'the statement that makes what the club lacks, for a finding''s remedy';

CREATE FUNCTION pull_up_club.home_of(kind text, name text, make text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE kind WHEN 'index' THEN (regexp_match(make, ' ON (\S+) '))[1]
                   WHEN 'grant' THEN (regexp_match(name, ' ON (\S+) TO '))[1]
                   WHEN 'constraint' THEN split_part(name, ' ON ', 2)
                   WHEN 'trigger' THEN split_part(name, ' ON ', 2)
                   WHEN 'rule' THEN split_part(name, ' ON ', 2)
                   WHEN 'policy' THEN split_part(name, ' ON ', 2)
                   ELSE name END
$$;
COMMENT ON FUNCTION pull_up_club.home_of(text, text, text) IS 'the canonical table that a part of the blueprint is on; other parts'' own names';

CREATE FUNCTION pull_up_club.type_of(base regclass, column_name text) RETURNS regtype
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END::regtype
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = base AND a.attname = column_name AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION pull_up_club.type_of(regclass, text) IS 'the type of a column, below a domain';

-- Whole numbers may be of another type there, and functions want theirs.
CREATE FUNCTION pull_up_club.row_on_base(expression text, home jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was    text;
  is_now text;
  cast_  text;
BEGIN
  FOR was, is_now IN SELECT key, value FROM jsonb_each_text(home -> 'columns') LOOP
    cast_ := CASE WHEN pull_up_club.type_of((home ->> 'base')::regclass, is_now) IN ('smallint'::regtype, 'bigint'::regtype, 'numeric'::regtype) THEN '::int' ELSE '' END;
    CONTINUE WHEN was = is_now AND cast_ = '';
    expression := regexp_replace(expression, '\m(new|old)\.' || was || '\M', '\1.' || replace(quote_ident(is_now), '\', '\\') || cast_, 'g');
  END LOOP;
  RETURN expression;
END $$;
COMMENT ON FUNCTION pull_up_club.row_on_base(text, jsonb) IS 'an expression over new and old of a canonical table as one over those of the table that was adopted for it';

-- A part of the blueprint as it is for an adopted club: on the base tables, with their columns. Queries inside of expressions go
-- on asking the canonical names.
CREATE FUNCTION pull_up_club.on_base(kind text, name text, statement text, club jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  home     constant text := pull_up_club.home_of(kind, name, statement);
  relation text;
  base     text;
  was      text;
  is_now   text;
BEGIN
  IF kind = 'rule' THEN
    statement := pull_up_club.row_on_base(statement, club -> home);
  END IF;
  FOR was, is_now IN
    SELECT key, value FROM jsonb_each_text(club -> home -> 'columns') WHERE key <> value AND kind IN ('rule', 'admins', 'index')
  LOOP
    statement := CASE WHEN kind = 'index' THEN regexp_replace(statement, '\m' || was || '\M(?=[^.]*$)', replace(quote_ident(is_now), '\', '\\'), 'g')
                      ELSE regexp_replace(statement, $re$(?<!')'$re$ || was || $re$'(?!')$re$, replace(quote_literal(is_now), '\', '\\'), 'g') END;
    IF name LIKE 'protect_columns %' THEN
      statement := regexp_replace(statement, '(\{|, )' || was || '(?=,|\})', '\1' || replace(quote_ident(is_now), '\', '\\'), 'g');
    END IF;
  END LOOP;
  FOR relation, base IN SELECT key, replace(value ->> 'base', '\', '\\') FROM jsonb_each(club) LOOP
    statement := regexp_replace(statement, '\m(ON|TABLE|REFERENCES) ' || replace(relation, '.', '\.') || '\M', '\1 ' || base, 'g');
    IF kind IN ('rule', 'admins') THEN
      statement := replace(statement, quote_literal(relation), quote_literal(club -> relation ->> 'base'));
    END IF;
  END LOOP;
  RETURN statement;
END $$;
COMMENT ON FUNCTION pull_up_club.on_base(text, text, text, jsonb) IS
  'a statement of the blueprint with the base tables and columns of an adopted club (see adopted()) where it declares something on one of its tables';

-- The name that a rule of the blueprint has in lifeguard.rules.
CREATE FUNCTION pull_up_club.rule_on_base(name text, club jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  home   constant jsonb := club -> split_part(name, ' ON ', 2);
  rule   text := split_part(name, ' ON ', 1);
  was    text;
  is_now text;
BEGIN
  IF rule LIKE 'guard %' THEN
    RETURN rule;
  ELSIF rule LIKE 'action %' THEN
    RETURN pull_up_club.row_on_base(rule, home);
  END IF;
  FOR was, is_now IN SELECT key, value FROM jsonb_each_text(home -> 'columns') WHERE key <> value LOOP
    rule := regexp_replace(rule, '\m' || was || '\M', replace(is_now, '\', '\\'), 'g');
  END LOOP;
  RETURN rule;
END $$;
COMMENT ON FUNCTION pull_up_club.rule_on_base(text, jsonb) IS 'the name in lifeguard.rules of a rule that the blueprint calls `rule ON table`';

-- An index serves as one of the blueprint's when it has its name, or the same columns in the same order.
CREATE FUNCTION pull_up_club.index_on_base(statement text, base regclass) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT i.indexrelid::regclass
    FROM regexp_match(statement, '^CREATE (UNIQUE )?INDEX (\S+) ON \S+ (.*)$') AS wanted, pg_index i JOIN pg_class c ON c.oid = i.indexrelid
   WHERE i.indrelid = base AND i.indisvalid
     AND (c.relname = wanted[2] OR (i.indisunique OR wanted[1] IS NULL) AND (regexp_match(pg_get_indexdef(i.indexrelid), ' USING btree (.*)$'))[1] = wanted[3])
   ORDER BY c.relname = wanted[2] DESC LIMIT 1
$$;
COMMENT ON FUNCTION pull_up_club.index_on_base(text, regclass) IS 'the index of a table that serves as the one a CREATE INDEX of the blueprint would make; NULL without one';

-- Whether a part of the blueprint is on the table that stands for the club's. `make` is the statement as on_base() gives it.
CREATE FUNCTION pull_up_club.is_there_on(kind text, name text, make text, base regclass, club jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE kind
    WHEN 'index'      THEN pull_up_club.index_on_base(make, base) IS NOT NULL
                           OR EXISTS (SELECT FROM lifeguard.introduced_constraints i WHERE i.relation = base AND i.constraint_name = split_part(name, '.', 2))
    WHEN 'constraint' THEN EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = base
                                      AND (c.conname = split_part(name, ' ON ', 1)
                                           OR c.contype = 'f' AND pg_get_constraintdef(c.oid) LIKE substring(make FROM 'FOREIGN KEY \([^)]*\)') || '%'))
    WHEN 'trigger'    THEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = base AND t.tgname = split_part(name, ' ON ', 1))
    WHEN 'rule'       THEN EXISTS (SELECT FROM lifeguard.rules r WHERE r.relation = base
                                      AND pull_up_club.rule_on_base(name, club) IN (r.rule, format('guard %s -> %s: %s', coalesce(r.from_state, 'any'), r.to_state, r.message)))
    WHEN 'admins'     THEN EXISTS (SELECT FROM lifeguard.identity_sources s WHERE s.kind = 'admins' AND s.relation = base)
    WHEN 'security'   THEN (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = base)
    WHEN 'policy'     THEN EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = base AND p.polname = split_part(name, ' ON ', 1)) END
$$;
COMMENT ON FUNCTION pull_up_club.is_there_on(text, text, text, regclass, jsonb) IS 'whether a part of the blueprint is on the table that was adopted for it';
