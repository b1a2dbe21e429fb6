-- The identity part's report on table sample.
CREATE TEMP VIEW figure (place, what, measure, variant, baseline, better, bound, goal, unit, quantile) AS
SELECT row_number() OVER (), what, measure, variant, baseline, CASE baseline WHEN 'ours' THEN '≥' ELSE '≤' END, goal::float8, goal::float8, '×', 0.5
  FROM (VALUES
  ('uid() = col, 100k rows, sequential, against the literal',            'uid',        'ours', 'literal',    1.15),
  ('auth.uid() in SQL, against uid()',                                   'uid',        'bare', 'ours',       30),
  ('is_admin(), 100k rows, against a literal that each row is held to',  'admin',      'ours', 'literal',    1.15),
  ('is_admin() in PL/pgSQL, against ours',                               'admin',      'plpgsql', 'ours',    150),
  ('is_admin() OR uid() = col, against two such literals',               'either',     'ours', 'literal',    1.15),
  ('is_admin() in PL/pgSQL OR auth.uid() = col, against ours',           'either',     'plpgsql', 'ours',    150),
  ('is_member(col), 1M rows, 100 organizations, no index, against IN',   'events100',  'ours', 'literal100', 1.0),
  ('the same, 500 organizations',                                        'events500',  'ours', 'literal500', 1.0),
  ('is_member(col), 1M rows, 100 organizations, indexed, against = ANY', 'indexed100', 'ours', 'literal100', 1.3),
  ('the same, 500 organizations',                                        'indexed500', 'ours', 'literal500', 1.3),
  ('lookup with uid(), simple protocol, against no row security',        'lookup_simple_both',   'ours', 'none', 1.15),
  ('the same, prepared',                                                 'lookup_prepared_both', 'ours', 'none', 1.05),
  ('lookup with is_member(), 1 organization, simple, against PL/pgSQL',  'member1_simple',      'ours', 'plpgsql', 1.0),
  ('the same, 10 organizations',                                         'member10_simple',     'ours', 'plpgsql', 1.0),
  ('the same, 100 organizations',                                        'member100_simple',    'ours', 'plpgsql', 1.0),
  ('the same, 1,000 organizations',                                      'member1000_simple',   'ours', 'plpgsql', 1.0),
  ('the same, prepared, 1 organization',                                 'member1_prepared',    'ours', 'plpgsql', 1.0),
  ('the same, 10 organizations',                                         'member10_prepared',   'ours', 'plpgsql', 1.0),
  ('the same, 100 organizations',                                        'member100_prepared',  'ours', 'plpgsql', 1.0),
  ('the same, 1,000 organizations',                                      'member1000_prepared', 'ours', 'plpgsql', 1.0),
  ('100 partitions, uid() = col, against the literal',                   'parts',        'ours', 'literal',  1.3),
  ('100 partitions, is_member(col), against IN',                         'parts_member', 'ours', 'literal',  1.3),
  ('INSERT of 100k rows, checked by uid(), against none',                'insert',       'ours', 'none',     1.1),

  ('uid() = col, sequential, against (SELECT auth.uid()) = col',         'uid',    'ours', 'wrapped', NULL),
  ('is_admin(), against true: nothing is left to evaluate',              'admin',  'ours', 'true',    NULL),
  ('is_admin(), against (SELECT is_admin()) in PL/pgSQL',                'admin',  'ours', 'wrapped', NULL),
  ('(SELECT is_admin()) in PL/pgSQL, against true',                      'admin',  'wrapped', 'true', NULL),
  ('is_admin() OR uid() = col, against one literal',                     'either', 'ours', 'half',    NULL),
  ('is_admin() OR uid() = col, against both wrapped',                    'either', 'ours', 'wrapped', NULL),
  ('has_permission(col, role) in PL/pgSQL, 100k rows, against ours',     'permission', 'plpgsql', 'ours', NULL),
  ('is_member(col), indexed, 2 organizations, a client''s statement',    'indexed2', 'ours', 'literal', NULL),
  ('lookup with the literal, simple, against no row security',           'lookup_simple_both',   'literal', 'none', NULL),
  ('the same, prepared',                                                 'lookup_prepared_both', 'literal', 'none', NULL),
  ('lookup with uid(), simple, the session alone, against no row security', 'lookup_simple',   'ours', 'none', NULL),
  ('the same, against the literal',                                      'lookup_simple',   'ours', 'literal', NULL),
  ('the same, against auth.uid() in SQL',                                'lookup_simple',   'ours', 'bare', NULL),
  ('lookup with uid(), prepared, the session alone, against none', 'lookup_prepared', 'ours', 'none', NULL),
  ('the same, against the literal',                                      'lookup_prepared', 'ours', 'literal', NULL),
  ('the same, against auth.uid() in SQL',                                'lookup_prepared', 'ours', 'bare', NULL),
  ('a web gateway''s transaction with uid(), against no row security', 'request', 'ours', 'none', NULL),
  ('the same, against auth.uid() in SQL',                                'request', 'ours', 'bare', NULL),
  ('lookup with is_member(), prepared, cached against not',              'cached',  'cached', 'fresh', NULL),
  ('planning with four policies of helpers, against four of literals',   'four',    'ours', 'literal', NULL),
  ('the same, against SQL and PL/pgSQL helpers',                         'four',    'ours', 'plpgsql', NULL),
  ('INSERT, checked by uid(), against checked by the literal',           'insert',  'ours', 'literal', NULL),
  ('INSERT without an index, checked by uid(), against none',            'heap',    'ours', 'none', NULL)
) AS v (what, measure, variant, baseline, goal);
\ir figures.sql

\echo 'Microseconds of the session''s processor, medians; "both" are the session''s and its client''s.'
SELECT measure AS " ", string_agg(format('%s %s', variant, round(median::numeric, CASE WHEN median < 1000 THEN 1 ELSE 0 END)), ', ' ORDER BY median) AS "µs"
  FROM (SELECT measure, variant, percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS median FROM sample
         WHERE measure LIKE 'lookup%' OR measure NOT LIKE '%\_both' GROUP BY measure, variant) AS m
 GROUP BY measure ORDER BY measure;
