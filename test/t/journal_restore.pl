# Dump, restore and upgrade: the rows are there, and the errors that come afterwards arrive, none skipped.
use strict;
use warnings;
use Cwd;
use File::Spec;
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = journal_server('main');
my $other = journal_server('other');
my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump";

install($node, 'app');
ask($node, 'app', q{
CREATE FUNCTION public."hides ""it"""(a int, b text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM 1/0; RETURN 'no'; EXCEPTION WHEN others THEN RETURN 'hidden'; END $$;
SELECT monitoring.log_error('logged', 'it''s "there"' || E'\n\t\\N ü', '{"a": [1, {"b": "c"}]}') FROM generate_series(1, 3);
SELECT public."hides ""it"""(1, '')});
said($node, 'app', 'SELECT 1/0') for 1 .. 3;
drained($node, 'app');
ask(
	$node, 'app', q{
SELECT monitoring.resolve(id, 'done') FROM monitoring.system_errors WHERE source = 'swallowed';
SELECT monitoring.mute('public."hides ""it"""(int, text)', 'known');
INSERT INTO monitoring.quarantined_errors (id, reason, entry) VALUES ('00000000-0000-4000-8000-000000000001', 'the reason',
  '{"error_type": "set aside", "error_message": "of old", "context": {}, "created_at": "2026-01-02 03:04:05+00", "severity": "ERROR", "source": "logged", "occurrences": 2, "last_seen_at": "2026-01-02 03:04:06+00"}')});

# What should come back.
sub rows_of
{
	my ($server, $database) = @_;
	return $server->safe_psql(
		$database, q{
SELECT id, error_type, error_message, context, created_at, severity, sqlstate, source, occurrences, last_seen_at, session_user_name, app_user, resolved, resolved_at, resolved_by, resolution
  FROM monitoring.system_errors ORDER BY id;
SELECT * FROM monitoring.quarantined_errors ORDER BY id;
SELECT * FROM monitoring.muted_functions ORDER BY 1});
}
my $expected = rows_of($node, 'app');
# which of two ids of repeated errors is the greater depends on the server
like($expected, $_, 'there is something to restore') for qr/swallowed\|1\|[^\n]*\|t\|/, qr/uncaught\|3\|/, qr/the reason.*hides.*known/s;

# A restored database has the rows, and goes on.
sub works
{
	my ($server, $database, $how) = @_;
	is(rows_of($server, $database), $expected, "$how: all rows are there");
	my ($out) = said($server, $database, q{SELECT monitoring.log_error('after', g::text) FROM generate_series(1, 50) g; SELECT public."hides ""it"""(1, ''); DO $$ BEGIN RAISE EXCEPTION 'after that'; END $$;});
	my @ids = $out =~ /([0-9a-f-]{36})/g;
	is(scalar(@ids), 50, "$how: errors are logged");
	drained($server, $database, "$how: and stored");
	is( ask($server, $database, q{SELECT count(*) FROM monitoring.system_errors WHERE id IN ('} . join(q{', '}, @ids) . q{')}),
		'50', "$how: each of them");
	is(ask($server, $database, q{SELECT occurrences, source FROM monitoring.system_errors WHERE error_message = 'after that'}), '1|uncaught', "$how: the uncaught too");
	is(ask($server, $database, q{SELECT count(*) FROM monitoring.system_errors WHERE source = 'swallowed' AND last_seen_at > resolved_at}), '0', "$how: what is muted stays muted");
	is(ask($server, $database, q{SELECT monitoring.unmute('public."hides ""it"""(int, text)'); SELECT monitoring.retry_quarantined(); SELECT occurrences, error_message FROM monitoring.system_errors WHERE error_type = 'set aside'}),
		"\n1\n2|of old", "$how: it can be unmuted, and what was set aside be put in");
	return;
}

# --- one database, as text and as an archive, here and there ---

# More errors come than are in the dump while it is made and restored.
my @clients = map { start_client($node, 'app', $_, 20_000, $logs{logged}) } 'pours';
$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', "$dump.sql", 'app' ], 'pg_dump as text');
stop_client(@clients);
eventually(sub { ask($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'app' AND backend_type = 'client backend'}) == 0 });
drained($node, 'app');
is_once($node, 'app', 'while it was dumped', @clients);
# that a client vanished is an error, too
ask($node, 'app', q{DELETE FROM monitoring.system_errors WHERE error_type = 'client' OR sqlstate ~ '^(08|57)'});
$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', "$dump.sql", 'app' ], 'pg_dump as text');
$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-Fc', '-f', "$dump.archive", 'app' ], 'pg_dump as an archive');
unlike(slurp_file("$dump.sql"), qr/journal_files/, 'what was read of this server\'s files is in no dump');
for my $server ($node, $other)
{
	my $name = $server->name;
	$server->safe_psql('postgres', 'CREATE DATABASE by_text; CREATE DATABASE by_archive');
	# an error before the extension is there
	said($server, 'by_text', 'SELECT too_early');
	folder($server, 'by_text');
	eventually(sub { grep { $_ eq 'off' } files($server, 'by_text') }, 5);
	$server->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $server->host, '-p', $server->port, '-f', "$dump.sql", 'by_text' ], "text, into $name");
	works($server, 'by_text', "text, $name");
	$server->command_ok([ 'pg_restore', '-j', '2', '--exit-on-error', '-h', $server->host, '-p', $server->port, '-d', 'by_archive', "$dump.archive" ], "archive, into $name");
	works($server, 'by_archive', "archive, $name");
}
is(rows_of($node, 'app'), $expected, 'the first one has what it had');

# --- the whole cluster ---

{
	my $third = journal_server('third');
	$node->safe_psql('postgres', 'DROP DATABASE by_text; DROP DATABASE by_archive');
	$node->command_ok([ 'pg_dumpall', '-h', $node->host, '-p', $node->port, '-f', "$dump.all.sql" ], 'pg_dumpall');
	my ($out, $err) = run_command([ 'psql', '-X', '-q', '-h', $third->host, '-p', $third->port, '-f', "$dump.all.sql", 'postgres' ]);
	unlike($err =~ s/.*role "[^"]+" already exists.*//gr, qr/ERROR/, 'restored') or diag($err);
	works($third, 'app', 'cluster');
	settled($third, 'third');
	$third->stop;
}

# --- the folder copied, with what waits ---

{
	my $lock = hold($node, 'app');
	lets_wait($node, 'app');
	ask($node, 'app', q{SELECT monitoring.log_error('waits', g::text) FROM generate_series(1, 10) g});
	$node->stop('immediate');
	gone($lock);
	$node->backup_fs_cold('cold');
	my $cold = PostgreSQL::Test::Cluster->new('cold');
	$cold->init_from_backup($node, 'cold');
	$_->start for $cold, $node;
	for ($cold, $node)
	{
		drained($_, 'app');
		is(ask($_, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_type = 'waits'}), '10', $_->name . ': what waited when the folder was copied arrives');
	}
	settled($cold, 'cold');
	$cold->stop;
}
settled($_, $_->name) for $node, $other;

# --- pg_upgrade, from this version to this version ---

SKIP:
{
	my $pg_upgrade = $node->config_data('--bindir') . '/pg_upgrade';
	skip 'no pg_upgrade', 1 unless -x $pg_upgrade;
	ask($node, 'app', q{DELETE FROM monitoring.system_errors WHERE error_type IN ('waits', 'bait')});
	ask($node, 'postgres', 'CREATE DATABASE never');
	is(rows_of($node, 'app'), $expected, 'what is to be upgraded');
	$node->stop;
	my $new = PostgreSQL::Test::Cluster->new('new');
	$new->init(extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8' ]);
	$new->append_conf('postgresql.conf', "shared_preload_libraries = 'lifeguard'\nlog_statement = none\n");
	my $bindir = $node->config_data('--bindir');
	my $here = Cwd::getcwd();
	chdir $PostgreSQL::Test::Utils::tmp_check;
	local %ENV = %ENV;
	delete @ENV{qw(PGHOST PGPORT PGDATABASE)};
	my $ok = run_log([ $pg_upgrade, '--no-sync', '-d', File::Spec->rel2abs($node->data_dir, $here), '-D', File::Spec->rel2abs($new->data_dir, $here), '-b', $bindir, '-B', $bindir, '-s', $new->host, '-p', $node->port, '-P', $new->port ]);
	ok($ok, 'pg_upgrade');
	chdir $here;
	skip 'not upgraded', 1 unless $ok;
	$new->start;
	works($new, 'app', 'upgraded');
	settled($new, 'upgraded');
	$new->stop;
}

$other->stop;
done_testing();
