# The audit log outside a single session: dump and restore with partitions made since, prepared transactions, sessions without the library, two that
# maintain it at once, and one that maintains while others write.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nshared_preload_libraries = ''\ndeadlock_timeout = 200ms\n");
$node->start;
my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump";
my @at = ('-p', $node->port, '-h', $node->host);

$node->safe_psql('postgres', 'CREATE ROLE keeper; CREATE ROLE clerk; CREATE DATABASE books');
$node->safe_psql(
	'books', q{
CREATE EXTENSION lifeguard;
CREATE SCHEMA books AUTHORIZATION keeper;
SET ROLE keeper;
CREATE TABLE books.accounts (bank text, id int, "the owner" text, pin text, PRIMARY KEY (bank, id));
CREATE TABLE books.visits (id int, day int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE books.visits_1 PARTITION OF books.visits FOR VALUES FROM (1) TO (10);
SELECT lifeguard.audit('books.accounts', NULL, '{pin}'), lifeguard.audit('books.visits');
INSERT INTO books.accounts VALUES ('a', 1, 'Ann', 'hunter2');
INSERT INTO books.visits VALUES (1, 1);
RESET ROLE;
CREATE TABLE books.brief (id int);
SELECT lifeguard.audit('books.brief');
DROP TABLE books.brief;   -- its story stays its own
-- rows of months past, of which one is over and one never got its partition
INSERT INTO monitoring.audit_log (relation, operation, database_role, session_role, at, transaction_id, story)
SELECT 'made.up', 'DELETE', '', '', now() - make_interval(months => i), '1', gen_random_uuid() FROM generate_series(1, 3) i;
SELECT monitoring.maintain_audit();
UPDATE books.accounts SET "the owner" = 'Bob', pin = 'hunter3';
ALTER TABLE books.accounts RENAME TO konten;
CREATE POLICY clerks_read ON monitoring.audit_log FOR SELECT TO clerk USING (true);
GRANT SELECT ON monitoring.audit_log TO clerk;
INSERT INTO monitoring.audit_log (relation, operation, database_role, session_role, at, transaction_id, story) VALUES ('made.up', 'DELETE', '', '', now() - interval '1 year', '1', gen_random_uuid());
});

# Everything about the log that should come back.
sub log_of
{
	my ($database) = @_;
	return $node->safe_psql(
		$database, q{
SET search_path = '';
SELECT l.* FROM monitoring.audit_log l ORDER BY l.at, l.id;
SELECT p.relid, pg_get_expr(relpartbound, c.oid), relrowsecurity, relowner::regrole, relacl, count(l.*) FROM pg_partition_tree('monitoring.audit_log') p JOIN pg_class c ON c.oid = p.relid
  LEFT JOIN monitoring.audit_log l ON l.tableoid = p.relid GROUP BY 1, 2, 3, 4, 5 ORDER BY p.relid::text;
SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_partition_tree('monitoring.audit_log') ON relid = indrelid ORDER BY 1;
SELECT * FROM lifeguard.rules;
SELECT tgrelid::regclass::text, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid WHERE f.pronamespace = 'lifeguard'::regnamespace ORDER BY 1, 2;
SELECT operation, changes, relation_then FROM monitoring.history_of('books.konten', '{"bank": "a", "id": 1}');
});
}

my $expected = log_of('books');
like($expected, qr/audit_log_default\|.*\|1$/m, 'there is something in the default partition');
like($expected, qr/_row ON monitoring\.audit_log_\d{4}_\d\d USING btree/, 'and in months that are over');
unlike($expected, qr/hunter/, 'no secret among it');

# A restored log is complete, and goes on.
sub works
{
	my ($database, $how) = @_;
	is(log_of($database), $expected, "$how: rows, partitions, rights, indexes, rules and stories are the same");
	is( $node->safe_psql(
			$database, q{
SET ROLE keeper;
UPDATE books.konten SET "the owner" = 'Cat';
TRUNCATE books.visits_1;
RESET ROLE;
CREATE POLICY clerks_read ON monitoring.audit_log FOR SELECT TO clerk USING (true);   -- the GRANT is in the dump, policies on an extension's tables are not
SELECT count(*), count(DISTINCT id) FROM monitoring.audit_log WHERE relation LIKE 'books%';
SELECT operation, changes -> 'the owner' ->> 'to', relation_then FROM monitoring.history_of('books.konten', '{"bank": "a", "id": 1}');
SELECT operation, relation FROM monitoring.audit_log ORDER BY at DESC, id DESC LIMIT 1;
SET ROLE clerk;
SELECT count(*) > 0 FROM monitoring.audit_log;
RESET ROLE;
SELECT moved, cardinality(made) FROM monitoring.maintain_audit();
SELECT count(*) FROM ONLY monitoring.audit_log_default;
SELECT count(*) FROM lifeguard.audit_stories;
SELECT object FROM lifeguard.check_rule_triggers() UNION SELECT object FROM lifeguard.check_audit_log()}),
		"5|5\nINSERT|Ann|books.accounts\nUPDATE|Bob|books.accounts\nUPDATE|Cat|books.konten\nTRUNCATE|books.visits_1\nt\n1|1\n0\n3",
		"$how: it goes on, with numbers of its own, and is maintained");
}

$node->command_ok([ 'pg_dump', @at, '-f', "$dump.sql", 'books' ], 'pg_dump as text');
unlike(slurp_file("$dump.sql"), qr/hunter(?!3)/, 'which has no secret of the log');
$node->safe_psql('postgres', 'CREATE DATABASE by_text');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @at, '-f', "$dump.sql", 'by_text' ], 'restored without an error');
$node->command_ok([ 'pg_dump', @at, '-f', "$dump.again.sql", 'by_text' ], 'and dumped again');
# the lines of a dump: rows of a table come in any order
sub dumped { my $text = slurp_file($_[0]); $text =~ s/^\\(un)?restrict .*\n//mg; return join "\n", sort split /\n/, $text; }
is(dumped("$dump.again.sql"), dumped("$dump.sql"), 'the second dump is the first');
works('by_text', 'text');
$node->command_ok([ 'pg_dump', '-Fc', @at, '-f', "$dump.archive", 'books' ], 'pg_dump as an archive');
$node->safe_psql('postgres', 'CREATE DATABASE by_archive');
$node->command_ok([ 'pg_restore', '-j', '2', '--exit-on-error', @at, '-d', 'by_archive', "$dump.archive" ], 'restored without an error');
works('by_archive', 'archive');

# a session in which the library is loaded by the first trigger, in the midst of its statement
is( $node->safe_psql('books', q{
INSERT INTO books.konten SELECT 'late', i FROM generate_series(1, 1500) i;
SELECT count(*) FROM monitoring.audit_log WHERE row_key ->> 'bank' = 'late';
DELETE FROM books.konten WHERE bank = 'late';
SELECT count(*) FROM monitoring.audit_log WHERE row_key ->> 'bank' = 'late'}), "1500\n3000", 'a session that did not have the library');

# prepared transactions
is( $node->safe_psql('books', q{
BEGIN; UPDATE books.konten SET "the owner" = 'one'; PREPARE TRANSACTION 'one';
BEGIN; INSERT INTO books.visits VALUES (5, 5); PREPARE TRANSACTION 'two';
COMMIT PREPARED 'one'; ROLLBACK PREPARED 'two';
SELECT new_values FROM monitoring.audit_log ORDER BY at DESC, id DESC LIMIT 1}), '{"the owner": "one"}', 'a prepared transaction is kept when it commits');

# two that maintain at once, while a third has rows in the default partition that are not committed
$node->safe_psql('books', q{SELECT monitoring.maintain_audit(); SELECT format('DROP TABLE %s', partition) FROM lifeguard.audit_partitions() WHERE to_time > now() \gexec});
my $writer = $node->background_psql('books', on_error_stop => 0);
$writer->query_safe(q{BEGIN; UPDATE books.konten SET "the owner" = 'two';});
my @both = map { IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', @at, '-d', 'books', '-c', 'SELECT cardinality(made), moved FROM monitoring.maintain_audit()' ], '>', \my $out, '2>', \my $err) } 1 .. 2;
$node->poll_query_until('books', q{SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%maintain_audit%'}) or die;
my $late = IPC::Run::start([ 'psql', '-X', '-q', @at, '-d', 'books', '-c', q{INSERT INTO books.konten VALUES ('third', 1)} ]);   # waits behind them for the default partition
$node->poll_query_until('books', q{SELECT count(*) = 3 FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) or die;
$writer->query_safe(q{UPDATE books.konten SET "the owner" = 'three'; COMMIT;});
is(join(' ', map { $_->finish ? 'ok' : 'failed' } @both), 'ok ok', 'two at once end well, and the writer goes on meanwhile');
ok($late->finish, 'so does who came later');
is($node->safe_psql('books', q{SELECT tableoid <> 'monitoring.audit_log_default'::regclass FROM monitoring.audit_log WHERE row_key ->> 'bank' = 'third'}), 't', 'whose row is in its month, which was made while he waited');
is($node->safe_psql('books', q{SELECT array_agg(new_values ->> 'the owner' ORDER BY at, id) FROM monitoring.audit_log WHERE new_values ->> 'the owner' IN ('two', 'three');
SELECT count(*) FROM ONLY monitoring.audit_log_default; SELECT * FROM monitoring.maintain_audit()}), "{two,three}\n0\n{}|{}|0", 'nothing is lost, nothing made twice');
$writer->quit;

# changed without end while months are dropped and made: neither an error nor a lost row
my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '4', '-f', '-', @at, 'books' ], '<', \q{INSERT INTO books.konten VALUES ('bench', (random() * 1e9)::int) ON CONFLICT DO NOTHING;}, '>', \my $out, '2>', \my $err);
for (1 .. 4)
{
	$node->safe_psql('books', q{
BEGIN;
SELECT format('ALTER TABLE monitoring.audit_log DETACH PARTITION %s', partition) FROM lifeguard.audit_partitions() WHERE to_time > now() \gexec
SELECT format('INSERT INTO monitoring.audit_log_default SELECT * FROM monitoring.%1$I; DROP TABLE monitoring.%1$I', relname) FROM pg_class
 WHERE relnamespace = 'monitoring'::regnamespace AND relname ~ '^audit_log_\d{4}_\d\d$' AND NOT relispartition \gexec
COMMIT;
SELECT monitoring.maintain_audit();});
}
ok($bench->finish, 'who writes meanwhile gets no error') or diag($err);
is($node->safe_psql('books', q{SELECT (SELECT count(*) FROM books.konten WHERE bank = 'bench') - (SELECT count(*) FROM monitoring.audit_log WHERE row_key ->> 'bank' = 'bench')}), '0', 'and each row is in the log');

$node->stop;
done_testing();
