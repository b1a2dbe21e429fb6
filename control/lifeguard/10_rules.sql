-- Rules: a table's two triggers and what their arguments say. src/rules is the engine.

CREATE SCHEMA lifeguard;
GRANT USAGE ON SCHEMA lifeguard TO PUBLIC;
COMMENT ON SCHEMA lifeguard IS 'Rules that tables keep: lifecycles, guards, stamps, actions.';

CREATE FUNCTION lifeguard.before_row() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_before_row';
COMMENT ON FUNCTION lifeguard.before_row() IS
'Trigger function BEFORE INSERT OR UPDATE, FOR EACH ROW: refuses what the rules in its arguments forbid, then sets the columns that they set. '
'Written by lifeguard''s own functions; only a table''s owner can create such a trigger. Raises LG001 to LG006, LG010, LG013 to LG018.';

CREATE FUNCTION lifeguard.after_row() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_after_row';
COMMENT ON FUNCTION lifeguard.after_row() IS
'Trigger function AFTER INSERT, UPDATE OR DELETE, FOR EACH ROW: does what the rules in its arguments say of a row that was changed, actions in the order declared. '
'Written by lifeguard''s own functions; only a table''s owner can create such a trigger. Raises LG013, LG014, and what an action raises.';

CREATE FUNCTION lifeguard.get_rules(relation regclass, timing text) RETURNS text[]
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_get_rules';
COMMENT ON FUNCTION lifeguard.get_rules(regclass, text) IS
'The rules of a table''s trigger (timing: before or after), one JSON text each, in order. Locks the table against other changes of its rules '
'until the transaction ends. Only for the table''s owner: raises 42501 for others, 42809 for what is no table.';

CREATE FUNCTION lifeguard.set_rules(relation regclass, timing text, rules text[]) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_set_rules';
COMMENT ON FUNCTION lifeguard.set_rules(regclass, text, text[]) IS
'Checks the rules and replaces those of a table''s trigger (timing: before or after); an empty array drops the trigger, or says that it was dropped on purpose. '
'For tools; the add_ and drop_ functions are for people. Only for the table''s owner. Raises LG010 to LG013, 22004 (null), 42501, and the parser''s errors.';

-- A trigger that is dropped by hand, or lost in a restore, leaves no trace of itself.
CREATE TABLE lifeguard.declared_tables (
  relation regclass NOT NULL,
  timing   text NOT NULL CHECK (timing IN ('before', 'after')),
  CONSTRAINT declared_tables_pkey PRIMARY KEY (relation, timing)
);
SELECT pg_catalog.pg_extension_config_dump('lifeguard.declared_tables', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = relation)');
COMMENT ON TABLE lifeguard.declared_tables IS
'The tables that were given rules, by the timing of the trigger that carries them; not the rules, which only the trigger knows. The check rule_triggers misses a trigger by it. '
'Written when a trigger of ours is created and when the functions that declare rules drop it.';

-- pg_restore with several jobs creates triggers while it copies what was noted of them: who comes second finds the row there.
CREATE FUNCTION lifeguard.enter_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(tg_relid::int, hashtext(new::text));
  EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t WHERE t = $1)', tg_relid::regclass) INTO known USING new;
  RETURN CASE WHEN NOT known THEN new END;
END $$;
COMMENT ON FUNCTION lifeguard.enter_once() IS
'Trigger function BEFORE INSERT of lifeguard.declared_tables and lifeguard.audit_stories: leaves out a row that is there already, also one that another session is about to commit.';
REVOKE EXECUTE ON FUNCTION lifeguard.enter_once() FROM PUBLIC;
CREATE TRIGGER enter_once BEFORE INSERT ON lifeguard.declared_tables FOR EACH ROW EXECUTE FUNCTION lifeguard.enter_once();

CREATE FUNCTION lifeguard.compile_rules(relation regclass) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_compile_rules';
COMMENT ON FUNCTION lifeguard.compile_rules(regclass) IS
'Compiles all rules of a table as its triggers would, and raises what is wrong with them; returns nothing when all is well. '
'Only for the table''s owner.';

CREATE FUNCTION lifeguard.split_arguments(tgargs bytea) RETURNS text[]
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'lifeguard_split_arguments';
COMMENT ON FUNCTION lifeguard.split_arguments(bytea) IS
'The arguments of a trigger, from pg_trigger.tgargs, as an array of texts.';

-- jsonb's input function raises on text that is no JSON; the view of rules must show such triggers, not fail.
CREATE FUNCTION lifeguard.read_rule(argument text) RETURNS jsonb
LANGUAGE plpgsql STRICT STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN argument::jsonb;
EXCEPTION WHEN OTHERS THEN   -- too deep, too long, a number too large: all of it is no rule
  RETURN jsonb_build_object('kind', 'unreadable', 'argument', argument);
END $$;
COMMENT ON FUNCTION lifeguard.read_rule(text) IS
'One trigger argument as jsonb; an object of kind "unreadable" when it is no JSON. Never fails.';

CREATE FUNCTION lifeguard.list_texts(texts jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(element, ', ' ORDER BY place)
    FROM jsonb_array_elements_text(CASE jsonb_typeof(texts) WHEN 'array' THEN texts END) WITH ORDINALITY AS t(element, place)
$$;
COMMENT ON FUNCTION lifeguard.list_texts(jsonb) IS
'The texts of a JSON array in their order, with commas between; NULL for what is no array.';

CREATE FUNCTION lifeguard.rule_name(rule jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE rule ->> 'kind'
    WHEN 'lifecycle'       THEN format('lifecycle of %s', rule ->> 'column')
    WHEN 'transition'      THEN format('transition %s -> %s', rule ->> 'from', rule ->> 'to')
    WHEN 'guard'           THEN format('guard %s -> %s: %s', coalesce(rule ->> 'from', 'any'), coalesce(rule ->> 'to', 'any'), rule ->> 'condition')
    WHEN 'stamp'           THEN format('stamp -> %s: %s', coalesce(rule ->> 'to', 'any'), rule ->> 'column')
    WHEN 'action'          THEN format('action %s -> %s: %s', coalesce(rule ->> 'from', 'any'), coalesce(rule ->> 'to', 'any'), rule ->> 'call')
    WHEN 'history'         THEN 'history'
    WHEN 'keep_updated_at' THEN format('keep_updated_at %s', rule ->> 'column')
    WHEN 'protect_columns' THEN format('protect_columns %s', lifeguard.list_texts(rule -> 'columns'))
    WHEN 'keep_in_step'    THEN format('keep_in_step %s = %s', rule ->> 'column', rule ->> 'twin')
    WHEN 'derive_column'   THEN format('derive_column %s', rule ->> 'column')
    ELSE coalesce(rule ->> 'kind', 'unreadable')
  END
$$;
COMMENT ON FUNCTION lifeguard.rule_name(jsonb) IS
'The name under which a rule stands in lifeguard.rules and is dropped by lifeguard.drop_rule().';

CREATE VIEW lifeguard.rules WITH (security_invoker = true) AS
SELECT t.tgrelid::regclass AS relation,
       CASE f.proname WHEN 'before_row' THEN 'before' ELSE 'after' END AS timing,
       a.position::int AS position,
       lifeguard.rule_name(r.rule) AS rule,
       r.rule ->> 'kind' AS kind,
       r.rule ->> 'from' AS from_state,
       r.rule ->> 'to' AS to_state,
       coalesce(r.rule ->> 'condition', r.rule ->> 'value', r.rule ->> 'call') AS expression,
       r.rule ->> 'message' AS message,
       t.tgenabled IN ('O', 'A') AS enabled,
       r.rule AS definition
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid
  JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
  LEFT JOIN LATERAL unnest(lifeguard.split_arguments(t.tgargs)) WITH ORDINALITY AS a(argument, position) ON true
  LEFT JOIN LATERAL lifeguard.read_rule(a.argument) AS r(rule) ON true
 WHERE n.nspname = 'lifeguard' AND f.proname IN ('before_row', 'after_row') AND t.tgparentid = 0
 ORDER BY t.tgrelid::regclass::text, f.proname DESC, a.position;
GRANT SELECT ON lifeguard.rules TO PUBLIC;
COMMENT ON VIEW lifeguard.rules IS
'Every rule of every table, in the order in which it runs: refuse, set columns, act. Read from the triggers that carry them.';

CREATE FUNCTION lifeguard.add_rule(relation regclass, timing text, rule json) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.set_rules(relation, timing, lifeguard.get_rules(relation, timing) || json_strip_nulls(rule)::text)
$$;
COMMENT ON FUNCTION lifeguard.add_rule(regclass, text, json) IS
'Adds one rule, as JSON, behind those that a table''s trigger has. For tools; the add_ functions are for people. Errors as set_rules().';

-- The rules that stay when those that contain `pattern` go; a key with null in the pattern means that the rule has none.
CREATE FUNCTION lifeguard.drop_rules(relation regclass, timing text, pattern jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before text[] := lifeguard.get_rules(relation, timing);
  kept   text[];
BEGIN
  SELECT coalesce(array_agg(argument ORDER BY position), '{}') INTO kept
    FROM unnest(before) WITH ORDINALITY AS a(argument, position)
   WHERE EXISTS (SELECT FROM jsonb_each_text(pattern) AS p(key, value)
                  WHERE lifeguard.read_rule(argument) ->> p.key IS DISTINCT FROM p.value);
  IF cardinality(kept) = cardinality(before) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG012',
      MESSAGE = format('table %s has no such rule: %s', relation, rtrim(lifeguard.rule_name(pattern), ': ')),
      DETAIL = jsonb_build_object('table', relation::text, 'rule', pattern)::text,
      HINT = format('SELECT rule FROM lifeguard.rules WHERE relation = %L::regclass; lists its rules.', relation::text);
  END IF;
  PERFORM lifeguard.set_rules(relation, timing, CASE timing WHEN 'after' THEN coalesce(lifeguard.without_rest(kept), '{}') ELSE kept END);
END $$;
COMMENT ON FUNCTION lifeguard.drop_rules(regclass, text, jsonb) IS
'Drops the rules of a table''s trigger whose keys have the values of the pattern. Raises LG012 when there is none, LG010 or LG012 when others need it.';

-- An AFTER trigger that has nothing left to do is dropped: the lifecycle's definition alone is no rule there.
CREATE FUNCTION lifeguard.without_rest(rules text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN bool_and(lifeguard.read_rule(argument) ->> 'kind' = 'lifecycle') THEN '{}' ELSE rules END FROM unnest(rules) AS a(argument)
$$;
COMMENT ON FUNCTION lifeguard.without_rest(text[]) IS
'The rules of an AFTER trigger as they are to be written: none when only a lifecycle''s definition is left.';

CREATE FUNCTION lifeguard.drop_rule(relation regclass, rule text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  timing text;
  rules  text[];
  place  int;
BEGIN
  FOREACH timing IN ARRAY '{before,after}'::text[] LOOP
    rules := lifeguard.get_rules(relation, timing);   -- locks: nobody shifts the places meanwhile
    SELECT position INTO place FROM unnest(rules) WITH ORDINALITY AS a(argument, position)
     WHERE lifeguard.rule_name(lifeguard.read_rule(argument)) = drop_rule.rule ORDER BY position LIMIT 1;
    IF FOUND THEN
      rules := rules[:place - 1] || rules[place + 1:];
      PERFORM lifeguard.set_rules(relation, timing, CASE timing WHEN 'after' THEN coalesce(lifeguard.without_rest(rules), '{}') ELSE rules END);
      RETURN;
    END IF;
  END LOOP;
  RAISE EXCEPTION USING ERRCODE = 'LG012',
    MESSAGE = format('table %s has no rule "%s"', relation, rule),
    DETAIL = jsonb_build_object('table', relation::text, 'rule', rule)::text,
    HINT = format('SELECT rule FROM lifeguard.rules WHERE relation = %L::regclass; lists its rules.', relation::text);
END $$;
COMMENT ON FUNCTION lifeguard.drop_rule(regclass, text) IS
'Drops the rule with this name, as lifeguard.rules shows it. Raises LG012 when there is none or when other rules need it. Only for the table''s owner.';

CREATE FUNCTION lifeguard.forget(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- the AFTER trigger first: its actions belong to what the BEFORE trigger declares
  PERFORM lifeguard.set_rules(relation, 'after', '{}'), lifeguard.set_rules(relation, 'before', '{}');
END $$;
COMMENT ON FUNCTION lifeguard.forget(regclass) IS
'Drops all rules of a table, whatever they are, also unreadable ones. The rows stay as they are. Only for the table''s owner.';

CREATE FUNCTION lifeguard.watch_ddl() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'lifeguard_watch_ddl';
COMMENT ON FUNCTION lifeguard.watch_ddl() IS
'Event trigger function: records in pg_depend what rules use when their trigger is created, also by a restore; lets only a table''s owner create one; '
'refuses (LG010) an ALTER that a rule''s text would not survive.';

CREATE EVENT TRIGGER lifeguard_watch_ddl ON ddl_command_end EXECUTE FUNCTION lifeguard.watch_ddl();
