#include "agent/cli/watch.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { WATCH_MS = 1000 };

/* Leaves the lines above as they were, and comes back to them. */
#define BEGIN "\033[?1049h\033[?25l"
#define END   "\033[?25h\033[?1049l"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

static void take_signals(void)
{
	/* Without SA_RESTART: poll returns. */
	struct sigaction action = {.sa_handler = on_signal};
	interrupted = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

/* Keys come one by one, and are not shown. False when there is no keyboard. */
static bool take_keys(struct termios *out_before)
{
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, out_before))
		return false;
	struct termios keys = *out_before;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	keys.c_cc[VMIN] = keys.c_cc[VTIME] = 0;
	keys.c_cc[VSUSP] = _POSIX_VDISABLE; /* a stopped one would leave the terminal like this */
	return tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
}

/* A second, or until there is a reason to end. */
static bool goes_on(bool keys)
{
	struct pollfd fd = {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN};
	char pressed[64];
	if (interrupted || poll(&fd, 1, WATCH_MS) < 0 || !fd.revents)
		return !interrupted;
	ssize_t count = read(STDIN_FILENO, pressed, sizeof pressed);
	return count > 0 && !memchr(pressed, 'q', (size_t)count) && !memchr(pressed, 'Q', (size_t)count);
}

/* As much of a line as finds room; a byte that continues a character of UTF-8 takes none. */
static size_t cut(const char *line, size_t length, unsigned columns)
{
	size_t i = 0;
	for (unsigned used = 0; i < length; i++) {
		used += ((unsigned char)line[i] & 0xc0) != 0x80;
		if (used > columns)
			break;
	}
	return i;
}

/* In place, line by line, so that nothing flickers. */
static void put_page(const char *page)
{
	struct winsize size = {0};
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	fputs("\033[H", stdout);
	for (unsigned row = 0; row < size.ws_row && *page; row++) {
		size_t length = strcspn(page, "\n");
		printf("%s%.*s\033[K", row ? "\r\n" : "", (int)cut(page, length, size.ws_col), page);
		page += length + (page[length] != '\0');
	}
	fputs("\033[J", stdout);
}

static int show(watch_page page, void *user, struct err *e)
{
	char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	if (!memory)
		return err_set(e, ERR_MEMORY, "out of memory for a page");
	int rc = page(user, memory, e);
	if (fclose(memory) && !rc)
		rc = err_set(e, ERR_MEMORY, "out of memory for a page");
	if (!rc)
		put_page(text);
	free(text);
	if (!rc && (fflush(stdout) || ferror(stdout)))
		rc = err_errno(e, ERR_IO, "can't write the output");
	return rc;
}

int watch(watch_page page, void *user, struct err *e)
{
	struct termios before;
	bool keys = take_keys(&before);
	take_signals();
	fputs(BEGIN, stdout);
	int rc = show(page, user, e);
	while (!rc && goes_on(keys))
		rc = show(page, user, e);
	fputs(END, stdout);
	fflush(stdout);
	if (keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	return rc;
}
