\ir look.sql
\set ECHO queries
\echo
\echo '== 3. What is refused, and how it says so =='
\echo
\echo 'Nothing below changes a row. Each refusal names the table, the row and the way out; the DETAIL is JSON, for programs.'
\echo
\echo '-- approve without having counted:'
UPDATE content.submissions SET status = 'approved' WHERE user_id = (SELECT id FROM cast_list WHERE name = 'Nora');
\echo
\echo '-- approve what is approved, by way of pending:'
UPDATE content.submissions SET status = 'pending' WHERE user_id = (SELECT id FROM cast_list WHERE name = 'Ada');
\echo
\echo '-- a state that does not exist:'
UPDATE content.submissions SET status = 'aproved' WHERE user_id = (SELECT id FROM cast_list WHERE name = 'Nora');
\echo
\echo '-- reject without saying why:'
UPDATE content.submissions SET status = 'rejected' WHERE user_id = (SELECT id FROM cast_list WHERE name = 'Nora');
\echo
\echo '-- book an approval on another week''s pool:'
SELECT finance.calculate_earnings(id, 18, (SELECT id FROM finance.weekly_pools), now() + interval '14 days') FROM cast_list WHERE name = 'Nora';
\echo
\echo '-- drop a column that a rule reads:'
ALTER TABLE content.submissions DROP COLUMN notes;
