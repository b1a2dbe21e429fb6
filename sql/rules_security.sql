-- Who may declare rules, as whom they run, what they see, and what nobody may smuggle in.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = notice;
CREATE ROLE regress_owner;
CREATE ROLE regress_clerk;
CREATE ROLE regress_thief;
CREATE SCHEMA safe AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA safe TO regress_clerk, regress_thief;
CREATE SCHEMA den AUTHORIZATION regress_thief;
GRANT USAGE ON SCHEMA den TO PUBLIC;
SET ROLE regress_owner;
CREATE TABLE safe.rooms (id int PRIMARY KEY, open boolean);
CREATE TABLE safe.guests (id int PRIMARY KEY, room int, state text NOT NULL DEFAULT 'booked', seen_by text, note text);
CREATE TABLE safe.bills (guest int, made_by name DEFAULT current_user);
INSERT INTO safe.rooms VALUES (1, true), (2, false);
CREATE FUNCTION safe.is_open(int) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT coalesce((SELECT open FROM safe.rooms WHERE id = $1), false) $$;
CREATE FUNCTION safe.bill(int) RETURNS void LANGUAGE sql AS $$ INSERT INTO safe.bills (guest) VALUES ($1) $$;
SELECT lifeguard.create_lifecycle('safe.guests', 'state', '{booked}'), lifeguard.add_transition('safe.guests', 'booked', 'here'), lifeguard.add_transition('safe.guests', 'here', 'left'),
       lifeguard.add_guard('safe.guests', 'booked', 'here', 'safe.is_open(new.room)', 'the room is closed'),
       lifeguard.add_guard('safe.guests', 'booked', 'here', 'NOT EXISTS (SELECT FROM safe.rooms r WHERE r.id = new.room AND NOT r.open)', 'the room is not open'),
       lifeguard.add_stamp('safe.guests', 'here', 'seen_by', 'current_user || '' for '' || current_setting(''request.who'', true)'),
       lifeguard.add_action('safe.guests', 'here', 'left', 'safe.bill(new.id)'),
       lifeguard.add_history('safe.guests');
GRANT SELECT, INSERT, UPDATE, TRIGGER ON safe.guests TO regress_clerk, regress_thief;
RESET ROLE;

-- the rules run as the owner: who writes needs no rights on what they use
SET ROLE regress_clerk;
SET request.who = 'clara';
SELECT count(*) FROM safe.bills;
\echo :SQLSTATE
INSERT INTO safe.guests (id, room) VALUES (1, 1), (2, 2);
UPDATE safe.guests SET state = 'here' WHERE id = 1 RETURNING seen_by;
UPDATE safe.guests SET state = 'here' WHERE id = 2;
\echo :SQLSTATE
UPDATE safe.guests SET state = 'left' WHERE id = 1;
SELECT current_user;
RESET ROLE;
SELECT * FROM safe.bills;
SELECT row_key, to_state, moved_by FROM lifeguard.history WHERE relation = 'safe.guests' ORDER BY id;
-- after an error too everybody is who he was
SET ROLE regress_clerk;
DO $$
BEGIN
  UPDATE safe.guests SET state = 'here' WHERE id = 2;
EXCEPTION WHEN SQLSTATE 'LG002' THEN RAISE NOTICE 'refused to %, %', current_user, current_setting('search_path');
END $$;
SELECT current_user;

-- only the owner, or who is a member of it, or a superuser declares, drops, checks
SELECT lifeguard.add_transition('safe.guests', 'left', 'booked');
\echo :SQLSTATE
SELECT lifeguard.drop_rule('safe.guests', 'history');
\echo :SQLSTATE
SELECT lifeguard.forget('safe.guests');
\echo :SQLSTATE
SELECT lifeguard.set_rules('safe.guests', 'before', '{}');
\echo :SQLSTATE
SELECT lifeguard.get_rules('safe.guests', 'before');
\echo :SQLSTATE
SELECT lifeguard.compile_rules('safe.guests');
\echo :SQLSTATE
SELECT lifeguard.check_lifecycle('safe.guests');
\echo :SQLSTATE
SELECT lifeguard.keep_updated_at('safe.guests', 'note');
\echo :SQLSTATE
SELECT count(*) FROM lifeguard.rules WHERE relation = 'safe.guests'::regclass;
RESET ROLE;
GRANT regress_owner TO regress_clerk;
SET ROLE regress_clerk;
SELECT lifeguard.add_transition('safe.guests', 'left', 'booked');
SELECT lifeguard.drop_transition('safe.guests', 'left', 'booked');
RESET ROLE;
REVOKE regress_owner FROM regress_clerk;
-- a refusal does not wait for, nor keep, a lock that others need
SET ROLE regress_thief;
BEGIN;
SAVEPOINT a;
SELECT lifeguard.get_rules('safe.guests', 'before');
ROLLBACK TO a;
SELECT count(*) FROM pg_locks WHERE relation = 'safe.guests'::regclass AND mode = 'ShareRowExclusiveLock';
COMMIT;
-- the TRIGGER privilege does not make an owner: rules run as the owner, so nobody else may write them
CREATE FUNCTION den.robs() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'I am %', current_user; RETURN true; END $$;
CREATE TRIGGER a BEFORE UPDATE ON safe.guests FOR EACH ROW
  EXECUTE FUNCTION lifeguard.before_row('{"kind": "lifecycle", "column": "state", "initial": ["booked"]}', '{"kind": "guard", "condition": "den.robs()", "message": "m"}');
\echo :SQLSTATE
CREATE TRIGGER z AFTER UPDATE ON safe.guests FOR EACH ROW EXECUTE FUNCTION lifeguard.after_row('{"kind": "action", "call": "den.robs()"}');
\echo :SQLSTATE
CREATE OR REPLACE TRIGGER lifeguard_before BEFORE UPDATE ON safe.guests FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('nonsense');
\echo :SQLSTATE
CREATE CONSTRAINT TRIGGER c AFTER UPDATE ON safe.guests DEFERRABLE FOR EACH ROW EXECUTE FUNCTION lifeguard.after_row('{"kind": "history"}');
\echo :SQLSTATE
RESET ROLE;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'safe.guests'::regclass;
-- nor does a partition of one's own, or somebody else's
SET ROLE regress_owner;
CREATE TABLE safe.years (id int, year int, state text) PARTITION BY LIST (year);
CREATE FUNCTION safe.who() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'I am %', current_user; RETURN true; END $$;
SELECT lifeguard.create_lifecycle('safe.years', 'state', '{a}'), lifeguard.add_transition('safe.years', 'a', 'b'), lifeguard.add_guard('safe.years', NULL, NULL, 'safe.who()', 'who'),
       lifeguard.add_guard('safe.years', NULL, NULL, '(SELECT safe.who())', 'who'), lifeguard.add_action('safe.years', NULL, NULL, 'safe.who()', 'continue');
RESET ROLE;
CREATE TABLE safe.year_1 PARTITION OF safe.years FOR VALUES IN (1);
SELECT relowner::regrole FROM pg_class WHERE oid = 'safe.year_1'::regclass;
INSERT INTO safe.years VALUES (1, 1, 'a');
UPDATE safe.year_1 SET state = 'b';
DROP TABLE safe.years;
-- a rule stays its table's when the table changes hands
ALTER TABLE safe.guests OWNER TO regress_clerk;
SET ROLE regress_clerk;
UPDATE safe.guests SET state = 'here' WHERE id = 2;
\echo :SQLSTATE
RESET ROLE;
ALTER TABLE safe.guests OWNER TO regress_owner;
GRANT SELECT, INSERT, UPDATE ON safe.guests TO regress_clerk;

-- DDL behind a rule: on one's own table it is refused; somebody else's holds nobody up, and says so
SET ROLE regress_owner;
CREATE FUNCTION safe.shared(int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE TABLE safe.ours (id int, state text);
SELECT lifeguard.create_lifecycle('safe.ours', 'state', '{a}'), lifeguard.add_guard('safe.ours', NULL, 'a', 'safe.shared(new.id)', 'shared');
\set VERBOSITY terse
ALTER FUNCTION safe.shared(int) RENAME TO common;
\echo :SQLSTATE
DROP TABLE safe.ours;
SET ROLE regress_thief;
CREATE TABLE den.theirs (id int, state text);
SELECT lifeguard.create_lifecycle('den.theirs', 'state', '{a}'), lifeguard.add_guard('den.theirs', NULL, 'a', 'safe.shared(new.id)', 'shared');
SET ROLE regress_owner;
ALTER FUNCTION safe.shared(int) RENAME TO common;
\echo :SQLSTATE
SET ROLE regress_thief;
\set VERBOSITY sqlstate
INSERT INTO den.theirs VALUES (1, 'a');
RESET ROLE;
\set VERBOSITY default

-- row security: rules see what is there, whatever the caller and even the owner may see
SET ROLE regress_owner;
ALTER TABLE safe.rooms ENABLE ROW LEVEL SECURITY;
ALTER TABLE safe.rooms FORCE ROW LEVEL SECURITY;
ALTER TABLE safe.bills ENABLE ROW LEVEL SECURITY;
ALTER TABLE safe.bills FORCE ROW LEVEL SECURITY;
ALTER TABLE safe.guests ENABLE ROW LEVEL SECURITY;
ALTER TABLE safe.guests FORCE ROW LEVEL SECURITY;
CREATE POLICY all_guests ON safe.guests USING (true);
SELECT count(*) FROM safe.rooms;
GRANT SELECT ON safe.rooms TO regress_clerk;
SET ROLE regress_clerk;
SELECT count(*) FROM safe.rooms;
INSERT INTO safe.guests (id, room) VALUES (3, 1), (4, 2);
UPDATE safe.guests SET state = 'here' WHERE id = 3 RETURNING id;
UPDATE safe.guests SET state = 'here' WHERE id = 4;
\echo :SQLSTATE
UPDATE safe.guests SET state = 'left' WHERE id = 3 RETURNING id;
SET ROLE regress_owner;
SELECT safe.is_open(1) AS policy_holds_outside;
INSERT INTO safe.guests (id, room) VALUES (5, 1);
UPDATE safe.guests SET state = 'here' WHERE id = 5 RETURNING id;
SELECT safe.is_open(1) AS policy_holds_outside;
RESET ROLE;
SELECT count(*) FROM safe.bills;
-- a statement of the caller's own inside a rule's function is under no policy either; outside it is again
SET ROLE regress_owner;
SELECT count(*) FROM safe.rooms;
-- rows that a policy hides from the caller are not updated, and their rules do not run
DROP POLICY all_guests ON safe.guests;
CREATE POLICY some_guests ON safe.guests USING (id = 5);
UPDATE safe.guests SET state = 'left' RETURNING id;
DROP POLICY some_guests ON safe.guests;
CREATE POLICY all_guests ON safe.guests USING (true) WITH CHECK (note IS DISTINCT FROM 'forbidden');
UPDATE safe.guests SET note = 'forbidden' WHERE id = 5;
\echo :SQLSTATE
RESET ROLE;

-- search_path: what the caller puts in front of the server's own names is not found
SET ROLE regress_thief;
CREATE FUNCTION den.is_open(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'robbed as %', current_user; RETURN true; END $$;
CREATE FUNCTION den.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'robbed as %', current_user; RETURN $1; END $$;
CREATE FUNCTION den.same(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'robbed as %', current_user; RETURN true; END $$;
CREATE OPERATOR den.= (LEFTARG = text, RIGHTARG = text, FUNCTION = den.same);
CREATE TABLE den.rooms (id int, open boolean);
CREATE TYPE den.int4 AS ENUM ('x');
SET ROLE regress_owner;
SELECT lifeguard.add_guard('safe.guests', 'booked', 'here', 'lower(new.note) = ''quiet'' AND length(new.note::text) < 100::int4', 'be quiet');
SET ROLE regress_thief;
SET search_path = den, pg_catalog, safe;
SET request.who = 'nobody';
CREATE TEMPORARY TABLE rooms (id int, open boolean);
CREATE TEMPORARY TABLE pg_class (oid oid);
INSERT INTO safe.guests (id, room, note) VALUES (7, 2, 'quiet');
UPDATE safe.guests SET state = 'here' WHERE id = 7;
\echo :SQLSTATE
UPDATE safe.guests SET state = 'here', room = 1, note = 'LOUD' WHERE id = 7;
\echo :SQLSTATE
UPDATE safe.guests SET state = 'here', room = 1, note = 'Quiet, please' WHERE id = 7;
\echo :SQLSTATE
UPDATE safe.guests SET state = 'here', room = 1, note = 'QUIET' WHERE id = 7;
SELECT state, seen_by FROM safe.guests WHERE id = 7;
RESET search_path;
RESET ROLE;
SET search_path = den, public;
SET ROLE regress_owner;
SELECT lifeguard.check_lifecycle('safe.guests') IS NOT NULL LIMIT 1;
SELECT lifeguard.draw_lifecycle('safe.guests') IS NOT NULL;
RESET search_path;
RESET ROLE;
-- who may not read a key is not told it, and only a superuser says how deep rules may nest
SET ROLE regress_owner;
REVOKE SELECT ON safe.guests FROM regress_clerk;
GRANT SELECT (state) ON safe.guests TO regress_clerk;
SET ROLE regress_clerk;
UPDATE safe.guests SET state = 'lost';
\echo :SQLSTATE
INSERT INTO safe.guests (id, state) VALUES (77, 'left');
\echo :SQLSTATE
SET lifeguard.max_depth = 100;
\echo :SQLSTATE
RESET ROLE;
-- what a rule's function sets is set for as long as it says, also the path
CREATE FUNCTION safe.wanders() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'den', true); RETURN true; END $$;
SELECT lifeguard.drop_guard('safe.guests', 'booked', 'here');
SELECT lifeguard.add_guard('safe.guests', 'booked', 'here', 'safe.wanders()', 'wanders'), lifeguard.add_guard('safe.guests', 'booked', 'here', 'current_setting(''search_path'') <> ''den''', 'stays');
UPDATE safe.guests SET state = 'here' WHERE id = 4 RETURNING id;
SHOW search_path;

SET client_min_messages = warning;
DROP OWNED BY regress_thief;
DROP SCHEMA safe CASCADE;
DELETE FROM lifeguard.history;
DROP ROLE regress_owner, regress_clerk, regress_thief;
