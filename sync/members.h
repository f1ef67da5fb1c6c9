/* The members of a JSON object as a table: one row says how a field of a struct is written, and how it is read back from
 * outside, with its bounds. So a document is a table, and nothing is written that is not read, or read without bounds. */
#ifndef ALZY_SYNC_MEMBERS_H
#define ALZY_SYNC_MEMBERS_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "hal/ranges.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct member {
	const char *name; /* NULL: the end of the table */
	const struct member_kind *kind;
	size_t at, size; /* of the field in the struct; of a list: the pointer to its rows, and the size of one */
	bool optional;   /* not written when it is `absent`, "" or empty, and read as that when it is not there */
	int64_t least, most, absent;  /* of a number; most: of a list, too */
	const struct member *members; /* of an object, or of each row of a list */
	size_t count_at;              /* of a list: how many rows there are */
	/* Whether it is written: NULL, always. `note`, which may be NULL, is told whether it was there. */
	bool (*there)(const void *from);
	void (*note)(void *to, bool there);
};

/* How a member is written and read; whoever has fields that none of these suits makes a kind of its own. `from` and `to`
 * are the struct. add: false without memory. get: ERR_INVALID names the member. */
struct member_kind {
	bool (*add)(cJSON *object, const struct member *m, const void *from);
	int (*get)(const cJSON *object, const struct member *m, void *to, struct err *e);
};
extern const struct member_kind member_int, member_text, member_uuid, member_bytes, member_ranges, member_true,
	member_object, member_list;
extern const struct member_kind member_status; /* of a struct session: with "ended_at_ms", which belongs to `ended` */

/* Where a field is, which must have the type that the row takes it for. */
#define MEMBER_AT(type, field, of)    offsetof(type, field) + 0 * sizeof(_Generic(((type *)NULL)->field, of : 0))
#define MEMBER_FIELD(type, field, of) .at = MEMBER_AT(type, field, of), .size = sizeof((type *)NULL)->field

/* What stands in a row, in braces: the name in JSON, the struct and its field, and for numbers the least and the most. */
#define INT(name, type, field, least_, most_) \
	name, &member_int, MEMBER_FIELD(type, field, int64_t), .least = least_, .most = most_
#define INT_OR(name, type, field, least_, most_, absent_) \
	INT(name, type, field, least_, most_), .optional = true, .absent = absent_
#define TEXT(name, type, field)           name, &member_text, MEMBER_FIELD(type, field, char *)
#define TEXT_OR_NONE(name, type, field)   TEXT(name, type, field), .optional = true
#define UUID(name, type, field)           name, &member_uuid, MEMBER_FIELD(type, field, char *)
#define BYTES(name, type, field)          name, &member_bytes, MEMBER_FIELD(type, field, uint8_t *) /* in hexadecimal */
#define RANGES(name, type, field)         name, &member_ranges, MEMBER_FIELD(type, field, struct ranges)
#define RANGES_OR_NONE(name, type, field) RANGES(name, type, field), .optional = true
#define TRUE_OR_NOT(name, type, field)    name, &member_true, MEMBER_FIELD(type, field, bool), .optional = true
/* Of the fields of a struct within, or of this one (OBJECT_HERE). */
#define OBJECT(name, type, field, members_) name, &member_object, .at = offsetof(type, field), .members = members_
#define OBJECT_HERE(name, members_)         name, &member_object, .members = members_
#define LIST_OF(name, kind_, type, rows, count, members_, most_)                                                    \
	name, kind_, .at = offsetof(type, rows), .size = sizeof *((type *)NULL)->rows, .optional = true, .most = most_, \
				 .members = members_, .count_at = MEMBER_AT(type, count, size_t)
#define LIST(name, type, rows, count, members_, most_) LIST_OF(name, &member_list, type, rows, count, members_, most_)
/* Behind one of these. */
#define WHEN(there_) .optional = true, .there = there_

/* Adds the members of a table that ends with {0}. False without memory, but for bytes and ranges: a document without those
 * is refused by whoever reads it, or says less than it could. */
bool members_add(cJSON *object, const struct member *members, const void *from);
/* Reads them: ERR_INVALID names the member; ERR_LIMIT, ERR_MEMORY. What was read is to be freed also after a failure: ranges,
 * and lists, whose count says how many rows were begun. */
int members_get(const cJSON *object, const struct member *members, void *to, struct err *e);

/* The whole of a document that is one table. Appends to `out`. */
int members_write(const struct member *members, const void *from, struct buffer *out, struct err *e);
int members_read(const void *document, size_t length, const struct member *members, void *to, struct err *e);

/* The rows of a list, and how many there are. */
const void *members_rows(const struct member *list, const void *from, size_t *out_count);

/* One member of a table. */
bool member_add(cJSON *object, const struct member *member, const void *from);
int member_get(const cJSON *object, const struct member *member, void *to, struct err *e);

#endif
