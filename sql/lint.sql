-- What monitoring.lint() says, and that its remedies mend it; what is accepted, and who may do what.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_api LOGIN NOINHERIT;
CREATE ROLE regress_visitor;
CREATE ROLE regress_member;
CREATE ROLE regress_service BYPASSRLS;
GRANT regress_visitor, regress_member, regress_service TO regress_api;
SELECT name FROM lifeguard.api_roles WHERE name IN ('PUBLIC', 'regress_api', 'regress_visitor', 'regress_member', 'regress_service') ORDER BY 1;
CREATE SCHEMA linted;
GRANT USAGE ON SCHEMA linted TO regress_visitor, regress_member;
CREATE VIEW linted.findings AS SELECT * FROM monitoring.lint() WHERE object ~ '\mlinted\.';

CREATE TABLE linted.profiles (id uuid PRIMARY KEY, "Role" text NOT NULL DEFAULT 'user', name text);
CREATE TABLE linted.notes (id int PRIMARY KEY, owner_id uuid, body text);
CREATE TABLE linted.posts (id int PRIMARY KEY, author uuid, public boolean);
ALTER TABLE linted.profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE linted.posts ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON linted.profiles TO regress_member;
GRANT SELECT ON linted.notes TO PUBLIC;
GRANT SELECT, DELETE ON linted.posts TO regress_member;
CREATE POLICY own_read ON linted.profiles FOR SELECT USING (id = (SELECT current_setting('app.user')::uuid));
CREATE POLICY own_insert ON linted.profiles FOR INSERT WITH CHECK (id = (SELECT current_setting('app.user')::uuid));
CREATE POLICY "the public" ON linted.posts FOR SELECT USING (public);
CREATE POLICY admins ON linted.posts USING (EXISTS (SELECT FROM linted.profiles p WHERE p.id = (SELECT current_setting('app.user')::uuid) AND p."Role" = 'admin'));
CREATE VIEW linted.authors AS SELECT author FROM linted.posts;
GRANT SELECT ON linted.authors TO regress_visitor;
CREATE FUNCTION linted.pay(uuid, dollars int) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN END $$;

\x on
SELECT lint, severity, object, replace(why, quote_ident(current_user), 'OWNER') AS why, remedy FROM linted.findings ORDER BY array_position('{critical,warning,notice}', severity), lint, object;
\x off

-- each remedy mends what it is for
DO $$
DECLARE
  f record;
BEGIN
  FOR f IN SELECT * FROM linted.findings LOOP
    IF EXISTS (SELECT FROM linted.findings n WHERE (n.lint, n.object) = (f.lint, f.object)) THEN
      EXECUTE f.remedy;
      IF EXISTS (SELECT FROM linted.findings n WHERE (n.lint, n.object) = (f.lint, f.object)) THEN
        RAISE WARNING '% of % is still there after %', f.lint, f.object, f.remedy;
      END IF;
    END IF;
  END LOOP;
END $$;
SELECT lint, object FROM linted.findings;

-- accepted, shown on request, withdrawn
SELECT monitoring.accept_lint('no_policies', 'linted.note', 'locked');
\echo :SQLSTATE
SELECT monitoring.accept_lint('no_policies', 'linted.notes', NULL);
\echo :SQLSTATE
SELECT monitoring.accept_lint('no_policies', 'linted.notes', 'locked');
SELECT monitoring.accept_lint('no_policies', 'linted.notes', 'locked on purpose');
SELECT lint, object FROM linted.findings;
SELECT lint, object, accepted_because FROM monitoring.lint('linted.notes', true);
SELECT lint, object, reason, accepted_by = session_user, accepted_at > now() - interval '1 minute' FROM monitoring.accepted_lints;
SELECT monitoring.withdraw_lint('no_policies', 'linted.notes');
SELECT monitoring.withdraw_lint('no_policies', 'linted.notes');
\echo :SQLSTATE
SELECT lint, object FROM monitoring.lint('linted.notes');
SET ROLE regress_member;
SELECT monitoring.lint();
\echo :SQLSTATE
SELECT monitoring.accept_lint('a', 'b', 'c');
\echo :SQLSTATE
SELECT FROM monitoring.accepted_lints;
\echo :SQLSTATE
RESET ROLE;

\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA linted CASCADE;
DROP OWNED BY regress_visitor, regress_member;
DROP ROLE regress_api, regress_visitor, regress_member, regress_service;
