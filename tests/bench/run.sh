#!/bin/bash
# run.sh: what alzy is measured by, each figure beside what it is held against. Absolute figures move with the machine; the
# ratios are what counts. POINTS is how many points the unit drains (200,000), TRACKS are CSV files as tests/data/drive.csv.
. "$(dirname "$0")/../lib/rig.sh"
points=${POINTS:-200000}
read -ra tracks <<<"${TRACKS:-$DATA/drive.csv}"
die() { echo "bench: $*" >&$TAP_OUT; exit 1; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
now() { echo "${EPOCHREALTIME/./}"; } # microseconds
kilobytes() { awk -v k="$2:" '$1 == k { n += $2 } END { print n }' "/proc/$(pid_of "$1")/${3:-status}"; }

echo "== bytes per point on the wire"
"$BUILD/bench/wire_size" "${tracks[@]}" || die "wire_size failed"

echo "== recording $points points from a file of gpsd's reports, at 20 a commit and at the default"
perl -e 'for (0 .. $ARGV[0] - 1) { my $s = 1700000000 + $_; my @t = gmtime $s;
	printf qq({"class":"TPV","device":"d","mode":3,"time":"%04d-%02d-%02dT%02d:%02d:%02d.000Z","lat":%.7f,"lon":%.7f,"altMSL":%.1f,"speed":%.2f,"track":%.1f,"eph":%.1f}\n),
	$t[5] + 1900, $t[4] + 1, @t[3, 2, 1, 0], 50 + sin($_ / 9000) / 5 + rand() / 1e6, 8 + cos($_ / 7000) / 5 + rand() / 1e6, 100 + 20 * sin($_ / 500), 15 + 9 * sin($_ / 60), ($_ / 3) % 360, 3 + rand 2 }' \
	"$points" >"$SCRATCH/reports.json"
for group in 20 1000; do
	unit "group$group" gnss.source="replay:$SCRATCH/reports.json" store.commit_points=$group
	began=$(now)
	replay "group$group" || die "no recording: $(log_of "agent-group$group")"
	echo "$group a commit: $((points * 1000000 / ($(now) - began))) points/s"
done

postgres_start --durable
central_init
central_start || die "no centre: $(log_of central)"
pair group1000
echo "== draining the store into Postgres, over HTTP on loopback"
sync_seconds() { on "$1" sync --json | json seconds; }
first=$(sync_seconds group1000)
held() { sql 'SELECT count(*) FROM alzy.points WHERE id >= 1::bigint << 40'; }
[ "$(held)" = "$points" ] || die "rows are missing"
# The same rows under ids of rows that come without a store, into the same table: its partitions, indexes and triggers.
columns="device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at, received_at"
sql "COPY (SELECT id & ((1::bigint << 40) - 1), $columns FROM alzy.points) TO STDOUT (FORMAT binary)" >"$SCRATCH/points.copy"
began=$(now)
psql -qXd "$DSN" -c "COPY alzy.points (id, $columns) FROM STDIN (FORMAT binary)" <"$SCRATCH/points.copy" || die "COPY failed"
copy=$(awk -v us=$(($(now) - began)) 'BEGIN { print us / 1e6 }')
echo "sync:                          $(awk -v p="$points" -v s="$first" 'BEGIN { printf "%d", p / s }') points/s"
echo "COPY into alzy.points itself:  $(awk -v p="$points" -v s="$copy" 'BEGIN { printf "%d", p / s }') points/s, at once, all indexes and triggers"
echo "sync : COPY                    $(ratio "$copy" "$first")   (goal: at least 0.8)"

echo "== memory, in KB"
gpsd_start "$DATA/drive.nmea"
unit car
agent_start car || die "no agent"
gpsd_play
echo "alzy-agentd after a drive:     $(kilobytes agent-car VmRSS) resident   (goal: at most 8192)"
# Through a recorder that keeps the envelopes.
mkdir "$SCRATCH/envelopes"
record_port=$(free_port)
start recorder perl "$RIG/record.pl" "$record_port" "$CENTRAL_PORT" "$SCRATCH/envelopes"
await log_has recorder listening || die "no recorder: $(log_of recorder)"
link=$(pair_link group20)
on group20 pair "${link/"%3A$CENTRAL_PORT"/"%3A$record_port"}" >"$SCRATCH/pair.log" 2>&1 || die "pairing: $(log_of pair)"
sed -i 's/^timeout = .*/timeout = 60s/' "$SCRATCH/group20/alzy.conf"
cp -r "$SCRATCH/group20" "$SCRATCH/lost"
sed -i "s,$SCRATCH/group20,$SCRATCH/lost," "$SCRATCH/lost/alzy.conf"
syncd_start group20 || die "no syncd"
drained() { [ "$(held)" = $((2 * points)) ]; }
AWAIT_SECONDS=120 await drained || die "syncd does not drain the store"
private=$(($(kilobytes syncd-group20 Private_Dirty smaps_rollup) + $(kilobytes syncd-group20 Private_Clean smaps_rollup)))
echo "alzy-syncd after $points points: $private private   (goal: at most 8192), $(kilobytes syncd-group20 VmHWM) resident at its peak"
stop syncd-group20

echo "== the envelopes of the last ${points} points, to a centre that has none of them, and the same again"
sql "TRUNCATE alzy.points, alzy.stretches, alzy.rejected, alzy.last_positions, alzy.checkpoints, alzy.stores"
for file in "$SCRATCH"/envelopes/*; do
	printf '%s\n' next "url = $CENTRAL_URL/v1/batches" "data-binary = \"@$file\"" 'header = "Content-Type: application/octet-stream"' \
		'output = /dev/null' 'write-out = "%{http_code} %{time_total}\n"' silent
done | tail -n +2 >"$SCRATCH/curl.conf"
ran() { # how long the gateway, and the processes that serve it in Postgres, have been running, in microseconds
	local pid
	for pid in "$(pid_of central)" $(pgrep -P "$(pid_of postgres)" -f ': gate '); do cat "/proc/$pid/task"/*/schedstat; done |
		awk '{ ran += $1 } END { printf "%.0f", ran / 1000 }'
}
post_all() { # [TIMES]: milliseconds an envelope, by the clock and of processors
	local began
	began=$(ran)
	for _ in $(seq "${1:-1}"); do curl -K "$SCRATCH/curl.conf"; done >"$SCRATCH/answers"
	awk -v us=$(($(ran) - began)) '$1 != 200 { exit bad = 1 } { s += $2 } END { if (!bad) printf "%.4f %.4f", s / NR * 1000, us / NR / 1000; exit bad }' \
		"$SCRATCH/answers" || die "not every batch was taken"
}
read -r first first_cpu < <(post_all)
[ "$(held)" = "$points" ] || die "rows are missing"
read -r again again_cpu < <(post_all 10)
began=$(ran)
on lost sync >"$SCRATCH/lost.log" 2>&1 || die "a unit that has lost its receipts: $(log_of lost)"
lost_cpu=$(awk -v us=$(($(ran) - began)) 'BEGIN { printf "%.4f", us / 1000 }')
[ "$(held)" = "$points" ] || die "rows were doubled"
count=$(grep -c '^url' "$SCRATCH/curl.conf")
echo "an envelope, first:            $first ms, $first_cpu ms of processors (gateway and Postgres)"
echo "an envelope, again:            $again ms, $again_cpu ms of processors"
echo "sent again, all of it held:    $(ratio "$first" "$again") times as fast, $(ratio "$first_cpu" "$again_cpu") times as cheap   (goal: at least 20)"
echo "all of it by a unit that has lost every receipt, and packs anew: $lost_cpu ms of processors, $(awk -v a="$first_cpu" -v n="$count" -v b="$lost_cpu" \
	'BEGIN { printf "%d", a * n / b }') times as cheap as first"
exit 0
