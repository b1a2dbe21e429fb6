#!/usr/bin/env bash
# 1,000,000 random moves (in SOAK_SECONDS=60; in proportion else) from 4 sessions against an oracle of 30 lines that knows nothing of lifeguard:
# no illegal one passes, no legal one is refused, each refusal has the code that the oracle says.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/soak/common

attempts=$((1000000 / 4 * ${SOAK_SECONDS:-60} / 60))

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

sql <<'END'
CREATE EXTENSION lifeguard;

-- what the rules say
CREATE TABLE machines (id int PRIMARY KEY, state text, n int, held boolean);
DO $$ BEGIN
  PERFORM lifeguard.create_lifecycle('machines', 'state', '{idle,broken}'),
          lifeguard.add_transition('machines', 'idle', 'warm'), lifeguard.add_transition('machines', 'warm', 'idle'), lifeguard.add_transition('machines', 'warm', 'running'),
          lifeguard.add_transition('machines', 'running', 'warm'), lifeguard.add_transition('machines', 'running', 'broken'), lifeguard.add_transition('machines', 'broken', 'idle'),
          lifeguard.add_transition('machines', 'idle', 'broken'), lifeguard.add_transition('machines', 'running', 'idle'), lifeguard.add_transition('machines', 'idle', 'asleep'),
          lifeguard.add_transition('machines', 'asleep', 'idle'), lifeguard.add_transition('machines', 'warm', 'asleep'), lifeguard.add_transition('machines', 'asleep', 'broken'),
          lifeguard.add_guard('machines', 'warm', 'running', 'new.n > 3', 'n'), lifeguard.add_guard('machines', NULL, 'broken', 'new.n % 2 = 0', 'even'),
          lifeguard.add_guard('machines', 'broken', NULL, '(SELECT count(*) FROM generate_series(1, new.n)) < 8', 'query'),
          lifeguard.add_guard('machines', NULL, NULL, 'NOT new.held', 'held'), lifeguard.add_guard('machines', 'running', 'idle', 'new.n IS DISTINCT FROM old.n', 'n as it was'),
          lifeguard.add_stamp('machines', 'asleep', 'n', '0');
END $$;

-- what the oracle says: the code with which a move is refused, 00000 for one that passes; from is null at creation
CREATE TABLE allowed (source text, target text);
INSERT INTO allowed VALUES (NULL, 'idle'), (NULL, 'broken'), ('idle', 'warm'), ('warm', 'idle'), ('warm', 'running'), ('running', 'warm'), ('running', 'broken'),
  ('broken', 'idle'), ('idle', 'broken'), ('running', 'idle'), ('idle', 'asleep'), ('asleep', 'idle'), ('warm', 'asleep'), ('asleep', 'broken');
CREATE FUNCTION oracle(source text, target text, old_n int, new_n int, held boolean) RETURNS text LANGUAGE sql AS $$
  SELECT CASE
    WHEN source = target THEN '00000'
    WHEN target IS NULL THEN 'LG004'
    WHEN target NOT IN ('idle', 'warm', 'running', 'broken', 'asleep') THEN 'LG003'
    WHEN NOT EXISTS (SELECT FROM allowed a WHERE a.source IS NOT DISTINCT FROM oracle.source AND a.target = oracle.target)
      THEN CASE WHEN source IS NULL THEN 'LG005' ELSE 'LG001' END
    WHEN source = 'warm' AND target = 'running' AND coalesce(new_n, 0) <= 3
      OR target = 'broken' AND coalesce(new_n % 2, 1) <> 0
      OR source = 'broken' AND coalesce(new_n, 0) >= 8
      OR held IS DISTINCT FROM false
      OR source = 'running' AND target = 'idle' AND old_n IS NOT DISTINCT FROM new_n
      THEN 'LG002'
    ELSE '00000' END
$$;

-- what really happened: a plain trigger's log of every change of state, and every difference to the oracle
CREATE UNLOGGED TABLE happened (n bigint GENERATED ALWAYS AS IDENTITY, id int, source text, target text, old_n int, new_n int, held boolean);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO happened (id, source, target, old_n, new_n, held)
  VALUES (new.id, CASE TG_OP WHEN 'UPDATE' THEN old.state END, new.state, CASE TG_OP WHEN 'UPDATE' THEN old.n END, new.n, new.held);
  RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OF state ON machines FOR EACH ROW EXECUTE FUNCTION note();
CREATE UNLOGGED TABLE outcomes (expected text, got text, kind text, attempts bigint);
CREATE SEQUENCE ids START 1001;
INSERT INTO machines SELECT i, 'idle', 0, false FROM generate_series(1, 1000) i;

-- one session's attempts, a transaction each
CREATE PROCEDURE attempt(attempts int) LANGUAGE plpgsql AS $$
<<attempt>>
DECLARE
  states   constant text[] := '{idle,warm,running,broken,asleep,idle,warm,running,broken,asleep,idle,warm,running,broken,asleep,lost,Idle," idle",NULL}';
  kinds    constant text[] := '{update,update,update,update,upsert,merge,insert,many,unlocked,back}';
  counts   jsonb := '{}';
  machine  machines;
  kind     text;
  target   text;
  id       int;
  new_n    int;
  new_held boolean;
  expected text;
  got      text;
BEGIN
  FOR i IN 1..attempts LOOP
    kind := kinds[1 + floor(random() * 10)::int];
    id := 1 + floor(random() * 995)::int;
    target := states[1 + floor(random() * 19)::int];
    new_n := nullif(floor(random() * 11)::int, 10);
    new_held := nullif(floor(random() * 30)::int, 0) = 1;
    expected := NULL;
    got := '00000';
    IF kind = 'insert' THEN
      expected := oracle(NULL, target, NULL, new_n, new_held);
    ELSIF kind = 'many' THEN
      WITH locked AS (SELECT * FROM machines m WHERE m.id BETWEEN attempt.id AND attempt.id + 4 ORDER BY m.id FOR UPDATE)
      SELECT CASE WHEN bool_and(oracle(l.state, target, l.n, l.n, l.held) = '00000') THEN '00000' ELSE 'LG' END INTO expected FROM locked l;
    ELSIF kind <> 'unlocked' THEN
      SELECT * INTO machine FROM machines m WHERE m.id = attempt.id FOR UPDATE;
      expected := oracle(machine.state, target, machine.n, new_n, new_held);
      IF kind = 'upsert' AND oracle(NULL, target, NULL, new_n, new_held) <> '00000' THEN
        expected := oracle(NULL, target, NULL, new_n, new_held);
      END IF;
    END IF;
    BEGIN
      CASE kind
        WHEN 'insert' THEN INSERT INTO machines VALUES (nextval('ids'), target, new_n, new_held);
        WHEN 'upsert' THEN INSERT INTO machines AS m VALUES (attempt.id, target, new_n, new_held)
                             ON CONFLICT ON CONSTRAINT machines_pkey DO UPDATE SET state = excluded.state, n = excluded.n, held = excluded.held;
        WHEN 'merge' THEN MERGE INTO machines m USING (VALUES (attempt.id)) v(id) ON v.id = m.id WHEN MATCHED THEN UPDATE SET state = target, n = new_n, held = new_held;
        WHEN 'many' THEN UPDATE machines m SET state = target WHERE m.id BETWEEN attempt.id AND attempt.id + 4;
        ELSE UPDATE machines m SET state = target, n = new_n, held = new_held WHERE m.id = attempt.id;
      END CASE;
      IF kind = 'back' THEN RAISE query_canceled; END IF;
    EXCEPTION
      WHEN query_canceled THEN NULL;
      WHEN OTHERS THEN got := SQLSTATE;
    END;
    IF kind = 'many' AND got <> '00000' THEN got := 'LG'; END IF;
    counts := jsonb_set(counts, ARRAY[kind || ' ' || coalesce(expected, '?') || ' ' || got],
                        to_jsonb(coalesce((counts ->> (kind || ' ' || coalesce(expected, '?') || ' ' || got))::int, 0) + 1));
    COMMIT;
  END LOOP;
  INSERT INTO outcomes SELECT split_part(key, ' ', 2), split_part(key, ' ', 3), split_part(key, ' ', 1), value::bigint FROM jsonb_each_text(counts);
END $$;
END

# --- four sessions at once ---

errors=$(mktemp)
sessions=()
trap 'rm -f "$errors"' EXIT
trap 'kill "${sessions[@]}" 2> /dev/null; exit 130' INT TERM HUP
for _ in 1 2 3 4; do
    sql -c 'SET synchronous_commit = off' -c "CALL attempt($attempts)" 2>> "$errors" &
    sessions+=($!)
done
for session in "${sessions[@]}"; do wait "$session" || :; done
ok 'four sessions came to their end' "$(cat "$errors")"

# --- what the oracle says to it ---

total=$(sql -c 'SELECT coalesce(sum(attempts), 0) FROM outcomes')
ok "$total random moves: $(sql -c "SELECT string_agg(got || ' ' || n, ', ' ORDER BY got) FROM (SELECT replace(got, '00000', 'passed') AS got, sum(attempts) AS n FROM outcomes GROUP BY 1) o")" \
    "$(sql -c "SELECT 'of $((attempts * 4)) attempts' WHERE $total <> $((attempts * 4))")"
ok 'no legal one refused, no illegal one passed, each with its code' \
    "$(sql -c "SELECT kind || ': expected ' || expected || ', got ' || got || ', ' || sum(attempts) || ' times' FROM outcomes
                WHERE expected <> '?' AND expected <> got GROUP BY kind, expected, got ORDER BY kind")"
ok 'an unlocked one is refused by a rule or not at all' \
    "$(sql -c "SELECT kind || ' got ' || got FROM outcomes WHERE expected = '?' AND got <> '00000' AND got !~ '^LG00[1-5]'")"
ok "every one of $(sql -c 'SELECT count(*) FROM happened WHERE source IS DISTINCT FROM target') changes of state is legal" \
    "$(sql -c "SELECT source || ' -> ' || target || ', n ' || old_n || ' -> ' || new_n FROM happened
                WHERE source IS DISTINCT FROM target AND oracle(source, target, old_n, CASE target WHEN 'asleep' THEN NULL ELSE new_n END, held) <> '00000' LIMIT 10")"
ok 'every row goes on from where it was' \
    "$(sql -c "SELECT id || ': ' || before || ', then from ' || source FROM (SELECT id, n, source, lag(target) OVER (PARTITION BY id ORDER BY n) AS before FROM happened) h
                WHERE source <> before LIMIT 10")"
ok 'all rows are in a state that the oracle knows, as the log left them' \
    "$(sql -c "SELECT m.id || ' is ' || coalesce(m.state, 'null') FROM machines m LEFT JOIN (SELECT DISTINCT ON (id) id, target FROM happened ORDER BY id, n DESC) h USING (id)
                WHERE m.state IS DISTINCT FROM coalesce(h.target, 'idle') LIMIT 10")"
ok 'every kind of refusal occurred, and every move' \
    "$(sql -c "SELECT code || ' never' FROM unnest('{00000,LG001,LG002,LG003,LG004,LG005}'::text[]) code WHERE code NOT IN (SELECT got FROM outcomes)
               UNION ALL SELECT source || ' -> ' || target || ' never' FROM allowed a WHERE source IS NOT NULL
                  AND NOT EXISTS (SELECT FROM happened h WHERE h.source = a.source AND h.target = a.target)")"
echo "1..$number"
