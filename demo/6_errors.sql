\ir look.sql
\echo
\echo '== 6. An error that survives its rollback, and one that was swallowed =='
\echo
\echo 'An import begins, finds a line that is wrong, says so, and fails. Its transaction is undone. What it said is not.'
\echo
\set ECHO queries
CREATE FUNCTION public.import_results(file text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.cast_list (place, name, counted) VALUES (16, 'Pia', 31);
  PERFORM monitoring.log_error('import_failed', 'line 2 has no name',
                               jsonb_build_object('file', file, 'line', 2, 'password', 'open sesame'));
  RAISE EXCEPTION 'the import of % failed', file;
END $$;
SELECT public.import_results('week.csv');
SELECT count(*) AS "of Pia there is" FROM public.cast_list WHERE name = 'Pia';
\set ECHO none
\echo
\echo 'And the kind of handler that hid the club''s failures for months:'
\echo
\set ECHO queries
CREATE FUNCTION public.refresh_ranks() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  UPDATE analytics.leader_board SET rank = 1;
  RETURN 'done';
EXCEPTION WHEN OTHERS THEN
  RETURN 'done';
END $$;
SELECT public.refresh_ranks();
\set ECHO none
\o /dev/null
SELECT monitoring.drain();
\o
\echo
\echo 'The journal has all three, and who, where and when (the secret it leaves out):'
\echo
SELECT source, error_type, error_message, context - '{application_name,context}'::text[] AS context
  FROM monitoring.system_errors
 WHERE context ->> 'file' = 'week.csv' OR error_message = 'the import of week.csv failed' OR context ->> 'function' = 'public.refresh_ranks()'
 ORDER BY created_at, id;
\echo 'It has the refusals of scene 3 as well: nobody had to ask for that.'
\echo
SELECT error_type, count(*) AS kinds, sum(occurrences) AS times FROM monitoring.system_errors WHERE source = 'uncaught' GROUP BY 1 ORDER BY 3 DESC, 1;
\echo 'Does it work here? It tries:'
\echo
SELECT * FROM monitoring.selftest();
