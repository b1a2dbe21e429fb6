-- The audit's report on table sample.
CREATE TEMP VIEW figure (place, what, measure, variant, baseline, better, bound, goal, unit, quantile) AS VALUES
  (1, 'audit''s added CPU, UPDATE of 20,000 rows, against the same in PL/pgSQL', 'added_all',     'ours', 'plpgsql', '≤', 0.4,  NULL::float8, '×', 0.5),
  (2, 'the same, time',                                                          'added_time',    'ours', 'plpgsql', '≤', 0.4,  NULL, '×', 0.5),
  (3, 'audit''s added CPU, 1,000 UPDATEs of a row, against the same',            'added_each',    'ours', 'plpgsql', NULL, NULL, NULL, '×', 0.5),
  (4, 'audit''s added CPU, rows deleted and inserted, against the same',         'added_replace', 'ours', 'plpgsql', NULL, NULL, NULL, '×', 0.5),
  (5, 'UPDATE of 20,000 rows, audited, CPU, against not audited',                'all',           'ours', 'none',    NULL, NULL, NULL, '×', 0.5),
  (6, 'the same, audited in PL/pgSQL',                                           'all',           'plpgsql', 'none', NULL, NULL, NULL, '×', 0.5);
\ir figures.sql

\echo 'Microseconds that it adds to a row, medians, of the session''s processor.'
WITH pair (place, what, measure, rows) AS (
  VALUES (1, 'one of 20,000 in an UPDATE', 'added_all', 20000), (2, 'one in an UPDATE of its own', 'added_each', 1000), (3, 'one that is deleted and inserted', 'added_replace', 10000)
)
SELECT what AS " ",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE variant = 'ours') / rows)::numeric, 2) AS "lifeguard",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE variant = 'plpgsql') / rows)::numeric, 2) AS "PL/pgSQL"
  FROM pair JOIN sample USING (measure) GROUP BY place, what, rows ORDER BY place;
