/* Configuration files that anybody may have written. What loads, written out again as `config show` does, must load as the
 * same. */
#include "hal/conf_unit.h"
#include "sync/central/conf_central.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

union conf {
	struct conf_unit unit;
	struct conf_central central;
};

static int load(const struct conf_table *table, const void *bytes, size_t length, union conf *out)
{
	struct err e;
	char path[32];
	int fd = memfd_create("conf", 0);
	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	memset(out, 0, sizeof *out);
	int rc = conf_load(table, path, out, &e);
	close(fd);
	return rc;
}

static void check(const struct conf_table *table, const uint8_t *bytes, size_t length)
{
	union conf loaded, again;
	char text[16384], value[CONF_TEXT_MAX];
	size_t used = 0;
	if (load(table, bytes, length, &loaded))
		return;
	for (size_t i = 0; i < table->count; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "[%s]\n%s = %s\n", table->keys[i].section,
		                         table->keys[i].name, conf_format(&table->keys[i], &loaded, value, sizeof value));
	if (used >= sizeof text || load(table, text, used, &again))
		abort();
	for (size_t i = 0; i < table->count; i++) {
		char other[CONF_TEXT_MAX];
		conf_format(&table->keys[i], &loaded, value, sizeof value);
		if (strcmp(value, conf_format(&table->keys[i], &again, other, sizeof other)) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	check(&conf_unit_table, bytes, length);
	check(&conf_central_table, bytes, length);
	return 0;
}
