-- A club that spells organisation so, keeps its states in an enum and its dollars in whole numbers, and has no monitoring schema, badges,
-- graphics or outboxes. Deterministic data.
CREATE SCHEMA IF NOT EXISTS auth;
CREATE TABLE IF NOT EXISTS auth.users (id uuid PRIMARY KEY, email text UNIQUE, raw_user_meta_data jsonb NOT NULL DEFAULT '{}');
CREATE TYPE public.submission_status AS ENUM ('pending', 'approved', 'rejected');
CREATE TABLE public.profiles (
  id           uuid PRIMARY KEY REFERENCES auth.users (id),
  email        text,
  full_name    text NOT NULL,
  age          int,
  gender       text,
  organisation text,
  region       text,
  role         text NOT NULL DEFAULT 'user',
  paypal_email text
);
CREATE TABLE public.admin_roles (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL UNIQUE REFERENCES public.profiles (id), is_active boolean NOT NULL DEFAULT true);
CREATE TABLE public.submissions (
  id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id              uuid NOT NULL REFERENCES public.profiles (id) ON DELETE CASCADE,
  video_url            text NOT NULL,
  pull_up_count        int NOT NULL,
  actual_pull_up_count int,
  status               public.submission_status NOT NULL DEFAULT 'pending',
  organisation         text,
  "order"              int,        -- a name that has to be quoted, and nobody's business
  approved_at          timestamptz,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.weekly_pools (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  week_start_date  date NOT NULL UNIQUE,
  week_end_date    date NOT NULL,
  pool_amount_dollars int NOT NULL,
  spent_dollars    int NOT NULL DEFAULT 0,
  is_current       boolean NOT NULL DEFAULT false
);
CREATE TABLE public.weekly_earnings (
  id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id        uuid NOT NULL REFERENCES public.profiles (id),
  weekly_pool_id uuid NOT NULL REFERENCES public.weekly_pools (id),
  submission_id  uuid NOT NULL UNIQUE REFERENCES public.submissions (id),
  pull_up_count  int NOT NULL,
  earning_amount_dollars int NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.user_earnings (
  id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id        uuid NOT NULL REFERENCES public.profiles (id),
  month          text NOT NULL,
  dollars_earned int NOT NULL,
  UNIQUE (user_id, month)
);
CREATE TABLE public.payout_requests (
  id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id        uuid NOT NULL REFERENCES public.profiles (id),
  amount_dollars int NOT NULL,
  status         text NOT NULL DEFAULT 'pending',
  month_year     text NOT NULL,
  UNIQUE (user_id, month_year)
);

INSERT INTO auth.users (id, email) SELECT md5('member ' || i)::uuid, 'member' || i || '@example.org' FROM generate_series(1, 30) AS i;
INSERT INTO public.profiles (id, email, full_name, age, gender, organisation, region, paypal_email)
SELECT md5('member ' || i)::uuid, 'member' || i || '@example.org', 'Member ' || i, 20 + i, 'Male', 'Club ' || i % 4, 'Region ' || i % 3, 'pay' || i || '@example.org' FROM generate_series(1, 30) AS i;
INSERT INTO public.admin_roles (user_id) VALUES (md5('member 1')::uuid);
INSERT INTO public.weekly_pools (week_start_date, week_end_date, pool_amount_dollars, is_current)
SELECT monday, monday + 6, 500, w = 0 FROM generate_series(0, 2) AS w, LATERAL (SELECT date_trunc('week', now() AT TIME ZONE 'UTC')::date - 7 * w) AS x(monday);
INSERT INTO public.submissions (id, user_id, video_url, pull_up_count, actual_pull_up_count, status, organisation, approved_at)
SELECT md5('submission ' || i)::uuid, md5('member ' || i)::uuid, 'https://youtu.be/' || i, 10, 9, 'approved', 'Club ' || i % 4,
       (date_trunc('week', now() AT TIME ZONE 'UTC') - interval '6 days') AT TIME ZONE 'UTC' FROM generate_series(1, 30) AS i;
INSERT INTO public.weekly_earnings (user_id, weekly_pool_id, submission_id, pull_up_count, earning_amount_dollars, created_at)
SELECT s.user_id, p.id, s.id, 9, 9, s.approved_at FROM public.submissions s JOIN public.weekly_pools p ON (s.approved_at AT TIME ZONE 'UTC')::date BETWEEN p.week_start_date AND p.week_end_date;
UPDATE public.weekly_pools p SET spent_dollars = coalesce((SELECT sum(earning_amount_dollars) FROM public.weekly_earnings e WHERE e.weekly_pool_id = p.id), 0);
INSERT INTO public.user_earnings (user_id, month, dollars_earned) SELECT user_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM'), sum(earning_amount_dollars) FROM public.weekly_earnings GROUP BY 1, 2;
INSERT INTO public.payout_requests (user_id, amount_dollars, month_year) SELECT user_id, dollars_earned, month FROM public.user_earnings;
INSERT INTO public.submissions (id, user_id, video_url, pull_up_count, organisation) SELECT md5('pending ' || i)::uuid, md5('member ' || i)::uuid, 'https://youtu.be/p' || i, 12, 'Club X' FROM generate_series(1, 30) AS i;
