\ir look.sql
\o /dev/null
BEGIN;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 18
 WHERE user_id = (SELECT id FROM cast_list WHERE name = :'name');
SELECT pg_sleep(:wait);
COMMIT;
\o
\echo :who approved :name.
