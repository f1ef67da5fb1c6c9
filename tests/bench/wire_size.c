/* What a point costs on the wire: makes whole sealed envelopes of recorded tracks, as a unit that drains its store
 * would, and sets their bytes against the order-0 entropy of the residuals.
 *
 *   wire_size FILE...     CSV with the columns track_id,unix_ms,lat,lon,alt_m,speed_mps,heading_deg; empty is absent
 *
 * A file is the store of one unit, a track a session of it. Entropy: the cost of coding the differences (second ones
 * of time and position, first ones of the rest) with an adaptive order-0 model for each column that begins anew in
 * each file; a difference that was not seen before costs its escape and the bits of its number. */
#include "hal/clock.h"
#include "sync/batch.h"
#include "sync/envelope.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { LINE_MAX_BYTES = 512, SESSIONS_MAX = 4096, TRACK_TEXT = 128, SAMPLES = 200 };

struct tracks {
	struct point *points;
	size_t count, capacity;
	struct session sessions[SESSIONS_MAX];
	size_t session_count;
	char track[TRACK_TEXT]; /* of the last line */
};

struct cost {
	size_t points, envelopes, bytes;
	int64_t elapsed_ms;
};

static const size_t batch_sizes[] = {5000, 500, 60, 15, 1};
enum { SIZE_COUNT = sizeof batch_sizes / sizeof *batch_sizes };

static void fail(const char *what)
{
	fprintf(stderr, "wire_size: %s\n", what);
	exit(1);
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

static int32_t measure(const char *text, double unit)
{
	return *text ? (int32_t)lround(strtod(text, NULL) * unit) : ROW_ABSENT;
}

static void random_uuid(char out[UUID_TEXT])
{
	uint8_t bytes[16];
	keys_random(bytes, sizeof bytes);
	size_t at = 0;
	for (size_t i = 0; i < sizeof bytes; i++)
		at += (size_t)snprintf(out + at, UUID_TEXT - at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
		                       bytes[i]);
}

static void begin_track(struct tracks *tracks, const char *name, int64_t at_ms)
{
	if (tracks->session_count == SESSIONS_MAX)
		fail("too many tracks in a file");
	struct session *session = &tracks->sessions[tracks->session_count++];
	*session = (struct session){.status = SESSION_ACTIVE, .started_at_ms = at_ms, .revision = 1};
	random_uuid(session->session_id);
	snprintf(session->user_id, sizeof session->user_id, "driver-17");
	snprintf(session->machine_id, sizeof session->machine_id, "truck-042");
	snprintf(tracks->track, sizeof tracks->track, "%s", name);
}

static void add_line(struct tracks *tracks, char *line)
{
	char *fields[7], *rest = line;
	line[strcspn(line, "\r\n")] = '\0';
	for (int i = 0; i < 7; i++)
		if (!(fields[i] = strsep(&rest, ",")))
			fail("a line with too few columns");
	if (tracks->count == tracks->capacity) {
		tracks->capacity = tracks->capacity ? tracks->capacity * 2 : 4096;
		tracks->points = realloc(tracks->points, tracks->capacity * sizeof *tracks->points);
		if (!tracks->points)
			fail("out of memory");
	}
	int64_t at_ms = strtoll(fields[1], NULL, 10);
	if (!tracks->session_count || strcmp(fields[0], tracks->track) != 0)
		begin_track(tracks, fields[0], at_ms);
	tracks->points[tracks->count] = (struct point){
		.seq = (int64_t)tracks->count + 1,
		.recorded_at_ms = at_ms,
		.lat_e7 = measure(fields[2], 1e7),
		.lng_e7 = measure(fields[3], 1e7),
		.altitude_dm = measure(fields[4], 10),
		.accuracy_dm = ROW_ABSENT,
		.speed_cmps = measure(fields[5], 100),
		.heading_ddeg = measure(fields[6], 10),
		.session = (int32_t)tracks->session_count,
	};
	tracks->count++;
}

static void read_tracks(const char *path, struct tracks *out)
{
	char line[LINE_MAX_BYTES];
	FILE *file = fopen(path, "r");
	if (!file || !fgets(line, sizeof line, file))
		fail(path);
	while (fgets(line, sizeof line, file))
		add_line(out, line);
	fclose(file);
}

/* ---- envelopes -------------------------------------------------------------------------------------------- */

/* Points first..first+count of the file as a unit would send them; returns the bytes of the envelope. */
static size_t envelope_bytes(const struct tracks *tracks, size_t first, size_t count, const struct key_pair *keys)
{
	static char store_id[UUID_TEXT];
	if (!*store_id)
		random_uuid(store_id);
	struct err e;
	struct buffer document = {0}, envelope = {0};
	int32_t session = tracks->points[first].session, last = tracks->points[first + count - 1].session;
	struct point *points = malloc(count * sizeof *points);
	if (!points)
		fail("out of memory");
	for (size_t i = 0; i < count; i++) {
		points[i] = tracks->points[first + i];
		points[i].session -= session - 1;
	}
	struct batch batch = {
		.exchange = (int64_t)(first / count) + 1,
		.last_seq = {(int64_t)tracks->count, 12},
		.points = points,
		.point_count = count,
		.sessions = (struct session *)&tracks->sessions[session - 1],
		.session_count = (size_t)(last - session + 1),
		.state = {.version = ALZY_VERSION,
	              .unsent_points = (int64_t)(tracks->count - first),
	              .oldest_unsent_ms = tracks->points[first].recorded_at_ms,
	              .free_bytes = 23456789504,
	              .clock_ms = tracks->points[first].recorded_at_ms + 1234},
	};
	memcpy(batch.sender, keys->public_key, sizeof batch.sender);
	memcpy(batch.store_id, store_id, sizeof store_id);
	if (ranges_add(&batch.point_ranges, points[0].seq, points[count - 1].seq, &e) ||
	    batch_encode(&batch, &document, &e) ||
	    envelope_seal(ENVELOPE_BATCH, keys, keys->public_key, document.bytes, document.length, &envelope, &e))
		fail(e.text);
	size_t bytes = envelope.length;
	ranges_free(&batch.point_ranges);
	buffer_free(&document);
	buffer_free(&envelope);
	free(points);
	return bytes;
}

/* All points in batches of `size`; of small ones a sample that is spread evenly. */
static void measure_batches(const struct tracks *tracks, size_t size, const struct key_pair *keys, struct cost *cost)
{
	size_t batches = (tracks->count + size - 1) / size, step = 1;
	if (size < 500 && batches > SAMPLES)
		step = batches / SAMPLES;
	int64_t began = clock_mono_ms();
	for (size_t b = 0; b < batches; b += step) {
		size_t first = b * size, count = tracks->count - first < size ? tracks->count - first : size;
		cost->bytes += envelope_bytes(tracks, first, count, keys);
		cost->points += count;
		cost->envelopes++;
	}
	cost->elapsed_ms += clock_mono_ms() - began;
}

/* ---- entropy ---------------------------------------------------------------------------------------------- */

enum { MODEL_SLOTS = 1 << 20 };
struct model {
	struct slot {
		uint64_t symbol, count;
	} * slots;
	uint64_t total, distinct;
};

/* Bits that the symbol costs; then counts it. */
static double model_cost(struct model *model, uint64_t symbol)
{
	size_t at = (size_t)(symbol * UINT64_C(0x9e3779b97f4a7c15) >> 44);
	while (model->slots[at].count && model->slots[at].symbol != symbol)
		at = (at + 1) % MODEL_SLOTS;
	struct slot *slot = &model->slots[at];
	double all = (double)(model->total + model->distinct + 1);
	double bits = slot->count ? -log2((double)slot->count / all)
	                          : -log2((double)(model->distinct + 1) / all) + 2 * floor(log2((double)symbol + 1)) + 1;
	slot->symbol = symbol;
	model->distinct += !slot->count++;
	model->total++;
	return bits;
}

static double column_bits(const struct tracks *tracks, int64_t (*get)(const struct point *), bool second)
{
	struct model model = {.slots = calloc(MODEL_SLOTS, sizeof *model.slots)};
	if (!model.slots)
		fail("out of memory");
	double bits = 0;
	int64_t previous = 0, slope = 0;
	for (size_t i = 0, seen = 0; i < tracks->count; i++) {
		int64_t value = get(&tracks->points[i]);
		if (value == ROW_ABSENT)
			continue;
		int64_t difference = value - previous, residual = second ? difference - slope : difference;
		bits += model_cost(&model, (uint64_t)residual << 1 ^ (uint64_t)(residual >> 63));
		slope = seen++ ? difference : 0;
		previous = value;
	}
	free(model.slots);
	return bits;
}

#define GETTER(field)                                     \
	static int64_t get_##field(const struct point *point) \
	{                                                     \
		return point->field;                              \
	}
GETTER(recorded_at_ms)
GETTER(lat_e7)
GETTER(lng_e7)
GETTER(altitude_dm)
GETTER(speed_cmps)
GETTER(heading_ddeg)

static double entropy_bytes(const struct tracks *tracks)
{
	return (column_bits(tracks, get_recorded_at_ms, true) + column_bits(tracks, get_lat_e7, true) +
	        column_bits(tracks, get_lng_e7, true) + column_bits(tracks, get_altitude_dm, false) +
	        column_bits(tracks, get_speed_cmps, false) + column_bits(tracks, get_heading_ddeg, false)) /
	       8;
}

/* ---- the table -------------------------------------------------------------------------------------------- */

static void print_line(const char *name, size_t points, const struct cost *costs, double entropy)
{
	double entropy_point = entropy / (double)points;
	printf("%-34.34s %8zu", name, points);
	for (int s = 0; s < SIZE_COUNT; s++)
		printf(" %7.2f", (double)costs[s].bytes / (double)costs[s].points);
	printf(" %8.2f %6.3f\n", entropy_point, (double)costs[0].bytes / (double)costs[0].points / entropy_point);
}

int main(int argc, char **argv)
{
	struct err e;
	struct key_pair keys;
	struct cost all[SIZE_COUNT] = {0};
	double entropy_all = 0;
	if (argc < 2)
		fail("no FILE given");
	if (keys_start(&e))
		fail(e.text);
	keys_generate(&keys);
	printf("bytes per point, whole envelopes\n%-34s %8s", "batches of", "points");
	for (int s = 0; s < SIZE_COUNT; s++)
		printf(" %7zu", batch_sizes[s]);
	printf(" %8s %6s\n", "entropy", "ratio");
	for (int i = 1; i < argc; i++) {
		struct tracks *tracks = calloc(1, sizeof *tracks);
		struct cost costs[SIZE_COUNT] = {0};
		if (!tracks)
			fail("out of memory");
		read_tracks(argv[i], tracks);
		for (int s = 0; s < SIZE_COUNT; s++) {
			measure_batches(tracks, batch_sizes[s], &keys, &costs[s]);
			all[s].bytes += costs[s].bytes;
			all[s].points += costs[s].points;
			all[s].envelopes += costs[s].envelopes;
			all[s].elapsed_ms += costs[s].elapsed_ms;
		}
		double entropy = entropy_bytes(tracks);
		entropy_all += entropy;
		const char *slash = strrchr(argv[i], '/');
		print_line(slash ? slash + 1 : argv[i], tracks->count, costs, entropy);
		free(tracks->points);
		free(tracks);
	}
	print_line("all", all[0].points, all, entropy_all);
	printf("\n%-12s %18s %18s\n", "batch", "bytes an envelope", "points a second");
	for (int s = 0; s < SIZE_COUNT; s++)
		printf("%-12zu %18.1f %18.0f\n", batch_sizes[s], (double)all[s].bytes / (double)all[s].envelopes,
		       (double)all[s].points * 1000 / (double)(all[s].elapsed_ms ? all[s].elapsed_ms : 1));
	return 0;
}
