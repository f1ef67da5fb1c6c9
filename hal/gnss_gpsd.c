/* gpsd, by libgps: the only file that includes gps.h.
 *
 * libgps connects, subscribes and closes. The lines are cut and read here, as those of a replay are, because gps_read
 * can't tell a half-filled report from a whole one, a line too long from gpsd's death, or two reports in one line. */
#include "hal/clock.h"
#include "hal/gnss_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <gps.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	RETRY_FIRST_MS = 250,
	RETRY_MOST_MS = 4000,
	GREETING_MS = 3000, /* gpsd tells its receivers at once when it is asked to */
	SILENCE_DOUBLED_MOST = 5,
};

struct gpsd {
	char host[256], port[8];
	struct gps_data_t data;
	bool connected; /* data holds an open connection */
	bool there;     /* gpsd has said something on it */
	bool told_gone, told_back;
	int64_t next_try_ms, retry_ms, connected_ms;

	int64_t silence_ms;             /* so long may receivers say nothing … */
	int silences;                   /* … and that many times doubled, after as many silences */
	int64_t heard_ms;               /* a receiver, or when the last silence was told */
	bool asked;                     /* gpsd has not told its receivers on this connection yet */
	bool doubted;                   /* this connection was made because of silence */
	enum gnss_silence told_silence; /* GNSS_HEARD: none */
	struct gnss_lines lines;
};

static int gpsd_open(void **out_state, const char *address, int64_t silence_ms, struct err *e)
{
	const char *colon = strrchr(address, ':');
	size_t host = colon ? (size_t)(colon - address) : 0;
	bool bracketed = host >= 2 && address[0] == '[' && address[host - 1] == ']'; /* [::1] */
	struct gpsd *gpsd = calloc(1, sizeof *gpsd);
	if (!gpsd)
		return err_set(e, ERR_MEMORY, "out of memory for gpsd");
	if (!host || host >= sizeof gpsd->host || !colon[1] || strlen(colon + 1) >= sizeof gpsd->port) {
		free(gpsd);
		return err_set(e, ERR_GNSS, "\"gpsd://%s\" does not say where gpsd is: write gpsd://HOST:PORT", address);
	}
	memcpy(gpsd->host, address + bracketed, host - 2 * bracketed);
	strcpy(gpsd->port, colon + 1);
	gpsd->retry_ms = RETRY_FIRST_MS;
	gpsd->silence_ms = silence_ms;
	*out_state = gpsd;
	return 0;
}

static void disconnect(struct gpsd *gpsd)
{
	if (gpsd->connected)
		gps_close(&gpsd->data);
	gpsd->connected = gpsd->there = false;
	gnss_lines_clear(&gpsd->lines);
}

static void gpsd_close(void *state)
{
	disconnect(state);
	free(state);
}

/* Over a network the other end may vanish without a word; then the kernel finds out, within a minute. */
static void keep_alive(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
	               {IPPROTO_TCP, TCP_KEEPIDLE, 30},
	               {IPPROTO_TCP, TCP_KEEPINTVL, 10},
	               {IPPROTO_TCP, TCP_KEEPCNT, 3}};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
}

static void connect_gpsd(struct gpsd *gpsd)
{
	memset(&gpsd->data, 0, sizeof gpsd->data);
	gpsd->connected = gps_open(gpsd->host, gpsd->port, &gpsd->data) == 0;
	if (!gpsd->connected)
		return;
	gpsd->connected_ms = clock_mono_ms();
	fcntl(gpsd->data.gps_fd, F_SETFD, FD_CLOEXEC);
	keep_alive(gpsd->data.gps_fd);
	gpsd->asked = gps_stream(&gpsd->data, WATCH_ENABLE | WATCH_JSON, NULL) == 0;
	if (!gpsd->asked)
		disconnect(gpsd);
}

/* The connection is gone, or there was none: the next try is soon, then every few seconds. Returns whether that is
 * worth a report. */
static bool gone(struct gpsd *gpsd, struct gnss_report *out)
{
	/* One that greets and hangs up is not back: it would make two events a quarter of a second, for ever. */
	if (gpsd->there && clock_mono_ms() - gpsd->connected_ms >= RETRY_MOST_MS)
		gpsd->retry_ms = RETRY_FIRST_MS;
	disconnect(gpsd);
	gpsd->next_try_ms = clock_mono_ms() + gpsd->retry_ms;
	gpsd->retry_ms = gpsd->retry_ms * 2 < RETRY_MOST_MS ? gpsd->retry_ms * 2 : RETRY_MOST_MS;
	bool news = !gpsd->told_gone;
	gpsd->told_gone = true;
	gpsd->told_back = gpsd->doubted = false;
	gpsd->told_silence = GNSS_HEARD;
	if (news)
		*out = (struct gnss_report){.kind = GNSS_GONE, .mono_ms = clock_mono_ms()};
	return news;
}

/* Takes what gpsd has sent. Returns whether there is a report to hand over before any of the lines. */
static bool receive(struct gpsd *gpsd, struct gnss_report *out)
{
	size_t room;
	char *at = gnss_lines_room(&gpsd->lines, &room);
	ssize_t n = recv(gpsd->data.gps_fd, at, room, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		return gone(gpsd, out);
	gnss_lines_added(&gpsd->lines, (size_t)n);
	if (gpsd->there)
		return false;
	gpsd->there = true;
	gpsd->told_gone = false;
	if (gpsd->told_back)
		return false;
	/* One that hung may have much to say now: silence is counted from here. */
	gpsd->told_back = true;
	gpsd->doubted = false;
	gpsd->silences = 0;
	gpsd->heard_ms = gpsd->lines.read_ms;
	*out = (struct gnss_report){.kind = GNSS_BACK, .mono_ms = gpsd->lines.read_ms};
	return true;
}

/* ---- silence -------------------------------------------------------------------------------------------------- */

/* Returns whether it is news. */
static bool tell_silence(struct gpsd *gpsd, enum gnss_silence silence, struct gnss_report *out)
{
	int64_t now_ms = clock_mono_ms(), silent_ms = gpsd->told_silence == GNSS_HEARD ? now_ms - gpsd->heard_ms : 0;
	gpsd->heard_ms = now_ms;
	gpsd->doubted = false;
	if (gpsd->silences < SILENCE_DOUBLED_MOST)
		gpsd->silences++;
	if (gpsd->told_silence == silence)
		return false;
	gpsd->told_silence = silence;
	*out = (struct gnss_report){.kind = GNSS_SILENT, .mono_ms = now_ms, .silence = silence, .silent_ms = silent_ms};
	return true;
}

/* When something has to be done although nothing was heard. */
static int64_t due_ms(const struct gpsd *gpsd)
{
	if (!gpsd->connected)
		return gpsd->next_try_ms;
	if (gpsd->asked)
		return gpsd->connected_ms + (gpsd->silence_ms < GREETING_MS ? gpsd->silence_ms : GREETING_MS);
	return gpsd->heard_ms + (gpsd->silence_ms << gpsd->silences);
}

/* Nothing was heard until due_ms. A connection to a gpsd that does not even greet stays: should it go on, it answers there. */
static bool doubt(struct gpsd *gpsd, struct gnss_report *out)
{
	if (gpsd->asked) {
		gpsd->asked = false;
		if (gpsd->there)
			return gpsd->doubted && tell_silence(gpsd, GNSS_SILENT_RECEIVER, out);
		gpsd->told_back = false;
		return tell_silence(gpsd, GNSS_SILENT_GPSD, out);
	}
	disconnect(gpsd);
	connect_gpsd(gpsd);
	gpsd->doubted = gpsd->connected;
	return !gpsd->connected && gone(gpsd, out);
}

/* gpsd has told its receivers. */
static bool on_devices(struct gpsd *gpsd, const struct gnss_report *report, struct gnss_report *out)
{
	bool doubted = gpsd->doubted;
	gpsd->asked = gpsd->doubted = false;
	if (report->devices == 0)
		return tell_silence(gpsd, GNSS_SILENT_NONE, out);
	return doubted && tell_silence(gpsd, GNSS_SILENT_RECEIVER, out);
}

/* Takes the next line that is a report, or says what it means that it came. */
static bool next_report(struct gpsd *gpsd, struct gnss_report *out)
{
	struct gnss_report report;
	while (gnss_lines_next(&gpsd->lines, false, &report)) {
		if (report.kind == GNSS_DEVICES && report.devices >= 0) {
			if (on_devices(gpsd, &report, out))
				return true;
			continue;
		}
		if (report.kind == GNSS_UNPLUGGED) /* was it the last one? */
			gps_send(&gpsd->data, "?DEVICES;\n");
		if (report.kind <= GNSS_BAD) {
			gpsd->heard_ms = report.mono_ms;
			gpsd->asked = gpsd->doubted = false;
			gpsd->silences = 0;
			gpsd->told_silence = GNSS_HEARD;
		}
		*out = report;
		return true;
	}
	return false;
}

static bool on_timeout(struct gpsd *gpsd, struct gnss_report *out)
{
	if (gpsd->connected)
		return doubt(gpsd, out);
	connect_gpsd(gpsd);
	return !gpsd->connected && gone(gpsd, out);
}

static int gpsd_read(void *state, int wake_fd, int64_t timeout_ms, struct gnss_report *out, bool *out_got,
                     struct err *e)
{
	struct gpsd *gpsd = state;
	int64_t deadline_ms = gnss_deadline(timeout_ms);
	(void)e;
	*out_got = next_report(gpsd, out);
	while (!*out_got) {
		int64_t until_ms = due_ms(gpsd);
		bool due = until_ms < deadline_ms;
		enum gnss_wait wait =
			gnss_wait(gpsd->connected ? gpsd->data.gps_fd : -1, wake_fd, due ? until_ms : deadline_ms);
		if (wait == GNSS_WAIT_WOKEN || (wait == GNSS_WAIT_TIMEOUT && !due))
			return 0;
		if (wait == GNSS_WAIT_TIMEOUT)
			*out_got = on_timeout(gpsd, out);
		else
			*out_got = receive(gpsd, out) || next_report(gpsd, out);
	}
	return 0;
}

const struct gnss_driver gnss_gpsd = {"gpsd://", false, gpsd_open, gpsd_read, gpsd_close};
