-- The functions of the general checks: what each is, and that they are run_checks()'s to call.
DO $$
DECLARE
  f record;
BEGIN
  FOR f IN
    SELECT p.oid::regprocedure AS function, c.name, c.description
      FROM pg_proc p LEFT JOIN monitoring.checks c ON to_regprocedure(c.function || '()') = p.oid
     WHERE p.pronamespace = 'lifeguard'::regnamespace AND p.prorettype = 'monitoring.finding'::regtype
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f.function);
    IF f.name IS NOT NULL THEN
      EXECUTE format('COMMENT ON FUNCTION %s IS %L', f.function, format('The check %s: %s. For monitoring.run_checks().', f.name, f.description));
    END IF;
  END LOOP;
END $$;
