# Dump and restore: sources of every kind come back, by text and by archive, with their triggers, and answer as before.
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

$node->safe_psql('postgres', 'CREATE ROLE keeper; CREATE DATABASE shop');
$node->safe_psql(
	'shop', q{
CREATE EXTENSION lifeguard;
CREATE SCHEMA zoo AUTHORIZATION keeper;
SET ROLE keeper;
CREATE TYPE zoo.level AS ENUM ('low', 'high');
CREATE TABLE zoo."Admins; --" ("the ""user""" text, active boolean);
CREATE TABLE zoo.members (u uuid, o uuid, l zoo.level, active boolean NOT NULL DEFAULT true);
CREATE VIEW zoo.seen AS SELECT u, o, count(*) FROM zoo.members GROUP BY u, o;
CREATE TABLE zoo.parts (u uuid, o uuid) PARTITION BY LIST (o);
CREATE TABLE zoo.part PARTITION OF zoo.parts DEFAULT;
CREATE FUNCTION zoo.is_good(boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1';
RESET ROLE;
INSERT INTO zoo."Admins; --" VALUES ('00000000-0000-4000-8000-000000000001', true);
INSERT INTO zoo.members VALUES ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000010', 'low'), ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000011', 'high');
INSERT INTO zoo.parts VALUES ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000012');
SELECT lifeguard.use_role_order('{low,high}'), lifeguard.use_admins('zoo."Admins; --"', 'the "user"', 'zoo.is_good(active) -- or not', cached => true),
       lifeguard.use_members('zoo.members', 'u', 'o', 'l', 'active', cached => true), lifeguard.use_members('zoo.seen', 'u', 'o'), lifeguard.use_members('zoo.parts', 'u', 'o'),
       lifeguard.use_claim('organizations', '{app,"o\"r''g"}');
SELECT lifeguard.provide_auth();
});

# What there is to come back, and what it says.
sub sources_of
{
	my ($database) = @_;
	return $node->safe_psql(
		$database, q{
SET search_path = '';
SELECT * FROM lifeguard.identity_sources ORDER BY id;
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgfoid = 'lifeguard.note_membership()'::regprocedure AND tgname = 'lifeguard_membership' ORDER BY 1;
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000001", "app": {"o\"r''g": ["00000000-0000-4000-8000-000000000013"]}}';
SELECT lifeguard.is_admin(), lifeguard.organizations(), lifeguard.has_permission('00000000-0000-4000-8000-000000000011', 'high'), auth.uid(), auth.user_organizations() = lifeguard.organizations();
UPDATE zoo.members SET active = NOT active;
SELECT lifeguard.organizations();
UPDATE zoo.members SET active = NOT active;
});
}

my $expected = sources_of('shop');
like($expected, qr/^t\|\{00000000-0000-4000-8000-000000000010,00000000-0000-4000-8000-000000000011,00000000-0000-4000-8000-000000000012,00000000-0000-4000-8000-000000000013\}\|t\|.*\|t$/m, 'there is something to restore');
is(() = $expected =~ /\|lifeguard_membership\|O/g, 2, 'with two triggers');

# a source whose table is gone cannot be restored, and does not take the others with it
$node->safe_psql('shop', q{CREATE TABLE zoo.gone (u uuid, o uuid); SELECT lifeguard.use_members('zoo.gone', 'u', 'o'); DROP TABLE zoo.gone});
my ($status, $out, $err) = $node->psql('shop', q{SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000001"}'; SELECT lifeguard.organizations()});
like($err, qr/identity source \d+ cannot be asked: its table is gone/, 'a source whose table was dropped is an error');

$node->command_ok([ 'pg_dump', @server, '-f', "$dump.sql", 'shop' ], 'pg_dump as text');
$node->safe_psql('postgres', 'CREATE DATABASE by_text');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @server, '-f', "$dump.sql", 'by_text' ], 'restored without an error');
is(sources_of('by_text'), $expected, 'text: sources and triggers are the same, and say the same');

$node->command_ok([ 'pg_dump', '-Fc', @server, '-f', "$dump.archive", 'shop' ], 'pg_dump as an archive');
$node->safe_psql('postgres', 'CREATE DATABASE by_archive');
$node->command_ok([ 'pg_restore', '-j', '2', '--exit-on-error', @server, '-d', 'by_archive', "$dump.archive" ], 'restored without an error');
is(sources_of('by_archive'), $expected, 'archive: the same');
cmp_ok($node->safe_psql('by_archive', q{SELECT lifeguard.use_claim('admin', '{a}')}), '>', $node->safe_psql('by_archive', q{SELECT max(id) FROM lifeguard.identity_sources WHERE kind <> 'claim_admin'}), 'the next source has the next id');

$node->stop;
done_testing();
