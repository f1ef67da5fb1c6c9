/* The rows of the schema as every part of alzy hands them on: point, event, session.
 *
 * Units and resolutions are the same everywhere: time in milliseconds since 1970 UTC, position in WGS84
 * degrees × 1e7, accuracy and altitude in decimetres, speed in cm/s, heading in tenths of a degree clockwise
 * from true north. A value that the receiver did not give is ROW_ABSENT: never 0, never -1. */
#ifndef ALZY_HAL_ROWS_H
#define ALZY_HAL_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROW_ABSENT INT32_MIN

enum {
	LAT_E7_MAX = 900000000,
	LNG_E7_MAX = 1800000000,
	HEADING_DDEG_MAX = 3600,
	UUID_TEXT = 37,  /* 36 characters and a NUL */
	NAME_TEXT = 256, /* user_id, machine_id, names: bytes of UTF-8, with the NUL */
	EVENT_TYPE_TEXT = 64,
	EVENT_PAYLOAD_MAX = 16384, /* bytes of JSON text in one event */
};

/* A seq is below 2^40, so that store number × 2^40 + seq names a row at the centre. */
#define SEQ_MAX ((INT64_C(1) << 40) - 1)
/* 9999-12-31T23:59:59.999Z: what RFC 3339 can write, and both databases hold. The least is 0001-01-01. */
#define TIME_MS_MAX INT64_C(253402300799999)
#define TIME_MS_MIN INT64_C(-62135596800000)

enum stream { STREAM_POINTS, STREAM_EVENTS, STREAM_COUNT };
const char *stream_name(enum stream stream); /* "points", "events" */
/* Rows are proved and pruned in blocks: 1 to n, n + 1 to 2n, … How many seqs a block has: 4096 points, 256 events. An
 * event may have a payload of 16 KiB, a point has 58 bytes: a block is what may be in memory at once. */
int64_t stream_block(enum stream stream);

/* Rows that came to the centre together: it notes the digest of their content (sync/digest.h), of which this is the beginning. */
enum { STRETCH_DIGEST = 16 };
struct stretch {
	int64_t first, last; /* seqs; 0: there is none */
	uint8_t digest[STRETCH_DIGEST];
};

/* Names and order as in the enum point_source of the schema. */
enum point_source { POINT_GPS, POINT_NETWORK, POINT_FUSED, POINT_MANUAL, POINT_SOURCE_COUNT };
const char *point_source_name(enum point_source source);

struct point {
	int64_t seq;            /* 0 before the store has given one */
	int64_t recorded_at_ms; /* the time of the fix itself */
	int32_t lat_e7, lng_e7;
	int32_t accuracy_dm;
	int32_t speed_cmps;
	int32_t heading_ddeg;
	int32_t altitude_dm;
	int32_t session; /* whose number it is depends on the holder: the store's sessions.id, or in a batch
	                    1 + index into its session_ids; 0 is no session */
	uint8_t source;  /* enum point_source */
};

struct event {
	int64_t seq; /* 0 before the store has given one */
	int64_t event_at_ms;
	int64_t mono_ms; /* on the unit, while UTC is not known: when, by the monotonic clock; 0: event_at_ms tells it */
	bool of_fix;     /* … then, too: event_at_ms is the time of a fix, and no guess */
	char session_id[UUID_TEXT]; /* "" outside any session */
	char event_type[EVENT_TYPE_TEXT];
	char *payload; /* JSON text or NULL; owned by whoever holds the event: event_free */
};
void event_free(struct event *event); /* frees what it owns, not the struct; NULL is fine */

/* A range of seq that a unit has knowingly let go of. */
struct drop {
	enum stream stream;
	int64_t first, last;
	char reason[NAME_TEXT]; /* for people; not empty */
	int64_t dropped_at_ms;
};

enum session_status { SESSION_ACTIVE, SESSION_ENDED, SESSION_PAUSED, SESSION_STATUS_COUNT };
const char *session_status_name(enum session_status status); /* "active", … */

struct session {
	int64_t id;                 /* the store's own number, 0 when unknown */
	char session_id[UUID_TEXT]; /* its name everywhere */
	char user_id[NAME_TEXT];    /* who drives or operates, public.users; "" is nobody named */
	char machine_id[NAME_TEXT]; /* public.machines; "" is none named */
	int64_t application_id;     /* public.applications; 0 is none named */
	enum session_status status;
	int64_t started_at_ms;
	int64_t ended_at_ms;     /* meaningful when status is SESSION_ENDED */
	bool guessed;            /* these times are a guess: the unit does not know the time yet */
	int64_t revision;        /* 1 when started, one more at every change by the unit */
	int64_t held_revision;   /* that the centre holds, by what the unit has last heard; 0: none */
	int64_t centre_revision; /* of the centre's own changes, the last that the unit has seen; 0: none (hal/merge.h) */
};

#define TIME_TEXT 32
/* RFC 3339 in UTC with milliseconds: "2026-11-21T23:33:00.000Z". */
const char *time_format(int64_t time_ms, char out[TIME_TEXT]);

/* The way back: RFC 3339 with any offset and fraction (rounded to milliseconds), or a date for its midnight UTC. False
 * when it is neither. Leap seconds are taken as the first second of the next minute, as POSIX has it. */
bool time_parse(const char *text, int64_t *out_ms);

#endif
