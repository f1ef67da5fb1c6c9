#include "agent/cli/sync_files.h"

#include "agent/cli/time_shown.h"
#include "hal/boot.h"
#include "hal/folder.h"
#include "hal/json.h"
#include "hal/text.h"
#include "sync/bundle.h"
#include "sync/receive.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct count {
	const char *name;
	int64_t value;
};

static cJSON *counts_json(const struct count *counts, size_t count)
{
	cJSON *object = cJSON_CreateObject();
	for (size_t i = 0; i < count; i++)
		cJSON_AddNumberToObject(object, counts[i].name, (double)counts[i].value);
	return object;
}

/* ---- to ---------------------------------------------------------------------------------------------------- */

static void print_written(const struct bundle_report *r, const char *folder, int64_t remaining, int64_t waiting)
{
	char points[SHORT_TEXT], events[SHORT_TEXT], sessions[SHORT_TEXT], files[SHORT_TEXT], size[SHORT_TEXT];
	if (r->files)
		printf("wrote     %s, %s, %s into %s, %s\n", text_counted(r->points, "point", points),
		       text_counted(r->events, "event", events), text_counted(r->sessions, "session", sessions),
		       text_counted(r->files, "file", files), text_size(r->bytes, size));
	if (r->carried_files)
		printf("there     %s, %s in %s already\n", text_counted(r->carried_points, "point", points),
		       text_counted(r->carried_events, "event", events), text_counted(r->carried_files, "file", files));
	if (remaining)
		printf("unsent    %s, until their receipts are back: alzy sync --from %s\n",
		       text_counted(remaining, "row", points), folder);
	else
		puts("nothing is unsent");
	time_print_waiting(waiting, "waiting   ");
}

static void print_written_json(const struct bundle_report *r, int64_t remaining, int rc, const struct err *e)
{
	const struct count counts[] = {
		{"files", r->files},
		{"points", r->points},
		{"events", r->events},
		{"sessions", r->sessions},
		{"bytes", r->bytes},
		{"carried_files", r->carried_files},
		{"carried_points", r->carried_points},
		{"carried_events", r->carried_events},
		{"remaining", remaining},
	};
	cJSON *object = counts_json(counts, sizeof counts / sizeof *counts);
	json_add_text_or_null(object, "error", rc ? err_name(e->code) : "");
	cli_print_json(object);
}

/* Also after a failure, which it must not hide. */
static int read_state(struct cli *cli, struct receive_state *out, int rc, struct err *e)
{
	int after = receive_state(cli->store, out, rc ? NULL : e);
	return rc ? rc : after;
}

/* A person who carries rows away from a unit without a network, and perhaps without a receiver, would carry no event if they all
 * waited for the time. When the system clock can be right, it is taken for what it is. */
static int guess_time(struct cli *cli, int64_t *out_waiting, struct err *e)
{
	struct cli_time now;
	struct era era;
	conf_unit_era(&cli->conf, &era);
	int rc = cli_now(cli, &now, e);
	if (!rc)
		rc = store_era_learn(cli->store, &era, e);
	if (!rc)
		rc = store_waiting_count(cli->store, out_waiting, e);
	if (rc || !*out_waiting || !era_may_be(&era, now.now_ms))
		return rc;
	rc = store_boot_learn(cli->store, boot_id(), era.none ? TIME_SYSTEM : TIME_ESTIMATED, now.now_ms - now.mono_ms,
	                      now.mono_ms, e);
	return rc ? rc : store_waiting_count(cli->store, out_waiting, e);
}

int sync_files_write(struct cli *cli, const char *folder, const volatile bool *stop, bool json, struct err *e)
{
	struct bundle_report report = {0};
	struct receive_state state = {0};
	struct store_centre centre;
	struct key_pair keys;
	int64_t waiting = 0;
	int rc = cli_centre(cli, &centre, &keys, e);
	if (!rc)
		rc = guess_time(cli, &waiting, e);
	if (!rc) {
		rc = bundle_write(cli->store, &keys, folder, cli->conf.batch_points, stop, &report, e);
		keys_wipe(&keys);
	}
	if (!rc && centre.standing[0] && !json)
		printf("stopped   this unit is %s at the centre: no row was written, but a question,"
		       " whose receipt tells whether it may send again\n",
		       centre.standing);
	if (!rc && *stop)
		rc = err_set(e, ERR_UNSENT, "interrupted: not all that is unsent was written");
	rc = read_state(cli, &state, rc, e);
	if (json)
		print_written_json(&report, state.remaining, rc, e);
	else if (!rc || report.files)
		print_written(&report, folder, state.remaining, waiting);
	return rc;
}

/* ---- from -------------------------------------------------------------------------------------------------- */

struct listing {
	cJSON *files;     /* NULL: printed as lines */
	struct err first; /* why the first refused one was */
};

static void list_receipt(const char *name, enum bundle_fate fate, const struct err *why, void *user)
{
	struct listing *listing = user;
	char shown[SHOWN_TEXT], message[ERR_TEXT_MAX];
	folder_shown(name, shown, sizeof shown);
	folder_shown(why ? why->text : "", message, sizeof message);
	if (why && !listing->first.code)
		listing->first = *why;
	if (listing->files) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddStringToObject(object, "file", shown);
		cJSON_AddStringToObject(object, "fate", bundle_fate_name(fate));
		json_add_text_or_null(object, "error", why ? err_name(why->code) : "");
		json_add_text_or_null(object, "message", message);
		cJSON_AddItemToArray(listing->files, object);
	} else if (why) {
		printf("%s: refused: %s\n", shown, message);
	} else if (fate == BUNDLE_OTHERS) {
		printf("%s: passed over, it is for another store\n", shown);
	}
}

void sync_print_said(int64_t rejected, bool forgotten, int64_t renamed)
{
	char rows[SHORT_TEXT];
	if (rejected)
		printf("rejected  %s; alzy queue --rejected says why\n", text_counted(rejected, "row", rows));
	if (forgotten)
		puts("centre    went back to an earlier state, as of a dump: what it lacks is sent again");
	if (renamed)
		printf("renamed   %s, whose numbers another copy of this store has used: alzy status says more\n",
		       text_counted(renamed, "row", rows));
}

static void print_taken(const struct bundle_receipts *receipts, const struct receive_state *state)
{
	char points[SHORT_TEXT], events[SHORT_TEXT], rows[SHORT_TEXT];
	const int64_t *n = receipts->counts;
	printf("receipts  %" PRId64 " applied, %" PRId64 " older than what is known, %" PRId64 " for other stores, %" PRId64
	       " refused\n",
	       n[BUNDLE_APPLIED], n[BUNDLE_OLDER], n[BUNDLE_OTHERS], n[BUNDLE_REFUSED]);
	sync_print_said(receipts->rejected, receipts->forgotten, receipts->renamed);
	printf("central   accounts for %s and %s of this store\n",
	       text_counted(state->held[STREAM_POINTS], "point", points),
	       text_counted(state->held[STREAM_EVENTS], "event", events));
	if (state->remaining)
		printf("unsent    %s\n", text_counted(state->remaining, "row", rows));
	if (receipts->verify_ms)
		puts(
			"asked     the centre asks for a proof of what it holds, which no stick carries: it is given with the next "
			"alzy sync over a network");
}

static void print_taken_json(const struct bundle_receipts *receipts, const struct receive_state *state, cJSON *files,
                             int rc, const struct err *e)
{
	const int64_t *n = receipts->counts;
	const struct count counts[] = {
		{"applied", n[BUNDLE_APPLIED]},
		{"older", n[BUNDLE_OLDER]},
		{"others", n[BUNDLE_OTHERS]},
		{"refused", n[BUNDLE_REFUSED]},
		{"rejected", receipts->rejected},
		{"renamed", receipts->renamed},
		{"held_points", state->held[STREAM_POINTS]},
		{"held_events", state->held[STREAM_EVENTS]},
		{"remaining", state->remaining},
	};
	cJSON *object = counts_json(counts, sizeof counts / sizeof *counts);
	cJSON_AddBoolToObject(object, "forgotten", receipts->forgotten);
	json_add_time(object, "verify_asked_at", receipts->verify_ms);
	cJSON_AddItemToObject(object, "files", files);
	json_add_text_or_null(object, "error", rc ? err_name(e->code) : "");
	cli_print_json(object);
}

static int judge(const struct bundle_receipts *receipts, const char *folder, const struct err *first, struct err *e)
{
	int64_t total = 0, refused = receipts->counts[BUNDLE_REFUSED];
	for (int fate = 0; fate < BUNDLE_FATES; fate++)
		total += receipts->counts[fate];
	if (!total)
		return err_set(e, ERR_NOT_FOUND,
		               "there is no receipt in %s: alzy-central import writes them beside the files that it takes",
		               folder);
	if (refused)
		return err_set(e, first->code, "%" PRId64 " of %" PRId64 " receipt%s refused", refused, total,
		               total == 1     ? " was"
		               : refused == 1 ? "s was"
		                              : "s were");
	return 0;
}

int sync_files_take(struct cli *cli, const char *folder, bool json, struct err *e)
{
	struct listing listing = {.files = json ? cJSON_CreateArray() : NULL};
	struct bundle_receipts receipts = {.each = list_receipt, .user = &listing};
	struct receive_state state = {0};
	struct store_centre centre;
	struct key_pair keys;
	int rc = cli_centre(cli, &centre, &keys, e);
	if (!rc) {
		rc = bundle_take(cli->store, &keys, folder, &receipts, e);
		keys_wipe(&keys);
	}
	if (!rc)
		rc = judge(&receipts, folder, &listing.first, e);
	if (!rc && receipts.stopped.code)
		rc = err_set(e, receipts.stopped.code, "%s", receipts.stopped.text);
	rc = read_state(cli, &state, rc, e);
	if (json)
		print_taken_json(&receipts, &state, listing.files, rc, e);
	else if (!rc || listing.first.code || receipts.stopped.code)
		print_taken(&receipts, &state);
	return rc;
}
