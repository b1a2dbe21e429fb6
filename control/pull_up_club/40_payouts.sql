-- Payouts: one request a member and month, pending -> approved -> paid, or -> rejected.

INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('table', 'finance.payout_requests', $ddl$
CREATE TABLE finance.payout_requests (
  id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id        uuid REFERENCES auth_management.profiles (id) ON DELETE SET NULL,
  amount_dollars int NOT NULL,
  status         text NOT NULL DEFAULT 'pending',       -- the lifecycle's state: pending | approved | paid | rejected
  paypal_email   text,
  payout_month   text NOT NULL,
  request_date   timestamptz NOT NULL DEFAULT now(),
  paid_at        timestamptz,
  paid_by        uuid,                                  -- the admin; no foreign key: it is known even when he is gone
  notes          text,
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, payout_month),
  CONSTRAINT payout_requests_valid CHECK (amount_dollars >= 0 AND status IN ('pending', 'approved', 'paid', 'rejected')
    AND payout_month LIKE '____-__'),
  CONSTRAINT payout_requests_paid CHECK (status <> 'paid'
    OR paypal_email IS NOT NULL AND paid_at IS NOT NULL AND paid_by IS NOT NULL)
) WITH (fillfactor = 80);
COMMENT ON TABLE finance.payout_requests IS 'what a member is paid for a month; its status is a lifecycle'$ddl$),
  ('index', 'finance.payout_requests_by_month',
   'CREATE INDEX payout_requests_by_month ON finance.payout_requests (payout_month)'),

  ('function', 'finance.mark_payout_paid(uuid)', $ddl$
CREATE FUNCTION finance.mark_payout_paid(payout_id uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  request record;
BEGIN
  IF auth_management.is_admin() IS NOT TRUE THEN
    RAISE EXCEPTION USING ERRCODE = 'LG108',
      MESSAGE = 'NOT_PERMITTED: only an admin marks a payout as paid',
      DETAIL = jsonb_build_object('caller', auth_management.current_user_id(), 'payout', payout_id),
      HINT = 'Call it with the claims of a member who has an active row in auth_management.admin_roles.';
  END IF;
  SELECT * INTO request FROM finance.payout_requests WHERE id = payout_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG111',
      MESSAGE = format('NO_SUCH_RECORD: there is no payout request %s', coalesce(payout_id::text, 'NULL')),
      DETAIL = jsonb_build_object('payout', payout_id),
      HINT = 'Payout requests are in finance.payout_requests.';
  ELSIF request.status IN ('paid', 'rejected') THEN
    RAISE EXCEPTION USING ERRCODE = 'LG104',
      MESSAGE = format('PAYOUT_CLOSED: the payout request of %s is %s already', request.payout_month, request.status),
      DETAIL = jsonb_build_object('payout', payout_id, 'month', request.payout_month, 'status', request.status,
                                  'paid_at', request.paid_at, 'paid_by', request.paid_by),
      HINT = 'A request is paid once.';
  END IF;
  UPDATE finance.payout_requests SET status = 'paid' WHERE id = payout_id RETURNING * INTO request;
  RETURN jsonb_build_object('payout_id', request.id, 'user_id', request.user_id, 'month', request.payout_month,
                            'amount_dollars', request.amount_dollars, 'paypal_email', request.paypal_email,
                            'paid_at', request.paid_at, 'paid_by', request.paid_by);
END $body$;
COMMENT ON FUNCTION finance.mark_payout_paid(uuid) IS
  'pays an approved request once and returns what was paid to whom; the caller must be an admin by his own claims; '
  'LG001 when not approved yet, LG002 without a PayPal address, LG104 PAYOUT_CLOSED, LG108 NOT_PERMITTED, LG111 '
  'NO_SUCH_RECORD';
REVOKE EXECUTE ON FUNCTION finance.mark_payout_paid(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION finance.mark_payout_paid(uuid) TO authenticated, service_role$ddl$);

CREATE FUNCTION finance.available_dollars(user_id uuid) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  member alias FOR $1;
BEGIN
  PERFORM auth_management.check_member(member);
  RETURN (SELECT coalesce(sum(e.total_earned_dollars), 0) FROM finance.user_earnings e WHERE e.user_id = member)
       - (SELECT coalesce(sum(r.amount_dollars), 0) FROM finance.payout_requests r
           WHERE r.user_id = member AND r.status IN ('pending', 'approved', 'paid'));
END $$;
COMMENT ON FUNCTION finance.available_dollars(uuid) IS
  'the whole dollars a member has earned and no request that is pending, approved or paid holds; LG107 NO_SUCH_MEMBER';
