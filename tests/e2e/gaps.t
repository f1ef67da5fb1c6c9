#!/bin/bash
# Why nothing was recorded: each cause is made to happen to a real agent, and told on the unit and at the centre alike.
. "$(dirname "$0")/../lib/rig.sh"

RECEIVER_PORT=$(free_port) || die "no free port"
GPSD_PORT=$(free_port) || die "no free port"
receive() { echo "$1" >"$SCRATCH/mode.new" && mv "$SCRATCH/mode.new" "$SCRATCH/mode"; } # MODE of receiver.pl
gpsd_up() {
	start gpsd "${GPSD_APART[@]}" gpsd -N -n -b -S "$GPSD_PORT" "tcp://127.0.0.1:$RECEIVER_PORT"
	await listening_or_gone gpsd "$GPSD_PORT" && alive gpsd || die "no gpsd: $(log_of gpsd)"
}
newest() { lite "$1" 'SELECT coalesce(max(seq), 0) FROM points'; }
events() { lite "$1" "SELECT count(*) FROM events WHERE event_type = '$2'"; }
more_than() { [ "$("${@:2}")" -gt "$1" ]; }
goes_on() { # NAME: four more points
	local before
	before=$(newest "$1") && await more_than $((before + 4)) newest "$1" || die "$1 records nothing: $(log_of "agent-$1")"
}
now() { date +%s.%3N; }
TRUTHS=()
begins() { truth=$(now); } # what makes a hole comes next …
hole() { truth+=" $(now)"; sleep 2.8; truth+=" $(now)"; TRUTHS+=("$truth"); } # … is there, lasts for more than 2 s, and ends
truly() { # JSON of gaps on stdin, TRUTHS: "" when each hole lies where it was made
	TRUTHS="$(printf '%s\n' "${TRUTHS[@]}")" perl -MJSON::PP -MTime::Piece -0777 -e '
		sub at { my ($s, $ms) = $_[0] =~ /^(.*)(\.\d+)Z$/ or die; Time::Piece->strptime($s, "%Y-%m-%dT%H:%M:%S")->epoch + $ms }
		my $commit = 1.5; # so long a point may wait for the store, and is lost with a kill
		for my $gap (@{decode_json(<STDIN>)->{gaps}}) {
			my ($makes, $there, $ends) = split / /, (split /\n/, $ENV{TRUTHS})[$n++];
			my @parts = @{$gap->{parts}};
			pop @parts if @parts > 1 && $parts[-1]{cause} eq "no_fix"; # until the receiver has found one again
			my ($from, $to) = (at($parts[0]{from}), at($parts[-1]{to}));
			print "hole $n: from $from to $to, made from $makes to $there, and ended at $ends\n"
				if $from < $makes - $commit || $from > $there + 0.1 || $to < $ends - 0.5;
		}
		print "$n holes\n" if $n != split /\n/, $ENV{TRUTHS}'
}
causes() { # JSON of gaps on stdin: "no_fix agent_stopped+no_fix …"
	perl -MJSON::PP -0777 -ne 'print join " ", map { join "+", map { $_->{cause} } @{$_->{parts}} } @{decode_json($_)->{gaps}}'
}
adds_up() { # JSON on stdin: "" when parts follow each other, fill their gap, and the sums by cause are theirs
	perl -MJSON::PP -0777 -e 'my $all = decode_json(<STDIN>); my %sum;
		for my $gap (@{$all->{gaps}}) {
			my $at = $gap->{from};
			for my $part (@{$gap->{parts}}) {
				print "from $part->{from}, not $at\n" if $part->{from} ne $at;
				$at = $part->{to};
				$sum{$part->{cause}} += $part->{seconds};
			}
			print "to $at, not $gap->{to}\n" if $at ne $gap->{to};
		}
		for my $cause (keys %sum) { print "$cause\n" if abs($sum{$cause} - $all->{seconds}{$cause}) > 0.001 }
		print "other causes\n" if keys %sum != keys %{$all->{seconds}}'
}

receiver_up() {
	rm -f "$SCRATCH/receiver.log"
	start receiver perl "$RIG/receiver.pl" "$RECEIVER_PORT" "$SCRATCH/mode"
	await log_has receiver listening || die "no receiver: $(log_of receiver)"
}
receive drive
receiver_up
gpsd_up
unit car capture.sampling=all gnss.fix_timeout=1s
is "$(on car gaps 2>&1)" "alzy: there is no store at $SCRATCH/car/store.db yet: alzy-agentd makes it when it starts, and so do alzy pair and alzy session start" \
	"without a store there is nothing to tell of"
agent_start car || die "no agent: $(log_of agent-car)"
goes_on car

# ---- one cause after the other
begins
receive nofix
await more_than 0 events car fix_lost
hole
receive drive
goes_on car

begins
stop agent-car
hole
agent_start car || die "no agent: $(log_of agent-car)"
goes_on car

begins
kill9 agent-car
hole
agent_start car || die "no agent: $(log_of agent-car)"
goes_on car

begins
kill9 gpsd
hole
gpsd_up
goes_on car

silent() { await more_than "$1" events car gnss_silent || die "no silence after $1"; }
begins
receive mute
silent 0
hole
receive drive
goes_on car

begins
kill -STOP "$(pid_of gpsd)"
silent 1
hole
kill -CONT "$(pid_of gpsd)"
goes_on car

begins
before=$(events car gnss_silent)
kill9 receiver
silent "$before"
hole # that it is gone, or that it is mute: what gpsd says of it
kill9 gpsd
receiver_up
gpsd_up
goes_on car

begins
on car session pause >/dev/null
hole
on car session resume >/dev/null
goes_on car

begins
stop agent-car
# The machine was off: another name of the boot is what the next agent sees.
MOUNTS=(unshare --mount)
[ "$(id -u)" = 0 ] || MOUNTS=(unshare --user --map-root-user --mount)
echo 11111111-2222-3333-4444-555555555555 >"$SCRATCH/boot_id"
agent_in_next_boot() {
	start agent-car env ALZY_CONFIG="$SCRATCH/car/alzy.conf" "${MOUNTS[@]}" bash -c \
		'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$1"' "$SCRATCH/boot_id" "$BUILD/alzy-agentd"
}
hole
if "${MOUNTS[@]}" mount --bind "$SCRATCH/boot_id" /proc/sys/kernel/random/boot_id 2>/dev/null; then
	agent_in_next_boot
	goes_on car
	begins
	kill9 agent-car
	hole
	off='unit_off(\+agent_stopped)?(\+no_fix)?'
	cut='unit_off(\+agent_stopped)?(\+no_fix)?'
else
	diag "nothing may be mounted here, so no other boot can be made believe"
	off='agent_stopped(\+no_fix)?'
	cut=
fi
agent_start car || die "no agent: $(log_of agent-car)"
goes_on car

stop agent-car
until_ms=$(date +%s%3N)
until_at=$(date -u -d "@$((until_ms / 1000)).$((until_ms % 1000))" +%FT%T.%3NZ)

# ---- the unit
told=$(on car gaps --longer 2s --to "$until_at" --json)
like "$(causes <<<"$told")" \
	"^no_fix agent_stopped(\+no_fix)? agent_killed(\+no_fix)? gpsd_gone(\+no_fix)? receiver_silent(\+no_fix)? gpsd_silent(\+[a-z_+]*)? (no_receiver|receiver_silent)(\+[a-z_+]*)? paused $off${cut:+ $cut}\$" "each cause in its turn"
is "$(truly <<<"$told")" "" "… where it was"
is "$(adds_up <<<"$told")" "" "the parts of each gap add up"
is "$(json gaps.7.parts.0.detail <<<"$told")" "by a person" "who paused is told"
like "$(json gaps.1.parts.0.detail <<<"$told")" SIGTERM "… and what stopped the agent"
if [ "$cut" ]; then
	is "$(json gaps.8.parts.0.detail <<<"$told"), $(json gaps.9.parts.0.detail <<<"$told")" "shut down, cut off" "… and how the unit went off"
fi
like "$(on car gaps --longer 2s --to "$until_at")" 'the session was paused: by a person' "as a table"
like "$(on car gaps --longer 2s --to "$until_at")" '^  paused +[0-9]+ s, 1 time$' "… with sums by cause"
is "$(on car gaps --longer 1h)" "no gap longer than 1 h 00 min" "no gap"
like "$(sleep 2.2; on car gaps --longer 2s --json | causes)" 'agent_stopped$' "the silence until now"

# ---- a unit that does not know what time it is
unit dark gnss.source=gpsd://127.0.0.1:1 clock.floor=auto
agent_start dark || die "no agent: $(log_of agent-dark)"
waiting() { sqlite3 -readonly "$SCRATCH/dark/store.db" "SELECT count(*) FROM waiting_events WHERE event_type = 'gnss_gone'"; }
if await more_than 0 waiting; then
	sleep 2.2
	like "$(on dark gaps --longer 2s --json | causes)" '^(no_fix\+)?gpsd_gone$' "events that wait for their time are evidence, too"
else
	tap 0 "the system clock is known to be right here # SKIP nothing waits"
fi
stop agent-dark

refuses "a duration that is none" 2 'longer' on car gaps --longer soon
refuses "a time that is none" 2 'no time' on car gaps --from yesterday
refuses "a time that ends before it begins" 2 'before' on car gaps --from 2026-01-02 --to 2026-01-01

# ---- recordings: what takes longer than a test may
# NAME KEYS… -- fixes from standard input as "seconds accuracy speed": replayed by an agent of its own
recorded() {
	local name=$1
	shift
	perl -MPOSIX=strftime -ane 'my ($s, $accuracy, $speed) = @F; my $lat = 52 + $s * $speed / 111200;
		printf qq({"class":"TPV","device":"/dev/x","mode":3,"time":"%s","lat":%.7f,"lon":13.4,"eph":%s,"speed":%s}\n),
			strftime("%Y-%m-%dT%H:%M:%S.000Z", gmtime 1700000000 + $s), $lat, $accuracy, $speed' >"$SCRATCH/$name.json"
	unit "$name" gnss.source="replay:$SCRATCH/$name.json" capture.sampling=detailed "$@"
	replay "$name" || die "$name can't be replayed: $(log_of "agent-$name")"
}
perl -e 'print "$_ ", $_ >= 100 && $_ < 1300 ? 5000 : 5, " 10\n" for 0 .. 2100' | recorded tunnel
is "$(on tunnel gaps --to 2023-11-14T22:48:20Z --json | causes)" refused "fixes that are no good"
is "$(on tunnel gaps --to 2023-11-14T22:48:20Z --json | json gaps.0.parts.0.detail)" accuracy "… and why"
is "$(lite tunnel "SELECT group_concat(event_type || coalesce(payload ->> '\$.reason', ''), ' ') FROM events WHERE event_type LIKE 'fixes%'")" \
	"fixes_refusedaccuracy fixes_keptaccuracy" "two events tell it"
perl -e 'print "$_ 5 10\n" for 0 .. 1200' | recorded waiting capture.session=manual
is "$(on waiting gaps --to 2023-11-14T22:33:20Z --json | causes)" no_session "no session was open"
perl -e 'print "$_ 5 0\n" for 0 .. 7200' | recorded seldom capture.heartbeat=30m
like "$(on seldom gaps --to 2023-11-15T00:13:20Z --json | causes)" '^standing standing standing( standing)?$' "a heartbeat of half an hour"
perl -e 'print "$_ 5 10\n" for 0 .. 1200, -2400 .. -2300' | recorded undone
like "$(on undone gaps --from 2023-11-14T22:33:20Z --to 2023-11-15T00:13:20Z --json | causes)" '^agent_stopped$' "an agent has stopped no earlier than what it has told before, whatever the receiver says"
perl -e 'print "$_ 5 10\n" for 0 .. 1800' | recorded city
is "$(lite city "SELECT count(*) FROM events WHERE event_type LIKE 'fixes%'")" 0 "a good drive costs no event"

# ---- the centre
postgres_start
central_init
central_start || die "no centre: $(log_of central)"
device=0
for name in car tunnel waiting seldom; do
	device=$((device + 1))
	pair $name
	on $name sync >"$SCRATCH/sync.log" || die "$name is not sent: $(log_of sync)"
	to=$until_at
	case $name in car) ;; *) to=2023-11-15T00:13:20Z ;; esac
	for how in --json ''; do
		is "$(central gaps --device $device --longer 2s --to "$to" $how)" "$(on $name gaps --longer 2s --to "$to" $how)" \
			"$name: the centre tells the same${how:+ in JSON}"
	done
done
from=$(json gaps.2.from <<<"$told")
is "$(central gaps --device 1 --longer 2s --from "$from" --to "$until_at" --json)" "$(on car gaps --longer 2s --from "$from" --to "$until_at" --json)" \
	"… of a part of the time"

# What goes on in another store, and then on another card, is the same device.
later() { until_ms=$(date +%s%3N); until_at=$(date -u -d "@$((until_ms / 1000)).$((until_ms % 1000))" +%FT%T.%3NZ); }
ok "the store takes another identity" on car store fork
agent_start car || die "no agent: $(log_of agent-car)"
goes_on car
stop agent-car
ok "… and is sent" on car sync
later
is "$(central gaps --device 1 --longer 2s --to "$until_at" --json)" "$(on car gaps --longer 2s --to "$until_at" --json)" \
	"… the centre tells the same of both stores"
told=$(on car gaps --longer 2s --to "$until_at" --json)
mv "$SCRATCH/car/store.db" "$SCRATCH/car/store.old"
rm -f "$SCRATCH/car/store.db-wal" "$SCRATCH/car/store.db-shm"
agent_start car || die "no agent: $(log_of agent-car)"
goes_on car
stop agent-car
on car pair "$(central device pair 1 --again --json | json link)" >"$SCRATCH/pair.log" 2>&1 || die "pairing: $(log_of pair)"
on car sync >"$SCRATCH/sync.log" || die "not sent: $(log_of sync)"
later
both=$(central gaps --device 1 --longer 2s --to "$until_at" --json)
# The last that was told may have been too short to be one until then.
is "$(causes <<<"$both" | cut -d' ' -f1-"$(causes <<<"$told" | wc -w)")" "$(causes <<<"$told")" "with a new card the centre still tells what was before"
like "$(causes <<<"$both")" " agent_stopped[a-z_+]*\$" "… and between the two"
is "$(adds_up <<<"$both")" "" "… which adds up"
sql "UPDATE alzy.stores SET points_last = points_last + 50 WHERE device_id = 1 AND number = (SELECT min(number) FROM alzy.stores WHERE device_id = 1)"
is "$(causes <<<"$both" | cut -d' ' -f11) $(central gaps --device 1 --longer 2s --to "$until_at" --json | causes | cut -d' ' -f11)" "agent_stopped not_arrived" \
	"what a store that another followed has not sent has not arrived"

sql "UPDATE alzy.stores SET points_held = points_held - int8multirange(int8range(5, 25)) WHERE device_id = 2"
sql "DELETE FROM alzy.points WHERE device_id = 2 AND id & 1099511627775 BETWEEN 5 AND 24"
like "$(central gaps --device 2 --longer 2s --to 2023-11-15 --json | causes)" '^not_arrived' "rows that are missing at the centre"
for fate in dropped:dropped rejected:rejected expired:removed; do
	sql "UPDATE alzy.stores SET points_${fate%:*} = int8multirange(int8range(5, 25)) WHERE device_id = 2"
	like "$(central gaps --device 2 --longer 2s --to 2023-11-15 --json | causes)" "^${fate#*:} " "… that are ${fate%:*}"
	sql "UPDATE alzy.stores SET points_${fate%:*} = '{}' WHERE device_id = 2"
done
# ---- a stick that lay around for three hours tells of the time before it was written
FAKETIME=$(dpkg -L libfaketime | grep libfaketimeMT)
case $BUILD in *sanitize*) FAKETIME="$(gcc -print-file-name=libasan.so) $FAKETIME" ;; esac
before() { # COMMAND…: by a clock that is three hours behind
	bounded env LD_PRELOAD="$FAKETIME" FAKETIME=-3h DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1 ALZY_CONFIG="$SCRATCH/late/alzy.conf" "$@"
}
unit late gnss.source="replay:$SCRATCH/drive.json"
pair late
perl -e 'use POSIX; printf qq({"class":"TPV","device":"d","mode":3,"time":"%s","lat":%.4f,"lon":8.1,"speed":10}\n),
	strftime("%Y-%m-%dT%H:%M:%S.000Z", gmtime $ARGV[0] + $_), 50 + $_ / 1e4 for 0 .. 60' $(($(date +%s) - 3 * 3600 - 70)) >"$SCRATCH/drive.json"
ok "a unit records" before "$BUILD/alzy-agentd"
mkdir "$SCRATCH/stick"
ok "… and writes a stick" before "$BUILD/alzy" sync --to "$SCRATCH/stick"
ok "… which is imported three hours later" central import "$SCRATCH/stick"
like "$(central gaps --device 5 --json | json seconds.not_arrived)" '^1[01][0-9]{3}' "what was recorded since has not arrived, whatever the stick's last event was"
sql "UPDATE alzy.stores SET points_last = points_last + 50 WHERE device_id = 5" # as after the first of several batches
is "$(central gaps --device 5 --json | causes)" not_arrived "points of which the unit has told are behind the last that came, whatever its events say"
mute=$(central device add --account 1 --name mute --json | json id)
sql "UPDATE alzy.devices SET created_at = now() - interval '2 days' WHERE id = $mute"
is "$(central gaps --device $mute --json | causes)" not_arrived "of a device that was never heard nothing has arrived"
is "$(central gaps --device $mute --from "$(date -u -d yesterday +%F)" --json | causes)" not_arrived "… nor of a part of the time"
pair undone
ok "a recording that goes back is sent" on undone sync
is "$(central gaps --device "$(on undone status --json | json device.id)" --longer 2s --to 2023-11-15T00:13:20Z --json)" \
	"$(on undone gaps --longer 2s --to 2023-11-15T00:13:20Z --json)" "… and the centre tells the same of it"
refuses "no such device" 4 'no device 99' central gaps --device 99
refuses "of which device?" 2 'device' central gaps
central_stop
done_testing
