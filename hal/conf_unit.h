/* alzy.conf: what alzy-agentd, alzy-syncd and alzy read on a unit. The table is in conf_unit.c; the manual is
 * docs/configuration.md. */
#ifndef ALZY_HAL_CONF_UNIT_H
#define ALZY_HAL_CONF_UNIT_H

#include "hal/conf.h"
#include "hal/era.h"

#define CONF_UNIT_STANDARD "/etc/alzy/alzy.conf"

enum capture_session { CAPTURE_SESSION_AUTO, CAPTURE_SESSION_MANUAL, CAPTURE_SESSION_IGNITION };
enum capture_resume { CAPTURE_RESUME_PERSON, CAPTURE_RESUME_MOVEMENT };
enum capture_stop { CAPTURE_STOP_END, CAPTURE_STOP_PAUSE };
enum capture_sampling { CAPTURE_SAMPLING_ALL, CAPTURE_SAMPLING_DETAILED, CAPTURE_SAMPLING_ECONOMY };
enum capture_simulated { CAPTURE_SIMULATED_PRESET, CAPTURE_SIMULATED_KEEP, CAPTURE_SIMULATED_REFUSE };

struct conf_unit {
	char gnss_source[CONF_TEXT_MAX];
	char gnss_device[CONF_TEXT_MAX]; /* "auto", or names with commas between them */
	int64_t fix_timeout_ms;
	char store_path[CONF_TEXT_MAX];
	char store_hardware[CONF_TEXT_MAX];
	int64_t commit_interval_ms;
	int64_t commit_points;
	int64_t keep_ms;     /* CONF_NEVER: nothing is pruned */
	int capture_session; /* enum capture_session */
	int capture_stop;    /* enum capture_stop */
	int capture_resume;  /* enum capture_resume */
	int64_t stop_timeout_ms, end_timeout_ms;
	int sampling; /* enum capture_sampling; what is CONF_WORD below is as this preset has it */
	int64_t interval_ms, heartbeat_ms;
	int64_t distance_m, angle_deg, speed_delta_mps;
	int64_t accuracy_max_m, speed_max_mps;
	int simulated; /* enum capture_simulated */
	int64_t standing_radius_m;
	char clock_floor[CONF_TEXT_MAX]; /* as of era.h */
	char ignition[CONF_TEXT_MAX];    /* as power_open */
	char supply[CONF_TEXT_MAX];      /* … */
	int64_t debounce_ms;
	char on_power_loss[CONF_TEXT_MAX]; /* for /bin/sh -c; "": nothing */
	int64_t sync_interval_ms;
	char sync_ca_file[CONF_TEXT_MAX];
	int64_t batch_points;
	int64_t sync_timeout_ms;
};

extern const struct conf_table conf_unit_table;

/* As [clock] floor and the source say. */
void conf_unit_era(const struct conf_unit *conf, struct era *out);

#endif
