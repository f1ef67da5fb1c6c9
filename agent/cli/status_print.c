#include "agent/cli/status.h"
#include "agent/sight.h"
#include "hal/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is wrong with the agent itself. */
static void print_agent_trouble(const struct status *s, FILE *out)
{
	char span[SHORT_TEXT];
	int64_t still_ms = s->now_mono_ms - s->live.looked_mono_ms;
	if (s->running && still_ms > LIVE_HANGS_MS)
		fprintf(out, "          it hangs: it has done nothing for %s (alzy doctor)\n", text_duration(still_ms, span));
	if (s->running && *s->live.store_problem)
		fprintf(out, "          can't record: %s\n", s->live.store_problem);
}

/* What is wrong with ignition and supply. */
static void print_inputs(const struct status *s, FILE *out)
{
	const struct live_input *ignition = &s->live.ignition, *supply = &s->live.supply;
	if (!s->running)
		return;
	if (supply->state == 0)
		fprintf(out, "          the supply of this unit has failed\n");
	if (*supply->problem)
		fprintf(out, "          the supply is not known: %s\n", supply->problem);
	if (*ignition->problem)
		fprintf(out, "          the ignition is not known: %s\n", ignition->problem);
	if (s->by_ignition && (*ignition->problem || s->no_ignition))
		fprintf(out, "          journeys go by movement%s\n",
		        s->no_ignition ? ": there is no [power] ignition for session = ignition" : " until it is");
}

static void print_absent(const struct status *s, FILE *out)
{
	if (s->mute_agent)
		fprintf(out, "Agent     process %d, " CLI_MUTE "\n", (int)s->mute_agent);
	else
		fprintf(out, "Agent     not running: nothing is being recorded\n");
}

static void print_head(struct store *store, const struct status *s)
{
	char age[SHORT_TEXT], shown[SHOWN_TEXT];
	printf("Store     %s\n          %s\n", store_path(store), store_id(store));
	if (store_frozen(store))
		printf("          on a read-only file system: read as it lies\n");
	if (s->paired)
		printf("Device    %" PRId64 " %s, paired with %s\n", s->centre.device_id,
		       text_shown(s->centre.device_name, shown), s->centre.url);
	if (s->paired && *s->centre.next_url)
		printf("          which announces %s\n", s->centre.next_url);
	if (!s->paired)
		printf("Device    not paired with a centre yet (alzy pair)\n");
	if (s->running)
		printf("Agent     running for %s, process %d%s%s\n",
		       text_duration(s->now_mono_ms - s->live.started_mono_ms, age), (int)s->live.pid,
		       *s->live.sight.device ? ", receiver " : "", s->live.sight.device);
	else
		print_absent(s, stdout);
	print_inputs(s, stdout);
	print_agent_trouble(s, stdout);
	if (s->running && sight_state(&s->live.sight) < SIGHT_NO_FIX)
		printf("          %s\n", sight_state_text(sight_state(&s->live.sight)));
}

/* How old the fix is, and by how many satellites. */
static void print_fix_age(const struct status *s, FILE *out)
{
	const struct live_sight *sight = &s->live.sight;
	char a[SHORT_TEXT];
	fprintf(out, "          %s", text_age(-status_fix_age_ms(s), 0, a));
	if (!status_fix_is_live(s))
		fprintf(out, ": the last recorded point");
	else
		fprintf(out, sight_state(sight) >= SIGHT_2D ? ", %s" : ": %s since then", sight_state_text(sight_state(sight)));
	if (status_fix_is_live(s) && sight->satellites_used >= 0 && sight->satellites_seen >= 0)
		fprintf(out, ", %d of %d satellites", sight->satellites_used, sight->satellites_seen);
	if (status_fix_is_live(s) && sight->hdop_centi != ROW_ABSENT)
		fprintf(out, ", HDOP %s", text_decimal(sight->hdop_centi, 2, a));
	fputc('\n', out);
}

static void print_fix(const struct status *s, FILE *out)
{
	const struct point *p = status_fix(s);
	char a[SHORT_TEXT], b[SHORT_TEXT];
	if (!p) {
		fprintf(out, "Fix       none%s\n", s->running ? " yet" : "");
		return;
	}
	fprintf(out, "Fix       %s, %s", text_decimal(p->lat_e7, 7, a), text_decimal(p->lng_e7, 7, b));
	if (p->accuracy_dm != ROW_ABSENT)
		fprintf(out, " ± %s m", text_decimal(p->accuracy_dm, 1, a));
	/* cm/s × 3.6 / 100 = km/h */
	if (p->speed_cmps != ROW_ABSENT)
		fprintf(out, ", %s km/h", text_decimal((int64_t)p->speed_cmps * 36 / 100, 1, a));
	if (p->altitude_dm != ROW_ABSENT)
		fprintf(out, ", %s m high", text_decimal(p->altitude_dm, 1, a));
	fputc('\n', out);
	print_fix_age(s, out);
}

static void print_session_line(const struct status *s)
{
	const struct session *session = &s->keeping.session;
	const char *why = keeping_why_not(&s->keeping);
	char age[SHORT_TEXT], shown[SHOWN_TEXT];
	if (!s->keeping.open) {
		printf("Session   none open%s%s\n", why ? "; " : "", why ? why : "");
		return;
	}
	printf("Session   %s, started %s", session_status_name(session->status),
	       text_age(session->started_at_ms, s->now_ms, age));
	if (session->guessed)
		printf(" (a guess, until the time is known)");
	if (*session->user_id)
		printf(", user %s", text_shown(session->user_id, shown));
	if (*session->machine_id)
		printf(", machine %s", text_shown(session->machine_id, shown));
	if (session->application_id)
		printf(", application %" PRId64, session->application_id);
	printf("\n          %s\n", session->session_id);
	if (why)
		printf("          %s\n", why);
}

/* What became of the fixes since the agent has started: "interval 812, heartbeat 3". */
static void print_verdicts(const struct live_facts *live, const char *label, int from, int to)
{
	bool any = false;
	for (int verdict = from; verdict < to; verdict++) {
		const char *name = verdict_name((enum verdict)verdict), *reason = strchr(name, '_');
		if (live->verdicts[verdict])
			printf("%s%s %" PRId64, any ? ", " : label, reason ? reason + 1 : name, live->verdicts[verdict]);
		any = any || live->verdicts[verdict];
	}
	if (any)
		putchar('\n');
}

static void print_tail(const struct status *s)
{
	char a[SHORT_TEXT], b[SHORT_TEXT], c[SHORT_TEXT], shown[SHOWN_TEXT];
	printf("Recorded  %s, %s", text_counted(s->last_seq[STREAM_POINTS], "point", a),
	       text_counted(s->last_seq[STREAM_EVENTS], "event", b));
	if (s->running && s->live.waiting_points)
		printf("; %s still to be committed", text_counted(s->live.waiting_points, "point", a));
	putchar('\n');
	if (s->running) {
		print_verdicts(&s->live, "Kept      ", 0, VERDICT_THINNED);
		print_verdicts(&s->live, "Not kept  ", VERDICT_THINNED, VERDICT_COUNT);
	}
	printf("Unsent    %s, %s, %s", text_counted(s->backlog.points, "point", a),
	       text_counted(s->backlog.events, "event", b), text_counted(s->backlog.sessions, "session", c));
	if (s->backlog.oldest_ms)
		printf("; the oldest from %s", text_age(s->backlog.oldest_ms, s->now_ms, a));
	printf("\nReceipt   %s\n",
	       s->paired && s->centre.receipt_at_ms ? text_age(s->centre.receipt_at_ms, s->now_ms, a) : "none yet");
	if (s->rejected)
		printf("Rejected  %s (alzy queue --rejected)\n", text_counted(s->rejected, "row", a));
	if (s->dropped[STREAM_POINTS] + s->dropped[STREAM_EVENTS])
		printf("Dropped   %s, %s (alzy queue --dropped)\n", text_counted(s->dropped[STREAM_POINTS], "point", a),
		       text_counted(s->dropped[STREAM_EVENTS], "event", b));
	if (s->lost[STREAM_POINTS] + s->lost[STREAM_EVENTS])
		printf("Lost      %s, %s: pruned here, and no longer at the centre\n",
		       text_counted(s->lost[STREAM_POINTS], "point", a), text_counted(s->lost[STREAM_EVENTS], "event", b));
	copies_print(&s->copies, s->now_ms);
	if (s->paired && *s->centre.standing)
		printf(
			"Stopped   this unit is %s at the centre: it records, and sends nothing until the centre lets it back in\n",
			s->centre.standing);
	if (s->paired && *s->centre.refusal)
		printf("Refused   %s\n", text_shown(s->centre.refusal, shown));
	if (s->free_bytes >= 0)
		printf("Space     %s free", text_size(s->free_bytes, a));
	if (s->days_left > 3650)
		printf(", enough for more than ten years");
	else if (s->days_left >= 0)
		printf(", enough for about %s", text_counted(s->days_left, "day", a));
	if (s->free_bytes >= 0)
		putchar('\n');
}

void status_print(struct store *store, const struct status *s)
{
	print_head(store, s);
	print_fix(s, stdout);
	time_print(&s->time);
	print_session_line(s);
	print_tail(s);
}

void status_print_page(struct store *store, const struct status *s, FILE *out)
{
	char a[SHORT_TEXT], b[SHORT_TEXT], lines[SKY_ROWS][SKY_LINE];
	struct satellite satellites[SKY_SATELLITES_MAX];
	const struct live_sight *sight = &s->live.sight;
	if (s->running)
		fprintf(out, "Agent     running for %s, %s%s%s\n", text_duration(s->now_mono_ms - s->live.started_mono_ms, a),
		        sight_state_text(sight_state(sight)), *sight->device ? ", " : "", sight->device);
	else
		print_absent(s, out);
	print_agent_trouble(s, out);
	print_inputs(s, out);
	print_fix(s, out);
	const char *why = keeping_why_not(&s->keeping);
	fprintf(out, "Session   %s%s%s\n", s->keeping.open ? session_status_name(s->keeping.session.status) : "none open",
	        why ? "; " : "", why ? why : "");
	fprintf(out, "Recorded  %s", text_counted(s->last_seq[STREAM_POINTS], "point", a));
	if (s->running && s->live.waiting_points)
		fprintf(out, ", %" PRId64 " to be committed", s->live.waiting_points);
	fprintf(out, "; unsent %s", text_counted(s->backlog.points, "point", b));
	if (s->backlog.oldest_ms)
		fprintf(out, ", the oldest from %s", text_age(s->backlog.oldest_ms, s->now_ms, a));
	fprintf(out, "\n\n");
	sky_draw(satellites, status_sky(store, s, satellites), lines);
	for (int row = 0; row < SKY_ROWS; row++)
		fprintf(out, "%s\n", lines[row]);
	fprintf(out, "* and capitals: used for the fix. q ends.\n");
}
