# epochs.pl FILE: the fixes in gpsd's JSON, by the rule of docs/capture.md (an epoch is the consecutive TPVs of one receiver
# with the same time; the report with most fields stands for it, on a tie the last; a later report of the epoch closed
# last is ignored), told apart from the C code. Prints "time lat lng accuracy speed heading altitude source" as
# gpsd wrote them (time in ms), a missing value as -.
use strict;
use warnings;
use JSON::PP;
use Time::Local 'timegm';

my ($open, $best, $filled, $closed) = ('', undef, 0, '');

sub close_epoch {
	print join(' ', map { $_ // '-' } @$best), "\n" if $best;
	$closed = $open if $best;
	($open, $best) = ('', undef);
}

sub milliseconds {
	my ($y, $mo, $d, $h, $mi, $s, $fraction) = $_[0] =~ /^(\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?Z$/ or return;
	return timegm($s, $mi, $h, $d, $mo - 1, $y) * 1000 + substr(($fraction // '') . '000', 0, 3);
}

open my $in, '<', $ARGV[0] or die "$ARGV[0]: $!\n";
while (<$in>) {
	next unless /"class":"TPV"/;
	my $tpv = eval { JSON::PP::decode_json($_) } or next;
	if (($tpv->{mode} // 0) < 2) {
		close_epoch();
		next;
	}
	my $time = milliseconds($tpv->{time} // '') // next;
	next unless defined $tpv->{lat} && defined $tpv->{lon};
	my $key = ($tpv->{device} // '') . " $time";
	if ($key ne $open) {
		close_epoch();
		next if $key eq $closed;
		($open, $filled) = ($key, -1);
	}
	my $accuracy = $tpv->{eph};
	$accuracy //= sqrt($tpv->{epx}**2 + $tpv->{epy}**2) if defined $tpv->{epx} && defined $tpv->{epy};
	my $fused = ($tpv->{status} // 0) == 5 || ($tpv->{status} // 0) == 6;
	my @values = ($accuracy, $tpv->{speed}, $tpv->{track}, $tpv->{altMSL} // $tpv->{altHAE});
	my $fields = grep { defined } @values;
	next if $fields < $filled;
	($filled, $best) = ($fields, [$time, $tpv->{lat}, $tpv->{lon}, @values, $fused ? 'fused' : 'gps']);
}
close_epoch();
