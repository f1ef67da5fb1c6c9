# live.pl PORT FILE: a receiver that lives now. Listens, lets gpsd connect, and says GGA and RMC at the rate and the time that
# FILE asks for at the moment: "fix OFFSET_S [HZ [ONCE]]", its time being OFFSET_S more than the system clock, and that of
# one of them ONCE more; or "nofix".
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use POSIX 'floor';
use Time::HiRes qw(time sleep);
use Nmea;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my ($port, $file) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 1, ReuseAddr => 1) or die "$port: $!\n";
print "listening $port\n";
my $gpsd = $listener->accept or die "accept: $!\n";
print "connected $port\n";

my ($epoch, $told) = (floor(time) + 1, 0);
while (1) {
	open my $in, '<', $file or die "$file: $!\n";
	my ($what, $offset, $hz, $once) = split ' ', scalar <$in>;
	($offset, $hz) = ($offset || 0, $hz || 1);
	$epoch = floor(time) + 1 if $epoch < time - 3;    # this process was held up
	sleep($epoch - time) if $epoch > time;
	my $said = $epoch + $offset;
	$said += $once if $once && !$told++;
	$told = 0 unless $once;
	my ($s, $m, $h, $day, $month, $year) = gmtime floor($said);
	my $time = sprintf '%02d%02d%02d.%02d', $h, $m, $s, ($said - floor($said)) * 100;
	my $date = sprintf '%02d%02d%02d', $day, $month + 1, $year % 100;
	my $where = sprintf '5231.%05d,N,01324.00000,E', $epoch * 555 % 100000;
	my $fix = $what eq 'fix';
	my $out = $fix
		? sentence("GPGGA,$time,$where,1,09,0.9,40.0,M,0.0,M,,") . sentence("GPRMC,$time,A,$where,20.0,0.0,$date,,,A")
		: sentence("GPGGA,$time,,,,,0,00,,,M,,M,,") . sentence("GPRMC,$time,V,,,,,,,$date,,,N");
	defined syswrite $gpsd, $out or exit;
	print "said $said\n" if $fix;
	$epoch += 1 / $hz;
}
