-- The journal's report on table sample.
CREATE TEMP VIEW figure (place, what, measure, variant, baseline, better, bound, goal, unit, quantile) AS VALUES
  (1,  'trivial PL/pgSQL statements, CPU, against a server without lifeguard',        'trivial',  'on', 'off', '≤', 1.2,   1.12, '×', 0.5),
  (2,  'SQL statements in PL/pgSQL, CPU, against the same',                           'queries',  'on', 'off', '≤', 1.02,  NULL, '×', 0.5),
  (3,  'an uncaught error, CPU, against the same',                                    'uncaught', 'on', 'off', '≤', 1.1,   NULL, '×', 0.5),
  (4,  'log_error, CPU, against a call of a C function that does nothing', 'simple', 'log_error',   'noop',     '≤', 1.2,   NULL, '×', 0.5),
  (5,  'log_error, time, against an INSERT through a kept connection of dblink', 'keep', 'log_error', 'dblink', '≤', 0.125, NULL, '×', 0.5),
  (6,  'log_error, 2 clients',                                             'storm',    'clients',   NULL,       '≥', 20000, NULL, 'a second', 0.5),
  (7,  'of these lost, in the worst round',                                'lost',     'clients',   NULL,       '≤', 0,     NULL, 'errors', 1),
  (8,  'visible in the table after the error, 99th percentile',            'visible',  NULL,        NULL,       '≤', 500,   NULL, 'ms', 0.99),
  (9,  'the same, median, while there is a writer',                        'visible',  'warm',      NULL,       NULL, NULL, NULL, 'ms', 0.5),
  (10, 'the same, median, when one has to be started',                     'visible',  'cold',      NULL,       NULL, NULL, NULL, 'ms', 0.5),
  (11, 'trivial PL/pgSQL statements in a handler, CPU, against a server without', 'handled', 'on',   'off',      NULL, NULL, NULL, '×', 0.5),
  (12, 'a block with exceptions, and none happens, CPU, against the same', 'blocks',   'on',        'off',      NULL, NULL, NULL, '×', 0.5),
  (13, 'an exception that is swallowed, CPU, against the same',            'swallow',  'on',        'off',      NULL, NULL, NULL, '×', 0.5),
  (14, 'the cheapest uncaught error, CPU, against the same',               'cheapest', 'on',        'off',      NULL, NULL, NULL, '×', 0.5),
  (15, 'log_error, CPU, against a call of nothing, prepared',              'prepared', 'log_error', 'noop',     NULL, NULL, NULL, '×', 0.5),
  (16, 'log_error, CPU, against a call of nothing, on one processor', 'pinned', 'log_error', 'noop', NULL, NULL, NULL, '×', 0.5),
  (17, 'stored by the writer, of many that wait',                          'stored',   'on',        NULL,       NULL, NULL, NULL, 'rows a second', 0.5);
\ir figures.sql

\echo 'Microseconds each, medians: of the session''s processor; and of time, for dblink.'
WITH pair (place, what, measure, ours, theirs) AS (
  VALUES (1, 'a trivial PL/pgSQL statement', 'trivial', 'on', 'off'), (2, 'an SQL statement in PL/pgSQL', 'queries', 'on', 'off'),
         (3, 'a block with exceptions', 'blocks', 'on', 'off'), (4, 'an exception that is swallowed', 'swallow', 'on', 'off'),
         (5, 'an uncaught error', 'uncaught', 'on', 'off'), (6, 'the cheapest uncaught error', 'cheapest', 'on', 'off'),
         (7, 'log_error, and a call of nothing', 'simple', 'log_error', 'noop'), (8, 'the same, prepared', 'prepared', 'log_error', 'noop'),
         (9, 'the same, simple, on one processor', 'pinned', 'log_error', 'noop'), (10, 'log_error, and dblink', 'keep', 'log_error', 'dblink')
)
SELECT what AS " ",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE variant = ours)::numeric, 3) AS "journal",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE variant = theirs)::numeric, 3) AS "without"
  FROM pair JOIN sample USING (measure) GROUP BY place, what ORDER BY place;
