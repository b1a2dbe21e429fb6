-- The club's failures are in the journal: of its actions, and of the work that they leave for the end of their statement.
\set SHOW_CONTEXT never
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
SET lifeguard.fold_window = 0;
\set ann '''00000000-0000-0000-0000-000000000001'''
\set bob '''00000000-0000-0000-0000-000000000002'''
INSERT INTO auth.users (id, email) VALUES (:ann, 'ann@example.org'), (:bob, 'bob@example.org');
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count)
VALUES ('10000000-0000-0000-0000-000000000001', :ann, 'https://youtu.be/1', 5), ('10000000-0000-0000-0000-000000000002', :bob, 'https://youtu.be/2', 5);
SELECT monitoring.drain();
DELETE FROM monitoring.system_errors WHERE source = 'action';

-- an approval whose work fails at the statement's end, though its caller hides that
DO $$
BEGIN
  UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 100000;
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
SELECT status, count(*) FROM content.submissions GROUP BY 1;
-- an e-mail that is not to be had undoes nothing
ALTER TABLE communication.email_notifications RENAME TO elsewhere;
UPDATE content.submissions SET status = 'rejected', notes = 'no' WHERE user_id = :bob;
SELECT status, count(*) FROM content.submissions GROUP BY 1 ORDER BY 1;
ALTER TABLE communication.elsewhere RENAME TO email_notifications;
SELECT monitoring.drain();
SELECT sqlstate, error_message, context ->> 'table', context -> 'row_key', context ->> 'action', (context ->> 'detail')::jsonb - 'max_pull_ups'
  FROM monitoring.system_errors WHERE source = 'action' ORDER BY created_at;
DELETE FROM monitoring.system_errors WHERE source = 'action';

SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
