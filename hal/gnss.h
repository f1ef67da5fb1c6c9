/* Where fixes come from. A source is a driver with three functions; whatever it is, it hands over reports. */
#ifndef ALZY_HAL_GNSS_H
#define ALZY_HAL_GNSS_H

#include "hal/err.h"
#include "hal/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gnss_report_kind {
	GNSS_POSITION,  /* mode 2D or 3D with a position that is finite and in range */
	GNSS_NO_FIX,    /* the receiver says that it has no fix (mode 0 or 1) */
	GNSS_SKY,       /* satellites and dilution of precision: live facts, no fix */
	GNSS_BAD,       /* a report that can't be used: malformed, NaN or out of range where a position must be */
	GNSS_DEVICES,   /* gpsd tells which receivers it has */
	GNSS_UNPLUGGED, /* gpsd has closed a receiver */
	GNSS_SILENT,    /* no receiver says anything; any of the first three reports ends it */
	GNSS_GONE,      /* the source went away; the driver keeps trying to come back */
	GNSS_BACK,      /* … and is there (again) */
	GNSS_END,       /* a replay is at its end: nothing will follow */
};

/* Why nothing is heard. */
enum gnss_silence {
	GNSS_HEARD,           /* something is */
	GNSS_SILENT_GPSD,     /* gpsd lets itself be connected to, and does not even greet: it hangs */
	GNSS_SILENT_NONE,     /* gpsd has no receiver */
	GNSS_SILENT_RECEIVER, /* gpsd has one, which says nothing */
	GNSS_SILENT_STUCK,    /* … which repeats itself: the time of its positions does not go on */
	GNSS_SILENT_NO_TIME,  /* … whose positions have no time */
};

enum { GNSS_DEVICE_TEXT = 64 };

struct gnss_report {
	enum gnss_report_kind kind;
	int64_t mono_ms;  /* when it was read, by clock_mono_ms */
	bool has_time;    /* a position without a time can be counted, not stored */
	int mode;         /* 0, 1, 2, 3 as gpsd says */
	bool simulated;   /* GNSS_POSITION: the receiver says that it makes it up */
	struct point fix; /* GNSS_POSITION: seq and session are 0; attributes out of range are ROW_ABSENT */
	int satellites_used, satellites_seen; /* GNSS_SKY; -1 unknown */
	int32_t hdop_centi;                   /* GNSS_SKY; HDOP × 100, ROW_ABSENT unknown */
	const char
		*satellites; /* GNSS_SKY: each of them, as gpsd's JSON array; NULL unknown. Borrowed until the next gnss_read */
	size_t satellites_length;
	int devices;               /* GNSS_DEVICES: how many receivers */
	enum gnss_silence silence; /* GNSS_SILENT; a source tells the first three, of the others receivers.h judges … */
	int64_t silent_ms;         /* … and for how long already; 0 when another silence was told before it */
	char device[GNSS_DEVICE_TEXT]; /* the receiver, as gpsd names it; "" unknown */
};

struct gnss; /* an open source */

/* Opens "gpsd://HOST:PORT" or "replay:FILE". gpsd need not be there yet: the driver tries again by itself, first soon
 * and then every few seconds. When no receiver has said anything for silence_ms, the connection is made anew, because
 * one to a gpsd that hangs looks sound, and because gpsd then tries again to open its receivers; what it answers tells
 * the reason. After each silence it waits twice as long, up to 32 times. A replay knows no silence. ERR_GNSS,
 * ERR_NOT_FOUND or ERR_IO for a replay that can't be read. */
int gnss_open(struct gnss **out, const char *source, int64_t silence_ms, struct err *e);

/* Waits up to timeout_ms (negative: for ever) for the next report. *out_got says whether there is one. Returns at once,
 * with no report, when gnss_wake is called from another thread or a signal handler. Errors are only ERR_MEMORY and
 * ERR_INTERNAL: everything that a receiver or gpsd can do is a report. */
int gnss_read(struct gnss *gnss, int64_t timeout_ms, struct gnss_report *out, bool *out_got, struct err *e);
void gnss_wake(struct gnss *gnss);

/* True for a source that can be asked to wait (a file); false for one that goes on whether we listen or not. */
bool gnss_can_wait(const struct gnss *gnss);

void gnss_close(struct gnss *gnss); /* NULL is fine */

/* "gpsd", "no_receiver", "receiver", "stuck", "no_time"; "" for GNSS_HEARD. */
const char *gnss_silence_name(enum gnss_silence silence);

#endif
