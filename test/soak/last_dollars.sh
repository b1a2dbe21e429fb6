#!/usr/bin/env bash
# The last dollars: 8 sessions approve 400 submissions of 18 pull-ups on $250. Exactly $250 are paid: 13 in full, one gets the rest, 386 get
# nothing and read why. The $250 are a pool's, or a month's cap for the club or for each member.
# Round after round for SOAK_SECONDS, in other weeks and months, one approval a statement and many.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/soak/common
: "${PGDATABASE:?an empty database}"
export PGTZ=UTC PGOPTIONS='-c client_min_messages=warning'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

# race SCRIPT TIMES: 8 sessions at once; what went wrong, if anything
race() {
    pgbench -n -M "$protocol" -c 8 -j 2 -t "$2" -f "$1" > "$work/said" 2>&1 || { cat "$work/said"; return 0; }
    grep -q '^number of failed transactions: 0 ' "$work/said" || grep -E '^number of failed|ERROR' "$work/said" || cat "$work/said"
}

# Submissions are taken by their number, each by one session; test.day() is the round's.
cat > "$work/one" <<'END_OF_SCRIPT'
SELECT nextval('test.turn') AS i \gset
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 18, approved_at = test.day(:i) WHERE id = test.submission(:i::int);
END_OF_SCRIPT
cat > "$work/many" <<'END_OF_SCRIPT'
SELECT nextval('test.turn') AS turn \gset
UPDATE content.submissions s SET status = 'approved', actual_pull_up_count = 18, approved_at = test.day(i)
  FROM generate_series((:turn - 1) * 25 + 1, :turn * 25) AS i WHERE s.id = test.submission(i::int);
END_OF_SCRIPT

# What 400 approvals may have left: full ones, one partial one, nothing for the rest, with this reason.
shares() {
    sql -c "WITH shares AS (SELECT earning_amount_dollars AS dollars, reason, count(*) AS n FROM finance.weekly_earnings WHERE $2 GROUP BY 1, 2),
                 wanted(dollars, reason, n) AS (VALUES (18, NULL, 13), (16, '$1', 1), (0, '$1', $3))
            SELECT format('%s of \$%s, reason %s: %s', n, dollars, coalesce(reason, 'none'), 'not wanted') FROM (TABLE shares EXCEPT TABLE wanted) x
            UNION ALL SELECT format('%s of \$%s, reason %s: %s', n, dollars, coalesce(reason, 'none'), 'missing') FROM (TABLE wanted EXCEPT TABLE shares) x"
}

# round SETTINGS DAY MEMBERS SCRIPT: 400 new submissions approved; test.day(i) is DAY
round() {
    local times=50
    [ "$4" = one ] || times=2
    sql <<END_OF_SQL
TRUNCATE finance.weekly_earnings, finance.user_earnings, finance.payout_requests, finance.monthly_totals, finance.weekly_pools;
TRUNCATE content.submissions CASCADE;
UPDATE pull_up_club.settings SET (pool_dollars, monthly_cap_dollars, monthly_cap_scope) = ($1);
SET session_replication_role = replica;    -- a member has one pending submission; these have many, so that one member meets himself
CALL test.add_submissions(1, 400, $3);
RESET session_replication_role;
CREATE OR REPLACE FUNCTION test.day(i bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS \$\$ SELECT $2 \$\$;
ALTER SEQUENCE test.turn RESTART;
END_OF_SQL
    complaint=$(race "$work/$4" "$times")
    complaint+=$(sql -c "SELECT format('%s: %s', what, which) FROM test.wrong LIMIT 5")
    [ "$(sql -c "SELECT count(*) FROM content.submissions WHERE status = 'approved'")" = 400 ] || complaint+='not all were approved'
}

sql -f test/club.sql
sql -c 'CALL test.add_members(1, 400)' -c 'CREATE SEQUENCE test.turn' -c 'DROP INDEX content.submissions_one_pending'
until_then=$(($(date +%s) + ${SOAK_SECONDS:-5}))
protocol=simple
for ((n = 0; n == 0 || $(date +%s) < until_then; n++)); do
    month=$(printf '20%02d-%02d' $((10 + n / 12 % 80)) $((n % 12 + 1)))
    for way in one many; do
        round "250, 100000, 'club'" "timestamptz '$month-15 12:00+00'" 400 $way
        ok "the pool's last dollars, $month, $way in a statement, $protocol" "$complaint$(shares pool true 386)"
        [ "$(sql -c 'SELECT count(*) || $$ $$ || sum(spent_dollars) FROM finance.weekly_pools WHERE is_depleted')" = '1 250' ] || ok 'one pool, depleted' 'it is not'

        round "100000, 250, 'club'" "timestamptz '$month-02 12:00+00' + i % 4 * interval '7 days'" 400 $way
        ok "the month's last dollars, out of four pools, $month, $way in a statement, $protocol" "$complaint$(shares 'month cap' true 386)"

        round "100000, 250, 'member'" "timestamptz '$month-02 12:00+00' + i % 4 * interval '7 days'" 8 $way
        for member in 1 8; do complaint+=$(shares 'month cap' "user_id = test.member($member)" 36); done
        ok "each member's last dollars, out of four pools, $month, $way in a statement, $protocol" "$complaint"
    done
    if [ $protocol = simple ]; then protocol=prepared; else protocol=simple; fi
done

# The test itself must notice.
sql -c "UPDATE finance.weekly_earnings SET earning_amount_dollars = 17 WHERE id = (SELECT id FROM finance.weekly_earnings WHERE earning_amount_dollars = 18 LIMIT 1)"
ok 'a dollar less is noticed' "$([ "$(sql -c 'SELECT count(DISTINCT what) FROM test.wrong')" -ge 5 ] || sql -c 'TABLE test.wrong')"

echo "1..$number"
exit $((failed > 0))
