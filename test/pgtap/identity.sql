-- Identity: what is promised of the claims, the membership functions, their sources and auth.*, sentence by sentence.
SELECT no_plan();
SET client_min_messages = warning;
SET search_path = public;
CREATE EXTENSION lifeguard;
CREATE FUNCTION pg_temp.id(n int) RETURNS uuid LANGUAGE sql AS $$ SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.become(claims text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('request.jwt.claims', claims, false); END $$;
CREATE FUNCTION pg_temp.become(n int) RETURNS void LANGUAGE sql AS $$ SELECT pg_temp.become(format('{"sub": "%s"}', pg_temp.id(n))) $$;

-- the functions are what a policy needs: no wrapping, safe in workers, nobody's rights but the caller's
CREATE VIEW pg_temp.helpers AS SELECT p.*, p.oid::regprocedure::text AS name FROM pg_proc p WHERE pronamespace = 'lifeguard'::regnamespace
  AND proname = ANY ('{uid,role,email,claims,claim,tenant_id,is_admin,has_role,organizations,is_member,organization_role,has_permission}');
SELECT is((SELECT string_agg(format('%s %s', name, prorettype::regtype), ', ' ORDER BY name) FROM pg_temp.helpers),
  'lifeguard.claim(text) text, lifeguard.claims() jsonb, lifeguard.email() text, lifeguard.has_permission(uuid,text) boolean, lifeguard.has_role(text) boolean, lifeguard.is_admin() boolean, lifeguard.is_member(uuid) boolean, '
  'lifeguard.organization_role(uuid) text, lifeguard.organizations() uuid[], lifeguard.role() text, lifeguard.tenant_id() uuid, lifeguard.uid() uuid', 'there are twelve helpers, with these types');
SELECT is_empty($$SELECT name FROM pg_temp.helpers WHERE provolatile <> 's' OR proparallel <> 's' OR prosecdef OR proconfig IS NOT NULL OR proleakproof OR NOT has_function_privilege('public', oid, 'EXECUTE')$$,
  'all are STABLE, PARALLEL SAFE, run as the caller, may leak only what they raise, and are everybody''s');

-- 1: claims
SELECT is(lifeguard.uid(), NULL, 'without claims uid() is NULL');
SELECT is(num_nulls(lifeguard.role(), lifeguard.email(), lifeguard.claims(), lifeguard.claim('sub'), lifeguard.tenant_id()), 5, 'and so is everything');
SELECT pg_temp.become('{"sub": "00000000-0000-4000-8000-000000000001", "role": "authenticated", "email": "a@example.org", "n": 5, "tenant_id": "00000000-0000-4000-8000-000000000009"}');
SELECT is(lifeguard.uid(), pg_temp.id(1), 'uid() is the claim sub');
SELECT is(lifeguard.role(), 'authenticated', 'role() the claim role');
SELECT isnt(lifeguard.role(), current_user::text, 'which is not the database''s');
SELECT is(lifeguard.email(), 'a@example.org', 'email() the claim email');
SELECT is(lifeguard.claims(), current_setting('request.jwt.claims')::jsonb, 'claims() all of them');
SELECT is(lifeguard.claim('n'), '5', 'claim() any of them');
SELECT is(lifeguard.tenant_id(), pg_temp.id(9), 'tenant_id() the claim tenant_id');
SET request.jwt.claim.sub = '00000000-0000-4000-8000-000000000002';
SET request.jwt.claim.tenant_id = '00000000-0000-4000-8000-000000000008';
SET app.current_tenant_id = '00000000-0000-4000-8000-000000000007';
SELECT is(lifeguard.uid(), pg_temp.id(1), 'request.jwt.claims comes before request.jwt.claim.sub');
SELECT is(lifeguard.tenant_id(), pg_temp.id(9), 'and before app.current_tenant_id');
SELECT pg_temp.become('{"role": "anon"}');
SELECT is(lifeguard.uid(), NULL, 'the two are not mixed: claims without a sub are nobody''s');
SELECT is(lifeguard.tenant_id(), pg_temp.id(7), 'the tenant is then the application''s');
SELECT pg_temp.become('');
SELECT is(lifeguard.uid(), pg_temp.id(2), 'without claims it is request.jwt.claim.sub');
SELECT is(lifeguard.tenant_id(), pg_temp.id(8), 'and request.jwt.claim.tenant_id');
RESET request.jwt.claim.tenant_id;
SELECT is(lifeguard.tenant_id(), pg_temp.id(7), 'then app.current_tenant_id');
SET lifeguard.tenant_claim = 'org';
SELECT pg_temp.become('{"tenant_id": "00000000-0000-4000-8000-000000000009", "org": "00000000-0000-4000-8000-000000000006"}');
SELECT is(lifeguard.tenant_id(), pg_temp.id(6), 'a setting names the claim of the tenant');
RESET lifeguard.tenant_claim;
RESET request.jwt.claim.sub;
RESET app.current_tenant_id;
SET ROLE pg_monitor;
SELECT throws_ok('SET lifeguard.tenant_claim = ''other''', '42501', NULL, 'which an ordinary role cannot set');
SELECT lives_ok('SET request.jwt.claims = ''{}''', 'claims it can: they are the gateway''s business');
RESET ROLE;

-- broken ones: nobody, never an error, journaled once a session
SELECT ok(bool_and(nobody), 'broken JSON, and a sub that is no UUID, is nobody, whatever is asked')
  FROM unnest(ARRAY['{', 'x', '[]', '"x"', '1', 'null', '{"sub": "x"}', '{"sub": 1}', '{"sub": ["00000000-0000-4000-8000-000000000001"]}', '{"sub": ""}', '{"sub": "00000000-0000-4000-8000-000000000001"']) AS broken,
  LATERAL (SELECT pg_temp.become(broken), lifeguard.uid() IS NULL AND NOT lifeguard.is_admin() AND lifeguard.organizations() = '{}' AND NOT lifeguard.is_member(pg_temp.id(1)) AND lifeguard.tenant_id() IS NULL AS nobody OFFSET 0) AS l;
SET app.current_tenant_id = 'none';
SELECT is(lifeguard.tenant_id(), NULL, 'a tenant that is no UUID is none');
RESET app.current_tenant_id;
SELECT monitoring.drain();
SELECT results_eq($$SELECT error_message, sum(occurrences)::int FROM monitoring.system_errors WHERE error_type = 'invalid_claims' GROUP BY 1 ORDER BY 1$$,
  $$VALUES ('request.jwt.claims is no JSON object: its caller is nobody', 1), ('the claim sub of the request is no UUID: its caller is nobody', 1), ('the tenant of the request is no UUID: it acts for no tenant', 1)$$,
  'the journal has each of the reasons, once');
SELECT is_empty($$SELECT FROM monitoring.system_errors WHERE error_type = 'invalid_claims' AND (severity <> 'WARNING' OR error_message || coalesce(context::text, '') ~ '"sub": "x"')$$, 'as a warning, without the claims');

-- 2: membership
CREATE TABLE public.admins (user_id uuid, is_active boolean NOT NULL);
CREATE TABLE public.members (user_id uuid, organization_id uuid, role text, status text NOT NULL DEFAULT 'active');
CREATE TABLE public.guests (user_id text, organization_id uuid);
INSERT INTO public.admins VALUES (pg_temp.id(1), true), (pg_temp.id(2), false);
INSERT INTO public.members VALUES (pg_temp.id(2), pg_temp.id(10), 'viewer', 'active'), (pg_temp.id(2), pg_temp.id(11), 'owner', 'active'), (pg_temp.id(2), pg_temp.id(12), 'owner', 'gone');
INSERT INTO public.guests VALUES (pg_temp.id(2)::text, pg_temp.id(13));
SELECT pg_temp.become(2);
SELECT ok(NOT lifeguard.is_admin() AND NOT lifeguard.has_role('owner') AND lifeguard.organizations() = '{}' AND NOT lifeguard.is_member(pg_temp.id(10)) AND lifeguard.organization_role(pg_temp.id(10)) IS NULL,
  'nothing is registered: everybody is nothing, and nothing is NULL that says yes or no');
SELECT ok(lifeguard.use_role_order('{viewer,member,owner}') > 0, 'use_role_order() returns the id of a source');
SELECT ok(lifeguard.use_admins('public.admins', 'user_id', 'is_active') > 0, 'use_admins(relation, user_column, condition) too');
SELECT ok(lifeguard.use_members('public.members', 'user_id', 'organization_id', 'role', 'status = ''active''') > 0, 'use_members(relation, user_column, organization_column, role_column, condition) too');
SELECT ok(lifeguard.use_members('public.guests', 'user_id', 'organization_id') > 0, 'several may be registered, also with users as text');
SELECT is((SELECT string_agg(kind, ' ' ORDER BY id) FROM lifeguard.identity_sources), 'role_order admins members members', 'identity_sources lists them');
SELECT is(lifeguard.use_admins('public.admins', 'user_id', 'is_active'), (SELECT id FROM lifeguard.identity_sources WHERE kind = 'admins'), 'registered again it is replaced, and keeps its id');
SELECT is(lifeguard.use_role_order('{viewer,member,owner}'), (SELECT id FROM lifeguard.identity_sources WHERE kind = 'role_order'), 'so is the order of roles');
SELECT is(lifeguard.is_admin(), false, 'an admin for whom the condition does not hold is none');
SELECT is(lifeguard.organizations(), ARRAY[pg_temp.id(10), pg_temp.id(11), pg_temp.id(13)], 'organizations() are those of all sources, sorted');
SELECT is(lifeguard.is_member(pg_temp.id(10)), true, 'is_member()');
SELECT is(lifeguard.is_member(pg_temp.id(12)), false, 'and not where the condition does not hold');
SELECT is(lifeguard.organization_role(pg_temp.id(10)), 'viewer', 'organization_role()');
SELECT is(lifeguard.organization_role(pg_temp.id(13)), NULL, 'is NULL where the source has no roles');
SELECT is(lifeguard.has_permission(pg_temp.id(10), 'viewer'), true, 'has_permission(): the role itself');
SELECT is(lifeguard.has_permission(pg_temp.id(11), 'member'), true, 'or a higher one');
SELECT is(lifeguard.has_permission(pg_temp.id(10), 'member'), false, 'not a lower one');
SELECT is(lifeguard.has_permission(pg_temp.id(13), 'viewer'), false, 'nor none');
SELECT is(lifeguard.has_role('owner'), true, 'has_role(): in any organization');
SELECT is(lifeguard.has_role('member'), false, 'exactly this one');
SELECT throws_ok($$SELECT lifeguard.has_permission(pg_temp.id(10), 'chief')$$, 'LG304', NULL, 'an unknown role is an error, not a no');
SELECT throws_ok($$SELECT lifeguard.has_role('chief')$$, 'LG304', NULL, 'for has_role() too');
SELECT pg_temp.become(1);
SELECT is(lifeguard.is_admin(), true, 'is_admin()');
SELECT is(lifeguard.organizations(), '{}', 'an admin belongs to no organization by that');
SELECT throws_ok($$SELECT lifeguard.use_members('public.members', 'user_id', 'organisation_id')$$, 'LG301', NULL, 'an unknown column is refused when it is registered');
SELECT throws_ok($$SELECT lifeguard.use_admins('public.nobody', 'user_id')$$, '42P01', NULL, 'an unknown table');
SELECT throws_ok($$SELECT lifeguard.use_admins('public.admins', 'user_id', 'is_aktive')$$, '42703', NULL, 'an unknown name in a condition');
SELECT throws_ok($$SELECT lifeguard.use_role_order('{viewer,member}')$$, 'LG301', NULL, 'an order without a role that rows have');
SELECT throws_ok($$SELECT lifeguard.use_role_order('{}')$$, 'LG301', NULL, 'an empty order');
SELECT throws_ok($$SELECT lifeguard.use_claim('admins', '{x}')$$, 'LG301', NULL, 'an unknown kind of claim');
SELECT throws_ok($$SELECT lifeguard.use_claim('admin', '{user_metadata,admin}')$$, 'LG301', NULL, 'a claim that users edit themselves');
SELECT throws_ok($$SELECT lifeguard.drop_source(0)$$, 'LG302', NULL, 'what is not there cannot be dropped');
INSERT INTO public.members VALUES (pg_temp.id(3), pg_temp.id(10), 'chief');
SELECT pg_temp.become(3);
SELECT is(lifeguard.has_permission(pg_temp.id(10), 'viewer'), false, 'a row with a role that the order does not have permits nothing');
SELECT is(lifeguard.has_permission(pg_temp.id(10), 'viewer'), false, 'each time');
SELECT monitoring.drain();
SELECT results_eq($$SELECT sum(occurrences)::int FROM monitoring.system_errors WHERE error_type = 'invalid_membership'$$, 'VALUES (1)', 'and is journaled, once');
DELETE FROM public.members WHERE role = 'chief';
SELECT lives_ok($$SELECT lifeguard.use_claim('organizations', '{app_metadata,orgs}'), lifeguard.use_claim('admin', '{app_metadata,admin}'), lifeguard.use_claim('roles', '{app_metadata,roles}')$$, 'use_claim(kind, path)');
SELECT pg_temp.become(format('{"sub": "%s", "app_metadata": {"admin": true, "roles": ["cook"], "orgs": {"%s": "owner", "%s": "viewer"}}}', pg_temp.id(2), pg_temp.id(10), pg_temp.id(20)));
SELECT is(lifeguard.is_admin(), true, 'a claim makes an admin');
SELECT is(lifeguard.has_role('cook'), true, 'and roles');
SELECT is(lifeguard.organizations(), ARRAY[pg_temp.id(10), pg_temp.id(11), pg_temp.id(13), pg_temp.id(20)], 'and members, beside the tables');
SELECT is(lifeguard.organization_role(pg_temp.id(10)), 'owner', 'of several roles in one organization the highest counts');
SELECT lifeguard.drop_source(id) FROM lifeguard.identity_sources WHERE kind LIKE 'claim%';

-- a policy on the membership table itself
CREATE ROLE tap_member;
GRANT SELECT ON public.members, public.admins TO tap_member;
ALTER TABLE public.members ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.members FORCE ROW LEVEL SECURITY;
CREATE POLICY colleagues ON public.members USING (lifeguard.is_admin() OR lifeguard.is_member(organization_id));
SET ROLE tap_member;
SELECT pg_temp.become(2);
SELECT is((SELECT count(*)::int FROM public.members), 2, 'a policy on the membership table may use them without recursion');
SELECT pg_temp.become(1);
SELECT is((SELECT count(*)::int FROM public.members), 3, 'an admin sees all');
SELECT pg_temp.become(4);
SELECT is((SELECT count(*)::int FROM public.members), 0, 'a stranger nothing');
RESET ROLE;
ALTER TABLE public.members DISABLE ROW LEVEL SECURITY;

-- 4: caching is opt-in, and off where its trigger is missing
SELECT is_empty($$SELECT FROM pg_trigger WHERE tgfoid = 'lifeguard.note_membership()'::regprocedure AND tgrelid::regclass::text !~ '^lifeguard'$$, 'no trigger is put on a table that nobody wanted cached');
SELECT is_empty($$SELECT FROM lifeguard.identity_sources WHERE cached$$, 'nothing is cached that was not said to be');
SELECT lifeguard.drop_source(id) FROM lifeguard.identity_sources WHERE kind IN ('admins', 'members');
SELECT ok(lifeguard.use_members('public.members', 'user_id', 'organization_id', 'role', cached => true) > 0, 'cached => true');
SELECT trigger_is('public', 'members', 'lifeguard_membership', 'lifeguard', 'note_membership');
-- how often the table is read
CREATE FUNCTION pg_temp.scans() RETURNS bigint LANGUAGE sql AS $$ SELECT seq_scan FROM pg_stat_xact_all_tables WHERE relid = 'public.members'::regclass $$;
CREATE FUNCTION pg_temp.reads() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE before bigint := pg_temp.scans();
BEGIN PERFORM lifeguard.is_member(pg_temp.id(10)); RETURN pg_temp.scans() - before; END $$;
SELECT pg_temp.become(2);
SELECT lifeguard.organizations();
SELECT is(pg_temp.reads(), 0::bigint, 'answers outlast the statement');
ALTER TABLE public.members DISABLE TRIGGER lifeguard_membership;
SELECT lifeguard.organizations();
CREATE TABLE public.something (x int);
SELECT is(pg_temp.reads(), 1::bigint, 'not where the trigger is disabled');
ALTER TABLE public.members ENABLE TRIGGER lifeguard_membership;
SELECT lifeguard.organizations();
CREATE TABLE public.something_else (x int);
SELECT is(pg_temp.reads(), 0::bigint, 'again where it is enabled');
DROP TRIGGER lifeguard_membership ON public.members;
SELECT lifeguard.organizations();
DROP TABLE public.something, public.something_else;
SELECT is(pg_temp.reads(), 1::bigint, 'not where it is missing');
BEGIN;
SELECT lifeguard.organizations();
DELETE FROM public.members WHERE organization_id = pg_temp.id(10);
SELECT is(lifeguard.is_member(pg_temp.id(10)), false, 'what this transaction changed is seen in it');
ROLLBACK;
SELECT is(lifeguard.is_member(pg_temp.id(10)), true, 'and not when it was rolled back');
SELECT lifeguard.drop_source(id) FROM lifeguard.identity_sources WHERE kind = 'members';
SELECT is(lifeguard.is_member(pg_temp.id(10)), false, 'a source that was dropped says nothing');

-- 3: provide_auth(), beside functions of others that have its names
CREATE ROLE tap_author;
CREATE SCHEMA auth AUTHORIZATION tap_author;
SET ROLE tap_author;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS $$ SELECT '00000000-0000-4000-8000-000000000666'::uuid $$;
CREATE FUNCTION auth.role(text DEFAULT 'x') RETURNS text LANGUAGE sql AS $$ SELECT 'theirs' $$;
CREATE PROCEDURE auth.email() LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION auth.has_permission(text, uuid) RETURNS text LANGUAGE sql AS $$ SELECT 'theirs' $$;
CREATE DOMAIN auth.uuid AS text;
CREATE FUNCTION auth.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS $$ SELECT 'GRANT pg_write_all_data TO tap_author' $$;
RESET ROLE;
CREATE VIEW pg_temp.theirs AS SELECT oid, prosrc, prorettype, proowner, prolang, prokind, xmin::text AS version FROM pg_proc WHERE pg_get_userbyid(proowner) = 'tap_author';
CREATE TEMP TABLE before_it AS TABLE pg_temp.theirs;
SET ROLE tap_author;
SELECT throws_ok('SELECT * FROM lifeguard.provide_auth()', '42501', NULL, 'provide_auth() is not for everybody');
RESET ROLE;
SET search_path = auth, public;
SELECT results_eq('SELECT function, outcome FROM lifeguard.provide_auth()', $$VALUES ('auth.uid()', 'kept: it was there'), ('auth.role()', 'created: it is lifeguard.role()'), ('auth.email()', 'kept: it was there'), ('auth.jwt()', 'created: it is lifeguard.claims()'),
  ('auth.user_organizations()', 'created: it is lifeguard.organizations()'), ('auth.user_role(uuid)', 'created: it is lifeguard.organization_role(uuid)'), ('auth.has_permission(uuid,text)', 'created: it is lifeguard.has_permission(uuid, text)')$$,
  'it makes what is not there, and says so');
SET search_path = public;
SELECT set_eq('TABLE pg_temp.theirs', 'TABLE before_it', 'and never replaces what is');
SELECT is(auth.uid(), pg_temp.id(666), 'theirs is called as before');
SELECT is((SELECT string_agg(DISTINCT outcome, ' ') FROM lifeguard.provide_auth()), 'kept: it was there', 'once more it does nothing');
DROP SCHEMA auth CASCADE;
SELECT is((SELECT count(*)::int FROM lifeguard.provide_auth() WHERE outcome ~ '^created'), 7, 'where there is no schema auth it makes that too');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace = 'auth'::regnamespace AND (provolatile <> 's' OR proparallel <> 's' OR obj_description(oid, 'pg_proc') IS NULL)$$, 'its functions are stable, parallel safe and explained');
SELECT is_empty($$SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND deptype = 'e' AND objid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'auth'::regnamespace)$$, 'and the database''s own');
SELECT lifeguard.use_members('public.members', 'user_id', 'organization_id', 'role');
SET ROLE tap_member;
SELECT pg_temp.become(format('{"sub": "%s", "role": "authenticated", "email": "b@example.org"}', pg_temp.id(2)));
SELECT is(auth.uid(), pg_temp.id(2), 'auth.uid()');
SELECT is(auth.role(), 'authenticated', 'auth.role()');
SELECT is(auth.email(), 'b@example.org', 'auth.email()');
SELECT is(auth.jwt(), lifeguard.claims(), 'auth.jwt()');
SELECT is(auth.user_organizations(), lifeguard.organizations(), 'auth.user_organizations()');
SELECT is(auth.user_role(org_id => pg_temp.id(11)), 'owner', 'auth.user_role(org_id)');
SELECT is(auth.has_permission(org_id => pg_temp.id(11), required_role => 'member'), true, 'auth.has_permission(org_id, required_role)');
SELECT is(num_nulls(auth.user_role(NULL), auth.has_permission(NULL, 'member')), 2, 'NULL for NULL');
RESET ROLE;

-- where the extension is gone, nobody can answer in its place
SELECT lives_ok('DROP EXTENSION lifeguard CASCADE', 'the extension can be dropped');
SELECT is(auth.user_organizations(), '{}', 'auth.* stays, and nobody belongs anywhere');
GRANT CREATE ON DATABASE :"DBNAME" TO tap_author;
SET ROLE tap_author;
CREATE SCHEMA IF NOT EXISTS lifeguard;
CREATE TABLE lifeguard.identity_sources (id int, kind text, relation regclass, user_column name, organization_column name, role_column name, condition text, path text[], cached boolean);
INSERT INTO lifeguard.identity_sources VALUES (1, 'members', 'public.members', 'user_id', 'organization_id', 'role', 'true) OR (true', NULL, false);
SELECT is(auth.user_organizations(), '{}', 'also where somebody makes a table of that name');
RESET ROLE;
DROP SCHEMA lifeguard CASCADE;
CREATE EXTENSION lifeguard;
SELECT lifeguard.use_members('public.members', 'user_id', 'organization_id', 'role');
SELECT is(cardinality(auth.user_organizations()), 3, 'created again it answers again');

DROP EXTENSION lifeguard CASCADE;
DROP SCHEMA auth CASCADE;
DROP TABLE public.members, public.admins, public.guests;
DROP OWNED BY tap_author, tap_member;
DROP ROLE tap_author, tap_member;
SELECT * FROM finish();
