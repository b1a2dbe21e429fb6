-- Expressions of rules: what is accepted when declared, what is refused with the position, and what happens when one fails at a row.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA words;
CREATE TABLE words.items (
  id int PRIMARY KEY, gone int, state text NOT NULL DEFAULT 'a', n int NOT NULL DEFAULT 0, word varchar(3), at date, flags int[],
  double int GENERATED ALWAYS AS (n * 2) STORED);
ALTER TABLE words.items DROP COLUMN gone;   -- a hole among the columns
CREATE FUNCTION words.say(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$;
SELECT lifeguard.create_lifecycle('words.items', 'state', '{a}');
SELECT lifeguard.add_transition('words.items', 'a', 'b'), lifeguard.add_transition('words.items', 'b', 'a');
-- tries(condition) declares a guard and takes it back; a refusal is shown with its code and the position in the expression
CREATE FUNCTION words.tries(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  code text; message text; hint text; context text;
BEGIN
  PERFORM lifeguard.add_guard('words.items', 'a', 'b', condition, 'm');
  PERFORM lifeguard.drop_guard('words.items', 'a', 'b');
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN code || ' ' || message || coalesce(' / ' || nullif(hint, ''), '');
END $$;

-- one expression and nothing else
SELECT words.tries('1 = 1');
SELECT words.tries('new.n > 0 AND old.n >= 0');
SELECT words.tries('new.n > 0 -- a comment');
SELECT words.tries('new.n > /* a comment */ 0');
SELECT words.tries(E'new.n\n>\n0');
SELECT words.tries('');
SELECT words.tries('   ');
SELECT words.tries('-- a comment');
SELECT words.tries('true; DROP TABLE words.items');
SELECT words.tries('true) FROM words.items --');
SELECT words.tries('1) FROM x --');
SELECT words.tries('true FROM words.items');
SELECT words.tries('true WHERE false');
SELECT words.tries('true GROUP BY 1');
SELECT words.tries('true HAVING true');
SELECT words.tries('true ORDER BY 1');
SELECT words.tries('true LIMIT 1');
SELECT words.tries('true OFFSET 1');
SELECT words.tries('true FOR UPDATE');
SELECT words.tries('DISTINCT true');
SELECT words.tries('true WINDOW w AS ()');
SELECT words.tries('true UNION SELECT true');
SELECT words.tries('true, true');
SELECT words.tries('true AS alias');
SELECT words.tries('true alias');
SELECT words.tries('true INTO words.stolen');
SELECT words.tries('SELECT true');
SELECT words.tries('*');
SELECT words.tries('new.*');
SELECT words.tries('$1');
SELECT words.tries(':x');
SELECT words.tries('new.n >');
SELECT words.tries('new.n = ''');
SELECT words.tries('new.n = $tag$');
SELECT words.tries('DEFAULT');
SELECT words.tries('CURRENT OF c');
-- names: only of old and new, everything else qualified
SELECT words.tries('n > 0');
SELECT words.tries('new.nothing');
SELECT words.tries('new.gone');
SELECT words.tries('"new".n = 0');
SELECT words.tries('NEW.N = 0');
SELECT words.tries('"NEW".n = 0');
SELECT words.tries('items.n = 0');
SELECT words.tries('words.items.n = 0');
SELECT words.tries('say(''x'')');
SELECT words.tries('words.says(''x'')');
SELECT words.tries('words.say(1)');
SELECT words.tries('EXISTS (SELECT FROM items)');
SELECT words.tries('EXISTS (SELECT FROM words.items)');
SELECT words.tries('new.n::words.nothing IS NULL');
-- of the right type and shape
SELECT words.tries('new.n');
SELECT words.tries('''yes''');
SELECT words.tries('''perhaps''');
SELECT words.tries('NULL');
SELECT words.tries('new.word');
SELECT words.tries('(SELECT new.n)');
SELECT words.tries('(SELECT true, true)');
SELECT words.tries('(SELECT true WHERE new.n > 0)');
SELECT words.tries('new.n > 0 AND (SELECT count(*) FROM words.items) > 0');
SELECT words.tries('count(*) > 0');
SELECT words.tries('sum(new.n) > 0');
SELECT words.tries('row_number() OVER () > 0');
SELECT words.tries('generate_series(1, new.n) > 0');
SELECT words.tries('unnest(new.flags) > 0');
SELECT words.tries('new.n = ANY (new.flags)');
SELECT words.tries('new.n IN (1, 2)');
SELECT words.tries('old IS NOT NULL AND (new).id > 0');
SELECT words.tries('(new).n = 0');
SELECT words.tries('words.items.tableoid = 1');
SELECT words.tries('new.ctid IS NULL');
SELECT words.tries('(SELECT new.xmin) IS NULL');
SELECT words.tries('new.double = 0');
SELECT words.tries('(new).double = 0');
SELECT words.tries('(SELECT new.double) = 0');
SELECT words.tries('old.double = 0');
SELECT words.tries('GROUPING(new.n) = 0');
SELECT words.tries('(SELECT max(new.n) FROM words.items) > 0');
-- what is constant and wrong is found when it is declared
SELECT words.tries('1 / 0 = 1');
SELECT words.tries('''x''::int = 1');
-- an alias that hides new is what it says
SELECT words.tries('(SELECT bool_and(new.id > 0) FROM words.items new)');
SELECT count(*) FROM lifeguard.rules WHERE kind = 'guard';

-- the error's position is in the rule's own text, and the context names the rule
\set SHOW_CONTEXT always
\set VERBOSITY default
DO $$
DECLARE code text; message text; context text;
BEGIN
  PERFORM lifeguard.add_guard('words.items', 'a', 'b', 'new.n > nothing(1)', 'never');
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT;
  RAISE NOTICE '% %: %', code, message, split_part(context, E'\n', 1);
END $$;
\set SHOW_CONTEXT never
SELECT lifeguard.add_guard('words.items', 'a', 'b', 'new.n > nothing(1)', 'never');

-- stamps: converted as an assignment converts, not more
SELECT lifeguard.add_stamp('words.items', 'b', 'n', '''12''');
SELECT lifeguard.drop_stamp('words.items', 'b', 'n');
SELECT lifeguard.add_stamp('words.items', 'b', 'n', '1.6');
SELECT lifeguard.drop_stamp('words.items', 'b', 'n');
SELECT lifeguard.add_stamp('words.items', 'b', 'n', '''twelve''');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('words.items', 'b', 'n', 'new.word');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('words.items', 'b', 'at', 'new.n');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('words.items', 'b', 'n', '(SELECT new.word)');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('words.items', 'b', 'double', '1');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('words.items', 'b', 'ctid', '1');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('words.items', 'b', 'nothing', '1');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('words.items', 'b', 'state', '''b''');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('words.items', 'b', 'n', 'generate_series(1, 2)');
\echo :SQLSTATE
SELECT lifeguard.add_stamp('words.items', 'b', 'n', 'old.double');
SELECT lifeguard.add_stamp('words.items', 'b', 'word', '''abc   ''');
SELECT lifeguard.add_stamp('words.items', 'b', 'at', 'now()');
SELECT lifeguard.add_stamp('words.items', 'b', 'flags', '(SELECT array_agg(i) FROM generate_series(1, new.n) i)');
INSERT INTO words.items (id, n) VALUES (1, 3);
UPDATE words.items SET state = 'b' WHERE id = 1 RETURNING n, word, at = current_date, flags, double;
UPDATE words.items SET state = 'a' WHERE id = 1;
SELECT lifeguard.drop_stamp('words.items', 'b', c) FROM unnest('{n,word,at,flags}'::name[]) c;
-- too long is too long, in a query as elsewhere
SELECT lifeguard.add_stamp('words.items', 'b', 'word', 'repeat(''x'', new.n)');
UPDATE words.items SET state = 'b' WHERE id = 1;
\echo :SQLSTATE
SELECT lifeguard.drop_stamp('words.items', 'b', 'word');
SELECT lifeguard.add_stamp('words.items', 'b', 'word', '(SELECT repeat(''x'', new.n))');
UPDATE words.items SET state = 'b' WHERE id = 1;
\echo :SQLSTATE
SELECT lifeguard.drop_stamp('words.items', 'b', 'word');
-- no row, no value
SELECT lifeguard.add_stamp('words.items', 'b', 'word', '(SELECT ''x'' WHERE false)');
UPDATE words.items SET state = 'b', word = 'old' WHERE id = 1 RETURNING word;
UPDATE words.items SET state = 'a' WHERE id = 1;
SELECT lifeguard.drop_stamp('words.items', 'b', 'word');

-- actions: any type, any number of rows; generated columns are there by now
SELECT lifeguard.add_action('words.items', 'a', 'b', 'words.say(''n '' || new.n || '', double '' || new.double)'),
       lifeguard.add_action('words.items', 'a', 'b', 'words.say(''set '' || generate_series(1, 2))'),
       lifeguard.add_action('words.items', 'a', 'b', '(SELECT words.say(''query '' || i) FROM generate_series(7, 7) i WHERE new.n > 0)'),
       lifeguard.add_action('words.items', 'a', 'b', '''nothing at all'''),
       lifeguard.add_action('words.items', 'a', 'b', 'NULL'),
       lifeguard.add_action('words.items', 'a', 'b', 'new');
UPDATE words.items SET state = 'b' WHERE id = 1;
UPDATE words.items SET state = 'a' WHERE id = 1;
SELECT lifeguard.drop_action('words.items', 'a', 'b');
SELECT lifeguard.add_action('words.items', 'a', 'b', 'words.say(''x''), words.say(''y'')');
\echo :SQLSTATE
SELECT lifeguard.add_action('words.items', 'a', 'b', 'words.say(''x'')', 'ignore');
\echo :SQLSTATE
SELECT lifeguard.add_action('words.items', 'a', 'b', 'words.say(''x'')', NULL);
\echo :SQLSTATE

-- a guard must be true: false and null refuse, and the error says which it was
SELECT lifeguard.add_guard('words.items', 'a', 'b', 'new.n < 10', 'few');
UPDATE words.items SET state = 'b', n = 10 WHERE id = 1;
\echo :SQLSTATE
ALTER TABLE words.items ALTER COLUMN n DROP NOT NULL;
UPDATE words.items SET state = 'b', n = NULL WHERE id = 1;
\echo :SQLSTATE
SELECT lifeguard.drop_guard('words.items', 'a', 'b');
-- of several the first that refuses speaks, in the order declared; the rest do not run
SELECT lifeguard.add_guard('words.items', 'a', 'b', 'words.say(''one'')', '1'), lifeguard.add_guard('words.items', NULL, 'b', 'new.n = 1', '2'),
       lifeguard.add_guard('words.items', 'a', NULL, 'words.say(''three'')', '3');
UPDATE words.items SET state = 'b', n = 2 WHERE id = 1;
UPDATE words.items SET state = 'b', n = 1 WHERE id = 1;
UPDATE words.items SET state = 'a' WHERE id = 1;
SELECT lifeguard.drop_guard('words.items', 'a', 'b'), lifeguard.drop_guard('words.items', NULL, 'b'), lifeguard.drop_guard('words.items', 'a', NULL);

-- what goes wrong at a row is raised with its own code, names the rule, and changes nothing
CREATE FUNCTION words.raises() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'ZZ999', MESSAGE = 'I will not', DETAIL = 'because', HINT = 'give up'; END $$;
CREATE FUNCTION words.loops() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN LOOP END LOOP; END $$;
CREATE FUNCTION words.recurses() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN words.recurses(); END $$;
CREATE FUNCTION words.writes_itself(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN UPDATE words.items SET n = n + 1 WHERE id = $1; RETURN true; END $$;
CREATE FUNCTION words.moves_itself(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN UPDATE words.items SET state = 'b' WHERE id = $1; RETURN true; END $$;
CREATE FUNCTION words.becomes(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SET ROLE %I', $1); RETURN true; END $$;
CREATE FUNCTION words.commits() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN COMMIT; RETURN true; END $$;
CREATE FUNCTION words.drops() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN DROP TABLE words.items; RETURN true; END $$;
CREATE FUNCTION words.fails(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  code text; message text; detail text; hint text; context text;
BEGIN
  UPDATE words.items SET state = 'a' WHERE id = 1;
  PERFORM lifeguard.add_guard('words.items', 'a', 'b', condition, 'm');
  BEGIN
    UPDATE words.items SET state = 'b' WHERE id = 1;
    RAISE NOTICE 'it passed';
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
  END;
  PERFORM lifeguard.drop_guard('words.items', 'a', 'b');
  RETURN concat_ws(' / ', code || ' ' || message, nullif(detail, ''), nullif(hint, ''), substring(context from 'guard "m"[^\n]*'),
                   (SELECT 'row is ' || state || ', ' || n FROM words.items WHERE id = 1));
END $$;
SELECT words.fails('1 / (new.n - 1) = 1');
SELECT words.fails('(new.n || ''x'')::int = 1');
SELECT words.fails('words.raises()');
SELECT words.fails('(SELECT words.raises())');
SELECT words.fails('(SELECT true FROM generate_series(1, 2))');
SELECT words.fails('words.writes_itself(new.id)');
SELECT words.fails('words.becomes(''postgres'')');
SELECT words.fails('set_config(''role'', ''none'', true) IS NULL');
SELECT words.fails('set_config(''session_authorization'', ''postgres'', true) IS NULL');
SELECT words.fails('words.commits()');
SELECT words.fails('words.drops()');
SELECT split_part(words.fails('words.recurses()'), ' / ', 1);
SELECT words.fails('words.moves_itself(new.id)') ~ '^LG014';
SET lifeguard.max_depth = 3;
SELECT words.fails('words.moves_itself(new.id)');
RESET lifeguard.max_depth;
-- rules that are changed by a rule while they run: this row still has the old ones, the next one the new
CREATE FUNCTION words.changes() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM lifeguard.forget('words.items'); RETURN true; END $$;
BEGIN;
SELECT lifeguard.add_guard('words.items', 'a', 'b', 'words.changes()', 'changes'), lifeguard.add_stamp('words.items', 'b', 'n', '77');
UPDATE words.items SET state = 'b' WHERE id = 1 RETURNING state, n;
UPDATE words.items SET state = 'anything' WHERE id = 1 RETURNING state;
ROLLBACK;
-- SET ROLE outside is as before
SELECT current_user = session_user;
-- one that never ends is ended
SELECT lifeguard.add_guard('words.items', 'a', 'b', 'words.loops()', 'loop');
SET statement_timeout = 100;
UPDATE words.items SET state = 'b' WHERE id = 1;
\echo :SQLSTATE
RESET statement_timeout;
SELECT lifeguard.drop_guard('words.items', 'a', 'b');
SELECT lifeguard.add_guard('words.items', 'a', 'b', 'pg_sleep(10) IS NOT NULL', 'sleep');
SET statement_timeout = 100;
UPDATE words.items SET state = 'b' WHERE id = 1;
\echo :SQLSTATE
RESET statement_timeout;
SELECT lifeguard.drop_guard('words.items', 'a', 'b');
-- also in an action that may fail: a cancelled statement is cancelled
SELECT lifeguard.add_action('words.items', 'a', 'b', 'pg_sleep(10)', 'continue');
SET statement_timeout = 100;
UPDATE words.items SET state = 'b' WHERE id = 1;
\echo :SQLSTATE
RESET statement_timeout;
SELECT lifeguard.drop_action('words.items', 'a', 'b');
SELECT state FROM words.items WHERE id = 1;

-- an enum that casts to boolean by itself does so in a query too
CREATE TYPE words.answer AS ENUM ('no', 'yes');
CREATE FUNCTION words.as_boolean(words.answer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1::text = 'yes' $$;
CREATE CAST (words.answer AS boolean) WITH FUNCTION words.as_boolean(words.answer) AS IMPLICIT;
ALTER TABLE words.items ADD COLUMN answer words.answer DEFAULT 'no';
SELECT words.fails('new.answer');
SELECT words.fails('(SELECT new.answer)');

-- whole rows: old is all null when a row is created, by whichever path
CREATE TABLE words.pairs (id int PRIMARY KEY, gone text, state text DEFAULT 'a', n int, kept text DEFAULT 'k');
ALTER TABLE words.pairs DROP COLUMN gone;
CREATE FUNCTION words.shows(old words.pairs, new words.pairs) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% -> %', to_jsonb(old), to_jsonb(new); RETURN true; END $$;
CREATE FUNCTION words.strict_one(old words.pairs) RETURNS boolean LANGUAGE sql STRICT AS 'SELECT true';
SELECT lifeguard.create_lifecycle('words.pairs', 'state', '{a}'), lifeguard.add_transition('words.pairs', 'a', 'b'), lifeguard.add_transition('words.pairs', 'b', 'a'),
       lifeguard.add_guard('words.pairs', NULL, NULL, 'words.shows(old, new)', 'plain'), lifeguard.add_guard('words.pairs', NULL, NULL, '(SELECT words.shows(old, new))', 'query'),
       lifeguard.add_guard('words.pairs', NULL, NULL, 'words.strict_one(old)', 'strict'), lifeguard.add_guard('words.pairs', NULL, NULL, '(SELECT words.strict_one(old))', 'strict query'),
       lifeguard.add_guard('words.pairs', NULL, NULL, 'num_nulls(new.*) = 0', 'star'), lifeguard.add_guard('words.pairs', NULL, NULL, '(SELECT num_nulls(new.*)) = 0', 'star query');
INSERT INTO words.pairs (id, n) VALUES (2, 5);
UPDATE words.pairs SET state = 'b', n = 6;
ALTER TABLE words.pairs DROP COLUMN kept, ADD COLUMN extra text DEFAULT 'x';
UPDATE words.pairs SET state = 'a', n = 7;
-- a generated column is not there before the row is stored, so neither is the whole row; old's is
SELECT words.tries('to_jsonb(new) IS NOT NULL');
SELECT words.tries('(SELECT to_jsonb(new)) IS NOT NULL');
SELECT words.tries('to_jsonb(old) IS NOT NULL');
ALTER TABLE words.pairs ADD COLUMN g int GENERATED ALWAYS AS (n + 1) STORED;
\echo :SQLSTATE

-- names are found by the pinned path, whatever looks for them, and the caller's path is as it was
SELECT lifeguard.add_guard('words.items', 'a', 'b', 'to_regclass(''items'') IS NULL', 'built-in'),
       lifeguard.add_guard('words.items', 'a', 'b', '(SELECT to_regclass(''items'')) IS NULL', 'query'),
       lifeguard.add_guard('words.items', 'a', 'b', 'lower(''WORDS.ITEMS'')::regclass::text = ''words.items''', 'output'),
       lifeguard.add_guard('words.items', 'a', 'b', 'query_to_xml(''SELECT current_setting(''''search_path'''') AS path'', false, false, '''')::text ~ ''pg_catalog, pg_temp''', 'text that is run');
INSERT INTO words.items (id) VALUES (2);
SET search_path = words, pg_catalog;
UPDATE words.items SET state = 'b' WHERE id = 2 RETURNING state;
SHOW search_path;
RESET search_path;
SELECT lifeguard.drop_guard('words.items', 'a', 'b');

-- columns that are called old and new
CREATE TABLE words.years (id int PRIMARY KEY, state text, old text, new text);
SELECT lifeguard.create_lifecycle('words.years', 'state', '{a}'), lifeguard.add_transition('words.years', 'a', 'b');
SELECT lifeguard.add_guard('words.years', 'a', 'b', 'new.new = ''n'' AND new.old = ''o'' AND old.new = ''n''', 'columns');
INSERT INTO words.years VALUES (1, 'a', 'o', 'n');
UPDATE words.years SET state = 'b' RETURNING state;

SET client_min_messages = warning;
DROP SCHEMA words CASCADE;
