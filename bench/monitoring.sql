-- What the monitoring's part measures: the ranking, the checks, the state of a club of many members. Read by bench/monitoring in the
-- database of its samples; members is how many.
SET client_min_messages = warning;
CREATE EXTENSION pull_up_club CASCADE;
SELECT pull_up_club.install();
CREATE SCHEMA bench;

-- History as it was: ten submissions a member, one each 35 days or so, nine of them approved; a week's first earn its $250, all others
-- 0. Counts are those of people: few have more than 40.
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO auth.users (id, email) SELECT md5('member ' || i)::uuid, i || '@example.org' FROM generate_series(1, :members) AS i;
INSERT INTO auth_management.profiles (id, email, full_name, age, gender, organization, region)
SELECT md5('member ' || i)::uuid, i || '@example.org', 'Member ' || i, 30, CASE i % 2 WHEN 0 THEN 'Female' ELSE 'Male' END, 'Club ' || i % 1000, 'Coast' FROM generate_series(1, :members) AS i;
INSERT INTO content.submissions (id, user_id, video_url, platform, pull_up_count, actual_pull_up_count, status, approved_at, rejected_at, submitted_at)
SELECT md5(format('film %s %s', i, k))::uuid, md5('member ' || i)::uuid, 'https://youtu.be/' || i, 'youtube', n, n, CASE k WHEN 10 THEN 'rejected' ELSE 'approved' END,
       CASE WHEN k < 10 THEN at END, CASE k WHEN 10 THEN at END, at - interval '1 day'
  FROM generate_series(1, :members) AS i, generate_series(1, 10) AS k,
       LATERAL (SELECT 1 + hashint4(i * 10 + k) & 15 + (hashint4(i) >> 8) & 15 + CASE WHEN hashint4(i) % 50 = 0 THEN 12 ELSE 0 END AS n,
                       now() - k * interval '35 days' + (hashint4(i + k * 1000003) & 2097151) * interval '1 second' AS at) AS v;
INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, month_year)
SELECT week, week + 6, 250, 250, to_char(week, 'YYYY-MM') FROM (SELECT DISTINCT date_trunc('week', approved_at AT TIME ZONE 'UTC')::date AS week FROM content.submissions WHERE status = 'approved') AS w;
INSERT INTO finance.weekly_earnings (user_id, weekly_pool_id, submission_id, pull_up_count, earning_amount_dollars, reason, month_year)
SELECT s.user_id, p.id, s.id, s.actual_pull_up_count, CASE WHEN place <= 5 THEN least(s.actual_pull_up_count, 50) ELSE 0 END, CASE WHEN place > 5 OR s.actual_pull_up_count > 50 THEN 'pool' END,
       to_char(s.approved_at AT TIME ZONE 'UTC', 'YYYY-MM')
  FROM (SELECT *, date_trunc('week', approved_at AT TIME ZONE 'UTC')::date AS week, row_number() OVER (PARTITION BY date_trunc('week', approved_at AT TIME ZONE 'UTC')::date ORDER BY approved_at) AS place
          FROM content.submissions WHERE status = 'approved') AS s
  JOIN finance.weekly_pools p ON p.week_start_date = s.week;
UPDATE finance.weekly_pools p SET spent_dollars = e.dollars, remaining_amount_dollars = total_amount_dollars - e.dollars
  FROM (SELECT weekly_pool_id, sum(earning_amount_dollars) AS dollars FROM finance.weekly_earnings GROUP BY 1) AS e WHERE e.weekly_pool_id = p.id;
INSERT INTO finance.user_earnings (user_id, month_year, total_earned_dollars, total_submissions) SELECT user_id, month_year, sum(earning_amount_dollars), count(*) FROM finance.weekly_earnings GROUP BY 1, 2;
INSERT INTO finance.payout_requests (user_id, amount_dollars, payout_month) SELECT user_id, total_earned_dollars, month_year FROM finance.user_earnings;
INSERT INTO finance.monthly_totals (month_year, spent_dollars) SELECT month_year, sum(earning_amount_dollars) FROM finance.weekly_earnings GROUP BY 1;
INSERT INTO content.monthly_graphics (submission_id, user_id, month_year, current_pullups)
SELECT DISTINCT ON (user_id, month_year) submission_id, user_id, month_year, pull_up_count FROM finance.weekly_earnings WHERE month_year >= to_char(now() - interval '2 months', 'YYYY-MM') ORDER BY 2, 3, pull_up_count DESC;
RESET session_replication_role;
SELECT analytics.rebuild_ranks();
SELECT monitoring.run_daily_consistency_check();
VACUUM (FREEZE, ANALYZE);
SELECT monitoring.run_checks();

-- Keeps the milliseconds of a call, each of many: call(n) is an expression of n.
CREATE PROCEDURE bench.time_calls(round int, measure text, calls int, call text) LANGUAGE plpgsql AS $$
DECLARE
  before timestamptz;
BEGIN
  EXECUTE format('PREPARE called (int) AS SELECT count(x) FROM %s AS x', call);
  FOR i IN 1 .. 7 LOOP EXECUTE format('EXECUTE called (%s)', i); END LOOP;
  FOR i IN 1 .. calls LOOP
    before := clock_timestamp();
    EXECUTE format('EXECUTE called (%s)', i);
    INSERT INTO public.sample VALUES (round, measure || ' ' || i, 'ours', extract(epoch FROM clock_timestamp() - before) * 1000);
  END LOOP;
  DEALLOCATE called;
END $$;

CREATE PROCEDURE bench.take_round(round int, calls int) LANGUAGE plpgsql AS $$
DECLARE
  last_one constant uuid := (SELECT user_id FROM analytics.best_submissions ORDER BY pull_ups, approved_at DESC LIMIT 1);
  deep     constant jsonb := (SELECT jsonb_build_object('rank', 50000, 'row', 50000, 'pull_ups', pull_ups, 'approved_at', approved_at, 'user_id', user_id)
                                FROM analytics.best_submissions ORDER BY pull_ups DESC, approved_at, user_id OFFSET (SELECT count(*) / 2 FROM analytics.best_submissions) LIMIT 1);
BEGIN
  CALL bench.time_calls(round, 'page', calls, 'analytics.leaderboard()');
  CALL bench.time_calls(round, 'rank', calls, $call$ analytics.rank_of(md5('member ' || $1 * 37)::uuid) $call$);
  CALL bench.time_calls(round, 'last', calls, format('analytics.rank_of(%L)', last_one));
  CALL bench.time_calls(round, 'deep', calls, format('analytics.leaderboard(50, %L)', deep));
  CALL bench.time_calls(round, 'gender', calls, $call$ analytics.leaderboard(gender => 'Female') $call$);
  CALL bench.time_calls(round, 'organization', calls, $call$ analytics.leaderboard(organization => 'Club ' || $1) $call$);
  CALL bench.time_calls(round, 'half', calls, $call$ analytics.leaderboard(organization => 'Club ' || $1, gender => CASE $1 % 2 WHEN 0 THEN 'Female' ELSE 'Male' END) $call$);
  CALL bench.time_calls(round, 'view', 1, '(SELECT * FROM analytics.leaderboard ORDER BY rank LIMIT 50)');
  CALL bench.time_calls(round, 'health', calls, 'monitoring.health()');
  CALL bench.time_calls(round, 'club', 1, $call$ monitoring.run_checks('club') $call$);
  CALL bench.time_calls(round, 'checks', 1, 'monitoring.run_checks()');
  INSERT INTO public.sample
  SELECT round, 'check ' || name, 'ours', extract(epoch FROM took) * 1000 FROM monitoring.check_results WHERE run = (SELECT max(id) FROM monitoring.check_runs);
  SET LOCAL lifeguard.check_slice = -1;
  INSERT INTO public.sample SELECT round, 'nightly', 'ours', sum(extract(epoch FROM took)) * 1000 FROM monitoring.run_checks();   -- once: it takes long
END $$;
