-- The access matrix: what each role may do as each kind of person, really executed and taken back; what changed since it was remembered.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE access_owner;
CREATE ROLE access_anon;
CREATE ROLE access_user;
CREATE ROLE access_service BYPASSRLS;
CREATE ROLE access_other;
CREATE SCHEMA access AUTHORIZATION access_owner;
GRANT USAGE ON SCHEMA access TO access_anon, access_user, access_service;
INSERT INTO monitoring.access_roles (role_name, persona) VALUES ('access_anon', 'anonymous'), ('access_user', 'owner'), ('access_user', 'other member'), ('access_user', 'admin'), ('access_service', 'service');
SET ROLE access_owner;
CREATE FUNCTION access.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
CREATE TABLE access.admins (user_id uuid PRIMARY KEY, active boolean NOT NULL DEFAULT true);
CREATE FUNCTION access.is_admin() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT EXISTS (SELECT FROM access.admins WHERE user_id = access.uid() AND active) $$;
RESET ROLE;
-- a matrix as one line a persona: + allowed, - refused, ! failed, ? unknown, for SELECT, INSERT, UPDATE, DELETE
CREATE FUNCTION access.matrix(VARIADIC tables regclass[]) RETURNS TABLE (relation regclass, persona text, may text, reasons text) LANGUAGE sql AS $$
  SELECT relation, persona, string_agg(translate(left(outcome, 1), 'arfu', '+-!?'), '' ORDER BY array_position('{SELECT,INSERT,UPDATE,DELETE}', command)),
         string_agg(DISTINCT reason, '; ' ORDER BY reason)
    FROM monitoring.test_rls_policies(tables)
   GROUP BY 1, 2 ORDER BY relation::text COLLATE "C", array_position('{anonymous,owner,other member,admin,service}', persona)
$$;

-- no admins are registered; then they are, but there is none: one is made for the occasion
CREATE TABLE access.profiles (id uuid PRIMARY KEY, name text NOT NULL DEFAULT '', role text NOT NULL DEFAULT 'member');
ALTER TABLE access.profiles OWNER TO access_owner;
ALTER TABLE access.profiles ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON access.profiles TO access_anon;
GRANT SELECT, INSERT, UPDATE, DELETE ON access.profiles TO access_user, access_service;
CREATE POLICY profiles_read ON access.profiles FOR SELECT USING (true);
CREATE POLICY profiles_add ON access.profiles FOR INSERT WITH CHECK ((SELECT access.uid()) = id);
CREATE POLICY profiles_update ON access.profiles FOR UPDATE USING ((SELECT access.uid()) = id OR access.is_admin());
SELECT * FROM access.matrix('access.profiles');
DO $$
BEGIN
  IF to_regclass('lifeguard.identity_sources') IS NULL THEN
    CREATE TABLE lifeguard.identity_sources (id int, kind text, relation regclass, user_column name, organization_column name, role_column name, condition text, path text[]);
    INSERT INTO lifeguard.identity_sources VALUES (1, 'admins', 'access.admins', 'user_id', NULL, NULL, 'active', NULL);
  ELSE
    EXECUTE $call$SELECT lifeguard.use_admins('access.admins', 'user_id', 'active')$call$;
  END IF;
END $$;
SELECT * FROM access.matrix('access.profiles');
INSERT INTO access.profiles SELECT ('00000000-0000-4000-8000-00000000000' || i)::uuid FROM generate_series(1, 3) i;
INSERT INTO access.admins VALUES ('00000000-0000-4000-8000-000000000001');
-- the admin's own profile is not taken for a member's
SELECT relation, role_name, persona, command, outcome, expected, passed, reason, sqlstate, row_key FROM monitoring.test_rls_policies('{access.profiles}');

-- a migration drops a policy, and with it what said whose a row is: one clear row
SELECT * FROM monitoring.access_changes('{access.profiles}');
\echo :SQLSTATE
SELECT * FROM monitoring.remember_access('{access.profiles}');
SELECT * FROM monitoring.access_changes('{access.profiles}');
DROP POLICY profiles_update ON access.profiles;
DROP POLICY profiles_add ON access.profiles;
CREATE POLICY profiles_add ON access.profiles FOR INSERT WITH CHECK (access.uid()::text = id::text);
CREATE POLICY profiles_admin ON access.profiles FOR UPDATE USING (access.is_admin());
SELECT relation, role_name, persona, command, before, now, change, row_key FROM monitoring.access_changes('{access.profiles}');
SELECT persona, command, outcome, expected FROM monitoring.test_rls_policies('{access.profiles}') WHERE NOT passed;
-- expectations are for people, too; notes stay
UPDATE monitoring.access_expectations SET note = 'a member edits his own profile' WHERE relation = 'access.profiles'::regclass AND persona = 'owner' AND command = 'UPDATE';
SELECT * FROM monitoring.remember_access('{access.profiles}');
SELECT * FROM monitoring.access_changes('{access.profiles}');
SELECT outcome, note FROM monitoring.access_expectations WHERE relation = 'access.profiles'::regclass AND note IS NOT NULL;
REVOKE ALL ON access.profiles FROM access_anon;
GRANT SELECT, DELETE ON access.profiles TO access_anon;
ALTER TABLE access.profiles DISABLE ROW LEVEL SECURITY;
SELECT persona, command, before, now, change FROM monitoring.access_changes('{access.profiles}');
ALTER TABLE access.profiles ENABLE ROW LEVEL SECURITY;
DELETE FROM monitoring.access_roles WHERE persona = 'admin';
SELECT * FROM monitoring.remember_access('{access.profiles}');
INSERT INTO monitoring.access_roles (role_name, persona) VALUES ('access_user', 'admin');

-- whose a row is: by a foreign key, by way of a parent, by an organization's members, by a tenant, or nobody's
SET ROLE access_owner;
CREATE TABLE access.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, buyer uuid NOT NULL REFERENCES access.profiles, state text NOT NULL CHECK (state IN ('open', 'paid')));
CREATE TABLE access.items (order_id bigint NOT NULL REFERENCES access.orders, n int, PRIMARY KEY (order_id, n));
CREATE TABLE access.comments (id int PRIMARY KEY, author uuid REFERENCES access.profiles, buyer int);
CREATE TABLE access.members (org uuid, member uuid, PRIMARY KEY (org, member));
CREATE TABLE access.projects (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), org uuid NOT NULL);
CREATE TABLE access.bills (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL);
CREATE TABLE access.badges (name text PRIMARY KEY);
ALTER TABLE access.orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE access.items ENABLE ROW LEVEL SECURITY;
ALTER TABLE access.comments ENABLE ROW LEVEL SECURITY;
ALTER TABLE access.projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE access.bills ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON access.orders USING (access.uid()::text = buyer::text);
CREATE POLICY p ON access.items FOR SELECT USING (EXISTS (SELECT 1 FROM access.orders o WHERE o.id = items.order_id AND o.buyer = access.uid()));
CREATE POLICY p ON access.comments FOR SELECT USING (author IS NOT NULL);
CREATE POLICY p ON access.projects USING (org IN (SELECT members.org FROM access.members WHERE members.member = (SELECT access.uid())));
CREATE POLICY p ON access.bills USING (tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON access.orders, access.items, access.comments, access.members, access.projects, access.bills, access.badges TO access_user, access_service;
RESET ROLE;
SELECT r AS relation, f.* FROM unnest('{access.orders,access.items,access.comments,access.projects,access.bills,access.badges}'::regclass[]) r, lifeguard.find_owner(r, '{member}') f;
SELECT * FROM access.matrix('access.orders', 'access.items', 'access.comments', 'access.projects', 'access.bills', 'access.badges') WHERE persona <> 'service';
INSERT INTO access.orders (buyer, state) VALUES ('00000000-0000-4000-8000-000000000002', 'open');
INSERT INTO access.items VALUES (1, 1);
INSERT INTO access.members VALUES ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-000000000002');
INSERT INTO access.projects (org) VALUES ('00000000-0000-4000-8000-0000000000a1');
SELECT * FROM access.matrix('access.orders', 'access.items', 'access.projects') WHERE persona <> 'service';
-- an organization that a helper is asked about: its registered members
SET ROLE access_owner;
CREATE FUNCTION access.is_member(organization uuid) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT EXISTS (SELECT FROM access.members WHERE member = access.uid() AND org = organization) $$;
CREATE FUNCTION access.user_organizations() RETURNS uuid[] LANGUAGE sql STABLE AS $$ SELECT ARRAY(SELECT org FROM access.members WHERE member = access.uid()) $$;
CREATE TABLE access.plans (id int PRIMARY KEY, organization_id uuid);
CREATE TABLE access.tasks (id int PRIMARY KEY, organization_id uuid);
ALTER TABLE access.plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE access.tasks ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON access.plans USING (access.is_member(organization_id));
CREATE POLICY p ON access.tasks USING (organization_id = ANY ((SELECT access.user_organizations())::uuid[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON access.plans, access.tasks TO access_user;
RESET ROLE;
SELECT * FROM access.matrix('access.plans', 'access.tasks') WHERE persona IN ('owner', 'other member');
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_depend WHERE objid = 'lifeguard.identity_sources'::regclass AND deptype = 'e') THEN
    EXECUTE $call$SELECT lifeguard.use_members('access.members', 'member', 'org')$call$;
  ELSE
    INSERT INTO lifeguard.identity_sources VALUES (2, 'members', 'access.members', 'member', 'org', NULL, NULL, NULL);
  END IF;
END $$;
SELECT * FROM access.matrix('access.plans', 'access.tasks') WHERE persona IN ('owner', 'other member');
-- said by hand
INSERT INTO monitoring.access_owners (relation, own_column) VALUES ('access.badges', 'name');
SELECT * FROM access.matrix('access.badges') WHERE persona = 'owner';
DELETE FROM monitoring.access_owners WHERE relation = 'access.badges'::regclass;

-- a refusal is told from a failure, and a constraint or a trigger from a policy
SET ROLE access_owner;
CREATE TABLE access.log (what text);
CREATE TABLE access.guarded (id int PRIMARY KEY, buyer uuid UNIQUE, n int CHECK (n > 0));
ALTER TABLE access.guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON access.guarded USING (buyer = access.uid());
GRANT SELECT, INSERT, UPDATE, DELETE ON access.guarded TO access_user;
INSERT INTO access.guarded VALUES (1, '00000000-0000-4000-8000-000000000002', 1);
CREATE FUNCTION access.raises() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '42501'; END $$;
CREATE FUNCTION access.skips() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION access.writes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO access.log VALUES (TG_OP); RETURN NULL; END $$;
CREATE TRIGGER a BEFORE INSERT OR DELETE ON access.guarded FOR EACH ROW EXECUTE FUNCTION access.raises();
CREATE TRIGGER b BEFORE UPDATE ON access.guarded FOR EACH ROW EXECUTE FUNCTION access.skips();
CREATE TRIGGER c AFTER INSERT OR UPDATE OR DELETE ON access.guarded FOR EACH STATEMENT EXECUTE FUNCTION access.writes();
ALTER TABLE access.guarded ADD CONSTRAINT never CHECK (id > 100) NOT VALID;
RESET ROLE;
SELECT * FROM access.matrix('access.guarded') WHERE persona IN ('owner', 'other member');
SELECT count(*) FROM access.log;
SET ROLE access_owner;
CREATE FUNCTION access.secret() RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
REVOKE EXECUTE ON FUNCTION access.secret() FROM PUBLIC;
CREATE FUNCTION access.fails(uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RAISE check_violation USING MESSAGE = 'new row violates row-level security policy for table "guarded"', TABLE = 'guarded', SCHEMA = 'access', CONSTRAINT = 'never', COLUMN = 'n';
END $$;
CREATE FUNCTION access.denies(uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RAISE insufficient_privilege USING MESSAGE = 'new row violates row-level security policy for table "guarded"';
END $$;
ALTER POLICY p ON access.guarded USING (buyer = access.uid() AND access.secret());
RESET ROLE;
SELECT * FROM access.matrix('access.guarded') WHERE persona = 'owner';
ALTER POLICY p ON access.guarded USING (buyer = access.uid() AND access.fails(buyer));
SELECT * FROM access.matrix('access.guarded') WHERE persona = 'owner';
ALTER POLICY p ON access.guarded USING (buyer = access.uid() AND access.denies(buyer));
SELECT * FROM access.matrix('access.guarded') WHERE persona = 'owner';
ALTER POLICY p ON access.guarded USING (buyer = access.uid() AND EXISTS (SELECT FROM access.guarded g WHERE g.id = 1));
SELECT * FROM access.matrix('access.guarded') WHERE persona = 'owner';
ALTER POLICY p ON access.guarded USING (buyer = access.uid() OR NOT (current_setting('access.seen', true) IS NULL OR set_config('access.seen', 'x', false) IS NULL));
SET access.seen = '';
SELECT * FROM access.matrix('access.guarded') WHERE persona IN ('owner', 'other member');
SELECT current_setting('access.seen');
ALTER POLICY p ON access.guarded USING (buyer = access.uid());
CREATE POLICY strict ON access.guarded AS RESTRICTIVE FOR UPDATE USING (n > 5);
ALTER TABLE access.guarded FORCE ROW LEVEL SECURITY;
SELECT * FROM access.matrix('access.guarded') WHERE persona = 'owner';
-- forced upon its owner, whose code runs as he all the same
ALTER TABLE access.guarded ADD CHECK (access.secret());
SELECT * FROM access.matrix('access.guarded') WHERE persona = 'owner';

-- columns: only some are granted; the rest cannot be the reason
SET ROLE access_owner;
CREATE TABLE access.some (id int PRIMARY KEY, buyer uuid, a text, b text);
ALTER TABLE access.some ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON access.some USING (buyer = access.uid());
INSERT INTO access.some VALUES (1, '00000000-0000-4000-8000-000000000002', 'x', NULL);
GRANT SELECT (a, b), UPDATE (b), INSERT (id, buyer) ON access.some TO access_user;
RESET ROLE;
SELECT * FROM access.matrix('access.some') WHERE persona IN ('owner', 'other member');

-- rows that are made: of many types, with odd names, in partitions; without a key; and when it is impossible
SET ROLE access_owner;
CREATE TYPE access.mood AS ENUM ('sad', 'happy');
CREATE TYPE access.pair AS (a int, b text);
CREATE DOMAIN access.positive AS int CHECK (VALUE > 0);
CREATE DOMAIN access.colour AS text NOT NULL CHECK (VALUE IN ('re''d', 'blue'));
CREATE TABLE access."odd ""ta'ble%s" ("k 1" int, "k""2%I" text, "Buyer's" uuid NOT NULL, m access.mood NOT NULL, d access.positive NOT NULL, c access.colour, a text[] NOT NULL, j jsonb NOT NULL, b bytea NOT NULL,
  r int4range NOT NULL, mr int4multirange NOT NULL, p access.pair NOT NULL, f float8 NOT NULL, t timestamptz NOT NULL, i interval NOT NULL, ip inet NOT NULL, bits bit(3) NOT NULL, v varchar(1) NOT NULL, x xml NOT NULL,
  s serial, g int GENERATED ALWAYS AS (length(v)) STORED, PRIMARY KEY ("k 1", "k""2%I"));
CREATE TABLE access.parts (id int NOT NULL, buyer uuid, at timestamptz NOT NULL DEFAULT now()) PARTITION BY RANGE (at);
CREATE TABLE access.parts_now PARTITION OF access.parts DEFAULT;
CREATE TABLE access.keyless (buyer uuid, n int);
INSERT INTO access.keyless VALUES ('00000000-0000-4000-8000-000000000002', 1), ('00000000-0000-4000-8000-000000000003', 1);
CREATE TABLE access.nowhere (id int NOT NULL, buyer uuid) PARTITION BY LIST (id);
CREATE TABLE access.picky (id int PRIMARY KEY CHECK (id > 1000 AND id % 7 = 3), buyer uuid);
CREATE TABLE access.bounded (id int PRIMARY KEY, buyer uuid, week date NOT NULL, until date NOT NULL, month text NOT NULL, kind text NOT NULL DEFAULT 'it''s', n int NOT NULL, cap int, email varchar(40) NOT NULL,
  CHECK (extract(isodow FROM week) = 1 AND until = week + 6), CHECK (month ~ '^\d{4}-\d\d$'), CHECK (kind <> 'it''s' OR cap IS NOT NULL), CHECK (n BETWEEN 1500 AND 1600 AND n < cap), CHECK (email LIKE '%@%.%'));
CREATE TABLE access.nothing ();
ALTER TABLE access."odd ""ta'ble%s" ENABLE ROW LEVEL SECURITY;
ALTER TABLE access.parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE access.keyless ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON access."odd ""ta'ble%s" USING ("Buyer's" = access.uid());
CREATE POLICY p ON access.parts USING (buyer = access.uid());
CREATE POLICY p ON access.keyless USING (buyer = access.uid());
GRANT SELECT, INSERT, UPDATE, DELETE ON access."odd ""ta'ble%s", access.parts, access.keyless, access.nowhere, access.picky, access.bounded, access.nothing TO access_user;
RESET ROLE;
SELECT * FROM access.matrix('access."odd ""ta''ble%s"', 'access.parts', 'access.keyless', 'access.nowhere', 'access.picky', 'access.bounded', 'access.nothing') WHERE persona IN ('anonymous', 'owner', 'other member');
SELECT last_value, is_called FROM access."odd ""ta'ble%s_s_seq";

-- by default: who has grants; tables with grants or row security; none of the system's or of extensions
DELETE FROM monitoring.access_roles;
GRANT SELECT ON access.badges TO access_other;
SELECT * FROM lifeguard.tried_roles() WHERE role_name LIKE 'access%' ORDER BY 1, 2;
SELECT t FROM lifeguard.tried_tables(NULL) t WHERE t::text LIKE 'access.%' OR t::text LIKE 'monitoring.%' OR t::text LIKE 'pg_%' ORDER BY t::text COLLATE "C";

-- who may; arguments
\set VERBOSITY default
SELECT * FROM monitoring.test_rls_policies('{access.badges,pg_class}');
SELECT * FROM monitoring.test_rls_policies('{NULL}');
SELECT count(*) FROM monitoring.test_rls_policies('{}');
CREATE VIEW access.view AS SELECT 1;
SELECT * FROM monitoring.remember_access('{access.view}');
SET ROLE access_service;
SELECT * FROM monitoring.test_rls_policies();
RESET ROLE;
GRANT EXECUTE ON FUNCTION monitoring.test_rls_policies TO access_service;
SET ROLE access_service;
SELECT * FROM monitoring.test_rls_policies();
RESET ROLE;
REVOKE EXECUTE ON FUNCTION monitoring.test_rls_policies FROM access_service;

SET client_min_messages = error;
DELETE FROM monitoring.access_expectations;
DELETE FROM monitoring.access_owners;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_depend WHERE objid = 'lifeguard.identity_sources'::regclass AND deptype = 'e') THEN
    DELETE FROM lifeguard.identity_sources WHERE relation IN ('access.admins'::regclass, 'access.members'::regclass);
  ELSE
    DROP TABLE lifeguard.identity_sources;
  END IF;
END $$;
DROP SCHEMA access CASCADE;
DROP ROLE access_owner, access_anon, access_user, access_service, access_other;
