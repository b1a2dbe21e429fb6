-- What the journal's part measures, made in database samples of both servers: the one with the library and the one without.
CREATE EXTENSION dblink;
CREATE EXTENSION cube; -- for a function in C that does nothing
\ir turns.sql

-- --- functions that do something n times ---

-- Statements of the cheapest kind, three assignments and an IF, a quarter as often: in a block with a handler that is not needed.
CREATE FUNCTION bench.trivial(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  a int := 0;
  b int := 0;
BEGIN
  FOR i IN 1 .. n / 4 LOOP
    a := a + 1;
    IF a > n THEN
      a := 0;
    END IF;
    b := a * 2;
    b := b - i;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  RAISE;
END $$;

-- The same, all of them in a handler.
CREATE FUNCTION bench.handled(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  a int := 0;
  b int := 0;
BEGIN
  RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
  FOR i IN 1 .. n / 4 LOOP
    a := a + 1;
    IF a > n THEN
      a := 0;
    END IF;
    b := a * 2;
    b := b - i;
  END LOOP;
END $$;

-- SQL statements.
CREATE TABLE bench.doors (id int PRIMARY KEY, state text NOT NULL);
INSERT INTO bench.doors SELECT i, 'open' FROM generate_series(1, 10000) i;
VACUUM (FREEZE, ANALYZE) bench.doors;
CREATE FUNCTION bench.queries(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  seen text;
BEGIN
  FOR i IN 1 .. n LOOP
    SELECT state INTO seen FROM bench.doors WHERE id = i;
  END LOOP;
END $$;

-- Blocks that would catch an exception, and there is none.
CREATE FUNCTION bench.blocks(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  a int := 0;
BEGIN
  FOR i IN 1 .. n LOOP
    BEGIN
      a := a + 1;
    EXCEPTION WHEN OTHERS THEN
      a := 0;
    END;
  END LOOP;
END $$;

-- Exceptions that nobody hears of.
CREATE FUNCTION bench.swallow(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  a int := 0;
BEGIN
  FOR i IN 1 .. n LOOP
    BEGIN
      a := 1 / 0;
    EXCEPTION WHEN OTHERS THEN
      a := a + 1;
    END;
  END LOOP;
END $$;

-- What one of n takes in one of these: microseconds of this session's processor, planned and in the caches before.
CREATE FUNCTION bench.cost(function text, n int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  before float8;
BEGIN
  EXECUTE format('SELECT bench.%I(%s)', function, n / 10);
  before := bench.cpu();
  EXECUTE format('SELECT bench.%I(%s)', function, n);
  RETURN (bench.cpu() - before) / n;
END $$;

-- --- the two servers, through dblink's connections "on" and "off" ---

CREATE FUNCTION bench.cost_on(variant text, function text, n int) RETURNS float8 LANGUAGE sql AS $$
  SELECT cost FROM dblink(variant, format('SELECT bench.cost(%L, %s)', function, n)) AS remote (cost float8)
$$;

-- What a client's statements are refused by (bench/journal).
CREATE TABLE bench.locks (id int PRIMARY KEY, door int REFERENCES bench.doors, state text CHECK (state IN ('locked', 'unlocked')));
INSERT INTO bench.locks VALUES (1, 1, 'locked'), (2, 2, 'locked');
CREATE FUNCTION bench.unlock(id int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE 'lock % does not open', id USING HINT = 'Look for the key.';
END $$;

-- --- keeping an error: by the journal, and by a transaction of another session ---

CREATE TABLE bench.errors (LIKE monitoring.system_errors INCLUDING ALL);

CREATE FUNCTION bench.keep_by_log_error(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. n LOOP
    PERFORM monitoring.log_error('bench', 'message ' || i, '{"a": 1}');
  END LOOP;
END $$;
CREATE FUNCTION bench.keep_by_dblink(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. n LOOP
    PERFORM dblink_exec('on', format('INSERT INTO bench.errors (error_type, error_message, context) VALUES (%L, %L, %L)',
                                     'bench', 'message ' || i, '{"a": 1}'));
  END LOOP;
END $$;

-- Microseconds that one of n takes on the clock.
CREATE FUNCTION bench.time_to_keep(variant text, n int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz;
BEGIN
  EXECUTE format('SELECT bench.%I(%s)', 'keep_by_' || variant, n / 10);
  began := clock_timestamp();
  EXECUTE format('SELECT bench.%I(%s)', 'keep_by_' || variant, n);
  RETURN 1e6 * extract(epoch FROM clock_timestamp() - began) / n;
END $$;

-- --- samples ---

-- The journal against dblink, then what PL/pgSQL takes with the library and without; `size` is 1 or 2, for how many turns.
CREATE PROCEDURE bench.compare(round int, size int, "on" text, off text) LANGUAGE plpgsql AS $$
DECLARE
  sides text[] := '{on,off}';
  hosts text[] := ARRAY["on", off];
  query text := 'SELECT bench.cost_on($1, %L, %s)';
BEGIN
  PERFORM dblink_connect(sides[i], format('user=postgres dbname=samples host=%s', hosts[i])) FROM generate_series(1, 2) i;
  CALL bench.take_turns(round, 'keep', '{log_error,dblink}', 'SELECT bench.time_to_keep($1, 500)', 5 * size);
  CALL bench.take_turns(round, 'trivial',  sides, format(query, 'trivial', 100000), 10 * size);
  CALL bench.take_turns(round, 'handled',  sides, format(query, 'handled', 100000), 10 * size);
  CALL bench.take_turns(round, 'queries',  sides, format(query, 'queries', 5000), 20 * size);
  CALL bench.take_turns(round, 'blocks',   sides, format(query, 'blocks', 10000), 10 * size);
  CALL bench.take_turns(round, 'swallow',  sides, format(query, 'swallow', 1000), 10 * size);

  -- now that its sessions have done all that may load it
  query := $q$SELECT count(*) > 0 FROM pg_settings WHERE name LIKE 'lifeguard.%'$q$;
  ASSERT (SELECT is_there FROM dblink('on', query) AS remote (is_there bool)), 'the library is not loaded where it should be';
  ASSERT (SELECT NOT is_there FROM dblink('off', query) AS remote (is_there bool)), 'the library is loaded where it should not be';
  ASSERT (SELECT detector = 'in place' FROM lifeguard.journal_state()), 'the detector is not in place';
END $$;

-- What log_error is held against: a function in C that does nothing but return its first argument, whose bytes pass for
-- a uuid (so it must have 16). 250 calls of each are a pass of pgbench's (bench/journal).
CREATE FUNCTION bench.noop(error_type text, error_message text, context jsonb DEFAULT '{}') RETURNS uuid
LANGUAGE c AS '$libdir/cube', 'g_cube_compress';
CREATE UNLOGGED TABLE bench.pass (before_noop float8, before_log_error float8, afterwards float8);
CREATE FUNCTION bench.keep_passes(round int, measure text) RETURNS bool LANGUAGE sql AS $$
  INSERT INTO sample
  SELECT round, measure, variant, percentile_cont(0.25) WITHIN GROUP (ORDER BY taken / 250)
    FROM bench.pass, LATERAL (VALUES ('noop', before_log_error - before_noop), ('log_error', afterwards - before_log_error)) AS v (variant, taken)
   GROUP BY variant;
  DELETE FROM bench.pass;
  SELECT monitoring.drain('1 minute');
$$;

-- Milliseconds from an error, uncaught and logged in turns, until it is seen in the table: cold, when a writer has to be started for it,
-- and warm, at any moment while there is one.
CREATE PROCEDURE bench.wait_for_rows(round int, cold int, warm int) LANGUAGE plpgsql AS $$
DECLARE
  message text;
  began   timestamptz;
BEGIN
  FOR i IN 1 .. cold + warm LOOP
    IF i <= cold THEN
      WHILE (SELECT writer_runs FROM lifeguard.journal_state()) LOOP
        PERFORM pg_sleep(0.05);
      END LOOP;
      PERFORM pg_sleep(0.1);
    ELSE
      PERFORM pg_sleep(random() * 0.1);
    END IF;
    message := format('error %s of round %s', i, round);
    began := clock_timestamp();
    IF i % 2 = 0 THEN
      PERFORM monitoring.log_error('visible', message);
    ELSE
      PERFORM lifeguard.raise_uncaught(message);
    END IF;
    COMMIT;
    WHILE NOT EXISTS (SELECT FROM monitoring.system_errors WHERE error_message = message) LOOP
      ASSERT clock_timestamp() < began + interval '1 minute', message || ' is not in the table after a minute';
      PERFORM pg_sleep(0.001);
    END LOOP;
    INSERT INTO sample
    VALUES (round, 'visible ' || i, CASE WHEN i <= cold THEN 'cold' ELSE 'warm' END, 1e3 * extract(epoch FROM clock_timestamp() - began));
    COMMIT;
  END LOOP;
END $$;

-- Rows a second that the writer stores when n wait for it.
CREATE PROCEDURE bench.store_rows(round int, n int) LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz;
BEGIN
  LOCK TABLE monitoring.system_errors IN SHARE MODE; -- until they all are kept
  PERFORM bench.keep_by_log_error(n);
  COMMIT;
  began := clock_timestamp();
  ASSERT monitoring.drain('1 minute'), 'the rows are not in the table after a minute';
  INSERT INTO sample VALUES (round, 'stored', 'on', n / extract(epoch FROM clock_timestamp() - began));
END $$;
