-- Ranks: more pull-ups first, then the earlier approval; overall, by gender, by organization; a member's best one counts.
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();

-- history as it was: no rule is asked
SET session_replication_role = replica;
INSERT INTO auth.users (id) SELECT md5('member ' || i)::uuid FROM generate_series(1, 7) AS i;
INSERT INTO auth_management.profiles (id, full_name, gender, organization)
SELECT md5('member ' || i)::uuid, name, gender, organization
  FROM (VALUES (1, 'Ann', 'Female', 'North'), (2, 'Bob', 'Male', 'North'), (3, 'Cid', 'Male', 'South'), (4, 'Dee', 'Female', 'South'),
               (5, 'Eve', NULL, NULL), (6, 'Fay', 'Female', 'North'), (7, 'Gus', 'Male', NULL)) AS m(i, name, gender, organization);
INSERT INTO content.submissions (user_id, video_url, pull_up_count, actual_pull_up_count, status, approved_at, organization)
SELECT md5('member ' || i)::uuid, 'https://youtu.be/' || i, 99, counted, status, at::timestamptz, organization
  FROM (VALUES (1, 20, 'approved', '2026-11-03 12:00+00', NULL),
               (1, 25, 'approved', '2026-10-03 12:00+00', NULL),      -- Ann's best is the older one
               (2, 25, 'approved', '2026-10-02 12:00+00', NULL),      -- as many, a day earlier
               (2, 25, 'approved', '2026-11-02 12:00+00', NULL),
               (3, 30, 'approved', '2026-11-05 12:00+00', 'North'),   -- filmed for another club than his own
               (4, 40, 'rejected', '2026-11-05 12:00+00', NULL),      -- reversed
               (4, 50, 'pending',  NULL, NULL),
               (5, 10, 'approved', '2026-11-05 12:00+00', NULL),
               (6, 10, 'approved', '2026-11-05 12:00+00', NULL),      -- in every respect as good as Eve
               (7, 0,  'approved', '2026-11-01 12:00+00', NULL)) AS s(i, counted, status, at, organization);
RESET session_replication_role;
SELECT rank, rank_in_gender, rank_in_organization, full_name, gender, organization, actual_pull_up_count, approved_at AT TIME ZONE 'UTC' AS approved
  FROM analytics.leaderboard ORDER BY rank, full_name;

-- it follows what happens
UPDATE content.submissions SET status = 'rejected', notes = 'a band' WHERE actual_pull_up_count = 30;
SELECT rank, rank_in_gender, rank_in_organization, full_name FROM analytics.leaderboard ORDER BY rank, full_name;

-- everybody sees the ranking: what it shows is public, and its view has no rights of its own
SET ROLE authenticated;
SELECT count(*) FROM analytics.leaderboard;
SET ROLE service_role;
SELECT count(*) FROM analytics.leaderboard;
RESET ROLE;

SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
