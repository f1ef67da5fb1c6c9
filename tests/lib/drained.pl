# drained.pl GPSD-PORT FEED-PORT GPSD-PID: succeeds when gpsd has handled all that the feeder has sent, and its clients
# have read all that it said: no byte waits in a connection, and gpsd, which never sleeps over its work, is asleep.
use strict;
use warnings;

my ($gpsd_port, $feed_port, $pid) = @ARGV;

sub waiting {
	my $port = sprintf ':%04X', $_[0];
	for my $table ('/proc/net/tcp', '/proc/net/tcp6') {
		open my $in, '<', $table or next;
		while (<$in>) {
			my (undef, $local, $remote, $state, $queues) = split;
			next unless $state eq '01' && ($local =~ /$port\z/ || $remote =~ /$port\z/);
			return 1 if $queues ne '00000000:00000000';
		}
	}
	return 0;
}

sub asleep {
	open my $in, '<', "/proc/$pid/stat" or return 0;
	return <$in> =~ /\) S /;
}

exit 1 if waiting($feed_port) || !asleep() || waiting($gpsd_port);
