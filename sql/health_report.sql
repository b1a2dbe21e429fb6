-- monitoring.health_report(): what it shows, in three formats, and that nothing which came from data can be anything but text there.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA report;

-- the parts: texts, numbers, gauges
SELECT name, lifeguard.report_text(content, 12), lifeguard.report_text(content, 12, true) AS with_lines FROM (VALUES
  ('as it is', 'twelve chars'), ('cut', 'thirteen char'), ('lines', E' a\r\n\n\tb \n'), ('control', E'a\x01\x1b[1m\x7f'), ('direction', E'\u202eevil\u202c \u2066'), ('C1, BOM, no character', E'\u0085x\ufeff\uffff'),
  ('joiners stay', E'\u200d\u200c'), ('empty', ''), ('null', NULL)) AS v(name, content);
SELECT length(lifeguard.report_text(repeat('x', 1000000), 400)) = 400 AS cut, right(lifeguard.report_text(repeat('x', 1000000), 400), 4) AS ends;
SELECT value, lifeguard.report_number(value), lifeguard.report_number(value, true) AS cents
  FROM unnest('{0,1,-1,1234567,0.5,36.5,99.999,0.001,-1234.5,999999999999999,1e15,1e100,NaN,Infinity,-Infinity,NULL}'::numeric[]) AS value;
SELECT lifeguard.counted(0, 'check'), lifeguard.counted(1, 'check'), lifeguard.counted(1200, 'error'), lifeguard.counted(2, 'index', 'indexes');
SELECT lifeguard.report_gauge(g::monitoring.gauge) FROM (VALUES
  ('this week', 179::numeric, 250::numeric, '$ left'), ('cents', 36.5, 250, '$ left'), ('nothing', 0, 250, '$'), ('more than all', 300, 250, '$'), ('below nothing', -71, 250, '$'), ('share', 99.5, 100, '%'), ('disk', 3, 10, 'GB'),
  ('no total', 1234567, NULL, 'rows'), ('no value', NULL, 10, 'GB'), ('of nothing', 1, 0, ''), ('no unit', 1, 3, NULL), ('NaN', 'NaN', 3, '%'), ('endless', 1, 'Infinity', '%'), ('full', 'Infinity', 3, '%'), ('large', 1e200, 2e200, 'x'),
  (E'a\nb', 1, 2, E'c\nd'), (NULL, NULL, NULL, NULL)) AS g;

-- escaping
SELECT lifeguard.escape_html($$<a href="x" id='y'>&amp; é</a>$$), lifeguard.escape_html(''), lifeguard.escape_html(NULL);
SELECT content, lifeguard.escape_markdown(content) FROM (VALUES
  ('plain text, 12 words'), ('**bold** _it_ ~~no~~ `code`'), ('[a](b) ![c](d) <b>e</b> &amp;'), ('a | b \ c'), ('# 1. + - * > !'), ('@someone, #12, GH-12, a@b.c'), ('https://a.example www.b.example'), ('$x$ ^y^')) AS v(content);
SELECT content, lifeguard.markdown_code(content) FROM (VALUES ('plain'), ('a `tick`'), ('`tick'), ('``two`` and `one` |'), ('')) AS v(content);
SELECT lifeguard.markdown_block(E'a\n```\nb');
SELECT lifeguard.markdown_block(E'a\nb', '  ');
SELECT lifeguard.wrap_text('one two three', '  ', 9) AS words, lifeguard.wrap_text('onetwothreefour', '- ', 9) AS broken, lifeguard.wrap_text(E'a\n  b\n\nc', '', 9) AS lines, lifeguard.wrap_text('', '', 9) AS empty;
SELECT lifeguard.text_bar(share, 10) FROM unnest('{0,0.001,0.5,0.999,1,2,-1,NULL}'::numeric[]) AS share;

-- one report in all formats: what health() says is given here, so that it is the same every day
CREATE FUNCTION report.health(findings jsonb, left_out bigint DEFAULT 0) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('database', 'club', 'checked_at', '2026-11-26 02:00:03+00'::timestamptz, 'score', 71, 'status', 'CRITICAL',
    'counts', '{"checks": 7, "healthy": 5, "warning": 1, "critical": 1, "new": 2, "gone": 12}'::jsonb || jsonb_build_object('findings', jsonb_array_length(findings) + left_out),
    'findings', findings, 'findings_left_out', left_out,
    'gone', (SELECT jsonb_agg(jsonb_build_object('check', 'current_pool', 'object', 'week ' || i, 'message', 'the flag is at another week')) FROM generate_series(1, 12) AS i),
    'previous', '{"checked_at": "2026-11-25T02:00:02+00:00", "score": 86, "status": "NEEDS ATTENTION"}'::jsonb)
$$;
-- without the gauges and errors of this database
CREATE FUNCTION report.content(health jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT lifeguard.report_content(health) || '{"gauges": [], "errors": {"days": 30, "total": 0, "lines": []}}'
$$;
CREATE TABLE report.shown AS SELECT report.content(report.health('[
  {"check": "pool_consistency", "category": "money", "severity": "critical", "object": "week of 2026-11-23", "message": "spent says $71, its earnings add up to $67",
   "remedy": "SELECT * FROM check_pool_consistency(fix => true);", "since": "2026-11-26T02:00:03+00:00", "change": "new"},
  {"check": "pool_consistency", "category": "money", "severity": "critical", "object": "week of 2026-11-16", "message": "remaining is below zero",
   "remedy": "SELECT * FROM check_pool_consistency(fix => true);", "since": "2026-11-17T02:00:03+00:00", "change": "same"},
  {"check": "lint", "category": "access", "severity": "warning", "object": "public.a", "message": "row security is off",
   "remedy": "ALTER TABLE public.a\n  ENABLE ROW LEVEL SECURITY;", "since": "2026-11-26T02:00:03+00:00", "change": "new"},
  {"check": "lint", "category": "access", "severity": "warning", "object": "public.b", "message": "row security is off",
   "remedy": "ALTER TABLE public.b\n  ENABLE ROW LEVEL SECURITY;", "since": "2026-11-25T02:00:03+00:00", "change": "same"},
  {"check": "indexes", "category": "performance", "severity": "warning", "object": "", "message": "nothing can be done", "remedy": null, "since": "2026-11-25T02:00:03+00:00", "change": "same"},
  {"check": "functions", "category": "functions", "severity": "warning", "object": "f()", "message": "fails", "remedy": "mend it, or drop it", "since": "2026-11-25T02:00:03+00:00", "change": "same"}
]')) || '{
  "gauges": [{"title": "Weekly pools", "more": 3, "problem": null, "readings": [{"label": "this week", "reading": "$179 of $250 left", "share": 0.716}, {"label": "members", "reading": "12", "share": null}]},
             {"title": "Empty", "more": 0, "problem": null, "readings": []}, {"title": "Broken", "more": 0, "problem": "no such table", "readings": []}],
  "errors": {"days": 30, "total": 1234, "lines": [{"day": "Thu 26 Nov", "occurrences": "1,230", "share": 1}, {"day": "28 Oct - 25 Nov", "occurrences": "0", "share": 0}]}}'::jsonb AS content;
\pset format unaligned
\pset tuples_only on
SELECT lifeguard.report_in_text(content) FROM report.shown;
SELECT lifeguard.report_markdown(content) FROM report.shown;
-- the page without its styles
SELECT regexp_replace(regexp_replace(lifeguard.report_html(content), '<style>.*</style>', ''), ' (style|width|cellpadding|cellspacing|border|bgcolor)="[^"]*"', '', 'g') FROM report.shown;
\pset format aligned
\pset tuples_only off

-- each class of the page has a style, and each style is used by it or by another state
CREATE TABLE report.states AS
SELECT 'shown' AS state, content FROM report.shown
UNION ALL SELECT 'healthy', report.content(report.health('[]') || '{"score": 100, "status": "HEALTHY", "gone": [], "previous": null, "counts": {"checks": 7, "healthy": 7, "warning": 0, "critical": 0, "findings": 0, "new": 0, "gone": 0}}')
UNION ALL SELECT 'warning', report.content(report.health('[]') || '{"score": 86, "status": "NEEDS ATTENTION", "gone": [], "counts": {"checks": 7, "healthy": 6, "warning": 1, "critical": 0, "findings": 0, "new": 0, "gone": 0}}')
UNION ALL SELECT 'never run', report.content('{"database": "club", "checked_at": null, "score": null, "status": "UNKNOWN", "findings": [], "findings_left_out": 0, "gone": [], "previous": null,
                                              "counts": {"checks": 0, "healthy": 0, "warning": 0, "critical": 0, "findings": 0, "new": 0, "gone": 0}}')
UNION ALL SELECT 'none enabled', report.content('{"database": "club", "checked_at": "2026-11-26T02:00:03+00:00", "score": null, "status": "UNKNOWN", "findings": [], "findings_left_out": 0, "gone": [], "previous": null,
                                                 "counts": {"checks": 0, "healthy": 0, "warning": 0, "critical": 0, "findings": 0, "new": 0, "gone": 0}}');
CREATE TABLE report.pages AS SELECT state, lifeguard.report_html(content) AS page FROM report.states;
SELECT DISTINCT 'without style', used[1] FROM report.pages, regexp_matches(page, 'class="([^"]*)"(?! style=")', 'g') AS used
UNION ALL
SELECT 'not used', class FROM lifeguard.html_styles() AS s WHERE NOT EXISTS (SELECT FROM report.pages WHERE strpos(page, format('class="%s"', s.class)) > 0);
SELECT state, split_part(split_part(page, '<title>', 2), '</title>', 1) AS title, page LIKE '%Nothing to report.%' AS nothing, page LIKE '%monitoring.run\_checks()%' AS run_them FROM report.pages;
\pset format unaligned
\pset tuples_only on
SELECT state || E'\n' || lifeguard.report_in_text(content) || E'\n\n' || lifeguard.report_markdown(content) FROM report.states WHERE state <> 'shown';
\pset format aligned
\pset tuples_only off

-- a page that needs nothing else, and is well-formed
CREATE FUNCTION report.tags(page text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(DISTINCT tag, ' ' ORDER BY tag) FROM xmltable('//*' PASSING xmlparse(DOCUMENT page) COLUMNS tag text PATH 'name()')
$$;
CREATE FUNCTION report.attributes(page text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(DISTINCT attribute, ' ' ORDER BY attribute) FROM xmltable('//@*' PASSING xmlparse(DOCUMENT page) COLUMNS attribute text PATH 'name()')
$$;
SELECT report.tags(page), report.attributes(page) FROM report.pages WHERE state = 'shown';
SELECT state, page FROM report.pages WHERE page ~* '<script|http|url\(|src=|href|@import|<link|<img|<svg|javascript|position:|expression';
SELECT state, xmlparse(DOCUMENT page) IS DOCUMENT AS well_formed, (SELECT max(octet_length(line)) < 998 FROM regexp_split_to_table(page, '\n') AS line) AS can_be_mailed, (xpath('/html/@lang', xmlparse(DOCUMENT page)))[1] AS lang,
       (SELECT string_agg(level, ' ' ORDER BY n) FROM xmltable('//h1|//h2|//h3|//h4' PASSING xmlparse(DOCUMENT page) COLUMNS n FOR ORDINALITY, level text PATH 'name()')) AS headings FROM report.pages;

-- colours that can be read: 4.5 and more on each ground that text stands on, in the light and in the dark
CREATE FUNCTION report.luminance(colour text) RETURNS float LANGUAGE sql AS $$
  SELECT sum(weight * CASE WHEN c <= 0.03928 THEN c / 12.92 ELSE ((c + 0.055) / 1.055) ^ 2.4 END)
    FROM (SELECT get_byte(decode(substr(colour, 2), 'hex'), i) / 255.0::float AS c, ('{0.2126,0.7152,0.0722}'::float[])[i + 1] AS weight FROM generate_series(0, 2) AS i) AS s
$$;
SELECT class, mode, text_colour, ground, round(ratio::numeric, 1) AS ratio
  FROM (SELECT class, mode, text_colour, ground, (greatest(t, g) + 0.05) / (least(t, g) + 0.05) AS ratio
          FROM (SELECT class, mode, substring(style FROM '(?:^|;)color:(#[0-9a-f]{6})') AS text_colour, unnest(grounds) AS ground
                  FROM lifeguard.html_styles(), LATERAL (VALUES ('light', light, '{#ffffff,#f2f4f7}'::text[]), ('dark', dark, '{#171b21,#0e1116,#232932}')) AS m(mode, style, grounds)) AS c,
               LATERAL (SELECT report.luminance(text_colour) AS t, report.luminance(ground) AS g) AS l
         WHERE text_colour IS NOT NULL) AS r
 WHERE ratio < 4.5;
SELECT class FROM lifeguard.html_styles() WHERE (light ~ '(^|;)(background-)?color:' AND dark !~ '(^|;)(background-)?color:') OR light ~ '["<>&{}]' OR dark ~ '["<>&{}]';

-- hostile data: it comes out of the parsed page as it went in, and brings no tag and no attribute with it
CREATE TABLE report.hostile (n int, data text);
INSERT INTO report.hostile VALUES
  (1, '<script>alert(1)</script>'), (2, '</li></ul></div></td></tr></table><img src=x onerror=alert(1)>'), (3, '"''> class="page" style="x'), (4, '&lt;b&gt; &amp;amp; &#60; &bogus;'), (5, ']]><!-- --> <![CDATA['), (6, '</code></pre></style></title>'),
  (7, repeat('W', 63)), (8, 'public."جدول الأعضاء"(معرف)'), (9, '`tick` | ``two`` @someone #12 **bold** [a](https://evil.example)'), (10, '%s %1$s \1 $1 {}'), (11, E'\U0001F4A5 é ß 漢字');
CREATE TABLE report.attacked AS
SELECT report.content(report.health(jsonb_agg(jsonb_build_object('check', data, 'category', data, 'severity', 'critical', 'object', data, 'message', data, 'remedy', data || ';', 'since', '2026-11-26T02:00:03+00:00', 'change', 'new') ORDER BY n))
                      || jsonb_build_object('database', (SELECT data FROM report.hostile WHERE n = 1), 'gone', jsonb_agg(jsonb_build_object('check', data, 'object', data, 'message', data) ORDER BY n), 'counts',
                                            '{"checks": 11, "healthy": 0, "warning": 0, "critical": 11, "findings": 11, "new": 11, "gone": 11}'::jsonb))
       || jsonb_build_object('gauges', jsonb_agg(jsonb_build_object('title', data, 'more', 0, 'problem', NULL, 'readings', jsonb_build_array(jsonb_build_object('label', data, 'reading', data, 'share', 0.5))) ORDER BY n)) AS content
  FROM report.hostile;
CREATE TABLE report.attacked_page AS SELECT lifeguard.report_html(content) AS page FROM report.attacked;
SELECT report.tags(a.page) = report.tags(p.page) AS same_tags, report.attributes(a.page) = report.attributes(p.page) AS same_attributes, a.page ~* '<script|<img' AS attacked FROM report.attacked_page a, report.pages p WHERE p.state = 'shown';
WITH found AS (
  SELECT f.* FROM report.attacked_page, xmltable('//div[h4]' PASSING xmlparse(DOCUMENT page)
    COLUMNS n FOR ORDINALITY, "check" text PATH 'h4/bdi', category text PATH 'h4/span/bdi', object text PATH 'ul/li/bdi', message text PATH 'ul/li/div', remedy text PATH 'pre/code') AS f)
SELECT h.n, f."check" = h.data AS "check", f.category = left(h.data, 60) OR f.category = left(h.data, 57) || '...' AS category, f.object = h.data AS object, f.message = h.data AS message, f.remedy = h.data || ';' AS remedy
  FROM report.hostile h LEFT JOIN found f USING (n) ORDER BY n;
WITH found AS (SELECT f.* FROM report.attacked_page, xmltable('//table[@aria-label]' PASSING xmlparse(DOCUMENT page) COLUMNS n FOR ORDINALITY, title text PATH '@aria-label', label text PATH 'tr[1]/th/bdi', reading text PATH 'tr[1]/td/bdi') AS f)
SELECT count(*), count(*) FILTER (WHERE h.data = title AND h.data = label AND h.data = reading) FROM report.hostile h LEFT JOIN found f USING (n);
SELECT (xpath('//title/text()', xmlparse(DOCUMENT page)))[1], (xpath('//h1/bdi/text()', xmlparse(DOCUMENT page)))[1], (xpath('//body/div/@aria-label', xmlparse(DOCUMENT page)))[1] FROM report.attacked_page;
-- all of it is isolated from the direction of what surrounds it
SELECT count(*) AS texts, count(*) FILTER (WHERE NOT isolated) AS not_isolated FROM report.attacked_page,
       xmltable('//body//text()[contains(., "WWW")]' PASSING xmlparse(DOCUMENT page) COLUMNS isolated boolean PATH 'count(ancestor::bdi | ancestor::*[@dir = "auto"]) > 0') AS t;
\pset format unaligned
\pset tuples_only on
SELECT line FROM report.attacked, regexp_split_to_table(lifeguard.report_markdown(content), '\n') AS line WHERE line ~ '^[-#|] ?' LIMIT 33;
SELECT max(length(line)) <= 100 AS fits FROM report.attacked, regexp_split_to_table(lifeguard.report_in_text(content), '\n') AS line;
\pset format aligned
\pset tuples_only off

-- many: at most 8 of a check and 60 in all, of each check one before the second of any, the rest is counted
CREATE FUNCTION report.many(checks int, each int, left_out bigint) RETURNS jsonb LANGUAGE sql AS $$
  SELECT report.content(report.health(jsonb_agg(jsonb_build_object('check', 'check ' || c, 'category', 'k', 'severity', CASE WHEN c % 2 = 0 THEN 'critical' ELSE 'warning' END, 'object', repeat('&', 63), 'message', repeat('''"', 2000),
                                                                   'remedy', repeat('r', 5000) || i, 'since', '2026-11-26T02:00:03+00:00', 'change', CASE WHEN i > each - 2 THEN 'new' ELSE 'same' END) ORDER BY c % 2, c, i), left_out))
    FROM generate_series(1, checks) AS c, generate_series(1, each) AS i
$$;
CREATE TABLE report.crowds AS SELECT checks, each, left_out, report.many(checks, each, left_out) AS content FROM (VALUES (1, 200, 9800), (1, 200, 0), (4, 50, 0), (20, 10, 0), (100, 2, 7), (1, 8, 0)) AS v(checks, each, left_out);
SELECT checks, each, left_out, count(DISTINCT c) AS checks_shown, sum(jsonb_array_length(c -> 'findings')) AS shown, max(jsonb_array_length(c -> 'findings')) AS most, min(c ->> 'more') AS more, content ->> 'left_out' AS left_out_now,
       sum(jsonb_array_length(c -> 'findings')) + (content ->> 'left_out')::bigint = checks * each + left_out AS all_counted, bool_and((c #>> '{findings,0,new}')::boolean) AS new_first,
       octet_length(lifeguard.report_html(content)) < 400000 AS small
  FROM report.crowds, jsonb_array_elements(content -> 'groups') AS g, jsonb_array_elements(g -> 'checks') AS c GROUP BY checks, each, left_out, content ORDER BY checks, each, left_out;
SELECT substring(lifeguard.report_in_text(content) FROM '[^\n]*not shown[^\n]*') FROM report.crowds WHERE left_out = 9800;

-- gauges: read as the owner of their function; what cannot be read says so and harms nobody
BEGIN;
CREATE ROLE report_owner;
GRANT USAGE, CREATE ON SCHEMA report TO report_owner;
DELETE FROM monitoring.gauges;
SET ROLE report_owner;
CREATE TABLE report.secret AS SELECT 7 AS n;
CREATE FUNCTION report.reads() RETURNS SETOF monitoring.gauge LANGUAGE sql AS $$ SELECT current_user::text, n, 10, 'of it' FROM report.secret $$;
CREATE FUNCTION report.writes() RETURNS SETOF monitoring.gauge LANGUAGE plpgsql AS $$ BEGIN DELETE FROM report.secret; RETURN QUERY SELECT 'a', 1.0, 1.0, 'b'; END $$;
CREATE FUNCTION report.climbs() RETURNS SETOF monitoring.gauge LANGUAGE plpgsql AS $$ BEGIN CREATE ROLE report_climbed; RETURN QUERY SELECT 'a', 1.0, 1.0, 'b'; END $$;
CREATE FUNCTION report.goes() RETURNS SETOF monitoring.gauge LANGUAGE sql AS $$ SELECT 'a', 1, 1, 'b' $$;
CREATE FUNCTION report.asserts() RETURNS SETOF monitoring.gauge LANGUAGE plpgsql AS $$ BEGIN ASSERT false; END $$;             -- WHEN OTHERS catches neither
CREATE FUNCTION report.pretends() RETURNS SETOF monitoring.gauge LANGUAGE plpgsql AS $$ BEGIN RAISE query_canceled; END $$;
CREATE FUNCTION report.many() RETURNS SETOF monitoring.gauge LANGUAGE sql AS $$ SELECT i::text, i, 100, '%' FROM generate_series(1, 100) AS i $$;
RESET ROLE;
SELECT monitoring.add_gauges(name, upper(name), format('report.%I()', name)::regprocedure) FROM unnest('{reads,writes,climbs,goes,many,asserts,pretends}'::text[]) AS name;
DROP FUNCTION report.goes();
CREATE ROLE report_monitor IN ROLE pg_monitor;
SET ROLE report_monitor;
SELECT g ->> 'title' AS title, g ->> 'problem' AS problem, g -> 'readings' -> 0 AS first, jsonb_array_length(g -> 'readings') AS shown, g -> 'more' AS more FROM jsonb_array_elements(lifeguard.report_gauges()) AS g;
SELECT format, length(monitoring.health_report(format)) > 100 AS read FROM unnest('{text,markdown,html}'::text[]) AS format;
RESET ROLE;
SELECT count(*) FROM report.secret;
INSERT INTO report.secret VALUES (8);   -- the transaction can still write
SELECT count(*) FROM pg_roles WHERE rolname = 'report_climbed';
ROLLBACK;

-- errors by day: every day of the 30 once, as the view of all has them
BEGIN ISOLATION LEVEL REPEATABLE READ;
DELETE FROM monitoring.system_errors;
SELECT lifeguard.report_errors(30) #>> '{total}' AS total, jsonb_array_length(lifeguard.report_errors(30) -> 'lines') AS lines;
INSERT INTO monitoring.system_errors (id, error_type, error_message, created_at, occurrences)
SELECT gen_random_uuid(), 'report', 'm', current_date - days + interval '1 hour', n FROM (VALUES (0, 4), (0, 1), (1, 10), (5, 1), (29, 2), (30, 100), (31, 100)) AS v(days, n);
SELECT n, CASE WHEN l ->> 'day' = to_char(current_date, 'Dy FMDD Mon') THEN 'today' WHEN l ->> 'day' LIKE '% - %' THEN 'from - to' ELSE 'a day' END AS day, l ->> 'occurrences' AS occurrences, l ->> 'share' AS share
  FROM jsonb_array_elements(lifeguard.report_errors(30) -> 'lines') WITH ORDINALITY AS e(l, n);
SELECT (lifeguard.report_errors(30) ->> 'total')::bigint = sum(occurrences) AS same, sum(occurrences) FROM monitoring.errors_by_day WHERE day > current_date - 30;
ALTER TABLE monitoring.system_errors RENAME TO renamed_errors;
SELECT lifeguard.report_errors(30) ->> 'total' AS of_a_renamed_table;
ROLLBACK;

-- which formats, and for whom
SELECT monitoring.health_report('pdf');
\echo :SQLSTATE
SELECT monitoring.health_report(NULL);
SELECT monitoring.health_report('HTML');
SELECT role, has_function_privilege(role, 'monitoring.health_report(text)', 'EXECUTE') AS reads, has_function_privilege(role, 'lifeguard.report_gauges()', 'EXECUTE') AS gauges FROM unnest('{public,pg_monitor}'::text[]) AS role;
SELECT pg_get_function_arguments('monitoring.health_report'::regproc);
DROP SCHEMA report CASCADE;
RESET client_min_messages;
RESET timezone;
