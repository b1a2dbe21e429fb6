-- What the extensions' own tables say: rules, checks and the like.
CREATE FUNCTION test.registers() RETURNS TABLE (register text, entry text) LANGUAGE sql AS $$
  SELECT 'rules', concat_ws(' ', relation, rule) FROM lifeguard.rules UNION ALL
  SELECT 'identity', concat_ws(' ', kind, relation) FROM lifeguard.identity_sources UNION ALL
  SELECT 'checks', concat_ws(' ', name, enabled) FROM monitoring.checks UNION ALL
  SELECT 'gauges', name::text FROM monitoring.gauges UNION ALL
  SELECT 'jobs', name::text FROM monitoring.job_definitions UNION ALL
  SELECT 'lints', concat_ws(' ', lint, object) FROM monitoring.accepted_lints UNION ALL
  SELECT 'triggers', concat_ws(' ', relation, trigger_name) FROM lifeguard.disabled_triggers UNION ALL
  SELECT 'constraints', concat_ws(' ', relation, constraint_name) FROM lifeguard.introduced_constraints UNION ALL
  SELECT 'tables', name FROM pull_up_club.adopted_tables UNION ALL
  SELECT 'steps', object FROM pull_up_club.adoption
$$;
