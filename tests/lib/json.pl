# json.pl PATH: prints the member of the JSON on stdin that PATH names: points.last_seq, 0.session_id; length with a
# '#' behind it. A null prints "null"; a member that is not there is an error.
use strict;
use warnings;
use JSON::PP;

my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my $value = $json->decode(do { local $/; <STDIN> });
my $count = $ARGV[0] =~ s/#\z//;
for my $step (split /\./, $ARGV[0]) {
	my $there = ref $value eq 'ARRAY' ? $step < @$value : ref $value eq 'HASH' && exists $value->{$step};
	die "no $step in ", $json->encode($value), "\n" unless $there;
	$value = ref $value eq 'ARRAY' ? $value->[$step] : $value->{$step};
}
if ($count) {
	print scalar(ref $value eq 'ARRAY' ? @$value : keys %$value), "\n";
} else {
	print ref $value || !defined $value ? $json->encode($value) : "$value", "\n";
}
