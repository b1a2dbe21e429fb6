# The club behind a real PostgREST: people sign up, submit, approve and read over HTTP; a refusal is a 4xx with our message, details and hint.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256);
use HTTP::Tiny;
use Identity;
use JSON::PP ();
use Journal;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

if (!grep { -x "$_/postgrest" } split /:/, $ENV{PATH})
{
	Test::More->builder->skip('no PostgREST for this machine: name one by POSTGREST=');
	done_testing();
	exit;
}

my $node = journal_server('main', '');
ask($node, 'postgres', 'CREATE DATABASE club');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('club'), '-f', 'test/club.sql' ], 'the club is installed');
ask($node, 'club', q{
SELECT pull_up_club.set('cooldown_days', '30');
CREATE ROLE authenticator LOGIN NOINHERIT;
GRANT anon, authenticated, service_role TO authenticator;
CREATE ROLE auth_service LOGIN;
GRANT USAGE ON SCHEMA auth TO auth_service;
GRANT INSERT, SELECT ON auth.users TO auth_service;
CREATE SCHEMA api;
GRANT USAGE ON SCHEMA api TO anon, authenticated, service_role;
CREATE FUNCTION api.raise_error(code text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = 'message of ' || code, DETAIL = '{"code": "' || code || '"}', HINT = 'hint of ' || code; END $$;
CREATE FUNCTION api.whoami() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('uid', lifeguard.uid(), 'role', lifeguard.role(), 'admin', lifeguard.is_admin(), 'user', current_user) $$;
});

# --- PostgREST ---

my $secret = 'only this test knows this secret, and nobody else';
my $port = free_port();
append_to_file($node->basedir . '/postgrest.conf', <<"CONF");
db-uri = "host=@{[ $node->host ]} port=@{[ $node->port ]} user=authenticator dbname=club"
db-schemas = "content, auth_management, finance, communication, analytics, api"
db-anon-role = "anon"
db-pool = 4
jwt-secret = "$secret"
server-host = "127.0.0.1"
server-port = $port
CONF
start_program('postgrest', 'postgrest', $node->basedir . '/postgrest.conf');

my $http = HTTP::Tiny->new(http_proxy => undef, proxy => undef, timeout => 20);
my $json = JSON::PP->new->canonical->allow_nonref;

# A token of the auth service's; signed => with another secret.
sub token
{
	my ($claims, %how) = @_;
	my $text = join '.', map { encode_base64url($json->encode($_)) } { alg => 'HS256', typ => 'JWT' }, { exp => time + 600, %$claims };
	return "$text." . encode_base64url(hmac_sha256($text, $how{secret} // $secret));
}

# Asks PostgREST: { status, body (decoded), headers }. The names of a request are those of PostgREST's manual.
sub request
{
	my ($token, $method, $schema, $path, $body, %headers) = @_;
	my $answer = $http->request(
		$method, "http://127.0.0.1:$port/$path",
		{
			headers => {
				'Content-Type' => 'application/json',
				'Accept-Profile' => $schema,
				'Content-Profile' => $schema,
				$method eq 'GET' ? () : ('Prefer' => 'return=representation'),
				defined $token ? ('Authorization' => "Bearer $token") : (),
				%headers
			},
			defined $body ? (content => $json->encode($body)) : ()
		});
	my $decoded = eval { $json->decode($answer->{content}) };
	note "$method $path: $answer->{status} $answer->{content}";
	return { status => $answer->{status}, body => $decoded, text => $answer->{content}, headers => $answer->{headers} };
}
eventually(sub { request(undef, 'GET', 'api', 'rpc/whoami')->{status} == 200 }, 30) or BAIL_OUT('PostgREST does not answer: ' . slurp_file("$PostgreSQL::Test::Utils::log_path/postgrest.log"));
like(request(undef, 'GET', 'api', 'rpc/whoami')->{headers}{server}, qr{^postgrest/12\.}, 'a PostgREST 12 is there');

# --- what is said of an answer ---

sub shows { my ($answer, $status, $rows, $what) = @_; local $Test::Builder::Level = $Test::Builder::Level + 1; return is_deeply([ $answer->{status}, $answer->{body} ], [ $status, $rows ], $what); }

# An error of class LG as HTTP: never a 500; its message, its DETAIL as JSON, and its hint.
sub refused
{
	my ($answer, $code, $message, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return subtest $what => sub {
		is($answer->{status}, 400, 'status');
		is($answer->{body}{code}, $code, 'code');
		like($answer->{body}{message}, $message, 'message');
		is(ref eval { $json->decode($answer->{body}{details}) }, 'HASH', 'details are a JSON object') or diag(explain $answer->{body});
		like($answer->{body}{hint} // '', qr/\S/, 'hint');
	};
}

# --- who is who ---

# Signs somebody up, as the service does; his token.
my %id;
sub sign_up
{
	my ($name) = @_;
	$id{$name} = $node->safe_psql('club', qq{INSERT INTO auth.users (email, raw_user_meta_data) VALUES ('$name\@example.org', '{"full_name": "$name"}') RETURNING id}, extra_params => [ '-U', 'auth_service' ]);
	return token({ sub => $id{$name}, role => 'authenticated', email => "$name\@example.org" });
}
my ($member, $other, $admin) = map { sign_up($_) } qw(member other admin);
ask($node, 'club', "INSERT INTO auth_management.admin_roles (user_id) VALUES ('$id{admin}')");
my $stranger = token({ sub => 'github|42', role => 'authenticated' });
my $service = token({ role => 'service_role' });

sub whoami { my ($token) = @_; return request($token, 'GET', 'api', 'rpc/whoami')->{body}; }
is_deeply(whoami(undef), { uid => undef, role => 'anon', admin => JSON::PP::false, user => 'anon' }, 'without a token nobody');
is_deeply(whoami($member), { uid => $id{member}, role => 'authenticated', admin => JSON::PP::false, user => 'authenticated' }, 'a member');
is_deeply(whoami($admin), { uid => $id{admin}, role => 'authenticated', admin => JSON::PP::true, user => 'authenticated' }, 'an admin');
is_deeply(whoami($service), { uid => undef, role => 'service_role', admin => JSON::PP::false, user => 'service_role' }, 'the service');
is_deeply(whoami(token({ sub => $_, role => 'authenticated' })), { uid => undef, role => 'authenticated', admin => JSON::PP::false, user => 'authenticated' }, 'a sub that is no UUID is nobody: ' . $json->encode($_))
	for 'github|42', '', undef, "$id{member} ", "{$id{member}}x";
is(request(token({ sub => $_, role => 'authenticated' }), 'GET', 'api', 'rpc/whoami')->{status}, 401, 'PostgREST itself refuses a sub that is no text: ' . $json->encode($_)) for 42, [ $id{member} ], { id => $id{member} };
is(request("x$member", 'GET', 'api', 'rpc/whoami')->{status}, 401, 'PostgREST refuses what is no token');
is(request(token({ sub => $id{member}, role => 'authenticated', exp => time - 60 }), 'GET', 'api', 'rpc/whoami')->{status}, 401, 'an old one');
is(request(token({ sub => $id{member}, role => 'authenticated' }, secret => 'x' x 40), 'GET', 'api', 'rpc/whoami')->{status}, 401, 'one that another signed');
is(request(token({ sub => $id{admin}, role => 'postgres' }), 'GET', 'api', 'rpc/whoami')->{status}, 403, 'and a role that is not for its clients');

# --- sign-up and profile ---

my $profile = 'profiles?select=id,email,full_name,role,is_paid&id=eq.';
my $row = { id => $id{member}, email => 'member@example.org', full_name => 'member', role => 'user', is_paid => JSON::PP::false };
shows(request($member, 'GET', 'auth_management', $profile . $id{member}), 200, [$row], 'who signs up has a profile');
shows(request($other, 'GET', 'auth_management', $profile . $id{member}), 200, [], 'another member does not see it');
shows(request($admin, 'GET', 'auth_management', $profile . $id{member}), 200, [$row], 'an admin does');
shows(request($service, 'GET', 'auth_management', $profile . $id{member}), 200, [$row], 'and the service');
is(request(undef, 'GET', 'auth_management', 'profiles')->{status}, 401, 'who has no token reads no profiles');
shows(request($stranger, 'GET', 'auth_management', 'profiles?select=id'), 200, [], 'who is nobody sees none');
shows(request($other, 'GET', 'auth_management', 'profiles?select=id'), 200, [ { id => $id{other} } ], 'a member his own alone');

shows(request($member, 'PATCH', 'auth_management', $profile . $id{member}, { full_name => 'Full Name' }), 200, [ { %$row, full_name => 'Full Name' } ], 'a member changes his name');
for my $change ({ role => 'admin' }, { is_paid => JSON::PP::true }, { role => 'influencer', full_name => 'Other Name' })
{
	refused(request($member, 'PATCH', 'auth_management', $profile . $id{member}, $change), 'LG006', qr/^a member's role, payment and admin link are not his/, 'but not ' . join ' and ', sort keys %$change);
}
shows(request($admin, 'GET', 'auth_management', $profile . $id{member}), 200, [ { %$row, full_name => 'Full Name' } ], 'nothing of it is left');
shows(request($service, 'PATCH', 'auth_management', $profile . $id{member}, { is_paid => JSON::PP::true }), 200, [ { %$row, full_name => 'Full Name', is_paid => JSON::PP::true } ], 'the service may');

# --- submit ---

my $video = { video_url => 'https://youtu.be/first', pull_up_count => 20, gender => 'Female', age => 30, region => 'Coast' };
my $fields = 'select=user_id,status,platform,pull_up_count,actual_pull_up_count';
my $pending = { user_id => $id{member}, status => 'pending', platform => 'youtube', pull_up_count => 20, actual_pull_up_count => undef };
is(request(undef, 'POST', 'content', 'submissions', { %$video, user_id => $id{member} })->{status}, 401, 'nobody submits nothing');
for my $who ([ $stranger, 'a sub that is no UUID' ], [ $other, 'another member' ])
{
	refused(request($who->[0], 'POST', 'content', 'submissions', { %$video, user_id => $id{member} }), 'LG002', qr/^a member submits his own videos only/, "nor does $who->[1]");
}
is(request($member, 'POST', 'content', 'submissions', { %$video, user_id => $id{member}, actual_pull_up_count => 20 })->{status}, 403, 'she does not count herself');
refused(request($member, 'POST', 'content', 'submissions', { %$video, user_id => $id{member}, status => 'approved' }), 'LG005', qr/content\.submissions/, 'and nothing is born approved');
shows(request($member, 'POST', 'content', "submissions?$fields", { %$video, user_id => $id{member} }), 201, [$pending], 'she submits');
my $id = ask($node, 'club', "SELECT id FROM content.submissions WHERE user_id = '$id{member}'");
refused(request($member, 'POST', 'content', 'submissions', { %$video, user_id => $id{member} }), 'LG103', qr/^NOT_ELIGIBLE/, 'but not twice');

my $one = "submissions?id=eq.$id&$fields";
shows(request($member, 'GET', 'content', $one), 200, [$pending], 'she sees it');
shows(request($admin, 'GET', 'content', $one), 200, [$pending], 'an admin sees it');
shows(request($_, 'GET', 'content', $one), 200, [], 'others do not') for $other, $stranger, undef;
my $public = 'approved_submissions?select=full_name,actual_pull_up_count,video_url';
my $board = 'leaderboard?select=rank,full_name,actual_pull_up_count';
shows(request($_, 'GET', 'content', $public), 200, [], 'it is not public yet') for undef, $member, $other;
shows(request($_, 'GET', 'analytics', $board), 200, [], 'nor on the board') for undef, $member, $other;

# --- approve ---

my $approval = { status => 'approved', actual_pull_up_count => 18 };
refused(request($member, 'PATCH', 'content', $one, $approval), 'LG002', qr/^only an admin approves/, 'she does not approve it herself');
is(request(undef, 'PATCH', 'content', $one, $approval)->{status}, 401, 'who has no token may not even try');

# A row that a policy hides is not updated, and PostgREST says of it what it says of a row that is not there.
shows(request($other, 'PATCH', 'content', $one, $approval), 200, [], 'another member approves nothing: no row comes back');
my $answer = request($other, 'PATCH', 'content', $one, $approval, Prefer => 'return=minimal, count=exact');
is("$answer->{status} $answer->{headers}{'content-range'}", '204 */0', 'without the rows their number says it');
$answer = request($other, 'PATCH', 'content', $one, $approval, Accept => 'application/vnd.pgrst.object+json');
is("$answer->{status} $answer->{body}{code}", '406 PGRST116', 'and who asks for one object is refused');

refused(request($admin, 'PATCH', 'content', $one, { status => 'approved' }), 'LG002', qr/^count the pull-ups before you approve/, 'an admin counts before he approves');
refused(request($admin, 'PATCH', 'content', $one, { status => 'rejected' }), 'LG002', qr/^say in the notes why/, 'and says why when he rejects');
refused(request($admin, 'PATCH', 'content', $one, { status => 'lost' }), 'LG003', qr/"lost"/, 'to a state that there is');
shows(request($admin, 'PATCH', 'content', $one, { status => 'rejected', notes => 'too dark' }), 200, [ { %$pending, status => 'rejected' } ], 'he rejects');
my $notes = "submissions?id=eq.$id&select=notes";
shows(request($member, 'GET', 'content', $notes), 200, [ { notes => 'too dark' } ], 'she reads why');
shows(request($_, 'GET', 'content', $one), 200, [], 'others see nothing of it') for $other, $stranger, undef;
refused(request($member, 'PATCH', 'content', $one, $approval), 'LG001', qr/rejected.*approved/, 'she cannot make it approved');
shows(request($member, 'PATCH', 'content', $one, { status => 'pending', video_url => 'https://youtu.be/light' }), 200, [$pending], 'but correct it');
shows(request($member, 'GET', 'content', $notes), 200, [ { notes => 'too dark' } ], 'why it was rejected is still noted');
my $approved = { %$pending, %$approval };
shows(request($admin, 'PATCH', 'content', $one, $approval), 200, [$approved], 'an admin approves');
shows(request($_, 'GET', 'content', $one), 200, [$approved], 'everybody sees it') for $member, $admin, $other, $stranger, undef;
shows(request($_, 'GET', 'content', $notes), 200, [ { notes => undef } ], 'and nobody why it was rejected before') for $member, $admin, $other;
for my $path ((map { "submissions?select=id,$_" } qw(notes age rejected_at)), 'submissions', 'submissions?select=*', 'submissions?select=id&notes=eq.x', 'submissions?select=id&order=age')
{
	is(request(undef, 'GET', 'content', $path)->{body}{code}, '42501', "who has no token is refused the columns that are not for him: $path");
	is(request(undef, 'GET', 'content', $path)->{status}, 401, 'with a 401');
}
shows(request($_, 'GET', 'content', $public), 200, [ { full_name => 'Full Name', actual_pull_up_count => 18, video_url => 'https://youtu.be/light' } ], 'and her name beside it, for the public') for undef, $other;
shows(request($_, 'GET', 'analytics', $board), 200, [ { rank => 1, full_name => 'Full Name', actual_pull_up_count => 18 } ], 'she is on the board') for undef, $other;
refused(request($member, 'PATCH', 'content', $one, { video_url => 'https://youtu.be/other' }), 'LG002', qr/^only an admin changes an approved/, 'what is approved is not hers to change');
refused(request($member, 'POST', 'content', 'submissions', { %$video, user_id => $id{member} }), 'LG103', qr/^NOT_ELIGIBLE/, 'she pauses now');
refused(request($admin, 'PATCH', 'content', $one, { actual_pull_up_count => 25 }), 'LG002', qr/^an approved submission keeps its count/, 'and what was paid for is not counted anew');

my $earning = "weekly_earnings?submission_id=eq.$id&select=user_id,earning_amount_dollars";
shows(request($_, 'GET', 'finance', $earning), 200, [ { user_id => $id{member}, earning_amount_dollars => 18 } ], 'her earning is for her, admins and the service') for $member, $admin, $service;
shows(request($_, 'GET', 'finance', $earning), 200, [], 'not for others') for $other, $stranger;
is(request(undef, 'GET', 'finance', $earning)->{status}, 401, 'nor for who has no token');

# --- pay ---

my $payout = "payout_requests?user_id=eq.$id{member}&select=amount_dollars,status,paypal_email,paid_by";
my $due = { amount_dollars => 18, status => 'pending', paypal_email => undef, paid_by => undef };
shows(request($_, 'GET', 'finance', $payout), 200, [$due], 'her payout is requested') for $member, $admin;
shows(request($other, 'GET', 'finance', $payout), 200, [], 'another does not see it');
shows(request($member, 'PATCH', 'finance', $payout, { status => 'paid' }), 200, [], 'she does not pay herself: no row');
refused(request($admin, 'PATCH', 'finance', $payout, { status => 'paid' }), 'LG001', qr/pending.*paid/, 'nothing is paid that was not approved');
shows(request($admin, 'PATCH', 'finance', $payout, { status => 'approved' }), 200, [ { %$due, status => 'approved' } ], 'an admin approves it');
refused(request($admin, 'PATCH', 'finance', $payout, { status => 'paid' }), 'LG002', qr/^a payout needs a PayPal address/, 'and pays to an address only');
shows(request($admin, 'PATCH', 'finance', $payout, { status => 'paid', paypal_email => 'pay@example.org' }), 200,
	[ { %$due, status => 'paid', paypal_email => 'pay@example.org', paid_by => $id{admin} } ], 'which is paid, by him');
refused(request($admin, 'PATCH', 'finance', $payout, { status => 'pending' }), 'LG001', qr/paid.*pending/, 'once and for all');
refused(request($admin, 'PATCH', 'content', $one, { status => 'rejected', notes => 'too late' }), 'LG104', qr/^PAYOUT_CLOSED/, 'and what it was paid for stays approved');

# --- whatever is asked ---

# Each table and each function that PostgREST shows, with NULL for every argument: no 500, and no address for a stranger.
my (@broken, @told);
my $asked = 0;
for my $schema (qw(content auth_management finance communication analytics))
{
	for my $who (undef, $stranger, $other, $service)
	{
		my $paths = request($service, 'GET', $schema, '')->{body}{paths};
		for my $path (grep { $_ ne '/' } sort keys %$paths)
		{
			my ($body) = map { $_->{schema} } grep { ($_->{in} // '') eq 'body' } @{ $paths->{$path}{post}{parameters} };
			my $answer = $path =~ m{^/rpc/} ? request($who, 'POST', $schema, substr($path, 1), { map { $_ => undef } keys %{ $body->{properties} } }) : request($who, 'GET', $schema, substr($path, 1));
			$asked++;
			push @broken, "$schema$path: $answer->{status} $answer->{text}" if $answer->{status} =~ /^5/;
			push @told, "$schema$path: $answer->{text}" if $answer->{text} =~ /member\@|pay\@/ && ($who // '') ne $service;
		}
	}
}
cmp_ok($asked, '>', 100, "$asked requests for all there is");
is(join("\n", @broken), '', 'none of them ends as a 500');
is(join("\n", @told), '', 'and none tells another\'s address');

my $rows = q{SELECT c.oid::regclass, query_to_xml('SELECT count(*) FROM ' || c.oid::regclass, false, true, '')
  FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('auth', 'auth_management', 'content', 'finance', 'communication') ORDER BY 1};
my ($before, %answers) = ask($node, 'club', $rows);
for my $path (map { s/^(\w+)\./$1 /r } split /\n/, ask($node, 'club', q{SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('auth_management', 'content', 'finance', 'communication')}))
{
	$answers{ request($_, 'DELETE', split(/ /, $path))->{status} }++ for undef, $stranger, $other;
}
is(join(' ', grep { !/^(?:200|401|403)$/ } keys %answers), '', 'whoever deletes all is refused, or gets no row');
is(ask($node, 'club', $rows), $before, 'and all is still there');

# --- every error of class LG is a 4xx ---

my %codes = map { $_ => 1 } slurp_file('docs/errors.md') =~ /\bLG\d{3}\b/g;
cmp_ok(scalar(keys %codes), '>', 20, 'the manual names the codes');
my @others;
for my $code (sort keys %codes)
{
	my $answer = request($member, 'POST', 'api', 'rpc/raise_error', { code => $code });
	push @others, "$code: $answer->{status} $answer->{text}" if $answer->{status} != 400
		|| $json->encode($answer->{body}) ne $json->encode({ code => $code, message => "message of $code", details => qq({"code": "$code"}), hint => "hint of $code" });
}
is(join("\n", @others), '', 'all of them arrive as 400, with message, details and hint');

# --- the journal ---

drained($node, 'club');
sub kept { my ($code, $message) = @_; return ask($node, 'club', "SELECT DISTINCT app_user, session_user_name FROM monitoring.system_errors WHERE sqlstate = '$code' AND error_message ~ '$message'"); }
is(kept('LG103', 'NOT_ELIGIBLE'), "$id{member}|authenticator", 'a refusal is in the journal, with the member who met it');
is(kept('LG002', 'count the pull-ups'), "$id{admin}|authenticator", 'an admin\'s with his');
is(kept('LG206', 'message of'), "$id{member}|authenticator", 'and so are others');
my ($broken_claims) = ask($node, 'club', q{SELECT sum(occurrences) FROM monitoring.system_errors WHERE error_type = 'invalid_claims'});
ok($broken_claims >= 1 && $broken_claims <= 4, 'the sub that is no UUID is journaled, once a session of PostgREST\'s') or diag($broken_claims);
is(ask($node, 'club', 'SELECT * FROM test.wrong'), '', 'every dollar is where it should be');

$node->stop;
done_testing();
