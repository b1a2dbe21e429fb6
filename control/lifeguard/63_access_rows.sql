-- The access matrix needs a row of somebody's: one that is there, or one that it makes and takes back.

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
  PERFORM lifeguard.run_as(reader, lifeguard.make_row_statement(relation, lifeguard.fit_checks(relation, given)), past_force => true);
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
  unsafe   text;       -- what must not be evaluated with the reader's rights
  found    text[];
BEGIN
  -- what another's table holds, and its source's condition, is not for the reader to evaluate
  unsafe := CASE WHEN reader IS NULL THEN coalesce(lifeguard.unsafe_on(relation), 'nobody may')
                 ELSE coalesce((SELECT format('table %s of %s', via, o.rolname) FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner
                                 WHERE c.oid = via AND NOT o.rolsuper AND o.rolname <> reader),
                               CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = reader) THEN lifeguard.unsafe_on(via) END) END;
  IF unsafe IS NOT NULL THEN
    why := 'the table cannot be read safely: ' || unsafe;
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
