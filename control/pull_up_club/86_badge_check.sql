-- The check of badges: by each member's best approved submission, which reaches all that the others reach.

CREATE FUNCTION pull_up_club.check_badges() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part record := pull_up_club.slice('club_badges');
BEGIN
  RETURN QUERY
    SELECT 'member ' || s.user_id, format('the member %s did %s pull-ups and lacks %s', s.user_id, s.actual_pull_up_count, string_agg(d.name, ', ' ORDER BY d.min_pull_ups, d.name)),
           jsonb_build_object('member', s.user_id, 'submission', s.id, 'actual_pull_up_count', s.actual_pull_up_count, 'badges', jsonb_agg(d.name ORDER BY d.min_pull_ups, d.name),
                              'remedy', format('SELECT content.award_badges(%L);', s.id)), NULL::text
      FROM analytics.best_submissions b
      JOIN auth_management.profiles p ON p.id = b.user_id
      JOIN content.badges d ON d.min_pull_ups <= b.pull_ups AND d.created_at <= b.approved_at AND d.gender IN ('Any', p.gender)   -- a badge that came later asks for a new approval
      JOIN content.submissions s ON s.id = b.submission_id AND s.user_id = b.user_id AND s.status = 'approved' AND s.actual_pull_up_count >= d.min_pull_ups
       AND (d.gender = 'Any' OR s.gender IS NULL OR s.gender = p.gender)   -- who says otherwise of himself since then gets that one's badges by his next approval
     WHERE (b.user_id BETWEEN part.first AND part.last OR b.user_id = ANY (part.known))
       AND NOT EXISTS (SELECT FROM content.user_badges u WHERE u.user_id = b.user_id AND u.badge_id = d.id)
     GROUP BY s.id, s.user_id, s.actual_pull_up_count;
END $$;
COMMENT ON FUNCTION pull_up_club.check_badges() IS 'check: members who lack badges that their best approved submission reached';
REVOKE EXECUTE ON FUNCTION pull_up_club.check_badges() FROM PUBLIC;

INSERT INTO pull_up_club.blueprint (kind, name, make, unmake) VALUES
  ('check', 'club_badges',
   $$SELECT monitoring.add_check('club_badges', 'club', 'warning', 'pull_up_club.check_badges()', 'Members have the badges that their approved submissions reached.', 'SELECT content.award_badges(submission); gives those that are missing.')$$,
   $$SELECT monitoring.drop_check('club_badges')$$);
