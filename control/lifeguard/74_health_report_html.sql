-- The health report as one html page, for browsers and for e-mail clients: no script, nothing from elsewhere, tables for what stands side by side, styles in
-- the tags (some clients drop style sheets), a sheet for the dark only, well-formed as XML. What is coloured is also said in words.

CREATE FUNCTION lifeguard.escape_html(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT replace(replace(replace(replace(replace(content, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
COMMENT ON FUNCTION lifeguard.escape_html(text) IS 'A text to stand in html, between tags or in a quoted attribute.';

-- The only style sheet: what each class of the page looks like, and what of it is another in the dark. Contrasts are 4.5 and more on either ground.
CREATE FUNCTION lifeguard.html_styles() RETURNS TABLE (class text, light text, dark text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES
    ('page',      'margin:0;padding:0;background-color:#f2f4f7;-webkit-text-size-adjust:100%', 'background-color:#0e1116'),
    ('ground',    'background-color:#f2f4f7;padding:24px 8px', 'background-color:#0e1116'),
    ('sheet',     'max-width:720px;margin:0 auto;background-color:#ffffff;border:1px solid #d9dee5;border-radius:10px;table-layout:fixed', 'background-color:#171b21;border-color:#2c333d'),
    ('main',      'padding:32px 28px;font-family:-apple-system,BlinkMacSystemFont,Segoe UI,Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.5;color:#1d232b;text-align:left;overflow-wrap:anywhere;word-break:break-word', 'color:#e7eaee'),
    ('over',      'margin:0;font-size:14px;color:#56606d', 'color:#a3adba'),
    ('title',     'margin:2px 0 20px;font-size:22px;line-height:1.25;font-weight:600;color:#1d232b', 'color:#e7eaee'),
    ('score',     'padding:0 20px 0 0;font-size:68px;line-height:1;font-weight:700;letter-spacing:-2px;color:#1d232b;vertical-align:middle;white-space:nowrap;width:1%', 'color:#e7eaee'),
    ('of',        'font-size:16px;font-weight:400;letter-spacing:0;color:#56606d', 'color:#a3adba'),
    ('verdict',   'vertical-align:middle;font-size:15px;line-height:1.45;color:#56606d', 'color:#a3adba'),
    ('word-critical', 'margin:0;font-size:20px;line-height:1.3;font-weight:700;color:#b42318', 'color:#ff8f85'),
    ('word-warning',  'margin:0;font-size:20px;line-height:1.3;font-weight:700;color:#8a4d00', 'color:#f0b45a'),
    ('word-healthy',  'margin:0;font-size:20px;line-height:1.3;font-weight:700;color:#17693a', 'color:#6dd08e'),
    ('word-unknown',  'margin:0;font-size:20px;line-height:1.3;font-weight:700;color:#4a5563', 'color:#b5bfcc'),
    ('space',     'padding:18px 0 0', ''),
    ('meta',      'margin:14px 0 0;font-size:14px;color:#56606d', 'color:#a3adba'),
    ('part',      'margin:36px 0 8px;padding:22px 0 0;border-top:1px solid #d9dee5;font-size:19px;line-height:1.3;font-weight:600;color:#1d232b', 'color:#e7eaee;border-color:#2c333d'),
    ('head-critical', 'margin:22px 0 0;font-size:15px;font-weight:700;color:#b42318', 'color:#ff8f85'),
    ('head-warning',  'margin:22px 0 0;font-size:15px;font-weight:700;color:#8a4d00', 'color:#f0b45a'),
    ('card-critical', 'margin:10px 0 16px;padding:2px 0 2px 16px;border-left:4px solid #d92d20', 'border-color:#ff8f85'),
    ('card-warning',  'margin:10px 0 16px;padding:2px 0 2px 16px;border-left:4px solid #dc8a0c', 'border-color:#f0b45a'),
    ('check',     'margin:0 0 8px;font-size:16px;line-height:1.4;font-weight:600;color:#1d232b', 'color:#e7eaee'),
    ('kind',      'font-size:14px;font-weight:400;color:#56606d', 'color:#a3adba'),
    ('list',      'margin:0;padding:0;list-style:none', ''),
    ('finding',   'margin:0 0 12px;padding:0', ''),
    ('object',    'font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px;font-weight:600', ''),
    ('new',       'display:inline-block;margin:0 2px;padding:0 6px;border:1px solid #3451b2;border-radius:9px;font-size:12px;line-height:16px;font-weight:700;color:#3451b2', 'color:#a9bcff;border-color:#a9bcff'),
    ('quiet',     'font-size:14px;color:#56606d', 'color:#a3adba'),
    ('note',      'margin:10px 0 0;font-size:14px;color:#56606d', 'color:#a3adba'),
    ('sum',       'margin:8px 0 12px;font-size:14px;color:#56606d', 'color:#a3adba'),
    ('todo',      'margin:6px 0 4px;font-size:13px;color:#56606d', 'color:#a3adba'),
    ('code',      'margin:0 0 10px;padding:10px 12px;background-color:#f2f4f7;border-radius:6px;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px;line-height:1.45;color:#1d232b;white-space:pre-wrap;overflow-wrap:anywhere;word-break:break-word;-webkit-user-select:all;user-select:all', 'background-color:#232932;color:#e7eaee'),
    ('label',     'padding:12px 12px 4px 0;font-size:14px;line-height:1.4;font-weight:400;color:#1d232b;text-align:left;vertical-align:bottom', 'color:#e7eaee'),
    ('number',    'padding:12px 0 4px;font-size:14px;line-height:1.4;font-weight:600;color:#1d232b;text-align:right;vertical-align:bottom', 'color:#e7eaee'),
    ('day',       'padding:2px 0;font-size:14px;line-height:1.4;font-weight:400;color:#1d232b;text-align:left;white-space:nowrap', 'color:#e7eaee'),
    ('count',     'padding:2px 12px;font-size:14px;line-height:1.4;font-weight:600;color:#1d232b;text-align:right;white-space:nowrap', 'color:#e7eaee'),
    ('plot',      'padding:2px 0;vertical-align:middle', ''),
    ('bar',       'border-collapse:collapse;table-layout:fixed', ''),
    ('track',     'height:8px;padding:0;font-size:1px;line-height:8px;background-color:#e3e7ed', 'background-color:#2c333d'),
    ('blank',     'height:8px;padding:0;font-size:1px;line-height:8px', ''),
    ('fill',      'height:8px;padding:0;font-size:1px;line-height:8px;background-color:#4a66c9', 'background-color:#8ea6ff'),
    ('fill-critical', 'height:8px;padding:0;font-size:1px;line-height:8px;background-color:#d92d20', 'background-color:#ff8f85'),
    ('fill-warning',  'height:8px;padding:0;font-size:1px;line-height:8px;background-color:#dc8a0c', 'background-color:#f0b45a'),
    ('fill-healthy',  'height:8px;padding:0;font-size:1px;line-height:8px;background-color:#2b9a57', 'background-color:#6dd08e'),
    ('foot',      'margin:36px 0 0;padding:16px 0 0;border-top:1px solid #d9dee5;font-size:13px;color:#56606d', 'color:#a3adba;border-color:#2c333d')
$$;
COMMENT ON FUNCTION lifeguard.html_styles() IS 'The classes of the health report''s page: the style of each in the light, and what is another in the dark.';

CREATE FUNCTION lifeguard.html_bar(share numeric, fill text, rest text DEFAULT 'track') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT '<table role="presentation" aria-hidden="true" class="bar" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'
      || CASE WHEN percent > 0 THEN format('<td class="%s" width="%s%%">&#160;</td>', fill, percent) ELSE '' END
      || CASE WHEN percent < 100 THEN format('<td class="%s" width="%s%%">&#160;</td>', rest, 100 - percent) ELSE '' END || '</tr></table>'
    FROM (SELECT CASE WHEN share > 0 THEN greatest(1, trunc(100 * least(share, 1)))::int ELSE 0 END AS percent) AS p
$$;
COMMENT ON FUNCTION lifeguard.html_bar(numeric, text, text) IS 'A bar of a share between 0 and 1; for the eye alone: the number stands beside it.';

CREATE FUNCTION lifeguard.html_score(counts jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT '<table role="presentation" aria-hidden="true" class="bar" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'
      || string_agg(format('<td class="fill-%s" width="%s%%">&#160;</td>', kind, round(100 * checks / total, 2)), '' ORDER BY n) || '</tr></table>'
    FROM (SELECT kind, n, (counts ->> kind)::numeric AS checks, (counts ->> 'checks')::numeric AS total FROM unnest('{critical,warning,healthy}'::text[]) WITH ORDINALITY AS k(kind, n)) AS k
   WHERE checks > 0
$$;
COMMENT ON FUNCTION lifeguard.html_score(jsonb) IS 'A bar of the checks that are healthy, warn and are critical; for the eye alone.';

CREATE FUNCTION lifeguard.html_remedy(remedy text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN remedy LIKE '%;%' THEN format('<p class="todo">What to do</p><pre class="code" dir="auto"><code>%s</code></pre>', lifeguard.escape_html(remedy))
              WHEN remedy <> '' THEN format('<p class="todo">What to do: <bdi>%s</bdi></p>', lifeguard.escape_html(remedy)) ELSE '' END
$$;
COMMENT ON FUNCTION lifeguard.html_remedy(text) IS 'What to do as html: statements to be copied, else a sentence; empty where there is nothing.';

CREATE FUNCTION lifeguard.html_findings(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(string_agg(format('<h3 class="head-%s">%s</h3>', g ->> 'severity', initcap(g ->> 'severity')) || checks.html, '' ORDER BY n), '')
      || CASE WHEN (content ->> 'left_out')::bigint > 0
              THEN format('<p class="note">%s not shown here. Those that are kept are in <span class="object">monitoring.check_findings</span>.</p>',
                          lifeguard.counted((content ->> 'left_out')::bigint, 'more finding')) ELSE '' END
    FROM jsonb_array_elements(content -> 'groups') WITH ORDINALITY AS groups(g, n),
         LATERAL (SELECT string_agg(
                    format('<div class="card-%s"><h4 class="check"><bdi>%s</bdi> <span class="kind">&#183; <bdi>%s</bdi></span></h4><ul class="list">%s</ul>%s%s</div>',
                           g ->> 'severity', lifeguard.escape_html(c ->> 'check'), lifeguard.escape_html(c ->> 'category'), findings.html,
                           coalesce('<p class="note">' || (c ->> 'more') || '</p>', ''),
                           lifeguard.html_remedy(c ->> 'remedy')), '' ORDER BY m) AS html
                    FROM jsonb_array_elements(g -> 'checks') WITH ORDINALITY AS checks(c, m),
                         LATERAL (SELECT string_agg(
                                    format('<li class="finding">%s%s<div dir="auto">%s</div>%s</li>',
                                           CASE WHEN f ->> 'object' <> '' THEN format('<bdi class="object">%s</bdi> ', lifeguard.escape_html(f ->> 'object')) ELSE '' END,
                                           CASE WHEN (f ->> 'new')::boolean THEN '<span class="new">NEW</span>' ELSE format('<span class="quiet">%s</span>', f ->> 'since') END,
                                           lifeguard.escape_html(f ->> 'message'), CASE WHEN c ->> 'remedy' IS NULL THEN lifeguard.html_remedy(f ->> 'remedy') ELSE '' END), '' ORDER BY k) AS html
                                    FROM jsonb_array_elements(c -> 'findings') WITH ORDINALITY AS findings(f, k)) AS findings) AS checks
$$;
COMMENT ON FUNCTION lifeguard.html_findings(jsonb) IS 'The findings of a report''s content as html.';

CREATE FUNCTION lifeguard.html_gone(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT '<h2 class="part">Gone since the last run</h2><ul class="list">'
      || string_agg(format('<li class="finding"><bdi>%s</bdi>%s<div dir="auto" class="quiet">%s</div></li>', lifeguard.escape_html(g ->> 'check'),
                           CASE WHEN g ->> 'object' <> '' THEN format(' &#183; <bdi class="object">%s</bdi>', lifeguard.escape_html(g ->> 'object')) ELSE '' END,
                           lifeguard.escape_html(g ->> 'message')), '' ORDER BY n)
      || '</ul>' || CASE WHEN (content ->> 'gone_left_out')::bigint > 0 THEN format('<p class="note">and %s more</p>', lifeguard.report_number((content ->> 'gone_left_out')::numeric)) ELSE '' END
    FROM jsonb_array_elements(content -> 'gone') WITH ORDINALITY AS e(g, n)
$$;
COMMENT ON FUNCTION lifeguard.html_gone(jsonb) IS 'What is gone, of a report''s content, as html; null where nothing is.';

CREATE FUNCTION lifeguard.html_gauges(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(
           format('<h2 class="part"><bdi>%s</bdi></h2>', lifeguard.escape_html(g ->> 'title'))
        || CASE WHEN g ->> 'problem' IS NOT NULL THEN format('<p class="note">This could not be read: <bdi>%s</bdi></p>', lifeguard.escape_html(g ->> 'problem'))
                WHEN readings.html IS NULL THEN '<p class="note">Nothing to show.</p>'
                ELSE '<table aria-label="' || lifeguard.escape_html(g ->> 'title') || '" width="100%" cellpadding="0" cellspacing="0" border="0">' || readings.html || '</table>' END
        || CASE WHEN (g ->> 'more')::bigint > 0 THEN format('<p class="note">and %s more</p>', lifeguard.report_number((g ->> 'more')::numeric)) ELSE '' END, '' ORDER BY n)
    FROM jsonb_array_elements(content -> 'gauges') WITH ORDINALITY AS gauges(g, n),
         LATERAL (SELECT string_agg(format('<tr><th scope="row" class="label"><bdi>%s</bdi></th><td class="number"><bdi>%s</bdi></td></tr>%s',
                                           lifeguard.escape_html(r ->> 'label'), lifeguard.escape_html(r ->> 'reading'),
                                           CASE WHEN r ->> 'share' IS NULL THEN '' ELSE format('<tr><td colspan="2">%s</td></tr>', lifeguard.html_bar((r ->> 'share')::numeric, 'fill')) END), '' ORDER BY m) AS html
                    FROM jsonb_array_elements(g -> 'readings') WITH ORDINALITY AS e(r, m)) AS readings
$$;
COMMENT ON FUNCTION lifeguard.html_gauges(jsonb) IS 'The gauges of a report''s content as html; null where there are none.';

CREATE FUNCTION lifeguard.html_errors(errors jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT '<h2 class="part">Errors by day</h2>'
      || CASE WHEN (errors ->> 'total')::numeric = 0 THEN format('<p class="note">No errors in %s days.</p>', errors ->> 'days')
              ELSE format('<p class="sum">%s in %s days</p><table aria-label="Errors by day" width="100%%" cellpadding="0" cellspacing="0" border="0">', lifeguard.counted((errors ->> 'total')::bigint, 'error'), errors ->> 'days')
                || (SELECT string_agg(format('<tr><th scope="row" class="day" width="1%%">%s</th><td class="count" width="1%%">%s</td><td class="plot">%s</td></tr>',
                                             l ->> 'day', l ->> 'occurrences', lifeguard.html_bar((l ->> 'share')::numeric, 'fill', 'blank')), '' ORDER BY n)
                      FROM jsonb_array_elements(errors -> 'lines') WITH ORDINALITY AS e(l, n))
                || '</table>' END
$$;
COMMENT ON FUNCTION lifeguard.html_errors(jsonb) IS 'The errors by day of a report''s content as html.';

CREATE FUNCTION lifeguard.html_summary(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('<p class="over">Database health</p><h1 class="title"><bdi>%s</bdi></h1>', lifeguard.escape_html(content ->> 'database'))
      || CASE WHEN content ->> 'unknown' IS NOT NULL
              THEN '<p class="word-unknown">UNKNOWN</p><p class="note">' || (content ->> 'unknown') || '</p><pre class="code"><code>SELECT * FROM monitoring.run_checks();</code></pre>'
              ELSE format('<table role="presentation" width="100%%" cellpadding="0" cellspacing="0" border="0"><tr><td class="score">%s<span class="of"> of 100</span></td>'
                          '<td class="verdict"><p class="word-%s">%s</p>%s</td></tr></table><div class="space">%s</div><p class="meta">Checked %s%s</p>',
                          content ->> 'score', kind.name, lifeguard.escape_html(content ->> 'status'), content ->> 'checks',
                          lifeguard.html_score(content -> 'counts'), content ->> 'checked',
                          coalesce(format('.<br /><b>%s</b> since the run before: ', content ->> 'changes') || lifeguard.escape_html(content ->> 'previous') || '.', ', for the first time.')) END
    FROM (SELECT CASE content ->> 'status' WHEN 'CRITICAL' THEN 'critical' WHEN 'HEALTHY' THEN 'healthy' ELSE 'warning' END AS name) AS kind
$$;
COMMENT ON FUNCTION lifeguard.html_summary(jsonb) IS 'Database, score and status of a report''s content as html.';

CREATE FUNCTION lifeguard.report_html(content jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  title constant text := format('Health of %s: %s', lifeguard.escape_html(content ->> 'database'), lifeguard.escape_html(content ->> 'status'))
                         || coalesce(', ' || (content ->> 'score') || ' of 100', '');
  html  text;
  style record;
BEGIN
  html := '<body class="page" bgcolor="#f2f4f7"><div role="article" aria-label="' || title || '" lang="en">'
       || '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr><td class="ground" align="center" bgcolor="#f2f4f7">'
       || '<table role="presentation" class="sheet" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#ffffff"><tr><td class="main">'
       || lifeguard.html_summary(content)
       || CASE WHEN content ->> 'unknown' IS NOT NULL THEN ''
               ELSE '<h2 class="part">Findings</h2>' || coalesce(nullif(lifeguard.html_findings(content), ''), '<p class="note">Nothing to report.</p>') END
       || coalesce(lifeguard.html_gone(content), '') || coalesce(lifeguard.html_gauges(content), '') || lifeguard.html_errors(content -> 'errors')
       || '<p class="foot">monitoring.health_report()</p></td></tr></table></td></tr></table></div></body>';
  -- data has no quotes any more, so that this finds tags alone
  FOR style IN SELECT s.class, s.light FROM lifeguard.html_styles() AS s LOOP
    html := replace(html, format('class="%s"', style.class), format('class="%s" style="%s"', style.class, style.light));
  END LOOP;
  -- in lines that a mail server carries (998 characters)
  html := regexp_replace(html, '(?=<(?:table|tr|td|th|h\d|p|div|ul|li|/body)\M)', E'\n', 'g');
  RETURN '<!DOCTYPE html>' || E'\n' || '<html lang="en"><head><meta charset="utf-8" /><meta name="viewport" content="width=device-width, initial-scale=1" />' || E'\n'
      || '<meta name="color-scheme" content="light dark" /><meta name="supported-color-schemes" content="light dark" /><title>' || title || '</title>' || E'\n' || '<style>:root{color-scheme:light dark}'
      || (SELECT '@media (prefers-color-scheme:dark){' || string_agg(format('.%s{%s !important}', s.class, replace(s.dark, ';', ' !important;')), E'\n' ORDER BY s.class) || '}'
            FROM lifeguard.html_styles() AS s WHERE s.dark <> '')
      || '</style></head>' || html || '</html>' || E'\n';
END $$;
COMMENT ON FUNCTION lifeguard.report_html(jsonb) IS 'A report''s content (lifeguard.report_content) as one html page, well-formed as XML.';
