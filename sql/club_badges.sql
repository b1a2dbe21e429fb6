-- Badges: every threshold that is reached, for the member's gender or Any, once a member, for ever.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
SELECT pull_up_club.set('cooldown_days', '0') AS cooldown;
SELECT name, min_pull_ups, gender, description, image_url FROM content.badges ORDER BY gender DESC, min_pull_ups;

CREATE FUNCTION pg_temp.member(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.approve(i int, counted int, n int DEFAULT 1) RETURNS uuid LANGUAGE sql AS $$
  INSERT INTO content.submissions (id, user_id, video_url, pull_up_count)
  VALUES (('10000000-0000-0000-0000-' || lpad(i::text || lpad(n::text, 2, '0'), 12, '0'))::uuid, pg_temp.member(i), 'https://youtu.be/x', 1);
  UPDATE content.submissions SET status = 'approved', actual_pull_up_count = counted, approved_at = '2025-11-05 12:00+00'
   WHERE user_id = pg_temp.member(i) AND status = 'pending' RETURNING id
$$;
CREATE VIEW pg_temp.worn AS
  SELECT u.user_id, b.name, b.gender, b.min_pull_ups, u.submission_id FROM content.user_badges u JOIN content.badges b ON b.id = u.badge_id;
INSERT INTO auth.users (id) SELECT pg_temp.member(i) FROM generate_series(1, 70) AS i;

-- each count from 0 to 30, men and women: the number of badges is the number of thresholds reached
UPDATE auth_management.profiles SET gender = CASE WHEN right(id::text, 12)::int <= 31 THEN 'Male' ELSE 'Female' END;
SELECT count(pg_temp.approve(i + CASE gender WHEN 'Male' THEN 1 ELSE 32 END, i)) FROM generate_series(0, 30) AS i, unnest('{Male,Female}'::text[]) AS gender;
SELECT p.gender, s.actual_pull_up_count AS counted, string_agg(w.name, ' ' ORDER BY w.min_pull_ups) AS badges
  FROM content.submissions s JOIN auth_management.profiles p ON p.id = s.user_id LEFT JOIN pg_temp.worn w ON w.user_id = s.user_id
 WHERE s.actual_pull_up_count IN (0, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 19, 20, 24, 25, 30)
 GROUP BY 1, 2 ORDER BY 1 DESC, 2;
SELECT count(*) AS wrong FROM content.submissions s JOIN auth_management.profiles p ON p.id = s.user_id
 WHERE (SELECT count(*) FROM content.badges b WHERE b.gender = p.gender AND b.min_pull_ups <= s.actual_pull_up_count)
    <> (SELECT count(*) FROM pg_temp.worn w WHERE w.user_id = s.user_id AND w.gender = p.gender AND w.submission_id = s.id);

-- only what is new: a second time nothing, and more pull-ups only the rest
SELECT content.award_badges(id) FROM content.submissions WHERE user_id = pg_temp.member(13);
SELECT pg_temp.approve(13, 16, 2) IS NOT NULL AS approved;
SELECT name, right(submission_id::text, 2) AS submission FROM pg_temp.worn WHERE user_id = pg_temp.member(13) ORDER BY min_pull_ups;
-- fewer than before: nothing new, nothing lost
SELECT pg_temp.approve(13, 1, 3) IS NOT NULL AS approved;
SELECT count(*) FROM pg_temp.worn WHERE user_id = pg_temp.member(13);
-- not taken back
UPDATE content.submissions SET status = 'rejected', notes = 'a band' WHERE user_id = pg_temp.member(13);
SELECT count(*) FROM pg_temp.worn WHERE user_id = pg_temp.member(13);
-- a badge without its submission (that was deleted) is still worn
DELETE FROM content.submissions WHERE user_id = pg_temp.member(13);
SELECT count(*), count(submission_id) FROM pg_temp.worn WHERE user_id = pg_temp.member(13);

-- badges for Any; members who say neither or nothing have those only
INSERT INTO content.badges (name, min_pull_ups, gender) VALUES ('Starter', 0, 'Any'), ('Hundred', 100, 'Any');
UPDATE auth_management.profiles SET gender = 'Other' WHERE id = pg_temp.member(64);
UPDATE auth_management.profiles SET gender = NULL WHERE id = pg_temp.member(65);
UPDATE auth_management.profiles SET gender = 'Any' WHERE id = pg_temp.member(66);
UPDATE auth_management.profiles SET gender = 'male' WHERE id = pg_temp.member(67);
SELECT count(pg_temp.approve(i, 100)) FROM generate_series(64, 68) AS i;
SELECT right(user_id::text, 2) AS member, string_agg(name, ' ' ORDER BY min_pull_ups) FROM pg_temp.worn WHERE user_id >= pg_temp.member(64) GROUP BY 1 ORDER BY 1;

-- a change of the table counts from the next approval on, in this session too
UPDATE content.badges SET min_pull_ups = 1 WHERE name = 'Hundred';
SELECT pg_temp.approve(69, 1) IS NOT NULL AS approved;
SELECT string_agg(name, ' ' ORDER BY name) FROM pg_temp.worn WHERE user_id = pg_temp.member(69);

-- what is no submission, or not approved
SELECT content.award_badges(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT content.award_badges('10000000-0000-0000-0000-000000009999');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, actual_pull_up_count) VALUES ('10000000-0000-0000-0000-000000007001', pg_temp.member(70), 'https://youtu.be/x', 25, 25);
\set VERBOSITY terse
SELECT content.award_badges('10000000-0000-0000-0000-000000007001');
SELECT count(*) FROM pg_temp.worn WHERE user_id = pg_temp.member(70);
INSERT INTO content.badges (name, min_pull_ups, gender) VALUES ('x', -1, 'Any');
INSERT INTO content.badges (name, min_pull_ups, gender) VALUES ('x', 1, 'male');
INSERT INTO content.badges (name, min_pull_ups, gender) VALUES ('Recruit', 1, 'Male');

DROP VIEW pg_temp.worn;
SELECT pull_up_club.set('cooldown_days', '30') AS cooldown;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
