-- The legacy tables under the club's canonical names and columns: load_legacy copies these rows into a club, and a query that
-- compares the two reads the same in both databases. What is left out is a duplicate, derived, or was never filled.
CREATE SCHEMA auth_management;
CREATE SCHEMA content;
CREATE SCHEMA finance;
CREATE SCHEMA communication;

CREATE VIEW auth_management.profiles AS
SELECT id, email, full_name, age, gender, organization, region, phone, role, stripe_customer_id, paypal_email, is_paid,
       admin_role_id, created_at, updated_at
  FROM public.profiles;
CREATE VIEW auth_management.admin_roles AS SELECT id, user_id, role, is_active, created_at FROM public.admin_roles;

CREATE VIEW content.submissions AS
SELECT id, user_id, video_url, platform, pull_up_count, actual_pull_up_count, status, organization, region, age, gender, notes,
       featured, submitted_at, approved_at, created_at, updated_at
  FROM public.submissions;
CREATE VIEW content.badges AS SELECT * FROM public.badges;
CREATE VIEW content.user_badges AS SELECT * FROM public.user_badges;
-- A card drawn again for another submission of the month keeps the first one's improvement there: the cascade forgets to update it.
CREATE VIEW content.monthly_graphics AS
SELECT id, submission_id, user_id, month_year, email, full_name, current_pullups, current_badge_name, current_badge_image_url,
       previous_pullups, previous_badge_name, current_pullups - previous_pullups AS improvement, next_badge_name, next_badge_pullups,
       email_sent, email_sent_at, created_at, updated_at
  FROM public.monthly_graphics;

CREATE VIEW finance.weekly_pools AS
SELECT id, week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, spent_dollars::int, month_year,
       week_number_in_month, is_current, created_at, updated_at
  FROM public.weekly_pools;
CREATE VIEW finance.weekly_earnings AS
SELECT id, user_id, weekly_pool_id, submission_id, pull_up_count, earning_amount_dollars, is_first_submission,
       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month_year, created_at, updated_at
  FROM public.weekly_earnings;
CREATE VIEW finance.user_earnings AS
SELECT id, user_id, month_year, total_earned_dollars, total_submissions, created_at, updated_at FROM public.user_earnings;
CREATE VIEW finance.monthly_totals AS
SELECT month_year, sum(earning_amount_dollars)::int AS spent_dollars FROM finance.weekly_earnings GROUP BY 1;
CREATE VIEW finance.payout_requests AS SELECT * FROM public.payout_requests;

CREATE VIEW communication.notification_queue AS SELECT * FROM public.notification_queue;
CREATE VIEW communication.email_notifications AS SELECT * FROM public.email_notifications;
