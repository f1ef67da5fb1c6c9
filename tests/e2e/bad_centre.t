#!/bin/bash
# Between the unit and the centre: links that are not good, requests that don't fit, answers that lie or never come, a
# database that goes away. Nothing is lost, nothing doubled, and everybody is told.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start --durable
proxy=$(free_port)
central_init "public_url = http://127.0.0.1:$proxy"
central_start || die "no centre: $(log_of central)"
proxy_start "$proxy"
for name in car van lorry; do unit "$name" sync.batch_points=300 gnss.source="replay:$SCRATCH/drive.json"; done
perl -e 'for (0 .. 999) { printf qq({"class":"TPV","device":"d","mode":3,"time":"2024-05-01T10:%02d:%02d.000Z","lat":%.7f,"lon":8.1,"speed":%.2f}\n), $_ / 60, $_ % 60, 50 + $_ / 1e5, $_ / 100 }' \
	>"$SCRATCH/drive.json"
for name in car van lorry; do replay "$name" || die "no recording: $(log_of "agent-$name")"; done

# ---- links
link=$(pair_link car)
key=$(sed -nE 's/.*[?&]key=([^&]*).*/\1/p' <<<"$link")
for bad in "" nonsense "http://example.org/" "alzy://pair" "${link%??????????????????????}" "${link}x" "${link/key=?/key=_}x" \
	"${link/url=http/url=ftp}" "alzy://pair?$(head -c 100000 /dev/zero | tr '\0' x)"; do
	refuses "a malformed link: ${bad:0:50}" '2|6|7' . on car pair "$bad"
done
like "$(on car status)" 'not paired' "… leaves the unit as it was"
refuses "a link of another centre" 17 "not sealed for the key of this centre.*ask for a new link" on car pair "${link/key=$key/key=$(ALZY_CONFIG=$SCRATCH/central.conf perl -MMIME::Base64 -e '
	my $k = shift; $k =~ tr{-_}{+/}; my $b = decode_base64("$k="); $b = chr(88) . chr(102) x 31; $b = encode_base64($b, "");
	$b =~ tr{+/=}{-_}d; print $b' "$key")}"
sql "UPDATE alzy.devices SET pairing_expires_at = now() - interval '1 second' WHERE id = 1"
refuses "an expired link" 17 'expired' on car pair "$link"
sql "UPDATE alzy.devices SET pairing_expires_at = now() + interval '1 hour' WHERE id = 1"
mode 500
refuses "a centre that answers 500" 16 '500' on car pair "$link"
mode lost
refuses "an answer to the pairing that gets lost" '15|16' . on car pair "$link"
mode pass
ok "… is asked for again with the same link" on car pair "$link"
refuses "a link that was used, by another unit" 17 . on van pair "$link"
refuses "standard input without a link" '2|6' . on van pair -
is "$(pair_link van | (on van pair - --json) | json device_id)" 2 "a link from standard input"

# ---- requests that don't fit
http() { # CURL OPTIONS…: the status, and of an error its name
	local out
	out=$(curl -sS -m 10 -o "$SCRATCH/body" -w '%{http_code}' "$@") || out="$out curl $?"
	case $out in 4* | 5*) out="$out $(json error <"$SCRATCH/body" 2>&1)" ;; esac
	echo "$out"
}
octets=(-H 'Content-Type: application/octet-stream')
url=$CENTRAL_URL
is "$(http $url/)" "404 NOT_FOUND" "GET /"
is "$(http $url/v1/batches/)" "404 NOT_FOUND" "a path that goes too far"
is "$(http $url/v1/%2e%2e/healthz --path-as-is)" "404 NOT_FOUND" "a path with dots"
is "$(http $url/v1/batches -D "$SCRATCH/head") $(tr -d '\r' <"$SCRATCH/head" | grep -i '^allow:')" "405 INVALID Allow: POST" "GET /v1/batches"
is "$(http -X DELETE $url/v1/pair)" "405 INVALID" "DELETE /v1/pair"
is "$(http -X BREW $url/healthz)" "405 INVALID" "a method that is none"
is "$(http --data-binary x $url/healthz)" "405 INVALID" "POST /healthz"
is "$(http --data-binary x $url/v1/batches)" "415 INVALID" "a form as body"
is "$(http "${octets[@]}" --data-binary x $url/v1/batches)" "400 INVALID" "a body of one byte"
is "$(http "${octets[@]}" --data-binary '' $url/v1/batches)" "400 INVALID" "no body"
is "$(http "${octets[@]}" -H 'Transfer-Encoding: chunked' --data-binary x $url/v1/batches)" "411 INVALID" "a body without a length"
http "${octets[@]}" -H 'Content-Length: 1' -H 'Content-Length: 300' --data-binary x $url/v1/batches >/dev/null
like "$(cat "$SCRATCH/body")" 'INVALID.*Content-Length is there 2 times' "a body of two lengths"
# The answer comes while the body is still on its way, and then the connection breaks: curl does not always look for the answer.
like "$(perl -MIO::Socket::INET -e '$SIG{PIPE} = "IGNORE"; my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]") or die;
	my $all = "POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 3000000\r\n\r\n" . "A" x 3000000;
	while (length $all) { my $sent = syswrite $s, $all or last; substr $all, 0, $sent, "" }
	sysread $s, my $answer, 65536; print $answer =~ s/\r\n.*\r\n\r\n/ /sr' "$CENTRAL_PORT")" '^HTTP/1.1 413 .*"LIMIT"' "a body of 3 MB"
head -c 5000 /dev/urandom >"$SCRATCH/noise"
is "$(http "${octets[@]}" --data-binary @"$SCRATCH/noise" $url/v1/batches)" "400 INVALID" "noise"
(printf 'ALZY\377\1' && cat "$SCRATCH/noise") >"$SCRATCH/version"
is "$(http "${octets[@]}" --data-binary @"$SCRATCH/version" $url/v1/batches)" "400 VERSION" "an unknown version"
is "$(http -H "X: $(head -c 60000 /dev/zero | tr '\0' x)" $url/healthz | cut -c1)" 4 "headers of 60 KB"
ok "the gateway lives on" healthy

# ---- answers that lie, or never come
held() { sql 'SELECT count(*) FROM alzy.points'; }
for case in "500:16:500" "garbage:18|6|16:." "html:6|15|16|18:." "nothing:15:." "cut:15|16|18|6:." "lost:15|16:." "forged:18:signature|seal"; do
	IFS=: read -r answer status words <<<"$case"
	mode "$answer"
	[ "$answer" != nothing ] || patience car 2s
	refuses "answer '$answer': sync says so" "$status" "$words" on car sync
	like "$(on car status --json | json points.unsent)" '^(1000|700|400|100)$' "… and believes nothing"
	patience car 10s
done
mode old
refuses "an answer to another question" '18|6|16' . on car sync
mode pass
ok "the next sync heals it all" on car sync
is "$(on car status --json | json points.unsent) $(held)" "0 1000" "every row is there, once"
is "$(sql 'SELECT count(*) FROM alzy.rejected')" 0 "… and none was taken for another"

# ---- what was overheard
strip() { perl -0777 -pe 's/\A.*?\r\n\r\n//s' "$1"; } # a request without its head
last=$(ls "$SCRATCH/kept" | grep request | sort -n | tail -n 1)
strip "$SCRATCH/kept/$last" >"$SCRATCH/envelope"
is "$(http "${octets[@]}" --data-binary @"$SCRATCH/envelope" $url/v1/batches)" 200 "a batch that is replayed is answered"
is "$(held)" 1000 "… and changes nothing"
head -c -1 "$SCRATCH/envelope" >"$SCRATCH/truncated"
is "$(http "${octets[@]}" --data-binary @"$SCRATCH/truncated" $url/v1/batches | cut -c1-2)" 40 "a batch without its last byte is refused"
for at in 60 200; do # in the signature, and behind it
	perl -0777 -pe 'BEGIN { $at = shift } substr($_, $at, 1) ^= "\1"' $at "$SCRATCH/envelope" >"$SCRATCH/turned"
	is "$(http "${octets[@]}" --data-binary @"$SCRATCH/turned" $url/v1/batches)" "401 FORGED" "a batch with one bit of byte $at turned is refused"
done
is "$(http "${octets[@]}" --data-binary @"$SCRATCH/envelope" $url/v1/pair | cut -c1-2)" 40 "a batch is no pairing"
unit stranger
on stranger event x >"$SCRATCH/said"
pair stranger
sql "UPDATE alzy.devices SET device_key_hash = repeat('0', 64) WHERE name = 'stranger'"
refuses "a key that the centre does not know" 17 . on stranger sync
like "$(on stranger status)" 'refuse' "… status says that the centre refuses this unit"

# ---- a device that is stopped at the centre
pair lorry
sql "UPDATE alzy.devices SET is_active = false WHERE name = 'lorry'"
refuses "a device that is not active any more" 17 . on lorry sync
is "$(lite lorry 'SELECT count(*) FROM points')" 1000 "… keeps its rows"
sql "UPDATE alzy.devices SET is_active = true WHERE name = 'lorry'"
ok "… and sends them when it is active again" on lorry sync

# ---- Postgres goes away in the middle of a batch
sql "CREATE FUNCTION alzy.wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN NULL; END';
	CREATE TRIGGER wait AFTER INSERT ON alzy.stretches EXECUTE FUNCTION alzy.wait()"
start van-sync env ALZY_CONFIG="$SCRATCH/van/alzy.conf" "$BUILD/alzy" sync
ok "a batch is under way" await bash -c 'psql -qXAtd "$0" -c "SELECT 1 FROM pg_stat_activity WHERE wait_event = '"'PgSleep'"'" | grep -q 1' "$DSN"
kill9 postgres
await gone van-sync
stop van-sync # it has ended: a signal would meet the sanitizer, whose look for leaks SIGCONT makes hang
like "$?" '^(15|16)$' "the sync that was under way fails"
like "$(http $url/healthz)" '^503' "the gateway says that its database is away"
refuses "a sync without the database" '15|16' . on van sync
postgres_again
sql 'DROP TRIGGER wait ON alzy.stretches'
ok "the gateway finds it again" await healthy
ok "and the sync goes through" on van sync
store_rows van >"$SCRATCH/rows.store"
central_rows van >"$SCRATCH/rows.central"
ok "the store and Postgres hold the same rows" diff "$SCRATCH/rows.store" "$SCRATCH/rows.central"

# ---- keys that others may read
chmod 644 "$SCRATCH/van/store.db.key"
refuses "a unit's key that others may read" 11 'store.db.key' on van sync
central_stop
chmod 644 "$SCRATCH/central/central.key"
refuses "the centre's key that others may read" 11 'central.key' central serve
chmod 600 "$SCRATCH/central/central.key"
for line in "workers = none" "colour = blue" "listen = here" "tls_certificate = /nowhere"; do
	central_conf "$line"
	refuses "central.conf: $line" '3|4|10' . central serve
done
central_conf
sed -i "s/^listen = .*/listen = 0.0.0.0:$CENTRAL_PORT/" "$SCRATCH/central.conf"
refuses "plain HTTP for all the world" '3|8' 'tls|loopback|plain' central serve
done_testing
