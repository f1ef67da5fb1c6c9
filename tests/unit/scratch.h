/* A folder of its own for a test program, and in it the one file that the program is about; a group sets it up and removes it.
 * What is left in the folder besides makes the removal fail. */
#ifndef ALZY_TESTS_SCRATCH_H
#define ALZY_TESTS_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/alzy-test-XXXXXX";
static char path[64];

static inline int make_folder(const char *file)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/%s", folder, file);
	return 0;
}

/* The file, and what SQLite puts beside it when it is a store. */
static inline void remove_file(void)
{
	static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
	char name[96];
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		snprintf(name, sizeof name, "%s%s", path, tails[i]);
		unlink(name);
	}
}

static inline int remove_folder(void **state)
{
	(void)state;
	remove_file();
	return rmdir(folder);
}

#endif
