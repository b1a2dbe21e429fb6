-- What the years did to the legacy club's rows: loaded after bench/legacy, with the triggers and keys off, as it happened.
SET session_replication_role = replica;
-- two pools for one week, both with earnings
INSERT INTO public.weekly_pools (id, week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, remaining_dollars, spent_dollars, month_year)
SELECT md5('second pool')::uuid, week_start_date, week_end_date, 250, 239, 239, 11, month_year FROM public.weekly_pools ORDER BY week_start_date OFFSET 3 LIMIT 1;
UPDATE public.weekly_earnings SET weekly_pool_id = md5('second pool')::uuid, earning_amount_dollars = 11, pull_up_count = greatest(pull_up_count, 11)
 WHERE id = (SELECT e.id FROM public.weekly_earnings e JOIN public.weekly_pools p ON p.id = e.weekly_pool_id
              WHERE p.week_start_date = (SELECT week_start_date FROM public.weekly_pools WHERE id = md5('second pool')::uuid) ORDER BY e.submission_id LIMIT 1);
-- a pool that was spent $71 too much
UPDATE public.weekly_pools SET remaining_amount_dollars = -71, remaining_dollars = -71, spent_dollars = total_amount_dollars + 71
 WHERE id = (SELECT id FROM public.weekly_pools ORDER BY week_start_date OFFSET 1 LIMIT 1);
-- a state that nobody knows
UPDATE public.submissions SET status = 'bogus' WHERE id = (SELECT id FROM public.submissions WHERE status = 'pending' ORDER BY id LIMIT 1);
-- an earning whose submission is gone
DELETE FROM public.submissions WHERE id = (SELECT submission_id FROM public.weekly_earnings e JOIN public.weekly_pools p ON p.id = e.weekly_pool_id ORDER BY p.week_start_date, submission_id LIMIT 1);
-- an approval that was never paid
DELETE FROM public.weekly_earnings WHERE submission_id = (SELECT id FROM public.submissions WHERE status = 'approved' ORDER BY approved_at DESC, id LIMIT 1);
-- an earning out of the pool that was marked as current, weeks later
UPDATE public.weekly_earnings SET weekly_pool_id = (SELECT id FROM public.weekly_pools ORDER BY week_start_date DESC LIMIT 1)
 WHERE submission_id = (SELECT id FROM public.submissions WHERE status = 'approved' ORDER BY approved_at DESC, id OFFSET 5 LIMIT 1);
SET session_replication_role = origin;
