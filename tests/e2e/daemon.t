#!/bin/bash
# The daemons by themselves: alzy-syncd sends what is unsent when it can, both follow SIGHUP and SIGTERM, gpsd comes and
# goes, and a network that comes is used soon.
. "$(dirname "$0")/../lib/rig.sh"


# ---- alzy-syncd waits for everything, in whatever order it comes
unit car sync.interval=1s sync.timeout=2s store.commit_interval=200ms
ok "syncd starts with no store, no pairing, no centre" syncd_start car
ok "an event makes the store" on car event first
ok "syncd waits for a centre" await log_has syncd-car '^<6>waiting for this unit to be paired'
postgres_start
central_init
link=$(pair_link car)
refuses "pairing while the centre is off" 15 . on car pair "$link"
central_start || die "no centre: $(log_of central)"
ok "pairing beside the daemon" on car pair "$link"
ok "syncd finds out at once, and sends the event" await nothing_unsent car
is "$(sql 'SELECT count(*) FROM public.events')" 1 "… which is held"

# ---- the centre goes and comes
central_stop
ok "an event while the centre is off" on car event second
ok "syncd says so" await log_has syncd-car '^<4>.*(refused|connect|reach)'
ok "… and lives on" alive syncd-car
central_start || die "no centre: $(log_of central)"
AWAIT_SECONDS=60 await nothing_unsent car # its backoff is seconds by now
tap $? "the centre is back: syncd sends"
is "$(sql "SELECT string_agg(event_type, ' ' ORDER BY event_id) FROM public.events")" "first second" "once each"

# ---- Postgres goes and comes
stop postgres INT
ok "an event while Postgres is off" on car event third
ok "the gateway lives on" alive central
is "$(curl -s -m 5 -o "$SCRATCH/body" -w '%{http_code}' "$CENTRAL_URL/healthz")" 503 "… and says that it can't serve"
postgres_again
AWAIT_SECONDS=60 await nothing_unsent car
tap $? "Postgres is back: syncd sends"

# ---- recording and sending at once
gpsd_start "$DATA/drive.nmea" 0.002
sed -i "s|^source = .*|source = gpsd://127.0.0.1:$GPSD_PORT|" "$SCRATCH/car/alzy.conf"
ok "the agent starts" agent_start car
gpsd_go
some_held() { [ "$(sql 'SELECT count(*) FROM alzy.points')" -gt 0 ]; }
ok "points arrive while others are recorded" await some_held
await gpsd_done || die "gpsd does not come to an end"

# ---- gpsd goes and comes
kill9 gpsd
has_event() { [ "$(lite car "SELECT count(*) FROM events WHERE event_type = '$1'")" -ge "$2" ]; }
ok "gpsd gone is an event" await has_event gnss_gone 1
stop feeder KILL
stop witness KILL
mv "$SCRATCH/witness.log" "$SCRATCH/witness.first"
gpsd_start "$DATA/nmea/gpsd_telit-he910.log"
ok "gpsd back is an event" await has_event gnss_back 1
gpsd_play
cat "$SCRATCH/witness.first" "$SCRATCH/witness.log" >"$SCRATCH/both" && mv "$SCRATCH/both" "$SCRATCH/witness.log"

# ---- SIGHUP
sed -i 's/^commit_interval = .*/commit_interval = 5s/' "$SCRATCH/car/alzy.conf"
kill -HUP "$(pid_of agent-car)" "$(pid_of syncd-car)"
ok "SIGHUP: the agent reloads" await log_has agent-car 'reload|configuration'
ok "SIGHUP: syncd reloads" await log_has syncd-car 'reload|configuration'
sed -i "s|^path = .*|path = $SCRATCH/elsewhere.db|" "$SCRATCH/car/alzy.conf"
kill -HUP "$(pid_of agent-car)"
ok "… and says which key needs a restart" await log_has agent-car 'store\.path.*restart|restart.*store\.path'
sed -i "s|^path = .*|path = $SCRATCH/car/store.db|; s/^commit_interval = .*/commit_interval = soon/" "$SCRATCH/car/alzy.conf"
kill -HUP "$(pid_of agent-car)"
ok "… and what is wrong with a bad one" await log_has agent-car 'alzy.conf:[0-9]+.*soon'
ok "… and lives on" alive agent-car
sed -i 's/^commit_interval = .*/commit_interval = 1s/' "$SCRATCH/car/alzy.conf"

# ---- SIGTERM
ok "SIGTERM ends the agent within a second" within_a_second agent-car
ok "systemd is told that it stops" grep -q '^STOPPING=1' "$SCRATCH/agent-car-notify.log"
AWAIT_SECONDS=60 await nothing_unsent car
tap $? "syncd sends what was left"
ok "SIGTERM ends syncd within a second" within_a_second syncd-car
same_rows car "two recordings"
ok "SIGTERM ends the gateway within a second" within_a_second central

# ---- a clean stop that pauses
gpsd_stop
head -n 400 "$DATA/drive.nmea" >"$SCRATCH/short.nmea"
gpsd_start "$SCRATCH/short.nmea"
unit pausing capture.on_stop=pause
agent_start pausing
gpsd_play
stop agent-pausing
is "$(on pausing session list --json | json 0.status)" paused "on_stop = pause leaves the session paused"
gpsd_stop

# ---- manual sessions
gpsd_start "$DATA/nmea/gpsd_bu303-moving.log"
unit manual capture.session=manual
agent_start manual
gpsd_play
ok "a mark is kept without a session" on manual mark --lat 1 --lng 2
stop agent-manual
is "$(lite manual 'SELECT count(*) || session_id IS NULL FROM points')" 1 "without a session fixes are counted, not kept"
like "$(lite manual "SELECT payload FROM events WHERE event_type = 'agent_stop'")" '"refused_no_session": *12' "… each of them"
done_testing
