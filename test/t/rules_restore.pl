# Dump and restore: rules, history and what depends on what come back, by text and by archive, and work as before.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump";

$node->safe_psql('postgres', 'CREATE ROLE shopkeeper; CREATE DATABASE shop');
$node->safe_psql(
	'shop', q{
CREATE EXTENSION lifeguard;
CREATE SCHEMA shop AUTHORIZATION shopkeeper;
SET ROLE shopkeeper;
CREATE TYPE shop.phase AS ENUM ('open', 'sent', 'back');
CREATE TABLE shop.orders (id int PRIMARY KEY, phase shop.phase NOT NULL DEFAULT 'open', paid int NOT NULL DEFAULT 0, sent_at timestamptz, updated_at timestamptz);
CREATE TABLE shop.mails (order_id int, made_by name DEFAULT current_user);
CREATE FUNCTION shop.mail(int) RETURNS void LANGUAGE sql AS $$ INSERT INTO shop.mails VALUES ($1) $$;
CREATE FUNCTION shop.is_paid(int) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 > 0 $$;
SELECT lifeguard.create_lifecycle('shop.orders', 'phase', '{open}'),
       lifeguard.add_transition('shop.orders', 'open', 'sent'), lifeguard.add_transition('shop.orders', 'sent', 'back'),
       lifeguard.add_guard('shop.orders', 'open', 'sent', 'shop.is_paid(new.paid)', 'pay "first", it''s \ %s: "так"'),
       lifeguard.add_stamp('shop.orders', 'sent', 'sent_at', 'now()'),
       lifeguard.add_action('shop.orders', NULL, 'sent', 'shop.mail(new.id)'),
       lifeguard.add_history('shop.orders'),
       lifeguard.keep_updated_at('shop.orders');
-- a guard that asks a view whose own dump comes late, since it depends on a primary key
CREATE VIEW shop.totals AS SELECT o.id, o.paid, count(m.order_id) AS mails FROM shop.orders o LEFT JOIN shop.mails m ON m.order_id = o.id GROUP BY o.id;
SELECT lifeguard.add_guard('shop.orders', 'sent', 'back', '(SELECT t.mails FROM shop.totals t WHERE t.id = new.id) > 0', 'never mailed');
-- partitions, a trigger of another name, one that is disabled, names that need quotes
CREATE TABLE shop."Besuche ""2""" (id int, day int, state text) PARTITION BY LIST (day);
CREATE TABLE shop.visits_1 PARTITION OF shop."Besuche ""2""" FOR VALUES IN (1);
SELECT lifeguard.create_lifecycle('shop."Besuche ""2"""', 'state', '{"a \"b\""}');
CREATE TABLE shop.notes (id int, body text, updated_at timestamptz);
SELECT lifeguard.keep_updated_at('shop.notes');
ALTER TRIGGER lifeguard_before ON shop.notes RENAME TO "the first";
CREATE TABLE shop.quiet (id int, state text);
SELECT lifeguard.create_lifecycle('shop.quiet', 'state', '{a}');
ALTER TABLE shop.quiet DISABLE TRIGGER lifeguard_before;
-- columns in step, and a derived one; a row that is out of step comes back as it is
CREATE TABLE shop.pools (id int PRIMARY KEY, phase shop.phase, phase_text text, week date, "week start" timestamptz, label text);
INSERT INTO shop.pools (id, phase, phase_text) VALUES (1, 'open', 'sent');
SELECT lifeguard.keep_in_step('shop.pools', 'phase', 'phase_text', NULL, 'new.phase_text::shop.phase'),
       lifeguard.keep_in_step('shop.pools', 'week', 'week start', 'new.week::timestamp AT TIME ZONE ''UTC''', '(new."week start" AT TIME ZONE ''UTC'')::date'),
       lifeguard.derive_column('shop.pools', 'label', 'upper(new.phase_text)');
INSERT INTO shop.pools (id, phase_text, "week start") VALUES (2, 'back', '2026-11-23 00:00+00');
-- one whose trigger was lost, one that is gone with its table
CREATE TABLE shop.lost (id int, state text);
CREATE TABLE shop.gone (id int, state text);
SELECT lifeguard.create_lifecycle('shop.lost', 'state', '{a}'), lifeguard.create_lifecycle('shop.gone', 'state', '{a}');
DROP TRIGGER lifeguard_before ON shop.lost;
DROP TABLE shop.gone;
INSERT INTO shop.orders (id, paid) VALUES (1, 1), (2, 0), (3, 1);
UPDATE shop.orders SET phase = 'sent' WHERE id = 1;
UPDATE shop.orders SET phase = 'back' WHERE id = 1;
INSERT INTO shop.quiet VALUES (1, 'anything');
RESET ROLE;
});

# Everything about a database's rules that should come back.
sub rules_of
{
	my ($database) = @_;
	return $node->safe_psql(
		$database, q{
SET search_path = '';
SELECT * FROM lifeguard.rules;
SELECT tgrelid::regclass::text, tgname, tgenabled, tgparentid <> 0, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
 WHERE f.pronamespace = 'lifeguard'::regnamespace ORDER BY 1, 2;
SELECT pg_describe_object(classid, objid, objsubid), pg_describe_object(refclassid, refobjid, refobjsubid), deptype
  FROM pg_depend WHERE classid = 'pg_trigger'::regclass AND pg_describe_object(classid, objid, objsubid) !~ 'RI_ConstraintTrigger' ORDER BY 1, 2, 3;
SELECT id, relation, row_key, from_state, to_state, moved_at, moved_by, app_user, actions FROM lifeguard.history ORDER BY id;
SELECT d.relation, d.timing FROM lifeguard.declared_tables d JOIN pg_class c ON c.oid = d.relation ORDER BY d.relation::text, d.timing;
SELECT 'finds ' || object FROM lifeguard.check_rule_triggers() ORDER BY 1;
});
}

my $expected = rules_of('shop');
like($expected, qr/guard open -> sent: shop\.is_paid\(new\.paid\)/, 'there is something to restore');
is_deeply([ $expected =~ /^finds (.*)$/mg ], [ 'lifeguard_before on shop.lost', 'lifeguard_before on shop.quiet' ], 'a trigger is missed, and one disabled');
like($expected, qr/lifeguard_before on table shop\.orders\|function shop\.is_paid\(integer\)\|n/, 'and it has dependencies');

# Rules and rows of a restored database behave as those of the first.
sub works
{
	my ($database, $how) = @_;
	is(rules_of($database), $expected, "$how: rules, triggers, dependencies and history are the same");

	my ($status, $out, $err) = $node->psql($database, "UPDATE shop.orders SET phase = 'sent' WHERE id = 2");
	like($err, qr/ERROR:  pay "first", it's \\ %s: "так": shop\.orders \(id\)=\(2\) may not go/, "$how: a guard refuses");
	($status, $out, $err) = $node->psql($database, "UPDATE shop.orders SET phase = 'open' WHERE id = 1");
	like($err, qr/may not go from "back" to "open"/, "$how: what is not declared is refused");
	is( $node->safe_psql(
			$database, q{
SET ROLE shopkeeper;
UPDATE shop.orders SET phase = 'sent' WHERE id = 3;
UPDATE shop.orders SET phase = 'back' WHERE id = 3;
SELECT sent_at IS NOT NULL, updated_at IS NOT NULL FROM shop.orders WHERE id = 3;
SELECT count(*), max(made_by) FROM shop.mails;
RESET ROLE;
SELECT id, row_key, from_state, to_state FROM lifeguard.history ORDER BY id;}),
		qq{t|t\n2|shopkeeper\n1|{"id": "1"}|open|sent\n2|{"id": "1"}|sent|back\n3|{"id": "3"}|open|sent\n4|{"id": "3"}|sent|back},
		"$how: a move is stamped, acts as the owner, and continues the history");
	is( $node->safe_psql(
			$database, q{
SELECT column_name, twin, rows FROM lifeguard.out_of_step('shop.pools');
UPDATE shop.pools SET phase = 'sent', "week start" = '2026-11-30 00:00+00' WHERE id = 2;
SELECT phase_text, week, label FROM shop.pools WHERE id = 2;}),
		"phase|phase_text|1\nlabel||1\nsent|2026-11-30|SENT", "$how: columns are in step, and those that were not are not");
	($status, $out, $err) = $node->psql($database, "UPDATE shop.pools SET phase = 'open', phase_text = 'back' WHERE id = 2");
	like($err, qr/would say two different things/, "$how: and must agree");
	for my $drop ('FUNCTION shop.is_paid(int)', 'FUNCTION shop.mail(int)', 'VIEW shop.totals', 'TYPE shop.phase')
	{
		($status, $out, $err) = $node->psql($database, "DROP $drop");
		like($err, qr/because other objects depend on it/, "$how: DROP $drop is refused");
	}
	($status, $out, $err) = $node->psql($database, 'SET ROLE shopkeeper; ALTER FUNCTION shop.is_paid(int) RENAME TO pays');
	like($err, qr/the change would break the rules of table shop\.orders/, "$how: so is a rename");
	($status, $out, $err) = $node->psql($database, q{INSERT INTO shop."Besuche ""2""" VALUES (1, 1, 'a')});
	like($err, qr/the state "a" is not known/, "$how: partitions have their rules");
}

# by text
$node->command_ok([ 'pg_dump', '-p', $node->port, '-h', $node->host, '-f', "$dump.sql", 'shop' ], 'pg_dump as text');
$node->safe_psql('postgres', 'CREATE DATABASE by_text');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-p', $node->port, '-h', $node->host, '-f', "$dump.sql", 'by_text' ], 'restored without an error');
$node->command_ok([ 'pg_dump', '-p', $node->port, '-h', $node->host, '-f', "$dump.again.sql", 'by_text' ], 'and dumped again');

# pg_dump of some versions frames what it writes by a word that is random; rows of a table come in any order
sub dumped { my $text = slurp_file($_[0]); $text =~ s/^\\(un)?restrict .*\n//mg; return join "\n", sort split /\n/, $text; }
is(dumped("$dump.again.sql"), dumped("$dump.sql"), 'the second dump is the first');
works('by_text', 'text');

# by archive, in parallel
$node->command_ok([ 'pg_dump', '-Fc', '-p', $node->port, '-h', $node->host, '-f', "$dump.archive", 'shop' ], 'pg_dump as an archive');
$node->safe_psql('postgres', 'CREATE DATABASE by_archive');
$node->command_ok([ 'pg_restore', '-j', '2', '--exit-on-error', '-p', $node->port, '-h', $node->host, '-d', 'by_archive', "$dump.archive" ], 'restored without an error');
works('by_archive', 'archive');

# a restore that lost its triggers
$node->safe_psql('postgres', 'CREATE DATABASE half');
$node->command_ok([ 'pg_restore', '--section=pre-data', '--section=data', '-p', $node->port, '-h', $node->host, '-d', 'half', "$dump.archive" ], 'restored without triggers');
is( $node->safe_psql('half', q{SELECT count(*) FROM lifeguard.rules; SELECT string_agg(object, ', ' ORDER BY object COLLATE "C") FROM lifeguard.check_rule_triggers()}),
	qq{0\nlifeguard_after on shop.orders, lifeguard_before on shop."Besuche ""2""", lifeguard_before on shop.lost, lifeguard_before on shop.notes, lifeguard_before on shop.orders, lifeguard_before on shop.pools, lifeguard_before on shop.quiet},
	'each of them is missed');

# the rows alone: refused where they are in a later state, unless the triggers are off
$node->command_ok([ 'pg_dump', '--data-only', '-t', 'shop.orders', '-p', $node->port, '-h', $node->host, '-f', "$dump.rows.sql", 'shop' ], 'the rows alone');
$node->safe_psql('by_text', 'DELETE FROM shop.orders');
$node->command_fails_like([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-p', $node->port, '-h', $node->host, '-f', "$dump.rows.sql", 'by_text' ],
	qr/may not be created in state "back"/, 'are refused by the lifecycle');
$node->command_ok([ 'pg_dump', '--data-only', '--disable-triggers', '-t', 'shop.orders', '-p', $node->port, '-h', $node->host, '-f', "$dump.rows.sql", 'shop' ], 'with --disable-triggers');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-p', $node->port, '-h', $node->host, '-f', "$dump.rows.sql", 'by_text' ], 'they come in');
is($node->safe_psql('by_text', q{SELECT count(*) FROM shop.orders; SELECT count(*) FROM lifeguard.rules WHERE relation = 'shop.orders'::regclass AND NOT enabled}), "3\n0", 'and the triggers are on again');

# without the owner, by somebody who is no superuser: rules run as who restores, with no more rights than he has
$node->safe_psql('postgres', 'CREATE ROLE guest LOGIN; CREATE DATABASE by_guest OWNER guest');
$node->safe_psql('by_guest', 'CREATE EXTENSION lifeguard');
$node->command_ok([ 'pg_dump', '-n', 'shop', '--no-owner', '-p', $node->port, '-h', $node->host, '-f', "$dump.schema.sql", 'shop' ], 'one schema, without the owner');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'guest', '-p', $node->port, '-h', $node->host, '-f', "$dump.schema.sql", 'by_guest' ], 'restored by another owner');
is($node->safe_psql('by_guest', q{UPDATE shop.orders SET phase = 'sent' WHERE id = 3; SELECT max(made_by) FROM shop.mails WHERE order_id = 3}), 'guest', 'whose rules run as he');

# rules that do not work where they are restored are a warning, and then an error at each row, never silence
$node->safe_psql('shop', q{CREATE TABLE shop.broken (id int, state text); CREATE TRIGGER lifeguard_before BEFORE INSERT ON shop.broken FOR EACH ROW EXECUTE FUNCTION lifeguard.before_row('nonsense')});
$node->command_ok([ 'pg_dump', '-Fc', '-p', $node->port, '-h', $node->host, '-f', "$dump.archive", 'shop' ], 'a table whose rules are broken');
$node->safe_psql('postgres', 'CREATE DATABASE broken');
my ($out, $err) = run_command([ 'pg_restore', '--verbose', '--exit-on-error', '-p', $node->port, '-h', $node->host, '-d', 'broken', "$dump.archive" ]);
like($err, qr/WARNING:  table shop\.broken has rules that do not work/, 'restored with a warning');
(undef, $out, $err) = $node->psql('broken', q{INSERT INTO shop.broken VALUES (1, 'a')});
like($err, qr/the rules of table shop\.broken cannot be read/, 'refuses its rows');

$node->stop;
done_testing();
