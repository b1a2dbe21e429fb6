-- The general checks: a database without faults has no finding and a score of 100; each fault is found by name, with its object, and is gone when it is mended.
SELECT no_plan();
SET client_min_messages = error;
SET search_path = public;
CREATE EXTENSION lifeguard;
CREATE EXTENSION IF NOT EXISTS plpgsql_check;
SELECT monitoring.drop_job(name) FROM monitoring.job_definitions \g /dev/null

DROP ROLE IF EXISTS checks_login, checks_visitor, checks_owner, checks_monitor;
CREATE ROLE checks_login LOGIN NOINHERIT;
CREATE ROLE checks_visitor;
GRANT checks_visitor TO checks_login;
CREATE ROLE checks_owner LOGIN;
CREATE ROLE checks_monitor LOGIN IN ROLE pg_monitor;

CREATE TABLE pg_temp.looked_for (name text, object text, remedy text);
-- Runs one check's category; notes the finding and its remedy.
CREATE FUNCTION pg_temp.finds(name text, object text, severity text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  found jsonb;
BEGIN
  PERFORM monitoring.run_checks((SELECT c.category FROM monitoring.checks c WHERE c.name = finds.name));
  SELECT f INTO found FROM jsonb_array_elements(monitoring.health() -> 'findings') AS f WHERE f ->> 'check' = finds.name AND f ->> 'object' = finds.object;
  TRUNCATE pg_temp.looked_for;
  INSERT INTO pg_temp.looked_for VALUES (finds.name, finds.object, found ->> 'remedy');
  RETURN CASE WHEN found IS NULL
    THEN fail(format('%s finds %s', name, object)) || E'\n' || diag(coalesce((SELECT string_agg(f.name || ': ' || f.object || ': ' || f.message, E'\n') FROM monitoring.check_findings f WHERE f.name = finds.name), 'no finding'))
    ELSE is(found ->> 'severity', coalesce(severity, (SELECT c.severity FROM monitoring.checks c WHERE c.name = finds.name)), format('%s finds %s', name, object)) END;
END $$;
CREATE FUNCTION pg_temp.gone() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  l record;
BEGIN
  SELECT * INTO l FROM pg_temp.looked_for;
  PERFORM monitoring.run_checks((SELECT c.category FROM monitoring.checks c WHERE c.name = l.name));
  RETURN ok(EXISTS (SELECT FROM jsonb_array_elements(monitoring.health() -> 'gone') AS g WHERE g ->> 'check' = l.name AND g ->> 'object' = l.object), format('%s: %s is mended, and gone', l.name, l.object));
END $$;

-- a healthy database ----------------------------------------------------------------------------------------------------------
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE, manager int REFERENCES shop.customers);
CREATE INDEX ON shop.customers (manager);
CREATE TABLE shop.orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES shop.customers ON DELETE CASCADE, state text NOT NULL DEFAULT 'open', total numeric CHECK (total >= 0));
CREATE INDEX orders_customer ON shop.orders (customer);
CREATE TABLE shop.visits (id int, customer int REFERENCES shop.customers, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE shop.visits_2025 PARTITION OF shop.visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE shop.visits_2026 PARTITION OF shop.visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX ON shop.visits (customer);
CREATE TABLE shop.stores (country text, number int, PRIMARY KEY (country, number));
CREATE TABLE shop.sales (id int PRIMARY KEY, country text, store int, FOREIGN KEY (country, store) REFERENCES shop.stores);
CREATE INDEX ON shop.sales (store, country);                       -- the columns in another order
INSERT INTO shop.customers (name) SELECT 'customer ' || i FROM generate_series(1, 10) i;
INSERT INTO shop.orders SELECT i, i FROM generate_series(1, 10) i;
INSERT INTO shop.visits SELECT i, i, '2025-06-01'::date + i * 60 FROM generate_series(1, 8) i;
INSERT INTO shop.stores VALUES ('DE', 1);
INSERT INTO shop.sales VALUES (1, 'DE', 1), (2, NULL, 99), (3, 'DE', NULL);   -- MATCH SIMPLE: half a key points nowhere
SELECT lifeguard.create_lifecycle('shop.orders', 'state', '{open}'), lifeguard.add_transition('shop.orders', 'open', 'sent'), lifeguard.add_history('shop.orders');
CREATE FUNCTION shop.careful(a int) RETURNS int LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RETURN 1 / a;
EXCEPTION
  WHEN division_by_zero THEN RETURN NULL;
  WHEN OTHERS THEN PERFORM monitoring.log_error('careful', SQLERRM); RETURN NULL;   -- WHEN OTHERS THEN NULL;
END $$;
CREATE FUNCTION shop.tells() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'WHEN OTHERS THEN NULL; END'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$;
CREATE FUNCTION shop.passes_on(a int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  result int;
BEGIN
  BEGIN
    RETURN 1 / a;
  EXCEPTION WHEN OTHERS THEN
    result := CASE WHEN result IS NULL THEN 1 END;
    RAISE;
  END;
  RETURN result;
END $$;
SET search_path = public, shop;
CREATE FUNCTION shop.names() RETURNS SETOF text LANGUAGE sql AS $$ SELECT name FROM customers $$;   -- in its own schema
SET search_path = public;
CREATE FUNCTION shop.fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.visits VALUES (new.id, new.customer, '2025-02-02'); RETURN new; END $$;
CREATE TRIGGER fill AFTER UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.fill();
CREATE VIEW shop.report AS SELECT count(*) FROM shop.orders;
SELECT is((SELECT jsonb_agg(r) FROM monitoring.run_checks() AS r WHERE r.status <> 'healthy'), NULL, 'a healthy database: no check finds anything');
SELECT is(monitoring.health() - '{database,checked_at,counts}'::text[], '{"score": 100, "status": "HEALTHY", "findings": [], "findings_left_out": 0, "gone": [], "previous": null}', 'its score is 100');
SELECT cmp_ok((monitoring.health() -> 'counts' ->> 'checks')::int, '=', (SELECT count(*)::int FROM monitoring.checks), 'all checks ran');
SELECT is_empty('SELECT name FROM monitoring.checks WHERE to_regprocedure(function || ''()'') IS NULL OR remedy IS NULL OR obj_description(to_regprocedure(function || ''()'')) IS NULL', 'each has its function, a remedy and a comment');

-- the journal ------------------------------------------------------------------------------------------------------------------
SELECT monitoring.log_error('payment', 'the bank said no');
SELECT monitoring.drain();
SELECT pg_temp.finds('unresolved_errors', 'logged payment');
\o /dev/null
SELECT remedy FROM pg_temp.looked_for \gexec
\o
SELECT pg_temp.gone();
INSERT INTO monitoring.system_errors (error_type, error_message) VALUES ('journal_loss', '12 entries could not be kept');
SELECT pg_temp.finds('journal_losses', 'journal_loss');
SELECT is_empty('SELECT * FROM lifeguard.check_unresolved_errors()', 'not once more as an error');
\o /dev/null
SELECT remedy FROM pg_temp.looked_for \gexec
\o
SELECT pg_temp.gone();
INSERT INTO monitoring.quarantined_errors (reason, entry) VALUES ('no', '{}');
SELECT pg_temp.finds('journal_works', 'quarantine');
DELETE FROM monitoring.quarantined_errors;
SELECT pg_temp.gone();
SET lifeguard.capture_swallowed = off;
SELECT pg_temp.finds('journal_works', 'swallowed exceptions');
RESET lifeguard.capture_swallowed;
SELECT pg_temp.gone();

-- rules ------------------------------------------------------------------------------------------------------------------------
ALTER TABLE shop.orders DISABLE TRIGGER lifeguard_before;
SELECT pg_temp.finds('rule_triggers', 'lifeguard_before on shop.orders');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
ALTER TABLE shop.orders ENABLE ALWAYS TRIGGER lifeguard_before;
SELECT pg_temp.finds('rule_triggers', 'lifeguard_before on shop.orders', 'warning');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
ALTER EVENT TRIGGER lifeguard_watch_ddl DISABLE;
SELECT pg_temp.finds('rule_triggers', 'lifeguard_watch_ddl');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
UPDATE shop.orders SET state = 'sent' WHERE id = 1;
SET session_replication_role = replica;
UPDATE shop.orders SET state = 'lost' WHERE id = 2;
RESET session_replication_role;
SELECT pg_temp.finds('lifecycles', 'shop.orders: rows in an unknown state: lost: 1 rows');
SET session_replication_role = replica;
UPDATE shop.orders SET state = 'open' WHERE id = 2;
RESET session_replication_role;
SELECT pg_temp.gone();
CREATE FUNCTION shop.small(state text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
SELECT lifeguard.add_guard('shop.orders', 'open', 'sent', 'shop.small(new.state)', 'only small ones');
-- as a server's crash or a hand in the catalog could leave it
DELETE FROM pg_depend WHERE refobjid = 'shop.small(text)'::regprocedure;
DROP FUNCTION shop.small(text);
SELECT pg_temp.finds('rules_work', 'shop.orders');
SELECT lifeguard.drop_guard('shop.orders', 'open', 'sent');
SELECT pg_temp.gone();
CREATE TABLE shop.pools (id int PRIMARY KEY, whole int, dollars numeric, label text);
SELECT lifeguard.keep_in_step('shop.pools', 'whole', 'dollars'), lifeguard.derive_column('shop.pools', 'label', 'new.whole::text');
INSERT INTO shop.pools (id, whole) VALUES (1, 5);
SET session_replication_role = replica;
UPDATE shop.pools SET dollars = 7, label = 'seven';
RESET session_replication_role;
SELECT pg_temp.finds('columns_in_step', 'shop.pools: whole = dollars');
SET session_replication_role = replica;
UPDATE shop.pools SET dollars = 5;
RESET session_replication_role;
SELECT pg_temp.gone();
SELECT pg_temp.finds('columns_in_step', 'shop.pools: label');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
SELECT lifeguard.forget('shop.pools');
DROP TABLE shop.pools;
-- a trigger that is gone, with a history or without
DROP TRIGGER lifeguard_before ON shop.orders;
SELECT pg_temp.finds('rule_triggers', 'lifeguard_before on shop.orders');
SELECT matches((SELECT remedy FROM pg_temp.looked_for), '^SELECT lifeguard\.forget\(.*create_lifecycle', 'its actions cannot stay alone');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
CREATE TABLE shop."Besuche ""2""" (id int PRIMARY KEY, state text, seen timestamptz);
SELECT lifeguard.create_lifecycle('shop."Besuche ""2"""', 'state', '{a}'), lifeguard.audit('shop."Besuche ""2"""');
DROP TRIGGER lifeguard_after ON shop."Besuche ""2""";
SELECT pg_temp.finds('rule_triggers', 'lifeguard_after on shop."Besuche ""2"""');
SELECT lifeguard.audit('shop."Besuche ""2"""');   -- declared again
SELECT pg_temp.gone();
DROP TRIGGER lifeguard_after ON shop."Besuche ""2""";
SELECT pg_temp.finds('rule_triggers', 'lifeguard_after on shop."Besuche ""2"""');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
ALTER EVENT TRIGGER lifeguard_watch_ddl DISABLE;
DROP TRIGGER lifeguard_before ON shop."Besuche ""2""";
ALTER EVENT TRIGGER lifeguard_watch_ddl ENABLE;
SELECT pg_temp.finds('rule_triggers', 'lifeguard_before on shop."Besuche ""2"""');
ALTER TABLE shop."Besuche ""2""" RENAME TO visits_2;
CREATE SCHEMA elsewhere;
ALTER TABLE shop.visits_2 SET SCHEMA elsewhere;
SELECT pg_temp.finds('rule_triggers', 'lifeguard_before on elsewhere.visits_2');
SELECT lifeguard.keep_updated_at('elsewhere.visits_2', 'seen');
SELECT pg_temp.gone();
-- no trigger is missed that went with its table, was renamed, or was dropped by the functions that declare
CREATE TABLE elsewhere.copy (LIKE elsewhere.visits_2 INCLUDING ALL);
ALTER TRIGGER lifeguard_before ON elsewhere.visits_2 RENAME TO "the first";
ALTER SCHEMA elsewhere RENAME TO there;
SELECT is_empty('SELECT * FROM lifeguard.check_rule_triggers()', 'a rename is no loss');
CREATE TABLE there.parts (id int, day int, state text, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
CREATE TABLE there.part_1 PARTITION OF there.parts FOR VALUES IN (1);
CREATE TABLE there.part_2 (LIKE there.parts INCLUDING ALL);
SELECT lifeguard.create_lifecycle('there.parts', 'state', '{a}'), lifeguard.audit('there.parts');
ALTER TABLE there.parts ATTACH PARTITION there.part_2 FOR VALUES IN (2);
ALTER TABLE there.parts DETACH PARTITION there.part_1;
DROP TRIGGER lifeguard_truncate ON there.part_1;
SELECT is_empty('SELECT * FROM lifeguard.check_rule_triggers()', 'nor are partitions that come and go');
SELECT lifeguard.drop_audit('there.parts'), lifeguard.forget('there.parts');
CREATE TEMP TABLE brief (id int, state text);
SELECT lifeguard.create_lifecycle('brief', 'state', '{a}');
SELECT is_empty('SELECT * FROM lifeguard.check_rule_triggers()', 'nor what was dropped by name');
SELECT results_eq('SELECT relation::text, timing FROM lifeguard.declared_tables', $$VALUES ('there.visits_2', 'before')$$, 'the register knows what is declared, and nothing temporary');
DROP SCHEMA there CASCADE;
SELECT is_empty('SELECT * FROM lifeguard.check_rule_triggers()', 'nor what went with its table');
DROP TABLE brief;

-- audit and checks -------------------------------------------------------------------------------------------------------------
INSERT INTO monitoring.audit_log (relation, operation, database_role, session_role, at, transaction_id, story) VALUES ('shop.old', 'DELETE', '', '', now() - interval '3 days', '1', gen_random_uuid());
SELECT pg_temp.finds('audit_log', 'monitoring.audit_log_default');
\o /dev/null
SELECT remedy FROM pg_temp.looked_for \gexec
\o
SELECT pg_temp.gone();
SELECT format('DROP TABLE %s', partition) FROM lifeguard.audit_partitions() WHERE from_time = (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' \gexec
SELECT pg_temp.finds('audit_log', 'the coming month');
\o /dev/null
SELECT remedy FROM pg_temp.looked_for \gexec
\o
SELECT pg_temp.gone();
ALTER TABLE monitoring.audit_log ADD CONSTRAINT "no ""x""" CHECK (relation <> 'x');
SELECT pg_temp.finds('audit_log', 'monitoring.audit_log: the constraint "no ""x"""');
SELECT is((SELECT count(*) FROM monitoring.check_findings WHERE name = 'audit_log' AND gone_at IS NULL), 1::bigint, 'once, not for each partition');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
ALTER TABLE monitoring.audit_log ADD COLUMN note text NOT NULL DEFAULT '';
SELECT pg_temp.finds('audit_log', 'monitoring.audit_log: NOT NULL of the column note');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
ALTER TABLE monitoring.audit_log DROP COLUMN note;
CREATE FUNCTION shop.tells_nobody() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER tells AFTER INSERT ON monitoring.audit_log FOR EACH ROW EXECUTE FUNCTION shop.tells_nobody();
SELECT pg_temp.finds('audit_log', 'monitoring.audit_log: the trigger tells');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
DROP FUNCTION shop.tells_nobody();
UPDATE monitoring.checks SET enabled = false, off_because = ' ' WHERE name = 'vacuum';
SELECT pg_temp.finds('checks_off', 'vacuum');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
UPDATE monitoring.checks SET enabled = false, off_because = 'seen elsewhere' WHERE name = 'vacuum';
SELECT is((SELECT status FROM monitoring.run_checks('checks')), 'healthy', 'one that is off for a reason is none');
UPDATE monitoring.checks SET enabled = true, off_because = NULL WHERE name = 'vacuum';

-- integrity --------------------------------------------------------------------------------------------------------------------
SET session_replication_role = replica;
DELETE FROM shop.customers WHERE id IN (3, 4);
RESET session_replication_role;
SELECT pg_temp.finds('orphans', 'orders_customer_fkey on shop.orders');
SELECT is((SELECT details - 'remedy' FROM monitoring.check_findings WHERE name = 'orphans' AND object LIKE 'orders%'),
          '{"rows": 2, "keys": [{"customer": 3}, {"customer": 4}], "table": "shop.orders", "parent": "shop.customers", "columns": "customer", "constraint": "orders_customer_fkey"}', 'with the keys that point nowhere');
SELECT results_eq((SELECT rtrim(remedy, ';') || ' ORDER BY 1' FROM pg_temp.looked_for), 'SELECT * FROM shop.orders WHERE customer IN (3, 4) ORDER BY 1', 'its query lists the rows');
SELECT is((SELECT details ->> 'rows' FROM monitoring.check_findings WHERE name = 'orphans' AND object LIKE 'visits%' AND gone_at IS NULL), '2', 'also in partitions');
DELETE FROM shop.orders WHERE customer IN (3, 4);
DELETE FROM shop.visits WHERE customer IN (3, 4);
SELECT pg_temp.gone();
SET session_replication_role = replica;
INSERT INTO shop.sales VALUES (4, 'FR', 1);
RESET session_replication_role;
SELECT pg_temp.finds('orphans', 'sales_country_store_fkey on shop.sales');
DELETE FROM shop.sales WHERE id = 4;
SELECT pg_temp.gone();
-- a big table is looked at slice by slice: as many runs as slices see all of it, and what was found is not forgotten between
CREATE TABLE shop.lines (id int PRIMARY KEY, "order" int REFERENCES shop.orders, filler text);
CREATE INDEX ON shop.lines ("order");
INSERT INTO shop.lines SELECT i, 1, repeat('x', 500) FROM generate_series(1, 8000) i;   -- over 4 MB
SET session_replication_role = replica;
UPDATE shop.lines SET "order" = 999 WHERE id IN (10, 7990);
RESET session_replication_role;
SET lifeguard.check_slice = '1MB';
CREATE TABLE pg_temp.seen (i int, found boolean);
DO $$ BEGIN
  FOR i IN 1..12 LOOP
    INSERT INTO pg_temp.seen SELECT i, r.status = 'critical' FROM monitoring.run_checks('integrity') r WHERE r.name = 'orphans';
  END LOOP;
END $$;
SELECT ok((SELECT bool_and(found) FROM pg_temp.seen s WHERE i > (SELECT min(i) FROM pg_temp.seen WHERE found)), 'once found, it is found by every run');
SELECT ok((SELECT count(*) FILTER (WHERE found) > 0 FROM pg_temp.seen), 'slice by slice, all of a big table is looked at');
SELECT pg_temp.finds('orphans', 'lines_order_fkey on shop.lines');
SELECT is((SELECT details ->> 'rows' FROM monitoring.check_findings WHERE name = 'orphans' AND object LIKE 'lines%' AND gone_at IS NULL), '2', 'then in the whole table');
DELETE FROM shop.lines WHERE "order" = 999;
SELECT pg_temp.gone();
RESET lifeguard.check_slice;
-- as the owner of the table, who must see both
CREATE SCHEMA other AUTHORIZATION checks_owner;
GRANT USAGE ON SCHEMA shop TO checks_owner;
GRANT REFERENCES, SELECT ON shop.customers TO checks_owner;
SET ROLE checks_owner;
CREATE TABLE other.notes (id int PRIMARY KEY, customer int REFERENCES shop.customers);
CREATE INDEX ON other.notes (customer);
CREATE FUNCTION other.spy(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF current_user <> 'checks_owner' THEN RAISE EXCEPTION 'runs as %', current_user; END IF; RETURN $1; END $$;
CREATE INDEX ON other.notes (other.spy(customer)) WHERE other.spy(3) = 3;
RESET ROLE;
REVOKE SELECT ON shop.customers FROM checks_owner;
INSERT INTO shop.customers (id, name) OVERRIDING SYSTEM VALUE VALUES (3, 'back');
SET ROLE checks_owner;
INSERT INTO other.notes SELECT i, 1 FROM generate_series(1, 10) i;
RESET ROLE;
SELECT pg_temp.finds('orphans', 'notes_customer_fkey on other.notes', 'warning');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
DROP TABLE other.notes;   -- a superuser's ALTER TABLE below would meet its spy

ALTER TABLE shop.orders ADD CONSTRAINT small CHECK (total < 100) NOT VALID;
SELECT pg_temp.finds('unvalidated_constraints', 'small on shop.orders');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
ALTER TABLE shop.orders DROP CONSTRAINT small;
ALTER TABLE shop.orders ADD CONSTRAINT "small ones" CHECK (id < 5) NOT VALID;
SELECT pg_temp.finds('unvalidated_constraints', '"small ones" on shop.orders', 'critical');
SELECT is((SELECT details ->> 'rows' FROM monitoring.check_findings WHERE name = 'unvalidated_constraints' AND gone_at IS NULL), '6', 'with the number of rows that break it');
ALTER TABLE shop.orders DROP CONSTRAINT "small ones";
SELECT pg_temp.gone();
ALTER TABLE shop.sales ADD CONSTRAINT to_customer FOREIGN KEY (store) REFERENCES shop.customers NOT VALID;
SELECT pg_temp.finds('unvalidated_constraints', 'to_customer on shop.sales', 'critical');
SELECT pg_temp.finds('orphans', 'to_customer on shop.sales');
ALTER TABLE shop.sales DROP CONSTRAINT to_customer;
SELECT pg_temp.gone();

-- functions --------------------------------------------------------------------------------------------------------------------
SET check_function_bodies = off;
CREATE FUNCTION shop.broken() RETURNS int LANGUAGE sql AS $$ SELECT id FROM shop.nowhere $$;
SELECT pg_temp.finds('broken_functions', 'shop.broken()');
RESET check_function_bodies;
DROP FUNCTION shop.broken();
SELECT pg_temp.gone();
CREATE FUNCTION shop.broken(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT nothing FROM shop.orders); END $$;
SELECT pg_temp.finds('broken_functions', 'shop.broken(integer)');
DROP FUNCTION shop.broken(int);
SELECT pg_temp.gone();
CREATE FUNCTION shop.broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.nothing := 1; RETURN new; END $$;
CREATE TRIGGER broken BEFORE UPDATE ON shop.stores FOR EACH ROW EXECUTE FUNCTION shop.broken();
SELECT pg_temp.finds('broken_functions', 'shop.broken()');
DROP FUNCTION shop.broken() CASCADE;
SELECT pg_temp.gone();
CREATE FUNCTION shop.hides() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  result boolean;
BEGIN
  PERFORM 1 / 0;
  RETURN true;
exception   -- says nothing
  when division_by_zero OR others then
    result := false;
    RAISE NOTICE 'oh %', SQLERRM;
    RETURN false;
END $$;
SELECT pg_temp.finds('swallowing_handlers', 'shop.hides()');
\o /dev/null
SELECT remedy FROM pg_temp.looked_for \gexec
\o
SELECT pg_temp.gone();
DROP FUNCTION shop.hides();
CREATE FUNCTION shop.hides_within(a int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  result int;
BEGIN
  BEGIN
    result := 1 / a;
  EXCEPTION WHEN OTHERS /* all */ THEN
    NULL;
  END;
  BEGIN
    PERFORM 1 / a;
  EXCEPTION WHEN OTHERS THEN
    RAISE;
  END;
  PERFORM monitoring.log_error('more is done', result::text);
  RETURN result;
END $$;
SELECT pg_temp.finds('swallowing_handlers', 'shop.hides_within(integer)');
DROP FUNCTION shop.hides_within(int);
SELECT pg_temp.gone();
CREATE FUNCTION shop.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER one BEFORE UPDATE ON shop.sales FOR EACH ROW EXECUTE FUNCTION shop.nothing();
CREATE TRIGGER two BEFORE UPDATE ON shop.sales FOR EACH ROW EXECUTE FUNCTION shop.nothing();
CREATE TRIGGER three BEFORE UPDATE ON shop.sales FOR EACH ROW EXECUTE FUNCTION shop.nothing();
SELECT pg_temp.finds('many_triggers', 'shop.sales');
DROP TRIGGER three ON shop.sales;
SELECT pg_temp.gone();
ALTER TABLE shop.sales DISABLE TRIGGER two;
SELECT pg_temp.finds('disabled_triggers', 'two on shop.sales');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
ALTER TABLE shop.sales DISABLE TRIGGER ALL;
SELECT pg_temp.finds('disabled_triggers', 'sales_country_store_fkey on shop.sales', 'critical');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
ALTER TABLE shop.sales ENABLE TRIGGER ALL;
CREATE FUNCTION shop.goes_on() RETURNS trigger LANGUAGE plpgsql SET search_path = shop AS $$ BEGIN UPDATE ONLY Orders SET total = 1; RETURN NULL; END $$;
CREATE TRIGGER goes_on AFTER UPDATE ON shop.stores FOR EACH ROW EXECUTE FUNCTION shop.goes_on();
SELECT pg_temp.finds('trigger_cascades', 'shop.stores');   -- stores -> orders -> visits
DROP TRIGGER goes_on ON shop.stores;
SELECT pg_temp.gone();
CREATE FUNCTION shop.comes_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM shop.stores; RETURN NULL; END $$;
CREATE TRIGGER comes_back AFTER UPDATE ON shop.stores FOR EACH ROW EXECUTE FUNCTION shop.comes_back();
SELECT pg_temp.finds('trigger_cascades', 'shop.stores');
DROP TRIGGER comes_back ON shop.stores;
SELECT pg_temp.gone();

-- access -----------------------------------------------------------------------------------------------------------------------
GRANT USAGE ON SCHEMA shop TO checks_visitor;
ALTER TABLE shop.stores ENABLE ROW LEVEL SECURITY;
GRANT SELECT, UPDATE ON shop.stores TO checks_visitor;
CREATE POLICY reads ON shop.stores FOR SELECT TO checks_visitor USING (true);
SELECT pg_temp.finds('lints', 'command_without_policy UPDATE on shop.stores', 'warning');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
CREATE VIEW shop.open_stores AS SELECT * FROM shop.stores;
GRANT SELECT ON shop.open_stores TO checks_owner;
SELECT pg_temp.finds('views_without_security_invoker', 'shop.open_stores');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
DROP VIEW shop.open_stores;
SELECT monitoring.remember_access('{shop.stores}');
SELECT is((SELECT message FROM monitoring.run_checks('access') WHERE name = 'access_changes'), 'nothing found', 'access is as it was remembered');
DROP POLICY reads ON shop.stores;
SELECT pg_temp.finds('access_changes', 'SELECT on shop.stores for checks_visitor (anonymous)');
CREATE POLICY reads ON shop.stores FOR SELECT TO checks_visitor USING (true);
SELECT pg_temp.gone();
CREATE TABLE shop.brief (id int PRIMARY KEY);
SELECT 'table ' || 'shop.brief'::regclass::oid AS brief \gset
SELECT monitoring.remember_access('{shop.brief}');
DROP TABLE shop.brief;
SELECT pg_temp.finds('access_changes', :'brief', 'warning');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();

-- the schema -------------------------------------------------------------------------------------------------------------------
CREATE INDEX again ON shop.orders (customer);
SELECT pg_temp.finds('duplicate_indexes', 'shop.again');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
CREATE INDEX orders_id ON shop.orders (id);
SELECT pg_temp.finds('duplicate_indexes', 'shop.orders_id');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
CREATE INDEX half ON shop.orders (customer) WHERE state = 'open';
CREATE INDEX backwards ON shop.orders (customer DESC);
SELECT is((SELECT status FROM monitoring.run_checks('schema') WHERE name = 'duplicate_indexes'), 'healthy', 'a partial index, and one in another order, are no duplicates');
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop.backwards'::regclass;
SELECT pg_temp.finds('invalid_indexes', 'shop.backwards');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
DROP INDEX shop.orders_customer;
DROP INDEX shop.backwards;
SELECT pg_temp.finds('foreign_keys_without_index', 'orders_customer_fkey on shop.orders');   -- the partial one does not help
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
DROP INDEX shop.orders_customer_idx;
CREATE INDEX orders_customer ON shop.orders (customer) WHERE state IS NOT NULL;
SELECT pg_temp.finds('foreign_keys_without_index', 'orders_customer_fkey on shop.orders');   -- nor one of another column's rows
DROP INDEX shop.orders_customer;
CREATE INDEX orders_customer ON shop.orders (customer) WHERE customer IS NOT NULL;
SELECT pg_temp.gone();                                                                       -- one of all rows that point somewhere does
SELECT is((SELECT count(*) FROM lifeguard.unused_indexes('30 days', 0)), 0::bigint, 'statistics of a young database say nothing about unused indexes');
DO $$ BEGIN FOR i IN 1..1100 LOOP PERFORM FROM shop.orders WHERE id = i; END LOOP; END $$;
SELECT pg_stat_force_next_flush();
SELECT set_eq($$ SELECT object FROM lifeguard.unused_indexes('-1 day', 0) WHERE object LIKE 'shop.%' $$, '{shop.half}'::text[], 'an unused index is found, and no primary key, no foreign key''s');
DROP INDEX shop.half;
CREATE TABLE shop.loose (a int);
SELECT pg_temp.finds('tables_without_primary_key', 'shop.loose');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
ALTER TABLE shop.loose DROP CONSTRAINT loose_pkey;   -- its id stays
SELECT pg_temp.finds('tables_without_primary_key', 'shop.loose');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
SELECT setval('shop.customers_id_seq', 1900000000);
SELECT pg_temp.finds('sequences_near_end', 'shop.customers_id_seq');
SELECT setval('shop.customers_id_seq', 2140000000);
SELECT pg_temp.finds('sequences_near_end', 'shop.customers_id_seq', 'critical');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();

-- the server -------------------------------------------------------------------------------------------------------------------
CREATE TABLE shop.churn (id int PRIMARY KEY) WITH (autovacuum_enabled = false);
INSERT INTO shop.churn SELECT generate_series(1, 20000);
DELETE FROM shop.churn WHERE id > 100;
SELECT pg_stat_force_next_flush();
SELECT pg_temp.finds('vacuum', 'shop.churn');
SELECT remedy FROM pg_temp.looked_for \gexec
SELECT pg_temp.gone();
SELECT ok(EXISTS (SELECT FROM lifeguard.used_connections(0, 2) WHERE object = 'the server'), 'connections near the limit');
SELECT is_empty('SELECT * FROM lifeguard.used_connections(0.8, 0.95)', 'connections far from it');
SELECT ok(EXISTS (SELECT FROM lifeguard.cache_hits(1.1, 0)), 'pages that do not come from the cache');
SELECT is_empty('SELECT * FROM lifeguard.cache_hits(1.1, 1e15)', 'not without traffic');
SELECT is_empty('SELECT * FROM lifeguard.transaction_ages(0, 1200000000)', 'transaction ids that autovacuum will come to');
SELECT ok(EXISTS (SELECT FROM lifeguard.transaction_ages(0, 1) WHERE severity = 'critical' AND object LIKE 'transaction id of%'), 'old transaction ids');
SELECT pg_create_physical_replication_slot('checks_slot', true);
SELECT pg_temp.finds('replication', 'slot checks_slot');
\o /dev/null
SELECT remedy FROM pg_temp.looked_for \gexec
\o
SELECT pg_temp.gone();
CREATE EXTENSION dblink;
\o /dev/null
SELECT dblink_connect(name, format('dbname=%L host=%L port=%s', current_database(), current_setting('unix_socket_directories'), current_setting('port'))) FROM (VALUES ('one'), ('two')) AS c(name);
SELECT dblink_exec('one', 'BEGIN'), dblink_exec('one', 'LOCK TABLE shop.loose'), dblink_send_query('two', 'SELECT * FROM shop.loose');
SELECT pg_sleep(0.2);
\o
SELECT ok(EXISTS (SELECT FROM lifeguard.long_transactions('1 hour', '0') WHERE message LIKE '%idle in a transaction%'), 'a session that is idle in a transaction');
SELECT is((SELECT count(*) FROM lifeguard.long_transactions('1 hour', '10 minutes')), 0::bigint, 'not when it is so for a moment');
SELECT ok(EXISTS (SELECT FROM lifeguard.lock_waits('0') WHERE message LIKE '%waits for a lock on shop.loose%behind session%'), 'a session that waits for a lock, and behind whom');
\o /dev/null
SELECT dblink_exec('one', 'ROLLBACK');
SELECT * FROM dblink_get_result('two') AS r(a int, id bigint);
SELECT dblink_disconnect('one'), dblink_disconnect('two');
\o
DROP EXTENSION dblink;

-- all is mended ------------------------------------------------------------------------------------------------------------------
DROP TABLE shop.churn;
SELECT is((SELECT jsonb_agg(r) FROM monitoring.run_checks() AS r WHERE r.status <> 'healthy'), NULL, 'all is mended: no check finds anything');
SELECT is(monitoring.health() -> 'score', '100', 'and the score is 100');

-- who may ------------------------------------------------------------------------------------------------------------------------
SET ROLE checks_monitor;
SELECT lives_ok('SELECT monitoring.health()', 'pg_monitor reads the health');
SELECT lives_ok('SELECT * FROM monitoring.run_checks(''journal'')', 'pg_monitor runs checks');
SELECT throws_ok('SELECT * FROM lifeguard.check_orphans()', '42501', NULL, 'not their functions');
SELECT throws_ok('SELECT lifeguard.read_as(10, ''SELECT to_jsonb(1)'')', '42501', NULL, 'nor what reads as somebody else');
RESET ROLE;

DROP SCHEMA other CASCADE;
DROP OWNED BY checks_visitor, checks_owner;
DROP EXTENSION lifeguard CASCADE;
DROP ROLE checks_login, checks_visitor, checks_owner, checks_monitor;
SELECT * FROM finish();
