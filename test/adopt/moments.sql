-- Dumps of a club's schema at several moments, the first of them now, and how two of them differ; and the error that a statement ends with.
CREATE TEMPORARY TABLE dump (place serial, moment text, line text);
ALTER TABLE dump ALTER moment SET DEFAULT 'before adopt';
\copy dump (line) from program 'pg_dump -s | grep -v restrict' with (format csv, delimiter E'\x01', quote E'\x02')

-- 'the same', or which lines are in one of two dumps only
CREATE FUNCTION pg_temp.compare(one text, other text) RETURNS text LANGUAGE sql AS $$
  WITH a AS (SELECT coalesce(line, '') AS line FROM dump WHERE moment = one), b AS (SELECT coalesce(line, '') AS line FROM dump WHERE moment = other)
  SELECT CASE WHEN (SELECT array_agg(line ORDER BY place) FROM dump WHERE moment = one) = (SELECT array_agg(line ORDER BY place) FROM dump WHERE moment = other) THEN 'the same'
              ELSE concat_ws(E'\n', 'not the same', (SELECT string_agg('< ' || line, E'\n') FROM (SELECT * FROM a EXCEPT ALL SELECT * FROM b) AS x),
                                    (SELECT string_agg('> ' || line, E'\n') FROM (SELECT * FROM b EXCEPT ALL SELECT * FROM a) AS x)) END
$$;
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || split_part(SQLERRM, ':', 1);
END $$;
