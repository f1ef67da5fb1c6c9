#!/bin/bash
# What the centre lets go of on purpose: retention and erasure, against plain SQL; and every way of bringing it back.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
central_init
central_start || die "no centre: $(log_of central)"
drive() { # DAY COUNT: a drive of so many seconds
	perl -e 'for (0 .. $ARGV[1] - 1) { printf qq({"class":"TPV","device":"d","mode":3,"time":"2024-05-%02dT%02d:%02d:%02d.000Z","lat":%.7f,"lon":%.7f,"speed":%.2f,"altMSL":%.1f}\n),
		$ARGV[0], 10 + $_ / 3600, $_ / 60 % 60, $_ % 60, 50 + $_ / 1e5, -8.1 - $_ / 3e6, $_ / 1000, $_ / 10 - 400 }' "$@" >"$SCRATCH/drive-$1.json"
}
record() { # NAME DAY: the drive of that day
	sed -i "s|^source = .*|source = replay:$SCRATCH/drive-$2.json|" "$SCRATCH/$1/alzy.conf"
	replay "$1" || die "no recording: $(log_of "agent-$1")"
}
verify() { on "$1" verify --json "${@:2}" >"$SCRATCH/verify" 2>"$SCRATCH/verify.log"; }
fate() { S=$1 F=$2 perl -MJSON::PP -0777 -ne 'print join " ", map { "$_->[0]-$_->[1]" } @{decode_json($_)->{$ENV{S}}{$ENV{F}}}' <"$SCRATCH/verify"; }
store() { sql "SELECT $2 FROM alzy.stores WHERE store_id = '$(store_uuid "$1")'"; } # NAME EXPRESSION
old_points() { sql "SELECT count(*) FROM alzy.points WHERE recorded_at < '2024-05-02'"; }
drive 1 6000
drive 2 3000
drive 3 100
unit car gnss.source="replay:x" store.keep=never sync.batch_points=1000
unit van gnss.source="replay:x" store.keep=never
for name in car van; do
	pair $name
	record $name 1
	[ $name = van ] || { mkdir "$SCRATCH/stick"; on car sync --to "$SCRATCH/stick" >/dev/null; }
	on $name session start --user nobody --force >/dev/null
	on $name session end >/dev/null
	record $name 2
	on $name sync >/dev/null || die "no sync"
done
# A rejected row, a row of before that has no store, and one that is altered.
sql "ALTER TABLE alzy.points ADD CONSTRAINT not_there CHECK (lat <> 3) NOT VALID;
	INSERT INTO alzy.points (device_id, lat, lng, recorded_at) VALUES (1, 1, 1, '2020-01-01'), (1, 1, 1, '2024-06-01')"
on car mark --lat 3 --lng 4 >/dev/null
on car sync >/dev/null 2>&1
first=$(store car number) base=$(($(store car number) << 40))
check() { ok "$1: every range is true" central check; }
check "before"

# ---- retention
refuses "no time" 2 'before' central expire
refuses "a time to come" 6 'future' central expire --before 2999-01-01
refuses "a device that is not there" 4 'no device' central expire --before 2024-05-02 --device 99
old=$(old_points)
central expire --before 2024-05-02 --dry-run --json >"$SCRATCH/dry"
is "$(json points <"$SCRATCH/dry") $(old_points)" "$old $old" "a dry run says how much there is, and deletes nothing"
central expire --before 2024-05-02 --device 1 --json >"$SCRATCH/expired"
is "$(json points <"$SCRATCH/expired") $(old_points)" "6001 6000" "of one device"
central expire --before 2024-05-02 --json >"$SCRATCH/expired"
is "$(json points <"$SCRATCH/expired") $(old_points)" "6000 0" "and of all"
is "$(sql "SELECT count(*) FROM public.events WHERE event_at < '2024-05-02' AND event_id >= $((1 << 40))")" 0 "… the events, too"
is "$(store car "points_held || ' ' || points_expired || ' ' || points_rejected")" "{[6001,9001)} {[1,6001)} {[9001,9002)}" "the ranges tell"
is "$(sql "SELECT count(*) FROM alzy.sessions")" "$(sql "SELECT count(*) FROM public.sessions")" "journeys stay"
is "$(sql "SELECT count(*) FROM alzy.last_positions")" 2 "last positions that are younger stay"
check "after retention"
is "$(sql "SELECT count(*) FROM alzy.stretches s WHERE EXISTS (SELECT FROM alzy.stretches o WHERE o.store_number = s.store_number AND o.stream = s.stream AND o.first_seq < s.first_seq AND o.last_seq >= s.first_seq)")" 0 "… and stretches do not overlap"
is "$(central check --json | json stores.0.points.unproven)" "[]" "… and prove every row"

# ---- every way of bringing it back
verify car
is "$? $(fate points expired) $(fate points rejected) $(fate points missing)" "0 1-6000 9001-9001 " "verify names what has expired"
ok "a resend" on car sync
verify car --repair
is "$? $(old_points)" "0 0" "a repair"
ok "a stick that comes late" central import "$SCRATCH/stick"
is "$(old_points)" 0 "… brings nothing back"
ok "… nor do its receipts" on car sync --from "$SCRATCH/stick"
check "after that"
# … nor does a copy of the store that believes nothing
ok "unpaired" on van unpair
ok "paired anew" on van pair "$(central device pair --again --json 2 | json link)"
ok "all is sent again" on van sync
is "$(old_points) $(store van points_expired)" "0 {[1,6001)}" "… and has expired"

# ---- what was altered before is not covered up
on car mark --lat 5 --lng 5 >/dev/null
on car sync >/dev/null 2>&1
sql "UPDATE alzy.points SET lat = lat + 1 WHERE id = $base + 8500"
central expire --before 2024-05-02T10:30:00Z >/dev/null
central check --json >"$SCRATCH/check"
is "$? $(json stores.0.points.altered.0 <"$SCRATCH/check")" "23 [8001,9000]" "a row that was altered is found afterwards, too"
sql "UPDATE alzy.points SET lat = lat + 1 WHERE id = $base + 7850"
central expire --before 2024-05-02T10:31:00Z >/dev/null
central check --json >"$SCRATCH/check"
is "$(json stores.0.points.altered.0 <"$SCRATCH/check") $(store car "points_expired")" "[7861,9000] {[1,7861)}" "… in what is left of its stretch, where it has gone itself"
sql "UPDATE alzy.points SET lat = lat - 1 WHERE id = $base + 8500; DELETE FROM alzy.stretches WHERE store_number = $first AND first_seq = 7861"
check "mended by hand"

# ---- killed in the middle
for _ in 1 2 3 4 5 6; do
	ALZY_CONFIG=$SCRATCH/central.conf "$BUILD/alzy-central" expire --before 2024-05-03 >/dev/null &
	sleep 0.0$((RANDOM % 9))
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	central check >"$SCRATCH/said" 2>&1 || diag "$(cat "$SCRATCH/said")"
	tap $? "killed: what is said to be held is held"
done
ok "run again" central expire --before 2024-05-03
is "$(sql "SELECT count(*) FROM alzy.points WHERE recorded_at < '2024-05-03'")" 0 "… it comes to its end"
check "then"
is "$(sql "SELECT count(*) FROM alzy.last_positions WHERE recorded_at < '2024-05-03'")" 0 "a last position that is too old is gone"

# ---- while gateways serve
sed -i 's/^batch_points = .*/batch_points = 100/' "$SCRATCH/car/alzy.conf"
record car 2
on car sync >"$SCRATCH/sync.log" 2>&1 &
sync=$!
while kill -0 $sync 2>/dev/null; do
	central expire --before 2024-05-02T10:40:00Z >>"$SCRATCH/expire.log" 2>&1 || diag "$(tail -n 1 "$SCRATCH/expire.log")"
done
wait $sync
tap $? "rows are taken meanwhile: $(tail -n 1 "$SCRATCH/sync.log")"
ok "the last time" central expire --before 2024-05-02T10:40:00Z
is "$(old_points) $(sql "SELECT count(*) FROM alzy.points WHERE id > $base AND id < $base + (1::bigint << 40) AND recorded_at < '2024-05-02T10:40:00Z'")" "0 0" "… and what is old has gone"
is "$(sql "SELECT count(*) FROM alzy.points WHERE id > $base AND id < $base + (1::bigint << 40) AND recorded_at >= '2024-05-02T10:40:00Z' AND recorded_at < '2024-05-03'")" 600 "… and nothing else"
check "while gateways served"

# ---- a right to be forgotten
record van 3
rm -rf "$SCRATCH/stick"
mkdir "$SCRATCH/stick"
on van session start --user nobody --force >/dev/null
on van mark --lat 7 --lng 7 >/dev/null
on van sync >/dev/null
on van session end >/dev/null
on van mark --lat 8 --lng 8 >/dev/null
ok "what never came to the centre lies on a stick" on van sync --to "$SCRATCH/stick"
last=$(lite van 'SELECT max(seq) FROM points')
refuses "it must be meant" 2 'say --yes' central erase --device 2
ok "a device is erased" central erase --device 2 --yes
is "$(sql "SELECT (SELECT count(*) FROM alzy.points WHERE device_id = 2) + (SELECT count(*) FROM public.events e JOIN alzy.stores s ON s.number = e.event_id >> 40 WHERE device_id = 2)
	+ (SELECT count(*) FROM alzy.rejected r JOIN alzy.stores s ON s.number = store_number WHERE device_id = 2) + (SELECT count(*) FROM alzy.last_positions WHERE device_id = 2)")" 0 "nothing is left"
is "$(sql "SELECT count(*) FROM alzy.sessions s JOIN public.sessions p USING (session_id) JOIN alzy.erasures e USING (device_id)
	WHERE s.device_id = 2 AND (p.user_id IS NOT NULL OR p.machine_id IS NOT NULL OR s.started_at < erased_at OR p.start_at < erased_at AT TIME ZONE 'UTC' OR lost_references IS NOT NULL)")" 0 "… nor of its journeys who and when"
is "$(store van "points_held || ' ' || points_expired")" "{} {[1,$last)}" "… as the ranges tell"
ok "the other device stays" test "$(sql "SELECT count(*) FROM alzy.points WHERE device_id = 1")" -gt 0
check "erased"
ok "a stick that comes late" central import "$SCRATCH/stick"
is "$(sql "SELECT count(*) FROM alzy.points WHERE device_id = 2") $(store van points_expired)" "0 {[1,$((last + 1)))}" "… brings nothing back, what had never come neither"
is "$(sql "SELECT count(*) FROM alzy.sessions s JOIN public.sessions p USING (session_id) JOIN alzy.erasures e USING (device_id)
	WHERE s.device_id = 2 AND (p.user_id IS NOT NULL OR s.started_at < erased_at OR s.lost_references IS NOT NULL)")" 0 "… nor who"
ok "sync" on van sync
verify van --repair
is "$? $(sql "SELECT count(*) FROM alzy.points WHERE device_id = 2")" "0 0" "a repair does neither"
is "$(fate points expired)" "1-$last" "… and verify says what has expired"
ok "forgotten by the centre, and sent again" sql "DELETE FROM alzy.stretches WHERE store_number = $(store van number); DELETE FROM alzy.stores WHERE number = $(store van number)"
ok "sync" on van sync
is "$(sql "SELECT count(*) FROM alzy.points WHERE device_id = 2") $(store van "points_held || ' ' || points_expired")" "0 {} {[1,$((last + 1)))}" "… it has expired all the same"
on van mark --lat 9 --lng 9 >/dev/null
ok "what comes from now on" on van sync
is "$(store van points_held)" "{[$((last + 1)),$((last + 2)))}" "… is taken"
verify van
is "$?" 0 "… and proved"
check "at the end"

# ---- partitions of which nothing is left
partitions() { sql "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'alzy.points'::regclass"; }
this_month=points_$(date +%Y_%m)
sql "SELECT alzy.ensure_partitions('2019-03-01', '2019-03-01'), alzy.ensure_partitions(now(), now()), alzy.ensure_partitions('2024-06-01', '2024-06-01')" >/dev/null
central expire --before 2024-06-15 --device 2 --json >"$SCRATCH/expired"
is "$(json partitions <"$SCRATCH/expired") $(partitions)" "1 points_2024_05 points_2024_06 $this_month points_default" "an empty month of before goes, one that has rows stays"
mkfifo "$SCRATCH/reads"
start reader psql -qXAt -d "$DSN" -f "$SCRATCH/reads"
exec 7>"$SCRATCH/reads"
echo 'BEGIN; SELECT count(*) FROM alzy.points_2024_05; \echo reads' >&7
await log_has reader reads
like "$(central expire --before 2024-07-01)" '^1 empty partition is in use, and will be dropped the next time' "one that somebody reads stays"
is "$(partitions)" "points_2024_05 $this_month points_default" "… the others go"
exec 7>&-
stop reader
like "$(central expire --before 2024-07-01)" '^dropped 1 partition of months of which nothing is left' "the next time it goes, too"
is "$(partitions)" "$this_month points_default" "… and what is of now stays"
record car 3
ok "rows of such a month come all the same" on car sync
is "$(sql "SELECT count(*) FROM alzy.points WHERE device_id = 1 AND recorded_at < '2025-01-01'")" 100 "… by the default partition, when the worker that takes them knew that there was one"
central_stop
central_start || die "no centre: $(log_of central)"
record car 3
ok "a gateway that was started since" on car sync
is "$(sql "SELECT count(*) FROM alzy.points_2024_05")" 200 "… makes it, with all its rows"
verify car
is "$?" 0 "… all of which are proved"
check "after that"
done_testing
