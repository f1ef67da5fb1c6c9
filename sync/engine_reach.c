/* By which address the centre is reached. One that it announces is tried, and never relied on before it has proved
 * itself: a mistake in the centre's configuration must not lose a fleet. */
#include "sync/engine.h"
#include "sync/engine_verify.h"

static int reach_by(const char *url, struct store *store, const struct key_pair *keys, const struct engine_way *way,
                    const struct engine_options *options, struct engine_report *report, struct err *e)
{
	struct carrier *carrier;
	int rc = carrier_https(&carrier, url, way->ca_file, way->timeout_ms, e);
	if (rc)
		return rc;
	carrier_https_give_up_on(carrier, way->give_up_fd);
	const struct channel channel = {store, keys, carrier};
	rc = engine_run(&channel, options, report, e);
	/* A proof that fails is asked for again by the next receipt: what was sent is no less sent. */
	struct err unproved;
	/* Rows of before that are refused are no reason to hide what there is. */
	if ((!rc || rc == -ERR_REFUSED) && report->verify_ms)
		engine_prove(&channel, options, report, &unproved);
	carrier->close(carrier);
	return rc;
}

int engine_reach(struct store *store, const struct key_pair *keys, const struct engine_way *way,
                 const struct engine_options *options, struct engine_report *report, struct err *e)
{
	struct store_centre centre;
	bool paired = false;
	int rc = store_centre_get(store, &centre, &paired, e);
	if (!rc && !paired)
		rc = err_set(e, ERR_STATE, "this unit is not paired with a centre: alzy pair LINK");
	if (rc || !centre.next_url[0])
		return rc ? rc : reach_by(centre.url, store, keys, way, options, report, e);
	rc = reach_by(centre.next_url, store, keys, way, options, report, e);
	if (report->batches) {
		int moved = store_centre_moved(store, centre.next_url, rc ? NULL : e);
		return rc ? rc : moved;
	}
	return rc ? reach_by(centre.url, store, keys, way, options, report, e) : 0;
}
