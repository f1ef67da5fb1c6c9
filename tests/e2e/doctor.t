#!/bin/bash
# A unit that has gone silent at night: each failure is made to happen to a real agent behind a real gpsd, and alzy status, alzy doctor
# and alzy gaps must say what it is; the doctor also what to do.
. "$(dirname "$0")/../lib/rig.sh"

finding() { # ABOUT: "severity text | remedy" of what the doctor finds there that is not fine, else of what is
	on car doctor --json 2>/dev/null | perl -MJSON::PP -0777 -e 'my @all = grep { $_->{about} eq $ARGV[0] } @{decode_json(<STDIN>)->{findings}};
		my ($bad) = (grep({ $_->{severity} ne "ok" } @all), @all);
		printf "%s %s | %s\n", @{$bad}{qw(severity text)}, $bad->{remedy} // "" if $bad' "$1"
}
finds() { grep -qE -e "$2" <<<"$(finding "$1")"; }
says() { # ABOUT REGEX DESCRIPTION
	await finds "$1" "$2"
	tap $? "$3" || diag "got: $(finding "$1")"
}
does() { echo "$1" >"$SCRATCH/does.new" && mv "$SCRATCH/does.new" "$SCRATCH/does"; }
receiver_up() {
	rm -f "$SCRATCH/receiver.log"
	start receiver perl "$RIG/receiver.pl" "$PORT" "$SCRATCH/does"
	await log_has receiver "^listening" || die "no receiver"
}
gpsd_up() {
	start gpsd "${GPSD_APART[@]}" gpsd -N -n -b -S "$GPSD_PORT" "tcp://127.0.0.1:$PORT"
	await listening_or_gone gpsd "$GPSD_PORT" && alive gpsd || die "no gpsd: $(log_of gpsd)"
}

PORT=$(free_port)
GPSD_PORT=$(free_port)
unit car gnss.fix_timeout=1s store.commit_interval=200ms

# ---- before anything is there
refuses "without a store" 8 'fault +store: there is none at .*/store.db yet' on car doctor
mkdir "$SCRATCH/other"
printf '[store]\npath = here\n' >"$SCRATCH/other/alzy.conf"
refuses "with a wrong configuration" 8 'fault +configuration: .*alzy.conf:2: .*begins with /' on other doctor
on car event made >/dev/null
says agent 'fault alzy-agentd is not running: nothing is being recorded \| systemctl start alzy-agentd' "no agent"
says receiver "fault gpsd can't be reached \| is gpsd installed and running" "… and no gpsd, which the doctor looks for by himself"
says centre 'warning not paired' "… and no centre"
does drive
receiver_up
gpsd_up
says receiver 'ok 3D, tcp:' "a receiver is found without an agent"
mv "$SCRATCH/car/store.db" "$SCRATCH/kept.db"
says receiver 'ok 3D, tcp:' "… and before there is a store"
echo garbage >"$SCRATCH/car/store.db"
says store 'fault .*no alzy store.* \| is \[store\] path right\? If it is, the card may be dying' "what is no store"
mv "$SCRATCH/kept.db" "$SCRATCH/car/store.db"

# ---- all is well
agent_start car || die "no agent: $(log_of agent-car)"
says receiver 'ok 3D, tcp:' "all is well: the receiver"
says agent 'ok running for' "… and the agent"
says session 'ok (active|none open)' "… and the session"
ok "… and so the doctor ends with 0" on car doctor
like "$(on car doctor)" '^ok +receiver: 3D' "… in lines for people"
is "$(on car doctor --json | json ok)" true "… and in JSON"

# ---- the receiver
does nofix
says receiver 'warning no fix, .*; the last fix was before .* \| is the antenna connected' "no fix"
does drive
says receiver 'ok 3D' "a fix again"
does stuck
says receiver 'fault the receiver repeats the same time.*; the last fix was before .* \| take the receiver.s power away' "a stuck receiver"
sleep 2 # what gaps looks for below
does drive
says receiver 'ok 3D' "it goes on"
does mute
says receiver 'fault the receiver says nothing.* \| cable, power and baud rate' "a silent receiver"
kill9 receiver
says receiver 'fault (gpsd has no receiver|the receiver says nothing)' "a receiver that is gone"
kill -STOP "$(pid_of gpsd)"
says receiver 'fault gpsd does not answer: it hangs.* \| systemctl restart gpsd' "a gpsd that hangs"
kill -CONT "$(pid_of gpsd)"
kill9 gpsd
says receiver "fault gpsd can't be reached" "no gpsd"
does drive
receiver_up
gpsd_up
says receiver 'ok 3D' "all is well again"

# ---- a store that can't be written
mkfifo "$SCRATCH/sql"
start holder sqlite3 -cmd '.timeout 20000' "$SCRATCH/car/store.db" ".read $SCRATCH/sql"
exec 8<>"$SCRATCH/sql"
echo 'BEGIN IMMEDIATE;' >&8
says agent "fault can't record: .* \| what is read waits in memory" "a store that can't be written"
like "$(on car status)" "can't record: " "… which status says, too"
like "$(on car status --json | json agent.store_problem)" 'another process' "… also in JSON"
echo 'COMMIT;' >&8
says agent 'ok running' "… until it can"
exec 8>&-
kill9 holder

# ---- what a person has done, and forgotten
on car session start >/dev/null 2>&1
on car session pause >/dev/null
says session 'warning nothing is kept until it is resumed' "a session that a person has paused"
on car session resume >/dev/null

# ---- an agent that hangs
kill -STOP "$(pid_of agent-car)"
AWAIT_SECONDS=45 await finds agent 'fault process [0-9]+ has done nothing for .* \| systemctl restart alzy-agentd'
tap $? "an agent that hangs" || diag "got: $(finding agent)"
like "$(on car status)" 'it hangs: it has done nothing for' "… which status says, too"
kill -CONT "$(pid_of agent-car)"
says agent 'ok running' "… until it goes on"
stop agent-car
is $? 0 "the agent ends cleanly"

# ---- and afterwards: why nothing was recorded
like "$(on car gaps --longer 2s)" 'the receiver repeated the same time' "alzy gaps tells of the stuck receiver (of the others gaps.t)"

# ---- a card that is dying: what can still be read does not tell of it by itself
damage() { # TABLE: the first page of it is no page any more
	tr '\0' '\245' </dev/zero | head -c 4096 | dd of="$SCRATCH/car/store.db" bs=4096 conv=notrunc status=none \
		seek=$(($(lite car "SELECT rootpage FROM sqlite_schema WHERE name = '$1'") - 1))
}
sqlite3 "$SCRATCH/car/store.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >"$SCRATCH/said"
says store 'ok .*points and' "a sound store"
damage machines
ok "status sees nothing of a damaged page that it does not read" on car status
says store 'fault the store .*: it is damaged \(.*Page.*\) \| the card may be dying: copy the folder' "the doctor does"
damage centre
says centre 'fault the store .*: it is damaged .* \| the card may be dying' "what it can't look into is a fault as well"
done_testing
