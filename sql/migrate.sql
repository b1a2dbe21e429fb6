-- migrate(), try_migration(): a script is applied once; when a check finds more after it than before, all of it is taken back.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE ship_captain;
CREATE ROLE ship_mate;
CREATE SCHEMA ship AUTHORIZATION ship_captain;
CREATE FUNCTION pg_temp.applied(jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT $1 - '{checksum,seconds,applied_at}'::text[] $$;
CREATE FUNCTION pg_temp.failing(text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE detail text; hint text;
BEGIN
  EXECUTE $1;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN NEXT SQLSTATE || ' ' || SQLERRM;
  RETURN NEXT detail;
  RETURN NEXT hint;
END $$;
-- statements of a script
SELECT number, line, statement FROM lifeguard.split_statements($script$-- a; b
SELECT 'a;b', E'it\'s; \\', 'c:\', "q;x" ; /* ; /* nested; */ ' ; */ CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;
CREATE OR REPLACE FUNCTION g(a int DEFAULT (1)) RETURNS int LANGUAGE sql AS $b$ SELECT ';$$' $c$ ; $b$; DO $$ BEGIN; 'x $$;
;;
CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT a$b$, $1;  -- end
  SELECT $a$ $a $$ $a$ || 'x''; ' || E'a'';\'' ; SELECT naïve$x, U&"\0441;" ; last $un;finished$script$);
SELECT count(*) FROM lifeguard.split_statements(NULL);
SELECT count(*) FROM lifeguard.split_statements('  -- nothing
 ; /* at all */ ;');

-- once; names are looked up under the caller's path, and what the script sets holds for the rest of it
SET search_path = ship, public;
SELECT count(*) AS runs FROM monitoring.check_runs \gset
SELECT pg_temp.applied(lifeguard.migrate('001 orders', $$
CREATE TABLE orders (id int PRIMARY KEY, total int); -- here; there
INSERT INTO orders VALUES (1, 10);
CREATE FUNCTION total(int) RETURNS bigint LANGUAGE sql AS 'SELECT sum(total) FROM ship.orders WHERE id = $1';
$$));
SELECT pg_temp.applied(lifeguard.migrate('001 orders', $$
CREATE TABLE orders (id int PRIMARY KEY, total int); -- here; there
INSERT INTO orders VALUES (1, 10);
CREATE FUNCTION total(int) RETURNS bigint LANGUAGE sql AS 'SELECT sum(total) FROM ship.orders WHERE id = $1';
$$));
SELECT * FROM orders;
SELECT regexp_replace(regexp_replace(f, '[0-9a-f]{64}', 'SUM', 'g'), '\d{4}-[-\d:+ .T]*|(?<= at ).*(?= with )', 'TIME', 'g') FROM pg_temp.failing($$SELECT lifeguard.migrate('001 orders', 'SELECT 1')$$) AS f;
-- nothing is kept of a try
SELECT pg_temp.applied(lifeguard.try_migration('002 names', 'ALTER TABLE orders RENAME TO "It''s %s"; ALTER TABLE "It''s %s" RENAME total TO dollars; ALTER FUNCTION total(int) RENAME TO sum_of'));
SELECT * FROM orders;
-- old names and new ones
SELECT pg_temp.applied(lifeguard.migrate('002 names', 'ALTER TABLE orders RENAME TO "It''s %s"; ALTER TABLE "It''s %s" RENAME total TO dollars; DROP FUNCTION total(int); SET search_path = pg_temp, pg_catalog; ALTER TABLE ship."It''s %s" SET SCHEMA public')) -> 'renames';
SHOW search_path;
SET search_path = ship, public;
SELECT pg_temp.applied(lifeguard.migrate('003 back', 'ALTER TABLE public."It''s %s" SET SCHEMA ship; ALTER TABLE "It''s %s" RENAME TO orders; ALTER TABLE orders RENAME dollars TO total'));
SELECT name, position - min(position) OVER () AS position, applied_by, took > '0' AS took, checks_before -> 'broken_functions' AS before, checks_after -> 'broken_functions' AS after, accepted, length(checksum), jsonb_array_length(renames) AS renames
  FROM lifeguard.migrations ORDER BY position;

-- what becomes worse is refused, all of it; and can be accepted
SELECT * FROM pg_temp.failing($$SELECT lifeguard.migrate('004 worse', 'UPDATE orders SET total = 20; CREATE TABLE ship.no_key (a int); ALTER TABLE orders ADD CONSTRAINT many CHECK (total > 100) NOT VALID')$$);
SELECT total FROM orders;
SELECT to_regclass('ship.no_key');
SELECT pg_temp.applied(lifeguard.try_migration('004 worse', 'CREATE TABLE ship.no_key (a int)'));
SELECT pg_temp.applied(lifeguard.try_migration('004 worse', 'CREATE TABLE ship.no_key (a int)', '{tables_without_primary_key}')) -> 'status';
SELECT pg_temp.applied(lifeguard.migrate('004 worse', 'CREATE TABLE ship.no_key (a int)', '{tables_without_primary_key}'));
-- what was wrong before is no reason, under whatever name it goes; what is more severe is one
SELECT pg_temp.applied(lifeguard.migrate('005 as before', 'ALTER TABLE ship.no_key RENAME TO still_none'));
ALTER TABLE ship.orders ADD CONSTRAINT many CHECK (total > 5) NOT VALID;
SELECT pg_temp.failing($$SELECT lifeguard.migrate('006 more', 'UPDATE orders SET total = total; ALTER TABLE orders DROP CONSTRAINT many; ALTER TABLE orders ADD CONSTRAINT many CHECK (total > 50) NOT VALID')$$) LIMIT 1;
ALTER TABLE ship.orders DROP CONSTRAINT many;
SELECT count(*) - :runs AS runs_kept FROM monitoring.check_runs;

-- errors: which statement, which line; nothing was done
SELECT * FROM pg_temp.failing($$SELECT lifeguard.migrate('007 error', E'UPDATE orders SET total = 99;\n\n  -- then\n  UPDATE orders SET "it''s" = 1;\nSELECT 1')$$);
SELECT pg_temp.failing($$SELECT lifeguard.migrate('007 error', 'SELECT 1; SELEC 2')$$) LIMIT 1;
SELECT pg_temp.failing($$SELECT lifeguard.migrate('007 error', 'SELECT ''unfinished')$$) LIMIT 1;
SELECT pg_temp.failing($$SELECT lifeguard.migrate('007 error', 'COPY orders FROM stdin')$$) LIMIT 1;
SELECT pg_temp.failing($$SELECT lifeguard.migrate('007 error', 'DO $x$ BEGIN COMMIT; END $x$')$$) LIMIT 1;
SELECT total FROM orders;
SELECT s, (SELECT f FROM pg_temp.failing(format('SELECT lifeguard.migrate(%L, %L)', '008', s)) AS f LIMIT 1) FROM unnest('{begin,"SELECT 1; /* x */ COMMIT",rollback,savepoint a,release a,end,abort,start transaction,prepare transaction ''x'',vacuum,
  create unique index concurrently i on orders (total),drop index concurrently i,reindex index concurrently i,alter system set work_mem = 1,create database x}'::text[]) AS s;
SELECT * FROM pg_temp.failing($$SELECT lifeguard.migrate('008', E'SELECT 1;\n\\i file')$$);
SELECT pg_temp.failing($$SELECT lifeguard.migrate(NULL, 'SELECT 1')$$) LIMIT 1;
SELECT pg_temp.failing($$SELECT lifeguard.migrate(' ', 'SELECT 1')$$) LIMIT 1;
SELECT pg_temp.failing($$SELECT lifeguard.migrate('x', NULL)$$) LIMIT 1;
SELECT pg_temp.failing($$SELECT lifeguard.migrate('x', 'SELECT 1', NULL)$$) LIMIT 1;
SELECT pg_temp.failing($$SELECT lifeguard.migrate('x', 'SELECT 1', '{no such check}')$$) LIMIT 1;
SELECT pg_temp.applied(lifeguard.migrate($$it's "a" %s; --$$, '-- only a comment'));
-- what fails is kept in the journal, although the transaction rolls back
SELECT monitoring.drain();
SELECT error_message, context ->> 'migration' AS migration, context ->> 'statement' AS statement, context ->> 'sqlstate' AS sqlstate FROM monitoring.system_errors WHERE error_type = 'migration_failed' AND context ->> 'migration' LIKE '00%' AND context ->> 'sqlstate' IN ('42703', 'LG502') ORDER BY 2, 4;

-- the story of May 2025: a migration drops a policy, and nobody can save a profile
CREATE TABLE ship.profiles (id uuid PRIMARY KEY, name text);
INSERT INTO ship.profiles VALUES ('00000000-0000-0000-0000-000000000001', 'Ann');
ALTER TABLE ship.profiles ENABLE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA ship TO ship_mate;
GRANT SELECT, UPDATE ON ship.profiles TO ship_mate;
CREATE POLICY reads ON ship.profiles FOR SELECT TO ship_mate USING (true);
CREATE POLICY saves ON ship.profiles FOR UPDATE TO ship_mate USING (true);
SELECT new > 0 AS remembered FROM monitoring.remember_access('{ship.profiles}');
SELECT f FROM pg_temp.failing($$SELECT lifeguard.migrate('009 policies', 'DROP POLICY saves ON profiles; CREATE POLICY reads_all ON profiles FOR SELECT USING (true)')$$) AS f LIMIT 1;
SELECT polname FROM pg_policy WHERE polrelid = 'ship.profiles'::regclass ORDER BY 1;
SELECT pg_temp.applied(lifeguard.migrate('009 policies', 'ALTER POLICY saves ON profiles RENAME TO members_save')) -> 'status';
DELETE FROM monitoring.access_expectations WHERE relation = 'ship.profiles'::regclass;
DELETE FROM monitoring.access_owners WHERE relation = 'ship.profiles'::regclass;

-- with the caller's rights: he needs to be let, and may what he may
SET ROLE ship_captain;
SELECT lifeguard.migrate('010', 'SELECT 1');
RESET ROLE;
GRANT EXECUTE ON FUNCTION lifeguard.migrate, lifeguard.try_migration, lifeguard.run_migration, lifeguard.begin_migration, lifeguard.end_migration, lifeguard.check_names TO ship_captain;
SET ROLE ship_captain;
SELECT pg_temp.applied(lifeguard.migrate('010 captain', 'CREATE TABLE ship.captains (id int PRIMARY KEY)'));
SELECT pg_temp.failing($$SELECT lifeguard.migrate('011 captain', 'CREATE TABLE ship.half (id int PRIMARY KEY); ALTER TABLE ship.profiles ADD x int')$$) LIMIT 1;
SELECT * FROM lifeguard.migrations;
INSERT INTO lifeguard.migrations (name) VALUES ('x');
-- operators and functions in the caller's path are the script's affair, not ours
CREATE FUNCTION ship.yes(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'captured'; END $$;
CREATE OPERATOR ship.= (LEFTARG = text, RIGHTARG = text, FUNCTION = ship.yes);
CREATE OPERATOR ship.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = ship.yes);
CREATE FUNCTION ship.current_setting(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'captured'; END $$;
CREATE FUNCTION ship.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'captured'; END $$;
SET search_path = ship, pg_catalog;
SELECT lifeguard.try_migration('012 path', 'SELECT 1; SELECT 2') -> 'status' AS status;
RESET search_path;
RESET ROLE;
-- a role that the script sets ends with it
SELECT lifeguard.migrate('013 role', 'SET ROLE ship_captain; CREATE TABLE ship.by_captain (id int PRIMARY KEY)') -> 'status', current_user = session_user AS back;
SELECT relowner::regrole FROM pg_class WHERE oid = 'ship.by_captain'::regclass;
-- one within a transaction that rolls back, and one within another
BEGIN;
SELECT lifeguard.migrate('014 undone', 'CREATE TABLE ship.undone (id int PRIMARY KEY)') -> 'status';
ROLLBACK;
SELECT count(*) FROM lifeguard.migrations WHERE name LIKE '014%';
SELECT lifeguard.migrate('015 outer', $$SELECT lifeguard.migrate('016 inner', 'CREATE TABLE ship.inner_one (id int PRIMARY KEY)')$$) -> 'status';
SELECT count(*) FROM lifeguard.migrations WHERE name ~ '^01[56]';
DELETE FROM lifeguard.migrations;
REVOKE EXECUTE ON FUNCTION lifeguard.migrate, lifeguard.try_migration, lifeguard.run_migration, lifeguard.begin_migration, lifeguard.end_migration, lifeguard.check_names FROM ship_captain;
DROP SCHEMA ship CASCADE;
DROP ROLE ship_captain, ship_mate;
