#!/bin/bash
# cpu.sh: what alzy-agentd, with its default settings, costs per fix beside gpxlogger (of package gpsd-clients): time in
# user space and in the kernel of both, over the same CPU_SECONDS (180) of the same reports. There are two gpsd: of one
# the agent is the first client, of the other gpxlogger, because a gpsd wakes its clients one after the other. They begin
# to count after WARM_SECONDS (60), when a journey has begun.
. "$(dirname "$0")/../lib/rig.sh"
seconds=${CPU_SECONDS:-180} warm=${WARM_SECONDS:-60}
die() { echo "bench: $*" >&$TAP_OUT; exit 1; }
type gpxlogger >/dev/null 2>&1 || die "there is no gpxlogger: install gpsd-clients"

receive() { # NUMBER HZ: a gpsd with a receiver
	local port
	GPSD_PORT=$(free_port) && port=$(free_port) || die "no free port"
	start "receiver-$1" perl "$TOP/tests/bench/receiver.pl" "$port" "$2"
	await log_has "receiver-$1" "^listening $port" || die "no receiver: $(log_of "receiver-$1")"
	start "gpsd-$1" "${GPSD_APART[@]}" gpsd -N -n -b -S "$GPSD_PORT" "tcp://127.0.0.1:$port"
	await listening "$GPSD_PORT" || die "no gpsd: $(log_of "gpsd-$1")"
}
log_fixes() { # NUMBER
	start "gpxlogger-$1" gpxlogger -f "$SCRATCH/$1.gpx" "127.0.0.1:$GPSD_PORT"
	await grep -q '<trkpt' "$SCRATCH/$1.gpx" || die "gpxlogger logs nothing: $(log_of "gpxlogger-$1")"
}
record() { # NUMBER [LINES of alzy.conf]
	rm -rf "${SCRATCH:?}/$1"
	mkdir "$SCRATCH/$1"
	printf '%s\n' '[store]' "path = $SCRATCH/$1/store.db" '[gnss]' "source = gpsd://127.0.0.1:$GPSD_PORT" "${@:2}" \
		>"$SCRATCH/$1/alzy.conf"
	agent_start "$1" && await agents_connected || die "no agent: $(log_of "agent-$1")"
}
# PROGRAM: the time by the clock and that which the threads of both have been running, in microseconds, and the bytes
# they have had written
so_far() {
	cat /proc/"$(pid_of "$1-1")"/{task/*/schedstat,io} /proc/"$(pid_of "$1-2")"/{task/*/schedstat,io} |
		awk -v now="${EPOCHREALTIME/./}" '/^[0-9]/ { ran += $1 } $1 == "write_bytes:" { wrote += $2 }
			END { printf "%.0f %.0f %.0f\n", now, ran / 1000, wrote }'
}
resident() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$(pid_of "$1")/status"; }
recorded() { # NUMBER
	[ "$(lite "$1" 'SELECT count(*) FROM points')" -ge "$seconds" ] &&
		[ "$(grep -c '<trkpt' "$SCRATCH/$1.gpx")" -ge "$seconds" ]
}

measure() { # WHAT HZ [LINES of alzy.conf]
	local number
	receive 1 "$2" && record 1 "${@:3}" && log_fixes 1
	receive 2 "$2" && log_fixes 2 && record 2 "${@:3}"
	sleep "$warm"
	{ so_far agent; so_far gpxlogger; } >"$SCRATCH/before"
	sleep "$seconds"
	{ so_far agent; so_far gpxlogger; } | paste -d ' ' "$SCRATCH/before" - | awk -v hz="$2" -v what="$1" '
		{ fixes = 2 * hz * ($4 - $1) / 1e6; us[NR] = ($5 - $2) / fixes; bytes[NR] = ($6 - $3) / fixes }
		END {
			printf "%-28s%5.1f : %5.1f us %6.2f   (goal: at most 1)\n", what, us[1], us[2], us[2] ? us[1] / us[2] : 0
			printf "  bytes written, a fix       %4d : %5d %9s   (goal at 1 Hz: at most 614)\n", bytes[1], bytes[2], ""
			exit !us[2]
		}' || die "this kernel does not count how long threads run"
	printf '  resident                  %5d : %5d KB %7s  (goal: at most 8192)\n' "$(resident agent-1)" "$(resident gpxlogger-1)" ""
	for number in 1 2; do
		stop "agent-$number" || die "the agent failed: $(log_of "agent-$number")"
		stop "gpxlogger-$number"
		kill9 "gpsd-$number"
		kill9 "receiver-$number"
		recorded "$number" || die "not all was recorded"
	done
}
echo "== CPU per fix, alzy-agentd : gpxlogger, $seconds s of the same reports"
measure "at 1 Hz" 1
measure "at 10 Hz" 10
measure "at 10 Hz, all of it kept" 10 '[capture]' 'sampling = all'
exit 0
