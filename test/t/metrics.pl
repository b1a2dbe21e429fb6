# monitoring.metrics scraped by Debian's prometheus-postgres-exporter with the repository's configuration: each metric arrives, with its value, whatever its labels are.
use strict;
use warnings;
use HTTP::Tiny;
use Identity;
use JSON::PP ();
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = journal_server('main', 'lifeguard.capture_uncaught = off');
install($node, 'shop');

# Names and labels that a careless writer of text would trip over.
my @hostile = ('"quoted"', 'back\\slash', 'back\\nslash', "two\nlines", "{a=\"b\"} 1\n# TYPE x counter", '<script>alert(1)</script>', "\x{5e9}\x{5dc}\x{5d5}\x{5dd}", 'x' x 63, '%s $1 ${x}', ' ');
my $quoted = sub { my ($text) = @_; utf8::encode($text); $text =~ s/'/''/g; return "'$text'" };
my $names = 'ARRAY[' . join(', ', map { $quoted->($_) } @hostile) . ']';

ask($node, 'shop', <<"SQL");
CREATE ROLE prometheus LOGIN;
GRANT pg_monitor TO prometheus;
CREATE ROLE shopkeeper;
GRANT CREATE ON DATABASE shop TO shopkeeper;
SET ROLE shopkeeper;
CREATE SCHEMA shop;
REVOKE ALL ON SCHEMA shop FROM PUBLIC;
CREATE TABLE shop.orders (id int PRIMARY KEY, state text NOT NULL DEFAULT 'open', updated_at timestamptz);
INSERT INTO shop.orders VALUES (1);
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION shop.nothing() RETURNS SETOF monitoring.finding LANGUAGE sql AS \$\$ SELECT NULL, NULL, NULL::jsonb, NULL WHERE false \$\$;
CREATE FUNCTION shop.orders_by_state() RETURNS SETOF monitoring.gauge LANGUAGE sql AS \$\$
  SELECT label, 7::numeric, 9.5, '\\\\ "euro"' FROM unnest($names) AS label
  UNION ALL SELECT 'open', count(*), NULL, NULL FROM shop.orders GROUP BY state
  UNION ALL SELECT 'twice', 1, 1, 'x' FROM generate_series(1, 2)
  UNION ALL SELECT 'NaN', 'NaN', 'Infinity'::numeric, 'x' UNION ALL SELECT NULL, NULL, NULL, NULL \$\$;
CREATE FUNCTION shop.broken() RETURNS SETOF monitoring.gauge LANGUAGE sql AS \$\$ SELECT 'x', 1 / (count(*) - 1)::numeric, 1, 'x' FROM shop.orders \$\$;
CREATE FUNCTION shop.too_large() RETURNS SETOF monitoring.gauge LANGUAGE sql AS \$\$ SELECT 'x', 1e400, 1, 'x' \$\$;
CREATE FUNCTION shop.too_many() RETURNS SETOF monitoring.gauge LANGUAGE sql AS \$\$ SELECT n::text, n, n, 'x' FROM generate_series(1, 1000) n \$\$;
SELECT lifeguard.create_lifecycle('shop.orders', 'state', '{open}');
SELECT lifeguard.add_transition('shop.orders', 'open', 'sent');
SELECT lifeguard.keep_updated_at('shop.orders');
RESET ROLE;
SELECT monitoring.add_check(name, name, 'warning', 'shop.nothing()', 'nothing', 'nothing') FROM unnest($names) AS name WHERE btrim(name) <> '';
SELECT monitoring.add_job(name, '0 2 * * *', 'SELECT 1') FROM unnest($names) AS name WHERE btrim(name) <> '';
SELECT monitoring.run_job(name) FROM unnest($names) AS name WHERE btrim(name) <> '';
SELECT monitoring.add_job('failing', '0 2 * * *', 'SELECT 1/0'), monitoring.run_job('failing');
SELECT monitoring.add_gauges('orders', 'orders', 'shop.orders_by_state()'), monitoring.add_gauges('broken', 'broken', 'shop.broken()'), monitoring.add_gauges('gone', 'gone', 'shop.too_many()');
SELECT monitoring.add_gauges('too large', 'too large', 'shop.too_large()'), monitoring.add_gauges('many', 'many', 'shop.too_many()');
UPDATE monitoring.gauges SET function = 'shop.no_more' WHERE name = 'gone';
SELECT monitoring.log_error('test', 'resolved'), monitoring.log_error('test', 'unresolved'), monitoring.drain();
SELECT monitoring.resolve(id) FROM monitoring.system_errors WHERE error_message = 'resolved';
INSERT INTO monitoring.system_errors (error_type, error_message, source, severity, occurrences) VALUES ('test', 'fatal', 'uncaught', 'FATAL', 1234567);
SELECT * FROM monitoring.run_checks();
SELECT monitoring.drain();
SQL

# --- the exporter ---

my $port = free_port();
my $exporter = start_program('postgres_exporter', 'env', "DATA_SOURCE_NAME=host=@{[ $node->host ]} port=@{[ $node->port ]} user=prometheus dbname=shop", 'prometheus-postgres-exporter',
	'--extend.query-path=metrics/postgres_exporter.yaml', "--web.listen-address=127.0.0.1:$port");
my $http = HTTP::Tiny->new(http_proxy => undef, proxy => undef, timeout => 20);
my $page;
ok(eventually(sub { my $answer = $http->get("http://127.0.0.1:$port/metrics"); $page = $answer->{content}; return $answer->{success} && $page =~ /^pg_up 1$/m }, 20), 'the exporter answers')
  || diag(slurp_file("$PostgreSQL::Test::Utils::log_path/postgres_exporter.log"));
like($page, qr/^pg_exporter_last_scrape_error 0$/m, 'without errors');
like($page, qr/^pg_exporter_user_queries_load_error\{[^}]*\} 0$/m, 'and has read the queries');
utf8::decode($page);

# The page as Prometheus reads it: samples { name{labels} => value }, and what is said of a name.
my (%scraped, %help, %type);
my $json = JSON::PP->new->canonical;
for my $line (split /\n/, $page)
{
	if ($line =~ /^# HELP (lifeguard_\w+) (.*)$/) { $help{$1} = $2 =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ger; next; }
	if ($line =~ /^# TYPE (lifeguard_\w+) (.*)$/) { $type{$1} = $2; next; }
	$line =~ /^(lifeguard_\w+)\{(.*)\} (\S+)$/ or next;
	my ($name, $labels, $value, %labels) = ($1, $2, $3);
	while ($labels =~ /\G(\w+)="((?:[^"\\]|\\.)*)",?/gc) { my ($label, $text) = ($1, $2); $labels{$label} = $text =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ger; }
	is(substr($labels, pos($labels) // 0), '', "the labels of $name can be read") if (pos($labels) // 0) < length $labels;
	is(delete $labels{database}, 'shop', "$name is of its database") if $labels{database} ne 'shop';
	delete @labels{qw(database server)};
	$scraped{ $name . $json->encode(\%labels) } = $value;
}

# The view, as the exporter's role reads it. An empty label is none to Prometheus; the exporter writes it.
my @rows = map { JSON::PP->new->utf8->decode($_) } split /\n/, ask($node, 'shop', q{SET ROLE prometheus; SELECT to_jsonb(m) || jsonb_build_object('value', m.value::text) FROM monitoring.metrics m});
my (%names, @missing, @wrong);
for my $row (@rows)
{
	my $key = $row->{name} . $json->encode($row->{labels});
	my $value = delete $scraped{$key};
	$names{ $row->{name} } //= $row;
	if (!defined $value) { push @missing, $key; next; }
	my $expected = $row->{value} // 'NaN';
	my $same = $expected =~ /^[-\d.e+]+$/ && $value =~ /^[-\d.e+]+$/
	  ? ($row->{name} =~ /age_seconds$/ ? $expected >= $value && $expected < $value + 60 : abs($expected - $value) <= 1e-9 * abs $expected)
	  : ($expected eq 'Infinity' ? '+Inf' : $expected) eq $value;
	push @wrong, "$key is $value, not $expected" if !$same;
}
cmp_ok(scalar @rows, '>', 200, 'the view has metrics');
is("@missing", '', 'each arrives');
is("@wrong", '', 'with its value');
is(join(', ', sort keys %scraped), '', 'and nothing else');
is(join(', ', grep { ($type{$_} // '') ne $names{$_}{type} } sort keys %names), '', 'with its type');
is(join(', ', grep { ($help{$_} // '') ne $names{$_}{help} } sort keys %names), '', 'and what it means');

# --- the values themselves ---

sub metric { my ($name, $labels) = @_; my ($row) = grep { $_->{name} eq "lifeguard_$name" && $json->encode($_->{labels}) eq $json->encode($labels) } @rows; return $row ? $row->{value} // 'unknown' : 'none'; }
is(metric('errors_unresolved', { source => 'logged', severity => 'ERROR' }), 2, 'errors that are unresolved: one that was logged, one of the job that failed');
is(metric('errors_occurrences', { source => 'logged', severity => 'ERROR' }), 3, 'and all of them');
is(metric('errors_occurrences', { source => 'uncaught', severity => 'FATAL' }), 1234567, 'with repetitions');
is(metric('journal_entries_total', { counter => 'kept' }), 3, 'what the journal has kept');
is(metric('check_status', { check => 'jobs_failed', category => 'jobs' }), 1, 'a check that warns');
is(metric('check_status', { check => $_, category => $_ }), 0, 'a healthy one') for $hostile[4];
is(metric('job_failures', { job_name => 'failing' }), 1, 'a job that failed');
is(metric('job_success_age_seconds', { job_name => 'failing' }), 'unknown', 'and never succeeded');
is(metric('job_missed', { job_name => 'failing' }), 'unknown', 'nor is scheduled');
is(metric('rules_declared', { kind => 'transition' }), 1, 'a rule');
is(metric('gauge_value', { gauge => 'orders', label => 'open', unit => '' }), 1, 'a gauge reads as the function\'s owner');
is(metric('gauge_total', { gauge => 'orders', label => $hostile[1], unit => '\\ "euro"' }), 9.5, 'and its total');
is(metric('gauge_value', { gauge => $_, label => '', unit => '' }), 'unknown', "the gauge $_ fails, and the others do not") for 'broken', 'gone', 'too large';
is(scalar(grep { $_->{name} eq 'lifeguard_gauge_value' && $_->{labels}{gauge} eq 'many' } @rows), 100, 'a hundred readings of one function');
is(metric('locks_waiting', {}), 0, 'nobody waits');
like(metric('checks_score', {}), qr/^\d+$/, 'the score');

# a session that waits
my $holder = $node->background_psql('shop');
$holder->query(q{BEGIN; LOCK TABLE shop.orders});
my $waiter = $node->background_psql('shop', on_error_stop => 0);
$waiter->query_until(qr/^$/, "SELECT count(*) FROM shop.orders;\n");
ok(eventually(sub { ask($node, 'shop', q{SELECT value FROM monitoring.metrics WHERE name = 'lifeguard_locks_waiting'}) == 1 }), 'who waits for a lock is counted');
cmp_ok(ask($node, 'shop', q{SELECT value FROM monitoring.metrics WHERE name = 'lifeguard_locks_wait_seconds'}), '>', 0, 'and how long');
$holder->query('ROLLBACK');
$holder->quit;
$waiter->quit;

# who may read, and who pays
my ($status, $out, $err) = $node->psql('shop', q{CREATE ROLE nobody; SET ROLE nobody; SELECT * FROM monitoring.metrics});
like($err, qr/permission denied for view metrics/, 'not everybody reads');
unlike(ask($node, 'shop', q{EXPLAIN (COSTS OFF) SELECT * FROM monitoring.metrics WHERE topic = 'locks'}), qr/system_errors|job|check/, 'who asks for one topic pays for no other');
ok(eventually(sub { ask($node, 'shop', q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'prometheus' AND state <> 'idle'}) == 0 }), 'the exporter leaves no statement running');
end_program($exporter);
$node->stop;
done_testing();
