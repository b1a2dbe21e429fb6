-- The club of ../adopt/british.sql: organisation, states of an enum, no monitoring schema and no badges. Adopted, all that is pending
-- approved by its old names, the dollars compared with the rule, and released as it was; in another time zone; a state of its own.
SELECT no_plan();
SET client_min_messages = error;
SET timezone = 'Asia/Tokyo';   -- nobody's but the session's
\ir ../adopt/british.sql
\ir ../adopt/compare.sql
CREATE EXTENSION pull_up_club CASCADE;
\ir ../adopt/registers.sql
SELECT pull_up_club.set('monthly_cap_dollars', '25'), pull_up_club.set('monthly_cap_scope', 'member'), pull_up_club.set('cooldown_days', '0') \g /dev/null

-- ---------------------------------------------------------------- there and back

\set moment before
\ir ../adopt/dump.sql
CALL test.remember_rows();
CREATE TABLE test.registers_before AS SELECT * FROM test.registers();
CREATE TABLE test.shown AS SELECT * FROM pull_up_club.adopt();
SELECT bag_eq($$SELECT * FROM pull_up_club.adopt(dry_run => false)$$, 'TABLE test.shown', 'adopted as shown');
SELECT is_empty('SELECT * FROM test.changed_tables', 'no row is changed');
SELECT set_eq('SELECT name, columns ->> ''organization'' AS a, columns ->> ''total_amount_dollars'' AS b, columns ->> ''month_year'' AS c, columns ->> ''total_earned_dollars'' AS d, columns ->> ''payout_month'' AS e FROM pull_up_club.adopted_tables',
  $$VALUES ('auth_management.profiles', 'organisation', NULL, NULL, NULL, NULL), ('auth_management.admin_roles', NULL, NULL, NULL, NULL, NULL), ('content.submissions', 'organisation', NULL, NULL, NULL, NULL),
           ('finance.weekly_pools', NULL, 'pool_amount_dollars', 'month_year', NULL, NULL), ('finance.weekly_earnings', NULL, NULL, 'month_year', NULL, NULL),
           ('finance.user_earnings', NULL, NULL, 'month', 'dollars_earned', NULL), ('finance.payout_requests', NULL, NULL, NULL, NULL, 'month_year')$$, 'every name is understood');
SELECT set_eq('SELECT remaining_amount_dollars, week_number_in_month FROM finance.weekly_pools', 'SELECT pool_amount_dollars - spent_dollars AS r, (extract(day FROM week_start_date)::int + 6) / 7 AS n FROM public.weekly_pools', 'what is missing is made of what is there');
SELECT set_eq('SELECT user_id, month_year, total_submissions FROM finance.user_earnings', $$SELECT user_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM') AS m, count(*)::int AS n FROM public.weekly_earnings GROUP BY 1, 2$$, 'by the club''s clock');
SELECT is_empty('SELECT * FROM pull_up_club.violations()', 'nothing breaks a constraint');
SELECT is_empty($$SELECT * FROM pull_up_club.adopt(dry_run => false)$$, 'adopted again, nothing is done');
SELECT lives_ok('SELECT * FROM pull_up_club.release()', 'released');
\set moment released
\ir ../adopt/dump.sql
SELECT is_empty($$SELECT test.dump_differences('before', 'released')$$, 'byte for byte');
SELECT is_empty('SELECT * FROM test.changed_tables', 'with every row');
SELECT bag_eq('SELECT * FROM test.registers()', 'TABLE test.registers_before', 'and nothing remembered');

-- ---------------------------------------------------------------- the money

SELECT lives_ok($$SELECT * FROM pull_up_club.adopt(dry_run => false)$$, 'adopted once more');
\ir ../wrong.sql
CREATE TABLE test.wrong_before AS SELECT * FROM test.wrong;
-- A member's month is capped at 25 dollars, and he may have 9 already. The approvals come at moments by the club's clock.
CREATE TABLE test.expected AS
SELECT s.id, s.user_id, at, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, greatest(0, least(counted, 25 - coalesce(u.dollars_earned, 0))) AS dollars, counted,
       (date_trunc('week', at AT TIME ZONE 'UTC'))::date AS monday
  FROM (SELECT id, user_id, 1 + ('x' || substr(id::text, 1, 2))::bit(8)::int % 24 AS counted,
               (date_trunc('week', now() AT TIME ZONE 'UTC') + interval '1 second' - CASE WHEN substr(id::text, 3, 1) > '8' THEN interval '2 seconds' ELSE '0' END) AT TIME ZONE 'UTC' AS at
          FROM public.submissions WHERE status = 'pending') AS s
  LEFT JOIN public.user_earnings u ON u.user_id = s.user_id AND u.month = to_char(at AT TIME ZONE 'UTC', 'YYYY-MM');
SELECT is((SELECT count(DISTINCT monday) FROM test.expected), 2::bigint, 'a second before Monday and a second after it are of two weeks');
UPDATE public.submissions s SET status = 'approved', actual_pull_up_count = e.counted, approved_at = e.at FROM test.expected e WHERE e.id = s.id;
SELECT is_empty($$SELECT id FROM public.submissions WHERE status = 'pending'$$, 'every pending one is approved by its old name');
SELECT set_eq('SELECT e.submission_id, e.earning_amount_dollars, p.week_start_date FROM public.weekly_earnings e JOIN public.weekly_pools p ON p.id = e.weekly_pool_id JOIN test.expected x ON x.id = e.submission_id',
              'SELECT id, dollars, monday FROM test.expected', 'each is paid by the rule, out of the pool of its week');
SELECT set_eq('SELECT x.id, u.dollars_earned FROM public.user_earnings u JOIN test.expected x ON x.user_id = u.user_id AND x.month = u.month',
              $$SELECT x.id, (SELECT sum(e.earning_amount_dollars)::int FROM public.weekly_earnings e JOIN public.submissions s ON s.id = e.submission_id WHERE e.user_id = x.user_id AND to_char(s.approved_at AT TIME ZONE 'UTC', 'YYYY-MM') = x.month) AS d FROM test.expected x$$,
              'months add up');
SELECT is_empty('SELECT user_id, month FROM public.user_earnings u WHERE dollars_earned > 25', 'no month is above its cap');
SELECT is_empty('SELECT u.user_id FROM public.user_earnings u LEFT JOIN public.payout_requests r ON r.user_id = u.user_id AND r.month_year = u.month WHERE r.amount_dollars IS DISTINCT FROM u.dollars_earned', 'payouts are what months are');
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'every dollar is where it should be');
SELECT is((SELECT organisation FROM public.profiles WHERE id = md5('member 4')::uuid), 'Club X', 'the organisation of an approved submission is the member''s');
SELECT is(test.refusal($$UPDATE public.submissions SET status = 'rejected' WHERE id = md5('pending 3')::uuid$$), 'LG002', 'a rejection without notes is refused, though the table had none');
UPDATE content.submissions SET status = 'rejected', notes = 'bent' WHERE id = md5('pending 3')::uuid;
SELECT is((status::text, notes), ('rejected'::text, 'bent'::text), 'it has them now') FROM public.submissions WHERE id = md5('pending 3')::uuid;
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'and the dollars are back');
SELECT results_eq($$INSERT INTO content.submissions (user_id, video_url, pull_up_count, organization) VALUES (md5('member 3')::uuid, 'https://youtu.be/new', 5, 'Club Y') RETURNING status::text, organization$$, $$VALUES ('pending', 'Club Y')$$, 'a new one by the new name');
SELECT set_eq($$SELECT organisation, status::text FROM public.submissions WHERE video_url = 'https://youtu.be/new'$$, $$VALUES ('Club Y', 'pending')$$, 'is one by the old');
DELETE FROM content.submissions WHERE video_url = 'https://youtu.be/new';
DROP VIEW test.wrong;
UPDATE test.tables SET md5 = test.md5_of(relation, columns);
CREATE TABLE test.kept AS SELECT * FROM pull_up_club.release() WHERE what NOT LIKE 'taken back%';
SELECT is_empty('SELECT * FROM test.changed_tables', 'released with all that was written');
\ir ../adopt/clear.sql
SELECT is_empty($$SELECT test.dump_differences('before', 'cleared')$$, 'without what it says it kept, the schema is as it was, byte for byte');

-- ---------------------------------------------------------------- a state of an enum that the club does not know

ALTER TYPE public.submission_status ADD VALUE 'archived';
UPDATE public.submissions SET status = 'archived' WHERE id = md5('submission 5')::uuid;
SELECT lives_ok('SELECT * FROM pull_up_club.adopt(dry_run => false)', 'a state of their own does not stop it');
SELECT set_eq('SELECT relation::text, constraint_name::text, row_values ->> ''status'' AS status FROM pull_up_club.violations()', $$VALUES ('submissions', 'lifecycle of status', 'archived')$$, 'it is listed');
SELECT is(test.refusal($$UPDATE public.submissions SET status = 'archived' WHERE id = md5('submission 6')::uuid$$), 'LG003', 'no other gets there');
SELECT results_eq('SELECT was, is_now FROM pull_up_club.repair(dry_run => false)', $$VALUES ('{"status": "archived"}'::jsonb, '{"status": "approved"}'::jsonb)$$, 'what was paid was approved');
SELECT is_empty('SELECT * FROM pull_up_club.violations()', 'and nothing breaks a constraint');
SELECT lives_ok('SELECT * FROM pull_up_club.release()', 'released');
SELECT * FROM finish();
