#include "agent/inputs.h"

#include <stdio.h>

const char *input_name(enum input_kind kind)
{
	static const char *const names[] = {[INPUT_IGNITION] = "ignition", [INPUT_SUPPLY] = "supply"};
	return names[kind];
}

int inputs_open(struct inputs *out, const struct conf_unit *conf, struct err *e)
{
	const char *const specs[] = {[INPUT_IGNITION] = conf->ignition, [INPUT_SUPPLY] = conf->supply};
	int rc = 0;
	*out = (struct inputs){0};
	for (int i = 0; !rc && i < INPUT_COUNT; i++)
		rc = power_open(&out->of[i].wire, specs[i], e);
	return rc;
}

void inputs_close(struct inputs *inputs)
{
	for (int i = 0; i < INPUT_COUNT; i++)
		power_close(inputs->of[i].wire);
	*inputs = (struct inputs){0};
}

static void fail(struct input *input, int64_t now_mono_ms, const struct err *e)
{
	if (!input->failing)
		input->failing_ms = now_mono_ms;
	input->failing = true;
	input->lost = input->lost || now_mono_ms - input->failing_ms >= INPUT_LOST_MS;
	snprintf(input->problem, sizeof input->problem, "%.*s", LIVE_PROBLEM_TEXT - 1, e->text);
}

enum input_news inputs_read(struct inputs *inputs, enum input_kind kind, int64_t now_mono_ms, int64_t hold_ms,
                            bool *out_on, struct err *e)
{
	struct input *input = &inputs->of[kind];
	bool on, first = !input->debounce.known, doubtful = input->debounce.leaving, failed = input->failing;
	if (!input->wire)
		return INPUT_SAME;
	inputs->read_ms = now_mono_ms;
	if (power_read(input->wire, &on, e)) {
		fail(input, now_mono_ms, e);
		return failed ? INPUT_SAME : INPUT_FAILED;
	}
	input->failing = false;
	bool changed = debounce_feed(&input->debounce, on, now_mono_ms, hold_ms);
	input->lost = input->lost && input->debounce.leaving;
	*out_on = input->debounce.on;
	if (changed)
		return first ? INPUT_FIRST : INPUT_CHANGED;
	if (input->debounce.leaving && !doubtful)
		return INPUT_DOUBTFUL;
	return failed ? INPUT_MENDED : INPUT_SAME;
}

int inputs_fd(const struct inputs *inputs, enum input_kind kind)
{
	return inputs->of[kind].wire ? power_fd(inputs->of[kind].wire) : -1;
}

struct live_input inputs_state(const struct inputs *inputs, enum input_kind kind)
{
	const struct input *input = &inputs->of[kind];
	struct live_input state = {.state = input->debounce.known && !input->failing ? input->debounce.on : -1};
	if (input->failing)
		snprintf(state.problem, sizeof state.problem, "%s", input->problem);
	return state;
}

bool inputs_lost(const struct inputs *inputs, enum input_kind kind)
{
	return inputs->of[kind].lost;
}

int64_t inputs_deadline(const struct inputs *inputs, int64_t hold_ms)
{
	int64_t due_ms = INT64_MAX;
	for (int i = 0; i < INPUT_COUNT; i++) {
		const struct input *input = &inputs->of[i];
		if (!input->wire)
			continue;
		int64_t at_ms = debounce_deadline(&input->debounce, hold_ms);
		if (power_fd(input->wire) < 0 && inputs->read_ms + POWER_READ_MS < at_ms)
			at_ms = inputs->read_ms + POWER_READ_MS;
		due_ms = at_ms < due_ms ? at_ms : due_ms;
	}
	return due_ms;
}
