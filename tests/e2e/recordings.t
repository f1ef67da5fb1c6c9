#!/bin/bash
# Every recording through a real gpsd, each into a unit of its own, and then all of them to one centre: every epoch
# that gpsd reported with a position and a time is exactly one row, in the store and in Postgres.
. "$(dirname "$0")/../lib/rig.sh"

recordings=("$DATA"/nmea/*)
for file in "${recordings[@]}"; do
	name=$(basename "$file" | tr -c 'a-z0-9\n' - | cut -c1-40)
	rm -f "$SCRATCH/witness.log"
	gpsd_start "$file"
	unit "$name"
	agent_start "$name" || die "no agent: $(log_of "agent-$name")"
	gpsd_play
	stop "agent-$name"
	is $? 0 "$name: the agent ends cleanly"
	gpsd_stop
	mv "$SCRATCH/witness.log" "$SCRATCH/$name.witness"
	units+=("$name")
done

postgres_start
central_init
central_start || die "no centre: $(log_of central)"
for name in "${units[@]}"; do
	cp "$SCRATCH/$name.witness" "$SCRATCH/witness.log"
	pair "$name"
	ok "$name: sent" on "$name" sync
	same_rows "$name" "$name"
done
is "$(sql 'SELECT count(*) FROM alzy.stores')" ${#units[@]} "one store for each unit"
done_testing
