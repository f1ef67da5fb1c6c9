/* Pairing: how a unit and a centre come to know each other's keys. The link carries the centre's address, its public
 * key and a one-time token; the unit answers it with an envelope of kind PAIRING, and gets one of kind PAIRED. */
#ifndef ALZY_SYNC_PAIRING_H
#define ALZY_SYNC_PAIRING_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "hal/rows.h"
#include "sync/keys.h"

#include <stddef.h>
#include <stdint.h>

enum { PAIRING_TOKEN = 16, PAIRING_LINK_TEXT = 512 };

/* alzy://pair?url=PERCENT-ENCODED&key=BASE64URL&token=BASE64URL */
struct pairing_link {
	char url[NAME_TEXT]; /* http:// or https://, host, optional port and path, without a slash at its end */
	uint8_t centre_key[KEY_PUBLIC];
	uint8_t token[PAIRING_TOKEN];
};

/* An address that a carrier can put a path behind: http:// or https:// and a host, maybe a port and a path; no query, no name and
 * password, nothing that needs quoting. Else ERR_INVALID. */
int pairing_check_url(const char *url, struct err *e);

/* ERR_LIMIT when the address is too long. */
int pairing_link_format(const struct pairing_link *link, char out[PAIRING_LINK_TEXT], struct err *e);
/* ERR_INVALID says which part is wrong; surrounding white space is ignored. */
int pairing_link_parse(const char *text, struct pairing_link *out, struct err *e);

/* devices.pairing_token_hash: BLAKE2b-256 of the token, hex. */
void pairing_token_hash(const uint8_t token[PAIRING_TOKEN], char out[KEY_HASH_TEXT]);

struct pairing_request {
	uint8_t sender[KEY_PUBLIC]; /* must be the envelope's sender */
	uint8_t token[PAIRING_TOKEN];
	char store_id[UUID_TEXT];
	char host_name[NAME_TEXT];
};
/* The document of an envelope of kind PAIRING, appended to `out`, and back. ERR_INVALID says what is wrong with it. */
int pairing_request_encode(const struct pairing_request *request, struct buffer *out, struct err *e);
int pairing_request_decode(const void *document, size_t length, struct pairing_request *out, struct err *e);

struct pairing_answer {
	uint8_t token[PAIRING_TOKEN]; /* which request it answers */
	int64_t device_id;
	char device_name[NAME_TEXT];
	int64_t centre_ms;
};
/* The same for one of kind PAIRED. */
int pairing_answer_encode(const struct pairing_answer *answer, struct buffer *out, struct err *e);
int pairing_answer_decode(const void *document, size_t length, struct pairing_answer *out, struct err *e);

#endif
