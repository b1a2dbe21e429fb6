\ir look.sql
\echo
SELECT p.full_name AS member, e.pull_up_count AS counted, '$' || e.earning_amount_dollars AS earned, e.reason AS "why less"
  FROM finance.weekly_earnings e JOIN auth_management.profiles p ON p.id = e.user_id WHERE p.full_name IN ('Nora', 'Omar') ORDER BY 1;
SELECT '$' || total_amount_dollars AS "the week's pool", '$' || spent_dollars AS spent, '$' || remaining_amount_dollars AS "left",
       '$' || (SELECT sum(earning_amount_dollars) FROM finance.weekly_earnings) AS "sum of all earnings"
  FROM finance.weekly_pools;
\echo 'The second admin''s approval waited for the first one''s commit and took what remained: to the dollar, never below zero.'
\echo
