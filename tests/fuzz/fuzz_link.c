/* Pairing links from outside. What is understood must be written as a link that means the same. */
#include "sync/pairing.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct err e;
	struct pairing_link link, again;
	char out[PAIRING_LINK_TEXT], *text = malloc(length + 1);
	memcpy(text, bytes, length);
	text[length] = '\0';
	memset(&link, 0, sizeof link);
	memset(&again, 0, sizeof again);
	/* A link of many characters that must be quoted can be too long to write, and that is all. */
	if (pairing_link_parse(text, &link, &e) == 0 &&
	    (pairing_link_format(&link, out, &e) ? e.code != ERR_LIMIT
	                                         : pairing_link_parse(out, &again, &e) || strcmp(link.url, again.url) != 0))
		abort();
	free(text);
	return 0;
}
