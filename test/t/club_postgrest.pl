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

my $postgrest = 'postgrest';
plan skip_all => 'no PostgREST for this machine; POSTGREST= names one' unless grep { -x "$_/$postgrest" } split /:/, $ENV{PATH};

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
ask($node, 'club', slurp_file('/tmp/cluster.policies.sql')) if -e '/tmp/cluster.policies.sql';

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
start_program('postgrest', $postgrest, $node->basedir . '/postgrest.conf');

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
my ($ann, $bob, $eve) = map { sign_up($_) } qw(ann bob eve);
ask($node, 'club', "INSERT INTO auth_management.admin_roles (user_id) VALUES ('$id{eve}')");
my $service = token({ role => 'service_role' });

sub whoami { my ($token) = @_; return request($token, 'GET', 'api', 'rpc/whoami')->{body}; }
is_deeply(whoami(undef), { uid => undef, role => 'anon', admin => JSON::PP::false, user => 'anon' }, 'without a token nobody');
is_deeply(whoami($ann), { uid => $id{ann}, role => 'authenticated', admin => JSON::PP::false, user => 'authenticated' }, 'a member');
is_deeply(whoami($eve), { uid => $id{eve}, role => 'authenticated', admin => JSON::PP::true, user => 'authenticated' }, 'an admin');
is_deeply(whoami($service), { uid => undef, role => 'service_role', admin => JSON::PP::false, user => 'service_role' }, 'the service');
is_deeply(whoami(token({ sub => $_, role => 'authenticated' })), { uid => undef, role => 'authenticated', admin => JSON::PP::false, user => 'authenticated' }, 'a sub that is no UUID is nobody: ' . $json->encode($_))
	for 'github|42', '', undef, "$id{ann} ", "{$id{ann}}x";
is(request(token({ sub => $_, role => 'authenticated' }), 'GET', 'api', 'rpc/whoami')->{status}, 401, 'PostgREST itself refuses a sub that is no text: ' . $json->encode($_)) for 42, [ $id{ann} ], { id => $id{ann} };
is(request("x$ann", 'GET', 'api', 'rpc/whoami')->{status}, 401, 'PostgREST refuses what is no token');
is(request(token({ sub => $id{ann}, role => 'authenticated', exp => time - 60 }), 'GET', 'api', 'rpc/whoami')->{status}, 401, 'an old one');
is(request(token({ sub => $id{ann}, role => 'authenticated' }, secret => 'x' x 40), 'GET', 'api', 'rpc/whoami')->{status}, 401, 'one that another signed');
is(request(token({ sub => $id{eve}, role => 'postgres' }), 'GET', 'api', 'rpc/whoami')->{status}, 403, 'and a role that is not for its clients');

# --- sign-up and profile ---

my $profile = 'profiles?select=id,email,full_name,role,is_paid&id=eq.';
my $anns = { id => $id{ann}, email => 'ann@example.org', full_name => 'ann', role => 'user', is_paid => JSON::PP::false };
shows(request($ann, 'GET', 'auth_management', $profile . $id{ann}), 200, [$anns], 'who signs up has a profile');
shows(request($bob, 'GET', 'auth_management', $profile . $id{ann}), 200, [], 'another member does not see it');
shows(request($eve, 'GET', 'auth_management', $profile . $id{ann}), 200, [$anns], 'an admin does');
shows(request($service, 'GET', 'auth_management', $profile . $id{ann}), 200, [$anns], 'and the service');
unlike(request($_, 'GET', 'auth_management', 'profiles')->{text}, qr/ann\@/, 'nobody else is told the address') for $bob, undef, token({ sub => 'nobody', role => 'authenticated' });
unlike(request($_, 'GET', 'auth_management', 'profiles')->{status}, qr/^5/, 'and nobody gets a 500') for $bob, undef, token({ sub => 'nobody', role => 'authenticated' });

shows(request($ann, 'PATCH', 'auth_management', $profile . $id{ann}, { full_name => 'Ann' }), 200, [ { %$anns, full_name => 'Ann' } ], 'a member changes his name');
for my $change ({ role => 'admin' }, { is_paid => JSON::PP::true }, { role => 'influencer', full_name => 'Anne' })
{
	my $answer = request($ann, 'PATCH', 'auth_management', $profile . $id{ann}, $change);
	like($answer->{status}, qr/^4/, 'but not ' . join ' and ', sort keys %$change);
}
shows(request($eve, 'GET', 'auth_management', $profile . $id{ann}), 200, [ { %$anns, full_name => 'Ann' } ], 'nothing of it is left');
shows(request($service, 'PATCH', 'auth_management', $profile . $id{ann}, { is_paid => JSON::PP::true }), 200, [ { %$anns, full_name => 'Ann', is_paid => JSON::PP::true } ], 'the service may');

# --- submit ---

my $video = { video_url => 'https://youtu.be/ann', pull_up_count => 20, gender => 'Female', age => 30, region => 'Coast' };
my $fields = 'select=user_id,status,platform,pull_up_count,actual_pull_up_count';
my $pending = { user_id => $id{ann}, status => 'pending', platform => 'youtube', pull_up_count => 20, actual_pull_up_count => undef };
is(request(undef, 'POST', 'content', 'submissions', { %$video, user_id => $id{ann} })->{status}, 401, 'nobody submits nothing');
like(request(token({ sub => 'nobody', role => 'authenticated' }), 'POST', 'content', 'submissions', { %$video, user_id => $id{ann} })->{status}, qr/^4/, 'nor does a sub that is no UUID');
like(request($bob, 'POST', 'content', 'submissions', { %$video, user_id => $id{ann} })->{status}, qr/^4/, 'nor another for her');
refused(request($ann, 'POST', 'content', 'submissions', { %$video, user_id => $id{ann}, status => 'approved', actual_pull_up_count => 20 }), 'LG005', qr/content\.submissions/, 'nothing is born approved');
shows(request($ann, 'POST', 'content', "submissions?$fields", { %$video, user_id => $id{ann} }), 201, [$pending], 'she submits');
my $id = ask($node, 'club', "SELECT id FROM content.submissions WHERE user_id = '$id{ann}'");
refused(request($ann, 'POST', 'content', 'submissions', { %$video, user_id => $id{ann} }), 'LG103', qr/^NOT_ELIGIBLE/, 'but not twice');

my $one = "submissions?id=eq.$id&$fields";
shows(request($ann, 'GET', 'content', $one), 200, [$pending], 'she sees it');
shows(request($eve, 'GET', 'content', $one), 200, [$pending], 'an admin sees it');
shows(request($_, 'GET', 'content', $one), 200, [], 'others do not') for $bob, undef, token({ sub => 'nobody', role => 'authenticated' });

# --- approve ---

# A row that a policy hides is not updated, and PostgREST says so as it says it of a row that is not there.
my $approval = { status => 'approved', actual_pull_up_count => 18 };
for my $who ([ $ann, 'its member' ], [ $bob, 'another member' ])
{
	my ($token, $name) = @$who;
	shows(request($token, 'PATCH', 'content', $one, $approval), 200, [], "$name approves nothing: no row");
	my $answer = request($token, 'PATCH', 'content', $one, $approval, Prefer => 'return=minimal, count=exact');
	is("$answer->{status} $answer->{headers}{'content-range'}", '204 */0', "$name: without the rows, their number says it");
	$answer = request($token, 'PATCH', 'content', $one, $approval, Accept => 'application/vnd.pgrst.object+json');
	is("$answer->{status} $answer->{body}{code}", '406 PGRST116', "$name: who asks for one object is refused");
}
is(request(undef, 'PATCH', 'content', $one, $approval)->{status}, 401, 'nobody may not even try');
refused(request($eve, 'PATCH', 'content', $one, { status => 'approved' }), 'LG002', qr/^count the pull-ups before you approve/, 'an admin counts before he approves');
refused(request($eve, 'PATCH', 'content', $one, { status => 'rejected' }), 'LG002', qr/^say in the notes why/, 'and says why when he rejects');
refused(request($eve, 'PATCH', 'content', $one, { status => 'lost' }), 'LG003', qr/"lost"/, 'to a state that there is');
shows(request($eve, 'PATCH', 'content', $one, { status => 'rejected', notes => 'too dark' }), 200, [ { %$pending, status => 'rejected' } ], 'he rejects');
refused(request($ann, 'PATCH', 'content', $one, $approval), 'LG001', qr/rejected.*approved/, 'she cannot make it approved');
shows(request($ann, 'PATCH', 'content', $one, { status => 'pending', video_url => 'https://youtu.be/light' }), 200, [$pending], 'but correct it');
my $approved = { %$pending, %$approval };
shows(request($eve, 'PATCH', 'content', $one, $approval), 200, [$approved], 'an admin approves');
shows(request($_, 'GET', 'content', $one), 200, [$approved], 'all see it') for $ann, $bob, undef;
refused(request($ann, 'POST', 'content', 'submissions', { %$video, user_id => $id{ann} }), 'LG103', qr/^NOT_ELIGIBLE/, 'she pauses now');
refused(request($eve, 'PATCH', 'content', $one, { actual_pull_up_count => 25 }), 'LG002', qr/^an approved submission keeps its count/, 'and what was paid for is not counted anew');

my $earning = "weekly_earnings?submission_id=eq.$id&select=user_id,earning_amount_dollars";
shows(request($_, 'GET', 'finance', $earning), 200, [ { user_id => $id{ann}, earning_amount_dollars => 18 } ], 'her earning is for her, admins and the service') for $ann, $eve, $service;
shows(request($bob, 'GET', 'finance', $earning), 200, [], 'not for another member');
like(request(undef, 'GET', 'finance', $earning)->{status}, qr/^(?:200|401)$/, 'nor for nobody');
unlike(request(undef, 'GET', 'finance', $earning)->{text}, qr/18/, 'who is told nothing');

# --- every error of class LG is a 4xx ---

my %codes = map { $_ => 1 } slurp_file('docs/errors.md') =~ /\bLG\d{3}\b/g;
cmp_ok(scalar(keys %codes), '>', 20, 'the manual names the codes');
my @others;
for my $code (sort keys %codes)
{
	my $answer = request($ann, 'POST', 'api', 'rpc/raise_error', { code => $code });
	push @others, "$code: $answer->{status} $answer->{text}" if $answer->{status} != 400
		|| $json->encode($answer->{body}) ne $json->encode({ code => $code, message => "message of $code", details => qq({"code": "$code"}), hint => "hint of $code" });
}
is(join("\n", @others), '', 'all of them arrive as 400, with message, details and hint');

# --- the journal ---

drained($node, 'club');
sub kept { my ($code, $message) = @_; return ask($node, 'club', "SELECT DISTINCT app_user, session_user_name FROM monitoring.system_errors WHERE sqlstate = '$code' AND error_message ~ '$message'"); }
is(kept('LG103', 'NOT_ELIGIBLE'), "$id{ann}|authenticator", 'a refusal is in the journal, with the member who met it');
is(kept('LG002', 'count the pull-ups'), "$id{eve}|authenticator", 'an admin\'s with his');
is(kept('LG206', 'message of'), "$id{ann}|authenticator", 'and so are others');
is(ask($node, 'club', 'SELECT * FROM test.wrong'), '', 'every dollar is where it should be');

$node->stop;
done_testing();
