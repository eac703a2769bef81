/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain records that a store keeps by number and finds by example: users, groups, assignments and the like.
 * All made from records.def. Texts and bytes are borrowed. Any thread.
 */
#ifndef SERVER_RECORD_H
#define SERVER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const void *at;
	size_t n;
};

enum record_kind {
#define RECORD(ID, name, fields) RECORD_##ID,
#include "records.def"
#undef RECORD
	RECORD_KINDS
};

/* struct record_user, struct record_circle, ... */
#define INT(record, field) int64_t field;
#define TEXT(record, field) const char *field;
#define BYTES(record, field) struct bytes field;
#define RECORD(ID, name, fields)                                                                             \
	struct record_##name {                                                                               \
		fields                                                                                       \
	};
#include "records.def"
#undef RECORD
#undef INT
#undef TEXT
#undef BYTES

struct record {
	enum record_kind kind;
	int64_t num; /* 0: not in the store yet */
	union {
#define RECORD(ID, name, fields) struct record_##name name;
#include "records.def"
#undef RECORD
	} u;
};

/* The place of a field among its record's: BY_user_name, ... */
#define INT(record, field) BY_##record##_##field,
#define TEXT(record, field) BY_##record##_##field,
#define BYTES(record, field) BY_##record##_##field,
#define RECORD(ID, name, fields) enum { fields BY_##name##_COUNT };
#include "records.def"
#undef RECORD
#undef INT
#undef TEXT
#undef BYTES

/* A bit for store_find: this field must be as in the example. */
#define BY(record, field) (1u << BY_##record##_##field)

enum field_type { FIELD_INT, FIELD_TEXT, FIELD_BYTES };

struct record_field {
	const char *name;
	enum field_type type;
	size_t at; /* in struct record */
};

/* A record that owns its texts and bytes. */
#define RECORD_ROOM 1536
struct record_copy {
	struct record record;
	char room[RECORD_ROOM];
};

/* Copy; false when its texts need more than RECORD_ROOM. */
bool record_copy(const struct record *, struct record_copy *ret);

/* A kind's name and fields, in the table's order. Live for ever. */
const char *record_name(enum record_kind);
const struct record_field *record_fields(enum record_kind, size_t *ret_count);

/* A field's value. Borrowed from the record. */
int64_t record_int(const struct record *, const struct record_field *);
const char *record_text(const struct record *, const struct record_field *);
struct bytes record_bytes(const struct record *, const struct record_field *);

/* Set a field. */
void record_set_int(struct record *, const struct record_field *, int64_t);
void record_set_text(struct record *, const struct record_field *, const char *);
void record_set_bytes(struct record *, const struct record_field *, struct bytes);

#endif
