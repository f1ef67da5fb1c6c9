# Requests and answers of HTTP as bytes, for what stands between units and the centre.
package Message;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(whole_message say_all alone);

sub whole_message { # SOCKET: what it holds by its own length, or until its end
	my ($socket) = @_;
	my $message = '';
	while (sysread $socket, $message, 65536, length $message) {
		my ($head) = $message =~ /\A(.*?\r\n\r\n)/s or next;
		# A client that asks for it is told to go on, as a gateway would tell it.
		syswrite $socket, "HTTP/1.1 100 Continue\r\n\r\n" if $head =~ /^Expect:/mi && length $message == length $head;
		my ($length) = $head =~ /^Content-Length:\s*(\d+)/mi;
		last if length $message >= length($head) + ($length // 0);
	}
	return $message;
}

sub say_all {
	my ($socket, $bytes) = @_;
	while (length $bytes) {
		my $sent = syswrite $socket, $bytes or return;
		substr $bytes, 0, $sent, '';
	}
}

sub alone { # REQUEST: as the only one of its connection
	my ($request) = @_;
	$request =~ s/^(Expect|Connection):.*?\r\n//mig;
	$request =~ s/\r\n/\r\nConnection: close\r\n/;
	return $request;
}

1;
