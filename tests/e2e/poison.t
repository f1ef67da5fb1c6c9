#!/bin/bash
# Rows that somebody will not take: a database with constraints and triggers of its owner's, a gateway that refuses whole
# batches. The culprits are named and kept on both sides, nothing waits for them, and they can be offered again.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
proxy=$(free_port)
central_init
central_start || die "no centre: $(log_of central)"
unit car gnss.source="replay:$SCRATCH/drive.json" sync.timeout=5s sync.batch_points=400
seen=0
drive() { # NAME [COUNT]: so many more points, one a second; the speed is the number of the row, in cm/s, and the way fits it
	local count=${2:-100}
	perl -e 'for ($ARGV[0] + 1 .. $ARGV[0] + $ARGV[1]) { my @t = gmtime 1714557600 + $_; printf qq({"class":"TPV","device":"d","mode":3,"time":"2024-%02d-%02dT%02d:%02d:%02d.000Z","lat":%.7f,"lon":8.1,"speed":%.2f}\n), $t[4] + 1, @t[3, 2, 1, 0], 50 + $_ ** 2 / 2.2264e7, $_ / 100 }' \
		$seen "$count" >"$SCRATCH/drive.json"
	seen=$((seen + count))
	replay "$1" || die "no recording: $(log_of "agent-$1")"
}
held() { sql 'SELECT count(*) FROM alzy.points'; }
aside() { sql "SELECT coalesce(string_agg(seq || ' ' || code, ', ' ORDER BY seq), 'none') FROM alzy.rejected WHERE stream = 'points'"; }
unsent() { on car status --json | json points.unsent; }
rejected() { on car queue --rejected --json | json "$1"; }

# ---- rows that the database refuses, and what becomes of them
drive car 1000
pair car
sql 'ALTER TABLE alzy.points ADD CONSTRAINT slow CHECK (speed NOT BETWEEN 0.1 AND 0.12)'
ok "a drive with three rows that a constraint refuses" on car sync
is "$(held) $(aside)" "997 10 23514, 11 23514, 12 23514" "… the others are held, and these kept aside"
is "$(unsent)" 0 "… nothing waits for them"
is "$(rejected 1.seq) $(rejected 1.code) $(rejected 1.content.speed) $(rejected 1.content.lat) $(rejected 1.content.source)" \
	"11 23514 0.11 50.0000054 gps" "queue --rejected shows the row in full"
like "$(rejected 1.reason)" 'check constraint "slow"' "… and why"
like "$(on car queue --rejected)" '^points +12 23514 .*"slow".*"speed":0.12' "… to people, too"
ok "they are offered again" on car queue retry
is "$(unsent)" 3 "… so they are unsent"
ok "… and sent" on car sync
is "$(held) $(aside) $(unsent)" "997 10 23514, 11 23514, 12 23514 0" "the constraint refuses them still"
sql 'ALTER TABLE alzy.points DROP CONSTRAINT slow; ALTER TABLE alzy.points ADD CONSTRAINT other CHECK (speed <> 0.11)'
refuses "what is no row is no row" 2 '"12-" is no list' on car queue retry 12-
is "$(on car queue retry 12 events:1 --json)" '{"rows":2,"conflicts":0}' "one of them is offered, and one that is held"
ok "… and sent" on car sync
is "$(held) $(aside)" "998 10 23514, 11 23514" "it is held now, and aside no more"
is "$(on car queue retry 4000 2>&1)" "there is no row to offer that is not offered already" "a row that was never recorded"
mkdir "$SCRATCH/stick"
ok "the others are offered" on car queue retry
ok "… by a stick" on car sync --to "$SCRATCH/stick"
ok "… which is imported" central import "$SCRATCH/stick"
is "$(held) $(aside)" "999 11 23514" "the good one is held"
like "$(sql 'SELECT reason FROM alzy.rejected')" '"other"' "… the other one has a new reason"
is "$(unsent)" 2 "… and until the receipt is back the unit does not know"
ok "the receipts come back" on car sync --from "$SCRATCH/stick"
is "$(unsent) $(on car queue --rejected --json | grep -o '"seq":[0-9]*' | tr '\n' ' ')" '0 "seq":11 ' "… then it does"
sql 'ALTER TABLE alzy.points DROP CONSTRAINT other'
ok "alzy-central check finds ranges and rows in agreement" central check
ok "the last one" on car queue retry 11
ok "… is sent" on car sync
is "$(held) $(aside)" "1000 none" "every row is held"
ok "alzy verify proves it" on car verify

# ---- a trigger of somebody's own
sql "CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'not on my watch'; END \$\$;
	CREATE TRIGGER picky BEFORE INSERT ON alzy.points FOR EACH ROW WHEN (NEW.speed = 10.5) EXECUTE FUNCTION picky();
	CREATE CONSTRAINT TRIGGER picky AFTER INSERT ON public.events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
		WHEN (NEW.event_type = 'bad') EXECUTE FUNCTION picky()"
drive car 100
on car event bad >"$SCRATCH/said"
on car event good >"$SCRATCH/said"
ok "a drive, one point and one event of which triggers refuse" on car sync
is "$(held) $(aside) $(unsent)" "1099 1050 P0001 0" "… they are set aside, and nothing else"
is "$(sql "SELECT count(*) FROM public.events WHERE event_type IN ('good', 'bad')")" 1 "… the event at COMMIT"
sql 'DROP TRIGGER picky ON alzy.points; DROP TRIGGER picky ON public.events'
ok "they are offered again" on car queue retry
ok "… and taken" on car sync
is "$(held) $(aside) $(sql "SELECT count(*) FROM public.events WHERE event_type IN ('good', 'bad')")" "1100 none 2" "… both of them"
ok "alzy verify proves it" on car verify
ok "alzy-central check, too" central check

# ---- a session that is refused takes its rows with it
sql "ALTER TABLE public.sessions ADD CONSTRAINT away CHECK (start_at < '2024-05-01 10:18:20') NOT VALID"
before=$(held)
drive car 50
session=$(lite car 'SELECT session_id FROM sessions ORDER BY id DESC LIMIT 1')
requests=$(grep -c '/v1/batches' "$SCRATCH/central.log")
refuses "a drive whose session a constraint refuses" 21 "1 row is still unsent; the centre refuses session $session: .*\"away\"" on car sync
is "$(held) $(unsent)" "$before 0" "… its points are not held, and none waits"
is "$(sql "SELECT count(*), count(DISTINCT reason), min(code) FROM alzy.rejected WHERE stream = 'points'")" "50|1|23514" "… they are kept aside together"
like "$(sql "SELECT DISTINCT reason FROM alzy.rejected")" "^session $session: .*\"away\"" "… and the reason names the session"
is "$(sql "SELECT count(*) FROM public.sessions WHERE session_id = '$session'")" 0 "… which is not held"
[ $(($(grep -c '/v1/batches' "$SCRATCH/central.log") - requests)) -le 3 ]
tap $? "… within three requests"
refuses "it is offered again with each run" 21 "the centre refuses session $session" on car sync
is "$(on car sync --json 2>"$SCRATCH/said" | json refused_sessions)" 1 "… --json counts it"
sql 'ALTER TABLE public.sessions DROP CONSTRAINT away'
ok "the constraint is gone: the session is sent" on car sync
is "$(sql "SELECT count(*) FROM public.sessions WHERE session_id = '$session'") $(held)" "1 $before" "… and held"
ok "its rows are offered again" on car queue retry
ok "… and sent" on car sync
is "$(held) $(aside)" "$((before + 50)) none" "they are held"
ok "alzy verify proves it" on car verify
ok "alzy-central check, too" central check

# ---- batches that the centre refuses as a whole: here for a constraint on a table where no single row can be set aside
drive car 1000
on car event odd >"$SCRATCH/said"
event=$(lite car 'SELECT max(seq) FROM events')
on car event even >"$SCRATCH/said"
on car event private >"$SCRATCH/said"
on car queue drop "events:$((event + 2))" --reason private --yes >"$SCRATCH/said" || die "nothing is dropped"
sql "ALTER TABLE alzy.stretches ADD CONSTRAINT odd CHECK (NOT (stream = 'points' AND (1234 BETWEEN first_seq AND last_seq
	OR 1500 BETWEEN first_seq AND last_seq) OR stream = 'events' AND $event BETWEEN first_seq AND last_seq)) NOT VALID"
ok "a drive with three rows that no batch may have" on car sync
is "$(held) $(unsent)" "2148 0" "all others are held, and nothing waits"
is "$(sql "SELECT count(*) FROM public.events WHERE event_type IN ('odd', 'even')")" 1 "… events as well"
is "$(on car queue --rejected --json | grep -oE '"(seq|code)":[^,]*' | tr '\n' ' ')" \
	"\"seq\":1234 \"code\":\"refused\" \"seq\":1500 \"code\":\"refused\" \"seq\":$event \"code\":\"refused\" " "they are set aside on the unit"
is "$(sql 'SELECT events_dropped FROM alzy.stores')" "{[$((event + 2)),$((event + 3)))}" "… and what was dropped is told in spite of them"
like "$(rejected 0.reason)" 'HTTP status 500' "… with what the centre has said"
is "$(rejected 0.content.speed)" 12.34 "… in full"
[ "$(grep -c '/v1/batches' "$SCRATCH/central.log")" -lt 100 ]
tap $? "… within a bounded number of requests" || diag "$(grep -c '/v1/batches' "$SCRATCH/central.log")"
refuses "alzy verify says that they are not there" 21 . on car verify
drive car 10
ok "what is recorded since is sent" on car sync
is "$(held) $(unsent)" "2158 0" "… at once"
ok "the rows are offered once more" on car queue retry
ok "… in vain" on car sync
is "$(held) $(unsent)" "2158 0" "… they are aside again"

# ---- but an outage sets nothing aside
sql "ALTER TABLE alzy.stretches DROP CONSTRAINT odd; ALTER TABLE alzy.stores ADD CONSTRAINT broken CHECK (exchange < 1) NOT VALID"
ok "the rows are offered once more" on car queue retry
refuses "to a centre that has a fault in whatever it does" 16 'HTTP status 500' on car sync
is "$(unsent) $(on car queue --rejected --json)" "2 []" "… no row is guilty of that"
sql "ALTER TABLE alzy.stores DROP CONSTRAINT broken"
proxy_start "$proxy"
sqlite3 "$SCRATCH/car/store.db" "UPDATE centre SET url = 'http://127.0.0.1:$proxy'"
for answer in 'refuse 400 VERSION' 'refuse 400 INVALID' 'refuse 413 LIMIT' 500 nothing; do
	mode "$answer"
	refuses "to one that answers '$answer'" '15|16|17' . on car sync
	is "$(unsent) $(on car queue --rejected --json)" "2 []" "… nor of that"
done
mode 'refuse 413 LIMIT 700'
drive car 1000
ok "through a proxy that is too narrow for large batches" on car sync
is "$(held) $(unsent) $(on car queue --rejected --json)" "3160 0 []" "all gets through, in small ones"
mode pass
ok "alzy verify proves it" on car verify

# ---- a card that becomes another device, in the middle of a journey
number() { sql "SELECT id FROM alzy.devices WHERE name = '$1'"; }
journeys() { # NAME: status of those of this device, and how many events are in each
	sql "SELECT s.status || ' ' || (SELECT count(*) FROM public.events v WHERE v.session_id = s.session_id) FROM alzy.sessions s
		WHERE s.device_id = $(number "$1") ORDER BY s.id"
}
unit lorry
pair lorry
on lorry session start --user driver --force >"$SCRATCH/said"
session=$(lite lorry 'SELECT session_id FROM sessions')
ok "a card of one device" on lorry sync
on lorry event mine >"$SCRATCH/said"
ok "… becomes that of another" on lorry pair --new-key "$(pair_link truck)" >"$SCRATCH/said"
like "$(on lorry store list --json)" '"because":"person"' "what comes is another store's"
is "$(lite lorry "SELECT group_concat(status || ' ' || user_id, ', ') FROM sessions")" "ended driver, active driver" "… and in another journey"
on lorry event theirs >"$SCRATCH/said"
refuses "what it has of before is refused, and how to go on is said" 17 "device pair --again $(number lorry)\).*queue drop.*store fork" on lorry sync
is "$(on lorry queue --rejected --json) $(on lorry queue --json | json events.ranges)" "[] [[2,2]]" "nothing is set aside, and what is left of before is named"
is "$(journeys lorry) / $(journeys truck)" "active 1 / active 2" "what is new is sent, in a journey of the new device"
refuses "the other one's journey is unsent no more" 17 . on lorry sync --json
is "$(on lorry status --json | json sessions.unsent)" 0 "… and nobody minds"
like "$(on lorry status --json | json refusal)" 'belongs to another device' "alzy status tells what is refused, whatever else is taken"
on lorry verify --json >"$SCRATCH/verify"
like "$? $(json left.0.refused <"$SCRATCH/verify") $(json sentence <"$SCRATCH/verify")" '^21 .*belongs to another device .* central holds events 1\.\.2 of this store' \
	"alzy verify proves what the device has, and counts what is left as unsent"
ok "the centre asks for a proof" central verify --device "$(number truck)"
on lorry sync >"$SCRATCH/said" 2>&1
like "$(central verify --device "$(number truck)" --show)" 'by its unit, .*: central holds events 1\.\.2 of this store' "… and gets one"

# ---- … and that of the first one again
ok "as the first device again" on lorry pair --new-key "$(central device pair --again "$(number lorry)" --json | json link)" >"$SCRATCH/said"
ok "what was left goes" on lorry sync
is "$(journeys lorry) / $(journeys truck)" "ended 2
active 1 / active 2" "its journey ends there, too, with all of its rows"
is "$(sql "SELECT ended_at = started_at FROM alzy.sessions WHERE session_id = '$session'")" t "… when it was heard of last"
ok "that one's journey is paused" on lorry session pause
ok "the other device once more" on lorry pair --new-key "$(central device pair --again "$(number truck)" --json | json link)"
is "$(lite lorry "SELECT count(*) || max(status) FROM sessions WHERE status <> 'ended'")" "1paused" "what a person has paused stays so"
ok "unpaired, and as the first one" on lorry unpair
ok "… it begins anew as well" on lorry pair --new-key "$(central device pair --again "$(number lorry)" --json | json link)"
is "$(lite lorry "SELECT count(*) || max(status) FROM sessions WHERE status <> 'ended'") $(lite lorry 'SELECT count(*) FROM identities')" "1paused 5" "… in a journey and a store of its own"
ok "the centre's own check finds no fault" central check
done_testing
