#!/bin/bash
# The centre goes back in time: it is restored from a real dump, loses a store, a device, or the pairing. The next exchange
# heals it, whoever makes it and whatever had come by stick meanwhile.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
central_init
central_start || die "no centre: $(log_of central)"

month=0
drive() { replay_drive "$1" $((1600000000 + 2700000 * month++)) "$2"; } # NAME COUNT: so many fixes more, each time in another month
whole() { # NAME DESCRIPTION
	once "$1" "$2"
	ok "… and alzy verify says so" on "$1" verify
	ok "… and alzy-central check" central check
}
held() { sql "SELECT count(*) FROM alzy.points p JOIN alzy.devices d ON d.id = p.device_id WHERE d.name = '$1'"; } # NAME

dump empty # of before any unit
for name in car van; do
	unit "$name" gnss.source="replay:$SCRATCH/drive.json" sync.batch_points=100 sync.interval=1s
	drive "$name" 250
done
people() { sql "INSERT INTO public.organizations VALUES (7, 'Fleet'); INSERT INTO public.users VALUES ('ana', 'Ana', 7)" || die "no people"; }
people
link=$(pair_link car)
dump unpaired # of before the pairing, with its link
on car pair "$link" >"$SCRATCH/said" || die "not paired"
pair van
for name in car van; do ok "$name sends" on "$name" sync; done
session=$(on car session list --json | json 0.session_id)
dump first

# ---- an older dump
drive car 250
drive van 50
for name in car van; do ok "$name sends more" on "$name" sync; done
sql "UPDATE public.sessions SET user_id = 'ana', start_at = start_at - interval '1 hour' WHERE session_id = '$session'"
ok "what somebody has said of a session there is heard of" on car sync
is "$(on car session show "$session" --json | json user_id)" ana "… indeed"
is "$(on car sync --json | json sessions)" 0 "… and the centre knows that"
dump second
restore first
is "$(held car)" 250 "the centre is back at its first dump"
is "$(unsent car)" 0 "the unit believes what it was told …"
refuses "… but alzy verify asks" 23 'missing' on car verify
ok "the next sync, with nothing to send, sends it again" on car sync
is "$(unsent car)" 0 "… all of it"
whole car "from an older dump"
is "$(held van)" 250 "the other unit has not been there yet"
syncd_start van || die "no syncd"
all_of_van() { [ "$(held van)" = 300 ]; }
AWAIT_SECONDS=40 await all_of_van
tap $? "… alzy-syncd finds out by itself"
stop syncd-van
whole van "from an older dump, by alzy-syncd"

# ---- forward again, to a dump of a time that was undone since
drive car 100
ok "sync" on car sync
restore second
ok "sync" on car sync
whole car "from a dump of another past"

# ---- sticks of before
drive car 150
mkdir "$SCRATCH/stick"
on car sync --to "$SCRATCH/stick" >"$SCRATCH/said"
ok "a stick is imported" central import "$SCRATCH/stick"
restore first
ok "sync" on car sync
said=$(on car sync --from "$SCRATCH/stick" --json)
is "$(json applied <<<"$said")" 0 "receipts of before that make nobody forget"
whole car "with a stick's receipts of before"
restore first
ok "the stick is imported again" central import "$SCRATCH/stick"
ok "the receipts are taken" on car sync --from "$SCRATCH/stick"
ok "sync" on car sync
whole car "with a stick of before"

# ---- a unit that no network reaches
by_stick() { # what sync --from says
	rm -rf "$SCRATCH/stick" && mkdir "$SCRATCH/stick"
	on car sync --to "$SCRATCH/stick" >"$SCRATCH/said" && central import "$SCRATCH/stick" >"$SCRATCH/said" && on car sync --from "$SCRATCH/stick" "$@"
}
restore first
drive car 20
like "$(by_stick)" '^centre +went back to an earlier state' "by stick alone a unit is told, too"
is "$(by_stick --json | perl -ne 'print join " ", /"(?:forgotten|remaining)":(\w+)/g')" "0 false" "… and the next stick carries what is not there"
whole car "by sticks alone"

# ---- a store that is forgotten altogether
forget() { # NAME [SESSIONS]
	sql "BEGIN; CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT number, store_id FROM alzy.stores WHERE store_id = '$(store_uuid "$1")';
		DELETE FROM alzy.points WHERE id >> 40 IN (SELECT number FROM gone); DELETE FROM public.events WHERE event_id >> 40 IN (SELECT number FROM gone);
		DELETE FROM alzy.rejected WHERE store_number IN (SELECT number FROM gone); DELETE FROM alzy.stretches WHERE store_number IN (SELECT number FROM gone);
		CREATE TEMP TABLE journeys ON COMMIT DROP AS SELECT session_id FROM alzy.sessions WHERE store_id IN (SELECT store_id FROM gone) AND '${2:-}' <> '';
		DELETE FROM alzy.sessions WHERE session_id IN (SELECT session_id FROM journeys);
		DELETE FROM public.sessions WHERE session_id IN (SELECT session_id FROM journeys);
		DELETE FROM alzy.stores WHERE number IN (SELECT number FROM gone); COMMIT"
}
ok "the store is forgotten" forget car
ok "sync" on car sync
whole car "forgotten"
ok "… with its journeys" forget car journeys
ok "sync" on car sync
whole car "forgotten with its journeys"

# ---- a dump in which the unit is not paired, or not known at all
restore unpaired
refuses "a unit that is not known is not served" '17|18' . on car sync
is "$(unsent car)" 0 "… and that nobody signed changes nothing"
ok "the same link again" on car pair "$link"
ok "sync" on car sync
whole car "paired anew with the same link"
restore empty
refuses "not even its device is there" '17|18' . on car sync
central account add --name Tester >"$SCRATCH/said" 2>&1
central machine add --id van >"$SCRATCH/said" 2>&1
people
pair car
ok "paired with a new device" on car sync
whole car "as a new device"

# ---- a store that has forked: what it has left is asked for, too
dump third
drive car 60
ok "sync" on car sync
ok "a fork" on car store fork
drive car 30
ok "sync" on car sync
restore third
ok "sync" on car sync
is "$(held car)" "$(lite car 'SELECT count(*) FROM points')" "the rows of both stores are sent again"
ok "… and alzy verify says so" on car verify
# … also when that is heard while the unit looks for what of a batch the database refuses.
dump fourth
drive car 20
ok "sync" on car sync
restore fourth
drive car 20
sql "ALTER TABLE alzy.stretches ADD CONSTRAINT short CHECK (last_seq - first_seq < 7) NOT VALID"
ok "sync" on car sync
is "$(unsent car)" 0 "all of both stores is known to be there"
sql "ALTER TABLE alzy.stretches DROP CONSTRAINT short"
is "$(held car)" "$(lite car 'SELECT count(*) FROM points')" "… and so it is"
ok "… as alzy verify says, too" on car verify

# ---- as whoever has nothing but a dump: the rights of the gateway are not in it
central_stop
sql "REVOKE ALL ON SCHEMA alzy FROM gate"
central_start
is $? 1 "without its rights a gateway does not start"
like "$(log_of central)" 'permission denied for schema alzy.*: alzy-central migrate --role gives' "… and says how to get them"
central_stop
ok "they are given" central migrate --role gate
ok "… and it serves" central_start
ok "sync" on car sync
# ---- rows without their sequences, as by a part of a dump: the next ids are taken
sql "SELECT setval(pg_get_serial_sequence('alzy.sessions', 'id'), 1, false), setval(pg_get_serial_sequence('alzy.stores', 'number'), 1, false),
	setval(pg_get_serial_sequence('alzy.devices', 'id'), 1, false)" >"$SCRATCH/said"
number=$(($(sql "SELECT max(number) FROM alzy.stores") + 1))
id="($number::bigint << 40) + 1" # of a store that is not there
sql "INSERT INTO public.events (event_id, event_type, event_at) OVERRIDING SYSTEM VALUE VALUES ($id, 'stray', now())"
on car session end >"$SCRATCH/said" 2>&1
on car session start >"$SCRATCH/said" || die "no session"
drive car 20
refuses "a session whose id is taken is no session's fault" 16 503 on car sync
like "$(log_of central)" 'ids of alzy.sessions are behind its rows: alzy-central migrate mends that' "… as the centre says"
ok "migrate" central migrate --role gate
ok "sync" on car sync
is "$(sql 'SELECT count(*) FROM alzy.rejected')" 0 "… and nothing was rejected"
ok "a device has an id of its own" central device add --account 1 --name boat
ok "a fork" on car store fork
ok "… of which something is there" on car event forked
ok "sync" on car sync
is "$(sql "SELECT max(number) > $number FROM alzy.stores")" t "a store gets no number under which rows lie already"
sql "DELETE FROM public.events WHERE event_id = $id"
ok "alzy verify says that all is there" on car verify
ok "… and alzy-central check" central check
done_testing
