# receiver.pl PORT FILE: a receiver of this moment: four fixes a second at the time that it is. FILE says what it does, and
# is looked at before each: drive (north, at 10 m/s), stand, coarse (a fix of no use: HDOP 80), nofix, mute,
# stuck (says its last fix again).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time sleep);
use Nmea;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my ($port, $file) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 1, ReuseAddr => 1) or die "$port: $!\n";
print "listening $port\n";
my ($lat, $before) = (52.5, time);

sub mode {
	open my $in, '<', $file or return 'drive';
	my $mode = <$in> // 'drive';
	chomp $mode;
	return $mode;
}

my $last = '';
while (my $gpsd = $listener->accept) {
	my $next = POSIX::ceil(time * 4) / 4;
	while (1) {
		$next += 0.25 while $next <= time;
		sleep $next - time;
		my $mode = mode();
		my $moving = $mode eq 'drive' || $mode eq 'coarse';
		$lat += 10 * ($next - $before) / 111200 if $moving;
		$before = $next;
		next if $mode eq 'mute';
		my @t = gmtime $next;
		my $clock = sprintf '%02d%02d%05.2f', @t[2, 1], $t[0] + $next - int $next;
		my $date = sprintf '%02d%02d%02d', $t[3], $t[4] + 1, $t[5] % 100;
		my $where = sprintf '%02d%08.5f,N,01324.00000,E', int $lat, ($lat - int $lat) * 60;
		my $hdop = $mode eq 'coarse' ? '80.0' : '0.9';
		my $speed = $moving ? '19.438' : '0.000';
		my $said = $mode eq 'nofix'
			? sentence("GPGGA,$clock,,,,,0,00,,,M,,M,,") . sentence("GPRMC,$clock,V,,,,,,,$date,,,N")
			: sentence("GPGGA,$clock,$where,1,09,$hdop,34.0,M,0.0,M,,") . sentence("GPRMC,$clock,A,$where,$speed,0.0,$date,,,A");
		$said = $last if $mode eq 'stuck';
		$last = $said if $mode ne 'nofix';
		last unless defined syswrite $gpsd, $said;
	}
}
