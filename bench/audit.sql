-- What the audit's part measures, made in database samples: the same table, audited by nobody, by a trigger in PL/pgSQL as it is usually written, and by
-- lifeguard.
\ir turns.sql

-- The usual trigger, and its table.
CREATE TABLE bench.log (
  id            bigserial PRIMARY KEY,
  table_name    text NOT NULL,
  operation     text NOT NULL,
  old_row       json,
  new_row       json,
  changed_by    uuid,
  database_role text NOT NULL DEFAULT current_user,
  changed_at    timestamptz NOT NULL DEFAULT now(),
  txid          bigint NOT NULL DEFAULT txid_current()
);
CREATE FUNCTION bench.audit_trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO bench.log (table_name, operation, old_row, new_row, changed_by)
  VALUES (TG_TABLE_NAME, TG_OP, CASE WHEN TG_OP <> 'INSERT' THEN row_to_json(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN row_to_json(NEW) END,
          (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::uuid);
  RETURN NULL;
END $$;

-- Members: room on each page, so that an update finds its place there whatever else the variant does.
CREATE FUNCTION bench.make(variant text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE bench.%I (id int PRIMARY KEY, full_name text NOT NULL, email text NOT NULL, age int, gender text, region text, is_paid boolean NOT NULL DEFAULT false, '
                 'amount numeric(10,2), created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()) WITH (fillfactor = 30)', variant);
  EXECUTE format('INSERT INTO bench.%I SELECT i, ''Member number '' || i, ''member'' || i || ''@example.org'', i %% 80, ''Male'', ''North America'', false, i / 7.0 '
                 'FROM generate_series(1, 20000) i', variant);
END $$;
SELECT bench.make('none'), bench.make('plpgsql'), bench.make('ours');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON bench.plpgsql FOR EACH ROW EXECUTE FUNCTION bench.audit_trigger();
SELECT lifeguard.audit('bench.ours');
SELECT monitoring.maintain_audit();
VACUUM (FREEZE, ANALYZE) bench.none, bench.plpgsql, bench.ours;

-- Microseconds that a statement takes, of the session's processor, or of time; %1$I in it is the variant.
CREATE FUNCTION bench.cost(statement text, variant text, by_processor boolean) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  began float8;
BEGIN
  PERFORM set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000007", "role": "authenticated"}', true);
  IF by_processor THEN
    began := bench.cpu();
    EXECUTE format(statement, variant);
    RETURN bench.cpu() - began;
  END IF;
  began := extract(epoch FROM clock_timestamp());
  EXECUTE format(statement, variant);
  RETURN 1e6 * (extract(epoch FROM clock_timestamp()) - began);
END $$;

-- Two columns of every row, and of one row after the other, a statement each.
CREATE FUNCTION bench.update_all(variant text, by_processor boolean) RETURNS float8 LANGUAGE sql AS $$
  SELECT bench.cost('UPDATE bench.%1$I SET amount = amount + 1, updated_at = clock_timestamp()', variant, by_processor)
$$;
CREATE FUNCTION bench.update_each(variant text) RETURNS float8 LANGUAGE sql AS $$
  SELECT bench.cost('DO $do$ BEGIN FOR i IN 1 .. 1000 LOOP UPDATE bench.%1$I SET amount = amount + 1, updated_at = clock_timestamp() WHERE id = i; END LOOP; END $do$', variant, true)
$$;
CREATE FUNCTION bench.replace_all(variant text) RETURNS float8 LANGUAGE sql AS $$
  SELECT bench.cost('WITH gone AS (DELETE FROM bench.%1$I WHERE id <= 5000 RETURNING *) INSERT INTO bench.%1$I SELECT id + 1000000, full_name, email, age, gender, region, is_paid, amount FROM gone', variant, true)
       + bench.cost('WITH gone AS (DELETE FROM bench.%1$I WHERE id > 1000000 RETURNING *) INSERT INTO bench.%1$I SELECT id - 1000000, full_name, email, age, gender, region, is_paid, amount FROM gone', variant, true)
$$;

-- A round's samples, and of each measure what was added to the table that nobody audits.
CREATE PROCEDURE bench.compare(round int, size int) LANGUAGE plpgsql AS $$
BEGIN
  CALL bench.take_turns(round, 'all', '{none,plpgsql,ours}', 'SELECT bench.update_all($1, true)', 3 + 2 * size);
  CALL bench.take_turns(round, 'time', '{none,plpgsql,ours}', 'SELECT bench.update_all($1, false)', 3 + 2 * size);
  CALL bench.take_turns(round, 'each', '{none,plpgsql,ours}', 'SELECT bench.update_each($1)', 5 * size);
  CALL bench.take_turns(round, 'replace', '{none,plpgsql,ours}', 'SELECT bench.replace_all($1)', 2 + size);
  INSERT INTO sample
  SELECT s.round, 'added_' || s.measure, s.variant, s.value - n.value
    FROM sample s JOIN sample n USING (round, measure) WHERE s.round = compare.round AND n.variant = 'none' AND s.variant <> 'none';
END $$;
