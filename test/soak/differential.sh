#!/usr/bin/env bash
# The club against the cascade it replaces, row by row: both get the same legacy data and the same 5,000 approvals, one by one and many
# in a statement, with rejections, corrections, reversals, second submissions, months' caps and the last dollars (bench/workload.sql).
# The hand-written triggers that the benchmark compares with, and the legacy club when it is adopted, must leave the same rows too.
#
# What the cascade does not know (reasons) is checked by itself.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/soak/common
. test/soak/against_cascade

club=${PGDATABASE:?an empty database} legacy=${PGDATABASE}_legacy handwritten=${PGDATABASE}_handwritten adopted=${PGDATABASE}_adopted
export PGTZ=UTC

drop() { for database in "$legacy" "$handwritten" "$adopted"; do dropdb --if-exists --force "$database" 2> /dev/null || :; done; }
trap drop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

await_morning 120

createdb "$legacy"
bench/load_legacy "$legacy" "$club" users=5300 weeks=6 pending=5300
createdb -T "$club" "$handwritten"
sql "$handwritten" -o /dev/null -f bench/handwritten.sql
bench/adoptable "$legacy" "$adopted"
sql "$adopted" -o /dev/null -c 'SELECT pull_up_club.adopt(dry_run => false)' 2> /dev/null
began=$(sql "$legacy" -c 'SELECT now()')

for database in "$legacy" "$club" "$handwritten" "$adopted"; do
    if ! said=$(sql "$database" -f bench/workload.sql 2>&1); then
        echo "Bail out! the workload failed on $database: $said"
        exit 1
    fi
done

count=$(sql "$legacy" -c "SELECT count(*) FROM communication.notification_queue")
ok "the cascade made $count approvals" "$([ "$count" -ge 5000 ] || echo "5000 were wanted")"
compare "$club" lifeguard
compare "$handwritten" hand-written
compare "$adopted" adopted
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
