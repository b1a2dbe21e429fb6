-- Rules: what a table's two triggers carry, how they are declared, listed, dropped, and what the server knows of them.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = notice;
CREATE SCHEMA works;
CREATE TABLE works.jobs (id int PRIMARY KEY, state text NOT NULL, note text, worth int, done_at timestamptz, updated_at timestamptz);
CREATE FUNCTION works.log(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'log: %', $1; END $$;
CREATE FUNCTION works.is_worth(int) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 > 0 $$;

-- the extension's own functions: every body is well-formed, commented, and resolves names by a pinned path or natively
DO $$
DECLARE f regprocedure;
BEGIN
  SET LOCAL check_function_bodies = on;
  FOR f IN SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
            WHERE p.pronamespace = 'lifeguard'::regnamespace AND l.lanname = 'plpgsql' LOOP
    BEGIN
      PERFORM plpgsql_validator(f);
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING '% does not parse: %', f, SQLERRM;
    END;
  END LOOP;
END $$;
SELECT p.oid::regprocedure AS "without a comment or a pinned path"
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace = 'lifeguard'::regnamespace
   AND (obj_description(p.oid, 'pg_proc') IS NULL
        OR l.lanname IN ('sql', 'plpgsql') AND p.prosqlbody IS NULL AND NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false));

-- one rule, one trigger; what a table's rules are is in its triggers and nowhere else
SELECT lifeguard.create_lifecycle('works.jobs', 'state', '{open}');
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'works.jobs'::regclass ORDER BY tgname DESC;
SELECT lifeguard.add_transition('works.jobs', 'open', 'done'),
       lifeguard.add_transition('works.jobs', 'open', 'void'),
       lifeguard.add_guard('works.jobs', 'open', 'done', 'works.is_worth(new.worth)', 'it must be worth it'),
       lifeguard.add_guard('works.jobs', NULL, 'void', 'new.note IS NOT NULL', 'say why'),
       lifeguard.add_stamp('works.jobs', 'done', 'done_at', 'now()'),
       lifeguard.add_action('works.jobs', 'open', 'done', $$works.log('done')$$),
       lifeguard.add_action('works.jobs', NULL, 'void', $$works.log('it''s \void')$$, on_error => 'continue'),
       lifeguard.add_history('works.jobs'),
       lifeguard.keep_updated_at('works.jobs');
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'works.jobs'::regclass ORDER BY tgname DESC;
\t off
\x on
SELECT * FROM lifeguard.rules;
\x off
SELECT relation, timing, rule FROM lifeguard.rules;
\t on

-- the same by the functions for tools; a rule of another writer stands where it was put
SELECT lifeguard.get_rules('works.jobs', 'after');
SELECT lifeguard.set_rules('works.jobs', 'after', (lifeguard.get_rules('works.jobs', 'after'))[:2]);
SELECT lifeguard.add_rule('works.jobs', 'after', '{"kind": "action", "from": "open", "to": "void", "call": "works.log(''tool'')", "on_error": null}');
SELECT rule, definition FROM lifeguard.rules WHERE timing = 'after';
SELECT lifeguard.get_rules('works.jobs', 'sometimes');
\echo :SQLSTATE
SELECT lifeguard.set_rules('works.jobs', 'after', ARRAY[NULL::text]);
\echo :SQLSTATE
SELECT lifeguard.set_rules('works.jobs', 'after', '{nonsense}');
\echo :SQLSTATE
SELECT lifeguard.set_rules('works.jobs', 'after', '{"[1]"}');
\echo :SQLSTATE
SELECT lifeguard.set_rules('works.jobs', 'after', '{"{}"}');
\echo :SQLSTATE
SELECT lifeguard.add_rule('works.jobs', 'after', '{"kind": 7}');
\echo :SQLSTATE
SELECT lifeguard.add_rule('works.jobs', 'after', '{"kind": "miracle"}');
\echo :SQLSTATE
SELECT lifeguard.add_rule('works.jobs', 'before', '{"kind": "action", "call": "works.log(''a'')"}');
\echo :SQLSTATE
SELECT lifeguard.add_rule('works.jobs', 'after', '{"kind": "action", "to": "done"}');
\echo :SQLSTATE
SELECT lifeguard.add_rule('works.jobs', 'after', '{"kind": "action", "call": ["works.log(''a'')"]}');
\echo :SQLSTATE
SELECT lifeguard.add_rule('works.jobs', 'before', '{"kind": "stamp", "to": "done", "value": "1"}');
\echo :SQLSTATE
SELECT count(*) FROM lifeguard.rules WHERE relation = 'works.jobs'::regclass;

-- dropping by name: one rule, the others stay in order; what others need is refused
SELECT lifeguard.drop_rule('works.jobs', 'guard any -> void: new.note IS NOT NULL');
SELECT lifeguard.drop_rule('works.jobs', 'guard any -> void: new.note IS NOT NULL');
\echo :SQLSTATE
SELECT lifeguard.drop_rule('works.jobs', 'transition open -> done');
\echo :SQLSTATE
SELECT lifeguard.drop_rule('works.jobs', 'transition open -> void');
\echo :SQLSTATE
SELECT lifeguard.drop_rule('works.jobs', 'lifecycle of state');
\echo :SQLSTATE
SELECT timing, position, rule FROM lifeguard.rules;
-- with the last action the AFTER trigger goes too, whatever function dropped it
SELECT lifeguard.drop_rule('works.jobs', $$action open -> done: works.log('done')$$);
SELECT lifeguard.drop_rule('works.jobs', $$action open -> void: works.log('tool')$$);
SELECT tgname FROM pg_trigger WHERE tgrelid = 'works.jobs'::regclass ORDER BY 1;
-- of two rules with one name the first goes
SELECT lifeguard.add_guard('works.jobs', 'open', 'void', 'true', 'first'), lifeguard.add_guard('works.jobs', 'open', 'void', 'true', 'second');
SELECT lifeguard.drop_rule('works.jobs', 'guard open -> void: true');
SELECT rule, message FROM lifeguard.rules WHERE kind = 'guard';

-- forget: all rules, no rows, any number of times
INSERT INTO works.jobs (id, state) VALUES (1, 'open');
SELECT lifeguard.forget('works.jobs');
SELECT lifeguard.forget('works.jobs');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'works.jobs'::regclass;
SELECT count(*) FROM works.jobs;

-- a disabled trigger stays disabled when a rule is added
SELECT lifeguard.create_lifecycle('works.jobs', 'state', '{open}');
ALTER TABLE works.jobs DISABLE TRIGGER lifeguard_before;
SELECT lifeguard.add_transition('works.jobs', 'open', 'done'), lifeguard.add_action('works.jobs', 'open', 'done', $$works.log('done')$$);
SELECT timing, rule, enabled FROM lifeguard.rules;
UPDATE works.jobs SET state = 'anything' WHERE id = 1;
UPDATE works.jobs SET state = 'open' WHERE id = 1;
ALTER TABLE works.jobs ENABLE TRIGGER lifeguard_before;
UPDATE works.jobs SET state = 'anything' WHERE id = 1;
\echo :SQLSTATE

-- the server knows what rules use: no function, column, type, view goes while a rule needs it
CREATE TYPE works.mood AS ENUM ('good', 'bad');
CREATE VIEW works.holidays AS SELECT 1 AS day;
CREATE SEQUENCE works.numbers;
SELECT lifeguard.add_guard('works.jobs', 'open', 'done', $$works.is_worth(new.worth) AND 'good'::works.mood = 'good'$$, 'worth'),
       lifeguard.add_guard('works.jobs', 'open', 'done', 'NOT EXISTS (SELECT FROM works.holidays WHERE day = new.id)', 'no holiday'),
       lifeguard.add_stamp('works.jobs', 'done', 'done_at', 'now()'),
       lifeguard.add_stamp('works.jobs', 'done', 'worth', $$nextval('works.numbers')$$),
       lifeguard.keep_updated_at('works.jobs');
\set VERBOSITY terse
DROP FUNCTION works.is_worth(int);
\echo :SQLSTATE
DROP FUNCTION works.log(text);
\echo :SQLSTATE
DROP TYPE works.mood;
\echo :SQLSTATE
DROP VIEW works.holidays;
\echo :SQLSTATE
DROP SEQUENCE works.numbers;
\echo :SQLSTATE
ALTER TABLE works.jobs DROP COLUMN state;
\echo :SQLSTATE
ALTER TABLE works.jobs DROP COLUMN worth;
\echo :SQLSTATE
ALTER TABLE works.jobs DROP COLUMN done_at;
\echo :SQLSTATE
ALTER TABLE works.jobs DROP COLUMN updated_at;
\echo :SQLSTATE
ALTER TABLE works.jobs ALTER COLUMN state TYPE varchar(20);
\echo :SQLSTATE
DROP EXTENSION lifeguard;
\echo :SQLSTATE
ALTER TABLE works.jobs DROP COLUMN note;
\set VERBOSITY default
DROP FUNCTION works.log(text);
-- CASCADE takes the trigger and says so; the other one stays
BEGIN;
DROP FUNCTION works.log(text) CASCADE;
SELECT timing, rule FROM lifeguard.rules;
ROLLBACK;
BEGIN;
ALTER TABLE works.jobs DROP COLUMN worth CASCADE;
SELECT timing, rule FROM lifeguard.rules;
ROLLBACK;
BEGIN;
ALTER TABLE works.jobs DROP COLUMN state CASCADE;
SELECT count(*) FROM lifeguard.rules;
ROLLBACK;
-- a rule dropped lets its function go
SELECT lifeguard.drop_guard('works.jobs', 'open', 'done'), lifeguard.drop_action('works.jobs', 'open', 'done');
DROP FUNCTION works.log(text);
DROP FUNCTION works.is_worth(int);
DROP VIEW works.holidays;
DROP TYPE works.mood;
-- so does a change of rules that is rolled back
BEGIN;
CREATE FUNCTION works.fine() RETURNS boolean LANGUAGE sql AS 'SELECT true';
SAVEPOINT a;
SELECT lifeguard.add_guard('works.jobs', 'open', 'done', 'works.fine()', 'fine');
ROLLBACK TO a;
DROP FUNCTION works.fine();
UPDATE works.jobs SET state = 'done' WHERE id = 1;
ROLLBACK;
SELECT lifeguard.forget('works.jobs');

-- the first rule of a table already has its dependencies
CREATE FUNCTION works.value() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()';
SELECT lifeguard.set_rules('works.jobs', 'before', ARRAY[
  '{"kind": "lifecycle", "column": "state", "initial": ["open"]}',
  '{"kind": "stamp", "to": "open", "column": "done_at", "value": "works.value()"}']);
\set VERBOSITY terse
DROP FUNCTION works.value();
\echo :SQLSTATE
ALTER TABLE works.jobs DROP COLUMN done_at;
\echo :SQLSTATE
\set VERBOSITY default
SELECT lifeguard.forget('works.jobs');
DROP FUNCTION works.value();

-- what is no table has no rules
CREATE VIEW works.open_jobs AS SELECT * FROM works.jobs WHERE state = 'open';
CREATE MATERIALIZED VIEW works.counts AS SELECT state, count(*) FROM works.jobs GROUP BY state;
CREATE TYPE works.pair AS (state text);
SELECT lifeguard.create_lifecycle('works.open_jobs', 'state', '{open}');
\echo :SQLSTATE
SELECT lifeguard.create_lifecycle('works.counts', 'state', '{open}');
\echo :SQLSTATE
SELECT lifeguard.create_lifecycle('works.numbers', 'state', '{open}');
\echo :SQLSTATE
SELECT lifeguard.create_lifecycle('works.jobs_pkey', 'state', '{open}');
\echo :SQLSTATE
SELECT lifeguard.create_lifecycle('works.pair', 'state', '{open}');
\echo :SQLSTATE
SELECT lifeguard.create_lifecycle('works.nothing', 'state', '{open}');
\echo :SQLSTATE
\set VERBOSITY sqlstate
SELECT lifeguard.create_lifecycle(999999, 'state', '{open}');
SELECT lifeguard.create_lifecycle('pg_catalog.pg_class', 'relname', '{open}');
\set VERBOSITY default
-- no table at all is an error, not silence, in every function that takes one
DO $$
DECLARE
  f record;
BEGIN
  FOR f IN SELECT p.proname, repeat(', NULL', p.pronargs - p.pronargdefaults - 1) AS nulls FROM pg_proc p
            WHERE p.pronamespace = 'lifeguard'::regnamespace AND p.proargtypes[0] = 'regclass'::regtype AND p.proname ~ '^(add|compile|create|draw|drop|forget|get|keep|protect|set|use)(_|$)' ORDER BY 1 LOOP
    BEGIN
      EXECUTE format('SELECT lifeguard.%I(NULL%s)', f.proname, f.nulls);
      RAISE WARNING '%() is silent about NULL', f.proname;
    EXCEPTION WHEN SQLSTATE 'LG010' OR SQLSTATE 'LG012' OR SQLSTATE 'LG301' OR null_value_not_allowed THEN NULL;
    END;
    CONTINUE WHEN f.nulls = '';
    BEGIN
      EXECUTE format('SELECT lifeguard.%I(%L%s)', f.proname, 'works.jobs', f.nulls);
      RAISE WARNING '%(table%) is silent', f.proname, f.nulls;
    EXCEPTION WHEN SQLSTATE 'LG010' OR SQLSTATE 'LG012' OR SQLSTATE 'LG301' OR null_value_not_allowed THEN NULL;
    END;
  END LOOP;
END $$;
SELECT relation, rule FROM lifeguard.rules;
SELECT finding FROM lifeguard.check_lifecycle(NULL);

-- a trigger made by hand: nonsense is a warning when it is made and an error at its first row
CREATE TRIGGER wrong BEFORE UPDATE ON works.jobs FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('nonsense');
UPDATE works.jobs SET worth = 1;
\echo :SQLSTATE
SELECT relation, rule, definition FROM lifeguard.rules;
-- what is broken already may be altered, disabled, forgotten
ALTER TABLE works.jobs ADD COLUMN colour text;
ALTER TABLE works.jobs DISABLE TRIGGER wrong;
UPDATE works.jobs SET worth = 1;
ALTER TABLE works.jobs ENABLE TRIGGER wrong;
SELECT finding FROM lifeguard.check_lifecycle('works.jobs') LIMIT 1;
SELECT lifeguard.forget('works.jobs');
UPDATE works.jobs SET worth = 1;
CREATE TRIGGER wrong BEFORE UPDATE ON works.jobs FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row();
UPDATE works.jobs SET worth = 1;
\echo :SQLSTATE
CREATE OR REPLACE TRIGGER wrong BEFORE UPDATE ON works.jobs FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('{"kind": "from the future"}');
UPDATE works.jobs SET worth = 1;
\echo :SQLSTATE
CREATE OR REPLACE TRIGGER wrong BEFORE UPDATE ON works.jobs FOR EACH ROW
  EXECUTE FUNCTION lifeguard.before_row('{"kind": "lifecycle", "column": "nowhere", "initial": ["open"]}');
UPDATE works.jobs SET worth = 1;
\echo :SQLSTATE
CREATE OR REPLACE TRIGGER wrong BEFORE UPDATE ON works.jobs FOR EACH ROW
  EXECUTE FUNCTION lifeguard.before_row('{"kind": "lifecycle", "column": "state", "initial": "open"}');
UPDATE works.jobs SET worth = 1;
\echo :SQLSTATE
CREATE OR REPLACE TRIGGER wrong BEFORE UPDATE ON works.jobs FOR EACH ROW
  EXECUTE FUNCTION lifeguard.before_row('{"kind": "lifecycle", "column": "state", "initial": ["open"]}', '{"kind": "guard", "condition": "works.gone()", "message": "m"}');
UPDATE works.jobs SET worth = 1;
\echo :SQLSTATE
DROP TRIGGER wrong ON works.jobs;
-- the view of rules shows whatever there is, and never fails
CREATE TABLE works.odd (id int);
DO $$ BEGIN
  EXECUTE format('CREATE TRIGGER odd BEFORE UPDATE ON works.odd FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row(%L, %L, %L, %L, %L, %L, %L)',
                 '{"kind": 1e1000000}', '{"kind": "\ud800"}', '[]', 'null', '{"kind": null}', '', repeat('[', 20000));
END $$;
SELECT rule, left(definition::text, 40) FROM lifeguard.rules;
SELECT lifeguard.forget('works.odd');
SELECT count(*) FROM lifeguard.rules;
-- at most one of each: a second one by hand is refused, whatever its name
SELECT lifeguard.create_lifecycle('works.jobs', 'state', '{open}');
\set VERBOSITY sqlstate
CREATE TRIGGER a_second BEFORE INSERT ON works.jobs FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('{"kind": "keep_updated_at", "column": "updated_at"}');
CREATE TRIGGER second BEFORE INSERT ON works.jobs FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('{"kind": "keep_updated_at", "column": "updated_at"}');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'works.jobs'::regclass;
\set VERBOSITY default
-- renamed by hand it is found again
ALTER TRIGGER lifeguard_before ON works.jobs RENAME TO a_first;
SELECT lifeguard.add_transition('works.jobs', 'open', 'done');
SELECT tgname, rule FROM pg_trigger t JOIN lifeguard.rules r ON r.relation = t.tgrelid;
SELECT lifeguard.forget('works.jobs');
-- the functions are row triggers and nothing else; AFTER DELETE too wants rules that work
SELECT lifeguard.before_row();
CREATE TRIGGER wrong AFTER DELETE ON works.jobs FOR EACH ROW
  EXECUTE FUNCTION lifeguard.after_row('{"kind": "lifecycle", "column": "state", "initial": ["open"]}', '{"kind": "history"}');
DELETE FROM works.jobs;
\echo :SQLSTATE
DROP TRIGGER wrong ON works.jobs;
CREATE TRIGGER wrong AFTER UPDATE ON works.jobs FOR EACH STATEMENT
  EXECUTE FUNCTION lifeguard.after_row('{"kind": "lifecycle", "column": "state", "initial": ["open"]}', '{"kind": "history"}');
UPDATE works.jobs SET worth = 1;
\echo :SQLSTATE
DROP TRIGGER wrong ON works.jobs;
CREATE TRIGGER wrong AFTER UPDATE ON works.jobs FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('{"kind": "keep_updated_at", "column": "updated_at"}');
UPDATE works.jobs SET worth = 1;
\echo :SQLSTATE
DROP TRIGGER wrong ON works.jobs;
CREATE TRIGGER wrong INSTEAD OF UPDATE ON works.open_jobs FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('{"kind": "keep_updated_at", "column": "updated_at"}');
UPDATE works.jobs SET state = 'open';
UPDATE works.open_jobs SET worth = 1;
\echo :SQLSTATE
DROP TRIGGER wrong ON works.open_jobs;
-- somebody's own trigger of that name is not replaced in silence
CREATE FUNCTION works.mine() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'mine'; RETURN new; END $$;
CREATE TRIGGER lifeguard_before BEFORE UPDATE ON works.jobs FOR EACH ROW EXECUTE FUNCTION works.mine();
\set VERBOSITY sqlstate
SELECT lifeguard.create_lifecycle('works.jobs', 'state', '{open}');
\set VERBOSITY default
UPDATE works.jobs SET worth = 1;
DROP TRIGGER lifeguard_before ON works.jobs;

-- temporary, unlogged and inherited tables; a child of plain inheritance keeps its own rules
CREATE TEMPORARY TABLE draft (id int, state text);
SELECT lifeguard.create_lifecycle('draft', 'state', '{new}');
\set VERBOSITY sqlstate
INSERT INTO draft VALUES (1, 'old');
\set VERBOSITY default
DROP TABLE draft;
CREATE UNLOGGED TABLE works.fast (id int PRIMARY KEY, state text);
CREATE TABLE works.faster () INHERITS (works.fast);
SELECT lifeguard.create_lifecycle('works.fast', 'state', '{new}');
INSERT INTO works.fast VALUES (1, 'old');
\echo :SQLSTATE
INSERT INTO works.faster VALUES (1, 'old');
-- a copy of the table is a table without rules
CREATE TABLE works.copied (LIKE works.fast INCLUDING ALL);
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'works.copied'::regclass;
-- rules live and die with their table and its transaction
BEGIN;
CREATE TABLE works.brief (id int, state text);
SELECT lifeguard.create_lifecycle('works.brief', 'state', '{new}');
INSERT INTO works.brief VALUES (1, 'new');
ROLLBACK;
SELECT relation, rule FROM lifeguard.rules;
DROP TABLE works.fast CASCADE;
SELECT count(*) FROM lifeguard.rules;

SET client_min_messages = warning;
DROP SCHEMA works CASCADE;
