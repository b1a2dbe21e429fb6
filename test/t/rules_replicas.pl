# A standby has the rules and cannot break them; promoted it keeps them. Logical replication applies rows without asking them again.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 'logical');
$primary->append_conf('postgresql.conf', q{shared_preload_libraries = 'lifeguard'});
$primary->start;
my $tables = q{
CREATE EXTENSION lifeguard;
CREATE TABLE tasks (id int PRIMARY KEY, state text NOT NULL DEFAULT 'new', stamped text);
CREATE TABLE log (line text);
CREATE FUNCTION public.log(line text) RETURNS void LANGUAGE sql AS $$ INSERT INTO public.log VALUES ($1) $$;
SELECT lifeguard.create_lifecycle('tasks', 'state', '{new}'), lifeguard.add_transition('tasks', 'new', 'busy'),
       lifeguard.add_stamp('tasks', 'busy', 'stamped', 'current_database()'), lifeguard.add_action('tasks', 'new', 'busy', 'public.log(''busy '' || new.id)'),
       lifeguard.add_history('tasks');};
$primary->safe_psql('postgres', "$tables INSERT INTO tasks SELECT generate_series(1, 5)");

# --- streaming ---

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
sub caught_up { $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert')); }

my $session = $standby->background_psql('postgres', on_error_stop => 0);
is($session->query('SELECT count(*) FROM lifeguard.rules;'), '6', 'a standby shows the rules');
like($session->query(q{SELECT lifeguard.draw_lifecycle('tasks');}), qr/s1 --> s2/, 'and draws them');
my (undef, undef, $err) = $standby->psql('postgres', q{UPDATE tasks SET state = 'busy'});
like($err, qr/read-only transaction/, 'nothing is moved there');
(undef, undef, $err) = $standby->psql('postgres', q{SELECT lifeguard.add_transition('tasks', 'busy', 'new')});
like($err, qr/recovery|read-only/, 'nor declared');

$primary->safe_psql('postgres', q{UPDATE tasks SET state = 'busy' WHERE id = 1; SELECT lifeguard.add_transition('tasks', 'busy', 'done')});
caught_up();
is($session->query('SELECT count(*) FROM lifeguard.rules;'), '7', 'a change of rules arrives in a session that is connected');
is($session->query(q{SELECT state, stamped FROM tasks WHERE id = 1; SELECT line FROM log; SELECT row_key, to_state FROM lifeguard.history;}),
	qq{busy|postgres\nbusy 1\n{"id": "1"}|busy}, 'so does what a move left');

# --- logical, before the primary goes ---

$primary->safe_psql('postgres', q{CREATE DATABASE copy});
$primary->safe_psql('copy', "$tables SELECT lifeguard.drop_lifecycle('tasks'); SELECT lifeguard.create_lifecycle('tasks', 'state', '{elsewhere}'), lifeguard.add_transition('tasks', 'elsewhere', 'gone'),
	lifeguard.add_action('tasks', NULL, NULL, 'public.log(''never'')')");
$primary->safe_psql('postgres', q{CREATE PUBLICATION all_tasks FOR TABLE tasks; SELECT pg_create_logical_replication_slot('copied', 'pgoutput')});
my $connection = 'dbname=postgres host=' . $primary->host . ' port=' . $primary->port;
$primary->safe_psql('copy', qq{CREATE SUBSCRIPTION copied CONNECTION '$connection' PUBLICATION all_tasks WITH (create_slot = false, slot_name = 'copied', copy_data = true)});
ok($primary->poll_query_until('copy', q{SELECT count(*) = 5 FROM tasks}), 'rows in any state are copied to a subscriber with other rules');
$primary->safe_psql('postgres', q{UPDATE tasks SET state = 'busy' WHERE id = 2; UPDATE tasks SET state = 'done' WHERE id = 1; INSERT INTO tasks VALUES (6)});
ok($primary->poll_query_until('copy', q{SELECT count(*) = 6 AND bool_or(id = 2 AND state = 'busy') AND bool_or(id = 1 AND state = 'done') FROM tasks}), 'moves are applied as they come');
is($primary->safe_psql('copy', q{SELECT count(*) FROM log; SELECT stamped FROM tasks WHERE id = 2}), "0\npostgres", 'without actions or stamps of the subscriber');
(undef, undef, $err) = $primary->psql('copy', q{UPDATE tasks SET state = 'done' WHERE id = 2});
like($err, qr/the state "done" is not known/, 'whose own statements are under its rules');
$primary->safe_psql('copy', q{ALTER SUBSCRIPTION copied DISABLE; ALTER SUBSCRIPTION copied SET (slot_name = NONE); DROP SUBSCRIPTION copied});

# --- the standby takes over ---

caught_up();
$primary->stop('immediate');
$standby->promote;
is($session->query(q{UPDATE tasks SET state = 'done' WHERE id = 2 RETURNING state;}), 'done', 'a session from before the promotion moves rows');
is($session->query(q{UPDATE tasks SET state = 'busy' WHERE id = 3 RETURNING stamped;}), 'postgres', 'with stamps');
is($session->query(q{UPDATE tasks SET state = 'done' WHERE id = 4 RETURNING state;}), '', 'and is refused what is not declared');
is($standby->safe_psql('postgres', q{SELECT line FROM log ORDER BY line; SELECT row_key ->> 'id', from_state, to_state FROM lifeguard.history ORDER BY id}),
	"busy 1\nbusy 2\nbusy 3\n1|new|busy\n2|new|busy\n1|busy|done\n2|busy|done\n3|new|busy", 'actions ran and the history goes on');
is($standby->safe_psql('postgres', q{SELECT lifeguard.add_transition('tasks', 'new', 'done'); UPDATE tasks SET state = 'done' WHERE id = 4 RETURNING id}), "\n4", 'rules can be declared');
(undef, undef, $err) = $standby->psql('postgres', q{DROP FUNCTION public.log(text)});
like($err, qr/because other objects depend on it/, 'and dependencies are there');

$session->quit;
$standby->stop;
done_testing();
