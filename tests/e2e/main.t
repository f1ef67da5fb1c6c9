#!/bin/bash
# The main job: a drive is recorded with no centre in reach, then paired, sent, and held by Postgres row for row.
. "$(dirname "$0")/../lib/rig.sh"

# ---- recording, with no network at all
gpsd_start "$DATA/drive.nmea"
unit car sync.batch_points=500
agent_start car || die "no agent: $(log_of agent-car)"
is "$(on car status --json | json store_id | tr -c '0-9a-f\n-' x | wc -c)" 37 "status names the store before anything is recorded"
gpsd_play
like "$(on car status)" 'not paired' "status says that the unit is not paired"
is "$(on car status --json | json session.status)" active "the first fix has opened a session"
refuses "sync without a centre says what to do" 8 'alzy pair' on car sync
ok "a mark" on car mark --lat -25.4 --lng -49.2 "a note with \"quotes\" and ünïcode"
ok "an event of one's own" on car event door_opened '{"door": 2}'
began=$EPOCHREALTIME
stop agent-car
is $? 0 "SIGTERM ends the agent cleanly"
[ $((${EPOCHREALTIME/./} - ${began/./})) -lt $((1000000 * SLOWER)) ]
tap $? "… within a second"
is "$(lite car 'SELECT count(*) FROM points')" 1862 "every epoch is a point, and so is the mark"
is "$(lite car "SELECT group_concat(event_type, ' ') FROM (SELECT * FROM events ORDER BY seq)" | tr ' ' '\n' | sort | uniq | tr '\n' ' ')" \
	"agent_start agent_stop door_opened fix_regained mark session_end session_start " "the events of a drive"
is "$(on car session list --json | json '0.status')" ended "a clean stop ends the session"

# ---- a second journey, by hand, with the daemons stopped
ok "session start" on car session start --user driver-1 --machine van
refuses "… not twice" 8 'session' on car session start
ok "session pause" on car session pause
ok "session resume" on car session resume
ok "a mark in it" on car mark --lat 10 --lng 20
ok "session end" on car session end
refuses "… not twice" 8 'session' on car session end
is "$(on car session list --json | json '#')" 2 "two sessions"

# ---- the centre
postgres_start --durable
central_init
central user add --id driver-1 --name "Driver One" --organization "$(central organization add --name Fleet --json | json id)" \
	>"$SCRATCH/user.log" 2>&1 || die "user add: $(log_of user)"
central_start || die "no centre: $(log_of central)"
like "$(healthy)" '"status": *"ok"' "the gateway is healthy"
link=$(pair_link car)
ok "pair" on car pair "$link"
is "$(on car status --json | json points.unsent)" 1863 "all is unsent"
sent=$(on car sync --json)
is $? 0 "sync"
is "$(json points <<<"$sent")" 1863 "… sends every point"
is "$(json sessions <<<"$sent")" 2 "… both sessions"
is "$(json rejected <<<"$sent") $(json remaining <<<"$sent")" "0 0" "… with nothing refused and nothing left"
[ "$(json batches <<<"$sent")" -ge 4 ]
tap $? "… in batches of at most 500 points"
is "$(on car status --json | json points.unsent)" 0 "nothing is unsent"
again=$(on car sync --json)
is "$? $(json points <<<"$again") $(json events <<<"$again") $(json sessions <<<"$again")" "0 0 0 0" "nothing is sent twice"

# ---- equal, row for row
same_rows car "the drive"
is "$(wc -l <"$SCRATCH/rows.gpsd")" 1861 "the drive has 1861 epochs"
is "$(sql "SELECT count(*) FROM alzy.points WHERE source = 'manual'")" 2 "both marks are there"
is "$(sql 'SELECT count(*) FROM alzy.points WHERE ST_X(geom) <> lng OR ST_Y(geom) <> lat OR ST_SRID(geom) <> 4326 OR geom IS NULL')" 0 \
	"geom is what lat and lng say"
lite car "SELECT seq || '|' || event_at || '|' || event_type || '|' || coalesce(payload, '') || '|' || coalesce(session_id, '') FROM events ORDER BY seq" >"$SCRATCH/events.store"
sql "SELECT concat_ws('|', event_id & 1099511627775, round(extract(epoch FROM event_at) * 1000)::bigint, event_type, coalesce(payload, ''), coalesce(session_id, ''))
	FROM public.events ORDER BY event_id" >"$SCRATCH/events.central"
ok "events: the store and Postgres ($(wc -l <"$SCRATCH/events.store"))" diff "$SCRATCH/events.store" "$SCRATCH/events.central"
lite car "SELECT session_id || '|' || status || '|' || started_at || '|' || coalesce(ended_at, '') || '|' || coalesce(user_id, '') || '|' || coalesce(machine_id, '') || '|' || revision
	FROM sessions ORDER BY session_id" >"$SCRATCH/sessions.store"
sql "SELECT concat_ws('|', s.session_id, s.status, round(extract(epoch FROM s.started_at) * 1000)::bigint, coalesce(round(extract(epoch FROM s.ended_at) * 1000)::bigint::text, ''),
		coalesce(p.user_id, ''), coalesce(p.machine_id, ''), s.revision)
	FROM alzy.sessions s JOIN public.sessions p USING (session_id)
	WHERE p.start_at = s.started_at AT TIME ZONE 'UTC' AND p.end_at IS NOT DISTINCT FROM s.ended_at AT TIME ZONE 'UTC' ORDER BY s.session_id COLLATE \"C\"" >"$SCRATCH/sessions.central"
ok "sessions: the store, alzy.sessions and public.sessions" diff "$SCRATCH/sessions.store" "$SCRATCH/sessions.central"

# ---- what people make of it
first=$(on car session list --json | json 1.session_id)
for format in gpx geojson csv svg; do
	ok "export $format" on car export --format $format --session "$first" -o "$SCRATCH/drive.$format"
done
ok "the GPX is valid GPX 1.1" xmllint --noout --nonet --relaxng "$DATA/gpx11.rng" "$SCRATCH/drive.gpx"
is "$(grep -cE "<(trkpt|wpt) " "$SCRATCH/drive.gpx")" "$(lite car 'SELECT count(*) FROM points WHERE session_id = 1')" "… with every point of the session"
ok "the picture is well-formed" xmllint --noout --nonet "$SCRATCH/drive.svg"
ok "… and names nothing outside of it" bash -c '! grep -oE "(href|src)=\"[a-z]+:[^\"]*|url\([a-z]+:" "$0"' "$SCRATCH/drive.svg"
ok "the GeoJSON is JSON" bash -c 'perl "$0" type <"$1"' "$RIG/json.pl" "$SCRATCH/drive.geojson"
is "$(($(wc -l <"$SCRATCH/drive.csv") - 1))" "$(lite car 'SELECT count(*) FROM points WHERE session_id = 1')" "the CSV has a line for each point"

# ---- more rows later arrive too
ok "an event after the sync" on car event fuel
is "$(on car sync --json | json events)" 1 "only that is sent"
is "$(sql "SELECT count(*) FROM public.events WHERE event_type = 'fuel'")" 1 "… and is there once"
central_stop
is $? 0 "SIGTERM ends the gateway cleanly"
done_testing
