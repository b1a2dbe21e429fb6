-- monitoring.health_report(): what monitoring.health() says, for people.

CREATE FUNCTION monitoring.health_report(format text DEFAULT 'text') RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  content jsonb;
BEGIN
  IF format IS NULL OR format NOT IN ('text', 'markdown', 'html') THEN
    RAISE EXCEPTION USING ERRCODE = 'LG420', MESSAGE = pg_catalog.format('the health report has no format %s', coalesce(quote_literal(lifeguard.report_text(format, 60)), 'NULL')),
      DETAIL = jsonb_build_object('format', lifeguard.report_text(format, 60), 'formats', '{text,markdown,html}'::text[]), HINT = 'The formats are text, markdown and html.';
  END IF;
  content := lifeguard.report_content(monitoring.health());
  RETURN CASE format WHEN 'html' THEN lifeguard.report_html(content) WHEN 'markdown' THEN lifeguard.report_markdown(content) ELSE lifeguard.report_in_text(content) END;
END $$;
COMMENT ON FUNCTION monitoring.health_report(text) IS
'The last run of the checks for people to read: text for psql (at most 100 columns), markdown, or html (one page that needs nothing else, for a browser or as an e-mail). '
'Score and status, findings with their remedies, what is new and what is gone, gauges as they read now, errors by day. Runs no check. For pg_monitor. Raises LG420 (no such format).';
REVOKE EXECUTE ON FUNCTION monitoring.health_report(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION monitoring.health_report(text) TO pg_monitor;
