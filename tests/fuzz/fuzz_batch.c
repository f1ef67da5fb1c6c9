/* Documents of batches from outside. What decodes must encode again, and be readable for people. */
#include "sync/batch.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct err e;
	struct batch batch;
	struct buffer document = {0};
	if (batch_decode(bytes, length, &batch, &e))
		return 0;
	char *text = batch_to_json(&batch);
	if (!text || (batch_encode(&batch, &document, &e) && e.code != ERR_LIMIT))
		abort();
	free(text);
	buffer_free(&document);
	batch_free(&batch);
	return 0;
}
