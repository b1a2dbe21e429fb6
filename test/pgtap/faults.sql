-- Everything at once: a healthy club and a shop beside it, then dozens of faults together. Each is found by its check and its object, and all that is found comes from one of them;
-- then all are mended, by the remedies that were told where these are statements, and the score is 100 again.
\ir ../club.sql
SELECT no_plan();
SET client_min_messages = error;
SET search_path = public;
\o /dev/null

-- a healthy database ----------------------------------------------------------------------------------------------------------
CALL test.add_members(1, 12);
CALL test.add_submissions(1, 6);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 10 + right(id::text, 1)::int;
CALL test.add_submissions(7, 9);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 30, approved_at = now() - interval '40 days' WHERE id = test.submission(7);
UPDATE content.submissions SET status = 'rejected', notes = 'no' WHERE id = test.submission(8);
SELECT monitoring.update_current_pool();
CREATE FUNCTION test.week() RETURNS date LANGUAGE sql AS $$ SELECT date_trunc('week', pull_up_club.local_date(now()))::date $$;
CREATE FUNCTION test.pool() RETURNS uuid LANGUAGE sql AS $$ SELECT id FROM finance.weekly_pools WHERE week_start_date = test.week() $$;
CREATE FUNCTION test.earlier_week() RETURNS date LANGUAGE sql AS $$ SELECT min(week_start_date) FROM finance.weekly_pools $$;
CREATE FUNCTION test.month() RETURNS text LANGUAGE sql AS $$ SELECT pull_up_club.month_of(now()) $$;
CREATE FUNCTION test.earning(i int) RETURNS uuid LANGUAGE sql AS $$ SELECT id FROM finance.weekly_earnings WHERE submission_id = test.submission(i) $$;

CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO authenticated;
CREATE TABLE shop.customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
CREATE TABLE shop.orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES shop.customers, state text NOT NULL DEFAULT 'open', total numeric);
CREATE INDEX orders_customer ON shop.orders (customer);
CREATE TABLE shop.deliveries (id int PRIMARY KEY, "order" int REFERENCES shop.orders);
CREATE INDEX deliveries_order ON shop.deliveries ("order");
CREATE TABLE shop.entries (id int PRIMARY KEY, customer int REFERENCES shop.customers);
CREATE INDEX entries_customer ON shop.entries (customer);
CREATE TABLE shop.parcels (id int PRIMARY KEY, state text NOT NULL DEFAULT 'packed');
CREATE TABLE shop.prices (id int PRIMARY KEY, amount numeric, note text);
CREATE INDEX prices_amount ON shop.prices (amount);
CREATE TABLE shop.visits (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE shop.visits_2026 PARTITION OF shop.visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE shop.churn (id int PRIMARY KEY) WITH (autovacuum_enabled = false);
CREATE TABLE shop.notes (id int PRIMARY KEY, owner uuid);
ALTER TABLE shop.notes ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON shop.notes (owner);
GRANT SELECT ON shop.notes TO authenticated;
CREATE POLICY own ON shop.notes FOR SELECT TO authenticated USING (owner = (SELECT lifeguard.uid()));
INSERT INTO shop.customers (name) SELECT 'customer ' || i FROM generate_series(1, 10) i;
INSERT INTO shop.orders SELECT i, i FROM generate_series(1, 10) i;
INSERT INTO shop.deliveries SELECT i, i FROM generate_series(1, 10) i;
INSERT INTO shop.prices SELECT i, i FROM generate_series(1, 10) i;
SELECT lifeguard.create_lifecycle('shop.orders', 'state', '{open}'), lifeguard.add_transition('shop.orders', 'open', 'sent'), lifeguard.add_history('shop.orders');
SELECT lifeguard.create_lifecycle('shop.parcels', 'state', '{packed}'), lifeguard.add_transition('shop.parcels', 'packed', 'sent');
UPDATE shop.orders SET state = 'sent' WHERE id = 1;
SELECT lifeguard.audit('shop.prices'), lifeguard.audit('shop.visits');
UPDATE shop.prices SET amount = amount + 1;
CREATE FUNCTION shop.small(state text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
SELECT lifeguard.add_guard('shop.parcels', 'packed', 'sent', 'shop.small(new.state)', 'only small ones');
CREATE FUNCTION shop.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER one BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.nothing();
CREATE TRIGGER lone BEFORE UPDATE ON shop.notes FOR EACH ROW EXECUTE FUNCTION shop.nothing();
CREATE VIEW shop.note_count WITH (security_invoker = true) AS SELECT count(*) FROM shop.notes;
GRANT SELECT ON shop.note_count TO authenticated;
SELECT monitoring.remember_access('{auth_management.profiles}');

-- jobs are scheduled, and each has run
SELECT monitoring.add_job('shop prices', '0 4 * * *', 'SELECT count(*) FROM shop.prices', 'counts the prices');
SELECT * FROM monitoring.schedule_jobs();
SELECT format('SELECT monitoring.run_job(%L)', name) FROM monitoring.job_definitions ORDER BY name \gexec
SELECT monitoring.drain();
\o
SELECT is((SELECT jsonb_agg(r) FROM monitoring.run_checks() AS r WHERE r.status <> 'healthy'), NULL, 'a healthy club: no check finds anything');
SELECT is(monitoring.health() -> 'score', '100', 'its score is 100');

-- the faults ------------------------------------------------------------------------------------------------------------------
-- found: 'check: object' of all that comes of it, the first the fault itself. mend: 'remedy' is what its finding says, 'remedies' what each of its findings says; else a statement, where what is told is no statement.
CREATE TABLE test.faults (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text, found text[], fault text, mend text);
CREATE FUNCTION test.behind(statements text) RETURNS text LANGUAGE sql AS $$ SELECT format('SET session_replication_role = replica; %s; RESET session_replication_role', statements) $$;
INSERT INTO test.faults (what, found, fault, mend) VALUES
('an expired current pool', ARRAY['club_current_pool: pool of ' || test.earlier_week(), 'club_current_pool: pool of ' || test.week()],
 format('UPDATE finance.weekly_pools SET is_current = false; UPDATE finance.weekly_pools SET is_current = true WHERE week_start_date = %L', test.earlier_week()), 'remedy'),
('an earning out of the wrong week''s pool', ARRAY['club_earnings: earning ' || test.earning(7), 'club_pools: pool of ' || test.earlier_week()],
 test.behind(format('UPDATE finance.weekly_earnings SET weekly_pool_id = %L WHERE id = %L', test.pool(), test.earning(7))),
 test.behind(format('UPDATE finance.weekly_earnings SET weekly_pool_id = %L WHERE id = %L', (SELECT weekly_pool_id FROM finance.weekly_earnings WHERE id = test.earning(7)), test.earning(7)))),
('a pool at −$71', ARRAY['club_pools: pool of ' || test.week()],
 'ALTER TABLE finance.weekly_pools DROP CONSTRAINT weekly_pools_balance; '
 || test.behind(format('UPDATE finance.weekly_pools SET spent_dollars = 321, remaining_amount_dollars = -71 WHERE id = %L', test.pool())), 'remedy'),
('a constraint that is gone', ARRAY['club_objects: constraint weekly_pools_balance on finance.weekly_pools'], NULL,
 format('ALTER TABLE finance.weekly_pools ADD CONSTRAINT weekly_pools_balance %s', (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'weekly_pools_balance'))),
('an orphaned earning', ARRAY['club_earnings: earning ' || test.earning(1), 'orphans: weekly_earnings_submission_id_fkey on finance.weekly_earnings', 'club_missing_earnings: submission ' || test.submission(1)],
 test.behind(format('UPDATE finance.weekly_earnings SET submission_id = %L WHERE id = %L', test.submission(77), test.earning(1))),
 test.behind(format('UPDATE finance.weekly_earnings SET submission_id = %L WHERE id = %L', test.submission(1), test.earning(1)))),
('a disabled trigger of ours', '{rule_triggers: lifeguard_after on content.submissions,club_triggers: lifeguard_after on content.submissions}',
 'ALTER TABLE content.submissions DISABLE TRIGGER lifeguard_after', 'remedy'),
('approved while it was off: no earning', ARRAY['club_missing_earnings: submission ' || test.submission(9)],
 format('UPDATE content.submissions SET status = ''approved'', actual_pull_up_count = 14 WHERE id = %L', test.submission(9)), 'remedy'),
('nor a rank', ARRAY['club_ranks: member ' || test.member(9)], NULL, 'remedy'),
('nor badges, of which no check tells', '{}', NULL, format('SELECT content.award_badges(%L)', test.submission(9))),
('the cap''s ledger', ARRAY[format('club_months: %s of the club', test.month())],
 test.behind(format('UPDATE finance.monthly_totals SET spent_dollars = spent_dollars + 9 WHERE month_year = %L', test.month())),
 test.behind(format('UPDATE finance.monthly_totals SET spent_dollars = spent_dollars - 9 WHERE month_year = %L', test.month()))),
('a payout request of another amount', ARRAY[format('club_months: %s of member %s', test.month(), test.member(3))],
 test.behind(format('UPDATE finance.payout_requests SET amount_dollars = amount_dollars + 5 WHERE user_id = %L AND payout_month = %L', test.member(3), test.month())),
 test.behind(format('UPDATE finance.payout_requests SET amount_dollars = amount_dollars - 5 WHERE user_id = %L AND payout_month = %L', test.member(3), test.month()))),
('paid, and no Stripe id', ARRAY['club_paid_members: member ' || test.member(4)],
 test.behind(format('UPDATE auth_management.profiles SET is_paid = true WHERE id = %L', test.member(4))), test.behind(format('UPDATE auth_management.profiles SET is_paid = false WHERE id = %L', test.member(4)))),
('a row in an unknown state', ARRAY['lifecycles: content.submissions: rows in an unknown state: aproved: 1 rows', 'club_states: submission ' || test.submission(8)],
 test.behind(format('UPDATE content.submissions SET status = ''aproved'' WHERE id = %L', test.submission(8))), test.behind(format('UPDATE content.submissions SET status = ''rejected'' WHERE id = %L', test.submission(8)))),
('badges that were not given', ARRAY['club_badges: member ' || test.member(2)], test.behind(format('DELETE FROM content.user_badges WHERE user_id = %L', test.member(2))), 'remedy'),
('no graphic', ARRAY['club_graphics: graphics of ' || test.month()], test.behind(format('DELETE FROM content.monthly_graphics WHERE user_id = %L', test.member(2))), 'remedy'),
('row security that is off', '{club_security: finance.payout_requests,lints: row_security_off finance.payout_requests}', 'ALTER TABLE finance.payout_requests DISABLE ROW LEVEL SECURITY', 'remedy'),
('a dropped UPDATE policy', '{access_changes: UPDATE on auth_management.profiles for authenticated %,club_security: change ON auth_management.profiles,lints: command_without_policy UPDATE on auth_management.profiles}',
 'DROP POLICY change ON auth_management.profiles', 'SELECT pull_up_club.install()'),
('a dropped trigger of ours', '{club_triggers: lifeguard_before on finance.payout_requests,club_triggers: % ON finance.payout_requests,rule_triggers: lifeguard_before on finance.payout_requests}', 'DROP TRIGGER lifeguard_before ON finance.payout_requests', 'remedy'),
('a lifecycle that is gone', '{rule_triggers: lifeguard_before on shop.orders,rule_triggers: lifeguard_after on shop.orders}', 'DROP TRIGGER lifeguard_after ON shop.orders; DROP TRIGGER lifeguard_before ON shop.orders', 'remedies'),
('an audit that is off', '{rule_triggers: lifeguard_after on shop.prices}', 'ALTER TABLE shop.prices DISABLE TRIGGER lifeguard_after', 'remedy'),
('as a crash or a hand in the catalog leaves it', '{}', $$DELETE FROM pg_depend WHERE refobjid = 'shop.small(text)'::regprocedure$$, NULL),
('an audit that sees no TRUNCATE', '{rule_triggers: lifeguard_truncate on shop.visits,rule_triggers: lifeguard_truncate on shop.visits_2026}',
 'DROP TRIGGER lifeguard_truncate ON shop.visits; DROP TRIGGER lifeguard_truncate ON shop.visits_2026', 'remedies'),
('a rule whose call no longer resolves', '{rules_work: shop.parcels}', 'DROP FUNCTION shop.small(text)', $$SELECT lifeguard.drop_guard('shop.parcels', 'packed', 'sent')$$),
('an unresolved error', '{unresolved_errors: logged payment,club_errors: payment}', $$SELECT monitoring.log_error('payment', 'the bank said no')$$, 'remedy'),
('a handler that swallows', '{swallowing_handlers: shop.hides()}',
 $$CREATE FUNCTION shop.hides() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1 / 0; EXCEPTION WHEN OTHERS THEN RETURN NULL; END'$$, 'remedy'),
('what it swallowed', '{unresolved_errors: swallowed division_by_zero 22012,club_errors: division_by_zero}', 'SELECT shop.hides()', 'remedy'),
('an entry in quarantine', '{journal_works: quarantine}', $$INSERT INTO monitoring.quarantined_errors (reason, entry) VALUES ('no', '{}')$$, 'DELETE FROM monitoring.quarantined_errors'),
('a loss of the journal', '{journal_losses: journal_loss,club_errors: journal_loss}', $$INSERT INTO monitoring.system_errors (error_type, error_message) VALUES ('journal_loss', '12 entries could not be kept')$$, 'remedy'),
('a broken function', '{broken_functions: shop.broken()}',
 'SET check_function_bodies = off; CREATE FUNCTION shop.broken() RETURNS int LANGUAGE sql AS ''SELECT id FROM shop.nowhere''; RESET check_function_bodies', 'DROP FUNCTION shop.broken()'),
('three triggers on a table', '{many_triggers: shop.customers}',
 'CREATE TRIGGER two BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.nothing(); CREATE TRIGGER three BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.nothing()',
 'DROP TRIGGER three ON shop.customers; DROP TRIGGER two ON shop.customers'),
('a disabled trigger', '{disabled_triggers: lone on shop.notes}', 'ALTER TABLE shop.notes DISABLE TRIGGER lone', 'remedy'),
('triggers that come back', '{trigger_cascades: shop.prices}',
 $$CREATE FUNCTION shop.again() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE shop.prices SET amount = 1; RETURN NULL; END'; CREATE TRIGGER again AFTER DELETE ON shop.prices FOR EACH ROW EXECUTE FUNCTION shop.again()$$,
 'DROP FUNCTION shop.again() CASCADE'),
('a view past the policies', '{views_without_security_invoker: shop.note_count,lints: view_bypasses_policies shop.note_count}', 'ALTER VIEW shop.note_count RESET (security_invoker)', 'remedy'),
('anybody writes', '{lints: unrestricted_write %shop.notes%}', 'GRANT UPDATE ON shop.notes TO authenticated; CREATE POLICY anybody ON shop.notes FOR UPDATE TO authenticated USING (true)',
 'DROP POLICY anybody ON shop.notes; REVOKE UPDATE ON shop.notes FROM authenticated'),
('row security and no policy', '{lints: no_policies shop.prices}', 'ALTER TABLE shop.prices ENABLE ROW LEVEL SECURITY; GRANT SELECT ON shop.prices TO authenticated', 'remedy'),
('a function with its owner''s rights and its caller''s path', '{lints: definer_without_search_path shop.counts()}',
 $$CREATE FUNCTION shop.counts() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM shop.prices'; REVOKE EXECUTE ON FUNCTION shop.counts() FROM PUBLIC$$, 'remedy'),
('a job that never ran', '{jobs_missed: shop prices}', $$UPDATE monitoring.job_schedules SET scheduled_at = now() - interval '9 days' WHERE name = 'shop prices'; DELETE FROM monitoring.job_runs WHERE name = 'shop prices'$$,
 $$SELECT monitoring.run_job('shop prices')$$),
('a job that failed', '{jobs_failed: shop report,jobs_not_scheduled: shop report,unresolved_errors: logged job_failed%,club_errors: job_failed}',
 $$SELECT monitoring.add_job('shop report', '0 5 * * *', 'SELECT 1 / 0', 'fails'); SELECT monitoring.run_job('shop report')$$, $$SELECT monitoring.drop_job('shop report'); SELECT monitoring.resolve(id) FROM monitoring.unresolved_errors WHERE error_type = 'job_failed'$$),
('orphans', '{orphans: orders_customer_fkey on shop.orders}', test.behind('UPDATE shop.orders SET customer = 99 WHERE id = 3'), 'UPDATE shop.orders SET customer = 3 WHERE id = 3'),
('rows that break a constraint that is not validated', '{unvalidated_constraints: few on shop.deliveries}', 'ALTER TABLE shop.deliveries ADD CONSTRAINT few CHECK (id < 5) NOT VALID', 'ALTER TABLE shop.deliveries DROP CONSTRAINT few'),
('a constraint that was added again and not validated', '{unvalidated_constraints: profiles_admin_role on auth_management.profiles}',
 $$ALTER TABLE auth_management.profiles DROP CONSTRAINT profiles_admin_role, ADD CONSTRAINT profiles_admin_role FOREIGN KEY (admin_role_id) REFERENCES auth_management.admin_roles ON DELETE SET NULL NOT VALID$$, 'remedy'),
('a foreign key that is off', '{disabled_triggers: entries_customer_fkey on shop.entries}', 'ALTER TABLE shop.entries DISABLE TRIGGER ALL', 'remedy'),
('a foreign key without an index', '{foreign_keys_without_index: deliveries_order_fkey on shop.deliveries}', 'DROP INDEX shop.deliveries_order', 'remedy'),
('an index twice', '{duplicate_indexes: shop.again}', 'CREATE INDEX again ON shop.orders (customer)', 'remedy'),
('an invalid index', '{invalid_indexes: shop.prices_amount}', 'UPDATE pg_index SET indisvalid = false WHERE indexrelid = ''shop.prices_amount''::regclass', 'remedy'),
('a table without a primary key', '{tables_without_primary_key: shop.loose}', 'CREATE TABLE shop.loose (a int)', 'remedy'),
('a sequence near its end', '{sequences_near_end: shop.customers_id_seq}', 'SELECT setval(''shop.customers_id_seq'', 2140000000)', 'remedy'),
('dead rows that nobody vacuums', '{vacuum: shop.churn}', 'INSERT INTO shop.churn SELECT generate_series(1, 20000); DELETE FROM shop.churn; SELECT pg_stat_force_next_flush()', 'remedy'),
('a slot that nobody reads', '{replication: slot faults_slot}', 'SELECT pg_create_physical_replication_slot(''faults_slot'', true)', 'remedy'),
('nobody watches what rules use', '{rule_triggers: lifeguard_watch_ddl}', 'ALTER EVENT TRIGGER lifeguard_watch_ddl DISABLE', 'remedy');
SELECT cmp_ok(count(*), '>=', 25::bigint, 'the number of faults') FROM test.faults;
\o /dev/null
SELECT fault FROM test.faults WHERE fault IS NOT NULL ORDER BY n \gexec
SELECT monitoring.drain();
SELECT pg_stat_force_next_flush();
SELECT count(*) FROM monitoring.run_checks();
\o

CREATE VIEW test.expected AS SELECT f.n, f.what, f.mend, e.place, split_part(e.found, ': ', 1) AS name, substr(e.found, strpos(e.found, ': ') + 2) AS object FROM test.faults f, unnest(f.found) WITH ORDINALITY AS e(found, place);
CREATE TEMP TABLE findings AS
SELECT f ->> 'check' AS name, f ->> 'object' AS object, f ->> 'severity' AS severity, f ->> 'remedy' AS remedy, f ->> 'message' AS message FROM jsonb_array_elements(monitoring.health() -> 'findings') AS f;
SELECT ok(EXISTS (SELECT FROM pg_temp.findings f WHERE f.name = e.name AND f.object LIKE e.object), format('%s: %s finds %s', e.what, e.name, e.object)) FROM test.expected e ORDER BY e.n, e.place;
SELECT is((SELECT string_agg(f.name || ': ' || f.object || ': ' || f.message, E'\n') FROM pg_temp.findings f WHERE NOT EXISTS (SELECT FROM test.expected e WHERE f.name = e.name AND f.object LIKE e.object)), NULL,
          'nothing is found that comes of none of them');
SELECT is(monitoring.health() ->> 'status', 'CRITICAL', 'the status');
SELECT is((monitoring.health() ->> 'score')::int,
          (SELECT round(100.0 * (count(*) - (SELECT count(DISTINCT name) FROM test.expected)) / count(*))::int FROM monitoring.checks WHERE enabled), 'the score is the share of the checks that no fault touches');
SELECT cmp_ok((monitoring.health() ->> 'score')::int, '<', 60, 'and low');
SELECT is_empty('SELECT * FROM pg_temp.findings WHERE coalesce(remedy, '''') = ''''', 'each finding has a remedy');

-- mended ----------------------------------------------------------------------------------------------------------------------
\o /dev/null
SELECT CASE WHEN f.mend NOT IN ('remedy', 'remedies') THEN f.mend ELSE (SELECT t.remedy FROM pg_temp.findings t WHERE t.name = e.name AND t.object LIKE e.object) END
  FROM test.faults f LEFT JOIN test.expected e ON e.n = f.n AND (e.place = 1 OR f.mend = 'remedies') ORDER BY f.n, e.place \gexec
SELECT monitoring.drain();
\o
\o /dev/null
SELECT count(*) FROM monitoring.run_checks();
\o
SELECT is((SELECT string_agg(format('%s: %s: %s', f.name, f.object, f.message), E'\n') FROM monitoring.check_findings f WHERE f.gone_at IS NULL), NULL, 'all is mended: no check finds anything');
SELECT is(monitoring.health() -> 'score', '100', 'and the score is 100');
SELECT is(monitoring.health() ->> 'status', 'HEALTHY', 'and the database is healthy');
SELECT set_eq($$SELECT g ->> 'check' AS name, g ->> 'object' AS object FROM jsonb_array_elements(monitoring.health() -> 'gone') AS g$$, 'SELECT name, object FROM pg_temp.findings', 'each finding is gone');
SELECT is_empty('SELECT * FROM test.wrong', 'and no dollar is where it should not be');
SELECT * FROM finish();
