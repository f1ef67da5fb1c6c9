/* Writers of points, one a format. cli_export.c walks over the store and calls them; they know nothing of it.
 *
 *   begin, then each mark (for a writer that wants them apart), then each point, end; free in any case.
 *
 * Points come in order of seq. Memory stays flat, however many they are. Numbers are scaled integers and are written
 * as such: no locale can put a comma into them. */
#ifndef ALZY_AGENT_CLI_EXPORT_H
#define ALZY_AGENT_CLI_EXPORT_H

#include "hal/err.h"
#include "hal/rows.h"

#include <stdbool.h>
#include <stdio.h>

/* How a point follows the one before it. */
enum export_joint {
	EXPORT_TRACK,   /* it is the first one of its session's track */
	EXPORT_SEGMENT, /* of the same track, but not joined: after a gap, or a step back in time */
	EXPORT_JOINED,
};

/* A longer silence between two points is a gap. */
enum { EXPORT_GAP_MS = 5 * 60 * 1000 };

/* What a writer is handed. */
struct export
{
	FILE *out;
	const struct session *session; /* of the point at hand; NULL outside any session */
	void *own;                     /* the writer's: made in begin, freed in free */
};

struct export_writer {
	const char *format;
	int (*begin)(struct export *x, struct err *e);
	/* NULL: marks (points with source manual) are points like others. */
	int (*mark)(struct export *x, const struct point *mark, struct err *e);
	int (*point)(struct export *x, const struct point *point, enum export_joint joint, struct err *e);
	int (*end)(struct export *x, struct err *e);
	void (*free)(struct export *x); /* may be NULL */
};

extern const struct export_writer export_gpx, export_geojson, export_csv, export_svg;

/* How `next` follows `last` (NULL: it is the first). */
enum export_joint export_joint_of(const struct point *last, const struct point *next);

/* `text` with what means something to XML escaped, and what XML can't hold left out. */
void export_xml(FILE *out, const char *text);

#endif
