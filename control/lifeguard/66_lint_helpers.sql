-- Lints of what a policy asks for each row, where a helper of lifeguard's answers once.

-- Calls that stand in a sub-select of their own are evaluated once already and stay.
CREATE FUNCTION lifeguard.with_helpers(expression text, calls text[], helpers text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  unwrapped constant text := '(?<!SELECT \(*)(?<![\w."$])';
  before    constant text := lifeguard.mask_literals(expression);
  e         text := before;
BEGIN
  IF strpos(e, 'request.jwt.') > 0 THEN
    e := regexp_replace(e, unwrapped || $claims$\((?:current_setting\('request\.jwt\.claims'::text(?:, \w+)?\)|NULLIF\(current_setting\('request\.jwt\.claims'::text, \w+\), ''::text\))\)::(?:jsonb|json(?= ->))$claims$,
                        'lifeguard.claims()', 'g');
    e := regexp_replace(e, unwrapped || $claim$(?:NULLIF\(current_setting\('request\.jwt\.claim\.(\w+)'::text, \w+\), ''::text\)|current_setting\('request\.jwt\.claim\.(\w+)'::text(?:, \w+)?\))$claim$,
                        'lifeguard.claim(''\1\2''::text)', 'g');
  END IF;
  FOR i IN 1..coalesce(cardinality(calls), 0) LOOP
    IF strpos(e, calls[i]) > 0 THEN
      e := regexp_replace(e, unwrapped || lifeguard.escape_pattern(calls[i]), replace(helpers[i], '\', '\\'), 'g');
    END IF;
  END LOOP;
  IF e = before THEN
    RETURN expression;
  END IF;
  e := regexp_replace(e, $$\(lifeguard\.claims\(\) ->> '(\w+)'::text\)$$, 'lifeguard.claim(''\1''::text)', 'g');
  e := replace(e, '(lifeguard.claim(''sub''::text))::uuid', 'lifeguard.uid()');
  RETURN lifeguard.unmask_literals(e, expression);
END $function$;
COMMENT ON FUNCTION lifeguard.with_helpers(text, text[], text[]) IS
'A policy''s expression with lifeguard''s helpers for the request''s settings, and with each of the calls replaced by its helper. Unchanged when there is nothing to replace.';

-- Every operand is a name or who asks; anything more is a condition that is_member() does not know.
CREATE FUNCTION lifeguard.find_membership(expression text)
RETURNS TABLE (found text, members text, organization_column name, user_column name, compared_with text)
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pattern constant text := replace(replace($pattern$(\(EXISTS \( SELECT (?:[^()]* )?FROM (NAME\.(NAME))(?: (NAME))? WHERE \(\((WHO) = (WHO)\) AND \((WHO) = (WHO)\)\)\)\))$pattern$,
    'WHO', $pattern$[^()' ]+|(?:lifeguard|auth)\.uid\(\)|\( SELECT (?:lifeguard|auth)\.uid\(\) AS uid\)$pattern$), 'NAME', $pattern$(?:[\w$]+|"[\w -]+")$pattern$);
BEGIN
  IF strpos(expression, '(EXISTS ( SELECT ') = 0 OR expression !~ pattern THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT f[1], f[2], organization.attname, users.attname, o.compared
    FROM regexp_matches(expression, pattern, 'g') AS m(f)
   CROSS JOIN LATERAL (SELECT coalesce(f[4], f[3]) || '.') AS inside(alias)
   CROSS JOIN LATERAL (VALUES (f[5], f[6], f[7]), (f[5], f[6], f[8]), (f[6], f[5], f[7]), (f[6], f[5], f[8]),
                               (f[7], f[8], f[5]), (f[7], f[8], f[6]), (f[8], f[7], f[5]), (f[8], f[7], f[6])) AS o(organization, compared, who)
    JOIN pg_class members ON f[2] = members.relnamespace::regnamespace || '.' || quote_ident(members.relname)   -- the caller may have no right to look names up there
    JOIN pg_attribute organization ON organization.attrelid = members.oid AND organization.atttypid = 'uuid'::regtype AND o.organization = inside.alias || quote_ident(organization.attname)
    JOIN pg_attribute users ON users.attrelid = members.oid AND users.atttypid = 'uuid'::regtype AND o.who = inside.alias || quote_ident(users.attname)
   WHERE CASE WHEN o.who IN (f[5], f[6]) THEN concat(f[5], f[6]) ELSE concat(f[7], f[8]) END ~ 'uid\(\)'
     AND NOT starts_with(o.compared, inside.alias)
     -- a row found by a key of its own is a parent, not a membership
     AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = organization.attrelid AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = organization.attnum);
END $$;
COMMENT ON FUNCTION lifeguard.find_membership(text) IS
'Each EXISTS in an expression, masked, that asks no more than whether the user is a member of the row''s organization: its text, the membership table, its columns, and what is compared with the organization.';

CREATE FUNCTION lifeguard.with_membership(expression text) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m record;
  e text := lifeguard.mask_literals(expression);
BEGIN
  FOR m IN SELECT * FROM lifeguard.find_membership(e) LOOP
    e := replace(e, m.found, format('lifeguard.is_member(%s)', m.compared_with));
  END LOOP;
  RETURN lifeguard.unmask_literals(e, expression);
END $$;
COMMENT ON FUNCTION lifeguard.with_membership(text) IS
'The expression with lifeguard.is_member() in the place of what find_membership() finds.';

CREATE FUNCTION lifeguard.lint_helpers(policies lifeguard.application_policies[])
RETURNS TABLE (lint text, severity text, relation oid, object text, why text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
WITH policies AS MATERIALIZED (SELECT * FROM unnest(lint_helpers.policies)),
sources AS MATERIALIZED (SELECT kind, relation FROM lifeguard.identity_sources),
called AS MATERIALIZED (
  SELECT f.oid AS function, format('%I.%I', n.nspname, f.proname) AS name, n.nspname || '.' || f.proname AS plain, f.pronargs, f.prorettype::regtype AS returns,
         EXISTS (SELECT FROM pg_type t WHERE t.oid = f.prorettype AND t.typelem <> 0 AND t.typlen = -1) AS is_array,
         l.lanname = 'sql' AND NOT f.prosecdef AND f.proconfig IS NULL AS is_inlined, b.body,
         b.body ~* '\mauth\.(?:uid|jwt|email|role)\(|\mlifeguard\.\w+\(|request\.jwt\.claim' AS asks_who
    FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace JOIN pg_language l ON l.oid = f.prolang,
         LATERAL (SELECT lifeguard.function_body(f.oid)) AS b(body)
   WHERE f.oid IN (SELECT refobjid FROM pg_depend WHERE classid = 'pg_policy'::regclass AND refclassid = 'pg_proc'::regclass)
     AND l.lanname IN ('sql', 'plpgsql') AND NOT f.proretset AND n.nspname NOT IN ('lifeguard', 'pg_catalog')),
slow AS MATERIALIZED (   -- without arguments: one answer a statement would do
  SELECT c.name || '()' AS call,
         CASE WHEN c.plain = 'auth.uid' AND c.returns = 'uuid'::regtype THEN 'lifeguard.uid()'
              WHEN c.plain = 'auth.role' AND c.returns = 'text'::regtype THEN 'lifeguard.role()'
              WHEN c.plain = 'auth.email' AND c.returns = 'text'::regtype THEN 'lifeguard.email()'
              WHEN c.plain = 'auth.jwt' AND c.returns = 'jsonb'::regtype THEN 'lifeguard.claims()'
              WHEN c.plain ~ '\mis_admin$' AND c.returns = 'boolean'::regtype AND EXISTS (SELECT FROM sources WHERE kind IN ('admins', 'claim_admin')) THEN 'lifeguard.is_admin()'
              WHEN c.is_array THEN format('(( SELECT %s())::%s)', c.name, c.returns)   -- ANY would take a bare one for a set of rows
              ELSE format('( SELECT %s())', c.name) END AS helper
    FROM called c
   WHERE c.pronargs = 0 AND (NOT c.is_inlined OR c.asks_who AND c.body !~* '^\s*select\s+lifeguard\.\w+\(\)\s*;?\s*$')),
lists AS MATERIALIZED (SELECT array_agg(call) AS calls, array_agg(helper) AS helpers FROM slow),
rewritten AS MATERIALIZED (
  SELECT p.*, lifeguard.with_helpers(p.condition, l.calls, l.helpers) AS new_condition, lifeguard.with_helpers(p.check_condition, l.calls, l.helpers) AS new_check
    FROM policies p, lists l),
memberships AS MATERIALIZED (
  SELECT DISTINCT ON (r.policy) r.policy, m.*
    FROM rewritten r, lifeguard.find_membership(lifeguard.mask_literals(concat_ws(' ', r.new_condition, r.new_check))) AS m
   WHERE strpos(concat(r.condition, r.check_condition), '(EXISTS ( SELECT') > 0)
SELECT 'per_row_helper', 'warning', r.relation, r.object,
       format('%s evaluated again for every row; lifeguard''s helper, or a sub-select of its own, answers once a statement.',
              coalesce((SELECT string_agg(s.call, ', ') || CASE count(*) WHEN 1 THEN ' is' ELSE ' are' END FROM slow s
                         WHERE strpos(concat(r.condition, ' ', r.check_condition), s.call) > 0), 'the request''s claims are')),
       lifeguard.alter_policy(r.quoted_name, r.relation_name, r.new_condition, r.new_check)
  FROM rewritten r
 WHERE r.new_condition IS DISTINCT FROM r.condition OR r.new_check IS DISTINCT FROM r.check_condition
UNION ALL
SELECT 'per_row_membership', 'notice', r.relation, r.object,
       format('for every row it looks into %s, by %s and %s; lifeguard.is_member() looks once a statement.', m.members, m.organization_column, m.user_column),
       concat_ws(' ', CASE WHEN NOT EXISTS (SELECT FROM sources s WHERE s.kind = 'members' AND s.relation::text = m.members)
                           THEN format('SELECT lifeguard.use_members(%L, %L, %L);', m.members, m.user_column, m.organization_column) END,
                 lifeguard.alter_policy(r.quoted_name, r.relation_name, lifeguard.with_membership(r.new_condition), lifeguard.with_membership(r.new_check)))
  FROM memberships m JOIN rewritten r USING (policy)
$$;
COMMENT ON FUNCTION lifeguard.lint_helpers(lifeguard.application_policies[]) IS
'The findings of monitoring.lint() about policies that ask for each row what a statement needs to ask once.';
REVOKE EXECUTE ON FUNCTION lifeguard.lint_helpers(lifeguard.application_policies[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifeguard.lint_helpers(lifeguard.application_policies[]) TO pg_monitor;
