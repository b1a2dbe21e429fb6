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
    SELECT p.oid, p.polname, lifeguard.with_identity_marked(concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))) AS text
      FROM pg_policy p WHERE p.polrelid = relation ORDER BY p.polname
  LOOP
    -- a column of its own
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
  END LOOP;

  FOR policy IN
    SELECT p.oid, p.polname, lifeguard.with_identity_marked(concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))) AS text
      FROM pg_policy p WHERE p.polrelid = relation ORDER BY p.polname
  LOOP
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

-- Making a row where there is none.

CREATE FUNCTION lifeguard.make_value(type oid) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
      WHEN t.typtype = 'd' THEN lifeguard.make_value(t.typbasetype)
      WHEN t.typtype = 'e' THEN (SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder LIMIT 1)
      WHEN t.typtype = 'c' THEN '(' || repeat(',', greatest((SELECT count(*)::int FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped) - 1, 0)) || ')'
      WHEN t.typtype = 'r' THEN 'empty'
      WHEN t.typtype = 'm' OR t.typcategory = 'A' THEN '{}'
      WHEN t.oid = 'uuid'::regtype THEN gen_random_uuid()::text
      WHEN t.oid IN ('json'::regtype, 'jsonb'::regtype) THEN '{}'
      WHEN t.oid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN now()::text
      WHEN t.oid IN ('time'::regtype, 'timetz'::regtype) THEN '12:00'
      WHEN t.oid IN ('inet'::regtype, 'cidr'::regtype) THEN '127.0.0.1'
      WHEN t.oid = 'macaddr'::regtype THEN '08:00:2b:01:02:03'
      WHEN t.oid = 'macaddr8'::regtype THEN '08:00:2b:01:02:03:04:05'
      WHEN t.oid = 'xml'::regtype THEN '<a/>'
      WHEN t.oid = 'bytea'::regtype THEN '\x00'
      WHEN t.oid IN ('point'::regtype) THEN '(0,0)'
      WHEN t.oid IN ('box'::regtype, 'lseg'::regtype, 'path'::regtype, 'polygon'::regtype) THEN '((0,0),(1,1))'
      WHEN t.oid = 'line'::regtype THEN '{1,1,0}'
      WHEN t.oid = 'circle'::regtype THEN '<(0,0),1>'
      WHEN t.typcategory = 'B' THEN 'false'
      WHEN t.typcategory = 'N' THEN CASE WHEN t.oid = ANY ('{int2,int4,int8,numeric,float4,float8,money}'::regtype[]) THEN '1' ELSE '0' END
      WHEN t.typcategory = 'T' THEN '1 day'
      WHEN t.typcategory = 'V' THEN '1'
      ELSE 'x' END
    FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION lifeguard.make_value(oid) IS 'A value of a type, as text.';

CREATE FUNCTION lifeguard.candidates(type oid, expressions text) RETURNS text[]
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
      WHEN t.typtype = 'd' THEN lifeguard.candidates(t.typbasetype, expressions)
      WHEN t.typtype = 'e' THEN ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder)
      WHEN t.typcategory = 'S' THEN ARRAY(SELECT replace(m[1], '''''', '''') FROM regexp_matches(expressions, '''((?:[^'']|'''')*)''', 'g') AS m)
                                    || ARRAY['x', to_char(now(), 'YYYY-MM'), 'x@example.com', 'https://example.com/x', '']
      WHEN t.typcategory = 'N' THEN ARRAY(SELECT (m[1]::numeric + d)::text FROM regexp_matches(expressions, '\m(\d{1,9})\M', 'g') AS m, unnest('{0,1,-1}'::int[]) AS d
                                           WHERE m[1]::numeric + d < 32767)
                                    || '{1,0,2,10,100}'::text[]
      WHEN t.typcategory = 'D' AND t.typname !~ '^time(tz)?$' THEN ARRAY[now()::text, date_trunc('week', now())::text, (date_trunc('week', now()) + interval '6 days')::text,
                                    date_trunc('month', now())::text, (now() + interval '1 day')::text, (now() - interval '1 day')::text]
      WHEN t.typcategory = 'B' THEN '{true,false}'
      ELSE ARRAY[lifeguard.make_value(t.oid)] END
    FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION lifeguard.candidates(oid, text) IS 'Values of a type that might pass these CHECK expressions, as text.';

CREATE FUNCTION lifeguard.fit_checks(relation regclass, given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  places  text;     -- a column's candidates, for each column that a CHECK names
  results text;
  checks  text;
  found   text[];
BEGIN
  SELECT string_agg(format('(VALUES %s) AS %I(%I)', v.list, 'of ' || a.attname, a.attname), ' CROSS JOIN ' ORDER BY a.attnum),
         string_agg(format('%1$L, CASE WHEN %1$I IS NOT NULL THEN pg_catalog.format(''%%s'', %1$I) END', a.attname), ', ' ORDER BY a.attnum)
    INTO places, results
    FROM (SELECT attnum, string_agg(pg_get_constraintdef(c.oid), ' ') AS expressions
            FROM pg_constraint c, unnest(c.conkey) AS attnum WHERE c.conrelid = relation AND c.contype = 'c' GROUP BY 1) AS k
    JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = k.attnum AND a.attgenerated = ''
    LEFT JOIN pg_attrdef d ON d.adrelid = relation AND d.adnum = a.attnum
         AND NOT EXISTS (SELECT FROM pg_depend p JOIN pg_class q ON q.oid = p.refobjid AND q.relkind = 'S'
                          WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass),
    LATERAL (SELECT string_agg(format('(%s::%s)', value, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY n) AS list
               FROM (SELECT 1 AS n, quote_literal(given ->> a.attname) AS value WHERE given ? a.attname
                     UNION ALL SELECT 1, coalesce('(' || pg_get_expr(d.adbin, d.adrelid) || ')', 'NULL') WHERE NOT given ? a.attname AND (d.oid IS NOT NULL OR NOT a.attnotnull)
                     UNION ALL SELECT 1 + o, quote_literal(value) FROM unnest(lifeguard.candidates(a.atttypid, k.expressions)) WITH ORDINALITY AS l(value, o)
                                WHERE NOT given ? a.attname) AS c) AS v;
  SELECT string_agg(format('(%s) IS NOT FALSE', pg_get_expr(conbin, conrelid)), ' AND ') INTO checks FROM pg_constraint WHERE conrelid = relation AND contype = 'c';
  IF places IS NULL OR checks IS NULL THEN
    RETURN given;
  END IF;
  found := lifeguard.look_into(relation, format('SELECT ARRAY[pg_catalog.jsonb_build_object(%s)::text] FROM %s WHERE %s LIMIT 1', results, places, checks));
  RETURN jsonb_strip_nulls(coalesce(found[1]::jsonb, '{}')) || given;
END $$;
COMMENT ON FUNCTION lifeguard.fit_checks(regclass, jsonb) IS
'The given values, and values for the other columns that CHECK constraints name, which together pass all of them; just the given ones where none are found.';

CREATE FUNCTION lifeguard.make_row_statement(relation regclass, given jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  attribute record;
  value     text;
  names     text[] := '{}';
  literals  text[] := '{}';
BEGIN
  FOR attribute IN
    SELECT a.attname, a.attnum, a.atttypid, a.atttypmod, d.oid IS NOT NULL AS has_default,
           a.attidentity <> '' OR EXISTS (SELECT FROM pg_depend p JOIN pg_class q ON q.oid = p.refobjid AND q.relkind = 'S'
                                           WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass) AS counts,
           a.attnotnull OR EXISTS (SELECT FROM pg_type WHERE oid = a.atttypid AND typnotnull) AS needed,
           k.confrelid::regclass AS parent, (SELECT attname FROM pg_attribute WHERE attrelid = k.confrelid AND attnum = k.key) AS parent_key,
           (SELECT (regexp_match(pg_get_constraintdef(c.oid), '''((?:[^'']|'''')*)'''))[1] FROM pg_constraint c
             WHERE c.contype = 'c' AND c.contypid = a.atttypid LIMIT 1) AS named
      FROM pg_attribute a
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      LEFT JOIN LATERAL (SELECT confrelid, confkey[array_position(conkey, a.attnum)] AS key FROM pg_constraint
                          WHERE conrelid = relation AND contype = 'f' AND a.attnum = ANY (conkey) LIMIT 1) AS k ON true
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum
  LOOP
    CONTINUE WHEN NOT given ? attribute.attname AND NOT attribute.counts AND (attribute.has_default OR NOT attribute.needed);
    value := given ->> attribute.attname;
    IF value IS NULL AND attribute.counts THEN
      value := -(1 + floor(random() * 30000))::int;
    END IF;
    IF value IS NULL AND attribute.parent IS NOT NULL THEN
      value := (lifeguard.look_into(attribute.parent, format('SELECT ARRAY[%1$I::text] FROM %2$s WHERE %1$I IS NOT NULL LIMIT 1', attribute.parent_key, attribute.parent)))[1];
    END IF;
    names := names || quote_ident(attribute.attname);
    literals := literals || quote_literal(coalesce(value, replace(attribute.named, '''''', ''''),
      CASE WHEN attribute.atttypid IN ('bit'::regtype, 'varbit'::regtype) THEN repeat('0', greatest(attribute.atttypmod, 1)) ELSE lifeguard.make_value(attribute.atttypid) END));
  END LOOP;
  RETURN CASE WHEN names = '{}' THEN format('INSERT INTO %s DEFAULT VALUES', relation)
              ELSE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)', relation, array_to_string(names, ', '), array_to_string(literals, ', ')) END;
END $$;
COMMENT ON FUNCTION lifeguard.make_row_statement(regclass, jsonb) IS
'An INSERT of a row with the given values; of the rest what must not be null and has no default: from a parent, from a domain''s CHECK, by type. Advances no sequence.';

CREATE FUNCTION lifeguard.make_row(relation regclass, given jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  reader constant name := lifeguard.reader_of(relation);
BEGIN
  IF reader IS NULL THEN
    RETURN 'no row could be made safely: ' || lifeguard.unsafe_on(relation);
  END IF;
  PERFORM lifeguard.run_as(reader, lifeguard.make_row_statement(relation, lifeguard.fit_checks(relation, given)));
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN format('no row could be made: %s', SQLERRM);
END $$;
COMMENT ON FUNCTION lifeguard.make_row(regclass, jsonb) IS
'Makes a row with the given values (lifeguard.make_row_statement); null, or why it could not. To be called where it is taken back.';

CREATE FUNCTION lifeguard.find_other(relation regclass, own_column name, via regclass, via_user name, others text[]) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place record;
  found text[];
BEGIN
  -- where the users are: the other table, or what the column refers to, or the column itself
  FOR place IN
    SELECT via AS relation, via_user AS name WHERE via IS NOT NULL
    UNION ALL
    SELECT k.confrelid, a.attname
      FROM pg_constraint k JOIN pg_attribute o ON o.attrelid = k.conrelid AND k.conkey = ARRAY[o.attnum] JOIN pg_attribute a ON a.attrelid = k.confrelid AND k.confkey = ARRAY[a.attnum]
     WHERE k.contype = 'f' AND k.conrelid = coalesce(via, relation) AND o.attname = coalesce(via_user, own_column)
    UNION ALL
    SELECT relation, own_column WHERE via IS NULL AND own_column IS NOT NULL
  LOOP
    found := lifeguard.look_into(place.relation, format('SELECT ARRAY[%1$I::text] FROM %2$s WHERE %1$I::text <> ALL (%3$L) LIMIT 1', place.name, place.relation, others));
    IF found IS NOT NULL THEN
      RETURN found[1];
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION lifeguard.find_other(regclass, name, regclass, name, text[]) IS
'A user (or tenant) who exists and is none of these; null when there is nobody.';

CREATE FUNCTION lifeguard.find_user(relation regclass, own_column name, via regclass, via_key name, via_user name, admins text[], OUT given jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  query text;
  found text[];
BEGIN
  given := '{}';
  IF own_column IS NULL THEN
    RETURN;
  ELSIF via IS NULL THEN
    given := jsonb_build_object(own_column, coalesce(lifeguard.find_other(relation, own_column, NULL, NULL, admins),
                                                     lifeguard.make_value((SELECT atttypid FROM pg_attribute WHERE attrelid = relation AND attname = own_column))));
    RETURN;
  END IF;
  query := format('SELECT ARRAY[%I::text] FROM %s WHERE %I::text <> ALL (%L) LIMIT 1', via_key, via, via_user, admins);
  found := lifeguard.look_into(via, query);
  IF found IS NULL AND lifeguard.make_row(via, (SELECT jsonb_build_object(attname, lifeguard.make_value(atttypid)) FROM pg_attribute WHERE attrelid = via AND attname = via_user)) IS NULL THEN
    found := lifeguard.look_into(via, query);
  END IF;
  given := jsonb_build_object(own_column, found[1]);
END $$;
COMMENT ON FUNCTION lifeguard.find_user(regclass, name, regclass, name, name, text[]) IS
'What a new row of the table needs so that somebody who is no admin owns it: the owner''s column and its value. '
'Where the owner is found by way of another table, a row is made there if need be.';

CREATE FUNCTION lifeguard.claims_of(subject text, id text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE subject WHEN 'tenant' THEN jsonb_build_object('sub', gen_random_uuid(), coalesce(nullif(current_setting('lifeguard.tenant_claim', true), ''), 'tenant_id'), id,
                                                            'app.current_tenant_id', id)
                      ELSE jsonb_build_object('sub', id) END
$$;
COMMENT ON FUNCTION lifeguard.claims_of(text, text) IS 'The claims of a user, or of somebody of a tenant.';

CREATE FUNCTION lifeguard.trial_row(relation regclass, subject text, own_column name, via regclass, via_key name, via_user name, via_condition text, admins text[],
                                    OUT owner text, OUT owners text[], OUT place text, OUT row_key jsonb, OUT literals text[], OUT why text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  key_list constant name[] := lifeguard.key_columns(relation);
  reader   constant name := lifeguard.reader_of(relation);
  whose    text;       -- the owner of a row, as SQL
  columns  text;       -- the rest of what is read
  sorted   text;
  found    text[];
BEGIN
  IF reader IS NULL OR via IS NOT NULL AND lifeguard.unsafe_on(via) IS NOT NULL AND (SELECT rolsuper FROM pg_roles WHERE rolname = reader) THEN
    why := 'the table cannot be read safely: ' || coalesce(lifeguard.unsafe_on(relation), lifeguard.unsafe_on(via));
    RETURN;
  END IF;
  whose := CASE WHEN subject IS NULL THEN NULL
                WHEN via IS NULL THEN format('lifeguard_row.%I::text', own_column)
                ELSE format('(SELECT min(via.%1$I::text) FROM %2$s AS via WHERE via.%3$I OPERATOR(pg_catalog.=) lifeguard_row.%4$I AND via.%1$I::text <> ALL (%5$L) AND (%6$s))',
                            via_user, via, via_key, own_column, admins, coalesce(via_condition, 'true')) END;
  columns := format(', lifeguard_row.ctid::text, lifeguard_row.tableoid::text, %s%s] FROM %s AS lifeguard_row WHERE ',
                    coalesce((SELECT format('pg_catalog.jsonb_build_object(%s)::text', string_agg(format('%L, lifeguard_row.%I', k, k), ', '))
                                FROM unnest(key_list) AS k HAVING count(*) > 0), 'NULL'),
                    (SELECT string_agg(format(', pg_catalog.format(''%%L'', lifeguard_row.%I)', attname), '' ORDER BY attnum)
                       FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped),
                    relation);
  sorted := format(' ORDER BY %s LIMIT 1 FOR UPDATE OF lifeguard_row SKIP LOCKED',
                   coalesce((SELECT string_agg(format('lifeguard_row.%I', k), ', ') FROM unnest(key_list) AS k), 'lifeguard_row.ctid'));

  IF subject IS NOT NULL THEN
    found := lifeguard.look_into(relation, 'SELECT ARRAY[' || whose || columns || format('%s <> ALL (%L)', whose, admins) || sorted);
  END IF;
  IF found IS NULL AND (subject IS NOT NULL OR lifeguard.look_into(relation, 'SELECT ARRAY[NULL' || columns || 'true' || sorted) IS NULL) THEN
    -- there is none: one is made, for somebody who exists where there is somebody
    why := lifeguard.make_row(relation, (SELECT given FROM lifeguard.find_user(relation, own_column, via, via_key, via_user, admins)));
    IF why IS NULL AND subject IS NOT NULL THEN
      found := lifeguard.look_into(relation, 'SELECT ARRAY[' || whose || columns || format('%s <> ALL (%L)', whose, admins) || sorted);
      why := CASE WHEN found IS NULL THEN 'nobody but an admin owns a row, and none could be made that somebody owns' END;
      row_key := 'null';
    END IF;
  END IF;
  IF found IS NULL THEN
    found := lifeguard.look_into(relation, 'SELECT ARRAY[NULL' || columns || 'true' || sorted);
  END IF;
  IF found IS NULL THEN
    why := coalesce(why, 'it cannot be read');
    RETURN;
  END IF;
  owner := found[1];
  place := format('ctid OPERATOR(pg_catalog.=) %L AND tableoid OPERATOR(pg_catalog.=) %L', found[2], found[3]);
  row_key := CASE WHEN row_key IS NULL THEN found[4]::jsonb END;
  literals := found[5:];
  owners := CASE WHEN owner IS NOT NULL AND via IS NOT NULL THEN
    lifeguard.look_into(via, format('SELECT array_agg(DISTINCT %I::text) FROM %s WHERE %I OPERATOR(pg_catalog.=) %s', via_user, via, via_key,
                                    literals[(SELECT count(*) FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
                                                 AND attnum <= (SELECT attnum FROM pg_attribute WHERE attrelid = relation AND attname = own_column))])) END;
  owners := coalesce(owners, ARRAY[owner]);
END $$;
COMMENT ON FUNCTION lifeguard.trial_row(regclass, text, name, regclass, name, name, text, text[]) IS
'The row on which a table''s access is tried: one that somebody owns who is no admin, the first by primary key; where there is none it is made. place: how to find it; literals: its values; '
'owner, owners: null where it is nobody''s; row_key: null where it was made; why: what was in the way. To be called where it is taken back.';

-- Trying.

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

CREATE FUNCTION monitoring.test_rls_policies(relations regclass[] DEFAULT NULL)
RETURNS TABLE (relation regclass, role_name name, persona text, command text, outcome text, expected text, passed boolean, reason text, sqlstate text, row_key jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong record;
BEGIN
  IF NOT (has_parameter_privilege('session_replication_role', 'SET') AND has_parameter_privilege('lc_messages', 'SET')) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG311', MESSAGE = format('%I may not set session_replication_role and lc_messages', current_user),
      DETAIL = jsonb_build_object('caller', current_user, 'settings', '{session_replication_role,lc_messages}'::text[]),
      HINT = format('Call it as a superuser, or GRANT SET ON PARAMETER session_replication_role, lc_messages TO %I;', current_user);
  END IF;
  PERFORM lifeguard.require_role_switching(t.role_name) FROM (SELECT DISTINCT r.role_name FROM lifeguard.tried_roles() AS r) AS t;
  SELECT r AS relation INTO wrong FROM unnest(relations) AS r WHERE r IS NULL OR r NOT IN (SELECT lifeguard.tried_tables(relations));
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG310', MESSAGE = format('%s is no table that could be tried', coalesce(wrong.relation::text, 'NULL')),
      DETAIL = jsonb_build_object('relation', wrong.relation), HINT = 'Tables and partitioned tables can, but for the system''s, temporary ones and those of extensions.';
  END IF;
  RETURN QUERY
    SELECT t.relation, t.role_name, t.persona, t.command, t.outcome, e.outcome, CASE WHEN 'unknown' NOT IN (t.outcome, e.outcome) THEN t.outcome = e.outcome END,
           t.reason, t.sqlstate, t.row_key
      FROM lifeguard.try_access(relations) AS t
      LEFT JOIN monitoring.access_expectations e ON e.relation = t.relation AND e.role_name = t.role_name AND e.persona = t.persona AND e.command = t.command
     ORDER BY t.relation::text, t.role_name, array_position('{anonymous,owner,other member,admin,service}'::text[], t.persona),
              array_position('{SELECT,INSERT,UPDATE,DELETE}'::text[], t.command);
END $$;
COMMENT ON FUNCTION monitoring.test_rls_policies(regclass[]) IS
'The access matrix: what each role may do to a row of each table (null: of all) as anonymous, owner, other member, admin and service, really executed and taken back. '
'outcome: allowed; refused (no privilege, hidden, or WITH CHECK); failed (an error that is no refusal); unknown (reason says why). '
'passed: whether that is what monitoring.access_expectations has; null where it has nothing or the outcome is unknown. Triggers and foreign keys are off meanwhile. '
'For superusers, and who may set session_replication_role and lc_messages, has BYPASSRLS and is a member of the roles. Raises LG310 (no such table), LG311 (the caller may not).';
REVOKE EXECUTE ON FUNCTION monitoring.test_rls_policies(regclass[]) FROM PUBLIC;

CREATE FUNCTION monitoring.remember_access(relations regclass[] DEFAULT NULL, OUT new bigint, OUT changed bigint, OUT gone bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO monitoring.access_owners AS o
  SELECT t, f.subject, f.own_column, f.via, f.via_key, f.via_user, f.via_condition, false
    FROM lifeguard.tried_tables(relations) AS t, (SELECT lifeguard.owner_columns() AS kin OFFSET 0) AS k, lifeguard.find_owner(t, k.kin) AS f
   WHERE f.subject IS NOT NULL
  ON CONFLICT ON CONSTRAINT access_owners_pkey DO UPDATE
    SET subject = excluded.subject, own_column = excluded.own_column, via = excluded.via, via_key = excluded.via_key, via_user = excluded.via_user, via_condition = excluded.via_condition
  WHERE NOT o.by_hand;

  WITH cells AS MATERIALIZED (SELECT * FROM monitoring.test_rls_policies(relations)),
  kept AS (
    INSERT INTO monitoring.access_expectations AS e (relation, role_name, persona, command, outcome)
    SELECT c.relation, c.role_name, c.persona, c.command, c.outcome FROM cells c
    ON CONFLICT ON CONSTRAINT access_expectations_pkey
    DO UPDATE SET outcome = excluded.outcome, remembered_at = now() WHERE e.outcome <> excluded.outcome),
  dropped AS (
    DELETE FROM monitoring.access_expectations e
     WHERE (relations IS NULL OR e.relation = ANY (relations))
       AND NOT EXISTS (SELECT FROM cells c WHERE c.relation = e.relation AND c.role_name = e.role_name AND c.persona = e.persona AND c.command = e.command)
    RETURNING 1)
  SELECT count(*) FILTER (WHERE c.expected IS NULL), count(*) FILTER (WHERE c.expected <> c.outcome), (SELECT count(*) FROM dropped)
    INTO new, changed, gone FROM cells c;
END $$;
COMMENT ON FUNCTION monitoring.remember_access(regclass[]) IS
'Takes the access matrix of these tables (null: of all) as what is expected from now on; how many cells are new, changed and gone. Notes stay. '
'Rights and errors as monitoring.test_rls_policies().';
REVOKE EXECUTE ON FUNCTION monitoring.remember_access(regclass[]) FROM PUBLIC;

CREATE FUNCTION monitoring.access_changes(relations regclass[] DEFAULT NULL)
RETURNS TABLE (relation regclass, role_name text, persona text, command text, before text, now text, change text, note text, row_key jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM monitoring.access_expectations e WHERE relations IS NULL OR e.relation = ANY (relations)) THEN
    RAISE EXCEPTION USING ERRCODE = 'LG312', MESSAGE = 'nothing is remembered that access could have changed from',
      DETAIL = jsonb_build_object('relations', relations), HINT = 'SELECT * FROM monitoring.remember_access(); before the next migration.';
  END IF;
  RETURN QUERY
    SELECT coalesce(t.relation, e.relation), coalesce(t.role_name::text, e.role_name), coalesce(t.persona, e.persona), coalesce(t.command, e.command), e.outcome, t.outcome,
           CASE WHEN t.outcome IS NULL THEN CASE WHEN NOT EXISTS (SELECT FROM pg_class WHERE oid = e.relation) THEN 'the table is gone'
                                                 WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = e.role_name) THEN 'the role is gone' ELSE 'is not tried any more' END
                ELSE format(CASE t.outcome WHEN 'allowed' THEN CASE WHEN e.outcome IS NULL THEN '%s may %s %s' ELSE '%s may now %s %s' END
                                           WHEN 'refused' THEN CASE e.outcome WHEN 'allowed' THEN '%s may no longer %s %s' ELSE '%s may not %s %s' END
                                           WHEN 'failed' THEN '%s fails to %s %s' ELSE 'it cannot be told whether %s may %s %s' END,
                            t.role_name || CASE t.persona WHEN 'anonymous' THEN '' WHEN 'service' THEN '' ELSE format(' (%s)', t.persona) END, t.command, t.relation)
                     || CASE WHEN t.reason IS NOT NULL THEN ': ' || t.reason ELSE '' END END,
           e.note, t.row_key
      FROM monitoring.test_rls_policies(relations) AS t
      FULL JOIN (SELECT * FROM monitoring.access_expectations x WHERE relations IS NULL OR x.relation = ANY (relations)) AS e
        ON e.relation = t.relation AND e.role_name = t.role_name AND e.persona = t.persona AND e.command = t.command
     WHERE t.outcome IS DISTINCT FROM e.outcome
     ORDER BY 1, 2, 3, 4;
END $$;
COMMENT ON FUNCTION monitoring.access_changes(regclass[]) IS
'Where the access matrix is not what monitoring.remember_access() stored: before is null for a cell that is new, now is null for one that is gone; change says it in words. '
'Rights and errors as monitoring.test_rls_policies(); LG312 when nothing is remembered.';
REVOKE EXECUTE ON FUNCTION monitoring.access_changes(regclass[]) FROM PUBLIC;

-- What default privileges have added is taken back: who could put a trigger on these tables would act as the superuser who writes them.
DO $$
DECLARE
  surplus record;
BEGIN
  FOR surplus IN
    SELECT format('TABLE %s', c.oid::regclass) AS object, coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC') AS role, privilege_type AS privilege
      FROM pg_class c, aclexplode(relacl)
     WHERE c.oid = ANY ('{monitoring.access_roles,monitoring.access_expectations,monitoring.access_owners}'::regclass[])
       AND grantee <> relowner AND NOT (grantee = 'pg_monitor'::regrole AND privilege_type = 'SELECT')
    UNION ALL
    SELECT format('FUNCTION %s', p.oid::regprocedure), coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC'), privilege_type
      FROM pg_proc p, aclexplode(proacl)
     WHERE pronamespace = 'monitoring'::regnamespace AND proname = ANY ('{explain_access,test_rls_policies,remember_access,access_changes}') AND grantee <> proowner
  LOOP
    EXECUTE format('REVOKE %s ON %s FROM %s', surplus.privilege, surplus.object, surplus.role);
  END LOOP;
END $$;
