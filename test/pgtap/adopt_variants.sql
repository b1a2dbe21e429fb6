-- Clubs of other families (../adopt/timestamps.sql, ../adopt/british.sql): adopted, all that is pending approved by the old names, the
-- dollars compared with what the rule says, and released as they were.
SELECT no_plan();
SET client_min_messages = error;
SET timezone = 'UTC';
\ir ../adopt/timestamps.sql
\ir ../adopt/compare.sql
CREATE EXTENSION pull_up_club CASCADE;
SELECT * FROM pull_up_club.adopt('club');
