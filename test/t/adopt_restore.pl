# An adopted club and its dump: restored as text, as an archive and by pg_upgrade it is adopted as before, approvals work there, and
# release() makes it what the first one was before adopt(). A server that dies in the midst of adopt() or release() has changed nothing.
use strict;
use warnings;
use Cwd;
use File::Spec;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "shared_preload_libraries = 'lifeguard'\ntimezone = 'UTC'\nlog_statement = none\nrestart_after_crash = on\n";
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8' ]);
$node->append_conf('postgresql.conf', $conf);
$node->start;
my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump";

# A legacy club with faults of its own: a pool that does not add up, twins that differ, a status of another kind, a trigger that was disabled
# before, and one that always fires.
$node->safe_psql('postgres', 'CREATE DATABASE legacy');
$node->command_ok([ 'bench/load_legacy', 'legacy', 'users=200', 'weeks=4', 'pending=60' ], 'a legacy club');
$node->safe_psql('legacy', q{
UPDATE public.weekly_pools SET remaining_amount_dollars = remaining_amount_dollars - 5, remaining_dollars = remaining_dollars - 5 WHERE week_start_date = date_trunc('week', now())::date - 14;
UPDATE public.user_earnings SET dollars_earned = dollars_earned + 1 WHERE user_id = md5('member 7')::uuid;
SET session_replication_role = replica;
UPDATE public.submissions SET status = 'bogus' WHERE id = md5('submission 9.4')::uuid;
RESET session_replication_role;
ALTER TABLE public.submissions DISABLE TRIGGER trigger_populate_monthly_graphics;
ALTER TABLE public.submissions ENABLE ALWAYS TRIGGER update_updated_at_column});
$node->command_ok([ 'bench/adoptable', 'legacy', 'club' ], 'with the extension');

# The schema as pg_dump writes it, without what some versions write at random
sub schema_of
{
	my ($server, $database) = @_;
	my ($text, $err) = run_command([ 'pg_dump', '-s', '-h', $server->host, '-p', $server->port, $database ]);
	is($err, '', "the schema of $database");
	return $text =~ s/^\\(un)?restrict .*\n//mgr;
}

my $adopt = q{pull_up_club.adopt(dry_run => false, mapping => '{"finance.user_earnings": {"total_earned_dollars": "total_earned_dollars"}}')};

# All rows of the old tables, by their old columns.
my $columns = $node->safe_psql('club', q{SELECT attrelid::regclass, string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
 WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'auth'::regnamespace) AND attnum > 0 GROUP BY 1 ORDER BY 1});
sub rows_of
{
	my ($server, $database) = @_;
	return $server->safe_psql($database,
		join '', map { my ($relation, $list) = split /\|/; "SELECT '$relation', count(*), md5(string_agg(row::text, E'\\n' ORDER BY row::text)) FROM (SELECT $list FROM $relation) AS row;\n" } split /\n/, $columns);
}

# What adopt() has made, and remembers.
sub adoption_of
{
	my ($server, $database) = @_;
	return $server->safe_psql($database, q{
SET search_path = '';
SELECT * FROM pull_up_club.adopted_tables ORDER BY name;
SELECT step, object, what, why, statement, undo, done_by FROM pull_up_club.adoption ORDER BY step;
SELECT relation, trigger_name, reason FROM lifeguard.disabled_triggers ORDER BY relation::text, trigger_name;
SELECT relation, constraint_name, kind, definition, parts, exempt FROM lifeguard.introduced_constraints ORDER BY relation::text, constraint_name;
SELECT relation, "column", rule FROM (SELECT r.relation::text AS relation, r.rule, NULL AS "column" FROM lifeguard.rules r) AS r ORDER BY 1, 3;
SELECT o.*, pg_get_viewdef(c.oid), c.reloptions FROM pg_class c CROSS JOIN LATERAL (SELECT c.oid::regclass::text) AS o
 WHERE c.relkind = 'v' AND c.relnamespace::regnamespace::text IN ('auth_management', 'content', 'finance', 'communication') ORDER BY 1;
SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2;
SELECT conrelid::regclass::text, conname, convalidated FROM pg_constraint WHERE conrelid <> 0 ORDER BY 1, 2;
SELECT * FROM pull_up_club.violations();
SELECT o.* FROM (SELECT DISTINCT relation FROM lifeguard.rules) AS r, lifeguard.out_of_step(r.relation) AS o ORDER BY 1, 2, 3, 4::text;
SELECT kind, relation FROM lifeguard.identity_sources WHERE relation IS NOT NULL ORDER BY 1, 2;
SELECT * FROM pull_up_club.adopt();
});
}

my $schema = schema_of($node, 'club');
my $rows = rows_of($node, 'club');

# --- a server that dies in the midst ---

# Runs a statement that says its progress, up to a step; then does what is to be done, and waits for the client's end.
sub until_step
{
	my ($statement, $step, $then) = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('club'), '-c', 'SELECT pg_backend_pid()', '-c', "SELECT count(*) FROM $statement" ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	$run->pump until $err =~ /INFO:  $step of / || !$run->pumpable;
	my $begun = $err =~ /INFO:  $step of /;
	my ($pid) = $out =~ /^(\d+)$/m;
	$then->($pid);
	$run->finish;
	ok($begun && $err =~ /server closed the connection|terminating connection|connection to server was lost/, "$statement was at step $step") or diag(substr $err, -1000);
	return;
}
sub is_as_before
{
	my ($when) = @_;
	$node->poll_query_until('club', 'SELECT true') or BAIL_OUT('the server does not come back');
	is(schema_of($node, 'club'), $schema, "$when: the schema is as it was");
	is(rows_of($node, 'club'), $rows, "$when: so are the rows");
	is($node->safe_psql('club', 'SELECT count(*) FROM pull_up_club.adopted_tables; SELECT count(*) FROM pull_up_club.adoption; SELECT count(*) FROM lifeguard.disabled_triggers'), "0\n0\n0", "$when: nothing is remembered");
	return;
}
for my $step (20, 60, 140, 200)
{
	until_step($adopt, $step, sub { kill 'KILL', $_[0] });
	is_as_before("killed at step $step");
}
until_step($adopt, 100, sub { $node->stop('immediate') });
$node->start;
is_as_before('an immediate restart');

# --- adopted; a server that dies in the midst of release() ---

$node->safe_psql('club', "SELECT * FROM $adopt");
is(rows_of($node, 'club'), $rows, 'adopted: no row has changed');
my $expected = adoption_of($node, 'club');
ok($expected =~ $_, "there is something to restore: $_")
	for qr/lifecycle of status.*bogus/, qr/weekly_pools_[a-z_]+\|\{/, qr/dollars_earned\|2\|/, qr/^content\.submissions\|public\.submissions\|/m, qr/security_invoker=true/, qr/lifeguard_before\|O/, qr/^public\.submissions\|validate_submission_approval\|D$/m;
until_step('pull_up_club.release()', 100, sub { kill 'KILL', $_[0] });
$node->poll_query_until('club', 'SELECT true') or BAIL_OUT('the server does not come back');
is(adoption_of($node, 'club'), $expected, 'killed in the midst of release(): all is adopted');

# --- dumped and restored ---

# What a restored club does: it is adopted; approves by old and new names, in step; refuses; and is released.
sub works
{
	my ($server, $database, $how) = @_;
	is(adoption_of($server, $database), $expected, "$how: views, rules, twins, constraints and what is remembered are there");
	is(rows_of($server, $database), $rows, "$how: so are the rows");

	is( $server->safe_psql($database, q{
UPDATE submissions SET status = 'approved', actual_pull_up_count = 18 WHERE id = md5('pending 5')::uuid;
UPDATE content.submissions SET status = 'approved', actual_pull_up_count = 12 WHERE id = md5('pending 6')::uuid;
UPDATE submissions SET status = 'approved', actual_pull_up_count = 7 WHERE id = md5('pending 7')::uuid;
UPDATE submissions SET status = 'rejected', notes = 'not straight' WHERE id IN (md5('pending 6')::uuid, md5('pending 8')::uuid);
SELECT s.status, s.approved_at IS NOT NULL, e.earning_amount_dollars, p.week_start_date = date_trunc('week', now())::date
  FROM submissions s LEFT JOIN weekly_earnings e ON e.submission_id = s.id LEFT JOIN weekly_pools p ON p.id = e.weekly_pool_id
 WHERE s.id IN (SELECT md5('pending ' || i)::uuid FROM generate_series(5, 8) i) ORDER BY s.video_url;
SELECT spent_dollars, remaining_dollars = remaining_amount_dollars, total_amount_dollars - remaining_amount_dollars, is_depleted FROM weekly_pools WHERE week_start_date = date_trunc('week', now())::date;
SELECT u.total_earned_dollars - coalesce(e.dollars, 0), u.dollars_earned = u.total_earned_dollars
  FROM user_earnings u LEFT JOIN (SELECT user_id, sum(earning_amount_dollars) AS dollars FROM weekly_earnings WHERE month_year = to_char(now(), 'YYYY-MM') GROUP BY 1) AS e USING (user_id)
 WHERE u.month_year = to_char(now(), 'YYYY-MM') AND u.user_id IN (md5('member 5')::uuid, md5('member 7')::uuid);
SELECT count(*) FROM monthly_graphics WHERE submission_id IN (SELECT md5('pending ' || i)::uuid FROM generate_series(5, 7) i);
SELECT count(*), min(message) FROM email_notifications;
SELECT count(*) FROM system_logs}),
		"approved|t|18|t\nrejected|t||\napproved|t|7|t\nrejected|f||\n25.00|t|25|f\n0|t\n0|t\n3\n2|not straight\n0",
		"$how: approvals and a reversal, by either name");
	my ($status, $out, $err) = $server->psql($database, q{UPDATE submissions SET status = 'bogus' WHERE id = md5('pending 9')::uuid});
	like($err, qr/the state "bogus" is not known to the lifecycle/, "$how: what is not declared is refused");
	($status, $out, $err) = $server->psql($database, q{UPDATE weekly_pools SET remaining_dollars = 1, remaining_amount_dollars = 2 WHERE week_start_date = date_trunc('week', now())::date});
	like($err, qr/would say two different things/, "$how: so are twins that differ");
	($status, $out, $err) = $server->psql($database, q{UPDATE weekly_pools SET spent_dollars = spent_dollars + 1 WHERE week_start_date = date_trunc('week', now())::date});
	like($err, qr/weekly_pools_balance|weekly_pools/, "$how: and a pool that does not add up");
	($status, $out, $err) = $server->psql($database, q{DROP TABLE content.submissions});
	like($err, qr/is not a table/, "$how: the canonical name is a view");

	my $kept = $server->safe_psql($database, q{SELECT string_agg(DISTINCT what, '; ') FROM pull_up_club.release() WHERE what LIKE '%kept%'});
	is($kept, 'public.submissions.rejected_at is kept: there are values in it', "$how: released");
	$server->safe_psql($database, 'ALTER TABLE public.submissions DROP COLUMN rejected_at');
	is(schema_of($server, $database), $schema, "$how: the schema is what it was before adopt()");
	is($server->safe_psql($database, "SELECT count(*) FROM $adopt") > 100 ? 'yes' : 'no', 'yes', "$how: and it is adopted once more");
	return;
}

my @where = ('-h', $node->host, '-p', $node->port);
$node->command_ok([ 'pg_dump', @where, '-f', "$dump.sql", 'club' ], 'pg_dump as text');
$node->command_ok([ 'pg_dump', @where, '-Fc', '-f', "$dump.archive", 'club' ], 'pg_dump as an archive');
$node->safe_psql('postgres', 'CREATE DATABASE by_text; CREATE DATABASE by_archive');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @where, '-f', "$dump.sql", 'by_text' ], 'restored without an error');
works($node, 'by_text', 'text');
$node->command_ok([ 'pg_restore', '-j', '2', '--exit-on-error', @where, '-d', 'by_archive', "$dump.archive" ], 'restored without an error');
works($node, 'by_archive', 'archive');

# --- pg_upgrade, from this version to this version; it refuses reg* columns but regclass, regrole and regtype ---

is( $node->safe_psql('club', q{SELECT string_agg(format('%s.%s', attrelid::regclass, attname), ', ') FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
     WHERE relkind IN ('r', 'm', 'i') AND c.oid >= 16384 AND NOT attisdropped
       AND atttypid IN ('regcollation'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype, 'regnamespace'::regtype, 'regoper'::regtype, 'regoperator'::regtype, 'regproc'::regtype, 'regprocedure'::regtype)}),
	'', 'no column has a type that pg_upgrade refuses');
SKIP:
{
	my $bindir = $node->config_data('--bindir');
	skip 'no pg_upgrade', 1 unless -x "$bindir/pg_upgrade";
	$node->safe_psql('postgres', "DROP DATABASE $_") for qw(by_text by_archive legacy);
	$node->stop;
	my $new = PostgreSQL::Test::Cluster->new('new');
	$new->init(extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8' ]);
	$new->append_conf('postgresql.conf', $conf);
	my $here = Cwd::getcwd();
	chdir $PostgreSQL::Test::Utils::tmp_check;
	local %ENV = %ENV;
	delete @ENV{qw(PGHOST PGPORT PGDATABASE)};
	my $ok = run_log([ "$bindir/pg_upgrade", '--no-sync', '-d', File::Spec->rel2abs($node->data_dir, $here), '-D', File::Spec->rel2abs($new->data_dir, $here), '-b', $bindir, '-B', $bindir, '-s', $new->host, '-p', $node->port, '-P', $new->port ]);
	ok($ok, 'pg_upgrade');
	chdir $here;
	skip 'not upgraded', 1 unless $ok;
	$new->start;
	works($new, 'club', 'upgraded');
	$new->stop;
}

done_testing();
