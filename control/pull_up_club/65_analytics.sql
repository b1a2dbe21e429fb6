-- Rankings: every member's best approved submission; more pull-ups first, then who had it approved earlier.

INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('view', 'analytics.leaderboard', $ddl$
CREATE VIEW analytics.leaderboard WITH (security_invoker = true) AS
WITH best AS (
  SELECT DISTINCT ON (s.user_id)
         s.user_id, p.full_name, p.gender, coalesce(s.organization, p.organization) AS organization,
         coalesce(s.region, p.region) AS region, s.id AS submission_id, s.actual_pull_up_count, s.approved_at,
         s.video_url, s.platform
    FROM content.submissions s
    JOIN auth_management.profiles p ON p.id = s.user_id
   WHERE s.status = 'approved'
   ORDER BY s.user_id, s.actual_pull_up_count DESC, s.approved_at
)
SELECT rank() OVER (ORDER BY actual_pull_up_count DESC, approved_at) AS rank,
       CASE WHEN gender IS NOT NULL THEN rank() OVER in_gender END AS rank_in_gender,
       CASE WHEN organization IS NOT NULL THEN rank() OVER in_organization END AS rank_in_organization,
       best.*
  FROM best
WINDOW in_gender AS (PARTITION BY gender ORDER BY actual_pull_up_count DESC, approved_at),
       in_organization AS (PARTITION BY organization ORDER BY actual_pull_up_count DESC, approved_at)$ddl$);
