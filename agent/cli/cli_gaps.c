/* When nothing was recorded, and why. */
#include "agent/cli/cli.h"
#include "hal/args.h"
#include "hal/boot.h"
#include "hal/clock.h"
#include "hal/gaps_print.h"

#include <stdlib.h>

struct reading {
	struct evidence evidence;
	struct gaps gaps;
	struct ranges dropped;
	int64_t first_ms, last_point_ms; /* TIME_MS_MAX, TIME_MS_MIN: there is none */
};

static int take_event(const struct event *event, void *user, struct err *e)
{
	struct reading *r = user;
	if (event->event_at_ms < r->first_ms)
		r->first_ms = event->event_at_ms;
	return evidence_add(&r->evidence, event, e);
}

static int take_point(const struct point *point, void *user, struct err *e)
{
	struct reading *r = user;
	if (point->source != POINT_MANUAL && point->recorded_at_ms > r->last_point_ms)
		r->last_point_ms = point->recorded_at_ms;
	return gaps_point(&r->gaps, point, e);
}

/* What can be seen at this moment, and no event has told yet. */
static int look_around(const struct cli *cli, struct reading *r, int64_t now_ms, struct err *e)
{
	struct live_facts live;
	bool running;
	int rc = cli_live(cli->store, &live, &running, e);
	if (rc || store_frozen(cli->store)) /* a copy: the unit itself is elsewhere */
		return rc;
	if (!running && !cli_mute_agent(cli->store))
		return evidence_not_running(&r->evidence, now_ms, boot_id(), clock_mono_ms(), e);
	return running && live.waiting_points ? evidence_known(&r->evidence, r->last_point_ms, now_ms, GAP_WAITING, e) : 0;
}

static int read_store(const struct cli *cli, const struct gaps_asked *asked, int64_t now_ms, struct reading *r,
                      struct err *e)
{
	int rc = store_each_event(cli->store, take_event, r, e);
	if (!rc)
		rc = gaps_begin(&r->gaps, asked->longer_ms, e);
	if (!rc)
		rc = store_dropped(cli->store, STREAM_POINTS, &r->dropped, e);
	r->gaps.dropped = &r->dropped;
	if (!rc)
		rc = store_each_point(cli->store, &(struct point_filter){0}, take_point, r, e);
	if (!rc)
		gaps_limit(&r->gaps, r->first_ms, now_ms);
	return rc ? rc : look_around(cli, r, now_ms, e);
}

int cli_gaps(int argc, char **argv, struct err *e)
{
	struct gaps_asked asked = {0};
	struct reading r = {.first_ms = TIME_MS_MAX, .last_point_ms = TIME_MS_MIN};
	struct gap_part *parts = NULL;
	struct cli cli = {0};
	size_t count = 0;
	bool help;
	const struct arg args[] = {GAPS_ARGS(&asked)};
	int rc = args_read(argc, argv, "alzy gaps", "Lists when nothing was recorded, and why.", args,
	                   sizeof args / sizeof *args, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_READ, e);
	int64_t now_ms = rc ? 0 : store_now_ms(cli.store, NULL);
	if (!rc)
		rc = gaps_asked_check(&asked, e);
	if (!rc)
		rc = read_store(&cli, &asked, now_ms, &r, e);
	if (!rc)
		rc = gaps_explain(&r.gaps, &r.evidence, asked.from_ms, asked.to_ms, &parts, &count, e);
	if (!rc)
		rc = gaps_print(&asked, parts, count, e);
	free(parts);
	gaps_free(&r.gaps);
	ranges_free(&r.dropped);
	evidence_free(&r.evidence);
	cli_close(&cli);
	return rc;
}
