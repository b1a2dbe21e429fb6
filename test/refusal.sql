-- How a statement is refused: SQLSTATE, the first word when it is a code word, and what the error lacks.
CREATE FUNCTION test.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text;
  detail  text;
  hint    text;
BEGIN
  EXECUTE statement;
  RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' ', SQLSTATE, substring(message FROM '^[A-Z_]+(?=: )'),
                   CASE WHEN SQLSTATE ~ '^LG' AND (detail = '' OR jsonb_typeof(detail::jsonb) <> 'object') THEN 'without DETAIL' END,
                   CASE WHEN SQLSTATE ~ '^LG' AND hint = '' THEN 'without HINT' END);
END $$;
