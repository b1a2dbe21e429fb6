-- Takes from a club's tables what the legacy ones did not have: checks, generated columns, and indexes that only the club's own
-- functions and its keys' cascades use. Columns, primary, unique and foreign keys stay.
DO $$
DECLARE
  command text;
BEGIN
  FOR command IN
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
      FROM pg_constraint WHERE contype IN ('c', 'x') AND connamespace::regnamespace::text IN ('auth_management', 'content', 'finance')
    UNION ALL
    SELECT format('ALTER TABLE %s ALTER COLUMN %I DROP EXPRESSION', attrelid::regclass, attname)
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
     WHERE attgenerated <> '' AND relkind = 'r' AND relnamespace::regnamespace::text IN ('auth_management', 'content', 'finance')
    UNION ALL
    SELECT 'DROP INDEX ' || index
      FROM unnest('{content.submissions_one_pending, content.user_badges_by_submission, content.monthly_graphics_by_submission,
                    finance.payout_requests_by_month, finance.weekly_pools_one_current}'::regclass[]) AS index
  LOOP
    EXECUTE command;
  END LOOP;
END $$;
