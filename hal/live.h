/* What the agent knows this moment (fix, sky, counts), shared with the command line through POSIX shared memory: it
 * costs no flash, and vanishes with the machine. Named by the store, so that several agents on a machine are apart. */
#ifndef ALZY_HAL_LIVE_H
#define ALZY_HAL_LIVE_H

#include "hal/clock.h"
#include "hal/err.h"
#include "hal/gnss.h"
#include "hal/verdict.h"

#include <stdbool.h>
#include <stdint.h>

enum { LIVE_PROBLEM_TEXT = 160, LIVE_ROUND_MS = 20000, LIVE_HANGS_MS = LIVE_ROUND_MS + 10000 };

/* What the receiver says now. */
struct live_sight {
	bool gnss_connected;
	int mode;            /* 0 unknown, 1 no fix, 2, 3 */
	bool has_fix;        /* `fix` holds the last one, however old */
	int64_t fix_mono_ms; /* when it was read */
	struct point fix;
	int satellites_used, satellites_seen;
	int32_t hdop_centi;
	enum gnss_silence silence; /* why nothing is heard */
	char device[GNSS_DEVICE_TEXT];
};

/* What the agent knows of the time. */
struct live_time {
	enum time_basis basis; /* above TIME_ESTIMATED it is known */
	int64_t offset_ms;     /* UTC less the monotonic clock, or a guess */
	int64_t since_mono_ms; /* when it became known */
	int64_t floor_ms;      /* no true time is before it; INT64_MIN: there is none */
	int shift;             /* 1024 weeks by which the fix's time is moved */
	bool doubtful;         /* the fix contradicts what is known */
};

/* The ignition, or the supply. */
struct live_input {
	int state;                       /* 1 on, 0 off, -1 not known, or no wire */
	char problem[LIVE_PROBLEM_TEXT]; /* why it can't be read; "": it can, or there is no wire */
};

struct live_facts {
	int32_t pid; /* of the agent */
	int64_t started_mono_ms;
	int64_t looked_mono_ms;                /* when it went round last: every LIVE_ROUND_MS at least, unless it hangs */
	char store_problem[LIVE_PROBLEM_TEXT]; /* why what was read can't be written; "": it can */
	struct live_sight sight;
	struct live_input ignition, supply;
	struct live_time time;
	int64_t waiting_points;          /* kept, not yet committed */
	int64_t reports, epochs, kept;   /* since the agent started */
	int64_t verdicts[VERDICT_COUNT]; /* on those epochs */
	int64_t refused_receiver;        /* reports of another than the followed one */
	int64_t refused_no_time, refused_bad, refused_late, overrun;
};

struct live; /* the agent's end */

/* Makes (or takes over) the page of `store_id`. ERR_IO, ERR_PERMISSION. */
int live_open(struct live **out, const char *store_id, struct err *e);
/* Readers see either the facts before or these, whole. Never blocks. */
void live_publish(struct live *live, const struct live_facts *facts);
/* The same for this part of the facts alone. */
void live_publish_sight(struct live *live, const struct live_sight *sight);

/* The satellites in view as gpsd's JSON array, which only a reader looks into: it costs the agent no more than copying. What is
 * longer is left out. */
enum { LIVE_SKY_MAX = 16384 };
struct live_sky {
	size_t length; /* 0: nothing is known */
	char json[LIVE_SKY_MAX];
};
void live_publish_sky(struct live *live, const char *json, size_t length);

/* Removes the page. NULL is fine. */
void live_close(struct live *live);

/* The reader's end: *out_found is false when no agent of this store is alive, or its page belongs to a stranger
 * (neither root nor `owner`, the user that owns the store). */
int live_read(const char *store_id, uint32_t owner, struct live_facts *out, bool *out_found, struct err *e);

/* As live_read. */
int live_read_sky(const char *store_id, uint32_t owner, struct live_sky *out, bool *out_found, struct err *e);

#endif
