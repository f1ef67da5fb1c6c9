#include "hal/folder.h"

#include "hal/list.h"
#include "hal/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

void folder_free(struct folder *folder)
{
	for (size_t i = 0; i < folder->count; i++)
		free(folder->names[i]);
	free(folder->names);
	*folder = (struct folder){0};
}

bool folder_ends_in(const char *name, const char *suffix)
{
	size_t length = strlen(name), wanted = strlen(suffix);
	return length > wanted && !strcasecmp(name + length - wanted, suffix);
}

static int add(struct folder *folder, size_t *room, const char *name, struct err *e)
{
	int rc = list_grow(&folder->names, folder->count, room, sizeof *folder->names, "names in a folder", e);
	if (rc)
		return rc;
	folder->names[folder->count] = strdup(name);
	if (!folder->names[folder->count])
		return err_set(e, ERR_MEMORY, "out of memory for the names in a folder");
	folder->count++;
	return 0;
}

static int read_names(DIR *directory, const char *path, const char *suffix, size_t most, struct folder *out,
                      struct err *e)
{
	size_t room = 0;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(directory);
		if (!entry)
			return errno ? err_errno(e, ERR_IO, "can't read the folder %s", path) : 0;
		struct stat info;
		if (entry->d_name[0] == '.' || !folder_ends_in(entry->d_name, suffix) ||
		    fstatat(dirfd(directory), entry->d_name, &info, 0) || !S_ISREG(info.st_mode))
			continue;
		if (out->count == most)
			return err_set(e, ERR_LIMIT, "%s has more than %zu files *%s", path, most, suffix);
		int rc = add(out, &room, entry->d_name, e);
		if (rc)
			return rc;
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int folder_list(struct folder *out, const char *path, const char *suffix, size_t most, struct err *e)
{
	struct folder found = {0};
	DIR *directory = opendir(path);
	if (!directory) {
		enum err_code code = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND
		                     : errno == EACCES                   ? ERR_PERMISSION
		                                                         : ERR_IO;
		return err_errno(e, code, "can't open the folder %s", path);
	}
	int rc = read_names(directory, path, suffix, most, &found, e);
	closedir(directory);
	if (rc) {
		folder_free(&found);
		return rc;
	}
	if (found.count)
		qsort(found.names, found.count, sizeof *found.names, compare);
	*out = found;
	return 0;
}

int folder_path(const char *folder, const char *name, char *out, size_t size, struct err *e)
{
	int length = snprintf(out, size, "%s/%s", folder, name);
	return length > 0 && (size_t)length < size ? 0 : err_set(e, ERR_LIMIT, "the path %s/%s is too long", folder, name);
}

const char *folder_base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

const char *folder_shown(const char *name, char *out, size_t size)
{
	return utf8_line(name, '?', out, size);
}
