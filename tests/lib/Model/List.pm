# The model's own list of what was recorded, and the one question asked of it: is every row at the centre exactly once and
# equal, or known to its unit as unsent, rejected or dropped? Both databases are read by plain SQL; none of alzy's code has a
# part in it.
#
# A row is a line of all that it says but its seq: "points|TIME|LAT|…", the second of two equal ones (the agent may pause twice in
# a millisecond) with a # behind it. So a row is the same wherever it lies, also when a store was copied or its rows went on in
# another one.
package Model::List;
use strict;
use warnings;
use Exporter 'import';
use List::Util 'max';
use Model::Rig;
use Storable 'dclone';

our @EXPORT = qw(learn here at_centre check_store check_unit check_held check_aside aside forget_lost sessions_differ row_count time_of
	let_go_state let_go_as forget_store expired_by erased_by let_go droppable is_dropped aside_places centre_says is_of_device);

my %row;       # lines
my %lines_at;  # "STORE STREAM SEQ" => lines: every place that a unit has given to a row; copies of a store give one to several
my %device_of; # store => device
# What the centre has let go of on purpose. lines => those that were there; places => where something has expired, and
# before => { STORE => MS }, which tells it from another copy's row; erased => { DEVICE => MS }; dropped => places.
my $gone = { map { $_ => {} } qw(lines places before erased dropped) };

my $STORE_ROWS = q{
	SELECT 'points|' || recorded_at || '|' || lat || '|' || lng || '|' || coalesce(accuracy, '-') || '|' || coalesce(speed, '-') || '|' ||
		coalesce(heading, '-') || '|' || coalesce(altitude, '-') || '|' || CASE p.source WHEN 0 THEN 'gps' WHEN 1 THEN 'network'
		WHEN 2 THEN 'fused' ELSE 'manual' END || '|' || coalesce(s.session_id, '-'), 'points', p.seq
	FROM points p LEFT JOIN sessions s ON s.id = p.session_id WHERE p.seq > %d
	UNION ALL
	SELECT 'events|' || event_at || '|' || event_type || '|' || coalesce(session_id, '-') || '|' || coalesce(hex(payload), '-'), 'events', seq
	FROM events WHERE seq > %d ORDER BY 2 DESC, 3};

my $CENTRE_ROWS = q{
	SELECT concat_ws('|', 'points', trim_scale(extract(epoch FROM recorded_at) * 1000), trim_scale(lat * 1e7), trim_scale(lng * 1e7),
		coalesce(trim_scale(accuracy::text::numeric * 10)::text, '-'), coalesce(trim_scale(speed::text::numeric * 100)::text, '-'),
		coalesce(trim_scale(heading::text::numeric * 10)::text, '-'), coalesce(trim_scale(altitude::text::numeric * 10)::text, '-'), source,
		CASE WHEN p.session_id IS NULL THEN '-' ELSE coalesce(s.session_id, '?') END),
		t.store_id, p.id & 1099511627775, p.device_id
	FROM alzy.points p LEFT JOIN alzy.sessions s ON s.id = p.session_id LEFT JOIN alzy.stores t ON t.number = p.id >> 40
	UNION ALL
	SELECT concat_ws('|', 'events', trim_scale(extract(epoch FROM event_at) * 1000), event_type, coalesce(session_id, '-'),
		coalesce(upper(encode(convert_to(payload, 'UTF8'), 'hex')), '-')), store_id, event_id & 1099511627775, device_id
	FROM public.events LEFT JOIN alzy.stores ON number = event_id >> 40};

my $ASIDE = q{
	SELECT concat_ws('|', store_id || ' ' || stream || ' ' || seq, code, translate(reason, '|', ' '), CASE stream
		WHEN 'points' THEN concat_ws('|', stream, trim_scale(extract(epoch FROM (content->>'recorded_at')::timestamptz) * 1000),
			trim_scale((content->>'lat')::numeric * 1e7), trim_scale((content->>'lng')::numeric * 1e7),
			coalesce(trim_scale((content->>'accuracy')::numeric * 10)::text, '-'), coalesce(trim_scale((content->>'speed')::numeric * 100)::text, '-'),
			coalesce(trim_scale((content->>'heading')::numeric * 10)::text, '-'), coalesce(trim_scale((content->>'altitude')::numeric * 10)::text, '-'),
			content->>'source', coalesce(content->>'session_id', '-'))
		ELSE concat_ws('|', stream, trim_scale(extract(epoch FROM (content->>'event_at')::timestamptz) * 1000), content->>'event_type',
			coalesce(content->>'session_id', '-'), coalesce(upper(encode(convert_to(content->>'payload', 'UTF8'), 'hex')), '-')) END)
	FROM alzy.rejected JOIN alzy.stores ON number = store_number};

# Whether a line says this, be it the first or not.
sub says { my ($line, $text) = @_; return $line eq $text || substr($line, -1) eq '#' && $line =~ /\A\Q$text\E#*\z/ }

# ---- the unit's side --------------------------------------------------------------------------------------------------

sub fields { my ($text) = @_; return $text =~ /\A(.*)\|([^|]*)\|([^|]*)\z/s }

# The places of a unit's rows: a store that was copied has rows of several stores, as the centre calls them, each with seqs of
# its own (the tables runs and identities).
sub name_rows {
	my ($unit, @new) = @_;
	my @runs = store($unit, 'SELECT stream, first_row, store_id, first_seq FROM runs JOIN identities ON number = identity ORDER BY 1, 2');
	my $forked = "@runs" ne ($unit->{runs} // '');
	$unit->{places} = {} if $forked;
	$unit->{runs} = "@runs";
	my %runs;
	for (@runs) {
		my ($stream, @run) = split /\|/;
		push @{ $runs{$stream} }, \@run;
		$unit->{store_id} = $run[1];
		$device_of{ $run[1] } = $unit->{device};
	}
	for my $at ($forked ? keys %{ $unit->{at} } : @new) {
		my ($stream, $row) = split / /, $at;
		my ($run) = grep { $_->[0] <= $row } reverse @{ $runs{$stream} };
		my $place = join ' ', $run->[1], $stream, $run->[2] + $row - $run->[0];
		$unit->{places}{$at} = $place;
		$lines_at{$place}{ $unit->{at}{$at} } = 1;
	}
}

# Reads what is new in a unit's store into the list, and returns its lines. $expected, if given, says of a point's line whether
# it is one that was meant to be recorded.
sub learn {
	my ($unit, $expected) = @_;
	my (@new, @at);
	for (store($unit, sprintf $STORE_ROWS, $unit->{last}{points}, $unit->{last}{events})) {
		my ($line, $stream, $row) = fields($_);
		wrong("$unit->{name}: $stream $row follows $unit->{last}{$stream}") if $row != ++$unit->{last}{$stream};
		wrong("$unit->{name}: nobody has recorded $line") if $stream eq 'points' && $expected && !$expected->($line);
		$line .= '#' while $row{$line};
		$row{$line} = 1;
		$unit->{own}{$line} = "$stream $row";
		$unit->{at}{"$stream $row"} = $line;
		push @new, $line;
		push @at, "$stream $row";
	}
	name_rows($unit, @at);
	return @new;
}

# Lines of a store; each is what it was when it was recorded.
sub here {
	my ($unit) = @_;
	my %there;
	for (store($unit, sprintf $STORE_ROWS, 0, 0)) {
		my ($text, $stream, $row) = fields($_);
		my $line = $unit->{at}{"$stream $row"} // wrong("$unit->{name}: $stream $row is new by itself: $text");
		wrong("$unit->{name}: $stream $row was altered: $line became $text") if !says($line, $text);
		$there{$line} = 1;
	}
	return \%there;
}

# A unit has all that it recorded, but for what it has pruned, which is at the centre or was let go of.
sub check_store {
	my ($unit, $there) = @_;
	my $here = here($unit);
	for my $line (sort keys %{ $unit->{own} }) {
		wrong("$unit->{name}: lost $unit->{own}{$line}: $line") unless $here->{$line} || $there->{$line} || let_go($unit, $line) || $unit->{dropped}{$line};
	}
}

# Rows that nobody has any more: pruned, and forgotten by the centre. They are no longer asked for. How many there were.
sub forget_lost {
	my ($unit, $there) = @_;
	my $here = here($unit);
	my @lost = grep { !$here->{$_} && !$there->{$_} } keys %{ $unit->{own} };
	delete @{ $unit->{own} }{@lost};
	return scalar @lost;
}

# ---- what was let go of on purpose ----------------------------------------------------------------------------------------

sub is_of_device { my ($place, $device) = @_; return $device_of{ (split / /, $place)[0] } == $device }
sub time_of { return (split /\|/, $_[0], 3)[1] }
sub let_go_state { return dclone($gone) }
sub let_go_as { $gone = dclone($_[0]) } # the centre is what it was
sub forget_store { # STORE: the centre knows nothing of it any more, but for an erasure of its device
	my ($store) = @_;
	delete $gone->{before}{$store};
	delete @{ $gone->{$_} }{ grep { /^\Q$store\E / } keys %{ $gone->{$_} } } for qw(places dropped);
	delete @{ $gone->{lines} }{ grep { $gone->{lines}{$_} eq $store } keys %{ $gone->{lines} } };
}

# Whether a row of a unit need not be at the centre, since it has expired there or was erased.
sub let_go {
	my ($unit, $line) = @_;
	my $place = $unit->{places}{ $unit->{own}{$line} // return 0 };
	my ($store) = split / /, $place;
	return time_of($line) < ($gone->{erased}{ $unit->{device} } // -9e15) || $gone->{places}{$place} && time_of($line) < $gone->{before}{$store};
}

# After `expire --before MS`, of all devices or one: what was there of these and is older must be gone, unless it was killed;
# and nothing else. Such rows must not come back.
sub expired_by {
	my ($was, $aside_was, $ms, $device, $killed) = @_;
	my ($there, $aside) = (at_centre(), aside_places());
	my %meant = map { $_ => 1 } grep { !$device || $device_of{$_} == $device } keys %device_of;
	$gone->{before}{$_} = max($ms, $gone->{before}{$_} // $ms) for keys %meant;
	for my $line (sort keys %$was) {
		my ($store) = split / /, $was->{$line};
		my $old = time_of($line) < $ms && $meant{$store};
		wrong("not older than $ms, and has expired: $line") if !$there->{$line} && !$old;
		wrong("older than $ms, and has not expired: $line") if $there->{$line} && $old && !$killed;
		next if $there->{$line};
		$gone->{lines}{$line} = $store;
		$gone->{places}{ $was->{$line} } = 1;
	}
	$gone->{places}{$_} = 1 for grep { !$aside->{$_} } keys %$aside_was;
}

# After `erase --device`, which was at MS by the centre's clock: all that was there has gone, what the unit has recorded until now
# is not waited for, and nothing older comes.
sub erased_by {
	my ($was, $aside_was, $device, $ms) = @_;
	expired_by($was, $aside_was, 9e15, $device, 0);
	$gone->{places}{$_} = 1 for grep { is_of_device($_, $device) } keys %lines_at;
	$gone->{erased}{$device} = $ms;
}

# Rows that a unit may let go of: "STREAM ROW" => line.
sub droppable {
	my ($unit) = @_;
	my $accounted = believed($unit, 'SELECT stream, first_seq, last_seq FROM accounted');
	my $rejected = believed($unit, 'SELECT stream, seq, seq FROM rejected');
	my $dropped = is_dropped($unit);
	return map { $unit->{own}{$_} => $_ } grep { my $at = $unit->{own}{$_}; (!exists $accounted->{$at} || exists $rejected->{$at}) && !exists $dropped->{$at} } keys %{ $unit->{own} };
}
sub is_dropped { return believed($_[0], 'SELECT stream, first_seq, last_seq FROM drops') }

# ---- the centre's side ------------------------------------------------------------------------------------------------

my %moved_from; # store => the one from which the centre has rows that moved there

# A row may have moved on twice, or on and back, before its unit was looked at.
sub learn_moves {
	%moved_from = map { split /\|/ } sql('SELECT store_id, forked_from FROM alzy.stores WHERE moved');
	for my $store (keys %moved_from) {
		my $from = $store;
		$from = $moved_from{$from} while exists $moved_from{$from};
		$device_of{$store} //= $device_of{$from};
	}
}

sub lines_at { # PLACE TEXT: the lines that units have had there, or in a place of before, and that say this: copies may say the same
	my ($place, $text) = @_;
	my @lines = grep { says($_, $text) } sort keys %{ $lines_at{$place} // {} };
	my ($store, $seq) = split / /, $place, 2;
	return @lines || !$moved_from{$store} ? @lines : lines_at("$moved_from{$store} $seq", $text);
}

# What is there, by line. Each row is on the list, of its device, at a place that a unit has given it, and there once.
sub at_centre {
	my %there;
	learn_moves();
	for (sql($CENTRE_ROWS)) {
		my ($text, $store, $seq, $device) = /\A(.*)\|([^|]*)\|([^|]*)\|([^|]*)\z/s;
		my $place = join ' ', $store, $text =~ /^(\w+)/, $seq;
		my @lines = lines_at($place, $text) or wrong("at the centre as $place, altered or recorded by nobody: $text; recorded was: "
			. join ', ', sort keys %{ $lines_at{$place} // {} });
		my @fresh = grep { !$there{$_} } @lines or wrong("at the centre twice, as $there{$lines[0]} and $place: $text");
		wrong("at the centre of device $device, not $device_of{$store}: $text") if $device ne $device_of{$store};
		wrong("has expired, and come back as $place: $text") unless grep { !$gone->{lines}{$_} } @fresh;
		wrong("was erased, and has come back as $place: $text") if time_of($text) < ($gone->{erased}{$device} // -9e15);
		wrong("was dropped, as the centre knew, and has come as $place: $text") if $gone->{dropped}{$place};
		@there{@fresh} = ($place) x @fresh;
	}
	return \%there;
}

# What the centre says that it does not wait for: { dropped => { PLACE => 1 }, expired => … }.
sub centre_says {
	my %says = (dropped => {}, expired => {});
	for (sql(join ' UNION ALL ', map { my ($stream, $fate) = @$_; "SELECT '$fate', store_id || ' $stream', lower(r), upper(r) - 1 FROM alzy.stores, unnest(${stream}_$fate) r" }
		map { my $stream = $_; map { [$stream, $_] } qw(dropped expired) } qw(points events))) {
		my ($fate, $at, $first, $last) = split /\|/;
		@{ $says{$fate} }{ map { "$at $_" } $first .. $last } = (1) x ($last - $first + 1);
	}
	return \%says;
}

# What is kept aside at the centre: places, and lines. A copy's row in the same place is another matter.
sub aside_places { return { map { (split /\|/)[0] => 1 } sql($ASIDE) } }
sub aside { return { map { my ($place, undef, undef, $text) = split /\|/, $_, 4; map { $_ => 1 } lines_at($place, $text) } sql($ASIDE) } }

# What is kept aside has a reason that the model knows: $may_be says so of a line and a code.
sub check_aside {
	my ($may_be) = @_;
	for (sql($ASIDE)) {
		my ($place, $code, $reason, $text) = split /\|/, $_, 4;
		wrong("kept aside as $place, $code, and nobody says why") if $reason eq '';
		my @lines = lines_at($place, $text) or wrong("kept aside as $place, $code, altered or recorded by nobody: $text");
		wrong("kept aside as $place, $code, without a reason: @lines") unless grep { $may_be->($_, $code) } @lines;
	}
}

# What the unit believes, as sets of "STREAM SEQ".
sub believed {
	my ($unit, $table) = @_;
	my %set;
	for (store($unit, $table)) {
		my ($stream, $first, $last) = split /\|/;
		@set{ map { "$stream $_" } $first .. $last } = ();
	}
	return \%set;
}

# Of each row of the unit: it is at the centre, or the unit knows better.
sub check_unit {
	my ($unit, $there) = @_;
	my $accounted = believed($unit, 'SELECT stream, first_seq, last_seq FROM accounted');
	my $rejected = believed($unit, 'SELECT stream, seq, seq FROM rejected');
	my $dropped = believed($unit, q(SELECT stream, first_seq, last_seq FROM drops WHERE reason NOT LIKE 'pruned, after another centre%'));
	for my $line (sort keys %{ $unit->{own} }) {
		my $place = $unit->{own}{$line};
		wrong("$unit->{name}: $place is dropped, and nobody asked for that: $line") if exists $dropped->{$place} && !$unit->{dropped}{$line};
		next if $there->{$line} || !exists $accounted->{$place} || exists $rejected->{$place} || let_go($unit, $line) || $unit->{dropped}{$line};
		wrong("$unit->{name} believes that the centre accounts for $place, and it is not there: $line");
	}
}

# After a sync that has succeeded: each row of the unit is at the centre, or kept aside there, or here because the centre refuses any
# batch with it.
sub check_held {
	my ($unit, $there) = @_;
	my $aside = aside();
	my %here;
	for (store($unit, "SELECT stream || ' ' || seq FROM set_aside")) {
		# Those that are refused have seqs at the centre that 97 divides.
		wrong("$unit->{name}: $_, $unit->{places}{$_} at the centre, was set aside without a reason") if (split / /, $unit->{places}{$_})[2] % 97;
		$here{$_} = 1;
	}
	my $dropped = is_dropped($unit);
	my $says = centre_says();
	for my $line (sort keys %{ $unit->{own} }) {
		my $place = $unit->{own}{$line};
		if (exists $dropped->{$place}) {
			next if $unit->{twin}; # another copy may have it, or have sent it
			my $at = $unit->{places}{$place};
			wrong("$unit->{name}: $place is dropped here, and at the centre: $line") if $there->{$line};
			wrong("$unit->{name}: $place is dropped here, and the centre has not noted it as $at" . ($says->{expired}{$at} ? ', which has expired' : '') . ($aside->{$line} ? ', which it keeps aside' : '') . ": $line")
				unless $says->{dropped}{$at};
			$gone->{dropped}{$at} = 1;
			next;
		}
		# Of a row that was dropped here, copies may have had another one in its place.
		next if $unit->{dropped}{$line} && $unit->{twin};
		# An erasure settles drops; in a dump from before it they are noted.
		next if $unit->{dropped}{$line} && $says->{dropped}{ $unit->{places}{$place} };
		delete $unit->{dropped}{$line};
		wrong("$unit->{name}: $place is not at the centre: $line") unless $there->{$line} || $aside->{$line} || $here{$place} || let_go($unit, $line);
	}
}

sub row_count { return scalar keys %row }

# ---- sessions ---------------------------------------------------------------------------------------------------------

# Those of a unit that the two sides, or the two tables there, do not tell alike. A person, machine or application that the
# centre does not know is told by the unit alone, which then knows that it is lost.
sub sessions_differ {
	my ($unit) = @_;
	my %there = map { /\A(\S+) (.*)\z/ } sql(q{
		SELECT concat_ws(' ', p.session_id, coalesce(p.user_id, '-'), coalesce(machine_id, '-'), coalesce(application_id::text, '-'), status,
			trim_scale(extract(epoch FROM started_at) * 1000), coalesce(trim_scale(extract(epoch FROM ended_at) * 1000)::text, '-'),
			CASE WHEN (start_at, end_at) IS DISTINCT FROM (started_at AT TIME ZONE 'UTC', ended_at AT TIME ZONE 'UTC')
				THEN 'differs from public' END)
		FROM public.sessions p JOIN alzy.sessions s USING (session_id)});
	my @differ;
	for (store($unit, q{SELECT session_id || ' ' ||
			CASE WHEN instr(coalesce(lost_references, ''), 'user_id') THEN '-' ELSE coalesce(user_id, '-') END || ' ' ||
			CASE WHEN instr(coalesce(lost_references, ''), 'machine_id') THEN '-' ELSE coalesce(machine_id, '-') END || ' ' ||
			CASE WHEN instr(coalesce(lost_references, ''), 'application_id') THEN '-' ELSE coalesce(application_id, '-') END || ' ' ||
			status || ' ' || started_at || ' ' || coalesce(ended_at, '-') FROM sessions ORDER BY id})) {
		my ($id, $here) = /\A(\S+) (.*)\z/;
		next if $unit->{not_asked}{$id} || (split / /, $here)[4] < ($gone->{erased}{ $unit->{device} } // -9e15);
		push @differ, "$id\n  unit   $here\n  centre " . ($there{$id} // 'has none') if $here ne ($there{$id} // '');
	}
	return @differ;
}

1;
