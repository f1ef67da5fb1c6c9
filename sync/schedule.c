#include "sync/schedule.h"

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void schedule_start(struct schedule *schedule, int64_t interval_ms, int64_t now_ms)
{
	*schedule = (struct schedule){
		.interval_ms = interval_ms,
		.next_ms = now_ms,
		.ran_ms = now_ms - SCHEDULE_APART_MS,
		.not_before_ms = now_ms,
		.last = SCHEDULE_NOT_READY,
	};
}

int64_t schedule_wait(const struct schedule *schedule, int64_t now_ms)
{
	return most(schedule->next_ms - now_ms, 0);
}

void schedule_ran(struct schedule *schedule, enum schedule_outcome outcome, int64_t asked_ms, int64_t now_ms,
                  uint32_t chance)
{
	schedule->last = outcome;
	schedule->ran_ms = now_ms;
	schedule->not_before_ms = now_ms + least(most(asked_ms, 0), BACKOFF_ASKED_MOST_MS);
	if (outcome != SCHEDULE_FAILED)
		backoff_reset(&schedule->backoff);
	switch (outcome) {
	case SCHEDULE_DONE: {
		int64_t less = (int64_t)((uint64_t)chance * (uint64_t)(schedule->interval_ms / 10) >> 32);
		schedule->next_ms = now_ms + schedule->interval_ms - less;
		break;
	}
	case SCHEDULE_FAILED:
		schedule->next_ms = now_ms + backoff_after_failure(&schedule->backoff, asked_ms, chance);
		break;
	case SCHEDULE_STOPPED:
		schedule->next_ms = now_ms + SCHEDULE_STOPPED_MS;
		break;
	case SCHEDULE_UNPAIRED:
		schedule->next_ms = now_ms + SCHEDULE_UNPAIRED_MS;
		break;
	case SCHEDULE_NOT_READY:
		schedule->next_ms = now_ms + SCHEDULE_SOON_MS;
		break;
	}
}

void schedule_network(struct schedule *schedule, int64_t now_ms)
{
	if (schedule->last == SCHEDULE_STOPPED)
		return;
	int64_t soon_ms = most(now_ms + SCHEDULE_SETTLE_MS, schedule->ran_ms + SCHEDULE_APART_MS);
	schedule->next_ms = least(schedule->next_ms, most(soon_ms, schedule->not_before_ms));
}

void schedule_paired(struct schedule *schedule, int64_t now_ms)
{
	schedule_start(schedule, schedule->interval_ms, now_ms);
}

void schedule_interval(struct schedule *schedule, int64_t interval_ms, int64_t now_ms)
{
	schedule->interval_ms = interval_ms;
	if (schedule->last == SCHEDULE_DONE)
		schedule->next_ms = least(schedule->next_ms, now_ms + interval_ms);
}
