-- General checks: what is not looked at.

CREATE FUNCTION lifeguard.check_checks_off() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name, format('the check %s of %s is switched off, and nobody said why', c.name, c.category),
         jsonb_build_object('check', c.name, 'category', c.category, 'remedy',
           format('UPDATE monitoring.checks SET enabled = true WHERE name = %1$L;   -- or say why not: SET off_because = ''...''', c.name)), NULL::text
    FROM monitoring.checks c WHERE NOT c.enabled AND coalesce(btrim(c.off_because), '') = ''
$$;

SELECT monitoring.add_check('checks_off', 'checks', 'warning', 'lifeguard.check_checks_off()',
                            'checks that are switched off without a reason in monitoring.checks.off_because', 'UPDATE monitoring.checks SET enabled = true WHERE name = ...;');
