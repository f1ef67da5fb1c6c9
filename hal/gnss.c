#include "hal/gnss.h"

#include "hal/clock.h"
#include "hal/gnss_driver.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct gnss {
	const struct gnss_driver *driver;
	void *state;
	int wake_fd;
};

static const struct gnss_driver *const drivers[] = {&gnss_gpsd, &gnss_replay};

const char *gnss_silence_name(enum gnss_silence silence)
{
	static const char *const names[] = {[GNSS_HEARD] = "",
	                                    [GNSS_SILENT_GPSD] = "gpsd",
	                                    [GNSS_SILENT_NONE] = "no_receiver",
	                                    [GNSS_SILENT_RECEIVER] = "receiver",
	                                    [GNSS_SILENT_STUCK] = "stuck",
	                                    [GNSS_SILENT_NO_TIME] = "no_time"};
	return names[silence];
}

static const struct gnss_driver *driver_of(const char *source)
{
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
		if (!strncmp(source, drivers[i]->scheme, strlen(drivers[i]->scheme)))
			return drivers[i];
	return NULL;
}

int gnss_open(struct gnss **out, const char *source, int64_t silence_ms, struct err *e)
{
	const struct gnss_driver *driver = driver_of(source);
	if (!driver)
		return err_set(e, ERR_GNSS, "\"%s\" is no source of fixes: write gpsd://HOST:PORT or replay:FILE", source);
	struct gnss *gnss = calloc(1, sizeof *gnss);
	if (!gnss)
		return err_set(e, ERR_MEMORY, "out of memory for a source of fixes");
	gnss->driver = driver;
	gnss->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = gnss->wake_fd < 0 ? err_errno(e, ERR_INTERNAL, "can't make an eventfd") : 0;
	if (!rc)
		rc = driver->open(&gnss->state, source + strlen(driver->scheme), silence_ms, e);
	if (rc) {
		gnss_close(gnss);
		return rc;
	}
	*out = gnss;
	return 0;
}

int gnss_read(struct gnss *gnss, int64_t timeout_ms, struct gnss_report *out, bool *out_got, struct err *e)
{
	return gnss->driver->read(gnss->state, gnss->wake_fd, timeout_ms, out, out_got, e);
}

void gnss_wake(struct gnss *gnss)
{
	/* Fails only when the counter is at its end, and then it is readable already. */
	(void)!write(gnss->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
}

bool gnss_can_wait(const struct gnss *gnss)
{
	return gnss->driver->can_wait;
}

void gnss_close(struct gnss *gnss)
{
	if (!gnss)
		return;
	if (gnss->state)
		gnss->driver->close(gnss->state);
	if (gnss->wake_fd >= 0)
		close(gnss->wake_fd);
	free(gnss);
}

int64_t gnss_deadline(int64_t timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
}

enum gnss_wait gnss_wait(int fd, int wake_fd, int64_t deadline_ms)
{
	struct pollfd fds[] = {{.fd = wake_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	bool for_ever = deadline_ms == INT64_MAX;
	for (;;) {
		int64_t left_ms = for_ever ? -1 : deadline_ms - clock_mono_ms();
		if (!for_ever)
			left_ms = left_ms < 0 ? 0 : left_ms > 3600000 ? 3600000 : left_ms;
		int ready = poll(fds, 2, (int)left_ms);
		uint64_t wakes;
		if (ready > 0 && fds[0].revents)
			return read(wake_fd, &wakes, sizeof wakes) > 0 ? GNSS_WAIT_WOKEN : GNSS_WAIT_TIMEOUT;
		if (ready > 0)
			return GNSS_WAIT_READABLE;
		if (!for_ever && clock_mono_ms() >= deadline_ms)
			return GNSS_WAIT_TIMEOUT;
	}
}
