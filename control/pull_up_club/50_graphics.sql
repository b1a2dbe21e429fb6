-- Monthly graphics: a card a member and month.

INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('table', 'content.monthly_graphics', $ddl$
CREATE TABLE content.monthly_graphics (
  id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  submission_id           uuid NOT NULL REFERENCES content.submissions (id) ON DELETE CASCADE,
  user_id                 uuid NOT NULL REFERENCES auth_management.profiles (id) ON DELETE CASCADE,
  month_year              text NOT NULL,
  email                   text,
  full_name               text,
  current_pullups         int NOT NULL,
  current_badge_name      text,
  current_badge_image_url text,
  previous_pullups        int,                          -- the most of the month before; NULL: none approved then
  previous_badge_name     text,
  improvement             int,
  next_badge_name         text,
  next_badge_pullups      int,
  email_sent              boolean NOT NULL DEFAULT false,  -- by communication.mark_email_sent(), not when it was queued
  email_sent_at           timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, month_year),
  CONSTRAINT monthly_graphics_valid CHECK (current_pullups >= 0 AND previous_pullups >= 0
    AND month_year LIKE '____-__')
);
COMMENT ON TABLE content.monthly_graphics IS
  'a member''s card of a month; monthly_graphic_cards adds ranks and the headline'$ddl$),
  ('index', 'content.monthly_graphics_by_submission',
   'CREATE INDEX monthly_graphics_by_submission ON content.monthly_graphics (submission_id)'),

  -- Ranks are derived: the next approval would make a stored one wrong. A reversed submission has none. A member reads
  -- his own cards alone and yet is ranked among all: so the ranks, and nothing else, are counted with the owner's rights.
  ('function', 'content.card_ranks()', $ddl$
CREATE FUNCTION content.card_ranks() RETURNS TABLE (card_id uuid, rank bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
  SELECT g.id, rank() OVER (PARTITION BY g.month_year ORDER BY g.current_pullups DESC, s.approved_at)
    FROM content.monthly_graphics g JOIN content.submissions s ON s.id = g.submission_id
   WHERE s.status = 'approved'
$body$;
COMMENT ON FUNCTION content.card_ranks() IS
  'the rank of every card of an approved submission in its month; says nothing of whose card it is';
REVOKE EXECUTE ON FUNCTION content.card_ranks() FROM PUBLIC$ddl$),
  ('view', 'content.monthly_graphic_cards', $ddl$
CREATE VIEW content.monthly_graphic_cards WITH (security_invoker = true) AS
WITH ranked AS (
  SELECT g.*, r.rank FROM content.monthly_graphics g LEFT JOIN content.card_ranks() r ON r.card_id = g.id
), compared AS (
  SELECT ranked.*,
         CASE WHEN lag(month_year) OVER member = to_char(to_date(month_year, 'YYYY-MM') - interval '1 month', 'YYYY-MM')
              THEN lag(rank) OVER member END AS previous_rank
    FROM ranked
  WINDOW member AS (PARTITION BY user_id ORDER BY month_year)
)
SELECT compared.*,
       previous_rank - rank AS rank_change,             -- positive: climbed
       CASE WHEN previous_pullups IS NULL THEN 'FIRST MONTH'
            WHEN improvement > 0 THEN '+' || improvement
            ELSE 'KEEP PUSHING' END AS headline
  FROM compared$ddl$);

CREATE FUNCTION content.create_monthly_graphic(submission_id uuid) RETURNS uuid
LANGUAGE C AS 'MODULE_PATHNAME', 'club_create_monthly_graphic';
COMMENT ON FUNCTION content.create_monthly_graphic(uuid) IS
  'makes or renews the member''s card of an approved submission''s month, queues its e-mail, and returns the '
  'card''s id; LG103 when it is not approved, LG106 NO_SUCH_SUBMISSION';
REVOKE EXECUTE ON FUNCTION content.create_monthly_graphic(uuid) FROM PUBLIC;
