-- The club's rules on its tables, declared by install(). Guards, stamps and actions run in this order.
--
-- A rule's name is the one it has in lifeguard.rules; a guard's ends with its message in place of its condition.
-- Who may: a session without claims is the database's own user and is asked nothing, at the price of a built-in function alone.

INSERT INTO pull_up_club.blueprint (kind, name, make, unmake) VALUES
  ('rule', 'lifecycle of status ON content.submissions',
   $$SELECT lifeguard.create_lifecycle('content.submissions', 'status', '{pending}')$$,
   $$SELECT lifeguard.drop_lifecycle('content.submissions')$$),
  ('rule', 'lifecycle of status ON finance.payout_requests',
   $$SELECT lifeguard.create_lifecycle('finance.payout_requests', 'status', '{pending}')$$,
   $$SELECT lifeguard.drop_lifecycle('finance.payout_requests')$$);

INSERT INTO pull_up_club.blueprint (kind, name, make)
SELECT 'rule', format('transition %s -> %s ON %s', from_state, to_state, relation),
       format('SELECT lifeguard.add_transition(%L, %L, %L)', relation, from_state, to_state)
  FROM (VALUES
    (1, 'content.submissions', 'pending',  'approved'),
    (2, 'content.submissions', 'pending',  'rejected'),
    (3, 'content.submissions', 'rejected', 'pending'),     -- corrected by the member
    (4, 'content.submissions', 'approved', 'rejected'),    -- reversed by an admin
    (5, 'finance.payout_requests', 'pending',  'approved'),
    (6, 'finance.payout_requests', 'pending',  'rejected'),
    (7, 'finance.payout_requests', 'approved', 'paid'),
    (8, 'finance.payout_requests', 'approved', 'rejected')) AS t(n, relation, from_state, to_state)
 ORDER BY n;

INSERT INTO pull_up_club.blueprint (kind, name, make)
SELECT 'rule', format('guard %s -> %s: %s ON %s', coalesce(from_state, 'any'), to_state, message, relation),
       format('SELECT lifeguard.add_guard(%L, %L, %L, %L, %L)', relation, from_state, to_state, condition, message)
  FROM (VALUES
    (1, 'content.submissions', NULL, 'pending', $$ @no_claims@ OR auth_management.acts_for(coalesce(old.user_id, new.user_id)) $$,
        'a member submits his own videos only'),
    (2, 'content.submissions', 'rejected', 'pending', $$ new.user_id = old.user_id $$,
        'a submission stays with its member'),
    (3, 'content.submissions', 'rejected', 'pending',
        $$ NOT EXISTS (SELECT FROM content.submissions s WHERE s.user_id = new.user_id AND s.status = 'pending') $$,
        'this member has another pending submission'),
    (4, 'content.submissions', NULL, 'pending', $$ new.pull_up_count BETWEEN 0 AND (SELECT max_pull_ups FROM pull_up_club.settings) $$,
        'claim a number of pull-ups from 0 to the setting max_pull_ups'),
    (5, 'content.submissions', NULL, 'pending', $$ old.status IS NOT NULL OR content.require_eligible(new.user_id) $$,
        'this member may not submit now'),
    (6, 'content.submissions', 'pending', 'approved', $$ @no_claims@ OR auth_management.acts_for_club() $$,
        'only an admin approves'),
    (7, 'content.submissions', 'pending', 'approved', $$ new.actual_pull_up_count IS NOT NULL $$,
        'count the pull-ups before you approve'),
    (8, 'content.submissions', 'pending', 'approved', $$ new.actual_pull_up_count >= 0 $$,
        'the count of pull-ups cannot be negative'),
    (9, 'content.submissions', NULL, 'rejected', $$ @no_claims@ OR auth_management.acts_for_club() $$,
        'only an admin rejects'),
    (10, 'content.submissions', NULL, 'rejected', $$ coalesce(new.notes, '') ~ '\S' $$,
        'say in the notes why it is rejected'),
    (11, 'finance.payout_requests', 'pending', 'approved', $$ @no_claims@ OR auth_management.acts_for_club() $$,
        'only an admin approves a payout'),
    (12, 'finance.payout_requests', NULL, 'rejected', $$ @no_claims@ OR auth_management.acts_for_club() $$,
        'only an admin rejects a payout'),
    (13, 'finance.payout_requests', 'approved', 'paid', $$ auth_management.is_admin() $$,
        'only an admin, by his own claims, marks a payout as paid'),
    (14, 'finance.payout_requests', 'approved', 'paid', $$ coalesce(new.paypal_email, '') ~ '\S' $$,
        'a payout needs a PayPal address')) AS g(n, relation, from_state, to_state, template, message),
       btrim(replace(template, '@no_claims@',
         $$concat(current_setting('request.jwt.claims', true), current_setting('request.jwt.claim.sub', true), current_setting('request.jwt.claim.role', true)) = ''$$)) AS condition
 ORDER BY n;

INSERT INTO pull_up_club.blueprint (kind, name, make)
SELECT 'rule', format('stamp -> %s: %s ON %s', to_state, column_name, relation),
       format('SELECT lifeguard.add_stamp(%L, %L, %L, %L)', relation, to_state, column_name, value)
  FROM (VALUES
    (1, 'content.submissions', 'pending', 'platform', 'coalesce(content.platform_of(new.video_url), new.platform)'),
    -- what an approval pays, and out of which week, is not for the member to bring along; a corrected one is counted and dated anew
    (2, 'content.submissions', 'pending', 'approved_at', 'NULL'),
    (3, 'content.submissions', 'pending', 'actual_pull_up_count',
        'CASE WHEN @no_claims@ OR auth_management.acts_for_club() THEN new.actual_pull_up_count END'),
    (4, 'content.submissions', 'approved', 'approved_at', 'coalesce(new.approved_at, now())'),
    (5, 'content.submissions', 'rejected', 'rejected_at', 'now()'),
    (6, 'finance.payout_requests', 'approved', 'paypal_email',
        'coalesce(nullif(new.paypal_email, ''''), (SELECT p.paypal_email FROM auth_management.profiles p WHERE p.id = new.user_id))'),
    (7, 'finance.payout_requests', 'paid', 'paid_at', 'now()'),
    (8, 'finance.payout_requests', 'paid', 'paid_by', 'auth_management.current_user_id()')) AS s(n, relation, to_state, column_name, template),
       replace(template, '@no_claims@',
         $$concat(current_setting('request.jwt.claims', true), current_setting('request.jwt.claim.sub', true), current_setting('request.jwt.claim.role', true)) = ''$$) AS value
 ORDER BY n;

-- Earnings last: every approval of the week wants the pool's row, so it is held for the shortest time.
INSERT INTO pull_up_club.blueprint (kind, name, make)
SELECT 'rule', format('action %s -> %s: %s ON content.submissions', coalesce(from_state, 'any'), to_state, call),
       format('SELECT lifeguard.add_action(%L, %L, %L, %L, %L)', 'content.submissions', from_state, to_state, call, on_error)
  FROM (VALUES
    (1, 'pending', 'approved', 'auth_management.update_profile_from_submission(new.id)', 'abort'),
    (2, 'pending', 'approved', 'content.award_badges(new.id)', 'abort'),
    (3, 'pending', 'approved', 'content.create_monthly_graphic(new.id)', 'abort'),
    (4, 'pending', 'approved', 'finance.process_submission_earnings(new.id, new.user_id, new.actual_pull_up_count)', 'abort'),
    (5, 'approved', 'rejected', 'finance.cleanup_earnings(new.id)', 'abort'),
    (6, NULL, 'rejected', 'communication.send_rejection_email(new.user_id, new.notes)', 'continue')) AS a(n, from_state, to_state, call, on_error)
 ORDER BY n;

-- The tables that the earnings functions write set the column themselves.
INSERT INTO pull_up_club.blueprint (kind, name, make, unmake)
SELECT 'rule', format('keep_updated_at updated_at ON %s', relation),
       format('SELECT lifeguard.keep_updated_at(%L)', relation), format('SELECT lifeguard.drop_updated_at(%L)', relation)
  FROM unnest('{auth_management.profiles, content.submissions, content.monthly_graphics,
                finance.weekly_earnings, finance.payout_requests}'::text[]) AS relation;
