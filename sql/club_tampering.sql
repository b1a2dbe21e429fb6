-- What somebody with rights may try, and what a table owner may do behind the club's back: refused, and no dollar moves wrongly.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
SELECT pull_up_club.set('cooldown_days', '0') AS cooldown;
CREATE FUNCTION pg_temp.member(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.film(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('10000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;
INSERT INTO auth.users (id) SELECT pg_temp.member(i) FROM generate_series(1, 6) i;
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) SELECT pg_temp.film(i), pg_temp.member(i), 'https://youtu.be/x', 10 FROM generate_series(1, 4) i;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 10 WHERE id IN (pg_temp.film(1), pg_temp.film(2));
UPDATE finance.payout_requests SET id = replace(user_id::text, '00000000-', '20000000-')::uuid;
CREATE VIEW pg_temp.money AS
  SELECT right(user_id::text, 1) AS member, total_earned_dollars AS earned, (SELECT sum(amount_dollars) FROM finance.payout_requests r WHERE r.user_id = e.user_id) AS requested
    FROM finance.user_earnings e ORDER BY 1;

-- a reversal, an approval, that changes whose submission it is
UPDATE content.submissions SET status = 'rejected', notes = 'x', user_id = pg_temp.member(2) WHERE id = pg_temp.film(1);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 1, user_id = pg_temp.member(5) WHERE id = pg_temp.film(3);
TABLE pg_temp.money;

-- a member dates, counts or gives away his pending one; a stranger touches it
SELECT set_config('request.jwt.claims', json_build_object('sub', pg_temp.member(3), 'role', 'authenticated')::text, false) IS NOT NULL AS claims;
UPDATE content.submissions SET approved_at = '2020-01-01' WHERE id = pg_temp.film(3);
UPDATE content.submissions SET actual_pull_up_count = 99 WHERE id = pg_temp.film(3);
UPDATE content.submissions SET user_id = pg_temp.member(5) WHERE id = pg_temp.film(3);
UPDATE content.submissions SET pull_up_count = 99 WHERE id = pg_temp.film(4);
UPDATE content.submissions SET pull_up_count = 12 WHERE id = pg_temp.film(3) RETURNING pull_up_count;
RESET request.jwt.claims;

-- an old rejected one does not pass by the pause after an approval
SELECT pull_up_club.set('cooldown_days', '30') AS cooldown;
UPDATE content.submissions SET status = 'rejected', notes = 'dark' WHERE id = pg_temp.film(4);
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (pg_temp.film(5), pg_temp.member(4), 'https://youtu.be/y', 10);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 10 WHERE id = pg_temp.film(5);
SET session_replication_role = replica;
UPDATE content.submissions SET rejected_at = now() - interval '2 days', approved_at = CASE WHEN status = 'approved' THEN now() - interval '1 day' END WHERE user_id = pg_temp.member(4);
RESET session_replication_role;
UPDATE content.submissions SET status = 'pending' WHERE id = pg_temp.film(4);

-- a paid request: whose, how much, whereto; and what is paid is what was approved
UPDATE finance.payout_requests SET status = 'approved', paypal_email = 'ann@example.org' WHERE user_id = pg_temp.member(1);
INSERT INTO auth_management.admin_roles (user_id) VALUES (pg_temp.member(6));
SELECT set_config('request.jwt.claims', json_build_object('sub', pg_temp.member(6))::text, false) IS NOT NULL AS claims;
UPDATE finance.payout_requests SET status = 'paid', amount_dollars = 777 WHERE user_id = pg_temp.member(1);
UPDATE finance.payout_requests SET status = 'paid' WHERE user_id = pg_temp.member(1) RETURNING amount_dollars;
UPDATE finance.payout_requests SET paypal_email = 'thief@example.org' WHERE user_id = pg_temp.member(1);
UPDATE finance.payout_requests SET user_id = pg_temp.member(2) WHERE user_id = pg_temp.member(1);
RESET request.jwt.claims;

-- a request that has gone: the reversal says so
DELETE FROM finance.payout_requests WHERE user_id = pg_temp.member(2);
UPDATE content.submissions SET status = 'rejected', notes = 'x' WHERE id = pg_temp.film(2);

-- a constraint that has gone, and a NULL where the club never stores one: an error, not a crash
ALTER TABLE finance.weekly_earnings ALTER weekly_pool_id DROP NOT NULL;
UPDATE finance.weekly_earnings SET weekly_pool_id = NULL WHERE user_id = pg_temp.member(2);
UPDATE content.submissions SET status = 'rejected', notes = 'x' WHERE id = pg_temp.film(2);
SELECT count(*) FROM content.submissions;

-- rows in a table that inherits are seen: nothing is paid twice
CREATE TABLE pg_temp.old_earnings () INHERITS (finance.weekly_earnings);
WITH moved AS (DELETE FROM ONLY finance.weekly_earnings WHERE user_id = pg_temp.member(1) RETURNING *) INSERT INTO pg_temp.old_earnings SELECT * FROM moved;
SELECT finance.process_submission_earnings(pg_temp.film(1), pg_temp.member(1), 10) ->> 'already_processed' AS already;
DROP TABLE pg_temp.old_earnings;

-- another table of that name: the key is checked against the one that it refers to
SELECT lifeguard.forget('content.submissions');
CREATE TABLE content.newer (LIKE content.submissions INCLUDING ALL);
ALTER TABLE content.submissions RENAME TO older;
ALTER TABLE content.newer RENAME TO submissions;
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, status, actual_pull_up_count, approved_at)
VALUES (pg_temp.film(9), pg_temp.member(6), 'https://youtu.be/x', 5, 'approved', 5, now());
SELECT finance.process_submission_earnings(pg_temp.film(9), pg_temp.member(6), 5);
ALTER TABLE content.submissions RENAME TO newer;
ALTER TABLE content.older RENAME TO submissions;
DROP TABLE content.newer;

DROP VIEW pg_temp.money;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
