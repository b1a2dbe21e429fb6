# Databases are copied, renamed and dropped, the extension dropped and created again, its table moved, all while errors pour in: each within five
# seconds, and what can be kept is.
use strict;
use warnings;
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = journal_server('main');
install($node, 'app');

# Runs a command that must succeed within five seconds.
sub quick
{
	my ($database, $sql) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $start = time;
	my ($status, undef, $err) = $node->psql($database, $sql, timeout => 30, on_error_stop => 1);
	my $took = time - $start;
	is($status, 0, $sql) or diag($err);
	cmp_ok($took, '<', 5, sprintf 'within five seconds (%.1f)', $took);
	return;
}

# Clients that have errors all the time: one that stays connected, and one that comes for each.
my $number = 0;
sub pour { my ($database, @kinds) = @_; $number++; return map { start_client($node, $database, "$_$number", 30_000, $logs{logged}, single => $_ eq 'short') } @kinds; }
sub flows { my (@clients) = @_; return eventually(sub { !grep { progress($_) < 5 } @clients }, 10) || die 'no errors'; }
sub go_on { my (@clients) = @_; my @at = map { progress($_) } @clients; return eventually(sub { !grep { progress($clients[$_]) < $at[$_] + 5 } 0 .. $#clients }, 10); }

# As many errors as this wait, and nobody is connected but the writer.
sub backlog
{
	my ($database, $count, $type) = @_;
	my $lock = hold($node, $database);
	$lock->query("SELECT count(monitoring.log_error('$type', g::text)) FROM generate_series(1, $count) g;");
	cmp_ok(bytes_in($node, $database), '>', 1_000_000, "$type: errors wait");
	return let_go($lock);
}

# --- a copy ---

my @elsewhere = do { install($node, 'elsewhere'); pour('elsewhere', 'long') };
my @short = pour('app', 'short');
flows(@short, @elsewhere);
backlog('app', 50_000, 'before the copy');
quick('postgres', 'CREATE DATABASE copy TEMPLATE app');
ok(go_on(@short), 'errors go on in the template');
stop_client($_) for @short;
drained($node, 'app');
is(ask($node, 'app', q{SELECT count(*), sum(occurrences) FROM monitoring.system_errors WHERE error_type = 'before the copy'}), '50000|50000', 'the template has all that waited, once');
is_once($node, 'app', 'app', @short);

my $copied = 'SELECT count(*), max(id::text) FROM monitoring.system_errors';
my $count = ask($node, 'copy', $copied);
sleep 1;
is(ask($node, 'copy', $copied), $count, 'nothing of the template arrives in the copy');
@short = pour('copy', 'short', 'long');
flows(@short);
stop_client($_) for @short;
drained($node, 'copy');
is(ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_message ~ '^kept [a-z]+3 '}), '0', 'nor the reverse');
ask($node, 'copy', q{DELETE FROM monitoring.system_errors WHERE error_message ~ '^kept short2 '});
is_once($node, 'copy', 'the copy', @short);

# --- another name ---

@short = pour('copy', 'short');
flows(@short);
backlog('copy', 20_000, 'before the rename');
quick('postgres', 'ALTER DATABASE copy RENAME TO other');
stop_client($_) for @short;
drained($node, 'other');
is(ask($node, 'other', q{SELECT count(*) FROM monitoring.system_errors WHERE error_type = 'before the rename'}), '20000', 'what waited is there');
ask($node, 'other', q{DELETE FROM monitoring.system_errors WHERE error_message ~ '^kept [a-z]+3 '});
is_once($node, 'other', 'the renamed', @short);

# --- dropped, with errors that wait ---

my $other = folder($node, 'other');
@short = pour('other', 'short');
flows(@short);
backlog('other', 20_000, 'before the drop');
quick('postgres', 'DROP DATABASE other');
stop_client($_) for @short;
ok(eventually(sub { !-e $other }, 10), 'its folder goes with it');

quick('postgres', 'CREATE DATABASE other TEMPLATE app');
$other = folder($node, 'other');
my @both = pour('other', 'short', 'long');
flows(@both);
quick('postgres', 'DROP DATABASE other WITH (FORCE)');
stop_client($_) for @both;
ok(eventually(sub { !-e $other }, 10), 'and so it does when the database is dropped under its sessions');

# --- the table has another name, another schema ---

@both = pour('app', 'short', 'long');
flows(@both);
ask($node, 'app', 'CREATE SCHEMA archive');
quick('app', 'ALTER TABLE monitoring.system_errors RENAME TO all_errors');
ok(go_on(@both), 'errors go on');
quick('app', 'ALTER TABLE monitoring.all_errors SET SCHEMA archive');
ok(go_on(@both), 'errors go on');
quick('app', 'ALTER TABLE archive.all_errors SET SCHEMA monitoring');
quick('app', 'ALTER TABLE monitoring.all_errors RENAME TO system_errors');
# somebody ends or interrupts the journal's processes
for my $round (1 .. 12)
{
	my $function = $round % 2 ? 'pg_terminate_backend' : 'pg_cancel_backend';
	ask($node, 'postgres', "SELECT $function(pid) FROM pg_stat_activity WHERE backend_type ~ 'lifeguard'" . ($round % 3 ? q{ AND datname = 'app'} : ''));
	sleep 0.1;
}
ok(go_on(@both), 'errors go on');
ok(eventually(sub { ask($node, 'app', 'SELECT launcher_runs FROM lifeguard.journal_state()') eq 't' }), 'the launcher comes again');

# somebody works on the table for longer than the writer likes to wait
my $lock = hold($node, 'app');
my $held = time;
eventually(sub { time > $held + 6 }, 7);
quick('app', 'CREATE TABLE unrelated (a int)');
let_go($lock);
stop_client($_) for @both;
drained($node, 'app');
ask($node, 'app', q{DELETE FROM monitoring.system_errors WHERE error_message ~ '^kept short2 '});
is_once($node, 'app', 'the moved table', @both);
is(ask($node, 'app', 'SELECT count(*) FROM monitoring.quarantined_errors'), '0', 'none was set aside for that');
is(status_text($node, 'app') =~ /^trouble\|(.*?)\|/m && $1, 'none', 'and no trouble is left');

# a table that takes nothing any more
for my $change ([ 'ADD COLUMN needed int NOT NULL DEFAULT 0; ALTER TABLE monitoring.system_errors ALTER needed DROP DEFAULT', 'DROP COLUMN needed' ], [ 'DROP CONSTRAINT system_errors_pkey', 'ADD PRIMARY KEY (id)' ],
	[ 'ADD CONSTRAINT never CHECK (false) NOT VALID', 'DROP CONSTRAINT never' ])
{
	my ($breaks, $mends) = @$change;
	ask($node, 'app', "ALTER TABLE monitoring.system_errors $breaks");
	my @ids = split /\n/, ask($node, 'app', q{SELECT monitoring.log_error('refused', g::text) FROM generate_series(1, 20) g});
	said($node, 'app', 'SELECT refused') for 1 .. 3;
	my $aside = q{SELECT coalesce(sum((entry ->> 'occurrences')::int), 0) FROM monitoring.quarantined_errors WHERE reason <> ''};
	my $is_told = sub { ask($node, 'app', $aside) == 23 || status_text($node, 'app') =~ /^trouble\|(?!none)/m };
	ok(eventually($is_told, 5), "after $breaks errors are set aside with the reason, or wait for a reason that is told");
	ask($node, 'app', "ALTER TABLE monitoring.system_errors $mends");
	drained($node, 'app');
	ask($node, 'app', 'SELECT monitoring.retry_quarantined()');
	is(ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE id IN ('} . join(q{','}, @ids) . q{')}), '20', "after $mends they are there");
	is(ask($node, 'app', q{SELECT sum(occurrences) FROM monitoring.system_errors WHERE error_message ~ '"refused"'}), '3', 'with the number of the repeated ones');
	is(ask($node, 'app', 'SELECT count(*) FROM monitoring.quarantined_errors'), '0', 'and nothing is left aside');
	ask($node, 'app', q{DELETE FROM monitoring.system_errors WHERE error_message ~ '"refused"'});
}

# --- without the extension ---

# How many writers came in two seconds of errors.
sub writers_in
{
	my ($database) = @_;
	my %seen;
	my $until = time + 2;
	while (time < $until)
	{
		said($node, $database, 'SELECT 1/0; SELECT nothing;');
		$seen{$_} = 1 for writers($node, $database);
	}
	return scalar keys %seen;
}
@both = pour('app', 'short', 'long');
flows(@both);
quick('app', 'DROP EXTENSION lifeguard');
sleep 0.5;
cmp_ok(writers_in('app'), '<=', 1, 'without the extension no writers come again and again');
stop_client($_) for @both;
ok(eventually(sub { bytes_in($node, 'app') == 0 }, 5), 'and nothing waits');
my $written = bytes_in($node, 'app');
said($node, 'app', 'SELECT 1/0') for 1 .. 5;
is(bytes_in($node, 'app'), $written, 'or is kept');

quick('app', 'CREATE EXTENSION lifeguard');
said($node, 'app', q{SELECT 1/0; SELECT monitoring.log_error('again', 'from now on')});
drained($node, 'app');
is(ask($node, 'app', q{SELECT string_agg(error_type, ' ' ORDER BY error_type) FROM monitoring.system_errors}), 'again division_by_zero', 'from CREATE EXTENSION on errors are kept, and none from before');

# again and again, with errors before and after, and others all the time
my @noise = start_client($node, 'app', 'noise', 30_000, $logs{uncaught});
my (@lost, @early);
for my $round (1 .. 15)
{
	ask($node, 'app', 'DROP EXTENSION lifeguard');
	sleep 0.02 * ($round % 5);
	said($node, 'app', "SELECT before_$round; CREATE EXTENSION lifeguard; SELECT after_$round; SELECT monitoring.log_error('round', '$round')");
	said($node, 'app', "SELECT monitoring.drain('10 seconds')");
	push @lost, $round if ask($node, 'app', "SELECT count(*) FROM monitoring.system_errors WHERE error_message ~ 'after_$round\"' OR error_type = 'round'") != 2;
}
is("@lost", '', 'what happens right after CREATE EXTENSION is kept, each time');
stop_client($_) for @noise;

# nobody may come in: errors of those who are in wait, and nobody tries again and again
my $in = $node->background_psql('app', on_error_stop => 0);
$in->query('SELECT 1;');
eventually(sub { !writers($node, 'app') });
ask($node, 'postgres', 'ALTER DATABASE app ALLOW_CONNECTIONS false');
$in->query(q{SELECT monitoring.log_error('shut', 'x'); SELECT shut;});
sleep 2;
cmp_ok(scalar(() = slurp_file($node->logfile) =~ /is not currently accepting connections/g), '<=', 3, 'a database that lets nobody in is not tried again and again');
ask($node, 'postgres', 'ALTER DATABASE app ALLOW_CONNECTIONS true');
$in->query(q{SELECT monitoring.log_error('shut', 'y');});
$in->quit;
drained($node, 'app');
is(ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_type = 'shut' OR error_message ~ 'shut'}), '3', 'and gets its errors later');

$node->safe_psql('postgres', 'CREATE DATABASE bare');
my $bare = folder($node, 'bare');
said($node, 'bare', 'SELECT 1/0');
sleep 0.5;
cmp_ok(writers_in('bare'), '<=', 1, 'a database that never had it has no writers either');
cmp_ok(bytes_in($node, 'bare'), '<', 1000, 'and no errors that wait');
said($node, 'bare', "BEGIN; CREATE EXTENSION lifeguard; ROLLBACK; SELECT 1/0");
$node->safe_psql('bare', 'CREATE EXTENSION lifeguard');
said($node, 'bare', 'SELECT nothing');
drained($node, 'bare');
is(ask($node, 'bare', q{SELECT string_agg(error_type, ' ' ORDER BY error_type) FROM monitoring.system_errors}), 'undefined_column', 'until it is created');

# --- the place of a dropped database is free, and nobody else's changes ---

$node->restart;
said($node, 'bare', 'SELECT 1/0');
drained($node, 'bare');
ask($node, 'app', q{DELETE FROM monitoring.system_errors});
# slow ones, until the launcher has noticed, and then many
my $paced = sub { return "SELECT 'kept $_[0] $_[1] ' || monitoring.log_error('client', 'kept $_[0] $_[1]')" . ($_[1] <= 600 ? ' FROM pg_sleep(0.01);' : ';'); };
my @fast = map { start_client($node, 'app', "fast$_", 40_600, $paced) } 1, 2;
flows(@fast);
my $gone = folder($node, 'bare');
quick('postgres', 'DROP DATABASE bare WITH (FORCE)');
ok(eventually(sub { !-e $gone }, 10), 'its folder goes');
finish_clients(@fast);
drained($node, 'app');
is(is_once($node, 'app', 'while an earlier database is dropped', @fast), 81_200, 'while an earlier database is dropped: 81,200 errors');

# --- afterwards ---

stop_client($_) for @elsewhere;
drained($node, 'elsewhere');
is_once($node, 'elsewhere', 'another database, all the while', @elsewhere);
settled($node, 'at the end');
unlike(slurp_file($node->logfile), qr/^.*(?:lifeguard (?:writer|launcher) (?:ERROR|WARNING|FATAL)|PANIC|terminated by signal).*$/m, 'the server log has no complaint of a process of the journal');
my %alive = map { $_ => 1 } split /\n/, ask($node, 'postgres', 'SELECT oid FROM pg_database');
ok(eventually(sub { !grep { !$alive{$_} } map { s/.*_//r } glob $node->data_dir . '/pgsql_tmp_lifeguard/pgsql_tmp_*' }, 10), 'no folder is left of a database that was dropped');
$node->stop;

# --- a database whose writer never comes to an end, and place for one writer: the others have their turn ---

my $few = journal_server('few', "max_worker_processes = 4\n");
install($few, $_) for qw(slow one two);
ask($few, 'slow', q{
CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.005); RETURN new; END $$;
CREATE TRIGGER dawdle BEFORE INSERT ON monitoring.system_errors FOR EACH ROW EXECUTE FUNCTION public.dawdle();
SELECT count(monitoring.log_error('slow', i::text)) FROM generate_series(1, 20000) AS i});
ok(eventually(sub { ask($few, 'slow', 'SELECT count(*) > 0 FROM monitoring.system_errors') eq 't' }), 'place for one writer: a hundred seconds of work have begun');
for my $turn (1, 2)
{
	for my $database (qw(one two))
	{
		my $id = ask($few, $database, "SELECT monitoring.log_error('quick', 'turn $turn')");
		ok(eventually(sub { ask($few, $database, "SELECT count(*) FROM monitoring.system_errors WHERE id = '$id'") == 1 }, 15), "place for one writer, turn $turn: an error of database $database is stored");
	}
	cmp_ok(ask($few, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'lifeguard writer'}), '<=', 1, "place for one writer, turn $turn: and there is no second");
}
cmp_ok(ask($few, 'slow', 'SELECT count(*) FROM monitoring.system_errors'), '<', 20_000, 'place for one writer: and all the while there was work left');
ask($few, 'slow', 'DROP TRIGGER dawdle ON monitoring.system_errors');
drained($few, 'slow');
is(ask($few, 'slow', 'SELECT count(*), count(DISTINCT error_message) FROM monitoring.system_errors'), '20000|20000', 'place for one writer: nothing is lost or double');
$few->stop;
done_testing();
