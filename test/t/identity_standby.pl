# Identity on hot standbys, with the library preloaded and without: the same answers, never a stale set, and a promotion that changes nothing.
use strict;
use warnings;
use Identity;
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = journal_server('primary', "shared_preload_libraries = ''\n", allows_streaming => 1);
ask($primary, 'postgres', identity_tables() . q{
CREATE ROLE reader LOGIN;
CREATE TABLE turns (turn int);
INSERT INTO turns VALUES (0);
GRANT SELECT ON turns, memberships, admins TO reader;
});
$primary->append_conf('postgresql.conf', "shared_preload_libraries = 'lifeguard'");
$primary->restart;
$primary->backup('backup');

my %preload = (preloaded => 'lifeguard', plain => '');
my %standby;
for my $name (sort keys %preload)
{
	$standby{$name} = PostgreSQL::Test::Cluster->new($name);
	$standby{$name}->init_from_backup($primary, 'backup', has_streaming => 1);
	$standby{$name}->append_conf('postgresql.conf', "shared_preload_libraries = '$preload{$name}'");
	$standby{$name}->start;
}

my $ask = "SELECT $answer";
sub session { my ($node) = @_; return $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'reader' ]); }
sub set_claims { my ($claims, $local) = @_; return sprintf q{SELECT set_config('request.jwt.claims', '%s', %s) IS NULL}, $claims, $local ? 'true' : 'false'; }
sub answers { my ($session, $claims) = @_; return $session->query('BEGIN READ ONLY; ' . set_claims($claims, 1) . "; $ask; COMMIT") =~ s/^[ft]\n//r; }

# --- who somebody is, and what he sees ---

my %session = map { $_ => session($standby{$_}) } keys %standby;
for my $name (sort keys %standby)
{
	my $session = $session{$name};
	is(ask($standby{$name}, 'postgres', q{SELECT current_setting('shared_preload_libraries'), pg_is_in_recovery()}), "$preload{$name}|t", "$name: a standby");
	my $fresh = session($standby{$name});   # where the library is not preloaded, its first call loads it
	is($fresh->query(sprintf 'BEGIN; SET LOCAL "request.jwt.claims" = \'%1$s\'; SAVEPOINT point; SET LOCAL "request.jwt.claims" = \'%2$s\'; %3$s; ROLLBACK TO point; %3$s; COMMIT; %3$s',
		claims_of(1), claims_of(2), $ask), join("\n", answer_of(2), answer_of(1), $nobody), "$name: the first call of a session, below a savepoint");
	$fresh->quit;
	is($session->query($ask), $nobody, "$name: without claims nobody");
	is(answers($session, claims_of($_)), answer_of($_), "$name: person $_") for @people;
	is($session->query($ask), $nobody, "$name: afterwards nobody");
	for my $broken ('{', '{"sub": "' . person(1), '{"sub": "42"}', '[]', '{"sub": null}')
	{
		is(answers($session, $broken), $nobody, "$name: nobody by $broken");
	}
	is($session->query(sprintf q{BEGIN; SET LOCAL "request.jwt.claim.sub" = '%s'; %s; ROLLBACK}, person(2), $ask), answer_of(2), "$name: the old settings");
	is($session->query(sprintf q{BEGIN; %s; SELECT lifeguard.organization_role('%s'), lifeguard.claim('role'); COMMIT}, set_claims(claims_of(1), 1), organization(2)) =~ s/^[ft]\n//r,
		'owner|authenticated', "$name: a role in an organization, and a claim");
}

# --- what changes on the primary ---

# Waits until a query of the session itself says true on each standby.
sub wait_on_standbys
{
	my ($query) = @_;
	for my $name (sort keys %standby)
	{
		eventually(sub { $session{$name}->query($query) eq 't' }, 30) or BAIL_OUT("$name does not replay");
	}
	return;
}

# Membership and admin change with each turn; the next statement knows, in a session that has asked before. Without a cache a turn is known as soon
# as it is seen; with one when it is replayed, for the server tells of it just after it has made it visible.
my $primary_session = $primary->background_psql('postgres');
my $is_member = sprintf q{SELECT lifeguard.is_member('%s'), lifeguard.is_admin(), lifeguard.organizations()}, organization(5);
sub follow
{
	my ($turns, $cached) = @_;
	my @wrong;
	$primary_session->query_safe(sources($cached ? 'true' : 'false'));
	$session{$_}->query(set_claims(claims_of(3))) for keys %standby;
	for my $turn (1 .. $turns)
	{
		my $odd = $turn % 2;
		$primary_session->query_safe(join ' ', 'BEGIN;',
			$odd ? sprintf(q{INSERT INTO memberships VALUES ('%s', '%s'); INSERT INTO admins VALUES ('%s');}, person(3), organization(5), person(3))
			: sprintf(q{DELETE FROM memberships WHERE user_id = '%1$s' AND active; DELETE FROM admins WHERE user_id = '%1$s';}, person(3)),
			"UPDATE turns SET turn = $turn; COMMIT");
		wait_on_standbys($cached ? sprintf q{SELECT pg_last_wal_replay_lsn() >= '%s'}, $primary_session->query_safe('SELECT pg_current_wal_insert_lsn()')
			: "SELECT turn = $turn FROM turns");
		for my $name (sort keys %standby)
		{
			my $is = $session{$name}->query($is_member);
			push @wrong, "$name, turn $turn: $is" if $is ne ($odd ? 't|t|{' . organization(5) . '}' : 'f|f|{}');
		}
	}
	$session{$_}->query('RESET "request.jwt.claims"') for keys %standby;
	return is(scalar(@wrong), 0, "$turns changes" . ($cached ? ', with a cache' : '') . ': each is known to the next statement of both standbys')
		|| diag(join "\n", @wrong[0 .. ($#wrong > 4 ? 4 : $#wrong)]);
}
follow(100, 0);

# While changes stream in, a statement's answers are those of its own snapshot: what it reads in the tables itself.
my $bench = $primary->basedir;
append_to_file("$bench/change.sql", sprintf q{UPDATE memberships SET active = NOT active WHERE user_id = '%1$s' \; UPDATE admins SET active = NOT active WHERE user_id = '%1$s';} . "\n", person(5));
append_to_file("$bench/compare.sql", join "\n", 'BEGIN;', set_claims(claims_of(5), 1) . ';', (sprintf q{SELECT 1 / (lifeguard.is_member('%1$s') = EXISTS (SELECT FROM memberships WHERE user_id = '%2$s' AND active)
	AND lifeguard.is_admin() = EXISTS (SELECT FROM admins WHERE user_id = '%2$s' AND active))::int;} =~ s/\s+/ /gr, organization(3), person(5)) x 10, "COMMIT;\n");
ask($primary, 'postgres', sprintf q{INSERT INTO memberships VALUES ('%s', '%s')}, person(5), organization(3));
$primary->wait_for_catchup($_, 'replay') for values %standby;
my $changes = start_program('changes', $primary->installed_command('pgbench'), '-n', '-T', 60, '-R', 300, '-f', "$bench/change.sql", '-h', $primary->host, '-p', $primary->port, 'postgres');
for my $name (sort keys %standby)
{
	for my $protocol (qw(simple prepared))
	{
		$standby{$name}->command_checks_all([ 'pgbench', '-n', '-M', $protocol, '-c', 2, '-T', 1, '-U', 'reader', '-f', "$bench/compare.sql", 'postgres' ], 0, [qr/failed transactions: 0 /], [qr/^(?!.*division)/s],
			"$name: answers are those of the statement's snapshot, $protocol protocol");
	}
	my %seen = map { $_ => 1 } $session{$name}->query('BEGIN; ' . set_claims(claims_of(5), 1) . '; '
		. sprintf(q{SELECT lifeguard.is_admin(), active FROM admins, pg_sleep(0.01) WHERE user_id = '%s';}, person(5)) x 100 . 'COMMIT') =~ /^[tf]\|[tf]$/mg;
	is(join(' ', sort keys %seen), 'f|f t|t', "$name: and they did change, within a transaction");
}
end_program($changes);
ask($primary, 'postgres', sprintf q{DELETE FROM memberships WHERE user_id = '%1$s'; UPDATE admins SET active = false WHERE user_id = '%1$s'}, person(5));
follow(100, 1);

# Within one transaction of a standby: its next statement, and a statement that was prepared before.
for my $name (sort keys %standby)
{
	my $session = $session{$name};
	$session->query("SET plan_cache_mode = force_generic_plan; PREPARE member AS $is_member; BEGIN; " . set_claims(claims_of(3), 1));
	is($session->query('EXECUTE member'), 'f|f|{}', "$name: no member in a transaction that stays open");
}
$primary_session->query_safe(sprintf q{INSERT INTO memberships VALUES ('%s', '%s'); UPDATE turns SET turn = -1}, person(3), organization(5));
$primary->wait_for_catchup($_, 'replay') for values %standby;
for my $name (sort keys %standby)
{
	my $session = $session{$name};
	is($session->query('EXECUTE member'), 't|f|{' . organization(5) . '}', "$name: he is one for its next statement, by a generic plan");
	is($session->query('ROLLBACK; EXECUTE member'), 'f|f|{}', "$name: and after it nobody is");
}

# --- nothing is declared there ---

my (undef, $err) = said($standby{plain}, 'postgres', q{SELECT lifeguard.use_admins('admins', 'user_id')});
like($err, qr/read-only|recovery/, 'a standby takes no sources');

# --- promotion ---

$session{preloaded}->query(set_claims(claims_of(3)));
is($session{preloaded}->query($is_member), 't|f|{' . organization(5) . '}', 'before the promotion');
$primary_session->quit;
$primary->stop;
$standby{preloaded}->promote;
my $node = $standby{preloaded};
is($session{preloaded}->query($is_member), 't|f|{' . organization(5) . '}', 'a session from before the promotion knows who it is');
ask($node, 'postgres', sprintf q{UPDATE memberships SET active = false WHERE user_id = '%s'}, person(3));
is($session{preloaded}->query($is_member), 'f|f|{}', 'and sees what changes now');
is(answers($session{preloaded}, claims_of($_)), answer_of($_), "person $_ is as he was") for @people;
drained($node, 'postgres', 'what waited on the standby is stored');
is(ask($node, 'postgres', q{SELECT count(DISTINCT error_message), sum(occurrences) FROM monitoring.system_errors WHERE error_type = 'invalid_claims'}), '2|2',
	'with the broken claims, once a session');
ask($node, 'postgres', q{CREATE TABLE staff (id uuid); SELECT lifeguard.use_admins('staff', 'id')});
is($session{preloaded}->query($is_member), 'f|f|{}', 'a source is added');
ask($node, 'postgres', sprintf q{INSERT INTO staff VALUES ('%s')}, person(3));
is($session{preloaded}->query($is_member), 'f|t|{}', 'and counts');

is(answers($session{plain}, claims_of($_)), answer_of($_), "on the other standby, whose primary is gone, person $_ is as he was") for grep { $_ != 3 } @people;
is(join('', map { $_->{stderr} } values %session), '', 'no session had an error');
$_->quit for values %session;
$_->stop for values %standby;
done_testing();
