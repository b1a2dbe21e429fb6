-- Payouts: pending -> approved -> paid, once, to an address, by an admin by his own claims.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
\set ann '''00000000-0000-0000-0000-000000000001'''
\set bob '''00000000-0000-0000-0000-000000000002'''
\set chief '''00000000-0000-0000-0000-000000000003'''
\set anns '''20000000-0000-0000-0000-000000000001'''
\set bobs '''20000000-0000-0000-0000-000000000002'''
CREATE FUNCTION pg_temp.act_as(member text, role text DEFAULT 'authenticated') RETURNS text LANGUAGE sql AS $$
  SELECT set_config('request.jwt.claims', CASE WHEN member IS NULL AND role IS NULL THEN ''
                                               ELSE jsonb_build_object('sub', member, 'role', role)::text END, false)
$$;
INSERT INTO auth.users (id) VALUES (:ann), (:bob), (:chief);
INSERT INTO auth_management.admin_roles (user_id) VALUES (:chief);
INSERT INTO finance.user_earnings (user_id, month_year, total_earned_dollars, total_submissions)
VALUES (:ann, '2025-10', 20, 1), (:ann, '2025-11', 15, 1), (:bob, '2025-11', 7, 1);
INSERT INTO finance.payout_requests (id, user_id, amount_dollars, payout_month, paypal_email)
VALUES (:anns, :ann, 15, '2025-11', 'ann@pay.example.org'), (:bobs, :bob, 7, '2025-11', NULL);
SELECT finance.available_dollars(:ann) AS ann, finance.available_dollars(:bob) AS bob, finance.available_dollars(:chief) AS chief;

-- a request begins as pending and goes its way
INSERT INTO finance.payout_requests (id, user_id, amount_dollars, payout_month, status)
VALUES ('20000000-0000-0000-0000-000000000009', :ann, 5, '2025-10', 'paid');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.act_as(:ann);
UPDATE finance.payout_requests SET status = 'approved' WHERE id = :anns;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
UPDATE finance.payout_requests SET status = 'rejected' WHERE id = :anns;
SELECT pg_temp.act_as(:chief);
UPDATE finance.payout_requests SET status = 'paid' WHERE id = :anns;
\echo :LAST_ERROR_SQLSTATE
SELECT finance.mark_payout_paid(:anns);                                -- not approved yet
\echo :LAST_ERROR_SQLSTATE
UPDATE finance.payout_requests SET status = 'approved' WHERE id = :anns RETURNING status, paypal_email, paid_at, paid_by;

-- only an admin, by his own claims: not a member, not nobody, not the service role, not an id that somebody passes in
\set VERBOSITY default
SELECT pg_temp.act_as(:ann);
SELECT finance.mark_payout_paid(:anns);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
UPDATE finance.payout_requests SET status = 'paid', paid_by = :chief WHERE id = :anns;
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.act_as(NULL, 'service_role');
SELECT finance.mark_payout_paid(:anns);
SELECT pg_temp.act_as(NULL, NULL);
SELECT finance.mark_payout_paid(:anns);
UPDATE finance.payout_requests SET status = 'paid', paid_by = :chief WHERE id = :anns;
SELECT pg_temp.act_as(:chief);
UPDATE auth_management.admin_roles SET is_active = false;
SELECT finance.mark_payout_paid(:anns);
UPDATE auth_management.admin_roles SET is_active = true;
SELECT status, paid_at, paid_by FROM finance.payout_requests WHERE id = :anns;

-- the admin calls it as the role that members have; who and when are the database's to say
SET ROLE authenticated;
SELECT finance.mark_payout_paid(:anns) - 'paid_at' AS paid;
SELECT count(*) FROM finance.payout_requests;
RESET ROLE;
SELECT status, paid_at IS NOT NULL AS at, paid_by = :chief AS by_chief FROM finance.payout_requests WHERE id = :anns;
\set VERBOSITY default
SELECT set_config('datestyle', 'ISO', false), set_config('timezone', 'UTC', false);
SET session_replication_role = replica;
UPDATE finance.payout_requests SET paid_at = '2025-12-01 10:00+00' WHERE id = :anns;
RESET session_replication_role;
SELECT finance.mark_payout_paid(:anns);                                -- once
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
UPDATE finance.payout_requests SET status = 'pending' WHERE id = :anns;
UPDATE finance.payout_requests SET status = 'rejected' WHERE id = :anns;

-- no address, no payment; one that the member has given meanwhile is taken when the request is approved
UPDATE finance.payout_requests SET status = 'approved' WHERE id = :bobs;
SELECT finance.mark_payout_paid(:bobs);
\echo :LAST_ERROR_SQLSTATE
UPDATE finance.payout_requests SET paypal_email = '  ' WHERE id = :bobs;
SELECT finance.mark_payout_paid(:bobs);
INSERT INTO finance.payout_requests (id, user_id, amount_dollars, payout_month) VALUES ('20000000-0000-0000-0000-000000000003', :bob, 7, '2025-10');
UPDATE auth_management.profiles SET paypal_email = 'bob@pay.example.org' WHERE id = :bob;
UPDATE finance.payout_requests SET status = 'approved' WHERE payout_month = '2025-10' RETURNING paypal_email;
SELECT finance.mark_payout_paid('20000000-0000-0000-0000-000000000003') ->> 'paypal_email' AS paid_to;

-- rejected is final
UPDATE finance.payout_requests SET status = 'rejected' WHERE id = :bobs RETURNING status;
\set VERBOSITY default
SELECT finance.mark_payout_paid(:bobs);
\echo :LAST_ERROR_SQLSTATE
SELECT finance.mark_payout_paid('20000000-0000-0000-0000-000000000009');
\echo :LAST_ERROR_SQLSTATE
SELECT finance.mark_payout_paid(NULL);

-- available = earned - (pending + approved + paid)
SELECT finance.available_dollars(:ann) AS ann, finance.available_dollars(:bob) AS bob;
SELECT finance.available_dollars('00000000-0000-0000-0000-000000000009');
\echo :LAST_ERROR_SQLSTATE
SELECT finance.available_dollars(NULL);

-- what the table refuses when no rule is asked
\set VERBOSITY terse
SET session_replication_role = replica;
UPDATE finance.payout_requests SET amount_dollars = -1 WHERE id = :anns;
UPDATE finance.payout_requests SET paypal_email = NULL WHERE id = :anns;
UPDATE finance.payout_requests SET paid_by = NULL WHERE id = :anns;
UPDATE finance.payout_requests SET payout_month = 'November' WHERE id = :anns;
UPDATE finance.payout_requests SET status = 'gone' WHERE id = :anns;
INSERT INTO finance.payout_requests (user_id, amount_dollars, payout_month) VALUES (:ann, 1, '2025-11');
RESET session_replication_role;

SELECT pg_temp.act_as(NULL, NULL);
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
