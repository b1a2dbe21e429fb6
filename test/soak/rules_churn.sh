#!/usr/bin/env bash
# Rules, functions, types and partitions change all the time while others move rows: every statement is either done or refused by name,
# no session is lost, and what is left agrees with itself. SOAK_SECONDS is how long.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/soak/common

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sql <<'END'
CREATE EXTENSION lifeguard;
CREATE TABLE visits (id int, day int, state text NOT NULL DEFAULT 'a', n int NOT NULL DEFAULT 0, updated_at timestamptz, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (1) TO (10);
CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM (10) TO (20);
CREATE TABLE log (id int, n int);
CREATE FUNCTION public.fine(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN $1 > 0; END $$;
CREATE FUNCTION public.note(int, int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES ($1, $2); END $$;
CREATE FUNCTION public.churns() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE OR REPLACE FUNCTION pg_temp.any() RETURNS int LANGUAGE sql AS %L', 'SELECT 1');
  RETURN true;
END $$;
DO $$ BEGIN
  PERFORM lifeguard.create_lifecycle('visits', 'state', '{a}'), lifeguard.add_transition('visits', 'a', 'b'), lifeguard.add_transition('visits', 'b', 'a'),
          lifeguard.add_guard('visits', NULL, NULL, 'public.fine(new.id)', 'fine'), lifeguard.add_guard('visits', 'b', 'a', '(SELECT count(*) FROM (VALUES (new.id)) v) = 1', 'query'),
          lifeguard.add_guard('visits', 'a', 'b', 'public.churns()', 'churns'), lifeguard.add_stamp('visits', NULL, 'n', 'coalesce(old.n, 0) + 1'),
          lifeguard.add_action('visits', 'a', 'b', 'public.note(new.id, new.n)'), lifeguard.keep_updated_at('visits');
END $$;
INSERT INTO visits (id, day) SELECT i, 1 + i % 19 FROM generate_series(1, 300) i;
END

# --- what the sessions do ---

cat > "$work/move" <<'END'
\set id random(1, 300)
UPDATE visits SET state = CASE state WHEN 'a' THEN 'b' ELSE 'a' END WHERE id = :id;
END
cat > "$work/travel" <<'END'
\set id random(1, 300)
\set day random(1, 19)
UPDATE visits SET day = :day WHERE id = :id;
END
cat > "$work/break" <<'END'
\set id random(1, 300)
DO $$ BEGIN UPDATE visits SET state = 'nowhere' WHERE id = :id; RAISE EXCEPTION 'passed'; EXCEPTION WHEN SQLSTATE 'LG003' THEN NULL; END $$;
DO $$ BEGIN INSERT INTO visits VALUES (1000, 5, 'b'); RAISE EXCEPTION 'passed'; EXCEPTION WHEN SQLSTATE 'LG005' THEN NULL; END $$;
END
cat > "$work/change" <<'END'
BEGIN;
SELECT lifeguard.add_guard('visits', 'a', 'b', '(SELECT new.n >= 0)', 'now');
SELECT lifeguard.drop_guard('visits', 'a', 'b', '(SELECT new.n >= 0)');
COMMIT;
BEGIN;
SELECT lifeguard.add_transition('visits', 'b', 'c');
SELECT lifeguard.drop_transition('visits', 'b', 'c');
COMMIT;
\sleep 20 ms
END
cat > "$work/replace" <<'END'
CREATE OR REPLACE FUNCTION public.fine(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN $1 > 0 OR $1 IS NULL; END $$;
CREATE TYPE public.brief AS ENUM ('a', 'b');
DROP TYPE public.brief;
CREATE TABLE visits_3 PARTITION OF visits FOR VALUES FROM (20) TO (30);
INSERT INTO visits (id, day) VALUES (2000, 25);
DROP TABLE visits_3;
ALTER TABLE visits ADD COLUMN extra int DEFAULT 1;
ALTER TABLE visits DROP COLUMN extra;
\sleep 20 ms
END

clients=()
begin() { # SCRIPT CLIENTS
    pgbench -n -c "$2" -T "${SOAK_SECONDS:-60}" --max-tries=1000 -f "$work/$1" > "$work/$1.out" 2> "$work/$1.err" &
    clients+=($!)
}
trap 'kill "${clients[@]}" 2> /dev/null; exit 130' INT TERM HUP
started=$(sql -c 'SELECT pg_postmaster_start_time()')
rules=$(sql -c 'SELECT timing, rule FROM lifeguard.rules')
begin move 2
begin travel 2
begin break 1
begin change 1
begin replace 1
for client in "${clients[@]}"; do wait "$client" || :; done

# --- what became of it ---

ok 'the server never restarted' "$(sql -c "SELECT 'it did' WHERE pg_postmaster_start_time() <> '$started' OR pg_is_in_recovery()")"
for script in move travel break change replace; do
    done_times=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$work/$script.out")
    ok "$script: ${done_times:-0} transactions" "$(grep -E 'ERROR|FATAL|aborted' "$work/$script.err" | sort | uniq -c | head -n 5; [ "${done_times:-0}" -gt 0 ] || echo none)"
done
ok 'every row is in a state, and where its day is' "$(sql -c "SELECT id, state, day FROM visits WHERE state NOT IN ('a', 'b') OR (tableoid = 'visits_1'::regclass) <> (day < 10) LIMIT 5")"
ok 'every move to b has its action, once' "$(sql -c "SELECT v.id || ': ' || v.n || ' moves, ' || count(l.n) || ' actions' FROM visits v LEFT JOIN log l ON l.id = v.id
    GROUP BY v.id, v.n, v.state HAVING count(l.n) <> v.n / 2 OR count(l.n) <> count(DISTINCT l.n) OR (v.n % 2 = 0) <> (v.state = 'b') LIMIT 5")"
ok 'the rules are as they were' "$(diff <(echo "$rules") <(sql -c 'SELECT timing, rule FROM lifeguard.rules'))"
echo "1..$number"
