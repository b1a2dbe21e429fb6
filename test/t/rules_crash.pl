# kill -9 of a backend while rows move: after the restart there is no half move, and every move has its action and its history.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', qq{restart_after_crash = on\nshared_preload_libraries = 'lifeguard'\nlog_min_messages = error\nlog_statement = none});
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]); }

# seq counts a row's moves by a stamp, log has one line a move by an action, history is kept by the engine: the three must agree
sql(q{
CREATE EXTENSION lifeguard;
CREATE TABLE lamps (id int PRIMARY KEY, state text NOT NULL DEFAULT 'off', seq int NOT NULL DEFAULT 0, day int NOT NULL DEFAULT 1);
CREATE TABLE log (id int, seq int);
CREATE FUNCTION public.log(int, int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.0002); INSERT INTO public.log VALUES ($1, $2); END $$;
SELECT lifeguard.create_lifecycle('lamps', 'state', '{off}'), lifeguard.add_transition('lamps', 'off', 'on'), lifeguard.add_transition('lamps', 'on', 'off'),
       lifeguard.add_stamp('lamps', NULL, 'seq', 'old.seq + 1'), lifeguard.add_action('lamps', NULL, 'on', 'public.log(new.id, new.seq)'),
       lifeguard.add_action('lamps', 'on', 'off', 'public.log(new.id, new.seq)', 'continue'), lifeguard.add_history('lamps');
ALTER TABLE lamps DISABLE TRIGGER lifeguard_before;
INSERT INTO lamps SELECT generate_series(1, 200);
ALTER TABLE lamps ENABLE TRIGGER lifeguard_before});

my $script = "$PostgreSQL::Test::Utils::tmp_check/switch.sql";
PostgreSQL::Test::Utils::append_to_file($script, <<'END');
\set from random(1, 180)
UPDATE lamps SET state = CASE state WHEN 'on' THEN 'off' ELSE 'on' END WHERE id IN (SELECT id FROM lamps WHERE id BETWEEN :from AND :from + 20 ORDER BY id FOR UPDATE);
END

my $moves = 0;
for my $round (1 .. 4)
{
	my $load = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 3, '-T', 60, '-p', $node->port, '-h', $node->host, '-f', $script, 'postgres' ],
		'>', \my $out, '2>', \my $err);
	ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'UPDATE lamps%' AND state = 'active'}), "round $round: lamps are switched");
	select(undef, undef, undef, 0.1 + 0.1 * $round);
	my $pid = sql(q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'UPDATE lamps%' ORDER BY state, xact_start LIMIT 1});
	kill 'KILL', $pid;
	$load->finish;
	like($err, qr/server closed the connection|terminating connection|connection to server/, "round $round: all clients lost their server");
	ok($node->poll_query_until('postgres', 'SELECT true'), "round $round: it is back");

	is( sql(q{
SELECT l.id, l.seq, l.state, g.lines, g.last, h.moves
  FROM lamps l
  LEFT JOIN (SELECT id, count(*) AS lines, max(seq) AS last FROM log GROUP BY id) g USING (id)
  LEFT JOIN (SELECT (row_key ->> 'id')::int AS id, count(*) AS moves FROM lifeguard.history GROUP BY 1) h USING (id)
 WHERE l.seq <> coalesce(g.lines, 0) OR l.seq <> coalesce(g.last, 0) OR l.seq <> coalesce(h.moves, 0) OR (l.seq % 2 = 1) <> (l.state = 'on')}),
		'', "round $round: every move is whole");
	my $now = sql('SELECT sum(seq) FROM lamps');
	cmp_ok($now, '>', $moves, "round $round: and there were some ($now)");
	$moves = $now;
}
is(sql(q{SELECT count(*) - count(DISTINCT (id, seq)) FROM log}), '0', 'no action ran twice');

$node->stop;
done_testing();
