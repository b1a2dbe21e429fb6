-- A club of the other family: weeks as timestamptz (their end is the last second), dollars as numeric under other names, one row of
-- user_earnings a submission and nothing a month, admins without is_active. Deterministic data.
CREATE SCHEMA IF NOT EXISTS auth;
CREATE TABLE IF NOT EXISTS auth.users (id uuid PRIMARY KEY, email text UNIQUE, raw_user_meta_data jsonb NOT NULL DEFAULT '{}');
CREATE SCHEMA club;
CREATE TABLE club.user_profiles (
  id               uuid PRIMARY KEY REFERENCES auth.users (id) ON DELETE CASCADE,
  email            text,
  full_name        text,
  age              smallint,
  gender           varchar,
  club_affiliation text,
  location         text,
  user_role        text NOT NULL DEFAULT 'user',
  paypal_email     text,
  has_paid         boolean NOT NULL DEFAULT false,
  created_at       timestamp NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE club.admin_roles (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL UNIQUE REFERENCES club.user_profiles (id));
CREATE TABLE club.video_submissions (
  id               uuid PRIMARY KEY,
  user_id          uuid NOT NULL REFERENCES club.user_profiles (id),
  video_url        text NOT NULL,
  pullup_count     bigint NOT NULL,
  verified_count   bigint,
  status           varchar(20) NOT NULL DEFAULT 'pending',
  club_affiliation text,
  admin_notes      text,
  submitted_at     timestamptz NOT NULL DEFAULT now(),
  approved_at      timestamptz
);
CREATE TABLE club.weekly_pools (
  id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  week_start        timestamptz NOT NULL,
  week_end          timestamptz NOT NULL,
  total_dollars     numeric(12,2) NOT NULL DEFAULT 250,
  remaining_dollars numeric(12,2) NOT NULL DEFAULT 250,
  is_current        boolean NOT NULL DEFAULT false
);
CREATE TABLE club.user_earnings (
  id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id        uuid NOT NULL REFERENCES club.user_profiles (id),
  submission_id  uuid NOT NULL REFERENCES club.video_submissions (id),
  pool_id        uuid NOT NULL REFERENCES club.weekly_pools (id),
  dollars_earned numeric(12,2) NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE club.payouts (
  id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id        uuid NOT NULL REFERENCES club.user_profiles (id),
  amount         numeric(12,2) NOT NULL,
  status         text NOT NULL DEFAULT 'pending',
  month          text NOT NULL
);

INSERT INTO auth.users (id, email) SELECT md5('member ' || i)::uuid, 'member' || i || '@example.org' FROM generate_series(1, 40) AS i;
INSERT INTO club.user_profiles (id, email, full_name, age, gender, club_affiliation, location, paypal_email)
SELECT md5('member ' || i)::uuid, 'member' || i || '@example.org', 'Member ' || i, 16 + i, CASE WHEN i % 3 = 0 THEN 'Female' ELSE 'Male' END, 'Club ' || i % 5, 'Region ' || i % 3,
       'pay' || i || '@example.org' FROM generate_series(1, 40) AS i;
INSERT INTO club.admin_roles (user_id) VALUES (md5('member 1')::uuid);
INSERT INTO club.weekly_pools (week_start, week_end, total_dollars, remaining_dollars, is_current)
SELECT monday AT TIME ZONE 'UTC', (monday + interval '7 days' - interval '1 second') AT TIME ZONE 'UTC', 1000, 1000, w = 0
  FROM generate_series(0, 3) AS w, LATERAL (SELECT date_trunc('week', now() AT TIME ZONE 'UTC') - w * interval '7 days') AS x(monday);
INSERT INTO club.video_submissions (id, user_id, video_url, pullup_count, verified_count, status, club_affiliation, submitted_at, approved_at)
SELECT md5('submission ' || i || '.' || w)::uuid, md5('member ' || i)::uuid, 'https://youtu.be/' || i || w, 1 + (i + w) % 20, 1 + (i + w) % 18, 'approved', 'Club ' || i % 5, at, at
  FROM generate_series(1, 40) AS i, generate_series(1, 3) AS w,
       LATERAL (SELECT (date_trunc('week', now() AT TIME ZONE 'UTC') - w * interval '7 days' + i % 6 * interval '1 day' + interval '9 hours') AT TIME ZONE 'UTC') AS x(at);
INSERT INTO club.user_earnings (user_id, submission_id, pool_id, dollars_earned, created_at)
SELECT s.user_id, s.id, p.id, s.verified_count, s.approved_at FROM club.video_submissions s JOIN club.weekly_pools p ON s.approved_at BETWEEN p.week_start AND p.week_end;
UPDATE club.weekly_pools p SET remaining_dollars = total_dollars - coalesce((SELECT sum(dollars_earned) FROM club.user_earnings e WHERE e.pool_id = p.id), 0);
INSERT INTO club.payouts (user_id, amount, month)
SELECT user_id, sum(dollars_earned), to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM') FROM club.user_earnings GROUP BY 1, 3;
INSERT INTO club.video_submissions (id, user_id, video_url, pullup_count, club_affiliation)
SELECT md5('pending ' || i)::uuid, md5('member ' || i)::uuid, 'https://youtu.be/p' || i, 12, 'Club ' || i % 5 FROM generate_series(1, 40) AS i;

-- the trigger that paid, and one that is nobody's business here
CREATE FUNCTION club.pay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF new.status = 'approved' AND old.status <> 'approved' THEN
    INSERT INTO club.user_earnings (user_id, submission_id, pool_id, dollars_earned)
    SELECT new.user_id, new.id, id, new.verified_count FROM club.weekly_pools WHERE is_current;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER pay AFTER UPDATE ON club.video_submissions FOR EACH ROW EXECUTE FUNCTION club.pay();
