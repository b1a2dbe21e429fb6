-- The club's database as it was in May 2025: the lints name the hole through which profiles could not be saved for five months.
SELECT no_plan();
SET client_min_messages = error;
\ir ../../bench/legacy/00_supabase.sql
\ir ../../bench/legacy/10_tables.sql
\ir ../../bench/legacy/20_cascade.sql
\ir ../../bench/legacy/30_policies.sql
CREATE EXTENSION lifeguard;
CREATE TABLE pg_temp.found AS SELECT * FROM monitoring.lint();

SELECT is(why, 'UPDATE on public.profiles is granted to authenticated, and no permissive policy lets it through: the statement ends with "UPDATE 0" and no error.',
          'the policy that was dropped is missed') FROM pg_temp.found WHERE lint = 'command_without_policy' AND object = 'UPDATE on public.profiles';
SELECT set_eq($$SELECT object FROM pg_temp.found WHERE lint = 'row_security_off'$$,
  $$SELECT 'public.' || unnest('{admin_roles,badges,user_badges,monthly_graphics,notification_queue,email_notifications,system_logs}'::text[])$$, 'every open table is found, and no other');
SELECT set_eq($$SELECT object FROM pg_temp.found WHERE lint = 'several_permissive_policies'$$,
  $$SELECT 'public.' || unnest('{submissions,weekly_earnings,user_earnings,payout_requests}'::text[])$$, 'and the competing policies');
SELECT set_eq($$SELECT object FROM pg_temp.found WHERE lint = 'trusts_writable_column'$$, $$VALUES ('public.is_admin()'), ('policy user_earnings_admin on public.user_earnings')$$,
  'anybody could make himself an admin, in two ways');
SELECT set_eq($$SELECT object FROM pg_temp.found WHERE lint = 'definer_open_to_anyone'$$, $$VALUES ('public.process_submission_earnings(uuid,uuid,integer)')$$, 'and pay himself');
SELECT is(count(*), 6::bigint, 'six functions run as their owner with the caller''s search_path') FROM pg_temp.found WHERE lint = 'definer_without_search_path';
SELECT is(count(*), 12::bigint, 'every policy that asks who asks does it for each row') FROM pg_temp.found WHERE lint = 'per_row_helper';
SELECT is_empty($$SELECT * FROM pg_temp.found WHERE lint NOT IN ('command_without_policy', 'row_security_off', 'several_permissive_policies', 'trusts_writable_column',
                    'definer_open_to_anyone', 'definer_without_search_path', 'per_row_helper')$$, 'nothing else is said');
SELECT * FROM finish();
