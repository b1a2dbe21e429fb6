\ir look.sql
\echo
\echo '== 8. A database that looks at itself =='
\echo
\echo 'Somebody writes past the rules: a pool''s balance, and an approval without its earning.'
\echo
\o /dev/null
DELETE FROM monitoring.access_expectations;
SELECT monitoring.update_current_pool();
\o
\set ECHO queries
SET session_replication_role = replica;
UPDATE finance.weekly_pools SET spent_dollars = spent_dollars + 4, remaining_amount_dollars = remaining_amount_dollars - 4 WHERE is_current;
DELETE FROM finance.weekly_earnings WHERE submission_id = (SELECT submission_id FROM analytics.leaderboard ORDER BY rank LIMIT 1);
RESET session_replication_role;
\set ECHO none
\echo
\echo 'The nightly run finds it:'
\echo
SELECT name, status, message FROM monitoring.run_checks('club') WHERE status <> 'healthy';
\echo 'And this is the report for people (health_report(''html'') is a page for an e-mail):'
\echo
\t on
\pset format unaligned
SELECT monitoring.health_report();
