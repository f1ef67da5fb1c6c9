#include "store/internal.h"

#include <stdio.h>
#include <sys/random.h>

int uuid_make(char out[UUID_TEXT], struct err *e)
{
	uint8_t b[16];
	if (getrandom(b, sizeof b, 0) != sizeof b)
		return err_errno(e, ERR_IO, "can't get random bytes");
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(out, UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
	         b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return 0;
}
