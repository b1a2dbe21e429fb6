-- The steps of adopt(): what would be done, in which order, why, at what risk, and how it is taken back. Each is one statement.

CREATE TYPE pull_up_club.adoption_step AS (
  step      int,
  object    text,
  what      text,
  why       text,
  risk      text,
  statement text,                  -- NULL: nothing is changed
  undo      text                   -- NULL: nothing to take back
);

CREATE FUNCTION pull_up_club.unknown_in_mapping(base regclass, names jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT min(format('the mapping names %s, which %s does not have', n, base))
    FROM (SELECT 'the column ' || c AS n FROM jsonb_array_elements_text(names -> 'ignore') AS c WHERE NOT pull_up_club.has_column(base, ARRAY[c])
          UNION ALL
          SELECT 'the trigger ' || t FROM jsonb_array_elements_text(names -> 'keep_triggers') AS t
           WHERE NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = base AND g.tgname = t AND NOT g.tgisinternal)) AS unknown
$$;
COMMENT ON FUNCTION pull_up_club.unknown_in_mapping(regclass, jsonb) IS 'a column to ignore or a trigger to keep that a table does not have, for people; NULL without one';
REVOKE EXECUTE ON FUNCTION pull_up_club.unknown_in_mapping(regclass, jsonb) FROM PUBLIC;

-- Which tables there are: as adopted(), with why, and with what cannot be told as `problem`.
CREATE FUNCTION pull_up_club.find_club(source name, mapping jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mark   record;
  match  record;
  parts  jsonb;
  club   jsonb := '{}';
BEGIN
  FOR mark IN SELECT m.name, m.required FROM pull_up_club.table_marks m JOIN pull_up_club.blueprint b ON b.kind = 'table' AND b.name = m.name ORDER BY b.place LOOP
    SELECT a.base, a.columns INTO match FROM pull_up_club.adopted_tables a WHERE a.name = mark.name;
    IF FOUND THEN
      club := club || jsonb_build_object(mark.name, jsonb_build_object('base', match.base, 'columns', match.columns, 'parts', '[]'::jsonb, 'why', 'it is adopted', 'adopted', true));
      CONTINUE;
    END IF;
    SELECT * INTO match FROM pull_up_club.find_table(mark.name, source, mapping);
    CONTINUE WHEN match.base IS NULL AND match.problem IS NULL AND NOT mark.required;
    parts := '[]';
    IF (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c WHERE c.oid = match.base) THEN   -- who may not read the rows is told so later
      parts := (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM pull_up_club.find_columns(mark.name, match.base, mapping) AS c);
    END IF;
    club := club || jsonb_build_object(mark.name, jsonb_build_object(
      'base', match.base, 'why', match.why, 'parts', parts,
      'columns', (SELECT coalesce(jsonb_object_agg(p ->> 'column_name', p ->> 'base_column'), '{}') FROM jsonb_array_elements(parts) AS p WHERE p ->> 'how' <> 'twin'),
      'problem', CASE WHEN match.problem IS NOT NULL THEN match.problem
                      WHEN match.base IS NULL THEN format('the schema %I has no table like it', source)
                      WHEN match.base::text = mark.name THEN 'the table has the canonical name already: install() makes what it lacks'
                      WHEN EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE format('%s.%s', n.nspname, c.relname) = mark.name) THEN format('there is a table or a view %s already', mark.name)
                      ELSE pull_up_club.unknown_in_mapping(match.base, mapping -> mark.name) END));
  END LOOP;
  RETURN club;
END $$;
COMMENT ON FUNCTION pull_up_club.find_club(name, jsonb) IS
  'the club''s tables in a schema: {canonical name: {base, why, columns, parts (found_column), problem}}; without those that would be made';
REVOKE EXECUTE ON FUNCTION pull_up_club.find_club(name, jsonb) FROM PUBLIC;

CREATE FUNCTION pull_up_club.adoption_problems(club jsonb) RETURNS TABLE (object text, problem text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.key, t.value ->> 'problem' FROM jsonb_each(club) AS t WHERE t.value ->> 'problem' IS NOT NULL
  UNION ALL
  SELECT t.key, format('%s: %s', t.value ->> 'base', p ->> 'problem')
    FROM jsonb_each(club) AS t, jsonb_array_elements(t.value -> 'parts') AS p WHERE p ->> 'problem' IS NOT NULL
  UNION ALL
  SELECT t.key, p.problem FROM jsonb_each(club) AS t, pull_up_club.shape_problems((t.value ->> 'base')::regclass) AS p WHERE NOT t.value ? 'adopted'
  UNION ALL
  SELECT * FROM pull_up_club.name_problems(club)
  UNION ALL
  SELECT * FROM pull_up_club.column_problems(club)
  UNION ALL   -- a column that has to have a value, and nothing says which
  SELECT t.key, format('%s has no %s, and nothing tells what it is', t.value ->> 'base', p ->> 'column_name')
    FROM jsonb_each(club) AS t, jsonb_array_elements(t.value -> 'parts') AS p
    JOIN pull_up_club.canonical_columns k ON true
   WHERE k.name = t.key AND k.column_name = p ->> 'column_name' AND p ->> 'how' = 'missing' AND k.not_null AND k.default_value IS NULL AND k.derived IS NULL
     AND NOT EXISTS (SELECT FROM pull_up_club.column_fills f WHERE f.name = t.key AND f.column_name = k.column_name)
  ORDER BY 1, 2
$$;
COMMENT ON FUNCTION pull_up_club.adoption_problems(jsonb) IS 'why the tables that find_club() has found cannot be adopted so';
REVOKE EXECUTE ON FUNCTION pull_up_club.adoption_problems(jsonb) FROM PUBLIC;

-- A trigger that does no more than to set updated_at is in nobody's way where none of our rules does.
CREATE FUNCTION pull_up_club.only_sets_updated_at(trigger oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.prosrc ~* '^\s*begin\s+new\.updated(_at)?\s*:?=\s*[a-z_]+\(\s*(''utc''::text\s*,\s*)?(now\(\))?\s*\)\s*;\s*return\s+new\s*;\s*end\s*;?\s*$'
    FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.oid = trigger
$$;
COMMENT ON FUNCTION pull_up_club.only_sets_updated_at(oid) IS 'whether a trigger''s function does no more than NEW.updated_at := now()';

CREATE FUNCTION pull_up_club.adopt_triggers(name text, base regclass, mapping jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN coalesce(mapping -> name -> 'keep_triggers', '[]') ? t.tgname::text
              THEN ROW(NULL, o.object, 'keep the trigger', 'the mapping says so', 'it goes on doing what it does, beside the rules', NULL, NULL)::pull_up_club.adoption_step
              ELSE ROW(NULL, o.object, 'disable the trigger',
                       format('%s() did by itself what the lifecycle and the rules do', t.tgfoid::regproc),
                       format('what else it did is not done any more; keep it with {"%s": {"keep_triggers": ["%s"]}}', name, t.tgname),
                       format('SELECT lifeguard.disable_trigger(%L, %L, %L)', base, t.tgname, 'adopted by pull_up_club'),
                       format('SELECT lifeguard.restore_trigger(%L, %L)', base, t.tgname))::pull_up_club.adoption_step END
    FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid, LATERAL (SELECT format('%s on %s', quote_ident(t.tgname), base)) AS o(object)
   WHERE t.tgrelid = base AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND f.pronamespace <> 'lifeguard'::regnamespace
     AND t.tgfoid NOT IN (SELECT pull_up_club.own_functions()) AND f.oid::regprocedure::text NOT IN (SELECT b.name FROM pull_up_club.blueprint b WHERE b.kind = 'function')
     AND NOT EXISTS (SELECT FROM pull_up_club.adoption a WHERE a.object = o.object AND a.what = 'keep the trigger')
     AND name IN ('auth_management.profiles', 'content.submissions', 'content.user_badges', 'content.monthly_graphics',
                  'finance.weekly_pools', 'finance.weekly_earnings', 'finance.user_earnings', 'finance.payout_requests')
     AND (NOT pull_up_club.only_sets_updated_at(t.oid) OR EXISTS (SELECT FROM pull_up_club.blueprint b WHERE b.kind = 'rule' AND b.name = 'keep_updated_at updated_at ON ' || adopt_triggers.name))
   ORDER BY t.tgname
$$;
COMMENT ON FUNCTION pull_up_club.adopt_triggers(text, regclass, jsonb) IS 'part of adopt(): the old triggers of a table';
REVOKE EXECUTE ON FUNCTION pull_up_club.adopt_triggers(text, regclass, jsonb) FROM PUBLIC;

-- A column that is filled is rewritten in one go, without triggers and without leaving old rows.
CREATE FUNCTION pull_up_club.adopt_columns(name text, match jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base    constant regclass := match ->> 'base';
  columns constant jsonb := match -> 'columns';
  zone    constant text := quote_literal((SELECT time_zone FROM pull_up_club.settings));
  part    record;
  object  text;
  fill    text;
  drop_   text;
BEGIN
  FOR part IN
    SELECT p.*, k.type, k.not_null, k.default_value, k.derived, f.expression
      FROM jsonb_populate_recordset(NULL::pull_up_club.found_column, match -> 'parts') AS p
      JOIN pull_up_club.canonical_columns k ON k.name = adopt_columns.name AND k.column_name = p.column_name
      LEFT JOIN pull_up_club.column_fills f ON f.name = adopt_columns.name AND f.column_name = p.column_name
     WHERE p.problem IS NULL
     ORDER BY array_position('{used,converted,missing,twin}', p.how), k.place
  LOOP
    object := format('%s.%I', base, part.base_column);
    drop_ := format('SELECT pull_up_club.drop_column(%L, %L)', base, part.base_column);
    IF part.how IN ('converted', 'missing') AND NOT pull_up_club.has_column(base, ARRAY[part.base_column]) THEN
      fill := CASE WHEN part.how = 'converted' THEN pull_up_club.without_new(part.from_base, part.other)
                   ELSE pull_up_club.in_base_columns(replace(coalesce(part.derived, part.expression), '@zone@', zone), columns) END;
      IF fill IS NOT NULL OR part.derived IS NOT NULL OR part.column_name = 'total_submissions' THEN
        drop_ := format('ALTER TABLE %s DROP COLUMN %I', base, part.base_column);   -- what is in it can be made again
      END IF;
      RETURN NEXT ROW(NULL, object, 'add the column', part.why, 'none',
                      format('ALTER TABLE %s ADD COLUMN %I %s%s%s', base, part.base_column, part.type,
                             CASE WHEN part.default_value IS NOT NULL THEN ' DEFAULT ' || part.default_value ELSE '' END,
                             CASE WHEN part.not_null AND part.default_value IS NOT NULL THEN ' NOT NULL' ELSE '' END), drop_)::pull_up_club.adoption_step;
      IF fill IS NOT NULL AND pull_up_club.has_rows(base) THEN
        RETURN NEXT ROW(NULL, object, 'fill the column', format('it is %s', fill), 'rewrites the table; nothing else of a row changes',
                        format('ALTER TABLE %s ALTER COLUMN %2$I TYPE %3$s USING %4$s', base, part.base_column, part.type, fill), NULL)::pull_up_club.adoption_step;
      END IF;
    ELSIF part.how = 'used' AND part.default_value IS NOT NULL
          AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = base AND a.attname = part.base_column AND (a.atthasdef OR a.attidentity <> '')) THEN
      RETURN NEXT ROW(NULL, object, 'give the column its default', format('the club''s rows get %s', part.default_value), 'none',
                      format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', base, part.base_column, part.default_value),
                      format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', base, part.base_column))::pull_up_club.adoption_step;
    END IF;
    IF part.how = 'converted' OR part.how = 'twin' THEN
      RETURN NEXT ROW(NULL, object, 'keep in step', CASE part.how WHEN 'twin' THEN part.why ELSE part.why || ', and both stay' END,
                      'a statement that writes both, and differently, is refused',
                      CASE part.how WHEN 'twin' THEN format('SELECT lifeguard.keep_in_step(%L, %L, %L, %L, %L)', base, columns ->> part.column_name, part.base_column, part.to_base, part.from_base)
                                    ELSE format('SELECT lifeguard.keep_in_step(%L, %L, %L, %L, %L)', base, part.base_column, part.other, part.to_base, part.from_base) END,
                      CASE part.how WHEN 'twin' THEN format('SELECT lifeguard.drop_in_step(%L, %L, %L)', base, columns ->> part.column_name, part.base_column)
                                    ELSE format('SELECT lifeguard.drop_in_step(%L, %L, %L)', base, part.base_column, part.other) END)::pull_up_club.adoption_step;
    END IF;
    IF part.derived IS NOT NULL AND part.how <> 'twin'
       AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = base AND a.attname = part.base_column AND a.attgenerated <> '') THEN
      RETURN NEXT ROW(NULL, object, 'derive the column', format('it is %s, not a flag that somebody sets', pull_up_club.in_base_columns(part.derived, columns)), 'what a statement writes into it is not kept',
                      format('SELECT lifeguard.derive_column(%L, %L, %L)', base, part.base_column, pull_up_club.in_base_columns(part.derived, columns, 'new.')),
                      format('SELECT lifeguard.drop_derived_column(%L, %L)', base, part.base_column))::pull_up_club.adoption_step;
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.adopt_columns(text, jsonb) IS 'part of adopt(): what a table''s columns need';
REVOKE EXECUTE ON FUNCTION pull_up_club.adopt_columns(text, jsonb) FROM PUBLIC;

CREATE FUNCTION pull_up_club.has_orphans(base regclass, column_name name, parent regclass, parent_column name) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  answer boolean;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT FROM %1$s c WHERE c.%2$I IS NOT NULL AND NOT EXISTS (SELECT FROM %3$s p WHERE p.%4$I = c.%2$I))', base, column_name, parent, parent_column) INTO answer;
  RETURN answer;
END $$;
COMMENT ON FUNCTION pull_up_club.has_orphans(regclass, name, regclass, name) IS 'whether a table has rows whose key points to nothing, whatever its constraint says';
REVOKE EXECUTE ON FUNCTION pull_up_club.has_orphans(regclass, name, regclass, name) FROM PUBLIC;

-- Who leaves takes no money rows along. A key that rows break could not be made again, so it stays.
CREATE FUNCTION pull_up_club.adopt_keys(name text, match jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN k.convalidated AND pull_up_club.has_orphans(k.conrelid, a.attname, k.confrelid, r.attname)
              THEN ROW(NULL, format('%s on %s', quote_ident(k.conname), k.conrelid::regclass), 'look at the orphans', 'its rows point to what is gone, although the constraint says otherwise',
                       'money rows go on leaving with their member; adopt() again when the orphans are mended', NULL, NULL)::pull_up_club.adoption_step
              ELSE ROW(NULL, format('%s on %s', quote_ident(k.conname), k.conrelid::regclass), 'keep the money rows', 'they outlive their member; whose they were is emptied',
                       CASE k.confdeltype WHEN 'c' THEN 'who deletes a member deletes them no more' ELSE 'a member who has them can be deleted' END,
                       format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL, DROP CONSTRAINT %I, ADD CONSTRAINT %3$I FOREIGN KEY (%2$I) REFERENCES %4$s (%5$I) ON DELETE SET NULL%6$s',
                              k.conrelid::regclass, a.attname, k.conname, k.confrelid::regclass, r.attname, CASE WHEN NOT k.convalidated THEN ' NOT VALID' ELSE '' END),
                       format('SELECT pull_up_club.restore_key(%L, %L, %L, %L, %L)', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), a.attname, a.attnotnull))::pull_up_club.adoption_step END
    FROM pg_constraint k
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    JOIN pg_attribute r ON r.attrelid = k.confrelid AND r.attnum = k.confkey[1]
   WHERE k.conrelid = (match ->> 'base')::regclass AND k.contype = 'f' AND cardinality(k.conkey) = 1 AND k.confdeltype <> 'n' AND k.conparentid = 0
     AND name IN ('finance.weekly_earnings', 'finance.user_earnings', 'finance.payout_requests')
     AND a.attname IN (match -> 'columns' ->> 'user_id', match -> 'columns' ->> 'submission_id')
   ORDER BY k.conname
$$;
COMMENT ON FUNCTION pull_up_club.adopt_keys(text, jsonb) IS 'part of adopt(): foreign keys that would take money rows away with their member';
REVOKE EXECUTE ON FUNCTION pull_up_club.adopt_keys(text, jsonb) FROM PUBLIC;

-- An approval updates a member's month and its request: on full pages that is a new entry in each of their indexes.
CREATE FUNCTION pull_up_club.adopt_room(name text, match jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ROW(NULL, c.oid::regclass::text, 'leave room in the pages', 'approvals update its rows, in place where there is room', 'rewrites the table; its rows stay as they are',
             format('SELECT pull_up_club.make_room(%L)', c.oid::regclass), format('ALTER TABLE %s RESET (fillfactor)', c.oid::regclass))::pull_up_club.adoption_step
    FROM pg_class c
   WHERE c.oid = (match ->> 'base')::regclass AND name IN ('finance.user_earnings', 'finance.payout_requests') AND NOT match ? 'adopted'
     AND c.relkind = 'r' AND coalesce(c.reloptions::text, '') !~ 'fillfactor=' AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
$$;
COMMENT ON FUNCTION pull_up_club.adopt_room(text, jsonb) IS 'part of adopt(): tables whose pages have no room for updates in place';
REVOKE EXECUTE ON FUNCTION pull_up_club.adopt_room(text, jsonb) FROM PUBLIC;

-- What an index of the club's serves as well costs every approval an entry.
CREATE FUNCTION pull_up_club.adopt_indexes(club jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH bases AS (
    SELECT t.key AS name, (t.value ->> 'base')::regclass AS base, t.value -> 'columns' AS columns FROM jsonb_each(club) AS t
  ), ours AS (   -- column lists; an index with the same one is not made beside it, a constraint is
    SELECT b.base, false AS made, pull_up_club.in_base_columns((regexp_match(p.make, ' ON \S+ \(([^)]*)\)'))[1], b.columns) AS list
      FROM bases b JOIN pull_up_club.blueprint p ON p.kind = 'index' AND pull_up_club.home_of(p.kind, p.name, p.make) = b.name AND p.make NOT LIKE '% WHERE %'
    UNION ALL
    SELECT b.base, true, pull_up_club.in_base_columns((regexp_match(c.definition, '^UNIQUE \(([^)]*)\)'))[1], b.columns)
      FROM bases b JOIN pull_up_club.table_constraints() AS c ON c.name = b.name AND c.definition LIKE 'UNIQUE %'
  )
  SELECT ROW(NULL, i.indexrelid::regclass::text, 'drop the index', format('the club''s index by (%s) serves as well, and each row would have an entry in both', min(o.list)), 'none',
             format('SELECT pull_up_club.drop_index(%L)', i.indexrelid::regclass), format('SELECT pull_up_club.restore_index(%L, %L)', i.indexrelid::regclass, pg_get_indexdef(i.indexrelid)))::pull_up_club.adoption_step
    FROM bases b
    JOIN pg_index i ON i.indrelid = b.base AND NOT i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT i.indisclustered AND NOT i.indisreplident
    JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i' AND NOT c.relispartition
   CROSS JOIN LATERAL (SELECT (regexp_match(pg_get_indexdef(i.indexrelid), ' USING btree \(([^)]*)\)$'))[1]) AS l(list)
    JOIN ours o ON o.base = b.base AND (o.list = l.list AND o.made OR starts_with(o.list, l.list || ','))
   WHERE NOT EXISTS (SELECT FROM pull_up_club.blueprint p WHERE p.kind = 'index' AND split_part(p.name, '.', 2) = c.relname)
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indexrelid)
   GROUP BY i.indexrelid ORDER BY 1
$$;
COMMENT ON FUNCTION pull_up_club.adopt_indexes(jsonb) IS 'part of adopt(): old indexes that those of the club make superfluous';
REVOKE EXECUTE ON FUNCTION pull_up_club.adopt_indexes(jsonb) FROM PUBLIC;

CREATE FUNCTION pull_up_club.adopt_table(name text, match jsonb, mapping jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base    constant regclass := match ->> 'base';
  renamed constant text := (SELECT string_agg(format('%s is %s', key, value), ', ' ORDER BY key) FROM jsonb_each_text(match -> 'columns') WHERE key <> value);
BEGIN
  RETURN QUERY SELECT * FROM pull_up_club.adopt_triggers(name, base, mapping);
  RETURN QUERY SELECT * FROM pull_up_club.adopt_columns(name, match);   -- none of an adopted table
  RETURN QUERY SELECT * FROM pull_up_club.adopt_keys(name, match);
  RETURN QUERY SELECT * FROM pull_up_club.adopt_room(name, match);
  IF match ? 'adopted' THEN
    RETURN;
  END IF;
  RETURN NEXT ROW(NULL, name, format('make it a view of %s', base), concat_ws('; ', match ->> 'why', renamed), 'none: reads and writes go through it to the table',
                  format('SELECT pull_up_club.stand_for(%L, %L, %L)', name, base, match -> 'columns'),
                  format('SELECT pull_up_club.stand_for_no_more(%L)', name))::pull_up_club.adoption_step;
END $$;
COMMENT ON FUNCTION pull_up_club.adopt_table(text, jsonb, jsonb) IS 'part of adopt(): the steps for one table that was found';
REVOKE EXECUTE ON FUNCTION pull_up_club.adopt_table(text, jsonb, jsonb) FROM PUBLIC;

CREATE FUNCTION pull_up_club.reason_of(kind text, name text, make text, OUT what text, OUT why text, OUT risk text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.what, r.why, r.risk
    FROM (VALUES
      ('role',            'create the role',         'the API''s callers act as it',                              'none'),
      ('schema',          'create the schema',       'the club''s names are in it',                               'none'),
      ('table',           'create the table',        'the database has none like it',                             'none'),
      ('constraint',      'create the constraint',   'the link leads to a row that is there',                     'a row that breaks it stops the adoption'),
      ('unique index',    'create the index',        'there is one of a kind',                                    'a second one is refused from now on'),
      ('index',           'create the index',        'rows are looked up by it',                                  'none'),
      ('view',            'create the view',         'readers of the club see it',                                'none'),
      ('function',        'create the function',     'it runs as the owner of the tables, so it is his',          'none'),
      ('trigger',         'create the trigger',      'it sees what no rule does: new users, rows that are deleted', 'none'),
      ('rows',            'fill',                    'it follows from the rows that there are',                   'none'),
      ('rule lifecycle',  'declare the lifecycle',   'a state is one that is known',                              'other states are refused'),
      ('rule transition', 'declare the transition',  'a state may become this one, and no other',                 'moves that nobody declared are refused'),
      ('rule guard',      'declare the guard',       'a move is refused unless it holds',                         'a client that relied on less gets an error that says so'),
      ('rule stamp',      'declare the stamp',       'the database sets it, not the client',                      'what a client writes there may not stay'),
      ('rule action',     'declare the action',      'it does what the old triggers did, or fails loudly',        'an error undoes the statement'),
      ('rule protect_columns', 'protect the columns', 'a member does not decide it',                              'a member who changes it gets an error'),
      ('rule keep_updated_at', 'keep updated_at',    'it is when the row was changed last',                       'none'),
      ('admins',          'register the admins',     'is_admin() reads the table',                                'none'),
      ('security',        'switch row security on',  'a new table is closed but for its policies',                'none'),
      ('policy',          'create the policy',       'who may reach which rows of a new table',                   'none'),
      ('grant',           'grant',                   'the API''s roles need it',                                  'none'),
      ('check',           'add the check',           'the nightly checks tell when it is not so',                 'none'),
      ('gauges',          'add the gauges',          'the health report shows them',                              'none'),
      ('job',             'add the job',             'monitoring.schedule_jobs() schedules it',                   'none'),
      ('lint',            'accept the lint',         'it is so on purpose',                                       'none')) AS r(part, what, why, risk)
   WHERE r.part = CASE WHEN kind = 'rule' THEN 'rule ' || split_part(name, ' ', 1)
                       WHEN kind = 'index' AND make LIKE 'CREATE UNIQUE %' THEN 'unique index' ELSE kind END
$$;
COMMENT ON FUNCTION pull_up_club.reason_of(text, text, text) IS 'what a step of adopt() does with a part of the blueprint, why, and at what risk';

-- What of the blueprint is not there, on the tables that were found. Rows, policies and grants of those tables stay as they are.
CREATE FUNCTION pull_up_club.adopt_blueprint(club jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part   record;
  home   text;
  reason record;
  undo   text;
  make   text;
  there  boolean;
BEGIN
  FOR part IN SELECT b.place, b.kind, b.name, b.make, b.unmake FROM pull_up_club.blueprint b ORDER BY b.place LOOP
    home := pull_up_club.home_of(part.kind, part.name, part.make);
    CONTINUE WHEN club ? home AND part.kind IN ('table', 'security', 'policy', 'grant', 'rows');
    make := CASE WHEN part.kind IN ('table', 'constraint', 'index', 'trigger', 'rule', 'admins') THEN pull_up_club.on_base(part.kind, part.name, part.make, club) ELSE part.make END;
    IF club ? home AND part.kind IN ('index', 'constraint', 'trigger', 'rule', 'admins') THEN
      there := pull_up_club.is_there_on(part.kind, part.name, make, club -> home ->> 'base', club);
    ELSE
      there := pull_up_club.is_there(part.kind, part.name);
    END IF;
    CONTINUE WHEN there OR part.kind = 'rows' AND part.name <> 'the ranks'
               OR part.kind = 'rows' AND EXISTS (SELECT FROM pull_up_club.adoption a WHERE a.object = part.name);
    undo := CASE part.kind
              WHEN 'table'    THEN CASE WHEN part.name LIKE 'analytics.%' OR part.name IN ('finance.user_earnings', 'finance.monthly_totals') THEN format('DROP TABLE %s', part.name)
                                        ELSE format('SELECT pull_up_club.drop_table(%L)', part.name) END
              WHEN 'view'     THEN format('DROP VIEW %s', part.name)
              WHEN 'function' THEN coalesce(part.unmake, format('DROP FUNCTION IF EXISTS %s', part.name))
              WHEN 'schema'   THEN format('SELECT pull_up_club.drop_schema(%L)', part.name)
              WHEN 'index'    THEN CASE WHEN club ? home THEN format('DROP INDEX %s.%I', (SELECT c.relnamespace::regnamespace FROM pg_class c WHERE c.oid = (club -> home ->> 'base')::regclass), split_part(part.name, '.', 2)) END
              WHEN 'constraint' THEN format('ALTER TABLE %s DROP CONSTRAINT %I', coalesce(club -> home ->> 'base', home), split_part(part.name, ' ON ', 1))
              WHEN 'trigger'  THEN coalesce(part.unmake, format('DROP TRIGGER %I ON %s', split_part(part.name, ' ON ', 1), coalesce(club -> home ->> 'base', home)))
              WHEN 'rule'     THEN pull_up_club.on_base(part.kind, part.name, part.unmake, club)
              WHEN 'grant'    THEN CASE WHEN part.name LIKE '% ON FUNCTION %' THEN NULL END
              ELSE CASE WHEN part.kind = 'admins' THEN pull_up_club.on_base(part.kind, part.name, part.unmake, club) ELSE part.unmake END END;
    reason := pull_up_club.reason_of(part.kind, part.name, make);
    RETURN NEXT ROW(NULL, part.name, reason.what, reason.why, reason.risk,
                    CASE WHEN part.kind = 'index' AND make LIKE 'CREATE UNIQUE %' AND club ? home
                         THEN format('SELECT lifeguard.introduce_constraint(%L, %L, %L)', club -> home ->> 'base', split_part(part.name, '.', 2), 'UNIQUE ' || regexp_replace(pull_up_club.indexed(make), ' WHERE (.*)$', ' WHERE (\1)'))
                         ELSE btrim(make, E'\n') END,
                    CASE WHEN part.kind = 'index' AND make LIKE 'CREATE UNIQUE %' AND club ? home
                         THEN format('SELECT lifeguard.withdraw_constraint(%L, %L)', club -> home ->> 'base', split_part(part.name, '.', 2)) ELSE undo END)::pull_up_club.adoption_step;
    IF part.kind = 'table' AND part.name IN ('finance.user_earnings', 'finance.monthly_totals') THEN
      RETURN NEXT ROW(NULL, part.name, 'fill', 'the sums of the earnings that there are', 'none',
        CASE part.name WHEN 'finance.user_earnings' THEN
          'INSERT INTO finance.user_earnings (user_id, month_year, total_earned_dollars, total_submissions) SELECT user_id, month_year, sum(earning_amount_dollars), count(*) FROM finance.weekly_earnings GROUP BY 1, 2'
        ELSE 'INSERT INTO finance.monthly_totals (month_year, spent_dollars) SELECT month_year, sum(earning_amount_dollars) FROM finance.weekly_earnings GROUP BY 1' END, NULL)::pull_up_club.adoption_step;
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.adopt_blueprint(jsonb) IS 'part of adopt(): what of the blueprint is missing, on the tables that were found';
REVOKE EXECUTE ON FUNCTION pull_up_club.adopt_blueprint(jsonb) FROM PUBLIC;

-- The tables' own constraints are in their definitions; those of a key have no name there.
CREATE FUNCTION pull_up_club.table_constraints() RETURNS TABLE (name text, constraint_name text, definition text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT b.name, c[1], regexp_replace(c[2], '\s*--[^\n]*', '', 'g')
    FROM pull_up_club.blueprint b, regexp_matches(b.make, '\n  CONSTRAINT ([a-z_]+?) (.*?)(?=,\n  [A-Z]|\n\)|$)', 'g') AS c
   WHERE b.kind = 'table'
  UNION ALL
  SELECT * FROM (VALUES
    ('auth_management.admin_roles', 'admin_roles_one_a_member',    'UNIQUE (user_id)'),
    ('content.badges',           'badges_one_a_name',              'UNIQUE (name, gender)'),
    ('content.user_badges',      'user_badges_one_a_member',       'UNIQUE (user_id, badge_id)'),
    ('content.monthly_graphics', 'monthly_graphics_one_a_month',   'UNIQUE (user_id, month_year)'),
    ('finance.weekly_earnings',  'weekly_earnings_one_a_submission', 'UNIQUE (submission_id)'),
    ('finance.user_earnings',    'user_earnings_one_a_month',      'UNIQUE (user_id, month_year)'),
    ('finance.payout_requests',  'payout_requests_one_a_month',    'UNIQUE (user_id, payout_month)')) AS k(name, constraint_name, definition)
$$;
COMMENT ON FUNCTION pull_up_club.table_constraints() IS 'the constraints that are part of the club''s tables, as in ALTER TABLE ... ADD CONSTRAINT';

-- Old rows may break them: lifeguard brings them in without looking at those, and lists them.
CREATE FUNCTION pull_up_club.adopt_constraints(club jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part       record;
  base       regclass;
  definition text;
BEGIN
  FOR part IN SELECT * FROM pull_up_club.table_constraints() AS c WHERE club ? c.name LOOP
    base := club -> part.name ->> 'base';
    definition := pull_up_club.in_base_columns(part.definition, club -> part.name -> 'columns');
    CONTINUE WHEN EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = base AND c.conname = part.constraint_name)
               OR EXISTS (SELECT FROM lifeguard.introduced_constraints i WHERE i.relation = base AND i.constraint_name = part.constraint_name)
               OR definition LIKE 'UNIQUE %' AND pull_up_club.index_on_base(format('CREATE UNIQUE INDEX %I ON x %s', part.constraint_name, substr(definition, 8)), base) IS NOT NULL;
    -- other clubs' weeks may begin on another day
    CONTINUE WHEN part.constraint_name = 'weekly_pools_week' AND NOT pull_up_club.weeks_begin_on_monday(base, club -> part.name -> 'columns');
    RETURN NEXT ROW(NULL, format('%s on %s', part.constraint_name, base), 'introduce the constraint', 'rows that break it are refused from now on',
                    'rows that break it already stay; pull_up_club.violations() lists them. Such a row can only be changed to one that does not',
                    format('SELECT lifeguard.introduce_constraint(%L, %L, %L)', base, part.constraint_name, definition),
                    format('SELECT lifeguard.withdraw_constraint(%L, %L)', base, part.constraint_name))::pull_up_club.adoption_step;
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.adopt_constraints(jsonb) IS 'part of adopt(): the constraints of the tables that were found';
REVOKE EXECUTE ON FUNCTION pull_up_club.adopt_constraints(jsonb) FROM PUBLIC;

CREATE FUNCTION pull_up_club.weeks_begin_on_monday(base regclass, columns jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  answer boolean := true;
BEGIN
  IF pull_up_club.type_of(base, columns ->> 'week_start_date') = 'date'::regtype THEN
    EXECUTE format('SELECT coalesce(avg((extract(isodow FROM %I) = 1)::int) > 0.5, true) FROM %s', columns ->> 'week_start_date', base) INTO answer;
  END IF;
  RETURN answer;
END $$;
COMMENT ON FUNCTION pull_up_club.weeks_begin_on_monday(regclass, jsonb) IS 'whether most of a table''s weeks begin on Mondays, as the club''s do';
REVOKE EXECUTE ON FUNCTION pull_up_club.weeks_begin_on_monday(regclass, jsonb) FROM PUBLIC;

-- A cap for all members together stops a club that has none such: its owner decides.
CREATE FUNCTION pull_up_club.adopt_settings(club jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  earnings constant jsonb := club -> 'finance.weekly_earnings';
  rules    pull_up_club.settings;
  most     record;
BEGIN
  SELECT * INTO rules FROM pull_up_club.settings;
  IF rules.monthly_cap_scope = 'club' AND earnings IS NOT NULL AND pull_up_club.has_column((earnings ->> 'base')::regclass, ARRAY[earnings -> 'columns' ->> 'created_at']) AND NOT earnings ? 'adopted' THEN
    EXECUTE format('SELECT to_char(%I, ''YYYY-MM'') AS month, sum(%I) AS dollars FROM %s GROUP BY 1 ORDER BY 2 DESC LIMIT 1',
                   earnings -> 'columns' ->> 'created_at', earnings -> 'columns' ->> 'earning_amount_dollars', earnings ->> 'base') INTO most;
    IF most.dollars > rules.monthly_cap_dollars THEN
      RETURN NEXT ROW(NULL, 'pull_up_club.settings', 'look at the month''s cap',
        format('in %s the club paid %s dollars, and the setting caps a month of all members together at %s', most.month, most.dollars, rules.monthly_cap_dollars),
        'approvals pay nothing above it. SELECT pull_up_club.set(''monthly_cap_scope'', ''member''); caps each member, set(''monthly_cap_dollars'', ...) is another cap', NULL, NULL)::pull_up_club.adoption_step;
    END IF;
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.adopt_settings(jsonb) IS 'part of adopt(): settings that do not fit what the club did until now';
REVOKE EXECUTE ON FUNCTION pull_up_club.adopt_settings(jsonb) FROM PUBLIC;

-- Columns that should say the same and do not, before anything else is said: their rows stay as they are.
CREATE FUNCTION pull_up_club.adopt_differences(club jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part record;
  off  record;
BEGIN
  FOR part IN
    SELECT (t.value ->> 'base')::regclass AS base, t.value -> 'columns' AS columns, p.*, k.derived, k.derived IS NULL AND p.how = 'used' AS whole
      FROM jsonb_each(club) AS t, jsonb_populate_recordset(NULL::pull_up_club.found_column, t.value -> 'parts') AS p
      JOIN pull_up_club.canonical_columns k ON k.column_name = p.column_name
     WHERE k.name = t.key AND (p.how = 'twin' AND p.differs > 0 OR p.how = 'used' AND (k.derived IS NOT NULL OR k.type = 'int'::regtype AND pull_up_club.type_of((t.value ->> 'base')::regclass, p.base_column) = 'numeric'::regtype))
     ORDER BY 1, p.base_column
  LOOP
    IF part.how = 'twin' THEN
      RETURN NEXT ROW(NULL, format('%s.%I', part.base, part.base_column), 'look at the difference', part.why,
                      'the rows stay as they are; lifeguard.out_of_step() shows them until somebody mends them', NULL, NULL)::pull_up_club.adoption_step;
      CONTINUE;
    END IF;
    IF part.whole THEN
      SELECT d.* INTO off FROM pull_up_club.count_differences(part.base, quote_ident(part.base_column), format('trunc(%I)', part.base_column)) AS d;
      IF off.rows > 0 THEN
        RETURN NEXT ROW(NULL, format('%s.%I', part.base, part.base_column), 'look at the cents', format('in %s rows it is not whole, for example %s', off.rows, off.example),
                        'the club counts in whole dollars: what has to read such a row is refused with LG118, and sums of them are rounded', NULL, NULL)::pull_up_club.adoption_step;
      END IF;
      CONTINUE;
    END IF;
    SELECT d.* INTO off FROM pull_up_club.count_differences(part.base, quote_ident(part.base_column), '(' || pull_up_club.in_base_columns(part.derived, part.columns) || ')') AS d;
    CONTINUE WHEN off.rows = 0;
    RETURN NEXT ROW(NULL, format('%s.%I', part.base, part.base_column), 'look at the difference', format('in %s rows it is not what the row says, for example %s', off.rows, off.example),
                    'each row follows when it is changed next; lifeguard.out_of_step() counts them', NULL, NULL)::pull_up_club.adoption_step;
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.adopt_differences(jsonb) IS 'part of adopt(): rows in which columns disagree that are kept in step or derived from now on, and cents';
REVOKE EXECUTE ON FUNCTION pull_up_club.adopt_differences(jsonb) FROM PUBLIC;

CREATE FUNCTION pull_up_club.plan_adoption(club jsonb, mapping jsonb) RETURNS SETOF pull_up_club.adoption_step
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ROW((row_number() OVER (ORDER BY stage, place))::int, object, what, why, risk, statement, undo)::pull_up_club.adoption_step
    FROM (SELECT 0 AS stage, 0 AS place, s.object, s.what, s.why, s.risk, s.statement, s.undo FROM pull_up_club.adopt_settings(club) AS s
          UNION ALL
          SELECT 0, row_number() OVER (), s.object, s.what, s.why, s.risk, s.statement, s.undo FROM pull_up_club.adopt_differences(club) AS s
          UNION ALL
          SELECT 1, row_number() OVER (ORDER BY b.place, s.n) AS place, s.object, s.what, s.why, s.risk, s.statement, s.undo
            FROM jsonb_each(club) AS t JOIN pull_up_club.blueprint b ON b.kind = 'table' AND b.name = t.key,
                 pull_up_club.adopt_table(t.key, t.value, mapping) WITH ORDINALITY AS s(step, object, what, why, risk, statement, undo, n)
          UNION ALL   -- what takes another table to know
          SELECT 1, 10000, 'finance.user_earnings.total_submissions', 'fill the column', 'the earnings of the month', 'a new column; nothing else of a row changes',
                 'UPDATE finance.user_earnings u SET total_submissions = e.submissions FROM (SELECT user_id, month_year, count(*) AS submissions FROM finance.weekly_earnings GROUP BY 1, 2) AS e '
                 'WHERE e.user_id = u.user_id AND e.month_year = u.month_year', NULL
           WHERE EXISTS (SELECT FROM jsonb_array_elements(club -> 'finance.user_earnings' -> 'parts') AS p WHERE p ->> 'column_name' = 'total_submissions' AND p ->> 'how' = 'missing')
          UNION ALL
          SELECT 2, row_number() OVER (), s.object, s.what, s.why, s.risk, s.statement, s.undo FROM pull_up_club.adopt_blueprint(club) AS s
          UNION ALL
          SELECT 3, row_number() OVER (), s.object, s.what, s.why, s.risk, s.statement, s.undo FROM pull_up_club.adopt_constraints(club) AS s
          UNION ALL
          SELECT 4, row_number() OVER (), s.object, s.what, s.why, s.risk, s.statement, s.undo FROM pull_up_club.adopt_indexes(club) AS s
          UNION ALL
          SELECT 5, row_number() OVER (ORDER BY o.place, o.grantee), lower(o.place) , 'grant', format('%s needs it', o.grantee), 'none', format('GRANT %s ON %s TO %I', o.privilege, o.place, o.grantee),
                 format('REVOKE %s ON %s FROM %I', o.privilege, o.place, o.grantee)
            FROM pull_up_club.openings() AS o) AS steps
$$;
COMMENT ON FUNCTION pull_up_club.plan_adoption(jsonb, jsonb) IS 'the steps that adopt() takes with the tables that find_club() has found';
REVOKE EXECUTE ON FUNCTION pull_up_club.plan_adoption(jsonb, jsonb) FROM PUBLIC;
