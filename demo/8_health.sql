\ir look.sql
\echo
\echo '== 8. A database that looks at itself =='
\echo
\echo 'Somebody deletes an earning, past every rule.'
\echo
\o /dev/null
SELECT monitoring.resolve(id) FROM monitoring.unresolved_errors;
\o
\set ECHO queries
SET session_replication_role = replica;
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
