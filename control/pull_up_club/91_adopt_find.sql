-- Finding a club: which table is which, and which column. Nothing is changed here, and nothing is guessed: of two that could be
-- meant the caller says which.

CREATE TYPE pull_up_club.found_column AS (
  column_name text,                -- canonical
  base_column text,                -- in the table as it is; for one that is missing, the name that it will get
  how         text,                -- used | converted | missing | twin
  why         text,
  other       text,                -- converted: the column that it is made of, and kept in step with
  from_base   text,                -- converted and twin: how one is made of the other, as expressions over new
  to_base     text,
  differs     bigint,              -- twin: rows in which it says something else
  problem     text                 -- why it cannot be adopted so
);

CREATE FUNCTION pull_up_club.check_mapping(mapping jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  problem text;
BEGIN
  IF mapping IS NULL OR jsonb_typeof(mapping) <> 'object' THEN
    problem := 'the mapping is no JSON object';
  ELSE
    SELECT coalesce(
      (SELECT format('the mapping names %s, which is no table of the club''s', key) FROM jsonb_object_keys(mapping) AS key
        WHERE key NOT IN (SELECT name FROM pull_up_club.table_marks) ORDER BY key LIMIT 1),
      (SELECT format('the mapping of %s is no JSON object', key) FROM jsonb_each(mapping) WHERE jsonb_typeof(value) <> 'object' ORDER BY key LIMIT 1),
      (SELECT format('the mapping of %s names %s, which is no column of it', t.key, c.key)
         FROM jsonb_each(mapping) AS t, jsonb_each(CASE jsonb_typeof(t.value) WHEN 'object' THEN t.value END) AS c
        WHERE c.key NOT IN ('table', 'ignore', 'keep_triggers')
          AND c.key NOT IN (SELECT k.column_name FROM pull_up_club.canonical_columns k WHERE k.name = t.key) ORDER BY 1 LIMIT 1),
      (SELECT format('the mapping of %s has for %s no %s', t.key, c.key, CASE WHEN c.key IN ('ignore', 'keep_triggers') THEN 'array of names' ELSE 'name' END)
         FROM jsonb_each(mapping) AS t, jsonb_each(CASE jsonb_typeof(t.value) WHEN 'object' THEN t.value END) AS c
        WHERE jsonb_typeof(c.value) <> CASE WHEN c.key IN ('ignore', 'keep_triggers') THEN 'array' ELSE 'string' END
           OR jsonb_typeof(c.value) = 'array' AND jsonb_path_exists(c.value, '$[*] ? (@.type() != "string")') ORDER BY 1 LIMIT 1)) INTO problem;
  END IF;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG123', MESSAGE = 'UNKNOWN_MAPPING: ' || problem,
      DETAIL = jsonb_build_object('mapping', mapping),
      HINT = 'For instance {"finance.weekly_pools": {"table": "public.pools", "total_amount_dollars": "prize", "ignore": ["start_date"]}}. '
             'SELECT * FROM pull_up_club.canonical_columns; lists the columns.';
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.check_mapping(jsonb) IS 'part of adopt(): LG123 UNKNOWN_MAPPING for a mapping that names what there is not';

CREATE FUNCTION pull_up_club.names_of(name text, column_name text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY[coalesce($2, split_part($1, '.', 2))]
      || ARRAY(SELECT k.other_name FROM pull_up_club.known_names k WHERE k.name = $1 AND k.column_name IS NOT DISTINCT FROM $2 ORDER BY k.place)
$$;
COMMENT ON FUNCTION pull_up_club.names_of(text, text) IS 'the names under which a table (column NULL) or a column of the club''s is known, its canonical one first';

CREATE FUNCTION pull_up_club.has_column(base regclass, names text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = base AND a.attname = ANY (names) AND a.attnum > 0 AND NOT a.attisdropped)
$$;
COMMENT ON FUNCTION pull_up_club.has_column(regclass, text[]) IS 'whether a table has a column of one of these names';

CREATE FUNCTION pull_up_club.has_rows(base regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  answer boolean;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT FROM %s)', base) INTO answer;
  RETURN answer;
END $$;
COMMENT ON FUNCTION pull_up_club.has_rows(regclass) IS 'whether a table has rows';
REVOKE EXECUTE ON FUNCTION pull_up_club.has_rows(regclass) FROM PUBLIC;

CREATE FUNCTION pull_up_club.candidates(name text, source name) RETURNS regclass[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(c.oid::regclass ORDER BY array_position(n.names, c.relname::text)), '{}')
    FROM pull_up_club.table_marks m, LATERAL (SELECT pull_up_club.names_of(m.name, NULL)) AS n(names), pg_class c
   WHERE m.name = candidates.name AND c.relnamespace = to_regnamespace(quote_ident(source)) AND c.relname = ANY (n.names) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
     AND NOT EXISTS (SELECT FROM unnest(m.has) AS h WHERE NOT pull_up_club.has_column(c.oid, pull_up_club.names_of(m.name, h)))
     AND NOT EXISTS (SELECT FROM unnest(m.lacks) AS l WHERE pull_up_club.has_column(c.oid, ARRAY[l]))
$$;
COMMENT ON FUNCTION pull_up_club.candidates(text, name) IS 'the tables of a schema that have a name and the columns of this table of the club''s, the likeliest first';

CREATE FUNCTION pull_up_club.find_table(name text, source name, mapping jsonb, OUT base regclass, OUT why text, OUT problem text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted constant text := mapping -> name ->> 'table';
  found  regclass[];
  full_ones regclass[];
BEGIN
  IF wanted IS NOT NULL THEN
    BEGIN
      base := to_regclass(wanted);
    EXCEPTION WHEN syntax_error OR invalid_name OR feature_not_supported THEN   -- it is no name with a schema, but may be one of the schema
      base := NULL;
    END;
    base := coalesce(base, to_regclass(format('%I.%I', source, wanted)));
    why := 'the mapping says so';
    IF base IS NULL OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = base AND c.relkind IN ('r', 'p')) THEN
      problem := format('the mapping says that it is %s, and there is no such table', wanted);
      base := NULL;
    END IF;
    RETURN;
  END IF;
  found := pull_up_club.candidates(name, source);
  base := found[1];
  why := CASE WHEN base IS NULL THEN 'no table has its name and its columns' ELSE 'it has the name and the columns' END;
  IF cardinality(found) > 1 THEN
    full_ones := ARRAY(SELECT f FROM unnest(found) AS f WHERE has_table_privilege(f, 'SELECT') AND pull_up_club.has_rows(f));
    IF cardinality(full_ones) > 1 THEN
      problem := format('%s could be it', array_to_string(full_ones, ' and '));
    ELSE
      base := coalesce(full_ones[1], base);
      why := format('of %s it is the one that has rows or comes first', array_to_string(found, ' and '));
    END IF;
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.find_table(text, name, jsonb) IS
  'the table of a schema that is the club''s of this canonical name, and why; problem: why it cannot be told';
REVOKE EXECUTE ON FUNCTION pull_up_club.find_table(text, name, jsonb) FROM PUBLIC;

-- direct: the view shows the column as it is. convert: a column of the club's type goes beside it.
CREATE FUNCTION pull_up_club.fits(base_type oid, wanted regtype) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN t.oid = wanted THEN 'direct'
              WHEN wanted = 'text'::regtype AND t.typtype IN ('b', 'e') AND t.typcategory IN ('S', 'E') AND t.oid <> 'name'::regtype THEN 'direct'
              WHEN wanted = 'int'::regtype AND t.oid IN ('smallint'::regtype, 'bigint'::regtype, 'numeric'::regtype) THEN 'direct'
              WHEN wanted = 'date'::regtype AND t.oid IN ('timestamptz'::regtype, 'timestamp'::regtype)
                OR wanted = 'timestamptz'::regtype AND t.oid IN ('timestamp'::regtype, 'date'::regtype)
                OR wanted = 'jsonb'::regtype AND t.oid = 'json'::regtype THEN 'convert' END
    FROM pg_type t WHERE t.oid = base_type
$$;
COMMENT ON FUNCTION pull_up_club.fits(oid, regtype) IS 'how a column of one type serves as the club''s of another: direct, convert, or NULL for not at all';

-- Expressions over new that make the canonical column of the other and the other way round. A day may be stored as a moment of it, or
-- after it: `shift` is how long after its beginning.
CREATE FUNCTION pull_up_club.conversion(base_type regtype, wanted regtype, base_column text, column_name text, shift interval, OUT from_base text, OUT to_base text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  zone  constant text := quote_literal((SELECT time_zone FROM pull_up_club.settings));
  b     constant text := 'new.' || quote_ident(base_column);
  c     constant text := 'new.' || quote_ident(column_name);
  local constant text := CASE base_type WHEN 'timestamptz'::regtype THEN format('(%s AT TIME ZONE %s)', b, zone) ELSE b END;
  day   constant text := CASE WHEN shift = interval '0' THEN format('%s::timestamp', c) ELSE format('(%s::timestamp + interval %L)', c, shift) END;
BEGIN
  IF wanted = 'date'::regtype THEN
    from_base := CASE WHEN shift = interval '0' THEN format('%s::date', local) ELSE format('(%s - interval %L)::date', local, shift) END;
    to_base := CASE base_type WHEN 'timestamptz'::regtype THEN format('%s AT TIME ZONE %s', day, zone) ELSE day END;
  ELSIF wanted = 'timestamptz'::regtype THEN
    from_base := CASE base_type WHEN 'timestamp'::regtype THEN format('%s AT TIME ZONE %s', b, zone) ELSE format('%s::timestamp AT TIME ZONE %s', b, zone) END;
    to_base := CASE base_type WHEN 'timestamp'::regtype THEN format('%s AT TIME ZONE %s', c, zone) ELSE format('(%s AT TIME ZONE %s)::date', c, zone) END;
  ELSE
    from_base := format('%s::%s', b, wanted);
    to_base := format('%s::%s', c, base_type);
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.conversion(regtype, regtype, text, text, interval) IS 'the expressions by which adopt() keeps a column and one of another type in step';

CREATE FUNCTION pull_up_club.local_time_of(base regclass, column_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE pull_up_club.type_of(base, column_name) WHEN 'timestamptz'::regtype THEN format('(%I AT TIME ZONE %L)', column_name, (SELECT time_zone FROM pull_up_club.settings)) ELSE quote_ident(column_name) END
$$;
COMMENT ON FUNCTION pull_up_club.local_time_of(regclass, text) IS 'an expression for a column''s moment by the club''s clock';

-- A week that ends with its last second or with the next Monday ends with its Sunday; what all rows have in common is kept.
CREATE FUNCTION pull_up_club.day_shift(base regclass, column_name text, start_column text) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  local constant text := pull_up_club.local_time_of(base, column_name);
  shift interval := interval '0';
BEGIN
  EXECUTE format('SELECT CASE WHEN count(DISTINCT (%1$s)::time) = 1 THEN min((%1$s)::time)::interval ELSE interval ''0'' END FROM %2$s WHERE %3$I IS NOT NULL', local, base, column_name) INTO shift;
  IF start_column <> column_name THEN
    EXECUTE format('SELECT CASE WHEN bool_and(%s - %s >= interval ''7 days'') THEN $1 + interval ''1 day'' ELSE $1 END FROM %s', pull_up_club.local_time_of(base, column_name),
                   pull_up_club.local_time_of(base, start_column), base) INTO shift USING shift;   -- by the clock: a week in spring has an hour less
  END IF;
  RETURN shift;
END $$;
COMMENT ON FUNCTION pull_up_club.day_shift(regclass, text, text) IS 'how long after the beginning of its day a table''s column has the moment that stands for the day, in all rows; 0 when they differ';
REVOKE EXECUTE ON FUNCTION pull_up_club.day_shift(regclass, text, text) FROM PUBLIC;

CREATE FUNCTION pull_up_club.count_differences(base regclass, first text, second text, OUT rows bigint, OUT example text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('SELECT count(*), (min(ARRAY[%2$s::text, %3$s::text]))::text FROM %1$s WHERE %2$s IS DISTINCT FROM %3$s', base, first, second) INTO rows, example;
EXCEPTION WHEN undefined_function THEN   -- of types that do not compare
  EXECUTE format('SELECT count(*), (min(ARRAY[%2$s::text, %3$s::text]))::text FROM %1$s WHERE %2$s::text IS DISTINCT FROM %3$s::text', base, first, second) INTO rows, example;
END $$;
COMMENT ON FUNCTION pull_up_club.count_differences(regclass, text, text) IS 'the rows in which two columns of a table disagree, with an example of both';
REVOKE EXECUTE ON FUNCTION pull_up_club.count_differences(regclass, text, text) FROM PUBLIC;

CREATE FUNCTION pull_up_club.find_columns(name text, base regclass, mapping jsonb) RETURNS SETOF pull_up_club.found_column
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ignored constant text[] := ARRAY(SELECT jsonb_array_elements_text(mapping -> name -> 'ignore'));
  taken   text[] := '{}';          -- columns of the table that have their meaning
  wanted  record;
  chosen  text;
  named   text;
  other   record;
  found   text[];
  column_ pull_up_club.found_column;
  begins  text;                    -- the table's week_start_date
  off     record;
  type_   regtype;
BEGIN
  FOR wanted IN
    SELECT k.* FROM pull_up_club.canonical_columns k WHERE k.name = find_columns.name
     ORDER BY k.place
  LOOP
    column_ := NULL;
    column_.column_name := wanted.column_name;
    named := mapping -> name ->> wanted.column_name;
    found := ARRAY(
      SELECT a.attname::text FROM pg_attribute a, array_position(pull_up_club.names_of(find_columns.name, wanted.column_name), a.attname::text) AS n
       WHERE a.attrelid = base AND a.attnum > 0 AND NOT a.attisdropped AND n IS NOT NULL AND a.attname <> ALL (ignored) AND a.attname <> ALL (taken)
         AND pull_up_club.fits(pull_up_club.type_of(base, a.attname), wanted.type) IS NOT NULL
         AND (a.attname = wanted.column_name   -- a canonical name is nobody else's other name
              OR NOT EXISTS (SELECT FROM pull_up_club.canonical_columns o WHERE o.name = find_columns.name AND o.column_name = a.attname))
       ORDER BY n);
    IF named IS NOT NULL AND NOT pull_up_club.has_column(base, ARRAY[named]) THEN
      column_.problem := format('the mapping says that %s is %s, and %s has no such column', wanted.column_name, named, base);
      RETURN NEXT column_;
      CONTINUE;
    END IF;
    chosen := coalesce(named, found[1]);
    IF chosen IS NULL THEN
      column_.how := 'missing';
      column_.base_column := CASE WHEN pull_up_club.has_column(base, ARRAY[wanted.column_name]) THEN wanted.column_name || '_of_club' ELSE wanted.column_name END;
      column_.why := CASE WHEN column_.base_column = wanted.column_name THEN 'the table has no such column' ELSE format('the table''s %s is not looked at', wanted.column_name) END;
      IF column_.base_column <> wanted.column_name AND wanted.column_name <> ALL (ignored) THEN
        column_.problem := format('%s is a %s, and the club''s is a %s', wanted.column_name, pull_up_club.type_of(base, wanted.column_name), wanted.type);
      END IF;
      RETURN NEXT column_;
      CONTINUE;
    END IF;
    taken := taken || chosen;
    type_ := pull_up_club.type_of(base, chosen);
    IF wanted.column_name = 'week_start_date' THEN
      begins := chosen;
    END IF;
    column_.why := CASE WHEN named IS NOT NULL THEN 'the mapping says so' WHEN chosen = wanted.column_name THEN 'it has the name' ELSE 'a name that it is known by' END;
    CASE pull_up_club.fits(type_, wanted.type)
      WHEN 'direct' THEN
        column_.how := 'used';
        column_.base_column := chosen;
      WHEN 'convert' THEN
        column_.how := 'converted';
        column_.other := chosen;
        column_.base_column := CASE WHEN chosen = wanted.column_name THEN format('%s_as_%s', wanted.column_name, (SELECT t.typname FROM pg_type t WHERE t.oid = wanted.type)) ELSE wanted.column_name END;
        column_.why := format('%s is %s, of type %s', wanted.column_name, chosen, type_);
        SELECT c.from_base, c.to_base INTO column_.from_base, column_.to_base
          FROM pull_up_club.conversion(type_, wanted.type, chosen, column_.base_column,
                                       CASE wanted.type WHEN 'date'::regtype THEN pull_up_club.day_shift(base, chosen, coalesce(begins, chosen)) ELSE interval '0' END) AS c;
      ELSE
        column_.problem := format('%s is of type %s, and %s is a %s', chosen, type_, wanted.column_name, wanted.type);
    END CASE;
    RETURN NEXT column_;
    CONTINUE WHEN column_.problem IS NOT NULL;

    -- further columns that say the same
    FOREACH chosen IN ARRAY array_remove(found, chosen) LOOP
      type_ := pull_up_club.type_of(base, chosen);
      taken := taken || chosen;
      other := NULL;
      SELECT c.* INTO other FROM pull_up_club.conversion(type_, wanted.type, chosen, column_.base_column,
                                                                 CASE WHEN wanted.type = 'date'::regtype AND pull_up_club.fits(type_, wanted.type) = 'convert' THEN pull_up_club.day_shift(base, chosen, coalesce(begins, chosen)) ELSE interval '0' END) AS c;
      SELECT d.* INTO off FROM pull_up_club.count_differences(base,
        CASE WHEN column_.how = 'converted' THEN replace(column_.from_base, 'new.', '') ELSE quote_ident(column_.base_column) END,
        CASE WHEN pull_up_club.fits(type_, wanted.type) = 'convert' THEN replace(other.from_base, 'new.', '') ELSE quote_ident(chosen) END) AS d;
      RETURN NEXT ROW(wanted.column_name, chosen, 'twin',
                      CASE WHEN off.rows = 0 THEN format('says the same as %s', column_.base_column)
                           ELSE format('should say the same as %s, and differs in %s rows, for example %s', column_.base_column, off.rows, off.example) END, NULL,
                      CASE WHEN pull_up_club.fits(type_, wanted.type) = 'convert' THEN other.from_base END,
                      CASE WHEN pull_up_club.fits(type_, wanted.type) = 'convert' THEN other.to_base END,
                      off.rows, CASE WHEN off.rows > 0 AND named IS NULL THEN format('%s and %s disagree in %s rows: which one is right?', column_.base_column, chosen, off.rows) END)::pull_up_club.found_column;
    END LOOP;
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.find_columns(text, regclass, jsonb) IS
  'for each column of a club''s table the one that it is in a table as it is, and its duplicates; problem: why it cannot be adopted so';
REVOKE EXECUTE ON FUNCTION pull_up_club.find_columns(text, regclass, jsonb) FROM PUBLIC;
