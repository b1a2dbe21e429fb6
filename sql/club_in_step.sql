-- Columns in step under the club's native writing: it knows one of the names, whoever reads the other sees the same, on either path.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM pull_up_club.install();

-- member i has the id 0…0i, his submission 10…0i
CREATE FUNCTION pg_temp.member(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.submission(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('10000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid $$;
INSERT INTO auth.users (id) SELECT pg_temp.member(i) FROM generate_series(1, 4) AS i;
UPDATE auth_management.profiles SET full_name = 'Member', gender = 'Male', age = 30, region = 'Coast', paypal_email = 'pay@example.org';
INSERT INTO content.submissions (id, user_id, video_url, pull_up_count) SELECT pg_temp.submission(i), pg_temp.member(i), 'https://youtu.be/x', 20 FROM generate_series(1, 4) AS i;
ALTER TABLE finance.weekly_pools ADD remaining_dollars numeric(10,2), ADD label text;
SELECT lifeguard.keep_in_step('finance.weekly_pools', 'remaining_amount_dollars', 'remaining_dollars'),
       lifeguard.derive_column('finance.weekly_pools', 'label', 'new.spent_dollars || '' of '' || new.total_amount_dollars');
ALTER TABLE finance.weekly_earnings ADD dollars numeric;
SELECT lifeguard.keep_in_step('finance.weekly_earnings', 'earning_amount_dollars', 'dollars');

-- a new pool, and each approval
SELECT finance.ensure_pool() IS NOT NULL;
SELECT total_amount_dollars, remaining_amount_dollars, remaining_dollars, label FROM finance.weekly_pools;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 10 WHERE id IN (pg_temp.submission(1), pg_temp.submission(2));
SET lifeguard.direct_writes = off;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 10 WHERE id = pg_temp.submission(3);
RESET lifeguard.direct_writes;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 10 WHERE id = pg_temp.submission(4);
SELECT remaining_amount_dollars, remaining_dollars, spent_dollars, label FROM finance.weekly_pools;
SELECT earning_amount_dollars, dollars, count(*) FROM finance.weekly_earnings GROUP BY 1, 2;

-- given back
UPDATE content.submissions SET status = 'rejected', notes = 'reversed' WHERE id = pg_temp.submission(1);
SELECT remaining_amount_dollars, remaining_dollars, label FROM finance.weekly_pools;
SELECT * FROM lifeguard.out_of_step('finance.weekly_pools');
SELECT * FROM lifeguard.out_of_step('finance.weekly_earnings');

SELECT count(*) > 0 AS removed FROM pull_up_club.uninstall(keep_data => false);
DROP SCHEMA auth CASCADE;
