#!/bin/bash
# kill -9 of each program at random moments while a drive is recorded and sent at once: no row that was recorded is
# lost, none is there twice, none is altered. ALZY_SEED repeats a run's choices (not its timing).
. "$(dirname "$0")/../lib/rig.sh"

seed=${ALZY_SEED:-$SRANDOM}
RANDOM=$seed
diag "ALZY_SEED=$seed"
pause() { sleep "$(printf '0.%03d' $((RANDOM % $1)))"; } # up to so many milliseconds

postgres_start --durable
central_init
central_start || die "no centre: $(log_of central)"
gpsd_start "$DATA/drive.nmea" 0.006
unit car store.commit_interval=100ms sync.interval=1s sync.batch_points=40 sync.timeout=5s
agent_start car || die "no agent: $(log_of agent-car)"
pair car
syncd_start car || die "no syncd: $(log_of syncd-car)"

kills=0 failed_starts=0
again() { "$@" || failed_starts=$((failed_starts + 1)); }
kill_agent() {
	store_rows car >"$SCRATCH/seen.$kills" # all that is committed now must be there for ever
	kill9 agent-car
	pause 200
	again agent_start car
}
kill_syncd() {
	kill9 syncd-car
	again syncd_start car
}
kill_central() {
	kill9 central
	pause 200
	again central_start
}
kill_sync() { # whoever sends holds the lock: for once it is `alzy sync`
	kill9 syncd-car
	start sync-car env ALZY_CONFIG="$SCRATCH/car/alzy.conf" "$BUILD/alzy" sync
	pause 120
	kill9 sync-car
	again syncd_start car
}

gpsd_go
until gpsd_done; do
	pause 400
	case $((RANDOM % 5)) in
	0 | 1) kill_agent ;;
	2) kill_syncd ;;
	3) kill_central ;;
	4) kill_sync ;;
	esac
	kills=$((kills + 1))
	[ $SECONDS -lt 120 ] || die "the recording does not end"
done
stop agent-car
is $? 0 "the agent that outlived all ends cleanly"
is $failed_starts 0 "every program started again after each of $kills kills"
stop syncd-car
ok "what is left is sent" on car sync

same=0
store_rows car >"$SCRATCH/rows.store"
for seen in "$SCRATCH"/seen.*; do
	head -n "$(wc -l <"$seen")" "$SCRATCH/rows.store" | cmp -s - "$seen" || same=1
done
tap $same "what was committed before each kill is there, unaltered ($(wc -l <"$SCRATCH/rows.store") points)"
central_rows car >"$SCRATCH/rows.central"
ok "the store and Postgres hold the same rows" diff "$SCRATCH/rows.store" "$SCRATCH/rows.central"
is "$(sql 'SELECT count(*) FROM alzy.rejected')" 0 "no row that came again was taken for another"
is "$(cut -d' ' -f1 "$SCRATCH/rows.store" | sort -n | awk '$1 != NR' | wc -l)" 0 "seq has no gap"
is "$(cut -d' ' -f2 "$SCRATCH/rows.store" | sort | uniq -d | wc -l)" 0 "no epoch is there twice"

# Each row is an epoch as gpsd reported it. While the agent was dead gpsd went on: those are missing, and no others.
gpsd_rows >"$SCRATCH/rows.gpsd"
awk 'NR == FNR { held[$2]; next } $1 in held' "$SCRATCH/rows.store" "$SCRATCH/rows.gpsd" >"$SCRATCH/rows.kept"
ok "every row is what gpsd reported" perl "$RIG/compare.pl" "$SCRATCH/rows.kept" "$SCRATCH/rows.store"
gaps=$(awk 'NR == FNR { held[$2]; next } { gone = !($1 in held); n += gone && !before; before = gone } END { print n + 0 }' \
	"$SCRATCH/rows.store" "$SCRATCH/rows.gpsd")
agent_kills=$(ls "$SCRATCH"/seen.* | wc -l)
[ "$gaps" -le "$agent_kills" ]
tap $? "gaps only where the agent was dead ($gaps gaps, $agent_kills kills)"
is "$(sql "SELECT count(*) || ' ' || min(status::text) FROM alzy.sessions")" "1 ended" "one drive is one session"
is "$(sql 'SELECT count(*) FROM public.events')" "$(lite car 'SELECT count(*) FROM events')" "every event is there once"
done_testing
