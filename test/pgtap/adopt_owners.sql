-- Whose the tables are: an ordinary role adopts its own club, a superuser runs nobody else's code, and a stranger's table is not the club's.
SELECT no_plan();
SET client_min_messages = error;
SET timezone = 'UTC';
\set users 12
\set weeks 2
\set pending 12
\ir ../../bench/legacy/00_supabase.sql
\ir ../../bench/legacy/10_tables.sql
\ir ../../bench/legacy/20_cascade.sql
\ir ../../bench/legacy/30_policies.sql
\ir ../../bench/legacy/40_load.sql
\ir ../adopt/compare.sql
CREATE EXTENSION pull_up_club CASCADE;
GRANT USAGE ON SCHEMA test TO PUBLIC;
UPDATE pull_up_club.settings SET monthly_cap_scope = 'member';

CREATE FUNCTION test.as_role(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  hint   text;
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', role);
  EXECUTE statement;
  RESET ROLE;
  RETURN 'done';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' ', SQLSTATE, SQLERRM, nullif(detail, ''), hint);
END $$;

-- ---------------------------------------------------------------- a stranger's table

CREATE ROLE lifeguard_stranger;
GRANT CREATE, USAGE ON SCHEMA public TO lifeguard_stranger;
SET ROLE lifeguard_stranger;
CREATE TABLE public.payout_exclusions (user_id uuid, starts_at timestamptz);   -- who is not paid
RESET ROLE;
SELECT matches(test.as_role('postgres', statement), '^LG108 NOT_PERMITTED: .*public.payout_exclusions belongs to lifeguard_stranger.*one role''s', 'a stranger''s table is not taken for the club''s: ' || statement)
  FROM unnest(ARRAY['SELECT * FROM pull_up_club.adopt()', 'SELECT * FROM pull_up_club.adopt(dry_run => false)']) AS statement;
ALTER TABLE public.payout_exclusions RENAME TO payout_exclusions_of_a_stranger;
SELECT ok(EXISTS (SELECT FROM pull_up_club.adopt() WHERE object = 'auth_management.payout_exclusions' AND what = 'create the table'), 'under another name it is in nobody''s way');
DROP OWNED BY lifeguard_stranger;
DROP ROLE lifeguard_stranger;

-- ---------------------------------------------------------------- an owner who is no superuser

CREATE ROLE lifeguard_owner;
CREATE TABLE test.runs (who name);
GRANT SELECT, INSERT ON test.runs TO PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO lifeguard_owner;
GRANT USAGE ON SCHEMA auth TO lifeguard_owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public, auth TO lifeguard_owner;
SELECT format('ALTER TABLE %s OWNER TO lifeguard_owner', oid::regclass) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'system_logs' \gexec
SET ROLE lifeguard_owner;
CREATE FUNCTION public.note_run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO test.runs VALUES (current_user); RETURN new; END $$;
CREATE TRIGGER note_run BEFORE INSERT OR UPDATE ON public.admin_roles FOR EACH ROW EXECUTE FUNCTION public.note_run();
CREATE FUNCTION public.note_check(uuid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO test.runs VALUES (current_user); RETURN true; END $$;
ALTER TABLE public.weekly_earnings ADD CHECK (public.note_check(id));
ALTER TABLE public.weekly_pools ADD CHECK (public.note_check(id));
RESET ROLE;
DELETE FROM test.runs;

SELECT matches(test.as_role('postgres', statement), '^LG108 NOT_PERMITTED: .*belongs to lifeguard_owner.*SET ROLE lifeguard_owner', 'a superuser does not run what the owner wrote: ' || statement)
  FROM unnest(ARRAY['SELECT * FROM pull_up_club.adopt()', 'SELECT * FROM pull_up_club.adopt(dry_run => false)']) AS statement;
SELECT is_empty('TABLE test.runs', 'nor has any of it run');

-- all that he is told to lack is what he needs, and he is told once
CREATE PROCEDURE test.grant_what_it_lacks(role name, statement text) LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  lacks  text;
BEGIN
  BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE statement;
  EXCEPTION WHEN SQLSTATE 'LG108' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  END;
  RESET ROLE;
  FOR lacks IN SELECT jsonb_array_elements_text(detail::jsonb -> 'lacks') LOOP
    EXECUTE CASE WHEN lacks LIKE 'the role %' THEN format('GRANT %s TO %I', substr(lacks, 10), role)
                 WHEN lacks LIKE '% WITH GRANT OPTION %' THEN format('GRANT %s TO %I WITH GRANT OPTION', replace(lacks, ' WITH GRANT OPTION', ''), role)
                 ELSE format('GRANT %s TO %I', lacks, role) END;
  END LOOP;
END $$;
GRANT USAGE ON SCHEMA pull_up_club, lifeguard, monitoring TO lifeguard_owner;
CALL test.grant_what_it_lacks('lifeguard_owner', 'SELECT * FROM pull_up_club.adopt()');
SET ROLE lifeguard_owner;
SELECT lives_ok('SELECT * FROM pull_up_club.adopt(dry_run => false)', 'with what he was told to lack the owner adopts');
SELECT is_empty('SELECT * FROM pull_up_club.adopt(dry_run => false)', 'wholly: a second time nothing is missing');
RESET ROLE;
SELECT ok(has_schema_privilege('anon', 'content', 'USAGE') AND has_function_privilege('service_role', 'finance.ensure_pool(date)', 'EXECUTE'), 'and the API''s roles are let in');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE prosecdef AND pronamespace::regnamespace::text IN ('auth_management', 'content', 'finance', 'analytics') AND proowner <> 'lifeguard_owner'::regrole$$,
                'what runs with its owner''s rights is his');
UPDATE public.submissions SET status = 'approved', actual_pull_up_count = 18 WHERE status = 'pending';
SELECT ok(EXISTS (SELECT FROM public.weekly_earnings WHERE earning_amount_dollars = 18), 'approvals pay');

SELECT matches(test.as_role('postgres', statement), '^LG108 NOT_PERMITTED: .*belongs to lifeguard_owner', 'nor afterwards: ' || statement)
  FROM unnest(ARRAY['SELECT * FROM pull_up_club.repair()', 'SELECT * FROM pull_up_club.release()', 'SELECT * FROM pull_up_club.replace_policies()', 'SELECT * FROM pull_up_club.restore_policies()',
                    'SELECT * FROM pull_up_club.move_to_schemas()', 'SELECT * FROM pull_up_club.move_back()']) AS statement;
SET ROLE lifeguard_owner;
UPDATE public.weekly_earnings SET earning_amount_dollars = 17 WHERE id = (SELECT id FROM public.weekly_earnings WHERE earning_amount_dollars = 18 LIMIT 1);
RESET ROLE;
CALL test.grant_what_it_lacks('lifeguard_owner', 'SELECT * FROM pull_up_club.repair()');
SET ROLE lifeguard_owner;
SELECT results_eq($$SELECT repair FROM pull_up_club.repair(dry_run => false)$$, ARRAY['pool_balances'], 'the owner repairs');
SELECT lives_ok('SELECT * FROM pull_up_club.replace_policies(dry_run => false)', 'gives the club its policies');
SELECT lives_ok('SELECT * FROM pull_up_club.move_to_schemas(dry_run => false)', 'moves it');
SELECT lives_ok('SELECT * FROM pull_up_club.release()', 'and lets it go');
RESET ROLE;
SELECT is_empty($$SELECT * FROM test.runs WHERE who <> 'lifeguard_owner'$$, 'what he wrote has run as him alone');
SELECT ok(EXISTS (SELECT FROM test.runs), 'and it has run');
DROP OWNED BY lifeguard_owner CASCADE;
DROP ROLE lifeguard_owner;
SELECT * FROM finish();
