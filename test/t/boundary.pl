# The boundary between C++ and the server: what an error carries arrives, what C++ owns is let go, and the session is as it was.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = 'test/boundary';
my ($built, $said) = run_log([ 'make', '-s', '-C', $source, 'PG_CONFIG=' . ($ENV{PG_CONFIG} || 'pg_config') ]);
ok(-e "$source/boundary.so", 'the test module is built') or BAIL_OUT('no module');

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "log_min_messages = error\nlog_min_error_statement = panic\nlog_error_verbosity = verbose");
$node->start;
use Cwd;
my $library = getcwd() . "/$source/boundary";
my %functions = (
	raise => '(text) RETURNS void', throws => '(text) RETURNS bigint', nests => '(int) RETURNS int', returns => '(int) RETURNS int', swallows => '(int) RETURNS text',
	locks => '() RETURNS void', waits => '() RETURNS void', made => '() RETURNS bigint', alive => '() RETURNS bigint', holdoffs => '() RETURNS text');
$node->safe_psql('postgres', join ';', map { "CREATE FUNCTION $_$functions{$_} LANGUAGE c STRICT PARALLEL SAFE AS '$library', 'boundary_$_'" } keys %functions);

# One session for all: what an error leaves behind, the next one would meet.
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query('\set VERBOSITY verbose');
my $errors = '';
sub sql { my $out = $session->query($_[0]); $errors = $session->{stderr}; $session->{stderr} = ''; return $out; }
sub settled
{
	my ($when) = @_;
	is(sql('SELECT alive();'), '0', "$when: all objects are gone");
	is(sql('SELECT holdoffs();'), 'interrupts 0, cancels 0, critical 0, uncaught 0, current none', "$when: nothing is held off, and no exception is left");
	is(sql('SELECT 1;'), '1', "$when: the session goes on");
}

# --- what arrives ---

sql(q{SELECT raise('it''s 100% wrong: %s');});
like($errors, qr/^(?:psql:<stdin>:\d+: )?ERROR:  ZZ123: it's 100% wrong: %s$/m, 'SQLSTATE and message');
like($errors, qr/^DETAIL:  the detail$/m, 'detail');
like($errors, qr/^HINT:  the hint$/m, 'hint');
like($errors, qr/^QUERY:  inner query$/m, 'internal query');
like($errors, qr/^CONTEXT:  the first context\na context of C\+\+$/m, 'context, each line once');
like($errors, qr/^SCHEMA NAME:  schema\nTABLE NAME:  table\nCOLUMN NAME:  column\nDATATYPE NAME:  type\nCONSTRAINT NAME:  constraint$/m, 'the names');
like($errors, qr/^LOCATION:  .*raise_all.*, boundary\.cpp:\d+$/m, 'the place where it was raised, not where it was raised again');
settled('an error');
my $log = slurp_file($node->logfile);
like($log, qr/DETAIL:  the log's detail/, 'and the log has its own detail');
is(() = $log =~ /ZZ123/g, 1, 'once');

is(sql('SELECT returns(1000);'), '1000', 'values come out of guards');
sql('SELECT nests(50);');
like($errors, qr/ERROR:  ZZ123: from below/, 'through 50 guards and boundaries inside each other');
is(() = $errors =~ /the first context/g, 1, 'context once');
settled('nested guards');

# --- C++ exceptions ---

my %thrown = (
	'bad_alloc' => qr/ERROR:  53200: out of memory/, 'really bad_alloc' => qr/ERROR:  (?:53200: out of memory|XX000: lifeguard: .*)$/m,
	'exception' => qr/ERROR:  XX000: lifeguard: 100% wrong: %s %d %n$/m, 'long' => qr/ERROR:  XX000: lifeguard: y{200,300}$/m, 'at' => qr/ERROR:  XX000: lifeguard: vector/,
	'number' => qr/ERROR:  XX000: lifeguard: unknown C\+\+ exception/);
for my $kind (sort keys %thrown)
{
	sql("SELECT throws('$kind');");
	like($errors, $thrown{$kind}, "$kind becomes an error");
	settled($kind);
}

# --- caught in C++, caught in PL/pgSQL, in a worker ---

is(sql('SELECT swallows(10);'), '9', 'errors swallowed in C++, their subtransactions rolled back');
like($errors, qr/NOTICE:  00000: swallowed up to 9\nLOCATION/, 'leave no context for what is said later');
settled('swallowed errors');
is( sql(q{DO $$ DECLARE c text; d text; h text; BEGIN PERFORM raise('m'); EXCEPTION WHEN SQLSTATE 'ZZ123' THEN GET STACKED DIAGNOSTICS c = PG_EXCEPTION_CONTEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
		PERFORM set_config('my.seen', concat_ws('/', SQLERRM, d, h, split_part(c, E'\n', 1)), false); END $$; SELECT current_setting('my.seen');}),
	'm/the detail/the hint/the first context', 'PL/pgSQL catches it with all it has');
settled('PL/pgSQL');
sql(q{SET force_parallel_mode = on; SELECT raise('from a worker'); RESET force_parallel_mode;});
like($errors, qr/ERROR:  ZZ123: from a worker\n.*DETAIL:  the detail\n.*parallel worker\n/s, 'a parallel worker sends it on');
settled('a worker');

# --- locks and interrupts ---

sql('SELECT locks();');
like($errors, qr/ERROR:  ZZ123: under a lock/, 'an error under a lock that an object holds');
settled('a lock');
sql('SELECT locks();') for 1 .. 20;
settled('twenty locks');
for my $round (1, 2)
{
	sql(q{SET statement_timeout = '50ms'; SELECT waits();});
	like($errors, qr/ERROR:  57014: canceling statement due to statement timeout/, "statement_timeout ends what waits under a guard ($round)");
	settled("a timeout ($round)");
	sql('SELECT pg_sleep(10);');
	like($errors, qr/ERROR:  57014: canceling statement due to statement timeout/, "and what the server does itself ($round)");
	sql('RESET statement_timeout;');
}
sql(q{SET statement_timeout = '50ms'; DO $$ BEGIN LOOP BEGIN PERFORM raise('m'); EXCEPTION WHEN SQLSTATE 'ZZ123' THEN NULL; END; END LOOP; END $$; RESET statement_timeout;});
like($errors, qr/ERROR:  57014/, 'also between errors that are caught for ever');
sql('RESET statement_timeout;');
my $pid = sql('SELECT pg_backend_pid();');
$session->query_until(qr/begun/, "\\echo begun\nSELECT waits();\n");
ok($node->poll_query_until('postgres', "SELECT state = 'active' AND query ~ 'waits' FROM pg_stat_activity WHERE pid = $pid"), 'one waits');
is($node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)"), 't', 'and is cancelled');
sql('SELECT 1;');
like($errors, qr/ERROR:  57014: canceling statement due to user request/, 'at once');
settled('a cancel');

# --- 100,000 errors ---

sub resident { my ($pages) = (split ' ', slurp_file("/proc/$pid/statm"))[1]; return $pages * 4; }
my $contexts = 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts;';
my $errors_in_plpgsql = q{DO $$ BEGIN FOR i IN 1..%d LOOP BEGIN PERFORM raise('m'); EXCEPTION WHEN SQLSTATE 'ZZ123' THEN NULL; END; END LOOP; END $$;};
sql(sprintf($errors_in_plpgsql, 2000));
sql('SELECT swallows(2000);');
sql("SELECT throws('exception');");
my ($made, $before, $resident) = (sql('SELECT made();'), sql($contexts), resident());
sql(sprintf($errors_in_plpgsql, 100_000));
is(sql('SELECT made();') - $made, 200_000, '100,000 errors through frames with two objects each');
cmp_ok(sql($contexts) - $before, '<', 64 * 1024, 'the server\'s memory does not grow');
cmp_ok(resident() - $resident, '<', 2048, 'nor does the process (kB)');
is(sql('SELECT swallows(100000);'), '99999', '100,000 errors swallowed within one call');
cmp_ok(sql($contexts) - $before, '<', 64 * 1024, 'the server\'s memory does not grow');
cmp_ok(resident() - $resident, '<', 4096, 'nor does the process (kB)');
settled('200,000 errors');

$session->quit;
$node->stop;
done_testing();
