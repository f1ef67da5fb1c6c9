/* GeoJSON (RFC 7946): a FeatureCollection with a Point for each mark, and for each session one LineString, or a
 * MultiLineString when it crosses the antimeridian (section 3.1.9), or a Point when that is all there is. The times of
 * its positions stand beside them in the property `times`, in the same nesting.
 *
 * Which geometry it is shows only at the end of a session, and positions and times are apart: both are spooled into
 * unnamed files, so that memory stays flat. */
#include "agent/cli/export.h"
#include "hal/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

struct geojson {
	FILE *positions, *times; /* of the track at hand: what stands between the outermost brackets */
	bool any_feature;
	struct session session; /* of the track at hand */
	bool in_session;
	int64_t points, first_ms, last_ms;
	int parts;
	struct point last;
};

/* A file without a name, in a folder that is on the disk rather than in memory where there is one. */
static FILE *open_spool(void)
{
	int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? tmpfile() : fdopen(fd, "w+");
}

static int begin(struct export *x, struct err *e)
{
	struct geojson *g = x->own = calloc(1, sizeof *g);
	if (!g)
		return err_set(e, ERR_MEMORY, "out of memory for the export");
	g->positions = open_spool();
	g->times = open_spool();
	if (!g->positions || !g->times)
		return err_errno(e, ERR_IO, "can't make a temporary file");
	fputs("{\"type\":\"FeatureCollection\",\"features\":[", x->out);
	return 0;
}

static void begin_feature(struct export *x)
{
	struct geojson *g = x->own;
	fprintf(x->out, "%s\n{\"type\":\"Feature\",", g->any_feature ? "," : "");
	g->any_feature = true;
}

static void put_position(FILE *out, int64_t lat_e7, int64_t lng_e7, int32_t altitude_dm)
{
	char lng[SHORT_TEXT], lat[SHORT_TEXT], altitude[SHORT_TEXT];
	fprintf(out, "[%s,%s", text_decimal(lng_e7, 7, lng), text_decimal(lat_e7, 7, lat));
	if (altitude_dm != ROW_ABSENT)
		fprintf(out, ",%s", text_decimal(altitude_dm, 1, altitude));
	fputc(']', out);
}

/* Ids of sessions are UUIDs; names of people and machines may hold anything. */
static void put_text(FILE *out, const char *text)
{
	if (!*text) {
		fputs("null", out);
		return;
	}
	fputc('"', out);
	for (const char *c = text; *c; c++)
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if ((unsigned char)*c < 0x20)
			fprintf(out, "\\u%04x", *c);
		else
			fputc(*c, out);
	fputc('"', out);
}

static void put_session(FILE *out, const struct session *session)
{
	fputs("\"session_id\":", out);
	put_text(out, session ? session->session_id : "");
	if (!session)
		return;
	fputs(",\"user_id\":", out);
	put_text(out, session->user_id);
	fputs(",\"machine_id\":", out);
	put_text(out, session->machine_id);
	if (session->application_id)
		fprintf(out, ",\"application_id\":%" PRId64, session->application_id);
	else
		fputs(",\"application_id\":null", out);
}

static int put_mark(struct export *x, const struct point *p, struct err *e)
{
	(void)e;
	char time[TIME_TEXT];
	begin_feature(x);
	fputs("\"geometry\":{\"type\":\"Point\",\"coordinates\":", x->out);
	put_position(x->out, p->lat_e7, p->lng_e7, p->altitude_dm);
	fprintf(x->out, "},\"properties\":{\"kind\":\"mark\",\"seq\":%" PRId64 ",\"time\":\"%s\",", p->seq,
	        time_format(p->recorded_at_ms, time));
	put_session(x->out, x->session);
	fputs("}}", x->out);
	return 0;
}

/* Empties the spool into `out`. */
static int pour(FILE *spool, FILE *out, struct err *e)
{
	char bytes[16384];
	size_t count;
	rewind(spool);
	while ((count = fread(bytes, 1, sizeof bytes, spool)))
		fwrite(bytes, 1, count, out);
	bool failed = ferror(spool);
	rewind(spool);
	if (failed || ftruncate(fileno(spool), 0))
		return err_errno(e, ERR_IO, "can't write or read a temporary file");
	return 0;
}

/* How the spools of a track become its geometry, and the times beside it. Inside them positions are apart by ",", and
 * parts by "],[". */
struct shape {
	const char *type, *open, *close, *times_open, *times_close;
};

static const struct shape *shape_of(const struct geojson *g)
{
	static const struct shape point = {"Point", "", "", "[", "]"}, line = {"LineString", "[", "]", "[", "]"},
							  lines = {"MultiLineString", "[[", "]]", "[[", "]]"};
	if (g->points == 1)
		return &point;
	return g->parts == 1 ? &line : &lines;
}

static int end_track(struct export *x, struct err *e)
{
	struct geojson *g = x->own;
	if (!g->points)
		return 0;
	const struct shape *shape = shape_of(g);
	char first[TIME_TEXT], last[TIME_TEXT];
	begin_feature(x);
	fprintf(x->out, "\"geometry\":{\"type\":\"%s\",\"coordinates\":%s", shape->type, shape->open);
	int rc = pour(g->positions, x->out, e);
	if (rc)
		return rc;
	fprintf(x->out, "%s},\"properties\":{\"kind\":\"track\",", shape->close);
	put_session(x->out, g->in_session ? &g->session : NULL);
	fprintf(x->out, ",\"points\":%" PRId64 ",\"first_point_at\":\"%s\",\"last_point_at\":\"%s\",\"times\":%s",
	        g->points, time_format(g->first_ms, first), time_format(g->last_ms, last), shape->times_open);
	rc = pour(g->times, x->out, e);
	fprintf(x->out, "%s}}", shape->times_close);
	return rc;
}

static void put_vertex(struct geojson *g, const char *before, int64_t lat_e7, int64_t lng_e7, int32_t altitude_dm,
                       int64_t time_ms)
{
	char time[TIME_TEXT];
	fputs(before, g->positions);
	put_position(g->positions, lat_e7, lng_e7, altitude_dm);
	fprintf(g->times, "%s\"%s\"", before, time_format(time_ms, time));
}

/* From g->last to `p` over the antimeridian: the line ends at one side of it and goes on at the other. */
static void cut(struct geojson *g, const struct point *p)
{
	const struct point *a = &g->last;
	int64_t edge = a->lng_e7 > 0 ? LNG_E7_MAX : -LNG_E7_MAX;
	int64_t to_edge = edge - a->lng_e7, whole = to_edge - (-edge - p->lng_e7);
	double part = whole ? (double)to_edge / (double)whole : 0;
	int64_t lat_e7 = a->lat_e7 + (int64_t)(part * ((double)p->lat_e7 - a->lat_e7));
	int64_t time_ms = a->recorded_at_ms + (int64_t)(part * (double)(p->recorded_at_ms - a->recorded_at_ms));
	put_vertex(g, ",", lat_e7, edge, ROW_ABSENT, time_ms);
	put_vertex(g, "],[", lat_e7, -edge, ROW_ABSENT, time_ms);
	g->parts++;
}

static int put_point(struct export *x, const struct point *p, enum export_joint joint, struct err *e)
{
	struct geojson *g = x->own;
	if (joint == EXPORT_TRACK) {
		int rc = end_track(x, e);
		if (rc)
			return rc;
		g->in_session = x->session != NULL;
		if (x->session)
			g->session = *x->session;
		g->points = 0;
		g->parts = 1;
		g->first_ms = p->recorded_at_ms;
	} else if (llabs((int64_t)p->lng_e7 - g->last.lng_e7) > LNG_E7_MAX) {
		cut(g, p);
	}
	put_vertex(g, g->points ? "," : "", p->lat_e7, p->lng_e7, p->altitude_dm, p->recorded_at_ms);
	g->points++;
	g->last_ms = p->recorded_at_ms;
	g->last = *p;
	return 0;
}

static int end(struct export *x, struct err *e)
{
	int rc = end_track(x, e);
	fputs("\n]}\n", x->out);
	return rc;
}

static void release(struct export *x)
{
	struct geojson *g = x->own;
	if (g && g->positions)
		fclose(g->positions);
	if (g && g->times)
		fclose(g->times);
	free(g);
}

const struct export_writer export_geojson = {"geojson", begin, put_mark, put_point, end, release};
