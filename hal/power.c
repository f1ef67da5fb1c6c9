/* GPIO by the kernel's own interface, version 2 (<linux/gpio.h>, Linux 5.10): it is the same on every Debian, while libgpiod
 * has two that exclude each other, 1.6 on bookworm and 2.x on trixie. */
#include "hal/power.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { PATH_TEXT = 256, LINE_MAX_OFFSET = 65535 };

struct power_input {
	bool inverted;
	bool is_gpio;
	char path[PATH_TEXT]; /* of the file, or of the chip */
	uint32_t line;        /* of the chip */
	int fd;               /* of the line once it was asked for; -1 */
};

/* What a file may say: `online` of a power supply, `status` of a battery, or what a script writes. */
static const struct {
	const char *word;
	bool on;
} words[] = {
	{"1", true},        {"0", false},           {"on", true},   {"off", false},
	{"charging", true}, {"discharging", false}, {"full", true}, {"not charging", true},
};

/* ---- how an input is written ---------------------------------------------------------------------------------- */

static bool parse_gpio(const char *text, struct power_input *out)
{
	const char *slash = strrchr(text, '/'), *digits = slash ? slash + 1 : "";
	size_t count = strspn(digits, "0123456789"), name = slash ? (size_t)(slash - text) : 0;
	if (!name || !count || count > 5 || digits[count] || name + sizeof "/dev/" > sizeof out->path)
		return false;
	out->is_gpio = true;
	out->line = (uint32_t)strtoul(digits, NULL, 10);
	snprintf(out->path, sizeof out->path, "%s%.*s", text[0] == '/' ? "" : "/dev/", (int)name, text);
	return out->line <= LINE_MAX_OFFSET;
}

static bool parse_file(const char *text, struct power_input *out)
{
	if (text[0] != '/' || strlen(text) >= sizeof out->path)
		return false;
	strcpy(out->path, text);
	return true;
}

static bool parse(const char *spec, struct power_input *out)
{
	*out = (struct power_input){.fd = -1, .inverted = *spec == '!'};
	spec += out->inverted;
	if (!strncmp(spec, "gpio:", 5))
		return parse_gpio(spec + 5, out);
	return !strncmp(spec, "file:", 5) && parse_file(spec + 5, out);
}

int power_check(const char *spec, struct err *e)
{
	struct power_input input;
	if (!strcmp(spec, "none") || parse(spec, &input))
		return 0;
	return err_set(e, ERR_CONFIG,
	               "\"%s\" is not allowed: write none, gpio:CHIP/LINE or file:/PATH, with a ! in front to invert it",
	               spec);
}

int power_open(struct power_input **out, const char *spec, struct err *e)
{
	struct power_input *input = NULL;
	int rc = power_check(spec, e);
	if (!rc && strcmp(spec, "none")) {
		input = malloc(sizeof *input);
		if (!input)
			return err_set(e, ERR_MEMORY, "out of memory for the input %s", spec);
		parse(spec, input);
	}
	if (!rc)
		*out = input;
	return rc;
}

/* ---- reading it ----------------------------------------------------------------------------------------------- */

static enum err_code code_of(int number)
{
	switch (number) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_PERMISSION;
	case EBUSY:
		return ERR_BUSY;
	default:
		return ERR_IO;
	}
}

static int read_file(const struct power_input *input, bool *out_on, struct err *e)
{
	char text[64];
	int fd = open(input->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t count = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	int number = errno;
	if (fd >= 0)
		close(fd);
	errno = number;
	if (count < 0)
		return err_errno(e, code_of(errno), "can't read %s", input->path);
	text[count] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcasecmp(text, words[i].word)) {
			*out_on = words[i].on;
			return 0;
		}
	return err_set(e, ERR_INVALID, "%s says \"%.32s\", which is neither on nor off", input->path, text);
}

/* Asks the chip for the line, so that its edges can be waited for. */
static int open_line(struct power_input *input, struct err *e)
{
	struct gpio_v2_line_request request = {
		.offsets = {input->line},
		.num_lines = 1,
		.consumer = "alzy",
		.config.flags = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING,
	};
	int chip = open(input->path, O_RDONLY | O_CLOEXEC);
	if (chip < 0)
		return err_errno(e, code_of(errno), "can't open %s", input->path);
	int rc = ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request), number = errno;
	close(chip);
	errno = number;
	if (rc < 0)
		return err_errno(e, code_of(errno), "can't have line %u of %s as an input", input->line, input->path);
	input->fd = request.fd;
	fcntl(input->fd, F_SETFD, FD_CLOEXEC);
	fcntl(input->fd, F_SETFL, O_NONBLOCK);
	return 0;
}

/* The edges only wake; what counts is the level after the last of them. */
static int read_line(struct power_input *input, bool *out_on, struct err *e)
{
	struct gpio_v2_line_event events[16];
	struct gpio_v2_line_values values = {.mask = 1};
	int rc = input->fd < 0 ? open_line(input, e) : 0;
	if (rc)
		return rc;
	ssize_t count;
	do
		count = read(input->fd, events, sizeof events);
	while (count == sizeof events || (count < 0 && errno == EINTR));
	/* A chip that was taken away says so to either; it is asked for anew the next time. */
	if ((count < 0 && errno != EAGAIN) || ioctl(input->fd, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) < 0) {
		rc = err_errno(e, code_of(errno), "can't read line %u of %s", input->line, input->path);
		close(input->fd);
		input->fd = -1;
		return rc;
	}
	*out_on = values.bits & 1;
	return 0;
}

int power_read(struct power_input *input, bool *out_on, struct err *e)
{
	bool on;
	int rc = input->is_gpio ? read_line(input, &on, e) : read_file(input, &on, e);
	if (!rc)
		*out_on = on != input->inverted;
	return rc;
}

int power_fd(const struct power_input *input)
{
	return input->fd;
}

void power_close(struct power_input *input)
{
	if (!input)
		return;
	if (input->fd >= 0)
		close(input->fd);
	free(input);
}
