-- The club's rules, each in its own words: what is there, what an approval and a reversal do, what is refused and how.
-- Members and submissions have numbers, see ../club.sql; every section begins with an empty club.
\ir ../club.sql
SET search_path = public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT no_plan();

-- Submits and approves; the submission's id.
CREATE SEQUENCE test.last;
CREATE FUNCTION test.submit(member int, claim int DEFAULT 20, url text DEFAULT 'https://youtu.be/x') RETURNS uuid LANGUAGE sql AS $$
  INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (test.submission(nextval('test.last')::int), test.member(member), url, claim) RETURNING id
$$;
CREATE FUNCTION test.approve(submission uuid, counted int, at timestamptz DEFAULT NULL) RETURNS uuid LANGUAGE sql AS $$
  UPDATE content.submissions SET status = 'approved', actual_pull_up_count = counted, approved_at = at WHERE id = submission RETURNING id
$$;
CREATE FUNCTION test.reject(submission uuid, notes text DEFAULT 'not straight') RETURNS uuid LANGUAGE sql AS $$
  UPDATE content.submissions SET status = 'rejected', notes = reject.notes WHERE id = submission RETURNING id
$$;
CREATE FUNCTION test.film(member int, counted int, at timestamptz DEFAULT NULL) RETURNS uuid LANGUAGE sql AS $$
  SELECT test.approve(test.submit(member), counted, at)
$$;
CREATE FUNCTION test.earned(submission uuid) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', '$' || earning_amount_dollars, 'of', pull_up_count, reason) FROM finance.weekly_earnings WHERE submission_id = submission
$$;
-- Who acts from now on: a member by his claims, or nobody (the database's own user).
CREATE FUNCTION test.acts(member int) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('request.jwt.claims', coalesce(jsonb_build_object('sub', test.member(member), 'role', 'authenticated')::text, ''), false) WHERE member IS NOT NULL
  UNION ALL SELECT set_config('request.jwt.claims', '', false) WHERE member IS NULL
$$;
\ir ../refusal.sql
-- What there is of everything that an approval writes.
CREATE FUNCTION test.whole() RETURNS text LANGUAGE sql AS $$
  SELECT md5(concat((SELECT jsonb_agg(t ORDER BY id) FROM content.submissions t), (SELECT jsonb_agg(t ORDER BY id) FROM finance.weekly_earnings t),
                    (SELECT jsonb_agg(t ORDER BY id) FROM finance.user_earnings t), (SELECT jsonb_agg(t ORDER BY id) FROM finance.payout_requests t),
                    (SELECT jsonb_agg(t ORDER BY id) FROM finance.weekly_pools t), (SELECT jsonb_agg(t ORDER BY month_year) FROM finance.monthly_totals t),
                    (SELECT jsonb_agg(t ORDER BY id) FROM content.user_badges t), (SELECT jsonb_agg(t ORDER BY id) FROM content.monthly_graphics t),
                    (SELECT jsonb_agg(t ORDER BY id) FROM auth_management.profiles t), (SELECT count(*) FROM communication.email_notifications),
                    (SELECT count(*) FROM communication.notification_queue)))
$$;
CREATE PROCEDURE test.empty() LANGUAGE sql AS $$
  SELECT test.acts(NULL);
  TRUNCATE auth.users, content.submissions, finance.weekly_earnings, finance.user_earnings, finance.payout_requests, finance.monthly_totals, finance.weekly_pools CASCADE;
  UPDATE pull_up_club.settings SET (time_zone, pool_dollars, monthly_cap_dollars, monthly_cap_scope, cooldown_days, auto_create_pools, max_pull_ups)
                                 = ('UTC', 250, 1000, 'club', 0, true, 1000);
  CALL test.add_members(1, 30);
  INSERT INTO auth_management.admin_roles (user_id) VALUES (test.member(30))
$$;

-- ---------------------------------------------------------------- the schema

SELECT has_table(split_part(t, '.', 1), split_part(t, '.', 2), 'there is ' || t) FROM unnest('{auth.users, auth_management.profiles, auth_management.admin_roles,
  auth_management.payout_exclusions, content.submissions, content.badges, content.user_badges, content.monthly_graphics, finance.weekly_pools, finance.weekly_earnings,
  finance.user_earnings, finance.monthly_totals, finance.payout_requests, communication.email_notifications, communication.notification_queue, communication.messages_log,
  pull_up_club.settings}'::text[]) AS t;
SELECT has_view('analytics', 'leaderboard', 'there is a ranking');
SELECT has_view('content', 'approved_submissions', 'there is what everybody may see');
SELECT has_view('content', 'monthly_graphic_cards', 'there are cards with their ranks');
CREATE VIEW pg_temp.club_tables AS
SELECT c.oid, c.oid::regclass::text AS name, c.relrowsecurity FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname IN ('auth_management', 'content', 'finance', 'communication');
SELECT is_empty('SELECT name FROM pg_temp.club_tables t WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)', 'every table has a primary key');
SELECT is_empty('SELECT name FROM pg_temp.club_tables WHERE NOT relrowsecurity', 'row security is on everywhere');
SELECT is_empty($$SELECT name FROM pg_temp.club_tables t WHERE NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid)$$, 'and every table has a policy');
SELECT is_empty($$SELECT name FROM pg_temp.club_tables WHERE coalesce(obj_description(oid, 'pg_class'), '') = ''$$, 'every table has a COMMENT');
SELECT is_empty($$SELECT t.name || '.' || attname FROM pg_temp.club_tables t JOIN pg_attribute a ON a.attrelid = t.oid
                   WHERE attname ~ 'dollars' AND atttypid <> 'int'::regtype$$, 'dollars are whole');
SELECT is_empty($$SELECT t.name || '.' || attname FROM pg_temp.club_tables t JOIN pg_attribute a ON a.attrelid = t.oid WHERE attnum > 0 AND atttypid = 'timestamp'::regtype$$,
                'every moment has its time zone');
SELECT hasnt_column('finance', 'weekly_pools', 'remaining_dollars', 'one name for the pool''s remaining');
SELECT hasnt_column('finance', 'user_earnings', 'dollars_earned', 'one name for the month''s earnings');
SELECT hasnt_column('auth_management', 'profiles', 'user_id', 'a profile has one id');
SELECT hasnt_table('public', 'system_logs', 'there is no second journal');
SELECT col_is_unique('finance', 'weekly_earnings', 'submission_id', 'one earning a submission (unique)');
SELECT col_is_unique('finance', 'user_earnings', ARRAY['user_id', 'month_year'], 'one row a member and month');
SELECT col_is_unique('finance', 'payout_requests', ARRAY['user_id', 'payout_month'], 'one request a member and month');
SELECT col_is_unique('content', 'monthly_graphics', ARRAY['user_id', 'month_year'], 'one card a member and month');
SELECT col_is_unique('content', 'user_badges', ARRAY['user_id', 'badge_id'], 'a badge once a member');
SELECT col_is_fk('content', 'submissions', 'user_id', 'a submission is of a profile');
SELECT col_is_fk('finance', 'weekly_earnings', column_name, 'an earning''s ' || column_name || ' is there') FROM unnest('{user_id, weekly_pool_id, submission_id}'::name[]) AS column_name;
SELECT is_empty($$SELECT conrelid::regclass, conname FROM pg_constraint c JOIN pg_temp.club_tables t ON t.oid = c.conrelid
                   WHERE contype = 'f' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])
                     AND t.name NOT IN ('communication.notification_queue') AND conname <> 'profiles_admin_role'
                     AND (c.conrelid, c.confrelid) NOT IN (SELECT 'finance.weekly_earnings'::regclass, 'finance.weekly_pools'::regclass
                                                UNION ALL SELECT 'content.user_badges'::regclass, 'content.badges'::regclass)$$,
                'foreign keys that deletions follow have their index');

SELECT triggers_are('content', 'submissions', ARRAY['lifeguard_before', 'lifeguard_after', 'forget_submissions', 'forget_all_submissions'],
                    'a submission is worked off by exactly two triggers; two more look after a statement that deletes');
SELECT trigger_is('content', 'submissions', 'lifeguard_before', 'lifeguard', 'before_row');
SELECT trigger_is('content', 'submissions', 'lifeguard_after', 'lifeguard', 'after_row');
SELECT triggers_are('finance', 'payout_requests', ARRAY['lifeguard_before'], 'a payout request needs one');
SELECT is_empty(format('SELECT * FROM lifeguard.check_lifecycle(%L) AS c WHERE c::text !~ ''dead end''', t), t || ': check_lifecycle() finds nothing but final states') FROM unnest('{content.submissions, finance.payout_requests}'::text[]) AS t;
SELECT set_eq($$SELECT from_state || ' -> ' || to_state FROM lifeguard.rules WHERE relation = 'content.submissions'::regclass AND rule LIKE 'transition%'$$,
              ARRAY['pending -> approved', 'pending -> rejected', 'rejected -> pending', 'approved -> rejected'], 'the four moves of a submission, and no other');
SELECT set_eq($$SELECT from_state || ' -> ' || to_state FROM lifeguard.rules WHERE relation = 'finance.payout_requests'::regclass AND rule LIKE 'transition%'$$,
              ARRAY['pending -> approved', 'pending -> rejected', 'approved -> paid', 'approved -> rejected'], 'the moves of a payout');

CREATE VIEW pg_temp.functions AS
SELECT p.oid, p.oid::regprocedure::text AS name, p.prosrc, p.provolatile, p.prosecdef, p.proconfig, p.prorettype, l.lanname
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN ('pull_up_club', 'finance', 'content', 'auth_management', 'communication', 'analytics');
SELECT has_function(split_part(f, '.', 1), split_part(f, '.', 2), 'there is ' || f) FROM unnest('{pull_up_club.install, pull_up_club.uninstall, pull_up_club.set,
  pull_up_club.local_date, pull_up_club.month_of, finance.calculate_earnings, finance.process_submission_earnings, finance.cleanup_earnings, finance.calculate_monthly_payout,
  finance.ensure_pool, finance.mark_payout_paid, finance.available_dollars, content.award_badges, content.create_monthly_graphic, content.check_submission_eligibility,
  auth_management.update_profile_from_submission, auth_management.current_user_id, auth_management.is_admin, communication.queue_notification,
  communication.send_rejection_email, communication.mark_email_sent}'::text[]) AS f;
SELECT is_empty($$SELECT name FROM pg_temp.functions WHERE coalesce(obj_description(oid, 'pg_proc'), '') !~ '\S.{10}'$$, 'every function has a COMMENT');
SELECT is_empty($$SELECT name FROM pg_temp.functions WHERE lanname <> 'c' AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$,
                'every function pins its search_path, with the temporary schema last');
SELECT is_empty($$SELECT name FROM pg_temp.functions f, unnest('{public,anon,authenticated}'::text[]) AS who
                   WHERE has_function_privilege(who, oid, 'EXECUTE') AND prorettype <> 'trigger'::regtype AND NOT (who = 'authenticated' AND name LIKE 'finance.mark_payout_paid%')
                     AND name !~ '^pull_up_club\.(adopt|release|require_rights)\('   -- who asks is told which rights he lacks
                     AND (provolatile = 'v' AND lanname = 'c' OR prosrc ~ '\m(INSERT INTO|UPDATE [a-z]|DELETE FROM|EXECUTE (format|part|statement))')$$,
                'what writes is not for everybody to call');
SELECT set_eq($$SELECT name FROM pg_temp.functions WHERE prosecdef$$, ARRAY['auth_management.create_profile()', 'content.list_approved_submissions()', 'content.card_ranks()', 'finance.mark_payout_paid(uuid)',
                                                                                    'analytics.forget_submissions()', 'analytics.leaderboard(integer,jsonb,text,text)', 'analytics.rank_of(uuid)'],
              'seven functions run with their owner''s rights, no more');
SELECT is_empty($$SELECT name FROM pg_temp.functions WHERE prosecdef AND oid IN (SELECT objid FROM pg_depend WHERE classid = 'pg_proc'::regclass AND deptype = 'e')$$,
                'and those belong to who installed, not to the extension');

-- ---------------------------------------------------------------- time

CALL test.empty();
-- a Sunday, a Monday, and the turn of the year, each by a session in every zone
CREATE TABLE test.zones AS SELECT h, format('Etc/GMT%s%s', CASE WHEN h > 0 THEN '-' ELSE '+' END, abs(h)) AS zone FROM generate_series(-12, 14) AS h;
CREATE FUNCTION test.weeks_seen(at timestamptz) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  z record;
BEGIN
  FOR z IN SELECT * FROM test.zones ORDER BY h LOOP
    PERFORM set_config('timezone', z.zone, true);
    PERFORM test.film(z.h + 13, 1, at);
  END LOOP;
  RETURN QUERY SELECT DISTINCT concat_ws(' ', to_char(p.week_start_date, 'YYYY-MM-DD'), e.month_year)
                 FROM finance.weekly_earnings e JOIN finance.weekly_pools p ON p.id = e.weekly_pool_id JOIN content.submissions s ON s.id = e.submission_id WHERE s.approved_at = at;
END $$;
SELECT is((SELECT count(DISTINCT make_interval(hours => h)) FROM test.zones), 27::bigint, 'sessions from -12 to +14');
SELECT results_eq($$SELECT test.weeks_seen('2025-11-23 23:59:59.999999+00')$$, ARRAY['2025-11-17 2025-11'], 'Sunday''s last moment is of the old week, for sessions from -12 to +14');
SELECT results_eq($$SELECT test.weeks_seen('2025-11-24 00:00:00+00')$$, ARRAY['2025-11-24 2025-11'], 'Monday''s first moment is of the new week, for sessions from -12 to +14');
SELECT results_eq($$SELECT test.weeks_seen('2025-12-31 23:59:59+00')$$, ARRAY['2025-12-29 2025-12'], 'December''s last moment is of December, for sessions from -12 to +14');
SELECT results_eq($$SELECT test.weeks_seen('2026-01-01 00:00:00+00')$$, ARRAY['2025-12-29 2026-01'], 'January''s first moment is of January and of the same week, for sessions from -12 to +14');
SELECT is(current_setting('timezone'), 'UTC', 'the session''s zone is its own');
SELECT is_empty('TABLE test.wrong', 'and every total is exact');
CALL test.empty();
UPDATE pull_up_club.settings SET time_zone = 'America/New_York';
SELECT results_eq($$SELECT test.weeks_seen('2026-03-02 04:59:59+00')$$, ARRAY['2026-02-23 2026-03'], 'every date is taken in the club''s time zone: Sunday in New York');
SELECT results_eq($$SELECT test.weeks_seen('2026-03-02 05:00:00+00')$$, ARRAY['2026-03-02 2026-03'], 'and Monday, in winter');
SELECT results_eq($$SELECT test.weeks_seen('2026-03-09 03:59:59+00')$$, ARRAY['2026-03-02 2026-03'], 'the clocks go forward that Sunday: it has 23 hours');
SELECT results_eq($$SELECT test.weeks_seen('2026-03-09 04:00:00+00')$$, ARRAY['2026-03-09 2026-03'], 'and its Monday begins an hour earlier');
SELECT results_eq($$SELECT test.weeks_seen('2025-11-03 04:59:59+00')$$, ARRAY['2025-10-27 2025-11'], 'the clocks go back: that Sunday has 25 hours');
SELECT results_eq($$SELECT test.weeks_seen('2025-11-03 05:00:00+00')$$, ARRAY['2025-11-03 2025-11'], 'and its Monday begins an hour later');
SELECT results_eq($$SELECT count(*)::int FROM finance.weekly_pools p, finance.weekly_pools q WHERE p.id < q.id AND p.week_start_date = q.week_start_date$$, ARRAY[0], 'one pool a week');
SELECT is(pull_up_club.local_date('2026-06-01 03:59+00')::text || ' ' || pull_up_club.month_of('2026-06-01 03:59+00'), '2026-05-31 2026-05', 'local_date() and month_of() are the club''s');
SELECT is_empty('TABLE test.wrong', 'and every total is exact');

-- ---------------------------------------------------------------- submissions

CALL test.empty();
SELECT test.submit(1) AS one \gset
SELECT is((SELECT status FROM content.submissions WHERE id = :'one'), 'pending', 'a submission begins pending');
SELECT is(test.refusal($$INSERT INTO content.submissions (user_id, video_url, pull_up_count, status) VALUES (test.member(2), 'https://youtu.be/x', 20, 'approved')$$), 'LG005', 'and in no other state');
SELECT is(test.refusal($$SELECT test.submit(1)$$), 'LG103 NOT_ELIGIBLE', 'one pending submission a member');
SELECT is((SELECT content.platform_of(url)), platform, 'platform from the video''s host: ' || url)
  FROM (VALUES ('https://www.youtube.com/watch?v=1', 'youtube'), ('https://youtu.be/1', 'youtube'), ('https://www.tiktok.com/@a/video/1', 'tiktok'),
               ('https://www.instagram.com/reel/1', 'instagram'), ('https://facebook.com/watch/1', 'facebook'), ('https://youtube.com.evil.com/1', NULL)) AS v(url, platform);
SELECT is((SELECT platform FROM content.submissions WHERE id = :'one'), 'youtube', 'it is set when the video is submitted');
SELECT is(test.refusal(format('UPDATE content.submissions SET status = ''approved'' WHERE id = %L', :'one')), 'LG002', 'approval needs actual_pull_up_count');
SELECT is(test.refusal(format('SELECT test.approve(%L, -1)', :'one')), 'LG002', '0 or more');
SELECT is(test.refusal(format('SELECT test.approve(%L, 1001)', :'one')), 'LG105 INVALID_PULL_UPS', 'and no more than max_pull_ups');
SELECT is(test.refusal(format('SELECT test.reject(%L, NULL)', :'one')), 'LG002', 'a rejection needs notes');
SELECT is(test.refusal(format('SELECT test.reject(%L, E'' \t\n'')', :'one')), 'LG002', 'that say something');
SELECT is(test.refusal(format('UPDATE content.submissions SET status = ''lost'' WHERE id = %L', :'one')), 'LG003', 'an unknown state is refused');
SELECT is(test.refusal(format('UPDATE content.submissions SET status = NULL WHERE id = %L', :'one')), 'LG004', 'a null state is refused');
SELECT is((SELECT count(*)::int FROM finance.weekly_earnings), 0, 'what was refused changed nothing');
SELECT test.reject(:'one', 'too short') \g /dev/null
SELECT ok((SELECT rejected_at BETWEEN now() - interval '1 minute' AND now() FROM content.submissions WHERE id = :'one'), 'a rejection stamps rejected_at');
SELECT results_eq('SELECT email_type, recipient, message, sent_at FROM communication.email_notifications', $$VALUES ('rejection', 'member1@example.org', 'too short', NULL::timestamptz)$$,
                  'a rejection queues one e-mail with the notes');
SELECT is(test.refusal(format('SELECT test.approve(%L, 5)', :'one')), 'LG001', 'a rejected one is corrected first');
UPDATE content.submissions SET status = 'pending', video_url = 'https://www.tiktok.com/@a/video/2' WHERE id = :'one';
SELECT is((SELECT status || ' ' || platform FROM content.submissions WHERE id = :'one'), 'pending tiktok', 'rejected -> pending: the member corrected it');
SELECT test.approve(:'one', 7) \g /dev/null
SELECT ok((SELECT approved_at BETWEEN now() - interval '1 minute' AND now() FROM content.submissions WHERE id = :'one'), 'approved_at is stamped by the database');
SELECT is((SELECT notes FROM content.submissions WHERE id = :'one'), NULL, 'an approval takes away what was noted before');
SELECT is(test.earned(:'one'), '$7 of 7', 'pay uses what the admin counted, not the claim');
SELECT is(test.refusal(format('UPDATE content.submissions SET status = ''pending'' WHERE id = %L', :'one')), 'LG001', 'an approved one does not become pending again');
SELECT test.whole() AS whole \gset
SELECT is(test.refusal(format('UPDATE content.submissions SET status = ''approved'', actual_pull_up_count = 25 WHERE id = %L', :'one')), 'LG002', 'an approved one approved again');
SELECT is(test.whole(), :'whole', 'and nothing changed');
SELECT test.reject(:'one', 'not straight') \g /dev/null
SELECT is(test.earned(:'one'), NULL, 'approved -> rejected: earnings cleaned up');
SELECT is((SELECT count(*)::int FROM communication.email_notifications), 2, 'and a rejection e-mail');
SELECT is_empty('TABLE test.wrong', 'and every total is exact');

-- eligible
UPDATE pull_up_club.settings SET cooldown_days = 30;
SELECT ok((content.check_submission_eligibility(test.member(3)) ->> 'eligible')::boolean, 'eligible: no approved submission in the last 30 days');
SELECT test.film(3, 5, now() - interval '30 days' + interval '1 minute') AS three \gset
SELECT is(content.check_submission_eligibility(test.member(3)) ->> 'reason', 'cooldown', 'counted from approved_at: 30 days less a minute are not over');
SELECT is(test.refusal('SELECT test.submit(3)'), 'LG103 NOT_ELIGIBLE', 'who was approved lately waits');
SELECT is(content.check_submission_eligibility(test.member(3)) ->> 'eligible_on', pull_up_club.local_date(now() + interval '1 minute')::text, 'and is told the day');
SELECT test.film(4, 5, now() - interval '30 days') \g /dev/null
SELECT lives_ok('SELECT test.submit(4)', '30 days later he may again');
SELECT is(content.check_submission_eligibility(test.member(4)) ->> 'reason', 'pending', 'one pending submission a member');
SELECT test.reject(:'three') \g /dev/null
SELECT lives_ok('SELECT test.submit(3)', 'a rejection since that approval lifts it');
UPDATE pull_up_club.settings SET cooldown_days = 0;

-- whose
SELECT test.acts(5) \g /dev/null
SELECT lives_ok('SELECT test.submit(5)', 'a member submits');
SELECT is(test.refusal('SELECT test.submit(6)'), 'LG002', 'the member''s own: not for another');
SELECT is(test.refusal($$SELECT test.approve(id, 5) FROM content.submissions WHERE user_id = test.member(5)$$), 'LG002', 'nor does he approve');
SELECT is(test.refusal($$SELECT test.reject(id) FROM content.submissions WHERE user_id = test.member(5)$$), 'LG002', 'nor reject');
SELECT test.acts(30) \g /dev/null
SELECT lives_ok($$SELECT test.submit(6)$$, 'an admin may for any');
SELECT lives_ok($$SELECT test.reject(id) FROM content.submissions WHERE user_id IN (test.member(5), test.member(6)) AND status = 'pending'$$, 'an admin rejects');
SELECT test.acts(6) \g /dev/null
SELECT is(test.refusal($$UPDATE content.submissions SET status = 'pending' WHERE user_id = test.member(5)$$), 'LG002', 'another''s rejected submission is not his to change');
SELECT lives_ok($$UPDATE content.submissions SET status = 'pending', actual_pull_up_count = 99, approved_at = '2020-01-01' WHERE user_id = test.member(6)$$,
                'a member may change only his own rejected submission');
SELECT is((SELECT concat(actual_pull_up_count, approved_at) FROM content.submissions WHERE user_id = test.member(6)), '', 'and brings no count and no date of approval along');
SELECT test.acts(NULL) \g /dev/null

-- rank
CALL test.empty();
UPDATE auth_management.profiles SET organization = CASE WHEN id <= test.member(2) THEN 'Army' ELSE 'Navy' END WHERE id <= test.member(4);
SELECT test.film(1, 20, '2026-02-03 12:00+00'), test.film(2, 22, '2026-02-04 12:00+00'), test.film(3, 22, '2026-02-02 12:00+00'), test.film(4, 5, '2026-02-02 12:00+00') \g /dev/null
SELECT results_eq('SELECT user_id, rank FROM analytics.leaderboard ORDER BY rank',
                  'SELECT test.member(m), r::bigint FROM (VALUES (3, 1), (2, 2), (1, 3), (4, 4)) AS v(m, r) ORDER BY r', 'rank: actual count descending, then approved_at ascending');
SELECT results_eq('SELECT user_id, rank_in_gender FROM analytics.leaderboard ORDER BY user_id', 'SELECT test.member(m), r::bigint FROM (VALUES (1, 2), (2, 1), (3, 1), (4, 2)) AS v(m, r)', 'by gender');
SELECT results_eq('SELECT user_id, rank_in_organization FROM analytics.leaderboard ORDER BY user_id', 'SELECT test.member(m), r::bigint FROM (VALUES (1, 2), (2, 1), (3, 1), (4, 2)) AS v(m, r)',
                  'by organization');

-- ---------------------------------------------------------------- earnings

CALL test.empty();
SELECT is((SELECT string_agg(test.earned(test.film(i, counted, '2026-02-04 12:00+00')), ', ' ORDER BY i)
             FROM (VALUES (1, 24), (2, 22), (3, 20), (4, 25), (5, 18), (6, 23), (7, 21), (8, 26), (9, 19), (10, 20), (11, 22), (12, 21)) AS v(i, counted)),
          '$24 of 24, $22 of 22, $20 of 20, $25 of 25, $18 of 18, $23 of 23, $21 of 21, $26 of 26, $19 of 19, $20 of 20, $22 of 22, $10 of 21 pool',
          'the last approval of a week takes what is left: 12 approvals with 261 pull-ups in all on $250 end with a claim of 21 paid 10');
SELECT results_eq('SELECT sum(pull_up_count), sum(earning_amount_dollars) FROM finance.weekly_earnings', 'VALUES (261::bigint, 250::bigint)', '261 pull-ups, $250');
SELECT results_eq('SELECT spent_dollars, remaining_amount_dollars, is_depleted FROM finance.weekly_pools', 'VALUES (250, 0, true)', 'the pool is empty and says so');
SELECT is(test.earned(test.film(13, 5, '2026-02-08 23:59:59+00')), '$0 of 5 pool', 'afterwards there is nothing, and the row says why');
SELECT is(test.earned(test.film(14, 0, '2026-02-08 12:00+00')), '$0 of 0', 'no pull-ups, no dollars, no reason');
SELECT is(test.earned(test.film(15, 5, '2026-02-09 00:00+00')), '$5 of 5', 'the pool is the one whose week holds the approval''s date');
UPDATE finance.weekly_pools SET is_current = true WHERE week_start_date = '2026-02-09';
SELECT is(test.earned(test.film(16, 5, '2026-02-17 12:00+00')), '$5 of 5', 'never by the is_current flag');
SELECT results_eq('SELECT spent_dollars FROM finance.weekly_pools ORDER BY week_start_date', ARRAY[250, 5, 5], 'that week''s own pool paid');
UPDATE auth_management.profiles SET role = CASE id WHEN test.member(17) THEN 'admin' ELSE 'influencer' END WHERE id IN (test.member(17), test.member(18));
SELECT is(test.earned(test.film(17, 9, '2026-02-17 12:00+00')), '$0 of 9 role', '0 for the role admin; the row is still written, with the reason');
SELECT is(test.earned(test.film(18, 9, '2026-02-17 12:00+00')), '$0 of 9 role', '0 for the role influencer');
INSERT INTO auth_management.payout_exclusions (user_id, starts_at, ends_at) VALUES (test.member(19), now() - interval '1 day', NULL), (test.member(20), now() - interval '2 days', now() - interval '1 day'),
  (test.member(21), now() + interval '1 day', NULL);
SELECT is(test.earned(test.film(19, 9, '2026-02-17 12:00+00')), '$0 of 9 excluded', 'and for a member with an active payout exclusion');
SELECT is(test.earned(test.film(20, 9, '2026-02-17 12:00+00')), '$9 of 9', 'one that is over is not active');
SELECT is(test.earned(test.film(21, 9, '2026-02-17 12:00+00')), '$9 of 9', 'nor one to come');
SELECT is(test.earned(test.film(22, 9, '2026-02-17 12:00+00')), '$9 of 9', 'no "first submission is free", no flat $5');
SELECT is_empty('TABLE test.wrong', 'and every total is exact');

CALL test.empty();
UPDATE pull_up_club.settings SET monthly_cap_dollars = 30;
SELECT is(test.earned(test.film(1, 20, '2026-02-04 12:00+00')) || ', ' || test.earned(test.film(2, 20, '2026-02-11 12:00+00')) || ', ' || test.earned(test.film(3, 20, '2026-02-18 12:00+00')),
          '$20 of 20, $10 of 20 month cap, $0 of 20 month cap', 'the month''s cap is over all members, out of whichever pool');
SELECT is(test.earned(test.film(4, 20, '2026-03-01 00:00+00')), '$20 of 20', 'and the next month''s is its own, though the week is the same') ;
UPDATE pull_up_club.settings SET monthly_cap_scope = 'member';
SELECT is(test.earned(test.film(5, 20, '2026-02-04 12:00+00')) || ', ' || test.earned(test.film(5, 20, '2026-02-05 12:00+00')) || ', ' || test.earned(test.film(6, 20, '2026-02-05 12:00+00')),
          '$20 of 20, $10 of 20 month cap, $20 of 20', 'or for each member (member)');
SELECT is_empty('TABLE test.wrong', 'and every total is exact');

CALL test.empty();
SELECT test.film(1, 18, '2026-02-04 12:00+00') AS paid \gset
SELECT results_eq('SELECT user_id, month_year, total_earned_dollars, total_submissions FROM finance.user_earnings', 'SELECT test.member(1), ''2026-02'', 18, 1', 'it writes the member''s month');
SELECT results_eq('SELECT user_id, payout_month, amount_dollars, status FROM finance.payout_requests', 'SELECT test.member(1), ''2026-02'', 18, ''pending''', 'the month''s payout request');
SELECT results_eq('SELECT month_year, spent_dollars FROM finance.monthly_totals', 'SELECT ''2026-02'', 18', 'and the club''s month');
SELECT results_eq('SELECT week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, spent_dollars FROM finance.weekly_pools',
                  'SELECT date ''2026-02-02'', date ''2026-02-08'', 250, 232, 18', 'a pool is $250 a week, Monday to Sunday inclusive');
SELECT test.whole() AS whole \gset
SELECT is(finance.process_submission_earnings(:'paid', test.member(1), 18) - 'pool_id',
          '{"already_processed": true, "dollars_earned": 18, "pool_remaining_after": 232, "pool_depleted": false, "monthly_cap_reached": false, "monthly_total_spent": 18, "month": "2026-02", "reason": null}',
          'a second call says already_processed, with every value');
SELECT is(test.whole(), :'whole', 'and changes nothing');
DELETE FROM finance.weekly_earnings;
UPDATE finance.weekly_pools SET remaining_amount_dollars = 250, spent_dollars = 0;
UPDATE finance.user_earnings SET total_earned_dollars = 0, total_submissions = 0;
UPDATE finance.payout_requests SET amount_dollars = 0;
UPDATE finance.monthly_totals SET spent_dollars = 0;
SELECT is((finance.process_submission_earnings(:'paid', test.member(1), 18) - 'pool_id') @> '{"already_processed": false, "dollars_earned": 18, "pool_remaining_after": 232}', true, 'a first one, that it paid');
SELECT is(test.whole() <> '' AND NOT EXISTS (TABLE test.wrong), true, 'an earning that was lost can be made again');
SELECT is(test.refusal(format('SELECT finance.process_submission_earnings(%L, test.member(1), 17)', :'paid')), 'LG105 INVALID_PULL_UPS', 'on failure it raises: another count');
SELECT is(test.refusal(format('SELECT finance.process_submission_earnings(%L, test.member(2), 18)', :'paid')), 'LG107 NO_SUCH_MEMBER', 'another member');
SELECT is(test.refusal('SELECT finance.process_submission_earnings(test.submission(999), test.member(2), 18)'), 'LG106 NO_SUCH_SUBMISSION', 'no such submission');
SELECT is(test.refusal('SELECT finance.process_submission_earnings(test.submit(9), test.member(9), 18)'), 'LG103 NOT_ELIGIBLE', 'not approved');
SELECT finance.ensure_pool('2026-02-09') AS next_week \gset
SELECT is(test.refusal(format('SELECT finance.calculate_earnings(test.member(1), 5, %L, ''2026-02-04 12:00+00'')', :'next_week')), 'LG101 POOL_DATE_MISMATCH',
          'a pool named by the caller whose week does not hold the approval''s date');
UPDATE pull_up_club.settings SET auto_create_pools = false;
SELECT is(test.refusal($$SELECT test.film(2, 5, '2026-05-06 12:00+00')$$), 'LG102 POOL_MISSING', 'no pool for that week and auto_create_pools off: POOL_MISSING');
SELECT is((SELECT count(*)::int FROM content.submissions WHERE user_id = test.member(2)), 0, 'and nothing changed');
UPDATE pull_up_club.settings SET auto_create_pools = true;
SELECT is(test.earned(test.film(2, 5, '2026-05-06 12:00+00')), '$5 of 5', 'on: it makes it');
SELECT is((SELECT total_amount_dollars FROM finance.weekly_pools WHERE week_start_date = '2026-05-04'), 250, 'with pool_dollars');

-- reversal
CALL test.empty();
SELECT test.film(1, 18, '2026-02-04 12:00+00') AS kept \gset
SELECT test.whole() AS whole \gset
SELECT test.film(2, 20, '2026-02-05 12:00+00') AS reversed \gset
SELECT test.film(3, 20, '2026-02-11 12:00+00') \g /dev/null
SELECT test.reject(:'reversed') \g /dev/null
SELECT results_eq('SELECT week_start_date, spent_dollars FROM finance.weekly_pools ORDER BY 1', $$VALUES (date '2026-02-02', 18), ('2026-02-09', 20)$$, 'a reversal gives the money back to the same pool');
SELECT results_eq('SELECT total_earned_dollars, total_submissions FROM finance.user_earnings WHERE user_id = test.member(2)', 'VALUES (0, 0)', 'the same month');
SELECT results_eq('SELECT amount_dollars FROM finance.payout_requests WHERE user_id = test.member(2)', 'VALUES (0)', 'and the same request');
SELECT is((finance.cleanup_earnings(:'reversed') ->> 'already_cleaned')::boolean, true, 'exactly once');
SELECT is_empty('TABLE test.wrong', 'and every total is exact');
SELECT is((SELECT count(*)::int FROM content.user_badges WHERE user_id = test.member(2)), 5, 'badges are not taken back on rejection');
UPDATE finance.payout_requests SET status = 'approved' WHERE user_id = test.member(1);
SELECT test.acts(30) \g /dev/null
SELECT finance.mark_payout_paid(id) FROM finance.payout_requests WHERE user_id = test.member(1) \g /dev/null
SELECT test.whole() AS whole \gset
SELECT is(test.refusal(format('SELECT test.reject(%L)', :'kept')), 'LG104 PAYOUT_CLOSED', 'refused with a clear error when the month''s payout is already paid');
SELECT is(test.whole(), :'whole', 'and nothing changed');

-- ---------------------------------------------------------------- pools

CALL test.empty();
SELECT finance.ensure_pool('2026-02-04') AS pool \gset
SELECT is(finance.ensure_pool('2026-02-02'), :'pool'::uuid, 'making the week''s pool twice gives one pool');
SELECT is(finance.ensure_pool('2026-02-08'), :'pool'::uuid, 'a week is Monday to Sunday inclusive');
SELECT isnt(finance.ensure_pool('2026-02-09'), :'pool'::uuid, 'the next Monday is the next week''s');
SELECT finance.ensure_pool() AS pool \gset
SELECT is((SELECT week_start_date FROM finance.weekly_pools WHERE id = :'pool'), date_trunc('week', now() AT TIME ZONE 'UTC')::date, 'by default it is this week''s');
SELECT throws_ok($$UPDATE finance.weekly_pools SET remaining_amount_dollars = remaining_amount_dollars - 1$$, '23514', NULL, 'remaining + spent = total (CHECK)');
SELECT throws_ok($$UPDATE finance.weekly_pools SET remaining_amount_dollars = -1, spent_dollars = 251$$, '23514', NULL, 'remaining >= 0 (CHECK)');
SELECT throws_ok($$INSERT INTO finance.weekly_pools (week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, month_year) VALUES ('2026-02-02', '2026-02-08', 5, 5, '2026-02')$$,
                 NULL, NULL, 'no two overlapping weeks (exclusion)');
SELECT throws_ok($$UPDATE finance.weekly_pools SET is_current = true$$, '23505', NULL, 'at most one is_current (unique partial index)');
SELECT throws_ok($$UPDATE finance.weekly_pools SET week_start_date = week_start_date + 1, week_end_date = week_end_date + 1 WHERE week_start_date = '2026-02-02'$$, '23514', NULL, 'a week begins on Monday');

-- ---------------------------------------------------------------- badges

CALL test.empty();
SELECT results_eq('SELECT name, min_pull_ups FROM content.badges WHERE gender = ''' || g || ''' ORDER BY 2',
                  format('SELECT unnest(''{Recruit,Proven,Hardened,Operator,Elite}''::text[]), unnest(%L::int[])', thresholds), g || ': ' || thresholds)
  FROM (VALUES ('Male', '{5,10,15,20,25}'), ('Female', '{3,7,12,15,20}')) AS v(g, thresholds);
-- members with odd numbers are men
CREATE FUNCTION test.badges_at(member int, counted int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  names text;
BEGIN
  PERFORM test.film(member, counted, '2026-02-04 12:00+00');
  SELECT string_agg(b.name, ' ' ORDER BY min_pull_ups) INTO names FROM content.user_badges u JOIN content.badges b ON b.id = u.badge_id WHERE u.user_id = test.member(member);
  RAISE EXCEPTION 'undo' USING DETAIL = coalesce(names, 'none');
EXCEPTION WHEN raise_exception THEN
  GET STACKED DIAGNOSTICS names = PG_EXCEPTION_DETAIL;
  RETURN names;
END $$;
SELECT is(test.badges_at(member, counted), badges, format('a %s with %s: %s', CASE member % 2 WHEN 0 THEN 'woman' ELSE 'man' END, counted, badges)) FROM (VALUES
  (1, 4, 'none'), (1, 5, 'Recruit'), (1, 9, 'Recruit'), (1, 10, 'Recruit Proven'), (1, 14, 'Recruit Proven'), (1, 15, 'Recruit Proven Hardened'), (1, 19, 'Recruit Proven Hardened'),
  (1, 20, 'Recruit Proven Hardened Operator'), (1, 24, 'Recruit Proven Hardened Operator'), (1, 25, 'Recruit Proven Hardened Operator Elite'), (1, 1000, 'Recruit Proven Hardened Operator Elite'),
  (2, 2, 'none'), (2, 3, 'Recruit'), (2, 6, 'Recruit'), (2, 7, 'Recruit Proven'), (2, 11, 'Recruit Proven'), (2, 12, 'Recruit Proven Hardened'), (2, 14, 'Recruit Proven Hardened'),
  (2, 15, 'Recruit Proven Hardened Operator'), (2, 19, 'Recruit Proven Hardened Operator'), (2, 20, 'Recruit Proven Hardened Operator Elite')) AS v(member, counted, badges);
UPDATE auth_management.profiles SET gender = NULL WHERE id = test.member(3);
INSERT INTO content.badges (name, min_pull_ups, gender) VALUES ('Beginner', 1, 'Any');
SELECT is(test.badges_at(3, 25), 'Beginner', 'whose gender is the member''s or Any');
SELECT test.film(1, 12, '2026-02-04 12:00+00') AS one \gset
SELECT is(content.award_badges(:'one'), '{}', 'awarding twice awards nothing new');
SELECT is((SELECT array_agg(b.name ORDER BY min_pull_ups) FROM content.user_badges u JOIN content.badges b ON b.id = u.badge_id WHERE user_id = test.member(1)), '{Beginner,Recruit,Proven}', 'once a member');
DELETE FROM content.user_badges u USING content.badges b WHERE b.id = u.badge_id AND b.name <> 'Beginner';
SELECT set_eq(format('SELECT unnest(content.award_badges(%L))', :'one'), ARRAY['Recruit', 'Proven'], 'and returns what was new');
DELETE FROM content.user_badges u USING content.badges b WHERE b.id = u.badge_id AND b.name = 'Beginner';
DELETE FROM content.badges WHERE name = 'Beginner';

-- ---------------------------------------------------------------- monthly graphic

CALL test.empty();
SELECT test.film(1, 12, '2026-02-04 12:00+00'), test.film(3, 20, '2026-02-05 12:00+00'), test.film(5, 11, '2026-02-06 12:00+00') \g /dev/null
SELECT results_eq('SELECT current_pullups, previous_pullups, current_badge_name, next_badge_name, next_badge_pullups, rank, rank_change, headline
                     FROM content.monthly_graphic_cards WHERE user_id = test.member(1)',
                  $$VALUES (12, NULL::int, 'Proven', 'Hardened', 15, 2::bigint, NULL::bigint, 'FIRST MONTH')$$, 'no previous month: FIRST MONTH');
SELECT test.film(1, 22, '2026-03-04 12:00+00'), test.film(3, 20, '2026-03-05 12:00+00'), test.film(5, 9, '2026-03-06 12:00+00') \g /dev/null
SELECT results_eq($$SELECT current_pullups, previous_pullups, current_badge_name, previous_badge_name, next_badge_name, next_badge_pullups, rank, previous_rank, rank_change, headline
                     FROM content.monthly_graphic_cards WHERE user_id = test.member(1) AND month_year = '2026-03'$$,
                  $$VALUES (22, 12, 'Operator', 'Proven', 'Elite', 25, 1::bigint, 2::bigint, 1::bigint, '+10')$$, 'more than then: +N; current and previous count, badge, next badge and what it takes, rank and its change');
SELECT results_eq($$SELECT user_id, headline, rank_change FROM content.monthly_graphic_cards WHERE month_year = '2026-03' AND user_id <> test.member(1) ORDER BY 1$$,
                  $$SELECT test.member(3), 'KEEP PUSHING', -1::bigint UNION ALL SELECT test.member(5), 'KEEP PUSHING', 0::bigint ORDER BY 1$$, 'else KEEP PUSHING: as many, or fewer');
SELECT test.film(1, 25, '2026-03-14 12:00+00') \g /dev/null
SELECT results_eq($$SELECT current_pullups, next_badge_name, headline FROM content.monthly_graphic_cards WHERE user_id = test.member(1) AND month_year = '2026-03'$$,
                  $$VALUES (25, NULL, '+13')$$, 'one row a member and month: the last one''s');
SELECT test.film(7, 12, '2026-01-31 23:00+00'), test.film(7, 12, '2026-03-01 00:00+00') \g /dev/null
SELECT is((SELECT headline FROM content.monthly_graphic_cards WHERE user_id = test.member(7) AND month_year = '2026-03'), 'FIRST MONTH', 'the previous month is the calendar month before, not any earlier one');
SELECT results_eq($$SELECT DISTINCT email_sent FROM content.monthly_graphics$$, ARRAY[false], 'its e-mail is queued and not sent');
SELECT id AS mail FROM communication.notification_queue WHERE user_id = test.member(3) AND data ->> 'month' = '2026-03' \gset
SELECT ok(communication.mark_email_sent(:'mail'), 'when the worker has sent it');
SELECT results_eq($$SELECT user_id, month_year FROM content.monthly_graphics WHERE email_sent AND email_sent_at IS NOT NULL$$, $$SELECT test.member(3), '2026-03'$$, 'email_sent becomes true');
SELECT is(communication.mark_email_sent(:'mail'), false, 'once');
SELECT is((SELECT count(*)::int FROM communication.messages_log), 1, 'and it leaves the queue for the log');

-- ---------------------------------------------------------------- payouts

CALL test.empty();
SELECT test.film(1, 18, '2026-02-04 12:00+00'), test.film(2, 20, '2026-02-04 12:00+00'), test.film(3, 20, '2026-02-04 12:00+00') \g /dev/null
SELECT id AS payout FROM finance.payout_requests WHERE user_id = test.member(1) \gset
SELECT is(finance.available_dollars(test.member(1)), 0, 'available = earned - (pending + approved + paid)');
UPDATE finance.payout_requests SET status = 'rejected' WHERE user_id = test.member(3);
SELECT is(finance.available_dollars(test.member(3)), 20, 'a rejected request holds nothing');
SELECT is(finance.calculate_monthly_payout(test.member(1), '2026-02'), 18, 'the month''s payout is the month''s earnings');
SELECT test.acts(30) \g /dev/null
SELECT is(test.refusal(format('SELECT finance.mark_payout_paid(%L)', :'payout')), 'LG001', 'pending -> approved -> paid: not from pending');
UPDATE finance.payout_requests SET status = 'approved' WHERE user_id < test.member(3);
SELECT test.acts(NULL) \g /dev/null
SELECT is(test.refusal(format('SELECT finance.mark_payout_paid(%L)', :'payout')), 'LG108 NOT_PERMITTED', 'only an admin, by the caller''s own claims: nobody is none');
SELECT is(test.refusal($$UPDATE finance.payout_requests SET status = 'paid', paid_at = now(), paid_by = test.member(30) WHERE status = 'approved'$$), 'LG002', 'and not by an id passed in');
SELECT test.acts(2) \g /dev/null
SELECT is(test.refusal(format('SELECT finance.mark_payout_paid(%L)', :'payout')), 'LG108 NOT_PERMITTED', 'a member is none');
SELECT test.acts(30) \g /dev/null
UPDATE finance.payout_requests SET paypal_email = ' ' WHERE user_id = test.member(2);
SELECT is(test.refusal($$SELECT finance.mark_payout_paid(id) FROM finance.payout_requests WHERE user_id = test.member(2)$$), 'LG002', 'paid needs a PayPal address');
SELECT is(finance.mark_payout_paid(:'payout') @> jsonb_build_object('amount_dollars', 18, 'paypal_email', 'pay1@example.org', 'paid_by', test.member(30)), true, 'an admin pays, and it says what to whom');
SELECT results_eq('SELECT user_id, paid_by, paid_at IS NOT NULL FROM finance.payout_requests WHERE status = ''paid''', 'SELECT test.member(1), test.member(30), true', 'who paid and when');
SELECT is(test.refusal(format('SELECT finance.mark_payout_paid(%L)', :'payout')), 'LG104 PAYOUT_CLOSED', 'and cannot be done twice');
SELECT is(test.refusal($$UPDATE finance.payout_requests SET status = 'approved' WHERE status = 'paid'$$), 'LG001', 'nor undone');
SELECT is(test.refusal($$SELECT test.film(1, 5, '2026-02-20 12:00+00')$$), 'LG104 PAYOUT_CLOSED', 'a month that is paid does not grow');
SELECT is(test.earned(test.film(1, 5, '2026-03-01 12:00+00')), '$5 of 5', 'the next one does');
UPDATE auth_management.admin_roles SET is_active = false;
SELECT is(test.refusal($$SELECT finance.mark_payout_paid(id) FROM finance.payout_requests WHERE user_id = test.member(2)$$), 'LG108 NOT_PERMITTED', 'an admin who was one is none');

-- ---------------------------------------------------------------- people

CALL test.empty();
INSERT INTO auth.users (id, email) VALUES (test.member(50), 'new@example.org');
SELECT is((SELECT email FROM auth_management.profiles WHERE id = test.member(50)), 'new@example.org', 'a profile follows from a new user');
SELECT is((SELECT is_profile_completed FROM auth_management.profiles WHERE id = test.member(50)), false, 'it is not complete');
SELECT is((SELECT is_profile_completed FROM auth_management.profiles WHERE id = test.member(1)), true, 'a profile is complete when full name, age, gender and region are there');
SELECT throws_ok('UPDATE auth_management.profiles SET is_profile_completed = true', '428C9', NULL, 'derived, never a flag someone sets');
SELECT test.submit(1) \g /dev/null
UPDATE content.submissions SET organization = 'Navy', region = 'South', age = 31;
SELECT test.approve(id, 5) FROM content.submissions \g /dev/null
SELECT results_eq('SELECT organization, region, age, gender FROM auth_management.profiles WHERE id = test.member(1)', $$VALUES ('Navy', 'South', 31, 'Male')$$,
                  'an approval takes into the profile what the submission says, and no more');
GRANT USAGE ON SCHEMA test TO anon, authenticated;
SELECT test.acts(1) \g /dev/null
SET ROLE authenticated;
SELECT is(test.refusal('UPDATE auth_management.profiles SET ' || change), 'LG006', 'a member cannot change his own ' || split_part(change, ' ', 1))
  FROM unnest(ARRAY['role = ''admin''', 'is_paid = true', 'admin_role_id = gen_random_uuid()', 'stripe_customer_id = ''x''', 'id = gen_random_uuid()']) AS change;
SELECT results_eq('UPDATE auth_management.profiles SET paypal_email = ''new@example.org'' RETURNING id', 'SELECT test.member(1)', 'his address is his to change, and nobody else''s');
SELECT throws_ok('INSERT INTO auth_management.admin_roles (user_id) VALUES (test.member(1))', '42501', NULL, 'nor make himself an admin');
SELECT is_empty('UPDATE finance.payout_requests SET paypal_email = ''mine@example.org'' RETURNING id', 'a stranger cannot change the address');
SELECT throws_ok('SELECT finance.process_submission_earnings(test.submission(1), test.member(1), 5)', '42501', NULL, 'nor pay himself');
RESET ROLE;
SELECT test.acts(NULL), test.film(2, 20, '2026-02-04 12:00+00') \g /dev/null
SELECT lives_ok('DELETE FROM auth.users WHERE id = test.member(2)', 'deleting a user is one statement');
SELECT is((SELECT (SELECT count(*) FROM auth_management.profiles WHERE id = test.member(2)) + (SELECT count(*) FROM content.submissions WHERE user_id = test.member(2))
                + (SELECT count(*) FROM content.user_badges WHERE user_id = test.member(2)) + (SELECT count(*) FROM content.monthly_graphics WHERE user_id = test.member(2))
                + (SELECT count(*) FROM communication.notification_queue WHERE user_id = test.member(2))), 0::bigint, 'it leaves no half');
SELECT results_eq('SELECT earning_amount_dollars, submission_id FROM finance.weekly_earnings WHERE user_id IS NULL', 'VALUES (20, NULL::uuid)', 'money rows kept');
SELECT is((SELECT sum(spent_dollars)::int FROM finance.weekly_pools) - (SELECT sum(earning_amount_dollars)::int FROM finance.weekly_earnings), 0, 'and the pool still has spent them');

-- the service role does the club's work with its own rights
CALL test.empty();
GRANT USAGE ON SCHEMA test TO service_role;
GRANT ALL ON ALL SEQUENCES IN SCHEMA test TO service_role;
SELECT set_config('request.jwt.claims', '{"role": "service_role"}', false) \g /dev/null
SET ROLE service_role;
SELECT lives_ok($$SELECT test.film(1, 18, '2026-02-04 12:00+00')$$, 'the service role approves');
SELECT lives_ok($$SELECT test.reject(id) FROM content.submissions$$, 'and reverses');
RESET ROLE;
SELECT is_empty('TABLE test.wrong', 'and every total is exact');

-- ---------------------------------------------------------------- who sees and does what (sql/club_policies.sql asks every persona for every table and command)

SELECT is_empty($$SELECT polrelid::regclass, role::regrole FROM pg_policy, unnest(polroles) AS role, unnest(CASE polcmd WHEN '*' THEN '{r,a,w,d}'::"char"[] ELSE ARRAY[polcmd] END) AS command
                   WHERE polpermissive AND polrelid IN (SELECT oid FROM pg_temp.club_tables) GROUP BY 1, 2, command HAVING count(*) > 1$$, 'no role has two permissive policies for one command');
SELECT is_empty($$SELECT polrelid::regclass, polname FROM pg_policy WHERE polrelid IN (SELECT oid FROM pg_temp.club_tables) AND polcmd IN ('a', 'w', 'd')
                   AND (coalesce(pg_get_expr(polqual, polrelid), '') || coalesce(pg_get_expr(polwithcheck, polrelid), '')) !~ 'lifeguard\.(uid|is_admin)\(\)'$$,
                'nothing is written by everybody');
SELECT is_empty($$SELECT polrelid::regclass, polname FROM pg_policy WHERE polrelid IN (SELECT oid FROM pg_temp.club_tables) AND pg_get_expr(polqual, polrelid) ~* '\mselect\M'$$,
                'policies call the helpers as they are, and look into no table');
CALL test.empty();
SELECT test.film(1, 20, '2026-02-04 12:00+00'), test.film(2, 15, '2026-02-05 12:00+00') \g /dev/null
SELECT set_config('request.jwt.claims', '{"role": "anon"}', false) \g /dev/null
SET ROLE anon;
SELECT results_eq('SELECT rank, full_name, actual_pull_up_count FROM analytics.leaderboard ORDER BY rank', $$VALUES (1::bigint, 'Member 1', 20), (2, 'Member 2', 15)$$, 'everybody sees the ranking');
SELECT throws_ok(format('SELECT %s FROM auth_management.profiles', secret), '42501', NULL, 'and nobody''s ' || secret) FROM unnest('{email, phone, paypal_email, stripe_customer_id, age}'::text[]) AS secret;
SELECT results_eq('SELECT user_id, actual_pull_up_count, video_url FROM content.submissions ORDER BY actual_pull_up_count DESC',
                  $$VALUES (test.member(1), 20, 'https://youtu.be/x'), (test.member(2), 15, 'https://youtu.be/x')$$, 'everybody sees approved submissions');
SELECT throws_ok(format('SELECT %s FROM content.submissions', secret), '42501', NULL, 'but not the column ' || secret) FROM unnest('{age, notes, rejected_at}'::text[]) AS secret;
RESET ROLE;
SELECT test.acts(2) \g /dev/null
SET ROLE authenticated;
SELECT results_eq('SELECT rank, month_year FROM content.monthly_graphic_cards', $$VALUES (2::bigint, '2026-02')$$, 'a member reads his own card, ranked among all');
SELECT results_eq('SELECT user_id FROM content.monthly_graphics UNION SELECT user_id FROM finance.weekly_earnings UNION SELECT user_id FROM finance.payout_requests UNION SELECT id FROM auth_management.profiles',
                  'SELECT test.member(2)', 'and his own rows');
SELECT bag_eq('SELECT user_id FROM content.submissions', 'SELECT test.member(i) FROM generate_series(1, 2) AS i', 'of submissions the approved ones too');
SELECT is(test.refusal('UPDATE content.submissions SET video_url = ''x'''), 'LG002', 'what was approved is not his to change');
RESET ROLE;
SELECT test.acts(3) \g /dev/null
SET ROLE authenticated;
SELECT lives_ok('INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (test.member(3), ''https://youtu.be/3'', 9)', 'a member submits through the API');
SELECT is(test.refusal('UPDATE content.submissions SET status = ''approved'', actual_pull_up_count = 9'), 'LG002', 'and does not approve himself');
SELECT is((SELECT string_agg(status, ' ' ORDER BY submitted_at) FROM content.submissions), 'approved approved pending', 'he sees his pending one');
SELECT test.acts(2) \g /dev/null
SELECT is_empty('SELECT FROM content.submissions WHERE status <> ''approved''', 'nobody else does');
RESET ROLE;
SELECT test.acts(30) \g /dev/null
SET ROLE authenticated;
SELECT lives_ok('UPDATE content.submissions SET status = ''approved'', actual_pull_up_count = 8 WHERE user_id = test.member(3)', 'an admin approves by a plain UPDATE');
RESET ROLE;
SELECT is((SELECT test.earned(id) FROM content.submissions WHERE user_id = test.member(3)), '$8 of 8', 'and all that follows is done');
SELECT is_empty('TABLE test.wrong', 'to the cent');

-- ---------------------------------------------------------------- e-mail

CALL test.empty();
SELECT isnt(communication.queue_notification(test.member(1), 'greeting', '{"a": 1}'), NULL, 'queue_notification puts it into the outbox');
SET client_min_messages = error;
SELECT is(communication.queue_notification(test.member(99), 'greeting'), NULL, 'queue_notification never fails its caller: no such member');
SELECT is(communication.queue_notification(NULL, NULL, NULL), NULL, 'nor for nothing at all');
SET client_min_messages = warning;
SELECT is(test.refusal('SELECT communication.mark_email_sent(test.member(99))'), 'LG111 NO_SUCH_RECORD', 'an e-mail that is not there was not sent');

-- ---------------------------------------------------------------- settings and the other errors

SELECT results_eq('SELECT time_zone, pool_dollars, monthly_cap_dollars, monthly_cap_scope, auto_create_pools FROM pull_up_club.settings', $$VALUES ('UTC', 250, 1000, 'club', true)$$, 'what the club begins with');
SELECT is((SELECT column_default FROM information_schema.columns WHERE table_schema = 'pull_up_club' AND column_name = 'cooldown_days'), '30', 'and the cooldown is 30 days');
SELECT is(test.refusal(format('SELECT pull_up_club.set(%L, %L)', name, value)), 'LG110 INVALID_SETTING', format('%s = %s is refused', name, coalesce(value, 'NULL'))) FROM (VALUES
  ('pool_dollars', '0'), ('pool_dollars', 'many'), ('pool_dollars', NULL), ('monthly_cap_dollars', '-1'), ('monthly_cap_scope', 'week'), ('time_zone', 'Mars'), ('cooldown_days', '-1'),
  ('max_pull_ups', '0'), ('no_such', '1'), (NULL, '1')) AS v(name, value);
SELECT is(pull_up_club.set('pool_dollars', '300'), '300', 'a good one is taken');
SELECT finance.ensure_pool('2026-07-01') AS pool \gset
SELECT is((SELECT total_amount_dollars FROM finance.weekly_pools WHERE id = :'pool'), 300, 'and counts for the next pool');
SELECT is(test.refusal('DELETE FROM pull_up_club.settings'), 'LG110 INVALID_SETTING', 'the one row stays');
SELECT is(test.refusal('SELECT finance.calculate_earnings(test.member(99), 5)'), 'LG107 NO_SUCH_MEMBER', 'LG107: there is no such profile');
SELECT is(test.refusal('SELECT finance.calculate_earnings(test.member(1), NULL)'), 'LG105 INVALID_PULL_UPS', 'LG105: null');
SELECT is(test.refusal('SELECT finance.calculate_earnings(test.member(1), -1)'), 'LG105 INVALID_PULL_UPS', 'LG105: negative');
SELECT is(test.refusal('SELECT finance.calculate_earnings(test.member(1), 2147483647)'), 'LG105 INVALID_PULL_UPS', 'LG105: huge');
SELECT is(test.refusal('SELECT finance.calculate_earnings(test.member(1), 5, test.member(99))'), 'LG102 POOL_MISSING', 'LG102: no such pool');
SELECT is(test.refusal('SELECT finance.cleanup_earnings(test.submission(999))'), 'LG106 NO_SUCH_SUBMISSION', 'LG106: there is no such submission');
SELECT is(test.refusal('SELECT finance.set_pool_total(finance.ensure_pool(''2026-07-01''), -1)'), 'LG110 INVALID_SETTING', 'LG110: a pool''s total below what is spent');
SELECT is(test.refusal('SELECT finance.mark_payout_paid(NULL)'), 'LG108 NOT_PERMITTED', 'LG108: only an admin');
SELECT is(test.refusal('SELECT finance.calculate_monthly_payout(test.member(1), ''2026-13'')'), 'LG112 INVALID_MONTH', 'LG112: a month is written YYYY-MM');
ALTER TABLE finance.monthly_totals RENAME TO elsewhere;
SELECT is(test.refusal('SELECT test.film(1, 5)'), 'LG109 NOT_INSTALLED', 'LG109: a table is missing');
ALTER TABLE finance.elsewhere RENAME TO monthly_totals;
SELECT lives_ok('SELECT test.film(1, 5)', 'and there again');
SELECT alike((SELECT pull_up_club.install() LIMIT 1), 'nothing was missing%', 'installing twice makes nothing');

-- ---------------------------------------------------------------- what looks at its policies

SELECT is_empty('SELECT lint, object, why FROM monitoring.lint()', 'nothing hurts silently in the club''s grants and policies');
CREATE TEMP TABLE matrix AS SELECT * FROM monitoring.test_rls_policies();
SELECT is_empty($$SELECT relation, role_name, persona, command, reason FROM matrix WHERE outcome = 'failed'$$, 'no policy of the club fails');
SELECT is_empty($$SELECT relation, persona, command, reason FROM matrix WHERE outcome = 'unknown' AND persona <> 'owner'$$,
                'who may what can be told of everybody; only pools, badges and totals have no owner');
SELECT is_empty($$SELECT relation, command FROM matrix WHERE persona = 'service' AND outcome <> 'allowed'$$, 'the service role may everything');
SELECT set_eq($$SELECT relation::text FROM matrix WHERE persona = 'anonymous' AND command = 'SELECT' AND outcome = 'allowed'$$,
              '{content.badges,finance.weekly_pools,content.submissions}'::text[], 'nobody reads badges, pools and, of what members did, approved submissions');
SELECT is_empty($$SELECT relation, command FROM matrix WHERE persona IN ('anonymous', 'other member') AND command <> 'SELECT' AND outcome <> 'refused'$$, 'and writes nothing of others');
SELECT is_empty($$SELECT relation FROM matrix WHERE persona = 'admin' AND command = 'SELECT' AND outcome <> 'allowed'
                    AND relation::text NOT IN ('analytics.best_submissions', 'analytics.best_counts')$$, 'an admin reads everything, but for what only functions read');
SELECT is_empty($$SELECT a.relation, a.command FROM matrix a JOIN matrix o USING (relation, command)
                   WHERE a.persona = 'admin' AND o.persona = 'owner' AND o.outcome = 'allowed' AND a.outcome <> 'allowed'$$, 'and may whatever a row''s own member may');
-- May 2025
SELECT cmp_ok((SELECT new FROM monitoring.remember_access()), '>', 0::bigint, 'the matrix is remembered');
SELECT is_empty('SELECT * FROM monitoring.access_changes()', 'and is what it was');
DROP POLICY change ON auth_management.profiles;
SELECT results_eq($$SELECT role_name::text, persona, command, before, now FROM monitoring.access_changes() WHERE persona = 'owner'$$,
                  $$VALUES ('authenticated', 'owner', 'UPDATE', 'allowed', 'refused')$$, 'a policy that a migration dropped is one row for the members');
SELECT set_eq($$SELECT lint FROM monitoring.lint('auth_management.profiles')$$, '{command_without_policy}'::text[], 'and one for the lint');
SELECT is((SELECT verdict FROM monitoring.explain_access('auth_management.profiles', 'UPDATE', jsonb_build_object('id', test.member(1)), 'authenticated',
                                                         jsonb_build_object('sub', test.member(1), 'role', 'authenticated')) ORDER BY step DESC LIMIT 1),
          'UPDATE: no permissive policy for authenticated', 'and a sentence for who asks about a row');
SELECT isnt_empty('SELECT pull_up_club.install()', 'install() brings it back');
SELECT is_empty('SELECT * FROM monitoring.access_changes()', 'and all is what it was');

SELECT * FROM finish();
