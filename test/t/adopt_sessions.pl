# The club is adopted and released while others use it: it waits no longer than it may and says for whom, who waits for it goes on by
# the new rules, and two at once are one after the other.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', qq{shared_preload_libraries = 'lifeguard'\ntimezone = 'UTC'});
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE club');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'users=8', '-v', 'weeks=1', '-v', 'pending=8', '-d', $node->connstr('club'),
	map { ('-f', "bench/legacy/$_.sql") } qw(00_supabase 10_tables 20_cascade 30_policies 40_load) ], 'the legacy club is there');
sub sql { return $node->safe_psql('club', "SET client_min_messages = error; $_[0]"); }
sql(q{CREATE EXTENSION pull_up_club CASCADE; DO $$ BEGIN PERFORM pull_up_club.set('monthly_cap_scope', 'member'); END $$;});

my $adopt = q{SELECT 'steps ' || least(count(*), 1) FROM pull_up_club.adopt(dry_run => false);};
my $release = q{SELECT 'steps ' || least(count(*), 1) FROM pull_up_club.release();};
my $state = q{SELECT (SELECT count(*) FROM pull_up_club.adopted_tables) || ' ' || (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.submissions'::regclass AND tgenabled = 'D')};
sub approve { return qq{UPDATE public.submissions SET status = 'approved', actual_pull_up_count = 5 WHERE id = md5('pending $_[0]')::uuid RETURNING 'approved';}; }
sub paid { return sql(qq{SELECT count(*) || ' ' || coalesce(sum(earning_amount_dollars), 0) FROM public.weekly_earnings WHERE submission_id = md5('pending $_[0]')::uuid}); }

sub session { return $node->background_psql('club', on_error_stop => 0); }
# Runs a statement beside this program, and returns when it waits.
my $waiters = 0;
sub begin_to_wait
{
	my ($statement) = @_;
	my %run = (out => '', err => '');
	my $name = 'waiter ' . ++$waiters;
	$run{handle} = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('club') . " application_name='$name'", '-c', $statement ], '<', '/dev/null', '>', \$run{out}, '2>', \$run{err});
	$node->poll_query_until('club', qq{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = '$name')}) or die 'nobody waits';
	return \%run;
}
sub after_waiting { my ($run) = @_; $run->{handle}->finish; return $run->{out} =~ s/\n$//r; }
# How a statement is refused, and whether it took no longer than so many seconds.
sub refusal
{
	my ($statement, $seconds) = @_;
	my $begun = time;
	my (undef, undef, $err) = $node->psql('club', "\\set VERBOSITY verbose\n$statement");
	cmp_ok(time - $begun, '<', $seconds, "it took less than $seconds seconds");
	return $err;
}

# --- others use the tables ---

my $writer = session();
$writer->query(q{SET application_name = 'dashboard'; BEGIN;});
is($writer->query(q{UPDATE public.submissions SET featured = true WHERE id = md5('pending 1')::uuid RETURNING 'written';}), 'written', 'somebody writes, and has not committed');
my $pid = $writer->query('SELECT pg_backend_pid();');
like(refusal("SET lock_timeout = '300ms'; $adopt", 4), qr/LG124: ADOPTION_WAITS: .*\(pid $pid, dashboard\) holds RowExclusiveLock on submissions|LG124: ADOPTION_WAITS: .*\(pid $pid, dashboard\) holds RowExclusiveLock on public.submissions/, 'adopt() says for whom it waited');
like(refusal("SET lock_timeout = 0; $adopt", 9), qr/LG124: ADOPTION_WAITS: .*pid $pid, dashboard.*"lock_timeout": "5s"/s, 'and for no longer than five seconds where nothing is set');
is(sql($state), '0 0', 'nothing is changed');
isnt(sql(q{SELECT count(*) FROM pull_up_club.adopt()}), '0', 'a dry run does not wait for writers');
$writer->query('ROLLBACK; BEGIN; LOCK TABLE public.weekly_pools;');
like(refusal("SET lock_timeout = '300ms'; SELECT count(*) FROM pull_up_club.adopt();", 4), qr/LG124: ADOPTION_WAITS: .*\(pid $pid, dashboard\) holds AccessExclusiveLock on (public\.)?weekly_pools/, 'a dry run waits for who locks a table, and says for whom');
$writer->query('ROLLBACK;');

# --- others come while it is done ---

my $first = session();
is($writer->query(q{PREPARE approve(int) AS UPDATE public.submissions SET status = 'approved', actual_pull_up_count = 5 WHERE id = md5('pending ' || $1)::uuid RETURNING 'approved'; EXECUTE approve(1);}), 'approved', 'by the old triggers');
is($first->query("BEGIN; $adopt"), 'steps 1', 'one adopts');
my $late = begin_to_wait(approve(3));
my $second = begin_to_wait($adopt);
like(refusal("SET lock_timeout = '300ms'; $adopt", 4), qr/LG124: ADOPTION_WAITS: .*holds AccessExclusiveLock on /, 'who adopts at the same time waits no longer than he may');
$first->query('COMMIT;');
is(after_waiting($late), 'approved', 'who came in between goes on');
is(after_waiting($second), 'steps 0', 'and who adopts after it finds nothing to do');
is(paid(3), '1 5', 'by the new rules');
is(sql(q{SELECT count(*) FROM public.system_logs WHERE details ->> 'submission_id' = md5('pending 3')::uuid::text}), '0', 'and not by the old ones');
is($writer->query('EXECUTE approve(4);'), 'approved', 'what was prepared before');
is(paid(4) . sql(q{SELECT count(*) FROM public.system_logs WHERE details ->> 'submission_id' = md5('pending 4')::uuid::text}), '1 50', 'goes by the new rules too');

# --- released while somebody approves ---

is($writer->query('BEGIN; EXECUTE approve(5);'), 'approved', 'an approval that is not committed');
like(refusal("SET lock_timeout = '300ms'; $release", 4), qr/LG124: ADOPTION_WAITS: .*\(pid $pid, dashboard\) holds /, 'release() says for whom it waited');
is(sql($state), '12 8', 'nothing is changed');
my $patient = begin_to_wait("SET lock_timeout = '60s'; $release");
my $behind = begin_to_wait(approve(6));
$writer->query('COMMIT;');
is(after_waiting($patient), 'steps 1', 'it goes on when that is committed');
is(after_waiting($behind), 'approved', 'who came behind it goes on');
is(paid(5), '1 5', 'the one before is paid by the rules');
like(paid(6) . ' ' . sql(q{SELECT count(*) FROM public.system_logs WHERE details ->> 'submission_id' = md5('pending 6')::uuid::text}), qr{^1 5 [01]$}, 'the one behind is paid once, by the rules or by the old triggers');
is($writer->query('EXECUTE approve(7);') . ' ' . paid(7), 'approved 1 5', 'a session from before knows of it');
is(sql(q{SELECT count(*) FROM public.system_logs WHERE details ->> 'submission_id' = md5('pending 7')::uuid::text}), '1', 'and goes by the old triggers');
is(sql($state), '0 0', 'released');

# --- two at once, and the first takes it back ---

is($first->query("BEGIN; $adopt"), 'steps 1', 'one adopts');
$second = begin_to_wait($adopt);
$first->query('ROLLBACK;');
is(after_waiting($second), 'steps 1', 'and takes it back: the other adopts');
is(sql($state), '12 8', 'once');
is($first->query("BEGIN; $release"), 'steps 1', 'one releases');
$second = begin_to_wait($release);
$first->query('COMMIT;');
is(after_waiting($second), 'steps 0', 'the other finds nothing to release');
is(sql($state), '0 0', 'released');
$_->quit for $writer, $first;
done_testing();
