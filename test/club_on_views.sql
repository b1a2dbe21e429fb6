-- A club as it is after an existing database was adopted: its tables in another schema, under other names and with other
-- types, and simple views in the canonical places. Instead of pull_up_club.install(); without policies and checks.
CREATE SCHEMA "old club";
CREATE TABLE "old club".map (canonical text PRIMARY KEY, base text, renamed jsonb, types jsonb);
INSERT INTO "old club".map VALUES
  ('auth_management.profiles',          'members',            '{"organization": "club_affiliation"}', '{"paypal_email": "varchar"}'),
  ('auth_management.payout_exclusions', 'payout_exclusions',  '{"user_id": "member"}', '{}'),
  ('content.submissions',               'Films',              '{"organization": "club_affiliation"}',
                                                              '{"actual_pull_up_count": "smallint", "age": "bigint", "region": "varchar"}'),
  ('content.badges',                    'badges',             '{"min_pull_ups": "threshold"}', '{"threshold": "smallint", "name": "varchar"}'),
  ('content.user_badges',               'user_badges',        '{"submission_id": "film"}', '{}'),
  ('content.monthly_graphics',          'cards',              '{"current_pullups": "now", "month_year": "month"}',
                                                              '{"now": "numeric", "improvement": "bigint", "month": "varchar"}'),
  ('communication.notification_queue',  'queue',              '{}', '{}'),
  ('finance.weekly_pools',              'Weekly "Pools"',     '{"week_start_date": "week_start", "total_amount_dollars": "total_dollars", "remaining_amount_dollars": "remaining_dollars"}',
                                                              '{"total_dollars": "numeric(10,2)", "remaining_dollars": "numeric(10,2)", "spent_dollars": "numeric(10,2)"}'),
  ('finance.weekly_earnings',           'earnings',           '{"earning_amount_dollars": "dollars_earned", "month_year": "month"}',
                                                              '{"dollars_earned": "numeric(10,2)", "pull_up_count": "smallint", "month": "varchar"}'),
  ('finance.user_earnings',             'months',             '{"month_year": "month"}', '{"total_earned_dollars": "numeric", "total_submissions": "bigint"}'),
  ('finance.payout_requests',           'payouts',            '{"request_date": "requested"}', '{"amount_dollars": "numeric(12,2)"}'),
  ('finance.monthly_totals',            'totals',             '{"month_year": "month"}', '{"spent_dollars": "bigint"}'),
  ('analytics.best_submissions',        'bests',              '{}', '{"pull_ups": "smallint"}'),
  ('analytics.best_counts',             'best_counts',        '{}', '{"members": "bigint"}');

DO $do$
DECLARE
  part    record;
  spot    record;
  command text;
BEGIN
  FOR part IN SELECT kind, name, make FROM pull_up_club.blueprint
               WHERE kind IN ('role', 'schema', 'table', 'constraint', 'index') ORDER BY place LOOP
    IF NOT pull_up_club.is_there(part.kind, part.name) THEN
      EXECUTE part.make;
    END IF;
  END LOOP;
  ALTER TABLE finance.weekly_pools DROP COLUMN is_depleted;

  FOR part IN SELECT *, split_part(canonical, '.', 1) AS schema, split_part(canonical, '.', 2) AS name FROM "old club".map LOOP
    SELECT string_agg(format('%I AS %I', coalesce(part.renamed ->> attname, attname), attname), ', ' ORDER BY attnum) INTO command
      FROM pg_attribute WHERE attrelid = part.canonical::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format('ALTER TABLE %s SET SCHEMA "old club"', part.canonical);
    IF part.base <> part.name THEN
      EXECUTE format('ALTER TABLE "old club".%I RENAME TO %I', part.name, part.base);
    END IF;
    FOR spot IN SELECT * FROM jsonb_each_text(part.renamed) LOOP
      EXECUTE format('ALTER TABLE "old club".%I RENAME %I TO %I', part.base, spot.key, spot.value);
    END LOOP;
    FOR spot IN SELECT * FROM jsonb_each_text(part.types) LOOP
      EXECUTE format('ALTER TABLE "old club".%I ALTER %I TYPE %s', part.base, spot.key, spot.value);
    END LOOP;
    EXECUTE format('CREATE VIEW %s WITH (security_invoker = true) AS SELECT %s FROM "old club".%I', part.canonical, command, part.base);
  END LOOP;

  FOR part IN SELECT kind, name, make FROM pull_up_club.blueprint
               WHERE kind NOT IN ('role', 'schema', 'table', 'constraint', 'index', 'policy', 'security', 'grant', 'check', 'gauges', 'lint', 'job')
               ORDER BY place LOOP
    command := part.make;
    IF part.kind IN ('rule', 'trigger') THEN
      SELECT replace(command, canonical, format('"old club".%I', base)) INTO command
        FROM "old club".map WHERE canonical = split_part(part.name, ' ON ', 2);
    END IF;
    EXECUTE coalesce(command, part.make);
  END LOOP;
END $do$;
