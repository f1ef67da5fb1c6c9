#!/bin/bash
# What comes from outside, at random: each fuzzer of tests/fuzz for ALZY_FUZZ_SECONDS, from the corpus in the tree and what
# it has found before. The input of a failure stays beside the fuzzer, and is printed.
. "$(dirname "$0")/../lib/rig.sh"
FUZZ=$BUILD/fuzz
seconds=${ALZY_FUZZ_SECONDS:-3}
seed=${ALZY_SEED:-$((RANDOM + 1))}
diag "ALZY_SEED=$seed"

ok 'the fuzzers are built' make -C "$TOP" --no-print-directory fuzzers B="$BUILD" SANITIZE= || exit 1
unset ASAN_OPTIONS
for source in "$TOP"/tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	corpus=$TOP/tests/fuzz/corpus/${name#fuzz_}
	mkdir -p "$FUZZ/$name.corpus"
	"$FUZZ/$name" -seed="$seed" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -max_len=65536 -len_control=1000 \
		-artifact_prefix="$FUZZ/$name." "$FUZZ/$name.corpus" "$corpus" >"$SCRATCH/$name.log" 2>&1 </dev/null
	tap $? "$name: $(sed -nE 's/^Done ([0-9]+ runs).*/\1/p' "$SCRATCH/$name.log")" || {
		diag "$(grep -vE '^#[0-9]+' "$SCRATCH/$name.log" | tail -n 40)"
		reproducer=$(sed -nE 's/.*Test unit written to (.*)/\1/p' "$SCRATCH/$name.log")
		[ -z "$reproducer" ] || diag "$FUZZ/$name $reproducer"
		[ -z "$reproducer" ] || diag "base64 -d <<<'$(head -c 4096 "$reproducer" | base64 -w 0)' >input"
	}
done
done_testing
