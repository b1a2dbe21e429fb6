-- The club's settings: one row that is always there, and nothing in it that is not allowed.
\set SHOW_CONTEXT never
SELECT * FROM pull_up_club.settings;

-- set() gives back what is stored, in its type
SELECT pull_up_club.set('pool_dollars', ' 300 ') AS pool, pull_up_club.set('time_zone', 'Europe/Berlin') AS zone,
       pull_up_club.set('monthly_cap_scope', 'member') AS scope, pull_up_club.set('auto_create_pools', 'off') AS auto;
SELECT pool_dollars, time_zone, monthly_cap_scope, auto_create_pools FROM pull_up_club.settings;

-- the edges of every range
SELECT pull_up_club.set('pool_dollars', '1'), pull_up_club.set('pool_dollars', '1000000'),
       pull_up_club.set('monthly_cap_dollars', '0'), pull_up_club.set('monthly_cap_dollars', '100000000'),
       pull_up_club.set('cooldown_days', '0'), pull_up_club.set('cooldown_days', '366'),
       pull_up_club.set('max_pull_ups', '1'), pull_up_club.set('max_pull_ups', '100000');
SELECT pull_up_club.set('pool_dollars', '0');
\echo :LAST_ERROR_SQLSTATE
SELECT pull_up_club.set('pool_dollars', '1000001');
SELECT pull_up_club.set('pool_dollars', '99999999999999999999');
SELECT pull_up_club.set('pool_dollars', '2.5');
SELECT pull_up_club.set('pool_dollars', '');
SELECT pull_up_club.set('pool_dollars', NULL);
SELECT pull_up_club.set('monthly_cap_dollars', '-1');
SELECT pull_up_club.set('monthly_cap_scope', 'Club');
SELECT pull_up_club.set('cooldown_days', '367');
SELECT pull_up_club.set('auto_create_pools', 'perhaps');
SELECT pull_up_club.set('max_pull_ups', '0');
SELECT pull_up_club.set('time_zone', 'Mars/Olympus');
SELECT pull_up_club.set('time_zone', 'UTC+3');          -- POSIX: three hours behind, not ahead
SELECT pull_up_club.set('time_zone', '');

-- names that are none, and SQL where a name or a value belongs
SELECT pull_up_club.set('pool', '1');
SELECT pull_up_club.set(NULL, '1');
SELECT pull_up_club.set('only_row', 'false');
SELECT pull_up_club.set('ctid', '(0,1)');
SELECT pull_up_club.set('pool_dollars = 1; DROP TABLE pull_up_club.settings; --', '1');
SELECT pull_up_club.set('pool_dollars', '1; DROP TABLE pull_up_club.settings; --');
SELECT pull_up_club.set('pool_dollars', '$$1$$');

-- UPDATE is checked as well
UPDATE pull_up_club.settings SET pool_dollars = 0;
UPDATE pull_up_club.settings SET time_zone = 'nowhere';
UPDATE pull_up_club.settings SET time_zone = NULL;
UPDATE pull_up_club.settings SET only_row = false;

-- the row stays; one that is inserted (by a restored dump) takes its place
DELETE FROM pull_up_club.settings;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE pull_up_club.settings;
INSERT INTO pull_up_club.settings (time_zone, pool_dollars) VALUES ('Asia/Tokyo', 77);
SELECT * FROM pull_up_club.settings;
INSERT INTO pull_up_club.settings (pool_dollars) VALUES (-5);
INSERT INTO pull_up_club.settings DEFAULT VALUES;
SELECT * FROM pull_up_club.settings;

-- anybody may read them, nobody but the owner change them
CREATE ROLE club_settings_reader;
SET ROLE club_settings_reader;
SELECT pool_dollars FROM pull_up_club.settings;
SELECT pull_up_club.set('pool_dollars', '1000');
UPDATE pull_up_club.settings SET pool_dollars = 1000;
RESET ROLE;
DROP ROLE club_settings_reader;
