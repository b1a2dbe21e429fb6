-- Submissions: who may do what in which state, and what each move leaves behind. What it pays is in club_earnings.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
\set ann '''00000000-0000-0000-0000-000000000001'''
\set bob '''00000000-0000-0000-0000-000000000002'''
\set chief '''00000000-0000-0000-0000-000000000003'''
\set one '''10000000-0000-0000-0000-000000000001'''
\set two '''10000000-0000-0000-0000-000000000002'''
INSERT INTO auth.users (id, email) VALUES (:ann, 'ann@example.org'), (:bob, 'bob@example.org'), (:chief, 'chief@example.org');
INSERT INTO auth_management.admin_roles (user_id) VALUES (:chief);
CREATE FUNCTION pg_temp.act_as(member text, role text DEFAULT 'authenticated') RETURNS text LANGUAGE sql AS $$
  SELECT set_config('request.jwt.claims', CASE WHEN member IS NULL AND role IS NULL THEN ''
                                               ELSE jsonb_build_object('sub', member, 'role', role)::text END, false)
$$;

-- the platform is the host's, and only the host's
SELECT url, content.platform_of(url) FROM unnest(ARRAY[
  'https://www.youtube.com/watch?v=1', 'https://youtube.com', 'http://m.youtube.com/x', 'https://youtu.be/1', 'HTTPS://YOUTU.BE/1', 'https://youtube.com?x',
  'https://www.tiktok.com/@a/video/1', 'https://vm.tiktok.com/1', 'https://www.instagram.com/reel/1', 'https://instagr.am/p/1',
  'https://www.facebook.com/1', 'https://m.facebook.com/1', 'https://fb.watch/1', 'https://fb.com/1#t',
  'https://evil.com/youtube.com', 'https://youtube.com.evil.com/', 'https://evilyoutube.com/', 'https://youtube.com@evil.com/', 'https://evil.com@youtube.com/',
  'https://youtube.com:8080/', 'https://youtube.com\.evil.com/', 'https://evil.com\@youtube.com', 'https://evil.com?https://youtube.com', 'https://evil.com#youtube.com',
  ' https://youtube.com/', 'https://youtube.com ', E'https://youtube.com\n.evil.com', 'https:/youtube.com/', '//youtube.com/', 'youtube.com/1', 'ftp://youtube.com/1',
  'javascript:alert("https://youtube.com/")', 'https://youtube.com./', 'https://.youtube.com/', 'https://уoutube.com/', '', 'https://']) WITH ORDINALITY AS u(url, n) ORDER BY n;
SELECT content.platform_of(NULL) IS NULL AS no_url, content.platform_of('https://youtube.com/' || repeat('x', 1000000)) AS long_path,
       content.platform_of('https://' || repeat('a.', 1000000) || 'youtube.com') IS NULL AS long_host,
       content.platform_of('https://' || repeat('a', 280) || '.youtube.com.evil.com') IS NULL AS cut_off;

-- a member submits his own
SELECT pg_temp.act_as(:ann);
INSERT INTO content.submissions (id, user_id, video_url, platform, pull_up_count, actual_pull_up_count, approved_at)
VALUES (:one, :ann, 'https://www.tiktok.com/1', 'youtube', 12, 999, '2020-01-01')   -- what is not hers to say is not taken
RETURNING status, platform, pull_up_count, actual_pull_up_count, approved_at;
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (:two, :bob, 'https://youtu.be/2', 5);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (:two, :ann, 'https://youtu.be/2', 5);
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.act_as(:bob);
\set VERBOSITY terse
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, status) VALUES (:two, :bob, 'https://youtu.be/2', 5, 'approved');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, status) VALUES (:two, :bob, 'https://youtu.be/2', 5, 'Pending');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, status) VALUES (:two, :bob, 'https://youtu.be/2', 5, NULL);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (:two, :bob, 'https://youtu.be/2', -1);
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (:two, :bob, 'https://youtu.be/2', 1001);
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (:two, :bob, 'https://youtu.be/2', NULL);
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (:two, :bob, NULL, 5);
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, age) VALUES (:two, :bob, 'https://youtu.be/2', 5, 400);
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (:two, '00000000-0000-0000-0000-000000000009', 'https://youtu.be/2', 5);
SELECT pg_temp.act_as(NULL, 'anon');
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (:two, :bob, 'https://youtu.be/2', 5);
-- two in one statement are one too many
SELECT pg_temp.act_as(:bob);
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count)
VALUES (:two, :bob, 'https://youtu.be/2', 5), ('10000000-0000-0000-0000-000000000003', :bob, 'https://youtu.be/3', 6);
-- the host is unknown: the platform given is kept
INSERT INTO content.submissions (id, user_id, video_url, platform, pull_up_count) VALUES (:two, :bob, 'https://video.example.org/2', 'youtube', 5)
RETURNING status, platform;
SELECT count(*) FROM content.submissions;

-- a member does not decide, not even about his own
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 5 WHERE id = :two;
\echo :LAST_ERROR_SQLSTATE
UPDATE content.submissions SET status = 'rejected', notes = 'no' WHERE id = :one;
SELECT pg_temp.act_as(NULL, 'anon');
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 5 WHERE id = :two;
SELECT set_config('request.jwt.claims', '{"sub": "broken', false);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 5 WHERE id = :two;
SELECT set_config('request.jwt.claims', '', false), set_config('request.jwt.claim.role', 'anon', false);   -- as an older PostgREST says it
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 5 WHERE id = :two;
SELECT set_config('request.jwt.claim.role', '', false);

-- an admin does, when he has counted and says why
SELECT pg_temp.act_as(:chief);
UPDATE content.submissions SET status = 'approved' WHERE id = :one;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = -1 WHERE id = :one;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 1001 WHERE id = :one;
\echo :LAST_ERROR_SQLSTATE
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 2147483647 WHERE id = :one;
UPDATE content.submissions SET status = 'rejected' WHERE id = :one;
UPDATE content.submissions SET status = 'rejected', notes = '' WHERE id = :one;
UPDATE content.submissions SET status = 'rejected', notes = E' \n\t ' WHERE id = :one;
UPDATE content.submissions SET status = 'paid' WHERE id = :one;
\echo :LAST_ERROR_SQLSTATE
UPDATE content.submissions SET status = NULL WHERE id = :one;
\echo :LAST_ERROR_SQLSTATE
SELECT status, actual_pull_up_count, approved_at, rejected_at, notes FROM content.submissions WHERE id = :one;
SELECT (SELECT count(*) FROM finance.weekly_earnings) AS earnings, (SELECT count(*) FROM content.user_badges) AS badges,
       (SELECT count(*) FROM communication.email_notifications) AS mails;   -- nothing of all that was refused is left
BEGIN;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 11 WHERE id = :one
RETURNING status, platform, approved_at = now() AS now, updated_at = now() AS updated, rejected_at;
UPDATE content.submissions SET status = 'pending' WHERE id = :one;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- a rejection has its time and one e-mail with the notes
UPDATE content.submissions SET status = 'rejected', notes = $$you'd better; DROP TABLE content.submissions; --$$ WHERE id = :one
RETURNING status, rejected_at = now() AS now, approved_at;
SELECT user_id, email_type, recipient, subject, message, sent_at FROM communication.email_notifications;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 11 WHERE id = :one;
\echo :LAST_ERROR_SQLSTATE

-- corrected by its member, and by nobody else
SELECT pg_temp.act_as(:bob);
UPDATE content.submissions SET status = 'pending' WHERE id = :one;
UPDATE content.submissions SET status = 'pending', user_id = :bob WHERE id = :one;
SELECT pg_temp.act_as(:ann);
UPDATE content.submissions SET status = 'pending', user_id = :bob WHERE id = :one;
UPDATE content.submissions SET status = 'pending', video_url = 'https://youtu.be/1', pull_up_count = 11, actual_pull_up_count = 100 WHERE id = :one
RETURNING status, platform, actual_pull_up_count, approved_at;

-- reversed by an admin: dated anew when it is approved again
SELECT pg_temp.act_as(:chief);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 11, approved_at = '2025-11-26 12:00+00' WHERE id = :one
RETURNING status, approved_at, notes;                                                    -- why it was rejected is not told then
SELECT pg_temp.act_as(:ann);
UPDATE content.submissions SET status = 'rejected', notes = 'I want' WHERE id = :one;
SELECT pg_temp.act_as(:chief);
UPDATE content.submissions SET status = 'rejected' WHERE id = :one;                      -- and does not do for a reversal
UPDATE content.submissions SET status = 'rejected', notes = 'a band' WHERE id = :one RETURNING notes;
UPDATE content.submissions SET status = 'pending' WHERE id = :one RETURNING approved_at, actual_pull_up_count, notes;
BEGIN;
UPDATE content.submissions SET status = 'approved' WHERE id = :one RETURNING approved_at = now() AS anew, notes;
ROLLBACK;
BEGIN;
UPDATE content.submissions SET status = 'approved', notes = 'a band' WHERE id = :one RETURNING notes;   -- the same again is not a new one
ROLLBACK;
BEGIN;
UPDATE content.submissions SET status = 'approved', notes = 'well done' WHERE id = :one RETURNING notes;
ROLLBACK;
SELECT message FROM communication.email_notifications;

-- a correction does not make a second pending one
UPDATE content.submissions SET status = 'rejected', notes = 'too dark' WHERE id = :one;
INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (:ann, 'https://youtu.be/4', 5);
UPDATE content.submissions SET status = 'pending' WHERE id = :one;

-- the service role and the database's own user are asked for no claims of an admin
SELECT pg_temp.act_as(NULL, 'service_role');
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 5 WHERE id = :two RETURNING status;
SELECT pg_temp.act_as(NULL, NULL);
UPDATE content.submissions SET status = 'rejected', notes = 'reversed' WHERE id = :two RETURNING status;
SET ROLE service_role;
UPDATE content.submissions SET status = 'pending' WHERE id = :two RETURNING status;
RESET ROLE;

-- what was paid for keeps its count, its date and its member; anything else may change, and saying the same again is no change
INSERT INTO auth.users (id) VALUES ('00000000-0000-0000-0000-000000000077');
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count)
VALUES ('10000000-0000-0000-0000-000000000077', '00000000-0000-0000-0000-000000000077', 'https://youtu.be/x', 9);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 7 WHERE user_id = '00000000-0000-0000-0000-000000000077';
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 25 WHERE user_id = '00000000-0000-0000-0000-000000000077';
UPDATE content.submissions SET approved_at = approved_at - interval '1 month' WHERE user_id = '00000000-0000-0000-0000-000000000077';
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 7, notes = 'well done' WHERE user_id = '00000000-0000-0000-0000-000000000077';
SELECT actual_pull_up_count, notes FROM content.submissions WHERE user_id = '00000000-0000-0000-0000-000000000077';

-- what the table refuses when no rule is asked
SET session_replication_role = replica;
INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (:bob, 'x', -1);
INSERT INTO content.submissions (user_id, video_url, pull_up_count, actual_pull_up_count) VALUES (:bob, 'x', 1, -1);
INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (:bob, 'x', 1);
RESET session_replication_role;

SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
