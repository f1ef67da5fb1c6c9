#include "hal/boot.h"

#include "hal/rows.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void read_name(char out[UUID_TEXT])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (!file)
		return;
	if (!fgets(out, UUID_TEXT, file) || strspn(out, "0123456789abcdef-") != UUID_TEXT - 1)
		out[0] = '\0';
	fclose(file);
}

static void make_name(char out[UUID_TEXT])
{
	uint16_t r[8] = {0};
	if (getrandom(r, sizeof r, 0) < 0)
		r[0] = UINT16_MAX;
	snprintf(out, UUID_TEXT, "%04x%04x-%04x-%04x-%04x-%04x%04x%04x", r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]);
}

const char *boot_id(void)
{
	static char name[UUID_TEXT];
	if (!name[0])
		read_name(name);
	if (!name[0])
		make_name(name);
	return name;
}
