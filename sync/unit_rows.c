#include "sync/unit_rows.h"

#include <stdlib.h>
#include <string.h>

static int name_session(struct unit_rows *unit, struct verify_rows *rows, struct point *point, struct err *e)
{
	if (!point->session)
		return 0;
	if (point->session != unit->session) {
		struct session session;
		int rc = store_session_by_id(unit->store, point->session, &session, e);
		if (rc)
			return rc;
		unit->session = point->session;
		memcpy(unit->session_id, session.session_id, sizeof unit->session_id);
	}
	return verify_rows_session(rows, unit->session_id, &point->session, e);
}

static int read_rows(struct verify_source *source, int64_t first, int64_t last, struct verify_rows *out, struct err *e)
{
	struct unit_rows *unit = (struct unit_rows *)source;
	struct ranges all = {0}, wanted = {0};
	size_t most = (size_t)(last - first + 1);
	int rc = ranges_add(&all, first, last, e);
	if (!rc)
		rc = ranges_subtract(&wanted, &all, &unit->without, e);
	if (source->stream == STREAM_POINTS)
		out->points = calloc(most, sizeof *out->points);
	else
		out->events = calloc(most, sizeof *out->events);
	if (!rc && !out->points && !out->events)
		rc = err_set(e, ERR_MEMORY, "out of memory for %zu rows", most);
	if (!rc && out->points)
		rc = identity_read_points(unit->store, unit->identity, &wanted, out->points, most, &out->count, e);
	else if (!rc)
		rc = identity_read_events(unit->store, unit->identity, &wanted, out->events, most, &out->count, e);
	for (size_t i = 0; i < out->count && out->points && !rc; i++)
		rc = name_session(unit, out, &out->points[i], e);
	ranges_free(&all);
	ranges_free(&wanted);
	return rc;
}

struct unit_rows unit_rows(struct store *store, const struct identity *identity, enum stream stream)
{
	return (struct unit_rows){.source = {stream, read_rows}, .store = store, .identity = identity};
}
