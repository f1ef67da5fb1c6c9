# What every end-to-end test stands on. A test is a bash script that prove runs:
#
#	#!/bin/bash
#	. "$(dirname "$0")/../lib/rig.sh"
#	postgres_start; central_init; central_start
#	gpsd_start "$DATA/drive.nmea"; unit car
#	agent_start car; gpsd_play; stop agent-car
#	pair car
#	ok "the drive is sent" on car sync
#	same_rows car "central holds what gpsd reported"
#	done_testing
#
# Everything lives in one scratch folder and on free ports, and is ended and removed when the script ends, however it
# ends. Works as root (Postgres then runs as user postgres, gpsd as nobody) and as anybody, any number at a time.
# ALZY_BUILD names the folder of the programs. To look into a failure: ALZY_SHOW=1 prints the logs, ALZY_KEEP=1 keeps
# the folder.
set -u -o pipefail
export LC_ALL=C TZ=UTC PGTZ=UTC
# gpsd lies where Debian's default PATH of a plain user does not look.
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
unset ALZY_CONFIG NOTIFY_SOCKET MAKEFLAGS http_proxy https_proxy ALL_PROXY all_proxy PGDATABASE PGHOST PGPORT PGUSER

RIG=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$RIG/../.." && pwd)
BUILD=${ALZY_BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$TOP/$BUILD ;; esac
DATA=$TOP/tests/data
SCRATCH=$(mktemp -d "${ALZY_SCRATCH:-/tmp}/alzy.XXXXXX") || exit 1
chmod 711 "$SCRATCH"
mkdir "$SCRATCH/pids"
case $BUILD in *sanitize*) SLOWER=3 ;; *) SLOWER=1 ;; esac
export ASAN_OPTIONS=log_path=$SCRATCH/sanitizer UBSAN_OPTIONS=print_stacktrace=1:log_path=$SCRATCH/sanitizer

# ---- TAP ------------------------------------------------------------------------------------------------------

exec {TAP_OUT}>&1 {TAP_ERR}>&2 # TAP and what explains it go there, whatever the command under way has done to its output
TAP_COUNT=0 TAP_FAILED=0
diag() { printf '%s\n' "$*" | sed 's/^/# /' >&$TAP_ERR; }
tap() { # STATUS DESCRIPTION
	TAP_COUNT=$((TAP_COUNT + 1))
	[ "$1" = 0 ] && echo "ok $TAP_COUNT - $2" >&$TAP_OUT && return 0
	echo "not ok $TAP_COUNT - $2" >&$TAP_OUT
	TAP_FAILED=$((TAP_FAILED + 1))
	return 1
}
ok() { # DESCRIPTION COMMAND…: the command succeeds
	local what=$1
	shift
	"$@" >"$SCRATCH/said" 2>&1 </dev/null
	tap $? "$what" || { diag "$* said:"; diag "$(tail -n 20 "$SCRATCH/said")"; return 1; }
}
is() { # GOT WANTED DESCRIPTION
	[ "$1" = "$2" ]
	tap $? "$3" || { diag "got:    $1"; diag "wanted: $2"; return 1; }
}
like() { # GOT EXTENDED-REGEX DESCRIPTION
	grep -qE -e "$2" <<<"$1"
	tap $? "$3" || { diag "got:    $1"; diag "wanted: /$2/"; return 1; }
}
refuses() { # DESCRIPTION STATUS REGEX COMMAND…: it ends with this status (or one of 4|10) and says this, on either stream
	local what=$1 status=$2 regex=$3 got
	shift 3
	"$@" >"$SCRATCH/said" 2>&1 </dev/null
	got=$?
	[[ $got =~ ^($status)$ ]] && grep -qE -e "$regex" "$SCRATCH/said"
	tap $? "$what" || {
		diag "$* ended with $got (wanted $status) and said (wanted /$regex/):"
		diag "$(tail -n 20 "$SCRATCH/said")"
		return 1
	}
}
die() { # the test can't go on
	tap 1 "$*"
	exit 1
}
done_testing() {
	case $BUILD in *sanitize*)
		# A thread that ends while leaks are looked for is no finding.
		is "$(cat "$SCRATCH"/sanitizer.* 2>/dev/null | grep -v 'Unable to get registers from thread' | head -n 40)" "" \
			"the sanitizers found nothing in any program" ;;
	esac
	echo "1..$TAP_COUNT"
	exit $((TAP_FAILED > 0))
}

# ---- processes ------------------------------------------------------------------------------------------------

# COMMAND…: polls until it succeeds; fails after AWAIT_SECONDS (20; more for sanitized programs).
await() {
	local until=$((SECONDS + ${AWAIT_SECONDS:-20} * SLOWER))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || { diag "waited in vain: $*"; return 1; }
		sleep 0.05
	done
}
bounded() { timeout --foreground $((30 * SLOWER)) "$@"; } # COMMAND…: 124 when it does not end
pid_of() { cat "$SCRATCH/pids/$1" 2>/dev/null; }
alive() { # NAME; one that has ended, but was not yet waited for, is not alive
	local pid stat
	pid=$(pid_of "$1") && { read -r stat <"/proc/$pid/stat"; } 2>/dev/null && [[ ${stat##*) } != Z* ]]
}
gone() { ! alive "$1"; }
log_of() { cat "$SCRATCH/$1.log"; }
log_has() { grep -qE -e "$2" "$SCRATCH/$1.log"; } # NAME REGEX

# A process dies with this script, even when that is killed. RUN_AS: as which user, when we are root.
own() {
	if [ "${RUN_AS:-}" ] && [ "$(id -u)" = 0 ]; then
		set -- --reuid="$RUN_AS" --regid="$(id -g "$RUN_AS")" --clear-groups "$@"
	fi
	exec setpriv --pdeathsig "${DEATH:-KILL}" "$@" {TAP_OUT}>&- {TAP_ERR}>&-
}
start() { # NAME COMMAND…: in the background, with its output in $SCRATCH/NAME.log
	local name=$1
	shift
	gone "$name" || die "$name runs already"
	own "$@" >>"$SCRATCH/$name.log" 2>&1 </dev/null &
	echo $! >"$SCRATCH/pids/$name"
}
start_ready() { # NAME COMMAND…: and waits until it has told systemd that it is ready. Fails when it ends before.
	local name=$1
	shift
	rm -f "$SCRATCH/$name.notify"
	: >"$SCRATCH/$name-notify.log"
	start "$name-notify" perl "$RIG/notify.pl" "$SCRATCH/$name.notify"
	await test -S "$SCRATCH/$name.notify" || die "no notify socket"
	start "$name" env NOTIFY_SOCKET="$SCRATCH/$name.notify" "$@"
	await notified_or_gone "$name" READY=1
	notified "$name" READY=1 && alive "$name"
}
notified() { grep -q "^$2" "$SCRATCH/$1-notify.log"; } # NAME LINE: what it has told systemd since it was started
notified_or_gone() { notified "$@" || gone "$1"; }
stop() { # NAME [SIGNAL]: sends it, waits for the end, returns the exit status of the process
	local name=$1 pid status
	pid=$(pid_of "$name") || return 0
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	await gone "$name" || {
		diag "$name: $(ps -L -o stat=,wchan:30=,args= -p "$pid")"
		kill -KILL "$pid"
	}
	wait "$pid" 2>/dev/null
	status=$?
	rm -f "$SCRATCH/pids/$name"
	[ ! -e "$SCRATCH/pids/$name-notify" ] || stop "$name-notify" KILL || :
	return $status
}
kill9() { stop "$1" KILL 2>/dev/null || :; }
within_a_second() { # NAME: SIGTERM ends it in time, with exit status 0
	local began=$EPOCHREALTIME status
	stop "$1"
	status=$?
	[ $status = 0 ] && [ $((${EPOCHREALTIME/./} - ${began/./})) -lt $((1000000 * SLOWER)) ]
}
at_once() { # COUNT COMMAND…: that many times at once; fails when one fails
	local pids=() pid status=0
	for _ in $(seq "$1"); do "${@:2}" & pids+=($!); done
	for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
	return $status
}

rig_end() { # ends everything, and keeps the exit status
	local status=$? file
	trap '' INT TERM HUP
	if [ "${ALZY_SHOW:-}" ] && [ $((TAP_FAILED + status)) -gt 0 ]; then
		for file in "$SCRATCH"/*.log; do diag "---- $file"; diag "$(tail -n 30 "$file")"; done
	fi
	for file in $(ls -t "$SCRATCH/pids"); do
		case $file in postgres) stop postgres INT ;; *) AWAIT_SECONDS=5 stop "$file" ;; esac
	done >/dev/null 2>&1
	if [ "${ALZY_KEEP:-}" ]; then diag "kept: $SCRATCH"; else rm -rf "$SCRATCH"; fi
	return $status
}
trap rig_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# A port on loopback that nobody listens on, outside the range from which the kernel takes those of clients.
free_port() {
	perl -MIO::Socket::INET -e 'for (1 .. 200) {
			my $port = 20000 + int rand 10000;
			print "$port\n" and exit 0 if IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 1);
		} exit 1'
}
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # PORT
listening_or_gone() { listening "$2" || gone "$1"; } # NAME PORT
json() { perl "$RIG/json.pl" "$1"; }                           # PATH (points.last_seq) of the JSON on stdin

# ---- Postgres -------------------------------------------------------------------------------------------------

PG_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
PG=$SCRATCH/pg
DSN="host=$PG dbname=alzy user=postgres"

# [--durable]: a server of our own, reached by a socket in the scratch folder only. fsync is off unless --durable.
postgres_start() {
	PG_FSYNC=off
	[ "${1:-}" != --durable ] || PG_FSYNC=on
	mkdir -m 700 "$PG"
	[ "$(id -u)" != 0 ] || chown postgres: "$PG"
	(RUN_AS=postgres own "$PG_BIN/initdb" -D "$PG/data" --username=postgres --auth=trust --encoding=UTF8 \
		--locale=C.UTF-8 --no-sync) >"$SCRATCH/initdb.log" 2>&1 </dev/null || die "initdb: $(log_of initdb)"
	postgres_again
	psql -qXd "${DSN/dbname=alzy/dbname=postgres}" -c 'CREATE DATABASE alzy' || die "no database"
}
# The same server with the same data, after `stop postgres INT` or `kill9 postgres`. What a killed one has left needs a
# moment to see that it is alone; until then a new one does not start.
postgres_again() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		DEATH=INT RUN_AS=postgres start postgres "$PG_BIN/postgres" -D "$PG/data" -c listen_addresses= \
			-c unix_socket_directories="$PG" -c fsync="$PG_FSYNC" -c max_connections=40 -c shared_buffers=32MB \
			-c timezone=UTC -c log_min_messages=warning
		await postgres_up_or_gone
		alive postgres && return
		stop postgres
		sleep 0.3
	done
	die "Postgres does not start: $(log_of postgres)"
}
postgres_up_or_gone() { "$PG_BIN/pg_isready" -q -h "$PG" || gone postgres; }
sql() { psql -qXAt -v ON_ERROR_STOP=1 -d "$DSN" -c "$1"; } # SQL: rows as a|b|c
dump() { "$PG_BIN/pg_dump" -Fc -d "$DSN" -f "$SCRATCH/$1.dump" || die "no dump"; } # NAME
restore() { # NAME: as somebody does who has nothing but a dump and a server
	psql -qXd "${DSN/dbname=alzy/dbname=postgres}" -c 'DROP DATABASE alzy WITH (FORCE)' -c 'CREATE DATABASE alzy' || die "no database"
	"$PG_BIN/pg_restore" -d "$DSN" "$SCRATCH/$1.dump" >"$SCRATCH/restore.log" 2>&1 || die "pg_restore: $(log_of restore)"
}

# ---- the centre -----------------------------------------------------------------------------------------------

central() { ALZY_CONFIG=$SCRATCH/central.conf bounded "$BUILD/alzy-central" "$@"; }
central_conf() { # [LINES of [server]…]: writes central.conf
	cat >"$SCRATCH/central.conf" <<-END
		[database]
		dsn = $DSN
		[key]
		path = $SCRATCH/central/central.key
		[server]
		listen = 127.0.0.1:$CENTRAL_PORT
		$(printf '%s\n' "$@")
	END
}
central_init() { # [LINES of [server]…]: key, schema, a role that may just serve, one account (1) and machine (van)
	CENTRAL_PORT=$(free_port) || die "no free port"
	CENTRAL_URL=http://127.0.0.1:$CENTRAL_PORT
	mkdir -p "$SCRATCH/central"
	central_conf "$@"
	central init >"$SCRATCH/central-init.log" 2>&1 || die "init: $(log_of central-init)"
	central migrate >>"$SCRATCH/central-init.log" 2>&1 || die "migrate: $(log_of central-init)"
	central_gate >>"$SCRATCH/central-init.log" 2>&1 || die "gate: $(log_of central-init)"
	central account add --name Tester >>"$SCRATCH/central-init.log" 2>&1 || die "account: $(log_of central-init)"
	central machine add --id van >>"$SCRATCH/central-init.log" 2>&1 || die "machine: $(log_of central-init)"
}
central_gate() { # a role that may just serve
	sql 'CREATE ROLE gate LOGIN' && central migrate --role gate
}
# [ROLE]: as one that may just serve: what it may not do, and needs, fails every test.
central_start() {
	sed "s/user=postgres/user='${1:-gate}'/" "$SCRATCH/central.conf" >"$SCRATCH/serve.conf"
	start_ready central env ALZY_CONFIG="$SCRATCH/serve.conf" "$BUILD/alzy-central" serve
}
central_stop() { stop central; }
# PATH [CURL OPTION…]: STATUS and what else -w says; head and body are in $SCRATCH/head and $SCRATCH/body.
ask() { curl -sS -m 20 -o "$SCRATCH/body" -D "$SCRATCH/head" -w '%{http_code}' "${@:2}" "$CENTRAL_URL$1" || echo " (curl: $?)"; }
post() { ask "$1" --data-binary "@$2" -H 'Content-Type: application/octet-stream' "${@:3}"; } # PATH FILE [CURL OPTION…]
proxy_start() { # PORT: what stands there before the centre, and misbehaves as mode says: see centre.pl
	mkdir "$SCRATCH/kept"
	mode pass
	start proxy perl "$RIG/centre.pl" "$1" "$CENTRAL_PORT" "$SCRATCH/mode" "$SCRATCH/kept"
	await log_has proxy listening || die "no proxy"
}
mode() { echo "$1" >"$SCRATCH/mode"; }
healthy() { curl -fsS -m 5 "${@:2}" "${1:-$CENTRAL_URL}/healthz"; } # [URL [CURL OPTIONS…]]

# ---- units: each with its own configuration and store ---------------------------------------------------------

# NAME [SECTION.KEY=VALUE…]: $SCRATCH/NAME/alzy.conf; the last word on a key wins.
unit() {
	local name=$1
	shift
	mkdir -p "$SCRATCH/$name"
	set -- store.path="$SCRATCH/$name/store.db" gnss.source="gpsd://127.0.0.1:${GPSD_PORT:-1}" \
		store.commit_interval=1s sync.timeout=10s capture.sampling=all capture.on_stop=end clock.floor=none "$@"
	printf '%s\n' "$@" | perl -e 'my %v; while (<>) { chomp; /^(\w+)\.(\w+)=(.*)/ or die; $v{$1}{$2} = $3 }
		for my $s (sort keys %v) { print "[$s]\n"; print "$_ = $v{$s}{$_}\n" for sort keys %{$v{$s}} }' \
		>"$SCRATCH/$name/alzy.conf"
}
on() { # NAME VERB…: alzy on this unit
	ALZY_CONFIG=$SCRATCH/$1/alzy.conf bounded "$BUILD/alzy" "${@:2}"
}
lite() { sqlite3 -readonly "$SCRATCH/$1/store.db" "$2"; } # NAME SQL: rows as a|b|c
patience() { sed -i "s/^timeout = .*/timeout = $2/" "$SCRATCH/$1/alzy.conf"; } # NAME TIME: with an answer of the centre
agent_start() { start_ready "agent-$1" env ALZY_CONFIG="$SCRATCH/$1/alzy.conf" "$BUILD/alzy-agentd"; }
syncd_start() { start_ready "syncd-$1" env ALZY_CONFIG="$SCRATCH/$1/alzy.conf" "$BUILD/alzy-syncd"; }
replay() { # NAME: runs the agent to the end of its replay:FILE
	ALZY_CONFIG=$SCRATCH/$1/alzy.conf bounded "$BUILD/alzy-agentd" >>"$SCRATCH/agent-$1.log" 2>&1 </dev/null
}
# NAME FROM COUNT: so many fixes, one a second behind the second FROM (since 1970), each in another place and faster than
# the last, for a unit with the source replay:$SCRATCH/drive.json.
replay_drive() {
	perl -e 'use POSIX; my ($from, $count) = @ARGV; for (1 .. $count) {
			printf qq({"class":"TPV","device":"d","mode":3,"time":"%s.000Z","lat":%.7f,"lon":8.1,"speed":%.2f}\n),
				strftime("%Y-%m-%dT%H:%M:%S", gmtime $from + $_), 50 + ($from + $_) % 100000 / 1e5, $_ / 100 }' \
		"$2" "$3" >"$SCRATCH/drive.json"
	replay "$1" || die "no recording: $(log_of "agent-$1")"
}
pair_link() { # NAME: a device of this name at the centre, and a link for it on stdout
	local id
	id=$(central device add --account 1 --name "$1" --machine van --platform linux --json | json id) &&
		central device pair "$id" --json | json link
}
pair() { # NAME
	local link
	link=$(pair_link "$1") && on "$1" pair "$link" >"$SCRATCH/pair-$1.log" 2>&1 || die "pairing: $(log_of "pair-$1")"
}

# ---- gpsd, fed from a recording -------------------------------------------------------------------------------

# gpsd shows its time to ntpd in shared memory, which stays behind: it gets memory of its own where that is allowed.
GPSD_APART=(unshare --ipc)
[ "$(id -u)" = 0 ] || GPSD_APART=(unshare --user --ipc)
"${GPSD_APART[@]}" true 2>/dev/null || GPSD_APART=()
[ "$(id -u)" != 0 ] || GPSD_APART+=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups --pdeathsig KILL)

# FILE [PACE]: a feeder that holds FILE, a gpsd on $GPSD_PORT that reads it, and a witness that writes all that gpsd
# says to witness.log. Nothing flows before gpsd_go. PACE is the seconds between two epochs; 0: as fast as it goes.
gpsd_start() {
	GPSD_PORT=${GPSD_PORT:-$(free_port)}
	FEED_PORT=$(free_port) || die "no free port"
	rm -f "$SCRATCH/go" "$SCRATCH/feeder.log" # an earlier feeder may have had the same port
	mkfifo "$SCRATCH/go"
	start feeder perl "$RIG/feed.pl" "$FEED_PORT" "$SCRATCH/go" "$1" "${2:-0}"
	await log_has feeder "^listening $FEED_PORT" || die "no feeder"
	start gpsd "${GPSD_APART[@]}" gpsd -N -n -b -S "$GPSD_PORT" "tcp://127.0.0.1:$FEED_PORT"
	await listening_or_gone gpsd "$GPSD_PORT" && alive gpsd || die "no gpsd: $(log_of gpsd)"
	await log_has feeder "^connected $FEED_PORT" || die "gpsd does not read: $(log_of gpsd)"
	start witness perl "$RIG/witness.pl" "$GPSD_PORT"
	await log_has witness '"class":"WATCH"' || die "no witness"
}
# An agent is ready before it has found gpsd; what is fed until then is nobody's.
agents_connected() {
	local name
	for name in $(ls "$SCRATCH/pids" | grep -E '^agent-' | grep -v -- '-notify$'); do
		! alive "$name" || grep -oE "connected to|can't be reached" "$SCRATCH/$name.log" | tail -n 1 | grep -q connected || return 1
	done
}
gpsd_go() {
	await agents_connected || die "an agent does not find gpsd"
	timeout 20 bash -c ': >"$0"' "$SCRATCH/go" || die "the feeder is gone"
}
# All of the recording has gone through gpsd, and every client has read all of it.
gpsd_done() { log_has feeder "^sent $FEED_PORT" && perl "$RIG/drained.pl" "$GPSD_PORT" "$FEED_PORT" "$(pid_of gpsd)"; }
gpsd_play() {
	gpsd_go
	AWAIT_SECONDS=${1:-60} await gpsd_done || die "gpsd does not come to an end"
}
gpsd_stop() { # what the witness saw stays, and is added to by the next gpsd_start
	kill9 gpsd
	kill9 feeder
	kill9 witness
}

# ---- comparing, by what gpsd said and what the databases hold: none of our own code has a part in it ------------

# The points of Postgres and of a store as lines of: seq time lat lng accuracy speed heading altitude source session,
# in the units of the store, a missing value as -.
central_rows() { # NAME
	sql "SELECT concat_ws(' ', p.id & ((1::bigint << 40) - 1), round(extract(epoch FROM p.recorded_at) * 1000)::bigint,
			round(lat * 1e7)::bigint, round(lng * 1e7)::bigint, coalesce(round(accuracy * 10)::text, '-'),
			coalesce(round(speed * 100)::text, '-'), coalesce(round(heading * 10)::text, '-'),
			coalesce(round(altitude * 10)::text, '-'), source, coalesce(s.session_id, '-'))
		FROM alzy.points p LEFT JOIN alzy.sessions s ON s.id = p.session_id
		WHERE p.id >> 40 = (SELECT number FROM alzy.stores WHERE store_id = '$(store_uuid "$1")') ORDER BY p.id"
}
store_rows() { # NAME
	sqlite3 -readonly -separator ' ' -nullvalue - "$SCRATCH/$1/store.db" \
		"SELECT p.seq, p.recorded_at, lat, lng, accuracy, speed, heading, altitude,
			CASE p.source WHEN 0 THEN 'gps' WHEN 1 THEN 'network' WHEN 2 THEN 'fused' WHEN 3 THEN 'manual'
			ELSE p.source END, s.session_id
		FROM points p LEFT JOIN sessions s ON s.id = p.session_id ORDER BY p.seq"
}
# The same of events and of sessions, as lines of a|b|c without what is missing.
central_events() { # NAME
	sql "SELECT concat_ws('|', event_id & ((1::bigint << 40) - 1), round(extract(epoch FROM event_at) * 1000)::bigint, event_type, payload,
			session_id)
		FROM public.events WHERE event_id >> 40 = (SELECT number FROM alzy.stores WHERE store_id = '$(store_uuid "$1")') ORDER BY event_id"
}
store_events() { # NAME
	lite "$1" "SELECT seq || '|' || event_at || '|' || event_type || coalesce('|' || payload, '') || coalesce('|' || session_id, '')
		FROM events ORDER BY seq"
}
central_sessions() { # NAME: those of its device that both tables have with the same times
	sql "SELECT concat_ws('|', s.session_id, s.status, round(extract(epoch FROM s.started_at) * 1000)::bigint,
			round(extract(epoch FROM s.ended_at) * 1000)::bigint, p.user_id, p.machine_id, s.revision)
		FROM alzy.sessions s JOIN public.sessions p USING (session_id)
		WHERE s.device_id = (SELECT device_id FROM alzy.stores WHERE store_id = '$(store_uuid "$1")')
			AND (p.start_at, p.end_at) IS NOT DISTINCT FROM (s.started_at AT TIME ZONE 'UTC', s.ended_at AT TIME ZONE 'UTC')
		ORDER BY s.session_id COLLATE \"C\""
}
store_sessions() { # NAME
	lite "$1" "SELECT session_id || '|' || status || '|' || started_at || coalesce('|' || ended_at, '') || coalesce('|' || user_id, '') ||
			coalesce('|' || machine_id, '') || '|' || revision
		FROM sessions ORDER BY session_id"
}
unsent() { on "$1" status --json | json "${2:-points}.unsent"; } # NAME [points|events|sessions]
nothing_unsent() { [ "$(unsent "$1") $(unsent "$1" events)" = "0 0" ]; } # NAME
store_uuid() { on "$1" status --json | json store_id; }
gpsd_rows() { perl "$RIG/epochs.pl" "$SCRATCH/witness.log"; } # the epochs that gpsd reported, by the raw values
same_rows() { # NAME DESCRIPTION: Postgres, the store, and what gpsd reported are the same, row for row
	gpsd_rows >"$SCRATCH/rows.gpsd"
	store_rows "$1" >"$SCRATCH/rows.store"
	central_rows "$1" >"$SCRATCH/rows.central"
	ok "$2: the store and Postgres" diff "$SCRATCH/rows.store" "$SCRATCH/rows.central"
	ok "$2: gpsd and Postgres ($(wc -l <"$SCRATCH/rows.gpsd") epochs)" \
		perl "$RIG/compare.pl" "$SCRATCH/rows.gpsd" "$SCRATCH/rows.central"
}
once() { # NAME DESCRIPTION: every row of the store is in Postgres, once, and none besides
	local what
	for what in rows events sessions; do
		"store_$what" "$1" >"$SCRATCH/$what.store"
		"central_$what" "$1" >"$SCRATCH/$what.central"
		ok "$2: $(wc -l <"$SCRATCH/$what.store") $what, each once" diff "$SCRATCH/$what.store" "$SCRATCH/$what.central"
	done
}
