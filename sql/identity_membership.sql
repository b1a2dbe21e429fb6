-- What the caller is: sources, what is refused as one, and that every answer is what the statement's snapshot shows.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_identity_owner, regress_identity_user, regress_identity_helper;
RESET client_min_messages;
CREATE ROLE regress_identity_owner;
CREATE ROLE regress_identity_user;
CREATE ROLE regress_identity_helper;
CREATE SCHEMA ident AUTHORIZATION regress_identity_owner;
GRANT USAGE ON SCHEMA ident TO PUBLIC;
-- persons and organizations are numbers here
CREATE FUNCTION ident.id(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION ident.numbers(uuid[]) RETURNS int[] LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(array_agg(right(id::text, 12)::int), '{}') FROM unnest($1) AS id $$;
CREATE FUNCTION ident.become(n int, more jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN PERFORM set_config('request.jwt.claims', (jsonb_build_object('sub', ident.id(n)) || more)::text, false); END $$;
CREATE FUNCTION ident.organizations() RETURNS int[] LANGUAGE sql VOLATILE AS $$ SELECT ident.numbers(lifeguard.organizations()) $$;
SELECT count(*) FROM lifeguard.identity_sources;

-- nobody, and nothing is registered: no, never NULL
SELECT lifeguard.is_admin(), lifeguard.has_role('x'), lifeguard.organizations(), lifeguard.is_member(ident.id(1)), lifeguard.organization_role(ident.id(1)) IS NULL;
SELECT ident.become(1);
SELECT lifeguard.is_admin(), lifeguard.has_role('x'), lifeguard.organizations(), lifeguard.is_member(ident.id(1)), lifeguard.organization_role(ident.id(1)) IS NULL;
SELECT lifeguard.has_permission(ident.id(1), 'x');
-- NULL for NULL
SELECT num_nulls(lifeguard.has_role(NULL), lifeguard.is_member(NULL), lifeguard.organization_role(NULL), lifeguard.has_permission(NULL, 'x'), lifeguard.has_permission(ident.id(1), NULL), lifeguard.claim(NULL));

-- what is refused when it is registered
SET ROLE regress_identity_owner;
CREATE TYPE ident.level AS ENUM ('viewer', 'member', 'owner');
CREATE TABLE ident.users (id uuid PRIMARY KEY);
CREATE TABLE ident.admins ("user" uuid, active boolean NOT NULL DEFAULT true, "it's ""x""" text, n int);
CREATE TABLE ident.members (person uuid REFERENCES ident.users ON DELETE CASCADE, organization uuid, role text, level ident.level, active boolean NOT NULL DEFAULT true, since timestamptz DEFAULT now());
CREATE INDEX ON ident.members (person, organization);
CREATE VIEW ident.seen AS SELECT person, organization, role FROM ident.members WHERE active;
CREATE SEQUENCE ident.counter;
CREATE TABLE ident.parts (person uuid, organization uuid) PARTITION BY LIST (organization);
CREATE TABLE ident.part_1 PARTITION OF ident.parts DEFAULT;
RESET ROLE;
CREATE TEMP TABLE fleeting (person uuid, organization uuid);
SELECT lifeguard.use_admins('ident.nowhere', 'user');
SELECT lifeguard.use_admins(NULL, 'user');
SELECT lifeguard.use_admins('ident.admins', NULL);
SELECT lifeguard.use_admins('ident.admins', 'users');
SELECT lifeguard.use_admins('ident.admins', 'n');
SELECT lifeguard.use_admins('ident.admins', 'ctid');
SELECT lifeguard.use_admins('ident.counter', 'last_value');
SELECT lifeguard.use_admins('fleeting', 'person');
SELECT lifeguard.use_admins('ident.admins', 'user', 'activ');
SELECT lifeguard.use_admins('ident.admins', 'user', 'n');
SELECT lifeguard.use_admins('ident.admins', 'user', 'active AND');
SELECT lifeguard.use_admins('ident.admins', 'user', 'active; DELETE FROM ident.admins');
SELECT lifeguard.use_admins('ident.admins', 'user', 'active) UNION SELECT NULL, NULL; --');
SELECT lifeguard.use_admins('ident.admins', 'user', '$3 IS NULL');
SELECT lifeguard.use_members('ident.members', 'person', NULL);
SELECT lifeguard.use_members('ident.members', 'person', 'role');
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'rank');
SELECT lifeguard.use_claim('admins', '{a}');
SELECT lifeguard.use_claim(NULL, '{a}');
SELECT lifeguard.use_claim('admin', NULL);
SELECT lifeguard.use_claim('admin', '{}');
SELECT lifeguard.use_claim('admin', '{a,NULL}');
SELECT lifeguard.use_claim('admin', '{{a},{b}}');
SELECT lifeguard.use_claim('admin', '{a,""}');
SELECT lifeguard.use_claim('organizations', '{user_metadata,organizations}');
SELECT lifeguard.use_claim('roles', '{raw_user_meta_data}');
SELECT lifeguard.use_role_order(NULL);
SELECT lifeguard.use_role_order('{}');
SELECT lifeguard.use_role_order('{a,b,a}');
SELECT lifeguard.use_role_order('{a,NULL}');
SELECT lifeguard.use_role_order('{a,""}');
SELECT lifeguard.use_role_order('{{a,b}}');
SELECT lifeguard.use_admins('ident.seen', 'person', cached => true);
SELECT lifeguard.use_members('ident.parts', 'person', 'organization', cached => true);
SELECT lifeguard.use_members('ident.part_1', 'person', 'organization', cached => true);
SELECT lifeguard.use_admins('ident.admins', 'user', cached => NULL);
SELECT lifeguard.drop_source(-1);
SELECT lifeguard.drop_source(NULL);
\set VERBOSITY sqlstate
-- no more than a condition
SELECT lifeguard.use_members('ident.members', 'person', 'organization', condition => 'false) UNION ALL SELECT id, NULL FROM ident.users WHERE (true');
SELECT lifeguard.use_members('ident.members', 'person', 'organization', condition => 'false) OR (true');
-- not cached: what depends on the time, on settings, on other tables
SELECT lifeguard.use_members('ident.members', 'person', 'organization', condition => 'since < now()', cached => true);
SELECT lifeguard.use_members('ident.members', 'person', 'organization', condition => 'current_setting(''my.x'', true) IS NULL', cached => true);
SELECT lifeguard.use_members('ident.members', 'person', 'organization', condition => 'EXISTS (SELECT FROM ident.users)', cached => true);
SELECT lifeguard.use_members('ident.members', 'person', 'organization', condition => 'count(*) > 0');
SELECT lifeguard.use_members('ident.members', 'person', 'organization', condition => 'pg_catalog.generate_series(1, 2) > 0');
\set VERBOSITY default
-- an order that lacks a role of the rows, a row whose role the order lacks, an enum that cannot hold the order's
INSERT INTO ident.users SELECT ident.id(n) FROM generate_series(1, 9) AS n;
INSERT INTO ident.members (person, organization, role) VALUES (ident.id(1), ident.id(1), 'chief'), (ident.id(1), ident.id(2), 'member');
SELECT lifeguard.use_role_order('{member,owner}') > 0;
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'role');
UPDATE ident.members SET role = 'owner' WHERE role = 'chief';
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'role') > 0;
SELECT lifeguard.use_role_order('{member,leader}');
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'level') > 0;
SELECT lifeguard.use_role_order('{viewer,member,chief}');
-- nothing of what was refused is there; registering again replaces
SELECT kind, relation, user_column, organization_column, role_column, condition, path, cached FROM lifeguard.identity_sources ORDER BY kind;
SELECT count(*) FROM pg_trigger WHERE tgname = 'lifeguard_membership';
DELETE FROM lifeguard.identity_sources;

-- answers: conditions, text columns, roles, several sources of which the highest role counts, NULL wherever it may be
TRUNCATE ident.members;
CREATE TABLE ident.guests (mail text, person varchar(40), place uuid, role text);
ALTER TABLE ident.guests OWNER TO regress_identity_owner;
INSERT INTO ident.admins VALUES (ident.id(1), true), (ident.id(2), false), (NULL, true), (ident.id(3), true), (ident.id(3), false);
INSERT INTO ident.members VALUES (ident.id(1), ident.id(11), 'viewer', NULL, true), (ident.id(1), ident.id(12), 'owner', NULL, true), (ident.id(1), ident.id(13), 'owner', NULL, false), (ident.id(1), ident.id(14), NULL, NULL, true),
  (ident.id(1), NULL, 'owner', NULL, true), (NULL, ident.id(15), 'owner', NULL, true), (ident.id(2), ident.id(11), 'member', NULL, true), (ident.id(2), ident.id(11), 'viewer', NULL, true);
INSERT INTO ident.guests VALUES ('a', ident.id(1)::text, ident.id(11), 'member'), ('b', ident.id(1)::text, ident.id(16), 'viewer'), ('c', 'nobody', ident.id(17), 'owner'), ('d', ident.id(2)::text, NULL, 'owner');
SELECT lifeguard.use_role_order('{viewer,member,owner}') > 0;
SELECT lifeguard.use_admins('ident.admins', 'user', 'active -- and only then') > 0;
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'role', 'active') > 0;
SELECT lifeguard.use_members('ident.guests', 'person', 'place', 'role') > 0;
CREATE FUNCTION ident.report() RETURNS TABLE (person int, admin boolean, organizations int[], roles text, owns boolean[], viewer boolean, member boolean, owner boolean) LANGUAGE plpgsql AS $$
BEGIN
  FOR person IN SELECT generate_series(0, 4) LOOP
    PERFORM ident.become(person);
    RETURN QUERY SELECT report.person, lifeguard.is_admin(), ident.organizations(), (SELECT string_agg(n || '=' || lifeguard.organization_role(ident.id(n)), ' ' ORDER BY n) FROM generate_series(10, 18) AS n),
      (SELECT array_agg(lifeguard.has_permission(ident.id(n), 'member') ORDER BY n) FROM generate_series(10, 18) AS n), lifeguard.has_role('viewer'), lifeguard.has_role('member'), lifeguard.has_role('owner');
  END LOOP;
END $$;
SELECT * FROM ident.report();
-- one by one gives what all together gives, in any order, for any number
DO $$
DECLARE wrong int := 0; n int; belongs boolean;
BEGIN
  FOR p IN 0..4 LOOP
    FOR round IN 1..20 LOOP
      PERFORM ident.become(p, jsonb_build_object('round', round));
      FOR n IN SELECT g FROM generate_series(10, 18) AS g ORDER BY md5(g::text || round) LIMIT round % 10 LOOP
        belongs := EXISTS (SELECT FROM ident.members WHERE person = ident.id(p) AND organization = ident.id(n) AND active) OR EXISTS (SELECT FROM ident.guests WHERE person = ident.id(p)::text AND place = ident.id(n));
        IF lifeguard.is_member(ident.id(n)) <> belongs THEN wrong := wrong + 1; END IF;
      END LOOP;
    END LOOP;
  END LOOP;
  RAISE NOTICE 'wrong: %', wrong;
END $$;
-- claims beside tables: the higher role counts; forms that are none are passed over
SELECT lifeguard.use_claim('organizations', '{app,orgs}') > 0, lifeguard.use_claim('organizations', '{orgs}') > 0, lifeguard.use_claim('admin', '{app,admin}') > 0, lifeguard.use_claim('roles', '{app,roles}') > 0;
CREATE FUNCTION ident.with_claims(more jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM ident.become(1, more);
  RETURN concat_ws(' ', lifeguard.is_admin(), ident.organizations(), (SELECT string_agg(n || '=' || lifeguard.organization_role(ident.id(n)), ' ' ORDER BY n) FROM generate_series(11, 19) AS n), lifeguard.has_role('boss'), lifeguard.has_role('owner'));
END $$;
DELETE FROM ident.admins;
SELECT ident.with_claims(c::jsonb) FROM unnest(ARRAY['{}', '{"orgs": ["00000000-0000-4000-8000-000000000018", "00000000-0000-4000-8000-000000000011"]}',
  '{"orgs": {"00000000-0000-4000-8000-000000000018": "owner", "00000000-0000-4000-8000-000000000011": "owner", "00000000-0000-4000-8000-000000000012": "viewer", "00000000-0000-4000-8000-000000000014": "member"}}',
  '{"orgs": {"00000000-0000-4000-8000-000000000018": null, "00000000-0000-4000-8000-000000000019": 5}}', '{"orgs": ["x", 1, null, {}, [], "00000000-0000-4000-8000-000000000018"]}', '{"orgs": "00000000-0000-4000-8000-000000000018"}', '{"orgs": null}', '{"orgs": []}',
  '{"app": {"orgs": ["00000000-0000-4000-8000-000000000018"], "admin": true, "roles": ["boss"]}, "orgs": {"00000000-0000-4000-8000-000000000018": "member"}}', '{"app": {"admin": "true", "roles": "boss"}}', '{"app": {"admin": 1, "roles": {"boss": true}}}', '{"app": {"admin": [true]}}',
  '{"app": [{"admin": true}]}', '{"app": "admin"}', '{"admin": true}', '{"app": {"admin": false, "admin2": true}}']) AS c;
-- without a subject claims name nothing either
SET request.jwt.claims = '{"app": {"admin": true, "roles": ["boss"]}, "orgs": ["00000000-0000-4000-8000-000000000018"]}';
SELECT lifeguard.is_admin(), lifeguard.organizations(), lifeguard.has_role('boss'), lifeguard.is_member(ident.id(18));
-- each claim in a setting of its own: they change without a change of sub
SET request.jwt.claims = '';
BEGIN;
SET LOCAL request.jwt.claim.sub = '00000000-0000-4000-8000-000000000009';
SET LOCAL request.jwt.claim.orgs = '["00000000-0000-4000-8000-000000000018"]';
SET LOCAL request.jwt.claim.app = '{"admin": true, "roles": ["boss"]}';
SELECT lifeguard.is_admin(), ident.organizations(), lifeguard.has_role('boss'), lifeguard.is_member(ident.id(18));
SAVEPOINT a;
SET LOCAL request.jwt.claim.orgs = '["00000000-0000-4000-8000-000000000019"]';
SET LOCAL request.jwt.claim.app = '{"admin": false, "roles": ["cook"]}';
SELECT lifeguard.is_admin(), ident.organizations(), lifeguard.has_role('boss'), lifeguard.is_member(ident.id(18));
ROLLBACK TO a;
SELECT lifeguard.is_admin(), ident.organizations(), lifeguard.has_role('boss'), lifeguard.is_member(ident.id(18));
SET LOCAL request.jwt.claim.orgs = 'broken';
SET LOCAL request.jwt.claim.app = 'broken';
SELECT lifeguard.is_admin(), ident.organizations(), lifeguard.has_role('boss'), lifeguard.is_member(ident.id(18));
COMMIT;
SELECT lifeguard.is_admin(), ident.organizations(), lifeguard.has_role('boss'), lifeguard.is_member(ident.id(18));
DELETE FROM lifeguard.identity_sources WHERE path IS NOT NULL AND kind <> 'role_order';
-- a role that the order does not have: unknown when it is asked for, worth nothing when a row has it
UPDATE ident.members SET role = 'chief' WHERE organization = ident.id(12);
SELECT ident.become(1), lifeguard.organization_role(ident.id(12)), lifeguard.has_permission(ident.id(12), 'viewer'), lifeguard.is_member(ident.id(12)), lifeguard.has_role('owner');
SELECT lifeguard.has_permission(ident.id(12), 'chief');
SELECT lifeguard.has_role('chief');
DELETE FROM lifeguard.identity_sources WHERE kind = 'role_order';
SELECT lifeguard.has_role('chief'), lifeguard.has_role('cook'), lifeguard.organization_role(ident.id(12));
SELECT lifeguard.has_permission(ident.id(12), 'chief');
DELETE FROM lifeguard.identity_sources;

-- a long walk: rows, conditions, claims and sources change in every way that a transaction knows, and each answer must be the query's
CREATE FUNCTION ident.truth() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT concat_ws(' ', EXISTS (SELECT FROM ident.admins WHERE "user" = c.me AND active), (SELECT coalesce(array_agg(DISTINCT organization ORDER BY organization), '{}') FROM ident.members WHERE person = c.me AND active AND organization IS NOT NULL),
    (SELECT array_agg(coalesce((SELECT (enum_range(NULL::ident.level))[max(array_position(enum_range(NULL::ident.level), level))]::text FROM ident.members WHERE person = c.me AND organization = ident.id(n) AND active), '-') ORDER BY n) FROM generate_series(1, 4) AS n))
    FROM (SELECT (current_setting('request.jwt.claims')::jsonb ->> 'sub')::uuid AS me) AS c $$;
CREATE FUNCTION ident.answer() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT concat_ws(' ', lifeguard.is_admin(), lifeguard.organizations(), (SELECT array_agg(coalesce(lifeguard.organization_role(ident.id(n)), '-') ORDER BY n) FROM generate_series(1, 4) AS n)) $$;
CREATE FUNCTION ident.answer_singly() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE roles text[]; orgs uuid[] := '{}';
BEGIN
  FOR n IN 1..4 LOOP
    roles := roles || coalesce(lifeguard.organization_role(ident.id(n)), '-');
    IF lifeguard.is_member(ident.id(n)) THEN orgs := orgs || ident.id(n); END IF;
  END LOOP;
  RETURN concat_ws(' ', lifeguard.is_admin(), orgs, roles);
END $$;
CREATE SEQUENCE ident.checks;
GRANT USAGE ON SEQUENCE ident.checks, ident.counter TO PUBLIC;
CREATE FUNCTION ident.check(step int, what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE truth text := ident.truth(); said text := CASE step % 2 WHEN 0 THEN ident.answer() ELSE ident.answer_singly() END;
BEGIN
  PERFORM nextval('ident.checks');
  IF said IS DISTINCT FROM truth THEN RAISE WARNING 'step % %: %, not %', step, what, said, truth; END IF;
END $$;
-- asks before and after each row, within the command that writes it
CREATE FUNCTION ident.check_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM ident.check(nextval('ident.counter')::int, tg_op || ' ' || tg_when || ' ' || tg_level); RETURN coalesce(new, old); END $$;
CREATE FUNCTION ident.change(what int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE someone uuid := ident.id(1 + floor(random() * 3)::int); somewhere uuid := ident.id(1 + floor(random() * 4)::int);
  rank ident.level := (enum_range(NULL::ident.level))[1 + floor(random() * 3)];
BEGIN
  CASE what
    WHEN 0, 1, 2 THEN INSERT INTO ident.members VALUES (someone, somewhere, NULL, rank, true), (someone, ident.id(1 + floor(random() * 4)::int), NULL, rank, random() < 0.7);
    WHEN 3, 4 THEN DELETE FROM ident.members WHERE person = someone AND organization = somewhere;
    WHEN 5 THEN UPDATE ident.members SET active = NOT active WHERE person = someone;
    WHEN 6 THEN UPDATE ident.members SET level = rank WHERE organization = somewhere;
    WHEN 7 THEN UPDATE ident.members SET person = someone WHERE organization = somewhere;
    WHEN 8 THEN INSERT INTO ident.admins VALUES (someone);
    WHEN 9 THEN DELETE FROM ident.admins WHERE "user" = someone;
    WHEN 10 THEN UPDATE ident.admins SET active = NOT active;
    WHEN 11 THEN DELETE FROM ident.users WHERE id = someone; INSERT INTO ident.users VALUES (someone);
    WHEN 12 THEN MERGE INTO ident.members m USING (VALUES (someone, somewhere)) AS v(p, o) ON m.person = v.p AND m.organization = v.o WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.p, v.o, NULL, rank);
    WHEN 13 THEN WITH gone AS (DELETE FROM ident.members WHERE person = someone RETURNING organization) INSERT INTO ident.members SELECT ident.id(1 + floor(random() * 3)::int), organization, NULL, rank FROM gone;
    WHEN 14 THEN PERFORM ident.become(1 + floor(random() * 3)::int);
    WHEN 15 THEN PERFORM ident.become(1 + floor(random() * 3)::int);
    ELSE INSERT INTO ident.seen SELECT someone, ident.id(n) FROM generate_series(1, 2) AS n WHERE lifeguard.is_admin() IS NOT NULL;
  END CASE;
END $$;
CREATE FUNCTION ident.change_schema(what int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CASE what
    WHEN 0 THEN ALTER TABLE ident.members ALTER level TYPE ident.level USING CASE level WHEN 'owner' THEN 'viewer' ELSE 'owner' END::ident.level;
    WHEN 1 THEN TRUNCATE ident.members;
    WHEN 2 THEN ALTER TABLE ident.members DISABLE TRIGGER USER;
    WHEN 3 THEN ALTER TABLE ident.members ENABLE TRIGGER USER;
    WHEN 4 THEN ALTER TABLE ident.members RENAME TO members_now; ALTER TABLE ident.members_now RENAME TO members;
    WHEN 5 THEN PERFORM lifeguard.drop_source(id) FROM lifeguard.identity_sources WHERE kind = 'members'; PERFORM ident.register('members');
    ELSE ALTER TABLE ident.members ADD COLUMN more int; ALTER TABLE ident.members DROP COLUMN more;
  END CASE;
END $$;
CREATE FUNCTION ident.register(wanted text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF wanted IS NULL THEN
    PERFORM lifeguard.use_role_order(enum_range(NULL::ident.level)::text[]);
    PERFORM lifeguard.use_admins('ident.admins', 'user', 'active', current_setting('ident.cached')::boolean);
  END IF;
  PERFORM lifeguard.use_members('ident.members', 'person', 'organization', 'level', 'active', current_setting('ident.cached')::boolean);
END $$;
CREATE PROCEDURE ident.walk(steps int) LANGUAGE plpgsql AS $$
DECLARE undo boolean;
BEGIN
  FOR step IN 1..steps LOOP
    undo := random() < 0.3;
    BEGIN
      PERFORM ident.check(step, 'before');
      IF random() < 0.04 THEN PERFORM ident.change_schema(floor(random() * 7)::int); ELSE PERFORM ident.change(floor(random() * 17)::int); END IF;
      PERFORM ident.check(step, 'changed');
      IF random() < 0.3 THEN
        BEGIN
          PERFORM ident.change(floor(random() * 17)::int);
          PERFORM ident.check(step, 'changed twice');
          RAISE 'undo';
        EXCEPTION WHEN raise_exception THEN PERFORM ident.check(step, 'undone inside');
        END;
      END IF;
      IF undo THEN RAISE 'undo'; END IF;
    EXCEPTION WHEN raise_exception THEN PERFORM ident.check(step, 'undone');
    END;
    PERFORM ident.check(step, 'after');
    IF random() < 0.2 THEN COMMIT; PERFORM ident.check(step, 'committed'); ELSIF random() < 0.1 THEN ROLLBACK; PERFORM ident.check(step, 'rolled back'); END IF;
  END LOOP;
END $$;
TRUNCATE ident.members, ident.admins;
CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON ident.members FOR EACH ROW EXECUTE FUNCTION ident.check_row();
CREATE TRIGGER z AFTER INSERT OR UPDATE OR DELETE ON ident.members FOR EACH ROW EXECUTE FUNCTION ident.check_row();
CREATE TRIGGER a_statement BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ident.members FOR EACH STATEMENT EXECUTE FUNCTION ident.check_row();
CREATE TRIGGER z_statement AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ident.members FOR EACH STATEMENT EXECUTE FUNCTION ident.check_row();
SELECT setseed(0.3);
SET ident.cached = off;
SELECT ident.register();
CALL ident.walk(300);
SET ident.cached = on;
SELECT ident.register();
CALL ident.walk(300);
SET default_transaction_isolation = 'repeatable read';
CALL ident.walk(150);
SET default_transaction_isolation = 'serializable';
CALL ident.walk(150);
RESET default_transaction_isolation;
SELECT nextval('ident.checks') > 5000 AS it_was_long;
DROP TRIGGER a ON ident.members;
DROP TRIGGER z ON ident.members;
DROP TRIGGER a_statement ON ident.members;
DROP TRIGGER z_statement ON ident.members;
ALTER TABLE ident.members ENABLE TRIGGER USER;

-- a policy on the membership table asks about membership: no recursion, also where row security is forced on its owner
DELETE FROM lifeguard.identity_sources;
TRUNCATE ident.members, ident.admins;
INSERT INTO ident.members (person, organization, role) SELECT ident.id(p), ident.id(10 + o), CASE p WHEN 1 THEN 'owner' ELSE 'viewer' END FROM (VALUES (1, 1), (1, 2), (2, 1), (3, 3)) AS v(p, o);
INSERT INTO ident.admins VALUES (ident.id(9));
SET ROLE regress_identity_owner;
ALTER TABLE ident.members ENABLE ROW LEVEL SECURITY;
ALTER TABLE ident.members FORCE ROW LEVEL SECURITY;
ALTER TABLE ident.admins ENABLE ROW LEVEL SECURITY;
ALTER TABLE ident.admins FORCE ROW LEVEL SECURITY;
CREATE POLICY colleagues ON ident.members FOR SELECT USING (lifeguard.is_admin() OR lifeguard.is_member(organization));
CREATE POLICY hiring ON ident.members FOR INSERT WITH CHECK (lifeguard.has_permission(organization, 'owner'));
CREATE POLICY firing ON ident.members FOR DELETE USING (lifeguard.has_permission(organization, 'owner'));
CREATE POLICY admins ON ident.admins USING (lifeguard.is_admin());
GRANT SELECT, INSERT, UPDATE, DELETE ON ident.members, ident.admins TO regress_identity_user;
RESET ROLE;
SELECT lifeguard.use_role_order('{viewer,owner}') > 0, lifeguard.use_admins('ident.admins', 'user') > 0, lifeguard.use_members('ident.members', 'person', 'organization', 'role') > 0;
CREATE FUNCTION ident.seen_by(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM ident.become(n);
  RETURN (SELECT string_agg(ident.numbers(ARRAY[person, organization])::text, ' ' ORDER BY person, organization) FROM ident.members) || ' admins ' || (SELECT count(*) FROM ident.admins);
END $$;
SET ROLE regress_identity_user;
SELECT n, ident.seen_by(n) FROM unnest('{1,2,3,4,9}'::int[]) AS n;
SET ROLE regress_identity_owner;
SELECT n, ident.seen_by(n) FROM unnest('{1,2,3,4,9}'::int[]) AS n;
SET ROLE regress_identity_user;
-- what one does to the table changes what one may, within the transaction and not within the command
SELECT ident.become(1);
BEGIN;
INSERT INTO ident.members (person, organization, role) VALUES (ident.id(4), ident.id(11), 'viewer') RETURNING ident.numbers(ARRAY[person]);
DELETE FROM ident.members WHERE person = ident.id(1) AND organization = ident.id(12) RETURNING ident.numbers(ARRAY[organization]);
SELECT ident.organizations();
SAVEPOINT a;
INSERT INTO ident.members (person, organization, role) VALUES (ident.id(1), ident.id(12), 'owner');
ROLLBACK TO a;
DELETE FROM ident.members WHERE organization = ident.id(11) RETURNING ident.numbers(ARRAY[person]);
SELECT ident.organizations();
ROLLBACK;
SELECT ident.organizations();
INSERT INTO ident.members (person, organization, role) VALUES (ident.id(1), ident.id(13), 'owner');
-- every kind of plan gives the same rows
RESET ROLE;
ALTER TABLE ident.members DISABLE ROW LEVEL SECURITY;
ALTER TABLE ident.admins DISABLE ROW LEVEL SECURITY;
TRUNCATE ident.members;
INSERT INTO ident.members (person, organization, role) SELECT ident.id(1), ident.id(o), 'viewer' FROM generate_series(1, 900, 3) AS o;
CREATE TABLE ident.documents (id int, organization uuid);
INSERT INTO ident.documents SELECT n, CASE WHEN n % 50 > 0 THEN ident.id(n % 1000) END FROM generate_series(1, 5000) AS n;
CREATE INDEX ON ident.documents (organization);
ANALYZE ident.documents;
CREATE FUNCTION ident.plans(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE setting text; one text; found text[] := '{}';
BEGIN
  FOREACH setting IN ARRAY '{none,enable_seqscan,enable_indexscan,enable_bitmapscan,workers,generic}'::text[] LOOP
    PERFORM set_config('enable_seqscan', (setting <> 'enable_seqscan')::text, true), set_config('enable_indexscan', (setting NOT IN ('enable_indexscan', 'workers'))::text, true),
            set_config('enable_bitmapscan', (setting NOT IN ('enable_bitmapscan', 'workers'))::text, true), set_config('plan_cache_mode', CASE setting WHEN 'generic' THEN 'force_generic_plan' ELSE 'force_custom_plan' END, true),
            set_config('parallel_setup_cost', CASE setting WHEN 'workers' THEN '0' ELSE '1000' END, true), set_config('min_parallel_table_scan_size', CASE setting WHEN 'workers' THEN '0' ELSE '8MB' END, true),
            set_config('parallel_tuple_cost', CASE setting WHEN 'workers' THEN '0' ELSE '0.1' END, true), set_config('parallel_leader_participation', (setting <> 'workers')::text, true);
    FOR person IN 1..2 LOOP
      PERFORM ident.become(person);
      EXECUTE 'SELECT count(*) || '' '' || coalesce(sum(id), 0) FROM ident.documents WHERE ' || condition INTO one;
      IF setting = 'none' THEN found[person] := one; ELSIF found[person] <> one THEN RETURN format('%s: %s, not %s', setting, one, found[person]); END IF;
    END LOOP;
  END LOOP;
  RETURN array_to_string(found, ', ');
END $$;
SELECT count(*) || ' ' || sum(id) FROM ident.documents WHERE organization IN (SELECT organization FROM ident.members);
SELECT ident.plans(c) FROM unnest(ARRAY['lifeguard.is_member(organization)', 'organization = ANY (lifeguard.organizations())', 'lifeguard.has_permission(organization, ''viewer'')', 'lifeguard.organization_role(organization) = ''viewer''']) AS c;
SELECT ident.plans(c) FROM unnest(ARRAY['NOT lifeguard.is_member(organization)', 'lifeguard.is_member(organization) IS NULL', 'lifeguard.is_member(organization) OR id < 10', 'lifeguard.is_admin()', 'lifeguard.has_role(''viewer'')', 'lifeguard.is_member(ident.id(4))']) AS c;
-- a cursor whose rows were in part read sees what its snapshot shows
BEGIN;
SELECT ident.become(1);
DECLARE mine CURSOR FOR SELECT ident.numbers(ARRAY[organization]) FROM ident.documents WHERE lifeguard.is_member(organization) AND id IN (1, 4, 7, 10) ORDER BY id;
FETCH 1 FROM mine;
DELETE FROM ident.members;
FETCH 1 FROM mine;
SELECT ident.organizations();
FETCH 1 FROM mine;
ROLLBACK;

-- sources that stop working are errors, never a no; what only got another name goes on
\set VERBOSITY sqlstate
DELETE FROM lifeguard.identity_sources;
TRUNCATE ident.members;
INSERT INTO ident.members (person, organization, role) VALUES (ident.id(1), ident.id(1000), 'viewer'), (ident.id(1), ident.id(999), 'viewer');
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'role', 'active') > 0;
SELECT ident.become(1), lifeguard.is_member(ident.id(1000)), lifeguard.is_admin();
ALTER TABLE ident.members RENAME TO people;
SELECT lifeguard.is_member(ident.id(1000));
CREATE SCHEMA ident_elsewhere;
ALTER TABLE ident.people SET SCHEMA ident_elsewhere;
SELECT lifeguard.is_member(ident.id(1000));
GRANT USAGE ON SCHEMA ident_elsewhere TO regress_identity_owner;
SELECT lifeguard.is_member(ident.id(1000));
ALTER SCHEMA ident_elsewhere RENAME TO "ident ""2""";
SELECT lifeguard.is_member(ident.id(1000)), (SELECT relation FROM lifeguard.identity_sources WHERE kind = 'members');
ALTER TABLE "ident ""2""".people SET SCHEMA ident;
DROP SCHEMA "ident ""2""";
ALTER TABLE ident.people RENAME TO members;
ALTER TABLE ident.members OWNER TO regress_identity_helper;
SELECT lifeguard.is_member(ident.id(1000));
GRANT USAGE ON SCHEMA ident TO regress_identity_helper;
ALTER TABLE ident.members OWNER TO regress_identity_owner;
ALTER TABLE ident.members RENAME person TO someone;
SELECT lifeguard.is_member(ident.id(1000));
SELECT lifeguard.organizations();
SELECT lifeguard.is_admin();
ALTER TABLE ident.members RENAME someone TO person;
SELECT lifeguard.is_member(ident.id(1000));
ALTER TABLE ident.members RENAME organization TO somewhere;
SELECT lifeguard.is_member(ident.id(1000));
ALTER TABLE ident.members RENAME somewhere TO organization;
ALTER TABLE ident.members RENAME role TO part;
SELECT lifeguard.is_member(ident.id(1000));
ALTER TABLE ident.members RENAME part TO role;
ALTER TABLE ident.members RENAME active TO inactive;
SELECT lifeguard.is_member(ident.id(1000));
ALTER TABLE ident.members RENAME inactive TO active;
SELECT lifeguard.is_member(ident.id(1000));
REVOKE ALL ON ident.members FROM regress_identity_owner;
SELECT lifeguard.is_member(ident.id(1000));
GRANT ALL ON ident.members TO regress_identity_owner;
SELECT lifeguard.is_member(ident.id(1000));
-- a condition that fails, that asks the same question, in its own words or by a view
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'role', '1 / (organization::text <> ''00000000-0000-4000-8000-000000001000'')::int = 1') > 0;
SELECT lifeguard.is_member(ident.id(1000));
SELECT lifeguard.is_member(ident.id(1000));
\set VERBOSITY default
DO $$ BEGIN PERFORM lifeguard.organizations(); EXCEPTION WHEN division_by_zero THEN RAISE NOTICE 'failed, and is % with % for %', current_user = session_user, current_setting('search_path'), lifeguard.uid(); END $$;
\set VERBOSITY sqlstate
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'role', 'lifeguard.is_admin() OR active') > 0;
SELECT lifeguard.is_member(ident.id(1000));
SELECT lifeguard.is_admin();
SELECT lifeguard.organizations();
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'role', 'active') > 0;
GRANT SELECT ON ident.members TO regress_identity_helper;
CREATE VIEW ident.recursive AS SELECT person, organization FROM ident.members;
ALTER TABLE ident.members ENABLE ROW LEVEL SECURITY;
ALTER VIEW ident.recursive OWNER TO regress_identity_helper;
SELECT lifeguard.use_members('ident.recursive', 'person', 'organization') > 0;
SELECT lifeguard.is_member(ident.id(1001));
SELECT lifeguard.is_member(ident.id(1000));
SELECT lifeguard.organizations();
SELECT lifeguard.drop_source(id) FROM lifeguard.identity_sources WHERE relation = 'ident.recursive'::regclass;
SELECT lifeguard.is_member(ident.id(1001)), lifeguard.is_member(ident.id(1000));
ALTER TABLE ident.members DISABLE ROW LEVEL SECURITY;
-- other kinds of relation
INSERT INTO ident.parts VALUES (ident.id(1), ident.id(2000));
SELECT lifeguard.use_members('ident.parts', 'person', 'organization') > 0, lifeguard.use_members('ident.seen', 'person', 'organization', 'role') > 0;
SELECT ident.organizations();
BEGIN;
INSERT INTO ident.part_1 VALUES (ident.id(1), ident.id(2001));
SELECT ident.organizations();
UPDATE ident.members SET active = false;
SELECT ident.organizations();
ROLLBACK;
DROP TABLE ident.parts;
SELECT lifeguard.is_member(ident.id(1000));
SELECT ident.organizations();
SELECT count(*) FROM lifeguard.identity_sources WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = relation);
SELECT lifeguard.drop_source(id) FROM lifeguard.identity_sources WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = relation);
SELECT ident.organizations();
SELECT lifeguard.drop_source(id) FROM lifeguard.identity_sources;
SELECT ident.organizations(), lifeguard.is_member(ident.id(1000));
DROP VIEW ident.seen;

-- cached: off where something passes the trigger by, gone with the last source of the table
DELETE FROM lifeguard.identity_sources;
CREATE FUNCTION ident.told(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE truth int[] := (SELECT coalesce(array_agg(right(organization::text, 12)::int ORDER BY organization), '{}') FROM ident.members WHERE person = ident.id(1) AND active);
BEGIN
  RETURN CASE WHEN ident.organizations() = truth THEN '' ELSE format(' NOT TOLD %s: %s, not %s', what, ident.organizations(), truth) END;
END $$;
-- answers of the transactions before, within and after the statements
CREATE PROCEDURE ident.check_told(what text, VARIADIC statements text[]) LANGUAGE plpgsql AS $$
DECLARE statement text; found text := ident.told('before');
BEGIN
  COMMIT;
  FOREACH statement IN ARRAY statements LOOP EXECUTE statement; END LOOP;
  found := found || ident.told('within');
  COMMIT;
  RAISE NOTICE '%:% %', what, found || ident.told('after'), cardinality(lifeguard.organizations());
END $$;
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'role', 'active', cached => true) > 0;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'ident.members'::regclass AND NOT tgisinternal;
CREATE TABLE ident.elders (LIKE ident.members);
GRANT ALL ON ident.elders TO regress_identity_owner;
GRANT TRIGGER ON ident.members TO regress_identity_helper;
CREATE FUNCTION ident.tells_nobody() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION ident.row_of(n int) RETURNS text LANGUAGE sql AS $$ SELECT format('INSERT INTO ident.members (person, organization) VALUES (%L, %L)', ident.id(1), ident.id(n)) $$;
\set VERBOSITY default
SELECT ident.organizations();
CALL ident.check_told('insert', ident.row_of(1001));
CALL ident.check_told('disabled', 'ALTER TABLE ident.members DISABLE TRIGGER lifeguard_membership');
CALL ident.check_told('insert', ident.row_of(1002));
CALL ident.check_told('replica only', 'ALTER TABLE ident.members ENABLE REPLICA TRIGGER lifeguard_membership');
CALL ident.check_told('insert', ident.row_of(1003));
CALL ident.check_told('always', 'ALTER TABLE ident.members ENABLE ALWAYS TRIGGER lifeguard_membership', 'SET LOCAL session_replication_role = replica');
CALL ident.check_told('insert', 'SET LOCAL session_replication_role = replica', ident.row_of(1004));
CALL ident.check_told('enabled', 'ALTER TABLE ident.members ENABLE TRIGGER lifeguard_membership');
CALL ident.check_told('only inserts are told', 'CREATE OR REPLACE TRIGGER lifeguard_membership AFTER INSERT ON ident.members FOR EACH STATEMENT EXECUTE FUNCTION lifeguard.note_membership()');
CALL ident.check_told('delete', 'DELETE FROM ident.members WHERE organization = ident.id(1004)');
CALL ident.check_told('one column is told', 'CREATE OR REPLACE TRIGGER lifeguard_membership AFTER INSERT OR UPDATE OF role OR DELETE OR TRUNCATE ON ident.members FOR EACH STATEMENT EXECUTE FUNCTION lifeguard.note_membership()');
CALL ident.check_told('update', 'UPDATE ident.members SET active = false WHERE organization = ident.id(1003)');
CALL ident.check_told('sometimes told', 'CREATE OR REPLACE TRIGGER lifeguard_membership AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ident.members FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION lifeguard.note_membership()');
CALL ident.check_told('update', 'UPDATE ident.members SET active = true WHERE organization = ident.id(1003)');
SET ROLE regress_identity_helper;
CREATE OR REPLACE TRIGGER lifeguard_membership AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ident.members FOR EACH STATEMENT EXECUTE FUNCTION ident.tells_nobody();
RESET ROLE;
SELECT ident.organizations();
CALL ident.check_told('insert beside a trigger of our name', ident.row_of(1005));
CALL ident.check_told('another name', 'ALTER TRIGGER lifeguard_membership ON ident.members RENAME TO other');
CALL ident.check_told('insert', ident.row_of(1006));
CALL ident.check_told('none', 'DROP TRIGGER other ON ident.members');
CALL ident.check_told('delete', 'DELETE FROM ident.members WHERE organization = ident.id(1006)');
SELECT lifeguard.use_members('ident.members', 'person', 'organization', 'role', 'active', cached => true) > 0;
SELECT ident.organizations();
CALL ident.check_told('a child of another table', 'ALTER TABLE ident.members INHERIT ident.elders');
CALL ident.check_told('update of the parent', 'UPDATE ident.elders SET active = NOT active');
CALL ident.check_told('no child', 'ALTER TABLE ident.members NO INHERIT ident.elders');
CALL ident.check_told('a parent', 'CREATE TABLE ident.children () INHERITS (ident.members)');
CALL ident.check_told('insert into the child', format('INSERT INTO ident.children (person, organization) VALUES (%L, %L)', ident.id(1), ident.id(1007)));
CALL ident.check_told('no parent', 'DROP TABLE ident.children');
CALL ident.check_told('update', 'UPDATE ident.members SET active = NOT active');
CALL ident.check_told('rewritten', 'ALTER TABLE ident.members ALTER active TYPE boolean USING NOT active');
COPY ident.members (person, organization) FROM stdin;
00000000-0000-4000-8000-000000000001	00000000-0000-4000-8000-000000003000
\.
CALL ident.check_told('copy', 'SELECT');
CALL ident.check_told('cascade', 'DELETE FROM ident.users WHERE id = ident.id(1)');
INSERT INTO ident.users VALUES (ident.id(1));
CALL ident.check_told('insert', ident.row_of(1001));
CALL ident.check_told('truncate', 'TRUNCATE ident.members');
CALL ident.check_told('insert', ident.row_of(1001));
SELECT lifeguard.use_admins('ident.members', 'person', cached => true) > 0;
SELECT lifeguard.drop_source(id) FROM lifeguard.identity_sources WHERE kind = 'admins';
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'ident.members'::regclass AND tgname = 'lifeguard_membership';
SELECT lifeguard.drop_source(id) FROM lifeguard.identity_sources WHERE kind = 'members';
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'ident.members'::regclass AND tgname = 'lifeguard_membership';
SELECT ident.organizations();

-- hostile: whoever was let register sources does so for his own tables, and his code runs as he himself
\set VERBOSITY terse
GRANT USAGE ON SCHEMA lifeguard TO regress_identity_helper;
GRANT CREATE ON SCHEMA ident TO regress_identity_helper;
SET ROLE regress_identity_helper;
CREATE TABLE ident.own (person uuid, organization uuid, role text);
SELECT lifeguard.use_members('ident.own', 'person', 'organization');
INSERT INTO lifeguard.identity_sources (kind, relation, user_column) VALUES ('admins', 'ident.own', 'person');
SELECT lifeguard.try_source(1);
RESET ROLE;
SELECT count(*) > 7, string_agg(proname, ' ') FILTER (WHERE has_function_privilege('regress_identity_helper', oid, 'EXECUTE')) FROM pg_proc WHERE pronamespace = 'lifeguard'::regnamespace AND proname ~ '^use_|^drop_source|^try_source|^check_roles|^roles_of|provide_auth';
GRANT SELECT, INSERT, UPDATE, DELETE ON lifeguard.identity_sources TO regress_identity_helper;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lifeguard TO regress_identity_helper;
SET ROLE regress_identity_helper;
SELECT lifeguard.use_admins('ident.users', 'id');
SELECT lifeguard.use_admins('pg_catalog.pg_authid', 'rolname');
SELECT lifeguard.use_members('ident.documents', 'organization', 'organization');
INSERT INTO lifeguard.identity_sources (kind, relation, user_column) VALUES ('admins', 'ident.users', 'id');
INSERT INTO lifeguard.identity_sources (kind, relation, user_column) VALUES ('admins', 'ident.own', 'nothing');
INSERT INTO lifeguard.identity_sources (kind, relation, user_column, condition) VALUES ('admins', 0, 'id', 'true');
CREATE FUNCTION ident.runs(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE '% runs as %, session %, path %', what, current_user, session_user = current_user, current_setting('search_path'); RETURN 'viewer'; END $$;
CREATE FUNCTION ident.climbs() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RESET ROLE; RETURN true; END $$;
CREATE FUNCTION ident.leaves() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN SET search_path = ident; CREATE TEMP TABLE left_behind (); RETURN true; END $$;
CREATE VIEW ident.trap AS SELECT person, organization, ident.runs('view') AS role FROM ident.own;
INSERT INTO ident.own VALUES (ident.id(1), ident.id(1), 'viewer');
SELECT lifeguard.use_members('ident.trap', 'person', 'organization', 'role', 'ident.runs(''condition'') <> ''''') > 0;
SELECT lifeguard.use_members('ident.own', 'person', 'organization', 'role', 'true) OR (true') > 0;
SELECT lifeguard.use_members('ident.own', 'person', 'organization', 'role', 'true') > 0;
UPDATE lifeguard.identity_sources SET relation = 'ident.users', user_column = 'id', organization_column = 'id' WHERE relation = 'ident.own'::regclass;
RESET ROLE;
SELECT lifeguard.use_role_order('{viewer}') > 0;
SELECT ident.become(1), lifeguard.has_permission(ident.id(1), 'viewer');
-- a condition says something about the caller's rows, and makes nobody else a member
SELECT ident.become(5), lifeguard.is_member(ident.id(1));
DELETE FROM lifeguard.identity_sources WHERE relation IS NOT NULL;
\set VERBOSITY sqlstate
SELECT lifeguard.use_admins('ident.own', 'person', 'ident.climbs()') > 0;
SELECT ident.become(1);
SELECT lifeguard.is_admin();
SELECT lifeguard.use_admins('ident.own', 'person', 'ident.leaves()') > 0;
SELECT lifeguard.is_admin();
SELECT current_user = session_user, current_setting('search_path'), to_regclass('left_behind') IS NULL;
DELETE FROM lifeguard.identity_sources;
\set VERBOSITY terse
-- names that need quotes are quoted; what only exists in pg_temp or in the caller's path is not seen, operators are the server's
CREATE TABLE ident."we; DROP TABLE ""x"" --" ("u'; --" uuid, "o"";" uuid, "r $1" text);
INSERT INTO ident."we; DROP TABLE ""x"" --" VALUES (ident.id(1), ident.id(77), '''; --');
SELECT lifeguard.use_members('ident."we; DROP TABLE ""x"" --"', 'u''; --', 'o";', 'r $1') > 0, lifeguard.use_role_order(ARRAY['''; --', '"']) > 0, lifeguard.use_claim('admin', ARRAY['''; --', '"\u0041']) > 0;
SELECT ident.organizations(), lifeguard.organization_role(ident.id(77)), lifeguard.has_permission(ident.id(77), '''; --'), lifeguard.has_permission(ident.id(77), '"');
SELECT ident.become(1, jsonb_build_object('''; --', jsonb_build_object('"\u0041', true))), lifeguard.is_admin();
DELETE FROM lifeguard.identity_sources;
CREATE FUNCTION pg_temp.never(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE FUNCTION ident.always(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE OPERATOR ident.= (leftarg = uuid, rightarg = uuid, function = ident.always);
CREATE FUNCTION ident.is_member(uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE TEMP TABLE members (person uuid, organization uuid);
INSERT INTO members SELECT ident.id(n), ident.id(n) FROM generate_series(1, 100) AS n;
CREATE TEMP TABLE identity_sources (id int);
SET search_path = pg_temp, ident, pg_catalog;
SELECT lifeguard.use_members('ident.own', 'person', 'organization', 'role') > 0;
SELECT become(2), lifeguard.is_member(id(1)), lifeguard.organizations(), lifeguard.is_admin();
SELECT become(1), lifeguard.is_member(id(1)), lifeguard.is_member(id(2)), organizations(), lifeguard.organization_role(id(1));
RESET search_path;
SELECT lifeguard.use_members('ident.own', 'person', 'organization', 'role', 'EXISTS (SELECT FROM members)') > 0;
DROP TABLE pg_temp.members, pg_temp.identity_sources;
SELECT ident.become(1), ident.organizations();
DELETE FROM lifeguard.identity_sources;
-- a policy that calls itself by way of a helper of ours is the server's error, and ours stay right
ALTER TABLE ident.documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY itself ON ident.documents USING (lifeguard.is_admin() OR EXISTS (SELECT FROM ident.documents d WHERE d.id = documents.id));
GRANT SELECT ON ident.documents TO regress_identity_user;
SET ROLE regress_identity_user;
SELECT count(*) FROM ident.documents;
RESET ROLE;

-- many
TRUNCATE ident.own;
INSERT INTO ident.own SELECT ident.id(1), ident.id(n), CASE n % 2 WHEN 0 THEN 'viewer' END FROM generate_series(1, 100000) AS n;
CREATE INDEX ON ident.own (person, organization);
ANALYZE ident.own;
SELECT lifeguard.use_members('ident.own', 'person', 'organization', 'role', cached => true) > 0, lifeguard.use_role_order('{viewer}') > 0;
SELECT ident.become(1), cardinality(lifeguard.organizations()), lifeguard.organizations() = (SELECT array_agg(organization ORDER BY organization) FROM ident.own);
SELECT count(*) FILTER (WHERE lifeguard.is_member(ident.id(n))), count(*) FILTER (WHERE lifeguard.has_permission(ident.id(n), 'viewer')), count(lifeguard.organization_role(ident.id(n))) FROM generate_series(1, 120000) AS n;
SELECT ident.become(2), cardinality(lifeguard.organizations());

-- the function that a cached source's condition calls becomes another
DELETE FROM lifeguard.identity_sources;
CREATE FUNCTION ident.counts(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
SELECT lifeguard.use_admins('ident.own', 'person', 'ident.counts(role)', cached => true) > 0;
SELECT ident.become(1), lifeguard.is_admin();
CREATE OR REPLACE FUNCTION ident.counts(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
SELECT lifeguard.is_admin();

\set VERBOSITY default
DELETE FROM lifeguard.identity_sources;
RESET request.jwt.claims;
RESET ident.cached;
SET client_min_messages = warning;
REVOKE ALL ON lifeguard.identity_sources FROM regress_identity_helper;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lifeguard FROM regress_identity_helper;
REVOKE ALL ON SCHEMA lifeguard FROM regress_identity_helper;
DROP SCHEMA ident CASCADE;
DROP ROLE regress_identity_owner, regress_identity_user, regress_identity_helper;
