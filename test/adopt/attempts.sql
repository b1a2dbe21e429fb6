-- Statements that are tried and taken back: what is said to them, and what is there after them.
CREATE FUNCTION test.message(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
  RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
CREATE FUNCTION test.detail(statement text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN nullif(detail, '')::jsonb;
END $$;
-- What a query says after other statements; all of it is taken back.
CREATE FUNCTION test.after(statements text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer text;
BEGIN
  BEGIN
    EXECUTE statements;
    EXECUTE query INTO answer;
    RAISE EXCEPTION USING ERRCODE = 'ZZ001';
  EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    NULL;
  END;
  RETURN answer;
END $$;
CREATE FUNCTION test.adopting(mapping text DEFAULT '{}', source text DEFAULT 'public') RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT count(*) FROM pull_up_club.adopt(%L, false, %L)', source, mapping)
$$;
CREATE FUNCTION test.refused(statement text) RETURNS text LANGUAGE sql AS $$
  SELECT test.after('SELECT', format('SELECT test.refusal(%L)', statement))
$$;
CREATE FUNCTION test.adopting_after(statements text, mapping text DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
  SELECT test.after(statements, format('SELECT test.message(%L)', test.adopting(mapping)))
$$;
CREATE FUNCTION test.shown_after(statements text, mapping text DEFAULT '{}', what text DEFAULT 'decide') RETURNS text LANGUAGE sql AS $$
  SELECT test.after(statements, format('SELECT string_agg(object || '': '' || why, E''\n'' ORDER BY object, why) FROM pull_up_club.adopt(mapping => %L) WHERE what = %L', mapping, what))
$$;
