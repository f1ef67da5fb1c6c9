#!/bin/bash
# The agent by itself: a store that is slow for seconds, a gpsd that hangs, kill -9, a person at the command line, and
# the same reports from a file.
. "$(dirname "$0")/../lib/rig.sh"

recorded() { # NAME: what gpsd reported is what the store holds, row for row
	gpsd_rows >"$SCRATCH/rows.gpsd"
	store_rows "$1" >"$SCRATCH/rows.store"
	perl "$RIG/compare.pl" "$SCRATCH/rows.gpsd" "$SCRATCH/rows.store"
}
values() { store_rows "$1" | cut -d' ' -f1-9; } # NAME: rows without their session
event_count() { lite "$1" "SELECT count(*) FROM events WHERE event_type = '$2'"; }
hold() { # NAME: another process holds the store of this unit, until let_go
	rm -f "$SCRATCH/release" "$SCRATCH/holder.log"
	mkfifo "$SCRATCH/release"
	start holder bash -c 'exec 3<>"$1"; { echo ".timeout 10000"; echo "BEGIN IMMEDIATE;"; echo "SELECT 1;"; read -r -u 3; echo "COMMIT;"; } | sqlite3 -bail "$0"' \
		"$SCRATCH/$1/store.db" "$SCRATCH/release"
	await log_has holder '^1' || die "the store can't be held"
}
let_go() {
	echo >"$SCRATCH/release"
	await gone holder
}

# ---- a store that is held for two seconds, while gpsd sends an hour and a half as fast as it can
gpsd_start "$DATA/nmea/anemomind_psaros33.log.gz"
unit slow store.commit_points=200
agent_start slow || die "no agent: $(log_of agent-slow)"
await log_has agent-slow 'connected to' || die "no connection"
hold slow
gpsd_go
sleep 2 # this is the stall, not a wait for anything
let_go
await gpsd_done || die "gpsd does not come to an end"
ok "SIGTERM ends the agent within a second" within_a_second agent-slow
ok "a stalled store costs no report ($(wc -l <"$SCRATCH/witness.log") lines of gpsd)" recorded slow
is "$(event_count slow overrun)" 0 "… and gpsd was never left waiting"

# ---- the same reports from a file give the same rows
unit again gnss.source="replay:$SCRATCH/witness.log"
ok "a replay ends by itself" replay again
ok "a replay gives the same rows as gpsd" diff <(values slow) <(values again)
is "$(lite again 'SELECT DISTINCT status FROM sessions')" ended "its sessions have ended"
is "$(lite again 'SELECT count(*) FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM points p WHERE p.recorded_at = s.ended_at)')" 0 \
	"… each with a fix"
gpsd_stop
rm "$SCRATCH/witness.log"

# ---- kill -9, and a person at the command line
gpsd_start "$DATA/drive.nmea" 0.03
unit car store.commit_interval=100ms
agent_start car || die "no agent: $(log_of agent-car)"
gpsd_go
driving() { [ "$(lite car 'SELECT group_concat(status) FROM sessions')" = active ]; }
await driving || die "no session"
points() { lite car 'SELECT count(*) FROM points'; }
more_than() { [ "$(points)" -gt "$1" ]; }
for round in 1 2 3; do
	await more_than "$(points)"
	kill9 agent-car
	agent_start car || die "no agent: $(log_of agent-car)"
done
is "$(lite car 'SELECT count(*) || status FROM sessions')" 1active "kill -9 ends no session: it goes on"
ok "its store is whole" test "$(lite car 'PRAGMA integrity_check')" = ok
await more_than "$(points)"
ok "a person pauses the session" on car session pause
paused_at=$(points)
ok "the agent notices" await log_has agent-car 'is paused'
ok "a person goes on" on car session resume
ok "… and so does the agent" await more_than "$paused_at"
ok "a person ends the session" on car session end
# Of a slow machine the drive may well have a next session by now: what counts is the point behind the last of this one.
outside() { [ "$(lite car 'SELECT session_id IS NULL FROM points WHERE seq = (SELECT max(seq) + 1 FROM points WHERE session_id = (SELECT min(id) FROM sessions))')" = 1 ]; }
ok "… and the agent goes on outside of it, until it has rested" await outside
ok "SIGTERM ends the agent within a second" within_a_second agent-car
is "$(lite car 'SELECT count(*) FROM (SELECT recorded_at FROM points GROUP BY 1 HAVING count(*) > 1)')" 0 "no epoch is there twice"
gpsd_stop

# ---- at five fixes a second: a command counts from the moment it is given
port=$(free_port)
perl -e 'for (1 .. 300) { printf qq({"class":"TPV","device":"/dev/a","mode":3,"time":"2025-04-11T23:%02d:%02d.%d00Z","lat":45.5,"lon":7.%05d}\n),
	$_ / 300, $_ / 5 % 60, $_ % 5 * 2, $_ }' >"$SCRATCH/paced.log"
start pacer perl "$RIG/speak.pl" "$port" "$SCRATCH/paced.log" 0.2
await log_has pacer listening || die "no speaker"
said() { sed -n '$s/^said //p' "$SCRATCH/pacer.log"; }
has_said() { [ "$(said)" -ge "$1" ]; } 2>/dev/null
line_of() { perl -e 'print $ARGV[0] =~ /T23:00:(\d+)\.(\d)00Z/ ? $1 * 5 + $2 / 2 : 0' "$1"; } # TIME: which line says it
between() { # GOT LEAST MOST DESCRIPTION
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
	tap $? "$4" || diag "got $1, wanted $2 to $3"
}
unit paced gnss.source="gpsd://127.0.0.1:$port" capture.session=manual store.commit_interval=20s
agent_start paced || die "no agent: $(log_of agent-paced)"
await has_said 5 || die "nothing is said"
# The fix that is under way when a command comes may be on either side of it.
borders=()
for command in start pause resume end; do
	from=$(said)
	on paced session "$command" >/dev/null || die "session $command is refused"
	borders+=("$((from - 1))" "$(($(said) + 1))")
	await has_said "$((from + 7))" || die "nothing is said"
	if [ "$command" = start ]; then
		from=$(said)
		between "$(line_of "$(on paced status --json | json fix.recorded_at)")" "$((from - 1))" "$((from + 2))" \
			"alzy status shows the fix of this moment"
		from=$(said)
		between "$(line_of "$(on paced mark --json | json recorded_at)")" "$((from - 1))" "$((from + 2))" \
			"alzy mark marks the place of this moment"
	fi
done
ok "SIGTERM ends the agent" stop agent-paced
lines() { lite paced 'SELECT (recorded_at / 200) % 300 FROM points WHERE source = 0'; } # a minute is 300 lines
lines >"$SCRATCH/lines"
gap=$(perl -e 'my ($before, @gaps); while (<>) { chomp; push @gaps, $before, $_ if defined $before and $_ != $before + 1; $before = $_ } print "@gaps"' "$SCRATCH/lines")
read -r paused resumed more <<<"$gap"
is "${more:-}" "" "what is kept has one gap"
between "$(head -n 1 "$SCRATCH/lines")" "${borders[0]}" "${borders[1]}" "the first fix kept is that of session start"
between "${paused:-0}" "${borders[2]}" "${borders[3]}" "… the last before the gap that of session pause"
between "${resumed:-0}" "${borders[4]}" "${borders[5]}" "… the first after it that of session resume"
between "$(tail -n 1 "$SCRATCH/lines")" "${borders[6]}" "${borders[7]}" "… and the last that of session end"
stop pacer

# ---- a card that takes seconds to sync, while each epoch comes as two reports, of which the second says all
port=$(free_port)
perl -e 'for (0 .. 99) {
	my $begin = sprintf q({"class":"TPV","device":"/dev/a","mode":3,"time":"2025-04-11T23:14:%02d.%02d0Z","lat":45.5,"lon":7.%05d),
		$_ / 25, $_ % 25 * 4, $_;
	print "$begin}\n$begin,\"eph\":2.5,\"speed\":12.5}\n" }' >"$SCRATCH/witness.log"
start speaker perl "$RIG/speak.pl" "$port" "$SCRATCH/witness.log" 0.02
await log_has speaker listening || die "no speaker"
unit card gnss.source="gpsd://127.0.0.1:$port" store.commit_interval=100ms
agent_start card || die "no agent: $(log_of agent-card)"
start card strace -f -qq -o /dev/null -e trace=fdatasync -e inject=fdatasync:delay_exit=2500000 -p "$(pid_of agent-card)"
await log_has speaker spoken || die "not all was said"
if alive card; then
	stop card
	ok "SIGTERM ends the agent" stop agent-card
	ok "each fix is the report of its epoch that says most" recorded card
else
	diag "no process may be traced here, so no card can be slow: $(log_of card)"
	stop agent-card
fi

# ---- another process holds the store when the agent is to end: that it is obeyed matters more than what was waiting
unit held gnss.source="gpsd://127.0.0.1:$port" store.commit_interval=100ms
agent_start held || die "no agent: $(log_of agent-held)"
hold held
ok "a store that is held is told" await log_has agent-held "can't record.*another process is writing"
began=$EPOCHREALTIME
stop agent-held
is $? 9 "SIGTERM ends it, not as if nothing was lost"
[ $((${EPOCHREALTIME/./} - ${began/./})) -lt $((1000000 * SLOWER)) ]
tap $? "… within a second"
like "$(log_of agent-held)" 'what was waiting in memory is lost: .*another process is writing' "… and says so"
let_go
stop speaker

# ---- a store that is removed under its agent
unit lost
agent_start lost || die "no agent: $(log_of agent-lost)"
on lost event note before >"$SCRATCH/said"
rm "$SCRATCH"/lost/store.db*
ok "a store that is removed ends its agent" await gone agent-lost
stop agent-lost
is $? 12 "… not as if nothing was lost"
saved=$(sed -nE 's/.*store.db was removed or replaced: .* is in (.*)/\1/p' "$SCRATCH/agent-lost.log")
is "$(sqlite3 "$saved" "SELECT group_concat(event_type) FROM (SELECT event_type FROM waiting_events UNION ALL SELECT event_type FROM events) WHERE event_type <> 'gnss_gone'")" \
	"agent_start,note,agent_stop" "… which has saved what it had"
ok "the next one goes on" agent_start lost
is "$(lite lost "SELECT count(*) FROM points")" 0 "… with a new store"
mv "$SCRATCH/lost" "$SCRATCH/found"
ok "where it can't save, it says so, and records on" await log_has agent-lost 'could not be done here'
stop agent-lost
is $? 12 "… until SIGTERM, not as if nothing was lost"
is "$(grep -c 'could not be done here' "$SCRATCH/agent-lost.log")" 1 "… and tells it once"

# ---- a gpsd that hangs: its queue of connections is full, so that connecting to it takes for ever
port=$(free_port)
start hung perl -MIO::Socket::INET -e '$| = 1; $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$ARGV[0]", Listen => 1) or die;
	push @c, $c while $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", Timeout => 1); print "full\n"; sleep 1000' "$port"
await log_has hung full || die "the queue does not fill"
unit hanging gnss.source="gpsd://127.0.0.1:$port"
ok "the agent is ready without waiting for gpsd" agent_start hanging
ok "an event beside it" on hanging event something
connecting() { grep -q ":$(printf %04X "$port") 02 " /proc/net/tcp; } # SYN sent
ok "it hangs in connecting" await connecting
ok "SIGTERM ends it within a second all the same" within_a_second agent-hanging
done_testing
