#!/bin/bash
# Bad input on the unit: reports, stores, folders, configurations. Each is named to whoever can mend it, nothing that
# was recorded is touched, and the daemon lives on.
. "$(dirname "$0")/../lib/rig.sh"
NOBODY=()
[ "$(id -u)" != 0 ] || NOBODY=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups)

# ---- what a receiver may say
tpv() { # SECOND REST: a report at that second of a minute
	printf '{"class":"TPV","device":"/dev/x","mode":3,"time":"2024-05-01T10:00:%02d.000Z",%s}\r\n' "$1" "$2"
}
good() { tpv "$1" '"lat":50.1,"lon":8.2,"altHAE":100.04,"altMSL":52.26,"speed":1.234,"track":123.44,"eph":4.56'; }
{
	good 1
	tpv 2 '"lat":NaN,"lon":8.2'
	tpv 3 '"lat":91.5,"lon":8.2'
	tpv 4 '"lat":50.1,"lon":-181'
	tpv 5 '"lat":"fifty","lon":8.2'
	tpv 6 '"lon":8.2'
	tpv 7 '"lat":1e400,"lon":8.2'
	printf '{"class":"TPV","mode":3,"time":"yesterday","lat":50.1,"lon":8.2}\r\n'
	printf '{"class":"TPV","mode":3,"lat":50.1,"lon":8.2}\r\n'
	printf '{"class":"TPV","mode":99,"time":"2024-05-01T10:00:08.000Z","lat":50.1,"lon":8.2}\r\n'
	printf '{"class":"TPV","mode":3,"time":"2024-05-01T10:00:09.000Z","lat":50.1,"lo\r\n'
	printf 'not JSON at all\r\n\r\n{}\r\n[]\r\n{"class":"NONSENSE","x":[[[[[[[[[[]]]]]]]]]]}\r\n\0\0\377\376\r\n'
	tpv 10 '"lat":50.1,"lon":8.2,"speed":-5,"track":720,"eph":1e30,"altMSL":1e30'
	printf '{"class":"TPV","mode":3,"time":"2024-05-01T10:00:11.000Z","lat":50.1,"lon":8.2,"x":"%s"}\r\n' "$(head -c 200000 /dev/zero | tr '\0' x)"
	good 12
	tpv 13 '"lat":-90,"lon":180'
	tpv 14 '"lat":0,"lon":0,"epx":3,"epy":4,"altHAE":-12.5'
} >"$SCRATCH/bad.json"
unit replayed gnss.source="replay:$SCRATCH/bad.json"
ok "a replay with bad reports ends cleanly" replay replayed
is "$(lite replayed "SELECT group_concat((recorded_at / 1000) % 60, ' ') FROM (SELECT * FROM points ORDER BY seq)")" "1 10 12 13 14" \
	"good reports are kept, bad ones are not"
is "$(lite replayed 'SELECT lat, lng, accuracy, speed, heading, altitude FROM points WHERE seq = 1')" "501000000|82000000|46|123|1234|523" "a good one, to the resolution"
is "$(lite replayed 'SELECT accuracy, speed, heading, altitude FROM points WHERE seq = 2')" "|||" "attributes out of range are absent"
is "$(lite replayed 'SELECT lat, lng, accuracy, altitude FROM points WHERE seq = 5')" "0|0|50|-125" "zero is a place; epx and epy give accuracy, altHAE altitude"
like "$(lite replayed "SELECT payload FROM events WHERE event_type = 'agent_stop'")" '"refused_bad": *[1-9]' "bad reports are counted"

good 1 >"$SCRATCH/first.json"
sed -n '2,$p' "$SCRATCH/bad.json" | head -c 150000 >>"$SCRATCH/first.json"
{ good 20; good 21; } >"$SCRATCH/second.json"
port=$(free_port)
start speaker perl "$RIG/speak.pl" "$port" "$SCRATCH/first.json"
await log_has speaker listening
unit heard gnss.source="gpsd://127.0.0.1:$port" store.commit_interval=100ms
agent_start heard || die "no agent: $(log_of agent-heard)"
await log_has speaker spoken
kill9 speaker # in the middle of a line that is far too long
start speaker perl "$RIG/speak.pl" "$port" "$SCRATCH/second.json"
heard() { lite heard "SELECT count(*) FROM points WHERE (recorded_at / 1000) % 60 IN ($1)"; }
ok "the agent goes on after bad reports of gpsd" await bash -c 'test "$(sqlite3 -readonly "$0" "SELECT count(*) FROM points WHERE (recorded_at / 1000) % 60 = 20")" = 1' "$SCRATCH/heard/store.db"
stop agent-heard
is "$? $(heard '1, 20, 21') $(heard '2, 3, 4, 5, 6, 7, 9')" "0 3 0" "good ones are kept, once each, and bad ones not"

# ---- gpsd that is not there
unit lonely gnss.source="gpsd://127.0.0.1:$(free_port)"
ok "the agent starts without gpsd" agent_start lonely
refuses "a second agent on the store names the first" 9 "alzy-agentd.*$(pid_of agent-lonely)" \
	bounded env ALZY_CONFIG="$SCRATCH/lonely/alzy.conf" "$BUILD/alzy-agentd"
ok "… which lives on" alive agent-lonely
ok "status works beside it" on lonely status
stop agent-lonely
is $? 0 "the agent ends cleanly without gpsd"

# ---- stores
unit newer
ok "a store" on newer event something
sqlite3 "$SCRATCH/newer/store.db" 'PRAGMA wal_checkpoint(TRUNCATE); PRAGMA user_version = 99' >"$SCRATCH/said"
unit text
echo "this is no database, but somebody's letter" >"$SCRATCH/text/store.db"
unit other
sqlite3 "$SCRATCH/other/store.db" 'CREATE TABLE letters (text); INSERT INTO letters VALUES (1)'
unit empty
: >"$SCRATCH/empty/store.db"
for case in newer:13:newer text:12: other:12:; do
	IFS=: read -r name status words <<<"$case"
	before=$(sha256sum <"$SCRATCH/$name/store.db")
	for program in "alzy-agentd" "alzy status" "alzy event x" "alzy mark --lat 1 --lng 1" "alzy export --format csv"; do
		refuses "$name store: $program" "$status" "$SCRATCH/$name/store.db.*$words" bounded env ALZY_CONFIG="$SCRATCH/$name/alzy.conf" "$BUILD"/$program
	done
	is "$(sha256sum <"$SCRATCH/$name/store.db")" "$before" "$name store: untouched"
done

# ---- folders
unit shut
mkdir "$SCRATCH/shut/folder"
sed -i "s|^path = .*|path = $SCRATCH/shut/folder/store.db|" "$SCRATCH/shut/alzy.conf"
chmod 555 "$SCRATCH/shut/folder"
refuses "a read-only folder: the agent" 11 "$SCRATCH/shut/folder" \
	bounded env ALZY_CONFIG="$SCRATCH/shut/alzy.conf" "${NOBODY[@]}" "$BUILD/alzy-agentd"
refuses "a read-only folder: alzy" 11 "$SCRATCH/shut/folder" bounded env ALZY_CONFIG="$SCRATCH/shut/alzy.conf" "${NOBODY[@]}" "$BUILD/alzy" event x
is "$(ls -A "$SCRATCH/shut/folder")" "" "… nothing was left in it"

# ---- a read-only file system: a store is read as it lies
unit card
ok "a unit with a session" on card session start
is "$(on card mark --lat 1 --lng 2)" "point 1 marked" "… and a point"
mkdir "$SCRATCH/card/a ?#%" # what a URI would take for its own
mv "$SCRATCH/card/store.db"* "$SCRATCH/card/a ?#%"
sed -i "s|^path = .*|path = $SCRATCH/card/a ?#%/store.db|" "$SCRATCH/card/alzy.conf"
MOUNTS=(unshare --mount)
[ "$(id -u)" = 0 ] || MOUNTS=(unshare --user --map-root-user --mount)
frozen() { # NAME VERB…: on this unit, with the folder of its store mounted read-only
	ALZY_CONFIG=$SCRATCH/$1/alzy.conf bounded "${MOUNTS[@]}" bash -c 'mount --bind "$0" "$0" &&
		mount -o remount,ro,bind "$0" && exec "$@"' "$SCRATCH/$1/a ?#%" "$BUILD/alzy" "${@:2}"
}
if "${MOUNTS[@]}" mount --bind "$SCRATCH" "$SCRATCH" 2>/dev/null; then
	like "$(frozen card status)" 'read as it lies' "status reads it, and says how"
	is "$(frozen card status --json | json read_only) $(on card status --json | json read_only)" "true false" "… also as JSON"
	is "$(frozen card export --format csv | wc -l)" 2 "export reads it"
	like "$(frozen card queue)" 'points +1 ' "so does queue"
	like "$(frozen card session list)" active "… and session list"
	like "$(frozen card session show)" "Points +1$" "… and session show"
	refuses "an event is refused with the reason" 11 'read-only file system: it can be read only' frozen card event x
	is "$(ls -A "$SCRATCH/card/a ?#%")" store.db "… and nothing was made"
	echo rows >"$SCRATCH/card/a ?#%/store.db-wal"
	refuses "a log without its index is told, and what to do" 11 'rows in its log.*copy it' frozen card status
else
	diag "nothing may be mounted here, so nothing is read-only"
fi
# ---- a card with errors, to which the kernel writes no more
unit worn
truncate -s 20M "$SCRATCH/card.img"
printf '[store]\npath = %s/worn/store.db\n' "$SCRATCH" >"$SCRATCH/worn.conf"
said=$(ALZY_CONFIG=$SCRATCH/worn.conf bounded unshare --mount bash -c 'mkfs.ext4 -q "$0" && mount -o loop,errors=remount-ro "$0" "$1" || exit
	"$2" event made
	echo 1 >"/sys/fs/ext4/$(basename "$(findmnt -no SOURCE "$1")")/trigger_fs_error" || exit
	echo "no more is written"
	"$2" event more
	echo "ended with $?"
	"$2" doctor' "$SCRATCH/card.img" "$SCRATCH/worn" "$BUILD/alzy" 2>&1)
if ! grep -q "^no more is written" <<<"$said"; then
	diag "no card can be mounted here, so none is worn"
else
	like "$said" 'read-only file system: it can be read only' "that a card is written to no more is told, whatever it says of itself"
	like "$said" '^ended with 11' "… with its code"
	like "$said" '^fault +space: the disk of the store is mounted read-only' "… and by the doctor"
fi
unit absent store.path="$SCRATCH/absent/no/such/folder/store.db"
refuses "a folder that is not there" '4|10' "no/such/folder" bounded env ALZY_CONFIG="$SCRATCH/absent/alzy.conf" "$BUILD/alzy-agentd"
unit fresh
refuses "status without a store says how one comes to be" 4 'alzy-agentd' on fresh status

# ---- configurations
broken() { # DESCRIPTION REGEX TEXT…: every program refuses it with file and line
	local what=$1 regex=$2 program
	printf "$3\n" >"$SCRATCH/broken.conf"
	for program in alzy-agentd alzy-syncd "alzy status" "alzy config check"; do
		refuses "config: $what: $program" 3 "broken.conf:$regex" bounded env ALZY_CONFIG="$SCRATCH/broken.conf" "$BUILD"/$program
	done
}
broken "unknown key" '2:.*colour' '[gnss]\ncolour = blue'
broken "unknown section" '2:.*weather' '[weather]\nsun = yes'
broken "a key before any section" '1: sun: stands before any \[section\]; known are: gnss' 'sun = yes'
broken "no unit" '3:.*10s' '[store]\npath = /x\ncommit_interval = 20'
broken "out of bounds" '2:.*allowed' '[store]\ncommit_points = 0'
broken "no choice" '2:.*auto.*manual' '[capture]\nsession = sometimes'
broken "a key twice" '3:' '[store]\npath = /x\npath = /y'
broken "a relative path" '2:.*/' '[store]\npath = store.db'
broken "no source" '2:.*gpsd://' '[gnss]\nsource = /dev/ttyUSB0'
broken "no form at all" '1:' 'hello'
refuses "config: a file that is not there" 3 'none.conf' bounded env ALZY_CONFIG="$SCRATCH/none.conf" "$BUILD/alzy-agentd"
ok "config show prints what it understands" bash -c 'ALZY_CONFIG=$0 "$1" config show >"$2" && ALZY_CONFIG=$2 "$1" config check' \
	"$SCRATCH/fresh/alzy.conf" "$BUILD/alzy" "$SCRATCH/shown.conf"

# ---- words on the command line
refuses "an unknown verb" 2 'fly' on fresh fly
refuses "an unknown option" 2 'high' on fresh status --high
for latitude in 91 nan 1e3 '' abc; do
	refuses "mark at latitude '$latitude'" '2|6' 'lat' on newer mark --lat "$latitude" --lng 0
done
unit plain
ok "a plain store" on plain event first
refuses "an event type that is none" 6 'Door' on plain event Door
ok "a payload that is no JSON is taken as text" on plain event door '{"open":'
is "$(lite plain 'SELECT payload FROM events ORDER BY seq DESC LIMIT 1')" '{"text":"{\"open\":"}' "… inside JSON"
refuses "a payload of 20 KB" '6|7' '16384|payload' on plain event door "$(head -c 20000 /dev/zero | tr '\0' x)"
refuses "an export without a format" 2 'format' on plain export
refuses "an export in a format that is none" 2 'svg' on plain export --format png
refuses "an export into a folder that is not there" '4|10' 'nowhere' on plain export --format csv -o "$SCRATCH/nowhere/x.csv"
done_testing
