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
  part      text NOT NULL DEFAULT 'adopt' CHECK (part IN ('adopt', 'policies', 'move')),   -- whose step: adopt()'s, replace_policies()'s, move_to_schemas()'s
  object    text NOT NULL,
  what      text NOT NULL,
  why       text NOT NULL,
  statement text,                  -- NULL: nothing was changed
  undo      text,                  -- NULL: nothing to take back
  done_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  done_by   text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE pull_up_club.adoption IS 'what pull_up_club.adopt(), replace_policies() and move_to_schemas() have done, step by step, and how release() takes each back';
SELECT pg_extension_config_dump('pull_up_club.adoption', '');
GRANT SELECT ON pull_up_club.adoption TO pg_monitor;

-- What is set aside while names change hands; empty outside of such a transaction.
CREATE TABLE pull_up_club.set_aside (
  relation       regclass PRIMARY KEY,
  view_statement text,
  before         text[],
  after          text[]
);
COMMENT ON TABLE pull_up_club.set_aside IS 'views and rules that are set aside in the course of move_to_schemas() and move_back()';

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

CREATE FUNCTION pull_up_club.policies_replaced(name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pull_up_club.adoption a WHERE a.part = 'policies' AND a.object = policies_replaced.name)
$$;
COMMENT ON FUNCTION pull_up_club.policies_replaced(text) IS 'whether replace_policies() has given the adopted table of this canonical name the club''s policies and grants';
REVOKE EXECUTE ON FUNCTION pull_up_club.policies_replaced(text) FROM PUBLIC;

-- An expression over canonical columns as one over a base table's; what is quoted stays.
CREATE FUNCTION pull_up_club.in_base_columns(expression text, columns jsonb, prefix text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(CASE WHEN token[1] IS NOT NULL AND columns ? token[1] THEN prefix || quote_ident(columns ->> token[1]) ELSE coalesce(token[1], token[2]) END, '' ORDER BY n)
    FROM regexp_matches(expression, '([a-z_][a-z_0-9]*)|(''[^'']*''|[^a-z_'']+|.)', 'g') WITH ORDINALITY AS t(token, n)
$$;
COMMENT ON FUNCTION pull_up_club.in_base_columns(text, jsonb, text) IS 'an expression of the blueprint, with the names that the columns have in an adopted table';

-- Who may write a column may write what is kept in step with it: old clients know only that.
CREATE FUNCTION pull_up_club.granted_on_base(columns text[], base regclass, club_columns jsonb) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT array_agg(column_name ORDER BY n, twin)
    FROM unnest(columns) WITH ORDINALITY AS c(canonical, n),
         LATERAL (SELECT coalesce(club_columns ->> canonical, canonical) AS own) AS o,
         LATERAL (SELECT own AS column_name, '' AS twin
                  UNION ALL
                  SELECT r.definition ->> 'twin', r.definition ->> 'twin' FROM lifeguard.rules r WHERE r.relation = base AND r.kind = 'keep_in_step' AND r.definition ->> 'column' = own) AS all_
$$;
COMMENT ON FUNCTION pull_up_club.granted_on_base(text[], regclass, jsonb) IS 'the columns of an adopted table that stand for these canonical ones, with those that are kept in step with them';

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

-- Whole numbers may be of another type there, and functions want theirs. In one go: a column may have another one's canonical name.
CREATE FUNCTION pull_up_club.row_on_base(expression text, home jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(CASE WHEN home -> 'columns' ? token[2]
                         THEN token[1] || quote_ident(home -> 'columns' ->> token[2])
                              || CASE WHEN pull_up_club.type_of((home ->> 'base')::regclass, home -> 'columns' ->> token[2]) IN ('smallint'::regtype, 'bigint'::regtype, 'numeric'::regtype) THEN '::int' ELSE '' END
                         ELSE concat(token[1], token[2], token[3]) END, '' ORDER BY n)
    FROM regexp_matches(expression, '(\m(?:new|old)\.)([a-z_][a-z_0-9]*)|([^no]+|.)', 'g') WITH ORDINALITY AS t(token, n)
$$;
COMMENT ON FUNCTION pull_up_club.row_on_base(text, jsonb) IS 'an expression over new and old of a canonical table as one over those of the table that was adopted for it';

-- A call of lifeguard's says all in its texts: tables, columns, arrays of columns, expressions.
CREATE FUNCTION pull_up_club.call_on_base(statement text, has_columns boolean, home jsonb, club jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(CASE WHEN token[1] IS NULL THEN token[2]
                         ELSE quote_literal(CASE WHEN club ? said THEN club -> said ->> 'base'
                                                 WHEN home -> 'columns' ? said THEN home -> 'columns' ->> said
                                                 WHEN has_columns AND said ~ '^\{.*\}$' THEN ARRAY(SELECT coalesce(home -> 'columns' ->> c, c) FROM unnest(said::text[]) WITH ORDINALITY AS e(c, place) ORDER BY place)::text
                                                 ELSE pull_up_club.row_on_base(said, home) END) END, '' ORDER BY n)
    FROM regexp_matches(statement, $re$(E?'(?:[^']|'')*')|([^'E]+|.)$re$, 'g') WITH ORDINALITY AS t(token, n),
         LATERAL (SELECT replace(CASE WHEN token[1] LIKE 'E%' THEN replace(substr(token[1], 3, length(token[1]) - 3), '\\', '\') ELSE substr(token[1], 2, length(token[1]) - 2) END, '''''', '''')) AS s(said)
$$;
COMMENT ON FUNCTION pull_up_club.call_on_base(text, boolean, jsonb, jsonb) IS 'a call that declares a rule on a canonical table as one for the table that was adopted for it; has_columns: its arrays are of columns';

-- What follows on the table of a CREATE INDEX, whatever that is called.
CREATE FUNCTION pull_up_club.indexed(statement text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT (regexp_match(statement, '^CREATE (?:UNIQUE )?INDEX \S+ ON (?:"(?:[^"]|"")+"|[^\s"])+ (.*)$'))[1] $$;
COMMENT ON FUNCTION pull_up_club.indexed(text) IS 'of a CREATE INDEX as the blueprint has it, or as on_base() makes it, what follows on the table';

-- A part of the blueprint as it is for an adopted club: on the base tables, with their columns. Queries inside of expressions go
-- on asking the canonical names.
CREATE FUNCTION pull_up_club.on_base(kind text, name text, statement text, club jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  home     constant text := pull_up_club.home_of(kind, name, statement);
  columns  constant jsonb := club -> home -> 'columns';
  relation text;
  base     text;
BEGIN
  IF kind = 'admins' AND club ? home THEN   -- the condition on who is one is an expression
    statement := replace(statement, '''is_active'')', quote_literal(pull_up_club.in_base_columns('is_active', columns)) || ')');
  END IF;
  IF kind IN ('rule', 'admins') THEN
    RETURN pull_up_club.call_on_base(statement, name LIKE 'protect_columns %', club -> home, club);
  ELSIF kind = 'index' AND club ? home THEN
    statement := replace(statement, pull_up_club.indexed(statement), pull_up_club.in_base_columns(pull_up_club.indexed(statement), columns));
  ELSIF kind = 'policy' THEN
    statement := (SELECT part[1] || pull_up_club.in_base_columns(part[2], columns) FROM regexp_match(statement, '^(.*? (?:USING|WITH CHECK) )(.*)$') AS part);
  ELSIF kind = 'constraint' THEN
    statement := (SELECT coalesce(part[1], statement) || concat(pull_up_club.in_base_columns(part[2], columns), part[3], pull_up_club.in_base_columns(part[5], club -> part[4] -> 'columns'), part[6])
                    FROM regexp_match(statement, '^(.* FOREIGN KEY )(\(.*?\))( REFERENCES (\S+) )(\(.*?\))(.*)$') AS part);
  ELSIF kind = 'grant' AND club ? home AND statement ~ '\) ON ' THEN
    statement := (SELECT format('%s(%s)%s', part[1], (SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                                                       FROM unnest(pull_up_club.granted_on_base(string_to_array(part[2], ', '), (club -> home ->> 'base')::regclass, columns))
                                                            WITH ORDINALITY AS g(c, n)), part[3])
                    FROM regexp_match(statement, '^(.*?)\((.*?)\)( ON .*)$') AS part);
  END IF;
  FOR relation, base IN SELECT key, replace(value ->> 'base', '\', '\\') FROM jsonb_each(club) LOOP
    statement := regexp_replace(statement, '\m(ON|TABLE|REFERENCES) ' || replace(relation, '.', '\.') || '\M', '\1 ' || base, 'g');
  END LOOP;
  RETURN statement;
END $$;
COMMENT ON FUNCTION pull_up_club.on_base(text, text, text, jsonb) IS
  'a statement of the blueprint with the base tables and columns of an adopted club (see adopted()) where it declares something on one of its tables';

-- The name that a rule of the blueprint has in lifeguard.rules, where columns stand unquoted but in expressions.
CREATE FUNCTION pull_up_club.rule_on_base(name text, club jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN rule LIKE 'guard %' THEN rule
              WHEN rule LIKE 'action %' THEN pull_up_club.row_on_base(rule, home)
              ELSE (SELECT string_agg(coalesce(home -> 'columns' ->> token[1], concat(token[1], token[2])), '' ORDER BY n)
                      FROM regexp_matches(rule, '([a-z_][a-z_0-9]*)|([^a-z_]+)', 'g') WITH ORDINALITY AS t(token, n)) END
    FROM (SELECT split_part(name, ' ON ', 1) AS rule, club -> split_part(name, ' ON ', 2) AS home) AS r
$$;
COMMENT ON FUNCTION pull_up_club.rule_on_base(text, jsonb) IS 'the name in lifeguard.rules of a rule that the blueprint calls `rule ON table`';

-- An index serves as one of the blueprint's when it has its name, or the same columns in the same order.
CREATE FUNCTION pull_up_club.index_on_base(statement text, base regclass) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT i.indexrelid::regclass
    FROM regexp_match(statement, '^CREATE (UNIQUE )?INDEX (\S+) ON ') AS wanted, pg_index i JOIN pg_class c ON c.oid = i.indexrelid
   WHERE i.indrelid = base AND i.indisvalid
     AND (c.relname = wanted[2] AND i.indpred IS NOT NULL   -- a condition is written in other words
          OR (i.indisunique OR wanted[1] IS NULL) AND (regexp_match(pg_get_indexdef(i.indexrelid), ' USING btree (.*)$'))[1] = pull_up_club.indexed(statement))
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
                                           OR c.contype = 'f' AND starts_with(pg_get_constraintdef(c.oid), substring(make FROM 'FOREIGN KEY .*? REFERENCES '))))
    WHEN 'trigger'    THEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = base AND t.tgname = split_part(name, ' ON ', 1))
    WHEN 'rule'       THEN EXISTS (SELECT FROM lifeguard.rules r WHERE r.relation = base
                                      AND pull_up_club.rule_on_base(name, club) IN (r.rule, format('guard %s -> %s: %s', coalesce(r.from_state, 'any'), r.to_state, r.message)))
    WHEN 'admins'     THEN EXISTS (SELECT FROM lifeguard.identity_sources s WHERE s.kind = 'admins' AND s.relation = base)
    WHEN 'security'   THEN (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = base)
    WHEN 'policy'     THEN EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = base AND p.polname = split_part(name, ' ON ', 1)) END
$$;
COMMENT ON FUNCTION pull_up_club.is_there_on(text, text, text, regclass, jsonb) IS 'whether a part of the blueprint is on the table that was adopted for it';
