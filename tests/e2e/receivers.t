#!/bin/bash
# Several receivers behind one real gpsd, and what they do in a vehicle: lose their fix, fall silent, are unplugged and come back
# under another name, repeat themselves, say garbage. And a gpsd that hangs, or has no receiver.
. "$(dirname "$0")/../lib/rig.sh"

declare -A port
began=$EPOCHSECONDS
receiver() { # NAME LATITUDE
	port[$1]=$(free_port) || die "no free port"
	echo "${3:-fix}" >"$SCRATCH/$1.does"
	start "receiver-$1" perl "$RIG/one_of_several.pl" "${port[$1]}" "$SCRATCH/$1.does" "$2" "$began"
	await log_has "receiver-$1" "^listening" || die "no receiver"
}
does() { # NAME WHAT
	echo "$2" >"$SCRATCH/$1.new"
	mv "$SCRATCH/$1.new" "$SCRATCH/$1.does"
}
device() { echo "tcp://127.0.0.1:${port[$1]}"; }
tell_gpsd() { # + or - and a device
	perl -MIO::Socket::UNIX -e '$c = IO::Socket::UNIX->new($ARGV[0]) or die; syswrite $c, "$ARGV[1]\r\n"; sysread $c, $r, 99; exit $r !~ /OK/' \
		"$SCRATCH/control" "$1"
}
gpsd_with() { # NAME…
	local devices=() name
	for name; do devices+=("$(device "$name")"); done
	start gpsd "${GPSD_APART[@]}" gpsd -N -n -b -S "$GPSD_PORT" -F "$SCRATCH/control" "${devices[@]}"
	await listening_or_gone gpsd "$GPSD_PORT" && alive gpsd || die "no gpsd: $(log_of gpsd)"
}
status() { on car status --json | json "$1"; }
state_is() { [ "$(status agent.gnss)" = "$1" ]; }
follows() { [ "$(status agent.receiver)" = "$(device "$1")" ] && state_is "${2:-3d}"; }
last_event() { lite car "SELECT event_type || ' ' || coalesce(json_remove(payload, '\$.for_s'), '') FROM events
	WHERE event_type IN ('receiver_changed', 'gnss_silent', 'gnss_heard', 'gnss_gone', 'gnss_back') ORDER BY seq DESC LIMIT 1"; }
last_event_is() { [ "$(last_event)" = "$1" ]; }
changed() { printf 'receiver_changed {"from":"%s","to":"%s","why":"%s"}' "$(device "$1")" "$(device "$2")" "$3"; }
reports() { status agent.reports; }
more_reports() { [ "$(reports)" -gt "$1" ]; }
pass() { local now; now=$(reports); await more_reports "$((now + $1))"; } # so many reports

chmod 777 "$SCRATCH" # gpsd makes its socket there
receiver a 45.5
receiver b 46.5
GPSD_PORT=$(free_port)
gpsd_with a b
unit car gnss.fix_timeout=1s capture.sampling=all gnss.device="$(device a), tcp://*" store.commit_interval=200ms
agent_start car || die "no agent: $(log_of agent-car)"

ok "of two with a fix, the preferred one is followed in the end" await follows a
pass 40
before=$(lite car 'SELECT max(seq) FROM points')
pass 40
is "$(lite car "SELECT count(*) FROM points WHERE seq > $before AND lat > 460000000")" 0 "nothing of the other is recorded"
ok "… it is counted" test "$(status agent.refused_receiver)" -gt 20

does a nofix
ok "without a fix for long: the other is followed" await follows b
ok "… which is an event" await last_event_is "$(changed a b no_fix)"
does a fix
ok "well again for long: the preferred one is followed" await follows a
ok "… which is an event" await last_event_is "$(changed b a preferred)"
does a silent
ok "silent: the other is followed" await last_event_is "$(changed a b silent)"
does a fix
await follows a || die "not back"
does a stuck
ok "one that repeats itself is none" await last_event_is "$(changed a b no_fix)"
does a fix
await follows a || die "not back"
does a garbage
ok "nor one that says garbage" await last_event_is "$(changed a b silent)"
does a fix
await follows a || die "not back"
does a nofix # else gpsd goes on to say 3D
await state_is no_fix || die "still a fix"
does a 2d
ok "two dimensions are enough to be followed, and told" await follows a 2d
like "$(on car status)" 'just now, 2D only' "… to people too"
does a fix

# ---- unplugged, and plugged in again under another name
tell_gpsd "-$(device a)" || die "gpsd does not let go"
ok "one that gpsd has closed is not waited for" await last_event_is "$(changed a b unplugged)"
receiver c 47.5
does b nofix
tell_gpsd "-$(device b)" || die "gpsd does not let go"
ok "the last one is gone: at once an event" await last_event_is 'gnss_silent {"cause":"no_receiver"}'
is "$(status agent.gnss)" no_receiver "… and in status"
like "$(on car status)" 'gpsd has no receiver' "… for people too"
tell_gpsd "+$(device c)" || die "gpsd does not take it"
ok "it goes on under another name" await follows c
ok "a receiver is heard" test "$(lite car "SELECT count(*) FROM events WHERE event_type = 'gnss_heard'")" = 1

# ---- silence
does c silent
ok "a receiver that says nothing is an event" await last_event_is 'gnss_silent {"cause":"receiver"}'
is "$(status agent.gnss)" receiver_silent "… and in status"
like "$(on car status)" 'ago: the receiver says nothing since then' "… with the age of the fix"
does c fix
ok "it speaks again" await last_event_is 'gnss_heard '
await follows c || die "not back"
does c stuck
ok "one that repeats the same time is as good as silent: an event" await last_event_is 'gnss_silent {"cause":"stuck"}'
is "$(status agent.gnss)" receiver_stuck "… and in status"
pass 20
await eval '[ "$(status fix.age_s)" -ge 2 ]'
tap $? "… in which the fix grows old"
like "$(on car status)" ' s ago: the receiver repeats the same time since then' "… for people too"
is "$(lite car "SELECT count(*) FROM events WHERE event_type = 'gnss_silent' AND payload LIKE '%stuck%'")" 1 "… told once"
ok "… and in the log" log_has agent-car 'the receiver repeats the same time'
does c fix
ok "it goes on" await last_event_is 'gnss_heard '
ok "… which status knows" await follows c
does c stuck
await last_event_is 'gnss_silent {"cause":"stuck"}' || die "not stuck"
does c nofix
ok "that it has no fix any more ends it, too" await last_event_is 'gnss_heard '
ok "… which status knows" await state_is no_fix
does c fix
kill -STOP "$(pid_of gpsd)"
ok "a gpsd that hangs is an event" await last_event_is 'gnss_silent {"cause":"gpsd"}'
is "$(status agent.gnss)" gpsd_silent "… and in status"
kill -CONT "$(pid_of gpsd)"
ok "it goes on" await last_event_is 'gnss_heard '
ok "… and so does the track" await follows c
does c nofix
ok "no fix is no silence" await state_is no_fix
does c fix

# ---- gpsd anew
kill9 gpsd
ok "gpsd away is an event" await last_event_is 'gnss_gone '
is "$(status agent.gnss)" gpsd_gone "… and in status"
rm -f "$SCRATCH/control"
does a fix
gpsd_with a
ok "gpsd again, with another receiver" await follows a
ok "… which is followed at once" await last_event_is "$(changed c a unplugged)"

# ---- the sky, in place on a terminal
await follows a || die "no fix"
screen() { # COMMAND…: what a terminal of 80×24 shows
	(sleep 1.5; printf q) | timeout 20 script -qec "stty rows 24 cols 80; $*" /dev/null
}
page=$(ALZY_CONFIG=$SCRATCH/car/alzy.conf screen "$BUILD/alzy" status --watch)
is $? 0 "q ends alzy status --watch"
like "$page" 'G12\*  80  10  38   #' "… which shows the satellites"
is "$(grep -o $'\033\\[H' <<<"$page" | wc -l)" 2 "… again every second"
like "$page" $'\033\\[\\?1049h.*' "… and leaves the terminal as it was"
like "$(on car status --json | json satellites.0.name)" '^G' "alzy status --json has them"
like "$(timeout 3 bash -c "ALZY_CONFIG=$SCRATCH/car/alzy.conf $BUILD/alzy status --watch --json | head -n 2" | tail -n 1 | json agent.gnss)" 3d \
	"--watch without a terminal repeats plain lines"

# ---- another receiver, another patience: the file alone changes nothing, and a reload says what is missing
conf=$SCRATCH/car/alzy.conf
sed -i "s|^device = .*|device = $(device b)|; s|^fix_timeout = .*|fix_timeout = 7s|; s|^commit_interval = .*|commit_interval = 300ms|
	s|^sampling = .*|&\nheartbeat = 7m|" "$conf"
kill -HUP "$(pid_of agent-car)"
ok "a reload names the keys that need a restart" await log_has agent-car 'a restart is needed for: gnss.device, gnss.fix_timeout$'
told() { [ "$(lite car "SELECT payload FROM events WHERE event_type = 'agent_reload'")" = "$1" ]; }
ok "… and another heartbeat is told" await told '{"heartbeat_s":420,"interval_s":0}'
does a silent
ok "… which are as they were until then" await last_event_is 'gnss_silent {"cause":"receiver"}'
does a fix
await follows a || die "not back"

stop agent-car
is $? 0 "the agent ends cleanly"
is "$(lite car 'SELECT count(*) FROM (SELECT recorded_at FROM points GROUP BY 1 HAVING count(*) > 1)')" 0 "no moment has two places"
# From one receiver's track to the other's as often as an event says so, save for the first.
hops=$(lite car "SELECT lat FROM points ORDER BY seq" | perl -ne '$d = int($_ / 1e7); $n++ if defined $b and $d != $b; $b = $d; END { print $n }')
changes=$(lite car "SELECT count(*) FROM events WHERE event_type = 'receiver_changed'")
ok "tracks are never woven together: $hops hops, $changes changes" test "$hops" -le "$changes"
done_testing
