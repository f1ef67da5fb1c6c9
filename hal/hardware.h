/* On which machine this is, by what its maker wrote into it: so that a store notices that it was copied, or its card put
 * into another unit. Not by the machine-id, which is copied along with the card. */
#ifndef ALZY_HAL_HARDWARE_H
#define ALZY_HAL_HARDWARE_H

#include "hal/err.h"

#include <stddef.h>

enum {
	HARDWARE_MARKS_MAX = 4,
	HARDWARE_HASH_TEXT = 17, /* 16 hexadecimal digits and a NUL */
	HARDWARE_NAME_MAX = 64,
};

/* One thing that tells this machine from others. Serial numbers stay where they are: only hashes go into a store. */
struct hardware_mark {
	const char *source; /* "soc", "product_uuid", "product_serial", "board_serial", "name" */
	char hash[HARDWARE_HASH_TEXT];
};

/* Without a mark nothing is known of the machine, and so nothing can be said. */
struct hardware {
	struct hardware_mark marks[HARDWARE_MARKS_MAX];
	size_t count;
};

/* By the setting [store] hardware: "auto" looks at the machine, "none" does not look, anything else is what people call
 * this machine. Files are looked for under `root`: "" is the real one. What may not be read by this user (DMI shows
 * serials to root alone), and what a maker left as it came ("Default string"), is no mark. */
void hardware_look(const char *setting, const char *root, struct hardware *out);

/* "auto", "none", or a name of a-z, A-Z, 0-9, ".", "_" and "-". ERR_CONFIG. */
int hardware_check(const char *setting, struct err *e);

#endif
