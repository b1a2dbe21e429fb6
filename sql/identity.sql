-- Who the caller is: whatever changes the claims, and wherever they are asked for, the answer is that of the claims as they are then.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_identity_sleeper;
RESET client_min_messages;
CREATE SCHEMA ident;
GRANT USAGE ON SCHEMA ident TO PUBLIC;

-- persons are numbers here: claims of the n-th, and who it is that lifeguard names
CREATE FUNCTION ident.person(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION ident.claims(n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT jsonb_build_object('sub', ident.person(n), 'role', 'role' || n, 'email', n || '@example.org')::text $$;
CREATE FUNCTION ident.number(person uuid) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT right(person::text, 12)::int $$;
CREATE FUNCTION ident.become(n int, for_transaction boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
BEGIN PERFORM set_config('request.jwt.claims', ident.claims(n), for_transaction); END $$;
-- all four, which must name the same person
CREATE FUNCTION ident.who() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE n text := coalesce(ident.number(lifeguard.uid())::text, '-');
BEGIN
  IF row(lifeguard.role(), lifeguard.email(), lifeguard.claim('email'), lifeguard.claims() ->> 'role')
     IS DISTINCT FROM row(nullif('role' || n, 'role-'), nullif(n || '@example.org', '-@example.org'), nullif(n || '@example.org', '-@example.org'), nullif('role' || n, 'role-')) THEN
    RETURN format('uid() says %s, role() %s, email() %s, claims() %s', n, lifeguard.role(), lifeguard.email(), lifeguard.claims());
  END IF;
  RETURN n;
END $$;

-- whatever changes them
SELECT ident.who();
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000001", "role": "role1", "email": "1@example.org"}';
SELECT ident.who();
BEGIN;
SELECT ident.become(2, true), ident.who();
SAVEPOINT a;
SET LOCAL request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000003", "role": "role3", "email": "3@example.org"}';
SELECT ident.who();
SAVEPOINT b;
SELECT ident.become(4), ident.who();
ROLLBACK TO b;
SELECT ident.who();
ROLLBACK TO a;
SELECT ident.who();
SAVEPOINT c;
SELECT ident.become(5), ident.who();
RELEASE c;
SELECT ident.who();
ROLLBACK;
SELECT ident.who();
BEGIN;
SELECT ident.become(6);
SELECT ident.become(7, true), ident.who();
COMMIT AND CHAIN;
SELECT ident.who();
ROLLBACK AND CHAIN;
SELECT ident.become(8), ident.who();
SELECT 1 / 0;
ROLLBACK;
SELECT ident.who();
RESET request.jwt.claims;
SELECT ident.who();
SELECT ident.become(9), ident.who();
DISCARD ALL;
\pset format unaligned
\pset tuples_only on
SELECT ident.who();
BEGIN;
SELECT ident.become(1, true), ident.who();
COMMIT;
SELECT ident.who(), current_setting('request.jwt.claims') = '' AS left_empty;
SELECT ident.become(1), ident.who();
SET request.jwt.claims TO DEFAULT;
SELECT ident.who();
CREATE ROLE regress_identity_sleeper LOGIN;
ALTER ROLE regress_identity_sleeper SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000007", "role": "role7", "email": "7@example.org"}';
\set superuser :USER
\c - regress_identity_sleeper
SELECT ident.who();
SET request.jwt.claims = '';
SELECT ident.who();
RESET request.jwt.claims;
SELECT ident.who();
\c - :superuser
SELECT ident.who();
DROP ROLE regress_identity_sleeper;

-- functions: with a setting of their own, loops, exception blocks, wrappers of every volatility, inlined and not
CREATE FUNCTION ident.as_three() RETURNS text LANGUAGE plpgsql SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000003", "role": "role3", "email": "3@example.org"}' AS $$
BEGIN RETURN ident.who(); END $$;
CREATE FUNCTION ident.inlined() RETURNS int LANGUAGE sql STABLE AS $$ SELECT ident.number(lifeguard.uid()) $$;
CREATE FUNCTION ident.stable() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN ident.number(lifeguard.uid()); END $$;
SELECT ident.become(1);
SELECT ident.who(), ident.as_three(), ident.who();
SELECT ident.inlined(), ident.stable(), (SELECT set_config('request.jwt.claims', ident.claims(2), false)) IS NULL, ident.inlined(), ident.stable();
DO $$
DECLARE wrong int := 0; kept uuid[] := '{}'; person uuid;
BEGIN
  FOR i IN 1..2000 LOOP
    PERFORM set_config('request.jwt.claims', ident.claims(i), i % 2 = 0);
    person := lifeguard.uid();
    kept := kept || lifeguard.uid();
    IF person IS DISTINCT FROM ident.person(i) OR lifeguard.role() <> 'role' || i OR ident.inlined() <> i OR ident.stable() <> i THEN wrong := wrong + 1; END IF;
    BEGIN
      PERFORM set_config('request.jwt.claims', ident.claims(100000 + i), true);
      PERFORM lifeguard.uid();
      RAISE 'back';
    EXCEPTION WHEN raise_exception THEN
      IF lifeguard.uid() <> ident.person(i) THEN wrong := wrong + 1; END IF;
    END;
  END LOOP;
  FOR i IN 1..2000 LOOP IF kept[i] <> ident.person(i) THEN wrong := wrong + 1; END IF; END LOOP;
  RAISE NOTICE 'wrong: %', wrong;
END $$;
SELECT ident.who();

-- one row that holds several persons; sorted, hashed, kept, aggregated
SELECT ident.number(lifeguard.uid()), set_config('request.jwt.claims', ident.claims(5), false) <> '', ident.number(lifeguard.uid()), lifeguard.role(), set_config('request.jwt.claims', '', false), lifeguard.role() IS NULL;
CREATE FUNCTION ident.whirl(n int) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE person uuid;
BEGIN
  FOR i IN 1..n LOOP PERFORM ident.become(i, true); person := lifeguard.uid(); END LOOP;
  RETURN person;
END $$;
SELECT ident.become(4);
SELECT ident.number(before), ident.number(whirl), ident.number(after), role FROM (SELECT lifeguard.uid() AS before, lifeguard.role() AS role, ident.whirl(500) AS whirl, lifeguard.uid() AS after) AS one_row;
SELECT array_agg(ident.number(u) ORDER BY u) FROM (SELECT lifeguard.uid() AS u, set_config('request.jwt.claims', ident.claims(n + 1), false) FROM generate_series(1, 5) AS n OFFSET 0) AS rows;
SELECT ident.become(1);
SELECT string_agg(r, ' ' ORDER BY n) FROM (SELECT n, lifeguard.role() AS r, set_config('request.jwt.claims', ident.claims(n + 1), false) FROM generate_series(1, 5) AS n OFFSET 0) AS rows;
SELECT ident.become(1);
SELECT count(DISTINCT u) FROM (SELECT lifeguard.uid() AS u, set_config('request.jwt.claims', ident.claims(n % 7), false) FROM generate_series(1, 700) AS n OFFSET 0) AS rows;

-- plans that are kept
CREATE TABLE ident.things (id int PRIMARY KEY, owner uuid NOT NULL);
INSERT INTO ident.things SELECT n, ident.person(n % 10) FROM generate_series(1, 1000) AS n;
CREATE INDEX ON ident.things (owner);
ANALYZE ident.things;
PREPARE own AS SELECT count(*), min(ident.number(owner)), max(ident.number(owner)) FROM ident.things WHERE owner = lifeguard.uid();
PREPARE own_wrapped(int) AS SELECT count(*), min(ident.number(owner)), max(ident.number(owner)) FROM ident.things WHERE owner = (SELECT lifeguard.uid()) AND id > $1;
SET plan_cache_mode = force_generic_plan;
SELECT ident.become(1);
EXECUTE own;
EXECUTE own_wrapped(500);
SELECT ident.become(2);
EXECUTE own;
EXECUTE own_wrapped(500);
SET request.jwt.claims = '';
EXECUTE own;
SET plan_cache_mode = force_custom_plan;
SELECT ident.become(3);
EXECUTE own;
EXECUTE own_wrapped(500);
RESET plan_cache_mode;

-- workers have the leader's claims
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
CREATE FUNCTION ident.workers(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; found text := 'no workers';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
    IF line ~ 'Workers Launched: [1-9]' THEN found := 'workers'; END IF;
  END LOOP;
  RETURN found;
END $$;
SET parallel_leader_participation = off;
SELECT ident.workers('SELECT count(*) FROM ident.things WHERE owner = lifeguard.uid() AND lifeguard.role() = ''role3''');
SELECT count(*), min(ident.number(owner)), max(ident.number(owner)) FROM ident.things WHERE owner = lifeguard.uid() AND lifeguard.role() = 'role3' AND lifeguard.claim('email') = '3@example.org';
BEGIN;
SELECT ident.become(4, true);
SELECT count(*), min(ident.number(owner)) FROM ident.things WHERE owner = lifeguard.uid() AND lifeguard.role() = 'role4';
SAVEPOINT a;
SELECT set_config('request.jwt.claims', '', true), set_config('request.jwt.claim.sub', ident.person(5)::text, true) <> '';
SELECT count(*), min(ident.number(owner)) FROM ident.things WHERE owner = lifeguard.uid();
ROLLBACK TO a;
SELECT count(*), min(ident.number(owner)) FROM ident.things WHERE owner = lifeguard.uid();
COMMIT;
SELECT count(*) FROM ident.things WHERE lifeguard.uid() = ident.person(3);
RESET parallel_leader_participation;
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET parallel_tuple_cost;
RESET parallel_setup_cost;
RESET enable_indexscan;
RESET enable_bitmapscan;

-- cursors: a row is judged by the claims of the moment in which it is read; a row that was read stays what it was
BEGIN;
SELECT ident.become(1, true);
DECLARE each CURSOR FOR SELECT ident.number(lifeguard.uid()) FROM generate_series(1, 5);
FETCH 1 FROM each;
SELECT ident.become(2, true);
FETCH 1 FROM each;
SAVEPOINT a;
SELECT ident.become(3, true);
FETCH 1 FROM each;
ROLLBACK TO a;
FETCH 1 FROM each;
-- the outer side of a join is one row that is read once, however much happens meanwhile
DECLARE outer_row CURSOR FOR SELECT ident.number(s.u), s.r FROM (SELECT lifeguard.uid() AS u, lifeguard.role() AS r OFFSET 0) AS s, generate_series(1, 4);
FETCH 1 FROM outer_row;
SELECT ident.number(ident.whirl(1000));
FETCH 1 FROM outer_row;
SELECT ident.become(5, true);
DECLARE held CURSOR WITH HOLD FOR SELECT ident.number(lifeguard.uid()) FROM generate_series(1, 3);
FETCH 1 FROM held;
SELECT ident.become(6, true);
COMMIT;
SELECT ident.become(7);
FETCH ALL FROM held;
CLOSE held;

-- procedures that commit while an argument holds a person
CREATE PROCEDURE ident.hold(person uuid, role text) LANGUAGE plpgsql AS $$
DECLARE own uuid := lifeguard.uid();
BEGIN
  FOR i IN 1..300 LOOP
    PERFORM ident.become(i, true);
    PERFORM lifeguard.uid(), lifeguard.role();
    IF i % 3 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
    IF lifeguard.uid() IS DISTINCT FROM own THEN RAISE 'after the transaction the caller is %', lifeguard.uid(); END IF;
  END LOOP;
  RAISE NOTICE 'holds % %, held %', ident.number(person), role, ident.number(own);
END $$;
CALL ident.hold(lifeguard.uid(), lifeguard.role());
CREATE PROCEDURE ident.hold_outer() LANGUAGE plpgsql AS $$ BEGIN PERFORM ident.become(8); CALL ident.hold(lifeguard.uid(), lifeguard.role()); END $$;
CALL ident.hold_outer();
SELECT ident.who();

-- triggers, defaults, CHECK constraints, MERGE, RETURNING, COPY, deferred constraint triggers, views
CREATE TABLE ident.notes (id int PRIMARY KEY, author uuid DEFAULT lifeguard.uid() CHECK (author = lifeguard.uid()), seen int[]);
CREATE FUNCTION ident.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.seen := new.seen || ident.number(lifeguard.uid()); RETURN new; END $$;
CREATE FUNCTION ident.late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'deferred % by %', new.id, ident.number(lifeguard.uid()); RETURN NULL; END $$;
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON ident.notes FOR EACH ROW EXECUTE FUNCTION ident.note();
SELECT ident.become(1);
INSERT INTO ident.notes (id) VALUES (1) RETURNING ident.number(author), seen, ident.number(lifeguard.uid());
SELECT ident.become(2);
INSERT INTO ident.notes VALUES (2, ident.person(1));
INSERT INTO ident.notes (id) VALUES (2);
MERGE INTO ident.notes n USING (VALUES (2), (3)) AS v(id) ON n.id = v.id AND n.author = lifeguard.uid() WHEN MATCHED THEN UPDATE SET author = lifeguard.uid() WHEN NOT MATCHED THEN INSERT (id) VALUES (v.id);
\copy ident.notes (id) FROM stdin
4
5
\.
COPY (SELECT id, ident.number(author), seen FROM ident.notes WHERE author = lifeguard.uid() ORDER BY id) TO stdout;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON ident.notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ident.late();
BEGIN;
SELECT ident.become(3, true);
INSERT INTO ident.notes (id) VALUES (6);
SELECT ident.become(4, true);
INSERT INTO ident.notes (id) VALUES (7);
COMMIT;
CREATE VIEW ident.mine WITH (security_barrier) AS SELECT * FROM ident.notes WHERE author = lifeguard.uid();
SELECT ident.become(3);
SELECT array_agg(id) FROM ident.mine;
SELECT ident.become(4);
SELECT array_agg(id) FROM ident.mine;

-- settings for each claim, only where there are no claims; the tenant
SET request.jwt.claims = '';
SET request.jwt.claim.sub = '00000000-0000-4000-8000-000000000006';
SET request.jwt.claim.role = 'role6';
SET request.jwt.claim.email = '6@example.org';
SET request.jwt.claim.plan = 'gold';
SELECT ident.who(), lifeguard.claim('plan'), lifeguard.claim('none') IS NULL, lifeguard.claims();
SELECT ident.become(7), ident.who(), lifeguard.claim('plan') IS NULL;
SET request.jwt.claims = '{}';
SELECT lifeguard.uid() IS NULL, lifeguard.role() IS NULL, lifeguard.email() IS NULL, lifeguard.claims(), lifeguard.claim('plan') IS NULL;
SET request.jwt.claims = 'broken';
SELECT lifeguard.uid() IS NULL, lifeguard.role() IS NULL, lifeguard.email() IS NULL, lifeguard.claims() IS NULL, lifeguard.claim('plan') IS NULL;
RESET request.jwt.claims;
SET request.jwt.claim.sub = 'peter';
SELECT lifeguard.uid() IS NULL, lifeguard.role(), lifeguard.claims() ->> 'sub';
SET request.jwt.claim.sub = '';
SELECT lifeguard.uid() IS NULL, lifeguard.claims() ? 'sub';
SELECT set_config('request.jwt.claim.plan', repeat('ä', 600000), false) <> '', lifeguard.claim('plan') IS NULL AS more_than_a_megabyte_is_none;
SELECT set_config('request.jwt.claim.plan', repeat('ä', 500000), false) <> '', length(lifeguard.claim('plan'));
RESET request.jwt.claim.sub;
RESET request.jwt.claim.role;
RESET request.jwt.claim.email;
RESET request.jwt.claim.plan;
SELECT ident.who(), lifeguard.tenant_id() IS NULL;
SET app.current_tenant_id = '00000000-0000-4000-8000-000000000100';
SELECT ident.number(lifeguard.tenant_id());
SET request.jwt.claims = '{"tenant_id": "00000000-0000-4000-8000-000000000200", "org": "00000000-0000-4000-8000-000000000300", "odd": 1, "none": null}';
SELECT ident.number(lifeguard.tenant_id());
SET lifeguard.tenant_claim = 'org';
SELECT ident.number(lifeguard.tenant_id());
SET lifeguard.tenant_claim = 'odd';
SELECT lifeguard.tenant_id() IS NULL AS no_uuid_is_no_tenant;
SET lifeguard.tenant_claim = 'none';
SELECT ident.number(lifeguard.tenant_id());
SET lifeguard.tenant_claim = 'nowhere';
SELECT ident.number(lifeguard.tenant_id());
SET request.jwt.claims = '';
SET request.jwt.claim.nowhere = '00000000-0000-4000-8000-000000000400';
SELECT ident.number(lifeguard.tenant_id());
RESET request.jwt.claim.nowhere;
RESET lifeguard.tenant_claim;
SET app.current_tenant_id = 'all of them';
SELECT lifeguard.tenant_id() IS NULL;
RESET app.current_tenant_id;
SELECT lifeguard.tenant_id() IS NULL;
DO $$
DECLARE wrong int := 0;
BEGIN
  FOR i IN 1..200 LOOP
    PERFORM set_config('app.current_tenant_id', ident.person(i)::text, true);
    IF lifeguard.tenant_id() IS DISTINCT FROM ident.person(i) THEN wrong := wrong + 1; END IF;
    PERFORM set_config('request.jwt.claims', format('{"tenant_id": "%s"}', ident.person(-i * -2)), true);
    IF lifeguard.tenant_id() IS DISTINCT FROM ident.person(2 * i) THEN wrong := wrong + 1; END IF;
    PERFORM set_config('request.jwt.claims', '', true), set_config('request.jwt.claim.tenant_id', ident.person(3 * i)::text, true);
    IF lifeguard.tenant_id() IS DISTINCT FROM ident.person(3 * i) THEN wrong := wrong + 1; END IF;
    PERFORM set_config('request.jwt.claim.tenant_id', '', true);
  END LOOP;
  RAISE NOTICE 'wrong tenants: %', wrong;
END $$;

-- what is JSON is what jsonb takes: the same claims, or nobody. NULL when both agree, else what differs
CREATE FUNCTION ident.differs(claims text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE object jsonb; person uuid; name text;
BEGIN
  BEGIN
    object := claims::jsonb;
    IF jsonb_typeof(object) <> 'object' THEN object := NULL; END IF;
    IF jsonb_typeof(object -> 'sub') = 'string' THEN person := object ->> 'sub'; END IF;
  EXCEPTION WHEN OTHERS THEN person := NULL;
  END;
  PERFORM set_config('request.jwt.claims', claims, true);
  IF lifeguard.uid() IS DISTINCT FROM person THEN RETURN format('uid() %s, not %s: %s', lifeguard.uid(), person, claims); END IF;
  IF lifeguard.role() IS DISTINCT FROM object ->> 'role' THEN RETURN format('role() %s, not %s: %s', lifeguard.role(), object ->> 'role', claims); END IF;
  IF lifeguard.claims() IS DISTINCT FROM object THEN RETURN format('claims() %s, not %s: %s', lifeguard.claims(), object, claims); END IF;
  FOR name IN SELECT jsonb_object_keys(object) UNION ALL SELECT 'nowhere' UNION ALL SELECT '' LOOP
    IF lifeguard.claim(name) IS DISTINCT FROM object ->> name THEN RETURN format('claim(%L) %L, not %L: %s', name, lifeguard.claim(name), object ->> name, claims); END IF;
  END LOOP;
  RETURN NULL;
END $$;
-- $ is somebody's UUID in quotes
CREATE TABLE ident.texts (claims text);
INSERT INTO ident.texts SELECT replace(c, '$', '"00000000-0000-4000-8000-000000000001"') FROM unnest(ARRAY[
  '{}', '[]', 'null', 'true', '1', '"x"', '{', '}', '[', ']', '"', '\', ',', ':', '{]', '[}', '{}{}', '{} {}', '{},', '{}x', '{"sub":$}', ' {"sub" : $ } ', E'\t\r\n{"sub":\n$\r}\t', E'\f{"sub":$}', E'\v{"sub":$}',
  E'\u00A0{"sub":$}', E'\uFEFF{"sub":$}', '{"sub":$}}', '{"sub":$', '{"sub":$,}', '{,"sub":$}', '{"sub":$,,"a":1}', '{"sub" $}', '{"sub"::$}', '{sub:$}', '{''sub'':$}', '{"sub":$;"a":1}', '{"sub":$ "a":1}',
  '[{"sub":$}]', '{"a":{"sub":$}}', '{"a":[{"sub":$}],"role":"x"}', '{"a":{"sub":"x"},"sub":$,"b":{"sub":"y"}}', '{"sub":{"sub":$}}', '{"sub":[$]}', '{"SUB":$}', '{"sub ":$}', '{" sub":$}', '{"su":$}', '{"subb":$}', '{"":$}',
  '{"sub":"x","sub":$}', '{"sub":$,"sub":"x"}', '{"sub":$,"sub":null}', '{"\u0073ub":$}', '{"s\u0075\u0062":$}', '{"sub":"x","\u0073\u0075\u0062":$}', '{"\u0073\u0075\u0062":"x","sub":$}', '{"\u0053ub":$}', '{"\s\u\b":$}', '{"su\b":$}',
  '{"sub":"\u00300000000-0000-4000-8000-000000000001"}', '{"sub":"00000000\u002d0000-4000-8000-000000000001"}', '{"sub":"00000000-0000-4000-8000-000000000001\u0000"}', '{"sub":"00000000-0000-4000-8000-000000000001\n"}', '{"sub":" 00000000-0000-4000-8000-000000000001"}',
  '{"sub":"{00000000-0000-4000-8000-000000000001}"}', '{"sub":"{00000000-0000-4000-8000-000000000001"}', '{"sub":"00000000-0000-4000-8000-000000000001}"}', '{"sub":"ABCDEFAB-CDEF-4000-8000-ABCDEFABCDEF"}', '{"sub":"00000000000040008000000000000001"}', '{"sub":"0000-0000-0000-4000-8000-0000-0000-0001"}',
  '{"sub":"0-0000000-0000-4000-8000-000000000001"}', '{"sub":"00000000-0000-4000-8000-00000000000"}', '{"sub":"00000000-0000-4000-8000-0000000000011"}', '{"sub":"g0000000-0000-4000-8000-000000000001"}', '{"sub":"-0000000000004000-8000-000000000001"}', '{"sub":"0000000000004000-8000-000000000001-"}',
  '{"sub":""}', '{"sub":"{}"}', '{"sub":"{"}', '{"sub":null}', '{"sub":true}', '{"sub":1}', '{"sub":{}}', '{"sub":[]}', '{"sub":}', '{"sub"}', '{"sub":nul}', '{"sub":nulll}', '{"sub":Null}', '{"sub":NaN}', '{"sub":undefined}',
  '{"role":"\ud83d\ude00"}', '{"role":"\ud83d"}', '{"role":"\ude00"}', '{"role":"\ude00\ud83d"}', '{"role":"\ud83d\ud83d"}', '{"role":"\ud83dx"}', '{"role":"\ud83d\n"}', '{"role":"\ud83d\u0041"}', '{"role":"\uD83D\uDE00x\u00e4\u20AC\ufffd\uFFFF"}', '{"\ud83d\ude00":"x","role":"y"}',
  '{"role":"\u0000"}', '{"role":"\u"}', '{"role":"\u1"}', '{"role":"\u12"}', '{"role":"\u123"}', '{"role":"\u123g"}', '{"role":"\u-123"}', '{"role":"\u+123"}', '{"role":"\u 123"}', '{"role":"\U0041"}', '{"role":"\x41"}', '{"role":"\''"}', '{"role":"\"\\\/\b\f\n\r\t"}', '{"role":"\a"}', '{"role":"\"}', '{"role":"\\"}', '{"role":"\\\"}',
  E'{"role":"\x01"}', E'{"role":"\x1f"}', E'{"role":"\x7f"}', E'{"role":"a\nb"}', E'{"role":"a\tb"}', E'{"a\nb":1}', '{"role":"ä€𝄞"}', '{"ä":"ö","role":"x"}', '{"\u00e4":"ö"}', E'{"role":"\u0080\u0085\u2028"}',
  '{"n":0}', '{"n":-0}', '{"n":-0.0}', '{"n":00}', '{"n":01}', '{"n":-01}', '{"n":-}', '{"n":+1}', '{"n":1.}', '{"n":.5}', '{"n":-.5}', '{"n":1.5}', '{"n":1.50}', '{"n":1e5}', '{"n":1E5}', '{"n":1e+5}', '{"n":1e-5}', '{"n":1e}', '{"n":1e+}', '{"n":1.e5}', '{"n":1.5e2}', '{"n":1e5.5}', '{"n":0e0}', '{"n":0.0e-7}', '{"n":-1.25E-3}',
  '{"n":1e999}', '{"n":1x}', '{"n":0x10}', '{"n":1_0}', '{"n":1 2}', '{"n":1-2}', '{"n":Infinity}', '{"n":123456789012345678901234567890}', '{"n":-5}', '{"n":true}', '{"n":false}', '{"n":tru}', '{"n":truefalse}', '{"n":true false}',
  '{"role":5}', '{"role":1.50e1}', '{"role":["b", "a"]}', '{"role":{"b" : 1 , "a":[ ]}}', '{"role":false}', '{"role":null}', '{"a":[1,2,]}', '{"a":[,1]}', '{"a":[1 2]}', '{"a":[1:2]}', '{"a":{"b":1}', '{"a":{"b"}}', '{"a":{"b":1,"b":2}}', '{"a":{"b":1}]', '{"a":[}]}', '{"a":[[]]}', '{"a":[{}]}', '{"a":{"b":{}}}', '/**/{}', '{}//', '{"a":1/**/}', '{"a":1}#'
]) AS c;
SELECT count(*) > 180, count(*) FILTER (WHERE d IS NOT NULL), array_agg(d) FILTER (WHERE d IS NOT NULL) FROM (SELECT ident.differs(claims) AS d FROM ident.texts OFFSET 0) AS hand_made;

-- the same at random: objects of sound and unsound parts, then with one character lost, doubled, put in or cut off
CREATE FUNCTION ident.pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;
CREATE FUNCTION ident.random_value(depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made text := ''; space text := ident.pick('', '', '', ' ', E'\n\t');
BEGIN
  IF depth < 4 AND random() < 0.3 THEN
    FOR i IN 1..floor(random() * 4) LOOP made := made || CASE WHEN i > 1 THEN ',' ELSE '' END || ident.random_value(depth + 1); END LOOP;
    RETURN space || '[' || made || space || ']';
  ELSIF depth < 4 AND random() < 0.3 THEN
    RETURN ident.random_object(depth + 1);
  ELSIF random() < 0.03 THEN
    RETURN ident.pick('"\ud800"', '"\u0000"', '01', '1.', '-', 'nul', 'True', '"', '', E'"\x02"', '"\q"', '[', '}', 'NaN', '1e');
  END IF;
  RETURN space || ident.pick('"00000000-0000-4000-8000-00000000000' || floor(random() * 10) || '"', '"x"', '""', '"\u0041\n"', '"\ud83d\ude00ä"', 'true', 'false', 'null', '0', '-1', '1.50', '-0', '2e3', '1E-7', '12345678901234567890', '"\\"', '"\""', '"role"', '{}', '[]') || space;
END $$;
CREATE FUNCTION ident.random_object(depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made text := '';
BEGIN
  FOR i IN 1..floor(random() * 5) LOOP
    made := made || CASE WHEN i > 1 THEN ident.pick(',', ',', ', ', E'\n,') ELSE '' END || ident.pick('"sub"', '"sub"', '"role"', '"\u0073ub"', '"r\u006fle"', '"a"', '"b"', '""', '"\ud83d\ude00"', '"Sub"', '"su\u0062 "', CASE WHEN random() < 0.1 THEN '"\u0000"' ELSE '"c"' END)
            || ident.pick(':', ' : ') || ident.random_value(depth);
  END LOOP;
  RETURN '{' || made || '}';
END $$;
CREATE FUNCTION ident.mutated(claims text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE at int := 1 + floor(random() * length(claims));
BEGIN
  RETURN CASE floor(random() * 4)
    WHEN 0 THEN overlay(claims PLACING '' FROM at FOR 1)
    WHEN 1 THEN overlay(claims PLACING substr(claims, at, 1) || substr(claims, at, 1) FROM at FOR 1)
    WHEN 2 THEN overlay(claims PLACING ident.pick('{', '}', '[', ']', ':', ',', '"', '\', ' ', '0', '-', '.', 'e', 'u', E'\x0b', 'ä', '/', '+', 'n') FROM at FOR floor(random() * 2)::int)
    ELSE left(claims, at) END;
END $$;
SELECT setseed(0.4);
CREATE TABLE ident.random_texts AS SELECT ident.random_object(0) AS claims FROM generate_series(1, 2500);
INSERT INTO ident.random_texts SELECT ident.mutated(claims) FROM ident.random_texts WHERE claims <> '{}';
CREATE TABLE ident.differences AS SELECT claims, ident.differs(claims) AS difference FROM ident.random_texts WHERE claims <> '' AND claims !~ '[eE][-+]?[0-9]{4}';
SELECT count(*) > 4000, count(difference), min(difference) FROM ident.differences;

-- our limits: what is hostile rather than useful is nobody, and costs nothing
CREATE FUNCTION ident.is_somebody(claims text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('request.jwt.claims', claims, true);
  IF (lifeguard.claims() IS NULL) <> (lifeguard.claim('sub') IS NULL) OR lifeguard.claims() IS NULL AND lifeguard.uid() IS NOT NULL THEN RAISE 'half somebody: %', left(claims, 80); END IF;
  RETURN lifeguard.uid() IS NOT NULL;
END $$;
CREATE FUNCTION ident.with(more text) RETURNS text LANGUAGE sql AS $$ SELECT '{"sub": "00000000-0000-4000-8000-000000000001", "a": ' || more || '}' $$;
SELECT n, ident.is_somebody(ident.with(repeat('[', n) || repeat(']', n))), ident.is_somebody(ident.with(repeat('{"a":', n) || '1' || repeat('}', n))) FROM unnest('{61,62,63,64,1000}'::int[]) AS n;
SELECT ident.is_somebody(ident.with(repeat('[', 100000) || repeat(']', 100000))), ident.is_somebody(repeat('[', 500000)), ident.is_somebody(repeat('{"sub":', 100000)), ident.is_somebody(repeat('}', 500000));
SELECT ident.is_somebody(ident.with(n)), left(n, 10) FROM unnest(ARRAY['1e999', '1e1000', '1e99999', '1e-99999', '1E131072', repeat('9', 300), repeat('9', 301), '0.' || repeat('0', 300)]) AS n;
SELECT ident.is_somebody(ident.with('"' || repeat('x', n) || '"')) FROM unnest(ARRAY[1000000, 1024 * 1024 - 56, 1024 * 1024 - 55, 1024 * 1024, 100000000]) AS n;
SELECT ident.is_somebody('{"sub": "' || repeat('0', 1000000) || '"}'), ident.is_somebody(repeat(' ', 1000000) || '{"sub": "00000000-0000-4000-8000-000000000001"}');

-- functions, types and operators named like ours, and like the server's, are never called
CREATE FUNCTION pg_temp.uid() RETURNS uuid LANGUAGE sql AS $$ SELECT ident.person(666) $$;
CREATE FUNCTION ident.uid() RETURNS uuid LANGUAGE sql AS $$ SELECT ident.person(667) $$;
CREATE FUNCTION ident.jsonb_in(cstring) RETURNS jsonb LANGUAGE internal IMMUTABLE STRICT AS 'jsonb_in';
SELECT ident.claims(1) AS claims_of_one \gset
CREATE TABLE pg_temp.uuid (x int);
CREATE TABLE pg_temp.text (x int);
CREATE TABLE pg_temp.jsonb (x int);
SET search_path = pg_temp, ident, pg_catalog;
SELECT set_config('request.jwt.claims', :'claims_of_one', false) <> '', lifeguard.uid(), lifeguard.role(), lifeguard.claim('role'), lifeguard.claims() -> 'role', lifeguard.tenant_id() IS NULL;
RESET search_path;
DROP TABLE pg_temp.uuid, pg_temp.text, pg_temp.jsonb;
-- any role may set claims: who sends SQL of his own says who he is, which is the gateway's business
SET ROLE pg_monitor;
SELECT set_config('request.jwt.claims', ident.claims(9), false) <> '', ident.number(lifeguard.uid());
RESET ROLE;

RESET request.jwt.claims;
SET client_min_messages = warning;
DROP SCHEMA ident CASCADE;
