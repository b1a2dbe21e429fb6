-- DDL around rules: what is renamed, moved, replaced, altered behind a rule's text. What would break it is refused, the rest goes on.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
CREATE SCHEMA ddl;
CREATE SCHEMA elsewhere;
CREATE TABLE ddl.cases (id int PRIMARY KEY, state text NOT NULL, n int, unused int, updated_at timestamptz);
CREATE FUNCTION ddl.ok(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
CREATE FUNCTION ddl.log(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', $1; END $$;
CREATE TABLE ddl.days (day int, open boolean);
CREATE VIEW ddl.open_days AS SELECT day FROM ddl.days WHERE open;
CREATE MATERIALIZED VIEW ddl.kept_days AS SELECT day FROM ddl.days;
CREATE SEQUENCE ddl.numbers;
CREATE TYPE ddl.mood AS ENUM ('good', 'bad');
CREATE TYPE ddl.pair AS (one int, two int);
CREATE DOMAIN ddl.small AS int CHECK (VALUE < 100);
CREATE AGGREGATE ddl.total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE FUNCTION ddl.close(int, int) RETURNS boolean LANGUAGE sql AS $$ SELECT abs($1 - $2) < 2 $$;
CREATE OPERATOR ddl.~~~ (LEFTARG = int, RIGHTARG = int, FUNCTION = ddl.close);
CREATE COLLATION ddl.plain (provider = libc, locale = 'C');
INSERT INTO ddl.days VALUES (1, true);
SELECT lifeguard.create_lifecycle('ddl.cases', 'state', '{a}'), lifeguard.add_transition('ddl.cases', 'a', 'b'), lifeguard.add_transition('ddl.cases', 'b', 'a'),
       lifeguard.add_guard('ddl.cases', 'a', 'b', 'ddl.ok(new.id)', 'function'),
       lifeguard.add_guard('ddl.cases', 'a', 'b', 'NOT EXISTS (SELECT FROM ddl.open_days d WHERE d.day = -new.id)', 'view'),
       lifeguard.add_guard('ddl.cases', 'a', 'b', '(SELECT count(*) FROM ddl.kept_days) >= 0', 'materialized view'),
       lifeguard.add_guard('ddl.cases', 'a', 'b', '''good''::ddl.mood < ''bad''', 'enum'),
       lifeguard.add_guard('ddl.cases', 'a', 'b', '(ROW(1, 2)::ddl.pair).one = 1', 'composite'),
       lifeguard.add_guard('ddl.cases', 'a', 'b', '5::ddl.small = 5', 'domain'),
       lifeguard.add_guard('ddl.cases', 'a', 'b', '(SELECT ddl.total(1)) = 1', 'aggregate'),
       lifeguard.add_guard('ddl.cases', 'a', 'b', '1 OPERATOR(ddl.~~~) 2', 'operator'),
       lifeguard.add_guard('ddl.cases', 'a', 'b', '''x'' COLLATE ddl.plain < ''y''', 'collation'),
       lifeguard.add_stamp('ddl.cases', 'b', 'n', 'nextval(''ddl.numbers'')'),
       lifeguard.add_action('ddl.cases', 'a', 'b', 'ddl.log(''b'')'),
       lifeguard.keep_updated_at('ddl.cases');
INSERT INTO ddl.cases (id, state) VALUES (1, 'a');
UPDATE ddl.cases SET state = 'b';
UPDATE ddl.cases SET state = 'a';

-- renamed or moved behind the rule's text: refused, by whichever command
ALTER FUNCTION ddl.ok(int) RENAME TO fine;
\echo :SQLSTATE
ALTER ROUTINE ddl.ok(int) SET SCHEMA elsewhere;
\echo :SQLSTATE
ALTER FUNCTION ddl.log(text) SET SCHEMA elsewhere;
\echo :SQLSTATE
ALTER VIEW ddl.open_days RENAME TO days_open;
\echo :SQLSTATE
ALTER VIEW ddl.open_days SET SCHEMA elsewhere;
\echo :SQLSTATE
ALTER VIEW ddl.open_days RENAME COLUMN day TO d;
\echo :SQLSTATE
ALTER TABLE ddl.open_days RENAME TO days_open;
\echo :SQLSTATE
ALTER MATERIALIZED VIEW ddl.kept_days RENAME TO days_kept;
\echo :SQLSTATE
ALTER SEQUENCE ddl.numbers RENAME TO digits;
\echo :SQLSTATE
ALTER TYPE ddl.mood RENAME TO feeling;
\echo :SQLSTATE
ALTER TYPE ddl.mood RENAME VALUE 'good' TO 'fine';
\echo :SQLSTATE
ALTER TYPE ddl.pair RENAME ATTRIBUTE one TO first;
\echo :SQLSTATE
ALTER DOMAIN ddl.small RENAME TO tiny;
\echo :SQLSTATE
ALTER AGGREGATE ddl.total(int) RENAME TO sum;
\echo :SQLSTATE
ALTER OPERATOR ddl.~~~ (int, int) SET SCHEMA elsewhere;
\echo :SQLSTATE
ALTER COLLATION ddl.plain RENAME TO simple;
\echo :SQLSTATE
ALTER SCHEMA ddl RENAME TO renamed;
\echo :SQLSTATE
ALTER TABLE ddl.cases RENAME COLUMN state TO status;
\echo :SQLSTATE
ALTER TABLE ddl.cases RENAME COLUMN id TO number;
\echo :SQLSTATE
ALTER TABLE ddl.cases RENAME COLUMN updated_at TO changed_at;
\echo :SQLSTATE
ALTER TABLE ddl.cases RENAME COLUMN n TO m;
\echo :SQLSTATE
UPDATE ddl.cases SET state = 'b' RETURNING n;
UPDATE ddl.cases SET state = 'a';

-- what no rule's text names goes on
ALTER TABLE ddl.cases RENAME COLUMN unused TO other;
ALTER TABLE ddl.cases DROP COLUMN other;
ALTER TABLE ddl.cases ADD COLUMN more text DEFAULT 'x';
ALTER TABLE ddl.cases RENAME TO matters;
ALTER TABLE ddl.matters SET SCHEMA elsewhere;
ALTER TABLE elsewhere.matters RENAME CONSTRAINT cases_pkey TO pk;
ALTER TRIGGER lifeguard_after ON elsewhere.matters RENAME TO z_after;
ALTER FUNCTION ddl.ok(int) STABLE;
ALTER FUNCTION ddl.ok(int) OWNER TO CURRENT_USER;
ALTER TYPE ddl.mood ADD VALUE 'worse';
ALTER SEQUENCE ddl.numbers INCREMENT BY 10;
ALTER VIEW ddl.open_days SET (security_barrier = true);
CREATE OR REPLACE FUNCTION ddl.ok(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN $1 <> 13; END $$;
CREATE OR REPLACE VIEW ddl.open_days AS SELECT day FROM ddl.days WHERE NOT open;
UPDATE elsewhere.matters SET state = 'b' RETURNING n, more;
UPDATE elsewhere.matters SET state = 'a';
SELECT relation, timing, count(*) FROM lifeguard.rules GROUP BY 1, 2 ORDER BY 2 DESC;
ALTER SCHEMA elsewhere RENAME TO "Anderswo";
UPDATE "Anderswo".matters SET state = 'b' RETURNING n;
UPDATE "Anderswo".matters SET state = 'a';
ALTER TABLE "Anderswo".matters SET SCHEMA ddl;
ALTER TABLE ddl.matters RENAME TO cases;
ALTER TABLE ddl.cases ALTER COLUMN id TYPE bigint;
\echo :SQLSTATE
ALTER TABLE ddl.cases ALTER COLUMN more TYPE varchar(9);
UPDATE ddl.cases SET state = 'b';
UPDATE ddl.cases SET state = 'a';
-- the remedy that the hint names: drop, change, declare again, in one transaction
\set VERBOSITY default
ALTER FUNCTION ddl.log(text) RENAME TO say;
\set VERBOSITY terse
BEGIN;
SELECT lifeguard.drop_action('ddl.cases', 'a', 'b');
ALTER FUNCTION ddl.log(text) RENAME TO say;
SELECT lifeguard.add_action('ddl.cases', 'a', 'b', 'ddl.say(''said'')');
COMMIT;
UPDATE ddl.cases SET state = 'b';
UPDATE ddl.cases SET state = 'a';

-- a function made later that would fit better is not taken in silence
CREATE FUNCTION ddl.takes(numeric) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'numeric'; RETURN true; END $$;
SELECT lifeguard.forget('ddl.cases');
SELECT lifeguard.create_lifecycle('ddl.cases', 'state', '{a}'), lifeguard.add_transition('ddl.cases', 'a', 'b'), lifeguard.add_guard('ddl.cases', 'a', 'b', 'ddl.takes(new.id)', 'takes');
CREATE FUNCTION ddl.takes(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'int'; RETURN true; END $$;
\set VERBOSITY default
UPDATE ddl.cases SET state = 'b';
\echo :SQLSTATE
\set VERBOSITY terse
DROP FUNCTION ddl.takes(int);
UPDATE ddl.cases SET state = 'b';

-- created within CREATE SCHEMA a trigger is watched as elsewhere
CREATE SCHEMA whole
  CREATE TABLE things (id int, state text)
  CREATE TRIGGER made BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('nonsense');
DROP SCHEMA whole CASCADE;

-- where the event trigger was off, rules that are written again have their dependencies
SELECT lifeguard.forget('ddl.cases');
ALTER EVENT TRIGGER lifeguard_watch_ddl DISABLE;
SELECT lifeguard.create_lifecycle('ddl.cases', 'state', '{a}'), lifeguard.add_transition('ddl.cases', 'a', 'b'), lifeguard.add_guard('ddl.cases', 'a', 'b', 'ddl.ok(1)', 'ok');
ALTER EVENT TRIGGER lifeguard_watch_ddl ENABLE;
SELECT lifeguard.set_rules(relation, timing, lifeguard.get_rules(relation, timing)) FROM (SELECT DISTINCT relation, timing FROM lifeguard.rules WHERE relation = 'ddl.cases'::regclass) AS t;
DROP FUNCTION ddl.ok(int);
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA ddl CASCADE;
DROP SCHEMA "Anderswo" CASCADE;
SELECT count(*) FROM lifeguard.rules;
