#!/usr/bin/env bash
# The club as it was, adopted: no row changes, its pending submissions are approved through public.submissions by the statement that its
# clients use, some are reversed, corrected and approved again, and every row is what the nine triggers leave where they find the pool by
# the approval's date. The flag they found it by is wrong here. Afterwards it is released, and its schema is what it was.
# 2,000 members; from 30 seconds on 20,000, whom adopt() takes in in less than 10 seconds.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/soak/common
. test/soak/against_cascade

adopted=${PGDATABASE:?an empty database} legacy=${PGDATABASE}_legacy
members=2000
if [ "${SOAK_SECONDS:-5}" -ge 30 ]; then members=20000; fi
export PGTZ=UTC

work=$(mktemp -d)
leave() {
    rm -rf "$work"
    dropdb --if-exists --force "$legacy" 2> /dev/null || :
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# One line for each table of the old club: its rows' checksum, over the columns that it had
checksums() {
    while IFS='|' read -r relation columns; do
        sql "$adopted" -c "SELECT '$relation', count(*), md5(string_agg(md5(row::text), '' ORDER BY md5(row::text))) FROM (SELECT $columns FROM $relation) AS row"
    done < "$work/columns"
}

# What the schema is, without what some versions of pg_dump write at random
schema() { pg_dump -s "$adopted" | grep -v '^\\\(un\)\?restrict '; }

# approve CLIENTS TIMES DATABASE: pgbench with the clients' statement; what went wrong, if anything
approve() {
    pgbench -n -c "$1" -j 2 -t "$2" -f bench/legacy/approve.pgbench "$3" > "$work/said" 2>&1 || { cat "$work/said"; return 0; }
    grep -q '^number of failed transactions: 0 ' "$work/said" || cat "$work/said"
}

await_morning 300

createdb "$legacy"
bench/load_legacy "$legacy" users="$members" weeks=10 pending="$members"
sql "$legacy" -c "UPDATE public.weekly_pools SET is_current = week_start_date = date_trunc('week', now())::date - 7"
dropdb "$adopted"
bench/adoptable "$legacy" "$adopted"

# --- adopted: quickly, and no row changes ---

sql "$adopted" -c "SELECT attrelid::regclass, string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                    WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'auth'::regnamespace) AND attnum > 0 AND NOT attisdropped
                    GROUP BY 1 ORDER BY 1" > "$work/columns"
checksums > "$work/rows_before"
schema > "$work/schema_before"
begun=$(date +%s%N)
sql "$adopted" -o /dev/null -c 'SELECT * FROM pull_up_club.adopt(dry_run => false)' 2> "$work/adopting" || { echo "Bail out! $(cat "$work/adopting")"; exit 1; }
took=$((($(date +%s%N) - begun) / 1000000))
ok "adopted in $took ms: $(sed -n '$s/^INFO: *//p' "$work/adopting")" "$([ "$took" -lt 10000 ] || echo 'in less than 10 s it was to be')"
ok "no row of the $(wc -l < "$work/columns") tables has changed: $(awk -F'|' '{ n += $2 } END { print n }' "$work/rows_before") rows" "$(checksums | diff "$work/rows_before" - || :)"
ok 'nothing is left to do' "$(sql "$adopted" -c 'SELECT what, object FROM pull_up_club.adopt()')"
ok 'nothing breaks the constraints' "$(sql "$adopted" -c 'SELECT * FROM pull_up_club.violations() LIMIT 5')"

# --- approved as before ---

# The old triggers find the pool by the day: only here do they find it.
sql "$legacy" -c "DO \$\$
DECLARE
  was   text := pg_get_functiondef('public.process_submission_earnings'::regproc);
  right_ text := replace(was, 'WHERE is_current LIMIT 1', 'WHERE (SELECT s.approved_at::date FROM submissions s WHERE s.id = p_submission_id) BETWEEN week_start_date AND week_end_date');
BEGIN
  ASSERT was <> right_;
  EXECUTE right_;
END \$\$"
began=$(sql "$legacy" -c 'SELECT now()')

for database in "$legacy" "$adopted"; do
    ok "approve.pgbench, 1 client, on $database" "$(approve 1 $((members / 2)) "$database")"
    ok "approve.pgbench, 8 clients, on $database" "$(approve 8 $((members / 16)) "$database")"
    sql "$database" -o /dev/null <<'SQL'
-- Reversed one by one and many in a statement; every second one is corrected and approved with another count.
PREPARE reject(int, int, int) AS
UPDATE submissions s SET status = 'rejected', notes = 'not straight: ' || i FROM generate_series($1, $2, $3) i WHERE s.id = md5('pending ' || i)::uuid;
SELECT format('EXECUTE reject(%1$s, %1$s, 1)', i) FROM generate_series(7, 1000, 7) i \gexec
EXECUTE reject(1005, 2000, 5);
UPDATE submissions s SET status = 'pending', video_url = video_url || '/again' FROM generate_series(14, 1000, 14) i WHERE s.id = md5('pending ' || i)::uuid;
SELECT format('UPDATE submissions SET status = ''approved'', actual_pull_up_count = %s WHERE id = md5(''pending %s'')::uuid', i % 31, i)
  FROM generate_series(14, 1000, 14) i \gexec
UPDATE submissions s SET status = 'pending', video_url = video_url || '/again' FROM generate_series(1010, 2000, 10) i WHERE s.id = md5('pending ' || i)::uuid;
UPDATE submissions SET status = 'approved', actual_pull_up_count = 9 WHERE status = 'pending';
SQL
done

# What only the old tables have: the second names of the same values, and the log that the cascade kept.
rows["the pools' second columns"]="SELECT id, remaining_dollars, spent_dollars, is_depleted, week_number_in_month FROM public.weekly_pools"
rows["the months' second columns"]="SELECT user_id, month_year, dollars_earned FROM public.user_earnings"
rows["the members' second columns"]="SELECT id, user_id, is_profile_completed, admin_role_id FROM public.profiles"
compared+=("the pools' second columns" "the months' second columns" "the members' second columns")
compare "$adopted" adopted
ok "meant: $forgotten submissions forgot at their second approval why they had been rejected" "$([ "$forgotten" -gt 100 ] || echo 'more were wanted')"
logged() { sql "$1" -c 'SELECT count(*) FROM public.system_logs'; }
ok "meant: the cascade logged $(logged "$legacy") approvals, the club $(logged "$adopted")" "$([ "$(logged "$legacy")" -gt "$members" ] && [ "$(logged "$adopted")" = 0 ] || echo 'so many were not')"
ok 'the columns that say the same thing are in step' "$(sql "$adopted" -c "SELECT o.* FROM pg_class c, lifeguard.out_of_step(c.oid) AS o WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND EXISTS (SELECT FROM lifeguard.rules r WHERE r.relation = c.oid)")"
ok 'nothing breaks the constraints now' "$(sql "$adopted" -c 'SELECT * FROM pull_up_club.violations() LIMIT 5')"

# --- released ---

sql "$adopted" -c 'SET client_min_messages = warning' -c 'DROP SCHEMA expected CASCADE'
checksums > "$work/rows_before"
begun=$(date +%s%N)
sql "$adopted" -c 'SELECT DISTINCT what FROM pull_up_club.release() WHERE what LIKE $$%kept%$$' > "$work/kept" 2> "$work/adopting" || { echo "Bail out! $(cat "$work/adopting")"; exit 1; }
ok "released in $((($(date +%s%N) - begun) / 1000000)) ms: $(sed -n '$s/^INFO: *//p' "$work/adopting")"
ok 'no row has changed' "$(checksums | diff "$work/rows_before" - || :)"
# what a column's line ends with depends on whether another follows
ok "the schema is what it was, but for two columns that are filled since: $(paste -sd ';' "$work/kept")" \
    "$(diff <(sed 's/,$//' "$work/schema_before") <(schema | sed 's/,$//') | sed -e '/^[0-9]/d' -e '/^>     reason text$/d' -e '/^>     rejected_at timestamp with time zone$/d')"
sql "$adopted" -o /dev/null -c "UPDATE submissions SET status = 'rejected', notes = 'on the old way' WHERE id = md5('pending 1')::uuid"
ok 'the nine triggers do their work again' "$(sql "$adopted" -c "SELECT 'no e-mail' WHERE NOT EXISTS (SELECT FROM public.email_notifications WHERE message = 'on the old way') UNION ALL
    SELECT 'an earning' FROM public.weekly_earnings WHERE submission_id = md5('pending 1')::uuid")"

echo "1..$number"
exit $((failed > 0))
