#!/bin/bash
# Rows that have left the unit: what alzy verify proves of them, against plain SQL; and a centre that goes back in time.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
central_init
central_start || die "no centre: $(log_of central)"
perl -e 'for (0 .. 8999) { printf qq({"class":"TPV","device":"d","mode":3,"time":"2024-05-01T%02d:%02d:%02d.000Z","lat":%.7f,"lon":%.7f,"speed":%.2f,"altMSL":%.1f}\n),
	10 + $_ / 3600, $_ / 60 % 60, $_ % 60, 50 + $_ / 1e5, -8.1 - $_ / 3e6, $_ / 1000, $_ / 10 - 400 }' >"$SCRATCH/drive.json"
unit car gnss.source="replay:$SCRATCH/drive.json" store.keep=never
verify() { on car verify --json "$@" >"$SCRATCH/verify" 2>"$SCRATCH/verify.log"; } # the exit status is that of alzy verify
error() { json error <"$SCRATCH/verify" | sed 's/null//'; }
ranges() { perl -MJSON::PP -0777 -ne 'print join " ", map { "$_->[0]-$_->[1]" } @{decode_json($_)->{$ENV{S}}{$ENV{F}}}' <"$SCRATCH/verify"; }
fate() { S=$1 F=$2 ranges; } # STREAM FATE
sentence() { json sentence <"$SCRATCH/verify"; }
base=$((1 << 40))
keep() { sed -i "s/^keep = .*/keep = $1/" "$SCRATCH/car/alzy.conf"; }
dump() { runuser -u postgres -- "$PG_BIN/pg_dump" -Fc -d "$DSN" >"$SCRATCH/$1.dump" 2>"$SCRATCH/dump.log" || die "dump: $(log_of dump)"; }
[ "$(id -u)" = 0 ] || dump() { "$PG_BIN/pg_dump" -Fc -d "$DSN" >"$SCRATCH/$1.dump"; }
restore() { # the centre as it was then
	central_stop
	psql -qXd "${DSN/dbname=alzy/dbname=postgres}" -c 'DROP DATABASE alzy' -c 'CREATE DATABASE alzy' &&
		"$PG_BIN/pg_restore" -d "$DSN" <"$SCRATCH/$1.dump" >"$SCRATCH/restore.log" 2>&1 || die "restore: $(log_of restore)"
	central_start || die "no centre: $(log_of central)"
}
central_seqs() { sql "SELECT id - $base FROM alzy.points WHERE id > $base ORDER BY id" | perl -ne 'chomp; if ($l && $_ == $l + 1) { $l = $_ } else { print "$f-$l " if $l; $f = $l = $_ } END { print "$f-$l" if $l }'; }

pair car
replay car || die "no recording: $(log_of agent-car)"
# ---- nothing goes before its time
on car sync --json >"$SCRATCH/sync"
dump early # knows of 9000 points
is "$(json pruned_points <"$SCRATCH/sync") $(lite car 'SELECT count(*) FROM points')" "0 9000" "never keeps all"
keep 30d
on car sync --json >"$SCRATCH/sync"
is "$(json pruned_points <"$SCRATCH/sync")" 0 "30 days keep what was receipted just now"
# ---- and then goes in blocks, but for the last
keep 0s
on car sync --json >"$SCRATCH/sync"
is "$(json pruned_points <"$SCRATCH/sync") $(lite car "SELECT min(seq) || '-' || max(seq) || ' ' || count(*) FROM points")" "8192 8193-9000 808" "what is receipted long enough is pruned"
is "$(on car status --json | json points.unsent) $(on car queue --json | json points.unsent)" "0 0" "… and not unsent"
events=$(lite car 'SELECT max(seq) FROM events')
is "$(on car verify)" "central holds points 1..9000 and events 1..$events of this store" "pruned rows are proved"
verify
is "$? $(json exchanges <"$SCRATCH/verify")" "0 1" "… in one exchange"
ok "a recording goes on" on car mark --lat 1 --lng 2
ok "… and is sent" on car sync
is "$(sql "SELECT points_held FROM alzy.stores")" "{[1,9002)}" "… under the next seq"

# ---- altered, deleted and added by hand in a pruned block
sql "UPDATE alzy.points SET lat = lat + 0.0000001 WHERE id = $base + 5000"
verify
is "$? $(error) $(fate points differing)" "23 DIFFERS 4097-8192" "a row altered in Postgres is found in its block"
verify --repair
is "$? $(fate points differing)" "23 4097-8192" "… which can't be repaired from here"
like "$(on car verify 2>&1)" 'differing points 4097-8192' "… and is said"
sql "UPDATE alzy.points SET lat = lat - 0.0000001 WHERE id = $base + 5000"
verify
is "$? $(error)" "0 " "mended by hand, it is whole"
ok "… for the centre too" central check
sql "CREATE TABLE saved AS SELECT id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at, received_at FROM alzy.points;
	DELETE FROM alzy.points WHERE id - $base IN (3, 4, 9001) OR id - $base BETWEEN 4097 AND 8192"
verify
is "$? $(fate points lost) / $(fate points missing) / $(fate points unproven) / $(fate points differing)" "23 3-4 4097-8192 / 9001-9001 / 1-2 5-4096 / " "rows that are nowhere any more are named, and those that can't be proved without them"
is "$(central_seqs)" "1-2 5-4096 8193-9000" "… as SQL has it"
verify --repair
is "$? $(fate points lost) / $(fate points missing)" "23 3-4 4097-8192 / " "repair sends what there is"
is "$(on car status --json | json points.lost) $(on car status --json | json points.unsent)" "4098 0" "status names the lost, which are not unsent"
like "$(on car status)" '^Lost +4098 points' "… in words"
before=$(lite car 'SELECT exchange_sent FROM store')
ok "sync has nothing to do" on car sync
is "$(lite car 'SELECT exchange_sent FROM store') $(sql "SELECT points_held FROM alzy.stores")" "$((before + 1)) {[1,3),[5,4097),[8193,9002)}" "… but to ask once"
sql "INSERT INTO alzy.points (id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at, received_at)
	SELECT s.* FROM saved s WHERE NOT EXISTS (SELECT FROM alzy.points p WHERE p.id = s.id)"
verify
is "$? $(error)" "0 " "once they are back, all is proved again"
sql "UPDATE alzy.stores SET points_held = '{[1,9002)}'"
ok "sync hears of it" on car sync
is "$(on car status --json | json points.lost)" 0 "… and nothing is lost"
sql "DROP TABLE saved"

# ---- the centre goes back in time
dump late
for i in 1 2 3; do on car mark --lat "$i" --lng 2 >/dev/null; done
ok "sync" on car sync
restore late
verify
is "$? $(fate points missing)" "23 9002-9004" "a centre from an older dump lacks what came since"
ok "the next exchange finds it, and sends it" on car sync
is "$(central_seqs)" "1-9004" "… all of it"
verify
is "$? $(sentence)" "0 central holds points 1..9004 and events 1..$(lite car 'SELECT max(seq) FROM events') of this store" "… which is proved"
restore early
ok "from before that" on car sync
is "$(central_seqs)" "1-9004" "… too"
sql "DELETE FROM alzy.points WHERE id > $base + 6000; UPDATE alzy.stores SET points_held = '{[1,6001)}'; DELETE FROM alzy.stretches WHERE stream = 'points' AND last_seq > 6000"
ok "from before rows that are pruned here" on car sync
is "$(central_seqs)" "1-6000 8193-9004" "… all that there is is sent"
verify
is "$? $(error) $(fate points lost) / $(fate points unproven)" "23 DIFFERS 6001-8192 / 4097-6000" "… and the rest is named as lost"
is "$(on car status --json | json points.lost)" 2192 "… by status, too"
sql "TRUNCATE alzy.points, alzy.stretches, alzy.rejected, alzy.stores, alzy.last_positions RESTART IDENTITY; DELETE FROM public.events"
ok "a centre that forgot the store altogether" on car sync
is "$(central_seqs)" "8193-9004" "… gets all that there is"
verify
is "$? $(fate points lost)" "23 1-8192" "… and what is pruned is lost"
ok "its tables are true" central check
done_testing
