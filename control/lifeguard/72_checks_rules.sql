-- General checks: do the rules work, on every row and at all?

CREATE FUNCTION lifeguard.check_rules() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relation regclass;
BEGIN
  FOR relation IN SELECT DISTINCT r.relation FROM lifeguard.rules r LOOP
    BEGIN
      PERFORM lifeguard.compile_rules(relation);
    EXCEPTION WHEN OTHERS THEN
      RETURN NEXT ROW(relation, format('the rules of %s do not work, each change of a row fails: %s', relation, SQLERRM),
                      jsonb_build_object('table', relation::text, 'sqlstate', SQLSTATE, 'error', SQLERRM,
                                         'remedy', format('SELECT rule, expression FROM lifeguard.rules WHERE relation = %L::regclass;', relation::text)), NULL)::monitoring.finding;
    END;
  END LOOP;
END $$;

-- Not its dead ends, which final states are, nor what check_rules() and check_rule_triggers() say.
CREATE FUNCTION lifeguard.check_lifecycles() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relation regclass;
  role     oid;
BEGIN
  FOR relation, role IN SELECT DISTINCT r.relation, c.relowner FROM lifeguard.rules r JOIN pg_class c ON c.oid = r.relation WHERE r.kind = 'lifecycle' AND r.timing = 'before' LOOP
    RETURN QUERY
      SELECT format('%s: %s: %s', relation, f ->> 'finding', f ->> 'subject'), format('%s: %s: %s', relation, f ->> 'finding', f ->> 'subject'),
             f || jsonb_build_object('table', relation::text, 'remedy', f ->> 'remedy'),
             CASE f ->> 'finding' WHEN 'rows in an unknown state' THEN 'critical' ELSE 'warning' END
        FROM lifeguard.read_as(role, format('SELECT to_jsonb(f) FROM lifeguard.check_lifecycle(%L::regclass) AS f', relation::text)) AS f
       WHERE f ->> 'finding' IN ('rows in an unknown state', 'state is never reached', 'trigger runs after the checks and could change the state');
  END LOOP;
END $$;

-- A lifecycle that is gone leaves its history behind.
CREATE FUNCTION lifeguard.check_rule_triggers() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('%s on %s', quote_ident(t.tgname), t.tgrelid::regclass),
         format(CASE t.tgenabled WHEN 'D' THEN 'the trigger %I on %s is disabled: its rules do not hold' ELSE 'the trigger %I on %s fires on replicated rows, which have met their rules already' END,
                t.tgname, t.tgrelid::regclass),
         jsonb_build_object('table', t.tgrelid::regclass::text, 'trigger', t.tgname, 'remedy', format('ALTER TABLE %s ENABLE TRIGGER %I;', t.tgrelid::regclass, t.tgname)),
         CASE t.tgenabled WHEN 'D' THEN 'critical' ELSE 'warning' END
    FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
   WHERE f.pronamespace = 'lifeguard'::regnamespace AND t.tgenabled <> 'O'
  UNION ALL
  SELECT format('lifeguard_truncate on %s', a.relation), format('the trigger lifeguard_truncate on %s is gone: its audit does not see a TRUNCATE', a.relation),
         jsonb_build_object('table', a.relation::text, 'trigger', 'lifeguard_truncate',
                            'remedy', format('CREATE TRIGGER lifeguard_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION lifeguard.after_truncate();', a.relation)), 'critical'
    FROM (SELECT r.relation FROM lifeguard.rules r WHERE r.kind = 'audit'
          UNION SELECT part.relid FROM lifeguard.rules r, pg_partition_tree(r.relation) AS part WHERE r.kind = 'audit') AS a
    JOIN pg_class c ON c.oid = a.relation AND c.relkind IN ('r', 'p')
   WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = a.relation AND t.tgfoid = 'lifeguard.after_truncate()'::regprocedure)
  UNION ALL
  SELECT quote_ident(evtname), format('the event trigger %I is disabled: what rules use can be dropped behind them', evtname),
         jsonb_build_object('trigger', evtname, 'remedy', format('ALTER EVENT TRIGGER %I ENABLE;', evtname)), 'critical'
    FROM pg_event_trigger e JOIN pg_proc f ON f.oid = e.evtfoid
   WHERE f.pronamespace = 'lifeguard'::regnamespace AND e.evtenabled NOT IN ('O', 'A')
  UNION ALL
  SELECT h.relation, format('%s had a lifecycle until %s, and has none any more', h.relation, h.last_move::timestamptz(0)),
         jsonb_build_object('table', h.relation, 'remedy', format('DELETE FROM lifeguard.history WHERE relation = %L;   -- if it was dropped on purpose; else declare it again', h.relation)), 'critical'
    FROM (SELECT relation, max(moved_at) AS last_move FROM lifeguard.history WHERE moved_at > now() - interval '30 days' GROUP BY relation) AS h
    JOIN pg_class c ON c.oid = to_regclass(h.relation)
   WHERE NOT c.relispartition AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgfoid = 'lifeguard.before_row()'::regprocedure)
$$;

SELECT monitoring.add_check('rules_work', 'rules', 'critical', 'lifeguard.check_rules()',
                            'tables whose rules cannot be compiled: a call that no longer resolves, a column that is gone, a trigger that is no rule', 'SELECT * FROM lifeguard.rules;'),
       monitoring.add_check('lifecycles', 'rules', 'critical', 'lifeguard.check_lifecycles()',
                            'rows in states that no lifecycle knows (critical), states that nothing reaches, triggers that could change a state behind its rules', 'SELECT * FROM lifeguard.check_lifecycle(''...'');'),
       monitoring.add_check('rule_triggers', 'rules', 'critical', 'lifeguard.check_rule_triggers()',
                            'lifeguard''s triggers that are disabled, fire on replicated rows, or are gone while their history or audit is still there', 'ALTER TABLE ... ENABLE TRIGGER ...;');
