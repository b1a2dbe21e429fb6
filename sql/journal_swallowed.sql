-- What PL/pgSQL's exception handlers hide. Each function says beforehand what must be kept of it, and at which of its
-- lines; at the end both are compared, and nothing may be missing, wrong, or too much.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE SCHEMA hide;
CREATE TABLE hide.expected (function text, source text, line int, sqlstate text, message text, occurrences int);
CREATE PROCEDURE hide.expect(function text, source text, line int, sqlstate text, message text, occurrences int DEFAULT 1) LANGUAGE sql AS 'INSERT INTO hide.expected VALUES ($1, $2, $3, $4, $5, $6)';
CREATE TABLE hide.rows (id int PRIMARY KEY, note text);
SELECT monitoring.drain();
DELETE FROM monitoring.system_errors;

-- what fails
CREATE FUNCTION hide.fail(message text DEFAULT 'failed', state text DEFAULT 'P0001') RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%', message USING ERRCODE = state;
END $$;

---- handlers that swallow

-- nothing at all in the handler
CREATE FUNCTION hide.nothing() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1;
  PERFORM 1 / 0;
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
CALL hide.expect('hide.nothing()', 'swallowed', 4, '22012', 'division by zero');
SELECT hide.nothing();

-- statements in the handler do not move the line
CREATE FUNCTION hide.statements() RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int := 0;
BEGIN
  n := 1;
  n := 1 / (n - 1);
  RETURN n;
EXCEPTION WHEN OTHERS THEN
  n := 2;
  IF n = 2 THEN
    n := n + 1;
  END IF;
  RAISE NOTICE '% %', SQLSTATE, SQLERRM;
  RETURN n;
END $$;
CALL hide.expect('hide.statements()', 'swallowed', 5, '22012', 'division by zero');
SELECT hide.statements();

-- RETURN as the only statement
CREATE FUNCTION hide.returns() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN hide.fail('no value', 'AB123');
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CALL hide.expect('hide.returns()', 'swallowed', 3, 'AB123', 'no value');
SELECT hide.returns();

-- CONTINUE and EXIT out of handlers
CREATE FUNCTION hide.continues() RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int := 0;
BEGIN
  FOR i IN 1..4 LOOP
    BEGIN
      PERFORM 1 / (i % 2);
    EXCEPTION WHEN OTHERS THEN
      CONTINUE;
    END;
    n := n + 1;
  END LOOP;
  RETURN n;
END $$;
CALL hide.expect('hide.continues()', 'swallowed', 6, '22012', 'division by zero', 2);
SELECT hide.continues();

CREATE FUNCTION hide.exits() RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int := 0;
BEGIN
  <<outer>>
  LOOP
    n := n + 1;
    <<here>>
    BEGIN
      PERFORM hide.fail('out');
    EXCEPTION WHEN OTHERS THEN
      EXIT here WHEN n < 3;
      EXIT outer;
    END;
  END LOOP;
  RETURN n;
END $$;
CALL hide.expect('hide.exits()', 'swallowed', 9, 'P0001', 'out', 3);
SELECT hide.exits();

-- once it fails, once it does not
CREATE FUNCTION hide.once() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 0..9 LOOP
    BEGIN
      PERFORM 1 / i;
    EXCEPTION WHEN OTHERS THEN
    END;
  END LOOP;
END $$;
CALL hide.expect('hide.once()', 'swallowed', 5, '22012', 'division by zero');
SELECT hide.once();

-- a hundred thousand blocks without an error
CREATE FUNCTION hide.never() RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int := 0;
BEGIN
  FOR i IN 1..100000 LOOP
    BEGIN
      n := n + 1;
    EXCEPTION WHEN OTHERS THEN
      n := 0;
    END;
  END LOOP;
  RETURN n;
END $$;
SELECT hide.never();

---- which condition caught it

-- a condition by name, by SQLSTATE, by class: expected by who wrote it, and kept only by setting
CREATE FUNCTION hide.named(state text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.fail(state, state);
EXCEPTION
  WHEN unique_violation OR SQLSTATE 'AB123' THEN
    RETURN 'one';
  WHEN data_exception THEN
    RETURN 'class';
  WHEN division_by_zero OR OTHERS THEN
    RETURN 'others';
  WHEN no_data_found THEN
    RETURN 'never';
END $$;
INSERT INTO hide.expected SELECT 'hide.named(text)', 'swallowed', 3, state, state, 1 FROM unnest('{XX000,AB124,P0002,23503}'::text[]) AS state;
SELECT state, hide.named(state) FROM unnest('{23505,AB123,22012,22000,22P02,XX000,AB124,P0002,23503}'::text[]) AS state;
-- the condition's place decides, not that OTHERS is in the list
CREATE FUNCTION hide.beside_others() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 / 0;
EXCEPTION WHEN division_by_zero OR OTHERS THEN
END $$;
SELECT hide.beside_others();
SET lifeguard.capture_swallowed = 'all';
INSERT INTO hide.expected SELECT 'hide.named(text)', 'swallowed', 3, state, state, 1 FROM unnest('{23505,AB123,22012,22000,22P02}'::text[]) AS state;
CALL hide.expect('hide.beside_others()', 'swallowed', 3, '22012', 'division by zero');
SELECT state, hide.named(state) FROM unnest('{23505,AB123,22012,22000,22P02}'::text[]) AS state;
SELECT hide.beside_others();
SET lifeguard.capture_swallowed = 'off';
SELECT hide.nothing(), hide.named('XX000'), hide.once();
RESET lifeguard.capture_swallowed;

-- OTHERS catches neither of these
CREATE FUNCTION hide.asserts() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  ASSERT false, 'asserted';
EXCEPTION WHEN OTHERS THEN
END $$;
SELECT hide.asserts();
CREATE FUNCTION hide.cancelled() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(60);
EXCEPTION WHEN OTHERS THEN
END $$;
SET statement_timeout = '50ms';
SELECT hide.cancelled();
RESET statement_timeout;
-- by name it can be caught
CREATE FUNCTION hide.cancelled_by_name() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(60);
EXCEPTION WHEN query_canceled THEN
END $$;
SET lifeguard.capture_swallowed = 'all';
SET statement_timeout = '50ms';
CALL hide.expect('hide.cancelled_by_name()', 'swallowed', 3, '57014', 'canceling statement due to statement timeout');
SELECT hide.cancelled_by_name();
RESET statement_timeout;
RESET lifeguard.capture_swallowed;

-- the setting changes while blocks are at work
CREATE FUNCTION hide.turns_off() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM hide.fail('before');
  EXCEPTION WHEN OTHERS THEN
    SET LOCAL lifeguard.capture_swallowed = 'off';
  END;
  BEGIN
    PERFORM hide.fail('meanwhile');
  EXCEPTION WHEN OTHERS THEN
    SET LOCAL lifeguard.capture_swallowed = 'others';
  END;
  BEGIN
    PERFORM hide.fail('after');
  EXCEPTION WHEN OTHERS THEN
  END;
END $$;
CALL hide.expect('hide.turns_off()', 'swallowed', 14, 'P0001', 'after');
SELECT hide.turns_off();
RESET lifeguard.capture_swallowed;

---- blocks in blocks, functions in functions

-- the inner handler does not fit, the outer one does: one error, the innermost line
CREATE FUNCTION hide.outer_one() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    BEGIN
      PERFORM 1 / 0;
    EXCEPTION WHEN unique_violation THEN
    END;
  EXCEPTION WHEN no_data_found THEN
  END;
EXCEPTION WHEN OTHERS THEN
END $$;
CALL hide.expect('hide.outer_one()', 'swallowed', 5, '22012', 'division by zero');
SELECT hide.outer_one();

-- one after the other, inside one that does nothing
CREATE FUNCTION hide.inner_ones() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM hide.fail('one');
  EXCEPTION WHEN OTHERS THEN
  END;
  BEGIN
    PERFORM hide.fail('two');
  EXCEPTION WHEN OTHERS THEN
    PERFORM 1;
  END;
EXCEPTION WHEN OTHERS THEN
  PERFORM 1;
END $$;
CALL hide.expect('hide.inner_ones()', 'swallowed', 4, 'P0001', 'one');
CALL hide.expect('hide.inner_ones()', 'swallowed', 8, 'P0001', 'two');
SELECT hide.inner_ones();

-- a handler in a handler
CREATE FUNCTION hide.handler_in_handler() RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text := '';
BEGIN
  PERFORM hide.fail('one', 'AA001');
EXCEPTION WHEN OTHERS THEN
  BEGIN
    said := said || SQLERRM || SQLSTATE;
    PERFORM hide.fail('two', 'AA002');
  EXCEPTION WHEN OTHERS THEN
    said := said || SQLERRM || SQLSTATE;
    BEGIN
      PERFORM hide.fail('three', 'AA003');
    EXCEPTION WHEN OTHERS THEN
    END;
    said := said || SQLERRM || SQLSTATE;
  END;
  RETURN said || SQLERRM || SQLSTATE;
END $$;
CALL hide.expect('hide.handler_in_handler()', 'swallowed', 4, 'AA001', 'one');
CALL hide.expect('hide.handler_in_handler()', 'swallowed', 8, 'AA002', 'two');
CALL hide.expect('hide.handler_in_handler()', 'swallowed', 12, 'AA003', 'three');
SELECT hide.handler_in_handler();

-- a handler calls what swallows an error of its own
CREATE FUNCTION hide.calls_swallower() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.fail('mine');
EXCEPTION WHEN OTHERS THEN
  PERFORM hide.nothing();
  PERFORM hide.nothing();
END $$;
CALL hide.expect('hide.calls_swallower()', 'swallowed', 3, 'P0001', 'mine');
CALL hide.expect('hide.nothing()', 'swallowed', 4, '22012', 'division by zero', 2);
SELECT hide.calls_swallower();

-- recursion: each level swallows; the innermost fails by itself, the others after the call came back
CREATE FUNCTION hide.recursion(depth int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  IF depth > 1 THEN
    PERFORM hide.recursion(depth - 1);
  END IF;
  PERFORM hide.fail('level ' || depth % 2);
  RETURN 0;
EXCEPTION WHEN OTHERS THEN
  RETURN depth;
END $$;
CALL hide.expect('hide.recursion(integer)', 'swallowed', 6, 'P0001', 'level 0', 50);
CALL hide.expect('hide.recursion(integer)', 'swallowed', 6, 'P0001', 'level 1', 50);
SELECT hide.recursion(100);

-- a hundred handlers at work at a time, each inside the one before
CREATE FUNCTION hide.deep(depth int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int := 0;
BEGIN
  PERFORM hide.fail('deep ' || depth % 2);
EXCEPTION WHEN OTHERS THEN
  IF depth > 1 THEN
    n := hide.deep(depth - 1);
  END IF;
  RETURN n + 1;
END $$;
CALL hide.expect('hide.deep(integer)', 'swallowed', 4, 'P0001', 'deep 0', 50);
CALL hide.expect('hide.deep(integer)', 'swallowed', 4, 'P0001', 'deep 1', 50);
SELECT hide.deep(100);

---- where functions are called from

CREATE FUNCTION hide.trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.fail(TG_OP || ' ' || TG_WHEN || ' ' || TG_LEVEL);
  RETURN NEW;
EXCEPTION WHEN OTHERS THEN
  RETURN NEW;
END $$;
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE ON hide.rows FOR EACH ROW EXECUTE FUNCTION hide.trigger();
CREATE TRIGGER after_row AFTER INSERT OR UPDATE ON hide.rows FOR EACH ROW EXECUTE FUNCTION hide.trigger();
CREATE TRIGGER after_all AFTER DELETE ON hide.rows EXECUTE FUNCTION hide.trigger();
CREATE CONSTRAINT TRIGGER deferred AFTER DELETE ON hide.rows DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hide.trigger();
CALL hide.expect('hide.trigger()', 'swallowed', 3, 'P0001', 'INSERT BEFORE ROW', 2);
CALL hide.expect('hide.trigger()', 'swallowed', 3, 'P0001', 'INSERT AFTER ROW', 2);
CALL hide.expect('hide.trigger()', 'swallowed', 3, 'P0001', 'UPDATE BEFORE ROW');
CALL hide.expect('hide.trigger()', 'swallowed', 3, 'P0001', 'UPDATE AFTER ROW');
CALL hide.expect('hide.trigger()', 'swallowed', 3, 'P0001', 'DELETE AFTER STATEMENT');
CALL hide.expect('hide.trigger()', 'swallowed', 3, 'P0001', 'DELETE AFTER ROW', 2);
INSERT INTO hide.rows VALUES (1, 'a'), (2, 'b');
UPDATE hide.rows SET note = 'c' WHERE id = 1;
DELETE FROM hide.rows;
DROP FUNCTION hide.trigger() CASCADE;

CREATE FUNCTION hide.event_trigger() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.fail(TG_TAG);
EXCEPTION WHEN OTHERS THEN
END $$;
CREATE EVENT TRIGGER hides ON ddl_command_end WHEN TAG IN ('CREATE SEQUENCE') EXECUTE FUNCTION hide.event_trigger();
CALL hide.expect('hide.event_trigger()', 'swallowed', 3, 'P0001', 'CREATE SEQUENCE');
CREATE SEQUENCE hide.one;
DROP EVENT TRIGGER hides;

CALL hide.expect('inline_code_block', 'swallowed', 3, '22012', 'division by zero');
CALL hide.expect('inline_code_block', 'swallowed', 4, '42P01', 'relation "hide.nowhere" does not exist');
DO $$
BEGIN
  PERFORM 1 / 0;
EXCEPTION WHEN OTHERS THEN
END $$;
DO $$
DECLARE n int;
BEGIN
  EXECUTE 'SELECT count(*) FROM hide.nowhere' INTO n;
EXCEPTION WHEN OTHERS THEN
  n := 0;
END $$;

-- a set, with what came before the error and what the handler adds
CREATE FUNCTION hide.a_set() RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
  RETURN NEXT 1;
  RETURN QUERY SELECT 10 / (3 - i) FROM generate_series(1, 5) AS i;
EXCEPTION WHEN OTHERS THEN
  RETURN NEXT 99;
END $$;
CALL hide.expect('hide.a_set()', 'swallowed', 4, '22012', 'division by zero');
SELECT * FROM hide.a_set();

-- loops over queries
CREATE FUNCTION hide.loops() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  n int := 0;
  one record;
  rows CURSOR FOR SELECT i, 1 / (3 - i) AS x FROM generate_series(1, 5) AS i;
BEGIN
  BEGIN
    FOR one IN SELECT i, 1 / (3 - i) AS x FROM generate_series(1, 5) AS i LOOP
      n := n + 1;
    END LOOP;
  EXCEPTION WHEN OTHERS THEN
    n := n + 10;
  END;
  FOR one IN rows LOOP
    BEGIN
      n := n + one.x / (one.i - 2);
    EXCEPTION WHEN OTHERS THEN
      n := n + 100;
      EXIT;
    END;
  END LOOP;
  RETURN n;
END $$;
CALL hide.expect('hide.loops()', 'swallowed', 8, '22012', 'division by zero');
CALL hide.expect('hide.loops()', 'swallowed', 16, '22012', 'division by zero');
SELECT hide.loops();

-- variables: those of the block itself are initialized outside of its handlers
CREATE FUNCTION hide.variables() RETURNS void LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
  DECLARE
    one int := 1;
    two int := 1 / (one - 1);
  BEGIN
    n := 1;
  EXCEPTION WHEN OTHERS THEN
    n := 2;
  END;
EXCEPTION WHEN OTHERS THEN
  n := 3;
  BEGIN
    n := hide.fail('later');
  EXCEPTION WHEN OTHERS THEN
  END;
END $$;
CALL hide.expect('hide.variables()', 'swallowed', 6, '22012', 'division by zero');
CALL hide.expect('hide.variables()', 'swallowed', 15, 'P0001', 'later');
SELECT hide.variables();

-- from a SQL function, a default, a CHECK, an index; as another role
CREATE FUNCTION hide.number(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = hide AS $$
BEGIN
  RETURN 1 / n;
EXCEPTION WHEN OTHERS THEN
  RETURN 1;
END $$;
CREATE FUNCTION hide.by_sql(n int) RETURNS int LANGUAGE sql AS 'SELECT hide.number(n) + hide.number(n)';
CREATE TABLE hide.numbers (n int DEFAULT hide.number(0) CHECK (hide.number(n - n) = 1));
CREATE INDEX ON hide.numbers (hide.number(n * 0));
CALL hide.expect('hide.number(integer)', 'swallowed', 3, '22012', 'division by zero', 5);
SELECT hide.by_sql(0);
INSERT INTO hide.numbers DEFAULT VALUES;

---- transactions

-- rolled back later: what was swallowed was swallowed
CREATE FUNCTION hide.rolled_back(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.fail(what);
EXCEPTION WHEN OTHERS THEN
  INSERT INTO hide.rows VALUES (7, what);
END $$;
INSERT INTO hide.expected SELECT 'hide.rolled_back(text)', 'swallowed', 3, 'P0001', what, 1 FROM unnest('{all,part,failed,commit}'::text[]) AS what;
BEGIN;
SELECT hide.rolled_back('all');
ROLLBACK;
BEGIN;
SAVEPOINT one;
SELECT hide.rolled_back('part');
ROLLBACK TO one;
SAVEPOINT two;
SELECT hide.rolled_back('failed');
SELECT 1 / 0;
ROLLBACK TO two;
SELECT count(*) FROM hide.rows;
COMMIT;
SELECT hide.rolled_back('commit');
DELETE FROM hide.rows;

-- procedures that end transactions: before, in, and after handlers
CREATE PROCEDURE hide.commits() LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO hide.rows VALUES (1, 'before');
  COMMIT;
  BEGIN
    PERFORM hide.fail('one');
  EXCEPTION WHEN OTHERS THEN
    INSERT INTO hide.rows VALUES (2, 'in the handler');
    COMMIT;
    INSERT INTO hide.rows VALUES (3, 'undone');
    ROLLBACK;
    BEGIN
      PERFORM hide.fail('two');
    EXCEPTION WHEN OTHERS THEN
      COMMIT AND CHAIN;
      ROLLBACK;
    END;
    INSERT INTO hide.rows VALUES (4, 'in the handler, after all');
    COMMIT;
  END;
  BEGIN
    PERFORM hide.fail('three');
  EXCEPTION WHEN OTHERS THEN
  END;
  COMMIT;
  BEGIN
    COMMIT;
  EXCEPTION WHEN OTHERS THEN
    INSERT INTO hide.rows VALUES (5, 'a block cannot commit');
  END;
END $$;
CALL hide.expect('hide.commits()', 'swallowed', 6, 'P0001', 'one');
CALL hide.expect('hide.commits()', 'swallowed', 13, 'P0001', 'two');
CALL hide.expect('hide.commits()', 'swallowed', 22, 'P0001', 'three');
CALL hide.expect('hide.commits()', 'swallowed', 27, '2D000', 'cannot commit while a subtransaction is active');
CALL hide.commits();
SELECT * FROM hide.rows ORDER BY id;
DELETE FROM hide.rows;
-- called from a handler
CALL hide.expect('inline_code_block', 'swallowed', 3, 'P0001', 'around a procedure');
INSERT INTO hide.expected SELECT * FROM hide.expected WHERE function = 'hide.commits()';
DO $$
BEGIN
  PERFORM hide.fail('around a procedure');
EXCEPTION WHEN OTHERS THEN
  CALL hide.commits();
END $$;
DELETE FROM hide.rows;

-- a COMMIT that fails in a handler hides the first error
CREATE TABLE hide.deferred (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
CREATE PROCEDURE hide.commit_fails() LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.fail('first');
EXCEPTION WHEN OTHERS THEN
  INSERT INTO hide.deferred VALUES (1), (1);
  COMMIT;
END $$;
CALL hide.expect('hide.commit_fails()', 'translated', 3, 'P0001', 'first');
CALL hide.commit_fails();

---- raised again

-- RAISE alone: everybody sees it, nothing is hidden
CREATE FUNCTION hide.raises_again(by text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.fail('again');
EXCEPTION WHEN OTHERS THEN
  IF by = 'alone' THEN
    RAISE;
  ELSIF by = 'in a loop' THEN
    LOOP
      BEGIN
        RAISE;
      EXCEPTION WHEN no_data_found THEN
      END;
    END LOOP;
  ELSIF by = 'the same' THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM, HINT = 'something';
  ELSIF by = 'text' THEN
    RAISE EXCEPTION '%', SQLERRM;
  ELSIF by = 'other text' THEN
    RAISE EXCEPTION 'it says: %', SQLERRM;
  ELSIF by = 'other state' THEN
    RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'ABCDE';
  END IF;
END $$;
SELECT hide.raises_again('alone');
SELECT hide.raises_again('in a loop');
SELECT hide.raises_again('the same');
SELECT hide.raises_again('text');
-- not the same: who sees the second does not know of the first
CALL hide.expect('hide.raises_again(text)', 'translated', 3, 'P0001', 'again', 2);
SELECT hide.raises_again('other text');
SELECT hide.raises_again('other state');
-- through handlers that do not fit, and in a savepoint
CREATE FUNCTION hide.through(by text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM hide.raises_again(by);
  EXCEPTION WHEN no_data_found THEN
  END;
EXCEPTION WHEN unique_violation THEN
END $$;
SELECT hide.through('alone');
SELECT hide.through('the same');
BEGIN;
SAVEPOINT one;
SELECT hide.through('the same');
ROLLBACK TO one;
COMMIT;
CALL hide.expect('hide.raises_again(text)', 'translated', 3, 'P0001', 'again', 2);
SELECT hide.through('other text');
BEGIN;
SAVEPOINT one;
SELECT hide.through('other state');
ROLLBACK TO one;
COMMIT;
-- swallowed further out: once, there
CREATE FUNCTION hide.further_out(by text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.through(by);
EXCEPTION WHEN OTHERS THEN
END $$;
CALL hide.expect('hide.further_out(text)', 'swallowed', 3, 'P0001', 'again', 2);
SELECT hide.further_out('alone');
SELECT hide.further_out('the same');
-- and when it was translated on the way, both
CALL hide.expect('hide.further_out(text)', 'swallowed', 3, 'P0001', 'it says: again');
CALL hide.expect('hide.further_out(text)', 'swallowed', 3, 'ABCDE', 'again');
CALL hide.expect('hide.raises_again(text)', 'translated', 3, 'P0001', 'again', 2);
SELECT hide.further_out('other text');
SELECT hide.further_out('other state');
-- also where a condition by name catches the second
CREATE FUNCTION hide.out_by_name() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.through('other state');
EXCEPTION WHEN SQLSTATE 'ABCDE' THEN
  RETURN;
END $$;
CALL hide.expect('hide.raises_again(text)', 'translated', 3, 'P0001', 'again');
SELECT hide.out_by_name();

-- raised again within the handler, and caught there
CREATE FUNCTION hide.again_inside() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.fail('mine');
EXCEPTION WHEN OTHERS THEN
  BEGIN
    RAISE;
  EXCEPTION WHEN OTHERS THEN
  END;
  RAISE EXCEPTION 'another';
END $$;
CALL hide.expect('hide.again_inside()', 'swallowed', 6, 'P0001', 'mine');
CALL hide.expect('hide.again_inside()', 'translated', 3, 'P0001', 'mine');
SELECT hide.again_inside();

---- hidden by another error

-- by RAISE, and by what just fails; by the handler's own statements and by what they call
CREATE FUNCTION hide.translates(by text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1;
  INSERT INTO hide.rows VALUES (1), (1);
EXCEPTION WHEN OTHERS THEN
  IF by = 'raise' THEN
    RAISE EXCEPTION 'sorry' USING ERRCODE = '22023';
  ELSIF by = 'failure' THEN
    RETURN 1 / 0;
  ELSIF by = 'call' THEN
    RETURN hide.fail('called');
  ELSIF by = 'nested' THEN
    BEGIN
      RETURN 1 / 0;
    EXCEPTION WHEN OTHERS THEN
      RETURN hide.fail('nested');
    END;
  ELSIF by = 'timeout' THEN
    PERFORM pg_sleep(60);
  END IF;
END $$;
CALL hide.expect('hide.translates(text)', 'translated', 4, '23505', 'duplicate key value violates unique constraint "rows_pkey"', 5);
CALL hide.expect('hide.translates(text)', 'translated', 14, '22012', 'division by zero');
SELECT hide.translates('raise');
SELECT hide.translates('failure');
SELECT hide.translates('call');
SELECT hide.translates('nested');
SET statement_timeout = '50ms';
SELECT hide.translates('timeout');
RESET statement_timeout;

-- caught further out
CREATE FUNCTION hide.catches(by text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.translates(by);
EXCEPTION WHEN OTHERS THEN
  PERFORM SQLERRM;
END $$;
CALL hide.expect('hide.translates(text)', 'translated', 4, '23505', 'duplicate key value violates unique constraint "rows_pkey"');
CALL hide.expect('hide.catches(text)', 'swallowed', 3, '22023', 'sorry');
SELECT hide.catches('raise');

-- what a handler caught by name is hidden only by setting
CREATE FUNCTION hide.translates_named() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 / 0;
EXCEPTION WHEN division_by_zero THEN
  RAISE EXCEPTION 'please give a number that is not 0';
END $$;
SELECT hide.translates_named();
SET lifeguard.capture_swallowed = 'all';
CALL hide.expect('hide.translates_named()', 'translated', 3, '22012', 'division by zero');
SELECT hide.translates_named();
RESET lifeguard.capture_swallowed;

-- three errors one behind the other; the last is uncaught
CREATE FUNCTION hide.chain() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    BEGIN
      PERFORM hide.fail('one');
    EXCEPTION WHEN OTHERS THEN
      PERFORM hide.fail('two');
    END;
  EXCEPTION WHEN OTHERS THEN
    PERFORM hide.fail('three');
  END;
END $$;
CALL hide.expect('hide.chain()', 'translated', 5, 'P0001', 'one');
CALL hide.expect('hide.chain()', 'translated', 7, 'P0001', 'two');
SELECT hide.chain();

-- said already: a handler that logs hides nothing
CREATE FUNCTION hide.logs(raises bool) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.fail('logged');
EXCEPTION WHEN OTHERS THEN
  PERFORM monitoring.log_error('hide', SQLERRM);
  IF raises THEN
    RAISE EXCEPTION 'and translated';
  END IF;
END $$;
SELECT hide.logs(false);
SELECT hide.logs(true);

---- what PL/pgSQL's users see is as ever

CREATE FUNCTION hide.diagnostics() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text; message text; detail text; hint text; context text; "column" text; "constraint" text; type text; "table" text; "schema" text;
BEGIN
  RAISE EXCEPTION 'm' USING ERRCODE = 'ABCDE', DETAIL = 'd', HINT = 'h', COLUMN = 'c', CONSTRAINT = 'k', DATATYPE = 't', TABLE = 'r', SCHEMA = 's';
EXCEPTION WHEN OTHERS THEN
  BEGIN
    PERFORM 1 / 0;
  EXCEPTION WHEN OTHERS THEN
  END;
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT,
    "column" = COLUMN_NAME, "constraint" = CONSTRAINT_NAME, type = PG_DATATYPE_NAME, "table" = TABLE_NAME, "schema" = SCHEMA_NAME;
  RETURN concat_ws(', ', SQLSTATE, SQLERRM, state, message, detail, hint, "column", "constraint", type, "table", "schema", context);
END $$;
CALL hide.expect('hide.diagnostics()', 'swallowed', 5, 'ABCDE', 'm');
CALL hide.expect('hide.diagnostics()', 'swallowed', 8, '22012', 'division by zero');
SELECT hide.diagnostics();

-- messages are data: of any length, with SQL, quotes, formats, lines, and empty
CREATE FUNCTION hide.messages(message text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING MESSAGE = message;
EXCEPTION WHEN OTHERS THEN
  RETURN left(SQLERRM, 40);
END $$;
CREATE FUNCTION hide.messages_lost(message text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING MESSAGE = message;
EXCEPTION WHEN OTHERS THEN
END $$;
CREATE TEMP TABLE messages (message text);
INSERT INTO messages VALUES ('x'' || (SELECT 1/0) || ''; DROP TABLE hide.rows; --'), ('%s %n %% \ " $$'), (E'two\nlines\ttab'), ('Größe 日本 🙂'), (repeat('ä', 8000)), ('{"a": 1}');
INSERT INTO hide.expected SELECT f, 'swallowed', 3, 'P0001', message, 1 FROM messages, unnest('{hide.messages(text),hide.messages_lost(text)}'::text[]) AS f;
SELECT hide.messages(message), hide.messages_lost(message) FROM messages;

-- muted
CREATE FUNCTION hide.muted() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hide.fail('muted');
EXCEPTION WHEN OTHERS THEN
END $$;
SELECT monitoring.mute('hide.muted()', 'it is known');
SELECT hide.muted();
SELECT monitoring.drain();
SELECT monitoring.unmute('hide.muted()');
CALL hide.expect('hide.muted()', 'swallowed', 3, 'P0001', 'muted');
SELECT hide.muted();

---- subtransactions without a reason that we know

SELECT monitoring.drain();
CREATE TEMP TABLE counted AS SELECT * FROM lifeguard.journal_counters();
BEGIN;
SAVEPOINT one;
INSERT INTO hide.rows VALUES (1);
ROLLBACK TO one;
SAVEPOINT two;
SELECT 1 / 0;
ROLLBACK TO two;
RELEASE two;
SELECT hide.catches('raise'), hide.outer_one();
COMMIT;
SELECT hide.translates('nested');
CALL hide.expect('hide.translates(text)', 'translated', 4, '23505', 'duplicate key value violates unique constraint "rows_pkey"', 2);
CALL hide.expect('hide.translates(text)', 'translated', 14, '22012', 'division by zero');
CALL hide.expect('hide.catches(text)', 'swallowed', 3, '22023', 'sorry');
CALL hide.expect('hide.outer_one()', 'swallowed', 5, '22012', 'division by zero');
SELECT 'unexplained', now.value - before.value FROM lifeguard.journal_counters() AS now JOIN counted AS before USING (counter) WHERE counter = 'unexplained_subtransactions';

---- compared

SELECT monitoring.drain();
CREATE VIEW hide.found AS
  SELECT context ->> 'function' AS function, source, (context ->> 'line')::int AS line, sqlstate, error_message AS message, sum(occurrences)::int AS occurrences
  FROM monitoring.system_errors WHERE source IN ('swallowed', 'translated') GROUP BY 1, 2, 3, 4, 5;
CREATE VIEW hide.wanted AS SELECT function, source, line, sqlstate, message, sum(occurrences)::int AS occurrences FROM hide.expected GROUP BY 1, 2, 3, 4, 5;
SELECT 'missing', function, source, line, sqlstate, left(message, 60), occurrences FROM (TABLE hide.wanted EXCEPT TABLE hide.found) AS rest ORDER BY 2, 3, 4, 5, 6;
SELECT 'too much', function, source, line, sqlstate, left(message, 60), occurrences FROM (TABLE hide.found EXCEPT TABLE hide.wanted) AS rest ORDER BY 2, 3, 4, 5, 6;
SELECT 'right', count(*), sum(occurrences) FROM (TABLE hide.wanted INTERSECT TABLE hide.found) AS same;

-- what else is known: all of it when the handler has statements, and what SQLSTATE and SQLERRM say when it has none
SELECT error_type, severity, context - '{application_name,node}'::text[] FROM monitoring.system_errors WHERE context ->> 'function' IN ('hide.diagnostics()', 'hide.nothing()', 'hide.translates_named()') ORDER BY context ->> 'function', context ->> 'line', context ->> 'context';
SET client_min_messages = error;
DROP SCHEMA hide CASCADE;
DELETE FROM monitoring.system_errors;
