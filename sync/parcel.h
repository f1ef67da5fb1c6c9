/* A batch that is sealed: all that must be remembered of it until its receipt is there. */
#ifndef ALZY_SYNC_PARCEL_H
#define ALZY_SYNC_PARCEL_H

#include "hal/buffer.h"
#include "hal/ranges.h"
#include "hal/rows.h"
#include "sync/envelope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised it is empty; parcel_free. */
struct parcel {
	char store_id[UUID_TEXT]; /* whose seqs these are */
	bool loaded;              /* there is something to send */
	bool full;                /* … and not all that was unsent found room */
	bool retries;             /* … some of which the centre has rejected before */
	bool bare;                /* … with no session but those that its rows are of */
	bool asks;                /* … without rows: it asks the centre what it holds, and how this unit stands */
	int64_t exchange;
	struct buffer envelope;
	uint8_t digest[ENVELOPE_DIGEST];
	struct ranges sent[STREAM_COUNT];
	struct parcel_session {
		char session_id[UUID_TEXT];
		int64_t revision;
	} * sessions; /* those that were unsent, not those that rows only refer to */
	size_t session_count;
	bool drops; /* there are some in it */
};
void parcel_empty(struct parcel *parcel); /* keeps its memory for the next one */
void parcel_free(struct parcel *parcel);

#endif
