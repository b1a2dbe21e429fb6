# What the journal's tests share: servers that come up again after a crash, clients that know which of their statements
# were answered, and looks at the journal's processes and files.
package Journal;
use strict;
use warnings;
use Cwd;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(journal_server install ask said eventually drained hold let_go gone lets_wait folder files bytes_in counter status_text writers settled wait_for_server
	start_client stop_client finish_clients answered progress boundary_module %logs is_once);

my %clients;

# A server with the journal; more lines for its configuration and what init() takes may follow.
sub journal_server
{
	my ($name, $conf, %init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%init, extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8', @{ $init{extra} // [] } ]);
	$node->append_conf('postgresql.conf', <<'CONF' . ($conf // ''));
shared_preload_libraries = 'lifeguard'
restart_after_crash = on
max_connections = 40
timezone = 'UTC'
log_statement = none
log_min_messages = warning
log_min_error_statement = panic
CONF
	$node->start;
	return $node;
}

# Makes a database that has the extension.
sub install
{
	my ($node, $database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION lifeguard');
	return;
}

# What a query answers; the test ends when it fails.
sub ask { my ($node, $database, $sql) = @_; return scalar $node->safe_psql($database, $sql); }

# What a script says, rows and errors, whether it fails or not.
sub said
{
	my ($node, $database, $sql, %more) = @_;
	my ($status, $out, $err) = $node->psql($database, $sql, on_error_stop => 0, timeout => 60, %more);
	return wantarray ? ($out, $err) : join "\n", grep { $_ ne '' } $out, $err;
}

# Waits until something is true, for as many seconds at most; what it was at last.
sub eventually
{
	my ($call, $seconds) = @_;
	my $until = time + ($seconds // 10);
	my $is;
	while (!($is = $call->()) && time < $until) { sleep 0.02; }
	return $is;
}

# All that was kept is in the table.
sub drained
{
	my ($node, $database, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(said($node, $database, q{SELECT monitoring.drain('20 seconds')}), 't', $what // 'all that was kept is in the table');
}

# Keeps the writer of a database from storing (people can still read), until let_go() or until the session is gone.
sub hold
{
	my ($node, $database) = @_;
	my $session = $node->background_psql($database, on_error_stop => 0);
	$session->query('BEGIN; LOCK TABLE monitoring.system_errors IN SHARE MODE;');
	die "the table cannot be locked: $session->{stderr}" if $session->{stderr} ne '';
	return $session;
}
sub let_go { my ($session) = @_; $session->query('COMMIT;'); return $session->quit; }

# Forgets a session whose server has gone.
sub gone { my ($session) = @_; eval { $session->{run}->kill_kill(grace => 0) }; return; }

# Lets the held writer take a file, so that whatever is kept from now on waits in the open file.
sub lets_wait
{
	my ($node, $database) = @_;
	ask($node, $database, q{SELECT monitoring.log_error('bait', 'for the writer')});
	return eventually(sub { scalar grep { /^\d+$/ } files($node, $database) }) || die 'the writer takes no file';
}

# A database's journal folder (looked up, and remembered for when the server is down), the names in it, and the bytes of the entries there.
my %folders;
sub folder
{
	my ($node, $database) = @_;
	return $folders{ $node->name . " $database" } = $node->data_dir . '/pgsql_tmp_lifeguard/pgsql_tmp_' . ask($node, 'postgres', "SELECT oid FROM pg_database WHERE datname = '$database'");
}
sub files
{
	my ($node, $database) = @_;
	opendir(my $handle, $folders{ $node->name . " $database" } // folder($node, $database)) or return;
	return sort grep { !/^\./ } readdir $handle;
}
sub bytes_in
{
	my ($node, $database) = @_;
	my $bytes = 0;
	for my $file (files($node, $database)) { $bytes += (-s $folders{ $node->name . " $database" } . "/$file") // 0 if $file =~ /^(?:open|\d+)$/; }
	return $bytes;
}

# One counter; all of status() as a text, a line a row.
sub counter { my ($node, $database, $name) = @_; return ask($node, $database, "SELECT value FROM lifeguard.journal_counters() WHERE counter = '$name'"); }
sub status_text { my ($node, $database) = @_; return ask($node, $database, 'SELECT * FROM monitoring.status()'); }

# The processes that store entries of a database (none while the server is down).
sub writers
{
	my ($node, $database) = @_;
	my ($status, $out) = $node->psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type ~* 'lifeguard' AND datname = '$database'");
	return $status ? () : split /\n/, $out;
}

# After a while without errors no writer is left, and of the journal's processes the launcher at most.
sub settled
{
	my ($node, $when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $rest;
	eventually(sub { $rest = said($node, 'postgres', q{SELECT backend_type, datname FROM pg_stat_activity WHERE backend_type ~* 'lifeguard' AND datname IS NOT NULL}); $rest eq '' }, 8);
	is($rest, '', "$when: no writer is left");
	my $known = said($node, 'postgres', 'SELECT pid FROM pg_stat_activity');
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @unknown;
	for my $file (glob '/proc/[0-9]*/stat')
	{
		open(my $handle, '<', $file) or next;
		my $line = <$handle> // next;
		my ($pid, $state, $parent) = $line =~ /^(\d+) \(.*\) (\S) (\d+)/ or next;
		next unless $parent == $postmaster;
		open(my $command, '<', "/proc/$pid/cmdline") or next;   # it has ended meanwhile
		my $name = <$command> // '';
		push @unknown, $name if $name =~ /lifeguard/i && $known !~ /^$pid$/m;
	}
	return is("@unknown", '', "$when: and no process that the server does not know");
}

# Waits for a server that recovers by itself.
sub wait_for_server
{
	my ($node) = @_;
	return eventually(sub { my ($status) = $node->psql('postgres', 'SELECT 1', timeout => 10); defined $status && $status == 0 }, 30) || BAIL_OUT('the server does not come back');
}

# --- clients ---

# Statements by which client $_[0] logs its error number $_[1], so that the server says "kept CLIENT NUMBER", and the id where there is one.
our %logs = (
	logged => sub { return "SELECT 'kept $_[0] $_[1] ' || monitoring.log_error('client', 'kept $_[0] $_[1]') FROM pg_sleep(0.001);"; },
	uncaught => sub { return "DO \$\$ BEGIN PERFORM pg_sleep(0.001); RAISE EXCEPTION 'kept $_[0] $_[1]'; END \$\$;"; });

# Starts a client that sends its statements one after the other. It connects again as often as it is thrown out, goes on behind the last one that was
# answered, and notes which one was on its way. With single => 1 it has a connection for each statement.
sub start_client
{
	my ($node, $database, $name, $count, $statement, %how) = @_;
	my $file = $node->basedir . "/client_$name";
	my @psql = ($node->installed_command('psql'), '-XAtq', '-d', $node->connstr($database));
	append_to_file("$file.said", '');
	my $pid = fork // die "fork: $!";
	if ($pid)
	{
		$clients{$pid} = 1;
		return { name => $name, pid => $pid, said => "$file.said", count => $count };
	}
	eval {
		POSIX::setpgid(0, 0);
		local $SIG{TERM} = 'DEFAULT';
		my $next = 1;
		my $until = time + 50;
		while ($next <= $count && time < $until)
		{
			my $last = $how{single} ? $next : $count;
			my $known = -s "$file.said";
			open(my $script, '>', "$file.sql") or die $!;
			print $script $statement->($name, $_), "\n" for $next .. $last;
			close $script;
			my $psql = fork // die "fork: $!";
			if (!$psql)
			{
				open(STDIN, '<', '/dev/null');
				open(STDOUT, '>>', "$file.said") && open(STDERR, '>&', \*STDOUT) && exec(@psql, '-f', "$file.sql");
				POSIX::_exit(9);
			}
			waitpid $psql, 0;
			my $lost = $? >> 8 == 2;
			my $news = substr slurp_file("$file.said"), $known;
			$next = $1 + 1 while $news =~ /kept $name (\d+)/g;
			$next = $last + 1 if !$lost;
			if ($lost && $news !~ /connection to server (?:on|at) .* failed/) { append_to_file("$file.said", "\nlost $name $next\n"); }
			sleep 0.05 if $lost;
		}
	};
	warn $@ if $@;
	POSIX::_exit($@ ? 1 : 0);
}

# The number of the last statement that a client was answered.
sub progress
{
	my ($client) = @_;
	my ($last) = reverse slurp_file($client->{said}) =~ /kept $client->{name} (\d+)/g;
	return $last // 0;
}

# Ends a client at once; what it had on its way is doubtful.
sub stop_client
{
	my ($client) = @_;
	kill 'TERM', -$client->{pid};
	waitpid $client->{pid}, 0;
	delete $clients{ $client->{pid} };
	return append_to_file($client->{said}, "\nlost $client->{name} " . (progress($client) + 1) . "\n");
}

# Waits until clients have sent all they have.
sub finish_clients
{
	for my $client (@_)
	{
		waitpid $client->{pid}, 0;
		delete $clients{ $client->{pid} };
	}
	return;
}

# What a client knows: statement number => id (or 1), and how often a number was on its way when the connection was lost.
sub answered
{
	my ($client) = @_;
	my $text = slurp_file($client->{said});
	my (%answered, %lost);
	$answered{$1} = $2 // 1 while $text =~ /kept $client->{name} (\d+)(?: ([0-9a-f-]{36}))?$/mg;
	$lost{$1}++ while $text =~ /^lost $client->{name} (\d+)$/mg;
	return (\%answered, \%lost);
}

# Compares what clients were told with what is in a database: each error that was answered is there, under its id, once; besides there are only those
# that were on their way when a connection was lost.
sub is_once
{
	my ($node, $database, $what, @clients) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (%ids, %times, %messages);
	for (split /\n/, ask($node, $database, q{SELECT id, occurrences, error_message FROM monitoring.system_errors WHERE error_message ~ '^kept '}))
	{
		my ($id, $times, $message) = split /\|/, $_, 3;
		$ids{$id} = $message;
		$times{$message} += $times;
	}
	my (@missing, @wrong, %expected);
	my ($all, $doubtful) = (0, 0);
	for my $client (@clients)
	{
		my ($answered, $lost) = answered($client);
		for my $number (keys %$answered)
		{
			my ($id, $message) = ($answered->{$number}, "kept $client->{name} $number");
			$all++;
			$expected{$message} = 1;
			push @missing, "$message $id" if $id eq '1' ? !$times{$message} : ($ids{$id} // '') ne $message;
		}
		for my $number (keys %$lost)
		{
			$messages{"kept $client->{name} $number"} += $lost->{$number};
			$doubtful += $lost->{$number};
		}
	}
	for my $message (keys %times)
	{
		my $least = $expected{$message} // 0;
		push @wrong, "$message: $times{$message}" if $times{$message} < $least || $times{$message} > $least + ($messages{$message} // 0);
	}
	is(scalar(@missing), 0, "$what: all $all that were answered are there") or diag("missing: @missing[0 .. ($#missing > 4 ? 4 : $#missing)]");
	is(scalar(@wrong), 0, "$what: each once (but $doubtful whose answer was lost)") or diag("wrong: @wrong[0 .. ($#wrong > 4 ? 4 : $#wrong)]");
	return $all;
}

END { kill 'KILL', map { -$_ } keys %clients; }

# --- a module in C that raises what nobody else can ---

# Builds test/boundary and makes functions of it in a database: NAME => '(arguments) RETURNS type'.
sub boundary_module
{
	my ($node, $database, %functions) = @_;
	my $source = 'test/boundary';
	run_log([ 'make', '-s', '-C', $source, 'PG_CONFIG=' . ($ENV{PG_CONFIG} || 'pg_config') ]);
	BAIL_OUT('no test module') unless -e "$source/boundary.so";
	my $library = getcwd() . "/$source/boundary";
	$node->safe_psql($database, join ';', map { "CREATE FUNCTION $_$functions{$_} LANGUAGE c STRICT PARALLEL SAFE AS '$library', 'boundary_$_'" } keys %functions);
	return $library;
}

1;
