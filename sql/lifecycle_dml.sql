-- A lifecycle under every kind of statement that changes rows.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
CREATE SCHEMA dml;
CREATE TABLE dml.tasks (id int PRIMARY KEY, state text NOT NULL DEFAULT 'new', n int NOT NULL DEFAULT 0, done_at date);
CREATE TABLE dml.log (id int GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION dml.note(text) RETURNS void LANGUAGE sql AS $$ INSERT INTO dml.log (line) VALUES ($1) $$;
CREATE FUNCTION dml.lines() RETURNS TABLE (line text) LANGUAGE sql AS $$
  WITH gone AS (DELETE FROM dml.log RETURNING id, log.line) SELECT gone.line FROM gone ORDER BY gone.id
$$;
SELECT lifeguard.create_lifecycle('dml.tasks', 'state', '{new}'),
       lifeguard.add_transition('dml.tasks', 'new', 'busy'), lifeguard.add_transition('dml.tasks', 'busy', 'done'), lifeguard.add_transition('dml.tasks', 'busy', 'new'),
       lifeguard.add_guard('dml.tasks', NULL, 'busy', '(SELECT count(*) FROM dml.tasks t WHERE t.state = ''busy'') < 3', 'three at a time'),
       lifeguard.add_stamp('dml.tasks', 'done', 'done_at', '''2020-02-02'''),
       lifeguard.add_stamp('dml.tasks', 'new', 'n', 'new.n + 1'),
       lifeguard.add_action('dml.tasks', NULL, NULL, 'dml.note(format(''%s %s -> %s'', new.id, old.state, new.state))');

-- many rows: a guard sees what the statement did to earlier ones, the actions see all of it, one refused row undoes all
INSERT INTO dml.tasks (id) SELECT generate_series(1, 6);
SELECT * FROM dml.lines();
UPDATE dml.tasks SET state = 'busy';
\echo :SQLSTATE
SELECT count(*) FROM dml.tasks WHERE state = 'busy';
SELECT count(*) FROM dml.log;
UPDATE dml.tasks SET state = 'busy' WHERE id <= 3;
UPDATE dml.tasks SET state = CASE id WHEN 1 THEN 'done' WHEN 2 THEN 'new' ELSE state END, n = n + 10;
SELECT * FROM dml.tasks ORDER BY id;
SELECT * FROM dml.lines();
UPDATE dml.tasks SET state = 'done' WHERE id IN (3, 4);
\echo :SQLSTATE
SELECT state FROM dml.tasks WHERE id = 3;
-- an action sees the row as it is stored, and the rest of its statement
CREATE FUNCTION dml.counts() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM dml.note('busy: ' || (SELECT count(*) FROM dml.tasks WHERE state = 'busy')); END $$;
SELECT lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.counts()'),
       lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.note((SELECT ''query: '' || count(*) FROM dml.tasks t WHERE t.state = ''busy''))');
UPDATE dml.tasks SET state = 'busy' WHERE id IN (4, 5);
SELECT * FROM dml.lines();
SELECT lifeguard.drop_action('dml.tasks', 'new', 'busy');
TRUNCATE dml.tasks, dml.log;

-- UPDATE ... FROM, of no row, RETURNING what the stamps set, in a CTE
INSERT INTO dml.tasks (id) VALUES (1), (2) RETURNING id, n;
UPDATE dml.tasks SET state = 'done' WHERE false;
UPDATE dml.tasks t SET state = v.state FROM (VALUES (1, 'busy'), (2, 'new'), (3, 'done')) v(id, state) WHERE v.id = t.id RETURNING t.id, t.state, t.n;
WITH moved AS (UPDATE dml.tasks SET state = 'done' WHERE id = 1 RETURNING *), made AS (INSERT INTO dml.tasks (id) VALUES (3) RETURNING *)
SELECT id, state, done_at FROM moved UNION ALL SELECT id, state, done_at FROM made ORDER BY 1;
SELECT * FROM dml.lines();

-- INSERT ... ON CONFLICT: the proposed row is checked and stamped as a new one; then the UPDATE is checked; actions run for what happened
INSERT INTO dml.tasks (id, n) VALUES (2, 7) ON CONFLICT (id) DO NOTHING;
INSERT INTO dml.tasks (id, state) VALUES (2, 'busy') ON CONFLICT (id) DO NOTHING;
\echo :SQLSTATE
INSERT INTO dml.tasks (id, n) VALUES (2, 7), (4, 7) ON CONFLICT (id) DO UPDATE SET state = 'busy', n = excluded.n RETURNING id, state, n;
INSERT INTO dml.tasks (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET state = 'busy';
\echo :SQLSTATE
INSERT INTO dml.tasks (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET state = excluded.state;
\echo :SQLSTATE
INSERT INTO dml.tasks (id, state) VALUES (1, 'done') ON CONFLICT (id) DO UPDATE SET n = 0;
\echo :SQLSTATE
INSERT INTO dml.tasks (id) VALUES (2) ON CONFLICT (id) DO UPDATE SET n = 100 WHERE tasks.state = 'new';
SELECT id, state, n FROM dml.tasks ORDER BY id;
SELECT * FROM dml.lines();

-- MERGE: each row as the INSERT, UPDATE or DELETE that it becomes
MERGE INTO dml.tasks t USING (VALUES (1, 'gone'), (2, 'done'), (5, 'new')) v(id, state) ON v.id = t.id
  WHEN MATCHED AND v.state = 'gone' THEN DELETE
  WHEN MATCHED THEN UPDATE SET state = v.state
  WHEN NOT MATCHED THEN INSERT (id, state) VALUES (v.id, v.state);
MERGE INTO dml.tasks t USING (VALUES (5, 'done')) v(id, state) ON v.id = t.id WHEN MATCHED THEN UPDATE SET state = v.state;
\echo :SQLSTATE
MERGE INTO dml.tasks t USING (VALUES (6, 'done')) v(id, state) ON v.id = t.id WHEN NOT MATCHED THEN INSERT (id, state) VALUES (v.id, v.state);
\echo :SQLSTATE
SELECT id, state, done_at FROM dml.tasks ORDER BY id;
SELECT * FROM dml.lines();

-- COPY: as INSERT, with defaults and stamps
COPY dml.tasks (id, n) FROM stdin;
10	1
11	2
\.
COPY dml.tasks (id, state) FROM stdin;
12	new
13	busy
\.
COPY dml.tasks (id, state) FROM stdin;
12	\N
\.
SELECT id, state, n FROM dml.tasks WHERE id >= 10 ORDER BY id;
SELECT * FROM dml.lines();

-- views: an updatable one, one with a check, one with INSTEAD OF triggers
CREATE VIEW dml.fresh AS SELECT id AS number, state AS status FROM dml.tasks WHERE state = 'new' WITH CHECK OPTION;
UPDATE dml.fresh SET status = 'done' WHERE number = 10;
\echo :SQLSTATE
UPDATE dml.fresh SET status = 'busy' WHERE number = 10;
\echo :SQLSTATE
INSERT INTO dml.fresh VALUES (20, 'new');
CREATE VIEW dml.all_tasks AS SELECT id, upper(state) AS shout FROM dml.tasks;
CREATE FUNCTION dml.instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE dml.tasks SET state = lower(new.shout) WHERE id = old.id; RETURN new; END $$;
CREATE TRIGGER instead INSTEAD OF UPDATE ON dml.all_tasks FOR EACH ROW EXECUTE FUNCTION dml.instead();
UPDATE dml.all_tasks SET shout = 'DONE' WHERE id = 20;
\echo :SQLSTATE
UPDATE dml.all_tasks SET shout = 'BUSY' WHERE id = 20;
CREATE RULE redirected AS ON UPDATE TO dml.fresh DO INSTEAD UPDATE dml.tasks SET state = new.status WHERE id = old.number;
UPDATE dml.fresh SET status = 'busy' WHERE number = 11;
SELECT id, state FROM dml.tasks WHERE id IN (11, 20) ORDER BY id;
SELECT * FROM dml.lines();
DROP VIEW dml.fresh, dml.all_tasks;

-- foreign keys that write the state
CREATE TABLE dml.states (state text PRIMARY KEY);
INSERT INTO dml.states VALUES ('new'), ('busy'), ('done');
ALTER TABLE dml.tasks ADD FOREIGN KEY (state) REFERENCES dml.states ON UPDATE CASCADE ON DELETE SET DEFAULT;
UPDATE dml.states SET state = 'ready' WHERE state = 'new';
\echo :SQLSTATE
DELETE FROM dml.states WHERE state = 'done';
\echo :SQLSTATE
DELETE FROM dml.states WHERE state = 'busy';
SELECT state, count(*) FROM dml.tasks GROUP BY state ORDER BY state;
SELECT * FROM dml.lines() ORDER BY 1;
ALTER TABLE dml.tasks DROP CONSTRAINT tasks_state_fkey;
DROP TABLE dml.states;
TRUNCATE dml.tasks, dml.log;

-- savepoints: a move that is rolled back can be made again, its actions' rows are gone
INSERT INTO dml.tasks (id) VALUES (1);
BEGIN;
UPDATE dml.tasks SET state = 'busy' WHERE id = 1;
SAVEPOINT a;
UPDATE dml.tasks SET state = 'done' WHERE id = 1;
ROLLBACK TO a;
UPDATE dml.tasks SET state = 'new' WHERE id = 1;
SAVEPOINT b;
UPDATE dml.tasks SET state = 'done' WHERE id = 1;
ROLLBACK TO b;
UPDATE dml.tasks SET state = 'busy' WHERE id = 1;
COMMIT;
SELECT id, state, n, done_at FROM dml.tasks;
SELECT * FROM dml.lines();
DO $$
BEGIN
  BEGIN
    UPDATE dml.tasks SET state = 'done' WHERE id = 1;
    RAISE division_by_zero;
  EXCEPTION WHEN division_by_zero THEN
    UPDATE dml.tasks SET state = 'new' WHERE id = 1;
  END;
END $$;
SELECT state FROM dml.tasks;
SELECT * FROM dml.lines();

-- on_error: abort undoes the statement, continue the action alone, whatever it did
CREATE TABLE dml.keys (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
INSERT INTO dml.keys VALUES (1);
CREATE FUNCTION dml.tries_to(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM dml.note('trying ' || what);
  CASE what
    WHEN 'fail' THEN RAISE EXCEPTION 'failed' USING ERRCODE = 'ZZ123', DETAIL = 'd', HINT = 'h';
    WHEN 'move' THEN UPDATE dml.tasks SET state = 'nowhere';
    WHEN 'double' THEN INSERT INTO dml.keys VALUES (1);
    WHEN 'temporary' THEN CREATE TEMPORARY TABLE left_over (i int); INSERT INTO left_over VALUES (1); PERFORM 1 / 0;
    WHEN 'setting' THEN SET LOCAL timezone = 'Asia/Tokyo'; PERFORM 1 / 0;
    ELSE NULL;
  END CASE;
END $$;
SELECT lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.tries_to(''fail'')', 'continue'), lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.tries_to(''move'')', 'continue'),
       lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.tries_to(''temporary'')', 'continue'), lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.tries_to(''setting'')', 'continue'),
       lifeguard.add_action('dml.tasks', 'new', 'busy', '1 / new.n', 'continue'), lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.note(''still here'')');
BEGIN;
UPDATE dml.tasks SET state = 'busy', n = 0 WHERE id = 1;
SELECT state FROM dml.tasks WHERE id = 1;
SHOW timezone;
SELECT to_regclass('left_over') IS NULL;
COMMIT;
SELECT * FROM dml.lines();
UPDATE dml.tasks SET state = 'new' WHERE id = 1;
SELECT lifeguard.drop_action('dml.tasks', 'new', 'busy');
SELECT lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.tries_to(''succeed'')'), lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.tries_to(''fail'')');
UPDATE dml.tasks SET state = 'busy' WHERE id = 1;
\echo :SQLSTATE
SELECT state FROM dml.tasks WHERE id = 1;
SELECT * FROM dml.lines();
-- a deferred constraint fails at commit, and takes all with it, also what was to continue
SELECT lifeguard.drop_action('dml.tasks', 'new', 'busy');
SELECT lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.tries_to(''double'')', 'continue');
BEGIN;
UPDATE dml.tasks SET state = 'busy' WHERE id = 1;
SELECT state FROM dml.tasks WHERE id = 1;
COMMIT;
\echo :SQLSTATE
SELECT state FROM dml.tasks WHERE id = 1;
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE dml.tasks SET state = 'busy' WHERE id = 1;
COMMIT;
SELECT state FROM dml.tasks WHERE id = 1;
SELECT lifeguard.drop_action('dml.tasks', 'new', 'busy');
-- a deferred constraint trigger that moves a row runs its rules at commit
CREATE FUNCTION dml.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE dml.tasks SET state = TG_ARGV[0] WHERE id = new.id AND state = 'busy'; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON dml.tasks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.n = 42) EXECUTE FUNCTION dml.later('done');
DELETE FROM dml.log;
BEGIN;
UPDATE dml.tasks SET n = 42 WHERE id = 1;
SELECT state FROM dml.tasks;
COMMIT;
SELECT state, done_at FROM dml.tasks;
SELECT * FROM dml.lines();
INSERT INTO dml.tasks (id) VALUES (2);
UPDATE dml.tasks SET state = 'busy' WHERE id = 2;
DROP TRIGGER later ON dml.tasks;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON dml.tasks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.n = 42) EXECUTE FUNCTION dml.later('lost');
BEGIN;
UPDATE dml.tasks SET n = 42 WHERE id = 2;
COMMIT;
\echo :SQLSTATE
DROP TRIGGER later ON dml.tasks;
TRUNCATE dml.tasks, dml.log;

-- an action that changes the table again: rules inside rules, to the end, in order
CREATE FUNCTION dml.moves(task int, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN UPDATE dml.tasks SET state = $2 WHERE id = $1; END $$;
SELECT lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.moves(new.id, ''done'')'), lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.note(new.id || '' was '' || new.state)');
INSERT INTO dml.tasks (id) VALUES (1), (2);
UPDATE dml.tasks SET state = 'busy';
SELECT id, state, done_at FROM dml.tasks ORDER BY id;
SELECT * FROM dml.lines();
SELECT lifeguard.drop_action('dml.tasks', 'new', 'busy');
-- back and forth for ever: refused beyond the depth, with the chain named, and nothing is changed
SELECT lifeguard.add_action('dml.tasks', 'new', 'busy', 'dml.moves(new.id, ''new'')'), lifeguard.add_action('dml.tasks', 'busy', 'new', 'dml.moves(new.id, ''busy'')');
INSERT INTO dml.tasks (id) VALUES (3);
SET lifeguard.max_depth = 4;
UPDATE dml.tasks SET state = 'busy' WHERE id = 3;
\echo :SQLSTATE
SELECT state FROM dml.tasks WHERE id = 3;
SET lifeguard.max_depth = 1;
UPDATE dml.tasks SET state = 'busy' WHERE id = 3;
\echo :SQLSTATE
DO $$
BEGIN
  SET LOCAL lifeguard.max_depth = 1000;
  UPDATE dml.tasks SET state = 'busy' WHERE id = 3;
EXCEPTION WHEN statement_too_complex OR SQLSTATE 'LG014' THEN RAISE NOTICE 'refused';
END $$;
\set VERBOSITY terse
SET lifeguard.max_depth = 0;
SET lifeguard.max_depth = 1001;
RESET lifeguard.max_depth;
UPDATE dml.tasks SET state = 'busy' WHERE id = 3;
\set VERBOSITY default
SELECT state, count(*) FROM dml.tasks GROUP BY state ORDER BY state;
SELECT lifeguard.drop_action('dml.tasks', 'new', 'busy'), lifeguard.drop_action('dml.tasks', 'busy', 'new');
-- two tables that move each other
CREATE TABLE dml.parents (id int PRIMARY KEY, state text);
SELECT lifeguard.create_lifecycle('dml.parents', 'state', '{open}'), lifeguard.add_transition('dml.parents', 'open', 'closed');
CREATE FUNCTION dml.closes(int) RETURNS void LANGUAGE sql AS $$ UPDATE dml.parents SET state = 'closed' WHERE id = $1 AND state = 'open' $$;
CREATE FUNCTION dml.finishes() RETURNS void LANGUAGE sql AS $$ UPDATE dml.tasks SET state = 'done' WHERE state = 'busy' $$;
SELECT lifeguard.add_action('dml.tasks', 'busy', 'done', 'dml.closes(1)'), lifeguard.add_action('dml.parents', 'open', 'closed', 'dml.finishes()');
INSERT INTO dml.parents VALUES (1, 'open');
TRUNCATE dml.tasks, dml.log;
INSERT INTO dml.tasks (id) VALUES (1), (2), (3);
UPDATE dml.tasks SET state = 'busy';
DELETE FROM dml.log;
UPDATE dml.tasks SET state = 'done' WHERE id = 1;
SELECT * FROM dml.lines();
SELECT id, state FROM dml.tasks ORDER BY id;

-- a replica takes rows as they come: no checks, no stamps, no actions, whatever somebody did to the triggers
SET session_replication_role = replica;
INSERT INTO dml.tasks (id, state) VALUES (50, 'from afar');
UPDATE dml.tasks SET state = 'busy' WHERE id = 50;
ALTER TABLE dml.tasks ENABLE ALWAYS TRIGGER lifeguard_before;
ALTER TABLE dml.tasks ENABLE ALWAYS TRIGGER lifeguard_after;
UPDATE dml.tasks SET state = 'from afar' WHERE id = 50 RETURNING n;
RESET session_replication_role;
SELECT * FROM dml.lines();
UPDATE dml.tasks SET state = 'new' WHERE id = 50;
\echo :SQLSTATE

-- a cursor's row, a prepared statement under many plans, a row moved and deleted in one transaction
DELETE FROM dml.tasks;
INSERT INTO dml.tasks (id) SELECT generate_series(1, 10);
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM dml.tasks WHERE id = 7 FOR UPDATE;
FETCH c;
UPDATE dml.tasks SET state = 'busy' WHERE CURRENT OF c RETURNING id, state;
CLOSE c;
DELETE FROM dml.tasks WHERE id = 7;
COMMIT;
PREPARE moves(int, text) AS UPDATE dml.tasks SET state = $2 WHERE id = $1;
DO $$ BEGIN FOR i IN 1..20 LOOP EXECUTE format('EXECUTE moves(1, %L)', CASE i % 2 WHEN 1 THEN 'busy' ELSE 'new' END); END LOOP; END $$;
EXECUTE moves(1, 'done');
\echo :SQLSTATE
SELECT lifeguard.add_transition('dml.tasks', 'new', 'done');
EXECUTE moves(1, 'done');
SELECT state, done_at FROM dml.tasks WHERE id = 1;
-- rules changed in the transaction that uses them
BEGIN;
UPDATE dml.tasks SET state = 'busy' WHERE id = 2;
SELECT lifeguard.add_transition('dml.tasks', 'busy', 'far');
UPDATE dml.tasks SET state = 'far' WHERE id = 2;
SELECT lifeguard.drop_transition('dml.tasks', 'busy', 'far');
UPDATE dml.tasks SET n = 1 WHERE id = 2 RETURNING state;
UPDATE dml.tasks SET state = 'busy' WHERE id = 2;
\echo :SQLSTATE
ROLLBACK;
-- a function behind a guard is replaced: its new body counts at once
CREATE FUNCTION dml.may(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
SELECT lifeguard.add_guard('dml.tasks', 'new', 'busy', 'dml.may(1) AND dml.may(new.id)', 'may');
UPDATE dml.tasks SET state = 'busy' WHERE id = 3;
CREATE OR REPLACE FUNCTION dml.may(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 100';
UPDATE dml.tasks SET state = 'busy' WHERE id = 4;
\echo :SQLSTATE
SELECT lifeguard.drop_guard('dml.tasks', 'new', 'busy', 'dml.may(1) AND dml.may(new.id)');

-- a large transaction: nothing is lost, nothing is counted twice
SELECT lifeguard.drop_guard('dml.tasks', NULL, 'busy');
DELETE FROM dml.log;
DELETE FROM dml.tasks;
INSERT INTO dml.tasks (id) SELECT generate_series(1, 5000);
UPDATE dml.tasks SET state = 'busy';
UPDATE dml.tasks SET state = CASE WHEN id % 2 = 0 THEN 'done' ELSE 'new' END;
SELECT state, n, done_at, count(*) FROM dml.tasks GROUP BY 1, 2, 3 ORDER BY 1;
SELECT regexp_replace(line, '^\d+ ', '') AS move, count(*), count(DISTINCT line) FROM dml.log GROUP BY 1 ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA dml CASCADE;
