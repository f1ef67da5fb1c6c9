#!/bin/bash
# soak.sh RUNS STEPS [SEED…]: the model-based test of make check with other seeds, one after the other, whatever comes of them. Tells
# the seed before each run, and at the end (also after ^C) how to repeat those that failed. ALZY_BUILD names the programs.
set -u
cd "$(dirname "$0")/.." || exit 1
runs=$1 steps=$2
shift 2
[ $# -gt 0 ] || set -- $(shuf -i 0-999999 -n "$runs")
failed=() done=0

conclude() {
	echo "$done runs of $steps steps, ${#failed[@]} failed"
	for seed in ${failed[@]+"${failed[@]}"}; do
		echo "ALZY_BUILD=${ALZY_BUILD:-build} ALZY_SEED=$seed ALZY_STEPS=$steps tests/e2e/model.t"
	done
	exit $((${#failed[@]} > 0))
}
trap conclude INT TERM

for seed; do
	echo "seed $seed"
	ALZY_SEED=$seed ALZY_STEPS=$steps ALZY_TEST_SECONDS=0 tests/lib/run.sh tests/e2e/model.t || failed+=("$seed")
	done=$((done + 1))
done
conclude
