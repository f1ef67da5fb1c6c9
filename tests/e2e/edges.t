#!/bin/bash
# Positions, times and speeds at the edges, from the sentences of a receiver through a real gpsd to Postgres: the antimeridian, the
# poles, (0, 0), below the sea and high above it, across north, ships and trains, ten a second, two dimensions, time that goes back.
. "$(dirname "$0")/../lib/rig.sh"

perl -e '
	my $t = 1795305600; # 2026-11-22
	sub say_ { printf "%.1f %.7f %.7f %s %s %s\n", @_ }
	say_($t++, -16.5, $_ > 180 ? $_ - 360 : $_, 10, 41.5, 90) for map { 179.999 + $_ * 0.0002 } 0 .. 19; # Taveuni, eastwards
	$t += 100;
	say_($t++, 90 - abs(10 - $_) * 0.0001, $_ < 10 ? 30 : -150, 0, 21.6, $_ < 10 ? 0 : 180) for 0 .. 20; # over the pole
	say_($t++, -90, 0, 2835, 0, 0);
	$t += 100;
	say_($t++, ($_ - 10) * 0.0001, ($_ - 10) * 0.0001, 0, 30.5, 45) for 0 .. 20; # through (0, 0)
	$t += 100;
	say_($t++, 31.5 + $_ * 0.0001, 35.5, -430.5, 21.6, 0) for 0 .. 9; # the shore of the Dead Sea
	$t += 100;
	say_($t++, 50 + $_ * 0.002, 8, 11887.2, 432.4, 0) for 0 .. 9; # an airliner, 222 m/s
	$t += 100;
	say_($t++, 52 + $_ * 0.0002, 13, 40, 43.2, (357 + $_) % 360) for 0 .. 6; # across north
	$t += 100;
	say_($t++, 48 + $_ * 0.00075, 7.5, 150, 162, 0) for 0 .. 9; # a train, 300 km/h
	say_($t++, 54, 10 + $_ * 0.000004, 1, 0.5, 90) for 0 .. 9; # a ship in the harbour
	$t += 100;
	say_($t + $_ / 10, 47 + $_ * 0.00001, 9, 400, 21.6, 0) for 0 .. 49; # ten a second
	$t += 100;
	say_($t - $_, 46, 9, 400, 0, 0) for 1 .. 5; # time that goes back
' | perl "$RIG/nmea.pl" >"$SCRATCH/edges.nmea"
perl -e 'srand 1; print map { chr rand 256 } 1 .. 5000' >>"$SCRATCH/edges.nmea"
perl -e 'printf "%d 45.0000 %.4f - 10 90\n", 1795310000 + $_, 9 + $_ / 1000 for 0 .. 9' | perl "$RIG/nmea.pl" >"$SCRATCH/flat.nmea"

postgres_start
central_init
central_start || die "no centre: $(log_of central)"
run() { # NAME FILE
	rm -f "$SCRATCH/witness.log"
	gpsd_start "$2"
	unit "$1"
	agent_start "$1" || die "no agent: $(log_of "agent-$1")"
	gpsd_play
	stop "agent-$1"
	is $? 0 "$1: the agent ends cleanly"
	gpsd_stop
	pair "$1"
	ok "$1: sent" on "$1" sync
	same_rows "$1" "$1"
}
count() { lite "$1" "SELECT count(*) FROM points WHERE $2"; } # NAME WHERE
run edges "$SCRATCH/edges.nmea"
is "$(count edges 'lng > 1799900000 OR lng < -1799600000')" 20 "across the antimeridian"
is "$(count edges 'lat = 900000000') $(count edges 'lat = -900000000')" "1 1" "at both poles"
is "$(count edges 'lat = 0 AND lng = 0')" 1 "at (0, 0)"
is "$(count edges 'altitude = -4305')" 10 "below the sea"
is "$(count edges 'altitude = 118872 AND speed > 22200')" 10 "high above it"
is "$(lite edges "SELECT group_concat(heading, ' ') FROM (SELECT heading FROM points WHERE lat BETWEEN 520000000 AND 521000000 ORDER BY seq)")" \
	"3570 3580 3590 0 10 20 30" "across north"
is "$(count edges 'recorded_at % 1000 <> 0')" 45 "ten a second are ten"
is "$(sql "SELECT count(*) FROM alzy.points WHERE ST_X(geom) = lng AND ST_Y(geom) = lat")" "$(count edges 'true')" "each has its geometry"

# With the default sampling too: over the antimeridian it is no jump.
grep -E '"time":"2026-11-22T00:00:' "$SCRATCH/witness.log" >"$SCRATCH/taveuni.json"
unit thinned gnss.source="replay:$SCRATCH/taveuni.json" capture.sampling=detailed
replay thinned || die "no replay: $(log_of agent-thinned)"
is "$(count thinned true)" 20 "nor is it a jump by the default sampling"
like "$(on thinned session show "$(on thinned session list --json | json 0.session_id)" --json | json summary.distance_m)" \
	'^40[45]\.' "… nor a way around the world by the odometer"

run flat "$SCRATCH/flat.nmea"
is "$(count flat 'altitude IS NULL') $(count flat 'lat = 450000000')" "10 10" "two dimensions have no altitude, and are kept"
done_testing
