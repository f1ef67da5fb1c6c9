/* What the drivers behind gnss.h share: only hal/gnss*.c include this.
 *
 * Every source is a stream of gpsd's JSON reports, one a line, and one reader understands them: so the same report gives
 * the same fix whether it comes from gpsd or from a file. */
#ifndef ALZY_HAL_GNSS_DRIVER_H
#define ALZY_HAL_GNSS_DRIVER_H

#include "hal/gnss.h"

#include <stddef.h>

struct gnss_driver {
	const char *scheme; /* how its sources begin: "gpsd://" */
	bool can_wait;
	/* address: behind the scheme; silence_ms: as gnss_open */
	int (*open)(void **out_state, const char *address, int64_t silence_ms, struct err *e);
	/* As gnss_read; gnss_wait on wake_fd ends it early. */
	int (*read)(void *state, int wake_fd, int64_t timeout_ms, struct gnss_report *out, bool *out_got, struct err *e);
	void (*close)(void *state);
};

extern const struct gnss_driver gnss_gpsd, gnss_replay;

/* The monotonic time at which a timeout of gnss_read is over; INT64_MAX: never. */
int64_t gnss_deadline(int64_t timeout_ms);

enum gnss_wait { GNSS_WAIT_READABLE, GNSS_WAIT_TIMEOUT, GNSS_WAIT_WOKEN };

/* Waits until fd (or none: -1) is readable or closed, wake_fd is readable, or the monotonic clock reads deadline_ms. */
enum gnss_wait gnss_wait(int fd, int wake_fd, int64_t deadline_ms);

enum { GNSS_LINE_MAX = 65536 };

/* Bytes that come in pieces, cut into reports. Zero-initialised it is empty. */
struct gnss_lines {
	size_t start, end; /* the bytes that are still to be cut */
	size_t searched;   /* no line ends before this */
	bool skipping;     /* inside a line that was longer than GNSS_LINE_MAX: already reported as bad */
	int64_t read_ms;   /* when the newest bytes were read */
	char bytes[GNSS_LINE_MAX];
};

void gnss_lines_clear(struct gnss_lines *lines); /* forgets all, as for a new connection */

/* Where to read more bytes into, and how many fit (at least one, once gnss_lines_next has returned false). */
char *gnss_lines_room(struct gnss_lines *lines, size_t *out_room);
void gnss_lines_added(struct gnss_lines *lines, size_t count);

/* The next report; false when more bytes are needed. `at_end`: no more will come, so what is left is a whole line. */
bool gnss_lines_next(struct gnss_lines *lines, bool at_end, struct gnss_report *out);

/* Reads the first JSON value of text[0..length), which it may change, and says in *out_used how much that was (all,
 * when it is malformed). Returns whether it is a report: TPV, SKY, DEVICE, DEVICES, or malformed (GNSS_BAD); other
 * classes are none. */
bool gnss_json_report(char *text, size_t length, size_t *out_used, struct gnss_report *out);

#endif
