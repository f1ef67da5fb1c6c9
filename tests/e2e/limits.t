#!/bin/bash
# Floods and retries: each device and each address has its share, and one unit never holds two workers.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
central_init 'workers = 2'
ALZY_TEST_DSN=$DSN ALZY_TEST_KEY=$SCRATCH/central/central.key ALZY_TEST_OUT=$SCRATCH "$BUILD/tests/test_ingest" \
	>"$SCRATCH/envelopes.log" 2>&1 || die "no envelopes: $(log_of envelopes)"
restart() { # LINES of [server]…
	central_conf 'workers = 2' "$@"
	central_stop
	central_start || die "no gateway: $(log_of central)"
}

# ---- a device that comes again while its batch is at work
central_start || die "no gateway: $(log_of central)"
# A gateway of its own for a client that says a byte of its head each second, from here on; looked at in the end.
dawdle_port=$(free_port)
sed "s/:$CENTRAL_PORT/:$dawdle_port/" "$SCRATCH/serve.conf" >"$SCRATCH/dawdle.conf"
start_ready dawdled env ALZY_CONFIG="$SCRATCH/dawdle.conf" "$BUILD/alzy-central" serve || die "no second gateway: $(log_of dawdled)"
start dawdler perl -MIO::Socket::INET -e '$| = 1; $SIG{PIPE} = "IGNORE"; my $began = time;
	my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]") or die; my $vector = "";
	vec($vector, fileno $socket, 1) = 1;
	for (0 .. 90) { syswrite $socket, substr "GET /healthz HTTP/1.1\r\nX: " . "y" x 90, $_, 1;
		select my $ready = $vector, undef, undef, 1 and last }
	print "closed after ", time - $began, "\n"' "$dawdle_port"
is "$(post /v1/batches "$SCRATCH/batch")" 200 "a batch is taken"
mkfifo "$SCRATCH/lock"
start lock psql -qXAt -d "$DSN" -f "$SCRATCH/lock"
exec 7>"$SCRATCH/lock"
echo 'BEGIN; SELECT 1 FROM alzy.stores FOR UPDATE; SET LOCAL idle_in_transaction_session_timeout = 60000; \echo locked' >&7
await log_has lock locked || die "no lock"
waiting() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")" = "$1" ]; }
post /v1/batches "$SCRATCH/batch" -o /dev/null -D /dev/null >"$SCRATCH/first" 7>&- &
first=$!
await waiting 1 || die "the batch does not wait"
began=$EPOCHREALTIME
is "$(post /v1/batches "$SCRATCH/batch") $(json error <"$SCRATCH/body")" "503 BUSY" "the same device again is asked to wait"
[ $((${EPOCHREALTIME/./} - ${began/./})) -lt $((500000 * SLOWER)) ]
tap $? "… at once"
like "$(cat "$SCRATCH/head")" '^Retry-After: [0-9]+' "… with when to come again"
ok "… and no second worker is held" waiting 1
post /v1/batches "$SCRATCH/other" >"$SCRATCH/second" 7>&- &
second=$!
wait $first $second
exec 7>&-
stop lock
is "$(cat "$SCRATCH/first")" 503 "who waits too long for a lock is asked to come again"
is "$(post /v1/batches "$SCRATCH/batch")" 200 "afterwards it is served"

# ---- too many from a device
restart 'requests_per_device = 5'
got=$(for _ in 1 2 3 4 5 6 7; do post /v1/batches "$SCRATCH/batch"; echo; done | sort | uniq -c | tr -s ' \n' ' ')
is "$got" " 5 200 2 429 " "five a minute of one device, and no more"
like "$(cat "$SCRATCH/head")" '^Retry-After: (1[0-2]|[1-9])\s' "… with when to come again"
is "$(json error <"$SCRATCH/body")" BUSY "… by name"
is "$(post /v1/batches "$SCRATCH/other")" 200 "another device is not concerned"
perl -0777 -pe 'substr($_, 300, 1) ^= "\1"' "$SCRATCH/other" >"$SCRATCH/turned"
for _ in 1 2 3 4 5 6; do post /v1/batches "$SCRATCH/turned" >"$SCRATCH/said"; done
is "$(cat "$SCRATCH/said") $(json error <"$SCRATCH/body")" "401 FORGED" "forgeries in its name are refused"
is "$(post /v1/batches "$SCRATCH/other")" 200 "… and use up nothing of what it may"

# ---- too many from an address
restart 'requests_per_address = 5'
got=$(for _ in 1 2 3 4 5 6 7; do ask /healthz; echo; done | sort | uniq -c | tr -s ' \n' ' ')
is "$got" " 5 200 2 429 " "five a minute from one address, and no more"
is "$(post /v1/batches "$SCRATCH/batch" -H 'X-Forwarded-For: 10.1.1.1')" 429 "nobody believes another address"
restart 'requests_per_address = 5' 'trusted_proxies = 10.0.0.0/8, 127.0.0.1'
got=$(for i in 1 2 3 4 5 6 7; do post /v1/batches "$SCRATCH/batch" -H "X-Forwarded-For: 192.0.2.$i, 198.51.100.1, 10.7.7.7"; echo; done |
	sort | uniq -c | tr -s ' \n' ' ')
is "$got" " 5 200 2 429 " "behind a proxy it is the client's address, whatever the client wrote before it"
is "$(post /v1/batches "$SCRATCH/batch" -H 'X-Forwarded-For: 198.51.100.2')" 200 "another client is not concerned"
is "$(post /v1/batches "$SCRATCH/batch" -H 'X-Forwarded-For: 198.51.100.2' -H 'X-Forwarded-For: 198.51.100.1')" 429 \
	"of several headers the last one counts"
post /v1/batches "$SCRATCH/stranger" -H 'X-Forwarded-For: 198.51.100.2' >"$SCRATCH/said"
like "$(log_of central)" '/v1/batches from 198.51.100.2 refused: FORGED' "the log names the client"
restart 'requests_per_address = 0' 'requests_per_device = 0'
is "$(for _ in $(seq 20); do post /v1/batches "$SCRATCH/batch"; echo; done | sort -u)" 200 "0 is no limit"

# ---- who gives up, and comes again
# A batch that takes its time, without a lock that has a timeout.
sql "CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(4); RETURN NEW; END';
	CREATE TRIGGER dawdle BEFORE UPDATE ON alzy.stores FOR EACH ROW EXECUTE FUNCTION public.dawdle()"
at_work() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = "$1" ]; }
post /v1/batches "$SCRATCH/batch" -m 1 -o /dev/null -D /dev/null >"$SCRATCH/gave-up" 2>/dev/null &
given_up=$!
await at_work 1
wait $given_up
is "$(cat "$SCRATCH/gave-up")" "000 (curl: 28)" "a unit gives up while its batch is at work"
for _ in 1 2 3; do post /v1/batches "$SCRATCH/batch"; echo; done >"$SCRATCH/again"
ok "its retries hold no second worker" at_work 1
is "$(sort -u "$SCRATCH/again")" 503 "… they are asked to wait"
is "$(post /v1/batches "$SCRATCH/other" -m 15)" 200 "another device is served meanwhile"
sql "DROP TRIGGER dawdle ON alzy.stores"
served() { [ "$(post /v1/batches "$SCRATCH/batch")" = 200 ]; }
ok "when that is over, it is served" await served

# ---- a body that never comes to its end
restart 'body_timeout = 6s'
# SILENT clients send the head and nothing else; DRIPPING ones a byte of the body each second. Says who was closed when.
start bodies perl -MIO::Socket::INET -e '$| = 1; $SIG{PIPE} = "IGNORE"; my ($port, $silent, $dripping) = @ARGV; my (%open, $vector); my $began = time;
	for (1 .. $silent + $dripping) {
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die;
		syswrite $s, "POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\nA";
		$open{fileno $s} = [$s, $_ > $silent ? "dripping" : "silent"]; }
	print "open\n";
	while (%open && time - $began < 60) {
		my $ready = ""; vec($ready, $_, 1) = 1 for keys %open;
		select $ready, undef, undef, 1;
		for my $fd (keys %open) {
			my ($s, $what) = @{$open{$fd}};
			if (vec $ready, $fd, 1) { my $n = sysread $s, my $said, 4096;
				next if $n; print "$what closed after ", time - $began, "\n"; delete $open{$fd}; }
			elsif ($what eq "dripping") { syswrite $s, "x" } } }
	print keys(%open) . " left\n"' "$CENTRAL_PORT" 5 40
await log_has bodies open || die "$(log_of bodies)"
is "$(post /v1/batches "$SCRATCH/batch")" 200 "bodies that do not come to their end hold up no worker"
AWAIT_SECONDS=70 await log_has bodies 'left'
is "$(sed -n '$p' "$SCRATCH/bodies.log")" "0 left" "… and are not waited for"
is "$(grep -cE '^(silent|dripping) closed after ([6-9]|1[0-9])$' "$SCRATCH/bodies.log")" 45 "… beyond body_timeout, however busily they come"
is "$(post /v1/batches "$SCRATCH/batch")" 200 "… whereafter all is as before"
# ---- who has all connections, and who has all the memory for bodies
restart
crowd() { # COUNT BYTES: so many clients from another address say that a large body comes, and send so much of it
	start crowd perl -MIO::Socket::INET -e '$| = 1; $SIG{PIPE} = "IGNORE"; my ($port, $count, $bytes) = @ARGV; my @all;
		for (1 .. $count) {
			my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", LocalAddr => "127.0.0.2", Timeout => 5) or last;
			print {$s} "POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 1048576\r\n\r\n", "A" x $bytes;
			$s->flush;
			push @all, $s; }
		print scalar @all, " are there\n"; sleep 100' "$CENTRAL_PORT" "$@"
	await log_has crowd 'are there' || diag "$(log_of crowd)"
}
crowd 700 1
is "$(post /v1/batches "$SCRATCH/batch")" 200 "hundreds of bodies from one address leave room for others' connections"
is "$(ask /healthz)" 200 "… and it is healthy"
kill9 crowd
crowd 60 1048000
is "$(post /v1/batches "$SCRATCH/batch")" 200 "bodies that are nearly there leave room for others' bodies"
head -c 1048576 /dev/zero >"$SCRATCH/largest"
is "$(post /v1/batches "$SCRATCH/largest") $(json error <"$SCRATCH/body")" "400 INVALID" "… large ones, too"
is "$(post /v1/batches "$SCRATCH/largest" --interface 127.0.0.2) $(json error <"$SCRATCH/body")" "503 BUSY" "… but the one who has them gets no more"
kill9 crowd
is "$(post /v1/batches "$SCRATCH/largest" --interface 127.0.0.2) $(json error <"$SCRATCH/body")" "400 INVALID" "… until they are gone"
refuses "a proxy that is no address" 3 'central.conf:7: .*trusted_proxies.*proxy.example' eval 'central_conf "trusted_proxies = proxy.example"; central serve'
# ---- a request has a deadline, however busily it is made
AWAIT_SECONDS=60 await log_has dawdler 'closed after'
like "$(log_of dawdler)" 'closed after (29|[34][0-9])$' "a head that takes half a minute is not waited for any longer"
done_testing
