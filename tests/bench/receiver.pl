# receiver.pl PORT HZ: a receiver in a car that drives in a circle. Listens, lets gpsd connect, and from then on says each epoch when its
# time has come: RMC, GGA and GSA, and once a second 11 satellites in GSV. The time is that of this machine's clock, of a whole period.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use Time::HiRes qw(clock_gettime sleep CLOCK_REALTIME);
use Nmea;

use constant { RADIUS_M => 500, SPEED_MPS => 15, LAT => 48.2, LNG => 16.4, METRES_PER_DEGREE => 111_195, PI => 3.14159265358979 };

$| = 1;
$SIG{PIPE} = 'IGNORE';
my ($port, $hz) = @ARGV;

sub angle {
	my ($degrees, $width) = @_;
	return sprintf '%0*d%08.5f', $width, int $degrees, ($degrees - int $degrees) * 60;
}

# TICK: periods since 1970.
sub epoch {
	my ($tick) = @_;
	my $at = $tick / $hz;
	my ($s, $m, $h, $day, $month, $year) = gmtime int $at;
	my $time = sprintf '%02d%02d%06.3f', $h, $m, $s + $at - int $at;
	my $turn = $at * SPEED_MPS / RADIUS_M;
	my $lat = LAT + RADIUS_M / METRES_PER_DEGREE * cos $turn;
	my $lng = LNG + RADIUS_M / METRES_PER_DEGREE / cos(LAT * PI / 180) * sin $turn;
	my $course = ($turn * 180 / PI + 90) - 360 * int(($turn * 180 / PI + 90) / 360);
	my $where = angle($lat, 2) . ',N,' . angle($lng, 3) . ',E';
	my $said = sentence(sprintf 'GPRMC,%s,A,%s,%.3f,%.2f,%02d%02d%02d,,,A', $time, $where, SPEED_MPS * 3600 / 1852, $course, $day,
		$month + 1, $year % 100);
	$said .= sentence(sprintf 'GPGGA,%s,%s,1,09,0.9,%.1f,M,42.5,M,,', $time, $where, 180 + 20 * sin $turn / 3);
	$said .= sentence('GPGSA,A,3,02,05,07,09,13,15,20,28,30,,,,1.6,0.9,1.3');
	return $said if $tick % $hz;
	my @satellites = map { sprintf '%02d,%02d,%03d,%02d', $_, 10 + $_ * 2, $_ * 11, 20 + ($_ + $at) % 25 } 2, 5, 7, 9, 13, 15, 20, 28, 30, 11, 18;
	for my $part (0 .. 2) {
		my $last = $part * 4 + 3 < $#satellites ? $part * 4 + 3 : $#satellites;
		$said .= sentence(sprintf 'GPGSV,3,%d,11,%s', $part + 1, join ',', @satellites[$part * 4 .. $last]);
	}
	return $said;
}

my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 1, ReuseAddr => 1) or die "$port: $!\n";
print "listening $port\n";
my $gpsd = $listener->accept or die "accept: $!\n";
print "connected $port\n";
for (my $tick = 1 + int $hz * clock_gettime(CLOCK_REALTIME);; $tick++) {
	my $early = $tick / $hz - clock_gettime(CLOCK_REALTIME);
	sleep $early if $early > 0;
	syswrite($gpsd, epoch($tick)) // die "gpsd went away: $!\n";
}
