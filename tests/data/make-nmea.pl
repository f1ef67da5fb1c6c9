#!/usr/bin/perl
# make-nmea.pl DRIVE.csv >DRIVE.nmea: what a receiver would have said on a recorded drive, a GGA and an RMC each second.
# Time, position, altitude, speed and course are those of the recording; the numbers of satellites, the dilution of
# precision and the height of the geoid, which it does not have, are the same in each sentence.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX 'floor';
use Nmea;

use constant KNOTS_PER_MPS => 3600 / 1852;

# Six decimals of a degree, written as degrees and minutes with five decimals: 1.9 cm.
sub angle {
	my ($degrees, $width, $letters) = @_;
	my $hundred_thousandths = floor(abs($degrees) * 60e5 + 0.5);
	my $whole = floor($hundred_thousandths / 60e5);
	return sprintf('%0*d%08.5f,%s', $width, $whole, ($hundred_thousandths - $whole * 60e5) / 1e5,
		substr $letters, $degrees < 0, 1);
}

<>;    # the names of the columns
while (<>) {
	chomp;
	my (undef, $ms, $lat, $lng, $altitude, $speed, $course) = split /,/;
	my ($s, $m, $h, $day, $month, $year) = gmtime floor($ms / 1000);
	my $time = sprintf '%02d%02d%02d.%03d', $h, $m, $s, $ms % 1000;
	my $where = angle($lat, 2, 'NS') . ',' . angle($lng, 3, 'EW');
	print sentence(sprintf 'GPGGA,%s,%s,1,09,0.9,%.1f,M,0.0,M,,', $time, $where, $altitude);
	print sentence(sprintf 'GPRMC,%s,A,%s,%.3f,%.1f,%02d%02d%02d,,,A', $time, $where, $speed * KNOTS_PER_MPS, $course, $day,
		$month + 1, $year % 100);
}
