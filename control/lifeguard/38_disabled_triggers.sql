-- Triggers that are switched off for a while, and remembered as they were.

-- What owners of tables note about them: registers. Whoever writes there says what becomes of the table later, so that only its owner may.
CREATE FUNCTION lifeguard.guard_register() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong regclass;
BEGIN
  SELECT c.oid INTO wrong FROM pg_class c
   WHERE c.oid IN (CASE WHEN tg_op <> 'INSERT' THEN old.relation END, CASE WHEN tg_op <> 'DELETE' THEN new.relation END) AND NOT pg_has_role(c.relowner, 'USAGE');
  IF FOUND THEN
    PERFORM lifeguard.require_owner(wrong);
  END IF;
  RETURN CASE tg_op WHEN 'DELETE' THEN old ELSE new END;
END $$;
COMMENT ON FUNCTION lifeguard.guard_register() IS
'Trigger function of tables that note something about a relation (its column relation): refuses (42501) rows about relations of other owners.';

CREATE FUNCTION lifeguard.require_owner(relation regclass, kinds "char"[] DEFAULT '{r,p}') RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  given constant pg_class := (SELECT c FROM pg_class c WHERE c.oid = relation);
BEGIN
  IF given.oid IS NULL OR given.relkind <> ALL (kinds) THEN
    RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('%s is no table', coalesce(relation::text, 'NULL')), DETAIL = jsonb_build_object('relation', relation::text),
      HINT = 'Name a table, in quotes and with its schema: ''public.orders''.';
  ELSIF NOT pg_has_role(given.relowner, 'USAGE') THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('must be owner of table %s', relation),
      DETAIL = jsonb_build_object('table', relation::text, 'role', current_user, 'owner', given.relowner::regrole::text),
      HINT = format('SET ROLE %s;', given.relowner::regrole);
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.require_owner(regclass, "char"[]) IS
'Nothing, when it is a table and the caller has its owner''s rights. Raises 42809 (no table of these kinds), 42501 (the caller does not own it).';

CREATE TABLE lifeguard.disabled_triggers (
  relation     regclass NOT NULL,
  trigger_name name NOT NULL,
  was          text NOT NULL CHECK (was IN ('O', 'R', 'A', 'D')),
  since        timestamptz NOT NULL DEFAULT now(),
  by           text NOT NULL DEFAULT current_user,
  reason       text,
  PRIMARY KEY (relation, trigger_name)
);
-- a table that was dropped cannot be restored, and would take the other rows with it
SELECT pg_extension_config_dump('lifeguard.disabled_triggers', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = relation)');
GRANT SELECT, INSERT, UPDATE, DELETE ON lifeguard.disabled_triggers TO PUBLIC;
CREATE TRIGGER guard_register BEFORE INSERT OR UPDATE OR DELETE ON lifeguard.disabled_triggers FOR EACH ROW EXECUTE FUNCTION lifeguard.guard_register();
COMMENT ON TABLE lifeguard.disabled_triggers IS
'Triggers that lifeguard.disable_trigger() has switched off. was: how it fired before, as in pg_trigger.tgenabled: O (as usual), R (on replicas), A (always), D (not at all). '
'Written by disable_trigger() and restore_trigger(); a row can be written and deleted by the owner of its table only.';

-- The trigger's row in the catalog; of a partitioned table, that of the table itself.
CREATE FUNCTION lifeguard.own_trigger(relation regclass, trigger_name name) RETURNS pg_trigger
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  this    pg_trigger;
  problem text;
BEGIN
  PERFORM lifeguard.require_owner(relation, '{r,p,f}');
  SELECT t.* INTO this FROM pg_trigger t WHERE t.tgrelid = relation AND t.tgname = trigger_name;
  IF this.oid IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG511', MESSAGE = format('%s has no trigger %s', relation, coalesce(quote_ident(trigger_name), 'NULL')),
      DETAIL = jsonb_build_object('table', relation::text, 'trigger', trigger_name),
      HINT = CASE WHEN EXISTS (SELECT FROM lifeguard.disabled_triggers d WHERE d.relation = own_trigger.relation AND d.trigger_name = own_trigger.trigger_name)
                  THEN format('It was dropped or renamed since it was disabled. Rename it back, or forget it: DELETE FROM lifeguard.disabled_triggers WHERE relation = %L::regclass AND trigger_name = %L;', relation::text, trigger_name)
                  ELSE format('SELECT tgname FROM pg_trigger WHERE tgrelid = %L::regclass AND NOT tgisinternal; lists them.', relation::text) END;
  END IF;
  problem := CASE
    WHEN this.tgisinternal THEN 'belongs to a constraint'
    WHEN this.tgparentid <> 0 THEN 'is that of the partitioned table above'
    WHEN EXISTS (SELECT FROM pg_proc f WHERE f.oid = this.tgfoid AND f.pronamespace = 'lifeguard'::regnamespace) THEN 'is lifeguard''s' END;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LG512', MESSAGE = format('the trigger %I of %s %s and stays as it is', trigger_name, relation, problem),
      DETAIL = jsonb_build_object('table', relation::text, 'trigger', trigger_name),
      HINT = CASE WHEN this.tgisinternal THEN 'Drop the constraint, or make it DEFERRABLE.' WHEN this.tgparentid <> 0 THEN 'Name the partitioned table.'
                  ELSE 'Drop the rule: SELECT rule FROM lifeguard.rules; and lifeguard.drop_rule().' END;
  END IF;
  RETURN this;
END $$;
COMMENT ON FUNCTION lifeguard.own_trigger(regclass, name) IS
'A trigger that its table''s owner may switch off and on. Raises LG511 (there is none), LG512 (a constraint''s, a partition''s part of one, lifeguard''s), 42501, 42809.';

CREATE FUNCTION lifeguard.trigger_parts(trigger oid) RETURNS TABLE (relation regclass, state text, state_above text, depth int)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE part(id, relation, state, state_above, depth) AS (
    SELECT t.oid, t.tgrelid, t.tgenabled, NULL::"char", 0 FROM pg_trigger t WHERE t.oid = trigger
    UNION ALL
    SELECT t.oid, t.tgrelid, t.tgenabled, p.state, p.depth + 1 FROM part p JOIN pg_trigger t ON t.tgparentid = p.id)
  SELECT p.relation, p.state, p.state_above, p.depth FROM part p WHERE p.depth > 0
$$;
COMMENT ON FUNCTION lifeguard.trigger_parts(oid) IS
'The triggers of partitions that belong to a partitioned table''s trigger: how each fires, how the one above fires, and how deep it is.';

-- DISABLE, ENABLE, ENABLE REPLICA and ENABLE ALWAYS change the partitions' triggers too.
CREATE FUNCTION lifeguard.set_trigger(relation regclass, trigger_name name, state text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s %s TRIGGER %I', relation, CASE state WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END, trigger_name);
END $$;
COMMENT ON FUNCTION lifeguard.set_trigger(regclass, name, text) IS
'Lets a trigger fire as pg_trigger.tgenabled has it: O, R, A, or D (not at all), in all partitions. Only for the table''s owner.';

CREATE FUNCTION lifeguard.disable_trigger(relation regclass, trigger_name name, reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  this pg_trigger;
BEGIN
  PERFORM lifeguard.own_trigger($1, $2);
  EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', $1);   -- as ALTER TABLE will: nobody changes it meanwhile
  this := lifeguard.own_trigger($1, $2);
  INSERT INTO lifeguard.disabled_triggers (relation, trigger_name, was, reason) VALUES ($1, $2, this.tgenabled, $3) ON CONFLICT DO NOTHING;
  IF NOT FOUND AND this.tgenabled = 'D' THEN
    RETURN 'already disabled';
  END IF;
  -- a partition whose trigger fires in another way than the one above
  INSERT INTO lifeguard.disabled_triggers (relation, trigger_name, was, reason)
  SELECT p.relation, $2, p.state, $3 FROM lifeguard.trigger_parts(this.oid) AS p WHERE p.state <> p.state_above ON CONFLICT DO NOTHING;
  PERFORM lifeguard.set_trigger($1, $2, 'D');
  RETURN 'disabled';
END $$;
COMMENT ON FUNCTION lifeguard.disable_trigger(regclass, name, text) IS
'Switches a trigger off, in all partitions, and remembers how it fired and why it was done: lifeguard.disabled_triggers. Returns ''disabled'', or ''already disabled'' when it was so by this function; '
'what was remembered then stays. One that was off before is remembered so. Only for the table''s owner. Raises LG511 (no such trigger), LG512 (a constraint''s, a partition''s part, lifeguard''s), 42501.';

CREATE FUNCTION lifeguard.restore_trigger(relation regclass, trigger_name name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  this  constant pg_trigger := lifeguard.own_trigger($1, $2);
  state text;
  part  record;
BEGIN
  DELETE FROM lifeguard.disabled_triggers d WHERE d.relation = $1 AND d.trigger_name = $2 RETURNING d.was INTO state;
  IF NOT FOUND THEN
    RETURN 'not disabled';
  END IF;
  PERFORM lifeguard.set_trigger($1, $2, state);
  FOR part IN SELECT p.relation FROM lifeguard.trigger_parts(this.oid) AS p ORDER BY p.depth LOOP
    DELETE FROM lifeguard.disabled_triggers d WHERE d.relation = part.relation AND d.trigger_name = $2 RETURNING d.was INTO state;
    IF FOUND THEN
      PERFORM lifeguard.set_trigger(part.relation, $2, state);
    END IF;
  END LOOP;
  RETURN 'restored';
END $$;
COMMENT ON FUNCTION lifeguard.restore_trigger(regclass, name) IS
'Lets a trigger fire again exactly as before lifeguard.disable_trigger(), in all partitions, and forgets it. Returns ''restored'', or ''not disabled'' when nothing is remembered of it: then it stays as it is. '
'Only for the table''s owner. Raises LG511 (dropped or renamed since), LG512, 42501.';
GRANT EXECUTE ON FUNCTION lifeguard.require_owner(regclass, "char"[]), lifeguard.own_trigger(regclass, name), lifeguard.trigger_parts(oid), lifeguard.set_trigger(regclass, name, text), lifeguard.disable_trigger(regclass, name, text),
                          lifeguard.restore_trigger(regclass, name) TO PUBLIC;   -- also where default privileges say otherwise
