#!/usr/bin/env bash
# The club's tables are written on two paths: direct, and by SQL (lifeguard.direct_writes off, and wherever the direct one cannot go). The same
# work on both must leave the same rows in all tables, ids that are random and moments left out: first on the club's tables as they are made, then on tables
# that somebody has given triggers, columns, constraints and indexes of his own.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/soak/common
direct=${PGDATABASE:?an empty database} sql=${PGDATABASE}_sql
export PGTZ=UTC PGOPTIONS='-c client_min_messages=warning'

work=$(mktemp -d)
trap 'dropdb --if-exists --force "$sql" 2> /dev/null || :; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

run() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$@"; }

# What may differ: random ids, moments of the run. Whether a row was changed after it was made may not.
cat > "$work/rows" << 'END_OF_SQL'
CREATE SCHEMA compared;
CREATE FUNCTION compared.plain(whole jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_object_agg(key, CASE WHEN key = 'weekly_pool_id' THEN (SELECT to_jsonb(week_start_date) FROM finance.weekly_pools WHERE id = (value #>> '{}')::uuid)
                                    WHEN key = 'updated_at' THEN to_jsonb(value <> whole -> 'created_at')
                                    WHEN key ~ '_(at|date)$' AND jsonb_typeof(value) = 'string' AND (value #>> '{}')::timestamptz >= (SELECT min(created_at) FROM auth.users)
                                    THEN '"now"' ELSE value END)
    FROM jsonb_each(whole) WHERE key NOT IN ('id', 'created_at')
$$;
DO $$
DECLARE
  t regclass;
BEGIN
  FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('auth_management', 'content', 'finance', 'communication', 'test') LOOP
    EXECUTE format('CREATE VIEW compared.%I AS SELECT compared.plain(to_jsonb(t))%s AS row FROM %s AS t', replace(t::text, '.', '_'),
                   -- keys that are given, not random
                   CASE WHEN t::text IN ('content.submissions', 'auth_management.profiles') THEN ' || jsonb_build_object(''id'', id)' END, t);
  END LOOP;
END $$;
END_OF_SQL

# The work: every move, alone and many at once, paid and unpaid, in subtransactions that fail, in other isolation levels, and by hand.
cat > "$work/work" << 'END_OF_SQL'
CREATE FUNCTION pg_temp.approve(first int, last int, counted int, day int) RETURNS void LANGUAGE sql AS $$
  UPDATE content.submissions s
     SET status = 'approved', actual_pull_up_count = (counted + i * 7) % 31, approved_at = timestamptz '2026-01-07 12:00+00' + (day + i % 20) * interval '1 day'
    FROM generate_series(first, last) AS i WHERE s.id = test.submission(i) AND s.status = 'pending'
$$;
CREATE FUNCTION pg_temp.reject(first int, last int, step int) RETURNS void LANGUAGE sql AS $$
  UPDATE content.submissions s SET status = 'rejected', notes = 'not straight: ' || i FROM generate_series(first, last, step) AS i WHERE s.id = test.submission(i)
$$;
CREATE FUNCTION pg_temp.correct(first int, last int, step int) RETURNS void LANGUAGE sql AS $$
  UPDATE content.submissions s SET status = 'pending' FROM generate_series(first, last, step) AS i WHERE s.id = test.submission(i) AND s.status = 'rejected'
$$;
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text;
  detail  text;
BEGIN
  EXECUTE statement;
  RETURN 'done';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
  RETURN concat_ws(' | ', SQLSTATE, message, detail);
END $$;
\o /dev/null
SELECT pg_temp.approve(i, i, i, i % 60) FROM generate_series(1, 60) AS i;
SELECT pg_temp.approve(61, 160, 3, 0);
SELECT pg_temp.reject(i, i, 1) FROM generate_series(161, 170) AS i;
SELECT pg_temp.reject(1, 160, 6);
SELECT pg_temp.correct(i, i, 1) FROM generate_series(1, 160, 12) AS i;
SELECT pg_temp.correct(161, 170, 2);
SELECT pg_temp.approve(1, 160, 11, 30);
UPDATE content.submissions SET status = CASE WHEN right(id::text, 1) > '4' THEN 'approved' ELSE 'rejected' END, actual_pull_up_count = 9, notes = 'mixed',
       approved_at = coalesce(approved_at, '2026-02-11 12:00+00')
 WHERE id BETWEEN test.submission(171) AND test.submission(200);
-- one that fails takes nothing along
BEGIN;
SELECT pg_temp.approve(201, 201, 5, 3);
SAVEPOINT one;
SELECT pg_temp.approve(202, 210, 5, 3);
ROLLBACK TO one;
SELECT pg_temp.approve(211, 215, 5, 3);
RELEASE one;
COMMIT;
BEGIN;
SELECT pg_temp.approve(216, 220, 5, 3);
ROLLBACK;
-- in one transaction: approved, reversed, corrected, approved
BEGIN;
SELECT pg_temp.approve(221, 223, 5, 3);
SELECT pg_temp.reject(221, 223, 1);
SELECT pg_temp.correct(221, 223, 1);
SELECT pg_temp.approve(221, 223, 6, 40);
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.approve(224, 228, 5, 3);
SELECT pg_temp.reject(224, 225, 1);
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT pg_temp.approve(229, 232, 5, 3);
COMMIT;
UPDATE pull_up_club.settings SET monthly_cap_scope = 'member', monthly_cap_dollars = 25;
SELECT pg_temp.approve(233, 240, 5, 3);
SELECT pg_temp.correct(226, 232, 1);
UPDATE pull_up_club.settings SET monthly_cap_scope = 'club', monthly_cap_dollars = 1100;
UPDATE finance.payout_requests SET status = 'approved' WHERE user_id IN (test.member(233), test.member(234));
UPDATE finance.payout_requests SET status = 'rejected' WHERE user_id = test.member(233);
UPDATE content.submissions SET organization = 'Club', region = 'North', age = 44, gender = 'Male' WHERE id BETWEEN test.submission(241) AND test.submission(250);
SELECT pg_temp.approve(i, i, 17, 2) FROM generate_series(241, 246) AS i;
SELECT pg_temp.approve(247, 250, 17, 2);
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 9, approved_at = '2026-04-08 12:00+00' WHERE id = test.submission(256);
UPDATE finance.payout_requests SET status = 'rejected' WHERE user_id = test.member(256);
\o
-- what is refused, and how
SELECT pg_temp.attempt('SELECT pg_temp.reject(255, 256, 1)');
SELECT pg_temp.attempt('SELECT pg_temp.approve(251, 254, -3000, 3)');
SELECT pg_temp.attempt('UPDATE content.submissions SET status = ''approved'', actual_pull_up_count = 1001 WHERE id = test.submission(254)');
SELECT pg_temp.attempt('SELECT finance.process_submission_earnings(test.submission(252), test.member(252), 5)');
SELECT pg_temp.attempt('SELECT finance.process_submission_earnings(test.submission(241), test.member(242), 5)');
SELECT pg_temp.attempt('SELECT finance.cleanup_earnings(test.submission(999))');
SELECT finance.process_submission_earnings(id, user_id, actual_pull_up_count) - 'pool_id' FROM content.submissions WHERE status = 'approved' ORDER BY id LIMIT 3;
SELECT content.award_badges(id), auth_management.update_profile_from_submission(id), content.create_monthly_graphic(id) IS NOT NULL
  FROM content.submissions WHERE status = 'approved' ORDER BY id LIMIT 5;
SELECT finance.cleanup_earnings(test.submission(242)) - 'pool_id', finance.cleanup_earnings(test.submission(242)) - 'pool_id';
SELECT finance.process_submission_earnings(id, user_id, actual_pull_up_count) - 'pool_id' FROM content.submissions WHERE id = test.submission(242);
SELECT format('WRONG: %s: %s', what, which) FROM test.wrong LIMIT 5;
DELETE FROM auth.users WHERE id IN (test.member(243), test.member(253));
END_OF_SQL

# What people do to tables that are theirs.
cat > "$work/strange" << 'END_OF_SQL'
CREATE TABLE test.audit (id bigint GENERATED ALWAYS AS IDENTITY, what text, row jsonb);
CREATE FUNCTION test.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO test.audit (what, row) VALUES (TG_OP || ' ' || TG_TABLE_NAME, compared.plain(to_jsonb(CASE TG_OP WHEN 'DELETE' THEN old ELSE new END)));
  RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON finance.weekly_earnings FOR EACH ROW EXECUTE FUNCTION test.note();
CREATE TRIGGER note AFTER UPDATE ON finance.weekly_pools FOR EACH ROW EXECUTE FUNCTION test.note();
CREATE FUNCTION test.shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.full_name := upper(new.full_name); RETURN new; END $$;
CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON content.monthly_graphics FOR EACH ROW EXECUTE FUNCTION test.shout();
CREATE TABLE test.counted (id bigint GENERATED ALWAYS AS IDENTITY, rows int);
CREATE FUNCTION test.count_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO test.counted (rows) SELECT count(*) FROM made; RETURN NULL; END $$;
CREATE TRIGGER counted AFTER INSERT ON content.user_badges REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION test.count_new();
ALTER TABLE finance.user_earnings ADD cents int GENERATED ALWAYS AS (total_earned_dollars * 100) STORED, ADD currency text NOT NULL DEFAULT 'USD', ADD CHECK (currency = 'USD');
ALTER TABLE finance.payout_requests ADD gone int;
ALTER TABLE finance.payout_requests DROP gone;
ALTER TABLE finance.payout_requests ADD approver uuid REFERENCES auth_management.profiles, ALTER notes SET DEFAULT 'by the club';
CREATE INDEX ON finance.payout_requests ((amount_dollars / 10)) WHERE status = 'pending';
ALTER TABLE auth_management.profiles ADD nick text DEFAULT 'nobody';
ALTER TABLE communication.notification_queue RENAME TO queue;
CREATE VIEW communication.notification_queue AS SELECT * FROM communication.queue;
ALTER TABLE finance.monthly_totals RENAME TO totals;
CREATE VIEW finance.monthly_totals AS SELECT * FROM finance.totals;
END_OF_SQL

# differences: rows of one side only, of every table
differences() {
    local name
    run "$direct" -c 'DROP SCHEMA IF EXISTS other CASCADE' -c 'CREATE SCHEMA other'
    for name in $(run "$direct" -c "SELECT relname FROM pg_class WHERE relnamespace = 'compared'::regnamespace ORDER BY 1"); do
        run "$direct" -c "CREATE TABLE other.\"$name\" (row jsonb)"
        run "$sql" -c "COPY (SELECT row FROM compared.\"$name\") TO STDOUT" | run "$direct" -c "COPY other.\"$name\" FROM STDIN"
        run "$direct" -c "SELECT '$name only direct: ' || row::text FROM (SELECT row FROM compared.\"$name\" EXCEPT ALL SELECT row FROM other.\"$name\") d
                          UNION ALL SELECT '$name only by SQL: ' || row::text FROM (SELECT row FROM other.\"$name\" EXCEPT ALL SELECT row FROM compared.\"$name\") d LIMIT 4"
    done
}

both() {
    PGOPTIONS="$PGOPTIONS -c lifeguard.direct_writes=on" run "$direct" -f "$work/work" > "$work/said.direct" 2>&1 || echo 'the direct work failed' >> "$work/said.direct"
    PGOPTIONS="$PGOPTIONS -c lifeguard.direct_writes=off" run "$sql" -f "$work/work" > "$work/said.sql" 2>&1 || echo 'the work by SQL failed' >> "$work/said.sql"
}

for tables in plain strange; do
    if [ $tables = strange ]; then
        dropdb --force "$sql"
        run "$direct" -c 'DROP SCHEMA other CASCADE' -c 'DROP SCHEMA compared CASCADE' -c 'DROP SCHEMA test CASCADE' \
            -c 'SELECT pull_up_club.uninstall(keep_data => false)' -c 'DROP EXTENSION pull_up_club' -c 'DROP EXTENSION lifeguard' -c 'DROP SCHEMA auth CASCADE' -o /dev/null
    fi
    run "$direct" -f test/club.sql
    run "$direct" <<< "CALL test.add_members(1, 260); CALL test.add_submissions(1, 260);
        UPDATE auth_management.profiles SET role = 'influencer' WHERE id = test.member(12); UPDATE pull_up_club.settings SET monthly_cap_dollars = 1100;
        INSERT INTO auth_management.payout_exclusions (user_id) VALUES (test.member(13))"
    [ $tables = plain ] || run "$direct" -f "$work/strange"
    run "$direct" -f "$work/rows"
    createdb -T "$direct" "$sql"
    both
    ok "$tables tables: both say the same" "$(diff "$work/said.direct" "$work/said.sql" | head -n 10 || :)"
    ok "$tables tables: the work went through, and every total is exact" "$(grep -E 'failed|^psql|ERROR|WRONG' "$work/said.direct" | head -n 5 || :)"
    ok "$tables tables: the same rows in all $(run "$direct" -c "SELECT count(*) FROM pg_class WHERE relnamespace = 'compared'::regnamespace") tables" "$(differences 2>&1)"
done
count=$(run "$direct" -c "SELECT concat_ws(', ', (SELECT count(*) || ' earnings' FROM finance.weekly_earnings WHERE earning_amount_dollars > 0),
                                          (SELECT string_agg(DISTINCT reason, ', ') FROM finance.weekly_earnings), (SELECT count(*) > 300 FROM test.audit))")
ok "it was enough work: $count" "$([[ $count == *'earnings, excluded, month cap, pool, role, t' ]] || echo 'every reason and the audit were wanted')"

# The comparison itself must notice.
run "$sql" -c "UPDATE finance.user_earnings SET total_submissions = total_submissions + 1 WHERE id = (SELECT id FROM finance.user_earnings LIMIT 1)" \
    -c "DELETE FROM content.user_badges WHERE id = (SELECT id FROM content.user_badges LIMIT 1)"
ok 'a changed row and a missing one are noticed' "$([ "$(differences | grep -c 'only')" = 3 ] || echo 'they were not')"

echo "1..$number"
exit $((failed > 0))
