#!/bin/bash
# A table of recorded logs (tests/data/logs.tsv): what each must give through a real gpsd, fed as fast as it reads. The agent is held
# against the table, and the table against what another program makes of gpsd's own words (log_facts.pl). ALZY_TABLE=FILE
# adds what was found to a new table.
. "$(dirname "$0")/../lib/rig.sh"

facts_of() { # NAME: as log_facts.pl, from the store and the agent's own counts
	local stop
	stop=$(lite "$1" "SELECT payload FROM events WHERE event_type = 'agent_stop' ORDER BY seq DESC LIMIT 1")
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(json epochs <<<"$stop")" "$(json refused_no_time <<<"$stop")" "$(json refused_late <<<"$stop")" \
		"$no_fix" $(lite "$1" "SELECT coalesce((SELECT recorded_at FROM points WHERE seq = 1), '-') || ' ' ||
			coalesce((SELECT recorded_at FROM points ORDER BY seq DESC LIMIT 1), '-')")
}
verdicts_of() { # NAME: which fixes were kept, and which were refused, and why
	lite "$1" "SELECT payload FROM events WHERE event_type = 'agent_stop' ORDER BY seq DESC LIMIT 1" |
		perl -MJSON::PP -0777 -ne '$p = decode_json($_); print join(" ", map { "$_=$p->{$_}" }
			grep { /^(kept|refused|thinned|overrun)/ && $p->{$_} && !/no_time|late|bad/ } sort keys %$p), "\n"'
}
sessions_of() { lite "$1" "SELECT count(*) FROM sessions"; }

# Another gpsd reads some of them otherwise.
gpsd=$(gpsd -V 2>&1 | grep -oE '[0-9]+\.[0-9.]+' | head -n 1)
[ "$gpsd" = 3.22 ] || diag "gpsd is $gpsd: the table is not compared"
mapfile -t logs < <(cd "$DATA" && ls -d nmea/* logs/*)
for log in "${logs[@]}"; do
	name=$(basename "$log" .gz | tr -c 'a-z0-9\n' - | cut -c1-40)
	rm -f "$SCRATCH/witness.log"
	gpsd_start "$DATA/$log"
	unit "$name"
	agent_start "$name" || die "no agent: $(log_of "agent-$name")"
	gpsd_play
	stop "agent-$name"
	gpsd_stop
	told=$(perl "$RIG/log_facts.pl" "$SCRATCH/witness.log")
	no_fix=$(cut -f 4 <<<"$told")
	# The default profile sees the same reports from a file.
	unit "$name-default" gnss.source="replay:$SCRATCH/witness.log" capture.sampling=detailed
	replay "$name-default" || die "no replay: $(log_of "agent-$name-default")"
	found=$(printf '%s\t%s\t%s\t%s\t%s' "$log" "$(facts_of "$name")" "$(sessions_of "$name")" "$(verdicts_of "$name-default")" \
		"$(sessions_of "$name-default")")
	[ -z "${ALZY_TABLE:-}" ] || printf '%s\n' "$found" >>"$ALZY_TABLE"
	is "$(cut -f 2-7 <<<"$found")" "$told" "$log: the agent and gpsd's own words agree"
	[ "$gpsd" != 3.22 ] || is "$found" "$(grep "^$log	" "$DATA/logs.tsv")" "$log: as in the table"
done
is "$(grep -vc '^#' "$DATA/logs.tsv")" ${#logs[@]} "each log of the table is there"
done_testing
