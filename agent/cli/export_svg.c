/* A picture of a drive for people: the track coloured by speed, where it starts and ends, how large it is. One file
 * that needs nothing else: no network, no script, no font of its own.
 *
 * All lengths are whole tenths of a pixel (the viewBox is ten times the size), so no fraction is ever printed. */
#include "agent/cli/export.h"
#include "agent/cli/polyline.h"
#include "hal/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	WIDTH = 12000,
	MAP_LEFT = 960,
	MAP_TOP = 1120,
	MAP_WIDTH = WIDTH - MAP_LEFT - 320,
	MAP_HEIGHT_MIN = 4600,
	MAP_HEIGHT_MAX = 9600,
	BELOW_MAP = 1180,
	MAP_PADDING = 620,
	GRID_MIN = 1300, /* between two lines of the graticule, at least */
	SCALE_BAR_MAX = 2000,
	BAND_COUNT = 8,
	BAND_WIDTH = 560, /* of its field in the legend */
	SPEED_TOP = 400,  /* km/h; faster is counted there */
	MARKS_MAX = 500,
};

/* From slow to fast: the dark four fifths of the plasma ramp, even in lightness, and apart for the colour-blind. */
static const char *const colours[BAND_COUNT + 1] = {"#0d0887", "#46039f", "#7201a8", "#9c179e", "#bd3786",
                                                    "#d8576b", "#ed7953", "#fb9f3a", "#8c8c8c"};
enum { UNKNOWN = BAND_COUNT }; /* the band of an edge whose speed is not known */

struct place {
	int64_t lng_e7;
	int32_t lat_e7;
};

struct svg {
	struct polyline line;
	struct place marks[MARKS_MAX];
	size_t mark_count;
	int64_t points, sessions, first_ms, last_ms;
	struct session session;          /* the first one */
	int64_t by_speed[SPEED_TOP + 1]; /* points at each km/h */
	/* Laid out at the end. */
	int64_t map_height, step_kmh;
	double x_per_e7, y_per_e7;
	struct place middle;
};

/* ---- taking points ---- */

static int begin(struct export *x, struct err *e)
{
	x->own = calloc(1, sizeof(struct svg));
	return x->own ? 0 : err_set(e, ERR_MEMORY, "out of memory for the picture");
}

static int put_mark(struct export *x, const struct point *p, struct err *e)
{
	(void)e;
	struct svg *svg = x->own;
	if (svg->mark_count < MARKS_MAX)
		svg->marks[svg->mark_count++] = (struct place){p->lng_e7, p->lat_e7};
	return 0;
}

static int put_point(struct export *x, const struct point *p, enum export_joint joint, struct err *e)
{
	(void)e;
	struct svg *svg = x->own;
	if (joint == EXPORT_TRACK && x->session && !svg->sessions++)
		svg->session = *x->session;
	if (!svg->points++)
		svg->first_ms = p->recorded_at_ms;
	svg->last_ms = p->recorded_at_ms;
	if (p->speed_cmps >= 0) {
		int64_t kmh = (int64_t)p->speed_cmps * 36 / 1000;
		svg->by_speed[kmh < SPEED_TOP ? kmh : SPEED_TOP]++;
	}
	polyline_add(&svg->line, p, joint != EXPORT_JOINED);
	return 0;
}

/* ---- layout ---- */

/* The largest of 1, 2, 5, 10, 20, 50 … that is not above `most`. */
static double round_down(double most)
{
	double unit = pow(10, floor(log10(most)));
	if (most >= 5 * unit)
		return 5 * unit;
	return most >= 2 * unit ? 2 * unit : unit;
}

/* Bands wide enough that 98 % of the points are not above the last one: a wild report must not take the colours. */
static int64_t band_step(const struct svg *svg)
{
	static const int64_t steps[] = {1, 2, 3, 5, 10, 15, 20, 25, 30, 40, 50};
	int64_t total = 0, below = 0, top = 0;
	for (int kmh = 0; kmh <= SPEED_TOP; kmh++)
		total += svg->by_speed[kmh];
	while (top < SPEED_TOP && (below += svg->by_speed[top]) * 100 < total * 98)
		top++;
	size_t i = 0;
	while (steps[i] * BAND_COUNT <= top && i + 1 < sizeof steps / sizeof *steps)
		i++;
	return steps[i];
}

/* Fits the line into the map, true to shape at its middle latitude. */
static void lay_out(struct svg *svg)
{
	const struct vertex *v = svg->line.vertices;
	int64_t west = v[0].lng_e7, east = west, south = v[0].lat_e7, north = south;
	for (size_t i = 1; i < svg->line.count; i++) {
		west = v[i].lng_e7 < west ? v[i].lng_e7 : west;
		east = v[i].lng_e7 > east ? v[i].lng_e7 : east;
		south = v[i].lat_e7 < south ? v[i].lat_e7 : south;
		north = v[i].lat_e7 > north ? v[i].lat_e7 : north;
	}
	svg->middle = (struct place){west + (east - west) / 2, (int32_t)(south + (north - south) / 2)};
	double k = fmax(0.02, cos(svg->middle.lat_e7 / 1e7 * M_PI / 180));
	/* Not below a hundred metres: a vehicle at rest is a spot, not a cloud. */
	double wide = fmax((double)(east - west) * k, 100 / METRES_PER_E7);
	double high = fmax((double)(north - south), 100 / METRES_PER_E7);
	double height = high / wide * (MAP_WIDTH - 2 * MAP_PADDING) + 2 * MAP_PADDING;
	svg->map_height = (int64_t)fmin(MAP_HEIGHT_MAX, fmax(MAP_HEIGHT_MIN, height));
	svg->y_per_e7 = fmin((MAP_WIDTH - 2 * MAP_PADDING) / wide, (double)(svg->map_height - 2 * MAP_PADDING) / high);
	svg->x_per_e7 = svg->y_per_e7 * k;
	svg->step_kmh = band_step(svg);
}

static long x_of(const struct svg *svg, int64_t lng_e7)
{
	return MAP_LEFT + MAP_WIDTH / 2 + lround((double)(lng_e7 - svg->middle.lng_e7) * svg->x_per_e7);
}

static long y_of(const struct svg *svg, int64_t lat_e7)
{
	return MAP_TOP + (long)svg->map_height / 2 - lround((double)(lat_e7 - svg->middle.lat_e7) * svg->y_per_e7);
}

/* ---- the frame ---- */

static const char *group_digits(int64_t number, char out[SHORT_TEXT])
{
	char plain[SHORT_TEXT];
	int length = snprintf(plain, sizeof plain, "%" PRId64, number), used = 0;
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			out[used++] = ',';
		out[used++] = plain[i];
	}
	out[used] = '\0';
	return out;
}

static void put_title_text(FILE *out, const struct svg *svg)
{
	char first[SHORT_TEXT], last[SHORT_TEXT], count[SHORT_TEXT];
	text_time(svg->first_ms, first);
	text_time(svg->last_ms, last);
	if (svg->sessions > 1)
		fprintf(out, "%s sessions, ", group_digits(svg->sessions, count));
	else
		fputs(svg->sessions ? "Session, " : "Points outside any session, ", out);
	bool one_day = !strncmp(first, last, 10);
	fprintf(out, "%.16s – %.*s UTC", first, one_day ? 5 : 16, one_day ? last + 11 : last);
}

static void put_head(FILE *out, const struct svg *svg)
{
	char text[SHORT_TEXT];
	fputs("<text class=\"title\" x=\"960\" y=\"520\">", out);
	put_title_text(out, svg);
	fprintf(out, "</text>\n<text class=\"sub\" x=\"960\" y=\"840\">%s point%s", group_digits(svg->points, text),
	        svg->points == 1 ? "" : "s");
	if (svg->sessions <= 1)
		fprintf(out, " · %s", text_duration(svg->last_ms - svg->first_ms, text));
	if (svg->sessions == 1) {
		fprintf(out, " · session %.8s", svg->session.session_id);
		fputs(*svg->session.machine_id ? " · machine " : "", out);
		export_xml(out, svg->session.machine_id);
		fputs(*svg->session.user_id ? " · " : "", out);
		export_xml(out, svg->session.user_id);
	}
	fputs("</text>\n", out);
}

static void put_style(FILE *out)
{
	fputs("<style>\n"
	      "text{font-family:'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif;font-size:135px;fill:#444}\n"
	      ".title{font-size:270px;font-weight:bold;fill:#1c1c28}\n"
	      ".sub{font-size:170px;fill:#4a4a58}\n"
	      ".grid{fill:none;stroke:#d9dde3;stroke-width:8}\n"
	      ".track{fill:none;stroke-width:42;stroke-linejoin:round;stroke-linecap:round}\n"
	      ".halo{stroke:#fff;stroke-width:80}\n"
	      ".label{font-size:160px;font-weight:bold;fill:#1c1c28}\n"
	      ".behind{stroke:#fbfbf9;stroke-width:50;stroke-linejoin:round}\n"
	      "</style>\n",
	      out);
}

/* ---- the graticule ---- */

struct grid {
	int64_t step_e7;
	int digits; /* decimals of its degrees */
	int64_t unit_e7;
};

static struct grid make_grid(double per_e7)
{
	struct grid grid = {.step_e7 = 1, .unit_e7 = 10000000};
	double step = 2 * round_down(GRID_MIN / per_e7 / 2);
	while (step * per_e7 < GRID_MIN)
		step = round_down(step * 2.6);
	grid.step_e7 = step > 1 ? (int64_t)llround(step) : 1;
	while (grid.digits < 7 && grid.step_e7 % grid.unit_e7) {
		grid.digits++;
		grid.unit_e7 /= 10;
	}
	return grid;
}

static const char *degrees(int64_t e7, const struct grid *grid, const char *letters, char out[SHORT_TEXT])
{
	char number[SHORT_TEXT];
	e7 = polyline_unwrap(e7, 0);
	snprintf(out, SHORT_TEXT, "%.40s° %.1s", text_decimal(llabs(e7) / grid->unit_e7, grid->digits, number),
	         e7 < 0 ? letters + 1 : letters);
	return out;
}

static int64_t first_line(double from_e7, int64_t step_e7)
{
	return (int64_t)ceil(from_e7 / (double)step_e7) * step_e7;
}

static void put_grid(FILE *out, const struct svg *svg)
{
	char text[SHORT_TEXT];
	long bottom = MAP_TOP + (long)svg->map_height, right = MAP_LEFT + MAP_WIDTH;
	double half_wide = MAP_WIDTH / 2.0 / svg->x_per_e7, half_high = (double)svg->map_height / 2 / svg->y_per_e7;
	struct grid grid = make_grid(svg->x_per_e7);
	for (int64_t lng = first_line((double)svg->middle.lng_e7 - half_wide, grid.step_e7);
	     lng <= (double)svg->middle.lng_e7 + half_wide; lng += grid.step_e7) {
		long x = x_of(svg, lng);
		fprintf(out, "<path class=\"grid\" d=\"M%ld %dV%ld\"/>", x, MAP_TOP, bottom);
		fprintf(out, "<text x=\"%ld\" y=\"%ld\" text-anchor=\"middle\">%s</text>\n", x, bottom + 230,
		        degrees(lng, &grid, "EW", text));
	}
	grid = make_grid(svg->y_per_e7);
	for (int64_t lat = first_line(fmax(-LAT_E7_MAX, svg->middle.lat_e7 - half_high), grid.step_e7);
	     lat <= fmin(LAT_E7_MAX, svg->middle.lat_e7 + half_high); lat += grid.step_e7) {
		long y = y_of(svg, lat);
		fprintf(out, "<path class=\"grid\" d=\"M%d %ldH%ld\"/>", MAP_LEFT, y, right);
		fprintf(out, "<text x=\"%d\" y=\"%ld\" text-anchor=\"end\">%s</text>\n", MAP_LEFT - 80, y + 50,
		        degrees(lat, &grid, "NS", text));
	}
	fprintf(out,
	        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%" PRId64
	        "\" fill=\"none\" stroke=\"#b9bec7\" stroke-width=\"10\"/>\n",
	        MAP_LEFT, MAP_TOP, MAP_WIDTH, svg->map_height);
}

/* ---- the track ---- */

/* The band of what leads to `v`. */
static int band_of(const struct svg *svg, const struct vertex *v)
{
	if (v->speed_cmps < 0)
		return UNKNOWN;
	int64_t band = (int64_t)v->speed_cmps * 36 / 1000 / svg->step_kmh;
	return band < BAND_COUNT ? (int)band : BAND_COUNT - 1;
}

/* All edges of a band (a class of speed) as the data of one path; -1: of any. A vertex that no edge leads to or from is a dot. */
static bool put_edges(FILE *out, const struct svg *svg, int band)
{
	const struct vertex *v = svg->line.vertices;
	bool any = false, pen_down = false;
	for (size_t i = 0; i < svg->line.count; i++) {
		bool alone = v[i].start && (i + 1 == svg->line.count || v[i + 1].start);
		bool wanted = (alone || !v[i].start) && (band < 0 || band_of(svg, &v[i]) == band);
		long x = x_of(svg, v[i].lng_e7), y = y_of(svg, v[i].lat_e7);
		if (wanted && alone)
			fprintf(out, "M%ld %ldh0", x, y);
		else if (wanted && pen_down)
			fprintf(out, " %ld %ld", x, y);
		else if (wanted)
			fprintf(out, "M%ld %ld %ld %ld", x_of(svg, v[i - 1].lng_e7), y_of(svg, v[i - 1].lat_e7), x, y);
		pen_down = wanted && !alone;
		any |= wanted;
	}
	return any;
}

/* From fast to slow, so that where a road was taken twice the slow one shows. Returns whether the track has stretches
 * of unknown speed. */
static bool put_track(FILE *out, const struct svg *svg)
{
	bool unknown = false;
	fputs("<path class=\"track halo\" d=\"", out);
	put_edges(out, svg, -1);
	fputs("\"/>\n", out);
	for (int i = 0; i <= BAND_COUNT; i++) {
		int band = i ? BAND_COUNT - i : UNKNOWN;
		fprintf(out, "<path class=\"track\" stroke=\"%s\" d=\"", colours[band]);
		bool any = put_edges(out, svg, band);
		fputs("\"/>\n", out);
		unknown |= any && band == UNKNOWN;
	}
	return unknown;
}

/* Text that stays readable on whatever is behind it. */
static void put_label(FILE *out, long x, long y, const char *text)
{
	static const char *const classes[] = {"label behind", "label"};
	for (int i = 0; i < 2; i++)
		fprintf(out, "<text class=\"%s\" x=\"%ld\" y=\"%ld\" text-anchor=\"middle\">%s</text>\n", classes[i], x, y,
		        text);
}

struct box {
	long left, top, right, bottom;
};

static bool overlap(const struct box *a, const struct box *b)
{
	return a->left < b->right && b->left < a->right && a->top < b->bottom && b->top < a->bottom;
}

/* How much a label there would hide: vertices of the track, and more than anything the edge of the map or `taken`. */
static size_t hidden_by(const struct svg *svg, const struct box *label, const struct box *taken)
{
	const struct vertex *v = svg->line.vertices;
	bool outside = label->left < MAP_LEFT || label->right > MAP_LEFT + MAP_WIDTH || label->top < MAP_TOP ||
	               label->bottom > MAP_TOP + (long)svg->map_height;
	size_t hidden = outside || overlap(label, taken) ? POLYLINE_MAX : 0;
	for (size_t i = 0; i < svg->line.count; i++) {
		long x = x_of(svg, v[i].lng_e7), y = y_of(svg, v[i].lat_e7);
		hidden += x >= label->left && x <= label->right && y >= label->top && y <= label->bottom;
	}
	return hidden;
}

/* Beside its marker, where it hides least. Returns where it stands. */
static struct box put_end_label(FILE *out, const struct svg *svg, const struct vertex *v, const char *what,
                                int64_t time_ms, const struct box *taken)
{
	enum { LETTER = 112, HEIGHT = 170, AWAY = 170 };
	static const int sides[][2] = {{1, 0}, {-1, 0}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}, {0, -1}, {0, 1}};
	char time[SHORT_TEXT], text[SHORT_TEXT];
	long x = x_of(svg, v->lng_e7), y = y_of(svg, v->lat_e7);
	snprintf(text, sizeof text, "%s %.5s", what, text_time(time_ms, time) + 11);
	long width = (long)strlen(text) * LETTER;
	struct box best = {0};
	size_t least = SIZE_MAX;
	for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
		long middle = x + sides[i][0] * (AWAY + width / 2), base = y + sides[i][1] * (AWAY + HEIGHT / 2);
		struct box box = {middle - width / 2, base - HEIGHT / 2, middle + width / 2, base + HEIGHT / 2};
		size_t hidden = hidden_by(svg, &box, taken);
		if (hidden < least) {
			least = hidden;
			best = box;
		}
	}
	put_label(out, (best.left + best.right) / 2, best.bottom - 30, text);
	return best;
}

/* The track says what the map shows; a mark beyond its edge is left out. */
static void put_marks(FILE *out, const struct svg *svg)
{
	for (size_t i = 0; i < svg->mark_count; i++) {
		long x = x_of(svg, polyline_unwrap(svg->marks[i].lng_e7, svg->middle.lng_e7));
		long y = y_of(svg, svg->marks[i].lat_e7);
		if (x < MAP_LEFT || x > MAP_LEFT + MAP_WIDTH || y < MAP_TOP || y > MAP_TOP + (long)svg->map_height)
			continue;
		fprintf(out,
		        "<path d=\"M%ld %ldm0-95l80 95-80 95-80-95z\" fill=\"#1f78b4\" stroke=\"#fff\" stroke-width=\"22\"/>\n",
		        x, y);
	}
}

static void put_ends(FILE *out, const struct svg *svg)
{
	const struct vertex *first = svg->line.vertices, *last = first + svg->line.count - 1;
	long x = x_of(svg, last->lng_e7), y = y_of(svg, last->lat_e7);
	fprintf(out, "<circle cx=\"%ld\" cy=\"%ld\" r=\"125\" fill=\"#1b8a3f\" stroke=\"#fff\" stroke-width=\"30\"/>\n",
	        x_of(svg, first->lng_e7), y_of(svg, first->lat_e7));
	fprintf(out,
	        "<rect x=\"%ld\" y=\"%ld\" width=\"130\" height=\"130\" fill=\"#b2182b\" stroke=\"#fff\" "
	        "stroke-width=\"30\"/>\n",
	        x - 60, y - 60);
	struct box taken = {x - 100, y - 100, x + 100, y + 100};
	taken = put_end_label(out, svg, first, "Start", svg->first_ms, &taken);
	put_end_label(out, svg, last, "End", svg->last_ms, &taken);
}

/* ---- scale and legend ---- */

static void put_scale_bar(FILE *out, const struct svg *svg)
{
	char text[SHORT_TEXT];
	double metres_per_unit = METRES_PER_E7 / svg->y_per_e7;
	double metres = round_down(SCALE_BAR_MAX * metres_per_unit);
	long length = lround(metres / metres_per_unit), y = MAP_TOP + (long)svg->map_height + 760, x = MAP_LEFT;
	if (metres >= 1000)
		snprintf(text, sizeof text, "%ld km", lround(metres / 1000));
	else
		snprintf(text, sizeof text, "%ld m", lround(metres));
	fprintf(out, "<path d=\"M%ld %ldv90h%ldv-90\" fill=\"none\" stroke=\"#333\" stroke-width=\"20\"/>\n", x, y - 90,
	        length);
	fprintf(out, "<text x=\"%ld\" y=\"%ld\" text-anchor=\"middle\">%s</text>\n", x + length / 2, y - 130, text);
}

static void put_legend(FILE *out, const struct svg *svg, bool unknown)
{
	long left = MAP_LEFT + MAP_WIDTH - BAND_COUNT * BAND_WIDTH, top = MAP_TOP + (long)svg->map_height + 560;
	fprintf(out, "<text x=\"%ld\" y=\"%ld\" text-anchor=\"end\">speed in km/h</text>\n", left - 130, top + 130);
	for (int band = 0; band < BAND_COUNT; band++) {
		long x = left + band * BAND_WIDTH;
		fprintf(out, "<rect x=\"%ld\" y=\"%ld\" width=\"%d\" height=\"170\" fill=\"%s\"/>", x, top, BAND_WIDTH,
		        colours[band]);
		fprintf(out, "<text x=\"%ld\" y=\"%ld\" text-anchor=\"middle\">%" PRId64 "%s</text>\n", x, top + 350,
		        band * svg->step_kmh, band == BAND_COUNT - 1 ? " +" : "");
	}
	if (!unknown)
		return;
	long x = left - 3000;
	fprintf(out, "<rect x=\"%ld\" y=\"%ld\" width=\"300\" height=\"170\" fill=\"%s\"/>", x, top, colours[UNKNOWN]);
	fprintf(out, "<text x=\"%ld\" y=\"%ld\">not known</text>\n", x + 380, top + 130);
}

/* ---- the whole ---- */

static void put_open(FILE *out, int64_t height)
{
	fprintf(out,
	        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%" PRId64 "\" viewBox=\"0 0 %d %" PRId64
	        "\" role=\"img\">\n",
	        WIDTH / 10, height / 10, WIDTH, height);
}

static int end(struct export *x, struct err *e)
{
	(void)e;
	struct svg *svg = x->own;
	if (!svg->points) {
		put_open(x->out, 3000);
		put_style(x->out);
		fputs("<text class=\"title\" x=\"960\" y=\"1500\">No points</text>\n</svg>\n", x->out);
		return 0;
	}
	lay_out(svg);
	put_open(x->out, MAP_TOP + svg->map_height + BELOW_MAP);
	fputs("<title>", x->out);
	put_title_text(x->out, svg);
	fputs("</title>\n", x->out);
	put_style(x->out);
	fputs("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", x->out);
	fprintf(x->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%" PRId64 "\" fill=\"#fbfbf9\"/>\n", MAP_LEFT,
	        MAP_TOP, MAP_WIDTH, svg->map_height);
	put_head(x->out, svg);
	put_grid(x->out, svg);
	bool unknown = put_track(x->out, svg);
	put_marks(x->out, svg);
	put_ends(x->out, svg);
	put_scale_bar(x->out, svg);
	put_legend(x->out, svg, unknown);
	fputs("</svg>\n", x->out);
	return 0;
}

static void release(struct export *x)
{
	free(x->own);
}

const struct export_writer export_svg = {"svg", begin, put_mark, put_point, end, release};
