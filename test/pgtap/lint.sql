-- monitoring.lint(): each fault is found where it is, its remedy mends it, and a database without faults has no finding.
SELECT no_plan();
SET client_min_messages = error;
SET search_path = public;
CREATE EXTENSION lifeguard;

DROP ROLE IF EXISTS lint_login, lint_visitor, lint_member, lint_service, lint_backend, lint_owner, lint_reader, "lint ""Odd"", role";
CREATE ROLE lint_login LOGIN NOINHERIT;
CREATE ROLE lint_visitor;
CREATE ROLE lint_member;
CREATE ROLE lint_service BYPASSRLS;
CREATE ROLE "lint ""Odd"", role";
CREATE ROLE lint_backend LOGIN;
CREATE ROLE lint_owner LOGIN;
CREATE ROLE lint_reader LOGIN IN ROLE pg_monitor;
GRANT lint_visitor, lint_member, lint_service, "lint ""Odd"", role" TO lint_login;

CREATE SCHEMA auth;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
CREATE VIEW pg_temp.findings AS SELECT * FROM monitoring.lint();
-- Finds it; runs the remedy; finds it no more. One row of TAP each.
CREATE FUNCTION pg_temp.mends(lint text, object text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  f record;
BEGIN
  SELECT * INTO f FROM monitoring.lint() m WHERE m.lint = mends.lint AND m.object = mends.object;
  RETURN NEXT ok(FOUND, format('%s: %s is found', lint, object));
  IF FOUND THEN
    EXECUTE f.remedy;
    RETURN NEXT is((SELECT count(*) FROM monitoring.lint(NULL, true) m WHERE m.lint = mends.lint AND m.object = mends.object), 0::bigint, format('%s: its remedy mends it', lint));
  END IF;
EXCEPTION WHEN OTHERS THEN
  RETURN NEXT fail(format('%s: the remedy of %s fails: %s: %s', lint, object, SQLERRM, f.remedy));
END $$;
CREATE FUNCTION pg_temp.found(relation regclass) RETURNS text LANGUAGE sql AS $$
  SELECT coalesce(string_agg(DISTINCT lint, ' ' ORDER BY lint), 'nothing') FROM monitoring.lint(relation)
$$;

SELECT is_empty('SELECT * FROM pg_temp.findings', 'an empty database has no finding');

-- a shop as it should be -------------------------------------------------------------------------------------------------------
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO lint_visitor, lint_member, lint_service, lint_backend;
CREATE TABLE shop.profiles (id uuid PRIMARY KEY, full_name text, role text NOT NULL DEFAULT 'user', is_paid boolean NOT NULL DEFAULT false);
CREATE TABLE shop.organizations (id uuid PRIMARY KEY, name text);
CREATE TABLE shop.members (organization_id uuid REFERENCES shop.organizations, user_id uuid REFERENCES shop.profiles, role text NOT NULL DEFAULT 'member', PRIMARY KEY (user_id, organization_id));
CREATE INDEX ON shop.members (organization_id);
CREATE TABLE shop.projects (id uuid PRIMARY KEY, owner_id uuid NOT NULL REFERENCES shop.profiles, organization_id uuid REFERENCES shop.organizations, name text, is_public boolean NOT NULL DEFAULT false, archived boolean);
CREATE INDEX ON shop.projects (owner_id);
CREATE INDEX ON shop.projects (organization_id);
CREATE TABLE shop.tasks (id uuid PRIMARY KEY, project_id uuid NOT NULL REFERENCES shop.projects, title text, due timestamptz);
CREATE INDEX ON shop.tasks (project_id, due);
CREATE TABLE shop.secrets (key text PRIMARY KEY, value text);                                  -- nobody's but the owner's
CREATE TABLE shop.jobs (id int PRIMARY KEY, payload jsonb);                                    -- the backend's: no row security
CREATE TABLE shop.events (at timestamptz NOT NULL, user_id uuid NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE shop.events_2025 PARTITION OF shop.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE INDEX ON shop.events (user_id);
CREATE VIEW shop.names WITH (security_invoker = on) AS SELECT id, full_name FROM shop.profiles;
CREATE VIEW shop.report AS SELECT count(*) FROM shop.projects;                                 -- the backend's
CREATE MATERIALIZED VIEW shop.totals AS SELECT owner_id, count(*) FROM shop.projects GROUP BY 1;
CREATE VIEW shop.constants AS SELECT 1 AS one;
GRANT SELECT ON shop.constants TO PUBLIC;
GRANT SELECT ON shop.names TO lint_member;
GRANT SELECT ON shop.report, shop.totals TO lint_backend;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.jobs TO lint_backend;
GRANT SELECT ON shop.profiles TO lint_member;
GRANT INSERT (id, full_name), UPDATE (full_name) ON shop.profiles TO lint_member;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.projects, shop.tasks TO lint_member;
GRANT SELECT ON shop.projects TO lint_visitor;
GRANT SELECT ON shop.organizations, shop.members, shop.events TO lint_member;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO lint_service;
CREATE FUNCTION shop.is_manager(organization uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT lifeguard.has_permission(organization, 'manager') $$;
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN new; END $$;
CREATE FUNCTION shop.me() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT lifeguard.uid() $$;
CREATE PROCEDURE shop.clean() LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$ BEGIN END $$;
REVOKE EXECUTE ON ROUTINE shop.clean(), shop.is_manager(uuid) FROM PUBLIC;
ALTER TABLE shop.profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.members ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY profiles_read ON shop.profiles FOR SELECT TO lint_member USING (true);
CREATE POLICY profiles_insert ON shop.profiles FOR INSERT TO lint_member WITH CHECK (id = lifeguard.uid());
CREATE POLICY profiles_update ON shop.profiles FOR UPDATE TO lint_member USING (id = lifeguard.uid() OR lifeguard.is_admin());
CREATE POLICY organizations_read ON shop.organizations FOR SELECT TO lint_member USING (lifeguard.is_member(id));
CREATE POLICY members_read ON shop.members FOR SELECT TO lint_member USING (user_id = (SELECT auth.uid()) OR lifeguard.is_member(organization_id));
CREATE POLICY projects_visitor ON shop.projects FOR SELECT TO lint_visitor USING (is_public);
CREATE POLICY projects_member ON shop.projects TO lint_member
  USING (owner_id = shop.me() OR is_public AND name <> 'auth.uid() random() user_metadata' OR lifeguard.is_member(organization_id)) WITH CHECK (owner_id = lifeguard.uid());
CREATE POLICY tasks_member ON shop.tasks TO lint_member
  USING (EXISTS (SELECT FROM shop.projects p WHERE p.id = tasks.project_id AND p.owner_id = (SELECT auth.uid()) AND p.archived IS NOT TRUE))
  WITH CHECK (EXISTS (SELECT FROM shop.projects p WHERE p.id = project_id AND p.owner_id = lifeguard.uid()));
CREATE POLICY tasks_restricted ON shop.tasks AS RESTRICTIVE TO lint_member USING (due < now() OR due IS NULL);
CREATE POLICY events_read ON shop.events FOR SELECT TO lint_member
  USING (user_id = lifeguard.uid() AND ((lifeguard.claims() -> 'app_metadata') ->> 'plan') = 'paid' OR EXISTS (
    SELECT FROM shop.profiles p WHERE p.id = lifeguard.uid() AND p.role = 'admin' AND p.is_paid));
CREATE POLICY service ON shop.events TO lint_service USING (true) WITH CHECK (true);
CREATE FUNCTION shop.am_i_known() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$ SELECT true $$;
SELECT is_empty('SELECT * FROM pg_temp.findings', 'a database without faults has no finding');
SELECT ok(EXISTS (SELECT FROM lifeguard.policy_subjects), 'although there is enough to look at');

-- faults ------------------------------------------------------------------------------------------------------------------------
CREATE SCHEMA bad;
GRANT USAGE ON SCHEMA bad TO lint_visitor, lint_member;

-- row security is off
CREATE TABLE bad.open (id int);
GRANT SELECT ON bad.open TO PUBLIC;
CREATE TABLE bad.column_only (id int, name text);
GRANT UPDATE (name) ON bad.column_only TO lint_member;
CREATE TABLE bad.forgotten (id int);
CREATE POLICY nobody_asks ON bad.forgotten USING (true);
CREATE TABLE bad.unreachable (id int);
CREATE SCHEMA hidden;
CREATE TABLE hidden.granted (id int);
GRANT ALL ON hidden.granted TO PUBLIC, lint_member;
SELECT is((SELECT severity FROM monitoring.lint('bad.open')), 'warning', 'an open table that can be read is a warning');
SELECT is((SELECT severity FROM monitoring.lint('bad.column_only')), 'critical', 'one that can be written is critical');
SELECT is(pg_temp.found('bad.unreachable') || pg_temp.found('hidden.granted'), 'nothingnothing', 'a table that nobody reaches is none of it');
SELECT pg_temp.mends('row_security_off', object) FROM unnest('{bad.open,bad.column_only,bad.forgotten}'::text[]) AS object;

-- row security is on, and there are no policies
SELECT pg_temp.mends('no_policies', object) FROM unnest('{bad.open,bad.column_only}'::text[]) AS object;
SELECT is(pg_temp.found('bad.open'), 'nothing', 'and nothing is left of it');

-- a command is granted and has no policy: the hole of May 2025
CREATE TABLE bad.profiles (id uuid PRIMARY KEY, name text);
ALTER TABLE bad.profiles ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON bad.profiles TO lint_member;
CREATE POLICY s ON bad.profiles FOR SELECT USING (true);
CREATE POLICY i ON bad.profiles FOR INSERT WITH CHECK (id = lifeguard.uid());
CREATE POLICY u ON bad.profiles FOR UPDATE USING (id = lifeguard.uid());
SELECT is(pg_temp.found('bad.profiles'), 'nothing', 'as long as the policy is there, all is well');
DROP POLICY u ON bad.profiles;
SELECT is((SELECT severity || ' ' || why FROM monitoring.lint('bad.profiles') WHERE object = 'UPDATE on bad.profiles'),
          'warning UPDATE on bad.profiles is granted to lint_member, and no permissive policy lets it through: the statement ends with "UPDATE 0" and no error.', 'the missing UPDATE policy is told');
DO $$ BEGIN EXECUTE (SELECT substring(remedy FROM 'CREATE POLICY.*') FROM monitoring.lint('bad.profiles')); END $$;
SELECT is(pg_temp.found('bad.profiles'), 'nothing', 'and the policy that the remedy proposes mends it');
DROP POLICY profiles_update ON bad.profiles;
CREATE POLICY restricts ON bad.profiles AS RESTRICTIVE FOR UPDATE USING (true);
SELECT pg_temp.mends('command_without_policy', 'UPDATE on bad.profiles');
CREATE POLICY check_only ON bad.profiles FOR DELETE TO lint_member USING (id = lifeguard.uid());
SELECT pg_temp.mends('policy_without_grant', 'policy check_only on bad.profiles');
CREATE TABLE bad.members_only (id uuid PRIMARY KEY);
ALTER TABLE bad.members_only ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON bad.members_only TO lint_visitor, lint_member;
CREATE POLICY s ON bad.members_only FOR SELECT TO lint_member USING (true);
SELECT pg_temp.mends('role_without_policy', 'bad.members_only');
SELECT is(pg_temp.found('bad.members_only'), 'nothing', 'and nothing is left of it');
CREATE SCHEMA half_open;
GRANT USAGE ON SCHEMA half_open TO lint_member;
CREATE TABLE half_open.t (id uuid PRIMARY KEY);
ALTER TABLE half_open.t ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON half_open.t TO PUBLIC;
CREATE POLICY s ON half_open.t FOR SELECT TO lint_member USING (true);
SELECT is(pg_temp.found('half_open.t'), 'nothing', 'what PUBLIC was granted serves those who have a policy');
GRANT UPDATE ON half_open.t TO PUBLIC;
SELECT pg_temp.mends('command_without_policy', 'UPDATE on half_open.t');

-- the owner is not subject to them
CREATE TABLE bad.owned (id uuid PRIMARY KEY);
ALTER TABLE bad.owned OWNER TO lint_owner;
ALTER TABLE bad.owned ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON bad.owned USING (id = lifeguard.uid());
SELECT pg_temp.mends('owner_not_subject', 'bad.owned');
ALTER TABLE bad.owned NO FORCE ROW LEVEL SECURITY;
ALTER TABLE bad.owned OWNER TO lint_member;
SELECT is((SELECT severity FROM monitoring.lint('bad.owned')), 'critical', 'critical when an API role is the owner');
SELECT pg_temp.mends('owner_not_subject', 'bad.owned');

-- several permissive policies
CREATE TABLE bad.crowded (id int PRIMARY KEY, owner_id uuid, note text);
CREATE INDEX ON bad.crowded (owner_id);
ALTER TABLE bad.crowded ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON bad.crowded TO lint_member, "lint ""Odd"", role";
GRANT USAGE ON SCHEMA bad TO "lint ""Odd"", role";
CREATE POLICY "a ""quoted"" one" ON bad.crowded USING (lifeguard.is_admin());
CREATE POLICY own ON bad.crowded FOR UPDATE TO lint_member USING (owner_id = lifeguard.uid()) WITH CHECK (note <> E'it''s\n"here" -- \\');
CREATE POLICY odd ON bad.crowded FOR SELECT TO lint_member, "lint ""Odd"", role" USING (owner_id = lifeguard.uid() AND note IS NOT NULL);
CREATE POLICY crowded_select ON bad.crowded AS RESTRICTIVE FOR SELECT TO lint_member USING (id > 0);
SELECT pg_temp.mends('several_permissive_policies', 'bad.crowded');
SELECT is(pg_temp.found('bad.crowded'), 'nothing', 'and nothing is left of it');
SELECT set_eq($$SELECT polname::text, polpermissive FROM pg_policy WHERE polrelid = 'bad.crowded'::regclass$$,
  $$VALUES ('crowded_delete', true), ('crowded_insert', true), ('crowded_select', false), ('crowded_select_all', true), ('crowded_update', true)$$, 'there is one policy a command');

-- a volatile function
CREATE FUNCTION bad.volatile() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a lint has run me'; END $$;
CREATE TABLE bad.volatile (id int PRIMARY KEY, until timestamptz);
ALTER TABLE bad.volatile ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, DELETE ON bad.volatile TO lint_member;
CREATE POLICY ours ON bad.volatile FOR SELECT USING (bad.volatile());
CREATE POLICY clock ON bad.volatile FOR DELETE USING (until > clock_timestamp());
CREATE POLICY dice ON bad.volatile FOR INSERT WITH CHECK (id > (SELECT random()));
SELECT pg_temp.mends('volatile_policy', format('policy %s on bad.volatile', policy)) FROM unnest('{ours,clock,dice}'::text[]) AS policy;

-- helpers for each row
CREATE FUNCTION bad.is_admin() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE EXCEPTION 'a lint has run me'; END $$;
CREATE TABLE bad.slow (id uuid PRIMARY KEY, note text);
ALTER TABLE bad.slow ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON bad.slow TO lint_member;
CREATE POLICY s ON bad.slow FOR SELECT USING (id = auth.uid() AND note <> 'auth.uid()');
CREATE POLICY i ON bad.slow FOR INSERT WITH CHECK (id = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid);
CREATE POLICY u ON bad.slow FOR UPDATE USING ((auth.jwt() ->> 'sub')::uuid = id) WITH CHECK (note = current_setting('request.jwt.claim.email', true));
CREATE POLICY d ON bad.slow FOR DELETE USING (bad.is_admin());
SELECT pg_temp.mends('per_row_helper', format('policy %s on bad.slow', policy)) FROM unnest('{s,i,u,d}'::text[]) AS policy;
SELECT is((SELECT array_agg(pg_get_expr(coalesce(polqual, polwithcheck), polrelid) ORDER BY polname) FROM pg_policy WHERE polrelid = 'bad.slow'::regclass),
  ARRAY['( SELECT bad.is_admin() AS is_admin)', '(id = lifeguard.uid())', '((id = lifeguard.uid()) AND (note <> ''auth.uid()''::text))', '(lifeguard.uid() = id)'],
  'they say what they said, and a literal is no call');
CREATE FUNCTION bad.mine() RETURNS uuid[] LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE EXCEPTION 'a lint has run me'; END $$;
CREATE FUNCTION bad.all_of() RETURNS SETOF uuid LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE EXCEPTION 'a lint has run me'; END $$;
ALTER POLICY d ON bad.slow USING (id = ANY (bad.mine()) AND id IN (SELECT x FROM bad.all_of() AS x));
SELECT pg_temp.mends('per_row_helper', 'policy d on bad.slow');
ALTER POLICY d ON bad.slow USING (note <> '(EXISTS ( SELECT FROM shop.members m WHERE ((m.organization_id = slow.id) AND (m.user_id = auth.uid()))))');
SELECT is_empty($$SELECT FROM monitoring.lint('bad.slow') WHERE object = 'policy d on bad.slow'$$, 'what only a literal says is nothing');
CREATE TABLE bad.documents (id uuid PRIMARY KEY, organization_id uuid);
CREATE INDEX ON bad.documents (organization_id);
ALTER TABLE bad.documents ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON bad.documents TO lint_member;
CREATE POLICY s ON bad.documents FOR SELECT USING (EXISTS (SELECT FROM shop.members m WHERE documents.organization_id = m.organization_id AND auth.uid() = m.user_id));
SELECT pg_temp.mends('per_row_membership', 'policy s on bad.documents');
SELECT is(pg_get_expr(polqual, polrelid), 'lifeguard.is_member(organization_id)', 'it asks is_member() now') FROM pg_policy WHERE polrelid = 'bad.documents'::regclass;

-- a column that its user may write
CREATE TABLE bad.people (id uuid PRIMARY KEY, "Role" text, is_paid boolean, name text, level int GENERATED ALWAYS AS (1) STORED);
ALTER TABLE bad.people ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON bad.people TO lint_member;
CREATE POLICY s ON bad.people FOR SELECT USING (true);
CREATE POLICY i ON bad.people FOR INSERT WITH CHECK (id = lifeguard.uid());
CREATE POLICY u ON bad.people FOR UPDATE USING (id = lifeguard.uid());
CREATE TABLE bad.payouts (id int PRIMARY KEY);
ALTER TABLE bad.payouts ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON bad.payouts TO lint_member;
CREATE POLICY s ON bad.payouts FOR SELECT USING (EXISTS (SELECT FROM bad.people p WHERE p.id = lifeguard.uid() AND p."Role" = 'admin' AND p.is_paid AND p.level = 1));
SELECT matches((SELECT why FROM monitoring.lint('bad.payouts')), 'bad\.people\."Role", bad\.people\.is_paid, which lint_member may write', 'the columns and the role are named');
ALTER POLICY i ON bad.people WITH CHECK (id = lifeguard.uid() AND "Role" = 'user' AND NOT is_paid);
ALTER POLICY u ON bad.people WITH CHECK (id = lifeguard.uid() AND "Role" = 'user' AND NOT is_paid);
SELECT is(pg_temp.found('bad.payouts'), 'nothing', 'a check of the column protects it');
ALTER POLICY u ON bad.people WITH CHECK (lifeguard.is_admin());
SELECT is(pg_temp.found('bad.payouts'), 'nothing', 'and so does a policy that lets only others write');
ALTER POLICY u ON bad.people WITH CHECK (id = lifeguard.uid());
CREATE FUNCTION bad.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new."Role" := old."Role"; new.is_paid := old.is_paid; RETURN new; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON bad.people FOR EACH ROW EXECUTE FUNCTION bad.keep();
SELECT is(pg_temp.found('bad.payouts'), 'nothing', 'or a trigger that compares old and new');
ALTER TABLE bad.people DISABLE TRIGGER keep;
CREATE FUNCTION pg_temp.protects() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  IF to_regproc('lifeguard.protect_columns') IS NOT NULL THEN
    PERFORM lifeguard.protect_columns('bad.people', '{Role,is_paid}');
    RETURN NEXT is(pg_temp.found('bad.payouts'), 'nothing', 'protect_columns() protects it');
    PERFORM lifeguard.forget('bad.people');
  END IF;
END $$;
SELECT pg_temp.protects();
SELECT pg_temp.mends('trusts_writable_column', 'policy s on bad.payouts');
SELECT ok(has_column_privilege('lint_member', 'bad.people', 'name', 'UPDATE') AND NOT has_column_privilege('lint_member', 'bad.people', 'Role', 'UPDATE'), 'the other columns can still be written');
GRANT UPDATE ON bad.people TO lint_member;
CREATE FUNCTION bad.paid() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = bad, pg_temp AS $$ SELECT coalesce((SELECT is_paid FROM people WHERE id = auth.uid()), false) $$;
ALTER POLICY s ON bad.payouts USING ((SELECT bad.paid()));
SELECT pg_temp.mends('trusts_writable_column', 'bad.paid()');
CREATE TABLE bad.admins (user_id uuid PRIMARY KEY, active boolean DEFAULT true);
GRANT INSERT ON bad.admins TO lint_member;
CREATE FUNCTION bad.is_boss() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN EXISTS (SELECT FROM bad.admins a WHERE a.user_id = (SELECT auth.uid()) /* active */); END $$;
ALTER POLICY s ON bad.payouts USING ((SELECT bad.is_boss()));
SELECT pg_temp.mends('trusts_writable_column', 'bad.is_boss()');

-- user metadata, in any spelling
CREATE TABLE bad.metadata (id int PRIMARY KEY, kind text, "user_metadata" jsonb);
ALTER TABLE bad.metadata ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON bad.metadata TO lint_member;
CREATE POLICY m ON bad.metadata FOR SELECT USING (true);
CREATE FUNCTION bad.plan() RETURNS text LANGUAGE sql STABLE AS $$ SELECT auth.jwt() -> 'user_metadata' ->> 'plan' $$;
CREATE FUNCTION pg_temp.spelled(expression text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER POLICY m ON bad.metadata USING (%s)', expression);
  RETURN QUERY SELECT pg_temp.mends('trusts_user_metadata', 'policy m on bad.metadata');
END $$;
SELECT pg_temp.spelled(expression) FROM unnest(ARRAY[
  $$(auth.jwt() -> 'user_metadata' ->> 'role') = 'admin'$$,
  $$((SELECT auth.jwt()) #>> '{user_metadata,role}') = 'admin'$$,
  $$jsonb_extract_path_text(auth.jwt(), 'user_metadata', 'role') = 'admin'$$,
  $$(auth.jwt())['user_metadata']['admin'] = 'true'$$,
  $$auth.jwt() @> '{"user_metadata": {"role": "admin"}}'$$,
  $$auth.jwt() @? '$.user_metadata.admin'$$,
  $$lifeguard.claim('user_metadata')::jsonb ? 'admin'$$,
  $$(lifeguard.claims() -> 'user_metadata' -> 'admin')::boolean$$,
  $$(current_setting('request.jwt.claims', true)::jsonb -> 'user_metadata' ->> 'a') = 'b'$$,
  $$(SELECT bad.plan()) = 'paid'$$]) AS expression;
ALTER POLICY m ON bad.metadata USING (kind = 'user_metadata' AND "user_metadata" IS NOT NULL AND (lifeguard.claims() -> 'app_metadata' ->> 'role') = 'user_metadata');
SELECT is(pg_temp.found('bad.metadata'), 'nothing', 'the word alone is no fault');

-- writes without a condition
CREATE TABLE bad.free (id int PRIMARY KEY, owner_id uuid);
CREATE INDEX ON bad.free (owner_id);
ALTER TABLE bad.free ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON bad.free TO lint_member;
CREATE POLICY p ON bad.free USING (true);
CREATE POLICY limits ON bad.free AS RESTRICTIVE USING (owner_id = lifeguard.uid());
SELECT is(pg_temp.found('bad.free'), 'nothing', 'a restrictive policy limits it');
DROP POLICY limits ON bad.free;
SELECT pg_temp.mends('unrestricted_write', 'policy p on bad.free');
CREATE POLICY i ON bad.free FOR INSERT WITH CHECK (true);
CREATE POLICY u ON bad.free FOR UPDATE USING (owner_id = lifeguard.uid()) WITH CHECK (true);
CREATE POLICY d ON bad.free FOR DELETE TO lint_service USING (true);
SELECT pg_temp.mends('unrestricted_write', 'policy i on bad.free');
SELECT pg_temp.mends('unrestricted_write', 'policy u on bad.free');
ALTER POLICY u ON bad.free USING (true) WITH CHECK (owner_id = lifeguard.uid());
SELECT pg_temp.mends('unrestricted_write', 'policy u on bad.free');
-- constant, but not by that word; nothing of the application's is evaluated for it
CREATE FUNCTION bad.agrees(boolean) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'evaluated as %', current_user; END $$;
CREATE FUNCTION pg_temp.unrestricted(condition text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  found boolean;
BEGIN
  EXECUTE format('CREATE POLICY constant ON bad.free FOR INSERT TO lint_member WITH CHECK (%s)', condition);
  found := EXISTS (SELECT FROM monitoring.lint('bad.free') l WHERE l.lint = 'unrestricted_write' AND l.object = 'policy constant on bad.free');
  DROP POLICY constant ON bad.free;
  RETURN found;
END $$;
SELECT ok(pg_temp.unrestricted(c), c || ' is found')
  FROM unnest(ARRAY['1 = 1', 'NOT false', 'true OR owner_id = lifeguard.uid()', 'owner_id IS NULL OR (2 > 1 AND ''a'' <> ''b'')', '(SELECT true)', 'NOT (owner_id IS NULL AND false)',
                    'true IS NOT NULL', 'coalesce(NULL, true)', 'length(''abc'') = 3', '''x'' LIKE ''%''', '1 IN (1, 2)', 'bad.agrees(true) OR true', 'CASE WHEN 1 = 1 THEN true END']) AS c;
SELECT ok(NOT pg_temp.unrestricted(c), c || ' is not')
  FROM unnest(ARRAY['owner_id = owner_id', 'false', 'NULL', 'NOT NULL::boolean', '1 / 0 = 1', 'true AND owner_id = lifeguard.uid()', 'bad.agrees(true)', 'now() > ''2000-01-01''', 'current_user = ''x''',
                    'id > 0', '(SELECT true WHERE false)', '(SELECT true FROM bad.free LIMIT 0)', 'EXISTS (SELECT)', 'random() >= 0', 'current_setting(''a.b'') = ''c''']) AS c;
CREATE POLICY u2 ON bad.free FOR UPDATE TO lint_member USING (1 = 1) WITH CHECK (owner_id = lifeguard.uid());
SELECT pg_temp.mends('unrestricted_write', 'policy u2 on bad.free');
DROP POLICY u2 ON bad.free;
CREATE POLICY u2 ON bad.free FOR UPDATE TO lint_member USING (owner_id = lifeguard.uid()) WITH CHECK (NOT false);
SELECT pg_temp.mends('unrestricted_write', 'policy u2 on bad.free');
DROP POLICY u2 ON bad.free;
DROP FUNCTION bad.agrees(boolean);
SELECT is_empty($$SELECT FROM monitoring.lint('bad.free') WHERE lint = 'unrestricted_write'$$, 'whoever bypasses row security needs no condition');

-- views
CREATE VIEW bad.direct AS SELECT id FROM shop.profiles;
CREATE VIEW bad.inner_view AS SELECT id FROM shop.profiles;
CREATE VIEW bad."outer View" WITH (security_invoker = true) AS SELECT id FROM bad.inner_view;
CREATE VIEW bad.through WITH (security_invoker = false) AS SELECT id FROM shop.names;
CREATE MATERIALIZED VIEW bad.copied AS SELECT id FROM shop.projects;
CREATE VIEW bad.by_subject AS SELECT id FROM shop.profiles;
ALTER VIEW bad.by_subject OWNER TO lint_backend;
GRANT SELECT ON bad.direct, bad."outer View", bad.through, bad.copied, bad.by_subject TO lint_visitor;
SELECT is(pg_temp.found('bad.by_subject'), 'nothing', 'an owner for whom the policies hold shows no more');
SELECT pg_temp.mends('view_bypasses_policies', object) FROM unnest('{bad.direct,bad.inner_view,bad.through}'::text[]) AS object;
SELECT pg_temp.mends('materialized_view_bypasses_policies', 'bad.copied');
SELECT is(pg_temp.found('bad."outer View"'), 'nothing', 'a view that asks for the caller''s rights is none');

-- functions with their owner's rights
CREATE FUNCTION bad."pay Out"(int, text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN END $$;
CREATE FUNCTION bad.board() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$ SELECT 1 $$;
SELECT isnt_empty($$SELECT FROM monitoring.lint() WHERE object = 'bad.board()'$$, 'a function of the owner''s is open to everybody');
CREATE VIEW bad.board AS SELECT bad.board();
SELECT is_empty($$SELECT FROM monitoring.lint() WHERE object = 'bad.board()'$$, 'which a view needs that calls it');
CREATE PROCEDURE bad.clean() LANGUAGE plpgsql SECURITY DEFINER SET work_mem = '1MB' AS $$ BEGIN END $$;
SELECT pg_temp.mends(lint, object) FROM unnest('{definer_without_search_path,definer_open_to_anyone}'::text[]) AS lint, unnest(ARRAY['bad."pay Out"(integer,text)', 'bad.clean()']) AS object;

-- columns without an index
CREATE TABLE bad.big (id int PRIMARY KEY, owner_id uuid, "Tenant" uuid, project_id uuid REFERENCES shop.projects, note text);
ALTER TABLE bad.big ENABLE ROW LEVEL SECURITY;
GRANT SELECT, UPDATE ON bad.big TO lint_member;
CREATE POLICY s ON bad.big FOR SELECT USING (owner_id = (SELECT lifeguard.uid()) OR lifeguard.is_member("Tenant") OR project_id IS NULL OR note = 'x');
CREATE TABLE bad.leads (id int PRIMARY KEY, user_id uuid);
CREATE POLICY u ON bad.big FOR UPDATE USING (EXISTS (SELECT FROM bad.leads l WHERE l.user_id = lifeguard.uid())) WITH CHECK (false);
ALTER TABLE bad.leads ENABLE ROW LEVEL SECURITY;
SELECT pg_temp.mends('policy_column_without_index', object) FROM unnest(ARRAY['bad.big(owner_id)', 'bad.big("Tenant")', 'bad.big(project_id)', 'bad.leads(user_id)']) AS object;
SELECT is(pg_temp.found('bad.big'), 'nothing', 'a column that finds nothing needs none');

-- what is accepted ----------------------------------------------------------------------------------------------------------------
CREATE TABLE bad."Open, again" (id int);
GRANT SELECT ON bad."Open, again" TO lint_member;
SELECT throws_ok($$SELECT monitoring.accept_lint('row_security_of', 'bad."Open, again"', 'public')$$, 'LG313', NULL, 'an unknown lint is refused');
SELECT throws_ok($$SELECT monitoring.accept_lint('row_security_off', 'bad.open, again', 'public')$$, 'LG313', NULL, 'and an unknown object');
SELECT throws_ok($$SELECT monitoring.accept_lint(NULL, NULL, 'public')$$, 'LG313', NULL, 'and nothing');
SELECT throws_ok($$SELECT monitoring.accept_lint('row_security_off', 'bad."Open, again"', ' ')$$, '22004', NULL, 'a reason is needed');
SELECT lives_ok($$SELECT monitoring.accept_lint('row_security_off', 'bad."Open, again"', 'it is public')$$, 'a finding can be accepted');
SELECT is_empty($$SELECT FROM monitoring.lint('bad."Open, again"')$$, 'it is left out then');
SELECT results_eq($$SELECT accepted_because FROM monitoring.lint('bad."Open, again"', true)$$, $$VALUES ('it is public')$$, 'and shown when asked for');
SELECT lives_ok($$SELECT monitoring.accept_lint('row_security_off', 'bad."Open, again"', 'still public')$$, 'again: another reason');
SELECT set_eq($$SELECT reason, accepted_by FROM monitoring.accepted_lints$$, $$VALUES ('still public', session_user::text)$$, 'the latest stays, with who gave it');
ALTER TABLE bad."Open, again" RENAME TO reopened;
SELECT isnt_empty($$SELECT FROM monitoring.lint('bad.reopened')$$, 'another name is another object');
SELECT lives_ok($$SELECT monitoring.withdraw_lint('row_security_off', 'bad."Open, again"')$$, 'it can be withdrawn, also when the object is no more');
SELECT throws_ok($$SELECT monitoring.withdraw_lint('row_security_off', 'bad."Open, again"')$$, 'LG313', NULL, 'once');
SELECT ok('monitoring.accepted_lints'::regclass = ANY (extconfig), 'pg_dump keeps what was accepted') FROM pg_extension WHERE extname = 'lifeguard';

-- who may look, and what runs -------------------------------------------------------------------------------------------------------
CREATE TABLE pg_temp.as_owner AS SELECT * FROM monitoring.lint(NULL, true);
GRANT SELECT ON pg_temp.as_owner TO PUBLIC;
SELECT cmp_ok((SELECT count(*) FROM pg_temp.as_owner), '>', 0::bigint, 'there are findings to compare');
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO lint_reader;
CREATE FUNCTION evil.equals(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'a lint has run me'; END $$;
CREATE FUNCTION evil.format(text, VARIADIC "any") RETURNS text LANGUAGE internal IMMUTABLE AS 'text_format';
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.equals);
SET ROLE lint_reader;
SET search_path = evil, pg_catalog, public;
CREATE TABLE pg_temp.as_reader AS SELECT * FROM monitoring.lint(NULL, true);
SET search_path = public;
SELECT set_eq('SELECT * FROM pg_temp.as_reader', 'SELECT * FROM pg_temp.as_owner', 'pg_monitor sees what the owner sees, whatever the search_path');
SELECT throws_ok($$SELECT monitoring.accept_lint('a', 'b', 'c')$$, '42501', NULL, 'and accepts nothing');
SELECT throws_ok($$INSERT INTO monitoring.accepted_lints VALUES ('a', 'b', 'c', 'd')$$, '42501', NULL, 'not by hand either');
RESET ROLE;
SET ROLE lint_member;
SELECT throws_ok('SELECT monitoring.lint()', '42501', NULL, 'others see nothing');
RESET ROLE;
SET ROLE lint_visitor;
SELECT throws_ok('SELECT lifeguard.lint_functions()', '42501', NULL, 'of no part of it');
RESET ROLE;
SET default_transaction_read_only = on;
SELECT lives_ok('SELECT monitoring.lint()', 'it writes nothing');
RESET default_transaction_read_only;

-- names ------------------------------------------------------------------------------------------------------------------------------
CREATE SCHEMA "Odd ""Schema"", x";
GRANT USAGE ON SCHEMA "Odd ""Schema"", x" TO "lint ""Odd"", role", lint_member;
CREATE TABLE "Odd ""Schema"", x"."it's; --
a table" ("the ""Owner"" (id)" uuid, "auth.uid() = x" text);
ALTER TABLE "Odd ""Schema"", x"."it's; --
a table" ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON "Odd ""Schema"", x"."it's; --
a table" TO "lint ""Odd"", role", lint_member;
CREATE POLICY "p; DROP TABLE x
--" ON "Odd ""Schema"", x"."it's; --
a table" FOR SELECT TO "lint ""Odd"", role", lint_member USING ("the ""Owner"" (id)" = auth.uid() AND "auth.uid() = x" <> 'auth.uid() = '' (');
CREATE POLICY "another
one" ON "Odd ""Schema"", x"."it's; --
a table" FOR ALL TO "lint ""Odd"", role" USING ("auth.uid() = x" = E'\\'' --\n' AND random() > 0.5) WITH CHECK (true);
CREATE FUNCTION pg_temp.mend_all(relation regclass) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  f record;
BEGIN
  FOR round IN 1..20 LOOP
    SELECT * INTO f FROM monitoring.lint(relation) LIMIT 1;
    IF NOT FOUND THEN
      RETURN round - 1;
    END IF;
    EXECUTE f.remedy;
  END LOOP;
  RETURN NULL;
END $$;
SELECT cmp_ok(pg_temp.mend_all('"Odd ""Schema"", x"."it''s; --
a table"'), '>', 2, 'hostile names and literals: each remedy runs, and after a few nothing is left');
CREATE TABLE bad.victim (id uuid PRIMARY KEY);
ALTER TABLE bad.victim ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON bad.victim TO lint_visitor;
CREATE POLICY "x
; DROP TABLE bad.victim; --" ON bad.victim FOR SELECT TO lint_member USING (id = lifeguard.uid());
SELECT pg_temp.mends('policy_without_grant', E'policy "x\n; DROP TABLE bad.victim; --" on bad.victim');
SELECT has_table('bad', 'victim', 'a name with a line break does not get out of a remedy''s comment');

-- many tables --------------------------------------------------------------------------------------------------------------------------
CREATE SCHEMA many;
GRANT USAGE ON SCHEMA many TO lint_member;
DO $$
BEGIN
  FOR i IN 1..500 LOOP
    EXECUTE format('CREATE TABLE many.t%s (id uuid PRIMARY KEY, owner_id uuid, organization_id uuid, note text)', i);
    EXECUTE format('ALTER TABLE many.t%s ENABLE ROW LEVEL SECURITY', i);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON many.t%s TO lint_member', i);
    EXECUTE format('CREATE POLICY r ON many.t%s FOR SELECT TO lint_member USING (owner_id = auth.uid() OR lifeguard.is_member(organization_id))', i);
    EXECUTE format('CREATE POLICY w ON many.t%s TO lint_member USING (EXISTS (SELECT FROM shop.profiles p WHERE p.id = auth.uid() AND p.role = ''admin''))', i);
  END LOOP;
END $$;
-- Seconds of this process, in which other programs on the machine do not count; where the system does not tell, those of the clock.
CREATE FUNCTION pg_temp.now_in_seconds() RETURNS numeric LANGUAGE sql VOLATILE AS $$
  SELECT coalesce((split_part(stat, ' ', 14)::numeric + split_part(stat, ' ', 15)::numeric) / 100, extract(epoch FROM clock_timestamp()))
    FROM pg_read_file('/proc/self/stat', 0, 4096, true) AS stat
$$;
CREATE FUNCTION pg_temp.seconds() RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  started numeric;
  best    numeric := 1000;
BEGIN
  FOR i IN 1..3 LOOP
    started := pg_temp.now_in_seconds();
    PERFORM count(*) FROM monitoring.lint();
    best := least(best, pg_temp.now_in_seconds() - started);
  END LOOP;
  RETURN best;
END $$;
CREATE TABLE pg_temp.took AS SELECT pg_temp.seconds() AS seconds;
SELECT ok(seconds BETWEEN 0.05 AND 2, '500 tables with 1000 policies take less than 2 seconds: ' || seconds) FROM pg_temp.took;
SELECT is(count(*), 2500::bigint, 'and are all found') FROM monitoring.lint() WHERE object ~ '\mmany\.';

DROP SCHEMA many, bad, half_open, shop, hidden, evil, "Odd ""Schema"", x" CASCADE;
DROP OWNED BY lint_login, lint_visitor, lint_member, lint_service, lint_backend, lint_owner, lint_reader, "lint ""Odd"", role";
DROP ROLE lint_login, lint_visitor, lint_member, lint_service, lint_backend, lint_owner, lint_reader, "lint ""Odd"", role";
SELECT * FROM finish();
