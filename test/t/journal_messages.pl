# Whatever an error says and wherever it happens: it is kept once, as it was said or cut and marked, and never becomes another error. And many of one
# are one row with an exact count.
use strict;
use warnings;
use File::Path qw(rmtree);
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = journal_server('main', "max_stack_depth = '4MB'\n");
install($node, 'app');
my $library = boundary_module($node, 'app', bytes => '(bytea) RETURNS void', deep => '(int) RETURNS void', context_fails => '() RETURNS void', worker => '(text, text) RETURNS void', raise => '(text) RETURNS void');

# One row's columns, by a condition.
sub row { my ($columns, $where) = @_; return ask($node, 'app', "SELECT $columns FROM monitoring.system_errors WHERE $where"); }
sub log_error { my ($type, $message, $context) = @_; return ask($node, 'app', "SELECT monitoring.log_error($type, $message" . ($context ? ", $context)" : ')')); }
sub begin_again { drained($node, 'app', 'all before is stored'); return ask($node, 'app', 'DELETE FROM monitoring.system_errors'); }
my $postmaster = slurp_file($node->data_dir . '/postmaster.pid') =~ s/\n.*//sr;

# --- short and long ---

my %id = (
	1 => log_error(q{'length'}, q{'x'}), 0 => log_error(q{'length'}, q{''}), 8192 => log_error(q{'length'}, q{repeat('x', 8192)}),
	'8192 of two bytes' => log_error(q{'length'}, q{repeat('ü', 4096)}), big => log_error(q{'length'}, q{repeat('x', 100 * 1024 * 1024)}), 'big ü' => log_error(q{'length'}, q{'x' || repeat('ü', 10 * 1024 * 1024)}),
	'big 😀' => log_error(q{'length'}, q{'xx' || repeat('😀', 5 * 1024 * 1024)}));
my %nulls = (type => log_error('NULL', q{'no type'}), message => log_error(q{'no message'}, 'NULL'), context => log_error(q{'no context'}, q{''}, 'NULL'), all => log_error('NULL', 'NULL', 'NULL'));
my $big_context = log_error(q{'big context'}, q{''}, q{jsonb_build_object('a', repeat('x', 1024 * 1024), 'b', 1)});
my $no_object = log_error(q{'no object'}, q{''}, q{'[1, 2]'});
my $long_type = log_error(q{repeat('t', 1024 * 1024)}, q{'long type'});
my $deep_context = log_error(q{'deep context'}, q{''}, q{(repeat('{"a":', 500) || '1' || repeat('}', 500))::jsonb});
drained($node, 'app');
for my $length (qw(0 1 8192))
{
	is(row(q{length(error_message), context}, "id = '$id{$length}'"), "$length|{}", "a message of $length bytes is whole");
}
is(row(q{error_message = repeat('ü', 4096)}, "id = '$id{'8192 of two bytes'}'"), 't', 'so is one of two bytes a character');
is(row(q{length(error_message) BETWEEN 8192 AND 100000 AND error_message ~ '^x+' AND context ->> 'cut' = 'true'}, "id = '$id{big}'"), 't', 'one of 100 MB is cut, and says so');
is(row(q{octet_length(error_message) BETWEEN 8192 AND 100000 AND rtrim(left(error_message, 8000), 'ü') = 'x' AND context ->> 'cut' = 'true'}, "id = '$id{'big ü'}'"), 't', 'between two characters');
is(row(q{octet_length(error_message) BETWEEN 8192 AND 100000 AND rtrim(left(error_message, 4000), '😀') = 'xx' AND context ->> 'cut' = 'true'}, "id = '$id{'big 😀'}'"), 't', 'of any width');
is(row(q{error_type, error_message, context}, "id = '$nulls{type}'"), 'unspecified|no type|{}', 'no type');
is(row(q{error_type, error_message, context}, "id = '$nulls{message}'"), 'no message||{}', 'no message');
is(row(q{error_type, error_message, context}, "id = '$nulls{context}'"), 'no context||{}', 'no context');
is(row(q{error_type, error_message, context}, "id = '$nulls{all}'"), 'unspecified||{}', 'nothing at all');
is(row(q{context ->> 'cut' = 'true' AND length(context::text) < 100000}, "id = '$big_context'"), 't', 'a context of 1 MB is cut, and says so');
is(row('context', "id = '$no_object'"), '{"value": [1, 2]}', 'a context that is no object becomes one');
is(row(q{length(error_type) BETWEEN 100 AND 100000 AND context ->> 'cut' = 'true'}, "id = '$long_type'"), 't', 'a type of 1 MB is cut, and says so');
is(row(q{context ? 'a' OR context ? 'cut'}, "id = '$deep_context'"), 't', 'a deep context is kept, or cut');
cmp_ok(counter($node, 'app', 'cut'), '>=', 5, 'what was cut is counted');
begin_again();

# --- bytes of no encoding ---

my $bad = q{'\x6261642062797465733a20fffec328207ce282'};    # bad bytes: FF FE C3 ( | E2 82, the beginning of a character
said($node, 'app', "SELECT bytes($bad)");
said($node, 'app', q{SELECT bytes(convert_to(repeat('x', 100 * 1024 * 1024), 'UTF8'))}, extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
said($node, 'app', q{SELECT bytes(decode(repeat('ff', 1024 * 1024), 'hex'))}, extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
said($node, 'app', q{DO $$ BEGIN PERFORM bytes('\xfffe'); EXCEPTION WHEN others THEN NULL; END $$});
said($node, 'app', "SET client_encoding = 'LATIN1'; SELECT \"\xe4\xf6\"");
said($node, 'app', q{SELECT '"a\u0000b"'::jsonb; SELECT convert_from('\x610062', 'UTF8'); SELECT E'\xff\xfe'; SELECT chr(0)});
said($node, 'app', q{SELECT deep(1000)});
drained($node, 'app', 'bytes of no encoding do not stop the writer');
my $escaped = 'bad bytes: \\xff\\xfe\\xc3( |\\xe2\\x82';
is(lc row('error_message', q{sqlstate = 'ZZ124' AND error_message ~ '^bad'}), lc $escaped, 'bytes that are no text become text that shows them');
is(lc row(q{context ->> 'detail'}, q{sqlstate = 'ZZ124' AND error_message ~ '^bad'}), lc $escaped, 'in every field');
is(row(q{length(error_message) BETWEEN 8192 AND 100000 AND context ->> 'cut' = 'true'}, q{sqlstate = 'ZZ124' AND error_message ~ '^xxx'}), 't', 'an error of 100 MB is cut, and says so');
is(row(q{length(error_message) BETWEEN 1000 AND 200000}, q{sqlstate = 'ZZ124' AND source = 'uncaught' AND error_message ~* '^(\\\\xff)+$'}), 't', 'so is 1 MB of bad bytes');
is(lc row('error_message', q{source = 'swallowed'}), '\\xff\\xfe', 'a swallowed error has bad bytes, too');
is(row('error_message', q{sqlstate = '42703'}), "column \"\xc3\xa4\xc3\xb6\" does not exist", 'what a client says in its own encoding is in that of the database');
is(row('count(*)', q{sqlstate = '22P05' AND error_message ~ 'Unicode'}), '1', 'NUL in JSON');
is(row('count(*)', q{sqlstate = '22021'}) >= 1, 1, 'NUL and worse in texts');
is(row('count(*)', q{sqlstate = '54000' AND error_message ~ 'null character'}), '1', 'NUL as a character');
is(row(q{error_message, context ->> 'cut' = 'true', (regexp_split_to_array(context ->> 'context', E'\n'))[2], length(context ->> 'context') BETWEEN 1000 AND 100000}, q{error_message ~ 'depth'}), 'from the depth|t|level 1|t', '1,000 levels of context: the innermost');
is(ask($node, 'app', 'SELECT count(*) FROM monitoring.quarantined_errors'), '0', 'nothing of it had to be set aside');

# a database of another encoding
$node->safe_psql('postgres', q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0; CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0});
for my $database (qw(latin bytes))
{
	$node->safe_psql($database, 'CREATE EXTENSION lifeguard');
	local $ENV{PGCLIENTENCODING} = $database eq 'latin' ? 'UTF8' : 'SQL_ASCII';
	said($node, $database, "SELECT monitoring.log_error('\xc3\xbc', repeat('\xc3\xbc', 40000), '{\"a\": \"\xc3\xbc\"}'); SELECT \"\xc3\xbc\"");
	drained($node, $database);
	is(ask($node, $database, q{SELECT error_type, left(error_message, 1), context ->> 'a' FROM monitoring.system_errors WHERE source = 'logged'}), $database eq 'latin' ? "\xc3\xbc|\xc3\xbc|\xc3\xbc" : "\xc3\xbc|\xc3|\xc3\xbc", "$database: texts of another encoding")
	  if $database eq 'latin';
	is(ask($node, $database, 'SELECT count(*), sum(occurrences) FROM monitoring.system_errors'), '2|2', "$database: both errors are there");
}
begin_again();

# --- wherever it happens ---

my ($out, $err) = said($node, 'app', 'SELEC 1');
like($err, qr/syntax error/, 'a syntax error as the very first statement of a session');
said($node, 'app', q{
CREATE TABLE parent (a int PRIMARY KEY); CREATE TABLE child (a int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
BEGIN; INSERT INTO child VALUES (1); COMMIT;
BEGIN; SELECT 1/0; SELECT 1; SELECT 2; SELECT 3; ROLLBACK;
SET statement_timeout = '20ms'; SELECT pg_sleep(5); RESET statement_timeout;
SELECT context_fails();
SET force_parallel_mode = on; SELECT raise('in a worker'); RESET force_parallel_mode;
SELECT 1 / (a - 3) FROM generate_series(1, 5) a;
PREPARE broken AS SELECT 10 / $1; EXECUTE broken (0);
\set ON_ERROR_ROLLBACK on
BEGIN; SELECT nowhere; COMMIT;
COPY parent FROM STDIN;
1
x
\.
});
said($node, 'app', qq{SELECT worker('$library', 'in a background worker')});
my $victim = $node->background_psql('app', on_error_stop => 0);
my $pid = $victim->query(q{SET application_name = 'the victim'; SELECT pg_backend_pid();});
ask($node, 'app', "SELECT pg_terminate_backend($pid, 5000)");
gone($victim);
drained($node, 'app');
my $counts = 'count(*), sum(occurrences)';
is(row("$counts, max(context ->> 'application_name')", q{error_type = 'syntax_error' AND error_message = 'syntax error at or near "SELEC"'}), "1|1|$ENV{PGAPPNAME}", 'is kept');
is(row("$counts, max(source), max(context ->> 'constraint')", q{error_type = 'foreign_key_violation'}), '1|1|uncaught|child_a_fkey', 'an error at COMMIT');
is(row($counts, q{error_type = 'in_failed_sql_transaction'}), '1|3', 'statements of a failed transaction, counted in one row');
is(row("$counts, max(severity)", q{error_type = 'query_canceled'}), '1|1|ERROR', 'a timeout');
is(row($counts, q{sqlstate IN ('ZZ124', 'ZZ125')}), '1|1', 'an error whose context is an error');
is(row("$counts, max(context ->> 'detail')", q{sqlstate = 'ZZ123'}), '1|1|the detail', 'an error of a parallel worker, once');
is(row($counts, q{error_type = 'division_by_zero'}), '1|3', 'the same error of three statements is one row');
is(row($counts, q{error_type = 'undefined_column'}), '1|1', 'an error that psql rolls back to a savepoint');
is(row($counts, q{error_type = 'invalid_text_representation'}), '1|1', 'an error within COPY');
is(row("$counts, max(source)", q{error_message = 'in a background worker'}), '1|1|uncaught', 'an error of a background worker');
is(row("$counts, max(severity), max(context ->> 'application_name')", q{error_type = 'admin_shutdown'}), '1|1|FATAL|the victim', 'a session that is ended');
begin_again();

# --- errors within the capture ---

my $folder = folder($node, 'app');
my $failed = counter($node, 'app', 'refused_failed');
chmod 0000, $folder;
($out, $err) = said($node, 'app', q{CREATE TABLE goes_on (a int); INSERT INTO goes_on VALUES (1); SELECT 1/0; SELECT coalesce(monitoring.log_error('unwritable', 'x')::text, 'none');
DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN others THEN NULL; END $$; SELECT count(*) FROM goes_on});
chmod 0700, $folder;
like($out, qr/^1$/m, 'a folder that cannot be written to: the session goes on');
is(scalar(() = $err =~ /ERROR/g), 1, 'with its own error alone');
cmp_ok(counter($node, 'app', 'refused_failed') - $failed, '>=', 3, 'the loss is counted');
log_error(q{'writable'}, q{'again'});
drained($node, 'app');
is(row('count(*)', q{error_type = 'writable'}), '1', 'and errors are kept as soon as it can be');
ok(eventually(sub { row('count(*)', q{error_type = 'journal_loss' AND error_message ~ '^\d+ error'}) }), 'where the loss is told');
{
	my $session = $node->background_psql('app', on_error_stop => 0);
	$session->query(q{SELECT monitoring.log_error('connected', '1');});
	settled($node, 'before the folder goes');
	rmtree($node->data_dir . '/pgsql_tmp_lifeguard');
	$session->query(q{SELECT monitoring.log_error('connected', '2'); SELECT no_folder;});
	like($session->{stderr}, qr/no_folder/, 'a folder that is removed: the session goes on');
	log_error(q{'connected'}, q{'3'});
	is($session->query('SELECT 1;'), '1', 'and on');
	$session->quit;
	drained($node, 'app');
	is(row(q{string_agg(error_message, ' ' ORDER BY error_message)}, q{error_type = 'connected'}), '1 2 3', 'there is a folder again, with what was kept since');
	is(row('count(*)', q{error_message ~ 'no_folder'}), '1', 'of any kind');
}

{
	# the same with a file at hand, by sessions that stay
	my $lock = hold($node, 'app');
	lets_wait($node, 'app');
	my $session = $node->background_psql('app', on_error_stop => 0);
	$session->query(q{SELECT monitoring.log_error('at hand', '1');});
	rmtree($node->data_dir . '/pgsql_tmp_lifeguard');
	$session->query(q{SELECT monitoring.log_error('at hand', '2');});
	sleep 1;
	my $id = $session->query(q{SELECT monitoring.log_error('at hand', '3');});
	let_go($lock);
	eventually(sub { row('count(*)', "id = '$id'") }, 3);
	is(row('error_message', "id = '$id'"), '3', 'a session that had the file open goes on with a new one');
	$session->quit;
}

# --- autovacuum ---

# An index whose expression fails there alone
$node->append_conf('postgresql.conf', "autovacuum_naptime = 1\nautovacuum_analyze_threshold = 1\nautovacuum_analyze_scale_factor = 0\n");
$node->reload;
ask($node, 'app', q{CREATE FUNCTION picky(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'autovacuum worker' THEN RAISE EXCEPTION 'not in autovacuum'; END IF; RETURN $1; END $$;
CREATE TABLE vacuumed (a int); CREATE INDEX ON vacuumed (picky(a)); INSERT INTO vacuumed SELECT generate_series(1, 100)});

ok(eventually(sub { row('count(*)', q{error_message = 'not in autovacuum'}) }, 15), 'an error of autovacuum is kept');
is(row('count(*), max(source)', q{error_message = 'not in autovacuum'}), '1|uncaught', 'in one row');
my $log = slurp_file($node->logfile);
drained($node, 'app');
ask($node, 'app', 'DROP TABLE vacuumed');

# --- many ---

ask($node, 'app', q{DELETE FROM monitoring.system_errors;
CREATE FUNCTION storm() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE serialization_failure USING MESSAGE = 'a storm'; END $$});
append_to_file($node->basedir . '/storm.sql', "SELECT storm();\n");
my $start = time;
# pgbench goes on behind errors of serialization alone
my ($said) = run_command([ 'pgbench', '-n', '-c', 2, '-j', 2, '-t', 100_000, '-f', $node->basedir . '/storm.sql', $node->connstr('app') ]);
my $took = time - $start;
like($said, qr/number of failed transactions: 200000 /, sprintf '200,000 errors of two clients (%.0f s)', $took);
drained($node, 'app');
my ($rows, $sum) = split /\|/, row($counts, q{error_message = 'a storm'});
is($sum, '200000', 'are counted exactly');
cmp_ok($rows, '<=', 2, 'in one row, or in two when a fold window ended');
is(row(q{bool_and(created_at <= last_seen_at AND last_seen_at <= clock_timestamp())}, q{error_message = 'a storm'}), 't', 'from the first to the last');
is(row('count(*)', q{error_type = 'journal_loss'}), '0', 'none was lost');

# single ones of many clients at once: their file is closed and begun again all the while
append_to_file($node->basedir . '/many.sql', "\\set n random(1, 1000000000)\nSELECT monitoring.log_error('many', ':n of :client_id');\n");
($said) = run_command([ 'pgbench', '-n', '-c', 12, '-j', 2, '-t', 3000, '-f', $node->basedir . '/many.sql', $node->connstr('app') ]);
like($said, qr/number of transactions actually processed: 36000/, '36,000 errors of twelve clients');
drained($node, 'app');
is(row('count(*), sum(occurrences)', q{error_type = 'many'}), '36000|36000', 'are a row each');

# a window of a second
said($node, 'app', q{SET lifeguard.fold_window = 1;} . q{SELECT storm(); SELECT pg_sleep(0.1);} x 25);
drained($node, 'app');
($rows, $sum) = split /\|/, row($counts, q{error_message = 'a storm' AND created_at > now() - interval '10 seconds' AND occurrences < 200});
is($sum, '25', 'in windows of a second each is counted');
ok($rows >= 3 && $rows <= 5, "in $rows rows");

# --- soon ---

ask($node, 'app', q{CREATE PROCEDURE seen(times int, pause float) LANGUAGE plpgsql AS $$
DECLARE began timestamptz; log_id uuid;
BEGIN
  FOR i IN 1 .. times LOOP
    PERFORM pg_sleep(pause * random());
    began := clock_timestamp();
    log_id := monitoring.log_error('latency', i::text);
    LOOP
      EXIT WHEN EXISTS (SELECT FROM monitoring.system_errors WHERE id = log_id) OR clock_timestamp() > began + interval '10 seconds';
      PERFORM pg_sleep(0.002);
      COMMIT;
    END LOOP;
    INSERT INTO latency VALUES (extract(epoch FROM clock_timestamp() - began) * 1000);
    COMMIT;
  END LOOP;
END $$;
CREATE TABLE latency (ms float)});
ask($node, 'app', 'CALL seen(60, 0.05)');
# and after the writer went
for (1 .. 2) { sleep 2.3; ask($node, 'app', 'CALL seen(1, 0)'); }
my $p99 = ask($node, 'app', 'SELECT round(percentile_disc(0.99) WITHIN GROUP (ORDER BY ms)) FROM latency');
cmp_ok($p99, '<=', 500, "an error is visible in the table after $p99 ms (p99)");

is(slurp_file($node->data_dir . '/postmaster.pid') =~ s/\n.*//sr, $postmaster, 'the server never restarted');
unlike($log, qr/terminated by signal|PANIC|server process .* was terminated/, 'and nothing in it crashed');
settled($node, 'at the end');
$node->stop;
done_testing();
