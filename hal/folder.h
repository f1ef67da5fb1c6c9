/* What lies in a folder that somebody else may have filled: a USB stick. */
#ifndef ALZY_HAL_FOLDER_H
#define ALZY_HAL_FOLDER_H

#include "hal/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialised it is empty; owns `names`: folder_free. */
struct folder {
	char **names;
	size_t count;
};

/* Whether there is something before `suffix` at the end of `name`. Capitals count as small letters: what has gone through an old FAT
 * may come back in capitals. */
bool folder_ends_in(const char *name, const char *suffix);

/* The names of the files of `path` that end in `suffix`, in the order of their bytes. Folders are not gone into; what
 * is no file (a pipe would be waited for), and what begins with a dot (some systems put a "._NAME" beside each NAME),
 * is passed over. ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO; ERR_LIMIT for more than `most` such files. */
int folder_list(struct folder *out, const char *path, const char *suffix, size_t most, struct err *e);
void folder_free(struct folder *folder);

/* "FOLDER/NAME" into out. ERR_LIMIT when it is too long. */
int folder_path(const char *folder, const char *name, char *out, size_t size, struct err *e);

/* The name behind the last '/' of `path`. */
const char *folder_base(const char *path);

/* `name` as it may be shown on a terminal and in JSON: what is no UTF-8, or a control character, is a '?'. Cut off where
 * `out`, which may be `name` itself, is full. */
const char *folder_shown(const char *name, char *out, size_t size);

#endif
