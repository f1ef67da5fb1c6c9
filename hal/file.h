/* Files, carefully: bounded reading, durable writing, and keys that nobody else may read. */
#ifndef ALZY_HAL_FILE_H
#define ALZY_HAL_FILE_H

#include "hal/buffer.h"
#include "hal/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads the whole of `path` behind what `out` holds. More than `most` bytes: ERR_LIMIT. Missing: ERR_NOT_FOUND;
 * otherwise ERR_PERMISSION or ERR_IO. */
int file_read(const char *path, size_t most, struct buffer *out, struct err *e);

/* Reads the text of a secret file; refused with ERR_PERMISSION, saying what to do, when group or others may read it. */
int file_read_secret(const char *path, size_t most, struct buffer *out, struct err *e);

/* Writes `path` so that after a power cut there is either the old content or the new one, whole: temporary
 * name in the same folder, fsync, rename, fsync of the folder. `mode` as of chmod. */
int file_write(const char *path, const void *bytes, size_t count, mode_t mode, struct err *e);

/* As file_write, but ERR_EXISTS when `path` is there already; nothing is overwritten, also when two try at once. */
int file_create(const char *path, const void *bytes, size_t count, mode_t mode, struct err *e);

/* A writer that is killed, or whose disk is pulled out, leaves the temporary file. file_part_of: whether `name` is that of one, and of
 * what (in `out`). file_remove_part removes one, unless somebody is writing it at this moment, or it can't be known. */
bool file_part_of(const char *name, char *out, size_t size);
void file_remove_part(const char *path);

/* Gives `from` the name `to`, in the same folder, so that a power cut does not undo it. What was at `to` is gone. */
int file_rename(const char *from, const char *to, struct err *e);

/* What root makes in the folder of another user is that user's: else the key that `sudo alzy pair` makes could not be
 * read by the daemon. Done by the two above; for whoever is not root, nothing happens. */
void file_give_away(int fd, const char *path);

enum { FILE_OWNER_TEXT = 64 };

/* Whether the folder of `path` belongs to a user that is neither this one nor root, and to whom: that user's daemons need what
 * lies there. False on a read-only file system, where whose it is makes no difference. */
bool file_is_for_another(const char *path, char out_owner[FILE_OWNER_TEXT]);

#endif
