/* One process at a time in a role ("the agent of this store"): a lock that the kernel frees when its holder dies,
 * however it dies. */
#ifndef ALZY_HAL_LOCK_H
#define ALZY_HAL_LOCK_H

#include "hal/err.h"

#include <stdint.h>
#include <sys/types.h>

struct lock; /* opaque; made by lock_take, freed by lock_free, which gives the lock up */

/* Takes the lock file `path` (made with mode 0660 when missing, by root as file_give_away), waiting up to wait_ms for
 * another holder. ERR_BUSY names the holder by program and process id; ERR_PERMISSION, ERR_IO. A process may hold a
 * path only once. */
int lock_take(struct lock **out, const char *path, int64_t wait_ms, struct err *e);
void lock_free(struct lock *lock);

/* The process that holds `path`; 0: none, or this user may not see it. Not for one that this process holds itself: that would be given up. */
pid_t lock_holder(const char *path);

#endif
