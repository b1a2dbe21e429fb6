# No room for the journal (its own limit, a limit of the process, a full disk): the caller's work goes on, and what was not kept is counted and told.
use strict;
use warnings;
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = journal_server('main', "lifeguard.journal_limit = 1\n", extra => ['--wal-segsize=1']);
install($node, 'app');
my $work = 'CREATE TABLE work (a int)';
ask($node, 'app', $work);

# Errors of a session while nothing can be stored: [ids answered], how many were answered none, what the session said.
sub log_many
{
	my ($session, $type, $count) = @_;
	my @ids;
	my $refused = 0;
	my $said = '';
	for (1 .. $count / 100)
	{
		my $out = $session->query("INSERT INTO work VALUES (1); SELECT coalesce(monitoring.log_error('$type', rpad(g::text, 1000, '.'))::text, 'none') FROM generate_series(1, 100) g;");
		push @ids, $out =~ /([0-9a-f-]{36})/g;
		$refused += () = $out =~ /^none$/mg;
		$said .= $session->{stderr};
		$session->{stderr} = '';
	}
	return (\@ids, $refused, $said);
}

# How many errors the rows of type journal_loss tell of.
sub told_lost { my ($server) = @_; return ask($server, 'app', q{SELECT coalesce(sum((regexp_match(error_message, '^(\d+) error'))[1]::bigint), 0) FROM monitoring.system_errors WHERE error_type = 'journal_loss'}); }

# What must hold once there is room again, after some were refused.
sub is_told
{
	my ($server, $what, $type, $ids, $refused, $counter, $lost_before) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	drained($server, 'app', "$what: what was kept is stored");
	is(ask($server, 'app', "SELECT count(*) FROM monitoring.system_errors WHERE error_type = '$type'"), scalar(@$ids), "$what: just that");
	is(ask($server, 'app', "SELECT count(*) FROM monitoring.system_errors WHERE id IN ('" . join("','", @$ids) . "')"), scalar(@$ids), "$what: under the ids that were answered");
	# the loss is noted with the first error that can be kept, or without one
	said($server, 'app', 'SELECT room_again');
	ok(eventually(sub { told_lost($server) == $lost_before + $refused }), "$what: the $refused lost ones are told in a row") or diag('told: ' . (told_lost($server) - $lost_before));
	ok(eventually(sub { ask($server, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_message ~ 'room_again'}) }), "$what: the next error is kept again");
	like(status_text($server, 'app'), qr/^[^\n]*\b$counter\b/m, "$what: and status() tells the sum");
	return;
}

# --- the journal's own limit ---

{
	my $lock = hold($node, 'app');
	lets_wait($node, 'app');
	my $session = $node->background_psql('app', on_error_stop => 0);
	my ($ids, $refused, $said) = log_many($session, 'limit', 3000);
	cmp_ok(scalar(@$ids), '>', 200, 'limit: some are kept');
	is(@$ids + $refused, 3000, 'limit: each call is answered');
	cmp_ok($refused, '>', 1000, 'limit: and then no more');
	like($said, qr/WARNING/, 'limit: with a warning');
	unlike($said, qr/ERROR/, 'limit: never an error');
	cmp_ok(bytes_in($node, 'app'), '<=', 1024 * 1024, 'limit: the files stay below');
	is($session->query('SELECT 1;'), '1', 'limit: the session goes on');
	is(ask($node, 'app', 'SELECT count(*) FROM work'), '30', 'limit: its work is there');
	# five more of another kind, for the first of which there may still be room
	$session->query('SELECT 1/0;') for 1 .. 5;
	is(scalar(() = $session->{stderr} =~ /ERROR:  division by zero/g), 5, 'limit: errors are what they were');
	unlike($session->{stderr}, qr/lifeguard|journal|WARNING/i, 'limit: and nothing else');
	$session->{stderr} = '';
	my $lost = counter($node, 'app', 'refused_full');
	like(status_text($node, 'app'), qr/\b$lost\b/, 'limit: the loss is shown while there is no room');
	let_go($lock);
	is_told($node, 'limit', 'limit', $ids, $lost, $lost, 0);
	is($lost, $refused + 5 - ask($node, 'app', q{SELECT coalesce(sum(occurrences), 0) FROM monitoring.system_errors WHERE error_type = 'division_by_zero'}), 'limit: just what is not there was counted');
	$session->quit;
}

# --- a limit of the process (write() fails half-way, as on a full disk) ---

SKIP:
{
	my ($prlimit) = grep { -x } map { "$_/prlimit" } split /:/, $ENV{PATH};
	skip 'no prlimit', 1 unless $prlimit;
	$node->append_conf('postgresql.conf', 'lifeguard.journal_limit = 512');
	$node->reload;
	my $lost = told_lost($node);
	my $lock = hold($node, 'app');
	lets_wait($node, 'app');
	my $session = $node->background_psql('app', on_error_stop => 0);
	# files of the server are at most 1 MB here, the journal's is larger
	my ($ids, $refused, $said) = log_many($session, 'process', 3000);
	is($refused, 0, 'process: larger than the limit there will be');
	my $bytes = -s folder($node, 'app') . '/open';
	my $pid = $session->query('SELECT pg_backend_pid();');
	is(system($prlimit, '--pid', $pid, '--fsize=' . ($bytes + 100_500) . ':'), 0, 'process: room for a hundred more');
	my ($more, $then, $say) = log_many($session, 'process', 1000);
	cmp_ok($then, '>', 500, 'process: most are not kept');
	is(@$more + $then, 1000, 'process: each call is answered');
	like($say, qr/WARNING/, 'process: with a warning');
	unlike($say, qr/ERROR/, 'process: never an error');
	is(counter($node, 'app', 'refused_failed'), $then, 'process: counted');
	# others have room, behind what was written by half
	my @others = split /\n/, ask($node, 'app', q{SELECT monitoring.log_error('process', g::text) FROM generate_series(1, 50) g});
	system($prlimit, '--pid', $pid, '--fsize=unlimited:');
	let_go($lock);
	is_told($node, 'process', 'process', [ @$ids, @$more, @others ], $then, $then, $lost);
	$session->quit;
}
# --- no descriptor is left ---

SKIP:
{
	my ($prlimit) = grep { -x } map { "$_/prlimit" } split /:/, $ENV{PATH};
	skip 'no prlimit', 1 unless $prlimit;
	my ($lost, $refused) = (told_lost($node), counter($node, 'app', 'refused_failed'));
	my $session = $node->background_psql('app', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid();');
	$session->query('SELECT 1/0;');
	settled($node, 'descriptors');
	$session->{stderr} = '';
	is(system($prlimit, '--pid', $pid, '--nofile=5:'), 0, 'descriptors: a session may open no file');
	is($session->query(q{SELECT coalesce(monitoring.log_error('descriptors', 'x')::text, 'none'); SELECT 1/0; SELECT 'goes on';}), "none\ngoes on", 'descriptors: it goes on');
	like($session->{stderr}, qr/WARNING.*\n(?:.*\n)*.*ERROR:  division by zero/, 'descriptors: with a warning, and the error that it has');
	system($prlimit, '--pid', $pid, '--nofile=1000:');
	$session->query(q{SELECT monitoring.log_error('descriptors', 'again');});
	$session->quit;
	drained($node, 'app');
	is(counter($node, 'app', 'refused_failed') - $refused, 2, 'descriptors: the loss is counted');
	ok(eventually(sub { told_lost($node) == $lost + 2 }), 'descriptors: and told');
	is(ask($node, 'app', q{SELECT string_agg(error_message, ' ') FROM monitoring.system_errors WHERE error_type = 'descriptors'}), 'again', 'descriptors: and errors are kept again');
}
settled($node, 'main');
$node->stop;

# --- a small disk, where a test may have one of its own ---

SKIP:
{
	my $small = PostgreSQL::Test::Cluster->new('small');
	my $unshare = join ' ', 'unshare', '-rm';
	skip 'no disk of its own (unshare)', 1 if system("$unshare true 2> /dev/null") != 0 || system("$unshare unshare -U --map-user=1000 true 2> /dev/null") != 0;
	$small->init(extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8' ]);
	$small->append_conf('postgresql.conf', "shared_preload_libraries = 'lifeguard'\nlog_statement = none\nlog_min_error_statement = panic\n");
	my $folder = $small->data_dir . '/pgsql_tmp_lifeguard';
	mkdir $folder, 0700;
	# as root of a namespace of its own the disk is mounted, as nobody in particular the server is started
	my $start = sprintf q{mount -t tmpfs -o size=1m,mode=0777 none '%s' && exec unshare -U --map-user=1000 pg_ctl -w -D '%s' -l '%s' start > /dev/null}, $folder, $small->data_dir, $small->logfile;
	skip 'no disk of its own (mount)', 1 if system('unshare', '-rm', 'sh', '-c', $start) != 0;
	$small->_update_pid(1);
	install($small, 'app');
	ask($small, 'app', $work);
	for my $turn (1, 2)
	{
		my $lost = told_lost($small);
		my $refused_before = counter($small, 'app', 'refused_failed');
		my $lock = hold($small, 'app');
		ask($small, 'app', q{SELECT monitoring.log_error('bait', 'for the writer')});
		eventually(sub { ask($small, 'app', q{SELECT count(*) FROM pg_locks WHERE relation = 'monitoring.system_errors'::regclass AND NOT granted}) > 0 });
		my $session = $small->background_psql('app', on_error_stop => 0);
		my ($ids, $refused, $said) = log_many($session, "disk $turn", 3000);
		cmp_ok(scalar(@$ids), '>', 200, "disk $turn: some are kept");
		is(@$ids + $refused, 3000, "disk $turn: each call is answered");
		cmp_ok($refused, '>', 1000, "disk $turn: and then no more");
		like($said, qr/WARNING/, "disk $turn: with a warning");
		unlike($said, qr/ERROR/, "disk $turn: never an error");
		is(ask($small, 'app', 'SELECT count(*) FROM work'), 30 * $turn, "disk $turn: the session's work is there");
		is(counter($small, 'app', 'refused_failed') - $refused_before, $refused, "disk $turn: counted");
		$session->quit;
		let_go($lock);
		is_told($small, "disk $turn", "disk $turn", $ids, $refused, $refused_before + $refused, $lost);
	}
	settled($small, 'small');
	$small->stop;
}

done_testing();
