#!/bin/bash
# Who and what: reference data comes down, and a session that is changed on both sides becomes one. Edits at the centre
# are plain SQL, by somebody who knows nothing of alzy.
. "$(dirname "$0")/../lib/rig.sh"

# SESSION [NAME]: as the unit, alzy.sessions and public.sessions have it: user machine application status started ended, in ms.
at_unit() {
	lite "${2:-car}" "SELECT coalesce(user_id, '-') || ' ' || coalesce(machine_id, '-') || ' ' || coalesce(application_id, '-') || ' ' ||
		status || ' ' || started_at || ' ' || coalesce(ended_at, '-') FROM sessions WHERE session_id = '$1'"
}
at_centre() {
	sql "SELECT concat_ws(' ', coalesce(p.user_id, '-'), coalesce(machine_id, '-'), coalesce(application_id::text, '-'), status,
			floor(extract(epoch FROM started_at) * 1000)::bigint,
			coalesce(floor(extract(epoch FROM ended_at) * 1000)::bigint::text, '-'))
		FROM public.sessions p JOIN alzy.sessions s USING (session_id) WHERE session_id = '$1'
			AND start_at IS NOT DISTINCT FROM started_at AT TIME ZONE 'UTC'
			AND end_at IS NOT DISTINCT FROM ended_at AT TIME ZONE 'UTC'"
}
who() { at_unit "$1" | cut -d' ' -f1-4; } # SESSION: user machine application status
same() {                                  # SESSION DESCRIPTION [NAME]: both sides, and both tables there, say the same
	is "$(at_unit "$1" "${3:-car}")" "$(at_centre "$1")" "$2: unit, alzy.sessions and public.sessions are the same"
}
field() { on car session show "$1" --json | json "$2"; } # SESSION PATH
new_session() { on car session start "$@" --json | json session_id; }

postgres_start
central_init
sql "INSERT INTO public.organizations VALUES (7, 'Fleet'), (8, 'Others');
	INSERT INTO public.applications VALUES (3, 'Harvest'), (4, 'Snow');
	INSERT INTO public.users VALUES ('ana', 'Ana Silva', 7), ('bo', 'Bo \"the\" Ünal', 7), ('eve', 'Eve', 8);
	INSERT INTO public.application_users VALUES (1, 3, 'ana'), (2, 4, 'bo'), (3, 4, 'eve');
	INSERT INTO public.machines (machine_id, serial_no, operation_start_date, organization_id)
		VALUES ('truck', 'SN-1', '2020-02-29', 7), ('theirs', NULL, NULL, 8);
	UPDATE public.machines SET organization_id = 7 WHERE machine_id = 'van'" || die "no people"
central_start || die "no centre: $(log_of central)"
unit car

# ---- reference data
ok "before any sync every name will do" on car session start --user who-knows --machine any --application 99
ok "… and the session ends" on car session end
pair car
ok "the first sync" on car sync
is "$(lite car 'SELECT * FROM organizations')" "7|Fleet" "the unit's organization comes down, and no other"
is "$(lite car 'SELECT * FROM users ORDER BY 1' | tr '\n' ' ')" 'ana|Ana Silva|7 bo|Bo "the" Ünal|7 ' "… its people"
is "$(lite car 'SELECT * FROM application_users ORDER BY 1' | tr '\n' ' ')" "1|3|ana 2|4|bo " "… with their applications"
is "$(lite car 'SELECT * FROM applications ORDER BY 1' | tr '\n' ' ')" "3|Harvest 4|Snow " "… the applications"
is "$(lite car 'SELECT * FROM machines ORDER BY 1' | tr '\n' ' ')" "truck|SN-1|2020-02-29|7 van|||7 " "… and its machines"
is "$(lite car 'SELECT name, color, machine_id, is_active FROM devices')" "car||van|1" "the device's own row, too"
lite car "SELECT hex(reference_digest) FROM centre" >"$SCRATCH/digest"
first=$(on car session list --json | json 0.session_id)
is "$(field "$first" lost_references)" "user_id machine_id application_id" "what the centre does not know of the session is told"
like "$(on car session show "$first")" "^Lost +user_id" "… also to people"
is "$(at_centre "$first" | cut -d' ' -f1-4)" "- - - ended" "… and it is held without"

central_stop
refuses "nobody's name is refused without a network" 4 'known here as "anna"; like it: ana \(Ana Silva\); the centre has told of 2 people' \
	on car session start --user anna
refuses "… nor are people of others known" 4 'known here as "eve"' on car session start --user eve
refuses "a machine that is none" 4 'known here as "trukc"; like it: truck \(SN-1\)' on car session start --machine trukc
refuses "an application that is none" 4 'known here as "5"; the centre has told of 2 applications' on car session start --application 5
refuses "… nor by that name" 4 'like it: 3 \(Harvest\)' on car session start --application harvests
refuses "an application that this person may not use" 4 'ana may not use application 4; --force' on car session start --user ana --application snow
is "$(on car session list --json | json '#')" 1 "nothing of that has begun a session"
id=$(new_session)
is "$(who "$id")" "- van - active" "who names no machine drives the device's"
on car session end >"$SCRATCH/said"
id=$(new_session --user ana --machine van --application harvest)
is "$(who "$id")" "ana van 3 active" "those who are known are taken, an application also by its name"
on car session end >"$SCRATCH/said"
forced=$(new_session --user newcomer --machine truck --force)
is "$(who "$forced")" "newcomer truck - active" "--force takes somebody not known yet"
central_start || die "no centre"
ok "a person joins, another leaves, the car is renamed" sql "INSERT INTO public.users VALUES ('newcomer', 'New', 7);
	DELETE FROM public.application_users WHERE user_id = 'bo'; DELETE FROM public.users WHERE user_id = 'bo';
	UPDATE public.organizations SET organization_name = 'Fleet 2' WHERE organization_id = 7;
	UPDATE alzy.devices SET name = 'car 2', color = 'red', machine_id = 'truck'"
ok "sync" on car sync
is "$(lite car 'SELECT group_concat(user_id) FROM users; SELECT organization_name FROM organizations;
	SELECT name, color, machine_id FROM devices; SELECT count(*) FROM application_users' | tr '\n' ' ')" \
	"ana,newcomer Fleet 2 car 2|red|truck 1 " "all of it replaces what there was"
is "$(field "$forced" lost_references)" null "the newcomer is known by now"
[ "$(lite car "SELECT hex(reference_digest) FROM centre")" != "$(cat "$SCRATCH/digest")" ]
tap $? "the digest is another"
same "$forced" "a session with a newcomer"
size=$(on car sync --json | json bytes_received)
[ "$size" -lt 400 ]
tap $? "reference data that is the same does not come again ($size bytes)"

# ---- edits by plain SQL, each in either table
ok "who and what in public.sessions" sql "UPDATE public.sessions SET user_id = 'ana', machine_id = NULL, application_id = 4 WHERE session_id = '$forced'"
said=$(on car sync --json)
is "$? $(json remaining <<<"$said")" "0 0" "it comes with the next sync, and the centre is told so"
is "$(who "$forced")" "ana - 4 active" "the unit has it"
same "$forced" "who and what"
is "$(lite car "SELECT revision FROM sessions WHERE session_id = '$forced'")" 1 "that is no change by the unit"
is "$(sql "SELECT seen_revision = centre_revision AND centre_revision > 0 FROM alzy.sessions WHERE session_id = '$forced'")" t "the centre knows that it was seen"
is "$(on car sync --json | json sessions)" 0 "nothing goes back and forth"
like "$(on car session show "$forced")" '^Changed +at the centre' "session show tells of it"

ok "start in public.sessions" sql "UPDATE public.sessions SET start_at = start_at - interval '1 hour' WHERE session_id = '$forced'"
[ "$(at_centre "$forced")" ]
tap $? "… is at once that in alzy.sessions"
ok "start and pause in alzy.sessions" sql "UPDATE alzy.sessions SET status = 'paused', started_at = started_at - interval '1 minute'
	WHERE session_id = '$forced'"
[ "$(at_centre "$forced")" ]
tap $? "… is at once that in public.sessions"
ok "sync" on car sync
is "$(who "$forced")" "ana - 4 paused" "the unit is paused"
same "$forced" "start and pause"
ok "end_at in public.sessions" sql "UPDATE public.sessions SET end_at = date_trunc('milliseconds', now() AT TIME ZONE 'UTC') WHERE session_id = '$forced'"
is "$(sql "SELECT status FROM alzy.sessions WHERE session_id = '$forced'")" ended "… ends it in alzy.sessions"
ok "sync" on car sync
same "$forced" "an end by the centre"
refuses "it is over on the unit" 8 'no session' on car session end
refuses "ended never goes back: alzy.sessions" 1 'has ended, and stays so' \
	psql -qXv ON_ERROR_STOP=1 -d "$DSN" -c "UPDATE alzy.sessions SET status = 'active', ended_at = NULL WHERE session_id = '$forced'"
refuses "ended never goes back: public.sessions" 1 'has ended, and stays so' \
	psql -qXv ON_ERROR_STOP=1 -d "$DSN" -c "UPDATE public.sessions SET end_at = NULL WHERE session_id = '$forced'"
refuses "an end before the start" 1 'would end before it starts' \
	psql -qXv ON_ERROR_STOP=1 -d "$DSN" -c "UPDATE public.sessions SET end_at = '2000-01-01' WHERE session_id = '$forced'"

# ---- both sides, apart. The receipt is lost, or not: the same comes of it.
for lost in no yes; do
	id=$(new_session --user ana --machine van)
	ok "a session that both know" on car sync
	sql "UPDATE public.sessions SET user_id = 'newcomer', application_id = 3, start_at = start_at - interval '10 s' WHERE session_id = '$id'"
	sql "UPDATE alzy.sessions SET status = 'paused' WHERE session_id = '$id'"
	on car session pause >"$SCRATCH/said"
	on car session end >"$SCRATCH/said"
	if [ $lost = yes ]; then
		# The unit forgets the answer: the store of before is what a lost receipt leaves.
		sqlite3 "$SCRATCH/car/store.db" ".backup '$SCRATCH/before.db'"
		on car sync >"$SCRATCH/said" 2>&1
		rm -f "$SCRATCH"/car/store.db "$SCRATCH"/car/store.db-*
		cp "$SCRATCH/before.db" "$SCRATCH/car/store.db"
		sqlite3 "$SCRATCH/car/store.db" 'UPDATE store SET exchange_sent = exchange_sent + 9'
	fi
	ok "sync (receipt lost: $lost)" on car sync
	is "$(who "$id")" "newcomer van 3 ended" "each side's changes are there"
	same "$id" "apart, receipt lost: $lost"
done
# A store restored from an older copy: its record is of before, so nothing that it says of the session is taken.
id=$(new_session --user ana)
on car sync >"$SCRATCH/said"
sqlite3 "$SCRATCH/car/store.db" ".backup '$SCRATCH/before.db'"
for verb in pause resume; do on car session $verb >"$SCRATCH/said"; done
on car sync >"$SCRATCH/said"
rm -f "$SCRATCH"/car/store.db "$SCRATCH"/car/store.db-*
cp "$SCRATCH/before.db" "$SCRATCH/car/store.db"
sql "UPDATE public.sessions SET user_id = 'newcomer' WHERE session_id = '$id'"
ok "a store from before hears of a change of the centre's" on car sync
ok "… and that is all" on car sync
is "$(who "$id")" "newcomer truck - active" "… which it takes"
on car session end >"$SCRATCH/said"
on car sync >"$SCRATCH/said"
same "$id" "ended after that"
id=$(new_session --user ana --application 3)
on car sync >"$SCRATCH/said"
on car session pause >"$SCRATCH/said"
on car sync >"$SCRATCH/said"
on car session end >"$SCRATCH/said"
on car sync >"$SCRATCH/said"
is "$(sql "SELECT status, centre_revision, centre_changes FROM alzy.sessions WHERE session_id = '$id'")" 'ended|0|{}' \
	"what the unit changes is no change by the centre"
id=$(new_session --user ana)
on car sync >"$SCRATCH/said"
sql "UPDATE alzy.sessions SET status = 'ended' WHERE session_id = '$id'"
on car session pause >"$SCRATCH/said"
ok "ended there, paused here" on car sync
is "$(who "$id")" "ana truck - ended" "… is ended"
same "$id" "ended there, paused here"

# ---- copies of a store: what either has said of a session, in any order
copy() { # FROM TO: all that a card has of a store
	mkdir -p "$SCRATCH/$2"
	rm -f "$SCRATCH/$2"/store.db*
	cp "$SCRATCH/$1"/store.db* "$SCRATCH/$2/"
}
say() { # NAME VERB…: each verb of alzy session
	for verb in "${@:2}"; do on "$1" session "$verb" >"$SCRATCH/said" || die "session $verb: $(cat "$SCRATCH/said")"; done
}
shared() { # a session that the centre knows, in car and in a copy of it
	id=$(new_session --user ana)
	on car sync >"$SCRATCH/said" || die "no sync"
	copy car old
}
restored() { copy old car; }
shared
say car pause resume
on car sync >"$SCRATCH/said"
restored
say car end
ok "a restored store that ends a session below the revision that the centre holds" on car sync
is "$(at_unit "$id" | cut -d' ' -f4)" ended "… has"
same "$id" "ended after it was restored"
shared
say car pause
on car sync >"$SCRATCH/said"
restored
say car end
ok "… that ends it with the revision that the centre holds" on car sync
same "$id" "ended in place of a pause"
shared
say car end
on car sync >"$SCRATCH/said"
restored
say car pause resume pause
ok "one that has paused what was ended" on car sync
is "$(at_unit "$id" | cut -d' ' -f4)" ended "… hears that it is ended"
same "$id" "ended before it was restored"
is "$(lite car "SELECT payload FROM events WHERE session_id = '$id' ORDER BY seq DESC LIMIT 1")" '{"by":"centre","fields":"status"}' "… and notes that"
shared
say car end
on car sync >"$SCRATCH/said"
restored
ok "one that has nothing to say" on car sync
same "$id" "ended before, and nothing since"
shared
mkdir "$SCRATCH/late" "$SCRATCH/early"
say car pause resume end
on car sync --to "$SCRATCH/late" >"$SCRATCH/said"
end=$(at_unit "$id")
restored
say car end
ok "one whose old stick comes late" on car sync
ok "… is imported" central import "$SCRATCH/late"
ok "… and the unit calls" on car sync
[ "$(at_unit "$id")" != "$end" ]
tap $? "… has the later end"
same "$id" "the later end before the stick"
shared
say car pause resume end
on car sync --to "$SCRATCH/early" >"$SCRATCH/said"
restored
say car end
ok "one whose old stick comes early" central import "$SCRATCH/early"
ok "… and the unit calls" on car sync
same "$id" "the later end after the stick"
shared
sql "UPDATE public.sessions SET user_id = 'newcomer' WHERE session_id = '$id'"
on car sync >"$SCRATCH/said"
restored
ok "one that has lost what it heard of the centre" on car sync
is "$(at_unit "$id" | cut -d' ' -f1)" newcomer "… hears it again"
same "$id" "heard again"
say car end
on car sync >"$SCRATCH/said"
unit van
for first in car van; do
	[ $first = car ] && second=van || second=car
	shared
	copy car van
	say car pause resume end
	say van end
	for name in $first $second $first; do ok "two cards, $first first: $name" on $name sync; done
	is "$(at_unit "$id" van)" "$(at_centre "$id")" "… and the later end is held"
done

# ---- a trigger that writes something else, each time: nobody says the same again and again
sql "CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN NEW.started_at := NEW.started_at - interval '1 s';
	NEW.ended_at := NEW.ended_at + interval '1 min'; RETURN NEW; END \$\$;
	CREATE TRIGGER shift BEFORE INSERT OR UPDATE ON alzy.sessions FOR EACH ROW EXECUTE FUNCTION shift()"
id=$(new_session --user ana)
on car sync >"$SCRATCH/said"
say car pause end
is "$(on car sync --json | json remaining)" 0 "a session that a trigger changes is sent"
on car sync --json >"$SCRATCH/said"
is "$(json sessions <"$SCRATCH/said") $(json events <"$SCRATCH/said")" "0 0" "… and then there is nothing to say"
sql "DROP TRIGGER shift ON alzy.sessions; DROP FUNCTION shift; UPDATE alzy.sessions SET ended_at = date_trunc('milliseconds', now()) WHERE session_id = '$id'"
on car sync >"$SCRATCH/said"

# ---- somebody deletes a journey at the centre
gone=$(new_session --user ana)
on car sync >"$SCRATCH/said"
refuses "a journey of which there are events stays" 1 'Events_session' \
	psql -qXv ON_ERROR_STOP=1 -d "$DSN" -c "DELETE FROM alzy.sessions WHERE session_id = '$gone'"
is "$(sql "SELECT count(*) FROM alzy.sessions s JOIN public.sessions p USING (session_id) WHERE session_id = '$gone'")" 1 "… in both tables"
sql "DELETE FROM public.events WHERE session_id = '$gone'; DELETE FROM alzy.sessions WHERE session_id = '$gone'"
is "$(sql "SELECT count(*) FROM public.sessions WHERE session_id = '$gone'")" 0 "one without goes, from both"
on car mark --lat 1 --lng 2 >"$SCRATCH/said"
say car end
ok "its unit goes on in it" on car sync
is "$(on car queue --rejected --json)" "[]" "… and nothing of that is refused"
same "$gone" "a journey that came back"
ok "events that were deleted with it are sent again" on car verify --repair

# ---- an unknown person set right at the centre; many at once; a daemon that hears by itself
id=$(new_session --user stranger --force)
on car sync >"$SCRATCH/said"
is "$(field "$id" lost_references)" user_id "a stranger is lost"
ok "somebody says who that was" sql "UPDATE public.sessions SET user_id = 'ana' WHERE session_id = '$id'"
on car sync >"$SCRATCH/said"
is "$(who "$id") $(field "$id" lost_references)" "ana truck - active null" "… and the unit knows"
on car session end >"$SCRATCH/said"
late=$(new_session --user latecomer --machine barrow --application 9 --force)
say car end
on car sync >"$SCRATCH/said"
is "$(field "$late" lost_references)" "user_id machine_id application_id" "a session is over, and nobody knew who and what it was"
ok "they are entered days later" sql "INSERT INTO public.users VALUES ('latecomer', 'Lea', 7); INSERT INTO public.machines (machine_id, organization_id)
	VALUES ('barrow', 7)"
ok "… and the unit calls" on car sync
is "$(who "$late") $(field "$late" lost_references)" "latecomer barrow 9 ended application_id" "those that are known by now are found"
like "$(at_centre "$late")" '^latecomer barrow - ended' "… also at the centre"
sql "INSERT INTO public.applications VALUES (9, 'Late')"
ok "the rest of it, too" on car sync
is "$(field "$late" lost_references)" null "… is found when it is entered"
same "$late" "all of it is found later"
is "$(on car sync --json | json sessions)" 0 "… and nothing goes back and forth"
sqlite3 "$SCRATCH/car/store.db" "INSERT INTO sessions (session_id, status, started_at, ended_at, created_at, updated_at, first_seq)
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
	SELECT printf('%08x-0000-4000-8000-%012x', i, i), 'ended', i, i, i, i, 1 FROM n"
on car sync >"$SCRATCH/said"
ok "hundreds of sessions at once" sql "UPDATE public.sessions SET application_id = 4"
ok "sync" on car sync
is "$(lite car 'SELECT count(*), min(application_id), max(application_id) FROM sessions')" \
	"$(sql 'SELECT count(*), 4, 4 FROM public.sessions')" "every one comes down"
is "$(sql 'SELECT count(*) FROM alzy.sessions WHERE centre_revision > seen_revision')" 0 "… and is known to be seen"
unit car sync.interval=1s
syncd_start car || die "no syncd"
ok "one more edit" sql "UPDATE public.sessions SET application_id = 3 WHERE session_id = '$id'"
heard() { [ "$(who "$id")" = "ana truck 3 ended" ]; }
await heard
tap $? "alzy-syncd hears of it without anything to send"
stop syncd-car
ok "unpaired, reference data is gone" on car unpair
is "$(lite car 'SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM organizations) + (SELECT max(centre_revision) FROM sessions)')" 0 "… all of it"
done_testing
