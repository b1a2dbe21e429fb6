-- Drops what release() has said it kept (test.kept), and dumps the schema that is left as the moment `cleared`.
DO $$
DECLARE
  kept text;
BEGIN
  FOR kept IN SELECT object FROM test.kept WHERE what ~ 'is kept: there are values' LOOP
    EXECUTE format('ALTER TABLE %s DROP COLUMN %s', substring(kept FROM '^(.*)\.'), substring(kept FROM '[^.]*$'));
  END LOOP;
  FOR kept IN SELECT object FROM test.kept WHERE what ~ 'there are rows in it' ORDER BY step DESC LOOP
    EXECUTE format('DROP TABLE %s', kept);
  END LOOP;
END $$;
\set moment cleared
\ir dump.sql
