-- Ranks without a refresh: each member's best approved submission, and how many members have each count as their best. The
-- lifecycle keeps both in the transaction that approves or reverses. A rank is a sum of the counts above and the members of
-- the same count who were earlier. What the view analytics.leaderboard derives from all submissions is read here.
--
-- No foreign keys and no CHECK: an approval would pay for them, and a number that is off must not refuse it. What is off is
-- found by the check club_ranks and mended by analytics.rebuild_ranks().

INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('table', 'analytics.best_submissions', $ddl$
CREATE TABLE analytics.best_submissions (
  user_id       uuid PRIMARY KEY,
  submission_id uuid NOT NULL,
  pull_ups      int NOT NULL,
  approved_at   timestamptz NOT NULL
);
COMMENT ON TABLE analytics.best_submissions IS
  'each member''s best approved submission: most pull-ups, then the earliest approval; kept by the lifecycle'$ddl$),
  ('index', 'analytics.best_submissions_by_rank',
   'CREATE INDEX best_submissions_by_rank ON analytics.best_submissions (pull_ups DESC, approved_at, user_id)'),
  ('table', 'analytics.best_counts', $ddl$
CREATE TABLE analytics.best_counts (
  id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  pull_ups int NOT NULL,
  members  int NOT NULL                                 -- so many more; fewer: negative
);
COMMENT ON TABLE analytics.best_counts IS
  'how many members have a count as their best: the sum of its rows; kept by the lifecycle, folded by analytics.fold_counts()'$ddl$),
  ('index', 'analytics.best_counts_by_count', 'CREATE INDEX best_counts_by_count ON analytics.best_counts (pull_ups) INCLUDE (members)');

-- Approvals add rows and never wait for each other here. Who folds takes only rows that he sees and locks; a second one
-- finds them gone.
CREATE FUNCTION analytics.fold_counts() RETURNS int
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  WITH gone AS (
    DELETE FROM analytics.best_counts
     WHERE pull_ups IN (SELECT pull_ups FROM analytics.best_counts GROUP BY 1 HAVING count(*) > 1) RETURNING pull_ups, members
  ), folded AS (
    INSERT INTO analytics.best_counts (pull_ups, members) SELECT pull_ups, sum(members) FROM gone GROUP BY 1 HAVING sum(members) <> 0
  )
  SELECT count(*)::int FROM gone
$$;
COMMENT ON FUNCTION analytics.fold_counts() IS
  'makes one row of the rows that approvals have added for a count, and returns how many it took; done every night';
REVOKE EXECUTE ON FUNCTION analytics.fold_counts() FROM PUBLIC;

CREATE FUNCTION analytics.rank_submission(submission_id uuid) RETURNS boolean
LANGUAGE C AS 'MODULE_PATHNAME', 'club_rank_submission';
COMMENT ON FUNCTION analytics.rank_submission(uuid) IS
  'brings the best of the submission''s member up to date, after it was approved or reversed; true when it is this one now; '
  'LG106 NO_SUCH_SUBMISSION';
REVOKE EXECUTE ON FUNCTION analytics.rank_submission(uuid) FROM PUBLIC;

CREATE FUNCTION analytics.rebuild_ranks() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mended int;
BEGIN
  PERFORM pull_up_club.require_read_committed('analytics.rebuild_ranks()');
  -- who deletes locks the bests' rows first: also he waits before that
  LOCK TABLE analytics.best_submissions, analytics.best_counts IN EXCLUSIVE MODE;
  WITH best AS MATERIALIZED (
    SELECT DISTINCT ON (s.user_id) s.user_id, s.id, s.actual_pull_up_count, s.approved_at
      FROM content.submissions s
     WHERE s.status = 'approved' AND s.actual_pull_up_count IS NOT NULL AND s.approved_at IS NOT NULL
     ORDER BY s.user_id, s.actual_pull_up_count DESC, s.approved_at, s.id
  ), removed AS (
    DELETE FROM analytics.best_submissions b WHERE NOT EXISTS (SELECT FROM best WHERE best.user_id = b.user_id) RETURNING 1
  ), stored AS (
    INSERT INTO analytics.best_submissions AS b
    SELECT best.* FROM best LEFT JOIN analytics.best_submissions old ON old.user_id = best.user_id
     WHERE old IS DISTINCT FROM ROW(best.user_id, best.id, best.actual_pull_up_count, best.approved_at)::analytics.best_submissions
    ON CONFLICT (user_id) DO UPDATE
      SET submission_id = excluded.submission_id, pull_ups = excluded.pull_ups, approved_at = excluded.approved_at
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM removed) + (SELECT count(*) FROM stored) INTO mended;

  WITH counted AS (
    SELECT b.pull_ups, count(*)::int AS members FROM analytics.best_submissions b GROUP BY 1
  ), summed AS (
    SELECT c.pull_ups, sum(c.members)::int AS members FROM analytics.best_counts c GROUP BY 1
  ), stored AS (
    INSERT INTO analytics.best_counts (pull_ups, members)
    SELECT pull_ups, coalesce(counted.members, 0) - coalesce(summed.members, 0) FROM counted FULL JOIN summed USING (pull_ups)
     WHERE coalesce(counted.members, 0) <> coalesce(summed.members, 0)
    RETURNING 1
  )
  SELECT mended + (SELECT count(*) FROM stored) INTO mended;
  PERFORM analytics.fold_counts();
  RETURN mended;
END $$;
COMMENT ON FUNCTION analytics.rebuild_ranks() IS
  'brings every member''s best and the counts up to date, as after history was loaded without triggers, and returns how many '
  'rows were off; approvals wait meanwhile; LG115 in a transaction that is not READ COMMITTED';
REVOKE EXECUTE ON FUNCTION analytics.rebuild_ranks() FROM PUBLIC;

-- Deleting is no transition: a statement's end looks for the bests that went. They are locked in the order of members.
INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('rows', 'the ranks', 'SELECT FROM generate_series(1, analytics.rebuild_ranks())'),
  ('function', 'analytics.forget_submissions()', $ddl$
CREATE FUNCTION analytics.forget_submissions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  lost   uuid[];
  change record;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    DELETE FROM analytics.best_submissions;
    DELETE FROM analytics.best_counts;
    RETURN NULL;
  END IF;
  lost := ARRAY(SELECT b.user_id FROM analytics.best_submissions b JOIN gone ON gone.user_id = b.user_id AND gone.id = b.submission_id
                 ORDER BY b.user_id FOR UPDATE OF b);
  IF lost = '{}' THEN
    RETURN NULL;
  END IF;
  FOR change IN
    WITH next AS MATERIALIZED (
      SELECT DISTINCT ON (s.user_id) s.user_id, s.id, s.actual_pull_up_count, s.approved_at
        FROM content.submissions s
       WHERE s.user_id = ANY (lost) AND s.status = 'approved' AND s.actual_pull_up_count IS NOT NULL AND s.approved_at IS NOT NULL
       ORDER BY s.user_id, s.actual_pull_up_count DESC, s.approved_at, s.id
    ), was AS MATERIALIZED (
      SELECT b.user_id, b.pull_ups FROM analytics.best_submissions b WHERE b.user_id = ANY (lost)
    ), moved AS (
      UPDATE analytics.best_submissions b
         SET submission_id = next.id, pull_ups = next.actual_pull_up_count, approved_at = next.approved_at
        FROM next WHERE next.user_id = b.user_id
    ), removed AS (
      DELETE FROM analytics.best_submissions b WHERE b.user_id = ANY (lost) AND b.user_id NOT IN (SELECT user_id FROM next)
    )
    SELECT c.pull_ups, sum(c.members)::int AS members
      FROM (SELECT pull_ups, -1 FROM was UNION ALL SELECT actual_pull_up_count, 1 FROM next) AS c(pull_ups, members)
     GROUP BY 1 HAVING sum(c.members) <> 0 ORDER BY 1
  LOOP
    INSERT INTO analytics.best_counts (pull_ups, members) VALUES (change.pull_ups, change.members);
  END LOOP;
  RETURN NULL;
END $body$;
COMMENT ON FUNCTION analytics.forget_submissions() IS
  'trigger: members whose best submission was deleted are ranked by what is left';
REVOKE EXECUTE ON FUNCTION analytics.forget_submissions() FROM PUBLIC$ddl$),
  ('trigger', 'forget_submissions ON content.submissions', $ddl$
CREATE TRIGGER forget_submissions AFTER DELETE ON content.submissions REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION analytics.forget_submissions()$ddl$),
  ('trigger', 'forget_all_submissions ON content.submissions', $ddl$
CREATE TRIGGER forget_all_submissions AFTER TRUNCATE ON content.submissions
  FOR EACH STATEMENT EXECUTE FUNCTION analytics.forget_submissions()$ddl$);

CREATE TYPE pull_up_club.ranked_member AS (
  rank bigint, user_id uuid, full_name text, gender text, organization text, region text, submission_id uuid,
  actual_pull_up_count int, approved_at timestamptz, video_url text, platform text, place jsonb);
COMMENT ON TYPE pull_up_club.ranked_member IS
  'a row of analytics.leaderboard(): the columns of the view, and the place where a following page begins';

-- Both read with their owner's rights, as content.list_approved_submissions() does and for the same reason: they show names
-- and no more. A page begins where the one before ended, in the order of the index: the settings leave the planner that one way,
-- whatever the page's length, so that it plans once a session. Of an organization of two thousand or fewer, which that walk
-- would meet too seldom, all members are sorted instead; the two indexes find them.
INSERT INTO pull_up_club.blueprint (kind, name, make) VALUES
  ('index', 'auth_management.profiles_by_organization',
   'CREATE INDEX profiles_by_organization ON auth_management.profiles (organization) WHERE organization IS NOT NULL'),
  ('index', 'content.submissions_by_organization',
   'CREATE INDEX submissions_by_organization ON content.submissions (organization COLLATE "C")'),   -- approvals pay 2 % for it; 8 % were it partial
  ('function', 'analytics.leaderboard(integer,jsonb,text,text)', $ddl$
CREATE FUNCTION analytics.leaderboard(first int DEFAULT 50, after jsonb DEFAULT NULL, gender text DEFAULT NULL,
                                      organization text DEFAULT NULL)
RETURNS SETOF pull_up_club.ranked_member LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $body$
DECLARE
  wanted          alias FOR $1;
  wanted_gender   alias FOR $3;
  wanted_club     alias FOR $4;
  last_rank       bigint;
  last_row        bigint := 0;
  last_pull_ups   int;
  last_approved   timestamptz;
  last_member     uuid;
  few             boolean;
BEGIN
  IF wanted IS NULL OR wanted NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION USING ERRCODE = 'LG113',
      MESSAGE = format('INVALID_PAGE: a page has 1 to 1000 rows, not %s', coalesce(wanted::text, 'NULL')),
      DETAIL = jsonb_build_object('first', wanted),
      HINT = 'Ask for the next page with after => the column place of the last row.';
  END IF;
  BEGIN
    SELECT p.rank, p."row", p.pull_ups, p.approved_at, p.user_id
      INTO last_rank, last_row, last_pull_ups, last_approved, last_member
      FROM jsonb_to_record(after) AS p(rank bigint, "row" bigint, pull_ups int, approved_at timestamptz, user_id uuid)
     WHERE after IS NOT NULL;
    last_row := coalesce(last_row, 0);
    IF after IS NOT NULL AND (last_rank IS NULL OR last_pull_ups IS NULL OR last_approved IS NULL OR last_member IS NULL
                              OR last_rank NOT BETWEEN 1 AND last_row OR last_row > 1000000000) THEN
      RAISE invalid_parameter_value;
    END IF;
  EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION USING ERRCODE = 'LG113',
      MESSAGE = 'INVALID_PAGE: no page ends at the place that is given',
      DETAIL = jsonb_build_object('after', after),
      HINT = 'Give the column place of a page''s last row as it was, or NULL for the first page.';
  END;
  few := wanted_club IS NOT NULL
         AND (SELECT count(*) FROM (SELECT FROM auth_management.profiles p WHERE p.organization = wanted_club LIMIT 2001) AS c) <= 2000
         AND (SELECT count(*) FROM (SELECT FROM content.submissions s
                                     WHERE s.organization COLLATE "C" = wanted_club LIMIT 20001) AS c) <= 20000;
  RETURN QUERY
    WITH listed AS (
      (SELECT b.*, p.full_name, p.gender, coalesce(s.organization, p.organization) AS organization, coalesce(s.region, p.region) AS region,
              s.video_url, s.platform
         FROM analytics.best_submissions b
         JOIN auth_management.profiles p ON p.id = b.user_id
         JOIN content.submissions s ON s.id = b.submission_id
        WHERE NOT few AND last_member IS NOT NULL AND b.pull_ups = last_pull_ups AND (b.approved_at, b.user_id) > (last_approved, last_member)
          AND (wanted_gender IS NULL OR p.gender = wanted_gender)
          AND (wanted_club IS NULL OR coalesce(s.organization, p.organization) = wanted_club)
        ORDER BY b.pull_ups DESC, b.approved_at, b.user_id LIMIT wanted)
      UNION ALL
      (SELECT b.*, p.full_name, p.gender, coalesce(s.organization, p.organization), coalesce(s.region, p.region), s.video_url, s.platform
         FROM analytics.best_submissions b
         JOIN auth_management.profiles p ON p.id = b.user_id
         JOIN content.submissions s ON s.id = b.submission_id
        WHERE NOT few AND b.pull_ups < coalesce(last_pull_ups, 2147483647)   -- where the index begins
          AND (wanted_gender IS NULL OR p.gender = wanted_gender)
          AND (wanted_club IS NULL OR coalesce(s.organization, p.organization) = wanted_club)
        ORDER BY b.pull_ups DESC, b.approved_at, b.user_id LIMIT wanted)
      UNION ALL
      (SELECT b.*, p.full_name, p.gender, coalesce(s.organization, p.organization), coalesce(s.region, p.region), s.video_url, s.platform
         FROM (SELECT m.id FROM auth_management.profiles m WHERE m.organization = wanted_club
               UNION
               SELECT o.user_id FROM content.submissions o WHERE o.organization COLLATE "C" = wanted_club) AS c
         JOIN analytics.best_submissions b ON b.user_id = c.id
         JOIN auth_management.profiles p ON p.id = b.user_id
         JOIN content.submissions s ON s.id = b.submission_id
        WHERE few AND (last_member IS NULL OR b.pull_ups < last_pull_ups
                       OR b.pull_ups = last_pull_ups AND (b.approved_at, b.user_id) > (last_approved, last_member))
          AND (wanted_gender IS NULL OR p.gender = wanted_gender)
          AND coalesce(s.organization, p.organization) = wanted_club
        ORDER BY b.pull_ups DESC, b.approved_at, b.user_id LIMIT wanted)
    ), page AS (
      SELECT * FROM listed l ORDER BY l.pull_ups DESC, l.approved_at, l.user_id LIMIT wanted
    ), ranked AS (
      SELECT l.*, last_row + row_number() OVER (ORDER BY l.pull_ups DESC, l.approved_at, l.user_id) AS "row",
             CASE WHEN l.pull_ups = last_pull_ups AND l.approved_at = last_approved THEN last_rank   -- a tie goes on
                  ELSE last_row + rank() OVER (ORDER BY l.pull_ups DESC, l.approved_at) END AS rank
        FROM page l
    )
    SELECT r.rank, r.user_id, r.full_name, r.gender, r.organization, r.region, r.submission_id, r.pull_ups, r.approved_at, r.video_url, r.platform,
           jsonb_build_object('rank', r.rank, 'row', r."row", 'pull_ups', r.pull_ups, 'approved_at', r.approved_at, 'user_id', r.user_id)
      FROM ranked r ORDER BY r."row";
END $body$;
COMMENT ON FUNCTION analytics.leaderboard(int, jsonb, text, text) IS
  'a page of the ranking as it is now: the first rows (1 to 1000), or those after the place of an earlier page''s last row. With '
  'gender or organization: only those members, ranked among themselves. Equal counts: the earlier approval first; equal both: '
  'the same rank. LG113 INVALID_PAGE';
REVOKE EXECUTE ON FUNCTION analytics.leaderboard(int, jsonb, text, text) FROM PUBLIC$ddl$),
  ('function', 'analytics.rank_of(uuid)', $ddl$
CREATE FUNCTION analytics.rank_of(user_id uuid) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  RETURN (SELECT 1 + (SELECT coalesce(sum(c.members), 0) FROM analytics.best_counts c WHERE c.pull_ups > b.pull_ups)
                   + (SELECT count(*) FROM analytics.best_submissions o WHERE o.pull_ups = b.pull_ups AND o.approved_at < b.approved_at)
            FROM analytics.best_submissions b WHERE b.user_id = $1);
END $body$;
COMMENT ON FUNCTION analytics.rank_of(uuid) IS
  'a member''s rank among all, as it is now; NULL for who has no approved submission';
REVOKE EXECUTE ON FUNCTION analytics.rank_of(uuid) FROM PUBLIC$ddl$);

-- A lock that was waited for is worth nothing to a snapshot that was taken before.
CREATE FUNCTION pull_up_club.require_read_committed(caller text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION USING ERRCODE = 'LG115',
      MESSAGE = format('MENDING_REFUSED: %s would mend by a snapshot older than its locks', caller),
      DETAIL = jsonb_build_object('function', caller, 'isolation', current_setting('transaction_isolation')),
      HINT = 'Call it in a transaction that is READ COMMITTED.';
  END IF;
END $$;
COMMENT ON FUNCTION pull_up_club.require_read_committed(text) IS
  'LG115 MENDING_REFUSED where the transaction''s isolation is another; for what locks rows and then mends them';
