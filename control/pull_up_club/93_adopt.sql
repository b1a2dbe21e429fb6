-- adopt() takes an existing club's database aboard as it is; release() lets it go as it was.

-- The canonical name as a view of the table that was there, for whoever may use the table.
CREATE FUNCTION pull_up_club.stand_for(name text, base regclass, columns jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lifeguard.create_compatibility_view(name, base,
    (SELECT jsonb_agg(jsonb_build_object(k.column_name, columns ->> k.column_name) ORDER BY k.place) FROM pull_up_club.canonical_columns k WHERE k.name = stand_for.name));
  INSERT INTO pull_up_club.adopted_tables (name, base, columns) VALUES (stand_for.name, stand_for.base, stand_for.columns);
END $$;
COMMENT ON FUNCTION pull_up_club.stand_for(text, regclass, jsonb) IS 'part of adopt(): makes a canonical name a view of the table that was there';

CREATE FUNCTION pull_up_club.stand_for_no_more(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('DROP VIEW %s', to_regclass(name));
  DELETE FROM pull_up_club.adopted_tables a WHERE a.name = stand_for_no_more.name;
END $$;
COMMENT ON FUNCTION pull_up_club.stand_for_no_more(text) IS 'part of release(): drops the view of a canonical name';

-- What users have written since, they keep.
CREATE FUNCTION pull_up_club.drop_column(base regclass, column_name text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  default_value text := (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                          WHERE d.adrelid = base AND a.attname = column_name);
  used          boolean;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT FROM %1$s WHERE %2$I IS DISTINCT FROM %3$s)', base, column_name,
                 CASE WHEN default_value LIKE '%(%' THEN format('(SELECT %2$I FROM %1$s LIMIT 1)', base, column_name) ELSE coalesce(default_value, 'NULL') END) INTO used;
  IF used THEN
    RETURN format('%s.%I is kept: there are values in it', base, column_name);
  END IF;
  EXECUTE format('ALTER TABLE %s DROP COLUMN %I', base, column_name);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION pull_up_club.drop_column(regclass, text) IS 'part of release(): drops a column that adopt() has added, unless there is something in it; then it says so';

CREATE FUNCTION pull_up_club.restore_key(base regclass, constraint_name name, definition text, column_name name, not_null boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied boolean;
  said    text;
BEGIN
  BEGIN
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %3$s', base, constraint_name, definition);
  EXCEPTION WHEN foreign_key_violation THEN
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %3$s NOT VALID', base, constraint_name, definition);
    said := format('%s on %s is NOT VALID: rows break it that came past it', constraint_name, base);
  END;
  EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I IS NULL)', base, column_name) INTO emptied;
  IF not_null AND NOT emptied THEN
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', base, column_name);
  ELSIF not_null THEN
    said := concat_ws('; ', said, format('%s.%I stays without NOT NULL: members have left', base, column_name));
  END IF;
  RETURN said;
END $$;
COMMENT ON FUNCTION pull_up_club.restore_key(regclass, name, text, name, boolean) IS 'part of release(): a foreign key as it was; the column is NOT NULL again unless members have left';

-- In the order of its primary key, which is not remembered as the table's.
CREATE FUNCTION pull_up_club.make_room(base regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  clustered name := (SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = base AND i.indisclustered);
BEGIN
  EXECUTE format('ALTER TABLE %s SET (fillfactor = 80)', base);
  EXECUTE format('CLUSTER %s USING %I', base, coalesce(clustered, (SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = base AND i.indisprimary)));
  IF clustered IS NULL THEN
    EXECUTE format('ALTER TABLE %s SET WITHOUT CLUSTER', base);
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.make_room(regclass) IS 'part of adopt(): rewrites a table with room in its pages for updates in place';

CREATE FUNCTION pull_up_club.drop_index(name text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_index i
                   JOIN pg_index o ON o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid AND o.indisvalid AND o.indpred IS NULL AND o.indnkeyatts >= i.indnkeyatts
                   JOIN pg_class c ON c.oid = o.indexrelid AND c.relam = (SELECT relam FROM pg_class WHERE oid = i.indexrelid)
                  WHERE i.indexrelid = to_regclass(name)
                    AND (o.indkey::int2[])[0:i.indnatts - 1] = (i.indkey::int2[])[0:i.indnatts - 1] AND (o.indclass::oid[])[0:i.indnkeyatts - 1] = (i.indclass::oid[])[0:i.indnkeyatts - 1]
                    AND (o.indcollation::oid[])[0:i.indnkeyatts - 1] = (i.indcollation::oid[])[0:i.indnkeyatts - 1] AND (o.indoption::int2[])[0:i.indnkeyatts - 1] = (i.indoption::int2[])[0:i.indnkeyatts - 1]) THEN
    RETURN format('%s is kept: no other index serves as well', name);
  END IF;
  EXECUTE format('DROP INDEX %s', to_regclass(name));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION pull_up_club.drop_index(text) IS 'part of adopt(): drops an index where another one begins with the same columns; else it says so';

CREATE FUNCTION pull_up_club.restore_index(name text, definition text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regclass(name) IS NULL THEN
    EXECUTE definition;
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION pull_up_club.restore_index(text, text) IS 'part of release(): makes an index again as it was';

CREATE FUNCTION pull_up_club.drop_table(name text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF pull_up_club.has_rows(to_regclass(name)) THEN
    RETURN format('%s is kept: there are rows in it', name);
  END IF;
  EXECUTE format('DROP TABLE %s', to_regclass(name));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION pull_up_club.drop_table(text) IS 'part of release(): drops a table that adopt() has made, unless there are rows in it; then it says so';

CREATE FUNCTION pull_up_club.drop_schema(name text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = to_regnamespace(name) AND d.deptype = 'n') THEN
    RETURN format('the schema %s is kept: there is something in it', name);
  END IF;
  EXECUTE format('DROP SCHEMA %s', to_regnamespace(name));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION pull_up_club.drop_schema(text) IS 'part of release(): drops a schema that adopt() has made, when nothing else is in it; else it says so';

-- The sessions that hold locks on the tables, or adopt or install themselves, for people.
CREATE FUNCTION pull_up_club.who_holds(relations regclass[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(format('%s (pid %s%s) holds %s%s', coalesce(a.usename, 'somebody'), l.pid, ', ' || nullif(a.application_name, ''), coalesce(l.mode || ' on ' || l.relation::regclass, 'the club'),
                           ', for ' || date_trunc('second', clock_timestamp() - a.xact_start)), '; ' ORDER BY a.xact_start, l.pid)
    FROM (SELECT DISTINCT ON (pid) pid, CASE locktype WHEN 'relation' THEN mode END AS mode, relation FROM pg_locks
           WHERE (locktype = 'relation' AND relation = ANY (relations::oid[])
                  OR locktype = 'advisory' AND classid = 'pg_extension'::regclass AND objid = (hashtext('pull_up_club')::bigint & 4294967295)::oid AND objsubid = 2)
             AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND pid <> pg_backend_pid()
           ORDER BY pid, locktype = 'relation' DESC, array_position('{AccessExclusiveLock,ExclusiveLock,ShareRowExclusiveLock,ShareLock,ShareUpdateExclusiveLock,RowExclusiveLock,RowShareLock}', mode)) AS l
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid
$$;
COMMENT ON FUNCTION pull_up_club.who_holds(regclass[]) IS 'who holds locks on these tables, or the one by which nobody adopts or installs at the same time: user, process, mode, since when';
REVOKE EXECUTE ON FUNCTION pull_up_club.who_holds(regclass[]) FROM PUBLIC;

CREATE FUNCTION pull_up_club.raise_waits(relations regclass[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'LG124',
    MESSAGE = format('ADOPTION_WAITS: the club''s tables are in use: %s', coalesce(pull_up_club.who_holds(relations), 'by a transaction that has just ended')),
    DETAIL = jsonb_build_object('tables', to_jsonb(relations::text[]), 'lock_timeout', pull_up_club.patience()),
    HINT = 'Nothing was changed. Try again when they are done, or SET lock_timeout to more; while this waits, others wait behind it.';
END $$;
COMMENT ON FUNCTION pull_up_club.raise_waits(regclass[]) IS 'part of adopt() and release(): LG124 ADOPTION_WAITS with who holds the tables';
REVOKE EXECUTE ON FUNCTION pull_up_club.raise_waits(regclass[]) FROM PUBLIC;

CREATE FUNCTION pull_up_club.patience() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE current_setting('lock_timeout') WHEN '0' THEN '5s' ELSE current_setting('lock_timeout') END
$$;
COMMENT ON FUNCTION pull_up_club.patience() IS 'part of adopt() and release(): how long they wait for others: lock_timeout, and 5 seconds where that is 0';

-- One at a time adopts, releases or installs.
CREATE FUNCTION pull_up_club.lock_club(relations regclass[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was constant text := current_setting('lock_timeout');
BEGIN
  PERFORM set_config('lock_timeout', pull_up_club.patience(), true);
  PERFORM pg_advisory_xact_lock('pg_extension'::regclass::int, hashtext('pull_up_club'));
  PERFORM set_config('lock_timeout', was, true);
EXCEPTION WHEN lock_not_available THEN
  PERFORM pull_up_club.raise_waits(relations);
END $$;
COMMENT ON FUNCTION pull_up_club.lock_club(regclass[]) IS 'part of adopt() and release(): lets one at a time go on, or LG124 ADOPTION_WAITS';
REVOKE EXECUTE ON FUNCTION pull_up_club.lock_club(regclass[]) FROM PUBLIC;

-- Who writes through a view has that before the table; such a view may be dropped here.
CREATE FUNCTION pull_up_club.views_of(relations regclass[]) RETURNS regclass[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE part(id, owner) AS (
    SELECT c.oid, c.relowner FROM pg_class c WHERE c.oid = ANY (relations::oid[])
    UNION
    SELECT v.oid, v.relowner
      FROM part p JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = p.id AND d.classid = 'pg_rewrite'::regclass
      JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class WHERE v.relkind = 'v' AND v.oid <> p.id AND v.relowner = p.owner)
  SELECT ARRAY(SELECT id::regclass FROM part WHERE id <> ALL (relations::oid[]) ORDER BY id)
$$;
COMMENT ON FUNCTION pull_up_club.views_of(regclass[]) IS 'the views of these tables, and of those views, that are their owner''s';

-- All at once, for no longer than lock_timeout; a server that waits for ever waits five seconds here. An approval holds one table when
-- it comes to the next: who kept what he has while he waits would make a deadlock of it, and the approval may be the one that dies.
-- So what could not be had soon is let go, and tried again with that table first: there the approvals that come wait, and those that
-- are under way end.
CREATE FUNCTION pull_up_club.lock_tables(relations regclass[], mode text DEFAULT 'ACCESS EXCLUSIVE') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was      constant text := current_setting('lock_timeout');
  deadline constant timestamptz := clock_timestamp() + pull_up_club.patience()::interval;
  wanted   regclass[] := ARRAY(SELECT r FROM unnest(relations) AS r ORDER BY r::oid) || CASE mode WHEN 'ACCESS EXCLUSIVE' THEN pull_up_club.views_of(relations) ELSE '{}' END;
  this     regclass;
BEGIN
  IF relations = '{}' THEN
    RETURN;
  END IF;
  LOOP
    BEGIN
      -- less than the server's deadlock_timeout is by default
      PERFORM set_config('lock_timeout', greatest(1, least(300, extract(epoch FROM deadline - clock_timestamp()) * 1000))::int::text, true);
      FOREACH this IN ARRAY wanted LOOP
        EXECUTE format('LOCK TABLE %s IN %s MODE', this, mode);
      END LOOP;
      PERFORM set_config('lock_timeout', was, true);
      RETURN;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
      IF clock_timestamp() >= deadline THEN
        PERFORM pull_up_club.raise_waits(relations);
      END IF;
      wanted := this || array_remove(wanted, this);
    END;
  END LOOP;
END $$;
COMMENT ON FUNCTION pull_up_club.lock_tables(regclass[], text) IS 'locks tables, or LG124 ADOPTION_WAITS with whom it waited for after lock_timeout (5 seconds where that is 0)';
REVOKE EXECUTE ON FUNCTION pull_up_club.lock_tables(regclass[], text) FROM PUBLIC;

CREATE FUNCTION pull_up_club.users_table() RETURNS regclass[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY(SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'auth' AND c.relname = 'users' AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'DELETE'))
$$;
COMMENT ON FUNCTION pull_up_club.users_table() IS 'part of adopt() and release(): auth.users, which gets a trigger, where the caller may lock it';
REVOKE EXECUTE ON FUNCTION pull_up_club.users_table() FROM PUBLIC;

CREATE FUNCTION pull_up_club.candidates(source name, mapping jsonb) RETURNS regclass[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY(
    SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND pg_has_role(c.relowner, 'USAGE')
       AND (n.nspname = source AND c.relname IN (SELECT unnest(pull_up_club.names_of(m.name, NULL)) FROM pull_up_club.table_marks m)
            OR n.nspname !~ '^pg_(toast|temp)' AND c.oid::regclass::text IN (SELECT value ->> 'table' FROM jsonb_each(mapping))
            OR c.oid IN (SELECT a.base FROM pull_up_club.adopted_tables a)) ORDER BY c.oid)
$$;
COMMENT ON FUNCTION pull_up_club.candidates(name, jsonb) IS 'part of adopt(): the tables that it may look into';
REVOKE EXECUTE ON FUNCTION pull_up_club.candidates(name, jsonb) FROM PUBLIC;

-- What an owner has put on his table, triggers and checks, runs as whoever writes there; so does what is made for it run as whoever
-- makes it. Both are to be the owner: for a superuser other people's code is none to run, and of two owners neither is the club's.
CREATE FUNCTION pull_up_club.tables_of_others(tables regclass[]) RETURNS TABLE (relation regclass, owner name)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.oid::regclass, o.rolname
    FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner JOIN pg_roles u ON u.rolname = current_user
   WHERE c.oid = ANY (tables::oid[]) AND o.oid <> u.oid AND NOT (o.rolsuper AND u.rolsuper)
   ORDER BY c.oid::regclass::text
$$;
COMMENT ON FUNCTION pull_up_club.tables_of_others(regclass[]) IS 'those of the tables that are not the caller''s, with their owners; superusers'' are each other''s';

CREATE FUNCTION pull_up_club.require_ownership(tables regclass[], more text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lacks  constant text[] := ARRAY(SELECT m FROM unnest(more) AS m UNION ALL SELECT format('ownership of %s', t.relation) FROM pull_up_club.tables_of_others(tables) AS t ORDER BY 1);
  owners constant text[] := ARRAY(SELECT DISTINCT quote_ident(t.owner) FROM pull_up_club.tables_of_others(tables) AS t ORDER BY 1);
BEGIN
  IF lacks <> '{}' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG108',
      MESSAGE = format('NOT_PERMITTED: %s may not adopt, repair or release the club%s', current_user,
                       (SELECT format(': %s belongs to %s', t.relation, t.owner) FROM pull_up_club.tables_of_others(tables) AS t LIMIT 1)),
      DETAIL = jsonb_build_object('role', current_user, 'lacks', to_jsonb(lacks)),
      HINT = CASE WHEN owners = '{}' THEN 'Grant what is missing; or do it as a superuser, where the tables are his.'
                  WHEN cardinality(owners) = 1 AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = ANY (tables::oid[]) AND c.relowner = current_user::regrole)
                  THEN format('SET ROLE %s; and grant it what it lacks: also a superuser acts as the owner, whose triggers and checks run.', owners[1])
                  ELSE 'The club''s tables are one role''s, who adopts them. ALTER TABLE ... OWNER TO gives him one that is the club''s; one that is somebody else''s gets another name.' END;
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.require_ownership(regclass[], text[]) IS 'LG108 NOT_PERMITTED with the tables that are not the caller''s, and what else he is said to lack';

-- Anybody may ask, so that he learns what he lacks.
CREATE FUNCTION pull_up_club.require_rights(tables regclass[]) RETURNS void
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT pull_up_club.require_ownership(tables, ARRAY(
    SELECT r.lacks FROM pull_up_club.missing_rights() AS r
    UNION ALL   -- who writes there decides what release() runs
    SELECT format('%s on table pull_up_club.%I', p.privilege, t.name) FROM unnest('{adopted_tables,adoption,set_aside}'::text[]) AS t(name), unnest('{SELECT,INSERT,DELETE}'::text[]) AS p(privilege)
     WHERE NOT has_table_privilege('pull_up_club.' || t.name, p.privilege)
    UNION ALL   -- move_to_schemas() writes the columns' new names
    SELECT 'UPDATE on table pull_up_club.adopted_tables' WHERE NOT has_table_privilege('pull_up_club.adopted_tables', 'UPDATE')))
$$;
COMMENT ON FUNCTION pull_up_club.require_rights(regclass[]) IS 'part of adopt() and release(): LG108 NOT_PERMITTED with the rights that the caller lacks, among them the ownership of the tables';

CREATE FUNCTION pull_up_club.require_adoptable(source name, club jsonb, mapping jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  missing text[] := ARRAY(SELECT t.key FROM jsonb_each(club) AS t WHERE t.value ->> 'base' IS NULL AND NOT coalesce(mapping -> t.key, '{}') ? 'table' ORDER BY 1);
  problem text;
BEGIN
  IF missing <> '{}' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG121',
      MESSAGE = format('NOT_A_CLUB: the schema %I has no table like %s', source, array_to_string(missing, ', ')),
      DETAIL = jsonb_build_object('source', source, 'missing', to_jsonb(missing),
                                  'wanted', (SELECT jsonb_object_agg(m.name, m.has) FROM pull_up_club.table_marks m WHERE m.name = ANY (missing))),
      HINT = 'Name the schema, adopt(''other''), or the tables: adopt(mapping => ''{"content.submissions": {"table": "videos"}}''). A new club is made by install().';
  END IF;
  PERFORM pull_up_club.require_rights(ARRAY(SELECT (t.value ->> 'base')::regclass FROM jsonb_each(club) AS t));
  SELECT string_agg(format('%s: %s', p.object, p.problem), '; ') INTO problem FROM pull_up_club.adoption_problems(club) AS p;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG122',
      MESSAGE = 'NOT_ADOPTABLE: ' || problem,
      DETAIL = jsonb_build_object('problems', (SELECT jsonb_agg(to_jsonb(p)) FROM pull_up_club.adoption_problems(club) AS p)),
      HINT = 'Mend what the message names, or say which table and column is meant: adopt(mapping => ''{"finance.weekly_pools": {"total_amount_dollars": "its column", "ignore": ["a column that is not looked at"]}}'').';
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.require_adoptable(name, jsonb, jsonb) IS 'part of adopt(): LG108, LG121 or LG122 when it cannot be done';
REVOKE EXECUTE ON FUNCTION pull_up_club.require_adoptable(name, jsonb, jsonb) FROM PUBLIC;

-- Runs a statement of a plan; its failure says which step it was.
CREATE FUNCTION pull_up_club.run_step(step pull_up_club.adoption_step, statement text, steps int) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  said   text;
  detail text;
  hint   text;
BEGIN
  IF steps IS NOT NULL THEN
    RAISE INFO '% of %: %: %', step.step, steps, step.what, step.object;
  END IF;
  IF statement IS NULL THEN
    RETURN NULL;
  ELSIF statement ~ '^SELECT pull_up_club\.(drop|restore)_' THEN
    EXECUTE statement INTO said;
  ELSE
    EXECUTE statement;
  END IF;
  RETURN said;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RAISE EXCEPTION USING ERRCODE = 'LG125',
    MESSAGE = format('STEP_FAILED: step %s, %s %s: %s', step.step, step.what, step.object, SQLERRM),
    DETAIL = jsonb_build_object('step', step.step, 'object', step.object, 'statement', statement, 'sqlstate', SQLSTATE, 'error', SQLERRM, 'detail', detail, 'hint', hint),
    HINT = concat_ws(' ', nullif(hint, ''), 'Nothing was changed. Mend what the message names, and run it again; a dry run shows each step.');
END $$;
COMMENT ON FUNCTION pull_up_club.run_step(pull_up_club.adoption_step, text, int) IS 'part of adopt() and release(): one statement, with a line of progress where the number of steps is given; LG125 STEP_FAILED';
REVOKE EXECUTE ON FUNCTION pull_up_club.run_step(pull_up_club.adoption_step, text, int) FROM PUBLIC;

CREATE FUNCTION pull_up_club.adopt(source name DEFAULT 'public', dry_run boolean DEFAULT true, mapping jsonb DEFAULT '{}')
RETURNS TABLE (step int, object text, what text, why text, risk text, statement text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  begun constant timestamptz := clock_timestamp();
  club  jsonb;
  steps pull_up_club.adoption_step[];
  part  pull_up_club.adoption_step;
  done  int;
BEGIN
  IF source IS NULL OR dry_run IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'adopt: source is a schema and dry_run is true or false, not NULL',
      HINT = 'adopt(''public'', dry_run => false) does what adopt(''public'') shows.';
  END IF;
  -- who lacks rights learns all of it at once; else only the tables that are the club's have to be his
  PERFORM pull_up_club.require_rights(CASE WHEN EXISTS (SELECT FROM pull_up_club.missing_rights())
                                           THEN ARRAY(SELECT unnest(pull_up_club.candidates(m.name, source)) FROM pull_up_club.table_marks m) ELSE '{}' END);
  PERFORM pull_up_club.check_mapping(mapping);
  PERFORM pull_up_club.lock_club(pull_up_club.candidates(source, mapping));
  PERFORM pull_up_club.lock_tables(pull_up_club.candidates(source, mapping), 'ACCESS SHARE');   -- their rows are looked at
  club := pull_up_club.find_club(source, mapping);

  IF dry_run THEN
    RETURN QUERY SELECT 0, p.object, 'decide', p.problem, 'adopt(dry_run => false) refuses to guess', NULL::text FROM pull_up_club.adoption_problems(club) AS p;
    IF NOT FOUND THEN
      PERFORM pull_up_club.require_adoptable(source, club, mapping);
      RETURN QUERY SELECT p.step, p.object, p.what, p.why, p.risk, p.statement FROM pull_up_club.plan_adoption(club, mapping) AS p ORDER BY p.step;
    END IF;
    RETURN;
  END IF;

  PERFORM pull_up_club.require_read_committed('pull_up_club.adopt()');
  PERFORM pull_up_club.require_adoptable(source, club, mapping);
  PERFORM pull_up_club.lock_tables(ARRAY(SELECT (t.value ->> 'base')::regclass FROM jsonb_each(club) AS t) || pull_up_club.users_table());
  club := pull_up_club.find_club(source, mapping);   -- as it is now that nobody changes it
  PERFORM pull_up_club.require_adoptable(source, club, mapping);
  steps := ARRAY(SELECT p FROM pull_up_club.plan_adoption(club, mapping) AS p ORDER BY p.step);
  done := (SELECT coalesce(max(a.step), 0) FROM pull_up_club.adoption a);
  FOREACH part IN ARRAY steps LOOP
    PERFORM pull_up_club.run_step(part, part.statement, cardinality(steps));
    INSERT INTO pull_up_club.adoption (step, object, what, why, statement, undo) VALUES (done + part.step, part.object, part.what, part.why, part.statement, part.undo);
    RETURN QUERY SELECT part.step, part.object, part.what, part.why, part.risk, part.statement;
  END LOOP;
  RAISE INFO '%', CASE WHEN cardinality(steps) = 0 THEN 'nothing was missing: the club is adopted already'
                       ELSE format('the club is adopted: %s steps, %s tables, in %s seconds', cardinality(steps), (SELECT count(*) FROM pull_up_club.adopted_tables),
                                   round(extract(epoch FROM clock_timestamp() - begun)::numeric, 1)) END;
END $$;
COMMENT ON FUNCTION pull_up_club.adopt(name, boolean, jsonb) IS
  'what would be done to make the club in a schema one of ours where it is: (step, object, what, why, risk, statement); dry_run => false does it, all or nothing, and says each step. '
  'mapping: {canonical table: {"table": its name, canonical column: its column, "ignore": [columns], "keep_triggers": [triggers]}}. '
  'LG108 NOT_PERMITTED, LG115 in a transaction that is not READ COMMITTED, LG121 NOT_A_CLUB, LG122 NOT_ADOPTABLE, LG123 UNKNOWN_MAPPING, LG124 ADOPTION_WAITS, LG125 STEP_FAILED';

CREATE FUNCTION pull_up_club.release(dry_run boolean DEFAULT false)
RETURNS TABLE (step int, object text, what text, statement text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  taken pull_up_club.adoption;
  count int;
  nth   int := 0;
  said  text;
BEGIN
  IF dry_run IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'release: dry_run is true or false, not NULL',
      HINT = 'release(dry_run => true) shows what release() does.';
  END IF;
  PERFORM pull_up_club.require_rights(ARRAY(SELECT a.base FROM pull_up_club.adopted_tables a));
  PERFORM pull_up_club.lock_club(ARRAY(SELECT a.base FROM pull_up_club.adopted_tables a));
  IF dry_run THEN
    RETURN QUERY SELECT a.step, a.object, 'take back: ' || a.what, a.undo FROM pull_up_club.adoption a WHERE a.undo IS NOT NULL ORDER BY a.step DESC;
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM pull_up_club.adopted_tables) THEN
    PERFORM pull_up_club.lock_tables(ARRAY(SELECT a.base FROM pull_up_club.adopted_tables a) || pull_up_club.users_table());
  END IF;
  count := (SELECT count(*) FROM pull_up_club.adoption a WHERE a.undo IS NOT NULL);
  FOR taken IN SELECT * FROM pull_up_club.adoption a WHERE a.undo IS NOT NULL ORDER BY a.step DESC LOOP
    nth := nth + 1;
    said := pull_up_club.run_step(ROW(nth, taken.object, 'take back: ' || taken.what, taken.why, NULL, taken.undo, NULL)::pull_up_club.adoption_step, taken.undo, count);
    RETURN QUERY SELECT taken.step, taken.object, coalesce(said, 'taken back: ' || taken.what), taken.undo;
  END LOOP;
  DELETE FROM pull_up_club.adoption;
  RAISE INFO '%', CASE WHEN count = 0 THEN 'nothing is adopted' ELSE format('the club is released: %s steps taken back; its rows stay as they are', count) END;
END $$;
COMMENT ON FUNCTION pull_up_club.release(boolean) IS
  'takes back what adopt() has done, in the opposite order: triggers, views, constraints and columns are as they were, and rows as they are; columns and tables that hold what was '
  'written since stay, and it says so. Returns a line for each step. LG108 NOT_PERMITTED, LG124 ADOPTION_WAITS, LG125 STEP_FAILED';

REVOKE EXECUTE ON FUNCTION pull_up_club.stand_for(text, regclass, jsonb), pull_up_club.stand_for_no_more(text), pull_up_club.drop_column(regclass, text), pull_up_club.make_room(regclass), pull_up_club.drop_index(text), pull_up_club.restore_index(text, text), pull_up_club.restore_key(regclass, name, text, name, boolean), pull_up_club.drop_table(text),
                           pull_up_club.drop_schema(text) FROM PUBLIC;
