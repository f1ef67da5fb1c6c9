#include "hal/conf_unit.h"

#include "hal/gnss.h"
#include "hal/hardware.h"
#include "hal/power.h"

#include <stdlib.h>
#include <string.h>

static int check_gnss_source(const char *value, struct err *e)
{
	if (!strncmp(value, "replay:", 7) && value[7])
		return 0;
	const char *host = value + 8, *port = strrchr(value, ':');
	if (!strncmp(value, "gpsd://", 7) && value[7] && port && port > host - 1) {
		size_t digits = strspn(port + 1, "0123456789");
		bool real = digits && digits <= 5 && atoi(port + 1) >= 1 && atoi(port + 1) <= 65535;
		if (real && !port[1 + digits] && strcspn(value + 7, "/ ") == strlen(value + 7))
			return 0;
	}
	return err_set(e, ERR_CONFIG, "\"%s\" is not allowed: write gpsd://HOST:PORT or replay:FILE", value);
}

/* Names with commas between them; none is empty, or longer than a receiver can be called. */
static int check_devices(const char *value, struct err *e)
{
	const char *at = value;
	for (;;) {
		size_t length = strcspn(at, ", ");
		const char *next = at + length + strspn(at + length, " ");
		if (!length || length >= GNSS_DEVICE_TEXT || (*next && *next != ','))
			return err_set(e, ERR_CONFIG,
			               "\"%s\" is not allowed: write auto, or receivers as in /dev/ttyACM0, /dev/ttyUSB*", value);
		if (!*next)
			return 0;
		at = next + 1 + strspn(next + 1, " ");
	}
}

static int check_absolute(const char *value, struct err *e)
{
	return value[0] == '/' ? 0
	                       : err_set(e, ERR_CONFIG, "\"%s\" is not allowed: write a path that begins with /", value);
}

static int check_absolute_or_empty(const char *value, struct err *e)
{
	return value[0] ? check_absolute(value, e) : 0;
}

static int check_floor(const char *value, struct err *e)
{
	int64_t floor_ms;
	return era_floor_valid(value, &floor_ms)
	           ? 0
	           : err_set(e, ERR_CONFIG, "\"%s\" is not allowed: write auto, none, or a date as 2026-11-22", value);
}

#define AT(field) offsetof(struct conf_unit, field)

static const struct conf_key keys[] = {
	{"gnss", "source", CONF_TEXT, AT(gnss_source), "gpsd://127.0.0.1:2947", .check = check_gnss_source,
     .help = "where fixes come from: gpsd://HOST:PORT, or replay:FILE of gpsd's JSON reports, one a line"},
	{"gnss", "device", CONF_TEXT, AT(gnss_device), "auto", .check = check_devices,
     .help = "which of several receivers behind one gpsd to prefer, in this order; auto: the first that has a fix"},
	{"gnss", "fix_timeout", CONF_DURATION, AT(fix_timeout_ms), "10s", .min = 1000, .max = 86400000,
     .help = "so long without a fix, and another receiver is followed; without a word, and gpsd is asked anew"},
	{"store", "path", CONF_TEXT, AT(store_path), "/var/lib/alzy/store.db", .check = check_absolute,
     .help = "the store; its key and locks lie beside it"},
	{"store", "hardware", CONF_TEXT, AT(store_hardware), "auto", .check = hardware_check,
     .help = "by what a copied store is noticed: auto, the machine's serial number; none; or a name for this machine"},
	{"store", "commit_interval", CONF_DURATION, AT(commit_interval_ms), "20s", .min = 100, .max = 600000,
     .reload = true, .help = "points wait at most this long in memory: what a power cut can cost"},
	{"store", "commit_points", CONF_COUNT, AT(commit_points), "1000", .min = 1, .max = 10000, .reload = true,
     .help = "… and at most this many"},
	{"store", "keep", CONF_DURATION, AT(keep_ms), "30d", .word = "never", .min = 0, .max = 3650 * 86400000LL,
     .reload = true,
     .help = "how long rows stay here after the centre has receipted them; never: they are not deleted"},
	{"capture", "session", CONF_CHOICE, AT(capture_session), "auto", .choices = "auto|manual|ignition", .reload = true,
     .help = "what begins and ends a session: auto: movement, or the ignition; manual: only the command"},
	{"capture", "stop_timeout", CONF_DURATION, AT(stop_timeout_ms), "3m", .min = 1000, .max = 86400000, .reload = true,
     .help = "a session is paused when the vehicle has rested for so long"},
	{"capture", "end_timeout", CONF_DURATION, AT(end_timeout_ms), "15m", .min = 1000, .max = 7 * 86400000LL,
     .reload = true, .help = "… and ended when for so long"},
	{"capture", "resume", CONF_CHOICE, AT(capture_resume), "person", .choices = "person|movement", .reload = true,
     .help = "who resumes what a person has paused: a person, or movement after a rest"},
	{"capture", "on_stop", CONF_CHOICE, AT(capture_stop), "pause", .choices = "end|pause", .reload = true,
     .help = "what a clean stop does to an automatic session"},
	{"capture", "sampling", CONF_CHOICE, AT(sampling), "detailed", .choices = "all|detailed|economy", .reload = true,
     .help = "which fixes are kept: a preset for those of the next keys that say preset"},
	{"capture", "interval", CONF_DURATION, AT(interval_ms), "preset", .word = "preset", .max = 86400000, .reload = true,
     .help = "moving: a fix is kept when so much has passed since the one before; 0s: each"},
	{"capture", "distance", CONF_COUNT, AT(distance_m), "preset", .word = "preset", .max = 1000000, .reload = true,
     .help = "… or when it is so many metres from it; 0: never for that"},
	{"capture", "angle", CONF_COUNT, AT(angle_deg), "preset", .word = "preset", .max = 180, .reload = true,
     .help = "… or has turned by so many degrees, at 2 m/s or more; 0: never for that"},
	{"capture", "speed_delta", CONF_COUNT, AT(speed_delta_mps), "preset", .word = "preset", .max = 1000, .reload = true,
     .help = "… or is faster or slower by so many m/s; 0: never for that"},
	{"capture", "heartbeat", CONF_DURATION, AT(heartbeat_ms), "preset", .word = "preset", .max = 86400000,
     .reload = true, .help = "standing: a fix is kept when so much has passed since the one before; 0s: each"},
	{"capture", "standing_radius", CONF_COUNT, AT(standing_radius_m), "15", .min = 1, .max = 1000, .reload = true,
     .help = "metres within which what stands may wander; widened to the accuracy of a fix, up to five times"},
	{"capture", "accuracy_max", CONF_COUNT, AT(accuracy_max_m), "preset", .word = "preset", .max = 100000,
     .reload = true, .help = "a fix that is less accurate than so many metres is refused; 0: none is"},
	{"capture", "speed_max", CONF_COUNT, AT(speed_max_mps), "preset", .word = "preset", .max = 100000, .reload = true,
     .help = "a fix is refused when the way from the one before would take more m/s than that; 0: none is"},
	{"capture", "simulated", CONF_CHOICE, AT(simulated), "preset", .choices = "preset|keep|refuse", .reload = true,
     .help = "fixes of which the receiver says that they are simulated"},
	{"clock", "floor", CONF_TEXT, AT(clock_floor), "auto", .check = check_floor,
     .help = "no time is before it: auto is what this unit knows, none takes all times as recorded, or a date"},
	{"power", "ignition", CONF_TEXT, AT(ignition), "none", .check = power_check,
     .help = "what tells whether the ignition is on: none, gpio:CHIP/LINE, file:PATH; a ! in front inverts it"},
	{"power", "supply", CONF_TEXT, AT(supply), "none", .check = power_check,
     .help = "what tells whether the unit is supplied from outside, written in the same way"},
	{"power", "debounce", CONF_DURATION, AT(debounce_ms), "500ms", .min = 0, .max = 60000, .reload = true,
     .help = "a change of either counts once it has lasted so long"},
	{"power", "on_power_loss", CONF_TEXT, AT(on_power_loss), "", .reload = true,
     .help = "a command for /bin/sh, run once when the supply has failed and all is recorded; empty: none"},
	{"sync", "interval", CONF_DURATION, AT(sync_interval_ms), "15m", .min = 1000, .max = 7 * 86400000LL, .reload = true,
     .help = "how often alzy-syncd sends what is unsent while the network stays up"},
	{"sync", "ca_file", CONF_TEXT, AT(sync_ca_file), "", .check = check_absolute_or_empty, .reload = true,
     .help = "the certificates to trust for the centre's HTTPS; empty: the system's"},
	{"sync", "batch_points", CONF_COUNT, AT(batch_points), "5000", .min = 1, .max = 20000, .reload = true,
     .help = "points in one batch at most"},
	{"sync", "timeout", CONF_DURATION, AT(sync_timeout_ms), "60s", .min = 1000, .max = 3600000, .reload = true,
     .help = "how long one exchange with the centre may take"},
};

const struct conf_table conf_unit_table = {keys, sizeof keys / sizeof *keys, sizeof(struct conf_unit)};

void conf_unit_era(const struct conf_unit *conf, struct era *out)
{
	era_start(out, conf->clock_floor, !strncmp(conf->gnss_source, "replay:", 7), era_build_ms());
}
