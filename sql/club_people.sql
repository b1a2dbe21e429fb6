-- People: a profile follows from a user, a caller is who his claims say, and a user goes as a whole.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
\set ann '''00000000-0000-0000-0000-000000000001'''
\set bob '''00000000-0000-0000-0000-000000000002'''
\set eve '''00000000-0000-0000-0000-000000000003'''

-- a new user has a profile at once, whoever signs him up
CREATE ROLE club_signup;
GRANT USAGE ON SCHEMA auth TO club_signup;
GRANT INSERT ON auth.users TO club_signup;
SET ROLE club_signup;
INSERT INTO auth.users (id, email, raw_user_meta_data) VALUES
  (:ann, 'ann@example.org', '{"full_name": "Ann"}'), (:bob, 'bob@example.org', '{}'), (:eve, NULL, '{"full_name": ["x"], "role": "admin"}');
RESET ROLE;
SELECT id, email, full_name, role, is_paid, is_profile_completed, admin_role_id FROM auth_management.profiles ORDER BY id;

-- complete is what is complete
SELECT is_profile_completed FROM auth_management.profiles WHERE id = :bob;
UPDATE auth_management.profiles SET full_name = 'Bob', age = 30, gender = 'Male', region = 'North' WHERE id = :bob RETURNING is_profile_completed;
UPDATE auth_management.profiles SET region = '  ' WHERE id = :bob RETURNING is_profile_completed;
UPDATE auth_management.profiles SET region = 'North', age = NULL WHERE id = :bob RETURNING is_profile_completed;
UPDATE auth_management.profiles SET is_profile_completed = true WHERE id = :bob;
\set VERBOSITY terse
UPDATE auth_management.profiles SET role = 'owner' WHERE id = :bob;
UPDATE auth_management.profiles SET age = -1 WHERE id = :bob;
UPDATE auth_management.profiles SET role = NULL WHERE id = :bob;
\set VERBOSITY default
INSERT INTO auth_management.profiles (id) VALUES ('00000000-0000-0000-0000-000000000009');

-- the time of the last update is kept
UPDATE auth_management.profiles SET updated_at = '2000-01-01' WHERE id = :bob RETURNING updated_at = now() AS kept;

-- who the caller is, as lifeguard says: nobody is NULL and no admin, never an error
CREATE TEMP TABLE caller (n int, claims text, sub text);
INSERT INTO caller VALUES
  (1, NULL, NULL), (2, '', ''), (3, '{"sub": "00000000-0000-0000-0000-000000000001"}', ''),
  (4, '{"sub": "00000000-0000-0000-0000-000000000001"}', '00000000-0000-0000-0000-000000000002'),    -- the older form only where there is nothing of the newer
  (5, NULL, '00000000-0000-0000-0000-000000000002'), (6, '{"sub": "ann"}', NULL), (7, '{"sub": null}', NULL), (8, '{}', NULL),
  (9, '[]', NULL), (10, '"00000000-0000-0000-0000-000000000001"', NULL), (11, 'no json', NULL), (12, '{"sub": "0000', NULL),
  (13, '{"sub": "{00000000-0000-0000-0000-000000000001}"}', NULL), (14, $${"sub": "x' OR true --"}$$, NULL),
  (15, '{"role": "service_role"}', NULL), (16, '{"role": "anon"}', NULL), (17, '{"role": "authenticated"}', NULL),
  (18, '{"sub": "\u0000"}', NULL), (19, repeat('[', 10000), NULL);
CREATE FUNCTION pg_temp.ask(claims text, sub text) RETURNS TABLE (uid uuid, admin boolean, for_club boolean, for_ann boolean) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('request.jwt.claims', coalesce(claims, ''), true), set_config('request.jwt.claim.sub', coalesce(sub, ''), true);
  RETURN QUERY SELECT auth_management.current_user_id(), auth_management.is_admin(), auth_management.acts_for_club(),
                      auth_management.acts_for('00000000-0000-0000-0000-000000000001');
  PERFORM set_config('request.jwt.claims', '', true), set_config('request.jwt.claim.sub', '', true);
END $$;
SELECT n, left(claims, 60) AS claims, sub, a.* FROM caller, pg_temp.ask(claims, sub) AS a ORDER BY n;
INSERT INTO auth_management.admin_roles (user_id) VALUES (:ann);
SELECT * FROM pg_temp.ask('{"sub": "00000000-0000-0000-0000-000000000001"}', NULL);
UPDATE auth_management.admin_roles SET is_active = false;
SELECT * FROM pg_temp.ask('{"sub": "00000000-0000-0000-0000-000000000001"}', NULL);
UPDATE auth_management.admin_roles SET is_active = true;
-- also asked by a role that may read nothing
SET ROLE anon;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001"}', false) IS NOT NULL AS set, auth_management.is_admin();
SELECT set_config('request.jwt.claims', '', false) = '' AS unset, auth_management.is_admin();
SELECT count(*) FROM auth_management.admin_roles;
RESET ROLE;

SELECT auth_management.check_member(:ann);
SELECT auth_management.check_member('00000000-0000-0000-0000-000000000009');
\echo :LAST_ERROR_SQLSTATE
SELECT auth_management.check_member(NULL);

-- a member with everything: admin role, submissions in all states, earnings, badge, card, messages, payouts
UPDATE auth_management.profiles SET admin_role_id = (SELECT id FROM auth_management.admin_roles WHERE user_id = :ann) WHERE id = :ann;
UPDATE auth_management.profiles SET full_name = 'Ann', gender = 'Female' WHERE id = :ann;
INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (:ann, 'https://youtu.be/a1', 9), (:bob, 'https://youtu.be/b1', 4);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = pull_up_count, approved_at = '2025-11-26 12:00+00';
SELECT pull_up_club.set('cooldown_days', '0');
INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (:ann, 'https://youtu.be/a2', 9);
UPDATE content.submissions SET status = 'rejected', notes = 'chin below the bar' WHERE user_id = :ann AND status = 'pending';
INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (:ann, 'https://youtu.be/a3', 9);
INSERT INTO auth_management.payout_exclusions (user_id, ends_at) VALUES (:ann, now() + interval '1 day');
INSERT INTO communication.messages_log (id, user_id, type, created_at) VALUES (gen_random_uuid(), :ann, 'hello', now());
SELECT pull_up_club.set('cooldown_days', '30');

CREATE VIEW pg_temp.left_of_ann AS
  SELECT 'auth.users' AS relation, count(*) FROM auth.users WHERE id = :ann
  UNION ALL SELECT 'profiles', count(*) FROM auth_management.profiles WHERE id = :ann
  UNION ALL SELECT 'admin_roles', count(*) FROM auth_management.admin_roles WHERE user_id = :ann
  UNION ALL SELECT 'payout_exclusions', count(*) FROM auth_management.payout_exclusions WHERE user_id = :ann
  UNION ALL SELECT 'submissions', count(*) FROM content.submissions WHERE user_id = :ann
  UNION ALL SELECT 'user_badges', count(*) FROM content.user_badges WHERE user_id = :ann
  UNION ALL SELECT 'monthly_graphics', count(*) FROM content.monthly_graphics WHERE user_id = :ann
  UNION ALL SELECT 'notification_queue', count(*) FROM communication.notification_queue WHERE user_id = :ann
  UNION ALL SELECT 'email_notifications', count(*) FROM communication.email_notifications WHERE user_id = :ann
  UNION ALL SELECT 'messages_log', count(*) FROM communication.messages_log WHERE user_id = :ann
  UNION ALL SELECT 'weekly_earnings', count(*) FROM finance.weekly_earnings WHERE user_id = :ann
  UNION ALL SELECT 'user_earnings', count(*) FROM finance.user_earnings WHERE user_id = :ann
  UNION ALL SELECT 'payout_requests', count(*) FROM finance.payout_requests WHERE user_id = :ann;
SELECT * FROM pg_temp.left_of_ann;

-- one statement, and nothing of her is left but the money rows, which are nobody's now; undone, she is back as a whole
BEGIN;
DELETE FROM auth.users WHERE id = :ann;
SELECT relation FROM pg_temp.left_of_ann WHERE count > 0;
ROLLBACK;
SELECT count(*) FROM pg_temp.left_of_ann WHERE count = 0;
DELETE FROM auth.users WHERE id = :ann;
SELECT relation FROM pg_temp.left_of_ann WHERE count > 0;
SELECT user_id = :bob AS bobs, submission_id IS NOT NULL AS submission, earning_amount_dollars, month_year FROM finance.weekly_earnings ORDER BY 3;
SELECT user_id = :bob AS bobs, total_earned_dollars FROM finance.user_earnings ORDER BY 2;
SELECT user_id = :bob AS bobs, amount_dollars, status FROM finance.payout_requests ORDER BY 2;
SELECT total_amount_dollars, remaining_amount_dollars, spent_dollars FROM finance.weekly_pools;
SELECT month_year, spent_dollars FROM finance.monthly_totals;
-- bob is as he was
SELECT count(*) FROM content.submissions WHERE user_id = :bob AND status = 'approved';

-- an admin role may go before its profile, and a profile's link is emptied
INSERT INTO auth_management.admin_roles (user_id) VALUES (:bob);
UPDATE auth_management.profiles SET admin_role_id = (SELECT id FROM auth_management.admin_roles WHERE user_id = :bob) WHERE id = :bob;
DELETE FROM auth_management.admin_roles;
SELECT admin_role_id FROM auth_management.profiles WHERE id = :bob;
DELETE FROM auth.users;
SELECT count(*) FROM auth_management.profiles;

DROP OWNED BY club_signup;
DROP ROLE club_signup;
DROP VIEW pg_temp.left_of_ann;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
