-- For the parts that measure inside sessions: database samples has the extension, a session's own account of its processor, and samples
-- taken in turns.
CREATE EXTENSION lifeguard;
CREATE SCHEMA bench;

-- Microseconds of processor time that this session, or another process, has taken. It sleeps first: then the kernel's account is exact.
CREATE FUNCTION bench.cpu(process text DEFAULT 'self') RETURNS float8 LANGUAGE sql SECURITY DEFINER AS $$
  SELECT split_part(pg_read_file(format('/proc/%s/schedstat', process)), ' ', 1)::float8 / 1e3 FROM pg_sleep(0.001)
$$;

-- Keeps this session on one processor. On the same as its client it need not be woken from another, which may take longer than what is measured.
CREATE FUNCTION bench.pin(processor int) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  EXECUTE format('COPY (SELECT) TO PROGRAM %L', format('taskset -pc %s %s > /dev/null; cat', processor, pg_backend_pid()));
END $$;

-- What variants take by a query ($1 is the variant), in as many short turns each: the lower quartile, since whatever disturbs a turn
-- only adds to it. The turns come so close after each other that a writer is beside them all alike. Each is a transaction.
CREATE PROCEDURE bench.take_turns(round int, measure text, variants text[], query text, turns int) LANGUAGE plpgsql AS $$
DECLARE
  count  int := cardinality(variants);
  taken  float8[] := array_fill(NULL::float8, ARRAY[count, turns]);
  number int;
  value  float8;
BEGIN
  PERFORM monitoring.drain('1 minute');
  FOR turn IN 1 .. turns LOOP
    FOR place IN 1 .. count LOOP
      number := CASE (turn + round) % 2 WHEN 0 THEN place ELSE count + 1 - place END;
      EXECUTE query INTO value USING variants[number];
      taken[number][turn] := value;
      COMMIT;
    END LOOP;
  END LOOP;
  FOR number IN 1 .. count LOOP
    INSERT INTO sample
    SELECT round, measure, variants[number], percentile_cont(0.25) WITHIN GROUP (ORDER BY t) FROM unnest(taken[number:number]) AS t;
  END LOOP;
END $$;
