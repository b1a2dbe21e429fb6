-- Every fault of the club, one by one: it is found by the name of its check and of its object, nothing else is, and once mended it is gone.
\ir ../club.sql
SET search_path = public;
SELECT no_plan();

CALL test.add_members(1, 6);
CALL test.add_submissions(1, 6);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 10 + right(id::text, 1)::int;
CALL test.add_submissions(7, 8, 6);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 30, approved_at = now() - interval '40 days' WHERE id = test.submission(7);
UPDATE content.submissions SET status = 'rejected', notes = 'no' WHERE id = test.submission(8);
SELECT monitoring.update_current_pool() IS NOT NULL AS ready \gset

-- What is found now: check and object.
CREATE FUNCTION test.found_now() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM monitoring.run_checks('club');
  RETURN QUERY SELECT f.name || ': ' || f.object FROM monitoring.check_findings f WHERE f.gone_at IS NULL AND f.name LIKE 'club\_%' ORDER BY 1;
END $$;
-- A fault: what makes it, what must be found, what mends it. All is done past the triggers, as faults come about.
CREATE FUNCTION test.fault(what text, fault text, expected text[], mend text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  SET LOCAL session_replication_role = replica;
  EXECUTE fault;
  SET LOCAL session_replication_role = origin;
  RETURN NEXT set_eq('SELECT test.found_now()', expected, what || ': found, and nothing else');
  SET LOCAL session_replication_role = replica;
  IF mend LIKE 'SELECT pull_up_club%' OR mend LIKE 'SELECT finance%' OR mend LIKE 'SELECT monitoring%' OR mend LIKE 'SELECT analytics%' OR mend LIKE 'SELECT content%' THEN
    SET LOCAL session_replication_role = origin;
  END IF;
  EXECUTE mend;
  SET LOCAL session_replication_role = origin;
  RETURN NEXT is_empty('SELECT test.found_now()', what || ': mended, and gone');
END $$;

SELECT is_empty('SELECT test.found_now()', 'a healthy club: nothing is found');
SELECT is_empty('SELECT * FROM test.wrong', 'and nothing is wrong');
SELECT is(monitoring.health() ->> 'score', '100', 'its score is 100') FROM (SELECT monitoring.run_checks('club') LIMIT 1) AS ran
 WHERE NOT EXISTS (SELECT FROM monitoring.check_results WHERE category <> 'club');

CREATE FUNCTION test.week(back int DEFAULT 0) RETURNS date LANGUAGE sql AS $$ SELECT date_trunc('week', pull_up_club.local_date(now()))::date - 7 * back $$;
CREATE FUNCTION test.pool(back int DEFAULT 0) RETURNS uuid LANGUAGE sql AS $$ SELECT id FROM finance.weekly_pools WHERE week_start_date = test.week(back) $$;
CREATE FUNCTION test.month() RETURNS text LANGUAGE sql AS $$ SELECT pull_up_club.month_of(now()) $$;
CREATE FUNCTION test.earning(i int) RETURNS text LANGUAGE sql AS $$ SELECT id::text FROM finance.weekly_earnings WHERE submission_id = test.submission(i) $$;

-- triggers and rules
SELECT test.fault('a disabled trigger', 'ALTER TABLE content.submissions DISABLE TRIGGER lifeguard_after', '{club_triggers: lifeguard_after on content.submissions}',
                  'ALTER TABLE content.submissions ENABLE TRIGGER lifeguard_after');
SELECT test.fault('a trigger that fires on replicas only', 'ALTER TABLE finance.payout_requests ENABLE REPLICA TRIGGER lifeguard_before', '{club_triggers: lifeguard_before on finance.payout_requests}',
                  'ALTER TABLE finance.payout_requests ENABLE TRIGGER lifeguard_before');
SELECT test.fault('a rule that was withdrawn', $$SELECT lifeguard.drop_stamp('content.submissions', 'rejected', 'rejected_at')$$, '{club_triggers: stamp -> rejected: rejected_at ON content.submissions}',
                  'SELECT pull_up_club.install()');
SELECT test.fault('no trigger for new users', 'DROP TRIGGER pull_up_club_create_profile ON auth.users', '{club_triggers: pull_up_club_create_profile on auth.users}', 'SELECT pull_up_club.install()');
SELECT test.fault('an action that was withdrawn', $$SELECT lifeguard.drop_action('content.submissions', 'pending', 'approved', 'content.award_badges(new.id)')$$,
                  '{club_triggers: action pending -> approved: content.award_badges(new.id) ON content.submissions}', 'SELECT pull_up_club.install()')
 WHERE to_regproc('lifeguard.drop_action') IS NOT NULL;

-- what the club is made of
SELECT test.fault('an index that is gone', 'DROP INDEX finance.weekly_pools_one_current', '{club_objects: index finance.weekly_pools_one_current}', 'SELECT pull_up_club.install()');
SELECT test.fault('a view that is gone', 'DROP VIEW analytics.leaderboard', '{club_objects: view analytics.leaderboard}', 'SELECT pull_up_club.install()');
SELECT test.fault('a constraint that is gone', 'ALTER TABLE finance.weekly_pools DROP CONSTRAINT weekly_pools_no_overlap', '{club_objects: constraint weekly_pools_no_overlap on finance.weekly_pools}',
                  $$ALTER TABLE finance.weekly_pools ADD CONSTRAINT weekly_pools_no_overlap EXCLUDE USING gist (daterange(week_start_date, week_end_date, '[]') WITH &&)$$);

-- row security
SELECT test.fault('row security that is off', 'ALTER TABLE finance.payout_requests DISABLE ROW LEVEL SECURITY', '{club_security: finance.payout_requests}',
                  'ALTER TABLE finance.payout_requests ENABLE ROW LEVEL SECURITY');
SELECT test.fault('an UPDATE policy that a migration dropped', 'DROP POLICY change ON auth_management.profiles', '{club_security: change ON auth_management.profiles}', 'SELECT pull_up_club.install()');
SELECT test.fault('a table without any policy', 'DROP POLICY service ON finance.monthly_totals; DROP POLICY read ON finance.monthly_totals',
                  '{club_security: finance.monthly_totals,club_security: read ON finance.monthly_totals,club_security: service ON finance.monthly_totals}', 'SELECT pull_up_club.install()');

-- the current pool
SELECT test.fault('a current pool that expired', format('UPDATE finance.weekly_pools SET is_current = false; UPDATE finance.weekly_pools SET is_current = true WHERE id = %L', (SELECT id FROM finance.weekly_pools WHERE week_start_date < test.week() LIMIT 1)),
                  ARRAY['club_current_pool: pool of ' || test.week(), 'club_current_pool: pool of ' || (SELECT week_start_date FROM finance.weekly_pools WHERE week_start_date < test.week() LIMIT 1)],
                  'SELECT monitoring.update_current_pool()');
SELECT test.fault('two pools of a week',
                  format($$ALTER TABLE finance.weekly_pools DROP CONSTRAINT weekly_pools_no_overlap; DROP INDEX finance.weekly_pools_by_week;
                           INSERT INTO finance.weekly_pools (id, week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, month_year)
                           SELECT %L, week_start_date, week_end_date, 250, 250, month_year FROM finance.weekly_pools WHERE id = %L$$, test.submission(99), test.pool()),
                  ARRAY['club_current_pool: week of ' || test.week(), 'club_current_pool: pool of ' || test.week(), 'club_current_pool: overlapping weeks',
                        'club_objects: index finance.weekly_pools_by_week', 'club_objects: constraint weekly_pools_no_overlap on finance.weekly_pools'],
                  format($$DELETE FROM finance.weekly_pools WHERE id = %L; CREATE UNIQUE INDEX weekly_pools_by_week ON finance.weekly_pools (week_start_date);
                           ALTER TABLE finance.weekly_pools ADD CONSTRAINT weekly_pools_no_overlap EXCLUDE USING gist (daterange(week_start_date, week_end_date, '[]') WITH &&)$$, test.submission(99)));

-- pools and earnings
SELECT test.fault('a pool that says what is not so', 'UPDATE finance.weekly_pools SET spent_dollars = spent_dollars - 1, remaining_amount_dollars = remaining_amount_dollars + 1 WHERE week_start_date = test.week()',
                  ARRAY['club_pools: pool of ' || test.week()], 'SELECT monitoring.check_pool_consistency(fix => true)');
SELECT test.fault('−$71', 'ALTER TABLE finance.weekly_pools DROP CONSTRAINT weekly_pools_balance; UPDATE finance.weekly_pools SET spent_dollars = 321, remaining_amount_dollars = -71 WHERE week_start_date = test.week()',
                  ARRAY['club_pools: pool of ' || test.week(), 'club_objects: constraint weekly_pools_balance on finance.weekly_pools'],
                  $$UPDATE finance.weekly_pools SET spent_dollars = 81, remaining_amount_dollars = 169 WHERE week_start_date = test.week();
                    ALTER TABLE finance.weekly_pools ADD CONSTRAINT weekly_pools_balance CHECK (remaining_amount_dollars >= 0 AND spent_dollars >= 0 AND remaining_amount_dollars + spent_dollars = total_amount_dollars)$$);
SELECT test.fault('an approval without an earning',
                  $$CREATE TABLE test.kept AS SELECT * FROM finance.weekly_earnings WHERE submission_id = test.submission(1); DELETE FROM finance.weekly_earnings WHERE submission_id = test.submission(1)$$,
                  ARRAY['club_missing_earnings: submission ' || test.submission(1), 'club_pools: pool of ' || test.week(), format('club_months: %s of member %s', test.month(), test.member(1)),
                        format('club_months: %s of the club', test.month())],
                  'INSERT INTO finance.weekly_earnings SELECT * FROM test.kept; DROP TABLE test.kept');
BEGIN;
SELECT sum(amount_dollars) AS requested FROM finance.payout_requests \gset
DELETE FROM finance.weekly_earnings WHERE submission_id = test.submission(1);
SELECT details ->> 'remedy' AS remedy FROM pull_up_club.check_missing_earnings() WHERE object = 'submission ' || test.submission(1) \gset
\o /dev/null
:remedy
\o
SELECT is((SELECT sum(amount_dollars)::bigint FROM finance.payout_requests), :requested ::bigint, 'what to do about a lost earning does not pay it again');
ROLLBACK;
SELECT test.fault('an orphaned earning', $$UPDATE finance.weekly_earnings SET submission_id = test.submission(77) WHERE submission_id = test.submission(1)$$,
                  ARRAY['club_missing_earnings: submission ' || test.submission(1), 'club_earnings: earning ' || test.earning(1)],
                  'UPDATE finance.weekly_earnings SET submission_id = test.submission(1) WHERE submission_id = test.submission(77)');
SELECT test.fault('an earning of what is not approved any more', $$UPDATE content.submissions SET status = 'rejected' WHERE id = test.submission(2)$$,
                  ARRAY['club_earnings: earning ' || test.earning(2), 'club_ranks: member ' || test.member(2)], $$UPDATE content.submissions SET status = 'approved' WHERE id = test.submission(2)$$);
SELECT test.fault('an earning of another member', 'UPDATE finance.weekly_earnings SET user_id = test.member(4) WHERE submission_id = test.submission(3)',
                  ARRAY['club_earnings: earning ' || test.earning(3), format('club_months: %s of member %s', test.month(), test.member(3)), format('club_months: %s of member %s', test.month(), test.member(4))],
                  'UPDATE finance.weekly_earnings SET user_id = test.member(3) WHERE submission_id = test.submission(3)');
CREATE PROCEDURE test.swap_earnings(one int, other int) LANGUAGE sql AS $$
  UPDATE finance.weekly_earnings SET submission_id = test.submission(999) WHERE submission_id = test.submission(one);
  UPDATE finance.weekly_earnings SET submission_id = test.submission(one) WHERE submission_id = test.submission(other);
  UPDATE finance.weekly_earnings SET submission_id = test.submission(other) WHERE submission_id = test.submission(999)
$$;
SELECT test.fault('two earnings that changed places', 'CALL test.swap_earnings(3, 4)', ARRAY['club_earnings: earning ' || test.earning(3), 'club_earnings: earning ' || test.earning(4)], 'CALL test.swap_earnings(3, 4)');
SELECT test.fault('a count that changed after it was paid', 'UPDATE content.submissions SET actual_pull_up_count = 99 WHERE id = test.submission(5)',
                  ARRAY['club_earnings: earning ' || test.earning(5), 'club_ranks: member ' || test.member(5)], 'UPDATE content.submissions SET actual_pull_up_count = 15 WHERE id = test.submission(5)');
SELECT test.fault('an earning out of the wrong week''s pool', format('UPDATE finance.weekly_earnings SET weekly_pool_id = %L WHERE submission_id = test.submission(7)', test.pool()),
                  ARRAY['club_earnings: earning ' || test.earning(7), 'club_pools: pool of ' || test.week(),
                        'club_pools: pool of ' || (SELECT p.week_start_date FROM finance.weekly_earnings e JOIN finance.weekly_pools p ON p.id = e.weekly_pool_id WHERE e.submission_id = test.submission(7))],
                  format('UPDATE finance.weekly_earnings SET weekly_pool_id = %L WHERE submission_id = test.submission(7)', (SELECT weekly_pool_id FROM finance.weekly_earnings WHERE submission_id = test.submission(7))));

-- months
SELECT test.fault('a payout request of another amount', 'UPDATE finance.payout_requests SET amount_dollars = amount_dollars + 5 WHERE user_id = test.member(1) AND payout_month = test.month()',
                  ARRAY[format('club_months: %s of member %s', test.month(), test.member(1))], 'UPDATE finance.payout_requests SET amount_dollars = amount_dollars - 5 WHERE user_id = test.member(1) AND payout_month = test.month()');
SELECT test.fault('two requests that make up for each other', 'UPDATE finance.payout_requests SET amount_dollars = amount_dollars + CASE user_id WHEN test.member(2) THEN 5 ELSE -5 END WHERE user_id IN (test.member(2), test.member(3)) AND payout_month = test.month()',
                  ARRAY[format('club_months: %s of member %s', test.month(), test.member(2)), format('club_months: %s of member %s', test.month(), test.member(3))],
                  'UPDATE finance.payout_requests SET amount_dollars = amount_dollars - CASE user_id WHEN test.member(2) THEN 5 ELSE -5 END WHERE user_id IN (test.member(2), test.member(3)) AND payout_month = test.month()');
SELECT test.fault('a month''s row that forgot', 'UPDATE finance.user_earnings SET total_submissions = 0 WHERE user_id = test.member(6) AND month_year = test.month()',
                  ARRAY[format('club_months: %s of member %s', test.month(), test.member(6))], 'UPDATE finance.user_earnings SET total_submissions = 1 WHERE user_id = test.member(6) AND month_year = test.month()');
SELECT test.fault('the cap''s ledger', 'UPDATE finance.monthly_totals SET spent_dollars = spent_dollars + 9 WHERE month_year = test.month()', ARRAY[format('club_months: %s of the club', test.month())],
                  'UPDATE finance.monthly_totals SET spent_dollars = spent_dollars - 9 WHERE month_year = test.month()');

-- the rest
SELECT test.fault('a status that there is not', $$UPDATE content.submissions SET status = 'aproved' WHERE id = test.submission(8)$$, ARRAY['club_states: submission ' || test.submission(8)],
                  $$UPDATE content.submissions SET status = 'rejected' WHERE id = test.submission(8)$$);
SELECT test.fault('no graphic', 'CREATE TABLE test.cards AS SELECT * FROM content.monthly_graphics WHERE user_id = test.member(2); DELETE FROM content.monthly_graphics WHERE user_id = test.member(2)',
                  ARRAY['club_graphics: graphics of ' || test.month()], 'SELECT content.create_monthly_graphic(test.submission(2))');
SELECT test.fault('badges that were never given', 'DELETE FROM content.user_badges WHERE user_id = test.member(2)', ARRAY['club_badges: member ' || test.member(2)], 'SELECT content.award_badges(test.submission(2))');
INSERT INTO content.badges (name, min_pull_ups, gender) VALUES ('Anybody''s', 1, 'Any');
SELECT is_empty('SELECT test.found_now()', 'nobody lacks a badge that was made after his approval');
UPDATE content.badges SET created_at = now() - interval '1 year' WHERE name = 'Anybody''s';
SELECT set_eq('SELECT test.found_now()', $$SELECT 'club_badges: member ' || user_id FROM analytics.best_submissions$$, 'who reached one that was there lacks it');
DELETE FROM content.badges WHERE name = 'Anybody''s';
SELECT is_empty('SELECT test.found_now()', 'but not one that an admin took away');
SELECT test.fault('paid, and Stripe knows nothing of it', 'UPDATE auth_management.profiles SET is_paid = true WHERE id = test.member(1)', ARRAY['club_paid_members: member ' || test.member(1)],
                  'UPDATE auth_management.profiles SET is_paid = false WHERE id = test.member(1)');
SELECT test.fault('a best that is missing', 'DELETE FROM analytics.best_submissions WHERE user_id = test.member(1)', ARRAY['club_ranks: member ' || test.member(1), 'club_ranks: 30 pull-ups'], 'SELECT analytics.rebuild_ranks()');
SELECT test.fault('ranks that were counted wrong', 'UPDATE analytics.best_counts SET members = members + 1 WHERE pull_ups = 12', '{club_ranks: 12 pull-ups}', 'SELECT monitoring.run_daily_consistency_check()');
SELECT test.fault('a member who is ranked and has nothing approved', 'INSERT INTO analytics.best_submissions VALUES (test.member(9), test.submission(9), 12, now())', ARRAY['club_ranks: member ' || test.member(9), 'club_ranks: 12 pull-ups'], 'SELECT analytics.rebuild_ranks()');

-- an unresolved error
SELECT ok(monitoring.log_error('TEST_FAULT', 'something happened') IS NOT NULL AND monitoring.drain(), 'an error is logged');
SELECT set_eq('SELECT test.found_now()', ARRAY['club_errors: TEST_FAULT'], 'an unresolved error: found, and nothing else');
SELECT monitoring.resolve(id) FROM monitoring.system_errors WHERE error_type = 'TEST_FAULT';
SELECT is_empty('SELECT test.found_now()', 'an unresolved error: resolved, and gone');

-- who leaves takes nothing along
DELETE FROM auth.users WHERE id = test.member(6);
SELECT is_empty('SELECT test.found_now()', 'a member who left: his money rows stay, and nothing is wrong with them');
SELECT test.fault('a month of one who left', 'UPDATE finance.payout_requests SET amount_dollars = amount_dollars + 5 WHERE user_id IS NULL', ARRAY[format('club_months: %s of members who left', test.month())],
                  'UPDATE finance.payout_requests SET amount_dollars = amount_dollars - 5 WHERE user_id IS NULL');

-- a large club is looked at in slices: all of them together are everybody, and each is a part
CALL test.add_members(101, 400);
ANALYZE auth_management.profiles;
DELETE FROM monitoring.check_runs;
CREATE TABLE test.turns AS SELECT NULL::int AS turn, NULL::uuid AS member WHERE false;
CREATE PROCEDURE test.take_turns() LANGUAGE plpgsql AS $$
BEGIN
  FOR turn IN 1 .. 10 LOOP
    INSERT INTO monitoring.check_runs (category) VALUES ('test');
    INSERT INTO test.turns SELECT turn, p.id FROM auth_management.profiles p, pull_up_club.slice('club_ranks', 31) AS s WHERE p.id BETWEEN s.first AND s.last;
  END LOOP;
END $$;
CALL test.take_turns();
SELECT is((SELECT count(DISTINCT member) FROM test.turns), (SELECT count(*) FROM auth_management.profiles), 'ten turns of a tenth: everybody');
SELECT cmp_ok((SELECT max(n) FROM (SELECT count(*) AS n FROM test.turns GROUP BY turn) AS t), '<', 60::bigint, 'and in each a part');
DELETE FROM monitoring.check_runs WHERE category = 'test';

-- every finding says what to do, and none is told twice
SELECT is_empty($$SELECT name, object FROM monitoring.check_findings WHERE name LIKE 'club\_%' GROUP BY name, object, first_run HAVING count(*) > 1$$, 'no finding twice');
SELECT is((SELECT count(*) FROM monitoring.checks WHERE category = 'club' AND coalesce(remedy, '') = ''), 0::bigint, 'every check has a remedy');
SELECT * FROM finish();
