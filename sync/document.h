/* What the JSON of all documents has in common: bounded reading of what others have written, and writing in which nothing
 * gets lost. Their members: members.h. */
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

cJSON *document_add_item(cJSON *array); /* a new object at the end; NULL without memory */

bool document_is_uuid(const char *text); /* in lower case, as 36 characters */

#endif
