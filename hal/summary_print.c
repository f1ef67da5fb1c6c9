#include "hal/summary_print.h"

#include "hal/json.h"
#include "hal/text.h"

#include <math.h>
#include <stdio.h>

static void add_number(cJSON *object, const char *name, double value, bool known)
{
	if (known)
		cJSON_AddNumberToObject(object, name, value);
	else
		cJSON_AddNullToObject(object, name);
}

static double hundredths(double value)
{
	return round(value * 100) / 100;
}

cJSON *summary_json(const struct summary *s)
{
	bool some = s->points > s->marks;
	double mean = some ? summary_mean_mps(s) : -1, moving = some ? summary_moving_mps(s) : -1;
	const struct {
		const char *name;
		double value;
		bool known;
	} numbers[] = {
		{"distance_m", hundredths(s->distance_m), some},
		{"bridged_m", hundredths(s->bridged_m), some},
		{"moving_s", (double)s->moving_ms / 1000, some},
		{"still_s", (double)s->still_ms / 1000, some},
		{"silent_s", (double)s->silent_ms / 1000, some},
		{"stops", (double)s->stops, some},
		{"max_speed", s->max_speed_cmps / 100.0, some && s->max_speed_cmps != ROW_ABSENT},
		{"mean_speed", hundredths(mean), mean >= 0},
		{"moving_speed", hundredths(moving), moving >= 0},
		{"south", s->south_e7 / 1e7, some},
		{"north", s->north_e7 / 1e7, some},
		{"west", s->west_e7 / 1e7, some},
		{"east", s->east_e7 / 1e7, some},
	};
	cJSON *object = cJSON_CreateObject();
	cJSON_AddNumberToObject(object, "points", (double)s->points);
	cJSON_AddNumberToObject(object, "marks", (double)s->marks);
	json_add_time(object, "first_at", some ? s->first_ms : 0);
	json_add_time(object, "last_at", some ? s->last_ms : 0);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		add_number(object, numbers[i].name, numbers[i].value, numbers[i].known);
	return object;
}

static const char *length(double m, char out[SHORT_TEXT])
{
	if (m < 1000)
		snprintf(out, SHORT_TEXT, "%.0f m", m);
	else
		snprintf(out, SHORT_TEXT, "%.1f km", m / 1000);
	return out;
}

static void print_speeds(const struct summary *s)
{
	double mean = summary_mean_mps(s), moving = summary_moving_mps(s);
	const char *between = "";
	if (s->max_speed_cmps == ROW_ABSENT && mean < 0)
		return;
	printf("Speed        ");
	if (s->max_speed_cmps != ROW_ABSENT) {
		printf("at most %.1f km/h", s->max_speed_cmps * 0.036);
		between = ", ";
	}
	if (moving >= 0) {
		printf("%s%.1f km/h while moving", between, moving * 3.6);
		between = ", ";
	}
	if (mean >= 0)
		printf("%s%.1f km/h on the whole", between, mean * 3.6);
	putchar('\n');
}

void summary_print(const struct summary *s)
{
	char a[SHORT_TEXT], b[SHORT_TEXT];
	if (s->points == s->marks)
		return;
	printf("Distance     %s", length(s->distance_m, a));
	if (s->bridged_m > 0)
		printf(", %s of it in a straight line across silence", length(s->bridged_m, a));
	printf("\nMoving       %s, standing %s", text_duration(s->moving_ms, a), text_duration(s->still_ms, b));
	printf(" (%s)", text_counted(s->stops, "stop", a));
	if (s->silent_ms)
		printf(", silent %s", text_duration(s->silent_ms, a));
	putchar('\n');
	print_speeds(s);
	printf("Box          %.7f, %.7f to %.7f, %.7f\n", s->south_e7 / 1e7, s->west_e7 / 1e7, s->north_e7 / 1e7,
	       s->east_e7 / 1e7);
}
