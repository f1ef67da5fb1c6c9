#!/bin/bash
# HTTPS with certificates of our own authority: the unit talks to a centre that ca_file vouches for, and to no other.
. "$(dirname "$0")/../lib/rig.sh"

authority() { # NAME: NAME.ca.pem with its key
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$SCRATCH/$1.ca.key" -out "$SCRATCH/$1.ca.pem"
}
certificate() { # AUTHORITY NAME SUBJECT-ALT-NAME: NAME.pem with NAME.key, signed by the authority
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$SCRATCH/$2.key" -out "$SCRATCH/$2.csr" &&
		openssl x509 -req -in "$SCRATCH/$2.csr" -CA "$SCRATCH/$1.ca.pem" -CAkey "$SCRATCH/$1.ca.key" -CAcreateserial -days 2 \
			-extfile <(echo "subjectAltName=$3") -out "$SCRATCH/$2.pem"
}
for name in ours theirs; do authority $name; done >"$SCRATCH/openssl.log" 2>&1 || die "$(log_of openssl)"
certificate ours good IP:127.0.0.1,DNS:localhost >"$SCRATCH/openssl.log" 2>&1 || die "$(log_of openssl)"
certificate ours elsewhere DNS:example.org >"$SCRATCH/openssl.log" 2>&1 || die "$(log_of openssl)"

postgres_start
central_init
CENTRAL_URL=https://127.0.0.1:$CENTRAL_PORT
serve_with() { # NAME: the certificate
	stop central
	central_conf "tls_certificate = $SCRATCH/$1.pem" "tls_key = $SCRATCH/$1.key"
	central_start
}
ok "the gateway serves HTTPS" serve_with good
ok "… by the certificate" healthy "$CENTRAL_URL" --cacert "$SCRATCH/ours.ca.pem"
refuses "plain HTTP is no way in" '[1-9].*' . healthy "http://127.0.0.1:$CENTRAL_PORT"
refuses "… nor is TLS 1.1" '[1-9].*' . healthy "$CENTRAL_URL" --cacert "$SCRATCH/ours.ca.pem" --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0

unit car sync.ca_file="$SCRATCH/ours.ca.pem"
unit stray sync.ca_file="$SCRATCH/theirs.ca.pem"
unit default
unit missing sync.ca_file="$SCRATCH/none.pem"
link=$(pair_link car)
like "$link" 'url=https' "the link names HTTPS"
for name in stray default; do
	refuses "$name trusts another authority: no pairing" 15 'certificate' on $name pair "$link"
done
refuses "a ca_file that is not there" '3|4|10|15' 'none.pem' on missing pair "$link"
ok "the right authority: pairing" on car pair "$link"
ok "an event" on car event travelled
ok "… is sent" on car sync
is "$(sql "SELECT count(*) FROM public.events WHERE event_type = 'travelled'")" 1 "… and held"

ok "the gateway with a certificate for another name" serve_with elsewhere
on car event later >"$SCRATCH/said"
refuses "the unit does not talk to it" 15 'certificate|host|name' on car sync
is "$(on car status --json | json events.unsent)" 1 "… and keeps what it has"
ok "the gateway as before" serve_with good
ok "… and all is sent" on car sync

stop central
chmod 644 "$SCRATCH/good.key"
central_conf "tls_certificate = $SCRATCH/good.pem" "tls_key = $SCRATCH/good.key"
refuses "a TLS key that others may read" 11 'good.key' central serve
chmod 600 "$SCRATCH/good.key"
central_conf "tls_certificate = $SCRATCH/good.pem" "tls_key = $SCRATCH/elsewhere.key"
refuses "a certificate and another's key" '3|8|10' . central serve
central_conf "tls_certificate = $SCRATCH/good.pem"
refuses "a certificate without a key" 3 'tls_key' central serve
done_testing
