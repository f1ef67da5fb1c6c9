#include "hal/boot.h"
#include "store/internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	BOOTS_KEPT = 100,       /* what was known of older ones is of no use */
	RECEIPT_MOVE_MS = 5000, /* by how much the centre's time must differ to be written again … */
	DOUBT_MS = 60000,       /* … and to be believed rather than a receiver or NTP */
};

void store_set_clock(struct store *store, const struct store_clock *clock)
{
	store->clock = *clock;
}

static int64_t clamp(int64_t value, int64_t from, int64_t to)
{
	return value < from ? from : value > to ? to : value;
}

int clock_when(struct store *store, int64_t at_ms, int64_t mono_ms, bool of_fix, struct when *out, struct err *e)
{
	const struct store_clock *clock = &store->clock;
	struct store_boot boot;
	*out = (struct when){.at_ms = at_ms, .of_fix = of_fix};
	if (clock->boot)
		out->mono_ms = mono_ms ? mono_ms : clamp(at_ms - clock->offset_ms, clock->from_mono_ms, clock->to_mono_ms);
	if (clock->known)
		return 0;
	int rc = store_boot_get(store, clock->boot, &boot, e);
	out->waits = boot.basis <= TIME_ESTIMATED;
	if (!rc && !out->waits && !of_fix)
		out->at_ms = out->mono_ms + boot.offset_ms;
	return rc;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

int store_boot_get(struct store *store, const char *boot, struct store_boot *out, struct err *e)
{
	struct query q;
	bool row = false;
	char basis[16];
	*out = (struct store_boot){0};
	query_start(&q, store,
	            "SELECT basis, utc_offset, known_mono, receipt_offset, receipt_mono FROM boots WHERE boot_id = ?");
	query_text(&q, boot);
	int rc = query_next(&q, &row, e);
	if (!rc && row) {
		query_get_text(&q, 0, basis, sizeof basis);
		*out = (struct store_boot){
			.basis = time_basis_of(basis),
			.offset_ms = query_get_int(&q, 1, 0),
			.since_mono_ms = query_get_int(&q, 2, 0),
			.has_receipt = query_get_int(&q, 3, INT64_MIN) != INT64_MIN,
			.receipt_offset_ms = query_get_int(&q, 3, 0),
			.receipt_mono_ms = query_get_int(&q, 4, 0),
		};
	}
	query_end(&q);
	return rc;
}

static int find_boot(struct store *store, const char *boot, int64_t *out, struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT number FROM boots WHERE boot_id = ?");
	query_text(&q, boot);
	return query_one_int(&q, 0, out, e);
}

int boot_number(struct store *store, const char *boot, int64_t mono_ms, int64_t *out, struct err *e)
{
	int rc = find_boot(store, boot, out, e);
	if (rc || *out)
		return rc;
	struct query q;
	query_start(&q, store,
	            "INSERT INTO boots (boot_id, first_mono, last_mono, previous_at) VALUES (?1, ?2, ?2,"
	            " (SELECT max(at) FROM (SELECT recorded_at AS at FROM points WHERE seq = (SELECT max(seq) FROM points)"
	            " UNION ALL SELECT event_at FROM events WHERE seq = (SELECT max(seq) FROM events))))");
	query_text(&q, boot);
	query_int(&q, mono_ms);
	rc = query_run(&q, e);
	if (!rc)
		*out = sqlite3_last_insert_rowid(store->db);
	if (!rc) {
		query_start(&q, store,
		            "DELETE FROM boots WHERE number <= ? AND number NOT IN (SELECT boot FROM waiting_events)");
		query_int(&q, *out - BOOTS_KEPT);
		rc = query_run(&q, e);
	}
	return rc;
}

static int write_known(struct store *store, int64_t number, enum time_basis basis, int64_t offset_ms, int64_t mono_ms,
                       struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "UPDATE boots SET basis = ?1, utc_offset = ?2, last_mono = max(last_mono, ?3),"
	            " known_mono = CASE WHEN basis IN ('none', 'estimated') THEN ?3 ELSE known_mono END WHERE number = ?4");
	query_text(&q, time_basis_name(basis));
	query_int(&q, offset_ms);
	query_int(&q, mono_ms);
	query_int(&q, number);
	return query_run(&q, e);
}

/* ---- estimating ------------------------------------------------------------------------------------------------- */

/* Boots that ended without knowing the time lie between `from_ms`, the last time known before them, and the moment at which
 * the next one began. How long each lasted is known; how long the machine was off in between is not, and is
 * taken to be the same each time. */
struct span {
	int64_t boots, length_ms, from_ms; /* how many, how long together; INT64_MIN: nothing known before */
};

#define UNKNOWN_BOOTS                                                                                            \
	" FROM boots AS b WHERE number < ?1 AND basis IN ('none', 'estimated')"                                      \
	" AND (EXISTS (SELECT 1 FROM waiting_events AS w WHERE w.boot = b.number)"                                   \
	" OR EXISTS (SELECT 1 FROM sessions AS s WHERE s.end_boot = b.boot_id OR (s.start_guess AND s.start_boot = " \
	"b.boot_id)))"
#define BOOT_LENGTH "max(last_mono, coalesce((SELECT max(mono) FROM waiting_events AS w WHERE w.boot = b.number), 0))"

static int read_stretch(struct store *store, int64_t before, struct span *out, struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store,
	            "SELECT count(*), coalesce(sum(" BOOT_LENGTH "), 0),"
	            " (SELECT previous_at" UNKNOWN_BOOTS " ORDER BY number LIMIT 1)" UNKNOWN_BOOTS);
	query_int(&q, before);
	int rc = query_next(&q, &row, e);
	if (!rc)
		*out = (struct span){query_get_int(&q, 0, 0), query_get_int(&q, 1, 0), query_get_int(&q, 2, INT64_MIN)};
	query_end(&q);
	return rc;
}

static int next_unknown(struct store *store, int64_t before, int64_t *out_number, int64_t *out_length_ms, struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store, "SELECT number, " BOOT_LENGTH UNKNOWN_BOOTS " ORDER BY number LIMIT 1");
	query_int(&q, before);
	int rc = query_next(&q, &row, e);
	*out_number = !rc && row ? query_get_int(&q, 0, 0) : 0;
	*out_length_ms = *out_number ? query_get_int(&q, 1, 0) : 0;
	query_end(&q);
	return rc;
}

/* What this boot's offset tells of its events and sessions. Those of its sessions stay a guess unless it is `final`. */
static int follow(struct store *store, int64_t number, int64_t offset_ms, bool estimated, bool final, struct err *e)
{
	char boot[UUID_TEXT] = "";
	struct query q;
	bool row = false;
	query_start(&q, store, "SELECT boot_id FROM boots WHERE number = ?");
	query_int(&q, number);
	int rc = query_next(&q, &row, e);
	if (!rc && row)
		query_get_text(&q, 0, boot, sizeof boot);
	query_end(&q);
	if (!rc)
		rc = guesses_correct(store, boot, offset_ms, final, e);
	return rc ? rc : waiting_promote(store, number, &offset_ms, estimated, e);
}

static int estimate_before(struct store *store, int64_t number, int64_t began_ms, struct err *e)
{
	struct span stretch = {0};
	int64_t unknown = 1, length_ms = 0;
	int rc = read_stretch(store, number, &stretch, e);
	int64_t off_ms = stretch.from_ms == INT64_MIN ? 0 : began_ms - stretch.from_ms - stretch.length_ms;
	off_ms = off_ms > 0 ? off_ms / (stretch.boots + 1) : 0;
	int64_t at_ms = began_ms - stretch.length_ms - stretch.boots * off_ms;
	while (!rc && !(rc = next_unknown(store, number, &unknown, &length_ms, e)) && unknown) {
		rc = write_known(store, unknown, TIME_ESTIMATED, at_ms, length_ms, e);
		if (!rc)
			rc = follow(store, unknown, at_ms, true, true, e);
		at_ms += length_ms + off_ms;
	}
	return rc;
}

/* ---- learning --------------------------------------------------------------------------------------------------- */

static int learn(struct store *store, const char *boot, enum time_basis basis, int64_t offset_ms, int64_t mono_ms,
                 struct err *e)
{
	int64_t number;
	int rc = boot_number(store, boot, mono_ms, &number, e);
	if (!rc)
		rc = write_known(store, number, basis, offset_ms, mono_ms, e);
	if (!rc)
		rc = estimate_before(store, number, offset_ms, e);
	bool estimated = basis == TIME_ESTIMATED;
	return rc ? rc : follow(store, number, offset_ms, estimated, !estimated, e);
}

int store_boot_learn(struct store *store, const char *boot, enum time_basis basis, int64_t offset_ms, int64_t mono_ms,
                     struct err *e)
{
	int rc = change_begin(store, e);
	return rc ? rc : change_end(store, learn(store, boot, basis, offset_ms, mono_ms, e), e);
}

static bool differ(int64_t a, int64_t b, int64_t tolerance_ms)
{
	return a - b > tolerance_ms || b - a > tolerance_ms;
}

static int learn_receipt(struct store *store, const char *boot, int64_t offset_ms, int64_t mono_ms, struct err *e)
{
	struct store_boot known;
	int64_t number;
	int rc = store_boot_get(store, boot, &known, e);
	/* Else something better agrees, and only the centre's word is noted. */
	if (!rc && (known.basis <= TIME_RECEIPT || differ(known.offset_ms, offset_ms, DOUBT_MS)))
		rc = learn(store, boot, TIME_RECEIPT, offset_ms, mono_ms, e);
	if (!rc)
		rc = boot_number(store, boot, mono_ms, &number, e);
	if (rc)
		return rc;
	struct query q;
	query_start(&q, store, "UPDATE boots SET receipt_offset = ?, receipt_mono = ? WHERE number = ?");
	query_int(&q, offset_ms);
	query_int(&q, mono_ms);
	query_int(&q, number);
	return query_run(&q, e);
}

int store_boot_receipt(struct store *store, const char *boot, int64_t offset_ms, int64_t mono_ms, struct err *e)
{
	struct store_boot known;
	int rc = store_boot_get(store, boot, &known, e);
	if (rc || (known.has_receipt && known.basis > TIME_ESTIMATED &&
	           !differ(known.receipt_offset_ms, offset_ms, RECEIPT_MOVE_MS)))
		return rc;
	rc = change_begin(store, e);
	return rc ? rc : change_end(store, learn_receipt(store, boot, offset_ms, mono_ms, e), e);
}

int store_boot_seen(struct store *store, const char *boot, int64_t mono_ms, struct err *e)
{
	struct query q;
	query_start(&q, store, "UPDATE boots SET last_mono = max(last_mono, ?) WHERE boot_id = ?");
	query_int(&q, mono_ms);
	query_text(&q, boot);
	return query_run(&q, e);
}

int store_boot_as_said(struct store *store, const char *boot, struct err *e)
{
	int64_t number;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	struct query q;
	query_start(&q, store,
	            "SELECT number FROM boots WHERE boot_id = ?"
	            " AND number IN (SELECT boot FROM waiting_events WHERE said_at IS NOT NULL)");
	query_text(&q, boot);
	rc = query_one_int(&q, 0, &number, e);
	if (!rc && number)
		rc = waiting_promote(store, number, NULL, true, e);
	if (!rc)
		rc = guesses_settle(store, boot, e);
	return change_end(store, rc, e);
}

/* ---- what it is used for ------------------------------------------------------------------------------------------ */

static int64_t changed_ms(const char *path)
{
	struct stat info;
	return stat(path, &info) ? 0 : (int64_t)info.st_mtim.tv_sec * 1000;
}

int store_era_learn(struct store *store, struct era *era, struct err *e)
{
	struct query q;
	bool row = false;
	char basis[16], wal[PATH_MAX];
	query_start(&q, store,
	            "SELECT basis, utc_offset + last_mono FROM boots WHERE basis IN ('receipt', 'ntp', 'gnss')"
	            " ORDER BY number DESC LIMIT 1");
	int rc = query_next(&q, &row, e);
	if (!rc && row) {
		query_get_text(&q, 0, basis, sizeof basis);
		era_learn(era, query_get_int(&q, 1, 0), time_basis_of(basis) != TIME_GNSS);
	} else if (!rc) {
		snprintf(wal, sizeof wal, "%s-wal", store->path);
		era_learn(era, changed_ms(store->path), false);
		era_learn(era, changed_ms(wal), false);
	}
	query_end(&q);
	return rc;
}

int64_t store_now_ms(struct store *store, enum time_basis *out_basis)
{
	struct store_boot boot;
	if (store_boot_get(store, boot_id(), &boot, NULL))
		boot = (struct store_boot){0};
	bool known = boot.basis > TIME_ESTIMATED;
	if (out_basis)
		*out_basis = known ? boot.basis : clock_synchronized() ? TIME_NTP : boot.basis;
	return known ? clock_mono_ms() + boot.offset_ms : clock_wall_ms();
}

int store_waiting_count(struct store *store, int64_t *out, struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT count(*) FROM waiting_events");
	return query_one_int(&q, 0, out, e);
}
