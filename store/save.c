/* A copy of the store, as it is for this connection: also when the file has no name any more. */
#include "hal/file.h"
#include "store/internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int sync_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? err_errno(e, ERR_IO, "can't sync %s", path) : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

int store_save(struct store *store, const char *path, struct err *e)
{
	char part[PATH_MAX];
	struct query q;
	if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
		return err_set(e, ERR_LIMIT, "the path %s is too long", path);
	unlink(part); /* of one that was killed */
	query_start(&q, store, "VACUUM INTO ?");
	query_text(&q, part);
	int rc = query_run(&q, e);
	if (!rc)
		rc = sync_file(part, e);
	if (!rc)
		rc = file_rename(part, path, e);
	if (rc)
		unlink(part);
	return rc;
}
