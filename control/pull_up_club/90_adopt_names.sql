-- Names that a club's tables and columns had elsewhere. adopt() looks for the canonical name first, then for these in their order.

CREATE TABLE pull_up_club.known_names (
  place       int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL,       -- the canonical table
  column_name text,                -- NULL: the table itself
  other_name  text NOT NULL
);
COMMENT ON TABLE pull_up_club.known_names IS 'other names under which pull_up_club.adopt() knows the club''s tables and columns';
GRANT SELECT ON pull_up_club.known_names TO PUBLIC;

INSERT INTO pull_up_club.known_names (name, column_name, other_name)
SELECT name, nullif(column_name, ''), other_name
  FROM (VALUES
    ('auth_management.profiles', '', 'user_profiles, member_profiles, members'),
    ('auth_management.profiles', 'full_name', 'display_name, name'),
    ('auth_management.profiles', 'gender', 'sex'),
    ('auth_management.profiles', 'organization', 'organisation, club_affiliation, organization_name, organisation_name'),
    ('auth_management.profiles', 'region', 'location, state'),
    ('auth_management.profiles', 'phone', 'phone_number'),
    ('auth_management.profiles', 'role', 'user_role'),
    ('auth_management.profiles', 'stripe_customer_id', 'stripe_id, customer_id'),
    ('auth_management.profiles', 'paypal_email', 'paypal_address, paypal'),
    ('auth_management.profiles', 'is_paid', 'paid, has_paid'),
    ('auth_management.profiles', 'is_profile_completed', 'profile_completed, is_profile_complete'),
    ('auth_management.admin_roles', '', 'admins, admin_users, admin_role'),
    ('auth_management.admin_roles', 'user_id', 'admin_id, profile_id'),
    ('auth_management.admin_roles', 'is_active', 'active, enabled'),
    ('auth_management.payout_exclusions', '', 'payout_exclusion, excluded_members'),
    ('content.submissions', '', 'submission, pull_up_submissions, pullup_submissions, video_submissions'),
    ('content.submissions', 'user_id', 'member_id, profile_id'),
    ('content.submissions', 'video_url', 'video_link, url'),
    ('content.submissions', 'pull_up_count', 'pullup_count, claimed_count, claimed_pull_ups'),
    ('content.submissions', 'actual_pull_up_count', 'actual_pullup_count, verified_count, verified_pull_ups'),
    ('content.submissions', 'organization', 'organisation, club_affiliation'),
    ('content.submissions', 'region', 'location'),
    ('content.submissions', 'gender', 'sex'),
    ('content.submissions', 'notes', 'admin_notes, review_notes'),
    ('content.submissions', 'featured', 'is_featured'),
    ('content.badges', '', 'badge, badge_definitions'),
    ('content.badges', 'min_pull_ups', 'min_pullups, required_pull_ups, threshold'),
    ('content.badges', 'image_url', 'icon_url, image'),
    ('content.user_badges', '', 'member_badges, earned_badges'),
    ('content.user_badges', 'awarded_at', 'earned_at'),
    ('content.monthly_graphics', '', 'monthly_graphic, monthly_cards'),
    ('content.monthly_graphics', 'current_pullups', 'current_pull_ups'),
    ('content.monthly_graphics', 'previous_pullups', 'previous_pull_ups'),
    ('content.monthly_graphics', 'next_badge_pullups', 'next_badge_pull_ups'),
    ('finance.weekly_pools', '', 'weekly_pool, weekly_reward_pools, pools'),
    ('finance.weekly_pools', 'week_start_date', 'week_start, start_date'),
    ('finance.weekly_pools', 'week_end_date', 'week_end, end_date'),
    ('finance.weekly_pools', 'total_amount_dollars', 'total_dollars, pool_amount_dollars'),
    ('finance.weekly_pools', 'remaining_amount_dollars', 'remaining_dollars'),
    ('finance.weekly_pools', 'spent_dollars', 'spent_amount_dollars'),
    ('finance.weekly_pools', 'month_year', 'month'),
    ('finance.weekly_earnings', '', 'weekly_earning, submission_earnings, earnings, user_earnings'),
    ('finance.weekly_earnings', 'weekly_pool_id', 'pool_id'),
    ('finance.weekly_earnings', 'pull_up_count', 'actual_pull_up_count, pull_ups'),
    ('finance.weekly_earnings', 'earning_amount_dollars', 'dollars_earned, earned_dollars, amount_dollars'),
    ('finance.weekly_earnings', 'month_year', 'month'),
    ('finance.user_earnings', '', 'monthly_earnings, user_monthly_earnings'),
    ('finance.user_earnings', 'month_year', 'month'),
    ('finance.user_earnings', 'total_earned_dollars', 'dollars_earned, earned_dollars, total_dollars'),
    ('finance.user_earnings', 'total_submissions', 'submission_count'),
    ('finance.payout_requests', '', 'payout_request, payouts'),
    ('finance.payout_requests', 'amount_dollars', 'payout_amount_dollars, amount'),
    ('finance.payout_requests', 'payout_month', 'month_year, month'),
    ('finance.payout_requests', 'request_date', 'requested_at'),
    ('finance.payout_requests', 'notes', 'admin_notes'),
    ('communication.notification_queue', '', 'notifications_queue, notifications'),
    ('communication.notification_queue', 'type', 'notification_type'),
    ('communication.notification_queue', 'data', 'payload'),
    ('communication.email_notifications', '', 'email_queue, email_outbox, emails'),
    ('communication.email_notifications', 'email_type', 'type'),
    ('communication.email_notifications', 'recipient', 'recipient_email, to_email'),
    ('communication.email_notifications', 'message', 'body'),
    ('communication.messages_log', '', 'message_log')) AS k(name, column_name, other_names),
       regexp_split_to_table(other_names, ', ') AS other_name;

-- By what a table of such a name is told to be the club's; a table without them is another one.
CREATE TABLE pull_up_club.table_marks (
  name     text PRIMARY KEY,
  has      text[] NOT NULL,        -- canonical columns
  lacks    text[] NOT NULL,
  required boolean NOT NULL        -- a database without it is not a club's
);
COMMENT ON TABLE pull_up_club.table_marks IS 'the columns by which pull_up_club.adopt() tells the club''s tables';
GRANT SELECT ON pull_up_club.table_marks TO PUBLIC;

INSERT INTO pull_up_club.table_marks (name, has, lacks, required) VALUES
  ('auth_management.profiles',          '{id,full_name}', '{}', true),
  ('auth_management.admin_roles',       '{user_id}', '{}', false),
  ('auth_management.payout_exclusions', '{user_id,starts_at}', '{}', false),
  ('content.submissions',               '{id,user_id,video_url,status}', '{}', true),
  ('content.badges',                    '{id,name,min_pull_ups}', '{}', false),
  ('content.user_badges',               '{user_id,badge_id}', '{}', false),
  ('content.monthly_graphics',          '{user_id,month_year,current_pullups}', '{}', false),
  ('finance.weekly_pools',              '{id,week_start_date}', '{}', true),
  ('finance.weekly_earnings',           '{user_id,submission_id,earning_amount_dollars}', '{}', false),
  ('finance.user_earnings',             '{user_id,month_year,total_earned_dollars}', '{submission_id}', false),
  ('finance.payout_requests',           '{user_id,amount_dollars,status}', '{}', false),
  ('communication.notification_queue',  '{user_id,type}', '{}', false),
  ('communication.email_notifications', '{user_id,email_type}', '{}', false),
  ('communication.messages_log',        '{user_id,type,sent_at}', '{}', false);

-- The blueprint's tables, column by column: its lines begin with a lower-case name and a type.
CREATE VIEW pull_up_club.canonical_columns AS
SELECT b.name, c.place::int AS place, c.part[1] AS column_name, to_regtype(c.part[2]) AS type, c.part[3] ~ 'NOT NULL' AS not_null,
       (regexp_match(c.part[3], $re$DEFAULT ('[^']*'|[a-z_0-9]+(?:\(\))?)$re$))[1] AS default_value,
       (regexp_match(b.make, '\n  ' || c.part[1] || ' [^\n]* GENERATED ALWAYS AS \((.*?)\) STORED'))[1] AS derived
  FROM pull_up_club.blueprint b, regexp_matches(b.make, '^  ([a-z_]+) +([a-z]+)([^\n]*)$', 'gn') WITH ORDINALITY AS c(part, place)
 WHERE b.kind = 'table' AND b.name <> 'auth.users';
COMMENT ON VIEW pull_up_club.canonical_columns IS 'the columns of the club''s tables as install() makes them; derived: the expression of a generated one';
GRANT SELECT ON pull_up_club.canonical_columns TO PUBLIC;

-- What a column that is missing is filled with, from columns of the same row; @zone@ is the club's time zone.
CREATE TABLE pull_up_club.column_fills (
  name        text NOT NULL,
  column_name text NOT NULL,
  expression  text NOT NULL,
  PRIMARY KEY (name, column_name)
);
COMMENT ON TABLE pull_up_club.column_fills IS 'what pull_up_club.adopt() fills a missing column with, from canonical columns of the row';
GRANT SELECT ON pull_up_club.column_fills TO PUBLIC;

INSERT INTO pull_up_club.column_fills (name, column_name, expression) VALUES
  ('finance.weekly_earnings', 'month_year', 'to_char(created_at AT TIME ZONE @zone@, ''YYYY-MM'')'),
  ('finance.weekly_earnings', 'pull_up_count', 'earning_amount_dollars'),
  ('finance.weekly_pools', 'week_end_date', 'week_start_date + 6'),
  ('finance.weekly_pools', 'month_year', 'to_char(week_start_date, ''YYYY-MM'')'),
  ('finance.weekly_pools', 'week_number_in_month', '(extract(day FROM week_start_date)::int - 1) / 7 + 1'),
  ('finance.weekly_pools', 'spent_dollars', 'total_amount_dollars - remaining_amount_dollars'),
  ('finance.weekly_pools', 'remaining_amount_dollars', 'total_amount_dollars - spent_dollars'),
  ('finance.payout_requests', 'payout_month', 'to_char(created_at AT TIME ZONE @zone@, ''YYYY-MM'')'),
  ('content.submissions', 'pull_up_count', 'coalesce(actual_pull_up_count, 0)'),
  ('content.monthly_graphics', 'month_year', 'to_char(created_at AT TIME ZONE @zone@, ''YYYY-MM'')');
