-- auth.uid() and its like for databases that have none: what was written for other platforms runs as it is.

CREATE FUNCTION lifeguard.provide_auth() RETURNS TABLE (function text, outcome text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted record;
  place  text := (SELECT probin FROM pg_proc WHERE oid = 'lifeguard.uid()'::regprocedure);
BEGIN
  IF to_regnamespace('auth') IS NULL THEN
    CREATE SCHEMA auth;
    GRANT USAGE ON SCHEMA auth TO PUBLIC;
  END IF;
  FOR wanted IN
    SELECT * FROM (VALUES ('uid()',                     'uid()',                                       'uuid',    'lifeguard_uid',               'lifeguard.uid()'),
                          ('role()',                    'role()',                                      'text',    'lifeguard_role',              'lifeguard.role()'),
                          ('email()',                   'email()',                                     'text',    'lifeguard_email',             'lifeguard.email()'),
                          ('jwt()',                     'jwt()',                                       'jsonb',   'lifeguard_claims',            'lifeguard.claims()'),
                          ('user_organizations()',      'user_organizations()',                        'uuid[]',  'lifeguard_organizations',     'lifeguard.organizations()'),
                          ('user_role(uuid)',           'user_role(org_id uuid)',                      'text',    'lifeguard_organization_role', 'lifeguard.organization_role(uuid)'),
                          ('has_permission(uuid,text)', 'has_permission(org_id uuid, required_role text)', 'boolean', 'lifeguard_has_permission', 'lifeguard.has_permission(uuid, text)'))
             AS f(signature, declaration, result, symbol, twin)
  LOOP
    function := 'auth.' || wanted.signature;
    outcome := 'kept: it was there';
    IF to_regprocedure(function) IS NULL THEN
      EXECUTE format('CREATE FUNCTION auth.%s RETURNS %s LANGUAGE c STABLE PARALLEL SAFE %s AS %L, %L', wanted.declaration, wanted.result,
                     CASE WHEN wanted.declaration LIKE '%()' THEN '' ELSE 'STRICT' END, place, wanted.symbol);
      EXECUTE format('COMMENT ON FUNCTION auth.%s IS %L', wanted.signature, format('%s under the name that other platforms know; made by lifeguard.provide_auth().', wanted.twin));
      outcome := 'created: it is ' || wanted.twin;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION lifeguard.provide_auth() IS
'Makes auth.uid(), role(), email(), jwt(), user_organizations(), user_role(org_id) and has_permission(org_id, required_role), and the schema auth, where the database has none; '
'never replaces what is there. Returns a row each with what became of it. They are the database''s own: they stay when the extension is dropped with CASCADE, and are dumped. Only for superusers.';
REVOKE EXECUTE ON FUNCTION lifeguard.provide_auth() FROM PUBLIC;
