-- The access matrix: every cell is a statement that is really executed, as the role, and taken back.

CREATE FUNCTION lifeguard.try_command(relation regclass, role_name name, claims jsonb, command text, reader name, names name[], literals text[], place text,
                                      OUT outcome text, OUT reason text, OUT state text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  keys      name[] := lifeguard.key_columns(relation);
  readable  constant name[] := ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = relation AND attname = ANY (names)
                                        AND has_column_privilege(role_name, relation, attname, 'SELECT') ORDER BY attnum);
  lacking   boolean;
  condition text;
  written   text;
  statement text;
  tried     record;
  columns   text;
  given     text;
BEGIN
  lacking := NOT has_schema_privilege(role_name, (SELECT relnamespace FROM pg_class WHERE oid = relation), 'USAGE')
          OR NOT CASE command WHEN 'DELETE' THEN has_table_privilege(role_name, relation, command) ELSE has_any_column_privilege(role_name, relation, command) END
          OR command <> 'INSERT' AND readable = '{}';

  -- the row: by its place; where only columns may be read, by its key or by what there is
  IF place IS NULL THEN
    condition := 'false';
  ELSIF readable = '{}' OR has_table_privilege(role_name, relation, 'SELECT') THEN
    condition := place;
  ELSIF keys <> '{}' AND keys <@ readable THEN
    condition := (SELECT string_agg(format('%I OPERATOR(pg_catalog.=) %s', k, literals[array_position(names, k)]), ' AND ') FROM unnest(keys) AS k);
  ELSE
    condition := (SELECT string_agg(CASE literals[array_position(names, k)] WHEN 'NULL' THEN format('%I IS NULL', k)
                                      ELSE format('pg_catalog.format(''%%s'', %I) OPERATOR(pg_catalog.=) %s', k, literals[array_position(names, k)]) END, ' AND ') FROM unnest(readable) AS k);
  END IF;

  CASE command
    WHEN 'SELECT' THEN statement := format('SELECT FROM %s WHERE %s', relation, condition);
    WHEN 'DELETE' THEN statement := format('DELETE FROM %s WHERE %s', relation, condition);
    WHEN 'UPDATE' THEN
      -- the row as it is, by a column that may be written; best one that is no key
      SELECT a.attname INTO written FROM pg_attribute a
       WHERE a.attrelid = relation AND a.attname = ANY (names) AND a.attgenerated = '' AND a.attidentity <> 'a'
       ORDER BY has_column_privilege(role_name, relation, a.attname, 'UPDATE') DESC, a.attname = ANY (keys), a.attnum LIMIT 1;
      IF written IS NULL THEN
        outcome := 'unknown';
        reason := 'there is no column that an UPDATE could set';
        RETURN;
      END IF;
      statement := format('UPDATE %s SET %I = %s WHERE %s', relation, written, coalesce(literals[array_position(names, written)], 'NULL'), condition);
    WHEN 'INSERT' THEN
      SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), string_agg(coalesce(literals[array_position(names, a.attname)], 'NULL'), ', ' ORDER BY a.attnum)
        INTO columns, given FROM pg_attribute a
       WHERE a.attrelid = relation AND a.attname = ANY (names) AND a.attgenerated = ''
         AND (has_column_privilege(role_name, relation, a.attname, 'INSERT') OR NOT has_any_column_privilege(role_name, relation, 'INSERT'));
      statement := CASE WHEN columns IS NULL THEN format('INSERT INTO %s DEFAULT VALUES', relation)
                        WHEN place IS NULL THEN format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s WHERE false', relation, columns, given)
                        ELSE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)', relation, columns, given) END;
  END CASE;

  -- the row that is inserted takes the place of the one it is a copy of
  IF command = 'INSERT' AND place IS NOT NULL THEN
    SELECT * INTO tried FROM lifeguard.try_as(role_name, claims, statement, false, reader, format('DELETE FROM %s WHERE %s', relation, place));
    IF tried.state IS NOT NULL AND NOT tried.second THEN
      SELECT * INTO tried FROM lifeguard.try_as(role_name, claims, statement);
    END IF;
  ELSE
    SELECT * INTO tried FROM lifeguard.try_as(role_name, claims, statement);
  END IF;

  state := tried.state;
  reason := tried.message;
  outcome := CASE
    WHEN state IS NULL AND place IS NULL THEN 'unknown'
    WHEN state IS NULL AND tried.result[1]::bigint > 0 THEN 'allowed'
    WHEN state IS NULL THEN 'refused'
    WHEN state = '42501' AND lacking THEN 'refused'
    WHEN state = '42501' AND tried.direct AND tried.message LIKE 'new row violates row-level security policy%' THEN 'refused'
    -- the constraint is looked at after the policy
    WHEN state LIKE '23%' AND tried.direct AND tried.constrained AND command IN ('INSERT', 'UPDATE') THEN 'allowed'
    WHEN state ~ '^(40|53|55|57)' THEN 'unknown'
    ELSE 'failed' END;
  IF state IS NULL AND outcome = 'refused' THEN
    reason := CASE WHEN EXISTS (SELECT FROM lifeguard.policies_for(relation, command, role_name) WHERE applies AND permissive) THEN
                CASE WHEN command <> 'SELECT' AND NOT EXISTS (SELECT FROM lifeguard.policies_for(relation, 'SELECT', role_name) WHERE applies AND permissive)
                  THEN format('no permissive policy for %I to SELECT the row', role_name)
                  ELSE 'hidden by its policies' END
              ELSE format('no permissive policy for %I', role_name) END;
  ELSIF outcome = 'refused' AND NOT lacking AND NOT EXISTS (SELECT FROM lifeguard.policies_for(relation, command, role_name) WHERE applies AND permissive) THEN
    reason := format('no permissive policy for %I', role_name);
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.try_command(regclass, name, jsonb, text, name, name[], text[], text) IS
'One cell of the access matrix: the command as the role on one row (place: its ctid; null: there is none, only privileges are asked), taken back. '
'outcome: allowed, refused, failed (an error that is no refusal), unknown.';

CREATE FUNCTION lifeguard.try_access(relations regclass[])
RETURNS TABLE (relation regclass, role_name name, persona text, command text, outcome text, reason text, sqlstate text, row_key jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  commands   constant text[] := '{SELECT,INSERT,UPDATE,DELETE}';
  source     record;
  admin      text;                  -- a user who is one
  admins     text[] := '{}';        -- all of them, who should not be taken for members
  admin_claims jsonb;
  kin        name[];
  owner      record;
  trial      record;                -- the row
  columns    name[];
  other      text;
  reader     name;
  query      text;
  found      text[];
  no_admin   text;                  -- why there is none
  who        record;
  claims     jsonb;
  untold     text;
  finished   boolean := false;
BEGIN
  PERFORM lifeguard.set_request(NULL);
  PERFORM lifeguard.runner_of(r.name) FROM (SELECT DISTINCT t.role_name FROM lifeguard.tried_roles() AS t) AS r(name);   -- not anew for each cell

  -- who is an admin, by what is registered; where nobody is one, somebody is made one
  IF to_regclass('lifeguard.identity_sources') IS NOT NULL THEN
    FOR source IN EXECUTE 'SELECT kind::text, relation, user_column::name, condition, path FROM lifeguard.identity_sources WHERE kind IN (''admins'', ''claim_admin'') ORDER BY id' LOOP
      IF source.kind = 'claim_admin' THEN
        admin_claims := 'true';
        FOR i IN REVERSE cardinality(source.path)..1 LOOP
          admin_claims := jsonb_build_object(source.path[i], admin_claims);
        END LOOP;
        CONTINUE;
      END IF;
      query := format('SELECT array_agg(id) FROM (SELECT %1$I::text AS id FROM %2$s WHERE %1$I IS NOT NULL AND (%3$s) ORDER BY 1 LIMIT 1000) AS a',
                          source.user_column, source.relation, coalesce(source.condition, 'true'));
      found := lifeguard.look_into(source.relation, query);
      IF found IS NULL THEN
        no_admin := lifeguard.make_row(source.relation, (SELECT jsonb_build_object(attname, lifeguard.make_value(atttypid))
                                                           FROM pg_attribute WHERE attrelid = source.relation AND attname = source.user_column));
        found := lifeguard.look_into(source.relation, query);
        no_admin := CASE WHEN found IS NULL THEN coalesce(no_admin, format('a row made in %s is none', source.relation)) END;
      END IF;
      admins := admins || coalesce(found, '{}');
    END LOOP;
  END IF;
  admin := admins[1];

  kin := lifeguard.owner_columns();
  FOR relation IN SELECT * FROM lifeguard.tried_tables(relations) LOOP
    reader := lifeguard.reader_of(relation);
    PERFORM lifeguard.runner_of(reader) WHERE reader IS NOT NULL;
    BEGIN
      finished := false;
      columns := ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped ORDER BY attnum);
      SELECT * INTO owner FROM lifeguard.owner_of(relation, kin);
      SELECT * INTO trial FROM lifeguard.trial_row(relation, owner.subject, owner.own_column, owner.via, owner.via_key, owner.via_user, owner.via_condition, admins);
      row_key := trial.row_key;
      other := CASE WHEN trial.owner IS NOT NULL THEN lifeguard.find_other(relation, owner.own_column, owner.via, owner.via_user, trial.owners || admins) END;
      other := coalesce(other, gen_random_uuid()::text);

      FOR who IN SELECT * FROM lifeguard.tried_roles() LOOP
        role_name := who.role_name;
        persona := who.persona;
        untold := CASE WHEN persona = 'owner' AND trial.owner IS NULL THEN CASE WHEN owner.subject IS NULL THEN 'no owner column found' ELSE coalesce(trial.why, 'nobody owns the row') END
                       WHEN persona = 'admin' AND admin IS NULL AND admin_claims IS NULL
                         THEN coalesce('there is no admin: ' || no_admin, 'no admins are registered: lifeguard.use_admins() or use_claim()') END;
        claims := jsonb_build_object('role', role_name)
          || CASE persona WHEN 'owner' THEN lifeguard.claims_of(owner.subject, trial.owner) WHEN 'other member' THEN lifeguard.claims_of(owner.subject, other)
                          WHEN 'admin' THEN jsonb_build_object('sub', coalesce(admin, gen_random_uuid()::text)) || coalesce(admin_claims, '{}') ELSE '{}' END;
        FOREACH command IN ARRAY commands LOOP
          IF untold IS NULL THEN
            SELECT t.outcome, t.reason, t.state INTO outcome, reason, sqlstate
              FROM lifeguard.try_command(relation, role_name, claims, command, reader, columns, trial.literals, trial.place) AS t;
            IF outcome = 'unknown' THEN
              reason := coalesce(reason, 'there is no row to try it on: ' || trial.why);
            END IF;
          ELSE
            outcome := 'unknown';
            reason := untold;
            sqlstate := NULL;
          END IF;
          RETURN NEXT;
        END LOOP;
      END LOOP;
      finished := true;
      RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = 'taken back';
    EXCEPTION WHEN SQLSTATE 'LG310' THEN
      IF NOT finished THEN
        RAISE;
      END IF;
    END;
  END LOOP;
  finished := true;
  RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = 'taken back';
EXCEPTION WHEN SQLSTATE 'LG310' THEN
  IF NOT finished THEN
    RAISE;
  END IF;
END $$;
COMMENT ON FUNCTION lifeguard.try_access(regclass[]) IS
'The access matrix of these tables (null: of all), every cell really executed and taken back. row_key: the row that was tried; null when one was made, or has no primary key.';
