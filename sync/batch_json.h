/* The JSON of a batch: everything but the points themselves. Between the files of batch.h. */
#ifndef ALZY_SYNC_BATCH_JSON_H
#define ALZY_SYNC_BATCH_JSON_H

#include "hal/err.h"
#include "sync/batch.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* False without memory; the caller deletes *out in any case. */
bool batch_json_make(const struct batch *batch, cJSON **out);

/* Every member is checked for itself; what they must be together is not. batch_free *out also after a failure. */
int batch_json_get(const cJSON *root, struct batch *out, struct err *e);

#endif
