# centre.pl PORT CENTRAL-PORT MODE-FILE FOLDER: stands between units and the centre, and misbehaves as the first line of
# MODE-FILE says at the moment: pass; 500; garbage (200 and noise); html (200 and a page, as a hotel's network does); nothing
# (takes the request, never answers); cut (the centre handles it, the answer is cut in half); lost (handles it, the
# connection closes); 401 and 403 (as the centre would refuse, but nobody signed it); refuse STATUS NAME [BYTES] (with this
# error, whatever has more BYTES); replay N (an answer
# that is kept); forged (a bit of the answer turned); old (the answer given before the last). What goes through
# is kept in FOLDER as 1.request, 1.answer, 2.request, …
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use Message;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my ($port, $central, $mode_file, $folder) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 20, ReuseAddr => 1) or die "$port: $!\n";
print "listening $port\n";

sub keep {
	my ($name, $bytes) = @_;
	open my $out, '>:raw', "$folder/$name" or die "$name: $!\n";
	print $out $bytes;
}

sub kept {
	my ($name) = @_;
	open my $in, '<:raw', "$folder/$name" or die "$name: $!\n";
	local $/;
	return <$in>;
}

sub from_centre {
	my ($request) = @_;
	my $centre = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$central") or return '';
	say_all($centre, alone($request));
	return whole_message($centre);
}

sub answer_with { return "HTTP/1.1 $_[0]\r\nContent-Type: $_[1]\r\nContent-Length: " . length($_[2]) . "\r\nConnection: close\r\n\r\n$_[2]" }

my ($number, $last, @silent) = (0, '');
while (my $unit = $listener->accept) {
	my $request = whole_message($unit) or next;
	open my $in, '<', $mode_file or die "$mode_file: $!\n";
	chomp(my $mode = <$in>);
	keep(++$number . '.request', $request);
	if ($mode eq 'nothing') {
		push @silent, $unit;
		next;
	}
	my $answer =
		  $mode eq '500'     ? answer_with('500 Internal Server Error', 'text/plain', 'oops')
		: $mode =~ /^40[13]$/ ? answer_with("$mode Refused", 'application/json', '{"error":"REFUSED","message":"go away"}')
		: $mode =~ /^refuse (\d+) (\w+) ?(\d*)$/ && length $request > ($3 || 0) ? answer_with("$1 Refused", 'application/json', "{\"error\":\"$2\",\"message\":\"not this\"}")
		: $mode =~ /^replay (\d+)/ ? kept("$1.answer")
		: $mode eq 'garbage' ? answer_with('200 OK', 'application/octet-stream', join '', map { chr($_ * 37 % 256) } 1 .. 500)
		: $mode eq 'html'    ? answer_with('200 OK', 'text/html', '<html>Please log in</html>')
		:                      from_centre($request);
	keep("$number.answer", $answer);
	my $before = $last;
	$last = $answer;
	$answer = substr $answer, 0, length($answer) - 40 if $mode eq 'cut';
	$answer = '' if $mode eq 'lost';
	$answer = $before if $mode eq 'old';
	substr($answer, -9, 1) ^= "\x10" if $mode eq 'forged';
	say_all($unit, $answer);
	close $unit;
}
