-- Submissions: a member's film, and what the admin counted in it.

INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('table', 'content.submissions', $ddl$
CREATE TABLE content.submissions (
  id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id              uuid NOT NULL REFERENCES auth_management.profiles (id) ON DELETE CASCADE,
  video_url            text NOT NULL,
  platform             text,                            -- by the video's host, see content.platform_of()
  pull_up_count        int NOT NULL,                    -- claimed by the member
  actual_pull_up_count int,                             -- counted by an admin; pay, badges and ranks use this one
  status               text NOT NULL DEFAULT 'pending', -- the lifecycle's state: pending | approved | rejected
  organization         text,                            -- these four as they were when the film was made;
  region               text,                            -- an approval takes them into the profile
  age                  int,
  gender               text,
  notes                text,
  featured             boolean NOT NULL DEFAULT false,
  submitted_at         timestamptz NOT NULL DEFAULT now(),
  approved_at          timestamptz,
  rejected_at          timestamptz,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now(),
  -- every UPDATE plans a table's constraints anew; states, stamps and the rest are the lifecycle's
  -- every UPDATE plans a table's constraints anew; states, stamps and the rest are the lifecycle's
  CONSTRAINT submissions_valid CHECK (pull_up_count >= 0 AND actual_pull_up_count >= 0)
);
COMMENT ON TABLE content.submissions IS
  'a member''s film of pull-ups and what became of it; its status is a lifecycle'$ddl$),
  ('index', 'content.submissions_by_member',
   'CREATE INDEX submissions_by_member ON content.submissions (user_id, approved_at)'),
  ('index', 'content.submissions_one_pending',
   'CREATE UNIQUE INDEX submissions_one_pending ON content.submissions (user_id) WHERE status = ''pending''');

-- The host alone decides: an address with a user before an @, a port or anything else that could mislead has no
-- platform. A host has 253 characters at most, so no more is read: a longer text could keep the pattern busy.
CREATE FUNCTION content.platform_of(url text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
           WHEN length(host) > 253 THEN NULL
           WHEN host ~ '(^|\.)(youtube\.com|youtu\.be)$'             THEN 'youtube'
           WHEN host ~ '(^|\.)tiktok\.com$'                          THEN 'tiktok'
           WHEN host ~ '(^|\.)(instagram\.com|instagr\.am)$'         THEN 'instagram'
           WHEN host ~ '(^|\.)(facebook\.com|fb\.com|fb\.watch)$'    THEN 'facebook'
         END
    FROM substring(lower(left(url, 300) COLLATE "C") FROM '^https?://([a-z0-9][a-z0-9.-]*)(?:[/?#]|$)') AS host
$$;
COMMENT ON FUNCTION content.platform_of(text) IS
  'the platform a video is on: youtube, tiktok, instagram or facebook by the host of its address, else NULL';
