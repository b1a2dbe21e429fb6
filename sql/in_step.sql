-- keep_in_step and derive_column: columns that say the same thing, and columns that are what others say, whichever way they are written.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_member;
CREATE SCHEMA step;
GRANT USAGE ON SCHEMA step TO regress_member;
CREATE TYPE step.mood AS ENUM ('calm', 'wild');
CREATE DOMAIN step.cents AS int CHECK (VALUE >= 0);
CREATE TABLE step.pools (id int PRIMARY KEY, name text, whole int NOT NULL DEFAULT 0, dollars numeric(10,2), day date, at timestamptz, twice int GENERATED ALWAYS AS (whole * 2) STORED, mood step.mood, mood_text text, secret int);

-- declarations
\set VERBOSITY sqlstate
SELECT lifeguard.keep_in_step(NULL, 'whole', 'dollars');
SELECT lifeguard.keep_in_step('step.pools', NULL, 'dollars');
SELECT lifeguard.keep_in_step('step.pools', 'whole', NULL);
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'whole');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'nothing');
SELECT lifeguard.keep_in_step('step.pools', 'twice', 'dollars');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'twice');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'ctid');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'dollars', 'new.nothing');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'dollars', 'new.whole + old.whole');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'dollars', 'new.whole + new.id');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'dollars', '5');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'dollars', 'new.whole * random()');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'dollars', '(SELECT max(p.whole) + new.whole FROM step.pools p)');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'dollars', '1) , (2');
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'mood');
SELECT lifeguard.derive_column('step.pools', NULL, '1');
SELECT lifeguard.derive_column('step.pools', 'whole', NULL);
SELECT lifeguard.derive_column('step.pools', 'twice', 'new.whole');
SELECT lifeguard.derive_column('step.pools', 'whole', 'new.whole + 1');
SELECT lifeguard.derive_column('step.pools', 'whole', 'old.id');
SELECT lifeguard.derive_column('step.pools', 'name', 'new::text');
SELECT lifeguard.derive_column('step.pools', 'name', 'new.at::text');
SELECT lifeguard.derive_column('step.pools', 'whole', 'new.name');
SELECT lifeguard.drop_in_step('step.pools', 'whole', 'dollars');
SELECT lifeguard.drop_derived_column('step.pools', 'whole');
SELECT lifeguard.add_rule('step.pools', 'before', '{"kind": "keep_in_step", "column": "whole"}');
SELECT lifeguard.add_rule('step.pools', 'after', '{"kind": "keep_in_step", "column": "whole", "twin": "dollars"}');
SELECT lifeguard.add_rule('step.pools', 'before', '{"kind": "derive_column", "column": "whole"}');
SET ROLE regress_member;
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'dollars');
SELECT lifeguard.derive_column('step.pools', 'whole', 'new.id');
RESET ROLE;
\set VERBOSITY default
SELECT lifeguard.keep_in_step('step.pools', 'at', 'day');
SELECT lifeguard.keep_in_step('step.pools', 'name', 'mood', NULL, NULL);
INSERT INTO step.pools (id, whole, dollars) VALUES (1, 10, 10), (2, 5, 7.50);
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'dollars');
SELECT lifeguard.keep_in_step('step.pools', 'at', 'day', '(new.at AT TIME ZONE ''UTC'')::date', 'new.day::timestamp AT TIME ZONE ''UTC''');
SELECT lifeguard.keep_in_step('step.pools', 'mood', 'mood_text', NULL, 'new.mood_text::step.mood');
SELECT rule, kind, timing FROM lifeguard.rules WHERE relation = 'step.pools'::regclass;
SELECT lifeguard.keep_in_step('step.pools', 'whole', 'dollars');
\echo :SQLSTATE
SELECT lifeguard.keep_in_step('step.pools', 'dollars', 'whole');
\echo :SQLSTATE
SELECT lifeguard.keep_in_step('step.pools', 'dollars', 'secret');
\echo :SQLSTATE
SELECT lifeguard.keep_in_step('step.pools', 'secret', 'dollars');
\echo :SQLSTATE

-- UPDATE: the one that changed decides
UPDATE step.pools SET whole = 11 WHERE id = 1 RETURNING whole, dollars, twice;
UPDATE step.pools SET dollars = 12 WHERE id = 1 RETURNING whole, dollars, twice;
UPDATE step.pools SET whole = 13, dollars = 12 WHERE id = 1 RETURNING whole, dollars;
UPDATE step.pools SET whole = 14, dollars = 14.00 WHERE id = 1 RETURNING whole, dollars;
UPDATE step.pools SET whole = 15, dollars = 16 WHERE id = 1;
\echo :SQLSTATE
UPDATE step.pools SET dollars = NULL WHERE id = 1;
-- an old difference: nothing in passing, and it ends with the next value
UPDATE step.pools SET name = 'touched' WHERE id = 2 RETURNING whole, dollars;
UPDATE step.pools SET whole = whole, dollars = dollars WHERE id = 2 RETURNING whole, dollars;
SELECT * FROM lifeguard.out_of_step('step.pools');
UPDATE step.pools SET whole = 6 WHERE id = 2 RETURNING whole, dollars;
SELECT * FROM lifeguard.out_of_step('step.pools');
-- nothing is lost: what comes back must be what went there
UPDATE step.pools SET dollars = 10.50 WHERE id = 1;
\echo :SQLSTATE
UPDATE step.pools SET whole = 100000000 WHERE id = 1;
\echo :SQLSTATE
UPDATE step.pools SET dollars = 'NaN' WHERE id = 1;
\echo :SQLSTATE
UPDATE step.pools SET at = '2026-01-05 10:00+00' WHERE id = 1;
UPDATE step.pools SET mood_text = 'bored' WHERE id = 1;
\echo :SQLSTATE
SET timezone = 'Asia/Tokyo';
UPDATE step.pools SET day = '2026-01-05' WHERE id = 1 RETURNING day, at AT TIME ZONE 'UTC';
UPDATE step.pools SET at = '2026-01-12 00:00+00' WHERE id = 1 RETURNING day, at AT TIME ZONE 'UTC';
RESET timezone;
UPDATE step.pools SET mood = 'wild' WHERE id = 1 RETURNING mood_text;
UPDATE step.pools SET mood_text = 'calm' WHERE id = 1 RETURNING mood;
UPDATE step.pools SET mood_text = NULL, day = NULL WHERE id = 1 RETURNING mood, at;

-- INSERT: the one that is no default decides, then the one that is not NULL, then the column
INSERT INTO step.pools (id, whole) VALUES (10, 3) RETURNING whole, dollars, twice;
INSERT INTO step.pools (id, dollars) VALUES (11, 4) RETURNING whole, dollars, twice;
INSERT INTO step.pools (id) VALUES (12) RETURNING whole, dollars;
INSERT INTO step.pools (id, whole, dollars) VALUES (13, 5, 5.00) RETURNING whole, dollars;
INSERT INTO step.pools (id, whole, dollars) VALUES (14, 5, 6);
\echo :SQLSTATE
INSERT INTO step.pools (id, whole, dollars) VALUES (14, NULL, 6) RETURNING whole, dollars;
INSERT INTO step.pools (id, whole, dollars) VALUES (15, 0, 6) RETURNING whole, dollars;
INSERT INTO step.pools (id, dollars) VALUES (16, 6.5);
\echo :SQLSTATE
INSERT INTO step.pools (id, day) VALUES (16, '2026-02-02') RETURNING at AT TIME ZONE 'UTC';
INSERT INTO step.pools (id, dollars) VALUES (1, 20) ON CONFLICT (id) DO UPDATE SET dollars = excluded.dollars RETURNING whole, dollars;
INSERT INTO step.pools (id, dollars) VALUES (1, 21) ON CONFLICT (id) DO UPDATE SET whole = excluded.whole + 1 RETURNING whole, dollars;
INSERT INTO step.pools (id, dollars) VALUES (1, 23) ON CONFLICT (id) DO UPDATE SET whole = 1, dollars = 2;
\echo :SQLSTATE
COPY step.pools (id, dollars) FROM stdin;
20	7
21	\N
\.
COPY step.pools (id, whole, dollars) FROM stdin;
22	7	8
\.
SELECT id, whole, dollars FROM step.pools WHERE id >= 20 ORDER BY id;
MERGE INTO step.pools p USING (VALUES (20, 8), (23, 9)) AS v(id, d) ON p.id = v.id
  WHEN MATCHED THEN UPDATE SET dollars = v.d WHEN NOT MATCHED THEN INSERT (id, dollars) VALUES (v.id, v.d);
PREPARE pay(numeric, int) AS UPDATE step.pools SET dollars = $1 WHERE id = $2 RETURNING whole;
EXECUTE pay(30, 20);
EXECUTE pay(31.5, 20);
\echo :SQLSTATE
CREATE VIEW step.old_pools AS SELECT id, dollars AS remaining FROM step.pools;
UPDATE step.old_pools SET remaining = 32 WHERE id = 20;
INSERT INTO step.old_pools VALUES (24, 33);
SELECT id, whole, dollars FROM step.pools WHERE id IN (20, 23, 24) ORDER BY id;

-- CHECKs, foreign keys and unique indexes see the twin
ALTER TABLE step.pools ADD CONSTRAINT not_too_much CHECK (dollars < 1000);
UPDATE step.pools SET whole = 1000 WHERE id = 1;
\echo :SQLSTATE
ALTER TABLE step.pools DROP CONSTRAINT not_too_much;

-- the DETAIL is for programs, and tells nobody what he may not select
DO $$
DECLARE
  detail text;
BEGIN
  UPDATE step.pools SET whole = 1, dollars = 2 WHERE id = 1;
EXCEPTION WHEN SQLSTATE 'LG017' THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RAISE NOTICE '%', jsonb_pretty(detail::jsonb);
END $$;
GRANT SELECT (id, whole), UPDATE ON step.pools TO regress_member;
SET ROLE regress_member;
UPDATE step.pools SET whole = 1, dollars = 2 WHERE id = 1;
UPDATE step.pools SET dollars = 2.5 WHERE id = 1;
SELECT * FROM lifeguard.out_of_step('step.pools');
RESET ROLE;

-- several twins of one column; no chains
CREATE TABLE step.totals (id int PRIMARY KEY, total int, total_dollars numeric, total_text text, deep int);
SELECT lifeguard.keep_in_step('step.totals', 'total', 'total_dollars'), lifeguard.keep_in_step('step.totals', 'total', 'total_text', NULL, 'new.total_text::int');
SELECT lifeguard.keep_in_step('step.totals', 'total_text', 'deep', 'new.total_text::int');
\echo :SQLSTATE
SELECT lifeguard.keep_in_step('step.totals', 'deep', 'total', NULL);
\echo :SQLSTATE
INSERT INTO step.totals (id, total_text) VALUES (1, '7') RETURNING total, total_dollars, total_text;
UPDATE step.totals SET total_dollars = 8.00 WHERE id = 1 RETURNING total, total_dollars, total_text;
UPDATE step.totals SET total = 9 WHERE id = 1 RETURNING total, total_dollars, total_text;
UPDATE step.totals SET total_dollars = 10, total_text = '10' WHERE id = 1 RETURNING total, total_dollars, total_text;
UPDATE step.totals SET total_dollars = 11, total_text = '12' WHERE id = 1;
UPDATE step.totals SET total = 11, total_text = '12' WHERE id = 1;
UPDATE step.totals SET total_text = 'x' WHERE id = 1;
\echo :SQLSTATE
UPDATE step.totals SET total_text = ' 12' WHERE id = 1;
\echo :SQLSTATE
UPDATE step.totals SET total_dollars = 10.4 WHERE id = 1;
\echo :SQLSTATE
-- another way to write the same: it is kept, and nobody else's value is in its way
UPDATE step.totals SET total_dollars = 10.000 WHERE id = 1 RETURNING total, total_dollars, total_text;
UPDATE step.totals SET total_dollars = 10.0, total = 13 WHERE id = 1 RETURNING total, total_dollars, total_text;

-- a domain, an array, types without an equality
CREATE TABLE step.kinds (id int PRIMARY KEY, c step.cents, n bigint, v varchar(3), t text, j json, jt text, b boolean, yes text);
SELECT lifeguard.keep_in_step('step.kinds', 'n', 'c'), lifeguard.keep_in_step('step.kinds', 't', 'v'), lifeguard.keep_in_step('step.kinds', 'jt', 'j', 'new.jt::json'),
       lifeguard.keep_in_step('step.kinds', 'b', 'yes', 'CASE WHEN new.b THEN ''yes'' WHEN NOT new.b THEN ''no'' END', 'CASE new.yes WHEN ''yes'' THEN true WHEN ''no'' THEN false END -- else null');
\set VERBOSITY terse
INSERT INTO step.kinds (id, n, t, jt, b) VALUES (1, 5, 'abc', '{"a":1}', true) RETURNING c, v, j, yes;
UPDATE step.kinds SET c = 6, v = 'x', j = '[1]', yes = 'no' WHERE id = 1 RETURNING n, t, jt, b;
UPDATE step.kinds SET n = -1 WHERE id = 1;
\echo :SQLSTATE
UPDATE step.kinds SET n = 3000000000 WHERE id = 1;
\echo :SQLSTATE
UPDATE step.kinds SET t = 'four' WHERE id = 1;
\echo :SQLSTATE
UPDATE step.kinds SET jt = '{' WHERE id = 1;
\echo :SQLSTATE
UPDATE step.kinds SET yes = 'maybe' WHERE id = 1;
\echo :SQLSTATE
SELECT * FROM lifeguard.out_of_step('step.kinds');
SET session_replication_role = replica;
UPDATE step.kinds SET c = 7, v = 'y', j = '[2]', yes = 'perhaps' WHERE id = 1;
RESET session_replication_role;
SELECT * FROM lifeguard.out_of_step('step.kinds');

-- derived columns: whatever the statement says; made of columns in step, and of each other in the order declared
CREATE TABLE step.names (id int PRIMARY KEY, first text, last text, label text, slug text, size int, born date, born_at timestamptz, year int);
SELECT lifeguard.derive_column('step.names', 'slug', 'lower(new.label)');
SELECT lifeguard.derive_column('step.names', 'label', 'new.first || '' '' || new.last');
\echo :SQLSTATE
SELECT lifeguard.drop_derived_column('step.names', 'slug');
SELECT lifeguard.derive_column('step.names', 'label', 'new.first || '' '' || new.last'), lifeguard.derive_column('step.names', 'slug', 'lower(new.label)'),
       lifeguard.derive_column('step.names', 'size', 'length(new.slug)'),
       lifeguard.keep_in_step('step.names', 'born', 'born_at', 'new.born::timestamp AT TIME ZONE ''UTC''', '(new.born_at AT TIME ZONE ''UTC'')::date'),
       lifeguard.derive_column('step.names', 'year', 'extract(year FROM new.born)');
SELECT lifeguard.derive_column('step.names', 'slug', 'new.first');
\echo :SQLSTATE
SELECT lifeguard.derive_column('step.names', 'born_at', 'timestamptz ''2026-01-01 00:00+00''');
\echo :SQLSTATE
SELECT lifeguard.keep_in_step('step.names', 'slug', 'first');
\echo :SQLSTATE
SELECT position, rule, expression FROM lifeguard.rules WHERE relation = 'step.names'::regclass;
INSERT INTO step.names (id, first, last, label, slug, size, born_at) VALUES (1, 'Ann', 'Lee', 'wrong', 'wrong', 99, '2000-05-06 00:00+00') RETURNING *;
UPDATE step.names SET last = 'Poe', slug = 'mine' WHERE id = 1 RETURNING label, slug, size;
UPDATE step.names SET label = 'mine', year = 1 WHERE id = 1 RETURNING label, slug, size, year;
UPDATE step.names SET born = '1999-01-01' WHERE id = 1 RETURNING year;
UPDATE step.names SET first = NULL WHERE id = 1 RETURNING label, slug, size;
SET session_replication_role = replica;
UPDATE step.names SET slug = 'bad', year = 3 WHERE id = 1;
RESET session_replication_role;
SELECT * FROM lifeguard.out_of_step('step.names');
SELECT object, message, details FROM lifeguard.check_columns_in_step() ORDER BY object;
UPDATE step.names SET slug = slug;
SELECT * FROM lifeguard.out_of_step('step.names');
-- a value that cannot be converted disagrees
INSERT INTO step.totals (id, total_text) VALUES (2, '8');
SET session_replication_role = replica;
UPDATE step.totals SET total_text = 'rubbish' WHERE id = 2;
RESET session_replication_role;
SELECT * FROM lifeguard.out_of_step('step.totals');
SELECT object, message FROM lifeguard.check_columns_in_step() ORDER BY object;
DELETE FROM step.totals WHERE id = 2;

-- with other rules: stamps and keep_updated_at decide; a state cannot be set, but told; protection must be the same on both
CREATE TABLE step.orders (id int PRIMARY KEY, state text NOT NULL DEFAULT 'open', label text, sent_at timestamptz, sent timestamp, updated_at timestamptz, modified timestamptz, price int DEFAULT 1, price_text text DEFAULT '1');
SELECT lifeguard.create_lifecycle('step.orders', 'state', '{open}'), lifeguard.add_transition('step.orders', 'open', 'sent'), lifeguard.add_stamp('step.orders', 'sent', 'sent_at', 'now()'),
       lifeguard.keep_updated_at('step.orders');
SELECT lifeguard.keep_in_step('step.orders', 'state', 'label');
\echo :SQLSTATE
SELECT lifeguard.keep_in_step('step.orders', 'label', 'state');
\echo :SQLSTATE
SELECT lifeguard.derive_column('step.orders', 'sent_at', 'new.updated_at');
\echo :SQLSTATE
SELECT lifeguard.derive_column('step.orders', 'label', 'upper(new.state)'),
       lifeguard.keep_in_step('step.orders', 'sent', 'sent_at', 'new.sent AT TIME ZONE ''UTC''', 'new.sent_at AT TIME ZONE ''UTC'''),
       lifeguard.keep_in_step('step.orders', 'modified', 'updated_at');
INSERT INTO step.orders (id) VALUES (1) RETURNING label, sent;
UPDATE step.orders SET state = 'sent', sent = '1999-01-01', modified = NULL WHERE id = 1 RETURNING label, sent = now() AT TIME ZONE 'UTC' AS sent, sent_at = now() AS sent_at, updated_at = now() AS updated, modified = now() AS modified;
SELECT lifeguard.protect_columns('step.orders', '{price}', 'old.price < new.price');
SELECT lifeguard.keep_in_step('step.orders', 'price', 'price_text', NULL, 'new.price_text::int');
SELECT lifeguard.drop_protected_columns('step.orders', '{price}'), lifeguard.keep_in_step('step.orders', 'price', 'price_text', NULL, 'new.price_text::int');
SELECT lifeguard.protect_columns('step.orders', '{price}', 'old.price < new.price');
\echo :SQLSTATE
SELECT lifeguard.protect_columns('step.orders', '{price,price_text}', 'current_setting(''step.boss'', true) = ''yes''');
UPDATE step.orders SET price_text = '5' WHERE id = 1;
\echo :SQLSTATE
UPDATE step.orders SET price = 5 WHERE id = 1;
\echo :SQLSTATE
SET step.boss = yes;
UPDATE step.orders SET price_text = '5' WHERE id = 1 RETURNING price;
RESET step.boss;
SELECT * FROM lifeguard.out_of_step('step.orders');

-- other BEFORE triggers: those that fire before are seen, those after are named
CREATE FUNCTION step.add_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.dollars := new.dollars + 1; RETURN new; END $$;
CREATE TRIGGER a_first BEFORE UPDATE ON step.pools FOR EACH ROW EXECUTE FUNCTION step.add_one();
UPDATE step.pools SET name = 'x' WHERE id = 10 RETURNING whole, dollars;
ALTER TRIGGER a_first ON step.pools RENAME TO z_last;
SELECT lifeguard.drop_in_step('step.pools', 'mood', 'mood_text'), lifeguard.keep_in_step('step.pools', 'mood', 'mood_text', NULL, 'new.mood_text::step.mood');
DROP TRIGGER z_last ON step.pools;

-- partitions: columns in another order, a row that moves, an old difference that moves with it
CREATE TABLE step.parts (id int, day int, whole int DEFAULT 0, dollars numeric, size int) PARTITION BY LIST (day);
CREATE TABLE step.part1 PARTITION OF step.parts FOR VALUES IN (1);
CREATE TABLE step.part2 (dollars numeric, hole int, day int, size int, whole int DEFAULT 5, id int);
ALTER TABLE step.part2 DROP COLUMN hole;
INSERT INTO step.part2 (id, day, whole, dollars) VALUES (9, 2, 1, 2);
ALTER TABLE step.parts ATTACH PARTITION step.part2 FOR VALUES IN (2);
SELECT lifeguard.keep_in_step('step.parts', 'whole', 'dollars'), lifeguard.derive_column('step.parts', 'size', 'new.whole * 10');
INSERT INTO step.parts (id, day, dollars) VALUES (1, 1, 3), (2, 2, 4) RETURNING whole, dollars, size;
INSERT INTO step.part2 (id, day) VALUES (3, 2) RETURNING whole, dollars, size;
UPDATE step.parts SET day = 2, whole = 8 WHERE id = 1 RETURNING tableoid::regclass, whole, dollars, size;
UPDATE step.parts SET day = 1 WHERE id = 9 RETURNING tableoid::regclass, whole, dollars, size;
UPDATE step.parts SET day = 2, whole = 8, dollars = 9 WHERE id = 9;
\echo :SQLSTATE
SELECT * FROM lifeguard.out_of_step('step.parts');
SELECT * FROM lifeguard.out_of_step('step.part1');
SELECT * FROM lifeguard.out_of_step('step.part2');
SELECT lifeguard.keep_in_step('step.part1', 'id', 'size');
\echo :SQLSTATE

-- the key of the partitions follows its twin; a new row is routed before
CREATE TABLE step.weeks (id int, at timestamptz, day date) PARTITION BY RANGE (at);
CREATE TABLE step.weeks_old PARTITION OF step.weeks FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2026-01-01 00:00+00');
CREATE TABLE step.weeks_new PARTITION OF step.weeks FOR VALUES FROM ('2026-01-01 00:00+00') TO (MAXVALUE);
SELECT lifeguard.keep_in_step('step.weeks', 'at', 'day', '(new.at AT TIME ZONE ''UTC'')::date', 'new.day::timestamp AT TIME ZONE ''UTC''');
INSERT INTO step.weeks VALUES (1, '2025-05-05 00:00+00') RETURNING tableoid::regclass, day;
UPDATE step.weeks SET day = '2026-05-05' RETURNING tableoid::regclass, at AT TIME ZONE 'UTC', day;
INSERT INTO step.weeks (id, day) VALUES (2, '2026-05-05');
\echo :SQLSTATE

-- functions of one's own: what they refuse is told of both columns, and handlers go on
CREATE FUNCTION step.number(word text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF word = 'seven' THEN RAISE EXCEPTION 'no sevens'; END IF; RETURN array_position('{one,two,three}', word); END $$;
CREATE FUNCTION step.word(number int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT ('{one,two,three}'::text[])[number] $$;
CREATE FUNCTION step.guess(number int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'one'; END $$;
CREATE TABLE step.words (id int PRIMARY KEY, word text, number int, big text, bigger text);
SELECT lifeguard.keep_in_step('step.words', 'word', 'number', 'step.number(new.word)', 'step.guess(new.number)');
\echo :SQLSTATE
SELECT lifeguard.keep_in_step('step.words', 'word', 'number', 'step.number(new.word)', 'step.word(new.number)'), lifeguard.keep_in_step('step.words', 'big', 'bigger');
INSERT INTO step.words (id, number) VALUES (1, 2) RETURNING word;
UPDATE step.words SET word = 'seven';
\echo :SQLSTATE
UPDATE step.words SET word = 'four';
DO $$
DECLARE
  refused int := 0;
BEGIN
  FOR i IN 1..300 LOOP
    BEGIN
      UPDATE step.words SET word = CASE i % 3 WHEN 0 THEN 'three' WHEN 1 THEN 'seven' ELSE 'four' END, id = 1;
    EXCEPTION WHEN SQLSTATE 'LG018' THEN
      refused := refused + 1;
    END;
  END LOOP;
  RAISE NOTICE '% refused', refused;
END $$;
DROP FUNCTION step.word(int);
\echo :SQLSTATE
-- big values, which are not read from their TOAST table where nothing changes
UPDATE step.words SET bigger = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 2000) AS n) RETURNING word, number, big = bigger, length(big);
UPDATE step.words SET number = 1 RETURNING word, big = bigger;
UPDATE step.words SET big = left(big, -1) || 'z' RETURNING big = bigger, right(bigger, 1);

-- row security: the rows that one sees are counted, and no values are told
ALTER TABLE step.words ENABLE ROW LEVEL SECURITY;
ALTER TABLE step.words FORCE ROW LEVEL SECURITY;
GRANT ALL ON step.words TO regress_member;
CREATE POLICY mine ON step.words TO regress_member USING (id < 10) WITH CHECK (number < 3);
INSERT INTO step.words (id, number) VALUES (20, 1);
SET session_replication_role = replica;
UPDATE step.words SET number = 3;
RESET session_replication_role;
SET ROLE regress_member;
UPDATE step.words SET word = 'three';
\echo :SQLSTATE
UPDATE step.words SET word = 'two' RETURNING number;
UPDATE step.words SET word = 'three', number = 1;
UPDATE step.words SET word = 'seven';
SELECT column_name, rows FROM lifeguard.out_of_step('step.words');
RESET ROLE;
SELECT column_name, rows, example FROM lifeguard.out_of_step('step.words');

-- a default that is another for each row counts as brought
CREATE TABLE step.numbers (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, old_id bigint);
SELECT lifeguard.keep_in_step('step.numbers', 'id', 'old_id');
INSERT INTO step.numbers DEFAULT VALUES RETURNING *;
INSERT INTO step.numbers (old_id) VALUES (77);
\echo :SQLSTATE
INSERT INTO step.numbers (id, old_id) VALUES (77, 77) RETURNING *;
-- there is an end to twins
CREATE TABLE step.many (a int, b1 int, b2 int, b3 int, b4 int, b5 int, b6 int, b7 int, b8 int, b9 int, b10 int, b11 int, b12 int, b13 int, b14 int, b15 int, b16 int);
SELECT count(lifeguard.keep_in_step('step.many', 'a', 'b' || i)) FROM generate_series(1, 15) AS i;
SELECT lifeguard.keep_in_step('step.many', 'a', 'b16');
\echo :SQLSTATE
INSERT INTO step.many (b15) VALUES (3) RETURNING a, b1, b14, b15, b16;

-- an audit has both, as they are stored
CREATE TABLE step.told (id int PRIMARY KEY, a int, b text);
SELECT lifeguard.keep_in_step('step.told', 'a', 'b', NULL, 'new.b::int'), lifeguard.audit('step.told');
INSERT INTO step.told (id, b) VALUES (1, '5');
UPDATE step.told SET a = 6;
SELECT operation, changes FROM monitoring.history_of('step.told', '{"id": 1}') ORDER BY at, operation;

-- names that need quotes
CREATE TABLE step."Odd ""Table""" ("Key, one" int PRIMARY KEY, "a ""b"", ä" int, "$1 %s 'x'" numeric, "new" int, "old" int);
SELECT lifeguard.keep_in_step('step."Odd ""Table"""', 'a "b", ä', '$1 %s ''x'''), lifeguard.derive_column('step."Odd ""Table"""', 'new', 'new."old" + 1');
INSERT INTO step."Odd ""Table""" VALUES (1, 5);
UPDATE step."Odd ""Table""" SET "$1 %s 'x'" = 1.5;
UPDATE step."Odd ""Table""" SET "$1 %s 'x'" = 6, "old" = 1;
SET session_replication_role = replica;
UPDATE step."Odd ""Table""" SET "$1 %s 'x'" = 7, "new" = 8;
RESET session_replication_role;
SELECT * FROM lifeguard.out_of_step('step."Odd ""Table"""');
SET session_replication_role = replica;
UPDATE step."Odd ""Table""" SET "$1 %s 'x'" = 'NaN';
RESET session_replication_role;
SELECT * FROM lifeguard.out_of_step('step."Odd ""Table"""');
SELECT rule FROM lifeguard.rules WHERE relation = 'step."Odd ""Table"""'::regclass;
SELECT lifeguard.drop_rule('step."Odd ""Table"""', 'keep_in_step a "b", ä = $1 %s ''x''');

-- a type's own equality is found whatever the path says; nobody's names get into a rule
CREATE FUNCTION step.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'always the same' $$;
SET search_path = step, pg_catalog;
INSERT INTO names (id, first, last) VALUES (5, 'Bo', 'Diddley') RETURNING slug;
RESET search_path;

-- what rules use cannot be dropped or renamed behind them
ALTER TABLE step.pools DROP COLUMN dollars;
\echo :SQLSTATE
ALTER TABLE step.pools RENAME COLUMN dollars TO money;
\echo :SQLSTATE
DROP TYPE step.mood;
\echo :SQLSTATE
ALTER TABLE step.names DROP COLUMN first;
\echo :SQLSTATE

-- taken back
SELECT lifeguard.drop_in_step('step.pools', 'dollars', 'whole');
\echo :SQLSTATE
SELECT lifeguard.drop_in_step('step.pools', 'whole', 'dollars');
UPDATE step.pools SET whole = 1, dollars = 2.5 WHERE id = 1 RETURNING whole, dollars;
SELECT lifeguard.drop_derived_column('step.names', 'label');
UPDATE step.names SET label = 'Free' WHERE id = 1 RETURNING label, slug;
CREATE TABLE step.plain (id int);
SELECT * FROM lifeguard.out_of_step('step.plain');

SET client_min_messages = warning;
DROP SCHEMA step CASCADE;
DROP ROLE regress_member;
