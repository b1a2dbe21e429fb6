-- Rankings: every member's best approved submission; more pull-ups first, then who had it approved earlier.

-- The approved submissions with their members' names. Row security hides rows, not columns: a policy that showed the
-- profiles beside them would show ages and addresses too. So a profile is its member's own or an admin's to read, and this
-- is the one narrow way past that.
INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('function', 'content.list_approved_submissions()', $ddl$
CREATE FUNCTION content.list_approved_submissions()
RETURNS TABLE (user_id uuid, full_name text, gender text, organization text, region text, submission_id uuid,
               actual_pull_up_count int, approved_at timestamptz, video_url text, platform text, featured boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
  SELECT s.user_id, p.full_name, p.gender, coalesce(s.organization, p.organization), coalesce(s.region, p.region), s.id,
         s.actual_pull_up_count, s.approved_at, s.video_url, s.platform, s.featured
    FROM content.submissions s JOIN auth_management.profiles p ON p.id = s.user_id
   WHERE s.status = 'approved'
$body$;
COMMENT ON FUNCTION content.list_approved_submissions() IS
  'what everybody may see: the approved submissions, with the name, gender, organization and region of the member';
REVOKE EXECUTE ON FUNCTION content.list_approved_submissions() FROM PUBLIC$ddl$),
  ('view', 'content.approved_submissions', $ddl$
CREATE VIEW content.approved_submissions WITH (security_invoker = true) AS
SELECT * FROM content.list_approved_submissions()$ddl$),
  ('view', 'analytics.leaderboard', $ddl$
CREATE VIEW analytics.leaderboard WITH (security_invoker = true) AS
WITH best AS (
  SELECT DISTINCT ON (user_id)
         user_id, full_name, gender, organization, region, submission_id, actual_pull_up_count, approved_at, video_url,
         platform
    FROM content.approved_submissions
   ORDER BY user_id, actual_pull_up_count DESC, approved_at, submission_id
)
SELECT rank() OVER (ORDER BY actual_pull_up_count DESC, approved_at) AS rank,
       CASE WHEN gender IS NOT NULL THEN rank() OVER in_gender END AS rank_in_gender,
       CASE WHEN organization IS NOT NULL THEN rank() OVER in_organization END AS rank_in_organization,
       best.*
  FROM best
WINDOW in_gender AS (PARTITION BY gender ORDER BY actual_pull_up_count DESC, approved_at),
       in_organization AS (PARTITION BY organization ORDER BY actual_pull_up_count DESC, approved_at)$ddl$);
