#!/bin/bash
# Ignition and supply: what is recorded when they change, that nothing waits in memory once the supply is in doubt, and the
# command for a loss. The wires are files, as power supplies are in sysfs.
. "$(dirname "$0")/../lib/rig.sh"

wire() { # NAME VALUE: at once, as sysfs does
	echo "$2" >"$SCRATCH/$1.new"
	mv "$SCRATCH/$1.new" "$SCRATCH/$1"
}
inputs() { lite "$1" "SELECT group_concat(event_type, ' ') FROM (SELECT event_type FROM events
	WHERE event_type LIKE 'power%' OR event_type LIKE 'ignition%' ORDER BY seq)"; }
inputs_are() { [ "$(inputs car)" = "$1" ]; }
times() { grep -c . "$SCRATCH/commands" 2>/dev/null || echo 0; }
ran() { [ "$(times)" = "$1" ]; }
points() { lite car 'SELECT count(*) FROM points'; }

wire ignition 0
wire supply Charging
gpsd_start "$DATA/drive.nmea" 0.02
# Nothing is committed by time, nor by number.
unit car store.commit_interval=10m store.commit_points=10000 power.debounce=1s \
	power.ignition="file:$SCRATCH/ignition" power.supply="file:$SCRATCH/supply" \
	power.on_power_loss="echo lost | cat >>'$SCRATCH/commands'"
agent_start car || die "no agent: $(log_of agent-car)"
ok "the state of the ignition at the start is an event" await inputs_are "ignition_off"
gpsd_go
enough_seen() { [ "$(on car status --json | json agent.epochs)" -gt $((${seen:-0} + 20)) ]; }
await enough_seen || die "no fixes"
wire ignition 1
ok "ignition on" await inputs_are "ignition_off ignition_on"

# ---- a starter pulls the supply down for a moment: no loss, but all that waits is committed
reload() { # DEBOUNCE
	sed -i "s/^debounce = .*/debounce = $1/" "$SCRATCH/car/alzy.conf"
	reloads=$((${reloads:-0} + 1))
	kill -HUP "$(pid_of agent-car)"
	await reloaded || die "not read again"
}
reloaded() { [ "$(grep -c 'configuration read again' "$SCRATCH/agent-car.log")" = "$reloads" ]; }
await_more() { seen=$(on car status --json | json agent.epochs); await enough_seen; }
await_more || die "no fixes"
reload 1m # no doubt lasts so long here
before=$(points)
wire supply Discharging
more_points() { [ "$(points)" -gt "$before" ]; }
ok "a supply in doubt: what waits in memory is recorded at once" await more_points
wire supply Charging
await_more || die "no fixes"
is "$(inputs car)" "ignition_off ignition_on" "… and it is no loss"
reload 1s

# ---- a loss
wire supply Discharging
ok "a supply that stays away is lost" await inputs_are "ignition_off ignition_on power_lost"
ok "… and the command is run" await ran 1
is "$(on car status --json | json agent.ignition) $(on car status --json | json agent.supply)" "true false" "alzy status --json has both"
like "$(on car status)" 'the supply of this unit has failed' "… and to people it tells the loss"
wire supply Full
ok "it comes back" await inputs_are "ignition_off ignition_on power_lost power_back"
wire supply Discharging
ok "and is lost once more" await inputs_are "ignition_off ignition_on power_lost power_back power_lost"
ok "… with the command once more" await ran 2

# ---- what can't be read
rm "$SCRATCH/ignition"
ok "an input that is gone is told" await log_has agent-car 'the ignition is not known: can.t read .*/ignition: No such file'
wire ignition 1
ok "… and that it is there again" await log_has agent-car 'the ignition is known again'
is "$(grep -c 'is not known' "$SCRATCH/agent-car.log")" 1 "… once each"
is "$(inputs car)" "ignition_off ignition_on power_lost power_back power_lost" "… which is no event"
stop agent-car
is $? 0 "the agent ends cleanly"

# ---- started without its supply: it is meant to be
agent_start car || die "no agent: $(log_of agent-car)"
again="ignition_off ignition_on power_lost power_back power_lost ignition_on power_lost"
ok "an agent that is started without supply says so" await inputs_are "$again"
sed -i "s|^on_power_loss = .*|on_power_loss = exit 7|" "$SCRATCH/car/alzy.conf"
kill -HUP "$(pid_of agent-car)"
wire supply Full
await inputs_are "$again power_back"
is "$(times)" 2 "… and does not run the command"
wire supply Discharging
ok "a command that fails is told" await log_has agent-car 'exit 7: it ended with status 7'
stop agent-car

# ---- bad input
for spec in on gpio:17 gpio:gpiochip0/x file:supply '!none'; do
	unit bad power.ignition="$spec"
	refuses "ignition = $spec" 3 '\[power\] ignition: .*write none, gpio:CHIP/LINE or file:/PATH' on bad config check
done
unit chip power.ignition=gpio:gpiochip99/3 power.supply='!gpio:/dev/null/4'
agent_start chip || die "no agent: $(log_of agent-chip)"
ok "a chip that is not there is named" await log_has agent-chip 'the ignition is not known: can.t open /dev/gpiochip99'
ok "… and one that is none" await log_has agent-chip "the supply is not known: can.t have line 4 of /dev/null as an input"
stop agent-chip
is $? 0 "… and all else goes on"

# ---- an ignition that nobody can read must not cost a journey
gpsd_stop
unit blind capture.session=ignition power.ignition="file:$SCRATCH/nowhere" store.commit_interval=200ms
like "$(on blind config check)" 'warning: \[power\] ignition: can.t read .*/nowhere: No such file' "config check warns of a wire that can't be read"
like "$(on blind config check --json | json warnings.0)" 'nowhere' "… in JSON, too"
gpsd_start "$DATA/drive.nmea" 0.02
unit blind capture.session=ignition power.ignition="file:$SCRATCH/nowhere" store.commit_interval=200ms power.debounce=0s
agent_start blind || die "no agent: $(log_of agent-blind)"
problem_is() { [ "$(on blind status --json | json agent.ignition_problem)" = "$1" ]; }
ok "status --json names it" await problem_is "can't read $SCRATCH/nowhere: No such file or directory"
like "$(on blind status)" 'the ignition is not known: can.t read .*/nowhere: No such file' "… and status, to people"
like "$(on blind status)" 'journeys go by movement until it is' "… with what that means"
blind_events() { lite blind "SELECT event_type || ' ' || ifnull(payload, '') FROM events WHERE event_type LIKE 'input%' OR event_type LIKE 'ignition%' ORDER BY seq"; }
blind_said() { [[ $(blind_events | tail -n 1) == $1 ]]; }
ok "once that has lasted it is an event" await blind_said 'input_lost {"input":"ignition","problem":"can'"'"'t read *nowhere: No such file or directory"}'
gpsd_go
started_by() { [ "$(lite blind "SELECT payload ->> 'why' FROM events WHERE event_type = 'session_start'")" = "$1" ]; }
ok "a journey begins by movement" await started_by movement
wire nowhere 1
ok "the wire is mended" await blind_said 'ignition_on '
is "$(blind_events | sed -n 2p)" 'input_back {"input":"ignition","on":true}' "… which is an event, with its state"
ok "… and known in status" await problem_is null
unlike_movement() { ! grep -q 'by movement' <<<"$(on blind status)"; }
ok "… from where the hint is gone" unlike_movement
stop agent-blind
is "$(lite blind "SELECT count(*) FROM sessions")" 1 "one journey came of it"

# ---- what a person has ended with the ignition on stays so, though the agent is restarted, until that was off
wire key 1
gpsd_stop
RECEIVER_PORT=$(free_port) || die "no free port"
echo stand >"$SCRATCH/mode"
start receiver perl "$RIG/receiver.pl" "$RECEIVER_PORT" "$SCRATCH/mode" # at the time that it is
await log_has receiver listening || die "no receiver: $(log_of receiver)"
GPSD_PORT=$(free_port) || die "no free port"
start gpsd "${GPSD_APART[@]}" gpsd -N -n -b -S "$GPSD_PORT" "tcp://127.0.0.1:$RECEIVER_PORT"
await listening_or_gone gpsd "$GPSD_PORT" && alive gpsd || die "no gpsd: $(log_of gpsd)"
unit ended capture.session=ignition power.ignition="file:$SCRATCH/key" store.commit_interval=200ms power.debounce=0s \
	capture.stop_timeout=1s capture.end_timeout=2s
agent_start ended || die "no agent: $(log_of agent-ended)"
sessions_are() { [ "$(lite ended "SELECT group_concat(status, ' ') FROM sessions")" = "$1" ]; }
ended_points() { lite ended 'SELECT count(*) FROM points'; }
ended_goes_on() { before=$(ended_points) && await more_ended; }
more_ended() { [ "$(ended_points)" -gt $((before + 12)) ]; }
ok "the ignition that is on begins a session" await sessions_are active
ok "a person ends it" on ended session end
stop agent-ended
sleep 3 # more than stop_timeout, in which the ignition stays on
agent_start ended || die "no agent: $(log_of agent-ended)"
ended_goes_on || die "nothing is recorded: $(log_of agent-ended)"
ok "… and the next agent begins no other" sessions_are ended
wire key 0
off() { lite ended "SELECT count(*) FROM events WHERE event_type = 'ignition_off'"; }
is_off() { [ "$(off)" = 1 ]; }
await is_off || die "not off"
wire key 1
ok "… until the ignition was off" await sessions_are "ended active"
stop agent-ended
unit none capture.session=ignition
like "$(on none config check)" 'warning: \[capture\] session: there is no \[power\] ignition' "session = ignition without any wire is named"
agent_start none || die "no agent"
like "$(on none status)" 'journeys go by movement: there is no \[power\] ignition' "… and in status"
stop agent-none
done_testing
