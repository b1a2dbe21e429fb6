-- Eligibility: one pending submission a member, and a pause after an approval.

CREATE FUNCTION content.check_submission_eligibility(user_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  member   alias FOR $1;
  pending  uuid;
  approval timestamptz;
  free_at  timestamptz;
  reason   text;
BEGIN
  PERFORM auth_management.check_member(member);
  SELECT s.id INTO pending FROM content.submissions s WHERE s.user_id = member AND s.status = 'pending';
  SELECT s.approved_at INTO approval FROM content.submissions s
   WHERE s.user_id = member AND s.status = 'approved' ORDER BY s.approved_at DESC LIMIT 1;
  SELECT pull_up_club.days_after(approval, cooldown_days) INTO free_at FROM pull_up_club.settings;

  IF pending IS NOT NULL THEN
    reason := 'pending';
  ELSIF free_at > now()
        AND NOT EXISTS (SELECT FROM content.submissions s   -- a rejection since then lifts the pause
                         WHERE s.user_id = member AND s.status = 'rejected' AND s.rejected_at >= approval) THEN
    reason := 'cooldown';
  END IF;
  RETURN jsonb_build_object(
    'eligible', reason IS NULL,
    'reason', reason,
    'eligible_on', CASE reason WHEN 'cooldown' THEN pull_up_club.local_date(free_at) END,
    'eligible_at', CASE reason WHEN 'cooldown' THEN free_at END,
    'last_approved_at', approval,
    'pending_submission', pending);
END $$;
COMMENT ON FUNCTION content.check_submission_eligibility(uuid) IS
  'whether a member may submit now: {eligible, reason (pending | cooldown), eligible_on, eligible_at, '
  'last_approved_at, pending_submission}; LG107 NO_SUCH_MEMBER';

-- Volatile: of several rows in one statement, each must see the one before.
CREATE FUNCTION content.require_eligible(user_id uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  answer jsonb := content.check_submission_eligibility(user_id);
BEGIN
  IF (answer -> 'eligible')::boolean THEN
    RETURN true;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'LG103',
    MESSAGE = format(CASE answer ->> 'reason'
                       WHEN 'pending' THEN 'NOT_ELIGIBLE: member %s has a pending submission'
                       ELSE 'NOT_ELIGIBLE: member %s was approved lately and may submit again on %s' END,
                     user_id, answer ->> 'eligible_on'),
    DETAIL = answer || jsonb_build_object('member', user_id),
    HINT = CASE answer ->> 'reason'
             WHEN 'pending' THEN 'Wait until it is approved or rejected; a rejected one can be corrected.'
             ELSE 'The pause after an approval is the setting cooldown_days.' END;
END $$;
COMMENT ON FUNCTION content.require_eligible(uuid) IS
  'true when a member may submit now, else LG103 NOT_ELIGIBLE; LG107 NO_SUCH_MEMBER';
