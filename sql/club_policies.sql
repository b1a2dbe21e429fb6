-- Who may do what: every persona against every table and command, by the rules; then what a hostile member would try.
\set SHOW_CONTEXT never
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
SELECT pull_up_club.set('cooldown_days', '0') AS cooldown;
CREATE FUNCTION pg_temp.member(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.film(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('10000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;

-- 1 Ann and 2 Bob were approved and paid, 3 Cid is an admin, 4 Dee was rejected, 5 Eve has no profile, 6 Fay has done nothing yet, 7 Gus waits and was an admin once
INSERT INTO auth.users (id, email) SELECT pg_temp.member(i), i || '@secret.test' FROM generate_series(1, 7) AS i;
UPDATE auth_management.profiles SET full_name = 'Member ' || right(id::text, 1), gender = 'Female', age = 30, region = 'North', phone = 'secret', paypal_email = 'pay@secret.test', stripe_customer_id = 'secret';
DELETE FROM auth_management.profiles WHERE id = pg_temp.member(5);
INSERT INTO auth_management.admin_roles (user_id, is_active) VALUES (pg_temp.member(3), true), (pg_temp.member(7), false);
INSERT INTO auth_management.payout_exclusions (user_id, reason, ends_at) VALUES (pg_temp.member(1), 'once', now() + interval '1 us');
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, age) SELECT pg_temp.film(i), pg_temp.member(i), 'https://youtu.be/' || i, 10, 30 FROM unnest('{1,2,4,7}'::int[]) AS i;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 10 + right(id::text, 1)::int, notes = 'secret' WHERE id IN (pg_temp.film(1), pg_temp.film(2));
UPDATE content.submissions SET status = 'rejected', notes = 'secret' WHERE id = pg_temp.film(4);
INSERT INTO communication.email_notifications (user_id, email_type) VALUES (pg_temp.member(1), 'hello');
INSERT INTO communication.messages_log (id, user_id, type, created_at) VALUES (pg_temp.film(1), pg_temp.member(1), 'hello', now());

-- A statement as somebody through the API, undone: how many rows, or the SQLSTATE.
CREATE FUNCTION pg_temp.as_role(role name, claims text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  rows  bigint;
  state text;
BEGIN
  BEGIN
    PERFORM set_config('request.jwt.claims', coalesce(claims, ''), true);
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE statement;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RAISE EXCEPTION USING ERRCODE = 'UNDO0';
  EXCEPTION WHEN OTHERS THEN state := SQLSTATE;
  END;
  RETURN CASE state WHEN 'UNDO0' THEN rows::text ELSE state END;
END $$;
CREATE FUNCTION pg_temp.tried(persona text, owner int, statement text) RETURNS text LANGUAGE sql AS $$
  SELECT pg_temp.as_role(role, CASE WHEN persona <> 'database' THEN json_build_object('role', role, 'sub', member)::text END, statement)
    FROM (VALUES ('anon', 'anon', NULL), ('owner', 'authenticated', pg_temp.member(owner)), ('other', 'authenticated', pg_temp.member(2)), ('admin', 'authenticated', pg_temp.member(3)),
                 ('nobody', 'authenticated', NULL), ('service', 'service_role', NULL), ('database', 'service_role', NULL)) AS p(persona, role, member)
   WHERE p.persona = tried.persona
$$;

-- the service role of somebody else's making cannot pass row security by
ALTER ROLE service_role NOBYPASSRLS;
CREATE TEMP TABLE expected (relation text, owner int, statement text, anon text, owners text, others text, admins text, services text);
INSERT INTO expected VALUES
  -- people: one's own, all for an admin; a profile goes with its user alone
  ('auth_management.profiles', 1, 'SELECT FROM %s WHERE id = %L', '42501', '1', '0', '1', '1'),
  ('auth_management.profiles', 5, 'INSERT INTO %s (full_name, id) VALUES (''Eve'', %L)', '42501', '1', '42501', '1', '1'),
  ('auth_management.profiles', 1, 'UPDATE %s SET full_name = ''Ann'', paypal_email = ''new'' WHERE id = %L', '42501', '1', '0', '1', '1'),
  ('auth_management.profiles', 1, 'UPDATE %s SET role = ''influencer'' WHERE id = %L', '42501', 'LG006', '0', '1', '1'),
  ('auth_management.profiles', 6, 'DELETE FROM %s WHERE id = %L', '42501', '42501', '42501', '42501', '1'),
  ('auth_management.admin_roles', 7, 'SELECT FROM %s WHERE user_id = %L', '42501', '1', '0', '1', '1'),
  ('auth_management.admin_roles', 6, 'INSERT INTO %s (user_id) VALUES (%L)', '42501', '42501', '42501', '1', '1'),
  ('auth_management.admin_roles', 7, 'UPDATE %s SET is_active = true WHERE user_id = %L', '42501', '0', '0', '1', '1'),
  ('auth_management.admin_roles', 7, 'DELETE FROM %s WHERE user_id = %L', '42501', '0', '0', '1', '1'),
  ('auth_management.payout_exclusions', 1, 'SELECT FROM %s WHERE user_id = %L', '42501', '0', '0', '1', '1'),
  ('auth_management.payout_exclusions', 1, 'INSERT INTO %s (user_id) VALUES (%L)', '42501', '42501', '42501', '1', '1'),
  ('auth_management.payout_exclusions', 1, 'UPDATE %s SET reason = ''x'' WHERE user_id = %L', '42501', '0', '0', '1', '1'),
  ('auth_management.payout_exclusions', 1, 'DELETE FROM %s WHERE user_id = %L', '42501', '0', '0', '1', '1'),
  -- submissions: one's own, and what is approved; what may become of them is the lifecycle's to say, aloud
  ('content.submissions', 1, 'SELECT FROM %s WHERE user_id = %L', '1', '1', '1', '1', '1'),
  ('content.submissions', 4, 'SELECT FROM %s WHERE user_id = %L', '0', '1', '0', '1', '1'),
  ('content.submissions', 7, 'SELECT FROM %s WHERE user_id = %L', '0', '1', '0', '1', '1'),
  ('content.submissions', 1, 'SELECT * FROM %s WHERE user_id = %L', '42501', '1', '1', '1', '1'),
  ('content.submissions', 1, 'SELECT FROM %s WHERE user_id = %L ORDER BY notes', '42501', '1', '1', '1', '1'),
  ('content.submissions', 1, 'SELECT FROM %s WHERE user_id = %L FOR UPDATE', '42501', '1', '0', '1', '1'),
  ('content.submissions', 6, 'INSERT INTO %s (video_url, pull_up_count, user_id) VALUES (''https://youtu.be/x'', 5, %L)', '42501', '1', 'LG002', '1', '1'),
  ('content.submissions', 6, 'INSERT INTO %s (video_url, pull_up_count, status, user_id) VALUES (''https://youtu.be/x'', 5, ''approved'', %L)', '42501', 'LG005', 'LG005', 'LG005', 'LG005'),
  ('content.submissions', 4, 'UPDATE %s SET status = ''pending'', video_url = ''https://youtu.be/y'' WHERE user_id = %L', '42501', '1', '0', '1', '1'),
  ('content.submissions', 7, 'UPDATE %s SET pull_up_count = 9 WHERE user_id = %L', '42501', '1', '0', '1', '1'),
  ('content.submissions', 7, 'UPDATE %s SET status = ''approved'', actual_pull_up_count = 9 WHERE user_id = %L', '42501', 'LG002', '0', '1', '1'),
  ('content.submissions', 7, 'UPDATE %s SET status = ''rejected'', notes = ''x'' WHERE user_id = %L', '42501', 'LG002', '0', '1', '1'),
  ('content.submissions', 1, 'UPDATE %s SET video_url = ''https://youtu.be/y'' WHERE user_id = %L', '42501', 'LG002', '0', '1', '1'),
  ('content.submissions', 1, 'UPDATE %s SET status = ''rejected'', notes = ''x'' WHERE user_id = %L', '42501', 'LG002', '0', '1', '1'),
  ('content.submissions', 4, 'UPDATE %s SET notes = ''x'' WHERE user_id = %L', '42501', 'LG006', '0', '1', '1'),
  ('content.submissions', 4, 'UPDATE %s SET featured = true WHERE user_id = %L', '42501', 'LG006', '0', '1', '1'),
  ('content.submissions', 4, 'UPDATE %s SET actual_pull_up_count = 99 WHERE user_id = %L', '42501', 'LG006', '0', 'LG006', 'LG006'),
  ('content.submissions', 4, 'UPDATE %s SET approved_at = now() WHERE user_id = %L', '42501', 'LG006', '0', 'LG006', 'LG006'),
  ('content.submissions', 4, 'UPDATE %s SET rejected_at = NULL WHERE user_id = %L', '42501', '42501', '42501', '42501', '1'),
  ('content.submissions', 4, 'UPDATE %s SET user_id = ''00000000-0000-0000-0000-000000000002'' WHERE user_id = %L', '42501', '42501', '42501', '42501', '1'),
  ('content.submissions', 4, 'DELETE FROM %s WHERE user_id = %L', '42501', '42501', '42501', '42501', '1'),
  -- badges and pools are everybody's to see
  ('content.badges', 2, 'SELECT FROM %s WHERE name || gender = ''EliteMale'' AND %L <> ''''', '1', '1', '1', '1', '1'),
  ('content.badges', 2, 'INSERT INTO %s (name, min_pull_ups, gender) VALUES (%L, 1, ''Any'')', '42501', '42501', '42501', '1', '1'),
  ('content.badges', 2, 'UPDATE %s SET min_pull_ups = 1 WHERE name || gender = ''EliteMale'' AND %L <> ''''', '42501', '0', '0', '1', '1'),
  ('content.badges', 2, 'DELETE FROM %s WHERE name || gender = ''EliteMale'' AND %L <> ''''', '42501', '0', '0', '1', '1'),
  ('finance.weekly_pools', 2, 'SELECT FROM %s WHERE %L <> ''''', '1', '1', '1', '1', '1'),
  ('analytics.leaderboard', 1, 'SELECT FROM %s WHERE user_id = %L', '1', '1', '1', '1', '1'),
  ('content.approved_submissions', 1, 'SELECT FROM %s WHERE user_id = %L', '1', '1', '1', '1', '1'),
  -- what is a member's to read, and the database's to write
  ('finance.monthly_totals', 2, 'SELECT FROM %s WHERE %L <> ''''', '42501', '0', '0', '1', '1'),
  ('finance.payout_requests', 1, 'UPDATE %s SET status = ''approved'' WHERE user_id = %L', '42501', '0', '0', '1', '1'),
  ('finance.payout_requests', 1, 'UPDATE %s SET paypal_email = ''mine'' WHERE user_id = %L', '42501', '0', '0', '1', '1'),
  ('finance.payout_requests', 1, 'UPDATE %s SET amount_dollars = 999 WHERE user_id = %L', '42501', '42501', '42501', '42501', '1');
-- of another's approved submission, who has no token reads each column but these
INSERT INTO expected
SELECT 'content.submissions', 1, format('SELECT %I FROM %%s WHERE user_id = %%L', attname), CASE WHEN attname IN ('age', 'notes', 'rejected_at') THEN '42501' ELSE '1' END, '1', '1', '1', '1'
  FROM pg_attribute WHERE attrelid = 'content.submissions'::regclass AND attnum > 0;
INSERT INTO expected
SELECT relation, 1, 'SELECT FROM (SELECT FROM %s WHERE user_id = %L LIMIT 1) AS t', '42501', '1', '0', '1', '1'
  FROM unnest('{content.user_badges, content.monthly_graphics, content.monthly_graphic_cards, finance.weekly_earnings, finance.user_earnings, finance.payout_requests,
                communication.notification_queue, communication.email_notifications, communication.messages_log}'::text[]) AS relation;
INSERT INTO expected
SELECT relation, 1, statement, '42501', '42501', '42501', '42501', NULL
  FROM unnest('{content.user_badges, content.monthly_graphics, finance.weekly_pools, finance.weekly_earnings, finance.user_earnings, finance.payout_requests,
                communication.notification_queue, communication.email_notifications, communication.messages_log}'::text[]) AS relation,
       unnest(ARRAY['INSERT INTO %s (id) VALUES (%L)', 'UPDATE %s SET id = %L', 'DELETE FROM %s WHERE id <> %L']) AS statement;

INSERT INTO expected   -- what ranks are read from is nobody's to read or write
SELECT relation, 1, statement, '42501', '42501', '42501', '42501', NULL
  FROM unnest('{analytics.best_submissions, analytics.best_counts}'::text[]) AS relation,
       unnest(ARRAY['SELECT count(*) FROM %s', 'UPDATE %s SET pull_ups = 99', 'DELETE FROM %s']) AS statement;
-- no line: everything is as it should be
CREATE TEMP TABLE found AS
  SELECT relation, persona, format(statement, relation, pg_temp.member(owner)) AS statement, wanted, pg_temp.tried(persona, owner, format(statement, relation, pg_temp.member(owner))) AS got
    FROM expected, LATERAL (VALUES ('anon', anon), ('nobody', CASE WHEN others = '0' OR others ~ '^LG|^42' OR relation ~ 'badges$|pools|leaderboard|submissions$' THEN others END),
                                   ('owner', owners), ('other', others), ('admin', admins), ('service', services), ('database', services)) AS p(persona, wanted) WHERE wanted IS NOT NULL;
SELECT persona, statement, wanted, got FROM found WHERE got <> wanted ORDER BY 2, 1;
SELECT count(*) > 450 AS asked, count(DISTINCT relation) AS relations FROM found;
-- all of the club's tables and views were asked for
SELECT b.name FROM pull_up_club.blueprint b WHERE b.kind IN ('table', 'view') AND b.name <> 'auth.users' AND b.name NOT IN (SELECT relation FROM found);
ALTER ROLE service_role BYPASSRLS;

-- one permissive policy for a role and command, at most; none for roles that it was not made for; and row security everywhere
SELECT polrelid::regclass, role, command, array_agg(polname) FROM pg_policy, unnest(polroles) AS role, unnest(CASE polcmd WHEN '*' THEN '{r,a,w,d}'::"char"[] ELSE ARRAY[polcmd] END) AS command
 WHERE polpermissive GROUP BY 1, 2, 3 HAVING count(*) > 1;
SELECT DISTINCT role::regrole FROM pg_policy, unnest(polroles) AS role JOIN pg_class c ON true WHERE c.oid = polrelid AND c.relnamespace::regnamespace::text <> 'monitoring' ORDER BY 1;
-- a command that is granted has its policy, and the other way round
WITH api AS (SELECT c.oid AS relid, role, command, letter FROM pg_class c, unnest('{anon,authenticated}'::text[]) AS role, (VALUES ('SELECT', 'r'), ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd')) AS k(command, letter)
              WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('auth_management', 'content', 'finance', 'communication'))
SELECT relid::regclass, role, command FROM api
 WHERE CASE command WHEN 'DELETE' THEN has_table_privilege(role, relid, command) ELSE has_any_column_privilege(role, relid, command) END
       <> EXISTS (SELECT FROM pg_policy WHERE polrelid = relid AND role::regrole = ANY (polroles) AND polcmd = letter::"char");
-- nothing else: no TRUNCATE, no REFERENCES, no TRIGGER, and views and functions of one's own rights but for the few
SELECT c.oid::regclass, role, privilege FROM pg_class c, unnest('{public,anon,authenticated}'::text[]) AS role, unnest('{TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS privilege
 WHERE c.relkind IN ('r', 'v') AND c.relnamespace::regnamespace::text IN ('auth_management', 'content', 'finance', 'communication', 'analytics') AND has_table_privilege(role, c.oid, privilege);
SELECT c.oid::regclass, c.reloptions FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace::regnamespace::text IN ('auth_management', 'content', 'finance', 'communication', 'analytics') ORDER BY c.oid::regclass::text COLLATE "C";

CREATE PROCEDURE pg_temp.install_again() LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN SELECT * FROM pull_up_club.install() LOOP
    RAISE WARNING '%', line;
  END LOOP;
  DELETE FROM auth_management.profiles WHERE id = pg_temp.member(5);   -- which it had made
END $$;
-- what default privileges once gave is taken away when the members' policies come
GRANT ALL ON content.user_badges TO anon, authenticated, PUBLIC;
DROP POLICY read ON content.user_badges;
CALL pg_temp.install_again();
SELECT has_table_privilege('anon', 'content.user_badges', 'SELECT') AS anon, has_table_privilege('authenticated', 'content.user_badges', 'DELETE') AS member;

-- what others may see of a member is what is in these columns, and no more
SELECT attname FROM pg_attribute WHERE attrelid = 'analytics.leaderboard'::regclass AND attnum > 0 ORDER BY attnum;
SELECT proargnames FROM pg_proc WHERE oid IN ('content.list_approved_submissions'::regproc, 'content.card_ranks'::regproc) ORDER BY proname;

-- ---------------------------------------------------------------- a hostile member: Bob, with Ann's id and what the API lets him say
-- What a member's statement comes to: done, or the error, and whether it told what he may not know.
CREATE FUNCTION pg_temp.says(statement text, member int DEFAULT 2) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  hint   text;
BEGIN
  PERFORM set_config('request.jwt.claims', json_build_object('role', 'authenticated', 'sub', pg_temp.member(member))::text, true);
  SET LOCAL ROLE authenticated;
  EXECUTE statement;
  RESET ROLE;
  PERFORM set_config('request.jwt.claims', '', true);
  RETURN 'done';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN format('%s: %s%s', SQLSTATE, SQLERRM, CASE WHEN concat(SQLERRM, detail, hint) ~ 'secret' THEN ' AND TELLS A SECRET' END);
END $$;
-- a new profile, an upsert and an update that pay themselves; also where somebody granted everything, as platforms do
SELECT pg_temp.says($$INSERT INTO auth_management.profiles (id, is_paid) VALUES ('00000000-0000-0000-0000-000000000005', true)$$, 5);
GRANT ALL ON ALL TABLES IN SCHEMA auth_management, content, finance TO authenticated;
SELECT pg_temp.says($$INSERT INTO auth_management.profiles (id, is_paid) VALUES ('00000000-0000-0000-0000-000000000005', true)$$, 5);
SELECT pg_temp.says($$INSERT INTO auth_management.profiles (id, role, stripe_customer_id) VALUES ('00000000-0000-0000-0000-000000000005', 'admin', 'cus')$$, 5);
SELECT pg_temp.says($$INSERT INTO auth_management.profiles (id) VALUES ('00000000-0000-0000-0000-000000000002') ON CONFLICT (id) DO UPDATE SET is_paid = true$$);
SELECT pg_temp.says($$INSERT INTO auth_management.profiles (id) VALUES ('00000000-0000-0000-0000-000000000001') ON CONFLICT (id) DO UPDATE SET full_name = 'Bob was here'$$);
SELECT pg_temp.says($$UPDATE auth_management.profiles p SET is_paid = NOT q.is_paid FROM auth_management.profiles q WHERE q.id = p.id$$);
SELECT pg_temp.says($$UPDATE auth_management.profiles SET admin_role_id = (SELECT id FROM auth_management.admin_roles LIMIT 1)$$, 7);
SELECT pg_temp.says($$UPDATE auth_management.profiles SET id = gen_random_uuid()$$);
SELECT pg_temp.says($$MERGE INTO auth_management.profiles p USING (VALUES (true)) AS v(paid) ON p.id = '00000000-0000-0000-0000-000000000002' WHEN MATCHED THEN UPDATE SET is_paid = v.paid$$);
SELECT pg_temp.says($$INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, featured) VALUES ('10000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-000000000006', 'https://youtu.be/x', 1, true)$$, 6);
SELECT pg_temp.says($$UPDATE content.submissions SET user_id = '00000000-0000-0000-0000-000000000002'$$, 4);
SELECT pg_temp.says($$INSERT INTO auth_management.admin_roles (user_id) VALUES ('00000000-0000-0000-0000-000000000002')$$);
SELECT pg_temp.says($$INSERT INTO finance.weekly_earnings (user_id, weekly_pool_id, pull_up_count, earning_amount_dollars, month_year) SELECT '00000000-0000-0000-0000-000000000002', id, 9, 9, '2026-01' FROM finance.weekly_pools$$);
SELECT pg_temp.tried('other', 1, $$UPDATE finance.user_earnings SET total_earned_dollars = 1000$$) AS not_even_his_own;
DROP POLICY read ON auth_management.profiles;   -- the next lines put the rights back as they belong
DROP POLICY read ON auth_management.admin_roles;
DROP POLICY read ON auth_management.payout_exclusions;
DROP POLICY read ON content.submissions;
DROP POLICY read ON content.badges;
DROP POLICY read ON content.user_badges;
DROP POLICY read ON content.monthly_graphics;
DROP POLICY read ON finance.weekly_pools;
DROP POLICY read ON finance.weekly_earnings;
DROP POLICY read ON finance.user_earnings;
DROP POLICY read ON finance.monthly_totals;
DROP POLICY read ON finance.payout_requests;
REVOKE ALL ON content.monthly_graphic_cards, content.approved_submissions, analytics.leaderboard FROM authenticated;
SET client_min_messages = error;
CALL pg_temp.install_again();
SET client_min_messages = warning;
SELECT persona, statement FROM found WHERE got <> pg_temp.tried(persona, 1, statement) AND persona IN ('anon', 'other', 'admin');
-- what an error says: a blind update of another's row touches nothing; his own refusal shows no value, since row security holds for him
SELECT pg_temp.says($$UPDATE auth_management.profiles SET role = 'admin'$$);
SELECT pg_temp.says($$UPDATE auth_management.profiles SET stripe_customer_id = 'x'$$);
SELECT pg_temp.says($$UPDATE content.submissions SET notes = 'x'$$, 4);
SELECT pg_temp.says($$UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 20$$, 7);
-- functions: others' eligibility, money and payouts
SELECT pg_temp.says($$SELECT content.check_submission_eligibility('00000000-0000-0000-0000-000000000001')$$);
SELECT pg_temp.says($$SELECT content.check_submission_eligibility('00000000-0000-0000-0000-000000000002')$$);
SELECT pg_temp.says($$SELECT finance.available_dollars('00000000-0000-0000-0000-000000000001')$$);
SELECT pg_temp.says($$SELECT finance.available_dollars('00000000-0000-0000-0000-000000000002')$$);
SELECT pg_temp.says($$SELECT finance.calculate_monthly_payout('00000000-0000-0000-0000-000000000001', '2026-01')$$);
SELECT left(pg_temp.says($$SELECT finance.mark_payout_paid('00000000-0000-0000-0000-000000000001')$$), 60);
SELECT left(pg_temp.says(format('SELECT %s', f)), 5) AS refused, f FROM unnest(ARRAY['finance.process_submission_earnings(NULL, NULL, 1)', 'finance.cleanup_earnings(NULL)', 'content.award_badges(NULL)',
  'communication.send_rejection_email(NULL, NULL)', 'communication.mark_email_sent(NULL)', 'finance.set_pool_total(NULL, 1)', 'pull_up_club.set(''pool_dollars'', ''1000000'')',
  'lifeguard.use_admins(''auth_management.profiles'', ''id'')', 'lifeguard.drop_protected_columns(''auth_management.profiles'')', 'pull_up_club.uninstall()']) AS f;
SELECT pg_temp.as_role('anon', '{"role": "anon"}', format('SELECT %s', f)) AS nobody, f FROM unnest(ARRAY['content.check_submission_eligibility(%L)', 'content.require_eligible(%L)',
  'finance.available_dollars(%L)', 'auth_management.check_member(%L)', 'finance.mark_payout_paid(%L)', 'content.card_ranks()', 'auth_management.is_admin()']) AS t(form), format(form, pg_temp.member(1)) AS f;
-- a function of his own with the name of one of ours
SELECT pg_temp.says($$CREATE FUNCTION pg_temp.is_admin() RETURNS boolean LANGUAGE sql AS 'SELECT true'$$);
SELECT pg_temp.tried('other', 1, $$SELECT FROM auth_management.profiles WHERE email LIKE '1@%'$$) AS by_address, pg_temp.tried('other', 1, $$SELECT FROM auth_management.profiles$$) AS all_he_sees;

-- ---------------------------------------------------------------- a week through the API
-- Fay submits, is rejected, reads why, corrects; Cid approves, pays; Fay reads her money, her rank is among all
SELECT pg_temp.says($$INSERT INTO content.submissions (user_id, video_url, pull_up_count, age, gender) VALUES ('00000000-0000-0000-0000-000000000006', 'https://youtu.be/f', 12, 31, 'Female')$$, 6);
SELECT pg_temp.says($$INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES ('00000000-0000-0000-0000-000000000006', 'https://youtu.be/f', 12)$$, 6) LIKE 'LG103%' AS once;
SELECT pg_temp.says($$UPDATE content.submissions SET status = 'rejected', notes = 'chin' WHERE user_id = '00000000-0000-0000-0000-000000000006'$$, 3);
SELECT pg_temp.tried('owner', 6, $$SELECT FROM content.submissions WHERE notes = 'chin'$$) AS reads_why, pg_temp.tried('other', 6, $$SELECT FROM content.submissions WHERE notes = 'chin'$$) AS others_do_not;
SELECT pg_temp.says($$UPDATE content.submissions SET status = 'pending', video_url = 'https://tiktok.com/f'$$, 6);
SELECT pg_temp.says($$UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 11, featured = true WHERE user_id = '00000000-0000-0000-0000-000000000006'$$, 3);
SELECT pg_temp.tried('anon', 6, $$SELECT FROM content.submissions WHERE video_url = 'https://tiktok.com/f'$$) AS everybody_sees_it, pg_temp.tried('other', 6, $$SELECT FROM content.submissions WHERE video_url = 'https://tiktok.com/f' AND notes IS NULL$$) AS and_no_remark;
SELECT age, gender, is_profile_completed FROM auth_management.profiles WHERE id = pg_temp.member(6);
SELECT earning_amount_dollars FROM finance.weekly_earnings WHERE user_id = pg_temp.member(6);
SELECT pg_temp.tried('owner', 6, 'SELECT FROM ' || t) AS fay, t FROM unnest('{finance.weekly_earnings, finance.user_earnings, finance.payout_requests, content.monthly_graphics, communication.email_notifications}'::text[]) AS t;
SELECT pg_temp.tried('owner', 6, 'SELECT FROM content.monthly_graphic_cards WHERE rank = 3') AS third_of_three;
SELECT pg_temp.tried('anon', 6, 'SELECT FROM analytics.leaderboard WHERE rank = 3 AND full_name = ''Member 6''') AS and_everybody_sees;
SELECT pg_temp.says($$UPDATE finance.payout_requests SET status = 'approved' WHERE user_id = '00000000-0000-0000-0000-000000000006'$$, 3);
SELECT pg_temp.says($$SELECT finance.mark_payout_paid(id) FROM finance.payout_requests WHERE user_id = '00000000-0000-0000-0000-000000000006'$$, 3);
SELECT status, paypal_email, paid_by = pg_temp.member(3) AS by_cid FROM finance.payout_requests WHERE user_id = pg_temp.member(6);
-- an admin whose role is taken is none at once
SELECT pg_temp.says($$UPDATE auth_management.admin_roles SET is_active = false WHERE user_id = '00000000-0000-0000-0000-000000000003'$$, 3);
SELECT pg_temp.tried('admin', 1, 'SELECT FROM auth_management.profiles') AS own_only;

-- uninstalled, nobody is an admin by this table, and members have no way in
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall();
SELECT count(*) AS sources FROM lifeguard.identity_sources;
SELECT polname, count(*) FROM pg_policy WHERE polrelid::regclass::text ~ '^(auth_management|content|finance|communication)\.' GROUP BY 1;
SELECT pg_temp.tried('other', 2, 'SELECT FROM auth_management.profiles') AS rows, pg_temp.tried('service', 2, 'SELECT FROM content.badges') AS badges;
DROP TABLE found, expected;
SELECT pull_up_club.set('cooldown_days', '30') AS cooldown;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
