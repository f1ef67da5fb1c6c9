# What the model does to the world: real programs, Postgres through one psql, stores through sqlite3. model.t has made the
# scratch folder, Postgres, the centre and the units; all that is started here dies with this process.
package Model::Rig;
use strict;
use warnings;
use Exporter 'import';
use IO::Socket::INET;
use IPC::Open2;
use JSON::PP 'decode_json';
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(wrong run start finish kill_after term_after alzy agent daemon_of central sql admin store settle dump_centre restore_centre
	gateway_start gateway_kill gateways deliver plan nap slurp spill json_of $SCRATCH);

our $SCRATCH = $ENV{SCRATCH} // "."; # model.t says what and where
my ($build, $proxy) = @ENV{qw(BUILD PROXY)};
my @ports = split " ", $ENV{GATEWAYS} // "";
my $patience_s = $ENV{PATIENCE_S} // 30;
my (%gateways, $jobs);

# ---- what went wrong ends the run ---------------------------------------------------------------------------------

sub wrong { die join('', @_) =~ s/\n*\z/\n/r }

# ---- programs -----------------------------------------------------------------------------------------------------

# In the background, with its output in a file. Ended by finish(), which gives its status and what it said.
sub start {
	my ($config, @command) = @_;
	my $said = "$SCRATCH/job." . ++$jobs;
	my $pid = fork // wrong("fork: $!");
	if (!$pid) {
		$ENV{ALZY_CONFIG} = $config;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $said;
		open STDERR, '>&', \*STDOUT;
		exec 'setpriv', '--pdeathsig', 'KILL', @command or POSIX::_exit(127);
	}
	return { pid => $pid, said => $said, command => "@command", killed => 0 };
}

sub finish { # JOB: exit status (128 + signal), output
	my ($job) = @_;
	local $SIG{ALRM} = sub { kill 'KILL', $job->{pid}; wrong("$job->{command}: hangs\n", slurp($job->{said})) };
	alarm $patience_s;
	waitpid $job->{pid}, 0;
	my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	alarm 0;
	my $said = slurp($job->{said});
	unlink $job->{said};
	# A fault in a program is one whatever the step was about; 137 is ours.
	wrong("$job->{command}: ended with $status\n$said") if $status == 1 || $status == 127 || ($status > 127 && !($job->{killed} && $status == 137)
		&& !($job->{asked} && $status == 143));
	return ($status, $said);
}

sub run { return finish(start(@_)) }

# The one line of JSON in what was said; what a program says to people may stand in the middle of a long one.
sub json_of {
	my ($said) = @_;
	return eval { decode_json($said =~ s/alzy(?:-central)?: .*\n//gr) } // wrong("no JSON: $said");
}

sub kill_after { # JOB SECONDS: kill -9, wherever it is by then
	my ($job, $seconds) = @_;
	sleep $seconds;
	$job->{killed} = 1;
	kill 'KILL', $job->{pid};
	return finish($job);
}

sub term_after { # JOB SECONDS: asks it to end
	my ($job, $seconds) = @_;
	sleep $seconds;
	$job->{asked} = 1;
	kill 'TERM', $job->{pid};
	return finish($job);
}

sub alzy { my ($unit, @verb) = @_; return ("$SCRATCH/$unit->{name}/alzy.conf", "$build/alzy", @verb) }
sub agent { my ($unit) = @_; return ("$SCRATCH/$unit->{name}/alzy.conf", "$build/alzy-agentd") }
sub daemon_of { my ($unit) = @_; return ("$SCRATCH/$unit->{name}/alzy.conf", "$build/alzy-syncd") }
sub central { my (@verb) = @_; return ("$SCRATCH/central.conf", "$build/alzy-central", @verb) }

sub nap { sleep $_[0] }

# ---- the databases ------------------------------------------------------------------------------------------------

my %psql; # by database: pid, in, out

sub ask_psql {
	my ($database, $statement) = @_;
	my $to = $psql{$database};
	if (!$to) {
		my $pid = open2(my $out, my $in, 'setpriv', '--pdeathsig', 'KILL', 'sh', '-c', 'exec psql -qXAt -v VERBOSITY=verbose -d "$1" 2>&1', 'sh',
			$ENV{DSN} =~ s/dbname=\S+/dbname=$database/r);
		$in->autoflush(1);
		$to = $psql{$database} = { pid => $pid, in => $in, out => $out };
	}
	print { $to->{in} } "$statement;\n\\echo <end>\n";
	my @rows;
	while (defined(my $line = readline $to->{out})) {
		chomp $line;
		return @rows if $line eq '<end>';
		push @rows, $line;
	}
	wrong("psql has ended: @rows");
}

sub forget_psql {
	my $to = delete $psql{$_[0]} or return;
	close $to->{in};
	waitpid $to->{pid}, 0;
}

# Rows as lines. What Postgres refuses for what is in it is a list of one line "ERROR…" when asked for, else the end.
sub ask {
	my ($database, $statement, $may_refuse) = @_;
	my @rows = ask_psql($database, $statement);
	my ($error) = grep { /^(?:ERROR|FATAL):/ } @rows or return @rows;
	wrong("$statement\n$error") unless $may_refuse && $error =~ /^ERROR:\s+2[23]/;
	return ($error);
}
sub sql { return ask('alzy', @_) }
sub admin { return ask('postgres', @_) }

# What a killed program had begun in the database has come to an end, one way or the other.
sub settle {
	for (1 .. 500) {
		return unless sql("SELECT 1 FROM pg_stat_activity WHERE datname = 'alzy' AND backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()");
		sleep 0.01;
	}
	wrong("the database never comes to rest");
}

# A dump is a database beside: made and taken back in a tenth of a second, and what pg_dump and pg_restore would give.
sub without_guests {
	my ($statement) = @_;
	forget_psql('alzy');
	for (1 .. 100) {
		ask_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'alzy'");
		my ($error) = grep { /ERROR/ } ask_psql('postgres', $statement);
		return unless $error;
		wrong("$statement\n$error") unless $error =~ /55006/; # somebody is connected
		sleep 0.02;
	}
	wrong("$statement: never alone");
}
sub dump_centre {
	my ($name) = @_;
	admin("DROP DATABASE IF EXISTS $name");
	without_guests("CREATE DATABASE $name TEMPLATE alzy");
}
sub restore_centre {
	my ($name) = @_;
	without_guests('DROP DATABASE alzy');
	admin("CREATE DATABASE alzy TEMPLATE $name");
}

# One sqlite3 for all stores; each is open only while it is asked, so that a program that was killed leaves what it leaves.
my $sqlite;
sub store { # UNIT SQL: rows as lines
	my ($unit, $statement) = @_;
	if (!$sqlite) {
		my $pid = open2(my $out, my $in, 'setpriv', '--pdeathsig', 'KILL', 'sh', '-c', 'exec sqlite3 -batch 2>&1');
		$in->autoflush(1);
		$sqlite = { pid => $pid, in => $in, out => $out };
	}
	my $file = "$SCRATCH/$unit->{name}/store.db";
	print { $sqlite->{in} } ".open --readonly '$file'\n.timeout 5000\n$statement;\n.open :memory:\n.print <end>\n";
	my @rows;
	while (defined(my $line = readline $sqlite->{out})) {
		chomp $line;
		wrong("$file: $statement: $line") if $line =~ /^(?:(?:Parse|Runtime) error|Error)\b/;
		return @rows if $line eq '<end>';
		push @rows, $line;
	}
	wrong("sqlite3 has ended: @rows");
}

# ---- gateways and what lies before them -----------------------------------------------------------------------------

sub gateways { return scalar @ports }

sub answers {
	my ($port) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or return 0;
	print $socket "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	return (readline($socket) // '') =~ /^HTTP/;
}

sub gateway_start { # NUMBER
	my ($n) = @_;
	my $config = "$SCRATCH/serve.$n.conf";
	my $text = slurp("$SCRATCH/central.conf");
	$text =~ s/user=postgres/user='gate'/;
	$text =~ s/^(listen = .*:)\d+/$1$ports[$n]/m;
	spill($config, $text);
	my $pid = fork // wrong("fork: $!");
	if (!$pid) {
		$ENV{ALZY_CONFIG} = $config;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', "$SCRATCH/gateway-$n.log";
		open STDERR, '>&', \*STDOUT;
		exec 'setpriv', '--pdeathsig', 'KILL', "$build/alzy-central", 'serve' or POSIX::_exit(127);
	}
	$gateways{$n} = $pid;
	my $until = time + $patience_s;
	until (answers($ports[$n])) {
		waitpid($pid, POSIX::WNOHANG()) == 0 or wrong("gateway $n has ended: ", slurp("$SCRATCH/gateway-$n.log"));
		wrong("gateway $n does not answer") if time > $until;
		sleep 0.01;
	}
}

sub gateway_kill { # NUMBER SIGNAL; one that does not outlive it by itself is a fault
	my ($n, $signal) = @_;
	my $pid = delete $gateways{$n} // wrong("gateway $n does not run");
	kill $signal, $pid;
	waitpid $pid, 0;
	wrong("gateway $n ended with $?: ", slurp("$SCRATCH/gateway-$n.log")) unless $? == 0 || ($? & 127) == 9;
}

END {
	my $status = $?;
	kill 'KILL', values %gateways if %gateways;
	$? = $status;
}

my $plans = 0;
sub plan { # LINES: what the next requests meet
	spill("$SCRATCH/proxy/plan", join("\n", 'plan ' . ++$plans, @_) . "\n");
}

sub deliver { # REQUEST GATEWAY: bytes that somebody has kept; nobody reads the answer but for its status
	my ($request, $n) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ports[$n]") or return 0;
	print $socket $request;
	my $answer = do { local $/; <$socket> } // '';
	return $answer =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0;
}

# ---- files ----------------------------------------------------------------------------------------------------------

sub slurp { open my $in, '<:raw', $_[0] or return ''; local $/; return scalar <$in> // '' }
sub spill { # FILE TEXT: there whole or not at all
	my ($file, $text) = @_;
	open my $out, '>:raw', "$file.part" or wrong("$file: $!");
	print $out $text;
	close $out or wrong("$file: $!");
	rename "$file.part", $file or wrong("$file: $!");
}

1;
