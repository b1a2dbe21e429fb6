-- An action that fails is kept in the journal, whatever becomes of its transaction.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET application_name = 'journal_action';
SET lifeguard.fold_window = 0;
SET client_min_messages = warning;
CREATE SCHEMA act;
CREATE FUNCTION act.seen(members text[] DEFAULT NULL) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  IF NOT monitoring.drain() THEN
    RAISE EXCEPTION 'the journal is not drained';
  END IF;
  RETURN QUERY
  WITH gone AS (DELETE FROM monitoring.system_errors WHERE source = 'action' RETURNING *)
  SELECT concat_ws(' | ', g.error_type, g.error_message,
                   (SELECT jsonb_object_agg(key, value) FROM jsonb_each(g.context - 'node')
                     WHERE key = ANY (members) OR members IS NULL AND key <> 'application_name')::text)
    FROM gone g ORDER BY g.created_at, g.id;
END $$;
COMMENT ON FUNCTION act.seen(text[]) IS 'what the journal has of actions since the last call; of the context these members, or all';
CREATE FUNCTION act.fail(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% failed', what USING ERRCODE = 'ZZ123', DETAIL = 'a detail', HINT = 'a hint';
END $$;
CREATE FUNCTION act.follow(relation text, on_error text, call text DEFAULT 'act.fail(''it'')') RETURNS void LANGUAGE sql AS $$
  SELECT lifeguard.create_lifecycle(relation::regclass, 'state', '{new}'), lifeguard.add_transition(relation::regclass, 'new', 'done'),
         lifeguard.add_action(relation::regclass, 'new', 'done', call, on_error)
$$;
COMMENT ON FUNCTION act.follow(text, text, text) IS 'gives a table a lifecycle from new to done, and what follows';
SELECT count(*) * 0 FROM act.seen();

-- abort: the row is there though the transaction rolled back, with all that is known
CREATE TABLE act.orders (id int PRIMARY KEY, state text NOT NULL DEFAULT 'new', n int);
SELECT act.follow('act.orders', 'abort', 'act.fail(''order '' || new.id)');
INSERT INTO act.orders VALUES (1), (2), (3);
SET request.jwt.claims = '{"sub": "00000000-0000-0000-0000-000000000007"}';
BEGIN;
UPDATE act.orders SET n = 1 WHERE id = 1;
UPDATE act.orders SET state = 'done' WHERE id = 1;
\echo :SQLSTATE
ROLLBACK;
RESET request.jwt.claims;
SELECT n, state FROM act.orders WHERE id = 1;
SELECT monitoring.drain();
SELECT error_type, error_message, sqlstate, severity, occurrences, app_user, session_user_name = session_user, resolved,
       created_at > now() - interval '1 minute', last_seen_at = created_at, jsonb_pretty(context - 'node')
  FROM monitoring.system_errors WHERE source = 'action';
SELECT count(*) * 0 FROM act.seen();

-- the error itself is raised as it was: SQLSTATE, DETAIL, HINT and context
DO $$
DECLARE
  state text; message text; detail text; hint text; context text;
BEGIN
  UPDATE act.orders SET state = 'done' WHERE id = 2;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
    context = PG_EXCEPTION_CONTEXT;
  RAISE WARNING '%: %: %: %: %', state, message, detail, hint, context;
END $$;
-- a caller's handler swallowed it; the journal has it
SELECT * FROM act.seen('{row_key}');
SELECT DISTINCT state FROM act.orders;

-- many rows: abort ends with the first, continue keeps each
UPDATE act.orders SET state = 'done';
SELECT * FROM act.seen('{row_key}');
SELECT lifeguard.drop_action('act.orders', 'new', 'done'), lifeguard.add_action('act.orders', 'new', 'done', 'act.fail(''order '' || new.id)', 'continue');
BEGIN;
UPDATE act.orders SET state = 'done' WHERE id IN (1, 3);
SELECT count(*) FROM act.orders WHERE state = 'done';
ROLLBACK;
SELECT * FROM act.seen();

-- each attempt is an event; with a window they are one row and a count
BEGIN;
SET LOCAL lifeguard.fold_window = '7d';
DO $$
BEGIN
  SET LOCAL client_min_messages = error;
  FOR i IN 1..1000 LOOP
    BEGIN
      UPDATE act.orders SET state = 'done' WHERE id = 1;
      RAISE EXCEPTION 'undo it';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
  END LOOP;
END $$;
COMMIT;
SELECT monitoring.drain();
SELECT occurrences, last_seen_at > created_at, error_message FROM monitoring.system_errors WHERE source = 'action';
SELECT count(*) FROM act.seen();

-- an error that passes several actions is kept once, where it arose
CREATE TABLE act.inner_orders (id int PRIMARY KEY, state text NOT NULL DEFAULT 'new');
CREATE TABLE act.middle_orders (id int PRIMARY KEY, state text NOT NULL DEFAULT 'new');
CREATE TABLE act.outer_orders (id int PRIMARY KEY, state text NOT NULL DEFAULT 'new');
CREATE FUNCTION act.move(relation regclass, how text DEFAULT 'plain') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..CASE how WHEN 'twice' THEN 2 ELSE 1 END LOOP
    BEGIN
      EXECUTE format('UPDATE %s SET state = ''done''', relation);
    EXCEPTION
      WHEN SQLSTATE 'ZZ123' THEN
        CASE how
          WHEN 'again' THEN RAISE;
          WHEN 'other' THEN RAISE EXCEPTION 'the move failed: %', SQLERRM;
          WHEN 'alike' THEN RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'ZZ123', DETAIL = 'a detail', HINT = 'a hint';
          ELSE NULL;
        END CASE;
    END;
  END LOOP;
END $$;
CREATE FUNCTION act.straight(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('UPDATE %s SET state = ''done''', relation);
END $$;
INSERT INTO act.inner_orders VALUES (31);
INSERT INTO act.middle_orders VALUES (21);
INSERT INTO act.outer_orders VALUES (11);
SELECT act.follow('act.inner_orders', 'abort'), act.follow('act.middle_orders', 'abort', 'act.straight(''act.inner_orders'')'),
       act.follow('act.outer_orders', 'abort', 'act.straight(''act.middle_orders'')');
UPDATE act.outer_orders SET state = 'done';
SELECT * FROM act.seen('{table, row_key, action}');
UPDATE act.outer_orders SET state = 'done';
UPDATE act.middle_orders SET state = 'done';
SELECT * FROM act.seen('{table}');
-- ... also when the outer one goes on
SELECT lifeguard.drop_action('act.outer_orders', 'new', 'done'),
       lifeguard.add_action('act.outer_orders', 'new', 'done', 'act.straight(''act.middle_orders'')', 'continue');
UPDATE act.outer_orders SET state = 'done';
SELECT * FROM act.seen('{table}');
-- a handler on the way: raised again it is the same error; another one is another one; swallowed is not raised
CREATE FUNCTION act.on_the_way(how text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  SET CONSTRAINTS ALL IMMEDIATE;
  PERFORM lifeguard.drop_action('act.middle_orders', 'new', 'done'),
          lifeguard.add_action('act.middle_orders', 'new', 'done', format('act.move(''act.inner_orders'', %L)', how));
  BEGIN
    UPDATE act.middle_orders SET state = 'done';
    RAISE EXCEPTION 'undo it' USING ERRCODE = 'ZZ999';
  EXCEPTION WHEN OTHERS THEN
    RETURN NEXT SQLERRM;
  END;
  RETURN QUERY SELECT * FROM act.seen('{table}');
END $$;
SELECT how, act.on_the_way(how) FROM unnest('{again, other, alike, swallow, twice}'::text[]) AS how;

-- what an action meets in other rules is its failure: a refusal, a constraint of another table
SELECT lifeguard.drop_action('act.middle_orders', 'new', 'done');
CREATE TABLE act.parcels (id int CONSTRAINT known CHECK (id < 20));
CREATE FUNCTION act.pack(int) RETURNS void LANGUAGE sql AS $$ INSERT INTO act.parcels VALUES ($1) $$;
CREATE TABLE act.keyless (state text NOT NULL DEFAULT 'new');
SELECT lifeguard.create_lifecycle('act.keyless', 'state', '{new}');
INSERT INTO act.keyless DEFAULT VALUES;
CREATE FUNCTION act.lose() RETURNS void LANGUAGE sql AS $$ UPDATE act.keyless SET state = 'lost' $$;
SELECT lifeguard.add_action('act.middle_orders', 'new', 'done', 'act.lose()', 'continue'), lifeguard.add_action('act.middle_orders', 'new', 'done', 'act.pack(new.id)', 'continue');
\set VERBOSITY terse
UPDATE act.middle_orders SET state = 'done';
SELECT * FROM act.seen('{table, column, schema, constraint, row_key}');

-- keys: of several columns, of types whose output needs only memory, none, cut, not at hand
CREATE TYPE act.mood AS ENUM ('glad', 'sad');
CREATE TYPE act.pair AS (a int, b text);
CREATE DOMAIN act.small AS smallint;
CREATE TABLE act.keys (state text NOT NULL DEFAULT 'new', b bool, s act.small, i int, l bigint, o oid, n numeric, u uuid, t text, v varchar(9), c char(4), m name,
                       d date, ts timestamp, tz timestamptz, extra text, PRIMARY KEY (tz, ts, d, m, c, v, t, u, n, o, l, i, s, b) INCLUDE (extra));
SELECT act.follow('act.keys', 'abort');
INSERT INTO act.keys VALUES ('new', true, 2, 3, 4, 5, 6.70, '00000000-0000-0000-0000-000000000008', E'nine "q"\\ \n', 'ten', 'el', 'twelve', '2026-01-02', '2026-01-02 03:04:05.678',
                             '2026-01-02 03:04:05+02', 'no key');
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
UPDATE act.keys SET state = 'done';
SELECT * FROM act.seen('{row_key}');
SELECT lifeguard.drop_action('act.keys', 'new', 'done'), lifeguard.add_action('act.keys', 'new', 'done', 'act.fail(''it'')', 'continue');
UPDATE act.keys SET state = 'done';
SELECT * FROM act.seen('{row_key}');
RESET timezone;
RESET datestyle;
-- types of others may run anything to become text: under abort they are left out, under continue the work is undone first
CREATE TABLE act.typed (id int, mood act.mood, pair act.pair, b bytea, state text NOT NULL DEFAULT 'new', PRIMARY KEY (mood, id, pair, b));
SELECT act.follow('act.typed', 'abort');
INSERT INTO act.typed VALUES (1, 'glad', (1, 'x'), '\x00ff');
UPDATE act.typed SET state = 'done';
SELECT lifeguard.drop_action('act.typed', 'new', 'done'), lifeguard.add_action('act.typed', 'new', 'done', 'act.fail(''it'')', 'continue');
UPDATE act.typed SET state = 'done';
SELECT * FROM act.seen('{row_key}');
-- without a key, and when it comes and goes
CREATE TABLE act.loose (id int NOT NULL, state text NOT NULL DEFAULT 'new');
SELECT act.follow('act.loose', 'abort');
INSERT INTO act.loose VALUES (1);
UPDATE act.loose SET state = 'done';
ALTER TABLE act.loose ADD PRIMARY KEY (id);
UPDATE act.loose SET state = 'done';
ALTER TABLE act.loose DROP CONSTRAINT loose_pkey, ADD COLUMN a text, DROP COLUMN id, ADD COLUMN id text;
UPDATE act.loose SET id = repeat('é', 150);
ALTER TABLE act.loose ADD PRIMARY KEY (id);
UPDATE act.loose SET state = 'done';
UPDATE act.loose SET id = repeat('0', 20000);
ALTER TABLE act.loose ALTER COLUMN id SET STORAGE main;
UPDATE act.loose SET state = 'done';
SELECT * FROM act.seen('{row_key}');

-- states: of an enum that no rule of the action names, of char(n), at creation
CREATE TYPE act.phase AS ENUM ('new', 'half', 'done', 'gone');
CREATE TABLE act.phases (id int PRIMARY KEY, state act.phase NOT NULL DEFAULT 'new', other char(6), third name);
SELECT lifeguard.create_lifecycle('act.phases', 'state', '{new}'), lifeguard.add_transition('act.phases', 'new', 'half'), lifeguard.add_transition('act.phases', 'half', 'done'),
       lifeguard.add_transition('act.phases', 'done', 'gone');
SELECT lifeguard.add_action('act.phases', 'done', NULL, 'act.fail(''gone'')');
INSERT INTO act.phases VALUES (1);
UPDATE act.phases SET state = 'half';
UPDATE act.phases SET state = 'done';
SELECT lifeguard.add_action('act.phases', 'half', NULL, 'act.fail(''half'')'), lifeguard.add_action('act.phases', NULL, 'new', 'act.fail(''new'')');
UPDATE act.phases SET state = 'gone';
INSERT INTO act.phases VALUES (2);
SELECT lifeguard.forget('act.phases');
UPDATE act.phases SET state = 'new', other = 'old', third = 'old';
SELECT lifeguard.create_lifecycle('act.phases', 'other', '{new}'), lifeguard.add_transition('act.phases', 'old', 'half'), lifeguard.add_action('act.phases', NULL, NULL, 'act.fail(''any'')');
UPDATE act.phases SET other = 'half';
SELECT lifeguard.forget('act.phases');
SELECT lifeguard.create_lifecycle('act.phases', 'third', '{new}'), lifeguard.add_transition('act.phases', 'old', 'half'), lifeguard.add_action('act.phases', NULL, NULL, 'act.fail(''any'')');
UPDATE act.phases SET third = 'half';
SELECT * FROM act.seen('{from_state, to_state, action}');

-- partitions: the partition is named, and its key, whatever the order of its columns
CREATE TABLE act.visits (id int, day date, state text NOT NULL DEFAULT 'new', PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE act.visits_june (state text NOT NULL DEFAULT 'new', gone int, day date NOT NULL, id int NOT NULL);
ALTER TABLE act.visits_june DROP COLUMN gone;
ALTER TABLE act.visits ATTACH PARTITION act.visits_june FOR VALUES FROM ('2026-06-01') TO ('2026-07-01');
SELECT act.follow('act.visits', 'abort');
INSERT INTO act.visits VALUES (1, '2026-06-30');
UPDATE act.visits SET state = 'done';
SELECT * FROM act.seen('{table, row_key, from_state, to_state}');

-- every statement that moves a row: MERGE, ON CONFLICT, COPY, a cursor
SELECT lifeguard.drop_action('act.orders', 'new', 'done'), lifeguard.add_action('act.orders', 'new', 'done', '1 / (new.id - new.id)');
MERGE INTO act.orders o USING (VALUES (1)) v(id) ON o.id = v.id WHEN MATCHED THEN UPDATE SET state = 'done';
INSERT INTO act.orders VALUES (2) ON CONFLICT (id) DO UPDATE SET state = 'done';
WITH moved AS (UPDATE act.orders SET state = 'done' WHERE id = 3 RETURNING id) SELECT * FROM moved;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM act.orders WHERE id = 2 FOR UPDATE;
FETCH c;
UPDATE act.orders SET state = 'done' WHERE CURRENT OF c;
ROLLBACK;
SELECT lifeguard.add_action('act.orders', NULL, 'new', 'act.fail(''new'')');
COPY act.orders FROM stdin;
9	new	\N
\.
SELECT * FROM act.seen('{row_key, from_state, action}');
SELECT lifeguard.drop_action('act.orders', NULL, 'new');

-- texts as they are: SQL, quotes, line breaks, all of Unicode; the call too
CREATE FUNCTION act.say(message text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING MESSAGE = message, DETAIL = message; END $$;
SELECT lifeguard.drop_action('act.orders', 'new', 'done'), lifeguard.add_action('act.orders', 'new', 'done', $$act.say(E'\'); DROP TABLE act.orders; --\n"x" \\ \u00e9\U0001F600 %s $1')$$);
UPDATE act.orders SET state = 'done';
SELECT * FROM act.seen('{action, detail}');
-- names as they are
CREATE SCHEMA "act ""'; --";
CREATE TABLE "act ""'; --"."t""; DROP TABLE x; --" ("I""d'}" int, "\n" text, PRIMARY KEY ("I""d'}", "\n"), state text NOT NULL DEFAULT 'a''"\');
SELECT lifeguard.create_lifecycle(c, 'state', ARRAY[E'a\'"\\']), lifeguard.add_transition(c, E'a\'"\\', E'b\n'), lifeguard.add_action(c, E'a\'"\\', E'b\n', 'act.fail(''it'')')
  FROM (SELECT oid::regclass FROM pg_class WHERE relname = 't"; DROP TABLE x; --') AS t(c);
INSERT INTO "act ""'; --"."t""; DROP TABLE x; --" VALUES (1, E'\t"');
UPDATE "act ""'; --"."t""; DROP TABLE x; --" SET state = E'b\n';
SELECT * FROM act.seen('{table, row_key, from_state, to_state}');

-- who: the entry names who made the move, though the rules run as the owner
CREATE ROLE act_owner;
CREATE ROLE act_user;
GRANT USAGE ON SCHEMA act TO act_owner, act_user;
CREATE TABLE act.owned (id int PRIMARY KEY, state text NOT NULL DEFAULT 'new');
CREATE FUNCTION act.definer() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RAISE EXCEPTION 'as %', current_user = session_user; END $$;
SELECT act.follow('act.owned', 'abort', 'act.definer()');
ALTER TABLE act.owned OWNER TO act_owner;
SET ROLE act_owner;
INSERT INTO act.owned VALUES (1);
GRANT SELECT, UPDATE ON act.owned TO act_user;
RESET ROLE;
SET ROLE act_user;
UPDATE act.owned SET state = 'done';
SELECT current_user;
-- who may move rows reads no journal for that
SELECT count(*) FROM monitoring.system_errors;
RESET ROLE;
SELECT * FROM act.seen('{role}');

-- what is no failure of an action: the statement was cancelled; what is: a broken assertion, also under continue
SELECT lifeguard.drop_action('act.orders', 'new', 'done'), lifeguard.add_action('act.orders', 'new', 'done', 'pg_sleep(10)');
SET statement_timeout = '50ms';
UPDATE act.orders SET state = 'done';
RESET statement_timeout;
CREATE FUNCTION act.assert() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ASSERT false, 'not so'; END $$;
SELECT lifeguard.drop_action('act.orders', 'new', 'done'), lifeguard.add_action('act.orders', 'new', 'done', 'act.assert()', 'continue');
UPDATE act.orders SET state = 'done';
SELECT lifeguard.drop_action('act.orders', 'new', 'done'), lifeguard.add_action('act.orders', 'new', 'done', 'act.fail(''it'')', 'continue');
SELECT * FROM act.seen('{row_key}');

-- the subtransactions that continue rolls back are explained
SELECT value AS unexplained FROM lifeguard.journal_counters() WHERE counter = 'unexplained_subtransactions' \gset
UPDATE act.orders SET state = 'done';
UPDATE act.orders SET state = 'done';
SELECT value - :unexplained FROM lifeguard.journal_counters() WHERE counter = 'unexplained_subtransactions';
SELECT lifeguard.add_transition('act.orders', 'done', 'new');
UPDATE act.orders SET state = 'new';
SELECT * FROM act.seen('{row_key}');

-- in the midst of what is failing already: a subtransaction, a procedure that commits, history beside it
SELECT lifeguard.add_history('act.orders');
CREATE PROCEDURE act.moves() LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..3 LOOP
    BEGIN
      UPDATE act.orders SET state = 'done' WHERE id = i;
      IF i = 2 THEN RAISE EXCEPTION 'undo it'; END IF;
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    COMMIT;
  END LOOP;
END $$;
CALL act.moves();
SELECT id, state FROM act.orders ORDER BY id;
SELECT row_key, actions -> 0 ->> 'error' FROM lifeguard.history WHERE relation = 'act.orders' ORDER BY id;
SELECT * FROM act.seen('{row_key}');
BEGIN;
SAVEPOINT one;
INSERT INTO act.orders VALUES (4);
UPDATE act.orders SET state = 'done' WHERE id = 4;
ROLLBACK TO one;
COMMIT;
SELECT * FROM act.seen('{row_key}');

DELETE FROM lifeguard.history WHERE relation LIKE 'act.%';
SET client_min_messages = error;
DROP SCHEMA act, "act ""'; --" CASCADE;
DROP ROLE act_owner, act_user;
