-- The club of ../adopt/timestamps.sql: weeks as moments, dollars as numeric, an earning a submission and nothing a month. Adopted, all
-- that is pending approved by its old names, the dollars compared with the rule, and released as it was; weeks that end otherwise, other
-- time zones, and cents.
SELECT no_plan();
SET client_min_messages = error;
SET timezone = 'UTC';
\ir ../adopt/timestamps.sql
\ir ../adopt/compare.sql
CREATE EXTENSION pull_up_club CASCADE;
\ir ../adopt/registers.sql
SELECT pull_up_club.set('monthly_cap_scope', 'member'), pull_up_club.set('cooldown_days', '0') \g /dev/null

-- ---------------------------------------------------------------- there and back

\set moment before
\ir ../adopt/dump.sql
CALL test.remember_rows();
CREATE TABLE test.registers_before AS SELECT * FROM test.registers();
CREATE TABLE test.shown AS SELECT * FROM pull_up_club.adopt('club');
SELECT is_empty('SELECT * FROM test.changed_tables', 'shown, nothing changes');
SELECT bag_eq($$SELECT * FROM pull_up_club.adopt('club', dry_run => false)$$, 'TABLE test.shown', 'adopted as shown, without a word from the caller');
SELECT is_empty('SELECT * FROM test.changed_tables', 'no row is changed');
SELECT set_eq('SELECT name, base::text FROM pull_up_club.adopted_tables', $$VALUES ('auth_management.profiles', 'club.user_profiles'), ('auth_management.admin_roles', 'club.admin_roles'), ('content.submissions', 'club.video_submissions'),
  ('finance.weekly_pools', 'club.weekly_pools'), ('finance.weekly_earnings', 'club.user_earnings'), ('finance.payout_requests', 'club.payouts')$$, 'user_earnings is known by its columns for what it is');
SELECT set_eq('SELECT week_start_date, week_end_date, total_amount_dollars::int, spent_dollars FROM finance.weekly_pools',
              $$SELECT (week_start AT TIME ZONE 'UTC')::date AS a, (week_start AT TIME ZONE 'UTC')::date + 6 AS b, 1000 AS c, (total_dollars - remaining_dollars)::int AS d FROM club.weekly_pools$$, 'weeks are from Monday to Sunday');
SELECT set_eq('SELECT user_id, month_year, total_earned_dollars, total_submissions FROM finance.user_earnings',
              $$SELECT user_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM'), sum(dollars_earned)::int, count(*)::int FROM club.user_earnings GROUP BY 1, 2$$, 'months are summed up');
SELECT set_eq('SELECT month_year, spent_dollars FROM finance.monthly_totals', $$SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM'), sum(dollars_earned)::int FROM club.user_earnings GROUP BY 1$$, 'the club''s too');
SELECT set_eq('SELECT user_id FROM auth_management.admin_roles WHERE is_active', 'SELECT user_id FROM club.admin_roles', 'admins without is_active are active');
SELECT is_empty('SELECT * FROM pull_up_club.violations()', 'nothing breaks a constraint');
SELECT is_empty($$SELECT * FROM pull_up_club.adopt('club', dry_run => false)$$, 'adopted again, nothing is done');
SELECT is_empty('SELECT * FROM pull_up_club.adopt(dry_run => false)', 'whatever schema is named');
SELECT lives_ok('SELECT * FROM pull_up_club.release()', 'released');
\set moment released
\ir ../adopt/dump.sql
SELECT is_empty($$SELECT test.dump_differences('before', 'released')$$, 'byte for byte');
SELECT is_empty('SELECT * FROM test.changed_tables', 'with every row');
SELECT bag_eq('SELECT * FROM test.registers()', 'TABLE test.registers_before', 'and nothing remembered');

-- ---------------------------------------------------------------- the money

-- The pool is short: who comes late gets less.
UPDATE club.weekly_pools SET total_dollars = 300, remaining_dollars = 300 WHERE is_current;
SELECT lives_ok($$SELECT * FROM pull_up_club.adopt('club', dry_run => false)$$, 'adopted once more');
\ir ../wrong.sql
CREATE TABLE test.wrong_before AS SELECT * FROM test.wrong;
CREATE TABLE test.expected AS
SELECT id, user_id, counted, least(counted, greatest(0, 300 - coalesce(sum(counted) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)))::int AS dollars, n
  FROM (SELECT id, user_id, 1 + ('x' || substr(id::text, 1, 2))::bit(8)::int % 20 AS counted, row_number() OVER (ORDER BY id) AS n FROM club.video_submissions WHERE status = 'pending') AS s;
SELECT cmp_ok((SELECT sum(counted) FROM test.expected), '>', 300::bigint, 'there is less in the pool than they did');
CREATE TABLE test.months AS SELECT user_id, sum(amount) AS dollars FROM club.payouts GROUP BY 1;
DO $$
DECLARE
  next record;
BEGIN
  FOR next IN SELECT * FROM test.expected ORDER BY n LOOP
    UPDATE club.video_submissions SET status = 'approved', verified_count = next.counted WHERE id = next.id;
  END LOOP;
END $$;
SELECT is_empty($$SELECT id FROM club.video_submissions WHERE status = 'pending'$$, 'every pending one is approved by its old name');
SELECT set_eq('SELECT e.submission_id, e.dollars_earned::int, e.pool_id FROM club.user_earnings e JOIN test.expected x ON x.id = e.submission_id',
              'SELECT x.id, x.dollars, p.id AS pool FROM test.expected x, club.weekly_pools p WHERE p.is_current', 'each is paid what is left for it, out of its week''s pool');
SELECT is((total_dollars, remaining_dollars, is_current), (300::numeric(12,2), 0::numeric(12,2), true), 'which is empty now, by its old name') FROM club.weekly_pools WHERE is_current;
SELECT set_eq('SELECT p.user_id, sum(p.amount) FROM club.payouts p GROUP BY 1', 'SELECT user_id, m.dollars + x.dollars AS d FROM test.months m JOIN test.expected x USING (user_id)', 'payouts are as much more');
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'every dollar is where it should be');
UPDATE club.video_submissions SET status = 'rejected', admin_notes = 'bent' WHERE id = (SELECT id FROM test.expected WHERE n = 1);
SELECT is(remaining_dollars::int, (SELECT dollars FROM test.expected WHERE n = 1), 'a reversal gives its dollars back') FROM club.weekly_pools WHERE is_current;
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'all of them');
INSERT INTO club.weekly_pools (week_start, week_end) VALUES ('2030-01-07 00:00+00', '2030-01-13 23:59:59+00');
INSERT INTO finance.weekly_pools (week_start_date, week_end_date) VALUES ('2030-01-14', '2030-01-20');
SELECT results_eq($$SELECT week_start_date, week_end_date FROM finance.weekly_pools WHERE week_start_date >= '2030-01-07' ORDER BY 1$$, $$VALUES ('2030-01-07'::date, '2030-01-13'::date), ('2030-01-14', '2030-01-20')$$, 'a week by its old name, and by its new');
SELECT results_eq($$SELECT week_start, week_end FROM club.weekly_pools WHERE week_start >= '2030-01-07' ORDER BY 1$$, $$VALUES ('2030-01-07 00:00+00'::timestamptz, '2030-01-13 23:59:59+00'::timestamptz), ('2030-01-14 00:00+00', '2030-01-20 23:59:59+00')$$, 'is of one form there');
SELECT finance.ensure_pool('2031-05-07') \g /dev/null
SELECT results_eq($$SELECT week_end FROM club.weekly_pools WHERE week_start > '2031-01-01'$$, $$VALUES ('2031-05-11 23:59:59+00'::timestamptz)$$, 'also when the club makes it');
DELETE FROM club.weekly_pools WHERE week_start >= '2030-01-01';
UPDATE auth_management.profiles SET created_at = '2020-05-05 05:05:05+00' WHERE id = md5('member 3')::uuid;
SELECT is(created_at, '2020-05-05 05:05:05'::timestamp, 'a moment without a time zone follows too') FROM club.user_profiles WHERE id = md5('member 3')::uuid;

DROP VIEW test.wrong;
UPDATE test.tables SET md5 = test.md5_of(relation, columns);
CREATE TABLE test.kept AS SELECT * FROM pull_up_club.release() WHERE what NOT LIKE 'taken back%';
SELECT is_empty('SELECT * FROM test.changed_tables', 'released with all that was written');
\set moment used
\ir ../adopt/dump.sql
SELECT is_empty($$SELECT d FROM test.dump_differences('before', 'used') AS d WHERE d ~ 'lifeguard' OR d ~ 'TRIGGER|POLICY' AND d ~ ' club\.'$$, 'and nothing of ours on the tables');
SELECT set_eq($$SELECT split_part(what, ' is kept', 1) FROM test.kept WHERE what ~ 'is kept: there are values'$$, $$SELECT split_part(what, ' is kept', 1) FROM test.kept WHERE what ~ '^club\.'$$, 'what is kept is told');
\ir ../adopt/clear.sql
SELECT is_empty($$SELECT test.dump_differences('before', 'cleared')$$, 'without that, the schema is as it was, byte for byte');

-- ---------------------------------------------------------------- other weeks

-- What adopt() makes of weeks that end so long before the next begins; all of it is taken back.
CREATE FUNCTION test.weeks(zone text, ends interval) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer text;
BEGIN
  BEGIN
    PERFORM pull_up_club.set('time_zone', zone);
    DELETE FROM club.user_earnings;
    DELETE FROM club.weekly_pools;
    INSERT INTO club.weekly_pools (week_start, week_end) SELECT d::timestamp AT TIME ZONE zone, (d::timestamp + interval '7 days' - ends) AT TIME ZONE zone
      FROM unnest('{2026-03-02,2026-03-09,2026-10-19,2026-10-26,2026-11-02}'::date[]) AS d;
    PERFORM pull_up_club.adopt('club', dry_run => false);
    PERFORM finance.ensure_pool('2026-11-11');
    answer := concat_ws(' ', (SELECT string_agg(to_char(p.week_start_date, 'MM-DD') || '..' || to_char(p.week_end_date, 'MM-DD'), ' ' ORDER BY p.week_start_date) FROM finance.weekly_pools p),
                        (SELECT to_char(p.week_end AT TIME ZONE zone, 'MM-DD HH24:MI:SS.US') FROM club.weekly_pools p ORDER BY p.week_start DESC LIMIT 1),
                        (SELECT string_agg(v.constraint_name || ' ' || v.row_values, ' ') FROM pull_up_club.violations() AS v));
    RAISE EXCEPTION USING ERRCODE = 'ZZ001';
  EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    NULL;
  END;
  RETURN answer;
END $$;
SELECT is(test.weeks(zone, ends), '03-02..03-08 03-09..03-15 10-19..10-25 10-26..11-01 11-02..11-08 11-09..11-15 ' || to_char(timestamp '2026-11-16' - ends, 'MM-DD HH24:MI:SS.US'),
          format('in %s, weeks that end %s before the next begins', zone, ends))
  FROM (VALUES ('UTC', interval '0'), ('America/New_York', '0'), ('Asia/Kolkata', '1 second'), ('Pacific/Auckland', '1 microsecond')) AS k(zone, ends);

-- ---------------------------------------------------------------- cents

UPDATE club.user_earnings SET dollars_earned = 3.50 WHERE submission_id = md5('submission 9.1')::uuid;
UPDATE club.weekly_pools SET remaining_dollars = remaining_dollars - 0.50 WHERE week_start = (SELECT min(week_start) FROM club.weekly_pools);
SELECT set_eq($$SELECT object FROM pull_up_club.adopt('club') WHERE what = 'look at the cents'$$, $$VALUES ('club.user_earnings.dollars_earned'), ('club.weekly_pools.remaining_dollars')$$, 'cents are told');
SELECT lives_ok($$SELECT * FROM pull_up_club.adopt('club', dry_run => false)$$, 'and do not stop it');
SELECT isnt_empty($$SELECT FROM pull_up_club.violations() WHERE constraint_name = 'weekly_pools_balance'$$, 'a pool that does not add up for them is listed');
SELECT is(test.refusal($$UPDATE club.video_submissions SET status = 'rejected', admin_notes = 'x' WHERE id = md5('submission 9.1')::uuid$$), 'LG118 NOT_WHOLE_DOLLARS', 'and what has to count them says so');
SELECT * FROM finish();
