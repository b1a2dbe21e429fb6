-- disable_trigger(), restore_trigger(): the state that a trigger had is what it gets back, whatever it was.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA off_time;
CREATE ROLE off_owner;
CREATE ROLE off_other;
GRANT ALL ON SCHEMA off_time TO off_owner;
GRANT USAGE ON SCHEMA off_time TO off_other;
CREATE FUNCTION off_time.mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.marks := coalesce(new.marks, '') || tg_name || ' '; RETURN new; END $$;
SET ROLE off_owner;
CREATE TABLE off_time.orders (id int PRIMARY KEY, customer int REFERENCES off_time.orders DEFERRABLE, marks text);
CREATE TRIGGER usual BEFORE INSERT ON off_time.orders FOR EACH ROW EXECUTE FUNCTION off_time.mark();
CREATE TRIGGER "for ""replicas"" %s; --" BEFORE INSERT ON off_time.orders FOR EACH ROW EXECUTE FUNCTION off_time.mark();
CREATE TRIGGER always_63_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa BEFORE INSERT ON off_time.orders FOR EACH ROW EXECUTE FUNCTION off_time.mark();
CREATE TRIGGER off BEFORE INSERT ON off_time.orders FOR EACH ROW EXECUTE FUNCTION off_time.mark();
ALTER TABLE off_time.orders ENABLE REPLICA TRIGGER "for ""replicas"" %s; --", ENABLE ALWAYS TRIGGER always_63_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, DISABLE TRIGGER off;
CREATE VIEW off_time.states AS SELECT tgrelid::regclass AS relation, tgname, tgenabled FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'off_time.%' AND NOT tgisinternal ORDER BY 1, 2;
SELECT * FROM off_time.states;
SELECT tgname, lifeguard.disable_trigger('off_time.orders', tgname, 'for the migration; it''s "late"') FROM off_time.states;
SELECT * FROM off_time.states;
INSERT INTO off_time.orders VALUES (1);
SELECT * FROM off_time.orders;
SELECT relation, trigger_name, was, by, reason, since = now() AS now FROM lifeguard.disabled_triggers ORDER BY trigger_name;
-- twice: what was remembered stays
SELECT lifeguard.disable_trigger('off_time.orders', 'usual', 'another reason');
SELECT was, reason FROM lifeguard.disabled_triggers WHERE trigger_name = 'usual';
-- switched on by hand meanwhile: off again, and what was first is what it gets back
ALTER TABLE off_time.orders ENABLE ALWAYS TRIGGER usual;
SELECT lifeguard.disable_trigger('off_time.orders', 'usual');
-- the table is renamed and moved meanwhile
ALTER TABLE off_time.orders RENAME TO "Or'ders";
SELECT tgname, lifeguard.restore_trigger('off_time."Or''ders"', tgname) FROM off_time.states;
SELECT * FROM off_time.states;
SELECT count(*) FROM lifeguard.disabled_triggers;
SELECT lifeguard.restore_trigger('off_time."Or''ders"', 'usual');
ALTER TABLE off_time."Or'ders" RENAME TO orders;
INSERT INTO off_time.orders VALUES (2);
SELECT * FROM off_time.orders WHERE id = 2;
-- in a transaction that is taken back, nothing was done
BEGIN;
SELECT lifeguard.disable_trigger('off_time.orders', 'usual');
ROLLBACK;
SELECT tgenabled FROM off_time.states WHERE tgname = 'usual';
SELECT count(*) FROM lifeguard.disabled_triggers;

-- what cannot be
\set VERBOSITY terse
SELECT lifeguard.disable_trigger('off_time.orders', 'none');
SELECT lifeguard.disable_trigger('off_time.orders', NULL);
SELECT lifeguard.disable_trigger(NULL, 'usual');
SELECT lifeguard.disable_trigger('off_time.orders_pkey', 'usual');
DO $$
BEGIN
  PERFORM lifeguard.disable_trigger('off_time.orders', (SELECT tgname FROM pg_trigger WHERE tgrelid = 'off_time.orders'::regclass AND tgisinternal LIMIT 1));
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING '% %', SQLSTATE, regexp_replace(SQLERRM, '\d+', 'N', 'g');
END $$;
ALTER TABLE off_time.orders ADD updated_at timestamptz;
SELECT lifeguard.keep_updated_at('off_time.orders');
SELECT lifeguard.disable_trigger('off_time.orders', 'lifeguard_before');
SELECT lifeguard.drop_updated_at('off_time.orders');
-- dropped or renamed meanwhile
\set VERBOSITY default
SELECT lifeguard.disable_trigger('off_time.orders', 'usual');
ALTER TRIGGER usual ON off_time.orders RENAME TO unusual;
SELECT lifeguard.restore_trigger('off_time.orders', 'usual');
\set VERBOSITY terse
DELETE FROM lifeguard.disabled_triggers WHERE relation = 'off_time.orders'::regclass AND trigger_name = 'usual';
ALTER TABLE off_time.orders ENABLE TRIGGER unusual;
-- another role: neither the functions nor the register
SELECT lifeguard.disable_trigger('off_time.orders', 'unusual');
RESET ROLE;
SET ROLE off_other;
SELECT lifeguard.restore_trigger('off_time.orders', 'unusual');
SELECT lifeguard.disable_trigger('off_time.orders', 'off');
UPDATE lifeguard.disabled_triggers SET was = 'D';
DELETE FROM lifeguard.disabled_triggers;
INSERT INTO lifeguard.disabled_triggers (relation, trigger_name, was) VALUES ('off_time.orders', 'off', 'O');
TRUNCATE lifeguard.disabled_triggers;
RESET ROLE;
-- a superuser may
SELECT lifeguard.restore_trigger('off_time.orders', 'unusual');

-- partitions: the table's trigger is all of theirs, and each gets its own state back
CREATE TABLE off_time.days (day int, marks text) PARTITION BY LIST (day);
CREATE TABLE off_time.day_1 PARTITION OF off_time.days FOR VALUES IN (1);
CREATE TABLE off_time.day_2 PARTITION OF off_time.days FOR VALUES IN (2, 3) PARTITION BY LIST (day);
CREATE TABLE off_time.day_2a PARTITION OF off_time.day_2 FOR VALUES IN (2);
CREATE TABLE off_time.day_2b PARTITION OF off_time.day_2 FOR VALUES IN (3);
CREATE TRIGGER marks BEFORE INSERT ON off_time.days FOR EACH ROW EXECUTE FUNCTION off_time.mark();
ALTER TABLE off_time.day_2 ENABLE ALWAYS TRIGGER marks;
ALTER TABLE off_time.day_2b ENABLE TRIGGER marks;
SELECT * FROM off_time.states WHERE tgname = 'marks';
SELECT lifeguard.disable_trigger('off_time.day_1', 'marks');
SELECT lifeguard.disable_trigger('off_time.days', 'marks');
SELECT * FROM off_time.states WHERE tgname = 'marks';
INSERT INTO off_time.days VALUES (1), (2), (3) RETURNING *;
SELECT lifeguard.restore_trigger('off_time.days', 'marks');
SELECT * FROM off_time.states WHERE tgname = 'marks';
-- a view's cannot be switched off
CREATE VIEW off_time.orders_view AS SELECT * FROM off_time.orders;
CREATE TRIGGER instead INSTEAD OF INSERT ON off_time.orders_view FOR EACH ROW EXECUTE FUNCTION off_time.mark();
SELECT lifeguard.disable_trigger('off_time.orders_view', 'instead');
-- a table that is dropped leaves a row that hurts nobody
SELECT lifeguard.disable_trigger('off_time.orders', 'unusual');
DROP SCHEMA off_time CASCADE;
SELECT count(*) FROM lifeguard.disabled_triggers;
DELETE FROM lifeguard.disabled_triggers;
DROP ROLE off_owner, off_other;
