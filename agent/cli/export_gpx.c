/* GPX 1.1 (https://www.topografix.com/GPX/1/1/): a track a session, a segment a stretch without a gap, a waypoint a
 * mark. GPX itself has no place for speed and course since 1.1: they stand in the extension that most programs read,
 * Garmin's TrackPointExtension. The order of elements is that of the schema. */
#include "agent/cli/export.h"
#include "hal/text.h"

#include <inttypes.h>
#include <stdlib.h>

struct gpx {
	bool in_track;
};

static int begin(struct export *x, struct err *e)
{
	x->own = calloc(1, sizeof(struct gpx));
	if (!x->own)
		return err_set(e, ERR_MEMORY, "out of memory for the export");
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	      "<gpx xmlns=\"http://www.topografix.com/GPX/1/1\" version=\"1.1\" creator=\"alzy " ALZY_VERSION "\"\n"
	      "     xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n"
	      "     xsi:schemaLocation=\"http://www.topografix.com/GPX/1/1 http://www.topografix.com/GPX/1/1/gpx.xsd\"\n"
	      "     xmlns:tpx=\"http://www.garmin.com/xmlschemas/TrackPointExtension/v2\">\n",
	      x->out);
	return 0;
}

/* Longitudes of GPX end before 180. */
static void put_place(FILE *out, const char *element, const struct point *p)
{
	char lat[SHORT_TEXT], lng[SHORT_TEXT], time[TIME_TEXT];
	fprintf(out, "<%s lat=\"%s\" lon=\"%s\">", element, text_decimal(p->lat_e7, 7, lat),
	        text_decimal(p->lng_e7 == LNG_E7_MAX ? -LNG_E7_MAX : p->lng_e7, 7, lng));
	if (p->altitude_dm != ROW_ABSENT)
		fprintf(out, "<ele>%s</ele>", text_decimal(p->altitude_dm, 1, lat));
	fprintf(out, "<time>%s</time>", time_format(p->recorded_at_ms, time));
}

static int put_mark(struct export *x, const struct point *p, struct err *e)
{
	(void)e;
	put_place(x->out, "wpt", p);
	fprintf(x->out, "<name>Mark %" PRId64 "</name><type>mark</type></wpt>\n", p->seq);
	return 0;
}

static void put_names(FILE *out, const struct session *session)
{
	char started[SHORT_TEXT];
	if (!session) {
		fputs("<name>Outside any session</name>\n", out);
		return;
	}
	fprintf(out, "<name>Session %s%s</name><cmt>%s</cmt>", text_time(session->started_at_ms, started),
	        session->guessed ? " (a guess)" : "", session->session_id);
	if (*session->user_id || *session->machine_id) {
		fputs("<desc>", out);
		export_xml(out, session->machine_id);
		fputs(*session->user_id && *session->machine_id ? ", " : "", out);
		export_xml(out, session->user_id);
		fputs("</desc>", out);
	}
	fputc('\n', out);
}

static void put_extension(FILE *out, const struct point *p)
{
	char text[SHORT_TEXT];
	if (p->speed_cmps == ROW_ABSENT && p->heading_ddeg == ROW_ABSENT)
		return;
	fputs("<extensions><tpx:TrackPointExtension>", out);
	if (p->speed_cmps != ROW_ABSENT)
		fprintf(out, "<tpx:speed>%s</tpx:speed>", text_decimal(p->speed_cmps, 2, text));
	if (p->heading_ddeg != ROW_ABSENT)
		fprintf(out, "<tpx:course>%s</tpx:course>", text_decimal(p->heading_ddeg, 1, text));
	fputs("</tpx:TrackPointExtension></extensions>", out);
}

static int put_point(struct export *x, const struct point *p, enum export_joint joint, struct err *e)
{
	(void)e;
	struct gpx *gpx = x->own;
	if (joint == EXPORT_TRACK) {
		fputs(gpx->in_track ? "</trkseg></trk>\n<trk>" : "<trk>", x->out);
		put_names(x->out, x->session);
		fputs("<trkseg>\n", x->out);
		gpx->in_track = true;
	} else if (joint == EXPORT_SEGMENT) {
		fputs("</trkseg><trkseg>\n", x->out);
	}
	put_place(x->out, "trkpt", p);
	put_extension(x->out, p);
	fputs("</trkpt>\n", x->out);
	return 0;
}

static int end(struct export *x, struct err *e)
{
	(void)e;
	struct gpx *gpx = x->own;
	fputs(gpx->in_track ? "</trkseg></trk>\n</gpx>\n" : "</gpx>\n", x->out);
	return 0;
}

static void release(struct export *x)
{
	free(x->own);
}

const struct export_writer export_gpx = {"gpx", begin, put_mark, put_point, end, release};
