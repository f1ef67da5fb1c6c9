#!/bin/bash
# The command line of a unit, on real stores: every verb, with the daemons stopped, and what it says to bad input.
. "$(dirname "$0")/../lib/rig.sh"

# The recorded drive as reports of gpsd, to be replayed without gpsd.
reports() {
	perl -F, -ane 'use POSIX "strftime"; next if $. == 1; chomp @F;
		printf qq({"class":"TPV","device":"/dev/gps","mode":3,"time":"%s.%03dZ","lat":%s,"lon":%s,"altMSL":%s,) .
			qq("speed":%s,"track":%s,"eph":4.2}\n),
			strftime("%Y-%m-%dT%H:%M:%S", gmtime($F[1] / 1000)), $F[1] % 1000, @F[2 .. 6]' "$DATA/drive.csv"
}
last_mark() { lite "$1" "SELECT $2 FROM points WHERE source = 3 ORDER BY seq DESC LIMIT 1"; } # NAME COLUMNS
last_event() { lite "$1" "SELECT $2 FROM events ORDER BY seq DESC LIMIT 1"; }

# ---- usage
refuses "no verb" 2 'no verb' on x
refuses "an unknown verb is named" 2 'unknown verb fly' on x fly
refuses "half a verb says what there is" 2 'alzy session start' on x session
ok "--help" on x --help
like "$(on x --help)" '--version' "… lists --version"
for half in "alzy session" "alzy config" "alzy-central device" "alzy-central user"; do
	like "$("$BUILD/"$half --help 2>"$SCRATCH/said" && cat "$SCRATCH/said")" "^  $half [a-z]+ +[a-z]" "$half --help is no error"
done
for program in alzy alzy-agentd alzy-syncd alzy-central; do
	like "$("$BUILD/$program" --version)" "^$program [0-9]" "$program --version"
done
unit new
for verb in status "session start" "session pause" "session resume" "session end" "session list" "session show" event \
	mark pair unpair sync queue export "config check" "config show"; do
	like "$(on new $verb --help)" "^usage: alzy $verb" "$verb --help"
	refuses "$verb names an option that it does not know" 2 'unknown option --wings' on new $verb --wings
done

# ---- before there is a store
refuses "no store: status says how one comes to be" 4 'alzy-agentd makes it' on new status
for verb in "session list" "session show" "session end" queue "export --format csv"; do
	refuses "no store: $verb" 4 'there is no store' on new $verb
done
refuses "mark without a place" 8 'give --lat and --lng' on new mark
[ ! -e "$SCRATCH/new/store.db" ]
tap $? "… and none was made"
for words in "--config" "--config=" "--config --help" "status --config"; do
	refuses "alzy $words" 2 '--config wants a FILE' "$BUILD/alzy" $words
done
for words in "alzy --help" "alzy --version" "alzy status --help" "alzy-agentd --help" "alzy-agentd --version" "alzy session --help"; do
	refuses "$words on a full disk" 10 "can't write" bash -c '"$@" >/dev/full' - "$BUILD/"$words
done

# ---- sessions
unit car
begun=$(on car session start --user ana --machine van --application 3 --json)
is "$?" 0 "session start makes the store"
id=$(json session_id <<<"$begun")
like "$id" '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' "… and names the session"
like "$(json started_at <<<"$begun")" '^20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z$' "… with its time in RFC 3339"
is "$(json user_id <<<"$begun") $(json machine_id <<<"$begun") $(json application_id <<<"$begun") $(json ended_at <<<"$begun")" \
	"ana van 3 null" "… and who and what"
refuses "a second one" 8 "$id" on car session start
is "$(on car session pause --json | json status)" paused "session pause"
refuses "… not twice" 8 'paused' on car session pause
is "$(on car status --json | json session.status) $(on car status --json | json session.paused_by)" "paused person" "status shows it"
like "$(on car status)" 'nothing is kept until it is resumed \(alzy session resume\)' "… and what it means"
is "$(on car session resume --json | json status)" active "session resume"
is "$(on car session show "${id:0:6}" --json | json session_id)" "$id" "session show by the beginning of its id"
like "$(on car session show)" "^Session +$id" "session show without an id shows the open one"
is "$(on car session end --json | json status)" ended "session end"
refuses "… not twice" 8 'session' on car session end
refuses "an ended session does not resume" 8 'session' on car session resume
refuses "a session that is not there" 4 'ffffffff' on car session show ffffffff
refuses "a name when none has been told" 6 '"three" is no number' on car session start --application three
refuses "no number of an application" 6 'from 1 to 2147483647' on car session start --application 0
refuses "a number that is too large" 6 '2147483647' on car session start --application 2147483648
refuses "an empty name" 6 'user is empty' on car session start --user ""
refuses "a name with a control character" 6 'control character' on car session start --machine $'a\tb'
refuses "a name that is not UTF-8" 6 'UTF-8' on car session start --machine $'\xff'
refuses "a name too long" 6 'longer than 255' on car session start --user "$(printf %300s x)"
is "$(lite car 'SELECT count(*) FROM sessions')" 1 "… and none of these was started"
is "$(on car session list --json | json '#')" 1 "session list"
like "$(on car session list)" "$id +ended" "… as a table"
refuses "session list --limit 0" 2 'limit' on car session list --limit 0

# ---- events
ok "an event with JSON" on car event door_opened '{"door": 2}'
is "$(last_event car "payload, session_id")" '{"door": 2}|' "… is kept as it is, outside any session"
ok "an event with text" on car event note "it's \"cold\", Jürgen"
is "$(last_event car "payload ->> '$.text'")" "it's \"cold\", Jürgen" "… has it under \"text\""
is "$(on car event note 42 --json | json payload)" 42 "a number is JSON"
ok "an event without payload" on car event note
is "$(last_event car "payload IS NULL")" 1 "… has none"
on car session start >/dev/null
inside=$(on car status --json | json session.session_id)
is "$(on car event note x --json | json session_id)" "$inside" "an event in a session"
for type in session_start agent_stop fix_lost gnss_gone overrun mark; do
	refuses "nobody but alzy writes $type" 6 "$type|mark" on car event $type
done
for type in Door "a b" "" é 1a "$(printf '%070d' 0 | tr 0 a)"; do
	refuses "no event type: ${type:0:20}" 6 'is no event type' on car event "$type"
done
refuses "a payload that is too long" 6 'longer than 16384' on car event note "$(printf %17000s x)"
refuses "a payload that is not UTF-8" 6 'UTF-8' on car event note $'\xc0\x80'
refuses "a payload with a control character" 6 'control character' on car event note $'a\x01'

# ---- marks
marked=$(on car mark --lat -25.4518371 --lng=-49.2344609 --json "here: \"ä\"")
is "$(json seq <<<"$marked") $(json session_id <<<"$marked")" "1 $inside" "a mark in the session"
is "$(last_mark car "seq, lat, lng, source, accuracy IS NULL, speed IS NULL")" "1|-254518371|-492344609|3|1|1" \
	"… is a point with source manual and nothing invented"
is "$(last_event car "event_type, payload, session_id")" "mark|{\"seq\":1,\"note\":\"here: \\\"ä\\\"\"}|$inside" \
	"… and an event with its seq and note"
refuses "a mark with half a place" 2 'belong together' on car mark --lat 1
refuses "a latitude beyond the pole" 6 '--lat: -90 to 90' on car mark --lat 90.0000001 --lng 0
refuses "a longitude beyond 180" 2 '--lng' on car mark --lat 0 --lng 180.1
refuses "a latitude that is none" 2 '"north" is not in degrees' on car mark --lat north --lng 0
is "$(lite car 'SELECT count(*) FROM points')" 1 "… and none of these was kept"
on car session end >/dev/null

# ---- what is recorded, exported
reports >"$SCRATCH/drive.json"
unit drive gnss.source="replay:$SCRATCH/drive.json"
replay drive || die "no replay: $(log_of agent-drive)"
on drive mark --lat 0 --lng 180 "at the edge of the map" >/dev/null
points=$(lite drive 'SELECT count(*) FROM points')
is "$points" 1862 "the drive and a mark are recorded"
for format in gpx geojson csv svg; do
	ok "export $format" on drive export --format $format -o "$SCRATCH/drive.$format"
	on drive export --format $format | cmp -s - "$SCRATCH/drive.$format"
	tap $? "… is the same on standard output"
done
ok "the GPX is as GPX 1.1 wants it" xmllint --noout --relaxng "$DATA/gpx11.rng" "$SCRATCH/drive.gpx"
is "$(grep -c '<trkpt ' "$SCRATCH/drive.gpx") $(grep -c '<wpt ' "$SCRATCH/drive.gpx") $(grep -c '<trk>' "$SCRATCH/drive.gpx")" \
	"1861 1 2" "… with every point, a waypoint for the mark, a track for the journey and one for what was before it"
is "$(json features.2.geometry.coordinates'#' <"$SCRATCH/drive.geojson") $(json features.2.properties.times'#' <"$SCRATCH/drive.geojson")" \
	"1851 1851" "the GeoJSON has every position of the journey, and its time"
ok "the SVG is well-formed" xmllint --noout "$SCRATCH/drive.svg"
like "$(cat "$SCRATCH/drive.svg")" '>Start 14:48<' "… and says when it starts"
grep -qiE '<script|href|url\(|@import' "$SCRATCH/drive.svg"
[ $? = 1 ]
tap $? "… and needs nothing else"
sed 1d "$SCRATCH/drive.csv" | tr -d '\r' | perl -F, -lane 'print join "|", $F[0], map { s/\.//r * 1 } grep { length } @F[3 .. 8]' \
	>"$SCRATCH/got"
lite drive "SELECT concat FROM (SELECT seq || '|' || lat || '|' || lng || coalesce('|' || accuracy, '') ||
	coalesce('|' || speed, '') || coalesce('|' || heading, '') || coalesce('|' || altitude, '') AS concat
	FROM points ORDER BY seq)" >"$SCRATCH/wanted"
ok "the CSV holds exactly what the store holds" diff "$SCRATCH/wanted" "$SCRATCH/got"
is "$(grep -c $'\r$' "$SCRATCH/drive.csv")" $((points + 1)) "… in lines that end as RFC 4180 wants"

rows() { on drive export --format csv "$@" | sed 1d | wc -l; }
drive=$(on drive session list --json | json 0.session_id)
is "$(rows --session "${drive:0:8}")" 1851 "one session"
is "$(rows --from 2019-09-23T14:49:00Z --to 2019-09-23T15:49:30+01:00)" 30 "a stretch of time: its begin is in, its end is not"
is "$(rows --from 2000-01-01 --to 2000-01-02)" 0 "a time with nothing in it is no error"
ok "… and an empty GPX is one" xmllint --noout --relaxng "$DATA/gpx11.rng" \
	<(on drive export --format gpx --from 2000-01-01 --to 2000-01-02)
refuses "--to before --from" 2 'before' on drive export --format csv --from 2020-01-02 --to 2020-01-01
refuses "a time that is none" 2 'no time' on drive export --format csv --from noon
refuses "no format" 2 '--format' on drive export
refuses "a format that is none" 2 'gpx, geojson, csv, svg' on drive export --format kml
refuses "a session that is not there" 4 'nowhere' on drive export --format csv --session nowhere

# ---- files that are written whole or not at all
echo old >"$SCRATCH/out"
ln -s "$SCRATCH/out" "$SCRATCH/link"
ok "export over a file, through a link" on drive export --format csv -o "$SCRATCH/link"
cmp -s "$SCRATCH/out" "$SCRATCH/drive.csv" && [ -L "$SCRATCH/link" ]
tap $? "… replaces the file and leaves the link"
refuses "a folder is no file" 6 'no regular file' on drive export --format csv -o "$SCRATCH"
refuses "a device is no file" 6 'no regular file' on drive export --format csv -o /dev/null
refuses "a folder that is not there" 10 'nowhere/x' on drive export --format csv -o "$SCRATCH/nowhere/x"
refuses "a full disk is told" 10 'No space left' bash -c '"$@" >/dev/full' - env ALZY_CONFIG="$SCRATCH/drive/alzy.conf" \
	"$BUILD/alzy" export --format csv
refuses "… also by status" 10 "can't write" bash -c '"$@" >/dev/full' - env ALZY_CONFIG="$SCRATCH/drive/alzy.conf" \
	"$BUILD/alzy" status
cp "$SCRATCH/drive.csv" "$SCRATCH/kept"
tail=$((($(stat -c %s "$SCRATCH/drive.gpx") - 1) / 1024)) # only the last of it does not fit
refuses "a file that becomes too large" 10 "can't write" bash -c 'trap "" XFSZ; ulimit -f $0; "$@"' $tail \
	env ALZY_CONFIG="$SCRATCH/drive/alzy.conf" "$BUILD/alzy" export --format gpx -o "$SCRATCH/kept"
ok "… leaves the old one" cmp "$SCRATCH/kept" "$SCRATCH/drive.csv"
is "$(ls "$SCRATCH" | grep -c '\.tmp$')" 0 "no temporary file is left"

# ---- status and queue
status=$(on drive status --json)
is "$(json points.last_seq <<<"$status") $(json points.unsent <<<"$status") $(json sessions.unsent <<<"$status")" "1862 1862 1" \
	"status counts"
is "$(json agent.running <<<"$status") $(json session <<<"$status") $(json centre <<<"$status") $(json last_receipt <<<"$status") $(json refusal <<<"$status")" \
	"false null null null null" "… and says what there is not"
is "$(json fix.live <<<"$status") $(json fix.lat <<<"$status") $(json fix.lng <<<"$status") $(json fix.source <<<"$status")" \
	"false 0 180 manual" "… and shows the last recorded point as such"
is "$(json oldest_unsent_at <<<"$status")" 2019-09-23T14:48:40.000Z "… and how old the oldest unsent point is"
like "$(json free_bytes <<<"$status")" '^[0-9]{6,}$' "… and the space that is left"
like "$(on drive status)" 'Agent +not running' "status for people"
queue=$(on drive queue --json)
is "$(json points.unsent <<<"$queue") $(json points.ranges <<<"$queue") $(json points.oldest_at <<<"$queue")" \
	"1862 [[1,1862]] 2019-09-23T14:48:40.000Z" "queue"
is "$(json sessions.session_ids <<<"$queue") $(json rejected <<<"$queue")" "[\"$drive\"] 0" "… with the sessions"
like "$(on drive queue)" 'points +1862 .*1-1862' "… as a table"
is "$(on drive queue --rejected --json)" "[]" "queue --rejected"
like "$(on drive queue --rejected)" 'rejected nothing' "… for people"
timeout -s INT 2.5 "$BUILD/alzy" --config "$SCRATCH/drive/alzy.conf" status --watch --json >"$SCRATCH/watched"
[ "$(grep -c '"store_id"' "$SCRATCH/watched")" -ge 2 ]
tap $? "status --watch goes on until it is interrupted"

# ---- beside a running agent, whose receiver is a pipe
mkfifo "$SCRATCH/receiver"
exec 9<>"$SCRATCH/receiver"
unit live gnss.source="replay:$SCRATCH/receiver"
agent_start live || die "no agent: $(log_of agent-live)"
refuses "a mark before the first fix" 8 'no fix from the last 60 s' on live mark
sed -n 21,40p "$SCRATCH/drive.json" >&9
echo '{"class":"SKY","device":"/dev/gps","hdop":0.85,"nSat":14,"uSat":9}' >&9
live() { # the last of what was said has come through
	local status
	status=$(on live status --json) && [ "$(json fix.live <<<"$status") $(json fix.lat <<<"$status")" = "true $(sed -n 40p "$SCRATCH/drive.json" | json lat)" ]
}
await live
tap $? "status shows the agent's fix"
status=$(on live status --json)
is "$(json agent.running <<<"$status") $(json agent.pid <<<"$status") $(json agent.receiver <<<"$status")" "true $(pid_of agent-live) /dev/gps" \
	"… and the agent"
is "$(json fix.mode <<<"$status") $(json fix.lat <<<"$status") $(json fix.accuracy <<<"$status")" "3 $(sed -n 40p "$SCRATCH/drive.json" | json lat) 4.2" \
	"… and where it is"
like "$(json fix.age_s <<<"$status")" '^[0-9]$' "… and how old that is"
ok "a mark at the fix" on live mark "found"
is "$(last_mark live "lat, lng, source, recorded_at BETWEEN 1569250120000 AND 1569250180000")" "-253791650|-491850700|3|1" \
	"… has its place, and its time rather than that of a system clock"
is "$(on live session pause --json | json status)" paused "a person pauses what the agent has opened"
await test "$(lite live "SELECT count(*) FROM events WHERE event_type = 'session_pause'")" = 1
rm "/dev/shm/"*"$(json store_id <<<"$status")"* # as one of another version has a page that can't be read
is "$(on live status --json | json agent)" "{\"pid\":$(pid_of agent-live),\"running\":true}" "an agent that can't be asked is one all the same"
like "$(on live status)" "^Agent +process $(pid_of agent-live), of another version" "… and status says that it can't be"
like "$(on live doctor 2>&1)" '^warning +agent: process .* of another version' "… so does the doctor"
stop agent-live
is $? 0 "the agent ends"
exec 9>&-
is "$(on live status --json | json agent.running)" false "status knows that the agent is gone"

# ---- configuration
is "$(on drive config check --json | json path)" "$SCRATCH/drive/alzy.conf" "config check"
on drive config show >"$SCRATCH/shown.conf"
ok "what config show prints is a configuration" on drive config check "$SCRATCH/shown.conf"
is "$("$BUILD/alzy" --config="$SCRATCH/shown.conf" config show --json)" "$(on drive config show --json)" "… the same one"
is "$(on drive config show --json | json sync.interval) $(on drive config show --json | json sync.batch_points)" "15m 5000" \
	"config show --json"
printf '[store]\n\npath = store.db\n' >"$SCRATCH/bad.conf"
refuses "a bad value, with file and line" 3 'bad.conf:3: .*begins with /' "$BUILD/alzy" config check "$SCRATCH/bad.conf"
refuses "… whatever the verb" 3 'bad.conf:3' "$BUILD/alzy" --config "$SCRATCH/bad.conf" status
refuses "a configuration that is not there" 3 'nowhere.conf' "$BUILD/alzy" status --config "$SCRATCH/nowhere.conf"

# ---- stores that are none
unit broken
head -c 5000 /dev/urandom >"$SCRATCH/broken/store.db"
cp "$SCRATCH/broken/store.db" "$SCRATCH/broken/before"
for verb in status "session start" "mark --lat 1 --lng 2" "export --format csv"; do
	refuses "a store that is none: $verb" 12 'broken/store.db' on broken $verb
done
ok "… is left as it was" cmp "$SCRATCH/broken/before" "$SCRATCH/broken/store.db"

# ---- installed
ok "make install" make -s -C "$TOP" install B="$BUILD" DESTDIR="$SCRATCH/root" PREFIX=/opt/alzy
is "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$SCRATCH/root/opt/alzy/lib/systemd/system/"alzy-*.service | while read -r program; do
	[ -x "$SCRATCH/root$program" ] || echo "$program"
done)" "" "… puts every program where its unit for systemd looks for it"
is "$("$SCRATCH/root/opt/alzy/bin/alzy" --version)" "$("$BUILD/alzy" --version)" "… and they run"

# Under systemd a call that is not allowed ends the program, or fails: of @clock, @resources and others of @privileged, but for what only
# root calls. What it does for a second is what it does at first.
unit sandbox
on sandbox event made >"$SCRATCH/said"
for program in alzy-agentd alzy-syncd; do
	ALZY_CONFIG=$SCRATCH/sandbox/alzy.conf ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 timeout $((1 * SLOWER)) \
		strace -f -qq -o "$SCRATCH/calls" "$BUILD/$program" >"$SCRATCH/said" 2>&1
	like "$(cat "$SCRATCH/calls")" 'openat\(.*sandbox' "$program is watched at work"
	is "$(sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$SCRATCH/calls" | sort -u |
		grep -xE 'adjtimex|clock_(adjtime|settime)(64)?|settimeofday|ioprio_set|mbind|nice|sched_set(affinity|attr|param|scheduler)|setpriority|setrlimit|acct|bpf|capset|chroot|set(res|re|fs)?[ug]id|setgroups|quotactl' |
		grep -vxE "$(sed -nE 's/^SystemCallFilter=([a-z].*)/\1/p' "$TOP/packaging/systemd/$program.service" | tr ' ' '|')|-")" "" \
		"… and calls nothing that its unit for systemd forbids"
done

done_testing
