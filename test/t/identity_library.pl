# Claims when lifeguard is not alone, or comes late: another library that owns the settings, a library loaded in mid-session, within a
# transaction. And what claims cost in memory.
use strict;
use warnings;
use Cwd;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

run_log([ 'make', '-s', '-C', 'test/claims_owner', 'PG_CONFIG=' . ($ENV{PG_CONFIG} || 'pg_config') ]);
ok(-e 'test/claims_owner/claims_owner.so', 'the test library is built') or BAIL_OUT('no library');
my $owner = getcwd() . '/test/claims_owner/claims_owner';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 4\nlc_messages = 'C'\njit = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION lifeguard');

# Restarts the server with these libraries.
sub preload
{
	my ($libraries) = @_;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$libraries'\n");
	return $node->restart;
}

# Runs the regression test as pg_regress does, after other statements; where it first differs from what is expected.
my $expected = slurp_file('expected/identity.out');
my $databases = 0;
sub differs
{
	my ($first) = @_;
	my $database = 'claims_' . ++$databases;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION lifeguard');
	my $file = slurp_file('sql/identity.sql');
	my $out = '';
	IPC::Run::run([ 'psql', '-X', '-a', '-q', '-d', $node->connstr($database) ], '<', \"$first\n\\echo begin\n$file", '>&', \$out);
	$out =~ s/.*^\\echo begin\nbegin\n//ms or return "it does not begin: $out";
	return '' if $out eq $expected;
	my @out = split /\n/, $out;
	my @expected = split /\n/, $expected;
	my $line = 0;
	$line++ while $line < @out && $line < @expected && $out[$line] eq $expected[$line];
	return join "\n", "line $line:", map { $_ // '' } @out[ $line - 1 .. $line + 3 ];
}

my $me = '00000000-0000-4000-8000-00000000000';
my $set = "SELECT set_config('request.jwt.claims', '{\"sub\": \"${me}1\"}', %s) <> ''";
my $local = sprintf $set, 'true';
my $who = q{SELECT coalesce(right(lifeguard.uid()::text, 1), '-')};

# --- not preloaded: loaded by the first call, which may be late ---

is(differs(''), '', 'not preloaded: all as with preloading');
sub in_session
{
	my ($sql) = @_;
	return join ' ', split /\n/, $node->safe_psql('postgres', $sql);
}
is(in_session(sprintf("$set; $who;", 'false')), 't 1', 'claims that were set before the library came count');
is( in_session(qq{BEGIN; $local; SAVEPOINT a; SET LOCAL request.jwt.claims = '{"sub": "${me}2"}'; SAVEPOINT b; SET LOCAL request.jwt.claims = '{"sub": "${me}3"}'; $who; ROLLBACK TO b; $who; ROLLBACK TO a; $who; COMMIT; $who;}),
	't 3 2 1 -', 'loaded above savepoints and settings of the transaction, they come back one by one');
is( in_session(qq{SET request.jwt.claims = '{"sub": "${me}4"}'; BEGIN; SET LOCAL request.jwt.claims = '{"sub": "${me}2"}'; SAVEPOINT a; LOAD 'lifeguard'; SET LOCAL request.jwt.claims = '{"sub": "${me}3"}'; ROLLBACK TO a; $who; ROLLBACK; $who; RESET request.jwt.claims; $who;}),
	'2 4 -', 'also where the loading itself is rolled back');
is( in_session(qq{SET request.jwt.claim.sub = '${me}5'; SET app.current_tenant_id = '${me}6'; $who; SELECT right(lifeguard.tenant_id()::text, 1); DISCARD ALL; $who;}),
	'5 6 -', 'the other settings too');

# --- another library that owns the settings ---

is(differs("LOAD '$owner';"), '', 'the owner of the settings in the session, then lifeguard: all as without him');
is(in_session(qq{LOAD '$owner'; LOAD 'lifeguard'; SET request.jwt.claims = '{"sub": "${me}1"}'; $who; BEGIN; SET LOCAL request.jwt.claims = '{"sub": "${me}2"}'; $who; SELECT setting <> '' FROM pg_settings WHERE name = 'request.jwt.claims'; ROLLBACK; $who;}),
	'1 2 t 1', 'which is then not told of changes, and right');
my ($status, $out, $err) = $node->psql('postgres', "$who; LOAD '$owner'");
like($err, qr/attempt to redefine parameter "request\.jwt\.claims"/, 'after lifeguard he cannot be loaded: the server allows one owner');
preload("$owner,lifeguard");
is(differs(''), '', 'both preloaded, he first: all as without him');
is( $node->safe_psql(
		'postgres', qq{
CREATE TABLE members (u uuid, o uuid);
INSERT INTO members VALUES ('${me}1', '${me}1'), ('${me}2', '${me}2');
SELECT lifeguard.use_members('members', 'u', 'o', cached => true) > 0;
SET request.jwt.claims = '{"sub": "${me}1"}';
SELECT right(lifeguard.organizations()::text, 2), lifeguard.is_member('${me}1');
SET request.jwt.claims = '{"sub": "${me}2"}';
SELECT right(lifeguard.organizations()::text, 2), lifeguard.is_member('${me}1');
BEGIN;
SET LOCAL request.jwt.claims = '{"sub": "${me}1"}';
SELECT right(lifeguard.organizations()::text, 2), lifeguard.is_member('${me}1');
ROLLBACK;
SELECT right(lifeguard.organizations()::text, 2), lifeguard.is_member('${me}1');
RESET request.jwt.claims;
SELECT lifeguard.organizations(), lifeguard.is_member('${me}1');}),
	"t\n1}|t\n2}|f\n1}|t\n2}|f\n{}|f", 'memberships follow such claims');

# --- preloaded alone ---

preload('lifeguard');

# bytes that are no text, from where nobody checks them
{
	local $ENV{PGOPTIONS} = qq{-c request.jwt.claims={"sub":"${me}7","role":"\xff\xfe","\xc3":"\xe2\x82"}};
	is(in_session("$who; SELECT lifeguard.claim('sub') = '${me}7', lifeguard.is_admin(), lifeguard.claims() IS NOT NULL, octet_length(lifeguard.role()::bytea)"), '7 t|f|t|2', 'claims with bytes that are no UTF-8 raise nothing');
}

# a transaction that is prepared is nobody's yet
my $one = $node->background_psql('postgres');
my $claims = qq{SET request.jwt.claims = '{"sub": "${me}1"}';};
$one->query_safe($claims);
my $belongs = 'SELECT cardinality(lifeguard.organizations())';
my @counts = ($one->query_safe($belongs));
my $prepare = "BEGIN; $claims INSERT INTO members VALUES ('${me}1', '${me}3'); $belongs; PREPARE TRANSACTION 'p';";
push @counts, $node->safe_psql('postgres', "$prepare $belongs;"), $one->query_safe($belongs);
$node->safe_psql('postgres', "COMMIT PREPARED 'p'");
push @counts, $one->query_safe($belongs);
$one->query_safe("BEGIN; DELETE FROM members; PREPARE TRANSACTION 'q'");
push @counts, $one->query_safe($belongs);
$node->safe_psql('postgres', "ROLLBACK PREPARED 'q'");
push @counts, $one->query_safe($belongs);
is(join(' ', map { join ',', split /\n/ } @counts), '1 2,1 1 2 2 2', 'a prepared transaction counts from its COMMIT PREPARED on');

# --- memory ---

my $used = q{SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE parent = 'TopMemoryContext' AND name ~ '^lifeguard' OR name = 'TopMemoryContext'};
my $changes = <<'END';
CREATE OR REPLACE PROCEDURE churn(changes int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..changes LOOP
    PERFORM set_config('request.jwt.claims', format('{"sub": "00000000-0000-4000-8000-%s", "role": "authenticated"}', lpad(i::text, 12, '0')), true);
    PERFORM lifeguard.uid(), lifeguard.role(), lifeguard.is_member('00000000-0000-4000-8000-000000000001'), lifeguard.is_admin();
  END LOOP;
END $$;
END
$node->safe_psql('postgres', $changes);
$one->query_safe('CALL churn(1000)');
my $before = $one->query_safe($used);
$one->query_safe('CALL churn(20000)');
cmp_ok($one->query_safe($used) - $before, '<', 100_000, 'what 20,000 changes of claims took is given back at the end of their transaction');
my $within = $one->query_safe("BEGIN; CALL churn(20000); $used; COMMIT;");
cmp_ok($within - $before, '<', 20_000 * 300, 'and within it each takes less than 300 bytes');
my $request = qq{BEGIN; SELECT set_config('request.jwt.claims', '{"sub": "${me}1", "role": "authenticated"}', true); SELECT lifeguard.uid(), lifeguard.role(), lifeguard.organizations(), lifeguard.is_admin(); COMMIT;\n};
my $session = "\\o /dev/null\n" . $request x 1000 . "\\o\n$used;\n\\o /dev/null\n" . $request x 10000 . "\\o\n$used;\n";
IPC::Run::run([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres') ], '<', \$session, '>', \my $sizes);
my ($early, $late) = split /\n/, $sizes;
cmp_ok($late - $early, '<', 20_000, '10,000 transactions with claims leave nothing behind');

$one->quit;
$node->stop;
done_testing();
