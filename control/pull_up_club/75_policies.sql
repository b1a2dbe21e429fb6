-- Who reads and writes which rows, made by install(). The hierarchy is admin, member, everybody, in one expression; the
-- lifecycles and the protected columns say what a change may be, the policies only whose rows it may be.
--
-- No role has two permissive policies for one command: `service` is the service role's, the others are the members'. The
-- service role's asks for no claims, and serves where that role was made without BYPASSRLS.

INSERT INTO pull_up_club.blueprint (kind, name, make)
SELECT part.kind, part.name, coalesce(part.make, 'GRANT ' || part.name)
  FROM pull_up_club.blueprint b,
       LATERAL (VALUES
         (1, 'security', b.name, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', b.name)),
         (2, 'policy', 'service ON ' || b.name,
             format('CREATE POLICY service ON %s TO service_role USING (true) WITH CHECK (true)', b.name)),
         (3, 'grant', format('SELECT, INSERT, UPDATE, DELETE ON %s TO service_role', b.name), NULL)) AS part(n, kind, name, make)
 WHERE b.kind = 'table' AND b.name <> 'auth.users'
 ORDER BY b.place, part.n;

-- A row's own member is in the column `owner`; where there is none, only admins are asked for, or everybody is let in. Of a
-- table that has its members' rows, `public` says which are everybody's to read too.
-- The first policy of a table takes away what default privileges gave: until then no row was to be had.
INSERT INTO pull_up_club.blueprint (kind, name, make, unmake)
SELECT 'policy', format('%s ON %s', name, relation),
       CASE name WHEN 'read' THEN format('REVOKE ALL ON %s FROM PUBLIC, anon, authenticated; ', relation) ELSE '' END
       || format('CREATE POLICY %s ON %s FOR %s TO %s %s (%s)', name, relation, command,
                 CASE WHEN owner = 'everybody' OR public IS NOT NULL THEN 'anon, authenticated' ELSE 'authenticated' END,
                 CASE name WHEN 'add' THEN 'WITH CHECK' ELSE 'USING' END,
                 CASE owner WHEN 'everybody' THEN 'true' WHEN 'admins' THEN 'lifeguard.is_admin()'
                            ELSE concat_ws(' OR ', 'lifeguard.is_admin()', format('lifeguard.uid() = %I', owner), public) END),
       format('DROP POLICY %s ON %s', name, relation)
  FROM (VALUES
    (1,  'auth_management.profiles',          'read',   'id'),
    (2,  'auth_management.profiles',          'add',    'id'),
    (3,  'auth_management.profiles',          'change', 'id'),
    (4,  'auth_management.admin_roles',       'read',   'user_id'),
    (5,  'auth_management.admin_roles',       'add',    'admins'),
    (6,  'auth_management.admin_roles',       'change', 'admins'),
    (7,  'auth_management.admin_roles',       'remove', 'admins'),
    (8,  'auth_management.payout_exclusions', 'read',   'admins'),
    (9,  'auth_management.payout_exclusions', 'add',    'admins'),
    (10, 'auth_management.payout_exclusions', 'change', 'admins'),
    (11, 'auth_management.payout_exclusions', 'remove', 'admins'),
    (12, 'content.submissions',               'read',   'user_id'),
    (13, 'content.submissions',               'add',    'user_id'),
    (14, 'content.submissions',               'change', 'user_id'),
    (15, 'content.badges',                    'read',   'everybody'),
    (16, 'content.badges',                    'add',    'admins'),
    (17, 'content.badges',                    'change', 'admins'),
    (18, 'content.badges',                    'remove', 'admins'),
    (19, 'content.user_badges',               'read',   'user_id'),
    (20, 'content.monthly_graphics',          'read',   'user_id'),
    (21, 'finance.weekly_pools',              'read',   'everybody'),
    (22, 'finance.weekly_earnings',           'read',   'user_id'),
    (23, 'finance.user_earnings',             'read',   'user_id'),
    (24, 'finance.monthly_totals',            'read',   'admins'),
    (25, 'finance.payout_requests',           'read',   'user_id'),
    (26, 'finance.payout_requests',           'change', 'admins'),
    (27, 'communication.notification_queue',  'read',   'user_id'),
    (28, 'communication.email_notifications', 'read',   'user_id'),
    (29, 'communication.messages_log',        'read',   'user_id')) AS p(n, relation, name, owner)
  JOIN (VALUES ('read', 'SELECT'), ('add', 'INSERT'), ('change', 'UPDATE'), ('remove', 'DELETE')) AS c(name, command) USING (name)
  LEFT JOIN (VALUES ('content.submissions', 'read', $$status = 'approved'$$)) AS e(relation, name, public) USING (relation, name)
 ORDER BY n;

-- Admins come through the API as the role authenticated too, so a column that only they change is granted, and protected.
-- Members read their own rows whole, so `authenticated` has every column; anon has those that are for everybody.
INSERT INTO pull_up_club.blueprint (kind, name, make)
SELECT 'grant', grants, 'GRANT ' || grants
  FROM unnest(ARRAY[
    'SELECT ON auth_management.profiles TO authenticated',
    'INSERT (id, email, full_name, age, gender, organization, region, phone, paypal_email) ON auth_management.profiles TO authenticated',
    'UPDATE (id, email, full_name, age, gender, organization, region, phone, paypal_email, role, stripe_customer_id, is_paid, admin_role_id) '
      'ON auth_management.profiles TO authenticated',
    'SELECT, DELETE ON auth_management.admin_roles TO authenticated',
    'INSERT (user_id, role, is_active) ON auth_management.admin_roles TO authenticated',
    'UPDATE (role, is_active) ON auth_management.admin_roles TO authenticated',
    'SELECT, DELETE ON auth_management.payout_exclusions TO authenticated',
    'INSERT (user_id, reason, starts_at, ends_at) ON auth_management.payout_exclusions TO authenticated',
    'UPDATE (reason, starts_at, ends_at) ON auth_management.payout_exclusions TO authenticated',
    'SELECT ON content.submissions TO authenticated',
    'SELECT (id, user_id, video_url, platform, pull_up_count, actual_pull_up_count, status, organization, region, gender, featured, submitted_at, '
      'approved_at, created_at, updated_at) ON content.submissions TO anon',            -- no age, notes, rejected_at
    'INSERT (user_id, video_url, platform, pull_up_count, status, organization, region, age, gender) ON content.submissions TO authenticated',
    'UPDATE (video_url, platform, pull_up_count, actual_pull_up_count, status, organization, region, age, gender, notes, featured, approved_at) '
      'ON content.submissions TO authenticated',
    'SELECT ON content.badges TO anon',
    'SELECT, DELETE ON content.badges TO authenticated',
    'INSERT (name, description, image_url, min_pull_ups, gender) ON content.badges TO authenticated',
    'UPDATE (name, description, image_url, min_pull_ups, gender) ON content.badges TO authenticated',
    'SELECT ON content.user_badges TO authenticated',
    'SELECT ON content.monthly_graphics TO authenticated',
    'SELECT ON content.monthly_graphic_cards TO authenticated, service_role',
    'SELECT ON finance.weekly_pools TO anon, authenticated',
    'SELECT ON finance.weekly_earnings TO authenticated',
    'SELECT ON finance.user_earnings TO authenticated',
    'SELECT ON finance.monthly_totals TO authenticated',
    'SELECT ON finance.payout_requests TO authenticated',
    'UPDATE (status, paypal_email, notes) ON finance.payout_requests TO authenticated',
    'SELECT ON communication.notification_queue TO authenticated',
    'SELECT ON communication.email_notifications TO authenticated',
    'SELECT ON communication.messages_log TO authenticated',
    'SELECT ON content.approved_submissions TO anon, authenticated, service_role',
    'SELECT ON analytics.leaderboard TO anon, authenticated, service_role',
    'EXECUTE ON FUNCTION content.list_approved_submissions() TO anon, authenticated, service_role',
    'EXECUTE ON FUNCTION content.card_ranks() TO authenticated, service_role',
    'EXECUTE ON FUNCTION analytics.leaderboard(integer,jsonb,text,text) TO anon, authenticated, service_role',
    'EXECUTE ON FUNCTION analytics.rank_of(uuid) TO anon, authenticated, service_role']) WITH ORDINALITY AS g(grants, n)
 ORDER BY n;

-- What is open to everybody on purpose.
INSERT INTO pull_up_club.blueprint (kind, name, make, unmake)
SELECT 'lint', format('definer_open_to_anyone ON %s', function),
       format('INSERT INTO monitoring.accepted_lints (lint, object, reason, accepted_by) VALUES (''definer_open_to_anyone'', %L, %L, current_user)', function, reason),
       format('DELETE FROM monitoring.accepted_lints WHERE lint = ''definer_open_to_anyone'' AND object = %L', function)
  FROM (VALUES
    (1, 'analytics.leaderboard(integer,jsonb,text,text)', 'the ranking is public: a page of names and counts, as the view analytics.leaderboard shows them'),
    (2, 'analytics.rank_of(uuid)', 'the ranking is public: one number of it')) AS l(n, function, reason)
 ORDER BY n;

CREATE FUNCTION pull_up_club.is_granted(grants text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT bool_and(coalesce(CASE WHEN part[3] IS NOT NULL THEN has_function_privilege(role, to_regprocedure(part[4])::oid, privilege)
                                WHEN part[2] IS NULL     THEN has_table_privilege(role, to_regclass(part[4])::oid, privilege)
                                ELSE has_column_privilege(role, to_regclass(part[4])::oid, column_name, privilege) END, false))
    FROM regexp_match(grants, '^([A-Z, ]+)(?: \((.+)\))? ON (FUNCTION )?(\S+) TO (.+)$') AS part,
         regexp_split_to_table(part[1], ', ') AS privilege,
         regexp_split_to_table(coalesce(part[2], ''), ', ') AS column_name,
         regexp_split_to_table(part[5], ', ') AS grantee, CAST(to_regrole(grantee) AS oid) AS role
$$;
COMMENT ON FUNCTION pull_up_club.is_granted(text) IS
  'whether all roles have all rights of a GRANT, written as in SQL without its first word; false where one of them or the object is absent';
