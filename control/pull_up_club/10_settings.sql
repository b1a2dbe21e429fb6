-- The club's settings: one typed row that is always there.

-- Names only: a POSIX specification such as UTC+3 means the opposite of what people read.
CREATE FUNCTION pull_up_club.is_time_zone(zone text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pg_catalog.pg_timezone_names WHERE name = zone)
$$;
COMMENT ON FUNCTION pull_up_club.is_time_zone(text) IS 'whether the server knows a time zone of this name';

CREATE TABLE pull_up_club.settings (
  only_row             boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  time_zone            text    NOT NULL DEFAULT 'UTC'  CHECK (pull_up_club.is_time_zone(time_zone)),
  pool_dollars         int     NOT NULL DEFAULT 250    CHECK (pool_dollars BETWEEN 1 AND 1000000),
  monthly_cap_dollars  int     NOT NULL DEFAULT 1000   CHECK (monthly_cap_dollars BETWEEN 0 AND 100000000),
  monthly_cap_scope    text    NOT NULL DEFAULT 'club' CHECK (monthly_cap_scope IN ('club', 'member')),
  cooldown_days        int     NOT NULL DEFAULT 30     CHECK (cooldown_days BETWEEN 0 AND 366),
  auto_create_pools    boolean NOT NULL DEFAULT true,
  max_pull_ups         int     NOT NULL DEFAULT 1000   CHECK (max_pull_ups BETWEEN 1 AND 100000)
);
COMMENT ON TABLE pull_up_club.settings IS
  'the club''s settings, exactly one row; change it by UPDATE or pull_up_club.set(name, value)';

-- set() shows these to who gives a wrong value.
COMMENT ON COLUMN pull_up_club.settings.time_zone           IS
  'a name of pg_timezone_names; every date of the club is taken there';
COMMENT ON COLUMN pull_up_club.settings.pool_dollars        IS 'what a new weekly pool holds: 1 to 1000000 dollars';
COMMENT ON COLUMN pull_up_club.settings.monthly_cap_dollars IS 'the most a calendar month pays: 0 to 100000000 dollars';
COMMENT ON COLUMN pull_up_club.settings.monthly_cap_scope   IS
  'whom the month''s cap counts for: club (all members together) or member (each)';
COMMENT ON COLUMN pull_up_club.settings.cooldown_days       IS 'days from an approval to the next submission: 0 to 366';
COMMENT ON COLUMN pull_up_club.settings.auto_create_pools   IS
  'whether an approval makes its week''s pool when there is none: true or false';
COMMENT ON COLUMN pull_up_club.settings.max_pull_ups        IS 'the most that one submission may count: 1 to 100000';

-- A restored dump (or anybody) who inserts a row replaces the one that is there; nobody takes it away.
CREATE FUNCTION pull_up_club.keep_settings() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG110',
      MESSAGE = 'INVALID_SETTING: the club''s settings are one row that stays',
      DETAIL = jsonb_build_object('table', 'pull_up_club.settings', 'operation', TG_OP),
      HINT = 'Change it: UPDATE pull_up_club.settings SET pool_dollars = 300, '
             'or SELECT pull_up_club.set(''pool_dollars'', ''300'').';
  END IF;
  UPDATE pull_up_club.settings
     SET (time_zone, pool_dollars, monthly_cap_dollars, monthly_cap_scope, cooldown_days, auto_create_pools,
          max_pull_ups)
       = (new.time_zone, new.pool_dollars, new.monthly_cap_dollars, new.monthly_cap_scope, new.cooldown_days,
          new.auto_create_pools, new.max_pull_ups);
  RETURN CASE WHEN FOUND THEN NULL ELSE new END;
END $$;
COMMENT ON FUNCTION pull_up_club.keep_settings() IS
  'trigger: an inserted row replaces the settings; DELETE and TRUNCATE are refused (LG110)';

INSERT INTO pull_up_club.settings DEFAULT VALUES;
CREATE TRIGGER keep_settings BEFORE INSERT OR DELETE ON pull_up_club.settings
  FOR EACH ROW EXECUTE FUNCTION pull_up_club.keep_settings();
CREATE TRIGGER keep_settings_whole BEFORE TRUNCATE ON pull_up_club.settings
  FOR EACH STATEMENT EXECUTE FUNCTION pull_up_club.keep_settings();
SELECT pg_extension_config_dump('pull_up_club.settings', '');
GRANT SELECT ON pull_up_club.settings TO PUBLIC;

CREATE FUNCTION pull_up_club.set(name text, value text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  meaning text;
  kind    text;
  result  text;
BEGIN
  SELECT col_description(a.attrelid, a.attnum), format_type(a.atttypid, a.atttypmod) INTO meaning, kind
    FROM pg_attribute a
   WHERE a.attrelid = 'pull_up_club.settings'::regclass AND a.attname = set.name AND a.attnum > 0
     AND NOT a.attisdropped AND a.attname <> 'only_row';
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LG110',
      MESSAGE = format('INVALID_SETTING: there is no setting %s', coalesce(quote_literal(name), 'NULL')),
      DETAIL = jsonb_build_object('setting', name, 'value', value),
      HINT = (SELECT 'There are ' || string_agg(a.attname, ', ' ORDER BY a.attnum) || '.' FROM pg_attribute a
               WHERE a.attrelid = 'pull_up_club.settings'::regclass AND a.attnum > 1 AND NOT a.attisdropped);
  END IF;
  EXECUTE format('UPDATE pull_up_club.settings SET %1$I = %2$L::%3$s RETURNING %1$I::text', name, value, kind)
    INTO STRICT result;
  RETURN result;
EXCEPTION
  WHEN data_exception OR check_violation OR not_null_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'LG110',
      MESSAGE = format('INVALID_SETTING: %s cannot be %s', name, coalesce(quote_literal(value), 'NULL')),
      DETAIL = jsonb_build_object('setting', name, 'value', value, 'type', kind),
      HINT = format('%s: %s.', name, meaning);
END $$;
COMMENT ON FUNCTION pull_up_club.set(text, text) IS
  'changes one setting and returns it as it now is; LG110 INVALID_SETTING for an unknown name or a value out of its '
  'range';
REVOKE EXECUTE ON FUNCTION pull_up_club.set(text, text) FROM PUBLIC;
