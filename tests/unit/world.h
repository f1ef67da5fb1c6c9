/* A vehicle that is driven and parked, and what a receiver says of it: truth and noise, second by second, the same in
 * each run of a seed. The noise wanders (it is correlated over minutes, as that of real receivers), it jumps while parked, single fixes are
 * wrong, and tunnels are silent. */
#ifndef ALZY_TESTS_WORLD_H
#define ALZY_TESTS_WORLD_H

#include "hal/geodesy.h"
#include "hal/rows.h"
#include "tests/unit/random.h"

#include <math.h>
#include <stdbool.h>

enum world_speeds {
	WORLD_DOPPLER,   /* good while moving, quiet at rest, and now and then neither */
	WORLD_POSITIONS, /* from fix to fix, with all their noise */
	WORLD_NONE,
};

/* Zero is the best. */
struct world_receiver {
	double wander_m, wander_min; /* noise that goes on, and for how long; 0: 3 minutes */
	double white_m;              /* noise of each fix by itself; 0: 0.3 */
	double jumps;                /* a second at rest begins one with this chance, … */
	int jump_s;                  /* … for so long at most; 0: a minute */
	double wrong;                /* a fix is, with this chance */
	enum world_speeds speeds;
};

struct world {
	int64_t now_ms;
	double lat, lng; /* degrees, true */
	double course;   /* radians, clockwise from north */
	double speed;    /* m/s */
	double covered_m;
	struct world_receiver receiver;
	double wander_m[2]; /* noise of the position, east and north */
	double jump_m[2];
	int jump_s;                     /* what is left of a jump */
	struct point seen;              /* the last fix; recorded_at_ms 0: there was none */
	bool silent;                    /* in a tunnel */
	int64_t started_ms, stopped_ms; /* of the last drive */
};

static inline double world_uniform(void)
{
	return (double)(random_64() >> 11) * 0x1p-53;
}

static inline double world_normal(void)
{
	double u = world_uniform();
	return sqrt(-2 * log(u > 0 ? u : 0x1p-53)) * cos(2 * M_PI * world_uniform());
}

static inline double world_between(double low, double high)
{
	return low + (high - low) * world_uniform();
}

static inline struct point world_true(const struct world *w)
{
	return (struct point){
		.recorded_at_ms = w->now_ms, .lat_e7 = (int32_t)lround(w->lat * 1e7), .lng_e7 = (int32_t)lround(w->lng * 1e7)};
}

/* So far in any direction. */
static inline void world_leap(double out_m[2])
{
	double angle = world_between(0, 2 * M_PI), far_m = world_between(20, 150);
	out_m[0] = far_m * sin(angle);
	out_m[1] = far_m * cos(angle);
}

static inline void world_noise(struct world *w)
{
	const struct world_receiver *r = &w->receiver;
	double minutes = r->wander_min > 0 ? r->wander_min : 3, keeps = exp(-1 / (60 * minutes));
	for (int i = 0; i < 2; i++)
		w->wander_m[i] = keeps * w->wander_m[i] + sqrt(1 - keeps * keeps) * r->wander_m * world_normal();
	if (w->jump_s > 0)
		w->jump_s--;
	else if (w->speed < 0.1 && world_uniform() < r->jumps) {
		w->jump_s = (int)random_in(1, r->jump_s ? r->jump_s : 60);
		world_leap(w->jump_m);
	}
}

/* A second goes by. */
static inline void world_second(struct world *w)
{
	struct point before = world_true(w);
	double north_m = w->speed * cos(w->course), east_m = w->speed * sin(w->course);
	w->lat += north_m / 111200;
	w->lng += east_m / (111320 * cos(w->lat * M_PI / 180));
	w->now_ms += 1000;
	struct point after = world_true(w);
	if (w->speed > 0)
		w->covered_m += geodesy_distance_m(before.lat_e7, before.lng_e7, after.lat_e7, after.lng_e7);
	world_noise(w);
}

/* What the receiver takes for the speed at this place. */
static inline double world_speed(struct world *w, const struct point *here)
{
	const struct point *seen = &w->seen;
	bool parked = w->speed < 0.05;
	double speed = w->speed + (parked ? fabs(0.08 * world_normal()) : 0.15 * world_normal());
	if (parked && world_uniform() < (w->jump_s > 0 ? 0.3 : 0.003))
		speed = world_between(0.3, 3);
	if (w->receiver.speeds == WORLD_POSITIONS && seen->recorded_at_ms)
		speed = geodesy_distance_m(seen->lat_e7, seen->lng_e7, here->lat_e7, here->lng_e7) * 1000 /
		        (double)(w->now_ms - seen->recorded_at_ms);
	return speed > 0 ? speed : 0;
}

/* What the receiver says; false: nothing. */
static inline bool world_fix(struct world *w, struct point *out)
{
	const double degrees[2] = {1 / (111320 * cos(w->lat * M_PI / 180)), 1.0 / 111200};
	double white_m = w->receiver.white_m > 0 ? w->receiver.white_m : 0.3, at[2] = {w->lng, w->lat}, leap_m[2];
	bool wrong = w->receiver.wrong > 0 && world_uniform() < w->receiver.wrong;
	if (wrong)
		world_leap(leap_m);
	for (int i = 0; i < 2; i++) {
		double noise_m = w->wander_m[i] + white_m * world_normal();
		at[i] += degrees[i] * (noise_m + (w->jump_s > 0 ? w->jump_m[i] : 0) + (wrong ? leap_m[i] : 0));
	}
	*out = (struct point){
		.recorded_at_ms = w->now_ms,
		.lat_e7 = (int32_t)lround(at[1] * 1e7),
		.lng_e7 = (int32_t)lround(at[0] * 1e7),
		.accuracy_dm = (int32_t)lround(10 * (4 + 2 * w->receiver.wander_m * world_between(0.7, 1.3))),
		.heading_ddeg =
			(int32_t)lround(fmod(fmod(w->course + 0.02 * world_normal(), 2 * M_PI) + 2 * M_PI, 2 * M_PI) * 1800 / M_PI),
		.altitude_dm = 1200,
	};
	double speed = world_speed(w, out);
	out->speed_cmps = w->receiver.speeds == WORLD_NONE ? ROW_ABSENT : (int32_t)lround(100 * speed);
	if (!w->silent)
		w->seen = *out;
	return !w->silent;
}

/* One second each is handed to `second`. */
typedef void world_watcher(struct world *w, void *user);

static inline void world_rest(struct world *w, int64_t seconds, world_watcher *second, void *user)
{
	w->speed = 0;
	for (; seconds > 0; seconds--) {
		world_second(w);
		second(w, user);
	}
}

static inline void world_to_speed(struct world *w, double speed, world_watcher *second, void *user)
{
	double pull = speed > w->speed ? world_between(0.8, 2) : -world_between(1, 2.5);
	while (w->speed != speed) {
		w->speed += pull;
		if (pull > 0 ? w->speed > speed : w->speed < speed)
			w->speed = speed;
		world_second(w);
		second(w, user);
	}
}

static inline void world_cruise(struct world *w, int64_t seconds, world_watcher *second, void *user)
{
	double bend = world_between(-0.01, 0.01);
	w->silent = seconds > 60 && random_in(0, 9) == 0;
	if (w->silent) /* nobody can know how a tunnel bends */
		bend /= 10;
	for (; seconds > 0; seconds--) {
		w->course += bend;
		world_second(w);
		second(w, user);
	}
	w->silent = false;
}

/* Legs of acceleration, cruise, a bend or a light, for at least so many seconds; ends at rest. */
static inline void world_drive(struct world *w, int64_t seconds, world_watcher *second, void *user)
{
	int64_t until_ms = w->now_ms + seconds * 1000;
	w->started_ms = w->now_ms;
	while (w->now_ms < until_ms) {
		world_to_speed(w, world_between(6, 30), second, user);
		world_cruise(w, random_in(15, 150), second, user);
		if (random_in(0, 2) == 0) { /* a light, or a queue */
			world_to_speed(w, 0, second, user);
			world_rest(w, random_in(2, 100), second, user);
			for (int64_t creeps = random_in(-3, 4); creeps > 0; creeps--) {
				world_to_speed(w, world_between(1, 3), second, user);
				world_to_speed(w, 0, second, user);
				world_rest(w, random_in(3, 20), second, user);
			}
		} else {
			world_to_speed(w, world_between(2, 8), second, user);
			double turn = world_between(-1.6, 1.6) / 8;
			for (int i = 0; i < 8; i++) {
				w->course += turn;
				world_second(w);
				second(w, user);
			}
		}
	}
	world_to_speed(w, 10, second, user);
	world_cruise(w, 10, second, user);
	world_to_speed(w, 0, second, user);
	w->stopped_ms = w->now_ms;
}

#endif
