# What every receiver in the tests says its sentences with.
package Nmea;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(sentence);

sub sentence { # BODY: with its sign, checksum and end
	my ($body) = @_;
	my $sum = 0;
	$sum ^= ord for split //, $body;
	return sprintf "\$%s*%02X\r\n", $body, $sum;
}

1;
