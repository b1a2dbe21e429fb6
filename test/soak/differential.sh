#!/usr/bin/env bash
# The club against the cascade it replaces, row by row: both get the same legacy data and the same 5,000 approvals, one by one and many
# in a statement, with rejections, corrections, reversals, second submissions, months' caps and the last dollars (bench/workload.sql).
# The hand-written triggers that the benchmark compares with must leave the same rows too.
#
# Ids that are random are left out, moments are compared by being old or new, and what the cascade does not know (reasons) is checked
# by itself. Each side runs within one day, so a start before midnight waits.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/soak/common

club=${PGDATABASE:?an empty database} legacy=${PGDATABASE}_legacy handwritten=${PGDATABASE}_handwritten
export PGTZ=UTC

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$@"; }
drop() { for database in "$legacy" "$handwritten"; do dropdb --if-exists --force "$database" 2> /dev/null || :; done; }
trap drop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# What is compared of each table; the same query reads the legacy's views and the club's tables.
declare -A rows=(
    [earnings]="SELECT user_id, weekly_pool_id, submission_id, pull_up_count, earning_amount_dollars, is_first_submission, month_year,
                       CASE WHEN created_at < 'BEGAN' THEN created_at END FROM finance.weekly_earnings"
    [pools]="SELECT id, week_start_date, week_end_date, total_amount_dollars, remaining_amount_dollars, spent_dollars, month_year, is_current
               FROM finance.weekly_pools"
    [months]="SELECT user_id, month_year, total_earned_dollars, total_submissions FROM finance.user_earnings"
    [totals]="SELECT month_year, spent_dollars FROM finance.monthly_totals"
    [payouts]="SELECT user_id, amount_dollars, status, paypal_email, payout_month, paid_at, paid_by, notes FROM finance.payout_requests"
    [badges]="SELECT user_id, badge_id, submission_id, CASE WHEN awarded_at < 'BEGAN' THEN awarded_at END FROM content.user_badges"
    [graphics]="SELECT submission_id, user_id, month_year, email, full_name, current_pullups, current_badge_name, current_badge_image_url,
                       previous_pullups, previous_badge_name, improvement, next_badge_name, next_badge_pullups, email_sent, email_sent_at
                  FROM content.monthly_graphics"
    [submissions]="SELECT id, user_id, video_url, platform, pull_up_count, status, organization, region, age, gender, notes,
                          CASE WHEN status = 'approved' THEN actual_pull_up_count END AS counted,
                          CASE WHEN status = 'approved' THEN CASE WHEN approved_at < 'BEGAN' THEN approved_at ELSE 'infinity' END END AS approved
                     FROM content.submissions"
    [profiles]="SELECT id, email, full_name, age, gender, organization, region, role, paypal_email, is_paid FROM auth_management.profiles"
    # approved again with the same count, a submission draws the card that is there and announces nothing; the cascade does
    [notifications]="SELECT DISTINCT user_id, type, data FROM communication.notification_queue"
    [e-mails]="SELECT user_id, email_type, recipient, subject, message FROM communication.email_notifications"
)

# Rows of one table that only one side has, as text: differences DATABASE NAME
differences() {
    sql "$1" -c "WITH got AS (${rows[$2]//BEGAN/$began}), missing AS (SELECT * FROM expected.\"$2\" EXCEPT ALL SELECT * FROM got),
                      extra AS (SELECT * FROM got EXCEPT ALL SELECT * FROM expected.\"$2\")
                 SELECT format('%s %s', side, row) FROM (SELECT 'the cascade has', missing::text FROM missing
                                                         UNION ALL SELECT 'it has', extra::text FROM extra) AS d(side, row)"
}

# The one difference that is meant: the cascade keeps what was noted before an approval, an approval of the club keeps only a note that
# was given with it. Those of the workload begin with 'well done'; what was approved before it stays as it was.
forget_notes() {
    forgotten=$(sql "$1" -c "WITH gone AS (UPDATE expected.submissions SET notes = NULL
                                            WHERE status = 'approved' AND approved = 'infinity' AND notes NOT LIKE 'well done%' RETURNING id)
                             SELECT count(*) FROM gone")
    given=$(sql "$1" -c "SELECT count(*) FROM expected.submissions WHERE status = 'approved' AND notes LIKE 'well done%'")
}

# compare DATABASE WHO: every row against the cascade's
compare() {
    local name found
    sql "$1" -c 'CREATE SCHEMA expected'
    for name in earnings pools months totals payouts badges graphics submissions profiles notifications e-mails; do
        sql "$1" -c "CREATE TABLE expected.\"$name\" AS ${rows[$name]//BEGAN/$began} LIMIT 0"
        sql "$legacy" -c "COPY (${rows[$name]//BEGAN/$began}) TO STDOUT" | sql "$1" -c "COPY expected.\"$name\" FROM STDIN"
        if [ "$name" = submissions ]; then forget_notes "$1"; fi
        found=$(differences "$1" "$name" | sort -k 3 | sed -n 1,6p)
        ok "$2: $name, $(sql "$1" -c "SELECT count(*) FROM expected.\"$name\"") rows" "$found"
    done
}

left=$((86400 - $(date +%s) % 86400))
if [ "$left" -lt 120 ]; then sleep "$left"; fi

createdb "$legacy"
bench/load_legacy "$legacy" "$club" users=5300 weeks=6 pending=5300
createdb -T "$club" "$handwritten"
sql "$handwritten" -o /dev/null -f bench/handwritten.sql
began=$(sql "$legacy" -c 'SELECT now()')

for database in "$legacy" "$club" "$handwritten"; do
    if ! said=$(sql "$database" -f bench/workload.sql 2>&1); then
        echo "Bail out! the workload failed on $database: $said"
        exit 1
    fi
done

count=$(sql "$legacy" -c "SELECT count(*) FROM communication.notification_queue")
ok "the cascade made $count approvals" "$([ "$count" -ge 5000 ] || echo "5000 were wanted")"
compare "$club" lifeguard
compare "$handwritten" hand-written
ok "the workload's approvals made $forgotten submissions forget their notes, and $given keep them" "$([ "$forgotten" -gt 100 ] && [ "$given" -gt 1000 ] || echo 'more were wanted')"

ok 'lifeguard: an earning below the count says why, and no other' "$(sql "$club" -c "
    SELECT format('submission %s: %s pull-ups, %s dollars, reason %s', e.submission_id, e.pull_up_count, e.earning_amount_dollars, coalesce(e.reason, 'none'))
      FROM finance.weekly_earnings e JOIN auth_management.profiles p ON p.id = e.user_id
     WHERE e.created_at >= '$began'
       AND e.reason IS DISTINCT FROM CASE WHEN p.role <> 'user' AND e.pull_up_count > 0 THEN 'role'
                                          WHEN e.earning_amount_dollars = e.pull_up_count THEN NULL
                                          WHEN e.reason IN ('pool', 'month cap') THEN e.reason ELSE 'one' END
     LIMIT 6")"
reasons=$(sql "$club" -c "SELECT string_agg(reason || ' ' || n, ', ' ORDER BY reason) FROM (
                            SELECT reason, count(*) AS n FROM finance.weekly_earnings WHERE reason IS NOT NULL GROUP BY 1) r")
ok "the workload met every reason: $reasons" "$([[ $reasons == 'month cap '*', pool '*', role '* ]] || echo 'month cap, pool and role were wanted')"

# The comparison itself must notice.
sql "$club" -c "UPDATE finance.weekly_earnings SET earning_amount_dollars = earning_amount_dollars - 1
                 WHERE id = (SELECT id FROM finance.weekly_earnings WHERE earning_amount_dollars > 0 LIMIT 1)" \
            -c "DELETE FROM content.user_badges WHERE id = (SELECT id FROM content.user_badges LIMIT 1)"
ok 'a dollar taken away is noticed' "$([ "$(differences "$club" earnings | wc -l)" = 2 ] || echo 'it was not')"
ok 'a badge taken away is noticed' "$([ "$(differences "$club" badges | wc -l)" = 1 ] || echo 'it was not')"

echo "1..$number"
exit $((failed > 0))
