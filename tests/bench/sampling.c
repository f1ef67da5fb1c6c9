/* What each preset keeps of recorded tracks, and how far the kept track strays from the full one.
 *
 *   sampling [--no-heading] [--no-speed] FILE...      CSV with the columns track_id,unix_ms,lat,lon,alt_m,speed_mps,
 *   heading_deg; empty is absent, and so is what is said before the files
 *
 * A fix strays by its distance from the straight line between the kept fixes before and after it; the length of a track is that
 * of hal/summary.h. */
#include "agent/sampler.h"
#include "hal/summary.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 512, TRACK_TEXT = 128 };

static bool no_heading, no_speed;

struct track {
	char name[TRACK_TEXT];
	struct point *points;
	size_t count, room;
	bool *kept;
};

struct result {
	int64_t fixes, kept;
	double full_m, kept_m;
	double *stray_m;
	size_t strays;
	int64_t verdicts[VERDICT_COUNT];
};

static void *need(void *memory)
{
	if (!memory) {
		fprintf(stderr, "sampling: out of memory\n");
		exit(1);
	}
	return memory;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static int32_t measure(const char *text, double unit)
{
	return *text ? (int32_t)lround(strtod(text, NULL) * unit) : ROW_ABSENT;
}

static bool read_line(char *line, char name[TRACK_TEXT], struct point *out)
{
	char *fields[7], *rest = line;
	line[strcspn(line, "\r\n")] = '\0';
	for (int i = 0; i < 7; i++)
		if (!(fields[i] = strsep(&rest, ",")))
			return false;
	snprintf(name, TRACK_TEXT, "%s", fields[0]);
	*out = (struct point){.recorded_at_ms = strtoll(fields[1], NULL, 10),
	                      .lat_e7 = measure(fields[2], 1e7),
	                      .lng_e7 = measure(fields[3], 1e7),
	                      .altitude_dm = measure(fields[4], 10),
	                      .speed_cmps = measure(fields[5], 100),
	                      .heading_ddeg = measure(fields[6], 10),
	                      .accuracy_dm = ROW_ABSENT};
	if (no_heading)
		out->heading_ddeg = ROW_ABSENT;
	if (no_speed)
		out->speed_cmps = ROW_ABSENT;
	return out->recorded_at_ms > 0;
}

/* ---- measuring ---------------------------------------------------------------------------------------------------- */

/* How far `p` is from the segment from a to b, on a plane that touches the Earth there. */
static double stray_m(const struct point *a, const struct point *b, const struct point *p)
{
	const double metre_lat = 1e7 / 111195.0, metre_lng = metre_lat / cos(a->lat_e7 / 1e7 * M_PI / 180);
	double bx = (b->lng_e7 - a->lng_e7) / metre_lng, by = (b->lat_e7 - a->lat_e7) / metre_lat;
	double px = (p->lng_e7 - a->lng_e7) / metre_lng, py = (p->lat_e7 - a->lat_e7) / metre_lat;
	double length2 = bx * bx + by * by, t = length2 > 0 ? (px * bx + py * by) / length2 : 0;
	t = t < 0 ? 0 : t > 1 ? 1 : t;
	return hypot(px - t * bx, py - t * by);
}

static void sample(struct track *track, const struct sampling *sampling, struct result *r)
{
	struct sampler sampler = {0};
	for (size_t i = 0; i < track->count; i++) {
		struct point last;
		if (sampler_hole(&sampler, &track->points[i]) && sampler_last(&sampler, &last)) {
			track->kept[i - 1] = true; /* every fix of a track is good */
			r->verdicts[VERDICT_THINNED]--;
			r->verdicts[VERDICT_KEPT_LAST]++;
		}
		enum verdict verdict = sampler_feed(&sampler, sampling, &track->points[i], false);
		r->verdicts[verdict]++;
		track->kept[i] = verdict_kept(verdict);
		for (size_t j = 0, back = i; j < sampler.recalled_count; j++) {
			while (track->points[back].recorded_at_ms > sampler.held[sampler.recalled_count - 1 - j].recorded_at_ms)
				back--;
			track->kept[back] = true;
			r->verdicts[VERDICT_THINNED]--;
			r->verdicts[VERDICT_KEPT_DEPARTURE]++;
		}
	}
}

static void measure_track(const struct track *track, struct result *r)
{
	struct summary full = {0}, kept = {0};
	size_t before = 0; /* the first fix is always kept */
	for (size_t i = 0; i < track->count; i++) {
		r->fixes++;
		r->kept += track->kept[i];
		summary_add(&full, &track->points[i]);
		if (track->kept[i])
			summary_add(&kept, &track->points[i]);
		if (!track->kept[i] && i + 1 < track->count)
			continue;
		const struct point *a = &track->points[before], *b = &track->points[i];
		for (size_t j = before + 1; j < i; j++)
			r->stray_m[r->strays++] = stray_m(a, b, &track->points[j]);
		r->stray_m[r->strays++] = 0;
		before = i;
	}
	r->full_m += full.distance_m;
	r->kept_m += kept.distance_m;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print(const char *preset, struct result *r)
{
	qsort(r->stray_m, r->strays, sizeof *r->stray_m, by_size);
	printf("%-9s %8" PRId64 " of %8" PRId64
	       " fixes kept (%5.1f %%), strays by %5.1f m at most, 95 %% by up to %4.1f m, "
	       "length %+.2f %%\n",
	       preset, r->kept, r->fixes, 100.0 * (double)r->kept / (double)r->fixes, r->stray_m[r->strays - 1],
	       r->stray_m[(size_t)((double)(r->strays - 1) * 0.95)], 100 * (r->kept_m / r->full_m - 1));
	printf("         ");
	for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
		if (r->verdicts[verdict])
			printf(" %s %" PRId64, verdict_name((enum verdict)verdict), r->verdicts[verdict]);
	printf("\n");
}

static void each_track(FILE *file, const struct sampling *sampling, struct result *r)
{
	struct track track = {0};
	char line[LINE_MAX_BYTES], name[TRACK_TEXT];
	struct point point;
	bool more = true;
	while (more) {
		more = fgets(line, sizeof line, file) != NULL;
		bool is_point = more && read_line(line, name, &point);
		if (track.count && (!more || (is_point && strcmp(name, track.name)))) {
			r->stray_m = need(realloc(r->stray_m, (r->strays + track.count) * sizeof *r->stray_m));
			sample(&track, sampling, r);
			measure_track(&track, r);
			track.count = 0;
		}
		if (!is_point)
			continue;
		if (track.count == track.room) {
			track.room = track.room ? 2 * track.room : 4096;
			track.points = need(realloc(track.points, track.room * sizeof *track.points));
			track.kept = need(realloc(track.kept, track.room * sizeof *track.kept));
		}
		track.points[track.count++] = point;
		strcpy(track.name, name);
	}
	free(track.points);
	free(track.kept);
}

int main(int argc, char **argv)
{
	static const char *const presets[] = {"all", "detailed", "economy"};
	struct conf_unit conf;
	struct err e;
	if (conf_load(&conf_unit_table, NULL, &conf, &e))
		return 1;
	for (int i = 1; i < argc; i++) {
		bool is_heading = !strcmp(argv[i], "--no-heading"), is_speed = !strcmp(argv[i], "--no-speed");
		no_heading = no_heading || is_heading;
		no_speed = no_speed || is_speed;
		if (is_heading || is_speed)
			continue;
		printf("%s\n", argv[i]);
		for (conf.sampling = 0; conf.sampling < 3; conf.sampling++) {
			struct sampling sampling = sampling_of(&conf);
			struct result r = {0};
			FILE *file = fopen(argv[i], "re");
			if (!file) {
				perror(argv[i]);
				return 1;
			}
			each_track(file, &sampling, &r);
			fclose(file);
			if (r.fixes)
				print(presets[conf.sampling], &r);
			free(r.stray_m);
		}
	}
	return 0;
}
