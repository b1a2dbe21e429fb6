-- Without the extension an adopted club's approvals would pay nobody, and its old triggers would stay disabled.

CREATE FUNCTION pull_up_club.keep_adopted() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_query() ~* '\m(pull_up_club|lifeguard)\M' THEN   -- not other extensions
    PERFORM pull_up_club.require_own_tables('DROP EXTENSION', 'release() lets the club go as it was; then drop the extension.');
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.keep_adopted() IS 'event trigger: DROP EXTENSION of pull_up_club or lifeguard is refused (LG126 ADOPTED) while a club is adopted';

CREATE EVENT TRIGGER pull_up_club_keep_adopted ON ddl_command_start WHEN TAG IN ('DROP EXTENSION') EXECUTE FUNCTION pull_up_club.keep_adopted();
