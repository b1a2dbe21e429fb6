# Crashes during approvals: kill -9 of a backend at random moments, an immediate restart, a standby that is promoted. Afterwards there is no half
# approval, the totals are exact, and approvals go on. Backends are killed for SOAK_SECONDS; from 10 seconds on there are 2,000 approvals at least.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{SOAK_SECONDS} || 5;
my $approvals = $seconds >= 10 ? 2000 : 200 * $seconds;
srand($ENV{SEED} // 20261116);

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'lifeguard'
restart_after_crash = on
max_connections = 40
timezone = 'UTC'
log_statement = none
checkpoint_timeout = '30s'
CONF
$primary->start;

# The same club for all. Pools for a year, so that dollars are left; each approval writes all it can.
$primary->safe_psql('postgres', 'CREATE DATABASE club');
$primary->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $primary->connstr('club'), '-f', 'test/club.sql' ], 'the club is installed');
$primary->safe_psql('club', <<"SQL");
SET client_min_messages = warning;
UPDATE pull_up_club.settings SET monthly_cap_dollars = 2000;
CALL test.add_members(1, @{[ 3 * $approvals ]});
CALL test.add_submissions(1, @{[ 3 * $approvals ]});
SELECT lifeguard.add_history('content.submissions');
SQL

# Sessions approve what they find, most of it one by one; some is reversed and corrected. The many of a statement lie in several weeks.
my $scripts = $primary->basedir;
my $find = "AND id > test.submission(:s) LIMIT %d FOR UPDATE SKIP LOCKED)";
my $last = 3 * $approvals - 1;
my %script = (
	approve => q{status = 'approved', actual_pull_up_count = 18, approved_at = timestamptz '2026-01-07 12:00+00' + mod(:s, 52) * interval '7 days'
	             WHERE id IN (SELECT id FROM content.submissions WHERE status = 'pending' } . sprintf($find, 1),
	approve_many => q{status = 'approved', actual_pull_up_count = 18, approved_at = timestamptz '2026-01-07 12:00+00' + (random() * 360)::int * interval '1 day'
	             WHERE id IN (SELECT id FROM content.submissions WHERE status = 'pending' } . sprintf($find, 10),
	reverse => q{status = 'rejected', notes = 'not straight'
	             WHERE id IN (SELECT id FROM content.submissions WHERE status = 'approved' } . sprintf($find, 1),
	correct => q{status = 'pending' WHERE id IN (SELECT id FROM content.submissions WHERE status = 'rejected' } . sprintf($find, 1));
append_to_file("$scripts/$_", "\\set s random(0, $last)\n" . "UPDATE content.submissions SET $script{$_};" =~ s/\s+/ /gr . "\n") for keys %script;

sub ask { my ($node, $sql) = @_; return $node->safe_psql('club', $sql); }

# How many approvals there have been.
sub approved { return ask($_[0], q{SELECT count(*) FROM lifeguard.history WHERE to_state = 'approved'}); }

# Four sessions that approve until somebody stops them.
sub begin_approvals
{
	my ($node, $rate) = @_;
	local $ENV{PGAPPNAME} = 'pgbench';
	my %run = (said => '');
	$run{handle} = IPC::Run::start(
		[
			'pgbench', '-n', '-c', 4, '-T', 600, ($rate ? ('-R', $rate) : ()),
			'-f', "$scripts/approve\@12", '-f', "$scripts/approve_many\@1", '-f', "$scripts/reverse\@10", '-f', "$scripts/correct\@10",
			'-h', $node->host, '-p', $node->port, 'club'
		],
		'>&', \$run{said}, '<', \undef);
	for (1 .. 300)
	{
		return \%run if ask($node, q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench' AND state = 'active'}) > 0;
		$run{handle}->pump_nb;
		sleep 0.05;
	}
	BAIL_OUT("no session approves: $run{said}");
}

sub end_approvals
{
	my ($run) = @_;
	$run->{handle}->kill_kill(grace => 0);
	return;
}

# No row of test.wrong, and the moves of the history are what is there.
sub is_exact
{
	my ($node, $when) = @_;
	is(ask($node, q{SELECT format('%s: %s', what, which) FROM test.wrong LIMIT 5}), '', "no half approval and exact totals $when");
	is( ask($node, q{SELECT concat_ws(' ', (SELECT count(*) FROM content.submissions WHERE status = 'approved'), (SELECT count(*) FROM communication.email_notifications))}),
		ask($node, q{SELECT concat_ws(' ', count(*) FILTER (WHERE to_state = 'approved') - count(*) FILTER (WHERE from_state = 'approved'),
		                    count(*) FILTER (WHERE to_state = 'rejected')) FROM lifeguard.history}),
		"as many approved and e-mails as the history has moves $when");
	return;
}

# Waits for a server that recovers by itself.
sub wait_for_server
{
	my ($node) = @_;
	for (1 .. 600)
	{
		my ($status) = $node->psql('club', 'SELECT 1', on_error_die => 0, timeout => 10);
		return 1 if defined $status && $status == 0;
		sleep 0.1;
	}
	return 0;
}

# --- kill -9 of a backend at random moments ---

my $kills = 0;
my $killed_at_work = 0;
my $until = time + $seconds;
while ($kills < 3 || time < $until || $kills < 20 && approved($primary) < $approvals)
{
	my $before = approved($primary);
	my $run = begin_approvals($primary);
	sleep 0.3 + rand(0.5);
	my $postmaster = slurp_file($primary->data_dir . '/postmaster.pid') =~ s/\n.*//sr;
	# somebody who is in the middle of an approval, if anybody is
	my $row = ask($primary, q{SELECT pid, state FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pgbench'
	                           ORDER BY state = 'active' DESC, random() LIMIT 1});
	my ($victim, $state) = split /\|/, $row;
	kill 'KILL', $victim;
	$kills++;
	$killed_at_work++ if $state eq 'active';
	$run->{handle}->finish;    # every session is thrown out
	if (!wait_for_server($primary)) { fail('the server recovers by itself'); BAIL_OUT('it does not'); }
	is(slurp_file($primary->data_dir . '/postmaster.pid') =~ s/\n.*//sr, $postmaster, "kill $kills: the server recovered by itself");
	cmp_ok(approved($primary), '>', $before, "kill $kills: approvals went on, " . approved($primary));
	is_exact($primary, "after kill $kills");
}
cmp_ok(approved($primary), '>=', $approvals, "$approvals approvals at least: " . approved($primary));
cmp_ok($killed_at_work, '>=', 1, "$killed_at_work of $kills sessions were killed at work");

# --- an immediate restart during approvals ---

for my $turn (1 .. 2)
{
	my $before = approved($primary);
	my $run = begin_approvals($primary);
	sleep 0.3 + rand(0.4);
	$primary->stop('immediate');
	$run->{handle}->finish;
	$primary->start;
	cmp_ok(approved($primary), '>', $before, "immediate restart $turn: approvals went on");
	is_exact($primary, "after immediate restart $turn");
}

# --- a standby that is promoted ---

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
my $before = approved($primary);
my $run = begin_approvals($primary, 200);
$standby->poll_query_until('club', "SELECT count(*) > $before FROM lifeguard.history WHERE to_state = 'approved'") or die 'the standby does not follow';
is(ask($standby, q{SELECT count(*) FROM test.wrong}), '0', 'the standby is exact while it follows');
my ($status, undef, $error) = $standby->psql('club', q{UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 1 WHERE status = 'pending'});
like($error, qr/read-only transaction/, 'the standby approves nothing');
($status, undef, $error) = $standby->psql('club',
	q{SELECT finance.process_submission_earnings(id, user_id, actual_pull_up_count) FROM content.submissions WHERE status = 'approved' LIMIT 1});
like($error, qr/read-only transaction|during recovery/, 'nor does the function');
is(ask($standby, q{SELECT finance.calculate_earnings(test.member(1), 18, NULL, '2027-06-09 12:00+00')}), '18', 'but it can tell what an approval would earn');
$primary->stop('immediate');
$run->{handle}->finish;
$standby->promote;
is_exact($standby, 'on the promoted standby');
$before = approved($standby);
$run = begin_approvals($standby);
sleep 1;
end_approvals($run);
$standby->poll_query_until('club', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgbench'}) or die 'sessions stay';
cmp_ok(approved($standby), '>', $before, 'approvals go on on the promoted standby');
is_exact($standby, 'after approvals there');

# The test itself must notice a half approval.
$standby->safe_psql('club', q{DELETE FROM finance.weekly_earnings WHERE id = (SELECT id FROM finance.weekly_earnings WHERE earning_amount_dollars > 0 LIMIT 1)});
cmp_ok(ask($standby, q{SELECT count(DISTINCT what) FROM test.wrong}), '>=', 5, 'an earning taken away is noticed');
$standby->stop('fast');

done_testing();
