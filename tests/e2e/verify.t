#!/bin/bash
# Proof: what alzy verify and alzy-central check say, against plain SQL on both databases; and repair.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
central_init
central_start || die "no centre: $(log_of central)"
perl -e 'for (0 .. 9999) { printf qq({"class":"TPV","device":"d","mode":3,"time":"2024-05-01T%02d:%02d:%02d.000Z","lat":%.7f,"lon":%.7f,"speed":%.2f%s}\n),
	10 + $_ / 3600, $_ / 60 % 60, $_ % 60, 50 + $_ / 1e5, -8.1 - $_ / 3e6, $_ / 1000, $_ % 3 ? sprintf(",\"altMSL\":%.1f,\"eph\":%.1f,\"track\":%.1f", $_ / 10 - 400, $_ % 50 / 10, $_ % 3600 / 10) : "" }' \
	>"$SCRATCH/drive.json"
unit car gnss.source="replay:$SCRATCH/drive.json"
verify() { on car verify --json "$@" >"$SCRATCH/verify" 2>"$SCRATCH/verify.log"; } # the exit status is that of alzy verify
sentence() { json sentence <"$SCRATCH/verify"; }
error() { json error <"$SCRATCH/verify" | sed 's/null//'; }
named() { # STREAM FATE: the seqs
	perl -MJSON::PP -0777 -ne 'print join " ", map { $_->[0] .. $_->[1] } @{decode_json($_)->{$ENV{S}}{$ENV{F}}}' <"$SCRATCH/verify"
}
fate() { S=$1 F=$2 named; }
STORE='(SELECT max(number) FROM alzy.stores)'
events_store() {
	lite car "SELECT seq || '|' || event_at || '|' || event_type || '|' || CASE WHEN payload IS NULL THEN '-' ELSE hex(payload) END || '|' || coalesce(session_id, '') FROM events ORDER BY seq"
}
events_central() {
	sql "SELECT concat_ws('|', event_id & 1099511627775, trim_scale(extract(epoch FROM event_at) * 1000), event_type,
		coalesce(upper(encode(convert_to(payload, 'UTF8'), 'hex')), '-'), coalesce(session_id, '')) FROM public.events WHERE event_id >> 40 = $STORE ORDER BY event_id"
}
# By SQL alone, without a rounding: seqs that the store has and Postgres has not, or has with other values, or the other way.
points_store() { store_rows car | tr ' ' '|'; }
points_central() {
	sql "SELECT concat_ws('|', p.id & ((1::bigint << 40) - 1), trim_scale(extract(epoch FROM p.recorded_at) * 1000), trim_scale(lat * 1e7), trim_scale(lng * 1e7),
			coalesce(trim_scale(accuracy::text::numeric * 10)::text, '-'), coalesce(trim_scale(speed::text::numeric * 100)::text, '-'),
			coalesce(trim_scale(heading::text::numeric * 10)::text, '-'), coalesce(trim_scale(altitude::text::numeric * 10)::text, '-'), source,
			CASE WHEN p.session_id IS NULL THEN '-' ELSE coalesce(s.session_id, '?') END, CASE WHEN p.device_id <> 1 THEN 'device' END)
		FROM alzy.points p LEFT JOIN alzy.sessions s ON s.id = p.session_id WHERE p.id >> 40 = $STORE ORDER BY p.id"
}
truth() { # STREAM: "MISSING / DIFFERING / ADDED", each as seqs
	"$1_store" >"$SCRATCH/$1.store" && "$1_central" >"$SCRATCH/$1.central" &&
		perl -e 'my (%s, %c); for my $h ([$ARGV[0], \%s], [$ARGV[1], \%c]) { open my $in, "<", $h->[0] or die; while (<$in>) { /^(\d+)/ and $h->[1]{$1} .= $_ } }
			my @n = sort { $a <=> $b } keys %s;
			print join(" ", grep { !defined $c{$_} } @n), " / ", join(" ", grep { defined $c{$_} && $c{$_} ne $s{$_} } @n), " / ", join(" ", grep { !defined $s{$_} } sort { $a <=> $b } keys %c), "\n"' \
			"$SCRATCH/$1.store" "$SCRATCH/$1.central"
}
said() { # STREAM: the same by alzy verify; what is unsent or rejected is not in the table either
	echo "$(echo $(fate "$1" missing) $(fate "$1" unsent) $(fate "$1" rejected) | tr ' ' '\n' | sort -n | xargs) / $(fate "$1" differing) / $(fate "$1" added)"
}
sql_is() { [ "$(sql "$1")" = "$2" ]; } # SQL VALUE
agrees() { # DESCRIPTION: verify says what plain SQL says
	is "$(said points)" "$(truth points)" "$1: the points that verify names are those that SQL finds"
	is "$(said events)" "$(truth events)" "$1: … and the events"
}
check() { central check --json >"$SCRATCH/check" 2>"$SCRATCH/check.log"; }
checked() { # STORE STREAM FINDING
	perl -MJSON::PP -0777 -ne 'print join " ", map { "$_->[0]-$_->[1]" } @{decode_json($_)->{stores}[$ENV{N}]{$ENV{S}}{$ENV{F}}}' <"$SCRATCH/check"
}
finds() { N=0 S=$1 F=$2 checked; }

# ---- before anything is there
on car session start >/dev/null
refuses "a unit that is not paired" 8 'not paired' on car verify
pair car
verify
is "$? $(error)" "21 UNSENT" "nothing sent is nothing proved"
is "$(fate events unsent)" 1 "… and said as unsent"
replay car || die "no recording: $(log_of agent-car)"
on car event note '{"text": "ünïcode \"quoted\" \\ \u0001",  "n": 1.50}' >/dev/null
on car event "$(printf 'x%.0s' {1..63})" >/dev/null # as long as a type may be
on car mark --lat 1 --lng 2 >/dev/null
verify
is "$? $(error)" "21 UNSENT" "a store of which the centre knows nothing"
is "$(fate points unsent | wc -w)" 10001 "… is unsent as a whole"
agrees "unsent"

# ---- whole
ok "sync" on car sync
points=$(lite car 'SELECT max(seq) FROM points') events=$(lite car 'SELECT max(seq) FROM events')
is "$points" 10001 "the drive is there"
is "$(on car verify)" "central holds points 1..$points and events 1..$events of this store" "the sentence"
verify
is "$? $(error)$(json whole <"$SCRATCH/verify")" "0 true" "… ends with 0"
agrees "whole"
is "$(json exchanges <"$SCRATCH/verify")" 1 "… after one exchange"
ok "check" central check
ok "verify of the device" central verify --device 1
refuses "… of another" 4 'no store of device 99' central verify --device 99
on car event later '{"a":1}' >/dev/null
verify
is "$? $(error)" "21 UNSENT" "a row that is not sent yet"
is "$(fate events unsent)" $((events + 1)) "… is named"
like "$(sentence)" "does not hold all of points 1..$points and events 1..$((events + 1)) of this store: unsent events $((events + 1))" "… in the sentence"
ok "sync again" on car sync
verify
is $? 0 "whole again"

# ---- altered by hand, column by column
base=$((1 << 40))
sql "CREATE TABLE saved AS SELECT id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at, received_at FROM alzy.points;
	CREATE TABLE saved_events AS SELECT * FROM public.events;
	INSERT INTO alzy.sessions (id, user_id, device_id, status) OVERRIDING SYSTEM VALUE VALUES (9999, 1, 1, 'ended');
	INSERT INTO public.sessions (session_id) VALUES ('other');
	INSERT INTO alzy.devices (id, user_id, name, platform, color) OVERRIDING SYSTEM VALUE VALUES (77, 1, 'other', 'linux', 'blue')"
seq=100
altered() { # STREAM SET: one more row of it is altered so; it is named, and nothing else
	local stream=$1 set=$2 n
	if [ "$stream" = points ]; then n=$((seq += 97)) && sql "UPDATE alzy.points SET $set WHERE id = $base + $n"
	else n=$((1 + seq++ % events)) && sql "UPDATE public.events SET $set WHERE event_id = $base + $n"; fi
	verify
	is "$? $(error) $(said "$stream")" "23 DIFFERS  / $n / " "altered by hand: $stream SET $set"
	is "$(truth "$stream")" "$(said "$stream")" "… as SQL has it"
	check
	is "$?" 23 "… and check finds it"
	is "$(finds "$stream" altered | grep -c -)" 1 "… where it is"
	if [ "$stream" = points ]; then
		sql "DELETE FROM alzy.points WHERE id = $base + $n; INSERT INTO alzy.points (id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at, received_at) SELECT * FROM saved WHERE id = $base + $n"
	else
		sql "DELETE FROM public.events WHERE event_id = $base + $n; INSERT INTO public.events SELECT * FROM saved_events WHERE event_id = $base + $n"
	fi
}
for set in "lat = lat + 0.0000001" "lat = lat + 0.00000001" "lng = -lng" "accuracy = 3.25" "accuracy = NULL" "speed = speed + 1e-9" \
	"speed = 0" "heading = 0.04" "altitude = 1e300" "altitude = -altitude" "source = 'network'" "session_id = NULL" "session_id = 9999" \
	"device_id = 77" "recorded_at = recorded_at + interval '1 microsecond'" "recorded_at = recorded_at + interval '1 year'"; do
	altered points "$set"
done
for set in "payload = payload || ' '" "payload = coalesce(payload, '') || 'x'" "event_type = event_type || 's'" "event_type = repeat('x', 200)" "session_id = 'other'" \
	"event_at = event_at + interval '1 ms'" "event_at = event_at + interval '1 us'" "event_at = 'infinity'"; do
	altered events "$set"
done
sql "UPDATE public.events SET event_type = event_type || 'x' WHERE length(event_type) = 63"
verify
is "$? $(said events)" "23  / $(lite car 'SELECT seq FROM events WHERE length(event_type) = 63') / " "a text that only goes on where none of ours does"
sql "UPDATE public.events SET event_type = left(event_type, 63) WHERE length(event_type) = 64"
sql "UPDATE public.events SET payload = NULL WHERE event_id = $base + (SELECT min(event_id) - $base FROM public.events WHERE payload LIKE '%quoted%')"
verify
is $? 23 "a payload that is gone"
sql "UPDATE public.events e SET payload = s.payload FROM saved_events s WHERE s.event_id = e.event_id AND e.payload IS NULL"
verify
is "$? $(sentence)" "0 central holds points 1..$points and events 1..$((events + 1)) of this store" "all as it was"
ok "… for check, too" central check

# ---- deleted by hand
sql "DELETE FROM alzy.points WHERE id - $base IN (1, 4096, 4097, 10001) OR id - $base BETWEEN 5000 AND 9500;
	DELETE FROM public.events WHERE event_id = $base + 2"
verify
is "$? $(error)" "23 DIFFERS" "rows deleted by hand"
agrees "deleted"
like "$(sentence)" 'missing points 1, 4096-4097, 5000-9500, 10001; missing events 2' "… in the sentence"
check
is "$? $(finds points lost) / $(finds events lost)" "23 1-1 4096-4097 5000-9500 10001-10001 / 2-2" "check finds them"
ok "verify alone changes nothing: sync" on car sync
is "$(sql "SELECT count(*) FROM alzy.points WHERE id = $base + 1")" 0 "… the row is still not there"
verify --repair
is "$? $(error)" "0 " "repair sends them again"
is "$(json sent_again <"$SCRATCH/verify")" 4506 "… those alone"
agrees "repaired"
is "$(points_store | sha256sum)" "$(points_central | sha256sum)" "… and every point is as it was"
ok "check is content" central check
is "$(check; finds points unproven)" "" "… and every row has its digest"

# ---- altered, and repaired
sql "UPDATE alzy.points SET lat = lat + 1 WHERE id = $base + 777; UPDATE public.events SET event_type = 'forged' WHERE event_id = $base + 3;
	DELETE FROM alzy.points WHERE id = $base + 778"
verify --repair
is "$? $(error) $(said points) $(said events)" "23 DIFFERS  / 777 /   / 3 / " "what is altered is named, repair or not; what is missing is sent"
is "$(sql "SELECT stream, seq, code, content->>'lat', content->>'event_type' FROM alzy.rejected ORDER BY stream DESC" | sed 's/|[0-9.]*|$/|LAT|/')" \
	"$(printf 'points|777|conflict|LAT|\nevents|3|conflict||%s' "$(lite car 'SELECT event_type FROM events WHERE seq = 3')")" "… and is kept aside as it was recorded"
is "$(sql "SELECT round(lat) FROM alzy.points WHERE id = $base + 777")" 51 "… nothing is overwritten"
like "$(on car queue --rejected)" 'points +777 conflict' "… and the unit knows"
check
is "$?" 23 "check still finds them"
is "$(finds points conflict) $(finds events conflict)" "777-777 3-3" "… and knows of the conflicts"
is "$(on car queue retry --json)" '{"rows":0,"conflicts":2}' "conflicts are not offered again"
like "$(on car queue retry)" '^2 rows are in conflict, .* alzy verify --repair settles it' "… and what would help is said"
sql "UPDATE alzy.points SET lat = lat - 1 WHERE id = $base + 777; UPDATE public.events e SET event_type = s.event_type FROM saved_events s WHERE s.event_id = e.event_id"
verify
is "$? $(error)" "0 " "mended by hand, it is whole"
sql "DELETE FROM alzy.points WHERE id = $base + 778"
verify --repair
is "$? $(error)" "0 " "a repair then compares again what was a conflict"
is "$(sql 'SELECT count(*) FROM alzy.rejected') $(lite car 'SELECT count(*) FROM rejected')" "0 0" "… which is none any more, at the centre and on the unit"
ok "… and for check" central check

# ---- added by hand
sql "INSERT INTO alzy.points (id, device_id, lat, lng, recorded_at) VALUES ($base + 20000, 1, 1, 1, now()), ($base + 55, 1, 1, 1, now()), ($base + 7 * (1::bigint << 40), 1, 1, 1, now());
	INSERT INTO public.events (event_id, event_at, event_type) VALUES ($base + 500, now(), 'more')"
verify
is "$? $(said points) $(said events)" "23  / 55 / 20000  /  / 500" "rows added by hand"
agrees "added"
check
is "$? $(finds points unknown) $(finds points twice) $(finds events unknown)" "23 20000-20000 55-55 500-500" "check finds them"
is "$(json stray.points.0 <"$SCRATCH/check")" "$((base * 8))" "… and the one that is of no store"
central check >"$SCRATCH/check.text" 2>&1
like "$(cat "$SCRATCH/check.text")" '^store [-0-9a-f]{36}, device 1 car: 1 point \(20000\): in the table, and not said to be held$' "… in words"
like "$(cat "$SCRATCH/check.text")" "^1 point: with an id that is of no store, the first one $((base * 8))\$" "… each of them"
sql "DELETE FROM alzy.points WHERE id >= $base AND lat = 1 AND lng = 1; DELETE FROM public.events WHERE event_type = 'more'"
verify
is $? 0 "all as it was"

# ---- stretches that overlap: rows were taken out of table and ranges by hand, and came again with others
sql "UPDATE alzy.stores SET points_held = points_held - '{[7,9)}'; DELETE FROM alzy.points WHERE id - $base IN (7, 8)"
ok "rows that the centre has let go of by hand come again" on car sync
is "$(sql "SELECT count(*) FROM alzy.stretches a JOIN alzy.stretches b USING (store_number, stream) WHERE stream = 'points'
	AND a.first_seq < b.first_seq AND a.last_seq >= b.first_seq")" 1 "… as a stretch within another"
like "$(central check)" '^every range of 1 store is true; [0-9]+ points and [0-9]+ events are what was received$' "check looks at each for itself"
sql "UPDATE alzy.points SET lat = lat + 1 WHERE id = $base + 8"
check
is "$? $(finds points altered | grep -c .)" "23 1" "… and finds what is altered in both"
sql "UPDATE alzy.points SET lat = lat - 1 WHERE id = $base + 8"

# ---- stretches and ranges that somebody has lengthened by hand, before there are rows for them, and ranges that are shorter
check
is $? 0 "all as it was"
for stream in points events; do
	last=$(lite car "SELECT max(seq) FROM $stream")
	one="WHERE stream = '$stream' AND first_seq = (SELECT max(first_seq) FROM alzy.stretches WHERE stream = '$stream')"
	stretch=$(sql "UPDATE alzy.stretches SET last_seq = last_seq + 10 $one RETURNING first_seq || '-' || last_seq")
	check
	is "$? $(finds $stream altered)" "23 $stretch" "check finds a stretch of $stream that is longer"
	sql "UPDATE alzy.stretches SET last_seq = last_seq - 10 $one"
	sql "UPDATE alzy.stores SET ${stream}_held = ${stream}_held + int8multirange(int8range($last + 1, $last + 11))"
	check
	is "$? $(finds $stream lost)" "23 $((last + 1))-$((last + 10))" "… a range"
	sql "UPDATE alzy.stores SET ${stream}_held = ${stream}_held - int8multirange(int8range($last - 1, $last + 11))"
	check
	is "$? $(finds $stream unknown)" "23 $((last - 1))-$last" "… and one that is shorter"
	sql "UPDATE alzy.stores SET ${stream}_held = ${stream}_held + int8multirange(int8range($last - 1, $last + 1))"
done
check
is $? 0 "all as it was"

# ---- rejected rows: a rule of somebody's own
sql "ALTER TABLE alzy.points ADD CONSTRAINT not_there CHECK (lat <> 3) NOT VALID;
	ALTER TABLE public.events ADD CONSTRAINT not_this CHECK (event_type <> 'secret') NOT VALID"
on car mark --lat 3 --lng 4 "a \"note\"" >/dev/null
on car event secret '{"é": "\\u00e9 \" \\\\", "n": 1e5}' >/dev/null
on car sync >"$SCRATCH/rejected.log" 2>&1
verify
is "$? $(error)" "0 " "rejected rows are accounted for by name"
last=$(lite car 'SELECT max(seq) FROM points') secret=$(lite car "SELECT seq FROM events WHERE event_type = 'secret'")
is "$(fate points rejected) $(fate events rejected)" "$last $secret" "… each of them"
like "$(sentence)" "central accounts for points 1..$last and events 1..[0-9]+ of this store: rejected points $last; rejected events $secret" "… in the sentence"
agrees "rejected"
ok "check knows of them" central check
sql "UPDATE alzy.rejected SET content = jsonb_set(content, '{lng}', '4.0000001') WHERE code <> 'conflict' AND stream = 'points'"
verify
is "$? $(fate points differing)" "23 $last" "a rejected row altered by hand is found"
sql "DELETE FROM alzy.rejected WHERE code <> 'conflict'; ALTER TABLE alzy.points DROP CONSTRAINT not_there; ALTER TABLE public.events DROP CONSTRAINT not_this"
verify
is "$? $(fate points missing) $(fate events missing)" "23 $last $secret" "one that is no longer kept is missing"
check
is "$? $(finds points rejected_lost)" "23 $last-$last" "… for check, too"
verify --repair
is "$? $(error)" "0 " "… and repaired, now that the rule is gone"
is "$(fate points rejected)" "" "… it is held"
agrees "no longer rejected"

# ---- the whole store forgotten
sql "TRUNCATE alzy.points, alzy.stretches, alzy.rejected, alzy.last_positions; DELETE FROM public.events"
verify
is "$? $(fate points missing | wc -w)" "23 $last" "a store of which nothing is left"
verify --repair
is "$? $(error)" "0 " "… is sent again"
agrees "all again"
ok "check" central check
sql "TRUNCATE alzy.points, alzy.stretches, alzy.rejected, alzy.checkpoints, alzy.stores; DELETE FROM public.events"
verify --repair
is "$? $(error)" "0 " "one that the centre does not even know"
ok "check" central check

# ---- asked from the other side
proofs() { central verify --device 1 "$@" --json >"$SCRATCH/proofs" 2>"$SCRATCH/proofs.log"; } # the exit status is that of verify
proof() { json "proofs.0.$1" <"$SCRATCH/proofs"; }
on car sync >/dev/null
is "$(sql "SELECT count(verify_asked_at) FROM alzy.stores")" 0 "nobody has asked the unit yet"
proofs
is "$? $(proof open) $(proof sentence)" "0 true null" "the unit is asked, and has not answered yet"
is "$(on car sync --json | json proof)" "$(on car verify)" "it proves at its next call"
proofs --show
is "$? $(proof open) $(proof outcome) $(proof sentence)" "0 false whole $(on car verify)" "… as the centre is told"
is "$(on car sync --json | json proof)" null "… once"
like "$(central verify --device 1)" "by its unit, 20[0-9T:.-]+Z: central holds points 1" "… and tells people; and asks anew"
altered_seq=$(lite car 'SELECT max(seq) FROM points')
number=$(sql "SELECT max(number) FROM alzy.stores")
sql "UPDATE alzy.points SET lat = lat + 1 WHERE id = ($number::bigint << 40) + $altered_seq"
on car event poke >/dev/null
syncd_start car
await sql_is "SELECT proof_outcome FROM alzy.stores" differs
is "$(sql "SELECT proof_outcome FROM alzy.stores")" differs "alzy-syncd answers as well"
stop syncd-car
refuses "what differs is a fault" 23 "by its unit, .*differing points $altered_seq" central verify --device 1 --show
like "$(central status --json)" 'differs' "status shows it"
like "$(central status)" '^[0-9a-f]{8}  .*proof of 20.* UTC: differs' "… to people, too"
sql "UPDATE alzy.points SET lat = lat - 1 WHERE id = ($number::bigint << 40) + $altered_seq"
proofs
is $? 23 "mended, it stays so"
ok "… until the unit" on car sync
proofs --show
is "$? $(proof outcome)" "0 whole" "… has proved it"
refuses "only those that there are" 4 'no store of device 99' central verify --device 99
# … by a centre that has lost rows
sql "UPDATE alzy.points SET lat = lat + 1 WHERE id = ($number::bigint << 40) + $altered_seq;
	DELETE FROM alzy.points WHERE id BETWEEN ($number::bigint << 40) + 20 AND ($number::bigint << 40) + 30;
	DELETE FROM public.events WHERE event_id = ($number::bigint << 40) + 2"
refuses "rows are gone" 23 '11 points \(20-30\): said to be held, and in no table' central verify --device 1
said=$(on car sync --json)
is "$(json points <<<"$said") $(json events <<<"$said") $(json remaining <<<"$said")" "11 1 0" "their unit sends them again by itself"
refuses "… and proves it; what differs is for people" 23 "by its unit, .*: differing points $altered_seq\$" central verify --device 1 --show
sql "UPDATE alzy.points SET lat = lat - 1 WHERE id = ($number::bigint << 40) + $altered_seq"
is "$(sql "SELECT count(*) FROM alzy.rejected WHERE code = 'conflict'")" 0 "… and nothing of it is kept aside"
on car verify >/dev/null
central verify --device 1 >/dev/null
on car sync >/dev/null
ok "all is well again" central check
# … an answer that was changed on its way
proxy=$(free_port)
mkdir "$SCRATCH/proxy"
printf '%s\n' spoilt "pass 0 0" "turn-answer 0 0.5" "pass 0 0" "turn-answer 0 0.5" >"$SCRATCH/proxy/plan"
start proxy perl "$RIG/proxy.pl" "$proxy" "$SCRATCH/proxy" "$CENTRAL_PORT"
await log_has proxy listening || die "no proxy"
sqlite3 "$SCRATCH/car/store.db" "UPDATE centre SET url = 'http://127.0.0.1:$proxy'"
ok "the unit is asked" central verify --device 1
ok "a proof that a changed answer has cut short is no failure of a sync" on car sync
proofs --show
is "$? $(proof open)" "0 true" "… and stays open"
on car event poke >/dev/null
syncd_start car
await sql_is "SELECT count(*) FROM public.events WHERE event_type = 'poke'" 2
ok "nor does it end alzy-syncd" stop syncd-car
ok "the next one" on car sync
proofs --show
is "$? $(proof open) $(proof outcome)" "0 false whole" "… proves it"
sqlite3 "$SCRATCH/car/store.db" "UPDATE centre SET url = '$CENTRAL_URL'"

# ---- asked by a stick
mkdir "$SCRATCH/stick"
by_stick() { # an event goes by stick, and its receipt comes back; prints what sync --from says
	on car event by_stick >/dev/null && on car sync --to "$SCRATCH/stick" >/dev/null && central import "$SCRATCH/stick" >/dev/null &&
		on car sync --from "$SCRATCH/stick" "$@"
}
ok "the unit is asked" central verify --device 1
by_stick --json >"$SCRATCH/taken"
is "$(json applied <"$SCRATCH/taken")" 1 "by the receipt of a stick"
like "$(json verify_asked_at <"$SCRATCH/taken")" '^20[0-9T:.-]+Z$' "… as it tells"
like "$(by_stick)" '^asked .*no stick carries: .*next alzy sync' "… also to people, with what that takes"
proofs --show
is "$(proof open)" true "no stick answers"
like "$(central verify --device 1 --show)" 'answers when it calls next over a network' "… which the centre knows"
is "$(on car sync --json | json proof)" "$(on car verify)" "a network does"
is "$(by_stick --json | json verify_asked_at)" null "… once"
proofs --show
is "$(proof open) $(proof outcome)" "false whole" "… and that is held"

# ---- who may ask
unit stranger gnss.source="replay:$SCRATCH/drive.json"
mkdir -p "$SCRATCH/stranger"
cp "$SCRATCH/car/store.db" "$SCRATCH/stranger/store.db"
on stranger session list >/dev/null
ALZY_CONFIG=$SCRATCH/stranger/alzy.conf
(umask 077; head -c 32 /dev/urandom | perl -MMIME::Base64 -0777 -ne '$_ = encode_base64($_, ""); tr{+/=}{-_}d; print "alzy-key-1 $_\n"' >"$SCRATCH/stranger/store.db.key")
unset ALZY_CONFIG
refuses "a stranger is told nothing" '17' 'stranger' on stranger verify
central_stop
refuses "without a centre there is no proof" 15 . on car verify
done_testing
