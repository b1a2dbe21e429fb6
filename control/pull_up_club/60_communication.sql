-- Outboxes: what is to be sent. The application's own worker sends it and says so by mark_email_sent().

INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('table', 'communication.notification_queue', $ddl$
CREATE TABLE communication.notification_queue (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id    uuid NOT NULL REFERENCES auth_management.profiles (id) ON DELETE CASCADE,
  type       text NOT NULL,
  data       jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE communication.notification_queue IS 'outbox: notifications to be sent'$ddl$),
  ('index', 'communication.notification_queue_by_member',
   'CREATE INDEX notification_queue_by_member ON communication.notification_queue (user_id)'),

  ('table', 'communication.email_notifications', $ddl$
CREATE TABLE communication.email_notifications (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id    uuid NOT NULL REFERENCES auth_management.profiles (id) ON DELETE CASCADE,
  email_type text NOT NULL,
  recipient  text,
  subject    text,
  message    text,
  created_at timestamptz NOT NULL DEFAULT now(),
  sent_at    timestamptz
);
COMMENT ON TABLE communication.email_notifications IS 'outbox: e-mails; sent_at is null until they are sent'$ddl$),
  ('index', 'communication.email_notifications_by_member',
   'CREATE INDEX email_notifications_by_member ON communication.email_notifications (user_id)'),
  ('index', 'communication.email_notifications_unsent',
   'CREATE INDEX email_notifications_unsent ON communication.email_notifications (created_at) WHERE sent_at IS NULL'),

  ('table', 'communication.messages_log', $ddl$
CREATE TABLE communication.messages_log (
  id         uuid PRIMARY KEY,                          -- the notification's: what was sent leaves the queue for here
  user_id    uuid NOT NULL REFERENCES auth_management.profiles (id) ON DELETE CASCADE,
  type       text NOT NULL,
  data       jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,                      -- queued
  sent_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE communication.messages_log IS 'notifications that were sent'$ddl$),
  ('index', 'communication.messages_log_by_member',
   'CREATE INDEX messages_log_by_member ON communication.messages_log (user_id)');

-- Never in its caller's way: what goes wrong is kept in the journal, also when the caller rolls back, and NULL.
CREATE FUNCTION communication.queue_notification(user_id uuid, type text, data jsonb DEFAULT '{}') RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  notification uuid;
BEGIN
  INSERT INTO communication.notification_queue (user_id, type, data) VALUES ($1, $2, coalesce($3, '{}'))
  RETURNING id INTO notification;
  RETURN notification;
EXCEPTION WHEN OTHERS THEN
  PERFORM monitoring.log_error('notification_not_queued', SQLERRM,
                               jsonb_build_object('member', $1, 'type', $2, 'sqlstate', SQLSTATE));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION communication.queue_notification(uuid, text, jsonb) IS
  'puts a notification into the outbox and returns its id; never fails: when it could not it returns NULL and logs '
  'notification_not_queued to monitoring.system_errors';
REVOKE EXECUTE ON FUNCTION communication.queue_notification(uuid, text, jsonb) FROM PUBLIC;

CREATE FUNCTION communication.send_rejection_email(user_id uuid, notes text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mail uuid;
BEGIN
  PERFORM auth_management.check_member($1);
  INSERT INTO communication.email_notifications (user_id, email_type, recipient, subject, message)
  SELECT p.id, 'rejection', p.email, 'Your submission was not approved', $2
    FROM auth_management.profiles p WHERE p.id = $1
  RETURNING id INTO mail;
  RETURN mail;
END $$;
COMMENT ON FUNCTION communication.send_rejection_email(uuid, text) IS
  'puts an e-mail with an admin''s notes into the outbox and returns its id; LG107 NO_SUCH_MEMBER';
REVOKE EXECUTE ON FUNCTION communication.send_rejection_email(uuid, text) FROM PUBLIC;

-- What is said to be sent twice was sent once: workers retry.
CREATE FUNCTION communication.mark_email_sent(email_id uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sent record;
BEGIN
  UPDATE communication.email_notifications SET sent_at = now() WHERE id = email_id AND sent_at IS NULL;
  IF FOUND THEN
    RETURN true;
  END IF;

  WITH queued AS (
    DELETE FROM communication.notification_queue WHERE id = email_id RETURNING id, user_id, type, data, created_at
  )
  INSERT INTO communication.messages_log (id, user_id, type, data, created_at) SELECT * FROM queued
  RETURNING * INTO sent;
  IF FOUND THEN
    UPDATE content.monthly_graphics g
       SET email_sent = true, email_sent_at = sent.sent_at
     WHERE sent.type = 'monthly_graphic' AND g.user_id = sent.user_id
       AND g.month_year = sent.data ->> 'month' AND g.submission_id::text = sent.data ->> 'submission_id';
    RETURN true;
  END IF;

  IF EXISTS (SELECT FROM communication.email_notifications WHERE id = email_id)
     OR EXISTS (SELECT FROM communication.messages_log WHERE id = email_id) THEN
    RETURN false;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'LG111',
    MESSAGE = format('NO_SUCH_RECORD: there is no e-mail or notification %s', coalesce(email_id::text, 'NULL')),
    DETAIL = jsonb_build_object('email', email_id),
    HINT = 'Unsent ones are in communication.email_notifications (sent_at is null) '
           'and communication.notification_queue.';
END $$;
COMMENT ON FUNCTION communication.mark_email_sent(uuid) IS
  'the worker has sent an e-mail or a queued notification: notes when, moves the notification to messages_log, '
  'marks the monthly graphic; false when that was known already; LG111 NO_SUCH_RECORD';
REVOKE EXECUTE ON FUNCTION communication.mark_email_sent(uuid) FROM PUBLIC;
