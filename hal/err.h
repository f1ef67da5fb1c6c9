/* Errors: one idiom for the whole project.
 *
 * A function that can fail returns 0, or the negative of an error code, and then has filled `*e` with a
 * sentence for people: what is wrong, where, and what to do. Outputs (`out_…`) are untouched on failure.
 * Modules never exit and never print: programs do. The code of an error is also the exit status of a
 * program that ends by it, so the numbers below are stable and listed in docs/errors.md. */
#ifndef ALZY_HAL_ERR_H
#define ALZY_HAL_ERR_H

#include <stdbool.h>
#include <stddef.h>

/*  name           number  retry  what it means */
#define ERR_LIST(X)                                                                                   \
	X(INTERNAL, 1, false, "a fault in alzy itself")                                                   \
	X(USAGE, 2, false, "a command line that alzy does not understand")                                \
	X(CONFIG, 3, false, "a configuration file that can't be used")                                    \
	X(NOT_FOUND, 4, false, "something named does not exist")                                          \
	X(EXISTS, 5, false, "something to be made is there already")                                      \
	X(INVALID, 6, false, "data that does not have the form it should")                                \
	X(LIMIT, 7, false, "data larger than alzy is willing to handle")                                  \
	X(STATE, 8, false, "not possible in this state (no open session, not paired, …)")                 \
	X(BUSY, 9, true, "another process is at it; try again")                                           \
	X(IO, 10, true, "reading or writing a file failed")                                               \
	X(PERMISSION, 11, false, "a file or folder may not be read or written, or may be read by others") \
	X(STORE, 12, false, "the store is damaged or is no alzy store")                                   \
	X(VERSION, 13, false, "made by a newer alzy; nothing was touched")                                \
	X(GNSS, 14, true, "gpsd can't be reached or sends nothing usable")                                \
	X(NETWORK, 15, true, "the centre can't be reached or did not answer")                             \
	X(CENTRE, 16, true, "the centre answered that it can't serve now")                                \
	X(REFUSED, 17, false, "the centre refuses this unit, link or batch")                              \
	X(FORGED, 18, false, "a signature or seal is not of whom it should be, or bytes were changed")    \
	X(DATABASE, 19, true, "Postgres can't be reached or can't do its work now")                       \
	X(DATA, 20, false, "Postgres, or a trigger in it, refuses values for what they are")              \
	X(UNSENT, 21, true, "rows that could be sent are still unsent")                                   \
	X(MEMORY, 22, true, "out of memory")                                                              \
	X(DIFFERS, 23, false, "what the centre holds is not what was recorded or received")

enum err_code {
	ERR_NONE = 0,
#define X(name, number, retry, text) ERR_##name = number,
	ERR_LIST(X)
#undef X
};

enum { ERR_TEXT_MAX = 512 };

struct err {
	enum err_code code;
	char text[ERR_TEXT_MAX]; /* a bounded sentence, cut at the end if it must be */
};

/* Fills *e (which may be NULL) and returns -code, so that `return err_set(e, ERR_IO, …)` is the whole idiom. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of the current errno behind the message. */
int err_errno(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "CONTEXT: " in front of the text of a failure that a callee has filled in; returns -e->code. So e is not NULL
 * here, nor for whoever calls something that wraps. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3), nonnull(1)));

/* The stable short name of a code ("NETWORK"), and whether trying again can help. */
const char *err_name(enum err_code code);
bool err_retryable(enum err_code code);

#endif
