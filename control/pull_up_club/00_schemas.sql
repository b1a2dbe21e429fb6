-- The club's schemas, and the blueprint: what install() makes, in this order.
--
-- Functions and settings belong to the extension. Roles, tables, indexes, views and rules are the application's: each
-- module puts them into the blueprint, install() makes what is absent, uninstall() takes it back in the opposite order.
-- pg_dump, ALTER TABLE and migrations then treat them as they treat any other table.

CREATE SCHEMA pull_up_club;
COMMENT ON SCHEMA pull_up_club IS 'the Pull-Up Club: its settings, its time, install and uninstall';
GRANT USAGE ON SCHEMA pull_up_club TO PUBLIC;

-- A schema of the application survives DROP EXTENSION, and may have been there before it.
DO $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES ('auth_management', 'people: profiles, admins, payout exclusions'),
                          ('content', 'submissions, badges, monthly graphics'),
                          ('finance', 'weekly pools, earnings, payouts; whole dollars'),
                          ('communication', 'outboxes: the application''s worker sends'),
                          ('analytics', 'rankings')) AS s(name, meaning)
  LOOP
    IF to_regnamespace(wanted.name) IS NULL THEN
      EXECUTE format('CREATE SCHEMA %I', wanted.name);
      EXECUTE format('COMMENT ON SCHEMA %I IS %L', wanted.name, wanted.meaning);
      EXECUTE format('ALTER EXTENSION pull_up_club DROP SCHEMA %I', wanted.name);
    END IF;
  END LOOP;
END $$;

CREATE TABLE pull_up_club.blueprint (
  place  int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind   text NOT NULL CHECK (kind IN ('role', 'schema', 'table', 'constraint', 'index', 'view', 'function', 'trigger',
                                       'rows', 'rule', 'admins', 'security', 'policy', 'grant', 'check', 'gauges', 'job',
                                       'lint')),
  name   text NOT NULL,     -- as regclass or regprocedure reads it; 'x ON table' for triggers, constraints, rules and
                            -- policies; a grant is a GRANT without that word
  make   text NOT NULL,     -- the statement that makes it
  unmake text               -- the statement that takes it back, where that is not DROP KIND NAME
);
COMMENT ON TABLE pull_up_club.blueprint IS 'what pull_up_club.install() makes, in this order';
GRANT SELECT ON pull_up_club.blueprint TO PUBLIC;

-- The roles and the table of users that Supabase and PostgREST bring; made only where they are absent, never dropped.
INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('role', 'anon',          'CREATE ROLE anon NOLOGIN'),
  ('role', 'authenticated', 'CREATE ROLE authenticated NOLOGIN'),
  ('role', 'service_role',  'CREATE ROLE service_role NOLOGIN BYPASSRLS'),
  ('schema', 'auth',            'CREATE SCHEMA auth'),
  ('schema', 'auth_management', 'CREATE SCHEMA auth_management'),
  ('schema', 'content',         'CREATE SCHEMA content'),
  ('schema', 'finance',         'CREATE SCHEMA finance'),
  ('schema', 'communication',   'CREATE SCHEMA communication'),
  ('schema', 'analytics',       'CREATE SCHEMA analytics'),
  ('table', 'auth.users', $ddl$
CREATE TABLE auth.users (
  id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email              text UNIQUE,
  raw_user_meta_data jsonb NOT NULL DEFAULT '{}',
  created_at         timestamptz NOT NULL DEFAULT now()
)$ddl$);
