-- The rows of the table that was there before. 05_monitoring has made sure that reading it runs nobody's code, as long as only
-- columns of built-in types are read.

-- Not OTHERS: what is not expected here is to be seen.
CREATE FUNCTION lifeguard.read_context(content text) RETURNS jsonb
LANGUAGE plpgsql STRICT STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  value jsonb;
BEGIN
  value := content::jsonb;
  RETURN CASE jsonb_typeof(value) WHEN 'object' THEN value WHEN 'null' THEN '{}' ELSE jsonb_build_object('value', value) END;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN   -- no JSON, or more than jsonb holds
  RETURN jsonb_build_object('value', left(content, 1000000));
END $$;
COMMENT ON FUNCTION lifeguard.read_context(text) IS
'A text as the context of an error: the JSON object that it is, else {"value": the text} (cut to 1,000,000 characters). Never fails.';
REVOKE EXECUTE ON FUNCTION lifeguard.read_context(text) FROM PUBLIC;

DO $$
DECLARE
  texts   constant regtype[] := '{text,varchar,bpchar,name}';
  -- a time that every time zone can make a timestamptz of
  time    constant text := 'CASE WHEN isfinite(%1$s) THEN least(greatest(%1$s, ''4700-01-01 BC''), ''294000-01-01'') ELSE %1$s END::timestamptz';
  before  constant oid := (SELECT oid FROM pg_class WHERE oid = to_regclass('monitoring.system_errors_before') AND relkind = 'r' AND NOT relispartition);
  read    jsonb;   -- the columns that can be read, each with the expression that does it
  granted record;
  losses  text;
BEGIN
  IF before IS NULL THEN
    RETURN;
  END IF;

  SELECT coalesce(jsonb_object_agg(r.name, format(r.expression, quote_ident(a.attname))), '{}') INTO read
    FROM (VALUES
      ('id',                '{uuid}'::regtype[], 'coalesce(CASE WHEN row_number() OVER (PARTITION BY %1$s ORDER BY ctid) = 1 THEN %1$s END, gen_random_uuid())'),
      ('id_before',         '{smallint,int,bigint,numeric}' || texts, 'jsonb_build_object(''id_before'', id)'),
      ('error_type',        texts, 'coalesce(%1$s::text, ''unspecified'')'),
      ('error_message',     texts, 'coalesce(%1$s::text, '''')'),
      ('context',           '{json,jsonb}' || texts, 'coalesce(lifeguard.read_context(%1$s::text), ''{}'')'),
      ('created_at',        '{timestamptz}', 'coalesce(%1$s, now())'),
      ('created_at',        '{timestamp,date}', 'coalesce(' || time || ', now())'),
      ('severity',          texts, 'coalesce(%1$s::text, ''ERROR'')'),
      ('sqlstate',          texts, '%1$s::text'),
      ('session_user_name', texts, '%1$s::text'),
      ('app_user',          '{uuid}', '%1$s'),
      ('resolved',          '{boolean}', 'coalesce(%1$s, false)'),
      ('resolved_at',       '{timestamptz}', '%1$s'),
      ('resolved_at',       '{timestamp,date}', time),
      ('resolved_by',       '{uuid}' || texts, '%1$s::text'),
      ('resolution',        texts, '%1$s::text')) AS r(name, types, expression)
    JOIN pg_attribute a ON a.attname = CASE r.name WHEN 'id_before' THEN 'id' ELSE r.name END AND a.atttypid = ANY (r.types)
   WHERE a.attrelid = before AND a.attnum > 0 AND NOT a.attisdropped;

  IF read ? 'error_type' OR read ? 'error_message' THEN
    read := jsonb_build_object('error_type', '''unspecified''', 'error_message', '''''') || read;
    IF read ? 'created_at' THEN
      read := read || jsonb_build_object('last_seen_at', read -> 'created_at');
    END IF;
    IF read ? 'id_before' THEN
      read := read - 'id_before' || jsonb_build_object('context', concat_ws(' || ', read ->> 'context', read ->> 'id_before'));
    END IF;
    EXECUTE (SELECT format('INSERT INTO monitoring.system_errors (%s) SELECT %s FROM ONLY monitoring.system_errors_before',
                           string_agg(key, ', '), string_agg(value, ', ')) FROM jsonb_each_text(read));
  ELSE
    RAISE WARNING USING
      MESSAGE = 'no row of monitoring.system_errors_before was taken over: it has no column error_type or error_message of a type of text',
      HINT = 'Copy what you need: INSERT INTO monitoring.system_errors (error_type, error_message, context, created_at) SELECT ...';
  END IF;

  -- Who could insert, still can, into the columns that there were. Grants made here count as the extension's own, which
  -- pg_dump leaves out: these are not.
  FOR granted IN
    SELECT coalesce(nullif(acl.grantee, 0)::regrole::text, 'PUBLIC') AS role, string_agg(DISTINCT quote_ident(a.attname), ', ') AS columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped,
           LATERAL (SELECT grantee, privilege_type FROM aclexplode(c.relacl) UNION ALL SELECT grantee, privilege_type FROM aclexplode(a.attacl)) AS acl
     WHERE c.oid = before AND NOT c.relrowsecurity AND acl.privilege_type = 'INSERT' AND acl.grantee <> c.relowner
       AND EXISTS (SELECT FROM pg_attribute n WHERE n.attrelid = 'monitoring.system_errors'::regclass AND n.attname = a.attname AND n.attnum > 0)
     GROUP BY 1
  LOOP
    EXECUTE format('GRANT INSERT (%s) ON monitoring.system_errors TO %s', granted.columns, granted.role);
  END LOOP;
  PERFORM set_config('allow_system_table_mods', 'on', true);
  DELETE FROM pg_init_privs WHERE classoid = 'pg_class'::regclass AND objoid = 'monitoring.system_errors'::regclass AND objsubid > 0;
  PERFORM set_config('allow_system_table_mods', 'off', true);

  -- What else belonged to the table is its users' to make anew.
  SELECT string_agg(what, ', ' ORDER BY what) INTO losses FROM (
    SELECT format('%s for %s', string_agg(DISTINCT privilege_type, '/'), coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC'))
      FROM pg_class c, aclexplode(c.relacl) AS acl
     WHERE c.oid = before AND grantee <> relowner AND (privilege_type <> 'INSERT' OR relrowsecurity) GROUP BY grantee
    UNION ALL
    SELECT DISTINCT CASE d.classid WHEN 'pg_rewrite'::regclass THEN format('view %s', (SELECT ev_class::regclass FROM pg_rewrite WHERE oid = d.objid))
                                   ELSE pg_describe_object(d.classid, d.objid, 0) END
      FROM pg_depend d
     WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = before
       AND (d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass, 'pg_publication_rel'::regclass)
            OR d.classid = 'pg_trigger'::regclass AND EXISTS (SELECT FROM pg_trigger WHERE oid = d.objid AND NOT tgisinternal)
            OR d.classid = 'pg_constraint'::regclass AND EXISTS (SELECT FROM pg_constraint WHERE oid = d.objid AND confrelid = before AND conrelid <> before))
    UNION ALL
    SELECT format('column %I of type %s', a.attname, a.atttypid::regtype)
      FROM pg_attribute a JOIN pg_attribute n ON n.attrelid = 'monitoring.system_errors'::regclass AND n.attname = a.attname AND n.attnum > 0
     WHERE a.attrelid = before AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'id'
       AND (NOT read ? a.attname::text OR a.attname IN ('error_type', 'error_message') AND a.atttypid <> ALL (texts))
  ) AS l(what);
  IF losses IS NOT NULL THEN
    RAISE WARNING USING MESSAGE = format('stays with monitoring.system_errors_before, the table as it was: %s', losses),
      HINT = 'Make anew on monitoring.system_errors what is needed there. Readers need a grant and a policy.';
  END IF;
END $$;
