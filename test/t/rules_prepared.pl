# PREPARE TRANSACTION after every kind of rule: what was moved, stamped, acted and kept is there when it is committed, also after a crash.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', qq{max_prepared_transactions = 10\nshared_preload_libraries = 'lifeguard'});
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub error { my (undef, undef, $err) = $node->psql('postgres', $_[0]); return $err; }

sql(q{
CREATE EXTENSION lifeguard;
CREATE TABLE tasks (id int PRIMARY KEY, state text NOT NULL DEFAULT 'new', done_at timestamptz, updated_at timestamptz);
CREATE TABLE log (line text);
CREATE FUNCTION public.log(line text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES ($1); END $$;
CREATE FUNCTION public.fail() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES ('undone'); PERFORM 1 / 0; END $$;
CREATE TABLE visits (id int, day int, state text NOT NULL DEFAULT 'new') PARTITION BY LIST (day);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES IN (1);
CREATE TABLE visits_2 PARTITION OF visits FOR VALUES IN (2);
SELECT lifeguard.create_lifecycle('tasks', 'state', '{new}'), lifeguard.add_transition('tasks', 'new', 'done'),
       lifeguard.add_guard('tasks', 'new', 'done', '(SELECT count(*) FROM public.tasks) > 0', 'none'),
       lifeguard.add_stamp('tasks', 'done', 'done_at', 'now()'), lifeguard.keep_updated_at('tasks'),
       lifeguard.add_action('tasks', NULL, NULL, 'public.log(new.id || '' '' || new.state)'),
       lifeguard.add_action('tasks', 'new', 'done', 'public.fail()', 'continue'),
       lifeguard.add_history('tasks');
SELECT lifeguard.create_lifecycle('visits', 'state', '{new}'), lifeguard.add_transition('visits', 'new', 'done');
INSERT INTO tasks SELECT generate_series(1, 6);
INSERT INTO visits VALUES (1, 1), (2, 1);
TRUNCATE log});
my $look = q{SELECT id, state, done_at IS NOT NULL, updated_at IS NOT NULL FROM tasks WHERE state <> 'new' ORDER BY id; SELECT line FROM log ORDER BY line;
             SELECT row_key, from_state, to_state, jsonb_array_length(actions) FROM lifeguard.history ORDER BY id};

sql(q{BEGIN; UPDATE tasks SET state = 'done' WHERE id = 1; PREPARE TRANSACTION 'one'});
is(sql($look), '', 'prepared, nobody sees it');
sql(q{COMMIT PREPARED 'one'});
is(sql($look), qq{1|done|t|t\n1 done\n{"id": "1"}|new|done|2}, 'committed, all of it is there');

sql(q{BEGIN; UPDATE tasks SET state = 'done' WHERE id = 2; PREPARE TRANSACTION 'two'; ROLLBACK PREPARED 'two'});
is(sql($look), qq{1|done|t|t\n1 done\n{"id": "1"}|new|done|2}, 'rolled back, none of it is');

# the session that prepared goes on, with rules and nesting as they were; what was refused before does not get in the way
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query(q{BEGIN; SAVEPOINT a;});
$session->query(q{INSERT INTO tasks VALUES (20, 'lost');});
$session->query(q{ROLLBACK TO a; UPDATE tasks SET state = 'done' WHERE id = 3;});
$session->query(q{PREPARE TRANSACTION 'three';});
is($session->query(q{UPDATE tasks SET state = 'done' WHERE id = 4 RETURNING id;}), '4', 'the session goes on');
is($session->query(q{UPDATE tasks SET state = 'new' WHERE id = 4 RETURNING id;}), '', 'and its rules refuse');
$session->query(q{COMMIT PREPARED 'three';});
is($session->query(q{SELECT count(*) FROM tasks WHERE state = 'done';}), '3', 'what it prepared is committed');

# a move between partitions, half way in a prepared transaction
sql(q{BEGIN; UPDATE visits SET day = 2, state = 'done' WHERE id = 1; PREPARE TRANSACTION 'moved'});
like(error(q{INSERT INTO visits VALUES (3, 2, 'strange')}), qr/the state "strange" is not known/, 'a move in a prepared transaction lets nobody else pass');
like(error(q{SET lock_timeout = '100ms'; UPDATE visits SET state = 'done' WHERE id = 1}), qr/lock timeout/, 'the row is locked');

# rules declared in a prepared transaction
sql(q{BEGIN; SELECT lifeguard.add_transition('tasks', 'done', 'new'); PREPARE TRANSACTION 'rules'});
like(error(q{SET lock_timeout = '100ms'; UPDATE tasks SET state = 'new' WHERE id = 1}), qr/lock timeout/, 'rules that are prepared keep writers waiting');
sql(q{BEGIN; CREATE TABLE later (id int, state text); SELECT lifeguard.create_lifecycle('later', 'state', '{a}'); PREPARE TRANSACTION 'table'});

# all that survives a crash
$session->quit;
$node->stop('immediate');
$node->start;
sql(q{COMMIT PREPARED 'moved'; COMMIT PREPARED 'rules'; COMMIT PREPARED 'table'});
is(sql(q{SELECT tableoid::regclass, id, state FROM visits ORDER BY id}), qq{visits_2|1|done\nvisits_1|2|new}, 'after a crash the move is committed');
is(sql(q{UPDATE tasks SET state = 'new' WHERE id = 1 RETURNING id, state}), '1|new', 'after a crash the rules are');
like(error(q{INSERT INTO later VALUES (1, 'b')}), qr/the state "b" is not known/, 'also those of a new table');
$node->stop;
done_testing();
