# Dump and restore: what was disabled, introduced, renamed and migrated is known afterwards, and can be taken back there.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'lifeguard'\n");
$node->start;
my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump";
my @server = ('-p', $node->port, '-h', $node->host);

$node->safe_psql('postgres', 'CREATE ROLE keeper; CREATE DATABASE zoo');
$node->safe_psql(
	'zoo', q{
CREATE EXTENSION lifeguard;
CREATE SCHEMA zoo AUTHORIZATION keeper;
CREATE SCHEMA "new zoo" AUTHORIZATION keeper;
SET ROLE keeper;
CREATE TABLE zoo."Animals; --" (id int PRIMARY KEY, "Na""me" text, legs int);
CREATE TABLE zoo.gone (id int PRIMARY KEY);
CREATE FUNCTION zoo.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER "t'1" BEFORE INSERT ON zoo."Animals; --" FOR EACH ROW EXECUTE FUNCTION zoo.nothing();
CREATE TRIGGER t2 BEFORE INSERT ON zoo.gone FOR EACH ROW EXECUTE FUNCTION zoo.nothing();
ALTER TABLE zoo."Animals; --" ENABLE REPLICA TRIGGER "t'1";
INSERT INTO zoo."Animals; --" VALUES (1, 'Leo', 4), (2, 'Leo', -4), (3, 'Ann', 2);
SELECT lifeguard.disable_trigger('zoo."Animals; --"', 't''1', 'why not'), lifeguard.disable_trigger('zoo.gone', 't2');
SELECT lifeguard.introduce_constraint('zoo."Animals; --"', 'legs', 'CHECK (legs >= 0)'), lifeguard.introduce_constraint('zoo."Animals; --"', 'once', 'UNIQUE ("Na""me")'),
       lifeguard.introduce_constraint('zoo.gone', 'positive', 'CHECK (id > 0)');
SELECT lifeguard.rename_table('zoo.gone', 'went'), lifeguard.move_table('zoo."Animals; --"', 'new zoo');
DROP TABLE zoo.went CASCADE;
RESET ROLE;
SELECT lifeguard.migrate('1', 'CREATE TABLE zoo.keepers (id int PRIMARY KEY)');
});

# What there is to come back.
sub registers_of
{
	my ($database) = @_;
	return $node->safe_psql(
		$database, q{
SET search_path = '';
SELECT relation, trigger_name, was, since, by, reason FROM lifeguard.disabled_triggers d WHERE EXISTS (SELECT FROM pg_class WHERE oid = d.relation);
SELECT relation, constraint_name, kind, definition, parts, exempt, lifeguard.constraint_state(i) FROM lifeguard.introduced_constraints i WHERE EXISTS (SELECT FROM pg_class WHERE oid = i.relation) ORDER BY 2;
SELECT id, relation, old_schema, old_name, view, at, by FROM lifeguard.renames r WHERE EXISTS (SELECT FROM pg_class WHERE oid = r.relation);
SELECT * FROM lifeguard.migrations;
SELECT * FROM lifeguard.violations() ORDER BY 2, 3;
});
}

my $expected = registers_of('zoo');
like($expected, qr/"new zoo"."Animals; --"\|t'1\|R/, 'there is something to restore');
like($expected, qr/\|once\|unique\|.*\|\{2\}\|partial/, 'a partial constraint too');

foreach my $format ('plain', 'custom')
{
	my $copy = "zoo_$format";
	$node->safe_psql('postgres', "CREATE DATABASE $copy");
	command_ok([ 'pg_dump', @server, '-F', $format, '-f', "$dump.$format", 'zoo' ], "dump as $format");
	command_ok($format eq 'plain' ? [ 'psql', '-X', '-q', @server, '-v', 'ON_ERROR_STOP=1', '-f', "$dump.$format", $copy ] : [ 'pg_restore', @server, '--exit-on-error', '-d', $copy, "$dump.$format" ],
		"restore as $format");
	is(registers_of($copy), $expected, "$format: the registers are as they were");
	is( $node->safe_psql(
			$copy, q{
SET ROLE keeper;
SELECT lifeguard.restore_trigger('"new zoo"."Animals; --"', 't''1'), tgenabled FROM pg_trigger WHERE tgname = 't''1';
SELECT tgenabled FROM pg_trigger WHERE tgname = 't''1';
DELETE FROM zoo."Animals; --" WHERE id = 2;
SELECT constraint_name, outcome FROM lifeguard.validate_constraints();
SELECT lifeguard.undo_rename('"new zoo"."Animals; --"');
RESET ROLE;
SELECT lifeguard.migrate('1', 'CREATE TABLE zoo.keepers (id int PRIMARY KEY)') ->> 'status', lifeguard.migrate('2', 'DROP TABLE zoo.keepers') ->> 'status';
SELECT position FROM lifeguard.migrations ORDER BY 1;
}),
		"restored|D\nR\nlegs|validated\nonce|validated\nzoo.\"Animals; --\"\nalready applied|applied\n1\n2",
		"$format: and work");
}

$node->stop;
done_testing();
