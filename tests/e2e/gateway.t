#!/bin/bash
# The gateway against whatever comes by HTTP.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
central_init 'workers = 2'
ALZY_TEST_DSN=$DSN ALZY_TEST_KEY=$SCRATCH/central/central.key ALZY_TEST_OUT=$SCRATCH "$BUILD/tests/test_ingest" \
	>"$SCRATCH/envelopes.log" 2>&1 || die "no envelopes: $(log_of envelopes)"

# ---- what it does not start with
serve() { central serve; }
central_conf 'listen = 0.0.0.0:1' && sed -i '0,/listen = 127/{/listen = 127/d}' "$SCRATCH/central.conf"
refuses "plain HTTP where others can reach it" 3 'central.conf: \[server\] listen: plain HTTP on 0.0.0.0:1 would be open to others.*plain_http = anywhere' serve
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$SCRATCH/tls.key" -out "$SCRATCH/tls.pem" 2>/dev/null
central_conf "tls_certificate = $SCRATCH/tls.pem"
refuses "a certificate without its key" 3 'tls_certificate and tls_key' serve
install -m 600 "$SCRATCH/tls.pem" "$SCRATCH/no.key"
central_conf "tls_certificate = $SCRATCH/tls.pem" "tls_key = $SCRATCH/no.key"
refuses "a key that is none" 3 'no certificate and its key' serve
central_conf 'workers = 2'
chmod 644 "$SCRATCH/central/central.key"
refuses "a key of the centre that others may read" 11 'central.key' serve
chmod 600 "$SCRATCH/central/central.key"

# ---- what the gateway answers
central_start || die "no gateway: $(log_of central)"
like "$(log_of central-notify)" 'STATUS=serving on http://127.0.0.1:[0-9]+, the database was there' "it says where it serves"
not_listening() { ! listening "$1"; }
locked_out() { # COUNT: so many connections wait for a lock
	[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")" -ge "$1" ]
}
error() { json error <"$SCRATCH/body"; }
gives() { # STATUS ERROR DESCRIPTION COMMAND…: the command is answered so
	is "$("${@:4}") $(error)" "$1 $2" "$3"
}
is "$(ask /healthz) $(json status <"$SCRATCH/body")" "200 ok" "it is healthy"
is "$(post /v1/batches "$SCRATCH/batch")" 200 "a batch is taken"
like "$(cat "$SCRATCH/head")" '^Content-Type: application/octet-stream' "… and answered with an envelope"
is "$(head -c 4 "$SCRATCH/body")" ALZY "… of alzy"
like "$(log_of central)" 'batch 1 of device [0-9]+, store [-0-9a-f]+: points 2000 new, 0 known' "… and leaves a line in the log"
is "$(post /v1/batches "$SCRATCH/batch" -H 'Expect:')" 200 "the same again is answered, too"
like "$(log_of central)" 'points 0 new, 2000 known' "… as known"
gives 401 FORGED "a stranger's batch is refused" post /v1/batches "$SCRATCH/stranger"
like "$(log_of central)" '/v1/batches from 127.0.0.1 refused: FORGED: signed by a stranger' "… with a warning that names the peer"
is "$(post /v1/batches "$SCRATCH/inactive")" 200 "a deactivated device is told so by a receipt"
is "$(head -c 4 "$SCRATCH/body")" ALZY "… an envelope"
like "$(log_of central)" '^<4>batch 1 of device [0-9]+, store [-0-9a-f]+, was not taken: deactivated' "… and so is the log"
gives 401 FORGED "a truncated envelope is refused" post /v1/batches "$SCRATCH/truncated"
gives 400 VERSION "an envelope of a newer version is refused" post /v1/batches "$SCRATCH/newer"
gives 400 INVALID "garbage is refused" post /v1/batches /dev/stdin <<<"garbage"
gives 400 INVALID "nothing is refused" post /v1/batches /dev/null
gives 400 INVALID "a batch where a pairing request belongs is refused" post /v1/pair "$SCRATCH/batch"
gives 404 NOT_FOUND "an unknown path" ask /v1/nothing
gives 404 NOT_FOUND "… also by POST" post / "$SCRATCH/batch"
gives 405 INVALID "another method" ask /v1/batches
like "$(cat "$SCRATCH/head")" '^Allow: POST' "… is told which one"
gives 405 INVALID "… with a body" post /healthz "$SCRATCH/batch"
like "$(cat "$SCRATCH/head")" '^Allow: GET' "… is told, too"
gives 415 INVALID "another type" ask /v1/batches --data-binary "@$SCRATCH/batch"
gives 411 INVALID "no length" post /v1/batches "$SCRATCH/batch" -H 'Transfer-Encoding: chunked'
gives 400 INVALID "a length, and chunks, of which a proxy and we could believe different ones" post /v1/batches "$SCRATCH/batch" \
	-H 'Transfer-Encoding: chunked' -H "Content-Length: $(stat -c %s "$SCRATCH/batch")"
head -c 1048577 /dev/zero >"$SCRATCH/large"
gives 413 LIMIT "too long by one byte" post /v1/batches "$SCRATCH/large"
head -c 1048576 /dev/zero >"$SCRATCH/largest"
gives 400 INVALID "as long as may be, but garbage" post /v1/batches "$SCRATCH/largest"

# ---- the same envelope, shown to people
is "$(central show "$SCRATCH/batch" --json | json points.rows.1999.seq)" 2000 "show prints a batch with all its points"
like "$(central show "$SCRATCH/batch" | head -n 2 | tr '\n' ' ')" '^\{ +\s*"[a-z_]+":' "… over many lines for people"
refuses "show of a truncated batch" 18 "truncated: .*" central show "$SCRATCH/truncated"
refuses "show of something else" 6 'central.conf: .*no alzy envelope' central show "$SCRATCH/central.conf"
refuses "show of what is not there" 4 nothing central show "$SCRATCH/nothing"

# ---- many who announce a large body and hardly send any of it: over a weak network, or to be a nuisance
slow=()
for i in {1..200}; do
	exec {fd}<>"/dev/tcp/127.0.0.1/$CENTRAL_PORT" || break
	slow+=("$fd")
	printf 'POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\nALZY' >&"$fd"
done
is "$(ask /healthz)" 200 "healthy while ${#slow[@]} bodies are on their way"
is "$(post /v1/batches "$SCRATCH/batch")" 200 "… and a batch is taken"
for fd in "${slow[@]}"; do exec {fd}>&-; done

# ---- more who connect and say nothing than there may be connections
start idlers perl -MIO::Socket::INET -e '
	my @idle = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]") // die "$_: $!\n" } 1 .. 900;
	$| = 1; print "connected\n"; sleep 60' "$CENTRAL_PORT" 2>/dev/null
await log_has idlers connected || diag "$(log_of idlers)"
is "$(post /v1/batches "$SCRATCH/batch")" 200 "a batch is taken while hundreds of connections say nothing"
stop idlers

# ---- /healthz answers while every worker waits
lock() { # holds the rows of all stores until its input ends
	rm -f "$SCRATCH/lock" "$SCRATCH/lock.log"
	mkfifo "$SCRATCH/lock"
	start lock psql -qXAt -d "$DSN" -f "$SCRATCH/lock"
	exec 7>"$SCRATCH/lock"
	echo 'BEGIN; SELECT 1 FROM alzy.stores FOR UPDATE; \echo locked' >&7
	await log_has lock locked
}
is "$(post /v1/batches "$SCRATCH/other")" 200 "a batch of another device"
lock || die "no lock"
busy=()
for i in 1 2 3 4 5 6; do
	name=$([ $((i % 2)) = 0 ] && echo batch || echo other)
	post /v1/batches "$SCRATCH/$name" -o /dev/null -D /dev/null >"$SCRATCH/busy$i" 7>&- &
	busy+=($!)
done
await locked_out 2
began=$EPOCHREALTIME
is "$(ask /healthz)" 200 "healthy while all workers wait"
[ $((${EPOCHREALTIME/./} - ${began/./})) -lt 500000 ]
tap $? "… and says so at once"
await grep -q 503 "$SCRATCH/busy1" "$SCRATCH/busy2" "$SCRATCH/busy3"
tap $? "who waits too long is asked to come again"
exec 7>&-
wait "${busy[@]}"
stop lock

# ---- Postgres away
stop postgres INT
gives 503 DATABASE "without Postgres a batch is refused for now" post /v1/batches "$SCRATCH/batch"
like "$(cat "$SCRATCH/head")" '^Retry-After: [0-9]+' "… with when to come again"
is "$(grep -c postgres <<<"$(json message <"$SCRATCH/body")")" 0 "… and without what is nobody's business"
is "$(ask /healthz)" 503 "… and it says that it is not healthy"
postgres_again
is "$(post /v1/batches "$SCRATCH/batch")" 200 "with Postgres back, it serves at once"
is "$(ask /healthz)" 200 "… and is healthy"

# ---- the end
lock || die "no lock"
post /v1/batches "$SCRATCH/batch" >"$SCRATCH/last" 7>&- &
last=$!
await locked_out 1
kill -TERM "$(pid_of central)"
await not_listening "$CENTRAL_PORT"
exec 7>&-
wait $last
is "$(cat "$SCRATCH/last")" 200 "SIGTERM lets work under way end"
stop central 0
is $? 0 "… and ends with 0"

# ---- TLS
central_conf "tls_certificate = $SCRATCH/tls.pem" "tls_key = $SCRATCH/tls.key"
CENTRAL_URL=https://127.0.0.1:$CENTRAL_PORT
export CURL_CA_BUNDLE=$SCRATCH/tls.pem
central_start || die "no gateway: $(log_of central)"
is "$(ask /healthz)" 200 "healthy over TLS"
is "$(post /v1/batches "$SCRATCH/batch")" 200 "a batch over TLS"
refuses "a second one on the same address" 10 "127.0.0.1:$CENTRAL_PORT.*in use" serve
post /v1/batches "$SCRATCH/batch" >"$SCRATCH/busy1" "${CENTRAL_URL/https/http}/v1/batches" 2>&1
is "$(ask /healthz)" 200 "who speaks without TLS disturbs nobody"
stop central
is $? 0 "the end, again"
done_testing
