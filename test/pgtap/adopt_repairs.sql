-- What the years did to a club's rows (../adopt/faults.sql): adopted with all its faults, told of each, and each repaired when asked to.
SELECT no_plan();
SET client_min_messages = error;
SET timezone = 'UTC';
\set users 60
\set weeks 6
\set pending 60
\ir ../../bench/legacy/00_supabase.sql
\ir ../../bench/legacy/10_tables.sql
\ir ../../bench/legacy/20_cascade.sql
\ir ../../bench/legacy/30_policies.sql
\ir ../../bench/legacy/40_load.sql
\ir ../adopt/faults.sql
\ir ../adopt/compare.sql
CREATE EXTENSION pull_up_club CASCADE;
SELECT pull_up_club.set('monthly_cap_scope', 'member') \g /dev/null

-- The broken rows by what is wrong with them, asked of the old tables.
SELECT id AS bogus FROM public.submissions WHERE status = 'bogus' \gset
SELECT id AS overspent FROM public.weekly_pools WHERE remaining_amount_dollars < 0 \gset
SELECT md5('second pool')::uuid AS second, id AS first, week_start_date AS doubled FROM public.weekly_pools
 WHERE week_start_date = (SELECT week_start_date FROM public.weekly_pools WHERE id = md5('second pool')::uuid) AND id <> md5('second pool')::uuid \gset
SELECT id AS orphan FROM public.weekly_earnings e WHERE NOT EXISTS (SELECT FROM public.submissions s WHERE s.id = e.submission_id) \gset
SELECT id AS unpaid, user_id AS creditor, actual_pull_up_count AS owed FROM public.submissions s WHERE status = 'approved' AND NOT EXISTS (SELECT FROM public.weekly_earnings e WHERE e.submission_id = s.id) \gset
SELECT e.id AS strayed, h.id AS home FROM public.weekly_earnings e JOIN public.weekly_pools p ON p.id = e.weekly_pool_id JOIN public.submissions s ON s.id = e.submission_id
  JOIN public.weekly_pools h ON s.approved_at::date BETWEEN h.week_start_date AND h.week_end_date WHERE s.approved_at::date NOT BETWEEN p.week_start_date AND p.week_end_date \gset

CALL test.remember_rows();
CREATE TABLE test.steps AS SELECT * FROM pull_up_club.adopt();
SELECT bag_eq('SELECT object, statement FROM pull_up_club.adopt(dry_run => false)', 'SELECT object, statement FROM test.steps', 'a club with faults is adopted');
SELECT is_empty('SELECT * FROM test.changed_tables', 'and none of them is mended unasked');
SELECT isnt_empty($$SELECT FROM test.steps WHERE what = 'look at the orphans' AND object ~ 'weekly_earnings'$$, 'orphans are told');

-- ---------------------------------------------------------------- told

CREATE TABLE test.told AS SELECT * FROM pull_up_club.violations();
PREPARE told AS SELECT relation::text, constraint_name::text, row_key ->> 'id' FROM pull_up_club.violations();
SELECT set_eq('EXECUTE told', format($$VALUES ('submissions', 'lifecycle of status', %1$L), ('weekly_pools', 'weekly_pools_balance', %2$L), ('weekly_pools', 'weekly_pools_by_week', %3$L), ('weekly_pools', 'weekly_pools_by_week', %4$L),
  ('weekly_pools', 'weekly_pools_no_overlap', %3$L), ('weekly_pools', 'weekly_pools_no_overlap', %4$L)$$, :'bogus', :'overspent', :'first', :'second'), 'violations() names each row that breaks a constraint, and no other');
SELECT is(row_values, '{"status": "bogus"}', 'with what breaks it') FROM test.told WHERE constraint_name = 'lifecycle of status';
SELECT is((row_values ->> 'remaining_amount_dollars')::int, -71, 'to the dollar') FROM test.told WHERE constraint_name = 'weekly_pools_balance';
SELECT set_eq('SELECT relation::text, constraint_name::text, outcome FROM pull_up_club.validate() WHERE violations > 0',
  $$VALUES ('submissions', 'lifecycle of status', 'broken by 1 rows'), ('weekly_pools', 'weekly_pools_balance', 'broken by 1 rows'), ('weekly_pools', 'weekly_pools_by_week', 'broken by 2 rows'),
           ('weekly_pools', 'weekly_pools_no_overlap', 'broken by 2 rows')$$, 'validate() makes valid what it can, and says what it cannot');
SELECT set_eq($$SELECT c.conrelid::regclass::text, c.conname::text FROM pg_constraint c WHERE NOT c.convalidated$$,
  $$VALUES ('weekly_pools', 'weekly_pools_balance')$$, 'the others are valid now');
SELECT matches(test.refusal($$INSERT INTO public.weekly_pools (week_start_date, week_end_date) SELECT week_start_date, week_end_date FROM public.weekly_pools WHERE id = md5('second pool')::uuid$$), '^23505|23P01', 'a third pool of the week is refused');
SELECT is(test.refusal(format('UPDATE public.weekly_pools SET spent_dollars = spent_dollars + 1 WHERE id = %L', :'first')), '23514', 'and a pool that adds up goes on adding up');
SELECT is(test.refusal(format('UPDATE public.submissions SET status = ''approved'', actual_pull_up_count = 3 WHERE id = %L', :'bogus')), 'LG003', 'nothing leads out of a state that there is not');

-- ---------------------------------------------------------------- shown

CREATE TABLE test.earnings AS SELECT id, submission_id, user_id, earning_amount_dollars FROM public.weekly_earnings;
UPDATE test.tables SET md5 = test.md5_of(relation, columns);
CREATE TABLE test.shown AS SELECT r.* FROM unnest('{unknown_states,duplicate_pools,earnings_in_wrong_pools,pool_balances,missing_earnings}'::text[]) AS part, pull_up_club.repair(part) AS r;
SELECT is_empty('SELECT * FROM test.changed_tables', 'a repair that is shown changes nothing');
SELECT is_empty('SELECT * FROM pull_up_club.mendings', 'and is not in the journal');
SELECT is_empty('SELECT 1 FROM pg_trigger WHERE tgname ~ ''^lifeguard'' AND tgenabled <> ''O''', 'no rule is off');
SELECT bag_eq($$SELECT repair, object FROM test.shown WHERE repair NOT IN ('pool_balances')$$, format($$VALUES ('unknown_states', 'public.submissions %s'), ('duplicate_pools', 'pool %s of %s'),
  ('earnings_in_wrong_pools', 'earning %s of %s dollars'), ('missing_earnings', 'submission %s')$$, :'bogus', :'second', :'doubled', :'strayed', (SELECT earning_amount_dollars FROM test.earnings WHERE id = :'strayed'), :'unpaid'),
  'each repair finds its rows');
SELECT bag_eq($$SELECT object FROM test.shown WHERE repair = 'pool_balances'$$, $$
  SELECT format('pool %s of %s', p.id, p.week_start_date)
    FROM public.weekly_pools p, LATERAL (SELECT coalesce(sum(e.earning_amount_dollars), 0) AS dollars FROM public.weekly_earnings e WHERE e.weekly_pool_id = p.id) AS e
   WHERE (p.spent_dollars, p.remaining_amount_dollars) <> (e.dollars, p.total_amount_dollars - e.dollars)$$,
  'pools that are not what their earnings make them');

-- ---------------------------------------------------------------- done, one by one

CREATE FUNCTION test.repaired(what text) RETURNS TABLE (object text) LANGUAGE sql AS $$ SELECT object FROM pull_up_club.repair(what, dry_run => false) $$;
CREATE FUNCTION test.changed_rows(relation text) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT coalesce(a.id, b.id) FROM test.%1$I b FULL JOIN public.%1$I a ON a.id = b.id WHERE to_jsonb(a) - ''updated_at'' IS DISTINCT FROM to_jsonb(b) - ''updated_at''', relation);
END $$;
CREATE PROCEDURE test.copy_tables() LANGUAGE plpgsql AS $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY '{submissions,weekly_pools,weekly_earnings,user_earnings,payout_requests,profiles}'::text[] LOOP
    EXECUTE format('DROP TABLE IF EXISTS test.%1$I; CREATE TABLE test.%1$I AS TABLE public.%1$I', name);
  END LOOP;
END $$;
CREATE VIEW test.changed AS SELECT name, id FROM unnest('{submissions,weekly_pools,weekly_earnings,user_earnings,payout_requests,profiles}'::text[]) AS name, test.changed_rows(name) AS id;

CALL test.copy_tables();
SELECT set_eq($$SELECT * FROM test.repaired('unknown_states')$$, format('VALUES (%L)', 'public.submissions ' || :'bogus'), 'the state is mended');
SELECT set_eq('TABLE test.changed', format('VALUES (%L, %L::uuid)', 'submissions', :'bogus'), 'of this row alone');
SELECT is(status, 'pending', 'it waits: nothing tells that it was approved') FROM public.submissions WHERE id = :'bogus';
SELECT is_empty('SELECT 1 FROM pg_trigger WHERE tgname ~ ''^lifeguard'' AND tgenabled <> ''O''', 'no rule stays off');

CALL test.copy_tables();
SELECT isnt_empty($$SELECT * FROM test.repaired('duplicate_pools')$$, 'two pools become one');
SELECT set_eq($$SELECT name, id FROM test.changed WHERE name <> 'weekly_earnings'$$, format('VALUES (%1$L, %2$L::uuid), (%1$L, %3$L::uuid)', 'weekly_pools', :'first', :'second'), 'these two');
SELECT set_eq('SELECT id FROM public.weekly_pools WHERE week_start_date = ' || quote_literal(:'doubled'), format('VALUES (%L::uuid)', :'first'), 'the one with most earnings stays');
SELECT set_eq($$SELECT id FROM test.changed WHERE name = 'weekly_earnings'$$, $$SELECT id FROM test.weekly_earnings WHERE weekly_pool_id = md5('second pool')::uuid$$, 'with those of the other');
SELECT is((SELECT spent_dollars::bigint FROM public.weekly_pools WHERE id = :'first'), (SELECT sum(earning_amount_dollars) FROM public.weekly_earnings WHERE weekly_pool_id = :'first'), 'and adds up');

CALL test.copy_tables();
SELECT isnt_empty($$SELECT * FROM test.repaired('earnings_in_wrong_pools')$$, 'the earning goes to the pool of its week');
SELECT is(weekly_pool_id, :'home'::uuid, 'that is it') FROM public.weekly_earnings WHERE id = :'strayed';
SELECT set_eq($$SELECT id FROM test.changed WHERE name <> 'weekly_pools'$$, format('VALUES (%L::uuid)', :'strayed'), 'no other does');

CALL test.copy_tables();
SELECT isnt_empty($$SELECT * FROM test.repaired('pool_balances')$$, 'pools are what their earnings make them');
SELECT is_empty($$SELECT id FROM test.changed WHERE name <> 'weekly_pools'$$, 'nothing else changes');
SELECT is_empty('SELECT * FROM pull_up_club.wrong_pools()', 'every pool');
SELECT is_empty('SELECT id FROM public.weekly_pools WHERE remaining_dollars <> remaining_amount_dollars OR is_depleted <> (remaining_amount_dollars <= 0)', 'under every name');

CALL test.copy_tables();
SELECT isnt_empty($$SELECT * FROM test.repaired('missing_earnings')$$, 'who was not paid is paid');
SELECT is((user_id, earning_amount_dollars), (:'creditor'::uuid, :owed), 'what he did') FROM public.weekly_earnings WHERE submission_id = :'unpaid';
SELECT is((SELECT count(*) FROM test.changed WHERE name = 'weekly_earnings'), 1::bigint, 'nobody else is');
SELECT is(sum(n.total_earned_dollars - coalesce(o.total_earned_dollars, 0)), 0::bigint, 'his month had counted it already') FROM public.user_earnings n LEFT JOIN test.user_earnings o USING (id);
SELECT is(sum(n.amount_dollars - coalesce(o.amount_dollars, 0)), 0::bigint, 'and so had his payout') FROM public.payout_requests n LEFT JOIN test.payout_requests o USING (id);

-- one that no month has counted
SET session_replication_role = replica;
UPDATE public.user_earnings SET total_earned_dollars = total_earned_dollars - :owed, dollars_earned = dollars_earned - :owed, total_submissions = total_submissions - 1
 WHERE user_id = :'creditor' AND month_year = (SELECT month_year FROM public.weekly_earnings WHERE submission_id = :'unpaid');
UPDATE public.payout_requests SET amount_dollars = amount_dollars - :owed
 WHERE user_id = :'creditor' AND payout_month = (SELECT month_year FROM public.weekly_earnings WHERE submission_id = :'unpaid');
UPDATE finance.monthly_totals SET spent_dollars = spent_dollars - :owed WHERE month_year = (SELECT month_year FROM public.weekly_earnings WHERE submission_id = :'unpaid');
DELETE FROM public.weekly_earnings WHERE submission_id = :'unpaid';
RESET session_replication_role;
SELECT count(*) FROM pull_up_club.repair('pool_balances', false);
CALL test.copy_tables();
SELECT isnt_empty($$SELECT * FROM test.repaired('missing_earnings')$$, 'who was never paid is paid');
SELECT is(sum(n.total_earned_dollars - coalesce(o.total_earned_dollars, 0)), :owed::bigint, 'his month is as much more') FROM public.user_earnings n LEFT JOIN test.user_earnings o USING (id);
SELECT is(sum(n.amount_dollars - coalesce(o.amount_dollars, 0)), :owed::bigint, 'and his payout') FROM public.payout_requests n LEFT JOIN test.payout_requests o USING (id);

-- ---------------------------------------------------------------- afterwards

SELECT is_empty('SELECT e.id FROM test.earnings e LEFT JOIN public.weekly_earnings n USING (id) WHERE n.id IS NULL OR n.earning_amount_dollars < e.earning_amount_dollars', 'no earning is gone or less');
SELECT is_empty('EXECUTE told', 'no row breaks anything');
SELECT is_empty($$SELECT * FROM pull_up_club.validate() WHERE outcome NOT IN ('validated', 'already valid')$$, 'everything is valid');
SELECT is_empty('SELECT 1 FROM pg_constraint WHERE NOT convalidated', 'in the catalogs too');
SELECT is_empty('SELECT * FROM pull_up_club.repair()', 'nothing more is found');
SELECT is_empty('SELECT * FROM pull_up_club.repair(dry_run => false)', 'and nothing more done');
SELECT set_eq($$SELECT what, object FROM pull_up_club.mendings WHERE what <> 'pool_balances'$$, $$SELECT repair, object FROM test.shown WHERE repair <> 'pool_balances'$$, 'every repair is in the journal');
SELECT is((SELECT was FROM pull_up_club.mendings WHERE what = 'unknown_states'), '{"status": "bogus"}', 'with what was');
SELECT is((SELECT is_now FROM pull_up_club.mendings WHERE what = 'unknown_states'), '{"status": "pending"}', 'and what is');
SELECT is((SELECT (was ->> 'remaining_amount_dollars')::int FROM pull_up_club.mendings WHERE what = 'pool_balances' AND object ~ :'overspent'), -71, 'also the overspent pool');
SELECT is((SELECT was ->> 'id' FROM pull_up_club.mendings WHERE what = 'duplicate_pools'), :'second', 'and the one that is no more');
SELECT lives_ok('SELECT * FROM pull_up_club.release()', 'the club can be let go');
SELECT isnt_empty('SELECT * FROM pull_up_club.mendings', 'the journal stays');

-- ---------------------------------------------------------------- states that rows can be told from, and pools without room

SET session_replication_role = replica;
CREATE FUNCTION test.of_member(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5('submission ' || i || '.2')::uuid $$;
UPDATE public.submissions SET status = ' Approved' WHERE id = test.of_member(11);
UPDATE public.submissions SET status = 'done' WHERE id IN (test.of_member(12), test.of_member(13));
DELETE FROM public.weekly_earnings WHERE submission_id = test.of_member(13);
INSERT INTO public.submissions (id, user_id, video_url, pull_up_count, status) VALUES (md5('weird')::uuid, md5('member 14')::uuid, 'https://youtu.be/x', 9, 'weird');
UPDATE public.payout_requests SET status = 'PAID', paid_at = now(), paid_by = md5('member 1')::uuid, paypal_email = 'x@example.org' WHERE id = (SELECT min(id::text)::uuid FROM public.payout_requests WHERE user_id = md5('member 15')::uuid);
UPDATE public.payout_requests SET status = 'odd' WHERE id = (SELECT min(id::text)::uuid FROM public.payout_requests WHERE user_id = md5('member 16')::uuid);
UPDATE public.payout_requests SET status = 'odd', paid_at = now(), paid_by = NULL WHERE id = (SELECT min(id::text)::uuid FROM public.payout_requests WHERE user_id = md5('member 17')::uuid);
UPDATE public.weekly_pools SET total_amount_dollars = 10, spent_dollars = 10, remaining_amount_dollars = 0, remaining_dollars = 0 WHERE id = (SELECT weekly_pool_id FROM public.weekly_earnings WHERE submission_id = md5('submission 20.4')::uuid);
UPDATE public.weekly_earnings SET weekly_pool_id = (SELECT id FROM public.weekly_pools ORDER BY week_start_date DESC LIMIT 1) WHERE submission_id = md5('submission 21.4')::uuid;
SET session_replication_role = origin;
SELECT lives_ok('SELECT * FROM pull_up_club.adopt(dry_run => false)', 'adopted with further faults');
CREATE TABLE test.earnings_again AS SELECT id, earning_amount_dollars FROM public.weekly_earnings;
SELECT lives_ok('SELECT * FROM pull_up_club.repair(dry_run => false)', 'all at once is repaired');
SELECT results_eq($$SELECT (SELECT status FROM public.submissions WHERE id = i) FROM unnest(ARRAY[test.of_member(11), test.of_member(12), test.of_member(13), md5('weird')::uuid]) WITH ORDINALITY AS u(i, n) ORDER BY n$$,
                  $$VALUES ('approved'), ('approved'), ('approved'), ('rejected')$$, 'a known spelling, what was paid, what was approved; one beside another pending one is rejected');
SELECT isnt_empty($$SELECT FROM public.weekly_earnings WHERE submission_id = test.of_member(13)$$, 'and the approved one is paid');
SELECT results_eq($$SELECT status FROM public.payout_requests p WHERE id = (SELECT min(id::text)::uuid FROM public.payout_requests WHERE user_id = p.user_id) AND user_id IN (md5('member 15')::uuid, md5('member 16')::uuid, md5('member 17')::uuid) ORDER BY array_position(ARRAY[md5('member 15')::uuid, md5('member 16')::uuid, md5('member 17')::uuid], user_id)$$,
                  $$VALUES ('paid'), ('pending'), ('odd')$$, 'payouts: a known spelling, nothing that tells, and paid by nobody knows whom: that one stays');
SELECT is(total_amount_dollars::bigint, (SELECT sum(earning_amount_dollars) FROM public.weekly_earnings WHERE weekly_pool_id = p.id), 'a pool that promised more than it held, held as much')
  FROM public.weekly_pools p WHERE id = (SELECT weekly_pool_id FROM public.weekly_earnings WHERE submission_id = md5('submission 20.4')::uuid);
SELECT is((SELECT weekly_pool_id FROM public.weekly_earnings WHERE submission_id = md5('submission 21.4')::uuid), (SELECT id FROM public.weekly_pools ORDER BY week_start_date DESC LIMIT 1), 'an earning for which its week has no dollars stays where it is');
SELECT is_empty('SELECT e.id FROM test.earnings_again e LEFT JOIN public.weekly_earnings n USING (id) WHERE n.id IS NULL OR n.earning_amount_dollars < e.earning_amount_dollars', 'no earning is gone or less');
SELECT is((SELECT array_agg(DISTINCT row_values ->> 'status') FROM pull_up_club.violations()), '{odd}', 'and is the only one that breaks anything');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(test.refusal('SELECT pull_up_club.repair()'), 'LG115 MENDING_REFUSED', 'it looks at what is, not at what was');
COMMIT;
SELECT lives_ok('SELECT * FROM pull_up_club.release()', 'and released');
SELECT is(test.refusal('SELECT pull_up_club.repair()'), 'LG109 NOT_INSTALLED', 'then there is nothing to repair');
SELECT * FROM finish();
