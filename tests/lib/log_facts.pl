# log_facts.pl FILE: what gpsd's JSON says of a recording, told apart from the C code: "epochs no_time late no_fix first last", by the
# rules of docs/capture.md; times in ms, - when there is none.
use strict;
use warnings;
use JSON::PP;
use Time::Local 'timegm';

my ($epochs, $no_time, $late, $no_fix, $open, $closed, $first, $last) = (0, 0, 0, 0);

sub milliseconds {
	my ($y, $mo, $d, $h, $mi, $s, $fraction) = $_[0] =~ /^(\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?Z$/ or return;
	my $ms = eval { timegm($s, $mi, $h, $d, $mo - 1, $y) } // return;
	$ms = $ms * 1000 + substr(($fraction // '') . '000', 0, 3);
	return $ms > 0 ? $ms : undef;
}

open my $in, '<', $ARGV[0] or die "$ARGV[0]: $!\n";
while (<$in>) {
	my $tpv = eval { JSON::PP::decode_json($_) } or next;
	next unless ($tpv->{class} // '') eq 'TPV';
	if (($tpv->{mode} // 0) < 2) {
		$no_fix++;
		($closed, $open) = ($open, undef) if defined $open;
		next;
	}
	next unless defined $tpv->{lat} && defined $tpv->{lon};
	my $time = milliseconds($tpv->{time} // '');
	if (!defined $time) {
		$no_time++;
		next;
	}
	next if defined $open && $time == $open;
	($closed, $open) = ($open, undef) if defined $open;
	if (defined $closed && $time == $closed) {
		$late++;
		next;
	}
	$open = $time;
	$epochs++;
	$first //= $time;
	$last = $time;
}
print join("\t", $epochs, $no_time, $late, $no_fix, $first // '-', $last // '-'), "\n";
