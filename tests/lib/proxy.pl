# proxy.pl PORT FOLDER TARGET…: what lies between units and the gateways on the ports TARGET, and is not to be trusted. Each
# connection carries one request, and meets the next line of FOLDER/plan (the first line of which is a name: a plan of another
# name begins anew), "ACTION TARGET FRACTION": what happens, at which gateway (0, 1, …), and where in the bytes. After the last
# line of the plan all pass, the gateways by turns.
#
#	pass         both get through			slow         after a moment
#	deaf         the request is lost		mute         the answer is lost
#	twice        the request comes twice, one after the other	both  at two gateways at once
#	cut-request, cut-answer    only the FRACTION gets through	turn-request, turn-answer  a bit there is turned
#	late         the request is lost, and comes behind the next one	error  a page that no gateway wrote
#
# Every request that is no question for health is kept as FOLDER/kept/N, for whoever wants to send it again.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use Message;

$| = 1;
$SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = 'IGNORE';
my ($port, $folder, @targets) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 50, ReuseAddr => 1) or die "$port: $!\n";
mkdir "$folder/$_" for qw(kept late);
print "listening $port\n";

sub begin { # REQUEST TARGET: the gateway that now has it
	my ($request, $target) = @_;
	my $gateway = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$targets[$target % @targets]") or return;
	say_all($gateway, $request);
	return $gateway;
}

sub forward { # REQUEST TARGET: the answer, or nothing
	my $gateway = begin(@_) or return '';
	return whole_message($gateway);
}

sub part { return substr $_[0], 0, int(length($_[0]) * $_[1]) }

sub turned { # MESSAGE FRACTION: with one bit of its body turned
	my ($message, $fraction) = @_;
	my ($head, $body) = $message =~ /\A(.*?\r\n\r\n)(.+)\z/s or return $message;
	substr($body, int(length($body) * $fraction), 1) ^= "\x10";
	return $head . $body;
}

sub keep { # NAME BYTES: there whole or not at all
	my ($name, $bytes) = @_;
	open my $out, '>:raw', "$folder/part.$$" or die "$folder: $!\n";
	print $out $bytes;
	close $out;
	rename "$folder/part.$$", "$folder/$name" or die "$name: $!\n";
}

sub behind { # FILES: sends what had to wait
	for my $file (@_) {
		rename $file, "$file.$$" or next; # somebody else does
		open my $in, '<:raw', "$file.$$" or next;
		forward(do { local $/; <$in> }, 0);
		unlink "$file.$$";
	}
}

sub at_both {
	my ($request, $target) = @_;
	my $child = fork;
	if (defined $child && !$child) {
		forward($request, $target + 1);
		exit;
	}
	return forward($request, $target);
}

# What the client is answered; $number is that of the request.
my %actions = (
	pass => sub { my ($request, $target) = @_; forward($request, $target) },
	slow => sub { my ($request, $target, $fraction) = @_; select undef, undef, undef, $fraction / 5; forward($request, $target) },
	deaf => sub { '' },
	mute => sub { my ($request, $target) = @_; forward($request, $target); '' },
	twice => sub { my ($request, $target) = @_; forward($request, $target); forward($request, $target + 1) },
	both => \&at_both,
	late => sub { my ($request, undef, undef, $number) = @_; keep("late/$number", $request); '' },
	error => sub { "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops" },
	'cut-request' => sub { my ($request, $target, $fraction) = @_; begin(part($request, $fraction), $target); '' },
	'cut-answer' => sub { my ($request, $target, $fraction) = @_; part(forward($request, $target), $fraction) },
	'turn-request' => sub { my ($request, $target, $fraction) = @_; forward(turned($request, $fraction), $target) },
	'turn-answer' => sub { my ($request, $target, $fraction) = @_; turned(forward($request, $target), $fraction) },
);

sub serve {
	my ($client, $number, $action, $target, $fraction) = @_;
	my $request = whole_message($client);
	return unless length $request;
	$request = alone($request);
	keep("kept/$number", $request) if $request =~ /\APOST/;
	my @late = glob "$folder/late/*";
	my $act = $actions{$action} or die "no action $action\n";
	say_all($client, $act->($request, $target, $fraction, $number));
	close $client;
	behind(@late);
}

my ($number, $name, @plan) = (0, '');
while (my $client = $listener->accept) {
	my @lines = do { open my $in, '<', "$folder/plan" or die "plan: $!\n"; <$in> };
	($name, @plan) = @lines if $lines[0] ne $name;
	my @next = split ' ', shift @plan // "pass $number 0";
	$number++;
	if (fork) {
		close $client;
		next;
	}
	close $listener;
	serve($client, $number, @next);
	exit;
}
