# The three levels: preloaded, loaded in the session, loaded by a call. What each keeps, and that status() and selftest() say just that. And servers
# without a free background worker: entries wait, and arrive when there is one.
use strict;
use warnings;
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = journal_server('main');
install($node, 'app');
ask($node, 'app', q{
CREATE ROLE guest LOGIN;
CREATE FUNCTION hides(tag text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'swallowed %', tag; EXCEPTION WHEN others THEN RETURN 'hidden'; END $$;
CREATE FUNCTION translates(tag text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'translated %', tag; EXCEPTION WHEN others THEN RAISE EXCEPTION 'uncaught %', tag; END $$});

# Everything a session can do wrong.
sub wrong { my ($tag) = @_; return "SELECT hides('$tag'); SELECT translates('$tag');"; }
# The sources under which a session's errors are kept, once they are stored.
sub sources { my ($tag) = @_; return ask($node, 'app', "SELECT coalesce(string_agg(DISTINCT source, ' ' ORDER BY source), '') FROM monitoring.system_errors WHERE error_message ~ ' $tag\$' OR error_type = '$tag'"); }
sub arrive { my ($tag, $expected) = @_; eventually(sub { sources($tag) eq $expected }, 5); return sources($tag); }
sub server
{
	my (%conf) = @_;
	$node->append_conf('postgresql.conf', "$_ = $conf{$_}") for keys %conf;
	$node->restart;
	return;
}
sub level { return said($node, 'app', 'SELECT level FROM lifeguard.journal_state()', @_); }

# What selftest() says works in a session, next to what does: a session says everything to itself and is asked what was kept.
sub truthful
{
	my ($tag, $options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	local $ENV{PGOPTIONS} = $options // '';
	my $out = said($node, 'app', "SELECT 'says', * FROM monitoring.selftest(); SELECT 'logs', monitoring.log_error('$tag', 'x'); " . wrong($tag) . q{SELECT 'drained', monitoring.drain('5 seconds')});
	delete local $ENV{PGOPTIONS};
	like($out, qr/^drained\|t$/m, "$tag: drained");
	my $is = sources($tag);
	my %works = map { /^says\|(.*?)\|([tf])\|/ ? (lc $1, $2) : () } split /\n/, $out;
	for my $source (qw(logged swallowed uncaught))
	{
		my ($what) = grep { $source eq 'logged' ? /log_error|logged/ : /$source/ } sort keys %works;
		if (!defined $what) { fail("$tag: selftest() says something of $source: $out"); next; }
		is($works{$what}, $is =~ /\b$source\b/ ? 't' : 'f', "$tag: selftest() says of $source what is");
	}
	is(ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_message ~* 'selftest' OR error_type ~* 'selftest'}), '0', "$tag: and leaves nothing behind");
	return $out;
}

# --- preloaded ---

is(level(), 'preloaded', 'preloaded');
said($node, 'app', wrong('preloaded'));
is(arrive('preloaded', 'swallowed translated uncaught'), 'swallowed translated uncaught', 'preloaded: all is kept, without a call, and arrives by itself');
said($node, 'app', 'SELECT a_column_preloaded');
is(eventually(sub { ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_message ~ 'a_column_preloaded'}) }, 5), '1', 'preloaded: as does the first statement of a session');
like(truthful('preloaded-itself'), qr/\|t\|/, 'preloaded: selftest() finds that it works');
unlike(said($node, 'app', q{SELECT what FROM monitoring.selftest() WHERE NOT works}), qr/./, 'preloaded: all of it');
like(status_text($node, 'app'), qr/preloaded/, 'preloaded: status() says so');

# the server tells its log less than errors: then nothing uncaught is seen, and that is said
{
	my $out = said($node, 'app', q{SET log_min_messages = panic; SELECT 'status', * FROM monitoring.status(); SELECT 1/0 AS unseen});
	like($out, qr/log_min_messages/, 'log_min_messages = panic is told');
	truthful('log-panic', '-c log_min_messages=panic');
	truthful('not-uncaught', '-c lifeguard.capture_uncaught=off');
	truthful('not-swallowed', '-c lifeguard.capture_swallowed=off');
	like(said($node, 'app', q{SET lifeguard.capture_uncaught = off; SELECT * FROM monitoring.status()}), qr/uncaught[^|]*\|not kept\|[^\n]*\boff\b/, 'a setting that is off is told');
}
like(said($node, 'app', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM monitoring.selftest(); ROLLBACK', extra_params => [ '-v', 'VERBOSITY=verbose' ]), qr/LG204/, 'selftest() cannot answer in a repeatable read');
is(said($node, 'postgres', 'SELECT 1/0'), said($node, 'template1', 'SELECT 1/0'), 'databases without the extension are as ever');

# --- in the session ---

server(shared_preload_libraries => "''", session_preload_libraries => "'lifeguard'");
is(level(), 'session', 'loaded in the session');
said($node, 'app', wrong('session'));
is(arrive('session', 'swallowed translated uncaught'), 'swallowed translated uncaught', 'session: all is kept and arrives by itself');
said($node, 'app', 'SELECT a_column_session');
is(eventually(sub { ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_message ~ 'a_column_session'}) }, 5), '1', 'session: as does the first statement of a session');
truthful('session-itself');
unlike(said($node, 'app', q{SELECT what FROM monitoring.selftest() WHERE NOT works}), qr/./, 'session: selftest() finds that all works');
like(status_text($node, 'app'), qr/shared_preload_libraries/, 'session: status() says what would be more');
is(ask($node, 'app', 'SELECT launcher_runs FROM lifeguard.journal_state()'), 'f', 'session: there is no launcher');
settled($node, 'session');
said($node, 'app', q{SELECT monitoring.log_error('session-idle', 'x')});
is(arrive('session-idle', 'logged'), 'logged', 'session: a writer comes again after it went');

# what is lost is told there, too
$node->append_conf('postgresql.conf', 'lifeguard.journal_limit = 1');
$node->reload;
{
	my $lock = hold($node, 'app');
	lets_wait($node, 'app');
	my $session = $node->background_psql('app', on_error_stop => 0);
	my $out = $session->query(q{SELECT count(*), count(id) FROM (SELECT monitoring.log_error('session-full', repeat('x', 1000)) AS id FROM generate_series(1, 2000)) calls;});
	my ($calls, $kept) = split /\|/, $out;
	cmp_ok($kept, '<', 2000, 'session: there is no room');
	let_go($lock);
	drained($node, 'app');
	is(ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_type = 'session-full'}), $kept, 'session: what was kept is there');
	$session->query(q{SELECT monitoring.log_error('session-room', 'again');});
	$session->quit;
	drained($node, 'app');
	my $told = q{SELECT coalesce(sum((regexp_match(error_message, '^(\d+) error'))[1]::int), 0) FROM monitoring.system_errors WHERE error_type = 'journal_loss'};
	eventually(sub { ask($node, 'app', $told) == 2000 - $kept }, 3);
	is(ask($node, 'app', $told), 2000 - $kept, 'session: and what was not is told');
}
$node->append_conf('postgresql.conf', 'lifeguard.journal_limit = 512');

# for a role, for a database
server(session_preload_libraries => "''");
ask($node, 'postgres', q{ALTER ROLE guest SET session_preload_libraries = 'lifeguard'});
said($node, 'app', wrong('role'), extra_params => [ '-U', 'guest' ]);
is(arrive('role', 'swallowed translated uncaught'), 'swallowed translated uncaught', 'session: for one role');
said($node, 'app', wrong('not-the-role'));
drained($node, 'app');
is(sources('not-the-role'), '', 'session: and no other');
ask($node, 'postgres', 'ALTER ROLE guest RESET session_preload_libraries');

# --- by a call ---

is(level(), 'call', 'loaded by a call');
said($node, 'app', wrong('before') . q{SELECT monitoring.log_error('call', 'x');} . wrong('afterwards'));
drained($node, 'app');
is(sources('before'), '', 'call: nothing is seen before a call');
is(sources('call'), 'logged', 'call: log_error is kept');
truthful('call-itself');
like(status_text($node, 'app'), qr/shared_preload_libraries/, 'call: status() says what to do');
like(status_text($node, 'app'), qr/^level\|call\|.*only in sessions/m, 'call: and who is seen');
{
	my $loaded = $node->background_psql('app', on_error_stop => 0);
	$loaded->query(q{SELECT monitoring.log_error('loaded', 'x');});
	said($node, 'app', wrong('another'));
	drained($node, 'app');
	is(sources('another'), '', 'call: other sessions are not seen');
	$loaded->quit;
}

# a setting that a guest made before the library was there is not the guest's
$node->append_conf('postgresql.conf', 'lifeguard.log_rate = 5');
$node->reload;
my $out = said($node, 'app', q{SET lifeguard.log_rate = -1; SELECT count(monitoring.log_error('flood', g::text)) FROM generate_series(1, 500) g; SHOW lifeguard.log_rate}, extra_params => [ '-U', 'guest' ]);
like($out, qr/^500$/m, 'call: a guest logs');
like($out, qr/^5$/m, 'call: at the rate of the server');
drained($node, 'app');
is(ask($node, 'app', q{SELECT count(*) < 100, (SELECT sum(occurrences) FROM monitoring.system_errors WHERE error_type IN ('flood', 'rate_limited')) FROM monitoring.system_errors WHERE error_type = 'flood'}), 't|500', 'call: and not at his');
{
	# the server forgets its own setting for this, but not the default
	ask($node, 'app', q{DELETE FROM monitoring.system_errors WHERE error_type IN ('flood', 'rate_limited')});
	local $ENV{PGOPTIONS} = '-c lifeguard.log_rate=-1';
	said($node, 'app', q{SELECT count(monitoring.log_error('flood', g::text)) FROM generate_series(1, 2000) g}, extra_params => [ '-U', 'guest' ]);
}
drained($node, 'app');
cmp_ok(ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_type = 'flood'}), '<', 1200, 'call: nor when he connects with it');
is(ask($node, 'app', q{SELECT sum(occurrences) FROM monitoring.system_errors WHERE error_type IN ('flood', 'rate_limited')}), '2000', 'call: all are counted');

# --- no worker is free ---

# Twenty errors wait while there is none, and arrive with the next start of the server.
sub waits
{
	my ($tag, $then, %conf) = @_;
	server(max_worker_processes => 1, %conf);
	my @ids = split /\n/, ask($node, 'app', "SELECT monitoring.log_error('$tag', g::text) FROM generate_series(1, 20) g");
	is(scalar(grep { /^[0-9a-f-]{36}$/ } @ids), 20, "$tag: errors are logged without a worker");
	said($node, 'app', 'SELECT 1/0');
	is(said($node, 'app', q{SELECT monitoring.drain('1 second')}) =~ s/\n.*//sr, 'f', "$tag: drain() says that they wait");
	cmp_ok(ask($node, 'app', 'SELECT bytes_waiting FROM lifeguard.journal_state()'), '>', 1000, "$tag: so does the state");
	like(status_text($node, 'app'), qr/worker/i, "$tag: status() tells of workers");
	is(ask($node, 'app', "SELECT count(*) FROM monitoring.system_errors WHERE error_type = '$tag'"), '0', "$tag: no row is there yet");
	server(max_worker_processes => 8);
	$then->();
	is(eventually(sub { ask($node, 'app', "SELECT count(*) FROM monitoring.system_errors WHERE error_type = '$tag'") == 20 ? 20 : 0 }, 10), 20, "$tag: all arrive when there is one");
	return;
}
# a slot is taken by the server's own launcher for replication
waits('no worker', sub { ask($node, 'app', q{SELECT monitoring.log_error('one more', 'x')}) });
# by the journal's launcher, which then starts a writer without being asked
waits('launcher only', sub { }, shared_preload_libraries => "'lifeguard'", max_logical_replication_workers => 0);

# two for six databases
server(max_worker_processes => 3);
my @databases = map { "many_$_" } 1 .. 6;
install($node, $_) for @databases;
ask($node, $_, q{SELECT count(monitoring.log_error('many', g::text)) FROM generate_series(1, 10) g}) for @databases;
for my $database (@databases) { eventually(sub { ask($node, $database, 'SELECT count(*) FROM monitoring.system_errors') == 10 }, 20); }
is(join(' ', map { ask($node, $_, 'SELECT count(*) FROM monitoring.system_errors') } @databases), '10 10 10 10 10 10', 'a few workers serve many databases');

# more databases than have a place in shared memory
server(max_worker_processes => 8);
ask($node, 'postgres', "CREATE DATABASE bare_$_ STRATEGY file_copy") for 1 .. 66;
said($node, "bare_$_", 'SELECT 1/0') for 1 .. 66;
install($node, 'beyond');
{
	append_to_file($node->basedir . '/beyond.sql', "\\set n random(1, 1000000000)\nSELECT monitoring.log_error('beyond', ':n of :client_id');\n");
	my ($out) = run_command([ 'pgbench', '-n', '-c', 8, '-j', 2, '-t', 1000, '-f', $node->basedir . '/beyond.sql', $node->connstr('beyond') ]);
	like($out, qr/number of transactions actually processed: 8000/, 'errors in the 67th database');
	drained($node, 'beyond');
	is(ask($node, 'beyond', 'SELECT count(*), sum(occurrences) FROM monitoring.system_errors'), '8000|8000', 'are stored as ever');
}

# --- settings of a database are not the writer's ---

ask($node, 'postgres', "ALTER DATABASE app SET $_")
  for q{default_transaction_read_only = on}, q{default_transaction_isolation = serializable}, q{search_path = nowhere}, q{lock_timeout = 1}, q{statement_timeout = 10000}, q{row_security = off},
  q{session_replication_role = replica}, q{DateStyle = 'SQL, DMY'}, q{timezone = 'Asia/Kathmandu'}, q{bytea_output = escape}, q{standard_conforming_strings = off}, q{synchronous_commit = off},
  q{check_function_bodies = off}, q{quote_all_identifiers = on}, q{role = guest};
said($node, 'app', q{SELECT monitoring.log_error('settings', 'logged', jsonb_build_object('a', chr(92) || ' " x')); SELECT settings});
eventually(sub { $node->safe_psql('app', q{SET ROLE none; SELECT count(*) FROM monitoring.system_errors WHERE error_type = 'settings' OR error_message ~ '"settings"'}) == 2 }, 10);
is($node->safe_psql('app', q{SET ROLE none; SELECT source, created_at BETWEEN now() - interval '1 minute' AND now(), session_user_name, context ->> 'a' FROM monitoring.system_errors WHERE error_type = 'settings' OR error_message ~ '"settings"' ORDER BY 1}),
	qq{logged|t|postgres|\\ " x\nuncaught|t|postgres|}, 'whatever a database is set to, errors are stored as they were');

settled($node, 'at the end');
$node->stop;
done_testing();
