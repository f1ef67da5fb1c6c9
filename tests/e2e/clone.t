#!/bin/bash
# Copies of a store: two units from one card, a store restored from an older copy, other hardware, a fork by hand. Each unit
# records what no other does; in the end plain SQL finds every recorded row of all of them at the centre, once.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
central_init
central_start || die "no centre: $(log_of central)"

# ---- what a unit records, and where it is in the end

clock=1700000000
record() { # NAME COUNT: so many points that nobody else has
	replay_drive "$1" $clock "$2"
	clock=$((clock + $2 + 1000))
}
make_unit() { unit "$1" sync.batch_points=40 gnss.source="replay:$SCRATCH/drive.json" capture.sampling=all clock.floor=none "${@:2}"; }
# All that a copied card has: the store, its log, the key; and by the way what else lies there.
copy() { # FROM TO
	mkdir -p "$SCRATCH/$2"
	rm -f "$SCRATCH/$2"/store.db*
	cp "$SCRATCH/$1"/store.db* "$SCRATCH/$2/"
}
points_of() { lite "$1" "SELECT recorded_at, lat, lng FROM points"; }
events_of() { lite "$1" "SELECT event_at, event_type, coalesce(payload, '') FROM events"; }
# NAME… : what these have recorded, together, is what the centre has of the devices, and each row once.
once() {
	local what=$1 name
	shift
	for name in "$@"; do points_of "$name"; done | sort -u >"$SCRATCH/points.here"
	for name in "$@"; do events_of "$name"; done | sort -u >"$SCRATCH/events.here"
	sql "SELECT concat_ws('|', round(extract(epoch FROM recorded_at) * 1000)::bigint, round(lat * 1e7)::bigint, round(lng * 1e7)::bigint)
		FROM alzy.points p JOIN alzy.devices d ON d.id = p.device_id WHERE d.name = '$1'" | sort >"$SCRATCH/points.there"
	sql "SELECT concat_ws('|', round(extract(epoch FROM event_at) * 1000)::bigint, event_type, coalesce(payload, '')) FROM public.events v
		JOIN alzy.stores s ON s.number = v.event_id >> 40 JOIN alzy.devices d ON d.id = s.device_id WHERE d.name = '$1'" |
		sort >"$SCRATCH/events.there"
	ok "$what: $(wc -l <"$SCRATCH/points.here") points, each once" diff "$SCRATCH/points.here" "$SCRATCH/points.there"
	ok "$what: $(wc -l <"$SCRATCH/events.here") events, each once" diff "$SCRATCH/events.here" "$SCRATCH/events.there"
	is "$(for name in "$@"; do unsent "$name"; done | sort -u)" "0 0" "$what: nothing is unsent"
}
unsent() { on "$1" status --json | perl -MJSON::PP -0ne 'my $s = decode_json $_; print "$s->{points}{unsent} $s->{events}{unsent}\n"'; }
stores() { on "$1" store list --json | perl -MJSON::PP -0ne 'print scalar @{decode_json $_}'; } # NAME: how many
because() { lite "$1" "SELECT group_concat(because) FROM identities WHERE NOT moved"; }
stick() { rm -rf "$SCRATCH/$1" && mkdir "$SCRATCH/$1" && echo "$SCRATCH/$1"; }
by_stick() { # NAME: there and back
	on "$1" sync --to "$(stick stick)" && central import "$SCRATCH/stick" && on "$1" sync --from "$SCRATCH/stick"
}

# ---- two units from one card
make_unit car
record car 100
pair car
ok "the card is sent" on car sync
record car 90 # on both, and unsent
copy car van
make_unit van
record car 50
record van 130
ok "one copy sends" on car sync
ok "… and the other" on van sync
once "two copies" car van
is "$(because car) $(because van)" " conflict" "the one that came second has forked, the first has not"
is "$(lite car 'SELECT store_id FROM store')" "$(lite van 'SELECT store_id FROM identities WHERE number = 1')" "… from the first"
is "$(sql "SELECT count(*) FROM alzy.rejected")" 0 "nothing was rejected"
record car 70
record van 60
ok "both go on" on van sync
ok "… in the other order" on car sync
once "two copies that go on" car van
first=$(lite van 'SELECT store_id FROM identities WHERE number = 1')
record car 20
record van 20
ok "and on" on van sync
ok "…" on car sync
is "$(stores car) $(stores van)" "3 3" "each has a store of its own by then, and keeps it; and one for the rows that moved"
like "$(central status)" "^$(lite van 'SELECT substr(store_id, 1, 8) FROM store') .*forked from ${first:0:8} \(conflict\)" "the centre names the fork, and of what"
is "$(central status | grep -vE '^[0-9a-f]{8}  ' | awk 'length > 80')" "" "… in a table that a terminal can show"
like "$(central status --json)" '"device_id":[0-9]+,.*"points_last":[0-9]+,.*"unit":\{.*"version":"[0-9.]+"' "… whose it is, and what the unit said of itself"
sql "UPDATE alzy.stores SET unit_state = unit_state || '{\"free_bytes\": 12345678}'"
like "$(central status)" "the unit had 12 MB free" "a disk that was nearly full is named"
like "$(central status --json)" '"copied_rows":1[0-9][0-9],.*"copied_at":"20' "… how many rows were another's, and since when"
like "$(on car status)" '^Copied' "the unit that was copied says so"
like "$(on van status)" '^Copied' "… and so does the copy"
like "$(on van store list)" ' conflict ' "… and why"
for name in car van; do
	ok "$name proves what the centre holds" on "$name" verify
	ok "… also when it is asked for the differences" on "$name" verify --repair
done
ok "the centre's own check finds no fault" central check
once "after the proofs" car van

# ---- a store without the key beside it
make_unit sled
record sled 10
pair sled
mv "$SCRATCH/sled/store.db.key" "$SCRATCH/sled.key"
refuses "without its key a unit sends nothing" 4 'the key of this unit, .*/sled/store.db.key, is missing: .*alzy pair LINK' on sled sync
like "$(on sled doctor 2>&1)" '^fault +centre: the key of this unit, .* is missing' "… and alzy doctor says why"
mv "$SCRATCH/sled.key" "$SCRATCH/sled/store.db.key"
ok "… until it is put back" on sled sync
once "… and then" sled

# ---- by stick, in the other order, and as often as you like
record van 120
record car 80
ok "by stick first" by_stick van
ok "by network then" on car sync
once "by stick and by network" car van
copy car bus
make_unit bus
record car 95
record bus 45
on bus sync --to "$(stick one)" >"$SCRATCH/said"
on car sync --to "$(stick two)" >"$SCRATCH/said"
ok "two sticks of two copies" central import "$SCRATCH/one" "$SCRATCH/two" "$SCRATCH/one"
cp "$SCRATCH"/one/*.receipt "$SCRATCH/two/" 2>/dev/null
on car sync --from "$SCRATCH/one" >"$SCRATCH/said" 2>&1
like "$(cat "$SCRATCH/said")" 'another batch|the store was copied' "a receipt for the other copy is not taken"
is "$(lite car 'SELECT count(*) FROM points WHERE seq > (SELECT max(last_seq) FROM accounted WHERE stream = "points")')" 95 "… and nothing is believed of it"
ok "its own are" on bus sync --from "$SCRATCH/one"
on car sync --from "$SCRATCH/two" >"$SCRATCH/said" 2>&1
ok "what went under another name goes by network" on car sync
ok "… on both" on bus sync
once "two sticks of two copies" car van bus

# ---- three copies of one card, one of which is copied again
copy bus b2
copy bus b3
for name in b2 b3; do make_unit $name; done
for name in bus b2 b3; do record $name $((RANDOM % 100 + 20)); done
for name in b3 bus b2; do ok "$name sends" on $name sync; done
once "three copies" car van bus b2 b3
copy b2 b4
make_unit b4
record b2 30
record b4 110
for name in b4 b2 b3; do ok "$name sends" on $name sync; done
once "a copy of a copy" car van bus b2 b3 b4

# Two copies of a copy, of which each has what it recorded before it was copied: it goes under another name from both.
copy b4 c1
make_unit c1
record c1 90
copy c1 c2
make_unit c2
record c1 15
record c2 60
record b4 130
for name in b4 c2 c1 b4 c2; do ok "$name sends" on $name sync; done
once "copies of a copy" car van bus b2 b3 b4 c1 c2
copy b4 b5
make_unit b5
record b4 25
record b5 35
ok "one of two copies sends" on b4 sync
ok "the other repairs, which sends what is unsent too" on b5 verify --repair
once "repaired before it was sent" car van bus b2 b3 b4 b5 c1 c2
on b5 mark --lat 1 --lng 2 here >"$SCRATCH/said"
ok "a mark" on b5 sync
is "$(sql "SELECT count(*) FROM public.events v JOIN alzy.points p ON p.id = (v.event_id >> 40 << 40) + (v.payload::jsonb->>'seq')::bigint
	WHERE v.event_type = 'mark' AND p.source = 'manual'")" 1 "… names its point as the centre does"

# ---- copies that meet their conflicts over other sets of rows, in other pieces, with rows recorded in between
make_unit d1
record d1 60
pair d1
ok "a card" on d1 sync
copy d1 d2
make_unit d2 sync.batch_points=20
record d1 30
record d2 100
copy d2 d3
make_unit d3
ok "the first one is there before" on d1 sync
on d2 sync --to "$(stick pieces)" >"$SCRATCH/said"
piece=$(ls "$SCRATCH"/pieces/*.batch | head -1)
ok "of the second a piece arrives" central import "$piece"
ok "… and is answered" on d2 sync --from "$SCRATCH/pieces"
is "$(lite d2 "SELECT group_concat(because || moved) FROM identities WHERE number > 1")" "conflict1,conflict0" "its rows move, and what comes is another store"
record d2 7
record d1 50
ok "the first one goes on" on d1 sync
for name in d3 d2 d1 d3; do ok "$name sends" on $name sync; done
ok "the other pieces come late" central import "$SCRATCH/pieces"
once "conflicts over other sets of rows" d1 d2 d3
copy d3 d4
make_unit d4
record d4 12
record d3 40
for name in d4 d3 d2 d4; do ok "$name sends" on $name sync; done
once "… and a copy of them" d1 d2 d3 d4
for name in d1 d2 d3 d4; do ok "$name proves it" on $name verify; done
is "$(sql "SELECT sum(points_missing + events_missing) FROM alzy.store_status WHERE moved")" 0 "between rows that have moved none is missing"
like "$(central status)" '[; ] moved from [0-9a-f]{8}' "the centre says where they are"
like "$(on d3 store list)" ' moved ' "… and so does the unit"

# ---- a store that was restored from an older copy of itself
make_unit lorry
record lorry 100
pair lorry
ok "a lorry" on lorry sync
record lorry 30
copy lorry kept
record lorry 75
ok "… drives on" on lorry sync
cp -r "$SCRATCH/lorry" "$SCRATCH/lost1"
copy kept lorry
ok "restored, with nothing new" on lorry sync
is "$(because lorry)" behind "it forks, for the centre knows of more than it does"
record lorry 40
ok "what comes then" on lorry sync
once "restored without new rows" lorry lost1
copy lorry kept
record lorry 90
ok "on" on lorry sync
cp -r "$SCRATCH/lorry" "$SCRATCH/lost2"
copy kept lorry
record lorry 30
ok "restored, with fewer new rows than the centre has" on lorry sync
once "fewer new rows" lorry lost1 lost2
copy lorry kept
record lorry 30
ok "on" on lorry sync
cp -r "$SCRATCH/lorry" "$SCRATCH/lost3"
copy kept lorry
record lorry 150
ok "restored, with more new rows than the centre has, by stick" by_stick lorry
ok "… and the rest" by_stick lorry
ok "… and by network" on lorry sync
once "more new rows" lorry lost1 lost2 lost3
ok "the lorry proves it" on lorry verify

# ---- two copies, of which the rows of one are deleted at the centre before the other comes
make_unit ferry
record ferry 40
pair ferry
ok "a ferry" on ferry sync
copy ferry ferry2
make_unit ferry2
record ferry 50
ok "… sends" on ferry sync
ok "… what is then deleted on purpose" central expire --device "$(on ferry status --json | json device.id)" --before "$(date -u -d "@$clock" +%FT%TZ)"
record ferry2 60
ok "a copy comes with younger rows under the same numbers" on ferry2 sync
like "$(on ferry2 verify)" 'central holds points 41-90 ' "… of which none has expired"
is "$(sql "SELECT count(*) FROM alzy.points p JOIN alzy.devices d ON d.id = p.device_id WHERE d.name = 'ferry'")" 60 "… they are all there"
ok "the first one goes on" on ferry sync
ok "the centre's own check finds no fault" central check

# ---- the centre is taken back, and another copy has filled the places before the first one comes
make_unit e1
record e1 50
pair e1
ok "a card" on e1 sync
copy e1 e2
copy e1 e3
make_unit e2
make_unit e3
dump before
record e1 60
ok "one copy sends" on e1 sync
record e2 40
copy e2 e4
make_unit e4
ok "… another one's rows move" on e2 sync
restore before
ok "a third copy, with rows of the second, takes the places of both" on e4 sync
record e3 30
ok "… and a fourth its own" on e3 sync
ok "the second finds its rows there" on e2 sync
like "$(on e1 sync)" 'went back to an earlier state' "the first is told"
for name in e1 e2 e3 e4; do ok "$name sends" on $name sync; done
once "taken back, with copies" e1 e2 e3 e4
for name in e1 e2 e3 e4; do ok "$name proves it" on $name verify; done
ok "the centre's own check finds no fault" central check

# ---- rows that have moved on, by a unit that does not know that the centre went back: it looks wherever they may be
make_unit f1
record f1 50
pair f1
ok "a card" on f1 sync
sql "ALTER TABLE alzy.points ADD CONSTRAINT odd CHECK (extract(epoch FROM recorded_at)::bigint % 10 <> 7) NOT VALID"
record f1 30
ok "… with rows that are kept aside" on f1 sync
for name in f2 f3; do copy f1 $name && make_unit $name; done
dump aside
mapfile -t odd < <(lite f1 "SELECT seq FROM rejected")
is "${#odd[@]}" 3 "… three of them"
ok "one copy lets go of them" on f1 queue drop "${odd[@]}" --reason odd --yes
ok "… and tells" on f1 sync
sql "ALTER TABLE alzy.stores ADD CONSTRAINT last CHECK (moved OR forked_from IS NULL) NOT VALID"
refuses "those of the other move, and are kept aside again; no more arrives" 16 'can.t serve' on f2 sync
is "$(sql "SELECT count(*) FROM alzy.rejected j JOIN alzy.stores s ON s.number = j.store_number WHERE s.moved")" 3 "… all of them"
restore aside
sql "ALTER TABLE alzy.points DROP CONSTRAINT odd"
ok "the centre goes back, and has them aside where they were first" on f2 sync
ok "… where a third copy offers them again" on f3 queue retry
for name in f3 f2 f1; do ok "$name sends" on $name sync; done
once "kept aside, and moved" f1 f2 f3

make_unit g1
record g1 50
pair g1
ok "a card" on g1 sync
for name in g2 g3; do copy g1 $name && make_unit $name; done
dump before
record g3 20
copy g3 g4
make_unit g4
record g2 30
ok "one copy sends" on g2 sync
sql "ALTER TABLE alzy.stores ADD CONSTRAINT still CHECK (NOT moved) NOT VALID"
refuses "the rows of another move, and come no further" 16 'can.t serve' on g3 sync
sql "ALTER TABLE alzy.stores DROP CONSTRAINT still"
restore before
ok "a third copy puts them where they were first" on g4 sync
ok "… and the first its own where they have moved to" on g2 sync
ok "the one that had to move finds them" on g3 sync
for name in g1 g4; do ok "$name sends" on $name sync; done
once "moved in a past that was undone" g1 g2 g3 g4

make_unit h1
record h1 50
pair h1
ok "a card" on h1 sync
copy h1 h2
make_unit h2
record h1 20
record h2 30
copy h2 h3
make_unit h3
ok "one copy sends" on h1 sync
ok "… the rows of another move" on h2 sync
sql "DELETE FROM alzy.points p USING alzy.stores s WHERE p.id >> 40 = s.number AND s.store_id = '$(lite h1 'SELECT store_id FROM store')'"
sql "DELETE FROM public.events v USING alzy.stores s WHERE v.event_id >> 40 = s.number AND s.store_id = '$(lite h1 'SELECT store_id FROM store')'"
sql "DELETE FROM alzy.stretches t USING alzy.stores s WHERE t.store_number = s.number AND s.store_id = '$(lite h1 'SELECT store_id FROM store')'"
sql "DELETE FROM alzy.stores WHERE store_id = '$(lite h1 'SELECT store_id FROM store')'"
ok "the centre has forgotten their first store, and a third copy comes first: its rows are where they have moved to" on h3 sync
for name in h2 h1; do ok "$name sends" on $name sync; done
once "a store forgotten, and another that came of it not" h1 h2 h3
for name in f2 g3 g4 h1 h2 h3; do ok "$name proves it" on $name verify; done
ok "the centre's own check finds no fault" central check

# A row that lies in a place of before, too, however it came there, is found.
dump whole
moved=$(sql "SELECT min(p.id) FROM alzy.points p JOIN alzy.stores s ON s.number = p.id >> 40 JOIN alzy.devices d ON d.id = p.device_id WHERE s.moved AND d.name = 'h1'")
place=$(sql "SELECT (f.number::bigint << 40) + ($moved & 1099511627775) FROM alzy.stores m JOIN alzy.stores f ON f.store_id = m.forked_from WHERE m.number = $moved >> 40")
sql "UPDATE alzy.points p SET (recorded_at, lat, lng, accuracy, speed, heading, altitude, source, session_id) =
	(SELECT recorded_at, lat, lng, accuracy, speed, heading, altitude, source, session_id FROM alzy.points WHERE id = $moved) WHERE id = $place"
refuses "a row that is made to lie in two of its places is found" 23 "1 point \($((moved & 1099511627775))\): there more than once" central check
restore whole
ok "… and was not before" central check

# ---- … and what is lost came otherwise than as new rows: on a stick, and the network told only that it is there
make_unit p1
record p1 50
pair p1
ok "a card" on p1 sync
copy p1 p2
make_unit p2
dump before
record p1 60
ok "a stick" on p1 sync --to "$(stick stick)"
ok "… brings its rows" central import "$SCRATCH/stick"
ok "… and the unit hears so" on p1 sync
restore before
record p2 30
ok "another copy takes their places" on p2 sync
like "$(on p1 sync)" 'went back to an earlier state' "the first is told"
once "taken back behind a stick" p1 p2

# ---- … or was kept aside
make_unit q1
record q1 50
pair q1
ok "a card" on q1 sync
copy q1 q2
make_unit q2
dump before
for table in alzy.points public.events; do sql "ALTER TABLE $table ADD CONSTRAINT never CHECK (false) NOT VALID"; done
record q1 20
like "$(on q1 sync)" 'rejected' "all that it sends is rejected"
restore before
record q2 30
ok "another copy takes its places" on q2 sync
like "$(on q1 sync)" 'went back to an earlier state' "the first is told"
once "taken back behind a refusal" q1 q2

# ---- … or was proved when the centre had gone back before
make_unit r1
record r1 50
pair r1
ok "a card" on r1 sync
ok "… with two stores" on r1 store fork
copy r1 r2
make_unit r2
dump first
record r1 30
ok "… sends of the second, too" on r1 sync
dump second
record r1 20
ok "… and once more" on r1 sync
copy r1 r3
make_unit r3
restore second
record r3 10
ok "a copy sends that again, with more of its own" on r3 sync
like "$(on r1 sync)" 'went back to an earlier state' "the first is told"
restore first
record r2 40
ok "another copy takes places of the second store" on r2 sync
like "$(on r1 sync)" 'went back to an earlier state' "the first is told again"
ok "all is sent" on r2 sync
once "taken back behind a proof" r1 r2
ok "the centre's own check finds no fault" central check

# ---- … and who proves and repairs before anything else is sent hears of it first
make_unit u1
record u1 50
pair u1
ok "a card" on u1 sync
copy u1 u2
make_unit u2
dump before
record u1 60
ok "… sends" on u1 sync
restore before
record u2 30
ok "another copy takes the places" on u2 sync
ok "the first one repairs" on u1 verify --repair
once "repaired after the centre went back" u1 u2
is "$(sql "SELECT count(*) FROM alzy.rejected r JOIN alzy.stores s ON s.number = r.store_number JOIN alzy.devices d ON d.id = s.device_id WHERE d.name = 'u1'")" 0 "no row lies beside another"

# ---- rows that are let go of, in whose places another copy has its own
make_unit t1
record t1 50
pair t1
ok "a card" on t1 sync
copy t1 t2
make_unit t2
record t2 30
ok "a copy sends" on t2 sync
record t1 60
ok "the other lets go of what is private" on t1 queue drop 51-55 --reason private --yes
ok "… and sends the rest" on t1 sync
is "$(lite t1 "SELECT first_seq, last_seq FROM drops")" '51|55' "… of which it stays let go"
like "$(on t1 verify --repair)" 'points 1-55, 81-110 .*: dropped points 51-55$' "… also by a repair"
is "$(sql "SELECT count(*) FROM alzy.rejected r JOIN alzy.stores s ON s.number = r.store_number JOIN alzy.devices d ON d.id = s.device_id WHERE d.name = 't1'")" 0 "nothing of it reaches the centre"

# ---- other hardware
make_unit crane store.hardware=number-1
record crane 80
pair crane
ok "a crane" on crane sync
record crane 60
copy crane crane2
make_unit crane2 store.hardware=number-2
record crane 20
record crane2 33
like "$(log_of agent-crane2)" 'last used on other hardware' "on other hardware the agent forks at once, and says so"
is "$(because crane) $(because crane2)" " hardware" "… once, and only there"
record crane2 33
is "$(stores crane2)" 2 "… and not again"
ok "both send" on crane2 sync
ok "… what is theirs" on crane sync
once "other hardware" crane crane2
is "$(sql "SELECT count(*) FROM alzy.stores WHERE copied_at IS NOT NULL AND device_id = (SELECT id FROM alzy.devices WHERE name = 'crane')")" 0 "no row was in another's place"
make_unit crane2 store.hardware=number-1
like "$(on crane2 event moved 2>&1)" 'last used on other hardware' "alzy says so, too"
make_unit crane2 store.hardware=none
printf '[store]\nhardware = a b\n' >"$SCRATCH/bad.conf"
refuses "a name that is none" 3 'hardware' on crane config check "$SCRATCH/bad.conf"
ok "sent" on crane2 sync
once "to another one" crane crane2

# ---- a journey goes on over forks: it is the device's, and not a store's
make_unit barge store.hardware=number-1 capture.session=manual capture.on_stop=pause
on barge session start >"$SCRATCH/said"
record barge 30
pair barge
ok "a barge" on barge sync
make_unit barge store.hardware=number-2 capture.session=manual capture.on_stop=pause
for fork in event "store fork"; do
	on barge session resume >"$SCRATCH/said"
	on barge ${fork/event/event moved} >"$SCRATCH/said" 2>&1
	record barge 30
	ok "it goes on in another store ($fork)" on barge sync
done
is "$(because barge)" "hardware,person" "on other hardware, and by hand"
on barge session end >"$SCRATCH/said"
ok "its journey ends" on barge sync
is "$(sql "SELECT s.status, count(*), count(DISTINCT p.id >> 40) FROM alzy.sessions s JOIN alzy.points p ON p.session_id = s.id
	JOIN alzy.devices d ON d.id = s.device_id WHERE d.name = 'barge' GROUP BY s.id")" "ended|90|3" "it is one, has ended, and all points of three stores are found through it"

# ---- a stick of the life that was undone ends the journey, when the unit has nothing to say of it
make_unit cart
on cart session start >"$SCRATCH/said"
pair cart
ok "a cart" on cart sync
copy cart kept
on cart session end >"$SCRATCH/said"
ok "its journey ends on a stick" on cart sync --to "$(stick stick)"
copy kept cart
on cart store fork >"$SCRATCH/said"
ok "the store of before goes on, as another one" on cart sync
ok "the stick comes then" central import "$SCRATCH/stick"
ok "the unit has nothing to send" on cart sync
is "$(lite cart "SELECT status FROM sessions") $(sql "SELECT s.status FROM alzy.sessions s JOIN alzy.devices d ON d.id = device_id WHERE d.name = 'cart'")" "ended ended" "… and hears that its journey has ended"

# ---- a fork by hand, while the agent records
GPSD_PORT=$(free_port)
gpsd_start "$DATA/drive.nmea" 0.001
unit digger capture.sampling=all clock.floor=none store.commit_interval=100ms
agent_start digger || die "no agent: $(log_of agent-digger)"
pair digger
gpsd_go
recorded() { [ "$(lite digger 'SELECT count(*) FROM points')" -gt "$1" ]; }
for i in 1 2 3; do
	await recorded $((200 * i))
	ok "a fork by hand, while the agent records" on digger store fork
done
await gpsd_done
await log_has agent-digger 'the store has forked'
is "$(on digger status --json | json agent.running)" true "alzy status finds the agent"
ok "what there is goes out" on digger sync
stop agent-digger
ok "… and the rest" on digger sync
gpsd_stop
once "forks by hand" digger
is "$(points_of digger | wc -l)" "$(gpsd_rows | wc -l)" "every epoch that gpsd reported is there"
is "$(stores digger) $(sql "SELECT count(*) FROM alzy.stores s JOIN alzy.devices d ON d.id = s.device_id WHERE d.name = 'digger'")" "4 4" "in four stores"
ok "the digger proves it" on digger verify
ok "the centre's own check finds no fault" central check
done_testing
