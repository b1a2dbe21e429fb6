-- The health report as text for a terminal, at most 100 columns.

-- Lines of at most so many characters; where a word is longer it is broken.
CREATE FUNCTION lifeguard.wrap_text(content text, indent text, width int DEFAULT 100) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  room    constant int := width - length(indent);
  line    text;
  word    text;
  current text;
  wrapped text := '';
BEGIN
  FOREACH line IN ARRAY string_to_array(content, E'\n') LOOP
    current := substring(line FROM '^ *');
    FOREACH word IN ARRAY string_to_array(ltrim(line, ' '), ' ') LOOP
      IF btrim(current) <> '' AND length(current) + 1 + length(word) > room AND length(word) <= room THEN
        wrapped := wrapped || indent || current || E'\n';
        current := '';
      END IF;
      current := CASE WHEN btrim(current) = '' THEN current ELSE current || ' ' END || word;
      WHILE length(current) > room LOOP
        wrapped := wrapped || indent || left(current, room) || E'\n';
        current := substr(current, room + 1);
      END LOOP;
    END LOOP;
    wrapped := wrapped || indent || current || E'\n';
  END LOOP;
  RETURN wrapped;
END $$;
COMMENT ON FUNCTION lifeguard.wrap_text(text, text, int) IS 'A text in lines of at most so many characters, each after an indent and with its line end.';

CREATE FUNCTION lifeguard.text_bar(share numeric, width int, rest text DEFAULT '-') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT repeat('#', filled) || repeat(rest, width - filled) FROM (SELECT CASE WHEN share > 0 THEN greatest(1, trunc(least(share, 1) * width))::int ELSE 0 END AS filled) AS f
$$;
COMMENT ON FUNCTION lifeguard.text_bar(numeric, int, text) IS 'A bar of a share between 0 and 1, so many characters wide.';

CREATE FUNCTION lifeguard.text_findings(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(string_agg(E'\n' || upper(g ->> 'severity') || E'\n' || checks.lines, '' ORDER BY n), '')
      || CASE WHEN (content ->> 'left_out')::bigint > 0
              THEN format(E'\n%s not shown here. Those that are kept are in monitoring.check_findings.\n', lifeguard.counted((content ->> 'left_out')::bigint, 'more finding')) ELSE '' END
    FROM jsonb_array_elements(content -> 'groups') WITH ORDINALITY AS groups(g, n),
         LATERAL (SELECT string_agg(
                    E'\n' || lifeguard.wrap_text(format('%s (%s)', c ->> 'check', c ->> 'category'), '  ') || findings.lines
                    || coalesce('    ' || (c ->> 'more') || E'\n', '')
                    || coalesce(E'    What to do:\n' || lifeguard.wrap_text(nullif(c ->> 'remedy', ''), '      '), ''), '' ORDER BY m) AS lines
                    FROM jsonb_array_elements(g -> 'checks') WITH ORDINALITY AS checks(c, m),
                         LATERAL (SELECT string_agg(
                                    lifeguard.wrap_text(format('- %s(%s)', coalesce(nullif(f ->> 'object', '') || ' ', ''), CASE WHEN (f ->> 'new')::boolean THEN 'NEW' ELSE f ->> 'since' END), '    ')
                                    || lifeguard.wrap_text(f ->> 'message', '      ')
                                    || CASE WHEN c ->> 'remedy' IS NULL THEN coalesce(E'      What to do:\n' || lifeguard.wrap_text(nullif(f ->> 'remedy', ''), '        '), '') ELSE '' END, '' ORDER BY k) AS lines
                                    FROM jsonb_array_elements(c -> 'findings') WITH ORDINALITY AS findings(f, k)) AS findings) AS checks
$$;
COMMENT ON FUNCTION lifeguard.text_findings(jsonb) IS 'The findings of a report''s content as text.';

CREATE FUNCTION lifeguard.text_gauges(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(
           E'\n' || upper(g ->> 'title') || E'\n\n'
        || CASE WHEN g ->> 'problem' IS NOT NULL THEN lifeguard.wrap_text('This could not be read: ' || (g ->> 'problem'), '  ') ELSE coalesce(readings.lines, E'  Nothing to show.\n') END
        || CASE WHEN (g ->> 'more')::bigint > 0 THEN format(E'  and %s more\n', lifeguard.report_number((g ->> 'more')::numeric)) ELSE '' END, '' ORDER BY n)
    FROM jsonb_array_elements(content -> 'gauges') WITH ORDINALITY AS gauges(g, n),
         LATERAL (SELECT string_agg('  ' || rpad(lifeguard.report_text(r ->> 'label', 36), least(36, longest)) || '  '
                                    || CASE WHEN r ->> 'share' IS NULL THEN repeat(' ', 22) ELSE '[' || lifeguard.text_bar((r ->> 'share')::numeric, 20) || ']' END
                                    || '  ' || lifeguard.report_text(r ->> 'reading', 36) || E'\n', '' ORDER BY m) AS lines
                    FROM (SELECT r, m, max(length(r ->> 'label')) OVER ()::int AS longest FROM jsonb_array_elements(g -> 'readings') WITH ORDINALITY AS e(r, m)) AS e) AS readings
$$;
COMMENT ON FUNCTION lifeguard.text_gauges(jsonb) IS 'The gauges of a report''s content as text; null where there are none.';

CREATE FUNCTION lifeguard.report_in_text(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT rtrim(
         format(E'HEALTH OF %s: %s\n', content ->> 'database', content ->> 'status')
      || CASE WHEN content ->> 'unknown' IS NOT NULL THEN E'\n' || (content ->> 'unknown') || E'\n  SELECT * FROM monitoring.run_checks();\n'
              ELSE format(E'\nscore     %s of 100  [%s]\nchecks    %s\nchecked   %s\n', content ->> 'score', lifeguard.text_bar((content ->> 'score')::numeric / 100, 25), content ->> 'checks', content ->> 'checked')
                || CASE WHEN content ->> 'previous' IS NULL THEN E'before    never\n'
                        ELSE format(E'before    %s\nsince     %s\n', content ->> 'previous', content ->> 'changes') END
                || coalesce(nullif(lifeguard.text_findings(content), ''), E'\nNothing to report.\n') END
      || (SELECT coalesce(E'\nGONE SINCE THE LAST RUN\n\n' || string_agg(lifeguard.wrap_text(concat_ws(' ', '- ' || (g ->> 'check'), nullif(g ->> 'object', '')), '  ')
                                                                          || lifeguard.wrap_text(g ->> 'message', '    '), '' ORDER BY n), '')
            FROM jsonb_array_elements(content -> 'gone') WITH ORDINALITY AS e(g, n))
      || CASE WHEN (content ->> 'gone_left_out')::bigint > 0 THEN format(E'  and %s more\n', lifeguard.report_number((content ->> 'gone_left_out')::numeric)) ELSE '' END
      || coalesce(lifeguard.text_gauges(content), '')
      || E'\nERRORS BY DAY\n\n'
      || CASE WHEN (content #>> '{errors,total}')::numeric = 0 THEN format(E'  No errors in %s days.\n', content #>> '{errors,days}')
              ELSE format(E'  %s in %s days\n\n', lifeguard.counted((content #>> '{errors,total}')::bigint, 'error'), content #>> '{errors,days}')
                || (SELECT string_agg(rtrim(format('  %s %s  %s', rpad(l ->> 'day', 15), lpad(l ->> 'occurrences', greatest(13, length(l ->> 'occurrences'))), lifeguard.text_bar((l ->> 'share')::numeric, 40, ''))) || E'\n', '' ORDER BY n)
                      FROM jsonb_array_elements(content #> '{errors,lines}') WITH ORDINALITY AS e(l, n)) END, E'\n')
$$;
COMMENT ON FUNCTION lifeguard.report_in_text(jsonb) IS 'A report''s content (lifeguard.report_content) as text of at most 100 columns.';
