# witness.pl PORT: a client of gpsd beside the agent. Prints every line that gpsd sends.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
my $gpsd = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]") or die "gpsd: $!\n";
syswrite $gpsd, qq(?WATCH={"enable":true,"json":true};\n);
while (sysread $gpsd, my $said, 1 << 20) {
	print $said;
}
