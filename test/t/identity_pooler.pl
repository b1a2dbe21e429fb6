# Identity through PgBouncer in transaction mode: clients in turns on one server connection, and never a foreign or a stale answer.
use strict;
use warnings;
use Identity;
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

srand($ENV{SEED} // 20261126);

my $node = journal_server('main', "max_connections = 20\n");
ask($node, 'postgres', identity_tables() . q{
CREATE ROLE authenticated NOLOGIN;
CREATE ROLE app LOGIN NOINHERIT;
GRANT authenticated TO app;
GRANT ALL ON memberships TO app, authenticated;
CREATE SEQUENCE turns;
GRANT USAGE ON turns TO PUBLIC;
ALTER ROLE app SET plan_cache_mode = force_generic_plan;
});

# Starts a PgBouncer with one server connection and gives the connection string for its clients.
sub start_pooler
{
	my ($name, $conf) = @_;
	my $folder = $node->basedir . "/$name";
	mkdir $folder or die "$folder: $!";
	my $port = free_port();
	my $socket = PostgreSQL::Test::Utils::tempdir_short();
	append_to_file("$folder/users", qq{"app" ""\n});
	append_to_file("$folder/ini", <<"INI");
[databases]
postgres = host=@{[ $node->host ]} port=@{[ $node->port ]}
[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = $socket
auth_type = trust
auth_file = $folder/users
pool_mode = transaction
default_pool_size = 1
max_client_conn = 50
$conf
INI
	start_program($name, 'pgbouncer', "$folder/ini");
	eventually(sub { -S "$socket/.s.PGSQL.$port" }) or BAIL_OUT("PgBouncer does not start: " . slurp_file("$PostgreSQL::Test::Utils::log_path/$name.log"));
	return (host => $socket, port => $port);
}
my %pooler = start_pooler('pgbouncer', '');

sub connection { my (%at) = @_; return "host=$at{host} port=$at{port} user=app dbname=postgres"; }
sub client { my (%at) = @_; return $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-d', connection(%at) ]); }

my %set = (
	config => sub { return "SELECT set_config('request.jwt.claims', '$_[0]', true) IS NULL"; },
	local => sub { return qq{SET LOCAL "request.jwt.claims" = '$_[0]'}; });

# --- two clients, step by step ---

my ($first, $second) = (client(%pooler), client(%pooler));
my $server = $first->query('SELECT pg_backend_pid()');
is($second->query('SELECT pg_backend_pid()'), $server, 'two clients have one server connection');
my $ask = "SELECT $answer";
is($first->query($ask), $nobody, 'who brings no claims is nobody');
for my $how (sort keys %set)
{
	for my $turn ([ $first, 1 ], [ $second, 2 ], [ $first, 4 ], [ $second, 5 ])
	{
		my ($client, $number) = @$turn;
		my ($set, $reset) = ($set{$how}->(claims_of($number)), "SELECT set_config('request.jwt.claims', '', true)");
		is($client->query("BEGIN; $set; $ask; COMMIT") =~ s/^f\n//r, answer_of($number), "$how: person $number is answered his own");
		is(($client == $first ? $second : $first)->query($ask), $nobody, "$how: the next client is nobody");
		is($client->query($ask), $nobody, "$how: and so is he without claims");
		is($client->query("BEGIN; $set; $ask; ROLLBACK; $ask") =~ s/^f\n//r, answer_of($number) . "\n$nobody", "$how: after a ROLLBACK likewise");
	}
}
is($second->query("SELECT lifeguard.uid() IS NULL, current_setting('request.jwt.claims', true) = ''"), 't|t', 'what is left of SET LOCAL is an empty text, and nobody');

# The membership of person 2 in organization 2 comes and goes.
my $member = sprintf q{user_id = '%s' AND organization_id = '%s'}, person(2), organization(2);
my $is_member = sprintf q{SELECT lifeguard.is_member('%s')}, organization(2);
sub as_second { my ($client, $sql) = @_; return $client->query(qq{BEGIN; SET LOCAL "request.jwt.claims" = '} . claims_of(2) . "'; $sql"); }
sub changes_membership
{
	my ($kind) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(as_second($first, "$is_member; UPDATE memberships SET active = false WHERE $member; $is_member; ROLLBACK"), "t\nf", "$kind: a member who leaves in his transaction is none in it");
	is(as_second($second, "$is_member; COMMIT"), 't', "$kind: rolled back, he is one for the next client");
	is(as_second($first, "UPDATE memberships SET active = false WHERE $member; COMMIT"), '', "$kind: he leaves");
	is(as_second($second, "$is_member; COMMIT"), 'f', "$kind: and is none for the next client");
	ask($node, 'postgres', "UPDATE memberships SET active = true WHERE $member");
	return is(as_second($second, "$is_member; COMMIT"), 't', "$kind: joined again by a session beside the pooler, he is one");
}
changes_membership('without a cache');
ask($node, 'postgres', sources('true'));
changes_membership('with a cache');
ask($node, 'postgres', sources('false'));
is($first->query('SELECT pg_backend_pid()') . $second->query('SELECT pg_backend_pid()'), $server x 2, 'all on that one server connection');

# --- thousands of short transactions of three clients ---

# The prepared statement is the server connection's: all clients execute the same generic plan.
$first->query("PREPARE answer(text) AS SELECT \$1, 'by', pg_backend_pid(), nextval('turns'), $answer");
like($second->query("EXECUTE answer('here')"), qr/^here\|/, 'a statement prepared by one client is there for the other');

# Claims as they come: what is sent, and the person whom it makes (0: nobody).
sub claims_by_chance
{
	my $number = $people[ rand @people ];
	return (claims_of($number), $number) if rand() < 0.6;
	return (claims_of($number, '"app_metadata": {"sub": "x", "organizations": [1, 2]}, "exp": 4102444800'), $number) if rand() < 0.3;
	my @broken = ('', '{', '{"sub": "' . person($number), '[]', '"' . person($number) . '"', 'null', '{"sub": 42}', '{"sub": "42"}', '{"sub": ""}', '{"sub": null}', '{"role": "authenticated"}', 'no json');
	return ($broken[ rand @broken ], 0);
}

my (%expected, $steps);
sub step { my ($person) = @_; $expected{ ++$steps } = $person ? answer_of($person) : $nobody; return rand() < 0.5 ? "EXECUTE answer('$steps');" : "SELECT '$steps', 'by', pg_backend_pid(), nextval('turns'), $answer;"; }
sub become { my ($claims) = @_; return rand() < 0.5 ? "SELECT set_config('request.jwt.claims', '$claims', true) IS NULL;" : qq{SET LOCAL "request.jwt.claims" = '$claims';}; }
sub transaction
{
	my ($claims, $person) = claims_by_chance();
	my @lines = ('BEGIN;');
	push @lines, 'SET LOCAL ROLE authenticated;' if rand() < 0.5;
	if (rand() < 0.15) { push @lines, step(0); $person = 0; }
	elsif (rand() < 0.1 && $person) { push @lines, sprintf(q{SET LOCAL "request.jwt.claim.sub" = '%s';}, person($person)), step($person); }
	else { push @lines, become($claims), step($person); }
	if (rand() < 0.3)
	{
		my ($others, $other) = claims_by_chance();
		push @lines, 'SAVEPOINT point;';
		if ($others ne '' || !grep { /jwt\.claim\.sub/ } @lines) { push @lines, become($others), step($other); }
		push @lines, 'SELECT 1/0;' if rand() < 0.3;
		push @lines, 'ROLLBACK TO point;', step($person);
	}
	push @lines, rand() < 0.1 ? ('SELECT 1/0;', 'ROLLBACK;') : rand() < 0.3 ? 'ROLLBACK;' : 'COMMIT;';
	push @lines, step(0) if rand() < 0.4;
	return @lines;
}

my ($transactions, @running, %said) = (1200);
for my $name (1 .. 3)
{
	my $script = $node->basedir . "/client_$name.sql";
	append_to_file($script, join("\n", map { transaction() } 1 .. $transactions) . "\n");
	push @running, start_program("client_$name", $node->installed_command('psql'), '-XAtq', '-d', connection(%pooler), '-f', $script);
}
$_->finish for @running;
my (@wrong, %client_of, %server);
for my $name (1 .. 3)
{
	my $answers = slurp_file("$PostgreSQL::Test::Utils::log_path/client_$name.log");
	while ($answers =~ /^(\d+)\|by\|(\d+)\|(\d+)\|(.*)$/mg)
	{
		push @wrong, "$name, step $1: $4, not $expected{$1}" if $4 ne $expected{$1};
		$said{$1}++;
		$server{$2}++;
		$client_of{$3} = $name;
	}
	my @errors = grep { !/division by zero/ } $answers =~ /ERROR:.*/g;
	is("@errors[0 .. ($#errors > 3 ? 3 : $#errors)]", '', "client $name has no errors but its own");
}
is(scalar(keys %said), $steps, 3 * $transactions . " transactions gave all their $steps answers");
is(scalar(@wrong), 0, 'none of them foreign or stale') or diag(join "\n", @wrong[0 .. ($#wrong > 4 ? 4 : $#wrong)]);
is(join(' ', keys %server), $server, 'all by one server connection');
my @turns = map { $client_of{$_} } sort { $a <=> $b } keys %client_of;
my $changes = grep { $turns[$_] != $turns[ $_ - 1 ] } 1 .. $#turns;
cmp_ok($changes, '>', $transactions, 'and the clients really took turns');

# --- pgbench: each answer is checked where it is given ---

ask($node, 'postgres', sprintf q{
CREATE TABLE expected (number int PRIMARY KEY, answer text, claims text);
INSERT INTO expected VALUES %s;
GRANT SELECT ON expected TO app;
CREATE FUNCTION check_answer(who int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  answer text := %s;
BEGIN
  IF answer IS DISTINCT FROM (SELECT e.answer FROM expected e WHERE number = who) THEN
    RAISE EXCEPTION 'foreign answer for %%: %%', who, answer;
  END IF;
END $$;
CREATE FUNCTION become(who int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('request.jwt.claims', claims, true) FROM expected WHERE number = who;
END $$}, join(', ', map { $_ ? "($_, '" . answer_of($_) . "', '" . claims_of($_) . "')" : "(0, '$nobody', '')" } 0, @people), $answer);
append_to_file($node->basedir . '/bench.sql', <<'SQL');
\set who random(0, 5)
\set other random(0, 5)
\set back random(0, 1)
BEGIN;
SELECT become(:who);
SELECT check_answer(:who);
SAVEPOINT point;
SELECT become(:other);
SELECT check_answer(:other);
ROLLBACK TO point;
SELECT check_answer(:who);
\if :back
ROLLBACK;
\else
COMMIT;
\endif
SELECT check_answer(0);
SQL
for my $protocol (qw(simple extended))
{
	ask($node, 'postgres', sources($protocol eq 'simple' ? 'false' : 'true'));
	$node->command_checks_all(
		[ 'pgbench', '-n', '-M', $protocol, '-c', 4, '-t', 150, '-f', $node->basedir . '/bench.sql', '-h', $pooler{host}, '-p', $pooler{port}, '-U', 'app', 'postgres' ],
		0, [qr{actually processed: 600/600}], [qr/^(?!.*foreign)/s], "pgbench, $protocol protocol");
}

# --- what belongs to the session is everybody's ---

# A SET without LOCAL stays on the server connection, whoever has it next: PgBouncer's nature, and why an API sets its claims LOCAL.
my $leak = sprintf q{SELECT set_config('request.jwt.claims', '%s', false) IS NULL}, claims_of(1);
is($first->query($leak), 'f', 'a client sets claims for its session');
is($second->query($ask), answer_of(1), 'and the next client of the connection has them');
is(as_second($second, "$ask; COMMIT"), answer_of(2), 'claims set LOCAL go before them');
is($second->query($ask), answer_of(1), 'and leave them as they were');
is($second->query("DISCARD ALL; $ask"), $nobody, 'DISCARD ALL forgets them');
is($first->query($ask), $nobody, 'for all');
$first->query($leak);
is($second->query("RESET \"request.jwt.claims\"; $ask"), $nobody, 'so does RESET');
$_->quit for $first, $second;

my %careful = start_pooler('careful', "server_reset_query = DISCARD ALL\nserver_reset_query_always = 1");
($first, $second) = (client(%careful), client(%careful));
is($first->query('SELECT pg_backend_pid()'), $second->query('SELECT pg_backend_pid()'), 'a pooler that resets after each transaction, again one connection');
is($first->query($leak), 'f', 'a client sets claims for its session');
is($second->query($ask), $nobody, 'and the next client is nobody');
is(as_second($first, "$ask; COMMIT"), answer_of(2), 'LOCAL claims are as good there');
$_->quit for $first, $second;

# Broken claims are journaled once a session, and a session of the server's is what the pooler keeps.
drained($node, 'postgres');
is(ask($node, 'postgres', q{SELECT count(DISTINCT error_message), sum(occurrences) FROM monitoring.system_errors WHERE error_type = 'invalid_claims'}), '2|2',
	'claims that are no JSON object, and a sub that is no UUID, are journaled once each');

$node->stop;
done_testing();
