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
  SELECT format('%s on %s', g.name, d.relation), format('the trigger %s on %s is gone: the rules that it carried do not hold', g.name, d.relation),
         jsonb_build_object('table', d.relation::text, 'trigger', g.name, 'remedy',
           format(CASE WHEN g.companion THEN 'SELECT lifeguard.forget(%L);' ELSE 'SELECT lifeguard.set_rules(%L, %L, ''{}'');' END, d.relation, d.timing)
           || format('   -- if it was dropped on purpose; else declare its rules again: %s', g.functions)), 'critical'
    FROM lifeguard.declared_tables d JOIN pg_class c ON c.oid = d.relation,
         LATERAL (SELECT 'lifeguard_' || d.timing AS name,
                         CASE d.timing WHEN 'before' THEN 'lifeguard.create_lifecycle(), add_transition(), add_guard(), add_stamp(), keep_updated_at(), protect_columns()'
                                       ELSE 'lifeguard.add_action(), add_history(), audit()' END AS functions,
                         -- rules after a change that belong to a lifecycle cannot stay without it
                         d.timing = 'before' AND EXISTS (SELECT FROM lifeguard.rules r WHERE r.relation = d.relation AND r.timing = 'after' AND r.kind = 'lifecycle') AS companion) AS g
   WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = d.relation AND t.tgfoid = format('lifeguard.%s_row()', d.timing)::regprocedure)
$$;

SELECT monitoring.add_check('rules_work', 'rules', 'critical', 'lifeguard.check_rules()',
                            'tables whose rules cannot be compiled: a call that no longer resolves, a column that is gone, a trigger that is no rule', 'SELECT * FROM lifeguard.rules;'),
       monitoring.add_check('lifecycles', 'rules', 'critical', 'lifeguard.check_lifecycles()',
                            'rows in states that no lifecycle knows (critical), states that nothing reaches, triggers that could change a state behind its rules', 'SELECT * FROM lifeguard.check_lifecycle(''...'');'),
       monitoring.add_check('rule_triggers', 'rules', 'critical', 'lifeguard.check_rule_triggers()',
                            'lifeguard''s triggers that are disabled, fire on replicated rows, or are gone though rules were declared', 'ALTER TABLE ... ENABLE TRIGGER ...;');
