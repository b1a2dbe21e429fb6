-- monitoring.health_report(): the checks run, the report says what they said; what is mended is gone from it.
SELECT no_plan();
SET client_min_messages = error;
SET timezone = 'UTC';
CREATE EXTENSION lifeguard;
DELETE FROM monitoring.checks;
DELETE FROM monitoring.gauges;
DROP ROLE IF EXISTS report_reader, report_stranger;
CREATE ROLE report_reader IN ROLE pg_monitor;
CREATE ROLE report_stranger;

CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int PRIMARY KEY, paid boolean NOT NULL, note text);
CREATE FUNCTION shop.check_unpaid() RETURNS SETOF monitoring.finding LANGUAGE sql STABLE AS $$
  SELECT format('order %s', id), format('was sent and is not paid: %s', note), NULL::jsonb, NULL::text FROM shop.orders WHERE NOT paid
$$;
CREATE FUNCTION shop.check_nothing() RETURNS SETOF monitoring.finding LANGUAGE sql STABLE AS $$ SELECT NULL::text, NULL::text, NULL::jsonb, NULL::text WHERE false $$;
CREATE FUNCTION shop.read_stock() RETURNS SETOF monitoring.gauge LANGUAGE sql STABLE AS $$ SELECT 'paid orders', count(*) FILTER (WHERE paid)::numeric, count(*)::numeric, NULL FROM shop.orders $$;
SELECT monitoring.add_check('unpaid', 'orders', 'critical', 'shop.check_unpaid()', 'orders that nobody paid', 'SELECT * FROM shop.orders WHERE NOT paid;');
SELECT monitoring.add_check('nothing', 'orders', 'warning', 'shop.check_nothing()', 'nothing', NULL);
SELECT monitoring.add_gauges('stock', 'Orders & stock', 'shop.read_stock()');
CREATE FUNCTION pg_temp.lines(pattern text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(btrim(line), '; ') FROM regexp_split_to_table(monitoring.health_report(), '\n') AS line WHERE line ~ pattern
$$;

SELECT matches(monitoring.health_report(), 'UNKNOWN.*never run.*SELECT \* FROM monitoring.run_checks\(\);', 'before the first run it says how to run them');
INSERT INTO shop.orders SELECT i, i > 3, CASE i WHEN 1 THEN '<script>alert("&")</script>' ELSE 'n' || i END FROM generate_series(1, 10) AS i;
SELECT count(*) FROM monitoring.run_checks() \gset
SELECT is(pg_temp.lines('^score'), 'score     50 of 100  [############-------------]', 'the score');
SELECT is(pg_temp.lines('^checks|^before'), 'checks    1 critical, 1 healthy of 2 checks; before    never', 'the checks, and that it was the first run');
SELECT is(pg_temp.lines('\(NEW\)'), '- order 1 (NEW); - order 2 (NEW); - order 3 (NEW)', 'each finding is new');
SELECT is(pg_temp.lines('paid orders'), 'paid orders  [##############------]  7 of 10', 'the gauge');
SELECT is((SELECT string_agg(object || ': ' || message, '; ') FROM xmltable('//ul/li' PASSING xmlparse(DOCUMENT monitoring.health_report('html')) COLUMNS object text PATH 'bdi', message text PATH 'div')),
          'order 1: was sent and is not paid: <script>alert("&")</script>; order 2: was sent and is not paid: n2; order 3: was sent and is not paid: n3', 'the page has the same, as text');
SELECT unalike(monitoring.health_report('html'), '%<script%', 'and no script');
SELECT is((xpath('//pre/code/text()', xmlparse(DOCUMENT monitoring.health_report('html'))))[1]::text, 'SELECT * FROM shop.orders WHERE NOT paid;', 'what to do, once');
SELECT alike(monitoring.health_report('markdown'), '%- **NEW** `order 1`: was sent and is not paid: \\<script\\>alert\\(\\"\\&\\"\\)\\</script\\>%', 'and so has the markdown');

UPDATE shop.orders SET paid = true WHERE id < 3;
SELECT count(*) FROM monitoring.run_checks() \gset
SELECT is(pg_temp.lines('^since'), 'since     0 new, 2 gone', 'two are mended');
SELECT is(pg_temp.lines('- order'), '- order 3 (since ' || to_char(now(), 'Dy FMDD Mon YYYY') || ')', 'one is still there');
SELECT is(pg_temp.lines('- unpaid'), '- unpaid order 1; - unpaid order 2', 'and who is gone is named');

SET ROLE report_reader;
SELECT is(pg_temp.lines('paid orders'), 'paid orders  [##################--]  9 of 10', 'a reader of pg_monitor''s sees also what he may not read himself');
SELECT matches(monitoring.health_report('html'), '^<!DOCTYPE html>\n<html lang="en">.*</html>\n$', 'the page');
SELECT matches(monitoring.health_report('markdown'), '^# Health of ', 'and the markdown');
SET ROLE report_stranger;
SELECT throws_ok('SELECT monitoring.health_report()', '42501', NULL, 'nobody else');
RESET ROLE;

UPDATE shop.orders SET paid = true;
SELECT count(*) FROM monitoring.run_checks() \gset
SELECT matches(monitoring.health_report(), 'HEALTHY.*100 of 100.*Nothing to report', 'all is mended');
INSERT INTO shop.orders SELECT i, false, repeat('x', 1000) FROM generate_series(11, 10010) AS i;
SELECT count(*) FROM monitoring.run_checks() \gset
SELECT ok(octet_length(monitoring.health_report('html')) < 40000, 'ten thousand findings: the page stays small');
SELECT is(pg_temp.lines(' more '), 'and at least 192 more of this check; 9,992 more findings not shown here. Those that are kept are in monitoring.check_findings.', 'and says how many there are');
CREATE FUNCTION shop.check_loose() RETURNS SETOF monitoring.finding LANGUAGE sql STABLE AS $$ SELECT 'thing ' || i, 'is loose', NULL::jsonb, NULL::text FROM generate_series(1, 3) AS i $$;
SELECT monitoring.add_check('loose', 'things', 'warning', 'shop.check_loose()', 'loose things', 'tighten them');
SELECT count(*) FROM monitoring.run_checks() \gset
SELECT is(pg_temp.lines('- thing|tighten'), '- thing 1 (NEW); - thing 2 (NEW); - thing 3 (NEW); tighten them', 'ten thousand critical findings of one check do not hide the warnings of another');
UPDATE monitoring.checks SET enabled = false;
SELECT matches(monitoring.health_report(), 'UNKNOWN.*No check that is enabled has run', 'no check is enabled');
CREATE FUNCTION shop.write_stock() RETURNS SETOF monitoring.gauge LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO shop.orders VALUES (0, false);
  RETURN QUERY SELECT 'orders', 1::numeric, 1::numeric, NULL;
END $$;
SELECT monitoring.add_gauges('stock', 'Orders & stock', 'shop.write_stock()');
SELECT results_eq($$SELECT value FROM monitoring.metrics WHERE topic = 'gauges' AND labels ->> 'gauge' = 'stock'$$, 'VALUES (NULL::double precision), (NULL)', 'a gauge that would write is unknown');
SELECT is_empty('SELECT FROM shop.orders WHERE id = 0', 'and has not written');
SELECT throws_ok($$SELECT monitoring.health_report('pdf')$$, 'LG420', 'the health report has no format ''pdf''', 'no other format');
SELECT * FROM finish();
SET client_min_messages = error;
DROP SCHEMA shop CASCADE;
DROP ROLE report_reader, report_stranger;
