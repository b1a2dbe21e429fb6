\ir look.sql
\echo
\echo '== 2. A week =='
\echo
\echo 'Fifteen people sign up; their profiles follow by themselves. Each films one set of pull-ups.'
\echo
\o /dev/null
CREATE TABLE public.cast_list (place int, id uuid DEFAULT gen_random_uuid(), name text, gender text, counted int);
INSERT INTO public.cast_list (place, name, gender, counted) VALUES
  (1, 'Ada', 'Female', 24), (2, 'Ben', 'Male', 22), (3, 'Cleo', 'Female', 20), (4, 'Dan', 'Male', 25), (5, 'Eva', 'Female', 18),
  (6, 'Finn', 'Male', 23), (7, 'Gwen', 'Female', 21), (8, 'Hugo', 'Male', 26), (9, 'Iris', 'Female', 19), (10, 'Jack', 'Male', 20),
  (11, 'Kim', 'Female', 22), (12, 'Luis', 'Male', 21), (13, 'Nora', 'Female', 18), (14, 'Omar', 'Male', 18), (15, 'Zoe', 'Female', 20);
INSERT INTO auth.users (id, email, raw_user_meta_data)
SELECT id, lower(name) || '@example.org', jsonb_build_object('full_name', name) FROM public.cast_list;
UPDATE auth_management.profiles p SET gender = c.gender, age = 30, region = 'Coast', paypal_email = p.email FROM public.cast_list c WHERE c.id = p.id;
UPDATE auth_management.profiles SET role = 'influencer' WHERE full_name = 'Zoe';
INSERT INTO content.submissions (user_id, video_url, pull_up_count)
SELECT id, 'https://youtu.be/' || lower(name), counted + 2 FROM public.cast_list ORDER BY place;
\o
SELECT p.full_name AS member, s.platform, s.pull_up_count AS claimed, s.status
  FROM content.submissions s JOIN auth_management.profiles p ON p.id = s.user_id JOIN public.cast_list c ON c.id = p.id
 WHERE c.place <= 4 ORDER BY c.place;
\echo '... and eleven more. An admin watches them and approves twelve; each approval is one UPDATE:'
\echo
\echo '    UPDATE content.submissions SET status = ''approved'', actual_pull_up_count = 24 WHERE id = ...;'
\echo
\o /dev/null
SELECT format('UPDATE content.submissions SET status = ''approved'', actual_pull_up_count = %s WHERE user_id = %L', counted, id)
  FROM public.cast_list WHERE place <= 12 ORDER BY place \gexec
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 20
 WHERE user_id = (SELECT id FROM public.cast_list WHERE name = 'Zoe');
\o
SELECT p.full_name AS member, e.pull_up_count AS counted, '$' || e.earning_amount_dollars AS earned,
       '$' || 250 - sum(e.earning_amount_dollars) OVER (ORDER BY c.place) AS "left in the pool", e.reason AS "why less",
       (SELECT string_agg(b.name, ', ' ORDER BY b.min_pull_ups) FROM content.user_badges u JOIN content.badges b ON b.id = u.badge_id WHERE u.user_id = p.id) AS badges
  FROM finance.weekly_earnings e JOIN auth_management.profiles p ON p.id = e.user_id JOIN public.cast_list c ON c.id = p.id
 ORDER BY c.place;
\echo 'Luis took what was left of the week. Zoe is an influencer: she is counted, badged and drawn, but not paid, and the row says why.'
\echo
\echo 'What those approvals wrote, and what must add up:'
\echo
SELECT 'spent by the pool' AS what, '$' || spent_dollars AS sum FROM finance.weekly_pools
UNION ALL SELECT 'paid by earnings', '$' || sum(earning_amount_dollars) FROM finance.weekly_earnings
UNION ALL SELECT 'in the members'' months', '$' || sum(total_earned_dollars) FROM finance.user_earnings
UNION ALL SELECT 'in payout requests', '$' || sum(amount_dollars) FROM finance.payout_requests
UNION ALL SELECT 'badges awarded', count(*)::text FROM content.user_badges
UNION ALL SELECT 'monthly cards drawn', count(*)::text FROM content.monthly_graphics;
