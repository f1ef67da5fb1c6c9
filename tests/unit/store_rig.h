/* What the tests of the store share: a scratch folder with one store in it, rows, and a second way to look inside. */
#ifndef ALZY_TESTS_STORE_RIG_H
#define ALZY_TESTS_STORE_RIG_H

#include "store/store.h"
#include "tests/unit/ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define T0 INT64_C(1700000000123)

struct rig {
	char folder[64];
	char path[128];
	struct store *store;
};

static inline int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	strcpy(rig->folder, "/tmp/alzy-store-XXXXXX");
	if (!mkdtemp(rig->folder))
		return -1;
	snprintf(rig->path, sizeof rig->path, "%s/store.db", rig->folder);
	OK(store_open(&rig->store, rig->path, STORE_CREATE, &e));
	*state = rig;
	return 0;
}

static inline int rig_teardown(void **state)
{
	struct rig *rig = *state;
	char command[96];
	store_close(rig->store);
	snprintf(command, sizeof command, "rm -rf %s", rig->folder);
	int rc = system(command);
	free(rig);
	return rc;
}

static inline void rig_reopen(struct rig *rig)
{
	store_close(rig->store);
	rig->store = NULL;
	OK(store_open(&rig->store, rig->path, STORE_WRITE, &e));
}

/* Runs SQL past the library; the message of the failure, or "" — to be freed with sqlite3_free when not "". */
static inline void rig_sql(const struct rig *rig, const char *sql, char *out_message, size_t size)
{
	sqlite3 *db;
	char *message = NULL;
	assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	sqlite3_exec(db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL);
	sqlite3_exec(db, sql, NULL, NULL, &message);
	snprintf(out_message, size, "%s", message ? message : "");
	sqlite3_free(message);
	sqlite3_close(db);
}

/* The first column of the first row of a query, as text; "(none)" without a row. */
static inline const char *rig_ask(const struct rig *rig, const char *sql)
{
	static char answer[512];
	sqlite3 *db;
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(stmt, 0);
		snprintf(answer, sizeof answer, "%s", text ? (const char *)text : "(null)");
	} else {
		strcpy(answer, "(none)");
	}
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return answer;
}

static inline struct point rig_point(int64_t number)
{
	return (struct point){.recorded_at_ms = T0 + number * 1000,
	                      .lat_e7 = (int32_t)(525200066 + number),
	                      .lng_e7 = (int32_t)(134000000 - number),
	                      .accuracy_dm = 35,
	                      .speed_cmps = (int32_t)(number % 3000),
	                      .heading_ddeg = (int32_t)(number % 3601),
	                      .altitude_dm = 545};
}

static inline void rig_append(struct rig *rig, size_t count, int64_t session)
{
	for (size_t done = 0; done < count;) {
		struct point points[500];
		size_t n = count - done < 500 ? count - done : 500;
		for (size_t i = 0; i < n; i++) {
			points[i] = rig_point((int64_t)(done + i));
			points[i].session = (int32_t)session;
		}
		OK(store_append_points(rig->store, points, n, &e));
		done += n;
	}
}

static inline int64_t rig_last(struct rig *rig, enum stream stream)
{
	int64_t last = -1;
	OK(store_last_seq(rig->store, stream, &last, &e));
	return last;
}

static inline void rig_event(struct rig *rig, const char *type, const char *payload)
{
	struct event event = {.event_at_ms = T0, .payload = (char *)(uintptr_t)payload};
	snprintf(event.event_type, sizeof event.event_type, "%s", type);
	OK(store_append_event(rig->store, &event, &e));
}

/* What this process has sent to disks so far; -1 where the kernel does not tell. */
static inline long rig_written_bytes(void)
{
	long bytes = -1;
	char line[128];
	FILE *io = fopen("/proc/self/io", "re");
	while (io && fgets(line, sizeof line, io))
		sscanf(line, "write_bytes: %ld", &bytes);
	if (io)
		fclose(io);
	return bytes;
}

#endif
