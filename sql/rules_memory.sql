-- Memory: neither many rows, nor many compilations, nor many errors make a session grow.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE SCHEMA memory;
CREATE TABLE memory.samples (label text, bytes bigint);
CREATE FUNCTION memory.sample(label text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO memory.samples SELECT $1, sum(total_bytes) FROM pg_backend_memory_contexts WHERE name !~ 'AfterTrigger';
  RETURN true;
END $$;
-- the growth in kB from the first sample of a label to its last, when it is more than allowed
CREATE FUNCTION memory.growth(label text, allowed int) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN grown <= $2 * 1024 THEN 'no growth' ELSE 'grew by ' || grown / 1024 || ' kB' END
    FROM (SELECT (array_agg(bytes ORDER BY ctid DESC))[1] - (array_agg(bytes ORDER BY ctid))[1] AS grown FROM memory.samples s WHERE s.label = $1) s
$$;
CREATE TABLE memory.rows (id int PRIMARY KEY, state text NOT NULL DEFAULT 'a', n int, filler text, updated_at timestamptz);
CREATE FUNCTION memory.query(memory.rows) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN EXISTS (SELECT FROM memory.rows WHERE id = $1.id); END $$;
CREATE FUNCTION memory.fails() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / 0; END $$;
CREATE FUNCTION memory.at(id int, label text) RETURNS boolean LANGUAGE sql AS $$ SELECT CASE WHEN $1 IN (200, 5000) THEN memory.sample($2) ELSE true END $$;
SELECT lifeguard.create_lifecycle('memory.rows', 'state', '{a}'), lifeguard.add_transition('memory.rows', 'a', 'b'), lifeguard.add_transition('memory.rows', 'b', 'a'),
       lifeguard.add_guard('memory.rows', 'a', 'b', 'memory.query(new)', 'function'),
       lifeguard.add_guard('memory.rows', 'a', 'b', '(SELECT count(*) FROM (VALUES (new.id), (old.id)) v) = 2', 'query'),
       lifeguard.add_guard('memory.rows', 'a', 'b', 'length(new.filler || new.filler) > 0', 'toasted'),
       lifeguard.add_guard('memory.rows', 'a', 'b', 'memory.at(new.id, ''before'')', 'sample'),
       lifeguard.add_stamp('memory.rows', 'b', 'n', 'new.n + 1'),
       lifeguard.add_stamp('memory.rows', 'b', 'filler', '(SELECT upper(new.filler))'),
       lifeguard.keep_updated_at('memory.rows'),
       lifeguard.add_action('memory.rows', 'a', 'b', 'memory.query(new)'),
       lifeguard.add_action('memory.rows', 'a', 'b', '(SELECT max(r.id) FROM (VALUES (new.id)) r(id))'),
       lifeguard.add_action('memory.rows', 'a', 'b', 'memory.at(new.id, ''after'')');
INSERT INTO memory.rows (id, n, filler) SELECT i, 0, repeat('x', 2000) FROM generate_series(1, 5000) i;

-- within one statement: from its 200th row to its 5,000th (the server itself keeps some 50 bytes a row that a trigger sees)
UPDATE memory.rows SET state = 'b';
SELECT memory.growth('before', 512), memory.growth('after', 256);
SELECT count(*), min(n), max(n) FROM memory.rows WHERE state = 'b';

-- within one transaction: errors that are caught, by hand and by on_error
SELECT lifeguard.forget('memory.rows');
SELECT lifeguard.create_lifecycle('memory.rows', 'state', '{a}'), lifeguard.add_transition('memory.rows', 'b', 'a'), lifeguard.add_transition('memory.rows', 'a', 'b'),
       lifeguard.add_guard('memory.rows', NULL, NULL, '(SELECT new.n < 100)', 'no'), lifeguard.add_action('memory.rows', 'b', 'a', 'memory.fails()', 'continue');
SET client_min_messages = error;
DO $$
BEGIN
  FOR i IN 1..2000 LOOP
    BEGIN
      UPDATE memory.rows SET state = 'a', n = 100 WHERE id = i;
      RAISE EXCEPTION 'not refused';
    EXCEPTION WHEN SQLSTATE 'LG002' THEN NULL;
    END;
    IF i IN (200, 2000) THEN PERFORM memory.sample('refused'); END IF;
  END LOOP;
  FOR i IN 1..2000 LOOP
    UPDATE memory.rows SET state = 'a' WHERE id = i;
    IF i IN (200, 2000) THEN PERFORM memory.sample('failed'); END IF;
  END LOOP;
END $$;
SELECT memory.growth('refused', 256), memory.growth('failed', 256);

-- over many compilations: rules changed, and all of them compiled again because a function somewhere was
DO $$
BEGIN
  FOR i IN 1..400 LOOP
    CREATE OR REPLACE FUNCTION memory.somewhere() RETURNS int LANGUAGE sql AS 'SELECT 1';
    UPDATE memory.rows SET state = CASE state WHEN 'a' THEN 'b' ELSE 'a' END, n = 0 WHERE id = 4000;
    IF i IN (50, 400) THEN PERFORM memory.sample('compiled'); END IF;
  END LOOP;
  FOR i IN 1..200 LOOP
    PERFORM lifeguard.add_guard('memory.rows', 'a', 'b', '(SELECT new.n IS NOT NULL)', 'm');
    UPDATE memory.rows SET state = CASE state WHEN 'a' THEN 'b' ELSE 'a' END, n = 0 WHERE id = 4000;
    PERFORM lifeguard.drop_guard('memory.rows', 'a', 'b');
    IF i IN (50, 200) THEN PERFORM memory.sample('changed'); END IF;
  END LOOP;
END $$;
SELECT memory.growth('compiled', 256), memory.growth('changed', 512);
SELECT count(*) <= 4 AS few FROM pg_backend_memory_contexts WHERE name = 'lifeguard rules';
-- a table that goes takes what was compiled for it along, at the next change of any
DO $$
BEGIN
  FOR i IN 1..50 LOOP
    CREATE TABLE memory.brief (id int, state text);
    PERFORM lifeguard.create_lifecycle('memory.brief', 'state', '{a}');
    INSERT INTO memory.brief VALUES (1, 'a');
    DROP TABLE memory.brief;
  END LOOP;
END $$;
UPDATE memory.rows SET state = 'b' WHERE id = 1;
SELECT count(*) <= 4 AS few FROM pg_backend_memory_contexts WHERE name = 'lifeguard rules';

DROP SCHEMA memory CASCADE;
