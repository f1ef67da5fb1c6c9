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
[ "$(sql 'SELECT count(*) FROM alzy.points')" = "$points" ] || die "rows are missing"
sql "COPY (SELECT id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at, received_at FROM alzy.points)
	TO STDOUT (FORMAT binary)" >"$SCRATCH/points.copy"
sql "CREATE TABLE alzy.copied (LIKE alzy.points_default INCLUDING ALL)"
began=$(now)
psql -qXd "$DSN" -c "COPY alzy.copied (id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at, received_at)
	FROM STDIN (FORMAT binary)" <"$SCRATCH/points.copy" || die "COPY failed"
copy=$(awk -v us=$(($(now) - began)) 'BEGIN { print us / 1e6 }')
echo "sync:                          $(awk -v p="$points" -v s="$first" 'BEGIN { printf "%d", p / s }') points/s"
echo "COPY into the same indexes:    $(awk -v p="$points" -v s="$copy" 'BEGIN { printf "%d", p / s }') points/s"
echo "sync : COPY                    $(ratio "$copy" "$first")   (goal: at least 0.8)"
# Paired anew, the unit believes nothing any more, and sends all of it.
link=$(central device pair 1 --json | json link)
{ on group1000 unpair && on group1000 pair "$link"; } >"$SCRATCH/pair.log" 2>&1 || die "pairing: $(log_of pair)"
again=$(sync_seconds group1000)
echo "sent again, all of it held:    $(ratio "$first" "$again") times as fast   (goal: at least 20)"
[ "$(sql 'SELECT count(*) FROM alzy.points')" = "$points" ] || die "rows were doubled"

echo "== memory, in KB"
gpsd_start "$DATA/drive.nmea"
unit car
agent_start car || die "no agent"
gpsd_play
echo "alzy-agentd after a drive:     $(kilobytes agent-car VmRSS) resident   (goal: at most 8192)"
pair group20
sed -i 's/^timeout = .*/timeout = 60s/' "$SCRATCH/group20/alzy.conf"
syncd_start group20 || die "no syncd"
drained() { [ "$(sql 'SELECT count(*) FROM alzy.points')" = $((2 * points)) ]; }
AWAIT_SECONDS=120 await drained || die "syncd does not drain the store"
private=$(($(kilobytes syncd-group20 Private_Dirty smaps_rollup) + $(kilobytes syncd-group20 Private_Clean smaps_rollup)))
echo "alzy-syncd after $points points: $private private   (goal: at most 8192), $(kilobytes syncd-group20 VmHWM) resident at its peak"
exit 0
