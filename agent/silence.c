#include "agent/silence.h"

#include <string.h>

_Static_assert((int)VERDICT_KEPT_ALL == (int)SILENCE_NONE, "no verdict that refuses is 0");

const char *silence_reason_name(int reason)
{
	if (reason == SILENCE_BAD)
		return "bad";
	if (reason == SILENCE_NO_TIME)
		return "no_time";
	return verdict_name((enum verdict)reason) + strlen("refused_");
}

static void forget(struct silence *s)
{
	memset(s->refused, 0, sizeof s->refused);
}

static int64_t total(const struct silence *s)
{
	int64_t sum = 0;
	for (int reason = 0; reason < SILENCE_REASON_COUNT; reason++)
		sum += s->refused[reason];
	return sum;
}

static int most_frequent(const struct silence *s)
{
	int most = 0;
	for (int reason = 1; reason < SILENCE_REASON_COUNT; reason++)
		if (s->refused[reason] > s->refused[most])
			most = reason;
	return most;
}

int64_t silence_now(struct silence *s, int64_t mono_ms, int64_t said_ms)
{
	int64_t step_ms = mono_ms > s->mono_ms ? mono_ms - s->mono_ms : 0, said_step_ms = said_ms - s->said_ms;
	bool faster = said_step_ms > 2 * step_ms && said_step_ms <= SILENCE_MISSING_MS;
	s->now_ms += faster ? said_step_ms : step_ms;
	s->mono_ms = mono_ms > s->mono_ms ? mono_ms : s->mono_ms;
	s->said_ms = said_ms;
	return s->now_ms;
}

struct silence_news silence_good(struct silence *s, int64_t now_ms)
{
	struct silence_news news = {0};
	forget(s);
	if (s->told == VERDICT_REFUSED_NO_SESSION)
		s->told = SILENCE_NONE;
	if (s->told == SILENCE_NONE)
		return news;
	if (!s->good_ms)
		s->good_ms = now_ms;
	if (now_ms - s->good_ms < SILENCE_OVER_MS)
		return news;
	news = (struct silence_news){.kept = s->told, .count = s->told_refused, .for_ms = now_ms - s->good_ms};
	s->told = SILENCE_NONE;
	return news;
}

/* Whether what has held so far is to be told anew. */
static bool is_news(const struct silence *s, int reason, int64_t now_ms)
{
	return s->told == SILENCE_NONE || (s->told != reason && now_ms - s->told_ms >= SILENCE_OVER_MS);
}

struct silence_news silence_refused(struct silence *s, int reason, int64_t now_ms)
{
	struct silence_news news = {0};
	if (!total(s))
		s->since_ms = now_ms;
	s->refused[reason]++;
	s->told_refused++;
	if (now_ms - s->since_ms < SILENCE_AFTER_MS)
		return news;
	s->good_ms = 0;
	int most = most_frequent(s);
	if (!is_news(s, most, now_ms))
		return news;
	news = (struct silence_news){.refused = most, .count = total(s), .for_ms = now_ms - s->since_ms};
	if (s->told == SILENCE_NONE)
		s->told_refused = news.count;
	s->told = most;
	s->told_ms = now_ms;
	forget(s);
	return news;
}

int64_t silence_fix(struct silence *s, int64_t fix_ms, int64_t mono_ms, bool recording, const char **out_why)
{
	int64_t for_ms = s->fix_ms ? fix_ms - s->fix_ms : 0, really_ms = mono_ms - s->fix_mono_ms;
	s->fix_ms = fix_ms;
	s->fix_mono_ms = mono_ms;
	*out_why = recording ? "recording" : really_ms < for_ms / 2 ? "time" : "silent";
	return for_ms > SILENCE_MISSING_MS ? for_ms : 0;
}

void silence_other(struct silence *s)
{
	forget(s);
	s->fix_ms = 0;
	s->good_ms = 0;
}
