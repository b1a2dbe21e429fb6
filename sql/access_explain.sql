-- What decides whether a role may do something to a row: a line for each, and the verdict.
\set SHOW_CONTEXT never
\pset null (null)
SET client_min_messages = warning;
CREATE ROLE access_owner;
CREATE ROLE access_member;
CREATE ROLE access_staff;
CREATE ROLE access_clerk IN ROLE access_staff;
CREATE ROLE access_bypass BYPASSRLS;
CREATE ROLE access_nobody;
CREATE SCHEMA access AUTHORIZATION access_owner;
GRANT USAGE ON SCHEMA access TO access_member, access_staff, access_bypass;
SET ROLE access_owner;
CREATE FUNCTION access.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
CREATE TABLE access.notes (id int PRIMARY KEY, owner uuid NOT NULL, state text NOT NULL DEFAULT 'draft', secret text, length int GENERATED ALWAYS AS (length(state)) STORED);
ALTER TABLE access.notes ENABLE ROW LEVEL SECURITY;
INSERT INTO access.notes VALUES (1, '00000000-0000-4000-8000-000000000001', 'draft', 's'), (2, '00000000-0000-4000-8000-000000000002', 'public', NULL), (3, '00000000-0000-4000-8000-000000000001', 'locked', NULL);
GRANT SELECT, UPDATE, DELETE, INSERT ON access.notes TO access_member;
GRANT SELECT (id, state), UPDATE (state) ON access.notes TO access_staff;
GRANT ALL ON access.notes TO access_bypass;
RESET ROLE;
-- a table's lines, without their step
CREATE FUNCTION access.explain(command text, key jsonb, role name, person int) RETURNS TABLE (line text) LANGUAGE sql AS $$
  SELECT concat_ws(' | ', kind, name, roles, regexp_replace(expression, '\s+', ' ', 'g'), coalesce(passes::text, '-'), verdict)
    FROM monitoring.explain_access('access.notes', command, key, role, '{"role": "x"}'::jsonb || CASE WHEN person IS NULL THEN '{}' ELSE jsonb_build_object('sub', format('00000000-0000-4000-8000-00000000000%s', person)) END)
   ORDER BY step
$$;
CREATE FUNCTION access.verdict(command text, key jsonb, role name, person int) RETURNS text LANGUAGE sql AS $$
  SELECT coalesce(passes::text, '-') || ' ' || verdict
    FROM monitoring.explain_access('access.notes', command, key, role, '{"role": "x"}'::jsonb || CASE WHEN person IS NULL THEN '{}' ELSE jsonb_build_object('sub', format('00000000-0000-4000-8000-00000000000%s', person)) END)
   WHERE kind = 'summary'
$$;

-- no policy at all; then one for reading only: an UPDATE that does nothing has a reason
SELECT line FROM access.explain('select', '{"id": 1}', 'access_member', 1);
CREATE POLICY reads ON access.notes FOR SELECT USING (state = 'public' OR access.uid() = owner);
SELECT line FROM access.explain('Update', '{"id": 1}', 'access_member', 1);
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 1);
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 2);
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', NULL);
SELECT access.verdict('SELECT', '{"id": 2}', 'access_member', NULL);
SELECT access.verdict('SELECT', '{"id": 9}', 'access_member', 1);
SELECT access.verdict('SELECT', NULL, 'access_member', 1);

-- a policy for writing, one for another role, a restrictive one; new values beside the primary key
CREATE POLICY writes ON access.notes FOR UPDATE TO access_member USING (access.uid() = owner) WITH CHECK (access.uid() = owner AND state <> 'public');
CREATE POLICY staff ON access.notes TO access_staff USING (length < 6);
CREATE POLICY unlocked ON access.notes AS RESTRICTIVE FOR UPDATE USING (state <> 'locked');
SELECT line FROM access.explain('UPDATE', '{"id": 1, "state": "public"}', 'access_member', 1);
SELECT access.verdict('UPDATE', '{"id": 1}', 'access_member', 1);
SELECT access.verdict('UPDATE', '{"id": 3}', 'access_member', 1);
SELECT access.verdict('UPDATE', '{"id": 1, "state": "locked"}', 'access_member', 1);
SELECT access.verdict('UPDATE', '{"id": 1, "owner": "00000000-0000-4000-8000-000000000002"}', 'access_member', 1);
SELECT access.verdict('DELETE', '{"id": 1}', 'access_member', 1);
-- through membership; columns; what is generated is judged as it will be
SELECT line FROM access.explain('UPDATE', '{"id": 1, "state": "longer"}', 'access_clerk', NULL);
SELECT access.verdict('UPDATE', '{"id": 1, "state": "short"}', 'access_clerk', NULL);
SELECT access.verdict('UPDATE', '{"id": 1, "secret": "x"}', 'access_clerk', NULL);
SELECT access.verdict('SELECT', '{"secret": "s"}', 'access_clerk', NULL);
-- who is not asked
SELECT line FROM access.explain('DELETE', '{"id": 1}', 'access_bypass', NULL);
SELECT access.verdict('DELETE', '{"id": 1}', 'access_owner', NULL), access.verdict('DELETE', '{"id": 1}', current_user, NULL);
ALTER TABLE access.notes FORCE ROW LEVEL SECURITY;
SELECT access.verdict('DELETE', '{"id": 1}', 'access_owner', NULL);
ALTER TABLE access.notes NO FORCE ROW LEVEL SECURITY;
SELECT access.verdict('SELECT', '{"id": 1}', 'access_nobody', NULL);

-- INSERT: the proposed row, with its defaults; what RETURNING would say
CREATE POLICY adds ON access.notes FOR INSERT TO access_member WITH CHECK (state = 'draft');
SELECT access.verdict('INSERT', '{"id": 5, "owner": "00000000-0000-4000-8000-000000000001"}', 'access_member', 1);
SELECT access.verdict('INSERT', '{"id": 5, "owner": "00000000-0000-4000-8000-000000000002"}', 'access_member', 1);
SELECT access.verdict('INSERT', '{"id": 5, "state": "public"}', 'access_member', 1);
SELECT access.verdict('INSERT', NULL, 'access_member', 1);
SELECT access.verdict('INSERT', '{"id": 5}', 'access_clerk', 1);

-- an error in a policy is a verdict; a policy asks as the role, without its rights to name a schema, within row security
CREATE SCHEMA access_hidden;
CREATE TABLE access_hidden.friends (a uuid, b uuid);
INSERT INTO access_hidden.friends VALUES ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002');
ALTER TABLE access_hidden.friends ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON access_hidden.friends USING (b = access.uid());
CREATE POLICY friends ON access.notes FOR SELECT USING (EXISTS (SELECT FROM access_hidden.friends f WHERE f.a = notes.owner));
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 2);
GRANT SELECT ON access_hidden.friends TO access_member;
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 2), access.verdict('SELECT', '{"id": 1}', 'access_member', 3);
CREATE FUNCTION access.raises() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken for %', current_user; END $$;
CREATE POLICY broken ON access.notes AS RESTRICTIVE USING (access.raises());
SELECT line FROM access.explain('SELECT', '{"id": 1}', 'access_member', 1);
DROP POLICY broken ON access.notes;
DROP POLICY friends ON access.notes;
CREATE POLICY recursive ON access.notes FOR SELECT USING (EXISTS (SELECT FROM access.notes n WHERE n.id > notes.id));
SELECT access.verdict('SELECT', '{"id": 1}', 'access_nobody', 1);
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 2);
DROP POLICY recursive ON access.notes;
CREATE POLICY system ON access.notes FOR SELECT USING (tableoid = 'access.notes'::regclass);
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 2);
DROP POLICY system ON access.notes;

-- what a policy does stays in its trial: settings, rows; the caller's own claims do not come in
CREATE FUNCTION access.meddles() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('access.leak', 'leaked', false), set_config('request.jwt.claims', '{}', false);
  DELETE FROM access.notes WHERE id = 2;
  RETURN coalesce(current_setting('request.jwt.claim.sub', true), '') = '' AND coalesce(current_setting('app.current_tenant_id', true), '') = ''
     AND current_setting('role') = current_user;
END $$;
CREATE POLICY meddles ON access.notes AS RESTRICTIVE FOR SELECT USING (access.meddles());
SET request.jwt.claim.sub = '00000000-0000-4000-8000-000000000002';
SET app.current_tenant_id = 'mine';
SET access.leak = 'no';
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 1);
SELECT current_setting('access.leak'), current_setting('request.jwt.claim.sub'), current_setting('app.current_tenant_id'), current_setting('role'), count(*) FROM access.notes;
RESET request.jwt.claim.sub;
RESET app.current_tenant_id;
DROP POLICY meddles ON access.notes;
-- a claim of the name of a setting is that setting
CREATE POLICY tenant ON access.notes FOR SELECT TO access_nobody USING (state = current_setting('app.current_tenant_id', true));
GRANT USAGE ON SCHEMA access TO access_nobody;
GRANT SELECT ON access.notes TO access_nobody;
SELECT verdict FROM monitoring.explain_access('access.notes', 'SELECT', '{"id": 1}', 'access_nobody', '{"app.current_tenant_id": "draft"}') WHERE kind = 'summary';
SELECT verdict FROM monitoring.explain_access('access.notes', 'SELECT', '{"id": 1}', 'access_nobody') WHERE kind = 'summary';

-- code of others does not get out of its role
CREATE FUNCTION access.climbs() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('role', 'none', true); CREATE ROLE access_climbed SUPERUSER; RETURN true; END $$;
CREATE POLICY climbs ON access.notes AS RESTRICTIVE FOR SELECT TO access_member USING (access.climbs());
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 1);
DROP POLICY climbs ON access.notes;
SET ROLE access_owner;
CREATE FUNCTION access.spies(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF current_user <> 'access_owner' THEN RAISE WARNING 'ran as %', current_user; END IF; RETURN $1; END $$;
CREATE INDEX spies ON access.notes (access.spies(id)) WHERE access.spies(1) = 1;
RESET ROLE;
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 1);
ALTER TABLE access.notes FORCE ROW LEVEL SECURITY;
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 1);
ALTER TABLE access.notes NO FORCE ROW LEVEL SECURITY;
DROP INDEX access.spies;
SET ROLE access_owner;
CREATE FUNCTION access.checks(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'checked as %', current_user; RETURN true; END $$;
CREATE DOMAIN access.checked AS int CHECK (access.checks(VALUE));
SET client_min_messages = error;
CREATE POLICY arrays ON access.notes AS RESTRICTIVE FOR SELECT USING (id = ANY ('{1,2}'::access.checked[]));
RESET ROLE;
SET client_min_messages = warning;
SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 1);
DROP POLICY arrays ON access.notes;

-- other kinds of relations, odd names, composite and no keys, many types
SET ROLE access_owner;
CREATE TYPE access.mood AS ENUM ('sad', 'happy');
CREATE TYPE access.pair AS (a int, b text);
CREATE TABLE access."odd ""ta'ble" ("k 1" int, "k""2" text, m access.mood, d access.checked, a text[], j jsonb, b bytea, r int4range, p access.pair, f float8, PRIMARY KEY ("k 1", "k""2"));
ALTER TABLE access."odd ""ta'ble" ENABLE ROW LEVEL SECURITY;
SET client_min_messages = error;
INSERT INTO access."odd ""ta'ble" VALUES (1, 'a''b"\c', 'happy', 1, '{"x,y",NULL}', '{"a": [1]}', '\x00ff', '[1,3)', '(1,"x y")', 0.1);
SET client_min_messages = warning;
CREATE POLICY "p ""o'l" ON access."odd ""ta'ble" USING (m = 'happy' AND a[1] = 'x,y' AND j -> 'a' = '[1]' AND b = '\x00ff' AND 2 <@ r AND (p).b = 'x y' AND f = 0.1::float8 AND "odd ""ta'ble" IS NOT NULL IS NOT NULL);
GRANT ALL ON access."odd ""ta'ble" TO access_member;
CREATE TABLE access.keyless (a int, b int);
INSERT INTO access.keyless VALUES (1, 1), (1, 2), (NULL, 3);
GRANT ALL ON access.keyless TO access_member;
CREATE TABLE access.parts (id int, part int, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE access.parts_1 PARTITION OF access.parts FOR VALUES IN (1);
INSERT INTO access.parts VALUES (1, 1);
ALTER TABLE access.parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON access.parts USING (id = 1);
GRANT ALL ON access.parts, access.parts_1 TO access_member;
CREATE VIEW access.as_owner AS SELECT * FROM access.notes;
CREATE VIEW access.as_caller WITH (security_invoker) AS SELECT * FROM access.notes;
GRANT ALL ON access.as_owner, access.as_caller TO access_member;
CREATE MATERIALIZED VIEW access.kept AS SELECT 1 AS id;
GRANT SELECT ON access.kept TO access_member;
RESET ROLE;
SET client_min_messages = error;
SELECT kind, name, passes, verdict FROM monitoring.explain_access('access."odd ""ta''ble"', 'update', '{"k 1": 1, "k\"2": "a''b\"\\c", "d": 2}', 'access_member');
SET client_min_messages = warning;
SELECT verdict FROM monitoring.explain_access('access.keyless', 'select', '{"a": null}', 'access_member') WHERE kind = 'summary';
SELECT verdict FROM monitoring.explain_access('access.keyless', 'select', '{"a": 1, "b": 2}', 'access_member') WHERE kind = 'summary';
SELECT verdict FROM monitoring.explain_access('access.parts', 'update', '{"id": 1, "part": 1}', 'access_member') WHERE kind = 'summary';
SELECT verdict FROM monitoring.explain_access('access.parts_1', 'update', '{"id": 1, "part": 1}', 'access_member') WHERE kind = 'summary';
SELECT kind, name, passes, verdict FROM monitoring.explain_access('access.as_owner', 'delete', '{"id": 1}', 'access_member');
SELECT kind, name, passes, verdict FROM monitoring.explain_access('access.as_caller', 'delete', NULL, 'access_member');
SELECT kind, name, passes, verdict FROM monitoring.explain_access('access.kept', 'select', '{"id": 1}', 'access_member');
-- a view writes to one of its tables and reads the others; or its trigger does
SET ROLE access_owner;
CREATE VIEW access.joined WITH (security_invoker) AS SELECT (SELECT max(a) FROM access.keyless) AS m, p.* FROM access.parts p WHERE EXISTS (SELECT FROM access.notes n WHERE n.id = p.id);
CREATE VIEW access.outer WITH (security_invoker) AS SELECT * FROM access.joined;
CREATE FUNCTION access.instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE VIEW access.triggered AS SELECT 1 AS id;
CREATE TRIGGER t INSTEAD OF DELETE ON access.triggered FOR EACH ROW EXECUTE FUNCTION access.instead();
GRANT ALL ON access.joined, access.outer, access.triggered TO access_member;
RESET ROLE;
SELECT name, passes, verdict FROM monitoring.explain_access('access.outer', 'delete', NULL, 'access_member') WHERE kind IN ('view', 'base table', 'summary');
SELECT name, passes, verdict FROM monitoring.explain_access('access.triggered', 'delete', NULL, 'access_member') WHERE kind IN ('view', 'base table', 'summary');
SELECT name, passes, verdict FROM monitoring.explain_access('access.triggered', 'insert', NULL, 'access_member') WHERE kind IN ('view', 'base table', 'summary');

-- arguments; who may
\set VERBOSITY default
SELECT * FROM monitoring.explain_access(NULL, 'select');
SELECT * FROM monitoring.explain_access('access.notes_pkey', 'select');
SELECT * FROM monitoring.explain_access('access.notes', 'truncate');
SELECT * FROM monitoring.explain_access('access.notes', NULL);
SELECT * FROM monitoring.explain_access('access.notes', 'select', '[1]');
SELECT * FROM monitoring.explain_access('access.notes', 'select', '{}');
SELECT * FROM monitoring.explain_access('access.notes', 'select', '{"iid": 1, "id": 1}');
SELECT * FROM monitoring.explain_access('access.notes', 'select', '{"state": "draft", "ctid": 1}');
SELECT * FROM monitoring.explain_access('access.keyless', 'select', '{"a": 1}');
SELECT verdict FROM monitoring.explain_access('access.notes', 'select', '{"id": "x"}') WHERE kind IN ('row', 'summary');
SELECT * FROM monitoring.explain_access('access.notes', 'select', NULL, 'no "such" role');
SELECT * FROM monitoring.explain_access('access.notes', 'select', NULL, NULL);
SELECT * FROM monitoring.explain_access('access.notes', 'select', NULL, 'access_member', '"claims"');
SET ROLE access_bypass;
SELECT * FROM monitoring.explain_access('access.notes', 'select', NULL, 'access_member');
RESET ROLE;
GRANT EXECUTE ON FUNCTION monitoring.explain_access TO access_bypass, access_member;
SET ROLE access_member;
SELECT * FROM monitoring.explain_access('access.notes', 'select', NULL, 'access_member');
RESET ROLE;
SET ROLE access_bypass;
SELECT * FROM monitoring.explain_access('access.notes', 'select', NULL, 'access_member');
RESET ROLE;
GRANT access_member, access_owner TO access_bypass;
SET ROLE access_bypass;
SELECT verdict FROM monitoring.explain_access('access.notes', 'select', '{"id": 1}', 'access_member', '{"sub": "00000000-0000-4000-8000-000000000001"}') WHERE kind = 'summary';
RESET ROLE;
REVOKE EXECUTE ON FUNCTION monitoring.explain_access FROM access_bypass, access_member;

BEGIN READ ONLY;
SELECT * FROM monitoring.explain_access('access.notes', 'select', NULL, 'access_member');
ROLLBACK;

-- within somebody's SECURITY DEFINER function, within savepoints
CREATE FUNCTION access.nested() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT access.verdict('SELECT', '{"id": 1}', 'access_member', 1) $$;
BEGIN;
SAVEPOINT a;
UPDATE access.notes SET state = 'public' WHERE id = 1;
SELECT access.nested(), access.verdict('SELECT', '{"id": 1}', 'access_member', 2);
ROLLBACK TO a;
SELECT access.nested(), access.verdict('SELECT', '{"id": 1}', 'access_member', 2);
COMMIT;
SELECT count(*) FROM pg_proc WHERE proname LIKE 'lifeguard\_%';

SET client_min_messages = error;
DROP SCHEMA access, access_hidden CASCADE;
DROP ROLE access_owner, access_member, access_clerk, access_staff, access_bypass, access_nobody;
