\ir look.sql
\echo
\echo '== 7. Row security that explains itself =='
\echo
\echo 'Who may do what: each row of this was tried, as that role and that person, and taken back. It is remembered.'
\echo
SELECT persona, string_agg(command || ' ' || outcome, ', ' ORDER BY command) AS "a profile" FROM monitoring.test_rls_policies('{auth_management.profiles}') GROUP BY 1 ORDER BY 1;
\o /dev/null
SELECT * FROM monitoring.remember_access();
\o
\echo 'Then comes a migration like the one of May 2025:'
\echo
\set ECHO queries
DROP POLICY change ON auth_management.profiles;
\set ECHO none
\echo
\echo 'A member corrects his name. No error, and nothing happens:'
\echo
SELECT set_config('request.jwt.claims', jsonb_build_object('sub', id, 'role', 'authenticated')::text, false) <> '' AS "Ada is signed in" FROM cast_list WHERE name = 'Ada';
SELECT jsonb_build_object('id', id) AS ada, id AS ada_id FROM cast_list WHERE name = 'Ada' \gset
SET ROLE authenticated;
WITH saved AS (UPDATE auth_management.profiles SET full_name = 'Ada L.' WHERE id = :'ada_id' RETURNING 1) SELECT count(*) AS "profiles saved" FROM saved;
RESET ROLE;
\echo 'The database knows why. Of the row, of the matrix, and of the table:'
\echo
SELECT kind, name, verdict FROM monitoring.explain_access('auth_management.profiles', 'UPDATE', :'ada', 'authenticated', current_setting('request.jwt.claims')::jsonb);
SELECT change FROM monitoring.access_changes();
SELECT lint, object, why FROM monitoring.lint();
\o /dev/null
SELECT pull_up_club.install();
RESET request.jwt.claims;
\o
\echo 'install() brings the policy back:'
\echo
SELECT count(*) AS "changes left" FROM monitoring.access_changes();
