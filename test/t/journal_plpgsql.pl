# Who else listens to PL/pgSQL, loaded before and after lifeguard: all see what they would see alone. And what no handler of PL/pgSQL explains is counted.
use strict;
use warnings;
use Cwd;
use IPC::Run;
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

run_log([ 'make', '-s', '-C', 'test/plugin', 'PG_CONFIG=' . ($ENV{PG_CONFIG} || 'pg_config') ]);
ok(-e 'test/plugin/plugin.so', 'the test plugin is built') or BAIL_OUT('no module');
my $plugin = getcwd() . '/test/plugin/plugin';
my $node = journal_server('main');

# --- the matrix of hidden errors, in each company ---

my $expected = slurp_file('expected/journal_swallowed.out');

# Runs the regression test as pg_regress does, in a database of its own, after other statements; what differs from what is expected.
my $databases = 0;
sub differs
{
	my ($first) = @_;
	my $database = 'matrix_' . ++$databases;
	install($node, $database);
	my $file = slurp_file('sql/journal_swallowed.sql');
	my $out = '';
	IPC::Run::run([ 'psql', '-X', '-a', '-q', '-d', $node->connstr($database), '-v', 'HIDE_TABLEAM=on', '-v', 'HIDE_TOAST_COMPRESSION=on' ], '<', \"$first\n\\echo begin\n$file", '>&', \$out);
	$out =~ s/.*^\\echo begin\nbegin\n//ms or return "it does not begin: $out";
	return '' if $out eq $expected;
	my @out = split /\n/, $out;
	my @expected = split /\n/, $expected;
	my $line = 0;
	$line++ while $line < @out && $line < @expected && $out[$line] eq $expected[$line];
	return join "\n", "line $line:", map { $_ // '' } @out[$line .. $line + 4];
}

# Restarts the server with these libraries.
sub preload
{
	my ($libraries, @more) = @_;
	$node->append_conf('postgresql.conf', join "\n", "shared_preload_libraries = '$libraries'", @more, '');
	return $node->restart;
}

my @companies = (
	# preloaded, in the session before its first function
	[ 'lifeguard',                 '' ],
	[ 'plpgsql_check,lifeguard',   '' ],
	[ 'lifeguard,plpgsql_check',   '' ],
	[ 'lifeguard',                 q{LOAD 'plpgsql_check';} ],
	[ 'lifeguard',                 q{DO 'BEGIN END'; LOAD 'plpgsql_check';} ],
	[ "$plugin,lifeguard",         '' ],
	[ "lifeguard,$plugin",         '' ],
	[ 'lifeguard',                 "LOAD '$plugin';" ],
	[ 'lifeguard',                 "DO 'BEGIN PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN END'; SELECT monitoring.drain(); LOAD '$plugin';" ],
	[ "$plugin,plpgsql_check,lifeguard,pg_stat_statements", '' ],
	[ "lifeguard,plpgsql_check,$plugin", '' ],
	[ '',                          q{LOAD 'lifeguard';} ],
	[ '',                          q{DO 'BEGIN END'; LOAD 'plpgsql_check'; LOAD 'lifeguard';} ],
	[ 'plpgsql_check',             "LOAD '$plugin'; LOAD 'lifeguard';" ]);
my $preloaded = 'lifeguard';
$node->append_conf('postgresql.conf', "plpgsql_check.profiler = on\n");
for my $company (@companies)
{
	my ($libraries, $first) = @$company;
	preload($preloaded = $libraries) if $libraries ne $preloaded;
	s{\Q$plugin\E}{plugin} for my $name = "$libraries; $first";
	is(differs($first), '', "hidden errors are found beside $name");
}

# --- what the others see ---

my $work = q{CREATE FUNCTION one(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  RETURN 1 / n;
END $$;
CREATE FUNCTION work(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..n LOOP
    BEGIN
      PERFORM one(i % 2);
      IF i % 3 = 0 THEN
        RAISE EXCEPTION 'three';
      END IF;
    EXCEPTION
      WHEN division_by_zero THEN
        BEGIN
          RAISE;
        EXCEPTION WHEN OTHERS THEN
          NULL;
        END;
      WHEN OTHERS THEN
        PERFORM one(1);
        CONTINUE;
    END;
    BEGIN
      PERFORM one(i % 5);
    EXCEPTION WHEN OTHERS THEN
    END;
    EXIT WHEN i = n - 1;
  END LOOP;
  RETURN n;
END $$};

for my $libraries ("$plugin,lifeguard", "lifeguard,$plugin")
{
	preload($libraries);
	install($node, my $database = 'sees_' . ++$databases);
	ask($node, $database, "$work; CREATE FUNCTION counted() RETURNS text LANGUAGE c AS '$plugin', 'plugin_counted'");
	my %seen;
	for my $setting ('off', 'others', 'all')
	{
		$seen{$setting} = ask($node, $database, "LOAD 'plpgsql'; SELECT counted(); SET lifeguard.capture_swallowed = '$setting'; SELECT work(20); SELECT counted()");
	}
	s{\Q$plugin\E}{plugin} for my $name = $libraries;
	like($seen{off}, qr/statements [1-9]\d*, left [1-9]\d*; lacking 0$/m, "$name: the plugin is called");
	is($seen{others}, $seen{off}, "$name: as often while handlers are watched");
	is($seen{all}, $seen{off}, "$name: and while all are");
}

for my $libraries ('plpgsql_check,lifeguard', 'lifeguard,plpgsql_check')
{
	preload($libraries);
	my %seen;
	for my $setting ('off', 'all')
	{
		install($node, my $database = 'profile_' . ++$databases);
		ask($node, $database, "CREATE EXTENSION plpgsql_check; $work");
		ask($node, $database, "SET lifeguard.capture_swallowed = '$setting'; SELECT work(20)");
		$seen{$setting} = ask($node, $database, q{SELECT lineno, exec_stmts, exec_stmts_err FROM plpgsql_profiler_function_tb('work') WHERE exec_stmts > 0});
	}
	like($seen{off}, qr/^5\|19\|9$/m, "$libraries: there is a profile");
	is($seen{all}, $seen{off}, "$libraries: it is the same while handlers are watched");
}

# --- subtransactions that nobody explains ---

preload('lifeguard');
install($node, 'unseen');
boundary_module($node, 'unseen', swallows => '(int) RETURNS text');
ask($node, 'unseen', q{CREATE TABLE orders (id int PRIMARY KEY, state text);
SELECT lifeguard.create_lifecycle('orders', 'state', '{open}'), lifeguard.add_transition('orders', 'open', 'sent');
CREATE FUNCTION public.fail() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'failed'; END $$;
SELECT lifeguard.add_action('orders', 'open', 'sent', 'public.fail()', 'continue');
INSERT INTO orders SELECT i, 'open' FROM generate_series(1, 9) i;
});

# How many more are counted after these statements, and what they hid.
sub unexplained
{
	my ($statements) = @_;
	ask($node, 'unseen', 'DELETE FROM monitoring.system_errors');
	my $before = counter($node, 'unseen', 'unexplained_subtransactions');
	said($node, 'unseen', "SET client_min_messages = error; $statements");
	ask($node, 'unseen', 'SELECT monitoring.drain()');
	return join ' ', counter($node, 'unseen', 'unexplained_subtransactions') - $before,
	  ask($node, 'unseen', q{SELECT source || ' ' || coalesce(context ->> 'line', '') || ' ' || error_message FROM monitoring.system_errors WHERE source IN ('swallowed', 'translated') ORDER BY 1});
}

is(unexplained('SELECT 1'), '0 ', 'nothing');
is(unexplained('SELECT swallows(3)'), '3 ', 'another language catches errors');
is(unexplained('BEGIN; SELECT swallows(2); ROLLBACK'), '2 ', 'also if its work is undone');
is(unexplained('SET lifeguard.capture_swallowed = off; SELECT swallows(3)'), '0 ', 'nobody wants to know');
is(unexplained('BEGIN; SAVEPOINT a; SAVEPOINT b; SELECT 1 / 0; ROLLBACK TO b; ROLLBACK TO a; RELEASE a; COMMIT'), '0 ', 'the client rolls back');
is(unexplained(q{UPDATE orders SET state = 'sent' WHERE id <= 3}), '0 ', 'an action under continue fails: that is journaled as such');
is(unexplained(q{DO $$ DECLARE n int; BEGIN
  n := swallows(2) || 'x';
EXCEPTION WHEN OTHERS THEN
  NULL;
END $$}), '2 swallowed 2 invalid input syntax for type integer: "1x"', 'another language inside of a block');
is(unexplained(q{DO $$ DECLARE t text := swallows(1); BEGIN
  DECLARE u text := swallows(2); BEGIN
    PERFORM 1 / 0;
  EXCEPTION WHEN OTHERS THEN
    u := swallows(3);
  END;
EXCEPTION WHEN OTHERS THEN
  NULL;
END $$}), '6 swallowed 3 division by zero', 'in its variables and its handler');
is(unexplained(q{DO $$ BEGIN
  UPDATE orders SET state = 'sent' WHERE id BETWEEN 4 AND 6;
  PERFORM 1 / 0;
EXCEPTION WHEN OTHERS THEN
  UPDATE orders SET state = 'sent' WHERE id BETWEEN 4 AND 6;
  RAISE EXCEPTION 'second';
END $$}), '0 translated 3 division by zero', 'an action under continue inside of a block');

# --- a session that ends in a handler ---

my $session = $node->background_psql('unseen', on_error_stop => 0);
my $pid = $session->query('SELECT pg_backend_pid()');
ask($node, 'unseen', 'DELETE FROM monitoring.system_errors');
$session->query_until(qr/^$/m, q{DO $$ BEGIN
  RAISE EXCEPTION 'first';
EXCEPTION WHEN OTHERS THEN
  PERFORM pg_sleep(60);
END $$;
});
eventually(sub { ask($node, 'unseen', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND wait_event = 'PgSleep'") });
ask($node, 'unseen', "SELECT pg_terminate_backend($pid, 10000)");
gone($session);
drained($node, 'unseen');
is(ask($node, 'unseen', q{SELECT source, severity, context ->> 'line', error_message FROM monitoring.system_errors ORDER BY 1}),
	"translated|ERROR|2|first\nuncaught|FATAL||terminating connection due to administrator command", 'a session that is terminated in a handler: both errors are there');

$node->stop;
done_testing();
