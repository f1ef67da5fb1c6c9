#!/bin/bash
# Who is trusted with what: devices that are stopped at the centre and let back in, keys that are revoked or replaced,
# answers that nobody signed.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
proxy=$(free_port)
central_init
central_start postgres || die "no centre: $(log_of central)"
like "$(log_of central)" '^<4>serving as a role that may drop every table' "serving as a superuser is warned of"
central_stop

# ---- a role that can serve, and nothing else: the centre below is it
refuses "rights for a role that is not there" 4 'no role gateway' central migrate --role gateway
refuses "nor for one that may do everything" 8 'may do everything' central migrate --role postgres
sql 'CREATE ROLE "gate way" LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public, alzy TO "gate way"'
ok "a role gets its rights" central migrate --role 'gate way'
is "$(central migrate --role 'gate way' --json | json role)" "gate way" "… as often as one likes"
: >"$SCRATCH/central.log"
central_start 'gate way' || die "no centre: $(log_of central)"
is "$(log_has central 'may drop' && echo warned)" "" "… and serves without a warning"
may_not() { # SQL
	DSN=${DSN/user=postgres/user=\'gate way\'} refuses "it may not: $1" 1 'permission denied|must be owner' sql "$1"
}
for statement in 'DROP TABLE alzy.points' 'ALTER TABLE alzy.devices ADD x int' 'TRUNCATE alzy.stretches' 'DROP SCHEMA alzy CASCADE' \
	'DELETE FROM alzy.points' 'UPDATE alzy.points SET lat = 0' 'DELETE FROM public.events' 'UPDATE public.events SET payload = NULL' \
	'DELETE FROM alzy.stores' 'UPDATE alzy.stores SET device_id = 2' 'UPDATE alzy.stores SET erased_at = NULL' 'DELETE FROM public.sessions' 'UPDATE alzy.devices SET name = name' 'UPDATE alzy.devices SET is_active = true' \
	'UPDATE alzy.devices SET pairing_token_hash = NULL' 'DELETE FROM alzy.devices' 'INSERT INTO alzy.devices (user_id) VALUES (1)' \
	'SELECT email FROM alzy.users' 'SELECT * FROM alzy.kept_aside' 'UPDATE public.users SET full_name = NULL' 'UPDATE alzy.device_keys SET revoked_at = NULL' \
	'DELETE FROM alzy.rejected' 'DELETE FROM alzy.migrations' 'INSERT INTO alzy.migrations VALUES (99, 1)' 'CREATE TABLE alzy.x (x int)' 'CREATE TABLE public.x (x int)'; do
	may_not "$statement"
done
# A trigger of one's own on a table of one's own would do what the centre's triggers do with their owner's rights.
sql 'CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA alzy TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA public, alzy TO reader'
DSN=${DSN/user=postgres/user=reader} refuses "who may only read can't borrow a trigger" 1 'permission denied for function' \
	sql 'CREATE TEMP TABLE mine AS TABLE public.sessions;
	CREATE TRIGGER mine AFTER UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION alzy.journeys_mirror()'
is "$(sql "SELECT string_agg(oid::regprocedure::text, ' ') FROM pg_proc WHERE pronamespace = 'alzy'::regnamespace AND prosecdef
	AND has_function_privilege('reader', oid, 'EXECUTE')")" '' "… nor any function that has its owner's rights"
proxy_start "$proxy"

seen=0
drive() { # NAME: so many more points
	perl -e 'for (0 .. 99) { printf qq({"class":"TPV","device":"d","mode":3,"time":"2024-05-%02dT10:%02d:%02d.000Z","lat":%.7f,"lon":8.1}\n), $ARGV[0], $_ / 60, $_ % 60, 50 + $_ / 1e5 }' \
		$((++seen)) >"$SCRATCH/drive.json"
	replay "$1" || die "no recording: $(log_of "agent-$1")"
}
held() { sql "SELECT count(*) FROM alzy.points p JOIN alzy.devices d ON d.id = p.device_id WHERE d.name = '$1'"; } # NAME
accounted() { lite "$1" "SELECT group_concat(stream || first_seq || '-' || last_seq) FROM accounted"; }
standing() { on "$1" status --json | json standing; }
all_sent() { [ "$(on "$1" status --json | json points.unsent)" = 0 ]; }
via_proxy() { sed "s/%3A$CENTRAL_PORT/%3A$proxy/"; }
last_kept() { ls "$SCRATCH/kept" | sed -n "s/\.request//p" | sort -n | tail -n 1; }
unit car gnss.source="replay:$SCRATCH/drive.json" sync.interval=1s
drive car
link=$(pair_link car | via_proxy)
on car pair "$link" >/dev/null || die "not paired"
ok "a unit in good standing sends" on car sync
is "$(held car) $(standing car)" "100 null" "… and its rows are held"
believed=$(accounted car)

# ---- every standing, and back
stopped() { # WORD: the unit is told, keeps what it has and believes, and sends no row
	local before words
	before=$(held car)
	drive car
	refuses "$1: sync says so" 17 "$1" on car sync
	words=$(grep "^alzy:" "$SCRATCH/said")
	refuses "… verify says so" 17 "$1" on car verify
	is "$(grep "^alzy:" "$SCRATCH/said")" "$words" "… in the same words"
	is "$(standing car)" "$1" "… status says so"
	like "$(on car status)" "^Stopped +this unit is $1 at the centre" "… in words"
	is "$(accounted car)" "$believed" "… what is believed stays"
	drive car
	is "$(lite car 'SELECT count(*) FROM points')" $((seen * 100)) "… recording goes on"
	refuses "… sync sends no rows" 17 "$1" on car sync
	is "$(held car)" "$before" "… none is taken"
	[ "$(perl -0777 -ne 'print length s/\A.*?\r\n\r\n//sr' "$SCRATCH/kept/$(last_kept).request")" -lt 450 ]
	tap $? "… but asks"
}
ok "deactivate" central device deactivate 1
stopped deactivated
refuses "no link for it" 8 'device activate 1' central device pair 1 --again
first_stop=$(last_kept)
ok "activate" central device activate 1
ok "… it sends what it has kept" on car sync
is "$(held car) $(standing car)" "$((seen * 100)) null" "… all of it"
believed=$(accounted car)
ok "delete" central device delete 1
stopped deleted
ok "activate" central device activate 1
ok "… it sends again" on car sync
is "$(held car) $(standing car)" "$((seen * 100)) null" "… all of it"
believed=$(accounted car)
refuses "no such device" 4 'no device 77' central device revoke 77

# ---- nobody is stopped by what is not signed, or not for this batch
drive car
for answer in 401 403; do
	mode $answer
	refuses "an answer $answer that nobody signed" 17 'go away' on car sync
	is "$(standing car) $(accounted car)" "null $believed" "… changes nothing"
done
mode "replay $first_stop"
refuses "an old receipt that it is deactivated" '18|6' . on car sync
is "$(standing car) $(accounted car)" "null $believed" "… changes nothing"
ok "deactivate" central device deactivate 1
mode forged
refuses "a receipt that it is deactivated with a bit turned" 18 . on car sync
is "$(standing car) $(accounted car)" "null $believed" "… changes nothing"
ok "activate" central device activate 1
mode 403
ok "syncd starts" syncd_start car
ok "syncd is refused by somebody on the way" await log_has syncd-car 'go away'
mode pass
AWAIT_SECONDS=40 await all_sent car
tap $? "… and comes again soon"
is "$(held car)" $((seen * 100)) "… with all rows"

# ---- syncd: stopped, and back by itself when somebody asks
ok "deactivate" central device deactivate 1
drive car
ok "syncd is told" await log_has syncd-car '^<4>device 1 \(car\) was deactivated at the centre'
requests=$(last_kept)
sleep 3
[ "$(last_kept)" -le "$requests" ]
tap $? "… and does not ask every second"
ok "activate" central device activate 1
ok "a question by hand" on car sync
drive car
AWAIT_SECONDS=20 await all_sent car
tap $? "syncd goes on by itself"
stop syncd-car
believed=$(accounted car)

# ---- pairing anew, and revoking
like "$(central device pair 1 2>&1)" 'takes its place' "a second link for a device that has a unit comes with a word of warning"
mode nothing
drive car
patience car 2s
refuses "a batch that is kept back" 15 . on car sync
patience car 10s
stick=$(ls "$SCRATCH/kept" | grep request | sort -n | tail -n 1)
mode pass
perl -0777 -pe 's/\A.*?\r\n\r\n//s' "$SCRATCH/kept/$stick" >"$SCRATCH/stick"
show_stick() { curl -sS -m 10 -o "$SCRATCH/body" -w '%{http_code}' -H 'Content-Type: application/octet-stream' \
	--data-binary @"$SCRATCH/stick" "$CENTRAL_URL/v1/batches"; }
link=$(central device pair 1 --again --json | json link | via_proxy)
key=$(sha256sum <"$SCRATCH/car/store.db.key")
mode lost
refuses "pairing anew with a new key: the answer gets lost" 15 . on car pair --new-key "$link"
is "$(sha256sum <"$SCRATCH/car/store.db.key")" "$key" "… the old key stays"
mode pass
ok "… the same link again" on car pair "$link"
[ "$(sha256sum <"$SCRATCH/car/store.db.key")" != "$key" ] && [ ! -e "$SCRATCH/car/store.db.key.next" ]
tap $? "… gives the unit its new key"
before=$(held car)
is "$(show_stick)" 200 "a batch of the key before is still taken"
is "$(held car)" $((before + 100)) "… with its rows"
ok "what it believes of the same centre stays" on car sync
believed=$(accounted car)
ok "revoke" central device revoke 1
stopped revoked
is "$(sql "SELECT count(*) FROM alzy.device_keys WHERE revoked_at IS NULL") $(sql 'SELECT device_key_hash IS NULL FROM alzy.devices WHERE id = 1')" "0 t" "no key is left"
before=$(held car)
is "$(show_stick) $(held car)" "200 $before" "a batch of a key before that was revoked is answered, and not taken"
cp "$SCRATCH/car/store.db.key" "$SCRATCH/revoked.key"
link=$(central device pair 1 --json | json link)
unit thief
on thief event x >"$SCRATCH/said"
install -m 600 "$SCRATCH/revoked.key" "$SCRATCH/thief/store.db.key"
refuses "the revoked key can't be paired again" 17 'revoked.*--new-key' on thief pair "$link"
ok "the unit pairs anew, with a new key by itself" on car pair "$link"
ok "… and sends what it has kept" on car sync
is "$(held car) $(standing car)" "$((before + 200)) null" "… all of it"
is "$(show_stick) $(held car)" "200 $((before + 200))" "the old stick stays shut"

# A new key whose answer was lost is the device's for the centre, so it is revoked with the others.
dead_end() { # WORD [OPTION]: pairing with a fresh link, after that
	link=$(central device pair 1 --again --json | json link | via_proxy)
	mode lost
	refuses "a new key: the answer gets lost" 15 . on car pair --new-key "$link"
	mode pass
	ok "… it is revoked" central device revoke 1
	refuses "… and the link with it" 17 'not known' on car pair --new-key "$link"
	ok "… $1 pairs" on car pair "${@:2}" "$(central device pair 1 --json | json link)"
	ok "… and the unit sends" on car sync
	is "$(ls "$SCRATCH/car/store.db.key"*)" "$SCRATCH/car/store.db.key" "… and has one key"
}
dead_end "another link" --new-key
dead_end "another link, without a word about the key"
rows=$(lite car 'SELECT count(*) FROM points')
is "$(sql 'SELECT count(*), count(DISTINCT id) FROM alzy.points')" "$rows|$rows" "every row is held, once"
like "$(log_of central)" 'was not taken: revoked' "the log says what was not taken"

# ---- the centre's key is rotated while a unit is away
unit away gnss.source="replay:$SCRATCH/drive.json"
drive away
pair away
ok "the unit that will be away sends" on away sync
away_believed=$(accounted away)
old_link=$(pair_link bus)
key_of() { on "$1" status --json | json centre.public_key; }
first_key=$(key_of car)
mkdir "$SCRATCH"/{stopped,late1,late2}
ok "deactivate" central device deactivate 1
drive car
refuses "a unit is stopped" 17 deactivated on car sync
like "$(on car sync --to "$SCRATCH/stopped")" '^stopped +this unit is deactivated' "… it writes no rows on a stick"
is "$(on car sync --to "$SCRATCH/stopped" --json | json points) $(ls "$SCRATCH/stopped" | grep -c sessions.batch)" "0 2" "… but a question"
ok "activate" central device activate 1
ok "which is answered" central import "$SCRATCH/stopped"
ok "… by a receipt" on car sync --from "$SCRATCH/stopped"
is "$(standing car)" null "… that lets it back in"
for stick in late1 late2; do
	on car event by_stick >"$SCRATCH/said"
	ok "rows go on a stick" on car sync --to "$SCRATCH/$stick"
done
ok "rotate" central key rotate
ok "… twice" central key rotate
new_key=$(central key list --json | json 0.public_key)
is "$(central key list --json | grep -o '"use":"[a-z]*"' | tr -d '\n')" '"use":"present""use":"before""use":"before"' "three keys are listed"
is "$(central key list --json | json 2.public_key)" "$first_key" "… the first one last"
is "$(stat -c %a "$SCRATCH"/central/central.key* | sort -u)" 600 "… and none for others to read"
AWAIT_SECONDS=5 await log_has central 'read the keys again: 3'
tap $? "the gateway notices by itself"
for stick in late1 late2; do
	ok "a stick from before is imported" central import "$SCRATCH/$stick"
	like "$(on car sync --from "$SCRATCH/$stick")" '^receipts +1 applied' "… its receipt, signed with the first key, is taken"
	is "$(key_of car)" "$new_key" "… and the new key known"
done
drive car
ok "a unit that knows the first key sends" on car sync
is "$(key_of car)" "$new_key" "… and knows the new one"
unit bus
ok "a link from before still pairs" on bus pair "$old_link"
ok "event" on bus event x
ok "… and its unit sends" on bus sync
is "$(key_of bus)" "$new_key" "… and knows the new key, too"
used() { central key list --json | perl -MJSON::PP -e 'print join ";", map "$_->{use} $_->{devices} @{$_->{device_names}}", @{decode_json(<STDIN>)}'; }
is "$(used)" "present 1 car;before 0 ;before 2 away bus" "key list tells who speaks to which"
like "$(central key list)" '^[0-9a-f]{64} +before .*/central.key.1 +2 +20[0-9T:.-]+Z$' "… and since when nobody does"
keys_read() { [ "$(sed -n 's/.*read the keys again: \([0-9]*\).*/\1/p' "$SCRATCH/central.log" | tail -n 1)" = "$1" ]; }
rm "$SCRATCH/central/central.key.2" # the second one: nobody knows it
mv "$SCRATCH/central/central.key.1" "$SCRATCH/first.key"
ok "keys that are taken away are noticed by themselves" await keys_read 1
drive away
refuses "without the first key, a unit that knows no other finds no centre" '1[0-9]' 'not sealed for the key of this centre' on away sync
: >"$SCRATCH/central/central.key.1"
chmod 600 "$SCRATCH/central/central.key.1"
await log_has central 'going on with the keys there were.*central.key.1'
tap $? "half a key is named"
cat "$SCRATCH/first.key" >"$SCRATCH/central/central.key.1"
ok "an old key that is put back is noticed, too" await keys_read 2
ok "a unit comes back after long" on away sync
is "$(key_of away) $(held away)" "$new_key 200" "… its rows are held, and it knows the new key"
like "$(accounted away)" "^points1-200|points1-200$" "… nothing was forgotten"
rm "$SCRATCH/central/central.key.1"
ok "the first key goes, too" await keys_read 1
for name in car bus away; do
	on $name event later >"$SCRATCH/said"
	ok "$name goes on when there is only the new key" on $name sync
done
is "$(used)" "present 3 away bus car" "… which all speak to"

# ---- revoked, and the centre's key rotated since the unit heard of it: it is paired anew without losing what it believes
away_id=$(central device list --json | perl -MJSON::PP -0777 -ne 'print map { $_->{id} } grep { $_->{name} eq "away" } @{decode_json($_)}')
away_believed=$(accounted away)
ok "revoke" central device revoke "$away_id"
refuses "the unit is told" 17 revoked on away sync
ok "rotate" central key rotate
await keys_read 2
link=$(central device pair "$away_id" --again --json | json link)
refuses "a link with a key that the unit does not know" 8 'another centre.*alzy sync first' on away pair "$link"
refuses "… of which it hears though it is stopped" 17 revoked on away sync
ok "… so that the same link is good" on away pair "$link"
ok "… and it sends" on away sync
like "$(accounted away)" "^${away_believed%-*}-[0-9]+$" "… without forgetting what it believed"

# ---- the centre moves
url_of() { on "$1" status --json | json "centre.$2"; }
is "$(url_of away url)" "$CENTRAL_URL" "the unit knows the old address"
nowhere=$(free_port)
central_conf "public_url = http://127.0.0.1:$nowhere"
central_stop
central_start || die "no centre: $(log_of central)"
on away event moving >"$SCRATCH/said"
ok "a receipt announces an address" on away sync
ok "verify tries it, and falls back" on away verify
is "$(url_of away url) $(url_of away next_url)" "$CENTRAL_URL http://127.0.0.1:$nowhere" "… which is not taken for true yet"
like "$(on away status)" "which announces http://127.0.0.1:$nowhere" "… status shows it"
on away event moving >"$SCRATCH/said"
ok "where nobody answers, the old one is used" on away sync
is "$(url_of away url)" "$CENTRAL_URL" "… and stays"
central_conf "public_url = http://127.0.0.1:$proxy"
central_stop
central_start || die "no centre: $(log_of central)"
on away event moving >"$SCRATCH/said"
ok "the next announcement" on away sync
on away event moving >"$SCRATCH/said"
ok "… is tried" on away sync
is "$(url_of away url) $(url_of away next_url)" "http://127.0.0.1:$proxy null" "… and is the centre's address once a receipt has come by it"
like "$(cat "$SCRATCH/kept/$(last_kept).request" | head -n 3 | tr -d '\r')" "^Host: 127.0.0.1:$proxy" "… where it sends"

# ---- texts that would steer the terminal of whoever reads them, or pass for a line of the log
harmless() { # DESCRIPTION COMMAND…: names what it is about, and shows none of that
	"${@:2}" >"$SCRATCH/said" 2>&1
	grep -q 'evil' "$SCRATCH/said" && ! grep -q $'[\033\007\177]\|\302\233\|^<2>' "$SCRATCH/said"
	tap $? "$1" || diag "$(cat -v "$SCRATCH/said")"
}
evil="E'evil\\033[31m\\007\\177\\u009b\\n<2>word'"
number=$(central device list --json | perl -MJSON::PP -0777 -ne 'print map { $_->{id} } grep { $_->{name} eq "away" } @{decode_json($_)}')
on away session start >"$SCRATCH/said"
sql "UPDATE alzy.devices SET name = $evil WHERE id = $number;
	UPDATE alzy.stores SET forked_from = store_id, forked_because = $evil, proof = $evil, proof_at = now(), proof_outcome = 'differs' WHERE device_id = $number"
ok "a device of an evil name syncs" on away sync
session=$(lite away 'SELECT session_id FROM sessions LIMIT 1')
sql "INSERT INTO public.organizations (organization_name) VALUES ('o');
	INSERT INTO public.users (user_id, organization_id) SELECT $evil, max(organization_id) FROM public.organizations;
	UPDATE public.sessions SET user_id = $evil WHERE session_id = '$session'"
ok "… and gets an evil person" on away sync
harmless "the unit's status shows it without harm" on away status
harmless "… and its session" on away session show "$session"
for verb in status "session show $session" "verify --device $number" "device list" "device deactivate $number" "device activate $number"; do
	harmless "alzy-central $verb does" central $verb
done
sql "CREATE FUNCTION public.evil() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION USING MESSAGE = $evil, ERRCODE = '53000'; END \$\$;
	CREATE TRIGGER evil BEFORE UPDATE ON alzy.stores EXECUTE FUNCTION public.evil()"
refuses "the centre's database can't take a batch" 16 503 on away sync
harmless "… which the log says without harm" log_of central
sql 'DROP TRIGGER evil ON alzy.stores'
is "$(grep -c "$(cut -d' ' -f2 "$SCRATCH/revoked.key")" "$SCRATCH"/*.log | grep -vc ':0$')" 0 "no key is in a log"

# ---- the key is for the daemon: whose the folder of the store is
faults() { on "$1" doctor --json 2>/dev/null | perl -MJSON::PP -0777 -e 'print map { "$_->{text} | $_->{remedy}\n" } grep { $_->{about} eq "centre" && $_->{severity} eq "fault" } @{decode_json(<STDIN>)->{findings}}'; }
unit keeper
pair keeper
is "$(faults keeper)" "" "the doctor finds nothing wrong with a key"
chmod 644 "$SCRATCH/keeper/store.db.key"
like "$(faults keeper)" 'chmod 600' "… but with one that others can read"
chmod 600 "$SCRATCH/keeper/store.db.key"
if [ "$(id -u)" = 0 ]; then
	chown nobody "$SCRATCH/keeper/store.db.key"
	chown postgres "$SCRATCH/keeper"
	like "$(faults keeper)" "belongs to another user than its folder: alzy-syncd can't read it \| sudo chown --reference=" "… and with one of another user"
	chmod 777 "$SCRATCH/keeper"
	chmod 666 "$SCRATCH/keeper"/store.db*
	link=$(pair_link keeper)
	cp "$SCRATCH/keeper/alzy.conf" "$SCRATCH/keeper.conf"
	other() { ALZY_CONFIG=$SCRATCH/keeper.conf bounded setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$BUILD/alzy" "$@"; }
	ok "whoever may write the store can use it" other event made
	refuses "… and not pair it: the daemon could not read the key" 11 'key is for user postgres.*sudo -u postgres alzy pair' other pair --new-key "$link"
	chown postgres "$SCRATCH/keeper/store.db.key"
	chmod 600 "$SCRATCH/keeper/store.db.key"
	refuses "… nor send: as whom that is done is told" 11 'store.db.key: Permission denied; it is for user postgres: sudo -u postgres alzy' other sync
	chmod 700 "$SCRATCH/keeper"
	refuses "who may not even look is told, too" 11 'Permission denied; it is for user postgres: sudo -u postgres alzy' other status
	chmod 755 "$SCRATCH/keeper"
	ok "the link was not used up" on keeper pair --new-key "$link"
fi
done_testing
