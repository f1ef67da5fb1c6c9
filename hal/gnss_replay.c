/* A recording: gpsd's JSON reports, one a line, as fast as they can be taken. */
#include "hal/clock.h"
#include "hal/gnss_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct replay {
	int fd;
	bool at_end, failed;
	struct gnss_lines lines;
};

static void replay_close(void *state)
{
	struct replay *replay = state;
	if (replay->fd >= 0)
		close(replay->fd);
	free(replay);
}

static int replay_open(void **out_state, const char *address, int64_t silence_ms, struct err *e)
{
	(void)silence_ms;
	struct replay *replay = calloc(1, sizeof *replay);
	if (!replay)
		return err_set(e, ERR_MEMORY, "out of memory for a replay");
	struct stat info;
	int rc = 0;
	replay->fd = open(address, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (replay->fd < 0)
		rc = err_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "can't open the replay %s", address);
	else if (fstat(replay->fd, &info))
		rc = err_errno(e, ERR_IO, "can't look at the replay %s", address);
	else if (S_ISDIR(info.st_mode))
		rc = err_set(e, ERR_IO, "the replay %s is a folder, not a file", address);
	if (rc) {
		replay_close(replay);
		return rc;
	}
	*out_state = replay;
	return 0;
}

static void fill(struct replay *replay)
{
	size_t room;
	char *at = gnss_lines_room(&replay->lines, &room);
	ssize_t n = read(replay->fd, at, room);
	if (n > 0)
		gnss_lines_added(&replay->lines, (size_t)n);
	else if (n == 0 || errno != EINTR)
		replay->at_end = true;
	replay->failed = n < 0 && replay->at_end;
}

/* What is left to say once every report was handed over: a file that can't be read on is told apart from its end. */
static void ended(struct replay *replay, struct gnss_report *out)
{
	*out = (struct gnss_report){.kind = replay->failed ? GNSS_GONE : GNSS_END, .mono_ms = clock_mono_ms()};
	replay->failed = false;
}

static int replay_read(void *state, int wake_fd, int64_t timeout_ms, struct gnss_report *out, bool *out_got,
                       struct err *e)
{
	struct replay *replay = state;
	int64_t deadline_ms = gnss_deadline(timeout_ms);
	(void)e;
	*out_got = true;
	while (!gnss_lines_next(&replay->lines, replay->at_end, out)) {
		if (replay->at_end) {
			ended(replay, out);
			return 0;
		}
		if (gnss_wait(replay->fd, wake_fd, deadline_ms) != GNSS_WAIT_READABLE) {
			*out_got = false;
			return 0;
		}
		fill(replay);
	}
	return 0;
}

const struct gnss_driver gnss_replay = {"replay:", true, replay_open, replay_read, replay_close};
