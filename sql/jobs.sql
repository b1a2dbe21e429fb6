-- Jobs: cron expressions, definitions, runs and their record. test/t/jobs.pl has pg_cron.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
CREATE SCHEMA jobs;
CREATE TABLE jobs.expected (number int, schedule text, after timestamptz, zone text, runs text);

-- when expressions are due: worked out by hand; 1 January 2025 is a Wednesday
INSERT INTO jobs.expected (number, schedule, after, zone, runs) VALUES
  (1, '* * * * *', '2025-01-01 00:00', 'GMT', '01-01 00:01, 01-01 00:02, 01-01 00:03'),
  (2, '0 2 * * *', '2025-01-01 01:59:59.9', 'GMT', '01-01 02:00, 01-02 02:00, 01-03 02:00'),
  (3, '0 2 * * *', '2025-01-01 02:00', 'GMT', '01-02 02:00, 01-03 02:00, 01-04 02:00'),
  (4, '*/20 9-10 * * *', '2025-01-01 09:30', 'GMT', '01-01 09:40, 01-01 10:00, 01-01 10:20'),
  (5, '5-25/10 0 * * *', '2025-01-01 00:00', 'GMT', '01-01 00:05, 01-01 00:15, 01-01 00:25'),
  (6, '7,3 22 * * *', '2025-12-31 22:05', 'GMT', '12-31 22:07, 01-01 22:03, 01-01 22:07'),
  (7, '0 8 * * 1', '2025-01-01 00:00', 'GMT', '01-06 08:00, 01-13 08:00, 01-20 08:00'),
  (8, '0 8 * * MON', '2025-01-01 00:00', 'GMT', '01-06 08:00, 01-13 08:00, 01-20 08:00'),
  (9, '0 3 * * 7', '2025-01-01 00:00', 'GMT', '01-05 03:00, 01-12 03:00, 01-19 03:00'),
  (10, '0 3 * * 0', '2025-01-01 00:00', 'GMT', '01-05 03:00, 01-12 03:00, 01-19 03:00'),
  (11, '0 3 * * fri-7', '2025-01-01 00:00', 'GMT', '01-03 03:00, 01-04 03:00, 01-05 03:00'),
  (12, '0 0 1 * *', '2025-01-01 00:00', 'GMT', '02-01 00:00, 03-01 00:00, 04-01 00:00'),
  (13, '0 0 31 * *', '2025-01-31 00:00', 'GMT', '03-31 00:00, 05-31 00:00, 07-31 00:00'),
  (14, '0 0 * feb,Dec *', '2025-02-27 00:00', 'GMT', '02-28 00:00, 12-01 00:00, 12-02 00:00'),
  (15, '0 0 29 2 *', '2025-01-01 00:00', 'GMT', '02-29 00:00, 02-29 00:00'),
  (16, '0 0 29 2 *', '2096-03-01 00:00', 'GMT', '02-29 00:00'),                         -- 2100 has no 29 February
  (17, '0 0 30 2 *', '2025-01-01 00:00', 'GMT', NULL),
  -- days of both kinds: either will do; unless one begins with a star: then both
  (18, '0 0 13 * fri', '2025-01-01 00:00', 'GMT', '01-03 00:00, 01-10 00:00, 01-13 00:00'),
  (19, '0 0 */2 * mon', '2025-01-01 00:00', 'GMT', '01-13 00:00, 01-27 00:00, 02-03 00:00'),
  (20, '0 0 13 * */5', '2025-01-01 00:00', 'GMT', '04-13 00:00, 06-13 00:00, 07-13 00:00'),
  -- other time zones: an hour that the clock skips, one that it repeats
  (21, '0 2 * * *', '2025-01-01 00:00', 'Asia/Kolkata', '01-01 20:30, 01-02 20:30, 01-03 20:30'),
  (22, '30 2 * * *', '2025-03-08 00:00', 'America/New_York', '03-08 07:30, 03-09 07:30, 03-10 06:30'),
  (23, '30 1 * * *', '2025-11-01 00:00', 'America/New_York', '11-01 05:30, 11-02 06:30, 11-03 06:30'),
  -- two of its four times are skipped, and are the other two then; a year later none is
  (24, '0,30 2,3 9 3 *', '2025-03-01 00:00', 'America/New_York', '03-09 07:00, 03-09 07:30, 03-09 06:00');
SELECT number, schedule, found, runs
  FROM jobs.expected, LATERAL (SELECT string_agg(to_char(r, 'MM-DD HH24:MI'), ', ' ORDER BY n) FROM lifeguard.cron_runs(schedule, after, NULL, zone, 3) WITH ORDINALITY AS c(r, n)) AS f(found)
 WHERE found IS DISTINCT FROM runs;
SELECT count(*) FROM lifeguard.cron_runs('*/10 * * * *', '2025-01-01', '2025-01-02', 'GMT', 1000);
SELECT count(*) FROM lifeguard.cron_runs('* * * * *', '2025-01-01', '2025-02-01', 'GMT', 1000);
SELECT count(*) FROM lifeguard.cron_runs('0 2 * * *', '2025-01-02', '2025-01-01', 'GMT', 1000);
SELECT count(*) FROM unnest('{infinity,-infinity}'::timestamptz[]) AS after, lifeguard.cron_runs('0 2 * * *', after, NULL, 'GMT', 1);

-- in pg_cron's zone: whenever it is due in its own, pg_cron starts it, in summer and in winter
SELECT s, zone, lifeguard.cron_in_zone(s, zone, 'GMT')
  FROM unnest('{0 2 * * *,0 8 * * mon,*/15 * * * *,0 0 1 * *}'::text[]) AS s, unnest('{UTC,America/New_York,Asia/Kolkata,Pacific/Auckland}'::text[]) AS zone ORDER BY 1, 2;
SELECT s, zone, r
  FROM unnest(ARRAY['0 2 * * *', '0 8 * * mon', '5 0 * * 1', '*/15 * * * *', '0 0 1 * *', '30 23 31 12 *', '10 1 13 * fri', '0 2 1-7 * sun', '45 3,22 * * 6-7']) AS s,
       unnest('{UTC,America/New_York,Asia/Kolkata,Pacific/Auckland,America/St_Johns,Australia/Lord_Howe}'::text[]) AS zone, unnest('{GMT,Europe/Berlin}'::text[]) AS server,
       lifeguard.cron_runs(s, now(), now() + interval '370 days', zone, 40) AS r
 WHERE NOT EXISTS (SELECT FROM lifeguard.cron_runs(lifeguard.cron_in_zone(s, zone, server), r - interval '1 second', r, server, 1));
SELECT lifeguard.cron_in_zone('0 2 * * *', 'Nowhere/Land', 'GMT');

-- what is no cron expression
CREATE FUNCTION jobs.problem(schedule text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM lifeguard.parse_cron(schedule);
  RETURN 'accepted';
EXCEPTION WHEN SQLSTATE 'LG430' THEN
  RETURN SQLERRM;
END $$;
SELECT jobs.problem(s) FROM unnest(ARRAY[NULL, '', '@daily', '* * * *', '* * * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *', '* * * 13 *', '* * * 0 *', '* * * * 8', '-1 * * * *',
  '1, * * * *', ',1 * * * *', '5/10 * * * *', '*/0 * * * *', '10-5 * * * *', '* * * mon *', '* * * * jan', '* * * * monday', '1-2-3 * * * *', '99999999999 * * * *', '*/99999999999 * * * *',
  '** * * * *', '1;2 * * * *', '$ * * * *', E'*\n* * * *', '٣ * * * *', '* * l * *']) AS s;
SELECT jobs.problem(s) FROM unnest('{ 1  2	3 4 5 ,0-59/59 0-23 1-31 1-12 0-7,*/59 */23 * * SUN-sat,007 01 1 1 1}'::text[]) AS s;

-- definitions
SELECT name, schedule, command FROM monitoring.job_definitions WHERE name IN ('checks', 'journal retention', 'weekly report') ORDER BY name;
SELECT monitoring.add_job('jobs: count', '5 4 * * *', 'SELECT 1', 'counts');
SELECT monitoring.add_job('jobs: count', '6 4 * * *', 'INSERT INTO jobs.counts VALUES (now())');
SELECT name, schedule, command, description, built_in FROM monitoring.job_definitions WHERE name LIKE 'jobs:%';
SELECT monitoring.add_job('jobs: wrong', '5 4 * * *', ' ');
\echo :SQLSTATE
SELECT monitoring.add_job(NULL, '5 4 * * *', 'SELECT 1');
\echo :SQLSTATE
SELECT monitoring.add_job(repeat('x', 201), '5 4 * * *', 'SELECT 1');
\echo :SQLSTATE
SELECT monitoring.add_job('jobs: wrong', '5 4 31 4,6,9,11 *', 'SELECT 1');
\echo :SQLSTATE
SELECT monitoring.add_job('jobs: wrong', 'daily', 'SELECT 1');
\echo :SQLSTATE
SELECT monitoring.drop_job('jobs: wrong');
\echo :SQLSTATE
SELECT monitoring.drop_job(NULL);
\echo :SQLSTATE
SELECT monitoring.run_job('jobs: wrong');
\echo :SQLSTATE

-- runs: what was done and what went wrong is recorded; what a failed run did is undone
CREATE TABLE jobs.counts (at timestamptz);
SELECT monitoring.run_job('jobs: count');
SELECT monitoring.run_job('jobs: count');
SELECT count(*) FROM jobs.counts;
CREATE TABLE jobs.parents (id int PRIMARY KEY);
CREATE TABLE jobs.children (parent int REFERENCES jobs.parents DEFERRABLE INITIALLY DEFERRED);
SELECT monitoring.add_job('jobs: halfway', '5 4 * * *', 'INSERT INTO jobs.counts VALUES (now()); SELECT 1/0');
SELECT monitoring.add_job('jobs: at commit', '5 4 * * *', 'INSERT INTO jobs.children VALUES (1)');
SELECT monitoring.add_job('jobs: too slow', '5 4 * * *', 'SELECT pg_sleep(60)');
SELECT monitoring.add_job('jobs: assertion', '5 4 * * *', 'DO $do$ BEGIN ASSERT false, ''never''; END $do$');
SELECT monitoring.add_job('jobs: no SQL', '5 4 * * *', 'nothing "like" SQL');
SELECT monitoring.add_job('jobs: path', '5 4 * * *', 'SELECT 1 FROM counts');
SELECT monitoring.add_job('jobs: commits', '5 4 * * *', 'COMMIT');
SET search_path = jobs;
SELECT monitoring.run_job(name) FROM unnest('{jobs: halfway,jobs: at commit,jobs: assertion,jobs: no SQL,jobs: path,jobs: commits}'::text[]) AS name;
RESET search_path;
SET statement_timeout = '200ms';
SELECT monitoring.run_job('jobs: too slow');
RESET statement_timeout;
SELECT count(*) FROM jobs.counts;
SELECT name, last_status, last_message, failures, last_success IS NOT NULL AS succeeded, took < interval '1 minute' FROM monitoring.jobs WHERE name LIKE 'jobs:%' ORDER BY name COLLATE "C";
SELECT monitoring.drain();
SELECT error_message, context ->> 'job' AS job, context ->> 'sqlstate' AS state FROM monitoring.system_errors WHERE error_type = 'job_failed' AND context ->> 'job' LIKE 'jobs:%' ORDER BY created_at;

-- due: what ran since it was due last is not due
INSERT INTO monitoring.job_schedules (name, schedule, time_zone, cron_name, cron_schedule, cron_database, handed_out, scheduled_by, scheduled_at)
VALUES ('jobs: count', '6 4 * * *', 'America/New_York', 'x', 'x', 'x', false, 'x', now());
DELETE FROM monitoring.job_runs WHERE name = 'jobs: count';
SELECT monitoring.run_job('jobs: count', only_when_due => true);
SELECT missed, scheduled, time_zone, next_run > now(), to_char(next_run AT TIME ZONE time_zone, 'HH24:MI') FROM monitoring.jobs WHERE name = 'jobs: count';
UPDATE monitoring.job_schedules SET scheduled_at = now() - interval '49 hours' WHERE name = 'jobs: count';
SELECT missed >= 2 FROM monitoring.jobs WHERE name = 'jobs: count';
SELECT object, message ~ 'has missed [23] runs: it never ran' FROM lifeguard.check_jobs_missed() WHERE object LIKE 'jobs:%';
SELECT monitoring.run_job('jobs: count', only_when_due => true);
SELECT monitoring.run_job('jobs: count', only_when_due => true);
SELECT missed FROM monitoring.jobs WHERE name = 'jobs: count';
SELECT count(*) FROM lifeguard.check_jobs_missed() WHERE object LIKE 'jobs:%';
-- after weeks: once, not for each run that was missed
UPDATE monitoring.job_schedules SET scheduled_at = now() - interval '60 days' WHERE name = 'jobs: count';
UPDATE monitoring.job_runs SET started_at = now() - interval '50 days', finished_at = now() - interval '50 days' WHERE name = 'jobs: count';
SELECT missed BETWEEN 48 AND 51 FROM monitoring.jobs WHERE name = 'jobs: count';
SELECT monitoring.run_job('jobs: count', true), monitoring.run_job('jobs: count', true);
-- one that is not scheduled here, and is started by a schedule that was forgotten, runs
SELECT monitoring.run_job('jobs: path', true);

-- failures: one warns, two in a row are critical, a success ends it
SELECT object, message, severity FROM lifeguard.check_jobs_failed() WHERE object IN ('jobs: path', 'jobs: halfway') ORDER BY 1;
SELECT monitoring.add_job('jobs: path', '5 4 * * *', 'SELECT 1 FROM jobs.counts');
SELECT monitoring.run_job('jobs: path');
SELECT count(*) FROM lifeguard.check_jobs_failed() WHERE object = 'jobs: path';
SELECT failures, last_status, last_message FROM monitoring.jobs WHERE name = 'jobs: path';

-- the record is kept for 90 days, and the last success for longer
DELETE FROM monitoring.job_runs WHERE name = 'jobs: path';
INSERT INTO monitoring.job_runs SELECT 'jobs: path', now() - days * interval '1 day', now() - days * interval '1 day', CASE WHEN days IN (120, 100) THEN 'succeeded' ELSE 'failed' END FROM unnest('{120,110,100,95,91,89}'::int[]) AS days;
SELECT monitoring.add_job('jobs: path', '5 4 * * *', 'SELECT 1/0');
SELECT monitoring.run_job('jobs: path');
SELECT status, extract(day FROM now() - started_at) FROM monitoring.job_runs WHERE name = 'jobs: path' ORDER BY started_at;

-- hostile names and commands are names and commands
SELECT monitoring.add_job('jobs: "x'';DROP TABLE jobs.counts;--', '* * * * *', 'SELECT ''a\b''''c''');
SELECT monitoring.run_job('jobs: "x'';DROP TABLE jobs.counts;--');
SELECT octet_length(lifeguard.cron_name(repeat(n, 60))) <= 63, lifeguard.cron_name(repeat(n, 60)) <> lifeguard.cron_name(repeat(n, 61)), lifeguard.cron_name('x') = format('lifeguard: %s: x', current_database())
  FROM unnest('{x,ü,😀}'::text[]) AS n;

-- a database without jobs needs nobody who starts them
BEGIN;
DELETE FROM monitoring.job_definitions;
DELETE FROM monitoring.job_schedules;
SELECT count(*) FROM lifeguard.check_jobs_scheduled();
ROLLBACK;

-- who may
CREATE ROLE jobs_reader;
GRANT pg_monitor TO jobs_reader;
SET ROLE jobs_reader;
SELECT count(*) FROM monitoring.jobs WHERE name = 'jobs: count';
SELECT count(*) > 0 FROM monitoring.metrics WHERE topic = 'jobs';
SELECT monitoring.run_job('jobs: count');
\echo :SQLSTATE
SELECT monitoring.add_job('jobs: count', '* * * * *', 'SELECT 1');
\echo :SQLSTATE
SELECT monitoring.schedule_jobs();
\echo :SQLSTATE
SELECT monitoring.unschedule_jobs();
\echo :SQLSTATE
RESET ROLE;
SELECT has_function_privilege('public', p.oid, 'EXECUTE'), p.oid::regprocedure FROM pg_proc p WHERE p.oid IN ('monitoring.drop_job(text)'::regprocedure, 'monitoring.keep_report(interval)'::regprocedure, 'lifeguard.tell_pg_cron(text[])'::regprocedure) ORDER BY 2;

DELETE FROM monitoring.job_schedules WHERE name LIKE 'jobs:%';
SELECT count(monitoring.drop_job(name)) FROM monitoring.job_definitions WHERE name LIKE 'jobs:%';
DELETE FROM monitoring.job_runs WHERE name LIKE 'jobs:%';
DELETE FROM monitoring.system_errors WHERE error_type = 'job_failed';
DROP ROLE jobs_reader;
DROP SCHEMA jobs CASCADE;
