-- Badges: every threshold reached gives one, once a member, for ever.

INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('table', 'content.badges', $ddl$
CREATE TABLE content.badges (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name         text NOT NULL,
  description  text,
  image_url    text,
  min_pull_ups int NOT NULL,
  gender       text NOT NULL,                           -- Male | Female | Any
  created_at   timestamptz NOT NULL DEFAULT now(),
  UNIQUE (name, gender),
  CONSTRAINT badges_valid CHECK (min_pull_ups >= 0 AND gender IN ('Male', 'Female', 'Any'))
);
COMMENT ON TABLE content.badges IS 'the thresholds that give a badge'$ddl$),

  ('table', 'content.user_badges', $ddl$
CREATE TABLE content.user_badges (
  id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id       uuid NOT NULL REFERENCES auth_management.profiles (id) ON DELETE CASCADE,
  badge_id      uuid NOT NULL REFERENCES content.badges (id),
  submission_id uuid REFERENCES content.submissions (id) ON DELETE SET NULL,
  awarded_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, badge_id)
);
COMMENT ON TABLE content.user_badges IS 'the badges that members have, for ever'$ddl$),
  ('index', 'content.user_badges_by_badge', 'CREATE INDEX user_badges_by_badge ON content.user_badges (badge_id)'),
  ('index', 'content.user_badges_by_submission',
   'CREATE INDEX user_badges_by_submission ON content.user_badges (submission_id)'),

  -- Only into an empty table: an admin who renames or removes a badge means it.
  ('rows', 'content.badges', $ddl$
INSERT INTO content.badges (name, description, image_url, min_pull_ups, gender)
SELECT name, name || ' badge', '/badges/' || gender || '/' || name || '.png', min_pull_ups, gender
  FROM (VALUES ('Recruit',   5, 'Male'), ('Recruit',   3, 'Female'),
               ('Proven',   10, 'Male'), ('Proven',    7, 'Female'),
               ('Hardened', 15, 'Male'), ('Hardened', 12, 'Female'),
               ('Operator', 20, 'Male'), ('Operator', 15, 'Female'),
               ('Elite',    25, 'Male'), ('Elite',    20, 'Female')) AS badge(name, min_pull_ups, gender)
 WHERE NOT EXISTS (SELECT FROM content.badges)$ddl$);

CREATE FUNCTION content.award_badges(submission_id uuid) RETURNS text[]
LANGUAGE C AS 'MODULE_PATHNAME', 'club_award_badges';
COMMENT ON FUNCTION content.award_badges(uuid) IS
  'awards the badges that an approved submission''s count reaches and returns the names of the new ones, an empty '
  'array when there is none; LG103 when it is not approved, LG106 NO_SUCH_SUBMISSION';
REVOKE EXECUTE ON FUNCTION content.award_badges(uuid) FROM PUBLIC;
