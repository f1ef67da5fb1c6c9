#include "hal/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static enum err_code code_of_errno(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_PERMISSION;
	default:
		return ERR_IO;
	}
}

static int read_open(int fd, const char *path, size_t most, struct buffer *out, struct err *e)
{
	size_t total = 0;
	for (;;) {
		int rc = buffer_reserve(out, 65536, e);
		if (rc)
			return rc;
		ssize_t n = read(fd, out->bytes + out->length, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_IO, "can't read %s", path);
		if (n == 0)
			return 0;
		total += (size_t)n;
		out->length += (size_t)n;
		if (total > most)
			return err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", path, most);
	}
}

static int read_path(const char *path, size_t most, bool secret, struct buffer *out, struct err *e)
{
	/* To open a pipe would wait for somebody to write. A configuration may be one, as in --config <(…); a secret may not. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (secret ? O_NONBLOCK : 0));
	if (fd < 0)
		return err_errno(e, code_of_errno(), "can't open %s", path);
	struct stat info;
	int rc = 0;
	if (fstat(fd, &info))
		rc = err_errno(e, ERR_IO, "can't look at %s", path);
	else if (S_ISDIR(info.st_mode))
		rc = err_set(e, ERR_INVALID, "%s is a folder, not a file", path);
	else if (secret && !S_ISREG(info.st_mode))
		rc = err_set(e, ERR_INVALID, "%s is no plain file", path);
	else if (secret && (info.st_mode & (S_IRWXG | S_IRWXO)))
		rc =
			err_set(e, ERR_PERMISSION, "%s is a secret, but others than its owner may use it (mode %04o): chmod 600 %s",
		            path, (unsigned)(info.st_mode & 07777), path);
	else
		rc = read_open(fd, path, most, out, e);
	close(fd);
	return rc;
}

int file_read(const char *path, size_t most, struct buffer *out, struct err *e)
{
	return read_path(path, most, false, out, e);
}

int file_read_secret(const char *path, size_t most, struct buffer *out, struct err *e)
{
	return read_path(path, most, true, out, e);
}

static int write_all(int fd, const char *path, const uint8_t *bytes, size_t count, struct err *e)
{
	while (count) {
		ssize_t n = write(fd, bytes, count);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_IO, "can't write %s", path);
		bytes += n;
		count -= (size_t)n;
	}
	return 0;
}

static void folder_of(const char *path, char folder[PATH_MAX])
{
	snprintf(folder, PATH_MAX, "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	else
		strcpy(folder, ".");
}

void file_give_away(int fd, const char *path)
{
	char folder[PATH_MAX];
	struct stat info;
	if (geteuid())
		return;
	folder_of(path, folder);
	/* Fails where files have no owners, and there nothing is to be done. */
	if (!stat(folder, &info))
		(void)!fchown(fd, info.st_uid, info.st_gid);
}

bool file_is_for_another(const char *path, char out_owner[FILE_OWNER_TEXT])
{
	char folder[PATH_MAX];
	struct stat info;
	struct statvfs disk;
	folder_of(path, folder);
	if (stat(folder, &info) || !info.st_uid || info.st_uid == geteuid())
		return false;
	if (!statvfs(folder, &disk) && (disk.f_flag & ST_RDONLY))
		return false;
	const struct passwd *owner = getpwuid(info.st_uid);
	if (owner)
		snprintf(out_owner, FILE_OWNER_TEXT, "%s", owner->pw_name);
	else
		snprintf(out_owner, FILE_OWNER_TEXT, "#%u", (unsigned)info.st_uid); /* as sudo -u takes it */
	return true;
}

/* Without this a rename can be undone by a power cut. */
static int sync_folder_of(const char *path, struct err *e)
{
	char folder[PATH_MAX];
	folder_of(path, folder);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, code_of_errno(), "can't open the folder %s", folder);
	int rc = fsync(fd) ? err_errno(e, ERR_IO, "can't sync the folder %s", folder) : 0;
	close(fd);
	return rc;
}

/* A word that nobody chooses for a copy, and a lock while it is written: so what a killed writer has left is known. */
#define PART ".part-"
enum { RANDOM_TEXT = 6 };

static int open_part(const char *path, char out[PATH_MAX], struct err *e)
{
	if ((size_t)snprintf(out, PATH_MAX, "%s" PART "XXXXXX", path) >= PATH_MAX)
		return err_set(e, ERR_LIMIT, "the path %s is too long", path);
	int fd = mkostemp(out, O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, code_of_errno(), "can't make a file beside %s", path);
	/* Where files can't be locked, what is left stays. */
	(void)!flock(fd, LOCK_EX | LOCK_NB);
	return fd;
}

bool file_part_of(const char *name, char *out, size_t size)
{
	size_t length = strlen(name), tail = strlen(PART) + RANDOM_TEXT;
	if (length <= tail || length - tail >= size || memcmp(name + length - tail, PART, strlen(PART)) != 0)
		return false;
	memcpy(out, name, length - tail);
	out[length - tail] = '\0';
	return true;
}

void file_remove_part(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		unlink(path);
	close(fd);
}

static int write_path(const char *path, const void *bytes, size_t count, mode_t mode, bool replace, struct err *e)
{
	char temporary[PATH_MAX];
	int fd = open_part(path, temporary, e);
	if (fd < 0)
		return fd;
	int rc = write_all(fd, path, bytes, count, e);
	file_give_away(fd, path);
	/* Where files have no owner of their own (the FAT of a stick) nobody but root may change the mode. */
	bool owned = !fchmod(fd, mode) || (errno == EPERM && (mode & (S_IRWXG | S_IRWXO)));
	if (!rc && (!owned || fsync(fd)))
		rc = err_errno(e, ERR_IO, "can't sync %s", path);
	close(fd);
	if (!rc && replace && rename(temporary, path))
		rc = err_errno(e, code_of_errno(), "can't replace %s", path);
	/* link() fails where a name exists, in one step, which rename() does not. */
	if (!rc && !replace && link(temporary, path))
		rc = err_errno(e, errno == EEXIST ? ERR_EXISTS : code_of_errno(), "can't make %s", path);
	if (rc || !replace)
		unlink(temporary);
	return rc ? rc : sync_folder_of(path, e);
}

int file_write(const char *path, const void *bytes, size_t count, mode_t mode, struct err *e)
{
	return write_path(path, bytes, count, mode, true, e);
}

int file_create(const char *path, const void *bytes, size_t count, mode_t mode, struct err *e)
{
	return write_path(path, bytes, count, mode, false, e);
}

int file_rename(const char *from, const char *to, struct err *e)
{
	if (rename(from, to))
		return err_errno(e, code_of_errno(), "can't put %s in place of %s", from, to);
	return sync_folder_of(to, e);
}
