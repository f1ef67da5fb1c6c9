#!/bin/bash
# Rows that have left the unit: what alzy verify proves of them, against plain SQL; and a centre that goes back in time.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
central_init
central_start || die "no centre: $(log_of central)"
perl -e 'for (0 .. 8999) { printf qq({"class":"TPV","device":"d","mode":3,"time":"2024-05-01T%02d:%02d:%02d.000Z","lat":%.7f,"lon":%.7f,"speed":%.2f,"altMSL":%.1f}\n),
	10 + $_ / 3600, $_ / 60 % 60, $_ % 60, 50 + $_ / 1e5, -8.1 - $_ / 3e6, 1 + $_ / 1000, $_ / 10 - 400 }' >"$SCRATCH/drive.json"
unit car gnss.source="replay:$SCRATCH/drive.json" store.keep=never
verify() { on car verify --json "$@" >"$SCRATCH/verify" 2>"$SCRATCH/verify.log"; } # the exit status is that of alzy verify
error() { json error <"$SCRATCH/verify" | sed 's/null//'; }
ranges() { perl -MJSON::PP -0777 -ne 'print join " ", map { "$_->[0]-$_->[1]" } @{decode_json($_)->{$ENV{S}}{$ENV{F}}}' <"$SCRATCH/verify"; }
fate() { S=$1 F=$2 ranges; } # STREAM FATE
sentence() { json sentence <"$SCRATCH/verify"; }
base=$((1 << 40))
keep() { sed -i "s/^keep = .*/keep = $1/" "$SCRATCH/car/alzy.conf"; }
restart_from() { # NAME: the centre as it was then
	central_stop
	restore "$1"
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
like "$(on car session show --json | json points) $(on car session show --json | json pruned)" "^808 [1-9]" "… and the session says that its points are not all here"
is "$(on car gaps --to 2024-05-01T12:29:59Z --json | json gaps.0.parts.0.cause)" removed "… as do the gaps"
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
restart_from late
verify
is "$? $(fate points missing)" "23 9002-9004" "a centre from an older dump lacks what came since"
ok "the next exchange finds it, and sends it" on car sync
is "$(central_seqs)" "1-9004" "… all of it"
verify
is "$? $(sentence)" "0 central holds points 1..9004 and events 1..$(lite car 'SELECT max(seq) FROM events') of this store" "… which is proved"
restart_from early
ok "from before that" on car sync
is "$(central_seqs)" "1-9004" "… too"
sql "DELETE FROM alzy.points WHERE id > $base + 6000; UPDATE alzy.stores SET points_held = '{[1,6001)}'; DELETE FROM alzy.stretches WHERE stream = 'points' AND last_seq > 6000"
ok "from before rows that are pruned here" on car sync
is "$(central_seqs)" "1-6000 8193-9004" "… all that there is is sent"
verify
is "$? $(error) $(fate points lost) / $(fate points unproven)" "23 DIFFERS 6001-8192 / 4097-6000" "… and the rest is named as lost"
is "$(on car status --json | json points.lost)" 2192 "… by status, too"
sql "TRUNCATE alzy.points, alzy.stretches, alzy.rejected, alzy.checkpoints, alzy.stores, alzy.last_positions RESTART IDENTITY; DELETE FROM public.events"
ok "a centre that forgot the store altogether" on car sync
is "$(central_seqs)" "8193-9004" "… gets all that there is"
verify
is "$? $(fate points lost)" "23 1-8192" "… and what is pruned is lost"
ok "its tables are true" central check

# ---- a journey of which no row is left on the unit
unit bus store.keep=0s
pair bus
id=$(on bus session start --user ana --json | json session_id)
ok "a journey" on bus session end
sqlite3 "$SCRATCH/bus/store.db" "INSERT INTO events (seq, event_at, event_type) WITH RECURSIVE n(x) AS (SELECT 3 UNION ALL SELECT x + 1
	FROM n WHERE x < 300) SELECT x, 1714600000000, 'mark' FROM n"
ok "… is sent" on bus sync
is "$(lite bus "SELECT count(*) FROM events WHERE session_id IS NOT NULL")" 0 "… and all that was recorded of it is pruned"
sql "DELETE FROM public.events WHERE session_id = '$id'; DELETE FROM alzy.sessions WHERE session_id = '$id'; DELETE FROM public.sessions WHERE session_id = '$id';
	DELETE FROM public.events WHERE event_id >> 40 = (SELECT number FROM alzy.stores WHERE store_id = '$(store_uuid bus)');
	DELETE FROM alzy.stretches WHERE store_number = (SELECT number FROM alzy.stores WHERE store_id = '$(store_uuid bus)');
	DELETE FROM alzy.stores WHERE store_id = '$(store_uuid bus)'"
ok "a centre that has forgotten it" on bus sync
is "$(sql "SELECT status FROM alzy.sessions JOIN public.sessions USING (session_id) WHERE session_id = '$id'")" ended "… is told of it again"

# ---- drops: what a unit has knowingly let go of
unit van gnss.source="replay:$SCRATCH/drive.json" store.keep=never
pair van
van() { # SQL over the one store of the van
	sql "SELECT $1 FROM alzy.stores WHERE store_id = '$(store_uuid van)'"
}
held_by_tables() { sql "SELECT count(*) FROM alzy.points p JOIN alzy.stores s ON p.id >> 40 = s.number WHERE store_id = '$(store_uuid van)'"; }
proves() { # STATUS STREAM FATE RANGES…
	on van verify --json >"$SCRATCH/verify"
	is "$? $(fate "$2" "$3")" "$1 $4" "$5"
}
for i in 1 2 3 4 5 6 7 8 9; do on van mark --lat "$i" --lng 1 >/dev/null; done
refuses "a drop without a reason" 2 'reason' on van queue drop 3
refuses "… without rows" 2 'which rows' on van queue drop --reason x
refuses "… of what is no row" 2 'no list of seqs' on van queue drop 3-2 --reason x
refuses "… of rows that were never recorded" '6|8' . on van queue drop 99 --reason x --yes
refuses "… that is not meant" 2 'say --yes' on van queue drop 3-4 --reason x
is "$(lite van 'SELECT count(*) FROM drops')" 0 "nothing is dropped"
ok "unsent rows are dropped" on van queue drop 3-4,9 events:2 --reason "private" --yes
is "$(on van queue --json | json points.unsent) $(on van queue --json | json events.unsent)" "6 8" "… and not unsent any more"
proves 21 points dropped "3-4 9-9" "verify knows of them before the centre does"
ok "sync" on van sync
is "$(van "points_held || ' ' || points_dropped || ' ' || events_dropped")" "{[1,3),[5,9)} {[3,5),[9,10)} {[2,3)}" "the centre accounts for them"
is "$(sql "SELECT stream, first_seq, last_seq, reason FROM alzy.drops ORDER BY stream DESC, first_seq")" "$(printf 'points|3|4|private\npoints|9|9|private\nevents|2|2|private')" "… with their reason"
is "$(held_by_tables)" 6 "… and has none of them"
proves 0 points dropped "3-4 9-9" "verify names them"
like "$(sentence)" '^central accounts for points 1..9 and events 1..9 of this store: dropped points 3-4, 9; dropped events 2$' "… in its sentence"
like "$(on van queue --dropped)" 'points +3 +4 .*private' "queue says why"
is "$(on van status --json | json points.dropped)" 3 "status counts them"
ok "check knows of them" central check
before=$(lite van 'SELECT exchange_sent FROM store')
ok "they are told once" on van sync
is "$(lite van 'SELECT exchange_sent FROM store')" $((before + 1)) "… and no batch goes for them again"
refuses "what is held can't be dropped" 8 'neither unsent nor rejected' on van queue drop 1 --reason x --yes
# … what is held beats what was dropped
on van mark --lat 10 --lng 1 >/dev/null
mkdir "$SCRATCH/stick"
ok "a row on a stick" on van sync --to "$SCRATCH/stick"
ok "… is dropped" on van queue drop 10 events:10 --reason late --yes
ok "… after it came to the centre" central import "$SCRATCH/stick"
ok "… which is then told" on van sync
is "$(van "points_held || ' ' || points_dropped")" "{[1,3),[5,9),[10,11)} {[3,5),[9,10)}" "what is held beats what was dropped"
proves 0 points held "1-2 5-8 10-10" "… and is proved"
is "$(lite van "SELECT group_concat(first_seq) FROM drops WHERE stream = 'points'")" "3,9" "… and the unit takes back its drop"
# … a rejected row that a person has decided about
sql "ALTER TABLE alzy.points ADD CONSTRAINT not_there CHECK (lat <> 11) NOT VALID"
on van mark --lat 11 --lng 1 >/dev/null
on van sync >/dev/null 2>&1
is "$(van points_rejected) $(sql "SELECT count(*) FROM alzy.rejected")" "{[11,12)} 1" "a row is rejected"
ok "… and dropped" on van queue drop 11 --reason "not worth it" --yes
is "$(on van queue retry --json | json rows) $(on van queue retry 11 --json | json rows)" "0 0" "… which nobody offers again"
ok "… as the centre hears" on van sync
is "$(van "points_rejected || ' ' || points_dropped") $(sql "SELECT count(*) FROM alzy.rejected")" "{} {[3,5),[9,10),[11,12)} 0" "it is dropped, and kept aside no longer"
is "$(on van queue --json | json rejected)" 0 "… as the unit knows"
ok "check knows of it" central check
# … and pruned with the others of its block
sed -i 's/^keep = .*/keep = 0s/' "$SCRATCH/van/alzy.conf"
replay van || die "no recording: $(log_of agent-van)"
ok "sync" on van sync
is "$(lite van 'SELECT min(seq) FROM points')" 8193 "dropped rows are pruned with their block"
proves 0 points dropped "3-4 9-9 11-11" "… whose digest is that of the others"
sql "UPDATE alzy.points SET lat = lat + 1 WHERE id = (SELECT number FROM alzy.stores WHERE store_id = '$(store_uuid van)') * $base + 100"
on van verify --json >"$SCRATCH/verify"
like "$? $(fate points differing)" "^23 1-2 5-8 10-10 12-4096" "… in which an altered row is found"
sql "UPDATE alzy.points SET lat = lat - 1 WHERE id = (SELECT number FROM alzy.stores WHERE store_id = '$(store_uuid van)') * $base + 100"
sql "UPDATE alzy.stores SET points_dropped = '{}' WHERE store_id = '$(store_uuid van)'"
ok "a centre that forgot a drop is told again" on van sync
is "$(van points_dropped)" "{[3,5),[9,10),[11,12)}" "… all of it"

# ---- another centre: which rows does it get?
refuses "a store with rows at one centre" 8 'alzy unpair first' on van pair "$(perl -pe 's/key=[^&]*/key=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8/' <<<"$(pair_link other)")"
on_device() { sql "SELECT id FROM alzy.devices WHERE name = '$1'"; } # NAME: its number
ok "unpaired" on van unpair
ok "back to the same centre there is no question" on van pair "$(central device pair --again --json "$(on_device van)" | json link)"
# … another one, with a key of its own, which has nothing yet
central_stop
sed -i "s|^path = .*|path = $SCRATCH/central/other.key|" "$SCRATCH/central.conf"
central init >/dev/null
sql "TRUNCATE alzy.points, alzy.stretches, alzy.rejected, alzy.checkpoints, alzy.stores, alzy.drops, alzy.last_positions; DELETE FROM public.events"
central_start || die "no centre: $(log_of central)"
link() { central device pair --again --json "$(on_device van)" | json link; }
ok "unpaired again" on van unpair
refuses "another one is asked about" 8 'say which of them' on van pair "$(link)"
refuses "… with what there is to say" 2 'all or new' on van pair "$(link)" --send some
ok "only what comes from now on" on van pair "$(link)" --send new
on van mark --lat 12 --lng 1 >/dev/null
is "$(on van sync --json | json forgotten)" false "sync, with a centre that never knew more"
last=$(lite van 'SELECT max(seq) FROM points')
is "$(van "points_held || ' ' || points_dropped")" "{[$last,$((last + 1)))} {[1,$last)}" "the new centre has what is new, and knows what it does not get"
like "$(sql "SELECT DISTINCT reason FROM alzy.drops WHERE stream = 'points' ORDER BY 1" | paste -sd,)" 'not worth it,private,pruned, after another centre had receipted it,recorded for another centre' "… and why"
proves 0 points dropped "1-$((last - 1))" "… as verify says"
ok "unpaired once more" on van unpair
sql "TRUNCATE alzy.points, alzy.stretches, alzy.rejected, alzy.checkpoints, alzy.stores, alzy.drops, alzy.last_positions; DELETE FROM public.events"
central_stop
sed -i "s|^path = .*|path = $SCRATCH/central/third.key|" "$SCRATCH/central.conf"
central init >/dev/null
central_start || die "no centre: $(log_of central)"
ok "all that is there" on van pair "$(link)" --send all
ok "sync" on van sync
like "$(van "points_held || ' ' || points_dropped")" "^.\\[8193,$((last + 1))\). .\\[1,8193\).$" "a third gets what is there, and knows what is pruned"
ok "check" central check
done_testing
