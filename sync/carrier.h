/* A carrier takes one envelope to the centre and brings the answer: over HTTPS now, whatever else later. Starting and
 * finishing are apart, so that the next batch can be made while the centre works on the last. */
#ifndef ALZY_SYNC_CARRIER_H
#define ALZY_SYNC_CARRIER_H

#include "hal/buffer.h"
#include "hal/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct carrier {
	/* Sends `bytes` (kept by the caller until finish) to `path` ("/v1/batches"). One exchange at a time. */
	int (*start)(struct carrier *carrier, const char *path, const void *bytes, size_t count, struct err *e);
	/* Waits for the answer and appends it to `out`. *out_retry_ms is what the centre asked to wait (0: nothing). It is
	 * set also on failure. ERR_NETWORK: not reached, cut off, or no alzy centre answered; ERR_CENTRE: it can't serve
	 * now (5xx); ERR_REFUSED: it refuses (4xx), with its reason; ERR_LIMIT: an answer larger than an envelope may be. */
	int (*finish)(struct carrier *carrier, struct buffer *out, int64_t *out_retry_ms, struct err *e);
	void (*close)(struct carrier *carrier); /* frees it */
	/* Of the last finish: the answer was a refusal that may well be of this envelope alone, and would be the same the next time
	 * (HTTP status 400, 403, 413 or 500, but for a version that is not known). Whether it is, the next exchange tells. */
	bool refused_this;
};

/* HTTPS by libcurl, with one connection kept alive. `url` as in the pairing link; ca_file "" means the system's
 * certificates; timeout_ms bounds one whole exchange. */
int carrier_https(struct carrier **out, const char *url, const char *ca_file, int64_t timeout_ms, struct err *e);

/* For a carrier made by carrier_https: once `fd` (borrowed; -1: none) is readable, an exchange under way is given up at
 * once with ERR_NETWORK. Nothing is lost by that: what was not receipted is sent again. */
void carrier_https_give_up_on(struct carrier *carrier, int fd);

#endif
