/* Log lines of the daemons, on stderr, with the level prefixes that journald understands (sd-daemon(3)).
 * On a terminal the prefix is left out. Only programs log; modules return errors. */
#ifndef ALZY_HAL_LOG_H
#define ALZY_HAL_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* Lines above `most` are not written. `name` is put before each line when stderr is a terminal. */
void log_start(const char *name, enum log_level most);

/* One line each, without a newline at its end; safe from any thread. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
