\ir look.sql
\echo
\echo '== 1. A club that keeps its rules in the database =='
\echo
\echo 'Members film pull-ups, an admin counts them, the club pays a dollar for each out of a weekly pool of $250.'
\echo 'Nine triggers did that once, and broke for five months without a single error. Here are two.'
\echo
CREATE EXTENSION pull_up_club CASCADE;
\o /dev/null
CREATE TEMP TABLE made AS SELECT line FROM pull_up_club.install() AS line;
\o
SELECT split_part(line, ' ', 1) AS "install() made", count(*) AS "how many"
  FROM made WHERE line ~ ' (created|declared)$' GROUP BY 1 ORDER BY 2 DESC, 1;
\echo 'The life of a submission, as the database itself draws it (paste it where Mermaid is drawn):'
\echo
\t on
\pset format unaligned
SELECT lifeguard.draw_lifecycle('content.submissions');
\pset format aligned
\t off
\echo
\echo 'All of it is carried by the table''s own triggers, so it is dumped, restored, renamed and dropped with the table:'
\echo
SELECT tgname AS trigger, tgnargs AS "rules in its arguments" FROM pg_trigger
 WHERE tgrelid = 'content.submissions'::regclass AND NOT tgisinternal ORDER BY tgname DESC;
