-- Lifecycles: the state machine of a table, declared in words. src/lifecycle runs it.

CREATE FUNCTION lifeguard.create_lifecycle(relation regclass, state_column name, initial text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF state_column IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('the lifecycle of table %s has no state column', relation);
  END IF;
  IF coalesce(cardinality(initial), 0) = 0 OR array_position(initial, NULL) IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('the lifecycle of table %s has no initial state', relation),
      HINT = 'Name the states in which a row may be created, for example initial => ''{pending}''.';
  END IF;
  PERFORM lifeguard.add_rule(relation, 'before', json_build_object('kind', 'lifecycle', 'column', state_column, 'initial', initial));
END $$;
COMMENT ON FUNCTION lifeguard.create_lifecycle(regclass, name, text[]) IS
'Makes a column (text, varchar, enum, or a domain over one) the state of a table''s rows, and says in which states a row may be created. '
'Until transitions are added no row may change its state. Raises LG010 (wrong column or type), LG011 (there is one already), 42501, and the type''s own error for a state that it does not take.';

CREATE FUNCTION lifeguard.drop_lifecycle(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifecycle_kinds constant text[] := '{lifecycle,transition,guard,stamp,action,history}';
  had boolean := false;
  timing text;
  rules text[];
  kept text[];
BEGIN
  FOREACH timing IN ARRAY '{after,before}'::text[] LOOP
    rules := lifeguard.get_rules(relation, timing);
    SELECT coalesce(array_agg(argument ORDER BY position), '{}') INTO kept
      FROM unnest(rules) WITH ORDINALITY AS a(argument, position)
     WHERE coalesce(lifeguard.read_rule(argument) ->> 'kind', '') <> ALL (lifecycle_kinds);
    had := had OR cardinality(kept) < cardinality(rules);
    IF cardinality(kept) < cardinality(rules) THEN
      PERFORM lifeguard.set_rules(relation, timing, kept);
    END IF;
  END LOOP;
  IF NOT had THEN
    RAISE EXCEPTION USING ERRCODE = 'LG012', MESSAGE = format('table %s has no lifecycle', relation);
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.drop_lifecycle(regclass) IS
'Drops a table''s lifecycle with all its transitions, guards, stamps, actions and the keeping of history; other rules and all rows stay. Raises LG012 when there is none.';

CREATE FUNCTION lifeguard.add_transition(relation regclass, from_state text, to_state text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF from_state IS NULL OR to_state IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('a transition of table %s needs the state it leaves and the state it reaches', relation);
  END IF;
  PERFORM lifeguard.add_rule(relation, 'before', json_build_object('kind', 'transition', 'from', from_state, 'to', to_state));
END $$;
COMMENT ON FUNCTION lifeguard.add_transition(regclass, text, text) IS
'Allows rows to go from one state to another. Raises LG010, LG011 (declared already), LG012 (no lifecycle), 42501, and the type''s own error for a state that it does not take.';

CREATE FUNCTION lifeguard.drop_transition(relation regclass, from_state text, to_state text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.drop_rules(relation, 'before', jsonb_build_object('kind', 'transition', 'from', from_state, 'to', to_state))
$$;
COMMENT ON FUNCTION lifeguard.drop_transition(regclass, text, text) IS
'Forbids a transition again. Raises LG012 when it is not declared, or when guards, stamps or actions belong to it alone: drop those first.';

CREATE FUNCTION lifeguard.add_guard(relation regclass, from_state text, to_state text, condition text, message text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF condition IS NULL OR message IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('a guard of table %s needs a condition and a message', relation);
  END IF;
  PERFORM lifeguard.add_rule(relation, 'before', json_build_object('kind', 'guard', 'from', from_state, 'to', to_state,
                                                                   'condition', condition, 'message', message));
END $$;
COMMENT ON FUNCTION lifeguard.add_guard(regclass, text, text, text, text) IS
'Adds a condition that must be true (not null) for a move: an SQL expression over old and new, names qualified, run as the table''s owner. '
'from_state null: any state and creation; to_state null: any state; the same state twice: every UPDATE that leaves the row in it. The message is what a refused move raises, as LG002. '
'Raises LG010, LG012 (no such transition), the parser''s errors, 42501.';

CREATE FUNCTION lifeguard.drop_guard(relation regclass, from_state text, to_state text, condition text DEFAULT NULL) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.drop_rules(relation, 'before', jsonb_build_object('kind', 'guard', 'from', from_state, 'to', to_state)
                              || CASE WHEN condition IS NULL THEN '{}' ELSE jsonb_build_object('condition', condition) END)
$$;
COMMENT ON FUNCTION lifeguard.drop_guard(regclass, text, text, text) IS
'Drops the guard with this condition, or all that were declared for exactly these states. Raises LG012 when there is none.';

CREATE FUNCTION lifeguard.add_stamp(relation regclass, to_state text, column_name name, value text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF column_name IS NULL OR value IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('a stamp of table %s needs a column and a value', relation);
  END IF;
  PERFORM lifeguard.add_rule(relation, 'before', json_build_object('kind', 'stamp', 'to', to_state, 'column', column_name, 'value', value));
END $$;
COMMENT ON FUNCTION lifeguard.add_stamp(regclass, text, name, text) IS
'Sets a column when a row reaches a state (null: any), also at creation: an SQL expression over old and new, as the statement gave them, converted as by an assignment. '
'Raises LG010, LG012, the parser''s errors, 42501.';

CREATE FUNCTION lifeguard.drop_stamp(relation regclass, to_state text, column_name name) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.drop_rules(relation, 'before', jsonb_build_object('kind', 'stamp', 'to', to_state, 'column', column_name))
$$;
COMMENT ON FUNCTION lifeguard.drop_stamp(regclass, text, name) IS
'Drops the stamps of a column for exactly this state. Raises LG012 when there is none.';

-- Adds a rule of a lifecycle to the AFTER trigger, which gets the lifecycle's own definition with its first rule.
CREATE FUNCTION lifeguard.add_aftermath(relation regclass, rule json) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rules text[] := lifeguard.get_rules(relation, 'after');
BEGIN
  IF NOT EXISTS (SELECT FROM unnest(rules) AS a(argument) WHERE lifeguard.read_rule(argument) ->> 'kind' = 'lifecycle') THEN
    SELECT coalesce(array_agg(argument), '{}') || rules INTO rules
      FROM unnest(lifeguard.get_rules(relation, 'before')) AS a(argument)
     WHERE lifeguard.read_rule(argument) ->> 'kind' = 'lifecycle';
  END IF;
  PERFORM lifeguard.set_rules(relation, 'after', rules || json_strip_nulls(rule)::text);
END $$;
COMMENT ON FUNCTION lifeguard.add_aftermath(regclass, json) IS
'Adds an action or the keeping of history, as JSON, to a table''s AFTER trigger. For tools. Errors as set_rules().';

CREATE FUNCTION lifeguard.add_action(relation regclass, from_state text, to_state text, call text, on_error text DEFAULT 'abort') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF call IS NULL OR on_error IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG010', MESSAGE = format('an action of table %s needs a call, and on_error abort or continue', relation);
  END IF;
  PERFORM lifeguard.add_aftermath(relation, json_build_object('kind', 'action', 'from', from_state, 'to', to_state, 'call', call,
                                                              'on_error', nullif(on_error, 'abort')));
END $$;
COMMENT ON FUNCTION lifeguard.add_action(regclass, text, text, text, text) IS
'Makes a move call something, in its own transaction, after the row is stored: an SQL expression over old and new, names qualified, run as the table''s owner; its result is ignored. '
'Actions run in the order declared. from_state null: any state and creation; to_state null: any state. '
'on_error abort (default): an error undoes the statement; continue: it undoes this action alone and is reported as a WARNING. '
'Raises LG010, LG012 (no such transition), the parser''s errors, 42501.';

CREATE FUNCTION lifeguard.drop_action(relation regclass, from_state text, to_state text, call text DEFAULT NULL) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.drop_rules(relation, 'after', jsonb_build_object('kind', 'action', 'from', from_state, 'to', to_state)
                              || CASE WHEN call IS NULL THEN '{}' ELSE jsonb_build_object('call', call) END)
$$;
COMMENT ON FUNCTION lifeguard.drop_action(regclass, text, text, text) IS
'Drops the action with this call, or all that were declared for exactly these states. Raises LG012 when there is none.';

CREATE TABLE lifeguard.history (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation   text NOT NULL,
  row_key    jsonb NOT NULL,
  from_state text,
  to_state   text,
  moved_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  moved_by   name,
  app_user   text,
  actions    jsonb NOT NULL DEFAULT '[]'
);
CREATE INDEX history_row ON lifeguard.history (relation, row_key);
GRANT SELECT ON lifeguard.history TO pg_monitor;
SELECT pg_catalog.pg_extension_config_dump('lifeguard.history', '');
SELECT pg_catalog.pg_extension_config_dump('lifeguard.history_id_seq', '');
COMMENT ON TABLE lifeguard.history IS
'Who moved which row from which state to which, when (moved_at, before the actions ran), and how long each action took (milliseconds), for the tables with lifeguard.add_history(). relation is the table''s name as it was then. '
'app_user is the subject of the request''s claims. Read by pg_monitor.';

CREATE FUNCTION lifeguard.add_history(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM unnest(lifeguard.get_rules(relation, 'after')) AS a(argument) WHERE lifeguard.read_rule(argument) ->> 'kind' = 'history') THEN
    RAISE EXCEPTION USING ERRCODE = 'LG011', MESSAGE = format('the history of table %s is kept already', relation);
  END IF;
  PERFORM lifeguard.add_aftermath(relation, '{"kind": "history"}');
END $$;
COMMENT ON FUNCTION lifeguard.add_history(regclass) IS
'Keeps every move of a table''s rows from one state to another in lifeguard.history from now on; not their creation. Raises LG011 (kept already), LG012 (no lifecycle), 42501.';

CREATE FUNCTION lifeguard.drop_history(relation regclass) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT lifeguard.drop_rules(relation, 'after', '{"kind": "history"}')
$$;
COMMENT ON FUNCTION lifeguard.drop_history(regclass) IS
'Stops keeping history; what was kept stays. Raises LG012 when none is kept.';

CREATE FUNCTION lifeguard.check_lifecycle(relation regclass) RETURNS TABLE (finding text, subject text, remedy text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  lifecycle jsonb;
  states    text[];
  problem   text;
  before    pg_trigger;
BEGIN
  IF NOT pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = relation), 'USAGE') THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('must be owner of table %s', relation);
  END IF;
  BEGIN
    PERFORM lifeguard.compile_rules(relation);
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
    RETURN QUERY SELECT 'rules do not work', problem, 'drop the rule and declare it again; lifeguard.forget() drops them all';
  END;

  SELECT r.definition INTO lifecycle FROM lifeguard.rules r
   WHERE r.relation = check_lifecycle.relation AND r.kind = 'lifecycle' AND r.timing = 'before';
  IF lifecycle IS NULL AND problem IS NOT NULL THEN
    RETURN;
  ELSIF lifecycle IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG012', MESSAGE = format('table %s has no lifecycle', relation),
      HINT = coalesce((SELECT format('It is a partition: ask for %s.', i.inhparent::regclass) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                        WHERE i.inhrelid = relation AND c.relispartition),
                      'If it had one, a CASCADE may have dropped its trigger: declare it again.');
  END IF;

  SELECT array_agg(DISTINCT state) INTO states FROM (
    SELECT jsonb_array_elements_text(lifecycle -> 'initial') AS state
    UNION ALL SELECT unnest(ARRAY[r.from_state, r.to_state]) FROM lifeguard.rules r
     WHERE r.relation = check_lifecycle.relation AND r.kind = 'transition') s;

  RETURN QUERY
  WITH RECURSIVE reached(state) AS (
    SELECT jsonb_array_elements_text(lifecycle -> 'initial')
    UNION SELECT r.to_state FROM reached JOIN lifeguard.rules r
      ON r.relation = check_lifecycle.relation AND r.kind = 'transition' AND r.from_state = reached.state)
  SELECT 'state is never reached', s.state, 'add a transition to it, or drop those from it'
    FROM unnest(states) AS s(state) WHERE s.state NOT IN (SELECT reached.state FROM reached) ORDER BY 2;

  RETURN QUERY
  SELECT 'state is a dead end', s.state, 'a final state is fine; else add a transition from it'
    FROM unnest(states) AS s(state)
   WHERE NOT EXISTS (SELECT FROM lifeguard.rules r
                      WHERE r.relation = check_lifecycle.relation AND r.kind = 'transition' AND r.from_state = s.state) ORDER BY 2;

  -- not a loop over it, which would keep the server from reading the table in parallel
  RETURN QUERY EXECUTE format('SELECT ''rows in an unknown state'', format(''%%s: %%s rows'', coalesce(quote_ident(state), ''null''), count), ''mend them with the trigger disabled, or declare the state'' '
                              'FROM (SELECT %1$I::text AS state, count(*) AS count FROM %2$s WHERE %1$I IS NULL OR %1$I::text <> ALL ($1) GROUP BY 1 ORDER BY 1) AS s',
                              lifecycle ->> 'column', relation) USING states;

  RETURN QUERY
  SELECT 'trigger is disabled', t.tgname::text, format('ALTER TABLE %s ENABLE TRIGGER %I', relation, t.tgname)
    FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
   WHERE t.tgrelid = relation AND f.pronamespace = 'lifeguard'::regnamespace AND t.tgenabled = 'D';
  RETURN QUERY
  SELECT 'trigger fires on replicated rows', t.tgname::text, format('ALTER TABLE %s ENABLE TRIGGER %I', relation, t.tgname)
    FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
   WHERE t.tgrelid = relation AND f.pronamespace = 'lifeguard'::regnamespace AND t.tgenabled IN ('A', 'R');

  SELECT t.* INTO before FROM pg_trigger t
   WHERE t.tgrelid = relation AND t.tgfoid = 'lifeguard.before_row'::regproc;
  RETURN QUERY
  SELECT 'trigger runs after the checks and could change the state', t.tgname::text, 'rename it so that it sorts before ' || quote_ident(before.tgname)
    FROM pg_trigger t
   WHERE t.tgrelid = relation AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgname > before.tgname
     AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0 ORDER BY 2;
END $$;
COMMENT ON FUNCTION lifeguard.check_lifecycle(regclass) IS
'What is wrong with a table''s lifecycle, a row each: rules that no longer work, states never reached, dead ends, rows in unknown states, disabled triggers, '
'triggers that run after the checks. No rows: all is well. Reads the whole table. Raises LG012 when there is no lifecycle. Only for the table''s owner.';

CREATE FUNCTION lifeguard.mermaid_text(label text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(CASE WHEN sign IN ('#', ':', ';', '"') THEN format('#%s;', ascii(sign)) WHEN sign < ' ' THEN ' ' ELSE sign END, '' ORDER BY place)
    FROM string_to_table(label, NULL) WITH ORDINALITY AS s(sign, place)
$$;
COMMENT ON FUNCTION lifeguard.mermaid_text(text) IS 'A text as it may stand in a Mermaid diagram: the signs that mean something there are written as their codes.';

CREATE FUNCTION lifeguard.draw_lifecycle(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  drawing text;
BEGIN
  WITH rule AS (
    SELECT r.* FROM lifeguard.rules r WHERE r.relation = draw_lifecycle.relation
  ), edge AS (
    SELECT NULL AS from_state, i.state AS to_state, 0 AS place, i.place AS position
      FROM rule, jsonb_array_elements_text(definition -> 'initial') WITH ORDINALITY AS i(state, place)
     WHERE kind = 'lifecycle' AND timing = 'before'
    UNION ALL SELECT from_state, to_state, 1, position FROM rule WHERE kind = 'transition'
  ), state AS (
    SELECT label, 's' || row_number() OVER (ORDER BY min(place), min(position), min(side), label) AS id
      FROM edge, LATERAL (VALUES (from_state, 1), (to_state, 2)) AS s(label, side)
     WHERE label IS NOT NULL GROUP BY label
  ), line AS (
    SELECT 1 AS part, row_number() OVER (ORDER BY length(id), id) AS position,
           format('    state "%s" as %s', lifeguard.mermaid_text(label), id) AS text FROM state
    UNION ALL
    SELECT 2, row_number() OVER (ORDER BY e.place, e.position),
           format('    %s --> %s', coalesce(f.id, '[*]'), t.id)
           || coalesce(' : ' || (
                SELECT string_agg(lifeguard.mermaid_text(CASE r.kind WHEN 'guard' THEN '[' || r.message || ']' ELSE r.expression END), ', ' ORDER BY r.kind DESC, r.position)
                  FROM rule r
                 WHERE r.kind IN ('guard', 'action')
                   AND (r.from_state IS NULL OR r.from_state = e.from_state) AND (r.to_state IS NULL OR r.to_state = e.to_state)), '')
      FROM edge e LEFT JOIN state f ON f.label = e.from_state JOIN state t ON t.label = e.to_state
    UNION ALL
    SELECT 3, row_number() OVER (ORDER BY length(id), id), format('    %s --> [*]', id)
      FROM state s WHERE NOT EXISTS (SELECT FROM edge e WHERE e.from_state = s.label)
  )
  SELECT E'stateDiagram-v2\n' || string_agg(text, E'\n' ORDER BY part, position) INTO drawing FROM line;
  IF drawing IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG012', MESSAGE = format('table %s has no lifecycle', relation);
  END IF;
  RETURN drawing;
END $$;
COMMENT ON FUNCTION lifeguard.draw_lifecycle(regclass) IS
'A table''s lifecycle as a Mermaid state diagram: its states, its transitions, on each its guards [in brackets] and actions. Raises LG012 when there is none.';
