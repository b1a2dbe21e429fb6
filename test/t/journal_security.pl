# Who may do what: the owner of the table gains nothing by his triggers, and roles that are not trusted gain nothing by what they log.
use strict;
use warnings;
use Journal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = journal_server('main');
install($node, 'app');
ask($node, 'app', 'CREATE ROLE low LOGIN; CREATE ROLE guest LOGIN; CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher; CREATE SCHEMA lowland AUTHORIZATION low; CREATE SCHEMA guests AUTHORIZATION guest');
sub as { my ($role, $sql) = @_; return said($node, 'app', $sql, extra_params => [ '-U', $role ]); }
sub as_low { my ($sql) = @_; my $said = as('low', $sql); die $said if $said =~ /ERROR/; return $said; }
sub rows { my ($where) = @_; return ask($node, 'app', "SELECT count(*), sum(occurrences) FROM monitoring.system_errors WHERE $where"); }

# --- a trap on the table ---

# The table belongs to a role without rights, whose triggers try what they can and note how it went.
ask($node, 'app', 'ALTER TABLE monitoring.system_errors OWNER TO low; GRANT USAGE ON SCHEMA monitoring TO low');
my @attempts = (
	'ALTER ROLE low SUPERUSER', 'ALTER ROLE low CREATEROLE', 'CREATE ROLE lower', 'GRANT pg_read_all_data TO low', 'SET ROLE postgres', 'SET LOCAL ROLE postgres', 'RESET ROLE', 'SET ROLE NONE',
	'SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION', q{SET session_replication_role = replica}, q{SET log_min_messages = panic}, q{ALTER SYSTEM SET work_mem = '1GB'},
	q{CREATE FUNCTION public.trap() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'}, q{CREATE FUNCTION lowland.definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text'},
	'CREATE SCHEMA lowest', 'DROP SCHEMA monitoring CASCADE', 'DROP EXTENSION lifeguard CASCADE', 'DELETE FROM lifeguard.journal_files', 'DELETE FROM monitoring.quarantined_errors',
	'UPDATE pg_catalog.pg_authid SET rolsuper = true', 'CREATE TEMP TABLE journal_files (file uuid, consumed bigint, consumed_at timestamptz)',
	q{COPY (SELECT 1) TO PROGRAM 'id > trapped'}, q{SELECT pg_catalog.pg_read_file('postgresql.conf')}, q{SELECT pg_catalog.lo_import('/etc/passwd')},
	q{SELECT pg_catalog.set_config('role', 'postgres', false)}, q{SELECT pg_catalog.set_config('session_authorization', 'postgres', false)},
	q{SELECT lowland.lifts()}, 'SECURITY LABEL ON ROLE low IS NULL', 'LISTEN trap', 'DECLARE kept CURSOR WITH HOLD FOR SELECT lowland.lifts()');
my $tries = join ', ', map { "\$a\$$_\$a\$" } @attempts;
as_low(
	qq{
CREATE TABLE lowland.attempts (place text, tried text, went text, who text, session text, super text);
CREATE FUNCTION lowland.lifts() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN EXECUTE 'ALTER ROLE low SUPERUSER'; RETURN 'lifted'; END \$\$;
-- a trap for operators and functions that are not qualified, called by whoever looks here first
CREATE FUNCTION lowland.tried(place text, what text) RETURNS void LANGUAGE plpgsql AS \$\$
  BEGIN INSERT INTO lowland.attempts VALUES (place, what, NULL, current_user, session_user, (SELECT rolsuper::text FROM pg_catalog.pg_roles WHERE rolname = current_user)); END \$\$;
CREATE FUNCTION lowland.trapped_equal(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS \$\$ BEGIN PERFORM lowland.tried('operator', '='); RETURN pg_catalog.uuid_eq(\$1, \$2); END \$\$;
CREATE OPERATOR lowland.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = lowland.trapped_equal);
CREATE FUNCTION lowland.now() RETURNS timestamptz LANGUAGE plpgsql AS \$\$ BEGIN PERFORM lowland.tried('function', 'now'); RETURN pg_catalog.now(); END \$\$;
CREATE FUNCTION lowland.to_regprocedure(text) RETURNS regprocedure LANGUAGE plpgsql AS \$\$ BEGIN PERFORM lowland.tried('function', 'to_regprocedure'); RETURN NULL; END \$\$;
CREATE TABLE lowland.system_errors (id uuid); CREATE TABLE lowland.journal_files (file uuid, consumed bigint, consumed_at timestamptz);
CREATE FUNCTION lowland.tries(place text) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE attempt text; went text;
BEGIN
  FOREACH attempt IN ARRAY ARRAY[$tries] LOOP
    BEGIN EXECUTE attempt; went := 'done'; EXCEPTION WHEN others THEN went := SQLERRM; END;
    INSERT INTO lowland.attempts VALUES (place, attempt, went, current_user, session_user, (SELECT rolsuper::text FROM pg_catalog.pg_roles WHERE rolname = current_user));
  END LOOP;
  PERFORM pg_catalog.set_config('search_path', 'lowland, pg_catalog', false);
END \$\$;
CREATE FUNCTION lowland.before() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
  IF NEW.error_message = 'try' THEN PERFORM lowland.tries('before'); END IF;
  IF NEW.error_message = 'vanish' THEN RETURN NULL; END IF;
  IF NEW.error_message = 'refuse' THEN RAISE EXCEPTION 'not this one'; END IF;
  RETURN NEW;
END \$\$;
CREATE FUNCTION lowland.after() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
  IF NEW.error_message = 'try' THEN PERFORM lowland.tries('after'); END IF;
  IF NEW.error_message = 'refuse after' THEN RAISE EXCEPTION 'nor this one'; END IF;
  RETURN NULL;
END \$\$;
CREATE FUNCTION lowland.statement() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM lowland.tries('statement'); RETURN NULL; END \$\$;
CREATE TRIGGER first BEFORE INSERT OR UPDATE ON monitoring.system_errors FOR EACH ROW EXECUTE FUNCTION lowland.before();
CREATE TRIGGER second AFTER INSERT OR UPDATE ON monitoring.system_errors FOR EACH ROW EXECUTE FUNCTION lowland.after();
});
my $lifted = q{SELECT rolsuper OR rolcreaterole OR EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) FROM pg_roles r WHERE rolname = 'low'};
# what leaves him who he is, or is his right
my @harmless = ('RESET ROLE', 'SET ROLE NONE', 'RESET SESSION AUTHORIZATION', (grep { /lowland\.definer/ } @attempts));
my $harmless = join ', ', map { "\$a\$$_\$a\$" } @harmless;

# Nothing that was tried since worked, or ran as anybody but the owner.
sub nothing_gained
{
	my ($what, @places) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(ask($node, 'app', $lifted), 'f', "$what: the owner has the rights he had");
	is(ask($node, 'app', q{SELECT string_agg(DISTINCT who, ' ') FROM lowland.attempts}), 'low', "$what: his triggers ran as he");
	is(ask($node, 'app', q{SELECT string_agg(DISTINCT tried || ': ' || went, E'\n') FROM lowland.attempts WHERE went = 'done' AND tried NOT IN (} . $harmless . q{)}), '', "$what: nothing he tried was done");
	is(ask($node, 'app', q{SELECT string_agg(DISTINCT place, ' ' ORDER BY place) FROM lowland.attempts WHERE tried IS NOT NULL}), join(' ', sort @places), "$what: he tried");
	ok(!-e $node->data_dir . '/trapped', "$what: and no program ran");
	return;
}
sub log_types { my (@messages) = @_; return ask($node, 'app', join ';', map { "SELECT monitoring.log_error('trap', '$_')" } @messages); }

log_types('good 1', 'try', 'refuse', 'good 2', 'refuse after', 'vanish', 'good 3');
drained($node, 'app');
is(ask($node, 'app', q{SELECT string_agg(error_message, ' ' ORDER BY error_message) FROM monitoring.system_errors WHERE error_type = 'trap'}), 'good 1 good 2 good 3 try', 'good rows arrive');
is(ask($node, 'app', q{SELECT string_agg(entry ->> 'error_message' || ': ' || reason, ', ' ORDER BY entry ->> 'error_message') FROM monitoring.quarantined_errors WHERE entry ->> 'error_message' ~ 'refuse'}),
	'refuse: P0001 not this one, refuse after: P0001 nor this one', 'the others are set aside, with the reason');
is(counter($node, 'app', 'quarantined') >= 2, 1, 'and counted');
is(ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE error_type <> 'trap'}), '0', 'what the triggers swallowed is no error of the journal');
nothing_gained('triggers for rows', qw(before after));

# the search path that a trigger left is not the next batch's
log_types('good 4');
drained($node, 'app');
is(rows(q{error_message = 'good 4'}), '1|1', 'the next batch does as ever');
is(ask($node, 'app', q{SELECT count(*) FROM lowland.attempts WHERE place IN ('operator', 'function')}), '0', 'and looks up nothing where the trigger sent it');

# a trigger for statements, and a deferred one, which runs when the writer commits
as_low(q{TRUNCATE lowland.attempts; CREATE TRIGGER whole AFTER INSERT ON monitoring.system_errors FOR EACH STATEMENT EXECUTE FUNCTION lowland.statement()});
log_types('good 5');
drained($node, 'app');
is(rows(q{error_message = 'good 5'}), '1|1', 'a row arrives');
nothing_gained('a trigger for statements', 'statement');
as_low(q{TRUNCATE lowland.attempts; DROP TRIGGER whole ON monitoring.system_errors; DROP TRIGGER second ON monitoring.system_errors;
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON monitoring.system_errors DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lowland.after()});
log_types('good 6', 'try', 'refuse after');
drained($node, 'app');
is(ask($node, 'app', $lifted), 'f', 'a deferred trigger: the owner has the rights he had');
is(ask($node, 'app', q{SELECT count(*) FROM lowland.attempts WHERE who <> 'low' OR went = 'done' AND tried NOT IN (} . $harmless . q{)}), '0', 'a deferred trigger: gains nothing');
is( ask($node, 'app', q{SELECT count(*) FROM (SELECT error_message FROM monitoring.system_errors WHERE error_message = 'good 6' UNION ALL
		SELECT entry ->> 'error_message' FROM monitoring.quarantined_errors WHERE entry ->> 'error_message' = 'good 6' AND reason <> '') all_of_it}), '1', 'a deferred trigger: the good row arrives, or is set aside with the reason');

# what a superuser calls does not lift him either
as_low(q{DROP TRIGGER late ON monitoring.system_errors; TRUNCATE lowland.attempts;
CREATE FUNCTION lowland.gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM lowland.tries('delete'); RETURN OLD; END $$;
CREATE TRIGGER gone BEFORE DELETE ON monitoring.system_errors FOR EACH ROW EXECUTE FUNCTION lowland.gone();
CREATE FUNCTION lowland.again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM lowland.tries('again'); RETURN NEW; END $$;
DROP TRIGGER first ON monitoring.system_errors;
CREATE TRIGGER again BEFORE INSERT ON monitoring.system_errors FOR EACH ROW EXECUTE FUNCTION lowland.again()});
ask($node, 'app', q{UPDATE monitoring.system_errors SET created_at = now() - interval '1000 days', last_seen_at = now() - interval '1000 days'; TRUNCATE lowland.attempts});
my @calls = (q{SELECT monitoring.prune_errors()}, q{SELECT monitoring.retry_quarantined()}, q{SELECT count(*) FROM monitoring.selftest()});
for my $call (@calls)
{
	said($node, 'app', $call);
	is(ask($node, 'app', $lifted), 'f', "a superuser's $call does not lift the owner");
	is(ask($node, 'app', q{SELECT string_agg(DISTINCT who, ' ') FROM lowland.attempts WHERE who <> 'low'}), '', "$call runs his triggers as he");
	ask($node, 'app', 'TRUNCATE lowland.attempts; ALTER ROLE low NOSUPERUSER NOCREATEROLE; REVOKE pg_read_all_data FROM low; DROP ROLE IF EXISTS lower');
	unlink $node->data_dir . '/trapped';
}

# checks, defaults, indexes, rules and policies are the owner's too
ask($node, 'app', 'GRANT CREATE ON SCHEMA monitoring TO low');
as_low(q{DROP TRIGGER again ON monitoring.system_errors; DROP TRIGGER gone ON monitoring.system_errors; TRUNCATE lowland.attempts;
CREATE FUNCTION lowland.rank(text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM lowland.lifts(); RETURN 1; EXCEPTION WHEN others THEN PERFORM lowland.tried('expression', SQLERRM); RETURN 0; END $$;
ALTER TABLE monitoring.system_errors ADD COLUMN extra int DEFAULT lowland.rank('x'), ADD CHECK (lowland.rank(error_type) >= 0);
CREATE INDEX ON monitoring.system_errors (lowland.rank(error_message));
ALTER TABLE monitoring.system_errors FORCE ROW LEVEL SECURITY;
CREATE POLICY none ON monitoring.system_errors AS RESTRICTIVE USING (false) WITH CHECK (false)});
ask($node, 'app', 'REVOKE CREATE ON SCHEMA monitoring FROM low');
log_types('good 7');
drained($node, 'app');
is(rows(q{error_message = 'good 7'}), '1|1', 'a column, a check, an index and a policy of his do not keep a row away');
is(ask($node, 'app', $lifted), 'f', 'nor lift him');
is(ask($node, 'app', q{SELECT string_agg(DISTINCT who, ' ') FROM lowland.attempts}), 'low', 'they run as he');
as_low(q{CREATE RULE also AS ON DELETE TO monitoring.system_errors DO ALSO SELECT lowland.rank('x'); CREATE RULE too AS ON UPDATE TO monitoring.system_errors DO ALSO SELECT lowland.rank('x')});
ask($node, 'app', q{INSERT INTO monitoring.quarantined_errors (id, reason, entry) VALUES (gen_random_uuid(), '', '{"error_type": "x", "error_message": "x", "context": {}, "created_at": "2026-01-02 03:04:05+00",
  "severity": "ERROR", "source": "logged", "occurrences": 1, "last_seen_at": "2026-01-02 03:04:06+00"}')});
my $any = ask($node, 'app', q{SELECT id FROM monitoring.system_errors WHERE error_message = 'good 7'});
for my $call ("SELECT monitoring.resolve('$any')", "SELECT monitoring.reopen('$any')", @calls)
{
	my $out = said($node, 'app', $call);
	is(ask($node, 'app', $lifted), 'f', "nor does a superuser's $call") or diag $out;
	ask($node, 'app', 'ALTER ROLE low NOSUPERUSER');
}
ask($node, 'app', q{DROP SCHEMA lowland CASCADE; CREATE SCHEMA lowland AUTHORIZATION low; ALTER TABLE monitoring.system_errors OWNER TO postgres, NO FORCE ROW LEVEL SECURITY; DROP POLICY none ON monitoring.system_errors;
DELETE FROM monitoring.system_errors; DELETE FROM monitoring.quarantined_errors});

# --- roles that are not trusted ---

my %refused = (
	'SELECT count(*) FROM monitoring.system_errors' => 'read',
	'SELECT count(*) FROM monitoring.quarantined_errors' => 'read what is set aside',
	'SELECT count(*) FROM monitoring.unresolved_errors' => 'read a view',
	q{INSERT INTO monitoring.system_errors (error_type, error_message) VALUES ('x', 'x')} => 'write',
	'DELETE FROM monitoring.system_errors' => 'delete',
	'SELECT monitoring.drain()' => 'drain',
	q{SELECT monitoring.mute('guests.f()')} => 'mute',
	q{SELECT monitoring.unmute('guests.f()')} => 'unmute',
	'SELECT monitoring.prune_errors()' => 'prune',
	'SELECT monitoring.retry_quarantined()' => 'retry',
	q{SELECT monitoring.resolve('00000000-0000-4000-8000-000000000000')} => 'resolve',
	q{SELECT lifeguard.raise_uncaught('x')} => 'write into the server log',
	'SELECT lifeguard.journal_state()' => 'see the files',
	'SELECT lifeguard.journal_counters()' => 'see the counters',
	'SELECT lifeguard.begin_journal()' => 'begin the journal',
	'SELECT count(*) FROM lifeguard.journal_files' => 'see what was read');
as('guest', 'CREATE FUNCTION guests.f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$');
for my $statement (sort keys %refused)
{
	like(as('guest', $statement), qr/permission denied|must be/, "a guest may not $refused{$statement}");
}
for my $setting (['capture_uncaught', 'off'], ['capture_swallowed', 'off'], ['capture_query', 'on'], ['durability', 'fsync'], ['fold_window', '0'], ['log_rate', '-1'], ['redact', 'off'], ['journal_limit', '1'])
{
	my ($name, $value) = @$setting;
	like(as('guest', "SET lifeguard.$name = '$value'"), qr/permission denied|cannot be changed/, "a guest may not set lifeguard.$name");
}
like(as('guest', q{ALTER ROLE guest SET lifeguard.log_rate = -1}), qr/permission denied/, 'nor for ever');
{
	local $ENV{PGOPTIONS} = '-c lifeguard.log_rate=-1';
	like(said($node, 'app', 'SELECT 1', extra_params => [ '-U', 'guest' ]), qr/permission denied/, 'nor when he connects');
}
is(as('watcher', 'SELECT monitoring.drain()'), 't', 'who watches may drain');
like(as('watcher', 'SELECT count(*) FROM monitoring.system_errors'), qr/^\d+$/, 'and read');
for my $statement (q{DELETE FROM monitoring.system_errors}, q{SELECT monitoring.mute('guests.f()')}, q{SELECT monitoring.prune_errors()})
{
	like(as('watcher', $statement), qr/permission denied/, "but not $statement");
}
ask($node, 'app', 'DELETE FROM monitoring.system_errors');

# --- the rate ---

$node->append_conf('postgresql.conf', 'lifeguard.log_rate = 5');
$node->reload;
# Ids that a role was answered for 1000 calls; what they are in the table.
sub floods
{
	my ($role, $type) = @_;
	my @ids = split /\n/, as($role, "SELECT monitoring.log_error('$type', g::text) FROM generate_series(1, 1000) g");
	drained($node, 'app');
	my %ids = map { $_ => 1 } @ids;
	is(scalar(@ids), 1000, "$role: each call is answered");
	is(ask($node, 'app', q{SELECT count(*) FROM monitoring.system_errors WHERE id IN ('} . join(q{','}, keys %ids) . q{')}), scalar(keys %ids), "$role: by the id of a row that is there");
	return ask($node, 'app', q{SELECT count(*) FILTER (WHERE error_type <> 'rate_limited'), coalesce(sum(occurrences) FILTER (WHERE error_type = 'rate_limited'), 0), sum(occurrences) FROM monitoring.system_errors WHERE id IN ('}
		  . join(q{','}, keys %ids) . q{')});
}
my $limited = floods('guest', 'flood');
my ($single, $more, $sum) = split /\|/, $limited;
cmp_ok($single, '<=', 75, "a guest gets ten seconds' worth of rows ($single)");
cmp_ok($single, '>=', 50, 'not fewer');
is($sum, '1000', 'and the rest is counted, exactly');
is(counter($node, 'app', 'rate_limited'), $more, 'also in the counters');
is(rows(q{error_type = 'rate_limited'}), "1|$more", 'in one row');
like(ask($node, 'app', q{SELECT session_user_name || ' ' || error_message FROM monitoring.system_errors WHERE error_type = 'rate_limited'}), qr/guest/, 'that names the role');
ask($node, 'app', 'DELETE FROM monitoring.system_errors');
is(floods('low', 'other flood') =~ /^(\d+)/ && $1 >= 50, 1, 'another role has a rate of its own');
ask($node, 'app', 'DELETE FROM monitoring.system_errors');
is(floods('postgres', 'trusted'), '1000|0|1000', 'a superuser has none');
ask($node, 'app', 'DELETE FROM monitoring.system_errors; GRANT INSERT ON monitoring.system_errors TO low');
is(floods('low', 'trusted now'), '1000|0|1000', 'nor has who may write into the table');
$node->append_conf('postgresql.conf', 'lifeguard.log_rate = -1');
$node->reload;
ask($node, 'app', 'DELETE FROM monitoring.system_errors');
is(floods('guest', 'unlimited'), '1000|0|1000', 'nor anybody when that is set');
ask($node, 'app', 'DELETE FROM monitoring.system_errors');

# --- texts that would be more ---

ask($node, 'app', q{CREATE TABLE victim (a int); INSERT INTO victim VALUES (1); CREATE ROLE "o'rule ""x""; DROP TABLE victim; --" LOGIN});
my @texts = (
	q{'; DROP TABLE public.victim; --}, q{'); DELETE FROM public.victim; --}, q{\\'; DROP TABLE public.victim; --}, q{$$; DROP TABLE public.victim; $$}, q{%s%n%d %1$s %}, q{"\\u0041"}, q{{"a":"b"}},
	q{E'\\x00'}, q{$1 $2 :name}, qq{two\nlines\ttab}, q{{1,2,NULL}}, q{(a,b)}, q{\\N}, q{NULL}, q{}, q{''''}, q{\\}, "\xc3\xbc \xf0\x9f\x98\x80");
my $quoted = join ', ', map { my $text = $_; $text =~ s/'/''/g; "'$text'" } @texts;
is(as('guest', "SET standard_conforming_strings = on; SELECT count(monitoring.log_error(t, t, jsonb_build_object(t, t, 'of', 'texts'))) FROM unnest(ARRAY[$quoted]) t"), scalar(@texts), 'each is logged');
drained($node, 'app');
is( ask($node, 'app', "SELECT count(*) FROM unnest(ARRAY[$quoted]) t JOIN monitoring.system_errors e ON e.error_type = t AND e.error_message = t AND e.context = jsonb_build_object(t, t, 'of', 'texts')"),
	scalar(@texts), 'and is in its row as it was');
as('guest', q{
CREATE FUNCTION guests."f'; DROP TABLE victim; --"("a'b" text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM 1/0; EXCEPTION WHEN others THEN NULL; END $$;
SET application_name = '''; DROP TABLE public.victim; -- "x" \\';
SELECT guests."f'; DROP TABLE victim; --"('x');
DO $do$ BEGIN RAISE EXCEPTION '%', '''; DROP TABLE public.victim; --' USING DETAIL = '''); DROP TABLE public.victim; --', HINT = 'h''', TABLE = 't''; DROP TABLE victim; --', COLUMN = '"c''"', CONSTRAINT = '$$', SCHEMA = 's\', DATATYPE = 'd'''; END $do$;
});
said($node, 'app', 'SELECT nothing_here', extra_params => [ '-U', q{o'rule "x"; DROP TABLE victim; --} ]);
drained($node, 'app');
is(ask($node, 'app', 'SELECT count(*) FROM victim'), '1', 'nothing of it was run');
is(ask($node, 'app', q{SELECT context ->> 'detail', context ->> 'table', context ->> 'column', context ->> 'constraint', context ->> 'schema', context ->> 'application_name' FROM monitoring.system_errors WHERE source = 'uncaught' AND sqlstate = 'P0001'}),
	q{'); DROP TABLE public.victim; --|t'; DROP TABLE victim; --|"c'"|$$|s\\|'; DROP TABLE public.victim; -- "x" \\}, 'an uncaught error has its fields');
is(ask($node, 'app', q{SELECT context ->> 'function' FROM monitoring.system_errors WHERE source = 'swallowed'}), q{guests."f'; DROP TABLE victim; --"(text)}, 'a swallowed one its function');
is(ask($node, 'app', q{SELECT session_user_name FROM monitoring.system_errors WHERE error_message ~ 'nothing_here'}), q{o'rule "x"; DROP TABLE victim; --}, 'and each its role');
ask($node, 'app', q{SELECT monitoring.mute($q$guests."f'; DROP TABLE victim; --"(text)$q$, 'x''; DROP TABLE public.victim; --')});
as('guest', q{SELECT guests."f'; DROP TABLE victim; --"('x')});
drained($node, 'app');
is(ask($node, 'app', q{SELECT sum(occurrences) FROM monitoring.system_errors WHERE source = 'swallowed'}), '1', 'that can be muted');
# a name in the list of muted functions that is none
ask($node, 'app', q{INSERT INTO monitoring.muted_functions (function, reason, muted_by, muted_at) VALUES ('no such(', NULL, 'x', now()), ('''; DROP TABLE public.victim; --', NULL, 'x', now()), ('gone.f(int)', NULL, 'x', now())});
log_types('with odd names');
drained($node, 'app', 'names of functions that are gone or never were do not stop the writer');
is(rows(q{error_message = 'with odd names'}), '1|1', 'rows arrive');

# --- claims ---

my $user = '6f1f2c8e-0c7a-4b7e-9a57-0123456789ab';
my %claims = (
	garbage => [ '{"sub": ', '' ], text => [ 'nonsense', '' ], empty => [ '', '' ], array => [ qq{["$user"]}, '' ], number => [ '{"sub": 7}', '' ], object => [ qq{{"sub": {"sub": "$user"}}}, '' ],
	none => [ '{"role": "x"}', '' ], null => [ '{"sub": null}', '' ], 'no uuid' => [ q{{"sub": "'; DROP TABLE public.victim; --"}}, '' ], 'half a uuid' => [ '{"sub": "6f1f2c8e"}', '' ],
	nested => [ qq{{"a": {"sub": "11111111-1111-4111-8111-111111111111"}, "sub": "$user"}}, $user ], 'in a text' => [ qq{{"a": "\\"sub\\": \\"11111111-1111-4111-8111-111111111111\\"", "sub": "$user"}}, $user ],
	good => [ qq{{"sub": "$user", "role": "x"}}, $user ], deep => [ '{"a":' x 2000 . '1' . '}' x 2000, '' ], long => [ '{"a": "' . 'x' x 1_000_000 . qq(", "sub": "$user"}), undef ]);
for my $kind (sort keys %claims)
{
	my ($claims, $app_user) = @{ $claims{$kind} };
	my $text = $claims =~ s/'/''/gr;
	my $out = as('guest', "SELECT set_config('request.jwt.claims', '$text', false) IS NULL; SELECT monitoring.log_error('claims', '$kind'); DO \$\$ BEGIN RAISE EXCEPTION 'claims $kind'; END \$\$;");
	like($out, qr/[0-9a-f-]{36}/, "claims ($kind): log_error answers");
	drained($node, 'app');
	my $is = ask($node, 'app', "SELECT DISTINCT coalesce(app_user::text, '') FROM monitoring.system_errors WHERE error_message IN ('$kind', 'claims $kind') GROUP BY 1 HAVING count(*) = 2");
	is($is, $app_user, "claims ($kind): the user is who they say, or nobody") if defined $app_user;
	like($is, qr/^(?:$user)?$/, "claims ($kind): the user is who they say, or nobody") if !defined $app_user;
	is(rows("error_message IN ('$kind', 'claims $kind')"), '2|2', "claims ($kind): both rows are there");
}

# --- another database ---

install($node, 'other');
my $elsewhere = ask($node, 'other', q{SELECT monitoring.log_error('other', 'of the other database')});
said($node, 'other', 'SELECT elsewhere');
drained($node, 'other');
drained($node, 'app');
is(rows("id = '$elsewhere' OR error_message ~ 'elsewhere'"), '0|', 'errors of another database are not here');
is(ask($node, 'other', q{SELECT string_agg(source, ' ' ORDER BY source) FROM monitoring.system_errors}), 'logged uncaught', 'but there');

# --- a GRANT of everything on a superuser's table is not a superuser's rights ---

ask($node, 'other', q{
CREATE SCHEMA lowland AUTHORIZATION low;
GRANT ALL ON ALL TABLES IN SCHEMA monitoring TO low;
SET ROLE low;
CREATE FUNCTION lowland.lift() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ALTER ROLE low SUPERUSER'; RETURN new; END $$;
CREATE TRIGGER lift BEFORE INSERT ON monitoring.system_errors FOR EACH ROW EXECUTE FUNCTION lowland.lift();
CREATE TRIGGER lift BEFORE INSERT ON monitoring.quarantined_errors FOR EACH ROW EXECUTE FUNCTION lowland.lift();
RESET ROLE;
CREATE FUNCTION public.mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.resolution := 'marked'; RETURN new; END $$;
SELECT monitoring.log_error('granted', 'one')});
drained($node, 'other');
is(ask($node, 'other', q{SELECT count(*), (SELECT rolsuper FROM pg_roles WHERE rolname = 'low') FROM monitoring.system_errors WHERE error_type = 'granted'}), '1|f',
	"who was granted TRIGGER on a superuser's table has nobody run his function, and the row is stored");
like(said($node, 'other', 'SELECT monitoring.prune_errors()'), qr/ERROR:  the trigger lift on monitoring.system_errors would run a function of low/, 'nor does a superuser by what he calls');
ask($node, 'other', q{
DROP TRIGGER lift ON monitoring.system_errors;
CREATE TRIGGER mark BEFORE INSERT ON monitoring.system_errors FOR EACH ROW EXECUTE FUNCTION public.mark();
SELECT monitoring.log_error('granted', 'two')});
drained($node, 'other');
is(ask($node, 'other', q{SELECT resolution FROM monitoring.system_errors WHERE error_message = 'two'}), 'marked', "a superuser's own trigger runs");

settled($node, 'at the end');
$node->stop;
done_testing();
