-- The monitoring's report on table sample.
CREATE TEMP VIEW figure (place, what, measure, variant, baseline, better, bound, goal, unit, quantile) AS VALUES
  (1, 'the ranking''s first page of 50',                        'page',         'ours', NULL, '≤', 5,    NULL::numeric, 'ms', 0.5),
  (2, 'the same, 99th percentile',                              'page',         'ours', NULL, NULL, NULL, NULL, 'ms', 0.99),
  (3, 'a member''s own rank',                                   'rank',         'ours', NULL, '≤', 5,    NULL, 'ms', 0.5),
  (4, 'the same, 99th percentile',                              'rank',         'ours', NULL, NULL, NULL, NULL, 'ms', 0.99),
  (5, 'the rank of the last of all',                            'last',         'ours', NULL, '≤', 5,    NULL, 'ms', 0.5),
  (6, 'run_checks(), all of them',                              'checks',       'ours', NULL, '≤', 2000, NULL, 'ms', 0.5),
  (7, 'run_checks(''club'')',                                   'club',         'ours', NULL, NULL, NULL, NULL, 'ms', 0.5),
  (8, 'health()',                                               'health',       'ours', NULL, '≤', 50,   NULL, 'ms', 0.5),
  (9, 'a page in the middle of the ranking',                    'deep',         'ours', NULL, NULL, NULL, NULL, 'ms', 0.5),
  (10, 'the first page of a gender',                            'gender',       'ours', NULL, '≤', 5,    NULL, 'ms', 0.5),
  (11, 'the first page of an organization of a thousandth',     'organization', 'ours', NULL, '≤', 5,    NULL, 'ms', 0.5),
  (12, 'the same, of one gender',                               'half',         'ours', NULL, '≤', 5,    NULL, 'ms', 0.5),
  (13, 'the view''s first page, which ranks everybody',         'view',         'ours', NULL, NULL, NULL, NULL, 'ms', 0.5),
  (14, 'run_checks(), over all rows',                           'nightly',      'ours', NULL, NULL, NULL, NULL, 'ms', 0.5);
\ir figures.sql

\echo 'Milliseconds of the checks that take most, medians.'
SELECT substr(measure, 7) AS "check", round(percentile_cont(0.5) WITHIN GROUP (ORDER BY value)::numeric) AS "ms"
  FROM sample WHERE measure LIKE 'check %' GROUP BY 1 ORDER BY 2 DESC LIMIT 12;
