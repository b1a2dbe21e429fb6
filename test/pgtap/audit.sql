-- The audit log: who may write and read it, one row's story, its months, and what a hostile table's owner gains.
SELECT no_plan();
SET client_min_messages = error;
CREATE EXTENSION lifeguard;
CREATE ROLE audit_owner;
CREATE ROLE audit_clerk;
CREATE ROLE audit_reader IN ROLE pg_monitor;
CREATE ROLE audit_admin;
CREATE SCHEMA shop AUTHORIZATION audit_owner;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
SET search_path = public;

-- --- declared by the owner, filled for everybody, written by nobody ---
SET ROLE audit_clerk;
SELECT throws_ok($$CREATE TABLE pg_temp.t (id int); SELECT lifeguard.audit('monitoring.audit_log')$$, '42501', NULL, 'not the owner: refused');
SET ROLE audit_owner;
CREATE TABLE shop.orders (id int PRIMARY KEY, customer text, total numeric, card text);
GRANT ALL ON shop.orders TO audit_clerk;
SELECT lives_ok($$SELECT lifeguard.audit('shop.orders', NULL, '{card}')$$, 'the owner declares it');
SET ROLE audit_clerk;
SET request.jwt.claims = '{"sub": "00000000-0000-0000-0000-00000000000c"}';
SELECT throws_ok($$SELECT lifeguard.audit('shop.orders')$$, '42501', NULL, 'who may only write does not');
SELECT throws_ok($$SELECT lifeguard.drop_audit('shop.orders')$$, '42501', NULL, 'nor drop it');
INSERT INTO shop.orders VALUES (7, 'Ann', 10, '4111-1111');
UPDATE shop.orders SET total = 12.50, card = '4222-2222';
UPDATE shop.orders SET card = '4333-3333';
TRUNCATE shop.orders;
RESET request.jwt.claims;
RESET ROLE;
SELECT results_eq($$SELECT operation, changed_by::text, database_role, session_role = session_user FROM monitoring.audit_log ORDER BY at, id$$,
  $$VALUES ('INSERT', '00000000-0000-0000-0000-00000000000c', 'audit_clerk', true), ('UPDATE', '00000000-0000-0000-0000-00000000000c', 'audit_clerk', true),
           ('UPDATE', '00000000-0000-0000-0000-00000000000c', 'audit_clerk', true), ('TRUNCATE', '00000000-0000-0000-0000-00000000000c', 'audit_clerk', true)$$,
  'who did it: by claims and by role, TRUNCATE too');
SELECT is(count(*), 0::bigint, 'the secret is nowhere') FROM monitoring.audit_log l WHERE l::text ~ '4[123]{3}-';
SELECT is(changed_columns, '{total,card}', 'that it changed is told') FROM monitoring.audit_log WHERE new_values ? 'total' AND operation = 'UPDATE';

SELECT throws_ok(format('SET LOCAL ROLE %I; %s', role, statement), '42501', NULL, role || ': ' || statement)
  FROM unnest('{audit_owner,audit_clerk,audit_reader}'::text[]) AS r(role),
       unnest(ARRAY['INSERT INTO monitoring.audit_log (relation, operation, database_role, session_role, at, transaction_id, story) VALUES ('''', ''INSERT'', '''', '''', now(), ''1'', gen_random_uuid())',
                    'UPDATE monitoring.audit_log SET changed_by = NULL', 'DELETE FROM monitoring.audit_log', 'TRUNCATE monitoring.audit_log', 'DELETE FROM monitoring.audit_log_default',
                    'SELECT setval(''monitoring.audit_log_id_seq'', 1)', 'SELECT monitoring.maintain_audit()', 'SELECT lifeguard.maintain_audit(now())', 'SELECT lifeguard.add_audit_partition(now())',
                    'SELECT * FROM monitoring.audit_log_default']) AS s(statement);
SELECT throws_ok(format('SET LOCAL ROLE %I; SELECT * FROM monitoring.audit_log', role), '42501', NULL, role || ' may not read it') FROM unnest('{audit_owner,audit_clerk}'::text[]) AS r(role);
SELECT throws_ok($$SET LOCAL ROLE audit_owner; SELECT * FROM monitoring.history_of('shop.orders', '{"id": 7}')$$, '42501', NULL, 'nor a row''s story');
SET ROLE audit_reader;
SELECT is(count(*), 4::bigint, 'pg_monitor reads it') FROM monitoring.audit_log;
SELECT is(count(*), 4::bigint, 'and stories') FROM monitoring.history_of('shop.orders', '{"id": 7}');
RESET ROLE;
GRANT SELECT ON monitoring.audit_log TO audit_admin;
SET ROLE audit_admin;
SELECT is(count(*), 0::bigint, 'a grant alone shows nothing') FROM monitoring.audit_log;
RESET ROLE;
CREATE POLICY admins_read ON monitoring.audit_log FOR SELECT TO audit_admin USING (relation LIKE 'shop.%');
SET ROLE audit_admin;
SELECT is(count(*), 4::bigint, 'with a policy it does') FROM monitoring.audit_log;
RESET ROLE;

-- --- one row's story ---
SELECT results_eq($$SELECT operation, changes FROM monitoring.history_of('shop.orders', '{"id": 7}')$$,
  $$VALUES ('INSERT', '{"id": {"to": 7}, "total": {"to": 10}, "customer": {"to": "Ann"}}'::jsonb), ('UPDATE', '{"card": {"left_out": true}, "total": {"from": 10, "to": 12.50}}'),
           ('UPDATE', '{"card": {"left_out": true}}'), ('TRUNCATE', NULL)$$, 'from what to what, in order');
SELECT is_empty($$SELECT * FROM monitoring.history_of('shop.orders', '{"id": 8}') WHERE operation <> 'TRUNCATE'$$, 'another row has none');
SET ROLE audit_owner;
INSERT INTO shop.orders VALUES (1, 'Bob', 1), (2, 'Cat', 2);
UPDATE shop.orders SET id = 10 WHERE id = 1;
INSERT INTO shop.orders VALUES (1, 'Dan', 3);
UPDATE shop.orders SET id = 100 WHERE id = 10;
ALTER TABLE shop.orders RENAME TO sales;
RESET ROLE;
ALTER SCHEMA shop RENAME TO market;
SET ROLE audit_owner;
UPDATE market.sales SET customer = 'Bobby' WHERE id = 100;
DELETE FROM market.sales WHERE id = 100;
RESET ROLE;
SELECT results_eq($$SELECT operation, relation_then, changes FROM monitoring.history_of('market.sales', '{"id": "100"}') WHERE operation <> 'TRUNCATE'$$,
  $$VALUES ('INSERT', 'shop.orders', '{"id": {"to": 1}, "total": {"to": 1}, "customer": {"to": "Bob"}}'::jsonb), ('UPDATE', 'shop.orders', '{"id": {"from": 1, "to": 10}}'),
           ('UPDATE', 'shop.orders', '{"id": {"from": 10, "to": 100}}'), ('UPDATE', 'market.sales', '{"customer": {"from": "Bob", "to": "Bobby"}}'),
           ('DELETE', 'market.sales', '{"id": {"from": 100}, "total": {"from": 1}, "customer": {"from": "Bobby"}}')$$, 'across changes of the key and renames of the table');
SELECT results_eq($$SELECT changes -> 'customer' ->> 'to' FROM monitoring.history_of('market.sales', '{"id": 1}') WHERE operation = 'INSERT'$$, $$VALUES ('Bob'), ('Dan')$$,
  'a key has the stories of all rows that had it');
SELECT throws_ok(format('SELECT * FROM monitoring.history_of(%s)', arguments), state, NULL, arguments || ' is refused: ' || state)
  FROM (VALUES ('NULL, ''{"id": 1}''', 'LG411'), ('0, ''{"id": 1}''', 'LG411'), ('''pg_class'', ''{"id": 1}''', 'LG411'), ('''market.sales'', NULL', 'LG412'), ('''market.sales'', ''{}''', 'LG412'),
               ('''market.sales'', ''[1]''', 'LG412'), ('''market.sales'', ''7''', 'LG412'), ('''market.sales'', ''{"id": null}''', 'LG412'), ('''market.sales'', ''{"nr": 1}''', 'LG412'),
               ('''market.sales'', ''{"id": 1, "total": 1}''', 'LG412'), ('''market.sales'', ''{"id": "x"}''', '22P02')) AS c(arguments, state);
SELECT throws_like($$SELECT * FROM monitoring.history_of('market.sales', '{"nr": 1}')$$, '%the key of table market.sales is id%', 'and the message says what the key is');
-- a key column that was renamed: rows of before by its old name
SET ROLE audit_owner;
ALTER TABLE market.sales RENAME COLUMN id TO nr;
UPDATE market.sales SET total = 5 WHERE nr = 2;
RESET ROLE;
SELECT is(count(*), 1::bigint, 'what came after the rename of its key''s column') FROM monitoring.history_of('market.sales', '{"nr": 2}') WHERE operation <> 'TRUNCATE';
SELECT is(count(*), 1::bigint, 'what came before, by the old name') FROM monitoring.history_of('market.sales', '{"id": 2}') WHERE operation <> 'TRUNCATE';
-- declared again: the story goes on; dropped and declared again: it does not
SELECT lifeguard.audit('market.sales', '{customer}', '{card}');
SELECT is(count(*), 1::bigint, 'declared again, the story goes on') FROM monitoring.history_of('market.sales', '{"nr": 2}') WHERE operation <> 'TRUNCATE';
SELECT lifeguard.drop_audit('market.sales');
SELECT throws_ok($$SELECT * FROM monitoring.history_of('market.sales', '{"nr": 2}')$$, 'LG411', NULL, 'no longer audited: refused, the log keeps what it has');
SELECT lifeguard.audit('market.sales', NULL, '{card}');
SELECT is(count(*), 0::bigint, 'a new audit is a new story') FROM monitoring.history_of('market.sales', '{"nr": 2}');
CREATE TABLE market.keyless (a int);
SELECT lifeguard.audit('market.keyless');
SELECT throws_ok($$SELECT * FROM monitoring.history_of('market.keyless', '{"a": 2}')$$, 'LG412', NULL, 'without a key there is no story of one row');
-- partitions: by the whole or by a part
CREATE TABLE market.days (id bigint, day date, note varchar(10), PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE market.days_1 PARTITION OF market.days FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
SELECT lifeguard.audit('market.days');
INSERT INTO market.days VALUES (1, '2026-01-05', 'x');
SELECT is(count(*), 1::bigint, 'a partitioned table''s, the key written otherwise') FROM monitoring.history_of('market.days', '{"id": 1, "day": "5 Jan 2026"}');
SELECT is(count(*), 1::bigint, 'the same by its partition') FROM monitoring.history_of('market.days_1', '{"id": "1", "day": "2026-01-05"}');

-- --- months ---
SELECT ok(count(*) > 0, 'without a month rows are in the default partition') FROM ONLY monitoring.audit_log_default;
CREATE FUNCTION pg_temp.made_up(at timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO monitoring.audit_log (relation, operation, database_role, session_role, at, transaction_id, story) VALUES ('made.up', 'DELETE', '', '', at, '1', '00000000-0000-4000-8000-000000000001')
$$;
SELECT pg_temp.made_up(now() - make_interval(months => i)) FROM generate_series(0, 5) i;
SELECT pg_temp.made_up(now() - interval '26 months');
CREATE TABLE pg_temp.before AS SELECT * FROM monitoring.audit_log WHERE at > now() - interval '7 months';
ALTER DEFAULT PRIVILEGES IN SCHEMA monitoring GRANT ALL ON TABLES TO audit_clerk, PUBLIC;
SELECT results_eq($$SELECT cardinality(made), cardinality(dropped), moved FROM monitoring.maintain_audit()$$, $$SELECT 9, 0, (SELECT count(*) FROM pg_temp.before)$$,
  'not run for months: their partitions, this month''s and three ahead are made');
SELECT set_eq('SELECT * FROM monitoring.audit_log', 'SELECT * FROM pg_temp.before', 'and no row is lost but what is too old');
SELECT is_empty('SELECT * FROM monitoring.audit_log_default', 'the default partition is empty');
SELECT results_eq('SELECT * FROM monitoring.maintain_audit()', $$VALUES ('{}'::text[], '{}'::text[], 0::bigint)$$, 'a second time there is nothing to do');
SELECT is_empty($$SELECT relid, grantee, privilege_type FROM pg_partition_tree('monitoring.audit_log'), pg_class, aclexplode(relacl) WHERE oid = relid AND grantee <> relowner AND level > 0$$,
  'default privileges give nothing on partitions');
SELECT is_empty($$SELECT relid FROM pg_partition_tree('monitoring.audit_log') JOIN pg_class ON oid = relid WHERE NOT relrowsecurity$$, 'row security is on for each');
UPDATE market.sales SET total = 6 WHERE nr = 2;
SELECT is(count(*), 1::bigint, 'new rows go into their month') FROM monitoring.audit_log WHERE tableoid = ('monitoring.audit_log_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM'))::regclass AND new_values = '{"total": 6}';
SELECT is_empty('SELECT * FROM monitoring.audit_log_default', 'and not into the default partition');
SELECT is(count(*), 1::bigint, 'where stories find them') FROM monitoring.history_of('market.sales', '{"nr": 2}');
SELECT set_eq($$SELECT indexrelid::regclass::text ~ '_recent$' FROM pg_index JOIN lifeguard.audit_partitions() ON indrelid = partition WHERE to_time > now()$$, 'VALUES (true)', 'a month that is written has a light index');
SELECT set_eq($$SELECT indexrelid::regclass::text ~ '_row$' FROM pg_index JOIN lifeguard.audit_partitions() ON indrelid = partition WHERE to_time <= now()$$, 'VALUES (true)', 'one that is over an exact one');
-- the clock goes on
SELECT results_eq($$SELECT cardinality(made), cardinality(dropped), moved FROM lifeguard.maintain_audit(now() + interval '6 months')$$, 'VALUES (4, 0, 0::bigint)', 'half a year later: that month''s and three ahead; those between have no rows');
SELECT is(count(*), 1::bigint, 'the story is found by the exact index too') FROM monitoring.history_of('market.sales', '{"nr": 2}');
SET lifeguard.audit_retention = 2;
SELECT results_eq($$SELECT cardinality(dropped) FROM monitoring.maintain_audit()$$, 'VALUES (3)', 'months beyond lifeguard.audit_retention are dropped');
SELECT is(count(*), 3::bigint, 'the rest stays') FROM monitoring.audit_log WHERE relation = 'made.up';
RESET lifeguard.audit_retention;
SELECT throws_ok($$SET LOCAL ROLE audit_owner; SET lifeguard.audit_retention = 1$$, '42501', NULL, 'the retention is a superuser''s to set');
SELECT throws_ok($$SET LOCAL ROLE audit_owner; SET lifeguard.audit_longest_value = 1$$, '42501', NULL, 'and the longest value');
-- a table in the way
SELECT pg_temp.made_up('2031-05-05');
CREATE TABLE monitoring.audit_log_2031_05 (a int);
SELECT throws_ok('SELECT monitoring.maintain_audit()', 'LG410', NULL, 'a table in a month''s way is told');
DROP TABLE monitoring.audit_log_2031_05;
DELETE FROM monitoring.audit_log WHERE at > '2031-01-01';   -- a superuser can
-- partitions made by hand, in another order of columns, over more than a month
BEGIN;
SELECT format('ALTER TABLE monitoring.audit_log DETACH PARTITION %s', partition) FROM lifeguard.audit_partitions() WHERE to_time > now() \gexec
CREATE TABLE monitoring.hand_made (unused int, story uuid NOT NULL, transaction_id xid8 NOT NULL, at timestamptz NOT NULL, gone text, session_role text NOT NULL, database_role text NOT NULL, changed_by uuid,
  changed_columns text[], new_values jsonb, old_values jsonb, row_key jsonb, operation text NOT NULL, relation text NOT NULL, id bigint NOT NULL,
  CONSTRAINT audit_log_operation_check CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')));
ALTER TABLE monitoring.hand_made DROP COLUMN unused, DROP COLUMN gone;
SELECT format('ALTER TABLE monitoring.audit_log ATTACH PARTITION monitoring.hand_made FOR VALUES FROM (%L) TO (MAXVALUE)', date_trunc('month', now(), 'UTC')) \gexec
UPDATE market.sales SET total = 7 WHERE nr = 2;
SELECT results_eq('SELECT operation, old_values, new_values, changed_columns, database_role = current_user, session_role = session_user FROM monitoring.hand_made',
  $$VALUES ('UPDATE', '{"total": 6}'::jsonb, '{"total": 7}'::jsonb, '{total}'::text[], true, true)$$, 'a partition made by hand, over more than a month and with another order of columns, is filled');
SELECT results_eq('SELECT * FROM monitoring.maintain_audit()', $$VALUES ('{}'::text[], '{}'::text[], 0::bigint)$$, 'and respected');
ROLLBACK;
-- or over a part of a month
BEGIN;
SELECT format('DROP TABLE %s', partition) FROM lifeguard.audit_partitions() WHERE to_time > date_trunc('month', now(), 'UTC') + interval '2 months' \gexec
CREATE TABLE monitoring.hand_made (LIKE monitoring.audit_log INCLUDING CONSTRAINTS);
SELECT format('ALTER TABLE monitoring.audit_log ATTACH PARTITION monitoring.hand_made FOR VALUES FROM (%L) TO (%L)', month + interval '10 days', month + interval '17 days')
  FROM (SELECT date_trunc('month', now(), 'UTC') + interval '2 months') AS m(month) \gexec
SELECT lives_ok('SELECT monitoring.maintain_audit()', 'a partition made by hand of a part of a month is respected');
ROLLBACK;
-- without any partition for now, what is audited cannot be changed, and the message says so
BEGIN;
SELECT format('ALTER TABLE monitoring.audit_log DETACH PARTITION %s', inhrelid::regclass) FROM pg_inherits WHERE inhparent = 'monitoring.audit_log'::regclass \gexec
SELECT throws_ok('UPDATE market.sales SET total = 7', 'LG410', NULL, 'no partition at all: LG410');
ROLLBACK;
BEGIN;
ALTER TABLE monitoring.audit_log RENAME TO elsewhere;
SELECT throws_ok('UPDATE market.sales SET total = 7', 'LG410', NULL, 'the log renamed: LG410');
ROLLBACK;

-- --- a hostile owner ---
GRANT audit_owner TO audit_clerk;
CREATE TABLE public.gained (who text);
GRANT ALL ON public.gained TO PUBLIC;
GRANT CREATE ON SCHEMA market TO audit_owner;
SET ROLE audit_owner;
CREATE FUNCTION market.note() RETURNS void LANGUAGE sql AS $$ INSERT INTO public.gained VALUES (current_user) $$;
CREATE TYPE market.bait AS ENUM ('a', 'b');
CREATE FUNCTION market.bait_to_json(market.bait) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM market.note(); RETURN '"bait"'; END $$;
RESET ROLE;
CREATE CAST (market.bait AS json) WITH FUNCTION market.bait_to_json(market.bait);
SET ROLE audit_owner;
CREATE FUNCTION market.checked(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM market.note(); RETURN true; END $$;
CREATE TYPE market.baited AS (b market.bait);
CREATE DOMAIN market.checked_int AS int CHECK (market.checked(value));
CREATE TABLE market.trap (id market.checked_int PRIMARY KEY, b market.bait, c market.baited);
SELECT lifeguard.audit('market.trap');
RESET ROLE;
INSERT INTO market.trap VALUES (1, 'a', ROW('a'));
TRUNCATE public.gained;
UPDATE market.trap SET b = 'b';
SELECT is_empty('SELECT * FROM public.gained', 'a label needs no code of his');
UPDATE market.trap SET c = ROW('b');
SELECT set_eq('SELECT DISTINCT who FROM public.gained', $$VALUES ('audit_owner')$$, 'what his types run, when a superuser changes his table, runs as he');
SET ROLE audit_owner;
CREATE OR REPLACE FUNCTION market.bait_to_json(market.bait) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RETURN to_json(length('bait'::text)); END $$;
RESET ROLE;
CREATE SCHEMA lure AUTHORIZATION audit_clerk;
GRANT USAGE ON SCHEMA lure TO PUBLIC;
GRANT INSERT, SELECT, UPDATE ON market.trap TO audit_clerk;
REVOKE audit_owner FROM audit_clerk;
GRANT USAGE ON SCHEMA market TO audit_clerk;
SET ROLE audit_clerk;
CREATE FUNCTION lure.length(text) RETURNS int LANGUAGE sql AS $$ INSERT INTO public.gained VALUES ('lured ' || current_user); SELECT 1 $$;
SET search_path = lure, pg_catalog, public;
UPDATE market.trap SET c = ROW('a');
SET search_path = public;
RESET ROLE;
SELECT is_empty($$SELECT * FROM public.gained WHERE who LIKE 'lured%'$$, 'who calls does not lend his search_path to what the owner''s types run');
TRUNCATE public.gained;
SELECT is(count(*), 4::bigint, 'a superuser reads the story of his row') FROM monitoring.history_of('market.trap', '{"id": 1}');
SELECT is_empty('SELECT * FROM public.gained', 'which runs nothing of his');
-- another table's story is not his to continue
SET ROLE audit_owner;
SELECT throws_ok($$SELECT lifeguard.set_rules('market.trap', 'after', ARRAY[(SELECT definition::text FROM lifeguard.rules WHERE relation = 'market.days'::regclass)])$$, 'LG010', NULL, 'another''s story: refused');
SELECT throws_ok($$SELECT lifeguard.set_rules('market.trap', 'after', ARRAY[upper(definition ->> 'story') || '"}']) FROM lifeguard.rules WHERE relation = 'market.days'::regclass$$, 'LG013', NULL, 'no rule: refused');
SELECT throws_ok($$SELECT lifeguard.set_rules('market.trap', 'after', ARRAY[jsonb_set(definition, '{story}', to_jsonb(upper(definition ->> 'story')))::text]) FROM lifeguard.rules WHERE relation = 'market.days'::regclass$$,
  'LG010', NULL, 'nor written otherwise');
SELECT lifeguard.drop_audit('market.trap');
SELECT throws_ok(format('CREATE TRIGGER lifeguard_after AFTER INSERT ON market.trap FOR EACH ROW EXECUTE FUNCTION lifeguard.after_row(%L)', definition), 'LG010', NULL, 'nor by a trigger made by hand')
  FROM lifeguard.rules WHERE relation = 'market.days'::regclass;
CREATE TABLE market.heir (id int PRIMARY KEY);
SELECT lifeguard.audit('market.heir');
SELECT definition AS heritage FROM lifeguard.rules WHERE relation = 'market.heir'::regclass \gset
SELECT lifeguard.drop_audit('market.heir');
SELECT throws_ok(format('SELECT lifeguard.set_rules(''market.trap'', ''after'', ARRAY[%L])', :'heritage'), 'LG010', 'audit: the story of table market.trap was another table''s', 'nor a story that was dropped');
SELECT lives_ok(format('SELECT lifeguard.set_rules(''market.heir'', ''after'', ARRAY[%L])', :'heritage'), 'its own table may go on with it');
DROP TABLE market.heir;
SELECT throws_ok(format('SELECT lifeguard.set_rules(''market.trap'', ''after'', ARRAY[%L])', :'heritage'), 'LG010', NULL, 'and nobody when that is gone');
RESET ROLE;
SELECT throws_ok(format('SELECT lifeguard.audit(%L)', t), 'LG010', NULL, t || ' is not audited') FROM unnest('{monitoring.audit_log,monitoring.audit_log_default,monitoring.checks,lifeguard.history}'::text[]) AS t;
ALTER EVENT TRIGGER lifeguard_watch_ddl DISABLE;
SET ROLE audit_owner;
DO $$ BEGIN
  EXECUTE format('CREATE TRIGGER lifeguard_after AFTER INSERT ON market.trap FOR EACH ROW EXECUTE FUNCTION lifeguard.after_row(%L)', (SELECT definition FROM lifeguard.rules WHERE relation = 'market.days'::regclass));
END $$;
RESET ROLE;
ALTER EVENT TRIGGER lifeguard_watch_ddl ENABLE;
SET ROLE audit_owner;
SELECT throws_ok('INSERT INTO market.trap VALUES (2)', 'LG010', NULL, 'nor where nobody watches');
SELECT lives_ok($$SELECT lifeguard.forget('market.trap')$$, 'which is forgotten');
RESET ROLE;
INSERT INTO market.days VALUES (2, '2026-01-05', 'y');
SELECT is(count(*), 1::bigint, 'and the other goes on') FROM monitoring.history_of('market.days', '{"id": 2, "day": "2026-01-05"}');
-- errors of a row that is audited tell no secret
SET ROLE audit_owner;
CREATE TABLE market.vault (id int PRIMARY KEY, secret text, n int CHECK (n > 0));
CREATE TYPE market.broken AS ENUM ('a');
RESET ROLE;
CREATE FUNCTION market.broken_to_json(market.broken) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no json'; END $$;
CREATE CAST (market.broken AS json) WITH FUNCTION market.broken_to_json(market.broken);
CREATE TYPE market.pair AS (b market.broken);
ALTER TABLE market.vault ADD COLUMN b market.pair;
SELECT lifeguard.audit('market.vault', NULL, '{secret}');
CREATE FUNCTION pg_temp.said(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text; detail text; hint text; context text;
BEGIN
  EXECUTE statement;
  RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' ', message, nullif(detail, ''), nullif(hint, ''));
END $$;
PREPARE fill(text) AS INSERT INTO market.vault VALUES (1, $1, 1, ROW('a'));
SELECT is(pg_temp.said($$EXECUTE fill('hunter2')$$), 'no json', 'a value that does not become JSON fails the statement, without the secret');

SELECT lives_ok($$INSERT INTO market.vault VALUES (2, 'hunter2', 1, NULL)$$, 'NULL has no form to fail');
SELECT is(count(*), 0::bigint, 'no secret in the log') FROM monitoring.audit_log l WHERE l::text ~ 'hunter';

DROP EXTENSION lifeguard CASCADE;
SELECT is(to_regclass('monitoring.audit_log'), NULL, 'the log goes with the extension');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'monitoring'::regnamespace$$, 'and its partitions');
DROP SCHEMA market, lure CASCADE;
DROP TABLE public.gained;
ALTER DEFAULT PRIVILEGES IN SCHEMA monitoring REVOKE ALL ON TABLES FROM audit_clerk, PUBLIC;
DROP ROLE audit_owner, audit_clerk, audit_reader, audit_admin;
SELECT * FROM finish();
