# What alzy verify says, held against what plain SQL finds in both databases: of every row the fate, and the sentence. Not for
# copies: what is another's under the same seq nobody but the two knows.
package Model::Proof;
use strict;
use warnings;
use Exporter 'import';
use List::Util 'any';
use Model::List;
use Model::Rig;

our @EXPORT = qw(check_proof);

my @fates = qw(held rejected dropped expired unproven unsent missing lost differing added gone); # as docs/cli.md has them
my %counts_as = ((map { $_ => 0 } qw(held rejected dropped expired unproven)), unsent => 1, map { $_ => 2 } qw(missing lost differing added gone));

# The fates that a row may have, by what there is of it: here, at the centre, aside, and what either side has noted.
sub may_be {
	my ($line, $at, $place, $facts) = @_;
	my $here = $facts->{here}{$line};
	return $here ? ('held') : qw(held unproven) if ($facts->{there}{$line} // '') eq $place;
	my @may = grep { $facts->{says}{$_}{$place} } qw(dropped expired);
	push @may, 'rejected' if $facts->{aside}{$place};
	push @may, 'dropped' if exists $facts->{dropped}{$at};
	return @may if @may;
	return $here ? qw(unsent missing) : ('lost');
}

sub fates_of { # the JSON of one stream: SEQ => fate
	my ($what, $stream) = @_;
	my %fate;
	for my $name (@fates) {
		for my $range (@{ $stream->{$name} }) {
			for my $seq ($range->[0] .. $range->[1]) {
				wrong("$what $seq is both $fate{$seq} and $name") if $fate{$seq};
				$fate{$seq} = $name;
			}
		}
	}
	return \%fate;
}

# UNIT STATUS SAID THERE: what `alzy verify --json` ended with and said, and at_centre() of that moment.
sub check_proof {
	my ($unit, $status, $said, $there) = @_;
	my $json = json_of($said);
	my %facts = (here => here($unit), there => $there, says => centre_says(), aside => aside_places(), dropped => is_dropped($unit));
	my (%fates, %last, $worst);
	for my $store ($json, @{ $json->{left} }) {
		$fates{"$store->{store_id} $_"} = fates_of("$unit->{name}: $_", $store->{$_}) for qw(points events);
	}
	my $all_held = 1;
	for my $line (sort keys %{ $unit->{own} }) {
		my $at = $unit->{own}{$line};
		my $place = $unit->{places}{$at};
		my ($store, $stream, $seq) = split / /, $place;
		my $fate = delete $fates{"$store $stream"}{$seq} // wrong("$unit->{name}: alzy verify knows nothing of $place: $line\n$said");
		my @may = may_be($line, $at, $place, \%facts);
		wrong("$unit->{name}: alzy verify says that $place is $fate, which is @may: $line\n$said") unless any { $_ eq $fate } @may;
		$worst = $counts_as{$fate} if !defined $worst || $counts_as{$fate} > $worst;
		next if $store ne $json->{store_id};
		$last{$stream} = $seq if $seq > ($last{$stream} // 0);
		$all_held = 0 if $fate ne 'held';
	}
	# Of rows that nobody has any more the list does not know.
	for my $store (keys %fates) {
		for my $fate (values %{ $fates{$store} }) {
			wrong("$unit->{name}: alzy verify names $fate rows of $store that nobody has recorded\n$said") unless $unit->{lost};
			$all_held = 0;
			$worst = $counts_as{$fate} if $counts_as{$fate} > ($worst // 0);
		}
	}
	my $wanted = (0, 21, 23)[$worst // 0];
	wrong("$unit->{name}: alzy verify ended with $status, and should with $wanted\n$said") if $status != $wanted;
	check_sentence($unit, $json, \%last, $all_held, $worst // 0) unless grep { %$_ } values %fates;
}

sub check_sentence {
	my ($unit, $json, $last, $all_held, $worst) = @_;
	my $rows = join ' and ', map { $last->{$_} ? "$_ 1..$last->{$_}" : () } qw(points events);
	my $sentence = "central holds $rows of this store" . join '', map { $last->{$_} ? () : ", which has no $_" } qw(points events);
	return if !%$last || !$all_held; # the rest of such sentences are the ranges that are checked above
	wrong("$unit->{name}: alzy verify says: $json->{sentence}\nand all of it is there: $sentence") if $json->{sentence} ne $sentence;
}

1;
