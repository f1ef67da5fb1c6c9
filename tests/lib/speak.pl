# speak.pl PORT FILE [PACE]: a gpsd that says what FILE holds, and then is silent until its client goes. PACE is the
# seconds before each line; with one, it tells in its own output how many lines it has said to this client.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my ($port, $file, $pace) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 5, ReuseAddr => 1) or die "$port: $!\n";
print "listening $port\n";
while (my $client = $listener->accept) {
	open my $in, '<:raw', $file or die "$file: $!\n";
	syswrite $client, qq({"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}\r\n);
	while (my $line = <$in>) {
		select undef, undef, undef, $pace if $pace;
		last unless defined syswrite $client, $line;
		print "said $.\n" if $pace;
	}
	print "spoken\n";
	1 while sysread $client, my $said, 65536;
}
