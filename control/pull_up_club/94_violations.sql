-- The rows that break the club's constraints, and making these whole once none does.

-- The states of submissions and payouts are the lifecycles': they refuse others, and a CHECK beside them would cost every approval 3 %.
CREATE FUNCTION pull_up_club.unknown_states() RETURNS TABLE (relation regclass, constraint_name name, row_key jsonb, row_values jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF to_regclass('content.submissions') IS NOT NULL THEN
    RETURN QUERY SELECT pull_up_club.base_of('content.submissions'), 'lifecycle of status'::name, jsonb_build_object('id', s.id), jsonb_build_object('status', s.status)
                   FROM content.submissions s WHERE coalesce(s.status::text, '') NOT IN ('pending', 'approved', 'rejected');
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.unknown_states() IS 'part of violations() and validate(): submissions in a state that their lifecycle does not know';
REVOKE EXECUTE ON FUNCTION pull_up_club.unknown_states() FROM PUBLIC;

CREATE FUNCTION pull_up_club.violations() RETURNS TABLE (relation regclass, constraint_name name, row_key jsonb, row_values jsonb)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT v.* FROM pull_up_club.table_marks m, lifeguard.violations(pull_up_club.base_of(m.name)) AS v
   WHERE pull_up_club.base_of(m.name) IS NOT NULL
  UNION ALL
  SELECT * FROM pull_up_club.unknown_states()
   ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION pull_up_club.violations() IS
  'the rows of the club''s tables that break a constraint which was brought in without looking at them, or are in a state that the lifecycle does not know: '
  'table, constraint, the row''s key, and the values that break it';

CREATE FUNCTION pull_up_club.validate() RETURNS TABLE (relation regclass, constraint_name name, outcome text, violations bigint)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT v.* FROM pull_up_club.table_marks m, lifeguard.validate_constraints(pull_up_club.base_of(m.name)) AS v
   WHERE pull_up_club.base_of(m.name) IS NOT NULL
  UNION ALL
  SELECT pull_up_club.base_of('content.submissions'), 'lifecycle of status', CASE count(*) WHEN 0 THEN 'already valid' ELSE format('broken by %s rows', count(*)) END, count(*)
    FROM pull_up_club.unknown_states() WHERE pull_up_club.base_of('content.submissions') IS NOT NULL
   ORDER BY 1, 2
$$;
COMMENT ON FUNCTION pull_up_club.validate() IS
  'makes the constraints of the club''s tables whole that no row breaks any more; returns for each, and for the lifecycle''s states, what became of it, and how many rows break it';
REVOKE EXECUTE ON FUNCTION pull_up_club.violations(), pull_up_club.validate() FROM PUBLIC;
