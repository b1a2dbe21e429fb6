-- Tables that could be adopted by their names and columns, and would not work: whoever approves should not be the first to learn it.

CREATE FUNCTION pull_up_club.shape_problems(base regclass) RETURNS TABLE (problem text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('%s is partitioned, and what is one of a kind in all of its rows, such as one pending submission a member, no index of it keeps', base)
    FROM pg_class c WHERE c.oid = base AND c.relkind = 'p'
  UNION ALL
  SELECT format('%s inherits from %s, whose rows are other ones', base, i.inhparent::regclass) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhrelid = base AND NOT c.relispartition
  UNION ALL
  SELECT format('%s inherits from %s: rules, constraints and indexes do not reach its rows', min(i.inhrelid::regclass::text), base)
    FROM pg_inherits i JOIN pg_class c ON c.oid = base WHERE i.inhparent = base AND c.relkind = 'r' HAVING count(*) > 0
  UNION ALL
  SELECT format('the rule %I on %s rewrites its statements, and approvals write its rows without it', r.rulename, base) FROM pg_rewrite r WHERE r.ev_class = base AND r.ev_enabled <> 'D'
  UNION ALL
  SELECT format('%s forces row security on its owner %s, as whom the rules and functions look at all of its rows: ALTER TABLE %1$s NO FORCE ROW LEVEL SECURITY', base, c.relowner::regrole)
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = base AND c.relrowsecurity AND c.relforcerowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls
$$;
COMMENT ON FUNCTION pull_up_club.shape_problems(regclass) IS 'why a table cannot be adopted whatever its columns are: partitions, inheritance, rules made by CREATE RULE, row security that binds its owner';

-- What has a name of ours, and is not ours, would be taken for it.
CREATE FUNCTION pull_up_club.name_problems(club jsonb) RETURNS TABLE (object text, problem text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT b.name, format('there is a function %s already, and it is not the club''s', b.name)
    FROM pull_up_club.blueprint b JOIN pg_proc f ON f.oid = to_regprocedure(b.name) WHERE b.kind = 'function' AND strpos(b.make, '$' || f.prosrc || '$') = 0
  UNION ALL
  SELECT b.name, format('there is a %s already, without the club''s column %s', b.name, min(k.column_name))
    FROM pull_up_club.blueprint b JOIN pg_class c ON c.oid = to_regclass(b.name) JOIN pull_up_club.canonical_columns k ON k.name = b.name
   WHERE b.kind = 'table' AND NOT club ? b.name
     AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = k.column_name AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = k.type)
   GROUP BY b.name
  UNION ALL
  SELECT t.key, format('the constraint %s on %s has a name of the club''s, and is another one: %s', k.constraint_name, t.value ->> 'base', pg_get_constraintdef(c.oid))
    FROM jsonb_each(club) AS t JOIN pull_up_club.table_constraints() AS k ON k.name = t.key JOIN pg_constraint c ON c.conrelid = (t.value ->> 'base')::regclass AND c.conname = k.constraint_name
   WHERE NOT t.value ? 'adopted' AND c.contype <> CASE split_part(k.definition, ' ', 1) WHEN 'CHECK' THEN 'c' WHEN 'UNIQUE' THEN 'u' WHEN 'FOREIGN' THEN 'f' ELSE 'x' END::"char"
$$;
COMMENT ON FUNCTION pull_up_club.name_problems(jsonb) IS 'names of the club''s that others have: functions, tables without its columns, constraints of another kind';

CREATE FUNCTION pull_up_club.column_problems(club jsonb) RETURNS TABLE (object text, problem text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.key, format('%s.%I is generated, and the club writes it', t.value ->> 'base', a.attname)
    FROM jsonb_each(club) AS t, jsonb_each_text(t.value -> 'columns') AS c
    JOIN pull_up_club.canonical_columns k ON k.column_name = c.key AND k.derived IS NULL
    JOIN pg_attribute a ON a.attname = c.value AND a.attgenerated <> ''
   WHERE k.name = t.key AND a.attrelid = (t.value ->> 'base')::regclass
  UNION ALL   -- submissions and admins come from clients, who know what else there is
  SELECT t.key, format('%s.%I has to have a value and has no default, and the club''s rows bring none', t.value ->> 'base', a.attname)
    FROM jsonb_each(club) AS t JOIN pg_attribute a ON a.attrelid = (t.value ->> 'base')::regclass
   WHERE t.key IN ('auth_management.profiles', 'content.user_badges', 'content.monthly_graphics', 'finance.weekly_pools', 'finance.weekly_earnings', 'finance.user_earnings',
                   'finance.payout_requests', 'communication.notification_queue', 'communication.email_notifications') AND NOT t.value ? 'adopted' AND t.value -> 'parts' <> '[]'
     AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
     AND NOT EXISTS (SELECT FROM jsonb_array_elements(t.value -> 'parts') AS p WHERE a.attname IN (p ->> 'base_column', p ->> 'other'))
$$;
COMMENT ON FUNCTION pull_up_club.column_problems(jsonb) IS 'columns that the club writes and nobody may, and those that it does not know and have to have a value';

REVOKE EXECUTE ON FUNCTION pull_up_club.shape_problems(regclass), pull_up_club.name_problems(jsonb), pull_up_club.column_problems(jsonb) FROM PUBLIC;
