-- What the tests of adoption compare: the schema as pg_dump writes it (see dump.sql), and the rows of every table in the columns that
-- it had at first.
CREATE SCHEMA test;
\ir ../refusal.sql

CREATE TABLE test.dumps (moment text, place bigint GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION test.dump_differences(before text, after text) RETURNS SETOF text LANGUAGE sql AS $$
  (SELECT '- ' || line FROM test.dumps WHERE moment = before EXCEPT ALL SELECT '- ' || line FROM test.dumps WHERE moment = after)
  UNION ALL
  (SELECT '+ ' || line FROM test.dumps WHERE moment = after EXCEPT ALL SELECT '+ ' || line FROM test.dumps WHERE moment = before)
  UNION ALL
  SELECT 'not byte for byte' WHERE (SELECT string_agg(line, E'\n' ORDER BY place) FROM test.dumps WHERE moment = before)
                                 IS DISTINCT FROM (SELECT string_agg(line, E'\n' ORDER BY place) FROM test.dumps WHERE moment = after)
$$;

-- The application's tables with the columns that they have now, and what is in them.
CREATE TABLE test.tables (relation regclass PRIMARY KEY, columns text NOT NULL, md5 text);
CREATE FUNCTION test.md5_of(relation regclass, columns text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT md5(string_agg(t::text, E''\n'' ORDER BY t::text)) FROM (SELECT %s FROM %s) AS t', columns, relation) INTO answer;
  RETURN answer;
END $$;
CREATE PROCEDURE test.remember_rows() LANGUAGE sql AS $$
  DELETE FROM test.tables;
  INSERT INTO test.tables
  SELECT c.oid, t.columns, test.md5_of(c.oid, t.columns)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
         LATERAL (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS t
   WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'test')
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
$$;
CREATE VIEW test.changed_tables AS SELECT relation FROM test.tables WHERE md5 IS DISTINCT FROM test.md5_of(relation, columns);
