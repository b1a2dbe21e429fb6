# Jobs with a real pg_cron, which lives in the database postgres: jobs of that database and of another; where it is missing; what is missed, fails and runs twice.
use strict;
use warnings;
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = journal_server('main', "max_worker_processes = 20\n");
install($node, $_) for qw(shop other);
ask($node, 'postgres', 'CREATE EXTENSION lifeguard');

# What the checks of the jobs find in a database; or one of them.
sub findings
{
	my ($database, $check) = @_;
	$check //= 'jobs%';
	ask($node, $database, q{SELECT count(*) FROM monitoring.run_checks('jobs')});
	return ask($node, $database, q{SELECT coalesce(string_agg(name || ' ' || severity || ' ' || object, ', ' ORDER BY name, object), 'nothing')
	  FROM monitoring.check_findings WHERE gone_at IS NULL AND name LIKE '} . $check . q{'});
}

# What pg_cron has for a database, a line a job.
sub in_pg_cron
{
	my ($database) = @_;
	return ask($node, 'postgres', "SELECT coalesce(string_agg(jobid || ' ' || jobname || ' ' || schedule || ' ' || command, E'\\n' ORDER BY jobname), 'nothing') FROM cron.job WHERE database = '$database'");
}

# --- no pg_cron ---

my ($out, $err) = said($node, 'shop', "\\set VERBOSITY verbose\nSELECT monitoring.schedule_jobs()");
like($err, qr/LG432: +jobs need pg_cron, and this server has not loaded it.*HINT:.*shared_preload_libraries/s, 'not loaded: refused, and how to load it');
is(findings('shop'), 'jobs_not_scheduled warning pg_cron', 'and found');
is(ask($node, 'shop', 'SELECT count(*) FROM monitoring.unschedule_jobs()'), '0', 'nothing to unschedule');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron, lifeguard'\ncron.database_name = 'postgres'\ncron.use_background_workers = on\n");
$node->restart;
($out, $err) = said($node, 'postgres', "\\set VERBOSITY verbose\nSELECT monitoring.schedule_jobs()");
like($err, qr/LG432: +jobs need pg_cron, and the database postgres has no extension pg_cron.*HINT: +CREATE EXTENSION pg_cron;/s, 'loaded, no extension: refused');
is(findings('postgres'), 'jobs_not_scheduled warning pg_cron', 'and found');
ask($node, 'postgres', 'CREATE EXTENSION pg_cron');

# --- another database, without dblink: the statements ---

my @general = split /\n/, ask($node, 'shop', 'SELECT name FROM monitoring.job_definitions ORDER BY name');
is(findings('shop'), join(', ', map { "jobs_not_scheduled warning $_" } @general), 'jobs that are not scheduled at all are found');
($out, $err) = said($node, 'shop', 'SELECT DISTINCT database, done FROM monitoring.schedule_jobs()');
is($out, 'postgres|f', 'pg_cron lives elsewhere: nothing is done');
like($err, qr/NOTICE:  pg_cron lives in the database postgres: run these statements there.*dblink/s, 'and said');
is(in_pg_cron('shop'), 'nothing', 'indeed');
is(findings('shop'), join(', ', map { "jobs_not_scheduled warning $_" } @general), 'handed out is not scheduled');
my $statements = ask($node, 'shop', 'SELECT statement FROM monitoring.schedule_jobs()');
ask($node, 'postgres', $statements);
my $scheduled = in_pg_cron('shop');
is(scalar(() = $scheduled =~ /^\d+ lifeguard: shop: /mg), scalar @general, 'the statements schedule each job');
like($scheduled, qr/^\d+ lifeguard: shop: checks 20 2 \* \* \* SELECT monitoring\.run_job\('checks'\)$/m, 'as it is defined');
ask($node, 'postgres', $statements);
is(in_pg_cron('shop'), $scheduled, 'twice is once');
ask($node, 'shop', q{SELECT monitoring.run_job('checks')});
is(findings('shop'), 'nothing', 'the first run shows that they were run');

# --- through dblink ---

ask($node, 'shop', 'CREATE SCHEMA extensions; CREATE EXTENSION dblink SCHEMA extensions; CREATE TABLE public.beats (at timestamptz)');
is(ask($node, 'shop', 'SELECT bool_and(done) FROM monitoring.schedule_jobs()'), 't', 'with dblink it is done');
is(in_pg_cron('shop'), $scheduled, 'and nothing has changed');
ask($node, 'shop', q{
SELECT monitoring.add_job('beat', '* * * * *', 'INSERT INTO public.beats VALUES (now())', 'counts');
SELECT monitoring.add_job('broken', '* * * * *', 'SELECT 1/0');
SELECT monitoring.add_job('dropped', '* * * * *', 'SELECT 1');
SELECT monitoring.add_job('it''s "odd" \ 100%', '* * * * *', 'INSERT INTO public.beats VALUES (NULL)');
SELECT monitoring.schedule_jobs();
SELECT monitoring.drop_job('dropped')});
ask($node, 'postgres', q{
CREATE TABLE public.beats (at timestamptz);
SELECT monitoring.add_job('beat', '* * * * *', 'INSERT INTO public.beats VALUES (now())');
SELECT monitoring.schedule_jobs()});
my $since = time;
is(findings('shop', 'jobs_not_scheduled'), 'jobs_not_scheduled warning dropped', 'what was dropped and is scheduled still is found');
is(findings('postgres'), 'nothing', 'in pg_cron\'s own database all is scheduled');
is(ask($node, 'postgres', q{SELECT count(*) FROM cron.job WHERE database = 'postgres' AND jobname LIKE 'lifeguard: postgres: %'}), @general + 1, 'and there');

# --- while the minute passes: what was taken out behind our back, and back in ---

ask($node, 'postgres', q{SELECT cron.unschedule('lifeguard: postgres: weekly report')});
ask($node, 'postgres', q{UPDATE cron.job SET active = false WHERE jobname = 'lifeguard: postgres: checks'});
is(findings('postgres'), 'jobs_not_scheduled warning checks, jobs_not_scheduled warning weekly report', 'what somebody took out or switched off in pg_cron is found');
ask($node, 'postgres', q{UPDATE cron.job SET active = true; SELECT monitoring.schedule_jobs()});
is(findings('postgres'), 'nothing', 'and gone when it is back');

# a third database: time zones, another role's leftovers, unscheduling
ask($node, 'other', 'CREATE EXTENSION dblink');
is(ask($node, 'other', q{SELECT schedule FROM monitoring.schedule_jobs('America/New_York') WHERE name = 'checks'}), '20 6,7 * * *', 'in a time zone, for summer and winter');
like(in_pg_cron('other'), qr/^\d+ lifeguard: other: checks 20 6,7 \* \* \* SELECT monitoring\.run_job\('checks', only_when_due => true\)$/m, 'and run when it is due');
is(ask($node, 'other', q{SELECT schedule FROM monitoring.schedule_jobs() WHERE name = 'checks'}), '20 6,7 * * *', 'the time zone stays');
($out, $err) = said($node, 'other', "\\set VERBOSITY verbose\nSELECT monitoring.schedule_jobs('Nowhere/Land')");
like($err, qr/LG430: +there is no time zone 'Nowhere\/Land'/, 'no such time zone');
is(ask($node, 'other', q{SELECT schedule FROM monitoring.schedule_jobs('GMT') WHERE name = 'checks'}), '20 2 * * *', 'back to GMT');
ask($node, 'postgres', q{CREATE ROLE before SUPERUSER LOGIN; SET ROLE before; SELECT cron.schedule_in_database('lifeguard: other: checks', '0 2 * * *', 'SELECT 1', 'other'), cron.schedule_in_database('mine', '0 2 * * *', 'SELECT 1', 'other')});
ask($node, 'other', q{SELECT monitoring.drop_job('weekly report'); SELECT monitoring.schedule_jobs()});
is(ask($node, 'postgres', q{SELECT string_agg(jobname, ', ' ORDER BY jobname) FROM cron.job WHERE database = 'other' AND jobname ~ 'checks|weekly|mine'}), 'lifeguard: other: checks, mine', 'what was dropped, and another role\'s of the same name, is taken out; nothing else');
is(ask($node, 'other', 'SELECT bool_and(done) FROM monitoring.unschedule_jobs()'), 't', 'unscheduled');
is(in_pg_cron('other') =~ s/^\d+ //r, 'mine 0 2 * * * SELECT 1', 'all of ours, and nothing else');
is(ask($node, 'other', q{SELECT count(*) FROM monitoring.jobs WHERE scheduled OR next_run IS NOT NULL OR missed IS NOT NULL}), '0', 'monitoring.jobs says so');
like(findings('other'), qr/jobs_not_scheduled warning checks/, 'and the check');

# two sessions at once: one does it
ask($node, 'other', q{CREATE TABLE public.beats (at timestamptz); SELECT monitoring.add_job('slow', '0 2 * * *', 'INSERT INTO public.beats VALUES (now())')});
my $session = $node->background_psql('other');
is($session->query(q{BEGIN; SELECT monitoring.run_job('slow')}), 'succeeded', 'a session runs a job');
is(ask($node, 'other', q{SELECT monitoring.run_job('slow')}), 'is running', 'another does not run it at the same time');
is(ask($node, 'other', q{SELECT monitoring.run_job('journal retention')}), 'succeeded', 'but other jobs');
is(ask($node, 'other', q{SELECT last_status, last_run IS NOT NULL FROM monitoring.jobs WHERE name = 'slow'}), 'running|t', 'monitoring.jobs shows it');
$session->query('COMMIT');
$session->quit;
is(ask($node, 'other', q{SELECT last_status || ' ' || (SELECT count(*) FROM public.beats) FROM monitoring.jobs WHERE name = 'slow'}), 'succeeded 1', 'it was done once');

# what was missed
ask($node, 'other', q{SELECT monitoring.schedule_jobs(); UPDATE monitoring.job_schedules SET scheduled_at = now() - interval '3 days'; DELETE FROM monitoring.job_runs WHERE name = 'slow'});
like(findings('other'), qr/jobs_missed critical slow/, 'a job that never ran, and should have twice, is critical');
is(ask($node, 'other', q{SELECT monitoring.run_job('slow')}), 'succeeded', 'running it');
unlike(findings('other'), qr/slow/, 'makes up for it');
ask($node, 'other', q{CREATE ROLE stranger; DELETE FROM monitoring.job_runs WHERE name = 'slow'});
$session = $node->background_psql('other');
$session->query(q{SET ROLE stranger; BEGIN; SELECT pg_advisory_lock(class, object) FROM lifeguard.job_lock('slow')});
is(ask($node, 'other', q{SELECT monitoring.run_job('slow')}), 'is running', 'a stranger can be in the way');
like(findings('other'), qr/jobs_missed critical slow/, 'and does not hide that it does not run');
$session->quit;

# --- a dump ---

ask($node, 'other', q{SELECT monitoring.add_job('checks', '7 7 * * *', 'SELECT monitoring.run_checks()', 'at seven'); INSERT INTO monitoring.reports VALUES ('2025-01-01', 100, 'HEALTHY', '<p>', 'p')});
my $definitions = q{SELECT string_agg(d::text, ', ' ORDER BY name) FROM monitoring.job_definitions d};
my $dump = $node->basedir . '/other.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('other'), '-f', $dump ], 'dumped');
ask($node, 'postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'restored');
ask($node, 'restored', q{SELECT monitoring.drop_job('weekly report')});   # lifeguard's own come back
is(ask($node, 'restored', $definitions), ask($node, 'other', $definitions), 'definitions are restored, changed ones too');
is(ask($node, 'restored', 'SELECT at, html FROM monitoring.reports'), '2025-01-01 00:00:00+00|<p>', 'and reports');
like(findings('restored'), qr/jobs_not_scheduled warning checks/, 'it is not scheduled there');

# --- a minute has passed ---

my $seen = eventually(sub { ask($node, 'shop', q{SELECT count(*) FROM monitoring.jobs WHERE name IN ('beat', 'broken', 'it''s "odd" \ 100%') AND last_status IN ('succeeded', 'failed')}) == 3 && ask($node, 'postgres', 'SELECT count(*) FROM public.beats') > 0 }, 75);
ok($seen, sprintf 'jobs of each minute have run (after %d s)', time - $since);
is(ask($node, 'shop', q{SELECT last_status, failures, last_message, missed FROM monitoring.jobs WHERE name = 'beat'}), 'succeeded|0||0', 'in the other database');
ok(ask($node, 'shop', q{SELECT count(*) FILTER (WHERE at IS NULL) > 0 AND count(at) > 0 FROM public.beats}) eq 't', 'and did what they are for, whatever they are called');
is(ask($node, 'postgres', q{SELECT last_status, missed FROM monitoring.jobs WHERE name = 'beat'}), 'succeeded|0', 'in pg_cron\'s own database');
is(ask($node, 'shop', q{SELECT last_status, failures > 0, last_message FROM monitoring.jobs WHERE name = 'broken'}), 'failed|t|division by zero', 'the one that fails says so');
drained($node, 'shop');
is(ask($node, 'shop', q{SELECT DISTINCT source, error_message, context ->> 'sqlstate' FROM monitoring.system_errors WHERE error_type = 'job_failed'}), 'logged|the job broken failed: division by zero|22012', 'its failure is in the journal');
is(ask($node, 'shop', q{SELECT DISTINCT source, error_message FROM monitoring.system_errors WHERE sqlstate = 'LG431'}), 'uncaught|there is no job dropped', 'so is what fails outside of a job');
like(findings('shop'), qr/jobs_failed (?:warning|critical) broken, jobs_not_scheduled warning dropped/, 'both are found');

ask($node, 'shop', 'SELECT monitoring.unschedule_jobs()');
is(in_pg_cron('shop'), 'nothing', 'unscheduled');
like(in_pg_cron('postgres'), qr/lifeguard: postgres: beat/, 'another database\'s jobs stay');
ask($node, 'postgres', 'SELECT monitoring.unschedule_jobs()');
is(in_pg_cron('postgres'), 'nothing', 'until they are unscheduled there');

$node->stop;
done_testing();
