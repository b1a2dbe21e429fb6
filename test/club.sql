-- What the club's tests share: the club, members and submissions by numbers, and a view of all that is wrong.
SET client_min_messages = warning;
\o /dev/null
CREATE EXTENSION pull_up_club CASCADE;
SELECT pull_up_club.install();
SELECT pull_up_club.set('cooldown_days', '0');
\o
CREATE SCHEMA test;

CREATE FUNCTION test.member(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid
$$;
CREATE FUNCTION test.submission(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT ('10000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid
$$;

-- Members who have said all that a profile asks for.
CREATE PROCEDURE test.add_members(first int, last int) LANGUAGE sql AS $$
  INSERT INTO auth.users (id, email, raw_user_meta_data)
  SELECT test.member(i), 'member' || i || '@example.org', jsonb_build_object('full_name', 'Member ' || i) FROM generate_series(first, last) AS i;
  UPDATE auth_management.profiles p
     SET gender = CASE i % 2 WHEN 0 THEN 'Female' ELSE 'Male' END, age = 30, region = 'Coast', paypal_email = 'pay' || i || '@example.org'
    FROM generate_series(first, last) AS i WHERE p.id = test.member(i)
$$;

-- Pending submissions first to last, of members first to last; where there are fewer members, each has several.
CREATE PROCEDURE test.add_submissions(first int, last int, members int DEFAULT 1000000) LANGUAGE sql AS $$
  INSERT INTO content.submissions (id, user_id, video_url, pull_up_count)
  SELECT test.submission(i), test.member((i - 1) % members + 1), 'https://youtu.be/' || i, 20 FROM generate_series(first, last) AS i
$$;

\ir wrong.sql
