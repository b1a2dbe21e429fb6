-- Monthly graphics: one card a member and month; rank, its change and the headline are always today's.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
SELECT pull_up_club.set('cooldown_days', '0') AS cooldown;
CREATE FUNCTION pg_temp.member(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.approve(i int, counted int, at timestamptz) RETURNS uuid LANGUAGE sql AS $$
  INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (pg_temp.member(i), 'https://youtu.be/x', 1);
  UPDATE content.submissions SET status = 'approved', actual_pull_up_count = counted, approved_at = at
   WHERE user_id = pg_temp.member(i) AND status = 'pending' RETURNING id
$$;
INSERT INTO auth.users (id, email) SELECT pg_temp.member(i), 'member' || i || '@example.org' FROM generate_series(1, 5) AS i;
UPDATE auth_management.profiles SET gender = 'Male', full_name = 'Member ' || right(id::text, 1);
UPDATE auth_management.profiles SET gender = 'Female' WHERE id = pg_temp.member(2);

-- the first month
SELECT pg_temp.approve(1, 12, '2025-09-10 12:00+00') IS NOT NULL AS approved;
SELECT month_year, email, full_name, current_pullups, current_badge_name, current_badge_image_url, previous_pullups, previous_badge_name, improvement,
       next_badge_name, next_badge_pullups, email_sent, rank, previous_rank, rank_change, headline FROM content.monthly_graphic_cards \gx
SELECT q.type, q.user_id = s.user_id AS his, q.data = jsonb_build_object('month', '2025-09', 'submission_id', s.id) AS says
  FROM communication.notification_queue q, content.submissions s;

-- the second: more, fewer, as many, and someone without the month before
SELECT count(pg_temp.approve(i, counted, at)) FROM (VALUES
  (2, 25, timestamptz '2025-09-11 12:00+00'), (3, 4, '2025-09-12 12:00+00'), (4, 25, '2025-09-10 12:00+00'),
  (1, 26, '2025-10-10 12:00+00'), (2, 19, '2025-10-11 12:00+00'), (3, 4, '2025-10-12 12:00+00'), (5, 4, '2025-10-12 11:00+00'),
  (4, 7, '2025-11-12 12:00+00')) AS a(i, counted, at);   -- the fourth pauses in October
SELECT month_year, full_name, current_pullups AS now, current_badge_name AS badge, previous_pullups AS before, previous_badge_name AS badge_before, improvement,
       next_badge_name AS next, next_badge_pullups AS takes, rank, previous_rank, rank_change, headline
  FROM content.monthly_graphic_cards ORDER BY month_year, rank, full_name;

-- the next approval moves the ranks
SELECT pg_temp.approve(5, 30, '2025-10-20 12:00+00') IS NOT NULL AS approved;
SELECT full_name, current_pullups, rank, previous_rank, rank_change, headline FROM content.monthly_graphic_cards WHERE month_year = '2025-10' ORDER BY rank;
SELECT count(*) AS cards, count(DISTINCT (user_id, month_year)) AS of_members_and_months FROM content.monthly_graphics;
SELECT count(*) AS queued FROM communication.notification_queue WHERE user_id = pg_temp.member(5);
-- and so does a reversal; the card stays and has no rank
UPDATE content.submissions SET status = 'rejected', notes = 'a band' WHERE actual_pull_up_count = 26;
SELECT full_name, current_pullups, rank, previous_rank, rank_change, headline FROM content.monthly_graphic_cards WHERE month_year = '2025-10' ORDER BY rank, full_name;

-- several in the month before: the best counts; December is before January
SELECT pg_temp.approve(3, 11, '2025-12-02 12:00+00') IS NOT NULL AND pg_temp.approve(3, 9, '2025-12-20 12:00+00') IS NOT NULL
   AND pg_temp.approve(3, 12, '2026-01-02 12:00+00') IS NOT NULL AS approved;
SELECT month_year, current_pullups, previous_pullups, previous_badge_name, improvement, rank, previous_rank, headline
  FROM content.monthly_graphic_cards WHERE month_year >= '2025-12' ORDER BY 1;

-- the month is the club's: the last evening of January in New York is February in Tokyo
SELECT pull_up_club.set('time_zone', 'Asia/Tokyo') AS zone;
SET timezone = 'America/New_York';
SELECT pg_temp.approve(3, 13, '2026-01-31 20:00:00-05') IS NOT NULL AS approved;
SELECT month_year, previous_pullups FROM content.monthly_graphics ORDER BY 1 DESC LIMIT 1;
SELECT pull_up_club.set('time_zone', 'UTC') AS zone;

-- made again, it is the same card and is not queued twice over for nothing
SELECT content.create_monthly_graphic(submission_id) = id AS same FROM content.monthly_graphics WHERE month_year = '2025-11';
SELECT count(*) AS cards FROM content.monthly_graphics WHERE month_year = '2025-11';
SELECT content.create_monthly_graphic(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT content.create_monthly_graphic('10000000-0000-0000-0000-000000000009');
\echo :LAST_ERROR_SQLSTATE

SELECT pull_up_club.set('cooldown_days', '30') AS cooldown;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
