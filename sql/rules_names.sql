-- Names: quotes, blanks, 63 bytes, Cyrillic, percent signs, backslashes, in every place that takes a name.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE SCHEMA "Отдел ""кадров"", 2%s";
SET search_path = "Отдел ""кадров"", 2%s";
CREATE TABLE "Заявки; DROP TABLE x --" (
  "номер 'н'" int, "вторая ""часть""" text, "состояние%d" text NOT NULL, "когда\x" timestamptz, "изменено, $1" timestamptz,
  PRIMARY KEY ("номер 'н'", "вторая ""часть"""));
CREATE FUNCTION "сделай 'это'"(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'done: %', $1; RETURN true; END $$;
SELECT lifeguard.create_lifecycle('"Заявки; DROP TABLE x --"', 'состояние%d', ARRAY['новая "заявка"', E'с\nпереводом']);
SELECT lifeguard.add_transition('"Заявки; DROP TABLE x --"', 'новая "заявка"', E'it''s \\ %s'), lifeguard.add_transition('"Заявки; DROP TABLE x --"', E'it''s \\ %s', '{}'),
       lifeguard.add_guard('"Заявки; DROP TABLE x --"', 'новая "заявка"', E'it''s \\ %s',
                           $$"Отдел ""кадров"", 2%s"."сделай 'это'"(new."вторая ""часть""") AND new."номер 'н'" <> 2$$, 'нельзя: 100% "так"'),
       lifeguard.add_stamp('"Заявки; DROP TABLE x --"', E'it''s \\ %s', 'когда\x', 'now()'),
       lifeguard.add_action('"Заявки; DROP TABLE x --"', NULL, '{}', $$"Отдел ""кадров"", 2%s"."сделай 'это'"('act')$$),
       lifeguard.add_history('"Заявки; DROP TABLE x --"'),
       lifeguard.keep_updated_at('"Заявки; DROP TABLE x --"', 'изменено, $1');
SELECT rule FROM lifeguard.rules;
INSERT INTO "Заявки; DROP TABLE x --" VALUES (1, 'a "b"', 'новая "заявка"'), (2, E'c\\d', E'с\nпереводом'), (3, '%s', 'новая "заявка"');
UPDATE "Заявки; DROP TABLE x --" SET "состояние%d" = E'it''s \\ %s' WHERE "номер 'н'" = 1;
UPDATE "Заявки; DROP TABLE x --" SET "состояние%d" = '{}' WHERE "номер 'н'" = 1;
UPDATE "Заявки; DROP TABLE x --" SET "состояние%d" = '{}' WHERE "номер 'н'" = 2;
\echo :SQLSTATE
UPDATE "Заявки; DROP TABLE x --" SET "состояние%d" = '%s', "вторая ""часть""" = E'\t' WHERE "номер 'н'" = 2;
\echo :SQLSTATE
UPDATE "Заявки; DROP TABLE x --" SET "состояние%d" = E'it''s \\ %s', "номер 'н'" = 2, "вторая ""часть""" = 'x' WHERE "номер 'н'" = 3;
\echo :SQLSTATE
INSERT INTO "Заявки; DROP TABLE x --" VALUES (4, '', '{}');
\echo :SQLSTATE
SELECT "номер 'н'", "вторая ""часть""", "состояние%d", "когда\x" IS NOT NULL, "изменено, $1" IS NOT NULL FROM "Заявки; DROP TABLE x --" ORDER BY 1;
-- the DETAIL is JSON whatever the names are
DO $$
DECLARE detail text;
BEGIN
  UPDATE "Заявки; DROP TABLE x --" SET "состояние%d" = '{}' WHERE "номер 'н'" = 3;
EXCEPTION WHEN SQLSTATE 'LG001' THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RAISE WARNING '%', jsonb_pretty(detail::jsonb);
END $$;
SELECT relation, row_key, from_state, to_state, actions - 'ms' #- '{0,ms}' FROM lifeguard.history ORDER BY id;
SELECT finding, subject FROM lifeguard.check_lifecycle('"Заявки; DROP TABLE x --"');
SELECT lifeguard.draw_lifecycle('"Заявки; DROP TABLE x --"');
-- renamed they work as before; where a rule's text would not, the rename is refused
ALTER TABLE "Заявки; DROP TABLE x --" RENAME TO "table";
ALTER TABLE "table" RENAME COLUMN "вторая ""часть""" TO second;
\echo :SQLSTATE
ALTER TABLE "table" RENAME COLUMN "состояние%d" TO state;
\echo :SQLSTATE
ALTER TABLE "table" RENAME COLUMN "изменено, $1" TO changed;
\echo :SQLSTATE
UPDATE "table" SET "состояние%d" = E'it''s \\ %s' WHERE "номер 'н'" = 3;
SELECT lifeguard.drop_rule('"table"', E'transition it''s \\ %s -> {}');
\echo :SQLSTATE
SELECT lifeguard.drop_rule('"table"', $$action any -> {}: "Отдел ""кадров"", 2%s"."сделай 'это'"('act')$$);
SELECT lifeguard.drop_rule('"table"', E'transition it''s \\ %s -> {}');
SELECT lifeguard.drop_updated_at('"table"'), lifeguard.drop_history('"table"');
SELECT lifeguard.drop_lifecycle('"table"');
SELECT count(*) FROM lifeguard.rules;

-- 63 bytes everywhere
\set long 'абвгдежзийклмнопрстуфхцчшщъыьэюx'
CREATE TABLE :"long" (:"long" text, id int PRIMARY KEY);
SELECT octet_length(relname) FROM pg_class WHERE relname = :'long';
SELECT lifeguard.create_lifecycle(:'long', :'long', ARRAY[:'long']), lifeguard.keep_updated_at(:'long', :'long');
\echo :SQLSTATE
SELECT lifeguard.create_lifecycle(:'long', :'long', ARRAY[:'long']), lifeguard.add_transition(:'long', :'long', 'b');
INSERT INTO :"long" VALUES ('b', 1);
INSERT INTO :"long" VALUES (:'long', 1);
UPDATE :"long" SET :"long" = 'b' RETURNING *;
SELECT lifeguard.forget(:'long');
-- a state as long as it likes to be; a value too long for a message is cut, by characters
SELECT lifeguard.create_lifecycle(:'long', :'long', ARRAY[repeat('ы', 1000)]);
INSERT INTO :"long" VALUES (repeat('ы', 1000), 2);
\set VERBOSITY terse
INSERT INTO :"long" VALUES (repeat('ы', 1001), 3);
\set VERBOSITY default
DO $$
DECLARE message text; detail text;
BEGIN
  EXECUTE format('INSERT INTO %I VALUES (%L, 4)', 'абвгдежзийклмнопрстуфхцчшщъыьэюx', repeat('ы', 5000000));
EXCEPTION WHEN SQLSTATE 'LG003' THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
  RAISE WARNING '% characters, DETAIL of % keys', length(message), (SELECT count(*) FROM jsonb_object_keys(detail::jsonb));
END $$;
DROP SCHEMA "Отдел ""кадров"", 2%s" CASCADE;
DELETE FROM lifeguard.history;
