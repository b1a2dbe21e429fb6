-- The club's report on table sample.
CREATE TEMP VIEW figure (place, what, measure, variant, baseline, better, bound, goal, unit, quantile) AS VALUES
  (1, 'approvals/s, 1 client, simple protocol, against the cascade',        'simple',           'club', 'cascade',     '≥', 1.9, 2.5, '×', 0.5),
  (2, 'the same, prepared',                                                 'prepared',         'club', 'cascade',     '≥', 2.3, 3.5, '×', 0.5),
  (3, 'approvals/s, 1 client, simple, against the best hand-written',       'simple',           'club', 'handwritten', '≥', 1.4, 1.9, '×', 0.5),
  (4, '100 approvals in one UPDATE, against the cascade',                   'hundred',          'club', 'cascade',     '≥', 3,   5,   '×', 0.5),
  (5, 'approvals/s, 8 clients on one pool, against the cascade, simple',    'clients_simple',   'club', 'cascade',     '≥', 4,   8,   '×', 0.5),
  (6, 'the same, prepared',                                                 'clients_prepared', 'club', 'cascade',     '≥', 4,   8,   '×', 0.5),
  (9, 'adopted: 1 client, simple, against the cascade',                   'simple',           'adopted', 'cascade',  '≥', 1.71, 2.5, '×', 0.5),
  (10, 'adopted: 1 client, prepared',                                     'prepared',         'adopted', 'cascade',  '≥', 2.07, 3.5, '×', 0.5),
  (11, 'adopted: 100 in one UPDATE',                                      'hundred',          'adopted', 'cascade',  '≥', 2.7, 5,   '×', 0.5),
  (12, 'adopted: 8 clients on one pool, simple',                          'clients_simple',   'adopted', 'cascade',  '≥', 3.6, 8,   '×', 0.5),
  (13, 'adopted: 8 clients, prepared',                                    'clients_prepared', 'adopted', 'cascade',  '≥', 3.6, 8,   '×', 0.5),
  (14, 'adopted, against the club: 1 client, simple',                     'simple',           'adopted', 'club',     '≥', 0.9, 1, '×', 0.5),
  (15, 'the same, prepared',                                              'prepared',         'adopted', 'club',     '≥', 0.9, 1, '×', 0.5),
  (16, 'the same, 100 in one UPDATE',                                     'hundred',          'adopted', 'club',     '≥', 0.9, 1, '×', 0.5),
  (17, 'the same, 8 clients, simple',                                     'clients_simple',   'adopted', 'club',     '≥', 0.9, 1, '×', 0.5),
  (18, 'the same, 8 clients, prepared',                                   'clients_prepared', 'adopted', 'club',     '≥', 0.9, 1, '×', 0.5),
  (7, 'an UPDATE that is no transition, added by our triggers',             'notes', 'with_triggers', 'without_triggers', '≤', 3,  1.5, 'µs', 0.5),
  (8, 'a transition without actions, added',                                'doors', 'with_triggers', 'without_triggers', '≤', 10, 6,   'µs', 0.5);
\ir figures.sql

\echo 'Approvals a second, medians. "checked" is the hand-written code on the club''s own tables; "hand-written" has tables without their checks.'
SELECT CASE measure WHEN 'simple' THEN '1 client, simple protocol' WHEN 'prepared' THEN '1 client, prepared' WHEN 'hundred' THEN '100 in one UPDATE'
                    WHEN 'clients_simple' THEN '8 clients, simple protocol' ELSE '8 clients, prepared' END AS " ",
       round(max(median) FILTER (WHERE variant = 'cascade')) AS "cascade",
       round(max(median) FILTER (WHERE variant = 'handwritten')) AS "hand-written",
       round(max(median) FILTER (WHERE variant = 'checked')) AS "checked",
       round(max(median) FILTER (WHERE variant = 'club')) AS "club",
       round(max(median) FILTER (WHERE variant = 'adopted')) AS "adopted"
  FROM (SELECT measure, variant, percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS median FROM sample
         WHERE variant NOT LIKE '%triggers' GROUP BY 1, 2) AS m
 GROUP BY measure
 ORDER BY array_position('{simple,prepared,hundred,clients_simple,clients_prepared}', measure);

\echo 'Microseconds an update, medians.'
SELECT CASE split_part(measure, ' ', 1) WHEN 'notes' THEN 'an UPDATE that is no transition' ELSE 'a transition without actions' END AS " ",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE variant = 'without_triggers')::numeric, 2) AS "without",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE variant = 'with_triggers')::numeric, 2) AS "with our triggers"
  FROM sample WHERE variant LIKE '%triggers' GROUP BY 1 ORDER BY 1 DESC;
