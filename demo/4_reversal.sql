\ir look.sql
\echo
\echo '== 4. A reversal =='
\echo
\echo 'Kim''s film turns out to be last year''s. One UPDATE takes it back: the same pool, the same month, the same payout request.'
\echo
\set ECHO queries
UPDATE content.submissions SET status = 'rejected', notes = 'This is the film of last year.'
 WHERE user_id = (SELECT id FROM cast_list WHERE name = 'Kim');
\set ECHO none
\echo
SELECT '$' || spent_dollars AS "spent now", '$' || remaining_amount_dollars AS "left now" FROM finance.weekly_pools;
SELECT recipient AS "an e-mail waits for", subject, message FROM communication.email_notifications;
