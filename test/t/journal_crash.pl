# Errors outlive whatever ends a process or the server: each that a client was answered is in the table afterwards, under its id, once. And files that a
# crash left torn, or that were stored but not removed, cost nothing but what is torn.
use strict;
use warnings;
use File::Copy qw(copy);
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = journal_server('main', "checkpoint_timeout = '30s'\n");
my $errors = 10_000;
install($node, 'app');
folder($node, 'app');

# --- the writer is killed twice, the server restarted twice and its postmaster killed, while two clients have errors ---

# Kills the writer as soon as there is one.
sub kill_writer
{
	my ($when) = @_;
	my $pid = eventually(sub { (writers($node, 'app'))[0] }, 5);
	ok($pid && kill('KILL', $pid), "$when: the writer is killed");
	# everybody is thrown out: the writer was connected to shared memory
	eventually(sub { !kill(0, $pid) }, 5);
	return wait_for_server($node);
}

# Kills the postmaster; the others end when they notice.
sub kill_postmaster
{
	my ($when) = @_;
	$node->kill9;
	my $started = eventually(sub { $node->{_pid} = undef; $node->start(fail_ok => 1) }, 20) || BAIL_OUT('the server does not start');
	return ok($started, "$when: the postmaster is killed");
}

my @disturbances = (
	[ 0.15, \&kill_writer ],
	[ 0.35, \&kill_writer ],
	[ 0.55, sub { $node->restart; pass("$_[0]: a fast restart") } ],
	[ 0.7, sub { $node->stop('immediate'); $node->start; pass("$_[0]: an immediate restart") } ],
	[ 0.85, \&kill_postmaster ]);

for my $mode (qw(logged uncaught))
{
	ask($node, 'app', 'DELETE FROM monitoring.system_errors');
	my @clients = map { start_client($node, 'app', "${mode}_$_", $errors / 2, $logs{$mode}) } 1, 2;
	for (@disturbances)
	{
		my ($share, $happens) = @$_;
		eventually(sub { progress($clients[0]) + progress($clients[1]) >= $share * $errors }, 20);
		cmp_ok(progress($clients[0]), '<', $errors / 2, "$mode: the clients are at work");
		$happens->($mode);
	}
	finish_clients(@clients);
	drained($node, 'app', "$mode: all is stored");
	is(is_once($node, 'app', $mode, @clients), $errors, "$mode: $errors errors");
	is(ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_type IN ('journal_loss', 'rate_limited')}), '0', "$mode: no loss is told");
}
is(ask($node, 'app', q{SELECT string_agg(DISTINCT source, ' ') FROM monitoring.system_errors WHERE error_message ~ '^kept uncaught'}), 'uncaught', 'and the uncaught ones are just that');

# --- a backend dies, a transaction is rolled back, the server stops at once ---

# Runs a script that logs under a message, and kills itself or is rolled back; the id it was answered is in the table.
sub survives
{
	my ($message, $script) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($out) = said($node, 'app', $script =~ s/LOG/SELECT monitoring.log_error('crash', '$message')/gr);
	wait_for_server($node);
	my ($id) = $out =~ /([0-9a-f-]{36})/ or return fail("$message: an id: $out");
	drained($node, 'app', "$message: stored");
	return is(ask($node, 'app', "SELECT error_message, occurrences FROM monitoring.system_errors WHERE id = '$id'"), "$message|1", "$message: the row is there");
}
ask($node, 'app', 'CREATE TABLE work (done text)');
survives('kill', q{BEGIN; INSERT INTO work VALUES ('x'); SELECT pg_backend_pid() AS pid \gset
\setenv VICTIM :pid
LOG; \! kill -9 $VICTIM
});
survives('rollback', q{BEGIN; INSERT INTO work VALUES ('x'); LOG; ROLLBACK;});
survives('savepoint', q{BEGIN; SAVEPOINT s; INSERT INTO work VALUES ('x'); LOG; ROLLBACK TO s; COMMIT;});
survives('failed', q{BEGIN; INSERT INTO work VALUES ('x'); LOG; SELECT 1/0; COMMIT;});
survives('fsync', q{SET lifeguard.durability = fsync; BEGIN; INSERT INTO work VALUES ('x'); LOG; ROLLBACK;});
is(ask($node, 'app', 'SELECT count(*) FROM work'), '0', 'what those transactions did otherwise is not');

{
	# twenty wait in the file when the server goes
	my $lock = hold($node, 'app');
	lets_wait($node, 'app');
	my @ids = split /\n/, ask($node, 'app', q{SELECT monitoring.log_error('immediate', g::text) FROM generate_series(1, 20) g});
	is(ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_type = 'immediate'}), '0', 'twenty errors wait');
	$node->stop('immediate');
	gone($lock);
	cmp_ok(bytes_in($node, 'app'), '>', 0, 'in files, when the server stops at once');
	$node->start;
	drained($node, 'app');
	is(ask($node, 'app', q{SELECT string_agg(id::text, ',' ORDER BY error_message::int) FROM monitoring.system_errors WHERE error_type = 'immediate'}), join(',', @ids), 'all are there');
}

{
	# rows whose commit need not reach the disk at once are there before their file is gone
	$node->append_conf('postgresql.conf', "synchronous_commit = off\nwal_writer_delay = 10000");
	$node->reload;
	my @ids = split /\n/, ask($node, 'app', q{SELECT monitoring.log_error('asynchronous', g::text) FROM generate_series(1, 200) g});
	drained($node, 'app');
	$node->stop('immediate');
	$node->start;
	drained($node, 'app');
	is(ask($node, 'app', q{SELECT string_agg(id::text, ',' ORDER BY error_message::int) FROM monitoring.system_errors WHERE error_type = 'asynchronous'}), join(',', @ids), 'with synchronous_commit off, too');
	$node->append_conf('postgresql.conf', "synchronous_commit = on\nwal_writer_delay = 200");
	$node->reload;
}

# --- files that are not as they were written ---

# Lets errors wait, changes the files while the server is down, and starts it again. The first ones lie in a closed file, `log` puts others into the open one.
sub tampered
{
	my ($log, $tamper) = @_;
	my $lock = hold($node, 'app');
	lets_wait($node, 'app');
	$log->();
	$node->stop('immediate');
	gone($lock);
	$tamper->();
	$node->start;
	return;
}
my $open = folder($node, 'app') . '/open';
sub write_file { my ($path, $bytes) = @_; open(my $handle, '>', $path) or die "$path: $!"; binmode $handle; print $handle $bytes; close $handle; return; }
sub read_file { my ($path) = @_; open(my $handle, '<', $path) or die "$path: $!"; binmode $handle; local $/ = undef; return scalar <$handle>; }
sub messages { my ($type) = @_; return ask($node, 'app', "SELECT string_agg(error_message, ' ' ORDER BY error_message::int) FROM monitoring.system_errors WHERE error_type = '$type'"); }
sub log_numbers { my ($type, $from, $to) = @_; ask($node, 'app', "SELECT monitoring.log_error('$type', g::text, '{\"some\": \"context\"}') FROM generate_series($from, $to) g"); return -s $open; }

my @size;
tampered(
	sub { push @size, log_numbers('torn', 1, 10), log_numbers('torn', 11, 11), log_numbers('torn', 12, 20), log_numbers('torn', 21, 30); },
	sub {
		my $bytes = read_file($open);
		is(length $bytes, $size[3], 'thirty errors in the open file');
		my $eleventh = substr $bytes, $size[0], $size[1] - $size[0];
		srand 3;
		my $garbage = "\0" x 4096 . "\xff" x 1000 . join '', map { chr int rand 256 } 1 .. 3000;
		# garbage before the 12th, the 11th a second time and then its beginning before the 21st, the last one torn
		write_file($open, substr($bytes, 0, $size[1]) . $garbage . substr($bytes, $size[1], $size[2] - $size[1]) . $eleventh . substr($eleventh, 0, int(0.7 * length $eleventh))
			  . substr($bytes, $size[2], $size[3] - $size[2] - 10));
	});
drained($node, 'app', 'a file with garbage in it is read to its end');
is(messages('torn'), join(' ', 1 .. 29), 'what is whole is stored, once');
is(counter($node, 'app', 'torn'), '3', 'what is torn is counted');
like(status_text($node, 'app'), qr/^[^\n]*torn[^\n]*\b3\b/m, 'and told');

tampered(
	sub { log_numbers('header', 1, 10); },
	sub { my $bytes = read_file($open); write_file($open, "\xaa" x 8 . substr($bytes, 8)); });
eventually(sub { (messages('header') // '') eq join(' ', 1 .. 10) });
is(messages('header'), join(' ', 1 .. 10), 'a file whose header is lost is stored');

tampered(
	sub { log_numbers('empty', 1, 10); },
	sub {
		rename $open, "$open.away";
		write_file($open, '');
		my ($closed) = grep { /^\d+$/ } files($node, 'app');
		my $next = $open =~ s/open$/$closed + 1/er;
		rename "$open.away", $next;
		write_file($open =~ s/open$/$closed + 2/er, 'short');
		write_file($open =~ s/open$/notes.txt/r, 'by somebody else');
	});
drained($node, 'app', 'empty and short files are no obstacle');
is(messages('empty'), join(' ', 1 .. 10), 'nor is a closed one of another day');
log_numbers('empty', 11, 12);
drained($node, 'app');
is(messages('empty'), join(' ', 1 .. 12), 'and what comes later is stored');
ok(-e $open =~ s/open$/notes.txt/r, 'what is not the journal\'s is left alone');

# --- a file that was stored, and comes back because it was not yet removed ---

my $kept = $node->basedir . '/closed';
my $again;
{
	my $lock = hold($node, 'app');
	lets_wait($node, 'app');
	ask($node, 'app', q{SELECT monitoring.log_error('stored', g::text) FROM generate_series(1, 20) g});
	said($node, 'app', q{DO $$ BEGIN RAISE EXCEPTION 'stored and folded'; END $$;}) for 1 .. 3;
	# the open file as it is will be the next closed one
	my ($closed) = grep { /^\d+$/ } files($node, 'app');
	$again = folder($node, 'app') . '/' . ($closed + 1);
	copy($open, $kept) or die $!;
	let_go($lock);
}
drained($node, 'app');
my $stored = q{SELECT (SELECT count(*) FROM monitoring.system_errors WHERE error_type = 'stored'), (SELECT sum(occurrences) FROM monitoring.system_errors WHERE error_message = 'stored and folded'),
                      (SELECT sum(occurrences) FROM monitoring.system_errors)};
is(ask($node, 'app', $stored) =~ s/\|\d+$//r, '20|3', 'a file is stored');
ok(eventually(sub { !-e $again }), 'and removed');
cmp_ok(ask($node, 'app', 'SELECT count(*) FROM lifeguard.journal_files'), '>=', 1, 'what was stored of it is remembered');
my $before = ask($node, 'app', $stored);

# Puts the file back while the server is down.
sub put_back
{
	$node->stop('immediate');
	copy($kept, $again) or die $!;
	$node->start;
	return ok(eventually(sub { !-e $again }), 'it comes back, and is removed again');
}
put_back();
drained($node, 'app');
is(ask($node, 'app', $stored), $before, 'nothing of it is stored or counted twice');
ask($node, 'app', 'DELETE FROM lifeguard.journal_files');
put_back();
drained($node, 'app');
is(ask($node, 'app', $stored) =~ s/\|.*//r, '20', 'what was logged is not stored twice even when that is forgotten');

settled($node, 'at the end');
is(scalar(grep { /^(?:open|\d+)$/ && -s folder($node, 'app') . "/$_" } files($node, 'app')), 0, 'no entry waits at the end');
$node->stop;
done_testing();
