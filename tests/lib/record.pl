# record.pl PORT TARGET DIR: forwards HTTP requests with a body to the port TARGET, and keeps each body that is a batch as
# DIR/00001, …
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
my ($port, $target, $dir) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 5, ReuseAddr => 1) or die "$port: $!\n";
my $number = 0;

sub message { # one whole message of HTTP from the socket, as head and body; nothing at its end
	my ($from) = @_;
	my ($head, $body) = ('', '');
	while ($head !~ /\r\n\r\n/) { sysread $from, $head, 65536, length $head or return }
	($head, $body) = $head =~ /^(.*?\r\n\r\n)(.*)$/s;
	my ($length) = $head =~ /^Content-Length: *(\d+)/mi or return;
	while (length $body < $length) { sysread $from, $body, 65536, length $body or return }
	return ($head, $body);
}

print "listening\n";
while (my $client = $listener->accept) {
	my $centre = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$target") or die "$target: $!\n";
	while (my ($head, $body) = message($client)) {
		if ($body =~ /^ALZY.\x01/s) {
			open my $out, '>:raw', sprintf('%s/%05d', $dir, ++$number) or die "$dir: $!\n";
			print $out $body;
			close $out;
		}
		print $centre $head, $body;
		my @answer = message($centre) or last;
		print $client @answer;
	}
}
