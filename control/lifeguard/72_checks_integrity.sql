-- General checks: rows that the server should have refused. It cannot have, where a constraint is NOT VALID, where its triggers were off (DISABLE TRIGGER,
-- session_replication_role, a subscription), or where a trigger stopped a cascade; the last two leave no trace but the rows.

-- Reading a table runs what its owner put there, so it is read as the owner, who must see all of both tables.
CREATE FUNCTION lifeguard.reader_of_both(relation regclass, other regclass) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  constant oid := (SELECT c.relowner FROM pg_class c WHERE c.oid = relation);
  parent constant pg_class := (SELECT c FROM pg_class c WHERE c.oid = other);
BEGIN
  IF EXISTS (SELECT FROM pg_roles r
              WHERE r.oid = owner AND NOT r.rolsuper AND has_schema_privilege(owner, parent.relnamespace, 'USAGE') AND has_table_privilege(owner, other, 'SELECT')
                AND (NOT parent.relrowsecurity OR r.rolbypassrls OR pg_has_role(owner, parent.relowner, 'USAGE'))) THEN
    RETURN owner;
  END IF;
  RETURN (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user AND r.rolsuper AND lifeguard.unsafe_on(relation) IS NULL AND lifeguard.unsafe_on(other) IS NULL);
END $$;
COMMENT ON FUNCTION lifeguard.reader_of_both(regclass, regclass) IS
'As whom two tables are read past their row security: the owner of the first, else the caller when he is a superuser and that would run no code of somebody with fewer rights. Null when there is nobody.';

CREATE VIEW lifeguard.application_keys AS
SELECT k.oid AS key, k.conname AS name, format('%I on %s', k.conname, k.conrelid::regclass) AS object, k.conrelid AS relation, k.confrelid AS parent, k.conkey, k.convalidated AS validated,
       child.kind AS kind, p.relkind AS parent_kind, k.conpfeqop, k.confkey, k.confmatchtype = 'f' AS match_full,
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O')
         OR EXISTS (SELECT FROM pg_constraint part JOIN pg_trigger t ON t.tgconstraint = part.oid WHERE part.conparentid = k.oid AND t.tgenabled <> 'O') AS disabled,
       (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number) AS columns
  FROM pg_constraint k
  JOIN lifeguard.application_relations child ON child.relation = k.conrelid
  JOIN pg_class p ON p.oid = k.confrelid
 WHERE k.contype = 'f' AND k.conparentid = 0
   -- 18 has keys that are not enforced, and keys over periods
   AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AND NOT coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false);
COMMENT ON VIEW lifeguard.application_keys IS
'The foreign keys of the application''s tables, a partitioned table''s once. disabled: a trigger of the key''s is off, also a partition''s.';
GRANT SELECT ON lifeguard.application_keys TO PUBLIC;   -- the catalog's, which everybody sees

-- FROM and WHERE of the query for rows of one table (a partition, perhaps) without their parent.
CREATE FUNCTION lifeguard.orphans_of(key lifeguard.application_keys, relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  -- of a partition, the columns have the same names and perhaps other numbers
  SELECT format('FROM ONLY %s AS c WHERE (%s) AND NOT EXISTS (SELECT FROM %s %s AS p WHERE %s)', relation,
                string_agg(format('c.%I IS NOT NULL', ca.attname), CASE WHEN (key).match_full THEN ' OR ' ELSE ' AND ' END),
                CASE (key).parent_kind WHEN 'p' THEN '' ELSE 'ONLY' END, (key).parent::regclass,
                string_agg(format('p.%I OPERATOR(%I.%s) c.%I', pa.attname, n.nspname, o.oprname, ca.attname), ' AND '))
    FROM unnest((key).conkey, (key).confkey, (key).conpfeqop) AS u(child, parent, operator)
    JOIN pg_attribute ca ON ca.attrelid = (key).relation AND ca.attnum = u.child
    JOIN pg_attribute pa ON pa.attrelid = (key).parent AND pa.attnum = u.parent
    JOIN pg_operator o ON o.oid = u.operator JOIN pg_namespace n ON n.oid = o.oprnamespace
$$;
COMMENT ON FUNCTION lifeguard.orphans_of(lifeguard.application_keys, regclass) IS
'The rows c of a table, the foreign key''s or a partition of it, that have no parent: FROM and WHERE of a query.';

-- How many there are, up to a thousand, and the keys of a few. `pages`: those to look at; null for all.
CREATE FUNCTION lifeguard.count_orphans(key lifeguard.application_keys, relation regclass, pages int8range DEFAULT NULL, OUT rows bigint, OUT keys jsonb, OUT listing text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  role   constant oid := lifeguard.reader_of_both(relation, (key).parent);
  source constant text := lifeguard.orphans_of(key, relation);
  slice  constant text := CASE WHEN pages IS NOT NULL THEN format(' AND c.ctid >= ''(%s,0)'' AND c.ctid < ''(%s,0)''', lower(pages), upper(pages)) ELSE '' END;
BEGIN
  IF role IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('the owner of %s may not read %s', relation, (key).parent::regclass);
  END IF;
  listing := format('SELECT c.* %s;', source);
  SELECT (r ->> 'rows')::bigint, coalesce(r -> 'keys', '[]') INTO rows, keys
    FROM lifeguard.read_as(role, format('SELECT jsonb_build_object(''rows'', count(*), ''keys'', jsonb_agg(k) FILTER (WHERE n <= 5)) FROM ('
                                        'SELECT k, row_number() OVER () AS n FROM (SELECT jsonb_build_object(%s) AS k %s%s LIMIT 1000) AS o) AS o',
                                        (SELECT string_agg(format('%L, c.%I', a.attname, a.attname), ', ') FROM pg_attribute a WHERE a.attrelid = (key).relation AND a.attnum = ANY ((key).conkey)),
                                        source, slice)) AS r;
END $$;
COMMENT ON FUNCTION lifeguard.count_orphans(lifeguard.application_keys, regclass, int8range) IS
'How many rows of a table have a key without a row in the parent (a thousand at most), a few such keys, and the query that lists the rows. Reads as somebody who may see both tables past their policies; '
'raises 42501 when nobody may.';
REVOKE EXECUTE ON FUNCTION lifeguard.count_orphans(lifeguard.application_keys, regclass, int8range) FROM PUBLIC;

CREATE FUNCTION lifeguard.check_orphans() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  run        constant bigint := coalesce((SELECT max(id) FROM monitoring.check_runs), 0);
  slice      constant bigint := (SELECT setting::bigint FROM pg_settings WHERE name = 'lifeguard.check_slice') * 1024 * 1024 / current_setting('block_size')::int;
  started    constant timestamptz := clock_timestamp();
  time_limit constant interval := (SELECT coalesce(c.time_limit, current_setting('lifeguard.check_time_limit')::interval) / 2 FROM monitoring.checks c WHERE c.name = 'orphans');
  key        lifeguard.application_keys;
  known      monitoring.check_findings;
  looked_at  record;
  part       record;
  pages      int8range;
  counted    record;
  rows       bigint;
  keys       jsonb;
  listing    text;
BEGIN
  -- those with orphans first, then in an order that every run begins elsewhere
  FOR looked_at IN
    SELECT k AS key, f AS known FROM lifeguard.application_keys k LEFT JOIN monitoring.check_findings f ON f.name = 'orphans' AND f.object = k.object AND f.gone_at IS NULL
     ORDER BY f.id IS NULL, k.validated AND NOT k.disabled, hashint8extended(k.key::bigint, run)
  LOOP
    key := looked_at.key;
    known := looked_at.known;
    -- there was no time to look: what was known still is
    IF clock_timestamp() - started > nullif(time_limit, '0') THEN
      IF known.id IS NOT NULL THEN
        RETURN NEXT ROW((key).object, known.message, known.details, known.severity)::monitoring.finding;
      END IF;
      CONTINUE;
    END IF;
    rows := 0;
    keys := '[]';
    listing := NULL;
    BEGIN
      FOR part IN SELECT c.oid::regclass AS relation, pg_relation_size(c.oid) / current_setting('block_size')::int AS pages
                    FROM (SELECT (key).relation UNION SELECT relid FROM pg_partition_tree((key).relation) WHERE isleaf) AS p(id) JOIN pg_class c ON c.oid = p.id AND c.relkind = 'r'
      LOOP
        CONTINUE WHEN part.pages = 0;
        -- the whole of it, when there is a sign that it is needed
        pages := CASE WHEN slice >= 0 AND part.pages > slice AND (key).validated AND NOT (key).disabled AND known.id IS NULL
                      THEN int8range((run % (part.pages / greatest(slice, 1) + 1)) * slice, (run % (part.pages / greatest(slice, 1) + 1) + 1) * slice) END;
        counted := lifeguard.count_orphans(key, part.relation, pages);
        IF counted.rows > 0 THEN
          rows := rows + counted.rows;
          keys := CASE WHEN jsonb_array_length(keys) = 0 THEN counted.keys ELSE keys END;
          listing := coalesce(listing, counted.listing);
        END IF;
      END LOOP;
      IF rows > 0 THEN
        RETURN NEXT ROW((key).object, format('%s rows of %s point to rows of %s that are not there (%s)', CASE WHEN rows >= 1000 THEN 'at least ' || rows ELSE rows::text END,
                                             (key).relation::regclass, (key).parent::regclass, (key).columns),
                        jsonb_build_object('constraint', (key).name, 'table', (key).relation::regclass::text, 'columns', (key).columns, 'parent', (key).parent::regclass::text, 'rows', rows,
                                           'keys', keys, 'remedy', listing), NULL)::monitoring.finding;
      END IF;
    EXCEPTION WHEN OTHERS THEN
      RETURN NEXT ROW((key).object, format('%s: its rows cannot be looked at: %s', (key).object, SQLERRM),
                      jsonb_build_object('constraint', (key).name, 'table', (key).relation::regclass::text, 'sqlstate', SQLSTATE,
                                         'remedy', format('GRANT SELECT ON %s TO %s;', (key).parent::regclass, (SELECT relowner::regrole FROM pg_class WHERE oid = (key).relation))), 'warning')::monitoring.finding;
    END;
  END LOOP;
END $$;

-- Their rows are counted in tables of less than a gigabyte.
CREATE FUNCTION lifeguard.check_unvalidated_constraints() RETURNS SETOF monitoring.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k       record;
  rows    bigint;
  listing text;
  key     lifeguard.application_keys;
BEGIN
  FOR k IN
    SELECT c.oid, c.contype, format('%I on %s', c.conname, t.name) AS object, t.name AS relation_name, c.conrelid::regclass AS relation, c.conname, pg_get_expr(c.conbin, c.conrelid) AS condition
      FROM pg_constraint c JOIN lifeguard.application_relations t ON t.relation = c.conrelid
     WHERE NOT c.convalidated AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true) AND c.conparentid = 0 AND t.kind IN ('r', 'p')
  LOOP
    rows := NULL;
    listing := NULL;
    IF pg_relation_size(k.relation) < 1024 * 1024 * 1024 THEN
      BEGIN
        IF k.contype = 'f' THEN
          SELECT * INTO STRICT key FROM lifeguard.application_keys a WHERE a.key = k.oid;
          SELECT o.rows, o.listing INTO rows, listing FROM lifeguard.count_orphans(key, k.relation) AS o;
        ELSIF k.condition IS NOT NULL THEN
          listing := format('SELECT * FROM %s WHERE NOT (%s);', k.relation, k.condition);
          SELECT r::bigint INTO rows
            FROM lifeguard.read_as((SELECT oid FROM pg_roles WHERE rolname = lifeguard.reader_of(k.relation)),
                                   format('SELECT to_jsonb(count(*)) FROM (SELECT FROM %s WHERE NOT (%s) LIMIT 1000) AS r', k.relation, k.condition)) AS r;
        END IF;
      EXCEPTION WHEN OTHERS THEN   -- that it is not validated is told all the same
        rows := NULL;
      END;
    END IF;
    RETURN NEXT ROW(k.object, format('%s is not validated: %s', k.object, CASE WHEN rows IS NULL THEN 'old rows may break it' WHEN rows = 0 THEN 'no row breaks it'
                                                                             ELSE format('%s rows break it', CASE WHEN rows >= 1000 THEN 'at least ' || rows ELSE rows::text END) END),
                    jsonb_build_object('constraint', k.conname, 'table', k.relation::text, 'rows', rows,
                                       'remedy', CASE WHEN rows > 0 THEN listing ELSE format('ALTER TABLE %s VALIDATE CONSTRAINT %I;', k.relation, k.conname) END),
                    CASE WHEN rows > 0 THEN 'critical' END)::monitoring.finding;
  END LOOP;
END $$;

SELECT monitoring.add_check('orphans', 'integrity', 'critical', 'lifeguard.check_orphans()',
                            'rows whose foreign key has no row in the parent table, though the constraint says so', 'mend or delete the rows that the finding''s query lists'),
       monitoring.add_check('unvalidated_constraints', 'integrity', 'warning', 'lifeguard.check_unvalidated_constraints()',
                            'constraints that are NOT VALID (critical: with rows that break them)', 'ALTER TABLE ... VALIDATE CONSTRAINT ...;');
