# notify.pl SOCKET: what systemd's end of sd_notify(3) hears, one line each on stdout.
use strict;
use warnings;
use IO::Socket::UNIX;

$| = 1;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$ARGV[0]: $!\n";
while (defined $socket->recv(my $said, 4096)) {
	$said =~ s/\n?\z/\n/;
	print $said;
}
