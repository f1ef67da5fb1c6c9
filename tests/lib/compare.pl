# compare.pl REPORTED HELD: each line of REPORTED (epochs.pl) must be the line of HELD (central_rows in rig.sh) at the
# same place, each value within half a unit of the stated resolution. Says the first few that differ.
use strict;
use warnings;

my @scales = (1, 1e7, 1e7, 10, 100, 10, 10);
my @names = qw(time lat lng accuracy speed heading altitude);

sub lines {
	open my $in, '<', $_[0] or die "$_[0]: $!\n";
	return map { chomp; [split / /] } <$in>;
}

sub differs {
	my ($reported, $held) = @_;
	for my $i (0 .. $#scales) {
		my ($r, $h) = ($reported->[$i], $held->[$i + 1]);
		next if $r eq '-' && $h eq '-';
		return $names[$i] if $r eq '-' || $h eq '-' || abs($r * $scales[$i] - $h) > 0.5 + 1e-3;
	}
	return $reported->[7] eq $held->[8] ? '' : 'source';
}

my @reported = lines($ARGV[0]);
my @held = grep { $_->[8] ne 'manual' } lines($ARGV[1]);
my $bad = 0;
for my $i (0 .. ($#reported > $#held ? $#reported : $#held)) {
	my $what = !$reported[$i] ? 'one too many' : !$held[$i] ? 'missing' : differs($reported[$i], $held[$i]) or next;
	print "row ", $i + 1, ", $what: reported @{$reported[$i] // []}, held @{$held[$i] // []}\n" if ++$bad <= 5;
}
print scalar(@reported), " reported, ", scalar(@held), " held, $bad differ\n";
exit($bad > 0);
