# one_of_several.pl PORT FILE LATITUDE BEGAN: a receiver that does as FILE says, ten times a second: fix, 2d, nofix, stuck (repeats
# itself), garbage, silent, or gone (hangs up). Its clock goes ten times as fast as that on the wall, since BEGAN, so that it agrees with
# others; it moves east a little, at LATITUDE (degrees, north). Listens until it is ended, for one client after another.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use Time::HiRes 'time';
use Nmea;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my ($port, $file, $latitude, $began) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 5, ReuseAddr => 1) or die "$port: $!\n";
print "listening $port\n";

sub told {
	open my $in, '<', $file or return 'silent';
	return (<$in> // '') =~ /^(\w+)/ ? $1 : 'silent';
}
sub epoch { # SECOND WHAT
	my ($second, $what) = @_;
	my $time = sprintf '%02d%02d%02d.00', 8 + $second / 3600, $second / 60 % 60, $second % 60;
	my $at = sprintf '%02d%07.4f,N,%03d%07.4f,E', int $latitude, ($latitude - int $latitude) * 60, 7, 0.01 * $second;
	my ($letter, $quality, $dimensions) = $what eq 'nofix' ? ('V', 0, 1) : ('A', 1, 3);
	my $place = $quality ? $at : ',,,';
	my $used = $quality ? '03,07,12,19,22' : ',,,,';
	my $flat = sentence("GPRMC,$time,$letter,$place,010.0,090.0,221126,,");
	return $flat if $what eq '2d';
	return sentence("GPGGA,$time,$place,$quality,05,1.2,500.0,M,48.0,M,,")
		. sentence("GPGSA,A,$dimensions,$used,,,,,,,,2.1,1.2,1.7")
		. sentence('GPGSV,2,1,06,03,45,090,44,07,30,180,40,12,80,010,38,19,15,270,30')
		. sentence('GPGSV,2,2,06,22,60,315,35,31,05,045,')
		. $flat;
}

my $second = 0;
while (my $client = $listener->accept) {
	for (;;) {
		my $what = told();
		last if $what eq 'gone';
		$second = int 10 * (time - $began) unless $what eq 'stuck';
		my $said = $what eq 'silent' ? '' : $what eq 'garbage' ? join('', map { chr rand 256 } 1 .. 200) : epoch($second, $what);
		last if length $said && !defined syswrite $client, $said;
		select undef, undef, undef, 0.1;
	}
	close $client;
	select undef, undef, undef, 0.1 while told() eq 'gone';
}
