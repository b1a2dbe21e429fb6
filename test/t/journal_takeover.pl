# CREATE EXTENSION where there is a schema monitoring with a table of errors already: what is taken over, what is refused and how
# that is put right, whose code does not run; and that the result survives DROP EXTENSION, dump and restore.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'lifeguard'\ntimezone = 'UTC'");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE app; CREATE ROLE "Dash board"; CREATE ROLE mallory; CREATE ROLE chief SUPERUSER');

# A database of its own for each case.
my $number = 0;
sub database
{
	my ($sql) = @_;
	my $name = 'case' . ++$number;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, $sql);
	return $name;
}

# Creates the extension; what the server says besides.
sub create
{
	my ($name) = @_;
	my ($status, $out, $err) = $node->psql($name, "\\set SHOW_CONTEXT never\n\\set VERBOSITY verbose\nCREATE EXTENSION lifeguard;");
	$err =~ s/^psql:<stdin>:\d+: //mg;
	$err =~ s/^LOCATION:.*\n?//mg;
	return $err;
}

# Is refused for these reasons and no others; what the hint says makes it work.
sub refused_then_mended
{
	my ($name, $title, @reasons) = @_;
	my $said = create($name);
	like($said, qr/^ERROR:  LG203: /, "$title: refused");
	my ($detail) = $said =~ /^DETAIL:  (.*)$/m;
	is($node->safe_psql($name, "SELECT string_agg(o, E'\\n' ORDER BY o) FROM jsonb_array_elements_text(\$d\$$detail\$d\$::jsonb -> 'obstacles') o"),
		join("\n", sort @reasons), "$title: for every reason at once");
	my ($hint) = $said =~ /^HINT:  Look at what is there, then:\n(.*)/ms;
	$node->safe_psql($name, $hint);
	unlike(create($name), qr/ERROR/, "$title: and created when the hint is followed");
	return $hint;
}

# --- the club's table ---

my $club = q{
CREATE SCHEMA monitoring;
CREATE TABLE monitoring.system_errors (
  id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  error_type    text,
  error_message text,
  context       jsonb,
  created_at    timestamptz DEFAULT now()
);
INSERT INTO monitoring.system_errors (id, error_type, error_message, context, created_at)
SELECT ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'POOL_DATE_MISMATCH', 'week ' || i, jsonb_build_object('pool', i), '2025-06-01'::timestamptz + i * interval '1 day'
  FROM generate_series(1, 5) i;
};
my $db = database($club . q{
INSERT INTO monitoring.system_errors (id, error_type, error_message, context, created_at) VALUES
  ('00000000-0000-4000-8000-000000000006', NULL, NULL, NULL, NULL), ('00000000-0000-4000-8000-000000000007', 'odd', 'list', '[1, "a"]', 'infinity'),
  ('00000000-0000-4000-8000-000000000008', 'odd', 'null', 'null', '-infinity'), ('00000000-0000-4000-8000-000000000009', 'odd', 'text', '"a"', '0044-03-15 BC');
GRANT USAGE ON SCHEMA monitoring TO app;
GRANT INSERT ON monitoring.system_errors TO app;
GRANT INSERT (error_type, error_message), SELECT, DELETE ON monitoring.system_errors TO "Dash board";
CREATE VIEW monitoring.recent AS SELECT * FROM monitoring.system_errors;
CREATE FUNCTION monitoring.notify() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER tell AFTER INSERT ON monitoring.system_errors FOR EACH ROW EXECUTE FUNCTION monitoring.notify();
CREATE POLICY mine ON monitoring.system_errors;
CREATE TABLE public.tickets (error uuid REFERENCES monitoring.system_errors);
COMMENT ON SCHEMA monitoring IS 'ours';
});
my $said = create($db);
like($said, qr/^WARNING:  01000: stays with monitoring\.system_errors_before, the table as it was: DELETE\/SELECT for "Dash board", constraint tickets_error_fkey on table public\.tickets, policy mine on table monitoring\.system_errors_before, trigger tell on table monitoring\.system_errors_before, view monitoring\.recent$/m,
	'what is not taken over is named');
unlike($said, qr/ERROR/, 'and the extension is there');
my $rows = q{SELECT id, error_type, error_message, context, created_at, last_seen_at, occurrences, source, severity, resolved FROM monitoring.system_errors};
is($node->safe_psql($db, "$rows WHERE error_type = 'POOL_DATE_MISMATCH' ORDER BY id LIMIT 2; SELECT count(*) FROM monitoring.system_errors; SELECT count(*) FROM monitoring.system_errors_before"),
	qq{00000000-0000-4000-8000-000000000001|POOL_DATE_MISMATCH|week 1|{"pool": 1}|2025-06-02 00:00:00+00|2025-06-02 00:00:00+00|1|logged|ERROR|f
00000000-0000-4000-8000-000000000002|POOL_DATE_MISMATCH|week 2|{"pool": 2}|2025-06-03 00:00:00+00|2025-06-03 00:00:00+00|1|logged|ERROR|f
9
9}, 'rows are there with their ids and dates, and the old table as it was');
is($node->safe_psql($db, "SELECT error_type, error_message, context, CASE WHEN created_at > now() - interval '1 hour' AND created_at <= now() THEN 'now' ELSE created_at::text END, last_seen_at = created_at FROM monitoring.system_errors WHERE id::text > '00000000-0000-4000-8000-000000000005' ORDER BY id"),
	qq{unspecified||{}|now|t\nodd|list|{"value": [1, "a"]}|infinity|t\nodd|null|{}|-infinity|t\nodd|text|{"value": "a"}|0044-03-15 00:00:00+00 BC|t}, 'what was null or no object is something else');
is($node->safe_psql($db, q{SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'monitoring.system_errors_before'::regclass;
SELECT obj_description('monitoring'::regnamespace, 'pg_namespace');
SELECT count(*) FROM pg_depend WHERE objid = 'monitoring'::regnamespace AND deptype = 'e'}), "system_errors_before_pkey|PRIMARY KEY (id)\nours\n0", 'the schema is the database\'s as before');

# code that inserts as it always did
is($node->safe_psql($db, q{SET ROLE app;
INSERT INTO monitoring.system_errors (error_type, error_message, context) VALUES ('from app', 'm', '{"a": 1}');
INSERT INTO monitoring.system_errors (error_type, error_message, context) VALUES (NULL, NULL, NULL);
INSERT INTO monitoring.system_errors VALUES (gen_random_uuid(), 'from app', 'all columns', NULL, NULL);
SET ROLE "Dash board";
INSERT INTO monitoring.system_errors (error_type, error_message) VALUES ('from app', 'two columns');
RESET ROLE;
SELECT error_type, error_message, context, created_at = last_seen_at FROM monitoring.system_errors WHERE created_at > now() - interval '10 s' AND id::text NOT LIKE '00000000-%' ORDER BY 1, 2}),
	qq{from app|all columns|{}|t\nfrom app|m|{"a": 1}|t\nfrom app|two columns|{}|t\nunspecified||{}|t}, 'existing inserts go on, with their NULLs');
for my $forbidden ([ 'app', 'SELECT * FROM monitoring.system_errors' ], [ 'app', q{INSERT INTO monitoring.system_errors (error_type, error_message, source) VALUES ('a', 'b', 'uncaught')} ],
	[ '"Dash board"', q{INSERT INTO monitoring.system_errors (error_type, error_message, context) VALUES ('a', 'b', '{}')} ], [ '"Dash board"', 'SELECT 1 FROM monitoring.system_errors' ])
{
	my ($status, $out, $err) = $node->psql($db, "SET ROLE $forbidden->[0]; $forbidden->[1]");
	like($err, qr/permission denied for table system_errors/, "$forbidden->[0] may do no more than before: $forbidden->[1]");
}

# --- dump and restore ---

$node->safe_psql($db, q{
CREATE FUNCTION public.noisy(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT monitoring.mute('public.noisy(int)', 'known');
SELECT monitoring.resolve('00000000-0000-4000-8000-000000000001', 'mended');
SELECT monitoring.log_error('fresh', 'from today');
SELECT monitoring.drain();
INSERT INTO monitoring.quarantined_errors (id, reason, entry) VALUES (gen_random_uuid(), 'why', '{"error_type": "q"}');
INSERT INTO lifeguard.journal_files VALUES (gen_random_uuid(), 1);
CREATE ROLE reader; GRANT SELECT ON monitoring.system_errors TO reader; GRANT EXECUTE ON FUNCTION monitoring.mute(regprocedure, text) TO reader;
});
my $state = q{SELECT * FROM monitoring.system_errors ORDER BY id; SELECT * FROM monitoring.quarantined_errors; SELECT * FROM monitoring.muted_functions; SELECT count(*) FROM monitoring.system_errors_before;
SELECT attname, acl::text FROM pg_attribute, unnest(attacl) acl WHERE attrelid = 'monitoring.system_errors'::regclass ORDER BY 1, 2;
SELECT acl::text FROM pg_class, unnest(relacl) acl WHERE oid = 'monitoring.system_errors'::regclass ORDER BY 1; SELECT acl::text FROM pg_namespace, unnest(nspacl) acl WHERE nspname = 'monitoring' ORDER BY 1;
SELECT acl::text FROM pg_proc, unnest(proacl) acl WHERE oid = 'monitoring.mute'::regproc ORDER BY 1;
SELECT relrowsecurity FROM pg_class WHERE oid = 'monitoring.system_errors'::regclass; SELECT polname, polcmd, polroles FROM pg_policy ORDER BY 1;
SELECT conname FROM pg_constraint WHERE connamespace = 'monitoring'::regnamespace ORDER BY 1};
my $expected = $node->safe_psql($db, $state);
like($expected, qr/^\S+\|fresh\|from today\|/m, 'there is something to dump');
my $dump = "$PostgreSQL::Test::Utils::tmp_check/takeover";
my @server = ('-h', $node->host, '-p', $node->port);
$node->command_ok([ 'pg_dump', @server, '-f', "$dump.sql", $db ], 'pg_dump as text');
$node->command_ok([ 'pg_dump', @server, '-Fc', '-f', "$dump.archive", $db ], 'pg_dump as an archive');
unlike(slurp_file("$dump.sql"), qr/COPY lifeguard\.journal_files/, 'without what belongs to this server\'s files');
$node->safe_psql('postgres', 'CREATE DATABASE by_text; CREATE DATABASE by_archive; CREATE DATABASE by_chief');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @server, '-f', "$dump.sql", 'by_text' ], 'restored from text without an error');
is($node->safe_psql('by_text', $state), $expected, 'the same rows, rights and policies');
$node->command_ok([ 'pg_restore', '-j', '2', '--exit-on-error', @server, '-d', 'by_archive', "$dump.archive" ], 'restored from the archive without an error');
is($node->safe_psql('by_archive', $state), $expected, 'the same rows, rights and policies');
is($node->safe_psql('by_text', 'SELECT bool_and(works) FROM monitoring.selftest()'), 't', 'and the journal works there');
$node->command_ok([ 'pg_dump', @server, '-f', "$dump.again.sql", 'by_text' ], 'dumped again');
sub dumped { my $text = slurp_file($_[0]); $text =~ s/^\\(un)?restrict .*\n//mg; return join "\n", sort split /\n/, $text; }
is(dumped("$dump.again.sql"), dumped("$dump.sql"), 'the second dump is the first');

# --- dropped and created again ---

$node->safe_psql($db, 'DROP EXTENSION lifeguard');
is($node->safe_psql($db, q{SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'monitoring'::regnamespace AND relkind IN ('r', 'v'); SELECT count(*) FROM pg_proc WHERE pronamespace = 'monitoring'::regnamespace}),
	"recent system_errors_before\n1", 'DROP EXTENSION leaves what is not its own');
like(create($db), qr/^WARNING:  01000: stays with/, 'created again');
is($node->safe_psql($db, q{SELECT count(*), count(*) FILTER (WHERE created_at = '2025-06-02') FROM monitoring.system_errors}), '9|1', 'with the rows of the table that was there first');
$db = database('CREATE EXTENSION lifeguard');
$node->safe_psql($db, q{INSERT INTO monitoring.system_errors (error_type, error_message) VALUES ('a', 'b'); DROP EXTENSION lifeguard});
is(create($db), '', 'in a database without a table of errors as well');
is($node->safe_psql($db, 'SELECT count(*) FROM monitoring.system_errors'), '0', 'where it begins anew');
$node->safe_psql($db, 'CREATE TABLE monitoring.notes (); DROP EXTENSION lifeguard; DROP TABLE monitoring.notes; DROP SCHEMA monitoring; CREATE EXTENSION lifeguard');
pass('what others put into the schema is in nobody\'s way');

# --- other tables ---

my @tables = (
	[ 'no id, no date', q{error_type text, error_message text}, q{('a', 'b'), (NULL, NULL)}, q{SELECT error_type, error_message, context, created_at > now() - interval '1 min' FROM monitoring.system_errors ORDER BY 1},
		"a|b|{}|t\nunspecified||{}|t" ],
	[ 'a serial id and a timestamp', q{id serial PRIMARY KEY, error_type varchar(20), error_message text NOT NULL, context json, created_at timestamp},
		q{(7, 'a', 'b', '{"x": 1, "x": 2}', '2025-01-02 03:04:05'), (8, 'a', 'zero', '{"x": "\u0000"}', 'infinity'), (9, NULL, 'far', NULL, '294276-12-31 23:59:59')},
		q{SELECT error_type, error_message, context, created_at FROM monitoring.system_errors ORDER BY context ->> 'id_before'},
		qq{a|b|{"x": 2, "id_before": 7}|2025-01-02 03:04:05+00\na|zero|{"value": "{\\"x\\": \\"\\\\u0000\\"}", "id_before": 8}|infinity\nunspecified|far|{"id_before": 9}|294000-01-01 00:00:00+00} ],
	[ 'a date, a context of text, columns of others', q{created_at date, "Error Type" text, error_type char(8), context text, error_message name, user_id int, severity text, resolved boolean, resolved_at date, resolved_by uuid, resolution text, app_user uuid, "weird ""column""" int},
		q{('2025-02-03', 'X', 'a', '{"y": 1}', 'b', 1, 'critical', true, '2025-03-04', '00000000-0000-4000-8000-000000000001', 'done', '00000000-0000-4000-8000-000000000002', 1), ('5874897-12-31', 'X', 'a', 'no JSON', 'c', 1, NULL, NULL, NULL, NULL, NULL, NULL, 1)},
		q{SELECT error_type, error_message, context, created_at, severity, resolved, resolved_at, resolved_by, resolution, app_user FROM monitoring.system_errors ORDER BY 2},
		qq{a|b|{"y": 1}|2025-02-03 00:00:00+00|critical|t|2025-03-04 00:00:00+00|00000000-0000-4000-8000-000000000001|done|00000000-0000-4000-8000-000000000002\na|c|{"value": "no JSON"}|294000-01-01 00:00:00+00|ERROR|f||||} ],
	[ 'ids that are not unique', q{id uuid, error_type text, error_message text}, q{('00000000-0000-4000-8000-000000000001', 'a', '1'), ('00000000-0000-4000-8000-000000000001', 'a', '2'), (NULL, 'a', '3'), (NULL, 'a', '4')},
		q{SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE id = '00000000-0000-4000-8000-000000000001' AND error_message = '1') FROM monitoring.system_errors}, '4|4|1' ],
	[ 'a text as id, a generated column, one that was dropped', q{gone int, id text, error_message text, error_type text GENERATED ALWAYS AS ('type of ' || id) STORED}, undef,
		q{SELECT error_type, error_message, context FROM monitoring.system_errors}, 'type of x|m|{"id_before": "x"}', q{INSERT INTO monitoring.system_errors (id, error_message) VALUES ('x', 'm'); ALTER TABLE monitoring.system_errors DROP COLUMN gone} ],
	[ 'no rows', q{id uuid, error_type text, error_message text}, undef, q{SELECT count(*) FROM monitoring.system_errors}, '0' ],
	[ 'nothing that is known', q{number int, what text}, q{(1, 'a')}, q{SELECT count(*) FROM monitoring.system_errors; SELECT count(*) FROM monitoring.system_errors_before}, "0\n1" ],
	[ 'no column at all', '', undef, q{SELECT count(*) FROM monitoring.system_errors}, '0' ],
	[ 'an unlogged one', q{error_type text, error_message text) WITH (fillfactor = 50}, q{('a', 'b')}, q{SELECT count(*) FROM monitoring.system_errors}, '1', 'ALTER TABLE monitoring.system_errors SET UNLOGGED' ],
	[ 'one that inherits', q{error_message text) INHERITS (public.parent}, q{('a', 'b')}, q{SELECT error_type, error_message FROM monitoring.system_errors}, 'a|b', '', 'CREATE TABLE public.parent (error_type text)' ],
);
for my $table (@tables)
{
	my ($title, $columns, $values, $query, $wanted, $then, $first) = @$table;
	$db = database(($first || '') . "; CREATE SCHEMA monitoring; CREATE TABLE monitoring.system_errors ($columns);" . ($values ? "INSERT INTO monitoring.system_errors VALUES $values;" : '') . ($then || ''));
	$said = create($db);
	if ($title =~ /nothing|no column/) { like($said, qr/^WARNING:  01000: no row of monitoring\.system_errors_before was taken over: it has no column error_type or error_message/m, "$title: said so"); }
	else { is($said, '', "$title: silent"); }
	is($node->safe_psql($db, $query), $wanted, "$title: rows");
}

$db = database('CREATE SCHEMA monitoring; CREATE TABLE monitoring.system_errors (id bigserial PRIMARY KEY, error_type text, error_message text, context text, created_at timestamptz);'
	. q{INSERT INTO monitoring.system_errors (error_type, error_message, context, created_at) SELECT 't' || i % 10, 'm' || i, CASE i % 3 WHEN 0 THEN '{"a": 1}' WHEN 1 THEN 'text' END, now() - i * interval '1 min' FROM generate_series(1, 100000) i});
my $begun = time;
is(create($db), '', '100,000 rows');
my $seconds = time - $begun;
cmp_ok($seconds, '<', 60, sprintf('are taken over in %.1f s', $seconds));
is($node->safe_psql($db, q{SELECT count(*), count(DISTINCT context ->> 'id_before'), sum((context ->> 'a')::int), count(*) FILTER (WHERE context ? 'value') FROM monitoring.system_errors}), '100000|100000|33333|33334', 'all of them');

# --- who must not be trusted ---

# Whoever's code runs is noted here, with whose rights.
my $trap = q{
CREATE TABLE public.sprung (what text, by name DEFAULT current_user);
CREATE FUNCTION public.note(text) RETURNS void LANGUAGE sql AS 'INSERT INTO public.sprung VALUES ($1)';
GRANT INSERT ON public.sprung TO PUBLIC;
CREATE SCHEMA mallory AUTHORIZATION mallory;
SET ROLE mallory;
CREATE FUNCTION mallory.evil(text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.note($1); RETURN 1; END $$;
CREATE FUNCTION mallory.evil_text(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.note($1); RETURN $1; END $$;
RESET ROLE;
};
my $sprung = 'SELECT what, by FROM public.sprung ORDER BY 1';

$db = database($trap . q{
CREATE SCHEMA monitoring AUTHORIZATION mallory;
GRANT CREATE ON SCHEMA monitoring TO PUBLIC, app;
SET ROLE mallory;
CREATE TABLE monitoring.system_errors (id uuid, error_type text, error_message text);
CREATE INDEX clever ON monitoring.system_errors ((mallory.evil('index')));
CREATE INDEX "partial ""one""" ON monitoring.system_errors (id) WHERE mallory.evil('predicate') = 1;
CREATE STATISTICS monitoring.guess ON (mallory.evil('statistics')), (mallory.evil(error_type)) FROM monitoring.system_errors;
ALTER TABLE monitoring.system_errors ADD CONSTRAINT harmless CHECK (mallory.evil('check') = 1), ADD CHECK (length(error_type) < 1000);
CREATE TRIGGER t BEFORE INSERT ON monitoring.system_errors EXECUTE FUNCTION suppress_redundant_updates_trigger();
ALTER TABLE monitoring.system_errors DISABLE TRIGGER t;
INSERT INTO monitoring.system_errors VALUES (gen_random_uuid(), 'a', 'b');
CREATE TABLE monitoring.child () INHERITS (monitoring.system_errors);
CREATE FUNCTION monitoring.log_error(text, text) RETURNS uuid LANGUAGE sql AS 'SELECT mallory.evil(''log_error''); SELECT gen_random_uuid()';
RESET ROLE;
TRUNCATE public.sprung;
});
refused_then_mended($db, 'a schema of mallory\'s',
	'the schema belongs to mallory', 'app may create objects in it', 'PUBLIC may create objects in it', 'monitoring.system_errors belongs to mallory', 'monitoring.system_errors has a child, monitoring.child',
	'index monitoring.clever uses function mallory.evil(text) of mallory', 'index monitoring."partial ""one""" uses function mallory.evil(text) of mallory',
	'statistics monitoring.guess uses function mallory.evil(text) of mallory', 'constraint harmless uses function mallory.evil(text) of mallory',
	'there is a function monitoring.log_error(text,text) of mallory');
is($node->safe_psql($db, $sprung), '', 'none of whose code has run');
is($node->safe_psql($db, q{SELECT count(*) FROM monitoring.system_errors; SELECT bool_and(works) FROM monitoring.selftest()}), "1\nt", 'and the journal works');

$db = database($trap . q{
CREATE SCHEMA monitoring;
SET ROLE mallory;
CREATE TYPE mallory.loud AS ENUM ('a');
CREATE TYPE mallory.pair AS (a text, b text);
CREATE DOMAIN mallory.checked AS text CHECK (mallory.evil('domain') = 1);
CREATE FUNCTION mallory.to_text(mallory.loud) RETURNS text LANGUAGE sql AS $$ SELECT mallory.evil_text('cast') $$;
CREATE FUNCTION mallory.to_json(mallory.pair) RETURNS jsonb LANGUAGE sql AS $$ SELECT to_jsonb(mallory.evil_text('cast to jsonb')) $$;
CREATE CAST (mallory.loud AS text) WITH FUNCTION mallory.to_text(mallory.loud) AS IMPLICIT;
CREATE CAST (mallory.pair AS jsonb) WITH FUNCTION mallory.to_json(mallory.pair) AS IMPLICIT;
CREATE FUNCTION mallory.worse(text, text) RETURNS text LANGUAGE sql AS $$ SELECT mallory.evil_text('operator') $$;
RESET ROLE;
CREATE TABLE monitoring.system_errors (id uuid, error_type mallory.loud, error_message text, context mallory.pair, severity mallory.checked,
                                       more int GENERATED ALWAYS AS (mallory.evil('generated')) STORED, created_at timestamptz);
ALTER TABLE monitoring.system_errors ALTER created_at SET DEFAULT (now() + mallory.evil('default') * interval '1 s');
INSERT INTO monitoring.system_errors (error_type, error_message, context, severity, created_at) VALUES ('a', 'm', ('x', 'y'), 'ERROR', '2025-05-05');
CREATE VIEW monitoring.loud AS SELECT mallory.evil_text('view') FROM monitoring.system_errors;
CREATE RULE r AS ON INSERT TO monitoring.system_errors DO ALSO SELECT mallory.evil('rule');
CREATE POLICY p ON monitoring.system_errors USING (mallory.evil('policy') = 1);
ALTER TABLE monitoring.system_errors ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
TRUNCATE public.sprung;
});
# operators that would fit better than the server's, where unqualified names might be looked for
$node->safe_psql($db, q{
GRANT CREATE ON SCHEMA public TO mallory; SET ROLE mallory;
CREATE FUNCTION public.compare(name, text) RETURNS boolean LANGUAGE sql AS $$ SELECT mallory.evil_text('=') IS NULL $$;
CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.compare);
CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql AS $$ SELECT mallory.evil_text('format') $$;
CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql AS $$ SELECT mallory.evil_text('lower') $$;
});
like(create($db), qr/^WARNING:  01000: stays with .*view monitoring\.loud/m, 'a table with types of mallory\'s');
is($node->safe_psql($db, $sprung), '', 'of which nothing runs');
is($node->safe_psql($db, 'SELECT error_type, error_message, context, severity, created_at FROM monitoring.system_errors'), 'unspecified|m|{}|ERROR|2025-05-05 00:00:00+00', 'and only columns of the server\'s types are read');

$db = database(q{CREATE SCHEMA monitoring AUTHORIZATION chief; GRANT CREATE ON SCHEMA monitoring TO chief; CREATE TABLE monitoring.system_errors (error_type text, error_message text); ALTER TABLE monitoring.system_errors OWNER TO chief});
is(create($db), '', 'another superuser is trusted');
$db = database(q{CREATE SCHEMA monitoring; GRANT CREATE ON SCHEMA monitoring TO mallory WITH GRANT OPTION; SET ROLE mallory; GRANT CREATE ON SCHEMA monitoring TO app});
refused_then_mended($db, 'rights that were passed on', 'mallory may create objects in it', 'app may create objects in it');

# what default privileges would give away: a trigger on the table acts as its owner
$db = database(q{CREATE SCHEMA monitoring; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO app, PUBLIC; ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO app; ALTER DEFAULT PRIVILEGES IN SCHEMA monitoring GRANT ALL ON TABLES TO mallory});
is(create($db), '', 'default privileges');
is($node->safe_psql($db, q{SELECT count(*) FROM pg_class c, unnest('{app,mallory}'::text[]) r, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p
 WHERE (relnamespace = 'monitoring'::regnamespace OR c.oid = 'lifeguard.journal_files'::regclass) AND relkind IN ('r', 'v') AND has_table_privilege(r, c.oid, p);
SELECT string_agg(f, ' ') FROM unnest('{monitoring.mute(regprocedure\\,text),monitoring.drain(interval),monitoring.selftest(),lifeguard.forget_selftest(text),lifeguard.begin_journal()}'::text[]) f WHERE has_function_privilege('app', f, 'EXECUTE');
SELECT has_function_privilege('app', 'monitoring.log_error(text, text, jsonb)', 'EXECUTE'), has_table_privilege('pg_monitor', 'monitoring.system_errors', 'SELECT');
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM app, PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM app}), "0\n\nt|t", 'give nobody more than the extension means to');

# --- what is in the way ---

# every name of ours in the schema: also those that later versions bring
my @names = split /\n/, $node->safe_psql('by_text', q{
SELECT 'function ' || proname FROM pg_proc p WHERE pronamespace = 'monitoring'::regnamespace AND EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e') GROUP BY 1
UNION SELECT 'relation ' || relname FROM pg_class c WHERE relnamespace = 'monitoring'::regnamespace AND relname NOT LIKE 'system_errors_before%' AND relname NOT IN ('system_errors', 'recent')
   AND NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = c.oid AND indrelid = 'monitoring.system_errors_before'::regclass)
ORDER BY 1});
cmp_ok(scalar(@names), '>=', 17, 'names of the extension\'s in the schema');
my ($make, @reasons) = ('CREATE SCHEMA monitoring; CREATE TABLE monitoring.system_errors (error_type text, error_message text);');
for my $name (@names)
{
	my ($kind, $what) = split / /, $name;
	$make .= $kind eq 'function' ? "CREATE FUNCTION monitoring.$what(point) RETURNS int LANGUAGE sql AS 'SELECT 1';" : "CREATE SEQUENCE monitoring.$what;";
	push @reasons, $kind eq 'function' ? "there is a function monitoring.$what(point) of postgres" : "there is a relation monitoring.$what of postgres";
}
$db = database($make);
refused_then_mended($db, 'every name of ours', @reasons);
is($node->safe_psql($db, q{SELECT count(*) FROM pg_proc WHERE pronamespace = 'monitoring'::regnamespace AND proname LIKE '%\_before'}), scalar(grep { /^function/ } @names), 'renamed, not dropped');

$db = database($club . q{CREATE FUNCTION monitoring.log_error(text, text, jsonb) RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'; CREATE PROCEDURE monitoring.resolve(int) LANGUAGE sql AS ''; CREATE AGGREGATE monitoring.status(int) (sfunc = int4pl, stype = int);
CREATE VIEW monitoring.errors_by_day AS SELECT 1; CREATE TABLE monitoring.latest_errors (); CREATE MATERIALIZED VIEW monitoring.unresolved_errors AS SELECT 1; CREATE TYPE monitoring.muted_functions AS ENUM (); CREATE DOMAIN monitoring.quarantined_errors AS int;
CREATE TABLE monitoring.system_errors_before (a int)});
refused_then_mended($db, 'things of every kind', 'there is a function monitoring.log_error(text,text,jsonb) of postgres', 'there is a function monitoring.resolve(integer) of postgres', 'there is a function monitoring.status(integer) of postgres',
	'there is a relation monitoring.errors_by_day of postgres', 'there is a relation monitoring.latest_errors of postgres', 'there is a relation monitoring.unresolved_errors of postgres', 'there is a type monitoring.muted_functions of postgres',
	'there is a type monitoring.quarantined_errors of postgres', 'there is a relation monitoring.system_errors_before of postgres');
is($node->safe_psql($db, 'SELECT count(*) FROM monitoring.system_errors'), '5', 'rows');

for my $other (
	[ 'a view', q{CREATE TABLE public.errors (error_type text); CREATE VIEW monitoring.system_errors AS SELECT * FROM public.errors}, 'monitoring.system_errors is no table' ],
	[ 'a partitioned table', q{CREATE TABLE monitoring.system_errors (error_type text, at date) PARTITION BY RANGE (at); CREATE TABLE monitoring.p PARTITION OF monitoring.system_errors DEFAULT}, 'monitoring.system_errors is partitioned' ],
	[ 'a partition', q{CREATE TABLE public.whole (error_type text, at date) PARTITION BY RANGE (at); CREATE TABLE monitoring.system_errors PARTITION OF public.whole DEFAULT}, 'monitoring.system_errors is a partition' ],
	[ 'a foreign table', q{CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE monitoring.system_errors (error_type text) SERVER s}, 'monitoring.system_errors is no table' ],
	[ 'a materialized view', q{CREATE MATERIALIZED VIEW monitoring.system_errors AS SELECT 'a' AS error_type}, 'monitoring.system_errors is no table' ],
	[ 'a sequence', q{CREATE SEQUENCE monitoring.system_errors}, 'monitoring.system_errors is no table' ],
	[ 'a composite type', q{CREATE TYPE monitoring.system_errors AS (error_type text)}, 'monitoring.system_errors is no table' ],
	[ 'an enum', q{CREATE TYPE monitoring.system_errors AS ENUM ()}, 'there is a type monitoring.system_errors of postgres' ])
{
	$db = database("CREATE SCHEMA monitoring; $other->[1]");
	refused_then_mended($db, $other->[0], $other->[2]);
	is($node->safe_psql($db, 'SELECT count(*) FROM monitoring.system_errors'), '0', "$other->[0]: its rows are left alone");
}

$node->stop;
done_testing();
