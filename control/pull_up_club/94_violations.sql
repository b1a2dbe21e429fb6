-- The rows that break the club's constraints, and making these whole once none does.

CREATE FUNCTION pull_up_club.violations() RETURNS TABLE (relation regclass, constraint_name name, row_key jsonb, row_values jsonb)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT v.* FROM pull_up_club.table_marks m, lifeguard.violations(pull_up_club.base_of(m.name)) AS v
   WHERE pull_up_club.base_of(m.name) IS NOT NULL
   ORDER BY v.relation::text, v.constraint_name, v.row_key
$$;
COMMENT ON FUNCTION pull_up_club.violations() IS
  'the rows of the club''s tables that break a constraint which was brought in without looking at them: table, constraint, the row''s key, and the values that break it';

CREATE FUNCTION pull_up_club.validate() RETURNS TABLE (relation regclass, constraint_name name, outcome text, violations bigint)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT v.* FROM pull_up_club.table_marks m, lifeguard.validate_constraints(pull_up_club.base_of(m.name)) AS v
   WHERE pull_up_club.base_of(m.name) IS NOT NULL
   ORDER BY v.relation::text, v.constraint_name
$$;
COMMENT ON FUNCTION pull_up_club.validate() IS
  'makes the constraints of the club''s tables whole that no row breaks any more; returns for each what became of it, and how many rows break it';
REVOKE EXECUTE ON FUNCTION pull_up_club.violations(), pull_up_club.validate() FROM PUBLIC;
