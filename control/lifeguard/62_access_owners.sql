-- The access matrix: what each role, as each kind of person, may do to a row of each table. Every cell is a statement that is
-- really executed and taken back; what is remembered of it shows what a migration changed.

CREATE TABLE monitoring.access_roles (
  role_name text NOT NULL,
  persona   text NOT NULL CHECK (persona IN ('anonymous', 'owner', 'other member', 'admin', 'service')),
  note      text,
  CONSTRAINT access_roles_pkey PRIMARY KEY (role_name, persona)
);
COMMENT ON TABLE monitoring.access_roles IS
'Which roles the access matrix tries, as whom. Empty: anon (anonymous), authenticated (owner, other member, admin), service_role (service), and other roles that have grants on tables.';
SELECT pg_extension_config_dump('monitoring.access_roles', '');

CREATE TABLE monitoring.access_expectations (
  relation      regclass NOT NULL,
  role_name     text NOT NULL,
  persona       text NOT NULL,
  command       text NOT NULL CHECK (command IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')),
  outcome       text NOT NULL CHECK (outcome IN ('allowed', 'refused', 'failed', 'unknown')),
  note          text,
  remembered_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT access_expectations_pkey PRIMARY KEY (relation, role_name, persona, command)
);
COMMENT ON TABLE monitoring.access_expectations IS
'What the access matrix is expected to be: written by monitoring.remember_access(), and by hand. unknown expects nothing.';
SELECT pg_extension_config_dump('monitoring.access_expectations', '');

-- A migration that drops a policy may take with it the only hint whose a row is.
CREATE TABLE monitoring.access_owners (
  relation      regclass CONSTRAINT access_owners_pkey PRIMARY KEY,
  subject       text NOT NULL DEFAULT 'user' CHECK (subject IN ('user', 'tenant')),
  own_column    name NOT NULL,
  via           regclass,
  via_key       name,
  via_user      name,
  via_condition text,
  by_hand       boolean NOT NULL DEFAULT true,
  CHECK ((via IS NULL) = (via_key IS NULL) AND (via IS NULL) = (via_user IS NULL))
);
COMMENT ON TABLE monitoring.access_owners IS
'How the access matrix knows whose a row is: own_column holds the user (or tenant), or leads to rows of the table via (own_column = via_key), where via_user does. '
'Written by monitoring.remember_access(), but for rows that are by_hand.';
SELECT pg_extension_config_dump('monitoring.access_owners', '');
GRANT SELECT ON monitoring.access_roles, monitoring.access_expectations, monitoring.access_owners TO pg_monitor;

CREATE FUNCTION lifeguard.tried_roles() RETURNS TABLE (role_name name, persona text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.rolname, a.persona FROM monitoring.access_roles a JOIN pg_roles r ON r.rolname = a.role_name AND NOT r.rolsuper
  UNION ALL
  SELECT r.rolname, p.persona
    FROM pg_roles r,
         unnest(CASE WHEN r.rolname = 'anon' THEN '{anonymous}' WHEN r.rolname = 'authenticated' THEN '{owner,other member,admin}'
                     WHEN r.rolname = 'service_role' OR r.rolbypassrls THEN '{service}' ELSE '{anonymous,owner,other member,admin}' END::text[]) AS p(persona)
   WHERE NOT EXISTS (SELECT FROM monitoring.access_roles) AND NOT r.rolsuper AND r.rolname NOT LIKE 'pg\_%'
     AND (r.rolname IN ('anon', 'authenticated', 'service_role')
          OR r.oid IN (SELECT a.grantee
                         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema',
                              LATERAL (SELECT c.relacl UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL) AS l(acl), aclexplode(l.acl) AS a
                        WHERE c.relkind IN ('r', 'p') AND a.grantee <> c.relowner AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
                          AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')))
$$;
COMMENT ON FUNCTION lifeguard.tried_roles() IS 'The roles and personas of the access matrix: monitoring.access_roles, or its default when that is empty.';

CREATE FUNCTION lifeguard.tried_tables(relations regclass[]) RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.oid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
     AND (c.oid = ANY (relations)
          OR relations IS NULL AND (c.relrowsecurity OR EXISTS (SELECT FROM lifeguard.tried_roles()
                                      WHERE has_any_column_privilege(role_name, c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(role_name, c.oid, 'DELETE'))))
   ORDER BY c.oid::regclass::text
$$;
COMMENT ON FUNCTION lifeguard.tried_tables(regclass[]) IS
'The tables of the access matrix: those asked for, else those that have row security or are granted to one of its roles. No system tables, no members of extensions.';

-- Finding out whose a row is.

CREATE FUNCTION lifeguard.with_identity_marked(expression text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  marked text := expression;
BEGIN
  -- without casts, wrapping sub-selects and NULLIF, then with one word for each way to say it
  marked := regexp_replace(marked, '::("([^"]|"")+"|[a-z_]\w*)(\.("([^"]|"")+"|[a-z_]\w*))?( varying| with(out)? time zone)?(\(\d+\))?(\[\])?', '', 'g');
  marked := regexp_replace(marked, '\(\s*SELECT ((?:"(?:[^"]|"")+"|\w|\.)+\([^()]*\)) AS (?:\w+|"(?:[^"]|"")+")\)', '\1', 'g');
  marked := regexp_replace(marked, 'NULLIF\((current_setting\([^()]*\)), ''''\)', '\1', 'g');
  marked := regexp_replace(marked, '\((?:"?\w+"?\.)?(?:jwt|claims)\(\) ->> ''sub''\)', '<user>', 'g');
  marked := regexp_replace(marked, '\(\(?current_setting\(''request\.jwt\.claims''[^()]*\)\)? ->> ''sub''\)', '<user>', 'g');
  marked := regexp_replace(marked, 'current_setting\(''request\.jwt\.claim\.sub''[^()]*\)', '<user>', 'g');
  marked := regexp_replace(marked, '(?:"?\w+"?\.)?claim\(''sub''\)', '<user>', 'g');
  marked := regexp_replace(marked, '(?:"?\w+"?\.)?\m\w*(?:uid|user_id)\(\)', '<user>', 'g');
  marked := regexp_replace(marked, 'current_setting\(''app\.current_tenant_id''[^()]*\)|(?:"?\w+"?\.)?\m\w*tenant_id\(\)', '<tenant>', 'g');
  FOR i IN 1..3 LOOP
    marked := regexp_replace(marked, '(^|[\s(=])\(((?:"(?:[^"]|"")+"|\w|\.)+|<user>|<tenant>)\)', '\1\2', 'g');
    marked := regexp_replace(marked, '\(\s*SELECT (<user>|<tenant>)(?: AS \w+)?\)', '\1', 'g');
  END LOOP;
  RETURN marked;
END $$;
COMMENT ON FUNCTION lifeguard.with_identity_marked(text) IS
'A policy''s expression without casts, and with <user> or <tenant> for what says who asks. For finding columns, not for running.';

CREATE FUNCTION lifeguard.own_column(relation regclass, reference text) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.attname
    FROM (SELECT parse_ident(reference, false) AS path) AS r JOIN pg_class c ON c.oid = relation
    JOIN pg_attribute a ON a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = path[cardinality(path)]
   WHERE cardinality(path) = 1 OR path[cardinality(path) - 1] = c.relname
$$;
COMMENT ON FUNCTION lifeguard.own_column(regclass, text) IS 'The column that a reference in a policy of the table means, null when it is another table''s.';

CREATE FUNCTION lifeguard.members_sources() RETURNS TABLE (relation regclass, user_column name, organization_column name, condition text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT s.relation, s.user_column::name, s.organization_column::name, s.condition FROM lifeguard.identity_sources s WHERE s.kind = 'members';
END $$;
COMMENT ON FUNCTION lifeguard.members_sources() IS 'Where it is registered who belongs to which organization.';

CREATE FUNCTION lifeguard.find_owner(relation regclass, kin name[] DEFAULT '{}',
  OUT subject text, OUT own_column name, OUT via regclass, OUT via_key name, OUT via_user name, OUT via_condition text, OUT how text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  word   constant text := '((?:"(?:[^"]|"")+"|[a-z_][\w$]*)(?:\.(?:"(?:[^"]|"")+"|[a-z_][\w$]*))*)';
  policy record;
  pair   text[];
  used   record;
  alias  name;
BEGIN
  FOR policy IN
    SELECT p.oid, p.polname, pass, lifeguard.with_identity_marked(concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))) AS text
      FROM pg_policy p, generate_series(1, 2) AS pass WHERE p.polrelid = relation ORDER BY pass, p.polname
  LOOP
    -- a column of its own, whichever policy says so
    FOR pair IN
      SELECT ARRAY[m[1], m[2]] FROM regexp_matches(policy.text, word || ' = <(user|tenant)>', 'g') AS m
      UNION ALL SELECT ARRAY[m[2], m[1]] FROM regexp_matches(policy.text, '<(user|tenant)> = (?!ANY)' || word, 'g') AS m
    LOOP
      own_column := lifeguard.own_column(relation, pair[1]);
      IF own_column IS NOT NULL THEN
        subject := pair[2];
        how := format('policy %I compares %I with the %s', policy.polname, own_column, subject);
        RETURN;
      END IF;
    END LOOP;
    CONTINUE WHEN policy.pass = 1;

    -- a column of a table that the policy looks into, which a column of its own leads to
    FOR pair IN
      SELECT ARRAY[m[1], m[2]] FROM regexp_matches(policy.text, word || ' = <(user)>', 'g') AS m
      UNION ALL SELECT ARRAY[m[2], m[1]] FROM regexp_matches(policy.text, '<(user)> = (?!ANY)' || word, 'g') AS m
    LOOP
      SELECT path[cardinality(path) - 1] AS alias, path[cardinality(path)] AS name INTO used FROM parse_ident(pair[1], false) AS path;
      alias := used.alias;
      SELECT c.oid AS id INTO via
        FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p')
       WHERE d.classid = 'pg_policy'::regclass AND d.objid = policy.oid AND d.refclassid = 'pg_class'::regclass
         AND (c.relname = alias OR strpos(policy.text, format('%s %I', c.oid::regclass, alias)) > 0)
         AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = used.name) LIMIT 1;
      CONTINUE WHEN via IS NULL;
      SELECT lifeguard.own_column(relation, own), path[cardinality(path)] INTO own_column, via_key
        FROM (SELECT m[1], m[2] FROM regexp_matches(policy.text, word || ' = ' || word, 'g') AS m
              UNION ALL SELECT m[2], m[1] FROM regexp_matches(policy.text, word || ' = ' || word, 'g') AS m
              UNION ALL SELECT m[1], m[2] FROM regexp_matches(policy.text, word || ' (?:IN|= ANY) \(\s*SELECT (?:DISTINCT )?' || word, 'g') AS m) AS joined(own, others),
             parse_ident(others, false) AS path
       WHERE lifeguard.own_column(relation, own) IS NOT NULL AND cardinality(path) > 1 AND path[cardinality(path) - 1] = alias LIMIT 1;
      IF FOUND THEN
        via_user := used.name;
        subject := 'user';
        how := format('policy %I looks for the user in %s', policy.polname, via);
        RETURN;
      END IF;
      via := NULL;
    END LOOP;

    -- a column that is asked for as an organization
    IF to_regclass('lifeguard.identity_sources') IS NOT NULL THEN
      FOR pair IN
        SELECT m FROM regexp_matches(policy.text, '(?:is_member|organization_role|user_role|has_permission)\(' || word, 'g') AS m
        UNION ALL SELECT m FROM regexp_matches(policy.text, word || ' = ANY \((?:\s*SELECT )?(?:"?\w+"?\.)?(?:user_)?organizations\(\)', 'g') AS m
      LOOP
        own_column := lifeguard.own_column(relation, pair[1]);
        SELECT s.relation, s.organization_column, s.user_column, s.condition INTO via, via_key, via_user, via_condition FROM lifeguard.members_sources() AS s LIMIT 1;
        IF own_column IS NOT NULL AND via IS NOT NULL THEN
          subject := 'user';
          how := format('policy %I takes %I for an organization, whose members are in %s', policy.polname, own_column, via);
          RETURN;
        END IF;
        via := NULL;
      END LOOP;
    END IF;
  END LOOP;

  -- no policy says it: a foreign key to the users, a default, the name that other tables' policies use
  SELECT a.attname, format('%I refers to %s', a.attname, k.confrelid::regclass) INTO own_column, how
    FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] JOIN pg_class u ON u.oid = k.confrelid
   WHERE k.conrelid = relation AND k.contype = 'f' AND cardinality(k.conkey) = 1 AND u.relname IN ('users', 'profiles', 'user', 'profile', 'accounts')
   ORDER BY a.attname = ANY (kin) DESC, a.attnum LIMIT 1;
  IF NOT FOUND THEN
    SELECT a.attname, format('other tables'' policies compare a column %I with the user', a.attname) INTO own_column, how
      FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (kin) ORDER BY array_position(kin, a.attname) LIMIT 1;
  END IF;
  subject := CASE WHEN own_column IS NOT NULL THEN 'user' END;
END $$;
COMMENT ON FUNCTION lifeguard.find_owner(regclass, name[]) IS
'How to find out whose a row is: by a column of its own, or via_user in the rows of another table whose via_key is that column. subject: user or tenant; null when nothing is found. '
'kin: the columns that do it in other tables.';

CREATE FUNCTION lifeguard.owner_of(relation regclass, kin name[],
  OUT subject text, OUT own_column name, OUT via regclass, OUT via_key name, OUT via_user name, OUT via_condition text, OUT how text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT subject, own_column, via, via_key, via_user, via_condition, how
    FROM (SELECT 1 AS rank, o.subject, o.own_column, o.via, o.via_key, o.via_user, o.via_condition, 'monitoring.access_owners has it' AS how
            FROM monitoring.access_owners o
           WHERE o.relation = owner_of.relation AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = o.relation AND attname = o.own_column AND NOT attisdropped)
             AND (o.via IS NULL OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = o.via AND attname = o.via_key AND NOT attisdropped)
                               AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = o.via AND attname = o.via_user AND NOT attisdropped))
          UNION ALL SELECT 2, f.* FROM lifeguard.find_owner(relation, kin) AS f) AS known
   ORDER BY rank LIMIT 1
$$;
COMMENT ON FUNCTION lifeguard.owner_of(regclass, name[]) IS
'How to find out whose a row is: as monitoring.access_owners has it, where its columns are still there, else as lifeguard.find_owner() finds it.';

CREATE FUNCTION lifeguard.owner_columns() RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(name ORDER BY uses DESC, name), '{}')
    FROM (SELECT f.own_column, count(*) FROM (SELECT DISTINCT polrelid FROM pg_policy) AS p, lifeguard.find_owner(p.polrelid) AS f
           WHERE f.subject = 'user' AND f.via IS NULL AND f.own_column NOT IN ('id', 'name') GROUP BY 1) AS c(name, uses)
$$;
COMMENT ON FUNCTION lifeguard.owner_columns() IS 'The names of columns that policies compare with the user, the most frequent first.';

CREATE FUNCTION lifeguard.look_into(relation regclass, query text) RETURNS text[]
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.result FROM (SELECT lifeguard.reader_of(relation) OFFSET 0) AS r(reader), lifeguard.try_as(reader, NULL, query, true) AS t WHERE reader IS NOT NULL
$$;
COMMENT ON FUNCTION lifeguard.look_into(regclass, text) IS
'What a query of a table returns as text[], read past its row security (lifeguard.reader_of); null when it fails or there is nobody to read it.';
