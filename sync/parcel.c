#include "sync/parcel.h"

#include <stdlib.h>

void parcel_empty(struct parcel *parcel)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		parcel->sent[s].count = 0;
	free(parcel->sessions);
	parcel->sessions = NULL;
	parcel->session_count = 0;
	parcel->drops = false;
	parcel->envelope.length = 0;
	parcel->loaded = parcel->full = parcel->asks = parcel->retries = parcel->bare = false;
}

void parcel_free(struct parcel *parcel)
{
	parcel_empty(parcel);
	buffer_free(&parcel->envelope);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&parcel->sent[s]);
}
