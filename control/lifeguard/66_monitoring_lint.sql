-- monitoring.lint(): what hurts silently in grants and policies; and what the owner has accepted of it.

CREATE TABLE monitoring.accepted_lints (
  lint        text NOT NULL,
  object      text NOT NULL,
  reason      text NOT NULL,
  accepted_by text NOT NULL,
  accepted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (lint, object)
);
COMMENT ON TABLE monitoring.accepted_lints IS
'Findings of monitoring.lint() that are meant to be so, and why. Written by monitoring.accept_lint() and withdraw_lint().';
SELECT pg_extension_config_dump('monitoring.accepted_lints', '');
GRANT SELECT ON monitoring.accepted_lints TO pg_monitor;

CREATE FUNCTION monitoring.lint(relation regclass DEFAULT NULL, with_accepted boolean DEFAULT false)
RETURNS TABLE (lint text, severity text, object text, why text, remedy text, accepted_because text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH policies AS MATERIALIZED (SELECT array_agg(p) AS policies FROM lifeguard.application_policies p),
  subjects AS MATERIALIZED (SELECT array_agg(s) AS subjects FROM lifeguard.policy_subjects s),
  privileges AS MATERIALIZED (SELECT array_agg(r) AS privileges FROM lifeguard.role_privileges r)
  SELECT f.lint, f.severity, f.object, f.why, f.remedy, a.reason
    FROM policies, subjects, privileges,
         LATERAL (SELECT * FROM lifeguard.lint_tables(policies.policies, subjects.subjects, privileges.privileges)
                  UNION ALL SELECT * FROM lifeguard.lint_views(privileges.privileges)
                  UNION ALL SELECT * FROM lifeguard.lint_functions()
                  UNION ALL SELECT * FROM lifeguard.lint_policies(policies.policies, subjects.subjects)
                  UNION ALL SELECT * FROM lifeguard.lint_helpers(policies.policies)
                  UNION ALL SELECT * FROM lifeguard.lint_columns(policies.policies, subjects.subjects, privileges.privileges)) AS f
    LEFT JOIN monitoring.accepted_lints a ON a.lint = f.lint AND a.object = f.object
   WHERE (lint.relation IS NULL OR f.relation = lint.relation) AND (a.lint IS NULL OR with_accepted)
   ORDER BY array_position('{critical,warning,notice}', f.severity), f.lint, f.object
$$;
COMMENT ON FUNCTION monitoring.lint(regclass, boolean) IS
'What hurts silently in this database''s grants, policies, views and functions, a row a finding: its stable name, critical, warning or notice, the object, why it matters, and the statement that mends it. '
'Of one relation when it is named (without functions). with_accepted: also what was accepted, with the reason. Reads the catalog only and runs nothing of the application''s. For pg_monitor.';

CREATE FUNCTION monitoring.accept_lint(lint text, object text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lifeguard.change_safely('monitoring.accepted_lints');
  IF coalesce(btrim(reason), '') = '' THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'accept_lint: whoever reads this later needs the reason';
  END IF;
  IF NOT EXISTS (SELECT FROM monitoring.lint(NULL, true) f WHERE f.lint = accept_lint.lint AND f.object = accept_lint.object) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG313', MESSAGE = format('there is no finding %s of %s', coalesce(quote_literal(lint), 'NULL'), coalesce(object, 'NULL')),
      DETAIL = jsonb_build_object('lint', lint, 'object', object),
      HINT = 'SELECT lint, object FROM monitoring.lint(); lists what can be accepted.';
  END IF;
  INSERT INTO monitoring.accepted_lints AS a (lint, object, reason, accepted_by)
  VALUES (accept_lint.lint, accept_lint.object, accept_lint.reason, coalesce(nullif(current_setting('role'), 'none'), session_user))
  ON CONFLICT ON CONSTRAINT accepted_lints_pkey
  DO UPDATE SET reason = excluded.reason, accepted_by = excluded.accepted_by, accepted_at = excluded.accepted_at;
END $$;
COMMENT ON FUNCTION monitoring.accept_lint(text, text, text) IS
'Keeps a finding out of monitoring.lint(), with the reason; accepted already: the reason is replaced. An object that is renamed is another. '
'For superusers, and whom they grant it. Raises LG313 (no such finding), LG204, 22004 (no reason).';

CREATE FUNCTION monitoring.withdraw_lint(lint text, object text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lifeguard.change_safely('monitoring.accepted_lints');
  DELETE FROM monitoring.accepted_lints a WHERE a.lint = withdraw_lint.lint AND a.object = withdraw_lint.object;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG313', MESSAGE = format('%s of %s is not accepted', coalesce(quote_literal(lint), 'NULL'), coalesce(object, 'NULL')),
      DETAIL = jsonb_build_object('lint', lint, 'object', object),
      HINT = 'SELECT lint, object FROM monitoring.accepted_lints; lists what is.';
  END IF;
END $$;
COMMENT ON FUNCTION monitoring.withdraw_lint(text, text) IS
'Takes monitoring.accept_lint() back, also for a finding that is no more. For superusers, and whom they grant it. Raises LG313 (not accepted), LG204.';

REVOKE EXECUTE ON FUNCTION monitoring.lint(regclass, boolean), monitoring.accept_lint(text, text, text), monitoring.withdraw_lint(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION monitoring.lint(regclass, boolean) TO pg_monitor;
