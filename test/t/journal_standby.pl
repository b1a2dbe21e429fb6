# Errors on a hot standby wait in its files and appear after its promotion; a base backup takes none with it.
use strict;
use warnings;
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = journal_server('primary', '', allows_streaming => 1);
install($primary, 'app');
ask($primary, 'app', q{
CREATE FUNCTION hides() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM 1/0; RETURN 'no'; EXCEPTION WHEN others THEN RETURN 'hidden'; END $$;
CREATE FUNCTION translates() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM 'x'::int; RETURN 'no'; EXCEPTION WHEN others THEN RAISE EXCEPTION 'translated on the standby'; END $$;
SELECT monitoring.log_error('primary', 'before')});
drained($primary, 'app');

# Entries wait on the primary when the backups are made.
my $lock = hold($primary, 'app');
lets_wait($primary, 'app');
ask($primary, 'app', q{SELECT monitoring.log_error('primary', 'waits')});
$primary->backup('backup');
ok(!-e $primary->backup_dir . '/backup/pgsql_tmp_lifeguard', 'a base backup does not take what waits');
let_go($lock);
drained($primary, 'app');

my %standby;
for my $name (qw(first second))
{
	$standby{$name} = PostgreSQL::Test::Cluster->new($name);
	$standby{$name}->init_from_backup($primary, 'backup', has_streaming => 1);
	$standby{$name}->start;
}
my ($first, $second) = @standby{qw(first second)};
sub caught_up { $primary->wait_for_catchup($_, 'replay', $primary->lsn('insert')) for @_; return; }
caught_up($first, $second);

# --- errors on the standbys ---

# Everything that can be kept, from a session that may not write; the id that log_error answered.
sub has_errors
{
	my ($node) = @_;
	my $name = $node->name;
	my ($out) = said(
		$node, 'app', qq{
SELECT monitoring.log_error('logged', 'on $name', '{"where": "$name"}');
BEGIN READ ONLY; SELECT monitoring.log_error('logged', 'on $name, rolled back'); ROLLBACK;
SELECT hides();
SELECT translates();
SELECT nothing_$name;
CREATE TABLE t (a int);
});
	is(scalar(() = $out =~ /[0-9a-f-]{36}/g), 2, "$name: log_error answers ids");
	like($out, qr/^hidden$/m, "$name: functions do their work");
	return $out =~ /^([0-9a-f-]{36})$/m ? $1 : '';
}
my $id = has_errors($first);
has_errors($second);
cmp_ok(bytes_in($first, 'app'), '>', 0, 'they wait in the files of the first');
cmp_ok(bytes_in($second, 'app'), '>', 0, 'and of the second');

like(status_text($first, 'app'), qr/standby|recovery|promot/i, 'status() on a standby says where the entries go');
my $selftest = said($first, 'app', 'SELECT * FROM monitoring.selftest()');
like($selftest, qr/standby|recovery/i, 'selftest() on a standby says so');
unlike($selftest, qr/\|t\|[^\n]*table/, 'and claims no row in the table');
my ($level) = split /\|/, ask($first, 'app', 'SELECT level, writer_runs, launcher_runs FROM lifeguard.journal_state()');
is($level, 'preloaded', 'the standby has the library');
is(ask($first, 'app', 'SELECT writer_runs FROM lifeguard.journal_state()'), 'f', 'and no writer');
my (undef, $err) = said($first, 'app', q{SELECT monitoring.drain('1 second')});
isnt(said($first, 'app', q{SELECT monitoring.drain('1 second')}), 't', 'drain() on a standby does not say that all is in the table');

# a restart keeps them, and a backup of the standby leaves them
$first->restart;
$first->backup('of_first');
ok(!-e $first->backup_dir . '/of_first/pgsql_tmp_lifeguard', 'a base backup of a standby does not take them either');

caught_up($first, $second);
drained($primary, 'app');
is(ask($primary, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_type <> 'primary' AND error_type <> 'bait'}), '0', 'the primary has none of them');

# --- promotion ---

my $session = $first->background_psql('app', on_error_stop => 0);
$session->query('SELECT 1;');
$primary->stop;
$first->promote;
drained($first, 'app', 'after the promotion all is stored');
my $kinds = q{SELECT string_agg(format('%s %s %s', source, error_type, error_message), E'\n' ORDER BY source, error_type, error_message)
                FROM monitoring.system_errors WHERE error_type NOT IN ('primary', 'bait') AND error_message !~ 'selftest|administrator command'};
my $expected = join "\n",
	'logged logged on first', 'logged logged on first, rolled back',
	'swallowed division_by_zero division by zero',
	'translated invalid_text_representation invalid input syntax for type integer: "x"',
	'uncaught raise_exception translated on the standby',
	'uncaught read_only_sql_transaction cannot execute CREATE TABLE in a read-only transaction',
	'uncaught undefined_column column "nothing_first" does not exist';
is(ask($first, 'app', $kinds), $expected, 'each error of the standby, and none of the other');
is(ask($first, 'app', "SELECT error_message, context ->> 'where' FROM monitoring.system_errors WHERE id = '$id'"), 'on first|first', 'under the id that was answered');
is(ask($first, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_type = 'primary'}), '2', 'the rows of the primary are there');
$session->query(q{DO $$ BEGIN RAISE EXCEPTION 'after'; END $$;});
drained($first, 'app');
is(ask($first, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_message = 'after'}), '1', 'and a session from before the promotion has its errors stored');
$session->quit;

# the second one, which was never asked, has its own
$second->promote;
drained($second, 'app');
is(ask($second, 'app', $kinds), $expected =~ s/\bfirst\b/second/gr =~ s/nothing_first/nothing_second/r, 'the second standby\'s errors appear in the second');

# --- the copy of the standby's backup ---

my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($first, 'of_first');
$copy->start;
$copy->promote;
drained($copy, 'app');
is(ask($copy, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_message ~ 'on first'}), '0', 'a server from a backup begins with empty files');
said($copy, 'app', 'SELECT in_the_copy');
drained($copy, 'app');
is(ask($copy, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_message ~ 'in_the_copy'}), '1', 'and keeps what happens there');

settled($_, $_->name) for $first, $second, $copy;
$_->stop for $first, $second, $copy;
done_testing();
