-- Lifecycles: declared, listed, checked, drawn, dropped; which moves pass and what the others are told; history.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = notice;
SET timezone = 'UTC';
CREATE SCHEMA life;
CREATE TABLE life.orders (id int PRIMARY KEY, state text, paid int NOT NULL DEFAULT 0, sent_at timestamptz, note text);
CREATE FUNCTION life.say(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', $1; END $$;

-- declaring: what is missing or wrong
SELECT lifeguard.add_transition('life.orders', 'open', 'sent');
\echo :SQLSTATE
SELECT lifeguard.add_guard('life.orders', 'open', 'sent', 'true', 'm');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('life.orders', 'sent', 'sent_at', 'now()');
\echo :SQLSTATE
SELECT lifeguard.add_action('life.orders', 'open', 'sent', 'life.say(''x'')');
\echo :SQLSTATE
SELECT lifeguard.add_history('life.orders');
\echo :SQLSTATE
SELECT lifeguard.create_lifecycle('life.orders', 'nothing', '{open}');
\echo :SQLSTATE
SELECT lifeguard.create_lifecycle('life.orders', 'paid', '{open}');
\echo :SQLSTATE
SELECT lifeguard.create_lifecycle('life.orders', 'state', '{}');
\echo :SQLSTATE
SELECT lifeguard.create_lifecycle('life.orders', 'state', '{open,NULL}');
\echo :SQLSTATE
\set VERBOSITY sqlstate
SELECT lifeguard.create_lifecycle('life.orders', 'state', NULL);
SELECT lifeguard.create_lifecycle('life.orders', NULL, '{open}');
SELECT lifeguard.create_lifecycle('life.orders', 'state', '{{open},{held}}');
\set VERBOSITY default
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'life.orders'::regclass;
SELECT lifeguard.create_lifecycle('life.orders', 'state', '{open,held}');
SELECT lifeguard.create_lifecycle('life.orders', 'note', '{open}');
\echo :SQLSTATE
SELECT lifeguard.add_transition('life.orders', 'open', 'sent'), lifeguard.add_transition('life.orders', 'sent', 'back'), lifeguard.add_transition('life.orders', 'open', 'void');
SELECT lifeguard.add_transition('life.orders', 'open', 'sent');
\echo :SQLSTATE
SELECT lifeguard.add_transition('life.orders', 'open', 'open');
\echo :SQLSTATE
SELECT lifeguard.add_transition('life.orders', NULL, 'open');
\echo :SQLSTATE
SELECT lifeguard.add_transition('life.orders', 'open', NULL);
\echo :SQLSTATE
-- a rule for a move that nobody may make would never run
SELECT lifeguard.add_guard('life.orders', 'sent', 'open', 'true', 'm');
\echo :SQLSTATE
SELECT lifeguard.add_guard('life.orders', 'void', NULL, 'true', 'm');
\echo :SQLSTATE
SELECT lifeguard.add_guard('life.orders', NULL, 'nowhere', 'true', 'm');
\echo :SQLSTATE
SELECT lifeguard.add_guard('life.orders', 'open', 'sent', NULL, 'm');
\echo :SQLSTATE
SELECT lifeguard.add_guard('life.orders', 'open', 'sent', 'true', NULL);
\echo :SQLSTATE
SELECT lifeguard.add_stamp('life.orders', 'nowhere', 'sent_at', 'now()');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('life.orders', 'sent', NULL, 'now()');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('life.orders', 'sent', 'sent_at', NULL);
\echo :SQLSTATE
SELECT lifeguard.add_action('life.orders', 'sent', 'open', 'life.say(''x'')');
\echo :SQLSTATE
SELECT lifeguard.add_action('life.orders', 'open', 'sent', NULL);
\echo :SQLSTATE

-- which moves pass
INSERT INTO life.orders (id, state) VALUES (1, 'open'), (2, 'held');
INSERT INTO life.orders (id, state) VALUES (3, 'sent');
\echo :SQLSTATE
INSERT INTO life.orders (id, state) VALUES (3, 'Open');
\echo :SQLSTATE
INSERT INTO life.orders (id, state) VALUES (3, 'open ');
\echo :SQLSTATE
INSERT INTO life.orders (id, state) VALUES (3, '');
\echo :SQLSTATE
INSERT INTO life.orders (id, state) VALUES (3, NULL);
\echo :SQLSTATE
INSERT INTO life.orders (id) VALUES (3);
\echo :SQLSTATE
UPDATE life.orders SET state = 'open' WHERE id = 1;
UPDATE life.orders SET note = 'x';
UPDATE life.orders SET state = 'back' WHERE id = 1;
\echo :SQLSTATE
UPDATE life.orders SET state = 'open' WHERE id = 2;
\echo :SQLSTATE
UPDATE life.orders SET state = 'sen' WHERE id = 1;
\echo :SQLSTATE
UPDATE life.orders SET state = NULL WHERE id = 1;
\echo :SQLSTATE
UPDATE life.orders SET state = 'sent' WHERE id = 1;
UPDATE life.orders SET state = 'open' WHERE id = 1;
\echo :SQLSTATE
UPDATE life.orders SET state = 'back' WHERE id = 1;
UPDATE life.orders SET state = 'sent' WHERE id = 1;
\echo :SQLSTATE
DELETE FROM life.orders WHERE id = 1;
SELECT * FROM life.orders ORDER BY id;
-- the DETAIL is for programs: one JSON object
DO $$
DECLARE detail text; schema text; relation text;
BEGIN
  UPDATE life.orders SET state = 'sent' WHERE id = 2;
EXCEPTION WHEN SQLSTATE 'LG001' THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, schema = SCHEMA_NAME, relation = TABLE_NAME;
  RAISE NOTICE 'keys %, table %.%', (SELECT string_agg(key, ' ') FROM json_object_keys(detail::json) key), schema, relation;
END $$;

-- rows from before the lifecycle: untouched they stay, moved they are refused, check_lifecycle counts them
ALTER TABLE life.orders DISABLE TRIGGER lifeguard_before;
INSERT INTO life.orders (id, state) VALUES (10, 'lost'), (11, 'lost'), (12, NULL), (13, 'odd "one"');
ALTER TABLE life.orders ENABLE TRIGGER lifeguard_before;
UPDATE life.orders SET note = 'still lost' WHERE id >= 10;
UPDATE life.orders SET state = 'open' WHERE id = 10;
\echo :SQLSTATE
UPDATE life.orders SET state = 'open' WHERE id = 12;
\echo :SQLSTATE
UPDATE life.orders SET state = 'missing' WHERE id = 10;
\echo :SQLSTATE
UPDATE life.orders SET state = NULL WHERE id = 10;
\echo :SQLSTATE
SELECT * FROM lifeguard.check_lifecycle('life.orders');
DELETE FROM life.orders;

-- order: guards as declared, stamps as declared (each sees the row as the statement gave it; the last one for a column stays), then actions
SELECT lifeguard.add_guard('life.orders', NULL, NULL, 'life.say(''guard any -> any: '' || coalesce(old.state, ''new'') || '' -> '' || new.state) IS NOT NULL', 'any'),
       lifeguard.add_guard('life.orders', NULL, 'open', 'life.say(''guard any -> open'') IS NOT NULL', 'open'),
       lifeguard.add_guard('life.orders', 'open', NULL, 'life.say(''guard open -> any'') IS NOT NULL', 'from open'),
       lifeguard.add_stamp('life.orders', NULL, 'paid', 'new.paid + 1'),
       lifeguard.add_stamp('life.orders', 'sent', 'paid', 'new.paid + 10'),
       lifeguard.add_stamp('life.orders', 'sent', 'note', 'coalesce(old.note, ''none'') || '', '' || new.paid'),
       lifeguard.add_action('life.orders', NULL, NULL, 'life.say(format(''action any -> any: paid %s, note %s'', new.paid, new.note))'),
       lifeguard.add_action('life.orders', 'open', 'sent', 'life.say(''action open -> sent'')'),
       lifeguard.add_action('life.orders', NULL, 'open', 'life.say(''action any -> open'')');
INSERT INTO life.orders (id, state) VALUES (1, 'open');
UPDATE life.orders SET state = 'sent', paid = 5 WHERE id = 1 RETURNING paid, note;
UPDATE life.orders SET paid = 6, state = 'sent' WHERE id = 1 RETURNING paid, note;
UPDATE life.orders SET state = 'void' WHERE id = 1;
INSERT INTO life.orders (id, state) VALUES (2, 'held');
-- a guard of any state is one of creation, too, and says so
SELECT lifeguard.add_guard('life.orders', NULL, 'held', 'new.paid > 0', 'held ones are paid');
INSERT INTO life.orders (id, state) VALUES (3, 'held');
\echo :SQLSTATE
SELECT lifeguard.drop_guard('life.orders', NULL, 'held');
SELECT lifeguard.draw_lifecycle('life.orders');

-- dropping: exactly what was named
SELECT lifeguard.drop_transition('life.orders', 'held', 'open');
\echo :SQLSTATE
SELECT lifeguard.drop_transition('life.orders', 'open', 'sent');
\echo :SQLSTATE
SELECT lifeguard.drop_guard('life.orders', 'open', 'sent');
\echo :SQLSTATE
SELECT lifeguard.drop_guard('life.orders', NULL, 'open', 'true');
\echo :SQLSTATE
SELECT lifeguard.drop_guard('life.orders', NULL, 'open');
SELECT lifeguard.drop_guard('life.orders', 'open', NULL, 'life.say(''guard open -> any'') IS NOT NULL');
SELECT lifeguard.drop_stamp('life.orders', 'sent', 'sent_at');
\echo :SQLSTATE
SELECT lifeguard.drop_stamp('life.orders', 'sent', 'paid');
SELECT lifeguard.drop_action('life.orders', 'open', 'sent', 'life.say(''other'')');
\echo :SQLSTATE
SELECT lifeguard.drop_action('life.orders', 'open', 'sent'), lifeguard.drop_action('life.orders', NULL, 'open');
SELECT lifeguard.drop_history('life.orders');
\echo :SQLSTATE
SELECT timing, rule FROM lifeguard.rules;
SELECT lifeguard.drop_action('life.orders', NULL, NULL);
SELECT tgname FROM pg_trigger WHERE tgrelid = 'life.orders'::regclass;
SELECT lifeguard.add_history('life.orders');
SELECT lifeguard.add_history('life.orders');
\echo :SQLSTATE
SELECT lifeguard.keep_updated_at('life.orders', 'sent_at');
SELECT lifeguard.drop_lifecycle('life.orders');
SELECT timing, rule FROM lifeguard.rules;
SELECT lifeguard.drop_lifecycle('life.orders');
\echo :SQLSTATE
UPDATE life.orders SET state = 'whatever';
SELECT lifeguard.check_lifecycle('life.orders');
\echo :SQLSTATE
SELECT lifeguard.draw_lifecycle('life.orders');
\echo :SQLSTATE
SELECT lifeguard.forget('life.orders');

-- what can hold a state
CREATE TYPE life.colour AS ENUM ('red', 'green', 'blue');
CREATE DOMAIN life.name AS text CHECK (VALUE <> 'bad');
CREATE DOMAIN life.finer AS life.name CHECK (length(VALUE) < 10);
CREATE DOMAIN life.shade AS life.colour;
CREATE COLLATION life.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE life.types (id int PRIMARY KEY, v varchar(5), c char(5), n name, e life.colour, d life.name, f life.finer, s life.shade, l text COLLATE life.loose,
                         j jsonb, b boolean, a text[], i int, x "char", g text GENERATED ALWAYS AS ('red') STORED, bp bpchar);
DO $$
DECLARE
  column_name text; message text; code text;
BEGIN
  FOREACH column_name IN ARRAY '{v,c,n,e,d,f,s,l,bp,j,b,a,i,x,g,ctid,tableoid}'::text[] LOOP
    BEGIN
      PERFORM lifeguard.create_lifecycle('life.types', column_name, '{red}'), lifeguard.add_transition('life.types', 'red', 'green'),
              lifeguard.add_action('life.types', 'red', 'green', format('life.say(''%s: '' || old.%1$I::text || '' -> '' || new.%1$I::text)', column_name));
      EXECUTE format('INSERT INTO life.types (id, %I) VALUES (1, ''red'')', column_name);
      EXECUTE format('UPDATE life.types SET %I = ''green''', column_name);
      BEGIN
        EXECUTE format('UPDATE life.types SET %I = ''red''', column_name);
      EXCEPTION WHEN SQLSTATE 'LG001' THEN
        RAISE NOTICE '%: %', column_name, SQLERRM;
      END;
      PERFORM lifeguard.forget('life.types');
      DELETE FROM life.types;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
      RAISE NOTICE '% %', code, message;
    END;
  END LOOP;
END $$;
-- a state is a value of its column
\set VERBOSITY sqlstate
SELECT lifeguard.create_lifecycle('life.types', 'e', '{yellow}');
SELECT lifeguard.create_lifecycle('life.types', 'v', '{yellow}');
SELECT lifeguard.create_lifecycle('life.types', 'd', '{bad}');
SELECT lifeguard.create_lifecycle('life.types', 'f', '{"much too long"}');
SELECT lifeguard.create_lifecycle('life.types', 'e', '{red}');
SELECT lifeguard.add_transition('life.types', 'red', 'yellow');
\set VERBOSITY default
-- an enum's label is renamed under the rules: refused; added: known to the column, not to the lifecycle
SELECT lifeguard.add_transition('life.types', 'red', 'green');
\set VERBOSITY terse
ALTER TYPE life.colour RENAME VALUE 'green' TO 'lime';
\echo :SQLSTATE
\set VERBOSITY default
ALTER TYPE life.colour ADD VALUE 'black';
INSERT INTO life.types (id, e) VALUES (1, 'black');
\echo :SQLSTATE
INSERT INTO life.types (id, e) VALUES (1, 'red');
UPDATE life.types SET e = 'green';
SELECT lifeguard.forget('life.types');
SELECT lifeguard.create_lifecycle('life.types', 'd', '{red}');
\set VERBOSITY terse
ALTER DOMAIN life.name ADD CHECK (VALUE <> 'red') NOT VALID;
\echo :SQLSTATE
\set VERBOSITY default
SELECT lifeguard.forget('life.types');
-- two that a loose collation calls equal are two states, and the action of the move between them is not lost
DELETE FROM life.types;
SELECT lifeguard.create_lifecycle('life.types', 'l', '{a}'), lifeguard.add_transition('life.types', 'a', 'A'), lifeguard.add_action('life.types', 'a', 'A', 'life.say(''a -> A'')'),
       lifeguard.add_history('life.types');
INSERT INTO life.types (id, l) VALUES (1, 'a');
UPDATE life.types SET l = 'A';
SELECT lifeguard.forget('life.types');
-- the state is set by a default, by a trigger that sorts before, by a composite key's own column
CREATE TABLE life.lines (order_id int, line int, state text DEFAULT 'new', PRIMARY KEY (line, order_id, state));
SELECT lifeguard.create_lifecycle('life.lines', 'state', '{new}'), lifeguard.add_transition('life.lines', 'new', 'old');
INSERT INTO life.lines VALUES (1, 7) RETURNING state;
CREATE FUNCTION life.sets() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.state := TG_ARGV[0]; RETURN new; END $$;
CREATE TRIGGER a_first BEFORE UPDATE ON life.lines FOR EACH ROW WHEN (new.line = 8) EXECUTE FUNCTION life.sets('bad');
UPDATE life.lines SET line = 8;
\echo :SQLSTATE
-- what it makes of the state is a move like any; where its actions would be lost, since the statement does not name the state, it is refused
DROP TRIGGER a_first ON life.lines;
CREATE TRIGGER a_first BEFORE UPDATE ON life.lines FOR EACH ROW WHEN (new.line = 10) EXECUTE FUNCTION life.sets('old');
BEGIN;
UPDATE life.lines SET line = 10 RETURNING state;
ROLLBACK;
SELECT lifeguard.add_action('life.lines', 'new', 'old', 'life.say(''acts'')');
UPDATE life.lines SET line = 10;
\echo :SQLSTATE
UPDATE life.lines SET line = 11 RETURNING state;
BEGIN;
UPDATE life.lines SET line = 10, state = state RETURNING state;
ROLLBACK;
SELECT lifeguard.drop_action('life.lines', 'new', 'old');
SELECT lifeguard.add_history('life.lines');
UPDATE life.lines SET line = 10;
\echo :SQLSTATE
SELECT lifeguard.drop_history('life.lines');
-- one that sorts after can break the rule: check_lifecycle says so
CREATE TRIGGER z_last BEFORE UPDATE ON life.lines FOR EACH ROW WHEN (new.line = 9) EXECUTE FUNCTION life.sets('bad');
ALTER TABLE life.lines ENABLE ALWAYS TRIGGER lifeguard_before;
SELECT * FROM lifeguard.check_lifecycle('life.lines');
SELECT lifeguard.forget('life.lines');

-- more states than a lifecycle may have
SELECT lifeguard.create_lifecycle('life.orders', 'state', (SELECT array_agg('s' || i) FROM generate_series(1, 256) i));
SELECT lifeguard.add_transition('life.orders', 's1', 's256');
SELECT lifeguard.add_transition('life.orders', 's1', 's257');
\echo :SQLSTATE
INSERT INTO life.orders (id, state) VALUES (100, 's1');
UPDATE life.orders SET state = 's256' WHERE id = 100;
SELECT lifeguard.forget('life.orders');

-- history: who moved what, and what the move's actions did; creation is no move
TRUNCATE lifeguard.history RESTART IDENTITY;
DELETE FROM life.orders;
SELECT lifeguard.create_lifecycle('life.orders', 'state', '{open}'), lifeguard.add_transition('life.orders', 'open', 'sent'),
       lifeguard.add_transition('life.orders', 'sent', 'back'), lifeguard.add_transition('life.orders', 'back', 'void');
CREATE FUNCTION life.fails() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO life.orders (id, state) VALUES (99, 'open'); RAISE EXCEPTION 'no "luck"' USING ERRCODE = 'ZZ001', DETAIL = 'bad day'; END $$;
CREATE FUNCTION life.moves(int, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN UPDATE life.orders SET state = $2 WHERE id = $1; END $$;
SELECT lifeguard.add_history('life.orders'), lifeguard.add_action('life.orders', 'open', 'sent', 'life.say(''sent'')'), lifeguard.add_action('life.orders', 'open', NULL, 'life.fails()', 'continue');
CREATE ROLE regress_mover;
GRANT USAGE ON SCHEMA life TO regress_mover;
GRANT SELECT, UPDATE ON life.orders TO regress_mover;
INSERT INTO life.orders (id, state) VALUES (1, 'open'), (2, 'open');
SET ROLE regress_mover;
SET request.jwt.claims = '{"role": "x", "sub" : "anna"}';
UPDATE life.orders SET state = 'sent' WHERE id = 1;
SET request.jwt.claims = 'no json at all';
UPDATE life.orders SET state = 'back' WHERE id = 1;
SET request.jwt.claims = '';
SET request.jwt.claim.sub = 'berta';
SELECT * FROM lifeguard.history;
\echo :SQLSTATE
RESET ROLE;
UPDATE life.orders SET state = 'sent', id = 3 WHERE id = 2;
UPDATE life.orders SET note = 'no move';
-- an action that moves the row on: its moves are told in the order in which they were made
SELECT lifeguard.add_action('life.orders', 'sent', 'back', 'life.moves(new.id, ''void'')');
UPDATE life.orders SET state = 'back' WHERE id = 3;
RESET request.jwt.claims;
RESET request.jwt.claim.sub;
-- a move that is undone was none
BEGIN;
SELECT lifeguard.drop_action('life.orders', 'open', NULL);
SAVEPOINT a;
INSERT INTO life.orders (id, state) VALUES (4, 'open');
UPDATE life.orders SET state = 'sent' WHERE id = 4;
ROLLBACK TO a;
COMMIT;
SELECT relation, row_key, from_state, to_state, moved_by = session_user AS by_us, moved_by = 'regress_mover' AS by_him, app_user,
       (SELECT jsonb_agg(a - 'ms') FROM jsonb_array_elements(actions) a) AS actions
  FROM lifeguard.history ORDER BY moved_at, id;
SELECT bool_and((a ->> 'ms')::numeric BETWEEN 0 AND 60000) AS timed FROM lifeguard.history, jsonb_array_elements(actions) a;
SELECT bool_and(moved_at BETWEEN now() - interval '10 min' AND clock_timestamp()) AS dated FROM lifeguard.history;
SELECT id, state FROM life.orders ORDER BY id;
-- a key is one and the same, whatever the session's settings
CREATE TABLE life.keyed (d date, t timestamptz, f float8, b bytea, i interval, n numeric, state text DEFAULT 'a', PRIMARY KEY (d, t, f, b, i, n));
SELECT lifeguard.create_lifecycle('life.keyed', 'state', '{a}'), lifeguard.add_transition('life.keyed', 'a', 'b'), lifeguard.add_transition('life.keyed', 'b', 'a'),
       lifeguard.add_history('life.keyed');
INSERT INTO life.keyed VALUES ('2026-02-01', '2026-02-01 12:00+00', 0.1, '\x00ff', '1 day 02:00', 1.50);
UPDATE life.keyed SET state = 'b';
SET datestyle = 'German, DMY';
SET timezone = 'Asia/Tokyo';
SET intervalstyle = 'iso_8601';
SET bytea_output = 'escape';
SET extra_float_digits = 0;
UPDATE life.keyed SET state = 'c';
UPDATE life.keyed SET state = 'a';
RESET ALL;
SET timezone = 'UTC';
SELECT count(*), count(DISTINCT row_key) FROM lifeguard.history WHERE relation = 'life.keyed';
SELECT lifeguard.forget('life.keyed');
DELETE FROM lifeguard.history WHERE relation = 'life.keyed';
-- kept no longer, what was kept stays
SELECT lifeguard.drop_history('life.orders');
UPDATE life.orders SET state = 'void' WHERE id = 1;
SELECT count(*) FROM lifeguard.history;
TRUNCATE lifeguard.history RESTART IDENTITY;
SELECT lifeguard.forget('life.orders');

-- check_lifecycle: each finding with its remedy
SELECT lifeguard.create_lifecycle('life.orders', 'state', '{void}'), lifeguard.add_transition('life.orders', 'sent', 'back'), lifeguard.add_transition('life.orders', 'far', 'farther');
CREATE FUNCTION life.ok(int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SELECT lifeguard.add_transition('life.orders', 'void', 'end'), lifeguard.add_guard('life.orders', 'void', 'end', 'life.ok(new.id)', 'm'), lifeguard.add_history('life.orders');
SELECT * FROM lifeguard.check_lifecycle('life.orders');
ALTER TABLE life.orders DISABLE TRIGGER lifeguard_after;
ALTER TABLE life.orders ENABLE REPLICA TRIGGER lifeguard_before;
UPDATE pg_proc SET proname = 'renamed_in_the_catalog' WHERE oid = 'life.ok(int)'::regprocedure;
SELECT * FROM lifeguard.check_lifecycle('life.orders');
UPDATE pg_proc SET proname = 'ok' WHERE proname = 'renamed_in_the_catalog';
SELECT lifeguard.forget('life.orders');
-- a drawing escapes what the language of drawings would take for its own
SELECT lifeguard.create_lifecycle('life.orders', 'state', ARRAY['a: b; c #d']), lifeguard.add_transition('life.orders', 'a: b; c #d', 'x'),
       lifeguard.add_guard('life.orders', NULL, 'x', 'true', 'first: "say"; then #go'), lifeguard.add_action('life.orders', NULL, 'x', E'life.say(\n''it: x'')');
SELECT lifeguard.draw_lifecycle('life.orders');

SET client_min_messages = warning;
DROP SCHEMA life CASCADE;
DROP ROLE regress_mover;
