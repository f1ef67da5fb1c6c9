#!/bin/bash
# What time it is: wrong and stepped system clocks, boots that never knew, receivers that are weeks off, recordings. Real agents,
# real gpsd; the clock is libfaketime's, a boot is a time namespace of its own with a boot_id of its own.
. "$(dirname "$0")/../lib/rig.sh"

WEEKS=$((1024 * 604800))
now_ms() { date +%s%3N; }

# ---- a receiver that lives now

says() { echo "$*" >"$SCRATCH/says.new" && mv "$SCRATCH/says.new" "$SCRATCH/says"; } # fix OFFSET_S [HZ] | nofix
live_gpsd() {
	GPSD_PORT=${GPSD_PORT:-$(free_port)}
	FEED_PORT=$(free_port) || die "no free port"
	start feeder perl "$RIG/live.pl" "$FEED_PORT" "$SCRATCH/says"
	await log_has feeder "^listening $FEED_PORT" || die "no receiver"
	start gpsd "${GPSD_APART[@]}" gpsd -N -n -b -S "$GPSD_PORT" "tcp://127.0.0.1:$FEED_PORT"
	await listening_or_gone gpsd "$GPSD_PORT" && alive gpsd || die "no gpsd: $(log_of gpsd)"
}
basis_is() { [ "$(on "$1" status --json | json time.basis)" = "$2" ]; }
events() { lite "$1" "SELECT group_concat(event_type, ' ') FROM (SELECT event_type FROM events ORDER BY seq)"; }
event_at() { lite "$1" "SELECT event_at FROM events WHERE event_type = '$2' ORDER BY seq LIMIT 1"; }
near() { # GOT WANTED TOLERANCE DESCRIPTION, milliseconds
	[ -n "$1" ] && [ $(($1 - $2)) -le "$3" ] && [ $(($2 - $1)) -le "$3" ]
	tap $? "$4" || diag "got $1, wanted $2 ± $3: $((${1:-0} - $2)) ms off"
}
waiting() { on "$1" status --json | json time.waiting_events; }
nothing_waits() { [ "$(waiting "$1")" = 0 ]; }
points_wait_for() { [ "$(lite "$1" 'SELECT count(*) FROM points')" -ge "$2" ]; }

# ---- wrong clocks

FAKETIME=$(dpkg -L libfaketime | grep libfaketimeMT)
# A sanitized program wants its own library before all others; a program that is not sanitized must not have it.
case $BUILD in *sanitize*) ASAN=$(gcc -print-file-name=libasan.so) ;; *) ASAN= ;; esac
PRELOAD="$ASAN $FAKETIME"
# NAME COMMAND…: with the system clock that $SCRATCH/NAME.clock names as seconds beside the true one. The monotonic clocks stay.
clocked() {
	${EXEC-} env LD_PRELOAD="$PRELOAD" FAKETIME_TIMESTAMP_FILE="$SCRATCH/$1.clock" FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1 \
		NO_FAKE_STAT=1 ALZY_CONFIG="$SCRATCH/$1/alzy.conf" "${@:2}"
}
export -f clocked
set_clock() { echo "$2" >"$SCRATCH/$1.clock.new" && mv "$SCRATCH/$1.clock.new" "$SCRATCH/$1.clock"; } # NAME SECONDS
start_at() { set_clock "$1" "$(printf '%+d' $(($(date -ud "$2" +%s) - $(date +%s))))"; }              # NAME DATE
export PRELOAD SCRATCH

says nofix
live_gpsd
for name in c1970 c2000 c2038; do
	unit $name clock.floor=auto
	start_at $name "${name#c}-01-19"
	start_ready "agent-$name" bash -c 'EXEC=exec clocked "$@"' - $name "$BUILD/alzy-agentd" || die "no agent: $(log_of agent-$name)"
done
like "$(PRELOAD=$FAKETIME bounded bash -c 'clocked c1970 date +%Y')" 1970 "a clock in 1970"
for name in c1970 c2000 c2038; do
	like "$(clocked $name "$BUILD/alzy" event door_opened)" "gets its number when the time is known" "$name: an event without a time waits"
	clocked $name "$BUILD/alzy" session start --user ada >/dev/null 2>&1 || diag "no session"
done
door_ms=$(now_ms)
like "$(clocked c2038 "$BUILD/alzy" mark --lat 1 --lng 2)" "gets its number" "a mark waits, too"
is "$(on c1970 status --json | json time.known)" false "status: the time is not known"
like "$(on c1970 status)" "events wait for the time" "… and events wait for it"
like "$(on c1970 queue)" "events wait for the time" "the queue says so"
is "$(lite c2000 'SELECT count(*) FROM events')" 0 "nothing has a seq before"
is "$(lite c2000 "SELECT event_type FROM events_readable WHERE event_type LIKE 'door%'")" door_opened "… but can be read"
says fix 0
for name in c1970 c2000 c2038; do
	await basis_is $name gnss
	tap $? "$name: the receiver tells the time"
	await nothing_waits $name
	near "$(event_at $name door_opened)" "$door_ms" 3000 "$name: the event has its time"
	near "$(lite $name 'SELECT started_at FROM sessions')" "$door_ms" 3000 "$name: the session, too"
	like "$(events $name)" "^agent_start door_opened session_start " "$name: in the order of recording"
done
near "$(lite c2038 'SELECT recorded_at FROM points WHERE source = 3')" "$door_ms" 3000 "the mark has its time, too"
is "$(lite c2038 "SELECT count(*) FROM events e JOIN points p ON p.seq = e.payload ->> 'seq' AND p.source = 3
	WHERE event_type = 'mark'")" 1 "… and its event names it"
like "$(clocked c1970 "$BUILD/alzy" status)" "^Time  .*by the receiver" "status says what it rests on"

# Forth and back while it records.
for step in +1000000 -400000000; do
	for name in c1970 c2000 c2038; do set_clock $name $step; done
	steps=$((${steps:-0} + 1))
	for name in c1970 c2000 c2038; do
		await eval "[ \"\$(lite $name \"SELECT count(*) FROM events WHERE event_type = 'clock_step'\")\" = $steps ]"
		tap $? "$name: step $steps is told"
		clocked $name "$BUILD/alzy" event "stepped_$steps" >/dev/null || diag "no event"
		near "$(event_at $name "stepped_$steps")" "$(now_ms)" 2000 "$name: an event after it has the true time"
	done
done
for name in c1970 c2000 c2038; do
	stop agent-$name
	near "$(event_at $name agent_stop)" "$(now_ms)" 5000 "$name: and so at its end"
	near "$(lite $name 'SELECT ended_at FROM sessions')" "$(now_ms)" 5000 "$name: the session ends now"
	is "$(lite $name "SELECT count(*) FROM points a JOIN points b ON b.seq = a.seq + 1 AND a.source = 0 AND b.source = 0
		WHERE b.recorded_at - a.recorded_at <> 1000")" 0 "$name: no step in the points"
	is "$(lite $name 'SELECT count(*) FROM events a JOIN events b ON b.seq = a.seq + 1 WHERE b.event_at < a.event_at - 1500')" 0 \
		"$name: nor in the events"
	is "$(lite $name 'SELECT count(*) FROM boots')$(lite $name 'SELECT basis FROM boots')" 1gnss "$name: one boot, known by GNSS"
done
is "$(lite c1970 "SELECT payload ->> 'to' < '2020' FROM events WHERE event_type = 'clock_step' ORDER BY seq DESC LIMIT 1")" 1 \
	"a step says from when to when"

# ---- a floor that a person has written; and a receiver whose weeks were counted past it by gpsd

unit later clock.floor=2030-01-01
unit earlier clock.floor=2000-01-01
agent_start later || die "no agent"
agent_start earlier || die "no agent"
for name in later earlier; do
	await basis_is $name gnss
	tap $? "$name: the repaired time is known"
	await points_wait_for $name 3
done
near "$(lite later 'SELECT max(recorded_at) FROM points')" $(($(now_ms) + WEEKS * 1000)) 15000 "below the floor: 1024 weeks later"
near "$(lite earlier 'SELECT max(recorded_at) FROM points')" $(($(now_ms) - WEEKS * 1000)) 15000 "above the ceiling: 1024 weeks earlier"
is "$(lite later "SELECT group_concat(payload ->> 'weeks') FROM events WHERE event_type = 'time_repaired'")" 1024 "said once"
is "$(on earlier status --json | json time.repaired_weeks)" -1024 "and in the status"
on earlier mark >/dev/null
near "$(lite earlier 'SELECT recorded_at FROM points WHERE source = 3')" $(($(now_ms) - WEEKS * 1000)) 15000 "a mark has the repaired time"
stop agent-later
stop agent-earlier

# gpsd takes what a receiver says of 2066 as it is; nobody else has to.
says fix $((2 * WEEKS)) 5
unit auto clock.floor=auto
agent_start auto || die "no agent"
await basis_is auto gnss
tap $? "auto: the repaired time is known, at 5 Hz"
await points_wait_for auto 10
near "$(lite auto 'SELECT max(recorded_at) FROM points')" "$(now_ms)" 15000 "auto: 2048 weeks earlier"
is "$(lite auto "SELECT group_concat(payload ->> 'weeks') FROM events WHERE event_type = 'time_repaired'")" -2048 "auto: said once"
says fix 0
await eval '[ "$(lite auto "SELECT count(*) FROM events WHERE event_type = '"'time_repaired'"'")" = 2 ]'
tap $? "auto: said again when it is over"
# One fix of three days ahead is none.
refused_time() { on auto status --json | json agent.refused_time; }
before=$(refused_time)
says fix 0 1 $((3 * 86400))
await eval '[ "$(refused_time)" -gt $before ]' # gpsd may make two of it: the next one with its date
tap $? "auto: one fix that is days ahead of what is known is refused"
count=$(lite auto 'SELECT count(*) FROM points')
await points_wait_for auto $((count + 3))
refused=$(refused_time)
near "$(lite auto 'SELECT max(recorded_at) FROM points')" "$(now_ms)" 15000 "auto: no point is ahead"
is "$(lite auto "SELECT count(*) FROM events WHERE event_type IN ('time_doubtful', 'fixes_missing')")" 0 "auto: nor is it told as anything else"
# It lies by three years, for long enough to be believed: nobody here knows better. The next run does.
says fix $((3 * 365 * 86400))
await eval '[ "$(on auto status --json | json time.now | cut -c 1-4)" -ge '$(($(date +%Y) + 3))' ]'
tap $? "auto: nobody contradicts a lie of three years"
is "$(refused_time)" "$refused" "auto: of those that agree with each other none is refused"
stop agent-auto
says fix 0
agent_start auto || die "no agent"
await eval '[ "$(on auto status --json | json time.now | cut -c 1-4)" = '$(date +%Y)' ]'
tap $? "auto: the truth is not taken for a rollover afterwards"
is "$(on auto status --json | json time.repaired_weeks)" 0 "auto: nothing is repaired"
stop agent-auto
gpsd_stop

# ---- boots that never know

boot_file() { printf '%08d-0000-4000-8000-000000000000\n' "$1" >"$SCRATCH/boot.$1"; }
# NUMBER COMMAND…: in a boot of its own, which began when the test did, less NUMBER hours, so that its monotonic clock says so much.
in_boot() {
	local number=$1
	shift
	${EXEC-} unshare "${APART[@]}" --mount --time --boottime $((number * 3600 - BEGAN)) bash -c \
		'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"' "$SCRATCH/boot.$number" "$@"
}
BEGAN=$(cut -d. -f1 /proc/uptime) APART=()
[ "$(id -u)" = 0 ] || APART=(--user --map-root-user)
export -f in_boot
export BEGAN
for number in 1 2 3; do boot_file $number; done
if [ "$(in_boot 2 cat /proc/sys/kernel/random/boot_id 2>/dev/null)" = "$(cat "$SCRATCH/boot.2")" ] &&
	[ "$(in_boot 2 cut -d. -f1 /proc/uptime)" -lt 8000 ]; then
	says nofix
	live_gpsd
	unit dark clock.floor=auto
	export ALZY_CONFIG=$SCRATCH/dark/alzy.conf
	for number in 1 2; do
		start_ready agent-dark bash -c 'EXEC=exec in_boot "$@"' - $number "$BUILD/alzy-agentd" || die "no agent: $(log_of agent-dark)"
		in_boot $number "$BUILD/alzy" event "boot_$number" >/dev/null || diag "no event"
		await eval "[ \"\$(waiting dark)\" = $((number * 2)) ]"
		tap $? "boot $number: two events wait"
		kill9 agent-dark
	done
	start_ready agent-dark bash -c 'EXEC=exec in_boot "$@"' - 3 "$BUILD/alzy-agentd" || die "no agent: $(log_of agent-dark)"
	says fix 0
	await nothing_waits dark
	tap $? "the third boot learns the time, and nothing waits any more"
	stop agent-dark
	is "$(lite dark "SELECT group_concat(event_type, ' ') FROM (SELECT * FROM events WHERE event_type LIKE 'boot%'
		OR event_type = 'agent_start' ORDER BY seq)")" "agent_start boot_1 agent_start boot_2 agent_start" "all of them, in order"
	is "$(lite dark "SELECT group_concat(ifnull(payload ->> 'time_estimated', 0)) FROM (SELECT * FROM events
		WHERE event_type LIKE 'boot%' OR event_type = 'agent_start' ORDER BY seq)")" 1,1,1,1,0 "what was estimated is marked"
	is "$(lite dark 'SELECT group_concat(basis) FROM (SELECT * FROM boots ORDER BY number)')" estimated,estimated,gnss "the boots, too"
	is "$(lite dark 'SELECT count(*) FROM events a JOIN events b ON b.seq = a.seq + 1 WHERE b.event_at < a.event_at - 1500')" 0 \
		"their times are in order"
	# The third began three hours before now, the others ended before it.
	near "$(event_at dark boot_2)" $(($(now_ms) - 3 * 3600000)) 60000 "without anything before them they end where the next begins"
	unset ALZY_CONFIG
	gpsd_stop
else
	diag "no time namespaces here: boots are not tried"
fi

# ---- recordings, at a unit that has a floor

# The drive, a day ago.
perl -F, -ane 'BEGIN { $shift = (time - 86400) * 1000 } $. == 1 and print, next; $first //= $F[1];
	$F[1] += int(($shift - $first) / 1000) * 1000; print join ",", @F' "$DATA/drive.csv" | perl "$DATA/make-nmea.pl" >"$SCRATCH/drive.nmea"
unit played clock.floor=auto
gpsd_start "$SCRATCH/drive.nmea"
agent_start played || die "no agent"
gpsd_play
await points_wait_for played 1
is "$(on played status --json | json time.known)" false "a recording that is fed fast does not tell the time"
stop agent-played
gpsd_rows | awk '{ print $1 }' >"$SCRATCH/times.gpsd"
lite played 'SELECT recorded_at FROM points ORDER BY seq' >"$SCRATCH/times.store"
ok "its points are as recorded" diff "$SCRATCH/times.gpsd" "$SCRATCH/times.store"
is "$(lite played 'SELECT started_at FROM sessions') $(lite played 'SELECT ended_at FROM sessions')" \
	"$(lite played 'SELECT min(recorded_at) FROM points WHERE session_id = 1') $(tail -n 1 "$SCRATCH/times.store")" "so is its session"
is "$(waiting played)" 0 "nothing waits after a clean stop"
is "$(lite played "SELECT count(*) FROM events WHERE payload ->> 'time_estimated' IS NULL")" 0 "its events are marked as estimated"
like "$(events played)" "^agent_start .*session_start .*agent_stop$" "and all there"
gpsd_stop

# The unit has no power any more before it knows the time: what its session is at, its points say, and nobody else.
unit cut clock.floor=auto capture.sampling=detailed capture.on_stop=pause
unit carried clock.floor=auto capture.sampling=detailed
head -n 2000 "$SCRATCH/drive.nmea" >"$SCRATCH/cut.nmea" # while it drives
gpsd_start "$SCRATCH/cut.nmea"
for name in cut carried; do agent_start $name || die "no agent"; done
gpsd_play
for name in cut carried; do
	await points_wait_for $name 900
	kill9 agent-$name
	is "$(lite $name "SELECT status || started_at FROM sessions")" "active$(lite $name 'SELECT min(recorded_at) FROM points WHERE session_id = 1')" \
		"$name: a session is open, from its first point on"
done
gpsd_stop
last_ms=$(lite cut 'SELECT max(recorded_at) FROM points')
says fix 0
live_gpsd
agent_start cut || die "no agent"
await basis_is cut gnss
tap $? "cut: the next agent learns the time"
is "$(lite cut 'SELECT started_at, ended_at FROM sessions WHERE id = 1')" \
	"$(lite cut 'SELECT min(recorded_at), max(recorded_at) FROM points WHERE session_id = 1')" "cut: … and ends the session where its points end"
is "$(lite cut "SELECT group_concat(event_at) FROM events WHERE event_type IN ('session_pause', 'session_end')
	AND session_id = (SELECT session_id FROM sessions WHERE id = 1)")" "$last_ms,$last_ms" "cut: … as its events say"
stop agent-cut
gpsd_stop

# Ten fixes a second, of which many agree by chance; two minutes of them are no good.
perl -e 'my $t = time - 86400; printf "%.1f %.7f 13.4 %s 19.438 0\n", $t + $_ / 10, 52.5 + $_ * 0.000009, 34 for 0 .. 6000' |
	perl "$RIG/nmea.pl" | perl -pe '/^\$GPGGA/ and ++$n > 2000 and $n <= 3200 and s/,0\.9,/,80.0,/ and do {
		my ($said) = /^\$(.*)\*/; my $sum = 0; $sum ^= ord for split //, $said; s/\*..\r/sprintf "*%02X\r", $sum/e }' >"$SCRATCH/ten.nmea"
unit ten clock.floor=auto capture.sampling=detailed
gpsd_start "$SCRATCH/ten.nmea"
agent_start ten || die "no agent"
gpsd_play
stop agent-ten
gpsd_stop
is "$(lite ten 'SELECT started_at FROM sessions') $(lite ten 'SELECT ended_at - started_at FROM sessions')" \
	"$(lite ten 'SELECT min(recorded_at) FROM points') 600000" \
	"ten a second: its session is as recorded, too"
is "$(waiting ten)" 0 "… and nothing waits"
like "$(on ten gaps --longer 30s --to "$(lite ten "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', max(recorded_at) / 1000, 'unixepoch') FROM points")" --json |
	perl -MJSON::PP -0777 -ne 'print map { map { "$_->{cause}:$_->{detail}:$_->{seconds} " } @{$_->{parts}} } @{decode_json($_)->{gaps}}')" \
	'^refused:accuracy:12[01](\.[0-9]+)? $' "… fixes that were no good are told as such, however fast they came"
rm -f "$SCRATCH/witness.log"
unit old clock.floor=auto
unit dated clock.floor=2026-01-01
gpsd_start "$DATA/nmea/gpsd_bu303-moving.log"
agent_start old || die "no agent"
agent_start dated || die "no agent"
gpsd_play
stop agent-old
stop agent-dated
gpsd_rows | awk '{ print $1 }' >"$SCRATCH/times.gpsd"
moved() { # NAME: by how many times 1024 weeks
	lite "$1" 'SELECT recorded_at FROM points ORDER BY seq' | paste "$SCRATCH/times.gpsd" - |
		perl -ane "print +(\$F[1] - \$F[0]) / $WEEKS / 1000, qq(\n)" | sort -u
}
is "$(moved old)" 0 "one from before the floor is not moved a decade ahead of the system clock"
like "$(moved dated)" '^[12]$' "… but as a whole, by 1024 weeks or twice, behind a floor that a person has given"
gpsd_stop

# ---- NTP

cat >"$SCRATCH/ntp.c" <<'END'
#include <string.h>
#include <sys/timex.h>
int adjtimex(struct timex *state) /* a kernel that NTP has told the time */
{
	memset(state, 0, sizeof *state);
	return TIME_OK;
}
END
cc -shared -fPIC -o "$SCRATCH/ntp.so" "$SCRATCH/ntp.c" || die "no compiler"
synchronized() { env LD_PRELOAD="$ASAN $SCRATCH/ntp.so" ALZY_CONFIG="$SCRATCH/$1/alzy.conf" "${@:2}"; }
unit timed clock.floor=auto
on timed event before >/dev/null
is "$(lite timed 'SELECT count(*) FROM waiting_events')" 1 "without NTP an event waits"
like "$(synchronized timed "$BUILD/alzy" event after)" "event 2 recorded" "with NTP none does"
is "$(events timed)" "before after" "… nor those before it"
near "$(event_at timed before)" "$(now_ms)" 10000 "by the system clock"
is "$(on timed status --json | json time.basis)" ntp "status says so"

# ---- the centre tells the time; and a stick, on which nobody does

postgres_start
central_init
central_start || die "no gateway"
for name in told stick lost; do
	unit $name clock.floor=auto
	pair $name
done
pair carried
ok "a sync of a unit that was cut off in a recording" on carried sync
is "$(sql "SELECT round(extract(epoch FROM started_at) * 1000)::bigint FROM alzy.sessions WHERE session_id = '$(lite carried 'SELECT session_id FROM sessions')'")" \
	"$(lite carried 'SELECT min(recorded_at) FROM points WHERE session_id = 1')" "… leaves its session where its points are"
is "$(sql "SELECT round(extract(epoch FROM event_at) * 1000)::bigint FROM public.events WHERE event_type = 'session_start'")" \
	"$(lite carried 'SELECT min(recorded_at) FROM points WHERE session_id = 1')" "… and its event"
says nofix
live_gpsd
set_clock told -800000000
start_ready agent-told bash -c 'EXEC=exec clocked "$@"' - told "$BUILD/alzy-agentd" || die "no agent: $(log_of agent-told)"
clocked told "$BUILD/alzy" event bell >/dev/null
bell_ms=$(now_ms)
ok "a sync of a unit that does not know the time" clocked told "$BUILD/alzy" sync
is "$(sql "SELECT count(*) FROM public.events WHERE event_type = 'bell'")" 1 "… sends the event in the same run"
near "$(sql "SELECT round(extract(epoch FROM event_at) * 1000)::bigint FROM public.events WHERE event_type = 'bell'")" "$bell_ms" 3000 \
	"… with the centre's time"
like "$(clocked told "$BUILD/alzy" status)" "^Receipt +(just )?(now|[0-9]+ s ago)" "the receipt is of now, whatever the system clock says"
await basis_is told receipt
tap $? "the agent takes it over, and says so"
like "$(clocked told "$BUILD/alzy" event bell)" "event 3 recorded" "the next event needs not wait"
says fix $((3 * 365 * 86400))
await eval '[ "$(on told status --json | json time.doubtful)" = true ]'
tap $? "a receiver that contradicts the centre by years is doubtful"
await points_wait_for told 6
near "$(lite told 'SELECT max(recorded_at) FROM points')" $(($(now_ms) + 3 * 365 * 86400000)) 15000 "… its points are as it says"
like "$(lite told "SELECT payload FROM events WHERE event_type = 'time_doubtful'")" '^\{"said":"[0-9-]+T[0-9:.]+Z","basis":"receipt"\}$' \
	"… it is told, once"
near "$(event_at told time_doubtful)" "$(now_ms)" 20000 "… at the time that is known"
is "$(on told status --json | json time.basis)" receipt "… which stays what it was"
says fix 0
await basis_is told gnss
tap $? "once it tells the truth it is believed"
is "$(on told status --json | json time.doubtful)" false "… and not doubtful any more"
stop agent-told
on stick event bell >/dev/null
mkdir "$SCRATCH/usb"
ok "rows for a stick" on stick sync --to "$SCRATCH/usb"
is "$(lite stick "SELECT payload ->> 'time_estimated' FROM events WHERE event_type = 'bell'")" 1 \
	"the system clock is taken when it can be right, and marked"
near "$(event_at stick bell)" "$(now_ms)" 10000 "… as it is"

# ---- a clock that is believed as it is, and is set back during a session
unit back
set_clock back +0
clocked back "$BUILD/alzy" session start >/dev/null 2>&1 || diag "no session"
began_ms=$(now_ms)
set_clock back -7200
clocked back "$BUILD/alzy" session end >/dev/null || diag "no end"
lasted=$(lite back 'SELECT ended_at - started_at FROM sessions')
ok "a session across a step back lasts as long as it has lasted: $lasted ms" test "$lasted" -ge $(($(now_ms) - began_ms - 1500)) -a "$lasted" -gt 0

# ---- sessions whose times are a guess, and what becomes of them on a stick
# One clock can't be right, another could: the session of either is corrected once the time is known, on both sides.
for name in guess38 guess28; do
	unit $name clock.floor=auto
	pair $name
	start_at $name 20${name#guess}-01-19
	clocked $name "$BUILD/alzy" session start --user ada >/dev/null 2>&1 || diag "no session"
done
clocked guess28 "$BUILD/alzy" session end >/dev/null || diag "no end"
session_ms=$(now_ms)
like "$(clocked guess38 "$BUILD/alzy" session show)" '^Started +2038-.* \?, ' "session show marks a guess"
like "$(clocked guess38 "$BUILD/alzy" session list)" '2038-01-19 .* UTC \? ' "… so does session list"
like "$(clocked guess38 "$BUILD/alzy" session list)" 'a guess, by a clock that nobody has set' "… and says what that means"
is "$(clocked guess38 "$BUILD/alzy" session show --json | json time_guessed)" true "… and JSON"
like "$(clocked guess38 "$BUILD/alzy" status)" '^Session +active, started .* \(a guess, until the time is known\)' "… and status"
like "$(clocked guess38 "$BUILD/alzy" sync --to "$SCRATCH/usb")" "1 event waits for the time" "no event goes on a stick by a clock that stands in 2038"
is "$(lite guess38 'SELECT count(*) FROM events')" 0 "… it waits"
ok "by one that could be right it does" clocked guess28 "$BUILD/alzy" sync --to "$SCRATCH/usb"
is "$(lite guess28 "SELECT payload ->> 'time_estimated' FROM events WHERE event_type = 'session_start'")" 1 "… marked"
ok "the centre takes the stick" central import "$SCRATCH/usb"
like "$(central session list)" '2028-01-19 [0-9:]+ UTC \? ' "… where session list shows a guess as one"
guessed() { sql "SELECT time_guessed FROM alzy.sessions WHERE session_id = '$(lite "$1" 'SELECT session_id FROM sessions')'"; } # NAME
for name in guess38 guess28; do
	is "$(guessed $name)" t "$name: … and so it is told"
	is "$(sql "SELECT extract(year FROM s.started_at) FROM alzy.sessions s WHERE s.session_id = '$(lite $name 'SELECT session_id FROM sessions')'")" \
		"20${name#guess}" "$name: the centre has the guess"
	ok "$name: a sync by network" clocked $name "$BUILD/alzy" sync
	near "$(lite $name 'SELECT started_at FROM sessions')" "$session_ms" 5000 "$name: the unit has corrected it"
	near "$(lite $name 'SELECT coalesce(ended_at, started_at) FROM sessions')" "$session_ms" 5000 "$name: … and its end, if it has one"
	near "$(sql "SELECT round(extract(epoch FROM s.started_at) * 1000)::bigint FROM alzy.sessions s WHERE s.session_id = '$(lite $name 'SELECT session_id FROM sessions')'")" \
		"$session_ms" 5000 "$name: … and the centre"
	near "$(sql "SELECT round(extract(epoch FROM coalesce(s.ended_at, s.started_at)) * 1000)::bigint FROM alzy.sessions s WHERE s.session_id = '$(lite $name 'SELECT session_id FROM sessions')'")" \
		"$session_ms" 5000 "$name: … and its end"
	is "$(sql "SELECT p.start_at = s.started_at AT TIME ZONE 'UTC' FROM alzy.sessions s JOIN public.sessions p USING (session_id) WHERE s.session_id = '$(lite $name 'SELECT session_id FROM sessions')'")" \
		t "$name: … in both its tables"
	is "$(clocked $name "$BUILD/alzy" session show --json | json time_guessed)" false "$name: it is no guess any more"
	is "$(guessed $name)" f "$name: … nor at the centre"
done
# Without a network, and before the receipts of the first stick have come back, the correction goes with the next stick.
unit sticks clock.floor=auto
pair sticks
start_at sticks 2028-01-19
clocked sticks "$BUILD/alzy" session start >/dev/null 2>&1 || diag "no session"
clocked sticks "$BUILD/alzy" session end >/dev/null || diag "no end"
session_ms=$(now_ms)
mkdir "$SCRATCH/usb1" "$SCRATCH/usb2"
ok "a session that has ended goes on a stick" clocked sticks "$BUILD/alzy" sync --to "$SCRATCH/usb1"
ok "… to the centre" central import "$SCRATCH/usb1"
ok "NTP tells the time" synchronized sticks "$BUILD/alzy" event now
ok "a second stick" on sticks sync --to "$SCRATCH/usb2"
ok "… to the centre" central import "$SCRATCH/usb2"
for column in started_at ended_at; do
	near "$(sql "SELECT round(extract(epoch FROM s.$column) * 1000)::bigint FROM alzy.sessions s WHERE s.session_id = '$(lite sticks 'SELECT session_id FROM sessions')'")" \
		"$session_ms" 5000 "sticks: the centre has the right $column"
done
set_clock lost -800000000
clocked lost "$BUILD/alzy" event bell >/dev/null
like "$(clocked lost "$BUILD/alzy" sync --to "$SCRATCH/usb")" "1 event waits for the time" "and not when it can't be"
is "$(lite lost 'SELECT count(*) FROM events')" 0 "… then the event waits"
done_testing
