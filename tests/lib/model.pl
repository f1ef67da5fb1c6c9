# model.pl SEED STEPS: random steps against a real Postgres, two gateways and real units, and after each few of them the one
# question of Model::List. In the end the faults stop, everything is sent, and all that can be held is held. model.t starts it.
#
# STEPS is a number, or a list like 1-20,25: a step draws what it does from the seed and its own number alone, so what has gone
# wrong can be looked for in fewer steps.
use strict;
use warnings;
use Digest::MD5 'md5';
use Encode 'encode_utf8';
use FindBin;
use lib $FindBin::Bin;
use List::Util qw(max min sum0);
use Time::HiRes;
use Model::List;
use Model::Proof;
use Model::Rig;

my ($seed, $steps) = @ARGV;
my @units = map { { name => $_, device => 0, own => {}, at => {}, dropped => {}, last => { points => 0, events => 0 } } } split ' ', $ENV{UNITS} // '';
my $every = $ENV{ALZY_EVERY} || 10; # steps between two looks at everything
my @users = qw(ana bo cy);
my @machines = qw(van truck);

# ---- chance -------------------------------------------------------------------------------------------------------------

sub chance { return rand() < $_[0] }
sub one { return @_ ? $_[rand @_] : undef }
sub weighted { # [WEIGHT, …]…
	my $at = rand sum0 map { $_->[0] } @_;
	for (@_) { return $_ if ($at -= $_->[0]) < 0 }
	return $_[-1];
}
sub shuffled { my @list = map { [rand, $_] } @_; return map { $_->[1] } sort { $a->[0] <=> $b->[0] } @list }

# ---- the state of the model ---------------------------------------------------------------------------------------------

my %centre = (dumps => {}, poison => undef, keys => 1); # dumps: name => what the model knew of the centre then
my ($fix, $clock_ms, $word) = (0, 1714557600000, 0); # the clock of receivers

sub doubt { # whether a unit is served, and with it all copies of it
	my ($unit) = @_;
	$_->{doubt} = 1 for grep { $_->{device} == $unit->{device} } @units;
}

sub went_back { # the centre may have lost what units believe that it has
	my $there = at_centre();
	for my $unit (@units) {
		$unit->{behind} = $unit->{doubt} = 1;
		$unit->{lost} += forget_lost($unit, $there);
	}
}

# ---- recording ----------------------------------------------------------------------------------------------------------

my %fixes; # line of a point, but for its session => 1

# Fixes that nobody has recorded yet, as gpsd would report them. Every tenth is one that a constraint of somebody's own refuses,
# while there is one (see poison).
sub write_replay {
	my ($unit, $count) = @_;
	my $text = '';
	$clock_ms += 86400000 * int rand 40 if chance(0.05);
	$clock_ms -= 3600000 * int rand 40 if chance(0.05);
	my $outages = chance(0.1); # each is two events
	for (1 .. $count) {
		$fix++;
		$clock_ms += 1000;
		$text .= qq({"class":"TPV","device":"d","mode":1}\n) if $outages && chance(0.3);
		my ($lat, $lng) = (400000000 + 100 * $fix, 80000000 + 10 * $fix + int rand 10);
		my ($speed, $extra, @rest) = (int rand 3000, '', ('-') x 3);
		if (chance(0.7)) {
			@rest = (int rand 500, int rand 3600, -500 + int rand 20000);
			$extra = sprintf ',"eph":%.1f,"track":%.1f,"altMSL":%.1f', map { $_ / 10 } @rest;
		}
		my ($s, $m, $h, $d, $month, $year) = gmtime $clock_ms / 1000;
		$text .= sprintf qq({"class":"TPV","device":"d","mode":3,"time":"%04d-%02d-%02dT%02d:%02d:%02d.000Z","lat":%.7f,"lon":%.7f,"speed":%.2f%s}\n),
			$year + 1900, $month + 1, $d, $h, $m, $s, $lat / 1e7, $lng / 1e7, $speed / 100, $extra;
		$fixes{ join '|', 'points', $clock_ms, $lat, $lng, $rest[0], $speed, @rest[1, 2], 'gps' } = 1;
	}
	spill("$SCRATCH/$unit->{name}/drive.json", $text);
}
sub was_meant { my ($line) = @_; return $fixes{ $line =~ s/\|[^|]*\z//r } }

# After anything that a unit may have recorded, which is also that the centre has changed a session.
sub learn_all { learn($_, \&was_meant) for @units }
sub new_points { my ($unit) = @_; return scalar grep { /^points/ } learn($unit, \&was_meant) }

sub record {
	my ($unit) = @_;
	my $count = chance(0.1) ? 50 + int rand 150 : 1 + int rand 12;
	write_replay($unit, $count);
	my $job = start(agent($unit));
	if (chance(0.2)) {
		kill_after($job, rand 0.03);
		my $kept = new_points($unit);
		wrong("$kept points of $count") if $kept > $count;
		return "$count fixes, kill -9, $kept kept";
	}
	my ($status, $said) = finish($job);
	wrong("alzy-agentd ended with $status\n$said") if $status;
	my $kept = new_points($unit);
	# Nothing is kept while somebody has paused the session, here or at the centre.
	wrong("$kept points of $count\n$said") if $kept != $count && !($kept == 0 && store($unit, "SELECT 1 FROM sessions WHERE status = 'paused'"));
	return "$count fixes, $kept kept";
}

# More than a block of points, which may be pruned together.
sub long_drive {
	my ($unit) = @_;
	return 'not while stretches are refused' if stretches_refused(); # each of so many refused rows must be looked for
	my $count = 4096 + int rand 500;
	write_replay($unit, $count);
	my ($status, $said) = run(agent($unit));
	my $kept = new_points($unit);
	wrong("alzy-agentd ended with $status and $kept points of $count\n$said") if $status || $kept != 0 && $kept != $count;
	return "$kept kept";
}

sub event {
	my ($unit) = @_;
	my ($type, $payload) = (one(qw(note door poison)), sprintf '{"n": %d, "text": "%s"}', ++$word, one('a', 'ünï \"quoted\" \\\\', 'x' x 300));
	my ($status, $said) = run(alzy($unit, 'event', $type, $payload));
	wrong("alzy event ended with $status\n$said") if $status;
	my @new = learn($unit, \&was_meant);
	wrong("an event became @new") unless @new == 1 && $new[0] =~ /^events\|\d+\|$type\|\S+\|\U${\unpack 'H*', $payload}\E$/i;
	return "$type $word";
}

sub mark {
	my ($unit) = @_;
	$fix++;
	my ($lat, $lng) = (400000000 + 100 * $fix, 80000000 + 10 * $fix + int rand 10);
	my ($status, $said) = run(alzy($unit, 'mark', '--lat', $lat / 1e7, '--lng', $lng / 1e7, 'a note', '--json'));
	wrong("alzy mark ended with $status\n$said") if $status;
	my @new = learn($unit);
	wrong("a mark became @new") unless @new == 2 && $new[0] =~ /^points\|\d+\|$lat\|$lng\|-\|-\|-\|-\|manual\|/ && $new[1] =~ /\|mark\|/;
	return '';
}

# ---- sessions -----------------------------------------------------------------------------------------------------------

sub session {
	my ($unit) = @_;
	my $verb = one(qw(start pause resume end));
	my @who;
	if ($verb eq 'start') {
		push @who, '--user', one(@users, 'stranger') if chance(0.7);
		push @who, '--machine', one(@machines, 'wreck') if chance(0.5);
		push @who, '--application', one(3, 4, 99) if chance(0.5);
		push @who, '--force';
	}
	my ($status, $said) = run(alzy($unit, 'session', $verb, @who));
	wrong("alzy session $verb ended with $status\n$said") if $status && $status != 8;
	learn($unit, \&was_meant);
	return "$verb @who: $status";
}

sub set_text { my ($column, @values) = @_; my $value = one(@values, undef); return "$column = " . (defined $value ? "'$value'" : 'NULL') }
my @edits = (
	[public => sub { set_text('user_id', @users) }], [public => sub { set_text('machine_id', @machines) }],
	[public => sub { 'application_id = ' . one(3, 4, 'NULL') }], [public => sub { "start_at = start_at - interval '1 s'" }],
	[public => sub { "end_at = date_trunc('milliseconds', greatest(start_at, now() AT TIME ZONE 'UTC'))" }],
	[alzy => sub { "status = '" . one(qw(active paused ended)) . "'" }], [alzy => sub { "started_at = started_at - interval '1 min'" }],
	[public => sub { set_text('user_id', @users) . ', ' . set_text('machine_id', @machines) . ", start_at = start_at - interval '10 ms'" }],
);
sub edit { # by somebody at the centre who knows nothing of alzy
	my ($table, $set) = map { ref $_ ? $_->() : $_ } @{ one(@edits) };
	my @sessions = sql('SELECT session_id FROM alzy.sessions WHERE session_id IS NOT NULL ORDER BY id DESC LIMIT 6') or return 'no session';
	my $id = one(@sessions);
	my ($refused) = sql("UPDATE $table.sessions SET $set WHERE session_id = '$id'", 1);
	return "$table $id $set" . ($refused ? ': refused' : '');
}

# ---- exchanges ----------------------------------------------------------------------------------------------------------

my @faults = qw(deaf mute twice both cut-request cut-answer turn-request turn-answer late error slow pass pass pass);
sub faulty_plan { return map { join ' ', one(@faults), int rand gateways(), sprintf '%.4f', rand } 1 .. 6 }
sub clean_plan { return map { join ' ', 'pass', $_ % gateways(), 0 } 1 .. 6 }

# With nothing in the way, and in good standing, a sync succeeds.
sub sync_clean {
	my ($unit) = @_;
	plan(clean_plan());
	my ($status, $said) = run(alzy($unit, 'sync'));
	if ($status == 16 || $status == 9) { # an exchange of before may still be at work
		nap(1.2);
		($status, $said) = run(alzy($unit, 'sync'));
	}
	wrong("alzy sync ended with $status\n$said") if $status && !$unit->{doubt};
	return $status if $status;
	$unit->{behind} = $unit->{doubt} = 0;
	check_drained($unit);
	return 0;
}

# Nothing is left to do, and both sides tell the same of each session.
sub check_drained {
	my ($unit) = @_;
	learn_all();
	check_held($unit, at_centre());
	my @differ = sessions_differ($unit);
	wrong("$unit->{name}: sessions differ:\n@differ") if @differ;
}

sub sync_faulty {
	my ($unit) = @_;
	my @plan = faulty_plan();
	plan(@plan);
	my $job = start(alzy($unit, 'sync'));
	my ($status) = chance(0.2) ? kill_after($job, rand 0.08) : finish($job);
	$unit->{behind} = 0 if !$status;
	return join(', ', map { (split ' ')[0] } @plan) . ": $status";
}

# alzy-syncd sends by itself, and is ended in some way.
sub daemon {
	my ($unit) = @_;
	my @plan = chance(0.5) ? faulty_plan() : clean_plan();
	plan(@plan);
	my $job = start(daemon_of($unit));
	my $for = rand 0.3;
	my ($status) = chance(0.5) ? kill_after($job, $for) : term_after($job, $for);
	wrong("alzy-syncd ended with $status") if $status && $status != 137 && $status != 143;
	return join(', ', map { (split ' ')[0] } @plan) . ": $status";
}

# Rows leave the unit as soon as the centre has them.
sub prune {
	my ($unit) = @_;
	my $config = "$SCRATCH/$unit->{name}/alzy.conf";
	my $text = slurp($config);
	spill($config, $text =~ s/^keep = .*\n//mr =~ s/^\[store\]\n/[store]\nkeep = 0s\n/mr);
	plan(clean_plan());
	my $job = start(alzy($unit, 'sync'));
	my ($status) = chance(0.3) ? kill_after($job, rand 0.1) : finish($job);
	spill($config, $text);
	return $status;
}

# What is under way meets what else happens.
sub at_once {
	my @plan = faulty_plan();
	plan(chance(0.5) ? @plan : clean_plan());
	my ($one, $other) = shuffled(@units);
	my %does = (
		sync => sub { alzy($one, 'sync') }, record => sub { write_replay($one, 1 + int rand 100); agent($one) },
		event => sub { alzy($one, 'event', 'note', sprintf '{"n": %d}', ++$word) },
		other => sub { alzy($other // $one, 'sync') }, kill => sub { () },
	);
	my @what = ('sync', grep { chance(0.5) } qw(record event other kill));
	my (@jobs, $killed);
	for (@what) {
		if ($_ eq 'kill') {
			$killed = int rand gateways();
			nap(rand 0.05);
			gateway_kill($killed, 'KILL');
		} else {
			push @jobs, start($does{$_}->());
		}
	}
	my @status = map { (finish($_))[0] } @jobs;
	gateway_start($killed) if defined $killed;
	new_points($one);
	return "@what: @status";
}

sub old_request { # one that somebody has kept comes again, however old it is
	my @kept = sort { $a <=> $b } map { m{/(\d+)$} } glob "$SCRATCH/proxy/kept/*";
	my $number = one(@kept) // return 'none';
	return "request $number: " . deliver(slurp("$SCRATCH/proxy/kept/$number"), int rand gateways());
}

sub gateway { # restarted, one way or the other
	my $n = int rand gateways();
	my $signal = one(qw(TERM KILL));
	gateway_kill($n, $signal);
	gateway_start($n);
	return "$n $signal";
}

# ---- sticks -------------------------------------------------------------------------------------------------------------

my @sticks = map { "$SCRATCH/stick.$_" } 1 .. 3;
sub batches { return sort glob "$_[0]/*.batch" }

sub to_stick {
	my ($unit) = @_;
	my $stick = one(@sticks);
	mkdir $stick;
	my $job = start(alzy($unit, 'sync', '--to', $stick));
	my ($status, $said) = chance(0.1) ? kill_after($job, rand 0.03) : finish($job);
	return "$stick: $status, " . (() = batches($stick)) . ' files';
}

sub import_stick {
	my $stick = one(@sticks);
	my @files = shuffled(batches($stick)) or return 'empty';
	splice @files, 1 + int rand @files if chance(0.3);
	my @what = chance(0.5) ? $stick : @files;
	my $job = start(central('import', @what));
	my ($status) = chance(0.1) ? kill_after($job, rand 0.06) : finish($job);
	return "$stick, " . (@what == @files && $what[0] ne $stick ? scalar @files : 'all') . ": $status";
}

sub from_stick {
	my ($unit) = @_;
	my $stick = one(@sticks);
	-d $stick or return 'no stick';
	my ($status, $said) = run(alzy($unit, 'sync', '--from', $stick));
	return "$stick: $status";
}

sub lose_stick {
	my $stick = one(@sticks);
	unlink glob "$stick/*";
	return $stick;
}

sub copy_stick {
	my ($from, $to) = shuffled(@sticks);
	-d $from or return 'no stick';
	mkdir $to;
	my @files = grep { chance(0.8) } sort glob "$from/*";
	for (@files) {
		my ($name) = m{([^/]+)$};
		$name = "copy of $name" if chance(0.3);
		spill("$to/$name", slurp($_));
	}
	return "$from to $to: " . scalar @files;
}

sub spoil_stick {
	my $stick = one(@sticks);
	my $file = one(sort glob "$stick/*") or return 'empty';
	my $bytes = slurp($file);
	return 'empty file' unless length $bytes;
	my $at = int rand length $bytes;
	if (chance(0.5)) { substr($bytes, $at) = '' } else { substr($bytes, $at, 1) ^= "\x04" }
	spill($file, $bytes);
	return "$file at $at";
}

# ---- letting go ---------------------------------------------------------------------------------------------------------

sub day { my ($ms) = @_; my ($s, $m, $h, $d, $month, $year) = gmtime int $ms / 1000; return sprintf '%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', $year + 1900, $month + 1, $d, $h, $m, $s, $ms % 1000 }

# What is older than some row goes: mostly little, seldom all.
sub expire {
	return 'not while stretches are refused' if stretches_refused();
	my ($was, $aside) = (at_centre(), aside_places());
	my @times = sort { $a <=> $b } grep { $_ < 1000 * time } map { time_of($_) } keys %$was or return 'nothing there';
	my $ms = $times[chance(0.8) ? rand @times / 4 : rand @times] + int rand 2;
	my $unit = chance(0.5) ? one(@units) : undef;
	my @what = ('--before', day($ms), $unit ? ('--device', $unit->{device}) : ());
	if (chance(0.1)) {
		my ($status, $said) = run(central('expire', @what, '--dry-run', '--json'));
		my $points = grep { /^points/ && time_of($_) < $ms && (!$unit || is_of_device($was->{$_}, $unit->{device})) } keys %$was;
		wrong("of $points points expire --dry-run says $said") if $status || json_of($said)->{points} != $points;
		return "@what: would be $points";
	}
	my $job = start(central('expire', @what));
	my ($status, $said) = chance(0.2) ? kill_after($job, rand 0.06) : finish($job);
	wrong("expire ended with $status\n$said") if $status && !$job->{killed};
	settle() if $job->{killed};
	expired_by($was, $aside, $ms, $unit ? $unit->{device} : undef, $job->{killed});
	return "@what: $status";
}

# All that a unit has recorded, and who drove when. Its clock goes on behind that: what is older is not taken any more.
sub erase {
	my ($unit) = @_;
	return 'not while stretches are refused' if stretches_refused();
	my ($was, $aside) = (at_centre(), aside_places());
	my ($status, $said) = run(central('erase', '--device', $unit->{device}, '--yes'));
	wrong("erase ended with $status\n$said") if $status;
	my ($ms) = sql("SELECT floor(extract(epoch FROM erased_at) * 1000)::bigint FROM alzy.erasures WHERE device_id = $unit->{device}");
	$clock_ms = max($clock_ms, 1000 * int($ms / 1000 + 3600));
	share_sessions($_) for grep { $_->{device} == $unit->{device} } @units;
	erased_by($was, $aside, $unit->{device}, $ms);
	return '';
}

my %dropped; # lines, of any unit

sub drop { # rows that the centre does not have; with one that it has, nothing
	my ($unit) = @_;
	my %may = droppable($unit);
	my @may = map { [split / /] } keys %may or return 'nothing to let go of';
	@may = sort { $a->[0] cmp $b->[0] || $a->[1] <=> $b->[1] } @may;
	my $from = int rand @may;
	my @what = chance(0.5) ? @may[$from .. min($#may, $from + rand 20)] : map { one(@may) } 1 .. 1 + rand 4;
	my %asked = map { ("@$_" => 1) } @what;
	my $held = chance(0.1) ? one(grep { !$may{$_} && !exists is_dropped($unit)->{$_} } sort keys %{ $unit->{at} }) : undef;
	my @ranges = map { my ($stream, $row) = split / /; $stream eq 'events' ? "events:$row" : $row } sort(keys %asked), $held // ();
	my ($status, $said) = run(alzy($unit, 'queue', 'drop', @ranges, '--reason', 'private', '--yes'));
	wrong("alzy queue drop @ranges ended with $status\n$said") if $held ? $status != 8 : $status;
	$unit->{dropped}{ $may{$_} } = $dropped{ $may{$_} } = 1 for $status ? () : keys %asked;
	return "@ranges: $status";
}

# ---- copies of a store ----------------------------------------------------------------------------------------------------

sub files_of { return glob "$SCRATCH/$_[0]/store.db*" }
sub copy_files {
	my ($from, $to) = @_;
	mkdir "$SCRATCH/$to";
	unlink files_of($to);
	for (files_of($from)) {
		my ($name) = m{([^/]+)$};
		spill("$SCRATCH/$to/$name", slurp($_));
		chmod 0600, "$SCRATCH/$to/$name";
	}
}
# What the model knows of a unit, as it is now.
sub state_of {
	my ($unit) = @_;
	return (own => { %{ $unit->{own} } }, at => { %{ $unit->{at} } }, places => { %{ $unit->{places} } }, dropped => { %{ $unit->{dropped} } }, last => { %{ $unit->{last} } }, runs => $unit->{runs},
		store_id => $unit->{store_id}, lost => $unit->{lost}, unpaired => $unit->{unpaired}, not_asked => { %{ $unit->{not_asked} // {} } });
}
# Sessions that two copies have are not compared any more: which of them is right nobody can say.
sub share_sessions { my (@copies) = @_; for my $id (store($copies[0], 'SELECT session_id FROM sessions')) { $_->{not_asked}{$id} = 1 for @copies } }

sub backup {
	my ($unit) = @_;
	copy_files($unit->{name}, "copy.$unit->{name}");
	$unit->{copy} = { state_of($unit) };
	return '';
}

sub restore_unit {
	my ($unit) = @_;
	my $copy = $unit->{copy} or return 'no copy';
	copy_files("copy.$unit->{name}", $unit->{name});
	%$unit = (%$unit, %$copy, behind => 1, twin => 1);
	$unit->{copy} = { state_of($unit) };
	share_sessions($unit);
	doubt($unit);
	$unit->{lost} += forget_lost($unit, at_centre());
	return keys(%{ $unit->{own} }) . ' rows';
}

# By hand: what is recorded from now on belongs to another store.
sub fork_store {
	my ($unit) = @_;
	my ($status, $said) = run(alzy($unit, 'store', 'fork'));
	wrong("alzy store fork ended with $status\n$said") if $status;
	return '';
}

sub clone {
	my ($unit) = @_;
	return 'enough' if @units >= 4;
	my $name = "$unit->{name}" . @units;
	copy_files($unit->{name}, $name);
	spill("$SCRATCH/$name/alzy.conf", slurp("$SCRATCH/$unit->{name}/alzy.conf") =~ s{/\Q$unit->{name}\E/}{/$name/}gr);
	$unit->{twin} = 1;
	push @units, { %$unit, state_of($unit), name => $name, copy => undef };
	share_sessions($unit, $units[-1]);
	return $name;
}

# ---- the centre goes back, or changes ------------------------------------------------------------------------------------

sub dump_it {
	my $name = 'dump_' . int rand 3;
	dump_centre($name);
	$centre{dumps}{$name} = { poison => $centre{poison}, let_go => let_go_state() };
	return $name;
}

sub restore_it {
	my $name = one(sort keys %{ $centre{dumps} }) // return 'no dump';
	restore_centre($name);
	$centre{poison} = $centre{dumps}{$name}{poison};
	let_go_as($centre{dumps}{$name}{let_go});
	went_back();
	return $name;
}

sub forget {
	my ($unit) = @_;
	my ($number) = sql("SELECT number FROM alzy.stores WHERE store_id = '$unit->{store_id}'") or return 'not known';
	my $all = chance(0.5); # its sessions, too
	sql("BEGIN; SELECT FROM alzy.stores WHERE number = $number FOR UPDATE; DELETE FROM alzy.points WHERE id >> 40 = $number; DELETE FROM public.events WHERE event_id >> 40 = $number;
		DELETE FROM alzy.rejected WHERE store_number = $number; DELETE FROM alzy.stretches WHERE store_number = $number;
		DELETE FROM alzy.last_positions WHERE device_id = $unit->{device}; DELETE FROM alzy.stores WHERE number = $number;"
		. ($all ? "CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT session_id FROM alzy.sessions s WHERE store_id = '$unit->{store_id}'
				AND NOT EXISTS (SELECT FROM alzy.points p WHERE p.session_id = s.id) AND NOT EXISTS (SELECT FROM public.events e WHERE e.session_id = s.session_id);
			DELETE FROM alzy.sessions WHERE session_id IN (SELECT session_id FROM gone);
			DELETE FROM public.sessions WHERE session_id IN (SELECT session_id FROM gone);" : '') . 'COMMIT');
	forget_store($unit->{store_id});
	for my $copy (grep { $_->{device} == $unit->{device} } @units) {
		$copy->{behind} = 1;
		$copy->{lost} += forget_lost($copy, at_centre());
	}
	return "$unit->{name}" . ($all ? ' and its sessions' : '');
}

# Rules of somebody's own, by which the database refuses every tenth point and some events, or every batch with certain rows in it:
# the code with which a row is kept aside, how the rule comes, and how it goes.
my @poisons = (
	['23514', 'ALTER TABLE alzy.points ADD CONSTRAINT poison CHECK ((lng * 1e7)::bigint % 10 <> 7) NOT VALID;
		ALTER TABLE public.events ADD CONSTRAINT poison CHECK (event_type <> \'poison\') NOT VALID',
		'ALTER TABLE alzy.points DROP CONSTRAINT poison; ALTER TABLE public.events DROP CONSTRAINT poison'],
	['P0001', q{CREATE OR REPLACE FUNCTION public.poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF to_jsonb(NEW)->>'event_type' = 'poison' OR (to_jsonb(NEW)->>'lng')::numeric * 1e7 % 10 = 7 THEN RAISE 'poison'; END IF;
			RETURN NEW; END $$;
		CREATE TRIGGER poison BEFORE INSERT ON alzy.points FOR EACH ROW EXECUTE FUNCTION public.poison();
		CREATE TRIGGER poison BEFORE INSERT ON public.events FOR EACH ROW EXECUTE FUNCTION public.poison()},
		'DROP TRIGGER poison ON alzy.points; DROP TRIGGER poison ON public.events'],
	['refused', 'ALTER TABLE alzy.stretches ADD CONSTRAINT poison CHECK (last_seq / 97 = (first_seq - 1) / 97) NOT VALID',
		'ALTER TABLE alzy.stretches DROP CONSTRAINT poison'],
);
sub poisonous { # LINE CODE: whether it may be kept aside with this code
	my ($line, $code) = @_;
	return 0 unless grep { $_->[0] eq $code } @poisons;
	return $line =~ /^points\|[^|]*\|[^|]*\|-?\d*7\||^events\|\d+\|poison\|/;
}
# A drop is taken back when the centre holds the seq, which may be for a row of another copy: a repair then puts this one beside it.
sub may_be_aside { my ($line, $code) = @_; return poisonous($line, $code) || $code eq 'conflict' && $dropped{$line} && grep { $_->{twin} } @units }
sub poison {
	my $old = $centre{poison};
	$centre{poison} = $old ? undef : one(@poisons);
	sql($old ? $old->[2] : $centre{poison}[1]);
	return $old ? 'off' : $centre{poison}[0];
}

sub stretches_refused { return $centre{poison} && $centre{poison}[0] eq 'refused' }

sub retry {
	my ($unit) = @_;
	my ($status, $said) = run(alzy($unit, 'queue', 'retry'));
	wrong("alzy queue retry ended with $status\n$said") if $status && $status != 8;
	return $status;
}

sub standing {
	my ($unit) = @_;
	my $verb = one(qw(deactivate delete activate revoke));
	my ($status, $said) = run(central('device', $verb, $unit->{device}));
	wrong("device $verb ended with $status\n$said") if $status;
	doubt($unit);
	return "$unit->{name} $verb";
}

sub pair {
	my ($unit, @options) = @_;
	my ($status, $said) = run(central('device', 'pair', $unit->{device}, '--again', '--json'));
	return "no link: $status" if $status;
	my $link = json_of($said)->{link};
	push @options, '--send', 'all' if $unit->{unpaired};
	($status, $unit->{said}) = run(alzy($unit, 'pair', @options, $link));
	$unit->{unpaired} = 0 if !$status;
	return $status;
}

sub unpair {
	my ($unit) = @_;
	my ($status, $said) = run(alzy($unit, 'unpair'));
	wrong("alzy unpair ended with $status\n$said") if $status && $status != 8;
	$unit->{unpaired} = 1;
	$unit->{behind} = 1; # it has forgotten, too, which receipts are old
}

sub pair_again {
	my ($unit) = @_;
	plan(chance(0.5) ? faulty_plan() : clean_plan());
	doubt($unit);
	unpair($unit) if chance(0.2);
	return pair($unit, chance(0.5) ? '--new-key' : ());
}

sub let_in { # whatever has become of a unit's standing, somebody lets it in again
	my ($unit) = @_;
	plan(clean_plan());
	run(central('device', 'activate', $unit->{device}));
	my $status = pair($unit);
	$status = pair($unit, '--new-key') if $status;
	if ($status) { # the centre has another key since, which nobody could tell the unit
		unpair($unit);
		$status = pair($unit, '--new-key');
	}
	wrong("$unit->{name} can't be paired again: $status, $unit->{said}") if $status;
	return sync_clean($unit);
}

sub rotate {
	return 'enough' if $centre{keys} >= 7;
	my ($status, $said) = run(central('key', 'rotate'));
	wrong("key rotate ended with $status\n$said") if $status;
	$centre{keys}++;
	for my $n (0 .. gateways() - 1) {
		gateway_kill($n, 'TERM');
		gateway_start($n);
	}
	return "$centre{keys} keys";
}

# ---- proof --------------------------------------------------------------------------------------------------------------

# It names nothing as missing, differing or added unless the centre went back and the unit has not heard of that. What a unit has
# pruned, and the centre forgot afterwards, is lost, and said so.
sub says_wrong {
	my ($unit, $status, $said) = @_;
	return $status == 23 && !($unit->{lost} && $said !~ /"(?:missing|differing|added|gone)":\[\[/);
}

sub prove { # UNIT [--repair]: the exit status
	my ($unit, @options) = @_;
	my $before = at_centre();
	my ($status, $said) = run(alzy($unit, 'verify', '--json', @options));
	return $status unless $status == 0 || $status == 21 || $status == 23;
	new_points($unit); # a repair may hear of a changed session
	my $after = at_centre();
	# What was on its way may have come meanwhile.
	check_proof($unit, $status, $said, $after) if !$unit->{twin} && join('\n', sort %$before) eq join('\n', sort %$after);
	wrong("alzy verify of $unit->{name} ended with $status\n$said") if says_wrong($unit, $status, $said) && !$unit->{behind} && !$unit->{twin};
	return $status;
}

sub verify {
	my ($unit) = @_;
	plan(clean_plan());
	if (chance(0.1)) { # cut short
		my ($status) = kill_after(start(alzy($unit, 'verify', '--repair')), rand 0.06);
		return "$unit->{name}: $status";
	}
	my @options = chance(0.2) ? '--repair' : ();
	return "$unit->{name} @options: " . prove($unit, @options);
}

# The centre looks at its tables, and asks the unit for a proof, which comes with the next sync.
sub ask_for_proof {
	my ($unit) = @_;
	my ($status, $said) = run(central('verify', '--device', $unit->{device}, '--json'));
	return 'no store' if $status == 4;
	my $asked = json_of($said);
	wrong("alzy-central verify ended with $status\n$said") if $status && !grep { ($_->{outcome} // '') eq 'differs' } @{ $asked->{proofs} };
	return $status;
}

sub check_answered { # the last proof of a unit is what alzy verify says
	my ($unit) = @_;
	my $sentence = encode_utf8(json_of((run(alzy($unit, 'verify', '--json')))[1])->{sentence});
	my ($open, $told) = map { split /\|/, $_, 2 } sql("SELECT verify_asked_at > coalesce(proof_asked_at, '-infinity'), proof FROM alzy.stores WHERE store_id = '$unit->{store_id}'");
	return if !defined $open || $open eq ''; # it has sent nothing, or was not asked
	wrong("$unit->{name} was asked for a proof, and has not answered") if $open ne 'f';
	wrong("$unit->{name} has proved: $told\nand alzy verify says: $sentence") if $told ne $sentence;
}

sub look { # at everything
	my $there = at_centre();
	for my $unit (@units) {
		check_store($unit, $there);
		check_unit($unit, $there) unless $unit->{behind};
	}
	check_aside(\&may_be_aside);
	my ($status, $said) = run(central('check'));
	wrong("alzy-central check ended with $status\n$said") if $status;
}

# ---- the steps ----------------------------------------------------------------------------------------------------------

sub of_a_unit { my ($do) = @_; return sub { my $unit = one(@units); return "$unit->{name}: " . $do->($unit) } }
my @steps = ( # how often, its name, what
	[20, 'record', of_a_unit(\&record)],
	[8, 'event', of_a_unit(\&event)],
	[4, 'mark', of_a_unit(\&mark)],
	[8, 'session', of_a_unit(\&session)],
	[8, 'edit', \&edit],
	[10, 'sync', of_a_unit(\&sync_clean)],
	[22, 'faulty sync', of_a_unit(\&sync_faulty)],
	[6, 'at once', \&at_once],
	[6, 'old request', \&old_request],
	[3, 'gateway', \&gateway],
	[7, 'to stick', of_a_unit(\&to_stick)],
	[7, 'import', \&import_stick],
	[5, 'from stick', of_a_unit(\&from_stick)],
	[2, 'lose stick', \&lose_stick],
	[2, 'copy stick', \&copy_stick],
	[1, 'spoil stick', \&spoil_stick],
	[3, 'dump', \&dump_it],
	[2, 'restore', \&restore_it],
	[1, 'forget', of_a_unit(\&forget)],
	[3, 'poison', \&poison],
	[3, 'retry', of_a_unit(\&retry)],
	[2, 'standing', of_a_unit(\&standing)],
	[4, 'let in', of_a_unit(sub { my ($unit) = @_; return $unit->{doubt} ? let_in($unit) : 'in good standing' })],
	[2, 'pair again', of_a_unit(\&pair_again)],
	[1, 'rotate', \&rotate],
	[1.5, 'expire', \&expire],
	[0.2, 'erase', of_a_unit(\&erase)],
	[4, 'drop', of_a_unit(\&drop)],
	[0.3, 'fork', of_a_unit(\&fork_store)],
	[3, 'daemon', of_a_unit(\&daemon)],
	[1, 'prune', of_a_unit(\&prune)],
	[0.15, 'long drive', of_a_unit(\&long_drive)],
	[2, 'ask', of_a_unit(\&ask_for_proof)],
	[2, 'backup', of_a_unit(\&backup)],
	[1, 'restore unit', of_a_unit(\&restore_unit)],
	[0.5, 'clone', of_a_unit(\&clone)],
	[3, 'verify', of_a_unit(\&verify)],
);

my %without = map { $_ => 1 } split /,/, $ENV{ALZY_WITHOUT} // '';
@steps = grep { !$without{ $_->[1] } } @steps;

# ---- the end --------------------------------------------------------------------------------------------------------------

sub ending {
	poison() if $centre{poison};
	for my $unit (@units) {
		sync_clean($unit);
		let_in($unit) if $unit->{doubt};
		wrong("$unit->{name} can't send, with nothing in its way") if $unit->{doubt};
		retry($unit);
		sync_clean($unit);
		my ($aside, $there) = (aside(), at_centre());
		my $dropped = is_dropped($unit); # … which a copy may have sent, and can't offer again from here
		my @aside = (store($unit, 'SELECT * FROM set_aside'),
			grep { $unit->{own}{$_} && !$there->{$_} && !exists $dropped->{ $unit->{own}{$_} } && !($unit->{twin} && $unit->{dropped}{$_}) } sort keys %$aside);
		wrong("$unit->{name}: offered again, with nothing against them, and still kept aside:\n@aside") if @aside;
		ask_for_proof($unit);
		sync_clean($unit);
		my $status = prove($unit);
		wrong("alzy verify of $unit->{name} ended with $status") if $status && $status != 23;
		check_answered($unit);
	}
}

sub wanted_steps {
	return 1 .. $steps if $steps =~ /^\d+$/;
	return map { /^(\d+)-(\d+)$/ ? $1 .. $2 : $_ } split /,/, $steps;
}

$| = 1;
my (@trace, $done);
eval {
	gateway_start($_) for 0 .. gateways() - 1;
	for my $unit (@units) {
		($unit->{device}) = store($unit, 'SELECT device_id FROM centre');
		learn($unit);
	}
	for my $n (wanted_steps()) {
		srand(unpack 'N', md5("$seed $n")); # seeds that lie side by side give like numbers
		my $step = weighted(@steps);
		push @trace, "$n $step->[1]: ";
		my $from = Time::HiRes::time();
		$trace[-1] .= $step->[2]->();
		learn_all();
		printf "# %5.0f ms %s\n", 1000 * (Time::HiRes::time() - $from), $trace[-1] if $ENV{ALZY_TRACE};
		look() if ++$done % $every == 0;
		print "# step $n, ", row_count(), " rows\n" if $done % 500 == 0;
	}
	srand($seed);
	push @trace, 'the end';
	ending();
	1;
} or do {
	print STDERR map { "# $_\n" } map { split /\n/ } "ALZY_SEED=$seed, after $done steps:", @trace[-min(25, scalar @trace) .. -1], $@;
	exit 1;
};
print '# ', row_count(), " rows after $done steps\n";
