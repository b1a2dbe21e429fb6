-- General checks: the server around the database. Some have their limits as arguments, so that they can be tried.

CREATE FUNCTION lifeguard.transaction_ages(warning numeric, critical numeric) RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('%s of %I', a.what, d.datname), format('the oldest %s of %I is %s old, %s %% of what the server bears', a.what, d.datname, a.age, round(100.0 * a.age / 2100000000)),
         jsonb_build_object('database', d.datname, 'age', a.age, 'remedy', 'VACUUM (FREEZE);   -- in that database; before it, end old transactions, prepared ones and slots: they hold it up'),
         CASE WHEN a.age >= critical THEN 'critical' END
    FROM pg_database d, LATERAL (VALUES ('transaction id', age(d.datfrozenxid), current_setting('autovacuum_freeze_max_age')::bigint),
                                        ('multixact', mxid_age(d.datminmxid), current_setting('autovacuum_multixact_freeze_max_age')::bigint)) AS a(what, age, vacuumed_at)
   -- autovacuum comes at its own age
   WHERE a.age >= least(critical, greatest(warning, a.vacuumed_at * 1.25))
$$;
COMMENT ON FUNCTION lifeguard.transaction_ages(numeric, numeric) IS
'Databases whose oldest transaction id or multixact is that old and autovacuum should have come. For the check transaction_age.';

CREATE FUNCTION lifeguard.check_transaction_age() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT * FROM lifeguard.transaction_ages(500000000, 1200000000) $$;

CREATE FUNCTION lifeguard.long_transactions(running interval, idle interval) RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('session %s since %s', a.pid, a.backend_start::timestamptz(0)),
         format('session %s of %I is %s since %s: %s', a.pid, a.usename, CASE WHEN a.state LIKE 'idle in%' THEN 'idle in a transaction' ELSE 'in a transaction' END,
                CASE WHEN a.state LIKE 'idle in%' THEN a.state_change ELSE a.xact_start END::timestamptz(0), monitoring.redact(left(a.query, 200))),
         jsonb_build_object('pid', a.pid, 'user', a.usename, 'application', a.application_name, 'state', a.state, 'begun', a.xact_start,
                            'remedy', format('SELECT pg_terminate_backend(%s);', a.pid)), NULL::text
    FROM pg_stat_activity a
   WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
     AND (a.xact_start < now() - running OR a.state LIKE 'idle in%' AND a.state_change < now() - idle)
  UNION ALL
  SELECT format('prepared transaction %L', p.gid), format('the transaction %L is prepared since %s and neither committed nor rolled back', p.gid, p.prepared::timestamptz(0)),
         jsonb_build_object('gid', p.gid, 'owner', p.owner, 'prepared', p.prepared, 'remedy', format('ROLLBACK PREPARED %L;   -- or COMMIT PREPARED: ask who made it', p.gid)), NULL
    FROM pg_prepared_xacts p WHERE p.database = current_database() AND p.prepared < now() - running
$$;
COMMENT ON FUNCTION lifeguard.long_transactions(interval, interval) IS
'Transactions of this database that run for so long, or do nothing for so long. For the check long_transactions.';

CREATE FUNCTION lifeguard.check_long_transactions() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT * FROM lifeguard.long_transactions('1 hour', '10 minutes') $$;

CREATE FUNCTION lifeguard.lock_waits(waiting interval) RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('session %s since %s', a.pid, a.backend_start::timestamptz(0)),
         format('session %s of %I waits for a lock%s since %s, behind %s: %s', a.pid, a.usename, coalesce(' on ' || l.relation::regclass::text, ''), l.waitstart::timestamptz(0),
                coalesce((SELECT string_agg(format('session %s', b), ', ') FROM unnest(pg_blocking_pids(a.pid)) AS b), 'nobody any more'), monitoring.redact(left(a.query, 200))),
         jsonb_build_object('pid', a.pid, 'user', a.usename, 'blocked_by', pg_blocking_pids(a.pid), 'lock', l.mode,
                            'remedy', (SELECT string_agg(format('SELECT pg_terminate_backend(%s);', b), ' ') FROM unnest(pg_blocking_pids(a.pid)) AS b)), NULL::text
    FROM (SELECT DISTINCT ON (pid) * FROM pg_locks WHERE NOT granted AND waitstart < now() - waiting ORDER BY pid, waitstart) AS l
    JOIN pg_stat_activity a ON a.pid = l.pid WHERE a.datname = current_database()
$$;
COMMENT ON FUNCTION lifeguard.lock_waits(interval) IS 'Sessions of this database that wait for a lock for so long, and behind whom. For the check lock_waits.';

CREATE FUNCTION lifeguard.check_lock_waits() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT * FROM lifeguard.lock_waits('30 seconds') $$;

CREATE FUNCTION lifeguard.replication_delays(behind interval, bytes numeric) RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('replication to %s', coalesce(nullif(r.application_name, ''), r.client_addr::text, r.pid::text)),
         format('%s is %s behind (%s)', coalesce(nullif(r.application_name, ''), r.client_addr::text, r.pid::text), pg_size_pretty(w.bytes), coalesce(r.replay_lag::text, 'time not known')),
         jsonb_build_object('application', r.application_name, 'address', r.client_addr, 'state', r.state, 'bytes', w.bytes, 'replay_lag', r.replay_lag, 'remedy', 'SELECT * FROM pg_stat_replication;'), NULL::text
    FROM pg_stat_replication r, LATERAL (SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, r.replay_lsn) AS bytes) AS w
   WHERE r.state <> 'backup' AND (r.replay_lag > behind OR w.bytes > replication_delays.bytes)
  UNION ALL
  SELECT format('slot %s', s.slot_name),
         CASE WHEN s.wal_status IN ('lost', 'unreserved') THEN format('the replication slot %s has lost what its reader needs, or is about to', s.slot_name)
              ELSE format('nobody reads the replication slot %s; it holds %s of WAL', s.slot_name, coalesce(pg_size_pretty(w.bytes), 'no')) END,
         jsonb_build_object('slot', s.slot_name, 'type', s.slot_type, 'wal_status', s.wal_status, 'bytes', w.bytes,
                            'remedy', format('SELECT pg_drop_replication_slot(%L);   -- if its reader does not come back', s.slot_name)),
         CASE WHEN s.wal_status IN ('lost', 'unreserved') THEN 'critical' END
    FROM pg_replication_slots s, LATERAL (SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, s.restart_lsn) AS bytes) AS w
   WHERE NOT s.temporary AND (NOT s.active OR s.wal_status IN ('lost', 'unreserved'))
$$;
COMMENT ON FUNCTION lifeguard.replication_delays(interval, numeric) IS
'Standbys and subscribers that are so far behind, and replication slots that nobody reads or that have lost what is needed. For the check replication.';

CREATE FUNCTION lifeguard.check_replication() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT * FROM lifeguard.replication_delays('5 minutes', 1024 * 1024 * 1024) $$;

CREATE FUNCTION lifeguard.used_connections(warning numeric, critical numeric) RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.object, format('%s of %s connections of %s are in use, %s of them idle', c.used, c.most, c.object, c.idle),
         jsonb_build_object('used', c.used, 'idle', c.idle, 'limit', c.most,
                            'remedy', 'SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC;   -- then a pooler, or max_connections'),
         CASE WHEN c.used >= c.most * critical THEN 'critical' END
    FROM (SELECT 'the server' AS object, count(*) AS used, count(*) FILTER (WHERE state = 'idle') AS idle,
                 current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - coalesce(current_setting('reserved_connections', true)::int, 0) AS most
            FROM pg_stat_activity WHERE backend_type = 'client backend'
          UNION ALL
          SELECT format('the database %I', d.datname), count(*), count(*) FILTER (WHERE a.state = 'idle'), d.datconnlimit
            FROM pg_database d JOIN pg_stat_activity a ON a.datid = d.oid AND a.backend_type = 'client backend'
           WHERE d.datname = current_database() AND d.datconnlimit > 0 GROUP BY d.datname, d.datconnlimit) AS c
   WHERE c.used >= c.most * warning
$$;
COMMENT ON FUNCTION lifeguard.used_connections(numeric, numeric) IS
'The server, and this database where it has a limit, when that share of the connections is in use. For the check connections.';

CREATE FUNCTION lifeguard.check_connections() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT * FROM lifeguard.used_connections(0.8, 0.95) $$;

CREATE FUNCTION lifeguard.cache_hits(least_ratio numeric, traffic numeric) RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT 'the cache', format('%s %% of the pages that this database reads are in the cache', round(100 * d.blks_hit::numeric / (d.blks_hit + d.blks_read), 1)),
         jsonb_build_object('hits', d.blks_hit, 'reads', d.blks_read, 'since', d.stats_reset,
                            'remedy', 'SELECT relname, heap_blks_read FROM pg_statio_user_tables ORDER BY 2 DESC NULLS LAST LIMIT 10;   -- indexes for what reads whole tables; else shared_buffers'), NULL::text
    FROM pg_stat_database d WHERE d.datname = current_database() AND d.blks_hit + d.blks_read > traffic AND d.blks_hit < least_ratio * (d.blks_hit + d.blks_read)
$$;
COMMENT ON FUNCTION lifeguard.cache_hits(numeric, numeric) IS
'This database, when a smaller share of its page reads was answered from the cache and it has read more pages than that. For the check cache_hit_ratio.';

CREATE FUNCTION lifeguard.check_cache() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT * FROM lifeguard.cache_hits(0.9, 1000000) $$;

-- Where autovacuum works, it is given an hour, and a table that it has never vacuumed a day.
CREATE FUNCTION lifeguard.check_vacuum() RETURNS SETOF monitoring.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.name, format('%s has %s dead rows beside %s live ones%s', t.name, s.n_dead_tup, s.n_live_tup, CASE WHEN o.is_off THEN ', and autovacuum is off for it' ELSE '' END),
         jsonb_build_object('table', t.name, 'dead_rows', s.n_dead_tup, 'live_rows', s.n_live_tup, 'vacuumed_at', v.at, 'autovacuum', NOT o.is_off,
                            'remedy', format('VACUUM ANALYZE %s;', t.name) || CASE WHEN o.is_off THEN '   -- and ALTER TABLE ... RESET (autovacuum_enabled), or autovacuum = on' ELSE '' END), NULL::text
    FROM lifeguard.application_relations t JOIN pg_stat_all_tables s ON s.relid = t.relation,
         LATERAL (SELECT NOT coalesce((SELECT option_value::boolean FROM pg_options_to_table(t.options) WHERE option_name = 'autovacuum_enabled'), true) OR NOT current_setting('autovacuum')::boolean) AS o(is_off),
         LATERAL (SELECT greatest(s.last_vacuum, s.last_autovacuum)) AS v(at)
   WHERE s.n_dead_tup >= 10000 AND s.n_dead_tup > 0.4 * s.n_live_tup
     AND (o.is_off OR coalesce(v.at < now() - interval '1 hour', pg_postmaster_start_time() < now() - interval '1 day'))
$$;

SELECT monitoring.add_check('transaction_age', 'server', 'warning', 'lifeguard.check_transaction_age()',
                            'databases in which transaction ids or multixacts are old and autovacuum does not come to them (critical: 1.2 billion)', 'VACUUM (FREEZE);'),
       monitoring.add_check('long_transactions', 'server', 'warning', 'lifeguard.check_long_transactions()',
                            'transactions that run for an hour, do nothing for 10 minutes, or are prepared and forgotten', 'SELECT pg_terminate_backend(...);'),
       monitoring.add_check('lock_waits', 'server', 'warning', 'lifeguard.check_lock_waits()', 'sessions that wait for a lock for 30 seconds', 'SELECT pg_terminate_backend(...);'),
       monitoring.add_check('replication', 'server', 'warning', 'lifeguard.check_replication()',
                            'standbys and subscribers that are 5 minutes or a gigabyte behind, slots that nobody reads (critical: that have lost what is needed)', 'SELECT * FROM pg_stat_replication;'),
       monitoring.add_check('connections', 'server', 'warning', 'lifeguard.check_connections()', '80 % of the connections in use (critical: 95 %)', 'SELECT * FROM pg_stat_activity;'),
       monitoring.add_check('cache_hit_ratio', 'server', 'warning', 'lifeguard.check_cache()', 'less than 90 % of the pages come from the cache, of a million or more', 'SELECT * FROM pg_statio_user_tables ORDER BY heap_blks_read DESC;'),
       monitoring.add_check('vacuum', 'server', 'warning', 'lifeguard.check_vacuum()', 'tables with ten thousand dead rows or more, 40 % of the live ones, that autovacuum does not come to', 'VACUUM ANALYZE ...;');
