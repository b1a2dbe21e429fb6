-- All that is wrong with a club's money, written from the rules and without a look at the code: no row means that every dollar is where it
-- should be.
CREATE VIEW test.wrong AS
WITH earnings AS (
  SELECT e.*, s.status, s.actual_pull_up_count, s.user_id AS submitted_by, s.approved_at AT TIME ZONE c.time_zone AS approved,
         p.week_start_date, p.week_end_date
    FROM finance.weekly_earnings e
    LEFT JOIN content.submissions s ON s.id = e.submission_id
    LEFT JOIN finance.weekly_pools p ON p.id = e.weekly_pool_id
   CROSS JOIN pull_up_club.settings c
), in_pool AS (SELECT weekly_pool_id, sum(earning_amount_dollars) AS dollars FROM earnings GROUP BY 1
), in_month AS (SELECT user_id, month_year, sum(earning_amount_dollars) AS dollars, count(*) AS submissions FROM earnings GROUP BY 1, 2
), in_total AS (SELECT month_year, sum(earning_amount_dollars) AS dollars FROM earnings GROUP BY 1
), approved AS (
  SELECT s.*, pull_up_club.month_of(s.approved_at) AS month FROM content.submissions s WHERE s.status = 'approved'
)
SELECT 'the pool''s spent is not its earnings' AS what, format('%s: %s, %s', week_start_date, spent_dollars, dollars) AS which
  FROM finance.weekly_pools p LEFT JOIN in_pool i ON i.weekly_pool_id = p.id WHERE spent_dollars <> coalesce(dollars, 0)
UNION ALL
SELECT 'remaining and spent are not the total', format('%s: %s + %s, %s', week_start_date, remaining_amount_dollars, spent_dollars, total_amount_dollars)
  FROM finance.weekly_pools WHERE remaining_amount_dollars + spent_dollars <> total_amount_dollars OR remaining_amount_dollars < 0 OR spent_dollars < 0
UNION ALL
SELECT 'the member''s month is not his earnings',
       format('%s %s: %s of %s, %s of %s', coalesce(u.user_id, i.user_id), coalesce(u.month_year, i.month_year), total_earned_dollars, total_submissions, dollars, submissions)
  FROM finance.user_earnings u FULL JOIN in_month i ON i.user_id = u.user_id AND i.month_year = u.month_year
 WHERE coalesce(total_earned_dollars, -1) <> coalesce(dollars, 0) OR total_submissions <> coalesce(submissions, 0) OR total_earned_dollars < 0
UNION ALL
SELECT 'the payout request is not the month''s earnings', format('%s %s: %s, %s', coalesce(r.user_id, i.user_id), coalesce(payout_month, month_year), amount_dollars, dollars)
  FROM finance.payout_requests r FULL JOIN in_month i ON i.user_id = r.user_id AND i.month_year = r.payout_month
 WHERE coalesce(amount_dollars, -1) <> coalesce(dollars, 0)
UNION ALL
SELECT 'the club''s month is not its earnings', format('%s: %s, %s', coalesce(m.month_year, i.month_year), spent_dollars, dollars)
  FROM finance.monthly_totals m FULL JOIN in_total i USING (month_year) WHERE coalesce(spent_dollars, -1) <> coalesce(dollars, 0)
UNION ALL
SELECT 'approved, and has no earning', id::text FROM approved s WHERE NOT EXISTS (SELECT FROM earnings e WHERE e.submission_id = s.id)
UNION ALL
SELECT 'two earnings of one submission', submission_id::text FROM earnings GROUP BY submission_id HAVING count(*) > 1
UNION ALL
SELECT 'an earning of what is not approved', id::text FROM earnings WHERE status IS DISTINCT FROM 'approved'
UNION ALL
SELECT 'an earning of another member', id::text FROM earnings WHERE user_id IS DISTINCT FROM submitted_by
UNION ALL
SELECT 'an earning in another week than its pool', format('%s: %s', id, approved) FROM earnings
 WHERE (approved::date BETWEEN week_start_date AND week_end_date) IS NOT TRUE
UNION ALL
SELECT 'an earning in another month than its approval', format('%s: %s', id, approved) FROM earnings WHERE month_year IS DISTINCT FROM to_char(approved, 'YYYY-MM')
UNION ALL
SELECT 'an earning of another count', id::text FROM earnings WHERE pull_up_count IS DISTINCT FROM actual_pull_up_count
UNION ALL
SELECT 'a reason where there should be none, or none', format('%s: %s of %s, %s', id, earning_amount_dollars, pull_up_count, reason) FROM earnings
 WHERE (earning_amount_dollars < pull_up_count) <> (reason IS NOT NULL) OR earning_amount_dollars NOT BETWEEN 0 AND pull_up_count
UNION ALL
SELECT 'a badge reached and not awarded', format('%s: %s', s.id, b.name) FROM approved s
  JOIN auth_management.profiles p ON p.id = s.user_id
  JOIN content.badges b ON b.min_pull_ups <= s.actual_pull_up_count AND b.gender IN (p.gender, 'Any')
 WHERE NOT EXISTS (SELECT FROM content.user_badges u WHERE u.user_id = s.user_id AND u.badge_id = b.id)
UNION ALL
SELECT 'no card of the month', format('%s %s', id, month) FROM approved s
 WHERE NOT EXISTS (SELECT FROM content.monthly_graphics g WHERE g.user_id = s.user_id AND g.month_year = s.month)
UNION ALL
SELECT 'a card without its announcement', id::text FROM content.monthly_graphics g
 WHERE NOT EXISTS (SELECT FROM communication.notification_queue n
                    WHERE n.user_id = g.user_id AND n.type = 'monthly_graphic' AND n.data = jsonb_build_object('month', g.month_year, 'submission_id', g.submission_id));
