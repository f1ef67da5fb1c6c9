/* Writes recorded points for other programs, and pictures for people. */
#include "agent/cli/cli.h"
#include "agent/cli/export.h"
#include "hal/args.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct export_writer *const writers[] = {&export_gpx, &export_geojson, &export_csv, &export_svg};
enum { WRITER_COUNT = sizeof writers / sizeof *writers };

/* A signal must not leave the temporary file behind. */
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

/* ---- what the writers share ---- */

enum export_joint export_joint_of(const struct point *last, const struct point *next)
{
	if (!last || last->session != next->session)
		return EXPORT_TRACK;
	int64_t step_ms = next->recorded_at_ms - last->recorded_at_ms;
	return step_ms < 0 || step_ms > EXPORT_GAP_MS ? EXPORT_SEGMENT : EXPORT_JOINED;
}

void export_xml(FILE *out, const char *text)
{
	for (const char *c = text; *c; c++)
		switch (*c) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			if ((unsigned char)*c >= 0x20)
				fputc(*c, out);
		}
}

/* ---- the file ---- */

/* Written under a temporary name and renamed when it is whole; standard output when `path` is empty. */
struct output {
	FILE *file;
	char path[PATH_MAX], temporary[PATH_MAX];
};

static int output_open(struct output *o, const char *path, struct err *e)
{
	if (!path || !strcmp(path, "-")) {
		o->file = stdout;
		return 0;
	}
	struct stat info;
	/* Behind a symbolic link it is the file that is to be replaced, not the link. */
	if (!realpath(path, o->path)) {
		if (strlen(path) >= sizeof o->path)
			return err_set(e, ERR_INVALID, "-o: the name is too long");
		strcpy(o->path, path);
	}
	if (!stat(o->path, &info) && !S_ISREG(info.st_mode))
		return err_set(e, ERR_INVALID, "%s is no regular file: leave -o out to write to standard output", path);
	if (snprintf(o->temporary, sizeof o->temporary, "%s.%ld.tmp", o->path, (long)getpid()) >= (int)sizeof o->temporary)
		return err_set(e, ERR_INVALID, "-o: the name is too long");
	int fd = open(o->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		int rc = err_errno(e, errno == EACCES || errno == EROFS ? ERR_PERMISSION : ERR_IO, "can't write %s", path);
		*o->temporary = '\0';
		return rc;
	}
	o->file = fdopen(fd, "w");
	if (o->file)
		return 0;
	close(fd);
	return err_errno(e, ERR_IO, "can't write %s", path);
}

static int output_check(const struct output *o, struct err *e)
{
	return ferror(o->file) ? err_errno(e, ERR_IO, "can't write %s", *o->path ? o->path : "standard output") : 0;
}

static int output_finish(struct output *o, struct err *e)
{
	bool good = !fflush(o->file) && !ferror(o->file);
	if (good && *o->temporary) {
		good = !fsync(fileno(o->file)) && !rename(o->temporary, o->path);
		if (good)
			*o->temporary = '\0';
	}
	return good ? 0 : err_errno(e, ERR_IO, "can't write %s", *o->path ? o->path : "standard output");
}

static void output_close(struct output *o)
{
	if (o->file && o->file != stdout)
		fclose(o->file);
	if (*o->temporary)
		unlink(o->temporary);
}

/* ---- the walk ---- */

struct walk {
	struct store *store;
	const struct export_writer *writer;
	struct output output;
	struct export x;
	struct session session; /* that of the last point that had one */
	bool marks;             /* the walk over the marks alone, ahead of the others */
	struct point last;
	int64_t points; /* written in this walk */
};

/* Points of a session follow each other, so looking its row up when the number changes costs little. */
static int find_session(struct walk *w, const struct point *p, struct err *e)
{
	w->x.session = p->session ? &w->session : NULL;
	if (!p->session || w->session.id == p->session)
		return 0;
	return store_session_by_id(w->store, p->session, &w->session, e);
}

static int on_point(const struct point *p, void *user, struct err *e)
{
	struct walk *w = user;
	bool apart = w->writer->mark && p->source == POINT_MANUAL;
	if (interrupted)
		return err_set(e, ERR_STATE, "interrupted");
	if (apart != w->marks)
		return 0;
	int rc = find_session(w, p, e);
	if (rc)
		return rc;
	if (w->marks)
		rc = w->writer->mark(&w->x, p, e);
	else
		rc = w->writer->point(&w->x, p, export_joint_of(w->points ? &w->last : NULL, p), e);
	w->last = *p;
	w->points++;
	return rc ? rc : output_check(&w->output, e);
}

static int walk(struct walk *w, const struct point_filter *filter, struct err *e)
{
	w->x.out = w->output.file;
	int rc = w->writer->begin(&w->x, e);
	if (!rc && w->writer->mark) {
		w->marks = true;
		rc = store_each_point(w->store, filter, on_point, w, e);
		w->marks = false;
		w->points = 0;
	}
	if (!rc)
		rc = store_each_point(w->store, filter, on_point, w, e);
	if (!rc)
		rc = w->writer->end(&w->x, e);
	return rc ? rc : output_finish(&w->output, e);
}

/* ---- the verb ---- */

struct request {
	const char *format, *session, *path;
	struct point_filter filter;
};

static int find_writer(const char *format, const struct export_writer **out, struct err *e)
{
	for (size_t i = 0; i < WRITER_COUNT; i++)
		if (!strcmp(writers[i]->format, format)) {
			*out = writers[i];
			return 0;
		}
	return err_set(e, ERR_USAGE, "--format: \"%s\" is none of gpx, geojson, csv, svg", format);
}

static int read_request(int argc, char **argv, struct request *r, bool *out_help, struct err *e)
{
	const struct arg args[] = {
		{"--format", ARG_TEXT, &r->format, "FORMAT", .help = "gpx, geojson, csv or svg", .required = true},
		{"--session", ARG_TEXT, &r->session, "SESSION", .help = "only this one: its id, or how that begins"},
		{"--from", ARG_TIME, &r->filter.from_ms, "TIME",
	     .help = "not before 2026-11-21T10:00:00Z, or midnight UTC of a date"},
		{"--to", ARG_TIME, &r->filter.to_ms, "TIME", .help = "only before this time"},
		{"-o", ARG_TEXT, &r->path, "FILE", .help = "write to this file, which is replaced when all went well"},
	};
	int rc = args_read(argc, argv, "alzy export", "Writes recorded points to standard output or a file.", args,
	                   sizeof args / sizeof *args, NULL, out_help, e);
	if (!rc && !*out_help && r->filter.to_ms && r->filter.to_ms <= r->filter.from_ms)
		rc = err_set(e, ERR_USAGE, "--to lies before --from: nothing can be between them");
	return rc;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

int cli_export(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct request request = {0};
	struct walk w = {0};
	struct session session;
	bool help;
	int rc = read_request(argc, argv, &request, &help, e);
	if (rc || help)
		return rc;
	rc = find_writer(request.format, &w.writer, e);
	if (!rc)
		rc = cli_open(&cli, STORE_READ, e);
	if (!rc && request.session) {
		rc = store_session_by_name(cli.store, request.session, &session, e);
		if (!rc)
			request.filter.session = session.id;
	}
	if (!rc)
		rc = output_open(&w.output, request.path, e);
	if (!rc) {
		catch_signals();
		w.store = cli.store;
		rc = walk(&w, &request.filter, e);
	}
	if (w.x.own && w.writer->free)
		w.writer->free(&w.x);
	output_close(&w.output);
	cli_close(&cli);
	return rc;
}
