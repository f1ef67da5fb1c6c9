/* What the JSON of all documents has in common: bounded reading of what others have written, writing in which nothing
 * gets lost, and members that may be absent. */
#ifndef ALZY_SYNC_DOCUMENT_H
#define ALZY_SYNC_DOCUMENT_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "hal/json.h"
#include "hal/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DOCUMENT_VALUES_MAX = 250000, /* cJSON takes some 100 bytes for each, however short it is written */
	DOCUMENT_DEPTH_MAX = 8,
};

/* cJSON writes 15 digits exactly, and not always more. */
#define DOCUMENT_INT_MAX INT64_C(999999999999999)

/* Reads one JSON object from outside. Before memory is taken for it: the number of values and the depth are bounded,
 * all of it is UTF-8, and no text has a NUL or a control character in it. ERR_INVALID, ERR_LIMIT. The caller frees it
 * with cJSON_Delete. */
int document_read(const char *text, size_t length, cJSON **out, struct err *e);

/* Appends `object` as one line to `out`. Bytes that are no UTF-8 are written as '?', so that what is written can be
 * read. `complete` is what the adding of members has returned: false is ERR_MEMORY. */
int document_write(const cJSON *object, bool complete, struct buffer *out, struct err *e);

/* Adding members. What is "" or equal to `fallback` is left out. False without memory. */
bool document_add_int(cJSON *object, const char *name, int64_t value);
bool document_add_int_unless(cJSON *object, const char *name, int64_t value, int64_t fallback);
bool document_add_text_unless_empty(cJSON *object, const char *name, const char *text);
cJSON *document_add_item(cJSON *array); /* a new object at the end; NULL without memory */

bool document_add_stretch(cJSON *object, const struct stretch *stretch); /* to NULL is no memory */

/* Reading members that may be absent. */
int document_get_int_or(const cJSON *object, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *out,
                        struct err *e);
int document_get_text_or_empty(const cJSON *object, const char *name, char *out, size_t size, struct err *e);
int document_get_ranges_or_none(const cJSON *object, const char *name, struct ranges *out, struct err *e);
/* An absent array has no items. *out_count is bounded by `most`: ERR_LIMIT. */
int document_get_items(const cJSON *object, const char *name, size_t most, const cJSON **out, size_t *out_count,
                       struct err *e);

/* "first", from first_min on, "last", at most `most` rows in all, "digest", and "at_ms", which may be absent. */
int document_get_stretch(const cJSON *object, int64_t first_min, int64_t most, struct stretch *out, struct err *e);

/* "status" of a session, and "ended_at_ms", which belongs to one that is ended. */
int document_get_status(const cJSON *object, enum session_status *out, int64_t *out_ended_ms, struct err *e);

/* A UUID in lower case, as 36 characters. */
int document_get_uuid(const cJSON *object, const char *name, char *out, struct err *e);
bool document_is_uuid(const char *text);

#endif
