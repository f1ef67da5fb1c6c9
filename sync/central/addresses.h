/* Addresses of clients: whose they are when proxies stand in between. IPv4 is kept as mapped into IPv6. */
#ifndef ALZY_SYNC_CENTRAL_ADDRESSES_H
#define ALZY_SYNC_CENTRAL_ADDRESSES_H

#include "hal/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ADDRESS = 16, ADDRESSES_MAX = 32, ADDRESS_TEXT = 64 };

struct addresses {
	struct address_range {
		uint8_t first[ADDRESS];
		int bits;
	} ranges[ADDRESSES_MAX];
	size_t count;
};

/* "127.0.0.1, 10.0.0.0/8, fd00::/8"; "" is none. ERR_CONFIG says what is wrong. */
int addresses_parse(const char *text, struct addresses *out, struct err *e);
/* False when it is no address; a port behind it is passed over. */
bool address_parse(const char *text, size_t length, uint8_t out[ADDRESS]);

/* Who asks: `peer`, unless that is one of `trusted` and X-Forwarded-For (`forwarded`, may be NULL) names others: then
 * the last of them that is not trusted itself. What stands before that one anybody could have written. */
void address_of_client(const struct addresses *trusted, const uint8_t peer[ADDRESS], const char *forwarded,
                       uint8_t out[ADDRESS]);

bool address_is_v4(const uint8_t address[ADDRESS]);
bool addresses_contain(const struct addresses *list, const uint8_t address[ADDRESS]);

/* As people write it, IPv4 with dots. Returns out. */
const char *address_format(const uint8_t address[ADDRESS], char out[ADDRESS_TEXT]);

#endif
