-- How the story's tables look.
\set ON_ERROR_STOP off
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset border 1
\pset footer off
\pset null '-'
\pset linestyle unicode
SET client_min_messages = warning;
