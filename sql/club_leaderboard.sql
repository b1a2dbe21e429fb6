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
SELECT analytics.rebuild_ranks() AS mended, analytics.rebuild_ranks() AS again;
SELECT rank, rank_in_gender, rank_in_organization, full_name, gender, organization, actual_pull_up_count, approved_at AT TIME ZONE 'UTC' AS approved
  FROM analytics.leaderboard ORDER BY rank, full_name;

-- it follows what happens
UPDATE content.submissions SET status = 'rejected', notes = 'a band' WHERE actual_pull_up_count = 30;
SELECT rank, rank_in_gender, rank_in_organization, full_name FROM analytics.leaderboard ORDER BY rank, full_name;


-- The function: page by page, always the same as the view. Whatever differs is in this view; a reader's places are followed.
CREATE SCHEMA test;
CREATE FUNCTION test.pages(size int, gender text DEFAULT NULL, organization text DEFAULT NULL) RETURNS SETOF pull_up_club.ranked_member
LANGUAGE plpgsql AS $$
DECLARE
  page pull_up_club.ranked_member[];
  place jsonb;
BEGIN
  LOOP
    page := ARRAY(SELECT l FROM analytics.leaderboard(size, place, $2, $3) AS l);
    RETURN QUERY SELECT (p).* FROM unnest(page) AS p;
    EXIT WHEN cardinality(page) < size;
    place := page[size].place;
  END LOOP;
END $$;
CREATE VIEW test.expected AS SELECT rank, user_id, full_name, gender, organization, region, submission_id, actual_pull_up_count, approved_at, video_url, platform FROM analytics.leaderboard;
CREATE FUNCTION test.differences() RETURNS TABLE (what text, rows bigint) LANGUAGE sql AS $$
  WITH shown AS (SELECT rank, user_id, full_name, gender, organization, region, submission_id, actual_pull_up_count, approved_at, video_url, platform FROM test.pages(7)),
  by_gender AS (
    SELECT g.gender, p.user_id, p.rank FROM (SELECT DISTINCT gender FROM test.expected WHERE gender IS NOT NULL) AS g, test.pages(3, g.gender) AS p),
  by_organization AS (
    SELECT o.organization, p.user_id, p.rank FROM (SELECT DISTINCT organization FROM test.expected WHERE organization IS NOT NULL) AS o, test.pages(4, NULL, o.organization) AS p),
  both_of AS (
    SELECT user_id, gender, organization, rank() OVER (PARTITION BY gender, organization ORDER BY actual_pull_up_count DESC, approved_at) AS rank
      FROM test.expected WHERE gender IS NOT NULL AND organization IS NOT NULL),
  by_both AS (
    SELECT b.gender, b.organization, p.user_id, p.rank FROM (SELECT DISTINCT gender, organization FROM both_of) AS b, test.pages(2, b.gender, b.organization) AS p)
  SELECT * FROM (
    SELECT 'all', (SELECT count(*) FROM ((TABLE shown EXCEPT ALL TABLE test.expected) UNION ALL (TABLE test.expected EXCEPT ALL TABLE shown)) AS d)
    UNION ALL
    SELECT 'rank_of', count(*) FROM auth_management.profiles p LEFT JOIN test.expected e ON e.user_id = p.id WHERE analytics.rank_of(p.id) IS DISTINCT FROM e.rank
    UNION ALL
    SELECT 'gender', count(*) FROM (SELECT gender, user_id, rank_in_gender AS rank FROM analytics.leaderboard WHERE gender IS NOT NULL) AS e FULL JOIN by_gender USING (gender, user_id, rank)
     WHERE e.user_id IS NULL OR by_gender.user_id IS NULL
    UNION ALL
    SELECT 'organization', count(*) FROM (SELECT organization, user_id, rank_in_organization AS rank FROM analytics.leaderboard WHERE organization IS NOT NULL) AS e
      FULL JOIN by_organization USING (organization, user_id, rank) WHERE e.user_id IS NULL OR by_organization.user_id IS NULL
    UNION ALL
    SELECT 'gender and organization', count(*) FROM both_of e FULL JOIN by_both USING (gender, organization, user_id, rank) WHERE e.user_id IS NULL OR by_both.user_id IS NULL
    UNION ALL
    SELECT 'counts', count(*) FROM (SELECT actual_pull_up_count, count(*) FROM test.expected GROUP BY 1) AS e(pull_ups, members)
      FULL JOIN (SELECT pull_ups, sum(members)::int AS members FROM analytics.best_counts GROUP BY 1 HAVING sum(members) <> 0) AS c USING (pull_ups, members) WHERE e IS NULL OR c IS NULL) AS d(what, rows)
   WHERE rows <> 0
$$;
SELECT * FROM test.differences();
SELECT rank, full_name, gender, organization, actual_pull_up_count FROM analytics.leaderboard(3);
SELECT rank, full_name FROM analytics.leaderboard(2, (SELECT place FROM analytics.leaderboard(3) OFFSET 2));
SELECT rank, full_name FROM analytics.leaderboard(gender => 'Female');
SELECT rank, full_name FROM analytics.leaderboard(organization => 'North', gender => 'Male');
SELECT full_name, analytics.rank_of(id) FROM auth_management.profiles ORDER BY 1;

-- thousands of steps at random: approvals one by one and many in a statement, of few counts and dates, so that many are alike; reversals,
-- corrections, profiles that change, submissions and members that are deleted
SELECT pull_up_club.set('cooldown_days', '0') AS cooldown, setseed(0.5);
INSERT INTO auth.users (id) SELECT md5('random ' || i)::uuid FROM generate_series(1, 60) AS i;
CREATE TABLE test.steps (step int, kind text, rows int);
CREATE PROCEDURE test.take_steps(steps int) LANGUAGE plpgsql AS $$
DECLARE
  member uuid;
  some   uuid;
  kind   text;
  done   int;
BEGIN
  FOR i IN 1 .. steps LOOP
    member := (SELECT id FROM auth_management.profiles ORDER BY random() LIMIT 1);
    kind := (ARRAY['submit', 'submit', 'submit', 'approve', 'approve', 'approve', 'approve many', 'reject', 'reverse', 'reverse best', 'reverse many', 'correct',
                   'profile', 'place', 'delete', 'delete many', 'leave'])[1 + floor(random() * 17)];
    CASE kind
      WHEN 'submit' THEN
        INSERT INTO content.submissions (user_id, video_url, pull_up_count, organization, gender)
        SELECT p.id, 'https://youtu.be/' || i, 9, (ARRAY['North', 'South', 'West'])[floor(random() * 6)::int], (ARRAY['Male', 'Female'])[floor(random() * 9)::int]
          FROM auth_management.profiles p
         WHERE NOT EXISTS (SELECT FROM content.submissions s WHERE s.user_id = p.id AND s.status = 'pending') ORDER BY random() LIMIT 4;
      WHEN 'approve', 'approve many' THEN
        UPDATE content.submissions s SET status = 'approved', actual_pull_up_count = random() * 5, approved_at = '2026-11-01 12:00+00'::timestamptz + floor(random() * 3) * interval '1 day'
         WHERE s.id IN (SELECT id FROM content.submissions WHERE status = 'pending' ORDER BY random() LIMIT CASE kind WHEN 'approve' THEN 1 ELSE 9 END);
      WHEN 'reject' THEN
        UPDATE content.submissions SET status = 'rejected', notes = 'no' WHERE user_id = member AND status = 'pending';
      WHEN 'reverse', 'reverse many' THEN
        UPDATE content.submissions s SET status = 'rejected', notes = 'no'
         WHERE s.id IN (SELECT id FROM content.submissions WHERE status = 'approved' ORDER BY random() LIMIT CASE kind WHEN 'reverse' THEN 1 ELSE 5 END);
      WHEN 'reverse best' THEN
        UPDATE content.submissions SET status = 'rejected', notes = 'no' WHERE id = (SELECT submission_id FROM analytics.best_submissions WHERE user_id = member);
      WHEN 'correct' THEN
        UPDATE content.submissions s SET status = 'pending'
         WHERE s.id = (SELECT id FROM content.submissions WHERE user_id = member AND status = 'rejected' LIMIT 1)
           AND NOT EXISTS (SELECT FROM content.submissions o WHERE o.user_id = member AND o.status = 'pending');
      WHEN 'profile' THEN
        UPDATE auth_management.profiles SET gender = (ARRAY['Male', 'Female'])[floor(random() * 4)::int], organization = (ARRAY['North', 'South'])[floor(random() * 4)::int] WHERE id = member;
      WHEN 'place' THEN   -- of one that is approved
        UPDATE content.submissions SET organization = 'West' WHERE user_id = member AND status = 'approved';
      WHEN 'delete' THEN
        DELETE FROM content.submissions WHERE id = (SELECT submission_id FROM analytics.best_submissions WHERE user_id = member);
      WHEN 'delete many' THEN
        DELETE FROM content.submissions WHERE id IN (SELECT id FROM content.submissions ORDER BY random() LIMIT 3);
      ELSE
        DELETE FROM auth.users WHERE id = member AND random() < 0.3;
        INSERT INTO auth.users (id) SELECT gen_random_uuid() WHERE FOUND;
    END CASE;
    GET DIAGNOSTICS done = ROW_COUNT;
    INSERT INTO test.steps VALUES (i, kind, done);
  END LOOP;
END $$;
CALL test.take_steps(1000);
SELECT * FROM test.differences();
CALL test.take_steps(1000);
SELECT * FROM test.differences();
SET lifeguard.direct_writes = off;
CALL test.take_steps(1000);
SELECT * FROM test.differences();
RESET lifeguard.direct_writes;
-- of an organization of thousands the pages are found in another way
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO auth_management.profiles (id, organization) SELECT gen_random_uuid(), organization FROM unnest('{North,South,West}'::text[]) AS organization, generate_series(1, 2001);
SELECT * FROM test.differences();
ROLLBACK;
SELECT count(DISTINCT kind) AS kinds, count(*) FILTER (WHERE rows = 0) < count(*) / 2 AS most_did_something FROM test.steps WHERE kind <> 'leave';
SELECT count(*) > 30 AS members, count(*) > count(DISTINCT rank) AS ties FROM analytics.leaderboard;
SELECT analytics.rebuild_ranks() AS nothing_to_mend;

-- what undoes itself leaves nothing; the function that approvals call may be called again
BEGIN;
DELETE FROM content.submissions;
SELECT count(*) FROM analytics.leaderboard();
ROLLBACK;
SELECT bool_and(analytics.rank_submission(submission_id)) AS best_already FROM analytics.best_submissions;
SELECT analytics.rank_submission('00000000-0000-0000-0000-000000000000');
SELECT * FROM test.differences();

-- history that comes without triggers is not in the ranks until they are rebuilt
SET session_replication_role = replica;
DELETE FROM content.submissions WHERE id IN (SELECT submission_id FROM analytics.best_submissions LIMIT 3);
UPDATE content.submissions SET actual_pull_up_count = 77 WHERE id IN (SELECT submission_id FROM analytics.best_submissions b WHERE EXISTS (SELECT FROM content.submissions s WHERE s.id = b.submission_id) LIMIT 2);
RESET session_replication_role;
SELECT count(*) > 0 AS differs FROM test.differences();
SELECT analytics.rebuild_ranks() >= 5 AS mended;
SELECT * FROM test.differences();
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT analytics.rebuild_ranks();
ROLLBACK;

-- what is no page
SELECT * FROM analytics.leaderboard(0);
SELECT * FROM analytics.leaderboard(NULL);
SELECT * FROM analytics.leaderboard(1001);
SELECT * FROM analytics.leaderboard(1, '[]');
SELECT * FROM analytics.leaderboard(1, '{"rank": 2}');
SELECT * FROM analytics.leaderboard(1, '{"rank": 2, "row": 1, "pull_ups": 1, "approved_at": "2026-11-01", "user_id": "00000000-0000-0000-0000-000000000000"}');
SELECT * FROM analytics.leaderboard(1, '{"rank": 1, "row": 1, "pull_ups": 1, "approved_at": "one day", "user_id": "00000000-0000-0000-0000-000000000000"}');
SELECT * FROM analytics.leaderboard(1, '{"rank": 1, "row": 1, "pull_ups": 1e20, "approved_at": "2026-11-01", "user_id": "00000000-0000-0000-0000-000000000000"}');

-- everybody sees the ranking: what it shows is public, and its view has no rights of its own
SET ROLE anon;
SELECT count(*) > 0 AS shown FROM analytics.leaderboard;
SELECT count(*) > 0 AS shown, count(*) = count(analytics.rank_of(user_id)) AS ranked FROM analytics.leaderboard();
SELECT count(*) FROM analytics.best_submissions;
SET ROLE service_role;
SELECT count(*) > 0 AS shown FROM analytics.leaderboard;
RESET ROLE;

TRUNCATE content.submissions CASCADE;
SELECT count(*) FROM analytics.leaderboard();
SELECT pull_ups, sum(members) AS members FROM analytics.best_counts GROUP BY 1 HAVING sum(members) <> 0;

DROP SCHEMA test CASCADE;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
