#include "hal/log.h"

#include "hal/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static const char *program = "alzy";
static enum log_level most_level = LOG_LEVEL_INFO;
static bool on_terminal;

void log_start(const char *name, enum log_level most)
{
	program = name;
	most_level = most;
	on_terminal = isatty(STDERR_FILENO);
}

static void write_line(enum log_level level, const char *fmt, va_list args)
{
	if (level > most_level)
		return;
	int saved = errno;
	char line[2048];
	int head =
		on_terminal ? snprintf(line, sizeof line, "%s: ", program) : snprintf(line, sizeof line, "<%d>", (int)level);
	vsnprintf(line + head, sizeof line - (size_t)head, fmt, args);
	/* Messages name what others have written: a line break in it would make the rest a line of its own, with a level of its
	 * own. */
	utf8_line(line, ' ', line, sizeof line);
	fprintf(stderr, "%s\n", line);
	errno = saved;
}

#define LOG_FUNCTION(name, level)     \
	void name(const char *fmt, ...)   \
	{                                 \
		va_list args;                 \
		va_start(args, fmt);          \
		write_line(level, fmt, args); \
		va_end(args);                 \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_notice, LOG_LEVEL_NOTICE)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
