#!/bin/bash
# Ingest against a real Postgres. The tests themselves are in unit/test_ingest.c; each becomes one line here.
. "$(dirname "$0")/../lib/rig.sh"

postgres_start
central_init
CMOCKA_MESSAGE_OUTPUT=STDOUT ALZY_TEST_DSN=$DSN ALZY_TEST_GATEWAY=${DSN/user=postgres/user=gate} ALZY_TEST_KEY=$SCRATCH/central/central.key \
	"$BUILD/tests/test_ingest" >"$SCRATCH/ingest.log" 2>&1
status=$?
while read -r result name; do
	[ "$result" = OK ]
	tap $? "${name//_/ }"
done < <(sed -nE 's/^\[ +(OK|FAILED) +\] ([a-z_]+)$/\1 \2/p' "$SCRATCH/ingest.log" | sort -uk2,2)
is $status 0 "ingest" || diag "$(log_of ingest)"
done_testing
