-- protect_columns: columns that change only when a condition holds, whichever way somebody goes about it.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_member;
CREATE ROLE regress_boss;
CREATE SCHEMA vault;
GRANT USAGE ON SCHEMA vault TO regress_member, regress_boss;
CREATE TABLE vault.people (id int PRIMARY KEY, name text, role text NOT NULL DEFAULT 'user', paid boolean NOT NULL DEFAULT false, secret text, twice int GENERATED ALWAYS AS (id * 2) STORED);

-- declarations
\set VERBOSITY sqlstate
SELECT lifeguard.protect_columns('vault.people', NULL);
SELECT lifeguard.protect_columns('vault.people', '{}');
SELECT lifeguard.protect_columns('vault.people', '{role,NULL}');
SELECT lifeguard.protect_columns('vault.people', '{nothing}');
SELECT lifeguard.protect_columns('vault.people', '{xmin}');
SELECT lifeguard.protect_columns('vault.people', '{role,role}');
SELECT lifeguard.protect_columns('vault.people', '{role}', 'new.nothing');
SELECT lifeguard.protect_columns('vault.people', '{role}', 'new.name');
SELECT lifeguard.protect_columns('vault.people', '{role}', 'new.twice = 2');
SELECT lifeguard.protect_columns(NULL, '{role}');
SELECT lifeguard.drop_protected_columns('vault.people');
SELECT lifeguard.drop_protected_columns('vault.people', '{}');
SELECT lifeguard.add_rule('vault.people', 'before', '{"kind": "protect_columns"}');
SELECT lifeguard.add_rule('vault.people', 'before', '{"kind": "protect_columns", "columns": "role"}');
SELECT lifeguard.add_rule('vault.people', 'after', '{"kind": "protect_columns", "columns": ["role"]}');
SET ROLE regress_member;
SELECT lifeguard.protect_columns('vault.people', '{role}');
SELECT lifeguard.drop_protected_columns('vault.people');
RESET ROLE;
\set VERBOSITY default
SELECT lifeguard.protect_columns('vault.people', '{twice}');
SELECT lifeguard.protect_columns('vault.people', '{role,paid}', 'current_setting(''vault.boss'', true) = ''yes''', 'ask the boss');
SELECT lifeguard.protect_columns('vault.people', '{paid}');
\echo :SQLSTATE
SELECT lifeguard.protect_columns('vault.people', '{secret,id}');
SELECT position, rule, kind, expression, message FROM lifeguard.rules WHERE relation = 'vault.people'::regclass;

-- INSERT: the default, given or left out, and nothing else; the columns that must be given are given
INSERT INTO vault.people (id, name) VALUES (1, 'ann');
INSERT INTO vault.people (id, name, role, paid, secret) VALUES (2, 'bob', 'user', false, NULL), (3, 'cy', DEFAULT, DEFAULT, DEFAULT);
INSERT INTO vault.people (id, role) VALUES (4, 'admin');
\echo :SQLSTATE
INSERT INTO vault.people (id, paid, role) VALUES (4, true, 'admin');
INSERT INTO vault.people (id, secret) VALUES (4, 'mine');
INSERT INTO vault.people (id, paid) SELECT n, n = 6 FROM generate_series(4, 6) AS n;
COPY vault.people (id, paid) FROM stdin;
7	t
\.
SELECT id FROM vault.people ORDER BY id;
SET vault.boss = yes;
INSERT INTO vault.people (id, role, paid) VALUES (4, 'admin', true);
INSERT INTO vault.people (id, secret) VALUES (5, 'even the boss');
\echo :SQLSTATE
RESET vault.boss;

-- UPDATE: another value is refused, the same one is not, and other columns are free
UPDATE vault.people SET role = 'admin' WHERE id = 1;
\echo :SQLSTATE
UPDATE vault.people SET role = 'user', paid = false, name = 'anna', secret = NULL, id = 1 WHERE id = 1;
UPDATE vault.people SET paid = true, role = 'admin', name = 'x' WHERE id = 1;
UPDATE vault.people SET role = DEFAULT WHERE id = 4;
UPDATE vault.people SET id = 9 WHERE id = 1;
UPDATE vault.people SET secret = '' WHERE id = 1;
UPDATE vault.people SET paid = NOT paid;
UPDATE vault.people p SET role = q.role FROM vault.people q WHERE q.id = 4 AND p.id = 1;
SET vault.boss = yes;
UPDATE vault.people SET role = 'admin' WHERE id = 2;
UPDATE vault.people SET role = 'admin', secret = 'x' WHERE id = 1;
-- false is not true, and null neither
SET vault.boss = no;
UPDATE vault.people SET role = 'user' WHERE id = 2;
RESET vault.boss;
SELECT lifeguard.drop_protected_columns('vault.people', '{role,paid}'), lifeguard.protect_columns('vault.people', '{role,paid}', 'nullif(true, true)');
UPDATE vault.people SET role = 'user' WHERE id = 2;
SELECT id, name, role, paid, secret FROM vault.people ORDER BY id;

-- ON CONFLICT, MERGE, a view, a function of the owner's, a chain of statements
INSERT INTO vault.people (id, name) VALUES (1, 'ann') ON CONFLICT (id) DO UPDATE SET role = 'admin';
\echo :SQLSTATE
INSERT INTO vault.people (id, role) VALUES (1, 'admin') ON CONFLICT DO NOTHING;
\echo :SQLSTATE
INSERT INTO vault.people (id, name) VALUES (1, 'ann') ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = people.role;
MERGE INTO vault.people p USING (VALUES (1, 'admin'), (8, 'user')) AS v(id, role) ON p.id = v.id
  WHEN MATCHED THEN UPDATE SET role = v.role WHEN NOT MATCHED THEN INSERT (id, role) VALUES (v.id, v.role);
\echo :SQLSTATE
MERGE INTO vault.people p USING (VALUES (1, 'user'), (8, 'admin')) AS v(id, role) ON p.id = v.id
  WHEN MATCHED THEN UPDATE SET role = v.role WHEN NOT MATCHED THEN INSERT (id, role) VALUES (v.id, v.role);
\echo :SQLSTATE
CREATE VIEW vault.roles AS SELECT id, role AS kind FROM vault.people;
UPDATE vault.roles SET kind = 'admin' WHERE id = 1;
\echo :SQLSTATE
INSERT INTO vault.roles VALUES (8, 'admin');
\echo :SQLSTATE
WITH changed AS (UPDATE vault.people SET role = 'admin' WHERE id = 1 RETURNING id) SELECT * FROM changed;
\echo :SQLSTATE
PREPARE forge(text) AS UPDATE vault.people SET role = $1 WHERE id = 1;
EXECUTE forge('user');
EXECUTE forge('admin');
\echo :SQLSTATE
DELETE FROM vault.people WHERE id = 3;
INSERT INTO vault.people (id, role) VALUES (3, 'admin');
\echo :SQLSTATE

-- what other triggers change before ours is seen; what is set after it, by the owner's own rules and triggers, is not asked
CREATE FUNCTION vault.promote() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.role := 'admin'; RETURN new; END $$;
CREATE TRIGGER a_promote BEFORE UPDATE ON vault.people FOR EACH ROW EXECUTE FUNCTION vault.promote();
UPDATE vault.people SET name = 'sly' WHERE id = 1;
\echo :SQLSTATE
ALTER TRIGGER a_promote ON vault.people RENAME TO z_promote;
UPDATE vault.people SET name = 'seen too late' WHERE id = 1 RETURNING role;
SELECT lifeguard.drop_protected_columns('vault.people', '{secret}'), lifeguard.protect_columns('vault.people', '{secret}');
DROP TRIGGER z_promote ON vault.people;
CREATE TABLE vault.orders (id int PRIMARY KEY, state text NOT NULL DEFAULT 'open', sent_at timestamptz, changed_at timestamptz);
SELECT lifeguard.create_lifecycle('vault.orders', 'state', '{open}'), lifeguard.add_transition('vault.orders', 'open', 'sent'), lifeguard.add_stamp('vault.orders', 'sent', 'sent_at', 'now()'),
       lifeguard.keep_updated_at('vault.orders', 'changed_at'), lifeguard.protect_columns('vault.orders', '{sent_at,changed_at}');
INSERT INTO vault.orders VALUES (1);
\set VERBOSITY terse
UPDATE vault.orders SET state = 'sent', sent_at = now() WHERE id = 1;
\echo :SQLSTATE
UPDATE vault.orders SET state = 'sent' WHERE id = 1 RETURNING sent_at = now() AS stamped, changed_at = now() AS kept;
UPDATE vault.orders SET sent_at = NULL;
\echo :SQLSTATE
UPDATE vault.orders SET changed_at = NULL;
\echo :SQLSTATE
\set VERBOSITY default

-- the condition: old and new, also of creation; it runs as the owner, past row security, and nobody's names get into it
CREATE TABLE vault.bosses (who name);
INSERT INTO vault.bosses VALUES ('regress_boss');
ALTER TABLE vault.bosses ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION vault.who() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('vault.who', true) $$;
CREATE TABLE vault.pay (id int PRIMARY KEY, cents int NOT NULL DEFAULT 0, note text);
GRANT SELECT, INSERT, UPDATE, DELETE ON vault.pay TO regress_member, regress_boss;
SELECT lifeguard.protect_columns('vault.pay', '{cents}', 'old.id IS NOT NULL AND new.cents > old.cents AND EXISTS (SELECT FROM vault.bosses b WHERE b.who = vault.who())');
SET ROLE regress_member;
CREATE FUNCTION pg_temp.who() RETURNS text LANGUAGE sql AS $$ SELECT 'regress_boss' $$;
CREATE TEMP TABLE bosses AS SELECT 'regress_member'::name AS who;
SET vault.who = 'regress_member';
INSERT INTO vault.pay VALUES (1, 0, 'x');
INSERT INTO vault.pay VALUES (2, 5);
\echo :SQLSTATE
UPDATE vault.pay SET cents = 5 WHERE id = 1;
\echo :SQLSTATE
SET vault.who = 'regress_boss';
UPDATE vault.pay SET cents = 5 WHERE id = 1;
UPDATE vault.pay SET cents = 4 WHERE id = 1;
\echo :SQLSTATE
RESET ROLE;
RESET vault.who;

-- the DETAIL is for programs, and tells nobody what he may not select
DO $$
DECLARE
  detail text;
  hint text;
BEGIN
  UPDATE vault.people SET role = 'user', paid = true, secret = NULL WHERE id = 4;
EXCEPTION WHEN SQLSTATE 'LG006' THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RAISE NOTICE '% / %', jsonb_pretty(detail::jsonb), hint;
END $$;
GRANT SELECT (id, role), UPDATE ON vault.people TO regress_member;
CREATE TABLE vault.hidden (id int PRIMARY KEY, pin text, open text);
INSERT INTO vault.hidden VALUES (1, '1234', 'o');
SELECT lifeguard.protect_columns('vault.hidden', '{pin,open}');
GRANT SELECT (id, open), UPDATE ON vault.hidden TO regress_member;
SET ROLE regress_member;
UPDATE vault.hidden SET pin = 'x', open = 'x';
RESET ROLE;
ALTER TABLE vault.hidden ENABLE ROW LEVEL SECURITY;
CREATE POLICY blind ON vault.hidden FOR UPDATE TO regress_member USING (true);
SET ROLE regress_member;
UPDATE vault.hidden SET open = 'x';
RESET ROLE;
-- long values are cut
UPDATE vault.hidden SET open = repeat('ä', 300) WHERE id = 1;

-- what is the same value is the type's to say; where it says nothing, the bytes do
CREATE TABLE vault.kinds (id int PRIMARY KEY, n numeric DEFAULT 1.0, f float8 DEFAULT '-0', j json DEFAULT '{"a":1}', b jsonb DEFAULT '{"a": 1}', p point DEFAULT '(0,0)', a int[] DEFAULT '{1}', r int4range DEFAULT '[1,3)', c vault.pay,
                          ci text COLLATE "C" DEFAULT 'x', ch char(5) DEFAULT 'x', big text, bits bit varying DEFAULT B'1', u uuid, who name DEFAULT current_user, at timestamptz DEFAULT now(), x xml);
SELECT lifeguard.protect_columns('vault.kinds', '{n,f,j,b,p,a,r,c,ci,ch,big,bits,u,who,at,x}');
GRANT SELECT, INSERT, UPDATE ON vault.kinds TO regress_member;
INSERT INTO vault.kinds (id) VALUES (1);
SET ROLE regress_member;
-- a default is the caller's, who the server evaluated it for
INSERT INTO vault.kinds (id) VALUES (2) RETURNING who;
INSERT INTO vault.kinds (id, who) VALUES (3, 'regress_boss');
\echo :SQLSTATE
RESET ROLE;
\set VERBOSITY terse
INSERT INTO vault.kinds (id, at) VALUES (3, now() - interval '1 s');
\echo :SQLSTATE
INSERT INTO vault.kinds (id, at, n, f, b, ch, a, j, p) VALUES (3, now(), 1.00, 0, '{"a":1}', 'x  ', '{1}', '{"a":1}', '(0,0)');
UPDATE vault.kinds SET n = 1.000, f = 0, b = '{ "a": 1 }', ch = 'x ', a = ARRAY[1], r = '[1,2]', j = '{"a":1}', p = '(0,0)', c = NULL WHERE id = 1;
DO $$
DECLARE
  change text;
BEGIN
  FOREACH change IN ARRAY '{n = 1.01, n = ''NaN'', f = 1, f = NULL, "j = ''{\"a\": 1}''", "b = ''{\"a\": 2}''", "p = ''(0,1)''", "a = ''{1,NULL}''", "r = ''[1,4)''", "c = ROW(1, 2, ''n'')", ci = ''X'', ch = ''X'', "bits = B''10''", u = gen_random_uuid(), who = ''me'', at = at + interval ''1 us'', "x = ''<a/>''"}'::text[] LOOP
    BEGIN
      EXECUTE format('UPDATE vault.kinds SET %s WHERE id = 1', change);
      RAISE NOTICE 'not refused: %', change;
    EXCEPTION WHEN SQLSTATE 'LG006' THEN NULL;
    END;
  END LOOP;
END $$;
SELECT lifeguard.drop_protected_columns('vault.kinds', '{n,f,c,big}');
UPDATE vault.kinds SET n = 'NaN', f = 'NaN', c = ROW(1, 2, NULL), big = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 2000) AS n) WHERE id = 1;
SELECT lifeguard.protect_columns('vault.kinds', '{n,f,c,big}');
UPDATE vault.kinds SET n = 'NaN', f = 'NaN', c = ROW(1, 2, NULL) WHERE id = 1;
-- a big value that lies in its TOAST table: left alone, written as it was, and changed in its last letter
UPDATE vault.kinds SET x = x WHERE id = 1;
UPDATE vault.kinds SET big = big || '' WHERE id = 1;
UPDATE vault.kinds SET big = left(big, -1) || 'z' WHERE id = 1;
\echo :SQLSTATE
\set VERBOSITY default
-- a type's own equality, in a language that looks names up: it finds the server's, whatever the caller's path says
CREATE TYPE vault.word AS (w text);
CREATE FUNCTION vault.same(one vault.word, other vault.word) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN lower(one.w) = lower(other.w); END $$;
CREATE FUNCTION vault.compare(one vault.word, other vault.word) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT bttextcmp(lower(one.w), lower(other.w)) $$;
CREATE OPERATOR vault.= (LEFTARG = vault.word, RIGHTARG = vault.word, FUNCTION = vault.same, COMMUTATOR = OPERATOR(vault.=));
CREATE OPERATOR CLASS vault.word_ops DEFAULT FOR TYPE vault.word USING btree AS OPERATOR 3 vault.=, FUNCTION 1 vault.compare(vault.word, vault.word);
CREATE TABLE vault.words (w vault.word);
INSERT INTO vault.words VALUES (ROW('a'));
SELECT lifeguard.protect_columns('vault.words', '{w}');
CREATE FUNCTION vault.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'always the same' $$;
SET search_path = vault, pg_catalog;
UPDATE vault.words SET w = ROW('A');
UPDATE vault.words SET w = ROW('b');
\echo :SQLSTATE
RESET search_path;
-- names that need quotes, in declarations, messages and the DETAIL
CREATE TABLE vault."Odd ""Table""" ("Key, one" int PRIMARY KEY, "a ""b"", ä" text, role text);
SELECT lifeguard.protect_columns('vault."Odd ""Table"""', ARRAY['a "b", ä', 'role']::name[], NULL, '50% of "this"');
INSERT INTO vault."Odd ""Table""" VALUES (1);
UPDATE vault."Odd ""Table""" SET "a ""b"", ä" = '"', role = '\\';
SELECT rule FROM lifeguard.rules WHERE relation = 'vault."Odd ""Table"""'::regclass;
SELECT lifeguard.drop_protected_columns('vault."Odd ""Table"""', ARRAY['a "b", ä']::name[]);
UPDATE vault."Odd ""Table""" SET "a ""b"", ä" = '"';
-- domains are as what they are over, and may have a default of their own
CREATE DOMAIN vault.cents AS int DEFAULT 7;
CREATE TABLE vault.domains (id int, c vault.cents, t int NOT NULL, s serial, g int GENERATED BY DEFAULT AS IDENTITY, v uuid DEFAULT gen_random_uuid());
SELECT lifeguard.protect_columns('vault.domains', '{c,t,s,g,v}');
INSERT INTO vault.domains (id, t) VALUES (1, 1);
INSERT INTO vault.domains (id, c, t) VALUES (2, 7, 1);
INSERT INTO vault.domains (id, c, t) VALUES (3, NULL, 1);
\echo :SQLSTATE
-- a default that is another for each row cannot be told from a value that is given: only changes are refused
INSERT INTO vault.domains (id, t, s, g, v) VALUES (4, 1, 100, 100, gen_random_uuid());
UPDATE vault.domains SET s = 101 WHERE id = 4;
\echo :SQLSTATE
UPDATE vault.domains SET t = 2 WHERE id = 4;
\echo :SQLSTATE
-- the default is today's
ALTER TABLE vault.people ALTER role SET DEFAULT 'guest';
INSERT INTO vault.people (id) VALUES (20) RETURNING role;
INSERT INTO vault.people (id, role) VALUES (21, 'user');
\echo :SQLSTATE
ALTER TABLE vault.people ALTER role DROP DEFAULT;
INSERT INTO vault.people (id, role) VALUES (21, 'admin') RETURNING role;

-- several rules, taken back one by one; a column that is protected stays where it is, under its name
SELECT lifeguard.drop_protected_columns('vault.people', '{name}');
\echo :SQLSTATE
SELECT lifeguard.drop_protected_columns('vault.people', '{secret,paid}');
SELECT rule FROM lifeguard.rules WHERE relation = 'vault.people'::regclass;
UPDATE vault.people SET secret = 'free', paid = true WHERE id = 1;
UPDATE vault.people SET role = 'free' WHERE id = 1;
\echo :SQLSTATE
ALTER TABLE vault.people DROP COLUMN role;
\echo :SQLSTATE
ALTER TABLE vault.people RENAME COLUMN role TO kind;
\echo :SQLSTATE
ALTER TABLE vault.people ALTER role TYPE varchar(20);
UPDATE vault.people SET role = 'free' WHERE id = 1;
\echo :SQLSTATE
SELECT lifeguard.drop_rule('vault.people', 'protect_columns id');
SELECT lifeguard.drop_protected_columns('vault.people');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'vault.people'::regclass AND NOT tgisinternal;

-- a replica takes rows as they come
SET session_replication_role = replica;
UPDATE vault.pay SET cents = 1 WHERE id = 1;
RESET session_replication_role;

-- partitions: the rule is everybody's, also where columns stand in another order; a row that moves takes its values along
CREATE TABLE vault.parts (id int, day int, paid boolean NOT NULL DEFAULT false, ref text) PARTITION BY LIST (day);
CREATE TABLE vault.part1 PARTITION OF vault.parts FOR VALUES IN (1);
CREATE TABLE vault.part2 (ref text, hole int, paid boolean NOT NULL DEFAULT false, day int, id int);
ALTER TABLE vault.part2 DROP COLUMN hole;
ALTER TABLE vault.parts ATTACH PARTITION vault.part2 FOR VALUES IN (2);
SELECT lifeguard.protect_columns('vault.parts', '{paid,ref}', 'vault.who() = ''boss''');
INSERT INTO vault.parts VALUES (1, 1, true);
\echo :SQLSTATE
INSERT INTO vault.part2 (id, day, paid) VALUES (1, 2, true);
\echo :SQLSTATE
INSERT INTO vault.parts VALUES (1, 1);
SET vault.who = 'boss';
UPDATE vault.parts SET paid = true, ref = 'r';
RESET vault.who;
UPDATE vault.parts SET day = 2 RETURNING tableoid::regclass, *;
UPDATE vault.parts SET day = 1, paid = false;
\echo :SQLSTATE
UPDATE vault.part2 SET paid = false;
\echo :SQLSTATE
CREATE TRIGGER a_forge BEFORE INSERT ON vault.part1 FOR EACH ROW EXECUTE FUNCTION vault.promote();
CREATE OR REPLACE FUNCTION vault.promote() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.ref := 'forged'; RETURN new; END $$;
UPDATE vault.parts SET day = 1;
\echo :SQLSTATE
DROP TRIGGER a_forge ON vault.part1;
-- a partition's own default is one too
ALTER TABLE vault.part1 ALTER ref SET DEFAULT 'here';
INSERT INTO vault.parts (id, day) VALUES (2, 1) RETURNING ref;
INSERT INTO vault.part1 (id, day) VALUES (3, 1) RETURNING ref;
SELECT lifeguard.drop_protected_columns('vault.part1');
\echo :SQLSTATE

-- inheritance: triggers stay with their table, so each child declares its own
CREATE TABLE vault.child () INHERITS (vault.pay);
INSERT INTO vault.child VALUES (50, 1);
UPDATE vault.pay SET cents = 2 WHERE id = 50;
SELECT lifeguard.protect_columns('vault.child', '{cents}');
UPDATE vault.pay SET cents = 3 WHERE id = 50;
\echo :SQLSTATE

-- what a foreign key does is an update like any other
CREATE TABLE vault.refs (id int PRIMARY KEY, pay int REFERENCES vault.pay ON DELETE SET NULL);
INSERT INTO vault.refs VALUES (1, 1);
SELECT lifeguard.protect_columns('vault.refs', '{pay}');
DELETE FROM vault.pay WHERE id = 1;
\echo :SQLSTATE
-- a rule by hand that names no array is shown, not obeyed
CREATE TABLE vault.broken (id int);
SET client_min_messages = error;
CREATE TRIGGER lifeguard_before BEFORE UPDATE ON vault.broken FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('{"kind": "protect_columns", "columns": {"id": 1}}');
SELECT rule, kind FROM lifeguard.rules WHERE relation = 'vault.broken'::regclass;

SET client_min_messages = warning;
DROP SCHEMA vault CASCADE;
DROP OWNED BY regress_member;
DROP ROLE regress_member, regress_boss;
