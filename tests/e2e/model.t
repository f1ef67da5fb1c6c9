#!/bin/bash
# Random steps against real programs, with a list of what was recorded as the only judge (tests/lib/model.pl). ALZY_SEED
# repeats a run, ALZY_STEPS=N or 1-20,25 makes it shorter or longer; make soak is thousands of steps.
. "$(dirname "$0")/../lib/rig.sh"
# The same steps each time here; make soak draws others.
case $BUILD in *sanitize*) seed=${ALZY_SEED:-2003} ;; *) seed=${ALZY_SEED:-3002} ;; esac
steps=${ALZY_STEPS:-$((400 / SLOWER))}
diag "ALZY_SEED=$seed"

postgres_start
PROXY=$(free_port)
central_init "public_url = http://127.0.0.1:$PROXY" 'requests_per_device = 0' 'requests_per_address = 0'
GATEWAYS="$CENTRAL_PORT $(free_port)"
sql "INSERT INTO public.organizations VALUES (7, 'Fleet');
	INSERT INTO public.applications VALUES (3, 'Harvest'), (4, 'Snow');
	INSERT INTO public.users VALUES ('ana', 'Ana', 7), ('bo', 'Bo', 7), ('cy', 'Cy', 7);
	INSERT INTO public.machines (machine_id, organization_id) VALUES ('truck', 7);
	UPDATE public.machines SET organization_id = 7" || die "no people"
mkdir "$SCRATCH/proxy"
printf "%s\n" first "pass 0 0" "pass 0 0" >"$SCRATCH/proxy/plan" # the second gateway is not there yet
start proxy perl "$RIG/proxy.pl" "$PROXY" "$SCRATCH/proxy" $GATEWAYS
await log_has proxy listening || die "no proxy"
central_start || die "no centre: $(log_of central)"
a_unit() { # NAME [KEY=VALUE…]
	unit "$1" gnss.source="replay:$SCRATCH/$1/drive.json" sync.batch_points=40 "${@:2}"
	pair "$1"
}
a_unit car
a_unit bus capture.on_stop=pause store.keep=0s
central_stop

UNITS="car bus"
export SCRATCH BUILD DSN PROXY GATEWAYS UNITS PATIENCE_S=$((90 * SLOWER)) PGOPTIONS='-c client_min_messages=error'
perl "$RIG/model.pl" "$seed" "$steps" >&$TAP_OUT 2>&$TAP_ERR
tap $? "after $steps random steps every row is where it should be (ALZY_SEED=$seed)"
done_testing
