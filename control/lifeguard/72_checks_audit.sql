-- General checks: is the audit log kept up, and is there nothing on it that does not hold?

-- A day is the job's, another one grace.
CREATE FUNCTION lifeguard.check_audit_log() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  next constant timestamptz := date_trunc('month', now()) + interval '1 month';
BEGIN
  IF EXISTS (SELECT FROM ONLY monitoring.audit_log_default WHERE at < now() - interval '2 days') THEN
    RETURN NEXT ('monitoring.audit_log_default', 'the audit log''s default partition has rows of days ago: nothing makes its months', '{"remedy": "SELECT monitoring.maintain_audit();"}', NULL)::monitoring.finding;
  END IF;
  IF EXISTS (SELECT FROM lifeguard.audit_partitions()) AND NOT EXISTS (SELECT FROM lifeguard.audit_partitions() p WHERE p.from_time <= next AND p.to_time > next) THEN
    RETURN NEXT ('the coming month', format('the audit log has no partition for the coming month, %s', to_char(next, 'YYYY-MM')),
                 jsonb_build_object('month', to_char(next, 'YYYY-MM'), 'remedy', 'SELECT monitoring.maintain_audit();'), NULL)::monitoring.finding;
  END IF;
  -- rows are stored past what checks and fires in a table's name; indexes are kept, so unique ones hold
  RETURN QUERY
    WITH parts AS (
      SELECT p.relid FROM pg_partition_tree('monitoring.audit_log') p
    ), added AS (
      SELECT c.conrelid, format('the constraint %I', c.conname), format('ALTER TABLE %s DROP CONSTRAINT %I;', c.conrelid::regclass, c.conname)
        FROM pg_constraint c JOIN parts ON relid = c.conrelid
       WHERE c.contype IN ('c', 'f') AND c.conname <> 'audit_log_operation_check' AND c.conparentid = 0 AND c.coninhcount = 0
         -- of the time alone: what lets ATTACH PARTITION do without a scan, and the month says it too
         AND c.conkey IS DISTINCT FROM ARRAY(SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attname = 'at')
      UNION ALL
      SELECT t.tgrelid, format('the trigger %I', t.tgname), format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass)
        FROM pg_trigger t JOIN parts ON relid = t.tgrelid WHERE NOT t.tgisinternal AND t.tgparentid = 0
      UNION ALL
      SELECT a.attrelid, format('NOT NULL of the column %I', a.attname), format('ALTER TABLE %s ALTER %I DROP NOT NULL;', a.attrelid::regclass, a.attname)
        FROM pg_attribute a JOIN parts ON relid = a.attrelid
       WHERE a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped AND a.attinhcount = 0
         AND a.attname NOT IN ('id', 'relation', 'operation', 'database_role', 'session_role', 'at', 'transaction_id', 'story')
    )
    SELECT format('%s: %s', relid::regclass, what), format('%s on %s does not hold: rows of the audit log are stored without a look at it', what, relid::regclass),
           jsonb_build_object('table', relid::regclass::text, 'remedy', remedy), NULL::text
      FROM added AS a(relid, what, remedy);
END $$;

SELECT monitoring.add_check('audit_log', 'audit', 'warning', 'lifeguard.check_audit_log()',
                            'rows of the audit log that found no month, a coming month without a partition, constraints and triggers put onto the log, which the rule does not ask', 'SELECT monitoring.maintain_audit();');
