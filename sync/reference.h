/* Reference data on its way: the member `reference` of a receipt, and the digest by which both sides know whether they
 * have the same. docs/protocol.md. */
#ifndef ALZY_SYNC_REFERENCE_H
#define ALZY_SYNC_REFERENCE_H

#include "hal/err.h"
#include "hal/reference.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* What reference data may take in a receipt: the rest of that needs room, too. */
enum { REFERENCE_BYTES_MAX = 400 * 1024 };

/* Adds what there is to `object`. False without memory. */
bool reference_add(cJSON *object, const struct reference *reference);

/* Reads it, with every count and value checked, the order, and that what is referred to is there. ERR_INVALID,
 * ERR_LIMIT. reference_free it. */
int reference_get(const cJSON *object, struct reference *out, struct err *e);

/* The same from text. */
int reference_read(const char *text, struct reference *out, struct err *e);

/* The beginning of it: every batch carries it, and it only has to tell an old state from a new one. */
void reference_digest(const struct reference *reference, uint8_t out[REFERENCE_DIGEST]);

#endif
