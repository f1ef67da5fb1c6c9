#include "agent/cli/status.h"

#include "hal/clock.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { DAY_MS = 86400000 };

static int read_point(struct store *store, int64_t seq, struct point *out, bool *out_found, struct err *e)
{
	struct ranges one = {0};
	size_t count = 0;
	int rc = ranges_add(&one, seq, seq, e);
	if (!rc)
		rc = store_read_points(store, &one, out, 1, &count, e);
	*out_found = !rc && count;
	ranges_free(&one);
	return rc;
}

/* Bytes of the store and of its write-ahead log, which becomes a part of it. */
static int64_t store_bytes(const struct store *store)
{
	char wal[PATH_MAX];
	struct stat info;
	int64_t bytes = stat(store_path(store), &info) ? 0 : info.st_size;
	snprintf(wal, sizeof wal, "%s-wal", store_path(store));
	return bytes + (stat(wal, &info) ? 0 : info.st_size);
}

static int take_first(const struct point *point, void *user, struct err *e)
{
	(void)e;
	*(struct point *)user = *point;
	return 1;
}

/* Free space, and how long it lasts when the store grows as it did between its first and its last point. Less than a
 * day of it says too little. */
static int gather_space(struct store *store, struct status *s, struct err *e)
{
	char folder[PATH_MAX];
	struct statvfs disk;
	s->free_bytes = s->days_left = -1;
	snprintf(folder, sizeof folder, "%s", store_path(store));
	if (statvfs(dirname(folder), &disk))
		return 0;
	s->free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
	const struct point_filter all = {0};
	struct point first = {.recorded_at_ms = s->last.recorded_at_ms};
	int rc = store_each_point(store, &all, take_first, &first, e);
	int64_t span_ms = s->last.recorded_at_ms - first.recorded_at_ms;
	if (!rc && span_ms >= DAY_MS) {
		double a_day = (double)store_bytes(store) * DAY_MS / (double)span_ms;
		s->days_left = (int64_t)((double)s->free_bytes / a_day);
	}
	return rc;
}

static int gather_gone(struct store *store, struct status *s, struct err *e)
{
	int rc = 0;
	for (int stream = 0; !rc && stream < STREAM_COUNT; stream++) {
		struct ranges lost = {0}, dropped = {0};
		rc = store_lost(store, (enum stream)stream, &lost, e);
		if (!rc)
			rc = store_dropped(store, (enum stream)stream, &dropped, e);
		s->lost[stream] = ranges_total(&lost);
		s->dropped[stream] = ranges_total(&dropped);
		ranges_free(&lost);
		ranges_free(&dropped);
	}
	return rc;
}

int status_gather(const struct cli *cli, struct status *s, struct err *e)
{
	struct store *store = cli->store;
	bool found = false;
	*s = (struct status){.now_mono_ms = clock_mono_ms()};
	int rc = store_centre_get(store, &s->centre, &s->paired, e);
	if (!rc)
		rc = cli_live(store, &s->live, &s->running, e);
	if (!rc && !s->running)
		s->mute_agent = cli_mute_agent(store);
	if (!rc)
		rc = time_gather(cli, s->running ? &s->live.time : NULL, &s->time, e);
	/* A drive that was recorded has no present: without a floor the system clock is what all else is compared with. */
	s->now_ms = s->time.time.floor_ms == INT64_MIN ? clock_wall_ms() : s->time.now_ms;
	if (!rc)
		rc = keeping_read(cli, &s->keeping, e);
	s->by_ignition = cli->conf.capture_session == CAPTURE_SESSION_IGNITION;
	s->no_ignition = !strcmp(cli->conf.ignition, "none");
	for (int stream = 0; !rc && stream < STREAM_COUNT; stream++)
		rc = store_last_seq(store, (enum stream)stream, &s->last_seq[stream], e);
	if (!rc && s->last_seq[STREAM_POINTS])
		rc = read_point(store, s->last_seq[STREAM_POINTS], &s->last, &found, e);
	if (!rc)
		rc = store_backlog(store, &s->backlog, e);
	if (!rc)
		rc = store_rejected_count(store, &s->rejected, e);
	if (!rc)
		rc = gather_gone(store, s, e);
	if (!rc)
		rc = copies_read(store, &s->copies, e);
	if (!rc)
		rc = gather_space(store, s, e);
	return rc;
}

bool status_fix_is_live(const struct status *s)
{
	return s->running && s->live.sight.has_fix;
}

const struct point *status_fix(const struct status *s)
{
	if (status_fix_is_live(s))
		return &s->live.sight.fix;
	return s->last_seq[STREAM_POINTS] ? &s->last : NULL;
}

/* By the monotonic clock when the agent is there; a recorded point has only the system clock to be compared with. */
int64_t status_fix_age_ms(const struct status *s)
{
	return status_fix_is_live(s) ? s->now_mono_ms - s->live.sight.fix_mono_ms : s->now_ms - s->last.recorded_at_ms;
}

size_t status_sky(struct store *store, const struct status *s, struct satellite out[SKY_SATELLITES_MAX])
{
	static struct live_sky sky;
	bool found = false;
	if (s->running && s->live.sight.satellites_seen > 0 && !cli_live_sky(store, &sky, &found, NULL) && found)
		return sky_read(sky.json, sky.length, out);
	return 0;
}
