-- Partitions: rules are declared on the partitioned table and hold in all its partitions; a row that moves between them.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET datestyle = 'ISO, MDY';
CREATE SCHEMA parts;
CREATE TABLE parts.log (id int GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION parts.note(text) RETURNS void LANGUAGE sql AS $$ INSERT INTO parts.log (line) VALUES ($1) $$;
CREATE FUNCTION parts.lines() RETURNS TABLE (line text) LANGUAGE sql AS $$
  WITH gone AS (DELETE FROM parts.log RETURNING id, log.line) SELECT gone.line FROM gone ORDER BY gone.id
$$;
-- by date, with a level below, a partition whose columns stand in another order, one with a hole, and a default one
CREATE TABLE parts.visits (id int, day date, state text DEFAULT 'open', note text, n int NOT NULL DEFAULT 0, closed_at date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parts.january PARTITION OF parts.visits FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE parts.february (note text, hole int, closed_at date, state text DEFAULT 'open', day date NOT NULL, n int NOT NULL DEFAULT 0, id int NOT NULL);
ALTER TABLE parts.february DROP COLUMN hole;
ALTER TABLE parts.visits ATTACH PARTITION parts.february FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE parts.march PARTITION OF parts.visits FOR VALUES FROM ('2026-03-01') TO ('2026-04-01') PARTITION BY HASH (id);
CREATE TABLE parts.march_0 PARTITION OF parts.march FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts.march_1 PARTITION OF parts.march FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT lifeguard.create_lifecycle('parts.visits', 'state', '{open}'),
       lifeguard.add_transition('parts.visits', 'open', 'closed'), lifeguard.add_transition('parts.visits', 'closed', 'open'), lifeguard.add_transition('parts.visits', 'closed', 'paid'),
       lifeguard.add_guard('parts.visits', 'open', 'closed', 'new.n >= 0', 'no negative ones'),
       lifeguard.add_stamp('parts.visits', 'closed', 'closed_at', 'new.day + 1');
SELECT relation, rule FROM lifeguard.rules;
SELECT tgrelid::regclass, tgname, tgparentid <> 0 AS inherited FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'parts.%' AND NOT tgisinternal ORDER BY tgrelid::regclass::text;

-- the same rules everywhere, whatever the order of the columns
INSERT INTO parts.visits (id, day) VALUES (1, '2026-01-05'), (2, '2026-02-05'), (3, '2026-03-05'), (4, '2026-03-05');
UPDATE parts.visits SET state = 'closed' RETURNING id, closed_at;
UPDATE parts.visits SET state = 'open';
UPDATE parts.visits SET state = 'paid' WHERE id = 2;
\echo :SQLSTATE
UPDATE parts.february SET state = 'closed', n = -1;
\echo :SQLSTATE
INSERT INTO parts.march_0 (id, day, state) VALUES (5, '2026-03-06', 'closed');
\echo :SQLSTATE
INSERT INTO parts.visits (id, day, state) VALUES (5, '2026-02-06', 'strange');
\echo :SQLSTATE
-- also in one that comes later
CREATE TABLE parts.rest PARTITION OF parts.visits DEFAULT;
INSERT INTO parts.visits (id, day, state) VALUES (6, '2026-07-01', 'paid');
\echo :SQLSTATE
-- a partition has no rules of its own to change
SELECT lifeguard.add_transition('parts.january', 'open', 'paid');
\echo :SQLSTATE
SELECT lifeguard.forget('parts.january');
\echo :SQLSTATE
SELECT lifeguard.forget('parts.march');
\echo :SQLSTATE
\set VERBOSITY sqlstate
SELECT lifeguard.keep_updated_at('parts.january', 'closed_at');
SELECT lifeguard.check_lifecycle('parts.january');
\set VERBOSITY default

-- a row that moves and keeps its state, or changes it without anything to lose: checked and stamped once
UPDATE parts.visits SET state = 'closed' WHERE id = 1;
UPDATE parts.visits SET day = '2026-02-07' WHERE id = 1 RETURNING tableoid::regclass, *;
UPDATE parts.visits SET day = '2026-03-07', state = 'paid' WHERE id = 1 RETURNING tableoid::regclass, *;
UPDATE parts.visits SET day = '2026-01-07', state = 'open' WHERE id = 1;
\echo :SQLSTATE
UPDATE parts.visits SET day = '2026-03-08', n = -1, state = 'closed' WHERE id = 2;
\echo :SQLSTATE
UPDATE parts.visits SET day = '2026-03-08', state = 'closed' WHERE id = 2 RETURNING tableoid::regclass, *;
UPDATE parts.visits SET id = id + 1 WHERE day = '2026-03-05' RETURNING tableoid::regclass, id, state;
UPDATE parts.visits SET day = '2026-01-01' RETURNING tableoid::regclass, id, state;
SELECT count(*) FROM parts.january;

-- a move that goes nowhere leaves nothing behind that would let the next row pass
UPDATE parts.rest SET day = '2026-01-09';
INSERT INTO parts.rest (id, day) VALUES (9, '2030-01-01');
UPDATE parts.rest SET day = '2026-01-09' WHERE id = 9;
\echo :SQLSTATE
INSERT INTO parts.visits (id, day, state) VALUES (10, '2026-01-09', 'strange');
\echo :SQLSTATE
DROP TABLE parts.rest;
UPDATE parts.visits SET day = '2099-01-01' WHERE id = 1;
\echo :SQLSTATE
INSERT INTO parts.visits (id, day, state) VALUES (10, '2026-01-09', 'strange');
\echo :SQLSTATE
BEGIN;
SAVEPOINT a;
UPDATE parts.visits SET day = '2099-01-01' WHERE id = 1;
ROLLBACK TO a;
INSERT INTO parts.visits (id, day, state) VALUES (10, '2026-01-09', 'strange');
\echo :SQLSTATE
ROLLBACK;
DO $$
BEGIN
  BEGIN
    UPDATE parts.visits SET day = '2099-01-01' WHERE id = 1;
  EXCEPTION WHEN check_violation THEN NULL;
  END;
  INSERT INTO parts.visits (id, day, state) VALUES (10, '2026-01-09', 'strange');
EXCEPTION WHEN SQLSTATE 'LG003' THEN RAISE NOTICE 'refused';
END $$;
-- nor does a move that another trigger stops half-way, even within one statement
CREATE FUNCTION parts.stops() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER z_stops BEFORE UPDATE ON parts.visits FOR EACH ROW WHEN (new.note = 'stop') EXECUTE FUNCTION parts.stops();
CREATE TRIGGER z_keeps BEFORE DELETE ON parts.visits FOR EACH ROW WHEN (old.note = 'keep') EXECUTE FUNCTION parts.stops();
UPDATE parts.visits SET note = 'keep' WHERE id = 1;
UPDATE parts.visits SET day = '2026-02-09', note = 'stop' WHERE id = 1;
INSERT INTO parts.visits (id, day, state) VALUES (10, '2026-01-09', 'strange');
\echo :SQLSTATE
UPDATE parts.visits SET day = '2026-02-09' WHERE id = 1;
INSERT INTO parts.visits (id, day, state) VALUES (10, '2026-01-09', 'strange');
\echo :SQLSTATE
WITH stopped AS (UPDATE parts.visits SET day = '2026-02-09' WHERE id = 1 RETURNING id)
INSERT INTO parts.visits (id, day, state) SELECT 10, '2026-01-09', 'strange' WHERE NOT EXISTS (SELECT FROM stopped);
\echo :SQLSTATE
WITH stopped AS (UPDATE parts.visits SET day = '2026-02-09', note = 'stop' WHERE id = 1 RETURNING id)
INSERT INTO parts.visits (id, day, state) SELECT 10, '2026-01-09', 'strange' WHERE NOT EXISTS (SELECT FROM stopped);
\echo :SQLSTATE
SELECT id, day, state FROM parts.visits WHERE id IN (1, 10);
DROP TRIGGER z_stops ON parts.visits;
DROP TRIGGER z_keeps ON parts.visits;
UPDATE parts.visits SET note = NULL WHERE id = 1;

-- other triggers beside ours: what they write in between does not get in the way, and what they set is checked
CREATE FUNCTION parts.writes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM parts.note(concat_ws(' ', TG_NAME, lower(TG_OP), TG_TABLE_NAME));
  IF TG_OP = 'DELETE' THEN RETURN old; END IF;
  RETURN new;
END $$;
CREATE TRIGGER a_writes BEFORE INSERT OR UPDATE OR DELETE ON parts.visits FOR EACH ROW EXECUTE FUNCTION parts.writes();
CREATE TRIGGER z_writes BEFORE INSERT OR UPDATE OR DELETE ON parts.visits FOR EACH ROW EXECUTE FUNCTION parts.writes();
UPDATE parts.visits SET day = '2026-02-10' WHERE id = 1 RETURNING tableoid::regclass, state;
SELECT * FROM parts.lines();
DROP TRIGGER a_writes ON parts.visits;
DROP TRIGGER z_writes ON parts.visits;
-- one that keeps a copy of what leaves, in the very same table
CREATE FUNCTION parts.copies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO parts.visits (id, day, state) VALUES (old.id + 100, old.day, new_state()); RETURN old; END $$;
CREATE FUNCTION new_state() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('parts.state') $$;
CREATE TRIGGER z_copies BEFORE DELETE ON parts.visits FOR EACH ROW EXECUTE FUNCTION parts.copies();
SET parts.state = 'strange';
UPDATE parts.visits SET day = '2026-01-10' WHERE id = 1;
\echo :SQLSTATE
SET parts.state = 'open';
UPDATE parts.visits SET day = '2026-01-10' WHERE id = 1 RETURNING tableoid::regclass, state;
SELECT id, state FROM parts.visits WHERE id > 100;
DROP TRIGGER z_copies ON parts.visits;
DELETE FROM parts.visits WHERE id > 100;
-- one that changes the state of what arrives, before our checks
CREATE FUNCTION parts.sets() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.state := TG_ARGV[0]; RETURN new; END $$;
CREATE TRIGGER a_sets BEFORE INSERT ON parts.visits FOR EACH ROW WHEN (new.note = 'spoil') EXECUTE FUNCTION parts.sets('strange');
\set VERBOSITY sqlstate
UPDATE parts.visits SET day = '2026-02-11', note = 'spoil' WHERE id = 1;
\set VERBOSITY default
SELECT id, day, state FROM parts.visits WHERE id = 1;
DROP TRIGGER a_sets ON parts.visits;

-- with actions: a move that would lose one is refused; in two statements it is not
SELECT lifeguard.add_action('parts.visits', 'open', 'closed', 'parts.note(format(''%s closed in %s'', new.id, new.day))');
UPDATE parts.visits SET day = '2026-02-12' WHERE id = 2 RETURNING state;
UPDATE parts.visits SET day = '2026-02-12' WHERE id = 3 RETURNING state;
UPDATE parts.visits SET day = '2026-03-12', state = 'closed' WHERE id = 3;
\echo :SQLSTATE
UPDATE parts.visits SET day = '2026-03-12', state = 'open' WHERE id = 2;
UPDATE parts.visits SET state = 'closed' WHERE id = 2;
UPDATE parts.visits SET state = 'closed', day = '2026-02-13' WHERE id = 3;
SELECT * FROM parts.lines();
-- a stamp, or another trigger, may be what moves it: no action is lost by that either
UPDATE parts.visits SET state = 'open' WHERE id = 3;
SELECT lifeguard.add_stamp('parts.visits', 'closed', 'day', '''2026-03-14''');
UPDATE parts.visits SET state = 'closed' WHERE id = 3;
\echo :SQLSTATE
SELECT lifeguard.drop_stamp('parts.visits', 'closed', 'day');
CREATE FUNCTION parts.moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.day := '2026-03-15'; RETURN new; END $$;
CREATE TRIGGER z_moves BEFORE UPDATE ON parts.visits FOR EACH ROW EXECUTE FUNCTION parts.moves();
UPDATE parts.visits SET state = 'closed' WHERE id = 3;
\echo :SQLSTATE
UPDATE parts.visits SET note = 'moved' WHERE id = 3 RETURNING tableoid::regclass, state;
DROP TRIGGER z_moves ON parts.visits;
SELECT lifeguard.add_action('parts.visits', 'closed', 'open', 'parts.note(''opened again'')');
UPDATE parts.visits SET state = 'closed' WHERE id = 3;
CREATE TRIGGER z_moves BEFORE UPDATE ON parts.visits FOR EACH ROW EXECUTE FUNCTION parts.moves();
UPDATE parts.visits SET day = '2026-02-15' WHERE id = 3;
DROP TRIGGER z_moves ON parts.visits;
UPDATE parts.visits SET day = '2026-01-16', state = 'open' WHERE id = 3;
\echo :SQLSTATE
SELECT * FROM parts.lines();
-- history is an action in this, too
SELECT lifeguard.drop_action('parts.visits', 'open', 'closed'), lifeguard.drop_action('parts.visits', 'closed', 'open'), lifeguard.add_history('parts.visits');
UPDATE parts.visits SET day = '2026-01-16', state = 'open' WHERE id = 3;
\echo :SQLSTATE
UPDATE parts.visits SET day = '2026-01-16' WHERE id = 3;
UPDATE parts.visits SET state = 'open' WHERE id = 3;
SELECT relation, row_key, from_state, to_state FROM lifeguard.history WHERE relation = 'parts.visits';
SELECT lifeguard.drop_history('parts.visits');
DELETE FROM lifeguard.history;
-- an action for creation: a row that merely moves is not created
SELECT lifeguard.add_action('parts.visits', NULL, 'open', 'parts.note(new.id || '' is open'')');
INSERT INTO parts.visits (id, day) VALUES (20, '2026-01-20');
UPDATE parts.visits SET day = '2026-02-20' WHERE id = 20;
\echo :SQLSTATE
SELECT * FROM parts.lines();
SELECT lifeguard.drop_action('parts.visits', NULL, 'open');

-- MERGE and many rows, some of which move
MERGE INTO parts.visits v USING (VALUES (20, 'closed'), (3, 'closed'), (21, 'open')) w(id, state) ON v.id = w.id
  WHEN MATCHED THEN UPDATE SET day = '2026-03-20', state = w.state
  WHEN NOT MATCHED THEN INSERT (id, day) VALUES (w.id, '2026-01-21');
SELECT tableoid::regclass, id, state FROM parts.visits WHERE id IN (3, 20, 21) ORDER BY id;
INSERT INTO parts.visits (id, day) VALUES (21, '2026-01-21') ON CONFLICT (id, day) DO UPDATE SET state = 'closed' RETURNING tableoid::regclass, state;

-- row types: old and new have the type of the partitioned table's rows, in any partition
CREATE FUNCTION parts.shows(old parts.visits, new parts.visits) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %: % -> %', new.id, new.day, old.state, new.state; RETURN true; END $$;
SELECT lifeguard.add_guard('parts.visits', NULL, NULL, 'parts.shows(old, new)', 'shows'), lifeguard.add_guard('parts.visits', NULL, NULL, '(SELECT parts.shows(old, new))', 'shows');
INSERT INTO parts.visits (id, day) VALUES (30, '2026-02-22');
UPDATE parts.visits SET state = 'closed' WHERE id = 30;
UPDATE parts.visits SET state = 'paid', day = '2026-01-22' WHERE id = 30;
SELECT lifeguard.drop_guard('parts.visits', NULL, NULL);

-- attached and detached
CREATE TABLE parts.april (LIKE parts.visits INCLUDING ALL);
INSERT INTO parts.april (id, day, state) VALUES (40, '2026-04-01', 'ancient');
ALTER TABLE parts.visits ATTACH PARTITION parts.april FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
INSERT INTO parts.visits (id, day, state) VALUES (41, '2026-04-02', 'ancient');
\echo :SQLSTATE
SELECT finding, subject FROM lifeguard.check_lifecycle('parts.visits');
ALTER TABLE parts.visits DETACH PARTITION parts.april;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'parts.april'::regclass;
INSERT INTO parts.april (id, day, state) VALUES (41, '2026-04-02', 'ancient');
-- one with rules of its own is not taken over in silence, whichever comes first
SELECT lifeguard.create_lifecycle('parts.april', 'state', '{ancient}');
\set VERBOSITY sqlstate
ALTER TABLE parts.visits ATTACH PARTITION parts.april FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
SELECT lifeguard.forget('parts.visits');
ALTER TABLE parts.visits ATTACH PARTITION parts.april FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
SELECT lifeguard.create_lifecycle('parts.visits', 'state', '{open}');
SELECT relation, rule FROM lifeguard.rules;
SELECT lifeguard.forget('parts.april');
SELECT lifeguard.create_lifecycle('parts.visits', 'state', '{open}');
SELECT relation, rule FROM lifeguard.rules;
\set VERBOSITY default
SELECT lifeguard.forget('parts.visits');
-- a partition with rules that its table does not have: they hold there, also for what comes from elsewhere
TRUNCATE parts.visits;
SELECT lifeguard.create_lifecycle('parts.january', 'state', '{open,closed}'), lifeguard.add_transition('parts.january', 'open', 'closed');
INSERT INTO parts.visits (id, day, state) VALUES (1, '2026-01-01', 'open'), (2, '2026-02-02', 'strange'), (3, '2026-02-02', 'closed');
INSERT INTO parts.visits (id, day, state) VALUES (4, '2026-01-02', 'strange');
\echo :SQLSTATE
UPDATE parts.visits SET day = '2026-01-03' WHERE id = 2;
\echo :SQLSTATE
UPDATE parts.visits SET day = '2026-01-03' WHERE id = 3 RETURNING tableoid::regclass, state;
WITH moved AS (UPDATE parts.visits SET day = '2026-02-03' WHERE id = 1 RETURNING id)
INSERT INTO parts.visits (id, day, state) SELECT 5, '2026-01-05', 'strange' FROM moved;
\echo :SQLSTATE
SELECT id, day, state FROM parts.visits ORDER BY id;
SELECT lifeguard.forget('parts.january');

-- by state: every move of the row's state moves the row
CREATE TYPE parts.phase AS ENUM ('draft', 'live', 'gone');
CREATE TABLE parts.pages (id int, phase parts.phase NOT NULL DEFAULT 'draft', n int DEFAULT 0) PARTITION BY LIST (phase);
CREATE TABLE parts.pages_draft PARTITION OF parts.pages FOR VALUES IN ('draft');
CREATE TABLE parts.pages_rest PARTITION OF parts.pages FOR VALUES IN ('live', 'gone');
SELECT lifeguard.create_lifecycle('parts.pages', 'phase', '{draft}'), lifeguard.add_transition('parts.pages', 'draft', 'live'), lifeguard.add_transition('parts.pages', 'live', 'gone'),
       lifeguard.add_stamp('parts.pages', 'live', 'n', 'new.n + 1');
INSERT INTO parts.pages VALUES (1), (2);
UPDATE parts.pages SET phase = 'live' WHERE id = 1 RETURNING tableoid::regclass, n;
UPDATE parts.pages SET phase = 'gone' WHERE id = 1 RETURNING tableoid::regclass, n;
UPDATE parts.pages SET phase = 'draft' WHERE id = 1;
\echo :SQLSTATE
INSERT INTO parts.pages VALUES (3, 'live');
\echo :SQLSTATE
SELECT lifeguard.add_action('parts.pages', 'live', 'gone', 'parts.note(''gone '' || new.id)'), lifeguard.add_action('parts.pages', 'draft', 'live', 'parts.note(''live '' || new.id)');
UPDATE parts.pages SET phase = 'live' WHERE id = 2;
\echo :SQLSTATE
SELECT tableoid::regclass, id, phase FROM parts.pages ORDER BY id;
SELECT lifeguard.drop_action('parts.pages', 'draft', 'live');
UPDATE parts.pages SET phase = 'live' WHERE id = 2;
UPDATE parts.pages SET phase = 'gone' WHERE id = 2;
SELECT * FROM parts.lines();

-- drops go through all partitions
DROP FUNCTION parts.note(text);
DROP FUNCTION parts.note(text) CASCADE;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid IN ('parts.pages'::regclass, 'parts.pages_rest'::regclass) ORDER BY tgrelid::regclass::text;
ALTER TABLE parts.pages DISABLE TRIGGER lifeguard_before;
SELECT lifeguard.add_transition('parts.pages', 'gone', 'draft');
SELECT tgrelid::regclass, tgenabled FROM pg_trigger WHERE tgrelid IN ('parts.pages'::regclass, 'parts.pages_rest'::regclass) ORDER BY tgrelid::regclass::text;
SELECT lifeguard.forget('parts.pages');
SELECT count(*) FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid WHERE f.pronamespace = 'lifeguard'::regnamespace AND f.proname IN ('before_row', 'after_row');

SET client_min_messages = warning;
DROP FUNCTION new_state();
DROP SCHEMA parts CASCADE;
