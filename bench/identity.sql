-- What the identity part measures, made in database samples: tables with a role for each policy. A policy and the one that it is held
-- against are on the same table, for two roles, and let the same rows through; bench.cost() makes sure of it.
\ir turns.sql
\ir legacy/00_supabase.sql
ALTER DATABASE samples SET max_parallel_workers_per_gather = 0;
ALTER DATABASE samples SET jit = off;

-- --- people and organizations, by number: person n belongs to the organizations 1 to n, where he is counted below ---

CREATE FUNCTION bench.person(number int) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT RETURN md5('person ' || number)::uuid;
CREATE FUNCTION bench.organization(number int) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT RETURN md5('organization ' || number)::uuid;

CREATE TABLE bench.admins (user_id uuid PRIMARY KEY, is_active bool NOT NULL DEFAULT true);
INSERT INTO bench.admins SELECT bench.person(i) FROM generate_series(-999, 0) i;
CREATE TABLE bench.members (user_id uuid, organization_id uuid, role text NOT NULL, PRIMARY KEY (user_id, organization_id));
INSERT INTO bench.members SELECT bench.person(n), bench.organization(i), 'editor' FROM unnest('{1,2,10,100,500,1000}'::int[]) n, generate_series(1, n) i;
INSERT INTO bench.members SELECT bench.person(2000 + i / 5), bench.organization(i * 17 % 10000), 'viewer' FROM generate_series(1, 100000) i;
SELECT lifeguard.use_role_order('{viewer,editor,owner}');

-- Registers both tables, so that answers last beyond the statement or do not.
CREATE FUNCTION bench.use_sources(cached bool) RETURNS void LANGUAGE sql AS $$
  SELECT lifeguard.use_admins('bench.admins', 'user_id', 'is_active', cached), lifeguard.use_members('bench.members', 'user_id', 'organization_id', 'role', cached => cached)
$$;
SELECT bench.use_sources(false);

-- The claims as Supabase's tokens have them, without a blank.
CREATE FUNCTION bench.claims(person int) RETURNS text LANGUAGE sql RETURN format(
  '{"iss":"https://project.example/auth/v1","sub":"%s","aud":"authenticated","exp":1900000000,"iat":1899996400,"email":"person%s@example.org","phone":"",'
  '"app_metadata":{"provider":"email","providers":["email"]},"user_metadata":{},"role":"authenticated","aal":"aal1",'
  '"amr":[{"method":"password","timestamp":1899996400}],"session_id":"5ac6e7b0-6e1b-4c0f-9a3e-2f6a0a6e3d11","is_anonymous":false}', bench.person(person), person);

-- --- helpers as projects write them, in their fastest form: looking into an index, past row security, without SET search_path ---

CREATE FUNCTION bench.is_admin() RETURNS bool LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
BEGIN
  RETURN EXISTS (SELECT FROM bench.admins WHERE user_id = auth.uid() AND is_active);
END $$;
CREATE FUNCTION bench.is_member(organization uuid) RETURNS bool LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
BEGIN
  RETURN EXISTS (SELECT FROM bench.members WHERE user_id = auth.uid() AND organization_id = organization);
END $$;
CREATE FUNCTION bench.has_permission(organization uuid, required_role text) RETURNS bool LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
BEGIN
  RETURN EXISTS (SELECT FROM bench.members WHERE user_id = auth.uid() AND organization_id = organization
                    AND array_position('{viewer,editor,owner}', role) >= array_position('{viewer,editor,owner}', required_role));
END $$;

-- --- tables ---

-- Rows of 100 owners and 10,000 organizations, both spread over the table.
CREATE TABLE bench.documents (id int PRIMARY KEY, owner uuid NOT NULL, organization uuid NOT NULL, title text NOT NULL);
CREATE TABLE bench.open    (LIKE bench.documents INCLUDING ALL); -- without row security
CREATE TABLE bench.owned   (LIKE bench.documents INCLUDING ALL); -- with a policy by its owner
CREATE TABLE bench.owned_by_sql     (LIKE bench.documents INCLUDING ALL); -- by auth.uid() in SQL
CREATE TABLE bench.owned_by_literal (LIKE bench.documents INCLUDING ALL);
CREATE TABLE bench.shared  (LIKE bench.documents INCLUDING ALL); -- with one by its organization
CREATE TABLE bench.ruled   (LIKE bench.documents INCLUDING ALL); -- with four
CREATE TABLE bench.parts   (LIKE bench.documents INCLUDING ALL) PARTITION BY HASH (id);
CREATE TABLE bench.events  (LIKE bench.documents INCLUDING ALL); -- a million
CREATE TABLE bench.indexed (LIKE bench.documents INCLUDING ALL); -- a million, with an index on their organization
SELECT format('CREATE TABLE bench.part_%s PARTITION OF bench.parts FOR VALUES WITH (MODULUS 100, REMAINDER %1$s)', i) FROM generate_series(0, 99) i \gexec
INSERT INTO bench.events
SELECT n, owners[1 + n % 100], organizations[1 + n % 10000], 'document ' || n
  FROM generate_series(1, 1000000) n,
       (SELECT array_agg(bench.person(i)) FROM generate_series(0, 99) i) AS o (owners),
       (SELECT array_agg(bench.organization(i)) FROM generate_series(0, 9999) i) AS a (organizations);
INSERT INTO bench.indexed TABLE bench.events;
SELECT format('INSERT INTO bench.%s SELECT * FROM bench.events WHERE id <= 100000', name) FROM unnest('{documents,open,owned,owned_by_sql,owned_by_literal,shared,ruled,parts}'::text[]) name \gexec
CREATE INDEX ON bench.indexed (organization);

-- Rows are inserted into these: with a policy and without, with a key and without an index.
CREATE TABLE bench.unchecked (LIKE bench.documents INCLUDING ALL);
CREATE TABLE bench.checked   (LIKE bench.documents INCLUDING ALL);
CREATE TABLE bench.unchecked_heap (LIKE bench.documents);
CREATE TABLE bench.checked_heap   (LIKE bench.documents);

-- --- policies: each for a role of its own ---

-- The array that a person's organizations are, as a literal.
CREATE FUNCTION bench.written(person int) RETURNS text LANGUAGE sql
RETURN (SELECT quote_literal(array_agg(organization_id)) FROM bench.members WHERE user_id = bench.person(person));

CREATE VIEW bench.policies (measure, variant, relation, command, expression) AS
SELECT v.measure, v.variant, v.relation::regclass, v.command, replace(v.expression, 'ME', quote_literal(bench.person(1)) || '::uuid')
  FROM (VALUES
  ('uid', 'literal', 'bench.documents', 'SELECT', 'ME = owner'),
  ('uid', 'ours',    'bench.documents', 'SELECT', 'lifeguard.uid() = owner'),
  ('uid', 'bare',    'bench.documents', 'SELECT', 'auth.uid() = owner'),
  ('uid', 'wrapped', 'bench.documents', 'SELECT', '(SELECT auth.uid()) = owner'),
  ('admin', 'literal', 'bench.documents', 'SELECT', 'id > 0'), -- true, and the server does not know it
  ('admin', 'true',    'bench.documents', 'SELECT', 'true'),
  ('admin', 'ours',    'bench.documents', 'SELECT', 'lifeguard.is_admin()'),
  ('admin', 'plpgsql', 'bench.documents', 'SELECT', 'bench.is_admin()'),
  ('admin', 'wrapped', 'bench.documents', 'SELECT', '(SELECT bench.is_admin())'),
  ('either', 'literal', 'bench.documents', 'SELECT', 'id < 0 OR ME = owner'), -- false, and the server does not know it
  ('either', 'half',    'bench.documents', 'SELECT', 'ME = owner'),
  ('either', 'ours',    'bench.documents', 'SELECT', 'lifeguard.is_admin() OR lifeguard.uid() = owner'),
  ('either', 'plpgsql', 'bench.documents', 'SELECT', 'bench.is_admin() OR auth.uid() = owner'),
  ('either', 'wrapped', 'bench.documents', 'SELECT', '(SELECT bench.is_admin()) OR (SELECT auth.uid()) = owner'),
  ('permission', 'ours',    'bench.documents', 'SELECT', $$lifeguard.has_permission(organization, 'editor')$$),
  ('permission', 'plpgsql', 'bench.documents', 'SELECT', $$bench.has_permission(organization, 'editor')$$),
  ('parts', 'literal', 'bench.parts', 'SELECT', 'ME = owner'),
  ('parts', 'ours',    'bench.parts', 'SELECT', 'lifeguard.uid() = owner'),
  ('parts_member', 'literal', 'bench.parts', 'SELECT', format('organization = ANY (%s::uuid[])', bench.written(100))),
  ('parts_member', 'ours',    'bench.parts', 'SELECT', 'lifeguard.is_member(organization)'),
  ('events', 'ours',       'bench.events', 'SELECT', 'lifeguard.is_member(organization)'),
  ('events', 'literal100', 'bench.events', 'SELECT', format('organization = ANY (%s::uuid[])', bench.written(100))),
  ('events', 'literal500', 'bench.events', 'SELECT', format('organization = ANY (%s::uuid[])', bench.written(500))),
  ('indexed', 'ours',       'bench.indexed', 'SELECT', 'lifeguard.is_member(organization)'),
  ('indexed', 'literal2',   'bench.indexed', 'SELECT', format('organization = ANY (%s::uuid[])', bench.written(2))),
  ('indexed', 'literal500', 'bench.indexed', 'SELECT', format('organization = ANY (%s::uuid[])', bench.written(500))),
  ('indexed', 'literal100', 'bench.indexed', 'SELECT', format('organization = ANY (%s::uuid[])', bench.written(100))),
  ('lookup', 'ours', 'bench.owned', 'SELECT', 'lifeguard.uid() = owner'),
  ('lookup', 'bare', 'bench.owned_by_sql', 'SELECT', 'auth.uid() = owner'),
  ('lookup', 'literal', 'bench.owned_by_literal', 'SELECT', 'ME = owner'),
  ('member', 'ours',    'bench.shared', 'SELECT', 'lifeguard.is_member(organization)'),
  ('member', 'plpgsql', 'bench.shared', 'SELECT', 'bench.is_member(organization)'),
  ('insert', 'literal', 'bench.checked', 'INSERT', 'owner = ME'),
  ('insert', 'ours',    'bench.checked', 'INSERT', 'owner = lifeguard.uid()'),
  ('insert', 'ours',    'bench.checked_heap', 'INSERT', 'owner = lifeguard.uid()'),
  ('four', 'literal', 'bench.ruled', 'SELECT', 'false'),
  ('four', 'literal', 'bench.ruled', 'SELECT', 'ME = owner'),
  ('four', 'literal', 'bench.ruled', 'SELECT', format('organization = ANY (%s::uuid[])', bench.written(2))),
  ('four', 'literal', 'bench.ruled', 'SELECT', format('organization = ANY (%s::uuid[]) AND id < 0', bench.written(2))),
  ('four', 'ours', 'bench.ruled', 'SELECT', 'lifeguard.is_admin()'),
  ('four', 'ours', 'bench.ruled', 'SELECT', 'lifeguard.uid() = owner'),
  ('four', 'ours', 'bench.ruled', 'SELECT', 'lifeguard.is_member(organization)'),
  ('four', 'ours', 'bench.ruled', 'SELECT', $$lifeguard.has_permission(organization, 'owner') AND id < 0$$),
  ('four', 'plpgsql', 'bench.ruled', 'SELECT', 'bench.is_admin()'),
  ('four', 'plpgsql', 'bench.ruled', 'SELECT', 'auth.uid() = owner'),
  ('four', 'plpgsql', 'bench.ruled', 'SELECT', 'bench.is_member(organization)'),
  ('four', 'plpgsql', 'bench.ruled', 'SELECT', $$bench.has_permission(organization, 'owner') AND id < 0$$)
) AS v (measure, variant, relation, command, expression);

GRANT USAGE ON SCHEMA bench TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA bench TO PUBLIC;
GRANT INSERT ON bench.checked, bench.checked_heap, bench.unchecked, bench.unchecked_heap TO PUBLIC;
CREATE ROLE free LOGIN; -- asks tables without policies
SELECT DISTINCT format('CREATE ROLE %s_%s LOGIN', measure, variant) FROM bench.policies \gexec
SELECT DISTINCT format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation) FROM bench.policies \gexec
SELECT format('CREATE POLICY policy_%s ON %s FOR %s TO %s_%s %s (%s)', row_number() OVER (), relation, command, measure, variant,
              CASE command WHEN 'INSERT' THEN 'WITH CHECK' ELSE 'USING' END, expression) FROM bench.policies \gexec

VACUUM (FREEZE, ANALYZE);

-- --- samples inside the server ---

-- Microseconds of this session's processor that a query takes a role; it must count so many rows.
CREATE FUNCTION bench.cost(role_name text, query text, expected bigint) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  before float8;
  taken  float8;
  found  bigint;
BEGIN
  PERFORM set_config('role', role_name, true);
  before := bench.cpu();
  EXECUTE query INTO found;
  taken := bench.cpu() - before;
  PERFORM set_config('role', 'none', true);
  ASSERT found = expected, format('%s sees %s rows by "%s", not %s', role_name, found, query, expected);
  RETURN taken;
END $$;

-- Microseconds that planning a query takes a role.
CREATE FUNCTION bench.planning_cost(role_name text, query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  before float8;
  taken  float8;
BEGIN
  PERFORM set_config('role', role_name, true);
  before := bench.cpu();
  FOR i IN 1 .. 100 LOOP
    EXECUTE 'EXPLAIN ' || query;
  END LOOP;
  taken := (bench.cpu() - before) / 100;
  PERFORM set_config('role', 'none', true);
  RETURN taken;
END $$;

-- Microseconds that inserting 100,000 rows takes a role.
CREATE FUNCTION bench.insert_cost(role_name text, relation regclass) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  before float8;
  taken  float8;
BEGIN
  EXECUTE format('TRUNCATE %s', relation);
  PERFORM set_config('role', role_name, true);
  before := bench.cpu();
  EXECUTE format('INSERT INTO %s SELECT i, %L, %L, %L FROM generate_series(1, 100000) i', relation, bench.person(1), bench.organization(1), 'title');
  taken := bench.cpu() - before;
  PERFORM set_config('role', 'none', true);
  RETURN taken;
END $$;

-- Scans, by a measure's roles; who is slow takes few turns.
CREATE PROCEDURE bench.scan(round int, measure text, variants text[], relation regclass, person int, expected bigint, turns int, sample_name text DEFAULT NULL)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('request.jwt.claims', bench.claims(person), false);
  CALL bench.take_turns(round, coalesce(sample_name, measure), variants,
                        format('SELECT bench.cost(%L || $1, %L, %s)', measure || '_', format('SELECT count(*) FROM %s', relation), expected), turns);
END $$;

-- --- clients ---

-- Notes what each of n statements has taken since the last call: of the session's processor time, and of its client's too, which is what
-- the client waits for when both are on one processor and nobody else is. The first call begins.
CREATE UNLOGGED TABLE bench.laps (measure text, variant text, taken float8);
CREATE FUNCTION bench.end_lap(measure text, variant text, n int, client text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  before  float8[] := nullif(current_setting('bench.before', true), '');
  session float8 := bench.cpu();
  waited  float8 := session + bench.cpu(client);
BEGIN
  INSERT INTO bench.laps SELECT v.* FROM (VALUES (measure, variant, (session - before[1]) / n), (measure || '_both', variant, (waited - before[2]) / n)) AS v
   WHERE before IS NOT NULL;
  session := bench.cpu();
  PERFORM set_config('bench.before', ARRAY[session, session + bench.cpu(client)]::text, false);
END $$;

-- Makes samples of a round's laps: the lower quartile, as in bench.take_turns.
CREATE FUNCTION bench.keep_laps(round int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO sample SELECT round, measure, variant, percentile_cont(0.25) WITHIN GROUP (ORDER BY taken) FROM bench.laps GROUP BY measure, variant;
  DELETE FROM bench.laps;
$$;

-- All that is measured in one session; `size` is 1 or 2, for how many turns.
CREATE PROCEDURE bench.compare(round int, size int) LANGUAGE plpgsql AS $$
BEGIN
  CALL bench.scan(round, 'uid', '{literal,ours,wrapped}', 'bench.documents', 1, 1000, 15 * size);
  CALL bench.scan(round, 'uid', '{bare}', 'bench.documents', 1, 1000, 1);
  CALL bench.scan(round, 'admin', '{true,literal,ours,wrapped}', 'bench.documents', 0, 100000, 15 * size);
  CALL bench.scan(round, 'admin', '{plpgsql}', 'bench.documents', 0, 100000, 1);
  CALL bench.scan(round, 'either', '{half,literal,ours,wrapped}', 'bench.documents', 1, 1000, 15 * size);
  CALL bench.scan(round, 'either', '{plpgsql}', 'bench.documents', 1, 1000, 1);
  CALL bench.scan(round, 'permission', '{ours}', 'bench.documents', 100, 1000, 5);
  CALL bench.scan(round, 'permission', '{plpgsql}', 'bench.documents', 100, 1000, 1);
  CALL bench.scan(round, 'events', '{literal100,ours}', 'bench.events', 100, 10000, 4 * size, 'events100');
  CALL bench.scan(round, 'events', '{literal500,ours}', 'bench.events', 500, 50000, 4 * size, 'events500');
  CALL bench.scan(round, 'indexed', '{literal100,ours}', 'bench.indexed', 100, 10000, 15 * size, 'indexed100');
  CALL bench.scan(round, 'indexed', '{literal500,ours}', 'bench.indexed', 500, 50000, 5 * size, 'indexed500');
  CALL bench.scan(round, 'parts', '{literal,ours}', 'bench.parts', 1, 1000, 10 * size);
  CALL bench.scan(round, 'parts_member', '{literal,ours}', 'bench.parts', 100, 1000, 5 * size);
  PERFORM set_config('request.jwt.claims', bench.claims(1), false);
  CALL bench.take_turns(round, 'insert', '{none,ours,literal}',
                        $q$SELECT CASE $1 WHEN 'none' THEN bench.insert_cost('free', 'bench.unchecked') ELSE bench.insert_cost('insert_' || $1, 'bench.checked') END$q$, 2 * size);
  CALL bench.take_turns(round, 'heap', '{none,ours}',
                        $q$SELECT CASE $1 WHEN 'none' THEN bench.insert_cost('free', 'bench.unchecked_heap') ELSE bench.insert_cost('insert_' || $1, 'bench.checked_heap') END$q$, 2 * size);
  PERFORM set_config('request.jwt.claims', bench.claims(2), false);
  CALL bench.take_turns(round, 'four', '{literal,ours,plpgsql}', $q$SELECT bench.planning_cost('four_' || $1, 'SELECT title FROM bench.ruled WHERE id = 1')$q$, 5 * size);
END $$;

-- What clients look up is there for them, and no more.
DO $$
BEGIN
  PERFORM set_config('request.jwt.claims', bench.claims(1), false);
  PERFORM bench.cost('lookup_' || variant, format('SELECT count(*) FROM bench.%s', relation), 1000)
     FROM (VALUES ('literal', 'owned_by_literal'), ('ours', 'owned'), ('bare', 'owned_by_sql')) AS v (variant, relation);
  FOR n IN 0 .. 3 LOOP
    PERFORM set_config('request.jwt.claims', bench.claims((10 ^ n)::int), false);
    PERFORM bench.cost('member_' || variant, 'SELECT count(*) FROM bench.shared WHERE id <= 2000', (10 ^ n)::bigint) FROM unnest('{ours,plpgsql}'::text[]) AS variant;
  END LOOP;
  PERFORM set_config('request.jwt.claims', bench.claims(2), false);
  PERFORM bench.cost('indexed_' || variant, 'SELECT count(*) FROM bench.indexed', 200) FROM unnest('{ours,literal2}'::text[]) AS variant;
  PERFORM bench.cost('four_' || variant, 'SELECT count(*) FROM bench.ruled', 1000 + 10) FROM unnest('{ours,literal,plpgsql}'::text[]) AS variant;
END $$;
