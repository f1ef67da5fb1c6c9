#!/bin/bash
# alzy-syncd and the network, in a network name space of its own: a network that comes is used soon, however long the
# interval is; SIGTERM in the middle of an exchange ends it at once; a failure that lasts is one line in the log.
if [ -z "${APART:-}" ]; then
	if [ "$(id -u)" != 0 ] || ! unshare --net ip link add alzy0 type veth peer name alzy1 2>/dev/null; then
		echo "1..0 # SKIP needs root, and links of its own"
		exit 0
	fi
	APART=1 exec unshare --net bash "$0"
fi
. "$(dirname "$0")/../lib/rig.sh"
HERE=10.9.8.7 # an address that there is only while the network is up
ip link set lo up
ip link add alzy0 type veth peer name alzy1
ip link set alzy0 up
ip link set alzy1 up
network_comes() { ip addr add $HERE/24 dev alzy0; }
network_goes() { ip addr del $HERE/24 dev alzy0; }

network_comes
postgres_start
central_init
CENTRAL_URL=http://$HERE:$CENTRAL_PORT
central_conf "public_url = $CENTRAL_URL" "plain_http = anywhere"
sed -i "s|^listen = .*|listen = $HERE:$CENTRAL_PORT|" "$SCRATCH/central.conf"
central_start || die "no centre: $(log_of central)"
unit car sync.interval=6h sync.timeout=60s
pair car
ok "syncd starts" start_ready syncd-car env ALZY_CONFIG="$SCRATCH/car/alzy.conf" "$BUILD/alzy-syncd" --verbose
ok "an event" on car event first
# However busy syncd is meanwhile: it sees that the network has gone only when it is there again.
kill -STOP "$(pid_of syncd-car)"
network_goes
network_comes
kill -CONT "$(pid_of syncd-car)"
AWAIT_SECONDS=20 await nothing_unsent car
tap $? "it is sent when a network comes, hours before the interval is over"

# ---- no network for a while
network_goes
ok "another event" on car event second
sed -i 's/^interval = .*/interval = 1s/' "$SCRATCH/car/alzy.conf"
kill -HUP "$(pid_of syncd-car)"
ok "syncd says that nobody answers" await log_has syncd-car '^<4>.*nobody answers there'
tries() { [ "$(log_of syncd-car | grep -c 'next try')" -ge "$1" ]; }
AWAIT_SECONDS=60 await tries 3
tap $? "… and tries again"
is "$(log_of syncd-car | grep -c '^<4>')" 1 "… and does not say it again"
network_comes
AWAIT_SECONDS=20 await nothing_unsent car
tap $? "the network is back: it is sent"

# ---- a centre that refuses
sql "UPDATE alzy.devices SET is_active = false"
ok "an event of a device that is not active any more" on car event refused
ok "syncd says so" await log_has syncd-car '^<4>.*deactivated'
sql "UPDATE alzy.devices SET is_active = true"
ok "when it is again, alzy sync sends" on car sync
ok "another event" on car event again
AWAIT_SECONDS=20 await nothing_unsent car
tap $? "syncd has seen that, and goes on without waiting for an hour"

# ---- SIGTERM in the middle of an exchange
central_stop
start silent perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalAddr => $ARGV[0], Listen => 5, ReuseAddr => 1) or die;
	$| = 1; print "listening\n"; my @kept; while (my $c = $s->accept) { push @kept, $c; print "somebody\n" }' "$HERE:$CENTRAL_PORT"
await log_has silent listening
ok "an event" on car event third
AWAIT_SECONDS=40 await log_has silent somebody
tap $? "syncd is in an exchange that gets no answer"
refuses "alzy sync names who is at it" 9 'alzy-syncd' on car sync
began=$EPOCHREALTIME
stop syncd-car
is $? 0 "SIGTERM ends it cleanly"
[ $((${EPOCHREALTIME/./} - ${began/./})) -lt $((1000000 * SLOWER)) ]
tap $? "… within a second"
stop silent
central_start || die "no centre: $(log_of central)"
ok "nothing is lost by that" on car sync
is "$(sql "SELECT string_agg(event_type, ' ' ORDER BY event_id) FROM public.events")" "first second refused again third" "each is held once"
done_testing
