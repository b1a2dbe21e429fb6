-- keep_updated_at: one column says when its row was last updated, whatever the statement says; a rule without a lifecycle.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA times;
CREATE TABLE times.notes (id int PRIMARY KEY, body text, updated_at timestamptz, updated timestamp, day date, hours time, label text, small varchar(4), n int,
                          g timestamptz GENERATED ALWAYS AS ('2000-01-01'::timestamptz) STORED, state text);
\set VERBOSITY sqlstate
SELECT lifeguard.keep_updated_at('times.notes', 'nothing');
SELECT lifeguard.keep_updated_at('times.notes', 'g');
SELECT lifeguard.keep_updated_at('times.notes', 'n');
SELECT lifeguard.keep_updated_at('times.notes', 'xmin');
SELECT lifeguard.keep_updated_at('times.notes', NULL);
SELECT lifeguard.keep_updated_at(NULL);
SELECT lifeguard.drop_updated_at('times.notes');
\set VERBOSITY default
SELECT lifeguard.keep_updated_at('times.notes');
SELECT lifeguard.keep_updated_at('times.notes');
\echo :SQLSTATE
SELECT lifeguard.keep_updated_at('times.notes', 'updated');
\echo :SQLSTATE
SELECT rule, timing FROM lifeguard.rules;
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'times.notes'::regclass;

-- every UPDATE, and nothing but: an INSERT keeps what it brings
INSERT INTO times.notes (id, updated_at) VALUES (1, '2000-01-01'), (2, NULL);
SELECT id, updated_at IS NULL AS missing, updated_at < '2001-01-01' AS old FROM times.notes ORDER BY id;
UPDATE times.notes SET body = 'x' WHERE id = 1 RETURNING updated_at = now() AS kept;
UPDATE times.notes SET updated_at = '1999-01-01' WHERE id = 1 RETURNING updated_at = now() AS kept;
UPDATE times.notes SET updated_at = NULL WHERE id = 2 RETURNING updated_at = now() AS kept;
UPDATE times.notes SET body = body WHERE id = 2 RETURNING updated_at = now() AS kept;
INSERT INTO times.notes (id, body, updated_at) VALUES (1, 'y', '1999-01-01') ON CONFLICT (id) DO UPDATE SET body = excluded.body RETURNING body, updated_at = now() AS kept;
INSERT INTO times.notes (id, body, updated_at) VALUES (1, 'z', '1999-01-01') ON CONFLICT DO NOTHING;
SELECT body, updated_at > now() - interval '1 day' AS kept FROM times.notes WHERE id = 1;
-- the time is the transaction's
BEGIN;
UPDATE times.notes SET body = 'one' WHERE id = 1;
SELECT pg_sleep(0.01);
UPDATE times.notes SET body = 'two' WHERE id = 2;
SELECT count(DISTINCT updated_at) FROM times.notes;
COMMIT;
SELECT lifeguard.drop_updated_at('times.notes');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'times.notes'::regclass;
UPDATE times.notes SET updated_at = '1999-01-01' WHERE id = 1 RETURNING updated_at < '2000-01-01' AS free;
SELECT lifeguard.drop_updated_at('times.notes');
\echo :SQLSTATE

-- any type that now() can be assigned to
DO $$
DECLARE
  column_name text;
  found text;
BEGIN
  FOREACH column_name IN ARRAY '{updated,day,hours,label}'::text[] LOOP
    PERFORM lifeguard.keep_updated_at('times.notes', column_name);
    EXECUTE format('UPDATE times.notes SET body = body WHERE id = 1 RETURNING (%I = now()::%s)::text', column_name,
                   (SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'times.notes'::regclass AND attname = column_name)) INTO found;
    RAISE NOTICE '%: %', column_name, found;
    PERFORM lifeguard.drop_updated_at('times.notes');
  END LOOP;
END $$;
-- a value that does not fit is an error, not a shorter value
SELECT lifeguard.keep_updated_at('times.notes', 'small');
UPDATE times.notes SET body = 'x' WHERE id = 1;
\echo :SQLSTATE
SELECT lifeguard.drop_updated_at('times.notes');

-- beside a lifecycle: after its stamps, so the time of the update stays
SELECT lifeguard.keep_updated_at('times.notes'), lifeguard.create_lifecycle('times.notes', 'state', '{a}'), lifeguard.add_transition('times.notes', 'a', 'b'),
       lifeguard.add_stamp('times.notes', 'b', 'updated_at', '''1999-01-01''');
INSERT INTO times.notes (id, state) VALUES (3, 'a');
UPDATE times.notes SET state = 'b' WHERE id = 3 RETURNING updated_at = now() AS kept;
-- it never overwrites the state
\set VERBOSITY sqlstate
SELECT lifeguard.forget('times.notes');
SELECT lifeguard.create_lifecycle('times.notes', 'label', '{a}'), lifeguard.keep_updated_at('times.notes', 'label');
SELECT lifeguard.forget('times.notes');
SELECT lifeguard.keep_updated_at('times.notes', 'label'), lifeguard.create_lifecycle('times.notes', 'label', '{a}');
SELECT lifeguard.forget('times.notes');
\set VERBOSITY default

-- a replica takes the row as it comes
SELECT lifeguard.keep_updated_at('times.notes');
SET session_replication_role = replica;
UPDATE times.notes SET updated_at = '1999-01-01' WHERE id = 1 RETURNING updated_at < '2000-01-01' AS as_it_came;
RESET session_replication_role;

-- partitions: also when the time itself moves the row
CREATE TABLE times.log (id int, updated_at timestamptz) PARTITION BY RANGE (updated_at);
CREATE TABLE times.log_old PARTITION OF times.log FOR VALUES FROM ('1990-01-01') TO ('2020-01-01');
CREATE TABLE times.log_new PARTITION OF times.log FOR VALUES FROM ('2020-01-01') TO (MAXVALUE);
SELECT lifeguard.keep_updated_at('times.log');
INSERT INTO times.log VALUES (1, '1999-01-01');
UPDATE times.log SET id = 2 RETURNING tableoid::regclass, id, updated_at = now() AS kept;
INSERT INTO times.log VALUES (3, '1999-01-01') RETURNING tableoid::regclass;

SET client_min_messages = warning;
DROP SCHEMA times CASCADE;
