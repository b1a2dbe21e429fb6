-- introduce_constraint(), violations(), validate_constraints(), withdraw_constraint(): new rows keep it at once, old ones are listed, and in the end it is valid.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE kennel_owner;
CREATE ROLE kennel_other;
CREATE SCHEMA kennel AUTHORIZATION kennel_owner;
GRANT USAGE ON SCHEMA kennel TO kennel_other;
SET ROLE kennel_owner;
CREATE TABLE kennel.owners (id int PRIMARY KEY, code text, year int, UNIQUE (code, year));
CREATE TABLE kennel.dogs (id int PRIMARY KEY, name text, owner int, code text, year int, "We ""ight" int, days int4range);
INSERT INTO kennel.owners VALUES (1, 'a', 2020), (2, 'b', 2021);
INSERT INTO kennel.dogs VALUES (1, 'Rex', 1, 'a', 2020, 10, '[1,5)'), (2, 'Rex', 7, 'a', NULL, -3, '[3,8)'), (3, NULL, NULL, NULL, NULL, 5, '[9,12)'),
  (4, NULL, 9, 'z', 2020, NULL, '[4,5)'), (5, 'Bo', 2, NULL, NULL, 0, NULL);

-- CHECK, NOT NULL, FOREIGN KEY: new rows keep them
SELECT lifeguard.introduce_constraint('kennel.dogs', 'weight', 'CHECK ("We ""ight" >= 0)');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'named; "it''s" %s', 'NOT NULL name');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'owned', 'FOREIGN KEY (owner) REFERENCES kennel.owners ON DELETE CASCADE');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'simple', 'FOREIGN KEY (code, year) REFERENCES kennel.owners (code, year)');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'full', 'FOREIGN KEY (code, year) REFERENCES kennel.owners (code, year) MATCH FULL NOT VALID');
ALTER TABLE kennel.dogs ADD CONSTRAINT by_hand CHECK (id <> 5) NOT VALID;
INSERT INTO kennel.dogs (id, name, "We ""ight") VALUES (10, 'x', -1);
INSERT INTO kennel.dogs (id) VALUES (10);
INSERT INTO kennel.dogs (id, name, owner) VALUES (10, 'x', 77);
SELECT * FROM lifeguard.violations('kennel.dogs') ORDER BY 2, 3;

-- UNIQUE and EXCLUDE: an index without the rows that an earlier one meets
SELECT lifeguard.introduce_constraint('kennel.dogs', 'one_name', 'UNIQUE (name)');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'one_code', 'unique nulls not distinct (code, year) include (name)');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'one_light', 'UNIQUE (lower(name)) WHERE ("We ""ight" < 100)');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'no_overlap', 'EXCLUDE USING gist (days WITH &&) WHERE (id < 100) DEFERRABLE INITIALLY DEFERRED');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'apart', 'EXCLUDE USING gist (days WITH -|-)');
SELECT indexrelid::regclass, pg_get_expr(indpred, indrelid) FROM pg_index WHERE indrelid = 'kennel.dogs'::regclass ORDER BY 1;
SELECT constraint_name, kind, exempt FROM lifeguard.introduced_constraints WHERE parts IS NOT NULL ORDER BY 1;
SELECT constraint_name, array_agg(row_key ->> 'id' ORDER BY row_key ->> 'id'), (array_agg(row_values ORDER BY row_key ->> 'id'))[1] AS one FROM lifeguard.violations('kennel.dogs')
 WHERE constraint_name IN ('one_name', 'one_code', 'one_light', 'no_overlap', 'apart') GROUP BY 1 ORDER BY 1;
INSERT INTO kennel.dogs (id, name) VALUES (10, 'Bo');     -- one of the others again
INSERT INTO kennel.dogs (id, name) VALUES (10, 'Rex');    -- and one of the first of the duplicates
INSERT INTO kennel.dogs (id, name) VALUES (10, 'REX');
INSERT INTO kennel.dogs (id, name, code, year, days) VALUES (10, 'Lassie', 'k', 1, '[10,11)');
-- the same again, and another
SELECT constraint_name, lifeguard.introduce_constraint(relation, constraint_name, definition) FROM lifeguard.introduced_constraints ORDER BY 1;
\set VERBOSITY default
SELECT lifeguard.introduce_constraint('kennel.dogs', 'one_name', 'UNIQUE (owner)');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'by_hand', 'CHECK (true)');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'p', 'PRIMARY KEY (id)');
\set VERBOSITY terse
SELECT lifeguard.introduce_constraint('kennel.dogs', NULL, 'UNIQUE (owner)');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'x', NULL);
SELECT lifeguard.introduce_constraint(NULL, 'x', 'UNIQUE (a)');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'x', 'UNIQUE (nothing)');
SELECT lifeguard.introduce_constraint('kennel.dogs', 'x', 'CHECK (no_such_function(id))');
SELECT count(*) FROM lifeguard.introduced_constraints;

-- what can be validated is, what cannot is counted, and none stops the others
SELECT * FROM lifeguard.validate_constraints('kennel.dogs');
UPDATE kennel.dogs SET "We ""ight" = 3, owner = 1, code = NULL, year = NULL WHERE id IN (2, 4);
UPDATE kennel.dogs SET name = 'Dog ' || id WHERE name IS NULL OR id = 2;
SELECT * FROM lifeguard.validate_constraints('kennel.dogs');
DELETE FROM kennel.dogs WHERE id IN (2, 4, 5);
UPDATE kennel.dogs SET code = 'b', year = 2021 WHERE id > 2;
UPDATE kennel.dogs SET code = 'a', year = 2020 WHERE id = 10;
SELECT constraint_name, outcome FROM lifeguard.validate_constraints('kennel.dogs') WHERE outcome <> 'already valid';
DELETE FROM kennel.dogs WHERE id = 10;
SELECT constraint_name, outcome FROM lifeguard.validate_constraints() WHERE outcome <> 'already valid';
SELECT outcome, count(*) FROM lifeguard.validate_constraints() GROUP BY 1;
SELECT conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'kennel.dogs'::regclass ORDER BY 1;
SELECT indexrelid::regclass, pg_get_expr(indpred, indrelid) FROM pg_index WHERE indrelid = 'kennel.dogs'::regclass ORDER BY 1;
SELECT * FROM lifeguard.violations();
-- and withdrawn: constraint or index, valid or not
SELECT lifeguard.withdraw_constraint(relation, constraint_name) FROM lifeguard.introduced_constraints;
SELECT conname FROM pg_constraint WHERE conrelid = 'kennel.dogs'::regclass ORDER BY 1;
SELECT count(*) FROM pg_index WHERE indrelid = 'kennel.dogs'::regclass;
SELECT lifeguard.withdraw_constraint('kennel.dogs', 'one_name');

-- an empty table keeps it at once; more than a hundred rows, or no key of one column, have it wait
CREATE TABLE kennel.visits (dog int, day int, note text);
SELECT lifeguard.introduce_constraint('kennel.visits', 'day', 'CHECK (day > 0)'), lifeguard.introduce_constraint('kennel.visits', 'dog', 'FOREIGN KEY (dog) REFERENCES kennel.dogs');
INSERT INTO kennel.visits VALUES (1, 1, 'a'), (1, 1, 'b');
SELECT lifeguard.introduce_constraint('kennel.visits', 'once', 'UNIQUE (dog, day)');
SELECT * FROM lifeguard.violations('kennel.visits');
CREATE TABLE kennel.many AS SELECT n AS id, n / 2 AS half FROM generate_series(0, 101) AS n;
ALTER TABLE kennel.many ADD PRIMARY KEY (id);
SELECT lifeguard.introduce_constraint('kennel.many', 'halves', 'UNIQUE (half)');
SELECT count(*) FROM lifeguard.violations('kennel.many');
DELETE FROM kennel.many WHERE id > 99;
SELECT lifeguard.withdraw_constraint('kennel.many', 'halves');
SELECT lifeguard.introduce_constraint('kennel.many', 'halves', 'UNIQUE (half)');
DELETE FROM kennel.many WHERE id % 2 = 1;
DELETE FROM kennel.visits WHERE note = 'b';
SELECT * FROM lifeguard.validate_constraints();
-- keys of any text, columns of any name, conditions over the whole row
CREATE TABLE kennel.codes (k text PRIMARY KEY, c int, e int, t int, i int, k1 int, b int, later int, from_day date, to_day date);
INSERT INTO kennel.codes VALUES ('{a,"b"}', 1, 1, 1, 1, 1, 1, 1, '2025-01-01', '2025-01-07'), ('it''s \ %s', 1, 1, 1, 1, 1, 1, 1, '2025-01-07', '2025-01-08'), ('NULL', 2, 2, 2, 2, 2, 2, 2, '2025-02-01', NULL),
  ('', 1, 1, 1, 1, 1, 1, 1, '2025-01-08', '2025-01-09');
CREATE FUNCTION kennel.is_well(kennel.codes) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.c > 1';
SELECT lifeguard.introduce_constraint('kennel.codes', 'odd', 'UNIQUE (c, e, t, i, k1, b, later)'), lifeguard.introduce_constraint('kennel.codes', 'names', 'CHECK (c + e + t + i + k1 + b + later > 7)'),
       lifeguard.introduce_constraint('kennel.codes', 'well', 'CHECK (kennel.is_well(codes))'), lifeguard.introduce_constraint('kennel.codes', 'no_overlap', 'EXCLUDE USING gist (daterange(from_day, to_day, ''[]'') WITH &&)');
SELECT constraint_name, exempt FROM lifeguard.introduced_constraints WHERE relation = 'kennel.codes'::regclass AND exempt IS NOT NULL ORDER BY 1;
SELECT constraint_name, row_key, row_values FROM lifeguard.violations('kennel.codes') ORDER BY 1, row_key::text COLLATE "C";
INSERT INTO kennel.codes VALUES ('x', 1, 1, 1, 1, 1, 1, 1);
DROP TABLE kennel.codes CASCADE;
-- dropped by hand: told, and made again when it is introduced again
ALTER TABLE kennel.visits DROP CONSTRAINT day;
SELECT * FROM lifeguard.validate_constraints('kennel.visits') WHERE constraint_name = 'day';
SELECT lifeguard.introduce_constraint('kennel.visits', 'day', 'CHECK (day > 0)');

-- partitions
CREATE TABLE kennel.walks (id int, day int, dog int, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
CREATE TABLE kennel.walks_1 PARTITION OF kennel.walks FOR VALUES IN (1);
CREATE TABLE kennel.walks_2 PARTITION OF kennel.walks FOR VALUES IN (2);
INSERT INTO kennel.walks VALUES (1, 1, -1), (1, 2, 1), (2, 2, 1), (3, 2, 1);
SELECT lifeguard.introduce_constraint('kennel.walks', 'real_dog', 'CHECK (dog > 0)');
SELECT lifeguard.introduce_constraint('kennel.walks', 'one_walk', 'UNIQUE (dog, day)');
SELECT * FROM lifeguard.violations('kennel.walks') ORDER BY 2, 3;
DELETE FROM kennel.walks WHERE dog < 0 OR id = 3 OR id = 2;
SELECT * FROM lifeguard.validate_constraints('kennel.walks');

-- a function on the table runs as its owner, also for a superuser; what fails does not stop the others
CREATE FUNCTION kennel.who(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF current_user <> 'kennel_owner' THEN RAISE WARNING 'evaluated by %', current_user; END IF; RETURN true; END $$;
CREATE FUNCTION kennel.fails(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'not today'; END $$;
CREATE TABLE kennel.traps (id int PRIMARY KEY, n int);
INSERT INTO kennel.traps VALUES (1, 1);
SELECT lifeguard.introduce_constraint('kennel.traps', 'asks', 'CHECK (kennel.who(n))'), lifeguard.introduce_constraint('kennel.traps', 'breaks', 'CHECK (kennel.fails(n))');
RESET ROLE;
SELECT lifeguard.introduce_constraint('kennel.traps', 'asks_index', 'EXCLUDE USING btree (kennel.who(n) WITH =)');
SELECT * FROM lifeguard.violations('kennel.traps');
SELECT * FROM lifeguard.validate_constraints('kennel.traps');
-- of a superuser's table with somebody else's function: refused
ALTER TABLE kennel.traps OWNER TO CURRENT_USER;
SELECT * FROM lifeguard.validate_constraints('kennel.traps') WHERE constraint_name = 'breaks';
-- policies, also forced ones, hide nothing
ALTER TABLE kennel.visits ADD CONSTRAINT no_note CHECK (note IS NULL) NOT VALID;
ALTER TABLE kennel.visits ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT * FROM lifeguard.violations('kennel.visits');
SET ROLE kennel_owner;
SELECT * FROM lifeguard.violations('kennel.visits');
-- others
RESET ROLE;
SET ROLE kennel_other;
SELECT lifeguard.introduce_constraint('kennel.dogs', 'weight', 'CHECK (true)');
SELECT * FROM lifeguard.violations('kennel.dogs');
SELECT * FROM lifeguard.violations();
SELECT * FROM lifeguard.validate_constraints('kennel.dogs');
SELECT lifeguard.withdraw_constraint('kennel.visits', 'once');
DELETE FROM lifeguard.introduced_constraints;
INSERT INTO lifeguard.introduced_constraints (relation, constraint_name, kind, definition) VALUES ('kennel.dogs', 'x', 'check', 'CHECK (true)');
RESET ROLE;
GRANT kennel_owner TO kennel_other;
SET ROLE kennel_other;
SELECT * FROM lifeguard.validate_constraints('kennel.visits') WHERE constraint_name = 'no_note';
RESET ROLE;
DELETE FROM lifeguard.introduced_constraints;
DROP SCHEMA kennel CASCADE;
DROP ROLE kennel_owner, kennel_other;
