#!/bin/bash
# How far, how long, how fast: the same on the unit, at the centre by PostGIS, and by a computation of its own.
. "$(dirname "$0")/../lib/rig.sh"

gpsd_start "$DATA/drive.nmea"
unit car
agent_start car || die "no agent: $(log_of agent-car)"
gpsd_play
stop agent-car
gpsd_stop
drive=$(on car session list --json | json 0.session_id)

# ---- points in odd places, put into the store as the agent would
# NAME ROWS…: a session of these points: seconds, lat, lng, speed, each as SQL writes it.
odd() {
	local name=$1 row values='' seq session
	shift
	on car session start --force --user "$name" >"$SCRATCH/start.log" || die "no session: $(log_of start)"
	session=$(lite car 'SELECT max(id) FROM sessions')
	seq=$(lite car 'SELECT max(seq) FROM points')
	for row in "$@"; do
		seq=$((seq + 1))
		IFS=' ' read -r at lat lng speed <<<"$row"
		values+="${values:+,}($seq,$session,1700000000000+$at*1000,$lat,$lng,$speed,0)"
	done
	[ ! "$values" ] || sqlite3 "$SCRATCH/car/store.db" \
		"INSERT INTO points (seq, session_id, recorded_at, lat, lng, speed, source) VALUES $values" || die "no points of $name"
	[ "$name" != marked ] || on car mark --lat 10 --lng 10 >/dev/null
	on car session end >/dev/null || die "$name does not end"
}
names=(antimeridian poles null_island identical one none outlier around back silence drift creep marked antipode)
odd antimeridian '0 -168000000 1799950000 2000' '30 -168000500 1799999999 2000' '60 -168001000 -1799950000 2000'
odd poles '0 900000000 0 1000' '10 900000000 1200000000 1000' '20 899990000 -600000000 1000' '30 -900000000 0 1000'
odd null_island '0 0 0 NULL' '1 0 100 NULL' '2 100 100 NULL' '3 -100 -100 NULL'
odd identical '0 1 1 0' '60 1 1 0' '120 1 1 0' '180 1 1 0' '181 1 1 NULL' '182 1 1 NULL'
odd one '0 525200066 134049540 100'
odd none
odd outlier '0 525200066 134049540 1000' '1 0 0 1000' '2 525200166 134049540 1000'
odd around '0 0 0 1000' '1 0 1000000000 1000' '2 0 -1600000000 1000' '3 0 -600000000 1000' '4 0 300000000 1000'
odd back '0 525200000 134049540 1000' '10 525201000 134049540 1000' '5 525202000 134049540 1000' '5 525203000 134049540 NULL' '20 525203000 134049540 0'
odd silence '0 525200000 134049540 1000' '300 525210000 134049540 1000' '601 525310000 134049540 1000' '2000 525310001 134049540 0' '3000 525310001 134049540 0'
odd drift '0 525200000 134049540 NULL' '60 525200200 134049540 NULL' '90 525202000 134049540 NULL' '91 525202000 134049540 49' '92 525202100 134049540 50'
odd creep '0 525200000 134049540 0' '100 525200010 134049540 0' '150 525200010 134049540 0' '151 525201010 134049540 60' '152 525201010 134049540 0' '300 525201010 134049540 0'
odd marked '0 525200000 134049540 1000' '10 525201000 134049540 1000'
odd antipode '0 0 0 1000' '86400 0 1800000000 1000'

postgres_start
central_init
central_start || die "no centre: $(log_of central)"
pair car
ok "everything is sent" on car sync

# ---- the unit and the centre
session_of() { lite car "SELECT session_id FROM sessions WHERE user_id = '$1'"; }
unit_says() { on car session show "$1" --json | json summary; }
central_says() { central session show "$1" --json | json summary; }
same() { is "$(central_says "$2")" "$(unit_says "$2")" "$1: the centre says what the unit says"; }
same "the drive" "$drive"
for name in "${names[@]}"; do
	[ "$name" = antipode ] || same "$name" "$(session_of "$name")"
done
of() { unit_says "$(session_of "$1")" | json "$2"; } # NAME MEMBER
is "$(of antimeridian west) $(of antimeridian east) $(of antimeridian south) $(of antimeridian north)" \
	"179.995 -179.995 -16.8001 -16.8" "the box goes across the antimeridian"
like "$(of antimeridian distance_m)" '^1066\.' "… and the distance does, too"
is "$(of identical distance_m) $(of identical stops) $(of identical still_s) $(of identical mean_speed)" "0 1 182 0" "one place is one stop"
is "$(of one points) $(of one distance_m) $(of one moving_speed) $(of one max_speed)" "1 0 null 1" "one point goes nowhere"
is "$(of none points) $(of none distance_m) $(of none west)" "0 null null" "no point says nothing"
like "$(of outlier distance_m)" '^11[0-9]{6}' "an outlier counts both ways: nothing is left out"
is "$(of around west) $(of around east)" "-180 180" "once around the globe has every longitude"
is "$(of back moving_s) $(of back still_s) $(of back first_at) $(of back last_at)" \
	"10 15 2023-11-14T22:13:20.000Z 2023-11-14T22:13:40.000Z" "time that goes back adds none"
is "$(of silence moving_s) $(of silence silent_s) $(of silence still_s) $(of silence stops)" "300 2700 0 0" "more than five minutes are silence"
like "$(of silence bridged_m) $(of silence distance_m)" '^1112\.[0-9]+ 1224\.' "… across which a straight line counts, and is told"
like "$(of drift distance_m) $(of drift moving_s)" '^21\.[0-9]* 31$' "below 0.5 m/s nothing moves"
is "$(of creep stops) $(of creep still_s)" "2 298" "a stop has two minutes"
is "$(of marked points) $(of marked marks)" "3 1" "a mark is counted"
like "$(of marked distance_m)" '^11\.1' "… and is no part of the distance"
u=$(of antipode distance_m) c=$(central_says "$(session_of antipode)" | json distance_m)
is "$(perl -e 'print abs($ARGV[0] / $ARGV[1] - 1) < 0.006' "$u" "$c")" 1 "antipodes: within 0.6 %"

# ---- a computation of its own
own() { store_rows car | grep -F "$1" | perl "$RIG/summary.pl"; } # SESSION
for name in drive silence back drift creep; do
	session=$drive
	[ $name = drive ] || session=$(session_of $name)
	said=$(unit_says "$session")
	own=($(own "$session"))
	is "$(json moving_s <<<"$said") $(json still_s <<<"$said") $(json silent_s <<<"$said") $(json stops <<<"$said")" \
		"$(perl -e 'print join " ", map { $_ + 0 } @ARGV' "${own[@]:2}")" "$name: times and stops by another computation"
	is "$(perl -e 'print abs($ARGV[0] - $ARGV[1]) <= 0.02 + 1e-6 * $ARGV[1] ? "" : "@ARGV"' "$(json distance_m <<<"$said")" "${own[0]}")" "" \
		"$name: and the distance (${own[0]} m)"
done
is "$(unit_says "$drive" | json max_speed)" \
	"$(lite car "SELECT max(speed) / 100.0 FROM points WHERE session_id = (SELECT id FROM sessions WHERE session_id = '$drive')")" \
	"the greatest speed is what the receiver said"

# ---- what people see
like "$(on car session show "$drive")" '^Distance     [0-9.]+ km$' "session show tells the distance"
like "$(central session show "$drive")" '^Distance     [0-9.]+ km$' "… and at the centre"
is "$(on car session list --json | perl -0777 -MJSON::PP -ne 'print join " ", map { $_->{distance_m} // "" } @{decode_json($_)}')" \
	"$(for name in $(printf '%s\n' "${names[@]}" | tac); do of "$name" distance_m | sed 's/null/0/'; done | tr '\n' ' ')$(unit_says "$drive" | json distance_m)" \
	"session list tells the distance of each"
is "$(central session list --device 1 --json | json '#')" 15 "session list at the centre"
is "$(central session list --json --limit 100 | perl -0777 -MJSON::PP -ne 'print map { "$_->{distance_km}" } grep { $_->{session_id} eq "'"$drive"'" } @{decode_json($_)}')" \
	"$(perl -e 'printf "%.2f", $ARGV[0] / 1000' "$(unit_says "$drive" | json distance_m)")" "… with distances"
like "$(central session list --limit 100 | grep "^${drive:0:8} ")" "$(perl -e 'printf " %.1f\$", $ARGV[0] / 1000' "$(unit_says "$drive" | json distance_m)")" \
	"… for people with one decimal"
is "$(central session list | awk 'length > 80')" "" "… in a table that a terminal can show"
like "$(central session show "$(central session list --limit 1 | sed -n '2s/ .*//p')")" '^Session ' "… which says enough to ask for one"
refuses "a session that is not there" 4 'session list' central session show ffffffff-nobody
refuses "a beginning of many" 6 'more than one' central session show ''
like "$(sql "EXPLAIN SELECT * FROM alzy.session_summaries WHERE session_id = '$drive'" | grep -c 'points.*session_id_recorded_at_idx')" '^[1-9]' \
	"one session is found by its index"
central_stop
done_testing
