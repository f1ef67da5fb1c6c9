#!/bin/bash
# Two gateways on one database know nothing of each other: the same batches through both at once, requests of a unit that go
# by turns, and one that is killed in the middle. What counts is what Postgres holds in the end: each row once.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
proxy=$(free_port)
central_init "public_url = http://127.0.0.1:$proxy"
second=$(free_port)
central_start || die "no centre: $(log_of central)"
sed "s/^listen = .*/listen = 127.0.0.1:$second/" "$SCRATCH/serve.conf" >"$SCRATCH/second.conf"
second_start() { start_ready second env ALZY_CONFIG="$SCRATCH/second.conf" "$BUILD/alzy-central" serve; }
second_start || die "no second gateway: $(log_of second)"
mkdir "$SCRATCH/proxy"
plans=0
plan() { printf '%s\n' "$1 $((++plans))" "${@:2}" >"$SCRATCH/proxy/plan"; } # NAME LINE…
plan "by turns"
start proxy perl "$RIG/proxy.pl" "$proxy" "$SCRATCH/proxy" "$CENTRAL_PORT" "$second"
await log_has proxy listening || die "no proxy"

month=0
drive() { replay_drive "$1" $((1600000000 + 2700000 * month++)) "$2"; } # NAME COUNT: a month on, so that nobody has a partition for it yet
whole() { # NAME DESCRIPTION
	once "$1" "$2"
	ok "… and check agrees" central check
}
for name in car van; do unit "$name" gnss.source="replay:$SCRATCH/drive.json" sync.batch_points=20; done
for name in car van; do pair "$name"; done

# ---- the same batches through both at once
post() { # PORT FILE: the status
	curl -sS -m 20 -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/octet-stream' --data-binary @"$2" "http://127.0.0.1:$1/v1/batches"
}
for round in 1 2 3; do
	drive car 200
	rm -rf "$SCRATCH/stick" && mkdir "$SCRATCH/stick"
	on car sync --to "$SCRATCH/stick" >"$SCRATCH/said" || die "no batches"
	pids=()
	for port in "$CENTRAL_PORT" "$second" "$CENTRAL_PORT" "$second"; do
		for file in "$SCRATCH"/stick/*.batch; do post "$port" "$file"; done >"$SCRATCH/statuses.${#pids[@]}" &
		pids+=($!)
	done
	wait "${pids[@]}"
	# Whoever waits too long for the other is told to come again: that is no failure, but nobody is told anything else.
	is "$(sort -u "$SCRATCH"/statuses.? | tr '\n' ' ' | sed 's/503 //')" "200 " "round $round: each of $(cat "$SCRATCH"/statuses.? | wc -l) answers is a receipt, or to come again"
	ok "… and again" central import "$SCRATCH/stick"
	whole car "the same through both at once"
done
is "$(sql 'SELECT count(*) FROM alzy.rejected')" 0 "nobody took a row for another one"

# ---- by turns
ok "each gateway answers a part of the unit's requests" on car sync
drive car 300
before=$(cat "$SCRATCH/central.log" "$SCRATCH/second.log" | grep -c '^<6>batch')
ok "by turns" on car sync
taken() { grep -c '^<6>batch' "$SCRATCH/$1.log"; }
[ "$(taken central)" -gt 0 ] && [ "$(taken second)" -gt 0 ] && [ $(($(taken central) + $(taken second) - before)) -ge 15 ]
tap $? "… indeed ($(taken central) and $(taken second) in all)"
whole car "by turns"
ok "deactivate" central device deactivate 1
on car event last >"$SCRATCH/said"
for turn in 1 2; do refuses "both know at once who is stopped ($turn)" 17 deactivated on car sync; done
ok "activate" central device activate 1
ok "… and who is let in again" on car sync

# ---- one killed in the middle of a batch, and in its commit, while the other gets the same batch. Somebody's trigger holds it there.
sql "CREATE TABLE public.hold (moment text);
	CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
		'BEGIN WHILE EXISTS (SELECT FROM public.hold WHERE moment = TG_ARGV[0]) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NULL; END';
	CREATE TRIGGER hold_middle AFTER INSERT ON public.events FOR EACH ROW EXECUTE FUNCTION public.hold('middle');
	CREATE CONSTRAINT TRIGGER hold_commit AFTER INSERT ON public.events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.hold('commit')"
held_up() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = "$1" ]; } # HOW MANY
arrived() { sql "SELECT count(*) FROM public.events WHERE event_type = '$1'"; }
arrived_once() { [ "$(arrived "$1")" = 1 ]; }
for moment in middle commit; do
	on car event "$moment" >"$SCRATCH/said"
	rm -rf "$SCRATCH/stick" && mkdir "$SCRATCH/stick"
	on car sync --to "$SCRATCH/stick" >"$SCRATCH/said" || die "no batch"
	batch=$(echo "$SCRATCH"/stick/*.batch)
	sql "INSERT INTO public.hold VALUES ('$moment')"
	post "$CENTRAL_PORT" "$batch" >"$SCRATCH/status" 2>"$SCRATCH/post.log" &
	posting=$!
	await held_up 1 || die "nothing is held up"
	is "$(post "$second" "$batch")" 503 "in the $moment of a batch the other gateway tells who brings the same to come again"
	kill9 central
	wait $posting
	is "$(cat "$SCRATCH/status") $(arrived "$moment")" "000 0" "… a killed one tells nothing"
	sql "DELETE FROM public.hold"
	await held_up 0
	# In its commit nobody could call it back any more; before, it is as if it had never come.
	[ $moment = middle ] || await arrived_once "$moment"
	is "$(post "$second" "$batch") $(arrived "$moment")" "200 1" "… and the other takes it, or has it"
	plan "$moment" "pass 1 0" "pass 1 0" "pass 1 0" "pass 1 0"
	ok "… which the unit hears there" on car sync
	whole car "killed in the $moment"
	central_start || die "it does not start again"
done
sql "SET client_min_messages = error; DROP FUNCTION public.hold() CASCADE"

# ---- one link, and two units that take it at once, each at another gateway
for round in 1 2 3; do
	for name in one other; do unit "$name$round"; done
	link=$(pair_link "one$round")
	plan pairing "pass 0 0" "pass 1 0"
	for name in one other; do start "pair-$name" env ALZY_CONFIG="$SCRATCH/$name$round/alzy.conf" "$BUILD/alzy" pair "$link"; done
	for name in one other; do
		await gone "pair-$name" || die "alzy pair hangs"
		stop "pair-$name"
		echo $? >"$SCRATCH/status.$name"
	done
	is "$(sort -n "$SCRATCH/status.one" "$SCRATCH/status.other" | paste -sd' ')" "0 17" "round $round: one of two is paired, and the other refused"
done

# ---- two units at once, and one gateway killed at any moment
for round in 1 2 3; do
	drive car 400
	drive van 400
	for name in car van; do start "sync-$name" env ALZY_CONFIG="$SCRATCH/$name/alzy.conf" "$BUILD/alzy" sync; done
	sleep "0.0$((RANDOM % 10))"
	if [ $((round % 2)) = 1 ]; then kill9 second; else kill9 central; fi
	for name in car van; do
		await gone "sync-$name" || die "alzy sync hangs"
		stop "sync-$name"
	done
	if [ $((round % 2)) = 1 ]; then second_start; else central_start; fi || die "it does not start again"
	for name in car van; do
		ok "round $round: $name sends what is left" await on "$name" sync
		whole "$name" "with a gateway killed"
	done
done

# ---- the one goes for good
stop second
plan alone "pass 0 0" "pass 0 0" "pass 0 0"
on car event alone >"$SCRATCH/said"
ok "the other serves on" on car sync
is "$(sql "SELECT count(*) FROM public.events WHERE event_type = 'alone'")" 1 "… alone"
ok "whole" on car verify
done_testing
