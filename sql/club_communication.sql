-- Outboxes: what is queued, what was sent, and that queueing is in nobody's way.
\set SHOW_CONTEXT never
\pset null NULL
SET client_min_messages = error;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();
RESET client_min_messages;
\set ann '''00000000-0000-0000-0000-000000000001'''
\set bob '''00000000-0000-0000-0000-000000000002'''
INSERT INTO auth.users (id, email) VALUES (:ann, 'ann@example.org'), (:bob, NULL);

SELECT communication.queue_notification(:ann, 'hello', '{"a": 1}') = (SELECT id FROM communication.notification_queue) AS queued;
SELECT communication.queue_notification(:ann, 'hello') IS NOT NULL AS queued, communication.queue_notification(:ann, 'hello', NULL) IS NOT NULL AS queued;
SELECT user_id, type, data FROM communication.notification_queue;

-- never an error, whatever comes: NULL, and the error in the journal; the caller's own work stays
BEGIN;
INSERT INTO communication.messages_log (id, user_id, type, created_at) VALUES (:ann, :ann, 'mine', now());
SELECT communication.queue_notification('00000000-0000-0000-0000-000000000009', 'hello');
SELECT communication.queue_notification(NULL, 'hello');
SELECT communication.queue_notification(:ann, NULL);
ALTER TABLE communication.notification_queue RENAME TO elsewhere;
SELECT communication.queue_notification(:ann, 'hello');
SELECT count(*) AS mine FROM communication.messages_log;
ROLLBACK;
SELECT count(*) FROM communication.notification_queue;
SELECT monitoring.drain();
SELECT error_message, context FROM monitoring.system_errors WHERE source = 'logged' AND error_type = 'notification_not_queued' ORDER BY created_at, id;
DELETE FROM monitoring.system_errors WHERE error_type = 'notification_not_queued';

-- rejections
SELECT communication.send_rejection_email(:ann, $$'; DROP TABLE x; --$$) = (SELECT id FROM communication.email_notifications) AS queued;
SELECT communication.send_rejection_email(:bob, 'no address yet') IS NOT NULL AS queued;
SELECT user_id, email_type, recipient, subject, message, sent_at FROM communication.email_notifications ORDER BY user_id;
SELECT communication.send_rejection_email('00000000-0000-0000-0000-000000000009', 'x');
\echo :LAST_ERROR_SQLSTATE
SELECT communication.send_rejection_email(NULL, 'x');

-- sent, once
SELECT communication.mark_email_sent(id) AS first, communication.mark_email_sent(id) AS second FROM communication.email_notifications WHERE user_id = :ann;
SELECT user_id, sent_at IS NOT NULL AS sent FROM communication.email_notifications ORDER BY user_id;
SELECT communication.mark_email_sent('00000000-0000-0000-0000-000000000009');
\echo :LAST_ERROR_SQLSTATE
SELECT communication.mark_email_sent(NULL);

-- a notification that is sent leaves the queue for the log; the card is marked then and not before
SET session_replication_role = replica;
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count, actual_pull_up_count, status, approved_at)
VALUES ('10000000-0000-0000-0000-000000000001', :ann, 'https://youtu.be/1', 5, 5, 'approved', '2026-11-25 12:00+00'),
       ('10000000-0000-0000-0000-000000000002', :bob, 'https://youtu.be/2', 5, 5, 'approved', '2026-11-25 12:00+00');
RESET session_replication_role;
INSERT INTO content.monthly_graphics (submission_id, user_id, month_year, current_pullups)
VALUES ('10000000-0000-0000-0000-000000000001', :ann, '2026-11', 5), ('10000000-0000-0000-0000-000000000002', :bob, '2026-11', 5);
DELETE FROM communication.notification_queue;
INSERT INTO communication.notification_queue (id, user_id, type, data) VALUES
  ('20000000-0000-0000-0000-000000000001', :ann, 'monthly_graphic', '{"month": "2026-10", "submission_id": "10000000-0000-0000-0000-000000000001"}'),
  ('20000000-0000-0000-0000-000000000002', :ann, 'monthly_graphic', '{"month": "2026-11", "submission_id": "10000000-0000-0000-0000-000000000009"}'),
  ('20000000-0000-0000-0000-000000000003', :ann, 'monthly_graphic', '{"month": "2026-11", "submission_id": "nonsense"}'),
  ('20000000-0000-0000-0000-000000000004', :ann, 'hello',           '{"month": "2026-11", "submission_id": "10000000-0000-0000-0000-000000000001"}'),
  ('20000000-0000-0000-0000-000000000005', :ann, 'monthly_graphic', '[]'),
  ('20000000-0000-0000-0000-000000000006', :ann, 'monthly_graphic', '{"month": "2026-11", "submission_id": "10000000-0000-0000-0000-000000000001"}');
SELECT bool_or(email_sent) FROM content.monthly_graphics;
SELECT communication.mark_email_sent(id) FROM communication.notification_queue WHERE id <> '20000000-0000-0000-0000-000000000006';
SELECT bool_or(email_sent) FROM content.monthly_graphics;
SELECT communication.mark_email_sent('20000000-0000-0000-0000-000000000006'), communication.mark_email_sent('20000000-0000-0000-0000-000000000006');
SELECT user_id, email_sent, email_sent_at IS NOT NULL AS at FROM content.monthly_graphics ORDER BY user_id;
SELECT (SELECT count(*) FROM communication.notification_queue) AS queued, count(*) AS logged FROM communication.messages_log;

SET client_min_messages = error;
SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
