# feed.pl PORT FIFO FILE PACE: a receiver that is a recording. Listens, lets gpsd connect, waits until somebody opens
# FIFO for writing, sends FILE, and then is silent, as a receiver without power is. PACE is the seconds before each
# epoch: a sentence RMC begins one, and in a recording without any, 200 bytes do.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my ($port, $fifo, $file, $pace) = @ARGV;
open my $in, '-|:raw', 'gzip', '-dcf', '--', $file or die "$file: $!\n";
my $recording = do { local $/; <$in> };
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 1, ReuseAddr => 1) or die "$port: $!\n";
print "listening $port\n";
my $gpsd = $listener->accept or die "accept: $!\n";
print "connected $port\n";
close $listener;
open my $go, '<', $fifo or die "$fifo: $!\n";

my @parts = !$pace ? $recording
	: $recording =~ /\$..RMC/ ? split /(?=\$..RMC)/, $recording
	: unpack '(a200)*', $recording;
for my $part (@parts) {
	select undef, undef, undef, $pace if $pace;
	while (length $part) {
		my $sent = syswrite $gpsd, $part;
		die "gpsd went away: $!\n" unless defined $sent;
		substr $part, 0, $sent, '';
	}
}
print "sent $port\n";
1 while sysread $gpsd, my $said, 65536; # what gpsd asks of the receiver
