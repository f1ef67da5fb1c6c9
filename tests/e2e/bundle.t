#!/bin/bash
# Rows and receipts on sticks: by stick and by network, in any order, any number of times, copied, cut off, changed, lost.
# What counts is what Postgres holds in the end: each row once, as the unit recorded it.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start --durable
central_init
central_start || die "no centre: $(log_of central)"
stick() { mkdir -p "$SCRATCH/$1" && echo "$SCRATCH/$1"; } # NAME: a folder that stands for a stick

clock=1714557600
record() { # NAME COUNT: so many points more, one a second, and the events and sessions of a journey
	replay_drive "$1" $clock "$2"
	clock=$((clock + $2 + 100))
}
held() { sql "SELECT count(*) FROM alzy.points WHERE id >> 40 = (SELECT number FROM alzy.stores WHERE store_id = '$(store_uuid "$1")')"; }
files() { ls "$1" | grep -c "\\.${2:-batch}\$"; } # FOLDER [batch|receipt]
to() { on "$1" sync --to "$2" --json | json "$3"; }

for name in car van; do
	unit "$name" sync.batch_points=100 gnss.source="replay:$SCRATCH/drive.json"
	record "$name" 250
done

# ---- before a stick can go anywhere
refuses "a unit that is not paired has nobody to write to" 8 'alzy pair' on car sync --to "$(stick a)"
for name in car van; do pair "$name"; done
refuses "a stick that is not there is not made" 4 "nowhere" on car sync --to "$SCRATCH/nowhere"
[ ! -e "$SCRATCH/nowhere" ]
tap $? "… indeed"
refuses "--to and --from at once" 2 'one after the other' on car sync --to "$SCRATCH/a" --from "$SCRATCH/a"
refuses "a stick without receipts" 4 'no receipt' on car sync --from "$SCRATCH/a"
refuses "import without a path" 2 'which' central import
refuses "import of nothing" 4 'no file' central import "$SCRATCH/a"
refuses "import of what is not there" 4 'nowhere' central import "$SCRATCH/nowhere"

# ---- by stick, and later by network
ok "an event with a secret" on car event note "wintergreen wintergreen wintergreen"
said=$(on car sync --to "$SCRATCH/a" --json)
is "$? $(json points <<<"$said") $(json sessions <<<"$said") $(json error <<<"$said")" "0 250 1 null" "sync --to writes what is unsent"
is "$(files "$SCRATCH/a")" 3 "… one file a batch"
is "$(ls -A "$SCRATCH/a" | grep -vE "^alzy-$(store_uuid car)-[0-9]{8}(-points-[0-9]+-[0-9]+)?(-events-[0-9]+-[0-9]+)?\.batch\$")" "" \
	"… named by store, exchange and range, and nothing else"
is "$(unsent car)" 250 "what is written is still unsent"
like "$(on car sync --to "$SCRATCH/a")" 'there +250 points, [0-9]+ events in 3 files already' "a second time"
is "$(files "$SCRATCH/a")" 3 "… does not fill the stick"
is "$(grep -l wintergreen "$SCRATCH"/a/*)" "" "nobody can read it"
first=$(ls "$SCRATCH"/a/*.batch | head -n 1)
# What a run that was killed has left goes; what somebody is writing, what is another unit's, and a copy that a person has made, stay.
part=$first.part-aB3x9Z other=${first/$(store_uuid car)/$(store_uuid van)}.part-aB3x9Z
for file in "$part" "$part-busy" "$other" "$first.backup"; do head -c 200 "$first" >"${file/%part-aB3x9Z-busy/part-000000}"; done
start busy perl -MFcntl=:flock -e 'open F, "<", shift; flock F, LOCK_EX; sleep 100' "$first.part-000000"
await eval '! flock -n "$first.part-000000" true'
ok "a run after one that was killed" on car sync --to "$SCRATCH/a"
is "$(cd "$SCRATCH/a" && ls -- *part* *backup | sed 's/.*\.//' | sort | tr '\n' ' ')" "backup part-000000 part-aB3x9Z " "… leaves what others are writing, or have copied"
[ ! -e "$part" ]
tap $? "… and removes its own"
stop busy
ok "nobody writes there any more" on car sync --to "$SCRATCH/a"
is "$(cd "$SCRATCH/a" && ls -- *part* | sed 's/^alzy-//; s/.*\.//')" "part-aB3x9Z" "… and the other unit's is left to it"
rm "$other" "$first.backup"
like "$(central show "$first")" wintergreen "… but the centre"
mkdir "$SCRATCH/stranger"
sed "s|^path = .*|path = $SCRATCH/stranger/central.key|" "$SCRATCH/central.conf" >"$SCRATCH/stranger.conf"
ALZY_CONFIG=$SCRATCH/stranger.conf bounded "$BUILD/alzy-central" init >"$SCRATCH/stranger.log" 2>&1
refuses "… not even another centre" 18 . env ALZY_CONFIG="$SCRATCH/stranger.conf" "$BUILD/alzy-central" show "$first"
refuses "… which can't take it either" 18 'refused' env ALZY_CONFIG="$SCRATCH/stranger.conf" "$BUILD/alzy-central" import "$SCRATCH/a"
is "$(sql 'SELECT count(*) FROM alzy.points')" 0 "… and nothing of it is there"
is "$(files "$SCRATCH/a" receipt)" 0 "… and no receipt"

said=$(central import "$SCRATCH/a" --json)
is "$? $(json taken <<<"$said") $(json files.0.points.new <<<"$said") $(json files.0.points.held <<<"$said")" "0 3 100 0" "import takes them"
is "$(files "$SCRATCH/a" receipt)" 3 "… and writes a receipt beside each"
is "$(ls "$SCRATCH/a" | sed -nE 's/\.batch$//p')" "$(ls "$SCRATCH/a" | sed -nE 's/\.receipt$//p')" "… of the same name"
once car "by stick"
is "$(unsent car)" 250 "without a receipt the unit does not believe it"
ok "the same rows go by network" on car sync
once car "by stick and by network"
said=$(on car sync --from "$SCRATCH/a" --json)
is "$? $(json applied <<<"$said") $(json older <<<"$said") $(json held_points <<<"$said")" "0 0 3 250" "the stick's receipts are older by now, and ignored"

# ---- the other way
to van "$(stick b)" files >"$SCRATCH/said"
ok "rows go by network" on van sync
said=$(central import "$SCRATCH/b" --json)
is "$? $(json files.0.points.new <<<"$said") $(json files.0.points.held <<<"$said")" "0 0 100" "… and then by stick, where nothing is new"
once van "by network and by stick"

# ---- receipts back
record car 250
journey=$(on car session start --machine van --json | json session_id)
on car sync --to "$(stick c)" >"$SCRATCH/said"
ok "the session that is open on the stick ends" on car session end
ok "… which goes by network" on car sync
ok "… before the stick is imported" central import "$SCRATCH/c"
once car "an old stick"
is "$(sql "SELECT status FROM alzy.sessions WHERE session_id = '$journey'")" ended "… does not open the session again"
record car 250
on car sync --to "$(stick d)" >"$SCRATCH/said"
ok "import" central import "$SCRATCH/d"
said=$(on car sync --from "$SCRATCH/d" --json)
is "$? $(json applied <<<"$said") $(json held_points <<<"$said") $(json remaining <<<"$said")" "0 3 750 0" "--from takes the receipts, and nothing is unsent"
like "$(on car sync --from "$SCRATCH/d")" '0 applied, 3 older' "… the second time they say nothing new"
like "$(on car sync)" 'nothing is unsent' "the network has nothing to do"
is "$(to car "$SCRATCH/d" files)" 0 "nor has the stick"
once car "receipts back"

# ---- twice, out of order, copied
record car 450
on car sync --to "$(stick e)" >"$SCRATCH/said"
mapfile -t batches < <(ls -r "$SCRATCH"/e/*.batch)
ok "files one by one, the last first" central import "${batches[@]}"
once car "out of order"
ok "all of them again" central import "$SCRATCH/e"
cp -r "$SCRATCH/e" "$SCRATCH/e2"
(cd "$SCRATCH/e2" && rm -- *.receipt && for file in *.batch; do mv "$file" "copy of $file"; done)
ok "… and copies of other names, with the receipts elsewhere" central import "$SCRATCH/e" "$SCRATCH/e2" --receipts "$(stick receipts)"
is "$(files "$SCRATCH/receipts" receipt) $(files "$SCRATCH/e2" receipt)" "10 0" "… which is where they are"
once car "twice"
said=$(on car sync --from "$SCRATCH/receipts" --json)
is "$? $(json held_points <<<"$said") $(json remaining <<<"$said")" "0 1200 0" "… and are taken from there, whatever their names"

# ---- what does not come through
record car 450
on car sync --to "$(stick f)" >"$SCRATCH/said"
cp -r "$SCRATCH/f" "$SCRATCH/whole"
mapfile -t batches < <(ls "$SCRATCH"/f/*.batch)
is "${#batches[@]}" 5 "five files"
truncate -s -1 "${batches[0]}"
: >"${batches[1]}"
flip() { perl -e 'my ($file, $at) = @ARGV; open my $f, "+<:raw", $file or die; $at += -s $file if $at < 0; seek $f, $at, 0;
	read $f, my $byte, 1; seek $f, $at, 0; print $f chr(ord($byte) ^ 4)' "$@"; } # FILE BYTE
flip "${batches[2]}" 400
head -c 2000000 /dev/urandom >"$SCRATCH/f/"$'huge\033.batch'
mkdir "$SCRATCH/f/folder.batch"
mkfifo "$SCRATCH/f/pipe.batch"
cp "${batches[0]}" "$SCRATCH/f/._hidden.batch"
cp "$SCRATCH/d/$(ls "$SCRATCH/d" | grep receipt | head -n 1)" "$SCRATCH/f/receipt.batch"
printf 'ALZY' >"$SCRATCH/f/"$'esc\033[31m\377.batch'
before=$(held car)
central import "$SCRATCH/f" >"$SCRATCH/said" 2>&1
is $? 18 "import of a stick that has suffered ends with the first error"
like "$(cat "$SCRATCH/said")" '6 of 8 files refused or failed' "… counts"
for file in "${batches[0]}" "${batches[1]}" "${batches[2]}" "$SCRATCH/f/receipt.batch"; do
	like "$(cat "$SCRATCH/said")" "^$file: refused: .{10}" "… names ${file##*/} and says why"
done
like "$(cat "$SCRATCH/said")" 'huge\?\.batch: refused: .*huge\?\.batch is larger than 1048576' "… and of the large one too"
like "$(cat "$SCRATCH/said")" 'esc\?\[31m\?\.batch: refused' "… writes no control character to the terminal"
is "$(files "$SCRATCH/f" receipt)" 2 "… gives receipts for what it has taken"
[ "$(held car)" -gt "$before" ]
tap $? "… and has taken all the others"
central import "$SCRATCH/f" --json >"$SCRATCH/said" 2>"$SCRATCH/stderr"
is "$(json failed <"$SCRATCH/said") $(json error <"$SCRATCH/said")" "6 FORGED" "the same as JSON"
ok "the unit takes the receipts of those" on car sync --from "$SCRATCH/f"
is "$(unsent car)" "$((1650 - $(held car)))" "… and knows what is missing"
is "$(to car "$SCRATCH/f" points)" "$(unsent car)" "… which it writes again, for those files are no good"
ok "the whole stick turns up later" central import "$SCRATCH/whole"
once car "half copied, changed, and made good"
cp "$SCRATCH/whole/${batches[4]##*/}" "$SCRATCH/flipped.batch"
size=$(stat -c %s "$SCRATCH/flipped.batch")
for at in 0 4 5 6 37 38 101 102 149 150 $((size / 2)) -1; do
	flip "$SCRATCH/flipped.batch" $at
	refuses "a changed bit in byte $at" '6|13|18' 'flipped.batch: refused' central import "$SCRATCH/flipped.batch"
	flip "$SCRATCH/flipped.batch" $at
done
ok "the same file, whole again" central import "$SCRATCH/flipped.batch"
ok "… and the receipts" on car sync --from "$SCRATCH/whole"
ok "the network agrees" on car sync
is "$(unsent car)" 0 "nothing is unsent"

# ---- two stores on one stick, and receipts that are not good
record car 150
record van 150
on car sync --to "$(stick g)" >"$SCRATCH/said"
on van sync --to "$SCRATCH/g" >"$SCRATCH/said"
is "$(files "$SCRATCH/g")" 4 "two stores on one stick"
ok "import of both" central import "$SCRATCH/g"
mapfile -t mine < <(ls "$SCRATCH"/g/alzy-"$(store_uuid car)"-*.receipt)
mapfile -t other < <(ls "$SCRATCH"/g/alzy-"$(store_uuid van)"-*.receipt)
cp "${mine[0]}" "$SCRATCH/kept.receipt"
flip "${mine[0]}" 300
cp "${other[0]}" "$SCRATCH/g/alzy-$(store_uuid car)-00000099.receipt"
cp "$(ls "$SCRATCH"/g/*.batch | head -n 1)" "$SCRATCH/g/batch.receipt"
on car sync --from "$SCRATCH/g" >"$SCRATCH/said" 2>&1
is $? 18 "a receipt with a changed bit, and one of another unit under our name"
like "$(cat "$SCRATCH/said")" "^${mine[0]##*/}: refused: .{10}" "… are refused by name"
like "$(cat "$SCRATCH/said")" "00000099.receipt: refused: .{10}" "… both"
like "$(cat "$SCRATCH/said")" "batch.receipt: refused: .{10}" "… and so is what is none"
like "$(cat "$SCRATCH/said")" "^${other[0]##*/}: passed over" "others' are passed over"
like "$(cat "$SCRATCH/said")" "^receipts +1 applied, 0 older than what is known, 2 for other stores, 3 refused" "the good one is applied"
cp "$SCRATCH/kept.receipt" "${mine[0]}"
rm "$SCRATCH/g/batch.receipt"
ok "van takes its own" on van sync --from "$SCRATCH/g"
is "$(unsent car) $(unsent van)" "0 0" "nothing is unsent on either"
once car "two on one stick"
once van "two on one stick"

# ---- a lost stick
record car 250
on car sync --to "$(stick lost)" >"$SCRATCH/said"
rm -r "$SCRATCH/lost"
is "$(to car "$(stick h)" points)" 250 "after a lost stick the same rows go on the next"
ok "import" central import "$SCRATCH/h"
rm "$SCRATCH"/h/*.receipt
ok "lost receipts don't matter either" on car sync
is "$(unsent car)" 0 "… the network asks"
once car "a lost stick"

# ---- a stick that gives names back in capitals, with files of two units
capitals() { for file in "$1"/*[a-z]*; do mv "$file" "$1/$(basename "$file" | tr a-z A-Z)"; done; } # FOLDER
record car 150
record van 150
on car sync --to "$(stick fat)" >"$SCRATCH/said"
on van sync --to "$SCRATCH/fat" >"$SCRATCH/said"
capitals "$SCRATCH/fat"
is "$(to car "$SCRATCH/fat" files) $(files "$SCRATCH/fat" BATCH)" "0 4" "files in capitals are known again"
ok "… and imported" central import "$SCRATCH/fat"
is "$(files "$SCRATCH/fat" receipt)" 4 "… with receipts of their names"
capitals "$SCRATCH/fat"
is "$(on car sync --from "$SCRATCH/fat" --json | perl -ne 'print join " ", /"(?:applied|others|refused|remaining)":(\d+)/g')" "2 2 0 0" \
	"… which a unit takes, and passes over others'"
ok "… as the other does" on van sync --from "$SCRATCH/fat"
is "$(unsent car) $(unsent van)" "0 0" "nothing is unsent on either"
once car "in capitals"

# ---- a store that was restored from a copy does not take receipts of exchanges that it has not made
cp "$SCRATCH/car/store.db" "$SCRATCH/copy.db"
record car 100
on car sync --to "$(stick i)" >"$SCRATCH/said"
ok "import" central import "$SCRATCH/i"
cp "$SCRATCH/car/store.db" "$SCRATCH/present.db"
cp "$SCRATCH/copy.db" "$SCRATCH/car/store.db"
refuses "a restored store" 8 'restored' on car sync --from "$SCRATCH/i"
cp "$SCRATCH/present.db" "$SCRATCH/car/store.db"
ok "the store itself" on car sync --from "$SCRATCH/i"

# ---- trouble on the way
record car 350
if [ "$(id -u)" != 0 ]; then
	chmod 555 "$(stick full)"
	refuses "a stick that can't be written" 11 . on car sync --to "$SCRATCH/full"
fi
# Two pages: two files of a batch.
apart=(unshare --mount)
[ "$(id -u)" = 0 ] || apart+=(--map-root-user)
full='mount -t tmpfs -o size=8k stick "$1" && cd "$1" && { "$2" sync --to . 2>&1; echo "ended with $?"; ls -A; }'
export ALZY_CONFIG=$SCRATCH/car/alzy.conf
if said=$("${apart[@]}" bash -c "$full" - "$(stick small)" "$BUILD/alzy" 2>&1) || grep -q ended <<<"$said"; then
	like "$said" '^alzy: .*No space left on device' "a stick that gets full"
	like "$said" '^ended with 10' "… is told"
	like "$said" '^wrote +200 points.* 2 files' "… with what is on it"
	is "$(grep -c '^alzy-.*batch$' <<<"$said") $(grep -c '^alzy-' <<<"$said")" "2 2" "… and has no half file"
else
	tap 0 "a stick that gets full # SKIP nothing can be mounted here"
fi
unset ALZY_CONFIG
is "$(unsent car)" 350 "nothing is lost by that"
unit car sync.batch_points=100
agent_start car || die "no agent: $(log_of agent-car)"
central_stop
syncd_start car || die "no alzy-syncd: $(log_of syncd-car)"
ok "a stick beside both daemons, while the centre can't be reached" on car sync --to "$(stick j)"
stop postgres INT
refuses "import without a database" 19 . central import "$SCRATCH/j"
postgres_again
stop agent-car
ok "import without a gateway" central import "$SCRATCH/j"
chmod 555 "$SCRATCH/j"
ok "receipts back, beside alzy-syncd" on car sync --from "$SCRATCH/j"
chmod 755 "$SCRATCH/j"
stop syncd-car
central_start || die "no centre: $(log_of central)"
ok "the rest by network" on car sync
once car "beside the daemons"
refuses "where the receipt can't be written" '4|10|11' '--receipts' central import "$SCRATCH/j" --receipts "$SCRATCH/nowhere"
sql "UPDATE alzy.devices SET is_active = false WHERE name = 'van'"
record van 50
on van sync --to "$(stick k)" >"$SCRATCH/said"
refuses "a device that was deactivated" 17 'deactivated' central import "$SCRATCH/k"
refuses "… of which its unit is told" 17 'van.* was deactivated' on van sync --from "$SCRATCH/k"
sql "UPDATE alzy.devices SET is_active = true WHERE name = 'van'"
ok "… and is let in again" central import "$SCRATCH/k"
ok "… as it hears" on van sync
once van "in the end"
once car "in the end"
is "$(sql 'SELECT count(*) FROM alzy.rejected')" 0 "nothing was rejected"

# ---- a row that Postgres refuses
sql "ALTER TABLE public.events ADD CONSTRAINT test CHECK (event_type <> 'bad') NOT VALID"
on van event bad >"$SCRATCH/said" && on van event good >"$SCRATCH/said"
on van sync --to "$(stick l)" >"$SCRATCH/said"
said=$(central import "$SCRATCH/l" --json)
is "$? $(json files.0.events.rejected <<<"$said")" "0 1" "a rejected row is told"
is "$(diff <(store_events van) <(central_events van) | grep '^[<>]' | cut -d'|' -f3)" bad "… and hinders no other"
like "$(central import "$SCRATCH/l")" ', 0 points and 0 events rejected$' "… the second time it is known"
like "$(on van sync --from "$SCRATCH/l")" '^rejected +1 row;' "the unit is told"
is "$(on van queue --rejected --json | json 0.code)" 23514 "… why"
done_testing
