/* Inputs that are on or off: the ignition, and the supply of the unit. One is written as
 *
 *	none               there is no such wire
 *	gpio:CHIP/LINE     a line of a GPIO chip, on when it is high: gpio:gpiochip0/17
 *	file:PATH          a file with one word; see power.c: file:/sys/class/power_supply/ac/online
 *
 * and with a ! in front is inverted. Which line is real nobody can know beforehand, and a vehicle is recorded without its
 * ignition wire too: so what is not there, or goes away, is tried again with each reading. */
#ifndef ALZY_HAL_POWER_H
#define ALZY_HAL_POWER_H

#include "hal/err.h"

#include <stdbool.h>

/* How often to read an input that power_fd does not tell about. */
enum { POWER_READ_MS = 1000 };

struct power_input;

/* Whether `spec` is written as above: ERR_CONFIG says what is allowed. Nothing is opened. */
int power_check(const char *spec, struct err *e);

/* *out is NULL for "none". ERR_CONFIG, ERR_MEMORY; whether the input is there, power_read says. */
int power_open(struct power_input **out, const char *spec, struct err *e);

/* A descriptor that becomes readable when the input changes; -1 when there is none at the moment (a file; a chip that is not
 * there), and after any power_read it may be another. */
int power_fd(const struct power_input *input);

/* The state now. Never waits. ERR_NOT_FOUND, ERR_PERMISSION, ERR_BUSY (another program has the line), ERR_IO,
 * ERR_INVALID (a word that says neither): the state is not known. */
int power_read(struct power_input *input, bool *out_on, struct err *e);

void power_close(struct power_input *input); /* NULL is fine */

#endif
