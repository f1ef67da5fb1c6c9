/* CSV as in RFC 4180. The names of the columns carry the units. No value can hold a comma, a quote or a line break. */
#include "agent/cli/export.h"
#include "hal/text.h"

#include <inttypes.h>

static int begin(struct export *x, struct err *e)
{
	(void)e;
	fputs("seq,session_id,recorded_at,lat_deg,lng_deg,accuracy_m,speed_mps,heading_deg,altitude_m,source\r\n", x->out);
	return 0;
}

static void put(FILE *out, int32_t value, int digits)
{
	char text[SHORT_TEXT];
	fprintf(out, ",%s", value == ROW_ABSENT ? "" : text_decimal(value, digits, text));
}

static int put_point(struct export *x, const struct point *p, enum export_joint joint, struct err *e)
{
	(void)joint;
	(void)e;
	char time[TIME_TEXT];
	fprintf(x->out, "%" PRId64 ",%s,%s", p->seq, x->session ? x->session->session_id : "",
	        time_format(p->recorded_at_ms, time));
	put(x->out, p->lat_e7, 7);
	put(x->out, p->lng_e7, 7);
	put(x->out, p->accuracy_dm, 1);
	put(x->out, p->speed_cmps, 2);
	put(x->out, p->heading_ddeg, 1);
	put(x->out, p->altitude_dm, 1);
	fprintf(x->out, ",%s\r\n", point_source_name((enum point_source)p->source));
	return 0;
}

static int end(struct export *x, struct err *e)
{
	(void)x;
	(void)e;
	return 0;
}

const struct export_writer export_csv = {"csv", begin, NULL, put_point, end, NULL};
