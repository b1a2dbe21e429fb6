-- move_to_schemas(): the tables of an adopted club move to their canonical names; the old names become views, so that old clients go
-- on. No row is copied: names change in the catalog. move_back() takes it back.

-- Names -----------------------------------------------------------------------------------------------------------------------------

-- A canonical name that another column of the table has is freed: that one gets another name.
CREATE FUNCTION pull_up_club.column_renames(base regclass, columns jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH mapped AS (
    SELECT c.key AS is_now, c.value AS was FROM jsonb_each_text(columns) AS c
  ), own AS (
    SELECT a.attname::text AS name FROM pg_attribute a WHERE a.attrelid = base AND a.attnum > 0 AND NOT a.attisdropped AND a.attname NOT IN (SELECT was FROM mapped)
  )
  SELECT coalesce(jsonb_object_agg(was, is_now), '{}')
    FROM (SELECT was, is_now FROM mapped WHERE was <> is_now
          UNION ALL
          SELECT o.name, (SELECT new.name FROM generate_series(0, 100) AS n, LATERAL (SELECT left(o.name, 50) || '_before' || coalesce(nullif(n, 0)::text, '')) AS new(name)
                           WHERE new.name NOT IN (SELECT name FROM own UNION SELECT was FROM mapped UNION SELECT is_now FROM mapped) ORDER BY n LIMIT 1)
            FROM own o WHERE o.name IN (SELECT is_now FROM mapped)) AS r
$$;
COMMENT ON FUNCTION pull_up_club.column_renames(regclass, jsonb) IS 'part of move_to_schemas(): {column: its name after the move} of those whose name changes';

CREATE FUNCTION pull_up_club.swapped(renames jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT coalesce(jsonb_object_agg(value, key), '{}') FROM jsonb_each_text(renames) $$;
COMMENT ON FUNCTION pull_up_club.swapped(jsonb) IS 'renames the other way round';

-- In a rule a column stands behind new or old; elsewhere every name that is one's is.
CREATE FUNCTION pull_up_club.in_new_names(expression text, renames jsonb, in_rule boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(CASE WHEN name IS NOT NULL AND renames ? name AND (NOT in_rule OR before = '.' AND lower(before_that) IN ('new', 'old')) THEN quote_ident(renames ->> name) ELSE token END, '' ORDER BY n)
    FROM (SELECT n, t[1] AS token, lag(t[1]) OVER (ORDER BY n) AS before, lag(t[1], 2) OVER (ORDER BY n) AS before_that,
                 CASE WHEN t[1] LIKE '"%' THEN replace(substr(t[1], 2, length(t[1]) - 2), '""', '"') WHEN t[1] ~ '^[[:alpha:]_]' THEN lower(t[1]) END AS name
            FROM regexp_matches(expression, $re$("(?:[^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*|'[^']*'|[^"'[:alpha:]_]+|.)$re$, 'g') WITH ORDINALITY AS m(t, n)) AS tokens
$$;
COMMENT ON FUNCTION pull_up_club.in_new_names(text, jsonb, boolean) IS 'an expression with the names that columns have after a rename; what is quoted as a string stays';

CREATE FUNCTION pull_up_club.rule_in_new_names(rule text, renames jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN renames = '{}' THEN rule ELSE json_strip_nulls(json_object_agg(key, CASE
           WHEN key IN ('column', 'twin') AND renames ? (value #>> '{}') THEN to_json(renames ->> (value #>> '{}'))
           WHEN json_typeof(value) = 'array' AND key IN ('columns', 'only', 'except')
             THEN (SELECT json_agg(coalesce(renames ->> c, c) ORDER BY n) FROM json_array_elements_text(value) WITH ORDINALITY AS e(c, n))
           WHEN key IN ('condition', 'value', 'call', 'to_twin', 'from_twin') THEN to_json(pull_up_club.in_new_names(value #>> '{}', renames, true))
           ELSE value END ORDER BY place))::text END
    FROM json_each(rule::json) WITH ORDINALITY AS e(key, value, place)
$$;
COMMENT ON FUNCTION pull_up_club.rule_in_new_names(text, jsonb) IS 'a rule of lifeguard, as get_rules() gives it, with the names that columns have after a rename';

-- What holds names of columns as text; what is in the catalog follows by itself.
CREATE FUNCTION pull_up_club.note_renames(name text, columns jsonb, renames jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base constant regclass := (SELECT a.base FROM pull_up_club.adopted_tables a WHERE a.name = note_renames.name);
BEGIN
  UPDATE pull_up_club.adopted_tables a SET columns = note_renames.columns WHERE a.name = note_renames.name;
  UPDATE lifeguard.introduced_constraints i SET definition = pull_up_club.in_new_names(i.definition, renames, false) WHERE i.relation = base;
  UPDATE lifeguard.introduced_constraints i SET parts = lifeguard.parts_of_constraint(i.relation, i.definition) WHERE i.relation = base AND i.parts IS NOT NULL;
  UPDATE monitoring.access_owners o SET own_column = renames ->> o.own_column::text WHERE o.relation = base AND renames ? o.own_column::text;
  UPDATE monitoring.access_owners o SET via_key = coalesce(renames ->> o.via_key::text, o.via_key), via_user = coalesce(renames ->> o.via_user::text, o.via_user),
         via_condition = pull_up_club.in_new_names(o.via_condition, renames, false) WHERE o.via = base;
  UPDATE lifeguard.identity_sources s
     SET user_column = coalesce(renames ->> s.user_column::text, s.user_column), organization_column = coalesce(renames ->> s.organization_column::text, s.organization_column),
         role_column = coalesce(renames ->> s.role_column::text, s.role_column), condition = pull_up_club.in_new_names(s.condition, renames, false)
   WHERE s.relation = base;
END $$;
COMMENT ON FUNCTION pull_up_club.note_renames(text, jsonb, jsonb) IS 'part of move_to_schemas(): the registers that hold names of a table''s columns';

CREATE FUNCTION pull_up_club.set_rules_aside(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO pull_up_club.set_aside (relation, before, after) VALUES (relation, lifeguard.get_rules(relation, 'before'), lifeguard.get_rules(relation, 'after'));
  PERFORM lifeguard.forget(relation);
END $$;
COMMENT ON FUNCTION pull_up_club.set_rules_aside(regclass) IS 'part of move_to_schemas(): withdraws a table''s rules for a while';

CREATE FUNCTION pull_up_club.put_rules_back(relation regclass, renames jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  aside pull_up_club.set_aside;
BEGIN
  DELETE FROM pull_up_club.set_aside a WHERE a.relation = put_rules_back.relation RETURNING a.* INTO aside;
  PERFORM lifeguard.set_rules(relation, 'before', ARRAY(SELECT pull_up_club.rule_in_new_names(r, renames) FROM unnest(aside.before) WITH ORDINALITY AS t(r, n) ORDER BY n));
  PERFORM lifeguard.set_rules(relation, 'after', ARRAY(SELECT pull_up_club.rule_in_new_names(r, renames) FROM unnest(aside.after) WITH ORDINALITY AS t(r, n) ORDER BY n));
END $$;
COMMENT ON FUNCTION pull_up_club.put_rules_back(regclass, jsonb) IS 'part of move_to_schemas(): declares a table''s rules again, with the names that its columns have now';

-- What depends on the canonical views -----------------------------------------------------------------------------------------------

CREATE FUNCTION pull_up_club.dependents_of(views regclass[]) RETURNS TABLE (kind text, relation regclass, object text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT CASE WHEN c.relkind = 'v' THEN 'view' WHEN f.pronamespace = 'lifeguard'::regnamespace AND f.proname IN ('before_row', 'after_row') THEN 'rules' ELSE 'other' END,
         CASE WHEN c.relkind = 'v' THEN c.oid ELSE t.tgrelid END::regclass, pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM pg_class v JOIN pg_type y ON y.oid = v.reltype
    JOIN pg_depend d ON d.deptype IN ('n', 'a') AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = v.oid OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (y.oid, y.typarray))
    LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_class c ON c.oid = r.ev_class AND r.rulename = '_RETURN'
    LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
    LEFT JOIN pg_proc f ON f.oid = t.tgfoid
   WHERE v.oid = ANY (views) AND r.ev_class IS DISTINCT FROM v.oid
$$;
COMMENT ON FUNCTION pull_up_club.dependents_of(regclass[]) IS 'what depends on these views: other views, tables with rules of lifeguard, and other objects';

-- Set aside, a view says nothing, but keeps its columns, and with them grants, comments, and what depends on it. One that was
-- dropped meanwhile stays so.
CREATE FUNCTION pull_up_club.set_view_aside(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  view constant regclass := to_regclass(name);
BEGIN
  IF view IS NULL THEN
    RETURN;
  END IF;
  INSERT INTO pull_up_club.set_aside (relation, view_statement)
  SELECT view, format('CREATE OR REPLACE VIEW %s%s AS%s', view, ' WITH (' || array_to_string(c.reloptions, ', ') || ')', E'\n' || pg_get_viewdef(view)) FROM pg_class c WHERE c.oid = view;
  EXECUTE (SELECT format('CREATE OR REPLACE VIEW %s AS SELECT %s WHERE false', view, string_agg(format('NULL::%s%s AS %I', format_type(a.atttypid, a.atttypmod),
                         CASE WHEN a.attcollation <> t.typcollation THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END, a.attname), ', ' ORDER BY a.attnum))
             FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = view AND a.attnum > 0);
END $$;
COMMENT ON FUNCTION pull_up_club.set_view_aside(text) IS 'part of move_to_schemas(): leaves of a view nothing but its columns, for a while';

CREATE FUNCTION pull_up_club.put_view_back(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  aside pull_up_club.set_aside;
BEGIN
  DELETE FROM pull_up_club.set_aside a WHERE a.relation = to_regclass(name) RETURNING a.* INTO aside;
  IF FOUND THEN
    EXECUTE aside.view_statement;
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.put_view_back(text) IS 'part of move_to_schemas(): lets a view say again what it said';

CREATE FUNCTION pull_up_club.move_problems() RETURNS TABLE (object text, problem text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH moving AS (
    SELECT a.name, a.base, to_regclass(a.name) AS view, c.relname, c.relnamespace, to_regnamespace(split_part(a.name, '.', 1)) AS place
      FROM pull_up_club.adopted_tables a JOIN pg_class c ON c.oid = a.base WHERE a.base IS DISTINCT FROM to_regclass(a.name)
  )
  SELECT m.name, format('%s depends on the view %s and would not survive', d.object, m.view)
    FROM moving m, pull_up_club.dependents_of(ARRAY[m.view]) AS d WHERE d.kind = 'other'
  UNION ALL   -- a table takes its indexes and the sequences of its columns along
  SELECT m.name, format('the name %I.%I is taken, and %s has an index or a sequence %I', m.place::text, c.relname, m.base, c.relname)
    FROM moving m JOIN pg_class c ON c.oid IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = m.base
                                               UNION SELECT d.objid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = m.base AND d.deptype IN ('a', 'i'))
    JOIN pg_class o ON o.relnamespace = m.place AND o.relname = c.relname AND o.oid <> c.oid
   WHERE c.relnamespace <> m.place AND c.relkind IN ('i', 'I', 'S')
  UNION ALL
  SELECT m.name, format('there is no view %s any more', m.name) FROM moving m WHERE m.view IS NULL
  UNION ALL
  SELECT m.name, format('%s belongs to an extension', m.base)
    FROM moving m WHERE EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = m.base AND d.deptype = 'e')
  ORDER BY 1, 2
$$;
COMMENT ON FUNCTION pull_up_club.move_problems() IS 'why tables of an adopted club cannot move to their canonical names';

-- The plan ----------------------------------------------------------------------------------------------------------------------------

-- Through a name that nobody has, where a name changes or two tables have each other's.
CREATE FUNCTION pull_up_club.renaming(what text, renames jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH r AS (SELECT key AS was, value AS is_now, row_number() OVER (ORDER BY key) AS n, EXISTS (SELECT FROM jsonb_each_text(renames) AS o WHERE o.value = e.key) AS wanted FROM jsonb_each_text(renames) AS e)
  SELECT string_agg(format('%s RENAME %I TO %I', what, was, is_now), '; ' ORDER BY phase, n)
    FROM (SELECT 1 AS phase, n, was, 'pull_up_club_moves_' || n AS is_now FROM r WHERE wanted
          UNION ALL
          SELECT 2, n, was, is_now FROM r WHERE NOT wanted
          UNION ALL
          SELECT 3, n, 'pull_up_club_moves_' || n, is_now FROM r WHERE wanted) AS s
$$;
COMMENT ON FUNCTION pull_up_club.renaming(text, jsonb) IS 'the statements that rename columns, also when one gets the name that another one has';

CREATE FUNCTION pull_up_club.moving(was_schema name, was_name name, schema_name name, new_name name) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN was_name = new_name THEN format('ALTER TABLE %I.%I SET SCHEMA %I', was_schema, was_name, schema_name)
              ELSE concat_ws('; ', format('ALTER TABLE %I.%I RENAME TO pull_up_club_moves', was_schema, was_name),
                                   CASE WHEN was_schema <> schema_name THEN format('ALTER TABLE %I.pull_up_club_moves SET SCHEMA %I', was_schema, schema_name) END,
                                   format('ALTER TABLE %I.pull_up_club_moves RENAME TO %I', schema_name, new_name)) END
$$;
COMMENT ON FUNCTION pull_up_club.moving(name, name, name, name) IS 'the statements that give a table another schema and name';

CREATE FUNCTION pull_up_club.plan_move() RETURNS SETOF pull_up_club.adoption_step
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  moving record;
  other  record;
  views  constant regclass[] := ARRAY(SELECT to_regclass(a.name) FROM pull_up_club.adopted_tables a WHERE a.base <> to_regclass(a.name));
  front  pull_up_club.adoption_step[] := '{}';   -- what is set aside: before the tables move, in this order
  back   pull_up_club.adoption_step[] := '{}';   -- and put back, in the opposite one
  drops  pull_up_club.adoption_step[] := '{}';
  moves  pull_up_club.adoption_step[] := '{}';
  stands pull_up_club.adoption_step[] := '{}';   -- the views under the old names: what is put back may ask those
BEGIN
  FOR other IN SELECT DISTINCT v.relation FROM pull_up_club.dependents_of(views) AS v WHERE v.kind = 'view' ORDER BY 1 LOOP
    front := front || ROW(NULL, other.relation, 'set the view aside', 'it asks for a name that changes hands', 'it is empty until it is put back, in this transaction',
                          format('SELECT pull_up_club.set_view_aside(%L)', other.relation), format('SELECT pull_up_club.put_view_back(%L)', other.relation))::pull_up_club.adoption_step;
    back := ROW(NULL, other.relation, 'put the view back', 'it asks the table itself', 'none',
                format('SELECT pull_up_club.put_view_back(%L)', other.relation), format('SELECT pull_up_club.set_view_aside(%L)', other.relation))::pull_up_club.adoption_step || back;
  END LOOP;

  FOR other IN
    SELECT r.relation, coalesce(a.name, r.relation::text) AS is_now, CASE WHEN a.name IS NULL THEN '{}' ELSE pull_up_club.column_renames(a.base, a.columns) END AS renames
      FROM (SELECT d.relation FROM pull_up_club.dependents_of(views) AS d WHERE d.kind = 'rules'
            UNION
            SELECT a.base FROM pull_up_club.adopted_tables a
             WHERE a.base <> to_regclass(a.name) AND pull_up_club.column_renames(a.base, a.columns) <> '{}' AND EXISTS (SELECT FROM lifeguard.rules l WHERE l.relation = a.base)) AS r
      LEFT JOIN pull_up_club.adopted_tables a ON a.base = r.relation
     ORDER BY r.relation::text
  LOOP
    front := front || ROW(NULL, other.relation, 'set the rules aside', 'their text names what changes its name', 'none: nobody writes meanwhile',
                          format('SELECT pull_up_club.set_rules_aside(%L)', other.relation),
                          format('SELECT pull_up_club.put_rules_back(%L, %L)', other.relation, pull_up_club.swapped(other.renames)))::pull_up_club.adoption_step;
    back := ROW(NULL, other.is_now, 'declare the rules again', 'with the names of now', 'none', format('SELECT pull_up_club.put_rules_back(%L, %L)', other.is_now, other.renames),
                format('SELECT pull_up_club.set_rules_aside(%L)', other.is_now))::pull_up_club.adoption_step || back;
  END LOOP;

  FOR moving IN
    SELECT a.name, a.base, a.columns, c.relname, n.nspname, split_part(a.name, '.', 1) AS new_schema, split_part(a.name, '.', 2) AS new_name, pull_up_club.column_renames(a.base, a.columns) AS renames
      FROM pull_up_club.adopted_tables a JOIN pg_class c ON c.oid = a.base JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pull_up_club.blueprint b ON b.kind = 'table' AND b.name = a.name
     WHERE a.base <> to_regclass(a.name) ORDER BY b.place
  LOOP
    drops := drops || ROW(NULL, moving.name, 'drop the view', format('%s takes its name', moving.base), 'none', format('DROP VIEW %s', moving.name),
      format('SELECT lifeguard.create_compatibility_view(%L, %L, %L); SELECT pull_up_club.put_grants(%L, %L)', moving.name, moving.base,
             (SELECT jsonb_agg(jsonb_build_object(k.column_name, moving.columns ->> k.column_name) ORDER BY k.place) FROM pull_up_club.canonical_columns k WHERE k.name = moving.name),
             moving.name, pull_up_club.grants_of(to_regclass(moving.name))))::pull_up_club.adoption_step;
    IF moving.renames <> '{}' THEN
      moves := moves || ROW(NULL, moving.base, 'rename columns', (SELECT string_agg(format('%s becomes %s', key, value), ', ' ORDER BY key) FROM jsonb_each_text(moving.renames)), 'the view that takes the old name has the old ones',
                            pull_up_club.renaming(format('ALTER TABLE %s', moving.base), moving.renames)
                            || format('; SELECT pull_up_club.note_renames(%L, %L, %L)', moving.name, (SELECT jsonb_object_agg(key, key) FROM jsonb_each(moving.columns)), moving.renames),
                            pull_up_club.renaming(format('ALTER TABLE %s', moving.base), pull_up_club.swapped(moving.renames))
                            || format('; SELECT pull_up_club.note_renames(%L, %L, %L)', moving.name, moving.columns, pull_up_club.swapped(moving.renames)))::pull_up_club.adoption_step;
    END IF;
    moves := moves || ROW(NULL, moving.base, format('move it to %s', moving.name), 'the club''s own place; indexes, constraints, triggers and policies come along', 'COPY, TRUNCATE and ALTER TABLE of the old name are refused',
                          pull_up_club.moving(moving.nspname, moving.relname, moving.new_schema, moving.new_name),
                          pull_up_club.moving(moving.new_schema, moving.new_name, moving.nspname, moving.relname))::pull_up_club.adoption_step;
    stands := stands || ROW(NULL, moving.base, format('make it a view of %s', moving.name), 'old clients go on under the old names', 'none: reads and writes go through it to the table',
                        format('SELECT lifeguard.create_compatibility_view(%L, %L, %L)', format('%I.%I', moving.nspname, moving.relname), moving.name,
                               (SELECT jsonb_agg(jsonb_build_object(t.attname, coalesce(moving.renames ->> t.attname, t.attname)) ORDER BY t.attnum)
                                  FROM pg_attribute t WHERE t.attrelid = moving.base AND t.attnum > 0 AND NOT t.attisdropped)),
                        format('DROP VIEW %I.%I', moving.nspname, moving.relname))::pull_up_club.adoption_step;
  END LOOP;

  RETURN QUERY SELECT n::int, s.object, s.what, s.why, s.risk, s.statement, s.undo
                 FROM unnest(front || drops || moves || stands || back) WITH ORDINALITY AS s(step, object, what, why, risk, statement, undo, n);
END $$;
COMMENT ON FUNCTION pull_up_club.plan_move() IS 'the steps that move_to_schemas() takes';

CREATE FUNCTION pull_up_club.move_to_schemas(dry_run boolean DEFAULT true) RETURNS TABLE (step int, object text, what text, why text, risk text, statement text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  begun   constant timestamptz := clock_timestamp();
  steps   pull_up_club.adoption_step[];
  problem text;
BEGIN
  IF dry_run IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'move_to_schemas: dry_run is true or false, not NULL',
      HINT = 'move_to_schemas(dry_run => false) does what move_to_schemas() shows.';
  END IF;
  PERFORM pg_advisory_xact_lock('pg_extension'::regclass::int, hashtext('pull_up_club'));
  PERFORM pull_up_club.require_adopted('move_to_schemas');
  IF dry_run THEN
    RETURN QUERY SELECT 0, p.object, 'resolve', p.problem, 'move_to_schemas(dry_run => false) refuses', NULL::text FROM pull_up_club.move_problems() AS p;
    RETURN QUERY SELECT p.step, p.object, p.what, p.why, p.risk, p.statement FROM pull_up_club.plan_move() AS p ORDER BY p.step;
    RETURN;
  END IF;

  PERFORM pull_up_club.lock_tables(ARRAY(SELECT a.base FROM pull_up_club.adopted_tables a));
  SELECT string_agg(format('%s: %s', p.object, p.problem), '; ') INTO problem FROM pull_up_club.move_problems() AS p;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG128',
      MESSAGE = 'CANNOT_MOVE: ' || problem,
      DETAIL = (SELECT jsonb_agg(to_jsonb(p)) FROM pull_up_club.move_problems() AS p),
      HINT = 'Nothing was changed. Drop or rename what is in the way; what depends on such a view can be made again afterwards, on the table that takes its name.';
  END IF;
  steps := ARRAY(SELECT p FROM pull_up_club.plan_move() AS p ORDER BY p.step);
  PERFORM pull_up_club.do_steps('move', steps);
  RETURN QUERY SELECT s.step, s.object, s.what, s.why, s.risk, s.statement FROM unnest(steps) AS s ORDER BY s.step;
  RAISE INFO '%', CASE WHEN cardinality(steps) = 0 THEN 'nothing is to be moved: the tables have their canonical names'
                       ELSE format('the tables have their canonical names: %s steps, in %s seconds; move_back() takes them back', cardinality(steps),
                                   round(extract(epoch FROM clock_timestamp() - begun)::numeric, 1)) END;
END $$;
COMMENT ON FUNCTION pull_up_club.move_to_schemas(boolean) IS
  'what would be done to move an adopted club''s tables to their canonical names, with views under the old ones for old clients: (step, object, what, why, risk, statement); no row is copied. '
  'dry_run => false does it, all or nothing, and says each step; a second time nothing is left to do. LG108 NOT_PERMITTED, LG124 ADOPTION_WAITS, LG125 STEP_FAILED, LG130 NOT_ADOPTED, LG128 CANNOT_MOVE';

CREATE FUNCTION pull_up_club.move_back() RETURNS TABLE (step int, object text, what text, statement text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pull_up_club.require_rights(ARRAY(SELECT a.base FROM pull_up_club.adopted_tables a));
  RETURN QUERY SELECT * FROM pull_up_club.take_back('move', 'move_back');
END $$;
COMMENT ON FUNCTION pull_up_club.move_back() IS
  'takes move_to_schemas() back: the tables have their old names again, and the canonical names are views; returns a line for each step. LG108 NOT_PERMITTED, LG124 ADOPTION_WAITS, LG125 STEP_FAILED, LG129 TAKEN_BACK_IN_ORDER';

REVOKE EXECUTE ON FUNCTION pull_up_club.note_renames(text, jsonb, jsonb), pull_up_club.set_rules_aside(regclass), pull_up_club.put_rules_back(regclass, jsonb),
                           pull_up_club.set_view_aside(text), pull_up_club.put_view_back(text) FROM PUBLIC;
