-- The legacy club (see ../../bench/legacy) is taken aboard as it is, works by the club's rules under its old and its canonical names,
-- and is let go as it was. What the words say is in ../../docs/club.md.
SELECT no_plan();
SET client_min_messages = error;
SET timezone = 'UTC';
\set users 120
\set weeks 6
\set pending 120
\ir ../../bench/legacy/00_supabase.sql
\ir ../../bench/legacy/10_tables.sql
\ir ../../bench/legacy/20_cascade.sql
\ir ../../bench/legacy/30_policies.sql
\ir ../../bench/legacy/40_load.sql
INSERT INTO monitoring.system_errors (error_type, error_message, context) VALUES ('POOL', 'No current pool', '{"week": 7}'), ('OTHER', NULL, NULL);
\ir ../adopt/compare.sql

-- What the nine triggers would have made of it.
CREATE FUNCTION test.approve_all() RETURNS void LANGUAGE sql AS $$
  UPDATE public.submissions SET status = 'approved', actual_pull_up_count = 1 + pull_up_count % 27 WHERE status = 'pending'
$$;
CREATE FUNCTION test.paid() RETURNS TABLE (kind text, fact text) LANGUAGE sql AS $$
  SELECT 'earning', concat_ws(' ', user_id, weekly_pool_id, submission_id, pull_up_count, earning_amount_dollars) FROM public.weekly_earnings UNION ALL
  SELECT 'pool', concat_ws(' ', id, total_amount_dollars, remaining_amount_dollars, remaining_dollars, spent_dollars, is_depleted) FROM public.weekly_pools UNION ALL
  SELECT 'month', concat_ws(' ', user_id, month_year, total_earned_dollars, dollars_earned, total_submissions) FROM public.user_earnings UNION ALL
  SELECT 'payout', concat_ws(' ', user_id, payout_month, amount_dollars, status) FROM public.payout_requests UNION ALL
  SELECT 'badge', concat_ws(' ', user_id, badge_id) FROM public.user_badges UNION ALL
  SELECT 'graphic', concat_ws(' ', user_id, submission_id, month_year, email, full_name, current_pullups, current_badge_name, current_badge_image_url,
                              '- ' || previous_pullups, '- ' || previous_badge_name, '+ ' || improvement, '> ' || next_badge_name, next_badge_pullups) FROM public.monthly_graphics UNION ALL
  SELECT 'profile', concat_ws(' ', id, organization, region, age, gender) FROM public.profiles
$$;
BEGIN;
SELECT test.approve_all();
SELECT jsonb_agg(p) AS cascade FROM test.paid() AS p \gset
ROLLBACK;

CREATE EXTENSION pull_up_club CASCADE;
\ir ../adopt/registers.sql
SELECT pull_up_club.set('monthly_cap_scope', 'member'), pull_up_club.set('cooldown_days', '0') \g /dev/null

SELECT results_eq('SELECT error_type, error_message, context FROM monitoring.system_errors_before ORDER BY 1',
                  $$VALUES ('OTHER', NULL, NULL::jsonb), ('POOL', 'No current pool', '{"week": 7}')$$, 'the rows of the old journal are kept');
SELECT set_has('SELECT error_type, error_message FROM monitoring.system_errors', $$VALUES ('POOL', 'No current pool')$$, 'and are in the new one');

-- ---------------------------------------------------------------- a dry run

CREATE TABLE test.checks_before AS SELECT * FROM monitoring.run_checks();
\set moment before
\ir ../adopt/dump.sql
CALL test.remember_rows();
CREATE TABLE test.registers_before AS SELECT * FROM test.registers();
\set before `pg_dump --exclude-schema=test --exclude-table-data=monitoring.system_errors | grep -v restrict | md5sum`
CREATE TABLE test.shown AS SELECT * FROM pull_up_club.adopt();
\set after `pg_dump --exclude-schema=test --exclude-table-data=monitoring.system_errors | grep -v restrict | md5sum`
SELECT is(:'after'::text, :'before', 'a dry run changes nothing, in no row and no catalog');
SELECT isnt_empty('SELECT FROM test.shown WHERE statement IS NOT NULL', 'and shows steps');
SELECT is_empty('SELECT * FROM test.shown WHERE object IS NULL OR what IS NULL OR why IS NULL OR risk IS NULL', 'each with what, why and at what risk');
SELECT results_eq('SELECT step FROM test.shown ORDER BY step', 'SELECT generate_series(1, count(*)::int) FROM test.shown', 'in an order');

-- ---------------------------------------------------------------- adopt, adopt, release, release

CREATE TABLE test.done AS SELECT * FROM pull_up_club.adopt(dry_run => false);
SELECT results_eq('SELECT * FROM test.done ORDER BY step', 'SELECT * FROM test.shown ORDER BY step', 'adopt() does what it showed');
SELECT is_empty('SELECT * FROM test.changed_tables', 'no row of any table is changed');
SELECT set_eq('SELECT name, base::text FROM pull_up_club.adopted_tables', $$
  SELECT format('%s.%s', s, t), t FROM (VALUES ('auth_management', 'profiles'), ('auth_management', 'admin_roles'), ('content', 'submissions'), ('content', 'badges'), ('content', 'user_badges'),
    ('content', 'monthly_graphics'), ('finance', 'weekly_pools'), ('finance', 'weekly_earnings'), ('finance', 'user_earnings'), ('finance', 'payout_requests'),
    ('communication', 'notification_queue'), ('communication', 'email_notifications')) AS k(s, t)$$, 'every table of the club is found, and no other');
SELECT is_empty($$SELECT a.name FROM pull_up_club.adopted_tables a
                    LEFT JOIN pg_class c ON c.oid = to_regclass(a.name) AND c.relkind = 'v' AND 'security_invoker=true' = ANY (c.reloptions) AND pg_relation_is_updatable(c.oid, false) = 28
                   WHERE c.oid IS NULL$$, 'each canonical name is a view that looks with its user''s rights and lets through what is written');
SELECT set_eq('SELECT relation::text, trigger_name::text FROM lifeguard.disabled_triggers',
  $$VALUES ('submissions', 'validate_submission_approval'), ('submissions', 'update_updated_at_column'), ('submissions', 'submission_status_change_trigger'),
           ('submissions', 'on_submission_approved_award_badges'), ('submissions', 'trigger_populate_monthly_graphics'), ('submissions', 'trigger_update_profile_from_submission'),
           ('submissions', 'cleanup_earnings_trigger'), ('submissions', 'submission_rejection_email_trigger'), ('profiles', 'profile_updated_trigger')$$, 'the nine triggers are remembered');
SELECT is_empty($$SELECT d.trigger_name FROM lifeguard.disabled_triggers d JOIN pg_trigger t ON t.tgrelid = d.relation AND t.tgname = d.trigger_name WHERE t.tgenabled <> 'D'$$, 'disabled');
SELECT set_eq($$SELECT split_part(object, ' on ', 1) FROM test.done WHERE what = 'disable the trigger'$$, 'SELECT trigger_name::text FROM lifeguard.disabled_triggers', 'and listed');

SELECT is_empty('SELECT * FROM pull_up_club.adopt()', 'adopted, there is nothing more to do');
SELECT is_empty('SELECT * FROM pull_up_club.adopt(dry_run => false)', 'and nothing is done');
SELECT is(test.refusal('SELECT pull_up_club.install()'), 'LG126 ADOPTED', 'install() is not for an adopted club');
SELECT is(test.refusal('SELECT pull_up_club.uninstall()'), 'LG126 ADOPTED', 'nor is uninstall()');
SELECT is(test.refusal('SELECT pull_up_club.uninstall(keep_data => false)'), 'LG126 ADOPTED', 'nor is uninstall() that drops tables');
SELECT is(test.refusal('DROP EXTENSION pull_up_club CASCADE'), 'LG126 ADOPTED', 'nor is the extension dropped, whose approvals would pay nobody');
SELECT is(test.refusal('DROP EXTENSION IF EXISTS lifeguard CASCADE'), 'LG126 ADOPTED', 'nor what it needs');

\set before `pg_dump --exclude-schema=test --exclude-table-data=monitoring.system_errors | grep -v restrict | md5sum`
CREATE TABLE test.taken_back_shown AS SELECT * FROM pull_up_club.release(dry_run => true);
\set after `pg_dump --exclude-schema=test --exclude-table-data=monitoring.system_errors | grep -v restrict | md5sum`
SELECT is(:'after'::text, :'before', 'a dry run of release() changes nothing');
CREATE TABLE test.taken_back AS SELECT * FROM pull_up_club.release();
SELECT results_eq('SELECT * FROM test.taken_back ORDER BY step DESC', 'SELECT step, object, replace(what, ''take back'', ''taken back''), statement FROM test.taken_back_shown ORDER BY step DESC',
                  'release() does what it showed, and keeps nothing of a club in which nothing happened');
\set moment released
\ir ../adopt/dump.sql
SELECT is_empty($$SELECT test.dump_differences('before', 'released')$$, 'released, the schema is as it was, byte for byte');
SELECT is_empty('SELECT * FROM test.changed_tables', 'no row is changed');
SELECT bag_eq('SELECT * FROM test.registers()', 'TABLE test.registers_before', 'and nobody remembers a rule, a check or a job');
SELECT is_empty('SELECT * FROM pull_up_club.release()', 'a second release finds nothing');
SELECT bag_eq('SELECT object, what, why, risk, statement FROM pull_up_club.adopt(dry_run => false)', 'SELECT object, what, why, risk, statement FROM test.shown', 'adopted again, as at first');

-- ---------------------------------------------------------------- the money, by the old names and the new

\ir ../wrong.sql
CREATE TABLE test.wrong_before AS SELECT * FROM test.wrong;
SELECT test.approve_all();
SELECT is((SELECT count(*) FROM public.submissions WHERE status = 'pending'), 0::bigint, 'all of them are approved by their old name');
CREATE VIEW test.as_cascade AS SELECT p.* FROM jsonb_to_recordset(current_setting('test.cascade')::jsonb) AS p(kind text, fact text);
SELECT set_config('test.cascade', :'cascade', false) \g /dev/null
SELECT bag_eq(format('SELECT fact FROM test.paid() WHERE kind = %L', kind), format('SELECT fact FROM test.as_cascade WHERE kind = %L', kind), kind || ': as the old triggers would have had it')
  FROM unnest('{earning,pool,month,payout,badge,graphic,profile}'::text[]) AS kind;
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'every dollar is where it should be');

CREATE FUNCTION test.acts(member int) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('request.jwt.claims', coalesce(jsonb_build_object('sub', md5('member ' || member)::uuid, 'role', 'authenticated')::text, ''), false)
$$;
CREATE FUNCTION test.earned(member int) RETURNS int LANGUAGE sql AS $$
  SELECT sum(total_earned_dollars)::int FROM public.user_earnings WHERE user_id = md5('member ' || member)::uuid
$$;
GRANT USAGE ON SCHEMA test TO authenticated;
SELECT test.earned(7) AS seven, test.earned(8) AS eight \gset
UPDATE public.submissions SET status = 'rejected', notes = 'not straight' WHERE id = md5('pending 7')::uuid;
UPDATE content.submissions SET status = 'rejected', notes = 'not straight' WHERE id = md5('pending 8')::uuid;
SELECT is(test.earned(7), :seven - (1 + (5 + 7) % 27), 'a reversal by the old name gives the money back');
SELECT is(test.earned(8), :eight - (1 + (5 + 8) % 27), 'and by the new');
SELECT is(count(*), 2::bigint, 'both members are written to') FROM public.email_notifications WHERE email_type = 'rejection' AND message = 'not straight' AND user_id IN (md5('member 7')::uuid, md5('member 8')::uuid);
SELECT is_empty('SELECT id FROM public.submissions WHERE status = ''rejected'' AND rejected_at IS NULL', 'rejections have their time');
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'every dollar is back');
SELECT is(test.refusal(format($$UPDATE %s SET status = 'approved' WHERE id = md5('pending 7')::uuid$$, name)), 'LG001', 'rejected is not approved: ' || name) FROM unnest('{public.submissions,content.submissions}'::text[]) AS name;
SELECT is(test.refusal(format($$UPDATE %s SET status = 'bogus' WHERE id = md5('pending 7')::uuid$$, name)), 'LG003', 'nor what there is not: ' || name) FROM unnest('{public.submissions,content.submissions}'::text[]) AS name;

-- ---------------------------------------------------------------- the views, for a superuser

CREATE FUNCTION test.new_id(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5('new ' || i)::uuid $$;
PREPARE submit(int, int) AS INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (test.new_id($1), md5('member ' || $2)::uuid, 'https://youtu.be/new', 9);
SELECT results_eq($$INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (test.new_id(1), md5('member 9')::uuid, 'https://youtu.be/new', 9) RETURNING status, platform, featured$$,
                  $$VALUES ('pending', 'youtube', false)$$, 'INSERT … RETURNING gives what the rules made of it');
SELECT is(platform, 'youtube', 'and the table has it') FROM public.submissions WHERE id = test.new_id(1);
BEGIN;
SELECT results_eq('DELETE FROM content.submissions WHERE id = test.new_id(1) RETURNING pull_up_count', 'VALUES (9)', 'DELETE … RETURNING');
SELECT is(count(*), 0::bigint, 'takes it') FROM public.submissions WHERE id = test.new_id(1);
ROLLBACK;
SELECT is(test.refusal('EXECUTE submit(2, 9)'), 'LG103 NOT_ELIGIBLE', 'a second pending one is refused');
SELECT is(test.refusal($$INSERT INTO public.submissions (user_id, video_url, pull_up_count) VALUES (md5('member 9')::uuid, 'https://youtu.be/new', 9)$$), 'LG103 NOT_ELIGIBLE', 'by the old name too');
SELECT results_eq($$UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 8 WHERE id = test.new_id(1) RETURNING status, approved_at IS NOT NULL$$, $$VALUES ('approved', true)$$, 'UPDATE … RETURNING');
SELECT is(earning_amount_dollars, 8, 'and it is paid') FROM public.weekly_earnings WHERE submission_id = test.new_id(1);
SELECT lives_ok($$INSERT INTO content.user_badges (user_id, badge_id) SELECT user_id, badge_id FROM content.user_badges ON CONFLICT (user_id, badge_id) DO NOTHING$$, 'INSERT … ON CONFLICT DO NOTHING');
SELECT results_eq($$INSERT INTO auth_management.profiles AS p (id, full_name, region) VALUES (md5('member 10')::uuid, 'x', 'Lake') ON CONFLICT (id) DO UPDATE SET region = excluded.region || ' side' RETURNING p.full_name, p.region$$,
                  $$VALUES ('Member 10', 'Lake side')$$, 'INSERT … ON CONFLICT DO UPDATE');
SELECT results_eq($$INSERT INTO finance.weekly_pools AS p (week_start_date, week_end_date, month_year) VALUES ('2001-01-01', '2001-01-07', '2001-01') RETURNING total_amount_dollars, remaining_amount_dollars, spent_dollars::int$$,
                  'VALUES (250, 250, 0)', 'defaults come through');
DELETE FROM finance.weekly_pools WHERE week_start_date = '2001-01-01';
BEGIN;
SELECT id FROM content.submissions WHERE id = test.new_id(1) FOR UPDATE \g /dev/null
SELECT is(count(*), 1::bigint, 'SELECT FOR UPDATE locks the table''s row') FROM public.submissions s WHERE s.id = test.new_id(1) AND s.xmax::text::bigint <> 0;
COMMIT;
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'every dollar is where it should be');

-- ---------------------------------------------------------------- the views, for members and admins, under the old policies

SELECT test.acts(11) \g /dev/null
SET ROLE authenticated;
SELECT is(count(*), 0::bigint, 'a member sees nobody else''s rejected submission') FROM content.submissions WHERE status = 'rejected';
SELECT is(array_agg(DISTINCT user_id), ARRAY[md5('member 11')::uuid], 'and his own earnings only') FROM finance.weekly_earnings;
SELECT results_eq($$INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (test.new_id(11), md5('member 11')::uuid, 'https://youtu.be/new', 9) RETURNING status$$,
                  $$VALUES ('pending')$$, 'he submits');
SELECT is(test.refusal('EXECUTE submit(12, 12)'), 'LG002', 'but not for others');
SELECT is_empty($$UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 9 WHERE id = test.new_id(11) RETURNING id$$, 'and approves nothing');
SELECT is(test.refusal('SELECT pull_up_club.adopt()'), 'LG108 NOT_PERMITTED', 'he may not adopt');
SELECT is(test.refusal('SELECT pull_up_club.release()'), 'LG108 NOT_PERMITTED', 'nor release');
RESET ROLE;
SELECT test.acts(1) \g /dev/null
SET ROLE authenticated;
SELECT results_eq($$UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 9 WHERE id = test.new_id(11) RETURNING status$$, $$VALUES ('approved')$$, 'an admin approves by the new name');
SELECT results_eq($$UPDATE public.submissions SET status = 'rejected', notes = 'bent' WHERE id = test.new_id(11) RETURNING status$$, $$VALUES ('rejected')$$, 'and reverses by the old');
RESET ROLE;
SELECT test.acts(11) \g /dev/null
SET ROLE authenticated;
SELECT is(test.refusal($$UPDATE content.submissions SET status = 'pending' WHERE id = test.new_id(11)$$), '42501', 'the old policy lets no member correct his, as before');
SELECT results_eq($$UPDATE content.submissions SET video_url = 'https://youtu.be/straight' WHERE id = test.new_id(11) RETURNING video_url$$, $$VALUES ('https://youtu.be/straight')$$, 'but for its video');
RESET ROLE;
SELECT test.acts(NULL) \g /dev/null
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'every dollar is where it should be');

-- ---------------------------------------------------------------- twins and derived columns

UPDATE public.weekly_pools SET remaining_dollars = 41, spent_dollars = total_amount_dollars - 41 WHERE week_start_date = (SELECT min(week_start_date) FROM public.weekly_pools);
SELECT is(remaining_amount_dollars, 41, 'the other one follows the one') FROM finance.weekly_pools ORDER BY week_start_date LIMIT 1;
UPDATE finance.weekly_pools SET remaining_amount_dollars = 0, spent_dollars = total_amount_dollars WHERE week_start_date = (SELECT min(week_start_date) FROM public.weekly_pools);
SELECT is((remaining_dollars, is_depleted), (0::numeric, true), 'and the other way round; a pool without dollars is depleted') FROM public.weekly_pools ORDER BY week_start_date LIMIT 1;
SELECT is(test.refusal('UPDATE public.weekly_pools SET remaining_dollars = 1, remaining_amount_dollars = 2'), 'LG017', 'two values for one are refused');
SELECT is(test.refusal($$UPDATE public.weekly_pools SET remaining_dollars = 41.5 WHERE week_start_date = (SELECT min(week_start_date) FROM public.weekly_pools)$$), 'LG018', 'and cents, which the other cannot hold');
UPDATE public.weekly_pools SET is_depleted = false WHERE week_start_date = (SELECT min(week_start_date) FROM public.weekly_pools);
SELECT is(is_depleted, true, 'a flag that is derived is not set') FROM public.weekly_pools ORDER BY week_start_date LIMIT 1;
UPDATE public.profiles SET region = NULL WHERE id = md5('member 20')::uuid;
SELECT is(is_profile_completed, false, 'a profile without a region is not complete') FROM public.profiles WHERE id = md5('member 20')::uuid;
UPDATE auth_management.profiles SET region = 'Coast', is_profile_completed = false WHERE id = md5('member 20')::uuid;
SELECT is(is_profile_completed, true, 'and with one it is, whatever is said') FROM public.profiles WHERE id = md5('member 20')::uuid;
UPDATE public.weekly_pools p SET spent_dollars = e.spent, remaining_dollars = p.total_amount_dollars - e.spent
  FROM (SELECT weekly_pool_id, sum(earning_amount_dollars) AS spent FROM public.weekly_earnings GROUP BY 1) AS e WHERE e.weekly_pool_id = p.id;

-- ---------------------------------------------------------------- monitoring looks at the tables

CREATE TABLE test.checks_after AS SELECT * FROM monitoring.run_checks();
SELECT set_eq($$SELECT name FROM test.checks_after WHERE name LIKE 'club%' AND status <> 'healthy' AND name NOT IN ('club_errors', 'club_security')$$,
              $$VALUES ('club_graphics'), ('club_paid_members')$$, 'the club''s checks find what the data lacks: old cards and Stripe''s ids');
SELECT cmp_ok((SELECT avg((a.status = 'healthy')::int) FROM test.checks_after a JOIN test.checks_before USING (name)), '>=', (SELECT avg((status = 'healthy')::int) FROM test.checks_before),
              'of the checks that were there before no fewer are healthy');
ALTER TABLE public.submissions DISABLE TRIGGER lifeguard_after;
SELECT is_empty($$SELECT 1 WHERE NOT EXISTS (SELECT FROM pull_up_club.check_triggers() AS f WHERE f::text LIKE '%lifeguard_after on public.submissions is disabled%')$$, 'a trigger of the table that is disabled is found');
ALTER TABLE public.submissions ENABLE TRIGGER lifeguard_after;
SELECT is_empty('SELECT * FROM pull_up_club.check_triggers()', 'and then no more');
SELECT is_empty('SELECT * FROM pull_up_club.violations()', 'no row breaks a constraint');
SELECT is_empty($$SELECT * FROM pull_up_club.validate() WHERE outcome NOT IN ('validated', 'already valid')$$, 'and all become valid');
SELECT is(test.refusal($$INSERT INTO public.weekly_pools (week_start_date, week_end_date) SELECT week_start_date, week_end_date FROM public.weekly_pools LIMIT 1$$), '23505', 'no two pools of a week');
SELECT is(test.refusal('UPDATE public.weekly_pools SET is_current = true'), '23505', 'one current pool');
SELECT is(test.refusal('UPDATE public.weekly_pools SET spent_dollars = spent_dollars + 1'), '23514', 'a pool adds up');
SELECT is(test.refusal('INSERT INTO public.weekly_earnings (user_id, weekly_pool_id, submission_id, pull_up_count, earning_amount_dollars) SELECT user_id, weekly_pool_id, submission_id, 1, 1 FROM public.weekly_earnings LIMIT 1'),
          '23505', 'one earning a submission');

-- ---------------------------------------------------------------- release: what is new stays

SELECT is(test.refusal('SELECT pull_up_club.release()'), 'LG125 STEP_FAILED', 'what others built on the canonical names is in the way of release()');
DROP VIEW test.wrong;
UPDATE test.tables SET md5 = test.md5_of(relation, columns);
CREATE TABLE test.kept AS SELECT * FROM pull_up_club.release() WHERE what NOT LIKE 'taken back%';
SELECT set_eq('SELECT what FROM test.kept', $$VALUES ('public.submissions.rejected_at is kept: there are values in it'), ('public.weekly_earnings.reason is kept: there are values in it')$$,
              'what is new and has values is kept, and it says so');
\set moment used
\ir ../adopt/dump.sql
SELECT set_eq($$SELECT regexp_replace(regexp_replace(d, '\s+', ' ', 'g'), ',$', '') FROM test.dump_differences('before', 'used') AS d WHERE d <> 'not byte for byte' AND d !~ 'updated_at timestamp'$$,
              $$VALUES ('+ rejected_at timestamp with time zone'), ('+ reason text')$$, 'everything else is as it was');
SELECT is_empty('SELECT * FROM test.changed_tables', 'with all that was written');
SELECT bag_eq('SELECT * FROM test.registers()', 'TABLE test.registers_before', 'nobody remembers a rule, a check or a job');
SELECT lives_ok($$SELECT * FROM pull_up_club.adopt(dry_run => false)$$, 'it can be adopted again');
SELECT is_empty('SELECT * FROM test.changed_tables', 'still with all that was written');
\ir ../wrong.sql
SELECT is_empty('TABLE test.wrong EXCEPT TABLE test.wrong_before', 'and every dollar is where it should be');
DROP VIEW test.wrong;
SELECT lives_ok('SELECT * FROM pull_up_club.release()', 'and released');
\set moment again
\ir ../adopt/dump.sql
SELECT is_empty($$SELECT test.dump_differences('used', 'again')$$, 'as it was');
SELECT * FROM finish();
