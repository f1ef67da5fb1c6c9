# summary.pl: what the points of one session say, told apart from the C code and from PostGIS: reads "seq time lat lng
# accuracy speed heading altitude source session" as store_rows prints them, and prints the distance in metres, the same across
# silence, the seconds of moving, of standing and of silence, and stops. Distances by the two radii of curvature at the middle of a
# segment: to a millionth for segments as short as those of a drive.
use strict;
use warnings;

my ($pi, $major, $f) = (4 * atan2(1, 1), 6378137, 1 / 298.257223563);

sub metres {
	my ($lat1, $lng1, $lat2, $lng2) = map { $_ / 1e7 * $pi / 180 } @_;
	my $sine = sin(($lat1 + $lat2) / 2);
	my $w = 1 - $f * (2 - $f) * $sine ** 2;
	my $meridian = $major * (1 - $f) ** 2 / $w ** 1.5;
	my $parallel = $major / sqrt($w) * cos(($lat1 + $lat2) / 2);
	return sqrt((($lat2 - $lat1) * $meridian) ** 2 + (($lng2 - $lng1) * $parallel) ** 2);
}

my @points = sort { $a->[0] <=> $b->[0] } grep { $_->[8] ne 'manual' } map { [split] } <STDIN>;
my ($distance, $bridged, $moving, $still, $silent, $stops, $run) = (0) x 7;
for my $i (1 .. $#points) {
	my ($from, $to) = @points[$i - 1, $i];
	my $s = ($to->[1] - $from->[1]) / 1000;
	my $m = metres(@$from[2, 3], @$to[2, 3]);
	my $moves = grep { $_->[5] eq '-' ? $m > 0 && $m >= 0.5 * $s : $_->[5] >= 50 } $from, $to;
	$distance += $m if $moves;
	$bridged += $m if $moves && $s > 300;
	if ($s > 300) { $silent += $s } elsif ($moves) { $moving += $s if $s > 0 } elsif ($s > 0) { $still += $s }
	if ($moves || $s > 300) { $run = 0; next }
	my $before = $run;
	$run += $s if $s > 0;
	$stops++ if $before < 120 && $run >= 120;
}
printf "%.2f %.2f %.3f %.3f %.3f %d\n", $distance, $bridged, $moving, $still, $silent, $stops;
