# nmea.pl: sentences of a receiver for each line "TIME LAT LNG ALTITUDE KNOTS COURSE" on standard input: time in seconds since 1970 (with a
# fraction), degrees, metres; - for a value that it does not know. An altitude makes three dimensions, none two.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use POSIX 'floor';
use Nmea;

sub minutes { # DEGREES DIGITS: in units of a millionth of a minute, so that 59.9999999 is no 60
	my ($degrees, $digits) = @_;
	my $whole = sprintf '%.0f', abs($degrees) * 60e6;
	return sprintf "%0${digits}d%09.6f", $whole / 60e6, $whole % 60e6 / 1e6;
}
while (<STDIN>) {
	my ($time, $lat, $lng, $altitude, $knots, $course) = split;
	my @t = gmtime floor($time);
	my $clock = sprintf '%02d%02d%02d.%02d', @t[2, 1, 0], ($time - floor($time)) * 100 + 0.5;
	my $date = sprintf '%02d%02d%02d', $t[3], $t[4] + 1, $t[5] % 100;
	my $place = minutes($lat, 2) . ($lat < 0 ? ',S,' : ',N,') . minutes($lng, 3) . ($lng < 0 ? ',W' : ',E');
	$_ = $_ eq '-' ? '' : $_ for $altitude, $knots, $course;
	print sentence("GPGGA,$clock,$place,1,09,0.9,$altitude,M,0.0,M,,") if length $altitude;
	print sentence("GPRMC,$clock,A,$place,$knots,$course,$date,,,A");
}
