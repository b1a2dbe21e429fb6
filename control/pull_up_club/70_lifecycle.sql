-- The club's rules on its tables, declared by install(). Guards, stamps and actions run in this order.
--
-- A rule's name is the one it has in lifeguard.rules; a guard's ends with its message in place of its condition.
-- @no_claims@ is true for the database's own user, who is asked nothing, at the price of built-in functions alone.

INSERT INTO pull_up_club.blueprint (kind, name, make, unmake)
SELECT 'rule', 'lifecycle of status ON ' || relation,
       format('SELECT lifeguard.create_lifecycle(%L, %L, %L)', relation, 'status', '{pending}'),
       format('SELECT lifeguard.drop_lifecycle(%L)', relation)
  FROM unnest('{content.submissions, finance.payout_requests}'::text[]) AS relation;

INSERT INTO pull_up_club.blueprint (kind, name, make)
SELECT 'rule', format('transition %s -> %s ON %s', from_state, to_state, relation),
       format('SELECT lifeguard.add_transition(%L, %L, %L)', relation, from_state, to_state)
  FROM (VALUES
    (1, 'content.submissions', 'pending',  'approved'),
    (2, 'content.submissions', 'pending',  'rejected'),
    (3, 'content.submissions', 'rejected', 'pending'),      -- corrected by the member
    (4, 'content.submissions', 'approved', 'rejected'),     -- reversed by an admin
    (5, 'finance.payout_requests', 'pending',  'approved'),
    (6, 'finance.payout_requests', 'pending',  'rejected'),
    (7, 'finance.payout_requests', 'approved', 'paid'),
    (8, 'finance.payout_requests', 'approved', 'rejected')) AS t(n, relation, from_state, to_state)
 ORDER BY n;

INSERT INTO pull_up_club.blueprint (kind, name, make)
SELECT 'rule', format('guard %s -> %s: %s ON %s', coalesce(from_state, 'any'), to_state, message, relation),
       format('SELECT lifeguard.add_guard(%L, %L, %L, %L, %L)', relation, from_state, to_state, condition, message)
  FROM (VALUES
    (1, 'content.submissions', NULL, 'pending', 'a member submits his own videos only',
        '@no_claims@ OR auth_management.acts_for(coalesce(old.user_id, new.user_id))'),
    (2, 'content.submissions', 'rejected', 'pending', 'a submission stays with its member',
        'new.user_id = old.user_id'),
    (3, 'content.submissions', 'rejected', 'pending', 'this member has another pending submission',
        $$NOT EXISTS (SELECT FROM content.submissions s WHERE s.user_id = new.user_id AND s.status = 'pending')$$),
    (4, 'content.submissions', NULL, 'pending', 'claim a number of pull-ups from 0 to the setting max_pull_ups',
        'new.pull_up_count BETWEEN 0 AND (SELECT max_pull_ups FROM pull_up_club.settings)'),
    (5, 'content.submissions', NULL, 'pending', 'an age is from 1 to 150',
        'coalesce(new.age, 1) BETWEEN 1 AND 150'),
    (6, 'content.submissions', NULL, 'pending', 'this member may not submit now',
        'old.status IS NOT NULL OR content.require_eligible(new.user_id)'),
    (7, 'content.submissions', 'pending', 'approved', 'only an admin approves',
        '@no_claims@ OR auth_management.acts_for_club()'),
    (8, 'content.submissions', 'pending', 'approved', 'count the pull-ups before you approve',
        'new.actual_pull_up_count IS NOT NULL'),
    (9, 'content.submissions', 'pending', 'approved', 'the count of pull-ups cannot be negative',
        'new.actual_pull_up_count >= 0'),
    (10, 'content.submissions', NULL, 'rejected', 'only an admin rejects',
        '@no_claims@ OR auth_management.acts_for_club()'),
    (11, 'content.submissions', NULL, 'rejected', 'say in the notes why it is rejected',
        $$coalesce(new.notes, '') ~ '\S'$$),
    -- what was paid for is not counted, dated or owned anew: that takes a reversal
    (16, 'content.submissions', 'approved', 'approved', 'an approved submission keeps its count, its date and its member',
        'ROW(new.actual_pull_up_count, new.approved_at, new.user_id) IS NOT DISTINCT FROM ROW(old.actual_pull_up_count, old.approved_at, old.user_id)'),
    (17, 'finance.payout_requests', 'paid', 'paid', 'a paid request stays as it was paid',   -- but for a member who is deleted
        'ROW(new.amount_dollars, new.payout_month, new.paypal_email, new.paid_at, new.paid_by, coalesce(new.user_id, old.user_id))
         IS NOT DISTINCT FROM ROW(old.amount_dollars, old.payout_month, old.paypal_email, old.paid_at, old.paid_by, old.user_id)'),
    (18, 'finance.payout_requests', 'approved', 'paid', 'what is paid is what was approved',
        'ROW(new.amount_dollars, new.payout_month, new.user_id) IS NOT DISTINCT FROM ROW(old.amount_dollars, old.payout_month, old.user_id)'),
    (19, 'content.submissions', NULL, 'rejected', 'a submission stays with the member who made it',
        'new.user_id = old.user_id'),
    (20, 'content.submissions', 'pending', 'approved', 'a submission stays with the member who made it',
        'new.user_id = old.user_id'),
    (21, 'content.submissions', 'pending', 'pending', 'a pending submission is its member''s, and is dated and counted by an admin',
        'new.user_id = old.user_id AND new.approved_at IS NULL
         AND (@no_claims@ OR auth_management.acts_for_club()
              OR (auth_management.acts_for(old.user_id) AND new.actual_pull_up_count IS NOT DISTINCT FROM old.actual_pull_up_count))'),
    (22, 'content.submissions', 'rejected', 'pending', 'this member was approved since, and the pause counts for a corrected one too',
        $$NOT EXISTS (SELECT FROM content.submissions s WHERE s.user_id = new.user_id AND s.status = 'approved' AND s.approved_at > old.rejected_at
                         AND pull_up_club.days_after(s.approved_at, (SELECT cooldown_days FROM pull_up_club.settings)) > now())$$),
    (23, 'content.submissions', 'approved', 'approved', 'only an admin changes an approved submission',
        '@no_claims@ OR auth_management.acts_for_club()'),
    (12, 'finance.payout_requests', 'pending', 'approved', 'only an admin approves a payout',
        '@no_claims@ OR auth_management.acts_for_club()'),
    (13, 'finance.payout_requests', NULL, 'rejected', 'only an admin rejects a payout',
        '@no_claims@ OR auth_management.acts_for_club()'),
    (14, 'finance.payout_requests', 'approved', 'paid', 'only an admin, by his own claims, marks a payout as paid',
        'auth_management.is_admin()'),
    (15, 'finance.payout_requests', 'approved', 'paid', 'a payout needs a PayPal address',
        $$coalesce(new.paypal_email, '') ~ '\S'$$)) AS g(n, relation, from_state, to_state, message, condition)
 ORDER BY n;

INSERT INTO pull_up_club.blueprint (kind, name, make)
SELECT 'rule', format('stamp -> %s: %s ON %s', to_state, column_name, relation),
       format('SELECT lifeguard.add_stamp(%L, %L, %L, %L)', relation, to_state, column_name, value)
  FROM (VALUES
    (1, 'content.submissions', 'pending', 'platform', 'coalesce(content.platform_of(new.video_url), new.platform)'),
    -- what an approval pays, out of which week, is not for the member to bring along; a corrected one is dated anew
    (2, 'content.submissions', 'pending', 'approved_at', 'NULL'),
    (3, 'content.submissions', 'pending', 'actual_pull_up_count',
        'CASE WHEN @no_claims@ OR auth_management.acts_for_club() THEN new.actual_pull_up_count END'),
    (4, 'content.submissions', 'approved', 'approved_at', 'coalesce(new.approved_at, now())'),
    -- everybody reads an approved one: what was remarked on it before, such as why it was rejected, is not told then
    (9, 'content.submissions', 'approved', 'notes', 'CASE WHEN new.notes IS DISTINCT FROM old.notes THEN new.notes END'),
    (5, 'content.submissions', 'rejected', 'rejected_at', 'now()'),
    (6, 'finance.payout_requests', 'approved', 'paypal_email',
        $$coalesce(nullif(new.paypal_email, ''),
                   (SELECT p.paypal_email FROM auth_management.profiles p WHERE p.id = new.user_id))$$),
    (7, 'finance.payout_requests', 'paid', 'paid_at', 'now()'),
    (8, 'finance.payout_requests', 'paid', 'paid_by', 'auth_management.current_user_id()'))
       AS s(n, relation, to_state, column_name, value)
 ORDER BY n;

-- Whatever their order here: the batch does what is one member's first and comes to the rows that all approvals want last.
INSERT INTO pull_up_club.blueprint (kind, name, make)
SELECT 'rule', format('action %s -> %s: %s ON %s', coalesce(from_state, 'any'), to_state, call, relation),
       format('SELECT lifeguard.add_action(%L, %L, %L, %L, %L)', relation, from_state, to_state, call, on_error)
  FROM (VALUES
    (1, 'pending', 'approved', 'abort', 'auth_management.update_profile_from_submission(new.id)'),
    (2, 'pending', 'approved', 'abort', 'content.award_badges(new.id)'),
    (3, 'pending', 'approved', 'abort', 'content.create_monthly_graphic(new.id)'),
    (4, 'pending', 'approved', 'abort',
        'finance.process_submission_earnings(new.id, new.user_id, new.actual_pull_up_count)'),
    (5, 'approved', 'rejected', 'abort', 'finance.cleanup_earnings(new.id)'),
    (6, NULL, 'rejected', 'continue', 'communication.send_rejection_email(new.user_id, new.notes)'),
    (7, 'pending', 'approved', 'abort', 'analytics.rank_submission(new.id)'),
    (8, 'approved', 'rejected', 'abort', 'analytics.rank_submission(new.id)'))
       AS a(n, from_state, to_state, on_error, call), (VALUES ('content.submissions')) AS t(relation)
 ORDER BY n;

-- What a member may write but not decide. The count and the date belong to the moves and to a pending one, whose guards and
-- stamps see to them; approvals ask no more of it than a comparison.
INSERT INTO pull_up_club.blueprint (kind, name, make, unmake)
SELECT 'rule', format('protect_columns %s ON %s', columns, relation),
       format('SELECT lifeguard.protect_columns(%L, %L, %L, %L)', relation, '{' || columns || '}', condition, message),
       format('SELECT lifeguard.drop_protected_columns(%L, %L)', relation, '{' || columns || '}')
  FROM (VALUES
    (0, 'auth_management.profiles', 'id',
        'old.id IS NULL OR @no_claims@ OR auth_management.acts_for_club()', 'a profile is its user''s'),
    (1, 'auth_management.profiles', 'role, is_paid, stripe_customer_id, admin_role_id',
        '@no_claims@ OR auth_management.acts_for_club()', 'a member''s role, payment and admin link are not his to change'),
    (2, 'content.submissions', 'notes, featured, rejected_at',
        '@no_claims@ OR auth_management.acts_for_club()', 'only an admin writes notes, features and dates a rejection'),
    (3, 'content.submissions', 'actual_pull_up_count, approved_at',
        'new.status = ''pending'' OR new.status <> old.status', 'a submission is counted and dated when it is decided'))
       AS c(n, relation, columns, condition, message)
 ORDER BY n;

-- The tables that the earnings functions write set the column themselves.
INSERT INTO pull_up_club.blueprint (kind, name, make, unmake)
SELECT 'rule', 'keep_updated_at updated_at ON ' || relation,
       format('SELECT lifeguard.keep_updated_at(%L)', relation),
       format('SELECT lifeguard.drop_updated_at(%L)', relation)
  FROM unnest('{auth_management.profiles, content.submissions, content.monthly_graphics,
                finance.weekly_earnings, finance.payout_requests}'::text[]) AS relation;

-- Quotes are doubled: it stands inside a quoted text.
UPDATE pull_up_club.blueprint
   SET make = replace(make, '@no_claims@',
         $$concat(current_setting(''request.jwt.claims'', true), current_setting(''request.jwt.claim.sub'', true), $$
      || $$current_setting(''request.jwt.claim.role'', true)) = ''''$$)
 WHERE kind = 'rule';
