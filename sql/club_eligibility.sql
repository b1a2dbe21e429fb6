-- Eligibility: one pending submission, a pause of cooldown_days from the approval, lifted by a rejection since.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
\set ann '''00000000-0000-0000-0000-000000000001'''
\set one '''10000000-0000-0000-0000-000000000001'''
INSERT INTO auth.users (id) VALUES (:ann);
CREATE FUNCTION pg_temp.ask() RETURNS TABLE (eligible text, reason text, day boolean, moment boolean) LANGUAGE sql AS $$
  SELECT e ->> 'eligible', e ->> 'reason', (e ->> 'eligible_on')::date = pull_up_club.local_date((e ->> 'eligible_at')::timestamptz),
         (e ->> 'eligible_at')::timestamptz = (e ->> 'last_approved_at')::timestamptz + interval '720 hours'
    FROM content.check_submission_eligibility('00000000-0000-0000-0000-000000000001') AS e
$$;
SELECT content.check_submission_eligibility(:ann);

-- one pending
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) VALUES (:one, :ann, 'https://youtu.be/1', 5);
SELECT content.check_submission_eligibility(:ann);
INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (:ann, 'https://youtu.be/2', 5);
\echo :LAST_ERROR_SQLSTATE

-- the pause is counted from the approval, to the moment
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 5, approved_at = now() - interval '29 days 23 hours 59 minutes' WHERE id = :one;
SELECT * FROM pg_temp.ask();
\set VERBOSITY sqlstate
INSERT INTO content.submissions (user_id, video_url, pull_up_count, submitted_at) VALUES (:ann, 'https://youtu.be/2', 5, now() + interval '1 year');
\set VERBOSITY default
SET session_replication_role = replica;
UPDATE content.submissions SET approved_at = now() - interval '30 days' WHERE id = :one;
RESET session_replication_role;
SELECT * FROM pg_temp.ask();
SELECT pull_up_club.set('cooldown_days', '31');
SELECT * FROM pg_temp.ask();
SELECT pull_up_club.set('cooldown_days', '0');
SELECT * FROM pg_temp.ask();
SELECT pull_up_club.set('cooldown_days', '30');
-- dated ahead
SET session_replication_role = replica;
UPDATE content.submissions SET approved_at = now() + interval '1 day' WHERE id = :one;
RESET session_replication_role;
SELECT * FROM pg_temp.ask();

-- the latest approval counts
SET session_replication_role = replica;
UPDATE content.submissions SET approved_at = now() - interval '100 days' WHERE id = :one;
RESET session_replication_role;
SELECT * FROM pg_temp.ask();
INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (:ann, 'https://youtu.be/2', 5);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 5, approved_at = now() - interval '10 days' WHERE status = 'pending';
SELECT * FROM pg_temp.ask();

-- a rejection since then lifts the pause; one from before does not
SET session_replication_role = replica;
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, status, rejected_at)
VALUES ('10000000-0000-0000-0000-000000000003', :ann, 'https://youtu.be/3', 5, 'rejected', now() - interval '11 days');
RESET session_replication_role;
SELECT * FROM pg_temp.ask();
UPDATE content.submissions SET rejected_at = now() - interval '9 days' WHERE status = 'rejected';
SELECT * FROM pg_temp.ask();
DELETE FROM content.submissions WHERE status = 'rejected';
SELECT * FROM pg_temp.ask();
-- a reversed approval is none
UPDATE content.submissions SET status = 'rejected', notes = 'a band' WHERE approved_at > now() - interval '11 days';
SELECT * FROM pg_temp.ask();
INSERT INTO content.submissions (user_id, video_url, pull_up_count) VALUES (:ann, 'https://youtu.be/5', 5) RETURNING status;

-- no such member
SELECT content.check_submission_eligibility('00000000-0000-0000-0000-000000000009');
\echo :LAST_ERROR_SQLSTATE
SELECT content.check_submission_eligibility(NULL);

SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
