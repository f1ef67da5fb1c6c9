#include "hal/lock.h"

#include "hal/clock.h"
#include "hal/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lock {
	int fd;
};

static struct flock whole_file(void)
{
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

static int name_holder(int fd, const char *path, struct err *e)
{
	struct flock held = whole_file();
	if (fcntl(fd, F_GETLK, &held) || held.l_type == F_UNLCK)
		return err_set(e, ERR_BUSY, "%s was held by another process a moment ago: try again", path);
	char comm_path[64], name[64] = "a process";
	snprintf(comm_path, sizeof comm_path, "/proc/%ld/comm", (long)held.l_pid);
	FILE *comm = fopen(comm_path, "re");
	if (comm) {
		if (fgets(name, sizeof name, comm))
			name[strcspn(name, "\n")] = '\0';
		fclose(comm);
	}
	return err_set(e, ERR_BUSY, "%s is held by %s with process id %ld", path, name, (long)held.l_pid);
}

int lock_take(struct lock **out, const char *path, int64_t wait_ms, struct err *e)
{
	struct lock *lock = malloc(sizeof *lock);
	if (!lock)
		return err_set(e, ERR_MEMORY, "out of memory for a lock");
	lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
	if (lock->fd < 0) {
		int rc = err_errno(e, errno == EACCES || errno == EROFS || errno == EPERM ? ERR_PERMISSION : ERR_IO,
		                   "can't open the lock file %s", path);
		free(lock);
		return rc;
	}
	/* Whoever is first makes it for all, whatever its umask; only the owner can, and only the owner need. */
	file_give_away(lock->fd, path);
	(void)!fchmod(lock->fd, 0660);
	int64_t deadline_ms = clock_mono_ms() + wait_ms;
	struct flock wanted = whole_file();
	/* POSIX locks have no wait with a time limit; the holder is a short task, so asking again is good enough. */
	while (fcntl(lock->fd, F_SETLK, &wanted)) {
		if (errno != EACCES && errno != EAGAIN && errno != EINTR) {
			int rc = err_errno(e, ERR_IO, "can't lock %s", path);
			lock_free(lock);
			return rc;
		}
		if (clock_mono_ms() >= deadline_ms) {
			int rc = name_holder(lock->fd, path, e);
			lock_free(lock);
			return rc;
		}
		clock_sleep_ms(20);
	}
	*out = lock;
	return 0;
}

void lock_free(struct lock *lock)
{
	if (!lock)
		return;
	close(lock->fd);
	free(lock);
}

pid_t lock_holder(const char *path)
{
	struct flock held = whole_file();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	bool is_held = !fcntl(fd, F_GETLK, &held) && held.l_type != F_UNLCK;
	close(fd);
	return is_held ? held.l_pid : 0;
}
