# What the identity's tests share: people with memberships and documents under a policy, what each of them must see, and programs beside a server
# that end with the test.
package Identity;
use strict;
use warnings;
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(person organization claims_of $answer answer_of $nobody @people identity_tables sources start_program end_program free_port);

# --- people ---

# Person 1 is a member of organizations 1 and 2, person 2 of 2, person 3 was one of 1, person 4 is an admin, person 5 was one.
our @people = (1 .. 5);
my %organizations = (1 => [ 1, 2 ], 2 => [2], 3 => [], 4 => [], 5 => []);
my $documents = 60;

sub person { my ($number) = @_; return sprintf '00000000-0000-4000-8000-%012d', $number; }
sub organization { my ($number) = @_; return sprintf '10000000-0000-4000-8000-%012d', $number; }
sub claims_of { my ($number, $more) = @_; return sprintf '{"sub": "%s", "role": "authenticated"%s}', person($number), $more ? ", $more" : ''; }

# The owner and the organization of a document.
sub belongs { my ($document) = @_; return (1 + $document % 5, 1 + $document % 7); }

# The sources, with or without the cache across statements.
sub sources
{
	my ($cached) = @_;
	return <<"SQL";
SELECT lifeguard.use_admins('admins', 'user_id', 'active', cached => $cached);
SELECT lifeguard.use_members('memberships', 'user_id', 'organization_id', 'role', 'active', cached => $cached);
SQL
}

# The tables, filled; everybody may read the documents, as far as the policy lets him.
sub identity_tables
{
	my @rows = map { my ($owner, $organization) = belongs($_); sprintf q{(%d, '%s', '%s')}, $_, person($owner), organization($organization) } 1 .. $documents;
	return <<"SQL" . 'INSERT INTO documents VALUES ' . join(', ', @rows) . ';';
CREATE EXTENSION lifeguard;
CREATE TABLE memberships (user_id uuid, organization_id uuid, role text NOT NULL DEFAULT 'member', active boolean NOT NULL DEFAULT true,
                          PRIMARY KEY (user_id, organization_id));
CREATE TABLE admins (user_id uuid PRIMARY KEY, active boolean NOT NULL DEFAULT true);
CREATE TABLE documents (id int PRIMARY KEY, owner_id uuid NOT NULL, organization_id uuid NOT NULL);
INSERT INTO memberships (user_id, organization_id, role, active) VALUES ('@{[ person(1) ]}', '@{[ organization(1) ]}', 'member', true), ('@{[ person(1) ]}', '@{[ organization(2) ]}', 'owner', true),
                               ('@{[ person(2) ]}', '@{[ organization(2) ]}', 'member', true), ('@{[ person(3) ]}', '@{[ organization(1) ]}', 'member', false);
INSERT INTO admins VALUES ('@{[ person(4) ]}', true), ('@{[ person(5) ]}', false);
@{[ sources('false') ]}
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON documents FOR SELECT USING (lifeguard.is_admin() OR lifeguard.uid() = owner_id OR lifeguard.is_member(organization_id));
GRANT SELECT ON documents TO PUBLIC;
SQL
}

# The query that says who somebody is and what he sees, and what it must answer for a person.
our $answer = q{coalesce(lifeguard.uid()::text, 'nobody') || CASE WHEN lifeguard.is_admin() THEN ' admin' ELSE '' END
 || ' in ' || array_to_string(ARRAY(SELECT right(o::text, 1) FROM unnest(lifeguard.organizations()) AS o ORDER BY 1), ',')
 || ' sees ' || (SELECT count(*) FROM documents)};
our $nobody = 'nobody in  sees 0';

sub answer_of
{
	my ($number) = @_;
	my $admin = $number == 4;
	my %mine = map { $_ => 1 } @{ $organizations{$number} };
	my $seen = grep { my ($owner, $organization) = belongs($_); $admin || $owner == $number || $mine{$organization} } 1 .. $documents;
	return sprintf '%s%s in %s sees %d', person($number), $admin ? ' admin' : '', join(',', sort keys %mine), $seen;
}

# --- programs ---

my @programs;

# Starts a program that the kernel ends when this test ends, however it ends; what it says is in NAME.log beside the servers' logs.
sub start_program
{
	my ($name, @command) = @_;
	my $log = "$PostgreSQL::Test::Utils::log_path/$name.log";
	my $run = IPC::Run::start([ 'setpriv', '--pdeathsig', 'KILL', '--', @command ], '<', '/dev/null', '>', $log, '2>&1');
	push @programs, $run;
	return $run;
}
sub end_program { my ($run) = @_; @programs = grep { $_ != $run } @programs; return $run->kill_kill(grace => 5); }

sub free_port { return PostgreSQL::Test::Cluster::get_free_port(); }

END { local $?; end_program($_) for @programs; }

1;
