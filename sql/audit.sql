-- audit: who changed which row, from what to what, in monitoring.audit_log; whatever the types, the way of the change and the session's settings.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE SCHEMA books;
-- what the log has of a table since the last look
CREATE TABLE books.seen (id bigint);
INSERT INTO books.seen SELECT coalesce(max(id), 0) FROM monitoring.audit_log;
CREATE FUNCTION books.look() RETURNS TABLE (relation text, operation text, row_key jsonb, old_values jsonb, new_values jsonb, changed_columns text[])
LANGUAGE sql AS $$
  WITH new AS (SELECT l.* FROM monitoring.audit_log l, (SELECT max(id) FROM books.seen) AS s(id) WHERE l.id > s.id),
       noted AS (INSERT INTO books.seen SELECT max(id) FROM new)
  SELECT relation, operation, row_key, old_values, new_values, changed_columns FROM new ORDER BY at, id
$$;
CREATE TABLE books.accounts (bank text, id int, owner text, amount numeric(12,2), secret text, PRIMARY KEY (bank, id));

-- declared wrongly
\set VERBOSITY sqlstate
SELECT lifeguard.audit(NULL);
SELECT lifeguard.audit('books.accounts', '{}');
SELECT lifeguard.audit('books.accounts', '{owner,NULL}');
SELECT lifeguard.audit('books.accounts', '{nothing}');
SELECT lifeguard.audit('books.accounts', NULL, '{nothing}');
SELECT lifeguard.audit('books.accounts', NULL, '{xmin}');
SELECT lifeguard.audit('books.accounts', NULL, '{id}');
SELECT lifeguard.drop_audit('books.accounts');
SELECT lifeguard.set_rules('books.accounts', 'after', '{"{\"kind\": \"audit\"}"}');
SELECT lifeguard.set_rules('books.accounts', 'after', '{"{\"kind\": \"audit\", \"story\": \"7\"}"}');
SELECT lifeguard.set_rules('books.accounts', 'before', '{"{\"kind\": \"audit\", \"story\": \"00000000-0000-4000-8000-000000000001\"}"}');
\set VERBOSITY default

-- each operation, once
SELECT lifeguard.audit('books.accounts', "except" => '{secret}');
SELECT timing, rule, definition - 'story' FROM lifeguard.rules WHERE relation = 'books.accounts'::regclass;
INSERT INTO books.accounts VALUES ('a', 1, 'Ann', 10, 'hunter2'), ('a', 2, NULL, 20, 'hunter3');
UPDATE books.accounts SET amount = amount + 1 WHERE id = 1;
UPDATE books.accounts SET amount = amount, owner = owner, secret = secret;
UPDATE books.accounts SET secret = 'hunter4', owner = 'Bob' WHERE id = 2;
UPDATE books.accounts SET id = 3 WHERE id = 2;
DELETE FROM books.accounts WHERE id = 1;
TRUNCATE books.accounts;
SELECT * FROM books.look();
SELECT count(*) FROM monitoring.audit_log l WHERE l::text ~ 'hunter';
-- only: other columns are not looked at, but the key is
SELECT lifeguard.audit('books.accounts', '{amount,secret}', '{secret}');
INSERT INTO books.accounts VALUES ('a', 1, 'Ann', 10, 'hunter2');
UPDATE books.accounts SET owner = 'Bob';
UPDATE books.accounts SET owner = 'Cat', secret = NULL;
UPDATE books.accounts SET id = 9;
SELECT * FROM books.look();

-- ways to change a row
SELECT lifeguard.audit('books.accounts', NULL, '{secret}');
COPY books.accounts (bank, id, amount) FROM stdin;
b	1	1
b	2	2
\.
INSERT INTO books.accounts VALUES ('b', 1, NULL, 5), ('b', 3, NULL, 6) ON CONFLICT (bank, id) DO UPDATE SET amount = excluded.amount;
MERGE INTO books.accounts a USING (VALUES ('b', 2), ('b', 3), ('b', 4)) AS v(bank, id) ON a.bank = v.bank AND a.id = v.id
  WHEN MATCHED AND a.id = 2 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = 7 WHEN NOT MATCHED THEN INSERT VALUES (v.bank, v.id);
WITH gone AS (DELETE FROM books.accounts WHERE id = 4 RETURNING bank) INSERT INTO books.accounts SELECT bank, 5 FROM gone;
SELECT * FROM books.look();
-- what is undone is not kept, what is not is
BEGIN;
UPDATE books.accounts SET owner = 'one' WHERE bank = 'b' AND id = 1;
SAVEPOINT s;
UPDATE books.accounts SET owner = 'two' WHERE bank = 'b' AND id = 1;
ROLLBACK TO s;
DO $$
BEGIN
  UPDATE books.accounts SET owner = 'three' WHERE bank = 'b' AND id = 3;
  BEGIN
    UPDATE books.accounts SET owner = 'four' WHERE bank = 'b' AND id = 3;
    RAISE EXCEPTION 'undo';
  EXCEPTION WHEN raise_exception THEN NULL;
  END;
END $$;
COMMIT;
BEGIN;
TRUNCATE books.accounts;
ROLLBACK;
SELECT operation, row_key, changed_columns, new_values FROM books.look();
-- many rows: stored before the statement's end, in order, all of them
INSERT INTO books.accounts SELECT 'many', i FROM generate_series(1, 3333) i;
SELECT count(*), count(DISTINCT row_key), bool_and(operation = 'INSERT') FROM books.look();
SELECT bool_and(id > before) FROM (SELECT (row_key ->> 'id')::int AS id, lag((row_key ->> 'id')::int, 1, 0) OVER (ORDER BY l.at, l.id) AS before
                                     FROM monitoring.audit_log l WHERE row_key ->> 'bank' = 'many') AS l;
DELETE FROM books.accounts WHERE bank = 'many';
SELECT count(*), count(DISTINCT row_key), bool_and(operation = 'DELETE') FROM books.look();
-- a replica's rows were audited where they came from
SET session_replication_role = replica;
UPDATE books.accounts SET owner = 'Rep';
TRUNCATE books.accounts;
RESET session_replication_role;
SELECT count(*) FROM books.look();

-- who, when, in which transaction
SET request.jwt.claims = '{"sub": "00000000-0000-0000-0000-000000000007"}';
CREATE ROLE regress_clerk;
GRANT USAGE ON SCHEMA books TO regress_clerk;
GRANT ALL ON books.accounts TO regress_clerk;
BEGIN;
SET LOCAL ROLE regress_clerk;
INSERT INTO books.accounts VALUES ('c', 1);
TRUNCATE books.accounts;
RESET ROLE;
SELECT operation, changed_by, database_role, session_role = session_user, transaction_id = pg_current_xact_id(), at BETWEEN now() AND clock_timestamp()
  FROM monitoring.audit_log ORDER BY at DESC, id DESC LIMIT 2;
COMMIT;
SET request.jwt.claims = 'broken';
INSERT INTO books.accounts VALUES ('c', 1);
SELECT changed_by IS NULL FROM monitoring.audit_log ORDER BY at DESC, id DESC LIMIT 1;
RESET request.jwt.claims;
SELECT count(*) FROM books.look();

-- types: as to_jsonb() has them in UTC and ISO, whatever the session says
CREATE TYPE books.colour AS ENUM ('red', 'blue');
CREATE TYPE books.pair AS (x int, at timestamptz);
CREATE DOMAIN books.small AS int CHECK (value < 100);
CREATE TABLE books.types (id int PRIMARY KEY, b bool, s smallint, l bigint, n numeric, f float8, c char(3), u uuid, ts timestamp, tz timestamptz, d date, i interval, by bytea,
  a int[], ta text[], za timestamptz[], e books.colour, p books.pair, small books.small, j json, jb jsonb, ip inet, m money, r tstzrange, v tsvector, o oid,
  g int GENERATED ALWAYS AS (id * 2) STORED);
SELECT lifeguard.audit('books.types');
SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET intervalstyle = 'postgres_verbose'; SET bytea_output = 'escape'; SET extra_float_digits = -3;
INSERT INTO books.types VALUES (1, true, -1, 9007199254740993, 'NaN', '-Infinity', 'é', '00000000-0000-0000-0000-00000000000a', '2026-01-02 03:04:05.6', '2026-01-02 03:04:05+00', 'infinity',
  '1 month 2 days 3 hours', '\x00ff', '{{1,NULL},{2,3}}', '{"a\"b",NULL}', '{"2026-01-02 03:04:05+00"}', 'red', ROW(1, '2026-01-02 03:04:05+00'), 7, '{"b": 1, "a": [2]}', '"text"',
  '10.0.0.1/8', 1.5, '[2026-01-02 03:04:05+00,)', 'fat:1', 4294967295);
RESET timezone; RESET datestyle; RESET intervalstyle; RESET bytea_output; RESET extra_float_digits;
SELECT new_values FROM books.look();
UPDATE books.types SET n = 1.0, f = 0, jb = '[]', p = NULL;
UPDATE books.types SET n = 1.00, f = '-0', jb = '{}', id = 2;
SELECT row_key, old_values, new_values, changed_columns FROM books.look();
UPDATE books.types SET j = '{"a": "\u0000"}';   -- json takes it, jsonb does not
SELECT new_values FROM books.look();
-- long values: a mark in place of what is too long; compared where they are stored
CREATE TABLE books.long (id int PRIMARY KEY, body text, other text, data bytea, numbers int[]);
SELECT lifeguard.audit('books.long');
INSERT INTO books.long SELECT 1, string_agg(md5(i::text), ''), repeat('x', 1048576), decode(repeat('00', 1048577), 'hex'), array_agg(i) FROM generate_series(1, 30000) i;
SELECT length(new_values ->> 'body'), length(new_values ->> 'other'), new_values -> 'data', jsonb_array_length(new_values -> 'numbers') FROM books.look();
UPDATE books.long SET id = 2;
UPDATE books.long SET body = body || '';
UPDATE books.long SET body = 'x' || substr(body, 2), data = decode(repeat('01', 1048577), 'hex');
SELECT left(old_values ->> 'body', 3), left(new_values ->> 'body', 3), old_values -> 'data' = new_values -> 'data', changed_columns FROM books.look();
SET lifeguard.audit_longest_value = 1;
INSERT INTO books.long VALUES (3, repeat('x', 1025), repeat('é', 512));
RESET lifeguard.audit_longest_value;
SELECT new_values -> 'body', length(new_values ->> 'other') FROM books.look();

-- without a key: the whole old row says which it was
CREATE TABLE books.notes (a int, b int, secret text);
SELECT lifeguard.audit('books.notes', NULL, '{secret}');
INSERT INTO books.notes VALUES (1, 1, 'hunter2');
UPDATE books.notes SET b = 2;
DELETE FROM books.notes;
SELECT * FROM books.look();
-- a column generated from a secret is one
CREATE TABLE books.derived (id int PRIMARY KEY, secret text, upper text GENERATED ALWAYS AS (upper(secret)) STORED, length int GENERATED ALWAYS AS (id) STORED);
SELECT lifeguard.audit('books.derived', NULL, '{secret}');
INSERT INTO books.derived VALUES (1, 'hunter2');
UPDATE books.derived SET secret = 'hunter3';
SELECT new_values, changed_columns FROM books.look();

-- partitions: the table's name, also of a row that moves; TRUNCATE of one, also of one that came later
CREATE TABLE books.visits (id int, day int, who text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE books.visits_1 PARTITION OF books.visits FOR VALUES FROM (1) TO (10);
SELECT lifeguard.audit('books.visits');
CREATE TABLE books.visits_2 (day int NOT NULL, extra int, who text, id int NOT NULL);
ALTER TABLE books.visits_2 DROP COLUMN extra;
ALTER TABLE books.visits ATTACH PARTITION books.visits_2 FOR VALUES FROM (10) TO (20);
CREATE TABLE books.visits_3 PARTITION OF books.visits FOR VALUES FROM (20) TO (30) PARTITION BY RANGE (day);
CREATE TABLE books.visits_3a PARTITION OF books.visits_3 FOR VALUES FROM (20) TO (25);
INSERT INTO books.visits VALUES (1, 1, 'a'), (2, 12, 'b');
UPDATE books.visits SET who = 'c';
UPDATE books.visits SET day = 22 WHERE id = 1;
SELECT * FROM books.look();
TRUNCATE books.visits_3a;
TRUNCATE books.visits;
SELECT relation, operation FROM books.look() ORDER BY 1;
\set VERBOSITY sqlstate
SELECT lifeguard.audit('books.visits_1');
SELECT lifeguard.drop_audit('books.visits_1');
\set VERBOSITY default
ALTER TABLE books.visits DETACH PARTITION books.visits_1;
INSERT INTO books.visits_1 VALUES (1, 1);
TRUNCATE books.visits_1;
SELECT count(*) FROM books.look();
SELECT lifeguard.drop_audit('books.visits');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgfoid = 'lifeguard.after_truncate()'::regprocedure AND tgrelid::regclass::text LIKE 'books.visits%' ORDER BY 1;
-- inheritance: each table its own
CREATE TABLE books.parent (id int PRIMARY KEY);
CREATE TABLE books.child () INHERITS (books.parent);
SELECT lifeguard.audit('books.parent');
INSERT INTO books.parent VALUES (1);
INSERT INTO books.child VALUES (2);
UPDATE books.parent SET id = id + 10;
SELECT relation, operation, row_key FROM books.look();

-- foreign keys: what cascades is kept, with who began it
CREATE TABLE books.people (id int PRIMARY KEY);
CREATE TABLE books.letters (id int PRIMARY KEY, person int REFERENCES books.people ON DELETE CASCADE ON UPDATE CASCADE);
SELECT lifeguard.audit('books.people'), lifeguard.audit('books.letters');
INSERT INTO books.people VALUES (1), (2);
INSERT INTO books.letters VALUES (1, 1), (2, 2);
SELECT count(*) FROM books.look();
UPDATE books.people SET id = 3 WHERE id = 1;
DELETE FROM books.people WHERE id = 2;
TRUNCATE books.people CASCADE;
SELECT * FROM books.look() ORDER BY operation, relation;

-- beside a lifecycle, whose action changes the row again: in the order in which it happened
CREATE TABLE books.loans (id int PRIMARY KEY, state text, times int NOT NULL DEFAULT 0);
CREATE FUNCTION books.count_up(n int) RETURNS void LANGUAGE sql AS $$ UPDATE books.loans SET times = times + 1 WHERE id = n $$;
SELECT lifeguard.create_lifecycle('books.loans', 'state', '{open}'), lifeguard.add_transition('books.loans', 'open', 'closed'),
       lifeguard.add_action('books.loans', 'open', 'closed', 'books.count_up(new.id)'), lifeguard.audit('books.loans');
INSERT INTO books.loans VALUES (1, 'open');
UPDATE books.loans SET state = 'closed';
DELETE FROM books.loans;
SELECT operation, old_values, new_values FROM books.look();
SELECT timing, rule FROM lifeguard.rules WHERE relation = 'books.loans'::regclass;
SELECT lifeguard.drop_lifecycle('books.loans');
SELECT rule FROM lifeguard.rules WHERE relation = 'books.loans'::regclass;
SELECT lifeguard.drop_audit('books.loans');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'books.loans'::regclass;

-- DDL: names may change, but not those of columns that the rule names
\set VERBOSITY sqlstate
ALTER TABLE books.accounts RENAME COLUMN secret TO hidden;
ALTER TABLE books.accounts DROP COLUMN secret;
\set VERBOSITY default
ALTER TABLE books.accounts RENAME COLUMN owner TO holder;
ALTER TABLE books.accounts ADD COLUMN note text;
ALTER TABLE books.accounts RENAME TO "Konten ""2""";
UPDATE books."Konten ""2""" SET note = 'new', holder = 'Dan';
SELECT * FROM books.look();
DROP TABLE books."Konten ""2""";

-- the trigger functions are for lifeguard's triggers
\set VERBOSITY sqlstate
SELECT lifeguard.after_truncate();
CREATE TRIGGER t AFTER INSERT ON books.notes FOR EACH STATEMENT EXECUTE FUNCTION lifeguard.after_truncate();
INSERT INTO books.notes VALUES (1);
\set VERBOSITY default
DROP SCHEMA books CASCADE;
DROP ROLE regress_clerk;
DELETE FROM monitoring.audit_log WHERE relation LIKE 'books.%';
