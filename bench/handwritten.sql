-- The club's main job as a careful engineer writes it by hand: one BEFORE and one AFTER trigger and few statements on the club's own
-- tables, without lifeguard. It leaves the same rows (test/soak/differential.sh compares them) and takes the locks in the same order.
-- In its favour: it asks nobody who he is, and its settings are constants (UTC, a cap of 1000 dollars for each member's month).

SELECT lifeguard.forget(relation) FROM (SELECT DISTINCT relation FROM lifeguard.rules) AS ruled;

CREATE FUNCTION content.check_submission() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF new.status <> old.status THEN
    IF old.status = 'pending' AND new.status = 'approved' THEN
      IF new.actual_pull_up_count IS NULL OR new.actual_pull_up_count < 0 THEN
        RAISE EXCEPTION 'submission %: count the pull-ups before you approve', new.id;
      END IF;
      new.approved_at := coalesce(new.approved_at, now());
      new.notes := CASE WHEN new.notes IS DISTINCT FROM old.notes THEN new.notes END;
    ELSIF new.status = 'rejected' THEN
      IF coalesce(new.notes, '') !~ '\S' THEN
        RAISE EXCEPTION 'submission %: say in the notes why it is rejected', new.id;
      END IF;
      new.rejected_at := now();
    ELSIF old.status = 'rejected' AND new.status = 'pending' THEN
      new.approved_at := NULL;
    ELSE
      RAISE EXCEPTION 'submission % may not go from % to %', new.id, old.status, new.status;
    END IF;
  END IF;
  new.updated_at := now();
  RETURN new;
END $$;

CREATE FUNCTION content.follow_submission() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  at            timestamp := new.approved_at AT TIME ZONE 'UTC';
  month         text := to_char(at, 'YYYY-MM');
  n             int := new.actual_pull_up_count;
  member        record;
  badge         record;
  badge_name    text;
  badge_image   text;
  next_badge    text;
  next_pull_ups int;
  previous      int;   -- the most of the month before
  previous_name text;
  pool          record;
  dollars       int;
  reason        text;
  earning       record;
BEGIN
  IF new.status = 'approved' THEN
    SELECT role, email, full_name, paypal_email, organization, region, age, gender INTO member
      FROM auth_management.profiles WHERE id = new.user_id FOR NO KEY UPDATE;

    -- The profile, where the submission knows better.
    IF member.organization IS DISTINCT FROM coalesce(new.organization, member.organization)
       OR member.region IS DISTINCT FROM coalesce(new.region, member.region)
       OR member.age    IS DISTINCT FROM coalesce(new.age, member.age)
       OR member.gender IS DISTINCT FROM coalesce(new.gender, member.gender) THEN
      UPDATE auth_management.profiles
         SET organization = coalesce(new.organization, organization), region = coalesce(new.region, region),
             age = coalesce(new.age, age), gender = coalesce(new.gender, gender), updated_at = now()
       WHERE id = new.user_id;
      member.gender := coalesce(new.gender, member.gender);
    END IF;

    -- One pass over the badges awards the new ones and finds what the month's card says.
    SELECT max(s.actual_pull_up_count) INTO previous
      FROM content.submissions s
     WHERE s.user_id = new.user_id AND s.status = 'approved' AND s.id <> new.id
       AND s.approved_at >= (date_trunc('month', at) - interval '1 month') AT TIME ZONE 'UTC'
       AND s.approved_at <  date_trunc('month', at) AT TIME ZONE 'UTC';
    FOR badge IN
      SELECT b.id, b.name, b.image_url, b.min_pull_ups,
             b.id = ANY (ARRAY(SELECT u.badge_id FROM content.user_badges u WHERE u.user_id = new.user_id)) AS held
        FROM content.badges b WHERE b.gender IN (member.gender, 'Any') ORDER BY b.min_pull_ups
    LOOP
      IF badge.min_pull_ups <= previous THEN
        previous_name := badge.name;
      END IF;
      IF badge.min_pull_ups <= n THEN
        badge_name := badge.name;
        badge_image := badge.image_url;
        IF NOT badge.held THEN
          INSERT INTO content.user_badges (user_id, badge_id, submission_id) VALUES (new.user_id, badge.id, new.id)
          ON CONFLICT DO NOTHING;
        END IF;
      ELSIF next_badge IS NULL THEN
        next_badge := badge.name;
        next_pull_ups := badge.min_pull_ups;
      END IF;
    END LOOP;
    INSERT INTO content.monthly_graphics (submission_id, user_id, month_year, email, full_name, current_pullups, current_badge_name,
                                          current_badge_image_url, previous_pullups, previous_badge_name, improvement,
                                          next_badge_name, next_badge_pullups)
    VALUES (new.id, new.user_id, month, member.email, member.full_name, n, badge_name, badge_image, previous, previous_name,
            n - previous, next_badge, next_pull_ups)
    ON CONFLICT (user_id, month_year) DO UPDATE
       SET submission_id = excluded.submission_id, email = excluded.email, full_name = excluded.full_name,
           current_pullups = excluded.current_pullups, current_badge_name = excluded.current_badge_name,
           current_badge_image_url = excluded.current_badge_image_url, previous_pullups = excluded.previous_pullups,
           previous_badge_name = excluded.previous_badge_name, improvement = excluded.improvement,
           next_badge_name = excluded.next_badge_name, next_badge_pullups = excluded.next_badge_pullups, updated_at = now();
    INSERT INTO communication.notification_queue (user_id, type, data)
    VALUES (new.user_id, 'monthly_graphic', jsonb_build_object('month', month, 'submission_id', new.id));

    -- The money. What the member has cannot change while his row is locked; the pool is everybody's, so it comes late.
    SELECT w.id, w.remaining_amount_dollars AS remaining,
           (SELECT e.total_earned_dollars FROM finance.user_earnings e WHERE e.user_id = new.user_id AND e.month_year = month) AS used,
           NOT EXISTS (SELECT FROM finance.weekly_earnings e WHERE e.user_id = new.user_id AND e.weekly_pool_id = w.id) AS first
      INTO pool
      FROM finance.weekly_pools w WHERE w.week_start_date = date_trunc('week', at)::date FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'there is no pool for the week of %', at;
    END IF;
    dollars := greatest(0, least(n, pool.remaining, 1000 - coalesce(pool.used, 0)));
    IF member.role IN ('admin', 'influencer') THEN
      dollars := 0;
      reason := 'role';
    ELSIF dollars < n THEN
      reason := CASE WHEN dollars = pool.remaining THEN 'pool' ELSE 'month cap' END;
    END IF;
    UPDATE finance.weekly_pools
       SET remaining_amount_dollars = remaining_amount_dollars - dollars, spent_dollars = spent_dollars + dollars, updated_at = now()
     WHERE id = pool.id;
    INSERT INTO finance.weekly_earnings (user_id, weekly_pool_id, submission_id, pull_up_count, earning_amount_dollars, reason,
                                         is_first_submission, month_year)
    VALUES (new.user_id, pool.id, new.id, n, dollars, reason, pool.first, month);
    IF pool.used IS NULL THEN
      INSERT INTO finance.user_earnings (user_id, month_year, total_earned_dollars, total_submissions)
      VALUES (new.user_id, month, dollars, 1);
    ELSE
      UPDATE finance.user_earnings
         SET total_earned_dollars = total_earned_dollars + dollars, total_submissions = total_submissions + 1, updated_at = now()
       WHERE user_id = new.user_id AND month_year = month;
    END IF;
    UPDATE finance.payout_requests SET amount_dollars = amount_dollars + dollars, updated_at = now()
     WHERE user_id = new.user_id AND payout_month = month AND (status IN ('pending', 'approved') OR dollars = 0);
    IF NOT FOUND THEN   -- a closed one stands in the unique key's way
      INSERT INTO finance.payout_requests (user_id, amount_dollars, paypal_email, payout_month)
      VALUES (new.user_id, dollars, member.paypal_email, month);
    END IF;
    UPDATE finance.monthly_totals SET spent_dollars = spent_dollars + dollars, updated_at = now() WHERE month_year = month;
    IF NOT FOUND THEN
      INSERT INTO finance.monthly_totals AS t (month_year, spent_dollars) VALUES (month, dollars)
      ON CONFLICT (month_year) DO UPDATE SET spent_dollars = t.spent_dollars + excluded.spent_dollars, updated_at = now();
    END IF;

  ELSIF new.status = 'rejected' THEN
    IF old.status = 'approved' THEN
      PERFORM FROM auth_management.profiles WHERE id = new.user_id FOR NO KEY UPDATE;
      DELETE FROM finance.weekly_earnings WHERE submission_id = new.id RETURNING * INTO earning;
      IF FOUND THEN
        dollars := earning.earning_amount_dollars;
        UPDATE finance.user_earnings
           SET total_earned_dollars = total_earned_dollars - dollars, total_submissions = total_submissions - 1, updated_at = now()
         WHERE user_id = new.user_id AND month_year = earning.month_year;
        UPDATE finance.payout_requests SET amount_dollars = amount_dollars - dollars, updated_at = now()
         WHERE user_id = new.user_id AND payout_month = earning.month_year AND (status IN ('pending', 'approved') OR dollars = 0);
        IF NOT FOUND THEN
          RAISE EXCEPTION 'the payout request of % is closed', earning.month_year;
        END IF;
        UPDATE finance.monthly_totals SET spent_dollars = spent_dollars - dollars, updated_at = now() WHERE month_year = earning.month_year;
        UPDATE finance.weekly_pools
           SET remaining_amount_dollars = remaining_amount_dollars + dollars, spent_dollars = spent_dollars - dollars, updated_at = now()
         WHERE id = earning.weekly_pool_id;
      END IF;
    END IF;
    INSERT INTO communication.email_notifications (user_id, email_type, recipient, subject, message)
    SELECT p.id, 'rejection', p.email, 'Your submission was not approved', new.notes
      FROM auth_management.profiles p WHERE p.id = new.user_id;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER check_submission BEFORE UPDATE ON content.submissions
  FOR EACH ROW EXECUTE FUNCTION content.check_submission();
CREATE TRIGGER follow_submission AFTER UPDATE OF status ON content.submissions
  FOR EACH ROW WHEN (new.status <> old.status) EXECUTE FUNCTION content.follow_submission();
