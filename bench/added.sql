-- What our triggers add to an update, measured where nothing else is: in a loop inside the server.
CREATE SCHEMA bench;

ALTER TABLE content.submissions SET (fillfactor = 50);
VACUUM (FULL, FREEZE, ANALYZE) content.submissions;

CREATE TABLE bench.doors (id int PRIMARY KEY, state text NOT NULL) WITH (fillfactor = 50);
INSERT INTO bench.doors SELECT i, 'open' FROM generate_series(1, 10000) i;
SELECT lifeguard.create_lifecycle('bench.doors', 'state', '{open}');
SELECT lifeguard.add_transition('bench.doors', 'open', 'shut');
SELECT lifeguard.add_transition('bench.doors', 'shut', 'open');
VACUUM (FREEZE, ANALYZE) bench.doors;

-- Updates that are no transition; microseconds each. The first hundred are not counted: they plan and compile.
CREATE FUNCTION bench.update_notes(n int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  ids   uuid[] := ARRAY(SELECT id FROM content.submissions WHERE status = 'approved' ORDER BY approved_at, id LIMIT n + 100);
  one   uuid;
  i     int := 0;
  began timestamptz;
BEGIN
  FOREACH one IN ARRAY ids LOOP
    UPDATE content.submissions SET notes = 'seen' WHERE id = one;
    i := i + 1;
    IF i = 100 THEN
      began := clock_timestamp();
    END IF;
  END LOOP;
  RETURN 1e6 * extract(epoch FROM clock_timestamp() - began) / (i - 100);
END $$;

-- Transitions without guards, stamps or actions.
CREATE FUNCTION bench.move_doors(n int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz;
  next  text := CASE (SELECT state FROM bench.doors WHERE id = 1) WHEN 'open' THEN 'shut' ELSE 'open' END;
BEGIN
  FOR i IN 1 .. n LOOP
    UPDATE bench.doors SET state = next WHERE id = i;
    IF i = 100 THEN
      began := clock_timestamp();
    END IF;
  END LOOP;
  RETURN 1e6 * extract(epoch FROM clock_timestamp() - began) / (n - 100);
END $$;
