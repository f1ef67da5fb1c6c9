/* A session that was changed on both sides while they were apart. The unit owns how it goes (start, pause, resume,
 * end), the centre who it was with what. Each field is merged for itself, by the centre's revision that the unit last
 * saw, so that the result is the same whichever side hears first: both sides ask the same function. */
#ifndef ALZY_HAL_MERGE_H
#define ALZY_HAL_MERGE_H

#include "hal/rows.h"

#include <stdbool.h>
#include <stdint.h>

enum session_field {
	SESSION_USER,
	SESSION_MACHINE,
	SESSION_APPLICATION,
	SESSION_STARTED,
	SESSION_STATUS, /* together with ended_at */
	SESSION_FIELD_COUNT,
};
/* "user_id", "machine_id", "application_id", "started_at", "status". */
const char *session_field_name(enum session_field field);

/* What the centre has changed in a session by itself. Its revisions only rise: they are times in ms, or one more than
 * the one before. */
struct session_edits {
	int64_t revision;                     /* of its last change; 0: it has changed nothing */
	int64_t changed[SESSION_FIELD_COUNT]; /* the revision at which each field was changed last; 0: never */
	struct session values;                /* its values; of use for fields that were changed */
};

/* Merges the unit's record with what the centre has. unit->centre_revision is the revision of the centre on which the
 * unit's record stands; centre->values.revision is the unit's revision that the centre holds. Fills *out (which may be
 * *unit) with the result, and returns which fields are the centre's, as bits 1 << SESSION_…:
 * - status: `ended` stays, whoever has set it. When the centre has changed it since: the unit's when the centre does not hold
 *   its last change, else the centre's. When it has not, the unit's; but of two ends the later, when the centre holds a
 *   revision of which the unit does not know (unit->held_revision) and the same start: it may be that of a copy of the unit. With
 *   another start the unit has corrected the times of a session that it had guessed.
 * - all others: the centre's when it has changed them since, else the unit's.
 * A session that would end before it starts ends when it starts. */
unsigned merge_session(const struct session *unit, const struct session_edits *centre, struct session *out);

/* The centre holds a revision of the session that is the unit's own or above it, and says something else: a copy of the unit's
 * store has told it, or the store was restored from an older copy of itself. Fills *out with what the unit says from now on:
 * what it said, but for an end that the centre holds, which stays; of two ends the later. out->revision is that of the
 * centre, when it holds just this, else one above. Of *held only status, times and revision are read. True when an end was
 * taken over. */
bool merge_copy(const struct session *unit, const struct session *held, struct session *out);

#endif
