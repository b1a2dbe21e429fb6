-- The identity part's report on table sample.
CREATE TEMP VIEW figure (place, what, measure, variant, baseline, better, bound, goal, unit, quantile) AS
SELECT place, what, measure, variant, baseline, '≤', bound::float8, bound::float8, '×', 0.5
  FROM (VALUES
  (1,  'uid() = col, 100k rows, sequential, against the literal',           'uid', 'ours', 'literal',        1.15),
  (2,  'the same, against auth.uid() in SQL',                               'uid', 'ours', 'bare',           0.0333),
  (3,  'is_admin(), against a literal condition that is true',              'admin', 'ours', 'literal',      1.15),
  (4,  'the same, against is_admin() in PL/pgSQL',                          'admin', 'ours', 'plpgsql',      0.00667),
  (5,  'is_admin() OR uid() = col, against two literal conditions',         'either', 'ours', 'literal',     1.15),
  (6,  'the same, against is_admin() in PL/pgSQL OR auth.uid() = col',      'either', 'ours', 'plpgsql',     0.00667),
  (7,  'is_member(col), 1M rows, 100 organizations, no index, against a hashed IN', 'events100', 'ours', 'literal100', 1.0),
  (8,  'the same, 500 organizations',                                       'events500', 'ours', 'literal500', 1.0),
  (9,  'is_member(col), 1M rows, 100 organizations, indexed, against the literal', 'indexed100', 'ours', 'literal100', 1.3),
  (10, 'the same, 2 organizations, a statement of a client',                'indexed2', 'ours', 'literal',   1.3),
  (11, 'point lookup with uid(), simple protocol, against no row security', 'lookup_simple', 'ours', 'none',   1.15),
  (12, 'the same, prepared',                                                'lookup_prepared', 'ours', 'none', 1.05),
  (13, 'point lookup with is_member(), 1 organization, simple, against PL/pgSQL', 'member1_simple', 'ours', 'plpgsql', 1.0),
  (14, 'the same, 10 organizations',                                        'member10_simple', 'ours', 'plpgsql', 1.0),
  (15, 'the same, 100 organizations',                                       'member100_simple', 'ours', 'plpgsql', 1.0),
  (16, 'the same, 1,000 organizations',                                     'member1000_simple', 'ours', 'plpgsql', 1.0),
  (17, 'the same, prepared, 1 organization',                                'member1_prepared', 'ours', 'plpgsql', 1.0),
  (18, 'the same, 10 organizations',                                        'member10_prepared', 'ours', 'plpgsql', 1.0),
  (19, 'the same, 100 organizations',                                       'member100_prepared', 'ours', 'plpgsql', 1.0),
  (20, 'the same, 1,000 organizations',                                     'member1000_prepared', 'ours', 'plpgsql', 1.0),
  (21, '100 partitions, uid() = col, against the literal',                  'parts', 'ours', 'literal',      1.3),
  (22, '100 partitions, is_member(col), against the literal',               'parts_member', 'ours', 'literal', 1.3),
  (23, 'INSERT of 100k rows, checked by uid(), against none',               'insert', 'ours', 'none',         1.1),
  (24, 'uid() = col, sequential, against (SELECT auth.uid()) = col',        'uid', 'ours', 'wrapped',        NULL),
  (25, 'is_admin(), against true: nothing to evaluate',                     'admin', 'ours', 'true',         NULL),
  (26, 'is_admin(), against (SELECT is_admin()) in PL/pgSQL',               'admin', 'ours', 'wrapped',      NULL),
  (27, 'is_admin() OR uid() = col, against one literal condition',          'either', 'ours', 'half',        NULL),
  (28, 'is_admin() OR uid() = col, against both wrapped',                   'either', 'ours', 'wrapped',     NULL),
  (29, 'has_permission(col, role), 100k rows, against PL/pgSQL',            'permission', 'ours', 'plpgsql', NULL),
  (30, 'point lookup as a web gateway makes it, uid(), against no row security', 'request', 'ours', 'none',   NULL),
  (31, 'the same, against auth.uid() in SQL',                               'request', 'ours', 'bare',       NULL),
  (32, 'point lookup with uid(), simple, against auth.uid() in SQL',        'lookup_simple', 'ours', 'bare', NULL),
  (33, 'the same, prepared',                                                'lookup_prepared', 'ours', 'bare', NULL),
  (34, 'point lookup with is_member(), 100 organizations, prepared, cached against not', 'cached', 'cached', 'fresh', NULL),
  (35, 'planning with four policies of helpers, against four of literals',  'four', 'ours', 'literal',       NULL),
  (36, 'the same, against SQL and PL/pgSQL helpers',                        'four', 'ours', 'plpgsql',       NULL),
  (37, 'INSERT of 100k rows, checked by uid(), against checked by the literal', 'insert', 'ours', 'literal', NULL),
  (38, 'INSERT into a table without an index, checked by uid(), against none', 'heap', 'ours', 'none', NULL),
  (39, 'the same, against checked by the literal', 'heap', 'ours', 'literal', NULL)
) AS v (place, what, measure, variant, baseline, bound);
\ir figures.sql

\echo 'Microseconds each, of the session''s processor; medians.'
SELECT measure, variant, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY value)::numeric, 1) AS "µs"
  FROM sample GROUP BY measure, variant ORDER BY min(round), measure, variant;
