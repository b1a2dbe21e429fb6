-- audit: who changed which row, from what to what. src/audit is the rule, and fills the log.

CREATE FUNCTION lifeguard.after_truncate() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_after_truncate';
COMMENT ON FUNCTION lifeguard.after_truncate() IS
'Trigger function AFTER TRUNCATE, FOR EACH STATEMENT: does what the rules of the table''s AFTER ROW trigger say for it. Written by lifeguard''s own functions. '
'Raises what the rules raise.';

-- --- the log ---

CREATE SEQUENCE monitoring.audit_log_id_seq CACHE 100;   -- rows have several sessions' numbers; at gives their order
CREATE TABLE monitoring.audit_log (
  id              bigint NOT NULL DEFAULT nextval('monitoring.audit_log_id_seq'),
  relation        text NOT NULL,
  operation       text NOT NULL CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')),
  row_key         jsonb,
  old_values      jsonb,
  new_values      jsonb,
  changed_columns text[],
  changed_by      uuid,
  database_role   text NOT NULL,
  session_role    text NOT NULL,
  at              timestamptz NOT NULL,
  transaction_id  xid8 NOT NULL,
  story           uuid NOT NULL
) PARTITION BY RANGE (at);
ALTER SEQUENCE monitoring.audit_log_id_seq OWNED BY monitoring.audit_log.id;
COMMENT ON TABLE monitoring.audit_log IS
'Every change of a row of the tables with lifeguard.audit(), a row each: the table''s name then, the operation, the row''s primary key (after the change), the values '
'before and after (of an UPDATE those that it changed), the names of all columns that it changed, who did it by his claims and by his roles (current and session''s), '
'when, and in which transaction. at is the time of the change, not of its transaction. story names the table across renames. Partitioned by month (UTC): monitoring.maintain_audit(). '
'Read by pg_monitor; by others through a grant and a policy. Only the rule writes.';

-- What has no month yet comes here; no row is ever refused for want of a partition.
-- Partitions have their own indexes by story and key: one on the whole table would be made anew when a dump attaches them, and stand in the way of
-- theirs. While a month is written it has a light one, which costs hardly anything; an exact one when it is over.
CREATE TABLE monitoring.audit_log_default PARTITION OF monitoring.audit_log DEFAULT;
CREATE INDEX audit_log_default_recent ON monitoring.audit_log_default
 USING brin (jsonb_hash_extended(row_key, uuid_hash_extended(story, 0)) int8_bloom_ops) WITH (pages_per_range = 64, autosummarize = on);
COMMENT ON TABLE monitoring.audit_log_default IS
'The audit log of months that have no partition yet; monitoring.maintain_audit() makes them and moves the rows.';

ALTER TABLE monitoring.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE monitoring.audit_log_default ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON monitoring.audit_log TO pg_monitor;
CREATE POLICY pg_monitor_reads ON monitoring.audit_log FOR SELECT TO pg_monitor USING (true);
SELECT pg_extension_config_dump('monitoring.audit_log_default', '');
SELECT pg_extension_config_dump('monitoring.audit_log_id_seq', '');

-- --- its partitions ---

CREATE FUNCTION lifeguard.audit_partitions(OUT partition regclass, OUT from_time timestamptz, OUT to_time timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
  SELECT c.oid::regclass, coalesce(b[1], '-infinity')::timestamptz, coalesce(b[2], 'infinity')::timestamptz
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
         LATERAL (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \((?:MINVALUE|''(.+)'')\) TO \((?:MAXVALUE|''(.+)'')\)$')) AS bounds(b)
   WHERE i.inhparent = 'monitoring.audit_log'::regclass AND b IS NOT NULL
$$;
COMMENT ON FUNCTION lifeguard.audit_partitions() IS
'The partitions of the audit log but the default one, and their bounds.';
REVOKE EXECUTE ON FUNCTION lifeguard.audit_partitions() FROM PUBLIC;

CREATE FUNCTION lifeguard.add_audit_partition(month timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
DECLARE
  next    constant timestamptz := month + interval '1 month';
  name    constant text := 'audit_log_' || to_char(month, 'YYYY_MM');
  surplus text;
  moved   bigint := 0;
BEGIN
  IF to_regclass('monitoring.' || name) IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG410', MESSAGE = format('monitoring.%s is there, and is no partition of monitoring.audit_log', name),
      DETAIL = jsonb_build_object('table', 'monitoring.' || name),
      HINT = format('ALTER TABLE monitoring.audit_log ATTACH PARTITION monitoring.%1$s FOR VALUES FROM (%2$L) TO (%3$L); or rename it.', name, month, next);
  END IF;
  EXECUTE format('CREATE TABLE monitoring.%I (LIKE monitoring.audit_log INCLUDING CONSTRAINTS)', name);
  EXECUTE format('ALTER TABLE monitoring.%I ENABLE ROW LEVEL SECURITY', name);
  FOR surplus IN   -- what default privileges have given
    SELECT DISTINCT coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC')
      FROM pg_class, aclexplode(relacl) WHERE oid = ('monitoring.' || name)::regclass AND grantee <> relowner
  LOOP
    EXECUTE format('REVOKE ALL ON monitoring.%I FROM %s', name, surplus);
  END LOOP;

  LOCK TABLE monitoring.audit_log_default IN ACCESS EXCLUSIVE MODE;   -- before the look: its rows may not be committed yet
  IF EXISTS (SELECT FROM ONLY monitoring.audit_log_default WHERE at >= month AND at < next) THEN
    EXECUTE format('WITH gone AS (DELETE FROM ONLY monitoring.audit_log_default WHERE at >= $1 AND at < $2 RETURNING *) '
                   'INSERT INTO monitoring.%I SELECT * FROM gone', name) USING month, next;
    GET DIAGNOSTICS moved = ROW_COUNT;
  END IF;
  EXECUTE format('CREATE INDEX %I ON monitoring.%I USING brin (jsonb_hash_extended(row_key, uuid_hash_extended(story, 0)) int8_bloom_ops) '
                 'WITH (pages_per_range = 64, autosummarize = on)', name || '_recent', name);
  EXECUTE format('ALTER TABLE monitoring.audit_log ATTACH PARTITION monitoring.%I FOR VALUES FROM (%L) TO (%L)', name, month, next);
  RETURN moved;
END $$;
COMMENT ON FUNCTION lifeguard.add_audit_partition(timestamptz) IS
'Makes the audit log''s partition for the month that begins then, with the rows that the default partition has of it; returns how many. '
'For monitoring.maintain_audit(). Raises LG410 where a table of its name is no partition.';
REVOKE EXECUTE ON FUNCTION lifeguard.add_audit_partition(timestamptz) FROM PUBLIC;

CREATE FUNCTION lifeguard.maintain_audit(as_of timestamptz, OUT made text[], OUT dropped text[], OUT moved bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  present  constant timestamptz := date_trunc('month', as_of);
  kept     constant timestamptz := present - make_interval(months => lifeguard.audit_retention());
  part     record;
  month    timestamptz;
BEGIN
  made := '{}';
  dropped := '{}';
  moved := 0;
  LOCK TABLE monitoring.audit_log IN SHARE UPDATE EXCLUSIVE MODE;   -- one at a time; who writes goes on
  PERFORM set_config('lock_timeout', '10s', true);                  -- but nobody waits long for us while we wait for another

  -- the old first: what takes the strongest lock on the whole comes before locks on its parts, which writers take in that order
  FOR part IN SELECT p.partition FROM lifeguard.audit_partitions() p WHERE p.to_time <= kept ORDER BY p.to_time LOOP
    dropped := array_append(dropped, part.partition::text);
    EXECUTE format('DROP TABLE %s', part.partition);
  END LOOP;
  DELETE FROM ONLY monitoring.audit_log_default WHERE at < kept;

  FOR month IN
    SELECT m FROM (SELECT generate_series(present, present + interval '3 months', '1 month')
                   UNION SELECT date_trunc('month', at) FROM ONLY monitoring.audit_log_default) AS months(m)
     WHERE NOT EXISTS (SELECT FROM lifeguard.audit_partitions() p WHERE p.from_time < m + interval '1 month' AND p.to_time > m)   -- somebody's own, perhaps of a part of it
     ORDER BY m
  LOOP
    moved := moved + lifeguard.add_audit_partition(month);
    made := array_append(made, 'monitoring.audit_log_' || to_char(month, 'YYYY_MM'));
  END LOOP;

  -- months that are over: of the partitions made here, those that have the light index still
  FOR part IN
    SELECT c.relname AS name FROM lifeguard.audit_partitions() p JOIN pg_class c ON c.oid = p.partition
     WHERE p.to_time <= present AND c.relnamespace = 'monitoring'::regnamespace
       AND EXISTS (SELECT FROM pg_index JOIN pg_class i ON i.oid = indexrelid WHERE indrelid = c.oid AND i.relname = c.relname || '_recent')
  LOOP
    EXECUTE format('CREATE INDEX %I ON monitoring.%I (jsonb_hash_extended(row_key, uuid_hash_extended(story, 0)))', part.name || '_row', part.name);
    EXECUTE format('DROP INDEX monitoring.%I', part.name || '_recent');
  END LOOP;
END $$;
COMMENT ON FUNCTION lifeguard.maintain_audit(timestamptz) IS
'What monitoring.maintain_audit() does, as if it were then. A time in the future drops what is old by then.';
REVOKE EXECUTE ON FUNCTION lifeguard.maintain_audit(timestamptz) FROM PUBLIC;

CREATE FUNCTION lifeguard.audit_retention() RETURNS int
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_audit_retention';
COMMENT ON FUNCTION lifeguard.audit_retention() IS
'The setting lifeguard.audit_retention: months that the audit log is kept, besides the present one.';

CREATE FUNCTION monitoring.maintain_audit(OUT made text[], OUT dropped text[], OUT moved bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = 0 AS $$
  SELECT * FROM lifeguard.maintain_audit(now())
$$;
COMMENT ON FUNCTION monitoring.maintain_audit() IS
'Makes the audit log''s partitions of this month, the next three, and those of rows that came while there was none; drops those older than lifeguard.audit_retention months. '
'Returns the partitions made and dropped, and how many rows were moved out of the default one. To be run daily; also right when it was not for months, twice, or in two sessions. '
'Raises LG410 (a table is in the way), 55P03 (others hold the log for more than ten seconds: run it again). For superusers, and whom they grant it.';
REVOKE EXECUTE ON FUNCTION monitoring.maintain_audit() FROM PUBLIC;

-- --- declaring ---

CREATE FUNCTION lifeguard.audit(relation regclass, "only" name[] DEFAULT NULL, "except" name[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rules  text[] := lifeguard.get_rules(relation, 'after');
  others text[] := '{}';
  story  text;
  one    text;
BEGIN
  IF cardinality("only") = 0 OR array_position("only", NULL) IS NOT NULL OR array_position("except", NULL) IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('audit of table %s: only and except name columns', relation),
      HINT = 'NULL for only audits all columns.';
  END IF;
  FOREACH one IN ARRAY rules LOOP
    IF lifeguard.read_rule(one) ->> 'kind' = 'audit' THEN
      story := lifeguard.read_rule(one) ->> 'story';   -- declared again: other columns, the same story
    ELSE
      others := array_append(others, one);
    END IF;
  END LOOP;
  PERFORM lifeguard.set_rules(relation, 'after', array_append(others, json_strip_nulls(
    json_build_object('kind', 'audit', 'story', coalesce(story, gen_random_uuid()::text), 'only', "only", 'except', nullif("except", '{}')))::text));
END $$;
COMMENT ON FUNCTION lifeguard.audit(regclass, name[], name[]) IS
'Keeps who changed which row of a table in monitoring.audit_log, from now on. only: the columns whose change is kept (and the primary key''s); NULL: all, also those that are added later. '
'except: columns whose values are left out everywhere; that one changed is told by its name. An UPDATE that changes no audited column is not kept, a TRUNCATE is. '
'Declared again, the columns are replaced. only and except are words of SQL: named arguments need their quotes ("except" => ''{password}''). Only for the table''s owner. '
'Raises LG010 (no such column, a key''s in except, a partition, which has its rules from above, a table of lifeguard''s own schemas), 42501.';

CREATE FUNCTION lifeguard.drop_audit(relation regclass) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.drop_rules(relation, 'after', '{"kind": "audit"}')
$$;
COMMENT ON FUNCTION lifeguard.drop_audit(regclass) IS
'Stops auditing a table; what was kept stays in monitoring.audit_log, but monitoring.history_of() tells it no more: who audits the table again begins a new story. Raises LG012 when it is not audited, 42501.';

-- A story is its table's for ever: what the log has of it must not become another's past.
CREATE TABLE lifeguard.audit_stories (
  story    uuid CONSTRAINT audit_stories_pkey PRIMARY KEY,
  relation regclass NOT NULL
);
SELECT pg_extension_config_dump('lifeguard.audit_stories', '');   -- also of tables that are gone
COMMENT ON TABLE lifeguard.audit_stories IS
'Whose each story of monitoring.audit_log is or was. Written when an audit is declared; stays when it is dropped.';

CREATE TRIGGER enter_once BEFORE INSERT ON lifeguard.audit_stories FOR EACH ROW EXECUTE FUNCTION lifeguard.enter_once();

CREATE FUNCTION lifeguard.keep_story() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  its text;
BEGIN
  FOR its IN
    SELECT r.definition ->> 'story' FROM lifeguard.rules r
     WHERE r.relation = new.relation AND r.timing = 'after' AND r.kind = 'audit' AND r.definition ->> 'story' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
  LOOP
    INSERT INTO lifeguard.audit_stories VALUES (its::uuid, new.relation) ON CONFLICT DO NOTHING;
    IF EXISTS (SELECT FROM lifeguard.audit_stories s WHERE s.story = its::uuid AND s.relation <> new.relation) THEN
      RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('audit: the story of table %s was another table''s', new.relation),
        DETAIL = jsonb_build_object('table', new.relation::text, 'story', its),
        HINT = format('SELECT lifeguard.audit(%L); gives it one of its own.', new.relation);
    END IF;
  END LOOP;
  RETURN new;
END $$;
COMMENT ON FUNCTION lifeguard.keep_story() IS
'Trigger function of lifeguard.declared_tables: notes the story of an audited table, and refuses (LG010) one that was another''s.';
REVOKE EXECUTE ON FUNCTION lifeguard.keep_story() FROM PUBLIC;
CREATE TRIGGER keep_story BEFORE INSERT ON lifeguard.declared_tables FOR EACH ROW WHEN (new.timing = 'after') EXECUTE FUNCTION lifeguard.keep_story();

-- A statement trigger does not reach partitions: those that come later get theirs here.
CREATE FUNCTION lifeguard.watch_partitions() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  partition regclass;
BEGIN
  FOR partition IN
    SELECT DISTINCT p.relid
      FROM pg_event_trigger_ddl_commands() c, pg_partition_tree(CASE WHEN c.classid = 'pg_class'::regclass THEN c.objid END) p
      JOIN pg_class r ON r.oid = p.relid AND r.relkind IN ('r', 'p') AND has_table_privilege(r.oid, 'TRIGGER')
     WHERE EXISTS (SELECT FROM pg_partition_ancestors(p.relid) a JOIN pg_trigger t ON t.tgrelid = a.relid AND t.tgfoid = 'lifeguard.after_truncate()'::regprocedure)
       AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = p.relid AND t.tgfoid = 'lifeguard.after_truncate()'::regprocedure)
  LOOP
    EXECUTE format('CREATE TRIGGER lifeguard_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION lifeguard.after_truncate()', partition);
  END LOOP;
END $$;
COMMENT ON FUNCTION lifeguard.watch_partitions() IS
'Event trigger function: gives new partitions of an audited table the trigger for TRUNCATE.';
CREATE EVENT TRIGGER lifeguard_watch_partitions ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE') EXECUTE FUNCTION lifeguard.watch_partitions();

-- --- reading ---

-- A type's input, and what a domain checks, would run as who reads: only the server's own.
CREATE FUNCTION lifeguard.plain_type(type regtype, modifier int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE below(type, modifier) AS (
    SELECT type::oid, modifier
    UNION ALL
    SELECT t.typbasetype, t.typtypmod FROM below b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
  )
  SELECT CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' THEN format_type(b.type, b.modifier) ELSE 'text' END
    FROM below b JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'
$$;
COMMENT ON FUNCTION lifeguard.plain_type(regtype, int) IS
'The server''s own type that a type is, or is a domain over; text for others.';

CREATE FUNCTION monitoring.history_of(relation regclass, key jsonb)
RETURNS TABLE (at timestamptz, operation text, changed_by uuid, database_role text, changes jsonb, relation_then text, transaction_id xid8)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off   -- by the indexes, also where there are no statistics
SET bytea_output = 'hex' SET datestyle = 'ISO' SET extra_float_digits = 1 SET intervalstyle = 'iso_8601' SET timezone = 'UTC' AS $$
DECLARE
  its_story   uuid;
  key_columns text[];
  wanted      jsonb := key;
  list        text;
BEGIN
  IF relation IS NULL OR NOT EXISTS (SELECT FROM pg_class WHERE oid = relation) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG411', MESSAGE = format('there is no table %s', coalesce(relation::text, 'NULL')),
      DETAIL = jsonb_build_object('table', relation::text), HINT = 'SELECT relation FROM lifeguard.rules WHERE rule = ''audit''; lists the tables that are audited.';
  END IF;
  SELECT (r.definition ->> 'story')::uuid INTO its_story
    FROM lifeguard.rules r
   WHERE r.definition ->> 'kind' = 'audit' AND r.timing = 'after'
     AND r.relation IN (SELECT a.relid FROM pg_partition_ancestors(history_of.relation) a UNION SELECT history_of.relation);
  IF its_story IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG411', MESSAGE = format('table %s is not audited', relation), DETAIL = jsonb_build_object('table', relation::text),
      HINT = format('SELECT lifeguard.audit(%L); begins. What was kept under its name before: SELECT * FROM monitoring.audit_log WHERE relation = %L;', relation, relation);
  END IF;

  SELECT array_agg(a.attname::text ORDER BY place), string_agg(format('%L, to_jsonb(($1 ->> %L)::%s)', a.attname, a.attname, lifeguard.plain_type(a.atttypid, a.atttypmod)), ', ')
    INTO key_columns, list
    FROM pg_index i, unnest(i.indkey[:i.indnkeyatts - 1]) WITH ORDINALITY AS k(number, place)
    JOIN pg_attribute a ON a.attnum = k.number
   WHERE i.indrelid = history_of.relation AND i.indisprimary AND a.attrelid = history_of.relation;
  IF key_columns IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG412', MESSAGE = format('table %s has no primary key by which a row''s story could be found', relation),
      DETAIL = jsonb_build_object('table', relation::text), HINT = format('SELECT * FROM monitoring.audit_log WHERE story = %L; has all its rows.', its_story);
  END IF;
  IF jsonb_typeof(key) IS DISTINCT FROM 'object' OR key = '{}' OR jsonb_path_exists(key, '$.* ? (@ == null)') THEN
    RAISE EXCEPTION USING ERRCODE = 'LG412', MESSAGE = format('the key of a row of table %s is an object of the values of %s', relation, array_to_string(key_columns, ', ')),
      DETAIL = jsonb_build_object('table', relation::text, 'columns', key_columns), HINT = format('For example %s.', (SELECT jsonb_object_agg(c, 7) FROM unnest(key_columns) c));
  END IF;
  IF ARRAY(SELECT jsonb_object_keys(key) ORDER BY 1) = ARRAY(SELECT unnest(key_columns) ORDER BY 1) THEN
    EXECUTE format('SELECT jsonb_build_object(%s)', list) INTO wanted USING key;   -- "7" and 7, in the type's own form
  ELSIF NOT EXISTS (SELECT FROM monitoring.audit_log l WHERE jsonb_hash_extended(l.row_key, uuid_hash_extended(l.story, 0)) = jsonb_hash_extended(key, uuid_hash_extended(its_story, 0))
                                                           AND l.story = its_story AND l.row_key = key) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG412', MESSAGE = format('the key of table %s is %s, and its story has no row %s', relation, array_to_string(key_columns, ', '), key),
      DETAIL = jsonb_build_object('table', relation::text, 'columns', key_columns);
  END IF;

  RETURN QUERY
  WITH RECURSIVE row_names(key, until) AS (   -- the row's key, and those that it had before
    SELECT wanted, 'infinity'::timestamptz
    UNION
    SELECT before.key, l.at
      FROM row_names n
      JOIN monitoring.audit_log l ON jsonb_hash_extended(l.row_key, uuid_hash_extended(l.story, 0)) = jsonb_hash_extended(n.key, uuid_hash_extended(its_story, 0))
                                   AND l.story = its_story AND l.row_key = n.key AND l.at <= n.until AND l.operation = 'UPDATE',
           LATERAL (SELECT jsonb_object_agg(k.name, coalesce(l.old_values -> k.name, k.value)) FROM jsonb_each(l.row_key) AS k(name, value)) AS before(key)
     WHERE before.key <> n.key
  ), entries AS (
    SELECT DISTINCT ON (l.at, l.id) l.*
      FROM row_names n JOIN monitoring.audit_log l ON jsonb_hash_extended(l.row_key, uuid_hash_extended(l.story, 0)) = jsonb_hash_extended(n.key, uuid_hash_extended(its_story, 0))
                                   AND l.story = its_story AND l.row_key = n.key AND l.at <= n.until
    UNION ALL
    SELECT l.* FROM monitoring.audit_log l WHERE jsonb_hash_extended(l.row_key, uuid_hash_extended(l.story, 0)) IS NULL AND l.story = its_story AND l.operation = 'TRUNCATE'
  )
  SELECT e.at, e.operation, e.changed_by, e.database_role, c.changes, e.relation, e.transaction_id
    FROM entries e,
         LATERAL (SELECT jsonb_object_agg(v.name, CASE WHEN e.old_values ? v.name AND e.new_values ? v.name
                                                         THEN jsonb_build_object('from', e.old_values -> v.name, 'to', e.new_values -> v.name)
                                                       WHEN e.new_values ? v.name THEN jsonb_build_object('to', e.new_values -> v.name)
                                                       WHEN e.old_values ? v.name THEN jsonb_build_object('from', e.old_values -> v.name)
                                                       ELSE '{"left_out": true}' END)
                    FROM (SELECT unnest(e.changed_columns)
                           UNION SELECT jsonb_object_keys(coalesce(e.new_values, e.old_values)) WHERE e.operation <> 'UPDATE') AS v(name)) AS c(changes)
   ORDER BY e.at, e.id;
END $$;
COMMENT ON FUNCTION monitoring.history_of(regclass, jsonb) IS
'One row''s story in order: when, what, who (by claims and by role), and of each column from what to what ({"from", "to"}; {"left_out": true} where the value is not kept). '
'The key is an object of the primary key''s values ({"id": 7}); keys that the row had before are followed back, and renames of the table. A TRUNCATE belongs to every row''s story. '
'Reads the log as the caller. Raises LG411 (no such table, not audited), LG412 (no primary key, no object of the key''s columns, none of the keys kept), 42501.';
