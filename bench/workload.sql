-- What the differential test does to the legacy cascade, to the club, and to the hand-written triggers: one script for all three,
-- by the canonical names. 5,300 members have a pending submission each, 'pending 1' to 'pending 5300'.
\set ON_ERROR_STOP on
\o /dev/null
SET TimeZone = 'UTC';

CREATE FUNCTION pg_temp.submission(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5('pending ' || i)::uuid $$;

-- All submissions of a range, one statement or one for each; counts from 0 to 30; every third approval is given a note.
PREPARE approve(int, int) AS
UPDATE content.submissions s
   SET status = 'approved', actual_pull_up_count = i * 11 % 31, notes = CASE WHEN i % 3 = 0 THEN 'well done: ' || i ELSE notes END
  FROM generate_series($1, $2) i WHERE s.id = pg_temp.submission(i);
PREPARE reject(int, int, int) AS
UPDATE content.submissions s SET status = 'rejected', notes = 'not straight: ' || i
  FROM generate_series($1, $2, $3) i WHERE s.id = pg_temp.submission(i);
PREPARE correct(int, int, int) AS
UPDATE content.submissions s SET status = 'pending', video_url = video_url || '/again'
  FROM generate_series($1, $2, $3) i WHERE s.id = pg_temp.submission(i);

-- The submissions know something new of their members; some members are near their month's cap.
SET session_replication_role = replica;
UPDATE content.submissions s
   SET organization = CASE i % 4 WHEN 0 THEN 'Another club' WHEN 1 THEN organization END,
       region = CASE WHEN i % 3 = 0 THEN 'Another region' END, age = CASE WHEN i % 2 = 0 THEN 70 END, gender = CASE WHEN i % 7 > 0 THEN gender END
  FROM generate_series(1, 5300, 5) i WHERE s.id = pg_temp.submission(i);
INSERT INTO finance.user_earnings (user_id, month_year)
SELECT p.id, to_char(now(), 'YYYY-MM')
  FROM auth_management.profiles p
 WHERE NOT EXISTS (SELECT FROM finance.user_earnings e WHERE e.user_id = p.id AND e.month_year = to_char(now(), 'YYYY-MM'))
   AND p.id IN (SELECT md5('member ' || i)::uuid FROM generate_series(100, 4100, 40) i);
UPDATE finance.user_earnings SET total_earned_dollars = 990
 WHERE user_id IN (SELECT md5('member ' || i)::uuid FROM generate_series(100, 4100, 40) i) AND month_year = to_char(now(), 'YYYY-MM');
RESET session_replication_role;

-- One by one, then 100 in a statement.
SELECT format('EXECUTE approve(%1$s, %1$s)', i) FROM generate_series(1, 2400) i \gexec
SELECT format('EXECUTE approve(%s, %s)', i, i + 99) FROM generate_series(2401, 4301, 100) i \gexec

-- Approved, rejected and merely noted in one statement.
UPDATE content.submissions s
   SET status = CASE i % 3 WHEN 0 THEN 'approved' WHEN 1 THEN 'rejected' ELSE status END,
       actual_pull_up_count = CASE WHEN i % 3 = 0 THEN i * 7 % 31 END,
       notes = CASE i % 3 WHEN 0 THEN 'well done: ' ELSE 'seen by ' END || i
  FROM generate_series(4401, 4700) i WHERE s.id = pg_temp.submission(i);
SELECT format('EXECUTE approve(%1$s, %1$s)', i) FROM generate_series(4401, 4700) i WHERE i % 3 = 2 \gexec

-- Rejected, some of them corrected and approved after all.
SELECT format('EXECUTE reject(%1$s, %1$s, 1)', i) FROM generate_series(4701, 4720) i \gexec
EXECUTE reject(4721, 4800, 1);
EXECUTE correct(4701, 4800, 2);
SELECT format('EXECUTE approve(%1$s, %1$s)', i) FROM generate_series(4701, 4800, 2) i \gexec

-- Reversed, one by one and many in a statement; some of them corrected and approved again.
SELECT format('EXECUTE reject(%1$s, %1$s, 1)', i) FROM generate_series(7, 2400, 7) i \gexec
EXECUTE reject(2405, 4400, 5);
EXECUTE correct(14, 2400, 14);
SELECT format('EXECUTE approve(%1$s, %1$s)', i) FROM generate_series(14, 2400, 14) i \gexec
EXECUTE correct(2410, 4400, 10);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 9 WHERE status = 'pending' AND video_url LIKE '%/again';

-- A second submission in the same week, arriving as history does.
SET session_replication_role = replica;
INSERT INTO content.submissions (id, user_id, video_url, platform, pull_up_count, status)
SELECT md5('second ' || i)::uuid, md5('member ' || i)::uuid, 'https://video.example.org/second/' || i, 'tiktok', 12, 'pending'
  FROM generate_series(1, 300) i;
RESET session_replication_role;
SELECT format('UPDATE content.submissions SET status = ''approved'', actual_pull_up_count = %s WHERE id = md5(''second %s'')::uuid', i % 27, i)
  FROM generate_series(1, 150) i \gexec
UPDATE content.submissions s SET status = 'approved', actual_pull_up_count = i % 27
  FROM generate_series(151, 300) i WHERE s.id = md5('second ' || i)::uuid;

-- The last dollars: a partial one, then nothing; a reversal brings some back.
UPDATE finance.weekly_pools SET total_amount_dollars = spent_dollars + 2500, remaining_amount_dollars = 2500
 WHERE now() >= week_start_date AND now() < week_end_date + 1;
SELECT format('EXECUTE approve(%1$s, %1$s)', i) FROM generate_series(4801, 5200) i \gexec
SELECT format('EXECUTE reject(%1$s, %1$s, 1)', i) FROM generate_series(4803, 5200, 40) i \gexec
SELECT format('EXECUTE approve(%1$s, %1$s)', i) FROM generate_series(5201, 5300) i \gexec
