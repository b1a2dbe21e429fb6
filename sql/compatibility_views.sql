-- create_compatibility_view(), rename_table(), move_table(), undo_rename(): old clients see no difference, and all of it can be taken back.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE depot_owner;
CREATE ROLE depot_clerk;
CREATE ROLE "depot ""Odd"" role";
CREATE SCHEMA depot AUTHORIZATION depot_owner;
CREATE SCHEMA "depot new; --" AUTHORIZATION depot_owner;
GRANT USAGE ON SCHEMA depot, "depot new; --" TO depot_clerk, "depot ""Odd"" role";
-- what Supabase does: everything new is everybody's
ALTER DEFAULT PRIVILEGES FOR ROLE depot_owner IN SCHEMA depot GRANT ALL ON TABLES TO "depot ""Odd"" role";
SET ROLE depot_owner;
CREATE TABLE depot.parcels (id serial PRIMARY KEY, gone int, "We ""ight %s" numeric DEFAULT 1, place text, paid boolean NOT NULL DEFAULT false, twice numeric GENERATED ALWAYS AS ("We ""ight %s" * 2) STORED);
ALTER TABLE depot.parcels DROP gone;
REVOKE ALL ON depot.parcels FROM "depot ""Odd"" role";
GRANT SELECT, DELETE, TRUNCATE ON depot.parcels TO depot_clerk;
GRANT SELECT (id, place), UPDATE (paid) ON depot.parcels TO "depot ""Odd"" role" WITH GRANT OPTION;
GRANT INSERT, UPDATE ON depot.parcels TO depot_clerk WITH GRANT OPTION;
GRANT USAGE ON SEQUENCE depot.parcels_id_seq TO depot_clerk;
COMMENT ON TABLE depot.parcels IS 'it''s "all" parcels';
COMMENT ON COLUMN depot.parcels.place IS 'where it is';
ALTER TABLE depot.parcels ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_but_hidden ON depot.parcels USING (place IS DISTINCT FROM 'hidden') WITH CHECK (place IS DISTINCT FROM 'hidden');
INSERT INTO depot.parcels (place) VALUES ('here'), ('hidden');

SELECT lifeguard.create_compatibility_view('depot."Päckchen"', 'depot.parcels', '{"id": "id", "weight": "We \"ight %s", "location": "place", "is_paid": "paid", "double": "twice"}');
SELECT a.attname, a.atttypid::regtype, col_description(a.attrelid, a.attnum), c.reloptions, is_insertable_into FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, information_schema.tables WHERE attrelid = 'depot."Päckchen"'::regclass AND attnum > 0 AND table_name = 'Päckchen' ORDER BY attnum;
SELECT a.privilege_type, a.grantee::regrole, a.is_grantable, a.grantor::regrole FROM pg_class c, aclexplode(relacl) AS a WHERE c.oid = 'depot."Päckchen"'::regclass ORDER BY 2, 1;
SELECT attname, a.privilege_type, a.grantee::regrole, a.is_grantable FROM pg_attribute, aclexplode(attacl) AS a WHERE attrelid = 'depot."Päckchen"'::regclass ORDER BY 1, 2;
SELECT c.relowner::regrole, obj_description(c.oid, 'pg_class') FROM pg_class c WHERE c.oid = 'depot."Päckchen"'::regclass;
-- everything goes through it, under the caller's rights and policies
RESET ROLE;
SET ROLE depot_clerk;
INSERT INTO depot."Päckchen" (location) VALUES ('there') RETURNING *;
INSERT INTO depot."Päckchen" (id, location) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET location = excluded.location, is_paid = true RETURNING *;
INSERT INTO depot."Päckchen" (id) VALUES (1) ON CONFLICT DO NOTHING;
UPDATE depot."Päckchen" SET weight = 7 WHERE id = 1 RETURNING weight, double;
SELECT id, location FROM depot."Päckchen" WHERE id = 3 FOR UPDATE;
DELETE FROM depot."Päckchen" WHERE id = 3 RETURNING id;
UPDATE depot."Päckchen" SET location = 'hidden';
SELECT count(*) FROM depot."Päckchen";
RESET ROLE;
SET ROLE "depot ""Odd"" role";
SELECT id, location FROM depot."Päckchen";
SELECT weight FROM depot."Päckchen";
UPDATE depot."Päckchen" SET is_paid = false WHERE id = 1;
DELETE FROM depot."Päckchen";
RESET ROLE;
SET ROLE depot_owner;
-- an order of its own, one column twice
SELECT lifeguard.create_compatibility_view('ordered', 'depot.parcels', '[{"z": "place"}, {"a": "id"}, {"place": "place"}]');
INSERT INTO depot.ordered VALUES ('shelf', 50) RETURNING *;
UPDATE depot.ordered SET place = 'floor' WHERE a = 50 RETURNING *;
DROP VIEW depot.ordered;
DELETE FROM depot.parcels WHERE id = 50;

-- what cannot be
\set VERBOSITY terse
SELECT lifeguard.create_compatibility_view('depot.parcels', 'depot.parcels');
SELECT lifeguard.create_compatibility_view('depot.parcels_pkey', 'depot.parcels');
SELECT lifeguard.create_compatibility_view('nowhere.parcels', 'depot.parcels');
SELECT lifeguard.create_compatibility_view('a.b.c', 'depot.parcels');
SELECT lifeguard.create_compatibility_view('x; DROP TABLE depot.parcels', 'depot.parcels');
SELECT lifeguard.create_compatibility_view(NULL, 'depot.parcels');
SELECT lifeguard.create_compatibility_view('depot.' || repeat('n', 64), 'depot.parcels');
SELECT lifeguard.create_compatibility_view('depot.x', 'depot."Päckchen"');
SELECT lifeguard.create_compatibility_view('depot.x', NULL);
SELECT lifeguard.create_compatibility_view('depot.x', 'depot.parcels', '{"a": "none"}');
SELECT lifeguard.create_compatibility_view('depot.x', 'depot.parcels', '{"a": "ctid"}');
SELECT lifeguard.create_compatibility_view('depot.x', 'depot.parcels', '{"a": null}');
SELECT lifeguard.create_compatibility_view('depot.x', 'depot.parcels', '{}');
SELECT lifeguard.create_compatibility_view('depot.x', 'depot.parcels', '"id"');
SELECT lifeguard.create_compatibility_view('depot.x', 'depot.parcels', '["id"]');
SELECT lifeguard.create_compatibility_view('depot.x', 'depot.parcels', '[{"a": "id"}, {"a": "place"}]');
\set VERBOSITY default
SELECT lifeguard.create_compatibility_view('depot.x', 'depot.parcels', '{"": "id"}');
\set VERBOSITY terse
DROP VIEW depot."Päckchen";

-- renamed and moved: views and functions by either name go on
CREATE VIEW depot.places AS SELECT place FROM depot.parcels;
CREATE FUNCTION depot.add(text) RETURNS int LANGUAGE sql AS $$ INSERT INTO depot.parcels (place) VALUES ($1) RETURNING id $$;
SELECT lifeguard.rename_table('depot.parcels', 'It''s "parcels"');
SELECT lifeguard.rename_table('depot."It''s ""parcels"""', 'items');
SELECT lifeguard.move_table('depot.items', 'depot new; --');
SELECT relation, old_schema, old_name, view, by FROM lifeguard.renames ORDER BY id;
SELECT c.oid::regclass, c.relkind FROM pg_class c WHERE c.relnamespace::regnamespace::text LIKE '%depot%' ORDER BY c.oid::regclass::text COLLATE "C";
SELECT depot.add('by the oldest name');
SELECT place FROM depot.places ORDER BY 1;
SELECT count(*) FROM depot."It's ""parcels""";
RESET ROLE;
SET ROLE depot_clerk;
INSERT INTO depot.parcels (place) VALUES ('hidden');
INSERT INTO depot.parcels (place) VALUES ('by the clerk') RETURNING place, paid;
RESET ROLE;
-- taken back, the last first; a superuser may, and everything is as it was
SELECT lifeguard.undo_rename('"depot new; --".items');
SET ROLE depot_owner;
CREATE VIEW depot.built AS SELECT id FROM depot.parcels;
SELECT lifeguard.undo_rename('depot.items');
SELECT lifeguard.undo_rename('depot."It''s ""parcels"""');
DROP VIEW depot.built;
ALTER VIEW depot.parcels RENAME TO other;
SELECT lifeguard.undo_rename('depot."It''s ""parcels"""');
ALTER VIEW depot.other RENAME TO parcels;
SELECT lifeguard.undo_rename('depot."It''s ""parcels"""');
SELECT lifeguard.undo_rename('depot.parcels');
SELECT c.oid::regclass, c.relkind FROM pg_class c WHERE c.relnamespace::regnamespace::text LIKE '%depot%' ORDER BY c.oid::regclass::text COLLATE "C";
SELECT count(*) FROM lifeguard.renames;
SELECT depot.add('at last') IS NOT NULL AS added;
-- names that will not do, tables of others
SELECT lifeguard.rename_table('depot.parcels', 'parcels');
SELECT lifeguard.rename_table('depot.parcels', 'places');
SELECT lifeguard.rename_table('depot.parcels', NULL);
SELECT lifeguard.move_table('depot.parcels', 'nowhere');
SELECT lifeguard.rename_table('depot.places', 'x');
SELECT lifeguard.rename_table(NULL, 'x');
RESET ROLE;
SET ROLE depot_clerk;
SELECT lifeguard.rename_table('depot.parcels', 'mine');
SELECT lifeguard.create_compatibility_view('depot.mine', 'depot.parcels');
SELECT lifeguard.undo_rename('depot.parcels');
INSERT INTO lifeguard.renames (relation, old_schema, old_name, view) VALUES ('depot.parcels', 'pg_catalog', 'pg_class', 'depot.places');
RESET ROLE;
-- a register that its owner has forged leads a superuser nowhere
SET ROLE depot_owner;
INSERT INTO lifeguard.renames (relation, old_schema, old_name, view) VALUES ('depot.parcels', 'lifeguard', 'trap', 'depot.places');
RESET ROLE;
SELECT lifeguard.undo_rename('depot.parcels');
DELETE FROM lifeguard.renames;
-- partitions, identities, rules
CREATE TABLE depot.days (id int GENERATED ALWAYS AS IDENTITY, day int, state text, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
CREATE TABLE depot.day_1 PARTITION OF depot.days FOR VALUES IN (1);
SELECT lifeguard.create_lifecycle('depot.days', 'state', '{new}');
SELECT lifeguard.rename_table('depot.days', 'all_days');
INSERT INTO depot.days (day, state) VALUES (1, 'new') RETURNING *;
INSERT INTO depot.days (day, state) VALUES (1, 'bogus');
SELECT lifeguard.undo_rename('depot.all_days');
DROP SCHEMA depot, "depot new; --" CASCADE;
DROP ROLE depot_owner, depot_clerk, "depot ""Odd"" role";
