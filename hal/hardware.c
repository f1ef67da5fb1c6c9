#include "hal/hardware.h"

#include "hal/buffer.h"
#include "hal/file.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The first file of a source that has something in it counts. */
static const struct {
	const char *source, *path;
} places[] = {
	{"soc", "/proc/device-tree/serial-number"},         {"soc", "/sys/firmware/devicetree/base/serial-number"},
	{"product_uuid", "/sys/class/dmi/id/product_uuid"}, {"product_serial", "/sys/class/dmi/id/product_serial"},
	{"board_serial", "/sys/class/dmi/id/board_serial"},
};

/* What makers leave in the fields of a serial number, without spaces and signs, in lower case. */
static const char *const placeholders[] = {
	"defaultstring",
	"tobefilledbyoem",
	"tobefilledbyo",
	"none",
	"null",
	"notspecified",
	"notapplicable",
	"notavailable",
	"notdefined",
	"notset",
	"unknown",
	"unspecified",
	"undefined",
	"invalid",
	"empty",
	"oem",
	"serial",
	"serialnumber",
	"systemserialnumber",
	"boardserialnumber",
	"baseboardserialnumber",
	"mainboardserialnumber",
	"chassisserialnumber",
	"systemproductname",
	"assettag",
	/* A UUID that comes with a firmware kit, in both orders of bytes. */
	"03000200040005000006000700080009",
	"00020003000400050006000700080009",
};

/* Letters and digits alone, in lower case. */
static void squeeze(const char *text, size_t length, char *out, size_t size)
{
	size_t count = 0;
	for (size_t i = 0; i < length && text[i] && count + 1 < size; i++)
		if (isalnum((unsigned char)text[i]))
			out[count++] = (char)tolower((unsigned char)text[i]);
	out[count] = '\0';
}

/* "0123456789", "123456789012", "0123456789abcdef": whoever counts has no number. */
static bool counts_up(const char *text)
{
	static const char *const counts[] = {"0123456789abcdef0123456789abcdef", "01234567890123456789012345678901",
	                                     "12345678901234567890123456789012", "123456789abcdef0123456789abcdef0"};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		if (!strncmp(counts[i], text, strlen(text)))
			return true;
	return false;
}

static bool is_placeholder(const char *text)
{
	size_t length = strlen(text);
	/* All zeros, all f, all x. */
	if (length < 4 || strspn(text, (char[]){text[0], '\0'}) == length || counts_up(text))
		return true;
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++)
		if (!strcmp(text, placeholders[i]))
			return true;
	return false;
}

/* FNV-1a, 64 bits: enough to tell a fleet's machines apart, and short in the store. */
static void add_mark(struct hardware *hardware, const char *source, const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct hardware_mark *mark = &hardware->marks[hardware->count++];
	for (const char *c = text; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	mark->source = source;
	snprintf(mark->hash, sizeof mark->hash, "%016" PRIx64, hash);
}

static void look_at(const char *root, size_t place, struct hardware *out)
{
	enum { MOST = 4096 };
	char path[PATH_MAX], text[128];
	struct buffer bytes = {0};
	if (out->count && !strcmp(out->marks[out->count - 1].source, places[place].source))
		return;
	snprintf(path, sizeof path, "%s%s", root, places[place].path);
	if (!file_read(path, MOST, &bytes, NULL)) {
		squeeze((const char *)bytes.bytes, bytes.length, text, sizeof text);
		if (!is_placeholder(text))
			add_mark(out, places[place].source, text);
	}
	buffer_free(&bytes);
}

void hardware_look(const char *setting, const char *root, struct hardware *out)
{
	*out = (struct hardware){0};
	if (!strcmp(setting, "none"))
		return;
	if (strcmp(setting, "auto")) {
		add_mark(out, "name", setting);
		return;
	}
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		look_at(root, i, out);
}

int hardware_check(const char *setting, struct err *e)
{
	size_t length = strlen(setting);
	size_t good = strspn(setting, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
	if (!length || good < length || length > HARDWARE_NAME_MAX)
		return err_set(
			e, ERR_CONFIG,
			"\"%.80s\" is not allowed: write auto, none, or a name for this machine: letters, digits, \".\", "
			"\"_\" and \"-\", at most %d",
			setting, HARDWARE_NAME_MAX);
	return 0;
}
