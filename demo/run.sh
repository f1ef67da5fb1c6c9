#!/bin/bash
# The whole of alzy at work, on one machine and in seconds: a car records its drive with no centre in reach, then
# meets one, and every recorded row is shown to be there, once. `make demo` builds first and runs this.
cd "$(dirname "$0")/.." || exit 1
. tests/lib/rig.sh

said_last=
die() {
	said_last="demo: failed: $*"
	exit 1
}
diag() { printf '    %s\n' "$*" >&$TAP_OUT; }
demo_end() {
	local status=$?
	rig_end
	[ $status = 0 ] || case $said_last in demo:\ failed:*) ;; *) said_last="demo: failed: stopped before its end" ;; esac
	echo "$said_last" >&$TAP_OUT
	exit $status
}
trap demo_end EXIT

STEP=0
step() { printf '\n%d. %s\n' $((STEP += 1)) "$*"; }
shown() { # COMMAND…: its name and what it prints
	printf '    $ %s\n' "$*"
	"$@" 2>&1 | sed 's/^/    /' || die "$* failed"
}
alzy() { on car "$@"; }
alzy-central() { central "$@"; }
table() { # TITLE SQL
	printf '    %s\n' "$1"
	psql -qX -P footer=off -P null=- -v ON_ERROR_STOP=1 -d "$DSN" -c "$2" | sed '/^$/d; s/^/    /' || die "$1 can't be read"
}

PICTURE=$BUILD/demo/drive.svg
mkdir -p "$BUILD/demo"

step "A receiver: gpsd, fed with the recording of a car drive through Curitiba (31 minutes, replayed in seconds)"
gpsd_start "$DATA/drive.nmea"
unit car
echo "    gpsd listens on port $GPSD_PORT of this machine; nothing flows yet"

step "The car: alzy-agentd records into a store of its own. There is no centre, and no network is needed"
agent_start car || die "alzy-agentd does not start: $(log_of agent-car)"
gpsd_play
stop agent-car || die "alzy-agentd ended badly: $(log_of agent-car)"
recorded=$(lite car 'SELECT count(*) FROM points') || die "the store can't be read"
[ "$recorded" -gt 0 ] || die "nothing was recorded"
echo "    gpsd reported $(gpsd_rows | wc -l) epochs, the store holds $recorded points"
shown alzy session list

step "The centre comes up: a Postgres with PostGIS of its own, its key and schema, and the gateway"
postgres_start
central_init
central_start || die "alzy-central does not start: $(log_of central)"
echo "    Postgres $(sql 'SHOW server_version' | cut -d' ' -f1), PostGIS $(sql 'SELECT extversion FROM pg_extension WHERE extname = '"'postgis'"), $(healthy)"

step "Pairing: the centre prints a link with a token that works once, the car takes it and makes its own key"
link=$(pair_link car) || die "no pairing link"
echo "    ${link:0:76}…"
alzy pair "$link" 2>&1 | sed 's/^/    /' || die "pairing failed"

step "Sync: what is unsent goes out, signed and sealed, and only a signed receipt makes the car believe that it arrived"
shown alzy sync
shown alzy status

step "What the centre holds"
table "alzy.points, five of them" "SELECT p.id, to_char(recorded_at, 'YYYY-MM-DD HH24:MI:SS') AS recorded_at, lat, lng, speed, heading,
	altitude, source, session_id AS session FROM alzy.points p
	WHERE (id & 1099511627775) IN (1, 2, 3, $recorded / 2, $recorded) ORDER BY id"
table alzy.sessions "SELECT id, device_id AS device, status, to_char(started_at, 'YYYY-MM-DD HH24:MI:SS') AS started_at,
	to_char(ended_at, 'YYYY-MM-DD HH24:MI:SS') AS ended_at, (SELECT count(*) FROM alzy.points p WHERE p.session_id = s.id)
	AS points FROM alzy.sessions s ORDER BY id"
table public.sessions "SELECT session_id, machine_id, start_at, end_at FROM public.sessions"
table "public.events (the drive is of 2019, the agent was started today)" "SELECT to_char(event_at, 'YYYY-MM-DD HH24:MI:SS') AS event_at, event_type, left(payload, 60) AS payload
	FROM public.events ORDER BY event_id"

step "A picture of the drive"
session=$(alzy session list --json | json 0.session_id) || die "no session"
shown alzy export --format svg --session "${session:0:8}" -o "${PICTURE#"$TOP/"}"
[ -s "$PICTURE" ] || die "no picture"
echo "    open ${PICTURE#"$TOP/"} in a browser"

step "Sync again: nothing is sent twice"
again=$(alzy sync --json) || die "the second sync failed"
again="$(json points <<<"$again") points, $(json events <<<"$again") events, $(json sessions <<<"$again") sessions"
echo "    sent $again"
[ "$again" = "0 points, 0 events, 0 sessions" ] || die "rows were sent twice: $again"

step "Proof: both sides digest the rows that they really have, and compare"
shown alzy verify

step "And not by our own word: row for row, the store beside alzy.points"
store_rows car >"$SCRATCH/rows.store"
central_rows car >"$SCRATCH/rows.central"
[ "$(wc -l <"$SCRATCH/rows.store")" = "$recorded" ] || die "the store can't be read"
held=$(comm -12 <(sort "$SCRATCH/rows.store") <(sort "$SCRATCH/rows.central") | wc -l)
missing=$((recorded - held))
all=$(sql 'SELECT count(*) FROM alzy.points')
[ "$missing" = 0 ] || die "$missing of $recorded points are missing or differ at the centre"
[ "$all" = "$recorded" ] || die "the centre holds $all points where $recorded were recorded"
echo "    every column of all $held rows is equal"

step "Everything that was started ends, and its folder goes"
said_last="demo: ok: $recorded points recorded, $held held by central, $missing missing"
