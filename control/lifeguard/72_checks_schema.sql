-- General checks: tables, indexes and sequences as they are declared.

CREATE VIEW lifeguard.application_indexes AS
SELECT i.indexrelid AS index, format('%I.%I', n.nspname, c.relname) AS object, i.indrelid AS relation, t.name AS relation_name, c.relam AS method, i.indkey AS columns, i.indnkeyatts AS key_columns,
       i.indclass AS classes, i.indcollation AS collations, i.indoption AS options, pg_get_expr(i.indexprs, i.indrelid) AS expressions, pg_get_expr(i.indpred, i.indrelid) AS predicate,
       i.indisunique AS is_unique, i.indisprimary AS is_primary, i.indisvalid AS valid, i.indisreplident AS identifies,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AS is_constraint
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN lifeguard.application_relations t ON t.relation = i.indrelid
 WHERE NOT c.relispartition;
COMMENT ON VIEW lifeguard.application_indexes IS 'The indexes of the application''s tables; a partitioned table''s once.';
GRANT SELECT ON lifeguard.application_indexes TO pg_monitor;

-- An index of the rows whose key is not null serves as well: what points somewhere is not null.
CREATE VIEW lifeguard.key_indexes AS
SELECT k.key, i.index, i.valid
  FROM lifeguard.application_keys k JOIN lifeguard.application_indexes i ON i.relation = k.relation
 WHERE (i.predicate IS NULL OR i.predicate IN (SELECT format('(%I IS NOT NULL)', a.attname) FROM pg_attribute a WHERE a.attrelid = k.relation AND a.attnum = ANY (k.conkey)))
   AND (SELECT array_agg(u.number) FROM unnest(i.columns::int2[]) WITH ORDINALITY AS u(number, place) WHERE u.place <= cardinality(k.conkey)) @> k.conkey;
COMMENT ON VIEW lifeguard.key_indexes IS 'The indexes by which the rows of a foreign key''s table are found when its parent changes.';
GRANT SELECT ON lifeguard.key_indexes TO pg_monitor;

CREATE FUNCTION lifeguard.check_duplicate_indexes() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT ON (d.index) d.object, format('%s is the same as %s on %s', d.object, k.object, d.relation_name),
         jsonb_build_object('index', d.object, 'same_as', k.object, 'table', d.relation_name, 'bytes', pg_relation_size(d.index), 'remedy', format('DROP INDEX %s;', d.object)), NULL::text
    FROM lifeguard.application_indexes d
    JOIN lifeguard.application_indexes k ON k.relation = d.relation AND k.index <> d.index AND k.method = d.method AND k.columns::text = d.columns::text AND k.key_columns = d.key_columns
     AND k.classes::text = d.classes::text AND k.collations::text = d.collations::text AND k.options::text = d.options::text
     AND k.expressions IS NOT DISTINCT FROM d.expressions AND k.predicate IS NOT DISTINCT FROM d.predicate
   WHERE d.valid AND k.valid AND NOT d.is_constraint AND NOT d.identifies AND (k.is_unique OR NOT d.is_unique)
     -- of two that could go, the younger
     AND (k.is_constraint OR k.identifies OR k.is_unique AND NOT d.is_unique OR k.index < d.index)
   ORDER BY d.index, k.is_constraint DESC, k.index
$$;

CREATE FUNCTION lifeguard.check_invalid_indexes() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT i.object, format('%s on %s is not valid: it is kept up and never used', i.object, i.relation_name),
         jsonb_build_object('index', i.object, 'table', i.relation_name, 'remedy', format('REINDEX INDEX CONCURRENTLY %s;', i.object)), NULL::text
    FROM lifeguard.application_indexes i JOIN pg_class c ON c.oid = i.index
   -- one that is being built is not valid yet; a partitioned one waits for its partitions
   WHERE NOT i.valid AND c.relkind = 'i' AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.relid = i.relation)
$$;

-- Since when the statistics have counted: their last reset, else the database's creation.
CREATE FUNCTION lifeguard.unused_indexes(age interval, smallest bigint) RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT i.object, format('%s on %s (%s) was not used since %s', i.object, i.relation_name, pg_size_pretty(pg_relation_size(i.index)), s.since::timestamptz(0)),
         jsonb_build_object('index', i.object, 'table', i.relation_name, 'bytes', pg_relation_size(i.index), 'since', s.since, 'remedy', format('DROP INDEX %s;', i.object)), NULL::text
    FROM lifeguard.application_indexes i
    JOIN pg_stat_all_indexes u ON u.indexrelid = i.index AND u.idx_scan = 0
    JOIN pg_stat_all_tables t ON t.relid = i.relation AND coalesce(t.seq_scan, 0) + coalesce(t.idx_scan, 0) > 1000
    JOIN (SELECT coalesce(d.stats_reset, (pg_stat_file(format('base/%s/PG_VERSION', d.datid), true)).modification) AS since
            FROM pg_stat_database d WHERE d.datname = current_database()) AS s ON s.since < now() - age
   WHERE NOT i.is_unique AND NOT i.is_constraint AND NOT i.identifies AND i.valid AND NOT pg_is_in_recovery() AND pg_relation_size(i.index) >= smallest
     -- one that a foreign key needs works when a parent is deleted
     AND NOT EXISTS (SELECT FROM lifeguard.key_indexes k WHERE k.index = i.index)
$$;
COMMENT ON FUNCTION lifeguard.unused_indexes(interval, bigint) IS
'Indexes of at least so many bytes that no query has used, where statistics have counted for that long and the table was read a thousand times. For the check unused_indexes.';
REVOKE EXECUTE ON FUNCTION lifeguard.unused_indexes(interval, bigint) FROM PUBLIC;

CREATE FUNCTION lifeguard.check_unused_indexes() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT * FROM lifeguard.unused_indexes('30 days', 1024 * 1024) $$;

CREATE FUNCTION lifeguard.check_keys_without_index() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT k.object, format('no index of %s begins with %s: each change of %s reads the whole table', k.relation::regclass, k.columns, k.parent::regclass),
         jsonb_build_object('constraint', k.name, 'table', k.relation::regclass::text, 'columns', k.columns,
                            'remedy', format('CREATE INDEX%s ON %s (%s);', CASE WHEN k.kind = 'p' THEN '' ELSE ' CONCURRENTLY' END, k.relation::regclass, k.columns)), NULL::text
    FROM lifeguard.application_keys k
   WHERE NOT EXISTS (SELECT FROM lifeguard.key_indexes i WHERE i.key = k.key AND i.valid)
$$;

CREATE FUNCTION lifeguard.check_tables_without_primary_key() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.name, format('%s has no primary key: its rows cannot be told apart, nor replicated', t.name),
         jsonb_build_object('table', t.name, 'remedy', format(
           CASE WHEN t.kind = 'p' THEN 'ALTER TABLE %s ADD PRIMARY KEY (...);   -- with the columns that it is partitioned by'
                WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.relation AND a.attname = 'id') THEN 'ALTER TABLE %s ADD PRIMARY KEY (id);   -- or other columns that tell its rows apart'
                ELSE 'ALTER TABLE %s ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;   -- or the columns that it has' END, t.name)), NULL::text
    FROM lifeguard.application_relations t JOIN pg_class c ON c.oid = t.relation
   WHERE t.kind IN ('r', 'p') AND NOT c.relispartition AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = t.relation AND k.contype = 'p')
$$;

-- What ends first: the sequence, or the column that it fills.
CREATE FUNCTION lifeguard.check_sequences() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.name, format('%s has used %s %% of its numbers: %s of %s%s', s.name, floor(s.used * 100), s.last_value, s.last, coalesce(' for ' || s.owner, '')),
         jsonb_build_object('sequence', s.name, 'column', s.owner, 'last_value', s.last_value, 'end', s.last,
                            'remedy', CASE WHEN s.owner IS NOT NULL AND s.last < 9223372036854775807 THEN format('ALTER TABLE %s ALTER COLUMN %I TYPE bigint; ALTER SEQUENCE %s AS bigint;', s.relation, s.attname, s.name)
                                           ELSE format('ALTER SEQUENCE %s AS bigint NO MAXVALUE;', s.name) END),
         CASE WHEN s.used >= 0.95 THEN 'critical' END
    FROM (SELECT c.oid::regclass::text AS name, v.last_value, e.last, a.attrelid::regclass AS relation, a.attname,
                 CASE WHEN a.attrelid IS NOT NULL THEN format('%s(%I)', a.attrelid::regclass, a.attname) END AS owner,
                 (v.last_value::numeric - q.seqstart) / nullif(e.last::numeric - q.seqstart, 0) AS used
            FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
            LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attnum > 0,
                 LATERAL (SELECT pg_sequence_last_value(c.oid) AS last_value) AS v,
                 LATERAL (SELECT least(q.seqmax, CASE a.atttypid WHEN 'int4'::regtype THEN 2147483647 WHEN 'int2'::regtype THEN 32767 ELSE q.seqmax END) AS last) AS e
           WHERE NOT q.seqcycle AND q.seqincrement > 0 AND v.last_value IS NOT NULL AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
             AND NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_class'::regclass AND m.objid IN (c.oid, a.attrelid) AND m.deptype = 'e')) AS s
   WHERE s.used >= 0.8
$$;

SELECT monitoring.add_check('duplicate_indexes', 'schema', 'warning', 'lifeguard.check_duplicate_indexes()', 'indexes that another one makes superfluous', 'DROP INDEX ...;'),
       monitoring.add_check('invalid_indexes', 'schema', 'warning', 'lifeguard.check_invalid_indexes()', 'indexes that CREATE INDEX CONCURRENTLY left behind', 'REINDEX INDEX CONCURRENTLY ...;'),
       monitoring.add_check('unused_indexes', 'schema', 'warning', 'lifeguard.check_unused_indexes()',
                            'indexes of a megabyte or more that no query has used for 30 days or longer, on tables that are read; not unique ones, not those of foreign keys', 'DROP INDEX ...;'),
       monitoring.add_check('foreign_keys_without_index', 'schema', 'warning', 'lifeguard.check_keys_without_index()', 'foreign keys whose columns begin no index', 'CREATE INDEX CONCURRENTLY ...;'),
       monitoring.add_check('tables_without_primary_key', 'schema', 'warning', 'lifeguard.check_tables_without_primary_key()', 'tables without a primary key', 'ALTER TABLE ... ADD PRIMARY KEY ...;'),
       monitoring.add_check('sequences_near_end', 'schema', 'warning', 'lifeguard.check_sequences()',
                            'sequences that have used 80 % of their numbers, or of those that fit into their column (critical: 95 %)', 'ALTER TABLE ... ALTER COLUMN ... TYPE bigint;');
