-- The health report as markdown, as GitHub reads it.

CREATE FUNCTION lifeguard.escape_markdown(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  -- an empty comment keeps what would become a link, a mention or an issue's number from doing so
  SELECT regexp_replace(regexp_replace(content, '([][\\`*_{}()<>#+.!|~&"^$-])', '\\\1', 'g'), '(@|#(?=\d)|:(?=//)|www(?=\\\.)|GH(?=\\-))', '\1<!-- -->', 'gi')
$$;
COMMENT ON FUNCTION lifeguard.escape_markdown(text) IS 'A text of one line to stand in markdown, also in a table, as it is.';

CREATE FUNCTION lifeguard.markdown_code(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN content = '' THEN '' WHEN content ~ '^`|`$' THEN fence || ' ' || content || ' ' || fence ELSE fence || content || fence END
    FROM (SELECT repeat('`', 1 + coalesce(max(length(run[1])), 0)) AS fence FROM regexp_matches(content, '`+', 'g') AS run) AS f
$$;
COMMENT ON FUNCTION lifeguard.markdown_code(text) IS 'A text of one line as code in markdown.';

CREATE FUNCTION lifeguard.markdown_block(content text, indent text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT indent || fence || E'sql\n' || indent || replace(content, E'\n', E'\n' || indent) || E'\n' || indent || fence || E'\n'
    FROM (SELECT repeat('`', greatest(3, 1 + coalesce(max(length(run[1])), 0))) AS fence FROM regexp_matches(content, '`+', 'g') AS run) AS f
$$;
COMMENT ON FUNCTION lifeguard.markdown_block(text, text) IS 'A text as a block of code in markdown, also within a list.';

CREATE FUNCTION lifeguard.markdown_remedy(remedy text, indent text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN remedy LIKE '%;%' THEN indent || E'What to do:\n\n' || lifeguard.markdown_block(remedy, indent) || E'\n'
              WHEN remedy <> '' THEN indent || format(E'What to do: %s\n\n', lifeguard.escape_markdown(lifeguard.report_text(remedy, 2000))) ELSE '' END
$$;
COMMENT ON FUNCTION lifeguard.markdown_remedy(text, text) IS 'What to do as markdown, also within a list: statements to be copied, else a sentence; empty where there is nothing.';

CREATE FUNCTION lifeguard.markdown_findings(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(string_agg(format(E'### %s\n\n', initcap(g ->> 'severity')) || checks.markdown, '' ORDER BY n), '')
      || CASE WHEN (content ->> 'left_out')::bigint > 0
              THEN format(E'%s not shown here. Those that are kept are in `monitoring.check_findings`.\n\n', lifeguard.counted((content ->> 'left_out')::bigint, 'more finding')) ELSE '' END
    FROM jsonb_array_elements(content -> 'groups') WITH ORDINALITY AS groups(g, n),
         LATERAL (SELECT string_agg(
                    format(E'#### %s (%s)\n\n', lifeguard.escape_markdown(c ->> 'check'), lifeguard.escape_markdown(c ->> 'category')) || findings.markdown
                    || coalesce('- ' || (c ->> 'more') || E'\n', '')
                    || CASE WHEN findings.markdown LIKE E'%\n\n' AND c ->> 'more' IS NULL THEN '' ELSE E'\n' END || lifeguard.markdown_remedy(c ->> 'remedy'), '' ORDER BY m) AS markdown
                    FROM jsonb_array_elements(g -> 'checks') WITH ORDINALITY AS checks(c, m),
                         LATERAL (SELECT string_agg(
                                    '- ' || CASE WHEN (f ->> 'new')::boolean THEN '**NEW** ' ELSE '' END || coalesce(nullif(lifeguard.markdown_code(f ->> 'object'), '') || ': ', '')
                                    || lifeguard.escape_markdown(f ->> 'message') || coalesce(' (' || (f ->> 'since') || ')', '') || E'\n'
                                    || CASE WHEN c ->> 'remedy' IS NULL THEN coalesce(E'\n' || nullif(lifeguard.markdown_remedy(f ->> 'remedy', '  '), ''), '') ELSE '' END, '' ORDER BY k) AS markdown
                                    FROM jsonb_array_elements(c -> 'findings') WITH ORDINALITY AS findings(f, k)) AS findings) AS checks
$$;
COMMENT ON FUNCTION lifeguard.markdown_findings(jsonb) IS 'The findings of a report''s content as markdown.';

CREATE FUNCTION lifeguard.markdown_gauges(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(
           format(E'## %s\n\n', lifeguard.escape_markdown(g ->> 'title'))
        || CASE WHEN g ->> 'problem' IS NOT NULL THEN format(E'This could not be read: %s\n\n', lifeguard.escape_markdown(g ->> 'problem'))
                ELSE coalesce(E'| | | |\n|---|--:|--:|\n' || readings.markdown || E'\n', E'Nothing to show.\n\n') END
        || CASE WHEN (g ->> 'more')::bigint > 0 THEN format(E'and %s more\n\n', lifeguard.report_number((g ->> 'more')::numeric)) ELSE '' END, '' ORDER BY n)
    FROM jsonb_array_elements(content -> 'gauges') WITH ORDINALITY AS gauges(g, n),
         LATERAL (SELECT string_agg(format(E'| %s | %s | %s |\n', lifeguard.escape_markdown(r ->> 'label'), lifeguard.escape_markdown(r ->> 'reading'),
                                           coalesce(trunc(100 * (r ->> 'share')::numeric)::text || ' %', '')), '' ORDER BY m) AS markdown
                    FROM jsonb_array_elements(g -> 'readings') WITH ORDINALITY AS e(r, m)) AS readings
$$;
COMMENT ON FUNCTION lifeguard.markdown_gauges(jsonb) IS 'The gauges of a report''s content as markdown; null where there are none.';

CREATE FUNCTION lifeguard.report_markdown(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format(E'# Health of %s: %s\n\n', lifeguard.escape_markdown(content ->> 'database'), lifeguard.escape_markdown(content ->> 'status'))
      || CASE WHEN content ->> 'unknown' IS NOT NULL THEN (content ->> 'unknown') || E'\n\n' || lifeguard.markdown_block('SELECT * FROM monitoring.run_checks();') || E'\n'
              ELSE format(E'**Score %s of 100**: %s. Checked %s%s\n\n## Findings\n\n', content ->> 'score', content ->> 'checks', content ->> 'checked',
                          coalesce(format(E'.\n**%s** since the run before: ', content ->> 'changes') || lifeguard.escape_markdown(content ->> 'previous') || '.', ', for the first time.'))
                || coalesce(nullif(lifeguard.markdown_findings(content), ''), E'Nothing to report.\n\n') END
      || (SELECT coalesce(E'## Gone since the last run\n\n' || string_agg(format(E'- %s%s: %s\n', lifeguard.escape_markdown(g ->> 'check'), coalesce(' ' || nullif(lifeguard.markdown_code(g ->> 'object'), ''), ''),
                                                                                   lifeguard.escape_markdown(g ->> 'message')), '' ORDER BY n) || E'\n', '')
            FROM jsonb_array_elements(content -> 'gone') WITH ORDINALITY AS e(g, n))
      || CASE WHEN (content ->> 'gone_left_out')::bigint > 0 THEN format(E'and %s more\n\n', lifeguard.report_number((content ->> 'gone_left_out')::numeric)) ELSE '' END
      || coalesce(lifeguard.markdown_gauges(content), '')
      || E'## Errors by day\n\n'
      || CASE WHEN (content #>> '{errors,total}')::numeric = 0 THEN format(E'No errors in %s days.\n', content #>> '{errors,days}')
              ELSE format(E'%s in %s days\n\n| | |\n|---|--:|\n', lifeguard.counted((content #>> '{errors,total}')::bigint, 'error'), content #>> '{errors,days}')
                || (SELECT string_agg(format(E'| %s | %s |\n', l ->> 'day', l ->> 'occurrences'), '' ORDER BY n) FROM jsonb_array_elements(content #> '{errors,lines}') WITH ORDINALITY AS e(l, n)) END
$$;
COMMENT ON FUNCTION lifeguard.report_markdown(jsonb) IS 'A report''s content (lifeguard.report_content) as markdown.';
